package api_test

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/api/hostile"
	"pam-rotate-script/internal/api/realserver"
)

// TestRealMiddlebox: what drops the long first message of a handshake costs one handshake more
// in a run, and no request arrives twice.
func TestRealMiddlebox(t *testing.T) {
	needs(t, "node", "squid")
	for _, way := range hostile.Middleboxes {
		for _, proxied := range []bool{false, true} {
			name := way
			if proxied {
				name += ", through a proxy"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel() // one of them waits
				r := startReal(t, "node", "plain")
				box, err := hostile.StartMiddlebox(way, net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port)))
				if err != nil {
					t.Fatal(err)
				}
				defer box.Close()
				config := api.Config{Trust: r.trust()}
				if proxied {
					proxy, err := realserver.StartProxy("squid", false, t.TempDir())
					if err != nil {
						t.Fatal(err)
					}
					defer proxy.Close()
					if config.Transport, err = api.NewTransport(r.trust(), http.ProxyURL(&url.URL{Scheme: "http", Host: proxy.Host()})); err != nil {
						t.Fatal(err)
					}
				}
				r.Server.Port = box.Port
				_, client, err := r.calls(config, 3, api.Write)
				if err != nil || client.Counts().Writes != 3 || len(r.Lines("arrived")) != 3 {
					t.Errorf("%+v, %q: %v", client.Counts(), r.Lines("arrived"), err)
				}
				if box.TurnedAway.Load() != 1 || box.Passed.Load() != 1 {
					t.Errorf("%d connections were turned away, %d passed", box.TurnedAway.Load(), box.Passed.Load())
				}
			})
		}
	}
}

// TestRealMiddleboxBeforeProxy: the same on the way to a proxy that is spoken to in TLS.
func TestRealMiddleboxBeforeProxy(t *testing.T) {
	needs(t, "node", "squid")
	r := startReal(t, "node", "plain")
	proxy, err := realserver.StartProxy("squid, https", false, r.folder)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	box, err := hostile.StartMiddlebox("resets", net.JoinHostPort("127.0.0.1", strconv.Itoa(proxy.Port)))
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	transport, err := api.NewTransport(r.trust(), http.ProxyURL(&url.URL{Scheme: "https", Host: net.JoinHostPort("localhost", strconv.Itoa(box.Port))}))
	if err != nil {
		t.Fatal(err)
	}
	if _, client, err := r.calls(api.Config{Transport: transport}, 3, api.Write); err != nil || client.Counts().Writes != 3 || box.TurnedAway.Load() != 1 {
		t.Errorf("%+v, %d turned away: %v", client.Counts(), box.TurnedAway.Load(), err)
	}
}

// TestBrokenHandshakeIsTriedTwice: a break that the first message's length is not to blame for
// stays what it was, costs one connection more in each call, and nothing has left. Where the
// message is short anyway there is none.
func TestBrokenHandshakeIsTriedTwice(t *testing.T) {
	for version, connections := range map[string]int32{"": 4, api.TLS12: 2} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		var taken atomic.Int32
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				taken.Add(1)
				_, _ = connection.Read(make([]byte, 4096))
				_ = connection.Close()
			}
		}()
		client, err := api.NewClient(api.Config{Vendor: "example", Trust: api.Trust{Version: version}, Clock: &waits{}})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_, err := client.Do(t.Context(), api.Request{Action: "call", Kind: api.Write, Method: "PUT", Host: listener.Addr().String(), Path: api.FixedPath("/")})
			fault := api.AsError(err)
			if fault == nil || fault.Left || fault.Class != api.ClassNetwork || !strings.HasPrefix(fault.Cause, "the connection was ") || !fault.Passes() {
				t.Errorf("TLS %q: %+v", version, fault)
			}
		}
		client.Close()
		if taken.Load() != connections {
			t.Errorf("TLS %q: %d connections", version, taken.Load())
		}
	}
}
