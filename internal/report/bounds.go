package report

import (
	"fmt"
	"unicode/utf8"

	"pam-rotate-script/internal/rotation"
)

// The most that is printed of one part of a result, in bytes, and of a list. Together
// they stay below what the scrubber takes in one piece.
const (
	mostName    = 256
	mostMessage = 4 << 10
	mostHint    = 1 << 10
	mostHints   = 16
	// mostSearched is what is searched for secrets of a part that is longer than that: the
	// longest secret that is likely, a key, and more.
	mostSearched = 16 << 10
)

// bounded returns a result whose parts are not longer than people read: payloads and
// answers may hold names of any length.
func (p *Printer) bounded(result rotation.Result) rotation.Result {
	result.Target, result.User, result.Account = p.cut(result.Target, mostName), p.cut(result.User, mostName), p.cut(result.Account, mostName)
	result.Message = p.cut(result.Message, mostMessage)
	result.Hints, result.Warnings = p.cutList(result.Hints), p.cutList(result.Warnings)
	return result
}

// cut bounds a text. The scrubber comes first: it does not find half a secret.
func (p *Printer) cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	if text = p.scrubber.Text(text[:min(len(text), mostSearched)]); len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

func (p *Printer) cutList(list []string) []string {
	if list == nil {
		return nil
	}
	short := make([]string, 0, min(len(list), mostHints+1))
	for i, text := range list {
		if i == mostHints {
			short = append(short, fmt.Sprintf("and %d more", len(list)-i))
			break
		}
		short = append(short, p.cut(text, mostHint))
	}
	return short
}
