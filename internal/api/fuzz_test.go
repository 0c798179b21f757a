package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
)

// FuzzRetryAfter: whatever a header says, the wait is between nothing and a day, and
// never shorter than seconds that can be read.
func FuzzRetryAfter(f *testing.F) {
	for _, text := range []string{
		"", "0", "1", "+1", "-1", "00000120", "120 ", " 120", "1.5", "1e3", "0x10", "86400", "86401",
		"9223372036854775807", "9223372036854775808", "18446744073709551616", strings.Repeat("9", 400),
		"Fri, 31 Dec 1999 23:59:59 GMT", "Friday, 31-Dec-99 23:59:59 GMT", "Fri Dec 31 23:59:59 1999",
		"Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 22 Nov 2025 12:00:30 GMT", "Sat, 22 Nov 2025 12:00:30 CET", "\x00", "١٢",
	} {
		f.Add(text)
	}
	now := time.Date(2025, time.November, 22, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		wait, ok := api.RetryAfter(api.NewAnswer(http.Header{"Retry-After": {text}}, nil), now)
		switch {
		case wait < 0 || wait > api.LongestWait:
			t.Errorf("a wait of %v", wait)
		case !ok && wait != 0:
			t.Errorf("a wait of %v that was not asked for", wait)
		}
		digits := text != "" && strings.Trim(text, "0123456789") == ""
		if digits && !ok {
			t.Error("seconds were not read")
		}
		if date, err := http.ParseTime(text); err == nil && (!ok || wait < min(date.Sub(now), api.LongestWait)) {
			t.Errorf("a date %v ahead became %v, %v", date.Sub(now), wait, ok)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2025, time.November, 22, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": -1, "0": 0, "1": time.Second, "-1": -1, "1.5": -1, "soon": -1,
		"86400": 24 * time.Hour, "86401": 24 * time.Hour, strings.Repeat("9", 400): 24 * time.Hour,
		"Sat, 22 Nov 2025 12:00:30 GMT": 30 * time.Second,
		"Sat, 22 Nov 2025 11:00:00 GMT": 0,
		"Fri, 31 Dec 9999 23:59:59 GMT": 24 * time.Hour,
	} {
		wait, ok := api.RetryAfter(api.NewAnswer(http.Header{"Retry-After": {text}}, nil), now)
		if ok != (want >= 0) || ok && wait != want {
			t.Errorf("%q: got %v, %v", text, wait, ok)
		}
	}
}

// FuzzAnswer: nothing that reads an answer panics, and what is read as JSON is what
// any reader would read.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		``, ` `, `null`, `true`, `0`, `-`, `1e999999`, `"text"`, `"`, `"\ud800"`, `{}`, `[]`, `{`, `]`, `{]`, `[1,]`, `{"a":1,}`, `{"a" 1}`, `{,}`, `[1 2]`,
		`{"a":1} `, `{"a":1}{}`, `{"a":1}x`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":1,"A":2}`, `{"":1,"":2}`, "{\"\xff\":1,\"\xfe\":2}",
		`{"a":{"a":1},"b":[{"a":1},{"a":1}]}`, `{"a":[{"b":1,"b":2}]}`, `{"a":"b","b":"a"}`, `{"a":["a","a"],"b":"a"}`,
		`{"message":"text"}`, `{"message":["a","b",7]}`, `{"message":{"message":"x"}}`, `{"message":[{"message":"x"},{}]}`, `{"message":null,"error":"y"}`,
		strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 65) + strings.Repeat("]", 65), strings.Repeat(`{"a":`, 1000),
		"\xef\xbb\xbf{}", "\xff\xfe{\x00}\x00", "\x1f\x8b\x08", "<html>", ")]}'\n{\"a\":1}", "[OK] done", "OK", "<a><b>c</b></a>", "<?xml version='1.0'?><a b='c'/>", " \n<", "{\x00}", "\x00",
	} {
		for _, declared := range []string{"", "application/json", "text/html; charset=utf-8"} {
			f.Add(declared, "", []byte(body))
		}
	}
	f.Add("text/plain", "deflate", []byte("x\x9c\xabV*-N-J\xceOIU\xb2*)*M\xad\x05\x00"))
	f.Add("text/plain", "deflate", []byte("\xabV*-N-J\xceOIU\xb2*)*M\xad\x05\x00"))
	f.Add("application/json; charset=utf-16", "gzip, gzip", []byte("{\x00}\x00"))
	f.Add("text/plain; charset=iso-8859-1", "br", []byte("ung\xfcltig"))
	f.Add("text/plain", "gzip", []byte("\x1f\x8b\x08\x00"))
	f.Add("application/problem+json", "identity", []byte(`{"title":"x"}`))
	f.Fuzz(func(t *testing.T, declared, coding string, body []byte) {
		answer := api.NewAnswer(http.Header{"Content-Type": {declared}, "Content-Encoding": {coding}, "Set-Cookie": {declared, coding}}, body)
		answer.Cookie("a")
		api.ExplainBy("message", "error", "a")(answer)
		answer.Headers()
		answer.Why()
		(&api.Error{}).About(answer)
		answer.At([]string{"a", "0"})
		if value, ok := answer.At(nil); ok {
			api.SameValue(value, declared)
		}
		if said := answer.Saying(); said != api.SaysNothing && answer.IsEmpty() {
			t.Errorf("an empty body says %d", said)
		}

		body, fault := api.Arrived(answer)
		if len(body) > api.MaxAnswer*2 {
			t.Errorf("a body of %d bytes", len(body))
		}
		if fault != nil {
			if _, err := answer.Object(); err == nil || answer.Readable() == nil {
				t.Error("what cannot be unpacked is readable")
			}
			return
		}
		sound := json.Valid(body) && soundJSON(body, api.MaxDepth)
		fields, err := answer.Object()
		if isObject := bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")); (err == nil) != (sound && isObject) {
			t.Errorf("an object: %v, though sound is %v and an object %v", err, sound, isObject)
		}
		for name := range fields {
			fields.Has(name)
			fields.Text(name)
			fields.Number(name)
			fields.Bool(name)
			fields.Fields(name)
			fields.Objects(name)
			fields.Texts(name)
		}
		if answer.Readable() == nil && answer.IsJSON() && !answer.IsEmpty() && !sound {
			t.Error("JSON that is not sound is readable")
		}
		plain := api.NewAnswer(http.Header{"Content-Type": {"application/json"}}, body)
		if sound && plain.Readable() != nil {
			t.Errorf("sound JSON is not readable: %v", plain.Readable())
		}
	})
}

// soundJSON reports whether a valid JSON text has no name twice in an object and is
// nested no deeper than depth. It goes by whole values, unlike the code under test.
func soundJSON(text []byte, depth int) bool {
	text = bytes.TrimSpace(text)
	if text[0] != '{' && text[0] != '[' {
		return true
	}
	if depth == 0 {
		return false
	}
	if text[0] == '[' {
		var elements []json.RawMessage
		if json.Unmarshal(text, &elements) != nil {
			return false
		}
		for _, element := range elements {
			if !soundJSON(element, depth-1) {
				return false
			}
		}
		return true
	}
	names := map[string]bool{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if _, err := decoder.Token(); err != nil {
		return false
	}
	for decoder.More() {
		var value json.RawMessage
		name, err := decoder.Token()
		if err != nil || decoder.Decode(&value) != nil {
			return false
		}
		if names[name.(string)] || len(names) == api.MaxNames || !soundJSON(value, depth-1) {
			return false
		}
		names[name.(string)] = true
	}
	return true
}
