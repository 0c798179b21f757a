package targets_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/targets"
)

func TestPatiently(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	patient, release := targets.Patiently(ctx, time.Hour)
	cancel(api.ErrInterrupted)
	if patient.Err() != nil {
		t.Error("given up at once")
	}
	release()
	if patient.Err() == nil {
		t.Error("not released")
	}
	if again, _ := targets.Patiently(ctx, time.Hour); again.Err() == nil {
		t.Error("a context that is over was given more time")
	}

	ctx, cancel = context.WithCancelCause(t.Context())
	patient, release = targets.Patiently(ctx, 0)
	defer release()
	cancel(api.ErrInterrupted)
	<-patient.Done()
	if !errors.Is(context.Cause(patient), api.ErrInterrupted) {
		t.Errorf("the cause is lost: %v", context.Cause(patient))
	}

	past, cancelPast := context.WithDeadline(t.Context(), time.Now().Add(time.Minute))
	defer cancelPast()
	patient, release = targets.Patiently(past, time.Hour)
	defer release()
	want, _ := past.Deadline()
	if got, ok := patient.Deadline(); !ok || !got.Equal(want) {
		t.Errorf("deadline %v, want %v", got, want)
	}
}

func TestSameName(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"jane@example.com", "JANE@Example.COM", true}, {"jäne", "jäne", true}, {"jäne", "jÄne", false},
		{"k", "\u212a", false}, {"s", "\u017f", false}, {"a", "a ", false}, {"", "", true},
	} {
		if got := targets.SameName(test.a, test.b); got != test.same {
			t.Errorf("%q and %q: %v", test.a, test.b, got)
		}
	}
}

func TestJudge(t *testing.T) {
	for status, refused := range map[int]bool{400: true, 403: true, 429: false, 408: false, 302: false, 500: false, 200: false} {
		var found *targets.Refused
		err := targets.Contract{}.Judge(&api.Error{Left: true, Status: status})
		if got := errors.As(err, &found); got != refused {
			t.Errorf("%d: refused %v", status, got)
		}
		if err := (targets.Contract{}).Judge(&api.Error{Status: status}); errors.As(err, &found) {
			t.Errorf("%d: refused although nothing had left", status)
		}
	}
	// Restify's status for an argument that is not valid.
	for text, refused := range map[string]bool{"password too short": true, "another change is at work": false, "": false} {
		var found *targets.Refused
		if err := (targets.Contract{}).Judge(&api.Error{Left: true, Status: 409, Text: text}); errors.As(err, &found) != refused {
			t.Errorf("409 %q: %+v", text, found)
		}
	}
}

// TestJudgeDoubts: a refusal of what a first copy would have used up may answer a copy, unless
// it speaks of a weak password.
func TestJudgeDoubts(t *testing.T) {
	carries, transaction := targets.Contract{CarriesOld: true}, targets.Contract{Transaction: true}
	for _, test := range []struct {
		name               string
		contract           targets.Contract
		status             int
		text               string
		doubtful, wrongOld bool
	}{
		{"nothing is used up", targets.Contract{}, 400, "no", false, false},
		{"a precondition", targets.Contract{}, 412, "", true, false},
		{"the old password", carries, 400, "no", true, true},
		{"the old password, as a login", carries, 401, "", true, true},
		{"the old password, as a right", carries, 403, "", true, true},
		{"the old password, as a rule", carries, 422, "", true, true},
		{"the old password, and no account", carries, 404, "", false, false},
		{"the old password, and too large", carries, 413, "", false, false},
		{"the old password, and a weak new one", carries, 422, "The password is too short", false, false},
		{"a transaction", transaction, 404, "", true, false},
		{"a transaction, and a weak password", transaction, 400, "needs at least 12 characters", false, false},
	} {
		var found *targets.Refused
		err := test.contract.Judge(&api.Error{Left: true, Status: test.status, Text: test.text})
		if !errors.As(err, &found) || found.Doubtful != test.doubtful || found.WrongOld != test.wrongOld {
			t.Errorf("%s: %+v", test.name, found)
		}
	}
}

func TestRegistry(t *testing.T) {
	constructor := func(targets.Job, *api.Client) (targets.Target, error) { return nil, nil }
	registry := targets.NewRegistry(
		targets.Info{Name: "one", Title: "One", New: constructor, Matches: func(a api.Address) bool { return targets.HasPathPrefix(a, "/one") }},
		targets.Info{Name: "any", Title: "Any", New: constructor, Generic: true, Matches: func(a api.Address) bool { return a.EscapedPath != "" && a.EscapedPath != "/" }},
	)
	for _, test := range []struct{ name, address, want string }{
		{"ONE", "", "one"}, {" any ", "https://x/one", "any"},
		{"", "https://x/One/two", "one"}, {"", "https://x/onetwo", "any"}, {"", "https://x/three", "any"},
		{"", "https://x/", ""}, {"", "x", ""}, {"", "", ""}, {"", "http://x/one", ""}, {"two", "https://x/one", ""},
	} {
		info, _, err := registry.Choose(targets.Signs{Name: test.name, Address: test.address})
		if info.Name != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q %q: got %q, %v", test.name, test.address, info.Name, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a name came twice")
		}
	}()
	targets.NewRegistry(targets.Info{Name: "a", Title: "A", New: constructor}, targets.Info{Name: "a", Title: "A", New: constructor})
}
