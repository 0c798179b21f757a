package params

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"pam-rotate-script/internal/secret"
)

// maxSeconds is the longest time that a field may ask for: one day.
const maxSeconds = 86_400

// value is what a field's value was read as; the Kind says which member counts.
type value struct {
	given    bool // by a record or a flag, not as a default
	text     secret.Value
	bool     bool
	duration time.Duration
	list     []string
}

// kindRules are the ways of one Kind.
type kindRules struct {
	// need says what is needed, for the beginning of a fault message.
	need func(Field) string
	// parse reads a value that is not absent.
	parse func(Field, node) (value, bool)
	// absent reports whether a value counts as none.
	absent func(node) bool
}

// kinds has the rules by Kind.
var kinds = [...]kindRules{
	Text:      {needs("a text"), parseText, isBlankText},
	Secret:    {needs("one value"), parseSecret, node.isEmpty},
	URL:       {needs("an address"), parseURL, isBlankText},
	Bool:      {needs("true or false"), parseBool, isBlankText},
	Seconds:   {needs("a whole number of seconds from 1 to " + strconv.Itoa(maxSeconds)), parseSeconds, isBlankText},
	Choice:    {needsChoice, parseChoice, isBlankText},
	Multiline: {needs("a text"), parseText, isBlankText},
	List:      {needs("a list of texts"), parseList, isBlankList},
	Object:    {needs("one JSON object without repeated keys"), parseObject, isBlankText},
}

func needs(what string) func(Field) string { return func(Field) string { return what } }

func needsChoice(field Field) string { return "one of " + strings.Join(field.Choices, ", ") }

func stringNode(text string) node { return node{kind: jsonString, text: secret.New(text)} }

// isBlankText also counts white space alone as absent.
func isBlankText(n node) bool {
	if n.isEmpty() {
		return true
	}
	n = n.single()
	return n.kind == jsonString && strings.TrimSpace(n.text.Reveal()) == ""
}

// trimmed returns the text of a string, number or bool without outer white space.
func (n node) trimmed() (string, bool) {
	n = n.single()
	if !n.isScalar() {
		return "", false
	}
	return strings.TrimSpace(n.text.Reveal()), true
}

func parseText(_ Field, n node) (value, bool) {
	text, ok := n.trimmed()
	return value{text: secret.New(text)}, ok
}

func parseSecret(_ Field, n node) (value, bool) {
	n = n.single()
	return value{text: n.text}, n.isScalar()
}

// parseURL takes a text, or the object that a host field is in a record.
func parseURL(field Field, n node) (value, bool) {
	n = n.single()
	if n.kind != jsonObject {
		return parseText(field, n)
	}
	if n.repeatedKey() {
		return value{}, false
	}
	var host, port string
	for _, m := range n.members() {
		text, ok := m.value.trimmed()
		switch NormaliseLabel(m.key) {
		case "hostname":
			if !ok || host != "" {
				return value{}, false
			}
			host = text
		case "port":
			if m.value.isEmpty() {
				continue
			}
			if number, err := strconv.ParseUint(text, 10, 16); !ok || err != nil || number == 0 || port != "" {
				return value{}, false
			}
			port = text
		}
	}
	if host == "" {
		return value{}, false
	}
	if port != "" {
		host = withPort(host, port)
	}
	return value{text: secret.New(host)}, true
}

// withPort adds a port to a host, which somebody may have written with a scheme.
func withPort(host, port string) string {
	if address, err := netip.ParseAddr(host); err == nil && address.Is6() {
		return net.JoinHostPort(host, port)
	}
	return host + ":" + port
}

// boolWord reads the words that Keeper itself takes for a bool.
func boolWord(text string) (word, ok bool) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, true
	case "false", "no", "off", "0":
		return false, true
	default:
		return false, false
	}
}

func parseBool(_ Field, n node) (value, bool) {
	text, ok := n.trimmed()
	if !ok {
		return value{}, false
	}
	word, ok := boolWord(text)
	return value{bool: word}, ok
}

func parseSeconds(_ Field, n node) (value, bool) {
	text, ok := n.trimmed()
	if n.single().kind == jsonBool || !ok {
		return value{}, false
	}
	number, err := strconv.ParseUint(text, 10, 32)
	if err != nil || number < 1 || number > maxSeconds {
		return value{}, false
	}
	return value{duration: time.Duration(number) * time.Second}, true
}

// foundSeconds says what was found where a number of seconds is needed and none was read.
func foundSeconds(n node) string {
	text, ok := n.trimmed()
	switch {
	case !ok || n.single().kind == jsonBool || text[0] < '0' || text[0] > '9':
		return n.found()
	case strings.Trim(text, "0123456789") == "":
		return "a number beyond these"
	case strings.Trim(text, "0123456789.,") == "":
		return "a number that is not whole"
	}
	return "a number with something behind it"
}

func parseChoice(field Field, n node) (value, bool) {
	text, ok := n.trimmed()
	if !ok {
		return value{}, false
	}
	place := slices.IndexFunc(field.Choices, func(choice string) bool { return NormaliseLabel(choice) == NormaliseLabel(text) })
	if place < 0 {
		return value{}, false
	}
	return value{text: secret.New(field.Choices[place])}, true
}

// elements returns the elements of a list or of a text that is one.
func (n node) elements() ([]string, bool) {
	n = n.single()
	var elements []string
	switch {
	case n.isScalar():
		isSeparator := func(c rune) bool { return c == '\n' || c == '\r' || c == ',' }
		elements = strings.FieldsFunc(n.text.Reveal(), isSeparator)
	case n.kind == jsonList:
		for _, item := range n.items() {
			if item.isEmpty() {
				continue
			}
			text, ok := item.trimmed()
			if !ok {
				return nil, false
			}
			elements = append(elements, text)
		}
	case n.kind == jsonObject:
		return nil, false
	}
	for i, element := range elements {
		elements[i] = strings.TrimFunc(element, unicode.IsSpace)
	}
	return slices.DeleteFunc(elements, func(element string) bool { return element == "" }), true
}

func isBlankList(n node) bool {
	elements, ok := n.elements()
	return ok && len(elements) == 0
}

func parseList(_ Field, n node) (value, bool) {
	list, ok := n.elements()
	return value{list: list}, ok
}

// parseObject checks a text as strictly as the payload itself.
func parseObject(_ Field, n node) (value, bool) {
	n = n.single()
	text := ""
	switch n.kind {
	case jsonObject:
		text = string(n.appendJSON(nil))
	case jsonString:
		text = strings.TrimSpace(n.text.Reveal())
		parsed, end, err := parseFirst(text)
		if err != nil || end != len(text) {
			return value{}, false
		}
		n = parsed
	}
	if n.kind != jsonObject || n.repeatedKey() {
		return value{}, false
	}
	return value{text: secret.New(text)}, true
}
