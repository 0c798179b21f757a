package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/simulator"
)

// vendor answers every call on its three routes with what the test says.
type vendor struct {
	sync.Mutex
	answer func(r *simulator.Request) simulator.Answer
}

func (v *vendor) Routes() []simulator.Route {
	serve := func(r *simulator.Request) simulator.Answer { return v.answer(r) }
	below := func(prefix string) func(string) bool {
		return func(path string) bool { return strings.HasPrefix(path, prefix) }
	}
	return []simulator.Route{
		{Name: "read", Method: "GET", Match: below("/read"), Serve: serve},
		{Name: "write", Method: "PATCH", Match: below("/write"), Write: true, Serve: serve},
		{Name: "sign in", Method: "GET", Match: below("/login"), Login: true, Serve: serve},
	}
}

// waits is a clock that notes what it was asked to wait for and goes on at once.
type waits struct {
	mu     sync.Mutex
	waited []time.Duration
}

func (w *waits) Now() time.Time { return time.Now() }

func (w *waits) Sleep(ctx context.Context, duration time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waited = append(w.waited, duration)
	return ctx.Err()
}

type rig struct {
	server *simulator.Server
	vendor *vendor
	clock  *waits
	client *api.Client
	log    *bytes.Buffer
}

func newRig(t *testing.T, alter func(*api.Config)) *rig {
	t.Helper()
	r := &rig{clock: &waits{}, log: &bytes.Buffer{}}
	r.vendor = &vendor{answer: func(*simulator.Request) simulator.Answer {
		return simulator.JSON(200, map[string]any{"ok": true})
	}}
	var err error
	if r.server, err = simulator.Start(r.vendor, simulator.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.server.Close)
	config := api.Config{
		Vendor: "example", Trust: api.Trust{Authorities: r.server.Authority().PEM()}, Clock: r.clock,
		CallTimeout: 5 * time.Second, Log: zerolog.New(r.log), Explain: api.ExplainBy("message"),
		Scrubber: secret.NewScrubber(),
	}
	config.Scrubber.Seal("canary-password")
	if alter != nil {
		alter(&config)
	}
	if r.client, err = api.NewClient(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.Close)
	return r
}

func (r *rig) read() api.Request {
	return api.Request{Action: "read", Kind: api.Read, Method: "GET", Host: r.server.Host(), Path: api.FixedPath("/read")}
}

func (r *rig) write() api.Request {
	return api.Request{
		Action: "write", Kind: api.Write, Method: "PATCH", Host: r.server.Host(), Path: api.FixedPath("/write"),
		Body: api.JSONBody(api.Object{{Name: "password", Value: secret.New("canary-password")}}),
	}
}

func (r *rig) signIn() api.Request {
	return api.Request{
		Action: "sign in", Kind: api.SignIn, Method: "GET", Host: r.server.Host(), Path: api.FixedPath("/login"),
		Header: []api.Header{api.Basic("jane", secret.New("canary-password"))},
	}
}

func (r *rig) inject(name, kind string, occurrence int) {
	r.server.Inject(simulator.Fault{Exchange: name, Occurrence: occurrence, Kind: simulator.KindNamed(kind)})
}

func (r *rig) arrivals(name string) int {
	return r.server.Count(func(e simulator.Exchange) bool { return e.Name == name })
}

// TestEveryCallIsSentOnce: to begin again is the runner's affair.
func TestEveryCallIsSentOnce(t *testing.T) {
	for _, kind := range []string{
		"429 before", "500 before", "502 before", "503 before", "504 before", "drop before", "echo 401 before", "redirect 302 before",
	} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t, nil)
			r.inject("read", kind, 0)
			if _, err := r.client.Do(t.Context(), r.read()); api.AsError(err) == nil {
				t.Fatalf("got %v, want an *api.Error", err)
			}
			if got := r.arrivals("read"); got != 1 || len(r.clock.waited) != 0 {
				t.Errorf("%d arrivals, %d waits", got, len(r.clock.waited))
			}
			if decoy := r.server.Decoy(); len(decoy) > 0 {
				t.Errorf("a redirect was followed")
			}
		})
	}
}

// TestConnectionLostAfterALongSilence: something in between may have cut it while the vendor is
// at work yet, which is a time-out and not a network that failed.
func TestConnectionLostAfterALongSilence(t *testing.T) {
	for silence, class := range map[time.Duration]api.Class{2 * time.Second: api.ClassNetwork, 12 * time.Second: api.ClassTimeout} {
		clock := &api.SkippingClock{}
		r := newRig(t, func(config *api.Config) { config.Clock = clock })
		r.vendor.answer = func(*simulator.Request) simulator.Answer {
			_ = clock.Sleep(context.Background(), silence)
			return simulator.JSON(200, map[string]any{})
		}
		r.inject("write", "drop after", 0)
		_, err := r.client.Do(t.Context(), r.write())
		fault := api.AsError(err)
		if fault == nil || fault.Class != class || strings.Contains(fault.Cause, "after a long wait") != (class == api.ClassTimeout) {
			t.Errorf("after %v: %+v", silence, fault)
		}
	}
}

// TestPasses: what may be gone a moment later, as against what says something.
func TestPasses(t *testing.T) {
	for kind, passes := range map[string]bool{
		"429 before": true, "500 before": true, "502 before": true, "503 before": true, "504 before": true, "drop before": true,
		"reset before": true, "truncated JSON before": true,
		"echo 400 before": false, "echo 401 before": false, "echo 403 before": false, "echo 404 before": false, "echo 409 before": false,
		"redirect 302 before": false,
	} {
		r := newRig(t, nil)
		r.inject("read", kind, 0)
		_, err := r.client.Do(t.Context(), r.read())
		if fault := api.AsError(err); fault == nil || fault.Passes() != passes {
			t.Errorf("%s: %+v", kind, fault)
		}
		r.server.Close()
	}
	for name, test := range map[string]struct {
		fault  api.Error
		passes bool
	}{
		"a finding about an answer":    {api.Error{Class: api.ClassTarget}, true},
		"the same of another status":   {api.Error{Class: api.ClassTarget, Status: 401}, false},
		"a finding about the account":  {api.Error{Class: api.ClassAccount}, false},
		"a certificate":                {api.Error{Class: api.ClassTLS}, false},
		"no connection":                {api.Error{Class: api.ClassNetwork}, true},
		"told to stop":                 {api.Error{Class: api.ClassTimeout, Err: api.ErrInterrupted}, false},
		"given up":                     {api.Error{Class: api.ClassTimeout, Err: context.Canceled}, false},
		"tried as often as is useful":  {api.Error{Class: api.ClassTarget, Status: 503, Final: true}, false},
		"a time-out, told by a status": {api.Error{Class: api.ClassTimeout, Status: 408}, true},
		"too early":                    {api.Error{Class: api.ClassTarget, Status: 425}, true},
	} {
		if got := test.fault.Passes(); got != test.passes {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestCreationsThatAreLost: a call that makes something counts as lost unless its answer is
// clear.
func TestCreationsThatAreLost(t *testing.T) {
	for kind, lost := range map[string]int{"": 0, "echo 400 before": 0, "429 before": 0, "drop after": 1, "500 before": 1, "truncated JSON after": 1} {
		r := newRig(t, nil)
		if kind != "" {
			r.inject("write", kind, 0)
		}
		request := r.write()
		request.Kind, request.Creates = api.Prepare, true
		_, _ = r.client.Do(t.Context(), request)
		if got := r.client.Counts().Lost; got != lost {
			t.Errorf("%q: %d lost", kind, got)
		}
		r.server.Close()
	}
}

func TestWriteIsSentOnce(t *testing.T) {
	for _, kind := range simulator.Kinds() {
		if kind.Hangs || kind.Name == "wrong account after" {
			continue
		}
		t.Run(kind.Name, func(t *testing.T) {
			r := newRig(t, nil)
			// A connection that was used before is what net/http would retry on.
			if _, err := r.client.Do(t.Context(), r.read()); err != nil {
				t.Fatal(err)
			}
			r.inject("write", kind.Name, 0)
			answer, err := r.client.Do(t.Context(), r.write())
			if got := r.arrivals("write"); got != 1 {
				t.Errorf("%d arrivals, want 1", got)
			}
			if counts := r.client.Counts(); counts.Writes+counts.TurnedAway != 1 || (counts.TurnedAway == 1) != (kind.Status == 429) {
				t.Errorf("counted %+v", counts)
			}
			if fault := api.AsError(err); err != nil && !fault.Left {
				t.Errorf("the error does not say that the request had left: %v", err)
			}
			if err == nil && answer.Status != max(kind.Status, 200) {
				t.Errorf("status %d without an error", answer.Status)
			}
			if len(r.server.Decoy()) > 0 {
				t.Error("a redirect was followed")
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Error("the error holds the password")
			}
		})
	}
}

// passing is a clock that goes on when the vendor is at work.
type passing struct {
	waits
	now time.Time
}

func (p *passing) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// TestConnectionCutAfterALongWait: what cuts an idle connection is seldom the vendor, which
// may be at work on the write yet.
func TestConnectionCutAfterALongWait(t *testing.T) {
	for took, class := range map[time.Duration]api.Class{time.Second: api.ClassNetwork, 15 * time.Second: api.ClassTimeout} {
		clock := &passing{now: time.Now()}
		r := newRig(t, func(config *api.Config) { config.Clock = clock })
		r.vendor.answer = func(*simulator.Request) simulator.Answer {
			clock.mu.Lock()
			defer clock.mu.Unlock()
			clock.now = clock.now.Add(took)
			return simulator.JSON(200, map[string]any{"ok": true})
		}
		r.inject("write", "drop after", 1)
		_, err := r.client.Do(t.Context(), r.write())
		if fault := api.AsError(err); fault == nil || fault.Class != class || !fault.Left {
			t.Errorf("after %s: %+v", took, fault)
		}
	}
}

// TestNothingIsSentThatMayBeRepeated: net/http sends such requests again by itself.
func TestNothingIsSentThatMayBeRepeated(t *testing.T) {
	for name, alter := range map[string]func(*api.Request){
		"a key": func(r *api.Request) {
			r.Header = append(r.Header, api.Header{Name: "idempotency-key", Value: secret.New("7")})
		},
		"another key": func(r *api.Request) {
			r.Header = append(r.Header, api.Header{Name: "X-Idempotency-Key", Value: secret.New("7")})
		},
		"a safe method": func(r *api.Request) { r.Method = "GET" },
		"a safe method without a body": func(r *api.Request) {
			r.Method, r.Body = "OPTIONS", api.Body{}
		},
	} {
		for _, kind := range []api.Kind{api.Prepare, api.Write, api.SignIn} {
			t.Run(name+"/"+kind.String(), func(t *testing.T) {
				r := newRig(t, nil)
				request := r.write()
				request.Kind = kind
				alter(&request)
				_, err := r.client.Do(t.Context(), request)
				fault := api.AsError(err)
				if signIn := kind == api.SignIn && name == "a safe method without a body"; signIn {
					return // it gets a body of its own
				}
				if fault == nil || fault.Class != api.ClassInternal || fault.Left || r.client.Counts().Requests != 0 {
					t.Errorf("got %+v, %d requests", fault, r.client.Counts().Requests)
				}
			})
		}
	}
}

func TestSignInIsSentOnceAndCounted(t *testing.T) {
	for _, kind := range []string{"drop before", "reset before", "503 before", "echo 401 before"} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t, nil)
			if _, err := r.client.Do(t.Context(), r.read()); err != nil {
				t.Fatal(err)
			}
			r.inject("sign in", kind, 0)
			if _, err := r.client.Do(t.Context(), r.signIn()); err == nil {
				t.Fatal("no error")
			}
			if got := r.arrivals("sign in"); got != 1 {
				t.Errorf("%d arrivals, want 1", got)
			}
			if got := r.client.Counts().FailedLogins; got != 1 {
				t.Errorf("counted %d failed logins, want 1", got)
			}
			for _, exchange := range r.server.Exchanges() {
				if exchange.Header.Get("Transfer-Encoding") != "" || exchange.Header.Get("Content-Length") != "" {
					t.Errorf("%s %s announces a body", exchange.Method, exchange.RequestURI)
				}
			}
		})
	}
}

// TestSignInIsNotCountedTwice: a 202 is none that was accepted, and is one, whatever else the
// caller finds in it.
func TestSignInIsNotCountedTwice(t *testing.T) {
	for _, status := range []int{200, 202, 401} {
		r := newRig(t, nil)
		r.vendor.answer = func(*simulator.Request) simulator.Answer { return simulator.JSON(status, map[string]any{}) }
		answer, _ := r.client.Do(t.Context(), r.signIn())
		r.client.NotAccepted(api.SignIn, answer)
		if got := r.client.Counts().FailedLogins; got != 1 || answer.Status != status {
			t.Errorf("an answer of %d counts as %d failed sign-ins, want 1", answer.Status, got)
		}
	}
}

func TestNothingHadLeft(t *testing.T) {
	r := newRig(t, nil)
	request := r.write()
	r.server.Close() // now the port refuses
	_, err := r.client.Do(t.Context(), request)
	fault := api.AsError(err)
	if fault == nil || fault.Left || fault.Class != api.ClassNetwork {
		t.Fatalf("got %#v", fault)
	}
	if got := r.client.Counts(); got != (api.Counts{}) {
		t.Errorf("counts %+v, want none", got)
	}
}

func TestStopWrites(t *testing.T) {
	r := newRig(t, nil)
	if left := r.client.StopWrites(); left {
		t.Error("a write had left before there was one")
	}
	_, err := r.client.Do(t.Context(), r.write())
	if !errors.Is(err, api.ErrInterrupted) || api.AsError(err).Left {
		t.Errorf("got %v, want an interruption before the write", err)
	}
	if _, err := r.client.Do(t.Context(), r.read()); err != nil {
		t.Errorf("a read was stopped as well: %v", err)
	}
	if got := r.arrivals("write"); got != 0 {
		t.Errorf("%d writes arrived", got)
	}
}

func TestStopWritesWhileOneIsOut(t *testing.T) {
	r := newRig(t, nil)
	arrived, release := make(chan struct{}), make(chan struct{})
	r.vendor.answer = func(*simulator.Request) simulator.Answer {
		close(arrived)
		<-release
		return simulator.JSON(200, map[string]any{})
	}
	done := make(chan error)
	go func() {
		_, err := r.client.Do(context.Background(), r.write())
		done <- err
	}()
	<-arrived
	if left := r.client.StopWrites(); !left {
		t.Error("the write on its way was not seen")
	}
	if got := r.client.Counts().Writes; got != 1 {
		t.Errorf("%d writes counted while one is out", got)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTrust(t *testing.T) {
	r := newRig(t, nil)
	sum := sha256.Sum256(r.server.Certificate().Raw)
	fingerprint := hex.EncodeToString(sum[:])
	for _, test := range []struct {
		name  string
		trust api.Trust
		class api.Class // "" for success
	}{
		{"system's authorities", api.Trust{}, api.ClassTLS},
		{"own authority", api.Trust{Authorities: r.server.Authority().PEM()}, ""},
		{"fingerprint", api.Trust{Fingerprint: fingerprint}, ""},
		{"fingerprint with colons", api.Trust{Fingerprint: "SHA256=" + strings.ToUpper(colons(fingerprint))}, ""},
		{"other fingerprint", api.Trust{Fingerprint: strings.Repeat("ab", 32)}, api.ClassTLS},
		{"other fingerprint, own authority", api.Trust{Authorities: r.server.Authority().PEM(), Fingerprint: strings.Repeat("ab", 32)}, api.ClassTLS},
		{"other fingerprint, unverified", api.Trust{Unverified: true, Fingerprint: strings.Repeat("ab", 32)}, api.ClassTLS},
		{"unverified", api.Trust{Unverified: true}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, err := api.NewClient(api.Config{Vendor: "example", Trust: test.trust, Clock: &waits{}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Do(t.Context(), r.read())
			if test.class == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			fault := api.AsError(err)
			if fault == nil || fault.Class != test.class || fault.Left || len(fault.Hints) == 0 {
				t.Fatalf("got %v (%+v), want class %s before anything left, with a hint", err, fault, test.class)
			}
		})
	}
}

func colons(digits string) string {
	var pairs []string
	for i := 0; i < len(digits); i += 2 {
		pairs = append(pairs, digits[i:i+2])
	}
	return strings.Join(pairs, ":")
}

func TestUnusableTrust(t *testing.T) {
	for _, trust := range []api.Trust{
		{Authorities: "not PEM"},
		{Authorities: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
		{Authorities: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
		{Fingerprint: "12:34"},
		{Fingerprint: strings.Repeat("xy", 32)},
	} {
		if _, err := api.NewClient(api.Config{Vendor: "example", Trust: trust}); err == nil {
			t.Errorf("%+v was taken", trust)
		}
	}
}

func TestRequestAsSent(t *testing.T) {
	r := newRig(t, func(c *api.Config) { c.UserAgent = "pam-rotate-script/test" })
	path, err := api.NewPath("/read/agent/{email}", "jane+ops%41@exämple.com")
	if err != nil {
		t.Fatal(err)
	}
	request := r.read()
	request.Path = path
	request.Header = []api.Header{{Name: "x-access-token", Value: secret.New("token")}}
	if _, err := r.client.Do(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	sent := r.server.Exchanges()[0]
	if want := "/read/agent/jane%2Bops%2541%40ex%C3%A4mple.com"; sent.RequestURI != want {
		t.Errorf("path %s, want %s", sent.RequestURI, want)
	}
	for name, want := range map[string]string{
		"X-Access-Token": "token", "User-Agent": "pam-rotate-script/test", "Accept": "application/json",
		"Accept-Encoding": "identity", "Cookie": "", "Expect": "", "Idempotency-Key": "",
	} {
		if got := sent.Header.Get(name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if strings.Contains(r.log.String(), "jane") || !strings.Contains(r.log.String(), "/read/agent/{email}") {
		t.Errorf("the log should show the template alone: %s", r.log)
	}
}

func TestOneConnection(t *testing.T) {
	r := newRig(t, nil)
	for _, request := range []api.Request{r.read(), r.write(), r.signIn(), r.read()} {
		if _, err := r.client.Do(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.server.Connections(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	object := func(names int) string {
		var text strings.Builder
		for i := range names {
			fmt.Fprintf(&text, `,"%d":0`, i)
		}
		return "{" + text.String()[1:] + "}"
	}
	for name, test := range map[string]struct {
		body string
		ok   bool
	}{
		"1 MiB":      {`{"a":"` + strings.Repeat("x", 1<<20-8) + `"}`, true},
		"more":       {`{"a":"` + strings.Repeat("x", 1<<20) + `"}`, false},
		"deep":       {strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000), false},
		"many names": {object(api.MaxNames), true},
		"more names": {object(api.MaxNames + 1), false},
		"more below": {`{"a":[` + object(api.MaxNames+1) + `]}`, false},
		"name twice": {`{"a":1,"a":2}`, false},
		"inner name": {`{"b":{"a":1,"a":2}}`, false},
		"rubbish":    {`{"a":1} {"a":2}`, false},
		"same names": {`{"a":{"a":1},"b":[{"a":1},{"a":2}]}`, true},
		"null":       {`null`, false},
		"text":       {`"text"`, false},
		"empty":      {``, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.vendor.answer = func(*simulator.Request) simulator.Answer {
				return simulator.Answer{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(test.body)}
			}
			answer, err := r.client.Do(t.Context(), r.read())
			if err == nil {
				_, err = answer.Object()
			}
			if (err == nil) != test.ok {
				t.Errorf("got %v, want success %v", err, test.ok)
			}
		})
	}
}

func TestErrorTells(t *testing.T) {
	scrubber := secret.NewScrubber()
	password := scrubber.Seal("canary-password")
	r := newRig(t, func(c *api.Config) { c.Scrubber = scrubber })
	r.vendor.answer = func(*simulator.Request) simulator.Answer {
		answer := simulator.JSON(400, map[string]any{
			"message": "too weak:\r\n\x1b[31m" + password.Reveal() + "\u202e " + strings.Repeat("long ", 100), "other": "not shown",
		})
		answer.Header.Set("X-Request-Id", "abc-123")
		return answer
	}
	_, err := r.client.Do(t.Context(), r.write())
	fault := api.AsError(err)
	if fault == nil || fault.Class != api.ClassPolicy || !fault.Refused() || fault.RequestID != "abc-123" {
		t.Fatalf("got %+v", fault)
	}
	text := err.Error()
	if !strings.HasPrefix(text, "example: write: answered 400 Bad Request: too weak: ") {
		t.Errorf("text %q", text)
	}
	for _, unwanted := range []string{"canary", "\n", "\r", "\x1b", "\u202e", "not shown"} {
		if strings.Contains(text+r.log.String(), unwanted) && unwanted != "\n" || strings.Contains(text, unwanted) {
			t.Errorf("the text holds %q: %q", unwanted, text)
		}
	}
	if len([]rune(fault.Text)) > 201 {
		t.Errorf("%d characters of the vendor's text", len([]rune(fault.Text)))
	}
}

func TestHangEndsInTime(t *testing.T) {
	r := newRig(t, func(c *api.Config) { c.CallTimeout = 50 * time.Millisecond })
	r.inject("write", "hang after", 0)
	_, err := r.client.Do(t.Context(), r.write())
	if fault := api.AsError(err); fault == nil || fault.Class != api.ClassTimeout || !fault.Left {
		t.Errorf("got %+v", fault)
	}
}

func TestRetryStopsBeforeTheDeadline(t *testing.T) {
	r := newRig(t, nil)
	r.vendor.answer = func(*simulator.Request) simulator.Answer {
		return simulator.Answer{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request := r.read()
	request.LimitPatience = api.UntilDeadline
	if _, err := r.client.Do(ctx, request); api.AsError(err).Status != 429 {
		t.Errorf("got %v", err)
	}
	if len(r.clock.waited) != 0 {
		t.Errorf("waited for %v although the run would have been over", r.clock.waited)
	}
}

func TestBodies(t *testing.T) {
	r := newRig(t, nil)
	for _, test := range []struct {
		body api.Body
		want string
	}{
		{api.JSONBody(api.Object{{Name: "a<&>", Value: "x<&>\"\\\u2028"}, {Name: "b", Value: secret.New("ü\n")},
			{Name: "c", Value: []any{true, nil, 7}}, {Name: "d", Value: api.Object{}}, {Name: "e", Value: api.RawJSON{Text: secret.New(`{"z":1}`)}}}),
			`{"a<&>":"x<&>\"\\\u2028","b":"\u00fc\n","c":[true,null,7],"d":{},"e":{"z":1}}`},
		{api.FormBody(api.Member{Name: "a b", Value: "x&y=z"}, api.Member{Name: "p", Value: secret.New("+ %ü")}),
			"a+b=x%26y%3Dz&p=%2B+%25%C3%BC"},
	} {
		request := r.write()
		request.Body = test.body
		if _, err := r.client.Do(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		exchanges := r.server.Exchanges()
		sent := exchanges[len(exchanges)-1]
		if string(sent.Body) != test.want {
			t.Errorf("sent %s, want %s", sent.Body, test.want)
		}
		if sent.Header.Get("Content-Length") != fmt.Sprint(len(test.want)) {
			t.Errorf("content length %q", sent.Header.Get("Content-Length"))
		}
	}
	for name, request := range map[string]api.Request{
		"not UTF-8": {Body: api.JSONBody("\xff")},
		"header":    {Header: []api.Header{{Name: "X-Token", Value: secret.New("canary\r\nX-Other: 1")}}},
	} {
		request.Action, request.Kind, request.Method, request.Host, request.Path = "write", api.Write, "PATCH", r.server.Host(), api.FixedPath("/write")
		_, err := r.client.Do(t.Context(), request)
		if fault := api.AsError(err); fault == nil || fault.Left || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
