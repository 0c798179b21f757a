package secret

import (
	"encoding/base32"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

const (
	// looseShortest is how many letters and digits a secret needs to be looked for among the
	// letters and digits alone of a text.
	looseShortest = 8
	// looseWhole is the number below which all of them must be there; of longer secrets
	// half is enough, but no fewer than looseLeast; looseMost are enough of any.
	looseWhole = 12
	looseLeast = 9
	looseMost  = 64
	// looseWords is how many letters without a digit are taken for more than words.
	looseWords = 16
)

// bare returns the letters and digits of a text in lower case, with a zero for each mark.
func bare(text string, among spans) []rune {
	var letters []rune
	for at, character := range text {
		if '\uff01' <= character && character <= '\uff5e' { // full width
			character -= '\uff01' - '!'
		}
		switch {
		case among.hide(span{at, at + 1}):
			if len(letters) == 0 || letters[len(letters)-1] != 0 {
				letters = append(letters, 0)
			}
		case unicode.IsLetter(character), unicode.IsDigit(character):
			letters = append(letters, unicode.ToLower(character))
		}
	}
	return letters
}

// Withheld returns a foreign text, or "[withheld]" if it shows a secret in a way that no decoder of
// Text undoes: a part of it that is cut off, in other case, with something between its
// characters, such as the line ends of a text that was wrapped, backwards, as quoted-printable,
// as a list of its bytes' numbers or as base32. Call it once Text has masked what can be masked.
func (s *Scrubber) Withheld(text string) string {
	return s.with(text, func(k *known, text string) string {
		for _, read := range []string{text, unquoted(text, '='), unquoted(text, '%'), listed(text), base32Decoded(text)} {
			if k.shownLoosely(read) {
				return withheld
			}
		}
		return text
	})
}

// unquoted undoes quoted-printable, with the mark =, and what is left of percent-encoding, with
// the mark %, such as that of a text which was put into lower case.
func unquoted(text string, mark byte) string {
	var decoded strings.Builder
	for at := 0; at < len(text); at++ {
		if text[at] == mark && at+2 < len(text) {
			if value, err := strconv.ParseUint(text[at+1:at+3], 16, 8); err == nil {
				decoded.WriteByte(byte(value))
				at += 2
				continue
			}
		}
		decoded.WriteByte(text[at])
	}
	return decoded.String()
}

// listed returns the characters whose numbers stand in a text, as Go and Java print bytes.
func listed(text string) string {
	var characters strings.Builder
	for _, number := range strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		if value, err := strconv.ParseUint(number, 10, 8); err == nil {
			characters.WriteByte(byte(value))
		}
	}
	return characters.String()
}

// base32Decoded decodes the words of a text that could be base32.
func base32Decoded(text string) string {
	var decoded strings.Builder
	for _, word := range strings.FieldsFunc(strings.ToUpper(text), func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '2' || r > '7') }) {
		if content, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(word); err == nil {
			decoded.Write(content)
		}
	}
	return decoded.String()
}

// shownLoosely reports whether the letters and digits of a text, in any case, hold those of a
// secret, or half of them if it is a longer one.
func (k *known) shownLoosely(text string) bool {
	letters := bare(text, marks(text))
	if len(letters) < looseShortest {
		return false
	}
	// Where each run of looseShortest letters stands. Text is short, and secrets may be many.
	places := make(map[[looseShortest]rune][]int, len(letters))
	for at := 0; at+looseShortest <= len(letters); at++ {
		run := [looseShortest]rune(letters[at:])
		places[run] = append(places[run], at)
	}
	work := leastWork * 4
	for _, list := range k.sought {
		for _, secret := range list {
			if secret.word {
				continue
			}
			hidden := bare(secret.value.Reveal(), nil)
			need := len(hidden)
			if need >= looseWhole {
				need = min(max(looseLeast, need/2), looseMost)
			}
			if need < looseShortest {
				continue
			}
			for range 2 {
				if holdsRun(letters, places, hidden, need, &work) {
					return true
				}
				slices.Reverse(hidden)
			}
		}
	}
	return false
}

// holdsRun reports whether letters hold need letters of hidden in a row. places has the
// runs of letters. A part of a secret without digits is likely to be ordinary words,
// and must be longer. When its work is used up it takes the worst for true.
func holdsRun(letters []rune, places map[[looseShortest]rune][]int, hidden []rune, need int, work *int) bool {
	for from := 0; from+need <= len(hidden); from++ {
		if *work--; *work <= 0 {
			return true
		}
		least := need
		if need < len(hidden) && !slices.ContainsFunc(hidden[from:from+need], unicode.IsDigit) {
			least = min(max(need, looseWords), len(hidden))
		}
		if from+least > len(hidden) {
			continue
		}
		for _, at := range places[[looseShortest]rune(hidden[from:])] {
			*work--
			if at+least <= len(letters) && slices.Equal(letters[at:at+least], hidden[from:from+least]) {
				return true
			}
		}
	}
	return false
}
