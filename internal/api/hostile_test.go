package api_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/api/hostile"
	"pam-rotate-script/internal/reliability"
	"pam-rotate-script/internal/secret"
)

const (
	// maxMemory is what one call, or one reading of its answer, may allocate in all,
	// the server's part included.
	maxMemory = 64 << 20
	// maxPushed is what a server may get rid of before the client closes: the client's
	// own bounds and the buffers of two sockets.
	maxPushed = 24 << 20
	// stallTimeout bounds a call to a server that stalls. It is long enough for what
	// comes before the stall on a busy machine.
	stallTimeout = 2 * time.Second
)

func TestMain(m *testing.M) {
	// net/http writes to the standard logger whatever arrives unasked.
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// foe is a hostile server with a client of its own.
type foe struct {
	server *hostile.Server
	client *api.Client
	clock  *waits
	host   string
}

// hostileAuthority signs for all hostile servers.
var hostileAuthority = sync.OnceValues(hostile.NewAuthority)

func authority(t *testing.T) *hostile.Authority {
	t.Helper()
	authority, err := hostileAuthority()
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

// newFoe joins a server and a client. Both end with the test.
func newFoe(t *testing.T, timeout time.Duration, server *hostile.Server, err error) *foe {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	f := &foe{server: server, clock: &waits{}, host: server.Host()}
	f.client, err = api.NewClient(api.Config{
		Vendor: "example", Trust: api.Trust{Authorities: authority(t).PEM()}, CallTimeout: timeout, Clock: f.clock,
		Explain: api.ExplainBy("message"), Scrubber: secret.NewScrubber(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.client.Close)
	return f
}

// playing is a foe whose server plays each connection.
func playing(t *testing.T, timeout time.Duration, play func(*hostile.Conn)) *foe {
	t.Helper()
	config, err := authority(t).Config()
	if err != nil {
		t.Fatal(err)
	}
	server, err := hostile.Start(config, play)
	return newFoe(t, timeout, server, err)
}

// methods tell the kinds apart at the server.
var methods = map[api.Kind]string{api.Read: "GET", api.Prepare: "POST", api.Write: "PATCH", api.SignIn: "GET"}

func (f *foe) request(kind api.Kind) api.Request {
	request := api.Request{Action: "call", Kind: kind, Method: methods[kind], Host: f.host, Path: api.FixedPath("/hostile")}
	switch kind {
	case api.SignIn:
		request.Header = []api.Header{api.Basic("jane", secret.New("password"))}
	case api.Prepare, api.Write:
		request.Body = api.JSONBody(api.Object{{Name: "password", Value: secret.New("password")}})
	}
	return request
}

// calm is a call that the server answers honestly.
func (f *foe) calm(t *testing.T) {
	t.Helper()
	_, err := f.client.Do(t.Context(), api.Request{Action: "calm", Kind: api.Read, Method: "HEAD", Host: f.host, Path: api.FixedPath("/")})
	if err != nil {
		t.Errorf("the honest answer: %v", err)
	}
}

// longBody is more than the buffers between two sockets hold.
func longBody() api.Body { return api.JSONBody(strings.Repeat("x", 16<<20)) }

// classOf is the class of the error that a hostile answer leads to.
func classOf(answer hostile.Answer, kind api.Kind) api.Class {
	writes := kind == api.Write || kind == api.Prepare
	switch {
	case answer.Status == 401:
		return api.ClassCredential
	case answer.Status == 400 && writes:
		return api.ClassPolicy
	case answer.Stalls:
		return api.ClassTimeout
	case strings.HasPrefix(answer.Name, "no answer"):
		return api.ClassNetwork
	}
	return api.ClassTarget
}

// TestHostileAnswers: whatever a server answers, the call ends within its time-out and
// within bounds, was sent as often as its kind allows, and says what happened.
func TestHostileAnswers(t *testing.T) {
	elsewhere, err := hostile.StartPlain(func(*hostile.Conn) {})
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()

	var stalling sync.WaitGroup
	defer stalling.Wait()
	var broken atomic.Int64
	answers, calls, stalls := hostile.Answers(elsewhere.Host()), 0, 0
	face := func(f *foe, name string, answer hostile.Answer, kind api.Kind, kept bool) {
		if !f.face(t, name, answer, kind, kept) {
			broken.Add(1)
		}
	}
	for _, answer := range answers {
		for _, kind := range []api.Kind{api.Read, api.Prepare, api.Write, api.SignIn} {
			for _, kept := range []bool{true, false} {
				if !kept && kind != api.Write {
					continue // no different from a kept one, and slow
				}
				name := fmt.Sprintf("%s/%s/kept connection %v", answer.Name, kind, kept)
				timeout := 30 * time.Second
				if answer.Stalls {
					timeout = stallTimeout
				}
				f := playing(t, timeout, hostile.Site{
					Meant:  func(r *http.Request) bool { return r.URL.Path == "/hostile" },
					Answer: answer,
					Serve:  func(*http.Request, string) string { return "HTTP/1.1 204 No Content\r\n\r\n" },
				}.Play)
				calls++
				if answer.Stalls {
					stalls++
					stalling.Go(func() { face(f, name, answer, kind, kept) })
					continue
				}
				face(f, name, answer, kind, kept)
				f.server.Close()
			}
		}
	}
	stalling.Wait()
	if elsewhere.Connections() > 0 {
		t.Error("a redirect was followed")
	}
	reliability.Settle(t, "hostile-calls", "make hostile", reliability.Table([]string{"calls to servers that break HTTP", ""},
		[]any{"ways to answer", len(answers)},
		[]any{"calls: read, prepare, write, sign-in, on a new connection and a kept one", calls},
		[]any{"of them answered too slowly, and given up in time", stalls},
		[]any{fmt.Sprintf("more than %d MiB allocated, sent too often, followed elsewhere, or another wrong end", maxMemory>>20), broken.Load()},
	))
}

// face makes the call and reports whether its end is right.
func (f *foe) face(t *testing.T, name string, answer hostile.Answer, kind api.Kind, kept bool) (right bool) {
	right = true
	fail := func(format string, values ...any) {
		right = false
		t.Errorf(name+": "+format, values...)
	}
	if kept {
		// A connection that was used before is what net/http would send again on.
		f.calm(t)
	}
	bounded := func(step func()) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		step()
		runtime.ReadMemStats(&after)
		// Calls to servers that stall are made together.
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > maxMemory && !answer.Stalls {
			fail("%d MiB were allocated", allocated>>20)
		}
	}
	var got api.Answer
	var err error
	bounded(func() { got, err = f.client.Do(t.Context(), f.request(kind)) })
	fault := api.AsError(err)

	// A server that closes with a request unread resets the connection, and its
	// answer may be lost.
	lost := answer.Unread && fault != nil && fault.Status == 0
	switch wanted := answer.Whole && answer.Status/100 == 2; {
	case lost:
		if !fault.Left || fault.Refused() {
			fail("got %+v", fault)
		}
	case wanted && err != nil, !wanted && fault == nil:
		fail("got %v", err)
	case wanted:
		var readable, object error
		bounded(func() { readable = got.Readable() })
		bounded(func() { _, object = got.Object() })
		if believable := answer.Believable || answer.Denies; (readable == nil) != believable || object == nil && !believable {
			fail("readable: %v, an object: %v", readable, object)
		}
		if got.Status != answer.Status {
			fail("status %d", got.Status)
		}
	default:
		refused := answer.Status == 400 || answer.Status == 401
		if fault.Status != answer.Status || !fault.Left || fault.Refused() != refused {
			fail("status %d, left %v, refused %v", fault.Status, fault.Left, fault.Refused())
		}
		class := classOf(answer, kind)
		// Which of its two ends is seen first is the network's affair.
		if fault.Class != class && !(answer.Name == "head reset" && fault.Class == api.ClassNetwork) {
			fail("class %s (%s), want %s", fault.Class, fault.Cause, class)
		}
	}

	most := 1
	if kind == api.Read {
		most = 3
	}
	if arrivals := f.server.Arrivals(methods[kind]); arrivals < 1 || arrivals > most {
		fail("%d arrivals", arrivals)
	}
	counts := f.client.Counts()
	if writes := f.server.Arrivals("PATCH"); counts.Writes != writes {
		fail("%d writes were counted, %d arrived", counts.Writes, writes)
	}
	if kind == api.SignIn && (err == nil) != (counts.FailedLogins == 0) {
		fail("%d failed logins were counted with %v", counts.FailedLogins, err)
	}
	if f.server.Outlived() > 0 {
		fail("the call had no time-out")
	}
	if pushed := f.server.Pushed(); pushed > maxPushed {
		fail("the server got rid of %d MiB", pushed>>20)
	}
	return right
}

// TestEarlyAnswerToALongBody: a server that has not read the request cannot have done
// what it asks for.
func TestEarlyAnswerToALongBody(t *testing.T) {
	for _, answer := range hostile.Answers("127.0.0.1:1") {
		if !answer.Unread {
			continue
		}
		t.Run(answer.Name, func(t *testing.T) {
			release := make(chan struct{})
			f := playing(t, 30*time.Second, func(c *hostile.Conn) {
				c.Head()
				answer.Play(c)
				<-release // nothing more is read
			})
			defer close(release)
			request := f.request(api.Write)
			request.Body = longBody()
			_, err := f.client.Do(t.Context(), request)
			fault := api.AsError(err)
			if fault == nil || !fault.Left || fault.Status != answer.Status || fault.Class != classOf(answer, api.Write) {
				t.Errorf("got %+v", fault)
			}
			if got := f.server.Arrivals("PATCH"); got != 1 {
				t.Errorf("%d arrivals", got)
			}
		})
	}
}

// TestKeptConnectionIsCut: a vendor that ends idle connections gets a write or a
// sign-in once or not at all.
func TestKeptConnectionIsCut(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(*hostile.Conn)                // after the first answer
		during func(*hostile.Conn, *http.Request) // after the head of the next request
		long   bool                               // the next request's body
	}{
		{name: "closed before", before: (*hostile.Conn).Finish},
		{name: "cut before", before: (*hostile.Conn).Cut},
		{name: "reset before", before: (*hostile.Conn).Reset},
		{name: "closed at the head", during: func(c *hostile.Conn, _ *http.Request) { c.Finish() }},
		{name: "reset at the head", during: func(c *hostile.Conn, _ *http.Request) { c.Reset() }},
		{name: "closed in the body", long: true, during: func(c *hostile.Conn, _ *http.Request) { c.Finish() }},
		{name: "reset in the body", long: true, during: func(c *hostile.Conn, _ *http.Request) { c.Reset() }},
		{name: "closed after the body", during: func(c *hostile.Conn, r *http.Request) { c.Body(r); c.Finish() }},
		{name: "cut after the body", during: func(c *hostile.Conn, r *http.Request) { c.Body(r); c.Cut() }},
		{name: "reset after the body", during: func(c *hostile.Conn, r *http.Request) { c.Body(r); c.Reset() }},
	} {
		for _, kind := range []api.Kind{api.Prepare, api.Write, api.SignIn} {
			if test.long && kind == api.SignIn {
				continue
			}
			rounds := 10 // the cut races with the next request
			if test.long {
				rounds = 2
			}
			t.Run(fmt.Sprintf("%s/%s", test.name, kind), func(t *testing.T) {
				for range rounds {
					f := playing(t, 30*time.Second, func(c *hostile.Conn) {
						for request := c.Head(); request != nil; request = c.Head() {
							calm := request.Method == "HEAD"
							if !calm && test.during != nil {
								test.during(c, request)
								return
							}
							c.Body(request)
							c.Send("HTTP/1.1 204 No Content\r\n\r\n")
							if calm && test.before != nil {
								test.before(c)
								return
							}
						}
					})
					f.calm(t)
					request := f.request(kind)
					if test.long {
						request.Body = longBody()
					}
					_, err := f.client.Do(t.Context(), request)
					fault, arrivals := api.AsError(err), f.server.Arrivals(methods[kind])
					switch {
					case arrivals > 1:
						t.Errorf("%d arrivals", arrivals)
					case err == nil && (arrivals != 1 || test.during != nil):
						t.Errorf("success after %d arrivals", arrivals)
					case err != nil && (fault == nil || arrivals == 1 && !fault.Left || fault.Class != api.ClassNetwork):
						t.Errorf("%d arrivals and %+v", arrivals, fault)
					case test.during != nil && arrivals != 1:
						t.Errorf("%d arrivals and %v", arrivals, err)
					}
				}
			})
		}
	}
}

// at is the address of a server under another name.
func at(t *testing.T, name string, server *hostile.Server) string {
	t.Helper()
	_, port, err := net.SplitHostPort(server.Host())
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(name, port)
}

// TestHostileIdentities: not a byte of a request goes to a server that cannot prove
// who it is, and the error says what to do; wherever the authority is trusted, and
// through a proxy too.
func TestHostileIdentities(t *testing.T) {
	known := api.Trust{Authorities: authority(t).PEM()}
	ways := map[string]func(*testing.T) api.Config{
		"on the record": func(*testing.T) api.Config { return api.Config{Trust: known} },
		"on the record, through a proxy": func(t *testing.T) api.Config {
			return api.Config{Transport: throughProxy(t, known)}
		},
	}
	if runtime.GOOS == "linux" {
		file := filepath.Join(t.TempDir(), "system.pem")
		if err := os.WriteFile(file, []byte("a text\n"+authority(t).PEM()), 0o600); err != nil {
			t.Fatal(err)
		}
		ways["in the system"] = func(t *testing.T) api.Config {
			t.Setenv("SSL_CERT_FILE", file)
			return api.Config{}
		}
	}
	ran, want, broken := 0, 0, 0
	for way, config := range ways {
		client := func(t *testing.T, f *foe) {
			config := config(t)
			config.Vendor, config.CallTimeout, config.Clock = "example", 30*time.Second, f.clock
			client, err := api.NewClient(config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			f.client = client
		}
		t.Run(way+"/honest", func(t *testing.T) {
			f := playing(t, 30*time.Second, hostile.Site{Meant: func(*http.Request) bool { return false }}.Play)
			client(t, f)
			f.calm(t)
			f.host = at(t, "localhost", f.server)
			f.calm(t)
		})
		for _, identity := range hostile.Identities(authority(t)) {
			if identity.Plain && strings.HasSuffix(way, "proxy") {
				continue // net/http drops what comes together with the proxy's answer, and waits
			}
			want++
			t.Run(way+"/"+identity.Name, func(t *testing.T) {
				ran++
				defer func() {
					if t.Failed() {
						broken++
					}
				}()
				server, err := identity.Start()
				f := newFoe(t, 30*time.Second, server, err)
				client(t, f)
				f.host = at(t, identity.Host, server)
				_, err = f.client.Do(t.Context(), f.request(api.Write))
				fault := api.AsError(err)
				if fault == nil || fault.Class != api.ClassTLS || fault.Left || fault.Status != 0 || len(fault.Hints) == 0 {
					t.Errorf("got %+v, want class tls before anything left, with a hint", fault)
				}
				if server.Begun() != 0 || server.Connections() != 1 || f.client.Counts() != (api.Counts{}) {
					t.Errorf("%d requests on %d connections, counted %+v", server.Begun(), server.Connections(), f.client.Counts())
				}
				if pushed := server.Pushed(); pushed > maxPushed {
					t.Errorf("the server got rid of %d MiB", pushed>>20)
				}
			})
		}
	}
	if ran == want && len(ways) == 3 {
		reliability.Settle(t, "hostile-identities", "make hostile", reliability.Table([]string{"writes to servers that cannot prove who they are", ""},
			[]any{"kinds of certificates and handshakes", len(hostile.Identities(authority(t)))},
			[]any{"ways to trust an authority: on the record, there through a proxy, in the system", len(ways)},
			[]any{"writes tried", ran},
			[]any{"a byte of a request was sent, or another wrong end", broken},
		))
	}
}

// throughProxy returns a transport whose every connection leads through a proxy that
// opens nothing.
func throughProxy(t *testing.T, trust api.Trust) http.RoundTripper {
	t.Helper()
	var tunnels atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tunnels.Add(1)
		onward, err := net.Dial("tcp", r.Host)
		if err != nil || r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer onward.Close()
		inward, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer inward.Close()
		_, _ = io.WriteString(inward, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			_, _ = io.Copy(onward, buffered)
			_ = onward.Close()
		}()
		_, _ = io.Copy(inward, onward)
	}))
	t.Cleanup(func() {
		proxy.Close()
		if tunnels.Load() == 0 {
			t.Error("nothing went through the proxy")
		}
	})
	transport, err := api.NewTransport(trust, func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) })
	if err != nil {
		t.Fatal(err)
	}
	return transport
}

// TestHandshakeThatFails: nothing had left, so that even a write may be tried again.
func TestHandshakeThatFails(t *testing.T) {
	for _, test := range []struct {
		name    string
		play    func(*hostile.Conn)
		timeout time.Duration
		class   api.Class
	}{
		{"stalls", (*hostile.Conn).Stall, 100 * time.Millisecond, api.ClassTimeout},
		{"stalls half-way", func(c *hostile.Conn) { c.Send("\x16\x03\x03\x00\x7a\x02"); c.Stall() }, 100 * time.Millisecond, api.ClassTimeout},
		{"drips", func(c *hostile.Conn) { c.Drip("\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb\x00") }, 100 * time.Millisecond, api.ClassTimeout},
		{"is closed", (*hostile.Conn).Cut, 30 * time.Second, api.ClassNetwork},
		{"is reset", (*hostile.Conn).Reset, 30 * time.Second, api.ClassNetwork},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, err := hostile.StartPlain(test.play)
			f := newFoe(t, test.timeout, server, err)
			_, err = f.client.Do(t.Context(), f.request(api.Write))
			fault := api.AsError(err)
			if fault == nil || fault.Class != test.class || fault.Left {
				t.Errorf("got %+v", fault)
			}
			if f.client.Counts() != (api.Counts{}) {
				t.Errorf("counted %+v", f.client.Counts())
			}
		})
	}
}

// TestClientCertificateIsDemanded: with TLS 1.3 the refusal comes after the client's
// handshake, when the request may have left, and proves that nothing was done.
func TestClientCertificateIsDemanded(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			config, err := authority(t).Config()
			if err != nil {
				t.Fatal(err)
			}
			config.MinVersion, config.MaxVersion, config.ClientAuth = version, version, tls.RequireAnyClientCert
			server, err := hostile.Start(config, func(c *hostile.Conn) { c.Head() })
			f := newFoe(t, 30*time.Second, server, err)
			_, err = f.client.Do(t.Context(), f.request(api.Write))
			fault := api.AsError(err)
			if fault == nil || fault.Status != 0 || fault.Left != (fault.Class == api.ClassNetwork) || !strings.Contains(fault.Cause, "asks for a client's certificate") {
				t.Fatalf("got %+v", fault)
			}
			// A reset may overtake the alert once the request is on its way.
			if fault.Class != api.ClassTLS && !(version == tls.VersionTLS13 && fault.Class == api.ClassNetwork) {
				t.Errorf("class %s", fault.Class)
			}
			if fault.Class == api.ClassTLS && len(fault.Hints) == 0 {
				t.Error("no hint")
			}
			if server.Begun() != 0 || f.client.Counts().Writes > 1 {
				t.Errorf("%d requests seen, %d writes counted", server.Begun(), f.client.Counts().Writes)
			}
		})
	}
}

// TestAlertBehindTheRequest: a request that has left is not sent again, although the alert that ends the
// connection would mean another version of TLS at its beginning.
func TestAlertBehindTheRequest(t *testing.T) {
	for _, kind := range []api.Kind{api.Write, api.SignIn, api.Read} {
		t.Run(kind.String(), func(t *testing.T) {
			trusted := authority(t)
			config, err := trusted.Config()
			if err != nil {
				t.Fatal(err)
			}
			server, err := hostile.Start(config, func(c *hostile.Conn) {
				if request := c.Head(); request != nil {
					c.Body(request)
					c.Garble()
				}
			})
			f := newFoe(t, 30*time.Second, server, err)
			client, err := api.NewClient(api.Config{Vendor: "example", Trust: api.Trust{Authorities: trusted.PEM()}, Renegotiates: true, Scrubber: secret.NewScrubber()})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			_, err = client.Do(t.Context(), f.request(kind))
			if fault := api.AsError(err); fault == nil || fault.Status != 0 || !fault.Left {
				t.Errorf("got %+v", fault)
			}
			if server.Begun() != 1 || client.Counts().Requests != 1 {
				t.Errorf("%d requests seen, %d counted", server.Begun(), client.Counts().Requests)
			}
		})
	}
}

// TestCookiesAreNotSentBack, whatever domain they are for.
func TestCookiesAreNotSentBack(t *testing.T) {
	var cookies []string
	f := playing(t, 30*time.Second, hostile.Site{
		Meant: func(*http.Request) bool { return false },
		Serve: func(r *http.Request, _ string) string {
			cookies = append(cookies, r.Header.Values("Cookie")...)
			return "HTTP/1.1 204 No Content\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Domain=other.example\r\n" +
				"Set-Cookie: c=3; Domain=127.0.0.1; Path=/\r\nSet-Cookie: d=4; Domain=com\r\n\r\n"
		},
	}.Play)
	for _, kind := range []api.Kind{api.Read, api.Write, api.SignIn, api.Read} {
		if _, err := f.client.Do(t.Context(), f.request(kind)); err != nil {
			t.Fatal(err)
		}
	}
	f.server.Close()
	if len(cookies) > 0 {
		t.Errorf("%d cookies were sent", len(cookies))
	}
}

// TestLongTextIsNotSearched: scrubbing takes longer than in proportion, and nobody reads
// that much.
func TestLongTextIsNotSearched(t *testing.T) {
	f := playing(t, time.Second, func(*hostile.Conn) {})
	if got := f.client.Clean(strings.Repeat("x", api.MaxForeign)); len([]rune(got)) != api.MaxText+1 {
		t.Errorf("%d characters are left of a long text", len([]rune(got)))
	}
	if got := f.client.Clean(strings.Repeat("x", api.MaxForeign+1)); got != "" {
		t.Errorf("%d bytes are left of a text that is too long", len(got))
	}
}

// TestCleanWithholdsWhatIsShownInPart: what a vendor has wrapped or folded is not printed, and what
// it repeats as it is costs no more than the secret.
func TestCleanWithholdsWhatIsShownInPart(t *testing.T) {
	f := playing(t, time.Second, func(*hostile.Conn) {})
	f.client.Seal("Xk7#mQ2$vL9!pR4@wT6z")
	for text, want := range map[string]string{
		"XK7#MQ2$VL9!PR4@WT6Z is too weak":        "[withheld]",
		"Xk7#mQ2$v\n  L9!pR4@wT6z is too weak":    "[withheld]",
		"Xk7#\x1b[1mmQ2$vL9!pR4@wT6z is too weak": "[withheld]",
		"Xk7#mQ2$vL9!pR4@wT6z is too weak":        "[secret] is too weak",
		"Xk7#mQ2 is too weak":                     "Xk7#mQ2 is too weak",
	} {
		if got := f.client.Clean(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
