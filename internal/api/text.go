package api

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Text returns the body as a text, without a byte order mark and white space around it; false if it
// is none: not UTF-8, with zero bytes in it, or encoded.
func (a Answer) Text() (string, bool) {
	coding := strings.ToLower(a.header.Get("Content-Encoding"))
	if coding != "" && coding != "identity" || bytes.IndexByte(a.body, 0) >= 0 || !utf8.Valid(a.body) {
		return "", false
	}
	return string(a.text()), true
}
