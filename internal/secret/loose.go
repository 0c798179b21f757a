package secret

import (
	"slices"
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

// Withheld returns a foreign text, or "[withheld]" if it shows a secret in a way that no decoder
// undoes: a part of it that is cut off, in other case, with something between its characters,
// such as the line ends of a text that was wrapped, or backwards. Call it once Text has
// masked what can be masked.
func (s *Scrubber) Withheld(text string) string {
	return s.with(text, func(k *known, text string) string {
		if k.shownLoosely(text) {
			return withheld
		}
		return text
	})
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
