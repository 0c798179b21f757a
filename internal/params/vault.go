package params

import (
	"fmt"
	"slices"
	"strings"

	"pam-rotate-script/internal/secret"
)

// AccessTitles returns the titles by which an access record is known.
func AccessTitles() []string { return slices.Clone(accessTitles) }

// AddRecord adds a record from elsewhere than the payload, such as the vault, in
// the form of the payload's own: a JSON object with uid, title and one member per
// field. The same rules hold for it from then on, and its secrets are sealed. The
// error is an *Error; a record of a UID that the payload has already is one.
func (p *Params) AddRecord(object secret.Value, options Options) (Record, error) {
	origin := source{subject: "vault record", want: jsonObject}
	value, f := origin.decode(object.Reveal())
	if f != nil {
		return Record{}, f.asError()
	}
	record, problem := readRecord(value)
	if problem == "" && record.UID != "" && len(p.withUID(record.UID)) > 0 {
		problem = "its UID is in the payload already"
	}
	if problem != "" {
		return Record{}, &Error{Problems: []string{"vault record: " + problem}}
	}
	p.Records = append(p.Records, record)
	p.sealRecords(options, record)
	return record, nil
}

// ResolveFields puts another value in the place of every text of a record that
// wanted says yes to: a reference to a value that is kept elsewhere. Only the record's
// own fields are looked at, in lists as well; where the record came twice, both are
// changed. resolve is called for each with the label of the field, which its error
// should name; the first error ends it.
func (p *Params) ResolveFields(record Record, options Options, wanted func(text string) bool, resolve func(label, text string) (secret.Value, error)) error {
	var places []int
	for i, candidate := range p.Records {
		if candidate.equal(record) {
			places = append(places, i)
		}
	}
	if len(places) == 0 {
		return fmt.Errorf("params: the record is not in the payload")
	}
	fields := slices.Clone(record.fields)
	for i, field := range fields {
		value, err := resolveNode(field.value, wanted, func(text string) (secret.Value, error) { return resolve(field.label, text) })
		if err != nil {
			return err
		}
		fields[i].value = value
	}
	for _, i := range places {
		p.Records[i].fields, p.Records[i].stems = fields, nil
	}
	p.chosen = nil
	p.sealRecords(options, p.Records[places[0]])
	return nil
}

// References returns the labels of the record's fields that hold such a text, in
// the order of the record and each once. They are found as by ResolveFields.
func (r Record) References(wanted func(text string) bool) []string {
	var labels []string
	for _, field := range r.fields {
		found := false
		_, _ = resolveNode(field.value, wanted, func(string) (secret.Value, error) {
			found = true
			return secret.Value{}, nil
		})
		if found && !slices.Contains(labels, field.label) {
			labels = append(labels, field.label)
		}
	}
	return labels
}

// IsUsers reports whether a record is the PAM User's own, or must be taken for it: by
// its UID or, where the payload does not name one, by its login. What stands in such a
// record is not for whoever looks after the access record to answer for.
func (p *Params) IsUsers(record Record) bool {
	if p.UserUID != "" {
		return record.UID == p.UserUID
	}
	return record.hasLogin(p.User)
}

// InUTF8 returns a file's or pipe's bytes as text in UTF-8, out of UTF-16 where they are that: its
// byte order mark, or zero bytes, tell. ok is false if the UTF-16 is damaged.
func InUTF8(raw string) (text string, ok bool) {
	text, f := toText(raw)
	return text, f == nil
}

// LooksLikePayload reports whether a text is, in any form that Read takes, a JSON
// object with a key of the Gateway's payload. Whatever else may be wrong with it does
// not matter.
func LooksLikePayload(raw string) bool {
	text, f := toText(raw)
	if f != nil {
		return false
	}
	object, f := source{subject: "payload", want: jsonObject}.decode(text)
	if f != nil {
		return false
	}
	return slices.ContainsFunc(object.members(), func(m member) bool { return slices.Contains(known, m.key) })
}

func resolveNode(value node, wanted func(string) bool, resolve func(string) (secret.Value, error)) (node, error) {
	switch value.kind {
	case jsonString:
		text := value.text.Reveal()
		if !wanted(strings.TrimSpace(text)) {
			return value, nil
		}
		resolved, err := resolve(strings.TrimSpace(text))
		if err != nil {
			return node{}, err
		}
		return node{kind: jsonString, text: resolved}, nil
	case jsonList:
		items := slices.Clone(value.items())
		for i, item := range items {
			var err error
			if items[i], err = resolveNode(item, wanted, resolve); err != nil {
				return node{}, err
			}
		}
		return node{kind: jsonList, inner: &children{items: items}}, nil
	}
	return value, nil
}
