//go:build linux

package main

import (
	"net"
	"sync"
	"time"

	"pam-rotate-script/internal/simulator"
)

// wire notes when the first connection of a run is accepted, when its first byte
// comes and when its first request has been read.
type wire struct {
	mutex                   sync.Mutex
	connected, spoke, asked time.Time
}

func (w *wire) reset() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.connected, w.spoke, w.asked = time.Time{}, time.Time{}, time.Time{}
}

// note sets a moment of this run, unless it is set.
func (w *wire) note(moment *time.Time) {
	now := time.Now()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if moment.IsZero() {
		*moment = now
	}
}

// since returns the moments in milliseconds from start, a Unix time in nanoseconds.
func (w *wire) since(start int64) (connected, spoke, asked float64) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	after := func(moment time.Time) float64 {
		if moment.IsZero() {
			return 0
		}
		return float64(moment.UnixNano()-start) / 1e6
	}
	return after(w.connected), after(w.spoke), after(w.asked)
}

// observe is for simulator.Server.Observe.
func (w *wire) observe(_ simulator.Exchange, moment simulator.Moment) {
	if moment == simulator.Arrived {
		w.note(&w.asked)
	}
}

// listen is for simulator.Options.Listen.
func (w *wire) listen(listener net.Listener) net.Listener { return watched{listener, w} }

type watched struct {
	net.Listener
	wire *wire
}

func (l watched) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.wire.note(&l.wire.connected)
	return &watchedConnection{Conn: accepted, wire: l.wire}, nil
}

type watchedConnection struct {
	net.Conn
	wire *wire
	once sync.Once
}

func (c *watchedConnection) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	if n > 0 {
		c.once.Do(func() { c.wire.note(&c.wire.spoke) })
	}
	return n, err
}
