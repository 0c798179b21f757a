package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// unreleased stands for the date in the newest entry, until there is one.
const unreleased = "unreleased"

// sections of an entry, in their order.
var sections = []string{"Added", "Changed", "Fixed", "Removed", "Security", "Limits"}

var (
	entryHeading = regexp.MustCompile(`^## (\d+)\.(\d+)\.(\d+) - (\d{4}-\d{2}-\d{2}|` + unreleased + `)$`)
	versionForm  = regexp.MustCompile(`^(\d+\.\d+\.\d+)(-dev)?$`)
)

// entry is one version in the changelog.
type entry struct {
	line    int
	version string
	number  [3]int
	date    string
	order   []int // of its sections
	points  int   // in the section that is open
}

// checkChangelog holds CHANGELOG.md to the form that its head describes, and to the
// version: 1.2.3-dev goes with an entry 1.2.3 that is unreleased, 1.2.3 with a date.
func checkChangelog(root, version string) error {
	text, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	entries, err := readChangelog(string(text))
	if err != nil {
		return err
	}
	form := versionForm.FindStringSubmatch(version)
	if form == nil {
		return fmt.Errorf("version: needs the form 1.2.3 or 1.2.3-dev, found %q", version)
	}
	newest := entries[0]
	switch isDev := form[2] != ""; {
	case newest.version != form[1]:
		return fmt.Errorf("changelog: VERSION is %s and the newest entry is for %s", version, newest.version)
	case isDev && newest.date != unreleased:
		return fmt.Errorf("changelog: %s has a date, and VERSION still ends in -dev", newest.version)
	case !isDev && newest.date == unreleased:
		return fmt.Errorf("changelog: the entry for %s needs its date in place of %q", newest.version, unreleased)
	}
	return nil
}

// readChangelog returns the entries, newest first.
func readChangelog(text string) ([]entry, error) {
	var (
		entries []entry
		open    bool // whether a point may go on in the next line
	)
	for number, line := range strings.Split(text, "\n") {
		fail := func(format string, arguments ...any) ([]entry, error) {
			return nil, fmt.Errorf("changelog: line %d: "+format, append([]any{number + 1}, arguments...)...)
		}
		if number == 0 && line != "# Changelog" {
			return fail("needs the heading # Changelog")
		}
		if !strings.HasPrefix(line, "## ") && len(entries) == 0 {
			continue // the description of the form
		}
		switch {
		case strings.HasPrefix(line, "## "):
			heading := entryHeading.FindStringSubmatch(line)
			if heading == nil {
				return fail("needs the form ## 1.2.3 - 2006-01-02, or ## 1.2.3 - %s", unreleased)
			}
			next := entry{line: number + 1, version: strings.Join(heading[1:4], "."), date: heading[4]}
			for i := range next.number {
				next.number[i], _ = strconv.Atoi(heading[i+1])
			}
			if _, err := time.Parse(time.DateOnly, next.date); err != nil && next.date != unreleased {
				return fail("there is no such date")
			}
			if len(entries) > 0 {
				last := entries[len(entries)-1]
				switch {
				case !last.complete():
					return fail("the entry for %s has a section without a point, or none", last.version)
				case slices.Compare(next.number[:], last.number[:]) >= 0:
					return fail("%s comes after %s: the newest goes first", next.version, last.version)
				case next.date == unreleased:
					return fail("only the newest entry may be %s", unreleased)
				case last.date != unreleased && next.date > last.date:
					return fail("%s is older than %s and has a later date", next.version, last.version)
				}
			}
			entries, open = append(entries, next), false
		case strings.HasPrefix(line, "### "):
			current := &entries[len(entries)-1]
			place := slices.Index(sections, strings.TrimPrefix(line, "### "))
			switch {
			case place < 0:
				return fail("a section is one of %s", strings.Join(sections, ", "))
			case len(current.order) > 0 && current.points == 0:
				return fail("the section before this one has no point")
			case len(current.order) > 0 && place <= current.order[len(current.order)-1]:
				return fail("the order of sections is %s, each once", strings.Join(sections, ", "))
			}
			current.order, current.points, open = append(current.order, place), 0, false
		case strings.HasPrefix(line, "- "):
			if len(entries[len(entries)-1].order) == 0 {
				return fail("a point belongs into a section")
			}
			entries[len(entries)-1].points++
			open = true
		case line == "":
			open = false
		case !open || !strings.HasPrefix(line, "  "):
			return fail("an entry holds sections and points, and a point goes on with two blanks")
		}
	}
	if len(entries) == 0 || !entries[len(entries)-1].complete() {
		return nil, fmt.Errorf("changelog: the last entry has a section without a point, or there is none")
	}
	return entries, nil
}

func (e entry) complete() bool { return len(e.order) > 0 && e.points > 0 }
