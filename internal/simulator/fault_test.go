package simulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// hostileBody has a password whose raw, escaped and decoded forms differ.
const (
	hostilePassword = "p\"a\\s<&é😀\n"
	hostileBody     = `{"password":"p\"a\\s\u003c&é\ud83d\ude00\n"}`
)

// wantReply is what a client sees of a fault at "change password".
type wantReply struct {
	err    error // the request fails with this
	status int
	body   string
	part   bool // body is a part of what comes
	header [2]string
}

var wantReplies = map[string]wantReply{
	"drop before":          {err: io.EOF},
	"drop after":           {err: io.EOF},
	"reset before reading": {err: syscall.ECONNRESET},
	"reset before":         {err: syscall.ECONNRESET},
	"reset after":          {err: syscall.ECONNRESET},
	"hang before":          {err: context.Canceled},
	"hang after":           {err: context.Canceled},
	"500 before":           {status: 500, body: "internal server error", part: true},
	"500 after":            {status: 500, body: "internal server error", part: true},
	"502 before":           {status: 502, body: "<html>", part: true},
	"502 after":            {status: 502, body: "<html>", part: true},
	"503 before":           {status: 503, body: "<html>", part: true, header: [2]string{"Retry-After", "1"}},
	"503 after":            {status: 503, body: "<html>", part: true, header: [2]string{"Retry-After", "1"}},
	"504 before":           {status: 504, body: "<html>", part: true},
	"504 after":            {status: 504, body: "<html>", part: true},
	"429 before":           {status: 429, body: "too many requests", part: true, header: [2]string{"Retry-After", "1"}},
	"202 before":           {status: 202, body: `{"status":"accepted"}`},
	"202 after":            {status: 202, body: `{"status":"accepted"}`},
	"hang late":            {err: context.Canceled},
	"504 late":             {status: 504, body: "<html>", part: true},
	"202 late":             {status: 202, body: `{"status":"accepted"}`},
	"redirect 302 before":  {status: 302, body: "the-token", part: true},
	"redirect 302 after":   {status: 302, body: "the-token", part: true},
	"redirect 307 before":  {status: 307, body: "the-token", part: true},
	"redirect 307 after":   {status: 307, body: "the-token", part: true},
	"HTML 200 before":      {status: 200, body: "Sign in", part: true, header: [2]string{"Content-Type", "text/html; charset=utf-8"}},
	"HTML 200 after":       {status: 200, body: "Sign in", part: true, header: [2]string{"Content-Type", "text/html; charset=utf-8"}},
	"empty 200 before":     {status: 200},
	"empty 200 after":      {status: 200},
	"array 200 before":     {status: 200, body: "[]"},
	"array 200 after":      {status: 200, body: "[]"},
	"truncated JSON before": {
		err: io.ErrUnexpectedEOF, status: 200, body: `{"message":"the request was `,
		header: [2]string{"Content-Length", "56"},
	},
	"truncated JSON after": {
		err: io.ErrUnexpectedEOF, status: 200, body: `{"changes":1,`,
		header: [2]string{"Content-Length", "27"},
	},
	"cut JSON before":     {status: 200, body: `{"message":"the request was `},
	"cut JSON after":      {status: 200, body: `{"changes":1,`},
	"wrong account after": {status: 200, body: `{"changes":1,"user":"somebody else"}`},
	"echo 400 before":     {status: 400, body: "the-token", part: true},
	"echo 401 before":     {status: 401, body: "the-token", part: true},
	"echo 403 before":     {status: 403, body: "the-token", part: true},
	"echo 404 before":     {status: 404, body: "the-token", part: true},
	"echo 409 before":     {status: 409, body: "the-token", part: true},
	"echo 500 after":      {status: 500, body: "the-token", part: true},
}

// TestSpoilingNoContent: an answer whose status has no body cannot be cut in the middle of
// it. If it were sent whole, with the connection closed behind it, the next request would
// race with that.
func TestSpoilingNoContent(t *testing.T) {
	for _, status := range []int{http.StatusNoContent, http.StatusNotModified} {
		for _, name := range []string{"truncated JSON after", "cut JSON after"} {
			answer, _ := KindNamed(name).way.spoil(&Server{}, Route{}, nil, &Answer{Status: status, Body: []byte(`{"a":1}`)})
			if !hasBody(answer.Status) || len(answer.Body) == 0 {
				t.Errorf("%s of %d is %d with %q", name, status, answer.Status, answer.Body)
			}
		}
	}
}

// TestSlowKinds: bytes go on arriving until the client has had enough.
func TestSlowKinds(t *testing.T) {
	if len(SlowKinds()) != 4 {
		t.Errorf("%d slow kinds", len(SlowKinds()))
	}
	for _, kind := range SlowKinds() {
		t.Run(kind.Name, func(t *testing.T) {
			vendor := &account{}
			server := startServer(t, vendor)
			server.Inject(Fault{Exchange: "change password", Occurrence: 1, Kind: kind})
			connection, err := tls.Dial("tcp", server.Host(), server.Client().Transport.(*http.Transport).TLSClientConfig)
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", writePath, server.Host(), len(hostileBody), hostileBody)
			drip := make([]byte, 120) // more than the first bytes
			if _, err := io.ReadFull(connection, drip); err != nil || !bytes.HasPrefix(drip, []byte("HTTP/1.1 200 OK\r\n")) {
				t.Errorf("%q, %v", drip, err)
			}
			if complete := bytes.Contains(drip, []byte("\r\n\r\n")); complete != strings.Contains(kind.Name, "body") {
				t.Errorf("the head is complete: %v", complete)
			}
			if acted := vendor.Changes() == 1; acted != kind.Applied || !kind.Hangs {
				t.Errorf("vendor acted: %t, hangs: %t", acted, kind.Hangs)
			}
		})
	}
}

func TestEveryKind(t *testing.T) {
	if len(wantReplies) != len(Kinds()) {
		t.Errorf("%d kinds are described, there are %d", len(wantReplies), len(Kinds()))
	}
	for _, kind := range Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			want, ok := wantReplies[kind.Name]
			if !ok {
				t.Fatal("the kind is not described")
			}
			vendor := &account{}
			server := startServer(t, vendor)
			fault := Fault{Exchange: "change password", Occurrence: 1, Kind: kind}
			server.Inject(fault)
			if unfired := server.Unfired(); !slices.Equal(unfired, []Fault{fault}) {
				t.Errorf("unfired before the request: %v", unfired)
			}

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if kind.Hangs {
				go func() {
					read := func(e Exchange) bool { return e.Body != nil }
					for server.Count(read) == 0 || vendor.Changes() == 0 && kind.Applied {
						if t.Context().Err() != nil {
							return
						}
						runtime.Gosched()
					}
					cancel()
				}()
			}
			client := server.Client()
			got, err := call(ctx, client, "POST", server.URL()+writePath, hostileBody)
			if !errors.Is(err, want.err) {
				t.Fatalf("error %v, want %v", err, want.err)
			}
			if got.status != want.status {
				t.Errorf("status %d, want %d", got.status, want.status)
			}
			if got.body != want.body && !(want.part && strings.Contains(got.body, want.body)) {
				t.Errorf("body %q, want %q", got.body, want.body)
			}
			if name := want.header[0]; name != "" && got.header.Get(name) != want.header[1] {
				t.Errorf("%s: %q, want %q", name, got.header.Get(name), want.header[1])
			}
			if location := got.header.Get("Location"); strings.HasPrefix(kind.Name, "redirect") && (!strings.HasPrefix(location, server.decoy.URL()+writePath+"?echo=") || !strings.Contains(location, "the-token")) {
				t.Errorf("Location %q does not lead to the decoy", got.header.Get("Location"))
			}
			if acted := vendor.Changes() == 1; acted != kind.Applied {
				t.Errorf("vendor acted: %t, want %t", acted, kind.Applied)
			}
			if kind.Status != 0 && kind.Status != got.status {
				t.Errorf("the kind announces status %d, the client sees %d", kind.Status, got.status)
			}
			exchange := server.Exchanges()[0]
			if exchange.Fault != kind.Name || exchange.Status != want.status {
				t.Errorf("recorded fault %q, status %d", exchange.Fault, exchange.Status)
			}
			if unread := kind.Name == "reset before reading"; unread != (exchange.Body == nil) {
				t.Errorf("recorded body is nil: %t", exchange.Body == nil)
			}
			if unfired := server.Unfired(); len(unfired) != 0 {
				t.Errorf("unfired after the request: %v", unfired)
			}

			server.CarryOutLate()
			server.CarryOutLate() // once
			if acted := vendor.Changes() == 1; acted != (kind.Applied || kind.Late) {
				t.Errorf("vendor acted in the end: %t", acted)
			}

			// The fault was for one occurrence: the next one is served.
			if again := mustCall(t, client, "POST", server.URL()+writePath, hostileBody); again.status != 200 {
				t.Errorf("second request: status %d", again.status)
			}
			if notes := server.Notes(); len(notes) != 0 {
				t.Errorf("notes: %q", notes)
			}
		})
	}
}

func TestAppliesTo(t *testing.T) {
	serve := func(*Request) Answer { return Answer{} }
	misname := func(answer Answer) Answer { return answer }
	tests := []struct {
		name  string
		route Route
		kind  string
		want  bool
	}{
		{"zero kind", Route{Method: "POST", Write: true, Serve: serve}, "", false},
		{"write has before", Route{Method: "POST", Write: true}, "drop before", true},
		{"write has after", Route{Method: "POST", Write: true}, "drop after", true},
		{"change has after", Route{Method: "GET", Changes: true}, "500 after", true},
		{"login has after", Route{Method: "GET", Login: true}, "500 after", true},
		{"read has no twin", Route{Method: "GET"}, "500 after", false},
		{"read has what exists after only", Route{Method: "GET"}, "echo 500 after", true},
		{"read has before", Route{Method: "GET"}, "500 before", true},
		{"no account named", Route{Method: "POST", Write: true}, "wrong account after", false},
		{"account named", Route{Method: "GET", WrongAccount: misname}, "wrong account after", true},
		{"body to leave unread", Route{Method: "PUT"}, "reset before reading", true},
		{"no body to leave unread", Route{Method: "GET"}, "reset before reading", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var kind Kind
			if test.kind != "" {
				kind = KindNamed(test.kind)
			}
			if got := kind.AppliesTo(test.route); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	faults := Faults((&account{}).Routes())
	names := make(map[string]bool)
	for _, fault := range faults {
		if names[fault.String()] {
			t.Errorf("%s is planned twice", fault)
		}
		names[fault.String()] = true
	}
	for _, want := range []string{
		"drop after at change password 1", "drop after at every change password",
		"drop before at read account 1", "wrong account after at every read account",
	} {
		if !names[want] {
			t.Errorf("missing: %s", want)
		}
	}
	if names["drop after at read account 1"] {
		t.Error("a read without effect has a fault after the effect")
	}
}

func TestPersistentFault(t *testing.T) {
	vendor := &account{}
	server := startServer(t, vendor)
	server.Inject(Fault{Exchange: "change password", Kind: KindNamed("500 before")})
	for range 3 {
		if got := mustCall(t, server.Client(), "POST", server.URL()+writePath, hostileBody); got.status != 500 {
			t.Errorf("status %d", got.status)
		}
	}
	if vendor.Changes() != 0 {
		t.Error("the vendor acted")
	}
}

// Of a read, the vendor's own answer is what gets cut, although it is "before".
func TestCutAnswerOfRead(t *testing.T) {
	server := startServer(t, &account{})
	server.Inject(Fault{Exchange: "read account", Occurrence: 1, Kind: KindNamed("cut JSON before")})
	if got := mustCall(t, server.Client(), "GET", server.URL()+readPath, ""); got.body != `{"user"` {
		t.Errorf("body %q", got.body)
	}
}

func TestInjectPanics(t *testing.T) {
	server := startServer(t, &account{})
	tests := map[string]Fault{
		"unknown route":       {Exchange: "no such", Kind: KindNamed("drop after")},
		"zero kind":           {Exchange: "change password"},
		"kind does not apply": {Exchange: "read account", Kind: KindNamed("drop after")},
		"negative occurrence": {Exchange: "change password", Occurrence: -1, Kind: KindNamed("drop after")},
	}
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			server.Inject(fault)
		})
	}
}

func TestEcho(t *testing.T) {
	server := startServer(t, &account{})
	server.Inject(Fault{Exchange: "change password", Kind: KindNamed("echo 401 before")})
	got := mustCall(t, server.Client(), "POST", server.URL()+writePath, hostileBody)

	var body errorBody
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"message": body.Message, "error": body.Error, "errors": strings.Join(body.Errors, "\n")} {
		for _, secret := range []string{hostilePassword, hostileBody, "Bearer the-token", "the-token", writePath} {
			if !strings.Contains(text, secret) {
				t.Errorf("%s does not repeat %q", name, secret)
			}
		}
	}
	if !slices.Contains(body.Errors, hostilePassword) {
		t.Error("errors has no entry for the decoded password alone")
	}
	for name, text := range map[string]string{
		"status line":      got.reason,
		"X-Request-Id":     got.header.Get("X-Request-Id"),
		"X-Error-Message":  got.header.Get("X-Error-Message"),
		"WWW-Authenticate": strings.ReplaceAll(got.header.Get("Www-Authenticate"), "'", `"`),
	} {
		if !strings.Contains(text, strings.TrimSpace(hostilePassword)) || !strings.Contains(text, "the-token") {
			t.Errorf("%s does not repeat the secrets: %q", name, text)
		}
	}
}

func TestEchoes(t *testing.T) {
	form := &Request{Exchange: Exchange{
		RequestURI: "/users/j%40x?key=a%20b",
		Header: map[string][]string{
			"Content-Type":  {"application/x-www-form-urlencoded"},
			"Authorization": {"Basic amRvZTpzZWNyZXQ="},
		},
		Body: []byte("password=p%2Bq+r"),
	}}
	got := echoes(form)
	for _, want := range []string{"p+q r", "jdoe:secret", "secret", "/users/j@x?key=a b", "password=p%2Bq+r"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not repeated in %q", want, got)
		}
	}
}

// shapely words its errors its own way.
type shapely struct{ account }

func (*shapely) ErrorAnswer(status int, text string) Answer {
	return JSON(status, map[string]any{"detail": text})
}

func TestErrorsOfTheVendorsOwnShape(t *testing.T) {
	server := startServer(t, &shapely{})
	server.Inject(Fault{Exchange: "change password", Occurrence: 1, Kind: KindNamed("echo 400 before")})
	server.Inject(Fault{Exchange: "change password", Occurrence: 2, Kind: KindNamed("500 before")})
	got := mustCall(t, server.Client(), "POST", server.URL()+writePath, hostileBody)
	var body struct{ Detail, Message string }
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(body.Detail, hostilePassword) || !strings.Contains(body.Message, hostilePassword) {
		t.Errorf("the echo is not in the vendor's shape and the general one: %s", got.body)
	}
	got = mustCall(t, server.Client(), "POST", server.URL()+writePath, hostileBody)
	if got.body != `{"detail":"internal server error"}` {
		t.Errorf("plain failure: %s", got.body)
	}
	if got := mustCall(t, server.Client(), "GET", server.URL()+"/nowhere", ""); got.body != `{"detail":"not found"}` {
		t.Errorf("unknown path: %s", got.body)
	}
}
