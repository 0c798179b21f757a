//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
)

// writeInto puts each text between its marks in a page. What stands around them is
// written by hand.
func writeInto(document string, texts map[string]string) error {
	page, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	text := string(page)
	for name, written := range texts {
		before, rest, found := strings.Cut(text, "<!-- measured: "+name+" -->\n")
		_, after, ended := strings.Cut(rest, "<!-- end -->\n")
		if !found || !ended {
			return fmt.Errorf("write the page: %s has no place for %q", document, name)
		}
		text = before + "<!-- measured: " + name + " -->\n\n" + written + "\n<!-- end -->\n" + after
	}
	if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// table is one in Markdown.
type table struct{ strings.Builder }

func newTable(head ...string) *table {
	t := &table{}
	t.row(head...)
	t.WriteString("|" + strings.Repeat(" --- |", len(head)) + "\n")
	return t
}

func (t *table) row(cells ...string) {
	t.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}
