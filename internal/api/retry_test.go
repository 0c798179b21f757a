package api_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/simulator"
)

// TestRateLimitIsWaitedOut: where the vendor documents its limit, a Read that is told how long
// to wait gets its turn however often it comes too late, and never comes back before it was
// told to. Nothing else is sent again.
func TestRateLimitIsWaitedOut(t *testing.T) {
	const enough = 7 // the try that is answered
	for name, test := range map[string]struct {
		kind       string
		status     int
		retryAfter string
		deadline   time.Duration // 0 is none
		arrivals   int
		succeeds   bool
	}{
		"read":                            {"read", 429, "10", 5 * time.Minute, enough, true},
		"read, told to come back at once": {"read", 429, "0", 5 * time.Minute, enough, true},
		"read, not told how long":         {"read", 429, "", 5 * time.Minute, 1, false},
		"read, told unreadably":           {"read", 429, "soon", 5 * time.Minute, 1, false},
		"read without a deadline":         {"read", 429, "10", 0, 3, false},
		"read, the deadline comes first":  {"read", 429, "10", 29 * time.Second, 3, false},
		"read at a broken vendor":         {"read", 503, "10", 5 * time.Minute, 1, false},
		"write":                           {"write", 429, "10", 5 * time.Minute, 1, false},
		"sign-in":                         {"sign in", 429, "10", 5 * time.Minute, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			arrivals := 0
			r.vendor.answer = func(*simulator.Request) simulator.Answer {
				if arrivals++; arrivals == enough {
					return simulator.JSON(200, map[string]any{})
				}
				refusal := simulator.Error(test.status, "rate limit exceeded")
				if test.retryAfter != "" {
					refusal.Header.Set("Retry-After", test.retryAfter)
				}
				return refusal
			}
			ctx := t.Context()
			if test.deadline != 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, test.deadline)
				defer cancel()
			}
			request := map[string]api.Request{"read": r.read(), "write": r.write(), "sign in": r.signIn()}[test.kind]
			if test.kind != "write" {
				request.LimitPatience = api.UntilDeadline
			}
			_, err := r.client.Do(ctx, request)
			if (err == nil) != test.succeeds {
				t.Errorf("got %v", err)
			}
			if err != nil && api.AsError(err).Status != test.status {
				t.Errorf("got %v, want status %d", err, test.status)
			}
			if got := r.arrivals(test.kind); got != test.arrivals {
				t.Errorf("%d arrivals, want %d", got, test.arrivals)
			}
			told, named := api.RetryAfter(api.NewAnswer(http.Header{"Retry-After": {test.retryAfter}}, nil), time.Now())
			for i, waited := range r.clock.waited {
				if named && waited < told {
					t.Errorf("wait %d was %v, although the vendor said %v", i+1, waited, told)
				}
			}
		})
	}
}

// TestRateLimitSpreadsRuns: many that were told the same do not come back at once, and
// who has waited longer is not the last to come.
func TestRateLimitSpreadsRuns(t *testing.T) {
	const runs, tries = 40, 12
	longest := make([]time.Duration, tries) // by the try that failed
	seen := make([]map[time.Duration]bool, tries)
	for range runs {
		r := newRig(t, nil)
		r.vendor.answer = func(*simulator.Request) simulator.Answer {
			refusal := simulator.Error(429, "rate limit exceeded")
			refusal.Header.Set("Retry-After", "5")
			return refusal
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		request := r.read()
		request.LimitPatience = api.UntilDeadline
		_, _ = r.client.Do(ctx, request)
		cancel()
		for try := range tries {
			waited := r.clock.waited[try] - 5*time.Second
			longest[try] = max(longest[try], waited)
			if seen[try] == nil {
				seen[try] = map[time.Duration]bool{}
			}
			seen[try][waited] = true
		}
		r.server.Close()
	}
	for try := range tries {
		if len(seen[try]) < runs/2 || longest[try] > 4*time.Second/time.Duration(try+1) && longest[try] > 500*time.Millisecond {
			t.Errorf("after try %d: %d different waits, the longest of them %v beyond what was asked for", try+1, len(seen[try]), longest[try])
		}
	}
}

// limiting makes a vendor that turns the first writes away and answers the next as the
// kind of fault says; "" is success.
func limiting(t *testing.T, turnedAway int, retryAfter, then string) *rig {
	t.Helper()
	r := newRig(t, nil)
	arrivals := 0
	r.vendor.answer = func(*simulator.Request) simulator.Answer {
		if arrivals++; turnedAway < 0 || arrivals <= turnedAway {
			refusal := simulator.Error(429, "rate limit exceeded")
			if retryAfter != "" {
				refusal.Header.Set("Retry-After", retryAfter)
			}
			return refusal
		}
		return simulator.JSON(200, map[string]any{})
	}
	if then != "" {
		r.inject("write", then, turnedAway+1)
	}
	return r
}

// TestWriteTurnedAway: a write that a rate limit has turned away, and nothing else, is
// sent again, after the time that was asked for and no longer than its patience, where
// the vendor documents its limit so.
func TestWriteTurnedAway(t *testing.T) {
	const always = -1
	for name, test := range map[string]struct {
		turnedAway         int
		retryAfter         string
		patience, deadline time.Duration
		then               string
		status             int // of the error; 0 with succeeds is none
		succeeds           bool
		arrivals           int // -1 is many
		writes             int
	}{
		"once":                        {turnedAway: 1, retryAfter: "10", patience: time.Minute, succeeds: true, arrivals: 2, writes: 1},
		"five times":                  {turnedAway: 5, retryAfter: "2", patience: time.Minute, succeeds: true, arrivals: 6, writes: 1},
		"told to come back at once":   {turnedAway: 5, retryAfter: "0", patience: time.Minute, succeeds: true, arrivals: 6, writes: 1},
		"never let in":                {turnedAway: always, retryAfter: "10", patience: time.Minute, status: 429, arrivals: always, writes: 0},
		"no patience":                 {turnedAway: 1, retryAfter: "10", status: 429, arrivals: 1, writes: 0},
		"told to wait too long":       {turnedAway: 1, retryAfter: "61", patience: time.Minute, status: 429, arrivals: 1, writes: 0},
		"not told how long":           {turnedAway: 1, patience: time.Minute, status: 429, arrivals: 1, writes: 0},
		"told unreadably":             {turnedAway: 1, retryAfter: "soon", patience: time.Minute, status: 429, arrivals: 1, writes: 0},
		"the deadline comes first":    {turnedAway: always, retryAfter: "10", patience: time.Hour, deadline: 15 * time.Second, status: 429, arrivals: 2, writes: 0},
		"then 503 with Retry-After":   {turnedAway: 1, retryAfter: "1", patience: time.Minute, then: "503 before", status: 503, arrivals: 2, writes: 1},
		"then a failure":              {turnedAway: 1, retryAfter: "1", patience: time.Minute, then: "500 after", status: 500, arrivals: 2, writes: 1},
		"then no answer":              {turnedAway: 1, retryAfter: "1", patience: time.Minute, then: "drop after", arrivals: 2, writes: 1},
		"then a reset":                {turnedAway: 1, retryAfter: "1", patience: time.Minute, then: "reset before", arrivals: 2, writes: 1},
		"then a refusal":              {turnedAway: 2, retryAfter: "1", patience: time.Minute, then: "echo 400 before", status: 400, arrivals: 3, writes: 1},
		"then a wrong credential":     {turnedAway: 2, retryAfter: "1", patience: time.Minute, then: "echo 401 before", status: 401, arrivals: 3, writes: 1},
		"then a redirect":             {turnedAway: 1, retryAfter: "1", patience: time.Minute, then: "redirect 307 before", status: 307, arrivals: 2, writes: 1},
		"then a page that is no JSON": {turnedAway: 1, retryAfter: "1", patience: time.Minute, then: "HTML 200 before", succeeds: true, arrivals: 2, writes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := limiting(t, test.turnedAway, test.retryAfter, test.then)
			deadline := test.deadline
			if deadline == 0 {
				deadline = 10 * time.Minute
			}
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			request := r.write()
			request.LimitPatience = test.patience
			_, err := r.client.Do(ctx, request)
			fault := api.AsError(err)
			if (err == nil) != test.succeeds || err != nil && (fault.Status != test.status || !fault.Left) {
				t.Errorf("got %v", err)
			}
			arrivals := r.arrivals("write")
			if test.arrivals != always && arrivals != test.arrivals || test.arrivals == always && arrivals < 3 {
				t.Errorf("%d arrivals, want %d", arrivals, test.arrivals)
			}
			if got, want := r.client.Counts(), (api.Counts{Requests: arrivals, Writes: test.writes, TurnedAway: arrivals - test.writes}); got != want {
				t.Errorf("counts %+v, want %+v", got, want)
			}
			told, _ := api.RetryAfter(api.NewAnswer(http.Header{"Retry-After": {test.retryAfter}}, nil), time.Now())
			var sum time.Duration
			for i, waited := range r.clock.waited {
				if sum += waited; waited < told {
					t.Errorf("wait %d was %v, although the vendor said %v", i+1, waited, told)
				}
			}
			if sum > test.patience || sum > deadline {
				t.Errorf("%v were waited, with a patience of %v", sum, test.patience)
			}
		})
	}
}

// TestNoPatience: a sign-in counts towards a lock-out, and what prepares a
// change is not proved to be undone.
func TestNoPatience(t *testing.T) {
	for _, kind := range []api.Kind{api.Prepare, api.SignIn} {
		r := limiting(t, 1, "1", "")
		request := r.write()
		request.Kind, request.LimitPatience = kind, time.Minute
		if _, err := r.client.Do(t.Context(), request); err == nil || r.arrivals("write") != 1 || r.client.Counts().TurnedAway != 0 {
			t.Errorf("%s: %v after %d arrivals", kind, err, r.arrivals("write"))
		}
	}
}

// stopping is a clock in whose first wait the program is told to stop.
type stopping struct {
	waits
	stop func() error
}

func (s *stopping) Sleep(context.Context, time.Duration) error { return s.stop() }

// TestStopWritesBeforeTheRefusal: told to stop while the write is out, nothing is waited
// for when it comes back turned away.
func TestStopWritesBeforeTheRefusal(t *testing.T) {
	r := limiting(t, 1, "10", "")
	refuse := r.vendor.answer
	r.vendor.answer = func(request *simulator.Request) simulator.Answer {
		if !r.client.StopWrites() {
			t.Error("the write on its way was not seen")
		}
		return refuse(request)
	}
	request := r.write()
	request.LimitPatience = time.Minute
	_, err := r.client.Do(t.Context(), request)
	if fault := api.AsError(err); fault == nil || fault.Status != 429 || len(r.clock.waited) > 0 || r.arrivals("write") != 1 {
		t.Errorf("%v after %d waits and %d arrivals", err, len(r.clock.waited), r.arrivals("write"))
	}
}

// TestStopWritesWhileTurnedAway: told to stop while it waits for the rate limit, a write
// is not sent again, and has never left. The same if it is told so late that the wait
// is over.
func TestStopWritesWhileTurnedAway(t *testing.T) {
	for name, ends := range map[string]error{"in the wait": context.Canceled, "at its end": nil} {
		t.Run(name, func(t *testing.T) {
			clock := &stopping{}
			r := limiting(t, 1, "10", "")
			client, err := api.NewClient(api.Config{Vendor: "example", Trust: api.Trust{Authorities: r.server.Authority().PEM()}, Clock: clock, Scrubber: secret.NewScrubber()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			clock.stop = func() error {
				if client.StopWrites() {
					t.Error("a write that was turned away counts as one that has left")
				}
				return ends
			}
			request := r.write()
			request.LimitPatience = time.Minute
			_, err = client.Do(t.Context(), request)
			fault := api.AsError(err)
			if fault == nil || ends != nil && fault.Status != 429 || ends == nil && (fault.Left || !errors.Is(fault, api.ErrInterrupted)) {
				t.Errorf("got %+v", fault)
			}
			if got := client.Counts(); r.arrivals("write") != 1 || got != (api.Counts{Requests: 1, TurnedAway: 1}) {
				t.Errorf("%d arrivals, counted %+v", r.arrivals("write"), got)
			}
		})
	}
}
