package recipe

import (
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// quotationMarks are the characters between which a language of a vendor's may write a value.
const quotationMarks = "'\"`"

// piece is a part of a text that is put together: the recipe's own words, or a value.
type piece struct {
	literal string
	value   flow // of what is no literal
}

// enclosed reports whether one of the values stands between quotation marks of the recipe's own, and
// may have some itself: 'a' + quoted is 'a”b', of which a vendor reads a and then something else.
func enclosed(pieces []piece) bool {
	var open rune
	unknown, marked := false, false
	for _, piece := range pieces {
		escaped := false
		for _, r := range piece.literal {
			switch {
			case escaped:
				escaped = false
			case r == '\\':
				escaped = true
			case open == r:
				open = 0
			case open == 0 && strings.ContainsRune(quotationMarks, r):
				open = r
			}
		}
		marked = marked || piece.value.marked
		unknown = unknown || piece.value.marks
		if open != 0 && piece.value.marked {
			return true
		}
	}
	return unknown && marked
}

// pieces takes a sum of texts apart.
func (f *flows) pieces(q *gojq.Query, in flow) []piece {
	if literal, ok := literalOf(q); ok {
		return []piece{{literal: literal}}
	}
	switch {
	case q.Term == nil && q.Op == gojq.OpAdd:
		return append(f.pieces(q.Left, in), f.pieces(q.Right, in)...)
	case q.Term != nil && q.Term.Type == gojq.TermTypeQuery && len(q.Term.SuffixList) == 0:
		return f.pieces(q.Term.Query, in)
	case q.Term != nil && q.Term.Type == gojq.TermTypeString && q.Term.Str != nil && len(q.Term.SuffixList) == 0:
		return f.piecesOf(q.Term.Format, q.Term.Str, in)
	}
	return []piece{{value: f.query(q, in)}}
}

// piecesOf takes a text with values in it apart.
func (f *flows) piecesOf(format string, text *gojq.String, in flow) (pieces []piece) {
	for _, part := range text.Queries {
		if literal, ok := literalOf(part); ok {
			pieces = append(pieces, piece{literal: literal})
			continue
		}
		pieces = append(pieces, piece{value: f.formatted(format, f.query(part, in))})
	}
	return pieces
}

// literalOf returns the text that a query is, if it is one and nothing else.
func literalOf(q *gojq.Query) (string, bool) {
	if q == nil || q.Term == nil || q.Right != nil || q.Term.Type != gojq.TermTypeString || q.Term.Str == nil || q.Term.Format != "" ||
		len(q.Term.Str.Queries) > 0 || len(q.Term.SuffixList) > 0 {
		return "", false
	}
	return q.Term.Str.Str, true
}

// letsMarksThrough reports whether the regular expression that checked goes by may accept a text with a
// quotation mark in it.
func letsMarksThrough(q *gojq.Query) bool {
	text, ok := literalOf(q)
	if !ok {
		return true
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	return err != nil || matchesMarks(parsed)
}

func matchesMarks(r *syntax.Regexp) bool {
	isMark := func(r rune) bool { return strings.ContainsRune(quotationMarks, r) }
	switch r.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpLiteral:
		return slices.ContainsFunc(r.Rune, isMark)
	case syntax.OpCharClass:
		for i := 0; i+1 < len(r.Rune); i += 2 {
			if strings.ContainsFunc(quotationMarks, func(mark rune) bool { return r.Rune[i] <= mark && mark <= r.Rune[i+1] }) {
				return true
			}
		}
	}
	for _, part := range r.Sub { // a function of slices would link what prints an expression
		if matchesMarks(part) {
			return true
		}
	}
	return false
}

// whole checks that what sets the new password and what tries it send all of it, as it is: a recipe
// that sends a part of it would set another one, and prove that.
func (l *loader) whole() {
	for _, c := range l.recipe.allCalls() {
		which, origin := "new password", fromNew
		if c.phase == inVerify {
			which, origin = "password that is tried", fromTried
		}
		for _, e := range c.requestExpressions() {
			if e.flow.altered&origin != 0 {
				l.add(e.at, c.name, "the %s is sent in part or in another spelling, so that the account would have another one than the vault", which)
			}
		}
	}
}
