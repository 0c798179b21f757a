package targettest_test

import (
	"flag"
	"os"
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
// came of it with the document.
func TestReliability(t *testing.T) {
	benches := targettest.Benches()
	tallies := make([]*targettest.Tally, len(benches))
	t.Run("matrix", func(t *testing.T) {
		for i, bench := range benches {
			tallies[i] = targettest.NewTally(bench)
			t.Run(bench.Name, func(t *testing.T) {
				t.Parallel()
				cases := targettest.FaultCases(t, bench)
				ends := carry(cases)
				for j, c := range cases {
					tallies[i].Add(c, ends[j].broken, ends[j].ended)
				}
				for _, broken := range tallies[i].Broken {
					t.Error(broken)
				}
			})
		}
	})
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
