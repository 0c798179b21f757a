package conformance

import (
	"strings"
	"testing"
	"testing/synctest"

	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
)

// testKeeping: a vendor that answers success and keeps something else, cut or escaped, or nothing,
// does not get changed where a sign-in can show it, and not-changed only where the old password is
// still in force. Where nothing shows it, its answer counts.
func testKeeping(t *testing.T, bench Bench, _ *Findings) {
	// Every way of keeping makes another one of it.
	long := New + `  x%41\y ` + strings.Repeat("Kw", 32)
	for _, keeping := range simulator.Keepings() {
		for _, password := range []string{New, long} {
			if keeping.Of(password, Old) == password {
				continue
			}
			t.Run(keeping.Name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					stand := startInMemory(t, bench, bench.User)
					if stand.KeepAs == nil {
						t.Fatal("the bench does not say how its vendor keeps passwords")
					}
					stand.KeepAs(keeping)
					run := bench.run()
					run.New = password
					ended := run.Rotate(stand)
					shows := bench.contract(t, stand).Means.SignsIn() && !bench.NoSignIn
					if bench.Veils && !keeping.Ignored {
						// A refusal shows nothing there, and what is stored is the proof.
						shows = false
						if ended.Outcome == rotation.Changed && len(ended.Warnings) == 0 {
							t.Error("changed after a refused sign-in, without a warning")
						}
					}
					for _, fault := range run.Faults(bench, stand, ended) {
						if shows || !strings.HasPrefix(fault, "false success") {
							t.Error(fault)
						}
					}
					if ended.Outcome == rotation.Changed && stand.Accepts(password) {
						t.Error("the vendor kept the password as it is")
					}
				})
			})
		}
	}
}
