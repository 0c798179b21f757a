package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/keeper-security/secrets-manager-go/core"

	"pam-rotate-script/internal/secret"
)

const notationPrefix = "keeper://"

const hintNotation = `write keeper://UID-or-title/field/TYPE or keeper://UID-or-title/custom_field/LABEL, ` +
	`with [0] behind it for one of several values and [0][PROPERTY] for a part of it; / [ ] \ within a name need a \ before them`

// IsNotation reports whether a field's value is Keeper notation as a whole: it
// begins with "keeper://" in any case, not counting outer blanks.
func IsNotation(text string) bool {
	text = strings.TrimSpace(text)
	return len(text) >= len(notationPrefix) && strings.EqualFold(text[:len(notationPrefix)], notationPrefix)
}

// Notation returns the one value that a text of Keeper notation names, see
// https://docs.keeper.io/en/keeperpam/secrets-manager/about/keeper-notation. The
// record is found as by Record, but that a title in the same case comes before others, as in
// Keeper's SDK. A number is as the vault has it, a bool is "true"
// or "false", and an object is JSON.
//
// The error is an *Error. No value, several values, an empty one and a notation
// that names a file are errors too. They may name the record and the field, and do
// not have the notation itself.
//
// Whether the value is secret is for the caller to say, who knows what it is for;
// Options.Scrubber learns only those of masked field types, and notes.
func (v *Vault) Notation(ctx context.Context, text string) (secret.Value, error) {
	parsed, err := parseNotation(text)
	if err != nil {
		return secret.Value{}, within("read Keeper notation", err)
	}
	var value secret.Value
	err = v.use(ctx, func(s *session) error {
		found, err := s.find(parsed.record, true)
		if err != nil {
			return err
		}
		value, err = v.value(found, parsed)
		return err
	})
	return value, within("read Keeper notation for the "+parsed.what()+" of the record "+shown(parsed.record), err)
}

// notation is Keeper notation, taken apart.
type notation struct {
	record   string // UID or title
	selector string // type, title, notes, field, custom_field
	field    string // type or label
	index    int    // allValues for every one
	property string // "" for the whole value
}

const allValues = -1

// what names what is read of the record.
func (n notation) what() string {
	if n.field == "" {
		return n.selector
	}
	return n.selector + " " + shown(n.field)
}

func parseNotation(text string) (parsed notation, err error) {
	malformed := fault(KindInput, "it is malformed", hintNotation)
	if !IsNotation(text) {
		return notation{}, malformed
	}
	defer func() {
		if recover() != nil {
			err = malformed
		}
	}()
	sections, failure := core.ParseNotation(strings.TrimSpace(text))
	if failure != nil || len(sections) < 3 || sections[1].Text == nil || sections[2].Text == nil {
		return notation{}, malformed
	}
	selector := sections[2]
	parsed = notation{record: sections[1].Text.Text, selector: strings.ToLower(selector.Text.Text), index: allValues}
	if selector.Parameter != nil {
		parsed.field = selector.Parameter.Text
	}
	if selector.Index1 != nil && selector.Index1.Text != "" {
		if parsed.index, failure = strconv.Atoi(selector.Index1.Text); failure != nil {
			return notation{}, malformed
		}
	}
	if selector.Index2 != nil {
		parsed.property = selector.Index2.Text
	}
	if parsed.selector == "file" {
		return notation{}, fault(KindInput, "it names a file, a value is needed", hintNotation)
	}
	return parsed, nil
}

// value returns the one value of the record that the notation names.
func (v *Vault) value(e entry, n notation) (secret.Value, error) {
	switch n.selector {
	case "type":
		return one([]string{e.kind})
	case "title":
		return one([]string{e.title})
	case "notes":
		object, _ := asObject([]byte(e.text.Reveal()))
		v.sealTexts(object["notes"])
		return one([]string{asText(object["notes"])})
	}
	section := customSection
	if n.selector == "field" {
		section = standardSection
	}
	var found []field
	for _, f := range e.fields(section) {
		if f.kind == n.field || f.label == n.field {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 0:
		return secret.Value{}, fault(KindNotFound, "the record has no such field", "types and labels are compared exactly")
	case 1:
	default:
		return secret.Value{}, fault(KindAmbiguous, fmt.Sprintf("the record has %d such fields", len(found)), "use a label that one field alone has")
	}
	v.seal(found[0])
	values := found[0].values()
	if n.index != allValues {
		if n.index >= len(values) {
			return secret.Value{}, fault(KindNotFound, fmt.Sprintf("the field has %d values, and no [%d]", len(values), n.index))
		}
		values = values[n.index : n.index+1]
	}
	var texts []string
	for _, value := range values {
		if n.property != "" {
			object, _ := asObject(value)
			part, ok := object[n.property]
			if !ok {
				continue // as Keeper's SDK does: keeper://UID/field/name[][middle] is of those that have one
			}
			value = part
		}
		// An empty one counts, as in Keeper's SDK: of ["", "x"] nobody has said which is meant.
		texts = append(texts, asScalar(value))
	}
	return one(texts)
}

// asScalar returns the text of a JSON value, and other values as they are written.
// Missing and null are "".
func asScalar(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if raw[0] == '"' {
		return asText(raw)
	}
	return string(raw)
}

// one returns the only text, or the error that there is none or several.
func one(texts []string) (secret.Value, error) {
	switch {
	case len(texts) > 1:
		return secret.Value{}, fault(KindAmbiguous, fmt.Sprintf("there are %d values, one is needed", len(texts)), "put the number of one, from [0] on, at the end of the notation")
	case len(texts) == 0 || texts[0] == "":
		return secret.Value{}, fault(KindNotFound, "there is no value")
	}
	return secret.New(texts[0]), nil
}
