package api

import "strings"

const (
	// ofNames are phrases of sameness that are about the account's name: the password is weak.
	ofNames phrases = "ofNames"
	// ofReuse are phrases of refusals that speak of a password that was set before, or that is
	// in force: of history, reuse and sameness, without the numbers in them.
	ofReuse     phrases = "ofReuse"
	ofReuseEast words   = "ofReuseEast"
	// ofMessages are phrases of a message that could not be sent, which comes after the act.
	ofMessages phrases = "ofMessages"
	// finished are phrases of what was done, which a refusal speaks of if something after it failed.
	finished phrases = "finished"
	numerals names   = "numerals"
)

// tellsOfReuse reports whether the body, wherever in it, speaks of a password that was used
// before or is in force, of a message that could not be sent after that, or of the act as done.
func (a Answer) tellsOfReuse() bool {
	var text strings.Builder
	text.WriteByte(' ')
	for _, word := range strings.Fields(plainWords(string(a.body))) {
		if strings.Trim(word, "0123456789") != "" && !numerals.has(word) {
			text.WriteString(word + " ")
		}
	}
	plain := " " + plainWords(string(a.body)) + " "
	if finished.in(plain) != "" && !negated(string(a.body), finished) {
		return true
	}
	return ofMessages.in(text.String()) != "" || ofReuse.in(ofNames.without(text.String())) != "" || anywhere(ofReuseEast, string(a.body))
}

const (
	// otherCauses are phrases of a sign-in that is refused though the password may be right.
	otherCauses phrases = "otherCauses"
	// tooMany are phrases of a lock that speak of wrong passwords before.
	tooMany phrases = "tooMany"
	// wrongPassword are phrases of one that is refused for it, or may be.
	wrongPassword phrases = "wrongPassword"
)

// HasOtherCause reports whether a sign-in was refused for something else than the password, in
// plain words: a second factor that is wanted, an account that is locked, a password that must
// be changed first; or by a server that asks for another way to sign in. Of a text that also
// speaks of a wrong password it is false. Where a target knows the vendor's own codes, it asks
// the Error.
func (a Answer) HasOtherCause() bool { return a.asksElse() != "" || a.tellsOfOtherCause() }

// tellsOfOtherCause is HasOtherCause without a look at what is asked for.
func (a Answer) tellsOfOtherCause() bool {
	for name, values := range a.header {
		if strings.HasSuffix(strings.ToLower(name), "-otp") && strings.HasPrefix(strings.ToLower(strings.Join(values, "")), "required") {
			return true
		}
		if strings.HasSuffix(strings.ToLower(name), "reason") && isOtherCause(strings.Join(values, " ")) { // FreeIPA, Jira
			return true
		}
	}
	return a.kind != isPage && len(a.body) <= maxForeign && isOtherCause(string(a.body))
}

// isOtherCause reports whether a text tells of another cause than the password.
func isOtherCause(text string) bool {
	text = " " + plainWords(text) + " "
	return otherCauses.in(text) != "" && wrongPassword.in(tooMany.without(text)) == ""
}
