package description

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// joined matches a key without the blank behind its colon.
const joined = `^[A-Za-z][A-Za-z ]*:[^ /]`

// syntax tells of a text that the parser stumbled over at a line. It stumbles behind the place: at
// the next quote, or at the end.
func (r *reader) syntax(at int) {
	const neither = "it is neither YAML nor JSON: "
	if strings.HasPrefix(strings.TrimSpace(r.lines[0]), "{") {
		r.fault(at, neither+"in JSON, a quotation mark, comma or brace is missing or too many here, or in front")
		return
	}
	for i, text := range r.lines {
		indent := text[:len(text)-len(strings.TrimLeftFunc(text, isSpace))]
		text = strings.TrimSpace(text)
		key, value, ok := strings.Cut(text, ": ")
		switch {
		case text == "" || strings.HasPrefix(text, "#"):
		case strings.HasPrefix(text, "```"):
			r.fault(i+1, neither+"three backquotes belong to the page that it was copied from")
			return
		case strings.Contains(indent, "\t"):
			r.fault(i+1, neither+"the line is indented with a tab, and YAML wants blanks")
			return
		case strings.Trim(indent, " ") != "" || strings.IndexFunc(strings.TrimLeft(text[strings.Index(text, ":")+1:], " "), isStrange) == 0:
			r.fault(i+1, neither+"the line has a blank that is none, such as a no-break space of a web page")
			return
		case ok && endsEarly(value):
			r.fault(i+1, neither+"within single quotes, ' is written ''")
			return
		case ok && strings.HasPrefix(value, `"`) && strings.Count(strings.NewReplacer(`\\`, "", `\"`, "").Replace(value), `"`)%2 != 0 && !strings.Contains(key, "Certificate"):
			r.fault(i+1, neither+"the quotation mark is not closed on this line; put a text with \" or \\ into single quotes")
			return
		case ok && strings.HasPrefix(value, `"`) && regexp.MustCompile(badEscape).MatchString(value):
			r.fault(i+1, neither+"in double quotes, \\ begins an escape; put the text into single quotes")
			return
		}
	}
	if at <= len(r.lines) {
		if text := strings.TrimSpace(r.lines[at-1]); !strings.Contains(text, ": ") && regexp.MustCompile(joined).MatchString(text) {
			r.fault(at, neither+"behind the colon of a key stands a blank")
			return
		}
	}
	r.fault(at, "it is neither YAML nor JSON; a text with special characters needs single quotes")
}

// badEscape matches an escape that YAML does not have.
const badEscape = `[^\\](\\\\)*\\[^0abtnvfre "/\\N_LPxuU\t]`

// isStrange reports whether a character looks like a blank and is none of YAML's.
func isStrange(c rune) bool { return c != ' ' && c != '\t' && c != '\r' && isSpace(c) }

// unknown tells of a key that there is not.
func (r *reader) unknown(pair pair) {
	meant := func(key string) string {
		return strings.ToLower(strings.Map(func(c rune) rune {
			if isSpace(c) || c == '_' || c == '-' {
				return -1
			}
			return c
		}, key))
	}
	place := slices.IndexFunc(keys, func(key string) bool { return meant(key) == meant(pair.key) })
	if strings.IndexFunc(pair.key, isSpace) == 0 {
		r.fault(pair.line, "the line is indented with a blank that is none, such as a no-break space of a web page")
		return
	}
	if place >= 0 {
		r.fault(pair.line, "there is no key %s: keys are compared exactly, write %s", strconv.Quote(pair.key), keys[place])
		return
	}
	problem := "there is no key %s; the keys are " + strings.Join(keys, ", ")
	if slices.ContainsFunc(r.problems, func(earlier string) bool { return strings.Contains(earlier, "there is no key") }) {
		problem = "there is no key %s"
	}
	r.fault(pair.line, problem, strconv.Quote(pair.key))
}

// isSpace reports whether a character looks like a blank, or like nothing.
func isSpace(c rune) bool { return unicode.IsSpace(c) || unicode.Is(unicode.Cf, c) }

// endsEarly reports whether an apostrophe ends a value in single quotes before its end.
func endsEarly(value string) bool {
	rest, quoted := strings.CutPrefix(value, "'")
	if !quoted {
		return false
	}
	_, behind, closed := strings.Cut(strings.ReplaceAll(rest, "''", ""), "'")
	behind = strings.TrimSpace(behind)
	return !closed || behind != "" && !strings.HasPrefix(behind, "#")
}

// placeholder matches what pages put in a value's place.
const placeholder = `^<[A-Za-z][A-Za-z0-9 _.@-]*>$`

// slips finds what was meant otherwise in a value that YAML takes without a fault: the quotes
// that word processors write, a page's placeholder, a password that ends where YAML sees a comment,
// that YAML takes for nothing, or of which it makes control characters.
func (r *reader) slips(node ast.Node, text, key string) {
	if first, _ := utf8.DecodeRuneInString(text); strings.ContainsRune("“”„‘’‚«»", first) && first != utf8.RuneError {
		r.fault(line(node), "%s begins with a typographic quote, which would be a part of the text; YAML's are ' and \"", key)
		return
	}
	if regexp.MustCompile(placeholder).MatchString(text) {
		r.fault(line(node), "%s is a placeholder in angle brackets: put your own value in its place, without them", key)
		return
	}
	label := strings.ToLower(key)
	secret := slices.ContainsFunc([]string{"password", "secret", "token", "key"}, func(word string) bool { return strings.Contains(label, word) })
	if !secret {
		return
	}
	at := line(node)
	rest := ""
	if at <= len(r.lines) {
		_, rest, _ = strings.Cut(r.lines[at-1], ": ")
		rest = strings.TrimSpace(rest)
	}
	switch node := node.(type) {
	case *ast.StringNode:
		switch {
		case node.Token.Type == token.StringType && strings.Contains(rest, " #"):
			r.fault(at, "%s is not in quotes, so YAML ends it at \" #\"; put it into single quotes", key)
		case node.Token.Type == token.DoubleQuoteType && strings.Contains(label, "password") && strings.ContainsFunc(text, unicode.IsControl):
			r.fault(at, "%s is in double quotes, in which \\ begins an escape; put it into single quotes", key)
		}
	case *ast.NullNode:
		switch {
		case strings.HasPrefix(rest, "#"):
			r.fault(at, "%s is not in quotes, so YAML ends it at \" #\"; put it into single quotes", key)
		case rest == "~" || strings.EqualFold(rest, "null"):
			r.fault(at, "%s is a word that YAML takes for nothing; put it into single quotes", key)
		}
	}
}
