package api

import (
	"bytes"
	"context"
	"crypto/fips140"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
)

// transport sends over connections whose certificates a verifier has accepted. Those
// through a proxy are left to crypto/tls, since only the transport knows which host
// they lead to.
type transport struct {
	proxy    func(*http.Request) (*url.URL, error)
	verifier verifier
	direct   *http.Transport

	mutex   sync.Mutex
	through *http.Transport // the way through a proxy, nil until it is needed
}

// newTransport returns what sends requests by a Trust.
func newTransport(trust Trust, proxy func(*http.Request) (*url.URL, error)) (http.RoundTripper, error) {
	authorities, err := trust.authorities()
	if err != nil {
		return nil, err
	}
	if trust.Fingerprint != "" || trust.Unverified {
		one := plainTransport()
		one.Proxy = proxy
		one.TLSClientConfig, err = trust.unchained()
		return one, err
	}
	t := &transport{proxy: proxy, verifier: verifier{authorities}, direct: plainTransport()}
	t.direct.DialTLSContext = t.verifier.dial
	return t, nil
}

// plainTransport returns a transport as the client needs it, without a proxy, that
// trusts the system's authorities.
func plainTransport() *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true) // HTTP/2 has no status-line text, where Venafi puts reasons
	return &http.Transport{
		OnProxyConnectResponse: RefuseByProxy,
		DialContext:            dialCounted,
		TLSHandshakeTimeout:    handshakeTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           4,
		IdleConnTimeout:        90 * time.Second,
		Protocols:              &protocols,
	}
}

// RoundTrip sends one request.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if proxy, err := t.proxy(request); proxy != nil || err != nil {
		return t.throughProxy().RoundTrip(request)
	}
	return t.direct.RoundTrip(request)
}

// CloseIdleConnections lets go of connections that are kept.
func (t *transport) CloseIdleConnections() {
	t.direct.CloseIdleConnections()
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.through != nil {
		t.through.CloseIdleConnections()
	}
}

func (t *transport) throughProxy() *http.Transport {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.through == nil {
		t.through = plainTransport()
		t.through.Proxy = t.proxy
		t.through.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: t.verifier.all()}
	}
	return t.through
}

// verifier accepts the certificates that crypto/tls accepts if it is given the system's
// authorities and some more, and no others. It is quicker: for crypto/tls all of the
// system's are read and parsed, which takes longer than the rest of a run, while one is
// needed. So subsets of them are tried first. Who is accepted by a subset is accepted by
// the whole; who is not is judged by the whole.
type verifier struct{ authorities []*x509.Certificate }

// dial is for http.Transport.DialTLSContext.
func (v verifier) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	plain, err := dialCounted(ctx, network, address)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(plain, &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: host,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection does it
		// The state does not name a host that is an IP address, so host does.
		VerifyConnection: func(state tls.ConnectionState) error { return v.verify(host, state.PeerCertificates) },
	})
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, err
	}
	return secured, nil
}

// verify returns nil, or the error that crypto/tls would return.
func (v verifier) verify(host string, presented []*x509.Certificate) error {
	if host == "" || len(presented) == 0 {
		return errors.New("tls: there is no host or no certificate to verify")
	}
	options := x509.VerifyOptions{DNSName: host, Intermediates: x509.NewCertPool()}
	for _, certificate := range presented[1:] {
		options.Intermediates.AddCert(certificate)
	}
	// FIPS 140 mode has rules of its own for chains, which VerifyOptions does not know.
	if !fips140.Enabled() {
		for _, some := range []func() []*x509.Certificate{
			func() []*x509.Certificate { return v.authorities },
			func() []*x509.Certificate { return systemIssuers(presented) },
		} {
			// A pool that is nil would stand for all of the system's.
			if options.Roots = poolOf(some()); options.Roots == nil {
				continue
			}
			if _, err := presented[0].Verify(options); err == nil {
				return nil
			}
		}
	}
	options.Roots = v.all()
	if _, err := presented[0].Verify(options); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: presented, Err: err}
	}
	return nil
}

// all returns the system's authorities and the verifier's own, in the form that
// tls.Config.RootCAs has: nil stands for the system's.
func (v verifier) all() *x509.CertPool {
	if len(v.authorities) == 0 {
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	for _, certificate := range v.authorities {
		pool.AddCert(certificate)
	}
	return pool
}

func poolOf(certificates []*x509.Certificate) *x509.CertPool {
	if len(certificates) == 0 {
		return nil
	}
	pool := x509.NewCertPool()
	for _, certificate := range certificates {
		pool.AddCert(certificate)
	}
	return pool
}

// systemIssuers returns those of the system's certificates that may have issued one of
// the presented ones: that have the issuer's name in them. Only the first of the files
// that crypto/x509 reads on Linux is looked at, and of these the usual two; elsewhere
// there are none.
func systemIssuers(presented []*x509.Certificate) []*x509.Certificate {
	if runtime.GOOS != "linux" {
		return nil
	}
	files := []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"}
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		files = []string{file}
	}
	var text []byte
	for _, file := range files {
		var err error
		if text, err = os.ReadFile(file); err == nil {
			break
		}
	}
	var issuers []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return issuers
		}
		// crypto/x509 leaves out the same ones.
		if block.Type != "CERTIFICATE" || len(block.Headers) > 0 || !slices.ContainsFunc(presented, func(certificate *x509.Certificate) bool {
			return bytes.Contains(block.Bytes, certificate.RawIssuer)
		}) {
			continue
		}
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			issuers = append(issuers, certificate)
		}
	}
}
