package params

import (
	"encoding/json"
	"errors"
	"hash/maphash"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"pam-rotate-script/internal/secret"
)

const (
	// maxDepth is how deeply lists and objects may be nested.
	maxDepth = 32
	// maxValues bounds the memory that a payload of tiny values can take.
	maxValues = 500_000
)

type jsonType uint8

const (
	jsonMissing jsonType = iota // the zero node: the key is not there
	jsonNull
	jsonBool
	jsonNumber
	jsonString
	jsonList
	jsonObject
)

func (t jsonType) String() string {
	return [...]string{"nothing", "null", "bool", "number", "string", "list", "object"}[t]
}

// withArticle names the type in the middle of a sentence.
func (t jsonType) withArticle() string {
	switch t {
	case jsonMissing, jsonNull:
		return t.String()
	case jsonObject:
		return "an object"
	default:
		return "a " + t.String()
	}
}

// node is one JSON value. Everything that is a value and not a key sits in a
// secret.Value, so that printing a node by accident shows nothing.
type node struct {
	kind  jsonType
	text  secret.Value // string: its text; number: its literal; bool: true or false
	inner *children    // list and object
}

type children struct {
	items   []node   // list
	members []member // object, in the order of the text, repeated keys included
}

type member struct {
	key   string
	value node
}

func (n node) items() []node {
	if n.inner == nil {
		return nil
	}
	return n.inner.items
}

func (n node) members() []member {
	if n.inner == nil {
		return nil
	}
	return n.inner.members
}

// Errors of walk. They are sentinels, since the decoder's own texts quote input.
var (
	errMalformed = errors.New("malformed")
	errCutShort  = errors.New("cut short")
	errDepth     = errors.New("nested too deeply")
	errValues    = errors.New("too many values")
	errEncoding  = errors.New("not UTF-8")
	errSurrogate = errors.New("half of a surrogate pair")
)

// parseFirst reads the first JSON value of text and returns the offset of the
// byte after it.
func parseFirst(text string) (node, int, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	w := walker{decoder: decoder}
	value, err := w.next(0)
	if err != nil {
		if !utf8.ValidString(text) {
			err = errEncoding
		}
		return node{}, 0, err
	}
	end := int(decoder.InputOffset())
	// encoding/json turns both of these into U+FFFD without a word.
	if !utf8.ValidString(text[:end]) {
		return node{}, 0, errEncoding
	}
	if hasLoneSurrogate(text[:end]) {
		return node{}, 0, errSurrogate
	}
	return value, end, nil
}

type walker struct {
	decoder *json.Decoder
	values  int
}

func (w *walker) token() (json.Token, error) {
	token, err := w.decoder.Token()
	switch {
	case err == nil:
		return token, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errCutShort
	default:
		return nil, errMalformed
	}
}

// next reads one value that sits inside depth lists and objects.
func (w *walker) next(depth int) (node, error) {
	token, err := w.token()
	if err != nil {
		return node{}, err
	}
	if w.values++; w.values > maxValues {
		return node{}, errValues
	}
	switch token := token.(type) {
	case nil:
		return node{kind: jsonNull}, nil
	case bool:
		return node{kind: jsonBool, text: secret.New(strconv.FormatBool(token))}, nil
	case json.Number:
		return node{kind: jsonNumber, text: secret.New(token.String())}, nil
	case string:
		return node{kind: jsonString, text: secret.New(token)}, nil
	case json.Delim:
		if depth == maxDepth {
			return node{}, errDepth
		}
		if token == '[' {
			return w.list(depth + 1)
		}
		return w.object(depth + 1)
	default:
		return node{}, errMalformed
	}
}

func (w *walker) list(depth int) (node, error) {
	result := node{kind: jsonList, inner: &children{}}
	for w.decoder.More() {
		item, err := w.next(depth)
		if err != nil {
			return node{}, err
		}
		result.inner.items = append(result.inner.items, item)
	}
	_, err := w.token()
	return result, err
}

func (w *walker) object(depth int) (node, error) {
	result := node{kind: jsonObject, inner: &children{}}
	for w.decoder.More() {
		token, err := w.token()
		if err != nil {
			return node{}, err
		}
		key, ok := token.(string)
		if !ok {
			return node{}, errMalformed
		}
		value, err := w.next(depth)
		if err != nil {
			return node{}, err
		}
		result.inner.members = append(result.inner.members, member{key: key, value: value})
	}
	_, err := w.token()
	return result, err
}

// hasLoneSurrogate reports whether valid JSON text holds a \u escape that is one
// half of a surrogate pair without the other.
func hasLoneSurrogate(text string) bool {
	for {
		i := strings.IndexByte(text, '\\')
		if i < 0 {
			return false
		}
		text = text[i:]
		first, ok := unicodeEscape(text)
		switch {
		case !ok:
			text = text[min(2, len(text)):]
		case first < 0xD800 || first > 0xDFFF:
			text = text[6:]
		default:
			second, ok := unicodeEscape(text[6:])
			if first > 0xDBFF || !ok || second < 0xDC00 || second > 0xDFFF {
				return true
			}
			text = text[12:]
		}
	}
}

// unicodeEscape reads the \uXXXX that text begins with.
func unicodeEscape(text string) (uint64, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	code, err := strconv.ParseUint(text[2:6], 16, 16)
	return code, err == nil
}

// single follows a list of one element to that element, and once more if that is
// such a list again.
func (n node) single() node {
	for range 2 {
		if items := n.items(); len(items) == 1 {
			n = items[0]
		}
	}
	return n
}

// isEmpty reports whether the value counts as absent: missing, null, an empty
// text or an empty list, or a list of one of those.
func (n node) isEmpty() bool {
	n = n.single()
	switch n.kind {
	case jsonMissing, jsonNull:
		return true
	case jsonString:
		return n.text.IsEmpty()
	case jsonList:
		return len(n.items()) == 0
	default:
		return false
	}
}

// isScalar reports whether the value has a text of its own.
func (n node) isScalar() bool {
	return n.kind == jsonString || n.kind == jsonNumber || n.kind == jsonBool
}

// aText is how found calls a text that is not empty.
const aText = "a text"

// found says what the value is, for the end of a fault message.
func (n node) found() string {
	n = n.single()
	switch n.kind {
	case jsonString:
		if strings.TrimSpace(n.text.Reveal()) == "" {
			return "an empty text"
		}
		return aText
	case jsonList:
		if len(n.items()) == 0 {
			return "an empty list"
		}
		if len(n.items()) == 1 {
			return "a list within a list"
		}
		return "a list of " + strconv.Itoa(len(n.items())) + " values"
	default:
		return n.kind.withArticle()
	}
}

// equal reports whether both are the same JSON value; the order of an object's
// keys does not matter.
func (n node) equal(other node) bool {
	return n.kind == other.kind && n.text.Equal(other.text) &&
		slices.EqualFunc(n.items(), other.items(), node.equal) &&
		slices.EqualFunc(sortedMembers(n), sortedMembers(other), func(a, b member) bool {
			return a.key == b.key && a.value.equal(b.value)
		})
}

// sum adds the value to a hash, so that two which are equal add the same.
func (n node) sum(hash *maphash.Hash) {
	_ = hash.WriteByte(byte(n.kind))
	_, _ = hash.WriteString(n.text.Reveal())
	_ = hash.WriteByte(0)
	for _, item := range n.items() {
		item.sum(hash)
	}
	for _, m := range sortedMembers(n) {
		_, _ = hash.WriteString(m.key)
		_ = hash.WriteByte(0)
		m.value.sum(hash)
	}
}

func sortedMembers(n node) []member {
	sorted := slices.Clone(n.members())
	// Not slices.SortStableFunc, whose code for each type takes 8 KB of the binary.
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].key < sorted[j].key })
	return sorted
}

// repeatedKey reports whether an object anywhere in the value has a key twice.
func (n node) repeatedKey() bool {
	seen := make(map[string]bool, len(n.members()))
	for _, m := range n.members() {
		if seen[m.key] || m.value.repeatedKey() {
			return true
		}
		seen[m.key] = true
	}
	return slices.ContainsFunc(n.items(), node.repeatedKey)
}

// appendJSON appends the value as compact JSON text.
func (n node) appendJSON(text []byte) []byte {
	switch n.kind {
	case jsonString:
		return appendString(text, n.text.Reveal())
	case jsonNumber, jsonBool:
		return append(text, n.text.Reveal()...)
	case jsonList:
		text = append(text, '[')
		for i, item := range n.items() {
			if i > 0 {
				text = append(text, ',')
			}
			text = item.appendJSON(text)
		}
		return append(text, ']')
	case jsonObject:
		text = append(text, '{')
		for i, m := range n.members() {
			if i > 0 {
				text = append(text, ',')
			}
			text = append(appendString(text, m.key), ':')
			text = m.value.appendJSON(text)
		}
		return append(text, '}')
	default:
		return append(text, "null"...)
	}
}

func appendString(text []byte, value string) []byte {
	quoted, _ := json.Marshal(value) // a string always marshals
	return append(text, quoted...)
}
