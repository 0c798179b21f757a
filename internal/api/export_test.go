package api

import (
	"net/http"
	"net/url"
)

// NewAnswer makes an answer without a server.
func NewAnswer(header http.Header, body []byte) Answer {
	return Answer{Status: http.StatusOK, header: header, body: body}
}

// The bounds that tests hold the client to.
const (
	MaxDepth    = maxDepth
	MaxForeign  = maxForeign
	MaxText     = maxText
	LongestWait = longestWait
)

// UseProxy sends a client's requests by way of a proxy. The environment is read only once
// in a process.
func UseProxy(client *Client, address *url.URL) {
	client.transport.(*http.Transport).Proxy = http.ProxyURL(address)
}
