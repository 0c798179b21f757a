package vault_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/vault"
	"pam-rotate-script/internal/vault/vaulttest"
)

// throttled is what Keeper answers to a device that sends too many requests.
var throttled = vaulttest.Answer(403, `{"error":"throttled","message":"canary"}`)

// patient opens a vault whose waits take no time, for a caller who has this much of it.
func patient(t *testing.T, keeper *vaulttest.Keeper, time_ time.Duration) (*vault.Vault, *clock, context.Context) {
	t.Helper()
	waits := &clock{now: time.Now()}
	ctx, cancel := context.WithTimeout(context.Background(), time_)
	t.Cleanup(cancel)
	return open(t, keeper, func(options *vault.Options) { options.Clock = waits }), waits, ctx
}

// between checks that the waits are these seconds, and up to a quarter longer.
func between(t *testing.T, waits []time.Duration, seconds ...float64) {
	t.Helper()
	if len(waits) != len(seconds) {
		t.Fatalf("waited %v, want %v seconds", waits, seconds)
	}
	for i, wait := range waits {
		if wait.Seconds() < seconds[i] || wait.Seconds() > 1.26*seconds[i] {
			t.Errorf("wait %d is %v, want %v seconds and up to a quarter more", i+1, wait, seconds[i])
		}
	}
}

func TestThrottledReadsAndSavesWaitAndGoOn(t *testing.T) {
	keeper, uid := userKeeper(t)
	keeper.Fail(throttled, throttled, nil, throttled)
	opened, waits, ctx := patient(t, keeper, 10*time.Minute)
	if err := opened.Save(ctx, uid, token("canary-new")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(keeper.Text(uid), "canary-new") {
		t.Error("nothing was saved")
	}
	// One use: the waits grow from its first request to its last.
	between(t, waits.waits, 11, 22, 44)
	if got := routes(keeper); got != "get get get update update" {
		t.Errorf("sent %q", got)
	}
	// The next call begins with a short wait again.
	keeper.Fail(throttled)
	waits.waits = nil
	if _, err := opened.Record(ctx, uid); err != nil {
		t.Fatal(err)
	}
	between(t, waits.waits, 11)
}

func TestThrottledWaitsAsOftenAsTheCallersTimeAllows(t *testing.T) {
	keeper, uid := userKeeper(t)
	var all []vaulttest.Fault
	for range 20 {
		all = append(all, throttled)
	}
	keeper.Fail(append([]vaulttest.Fault{nil}, all...)...)
	opened, waits, ctx := patient(t, keeper, 100*time.Second)
	err := opened.Save(ctx, uid, token("canary-new"))
	if found := failure(t, err, vault.KindServer, "not saved", "throttled", "fewer runs"); found.Left {
		t.Error("what Keeper turned away is called uncertain")
	}
	// 11, 22 and 44 seconds, a quarter more at the most; 88 more would be past the end.
	between(t, waits.waits, 11, 22, 44)
	sameJSON(t, keeper.Text(uid), userText)
}

func TestThrottledGoesByWhatKeeperAsksFor(t *testing.T) {
	keeper, uid := userKeeper(t)
	keeper.Fail(vaulttest.Answer(403, `{"result_code":"throttled","retry_after":3}`), vaulttest.Answer(429, "canary"))
	opened, waits, ctx := patient(t, keeper, 10*time.Minute)
	if _, err := opened.Record(ctx, uid); err != nil {
		t.Fatal(err)
	}
	between(t, waits.waits, 3, 22)
}

// TestThrottledStopsWhenTold: a signal ends the wait.
func TestThrottledStopsWhenTold(t *testing.T) {
	keeper, uid := userKeeper(t)
	ctx, stop := context.WithCancel(context.Background())
	keeper.Fail(func(request *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		stop()
		return throttled(request, do)
	})
	if _, err := open(t, keeper).Record(ctx, uid); err == nil {
		t.Error("it went on")
	}
	if got := len(keeper.Calls()); got != 1 {
		t.Errorf("%d requests, want 1", got)
	}
}

// TestThrottledIsNotThrottledElsewhere: only 403 with that code is Keeper's word for it; with another
// status somebody else may have written it.
func TestThrottledIsNotThrottledElsewhere(t *testing.T) {
	keeper, uid := userKeeper(t)
	keeper.Fail(vaulttest.Answer(500, `{"error":"throttled"}`))
	opened, waits, ctx := patient(t, keeper, 10*time.Minute)
	_, err := opened.Record(ctx, uid)
	failure(t, err, vault.KindServer, "500")
	between(t, waits.waits)
}
