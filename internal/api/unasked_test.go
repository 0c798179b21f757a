package api_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
)

// tracing is a transport that reports a connection in the order that a test wants.
type tracing func(request *http.Request, trace *httptrace.ClientTrace) *http.Response

func (f tracing) RoundTrip(request *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(request.Context())
	trace.GetConn(request.URL.Host)
	return f(request, trace), nil
}

// TestUnaskedAnswer: what was read before a request went out is no answer to it, whatever its
// status and however the connection is wrapped, and the connection is not used again.
func TestUnaskedAnswer(t *testing.T) {
	wrapped := map[string]func(net.Conn) net.Conn{
		"plain": func(c net.Conn) net.Conn { return c },
		"TLS":   func(c net.Conn) net.Conn { return tls.Client(c, &tls.Config{ServerName: "example"}) },
		"TLS through a TLS proxy": func(c net.Conn) net.Conn {
			return tls.Client(tls.Client(c, &tls.Config{ServerName: "proxy"}), &tls.Config{ServerName: "example"})
		},
	}
	for name, wrap := range wrapped {
		for _, status := range []int{200, 204, 401} {
			for _, asked := range []bool{true, false} {
				listener, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				connection, err := api.DialCounted(t.Context(), "tcp", listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				server, err := listener.Accept()
				if err != nil {
					t.Fatal(err)
				}
				receive := func() {
					if _, err := io.WriteString(server, "x"); err != nil {
						t.Fatal(err)
					}
					if _, err := io.ReadFull(connection, make([]byte, 1)); err != nil {
						t.Fatal(err)
					}
				}
				transport := tracing(func(request *http.Request, trace *httptrace.ClientTrace) *http.Response {
					receive() // the answer to the request before this one, and what is behind it
					trace.GotConn(httptrace.GotConnInfo{Conn: wrap(connection)})
					trace.WroteRequest(httptrace.WroteRequestInfo{})
					if asked {
						receive()
					}
					trace.GotFirstResponseByte()
					return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: request}
				})
				r := newRig(t, func(config *api.Config) { config.Transport = transport })
				answer, err := r.client.Do(t.Context(), r.signIn())
				fault := api.AsError(err)
				switch {
				case asked && status == 401:
					if fault == nil || fault.Status != 401 {
						t.Errorf("%s, asked, %d: %v", name, status, err)
					}
				case asked:
					if err != nil || answer.Status != status {
						t.Errorf("%s, asked, %d: %v", name, status, err)
					}
				case fault == nil || fault.Class != api.ClassTarget || !fault.Left || fault.Status != 0 || answer.Status != 0 || fault.Refused():
					t.Errorf("%s, unasked, %d: %v with the answer %d", name, status, err, answer.Status)
				}
				if _, err := connection.Write([]byte("x")); (err == nil) != asked {
					t.Errorf("%s, asked %v: the connection: %v", name, asked, err)
				}
				_ = connection.Close()
				_ = server.Close()
				_ = listener.Close()
			}
		}
	}
}
