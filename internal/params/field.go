package params

// Kind is what the value of a field must be.
type Kind int

// The kinds of fields, with the getter of Settings that reads each.
const (
	Text      Kind = iota // one line of text, outer white space trimmed; Settings.Text
	Secret                // a text that is never altered; Settings.Secret
	URL                   // a text, or an object of hostName and port, read as "host:port"; Settings.Text
	Bool                  // true, yes, on, 1, false, no, off, 0 in any case; Settings.Bool
	Seconds               // a whole number from 1 to 86400; Settings.Seconds
	Choice                // one of Field.Choices, compared as labels are; Settings.Text
	Multiline             // a text of any number of lines, outer white space trimmed; Settings.Text
	List                  // a list, or a text split at line ends and commas; Settings.List
	Object                // a JSON object, or a text that holds one; Settings.Object
)

// String returns the kind's name in lower case, as the lists of fields show it.
func (k Kind) String() string {
	return [...]string{"text", "secret", "url", "bool", "seconds", "choice", "multiline", "list", "object"}[k]
}

// Field describes one field that a target knows. Label is all that is needed: an
// optional Text of the access record.
type Field struct {
	// Label is the field's name. In records it matches without regard to case,
	// spaces, "_" and "-".
	Label string
	// Aliases are further labels that are read where Label holds nothing, the
	// first one first.
	Aliases []string
	// Kind is what the value must be.
	Kind Kind
	// Choices are the values that a Choice may have, as Settings.Text returns
	// them.
	Choices []string
	// Default is the value, written as text, where no source has one. "" is none.
	Default string
	// Required makes it a fault if there is no value.
	Required bool
	// PerAccount lets the user record supply the value, and win. It must stay
	// false for everything that decides where credentials go, how the peer is
	// trusted or how they are sent.
	PerAccount bool
	// Restricts says that more is allowed without the field than with it. A label
	// that is nearly this one is a fault then, and not just a warning, where the field
	// itself is absent: it may be misspelled, and must not silently count for nothing.
	Restricts bool
	// Secret says that the value must never be printed though Kind is not
	// Secret. Such a text is read with Settings.Secret.
	Secret bool
	// Help is one sentence on what the field is for.
	Help string
}

// secret reports whether the field's value must not be printed.
func (f Field) secret() bool { return f.Secret || f.Kind == Secret }

// labels returns the normalised labels, the field's own one first.
func (f Field) labels() []string {
	labels := []string{NormaliseLabel(f.Label)}
	for _, alias := range f.Aliases {
		labels = append(labels, NormaliseLabel(alias))
	}
	return labels
}

// LabelSet is a set of labels in their normalised form; those that are false are not in it. nil
// is the empty set.
type LabelSet map[string]bool

// PublicLabels returns the labels of the fields whose values may be printed, for
// Options.PublicLabels. Pass the fields of all targets: a label that one of them calls
// secret is left out.
func PublicLabels(fields ...Field) LabelSet {
	public := make(LabelSet, 2*len(fields))
	add := func(label string, isPublic bool) {
		label = NormaliseLabel(label)
		earlier, known := public[label]
		public[label] = isPublic && (earlier || !known)
	}
	for _, field := range fields {
		add(field.Label, !field.secret())
		for _, alias := range field.Aliases {
			add(alias, !field.secret())
		}
	}
	return public
}

// HasLabel returns what reports whether a label is that of one of the fields, or an alias of
// one.
func HasLabel(fields []Field) func(label string) bool {
	has := make(map[string]bool)
	for _, field := range fields {
		for _, label := range field.labels() {
			has[label] = true
		}
	}
	return func(label string) bool { return has[NormaliseLabel(label)] }
}
