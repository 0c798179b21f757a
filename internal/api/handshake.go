package api

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
	"time"
)

// longHelloTimeout is how long a handshake may take whose first message is too long for one
// packet, before it is tried with a short one.
const longHelloTimeout = handshakeTimeout / 2

// classicCurves are those without post-quantum key exchange, whose key makes the client's first
// message longer than a packet. There are firewalls, inspecting proxies and load balancers
// that read the first packet alone, and drop or reset such a connection.
var classicCurves = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}

// patienceFor returns how long a handshake may take.
func patienceFor(highest uint16, classic bool) time.Duration {
	if highest == tls.VersionTLS13 && !classic {
		return longHelloTimeout
	}
	return handshakeTimeout
}

// classic is whether one host is spoken with without post-quantum key exchange. The zero
// classic is for a host of which nothing is known.
type classic struct {
	on     atomic.Bool
	needed atomic.Bool // a handshake came about that way, and the other way not
}

// after reports whether the same is to be tried with classic curves, after an error of a
// handshake with others.
func (c *classic) after(err error) bool {
	if !mayBeTooLong(err) {
		return false
	}
	return c.on.CompareAndSwap(false, true)
}

// settle takes in what came of that. A break that comes all the same had another cause, and
// the next try begins as the first one did. A time-out is not waited for a second time.
func (c *classic) settle(err error) {
	var broken *handshakeError
	c.needed.Store(err == nil)
	if errors.As(err, &broken) && !broken.late() {
		c.on.Store(false)
	}
}

// mayBeTooLong reports whether a handshake may have failed by the length of the client's
// first message, or by a key in it that the server does not know: what ended it says
// nothing about the server.
func mayBeTooLong(err error) bool {
	var broken *handshakeError
	if !errors.As(err, &broken) {
		return false
	}
	switch alertOf(broken.err) {
	case 0:
		return broken.late() || errors.Is(broken.err, io.EOF) || errors.Is(broken.err, io.ErrUnexpectedEOF) ||
			errors.Is(broken.err, syscall.ECONNRESET) || errors.Is(broken.err, syscall.EPIPE)
	case alertUnexpectedMessage, alertRecordOverflow, alertIllegalParameter, alertDecodeError, alertInternalError:
		return true
	}
	return false
}

// handshakeError is the error of a connection that did not get as far as a request.
type handshakeError struct{ err error }

func (h *handshakeError) Error() string { return "handshake: " + h.err.Error() }

func (h *handshakeError) Unwrap() error { return h.err }

// late reports whether the handshake did not come to its end in time.
func (h *handshakeError) late() bool { return late(h.err) }

// late reports whether an error is that time has run out.
func late(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// opening follows the connection of a request until it is there. The last stage counts, which
// is with the vendor's server.
type opening struct{ stage atomic.Int32 }

const (
	unopened int32 = iota
	dialling
	dialled // a proxy is asked for the vendor's server then
	shakingWithProxy
	shaking
	opened
)

// openingKey is the context's key for the opening of the request that a connection is made for.
type openingKey struct{}

func (o *opening) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(context.WithValue(ctx, openingKey{}, o), &httptrace.ClientTrace{
		GetConn:           func(string) { o.stage.Store(unopened) },
		ConnectStart:      func(string, string) { o.stage.CompareAndSwap(unopened, dialling) },
		ConnectDone:       func(_, _ string, err error) { o.reached(dialled, err) },
		TLSHandshakeStart: func() { o.reached(shaking, nil) },
		TLSHandshakeDone:  func(_ tls.ConnectionState, err error) { o.reached(opened, err) },
		GotConn:           func(httptrace.GotConnInfo) { o.stage.Store(opened) },
	})
}

// reached takes in a stage that has come to its end, unless by an error. A connection that is
// made on while the request is on its way over another one changes nothing.
func (o *opening) reached(stage int32, err error) {
	for err == nil {
		if before := o.stage.Load(); before == opened || o.stage.CompareAndSwap(before, stage) {
			return
		}
	}
}

// withProxy says how far the connection to an https:// proxy is.
func withProxy(ctx context.Context, stage int32) {
	if o, ok := ctx.Value(openingKey{}).(*opening); ok {
		o.reached(stage, nil)
	}
}

// marked returns the error of the request with what it came to grief at. net/http says so
// itself, unless the request's own time has run out first.
func (o *opening) marked(err error, proxied bool) error {
	stage := o.stage.Load()
	_, told := IsProxyFault(err)
	switch {
	case err == nil || told:
		return err
	case stage == shaking:
		return &handshakeError{err}
	case !late(err):
		return err
	case stage == dialling:
		err = &net.OpError{Op: "dial", Net: "tcp", Err: err}
	case stage == shakingWithProxy:
		err = &handshakeError{err}
	case stage != dialled || !proxied:
		return err
	}
	if proxied {
		err = &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err}
	}
	return err
}

// proxyDialer makes the connections to an https:// proxy.
type proxyDialer struct {
	chains  verifier
	classic classic
}

// dial is for http.Transport.DialTLSContext.
func (p *proxyDialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	connection, err := p.dialOnce(ctx, network, address)
	if p.classic.after(err) && ctx.Err() == nil {
		connection, err = p.dialOnce(ctx, network, address)
		p.classic.settle(err)
	}
	return connection, err
}

func (p *proxyDialer) dialOnce(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	plain, err := dialCounted(ctx, network, address)
	if err != nil {
		return nil, err
	}
	config := secured(func(state tls.ConnectionState) error { return p.chains.verify(host, state.PeerCertificates) })
	config.ServerName = host
	if p.classic.on.Load() {
		config.CurvePreferences = classicCurves
	}
	connection := tls.Client(plain, config)
	withProxy(ctx, shakingWithProxy)
	// A proxy is near: half of the time is as good as all, and most that are silent speak no TLS.
	ctx, cancel := context.WithTimeout(ctx, longHelloTimeout)
	defer cancel()
	if err := connection.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, &handshakeError{err}
	}
	withProxy(ctx, dialled)
	return connection, nil
}
