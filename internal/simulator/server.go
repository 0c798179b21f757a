package simulator

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options alter how a server is started. The zero value is what most tests want.
type Options struct {
	// Authority signs the server's certificate; nil stands for [SharedAuthority].
	Authority *Authority
	// Hosts are further names that the certificate and the Host header may
	// have, besides 127.0.0.1 and localhost.
	Hosts []string
	// Listen puts a listener around the server's own, to time connections say; nil
	// leaves it as it is.
	Listen func(net.Listener) net.Listener
	// Strict refuses what vendors' documents leave open and frameworks judge
	// differently: a body declared as another type, keys and fields that nobody
	// knows or that occur twice, text that is not Unicode. Without it such a
	// request is taken as far as it makes sense. It is noted either way.
	Strict bool
	// RefuseExpect answers 417 to a request that asks with Expect: 100-continue
	// whether its body is welcome, as some servers do. Others say Continue.
	RefuseExpect bool
	// Network is where the server listens; nil stands for a free port of 127.0.0.1.
	Network *Network
}

// Moment is a point in an exchange that [Server.Observe] tells of.
type Moment int

const (
	// Arrived is when the request has been read and the vendor has not acted.
	Arrived Moment = iota
	// Acted is when the vendor has acted, or was kept from it by a fault, and
	// nothing of the answer has been sent.
	Acted
)

// Server serves one vendor over HTTPS on 127.0.0.1 until it is closed. All its
// methods are safe for concurrent use. Make one with [Start].
//
// HTTP is spoken here by hand rather than by net/http's server, which cannot send
// a status line of the vendor's wording, half an answer, or a reset.
type Server struct {
	vendor     Vendor
	vendorLock sync.Locker
	routes     []Route
	hosts      []string
	strict     bool
	noExpect   bool
	authority  *Authority
	tls        *tls.Config
	listener   net.Listener
	decoy      *Server // nil in the decoy itself
	close      sync.Once
	running    sync.WaitGroup // the accepting and all serving goroutines

	mutex       sync.Mutex // guards what follows; never held while waiting
	closed      bool
	open        map[net.Conn]bool
	accepted    int
	handshakes  int
	exchanges   []*Exchange
	occurrences map[string]int
	notes       []string
	faults      []*plannedFault
	observer    func(Exchange, Moment)
	late        []lateAct // what the vendor has yet to carry out
}

type plannedFault struct {
	Fault
	fired bool
}

// Start serves the vendor on a free port of 127.0.0.1. It fails if a route is
// incomplete, two routes share a name, or the port cannot be opened.
func Start(vendor Vendor, options Options) (*Server, error) {
	authority := options.Authority
	if authority == nil {
		var err error
		if authority, err = SharedAuthority(); err != nil {
			return nil, err
		}
	}
	decoy, err := start(decoyVendor{}, authority, Options{Network: options.Network}, nil)
	if err != nil {
		return nil, err
	}
	server, err := start(vendor, authority, options, decoy)
	if err != nil {
		decoy.Close()
		return nil, err
	}
	return server, nil
}

func start(vendor Vendor, authority *Authority, options Options, decoy *Server) (*Server, error) {
	routes := vendor.Routes()
	names := make(map[string]bool)
	for _, route := range routes {
		if route.Name == "" || route.Match == nil || route.Serve == nil || names[route.Name] {
			return nil, fmt.Errorf("start simulator: route %q is incomplete or not the only one of its name", route.Name)
		}
		names[route.Name] = true
	}
	hosts := append([]string{"127.0.0.1", "localhost"}, options.Hosts...)
	certificate, err := authority.serverCertificate(hosts...)
	if err != nil {
		return nil, err
	}
	listener, err := options.listen()
	if err != nil {
		return nil, fmt.Errorf("start simulator: %w", err)
	}
	if options.Listen != nil {
		listener = options.Listen(listener)
	}
	s := &Server{
		vendor:      vendor,
		routes:      routes,
		hosts:       hosts,
		strict:      options.Strict,
		noExpect:    options.RefuseExpect,
		authority:   authority,
		tls:         &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1", "http/1.0"}},
		listener:    listener,
		decoy:       decoy,
		open:        make(map[net.Conn]bool),
		occurrences: make(map[string]int),
	}
	if locker, ok := vendor.(sync.Locker); ok {
		s.vendorLock = locker
	} else {
		s.vendorLock = new(sync.Mutex)
	}
	s.running.Go(s.accept)
	return s, nil
}

func (o Options) listen() (net.Listener, error) {
	if o.Network != nil {
		return o.Network.listen(), nil
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

// decoyVendor is the host that nobody has a reason to call. It answers as an
// endpoint that is pleased with anything.
type decoyVendor struct{}

func (decoyVendor) Routes() []Route {
	var routes []Route
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		routes = append(routes, Route{
			Name:   "decoy " + method,
			Method: method,
			Match:  func(string) bool { return true },
			Serve:  func(*Request) Answer { return JSON(http.StatusOK, map[string]any{"success": true}) },
		})
	}
	return routes
}

// Host returns the address, such as 127.0.0.1:40123.
func (s *Server) Host() string { return s.listener.Addr().String() }

// URL returns https:// and the address, without a slash at the end.
func (s *Server) URL() string { return "https://" + s.Host() }

// Authority returns the authority that signed the server's certificate.
func (s *Server) Authority() *Authority { return s.authority }

// Certificate returns the server's own certificate.
func (s *Server) Certificate() *x509.Certificate { return s.tls.Certificates[0].Leaf }

// Client returns a new plain client that trusts the server, adds no header field
// to compress answers and follows no redirect.
func (s *Server) Client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:    &tls.Config{RootCAs: s.authority.Pool()},
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Routes returns the vendor's routes.
func (s *Server) Routes() []Route { return slices.Clone(s.routes) }

// Exchanges returns all requests so far in order of arrival, as copies.
func (s *Server) Exchanges() []Exchange {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	all := make([]Exchange, len(s.exchanges))
	for i, exchange := range s.exchanges {
		all[i] = exchange.clone()
	}
	return all
}

// Count returns how many of the requests so far fit.
func (s *Server) Count(fits func(Exchange) bool) int {
	count := 0
	for _, exchange := range s.Exchanges() {
		if fits(exchange) {
			count++
		}
	}
	return count
}

// Connections returns how many TCP connections were accepted so far, those on
// which no request came included.
func (s *Server) Connections() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.accepted
}

// Handshakes returns how many of the connections so far got through TLS.
func (s *Server) Handshakes() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.handshakes
}

// Decoy returns the requests that arrived at the host to which redirects point.
// A client that follows no redirect leaves it empty.
func (s *Server) Decoy() []Exchange {
	if s.decoy == nil {
		return nil
	}
	return s.decoy.Exchanges()
}

// Notes returns what was in the requests so far that our own client must not send,
// whether the vendor has taken it or not. The texts hold no value of any request.
func (s *Server) Notes() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.notes)
}

func (s *Server) note(text string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.notes = append(s.notes, text)
}

// Inject plans a fault. Where several fit one exchange the first injected wins.
// It panics if no route has the name or the kind does not apply to it: a fault
// that cannot happen would make a test pass for nothing.
func (s *Server) Inject(fault Fault) {
	index := slices.IndexFunc(s.routes, func(route Route) bool { return route.Name == fault.Exchange })
	if index < 0 {
		panic("simulator: no route is named " + fault.Exchange)
	}
	if fault.Occurrence < 0 || !fault.Kind.AppliesTo(s.routes[index]) {
		panic("simulator: fault does not apply: " + fault.String())
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.faults = append(s.faults, &plannedFault{Fault: fault})
}

// Unfired returns the injected faults that have hit no exchange so far.
func (s *Server) Unfired() []Fault {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var unfired []Fault
	for _, fault := range s.faults {
		if !fault.fired {
			unfired = append(unfired, fault.Fault)
		}
	}
	return unfired
}

// Lock runs f while no route is being served, to read or alter a vendor's state.
// Do not call a vendor's own readers or a client within f: they wait for the lock.
func (s *Server) Lock(f func()) {
	s.vendorLock.Lock()
	defer s.vendorLock.Unlock()
	f()
}

// Close closes the listener and every connection and waits for what is being
// served, hanging exchanges included. Records stay readable. It may be called twice.
func (s *Server) Close() {
	s.close.Do(func() {
		if s.decoy != nil {
			s.decoy.Close()
		}
		// There is no remedy for a listener or connection that does not close.
		_ = s.listener.Close()
		s.mutex.Lock()
		s.closed = true
		for raw := range s.open {
			_ = raw.Close()
		}
		s.mutex.Unlock()
	})
	s.running.Wait()
}

func (s *Server) accept() {
	for {
		raw, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Such as too many open files, which passes as connections end.
			runtime.Gosched()
			continue
		}
		number, ok := s.enter(raw)
		if !ok {
			_ = raw.Close()
			return
		}
		s.running.Go(func() {
			defer s.leave(raw)
			s.serveConnection(raw, number)
		})
	}
}

// enter registers a connection, so that Close can end it, and numbers it.
func (s *Server) enter(raw net.Conn) (number int, ok bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return 0, false
	}
	s.accepted++
	s.open[raw] = true
	return s.accepted, true
}

func (s *Server) leave(raw net.Conn) {
	s.mutex.Lock()
	delete(s.open, raw)
	s.mutex.Unlock()
	_ = raw.Close()
}

// connection is one TCP connection in service.
// dripPause is the time between two bytes of an answer that drips.
const dripPause = 10 * time.Millisecond

type connection struct {
	raw    net.Conn
	tls    *tls.Conn
	reader *bufio.Reader
	number int
}

func (s *Server) serveConnection(raw net.Conn, number int) {
	secured := tls.Server(raw, s.tls)
	if secured.Handshake() != nil {
		return
	}
	s.mutex.Lock()
	s.handshakes++
	s.mutex.Unlock()
	c := &connection{raw: raw, tls: secured, reader: bufio.NewReader(secured), number: number}
	for s.serveRequest(c) {
	}
}

// serveRequest serves one request and reports whether another may follow.
func (s *Server) serveRequest(c *connection) bool {
	head, err := http.ReadRequest(c.reader)
	if err != nil {
		if !connectionEnded(err) {
			s.note("unknown request: the head is not HTTP")
			c.finish(Answer{Status: http.StatusBadRequest}, "", answered)
		}
		return false
	}
	if head.URL.IsAbs() {
		s.note("the request names its target in absolute form")
		head.RequestURI = head.URL.RequestURI()
	}
	request, route, kind := s.arrive(head, c)
	if kind.way != nil && kind.way.unread {
		c.reset()
		return false
	}
	if strings.EqualFold(head.Header.Get("Expect"), "100-continue") {
		if s.noExpect {
			request.Note("header Expect has no place here")
			s.update(request, func(exchange *Exchange) { exchange.Status = http.StatusExpectationFailed })
			c.finish(s.errorAnswer(http.StatusExpectationFailed, "expectation failed"), head.Method, answered)
			return false
		}
		if _, err := io.WriteString(c.tls, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return false
		}
	}
	body, err := io.ReadAll(head.Body)
	request.Body = body
	s.update(request, func(exchange *Exchange) { exchange.Body = body })
	if err != nil {
		return false
	}
	s.checkHead(head, request)

	s.tell(request, Arrived)
	s.carryOut(false)
	answer, ending := s.decide(request, route, kind)
	s.tell(request, Acted)
	if answer.Status == 0 {
		answer.Status = http.StatusOK
	}
	if ending == answered || ending == answeredInPart {
		// Recorded before it is sent: who has the answer finds it in the record.
		s.update(request, func(exchange *Exchange) { exchange.Status = answer.Status })
	}
	if !head.Close {
		return c.finish(answer, head.Method, ending)
	}
	answer.Header = answer.Header.Clone()
	if answer.Header == nil {
		answer.Header = make(http.Header)
	}
	answer.Header.Set("Connection", "close")
	if c.finish(answer, head.Method, ending) {
		// In good order, or the client takes the answer for one that was cut.
		_ = c.tls.Close()
	}
	return false
}

func connectionEnded(err error) bool {
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network)
}

// arrive records a request whose head has been read, and finds its route and the
// fault that is planned for it; either may be zero.
func (s *Server) arrive(head *http.Request, c *connection) (*Request, Route, Kind) {
	path, query, _ := strings.Cut(head.RequestURI, "?")
	var route Route
	for _, candidate := range s.routes {
		if candidate.Method == head.Method && candidate.Match(path) {
			route = candidate
			break
		}
	}
	header := head.Header.Clone()
	header.Set("Host", head.Host)
	if len(head.TransferEncoding) > 0 {
		header["Transfer-Encoding"] = head.TransferEncoding
	}
	exchange := Exchange{
		Name:       route.Name,
		Method:     head.Method,
		RequestURI: head.RequestURI,
		Header:     header,
		Write:      route.Write,
		Connection: c.number,
	}
	var kind Kind
	s.mutex.Lock()
	s.occurrences[route.Name]++
	exchange.Number = len(s.exchanges) + 1
	exchange.Occurrence = s.occurrences[route.Name]
	for _, fault := range s.faults {
		if fault.Exchange == route.Name && (fault.Occurrence == 0 || fault.Occurrence == exchange.Occurrence) {
			fault.fired = true
			kind = fault.Kind
			exchange.Fault = kind.Name
			break
		}
	}
	recorded := exchange.clone()
	s.exchanges = append(s.exchanges, &recorded)
	s.mutex.Unlock()
	return &Request{Exchange: exchange, EscapedPath: path, RawQuery: query, server: s}, route, kind
}

// Observe has f called at every moment of every exchange from now on, on the
// goroutine that serves it and without a lock: what f waits for, the client waits
// for. nil ends that.
func (s *Server) Observe(f func(Exchange, Moment)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.observer = f
}

func (s *Server) tell(r *Request, moment Moment) {
	s.mutex.Lock()
	observer := s.observer
	s.mutex.Unlock()
	if observer != nil {
		observer(r.Exchange.clone(), moment)
	}
}

// update alters the record of a request.
func (s *Server) update(r *Request, change func(*Exchange)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	change(s.exchanges[r.Number-1])
}

// checkHead notes what no vendor expects, and decodes the query.
func (s *Server) checkHead(head *http.Request, r *Request) {
	if head.Proto != "HTTP/1.1" {
		r.Note("the protocol is not HTTP/1.1")
	}
	_, port, _ := net.SplitHostPort(s.Host())
	if !slices.ContainsFunc(s.hosts, func(host string) bool {
		return head.Host == net.JoinHostPort(host, port) || head.Host == host
	}) {
		r.Note("header Host does not name this server")
	}
	if !strings.HasPrefix(r.RequestURI, "/") || strings.Contains(r.RequestURI, "#") {
		r.Note("the request line does not have an absolute path without fragment")
	}
	query, err := url.ParseQuery(r.RawQuery)
	if err != nil {
		r.Note("the query cannot be decoded")
	}
	r.Query = query
}

// decide has the vendor serve the request, as far as the fault lets it.
func (s *Server) decide(r *Request, route Route, kind Kind) (Answer, ending) {
	if route.Serve == nil {
		return s.refuseUnknown(r), answered
	}
	if kind.way != nil && kind.way.counted {
		s.Lock(func() { route.CountFailure(r.copied()) })
	}
	if kind.Late {
		if kind.way.delay > 0 {
			s.keep(route, r, kind.way.delay)
		} else {
			s.mutex.Lock()
			s.late = append(s.late, lateAct{serve: func() { route.Serve(r) }})
			s.mutex.Unlock()
		}
	}
	if kind.way != nil && !kind.needsAnswer(route) {
		return kind.way.spoil(s, route, r, nil)
	}
	var real Answer
	s.Lock(func() { real = route.Serve(r) })
	if kind.way != nil && kind.way.copied != nil {
		kind.way.copied(s, route, r, &real)
	}
	if kind.way == nil {
		return real, answered
	}
	return kind.way.spoil(s, route, r, &real)
}

// CarryOutLate has the vendor serve, in their order, the requests that a fault of a
// late kind has kept from it.
func (s *Server) CarryOutLate() {
	s.carryOut(true)
}

func (s *Server) refuseUnknown(r *Request) Answer {
	for _, route := range s.routes {
		if route.Match(r.EscapedPath) {
			r.Note("the path knows no such method")
			return s.errorAnswer(http.StatusMethodNotAllowed, "method not allowed")
		}
	}
	r.Note("no such path")
	return s.errorAnswer(http.StatusNotFound, "not found")
}

// finish ends an exchange on the wire and reports whether the connection can
// serve another one. Errors of writing are the client's doing and end it too.
func (c *connection) finish(answer Answer, method string, ending ending) bool {
	switch ending {
	case dropped:
		_ = c.tls.Close()
		return false
	case reset:
		c.reset()
		return false
	case hung:
		// Reading ends when the client goes away or Close closes the connection.
		_, _ = io.Copy(io.Discard, c.reader)
		return false
	case dripped:
		// Writing ends at the same time.
		for text := answer.Body; ; text = []byte(" ") {
			if _, err := c.tls.Write(text); err != nil {
				return false
			}
			time.Sleep(dripPause)
		}
	}
	_, err := c.tls.Write(encode(answer, method, ending))
	if err != nil || ending == answeredInPart {
		_ = c.tls.Close()
		return false
	}
	return true
}

// reset ends the connection with a TCP reset instead of an orderly close.
func (c *connection) reset() {
	if tcp, ok := c.raw.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.raw.Close()
}

// hasBody reports whether an answer with that status may have a body.
func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// encode returns the bytes of an HTTP/1.1 response; half its body, with the
// length of the whole, if it is to be answered in part.
func encode(answer Answer, method string, ending ending) []byte {
	reason := oneLine(answer.Reason)
	if reason == "" {
		reason = http.StatusText(answer.Status)
	}
	var message bytes.Buffer
	fmt.Fprintf(&message, "HTTP/1.1 %03d %s\r\n", answer.Status, reason)
	header := answer.Header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	body := answer.Body
	if !hasBody(answer.Status) {
		body = nil
		header.Del("Content-Length")
	} else {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	if method == http.MethodHead {
		body = nil
	}
	// Write puts a field's line breaks right; a buffer takes everything.
	_ = header.Write(&message)
	message.WriteString("\r\n")
	if ending == answeredInPart {
		body = half(body)
	}
	message.Write(body)
	return message.Bytes()
}
