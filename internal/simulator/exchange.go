package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// Vendor is what a vendor package provides. Start asks for the routes once.
//
// A vendor that also has the methods Lock and Unlock is guarded by them; see the
// package comment. One that has the method ErrorAnswer (see [ErrorWriter]) gives
// the errors the kit makes up the shape of its own.
type Vendor interface {
	// Routes lists everything the vendor answers. The names are not empty and
	// differ from one another; the first route whose Method and Match fit serves.
	Routes() []Route
}

// ErrorWriter may be provided by a [Vendor] whose errors have a shape of their
// own. Without it an error is a JSON object with message, error and errors.
// ErrorAnswer is called without the vendor's lock and must not read its state.
type ErrorWriter interface {
	// ErrorAnswer returns an answer with this status that carries this text
	// where the vendor's errors carry theirs.
	ErrorAnswer(status int, text string) Answer
}

// Route is one call that a vendor knows.
type Route struct {
	// Name is what records and faults call the route, such as "find agent".
	Name string
	// Method is the HTTP method, in capitals.
	Method string
	// Match reports whether a path is this route's. It gets the bytes of the
	// path as sent, without query and still escaped. It must not read state.
	Match func(escapedPath string) bool
	// Write says that the call puts a password in force.
	Write bool
	// Login says that the call signs in with a user's password, so that a
	// failed one counts towards lock-out.
	Login bool
	// Changes says that the call has any other lasting effect, such as opening
	// a session or a grant.
	Changes bool
	// Serve is the vendor's behaviour. It is called with the vendor's lock
	// held and must not block.
	Serve func(r *Request) Answer
	// CountFailure counts a failed sign-in of the user that the request names, without
	// a look at the password. It is called with the vendor's lock held, and nil where
	// the call is no sign-in as a user.
	CountFailure func(r *Request)
	// WrongAccount returns the same successful answer naming somebody else.
	// It is nil where the answer names no account.
	WrongAccount func(Answer) Answer
}

// pure reports whether repeating or leaving out the call makes no difference to
// the vendor.
func (r Route) pure() bool { return !r.Write && !r.Login && !r.Changes }

// carriesBody reports whether requests of the route have a body as a rule.
func (r Route) carriesBody() bool {
	return slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, r.Method)
}

// Exchange is one request as it arrived and what became of it.
type Exchange struct {
	// Number counts the requests of this server in order of arrival, from 1.
	Number int
	// Name is the route's name; "" for a request that no route knows.
	Name string
	// Occurrence counts the requests of this name in this server's life, from 1.
	Occurrence int
	// Method and RequestURI are the bytes of the request line.
	Method, RequestURI string
	// Header holds the header fields under their canonical names, with Host and
	// Transfer-Encoding among them.
	Header http.Header
	// Body holds the body without chunking; nil if it was not read.
	Body []byte
	// Write is the route's Write mark.
	Write bool
	// Fault is the name of the injected fault's kind, or "".
	Fault string
	// Status is the status answered; 0 if the connection was dropped, reset or
	// left hanging, or the request did not arrive whole.
	Status int
	// Connection numbers the TCP connection that the request came over, from 1
	// in order of acceptance.
	Connection int
}

// clone returns a copy that shares nothing with e.
func (e Exchange) clone() Exchange {
	e.Header = e.Header.Clone()
	e.Body = bytes.Clone(e.Body)
	return e
}

// Answer is an HTTP response to be sent. Content-Length is set by the server.
type Answer struct {
	// Status is the status code; 0 counts as 200.
	Status int
	// Reason is the text of the status line; "" stands for the standard one.
	Reason string
	// Header holds the header fields; nil is fine.
	Header http.Header
	// Body is the body; it is not sent with a status that has none, such as 204.
	Body []byte
}

// JSON returns an answer with the JSON text of value and Content-Type
// application/json. It panics if value has no JSON form.
func JSON(status int, value any) Answer {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(fmt.Sprintf("simulator: encode answer: %v", err))
	}
	return Answer{
		Status: status,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   bytes.TrimSuffix(body.Bytes(), []byte("\n")),
	}
}

// Error returns a JSON answer with the text under message, error and errors,
// the keys most vendors and clients use.
func Error(status int, text string) Answer {
	return JSON(status, errorBody{Message: text, Error: text, Errors: []string{text}})
}

// errorBody is the shape of the kit's own errors.
type errorBody struct {
	Message string   `json:"message"`
	Error   string   `json:"error"`
	Errors  []string `json:"errors"`
}

// RewriteJSON returns the answer with its JSON object altered by change, which
// gets numbers as json.Number. An answer without a JSON object is returned as it
// is. It serves [Route.WrongAccount].
func RewriteJSON(answer Answer, change func(object map[string]any)) Answer {
	decoder := json.NewDecoder(bytes.NewReader(answer.Body))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil || object == nil {
		return answer
	}
	change(object)
	answer.Body = JSON(answer.Status, object).Body
	return answer
}
