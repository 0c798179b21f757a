package api

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// SegmentFault says why a value cannot stand as one segment of a path, or "". A proxy
// that decodes a path before it resolves it would send "svc/../admin" to admin, whatever
// its slashes were written as; so "." and ".." may not stand between separators either.
func SegmentFault(value string) string {
	switch {
	case value == "":
		return "empty"
	case value == "." || value == "..":
		return "a dot segment"
	case !utf8.ValidString(value):
		return "not UTF-8"
	case strings.ContainsFunc(value, unicode.IsControl):
		return "a text with control characters"
	case HasDotSegment(value):
		return `a text with "." or ".." between separators, which a proxy may take for another path`
	}
	return ""
}

// HasDotSegment reports whether "." or ".." stands in text between "/", "\", ";", what ends
// a path for a server that decodes too early ("?", "#", a zero byte), and its ends, in any
// encoding that a server on the way may undo. A text that is encoded more often than anybody
// means is taken for one.
func HasDotSegment(text string) bool {
	text, whole := decodedFully(text)
	text = strings.Map(func(r rune) rune { // which some servers leave out
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text)
	return !whole || slices.ContainsFunc(strings.FieldsFunc(text, isSeparator), func(segment string) bool {
		segment = strings.TrimSpace(segment) // as Windows does
		return segment == "." || segment == ".."
	})
}

func isSeparator(r rune) bool { return strings.ContainsRune(`/\;?#`, r) || unicode.IsControl(r) }

// mostDecodings is how many layers of encoding are undone in search of what is behind.
const mostDecodings = 8

// decodedFully undoes percent-encoding until none is left: also the overlong UTF-8, the
// "%u002e" of IIS, and the full-width forms that some servers fold to ASCII. What is no
// encoding stays as it is. whole is false if there are more layers than anybody means.
func decodedFully(text string) (decoded string, whole bool) {
	for range mostDecodings {
		next := decodedOnce(text)
		if next == text {
			return text, true
		}
		text = next
	}
	return text, false
}

// lookAlikes are characters that servers with a code page of their own fold to ASCII.
var lookAlikes = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer(
		"．", ".", "․", ".", "。", ".", "‥", "..", "／", "/", "∕", "/", "⁄", "/", "＼", `\`, "；", ";", "％", "%",
		// Overlong UTF-8, which is none: two and three bytes for ".", "/" and "\".
		"\xc0\xae", ".", "\xc0\xaf", "/", "\xc1\x9c", `\`, "\xe0\x80\xae", ".", "\xe0\x80\xaf", "/", "\xe0\x81\x9c", `\`,
	)
})

func decodedOnce(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r == '%' || r > unicode.MaxASCII }) {
		return text
	}
	text = lookAlikes().Replace(text)
	var decoded strings.Builder
	for i := 0; i < len(text); {
		if code, length := escapeAt(text[i:]); length > 0 {
			if length > 3 { // %uXXXX
				decoded.WriteRune(rune(code))
			} else {
				decoded.WriteByte(byte(code))
			}
			i += length
			continue
		}
		decoded.WriteByte(text[i])
		i++
	}
	return lookAlikes().Replace(decoded.String())
}

// escapeAt reads an escape at the beginning of a text. length is 0 if there is none.
func escapeAt(text string) (code, length int) {
	digits := func(from, count int) (int, bool) {
		if len(text) < from+count {
			return 0, false
		}
		number := 0
		for _, c := range []byte(text[from : from+count]) {
			place := strings.IndexByte("0123456789abcdef", c|0x20)
			if place < 0 || c < '0' {
				return 0, false
			}
			number = number<<4 | place
		}
		return number, true
	}
	if text[0] != '%' {
		return 0, 0
	}
	if len(text) > 1 && text[1]|0x20 == 'u' {
		if code, ok := digits(2, 4); ok {
			return code, 6
		}
	}
	if code, ok := digits(1, 2); ok {
		return code, 3
	}
	return 0, 0
}

// UserPlaceholder is the one placeholder that there is, in the path of an address that
// ParseUserAddress reads.
const UserPlaceholder = "{user}"

// placeholderNames are the words that people put into an address where a value belongs.
const placeholderNames = `(user|username|user[_ -]?name|userid|user[_ -]?id|useremail|user[_ -]?email|email|mail|login|loginname|account|accountname|account[_ -]?name|accountid|account[_ -]?id|(new|old)[_ -]?password|password|upn|identity)`

// The expressions are looked at only where a text has what each needs: making them takes
// longer than the rest of what comes before the first connection.
var (
	// anyMarker is a name in brackets that are in no address by chance.
	anyMarker = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\{[^{}<>"':,/]*\}|<[^{}<>"'/]*>`)
	})
	// namedMarker is one of the names with some mark of a placeholder around it.
	namedMarker = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)^(\$\(?` + placeholderNames + `\)?|[:@]` + placeholderNames + `|\[` + placeholderNames + `\]|\(` + placeholderNames +
			`\)|%` + placeholderNames + `%|__?` + placeholderNames + `__?|\*` + placeholderNames + `\*|(?-i:YOUR[_-][A-Z][A-Z0-9_-]*))$`)
	})
	// bracedName is one of the names in the brackets of a placeholder.
	bracedName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(\{\s*[$.%]?` + placeholderNames + `\s*\}|<\s*` + placeholderNames + `\s*>|\$\(` + placeholderNames + `\))`)
	})
)

// HasPlaceholder reports whether a text that is no address, such as a part of a body, has a
// placeholder for the account or its password in it, as {user} or <username>.
func HasPlaceholder(text string) bool {
	return strings.ContainsAny(text, "{<$") && bracedName().MatchString(text)
}

// knownMarker finds UserPlaceholder, as people write it and as url.Parse escapes it.
var knownMarker = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(^|[^$#%{])(\{user\}|%7[Bb]user%7[Dd])($|[^}])`) })

// hasMarker reports whether a path or a query has a placeholder in it, of any name but
// UserPlaceholder.
func hasMarker(escapedPath, query string) bool {
	path, _ := decodedFully(withoutKnown(escapedPath))
	query, _ = decodedFully(withoutKnown(query))
	if strings.ContainsAny(path, "{}<>") || strings.ContainsAny(query, "{<") && anyMarker().MatchString(query) {
		return true
	}
	for _, segment := range strings.Split(path, "/") {
		if len(segment) > 1 && segment[0] == ':' && (unicode.IsLetter(rune(segment[1])) || segment[1] == '_') || isNamed(segment) {
			return true
		}
	}
	return slices.ContainsFunc(strings.Split(query, "&"), func(pair string) bool {
		_, value, _ := strings.Cut(pair, "=")
		return isNamed(value)
	})
}

// withoutKnown takes UserPlaceholder out of a text.
func withoutKnown(text string) string {
	if !strings.Contains(text, "user") {
		return text
	}
	return knownMarker().ReplaceAllString(text, "$1$3")
}

func isNamed(text string) bool {
	return text != "" && strings.IndexByte("$:@[(%_*Y", text[0]) >= 0 && namedMarker().MatchString(text)
}
