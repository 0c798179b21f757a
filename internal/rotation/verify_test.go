package rotation_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/targets"
)

func TestVerify(t *testing.T) {
	of := func(contract targets.Contract, verdicts ...targets.Verdict) script {
		return script{contract: contract, newLogin: verdicts}
	}
	old := func(s script, verdict targets.Verdict) script {
		s.oldLogin = []targets.Verdict{verdict}
		return s
	}
	login, own, cache := targets.Contract{Means: targets.Login}, targets.Contract{Means: targets.OwnMeans}, targets.Contract{Means: targets.Login, Cache: true}
	for _, test := range []struct {
		name    string
		script  script
		field   map[string]any
		payload map[string]any
		inForce rotation.InForce
		code    int
		words   string
		calls   string // without close
		failed  int
	}{
		{"new", of(login, accepted), nil, nil, rotation.NewInForce, 0, "the new password is in force", "verify new", 0},
		{"old", old(of(login, rejected), accepted), nil, nil, rotation.OldInForce, 1, "the old password is in force", "verify new, verify old", 1},
		{"neither", old(of(login, rejected), rejected), nil, nil, rotation.NeitherInForce, 3, "the account has another one", "verify new, verify old", 2},
		{"no old one", of(login, rejected), nil, map[string]any{"oldPassword": ""}, rotation.NotTold, 3, "no other one to try", "verify new", 1},
		{"new inconclusive", of(login, inconclusive), nil, nil, rotation.NotTold, 3, "403", "verify new", 1},
		{"old inconclusive", old(of(login, rejected), inconclusive), nil, nil, rotation.NotTold, 3, "could not be tried", "verify new, verify old", 2},
		{"new disputed, old accepted", old(of(login, targets.Disputed), accepted), nil, nil, rotation.OldInForce, 1, "the old password is in force", "verify new, verify old", 1},
		{"both disputed", old(of(login, targets.Disputed), targets.Disputed), nil, nil, rotation.NotTold, 3, "another reason", "verify new, verify old", 2},
		{"disputed, no old one", of(login, targets.Disputed), nil, map[string]any{"oldPassword": ""}, rotation.NotTold, 3, "401", "verify new", 1},
		{"own means, with a control", of(own, accepted, rejected), nil, nil, rotation.NewInForce, 0, "", "verify new, verify impossible", 1},
		{"own means that let everybody in", of(own, accepted, accepted), nil, nil, rotation.NotTold, 3, "proves nothing", "verify new, verify impossible", 0},
		{"own means, control inconclusive", of(own, accepted, inconclusive), nil, nil, rotation.NotTold, 3, "not certain", "verify new, verify impossible", 1},
		{"own means, old: the rejection is the control", old(of(own, rejected), accepted), nil, nil, rotation.OldInForce, 1, "", "verify new, verify old", 1},
		{"cache, old rejected", old(of(cache, accepted), rejected), nil, nil, rotation.NewInForce, 0, "", "verify new, verify old", 1},
		{"cache, both accepted", old(of(cache, accepted), accepted), nil, nil, rotation.NotTold, 3, "outdated", "verify new, verify old", 0},
		{"cache, old accepted alone", old(of(cache, rejected), accepted), nil, nil, rotation.NotTold, 3, "the old password is still accepted", "verify new, verify old", 1},
		{"cache, no old one", of(cache, accepted), nil, map[string]any{"oldPassword": ""}, rotation.NotTold, 3, "outdated", "verify new", 0},
		{"no proof", of(targets.Contract{}), nil, nil, rotation.NotTold, 3, "only Example itself can tell", "", 0},
		{"a final status", of(targets.Contract{Means: targets.FinalStatus}, accepted), nil, nil, rotation.NotTold, 3, "no sign-in", "", 0},
		{"a reference", of(targets.Contract{Means: targets.Reference}, accepted), nil, nil, rotation.NotTold, 3, "no sign-in", "", 0},
		{"off", of(login, accepted), map[string]any{"Verify": "off"}, nil, rotation.NotTold, 3, "Verify is off", "", 0},
		{"what Check finds is needed", of(targets.Contract{Means: targets.Login, NeedsCheck: true}, accepted), nil, nil, rotation.NewInForce, 0, "", "check, verify new", 0},
		{"what Check does not find is needed", script{contract: targets.Contract{Means: targets.Login, NeedsCheck: true}, check: "fail"}, nil, nil, rotation.NotTold, 3, "no such account", "check", 0},
		{"a panic", script{contract: login, verify: "panic"}, nil, nil, rotation.NotTold, 3, "panicked", "verify new", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			plan, target := prepare(t, test.script, test.field, test.payload)
			result := plan.Verify(context.Background(), nil)
			if result.InForce != test.inForce || result.ExitCode() != test.code || !strings.Contains(result.Message, test.words) {
				t.Errorf("%s, exit %d: %s", result.InForce, result.ExitCode(), result.Message)
			}
			if known := result.InForce == rotation.NewInForce || result.InForce == rotation.OldInForce; known != (result.Class == "") {
				t.Errorf("class %q", result.Class)
			}
			calls := slices.DeleteFunc(slices.Clone(target.calls), func(call string) bool { return call == "close" })
			if got := strings.Join(calls, ", "); got != test.calls {
				t.Errorf("calls %q, want %q", got, test.calls)
			}
			if result.FailedLogins != test.failed || result.FailedLogins > 2 || result.Writes != 0 {
				t.Errorf("%d failed sign-ins, %d writes", result.FailedLogins, result.Writes)
			}
			if target.calls[len(target.calls)-1] != "close" {
				t.Error("nothing was given back")
			}
		})
	}
}

// TestVerifyNeverWrites, even if a target does in Verify what it must not.
func TestVerifyNeverWrites(t *testing.T) {
	plan, target := prepare(t, script{contract: targets.Contract{Means: targets.Login}, newLogin: []targets.Verdict{accepted}}, nil, nil)
	plan.Verify(context.Background(), nil)
	if err := target.call(context.Background(), api.Write, 200); err == nil {
		t.Error("a write could be sent")
	}
}

// TestControlOnceForManyAccounts: what the means of an access record have shown holds for the next.
func TestControlOnceForManyAccounts(t *testing.T) {
	own := targets.Contract{Means: targets.OwnMeans}
	var shown rotation.Shown
	for i, want := range []string{"verify new, verify impossible, close", "verify new, close"} {
		plan, target := prepare(t, script{contract: own, newLogin: []targets.Verdict{accepted, rejected}}, nil, nil)
		if result := plan.Verify(context.Background(), &shown); result.InForce != rotation.NewInForce {
			t.Errorf("%d: %s", i, result.Message)
		}
		if got := strings.Join(target.calls, ", "); got != want {
			t.Errorf("%d: calls %q, want %q", i, got, want)
		}
	}
	// Means that let everybody in are not tried again.
	shown = rotation.Shown{}
	for i, want := range []string{"verify new, verify impossible, close", "close"} {
		plan, target := prepare(t, script{contract: own, newLogin: []targets.Verdict{accepted, accepted}}, nil, nil)
		if result := plan.Verify(context.Background(), &shown); result.InForce != rotation.NotTold {
			t.Errorf("%d: %s", i, result.Message)
		}
		if got := strings.Join(target.calls, ", "); got != want {
			t.Errorf("%d: calls %q, want %q", i, got, want)
		}
	}
}

// TestOneAccountThatIsBarredMutesNoOther: it may be locked, and the next one is not.
func TestOneAccountThatIsBarredMutesNoOther(t *testing.T) {
	var shown rotation.Shown
	for i, verdict := range []targets.Verdict{inconclusive, accepted} {
		plan, _ := prepare(t, script{contract: targets.Contract{Means: targets.Login}, newLogin: []targets.Verdict{verdict}}, nil, nil)
		if result := plan.Verify(context.Background(), &shown); (result.InForce == rotation.NewInForce) != (i == 1) {
			t.Errorf("%d: %s", i, result.Message)
		}
	}
}
