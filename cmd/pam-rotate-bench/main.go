//go:build linux

// Command pam-rotate-bench measures what a run of pam-rotate-script costs, beside others
// that make the same call, and writes the tables of docs/development/performance.md. make bench runs it
// in the project's folder, on Linux.
//
// It measures whole processes, from their start to their exit, against a simulated endpoint
// on this machine. All sides get the same payload and the same trusted certificates, and
// run in turn, so that whatever else the machine does meets all of them. A side whose
// program is not installed is left out, and the page says so.
//
// sections.go holds what is measured, run.go and wire.go how, build.go what is built,
// without.go how the program is built without a part of it, page.go how the page is
// written; launch starts programs, bare and sample.py are sides of the comparison.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// exitUsage is EX_USAGE of sysexits.h.
const exitUsage = 64

// longest bounds everything together. It is reached only where something hangs.
const longest = 10 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole command apart from the process around it.
func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("pam-rotate-bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var settings settings
	flags.StringVar(&settings.tags, "tags", "", "the build tags of the released program")
	flags.StringVar(&settings.compile, "gcflags", "", "the compiler flags of the released program: patterns with theirs, between blanks")
	flags.StringVar(&settings.link, "ldflags", "", "the linker flags of the released program")
	flags.IntVar(&settings.budget, "budget", 10_000_000, "how many bytes the program may have")
	flags.Float64Var(&settings.scale, "scale", 1, "how many runs, in multiples of the usual number")
	document := flags.String("document", "docs/development/performance.md", "the page to write the tables into; empty for none")
	only := flags.String("only", "", "the sections to measure, by comma, in place of all")
	switch err := flags.Parse(arguments); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	}
	chosen, err := choose(*only)
	if err != nil || flags.NArg() > 0 || settings.scale <= 0 {
		fmt.Fprintf(stderr, "pam-rotate-bench: the command line is wrong: no arguments, a scale above 0, sections of %s\n", strings.Join(names(sections), ", "))
		return exitUsage
	}
	kept, err := measure(ctx, settings, chosen, *document, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "pam-rotate-bench: %v\n", err)
		return 1
	}
	if !kept {
		fmt.Fprintln(stdout, "\nnot every goal holds")
		return 1
	}
	fmt.Fprintln(stdout, "\nevery goal holds")
	return 0
}

// measure carries out the sections and writes the page. kept says whether all goals hold.
func measure(ctx context.Context, settings settings, chosen []section, document string, stdout io.Writer) (kept bool, err error) {
	s, err := prepare(ctx, settings)
	if err != nil {
		return false, err
	}
	defer s.close()
	written := map[string]string{}
	for _, section := range chosen {
		text, err := section.measure(ctx, s)
		if err != nil {
			return false, fmt.Errorf("section %s: %w%s", section.name, err, s.refused())
		}
		written[section.name] = text
		fmt.Fprintf(stdout, "\n%s\n", text)
	}
	goals := s.verdict()
	fmt.Fprintf(stdout, "\n%s", goals)
	if len(chosen) == len(sections) {
		written["goals"] = goals
		written["machine"] = s.machine()
	}
	if document == "" {
		return s.kept(), nil
	}
	return s.kept(), writeInto(document, written)
}

// choose returns the sections of the names, all of them for "".
func choose(only string) ([]section, error) {
	if only == "" {
		return sections, nil
	}
	var chosen []section
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(sections, func(s section) bool { return s.name == name })
		if i < 0 {
			return nil, errors.New("there is no such section")
		}
		chosen = append(chosen, sections[i])
	}
	return chosen, nil
}

func names(sections []section) []string {
	var names []string
	for _, section := range sections {
		names = append(names, section.name)
	}
	return names
}
