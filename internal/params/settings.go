package params

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"pam-rotate-script/internal/secret"
)

// Settings are the values of the fields that a target knows. NewSettings reads
// them all and keeps the faults; until Err has returned nil, a getter of a faulty
// field returns its zero value. A getter panics for a label that is not among the
// fields and for a field of another kind: both are errors of the program.
type Settings struct {
	fields   []Field
	labels   [][]string     // of each field, as Field.labels
	index    map[string]int // by normalised label and alias
	values   []value
	findings []finding
	hints    []string
	warnings []string
	slips    map[int]int // by the place of their field, those of the warnings that tell of a slip
	unread   []string    // labels of the access record that no field has
}

// finding is one fault of a field. place sorts it; a finding on something that
// is not among the fields comes last.
type finding struct {
	place   int
	problem string
}

// NewSettings reads fields. The first source that holds a value for a field is
// the one that counts:
//
//   - overrides: the flags, by label, as texts; an empty text is no value;
//   - user, for a field that is PerAccount;
//   - access;
//   - the field's Default.
//
// The zero Record stands for no user record. A field that is not PerAccount and
// stands on the user record nevertheless is ignored with a warning. Secret values
// and the login are made known to scrubber, which may be nil.
//
// NewSettings panics where fields contradict themselves: two with one label, or a
// Default that its Kind does not allow.
func NewSettings(fields []Field, access Record, user Record, overrides map[string]string, scrubber *secret.Scrubber) *Settings {
	s := &Settings{fields: fields, labels: make([][]string, len(fields)), index: make(map[string]int, 2*len(fields)), values: make([]value, len(fields))}
	for i, field := range fields {
		s.labels[i] = field.labels()
		for _, label := range s.labels[i] {
			if _, taken := s.index[label]; taken {
				panic(fmt.Sprintf("params: two fields have the label %q", label))
			}
			s.index[label] = i
		}
	}
	flags := s.flags(overrides)
	sameRecord := user.UID != "" && user.UID == access.UID
	onAccess := s.strangers(access)
	var onUser []stranger
	if !sameRecord {
		onUser = s.strangers(user)
	}
	for i, field := range fields {
		s.read(i, field, access, user, flags)
		if s.labels[i][0] == allowedUsers && s.values[i].given {
			s.findAllowLists(i, onAccess)
		}
		if !s.values[i].given {
			s.findNear(i, field, onAccess, fromAccess)
			if field.PerAccount {
				s.findNear(i, field, onUser, fromUser)
			}
		}
		if !field.PerAccount && !sameRecord {
			s.warnIgnored(i, field, user)
		}
	}
	s.unread = unreadLabels(onAccess)
	s.seal(scrubber)
	s.hint(access)
	return s
}

// flags returns the overrides by the place of their field.
func (s *Settings) flags(overrides map[string]string) map[int]string {
	flags := make(map[int]string)
	labels := make([]string, 0, len(overrides))
	for label := range overrides {
		labels = append(labels, label)
	}
	slices.Sort(labels)
	for _, label := range labels {
		if overrides[label] == "" {
			continue
		}
		place, ok := s.index[NormaliseLabel(label)]
		if !ok {
			s.warnings = append(s.warnings, fmt.Sprintf("the flag for %s is ignored: there is no such field here", shown(label)))
			continue
		}
		if other, taken := flags[place]; taken && other != overrides[label] {
			s.finding(place, "two flags with different values")
		}
		flags[place] = overrides[label]
	}
	return flags
}

// origin is where a value comes from, as messages end a sentence with it.
type origin string

const (
	fromFlag   origin = "as a flag"
	fromUser   origin = "on the user record"
	fromAccess origin = "on the access record"
	fromEither origin = "on the user record or the access record"
)

// read settles the value of one field.
func (s *Settings) read(place int, field Field, access, user Record, flags map[int]string) {
	kind := kinds[field.Kind]
	if text, ok := flags[place]; ok {
		s.parse(place, field, stringNode(text), fromFlag)
		return
	}
	result, from := node{}, fromAccess
	for _, source := range []struct {
		record Record
		from   origin
		read   bool
	}{
		{user, fromUser, field.PerAccount},
		{access, fromAccess, true},
	} {
		if !source.read {
			continue
		}
		value, ok := s.lookUp(place, field, source.record, source.from)
		if !ok {
			s.values[place].list = []string{}
			return
		}
		if value.kind != jsonMissing {
			result, from = value, source.from
		}
		if !kind.absent(value) {
			s.parse(place, field, value, source.from)
			return
		}
	}
	if s.labels[place][0] == allowedUsers && result.kind != jsonMissing {
		s.refuse(place, field, result, from)
		return
	}
	if field.Default != "" {
		value, ok := kind.parse(field, stringNode(field.Default))
		if !ok {
			panic(fmt.Sprintf("params: the default of %q is not what its kind allows", field.Label))
		}
		s.values[place] = value
		return
	}
	if field.Required {
		if field.PerAccount && result.kind == jsonMissing {
			from = fromEither
		}
		s.refuse(place, field, result, from)
	}
}

// refuse reports what stands where something else is needed.
func (s *Settings) refuse(place int, field Field, value node, from origin) {
	found := value.found()
	if field.Kind == Seconds && !isBlankText(value) {
		found = foundSeconds(value)
	}
	if found == aText {
		found = "another text"
	}
	s.values[place].list = []string{}
	s.finding(place, fmt.Sprintf("%s is needed %s, found %s", kinds[field.Kind].need(field), from, found))
}

func (s *Settings) parse(place int, field Field, value node, from origin) {
	parsed, ok := kinds[field.Kind].parse(field, value)
	if !ok {
		s.refuse(place, field, value, from)
		return
	}
	if field.PerAccount && field.Kind == Text {
		if fault := NameFault(parsed.text.Reveal()); fault != "" {
			s.finding(place, "needs what the vendor shows, found "+fault)
			return
		}
	}
	parsed.given = true
	s.values[place] = parsed
	s.warnOfSlip(place)
}

// lookUp finds the field's value in one record, under its label or an alias.
// It returns false after a fault.
func (s *Settings) lookUp(place int, field Field, record Record, from origin) (node, bool) {
	var result, empty node
	used := ""
	for _, label := range s.labels[place] {
		value, problem := record.value(label)
		if problem != "" {
			s.finding(place, problem+" "+string(from))
			return node{}, false
		}
		switch {
		case value.isEmpty():
			if value.kind != jsonMissing {
				empty = value
			}
		case used == "":
			result, used = value, label
		case !result.single().equal(value.single()):
			s.warnings = append(s.warnings, fmt.Sprintf("%s: the alias %s %s is ignored, the field has another value there already",
				field.Label, shown(record.matching(label)[0].label), from))
		}
	}
	if used == "" {
		result = empty
	}
	s.warnNumbered(place, field, record, used, from)
	return result, true
}

// warnNumbered tells of labels like "url1" beside, or instead of, "url".
func (s *Settings) warnNumbered(place int, field Field, record Record, used string, from origin) {
	labels := s.labels[place]
	if used != "" {
		labels = []string{used}
	}
	for _, label := range labels {
		for _, sibling := range record.numbered(label) {
			if _, known := s.index[sibling.normalised]; known || len(s.warnings) >= mostFound {
				continue
			}
			s.warnings = append(s.warnings, fmt.Sprintf("%s: the numbered field %s %s is not read", field.Label, shown(sibling.label), from))
		}
	}
}

// warnIgnored tells of a guarded field that stands on the user record. Every user
// record has a login and a password of its own.
func (s *Settings) warnIgnored(place int, field Field, user Record) {
	for _, label := range s.labels[place] {
		if label == "login" || label == "password" {
			continue
		}
		for _, found := range user.matching(label) {
			if !found.value.isEmpty() {
				s.warnings = append(s.warnings, fmt.Sprintf("%s: the field %s on the user record is ignored, it is read from the access record only",
					field.Label, shown(found.label)))
			}
		}
	}
}

// seal makes the values of the secret fields known to the scrubber.
func (s *Settings) seal(scrubber *secret.Scrubber) {
	for i, field := range s.fields {
		value := &s.values[i]
		if !field.secret() || !value.given {
			continue
		}
		if !value.text.IsEmpty() {
			value.text = scrubber.Seal(value.text.Reveal())
		}
		for _, item := range value.list {
			scrubber.Seal(item)
		}
		if field.Kind == Object {
			if object, _, err := parseFirst(value.text.Reveal()); err == nil {
				sealing{scrubber: scrubber}.value(object, true)
			}
		}
	}
	login, hasLogin := s.index["login"]
	password, hasPassword := s.index["password"]
	if hasLogin && hasPassword && !s.values[login].text.IsEmpty() && !s.values[password].text.IsEmpty() {
		scrubber.SealLogin(s.values[login].text.Reveal(), s.values[password].text)
	}
}

// hint names the record to look at.
func (s *Settings) hint(access Record) {
	if access.UID != "" || access.Title != "" {
		s.hints = append(s.hints, "the access record is "+access.String())
	}
}

func (s *Settings) finding(place int, problem string) {
	s.findings = append(s.findings, finding{place, s.fields[place].Label + ": " + problem})
}

// Fault adds a target's own finding about a field, to be reported together with
// the others, as in Fault("url", "an https address is needed"). found must not
// hold the value.
func (s *Settings) Fault(label, found string) {
	place, ok := s.index[NormaliseLabel(label)]
	if !ok {
		place = len(s.fields)
	}
	s.findings = append(s.findings, finding{place, label + ": " + found})
}

// Err returns nil, or an *Error with the faults of all fields at once, in the
// order of the fields, each with what was found instead.
func (s *Settings) Err() error {
	if len(s.findings) == 0 {
		return nil
	}
	findings := slices.Clone(s.findings)
	sort.SliceStable(findings, func(i, j int) bool { return findings[i].place < findings[j].place })
	err := &Error{Hints: slices.Clone(s.hints)}
	for _, f := range findings {
		err.Problems = append(err.Problems, f.problem)
	}
	// What is missing may stand there under another label.
	isMissing := func(problem string) bool { return strings.Contains(problem, "found nothing") }
	if len(s.unread) > 0 && slices.ContainsFunc(err.Problems, isMissing) {
		err.Hints = append(err.Hints, "the access record has fields that are not read: "+ShownList(s.unread))
	}
	return err
}

// Warnings returns what was ignored and why, in the order of the fields. Empty if
// there is nothing to warn of. A value that a fault refuses is not said to be used.
func (s *Settings) Warnings() []string {
	warnings := slices.Clone(s.warnings)
	for _, fault := range s.findings {
		if i, ok := s.slips[fault.place]; ok {
			warnings[i] = ""
		}
	}
	return slices.DeleteFunc(warnings, func(text string) bool { return text == "" })
}

// Slips returns those of the warnings that tell of something that was pasted along with a value,
// in the order of the fields.
func (s *Settings) Slips() []string {
	var slips []string
	for place := range s.fields {
		if i, ok := s.slips[place]; ok {
			slips = append(slips, s.warnings[i])
		}
	}
	return slips
}

// Text returns the value of a Text, URL, Choice or Multiline field, "" if there is
// none. A Choice is spelled as in Field.Choices. It panics for a secret field.
func (s *Settings) Text(label string) string {
	value := s.get(label, Text, URL, Choice, Multiline)
	if s.fields[s.place(label)].Secret {
		panic(fmt.Sprintf("params: the field %q is secret", label))
	}
	return value.text.Reveal()
}

// Secret returns the value of a Secret field, never altered, or of a Text, URL,
// Choice or Multiline field as Text would return it. It is empty if there is none.
func (s *Settings) Secret(label string) secret.Value {
	return s.get(label, Secret, Text, URL, Choice, Multiline).text
}

// Bool returns the value of a Bool field, false if there is none.
func (s *Settings) Bool(label string) bool { return s.get(label, Bool).bool }

// Seconds returns the value of a Seconds field, 0 if there is none.
func (s *Settings) Seconds(label string) time.Duration { return s.get(label, Seconds).duration }

// List returns the elements of a List field, without outer blanks and without
// empty ones. It is nil if there is no value, and empty but not nil if the field
// is faulty, so that Allowed then allows nobody.
func (s *Settings) List(label string) []string { return slices.Clone(s.get(label, List).list) }

// Object returns the text of an Object field: one JSON object without repeated
// keys. It is empty if there is none.
func (s *Settings) Object(label string) secret.Value { return s.get(label, Object).text }

// Has reports whether a record or a flag holds a valid value for the field. A
// default does not count.
func (s *Settings) Has(label string) bool { return s.values[s.place(label)].given }

func (s *Settings) place(label string) int {
	place, ok := s.index[NormaliseLabel(label)]
	if !ok {
		panic(fmt.Sprintf("params: there is no field %q", label))
	}
	return place
}

func (s *Settings) get(label string, allowed ...Kind) value {
	place := s.place(label)
	if kind := s.fields[place].Kind; !slices.Contains(allowed, kind) {
		panic(fmt.Sprintf("params: the field %q is of the kind %s", label, kind))
	}
	return s.values[place]
}
