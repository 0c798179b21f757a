package report

import (
	"compress/gzip"
	_ "embed"
	"io"
	"strings"
)

// compressedPage is what package troubleshooting makes for explain, compressed to a third of
// its size, since every rotation may have to fetch the program.
//
//go:embed troubleshooting.md.gz
var compressedPage string

// The beginnings of the headings that name an exit code with its outcome, and a class.
const (
	outcomeHeading = "Exit code "
	classHeading   = "Class "
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
	return text + "\nGive one of these words, an exit code, or a whole line from the log in double quotes."
}

// Explain returns what there is to say about a word, an exit code, or a line of the
// result or the log; "" if that is nothing. It repeats nothing of what it is given.
func Explain(text string) string {
	// The forms in which outcome and class are printed, as one: a result line begins with
	// the one and ends with the other in brackets. The shell takes the quotation marks
	// off a JSON object that was put in such marks.
	marks := strings.NewReplacer("{", " ", "}", " ", ",", " ", "outcome:", "outcome=", "class:", "class=", "[", " class=", "]", " ", ": ", " ").
		Replace(" outcome=" + strings.ReplaceAll(strings.TrimSpace(strings.ToLower(text)), `"`, "") + " ")
	isWord := !strings.Contains(text, " ")
	messages, topics, other, seen := "", "", "", ""
	for _, section := range sections() {
		heading, content, _ := strings.Cut(section, "\n")
		code, outcome, isOutcome := strings.Cut(strings.TrimPrefix(heading, outcomeHeading), ": ")
		class, isClass := strings.CutPrefix(heading, classHeading)
		switch {
		case isOutcome && code == "any other":
			other = plainText(section)
		case isOutcome && (strings.Contains(marks, "outcome="+outcome+" ") || strings.Contains(marks, "outcome="+code+" ")),
			isClass && (strings.Contains(marks, "class="+class+" ") || isWord && strings.Contains(marks, "outcome="+class+" ")):
			topics += plainText(section) + "\n"
		}
		for line := range strings.Lines(content) {
			// A row of the messages. One that is a part of one before it is not meant.
			message, advice, isRow := strings.Cut(strings.TrimPrefix(line, "| `"), "` | ")
			if isRow && strings.Contains(text, message) && !strings.Contains(seen, message) {
				seen += message + "\n"
				messages += "\"" + message + "\"\n  " + plainText(strings.TrimSuffix(advice, " |\n")) + "\n\n"
			}
		}
	}
	if topics == "" && strings.Trim(text, "0123456789") == "" && text != "" {
		topics = other
	}
	return strings.TrimRight(messages+topics, "\n")
}
