package recipe_test

import (
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/internal/recipe/recipetest"
	"pam-rotate-script/internal/targets"
)

// TestBuiltIn loads every recipe that comes with the program and runs its tests.
func TestBuiltIn(t *testing.T) {
	names := recipe.BuiltInNames()
	if !slices.Contains(names, "rabbitmq") {
		t.Fatalf("there are %v", names)
	}
	for _, name := range targets.ProductNames() {
		if !slices.Contains(names, name) {
			t.Errorf("an address is told to be of %s, for which there is no recipe", name)
		}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			source, ok := recipe.BuiltInSource(name)
			if !ok {
				t.Fatal("there is no source")
			}
			for _, problem := range recipe.Lint(source) {
				t.Error(problem)
			}
			loaded, err := recipe.Load(source, name)
			if err != nil {
				t.Fatal(err)
			}
			if info, ok := recipe.BuiltIn(name); !ok || info.Name != name || loaded.Name != name {
				t.Errorf("the recipe calls itself %s, its Info %s", loaded.Name, info.Name)
			}
			report := recipetest.Test(loaded)
			if !report.OK() {
				for _, line := range report.Lines() {
					t.Error(line)
				}
			}
			if len(loaded.Tests) < 3 {
				t.Errorf("only %d tests", len(loaded.Tests))
			}
			// Whoever opens the file learns from its first lines how far to trust it.
			header, _, _ := strings.Cut(string(source), "\nname: ")
			tried := "# Built from documents alone."
			if loaded.Tried != "documents alone" {
				tried = "# Tried against " + loaded.Tried
			}
			if !strings.Contains(header, loaded.Documents[0]) || !strings.Contains(header, tried) {
				t.Errorf("the header does not name %s and say %q:\n%s", loaded.Documents[0], tried, header)
			}
		})
	}
}
