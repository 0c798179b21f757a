package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pam-rotate-script/internal/documents"
)

// TestPagesNameRealVerbs: a verb or flag that a page names within a sentence, where no
// other test runs it, is one of the program's.
func TestPagesNameRealVerbs(t *testing.T) {
	root := newCommand(t.Context(), strings.NewReader(""), &strings.Builder{}, &strings.Builder{}).root()
	checked := 0
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		paths, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			page, err := documents.Parse(path, string(text))
			if err != nil {
				t.Fatal(err)
			}
			for _, span := range page.Spans {
				words := strings.Fields(strings.TrimPrefix(span.Text, "exec "))
				if len(words) < 2 || strings.HasPrefix(words[0], "scripts/") || filepath.Base(strings.TrimPrefix(words[0], "#!")) != "pam-rotate-script" {
					continue
				}
				checked++
				verb := root
				for _, word := range words[1:] {
					if word == "|" || word == "<" {
						break
					}
					if name, isFlag := strings.CutPrefix(word, "--"); isFlag {
						name, _, _ = strings.Cut(name, "=")
						if name != "help" && verb.Flags().Lookup(name) == nil && root.PersistentFlags().Lookup(name) == nil {
							t.Errorf("%s:%d: %s has no flag --%s", path, span.Line, verb.Name(), name)
						}
						continue
					}
					for _, below := range verb.Commands() {
						if below.Name() == word {
							verb = below
						}
					}
				}
				if first := words[1]; verb == root && !strings.HasPrefix(first, "-") && !strings.ContainsAny(first, "./[") {
					t.Errorf("%s:%d: there is no verb %s", path, span.Line, first)
				}
			}
		}
	}
	if checked < 8 {
		t.Errorf("only %d commands were found", checked)
	}
}
