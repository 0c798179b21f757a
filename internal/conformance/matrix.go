package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/reliability"
	"pam-rotate-script/internal/rotation"
)

// Tally is what the faults of one part of the suite came to at one bench.
type Tally struct {
	Bench                       string
	Ends                        map[string]Ended // of the runs with the scrubber, by the case's name
	Cases                       int
	Changed, NotChanged, Vague  int // outcomes; Vague is unknown
	FalseSuccess, FalseNoChange int
	Avoidable                   int // unknown where a proof was possible
	DoubleWrites, FailedLogins  int
	LeftOpen, Leaks             int
	// FailedAccess is the most sign-ins as the access record's user that failed in one run.
	FailedAccess int
	// Passing are the cases with one fault that meets one exchange once and may be gone a
	// moment later, and how they end.
	Passing, PassingChanged, PassingVague int
	// Runs and BareRuns are the runs with the scrubber and without, Searches and
	// BareSearches how many forms of secrets were looked for in their output.
	Runs, BareRuns, Searches, BareSearches int
	// Unsettled are the cases that nothing can settle, with the reason.
	Unsettled map[string][]string
	// Excused are the cases in which nothing in the vendor's contract tells a lie from
	// the truth, with the reason.
	Excused map[string][]string
	// Broken are the promises that were broken, one line each. None is what is wanted.
	Broken []string
}

func newTally(bench Bench) *Tally {
	return &Tally{Bench: bench.Name, Ends: map[string]Ended{}, Unsettled: map[string][]string{}, Excused: map[string][]string{}}
}

// report fails the test for every broken promise.
func (t *Tally) report(test *testing.T) {
	test.Helper()
	for _, broken := range t.Broken {
		test.Error(broken)
	}
}

// leaked is part of what Run.Faults says of a secret in the output.
const leaked = "a secret was printed"

// AddBare counts the run of a case without the scrubber, which broke these promises.
func (t *Tally) AddBare(c FaultCase, broken []string, ended Ended) {
	t.BareRuns++
	t.BareSearches += ended.Searches
	t.blame(c, broken)
}

// Add counts the run of a case with the scrubber, which broke these promises.
func (t *Tally) Add(c FaultCase, broken []string, ended Ended) {
	t.Cases++
	t.Runs++
	t.Ends[c.String()] = ended
	t.FailedAccess = max(t.FailedAccess, ended.FailedAccess)
	if c.passes() {
		t.Passing++
		switch ended.Outcome {
		case rotation.Changed:
			t.PassingChanged++
		case rotation.Unknown:
			t.PassingVague++
		}
	}
	t.Searches += ended.Searches
	switch ended.Outcome {
	case rotation.Changed:
		t.Changed++
	case rotation.NotChanged:
		t.NotChanged++
	default:
		t.Vague++
		reason := c.unsettled()
		if reason == "" {
			t.Avoidable++
			t.Broken = append(t.Broken, c.String()+": unknown, although a proof was possible")
		} else {
			t.Unsettled[reason] = append(t.Unsettled[reason], c.String())
		}
	}
	if reason := c.undetectable(); reason != "" {
		t.Excused[reason] = append(t.Excused[reason], c.String())
	}
	t.blame(c, broken)
}

// blame counts broken promises.
func (t *Tally) blame(c FaultCase, broken []string) {
	for _, fault := range broken {
		t.Broken = append(t.Broken, c.String()+": "+fault)
		for prefix, count := range map[string]*int{
			"false success": &t.FalseSuccess, "false not-changed": &t.FalseNoChange, "writes": &t.DoubleWrites,
			"failed logins": &t.FailedLogins, "left open": &t.LeftOpen, leaked: &t.Leaks,
		} {
			if strings.Contains(fault, prefix) {
				*count++
			}
		}
	}
}

// OutcomesSection returns how the cases ended and which promises were broken, in Markdown.
func OutcomesSection(tallies []*Tally) string {
	row := func(name string, t Tally) []any {
		return []any{name, t.Cases, t.Changed, t.NotChanged, t.Vague,
			t.FalseSuccess, t.FalseNoChange, t.Avoidable, t.DoubleWrites, t.FailedLogins, t.LeftOpen, t.Leaks, t.FailedAccess}
	}
	var rows [][]any
	var sum Tally
	for _, t := range tallies {
		rows = append(rows, row(t.Bench, *t))
		for _, count := range []struct {
			sum *int
			one int
		}{
			{&sum.Cases, t.Cases}, {&sum.Changed, t.Changed}, {&sum.NotChanged, t.NotChanged}, {&sum.Vague, t.Vague},
			{&sum.FalseSuccess, t.FalseSuccess}, {&sum.FalseNoChange, t.FalseNoChange}, {&sum.Avoidable, t.Avoidable},
			{&sum.DoubleWrites, t.DoubleWrites}, {&sum.FailedLogins, t.FailedLogins}, {&sum.LeftOpen, t.LeftOpen}, {&sum.Leaks, t.Leaks},
		} {
			*count.sum += count.one
		}
		sum.FailedAccess = max(sum.FailedAccess, t.FailedAccess)
	}
	return reliability.Table([]string{
		"vendor", "cases", "changed", "not changed", "unknown", "false success", "false not-changed", "unknown where proof was possible",
		"too many writes", "failed logins over budget", "left open", "leaks", "most failed sign-ins as the access user",
	}, append(rows, row("**all**", sum))...)
}

// MatrixSection returns what the tallies make of docs/development/reliability.md, in Markdown. It
// holds no times, so that it is the same after every run.
func MatrixSection(tallies []*Tally) string {
	var page strings.Builder
	searchRow := func(name string, t Tally) []any {
		return []any{name, t.Runs, t.Searches, t.BareRuns, t.BareSearches, t.Leaks}
	}
	var searches [][]any
	var sum Tally
	for _, t := range tallies {
		searches = append(searches, searchRow(t.Bench, *t))
		sum.Runs, sum.Searches, sum.BareRuns, sum.BareSearches, sum.Leaks =
			sum.Runs+t.Runs, sum.Searches+t.Searches, sum.BareRuns+t.BareRuns, sum.BareSearches+t.BareSearches, sum.Leaks+t.Leaks
	}
	page.WriteString(OutcomesSection(tallies))
	page.WriteString(`
### Leak searches

Each search looks in both streams of one run for one form of one secret: raw, escaped once or twice for a path, a query
or JSON, for HTML, as Go quotes, in hexadecimal, base64 at each of the three offsets in both alphabets, UTF-16. The
secrets are both passwords, the access credential, fields of all other records, what the vendor minted in that run, and
the encrypted password.

`)
	page.WriteString(reliability.Table([]string{"vendor", "runs with the scrubber", "searches", "runs without it", "searches", "found"}, append(searches, searchRow("**all**", sum))...))

	list := func(heading, introduction string, of func(*Tally) map[string][]string) {
		page.WriteString("\n### " + heading + "\n\n" + introduction + "\n")
		for _, t := range tallies {
			for _, reason := range slices.Sorted(maps.Keys(of(t))) {
				names := of(t)[reason]
				slices.Sort(names)
				fmt.Fprintf(&page, "\n**%s**: %s.\n\n", t.Bench, reason)
				for _, name := range slices.Compact(names) {
					page.WriteString("- " + name + "\n")
				}
			}
		}
	}
	list("Unknown, and why nothing can settle it",
		"In these cases the program says `unknown`, because neither the vendor's answers nor any further call can tell.",
		func(t *Tally) map[string][]string { return t.Unsettled })
	list("Lies that nobody can see through",
		"In these cases something between the program and the vendor answers what the vendor's own success looks like. They are run, and may end in a success that is none.",
		func(t *Tally) map[string][]string { return t.Excused })
	return page.String()
}

// Differences says where a recipe and the target in Go that it describes once more came to
// different ends, in the cases that both had.
func Differences(inGo, inYAML *Findings) []string {
	var differences []string
	for _, pair := range [][2]*Tally{{inGo.Faults, inYAML.Faults}, {inGo.MoreFaults, inYAML.MoreFaults}} {
		if pair[0] == nil || pair[1] == nil {
			continue
		}
		if len(pair[0].Ends) == 0 || len(pair[0].Ends) != len(pair[1].Ends) {
			differences = append(differences, fmt.Sprintf("%d cases, of the target in Go %d", len(pair[1].Ends), len(pair[0].Ends)))
		}
		for name, want := range pair[0].Ends {
			if got := pair[1].Ends[name]; got.Outcome != want.Outcome || got.Class != want.Class || got.Proof != want.Proof {
				differences = append(differences, fmt.Sprintf("%s: ends in %s [%s] %s, the target in Go in %s [%s] %s",
					name, got.Outcome, got.Class, got.Proof, want.Outcome, want.Class, want.Proof))
			}
		}
	}
	if inGo.Values != nil && inYAML.Values != nil {
		for value, want := range inGo.Values.Ends {
			if got := inYAML.Values.Ends[value]; got != want {
				differences = append(differences, fmt.Sprintf("%.60q: ends in %s, the target in Go in %s", value, got, want))
			}
		}
	}
	slices.Sort(differences)
	return differences
}
