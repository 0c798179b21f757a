package vault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestTransport sends over a real TLS connection to a server on this machine. It
// checks what no stand-in for the transport can show: trust, and whether a request
// has left.
func TestTransport(t *testing.T) {
	var arrived atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) {
		arrived.Add(1)
		writer.WriteHeader(http.StatusForbidden)
		_, _ = writer.Write([]byte(`{"error":"access_denied"}`))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))

	for _, test := range []struct {
		name, authorities, host string
		dial                    func(context.Context, string, string) (net.Conn, error)
		kind                    Kind // "" is an answer
		left                    bool
	}{
		{"trusted", authority, "example.com", nil, "", true},
		{"unknown authority", "", "example.com", nil, KindTLS, false},
		{"another host", authority, "example.org", nil, KindTLS, false},
		{"no host", authority, "example.com", func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}
		}, KindNetwork, false},
		{"closed at once", authority, "example.com", func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			_ = server.Close()
			return client, nil
		}, KindNetwork, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			transport, err := newTransport(test.authorities)
			if err != nil {
				t.Fatal(err)
			}
			defer transport.CloseIdleConnections()
			transport.Proxy = nil
			if transport.DialContext = test.dial; test.dial == nil {
				transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
				}
			}
			before := arrived.Load()
			wire := &wire{ctx: context.Background(), timeout: 10 * time.Second, base: transport, host: test.host}
			request, err := http.NewRequest(http.MethodPost, "https://"+test.host+routes+readRoute, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := wire.RoundTrip(request)
			if test.kind == "" {
				if err != nil || response.StatusCode != http.StatusForbidden || wire.last.code != "access_denied" {
					t.Errorf("got %v, %+v", err, wire.last)
				}
			} else if found := AsError(err); found == nil || found.Kind != test.kind {
				t.Errorf("got %v, want kind %s", err, test.kind)
			}
			if wire.last.left != test.left || (arrived.Load() > before) != test.left {
				t.Errorf("left is %v, and %d requests arrived", wire.last.left, arrived.Load()-before)
			}
		})
	}
}

// TestWireSendsNothingElse than what this package asks the SDK for.
func TestWireSendsNothingElse(t *testing.T) {
	for _, test := range []struct{ method, url string }{
		{http.MethodPost, "https://elsewhere.invalid" + routes + readRoute},
		{http.MethodPost, "https://keeper.invalid:8443" + routes + readRoute},
		{http.MethodPost, "http://keeper.invalid" + routes + readRoute},
		{http.MethodGet, "https://keeper.invalid" + routes + readRoute},
		{http.MethodPost, "https://keeper.invalid" + routes + "delete_folder"},
		{http.MethodPost, "https://keeper.invalid" + routes + readRoute + "?x=1"},
		{http.MethodPost, "https://keeper.invalid/" + readRoute},
	} {
		wire := &wire{ctx: context.Background(), timeout: time.Second, host: "keeper.invalid", base: unwanted{t}}
		request, err := http.NewRequest(test.method, test.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.RoundTrip(request); AsError(err) == nil || AsError(err).Kind != KindInternal || wire.last.left {
			t.Errorf("%s %s: got %v", test.method, test.url, err)
		}
	}
}

type unwanted struct{ t *testing.T }

func (u unwanted) RoundTrip(request *http.Request) (*http.Response, error) {
	u.t.Errorf("%s %s was sent", request.Method, request.URL)
	return nil, errors.New("unwanted")
}

// TestNoManagerIsAnError: the SDK returns nil where it does not like a config.
func TestNoManagerIsAnError(t *testing.T) {
	v := &Vault{timeout: time.Minute, base: unwanted{t}}
	err := v.use(context.Background(), func(s *session) error { return s.open(map[string]string{hostEntry: "keeper.invalid"}, nil) })
	if found := AsError(err); found == nil || found.Kind != KindConfig || v.manager != nil {
		t.Errorf("got %v", err)
	}
}

func TestTransportFaultsAreTold(t *testing.T) {
	canary := errors.New("canary")
	for _, test := range []struct {
		err   error
		kind  Kind
		words string
	}{
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, KindNetwork, "refused"},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, KindNetwork, "reset"},
		{&net.OpError{Op: "proxyconnect", Err: canary}, KindNetwork, "proxy"},
		{&net.OpError{Op: "proxyconnect", Err: &net.DNSError{Err: "canary", Name: "canary"}}, KindNetwork, "proxy"},
		{&net.DNSError{Err: "canary", Name: "canary"}, KindNetwork, "looked up"},
		{io.ErrUnexpectedEOF, KindNetwork, "closed"},
		{canary, KindNetwork, "failed"},
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, KindTimeout, "in time"},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, KindTLS, "unknown authority"},
		{&tls.CertificateVerificationError{Err: x509.HostnameError{Host: "canary", Certificate: &x509.Certificate{}}}, KindTLS, "another host"},
		{&tls.CertificateVerificationError{Err: canary}, KindTLS, "verified"},
		{tls.AlertError(40), KindTLS, "agreed"},
	} {
		found := transportFault(context.Background(), &url.Error{Op: "Post", URL: "canary", Err: test.err}, "")
		if found.Kind != test.kind || !strings.Contains(found.Problem, test.words) || strings.Contains(found.Error(), "canary") {
			t.Errorf("%v gave %v of kind %s", test.err, found, found.Kind)
		}
	}
}

// TestProxyIsNamed: which proxy it was, and nothing of its user and password; and the advice is
// about the proxy.
func TestProxyIsNamed(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	_ = closed.Close()
	refusing := httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) { writer.WriteHeader(http.StatusProxyAuthRequired) }))
	defer refusing.Close()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) { <-request.Context().Done() }))
	defer silent.Close()
	for _, test := range []struct {
		address string
		timeout time.Duration
		kind    Kind
		words   string
	}{
		{address, 10 * time.Second, KindNetwork, "the proxy " + address + " could not be reached"},
		{refusing.Listener.Addr().String(), 10 * time.Second, KindNetwork, "the proxy " + refusing.Listener.Addr().String() + " refused the connection with 407"},
		{silent.Listener.Addr().String(), 50 * time.Millisecond, KindTimeout, "by way of the proxy " + silent.Listener.Addr().String()},
	} {
		transport, err := newTransport("")
		if err != nil {
			t.Fatal(err)
		}
		transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", User: url.UserPassword("canary", "canary"), Host: test.address})
		wire := &wire{ctx: context.Background(), timeout: test.timeout, base: transport, host: "keeper.invalid"}
		request, err := http.NewRequest(http.MethodPost, "https://keeper.invalid"+routes+readRoute, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		_, err = wire.RoundTrip(request)
		found := AsError(err)
		switch {
		case found == nil:
			t.Errorf("%s: %v", test.words, err)
		case found.Kind != test.kind || !strings.Contains(found.Problem, test.words) || wire.last.left:
			t.Errorf("got %v of kind %s, want %s", found, found.Kind, test.words)
		case len(found.Hints) != 1 || !strings.Contains(found.Hints[0], "HTTPS_PROXY") || strings.Contains(found.Error()+found.Hints[0], "canary"):
			t.Errorf("got %v, hints %v", found, found.Hints)
		}
		transport.CloseIdleConnections()
	}
}

func TestNamesAreCutAndQuoted(t *testing.T) {
	if got := shown(strings.Repeat("ä", 101) + "\n"); got != `"`+strings.Repeat("ä", 100)+`…"` {
		t.Errorf("got %s", got)
	}
	if got := shownList(strings.Split(strings.Repeat("\n,", 22)+"x", ",")); got != strings.Repeat(`"\n", `, 20)+"and 3 more" {
		t.Errorf("got %s", got)
	}
}
