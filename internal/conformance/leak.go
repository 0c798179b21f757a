package conformance

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
)

// FindSecret returns how a secret stands in text ("raw", "base64"), or "" if it
// does not. It looks for each encoding by making it, which is another way than the
// scrubber's of reading them. Secrets of less than four bytes are not looked for: any
// text holds them.
func FindSecret(text, secret string) string {
	form, _ := Search(text, secret)
	return form
}

// Search is FindSecret, and returns also how many forms of the secret it looked for.
func Search(text, secret string) (found string, forms int) {
	if len(secret) < shortestSought {
		return "", 0
	}
	for _, form := range known.encodings(secret) {
		if len(form.text) < shortestSought {
			continue
		}
		if forms++; found == "" && strings.Contains(text, form.text) {
			found = form.name
		}
	}
	return found, forms
}

type encoding struct{ name, text string }

// mostKnown is how many secrets' encodings are kept.
const mostKnown = 500

// encoder keeps the encodings of secrets, since most are looked for in every run.
type encoder struct {
	mu   sync.Mutex
	made map[string][]encoding
}

var known = encoder{made: map[string][]encoding{}}

func (e *encoder) encodings(secret string) []encoding {
	e.mu.Lock()
	defer e.mu.Unlock()
	forms, ok := e.made[secret]
	if !ok {
		if len(e.made) == mostKnown {
			clear(e.made)
		}
		forms = encodings(secret)
		e.made[secret] = forms
	}
	return forms
}

func encodings(secret string) []encoding {
	forms := []encoding{
		{"raw", secret},
		{"escaped for a path", url.PathEscape(secret)},
		{"escaped for a query", url.QueryEscape(secret)},
		{"escaped for a query, %20", strings.ReplaceAll(url.QueryEscape(secret), "+", "%20")},
		{"escaped for a path, twice", url.PathEscape(url.PathEscape(secret))},
		{"escaped for a query, twice", url.QueryEscape(url.QueryEscape(secret))},
		{"escaped for HTML", html.EscapeString(secret)},
		{"quoted as Go does", strings.Trim(strconv.Quote(secret), `"`)},
		{"hexadecimal", hex.EncodeToString([]byte(secret))},
		{"hexadecimal, upper case", strings.ToUpper(hex.EncodeToString([]byte(secret)))},
	}
	for _, escapeHTML := range []bool{true, false} {
		once := inJSON(secret, escapeHTML)
		forms = append(forms, encoding{"escaped for JSON", once}, encoding{"escaped for JSON, twice", inJSON(once, escapeHTML)},
			encoding{"escaped for JSON in a query", url.QueryEscape(once)})
	}
	for shift := range 3 {
		// The characters that the bytes before and behind have no part in.
		shifted := append(make([]byte, shift), secret...)
		whole := len(shifted) / 3 * 4
		from := (shift*8 + 5) / 6
		for name, alphabet := range map[string]*base64.Encoding{"base64": base64.StdEncoding, "base64 for URLs": base64.URLEncoding} {
			if encoded := alphabet.EncodeToString(shifted); whole > from {
				forms = append(forms, encoding{name, encoded[from:whole]})
			}
		}
	}
	twice := base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(secret))))
	forms = append(forms,
		encoding{"base64, twice", strings.TrimRight(twice, "=")},
		encoding{"named entities", namedEntities().Replace(secret)},
		encoding{"escaped for LDAP", byteEscapes(secret, `\%02x`, "\\*()\x00")},
		encoding{"escaped for LDAP, upper case", byteEscapes(secret, `\%02X`, "\\*()\x00")},
		encoding{"octal", byteEscapes(secret, `\%03o`, `\"`)},
		encoding{"escaped as JavaScript's escape does", unitEscapes(secret)})
	var little, big []byte
	for _, unit := range utf16.Encode([]rune(secret)) {
		little = append(little, byte(unit), byte(unit>>8))
		big = append(big, byte(unit>>8), byte(unit))
	}
	return append(forms, encoding{"UTF-16", string(little)}, encoding{"UTF-16", string(big)})
}

// namedEntities is what PHP's htmlentities makes of what is usual in passwords.
var namedEntities = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "ä", "&auml;", "ö", "&ouml;", "ü", "&uuml;",
		"ß", "&szlig;", "é", "&eacute;", "€", "&euro;", "£", "&pound;", "§", "&sect;", "\u00a0", "&nbsp;")
})

// byteEscapes writes the bytes that are not visible ASCII, or are among special, in a form.
func byteEscapes(text, form, special string) string {
	var escaped strings.Builder
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || strings.IndexByte(special, c) >= 0 {
			fmt.Fprintf(&escaped, form, c)
		} else {
			escaped.WriteByte(c)
		}
	}
	return escaped.String()
}

// unitEscapes is JavaScript's escape.
func unitEscapes(text string) string {
	var escaped strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		switch {
		case unit > 0xff:
			fmt.Fprintf(&escaped, "%%u%04X", unit)
		case unit >= 'a' && unit <= 'z' || unit >= 'A' && unit <= 'Z' || unit >= '0' && unit <= '9' || strings.ContainsRune("@*_+-./", rune(unit)):
			escaped.WriteByte(byte(unit))
		default:
			fmt.Fprintf(&escaped, "%%%02X", unit)
		}
	}
	return escaped.String()
}

// inJSON returns a text as it stands between the quotes of a JSON string.
func inJSON(text string, escapeHTML bool) string {
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(escapeHTML)
	_ = encoder.Encode(text) // a text has a JSON form
	return strings.TrimSuffix(strings.TrimPrefix(quoted.String(), `"`), "\"\n")
}
