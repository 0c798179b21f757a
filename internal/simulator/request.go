package simulator

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Request is an arrived request in the hands of [Route.Serve]. Its helpers read one
// thing each and note what a careful client would not send. Those that return ok
// report whether the vendor can make sense of what is there: only where it cannot,
// there is reason to refuse.
type Request struct {
	Exchange
	// EscapedPath is the path as sent, without query.
	EscapedPath string
	// RawQuery is the query as sent, without the question mark.
	RawQuery string
	// Query holds the decoded query. A query that cannot be decoded is noted,
	// and Query then holds what could be.
	Query url.Values

	server *Server
	muted  bool // nothing is noted
}

// Note writes down that the request has something which our own client must not
// send. It does not alter the answer. The text holds no value of the request.
func (r *Request) Note(text string) {
	if r.muted {
		return
	}
	name := r.Name
	if name == "" {
		name = "unknown request"
	}
	r.server.note(fmt.Sprintf("%s (request %d): %s", name, r.Number, text))
}

// Tolerate notes something that vendors' documents leave open, and reports whether
// this server takes it: it does unless [Options.Strict] is set.
func (r *Request) Tolerate(text string) bool {
	r.Note(text)
	return !r.server.strict
}

// plainHeaders are fields that any client sends. Transfer-Encoding is left to the
// checks of the body.
var plainHeaders = []string{"Accept", "Connection", "Content-Length", "Host", "Transfer-Encoding", "User-Agent"}

// OnlyHeaders notes every header field besides those named, the ones that every HTTP
// client sends (Accept, Connection, Content-Length, Host, User-Agent) and
// Accept-Encoding: identity. Transfer-Encoding is noted by [Request.NoBody] and
// [Request.BodyType].
func (r *Request) OnlyHeaders(names ...string) {
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
		r.Note("header " + name + " has no place here")
	}
}

// SingleHeader returns the value of a header field and whether there is one. Several
// are noted, and joined by commas as servers do.
func (r *Request) SingleHeader(name string) (string, bool) {
	values := r.Header.Values(name)
	switch len(values) {
	case 0:
		r.Note("header " + name + " is missing")
		return "", false
	case 1:
		return values[0], true
	default:
		r.Note("header " + name + " occurs more than once")
		return strings.Join(values, ", "), true
	}
}

// Bearer returns the token of an Authorization header with the scheme Bearer. The
// scheme in another case is noted.
func (r *Request) Bearer() (string, bool) { return r.authorization("Bearer") }

// BasicAuth returns the parts of an Authorization header with the scheme Basic and
// padded base64 of UTF-8 text. The scheme in another case is noted.
func (r *Request) BasicAuth() (user, password string, ok bool) {
	encoded, ok := r.authorization("Basic")
	if !ok {
		return "", "", false
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || !utf8.Valid(decoded) {
		r.Note("header Authorization is not base64 of UTF-8")
		return "", "", false
	}
	user, password, ok = strings.Cut(string(decoded), ":")
	if !ok {
		r.Note("header Authorization has no colon between user and password")
	}
	return user, password, ok
}

func (r *Request) authorization(scheme string) (string, bool) {
	value, ok := r.SingleHeader("Authorization")
	if !ok {
		return "", false
	}
	given, credentials, _ := strings.Cut(value, " ")
	if credentials == "" || !strings.EqualFold(given, scheme) {
		r.Note("header Authorization does not have the form " + scheme + " and credentials")
		return "", false
	}
	if given != scheme || strings.TrimSpace(credentials) != credentials {
		r.Note("header Authorization is not " + scheme + ", one space and credentials")
	}
	return strings.TrimSpace(credentials), true
}

// NoQuery notes a query, even an empty one.
func (r *Request) NoQuery() {
	if strings.Contains(r.RequestURI, "?") {
		r.Note("a query has no place here")
	}
}

// NoBody notes a body, and a Content-Type without one.
func (r *Request) NoBody() {
	if len(r.Body) > 0 || r.chunked() {
		r.Note("a body has no place here")
	} else if len(r.Header.Values("Content-Type")) > 0 {
		r.Note("header Content-Type has no place without a body")
	}
}

// Segment returns the decoded segment that the pattern names; not ok if it cannot be
// decoded to UTF-8. A segment that a careful sender would escape otherwise is noted.
// It panics if the pattern does not have it.
func (r *Request) Segment(pattern Pattern, name string) (string, bool) {
	segments, _ := pattern.Segments(r.EscapedPath)
	escaped, ok := segments[name]
	if !ok {
		panic("simulator: no segment " + name + " in the path of " + r.Name)
	}
	if _, err := decodeSegment(escaped); err != nil {
		r.Note("path segment " + name + ": " + err.Error())
	}
	decoded, err := url.PathUnescape(escaped)
	return decoded, err == nil && utf8.ValidString(decoded)
}

// BodyType reports whether the body is declared as this media type in UTF-8. A body
// declared otherwise, or not at all, is for [Request.Tolerate]; one in a charset other
// than UTF-8 is refused. Chunking, a missing Content-Length and parameters other than
// the charset are noted.
func (r *Request) BodyType(mediaType string) bool {
	ok := true
	if value, there := r.SingleHeader("Content-Type"); !there {
		ok = !r.server.strict
	} else {
		found, parameters, err := mime.ParseMediaType(value)
		charset, hasCharset := parameters["charset"]
		switch {
		case err != nil || found != mediaType:
			ok = r.Tolerate("header Content-Type is not " + mediaType)
		case hasCharset && !strings.EqualFold(charset, "utf-8"):
			r.Note("the charset is not utf-8")
			ok = false
		case len(parameters) > 1 || len(parameters) == 1 && !hasCharset:
			r.Note("header Content-Type has an unknown parameter")
		}
	}
	if r.chunked() {
		r.Note("the body is sent in chunks")
	}
	if len(r.Header.Values("Content-Length")) == 0 {
		r.Note("header Content-Length is missing")
	}
	return ok
}

// JSONBody returns the body as a JSON object with the fields given; see
// [Request.BodyType] and [Request.CheckObject]. A byte order mark is noted and dropped.
// For [Request.Tolerate] are: a key twice, of which the last counts, and what is no
// Unicode text, in whose place U+FFFD is taken. Numbers are returned as json.Number.
// The object is nil unless ok.
func (r *Request) JSONBody(fields ...Field) (map[string]any, bool) {
	typed := r.BodyType("application/json")
	value, doubts, err := decodeJSON(bytes.TrimPrefix(r.Body, byteOrderMark))
	if err != nil {
		r.Note("body: " + err.Error())
		return nil, false
	}
	if bytes.HasPrefix(r.Body, byteOrderMark) {
		r.Note("body: it begins with a byte order mark")
	}
	for _, doubt := range doubts {
		typed = r.Tolerate("body: "+doubt) && typed
	}
	object, ok := r.CheckObject("body", value, fields...)
	if !ok || !typed {
		return nil, false
	}
	return object, true
}

var byteOrderMark = []byte("\ufeff")

// CheckObject reports whether a decoded JSON value is an object with the fields given:
// every one there unless optional, and of its type. Null in place of an optional one is
// noted and taken out. Other keys are for [Request.Tolerate]. Keys are compared with
// case. The place names the value in notes.
func (r *Request) CheckObject(place string, value any, fields ...Field) (map[string]any, bool) {
	object, ok := value.(map[string]any)
	if !ok {
		r.Note(place + " is not a JSON object")
		return nil, false
	}
	known := make(map[string]bool)
	for _, field := range fields {
		known[field.Name] = true
		member, there := object[field.Name]
		switch {
		case !there && !field.Optional:
			r.Note(place + ": key " + field.Name + " is missing")
			ok = false
		case there && member == nil && field.Optional && field.Type != Any:
			r.Note(place + ": key " + field.Name + " is null")
			delete(object, field.Name)
		case there && !field.Type.holds(member):
			r.Note(place + ": key " + field.Name + " is not of type " + string(field.Type))
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
		ok = r.Tolerate(fmt.Sprintf("%s: unknown keys: %d", place, unknown)) && ok
	}
	if !ok {
		return nil, false
	}
	return object, true
}

// FormBody returns the fields of a form that has each of the names given, as UTF-8. A
// field twice, of which the first counts, and unknown fields are for
// [Request.Tolerate]; a form sent as multipart/form-data is noted. The result is nil
// unless ok.
func (r *Request) FormBody(names ...string) (map[string]string, bool) {
	var values url.Values
	var err error
	ok := true
	if found, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); found == "multipart/form-data" {
		r.Note("the form is sent as multipart/form-data")
		values, err = parseMultipart(r.Body, parameters["boundary"])
	} else {
		ok = r.BodyType("application/x-www-form-urlencoded")
		values, err = url.ParseQuery(string(r.Body))
	}
	if err != nil {
		r.Note("body is not a form")
		return nil, false
	}
	fields, complete := r.formFields("body", values, names)
	if !ok || !complete {
		return nil, false
	}
	return fields, true
}

// QueryForm is FormBody for a form that is sent in the query, which is noted.
func (r *Request) QueryForm(names ...string) (map[string]string, bool) {
	r.NoQuery()
	return r.formFields("query", r.Query, names)
}

func (r *Request) formFields(place string, values url.Values, names []string) (map[string]string, bool) {
	ok := true
	fields := make(map[string]string)
	for _, name := range names {
		found := values[name]
		switch {
		case len(found) == 0:
			r.Note(place + ": field " + name + " is missing")
			ok = false
			continue
		case !utf8.ValidString(found[0]):
			r.Note(place + ": field " + name + " is not UTF-8")
			ok = false
			continue
		case len(found) > 1:
			ok = r.Tolerate(place+": field "+name+" occurs more than once") && ok
		}
		fields[name] = found[0]
	}
	for name := range values {
		if !slices.Contains(names, name) {
			ok = r.Tolerate(place+": an unknown field") && ok
		}
	}
	if !ok {
		return nil, false
	}
	return fields, true
}

func parseMultipart(body []byte, boundary string) (url.Values, error) {
	values := make(url.Values)
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		values.Add(part.FormName(), string(text))
	}
}

func (r *Request) chunked() bool { return len(r.Header.Values("Transfer-Encoding")) > 0 }
