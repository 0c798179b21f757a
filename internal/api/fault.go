package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
)

const (
	// connectionFailed is the cause of a fault of no known kind.
	connectionFailed = "the connection failed"
	noTLS            = "no TLS connection could be agreed on"
	hintProxy        = "check HTTPS_PROXY and NO_PROXY in the environment: a proxy may want a user and password, or not allow this host"
	hintProxyTrust   = "a proxy is always verified: its certificate must be for its name, from an authority of the system or of the access record's field CA Certificate"
	hintProxyClear   = "most proxies are spoken to in clear, whatever they carry: write http:// in HTTPS_PROXY then"
	hintSilent       = "the port may not speak TLS, or something in between lets the connection through and not the handshake"
	hintDropped      = "a firewall may drop what is sent there: check the access record's url and port, and whether the Gateway's machine reaches them, or needs HTTPS_PROXY"
	hintParameters   = "the server must speak TLS 1.2 or later on this port"
	hintClient       = "put a certificate and its key (PEM) into the access record's fields Client Certificate and Client Key"
	hintPage         = "the answer is a web page and not the API's: a proxy, a firewall, a load balancer or a web server's own error page may be in between"
	hintTLS13        = "a server that asks for client certificates on some paths alone, such as IIS, does this on TLS 1.3: set the access record's field TLS Version to 1.2"
)

// proxyRefusal is a proxy's answer other than 200 to the request for a connection. What
// it says is not kept.
type proxyRefusal struct {
	host   string // the proxy
	status int
}

func (p *proxyRefusal) Error() string { return "proxy: no connection" }

// final reports whether the proxy would say the same again, and may count the tries.
func (p *proxyRefusal) final() bool { return p.status/100 == 4 }

// proxyError is an error of a connection that leads through a proxy.
type proxyError struct {
	host string // the proxy, "" if it is not known
	at   bool   // the proxy itself could not be reached
	err  error
}

func (p *proxyError) Error() string { return "proxy: " + p.err.Error() }

func (p *proxyError) Unwrap() error { return p.err }

// RefuseByProxy is the OnProxyConnectResponse of an http.Transport: without it the error of a
// refused connection is the proxy's own words, and cannot be told from any other.
func RefuseByProxy(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return &proxyRefusal{proxy.Host, answer.StatusCode}
	}
	return nil
}

// IsProxyFault reports whether no connection came about because of the proxy, and with
// which status it refused; 0 if it could not be reached.
func IsProxyFault(err error) (status int, ok bool) {
	var refusal *proxyRefusal
	var operation *net.OpError
	switch {
	case errors.As(err, &refusal):
		return refusal.status, true
	case errors.As(err, &operation) && (operation.Op == "proxyconnect" || strings.HasPrefix(operation.Op, "socks ")):
		return 0, true
	}
	return 0, false
}

// The alerts of TLS that are told apart, RFC 8446 section 6.
const (
	alertUnexpectedMessage   = 10
	alertRecordOverflow      = 22
	alertHandshakeFailure    = 40
	alertBadCertificate      = 42
	alertIllegalParameter    = 47
	alertUnknownAuthority    = 48
	alertAccessDenied        = 49
	alertDecodeError         = 50
	alertProtocolVersion     = 70
	alertSecurity            = 71
	alertInternalError       = 80
	alertUnrecognizedName    = 112
	alertCertificateRequired = 116
	alertApplication         = 120
)

// alertOf returns the alert with which the server has ended a connection; 0 if none has.
func alertOf(err error) int {
	var operation *net.OpError
	if err == nil || !errors.As(err, &operation) || operation.Op != "remote error" || operation.Err == nil {
		return 0
	}
	// crypto/tls has no exported type for it.
	for number := range 256 {
		if tls.AlertError(number).Error() == operation.Err.Error() {
			return number
		}
	}
	return 0
}

// unprocessed reports whether the error proves that the server has looked at no byte of the
// request though all may have left: on TLS 1.3 it judges the client's handshake only after
// the client takes the connection for open. The error must be the only answer to the first
// request of a connection.
func unprocessed(err error) bool {
	switch alertOf(err) {
	case alertCertificateRequired, alertBadCertificate, alertUnknownAuthority, alertHandshakeFailure:
		return true
	}
	return false
}

// circumstances is what is known about a connection that failed.
type circumstances struct {
	// first is the version of TLS of a connection on which nothing was sent before; 0
	// for any other.
	first   uint16
	asked   bool // the server asks for a client's certificate
	offered bool // and the client has one
}

// wants reports whether the server asked for a certificate that the client does not have.
func (c circumstances) wants() bool { return c.asked && !c.offered }

// transportFault says in this program's words why no answer came. The text of
// the error below is not used: net/http quotes answers in it.
func transportFault(err error, seen circumstances) (class Class, cause string, hints []string) {
	var (
		refusal  *proxyRefusal
		proxy    *proxyError
		dns      *net.DNSError
		verified *verificationError
		pin      *fingerprintError
		alert    tls.AlertError
		record   tls.RecordHeaderError
		local    *net.OpError
		broken   *handshakeError
	)
	switch {
	case errors.Is(err, ErrInterrupted):
		return ClassTimeout, "interrupted", nil
	case errors.Is(err, context.Canceled):
		return ClassTimeout, "given up", nil
	case errors.Is(err, errUnasked):
		return ClassTarget, "an answer came before the request, so it is not one to this request", nil
	case errors.As(err, &refusal): // before all that is told of the vendor's server
		return ClassNetwork, fmt.Sprintf("the proxy refused the connection with %d (%s)", refusal.status, refusal.host), []string{hintProxy}
	case errors.As(err, &proxy) && (proxy.at || proxy.host == ""):
		return proxyFault(proxy)
	case errors.As(err, &proxy):
		class, cause, hints = transportFault(proxy.err, seen)
		if class == ClassNetwork {
			cause, hints = cause+", through the proxy "+proxy.host, append(hints, hintProxy)
		}
		return class, cause, hints
	case errors.As(err, &pin):
		return ClassTLS, "the server's certificate does not have the TLS fingerprint of the access record", []string{
			"compare the field TLS Fingerprint with the server's certificate; it changes when the certificate is renewed"}
	case errors.As(err, &verified):
		cause, hints = verified.fault()
		return ClassTLS, cause, hints
	case alertOf(err) != 0:
		cause, hint := alertFault(alertOf(err), seen)
		return ClassTLS, cause, []string{hint}
	case errors.As(err, &alert), errors.As(err, &record):
		return ClassTLS, noTLS, []string{hintParameters}
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return ClassNetwork, "the host name is unknown" + named(dns), []string{"check the access record's url"}
		}
		return ClassNetwork, "the host name could not be looked up" + named(dns), nil
	case errors.As(err, &broken) && broken.late():
		return ClassTimeout, "the TLS handshake was not answered in time", []string{hintSilent}
	case late(err) && errors.As(err, &local) && local.Op == "dial":
		return ClassTimeout, "no connection came about in time", []string{hintDropped}
	case late(err):
		return ClassTimeout, "no answer in time", nil
	case errors.Is(err, syscall.ECONNREFUSED):
		return ClassNetwork, "the connection was refused", []string{"check the access record's url and port, and the firewall between"}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return brokenOff("the connection was reset", seen)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return brokenOff("the connection was closed before the answer was complete", seen)
	case errors.As(err, &local) && local.Op == "local error" && strings.Contains(local.Err.Error(), "no renegotiation"):
		return ClassTLS, "the server asks to renegotiate TLS again on the same connection", []string{
			"it asks for a client's certificate that way with each request: let it ask at the start of the connection, or not for this path"}
	case errors.As(err, &local) && local.Op == "dial":
		return ClassNetwork, "the host could not be reached", nil
	case strings.Contains(err.Error(), "RSA key larger than"):
		return ClassTLS, fmt.Sprintf("the server's certificate has an RSA key beyond %d bits", MaxRSABits), []string{
			"the server needs a certificate with a smaller key: 2048 to 4096 bits are usual"}
	case strings.Contains(err.Error(), "failed to parse certificate from server"):
		return ClassTLS, "the server's certificate cannot be read", []string{"it breaks a rule that certificates have: make it anew with a current tool"}
	case strings.Contains(err.Error(), "unsupported protocol version"):
		return ClassTLS, "the server speaks an outdated version of TLS alone", []string{hintParameters}
	case strings.Contains(err.Error(), "tls: "):
		return ClassTLS, noTLS, []string{hintParameters}
	}
	return ClassNetwork, connectionFailed, nil
}

// named tells which host was looked up.
func named(failed *net.DNSError) string {
	if failed.Name == "" {
		return ""
	}
	return " (" + failed.Name + ")"
}

// otherProxy returns a hint if no connection to the host was made, and the environment names a
// proxy for calls of another kind, or hosts by their addresses to be reached without; "" otherwise.
func otherProxy(err error, host string) string {
	if _, at := IsProxyFault(err); at {
		if net.ParseIP((&url.URL{Host: host}).Hostname()) == nil && namesAddress() {
			return "an address or a range in NO_PROXY covers no host that the url calls by its name: add the name there if the host is to be reached without the proxy"
		}
		return ""
	}
	var dns *net.DNSError
	var dial *net.OpError
	if !errors.As(err, &dns) && !(errors.As(err, &dial) && dial.Op == "dial") {
		return ""
	}
	set := func(name string) bool { return os.Getenv(name)+os.Getenv(strings.ToLower(name)) != "" }
	for _, name := range []string{"HTTP_PROXY", "ALL_PROXY"} {
		if set(name) && !set("HTTPS_PROXY") {
			return name + " is set and HTTPS_PROXY is not: calls are https, for which that one alone counts, and go past the proxy; if they should not, set HTTPS_PROXY"
		}
	}
	return ""
}

// brokenOff tells of a connection that ended without an answer, which may be about the
// client's certificate: there is no renegotiation on TLS 1.3, and on TLS 1.2 a reset may
// overtake the alert.
func brokenOff(cause string, seen circumstances) (Class, string, []string) {
	switch {
	case seen.wants():
		return ClassNetwork, cause + "; the server asks for a client's certificate and got none", []string{hintClient}
	case seen.first == tls.VersionTLS13:
		return ClassNetwork, cause, []string{hintTLS13}
	}
	return ClassNetwork, cause, nil
}

// proxyFault tells of a proxy that could not be used.
func proxyFault(proxy *proxyError) (Class, string, []string) {
	const unreachable = "the proxy could not be reached"
	if proxy.host == "" {
		return ClassNetwork, unreachable, []string{hintProxy}
	}
	below := proxy.err
	for {
		var operation *net.OpError
		if !errors.As(below, &operation) || operation.Op != "proxyconnect" && !strings.HasPrefix(operation.Op, "socks ") {
			break
		}
		below = operation.Err
	}
	class, cause, _ := transportFault(below, circumstances{})
	var dns *net.DNSError
	if errors.As(below, &dns) {
		cause = strings.TrimSuffix(cause, named(dns)) // it is named in front
	}
	cause = strings.ReplaceAll(cause, "the server", "it")
	cause = strings.ReplaceAll(cause, "it's ", "its ")
	switch {
	case cause == connectionFailed:
		cause = "it gave no connection" // such as SOCKS with another login
	case class == ClassTLS:
		hints := []string{hintProxy, hintProxyTrust}
		if cause == noTLS {
			hints[1] = hintProxyClear
		}
		return ClassNetwork, unreachable + " (" + proxy.host + "): " + cause, hints
	case errors.As(below, new(*handshakeError)): // it was silent, or ended the connection
		return ClassNetwork, unreachable + " (" + proxy.host + "): " + cause, []string{hintProxy, hintProxyClear}
	}
	return ClassNetwork, unreachable + " (" + proxy.host + "): " + cause, []string{hintProxy}
}

// alertFault says why the server has ended a handshake.
func alertFault(alert int, seen circumstances) (cause, hint string) {
	switch alert {
	case alertProtocolVersion:
		return "the server does not speak this version of TLS",
			hintParameters + "; the access record's field TLS Version, if it is set, allows one version alone"
	case alertApplication:
		return "the server does not speak HTTP/1.1 on this port", "HTTP/2 alone is not enough: let it offer HTTP/1.1 too (ALPN http/1.1)"
	case alertUnrecognizedName:
		return "the server does not know this host name", "use the name that the server has in its certificate in the access record's url"
	}
	switch {
	case seen.wants():
		return "the server asks for a client's certificate and got none", hintClient
	case seen.asked:
		return "the server refused the client's certificate", "the certificate in the access record's field Client Certificate must be valid, and from an authority that the server trusts; its chain may stand there, too"
	case alert == alertHandshakeFailure || alert == alertSecurity:
		return "no cipher suite in common with the server", "the server must offer TLS 1.3, or a suite with ECDHE and a signature other than SHA-1; RSA key exchange alone is not enough; or the curve, or the kind of the certificate's key, is one that is not known here, such as X448 and secp256k1"
	}
	return "the server refused the TLS connection", "the server must speak TLS 1.2 or later on this port, and may have a reason in its own log"
}

// verificationError is the error of a certificate that was not accepted.
type verificationError struct {
	host  string
	given []*x509.Certificate // trusted beside the system's
	err   *tls.CertificateVerificationError
}

func (v *verificationError) Error() string { return v.err.Error() }

func (v *verificationError) Unwrap() error { return v.err }

const (
	hintAuthority = "put the authority's certificate (PEM) into the access record's field CA Certificate, or the SHA-256 of the server's own into TLS Fingerprint"
	hintName      = "use the host name of the certificate in url, or put the certificate's SHA-256 into the access record's field TLS Fingerprint"
	hintUnfit     = "the certificate must be one for servers, from an authority that may sign for this host; or put its SHA-256 into the access record's field TLS Fingerprint"
)

// fault says what is wrong with the certificate.
func (v *verificationError) fault() (cause string, hints []string) {
	var (
		unknown  x509.UnknownAuthorityError
		system   x509.SystemRootsError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
	)
	switch {
	case errors.As(v.err, &hostname):
		return v.wrongName()
	case errors.As(v.err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate is expired or not yet valid", []string{
			"renew the server's certificate, or check the clock of this machine"}
	case errors.As(v.err, &invalid):
		return "the server's certificate is not valid for this use", []string{hintUnfit}
	case errors.As(v.err, &unknown), errors.As(v.err, &system):
		return v.unknownAuthority()
	}
	return "the server's certificate could not be verified", []string{hintUnfit}
}

// wrongName tells of a name that is not among those of the certificate.
func (v *verificationError) wrongName() (cause string, hints []string) {
	leaf := v.err.UnverifiedCertificates[0]
	named := func(names ...string) bool {
		for _, name := range names {
			if strings.EqualFold(strings.TrimSuffix(name, "."), strings.TrimSuffix(v.host, ".")) {
				return true
			}
		}
		return false
	}
	switch {
	case net.ParseIP(v.host) != nil && named(leaf.DNSNames...):
		return "the server's certificate has the IP address as a DNS name, where it does not count", []string{
			"the certificate needs it as an IP address (subjectAltName IP:); or put the certificate's SHA-256 into the access record's field TLS Fingerprint"}
	case named(leaf.Subject.CommonName):
		return "the server's certificate has the host name as its common name alone, where it does not count", []string{
			"the certificate needs it as subjectAltName (DNS: or IP:); or put the certificate's SHA-256 into the access record's field TLS Fingerprint"}
	}
	return "the server's certificate is for another host", []string{hintName}
}

// unknownAuthority tells why no chain leads to an authority that is trusted.
func (v *verificationError) unknownAuthority() (cause string, hints []string) {
	presented := v.err.UnverifiedCertificates
	leaf, last := presented[0], presented[len(presented)-1]
	for _, certificate := range presented {
		switch certificate.SignatureAlgorithm {
		case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1, x509.MD5WithRSA:
			// Nobody verifies what a root says of itself.
			if string(certificate.RawIssuer) != string(certificate.RawSubject) {
				return "the server's certificate, or one above it, is signed with SHA-1", []string{
					"renew it with SHA-256; or put the certificate's SHA-256 into the access record's field TLS Fingerprint"}
			}
		}
	}
	if len(v.given) == 0 {
		if pool, err := x509.SystemCertPool(); err != nil || pool.Equal(x509.NewCertPool()) {
			return "there are no certificates of authorities on this machine", []string{
				"install the system's package ca-certificates where the Gateway runs, or mount its file into the container", hintAuthority}
		}
	}
	switch {
	case string(leaf.RawIssuer) == string(leaf.RawSubject):
		return "the server's certificate is signed by itself", []string{
			"put that certificate (PEM) into the access record's field CA Certificate, or its SHA-256 into TLS Fingerprint"}
	case string(last.RawIssuer) != string(last.RawSubject) && !v.isGiven(last):
		// The authority itself, or one between it and the server.
		return "the server's certificate is signed by an unknown authority, or the server leaves out an intermediate certificate", []string{
			"if the root is known, let the server send its whole chain, or put the intermediate certificate (PEM) into the access record's field CA Certificate", hintAuthority}
	}
	return "the server's certificate is signed by an unknown authority", []string{hintAuthority}
}

// isGiven reports whether the issuer of a certificate is trusted by the access record, so
// that nothing is missing between them.
func (v *verificationError) isGiven(certificate *x509.Certificate) bool {
	for _, authority := range v.given {
		if string(authority.RawSubject) == string(certificate.RawIssuer) {
			return true
		}
	}
	return false
}
