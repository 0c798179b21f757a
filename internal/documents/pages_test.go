package documents

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
)

const root = "../.."

// The guide, and the file that its reader makes.
const (
	guide       = "docs/guide.md"
	description = "teramind.yaml"
)

// pages returns every Markdown page of the project.
func pages(t *testing.T) []*Document {
	t.Helper()
	var found []*Document
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			document, err := Parse(filepath.ToSlash(name), string(text))
			if err != nil {
				t.Error(err)
			}
			found = append(found, document)
		}
	}
	if len(found) < 20 {
		t.Fatalf("only %d pages were found", len(found))
	}
	return found
}

func TestAlike(t *testing.T) {
	tests := []struct {
		printed, shown string
		alike          bool
	}{
		{"changed in 3 ms\n", "changed in 412 ms\n", true},
		{"changed in 3 ms\n", "changed in 3 s\n", false},
		{"2026-11-25T03:32:52Z info done run=0123456789ab\n", "2026-01-01T00:00:00Z info done run=ba9876543210\n", true},
		{"a\nb\nc\n", "a\n…\nc\n", true},
		{"a\nb\nc\n", "a\n…\nd\n", false},
		{"program: /a/b\nx\n", "program: …\nx\n", true},
		{"program: /a/b\ny\nx\n", "program: …\nx\n", false},
		{"a.c\n", "a.b\n", false},
		{"abc\n", "a.c\n", false},
		{"", "x\n", false},
		{"x\n", "", false},
		{"", "", true},
	}
	for _, test := range tests {
		if Alike(test.printed, test.shown) != test.alike {
			t.Errorf("%q and %q", test.printed, test.shown)
		}
	}
}

// TestLinks: every link within the project leads to a file, and to a heading in it.
func TestLinks(t *testing.T) {
	anchors := map[string][]string{}
	all := pages(t)
	for _, page := range all {
		anchors[page.Path] = page.Anchors
	}
	checked := 0
	for _, page := range all {
		for _, link := range page.Links {
			if strings.Contains(link.Target, "://") {
				continue
			}
			checked++
			path, anchor, hasAnchor := strings.Cut(link.Target, "#")
			target := page.Path
			if path != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(page.Path), filepath.FromSlash(path)))
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s:%d: there is no %s", page.Path, link.Line, target)
			} else if hasAnchor && !slices.Contains(anchors[target], anchor) {
				t.Errorf("%s:%d: %s has no heading #%s; it has %q", page.Path, link.Line, target, anchor, anchors[target])
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d links were found", checked)
	}
}

// TestMakeTargets: every target of make that a page names is one.
func TestMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, rule := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(string(makefile), -1) {
		there[rule[1]] = true
	}
	named := regexp.MustCompile(`^make ([a-z-]+)`)
	for _, page := range pages(t) {
		var texts []string
		for _, span := range page.Spans {
			texts = append(texts, span.Text)
		}
		for _, block := range page.Blocks {
			if block.IsCommands() {
				texts = append(texts, slices.Collect(strings.Lines(block.Text))...)
			}
		}
		for _, text := range texts {
			if rule := named.FindStringSubmatch(strings.TrimPrefix(text, "$ ")); rule != nil && !there[rule[1]] {
				t.Errorf("%s names make %s, and there is only %v", page.Path, rule[1], slices.Sorted(maps.Keys(there)))
			}
		}
	}
}

// TestNamesOfCode: every test that a page names is in the code, as the threat model promises.
func TestNamesOfCode(t *testing.T) {
	names, _ := declared(t)
	test := regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]\w+$`)
	checked := 0
	for _, page := range pages(t) {
		for _, span := range page.Spans {
			if name := span.Text; test.MatchString(name) {
				checked++
				if !names[name] {
					t.Errorf("%s names %s, which is not there", page.Path, name)
				}
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d names were found", checked)
	}
}

// TestFirstScreen: whoever opens the README sees what this is, what it promises, what it
// cannot promise, and two commands, without scrolling.
func TestFirstScreen(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	const screen, most = 36, 250
	rest := strings.Join(lines[:screen], "\n")
	for _, part := range []string{"one static binary", "**What it promises**", "**What it cannot promise**", "\nmake demo\n", "\nmake test\n"} {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Errorf("%q is not on the first screen, or not in its place", part)
			continue
		}
		rest = "\n" + after
	}
	if len(lines) > most {
		t.Errorf("the README has %d lines: what is not for everybody belongs into docs", len(lines))
	}
}

// TestClassesInREADME: the README lists every class, in the order of the code.
func TestClassesInREADME(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "a class in brackets that says whose move it is:")
	sentence, _, _ := strings.Cut(after, ".")
	var listed []api.Class
	for _, match := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(sentence, -1) {
		listed = append(listed, api.Class(match[1]))
	}
	if !slices.Equal(listed, api.Classes()) {
		t.Errorf("the README lists %v, the classes are %v", listed, api.Classes())
	}
}

// TestWords: pages stay as short as they were promised to be. A word is what blanks stand around.
func TestWords(t *testing.T) {
	const target, recipe, together = 700, 400, 15_000
	most := map[string]int{"README.md": 900, guide: 1500, "CONTRIBUTING.md": 1800, "docs/after-exit-3.md": 500}
	isRecipe := func(name string) bool {
		_, err := os.Stat(filepath.Join(root, "scripts/recipes", name+".yaml"))
		return err == nil
	}
	rest := 0
	for _, page := range pages(t) {
		text, err := os.ReadFile(filepath.Join(root, page.Path))
		if err != nil {
			t.Fatal(err)
		}
		words := len(strings.Fields(string(text)))
		folder, name := path.Split(page.Path)
		limit := most[page.Path]
		delete(most, page.Path)
		switch {
		case folder == "docs/targets/" && isRecipe(strings.TrimSuffix(name, ".md")):
			limit = recipe
		case folder == "docs/targets/":
			limit = target
		case folder != "docs/development/":
			rest += words
		}
		if limit > 0 && words > limit {
			t.Errorf("%s has %d words of at most %d", page.Path, words, limit)
		}
	}
	if rest > together {
		t.Errorf("the pages outside of docs/targets and docs/development have %d words of at most %d", rest, together)
	}
	for page := range most {
		t.Errorf("there is no page %s", page)
	}
}
