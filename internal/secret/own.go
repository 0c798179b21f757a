package secret

import (
	"sort"
	"strings"
	"time"
)

// ownLine returns the parts of a line that are this program's own whatever the secrets are:
// the time stamp or the outcome in front, the figures behind their names, the duration or the
// class at the end.
func (k *known) ownLine(text string) spans {
	var own spans
	stamp, _, _ := strings.Cut(text, " ")
	if _, err := time.Parse(time.RFC3339, stamp); err == nil {
		own = append(own, span{0, len(stamp)})
	}
	if word, _, found := strings.Cut(text, ": "); found && k.isWord(word) {
		own = append(own, span{0, len(word) + 1})
	}
	if rest, found := strings.CutSuffix(strings.TrimSuffix(text, "\n"), "]"); found {
		if at := strings.LastIndexByte(rest, '['); at >= 0 && classes[rest[at+1:]] {
			own = append(own, span{at, len(rest) + 1})
		}
	}
	for at := 0; at < len(text); {
		end := strings.IndexByte(text[at:], ' ')
		if end < 0 {
			end = len(text) - at
		}
		word := strings.TrimSuffix(text[at:at+end], "\n")
		if name, figure, found := strings.Cut(word, "="); found && figures[name] && isFigure(figure) {
			own = append(own, span{at, at + len(word)})
		}
		at += end + 1
	}
	if rest, found := strings.CutSuffix(strings.TrimSuffix(text, "\n"), " ms"); found {
		if at := strings.LastIndexByte(rest, ' '); at >= 0 && isFigure(rest[at+1:]) && strings.HasSuffix(rest[:at], " in") {
			own = append(own, span{at + 1, len(rest)})
		}
	}
	return own
}

// ownJSON returns the same of a JSON object: its keys, and the values of those that hold
// a time or a figure.
func (k *known) ownJSON(text string) spans {
	var own spans
	key := ""
	for at := 0; at < len(text); {
		switch c := text[at]; {
		case c == '"':
			end := at + 1
			for ; end < len(text) && text[end] != '"'; end++ {
				if text[end] == '\\' {
					end++
				}
			}
			end = min(end+1, len(text))
			inner := text[at+1 : max(at+1, end-1)]
			switch {
			case end < len(text) && text[end] == ':':
				if key = inner; k.isWord(key) {
					own = append(own, span{at, end})
				} else {
					key = ""
				}
			case key == "outcome" && k.isWord(inner), key == "class" && classes[inner]:
				own = append(own, span{at, end})
			case key == "time":
				if _, err := time.Parse(time.RFC3339, inner); err == nil {
					own = append(own, span{at, end})
				}
			}
			at = end
		case c == '-' || c >= '0' && c <= '9':
			end := at + 1
			for end < len(text) && strings.IndexByte("0123456789.eE+-", text[end]) >= 0 {
				end++
			}
			if figures[key] {
				own = append(own, span{at, end})
			}
			at = end
		default:
			at++
		}
	}
	return own
}

// figures are the names of the vocabulary behind which figures stand.
var figures = map[string]bool{
	"requests": true, "writes": true, "tries": true, "try": true, "status": true, "failed_logins": true,
	"writes_turned_away": true, "duration_ms": true, "wait_ms": true, "timeout_ms": true,
}

// classes are the classes of a result: this program's own words in their places, and
// nowhere else.
var classes = map[string]bool{
	"input": true, "credential": true, "permission": true, "account": true, "policy": true, "conflict": true,
	"target": true, "network": true, "tls": true, "timeout": true, "internal": true,
}

// isWord reports whether a name is one of the vocabulary as a whole.
func (k *known) isWord(name string) bool {
	return name != "" && strings.Contains(wordBreak+k.vocabulary+wordBreak, wordBreak+name+wordBreak)
}

func isFigure(text string) bool {
	return text != "" && strings.Trim(text, "0123456789.") == ""
}

// outside returns those of the found parts that are not inside of one of own.
func outside(found []span, own spans) []span {
	if len(own) == 0 || len(found) == 0 {
		return found
	}
	sort.Slice(own, func(i, j int) bool { return own[i].start < own[j].start })
	sort.Slice(found, func(i, j int) bool { return found[i].start < found[j].start })
	var left []span
	for _, one := range found {
		if !own.hide(one) {
			left = append(left, one)
		}
	}
	return left
}
