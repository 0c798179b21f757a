package hostile

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Middleboxes are what firewalls and balancers do that read the first packet of TLS alone,
// where the client's first message is longer.
var Middleboxes = []string{"drops", "resets", "closes", "answers decode_error"}

// longestHello is how much of the first message such a device takes in.
const longestHello = 1400

// Middlebox stands in front of a server that listens on 127.0.0.1, and passes on all that
// begins with a short first message of TLS, in one record. It is safe for concurrent use.
type Middlebox struct {
	Port int
	// TurnedAway counts the connections whose first message was too long, Passed the others.
	TurnedAway, Passed atomic.Int64

	listener net.Listener
	mutex    sync.Mutex
	open     []net.Conn
	running  sync.WaitGroup
}

// StartMiddlebox puts one of Middleboxes in front of the address.
func StartMiddlebox(way, address string) (*Middlebox, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &Middlebox{Port: listener.Addr().(*net.TCPAddr).Port, listener: listener}
	m.running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			m.keep(client)
			m.running.Go(func() { m.serve(way, address, client) })
		}
	})
	return m, nil
}

// Close ends every connection.
func (m *Middlebox) Close() {
	_ = m.listener.Close()
	m.mutex.Lock()
	for _, connection := range m.open {
		_ = connection.Close()
	}
	m.mutex.Unlock()
	m.running.Wait()
}

func (m *Middlebox) keep(connection net.Conn) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.open = append(m.open, connection)
}

func (m *Middlebox) serve(way, address string, client net.Conn) {
	defer client.Close()
	head := make([]byte, 9) // that of the record, and that of the message in it
	if _, err := io.ReadFull(client, head); err != nil {
		return
	}
	record, message := int(binary.BigEndian.Uint16(head[3:])), int(head[6])<<16|int(head[7])<<8|int(head[8])
	if record+5 > longestHello || message+4 > record {
		m.TurnedAway.Add(1)
		switch way {
		case "resets":
			_ = client.(*net.TCPConn).SetLinger(0)
		case "drops":
			_, _ = io.Copy(io.Discard, client)
		default:
			_, _ = io.ReadFull(client, make([]byte, record-4)) // unread, it would be a reset
			if way == "answers decode_error" {
				_, _ = client.Write([]byte{21, 3, 3, 0, 2, 2, 50})
			}
		}
		return
	}
	m.Passed.Add(1)
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	m.keep(server)
	defer server.Close()
	if _, err := server.Write(head); err != nil {
		return
	}
	m.running.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
	})
	_, _ = io.Copy(client, server)
}
