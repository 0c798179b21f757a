package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var (
	manual      = flag.String("manual", "", "the folder that TestManual writes the manual pages into, for make release")
	manualEpoch = flag.String("manual-epoch", "1", "the date on the manual pages, in seconds since 1970")
)

// TestManual writes a manual page for each verb, and finds each flag that the verb heeds there.
func TestManual(t *testing.T) {
	folder := *manual
	if folder == "" {
		folder = t.TempDir()
	}
	seconds, err := strconv.ParseInt(*manualEpoch, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	date := time.Unix(seconds, 0).UTC()
	root := newCommand(t.Context(), strings.NewReader(""), &strings.Builder{}, &strings.Builder{}).root()
	root.DisableAutoGenTag = true
	var written []string
	var visit func(verb *cobra.Command)
	visit = func(verb *cobra.Command) {
		showHeeded(verb)
		verb.Long, verb.Example = asCode(verb.Long), asCode(verb.Example)
		var page bytes.Buffer
		if err := doc.GenMan(verb, &doc.GenManHeader{Section: "1", Source: "pam-rotate-script", Manual: "pam-rotate-script", Date: &date}, &page); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, strings.ReplaceAll(verb.CommandPath(), " ", "-")+".1")
		if err := os.WriteFile(path, tidied(page.Bytes(), date), 0o644); err != nil {
			t.Fatal(err)
		}
		written = append(written, path)
		for _, name := range []string{"json", "access-record"} {
			if shown := bytes.Contains(page.Bytes(), []byte("--"+name)); shown != heeds(verb, name) {
				t.Errorf("%s: its page shows --%s: %v", verb.CommandPath(), name, shown)
			}
		}
		for _, below := range verb.Commands() {
			if below.IsAvailableCommand() && below.Name() != "help" {
				visit(below)
			}
		}
	}
	visit(root)
	if len(written) < 15 {
		t.Errorf("there are %d pages", len(written))
	}
	t.Run("mandoc", func(t *testing.T) {
		requireProgram(t, "mandoc")
		output, err := exec.CommandContext(t.Context(), "mandoc", append([]string{"-T", "lint", "-W", "warning"}, written...)...).CombinedOutput()
		if err != nil || len(output) > 0 {
			t.Errorf("%v\n%s", err, output)
		}
	})
	t.Run("man", func(t *testing.T) {
		requireProgram(t, "man")
		command := exec.CommandContext(t.Context(), "man", "-l", "--warnings", filepath.Join(folder, "pam-rotate-script.1"))
		command.Env = append(os.Environ(), "MANWIDTH=80", "LANG=C.UTF-8", "MANPAGER=cat")
		var shown, warned bytes.Buffer
		command.Stdout, command.Stderr = &shown, &warned
		if err := command.Run(); err != nil || warned.Len() > 0 {
			t.Errorf("%v\n%s", err, warned.String())
		}
		for _, line := range []string{"0   changed: the new password is in force\n", "1   not changed, for certain\n", "pam-rotate-script check --from teramind.yaml\n", "       --target\n"} {
			if !strings.Contains(shown.String(), line) {
				t.Errorf("%q is not shown as it is meant", line)
			}
		}
	})
}

// asCode indents the indented lines of a text so that Markdown, which manual pages are made by way
// of, leaves them as they are.
func asCode(text string) string {
	return regexp.MustCompile(`(?m)^  (\S| )`).ReplaceAllString(text, "      $1")
}

var (
	pageDate = regexp.MustCompile(`(?m)^(\.TH \S+ \S+) "[^"]*"`)
	pageFlag = regexp.MustCompile(`(?m)^(?:\.PP\n)?(\\fB-.*\\fP)(?:="[^\n]*"|\[=\S*\]|=\S*)\n\t`)
	noSpace  = regexp.MustCompile(`\n{2,}`)
	emptied  = regexp.MustCompile(`(?m)^\.PP\n(\.(?:SH|TP|PP))`)
)

// tidied returns a page as those who write pages by hand do: with a date that is one, flags in a
// list with their texts indented, and without what every flag has.
func tidied(page []byte, date time.Time) []byte {
	page = pageDate.ReplaceAll(page, []byte(`$1 "`+date.Format(time.DateOnly)+`"`))
	page = pageFlag.ReplaceAll(page, []byte(".TP\n$1\n"))
	page = noSpace.ReplaceAll(page, []byte("\n"))
	return emptied.ReplaceAll(page, []byte("$1"))
}
