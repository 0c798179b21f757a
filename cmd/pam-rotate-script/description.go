package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
)

// maxDescription bounds the size of a description, in bytes.
const maxDescription = 64 << 10

// The keys of a description.
const (
	keyUser         = "user"
	keyOldPassword  = "oldPassword"
	keyNewPassword  = "newPassword"
	keyUserUID      = "userRecordUid"
	keyAccessRecord = "accessRecord"
	keyUserRecord   = "userRecord"
)

var descriptionKeys = []string{keyUser, keyOldPassword, keyNewPassword, keyUserUID, keyAccessRecord, keyUserRecord}

// UIDs of records that a description does not give any.
const (
	madeUpUserUID   = "MadeUpPamUserRecord_01"
	madeUpAccessUID = "MadeUpAccessRecord__01"
)

// descriptionHelp is what the verb's help says about descriptions.
const descriptionHelp = `A description is a YAML or JSON file. It holds secrets, so keep it readable by you
alone:

  user: jdoe@example.com                   # needed
  oldPassword: 'First-Pass!word-1'
  newPassword: 'Second-Pass!word-2'        # else one is read or made
  userRecordUid: PamUserRecordUid_00001    # else one is made up
  accessRecord:                            # fields of the access record, by label
    title: API Access Details              # the default
    Target: teramind
    url: https://teramind.example.com/tm-api
    password: 'the access token'
  userRecord:                              # further fields of the PAM User record
    Target Email: jdoe@example.com

Any other key is an error. Put passwords in single quotes: without them YAML ends a
text at " #". Numbers and words like true are taken as they are written.`

// description is a payload in words.
type description struct {
	user, userUID            string
	oldPassword, newPassword secret.Value
	// access and own are the records, as JSON; access is empty if there is none.
	access, own secret.Value
}

// readDescription reads the file. The error is a usageError or a *params.Error with
// every fault and its line, and without a value.
func readDescription(path string) (description, error) {
	file, err := os.Open(path)
	if err != nil {
		return description{}, usageError{"the file of --from cannot be read"}
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxDescription+1))
	if err != nil || len(text) > maxDescription {
		return description{}, usageError{"the file of --from cannot be read, or is longer than 64 KiB"}
	}
	return parseDescription(text)
}

func parseDescription(text []byte) (description, error) {
	var reader descriptionReader
	result := reader.description(text)
	if len(reader.problems) > 0 {
		return description{}, &params.Error{
			Problems: reader.problems, Hints: []string{"pam-rotate-script payload --help shows a description"},
		}
	}
	return result, nil
}

// descriptionReader collects the faults of a description.
type descriptionReader struct{ problems []string }

func (d *descriptionReader) fault(line int, format string, values ...any) {
	d.problems = append(d.problems, fmt.Sprintf("description, line %d: ", line)+fmt.Sprintf(format, values...))
}

func (d *descriptionReader) description(text []byte) description {
	root := d.document(text)
	if root == nil {
		return description{}
	}
	pairs, ok := d.pairs(root)
	if !ok {
		d.fault(line(root), "keys with values are needed, such as user: jdoe")
		return description{}
	}
	values := make(map[string]ast.Node)
	for _, pair := range pairs {
		if !slices.Contains(descriptionKeys, pair.key) {
			d.fault(pair.line, "there is no key %s; the keys are %s", strconv.Quote(pair.key), strings.Join(descriptionKeys, ", "))
			continue
		}
		values[pair.key] = pair.value
	}
	result := description{
		user: d.text(values, keyUser), userUID: d.text(values, keyUserUID),
		oldPassword: secret.New(d.text(values, keyOldPassword)), newPassword: secret.New(d.text(values, keyNewPassword)),
	}
	if strings.TrimSpace(result.user) == "" && len(d.problems) == 0 {
		d.fault(line(root), "the key %s is missing or empty", keyUser)
	}
	if _, given := values[keyNewPassword]; given && result.newPassword.IsEmpty() && len(d.problems) == 0 {
		d.fault(line(values[keyNewPassword]), "%s is empty; leave the key out to have one made", keyNewPassword)
	}
	if result.userUID == "" {
		result.userUID = madeUpUserUID
	}
	if record, given := values[keyAccessRecord]; given {
		result.access = d.record(record, keyAccessRecord, field("uid", madeUpAccessUID), field("title", params.AccessTitles()[0]))
	}
	own := []jsonField{
		field("uid", result.userUID), field("title", "PAM User"), field("login", result.user),
		{"password", mustJSON(result.oldPassword.Reveal())},
	}
	result.own = d.record(values[keyUserRecord], keyUserRecord, own...)
	return result
}

// document parses the text and returns its one document, or nil. The parser's own
// messages quote the text, so only the line is taken from them.
func (d *descriptionReader) document(text []byte) (root ast.Node) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !utf8.Valid(text) {
		d.fault(1, "it is not UTF-8")
		return nil
	}
	defer func() {
		if recover() != nil {
			d.fault(1, "it is neither YAML nor JSON")
			root = nil
		}
	}()
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at := 1
		var syntax interface{ GetToken() *token.Token }
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			at = syntax.GetToken().Position.Line
		}
		d.fault(at, "it is neither YAML nor JSON; a text with special characters needs single quotes")
		return nil
	}
	for _, document := range file.Docs {
		if document.Body == nil {
			continue
		}
		if root != nil {
			d.fault(line(document.Body), "a second document begins")
			return nil
		}
		root = document.Body
	}
	if root == nil {
		d.fault(1, "it is empty")
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
func (d *descriptionReader) pairs(node ast.Node) ([]pair, bool) {
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
			d.fault(at, "a key must be a plain word or a text in quotes")
			continue
		}
		key := value.Key.GetToken().Value
		if seen[key] {
			d.fault(at, "the key %s is there twice", strconv.Quote(key))
		}
		seen[key] = true
		pairs = append(pairs, pair{key, at, value.Value})
	}
	return pairs, true
}

// text returns the text of a key, "" if it is missing, null or not a text.
func (d *descriptionReader) text(values map[string]ast.Node, key string) string {
	node, given := values[key]
	if !given {
		return ""
	}
	if _, isNull := node.(*ast.NullNode); isNull {
		return ""
	}
	text, ok := scalar(node)
	if !ok {
		d.fault(line(node), "%s must be a text", key)
	}
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
func (d *descriptionReader) record(node ast.Node, key string, defaults ...jsonField) secret.Value {
	fields := slices.Clone(defaults)
	if _, isNull := node.(*ast.NullNode); node != nil && !isNull {
		pairs, ok := d.pairs(node)
		if !ok {
			d.fault(line(node), "%s must be fields with values", key)
		}
		for _, pair := range pairs {
			value := jsonField{pair.key, d.value(pair.value)}
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
func (d *descriptionReader) value(node ast.Node) json.RawMessage {
	if text, ok := scalar(node); ok {
		return mustJSON(text)
	}
	switch node := node.(type) {
	case *ast.NullNode:
		return json.RawMessage("null")
	case *ast.SequenceNode:
		list := []json.RawMessage{}
		for _, item := range node.Values {
			list = append(list, d.value(item))
		}
		return mustJSON(list)
	case *ast.MappingNode, *ast.MappingValueNode:
		object := make(map[string]json.RawMessage)
		pairs, _ := d.pairs(node)
		for _, pair := range pairs {
			object[pair.key] = d.value(pair.value)
		}
		return mustJSON(object)
	}
	d.fault(line(node), "anchors, aliases and tags are not taken; a text that begins with & * or ! needs single quotes")
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
