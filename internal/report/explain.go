package report

import (
	"compress/gzip"
	_ "embed"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// compressedPage is what package troubleshooting makes for explain, compressed to a third of
// its size, since every rotation may have to fetch the program.
//
//go:embed troubleshooting.md.gz
var compressedPage string

// The beginnings of the headings that name an exit code with its outcome, a class, a state of
// check, verify and reconcile, and a kind of line.
const (
	outcomeHeading = "Exit code "
	classHeading   = "Class "
	stateHeading   = "State "
	lineHeading    = "Line "
)

// sections returns the parts of the page, each of which begins with its heading, without
// Markdown's marks.
func sections() []string {
	reader, err := gzip.NewReader(strings.NewReader(compressedPage))
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		return nil
	}
	return strings.Split(strings.ReplaceAll(string(text), "\n## ", "\n### "), "\n### ")
}

// Topics returns the text of "explain": every word that it knows.
func Topics() string {
	text := ""
	for _, section := range sections() {
		if strings.HasPrefix(section, outcomeHeading) || strings.HasPrefix(section, classHeading) {
			lines := strings.SplitN(section, "\n", 4)
			text += lines[0] + strings.Repeat(" ", max(1, 28-len(lines[0]))) + lines[2] + "\n"
		}
	}
	return text + "\nGive one of these words, an exit code, or a whole line from the log in double quotes; or - and pipe in as many as there are."
}

// The patterns are compiled where they are used: a rotation has no need of them, and each takes time
// at its start.
const (
	// colours are those of terminals, as they are or escaped, and escapes those of JSON and HTML.
	colours = `(\x1b|\\u001b|\\x1b|\\033|#033|\^\[)\[[0-9;?]*[a-z]`
	escapes = `\\u[0-9a-f]{4}|\\r\\n|\\[nt]|&#?[0-9a-z]{2,6};`
	// outcomeMark is how an outcome, a state or an exit code is told: in an event or object, by
	// others, or at the beginning of a line behind whatever a log puts there.
	outcomeMark = `outcome[=:] ?([a-z-]+)` +
		`|(?:exit|return|rc|lastexit)(?:ed|ing|ned)?(?: ?with)?(?: ?non-zero)?(?: ?exit)?(?: ?code| ?status)?:? ?[=:]? ?\(?(-?[0-9]{1,10})\b`
	lineMark  = `(?m)^(?:.*?(?:[:>|\]]\s*|\dz?\s+|std(?:out|err) [fp] ))??\s*((?:not-)?(?:changed|ready)|unknown|in force|drifted|in-force|not-set|not-tried)(?::| {2,}[a-z0-9_-]{22} ) ?\S`
	classMark = `(?:class[=:] ?|\[)([a-z]+)`
	// kindMark is the level that this program's log puts behind the time.
	kindMark = `t\d\d:\d\d:\d\d\S* (debug|info|warn) |level: ?(debug|info|warn)`
)

// plain returns a text in lower case without colours, escapes and quotes.
func plain(text string) string {
	text = regexp.MustCompile(colours).ReplaceAllString(strings.ToLower(text), "")
	text = regexp.MustCompile(escapes).ReplaceAllString(text, " ")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsSpace(r):
			return ' '
		case strings.ContainsRune("\"'`\\“”„‘’‚«»{}", r), unicode.In(r, unicode.Cf, unicode.Cc):
			return -1
		}
		return r
	}, text)
}

// bare returns nothing but letters, digits and commas: what is left of a message wherever
// it was copied from, and however its lines were broken.
func bare(text string) string {
	return strings.Map(func(r rune) rune {
		if r == ',' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// mostBetween is the most that may stand in a text for "…" in a message, in bytes.
const mostBetween = 160

// holds reports whether a bare text holds a message, in which "…" stands for anything.
func holds(text, message string) bool {
	first, rest, more := strings.Cut(message, "…")
	for first = bare(first); ; {
		at := strings.Index(text, first)
		if at < 0 || first == "" {
			return false
		}
		text = text[at+len(first):]
		if !more || rest == "" || holds(text[:min(len(text), mostBetween)], rest) {
			return true
		}
	}
}

// leastCut is how much of a message must be left at the end of a text for it to be known, in bytes.
const leastCut = 14

// isCut reports whether a bare text ends within a bare message: logs cut long lines.
func isCut(text, message string) bool {
	for left := min(len(message)-1, len(text)); left >= leastCut; left-- {
		if strings.HasSuffix(text, message[:left]) {
			return true
		}
	}
	return false
}

// Explain returns what there is to say about words, exit codes, or lines of the result or the
// log, from wherever they were copied; "" if that is nothing. It repeats nothing of what it is
// given. names are the targets'.
func Explain(text string, names ...string) string {
	text = plain(text)
	asked := question{text: text, flat: bare(text), names: names}
	word := strings.TrimSpace(strings.Trim(strings.TrimSpace(text), "[]"))
	asked.outcomes = append(append(marked(text, outcomeMark), marked(text, lineMark)...), word)
	asked.classes = append(marked(text, classMark), word)
	var answer explanation
	for _, section := range sections() {
		answer.addTopic(asked, section)
		_, content, _ := strings.Cut(section, "\n")
		for line := range strings.Lines(content) {
			answer.addMessage(asked, line)
		}
	}
	return answer.text(asked)
}

// question is what somebody wants explained.
type question struct {
	text, flat        string   // plain, and bare
	outcomes, classes []string // that it tells, exit codes among the outcomes
	names             []string // the targets'
}

// marked returns what the groups of a pattern match in a text.
func marked(text, mark string) []string {
	var found []string
	for _, match := range regexp.MustCompile(mark).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1:]...)
	}
	return found
}

// explanation is what there is to say about a question.
type explanation struct {
	messages, topics string
	cut              string   // a message of which the question has but the beginning
	kinds            string   // of a line in which nothing else is found
	other            string   // about the exit codes that are not in codes
	codes            []string // that there is a section about
	seen             []string // the messages so far
}

// addTopic takes a section of the page in that is about a word of the question.
func (e *explanation) addTopic(asked question, section string) {
	heading, _, _ := strings.Cut(section, "\n")
	code, outcome, isOutcome := strings.Cut(strings.TrimPrefix(heading, outcomeHeading), ": ")
	class, isClass := strings.CutPrefix(heading, classHeading)
	state, isState := strings.CutPrefix(heading, stateHeading)
	kind, isKind := strings.CutPrefix(heading, lineHeading)
	said := plainText(section) + "\n"
	switch {
	case isOutcome && code == "any other":
		e.other = said
	case isOutcome && (slices.Contains(asked.outcomes, outcome) || slices.Contains(asked.outcomes, code)),
		isClass && slices.Contains(asked.classes, class),
		isState && slices.Contains(asked.outcomes, state):
		e.topics += said
	case isKind && isLine(asked.text, kind, asked.names):
		e.kinds += said
	}
	e.codes = append(e.codes, code)
}

// addMessage takes a row of the messages in that the question holds. One that is a part of one
// before it is not meant.
func (e *explanation) addMessage(asked question, line string) {
	message, advice, isRow := strings.Cut(strings.TrimPrefix(line, "| `"), "` | ")
	if !isRow {
		return
	}
	said := "\"" + message + "\"\n  " + plainText(strings.TrimSuffix(advice, " |\n")) + "\n\n"
	isPart := func(longer string) bool { return holds(longer, message) }
	switch {
	case holds(asked.flat, strings.TrimPrefix(message, "the ")) && !slices.ContainsFunc(e.seen, isPart):
		e.seen = append(e.seen, bare(message))
		e.messages += said
	case e.cut == "" && isCut(asked.flat, bare(message)):
		e.cut = said
	}
}

func (e *explanation) text(asked question) string {
	isOther := func(code string) bool {
		return code != "" && strings.Trim(code, "-0123456789") == "" && !slices.Contains(e.codes, code)
	}
	if slices.ContainsFunc(asked.outcomes, isOther) {
		e.topics += e.other
	}
	if e.messages == "" {
		e.messages = e.cut
	}
	if e.messages == "" && e.topics == "" {
		e.topics = e.kinds
	}
	return strings.TrimRight(e.messages+e.topics, "\n")
}

// isLine reports whether a plain text is a line of the kind that a heading names.
func isLine(text, kind string, names []string) bool {
	switch kind {
	case "hint":
		return strings.Contains(text, "hint:")
	case "target":
		return slices.ContainsFunc(names, func(name string) bool {
			return regexp.MustCompile(`(^|\s)` + regexp.QuoteMeta(name) + `: \S`).MatchString(text)
		})
	}
	match := regexp.MustCompile(kindMark).FindStringSubmatch(text)
	return match != nil && strings.HasPrefix(kind, match[1]+match[2])
}
