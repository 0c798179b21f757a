package conformance

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/reliability"
	"pam-rotate-script/internal/simulator"
)

// What a run of testDeadlines gets in all.
const shortTimeout = 2 * time.Second

// DeadlineTally is what the deadlines of one bench came to.
type DeadlineTally struct {
	Bench      string
	Runs, Late int // Late had a broken promise, or ended after the deadline
}

// testDeadlines: whatever keeps a call waiting, at whichever exchange, the run ends by its
// deadline, and says what is true. A run has no more than shortTimeout in all, with the
// time-outs of calls as they are, so that nothing but its deadline bounds it. What it had to
// leave open, since the vendor did not let it, is no broken promise: the faults of the
// suite's other parts leave the time for that.
func testDeadlines(t *testing.T, bench Bench, findings *Findings) {
	kinds := simulator.SlowKinds()
	for _, kind := range simulator.Kinds() {
		if kind.Hangs && !kind.Late { // which are no different until the run has ended
			kinds = append(kinds, kind)
		}
	}
	single, every := faultCases(t, bench, kinds)
	tally := &DeadlineTally{Bench: bench.Name}
	for _, c := range append(single, every...) {
		var broken []string
		synctest.Test(t, func(t *testing.T) {
			stand := startInMemory(t, bench, bench.User)
			stand.LeftOpen = nil
			for _, fault := range c.Faults {
				stand.Servers[fault.Server].Inject(fault.Fault)
			}
			run := bench.run()
			run.Access = map[string]any{"Timeout": fmt.Sprint(int(shortTimeout / time.Second))}
			run.CallTimeout = api.DefaultCallTimeout
			start := time.Now()
			ended := run.Rotate(stand)
			took := time.Since(start)
			broken = run.Faults(bench, stand, ended)
			if took > shortTimeout {
				broken = append(broken, fmt.Sprintf("took %v of at most %v", took, shortTimeout))
			}
			for _, fault := range c.Faults {
				if len(stand.Servers[fault.Server].Unfired()) > 0 {
					broken = append(broken, "the fault never happened")
				}
			}
		})
		if tally.Runs++; len(broken) > 0 {
			tally.Late++
		}
		for _, fault := range broken {
			t.Errorf("%s: %s", c, fault)
		}
	}
	findings.Deadlines = tally
}

// DeadlineSection returns what the tallies make of docs/development/reliability.md, in Markdown.
func DeadlineSection(tallies []*DeadlineTally) string {
	var rows [][]any
	var sum DeadlineTally
	for _, tally := range tallies {
		rows = append(rows, []any{tally.Bench, tally.Runs, tally.Late})
		sum.Runs, sum.Late = sum.Runs+tally.Runs, sum.Late+tally.Late
	}
	rows = append(rows, []any{"**all**", sum.Runs, sum.Late})
	return fmt.Sprintf("`Timeout` %.0f.\n\n", shortTimeout.Seconds()) +
		reliability.Table([]string{"vendor", "runs", "too late, or a broken promise"}, rows...)
}
