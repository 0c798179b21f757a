package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/reliability"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
)

// passes reports whether the case is one fault that meets one exchange once, and that may be
// gone a moment later: no connection, a break, a time-out, 429, 5xx, an answer that cannot be
// read. A refusal that says something, a redirect and an answer about somebody else are none.
func (c FaultCase) passes() bool {
	if len(c.Faults) != 1 || c.Faults[0].Occurrence == everyOccurrence {
		return false
	}
	kind := c.Faults[0].Kind
	fault := api.Error{Status: kind.Status}
	switch {
	case kind.Status == http.StatusTooManyRequests:
		return true
	case kind.Name == "wrong account after", kind.Status/100 == 3, fault.Refused():
		return false
	}
	return kind.Status/100 != 4
}

// Heals reports whether the share of HealingSection is that of this bench, too: the write may
// be repeated and carries no old password.
func (b Bench) Heals() bool { return b.Writes > 1 && !b.CarriesOld }

// Healed sums what became of one fault that passes at the benches that heal.
func Healed(benches []Bench, tallies []*Tally) (cases, changed, vague int) {
	for i, t := range tallies {
		if benches[i].Heals() {
			cases, changed, vague = cases+t.Passing, changed+t.PassingChanged, vague+t.PassingVague
		}
	}
	return cases, changed, vague
}

// HealingSection returns what became of one fault that passes, in Markdown.
func HealingSection(benches []Bench, tallies []*Tally) string {
	share := func(part, whole int) string { return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(max(whole, 1))) }
	var rows [][]any
	row := func(name string, cases, changed, vague int) {
		rows = append(rows, []any{name, cases, changed, vague, cases - changed - vague, share(changed, cases), share(vague, cases)})
	}
	for i, t := range tallies {
		name := t.Bench
		if !benches[i].Heals() {
			name += " (not in the sum)"
		}
		row(name, t.Passing, t.PassingChanged, t.PassingVague)
	}
	cases, changed, vague := Healed(benches, tallies)
	row("**all that may repeat the write**", cases, changed, vague)
	return reliability.Table([]string{"vendor", "cases", "changed", "unknown", "not changed", "changed", "unknown"}, rows...)
}

// pairsOfBench is how many pairs of faults are tried at one bench.
const pairsOfBench = 60

// testPairs meets a fixed sample of the runs with two faults at two exchanges. No more than
// truth is asked of them.
func testPairs(t *testing.T, bench Bench, findings *Findings) {
	single, _ := faultCases(t, bench, simulator.Kinds())
	tally := newTally(bench)
	for _, c := range pairCases(single, pairsOfBench) {
		broken, ended := c.Carry(t, false)
		tally.Add(c, broken, ended)
	}
	findings.Pairs = tally
	tally.report(t)
}

// pairCases returns so many pairs of cases with one fault, spread over all of them and the
// same for the same cases.
func pairCases(single []FaultCase, count int) (pairs []FaultCase) {
	chosen := map[string]bool{}
	for i := 0; len(pairs) < count && i < 40*count; i++ {
		first, second := single[i*7919%len(single)], single[(i*104729+31)%len(single)]
		a, b := first.Faults[0], second.Faults[0]
		if a.Exchange == b.Exchange && a.Occurrence == b.Occurrence {
			continue
		}
		c := FaultCase{first.Bench, []PlacedFault{a, b}}
		if name := c.String(); !chosen[name] {
			chosen[name] = true
			pairs = append(pairs, c)
		}
	}
	return pairs
}

// testTogether: a second run for the same account, after a first one or beside it, each with a
// fault at the first write. Nothing that either says is a lie.
func testTogether(t *testing.T, bench Bench, _ *Findings) {
	single, _ := faultCases(t, bench, simulator.Kinds())
	together(t, bench, single)
}

func together(t *testing.T, bench Bench, single []FaultCase) {
	const another = "Tq6-canary!other&Wx9%"
	for _, c := range single {
		if fault := c.Faults[0]; !fault.Write || c.undetectable() != "" || fault.Kind.Hangs {
			continue
		}
		for name, second := range map[string]Run{
			"given again": {Old: Old, New: New}, "swapped": {Old: New, New: Old}, "beside": {Old: Old, New: another},
		} {
			synctest.Test(t, func(t *testing.T) {
				stand := startInMemory(t, bench, bench.User)
				stand.Servers[c.Faults[0].Server].Inject(c.Faults[0].Fault)
				first := bench.run()
				second.User, second.Info = first.User, first.Info
				var ended [2]Ended
				if name == "beside" {
					done := make(chan struct{})
					go func() { defer close(done); ended[0] = first.Rotate(stand) }()
					ended[1] = second.Rotate(stand)
					<-done
				} else {
					ended[0] = first.Rotate(stand)
					lie(t, c, name, stand, []Run{first}, ended[:1])
					ended[1] = second.Rotate(stand)
				}
				if name == "beside" {
					lie(t, c, name, stand, []Run{first, second}, ended[:])
				} else {
					lie(t, c, name, stand, []Run{second}, ended[1:])
				}
			})
		}
	}
}

// testSomebodyElse: while the answer to the first write is being lost, another run sets a third
// password. Where the old one can be tried, that newer one stays in force.
func testSomebodyElse(t *testing.T, bench Bench, _ *Findings) {
	single, _ := faultCases(t, bench, simulator.Kinds())
	somebodyElse(t, bench, single)
}

func somebodyElse(t *testing.T, bench Bench, single []FaultCase) {
	const third = "Tq6-canary!other&Wx9%"
	for _, c := range single {
		fault := c.Faults[0]
		if !fault.Write || fault.Kind.Hangs || fault.Kind.Late || c.undetectable() != "" {
			continue
		}
		if fault.Kind.Status == http.StatusTooManyRequests { // then the first write is yet to come
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			stand := startInMemory(t, bench, bench.User)
			if stand.FailedLogins == nil || bench.Writes == 1 {
				return
			}
			stand.Servers[fault.Server].Inject(fault.Fault)
			first, second := bench.run(), bench.run()
			second.New = third
			var other Ended
			begun := false
			stand.Servers[fault.Server].Observe(func(e simulator.Exchange, moment simulator.Moment) {
				if e.Name == fault.Exchange && moment == simulator.Acted && !begun {
					begun = true
					other = second.Rotate(stand)
				}
			})
			ended := first.Rotate(stand)
			if other.Outcome == rotation.Changed && !stand.Accepts(third) {
				t.Errorf("%s: the other run's newer password was overwritten: %s%s", c, other.Stdout, ended.Stdout)
			}
			// Without a proof, changed speaks of the moment of the answer.
			if ended.Outcome == rotation.Changed && !stand.Accepts(first.New) && (bench.Proves || other.Outcome != rotation.Changed) {
				t.Errorf("%s: false success: %s", c, ended.Stdout)
			}
		})
	}
}

// lie fails the test for what runs that have just ended say and is not so. Of several that
// say changed, the one that came last is right.
func lie(t *testing.T, c FaultCase, name string, stand *Stand, runs []Run, ended []Ended) {
	t.Helper()
	changed := slices.ContainsFunc(ended, func(e Ended) bool { return e.Outcome == rotation.Changed })
	inForce := false
	for i, e := range ended {
		works := stand.Accepts(runs[i].New)
		inForce = inForce || works && e.Outcome != rotation.NotChanged
		if e.Outcome == rotation.NotChanged && works && !e.Already {
			t.Errorf("%s, %s: not changed, and it is: %s", c, name, strings.TrimSpace(e.Stdout))
		}
	}
	if changed && !inForce && !c.any(func(f simulator.Fault) bool { return f.Kind.Late }) {
		t.Errorf("%s, %s: changed, and no such password is in force: %q", c, name, ended[0].Stdout+ended[len(ended)-1].Stdout)
	}
}
