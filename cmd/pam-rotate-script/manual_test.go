package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
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
	var visit func(verb *cobra.Command)
	visit = func(verb *cobra.Command) {
		showHeeded(verb)
		var page bytes.Buffer
		if err := doc.GenMan(verb, &doc.GenManHeader{Section: "1", Source: "pam-rotate-script", Manual: "pam-rotate-script", Date: &date}, &page); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, strings.ReplaceAll(verb.CommandPath(), " ", "-")+".1"), page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
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
}
