package simulator

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// Pattern is a path in which a segment of the form {name} stands for one segment
// that is not empty. All other bytes stand for themselves.
type Pattern string

// Match reports whether the escaped path has the pattern's form. An escaped
// slash does not part segments.
func (p Pattern) Match(escapedPath string) bool {
	_, ok := p.Segments(escapedPath)
	return ok
}

// Segments returns the named segments of the escaped path, still escaped, and
// whether the path has the pattern's form.
func (p Pattern) Segments(escapedPath string) (map[string]string, bool) {
	wanted := strings.Split(string(p), "/")
	found := strings.Split(escapedPath, "/")
	if len(wanted) != len(found) {
		return nil, false
	}
	segments := make(map[string]string)
	for i, segment := range wanted {
		name, named := segmentName(segment)
		switch {
		case named && found[i] != "":
			segments[name] = found[i]
		case named || segment != found[i]:
			return nil, false
		}
	}
	return segments, true
}

// Has reports whether the pattern has a segment of this name.
func (p Pattern) Has(name string) bool {
	for segment := range strings.SplitSeq(string(p), "/") {
		if found, named := segmentName(segment); named && found == name {
			return true
		}
	}
	return false
}

func segmentName(segment string) (string, bool) {
	inner, ok := strings.CutPrefix(segment, "{")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, "}")
}

// decodeSegment decodes one path segment or query value that must be escaped as
// RFC 3986 asks of a careful sender: every byte outside the unreserved set as %
// and two capital hexadecimal digits, nothing else escaped, the result UTF-8.
// The error says which of these failed; the result is then "".
func decodeSegment(escaped string) (string, error) {
	const digits = "0123456789ABCDEF"
	decoded := make([]byte, 0, len(escaped))
	for i := 0; i < len(escaped); i++ {
		character := escaped[i]
		switch {
		case character == '%' && i+2 >= len(escaped):
			return "", errors.New("a percent-encoding is cut short")
		case character == '%':
			high := strings.IndexByte(digits, escaped[i+1])
			low := strings.IndexByte(digits, escaped[i+2])
			if high < 0 || low < 0 {
				return "", errors.New("a percent-encoding is not two capital hexadecimal digits")
			}
			character = byte(high<<4 | low)
			if unreserved(character) {
				return "", errors.New("an unreserved character is percent-encoded")
			}
			i += 2
		case !unreserved(character):
			return "", errors.New("a character outside the unreserved set is not percent-encoded")
		}
		decoded = append(decoded, character)
	}
	if !utf8.Valid(decoded) {
		return "", errors.New("the decoded bytes are not UTF-8")
	}
	return string(decoded), nil
}

// unreserved reports whether RFC 3986 lets the character stand for itself anywhere.
func unreserved(character byte) bool {
	return 'a' <= character && character <= 'z' || 'A' <= character && character <= 'Z' ||
		'0' <= character && character <= '9' || strings.IndexByte("-._~", character) >= 0
}
