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

// decodeJSON decodes one JSON text. Unlike encoding/json it does not forgive what
// changes or hides a value: bytes that are not UTF-8, half a surrogate pair, and
// a key that occurs twice.
func decodeJSON(text []byte) (any, error) {
	switch {
	case !utf8.Valid(text):
		return nil, errors.New("the text is not UTF-8")
	case !json.Valid(text):
		return nil, errors.New("the text is not JSON")
	case loneSurrogate(text):
		return nil, errors.New("a string has half a surrogate pair")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decodeValue(decoder)
}

func decodeValue(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, errors.New("the text is not JSON")
	}
	switch token {
	case json.Delim('{'):
		object := make(map[string]any)
		for decoder.More() {
			token, err := decoder.Token()
			if err != nil {
				return nil, errors.New("the text is not JSON")
			}
			key, _ := token.(string)
			if _, twice := object[key]; twice {
				return nil, errors.New("a key occurs twice in one object")
			}
			if object[key], err = decodeValue(decoder); err != nil {
				return nil, err
			}
		}
		_, err := decoder.Token()
		return object, err
	case json.Delim('['):
		array := []any{}
		for decoder.More() {
			value, err := decodeValue(decoder)
			if err != nil {
				return nil, err
			}
			array = append(array, value)
		}
		_, err := decoder.Token()
		return array, err
	default:
		return token, nil
	}
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
