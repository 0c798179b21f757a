package recipe_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/scripts/recipes"
)

// updating says whether generated files are to be written: package conformance has the flag.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// TestPackedRecipes: the program has every recipe of scripts/recipes as it is there. make docs packs
// them.
func TestPackedRecipes(t *testing.T) {
	const path = "../../scripts/recipes/recipes.gz"
	files, err := filepath.Glob("../../scripts/recipes/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var want strings.Builder
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".yaml"))
		want.WriteString(names[len(names)-1] + "\n" + string(readFile(t, file)) + "\x00")
	}
	if !slices.Equal(names, recipes.Names()) {
		t.Errorf("recipes.Names are %v, and the files %v", recipes.Names(), names)
	}
	if updating() {
		var packed bytes.Buffer
		writer, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level is one that there is
		writer.Write([]byte(want.String()))
		writer.Close()
		if err := os.WriteFile(path, packed.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := recipes.Unpack(readFile(t, path)); err != nil || text != want.String() {
		t.Errorf("scripts/recipes/recipes.gz is stale: run make docs (%v)", err)
	}
}

// TestTableOfRecipes: the table in docs/recipes.md is what the recipes say. make docs writes it.
func TestTableOfRecipes(t *testing.T) {
	const path, begin, end = "../../docs/recipes.md", "<!-- The table is generated from the recipes by `make docs`. -->\n", "<!-- The end of the table. -->\n"
	var table strings.Builder
	table.WriteString("\n| name | product | tried on | proof | lines |\n| --- | --- | --- | --- | --- |\n")
	for _, name := range recipe.BuiltInNames() {
		source, _ := recipe.BuiltInSource(name)
		loaded, err := recipe.Load(source, name)
		if err != nil {
			t.Fatal(err)
		}
		calls, _, _ := strings.Cut(string(source), "\ntests:\n")
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s | %d |\n", name, loaded.Title, loaded.Tried, loaded.ProvedBy(), strings.Count(calls, "\n"))
	}
	table.WriteString("\n")
	page := string(readFile(t, path))
	before, rest, found := strings.Cut(page, begin)
	_, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatal("docs/recipes.md has no place for the table")
	}
	if want := before + begin + table.String() + end + after; updating() {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if page != want {
		t.Error("the table in docs/recipes.md is stale: run make docs")
	}
}
