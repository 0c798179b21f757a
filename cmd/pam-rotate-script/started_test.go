package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// TestTimeoutCountsFromTheStart: whoever started the process waits for it as a whole, so the
// time in which the payload came is a part of the time-out.
func TestTimeoutCountsFromTheStart(t *testing.T) {
	var arrived atomic.Int32
	vendor := httptest.NewTLSServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		arrived.Add(1)
		answer.Header().Set("Content-Type", "application/json")
		_, _ = answer.Write([]byte(`{"ok":true}`))
	}))
	defer vendor.Close()
	payload, err := json.Marshal(map[string]any{
		"user": "jane", "newPassword": "n3w-pa55word", "records": []any{map[string]any{
			"uid": "A", "title": "API Access Details", "Target": "rest", "url": vendor.URL, "password": "t0ken-t0ken", "Timeout": 100,
			"CA Certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: vendor.Certificate().Raw})),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		since time.Duration
		most  int // ms that are left for the run
	}{
		"just now":   {0, 100_000},
		"60 s ago":   {60 * time.Second, 40_000},
		"98.5 s ago": {98_500 * time.Millisecond, 1_500},
	} {
		t.Run(name, func(t *testing.T) {
			arrived.Store(0)
			var stdout, stderr bytes.Buffer
			c := newCommand(t.Context(), bytes.NewReader(payload), &stdout, &stderr)
			c.started = c.started.Add(-test.since)
			code := c.run(nil)
			left := regexp.MustCompile(`timeout_ms=(\d+)`).FindStringSubmatch(stderr.String())
			if left == nil || code != 0 || arrived.Load() != 1 {
				t.Fatalf("exit %d, %d requests: %s%s", code, arrived.Load(), stdout.String(), stderr.String())
			}
			if ms, err := strconv.Atoi(left[1]); err != nil || ms < 1000 || ms > test.most || test.since == 0 && ms < 40_000 {
				t.Errorf("%s ms are left, want at most %d", left[1], test.most)
			}
		})
	}
}
