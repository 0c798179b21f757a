package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// pendingVault is a vault that keeps pending passwords. It notes what it is asked for among the
// target's calls.
type pendingVault struct {
	rotation.Keeper
	target      **scripted
	there       map[string]rotation.Pending
	pend, leave error // of Pend and Unpend
	half        bool  // Pend fails, but the record is there
	panics      bool
	own         error // of SavePassword
	saved       secret.Value
}

func (v *pendingVault) note(text string) { (*v.target).calls = append((*v.target).calls, text) }

func (v *pendingVault) CanPend(_ context.Context, folder string) error {
	v.note("can pend " + folder)
	return v.pend
}

func (v *pendingVault) Pend(_ context.Context, folder string, pending rotation.Pending) (string, error) {
	v.note("pend " + folder)
	switch {
	case v.panics:
		panic("pend")
	case v.pend != nil && !v.half:
		return "", v.pend
	}
	uid := fmt.Sprint("pending-", len(v.there)+1)
	v.there[uid] = pending
	return uid, v.pend
}

func (v *pendingVault) Unpend(_ context.Context, uid string) error {
	v.note("unpend")
	if v.leave == nil {
		delete(v.there, uid)
	}
	return v.leave
}

func (v *pendingVault) CanSavePassword(_ context.Context, uid string) error {
	v.note("can save " + uid)
	return nil
}

func (v *pendingVault) SavePassword(_ context.Context, uid string, password secret.Value) error {
	v.note("save " + uid)
	if v.own == nil {
		v.saved = password
	}
	return v.own
}

// TestPendingPassword: it is in the vault from before the write until the outcome is certain.
func TestPendingPassword(t *testing.T) {
	login := targets.Contract{Means: targets.Login}
	refused := &api.Error{Vendor: "vault", Action: "keep the new password", Class: api.ClassPermission, Cause: "no"}
	for _, test := range []struct {
		name    string
		script  script
		vault   pendingVault
		payload map[string]any
		outcome rotation.Outcome
		calls   string
		there   int
		words   string // in message, hints and warnings
	}{
		{name: "changed", script: script{contract: login, newLogin: []targets.Verdict{accepted}}, outcome: rotation.Changed,
			calls: "check, pend FOLDER, change, verify new, close, unpend"},
		{name: "refused", script: script{change: []string{"refused"}}, outcome: rotation.NotChanged, calls: "check, pend FOLDER, change, close, unpend"},
		{name: "not sent", script: script{change: []string{"unsent"}}, outcome: rotation.NotChanged, calls: "check, pend FOLDER, change, close, unpend"},
		{name: "unknown", script: script{change: []string{"uncertain"}}, outcome: rotation.Unknown, calls: "check, pend FOLDER, change, close", there: 1,
			words: "the new password is kept in the vault's record pending-1"},
		{name: "check fails", script: script{check: "fail"}, outcome: rotation.NotChanged, calls: "check, close"},
		{name: "one record for all tries", script: script{change: []string{"unreadable", "success"}}, outcome: rotation.Changed,
			calls: "check, pend FOLDER, change, close, check, change, close, unpend"},
		{name: "the target panics", script: script{change: []string{"panic after"}}, outcome: rotation.Unknown, calls: "check, pend FOLDER, change, close", there: 1},
		{name: "creation fails", vault: pendingVault{pend: refused}, outcome: rotation.NotChanged, calls: "check, pend FOLDER, close", words: "keep the new password: no"},
		{name: "creation fails, and is there", vault: pendingVault{pend: refused, half: true}, outcome: rotation.NotChanged, calls: "check, pend FOLDER, close, unpend"},
		{name: "the vault panics", vault: pendingVault{panics: true}, outcome: rotation.NotChanged, calls: "check, pend FOLDER, close"},
		{name: "deletion fails", vault: pendingVault{leave: errors.New("it stays")}, outcome: rotation.Changed, calls: "check, pend FOLDER, change, close, unpend", there: 1,
			words: "the pending record is still there, delete it: it stays"},
		{name: "whose is it", payload: map[string]any{"userRecordUid": ""}, outcome: rotation.NotChanged, calls: "check, close", words: "userRecordUid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var target *scripted
			keeper := &test.vault
			keeper.target, keeper.there = &target, map[string]rotation.Pending{}
			test.script.keeper = keeper
			plan, scripted := prepare(t, test.script, map[string]any{"Pending Folder": "FOLDER"}, test.payload)
			target = scripted
			result := plan.Rotate(context.Background())
			if got := strings.Join(target.calls, ", "); result.Outcome != test.outcome || got != test.calls {
				t.Errorf("%s: %s\ncalls %s", result.Outcome, result.Message, got)
			}
			if len(keeper.there) != test.there {
				t.Errorf("in the vault: %v", keeper.there)
			}
			for _, one := range keeper.there {
				if one.UserUID != "user" || one.UserTitle != "Jane" || one.Login != "jane" || one.RunID != result.RunID || one.Password.Reveal() != "new-password" {
					t.Errorf("kept %+v", one)
				}
			}
			if told := strings.Join(slices.Concat([]string{result.Message}, result.Hints, result.Warnings), "\n"); !strings.Contains(told, test.words) {
				t.Errorf("told\n%s", told)
			}
		})
	}
}

// TestCheckLooksWhetherAPasswordCanBeKept, and keeps none.
func TestCheckLooksWhetherAPasswordCanBeKept(t *testing.T) {
	var target *scripted
	keeper := &pendingVault{target: &target, there: map[string]rotation.Pending{}, pend: errors.New("no such folder")}
	plan, scripted := prepare(t, script{keeper: keeper}, map[string]any{"Pending Folder": "FOLDER"}, nil)
	target = scripted
	result := plan.Check(context.Background())
	if got := strings.Join(target.calls, ", "); got != "check, can pend FOLDER, close" || result.Class == "" || len(keeper.there) != 0 {
		t.Errorf("%s: %s", got, result.Message)
	}
}

// TestPendingWithoutAVault ends before the write.
func TestPendingWithoutAVault(t *testing.T) {
	plan, target := prepare(t, script{}, map[string]any{"Pending Folder": "FOLDER"}, nil)
	result := plan.Rotate(context.Background())
	if got := strings.Join(target.calls, ", "); result.Outcome != rotation.NotChanged || got != "check, close" || !strings.Contains(strings.Join(result.Hints, ""), "KSM config") {
		t.Errorf("%s: %s, %v", result.Outcome, result.Message, result.Hints)
	}
}

// TestOwnPasswordIsSaved to the access record, after the proof, where the access record signs in
// as the user that is rotated and says so.
func TestOwnPasswordIsSaved(t *testing.T) {
	own := targets.Contract{Means: targets.Login, Own: true}
	for _, test := range []struct {
		name     string
		contract targets.Contract
		field    string
		verdict  targets.Verdict
		fails    error
		outcome  rotation.Outcome
		calls    string
		saved    bool
		words    string
	}{
		{"saved", own, "true", accepted, nil, rotation.Changed, "check, can save access, change, verify new, save access, close", true, ""},
		{"not asked for", own, "false", accepted, nil, rotation.Changed, "check, change, verify new, close", false, ""},
		{"somebody else's", targets.Contract{Means: targets.Login}, "true", accepted, nil, rotation.Changed, "check, change, verify new, close", false, ""},
		{"rejected", own, "true", rejected, nil, rotation.Unknown, "check, can save access, change, verify new, verify new, close", false, ""},
		{"it cannot be saved", own, "true", accepted, errors.New("no"), rotation.Changed, "check, can save access, change, verify new, save access, close", false, "put it there: no"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var target *scripted
			keeper := &pendingVault{target: &target, own: test.fails}
			plan, scripted := prepare(t, script{contract: test.contract, newLogin: []targets.Verdict{test.verdict}, keeper: keeper}, map[string]any{"Save Own Password": test.field}, nil)
			target = scripted
			result := plan.Rotate(context.Background())
			if got := strings.Join(target.calls, ", "); result.Outcome != test.outcome || got != test.calls {
				t.Errorf("%s: %s\ncalls %s", result.Outcome, result.Message, got)
			}
			if saved := keeper.saved.Reveal() == "new-password"; saved != test.saved {
				t.Errorf("saved is %v", saved)
			}
			if told := strings.Join(result.Warnings, "\n"); !strings.Contains(told, test.words) {
				t.Errorf("told %s", told)
			}
		})
	}
}

// RotatesOwnUser makes a scripted target a targets.OwnUser.
func (s *scripted) RotatesOwnUser() bool { return s.contract.Own }
