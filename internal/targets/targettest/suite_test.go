package targettest_test

import (
	"flag"
	"os"
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
				for _, c := range targettest.FaultCases(t, bench) {
					broken, ended := c.Carry(false)
					if !c.Fault.Kind.Hangs { // nothing comes back that could be printed
						bare, _ := c.Carry(true)
						broken = append(broken, bare...)
					}
					tallies[i].Add(c, broken, ended)
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
