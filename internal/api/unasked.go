package api

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
)

// errUnasked marks an answer that was there before its request: a server has sent more
// than was asked of it, and net/http takes what is left over for the next answer if
// the next request is quick enough. Whatever it says, it does not say it of that request.
var errUnasked = errors.New("an answer came before the request")

// counted is a connection that counts how often something has come in.
type counted struct {
	net.Conn
	reads atomic.Int64
}

func (c *counted) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	if n > 0 {
		c.reads.Add(1)
	}
	return n, err
}

// Dial opens a connection, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

type dialKey struct{}

// WithDial returns a context whose calls go over connections that dial opens. It is for
// tests with a network in memory, under testing/synctest, where waiting takes no time.
func WithDial(ctx context.Context, dial Dial) context.Context {
	return context.WithValue(ctx, dialKey{}, dial)
}

// dialCounted is for http.Transport.DialContext.
func dialCounted(ctx context.Context, network, address string) (net.Conn, error) {
	dial, ok := ctx.Value(dialKey{}).(Dial)
	if !ok {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	connection, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &counted{Conn: connection}, nil
}

// countedBelow returns the connection that carries another one's bytes, below TLS and a
// proxy's TLS; nil if none was dialled.
func countedBelow(connection net.Conn) *counted {
	for {
		switch c := connection.(type) {
		case *counted:
			return c
		case interface{ NetConn() net.Conn }:
			connection = c.NetConn()
		default:
			return nil
		}
	}
}
