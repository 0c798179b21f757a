package vault

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/keeper-security/secrets-manager-go/core"
	"github.com/rs/zerolog"

	"pam-rotate-script/internal/api"
)

const (
	// maxRequests bounds one use. The longest that has a point is a save that
	// meets a conflict, a change of Keeper's key and a lost answer.
	maxRequests = 8
	// maxAnswer bounds one answer, in bytes: a read by title brings every record of
	// the application.
	maxAnswer = 32 << 20
)

// The routes that may be called, and where they lie.
const (
	routes       = "/api/rest/sm/v1/"
	readRoute    = "get_secret"
	foldersRoute = "get_folders"
	updateRoute  = "update_secret"
	createRoute  = "create_secret"
	deleteRoute  = "delete_secret"
)

var allowedRoutes = []string{readRoute, foldersRoute, updateRoute, createRoute, deleteRoute}

// wire carries all that the SDK sends in one use. The SDK calls it through
// http.DefaultClient.Transport, which is the one hook that it has.
type wire struct {
	ctx      context.Context // ends the use; the SDK's own requests have none
	timeout  time.Duration   // of one request
	base     http.RoundTripper
	host     string
	reseal   func(*http.Request) error // nil, or makes a request one for a server key of the config's own
	log      zerolog.Logger
	requests int
	last     exchange
}

// exchange is what is known about a request and its answer. The SDK turns errors
// into texts that hold the server's words, so faults are judged by this.
type exchange struct {
	route  string
	left   bool          // it got a connection, so bytes of it may have left
	status int           // 0 if there was no answer
	code   string        // the result code, if known
	wait   time.Duration // how long Keeper asks to wait; 0 if it does not say
	fault  *Error        // what was wrong with it, in this package's words
}

// throttled reports whether Keeper turned the request away unseen, since this device has sent
// too many. It answers 403 then; 429 is what a gateway in between would say.
func (e exchange) throttled() bool {
	return e.status == http.StatusForbidden && e.code == codeThrottled || e.status == http.StatusTooManyRequests
}

// refused reports whether the answer proves that nothing was done.
func (e exchange) refused() bool {
	return (&api.Error{Status: e.status}).Refused()
}

// RoundTrip sends the request with a deadline, and returns an answer whose body
// is in memory.
func (w *wire) RoundTrip(request *http.Request) (*http.Response, error) {
	response, problem := w.exchange(request)
	if problem != nil {
		w.last.fault = problem
		return nil, problem
	}
	return response, nil
}

func (w *wire) exchange(request *http.Request) (*http.Response, *Error) {
	route, ok := strings.CutPrefix(request.URL.Path, routes)
	w.last = exchange{route: route}
	if !ok || request.Method != http.MethodPost || request.URL.Scheme != "https" || request.URL.Host != w.host ||
		request.URL.RawQuery != "" || !slices.Contains(allowedRoutes, route) {
		closeBody(request)
		return nil, fault(KindInternal, "the SDK was about to send something else than was asked of it")
	}
	if w.requests == maxRequests {
		closeBody(request)
		return nil, fault(KindServer, fmt.Sprintf("no end after %d requests", maxRequests),
			"the server asks for another key each time, or is not Keeper's")
	}
	w.requests++

	ctx, cancel := context.WithTimeout(w.ctx, w.timeout)
	defer cancel()
	var left atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { left.Store(true) }})
	sent := request.Clone(ctx)
	if w.reseal != nil {
		if w.reseal(sent) != nil {
			closeBody(request)
			return nil, fault(KindConfig, "the request could not be encrypted for the config's entry "+serverPublicKeyEntry, hintDevice)
		}
	}
	response, err := w.base.RoundTrip(sent)
	w.last.left = left.Load()
	if err != nil {
		proxy := ""
		if !w.last.left {
			proxy = w.proxyOf(request)
		}
		return nil, transportFault(ctx, err, proxy)
	}
	w.last.left = true
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	_ = response.Body.Close()
	w.log.Debug().Str("route", route).Int("status", response.StatusCode).Int("answer_bytes", len(body)).Msg("vault request")
	switch {
	case err != nil:
		return nil, transportFault(ctx, err, "")
	case len(body) > maxAnswer:
		return nil, fault(KindServer, fmt.Sprintf("the answer is larger than %d bytes", maxAnswer),
			"share fewer records with the application")
	}
	w.last.status = response.StatusCode
	switch {
	case response.StatusCode >= 300 && response.StatusCode < 400:
		// http.Client would follow it.
		return nil, statusFault(w.last)
	case response.StatusCode == http.StatusOK && route == readRoute && len(body) == 0:
		// The SDK takes this for a vault without records.
		return nil, fault(KindServer, "the answer is empty")
	case response.StatusCode != http.StatusOK:
		w.last.code, w.last.wait = resultCode(body)
		if w.last.code == "key" && w.reseal != nil {
			return nil, fault(KindConfig, "Keeper does not take the config's "+serverPublicKeyEntry+" any more", hintDevice)
		}
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.ContentLength = int64(len(body))
	return response, nil
}

// reseal returns what encrypts the key of a request for a Keeper with a key of its own, which
// the SDK has no way to be told of: it has done so for the one that it knows best. The number
// of the key and the signature change with it.
func (d device) reseal(hook **core.Context) func(*http.Request) error {
	return func(request *http.Request) error {
		signer, err := core.DerBase64PrivateKeyToPrivateKey(d.entries[privateKeyEntry])
		if err != nil {
			return err
		}
		sealed, err := core.PublicEncrypt((*hook).TransmissionKey.Key, d.serverKey, nil)
		if err != nil {
			return err
		}
		content, err := request.GetBody()
		if err != nil {
			return err
		}
		body, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		signature, err := core.Sign(slices.Concat(sealed, body), signer)
		if err != nil {
			return err
		}
		request.Header.Set("PublicKeyId", d.serverKeyID)
		request.Header.Set("TransmissionKey", core.BytesToBase64(sealed))
		request.Header.Set("Authorization", "Signature "+core.BytesToBase64(signature))
		return nil
	}
}

// proxyOf returns host and port of the proxy that the request goes through, or "". A proxy's
// address may hold a password, so no more of it is told.
func (w *wire) proxyOf(request *http.Request) string {
	transport, ok := w.base.(*http.Transport)
	if !ok || transport.Proxy == nil {
		return ""
	}
	if proxy, err := transport.Proxy(request); err == nil && proxy != nil {
		return proxy.Host
	}
	return ""
}

func closeBody(request *http.Request) {
	if request.Body != nil {
		_ = request.Body.Close()
	}
}

const codeThrottled = "throttled"

// shownCodes are the result codes that may be shown. All else that a server says
// stays unsaid.
var shownCodes = []string{
	"access_denied", "bad_request", "forbidden", "internal_error", "invalid_client", "invalid_client_version", "key",
	"not_found", "out_of_sync", "signature", codeThrottled, "unauthorized",
}

// resultCode returns the code of an answer that is no success, and how long it asks to wait.
func resultCode(body []byte) (code string, wait time.Duration) {
	var answer struct {
		Code  any `json:"result_code"`
		Error any `json:"error"`
		Wait  any `json:"retry_after"` // seconds
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", 0
	}
	if seconds, ok := answer.Wait.(float64); ok && seconds > 0 && seconds < 86400 {
		wait = time.Duration(seconds * float64(time.Second))
	}
	for _, value := range []any{answer.Code, answer.Error} {
		if code, ok := value.(string); ok && slices.Contains(shownCodes, code) {
			return code, wait
		}
	}
	return "", wait
}

// statusFault is the fault of an answer that is no success.
func statusFault(e exchange) *Error {
	result := &Error{Status: e.status, Code: e.code, Problem: fmt.Sprintf("Keeper answered %d", e.status)}
	if text := http.StatusText(e.status); text != "" {
		result.Problem += " " + text
	}
	switch {
	case e.throttled():
		result.Kind = KindServer
		result.Hints = []string{"Keeper turns away a device that sends too many requests, until it is silent for ten seconds; let fewer runs share one device, or give this one more time (Timeout)"}
	case e.code == "invalid_client_version", e.code == "key": // it wants a key that the SDK does not have
		result.Kind = KindInternal
		result.Hints = []string{"Keeper does not go on with this version of its SDK; use a newer release of this program"}
	case e.code == "signature":
		result.Kind = KindConfig
		result.Hints = []string{"the config's keys do not belong to the device; " + hintDevice}
	case e.status == http.StatusUnauthorized, e.status == http.StatusForbidden:
		result.Kind = KindPermission
		result.Hints = []string{"look in Keeper Secrets Manager whether the device still exists, may be used from this address, and the record is shared with its application"}
	case e.status == http.StatusRequestTimeout, e.status == http.StatusGatewayTimeout:
		result.Kind = KindTimeout
	case e.status >= 300 && e.status < 400:
		result.Kind = KindServer
		result.Problem += ", a redirect, which is never followed"
	default:
		result.Kind = KindServer
	}
	return result
}

const hintProxy = "check HTTPS_PROXY and NO_PROXY in the environment, and whether that proxy is up and lets this host be reached"

// transportFault says in this package's words why there is no answer. The text
// of the error below is not used. proxy is host and port of the proxy that no connection came
// about through, or "".
func transportFault(ctx context.Context, err error, proxy string) *Error {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		unknown     x509.UnknownAuthorityError
		hostname    x509.HostnameError
		alert       tls.AlertError
		record      tls.RecordHeaderError
		timeout     net.Error
	)
	refusedWith, byProxy := api.IsProxyFault(err)
	through := "the proxy"
	if proxy != "" {
		through += " " + proxy
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled), errors.Is(err, context.Canceled):
		return fault(KindTimeout, "interrupted")
	case byProxy && refusedWith != 0:
		return fault(KindNetwork, fmt.Sprintf("%s refused the connection with %d", through, refusedWith), hintProxy)
	case byProxy && ctx.Err() == nil:
		return fault(KindNetwork, through+" could not be reached", hintProxy)
	case ctx.Err() != nil && proxy != "":
		return fault(KindTimeout, "no connection in time by way of "+through, hintProxy)
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fault(KindTimeout, "no answer in time")
	case errors.As(err, &unknown):
		return fault(KindTLS, "the certificate of Keeper's host is signed by an unknown authority",
			"a proxy that opens TLS has its own authority; give its certificate (PEM)")
	case errors.As(err, &hostname):
		return fault(KindTLS, "the certificate is for another host", "check the config's entry hostname")
	case errors.As(err, &certificate):
		return fault(KindTLS, "the certificate of Keeper's host could not be verified")
	case errors.As(err, &alert), errors.As(err, &record):
		return fault(KindTLS, "no TLS connection could be agreed on")
	case errors.As(err, &dns):
		return fault(KindNetwork, "Keeper's host name could not be looked up", "check the config's entry hostname, and HTTPS_PROXY")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault(KindNetwork, "the connection was refused", "check the firewall and HTTPS_PROXY")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fault(KindNetwork, "the connection was reset")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault(KindNetwork, "the connection was closed before the answer was complete")
	default:
		return fault(KindNetwork, "the connection failed")
	}
}

// newTransport returns the transport to Keeper. Authorities is PEM text with
// certificates that are trusted beside the system's.
func newTransport(authorities string) (*http.Transport, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if authorities != "" {
		if problem := api.AuthoritiesFault(authorities); problem != "" {
			return nil, fault(KindConfig, "the trusted authorities are "+problem)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pool.AppendCertsFromPEM([]byte(authorities))
		config.RootCAs = pool
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: api.RefuseByProxy,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    10 * time.Second,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns:           1,
		IdleConnTimeout:        90 * time.Second,
		Protocols:              &protocols,
	}, nil
}
