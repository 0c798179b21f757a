package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/simulator"
)

// TestAnswerBesideError: whoever judges a refusal by its body gets it.
func TestAnswerBesideError(t *testing.T) {
	r := newRig(t, nil)
	r.vendor.answer = func(*simulator.Request) simulator.Answer {
		refusal := simulator.JSON(422, map[string]any{"code": 7})
		refusal.Header.Set("X-Reason", "short")
		return refusal
	}
	answer, err := r.client.Do(t.Context(), r.write())
	if api.AsError(err).Status != 422 || answer.Status != 422 || answer.Headers()["x-reason"] != "short" {
		t.Errorf("got %d, %v, %v", answer.Status, answer.Headers(), err)
	}
	value, err := answer.JSON()
	if err != nil || !reflect.DeepEqual(value, map[string]any{"code": json.Number("7")}) {
		t.Error(value, err)
	}
	r.server.Close()
	if answer, err := r.client.Do(t.Context(), r.write()); err == nil || answer.Status != 0 {
		t.Errorf("without an answer: %d, %v", answer.Status, err)
	}
}

// canned is a Transport that gives one body back.
type canned struct {
	body   string
	silent bool // tells the trace nothing
	err    error
}

func (c canned) RoundTrip(request *http.Request) (*http.Response, error) {
	if trace := httptrace.ContextClientTrace(request.Context()); !c.silent {
		trace.GetConn(request.URL.Host)
		trace.GotConn(httptrace.GotConnInfo{})
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	if c.err != nil {
		return nil, c.err
	}
	return &http.Response{
		StatusCode: 200, Status: "200 OK", Header: http.Header{}, ContentLength: int64(len(c.body)),
		Body: io.NopCloser(bytes.NewReader([]byte(c.body))),
	}, nil
}

// TestAnswerJSON: a value of any kind, or an error; never half of one.
func TestAnswerJSON(t *testing.T) {
	for _, test := range []struct {
		body  string
		want  any
		fails bool
	}{
		{"", nil, false},
		{" \n", nil, false},
		{"null", nil, false},
		{`[1.50, "a"]`, []any{json.Number("1.50"), "a"}, false},
		{`"text"`, "text", false},
		{"true", true, false},
		{`{"a": 1} {"b": 2}`, nil, true},
		{`{"a": 1, "a": 2}`, nil, true},
		{`{"a": `, nil, true},
		{"fine", nil, true},
	} {
		t.Run(test.body, func(t *testing.T) {
			r := newRig(t, func(config *api.Config) { config.Transport = canned{body: test.body} })
			answer, err := r.client.Do(t.Context(), r.read())
			if err != nil {
				t.Fatal(err)
			}
			value, err := answer.JSON()
			if (err != nil) != test.fails || !reflect.DeepEqual(value, test.want) {
				t.Error(value, err)
			}
		})
	}
}

// TestTransport: what a transport reports decides what may have left, and a request that it
// does not report whole is no success.
func TestTransport(t *testing.T) {
	for _, test := range []struct {
		name      string
		transport canned
		succeeds  bool
		writes    int
	}{
		{"reports", canned{body: "{}"}, true, 1},
		{"reports, and loses the answer", canned{err: io.EOF}, false, 1},
		{"reports nothing", canned{body: "{}", silent: true}, false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, func(config *api.Config) { config.Transport = test.transport })
			_, err := r.client.Do(t.Context(), r.write())
			if (err == nil) != test.succeeds || r.client.Counts().Writes != test.writes {
				t.Errorf("%v, %d writes", err, r.client.Counts().Writes)
			}
			if err != nil && api.AsError(err).Left != (test.writes > 0) {
				t.Errorf("left: %v", api.AsError(err).Left)
			}
			r.client.Close()
		})
	}
}
