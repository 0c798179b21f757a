package api

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptrace"
)

// Offline is a Config.Transport without a network: it is given each request as a server
// would read it, with its whole body, and returns the bytes of the answer, head and body.
// nil is an answer that is lost: the request has left, and the connection ends.
type Offline func(request *http.Request, body []byte) (answer []byte)

// RoundTrip takes a request through the bytes that would go over a connection and back, and
// reports to its trace as http.Transport does. It takes requests of a Client alone, which
// sets the trace.
func (o Offline) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	trace := httptrace.ContextClientTrace(request.Context())
	trace.GetConn(request.URL.Host)
	trace.GotConn(httptrace.GotConnInfo{})
	var sent bytes.Buffer
	err := request.Write(&sent)
	trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	if err != nil {
		return nil, err
	}
	arrived, err := http.ReadRequest(bufio.NewReader(&sent))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(arrived.Body)
	if err != nil {
		return nil, err
	}
	answer := o(arrived, body)
	if answer == nil {
		return nil, io.EOF
	}
	trace.GotFirstResponseByte()
	return http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), request)
}
