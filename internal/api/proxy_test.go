package api_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/secret"
)

// proxy answers every request for a connection with the text and closes.
func proxy(t *testing.T, text string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			request := make([]byte, 4096)
			_, _ = connection.Read(request)
			_, _ = io.WriteString(connection, text)
			_ = connection.Close()
		}
	}()
	return listener.Addr().String()
}

// TestProxyIsTold: a connection that the proxy does not give is not told of the vendor's
// server, and neither the proxy's words nor its credential are shown.
func TestProxyIsTold(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := nobody.Addr().String()
	_ = nobody.Close()
	for name, test := range map[string]struct {
		proxy func(t *testing.T) string
		cause string
	}{
		"wants a credential": {func(t *testing.T) string {
			return proxy(t, "HTTP/1.1 407 canary-reason\r\nContent-Length: 0\r\n\r\n")
		}, "the proxy refused the connection with 407"},
		"speaks of TLS": {func(t *testing.T) string {
			return proxy(t, "HTTP/1.1 502 tls: canary-reason\r\nContent-Length: 0\r\n\r\n")
		}, "the proxy refused the connection with 502"},
		"is not there": {func(*testing.T) string { return gone }, "the proxy could not be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			transport, err := api.NewTransport(api.Trust{}, http.ProxyURL(&url.URL{Scheme: "http", Host: test.proxy(t), User: url.UserPassword("jane", "canary-credential")}))
			if err != nil {
				t.Fatal(err)
			}
			client, err := api.NewClient(api.Config{Vendor: "example", Transport: transport, Clock: &waits{}, Scrubber: secret.NewScrubber()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			_, err = client.Do(t.Context(), api.Request{
				Action: "write", Kind: api.Write, Method: "POST", Host: "vendor.invalid", Path: api.FixedPath("/"),
				Body: api.JSONBody(api.Object{{Name: "password", Value: secret.New("canary-password")}}),
			})
			fault := api.AsError(err)
			if fault == nil || fault.Class != api.ClassNetwork || !strings.HasPrefix(fault.Cause, test.cause) || fault.Left || client.Counts().Requests != 0 {
				t.Fatalf("got %+v", fault)
			}
			told := fault.Error() + strings.Join(fault.Hints, "")
			if !strings.Contains(told, "HTTPS_PROXY") || strings.Contains(told, "url") || strings.Contains(told, "canary") {
				t.Errorf("told: %s", told)
			}
		})
	}
}
