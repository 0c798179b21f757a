package main

import (
	"strings"
	"testing"
)

// TestChangelog holds the project's own to its form and to VERSION.
func TestChangelog(t *testing.T) {
	if err := checkChangelog(root, strings.TrimSpace(read(t, root, "VERSION"))); err != nil {
		t.Error(err)
	}
}

func TestChangelogForm(t *testing.T) {
	const head = "# Changelog\n\nAbout the form:\n- ...\n\n"
	const older = "\n## 0.9.0 - 2026-01-02\n\n### Added\n\n- one\n"
	for name, test := range map[string]struct{ text, problem string }{
		"good":                 {head + "## 1.0.0 - unreleased\n\n### Added\n\n- one\n  goes on\n- two\n\n### Limits\n\n- none\n" + older, ""},
		"same day":             {head + "## 1.0.0 - 2026-01-02\n### Fixed\n- one\n" + older, ""},
		"ten is more":          {head + "## 0.10.0 - unreleased\n### Fixed\n- one\n" + older, ""},
		"no heading":           {"## 1.0.0 - unreleased\n### Added\n- one\n", "line 1: needs the heading"},
		"no entry":             {head, "there is none"},
		"no date":              {head + "## 1.0.0\n### Added\n- one\n", "line 6: needs the form"},
		"no version":           {head + "## Unreleased\n### Added\n- one\n", "line 6: needs the form"},
		"no such date":         {head + "## 1.0.0 - 2026-02-30\n### Added\n- one\n", "no such date"},
		"old one unreleased":   {head + "## 1.0.0 - 2026-01-02\n### Added\n- one\n## 0.1.0 - unreleased\n### Added\n- one\n", "only the newest"},
		"oldest first":         {head + "## 0.1.0 - 2026-01-01\n### Added\n- one\n" + older, "the newest goes first"},
		"same version":         {head + "## 0.9.0 - unreleased\n### Added\n- one\n" + older, "the newest goes first"},
		"dates the wrong way":  {head + "## 1.0.0 - 2025-12-31\n### Added\n- one\n" + older, "has a later date"},
		"no section":           {head + "## 1.0.0 - unreleased\n- one\n", "a point belongs into a section"},
		"empty entry":          {head + "## 1.0.0 - unreleased\n" + older, "has a section without a point, or none"},
		"empty last entry":     {head + "## 1.0.0 - unreleased\n### Added\n", "section without a point"},
		"empty section":        {head + "## 1.0.0 - unreleased\n### Added\n### Fixed\n- one\n", "no point"},
		"unknown section":      {head + "## 1.0.0 - unreleased\n### Improved\n- one\n", "a section is one of"},
		"sections out of turn": {head + "## 1.0.0 - unreleased\n### Fixed\n- one\n### Added\n- one\n", "the order of sections"},
		"section twice":        {head + "## 1.0.0 - unreleased\n### Added\n- one\n### Added\n- one\n", "the order of sections"},
		"loose text":           {head + "## 1.0.0 - unreleased\n### Added\nSomething.\n- one\n", "holds sections and points"},
		"text behind a point":  {head + "## 1.0.0 - unreleased\n### Added\n- one\nmore\n", "holds sections and points"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readChangelog(test.text)
			if test.problem == "" && err != nil || test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestVersionFitsChangelog: -dev goes with an entry that has no date yet.
func TestVersionFitsChangelog(t *testing.T) {
	for _, test := range []struct{ version, date, problem string }{
		{"1.0.0-dev", unreleased, ""},
		{"1.0.0", "2026-01-02", ""},
		{"1.0.0-dev", "2026-01-02", "still ends in -dev"},
		{"1.0.0", unreleased, "needs its date"},
		{"1.0.1", "2026-01-02", "newest entry is for 1.0.0"},
		{"v1.0.0", "2026-01-02", "needs the form"},
		{"", unreleased, "needs the form"},
	} {
		folder := t.TempDir()
		write(t, "# Changelog\n\n## 1.0.0 - "+test.date+"\n\n### Added\n\n- one\n", folder, "CHANGELOG.md")
		err := checkChangelog(folder, test.version)
		if test.problem == "" && err != nil || test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)) {
			t.Errorf("%s, %s: got %v", test.version, test.date, err)
		}
	}
}
