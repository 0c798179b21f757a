package params

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// HasTwoForms reports whether a text has a letter that may be written in two ways that look the
// same: as one character, or as a letter and a mark behind it (Unicode's normal forms NFC and
// NFD).
func HasTwoForms(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return isMark(r) || mayBeComposed(r) })
}

// SameButForm reports whether two different texts may differ in their normal form alone. Which
// letter is made of which is not looked at: tables of that would be a tenth of the program.
func SameButForm(a, b string) bool {
	if !utf8.ValidString(a) || !utf8.ValidString(b) {
		return false
	}
	differs := false
	for a != "" && b != "" {
		first, restA, marksA := letter(a)
		second, restB, marksB := letter(b)
		switch {
		case a[:len(a)-len(restA)] == b[:len(b)-len(restB)]:
		case mayBeComposed(first) && marksB > marksA || mayBeComposed(second) && marksA > marksB:
			differs = true
		default:
			return false
		}
		a, b = restA, restB
	}
	return differs && a == b
}

// letter cuts off the first character of a text with the marks behind it, and counts them.
func letter(text string) (first rune, rest string, marks int) {
	first, size := utf8.DecodeRuneInString(text)
	rest = strings.TrimLeftFunc(text[size:], isMark)
	return first, rest, utf8.RuneCountInString(text[size : len(text)-len(rest)])
}

// isMark reports whether a character joins the one before it: accents, and the vowels and final
// consonants of Korean.
func isMark(r rune) bool {
	return unicode.Is(unicode.Mn, r) || 0x1160 <= r && r <= 0x11FF
}

// mayBeComposed reports whether a character may be one of a letter and a mark: in Latin, Greek,
// Cyrillic, Japanese, Korean, and what else has such.
func mayBeComposed(r rune) bool {
	return 0xC0 <= r && unicode.IsLetter(r) && (r < 0x3400 || 0xAC00 <= r && r <= 0xD7A3 || 0xFB1D <= r && r <= 0xFB4E)
}
