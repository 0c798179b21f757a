package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
)

// TestWriteNeedsItsSuccess: a 2xx alone is none.
func TestWriteNeedsItsSuccess(t *testing.T) {
	named := api.Names("name", func(name string) bool { return name == "jane" })
	for _, test := range []struct {
		status   int
		kind     string
		body     string
		success  api.Success
		statuses []int
		fault    string // "" for success
	}{
		{200, "application/json", `{"name":"jane"}`, named, nil, ""},
		{204, "", "", func(api.Answer) error { return nil }, nil, ""},
		{202, "application/json", `{"name":"jane"}`, named, nil, "documents do not name"},
		{202, "application/json", `{"name":"jane"}`, named, []int{202}, ""},
		{200, "application/json", `{"name":"joan"}`, named, nil, "does not name the account"},
		{200, "application/json", `{}`, named, nil, "does not name the account"},
		{200, "application/json", `[]`, named, nil, "not a JSON object"},
		{200, "application/json", `{"name":"ja`, named, nil, "not complete JSON"},
		{200, "", "", named, nil, "JSON"},
		{200, "text/html", "<html>sign in</html>", func(api.Answer) error { return nil }, nil, "web page"},
		{400, "application/json", `{}`, named, nil, "answered 400"},
		{200, "application/json", `{"name":"jane"}`, nil, nil, "has to say what its success is"},
	} {
		sent := 0
		client, err := api.NewClient(api.Config{Vendor: "acme", Transport: api.Offline(func(*http.Request, []byte) []byte {
			sent++
			return fmt.Appendf(nil, "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", test.status, test.kind, len(test.body), test.body)
		})})
		if err != nil {
			t.Fatal(err)
		}
		err = client.Write(t.Context(), api.Request{Action: "set", Kind: api.Write, Method: "PUT", Host: "acme.example", Path: api.FixedPath("/x")}, test.success, test.statuses...)
		if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%d %s: %v, want %q", test.status, test.body, err, test.fault)
		}
		if (test.success == nil) != (sent == 0) {
			t.Errorf("%d %s: %d requests were sent", test.status, test.body, sent)
		}
	}
}
