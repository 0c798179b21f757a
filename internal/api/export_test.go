package api

import (
	"crypto/x509"
	"net/http"
	"net/url"
)

// NewAnswer makes an answer without a server.
func NewAnswer(header http.Header, body []byte) Answer {
	return arrive(Answer{Status: http.StatusOK, header: header, body: body})
}

// Arrived is what arrive made of an answer's body; the error says why it cannot be read.
func Arrived(answer Answer) ([]byte, error) { return answer.body, answer.fault }

// The bounds that tests hold the client to.
const (
	MaxAnswer   = maxAnswer
	MaxDepth    = maxDepth
	MaxNames    = maxNames
	MaxForeign  = maxForeign
	MaxText     = maxText
	LongestWait = longestWait
)

// RetryAfter is retryAfter.
var RetryAfter = retryAfter

// DialCounted is dialCounted.
var DialCounted = dialCounted

// NewTransport is newTransport, with a proxy of the test's own.
func NewTransport(trust Trust, proxy func(*http.Request) (*url.URL, error)) (http.RoundTripper, error) {
	return newTransport(trust, false, proxy)
}

// ReadPEM returns how many blocks readPEM finds.
func ReadPEM(text string) (int, error) {
	blocks, err := readPEM(text)
	return len(blocks), err
}

// FirstShown returns the common name of the certificate that a client shows first, which must
// be its own.
func FirstShown(trust Trust) string {
	pair, _, _ := trust.clientCertificate()
	if pair == nil {
		return ""
	}
	first, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return err.Error()
	}
	return first.Subject.CommonName
}

// Exempts is exempts.
var Exempts = exempts
