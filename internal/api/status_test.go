package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
)

// TestRefused: what each status says of a write.
func TestRefused(t *testing.T) {
	refusals := []int{
		400, 401, 402, 403, 404, 405, 407, 410, 411, 412, 413, 414, 415, 416, 419, 421, 422, 426, 428, 429, 431, 451,
	}
	for status := range 600 {
		fault := &api.Error{Status: status}
		if fault.Refused() != slices.Contains(refusals, status) {
			t.Errorf("%d: refused %t", status, fault.Refused())
		}
		if fault.Doubtful() != (status == 412) {
			t.Errorf("%d: doubtful %t", status, fault.Doubtful())
		}
	}
}

// TestPagesInTheWay: a 403 that is a page is no refusal.
func TestPagesInTheWay(t *testing.T) {
	for _, test := range []struct {
		status        int
		media, body   string
		page, refused bool
	}{
		{403, "text/html", "<html><title>Blocked</title></html>", true, false},
		{403, "text/html", "Access denied by <b>policy</b>", true, false},
		{403, "text/html", "Access denied", false, true},
		{403, "application/json", `{"message":"Access denied"}`, false, true},
		{403, "text/html", `{"message":"Access denied"}`, false, true},
		{403, "text/html", "", false, true},
		{400, "text/html", "<html><title>Bad Request</title></html>", true, true},
		{404, "text/plain", "Not Found", true, true},                                                                                               // Koa's, where the handler has set nothing
		{404, "application/json", `{"timestamp":"2026-01-01T00:00:00.000+00:00","status":404,"error":"Not Found","path":"/password"}`, true, true}, // Spring's
		{404, "application/json", "", true, true},
		{404, "application/json", `{"message":"User not found"}`, false, true},
		{400, "text/plain", "Bad Request", false, true},
	} {
		fault := refusal(t, test.status, test.media, test.body)
		if fault.IsPage() != test.page || fault.Refused() != test.refused || fault.Doubtful() {
			t.Errorf("%d %s %q: page %t, refused %t, doubtful %t", test.status, test.media, test.body, fault.IsPage(), fault.Refused(), fault.Doubtful())
		}
	}
}

// TestDoubtful: which refusals may answer a copy of what was carried out.
func TestDoubtful(t *testing.T) {
	seen := map[string]int{}
	for _, line := range lines(t, "testdata/refusals.txt") {
		word, body, _ := strings.Cut(line, " ")
		seen[word]++
		if fault := refusal(t, 400, "application/json", body); fault.Doubtful() != (word == "doubtful") || !fault.Refused() {
			t.Errorf("%s: doubtful %t, want %s", body, fault.Doubtful(), word)
		}
	}
	if seen["doubtful"] < 30 || seen["plain"] < 15 || len(seen) != 2 {
		t.Errorf("the refusals tried are %v", seen)
	}
}

// refusal is the Error of a write that is answered so.
func refusal(t *testing.T, status int, media, body string) *api.Error {
	t.Helper()
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", status, http.StatusText(status), media, len(body))
	client, err := api.NewClient(api.Config{Vendor: "canned", Transport: api.Offline(func(*http.Request, []byte) []byte {
		return []byte(head + body)
	})})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Do(t.Context(), api.Request{Action: "write", Kind: api.Write, Method: "POST", Host: "host.example", Path: api.FixedPath("/")})
	fault := api.AsError(err)
	if fault == nil {
		t.Fatalf("%d: no error", status)
	}
	return fault
}
