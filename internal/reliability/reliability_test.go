package reliability

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestReplace(t *testing.T) {
	const text = "a\n<!-- one: written by `make one` -->\n\nold\n\n<!-- end of one -->\nb\n<!-- two: written by `make two` -->\n<!-- end of two -->\nc\n"
	changed, err := replace(text, "one", "make one", "\nnew\n")
	if err != nil || changed != strings.Replace(text, "old", "new", 1) {
		t.Errorf("%q, %v", changed, err)
	}
	if again, err := replace(changed, "one", "make one", "new"); err != nil || again != changed {
		t.Errorf("the same text once more changes the page: %q, %v", again, err)
	}
	changed, err = replace(text, "two", "make two", "new")
	if err != nil || !strings.HasSuffix(changed, "-->\n\nnew\n\n<!-- end of two -->\nc\n") {
		t.Errorf("%q, %v", changed, err)
	}
	for _, section := range []string{"three", ""} {
		if _, err := replace(text, section, "make one", "new"); err == nil {
			t.Errorf("a section %q was found", section)
		}
	}
	if _, err := replace(text, "one", "make other", "new"); err == nil {
		t.Error("the page may name another command than the one that writes the section")
	}
	if _, err := replace(text+text, "one", "make one", "new"); err == nil {
		t.Error("a section that is there twice was taken")
	}
}

// TestCommands: every section of the page is written by a command that the Makefile has.
func TestCommands(t *testing.T) {
	written, err := os.ReadFile(page())
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	marks := regexp.MustCompile("<!-- ([a-z-]+): written by `make ([a-z]+)` -->\n").FindAllStringSubmatch(string(written), -1)
	if len(marks) < 5 {
		t.Fatalf("%d sections were found", len(marks))
	}
	for _, mark := range marks {
		if !strings.Contains(string(makefile), "\n"+mark[2]+": ") {
			t.Errorf("the section %s is written by make %s, which the Makefile does not have", mark[1], mark[2])
		}
		if strings.Count(string(written), "<!-- end of "+mark[1]+" -->\n") != 1 {
			t.Errorf("the section %s has no end", mark[1])
		}
	}
}

func TestTable(t *testing.T) {
	if got := Table([]string{"a", "b"}, []any{"x", 1}, []any{"y", 2}); got != "| a | b |\n| --- | --- |\n| x | 1 |\n| y | 2 |\n" {
		t.Errorf("%q", got)
	}
}
