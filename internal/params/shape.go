package params

import (
	"fmt"
	"strings"
)

// Outline is a payload without any of its values.
type Outline struct {
	Keys    []FieldOutline  `json:"keys"` // the payload's own
	Records []RecordOutline `json:"records"`
	// Password says which of the payload's two passwords the PAM User's own record
	// has: "new", "old", "both" where they are the same, "neither", or "none" if
	// there is no such record or it has no password.
	Password string `json:"user_record_password"`
}

// FieldOutline is a key and the JSON type of its value, with the number of
// elements of a list and the keys of an object.
type FieldOutline struct {
	Key   string `json:"key"`
	Shape string `json:"shape"`
}

// RecordOutline is a record of the payload.
type RecordOutline struct {
	UID   string `json:"uid"`
	Title string `json:"title"`
	// Roles are "user", "provider" and "resource", as far as they fit, else "linked".
	Roles  []string       `json:"roles"`
	Fields []FieldOutline `json:"fields"`
}

// Outline describes the payload. It tells no lengths of texts either.
func (p *Params) Outline() Outline {
	outline := Outline{Keys: append([]FieldOutline{}, p.keys...), Records: []RecordOutline{}, Password: p.userPassword()}
	for _, record := range p.Records {
		roles := p.roles(record)
		if len(roles) == 0 {
			roles = []string{"linked"}
		}
		described := RecordOutline{UID: record.UID, Title: record.Title, Roles: roles, Fields: []FieldOutline{}}
		for _, field := range record.fields {
			described.Fields = append(described.Fields, FieldOutline{field.label, field.value.shape()})
		}
		outline.Records = append(outline.Records, described)
	}
	return outline
}

func (p *Params) userPassword() string {
	user, _ := p.UserRecord()
	value, problem := user.value("password")
	if value = value.single(); problem != "" || value.isEmpty() || !value.isScalar() {
		return "none"
	}
	isNew, isOld := value.text.Equal(p.NewPassword), value.text.Equal(p.OldPassword)
	switch {
	case isNew && isOld:
		return "both"
	case isNew:
		return "new"
	case isOld:
		return "old"
	default:
		return "neither"
	}
}

// Shape is the Outline as lines: the payload's own keys with their JSON types, then
// every record with its role and the keys and types of its fields. Lines of a
// record's fields are indented by two blanks.
func (p *Params) Shape() []string {
	outline := p.Outline()
	var lines []string
	for _, key := range outline.Keys {
		lines = append(lines, fmt.Sprintf("payload key %s: %s", shown(key.Key), key.Shape))
	}
	for i, record := range outline.Records {
		lines = append(lines, fmt.Sprintf("record %d: %s, %s", i+1, p.Records[i].String(), strings.Join(record.Roles, " and ")))
		for _, field := range record.Fields {
			lines = append(lines, fmt.Sprintf("  %s: %s", shown(field.Key), field.Shape))
		}
	}
	return lines
}

// shape names the type of a value.
func (n node) shape() string {
	switch n.kind {
	case jsonString:
		if n.text.IsEmpty() {
			return "string, empty"
		}
	case jsonList:
		if len(n.items()) == 0 {
			return "list, empty"
		}
		return fmt.Sprintf("list of %d %s", len(n.items()), itemTypes(n.items()))
	case jsonObject:
		if len(n.members()) == 0 {
			return "object, empty"
		}
		var keys []string
		for _, m := range n.members() {
			keys = append(keys, shown(m.key))
		}
		return "object with keys " + strings.Join(keys, ", ")
	}
	return n.kind.String()
}

// itemTypes names the types of a list's elements, each once.
func itemTypes(items []node) string {
	var names []string
	seen := make(map[string]bool)
	for _, item := range items {
		name := item.kind.String()
		if item.kind == jsonObject {
			name = item.shape()
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return strings.Join(names, " or ")
}
