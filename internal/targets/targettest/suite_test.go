package targettest_test

import (
	"flag"
	"os"
	"slices"
	"sync"
	"testing"

	"pam-rotate-script/internal/targets/targettest"
)

// update writes the document instead of comparing with it: make matrix.
var update = flag.Bool("update", false, "write docs/reliability.md")

const document = "../../../docs/reliability.md"

// TestConformance runs every vendor's bench through the suite.
func TestConformance(t *testing.T) {
	for _, bench := range targettest.Benches() {
		t.Run(bench.Name, func(t *testing.T) {
			t.Parallel()
			targettest.RunSuite(t, bench)
		})
	}
}

// TestReliability runs the fault matrix over every vendor's bench, and compares what
// came of it with the document, and what came of a recipe with the target in Go.
func TestReliability(t *testing.T) {
	benches := targettest.Benches()
	tallies := make([]*targettest.Tally, len(benches))
	all := make([]map[string]targettest.Ended, len(benches)) // by the case's name
	t.Run("matrix", func(t *testing.T) {
		for i, bench := range benches {
			tallies[i], all[i] = targettest.NewTally(bench), map[string]targettest.Ended{}
			t.Run(bench.Name, func(t *testing.T) {
				t.Parallel()
				cases := targettest.FaultCases(t, bench)
				ends := carry(cases)
				for j, c := range cases {
					tallies[i].Add(c, ends[j].broken, ends[j].ended)
					all[i][c.String()] = ends[j].ended
				}
				for _, broken := range tallies[i].Broken {
					t.Error(broken)
				}
			})
		}
	})
	// A recipe that describes a vendor ends every case as the vendor's target in Go does.
	named := func(name string) map[string]targettest.Ended {
		return all[slices.IndexFunc(benches, func(b targettest.Bench) bool { return b.Name == name })]
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
	page := targettest.Reliability(tallies)
	if *update {
		if err := os.WriteFile(document, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	written, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != page {
		t.Errorf("%s is stale: run make matrix", document)
	}
}

// end is what came of one case.
type end struct {
	broken []string
	ended  targettest.Ended
}

// carry runs the cases. Those with a hang spend their time waiting, so many of them
// wait together.
func carry(cases []targettest.FaultCase) []end {
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
		bare, _ := c.Carry(true)
		ends[i] = end{append(broken, bare...), ended}
	}
	waiting.Wait()
	return ends
}
