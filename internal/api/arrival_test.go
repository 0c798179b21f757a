package api_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"pam-rotate-script/internal/api"
)

// packed is a text as one of the ways to compress makes it.
func packed(t *testing.T, text string, open func(io.Writer) io.WriteCloser) string {
	t.Helper()
	var out bytes.Buffer
	writer := open(&out)
	if _, err := writer.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func gzipped(out io.Writer) io.WriteCloser { return gzip.NewWriter(out) }
func zlibbed(out io.Writer) io.WriteCloser { return zlib.NewWriter(out) }
func deflated(out io.Writer) io.WriteCloser {
	writer, _ := flate.NewWriter(out, flate.DefaultCompression) // a level that exists
	return writer
}

func inUTF16(text string, order func(unit uint16) [2]byte) string {
	var out strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		pair := order(unit)
		out.Write(pair[:])
	}
	return out.String()
}

// TestArrival: what a body is, whatever way it comes.
func TestArrival(t *testing.T) {
	const object = `{"message":"dépassé"}`
	little := func(unit uint16) [2]byte { return [2]byte{byte(unit), byte(unit >> 8)} }
	big := func(unit uint16) [2]byte { return [2]byte{byte(unit >> 8), byte(unit)} }
	zipped := packed(t, object, gzipped)
	for _, test := range []struct{ name, coding, declared, body string }{
		{"plain", "", "application/json", object},
		{"identity", "identity", "application/json", object},
		{"gzip", "gzip", "application/json", zipped},
		{"x-gzip", "x-gzip", "application/json", zipped},
		{"gzip in capitals", "GZIP", "application/json", zipped},
		{"gzip undeclared", "", "application/json", zipped},
		{"gzip declared as deflate", "deflate", "application/json", zipped},
		{"gzip declared as identity", "identity", "application/json", zipped},
		{"gzip twice", "gzip, gzip", "application/json", packed(t, zipped, gzipped)},
		{"gzip twice, declared once", "gzip", "application/json", packed(t, zipped, gzipped)},
		{"gzip once, declared twice", "gzip, gzip", "application/json", zipped},
		{"gzip declared, plain", "gzip", "application/json", object},
		{"deflate", "deflate", "application/json", packed(t, object, zlibbed)},
		{"deflate without a frame", "deflate", "application/json", packed(t, object, deflated)},
		{"deflate declared, plain", "deflate", "application/json", object},
		{"deflate in gzip", "deflate, gzip", "application/json", packed(t, packed(t, object, zlibbed), gzipped)},
		{"br declared, plain", "br", "application/json", object},
		{"byte order mark", "", "application/json", "\ufeff" + object},
		{"two byte order marks", "", "application/json", "\ufeff\ufeff" + object},
		{"byte order mark in gzip", "gzip", "application/json", packed(t, "\ufeff"+object, gzipped)},
		{"UTF-16", "", "application/json", "\xff\xfe" + inUTF16(object, little)},
		{"UTF-16, the other way", "", "", "\xfe\xff" + inUTF16(object, big)},
		{"UTF-16 declared", "", "application/json; charset=utf-16", inUTF16(object, little)},
		{"UTF-16BE declared", "", "application/json; charset=UTF-16BE", inUTF16(object, big)},
		{"Latin-1 declared", "", "application/json; charset=ISO-8859-1", "{\"message\":\"d\xe9pass\xe9\"}"},
		{"declared as HTML", "", "text/html; charset=utf-8", " " + object + "\r\n"},
		{"declared as text", "", "text/plain", object},
		{"not declared", "", "", object},
		{"guarded against scripts", "", "application/json", ")]}'\n" + object},
		{"guarded by a comma, too", "", "application/json", ")]}',\n" + object},
	} {
		answer := api.NewAnswer(http.Header{"Content-Type": {test.declared}, "Content-Encoding": {test.coding}}, []byte(test.body))
		fields, err := answer.Object()
		if text, _ := fields.Text("message"); err != nil || text != "dépassé" || answer.Readable() != nil || !answer.IsJSON() || answer.IsEmpty() {
			t.Errorf("%s: got %q, %v, %v", test.name, text, err, answer.Readable())
		}
	}
}

// TestKinds: what a body is taken for. page is a Readable that is not nil.
func TestKinds(t *testing.T) {
	for _, test := range []struct {
		declared, coding, body string
		empty, json, readable  bool
	}{
		{"text/html; charset=utf-8", "", "", true, false, true},
		{"application/json", "", " \r\n", true, false, true},
		{"application/json", "gzip", "", true, false, true},
		{"text/html", "", `{}`, false, true, true},
		{"text/html", "", "OK", false, false, true},
		{"application/json", "", "Password updated", false, false, true},
		{"application/json", "", `true`, false, true, true},
		{"application/json", "", `"OK"`, false, true, true},
		{"text/plain", "", `"OK`, false, true, false},
		{"text/plain", "", `{"ok":`, false, true, false},
		{"text/plain", "", `[`, false, true, false},
		{"text/plain", "", "[OK] done", false, false, true},
		{"application/json", "", "[OK] done", false, true, false},
		{"text/html", "", "Password <b>updated</b>", false, false, false},
		{"text/plain", "", "<!DOCTYPE html><p>x", false, false, false},
		{"application/xml", "", "<html xmlns='http://www.w3.org/1999/xhtml'><body/></html>", false, false, false},
		{"", "", "<?xml version='1.0'?><!DOCTYPE html PUBLIC 'x'><html/>", false, false, false},
		{"application/xml", "", "<?xml version='1.0'?><response><ok>1</ok></response>", false, false, true},
		{"text/xml", "", "<response><ok>1</ok>", false, false, false},
		{"text/plain", "br", "\x0b\x01\x80OK\x03", false, false, false},
		{"text/plain", "gzip", "\x1f\x8b\x08\x00", false, false, false},
		{"text/plain", "deflate", "\x78\x9c\x00", false, false, false},
		{"text/plain", "", "\xff\xfe{\x00", false, true, false},
	} {
		answer := api.NewAnswer(http.Header{"Content-Type": {test.declared}, "Content-Encoding": {test.coding}}, []byte(test.body))
		if answer.IsEmpty() != test.empty || answer.IsJSON() != test.json && (answer.Readable() == nil) || (answer.Readable() == nil) != test.readable {
			t.Errorf("%s %q: empty %t, JSON %t, %v", test.declared, test.body, answer.IsEmpty(), answer.IsJSON(), answer.Readable())
		}
	}
	bomb := api.NewAnswer(nil, []byte(packed(t, strings.Repeat(" ", api.MaxAnswer+1), gzipped)))
	if bomb.Readable() == nil {
		t.Error("more than 1 MiB was unpacked")
	}
}

// TestHeaders: lines of one header are one list, and of cookies the last counts.
func TestHeaders(t *testing.T) {
	answer := api.NewAnswer(http.Header{
		"Link":             {`</a?x=1,2>; rel="next"`, `</b>; rel="last", </c>; title="d, \"e"`},
		"Www-Authenticate": {"Negotiate", `Basic realm="a, b", charset="UTF-8"`},
		"Content-Type":     {"text/plain", "text/html"},
		"Set-Cookie":       {"a=1; Path=/", "b=3", "a=2; HttpOnly", "c=4", "c=deleted; Max-Age=0", "d=4", "d=deleted; expires=Thu, 01 Jan 1970 00:00:01 GMT", "e=5; Expires=Fri, 27 Nov 2099 00:00:00 GMT"},
	}, nil)
	headers := answer.Headers()
	if got := api.SplitList(headers["link"]); len(got) != 3 || got[0] != `</a?x=1,2>; rel="next"` || got[2] != `</c>; title="d, \"e"` {
		t.Errorf("links %q", got)
	}
	if got := headers["www-authenticate"]; got != `Negotiate, Basic realm="a, b", charset="UTF-8"` {
		t.Errorf("challenge %q", got)
	}
	if headers["content-type"] != "text/plain" || headers["set-cookie"] != "a=1; Path=/\nb=3\na=2; HttpOnly\nc=4\nc=deleted; Max-Age=0\nd=4\nd=deleted; expires=Thu, 01 Jan 1970 00:00:01 GMT\ne=5; Expires=Fri, 27 Nov 2099 00:00:00 GMT" {
		t.Errorf("headers %q", headers)
	}
	for name, want := range map[string]string{"a": "2", "b": "3", "c": "", "d": "", "e": "5", "f": ""} {
		if got := answer.Cookie(name).Reveal(); got != want {
			t.Errorf("cookie %s is %q, want %q", name, got, want)
		}
	}
}
