package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"pam-rotate-script/internal/secret"
)

const (
	// DefaultCallTimeout bounds one exchange, from dial to the last byte read.
	DefaultCallTimeout = 20 * time.Second
	// shortestLimited is the least wait after a rate limit. The runs that were told the
	// same are spread over longestSpread, and over less the more often they came too late.
	shortestLimited = time.Second
	longestSpread   = 4 * time.Second
	shortestSpread  = 500 * time.Millisecond
	// unboundedTries is how often a rate limit may turn a call away that has no deadline.
	unboundedTries = 3
	maxHeader      = 64 << 10
)

// Config is what a Client is made from. The zero value of every field but Vendor
// is usable.
type Config struct {
	// Vendor begins every error, such as "teramind".
	Vendor string
	Trust  Trust
	// Renegotiates says that the vendor's server may ask for a client's certificate by
	// renegotiation of TLS, with each request: a connection is then for one exchange,
	// and TLS 1.3, which has no renegotiation, is spoken only if 1.2 is refused.
	Renegotiates bool
	// CallTimeout bounds one exchange; 0 is DefaultCallTimeout.
	CallTimeout time.Duration
	// WriteTimeout bounds a Write in its place; 0 is CallTimeout.
	WriteTimeout time.Duration
	Scrubber     *secret.Scrubber
	Log          zerolog.Logger
	Clock        Clock // nil is SystemClock
	UserAgent    string
	// Explain reads the vendor's own code and text for a failure from the JSON fields of
	// its error bodies that it knows. Where it finds no text, and where it is nil,
	// Answer.Why is told. What it returns is cut, cleaned and scrubbed here.
	Explain func(Answer) (code, text string)
	// Transport takes the requests in the place of the network; nil is the real one. It is for
	// tests and for the trial of a recipe, and must report to the request's httptrace
	// as http.Transport does: what may have left, and so every outcome, hangs on
	// GotConn and WroteRequest. Offline does.
	Transport http.RoundTripper
}

// Client sends requests to one vendor and counts them. It is for one run, and
// safe for concurrent use.
type Client struct {
	vendor      string
	transport   http.RoundTripper
	callTimeout time.Duration
	// writeTimeout is that of a Write.
	writeTimeout time.Duration
	scrubber     *secret.Scrubber
	log          zerolog.Logger
	clock        Clock
	userAgent    string
	explain      func(Answer) (code, text string)

	mu       sync.Mutex
	stopped  bool
	inFlight bool // a Write has a connection and no answer yet
	counts   Counts
}

// Counts is what a run has sent so far. Only what may have left this machine counts.
type Counts struct {
	Requests int // exchanges of any kind
	// Writes are those that the vendor may have acted on.
	Writes int
	// TurnedAway are the writes that were answered 429, which are not among Writes.
	TurnedAway int
	// FailedLogins are the sign-ins as the rotated user that were not accepted, answered
	// or not. What was certainly not judged, an answer of 429, is none.
	FailedLogins int
	// FailedAccess are the same as the access record's user.
	FailedAccess int
	// Lost are the calls with Request.Creates that have no clear answer.
	Lost int
}

// NewClient returns a Client. The error is of an unusable Trust, in the words of
// AuthoritiesFault, FingerprintFault and ClientCertificateFault, or of the environment's
// proxy.
func NewClient(config Config) (*Client, error) {
	if config.Transport == nil {
		if variable, cause, hint := ProxyFault(); variable != "" {
			return nil, &Error{Vendor: config.Vendor, Action: "read " + variable, Class: ClassNetwork, Cause: cause, Hints: []string{hint}}
		}
	}
	transport, err := newTransport(config.Trust, config.Renegotiates, http.ProxyFromEnvironment)
	if err != nil {
		return nil, err
	}
	client := &Client{
		vendor:      config.Vendor,
		callTimeout: config.CallTimeout, writeTimeout: config.WriteTimeout,
		scrubber:  config.Scrubber,
		log:       config.Log,
		clock:     config.Clock,
		userAgent: config.UserAgent,
		explain:   config.Explain,
	}
	if client.callTimeout == 0 {
		client.callTimeout = DefaultCallTimeout
	}
	if client.writeTimeout == 0 {
		client.writeTimeout = client.callTimeout
	}
	if client.clock == nil {
		client.clock = SystemClock{}
	}
	if client.userAgent == "" {
		client.userAgent = "pam-rotate-script"
	}
	if client.transport = config.Transport; client.transport == nil {
		client.transport = transport
	}
	return client, nil
}

// Close lets go of idle connections.
func (c *Client) Close() {
	if transport, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		transport.CloseIdleConnections()
	}
}

// Clock returns the clock that the client waits by.
func (c *Client) Clock() Clock { return c.clock }

// Seal makes a Value of a text that the vendor minted (a token, a cookie), which
// from then on is kept out of the output.
func (c *Client) Seal(text string) secret.Value { return c.scrubber.Seal(text) }

// Counts returns what has been sent so far, a Write on its way included.
func (c *Client) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	if c.inFlight {
		counts.Writes++
	}
	return counts
}

// StopWrites lets no further Write start, and reports whether one had left
// already: then the outcome lies with the vendor, and waiting for the answer is
// the only way to know it. One that was answered 429 has not.
func (c *Client) StopWrites() (left bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	return c.inFlight || c.counts.Writes > 0
}

func (c *Client) writesStopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped
}

// Header is one header of a request.
type Header struct {
	Name  string
	Value secret.Value
}

// Bearer is the Authorization header of RFC 6750.
func Bearer(token secret.Value) Header {
	return Header{"Authorization", secret.New("Bearer " + token.Reveal())}
}

// Basic is the Authorization header of RFC 7617, in UTF-8. A user name with a
// colon cannot be expressed; the caller refuses it.
func Basic(user string, password secret.Value) Header {
	request := http.Request{Header: http.Header{}}
	request.SetBasicAuth(user, password.Reveal())
	return Header{"Authorization", secret.New(request.Header.Get("Authorization"))}
}

// Request is one call. Kind, Method, Host and Path are needed; Action names it in
// errors ("look up the agent").
type Request struct {
	Action string
	Kind   Kind
	Method string
	Host   string // Address.Host
	Path   Path
	Header []Header
	Body   Body
	// Timeout bounds this exchange where it needs another time than most: as much
	// longer or shorter than Config.CallTimeout as it is than DefaultCallTimeout. 0 is
	// Config.CallTimeout. For a Write Config.WriteTimeout is the most.
	Timeout time.Duration
	// Creates says that the call makes or sends something that a second one would make or
	// send once more; see Counts.Lost.
	Creates bool
	// LimitPatience is for a vendor whose documents say that 429 is the answer of a rate
	// limit in front of the API, which turns a call away before the vendor sees it. A 429
	// that names the time to wait proves then that nothing was done, and the call is sent
	// again after that time, for as long as this after the first try, and not beyond the
	// deadline. No other answer, and no missing one, sends a call again, and never a Prepare
	// or a SignIn. 0 is a vendor whose documents do not say so.
	LimitPatience time.Duration
}

// UntilDeadline is a LimitPatience that the deadline alone ends.
const UntilDeadline = 24 * time.Hour

// Do sends a request and returns the vendor's answer if its status is 2xx. Any
// other end is an *Error: no answer, an unreadable one, another status. The answer
// stands beside the error as far as there was one; of an unreadable one it may be cut
// short. It is sent once, but for Request.LimitPatience. A 2xx is not yet a success: Write sends
// what changes something, and asks what its success is.
func (c *Client) Do(ctx context.Context, request Request) (Answer, error) {
	// The waits are added up, so that the tries come to an end also by a clock that does
	// not wait.
	left, bounded := Left(ctx, c.clock)
	start, waited := c.clock.Now(), time.Duration(0)
	for try := 1; ; try++ {
		answer, fault := c.send(ctx, request, try)
		if fault == nil {
			return answer, nil
		}
		turnedAway := fault.Status == http.StatusTooManyRequests && fault.limited && request.LimitPatience > 0 && request.Kind != Prepare && request.Kind != SignIn
		if !turnedAway || request.Kind == Write && c.writesStopped() || try >= unboundedTries && !bounded {
			return answer, fault
		}
		// Many runs were told the same. Who has come too late more often comes back sooner
		// than the others, so that nobody comes too late for ever.
		wait := max(fault.RetryAfter, shortestLimited) + rand.N(max(longestSpread/time.Duration(try), shortestSpread))
		waited += wait
		passed := max(waited, c.clock.Now().Add(wait).Sub(start))
		// A wait that outlasts the deadline is as good as the failure in hand.
		if bounded && passed > left || passed > request.LimitPatience {
			fault.Final = true
			return answer, fault
		}
		c.log.Debug().Str("action", request.Action).Int("try", try).Int64("wait_ms", wait.Milliseconds()).Str("cause", fault.Cause).Msg("trying again")
		if c.clock.Sleep(ctx, wait) != nil {
			fault.Final = true
			return answer, fault
		}
	}
}

// longestWait is what retryAfter takes for any longer time: no run lasts that long.
const longestWait = 24 * time.Hour

// retryAfter returns how long the vendor asks to wait (RFC 9110 section 10.2.3: seconds or a
// date), a day at most; false if it does not say, or says it unreadably.
func retryAfter(answer Answer, now time.Time) (time.Duration, bool) {
	text := answer.header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(longestWait/time.Second))) * time.Second, true
	}
	if date, err := http.ParseTime(text); err == nil {
		return min(max(0, date.Sub(now)), longestWait), true
	}
	return 0, false
}

// longSilence is from when on a connection that is lost before the answer counts as a time-out:
// it was most likely not the vendor that ended it, but something in between that cuts idle
// ones, and the vendor may be at work yet.
const longSilence = 10 * time.Second

// errRequest marks a request that could not even be made.
var errRequest = errors.New("the request could not be made")

// send makes one exchange. On a fault the Answer still carries what came back.
func (c *Client) send(ctx context.Context, request Request, try int) (Answer, *Error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeoutOf(request))
	defer cancel()

	fault := c.Fail(request.Action, ClassInternal, "")
	if request.Kind == Write && c.writesStopped() {
		fault.Class, fault.Cause, fault.Err = ClassTimeout, "interrupted before the write", ErrInterrupted
		return Answer{}, fault
	}
	var way passage
	sent, err := c.build(ctx, request, &way)
	if err != nil {
		fault.Cause, fault.Err = err.Error(), errRequest
		return Answer{}, fault
	}

	start, asked := time.Now(), c.clock.Now()
	answer, err := c.exchange(sent)
	if way.unasked.Load() {
		answer, err = Answer{}, errUnasked
	}
	seen := c.circumstances(request.Host, &way)
	if err != nil && answer.Status == 0 {
		err = way.alerted(err)
		if seen.first == tls.VersionTLS13 && !way.answered.Load() && unprocessed(err) {
			way.left = false
		}
	}
	fault.Left = way.left
	if answer.Status != 0 {
		fault.Status = answer.Status
		fault.RetryAfter, fault.limited = retryAfter(answer, c.clock.Now())
	}
	c.count(request, fault, err == nil && way.sent.Load())
	event := c.log.Debug().Str("action", request.Action).Str("kind", request.Kind.String()).
		Str("method", request.Method).Str("host", request.Host).Str("path", request.Path.String()).
		Int("try", try).Int64("duration_ms", time.Since(start).Milliseconds())
	if answer.Status != 0 {
		event = event.Int("status", answer.Status)
		if id := c.requestID(answer.header); id != "" {
			fault.RequestID = id
			event = event.Str("request_id", id)
		}
	}
	switch fault.Err = err; {
	case err != nil && answer.Status == 0:
		c.explainSilence(ctx, fault, request, seen, &way)
		if fault.Class == ClassNetwork && request.Kind == Write && way.left && c.clock.Now().Sub(asked) >= longSilence {
			fault.Class, fault.Cause = ClassTimeout, fault.Cause+" after a long wait for the answer"
		}
	case answer.Status/100 != 2:
		// The status stands even if the body cannot be read to its end.
		if err == nil {
			fault.Code, fault.Text = c.words(answer)
		}
		c.explainStatus(fault, answer, request.Kind, seen, sent.URL)
	case err != nil:
		fault.Class, fault.Cause = ClassTarget, "the answer could not be read to its end"
		if class, cause, _ := transportFault(err, seen); class == ClassTimeout {
			fault.Class, fault.Cause = class, cause
		}
	case !way.sent.Load():
		fault.Class, fault.Cause = ClassTarget, "answered with success before the request had left as a whole"
	default:
		event.Msg("answered")
		return answer, nil
	}
	if err != nil {
		event = event.Str("cause", fault.Cause)
	}
	event.Msg("failed")
	return answer, fault
}

// timeoutOf is how long one exchange of a request may take.
func (c *Client) timeoutOf(request Request) time.Duration {
	timeout := c.callTimeout
	if request.Kind == Write {
		timeout = c.writeTimeout
	}
	if request.Timeout == 0 {
		return timeout
	}
	own := time.Duration(float64(request.Timeout) * float64(c.callTimeout) / float64(DefaultCallTimeout))
	if request.Kind == Write {
		return min(own, c.writeTimeout)
	}
	return own
}

// explainSilence says why there is no answer, by the fault's Err.
func (c *Client) explainSilence(ctx context.Context, fault *Error, request Request, seen circumstances, way *passage) {
	if cause := context.Cause(ctx); errors.Is(cause, ErrInterrupted) {
		fault.Err = cause
	}
	fault.Class, fault.Cause, fault.Hints = transportFault(fault.Err, seen)
	if hint := otherProxy(fault.Err, request.Host); hint != "" {
		fault.Hints = append(fault.Hints, hint)
	}
	if fault.Cause == connectionFailed && way.answered.Load() {
		fault.Class, fault.Cause = ClassTarget, "what came back is not HTTP, or its head has no end"
		if strings.Contains(fault.Err.Error(), "response headers exceeded") { // net/http has no type for it
			fault.Cause = "the head of the answer is longer than 64 KiB"
		}
	}
}

// explainStatus says what an answer means that is no success, and what to do about it. asked is the
// address that was asked.
func (c *Client) explainStatus(fault *Error, answer Answer, kind Kind, seen circumstances, asked *url.URL) {
	fault.About(answer)
	fault.Class, fault.Cause = statusClass(answer.Status, kind), statusCause(answer.Status)
	if fault.Unjudged() {
		fault.Class = ClassTarget // nobody has looked at the credential
		if wanted := answer.asksElse(); wanted != "" {
			fault.Cause += ", asking for " + wanted
		}
	}
	if hint := statusHint(answer, fault.Code); hint != "" {
		fault.Hint(hint + c.Clean(leadsTo(answer, asked)))
	}
	// What a page's title says is not the vendor's own word.
	wordless := fault.Text == "" || strings.HasPrefix(fault.Text, titled)
	switch {
	case seen.wants() && answer.Status/100 == 4 && answer.kind == isPage:
		fault.Hints = append(fault.Hints, "the server asks for a client's certificate and got none: "+hintClient)
	case seen.first == tls.VersionTLS13 && answer.Status == http.StatusInternalServerError && answer.kind == isPage && wordless:
		fault.Hints = append(fault.Hints, hintTLS13)
	}
	if answer.kind == isPage && (wordless || answer.Status == http.StatusForbidden) && len(fault.Hints) == 0 {
		fault.Hint(hintPage)
	}
}

// words returns the vendor's own code and text for a failure, fit to be shown.
func (c *Client) words(answer Answer) (code, text string) {
	if c.explain != nil {
		code, text = c.explain(answer)
	}
	if text == "" {
		if text = answer.Why(); text == code {
			text = ""
		}
		// Proxmox and Tornado tell it in the status line.
		if own := answer.Reason; (text == "" || isStatusText(text)) && strings.Contains(own, " ") && answer.Status >= 400 && !isStatusText(own) {
			text = own
		}
		if own := answer.toldInHead(); own != "" && (text == "" || isStatusText(text) || strings.HasPrefix(text, titled)) {
			text = own
		}
	}
	return c.Clean(code), c.Clean(text)
}

// Doubt returns an Error about an answer whose status is no failure but whose body is against
// it, with the body's own words. Cause and hints are as for Fail.
func (c *Client) Doubt(answer Answer, action string, class Class, cause string, hints ...string) *Error {
	fault := c.Fail(action, class, cause, hints...).About(answer)
	fault.RequestID = c.requestID(answer.header)
	fault.Code, fault.Text = c.words(answer)
	return fault
}

// passage is how far a request has come.
type passage struct {
	// left is true once there is a connection: from then on bytes may go out at any
	// moment, even while a cancelled call returns.
	left bool
	// sent is true once its last byte has been handed over.
	sent atomic.Bool
	// answered is true once a byte has come back.
	answered atomic.Bool
	// connection is the one that the request goes out on, nil without a network, and
	// reads what it had counted before.
	connection atomic.Pointer[counted]
	reads      atomic.Int64
	// unasked is true once an answer begins with what had come before the request.
	unasked atomic.Bool
	// secured is the connection's TLS, nil without. version is that of TLS if the
	// request is the first one on it, else 0.
	secured atomic.Pointer[tls.Conn]
	version atomic.Uint32
}

// on notes the connection, before anything is written to it.
func (p *passage) on(info httptrace.GotConnInfo) {
	secured, _ := info.Conn.(*tls.Conn)
	p.secured.Store(secured)
	p.version.Store(0)
	if secured != nil && !info.Reused {
		p.version.Store(uint32(secured.ConnectionState().Version))
	}
	connection := countedBelow(info.Conn)
	if p.connection.Store(connection); connection != nil {
		p.reads.Store(connection.reads.Load())
	}
}

// first notes the answer's first byte. Behind an answer that nobody asked for, the right
// one may follow as that of the next request, so the connection is over.
func (p *passage) first() {
	p.answered.Store(true)
	if connection := p.connection.Load(); connection != nil && connection.reads.Load() == p.reads.Load() {
		p.unasked.Store(true)
		_ = connection.Close()
	}
}

// alerted returns the alert of TLS by which the server has ended the connection, if it has
// come; else err. What net/http tells may be that the rest of the request could not be
// written any more.
func (p *passage) alerted(err error) error {
	secured := p.secured.Load()
	if secured == nil || alertOf(err) != 0 || !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	// net/http has closed the connection, which keeps the error that ended it.
	_ = secured.SetReadDeadline(time.Unix(1, 0))
	if _, last := secured.Read(make([]byte, 1)); alertOf(last) != 0 {
		return last
	}
	return err
}

// circumstances returns what is known about the connection of a request.
func (c *Client) circumstances(host string, way *passage) circumstances {
	seen := circumstances{first: uint16(way.version.Load())}
	if transport, ok := c.transport.(*transport); ok {
		p := transport.peer(host)
		seen.asked, seen.offered = p.asked.Load(), p.offered
		if p.classic.needed.CompareAndSwap(true, false) {
			c.log.Warn().Str("host", host).Msg("TLS came about only without post-quantum key exchange: something in between drops a first message that is longer than a packet")
		}
		if p.exempt.CompareAndSwap(true, false) {
			c.log.Warn().Str("host", host).Msg("calls to this host go through the proxy, although NO_PROXY seems to mean it: only names, addresses and ranges with commas between count, in the first of NO_PROXY and no_proxy that is not empty")
		}
	}
	return seen
}

// build makes the HTTP request, which notes in way how far it has come.
func (c *Client) build(ctx context.Context, request Request, way *passage) (*http.Request, error) {
	var body []byte
	if request.Body.encode != nil {
		encoded, err := request.Body.encode()
		if err != nil {
			return nil, err
		}
		body = encoded
	}
	decoded, err := url.PathUnescape(request.Path.escaped)
	if err != nil {
		return nil, errors.New("the path is not properly escaped")
	}
	header := http.Header{"Accept": {"application/json"}, "Accept-Encoding": {"identity"}, "User-Agent": {c.userAgent}}
	if request.Body.contentType != "" {
		header.Set("Content-Type", request.Body.contentType)
	}
	for _, h := range request.Header {
		if fault := HeaderFault(h.Value); fault != "" {
			return nil, errors.New("header " + h.Name + " would carry " + fault)
		}
		header.Set(h.Name, h.Value.Reveal())
	}
	if request.Kind != Read && mayBeRepeated(request, len(body) > 0) {
		return nil, errors.New("the request is of a form that could be sent twice")
	}
	mark := func(value bool) {
		way.left = value
		if request.Kind == Write {
			c.mu.Lock()
			c.inFlight = value
			c.mu.Unlock()
		}
	}
	// The first two are called by RoundTrip itself. It asks for a second connection
	// only when not a byte could be written to the first, or for a Read.
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { mark(false) },
		GotConn: func(info httptrace.GotConnInfo) {
			way.on(info)
			mark(true)
		},
		// Before the last bytes are flushed, so that no honest answer comes earlier.
		WroteRequest:         func(info httptrace.WroteRequestInfo) { way.sent.Store(info.Err == nil) },
		GotFirstResponseByte: way.first,
	})
	sent := (&http.Request{
		Method: request.Method,
		URL: &url.URL{
			Scheme: "https", Host: request.Host,
			Path: decoded, RawPath: request.Path.escaped, RawQuery: escapeQuery(request.Path.query.Reveal()),
		},
		Header: header,
	}).WithContext(ctx)
	switch {
	case len(body) > 0:
		sent.ContentLength = int64(len(body))
		sent.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		sent.Body, _ = sent.GetBody()
	case request.Kind == SignIn || request.Kind == AccessSignIn:
		// net/http repeats a GET without a body when a kept connection turns out
		// closed. A body of its own that proves empty keeps it from that.
		sent.Body = io.NopCloser(bytes.NewReader(nil))
		// Without this net/http tries for 200 ms whether it is empty, and a machine that is
		// too busy for that sends it in chunks, which servers refuse.
		sent.TransferEncoding = []string{"identity"}
	}
	return sent, nil
}

// mayBeRepeated reports whether net/http would send the request again by itself, where a kept
// connection turns out closed after bytes have left: it takes a safe method, or a header that
// promises a repeat to do no harm, for leave to.
func mayBeRepeated(request Request, hasBody bool) bool {
	for _, h := range request.Header {
		switch http.CanonicalHeaderKey(h.Name) {
		case "Idempotency-Key", "X-Idempotency-Key":
			return true
		}
	}
	switch request.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, "":
		return hasBody || request.Kind != SignIn && request.Kind != AccessSignIn // whose body is made below
	}
	return false
}

// count adds one exchange to the counts. whole says that an answer came to its end.
func (c *Client) count(request Request, fault *Error, whole bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight = false
	if !fault.Left {
		return
	}
	c.counts.Requests++
	limited := fault.Status == http.StatusTooManyRequests
	success := whole && fault.Status/100 == 2
	switch {
	case request.Kind == Write && limited:
		c.counts.TurnedAway++
	case request.Kind == Write:
		c.counts.Writes++
	case !limited && !(success && fault.Status != http.StatusAccepted):
		c.failed(request.Kind)
	}
	if request.Creates && !success && !fault.Refused() {
		c.counts.Lost++
	}
}

// failed counts a sign-in that was not accepted.
func (c *Client) failed(kind Kind) {
	switch kind {
	case SignIn:
		c.counts.FailedLogins++
	case AccessSignIn:
		c.counts.FailedAccess++
	}
}

// NotAccepted counts the sign-in that was answered last as one that was not accepted,
// although its status was that of success: a page, say, or nothing to go on with. Of
// another kind, and of a status that was counted, it does nothing.
func (c *Client) NotAccepted(kind Kind, answer Answer) {
	if answer.Status/100 != 2 || answer.Status == http.StatusAccepted {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed(kind)
}

// Accepted takes back the count of the sign-in that was answered last, where its status is not
// that of success and yet the vendor's answer to the right password.
func (c *Client) Accepted(kind Kind, answer Answer) {
	if answer.Status == 0 || answer.Status == http.StatusTooManyRequests || answer.Status/100 == 2 && answer.Status != http.StatusAccepted {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch kind {
	case SignIn:
		c.counts.FailedLogins--
	case AccessSignIn:
		c.counts.FailedAccess--
	}
}

// exchange sends one request and reads the whole answer, up to maxAnswer.
func (c *Client) exchange(request *http.Request) (Answer, error) {
	// The transport is used without http.Client above it, which would follow
	// redirects.
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	answer := Answer{
		Status: response.StatusCode, header: response.Header, sent: schemeOf(request.Header),
		// HTTP/1.0 has no other end of a body than that of the connection.
		unframed: response.ContentLength < 0 && len(response.TransferEncoding) == 0 && response.ProtoAtLeast(1, 1),
	}
	if len(response.Status) > 4 {
		answer.Reason = response.Status[4:]
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		return answer, nil // what follows is the bare connection, which no time-out bounds
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	answer.body, answer.trailer = body, response.Trailer
	switch {
	case err == nil && len(body) > maxAnswer:
		err = errors.New("the answer is longer than 1 MiB")
	case err == nil && response.ContentLength < 0 && request.Context().Err() != nil:
		// Giving up closes the connection, and a server that closes in turn makes it
		// look as if the answer had ended there.
		err = context.Cause(request.Context())
	}
	return arrive(answer), err
}
