package simulator

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// account is the smallest vendor: one account, one password.
type account struct {
	sync.Mutex
	password string
	changes  int
}

const (
	readPath  = "/account"
	writePath = "/account/password"
)

func (a *account) Routes() []Route {
	somebodyElse := func(answer Answer) Answer {
		return RewriteJSON(answer, func(object map[string]any) { object["user"] = "somebody else" })
	}
	return []Route{
		{
			Name: "read account", Method: "GET", Match: Pattern(readPath).Match, WrongAccount: somebodyElse,
			Serve: func(*Request) Answer { return JSON(200, map[string]any{"user": "jdoe"}) },
		},
		{
			Name: "change password", Method: "POST", Match: Pattern(writePath).Match, Write: true, WrongAccount: somebodyElse,
			Serve: func(r *Request) Answer {
				body, ok := r.JSONBody(Field{Name: "password", Type: String})
				if !ok {
					return Error(400, "malformed body")
				}
				a.password, _ = body["password"].(string)
				a.changes++
				return JSON(200, map[string]any{"user": "jdoe", "changes": a.changes})
			},
		},
	}
}

func (a *account) Changes() int {
	a.Lock()
	defer a.Unlock()
	return a.changes
}

// startServer serves the vendor until the test ends.
func startServer(t *testing.T, vendor Vendor) *Server {
	t.Helper()
	server, err := Start(vendor, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// reply is what a plain client makes of an answer.
type reply struct {
	status int
	reason string
	header http.Header
	body   string
}

// call sends one request with an Authorization header and, unless body is "", a
// JSON body. The error is that of sending or of reading the answer's body.
func call(ctx context.Context, client *http.Client, method, url, body string) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Authorization", "Bearer the-token")
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	_, reason, _ := strings.Cut(response.Status, " ")
	return reply{status: response.StatusCode, reason: reason, header: response.Header, body: string(content)}, err
}

// mustCall is call for requests that are answered whole.
func mustCall(t *testing.T, client *http.Client, method, url, body string) reply {
	t.Helper()
	got, err := call(t.Context(), client, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// waitUntil waits for something that another goroutine is bound to do.
func waitUntil(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		if t.Context().Err() != nil {
			t.Fatal("the test ended first")
		}
		runtime.Gosched()
	}
}
