package rotation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// tested is one case of the decision: what a vendor with a contract answers, exchange by
// exchange, and how the run ends.
type tested struct {
	Kind    string
	Verify  string
	Answers []string
	Outcome rotation.Outcome
	Writes  int
	Failed  int
	Tries   int
}

// contractOf is a contract as the file with the cases has it.
type contractOf struct {
	Proof                             string
	Repeat, Cache, Carries, Own, Lock bool
}

// otherwise are the cases that this program ends in another way, each with the reason. The key
// is the kind, Verify and the answers.
const (
	startless = "strict does not start where the settings allow no proof: nothing is sent"
	offLooks  = "off never signs in as the rotated user, and a look at a reference is no sign-in: it is made"
	keepsTime = "the last seconds of the time-out are kept for the clean-up, which the specification takes for free"
)

var otherwise = map[string]string{
	"answer/strict: stop, sign-in: ok":                                                                          startless,
	"answer/strict: sign-in: ok, look: ok, stop, write: 5xx":                                                    startless,
	"answer/strict: sign-in: ok, look: ok, write: 5xx, sign-in: ok, look: ok, write: ok":                        startless,
	"answer-once/strict: stop, sign-in: ok":                                                                     startless,
	"answer-once/strict: sign-in: ok, look: ok, write: 429, write: policy":                                      startless,
	"answer-once/strict: sign-in: ok, look: ok, stop, write: policy":                                            startless,
	"answer-history/strict: sign-in: ok, look: ok, write: history":                                              startless,
	"answer-history/strict: sign-in: ok, look: ok, write: silence, sign-in: ok, look: ok, write: history":       startless,
	"answer-history/strict: sign-in: ok, look: ok, write: silence, sign-in: ok, look: ok, stop, write: history": startless,
	"job-slow/strict: sign-in: ok, look: ok, write: unsent, sign-in: ok, look: ok, write: job, poll: running, poll: running, poll: running, poll: running, poll: running, poll: running, poll: running, poll: running, poll: running, poll: running": keepsTime,
	"sps-reference/off: sign-in: ok, look: sees old, open: ok, stage: ok, write: silence, close: ok, sign-in: ok, look: sees old, open: ok, stage: ok, write: ok":                                                                                    offLooks,
}

// virtual is a clock that moves by what is slept, and by what exchanges take.
type virtual struct {
	mu  sync.Mutex
	now time.Time
}

func (v *virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

func (v *virtual) pass(duration time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = v.now.Add(max(0, duration))
}

func (v *virtual) Sleep(ctx context.Context, duration time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v.pass(duration)
	return nil
}

// vendor plays the answers of one case, and is the target that asks for them.
type vendor struct {
	contract contractOf
	answers  []string
	clock    *virtual
	told     context.Context
	stop     context.CancelFunc
	client   *api.Client
	timeout  time.Duration

	problems []string
	mayBe    bool // a transaction may be open
	seen     string
}

// next takes the answer to the exchange of that name off the list.
func (v *vendor) next(name string) (answer string, stops bool) {
	for len(v.answers) > 0 && v.answers[0] == "stop" {
		v.answers, stops = v.answers[1:], true
	}
	if len(v.answers) == 0 {
		v.problems = append(v.problems, "one exchange more: "+name)
		return "break", stops
	}
	want, answer, _ := strings.Cut(v.answers[0], ": ")
	if want != name {
		v.problems = append(v.problems, fmt.Sprintf("%s in the place of %s", name, want))
		return "break", stops
	}
	v.answers = v.answers[1:]
	return answer, stops
}

var statusOf = map[string]int{"rejected": 401, "inconclusive": 403, "5xx": 500, "429": 429, "conflict": 409, "no-account": 404}

// RoundTrip is the network between: it reports to the trace as http.Transport does.
func (v *vendor) RoundTrip(request *http.Request) (*http.Response, error) {
	name := strings.ReplaceAll(strings.TrimPrefix(request.URL.Path, "/"), "_", " ")
	answer, stops := v.next(name)
	v.clock.pass(200 * time.Millisecond)
	trace := httptrace.ContextClientTrace(request.Context())
	trace.GetConn(request.URL.Host)
	if answer != "unsent" {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	if stops {
		v.stop()
	}
	if answer == "unsent" {
		return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
	}
	err := request.Write(io.Discard)
	trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	switch answer {
	case "break":
		return nil, io.EOF
	case "silence":
		timeout := 20 * time.Second
		if name == "write" {
			timeout = min(v.timeout/3, 40*time.Second)
		}
		if left, bounded := api.Left(request.Context(), v.clock); bounded {
			timeout = min(timeout, left)
		}
		v.clock.pass(timeout)
		return nil, context.DeadlineExceeded
	}
	trace.GotFirstResponseByte()
	status := statusOf[answer]
	switch answer {
	case "history", "wrong-old", "used-up", "policy":
		status = 422
	}
	if status == 0 {
		status = 200
	}
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status, " "), Header: http.Header{"X-Answer": {answer}}, ContentLength: 2,
		Body: io.NopCloser(strings.NewReader("{}")),
	}, nil
}

func (v *vendor) exchange(ctx context.Context, kind api.Kind, name string) (string, error) {
	answer, err := v.client.Do(ctx, api.Request{
		Action: name, Kind: kind, Method: "POST", Host: "vendor.invalid", Path: api.FixedPath("/" + strings.ReplaceAll(name, " ", "_")),
	})
	return answer.Headers()["x-answer"], err
}

func (v *vendor) Subject() string       { return "jane" }
func (v *vendor) Calls() []targets.Call { return nil }

func (v *vendor) Contract() targets.Contract {
	means := map[string]targets.Means{
		"login": targets.Login, "url": targets.OwnMeans, "reference": targets.Reference, "job": targets.FinalStatus, "none": targets.NoMeans,
	}
	return targets.Contract{
		Means: means[v.contract.Proof], Repeats: v.contract.Repeat, CarriesOld: v.contract.Carries, Own: v.contract.Own,
		Cache: v.contract.Cache, Transaction: v.contract.Lock,
	}
}

func (v *vendor) Check(ctx context.Context) (string, error) {
	kind, name := api.AccessSignIn, "sign-in"
	if v.contract.Own {
		kind, name = api.SignIn, "sign-in old"
	}
	if answer, err := v.exchange(ctx, kind, name); err != nil {
		if answer == "rejected" {
			return "", &targets.Refused{Err: err, Doubtful: true}
		}
		return "", err
	}
	if v.told.Err() != nil {
		return "", v.client.Fail("check", api.ClassTimeout, "interrupted")
	}
	seen, err := v.look(ctx)
	if v.seen == "" {
		v.seen = seen
	}
	return "", err
}

func (v *vendor) look(ctx context.Context) (string, error) {
	answer, err := v.exchange(ctx, api.Read, "look")
	return strings.TrimPrefix(answer, "sees "), err
}

func (v *vendor) change(ctx context.Context) error {
	answer, err := v.exchange(ctx, api.Write, "write")
	if err == nil && answer == "job" {
		return v.follow(ctx)
	}
	if err == nil {
		v.mayBe = false
		return nil
	}
	return v.refusal(answer, err)
}

func (v *vendor) Change(ctx context.Context) error { return v.change(ctx) }

func (v *vendor) refusal(answer string, err error) error {
	switch answer {
	case "policy", "no-account":
		return &targets.Refused{Err: err}
	case "history", "used-up", "wrong-old":
		return &targets.Refused{Err: err, Doubtful: true, WrongOld: answer == "wrong-old"}
	}
	return err
}

func (v *vendor) follow(ctx context.Context) error {
	for {
		_ = v.clock.Sleep(v.told, 2*time.Second)
		if left, _ := api.Left(ctx, v.clock); v.told.Err() != nil || left <= 0 {
			return &targets.Taken{Err: v.client.Fail("poll", api.ClassTimeout, "still at work")}
		}
		answer, err := v.exchange(ctx, api.Read, "poll")
		if answer == "ok" {
			return nil
		}
		if refusal := v.refusal(answer, err); refusal != nil && refusal != err {
			return refusal
		}
		_ = v.clock.Sleep(v.told, 30*time.Second)
	}
}

func (v *vendor) Verify(ctx context.Context, which targets.Which) (targets.Verdict, error) {
	switch v.contract.Proof {
	case "job":
		return targets.Accepted, nil
	case "reference":
		seen, err := v.look(ctx)
		switch {
		case err != nil:
			return targets.Inconclusive, err
		case which == targets.New && seen == "new", which == targets.Old && seen == v.seen:
			return targets.Accepted, nil
		}
		return targets.Rejected, nil
	}
	answer, err := v.exchange(ctx, api.SignIn, "login "+which.String())
	switch {
	case err == nil:
		return targets.Accepted, nil
	case answer == "rejected":
		return targets.Rejected, err
	}
	return targets.Inconclusive, err
}

func (v *vendor) Close(ctx context.Context) error {
	if !v.mayBe {
		return nil
	}
	_, err := v.exchange(ctx, api.Prepare, "close")
	v.mayBe = err != nil
	return err
}

// locking is a vendor with a transaction around the write.
type locking struct{ *vendor }

func (l locking) Stage(ctx context.Context) error {
	l.mayBe = true
	if _, err := l.exchange(ctx, api.Prepare, "open"); err != nil {
		return err
	}
	if l.told.Err() != nil {
		return l.client.Fail("stage", api.ClassTimeout, "interrupted")
	}
	_, err := l.exchange(ctx, api.Prepare, "stage")
	return err
}

func (l locking) Release(ctx context.Context) error { return l.Close(ctx) }

// TestCases plays every case of the decision's specification: the same exchanges in the same
// order, and the same end.
func TestCases(t *testing.T) {
	text, err := os.ReadFile("../../testdata/decision/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Contracts map[string]contractOf
		Cases     []tested
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 445 {
		t.Errorf("%d cases", len(file.Cases))
	}
	differ := 0
	for _, c := range file.Cases {
		key := fmt.Sprintf("%s/%s: %s", c.Kind, c.Verify, strings.Join(c.Answers, ", "))
		reason := otherwise[key]
		faults := c.play(t, file.Contracts[c.Kind])
		switch {
		case reason == "":
			for _, fault := range faults {
				t.Errorf("%s\n\t%s", key, fault)
			}
		case len(faults) == 0:
			t.Errorf("%s ends as the specification says, although: %s", key, reason)
		default:
			differ++
		}
	}
	if differ != len(otherwise) {
		t.Errorf("%d cases differ, %d are named", differ, len(otherwise))
	}
}

func (c tested) play(t *testing.T, contract contractOf) (faults []string) {
	told, stop := context.WithCancel(t.Context())
	defer stop()
	v := &vendor{contract: contract, answers: slices.Clone(c.Answers), clock: &virtual{now: time.Now()}, told: told, stop: stop, timeout: 120 * time.Second}
	if contract.Proof == "job" {
		v.timeout = 300 * time.Second
	}
	info := targets.Info{
		Name: "example", Title: "Example", Timeout: v.timeout,
		New: func(job targets.Job, client *api.Client) (targets.Target, error) {
			if v.client = client; contract.Lock {
				return locking{v}, job.Settings.Err()
			}
			return v, job.Settings.Err()
		},
	}
	payload, err := json.Marshal(map[string]any{
		"user": "jane", "newPassword": "new-password", "oldPassword": "old-password", "userRecordUid": "user",
		"records": []any{
			map[string]any{"uid": "user", "title": "Jane", "login": "jane"},
			map[string]any{"uid": "access", "title": "API Access Details", "Target": "example", "Verify": c.Verify},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	read, err := params.Read(strings.NewReader(string(payload)), params.Options{})
	if err != nil {
		t.Fatal(err)
	}
	plan, failed := rotation.Prepare(read, rotation.Options{
		Registry: targets.NewRegistry(info), Scrubber: secret.NewScrubber(), Clock: v.clock, Transport: v, Version: "test",
	})
	if failed != nil {
		return []string{failed.Message}
	}
	result := plan.Rotate(told)
	faults = append(faults, v.problems...)
	if len(v.answers) > 0 {
		faults = append(faults, fmt.Sprintf("not asked for: %v", v.answers))
	}
	got := fmt.Sprintf("%s, %d writes, %d failed sign-ins, %d tries", result.Outcome, result.Writes, result.FailedLogins, result.Tries)
	want := fmt.Sprintf("%s, %d writes, %d failed sign-ins, %d tries", c.Outcome, c.Writes, c.Failed, c.Tries)
	if got != want {
		faults = append(faults, fmt.Sprintf("got %s (%s), want %s", got, result.Message, want))
	}
	return faults
}
