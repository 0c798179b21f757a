package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/keeper-security/secrets-manager-go/core"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
)

// Field is a value to save.
type Field struct {
	// Label is the custom field's label. Case, spaces, "_" and "-" do not matter
	// where the record has it already; a new field gets it as it is here.
	Label string
	// Value is the text, saved byte for byte. It must be UTF-8 and not empty.
	Value secret.Value
	// Plain makes a new field one that Keeper shows: a text. Otherwise it is one
	// that Keeper masks. An existing field keeps its type.
	Plain bool
}

// reserved are normalised labels that are never saved to. The password and the
// login of a PAM User are the Gateway's own to change; the other two are how a
// record is known.
var reserved = []string{"password", "login", "uid", "title"}

// textTypes are the types of fields that hold a text.
var textTypes = []string{"text", "secret", "multiline", "note", "url", "email", "dropdown"}

// Save puts values into custom fields of a record, existing ones or new ones, and
// leaves everything else in it as it is. It reads the record just before. A save
// that Keeper refuses is tried once more if somebody else has saved the record
// meanwhile; one whose answer is lost is not sent again, and is a success if the
// record, read once more, has the values. Values that the record has already are
// not sent.
//
// The error is an *Error. Its Left says that the values may have been saved; if it
// is false, they have certainly not been.
func (v *Vault) Save(ctx context.Context, recordUID string, fields ...Field) error {
	if problem := checkFields(fields); problem != nil {
		return problem.within("save to the record " + shown(recordUID) + ": not saved")
	}
	return v.save(ctx, recordUID, setFields(fields))
}

// SavePassword puts a password into the standard password field of a record that has one, as
// Save does with custom fields. It is for the record of an access record's own user: the
// password of a PAM User is the Gateway's to save.
func (v *Vault) SavePassword(ctx context.Context, recordUID string, password secret.Value) error {
	if problem := checkPassword(password); problem != nil {
		return problem.within("save to the record " + shown(recordUID) + ": not saved")
	}
	return v.save(ctx, recordUID, setPassword(password))
}

// CanSavePassword is to SavePassword what CanSave is to Save.
func (v *Vault) CanSavePassword(ctx context.Context, recordUID string) error {
	return v.canSave(ctx, recordUID, setPassword(secret.New("x")))
}

func checkPassword(password secret.Value) *Error {
	switch {
	case password.IsEmpty():
		return fault(KindInput, "the password is empty")
	case !utf8.ValidString(password.Reveal()):
		return fault(KindInput, "the password is not UTF-8")
	}
	return nil
}

// edit changes a record's text. It returns the same text if the record is already as it is to be.
type edit struct {
	do     func(entry) (secret.Value, error)
	labels []string // what it sets, for messages
}

func (v *Vault) save(ctx context.Context, recordUID string, edit edit) error {
	return within("save to the record "+shown(recordUID), v.use(ctx, func(s *session) error {
		defer v.forget()
		return s.save(recordUID, edit)
	}))
}

func (v *Vault) canSave(ctx context.Context, recordUID string, edit edit) error {
	return within("look whether the record "+shown(recordUID)+" can be saved to", v.use(ctx, func(s *session) error {
		e, err := s.fresh(recordUID)
		if err == nil {
			_, err = edit.do(e)
		}
		return err
	}))
}

// CanSave reports with an error what would keep Save from saving fields with these
// labels, as far as a look at the record can tell. It changes nothing. Call it
// before a value is made that cannot be had again.
func (v *Vault) CanSave(ctx context.Context, recordUID string, labels ...string) error {
	var fields []Field
	for _, label := range labels {
		fields = append(fields, Field{Label: label, Value: secret.New("x")})
	}
	if problem := checkFields(fields); problem != nil {
		return problem.within("look whether the record " + shown(recordUID) + " can be saved to")
	}
	return v.canSave(ctx, recordUID, setFields(fields))
}

func checkFields(fields []Field) *Error {
	seen := make(map[string]bool)
	for _, f := range fields {
		label := params.NormaliseLabel(f.Label)
		switch {
		case label == "":
			return fault(KindInput, "a field has no label")
		case slices.Contains(reserved, label):
			return fault(KindInput, "the field "+shown(f.Label)+" is not one to save to; the Gateway keeps it itself")
		case seen[label]:
			return fault(KindInput, "the field "+shown(f.Label)+" is there twice")
		case f.Value.IsEmpty():
			return fault(KindInput, "the value for the field "+shown(f.Label)+" is empty")
		case !utf8.ValidString(f.Value.Reveal()):
			return fault(KindInput, "the value for the field "+shown(f.Label)+" is not UTF-8")
		}
		seen[label] = true
	}
	if len(fields) == 0 {
		return fault(KindInput, "there is no field to save")
	}
	return nil
}

const notSaved = "not saved"

func (s *session) save(uid string, edit edit) error {
	e, err := s.fresh(uid)
	if err != nil {
		return within(notSaved, err)
	}
	for try := 1; ; try++ {
		text, err := edit.do(e)
		if err != nil {
			return within(notSaved, err)
		}
		if text.Equal(e.text) {
			return nil
		}
		failure := s.update(e, text)
		last := s.wire.last
		switch {
		case failure == nil:
			return nil
		case !last.left:
			return within(notSaved, failure)
		case !last.refused():
			return s.settle(uid, edit, AsError(failure))
		case last.code == "access_denied" || last.throttled():
			return within(notSaved, failure)
		}
		// Keeper refuses an update of a record that has changed since it was read. By
		// which code is not documented, so the record itself is asked.
		now, err := s.fresh(uid)
		switch {
		case err != nil || now.revision == e.revision:
			return within(notSaved, failure)
		case try == 2:
			return fault(KindConflict, notSaved+": somebody else saved the record meanwhile, twice", "try again")
		}
		s.vault.log.Info().Str("uid", uid).Msg("vault: the record was saved by somebody else meanwhile, trying once more")
		e = now
	}
}

// settle looks what became of an update whose answer is lost.
func (s *session) settle(uid string, edit edit, lost *Error) error {
	now, err := s.fresh(uid)
	if err == nil {
		if text, err := edit.do(now); err == nil && text.Equal(now.text) {
			s.vault.log.Warn().Str("uid", uid).Msg("vault: no certain answer to the save, but the record has the values")
			return nil
		}
	}
	result := lost.within("it is not known whether it was saved")
	result.Left = true
	result.Hints = append(slices.Clone(lost.Hints),
		"look in Keeper whether the record has the new values in "+shownList(edit.labels)+"; if not, have the values made anew")
	return result
}

// fresh reads the record from Keeper, whatever is known of it.
func (s *session) fresh(uid string) (entry, error) {
	found, err := s.fetch(uid)
	if err != nil {
		return entry{}, err
	}
	for _, e := range found {
		if e.uid == uid {
			return e, nil
		}
	}
	if s.vault.skipped[uid] {
		return entry{}, fault(KindNotFound, "the record could not be decrypted", hintShare+" again")
	}
	return entry{}, fault(KindNotFound, "not among the application's records", hintShare)
}

// update sends the record with another text.
func (s *session) update(e entry, text secret.Value) error {
	record := *e.sdk
	record.RawJson = text.Reveal()
	return s.guard(func() error { return s.vault.manager.Save(&record) })
}

// setFields returns the edit that sets custom fields. It works on the JSON text, since the SDK's
// own editing would round large numbers all over the record.
func setFields(fields []Field) edit {
	var labels []string
	for _, f := range fields {
		labels = append(labels, f.Label)
	}
	return edit{labels: labels, do: func(e entry) (secret.Value, error) {
		return e.with(customSection, func(custom []json.RawMessage) ([]json.RawMessage, error) {
			for _, f := range fields {
				place, err := place(e, custom, f)
				if err != nil {
					return nil, err
				}
				if place < 0 {
					custom = append(custom, newField(f))
				} else if custom[place], err = withValue(custom[place], f.Value); err != nil {
					return nil, err
				}
			}
			return custom, nil
		})
	}}
}

// setPassword returns the edit that sets the standard password field.
func setPassword(password secret.Value) edit {
	return edit{labels: []string{"password"}, do: func(e entry) (secret.Value, error) {
		return e.with(standardSection, func(standard []json.RawMessage) ([]json.RawMessage, error) {
			found := -1
			for i, raw := range standard {
				one, _ := asObject(raw)
				switch {
				case asText(one["type"]) != "password":
				case found >= 0:
					return nil, fault(KindAmbiguous, "the record has several password fields")
				default:
					found = i
				}
			}
			if found < 0 {
				return nil, fault(KindInput, "the record has no standard field of the type password", "save to a record of the type login")
			}
			var err error
			standard[found], err = withValue(standard[found], password)
			return standard, err
		})
	}}
}

// with returns the record's text with one of its sections changed, and the same text if nothing
// in it is.
func (e entry) with(section string, change func([]json.RawMessage) ([]json.RawMessage, error)) (secret.Value, error) {
	if !e.editable {
		return secret.Value{}, fault(KindPermission, "the record is shared with the application for reading only",
			"give the KSM application the permission Can Edit for the record or its folder")
	}
	object, _ := asObject([]byte(e.text.Reveal()))
	before, ok := asList(object[section])
	if raw := string(object[section]); !ok && raw != "" && raw != "null" {
		return secret.Value{}, fault(KindServer, "the record's fields are not a list")
	}
	after, err := change(slices.Clone(before))
	if err != nil {
		return secret.Value{}, err
	}
	same := func(a, b json.RawMessage) bool { return string(a) == string(b) }
	if slices.EqualFunc(before, after, same) {
		return e.text, nil
	}
	if object[section], err = json.Marshal(after); err != nil {
		return secret.Value{}, errNotJSON()
	}
	text, err := json.Marshal(object)
	if err != nil {
		return secret.Value{}, errNotJSON()
	}
	return secret.New(string(text)), nil
}

func errNotJSON() *Error { return fault(KindInternal, "the record could not be written as JSON") }

// withValue returns a field with one value, and the same field if it has that already.
func withValue(raw json.RawMessage, value secret.Value) (json.RawMessage, error) {
	one, _ := asObject(raw)
	if current := (field{value: one["value"]}).values(); len(current) == 1 && asText(current[0]) == value.Reveal() {
		return raw, nil
	}
	one["value"] = slices.Concat([]byte("["), asJSON(value.Reveal()), []byte("]"))
	changed, err := json.Marshal(one)
	if err != nil {
		return nil, errNotJSON()
	}
	return changed, nil
}

// place returns where among the custom fields f belongs, or -1 for a new one.
func place(e entry, custom []json.RawMessage, f Field) (int, error) {
	same := func(key string) bool { return params.NormaliseLabel(key) == params.NormaliseLabel(f.Label) }
	found := -1
	for i, raw := range custom {
		one, _ := asObject(raw)
		there := field{kind: asText(one["type"]), label: asText(one["label"])}
		switch {
		case !same(there.key()):
		case found >= 0:
			return 0, fault(KindAmbiguous, "the record has several custom fields "+shown(f.Label), "let one alone have that label")
		case !slices.Contains(textTypes, there.kind):
			return 0, fault(KindInput, fmt.Sprintf("the record's custom field %s is of the type %s, which is not saved to", shown(f.Label), shown(there.kind)),
				"use a field of the type "+strings.Join(textTypes[:2], " or "))
		default:
			found = i
		}
	}
	if found < 0 && slices.ContainsFunc(e.fields(standardSection), func(there field) bool { return same(there.key()) }) {
		return 0, fault(KindInput, "the record has a standard field "+shown(f.Label)+", only custom fields are saved to", "use another label")
	}
	return found, nil
}

// newField returns a new custom field as JSON.
func newField(f Field) json.RawMessage {
	var text []byte
	if f.Plain {
		made := core.NewText(f.Value.Reveal())
		made.Label = f.Label
		text, _ = json.Marshal(made) // texts always marshal
	} else {
		made := core.NewSecret(f.Value.Reveal())
		made.Label = f.Label
		text, _ = json.Marshal(made)
	}
	return text
}
