package api

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// kind is what a body is, by what it holds. The declared type decides only where the content
// leaves it open: frameworks declare text/html for an empty body and for JSON.
type kind int

const (
	isEmpty  kind = iota // nothing but white space
	isJSON               // a JSON text, complete or not
	isMarkup             // XML, which some interfaces speak
	isPage               // a web page: it comes from a login portal, a proxy or a framework, and says nothing about the call
	isText               // any other text
)

// codings is how many times a body may be packed.
const codings = 3

// arrive makes an Answer of what came over the wire: the body unpacked, in UTF-8, without a
// byte order mark and without the line that keeps browsers from running JSON as a script.
// What cannot be unpacked within maxAnswer is kept as a fault of the Answer, since the status
// stands all the same.
func arrive(answer Answer) Answer {
	answer.body, answer.fault = unpack(answer.body, listOf(answer.header, "Content-Encoding"))
	if answer.fault == nil {
		answer.body = toUTF8(answer.body, strings.ToLower(answer.header.Get("Content-Type")))
		if answer.body = trim(answer.body); bytes.HasPrefix(answer.body, []byte(")]}'")) {
			answer.body = trim(bytes.TrimPrefix(answer.body[len(")]}'"):], []byte(",")))
		}
		if bytes.ContainsFunc(answer.body, func(r rune) bool { return r < ' ' && !unicode.IsSpace(r) && r != '\x1b' }) {
			answer.fault = errEncoded
		}
	}
	answer.kind = kindOf(answer.body, strings.ToLower(answer.header.Get("Content-Type")))
	return answer
}

var (
	errEncoded = errors.New("the answer is encoded in a way that was not asked for")
	errPacked  = errors.New("the answer is compressed, and cannot be unpacked within 1 MiB")
)

// unpack undoes what gateways do to a body that nobody asked them to compress, however it is
// declared: gzip is known by its first bytes, and what is declared as packed may be plain.
func unpack(body []byte, declared []string) ([]byte, error) {
	gzips, deflates, others := 0, 0, 0
	for _, coding := range declared {
		switch strings.ToLower(coding) {
		case "identity":
		case "gzip", "x-gzip":
			gzips++
		case "deflate":
			deflates++
		default:
			others++
		}
	}
	for range codings {
		var unpacked []byte
		var err error
		switch {
		case len(body) == 0:
			return body, nil
		case bytes.HasPrefix(body, []byte("\x1f\x8b\x08")):
			gzips = 0
			unpacked, err = readAll(func() (io.Reader, error) { return gzip.NewReader(bytes.NewReader(body)) })
		case deflates > 0 && !isPlain(body):
			deflates--
			framed := body // by zlib, which some servers leave out; its check sum is not of use here
			if len(body) > 2 && body[0]&0x0f == 8 && (int(body[0])<<8|int(body[1]))%31 == 0 {
				framed = body[2:]
			}
			unpacked, err = readAll(func() (io.Reader, error) { return flate.NewReader(bytes.NewReader(framed)), nil })
		case others > 0 && checkJSON(trim(body)) != nil:
			return body, errEncoded
		case gzips > 0 && !isPlain(body):
			return body, errPacked
		default:
			return body, nil
		}
		if err != nil {
			return body, errPacked
		}
		body = unpacked
	}
	return body, nil
}

func readAll(open func() (io.Reader, error)) ([]byte, error) {
	reader, err := open()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(reader, maxAnswer+1))
	if err == nil && len(content) > maxAnswer {
		err = errPacked
	}
	return content, err
}

// isPlain reports whether a body is text as it is.
func isPlain(body []byte) bool {
	return utf8.Valid(body) && !bytes.ContainsFunc(body, func(r rune) bool {
		return unicode.IsControl(r) && r != '\t' && r != '\r' && r != '\n'
	})
}

// toUTF8 decodes a text in UTF-16, known by its byte order mark or declared, and one in
// Latin-1 that is declared and is no UTF-8.
func toUTF8(body []byte, declared string) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return body[3:]
	case bytes.HasPrefix(body, []byte("\xff\xfe")):
		order, body = binary.LittleEndian, body[2:]
	case bytes.HasPrefix(body, []byte("\xfe\xff")):
		order, body = binary.BigEndian, body[2:]
	case strings.Contains(declared, "utf-16") && len(body) > 1 && body[1] == 0:
		order = binary.LittleEndian
	case strings.Contains(declared, "utf-16") && len(body) > 1 && body[0] == 0:
		order = binary.BigEndian
	case (strings.Contains(declared, "iso-8859-1") || strings.Contains(declared, "windows-1252")) && !utf8.Valid(body):
		runes := make([]rune, len(body))
		for i, b := range body {
			runes[i] = rune(b)
		}
		return []byte(string(runes))
	default:
		return body
	}
	units := make([]uint16, len(body)/2)
	for i := range units {
		units[i] = order.Uint16(body[2*i:])
	}
	decoded := []byte(string(utf16.Decode(units)))
	if len(body)%2 != 0 {
		decoded = append(decoded, 0) // half a character: an answer that is cut
	}
	return decoded
}

// trim takes white space off, and byte order marks that were put in twice.
func trim(body []byte) []byte {
	return bytes.TrimFunc(body, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' })
}

// kindOf tells what a trimmed body is.
func kindOf(body []byte, declared string) kind {
	if len(body) == 0 {
		return isEmpty
	}
	switch body[0] {
	case '{', '"':
		return isJSON
	case '[':
		// A line of a log may begin with a bracket, too.
		inner := trim(body[1:])
		if strings.Contains(declared, "json") || len(inner) == 0 || bytes.IndexByte([]byte(`{["]-0123456789`), inner[0]) >= 0 || checkJSON(body) == nil {
			return isJSON
		}
		return isText
	case '<':
		if isXML(body, declared) {
			return isMarkup
		}
		return isPage
	}
	switch {
	case checkJSON(body) == nil: // true, null, a number
		return isJSON
	case strings.Contains(declared, "html") && bytes.IndexByte(body, '<') >= 0:
		return isPage
	}
	return isText
}

// isXML reports whether markup is that of an interface: XML whose first element is none of a
// page.
func isXML(body []byte, declared string) bool {
	if strings.Contains(declared, "html") {
		return false
	}
	first, _, ok := elements(body)
	switch first {
	case "html", "head", "body", "title", "meta", "script", "style", "link", "center", "div", "p", "h1", "h2", "h3", "pre", "a", "b", "br", "table", "form", "span", "font", "main", "img", "section":
		return false
	}
	return ok
}

// listOf returns the elements of a header that is a list, however many lines it has
// (RFC 9110 section 5.3).
func listOf(header http.Header, name string) []string {
	var list []string
	for _, line := range header.Values(name) {
		list = append(list, SplitList(line)...)
	}
	return list
}

// SplitList takes the value of a header apart at its commas, those between quotes and in <>
// left alone. Elements are without outer blanks, and none is empty.
func SplitList(value string) []string {
	var list []string
	quoted, angled, escaped, start := false, false, false, 0
	add := func(element string) {
		if element = strings.TrimSpace(element); element != "" {
			list = append(list, element)
		}
	}
	for i, r := range value {
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"' && !angled:
			quoted = !quoted
		case r == '<' && !quoted:
			angled = true
		case r == '>' && !quoted:
			angled = false
		case r == ',' && !quoted && !angled:
			add(value[start:i])
			start = i + 1
		}
	}
	add(value[start:])
	return list
}
