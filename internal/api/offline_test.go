package api_test

import (
	"context"
	"net/http"
	"testing"

	"pam-rotate-script/internal/api"
)

// TestOffline: without a network the client knows as much as with one of what has left, and
// a lost answer to a write is no refusal.
func TestOffline(t *testing.T) {
	for name, test := range map[string]struct {
		answer         []byte
		done           bool // the run has ended before
		status, writes int
		left, sound    bool
	}{
		"answered":     {answer: []byte("HTTP/1.1 204 No Content\r\n\r\n"), status: 204, writes: 1, sound: true},
		"refused":      {answer: []byte("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), status: 403, writes: 1, left: true},
		"lost":         {writes: 1, left: true},
		"not HTTP":     {answer: []byte("220 mail.example.com ESMTP\r\n"), writes: 1, left: true},
		"cut short":    {answer: []byte("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{}"), status: 200, writes: 1, left: true},
		"never begins": {done: true},
	} {
		t.Run(name, func(t *testing.T) {
			arrivals := 0
			client, err := api.NewClient(api.Config{Vendor: "acme", Transport: api.Offline(func(request *http.Request, body []byte) []byte {
				arrivals++
				if request.Method != "PUT" || request.RequestURI != "/a%20b" || string(body) != `{"a":"b"}` {
					t.Errorf("%s %s with %s has arrived", request.Method, request.RequestURI, body)
				}
				return test.answer
			})})
			if err != nil {
				t.Fatal(err)
			}
			path, err := api.NewPath("/{name}", "a b")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.done {
				cancel()
			}
			answer, err := client.Do(ctx, api.Request{
				Action: "write", Kind: api.Write, Method: "PUT", Host: "acme.example.com", Path: path, Body: api.JSONBody(api.Object{{Name: "a", Value: "b"}}),
			})
			fault := api.AsError(err)
			if (err == nil) != test.sound || answer.Status != test.status || fault != nil && fault.Left != test.left {
				t.Errorf("got the status %d and %+v", answer.Status, fault)
			}
			if writes := client.Counts().Writes; writes != test.writes || arrivals != test.writes {
				t.Errorf("%d writes are counted, %d have arrived", writes, arrivals)
			}
		})
	}
}
