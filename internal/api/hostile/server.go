// Package hostile serves HTTPS on 127.0.0.1 the way no server should, for the tests
// of everything that reads answers: floods, drips, silence, cuts, lies about
// lengths, certificates that must not be believed.
//
// A Server has each of its connections played by a function, which speaks HTTP by
// hand through a Conn. Answers lists ways to answer one request, Identities ways to
// be unbelievable before there is one. Everything here ends by itself: floods after
// 128 MiB, silence after 20 seconds, and all of it when the client goes away
// or the server is closed.
package hostile

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// floodLimit is how many bytes a flood sends to a client that takes everything.
	floodLimit = 128 << 20
	// patience is how long a silence lasts for a client that waits for ever. It is
	// longer than any time-out that a test has, so that only a client without one sees
	// its end.
	patience = 20 * time.Second
)

// Server accepts connections on 127.0.0.1 until it is closed, and counts. It is safe
// for concurrent use. Make one with Start or StartPlain.
type Server struct {
	listener net.Listener
	config   *tls.Config // nil without TLS
	play     func(*Conn)
	running  sync.WaitGroup
	closed   chan struct{}
	pushed   atomic.Int64
	outlived atomic.Int64

	mu          sync.Mutex
	open        map[net.Conn]bool
	connections int
	begun       int
	arrivals    map[string]int
}

// Start serves TLS with the given configuration. play is called with each connection
// after the handshake, which ends when it returns.
func Start(config *tls.Config, play func(*Conn)) (*Server, error) { return start(config, play) }

// StartPlain serves TCP without TLS.
func StartPlain(play func(*Conn)) (*Server, error) { return start(nil, play) }

func start(config *tls.Config, play func(*Conn)) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{
		listener: listener, config: config, play: play, closed: make(chan struct{}),
		open: map[net.Conn]bool{}, arrivals: map[string]int{},
	}
	s.running.Go(s.accept)
	return s, nil
}

// Host returns the address, such as 127.0.0.1:40123.
func (s *Server) Host() string { return s.listener.Addr().String() }

// Connections returns how many connections were accepted.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Begun returns of how many requests at least one byte was seen.
func (s *Server) Begun() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

// Arrivals returns of how many requests of the method the head was read.
func (s *Server) Arrivals(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrivals[method]
}

// Pushed returns how many bytes of answers the client and the buffers between
// have taken.
func (s *Server) Pushed() int64 { return s.pushed.Load() }

// Outlived returns how many silences and drips ended before the client gave up on
// them: the client had no time-out there.
func (s *Server) Outlived() int { return int(s.outlived.Load()) }

// Close ends every connection and waits for what is being played.
func (s *Server) Close() {
	_ = s.listener.Close()
	s.mu.Lock()
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
	for raw := range s.open {
		_ = raw.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

func (s *Server) accept() {
	for {
		raw, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.connections++
		s.open[raw] = true
		s.mu.Unlock()
		s.running.Go(func() {
			defer func() {
				s.mu.Lock()
				delete(s.open, raw)
				s.mu.Unlock()
				_ = raw.Close()
			}()
			c := &Conn{server: s, raw: raw.(*net.TCPConn), stream: raw, inlet: &inlet{Conn: raw}}
			if s.config != nil {
				secured := tls.Server(c.inlet, s.config)
				if secured.Handshake() != nil {
					return
				}
				c.stream = secured
			}
			c.reader = bufio.NewReader(c.stream)
			s.play(c)
		})
	}
}

// Conn is one connection to a client. Its methods report false, or do nothing,
// once the client has gone.
type Conn struct {
	server *Server
	raw    *net.TCPConn
	stream net.Conn // with TLS, unless the server has none
	reader *bufio.Reader
	inlet  *inlet
}

// inlet is what TLS reads from, and may be made to read something else next.
type inlet struct {
	net.Conn
	next []byte
}

func (i *inlet) Read(into []byte) (int, error) {
	if len(i.next) > 0 {
		n := copy(into, i.next)
		i.next = i.next[n:]
		return n, nil
	}
	return i.Conn.Read(into)
}

// Garble ends the connection as TLS does that finds a record of another version behind what it
// has read: with the alert protocol_version.
func (c *Conn) Garble() {
	c.inlet.next = []byte{23, 3, 1, 0, 1, 0}
	_, _ = c.stream.Read(make([]byte, 1))
}

// Head reads the head of a request and leaves its body unread; nil if there is none.
func (c *Conn) Head() *http.Request {
	if _, err := c.reader.Peek(1); err != nil {
		return nil
	}
	c.server.mu.Lock()
	c.server.begun++
	c.server.mu.Unlock()
	request, err := http.ReadRequest(c.reader)
	if err != nil {
		return nil
	}
	c.server.mu.Lock()
	c.server.arrivals[request.Method]++
	c.server.mu.Unlock()
	return request
}

// Body reads what is left of a request; false if it does not come to its end.
func (c *Conn) Body(request *http.Request) (text string, ok bool) {
	body, err := io.ReadAll(request.Body)
	return string(body), err == nil
}

// Send sends a text as it is.
func (c *Conn) Send(text string) bool {
	n, err := io.WriteString(c.stream, text)
	c.server.pushed.Add(int64(n))
	return err == nil
}

// flood sends a text over and over.
func (c *Conn) flood(text string) {
	text = strings.Repeat(text, 1+(16<<10)/len(text))
	for sent := 0; sent < floodLimit && c.Send(text); sent += len(text) {
	}
}

// Drip sends a text, then its last byte over and over, one byte at a time.
func (c *Conn) Drip(text string) {
	end := time.Now().Add(patience)
	for i := 0; c.Send(string(text[min(i, len(text)-1)])); i++ {
		select {
		case <-c.server.closed:
			return
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(end) {
			c.server.outlived.Add(1)
			return
		}
	}
}

// Stall is silent until the client goes away.
func (c *Conn) Stall() {
	_ = c.stream.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, c.reader); errors.Is(err, os.ErrDeadlineExceeded) {
		c.server.outlived.Add(1)
	}
}

// Finish ends the connection in good order.
func (c *Conn) Finish() {
	if secured, ok := c.stream.(*tls.Conn); ok {
		_ = secured.CloseWrite()
	}
	c.Cut()
}

// Cut ends the TCP connection without the end of TLS.
func (c *Conn) Cut() { _ = c.raw.CloseWrite() }

// Reset resets the TCP connection.
func (c *Conn) Reset() {
	_ = c.raw.SetLinger(0)
	_ = c.raw.Close()
}
