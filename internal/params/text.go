package params

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const byteOrderMark = '\uFEFF'

// source is a text to decode, named as messages name it.
type source struct {
	subject string   // "payload" or "records"
	want    jsonType // what the JSON must be
}

func (s source) fault(hint, problem string, arguments ...any) *fault {
	return &fault{problem: s.subject + ": " + fmt.Sprintf(problem, arguments...), hint: hint}
}

// Hints that more than one fault gives.
const (
	hintWhole   = "pass on what the Gateway pipes in whole and unchanged, once"
	hintInspect = "the inspect command shows the shape of a payload without its values"
)

func (s source) twice() *fault {
	return s.fault(hintWhole, "there are two of them, one is needed")
}

func (s source) trailing() *fault {
	return s.fault(hintWhole, "something follows the end of the JSON")
}

func (s source) wrongType(found jsonType) *fault {
	return s.fault(hintInspect, "the JSON is %s, %s is needed", found.withArticle(), s.want.withArticle())
}

// toText turns the bytes of stdin into text: UTF-16 is told by its byte order
// mark, or by the zero byte that every ASCII character has in it.
func toText(raw string) (string, *fault) {
	var order binary.ByteOrder
	switch {
	case strings.HasPrefix(raw, "\xFF\xFE"):
		order, raw = binary.LittleEndian, raw[2:]
	case strings.HasPrefix(raw, "\xFE\xFF"):
		order, raw = binary.BigEndian, raw[2:]
	case len(raw) >= 2 && raw[0] != 0 && raw[1] == 0:
		order = binary.LittleEndian
	case len(raw) >= 2 && raw[0] == 0 && raw[1] != 0:
		order = binary.BigEndian
	default:
		return raw, nil
	}
	payload := source{subject: "payload"}
	const hint = "let the pipe write UTF-8, in PowerShell with $OutputEncoding"
	if len(raw)%2 != 0 {
		return "", payload.fault(hint, "the UTF-16 text has an odd number of bytes")
	}
	var text strings.Builder
	text.Grow(len(raw) / 2)
	for i := 0; i < len(raw); i += 2 {
		unit := order.Uint16([]byte{raw[i], raw[i+1]})
		character := rune(unit)
		if utf16.IsSurrogate(character) {
			if i += 2; i < len(raw) {
				character = utf16.DecodeRune(character, rune(order.Uint16([]byte{raw[i], raw[i+1]})))
			}
			if i >= len(raw) || character == utf8.RuneError {
				return "", payload.fault(hint, "the UTF-16 text has half of a surrogate pair")
			}
		}
		text.WriteRune(character)
	}
	return text.String(), nil
}

// isPadding reports whether character may stand around a payload: blanks, what nobody sees, such as a
// byte order mark, and the ends of files and texts (control-Z and the zero character).
func isPadding(character rune) bool {
	return unicode.IsSpace(character) || isInvisible(character) || character == 0 || character == 0x1a || character == 0x04
}

// withoutMark takes off what another encoding has made of a byte order mark at the beginning: three
// letters or signs outside of ASCII, or as many question marks. No payload begins with such.
func withoutMark(text string) string {
	rest := text
	for range 3 {
		first, size := utf8.DecodeRuneInString(rest)
		if first != '?' && first < utf8.RuneSelf {
			return text
		}
		rest = rest[size:]
	}
	return rest
}

// isBlank reports whether text is nothing but padding and quotes.
func isBlank(text string) bool {
	return strings.TrimFunc(text, func(c rune) bool { return isPadding(c) || c == '"' || c == '\'' }) == ""
}

// unwrap takes blanks, byte order marks and pairs of quotes off both ends and
// returns the offset at which the rest begins in text.
func unwrap(text string) (string, int) {
	start, end := 0, len(text)
	for {
		inner := strings.TrimLeftFunc(text[start:end], isPadding)
		start = end - len(inner)
		inner = strings.TrimRightFunc(inner, isPadding)
		end = start + len(inner)
		if len(inner) < 2 || (inner[0] != '"' && inner[0] != '\'') || inner[len(inner)-1] != inner[0] {
			return inner, start
		}
		start, end = start+1, end-1
	}
}

// decode reads the one JSON value that text holds, plain or as base64.
func (s source) decode(text string) (node, *fault) {
	inner, offset := unwrap(text)
	if plain := withoutMark(inner); plain != inner {
		offset += len(inner) - len(plain)
		inner = plain
	}
	if strings.HasPrefix(inner, "{") || strings.HasPrefix(inner, "[") {
		value, end, err := parseFirst(inner)
		if err != nil {
			return node{}, s.parseFault(err)
		}
		if rest := inner[end:]; strings.TrimFunc(rest, isPadding) != "" {
			return node{}, s.restFault(rest)
		}
		return s.typed(value)
	}

	decoded := decodeBase64(inner)
	if wide, f := toText(decoded.content); f == nil && wide != decoded.content && decoded.complete {
		return s.decodeWide(strings.TrimFunc(wide, isPadding))
	}
	position := utf8.RuneCountInString(text[:offset]) + utf8.RuneCountInString(inner[:decoded.stop]) + 1
	content := strings.TrimPrefix(decoded.content, string(byteOrderMark))
	skipped := len(decoded.content) - len(content)
	value, end, err := parseFirst(content)
	if err == nil && value.inner == nil && strings.TrimFunc(content[end:], isPadding) != "" {
		err = errMalformed // a word or a number by chance
	}
	if err == nil {
		for end < len(content) && isJSONSpace(content[end]) {
			end++
		}
		if end < len(content) || !decoded.complete {
			if next, _, err := parseFirst(content[end:]); err == nil && next.kind == s.want {
				return node{}, s.twice()
			}
			return node{}, s.restFault(afterBytes(inner, end+skipped))
		}
		return s.typed(value)
	}
	if !decoded.complete {
		if decoded.stop == len(inner) {
			return node{}, s.fault(hintWhole, "the base64 text is cut short")
		}
		return node{}, s.fault(hintWhole, "not base64, the first wrong character is at position %d", position)
	}
	if start := strings.TrimFunc(content, isPadding); !strings.HasPrefix(start, "{") && !strings.HasPrefix(start, "[") {
		return node{}, s.fault(hintWhole, "the base64 text does not hold JSON")
	}
	return node{}, s.parseFault(err)
}

// decodeWide reads the JSON that base64 of UTF-16 holds, as PowerShell makes it of a text.
func (s source) decodeWide(content string) (node, *fault) {
	value, end, err := parseFirst(content)
	switch {
	case !strings.HasPrefix(content, "{") && !strings.HasPrefix(content, "["):
		return node{}, s.fault(hintWhole, "the base64 text does not hold JSON")
	case err != nil:
		return node{}, s.parseFault(err)
	case strings.TrimFunc(content[end:], isPadding) != "":
		return node{}, s.restFault(content[end:])
	}
	return s.typed(value)
}

func (s source) typed(value node) (node, *fault) {
	if value.kind != s.want {
		return node{}, s.wrongType(value.kind)
	}
	return value, nil
}

// restFault says what rest is that follows a complete value.
func (s source) restFault(rest string) *fault {
	inner, _ := unwrap(rest)
	if !strings.HasPrefix(inner, "{") && !strings.HasPrefix(inner, "[") {
		inner = strings.TrimFunc(decodeBase64(inner).content, isPadding)
	}
	if value, _, err := parseFirst(inner); err == nil && value.kind == s.want {
		return s.twice()
	}
	return s.trailing()
}

func (s source) parseFault(err error) *fault {
	switch {
	case errors.Is(err, errCutShort):
		return s.fault(hintWhole, "the JSON is cut short")
	case errors.Is(err, errDepth):
		return s.fault(hintInspect, "lists and objects are nested deeper than %d levels", maxDepth)
	case errors.Is(err, errValues):
		return s.fault(hintInspect, "there are more than %d values", maxValues)
	case errors.Is(err, errEncoding):
		return s.fault("let the JSON be written as UTF-8", "the JSON is not UTF-8")
	case errors.Is(err, errSurrogate):
		return s.fault("write the character as UTF-8, or with both of its escapes",
			`the JSON has a \u escape that is half of a surrogate pair, so a text would not arrive as it was sent`)
	default:
		return s.fault(hintWhole, "the text begins like JSON, but is not")
	}
}

func isJSONSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// base64Text is what decodeBase64 made of a text.
type base64Text struct {
	content  string // all bytes up to stop
	stop     int    // offset of the first character that is wrong there, or the length of the text
	complete bool   // the whole text is base64
}

// decodeBase64 decodes text up to the first character that cannot be base64.
// Either alphabet will do, padding may be missing, white space is skipped.
func decodeBase64(text string) base64Text {
	clean := make([]byte, 0, len(text))
	stop := len(text)
scan:
	for i, character := range text {
		switch {
		case character >= 'A' && character <= 'Z', character >= 'a' && character <= 'z',
			character >= '0' && character <= '9', character == '+', character == '/':
			clean = append(clean, byte(character))
		case character == '-':
			clean = append(clean, '+')
		case character == '_':
			clean = append(clean, '/')
		case unicode.IsSpace(character):
		default:
			stop = i
			break scan
		}
	}

	result := base64Text{stop: stop, complete: len(clean)%4 != 1 && len(clean) > 0}
	if stop < len(text) {
		result.stop, result.complete = padding(text, stop, len(clean))
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1] // six bits are no byte
	}
	// It cannot fail: nothing but whole bytes in the one alphabet is left.
	length, _ := base64.RawStdEncoding.Decode(clean, clean)
	result.content = string(clean[:length])
	return result
}

// padding reads the "=" at the end of a text of count base64 characters and
// returns the offset of the first character that does not belong there.
func padding(text string, start, count int) (stop int, complete bool) {
	allowed := 0
	if count%4 >= 2 {
		allowed = 4 - count%4
	}
	for i, character := range text[start:] {
		switch {
		case unicode.IsSpace(character):
		case character == '=' && allowed > 0:
			allowed--
		default:
			return start + i, false
		}
	}
	return len(text), true
}

// afterBytes returns what follows the base64 characters, and their padding, that
// stand for the first count bytes of text.
func afterBytes(text string, count int) string {
	characters := (count*4 + 2) / 3
	for i, character := range text {
		switch {
		case unicode.IsSpace(character):
		case characters > 0:
			characters--
		case character != '=':
			return text[i:]
		}
	}
	return ""
}
