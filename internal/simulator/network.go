package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Network is a network in memory, for tests under testing/synctest: whoever waits for it
// waits by the test's clock, so that a hang of a minute takes no time. Servers that are
// started with it as [Options.Network] listen there, and Dial reaches them. It behaves as
// TCP on one machine does: a connection is closed in good order or reset, and one to a port
// where nobody listens is refused. The zero value is ready to use.
type Network struct {
	mutex     sync.Mutex
	listeners map[string]*listener // by address
	ports     int
}

// Dial opens a connection to an address of a server of this network.
func (n *Network) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	if ctx.Err() != nil {
		refused.Err = ctx.Err()
		return nil, refused
	}
	n.mutex.Lock()
	found := n.listeners[address]
	n.mutex.Unlock()
	if found == nil {
		return nil, refused
	}
	here, there := newStream(), newStream()
	client := &memoryConn{in: here, out: there, address: memoryAddress("127.0.0.1:0"), peer: found.address}
	server := &memoryConn{in: there, out: here, address: found.address, peer: client.address}
	if !found.take(server) {
		return nil, refused
	}
	return client, nil
}

// listen opens a port of its own.
func (n *Network) listen() net.Listener {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.ports++
	l := &listener{network: n, address: memoryAddress(fmt.Sprintf("127.0.0.1:%d", 40000+n.ports))}
	l.changed.L = &l.mutex
	if n.listeners == nil {
		n.listeners = map[string]*listener{}
	}
	n.listeners[string(l.address)] = l
	return l
}

type memoryAddress string

func (memoryAddress) Network() string  { return "tcp" }
func (a memoryAddress) String() string { return string(a) }

// listener is one open port.
type listener struct {
	network *Network
	address memoryAddress

	mutex   sync.Mutex
	changed sync.Cond
	waiting []net.Conn
	closed  bool
}

// take queues a connection, and reports whether anybody listens.
func (l *listener) take(connection net.Conn) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.closed {
		return false
	}
	l.waiting = append(l.waiting, connection)
	l.changed.Broadcast()
	return true
}

func (l *listener) Accept() (net.Conn, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for len(l.waiting) == 0 && !l.closed {
		l.changed.Wait()
	}
	if l.closed {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: net.ErrClosed}
	}
	first := l.waiting[0]
	l.waiting = l.waiting[1:]
	return first, nil
}

// Close refuses whoever has not been accepted.
func (l *listener) Close() error {
	l.network.mutex.Lock()
	delete(l.network.listeners, string(l.address))
	l.network.mutex.Unlock()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, connection := range l.waiting {
		_ = connection.Close()
	}
	l.closed, l.waiting = true, nil
	l.changed.Broadcast()
	return nil
}

func (l *listener) Addr() net.Addr { return l.address }

// stream is one direction of a connection.
type stream struct {
	mutex    sync.Mutex
	changed  sync.Cond
	data     []byte
	ended    bool      // the writer has closed, and what is left may be read
	reset    bool      // the connection is gone, and what is left with it
	unread   bool      // the reader has closed
	deadline time.Time // of reading; zero is none
	timer    *time.Timer
}

func newStream() *stream {
	s := &stream{}
	s.changed.L = &s.mutex
	return s
}

// set changes what is known of the stream.
func (s *stream) set(change func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	change()
	s.changed.Broadcast()
}

func (s *stream) read(into []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for {
		switch {
		case s.unread:
			return 0, net.ErrClosed
		case s.reset:
			return 0, os.NewSyscallError("read", syscall.ECONNRESET)
		case !s.deadline.IsZero() && !time.Now().Before(s.deadline):
			return 0, os.ErrDeadlineExceeded
		case len(s.data) > 0:
			n := copy(into, s.data)
			s.data = s.data[n:]
			return n, nil
		case s.ended:
			return 0, io.EOF
		case len(into) == 0:
			return 0, nil
		}
		s.changed.Wait()
	}
}

func (s *stream) write(data []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	switch {
	case s.ended:
		return 0, net.ErrClosed
	case s.reset, s.unread:
		return 0, os.NewSyscallError("write", syscall.EPIPE)
	}
	s.data = append(s.data, data...)
	s.changed.Broadcast()
	return len(data), nil
}

func (s *stream) readUntil(deadline time.Time) {
	s.set(func() {
		if s.timer != nil {
			s.timer.Stop()
			s.timer = nil
		}
		if s.deadline = deadline; !deadline.IsZero() {
			s.timer = time.AfterFunc(time.Until(deadline), func() { s.set(func() {}) })
		}
	})
}

// memoryConn is one end of a connection.
type memoryConn struct {
	in, out       *stream
	address, peer memoryAddress
	abrupt        bool // Close resets
}

func (c *memoryConn) fault(operation string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: operation, Net: "tcp", Source: c.address, Addr: c.peer, Err: err}
}

func (c *memoryConn) Read(into []byte) (int, error) {
	n, err := c.in.read(into)
	return n, c.fault("read", err)
}

func (c *memoryConn) Write(data []byte) (int, error) {
	n, err := c.out.write(data)
	return n, c.fault("write", err)
}

// Close ends the connection in good order, or resets it after SetLinger.
func (c *memoryConn) Close() error {
	c.in.readUntil(time.Time{})
	c.in.set(func() { c.in.unread = true })
	c.out.set(func() { c.out.ended, c.out.reset = true, c.abrupt })
	return nil
}

// SetLinger is net.TCPConn's, of which 0 alone has a meaning here.
func (c *memoryConn) SetLinger(seconds int) error {
	c.abrupt = seconds == 0
	return nil
}

func (c *memoryConn) LocalAddr() net.Addr  { return c.address }
func (c *memoryConn) RemoteAddr() net.Addr { return c.peer }

// SetDeadline bounds reading alone: writing never waits.
func (c *memoryConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline bounds reading.
func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.readUntil(t)
	return nil
}

// SetWriteDeadline bounds nothing: writing never waits.
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }
