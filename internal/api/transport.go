package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
)

// transport sends over connections whose certificates have been accepted, straight or
// through the environment's proxy.
type transport struct {
	proxy           func(*http.Request) (*url.URL, error)
	verify          func(host string, presented []*x509.Certificate) error // the vendor's servers
	chains          verifier                                               // proxies
	certificate     *tls.Certificate                                       // the client's own, nil for none
	lowest, highest uint16
	renegotiates    bool // see Config.Renegotiates

	mutex    sync.Mutex
	ways     map[way]*http.Transport
	peers    map[string]*peer
	refusals map[string]*proxyRefusal
}

// way is how the connections of one http.Transport are made. It is for one host, since
// crypto/tls does not tell whoever verifies which host it is if that is an IP address.
type way struct {
	host    string
	proxied bool
	highest uint16
	classic bool // see peer
}

// peer is what has been learnt about one host in this run.
type peer struct {
	asked        atomic.Bool // it asks for a client's certificate
	offered      bool        // and there is one
	renegotiates atomic.Bool // it asks for it in the middle of a connection
	modern       atomic.Bool // it has refused TLS 1.2
	classic      classic
	proxied      atomic.Bool // it is reached through a proxy
	exempt       atomic.Bool // although NO_PROXY seems to mean it, which has not been told yet
}

// newTransport returns what sends requests by a Trust.
func newTransport(trust Trust, renegotiates bool, proxy func(*http.Request) (*url.URL, error)) (http.RoundTripper, error) {
	authorities, err := trust.authorities()
	if err != nil {
		return nil, err
	}
	t := &transport{
		proxy: proxy, chains: verifier{authorities}, renegotiates: renegotiates,
		ways: map[way]*http.Transport{}, peers: map[string]*peer{}, refusals: map[string]*proxyRefusal{},
	}
	if t.verify, err = trust.verifying(t.chains); err != nil {
		return nil, err
	}
	t.lowest, t.highest = trust.versions()
	certificate, fault, keyFault := trust.clientCertificate()
	if fault+keyFault != "" {
		return nil, errors.New("the client's certificate: " + fault + keyFault)
	}
	t.certificate = certificate
	return t, nil
}

// firstHandshake marks the context of a connection's first handshake; one in the middle of
// a connection has none.
type firstHandshake struct{}

// RoundTrip sends one request.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	host := request.URL.Host
	proxy, err := t.proxy(request)
	if err != nil {
		closeBody(request)
		return nil, &proxyError{err: err}
	}
	p := t.peer(host)
	if proxy != nil {
		if p.proxied.CompareAndSwap(false, true) {
			p.exempt.Store(exempts(host))
		}
		if refusal := t.refusal(proxy, host); refusal != nil {
			closeBody(request)
			return nil, refusal
		}
	}
	response, err := t.send(request, p, proxy)
	// Behind the handshake, when the request may have left, the same alert is no word on it.
	if errors.As(err, new(*handshakeError)) && alertOf(err) == alertProtocolVersion && t.highestFor(p) < t.highest {
		p.modern.Store(true)
		if again, ok := renewed(request); ok {
			response, err = t.send(again, p, proxy)
		}
	}
	if _, atProxy := IsProxyFault(err); !atProxy && t.highestFor(p) == tls.VersionTLS13 && p.classic.after(err) && request.Context().Err() == nil {
		if again, ok := renewed(request); ok {
			response, err = t.send(again, p, proxy)
			p.classic.settle(err)
		}
	}
	return response, err
}

// send sends one request in the way that the host needs.
func (t *transport) send(request *http.Request, p *peer, proxy *url.URL) (*http.Response, error) {
	wire := t.on(way{request.URL.Host, proxy != nil, t.highestFor(p), p.classic.on.Load()}, p)
	var connecting opening
	request = request.WithContext(connecting.traced(context.WithValue(request.Context(), firstHandshake{}, true)))
	if t.renegotiates || p.renegotiates.Load() {
		// A connection is renegotiated once and not again, while such a server does it for each request.
		wire.CloseIdleConnections()
		request.Close = true
	}
	response, err := wire.RoundTrip(request)
	err = connecting.marked(err, proxy != nil)
	var refusal *proxyRefusal
	switch {
	case err == nil || proxy == nil:
	case errors.As(err, &refusal):
		t.remember(refusal, proxy, request.URL.Host)
	default:
		_, at := IsProxyFault(err)
		err = &proxyError{host: proxy.Host, at: at, err: err}
	}
	return response, err
}

// highestFor returns the highest version of TLS for a host. There is no renegotiation in TLS
// 1.3: IIS ends the connection or answers 500 where it would ask for a client's certificate.
func (t *transport) highestFor(p *peer) uint16 {
	if t.renegotiates && t.lowest < t.highest && !p.modern.Load() {
		return t.lowest
	}
	return t.highest
}

func (t *transport) peer(host string) *peer {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.peers[host] == nil {
		t.peers[host] = &peer{offered: t.certificate != nil}
	}
	return t.peers[host]
}

// refusal returns with what a proxy has turned this client away before, for good as far as
// this run goes: another try with the same credential could lock it.
func (t *transport) refusal(proxy *url.URL, host string) *proxyRefusal {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if refusal := t.refusals[proxy.Host]; refusal != nil {
		return refusal
	}
	return t.refusals[proxy.Host+" "+host]
}

func (t *transport) remember(refusal *proxyRefusal, proxy *url.URL, host string) {
	if !refusal.final() {
		return
	}
	key := proxy.Host + " " + host
	if refusal.status == http.StatusProxyAuthRequired {
		key = proxy.Host // whatever the host
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.refusals[key] = refusal
}

// on returns the http.Transport for a way.
func (t *transport) on(w way, p *peer) *http.Transport {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if wire := t.ways[w]; wire != nil {
		return wire
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true) // HTTP/2 has no status-line text, where Venafi puts reasons
	wire := &http.Transport{
		OnProxyConnectResponse: RefuseByProxy,
		DialContext:            dialCounted,
		TLSHandshakeTimeout:    patienceFor(w.highest, w.classic),
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           4,
		IdleConnTimeout:        90 * time.Second,
		Protocols:              &protocols,
		TLSClientConfig:        t.config(w, p),
	}
	if w.proxied {
		wire.Proxy = t.proxy
		// net/http takes it for the connection to an https:// proxy, whose certificate is not
		// the vendor's, and TLSClientConfig for what leads through it.
		wire.DialTLSContext = (&proxyDialer{chains: t.chains}).dial
	}
	t.ways[w] = wire
	return wire
}

// config is that of the connections to the vendor's server.
func (t *transport) config(w way, p *peer) *tls.Config {
	// The zone of an IPv6 address is this machine's name for the way to it, and in no certificate.
	hostname, _, _ := strings.Cut((&url.URL{Host: w.host}).Hostname(), "%")
	config := secured(func(state tls.ConnectionState) error {
		name := state.ServerName // an international name in the form that certificates have
		if name == "" {
			name = hostname
		}
		return t.verify(name, state.PeerCertificates)
	})
	config.MinVersion, config.MaxVersion = t.lowest, w.highest
	if w.classic {
		config.CurvePreferences = classicCurves
	}
	config.Renegotiation = tls.RenegotiateOnceAsClient
	config.GetClientCertificate = func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		p.asked.Store(true)
		if asked.Context().Value(firstHandshake{}) == nil {
			p.renegotiates.Store(true)
		}
		if t.certificate == nil {
			return &tls.Certificate{}, nil
		}
		// Also if its authority is not among those that the server names: many name too few.
		return t.certificate, nil
	}
	return config
}

// secured is a configuration in which verify accepts the certificates, and nothing else.
func secured(verify func(tls.ConnectionState) error) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"http/1.1"}, // so that a server without it ends the handshake
		InsecureSkipVerify: true,                 //nolint:gosec // VerifyConnection does it
		VerifyConnection:   verify,
	}
}

// CloseIdleConnections lets go of connections that are kept.
func (t *transport) CloseIdleConnections() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for _, wire := range t.ways {
		wire.CloseIdleConnections()
	}
}

// renewed returns a request that can be sent once more after one of which nothing has left.
func renewed(request *http.Request) (*http.Request, bool) {
	again := request.WithContext(request.Context())
	switch {
	case request.Body == nil || request.Body == http.NoBody:
	case request.GetBody != nil:
		body, err := request.GetBody()
		if err != nil {
			return nil, false
		}
		again.Body = body
	default: // a sign-in's, see Client.build
		again.Body = io.NopCloser(bytes.NewReader(nil))
	}
	return again, true
}

func closeBody(request *http.Request) {
	if request.Body != nil {
		_ = request.Body.Close()
	}
}
