package rotation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// returning is a scripted target whose change returns values, and that would revoke an
// old credential when it is closed.
type returning struct{ *scripted }

func (r returning) Labels() []string { return r.labels }

func (r returning) Returned() []targets.Returned {
	r.calls = append(r.calls, "returned")
	if r.returned == nil {
		panic("returned")
	}
	return r.returned
}

func (r returning) RevokeOld() { r.calls = append(r.calls, "revoke old") }

// keeping is a vault that notes in the target's calls what it is asked.
type keeping struct {
	rotation.Keeper
	target       **scripted
	refuse, fail error
	panics       bool
}

func (k keeping) CanSave(_ context.Context, uid string, labels ...string) error {
	(*k.target).calls = append((*k.target).calls, fmt.Sprintf("can save %s %s", uid, strings.Join(labels, "+")))
	return k.refuse
}

func (k keeping) Save(_ context.Context, uid string, values ...targets.Returned) error {
	var list []string
	for _, value := range values {
		list = append(list, fmt.Sprintf("%s=%s plain %v", value.Label, value.Value.Reveal(), value.Plain))
	}
	(*k.target).calls = append((*k.target).calls, fmt.Sprintf("save %s %s", uid, strings.Join(list, "+")))
	if k.panics {
		panic("canary-token")
	}
	return k.fail
}

// TestReturnedValuesAreSaved: before the write it is certain that they can be, and they
// are before the target is closed; a success without them is none.
func TestReturnedValuesAreSaved(t *testing.T) {
	fault := func(class api.Class) error {
		return &api.Error{Vendor: "vault", Action: "save", Class: class, Cause: "no", Hints: []string{"a hint of the vault"}}
	}
	minted := []targets.Returned{{Label: "api_token", Value: secret.New("canary-token")}, {Label: "expires", Value: secret.New("2031"), Plain: true}}
	both := []string{"api_token", "expires"}
	const asked, saved = "can save user api_token+expires", "save user api_token=canary-token plain false+expires=2031 plain true"
	for _, test := range []struct {
		name     string
		script   script
		keeper   keeping
		noKeeper bool
		payload  map[string]any
		outcome  rotation.Outcome
		class    api.Class
		calls    string
	}{
		{"saved", script{labels: both, returned: minted}, keeping{}, false, nil, rotation.Changed, "",
			"check, " + asked + ", change, returned, " + saved + ", revoke old, close"},
		{"saved after a proof", script{labels: both, returned: minted, contract: targets.Contract{Means: targets.Login}, change: []string{"uncertain"}, newLogin: []targets.Verdict{accepted}}, keeping{}, false, nil, rotation.Changed, "",
			"check, " + asked + ", change, verify new, returned, " + saved + ", revoke old, close"},
		{"nothing to save", script{labels: []string{}, returned: minted}, keeping{}, true, nil, rotation.Changed, "",
			"check, change, revoke old, close"},

		{"cannot be saved", script{labels: both, returned: minted}, keeping{refuse: fault(api.ClassPermission)}, false, nil, rotation.NotChanged, api.ClassPermission,
			"check, " + asked + ", close"},
		{"no vault", script{labels: both, returned: minted}, keeping{}, true, nil, rotation.NotChanged, api.ClassInput,
			"check, close"},
		{"no record to save to", script{labels: both, returned: minted}, keeping{}, false, map[string]any{"userRecordUid": " "}, rotation.NotChanged, api.ClassInput,
			"check, close"},

		{"the save fails", script{labels: both, returned: minted}, keeping{fail: fault(api.ClassConflict)}, false, nil, rotation.Unknown, api.ClassConflict,
			"check, " + asked + ", change, returned, " + saved + ", close"},
		{"the save fails in an unknown way", script{labels: both, returned: minted}, keeping{fail: errors.New("no")}, false, nil, rotation.Unknown, api.ClassInternal,
			"check, " + asked + ", change, returned, " + saved + ", close"},
		{"the save panics", script{labels: both, returned: minted}, keeping{panics: true}, false, nil, rotation.Unknown, api.ClassInternal,
			"check, " + asked + ", change, returned, " + saved + ", close"},
		{"the target panics", script{labels: both}, keeping{}, false, nil, rotation.Unknown, api.ClassInternal,
			"check, " + asked + ", change, returned, close"},
		{"a value is missing", script{labels: both, returned: minted[:1]}, keeping{}, false, nil, rotation.Unknown, api.ClassTarget,
			"check, " + asked + ", change, returned, save user api_token=canary-token plain false, close"},
		{"all values are missing", script{labels: both, returned: minted[:0]}, keeping{}, false, nil, rotation.Unknown, api.ClassTarget,
			"check, " + asked + ", change, returned, close"},
		{"a value was not announced", script{labels: both[1:], returned: minted}, keeping{}, false, nil, rotation.Unknown, api.ClassInternal,
			"check, can save user expires, change, returned, close"},

		{"refused", script{labels: both, returned: minted, change: []string{"refused"}}, keeping{}, false, nil, rotation.NotChanged, api.ClassPermission,
			"check, " + asked + ", change, close"},
		{"unknown", script{labels: both, returned: minted, change: []string{"uncertain"}}, keeping{}, false, nil, rotation.Unknown, api.ClassTarget,
			"check, " + asked + ", change, close"},
		{"in force already", script{labels: both, returned: minted, contract: targets.Contract{Means: targets.Login}, change: []string{"history"}, newLogin: []targets.Verdict{accepted}}, keeping{}, false, nil, rotation.Changed, "",
			"check, " + asked + ", change, verify new, close"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var target *scripted
			test.keeper.target = &target
			if !test.noKeeper {
				test.script.keeper = test.keeper
			}
			var plan *rotation.Plan
			plan, target = prepare(t, test.script, nil, test.payload)
			result := plan.Rotate(t.Context())
			if result.Outcome != test.outcome || result.Class != test.class {
				t.Errorf("got %s, class %q (%s); want %s, class %q", result.Outcome, result.Class, result.Message, test.outcome, test.class)
			}
			if got := strings.Join(target.calls, ", "); got != test.calls {
				t.Errorf("calls: %s\nwant:  %s", got, test.calls)
			}
			if result.Outcome == rotation.NotChanged && result.Writes > 0 && test.script.change == nil {
				t.Errorf("%d writes", result.Writes)
			}
			if result.Outcome == rotation.Unknown {
				if result.Proof != "" || !strings.Contains(strings.Join(result.Hints, "; "), `"`+test.script.labels[0]+`"`) {
					t.Errorf("proof %q, hints %q", result.Proof, result.Hints)
				}
			}
			printed, err := json.Marshal(result)
			if err != nil {
				t.Fatal(err)
			}
			if all := string(printed) + target.log.text.String(); strings.Contains(all, "canary") || strings.Contains(all, "2031") {
				t.Errorf("a value is printed: %s", all)
			}
		})
	}
}

// TestCheckLooksAtTheVault: a check finds out as well whether what is returned could be
// saved.
func TestCheckLooksAtTheVault(t *testing.T) {
	for _, refuse := range []error{nil, &api.Error{Vendor: "vault", Action: "save", Class: api.ClassPermission, Cause: "no"}} {
		var target *scripted
		var plan *rotation.Plan
		plan, target = prepare(t, script{labels: []string{"api_token"}, keeper: keeping{target: &target, refuse: refuse}}, nil, nil)
		result := plan.Check(t.Context())
		if got := strings.Join(target.calls, ", "); got != "check, can save user api_token, close" {
			t.Errorf("calls: %s", got)
		}
		if (result.Class == "") != (refuse == nil) {
			t.Errorf("class %q, with the vault's %v", result.Class, refuse)
		}
	}
}
