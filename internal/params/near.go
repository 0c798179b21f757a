package params

import (
	"fmt"
	mathbits "math/bits"
	"slices"
	"strings"
	"unicode"
)

// stranger is a label that no field has, with a value.
type stranger struct {
	recordField
	stem   string
	traits uint64
}

// mostFound is how many labels are told of. A record can have more than anybody reads.
const mostFound = 50

func (s *Settings) strangers(record Record) []stranger {
	var strangers []stranger
	for _, field := range record.fields {
		if _, known := s.index[field.normalised]; !known && !field.value.isEmpty() {
			strangers = append(strangers, stranger{field, stem(field.normalised), traits(field.normalised)})
		}
	}
	return strangers
}

// unreadLabels returns the labels of strangers that somebody may have made for a field.
func unreadLabels(strangers []stranger) []string {
	isKeepers := HasLabel(KeeperFields)
	var labels []string
	for _, other := range strangers {
		if !isKeepers(other.label) {
			labels = append(labels, other.label)
		}
	}
	return labels
}

// findNear tells of every label that is nearly the field's, which is absent itself:
// misspelled, with a sign or a number behind it, or with a look-alike in it. It is a
// fault where the field restricts, else a warning.
func (s *Settings) findNear(place int, field Field, strangers []stranger, from origin) {
	if len(strangers) == 0 {
		return
	}
	type sought struct {
		letters []rune
		traits  uint64
	}
	labels := make([]sought, len(s.labels[place]))
	for i, label := range s.labels[place] {
		labels[i] = sought{letters(label), traits(label)}
	}
	before := len(s.findings)
	for _, other := range strangers {
		if len(s.findings)-before == mostFound || !field.Restricts && len(s.warnings) >= mostFound {
			return
		}
		switch {
		case !field.Restricts && slices.Contains(s.labels[place], other.stem):
			// warnNumbered tells of it.
		case s.labels[place][0] == allowedUsers && isAllowList(other.normalised):
			s.finding(place, notReadAllowList(other.label, from))
		case !slices.ContainsFunc(labels, func(label sought) bool {
			return mayBeNear(label.traits, other.traits) && isNear(label.letters, letters(other.normalised))
		}):
		case field.Restricts:
			s.finding(place, fmt.Sprintf("the field %s %s is not read: give it this label, or one that cannot be taken for it", shown(other.label), from))
		default:
			s.warnings = append(s.warnings, fmt.Sprintf("%s: the field %s %s is not read: is its label misspelt?", field.Label, shown(other.label), from))
		}
	}
}

// letters is what labels are compared by to find slips of the pen.
func letters(label string) []rune {
	return []rune(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, label))
}

// traits has a bit for each letter of a label. Two labels that differ in more bits than two
// slips can change are not near each other, which is quicker to see than how far they are.
func traits(label string) uint64 {
	var bits uint64
	for _, letter := range label {
		if unicode.IsLetter(letter) {
			bits |= 1 << (letter % 64)
		}
	}
	return bits
}

func mayBeNear(one, other uint64) bool { return mathbits.OnesCount64(one^other) <= 4 }

// isNear reports whether other is the label but for a slip or two: a letter too many,
// missing or wrong, or two exchanged. A short label is a slip away from too many words.
func isNear(label, other []rune) bool {
	limit := 0
	switch {
	case len(label) >= 8:
		limit = 2
	case len(label) >= 4:
		limit = 1
	}
	if len(other) > len(label)+limit || len(label) > len(other)+limit {
		return false
	}
	// The distance by Damerau and Levenshtein, where no letter is moved twice.
	rows := make([][]int, len(label)+1)
	for i := range rows {
		rows[i] = make([]int, len(other)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(label); i++ {
		for j := 1; j <= len(other); j++ {
			if label[i-1] == other[j-1] {
				rows[i][j] = rows[i-1][j-1]
				continue
			}
			rows[i][j] = 1 + min(rows[i-1][j-1], rows[i-1][j], rows[i][j-1])
			if i > 1 && j > 1 && label[i-1] == other[j-2] && label[i-2] == other[j-1] {
				rows[i][j] = min(rows[i][j], 1+rows[i-2][j-2])
			}
		}
	}
	return rows[len(label)][len(other)] <= limit
}

// Meant returns the one of several names that somebody who wrote another one probably meant: one
// of its words, or the name but for a slip or two. It is "" if that is none or several.
func Meant(given string, names []string) string {
	isOther := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	words := append(strings.FieldsFunc(strings.ToLower(given), isOther), NormaliseLabel(given))
	meant := ""
	for _, name := range names {
		like := func(word string) bool { return isNear(letters(NormaliseLabel(name)), letters(word)) && word != "" }
		if !slices.ContainsFunc(words, like) {
			continue
		}
		if meant != "" {
			return ""
		}
		meant = name
	}
	return meant
}
