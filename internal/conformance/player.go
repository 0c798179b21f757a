package conformance

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"pam-rotate-script/internal/api"
)

// Spoken is one request of a rotation and the answer to it.
type Spoken struct {
	Method, Path string // the path as sent, escaped
	Write        bool
	Status       int
	Header       http.Header
	Body         []byte
}

// Recorded is a rotation without faults, to be played again without a server.
type Recorded struct {
	Bench   Bench
	Stand   *Stand // closed
	Spoken  []Spoken
	Secrets []string
}

// Record rotates once against the bench's simulator and keeps what was spoken.
func Record(bench Bench) (*Recorded, error) {
	stand, err := bench.Start(bench.User, Old)
	if err != nil {
		return nil, err
	}
	defer stand.Close()
	recorder := &recorder{transport: stand.Servers[0].Client().Transport}
	run := bench.run()
	run.Transport = recorder
	ended := run.Rotate(stand)
	if len(recorder.spoken) != bench.Exchanges || ended.Class != "" {
		return nil, fmt.Errorf("%s: %d exchanges were recorded: %s", bench.Name, len(recorder.spoken), ended.Stdout)
	}
	// Of several servers each has numbered its own.
	for i := range recorder.spoken {
		for _, exchange := range stand.Exchanges() {
			path, _, _ := strings.Cut(exchange.RequestURI, "?")
			if spoken := &recorder.spoken[i]; exchange.Method == spoken.Method && path == spoken.Path {
				spoken.Write = spoken.Write || exchange.Write
			}
		}
	}
	return &Recorded{bench, stand, recorder.spoken, run.Secrets(stand)}, nil
}

// recorder passes requests on and keeps what was spoken.
type recorder struct {
	transport http.RoundTripper
	mu        sync.Mutex
	spoken    []Spoken
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.spoken = append(r.spoken, Spoken{
		Method: request.Method, Path: request.URL.EscapedPath(), Status: response.StatusCode, Header: response.Header.Clone(), Body: body,
	})
	r.mu.Unlock()
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// Player answers the requests of one run as they were answered when they were recorded,
// but for those that are asked in one place, which get another answer. It stands in for
// the network: see api.Config.
type Player struct {
	Recorded *Recorded
	// Place is the exchange that is answered otherwise, from 0, and Foreign that answer.
	// Every request of the same method and path is answered so.
	Place   int
	Foreign Spoken

	Requests int // that came
	Writes   int // of them
	// HonestWrites are the writes that were answered as recorded.
	HonestWrites int
}

// RoundTrip answers without a server.
func (p *Player) RoundTrip(request *http.Request) (*http.Response, error) {
	return api.Offline(func(arrived *http.Request, _ []byte) []byte { return p.answer(arrived).bytes() }).RoundTrip(request)
}

// answer chooses by method and path: the next one of several that were recorded, then the
// last one again.
func (p *Player) answer(request *http.Request) Spoken {
	p.Requests++
	spoken := p.Recorded.Spoken
	same := func(i int) bool {
		return spoken[i].Method == request.Method && spoken[i].Path == request.URL.EscapedPath()
	}
	found := -1
	for i := range spoken {
		if same(i) {
			found = i
		}
	}
	switch {
	case found < 0:
		return Spoken{Status: http.StatusNotFound, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte("{}")}
	case spoken[found].Write:
		p.Writes++
	}
	if same(p.Place) {
		return p.Foreign
	}
	if spoken[found].Write {
		p.HonestWrites++
	}
	return spoken[found]
}

// bytes returns the answer as it goes over a connection. Header fields that could not
// are left out.
func (s Spoken) bytes() []byte {
	var message bytes.Buffer
	fmt.Fprintf(&message, "HTTP/1.1 %03d Said\r\n", s.Status)
	header := s.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Del("Transfer-Encoding")
	header.Set("Content-Length", fmt.Sprint(len(s.Body)))
	body := s.Body
	if s.Status == http.StatusNoContent || s.Status == http.StatusNotModified {
		header.Del("Content-Length")
		body = nil
	}
	_ = header.Write(&message) // a buffer takes everything
	message.WriteString("\r\n")
	message.Write(body)
	return message.Bytes()
}
