package description

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/yamltext"
)

// mostLevels is how many brackets may be open in a description. A password may be full of them.
const mostLevels = 1000

// The keys of a description.
const (
	keyUser         = "user"
	keyOldPassword  = "oldPassword"
	keyNewPassword  = "newPassword"
	keyUserUID      = "userRecordUid"
	keyAccessRecord = "accessRecord"
	keyUserRecord   = "userRecord"
)

var keys = []string{keyUser, keyOldPassword, keyNewPassword, keyUserUID, keyAccessRecord, keyUserRecord}

// UIDs of records that a description does not give any.
const (
	madeUpUserUID   = "MadeUpPamUserRecord_01"
	madeUpAccessUID = "MadeUpAccessRecord__01"
)

// reader collects the faults of a description.
type reader struct {
	name     string   // of the file
	lines    []string // of its text
	problems []string
	hints    []string // beside those of every description
}

func (r *reader) fault(line int, format string, values ...any) {
	r.problems = append(r.problems, fmt.Sprintf("%s, line %d: ", r.name, line)+fmt.Sprintf(format, values...))
}

func (r *reader) description(text []byte) Payload {
	root := r.document(text)
	if root == nil {
		return Payload{}
	}
	pairs, ok := r.pairs(root)
	if !ok {
		text, isText := scalar(root)
		switch {
		case isText && strings.ContainsFunc(text, isStrange):
			r.fault(line(root), "the line has a blank that is none, such as a no-break space of a web page")
		case isText && strings.Contains(text, "="):
			r.fault(line(root), "keys with values are needed, such as user: jdoe; lines such as NAME=value are none")
		default:
			r.fault(line(root), "keys with values are needed, such as user: jdoe")
		}
		return Payload{}
	}
	values := make(map[string]ast.Node)
	for _, pair := range pairs {
		if !slices.Contains(keys, pair.key) {
			r.unknown(pair)
			continue
		}
		values[pair.key] = pair.value
	}
	result := Payload{
		User: r.text(values, keyUser), UserUID: r.text(values, keyUserUID),
		OldPassword: secret.New(r.text(values, keyOldPassword)), NewPassword: secret.New(r.text(values, keyNewPassword)),
	}
	if strings.TrimSpace(result.User) == "" && len(r.problems) == 0 {
		r.fault(line(root), "the key %s is missing or empty", keyUser)
	}
	if node, given := values[keyAccessRecord]; given && len(r.problems) > 0 {
		if _, isNull := node.(*ast.NullNode); isNull {
			r.hints = append(r.hints, "the fields of the access record stand below accessRecord, each indented by two blanks")
		}
	}
	if _, given := values[keyNewPassword]; given && result.NewPassword.IsEmpty() && len(r.problems) == 0 {
		r.fault(line(values[keyNewPassword]), "%s is empty; leave the key out to have one made", keyNewPassword)
	}
	if result.UserUID == "" {
		result.UserUID = madeUpUserUID
	}
	if record, given := values[keyAccessRecord]; given {
		result.Records = append(result.Records,
			r.record(record, keyAccessRecord, field("uid", madeUpAccessUID), field("title", params.AccessTitles()[0])))
	}
	own := []jsonField{
		field("uid", result.UserUID), field("title", "PAM User"), field("login", result.User),
		{"password", mustJSON(result.OldPassword.Reveal())},
	}
	result.Records = append(result.Records, r.record(values[keyUserRecord], keyUserRecord, own...))
	return result
}

// document parses the text and returns its one document, or nil. The parser's own
// messages quote the text, so only the line is taken from them.
func (r *reader) document(text []byte) (root ast.Node) {
	read, ok := params.InUTF8(string(text))
	if !ok {
		r.fault(1, "it is UTF-16 and cut short; save it as UTF-8")
		return nil
	}
	text = bytes.TrimPrefix([]byte(read), []byte("\ufeff"))
	if kind := yamltext.KindOf(text); kind != "" {
		r.fault(1, "it is no text, but %s", kind)
		return nil
	}
	if !utf8.Valid(text) {
		r.fault(1, "it is not UTF-8")
		return nil
	}
	if params.LooksLikePayload(read) && (!bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) || bytes.Contains(text, []byte(`"records"`))) {
		r.fault(1, "it is a payload, as the Gateway pipes it in, and no description")
		return nil
	}
	r.lines = strings.Split(strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "\r", "\n"), "\n")
	file, err := yamltext.Parse(text, mostLevels)
	if deep := (yamltext.TooDeepError{}); errors.As(err, &deep) {
		r.fault(deep.Line, "it is nested deeper than any description")
		return nil
	}
	if err != nil {
		at := 1
		var syntax interface{ GetToken() *token.Token }
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			at = syntax.GetToken().Position.Line
		}
		r.syntax(at)
		return nil
	}
	for _, document := range file.Docs {
		if document.Body == nil {
			continue
		}
		if root != nil {
			r.fault(line(document.Body), "a second document begins")
			return nil
		}
		root = document.Body
	}
	if root == nil {
		r.fault(1, "it is empty")
	}
	return root
}

// pair is a key with its value.
type pair struct {
	key   string
	line  int
	value ast.Node
}

// pairs returns the pairs of a map. A key that comes twice is a fault.
func (r *reader) pairs(node ast.Node) ([]pair, bool) {
	var values []*ast.MappingValueNode
	switch node := node.(type) {
	case *ast.MappingNode:
		values = node.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{node}
	default:
		return nil, false
	}
	var pairs []pair
	seen := make(map[string]bool)
	for _, value := range values {
		at := value.Key.GetToken().Position.Line
		switch value.Key.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		default:
			r.fault(at, "a key must be a plain word or a text in quotes")
			continue
		}
		key := value.Key.GetToken().Value
		if seen[key] {
			r.fault(at, "the key %s is there twice", strconv.Quote(key))
		}
		seen[key] = true
		pairs = append(pairs, pair{key, at, value.Value})
	}
	return pairs, true
}

// text returns the text of a key, "" if it is missing, null or not a text.
func (r *reader) text(values map[string]ast.Node, key string) string {
	node, given := values[key]
	if !given {
		return ""
	}
	if _, isNull := node.(*ast.NullNode); isNull {
		r.slips(node, "", key)
		return ""
	}
	text, ok := scalar(node)
	if !ok {
		r.fault(line(node), "%s must be a text; one that begins with & * ! { or [ needs single quotes", key)
	}
	r.slips(node, text, key)
	return text
}

// scalar returns a text as it is meant, and a number or a word like true as it is
// written: in a password 007 is not 7.
func scalar(node ast.Node) (string, bool) {
	switch node := node.(type) {
	case *ast.StringNode:
		return node.Value, true
	case *ast.LiteralNode:
		return node.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	}
	return "", false
}

// jsonField is a member of a record, with its value as JSON.
type jsonField struct {
	label string
	value json.RawMessage
}

func field(label, text string) jsonField { return jsonField{label, mustJSON(text)} }

// record returns the described record as JSON. What the description gives replaces the
// defaults.
func (r *reader) record(node ast.Node, key string, defaults ...jsonField) secret.Value {
	fields := slices.Clone(defaults)
	if _, isNull := node.(*ast.NullNode); node != nil && !isNull {
		pairs, ok := r.pairs(node)
		if !ok {
			r.fault(line(node), "%s must be fields with values", key)
		}
		for _, pair := range pairs {
			text, _ := scalar(pair.value)
			r.slips(pair.value, text, pair.key)
			value := jsonField{pair.key, r.value(pair.value)}
			if place := slices.IndexFunc(fields, func(other jsonField) bool { return other.label == pair.key }); place >= 0 {
				fields[place] = value
			} else {
				fields = append(fields, value)
			}
		}
	}
	var members [][]byte
	for _, f := range fields {
		members = append(members, append(append(mustJSON(f.label), ':'), f.value...))
	}
	return secret.New("{" + string(bytes.Join(members, []byte(","))) + "}")
}

// value returns the value of a record's field as JSON.
func (r *reader) value(node ast.Node) json.RawMessage {
	if text, ok := scalar(node); ok {
		return mustJSON(text)
	}
	switch node := node.(type) {
	case *ast.NullNode:
		return json.RawMessage("null")
	case *ast.SequenceNode:
		list := []json.RawMessage{}
		for _, item := range node.Values {
			list = append(list, r.value(item))
		}
		return mustJSON(list)
	case *ast.MappingNode, *ast.MappingValueNode:
		object := make(map[string]json.RawMessage)
		pairs, _ := r.pairs(node)
		for _, pair := range pairs {
			object[pair.key] = r.value(pair.value)
		}
		return mustJSON(object)
	}
	r.fault(line(node), "anchors, aliases and tags are not taken; a text that begins with & * or ! needs single quotes")
	return json.RawMessage("null")
}

// line returns where a node begins. A map begins at its first key.
func line(node ast.Node) int {
	switch node := node.(type) {
	case nil:
		return 1
	case *ast.MappingNode:
		if len(node.Values) > 0 {
			return line(node.Values[0])
		}
	case *ast.MappingValueNode:
		return line(node.Key)
	}
	if found := node.GetToken(); found != nil && found.Position != nil {
		return found.Position.Line
	}
	return 1
}

// mustJSON encodes texts, and lists and maps of what is JSON already.
func mustJSON(value any) json.RawMessage {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic("a text cannot be encoded")
	}
	return encoded
}

// Is reports whether a text is plainly a description, and not a recipe: all of its keys are a
// description's, and one of them names the user.
func Is(text []byte) bool {
	var r reader
	root := r.document(text)
	if root == nil {
		return false
	}
	pairs, ok := r.pairs(root)
	named := false
	for _, pair := range pairs {
		if !slices.Contains(keys, pair.key) {
			return false
		}
		named = named || pair.key == keyUser || pair.key == keyAccessRecord
	}
	return ok && named
}
