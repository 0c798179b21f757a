package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/api/realserver"
	"pam-rotate-script/internal/secret"
)

// needs skips a test whose product is missing, where it may be.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if err := realserver.Missing(program); err != nil {
			if os.Getenv("CI_REQUIRE_SERVERS") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}

// real is a real server with the files that belong to it.
type real struct {
	*realserver.Server
	t           *testing.T
	folder      string
	fingerprint string
}

func startReal(t *testing.T, product, kind string) *real {
	t.Helper()
	needs(t, product)
	r := &real{t: t, folder: t.TempDir()}
	var err error
	if r.fingerprint, err = realserver.Certificates(r.folder); err != nil {
		t.Fatal(err)
	}
	if r.Server, err = realserver.StartTLS(product, kind, r.folder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func (r *real) file(name string) string {
	text, err := os.ReadFile(filepath.Join(r.folder, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// call is a read with a client of its own.
func (r *real) call(config api.Config) (api.Answer, *api.Client, error) {
	return r.calls(config, 1, api.Read)
}

func (r *real) calls(config api.Config, number int, kind api.Kind) (answer api.Answer, client *api.Client, err error) {
	r.t.Helper()
	config.Vendor, config.Clock, config.CallTimeout, config.Scrubber = "example", &waits{}, 20*time.Second, secret.NewScrubber()
	if client, err = api.NewClient(config); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(client.Close)
	for range number {
		request := api.Request{Action: "call", Kind: kind, Method: "GET", Host: r.Host(), Path: api.FixedPath("/")}
		if kind == api.Write {
			request.Method, request.Body = "POST", api.JSONBody(api.Object{{Name: "password", Value: secret.New("password")}})
		}
		if answer, err = client.Do(r.t.Context(), request); err != nil {
			break
		}
	}
	return answer, client, err
}

func (r *real) trust() api.Trust { return api.Trust{Authorities: r.file("ca.pem")} }

// TestRealTLS: what a server that is set up otherwise than this client needs leads to, with
// two makers' TLS.
func TestRealTLS(t *testing.T) {
	causes := map[string]string{
		"HTTP/2 alone":                         "the server does not speak HTTP/1.1 on this port",
		"RSA key exchange alone":               "no cipher suite in common with the server",
		"missing intermediate":                 "or the server leaves out an intermediate certificate",
		"common name alone":                    "the server's certificate has the host name as its common name alone",
		"client certificate demanded":          "the server asks for a client's certificate and got none",
		"client certificate demanded, TLS 1.2": "the server asks for a client's certificate and got none",
	}
	for _, product := range []string{"openssl", "node"} {
		for _, kind := range realserver.Kinds {
			t.Run(product+"/"+kind, func(t *testing.T) {
				r := startReal(t, product, kind)
				answer, client, err := r.call(api.Config{Trust: r.trust()})
				cause := causes[kind]
				if cause == "" {
					if err != nil || answer.Status != 200 {
						t.Errorf("got %v", err)
					}
					return
				}
				fault := api.AsError(err)
				if fault == nil || !strings.Contains(fault.Cause, cause) || len(fault.Hints) == 0 {
					t.Fatalf("got %v", err)
				}
				// A reset may overtake the alert.
				if fault.Class != api.ClassTLS && !(kind == "client certificate demanded" && fault.Class == api.ClassNetwork) || fault.Left != (fault.Class == api.ClassNetwork) {
					t.Errorf("class %s, left %v", fault.Class, fault.Left)
				}
				if fault.Class == api.ClassTLS && client.Counts() != (api.Counts{}) {
					t.Errorf("counted %+v", client.Counts())
				}
				if arrived := r.Lines("arrived"); len(arrived) > 0 {
					t.Errorf("the server has got %q", arrived)
				}
			})
		}
	}
}

// TestRealClientCertificate: what is demanded is shown, in whatever form it was typed, and
// another one is told apart from none.
func TestRealClientCertificate(t *testing.T) {
	for _, product := range []string{"openssl", "node"} {
		for _, kind := range []string{"client certificate demanded", "client certificate demanded, TLS 1.2"} {
			t.Run(product+"/"+kind, func(t *testing.T) {
				r := startReal(t, product, kind)
				trust := r.trust()
				trust.ClientCertificate, trust.ClientKey = secret.New("\ufeff  "+strings.ReplaceAll(r.file("client.pem"), "\n", " ")), secret.New(r.file("client.key"))
				if _, _, err := r.call(api.Config{Trust: trust}); err != nil {
					t.Error(err)
				}
				stranger := t.TempDir()
				if _, err := realserver.Certificates(stranger); err != nil {
					t.Fatal(err)
				}
				other := &real{t: t, folder: stranger}
				trust.ClientCertificate, trust.ClientKey = secret.New(other.file("client.pem")+other.file("client.key")), secret.Value{}
				_, _, err := r.call(api.Config{Trust: trust})
				if fault := api.AsError(err); fault == nil || fault.Class == api.ClassTLS && fault.Cause != "the server refused the client's certificate" {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// TestRealRenegotiation: a server that asks for client certificates in the middle of a
// connection is spoken with, as Venafi's needs it, and by any other target where that goes.
func TestRealRenegotiation(t *testing.T) {
	for _, kind := range realserver.Renegotiating {
		for _, kept := range []bool{false, true} {
			name := kind + "/a connection per exchange"
			if kept {
				name = kind + "/kept connections"
			}
			t.Run(name, func(t *testing.T) {
				r := startReal(t, "node", kind)
				_, client, err := r.calls(api.Config{Trust: r.trust(), Renegotiates: !kept}, 3, api.Write)
				if kept && strings.Contains(kind, "on TLS 1.3") {
					fault := api.AsError(err)
					if fault == nil || !fault.Left || !slices.ContainsFunc(fault.Hints, func(hint string) bool { return strings.Contains(hint, "TLS Version to 1.2") }) {
						t.Errorf("got %v with %v", err, fault)
					}
					trust := r.trust()
					trust.Version = api.TLS12
					_, client, err = r.calls(api.Config{Trust: trust}, 3, api.Write)
				}
				if err != nil || client.Counts().Writes != 3 {
					t.Errorf("%d writes, %v", client.Counts().Writes, err)
				}
			})
		}
	}
}

// TestRealVersions: TLS 1.2 first where renegotiation may come, and 1.3 where it is refused,
// with nothing sent before.
func TestRealVersions(t *testing.T) {
	for _, product := range []string{"openssl", "node"} {
		t.Run(product, func(t *testing.T) {
			r := startReal(t, product, "TLS 1.3 alone")
			_, client, err := r.calls(api.Config{Trust: r.trust(), Renegotiates: true}, 2, api.Read)
			if err != nil || client.Counts().Requests != 2 {
				t.Errorf("%+v, %v", client.Counts(), err)
			}
			trust := r.trust()
			trust.Version = api.TLS12
			_, client, err = r.call(api.Config{Trust: trust, Renegotiates: true})
			if fault := api.AsError(err); fault == nil || fault.Cause != "the server does not speak this version of TLS" || fault.Left || client.Counts().Requests != 0 {
				t.Errorf("got %v", err)
			}
		})
	}
	r := startReal(t, "node", "plain")
	for version, protocol := range map[string]string{"": "TLSv1.2", api.TLS12: "TLSv1.2", api.TLS13: "TLSv1.3"} {
		trust := r.trust()
		trust.Version = version
		before := len(r.Lines("arrived"))
		if _, _, err := r.call(api.Config{Trust: trust, Renegotiates: true}); err != nil {
			t.Fatal(err)
		}
		arrived := r.Lines("arrived")
		for wait := 0; len(arrived) == before && wait < 1000; wait++ { // it is told by another process
			time.Sleep(10 * time.Millisecond)
			arrived = r.Lines("arrived")
		}
		if len(arrived) != before+1 || !strings.HasSuffix(arrived[before], protocol) {
			t.Errorf("%q: %q", version, arrived)
		}
	}
}

// TestRealProxies: through each of them, with a login and without; and a proxy that has
// refused a login is not asked again.
func TestRealProxies(t *testing.T) {
	for _, product := range []string{"tinyproxy", "squid"} {
		t.Run(product, func(t *testing.T) {
			needs(t, product, "openssl")
			r := startReal(t, "node", "plain")
			for _, login := range []bool{false, true} {
				folder := t.TempDir()
				proxy, err := realserver.StartProxy(product, login, folder)
				if err != nil {
					t.Fatal(err)
				}
				defer proxy.Close()
				for _, user := range []string{"", realserver.ProxyLogin, "jane:another-password"} {
					address, err := url.Parse("http://" + proxy.Host())
					if err != nil {
						t.Fatal(err)
					}
					if name, password, found := strings.Cut(user, ":"); found {
						address.User = url.UserPassword(name, password)
					}
					transport, err := api.NewTransport(api.Trust{Fingerprint: r.fingerprint}, http.ProxyURL(address))
					if err != nil {
						t.Fatal(err)
					}
					_, client, err := r.calls(api.Config{Transport: transport}, 2, api.Write)
					if !login || user == realserver.ProxyLogin {
						if err != nil || client.Counts().Writes != 2 {
							t.Errorf("login %v, %q: %v", login, user, err)
						}
						continue
					}
					fault := api.AsError(err)
					wanted := "the proxy refused the connection with 407 (" + proxy.Host() + ")"
					if product == "tinyproxy" && user != "" {
						wanted = "the proxy refused the connection with 401 (" + proxy.Host() + ")"
					}
					if fault == nil || fault.Cause != wanted || fault.Left {
						t.Errorf("login %v, %q: %v", login, user, err)
					}
				}
			}
		})
	}
}

// TestRealProxyWithTLS: the fingerprint is that of the vendor, and nothing of the record
// switches off what a proxy has to show.
func TestRealProxyWithTLS(t *testing.T) {
	needs(t, "squid", "openssl")
	r := startReal(t, "node", "plain")
	proxy, err := realserver.StartProxy("squid, https", true, r.folder)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	name, password, _ := strings.Cut(realserver.ProxyLogin, ":")
	address := &url.URL{Scheme: "https", Host: proxy.Host(), User: url.UserPassword(name, password)}
	for _, test := range []struct {
		trust api.Trust
		cause string
	}{
		{r.trust(), ""},
		{api.Trust{Authorities: r.file("ca.pem"), Fingerprint: r.fingerprint}, ""},
		{api.Trust{Authorities: r.file("ca.pem"), Unverified: true}, ""},
		{api.Trust{Authorities: r.file("ca.pem"), Fingerprint: strings.Repeat("0", 64)}, "the server's certificate does not have the TLS fingerprint of the access record"},
		{api.Trust{Fingerprint: r.fingerprint}, "the proxy could not be reached (" + proxy.Host() + "): its certificate is signed by"},
		{api.Trust{Unverified: true}, "the proxy could not be reached (" + proxy.Host() + "): its certificate is signed by"},
	} {
		transport, err := api.NewTransport(test.trust, http.ProxyURL(address))
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = r.calls(api.Config{Transport: transport}, 2, api.Write)
		if fault := api.AsError(err); (err == nil) != (test.cause == "") || err != nil && (!strings.HasPrefix(fault.Cause, test.cause) || fault.Left) {
			t.Errorf("got %v, want %q", err, test.cause)
		}
	}
}

// TestProxyIsNotAskedAgain: a proxy that has refused is left alone, also by the calls that
// follow, since some count what fails.
func TestProxyIsNotAskedAgain(t *testing.T) {
	for status, tries := range map[int]int32{407: 1, 403: 1, 502: 6} {
		var asked atomic.Int32
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			w.WriteHeader(status)
		}))
		address, err := url.Parse(proxy.URL)
		if err != nil {
			t.Fatal(err)
		}
		transport, err := api.NewTransport(api.Trust{}, http.ProxyURL(address))
		if err != nil {
			t.Fatal(err)
		}
		client, err := api.NewClient(api.Config{Vendor: "example", Transport: transport, Clock: &waits{}})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_, err := client.Do(t.Context(), api.Request{Action: "call", Kind: api.Read, Method: "GET", Host: "vendor.invalid", Path: api.FixedPath("/")})
			if fault := api.AsError(err); fault == nil || fault.Class != api.ClassNetwork || !strings.Contains(fault.Cause, fmt.Sprint(status)) {
				t.Errorf("%d: %v", status, err)
			}
		}
		if asked.Load() > tries || asked.Load() == 0 {
			t.Errorf("%d: the proxy was asked %d times", status, asked.Load())
		}
		client.Close()
		proxy.Close()
	}
}
