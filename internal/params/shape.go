package params

import (
	"fmt"
	"slices"
	"strings"
)

// Shape describes the payload without any of its values, one line each: the
// payload's own keys with their JSON types, then every record with its role and
// the keys and types of its fields. Lines of a record's fields are indented by
// two blanks. Lengths of texts are not told either.
func (p *Params) Shape() []string {
	lines := slices.Clone(p.shape)
	for i, record := range p.Records {
		roles := p.roles(record)
		if len(roles) == 0 {
			roles = []string{"linked"}
		}
		lines = append(lines, fmt.Sprintf("record %d: %s, %s", i+1, record.String(), strings.Join(roles, " and ")))
		for _, field := range record.fields {
			lines = append(lines, fmt.Sprintf("  %s: %s", shown(field.label), field.value.shape()))
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
