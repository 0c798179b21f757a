package api

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
)

//go:embed words.gz
var packedWords []byte

// tables are the words of words.txt, by the names that they have there and here.
var tables = sync.OnceValue(func() map[string]string {
	found := map[string]string{}
	reader, err := gzip.NewReader(bytes.NewReader(packedWords))
	if err != nil {
		panic(err) // it is part of the program
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		name, words, _ := strings.Cut(line, "=")
		found[name] = words
	}
	return found
})

// The tables by which a body is judged. Names are compared in lower case and without
// separators, or by their words: updateSuccessful ends in the word successful.

// names names a table of words with blanks between them.
type names string

// has reports whether a word is one of the names.
func (n names) has(word string) bool {
	table := tables()[string(n)]
	for from := 0; word != ""; {
		i := strings.Index(table[from:], word)
		if i < 0 {
			break
		}
		start, end := from+i, from+i+len(word)
		if (start == 0 || table[start-1] == ' ') && (end == len(table) || table[end] == ' ') {
			return true
		}
		from = end
	}
	return false
}

const (
	// isSuccessName ends names whose no is a failure, and isChangeName are such names.
	isSuccessName names = "isSuccessName"
	isChangeName  names = "isChangeName"
	// isCountName are names of how much was changed; none is a failure.
	isCountName names = "isCountName"
	// isDoneName are names whose no says that the call is yet to be carried out.
	isDoneName names = "isDoneName"
	// isDenialName are names whose yes is a failure.
	isDenialName names = "isDenialName"
	// isIdleName are names whose yes, or whose list, says that nothing was done for now. Of a record they
	// tell something else.
	isIdleName names = "isIdleName"
	// isPendingName are names whose yes says that it is yet to be carried out.
	isPendingName names = "isPendingName"
	// isJobName are names by which what is to carry it out is known.
	isJobName names = "isJobName"
	// isAct are words in the name of an act, as of a GraphQL mutation, isCondition in names of settings
	// with such a word.
	isAct       names = "isAct"
	isCondition names = "isCondition"
	// isQuality are names whose no tells of an account that it is so.
	isQuality names = "isQuality"
	// isWarningName are names of what is told beside the answer.
	isWarningName names = "isWarningName"
	// isFailureName ends names, or is followed in them by one of isPartName, that hold nothing
	// unless something failed.
	isFailureName names = "isFailureName"
	isPartName    names = "isPartName"
	// asides are words in names of what is told of the user or of a setting.
	asides names = "asides"
	// setAside are names below which nothing is told of this call, or too much of others.
	setAside names = "setAside"
	// isStatusName are names of what may be a word, a truth value or a number.
	isStatusName names = "isStatusName"
	// isMessageName are names of words for people.
	isMessageName names = "isMessageName"
	// isTypeName are names of a kind, and isTypeOfFailure what ends the kind of a failure, as in
	// ValidationException.
	isTypeName      names = "isTypeName"
	isTypeOfFailure names = "isTypeOfFailure"
	// isMarkName are names by which a record of an account is known.
	isMarkName names = "isMarkName"
	// nameless are the names of who has not signed in.
	nameless names = "nameless"
	// isNumberName are names by which it is told from others.
	isNumberName names = "isNumberName"
	// isTurnName are names of where to go next.
	isTurnName names = "isTurnName"
	// isQueue are segments of the address of what is yet to be carried out.
	isQueue names = "isQueue"
	// isWaiting are the words for what is under way that no machine or account is.
	isWaiting names = "isWaiting"
)

// The words for an end, without separators.
const (
	goodEnds names = "goodEnds"
	badEnds  names = "badEnds"
	noEnds   names = "noEnds"
)

// letters are ends of one letter.
var letters = map[byte]Saying{'s': SaysSuccess, 't': SaysSuccess, 'y': SaysSuccess, 'f': SaysFailure, 'e': SaysFailure, 'n': SaysFailure, 'x': SaysFailure}

// phrases names a table of what to look for in a text in the form of plainWords, with commas between. One
// that ends in an asterisk may go on: it is the beginning of a word.
type phrases string

// in returns the first of the phrases that is in a text, which begins and ends with a blank,
// with the blanks around it; "" if none is.
func (p phrases) in(text string) (found string) {
	for rest := tables()[string(p)]; rest != ""; {
		var phrase string
		phrase, rest, _ = strings.Cut(rest, ",")
		stem, open := strings.CutSuffix(strings.TrimSpace(phrase), "*")
		if phrase = " " + stem; !open {
			phrase += " "
		}
		if strings.Contains(text, phrase) {
			return phrase
		}
	}
	return ""
}

// without takes the phrases out of a text.
func (p phrases) without(text string) string {
	for found := p.in(text); found != ""; found = p.in(text) {
		text = strings.ReplaceAll(text, found, " , ")
	}
	return text
}

const (
	// harmless are phrases with a word of failure that tell of none.
	harmless phrases = "harmless"
	// failing are phrases of a failure, whatever else a text says.
	failing phrases = "failing"
	// working are phrases of what is yet to be carried out.
	working phrases = "working"
	// sending are phrases of a message to the user, who is to act next, unless doing is there too.
	sending phrases = "sending"
	// doing are phrases of what was done, succeeding of any success.
	doing phrases = "doing"
	// negations are words before one of doing by which it was not done.
	negations  names   = "negations"
	succeeding phrases = "succeeding"
	// warning are phrases that may tell of a failure, or of what the user is to do next.
	warning phrases = "warning"
)

// The same in scripts that put no blanks between words.
const (
	failingEast    words = "failingEast"
	succeedingEast words = "succeedingEast"
)

// sentence judges words for people.
func sentence(text string) Saying {
	plain := harmless.without(" " + plainWords(text) + " ")
	switch {
	case anywhere(failingEast, text), failing.in(plain) != "":
		return SaysFailure
	case working.in(plain) != "":
		return SaysUnderWay
	case doing.in(plain) != "":
		if negated(text, doing) {
			return SaysFailure
		}
		return SaysSuccess
	case sending.in(plain) != "":
		return SaysUnderWay
	case succeeding.in(plain) != "":
		return SaysSuccess
	case warning.in(plain) != "":
		return SaysFailure
	case anywhere(succeedingEast, text):
		return SaysSuccess
	}
	return SaysNothing
}

// negated reports whether a part of a text says that something of these phrases was not done.
func negated(text string, done phrases) bool {
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(".,;:!?()\n", r) }) {
		part = harmless.without(" " + plainWords(part) + " ")
		before, _, is := strings.Cut(part, done.in(part))
		if is && slices.ContainsFunc(strings.Fields(before), negations.has) {
			return true
		}
	}
	return false
}

// words names a table of what stands in a text without blanks around it.
type words string

// anywhere reports whether one of the words is in a text without blanks.
func anywhere(table words, text string) bool {
	for _, word := range strings.Fields(tables()[string(table)]) {
		if strings.Contains(text, word) {
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
		case !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r):
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
