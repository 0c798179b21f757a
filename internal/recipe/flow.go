package recipe

import (
	"strings"

	"github.com/itchyny/gojq"
)

// origin is a set of what values are made of.
type origin uint8

const (
	fromUser    origin = 1 << iota // $user
	fromNew                        // $new
	fromOld                        // $old
	fromTried                      // $tried
	fromAccount                    // a field per account
	fromAnswer                     // the answer that is judged
	fromLookUp                     // what a call of check or change has kept of its answer

	// payload are the values that somebody else than the recipe's author chose.
	payload = fromUser | fromNew | fromOld | fromTried | fromAccount
	// account are those that say who is meant.
	account = fromUser | fromAccount | fromLookUp
)

// String names the values of the payload.
func (o origin) String() string {
	var words []string
	for i, word := range []string{"$user", "$new", "$old", "$tried", "a field per account"} {
		if o&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

// flow says what the value of an expression is made of. It is worked out from the expression's
// text when a recipe is loaded: whatever is not understood counts as the worst.
type flow struct {
	// made are the values that it is made of, in whatever form.
	made origin
	// bare are those of them that no quoting function has been applied to.
	bare origin
	// joined says that a bare value is one text with something else: whoever chose it also
	// chooses what the text means.
	joined bool
	// altered are those of which it may hold no more than a part, or another spelling.
	altered origin
	// marked says that a quoting function may have put a value between quotation marks, or left
	// some in it; marks, that the recipe's own text has some.
	marked, marks bool
	// enclosed says that a marked value stands between quotation marks of the recipe's own,
	// which its own ones end.
	enclosed bool
}

func (f flow) with(other flow) flow {
	return flow{
		f.made | other.made, f.bare | other.bare, f.joined || other.joined, f.altered | other.altered,
		f.marked || other.marked, f.marks || other.marks, f.enclosed || other.enclosed,
	}
}

// join is the flow of texts that are put together.
func (f flow) join() flow {
	f.joined = f.joined || f.bare != 0
	return f
}

// cut is the flow of a piece of a text, which may be what stood between quotes.
func (f flow) cut() flow {
	f.bare = f.made & payload
	return f.alter()
}

// alter is the flow of a value that may not be the whole one any more.
func (f flow) alter() flow {
	f.altered = f.made
	return f
}

// quoted is the flow of a value whose characters can do no harm any more, but between quotation
// marks if it may have some.
func (f flow) quoted(marked bool) flow {
	f.bare, f.marked, f.marks = 0, marked && f.made&payload != 0, false
	return f
}

var (
	// silent are the functions whose value shows nothing of what they look at.
	silent = names("all any contains empty endswith error has length not same startswith test type utf8bytelength")
	// passing are the functions that give their input back, or what it holds.
	passing = names("del first select tostring")
	// altering are the functions that give their input in another spelling, or what it is called by.
	altering = names("ascii_downcase keys tonumber")
	// cutting are the functions that give pieces of texts, and so undo a quotation.
	cutting = names("capture fromjson ltrimstr rtrimstr split trim @base64d")
	// mappers are the functions that give what their argument makes of the input.
	mappers = names("map first")
	// quoting are the formats and functions that leave a value no way out of its place.
	quoting = names("@json @uri @base64 tojson quoted checked")
	// marking are those of them that put it between quotation marks.
	marking = names("@json tojson quoted")
)

// flows works out the flow of one expression.
type flows struct {
	variable func(name string, suffixes []*gojq.Suffix) flow
	local    map[string]flow
	// names is set if the answer is compared with the account somewhere.
	names bool
}

// compare notes a comparison.
func (f *flows) compare(a, b flow) {
	if a.made&fromAnswer != 0 && b.made&account != 0 || b.made&fromAnswer != 0 && a.made&account != 0 {
		f.names = true
	}
}

func (f *flows) query(q *gojq.Query, in flow) flow {
	switch {
	case q == nil:
		return flow{}
	case q.Term != nil && q.Right == nil:
		return f.term(q.Term, in)
	}
	left := f.query(q.Left, in)
	switch q.Op {
	case gojq.OpPipe:
		if len(q.Patterns) == 0 {
			return f.query(q.Right, left)
		}
		for _, pattern := range q.Patterns {
			f.bind(pattern, left)
		}
		return f.query(q.Right, in)
	case gojq.OpComma, gojq.OpAlt:
		return left.with(f.query(q.Right, in))
	case gojq.OpAdd:
		both := left.with(f.query(q.Right, in))
		if container(q.Left) || container(q.Right) {
			return both
		}
		both.enclosed = both.enclosed || enclosed(f.pieces(q, in))
		return both.join()
	case gojq.OpSub, gojq.OpDiv:
		return left
	case gojq.OpAssign, gojq.OpModify, gojq.OpUpdateAlt:
		return in.with(f.query(q.Right, in))
	case gojq.OpUpdateAdd:
		both := in.with(f.query(q.Right, in))
		if container(q.Right) {
			return both
		}
		return both.join()
	case gojq.OpUpdateSub, gojq.OpUpdateDiv, gojq.OpUpdateMod:
		return in
	}
	// Of what is left, nothing gives a text. A comparison may say which account the answer is about.
	right := f.query(q.Right, in)
	if q.Op == gojq.OpEq {
		f.compare(left, right)
	}
	return flow{}
}

// container reports whether a query surely gives a list or an object, to which no text can be added.
func container(q *gojq.Query) bool {
	switch {
	case q == nil:
		return false
	case q.Term == nil:
		return q.Op == gojq.OpPipe && container(q.Right) || q.Op == gojq.OpAdd && (container(q.Left) || container(q.Right))
	case len(q.Term.SuffixList) > 0:
		return false
	case q.Term.Query != nil:
		return container(q.Term.Query)
	}
	return q.Term.Type == gojq.TermTypeObject || q.Term.Type == gojq.TermTypeArray
}

// bind gives the variables of a pattern a flow. Where a name is bound twice, both count.
func (f *flows) bind(pattern *gojq.Pattern, value flow) {
	if pattern == nil {
		return
	}
	name := func(name string) {
		name = strings.TrimPrefix(name, "$")
		f.local[name] = f.local[name].with(value)
	}
	if pattern.Name != "" {
		name(pattern.Name)
	}
	for _, element := range pattern.Array {
		f.bind(element, value)
	}
	for _, member := range pattern.Object {
		if strings.HasPrefix(member.Key, "$") {
			name(member.Key)
		}
		f.bind(member.Val, value)
	}
}

func (f *flows) term(t *gojq.Term, in flow) flow {
	switch t.Type {
	case gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse, gojq.TermTypeNumber, gojq.TermTypeUnary:
		return flow{}
	case gojq.TermTypeFormat, gojq.TermTypeString:
		return f.cut(f.text(t.Format, t.Str, in), t.SuffixList)
	case gojq.TermTypeFunc:
		return f.cut(f.function(t, in), t.SuffixList)
	case gojq.TermTypeObject:
		return f.object(t.Object, in)
	case gojq.TermTypeArray:
		return f.query(t.Array.Query, in)
	case gojq.TermTypeQuery:
		return f.cut(f.query(t.Query, in), t.SuffixList)
	case gojq.TermTypeIndex:
		f.compare(in, f.query(t.Index.Start, in)) // .[$user]
		if t.Index.IsSlice {
			in = in.cut()
		}
		return f.cut(in, t.SuffixList)
	case gojq.TermTypeIf:
		f.query(t.If.Cond, in)
		found := f.query(t.If.Then, in)
		for _, branch := range t.If.Elif {
			f.query(branch.Cond, in)
			found = found.with(f.query(branch.Then, in))
		}
		if t.If.Else == nil {
			return found.with(in)
		}
		return found.with(f.query(t.If.Else, in))
	case gojq.TermTypeTry:
		found := f.query(t.Try.Body, in)
		if t.Try.Catch == nil {
			return found
		}
		// jq puts the values that were at fault into the text of the error.
		told := in
		eachQuery(t.Try.Body, func(q *gojq.Query) {
			if q.Term != nil && q.Term.Type == gojq.TermTypeFunc && strings.HasPrefix(q.Term.Func.Name, "$") {
				told = told.with(f.named(q.Term.Func.Name, q.Term.SuffixList))
			}
		})
		return found.with(f.query(t.Try.Catch, told.join()))
	}
	return f.cut(in, t.SuffixList) // the input or a part of it
}

// cut is the flow of a piece, where one of the suffixes takes a piece of a text.
func (f *flows) cut(value flow, suffixes []*gojq.Suffix) flow {
	for _, suffix := range suffixes {
		switch {
		case suffix.Index == nil:
		case suffix.Index.IsSlice:
			value = value.cut()
		default:
			f.compare(value, f.query(suffix.Index.Start, value))
		}
	}
	return value
}

// text is the flow of a text, which may have values in it, or of a format.
func (f *flows) text(format string, text *gojq.String, in flow) flow {
	if text == nil {
		return f.formatted(format, in)
	}
	found := flow{marks: strings.ContainsAny(text.Str, quotationMarks)}
	for _, part := range text.Queries {
		if literal, ok := literalOf(part); ok {
			found.marks = found.marks || strings.ContainsAny(literal, quotationMarks)
			continue
		}
		found = found.with(f.formatted(format, f.query(part, in)))
	}
	if len(text.Queries) > 1 {
		found.enclosed = found.enclosed || enclosed(f.piecesOf(format, text, in))
		return found.join()
	}
	return found
}

func (f *flows) formatted(format string, value flow) flow {
	switch {
	case quoting(format):
		return value.quoted(marking(format))
	case cutting(format):
		return value.cut()
	}
	return value
}

func (f *flows) object(object *gojq.Object, in flow) flow {
	var found flow
	for _, member := range object.KeyVals {
		if member.KeyString != nil {
			found = found.with(f.text("", member.KeyString, in))
		}
		found = found.with(f.query(member.KeyQuery, in))
		switch {
		case member.Val != nil:
			found = found.with(f.query(member.Val, in))
		case strings.HasPrefix(member.Key, "$"):
			found = found.with(f.named(member.Key, nil))
		default:
			found = found.with(in)
		}
	}
	return found
}

func (f *flows) named(name string, suffixes []*gojq.Suffix) flow {
	name = strings.TrimPrefix(name, "$")
	if local, ok := f.local[name]; ok {
		return local
	}
	return f.variable(name, suffixes)
}

func (f *flows) function(t *gojq.Term, in flow) flow {
	name, arguments := t.Func.Name, t.Func.Args
	if strings.HasPrefix(name, "$") {
		return f.named(name, t.SuffixList)
	}
	all, first := in, flow{}
	for i, argument := range arguments { // each once: they may be nested
		given := f.query(argument, all)
		f.compare(all, given) // has, same and contains; a comparison inside has noted itself
		if all = all.with(given); i == 0 {
			first = given
		}
	}
	switch {
	case silent(name):
		return flow{}
	case name == "quoted":
		return first.quoted(true)
	case name == "checked":
		return first.quoted(len(arguments) < 2 || letsMarksThrough(arguments[1]))
	case quoting(name):
		return in.quoted(marking(name))
	case mappers(name) && len(arguments) == 1:
		return first
	case passing(name):
		return in
	case altering(name):
		return in.alter()
	case cutting(name), name == "sub" && len(arguments) > 1 && emptyText(arguments[1]):
		return in.cut()
	}
	// join, sub and whatever is not known puts texts together.
	all.enclosed = all.enclosed || all.marked && all.marks
	return all.join()
}

// emptyText reports whether a query is the text "".
func emptyText(q *gojq.Query) bool {
	return q.Term != nil && q.Term.Type == gojq.TermTypeString && q.Term.Format == "" && q.Term.Str != nil &&
		q.Term.Str.Str == "" && len(q.Term.Str.Queries) == 0 && len(q.Term.SuffixList) == 0
}

// saysNull reports whether an expression itself gives null as a last resort: behind //, or in a
// branch.
func saysNull(q *gojq.Query) bool {
	switch {
	case q == nil:
		return false
	case q.Term == nil:
		return (q.Op == gojq.OpAlt || q.Op == gojq.OpPipe) && saysNull(q.Right)
	case len(q.Term.SuffixList) > 0:
		return false
	}
	switch t := q.Term; t.Type {
	case gojq.TermTypeNull:
		return true
	case gojq.TermTypeQuery:
		return saysNull(t.Query)
	case gojq.TermTypeIf:
		for _, branch := range t.If.Elif {
			if saysNull(branch.Then) {
				return true
			}
		}
		return saysNull(t.If.Then) || saysNull(t.If.Else)
	}
	return false
}
