package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	"pam-rotate-script/internal/secret"
)

// hostile are secrets that encoders change, or that look like something else.
var hostile = []string{
	"plain-Passw0rd",
	"four",
	`quo"te'and\back/slash`,
	`<b>&amp;"x"</b>`,
	"100%+1 %41 a=b&c=d",
	" leading and trailing ",
	"line\nfeed\ttab\r\x00\x7f",
	"pässwörd-пароль-密码",
	"key 🔑 and 👩‍👩‍👧",
	"separators\u2028\u2029\u00a0",
	strings.Repeat(`aB3$%&"\`, 16),
	`\\\\`,
	`\u0041\n`,
	"not \xff\xfe utf-8 \xc3",
	`","level":"x`,
	"????>>>>~~~~",
	"]abc",
	"[secret]x",
	"secret",
	"withheld",
	"0123456789",
	"two  blanks, then   three",
	"a=1&b=%41  +%2B+",
}

// encoding is a way in which a secret can get into a text.
type encoding struct {
	name   string
	encode func(secret string) string
}

// htmlEntities writes the characters that have names with them.
func htmlEntities(s string) string {
	names := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "ä", "&auml;", "ö", "&ouml;", "é", "&eacute;", "\u00a0", "&nbsp;")
	return names.Replace(s)
}

// numbered writes what is not ASCII or is in special, byte by byte.
func numbered(s, form, special string) string {
	var text strings.Builder
	for _, b := range []byte(s) {
		if b < ' ' || b > '~' || strings.IndexByte(special, b) >= 0 {
			fmt.Fprintf(&text, form, b)
		} else {
			text.WriteByte(b)
		}
	}
	return text.String()
}

// escapeOf is JavaScript's old function.
func escapeOf(s, form string) string {
	var text strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		switch {
		case unit > 0xff:
			fmt.Fprintf(&text, form, unit)
		case unit < 0x80 && (unit >= '0' && unit <= '9' || unit >= 'a' && unit <= 'z' || unit >= 'A' && unit <= 'Z' || strings.ContainsRune("@*_+-./", rune(unit))):
			text.WriteByte(byte(unit))
		case unit < 0x80:
			fmt.Fprintf(&text, "%%%02X", unit)
		default:
			fmt.Fprintf(&text, form, unit) // as %u00e4 is what ASP writes
		}
	}
	return text.String()
}

// encodings are made with the standard library, or by hand where it has none.
var encodings = []encoding{
	{"raw", func(s string) string { return s }},
	{"JSON", func(s string) string { return inJSON(s, true) }},
	{"JSON without HTML escapes", func(s string) string { return inJSON(s, false) }},
	{"JSON in ASCII", func(s string) string { return inASCII(s, `\u%04x`) }},
	{"JSON in upper-case ASCII", func(s string) string { return inASCII(s, `\u%04X`) }},
	{"JSON with escaped slashes", func(s string) string { return strings.ReplaceAll(inJSON(s, false), "/", `\/`) }},
	{"JSON in JSON", func(s string) string { return inJSON(inJSON(s, true), true) }},
	{"JSON without HTML escapes in the same", func(s string) string { return inJSON(inJSON(s, false), false) }},
	{"Go", func(s string) string { return unquoted(strconv.Quote(s)) }},
	{"Go in ASCII", func(s string) string { return unquoted(strconv.QuoteToASCII(s)) }},
	{"Go in JSON", func(s string) string { return inJSON(unquoted(strconv.Quote(s)), true) }},
	{"PHP's htmlentities", htmlEntities},
	{"htmlentities in JSON", func(s string) string { return inJSON(htmlEntities(s), false) }},
	{"LDAP filter", func(s string) string { return numbered(s, `\%02x`, "\\*()\x00") }},
	{"LDAP filter in upper case, in JSON", func(s string) string { return inJSON(numbered(s, `\%02X`, "\\*()\x00"), false) }},
	{"LDAP, every byte", func(s string) string { return numbered(s, `\%02x`, s) }},
	{"octal", func(s string) string { return numbered(s, `\%03o`, "\\\"") }},
	{"octal, every byte", func(s string) string { return numbered(s, `\%03o`, s) }},
	{"JavaScript's escape", func(s string) string { return escapeOf(s, "%%u%04X") }},
	{"the same in lower case", func(s string) string { return escapeOf(s, "%%u%04x") }},
	{"base64 twice", func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s))))
	}},
	{"base64 of a pair, twice", func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte("x" + base64.StdEncoding.EncodeToString([]byte("jane:"+s+"."))))
	}},
	{"base64 in lines, twice", func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(inLines(base64.StdEncoding.EncodeToString([]byte("xy"+s)), 5, "\r\n")))
	}},
	{"URL path", url.PathEscape},
	{"URL query", url.QueryEscape},
	{"form", func(s string) string { return strings.TrimPrefix(url.Values{"k": {s}}.Encode(), "k=") }},
	{"RFC 3986", func(s string) string { return percent(s, "%%%02X") }},
	{"RFC 3986 in lower case", func(s string) string { return percent(s, "%%%02x") }},
	{"URL query in JSON", func(s string) string { return inJSON(url.QueryEscape(s), true) }},
	{"URL path, twice", func(s string) string { return url.PathEscape(url.PathEscape(s)) }},
	{"URL query, twice", func(s string) string { return url.QueryEscape(url.QueryEscape(s)) }},
	{"URL query in a URL path", func(s string) string { return url.PathEscape(url.QueryEscape(s)) }},
	{"URL path in a URL query", func(s string) string { return url.QueryEscape(url.PathEscape(s)) }},
	{"RFC 3986, twice", func(s string) string { return percent(percent(s, "%%%02x"), "%%%02X") }},
	{"URL query, twice, in JSON", func(s string) string { return inJSON(url.QueryEscape(url.QueryEscape(s)), true) }},
	{"JSON in a URL query, twice", func(s string) string { return url.QueryEscape(url.QueryEscape(inJSON(s, true))) }},
	{"JSON in a URL query", func(s string) string { return url.QueryEscape(inJSON(s, true)) }},
	{"HTML", html.EscapeString},
	{"HTML with names", func(s string) string {
		return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace(s)
	}},
	{"HTML with hexadecimal numbers", func(s string) string {
		return strings.NewReplacer("&", "&#x26;", "<", "&#x3C;", ">", "&#x3e;", `"`, "&#X22;", "'", "&#x27;").Replace(s)
	}},
	{"HTML in JSON", func(s string) string { return inJSON(html.EscapeString(s), true) }},
	{"JSON in HTML", func(s string) string { return html.EscapeString(inJSON(s, false)) }},
	{"XML", func(s string) string {
		var out bytes.Buffer
		_ = xml.EscapeText(&out, []byte(strings.ToValidUTF8(s, "")))
		if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n", r) }) && strings.ToValidUTF8(s, "") == s {
			return out.String()
		}
		return s // XML has no way to write it
	}},
	{"hexadecimal", func(s string) string { return hex.EncodeToString([]byte(s)) }},
	{"upper-case hexadecimal", func(s string) string { return fmt.Sprintf("%X", s) }},
	{"hexadecimal with blanks", func(s string) string { return fmt.Sprintf("% x", s) }},
	{"hexadecimal with colons", func(s string) string { return strings.ReplaceAll(fmt.Sprintf("% X", s), " ", ":") }},
	{"hexadecimal with dashes", func(s string) string { return strings.ReplaceAll(fmt.Sprintf("% X", s), " ", "-") }},
	{"hexadecimal with colons, in lines", func(s string) string {
		return inLines(strings.ReplaceAll(fmt.Sprintf("% x", s), " ", ":"), 45, "\n    ")
	}},
	{"hexadecimal with blanks, in a URL", func(s string) string { return url.PathEscape(fmt.Sprintf("% x", s)) }},
	{"hexadecimal of JSON", func(s string) string { return hex.EncodeToString([]byte(`{"k":"` + inJSON(s, true) + `"}`)) }},
	{"hexadecimal of JSON, with blanks", func(s string) string { return fmt.Sprintf("% X", inJSON(s, false)) }},
	{"hexadecimal with commas", func(s string) string { return strings.ReplaceAll(fmt.Sprintf("% x", s), " ", ", ") }},
	{"hexadecimal of UTF-16 little-endian", func(s string) string { return hex.EncodeToString([]byte(inUTF16(s, binary.LittleEndian))) }},
	{"hexadecimal of UTF-16 big-endian, with blanks", func(s string) string { return fmt.Sprintf("% X", inUTF16(s, binary.BigEndian)) }},
	{"one blank for each run of blanks", func(s string) string { return blanks.ReplaceAllString(s, " ") }},
	{"one blank for all white space", func(s string) string { return whiteSpace.ReplaceAllString(s, " ") }},
	{"one blank for all white space, in base64", func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(whiteSpace.ReplaceAllString(s, " ")))
	}},
	{"UTF-16 little-endian", func(s string) string { return inUTF16(s, binary.LittleEndian) }},
	{"UTF-16 big-endian", func(s string) string { return inUTF16(s, binary.BigEndian) }},
}

func init() {
	base64s := []struct {
		name     string
		encoding *base64.Encoding
	}{
		{"base64", base64.StdEncoding},
		{"unpadded base64", base64.RawStdEncoding},
		{"URL base64", base64.URLEncoding},
		{"unpadded URL base64", base64.RawURLEncoding},
	}
	for _, base := range base64s {
		in := func(s string) string { return base.encoding.EncodeToString([]byte(s)) }
		encodings = append(encodings,
			encoding{base.name, in},
			encoding{base.name + " at offset 1", func(s string) string { return in(":" + s + "~") }},
			encoding{base.name + " at offset 2", func(s string) string { return in("\x00\xff" + s + "\xff\x00") }},
			encoding{base.name + " of a login", func(s string) string { return in("jdoe@example.com:" + s) }},
			encoding{base.name + " of JSON", func(s string) string { return in(`{"k":"` + inJSON(s, true) + `"}`) }},
			encoding{base.name + " of a form", func(s string) string { return in(url.Values{"k": {s}, "l": {"x"}}.Encode()) }},
			encoding{base.name + " of a URL path", func(s string) string { return in("/a/" + url.PathEscape(s) + "?b") }},
			encoding{base.name + " of RFC 3986", func(s string) string { return in(percent(s, "%%%02x")) }},
			encoding{base.name + " in lines", func(s string) string { return inLines(in(long+s+long), 76, "\r\n") }},
			encoding{base.name + " at offset 1, in short lines", func(s string) string { return inLines(in(":"+s+"~"), 3, "\n") }},
			encoding{base.name + " at offset 2, in indented lines", func(s string) string { return inLines(in("::"+s), 5, "\n\t  ") }},
			encoding{base.name + " in lines, in a URL", func(s string) string { return url.QueryEscape(inLines(in(long+s), 76, "\r\n")) }},
			encoding{base.name + " of a form, in lines", func(s string) string { return inLines(in(long+url.QueryEscape(s)), 64, "\n") }},
			encoding{base.name + " in JSON", func(s string) string { return strings.ReplaceAll(inJSON(in(s), true), "/", `\/`) }},
			encoding{base.name + " in a URL", func(s string) string { return url.QueryEscape(in(s)) }},
			encoding{base.name + " of UTF-16 little-endian", func(s string) string { return in(inUTF16(s, binary.LittleEndian)) }},
			encoding{base.name + " of UTF-16 big-endian", func(s string) string { return in("<" + inUTF16(s, binary.BigEndian)) }},
		)
	}
}

// long fills the first line of base64 so far that a secret behind it goes on in
// the second.
var long = strings.Repeat("x", 55)

var (
	blanks     = regexp.MustCompile(" +")
	whiteSpace = regexp.MustCompile(`[ \t\r\n\f]+`)
)

// inLines breaks s into lines of so many bytes.
func inLines(s string, width int, end string) string {
	var out strings.Builder
	for ; len(s) > width; s = s[width:] {
		out.WriteString(s[:width] + end)
	}
	return out.String() + s
}

func inJSON(s string, escapeHTML bool) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(escapeHTML)
	if err := encoder.Encode(s); err != nil {
		panic(err)
	}
	return unquoted(strings.TrimSuffix(out.String(), "\n"))
}

func unquoted(s string) string { return s[1 : len(s)-1] }

// inASCII writes the inner part of a JSON string as Python's json.dumps does.
func inASCII(s, format string) string {
	var out strings.Builder
	for _, c := range utf16.Encode([]rune(s)) {
		if c >= 0x7f {
			fmt.Fprintf(&out, format, c)
		} else {
			out.WriteString(inJSON(string(rune(c)), false))
		}
	}
	return out.String()
}

func percent(s, format string) string {
	var out strings.Builder
	for _, c := range []byte(s) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, format, c)
		}
	}
	return out.String()
}

func inUTF16(s string, order binary.AppendByteOrder) string {
	var out []byte
	for _, c := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, c)
	}
	return string(out)
}

// withoutMarks takes out what a Scrubber puts in place of secrets, so that the
// secret "secret" is not found in it. What stood before a mark and what stood
// behind it stay apart.
var withoutMarks = strings.NewReplacer(secret.Mask, "\x01\x02", "[withheld]", "\x01\x02").Replace

var base64Text = regexp.MustCompile(`[A-Za-z0-9+/_-]+`)

// shows reports whether text has the secret in the encoding, or in base64.
func shows(text, hidden string, encode func(string) string) bool {
	text = withoutMarks(text)
	if strings.Contains(text, hidden) || strings.Contains(text, encode(hidden)) {
		return true
	}
	for _, digits := range base64Text.FindAllString(text, -1) {
		digits = strings.NewReplacer("-", "+", "_", "/").Replace(digits)
		for range 4 {
			whole := digits
			if len(whole)%4 == 1 {
				whole = whole[:len(whole)-1]
			}
			decoded, err := base64.RawStdEncoding.DecodeString(whole)
			if err != nil {
				panic(err)
			}
			for _, form := range []string{hidden, inUTF16(hidden, binary.LittleEndian), inUTF16(hidden, binary.BigEndian)} {
				if bytes.Contains(decoded, []byte(form)) {
					return true
				}
			}
			if digits == "" {
				break
			}
			digits = digits[1:]
		}
	}
	return false
}
