package recipe

import (
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/itchyny/gojq"
)

// walker goes through an expression before it is compiled, and fills in what is to be known of it.
type walker struct {
	*loader
	e           *expression
	node        ast.Node
	scope       *scope
	bound, used map[string]bool
	refused     bool
}

// refuse reports a word of the expression, where it stands first.
func (w *walker) refuse(word, format string, values ...any) {
	w.refused = true
	at := w.e.at
	if i := strings.Index(w.e.text, word); word != "" && i >= 0 {
		at = placeIn(w.node, w.e.at, w.e.text, i)
	}
	w.add(at, word, format, values...)
}

// bind collects the variables that the expression binds itself. The same name always means
// the same thing in a recipe, so that none may be one of the scope.
func (w *walker) bind(root *gojq.Query) {
	eachQuery(root, func(query *gojq.Query) {
		for _, pattern := range query.Patterns {
			w.pattern(pattern)
		}
	})
}

func (w *walker) pattern(pattern *gojq.Pattern) {
	if pattern == nil {
		return
	}
	if pattern.Name != "" {
		w.local(pattern.Name)
	}
	for _, element := range pattern.Array {
		w.pattern(element)
	}
	for _, member := range pattern.Object {
		if strings.HasPrefix(member.Key, "$") {
			w.local(member.Key)
		}
		w.pattern(member.Val)
	}
}

func (w *walker) local(name string) {
	name = strings.TrimPrefix(name, "$")
	if w.scope.variables[name] != nil {
		w.refuse("$"+name, "the variable exists already, another name is needed here")
	}
	w.bound[name] = true
}

func (w *walker) query(root *gojq.Query) {
	eachQuery(root, func(query *gojq.Query) {
		switch {
		case len(query.FuncDefs) > 0:
			w.refuse("def", "an expression defines no functions of its own")
		case len(query.Imports) > 0 || query.Meta != nil:
			w.refuse("", "an expression reads no modules")
		}
		if query.Op == gojq.OpMul || query.Op == gojq.OpUpdateMul {
			w.refuse("*", "the operator * is not for recipes: objects are merged by +")
		}
		if query.Term != nil {
			w.term(query.Term)
		}
	})
}

func (w *walker) term(term *gojq.Term) {
	switch term.Type {
	case gojq.TermTypeReduce:
		w.refuse("reduce", "an expression has no loops")
	case gojq.TermTypeForeach:
		w.refuse("foreach", "an expression has no loops")
	case gojq.TermTypeLabel, gojq.TermTypeBreak:
		w.refuse("label", "an expression has no loops")
	case gojq.TermTypeRecurse:
		w.refuse("..", "an expression has no loops")
	case gojq.TermTypeFormat, gojq.TermTypeString:
		if term.Format != "" && !formats(term.Format) {
			w.refuse(term.Format, "the format is not for recipes")
		}
	case gojq.TermTypeFunc:
		w.function(term)
	}
	if term.Object != nil {
		for _, member := range term.Object.KeyVals {
			if strings.HasPrefix(member.Key, "$") && member.Val == nil {
				w.variable(member.Key, nil)
			}
		}
	}
}

func (w *walker) function(term *gojq.Term) {
	name := term.Func.Name
	if strings.HasPrefix(name, "$") {
		w.variable(name, term.SuffixList)
		return
	}
	if functions(name) {
		if name == "quoted" || name == "checked" {
			w.guards(term.Func)
		}
		return
	}
	if reason := refusedFor()[name]; reason != "" {
		w.refuse(name, "the function is not for recipes: %s", reason)
		return
	}
	if len(term.Func.Args) == 0 {
		w.refuse(name, `there is no such function here; a literal text is written with quotes of its own, such as '"text"'`)
		return
	}
	w.refuse(name, "there is no such function here")
}

// variable checks the use of a variable, and of the fields that $access and $set have.
func (w *walker) variable(name string, suffixes []*gojq.Suffix) {
	name = strings.TrimPrefix(name, "$")
	if w.bound[name] {
		return
	}
	known := w.scope.variables[name]
	if known == nil {
		if near := nearest(name, slices.Sorted(maps.Keys(w.scope.variables))); near != "" {
			w.refuse("$"+name, "there is no such variable here: is $%s meant?", near)
		} else {
			w.refuse("$"+name, "there is no such variable here: there are $%s", strings.Join(slices.Sorted(maps.Keys(w.scope.variables)), ", $"))
		}
		return
	}
	w.used[name] = true
	if name != varAccess && name != varSet {
		w.note(known, "$"+name)
		return
	}
	field := fieldOf(suffixes)
	if field == "" {
		w.refuse("$"+name, "$%s is used with the name of one field, such as $%s.login", name, name)
		return
	}
	declared, ok := w.scope.fields[field]
	switch {
	case !ok:
		hint := "declare it under fields"
		if near := nearest(field, slices.Sorted(maps.Keys(w.scope.fields))); near != "" {
			hint = "is " + near + " meant?"
		}
		w.refuse(field, "there is no such field: %s", hint)
	case name == varSet && declared.secret():
		w.refuse(field, "the field is secret: it is used as $access.%s", field)
	}
	w.note(declared.variable(), "$"+name+"."+field)
}

// fieldOf is the name of the field that stands behind $access or $set, "" if there is none.
func fieldOf(suffixes []*gojq.Suffix) string {
	if len(suffixes) == 0 || suffixes[0].Index == nil {
		return ""
	}
	index := suffixes[0].Index
	if index.Name == "" && index.Str != nil && len(index.Str.Queries) == 0 {
		return index.Str.Str
	}
	return index.Name
}

// note takes over what is to be known of a value that the expression mentions.
func (w *walker) note(v *variable, written string) {
	w.e.unprintable = w.e.unprintable || v.unprintable
	maps.Copy(w.e.accounts, v.accounts)
	if !v.secret {
		return
	}
	w.e.secret = true
	if len(v.secrets) == 0 {
		w.e.secrets[written] = true
	}
	maps.Copy(w.e.secrets, v.secrets)
}

// flowOf is the flow of a variable that the expression does not bind itself.
func (w *walker) flowOf(name string, suffixes []*gojq.Suffix) flow {
	if name == varAccess || name == varSet {
		return w.scope.fields[fieldOf(suffixes)].variable().flow
	}
	if known := w.scope.variables[name]; known != nil {
		return known.flow
	}
	return flow{}
}

// guards checks that the arguments of a quoting function are such that they do guard.
func (w *walker) guards(function *gojq.Func) {
	for _, argument := range function.Args[min(1, len(function.Args)):] {
		if t := argument.Term; t == nil || t.Type != gojq.TermTypeString || t.Str == nil || len(t.Str.Queries) > 0 || len(t.SuffixList) > 0 {
			w.refuse(function.Name, "what %s goes by is written out as a text", function.Name)
			return
		}
	}
	if function.Name != "checked" || len(function.Args) != 2 {
		return
	}
	fits, err := wholly(function.Args[1].Term.Str.Str)
	switch {
	case err != nil:
		w.refuse(function.Name, "what checked goes by is no regular expression of Go's")
	case !strings.ContainsFunc("'\"`\\;&<:,()=", func(r rune) bool { return !fits.MatchString(string(r)) && !fits.MatchString("a"+string(r)+"a") }):
		w.refuse(function.Name, "the regular expression lets every text through")
	}
}

// eachQuery calls visit for a query and for every query inside it.
func eachQuery(root *gojq.Query, visit func(*gojq.Query)) {
	if root == nil {
		return
	}
	visit(root)
	inside := func(query *gojq.Query) { eachQuery(query, visit) }
	inside(root.Left)
	inside(root.Right)
	for _, pattern := range root.Patterns {
		eachInPattern(pattern, inside)
	}
	for _, definition := range root.FuncDefs {
		inside(definition.Body)
	}
	if root.Term != nil {
		eachInTerm(root.Term, inside)
	}
}

// The functions below call visit for what is directly inside something.

func eachInPattern(pattern *gojq.Pattern, visit func(*gojq.Query)) {
	if pattern == nil {
		return
	}
	for _, element := range pattern.Array {
		eachInPattern(element, visit)
	}
	for _, member := range pattern.Object {
		eachInString(member.KeyString, visit)
		visit(member.KeyQuery)
		eachInPattern(member.Val, visit)
	}
}

func eachInString(text *gojq.String, visit func(*gojq.Query)) {
	if text != nil {
		for _, query := range text.Queries {
			visit(query)
		}
	}
}

func eachInIndex(index *gojq.Index, visit func(*gojq.Query)) {
	if index != nil {
		eachInString(index.Str, visit)
		visit(index.Start)
		visit(index.End)
	}
}

func eachInTerm(term *gojq.Term, visit func(*gojq.Query)) {
	eachInIndex(term.Index, visit)
	eachInString(term.Str, visit)
	visit(term.Query)
	for _, suffix := range term.SuffixList {
		eachInIndex(suffix.Index, visit)
	}
	if term.Func != nil {
		for _, argument := range term.Func.Args {
			visit(argument)
		}
	}
	if term.Object != nil {
		for _, member := range term.Object.KeyVals {
			eachInString(member.KeyString, visit)
			visit(member.KeyQuery)
			visit(member.Val)
		}
	}
	if term.Array != nil {
		visit(term.Array.Query)
	}
	if term.Unary != nil && term.Unary.Term != nil {
		visit(&gojq.Query{Term: term.Unary.Term})
	}
	if term.If != nil {
		visit(term.If.Cond)
		visit(term.If.Then)
		visit(term.If.Else)
		for _, branch := range term.If.Elif {
			visit(branch.Cond)
			visit(branch.Then)
		}
	}
	if term.Try != nil {
		visit(term.Try.Body)
		visit(term.Try.Catch)
	}
	// Reduce, Foreach and Label are refused as a whole.
}
