package recipe

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Problem is one finding about a recipe.
type Problem struct {
	// File is the name that the recipe was loaded under.
	File string
	// Line and Column are where it stands, both from 1; 0 where the recipe as a whole
	// is meant.
	Line, Column int
	// Text says what is wrong. It quotes nothing of the recipe.
	Text string
	// Near is the word of the recipe that is meant, or "". It is for whoever wrote
	// the recipe, and not for a log: what was taken for a recipe may be anything.
	Near string
	// Warning says that the recipe loads nevertheless.
	Warning bool
}

// String returns "file:line:column: text", with the word that is meant.
func (p Problem) String() string {
	text := p.place() + ": "
	if p.Warning {
		text += "warning: "
	}
	text += p.Text
	if p.Near != "" {
		text += fmt.Sprintf(" (%q)", p.Near)
	}
	return text
}

func (p Problem) place() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// LoadError is why a recipe does not load: all that was found, in the order of the
// recipe. Its text is safe to print, since it quotes nothing of the recipe.
type LoadError struct{ Problems []Problem }

// Error returns one line for each problem.
func (e *LoadError) Error() string {
	var lines []string
	for _, problem := range e.Problems {
		lines = append(lines, problem.place()+": "+problem.Text)
	}
	return strings.Join(lines, "\n")
}

// position is a place in a recipe, both numbers from 1. The zero position is the recipe
// as a whole.
type position struct{ line, column int }

func (p position) String() string { return fmt.Sprintf("line %d, column %d", p.line, p.column) }

// problems collects findings.
type problems struct {
	file string
	list []Problem
}

func (p *problems) add(at position, near, format string, values ...any) {
	p.put(at, near, fmt.Sprintf(format, values...), false)
}

func (p *problems) warn(at position, near, text string) { p.put(at, near, text, true) }

func (p *problems) put(at position, near, text string, warning bool) {
	problem := Problem{File: p.file, Line: at.line, Column: at.column, Near: near, Text: text, Warning: warning}
	if !slices.Contains(p.list, problem) {
		p.list = append(p.list, problem)
	}
}

func (p *problems) sorted() []Problem {
	// Not slices.SortStableFunc, whose code for a type of this size takes 12 KB of the binary.
	sort.SliceStable(p.list, func(i, j int) bool {
		a, b := p.list[i], p.list[j]
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	return p.list
}

// errors returns the problems that keep a recipe from loading.
func (p *problems) errors() []Problem {
	var found []Problem
	for _, problem := range p.sorted() {
		if !problem.Warning {
			found = append(found, problem)
		}
	}
	return found
}
