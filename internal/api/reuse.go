package api

import (
	"strings"
	"unicode"
)

// reusePhrases are how refusals speak of a password that was set before, or is the one in
// force, in the form that plainWords gives a text.
var reusePhrases = []string{
	// history
	"password history", "history of password", "history requirement", "history policy", "history rule", "history check", "in history", "previous password", "previously used",
	"used previously", "used before", "used recently", "recently used", "recent password", "last passwords", "past password", "past passwords", "old password", "older password",
	"been used", "already used", "already in use", "already set", "reuse", "reused", "re use", "re used", "reusing", "previous passwords", "old passwords",
	// sameness
	"current password", "existing password", "same password", "same as the old", "same as old", "same as your old", "same as the current", "same as current", "same as your current",
	"same as the previous", "same as previous", "same as your previous", "same as the last", "same as the existing", "differ from the old", "differ from your old", "differ from the current", "differ from your current",
	"different from the old", "different from old", "different from your old", "different from the current", "different from current", "different from your current", "different from the previous",
	"not changed", "no change", "unchanged", "identical", "must differ", "must be different", "should be different", "must not be the same", "cannot be the same", "can not be the same",
}

// tellsOfReuse reports whether the body, wherever in it, speaks of a password that was used
// before or is in force.
func (a Answer) tellsOfReuse() bool {
	text := " " + plainWords(string(a.body)) + " "
	for _, phrase := range reusePhrases {
		if strings.Contains(text, " "+phrase+" ") {
			return true
		}
	}
	return false
}

// plainWords returns the words of a text in lower case with one blank between them. Names such
// as PasswordRecentlyUsed and PASSWORD_RECENTLY_USED are words, too.
func plainWords(text string) string {
	var words strings.Builder
	last := ' '
	for _, r := range text {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			r = ' '
		case unicode.IsUpper(r) && unicode.IsLower(last):
			words.WriteByte(' ')
		}
		if r != ' ' || last != ' ' {
			words.WriteRune(unicode.ToLower(r))
		}
		last = r
	}
	return strings.TrimSpace(words.String())
}
