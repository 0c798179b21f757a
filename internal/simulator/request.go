package simulator

import (
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Request is an arrived request in the hands of [Route.Serve]. Its helpers check
// one thing each, write down what is wrong as a violation and report whether all
// was well; the answer to something wrong is the vendor's choice.
type Request struct {
	Exchange
	// EscapedPath is the path as sent, without query.
	EscapedPath string
	// RawQuery is the query as sent, without the question mark.
	RawQuery string
	// Query holds the decoded query. A query that cannot be decoded is a
	// violation by itself, and Query then holds what could be.
	Query url.Values

	server *Server
}

// Violation writes down that the request breaks a rule. The text names the rule
// and holds no value of the request.
func (r *Request) Violation(text string) {
	name := r.Name
	if name == "" {
		name = "unknown request"
	}
	r.server.violation(fmt.Sprintf("%s (request %d): %s", name, r.Number, text))
}

// plainHeaders are fields that any vendor accepts and no document mentions.
// Transfer-Encoding is left to the checks of the body.
var plainHeaders = []string{"Accept", "Connection", "Content-Length", "Host", "Transfer-Encoding", "User-Agent"}

// OnlyHeaders checks that the request has no header field besides those named,
// the ones every HTTP client sends (Accept, Connection, Content-Length, Host,
// User-Agent) and Accept-Encoding: identity. Transfer-Encoding is judged by
// [Request.NoBody] and [Request.BodyType].
func (r *Request) OnlyHeaders(names ...string) bool {
	var unwanted []string
	for name, values := range r.Header {
		if slices.Contains(plainHeaders, name) || name == "Accept-Encoding" && len(values) == 1 && values[0] == "identity" {
			continue
		}
		if !slices.ContainsFunc(names, func(wanted string) bool { return http.CanonicalHeaderKey(wanted) == name }) {
			unwanted = append(unwanted, name)
		}
	}
	slices.Sort(unwanted)
	for _, name := range unwanted {
		r.Violation("header " + name + " has no place here")
	}
	return len(unwanted) == 0
}

// SingleHeader returns the value of a header field that must occur exactly once.
func (r *Request) SingleHeader(name string) (string, bool) {
	values := r.Header.Values(name)
	switch len(values) {
	case 0:
		r.Violation("header " + name + " is missing")
		return "", false
	case 1:
		return values[0], true
	default:
		r.Violation("header " + name + " occurs more than once")
		return "", false
	}
}

// Bearer returns the token of an Authorization header that must occur exactly
// once and have the scheme Bearer, spelled so.
func (r *Request) Bearer() (string, bool) { return r.authorization("Bearer") }

// BasicAuth returns the parts of an Authorization header that must occur exactly
// once and have the scheme Basic, spelled so, with UTF-8 in padded base64.
func (r *Request) BasicAuth() (user, password string, ok bool) {
	encoded, ok := r.authorization("Basic")
	if !ok {
		return "", "", false
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || !utf8.Valid(decoded) {
		r.Violation("header Authorization is not base64 of UTF-8")
		return "", "", false
	}
	user, password, ok = strings.Cut(string(decoded), ":")
	if !ok {
		r.Violation("header Authorization has no colon between user and password")
	}
	return user, password, ok
}

func (r *Request) authorization(scheme string) (string, bool) {
	value, ok := r.SingleHeader("Authorization")
	if !ok {
		return "", false
	}
	credentials, ok := strings.CutPrefix(value, scheme+" ")
	if !ok || credentials == "" {
		r.Violation("header Authorization does not have the form " + scheme + " and credentials")
		return "", false
	}
	return credentials, true
}

// NoQuery checks that the request has no query, not even an empty one.
func (r *Request) NoQuery() bool {
	if strings.Contains(r.RequestURI, "?") {
		r.Violation("a query has no place here")
		return false
	}
	return true
}

// NoBody checks that the request has neither a body nor a Content-Type.
func (r *Request) NoBody() bool {
	if len(r.Body) > 0 || r.chunked() {
		r.Violation("a body has no place here")
		return false
	}
	if len(r.Header.Values("Content-Type")) > 0 {
		r.Violation("header Content-Type has no place without a body")
		return false
	}
	return true
}

// Segment returns the decoded segment that the pattern names, which must be
// escaped as [decodeSegment] asks. It panics if the pattern does not have it.
func (r *Request) Segment(pattern Pattern, name string) (string, bool) {
	segments, _ := pattern.Segments(r.EscapedPath)
	escaped, ok := segments[name]
	if !ok {
		panic("simulator: no segment " + name + " in the path of " + r.Name)
	}
	decoded, err := decodeSegment(escaped)
	if err != nil {
		r.Violation("path segment " + name + ": " + err.Error())
		return "", false
	}
	return decoded, true
}

// BodyType checks that the request has a body of this media type, with a charset
// of utf-8 or none, sent with Content-Length and without chunking.
func (r *Request) BodyType(mediaType string) bool {
	ok := true
	if value, single := r.SingleHeader("Content-Type"); !single {
		ok = false
	} else {
		found, parameters, err := mime.ParseMediaType(value)
		charset, hasCharset := parameters["charset"]
		extra := len(parameters) > 0 && !hasCharset || len(parameters) > 1
		if err != nil || found != mediaType || extra || hasCharset && !strings.EqualFold(charset, "utf-8") {
			r.Violation("header Content-Type is not " + mediaType)
			ok = false
		}
	}
	if r.chunked() {
		r.Violation("the body is sent in chunks")
		ok = false
	}
	if len(r.Header.Values("Content-Length")) == 0 {
		r.Violation("header Content-Length is missing")
		ok = false
	}
	return ok
}

// JSONBody returns the body as a JSON object that must have exactly the fields
// given; see [Request.CheckObject]. The body must be UTF-8 without a byte order
// mark, without a key twice in any object and without half a surrogate pair, and
// pass [Request.BodyType]. Numbers are returned as json.Number. The object is nil
// unless all was well.
func (r *Request) JSONBody(fields ...Field) (map[string]any, bool) {
	typed := r.BodyType("application/json")
	value, err := decodeJSON(r.Body)
	if err != nil {
		r.Violation("body: " + err.Error())
		return nil, false
	}
	object, ok := r.CheckObject("body", value, fields...)
	if !ok || !typed {
		return nil, false
	}
	return object, true
}

// CheckObject checks that a decoded JSON value is an object with exactly the
// fields given: every one there unless optional, of its type, and no other key.
// Keys are compared with case. The place names the value in violations.
func (r *Request) CheckObject(place string, value any, fields ...Field) (map[string]any, bool) {
	object, ok := value.(map[string]any)
	if !ok {
		r.Violation(place + " is not a JSON object")
		return nil, false
	}
	known := make(map[string]bool)
	for _, field := range fields {
		known[field.Name] = true
		member, there := object[field.Name]
		switch {
		case !there && !field.Optional:
			r.Violation(place + ": key " + field.Name + " is missing")
			ok = false
		case there && !field.Type.holds(member):
			r.Violation(place + ": key " + field.Name + " is not of type " + string(field.Type))
			ok = false
		}
	}
	unknown := 0
	for name := range object {
		if !known[name] {
			unknown++
		}
	}
	if unknown > 0 {
		// A key may hold a secret where a client has mixed up key and value.
		r.Violation(fmt.Sprintf("%s: unknown keys: %d", place, unknown))
		ok = false
	}
	if !ok {
		return nil, false
	}
	return object, true
}

// FormBody returns the fields of an application/x-www-form-urlencoded body that
// must have exactly the names given, each once, as UTF-8, and pass
// [Request.BodyType]. The result is nil unless all was well.
func (r *Request) FormBody(names ...string) (map[string]string, bool) {
	ok := r.BodyType("application/x-www-form-urlencoded")
	values, err := url.ParseQuery(string(r.Body))
	if err != nil {
		r.Violation("body is not a form")
		return nil, false
	}
	fields := make(map[string]string)
	for _, name := range names {
		found := values[name]
		if len(found) != 1 || !utf8.ValidString(found[0]) {
			r.Violation("body: field " + name + " does not occur exactly once as UTF-8")
			ok = false
			continue
		}
		fields[name] = found[0]
	}
	for name := range values {
		if !slices.Contains(names, name) {
			r.Violation("body: an unknown field")
			ok = false
		}
	}
	if !ok {
		return nil, false
	}
	return fields, true
}

func (r *Request) chunked() bool { return len(r.Header.Values("Transfer-Encoding")) > 0 }
