package simulator

import (
	"net/http"
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

// checkViolations compares the violations, shorn of the request's name.
func checkViolations(t *testing.T, r *Request, want ...string) {
	t.Helper()
	var got []string
	for _, violation := range r.server.Violations() {
		got = append(got, strings.TrimPrefix(violation, "call (request 1): "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("violations %q, want %q", got, want)
	}
}

func TestJSONBody(t *testing.T) {
	fields := []Field{
		{Name: "text", Type: String}, {Name: "count", Type: Number, Optional: true}, {Name: "flag", Type: Bool, Optional: true},
		{Name: "object", Type: Object, Optional: true}, {Name: "array", Type: Array, Optional: true}, {Name: "any", Type: Any, Optional: true},
	}
	tests := []struct{ name, body, violation string }{
		{"least", `{"text":"a"}`, ""},
		{"all", ` {"text":"é\ud83d\ude00\u00e9\\ud83d","count":1.5,"flag":false,"object":{"x":[{}]},"array":[1],"any":null}` + "\n", ""},
		{"empty", ``, "body: the text is not JSON"},
		{"byte order mark", "\ufeff" + `{"text":"a"}`, "body: the text is not JSON"},
		{"two texts", `{"text":"a"}{"text":"a"}`, "body: the text is not JSON"},
		{"not UTF-8", "{\"text\":\"\xff\"}", "body: the text is not UTF-8"},
		{"high surrogate alone", `{"text":"\ud83dx"}`, "body: a string has half a surrogate pair"},
		{"high surrogate at end", `{"text":"\uD83D"}`, "body: a string has half a surrogate pair"},
		{"low surrogate alone", `{"text":"\ude00"}`, "body: a string has half a surrogate pair"},
		{"key twice", `{"text":"a","text":"a"}`, "body: a key occurs twice in one object"},
		{"inner key twice", `{"text":"a","array":[{"x":1,"x":2}]}`, "body: a key occurs twice in one object"},
		{"no object", `["text"]`, "body is not a JSON object"},
		{"null", `null`, "body is not a JSON object"},
		{"missing", `{}`, "body: key text is missing"},
		{"wrong type", `{"text":1}`, "body: key text is not of type string"},
		{"null for text", `{"text":null}`, "body: key text is not of type string"},
		{"text for number", `{"text":"a","count":"1"}`, "body: key count is not of type number"},
		{"number for flag", `{"text":"a","flag":0}`, "body: key flag is not of type boolean"},
		{"array for object", `{"text":"a","object":[]}`, "body: key object is not of type object"},
		{"object for array", `{"text":"a","array":{}}`, "body: key array is not of type array"},
		{"unknown key", `{"text":"a","Text":"a"}`, "body: unknown keys: 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := arrived(http.Header{"Content-Type": {"application/json"}, "Content-Length": {"1"}}, test.body)
			object, ok := r.JSONBody(fields...)
			if ok != (test.violation == "") || ok != (object != nil) {
				t.Errorf("ok %t, object %v", ok, object)
			}
			if ok {
				checkViolations(t, r)
			} else {
				checkViolations(t, r, test.violation)
			}
		})
	}
}

func TestBodyType(t *testing.T) {
	const want = "header Content-Type is not application/json"
	tests := []struct {
		name       string
		header     http.Header
		violations []string
	}{
		{"plain", http.Header{"Content-Type": {"application/json"}, "Content-Length": {"2"}}, nil},
		{"charset", http.Header{"Content-Type": {"application/json; charset=UTF-8"}, "Content-Length": {"2"}}, nil},
		{"other charset", http.Header{"Content-Type": {"application/json; charset=latin1"}, "Content-Length": {"2"}}, []string{want}},
		{"other parameter", http.Header{"Content-Type": {"application/json; version=1"}, "Content-Length": {"2"}}, []string{want}},
		{"other type", http.Header{"Content-Type": {"text/plain"}, "Content-Length": {"2"}}, []string{want}},
		{"malformed", http.Header{"Content-Type": {"application/json; ="}, "Content-Length": {"2"}}, []string{want}},
		{"missing", http.Header{"Content-Length": {"2"}}, []string{"header Content-Type is missing"}},
		{
			"chunked", http.Header{"Content-Type": {"application/json"}, "Transfer-Encoding": {"chunked"}},
			[]string{"the body is sent in chunks", "header Content-Length is missing"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := arrived(test.header, "{}")
			if _, ok := r.JSONBody(); ok != (test.violations == nil) {
				t.Errorf("ok %t", ok)
			}
			checkViolations(t, r, test.violations...)
		})
	}
}

func TestFormBody(t *testing.T) {
	tests := []struct{ name, body, violation string }{
		{"good", "user=a%2Bb&password=c+d", ""},
		{"missing", "user=a", "body: field password does not occur exactly once as UTF-8"},
		{"twice", "user=a&password=b&password=b", "body: field password does not occur exactly once as UTF-8"},
		{"not UTF-8", "user=a&password=%ff", "body: field password does not occur exactly once as UTF-8"},
		{"unknown", "user=a&password=b&more=c", "body: an unknown field"},
		{"malformed", "user=a&password=%", "body is not a form"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := arrived(http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Content-Length": {"1"}}, test.body)
			fields, ok := r.FormBody("user", "password")
			if ok != (test.violation == "") {
				t.Errorf("ok %t", ok)
			}
			if ok {
				checkViolations(t, r)
				if fields["user"] != "a+b" || fields["password"] != "c d" {
					t.Errorf("fields %v", fields)
				}
				return
			}
			checkViolations(t, r, test.violation)
		})
	}
}

func TestHeaderHelpers(t *testing.T) {
	r := arrived(http.Header{
		"Host": {"x"}, "User-Agent": {"x"}, "Accept-Encoding": {"identity"}, "X-Token": {"t"}, "Cookie": {"c"},
	}, "")
	if r.OnlyHeaders("x-token") {
		t.Error("a cookie was let through")
	}
	if !r.OnlyHeaders("x-token", "Cookie") {
		t.Error("a named header was not let through")
	}
	r.Header.Set("Accept-Encoding", "gzip")
	if r.OnlyHeaders("x-token", "Cookie") {
		t.Error("compression was let through")
	}
	if value, ok := r.SingleHeader("x-token"); !ok || value != "t" {
		t.Errorf("single header %q, %t", value, ok)
	}
	r.Header.Add("X-Token", "u")
	if _, ok := r.SingleHeader("X-Token"); ok {
		t.Error("a header that occurs twice is single")
	}
	if _, ok := r.SingleHeader("X-Other"); ok {
		t.Error("a missing header is single")
	}
	checkViolations(t, r, "header Cookie has no place here", "header Accept-Encoding has no place here",
		"header X-Token occurs more than once", "header X-Other is missing")
}

func TestAuthorization(t *testing.T) {
	tests := []struct {
		name, value    string
		bearer         bool
		user, password string
		violation      string
	}{
		{"bearer", "Bearer the-token", true, "the-token", "", ""},
		{"bearer of another case", "bearer the-token", true, "", "", "header Authorization does not have the form Bearer and credentials"},
		{"bearer without token", "Bearer ", true, "", "", "header Authorization does not have the form Bearer and credentials"},
		{"basic", "Basic amRvZTpzOmVjcmV0", false, "jdoe", "s:ecret", ""},
		{"basic unpadded", "Basic amRvZTpzZWNyZXQ", false, "", "", "header Authorization is not base64 of UTF-8"},
		{"basic not UTF-8", "Basic /zo=", false, "", "", "header Authorization is not base64 of UTF-8"},
		{"basic without colon", "Basic amRvZQ==", false, "", "", "header Authorization has no colon between user and password"},
		{"basic with bearer", "Bearer the-token", false, "", "", "header Authorization does not have the form Basic and credentials"},
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
			if ok != (test.violation == "") {
				t.Errorf("ok %t", ok)
			}
			if !ok {
				checkViolations(t, r, test.violation)
				return
			}
			checkViolations(t, r)
			if first != test.user || second != test.password {
				t.Errorf("got %q, %q", first, second)
			}
		})
	}
}

func TestNoQueryNoBody(t *testing.T) {
	r := arrived(http.Header{}, "")
	if !r.NoQuery() || !r.NoBody() {
		t.Error("a bare request was refused")
	}
	r.RequestURI += "?"
	if r.NoQuery() {
		t.Error("an empty query was let through")
	}
	r.Header.Set("Content-Type", "application/json")
	if r.NoBody() {
		t.Error("a Content-Type was let through")
	}
	r.Body = []byte("x")
	if r.NoBody() {
		t.Error("a body was let through")
	}
	checkViolations(t, r, "a query has no place here", "header Content-Type has no place without a body", "a body has no place here")
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
	if _, ok := r.Segment("/a/{second}", "second"); ok {
		t.Error("a bare character was let through")
	}
	checkViolations(t, r, "path segment second: a character outside the unreserved set is not percent-encoded")
}
