package api_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"reflect"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/secret"
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

// TestZone: an IPv6 address with a zone is verified as the address that certificates have.
func TestZone(t *testing.T) {
	listener, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("there is no IPv6")
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	zone := ""
	for _, each := range interfaces {
		if each.Flags&net.FlagLoopback != 0 {
			zone = each.Name
		}
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Host, "%") {
			t.Errorf("the zone was sent: %s", r.Host)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	_ = server.Listener.Close()
	server.Listener = listener
	server.StartTLS()
	defer server.Close()
	client, err := api.NewClient(api.Config{
		Vendor: "example", Scrubber: secret.NewScrubber(),
		Trust: api.Trust{Authorities: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_, err = client.Do(t.Context(), api.Request{Action: "look", Kind: api.Read, Method: http.MethodGet, Host: "[::1%" + zone + "]:" + port, Path: api.FixedPath("/")})
	if err != nil {
		t.Error(err)
	}
}
