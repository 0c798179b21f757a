package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/targets"
)

// third is a password that neither the vault nor the payload knows.
const third = "Somebody-Else5'!word-9"

// Verify is Rotate for the verb verify.
func (r Run) Verify(stand *Stand) (rotation.VerifyResult, Ended) {
	var found rotation.VerifyResult
	ended := r.run(stand, func(ctx context.Context, plan *rotation.Plan, printer *report.Printer) rotation.Result {
		found = plan.Verify(ctx, nil)
		printer.Verified(found)
		return found.Result
	})
	return found, ended
}

// testVerify: whichever password is in force, verify says nothing that is not so, writes nothing,
// and says it where the vendor has a sign-in; and so it does with any fault at any exchange.
func testVerify(t *testing.T, bench Bench, _ *Findings) {
	truth := map[string]rotation.InForce{New: rotation.NewInForce, Old: rotation.OldInForce, third: rotation.NeitherInForce}
	met := map[verifyCase]bool{}
	for password, inForce := range truth {
		stand := startWith(t, bench, password)
		found, ended := bench.run().Verify(stand)
		for _, fault := range verifyFaults(bench, stand, found, ended) {
			t.Errorf("%s in force: %s", inForce, fault)
		}
		contract := bench.contract(t, stand)
		want := inForce
		switch {
		case !contract.Means.SignsIn():
			want = rotation.NotTold
		case contract.Cache && inForce == rotation.OldInForce:
			want = rotation.NotTold // "still accepted" is all that can be said
		case bench.NoSignIn && inForce != rotation.NeitherInForce, bench.Veils && inForce == rotation.NeitherInForce:
			want = rotation.NotTold
		}
		if found.InForce != want {
			t.Errorf("%s in force: got %s, want %s: %s", inForce, found.InForce, want, ended.Stdout)
		}
		for place, server := range stand.Servers {
			for _, route := range server.Routes() {
				for _, kind := range slices.Concat(simulator.Kinds(), simulator.ChallengeKinds()) {
					if kind.AppliesTo(route) && !kind.Hangs && server.Count(func(e simulator.Exchange) bool { return e.Name == route.Name }) > 0 {
						met[verifyCase{Server: place, Fault: simulator.Fault{Exchange: route.Name, Occurrence: 1, Kind: kind}}] = true
					}
				}
			}
		}
	}
	for c := range met {
		for password, inForce := range truth {
			stand := startWith(t, bench, password)
			stand.Servers[c.Server].Inject(c.Fault)
			found, ended := bench.run().Verify(stand)
			if !excusedInVerify(bench.contract(t, stand), c.Fault.Kind.Name) {
				for _, broken := range verifyFaults(bench, stand, found, ended) {
					t.Errorf("%s in force, %s: %s", inForce, c.Fault, broken)
				}
			}
			stand.Close()
		}
	}
}

// excusedInVerify: an address of the administrator's own has no document, and its status is all that
// it says: where something in between answers one sign-in with it, nothing can tell.
func excusedInVerify(contract targets.Contract, kind string) bool {
	return contract.Means == targets.OwnMeans && (strings.Contains(kind, " 200 ") || strings.HasPrefix(kind, "echo 401") || kind == basicProxy)
}

// verifyCase is a fault at a server.
type verifyCase struct {
	Server int // its place in Stand.Servers
	Fault  simulator.Fault
}

func startWith(t *testing.T, bench Bench, password string) *Stand {
	t.Helper()
	stand, err := bench.Start(bench.User, password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stand.Close)
	return stand
}

// verifyFaults are the promises that a verify broke.
func verifyFaults(bench Bench, stand *Stand, found rotation.VerifyResult, ended Ended) []string {
	var faults []string
	fault := func(format string, values ...any) { faults = append(faults, fmt.Sprintf(format, values...)) }
	newWorks, oldWorks := stand.Accepts(New), stand.Accepts(Old)
	switch found.InForce {
	case rotation.NewInForce:
		if !newWorks {
			fault("the new one is called in force, and is not")
		}
	case rotation.OldInForce:
		if !oldWorks || newWorks {
			fault("the old one is called in force, and is not")
		}
	case rotation.NeitherInForce:
		if newWorks || oldWorks {
			fault("neither is called in force, and one is")
		}
	}
	if found.NewRejected && newWorks {
		fault("the new one is called rejected, and is in force")
	}
	if stand.Writes() != 0 || found.Writes != 0 {
		fault("%d writes", stand.Writes())
	}
	if stand.FailedLogins != nil && stand.FailedLogins() > 2 {
		fault("%d failed sign-ins", stand.FailedLogins())
	}
	for _, secret := range bench.run().Secrets(stand) {
		if form := FindSecret(ended.Stdout+ended.Stderr, secret); form != "" {
			fault("a secret was printed, %s", form)
		}
	}
	return faults
}

// contract is what the bench's target states with the stand's settings.
func (b Bench) contract(t *testing.T, stand *Stand) targets.Contract {
	t.Helper()
	var contract targets.Contract
	run := b.run()
	run.run(stand, func(_ context.Context, plan *rotation.Plan, _ *report.Printer) rotation.Result {
		contract = plan.Contract()
		return rotation.Result{}
	})
	return contract
}
