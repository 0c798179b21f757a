package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"pam-rotate-script/internal/secret"
)

// maxAnswer is how many bytes of an answer's body are read; a longer one is
// unreadable.
const maxAnswer = 1 << 20

// maxDepth is how deep an answer's JSON may be nested.
const maxDepth = 64

// maxNames is how many names one object of an answer may have. Of a body full of them, the
// objects would take fifty times the body's memory.
const maxNames = 10_000

// Answer is what a vendor sent back. It has no printing method, since a vendor may
// echo the password anywhere in it.
type Answer struct {
	Status int
	// Reason is the text of the status line, without the number: some vendors put
	// the cause of a refusal there. It is foreign text, as is everything here.
	Reason string
	header http.Header
	// trailer are the fields behind the body.
	trailer http.Header
	// body is what arrive made of it, kind what it is, and fault why it cannot be read.
	body  []byte
	kind  kind
	fault error
	// sent is how the request carried its credential; see schemeOf.
	sent string
	// unframed says that nothing but the end of the connection ends the body, though the
	// server knows a better way.
	unframed bool
}

// Object returns the body as a JSON object. Anything else, an empty body
// included, is an error, and so is an object with a name twice: two readers
// would disagree on what it says.
func (a Answer) Object() (Fields, error) {
	if a.fault != nil {
		return nil, a.fault
	}
	if a.kind == isPage {
		return nil, errPage
	}
	if err := checkJSON(a.body); err != nil {
		return nil, err
	}
	var fields Fields
	if err := json.Unmarshal(a.body, &fields); err != nil || fields == nil {
		return nil, errors.New("the answer is not a JSON object")
	}
	return fields, nil
}

var errPage = errors.New("the answer is a web page")

// Readable is for an answer that only its status is wanted of: nil if the body
// is empty, a complete JSON text, or some other text that is not a web page. A
// web page with a 2xx status comes from a login portal or a proxy in between, and
// says nothing about the call.
func (a Answer) Readable() error {
	switch {
	case a.fault != nil:
		return a.fault
	case a.kind == isPage:
		return errPage
	case a.kind == isEmpty && a.unframed:
		return errors.New("the connection ended where the answer could have gone on")
	case a.kind == isJSON:
		return checkJSON(a.body)
	}
	return nil
}

// JSON returns the body as a JSON value of any kind, numbers as json.Number; nil for an
// empty body. Whatever is not one complete JSON text is an error.
func (a Answer) JSON() (any, error) {
	switch {
	case a.fault != nil:
		return nil, a.fault
	case a.IsEmpty():
		return nil, nil
	case a.kind == isPage:
		return nil, errPage
	}
	if err := checkJSON(a.body); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, errors.New("the answer is not complete JSON")
	}
	return value, nil
}

// single are the headers of one value that is no list: of several lines the first counts.
// The others are lists, and their lines are joined.
var single = map[string]bool{
	"age": true, "content-disposition": true, "content-length": true, "content-location": true, "content-type": true,
	"date": true, "etag": true, "expires": true, "last-modified": true, "location": true, "retry-after": true, "server": true,
}

// Headers returns the value of each header, by its name in lower case. Of one with several
// lines it is all of them, with a comma between, as RFC 9110 section 5.3 reads them; those of
// Set-Cookie, which may hold commas, have a line end between. SplitList takes a list apart.
func (a Answer) Headers() map[string]string {
	headers := map[string]string{}
	for name, values := range a.header {
		name := strings.ToLower(name)
		switch {
		case len(values) == 0:
		case single[name]:
			headers[name] = values[0]
		case name == "set-cookie":
			headers[name] = strings.Join(values, "\n")
		default:
			headers[name] = strings.Join(values, ", ")
		}
	}
	return headers
}

// IsEmpty reports whether the body holds nothing but white space.
func (a Answer) IsEmpty() bool { return a.kind == isEmpty }

// IsJSON reports whether the body is meant to be JSON, complete or not.
func (a Answer) IsJSON() bool { return a.kind == isJSON }

// Cookie returns the value of a cookie that the answer sets, or an empty Value. Of several
// of one name the last counts (RFC 6265 section 5.3), also where it takes the cookie away.
func (a Answer) Cookie(name string) secret.Value { return secret.New(a.cookie(name)) }

func (a Answer) cookie(name string) string {
	value := ""
	for _, cookie := range (&http.Response{Header: a.header}).Cookies() {
		if cookie.Name == name {
			// One that expired when there was no World Wide Web yet is how frameworks take it away.
			if value = cookie.Value; cookie.MaxAge < 0 || cookie.RawExpires != "" && !cookie.Expires.IsZero() && cookie.Expires.Year() < 1990 {
				value = ""
			}
		}
	}
	return value
}

// Cookies returns the header Cookie that gives back what the answer sets: the cookie of that
// name, and whatever a load balancer has put beside it to find the node again. It is an empty
// Value without that cookie. Of a name that is set twice both are given back.
func (a Answer) Cookies(name string) secret.Value {
	session := a.cookie(name)
	if session == "" {
		return secret.Value{}
	}
	text := name + "=" + session
	for _, cookie := range (&http.Response{Header: a.header}).Cookies() {
		if cookie.Name != name && cookie.Value != "" {
			text += "; " + cookie.Name + "=" + cookie.Value
		}
	}
	return secret.New(text)
}

var errIncomplete = errors.New("the answer is not complete JSON")

// checkJSON walks one whole JSON text: complete, nothing behind it, no name twice
// in an object, bounded depth.
func checkJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var open nesting
	for {
		token, err := decoder.Token()
		if err != nil {
			return errIncomplete
		}
		if err := open.take(token); err != nil {
			return err
		}
		if len(open) == 0 {
			if _, err := decoder.Token(); err != io.EOF {
				return errIncomplete
			}
			return nil
		}
	}
}

// nesting is what of a JSON text is open, the innermost last.
type nesting []level

// level is an open object or array.
type level struct {
	names map[string]bool // of an object so far, nil for an array
	name  bool            // the next token is a name
}

// take goes on by a token.
func (n *nesting) take(token json.Token) error {
	switch token {
	case json.Delim('{'):
		return n.push(level{names: map[string]bool{}, name: true})
	case json.Delim('['):
		return n.push(level{})
	case json.Delim('}'), json.Delim(']'):
		*n = (*n)[:len(*n)-1]
		return nil
	}
	if len(*n) == 0 {
		return nil
	}
	return (*n)[len(*n)-1].take(token)
}

func (n *nesting) push(inner level) error {
	if len(*n) > 0 {
		(*n)[len(*n)-1].name = true // where it is an object, a name follows this value
	}
	if len(*n) == maxDepth {
		return errors.New("the answer's JSON is nested too deeply")
	}
	*n = append(*n, inner)
	return nil
}

// take goes on by a name or a scalar.
func (l *level) take(token json.Token) error {
	name, isText := token.(string)
	if l.names == nil || !isText || !l.name {
		l.name = true
		return nil
	}
	switch {
	case l.names[name]:
		return errors.New("the answer's JSON has a name twice")
	case len(l.names) == maxNames:
		return errors.New("the answer's JSON has too many names")
	}
	l.names[name], l.name = true, false
	return nil
}

// Fields is a decoded JSON object, by exact name.
type Fields map[string]json.RawMessage

// Has reports whether the name is there with a value other than null.
func (f Fields) Has(name string) bool {
	raw, ok := f[name]
	return ok && string(raw) != "null"
}

// Text returns the text under name; false if it is missing or no text.
func (f Fields) Text(name string) (string, bool) {
	var text *string
	if json.Unmarshal(f[name], &text) != nil || text == nil {
		return "", false
	}
	return *text, true
}

// Number returns the number under name as it was written; false if it is missing
// or no number.
func (f Fields) Number(name string) (json.Number, bool) {
	raw := f[name]
	if len(raw) == 0 || raw[0] == '"' {
		return "", false
	}
	var number *json.Number
	if json.Unmarshal(raw, &number) != nil || number == nil {
		return "", false
	}
	return *number, true
}

// Bool returns the truth value under name; false, false if it is missing or
// something else.
func (f Fields) Bool(name string) (value, ok bool) {
	var found *bool
	if json.Unmarshal(f[name], &found) != nil || found == nil {
		return false, false
	}
	return *found, true
}

// Filled reports whether the member holds anything: it is there, and is not null, false or zero,
// also as a text, nor an empty text, nor a list or an object of such alone.
func (f Fields) Filled(name string) bool {
	raw, ok := f[name]
	if !ok {
		return false
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	return decoder.Decode(&value) != nil || holds(value)
}

// holds reports whether a value is more than nothing.
func holds(value any) bool {
	if yes, is := truth(value); is {
		return yes
	}
	if n, is := number(value); is {
		return n != 0
	}
	switch value := value.(type) {
	case nil:
		return false
	case string:
		return strings.TrimSpace(value) != "" && squashed(value) != "null"
	case []any:
		return slices.ContainsFunc(value, holds)
	case map[string]any:
		for _, inner := range value {
			if holds(inner) {
				return true
			}
		}
		return false
	}
	return true
}

// Fields returns the object under name; nil if it is missing or no object.
func (f Fields) Fields(name string) Fields {
	var object Fields
	if json.Unmarshal(f[name], &object) != nil {
		return nil
	}
	return object
}

// List returns the elements under name; nil if it is missing or no list.
func (f Fields) List(name string) []json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(f[name], &list) != nil {
		return nil
	}
	return list
}

// Objects returns the objects in the list under name, leaving out other elements.
func (f Fields) Objects(name string) []Fields {
	var objects []Fields
	for _, raw := range f.List(name) {
		var object Fields
		if json.Unmarshal(raw, &object) == nil && object != nil {
			objects = append(objects, object)
		}
	}
	return objects
}

// Texts returns the texts in the list under name, leaving out other elements.
func (f Fields) Texts(name string) []string {
	var texts []string
	for _, raw := range f.List(name) {
		var text *string
		if json.Unmarshal(raw, &text) == nil && text != nil {
			texts = append(texts, *text)
		}
	}
	return texts
}

// ExplainBy returns a Config.Explain that takes the vendor's text from the first of
// the named members of the answer's object that holds any: a text, a list of texts,
// or an object (or list of objects) with a member message.
func ExplainBy(names ...string) func(Answer) (code, text string) {
	return func(answer Answer) (code, text string) {
		fields, err := answer.Object()
		if err != nil {
			return "", ""
		}
		for _, name := range names {
			if text, ok := fields.Text(name); ok && text != "" {
				return "", text
			}
			found := fields.Texts(name)
			for _, object := range append(fields.Objects(name), fields.Fields(name)) {
				if text, ok := object.Text("message"); ok {
					found = append(found, text)
				}
			}
			if len(found) > 0 {
				return "", strings.Join(found, "; ")
			}
		}
		return "", ""
	}
}
