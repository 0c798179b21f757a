package conformance

import (
	"os"
	"path/filepath"

	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/internal/reliability"
	"pam-rotate-script/internal/simulator"
)

// RecipeTeramind is the bench of the recipe that describes Teramind, against the same
// simulator as the target in Go.
func RecipeTeramind() Bench {
	return asRecipe("recipe teramind", "teramind.yaml", Teramind())
}

// RecipeVenafi is the bench of the recipe that describes Venafi with a caller of its own,
// against the same simulator as the target in Go.
func RecipeVenafi() Bench {
	return asRecipe("recipe venafi", "venafi.yaml", Venafi())
}

// asRecipe puts a recipe of testdata/recipes in the place of the target in Go. The access
// record holds it in its field Recipe. It panics on a faulty recipe, as on any other defect
// of the test kit.
func asRecipe(name, file string, bench Bench) Bench {
	source, err := os.ReadFile(filepath.Join(reliability.Root(), "testdata/recipes", file))
	if err != nil {
		panic(err)
	}
	loaded, err := recipe.Load(source, file)
	if err != nil {
		panic(err)
	}
	bench.Name, bench.Info = name, loaded.Info()
	serve := bench.Serve
	bench.Serve = func(on simulator.Options, user, password string) (*Stand, error) {
		stand, err := serve(on, user, password)
		if err == nil {
			stand.Access["Recipe"] = string(source)
		}
		return stand, err
	}
	return bench
}
