package vault

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/keeper-security/secrets-manager-go/core"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
)

// entry is one record as it was read. Its text is JSON with all of its values.
type entry struct {
	uid, title, kind string
	text             secret.Value
	revision         int64
	editable         bool
	sdk              *core.Record
}

// String returns the title and the UID, quoted, as messages call the record.
func (e entry) String() string {
	if e.title == "" {
		return "no title (UID " + shown(e.uid) + ")"
	}
	return shown(e.title) + " (UID " + shown(e.uid) + ")"
}

// distinct takes the SDK's records apart. A record comes as often as it is shared,
// and not every copy need be readable; those of which none is are left out with a
// warning, since the SDK makes empty records of them.
func (s *session) distinct(found []*core.Record) []entry {
	v := s.vault
	var entries []entry
	var broken []string
	for _, record := range found {
		if record == nil {
			continue
		}
		object, ok := asObject([]byte(record.RawJson))
		if !ok || record.Uid == "" {
			broken = append(broken, record.Uid)
			continue
		}
		e := entry{
			uid: record.Uid, title: asText(object["title"]), kind: asText(object["type"]),
			text: secret.New(record.RawJson), revision: record.Revision, editable: record.IsEditable, sdk: record,
		}
		i := slices.IndexFunc(entries, func(other entry) bool { return other.uid == e.uid })
		switch {
		case i < 0:
			entries = append(entries, e)
		case entries[i].revision < e.revision, !entries[i].editable && entries[i].revision == e.revision:
			entries[i] = e
		}
	}
	for _, uid := range broken {
		if v.skipped[uid] || slices.ContainsFunc(entries, func(e entry) bool { return e.uid == uid }) {
			continue
		}
		v.skipped[uid] = true
		v.log.Warn().Str("uid", uid).Msg("vault: a record could not be decrypted and is left out")
	}
	return entries
}

// field is one field of a record.
type field struct {
	kind, label string
	value       json.RawMessage
}

// key is what the Gateway calls the field.
func (f field) key() string {
	if strings.TrimSpace(f.label) != "" {
		return f.label
	}
	return f.kind
}

// values returns the elements of the field's value, which is a list in every
// record that Keeper's own programs write.
func (f field) values() []json.RawMessage {
	if list, ok := asList(f.value); ok {
		return list
	}
	if f.value == nil || string(f.value) == "null" {
		return nil
	}
	return []json.RawMessage{f.value}
}

// Sections of a record's fields.
const (
	standardSection = "fields"
	customSection   = "custom"
)

// fields returns the fields of a section. What is not a field is left out.
func (e entry) fields(section string) []field {
	object, _ := asObject([]byte(e.text.Reveal()))
	list, _ := asList(object[section])
	var fields []field
	for _, raw := range list {
		if one, ok := asObject(raw); ok {
			fields = append(fields, field{kind: asText(one["type"]), label: asText(one["label"]), value: one["value"]})
		}
	}
	return fields
}

// scriptsKey is the normalised label of the field that holds the rotation's
// scripts. It is spelled in two ways.
const scriptsKey = "rotationscripts"

// flat returns the record as the Gateway sends it, see Record.Content.
func (e entry) flat() secret.Value {
	var text bytes.Buffer
	text.WriteByte('{')
	taken := make(map[string]bool)
	add := func(key string, value []byte) {
		if len(taken) > 0 {
			text.WriteByte(',')
		}
		free := key
		for number := 1; taken[free]; number++ {
			free = key + strconv.Itoa(number)
		}
		taken[free] = true
		text.Write(asJSON(free))
		text.WriteByte(':')
		text.Write(value)
	}
	add("uid", asJSON(e.uid))
	add("title", asJSON(e.title))
	for _, section := range []string{standardSection, customSection} {
		for _, f := range e.fields(section) {
			if f.key() == "" || params.NormaliseLabel(f.key()) == scriptsKey {
				continue
			}
			switch values := f.values(); len(values) {
			case 0:
				add(f.key(), []byte("[]"))
			case 1:
				add(f.key(), values[0])
			default:
				add(f.key(), f.value)
			}
		}
	}
	text.WriteByte('}')
	return secret.New(text.String())
}

// record makes a Record of e and seals what Keeper masks in it.
func (v *Vault) record(e entry) Record {
	for _, section := range []string{standardSection, customSection} {
		for _, f := range e.fields(section) {
			v.seal(f)
		}
	}
	return Record{UID: e.uid, Title: e.title, Type: e.kind, Content: e.flat()}
}

// maskedTypes are the field types whose values Keeper's own programs mask.
var maskedTypes = []string{
	"password", "secret", "oneTimeCode", "otp", "pinCode", "keyPair", "securityQuestion", "paymentCard", "bankAccount", "passkey",
}

// seal makes the texts of a masked field known to the scrubber.
func (v *Vault) seal(f field) {
	if slices.Contains(maskedTypes, f.kind) {
		v.sealTexts(f.value)
	}
}

func (v *Vault) sealTexts(raw json.RawMessage) {
	if text := asText(raw); text != "" {
		v.scrubber.Seal(text)
	}
	list, _ := asList(raw)
	for _, item := range list {
		v.sealTexts(item)
	}
	object, _ := asObject(raw)
	for _, member := range object {
		v.sealTexts(member)
	}
}

func (e entry) isConfiguration() bool {
	return strings.HasPrefix(e.kind, "pam") && strings.HasSuffix(e.kind, "Configuration")
}

func (e entry) isResource() bool {
	return strings.HasPrefix(e.kind, "pam") && e.kind != "pamUser" && !e.isConfiguration()
}

// mentions reports whether a text of the record is the UID.
func (e entry) mentions(uid string) bool {
	return uid != "" && strings.Contains(e.text.Reveal(), `"`+uid+`"`)
}

// asObject, asList and asText read JSON that may be missing. Members keep their
// own text, so that nothing is rounded or spelled anew.
func asObject(raw []byte) (map[string]json.RawMessage, bool) {
	var object map[string]json.RawMessage
	err := json.Unmarshal(raw, &object)
	return object, err == nil && object != nil
}

func asList(raw []byte) ([]json.RawMessage, bool) {
	var list []json.RawMessage
	err := json.Unmarshal(raw, &list)
	return list, err == nil && list != nil
}

func asText(raw []byte) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

// asJSON returns a text as JSON.
func asJSON(text string) []byte {
	quoted, _ := json.Marshal(text) // a string always marshals
	return quoted
}
