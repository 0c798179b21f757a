package simulator

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// arrived returns a request as a server would hand it to Serve.
func arrived(header http.Header, body string) *Request {
	return &Request{
		Exchange:    Exchange{Name: "call", Number: 1, RequestURI: "/a/b", Header: header, Body: []byte(body)},
		EscapedPath: "/a/b",
		server:      &Server{},
	}
}

// checkNotes compares the notes, shorn of the request's name.
func checkNotes(t *testing.T, r *Request, want ...string) {
	t.Helper()
	var got []string
	for _, note := range r.server.Notes() {
		got = append(got, strings.TrimPrefix(note, "call (request 1): "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("notes %q, want %q", got, want)
	}
}

func TestJSONBody(t *testing.T) {
	fields := []Field{
		{Name: "text", Type: String}, {Name: "count", Type: Number, Optional: true}, {Name: "flag", Type: Bool, Optional: true},
		{Name: "object", Type: Object, Optional: true}, {Name: "array", Type: Array, Optional: true}, {Name: "any", Type: Any, Optional: true},
	}
	type verdict int
	const (
		taken     verdict = iota // whatever the server is
		tolerated                // refused by a strict server
		refused
	)
	tests := []struct {
		name, body, note string
		verdict          verdict
		text             any // what is taken for the key text
	}{
		{"least", `{"text":"a"}`, "", taken, "a"},
		{"all", ` {"text":"é\ud83d\ude00\u00e9\\ud83d","count":1.5,"flag":false,"object":{"x":[{}]},"array":[1],"any":null}` + "\n", "", taken, "é😀é\\ud83d"},
		{"byte order mark", "\ufeff" + `{"text":"a"}`, "body: it begins with a byte order mark", taken, "a"},
		{"null for an optional key", `{"text":"a","count":null}`, "body: key count is null", taken, "a"},
		{"not UTF-8", "{\"text\":\"\xff\"}", "body: the text is not UTF-8", tolerated, "\ufffd"},
		{"high surrogate alone", `{"text":"\ud83dx"}`, "body: a string has half a surrogate pair", tolerated, "\ufffdx"},
		{"high surrogate at end", `{"text":"\uD83D"}`, "body: a string has half a surrogate pair", tolerated, "\ufffd"},
		{"low surrogate alone", `{"text":"\ude00"}`, "body: a string has half a surrogate pair", tolerated, "\ufffd"},
		{"key twice", `{"text":"a","text":"b"}`, "body: a key occurs twice in one object", tolerated, "b"},
		{"inner key twice", `{"text":"a","array":[{"x":1,"x":2}]}`, "body: a key occurs twice in one object", tolerated, "a"},
		{"unknown key", `{"text":"a","Text":"b"}`, "body: unknown keys: 1", tolerated, "a"},
		{"empty", ``, "body: the text is not JSON", refused, nil},
		{"two texts", `{"text":"a"}{"text":"a"}`, "body: the text is not JSON", refused, nil},
		{"no object", `["text"]`, "body is not a JSON object", refused, nil},
		{"null", `null`, "body is not a JSON object", refused, nil},
		{"missing", `{}`, "body: key text is missing", refused, nil},
		{"wrong type", `{"text":1}`, "body: key text is not of type string", refused, nil},
		{"null for text", `{"text":null}`, "body: key text is not of type string", refused, nil},
		{"text for number", `{"text":"a","count":"1"}`, "body: key count is not of type number", refused, nil},
		{"number for flag", `{"text":"a","flag":0}`, "body: key flag is not of type boolean", refused, nil},
		{"array for object", `{"text":"a","object":[]}`, "body: key object is not of type object", refused, nil},
		{"object for array", `{"text":"a","array":{}}`, "body: key array is not of type array", refused, nil},
	}
	for _, test := range tests {
		for _, strict := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, strict %t", test.name, strict), func(t *testing.T) {
				r := arrived(http.Header{"Content-Type": {"application/json"}, "Content-Length": {"1"}}, test.body)
				r.server.strict = strict
				object, ok := r.JSONBody(fields...)
				want := test.verdict == taken || test.verdict == tolerated && !strict
				if ok != want || ok != (object != nil) || ok && object["text"] != test.text {
					t.Errorf("ok %t, object %v", ok, object)
				}
				if _, there := object["count"]; ok && there && object["count"] == nil {
					t.Error("a null was left in place of an optional key")
				}
				if test.note == "" {
					checkNotes(t, r)
				} else {
					checkNotes(t, r, test.note)
				}
			})
		}
	}
}

func TestBodyType(t *testing.T) {
	const want = "header Content-Type is not application/json"
	type verdict struct{ lenient, strict bool }
	always, lenient, never := verdict{true, true}, verdict{true, false}, verdict{}
	tests := []struct {
		name    string
		header  http.Header
		verdict verdict
		notes   []string
	}{
		{"plain", http.Header{"Content-Type": {"application/json"}, "Content-Length": {"2"}}, always, nil},
		{"charset", http.Header{"Content-Type": {"application/json; charset=UTF-8"}, "Content-Length": {"2"}}, always, nil},
		{"other charset", http.Header{"Content-Type": {"application/json; charset=latin1"}, "Content-Length": {"2"}}, never, []string{"the charset is not utf-8"}},
		{"other parameter", http.Header{"Content-Type": {"application/json; version=1"}, "Content-Length": {"2"}}, always, []string{"header Content-Type has an unknown parameter"}},
		{"other type", http.Header{"Content-Type": {"text/plain"}, "Content-Length": {"2"}}, lenient, []string{want}},
		{"malformed", http.Header{"Content-Type": {"application/json; ="}, "Content-Length": {"2"}}, lenient, []string{want}},
		{"missing", http.Header{"Content-Length": {"2"}}, lenient, []string{"header Content-Type is missing"}},
		{
			"chunked", http.Header{"Content-Type": {"application/json"}, "Transfer-Encoding": {"chunked"}}, always,
			[]string{"the body is sent in chunks", "header Content-Length is missing"},
		},
	}
	for _, test := range tests {
		for _, strict := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, strict %t", test.name, strict), func(t *testing.T) {
				r := arrived(test.header, "{}")
				r.server.strict = strict
				want := test.verdict.lenient
				if strict {
					want = test.verdict.strict
				}
				if _, ok := r.JSONBody(); ok != want {
					t.Errorf("ok %t", ok)
				}
				checkNotes(t, r, test.notes...)
			})
		}
	}
}

func TestFormBody(t *testing.T) {
	multipart := "--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\na+b\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nc d\r\n--b--\r\n"
	const encoded = "application/x-www-form-urlencoded"
	tests := []struct {
		name, contentType, body, note string
		lenient, strict               bool
	}{
		{"good", encoded, "user=a%2Bb&password=c+d", "", true, true},
		{"multipart", "multipart/form-data; boundary=b", multipart, "the form is sent as multipart/form-data", true, true},
		{"multipart cut short", "multipart/form-data; boundary=b", multipart[:60], "the form is sent as multipart/form-data", false, false},
		{"twice", encoded, "user=a%2Bb&password=c+d&password=e", "body: field password occurs more than once", true, false},
		{"unknown", encoded, "user=a%2Bb&password=c+d&more=e", "body: an unknown field", true, false},
		{"declared as text", "text/plain", "user=a%2Bb&password=c+d", "header Content-Type is not " + encoded, true, false},
		{"missing", encoded, "user=a", "body: field password is missing", false, false},
		{"not UTF-8", encoded, "user=a&password=%ff", "body: field password is not UTF-8", false, false},
		{"malformed", encoded, "user=a&password=%", "body is not a form", false, false},
	}
	for _, test := range tests {
		for _, strict := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, strict %t", test.name, strict), func(t *testing.T) {
				r := arrived(http.Header{"Content-Type": {test.contentType}, "Content-Length": {"1"}}, test.body)
				r.server.strict = strict
				want := test.lenient
				if strict {
					want = test.strict
				}
				fields, ok := r.FormBody("user", "password")
				if ok != want || ok && (fields["user"] != "a+b" || fields["password"] != "c d") {
					t.Errorf("ok %t, fields %v", ok, fields)
				}
				if notes := r.server.Notes(); test.note != "" && (len(notes) == 0 || !strings.HasSuffix(notes[0], ": "+test.note)) || test.note == "" && len(notes) > 0 {
					t.Errorf("notes %q", notes)
				}
			})
		}
	}

	r := arrived(http.Header{}, "")
	r.RequestURI += "?user=a"
	r.Query = url.Values{"user": {"a"}}
	if fields, ok := r.QueryForm("user"); !ok || fields["user"] != "a" {
		t.Errorf("query: %v, %t", fields, ok)
	}
	checkNotes(t, r, "a query has no place here")
}

func TestHeaderHelpers(t *testing.T) {
	r := arrived(http.Header{
		"Host": {"x"}, "User-Agent": {"x"}, "Accept-Encoding": {"identity"}, "X-Token": {"t"}, "Cookie": {"c"},
	}, "")
	r.OnlyHeaders("x-token")
	r.OnlyHeaders("x-token", "Cookie")
	r.Header.Set("Accept-Encoding", "gzip")
	r.OnlyHeaders("x-token", "Cookie")
	if value, ok := r.SingleHeader("x-token"); !ok || value != "t" {
		t.Errorf("single header %q, %t", value, ok)
	}
	r.Header.Add("X-Token", "u")
	if value, ok := r.SingleHeader("X-Token"); !ok || value != "t, u" {
		t.Errorf("a header that occurs twice is %q, %t", value, ok)
	}
	if _, ok := r.SingleHeader("X-Other"); ok {
		t.Error("a missing header is there")
	}
	checkNotes(t, r, "header Cookie has no place here", "header Accept-Encoding has no place here",
		"header X-Token occurs more than once", "header X-Other is missing")
}

func TestAuthorization(t *testing.T) {
	const form = "header Authorization does not have the form "
	tests := []struct {
		name, value    string
		bearer         bool
		user, password string // "" where it is refused
		note           string
	}{
		{"bearer", "Bearer the-token", true, "the-token", "", ""},
		{"bearer of another case", "bearer the-token", true, "the-token", "", "header Authorization is not Bearer, one space and credentials"},
		{"bearer with blanks", "Bearer  the-token", true, "the-token", "", "header Authorization is not Bearer, one space and credentials"},
		{"bearer without token", "Bearer ", true, "", "", form + "Bearer and credentials"},
		{"basic", "Basic amRvZTpzOmVjcmV0", false, "jdoe", "s:ecret", ""},
		{"basic of another case", "BASIC amRvZTpzOmVjcmV0", false, "jdoe", "s:ecret", "header Authorization is not Basic, one space and credentials"},
		{"basic unpadded", "Basic amRvZTpzZWNyZXQ", false, "", "", "header Authorization is not base64 of UTF-8"},
		{"basic not UTF-8", "Basic /zo=", false, "", "", "header Authorization is not base64 of UTF-8"},
		{"basic without colon", "Basic amRvZQ==", false, "", "", "header Authorization has no colon between user and password"},
		{"basic with bearer", "Bearer the-token", false, "", "", form + "Basic and credentials"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := arrived(http.Header{"Authorization": {test.value}}, "")
			var first, second string
			var ok bool
			if test.bearer {
				first, ok = r.Bearer()
			} else {
				first, second, ok = r.BasicAuth()
			}
			if ok != (test.user != "") || ok && (first != test.user || second != test.password) {
				t.Errorf("got %q, %q, %t", first, second, ok)
			}
			if test.note == "" {
				checkNotes(t, r)
			} else {
				checkNotes(t, r, test.note)
			}
		})
	}
}

func TestNoQueryNoBody(t *testing.T) {
	r := arrived(http.Header{}, "")
	r.NoQuery()
	r.NoBody()
	checkNotes(t, r)
	r.RequestURI += "?"
	r.NoQuery()
	r.Header.Set("Content-Type", "application/json")
	r.NoBody()
	r.Body = []byte("x")
	r.NoBody()
	checkNotes(t, r, "a query has no place here", "header Content-Type has no place without a body", "a body has no place here")
}

func TestPattern(t *testing.T) {
	const pattern = Pattern("/users/{user}/password")
	tests := []struct {
		path, user string
		ok         bool
	}{
		{"/users/jdoe/password", "jdoe", true},
		{"/users/a%2Fb/password", "a%2Fb", true},
		{"/users//password", "", false},
		{"/users/a/b/password", "", false},
		{"/users/jdoe/password/", "", false},
		{"/Users/jdoe/password", "", false},
		{"", "", false},
	}
	for _, test := range tests {
		segments, ok := pattern.Segments(test.path)
		if ok != test.ok || pattern.Match(test.path) != test.ok || segments["user"] != test.user {
			t.Errorf("%q: %v, %t", test.path, segments, ok)
		}
	}
	if !pattern.Has("user") || pattern.Has("users") || pattern.Has("") {
		t.Error("Has is wrong about the names")
	}
}

func TestDecodeSegment(t *testing.T) {
	tests := []struct{ escaped, want, fault string }{
		{"jdoe%40example.com", "jdoe@example.com", ""},
		{"a%2Bb%20%25%2F-._~", "a+b %/-._~", ""},
		{"%C3%A9", "é", ""},
		{"jdoe@example.com", "", "a character outside the unreserved set is not percent-encoded"},
		{"a+b", "", "a character outside the unreserved set is not percent-encoded"},
		{"a%2b", "", "a percent-encoding is not two capital hexadecimal digits"},
		{"a%zz", "", "a percent-encoding is not two capital hexadecimal digits"},
		{"a%2", "", "a percent-encoding is cut short"},
		{"%61", "", "an unreserved character is percent-encoded"},
		{"%C3", "", "the decoded bytes are not UTF-8"},
	}
	for _, test := range tests {
		got, err := decodeSegment(test.escaped)
		if got != test.want || (err != nil) != (test.fault != "") || err != nil && err.Error() != test.fault {
			t.Errorf("%q: %q, %v", test.escaped, got, err)
		}
	}
	r := arrived(nil, "")
	if got, ok := r.Segment("/a/{second}", "second"); !ok || got != "b" {
		t.Errorf("segment %q, %t", got, ok)
	}
	r.EscapedPath = "/a/@"
	if got, ok := r.Segment("/a/{second}", "second"); !ok || got != "@" {
		t.Errorf("segment %q, %t", got, ok)
	}
	for _, path := range []string{"/a/%ff", "/a/%f"} {
		r.EscapedPath = path
		if got, ok := r.Segment("/a/{second}", "second"); ok {
			t.Errorf("segment %q was decoded to %q", path, got)
		}
	}
	checkNotes(t, r, "path segment second: a character outside the unreserved set is not percent-encoded",
		"path segment second: a percent-encoding is not two capital hexadecimal digits",
		"path segment second: a percent-encoding is cut short")
}
