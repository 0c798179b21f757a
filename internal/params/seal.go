package params

import (
	"slices"
	"strings"

	"pam-rotate-script/internal/secret"
)

// minimumSealed is how long, in bytes, a value must be to be sealed where its
// label does not say that it is a secret.
const minimumSealed = 4

// plainLabels are the normalised labels of fields that are no secrets in any
// record.
var plainLabels = []string{"login", "url", "type", "title", "uid", "host", "hostname", "port", "noop"}

// secretWords make a label one whose value is sealed whatever it is.
var secretWords = []string{"password", "secret", "token", "key"}

// sealing decides which values the scrubber learns.
type sealing struct {
	scrubber *secret.Scrubber
	public   LabelSet
	names    map[string]bool // texts that are printed on purpose: user, titles, UIDs
}

// Seal makes every secret of the payload known to the scrubber. Read does it, for those
// who know the options beforehand; for others Read gets none, and Seal follows before
// anything is printed. Doing it again does no harm.
func (p *Params) Seal(options Options) {
	p.NewPassword = options.Scrubber.Seal(p.NewPassword.Reveal())
	p.OldPassword = options.Scrubber.Seal(p.OldPassword.Reveal())
	for _, password := range []secret.Value{p.NewPassword, p.OldPassword} {
		if !password.IsEmpty() {
			options.Scrubber.SealLogin(p.User, password)
		}
	}
	p.sealRecords(options, p.Records...)
}

// sealRecords makes the secrets of some of the records known to the scrubber.
func (p *Params) sealRecords(options Options, records ...Record) {
	s := sealing{scrubber: options.Scrubber, public: options.PublicLabels, names: map[string]bool{p.User: true}}
	for _, record := range p.Records {
		s.names[record.UID], s.names[record.Title] = true, true
	}

	for _, record := range records {
		for _, field := range record.fields {
			s.field(field.normalised, field.value, false)
		}
		s.login(record)
	}
}

// field seals the texts of a field. guarded says that a label above it names a
// secret.
func (s sealing) field(normalised string, value node, guarded bool) {
	if !guarded && normalised != "password" && (s.public[normalised] || slices.Contains(plainLabels, normalised)) {
		return
	}
	s.value(value, guarded || namesSecret(normalised))
}

func (s sealing) value(value node, guarded bool) {
	switch value.kind {
	case jsonString:
		s.text(value.text.Reveal(), guarded)
	case jsonNumber:
		if guarded {
			s.text(value.text.Reveal(), true)
		}
	case jsonList:
		for _, item := range value.items() {
			s.value(item, guarded)
		}
	case jsonObject:
		for _, m := range value.members() {
			s.field(NormaliseLabel(m.key), m.value, guarded)
		}
	}
}

func (s sealing) text(text string, guarded bool) {
	trimmed := strings.TrimSpace(text)
	if _, isBool := boolWord(trimmed); isBool || trimmed == "" && !guarded {
		return
	}
	if !guarded && (len(text) < minimumSealed || s.names[text] || s.names[trimmed]) {
		return
	}
	s.scrubber.Seal(text)
	if strings.HasPrefix(trimmed, "{") { // the texts in an object are sent one by one
		if object, _, err := parseFirst(trimmed); err == nil {
			s.value(object, guarded)
		}
	}
	if trimmed != text && len(trimmed) >= minimumSealed {
		s.scrubber.Seal(trimmed) // a text setting is read without its outer blanks
	}
}

// login seals the login of a record as it is sent for Basic authentication.
func (s sealing) login(record Record) {
	for _, login := range record.matching("login") {
		for _, password := range record.matching("password") {
			user, password := login.value.single(), password.value.single()
			if user.isScalar() && password.isScalar() && !password.text.IsEmpty() {
				s.scrubber.SealLogin(strings.TrimSpace(user.text.Reveal()), password.text)
			}
		}
	}
}

func namesSecret(normalised string) bool {
	for _, word := range secretWords {
		if strings.Contains(normalised, word) {
			return true
		}
	}
	return false
}
