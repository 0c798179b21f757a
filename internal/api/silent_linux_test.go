package api_test

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/secret"
)

// dropping returns the address of a port that answers no new connection, as behind a firewall
// that drops them: its queue is full.
func dropping(t *testing.T) string {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(socket) })
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(socket, 0); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(bound.(*syscall.SockaddrInet4).Port))
	waiting, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = waiting.Close() })
	return address
}

// silent returns the address of a port that takes connections and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// TestSilenceIsToldByItsPlace: time that runs out is told of what did not answer, whoever's
// time it was.
func TestSilenceIsToldByItsPlace(t *testing.T) {
	for name, test := range map[string]struct {
		scheme       string // of the proxy, "" for none
		proxy, reach func(t *testing.T) string
		class        api.Class
		cause, hint  string
	}{
		"connection":                  {"", nil, dropping, api.ClassTimeout, "no connection came about in time", "a firewall may drop"},
		"handshake":                   {"", nil, silent, api.ClassTimeout, "the TLS handshake was not answered in time", "may not speak TLS"},
		"connection to a proxy":       {"http", dropping, silent, api.ClassNetwork, "the proxy could not be reached (PROXY): no connection came about in time", "HTTPS_PROXY"},
		"proxy":                       {"http", silent, silent, api.ClassNetwork, "the proxy could not be reached (PROXY): no answer in time", "HTTPS_PROXY"},
		"connection to a proxy's TLS": {"https", dropping, silent, api.ClassNetwork, "the proxy could not be reached (PROXY): no connection came about in time", "HTTPS_PROXY"},
		"handshake with a proxy":      {"https", silent, silent, api.ClassNetwork, "the proxy could not be reached (PROXY): the TLS handshake was not answered in time", "write http:// in HTTPS_PROXY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits
			config := api.Config{Vendor: "acme", CallTimeout: 300 * time.Millisecond, WriteTimeout: 300 * time.Millisecond, Scrubber: secret.NewScrubber()}
			if test.scheme != "" {
				proxy := test.proxy(t)
				test.cause = strings.ReplaceAll(test.cause, "PROXY", proxy)
				var err error
				if config.Transport, err = api.NewTransport(api.Trust{}, http.ProxyURL(&url.URL{Scheme: test.scheme, Host: proxy})); err != nil {
					t.Fatal(err)
				}
			}
			client, err := api.NewClient(config)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			_, err = client.Do(t.Context(), api.Request{Action: "change it", Kind: api.Write, Method: "POST", Host: test.reach(t), Path: api.FixedPath("/")})
			failure := api.AsError(err)
			if failure == nil || failure.Class != test.class || failure.Cause != test.cause || !strings.Contains(strings.Join(failure.Hints, "\n"), test.hint) {
				t.Errorf("got %+v", failure)
			}
			if counts := client.Counts(); counts.Requests != 0 || failure == nil || failure.Left {
				t.Errorf("counted %+v", counts)
			}
		})
	}
}
