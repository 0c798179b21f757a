// The key exchange that TLS 1.3 prefers costs more than all the rest of a run.
//
//go:debug tlsmlkem=0

package conformance_test

import (
	"strings"
	"testing"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/reliability"
)

// TestVendor puts every bench through the suite; go test -run TestVendor/acme does it for
// those with acme in their names. What was counted is compared with docs/development/reliability.md, and
// the recipes with the targets in Go that they describe once more.
func TestVendor(t *testing.T) {
	benches := append(conformance.Benches(), conformance.Examples()...)
	findings := make([]*conformance.Findings, len(benches)) // nil for one that did not take part
	t.Cleanup(func() { compare(t, benches, findings) })     // when all of them have ended
	var names []string
	started := 0
	for i, bench := range benches {
		names = append(names, bench.Name)
		t.Run(bench.Name, func(t *testing.T) {
			started++
			t.Parallel()
			findings[i] = conformance.RunSuite(t, bench)
		})
	}
	if started == 0 {
		t.Errorf("no vendor fits the filter; there are %s", strings.Join(names, ", "))
	}
}

func compare(t *testing.T, benches []conformance.Bench, findings []*conformance.Findings) {
	inProgram := findings[:len(conformance.Benches())]
	settle(t, inProgram, "matrix", "make matrix", func(f *conformance.Findings) *conformance.Tally { return f.Faults }, conformance.MatrixSection)
	settle(t, inProgram, "matrix-pairs", "make matrix", func(f *conformance.Findings) *conformance.Tally { return f.Pairs }, conformance.OutcomesSection)
	heal(t, benches[:len(inProgram)], inProgram)
	settle(t, inProgram, "matrix-more", "make matrix", func(f *conformance.Findings) *conformance.Tally { return f.MoreFaults }, conformance.MatrixSection)
	settle(t, inProgram, "values", "make values", func(f *conformance.Findings) *conformance.ValueTally { return f.Values }, conformance.ValuesSection)
	settle(t, inProgram, "deadline", "make deadline", func(f *conformance.Findings) *conformance.DeadlineTally { return f.Deadlines }, conformance.DeadlineSection)
	for i, bench := range benches {
		for j, described := range benches {
			if bench.Name == "recipe "+described.Name && findings[i] != nil && findings[j] != nil {
				for _, difference := range conformance.Differences(findings[j], findings[i]) {
					t.Errorf("%s: %s", bench.Name, difference)
				}
			}
		}
	}
}

// heal holds what became of one fault that passes to the least that is promised, if all
// benches met them: the commonest kinds, which have a section of the page, and the further ones.
func heal(t *testing.T, benches []conformance.Bench, findings []*conformance.Findings) {
	t.Helper()
	common := func(f *conformance.Findings) *conformance.Tally { return f.Faults }
	further := func(f *conformance.Findings) *conformance.Tally { return f.MoreFaults }
	for _, of := range []func(*conformance.Findings) *conformance.Tally{common, further} {
		if tallies := ofAll(findings, of); tallies != nil {
			if cases, changed, vague := conformance.Healed(benches, tallies); 100*changed < 95*cases || 100*vague >= 3*cases {
				t.Errorf("of %d runs that met one fault that passes %d ended changed, %d unknown", cases, changed, vague)
			}
		}
	}
	if tallies := ofAll(findings, common); tallies != nil {
		reliability.Settle(t, "healing", "make matrix", conformance.HealingSection(benches, tallies))
	}
}

// settle compares one part's figures with their section of the page, if all benches ran that
// part.
func settle[T any](t *testing.T, findings []*conformance.Findings, section, command string, of func(*conformance.Findings) *T, text func([]*T) string) {
	t.Helper()
	if tallies := ofAll(findings, of); tallies != nil {
		reliability.Settle(t, section, command, text(tallies))
	}
}

// ofAll returns one part's figures of all benches, nil if one of them did not run it.
func ofAll[T any](findings []*conformance.Findings, of func(*conformance.Findings) *T) (tallies []*T) {
	for _, found := range findings {
		if found == nil || of(found) == nil {
			return nil
		}
		tallies = append(tallies, of(found))
	}
	return tallies
}
