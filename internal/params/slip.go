package params

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"pam-rotate-script/internal/secret"
)

// isInvisible reports whether a character takes no room on a screen, so that nobody sees it
// in what was pasted.
func isInvisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) || r == '\u115f' || r == '\u1160' || r == '\u3164' || r == '\uffa0' || r >= '\ufe00' && r <= '\ufe0f'
}

const curlyQuotes = "\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"

// slipOf says what a character at an end of a pasted text is, or "".
func slipOf(r rune) string {
	switch {
	case r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029' || r == '\u0085':
		return "a line break"
	case r == '\t':
		return "a tab"
	case unicode.IsSpace(r):
		return "a blank"
	case r == byteOrderMark:
		return "a byte order mark"
	case isInvisible(r):
		return "an invisible character"
	case strings.ContainsRune(curlyQuotes, r):
		return "a curly quote"
	case unicode.IsControl(r):
		return "a control character"
	}
	return ""
}

// Slip says what of a secret was hardly meant and came with copying it: what stands at an
// end of it, an invisible character within, quotes around it. It is "" if there is nothing of
// the kind, and never quotes the value.
func Slip(value secret.Value) string {
	text := value.Reveal()
	if text == "" {
		return ""
	}
	last, _ := utf8.DecodeLastRuneInString(text)
	first, _ := utf8.DecodeRuneInString(text)
	switch {
	case slipOf(last) != "" && slipOf(last) == slipOf(first) && utf8.RuneCountInString(text) > 1:
		return slipOf(last) + " at both ends"
	case slipOf(last) != "":
		return slipOf(last) + " at the end"
	case slipOf(first) != "":
		return slipOf(first) + " at the beginning"
	case len(text) > 2 && first == last && strings.ContainsRune("\"'`", first):
		return "quotes around it"
	case strings.ContainsFunc(text, isInvisible):
		return "an invisible character in it"
	case strings.ContainsAny(text, "\r\n"):
		return "a line break in it"
	case len(text) > 7 && strings.EqualFold(text[:7], "Bearer "):
		return "the word Bearer in front"
	}
	return ""
}

// TokenFault says why a secret cannot be a bearer token or a key that stands alone in a
// header (RFC 6750): those are visible ASCII. It is "" if it can, and for an empty value.
func TokenFault(value secret.Value) string {
	text := value.Reveal()
	bad := strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
	switch slip := Slip(value); {
	case !bad:
		return ""
	case slip != "":
		return "one with " + slip
	case strings.ContainsAny(text, " "):
		return "one with a blank in it"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "one with control characters"
	}
	return "one with characters that are not ASCII"
}

// ClientSecretFault says why a text cannot be an OAuth client's ID or secret (RFC 6749,
// appendix A): those have no control characters, and nothing that nobody sees. It is "" if
// it can.
func ClientSecretFault(value secret.Value) string {
	text := value.Reveal()
	slip := Slip(value)
	switch {
	case strings.HasPrefix(slip, "a curly quote"):
	case !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || isInvisible(r) }):
		return ""
	case slip == "" || strings.HasPrefix(slip, "a blank"):
		return "one with control characters"
	}
	return "one with " + slip
}

const lostCharacter = "a replacement character, which stands for one that was lost when the text was read in another encoding"

// NameFault says why a text cannot be the name of an account as a vendor keeps it. Vendors cut
// names at a zero character, and leave out blanks at the ends and what nobody sees: what is
// left may be the name of another account. It is "" if it can, and never quotes the name.
func NameFault(name string) string {
	// A joiner between letters belongs to the spelling of some languages.
	seen := strings.Map(func(r rune) rune {
		if r == '\u200c' || r == '\u200d' {
			return 'x'
		}
		return r
	}, name)
	switch slip := Slip(secret.New(seen)); {
	case strings.ContainsRune(name, utf8.RuneError):
		return lostCharacter
	case slip != "" && !strings.HasPrefix(slip, "quotes") && !strings.HasPrefix(slip, "the word"):
		return "one with " + slip
	case strings.ContainsFunc(name, unicode.IsControl):
		return "one with control characters"
	case len(name) > 4 && standsForNone(name): // there are people of the name Null
		return noValue
	}
	return ""
}

const noValue = "what programs write in the place of a value that they do not have, or do not show"

// standsForNone reports whether a text is what programs write in the place of a value: a word for
// none, the name of a type, a mask, a variable that nobody filled in.
func standsForNone(text string) bool {
	const words = "|null|nil|none|undefined|(null)|<null>|<nil>|<none>|<undefined>|[object object]|system.security.securestring|system.object|" +
		"system.object[]|system.string[]|system.char[]|[redacted]|<redacted>|[secret]|[masked]|newpassword|new_password|"
	lower := strings.ToLower(text)
	if !strings.Contains(text, "|") && strings.Contains(words, "|"+lower+"|") ||
		strings.HasPrefix(lower, "$") && strings.HasSuffix(lower, "password") && isWord(lower[1:]) {
		return true
	}
	if utf8.RuneCountInString(text) > 2 && (strings.Trim(text, "*") == "" || strings.Trim(text, "\u2022\u25cf") == "") {
		return true
	}
	return isVariable(text, "{{", "}}") || isVariable(text, "#{", "}") || isVariable(text, "<%=", "%>")
}

// isVariableOfShell is the same for what a shell fills in, and for what is filled in by fewer: an
// account may be named so.
func isVariableOfShell(text string) bool {
	for _, marks := range [][2]string{{"${", "}"}, {"$(", ")"}, {"%", "%"}, {"$env:", ""}, {"{", "}"}} {
		if isVariable(text, marks[0], marks[1]) {
			return true
		}
	}
	return false
}

// isVariable reports whether a text is the name of a variable between such marks.
func isVariable(text, before, behind string) bool {
	inner, begins := strings.CutPrefix(text, before)
	inner, ends := strings.CutSuffix(inner, behind)
	return begins && ends && len(inner) > 2 && isWord(strings.TrimSpace(inner))
}

// isWord reports whether a text could be the name of a variable.
func isWord(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r != '_' && r != '.' && r != '-' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// PasswordFault says why a text cannot become the password that the vault holds, whatever the
// vendor. It is "" if it can.
func PasswordFault(password secret.Value) string {
	text := password.Reveal()
	switch {
	case strings.ContainsRune(text, utf8.RuneError):
		return lostCharacter
	case strings.ContainsRune(text, 0):
		return "a zero character, at which many systems end a text"
	case strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || isInvisible(r) }) == "":
		return "nothing but blanks, which many systems take for none"
	case standsForNone(text), isVariableOfShell(text):
		return noValue
	}
	return ""
}

// isMasked reports whether a secret looks as pages show one that they do not want to be read.
func isMasked(value secret.Value) bool {
	text := value.Reveal()
	return slices.ContainsFunc([]string{"****", "\u2022\u2022", "\u25cf\u25cf", "\u2026"}, func(mask string) bool { return strings.Contains(text, mask) })
}

// warnOfSlip tells of what was pasted along with the value of a field. It is sent as it is.
func (s *Settings) warnOfSlip(place int) {
	field := s.fields[place]
	if field.Kind != Secret && field.Kind != Text {
		return
	}
	// The word Bearer is right where the whole header is given, and a fault where it is not.
	slip := Slip(s.values[place].text)
	if slip == "" && field.Kind == Secret && isMasked(s.values[place].text) {
		slip = "stars or dots in a row, as in a value that is shown masked"
	}
	if slip != "" && !strings.HasPrefix(slip, "the word") && (field.Kind == Secret || !strings.HasPrefix(slip, "quotes")) {
		if s.slips == nil {
			s.slips = make(map[int]int)
		}
		s.slips[place] = len(s.warnings)
		s.warnings = append(s.warnings, field.Label+": the value has "+slip+", and is used as it is: was it pasted along?")
	}
}
