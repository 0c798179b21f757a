package rotation_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// script says what a scripted target does. The zero script is a vendor without
// proof whose write succeeds.
type script struct {
	contract targets.Contract
	check    string // "", "fail", "panic", "wait" until the run is told to stop
	change   []string
	newLogin []targets.Verdict // of each try; the last one stays
	oldLogin []targets.Verdict
	verify   string                // "panic"
	close    string                // "", "fail", "panic"
	during   func()                // called by the vendor while the write is out
	slow     map[int]time.Duration // what the call takes that is the first, second and so on
	keeper   rotation.Keeper
	labels   []string // what the change announces that it returns
	returned []targets.Returned
}

// scripted is a target that follows a script. Its calls go through the real client
// to a real server, which answers with the status in the path.
type scripted struct {
	script
	client *api.Client
	host   string
	calls  []string
	clock  *api.SkippingClock
	log    signalling
}

// begin notes a call, and lets its time pass.
func (s *scripted) begin(ctx context.Context, call string) {
	s.calls = append(s.calls, call)
	if took := s.slow[len(s.calls)]; took > 0 {
		_ = s.clock.Sleep(ctx, took)
	}
}

// signalling is a log that tells when a message has been written.
type signalling struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{}
}

func (l *signalling) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	return l.text.Write(p)
}

// wait returns once the log holds the text.
func (l *signalling) wait(text string) {
	for {
		l.mu.Lock()
		found := strings.Contains(l.text.String(), text)
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		if found {
			return
		}
		<-changed
	}
}

func (s *scripted) Subject() string            { return "jane" }
func (s *scripted) Contract() targets.Contract { return s.contract }
func (s *scripted) Calls() []targets.Call      { return nil }

func (s *scripted) call(ctx context.Context, kind api.Kind, status int) error {
	_, err := s.client.Do(ctx, api.Request{
		Action: "call", Kind: kind, Method: "POST", Host: s.host, Path: api.FixedPath(fmt.Sprint("/", status)),
	})
	return err
}

func (s *scripted) Check(ctx context.Context) (string, error) {
	s.begin(ctx, "check")
	switch s.check {
	case "fail":
		return "", s.client.Fail("find", api.ClassAccount, "no such account", "look again")
	case "panic":
		panic("check")
	case "sign-in broken off once":
		if len(s.calls) == 1 {
			return "", s.call(ctx, api.SignIn, 500)
		}
	case "own login":
		return "", &targets.Refused{Err: s.client.Fail("sign in", api.ClassCredential, "refused"), Doubtful: true}
	case "wait":
		s.during()
		<-ctx.Done()
		return "", s.client.Fail("find", api.ClassTimeout, "interrupted")
	}
	return "account 7", nil
}

func (s *scripted) Change(ctx context.Context) error {
	s.calls = append(s.calls, "change")
	step := "success"
	if len(s.change) > 0 {
		step, s.change = s.change[0], s.change[1:]
	}
	switch step {
	case "unsent":
		return s.client.Fail("prepare", api.ClassConflict, "locked")
	case "unreadable":
		return s.client.Fail("prepare", api.ClassTarget, "the answer cannot be read")
	case "lost":
		_, err := s.client.Do(ctx, api.Request{
			Action: "make", Kind: api.Prepare, Method: "POST", Host: s.host, Path: api.FixedPath("/500"), Creates: true,
		})
		return err
	case "lost, then uncertain":
		_, _ = s.client.Do(ctx, api.Request{
			Action: "make", Kind: api.Prepare, Method: "POST", Host: s.host, Path: api.FixedPath("/500"), Creates: true,
		})
		return s.contract.Judge(s.call(ctx, api.Write, 500))
	case "turned away":
		return s.contract.Judge(s.call(ctx, api.Write, 429))
	case "prepared policy":
		return s.contract.Judge(s.call(ctx, api.Prepare, 422))
	case "nothing sent":
		return nil
	case "panic before":
		panic("before")
	case "panic after":
		_ = s.call(ctx, api.Write, 200)
		panic("after")
	case "policy":
		return s.contract.Judge(s.call(ctx, api.Write, 400))
	case "refused":
		return s.contract.Judge(s.call(ctx, api.Write, 403))
	case "uncertain":
		return s.contract.Judge(s.call(ctx, api.Write, 500))
	case "gateway timeout":
		return s.contract.Judge(s.call(ctx, api.Write, 504))
	case "history":
		return &targets.Refused{Err: s.call(ctx, api.Write, 400), Doubtful: true}
	case "accepted":
		_ = s.call(ctx, api.Write, 202)
		fault := s.client.Fail("write", api.ClassTarget, "answered 202")
		fault.Status = 202
		return fault
	case "taken":
		_ = s.call(ctx, api.Write, 202)
		return &targets.Taken{Err: s.call(ctx, api.Read, 500)}
	case "redirect":
		return s.contract.Judge(s.call(ctx, api.Write, 307))
	case "odd":
		_ = s.call(ctx, api.Write, 200)
		return s.client.Fail("write", api.ClassTarget, "the answer names somebody else")
	}
	return s.contract.Judge(s.call(ctx, api.Write, 200))
}

func (s *scripted) Verify(ctx context.Context, which targets.Which) (targets.Verdict, error) {
	s.begin(ctx, "verify "+which.String())
	if s.verify == "panic" {
		panic("verify")
	}
	verdicts := &s.newLogin
	if which == targets.Old {
		verdicts = &s.oldLogin
	}
	verdict := targets.Inconclusive
	if len(*verdicts) > 0 {
		verdict = (*verdicts)[0]
		if len(*verdicts) > 1 {
			*verdicts = (*verdicts)[1:]
		}
	}
	status := map[targets.Verdict]int{targets.Accepted: 200, targets.Rejected: 401, targets.Disputed: 401, targets.Inconclusive: 403}[verdict]
	return verdict, s.call(ctx, api.SignIn, status)
}

func (s *scripted) Close(context.Context) error {
	s.calls = append(s.calls, "close")
	switch s.close {
	case "fail":
		return errors.New("the lock stays")
	case "panic":
		panic("close")
	}
	return nil
}

// prepare makes a plan for a script. fields are further ones of the access record.
func prepare(t *testing.T, s script, fields map[string]any, payload map[string]any) (*rotation.Plan, *scripted) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		if s.during != nil {
			s.during()
		}
		w.Header().Set("Location", "https://127.0.0.1:1/")
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	target := &scripted{script: s, host: server.Listener.Addr().String(), clock: &api.SkippingClock{}}
	info := targets.Info{
		Name: "example", Title: "Example",
		New: func(job targets.Job, client *api.Client) (targets.Target, error) {
			target.client = client
			if s.labels != nil {
				return returning{target}, job.Settings.Err()
			}
			return target, job.Settings.Err()
		},
	}
	access := map[string]any{
		"uid": "access", "title": "API Access Details", "Target": "example",
		"CA Certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
	}
	for label, value := range fields {
		access[label] = value
	}
	outer := map[string]any{
		"user": "jane", "newPassword": "new-password", "oldPassword": "old-password", "userRecordUid": "user",
		"records": []any{map[string]any{"uid": "user", "title": "Jane", "login": "jane"}, access},
	}
	for key, value := range payload {
		outer[key] = value
	}
	text, err := json.Marshal(outer)
	if err != nil {
		t.Fatal(err)
	}
	read, err := params.Read(strings.NewReader(string(text)), params.Options{})
	if err != nil {
		t.Fatal(err)
	}
	plan, failed := rotation.Prepare(read, rotation.Options{
		Registry: targets.NewRegistry(info), Scrubber: secret.NewScrubber(), Clock: target.clock, Version: "test", Keeper: s.keeper,
		Log: func(string, string) zerolog.Logger { return zerolog.New(&target.log) },
	})
	if failed != nil {
		t.Fatal(failed.Message)
	}
	return plan, target
}

const (
	accepted     = targets.Accepted
	rejected     = targets.Rejected
	inconclusive = targets.Inconclusive
)

// TestDecision is the decision table as far as the cases of the specification leave it to a
// vendor's answers, in the classes, proofs and calls.
func TestDecision(t *testing.T) {
	login := func(change string, newLogin ...targets.Verdict) script {
		return script{contract: targets.Contract{Means: targets.Login}, change: []string{change}, newLogin: newLogin}
	}
	status := func(change string, newLogin ...targets.Verdict) script {
		return script{contract: targets.Contract{Means: targets.Reference}, change: []string{change}, newLogin: newLogin}
	}
	repeats := func(s script, then string, oldLogin ...targets.Verdict) script {
		s.contract.Repeats, s.change, s.oldLogin = true, append(s.change, then), oldLogin
		return s
	}
	for _, test := range []struct {
		name    string
		script  script
		verify  string
		payload map[string]any
		outcome rotation.Outcome
		proof   targets.Proof
		class   api.Class
		calls   string
	}{
		// Before the write.
		{"check fails", script{check: "fail"}, "", nil, rotation.NotChanged, "", api.ClassAccount, "check, close"},
		{"check panics", script{check: "panic"}, "", nil, rotation.NotChanged, "", api.ClassInternal, "check, close"},
		{"preparation fails", script{change: []string{"unsent"}}, "", nil, rotation.NotChanged, "", api.ClassConflict, "check, change, close"},
		{"change says success and has sent nothing", script{change: []string{"nothing sent"}}, "", nil, rotation.NotChanged, "", api.ClassInternal, "check, change, close"},
		{"change panics before the write", script{change: []string{"panic before"}}, "", nil, rotation.NotChanged, "", api.ClassInternal, "check, change, close"},
		{"a preparation that passes", script{change: []string{"unreadable", "success"}}, "", nil, rotation.Changed, targets.ProofAnswer, "", "check, change, close, check, change, close"},
		{"a preparation that does not pass", script{change: []string{"unreadable", "unreadable", "unreadable", "success"}}, "", nil, rotation.NotChanged, "", api.ClassTarget, "check, change, close, check, change, close, check, change, close"},
		{"a preparation whose close fails", script{change: []string{"unreadable", "success"}, close: "fail"}, "", nil, rotation.NotChanged, "", api.ClassTarget, "check, change, close, close"},
		{"no time is left for another try, which is not what failed", script{change: []string{"unreadable", "success"}, slow: map[int]time.Duration{4: time.Minute}}, "", nil, rotation.NotChanged, "", api.ClassTarget, "check, change, close, check, close"},
		{"something was made whose answer is lost", script{change: []string{"lost", "success"}}, "", nil, rotation.NotChanged, "", api.ClassTarget, "check, change, close"},

		{"the account's own login is refused, new in force", script{check: "own login", contract: targets.Contract{Means: targets.Login}, newLogin: []targets.Verdict{accepted}}, "", nil, rotation.Changed, targets.ProofLogin, "", "check, verify new, close"},
		{"the account's own login is refused, new rejected", script{check: "own login", contract: targets.Contract{Means: targets.Login}, newLogin: []targets.Verdict{rejected}}, "", nil, rotation.NotChanged, "", api.ClassCredential, "check, verify new, close"},
		{"the account's own login is refused, no proof", script{check: "own login"}, "", nil, rotation.NotChanged, "", api.ClassCredential, "check, close"},

		// Refused.
		{"preparation refused by policy", login("prepared policy", accepted), "", nil, rotation.NotChanged, "", api.ClassPolicy, "check, change, close"},
		{"refused", script{change: []string{"refused"}}, "", nil, rotation.NotChanged, "", api.ClassPermission, "check, change, close"},
		{"refused by policy", login("policy", accepted), "", nil, rotation.NotChanged, "", api.ClassPolicy, "check, change, close"},
		{"refused by history, in force already", login("history", accepted), "", nil, rotation.Changed, targets.ProofLogin, "", "check, change, verify new, close"},
		{"refused by history, disputed", login("history", targets.Disputed), "", nil, rotation.Unknown, "", api.ClassPolicy, "check, change, verify new, verify new, close"},
		{"success, disputed", login("success", targets.Disputed), "", nil, rotation.Unknown, "", api.ClassCredential, "check, change, verify new, verify new, close"},
		{"refused by history, not in force", login("history", rejected), "", nil, rotation.NotChanged, "", api.ClassPolicy, "check, change, verify new, verify new, close"},
		{"refused by history, not to be told", login("history", inconclusive), "", nil, rotation.Unknown, "", api.ClassPolicy, "check, change, verify new, close"},
		{"refused by history, no proof", script{change: []string{"history"}}, "", nil, rotation.Unknown, "", api.ClassPolicy, "check, change, close"},
		{"refused by history, proof off", login("history", accepted), "off", nil, rotation.Unknown, "", api.ClassPolicy, "check, change, close"},
		{"refused by history, proof by status", status("history", accepted), "", nil, rotation.Changed, targets.ProofStatus, "", "check, change, verify new, close"},

		// Answered with success.
		{"success without proof", script{}, "", nil, rotation.Changed, targets.ProofAnswer, "", "check, change, close"},
		{"success proved", login("success", accepted), "", nil, rotation.Changed, targets.ProofLogin, "", "check, change, verify new, close"},
		{"success proved by status", status("success", accepted), "off", nil, rotation.Changed, targets.ProofStatus, "", "check, change, verify new, close"},
		{"success proved after settling", login("success", rejected, accepted), "", nil, rotation.Changed, targets.ProofLogin, "", "check, change, verify new, verify new, close"},
		{"success, then rejected", login("success", rejected), "", nil, rotation.Unknown, "", api.ClassCredential, "check, change, verify new, verify new, close"},
		{"success, rejected, then inconclusive", login("success", rejected, inconclusive), "", nil, rotation.Unknown, "", api.ClassCredential, "check, change, verify new, verify new, close"},
		{"success, inconclusive", login("success", inconclusive), "", nil, rotation.Changed, targets.ProofAnswer, "", "check, change, verify new, close"},
		{"success, inconclusive, strict", login("success", inconclusive), "strict", nil, rotation.Unknown, "", api.ClassPermission, "check, change, verify new, close"},
		{"success, proof off", login("success", rejected), "off", nil, rotation.Changed, targets.ProofAnswer, "", "check, change, close"},

		// No certain answer.
		{"uncertain, no way to know", script{change: []string{"uncertain"}}, "", nil, rotation.Unknown, "", api.ClassTarget, "check, change, close"},
		{"redirect", script{change: []string{"redirect"}}, "", nil, rotation.Unknown, "", api.ClassTarget, "check, change, close"},
		{"odd answer", script{change: []string{"odd"}}, "", nil, rotation.Unknown, "", api.ClassTarget, "check, change, close"},
		{"uncertain, new accepted", login("uncertain", accepted), "", nil, rotation.Changed, targets.ProofLogin, "", "check, change, verify new, close"},
		{"uncertain, new accepted late", login("uncertain", rejected, accepted), "", nil, rotation.Changed, targets.ProofLogin, "", "check, change, verify new, verify new, close"},
		{"uncertain, new rejected", login("uncertain", rejected), "", nil, rotation.Unknown, "", api.ClassTarget, "check, change, verify new, verify new, close"},
		{"the vendor took an order, new rejected", login("accepted", rejected), "", nil, rotation.Unknown, "", api.ClassTarget, "check, change, verify new, verify new, close"},
		{"taken, and nothing known of it since", repeats(login("taken", rejected), "success", accepted), "", nil, rotation.Unknown, "", api.ClassTarget, "check, change, verify new, verify new, close"},
		{"taken, nothing known of it since, new accepted", login("taken", accepted), "", nil, rotation.Changed, targets.ProofLogin, "", "check, change, verify new, close"},
		{"uncertain, new inconclusive", login("uncertain", inconclusive), "", nil, rotation.Unknown, "", api.ClassTarget, "check, change, verify new, close"},
		{"uncertain, proof off", login("uncertain", accepted), "off", nil, rotation.Unknown, "", api.ClassTarget, "check, change, close"},

		// The repeat.
		{"repeat succeeds", repeats(script{change: []string{"uncertain"}}, "success"), "", nil, rotation.Changed, targets.ProofAnswer, "", "check, change, close, check, change, close"},
		{"repeat uncertain", repeats(script{change: []string{"uncertain"}}, "uncertain"), "", nil, rotation.Unknown, "", api.ClassTarget, "check, change, close, check, change, close"},
		{"repeat refused", repeats(script{change: []string{"uncertain"}}, "policy"), "", nil, rotation.Unknown, "", api.ClassTarget, "check, change, close, check, change, close"},
		{"the old password is accepted, repeat proved", repeats(login("uncertain", rejected, accepted), "success", accepted), "", nil, rotation.Changed, targets.ProofLogin, "", "check, change, verify new, close, check, verify old, change, verify new, close"},
		{"the old password is rejected, no repeat", repeats(login("uncertain", rejected), "success", rejected), "", nil, rotation.Unknown, "", api.ClassTarget, "check, change, verify new, close, check, verify old, close"},
		{"no old password to try, repeat at once", repeats(login("uncertain", rejected, accepted), "success"), "", map[string]any{"oldPassword": ""}, rotation.Changed, targets.ProofLogin, "", "check, change, verify new, close, check, change, verify new, close"},
		{"what was opened cannot be given back, no repeat", func() script {
			s := repeats(script{change: []string{"uncertain"}}, "success")
			s.close = "fail"
			return s
		}(), "", nil, rotation.Unknown, "", api.ClassTarget, "check, change, close, close"},

		{"something was made whose answer is lost, no repeat", repeats(script{change: []string{"lost, then uncertain"}}, "success"), "", nil, rotation.Unknown, "", api.ClassTarget, "check, change, close"},
		{"the write carries the old password, and no failed sign-in is left, no repeat", script{
			contract: targets.Contract{CarriesOld: true, Repeats: true}, check: "sign-in broken off once", change: []string{"uncertain", "success"},
		}, "", nil, rotation.Unknown, "", api.ClassTarget, "check, close, check, change, close"},

		{"the try of the old password took too long, no repeat", func() script {
			s := repeats(login("uncertain", rejected), "success", accepted)
			s.slow = map[int]time.Duration{6: time.Minute}
			return s
		}(), "", nil, rotation.Unknown, "", api.ClassTarget, "check, change, verify new, close, check, verify old, verify new, close"},

		// Panics after the write.
		{"change panics after the write", script{change: []string{"panic after"}}, "", nil, rotation.Unknown, "", api.ClassInternal, "check, change, close"},
		{"change panics after the write, repeatable", script{change: []string{"panic after"}, contract: targets.Contract{Repeats: true}}, "", nil, rotation.Unknown, "", api.ClassInternal, "check, change, close"},
		{"verify panics", script{contract: targets.Contract{Means: targets.Login}, verify: "panic"}, "", nil, rotation.Unknown, "", api.ClassInternal, "check, change, verify new, close"},

		// Close never changes the outcome.
		{"close fails", script{close: "fail"}, "", nil, rotation.Changed, targets.ProofAnswer, "", "check, change, close"},
		{"close panics", script{close: "panic"}, "", nil, rotation.Changed, targets.ProofAnswer, "", "check, change, close"},
		{"close fails after a refusal", script{change: []string{"refused"}, close: "panic"}, "", nil, rotation.NotChanged, "", api.ClassPermission, "check, change, close"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fields := map[string]any{}
			if test.verify != "" {
				fields["Verify"] = test.verify
			}
			plan, target := prepare(t, test.script, fields, test.payload)
			result := plan.Rotate(t.Context())
			if result.Outcome != test.outcome || result.Proof != test.proof || result.Class != test.class {
				t.Errorf("got %s, proof %q, class %q (%s); want %s, proof %q, class %q",
					result.Outcome, result.Proof, result.Class, result.Message, test.outcome, test.proof, test.class)
			}
			if got := strings.Join(target.calls, ", "); got != test.calls {
				t.Errorf("calls: %s; want %s", got, test.calls)
			}
			if result.FailedLogins > 2 {
				t.Errorf("%d failed logins", result.FailedLogins)
			}
			if (test.outcome == rotation.Changed) != (result.Class == "") {
				t.Errorf("outcome %s with class %q", result.Outcome, result.Class)
			}
			if test.outcome == rotation.Unknown && len(result.Hints) == 0 {
				t.Error("unknown without a hint")
			}
			if test.script.close != "" && len(result.Warnings) != 1 {
				t.Errorf("warnings %q, want one on cleaning up", result.Warnings)
			}
		})
	}
}

func TestInconclusiveProofWarns(t *testing.T) {
	plan, _ := prepare(t, script{contract: targets.Contract{Means: targets.Login}, newLogin: []targets.Verdict{inconclusive}}, nil, nil)
	result := plan.Rotate(t.Context())
	if len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "403") {
		t.Errorf("warnings %q do not say what stood in the way", result.Warnings)
	}
}

func TestInterruptedBeforeTheWrite(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	plan, target := prepare(t, script{check: "wait", during: cancel}, nil, nil)
	result := plan.Rotate(ctx)
	if result.Outcome != rotation.NotChanged || result.Class != api.ClassTimeout || result.Writes != 0 {
		t.Errorf("%s, class %s, %d writes", result.Outcome, result.Class, result.Writes)
	}
	if got := strings.Join(target.calls, ", "); got != "check, close" {
		t.Errorf("calls: %s", got)
	}
}

// TestInterruptedBetweenWritesThatWereTurnedAway: what was answered 429 was not carried out, and
// whoever told the run to stop is told so.
func TestInterruptedBetweenWritesThatWereTurnedAway(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	plan, target := prepare(t, script{change: []string{"turned away", "success"}, during: cancel}, nil, nil)
	result := plan.Rotate(ctx)
	if result.Outcome != rotation.NotChanged || result.Class != api.ClassTimeout || result.Writes != 0 {
		t.Errorf("%s, class %s, %d writes: %s", result.Outcome, result.Class, result.Writes, result.Message)
	}
	if got := strings.Join(target.calls, ", "); got != "check, change, close" {
		t.Errorf("calls: %s", got)
	}
}

// TestRejectedBeforeTheSettlingTime: where the time-out ends before a vendor may have learned of a
// change, its rejection does not show that the refusal was not that of a copy.
func TestRejectedBeforeTheSettlingTime(t *testing.T) {
	for settling, want := range map[string]rotation.Outcome{"5": rotation.NotChanged, "600": rotation.Unknown} {
		s := script{contract: targets.Contract{Means: targets.Login}, change: []string{"history"}, newLogin: []targets.Verdict{rejected}}
		plan, _ := prepare(t, s, map[string]any{"Settling Time": settling}, nil)
		if result := plan.Rotate(t.Context()); result.Outcome != want {
			t.Errorf("with %s s to settle it ends %s (%s), want %s", settling, result.Outcome, result.Message, want)
		}
	}
}

func TestInterruptedAfterTheWriteHadLeft(t *testing.T) {
	for name, verdict := range map[string]targets.Verdict{"proved": accepted, "rejected": rejected} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var target *scripted
			s := script{contract: targets.Contract{Means: targets.Login}, newLogin: []targets.Verdict{verdict}, during: func() {
				cancel()
				target.log.wait("told to stop")
			}}
			var plan *rotation.Plan
			plan, target = prepare(t, s, nil, nil)
			result := plan.Rotate(ctx)
			want := rotation.Changed
			if verdict == rejected {
				want = rotation.Unknown
			}
			if result.Outcome != want || result.Writes != 1 {
				t.Errorf("%s with %d writes: %s", result.Outcome, result.Writes, result.Message)
			}
			if got := strings.Join(target.calls, ", "); got != "check, change, verify new, close" {
				t.Errorf("calls: %s", got)
			}
		})
	}
}

func TestStrictWithoutProofDoesNotStart(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	info := targets.Info{Name: "example", Title: "Example", New: func(job targets.Job, client *api.Client) (targets.Target, error) {
		return &scripted{client: client}, nil
	}}
	read, err := params.Read(strings.NewReader(`{"user":"jane","newPassword":"x","records":[{"uid":"a","title":"API Access Details","Target":"example","Verify":"strict"}]}`), params.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, failed := rotation.Prepare(read, rotation.Options{Registry: targets.NewRegistry(info)})
	if failed == nil || failed.Class != api.ClassInput || failed.Target != "example" {
		t.Errorf("got %+v", failed)
	}
}

func TestCheckNeverWrites(t *testing.T) {
	plan, target := prepare(t, script{}, nil, nil)
	result := plan.Check(t.Context())
	if result.Class != "" || result.Account != "account 7" || strings.Join(target.calls, ", ") != "check, close" {
		t.Errorf("%+v after %v", result, target.calls)
	}
	// Even a target that writes in its check cannot.
	if err := target.Change(t.Context()); !errors.Is(err, api.ErrInterrupted) {
		t.Errorf("a write was sent: %v", err)
	}
}

func TestAllowedUsers(t *testing.T) {
	for list, allowed := range map[string]bool{"jane": true, "j*": true, "john, jane": true, "Jane": false, "janet": false, "jan": false, "*": true} {
		read, err := params.Read(strings.NewReader(fmt.Sprintf(
			`{"user":"jane","newPassword":"x","records":[{"uid":"a","title":"API Access Details","Target":"example","Allowed Users":%q}]}`, list)), params.Options{})
		if err != nil {
			t.Fatal(err)
		}
		info := targets.Info{Name: "example", Title: "Example", New: func(job targets.Job, client *api.Client) (targets.Target, error) {
			return &scripted{client: client}, nil
		}}
		_, failed := rotation.Prepare(read, rotation.Options{Registry: targets.NewRegistry(info)})
		if (failed == nil) != allowed {
			t.Errorf("list %q: %+v", list, failed)
		}
		if failed != nil && failed.Class != api.ClassPermission {
			t.Errorf("list %q: class %s", list, failed.Class)
		}
	}
}

// found is a target that knows only after Check whom it rotates, and by another name too.
type found struct {
	*scripted
	checked     bool
	name, other string
}

func (f *found) Subject() string {
	if f.checked {
		return f.name
	}
	return ""
}

func (f *found) AlsoNames() []string { return []string{f.other} }

func (f *found) Check(context.Context) (string, error) {
	f.checked = true
	return "", nil
}

// TestAllowedUsersAfterTheLookUp: the account that the write names is what counts, by all of
// its names.
func TestAllowedUsersAfterTheLookUp(t *testing.T) {
	for _, test := range []struct {
		list, name, other string
		allowed           bool
	}{
		{"jane, j7", "jane", "j7", true}, {"jane", "jane", "j7", false}, {"j7", "jane", "j7", false}, {"*", "jane", "j7", true},
		{"*", "", "j7", false}, {"*", "jane", "", false}, {"Jane, j7", "jane", "j7", false},
	} {
		read, err := params.Read(strings.NewReader(fmt.Sprintf(
			`{"user":"someone","newPassword":"x","records":[{"uid":"a","title":"API Access Details","Target":"example","Allowed Users":%q}]}`, test.list)), params.Options{})
		if err != nil {
			t.Fatal(err)
		}
		info := targets.Info{Name: "example", Title: "Example", New: func(job targets.Job, client *api.Client) (targets.Target, error) {
			return &found{scripted: &scripted{client: client}, name: test.name, other: test.other}, nil
		}}
		plan, failed := rotation.Prepare(read, rotation.Options{Registry: targets.NewRegistry(info)})
		if failed != nil {
			t.Fatalf("%+v: refused before the look-up: %s", test, failed.Message)
		}
		result := plan.Check(t.Context())
		if result.Class == "" != test.allowed || !test.allowed && result.Class != api.ClassPermission {
			t.Errorf("%+v: class %q, %s", test, result.Class, result.Message)
		}
	}
}
