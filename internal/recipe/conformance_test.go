package recipe_test

import (
	"strings"
	"testing"

	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/internal/recipe/recipetest"
)

// TestRecipesOfTheBenches runs the own tests of the recipes that are not built in.
func TestRecipesOfTheBenches(t *testing.T) {
	for _, file := range []string{"teramind.yaml", "venafi.yaml", "harbour.yaml"} {
		loaded, err := recipe.Load(readFile(t, "../../testdata/recipes/"+file), file)
		if err != nil {
			t.Fatal(err)
		}
		if report := recipetest.Test(loaded); !report.OK() {
			t.Errorf("%s:\n%s", file, strings.Join(report.Lines(), "\n"))
		}
	}
}

// TestTutorial: the recipe of docs/recipes.md is the one that is tested, and is as short as the
// page says.
func TestTutorial(t *testing.T) {
	text := string(readFile(t, "../../testdata/recipes/harbour.yaml"))
	calls, tests, _ := strings.Cut(text, "\ntests:\n")
	if lines := strings.Count(calls, "\n"); lines > 40 {
		t.Errorf("the tutorial's recipe has %d lines", lines)
	}
	page := string(readFile(t, "../../docs/recipes.md"))
	for name, part := range map[string]string{"calls": calls, "first test": strings.Split(tests, "  - name: ")[1]} {
		if !strings.Contains(page, strings.TrimSpace(part)) {
			t.Errorf("docs/recipes.md does not show the %s of harbour.yaml as they are", name)
		}
	}
}

// TestTutorialByHand does what the tutorial says, with nothing but what stands on the page.
func TestTutorialByHand(t *testing.T) {
	page := string(readFile(t, "../../docs/recipes.md"))
	var blocks []string
	for _, part := range strings.Split(page, "\n```yaml\n")[1:] {
		block, _, _ := strings.Cut(part, "```\n")
		blocks = append(blocks, block)
	}
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of YAML", len(blocks))
	}
	problems := recipe.Lint([]byte(blocks[0]))
	if len(problems) != 1 {
		t.Fatalf("the recipe without tests: %v", problems)
	}
	problems[0].File = "harbour.yaml"
	if !strings.Contains(page, "\n$ pam-rotate-script recipe lint harbour.yaml\n"+problems[0].String()+"\n```\n") {
		t.Errorf("the page does not show what lint says: %s", problems[0])
	}
	whole := blocks[0] + blocks[1]
	for _, problem := range recipe.Lint([]byte(whole)) {
		t.Error(problem)
	}
	loaded, err := recipe.Load([]byte(whole), "harbour.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if report := recipetest.Test(loaded); !report.OK() {
		t.Error(strings.Join(report.Lines(), "\n"))
	}
}

// TestEveryKeyIsDocumented: the reference of docs/recipes.md names each key.
func TestEveryKeyIsDocumented(t *testing.T) {
	page := string(readFile(t, "../../docs/recipes.md"))
	for _, key := range recipe.Keys() {
		if !strings.Contains(page, "`"+key+"`") {
			t.Errorf("docs/recipes.md does not name the key %s", key)
		}
	}
}
