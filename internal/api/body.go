package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"pam-rotate-script/internal/secret"
)

// Body is what a request carries, as data; its bytes are made when it is sent.
// The zero Body is no body.
type Body struct {
	contentType string
	encode      func() ([]byte, error)
}

// Member is one name and value of an Object or a form.
type Member struct {
	Name  string
	Value any
}

// Object is a JSON object with its members in order. Values are Object, string,
// secret.Value, bool, int, json.Number, json.RawMessage, []any or nil.
type Object []Member

// RawJSON is a JSON text, sent as it is.
type RawJSON struct{ Text secret.Value }

// JSONBody carries one JSON value of the kinds that Object lists, in ASCII: a server that
// takes bodies for ISO-8859-1 reads the same as any other. A text that is not UTF-8 is an
// error when the request is sent: it could not arrive as it is.
func JSONBody(value any) Body {
	return Body{
		contentType: "application/json",
		encode: func() ([]byte, error) {
			encoded, err := appendJSON(nil, value)
			if err != nil {
				return nil, err
			}
			return toASCII(encoded)
		},
	}
}

// toASCII escapes every other character of a JSON text. Outside of strings there are none.
func toASCII(text []byte) ([]byte, error) {
	if !slices.ContainsFunc(text, func(b byte) bool { return b >= utf8.RuneSelf }) {
		return text, nil
	}
	if !utf8.Valid(text) {
		return nil, errNotUTF8
	}
	escaped := make([]byte, 0, len(text)+len(text)/2)
	for _, character := range string(text) {
		switch {
		case character < utf8.RuneSelf:
			escaped = append(escaped, byte(character))
		case character > 0xffff:
			high, low := utf16.EncodeRune(character)
			escaped = appendEscape(appendEscape(escaped, high), low)
		default:
			escaped = appendEscape(escaped, character)
		}
	}
	return escaped, nil
}

func appendEscape(out []byte, unit rune) []byte {
	const hex = "0123456789abcdef"
	return append(out, '\\', 'u', hex[unit>>12], hex[unit>>8&15], hex[unit>>4&15], hex[unit&15])
}

var errNotUTF8 = errors.New("a text is not UTF-8")

// FormBody carries members as application/x-www-form-urlencoded. Values are
// string or secret.Value.
func FormBody(members ...Member) Body {
	return Body{
		contentType: "application/x-www-form-urlencoded",
		encode: func() ([]byte, error) {
			var form bytes.Buffer
			for i, member := range members {
				if i > 0 {
					form.WriteByte('&')
				}
				text, ok := textOf(member.Value)
				if !ok {
					return nil, fmt.Errorf("form member %q is no text", member.Name)
				}
				form.WriteString(url.QueryEscape(member.Name) + "=" + url.QueryEscape(text))
			}
			return form.Bytes(), nil
		},
	}
}

func textOf(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case secret.Value:
		return value.Reveal(), true
	}
	return "", false
}

func appendJSON(out []byte, value any) ([]byte, error) {
	var err error
	switch value := value.(type) {
	case Object:
		out = append(out, '{')
		for i, member := range value {
			if i > 0 {
				out = append(out, ',')
			}
			if out, err = appendText(out, member.Name); err != nil {
				return nil, err
			}
			out = append(out, ':')
			if out, err = appendJSON(out, member.Value); err != nil {
				return nil, err
			}
		}
		return append(out, '}'), nil
	case []any:
		out = append(out, '[')
		for i, element := range value {
			if i > 0 {
				out = append(out, ',')
			}
			if out, err = appendJSON(out, element); err != nil {
				return nil, err
			}
		}
		return append(out, ']'), nil
	case string, secret.Value:
		text, _ := textOf(value)
		return appendText(out, text)
	case RawJSON:
		return append(out, value.Text.Reveal()...), nil
	case json.RawMessage:
		return append(out, value...), nil
	case nil, bool, int, json.Number:
		encoded, err := json.Marshal(value)
		return append(out, encoded...), err
	default:
		return nil, fmt.Errorf("a value of type %T cannot be sent as JSON", value)
	}
}

// appendText quotes text without the HTML escapes of encoding/json, which some
// servers take apart wrongly.
func appendText(out []byte, text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return nil, errNotUTF8
	}
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return nil, err
	}
	return append(out, bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))...), nil
}

// HeaderFault says why a value cannot be sent in a header unaltered, or "".
func HeaderFault(value secret.Value) string {
	text := value.Reveal()
	switch {
	case text == "":
		return "an empty text"
	case !utf8.ValidString(text):
		return "a text that is not UTF-8"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "a text with control characters"
	case strings.Trim(text, " ") != text:
		return "a text that begins or ends with a blank"
	}
	return ""
}
