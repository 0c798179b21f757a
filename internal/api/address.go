package api

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"pam-rotate-script/internal/secret"
)

// Address is where a vendor's calls go, taken apart: always https.
type Address struct {
	// Host is the host name or IP address, with the port if one was given
	// ("tpp.example.com:8443", "[fd00::1]").
	Host string
	// EscapedPath is the path as it was written, percent-encoded, or "".
	EscapedPath string
	// Query is what followed the question mark, without it.
	Query secret.Value
	// InPage reports that a fragment went on like a path ("#/users"): a page's own script
	// reads such a one, and no API.
	InPage bool
}

// ParseAddress takes apart an address as people type it: "host", "host:port" or
// an https URL, with outer blanks. The error says what is wrong without quoting
// the text, so that it can be shown beside the field's label. A scheme other
// than https, user information, a dot segment, and a placeholder, which nobody would
// fill in, are the operator's mistakes; a fragment is dropped.
func ParseAddress(text string) (Address, error) {
	address, err := ParseUserAddress(text)
	if err == nil && (strings.Contains(address.decoded(), UserPlaceholder)) {
		err = errors.New("a URL with a placeholder in it, which nothing fills in here")
	}
	return address, err
}

// leadsOn reports whether a query holds the address that a link is really about.
func leadsOn(query string) bool {
	for range 3 { // links are put into links
		if lower := strings.ToLower(query); strings.Contains(lower, "https://") || strings.Contains(lower, "http://") {
			return true
		}
		plain, err := url.PathUnescape(query)
		if err != nil || plain == query {
			break
		}
		query = plain
	}
	return false
}

// ParseUserAddress is ParseAddress for an address in which UserPlaceholder stands for the
// user. Where that may stand, and whether it has to, the caller says.
func ParseUserAddress(text string) (Address, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Address{}, errors.New("an empty text")
	}
	path, query, _ := strings.Cut(text, "?")
	lower := strings.ToLower(text)
	switch {
	case strings.Count(path, "://") > 1, strings.ContainsFunc(path, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return Address{}, errors.New("a text with blanks, with characters that nobody sees, or with several addresses in it")
	case leadsOn(query):
		return Address{}, errors.New("a link that leads on to another address, as mail programs and searches make them of one")
	case !strings.Contains(path, "://") && (strings.HasPrefix(lower, "https:/") || strings.HasPrefix(lower, "http:/")):
		return Address{}, errors.New("a URL without the two slashes behind the https: in front of it")
	}
	// Go puts a bare host into the path and refuses "host:port", so the scheme
	// goes in front before parsing.
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	parsed, err := url.Parse(text)
	if err != nil {
		return Address{}, errors.New("a text that is no URL")
	}
	switch {
	case strings.EqualFold(parsed.Scheme, "http"):
		return Address{}, errors.New("an http address, which would send the credential in clear")
	case !strings.EqualFold(parsed.Scheme, "https"):
		return Address{}, errors.New("a URL that is not https")
	case parsed.User != nil:
		return Address{}, errors.New("a URL with a user name or password in it")
	case parsed.Hostname() == "":
		return Address{}, errors.New("a URL without a host")
	case strings.ContainsFunc(parsed.Host, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return Address{}, errors.New("a URL with blanks in its host")
	case mixesAlphabets(parsed.Host):
		return Address{}, errors.New("a URL whose host mixes letters of several alphabets that look alike")
	case !utf8.ValidString(parsed.Host), strings.ContainsFunc(parsed.Host, noHost), strings.Contains(parsed.Host, "%") && parsed.Host[0] != '[':
		return Address{}, errors.New("a URL with characters in its host that no host has")
	}
	if port := parsed.Port(); port != "" {
		if number, err := strconv.Atoi(port); err != nil || number < 1 || number > 65535 {
			return Address{}, errors.New("a URL with a port out of range")
		}
	}
	address := Address{
		Host:        strings.TrimSuffix(parsed.Host, ":"),
		EscapedPath: parsed.EscapedPath(),
		Query:       secret.New(parsed.RawQuery),
		InPage:      strings.HasPrefix(strings.TrimPrefix(parsed.Fragment, "!"), "/"),
	}
	switch {
	case hasMarker(address.EscapedPath, parsed.RawQuery), hasMarker("", parsed.Fragment), strings.Contains(parsed.Fragment, UserPlaceholder):
		return Address{}, errors.New("a URL with a placeholder that is not known: none but {user} is, in lower case")
	case HasDotSegment(address.EscapedPath):
		return Address{}, errors.New("a URL with \".\" or \"..\" in its path")
	}
	return address, nil
}

// Path is the path without its encoding, however often it is encoded.
func (a Address) Path() string {
	text, _ := decodedFully(a.EscapedPath)
	return text
}

// decoded is the path and the query without their encoding.
func (a Address) decoded() string {
	text, _ := decodedFully(a.EscapedPath + "?" + a.Query.Reveal())
	return text
}

// noHost reports whether a character can be in no host name of any alphabet, nor in an IP
// address with a zone.
func noHost(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune("-._:[]%", r)
}

// mixesAlphabets reports whether letters of Latin, Greek and Cyrillic stand in one label of a
// host: no registry gives out such a name, and it looks like another one.
func mixesAlphabets(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		found := map[*unicode.RangeTable]bool{}
		for _, r := range label {
			for _, script := range []*unicode.RangeTable{unicode.Latin, unicode.Greek, unicode.Cyrillic} {
				if unicode.Is(script, r) {
					found[script] = true
				}
			}
		}
		if len(found) > 1 {
			return true
		}
	}
	return false
}

const (
	// longSegment is how long, in bytes, a segment of an address's path must be to be taken
	// for a secret, as those of webhooks are; shorter ones are words.
	longSegment = 16
	// longValue is the same of a value in its query.
	longValue = 8
)

// SealAddress makes known to the scrubber what is likely to be a secret in an address, as it
// is written there and as it is meant, so that it is found in whatever encoding.
func (c *Client) SealAddress(address Address) {
	seal := func(written string, long int, decode func(string) (string, error)) {
		meant, err := decode(written)
		if err != nil {
			meant = written
		}
		if len(meant) >= long {
			c.Seal(meant)
			if meant != written {
				c.Seal(written)
			}
		}
	}
	for _, segment := range strings.Split(address.EscapedPath, "/") {
		seal(segment, longSegment, url.PathUnescape)
	}
	for _, pair := range strings.FieldsFunc(address.Query.Reveal(), func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, found := strings.Cut(pair, "=")
		if !found {
			value = name
		}
		seal(value, longValue, url.QueryUnescape)
		seal(value, longValue, url.PathUnescape)
	}
}

// Hostname returns Host in lower case without a port and without brackets.
func (a Address) Hostname() string {
	return strings.ToLower((&url.URL{Host: a.Host}).Hostname())
}

// Path is the path of one request, with what may be printed of it.
type Path struct {
	template string
	escaped  string
	query    secret.Value
}

// NewPath fills the {placeholders} of a template with one escaped segment each,
// in order: NewPath("/tm-api/agent/{email}", "a@b.c") is sent as
// /tm-api/agent/a%40b.c and printed as its template. A placeholder is a whole
// segment. A value that cannot be one segment is an error that does not quote
// it: empty, "." or "..", with control characters, or not UTF-8. A wrong number of
// values panics.
func NewPath(template string, values ...string) (Path, error) {
	path := Path{template: template}
	segments := strings.Split(template, "/")
	for i, segment := range segments {
		if !strings.HasPrefix(segment, "{") || !strings.HasSuffix(segment, "}") {
			continue
		}
		if len(values) == 0 {
			panic("api: too few values for path " + template)
		}
		if fault := SegmentFault(values[0]); fault != "" {
			return Path{}, fmt.Errorf("%s cannot be sent as a part of the path: it is %s", strings.Trim(segment, "{}"), fault)
		}
		segments[i], values = EscapeSegment(values[0]), values[1:]
	}
	if len(values) > 0 {
		panic("api: too many values for path " + template)
	}
	path.escaped = strings.Join(segments, "/")
	return path, nil
}

// FixedPath is a path without placeholders, sent and printed as it is.
func FixedPath(path string) Path { return Path{template: path, escaped: path} }

// FieldPath is a path that an operator wrote into a field, already escaped. It is
// a field's value, so label is printed in its place.
func FieldPath(label, escaped string, query secret.Value) Path {
	return Path{template: label, escaped: escaped, query: query}
}

// Below returns the path with an escaped prefix in front that an operator wrote
// into a field and that is therefore not printed.
func (p Path) Below(prefix string) Path {
	p.escaped = prefix + p.escaped
	return p
}

// String returns the template, which is safe to print.
func (p Path) String() string { return p.template }

// EscapeSegment percent-encodes everything outside RFC 3986's unreserved
// characters, so that any text is one segment of a path.
func EscapeSegment(value string) string {
	const hex = "0123456789ABCDEF"
	var escaped strings.Builder
	for i := range len(value) {
		switch c := value[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~':
			escaped.WriteByte(c)
		default:
			escaped.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return escaped.String()
}

// escapeQuery percent-encodes what no query can hold (RFC 3986), as people type it
// into a field: a blank would end the request's first line early. What is encoded stays so.
func escapeQuery(query string) string {
	const hex = "0123456789ABCDEF"
	var escaped strings.Builder
	for i := range len(query) {
		switch c := query[i]; {
		case c <= ' ', c >= 0x7f, strings.IndexByte("\"#<>\\^`{|}", c) >= 0:
			escaped.Write([]byte{'%', hex[c>>4], hex[c&15]})
		default:
			escaped.WriteByte(c)
		}
	}
	return escaped.String()
}
