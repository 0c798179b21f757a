package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Type is a JSON type as [Field] demands it.
type Type string

// The types of JSON, and the one that holds any value, null among them.
const (
	String Type = "string"
	Number Type = "number"
	Bool   Type = "boolean"
	Object Type = "object"
	Array  Type = "array"
	Any    Type = "any"
)

// Field is a key that a JSON object may have. The zero Type holds nothing.
type Field struct {
	// Name is the key, with case.
	Name string
	// Type is the type of the value; null passes as Any alone.
	Type Type
	// Optional says that the key may be left out.
	Optional bool
}

func (t Type) holds(value any) bool {
	switch value.(type) {
	case string:
		return t == String || t == Any
	case json.Number:
		return t == Number || t == Any
	case bool:
		return t == Bool || t == Any
	case map[string]any:
		return t == Object || t == Any
	case []any:
		return t == Array || t == Any
	default:
		return t == Any
	}
}

// decodeJSON decodes one JSON text. What changes or hides a value and what parsers
// therefore judge differently it tells as doubts: bytes that are not UTF-8, half a
// surrogate pair, and a key that occurs twice.
func decodeJSON(text []byte) (value any, doubts []string, err error) {
	if !json.Valid(text) {
		return nil, nil, errors.New("the text is not JSON")
	}
	if !utf8.Valid(text) {
		doubts = append(doubts, "the text is not UTF-8")
	}
	if loneSurrogate(text) {
		doubts = append(doubts, "a string has half a surrogate pair")
	}
	if keyTwice(json.NewDecoder(bytes.NewReader(text))) {
		doubts = append(doubts, "a key occurs twice in one object")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, nil, errors.New("the text is not JSON")
	}
	return value, doubts, nil
}

// keyTwice reports whether an object of the next value, which is valid, has a key twice.
func keyTwice(decoder *json.Decoder) bool {
	token, err := decoder.Token()
	if err != nil {
		return false
	}
	twice := false
	switch token {
	case json.Delim('{'):
		keys := make(map[json.Token]bool)
		for decoder.More() {
			key, err := decoder.Token()
			if err != nil {
				return twice
			}
			twice = twice || keys[key]
			keys[key] = true
			twice = keyTwice(decoder) || twice
		}
	case json.Delim('['):
		for decoder.More() {
			twice = keyTwice(decoder) || twice
		}
	default:
		return false
	}
	// The closing bracket.
	_, _ = decoder.Token()
	return twice
}

// loneSurrogate reports whether a valid JSON text has an escape for one half of a
// surrogate pair without the other.
func loneSurrogate(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		first, ok := escapedUnit(text, i-1)
		if !ok || !utf16.IsSurrogate(first) {
			continue
		}
		second, ok := escapedUnit(text, i+5)
		if !ok || utf16.DecodeRune(first, second) == utf8.RuneError {
			return true
		}
		i += 10
	}
	return false
}

// escapedUnit returns the UTF-16 unit of the escape \uXXXX at position at.
func escapedUnit(text []byte, at int) (rune, bool) {
	if at+6 > len(text) || text[at] != '\\' || text[at+1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(text[at+2:at+6]), 16, 16)
	return rune(unit), err == nil
}
