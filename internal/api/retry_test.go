package api_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/simulator"
)

// TestRateLimitIsWaitedOut: a Read that is told how long to wait gets its turn however
// often it comes too late, and never comes back before it was told to. Anything else
// is tried three times at most.
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
		"read, not told how long":         {"read", 429, "", 5 * time.Minute, 3, false},
		"read, told unreadably":           {"read", 429, "soon", 5 * time.Minute, 3, false},
		"read without a deadline":         {"read", 429, "10", 0, 3, false},
		"read, the deadline comes first":  {"read", 429, "10", 25 * time.Second, 3, false},
		"read at a broken vendor":         {"read", 503, "10", 5 * time.Minute, 3, false},
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
				if named && (waited < told || i < 2 && waited != told) {
					t.Errorf("wait %d was %v, although the vendor said %v", i+1, waited, told)
				}
				if i >= 2 && waited <= told {
					t.Errorf("wait %d was %v: nothing keeps many runs apart", i+1, waited)
				}
			}
		})
	}
}
