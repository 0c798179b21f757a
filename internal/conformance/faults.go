package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
)

// PlacedFault is a fault at one of a stand's servers.
type PlacedFault struct {
	Server int // its place in Stand.Servers
	simulator.Fault
	Write bool // the exchange puts the password in force
}

// FaultCase is one run of one bench with something going wrong in it: one fault, or
// several.
type FaultCase struct {
	Bench  Bench
	Faults []PlacedFault
}

// String names the case.
func (c FaultCase) String() string {
	var names []string
	for _, fault := range c.Faults {
		names = append(names, fault.String())
	}
	return strings.Join(names, " and ")
}

// any reports whether a fault of the case is such.
func (c FaultCase) any(such func(simulator.Fault) bool) bool {
	return slices.ContainsFunc(c.Faults, func(fault PlacedFault) bool { return such(fault.Fault) })
}

// hangs reports whether the client gets no answer at all, so that nothing comes back that
// could be printed.
func (c FaultCase) hangs() bool {
	return c.any(func(fault simulator.Fault) bool { return fault.Kind.Hangs })
}

// undetectable returns why nothing in the vendor's contract tells the case from success, or
// "".
func (c FaultCase) undetectable() string {
	for _, fault := range c.Faults {
		for _, name := range []string{fault.Kind.Name, fault.Kind.Name + " at " + fault.Exchange} {
			if reason, excused := c.Bench.Undetectable[name]; excused {
				return reason
			}
		}
	}
	return ""
}

// unsettled returns why nothing can settle the case, or "".
func (c FaultCase) unsettled() string {
	for _, fault := range c.Faults {
		if c.Bench.Unsettled != nil {
			if reason := c.Bench.Unsettled(fault.Fault); reason != "" {
				return reason
			}
		}
		if fault.Kind.Late {
			return "the vendor carries the write out when the run has ended"
		}
		if fault.Write && fault.Occurrence == everyOccurrence && !fault.Kind.Applied {
			return "no write is answered for certain, and what was sent may be carried out later than any look could tell"
		}
	}
	if c.any(func(f simulator.Fault) bool { return f.Occurrence == everyOccurrence }) || len(c.Faults) > 1 || c.Bench.Writes == 1 {
		for _, fault := range c.Faults {
			if fault.Write {
				return "a write without a certain answer may be carried out later than any wait, and a repeat is not made or met a fault, too"
			}
		}
	}
	if len(c.Faults) > 1 {
		return "two faults in one run"
	}
	return ""
}

// hangTimeout bounds every exchange of a case with a hang: on a network in memory it takes
// no time, on sockets it has to be waited for, and a busy machine must be able to make an
// ordinary exchange in it.
const hangTimeout = 4 * time.Second

// everyOccurrence is the Occurrence of a fault that hits every exchange of its route.
const everyOccurrence = 0

// faultCases crosses kinds of faults with every exchange of a rotation without faults:
// first the first of its name and the last one, then all of them. What there is to cross is
// asked of the simulator.
func faultCases(t *testing.T, bench Bench, kinds []simulator.Kind) (single, every []FaultCase) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		stand := startInMemory(t, bench, bench.User)
		bench.run().Rotate(stand)
		for place, server := range stand.Servers {
			for _, route := range server.Routes() {
				times := server.Count(func(e simulator.Exchange) bool { return e.Name == route.Name })
				for _, kind := range kinds {
					if times == 0 || !kind.AppliesTo(route) {
						continue
					}
					at := func(occurrence int) FaultCase {
						return FaultCase{bench, []PlacedFault{{place, simulator.Fault{Exchange: route.Name, Occurrence: occurrence, Kind: kind}, route.Write}}}
					}
					single = append(single, at(1))
					if times > 1 {
						single = append(single, at(times))
					}
					every = append(every, at(everyOccurrence))
				}
			}
		}
	})
	return single, every
}

// Carry runs a rotation with the faults in it, in memory, and returns the promises it broke.
func (c FaultCase) Carry(t *testing.T, unscrubbed bool) (broken []string, ended Ended) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		broken, ended = c.carry(startInMemory(t, c.Bench, c.Bench.User), unscrubbed)
	})
	return broken, ended
}

func (c FaultCase) carry(stand *Stand, unscrubbed bool) (broken []string, ended Ended) {
	for _, fault := range c.Faults {
		stand.Servers[fault.Server].Inject(fault.Fault)
	}
	run := c.Bench.run()
	run.Unscrubbed = unscrubbed
	if c.hangs() && stand.network == nil { // in memory the time-outs are those of an ordinary run
		run.CallTimeout = hangTimeout
	}
	ended = run.Rotate(stand)
	faults := run.Faults(c.Bench, stand, ended)
	ended.Searches = stand.Searches
	for _, server := range stand.Servers {
		server.CarryOutLate()
	}
	if ended.Outcome == rotation.NotChanged && stand.Accepts(run.New) && !ended.Already {
		faults = append(faults, "false not-changed: the write was carried out later")
	}
	for _, fault := range faults {
		if c.undetectable() != "" && strings.HasPrefix(fault, "false success") {
			continue
		}
		broken = append(broken, fault)
	}
	if arrived := stand.Writes(); ended.Writes+ended.TurnedAway < arrived {
		broken = append(broken, fmt.Sprintf("of %d writes, %d were counted", arrived, ended.Writes+ended.TurnedAway))
	}
	for _, server := range stand.Servers {
		for _, unfired := range server.Unfired() {
			if len(c.Faults) > 1 {
				continue // the first one may have ended the run before the second one's exchange
			}
			broken = append(broken, "the fault never happened: "+unfired.String())
		}
	}
	return broken, ended
}

// testFaults meets every exchange once with each kind of fault, before and after the vendor
// acted.
func testFaults(t *testing.T, bench Bench, findings *Findings) {
	single, _ := faultCases(t, bench, simulator.Kinds())
	tally := newTally(bench)
	for _, c := range single {
		broken, ended := c.Carry(t, false)
		tally.Add(c, broken, ended)
	}
	findings.Faults = tally
	tally.report(t)
}

// testMoreFaults meets every exchange once with each of the simulator's further kinds of
// fault, all exchanges of a name with the same fault, of all kinds, and does once more without
// the scrubber what testFaults does. Pairs, second runs and other people's runs come with the
// further kinds, too.
func testMoreFaults(t *testing.T, bench Bench, findings *Findings) {
	single, every := faultCases(t, bench, simulator.Kinds())
	furtherSingle, furtherEvery := faultCases(t, bench, simulator.MoreKinds())
	tally := newTally(bench)
	bare := func(c FaultCase) {
		if c.hangs() { // which print what the run with the scrubber does
			return
		}
		broken, ended := c.Carry(t, true)
		tally.AddBare(c, broken, ended)
	}
	for _, c := range slices.Concat(furtherSingle, every, furtherEvery) {
		broken, ended := c.Carry(t, false)
		tally.Add(c, broken, ended)
		bare(c)
	}
	for _, c := range single {
		bare(c)
	}
	for _, c := range pairCases(slices.Concat(single, furtherSingle), 2*pairsOfBench) {
		broken, ended := c.Carry(t, false)
		tally.Add(c, broken, ended)
	}
	findings.MoreFaults = tally
	tally.report(t)
	together(t, bench, furtherSingle)
	somebodyElse(t, bench, furtherSingle)
}
