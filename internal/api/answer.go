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
	body   []byte
	// unframed says that nothing but the end of the connection ends the body.
	unframed bool
}

// Object returns the body as a JSON object. Anything else, an empty body
// included, is an error, and so is an object with a name twice: two readers
// would disagree on what it says.
func (a Answer) Object() (Fields, error) {
	if err := checkJSON(a.body); err != nil {
		return nil, err
	}
	var fields Fields
	if err := json.Unmarshal(a.body, &fields); err != nil || fields == nil {
		return nil, errors.New("the answer is not a JSON object")
	}
	return fields, nil
}

// Readable is for an answer that only its status is wanted of: nil if the body
// is empty, a complete JSON text, or some other text that is not a web page. A
// web page with a 2xx status comes from a login portal or a proxy in between, and
// says nothing about the call.
func (a Answer) Readable() error {
	declared := strings.ToLower(a.header.Get("Content-Type"))
	coding := strings.ToLower(a.header.Get("Content-Encoding"))
	switch {
	case coding != "" && coding != "identity", bytes.IndexByte(a.body, 0) >= 0:
		return errors.New("the answer is encoded in a way that was not asked for")
	case strings.Contains(declared, "html"), bytes.HasPrefix(a.text(), []byte("<")):
		return errors.New("the answer is a web page")
	case a.IsEmpty() && a.unframed:
		return errors.New("the connection ended where the answer could have gone on")
	case a.IsEmpty(), !a.IsJSON():
		return nil
	}
	return checkJSON(a.body)
}

// isPage reports whether the body is a web page.
func (a Answer) isPage() bool {
	html := strings.Contains(strings.ToLower(a.header.Get("Content-Type")), "html")
	return bytes.HasPrefix(a.text(), []byte("<")) || html && !a.IsJSON() && bytes.ContainsRune(a.text(), '<')
}

// text returns the body without white space around it and without a byte order
// mark, to tell what it looks like.
func (a Answer) text() []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(a.body, []byte("\xef\xbb\xbf")))
}

// JSON returns the body as a JSON value of any kind, numbers as json.Number; nil for an
// empty body. Whatever is not one complete JSON text is an error.
func (a Answer) JSON() (any, error) {
	if a.IsEmpty() {
		return nil, nil
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

// Headers returns the first value of each header, by its name in lower case.
func (a Answer) Headers() map[string]string {
	headers := map[string]string{}
	for name, values := range a.header {
		if len(values) > 0 {
			headers[strings.ToLower(name)] = values[0]
		}
	}
	return headers
}

// IsEmpty reports whether the body holds nothing but white space.
func (a Answer) IsEmpty() bool { return len(bytes.TrimSpace(a.body)) == 0 }

// IsJSON reports whether the body is declared to be JSON or looks like it.
func (a Answer) IsJSON() bool {
	body := a.text()
	return strings.Contains(strings.ToLower(a.header.Get("Content-Type")), "json") ||
		bytes.HasPrefix(body, []byte("{")) || bytes.HasPrefix(body, []byte("["))
}

// Says reports whether the body holds one of the words, in any case.
func (a Answer) Says(words ...string) bool {
	text := bytes.ToLower(a.body)
	return slices.ContainsFunc(words, func(word string) bool { return bytes.Contains(text, []byte(word)) })
}

// Cookie returns the value of a cookie that the answer sets, or an empty Value.
func (a Answer) Cookie(name string) secret.Value {
	for _, cookie := range (&http.Response{Header: a.header}).Cookies() {
		if cookie.Name == name {
			return secret.New(cookie.Value)
		}
	}
	return secret.Value{}
}

// checkJSON walks one whole JSON text: complete, nothing behind it, no name twice
// in an object, bounded depth.
func checkJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	unreadable := errors.New("the answer is not complete JSON")
	type level struct {
		names map[string]bool // nil in an array
		name  bool            // the next token is a name
	}
	var levels []level
	for {
		token, err := decoder.Token()
		if err != nil {
			return unreadable
		}
		top := len(levels) - 1
		if delimiter, ok := token.(json.Delim); ok && (delimiter == '{' || delimiter == '[') {
			if top >= 0 && levels[top].names != nil {
				levels[top].name = true
			}
			if len(levels) == maxDepth {
				return errors.New("the answer's JSON is nested too deeply")
			}
			opened := level{}
			if delimiter == '{' {
				opened = level{names: map[string]bool{}, name: true}
			}
			levels = append(levels, opened)
			continue
		} else if ok {
			levels = levels[:top]
		} else if top >= 0 && levels[top].names != nil {
			if name, isText := token.(string); isText && levels[top].name {
				if levels[top].names[name] {
					return errors.New("the answer's JSON has a name twice")
				}
				if len(levels[top].names) == maxNames {
					return errors.New("the answer's JSON has too many names")
				}
				levels[top].names[name] = true
				levels[top].name = false
			} else {
				levels[top].name = true
			}
		}
		if len(levels) == 0 {
			if _, err := decoder.Token(); err != io.EOF {
				return unreadable
			}
			return nil
		}
	}
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
