package conformance_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/reliability"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/targets"
)

// TestConformance runs every vendor's bench through the suite.
func TestConformance(t *testing.T) {
	for _, bench := range conformance.Benches() {
		t.Run(bench.Name, func(t *testing.T) {
			t.Parallel()
			conformance.RunSuite(t, bench)
		})
	}
}

// TestReliability runs the fault matrix over every vendor's bench, and compares what
// came of it with docs/development/reliability.md, and what came of a recipe with the target in Go.
func TestReliability(t *testing.T) {
	benches := conformance.Benches()
	tallies := make([]*conformance.Tally, len(benches))
	all := make([]map[string]conformance.Ended, len(benches)) // by the case's name
	t.Run("matrix", func(t *testing.T) {
		for i, bench := range benches {
			tallies[i], all[i] = conformance.NewTally(bench), map[string]conformance.Ended{}
			t.Run(bench.Name, func(t *testing.T) {
				t.Parallel()
				cases := conformance.FaultCases(t, bench)
				ends := carry(cases)
				for j, c := range cases {
					tallies[i].Add(c, ends[j].broken, ends[j].ended)
					if ends[j].bare != nil {
						tallies[i].AddBare(*ends[j].bare)
					}
					all[i][c.String()] = ends[j].ended
				}
				for _, broken := range tallies[i].Broken {
					t.Error(broken)
				}
			})
		}
	})
	// A recipe that describes a vendor ends every case as the vendor's target in Go does.
	// With a part of the matrix, as go test -run may ask for, there is nothing to compare.
	if slices.ContainsFunc(tallies, func(tally *conformance.Tally) bool { return tally == nil || tally.Cases == 0 }) {
		return
	}
	named := func(name string) map[string]conformance.Ended {
		return all[slices.IndexFunc(benches, func(b conformance.Bench) bool { return b.Name == name })]
	}
	for _, vendor := range []string{"teramind", "venafi"} {
		inGo, inYAML := named(vendor), named("recipe "+vendor)
		if len(inGo) == 0 || len(inGo) != len(inYAML) {
			t.Errorf("%s: %d cases of the recipe, %d of the target in Go", vendor, len(inYAML), len(inGo))
		}
		for name, want := range inGo {
			if got := inYAML[name]; got.Outcome != want.Outcome || got.Class != want.Class || got.Proof != want.Proof {
				t.Errorf("%s: %s: the recipe ends in %s [%s] %s, the target in Go in %s [%s] %s",
					vendor, name, got.Outcome, got.Class, got.Proof, want.Outcome, want.Class, want.Proof)
			}
		}
	}
	reliability.Settle(t, "matrix", "make matrix", conformance.MatrixSection(tallies))
}

// TestValues puts the corpus of hostile passwords and names through every vendor: each
// arrives byte for byte, or is refused with a reason.
func TestValues(t *testing.T) {
	benches := conformance.Benches()
	tallies := make([]conformance.ValueTally, len(benches))
	t.Run("corpus", func(t *testing.T) {
		for i, bench := range benches {
			t.Run(bench.Name, func(t *testing.T) {
				t.Parallel()
				tallies[i] = conformance.Values(bench)
				for _, fault := range tallies[i].Faults {
					t.Error(fault)
				}
			})
		}
	})
	if !slices.ContainsFunc(tallies, func(tally conformance.ValueTally) bool { return tally.Bench == "" }) {
		reliability.Settle(t, "values", "make values", conformance.ValuesSection(tallies))
	}
}

// TestDeadline: whatever keeps a call waiting, at whichever exchange of whichever vendor,
// the run ends by its deadline, and says what is true.
func TestDeadline(t *testing.T) {
	benches := conformance.Benches()
	counts, late := make([]int, len(benches)), make([]atomic.Int64, len(benches))
	places := make(chan struct{}, 24) // runs at once: they mostly wait
	t.Run("slow", func(t *testing.T) {
		for i, bench := range benches {
			t.Run(bench.Name, func(t *testing.T) {
				t.Parallel()
				cases := conformance.SlowCases(t, bench)
				var running sync.WaitGroup
				for _, c := range cases {
					running.Go(func() {
						places <- struct{}{}
						defer func() { <-places }()
						broken, _ := c.CarryInTime()
						if len(broken) > 0 {
							late[i].Add(1)
						}
						for _, fault := range broken {
							t.Errorf("%s: %s", c, fault)
						}
					})
				}
				running.Wait()
				counts[i] = len(cases)
			})
		}
	})
	if slices.Contains(counts, 0) {
		return // a part, as go test -run may ask for
	}
	var rows [][]any
	sum, sumLate := 0, int64(0)
	for i, bench := range benches {
		rows = append(rows, []any{bench.Name, counts[i], late[i].Load()})
		sum, sumLate = sum+counts[i], sumLate+late[i].Load()
	}
	rows = append(rows, []any{"**all**", sum, sumLate})
	reliability.Settle(t, "deadline", "make deadline", fmt.Sprintf("`Timeout` %.0f; at most %.0f second more.\n\n", conformance.ShortTimeout.Seconds(), conformance.Overrun.Seconds())+
		reliability.Table([]string{"vendor", "runs", "too late, or a broken promise"}, rows...))
}

// panicking is a target that panics in one phase with all that it holds.
type panicking struct {
	targets.Target
	job   targets.Job
	phase string
	after bool // what it should do is done before
}

func (p panicking) do(phase string, do func() error) error {
	if p.phase != phase {
		return do()
	}
	if p.after {
		_ = do()
	}
	panic(fmt.Sprintf("%s %s %v", p.job.NewPassword.Reveal(), p.job.OldPassword.Reveal(), p.job))
}

func (p panicking) Check(ctx context.Context) (account string, err error) {
	err = p.do("check", func() (err error) { account, err = p.Target.Check(ctx); return err })
	return account, err
}

func (p panicking) Change(ctx context.Context) error {
	return p.do("change", func() error { return p.Target.Change(ctx) })
}

func (p panicking) Verify(ctx context.Context, which targets.Which) (verdict targets.Verdict, err error) {
	err = p.do("verify", func() (err error) { verdict, err = p.Target.Verify(ctx, which); return err })
	return verdict, err
}

func (p panicking) Close(ctx context.Context) error {
	return p.do("close", func() error { return p.Target.Close(ctx) })
}

// TestPanicsShowNothing: a defect in a vendor's code that panics with the passwords ends
// the run with the truth, and neither with the scrubber nor without it is one printed.
func TestPanicsShowNothing(t *testing.T) {
	for _, bench := range conformance.Benches() {
		for _, phase := range []string{"check", "change", "verify", "close"} {
			for _, after := range []bool{false, true} {
				for _, unscrubbed := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/%s after %v unscrubbed %v", bench.Name, phase, after, unscrubbed), func(t *testing.T) {
						stand, err := bench.Start(bench.User, conformance.Old)
						if err != nil {
							t.Fatal(err)
						}
						defer stand.Close()
						stand.LeftOpen = nil // who panics gives nothing back
						info := bench.Info
						info.Name = "panicking"
						info.New = func(job targets.Job, client *api.Client) (targets.Target, error) {
							target, err := bench.Info.New(job, client)
							return panicking{target, job, phase, after}, err
						}
						run := conformance.Run{User: bench.User, Old: conformance.Old, New: conformance.New, Info: info, Unscrubbed: unscrubbed,
							Access: map[string]any{"Target": "panicking"}}
						ended := run.Rotate(stand)
						for _, fault := range run.Faults(bench, stand, ended) {
							t.Error(fault)
						}
						told := strings.Contains(ended.Stdout+ended.Stderr, "the program panicked")
						if reached := phase != "verify" || ended.Outcome == rotation.Unknown; told != reached {
							t.Errorf("told of a panic: %v", told)
						}
						if t.Failed() {
							t.Logf("stdout: %s\nstderr: %s", ended.Stdout, ended.Stderr)
						}
					})
				}
			}
		}
	}
}

// end is what came of one case.
type end struct {
	broken []string
	ended  conformance.Ended
	bare   *conformance.Ended // nil where the case hangs
}

// carry runs the cases. Those with a hang spend their time waiting, so many of them
// wait together.
func carry(cases []conformance.FaultCase) []end {
	ends := make([]end, len(cases))
	var waiting sync.WaitGroup
	places := make(chan struct{}, 12)
	for i, c := range cases {
		if c.Fault.Kind.Hangs { // nothing comes back that could be printed
			waiting.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				ends[i].broken, ends[i].ended = c.Carry(false)
			})
			continue
		}
		broken, ended := c.Carry(false)
		brokenBare, bare := c.Carry(true)
		ends[i] = end{append(broken, brokenBare...), ended, &bare}
	}
	waiting.Wait()
	return ends
}
