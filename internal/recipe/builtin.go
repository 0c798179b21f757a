package recipe

import (
	"fmt"
	"slices"
	"strings"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/scripts/recipes"
)

// BuiltInNames returns the names of the recipes that come with the program, in the order of
// the alphabet. It reads none of them.
func BuiltInNames() []string { return recipes.Names() }

// BuiltInSource returns the text of a recipe that comes with the program, by its name in any
// case; false if there is none of that name.
func BuiltInSource(name string) ([]byte, bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	if !slices.Contains(recipes.Names(), name) {
		return nil, false
	}
	return recipes.Source(name)
}

// BuiltIn returns the Info of a recipe that comes with the program, under its own name; false
// if there is none of that name. Only then is it read. None is for an address that is plainly
// that of a vendor in Go: a recipe for such a one is a file, or text in a field.
func BuiltIn(name string) (targets.Info, bool) {
	source, ok := BuiltInSource(name)
	if !ok {
		return targets.Info{}, false
	}
	loaded, err := Load(source, strings.ToLower(strings.TrimSpace(name))+".yaml")
	if err != nil {
		panic(fmt.Sprintf("recipe: a built-in recipe does not load: %v", err)) // the tests load all
	}
	info := loaded.Info()
	info.Matches = func(api.Address) bool { return false }
	return info, true
}
