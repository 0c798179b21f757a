// Package reliability keeps docs/development/reliability.md, the page of figures on what was tried
// against the program and what came of it. Each section of the page stands between two
// marks and is written by one command of the Makefile.
//
// A test whose figures are the same after every run calls Settle: go test fails if the
// page says something else, and go test -update writes the section. Figures that are
// measured, such as times, are written by Write and compared by nobody.
package reliability

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// update makes Settle write instead of compare.
var update = flag.Bool("update", false, "write the section of docs/development/reliability.md instead of comparing with it")

// page returns the path of the page. Tests run in the folder of their package, the rest of
// the Makefile's commands in the project's own.
func page() string { return filepath.Join(Root(), "docs/development/reliability.md") }

// Root returns the project's folder, somewhere above the working directory.
func Root() string {
	folder := "."
	for range 8 {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			break
		}
		folder = filepath.Join("..", folder)
	}
	return folder
}

// Settle compares a section with the page, or writes it if the tests run with -update.
// The command is what writes it, such as "make matrix". A test that has failed writes
// nothing.
func Settle(t testing.TB, section, command, text string) {
	t.Helper()
	if *update {
		if t.Failed() {
			return
		}
		if err := Write(section, command, text); err != nil {
			t.Error(err)
		}
		return
	}
	written, err := os.ReadFile(page())
	if err != nil {
		t.Error(err)
		return
	}
	if current, err := replace(string(written), section, command, text); err != nil {
		t.Error(err)
	} else if current != string(written) {
		t.Errorf("the section %s of docs/development/reliability.md is stale: run %s", section, command)
	}
}

// Write puts a section into the page. The page must have its marks already.
func Write(section, command, text string) error {
	written, err := os.ReadFile(page())
	if err != nil {
		return err
	}
	changed, err := replace(string(written), section, command, text)
	if err != nil {
		return err
	}
	return os.WriteFile(page(), []byte(changed), 0o644)
}

// replace returns the page with another text between a section's marks.
func replace(page, section, command, text string) (string, error) {
	open, shut := "<!-- "+section+": written by `"+command+"` -->\n", "<!-- end of "+section+" -->\n"
	before, rest, opened := strings.Cut(page, open)
	_, after, closed := strings.Cut(rest, shut)
	if !opened || !closed || strings.Count(page, open) > 1 {
		return "", fmt.Errorf("docs/development/reliability.md does not have the marks of the section %s once: %q and %q", section, open, shut)
	}
	return before + open + "\n" + strings.Trim(text, "\n") + "\n\n" + shut + after, nil
}

// Measured says in a sentence when and where figures were measured.
func Measured() string {
	return fmt.Sprintf("Measured on %s with %s on %s/%s, %d processors, shared with other work.",
		time.Now().UTC().Format("2006-01-02"), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

// Table returns a table in Markdown. Numbers in cells are fine.
func Table(head []string, rows ...[]any) string {
	var text strings.Builder
	line := func(cells []string) { text.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(head)
	line(strings.Split(strings.TrimSuffix(strings.Repeat("--- ", len(head)), " "), " "))
	for _, row := range rows {
		var cells []string
		for _, cell := range row {
			cells = append(cells, fmt.Sprint(cell))
		}
		line(cells)
	}
	return text.String()
}
