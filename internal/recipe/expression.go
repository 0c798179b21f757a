package recipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/itchyny/gojq"

	"pam-rotate-script/internal/targets"
)

const (
	// expressionTime bounds one run of an expression; ordinary ones take microseconds.
	expressionTime = time.Second
	// expressionGrace is how much longer an expression may take to notice that its time is over:
	// one function of jq's, such as sort_by, ends no sooner than it is done.
	expressionGrace = time.Second
	// maxOutput bounds what an expression may give, roughly in bytes.
	maxOutput = 1 << 20
	// maxInside bounds every value that an expression makes on its way.
	maxInside = 16 * maxOutput
	// maxExpression bounds the text of an expression.
	maxExpression = 2000
)

// functions are the names that expressions may call. None of them reads anything but its
// input, and none loops but over its input, so that every expression comes to an end.
var functions = names(`
	all any ascii_downcase capture checked contains del empty endswith error first fromjson has join keys length ltrimstr map
	not quoted rtrimstr same select split startswith sub test tojson tonumber tostring trim type utf8bytelength`)

// formats are the string formats that expressions may use.
var formats = names("@text @json @base64 @base64d @uri")

// names is a set of words that is made when it is first needed: most runs have no recipe.
func names(words string) func(string) bool {
	set := sync.OnceValue(func() map[string]bool {
		set := map[string]bool{}
		for _, word := range strings.Fields(words) {
			set[word] = true
		}
		return set
	})
	return func(word string) bool { return set()[word] }
}

// pattern is a regular expression that is compiled when it is first needed.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// refusedFor says why a well-known function of jq is not among functions.
var refusedFor = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"env": "the environment is not read", "input": "there is no further input", "inputs": "there is no further input",
		"debug": "nothing is printed", "stderr": "nothing is printed", "halt": "an expression ends nothing", "halt_error": "an expression ends nothing",
		"input_filename": "no file is read", "input_line_number": "no file is read", "modulemeta": "there are no modules",
		"get_search_list": "there are no modules", "now": "the time is not read", "localtime": "the time zone is not read",
		"strflocaltime": "the time zone is not read", "reduce": "there are no loops", "foreach": "there are no loops",
		"def": "there are no functions of one's own", "repeat": "there are no loops", "while": "there are no loops", "until": "there are no loops",
		"range": "there are no loops", "recurse": "there are no loops", "limit": "there are no loops", "walk": "there are no loops", "label": "there are no loops",
	}
})

// expression is one compiled jq expression.
type expression struct {
	at   position
	text string
	code *gojq.Code
	// free are the variables that it uses, in the order in which code wants their
	// values; the names are without "$".
	free []string
	// secret says that one of them is.
	secret bool
	// unprintable says that one of them came from the answer to a credential.
	unprintable bool
	// secrets are the secret values that it mentions, as they are written in recipes.
	secrets nameSet
	// accounts are the fields per account that it mentions, by way of other values too.
	accounts nameSet
	// flow says what its value is made of.
	flow flow
	// names says that it compares the answer with the account.
	names bool
	// mayBeNull says that the expression itself gives null where there is nothing else.
	mayBeNull bool
}

// fault is the error of an expression that failed. It shows no value, and nothing of jq's own
// error, which does.
func (e *expression) fault() error {
	return fmt.Errorf("the expression at %s failed", e.at)
}

// uses reports whether the expression uses a variable.
func (e *expression) uses(name string) bool { return e != nil && slices.Contains(e.free, name) }

// tooLong is the context's key for what a run keeps: whether an expression has run out of time.
// Another try would take as long, at 1 MiB of answer and for each call anew.
type tooLong struct{}

// run gives the one output of the expression. Variables that have no value are null. After one
// that ran out of time none is begun with the same context.
func (e *expression) run(whole context.Context, input any, values map[string]any) (any, error) {
	over, kept := whole.Value(tooLong{}).(*atomic.Bool)
	if kept && over.Load() {
		return nil, e.late()
	}
	ctx, cancel := context.WithTimeout(whole, expressionTime)
	defer cancel()
	defer func() {
		if kept && ctx.Err() != nil && whole.Err() == nil {
			over.Store(true)
		}
	}()
	arguments := make([]any, len(e.free))
	for i, name := range e.free {
		arguments[i] = values[name]
	}
	type result struct {
		output any
		err    error
	}
	done := make(chan result, 1)
	go func() {
		output, err := e.evaluate(ctx, input, arguments)
		done <- result{output, err}
	}()
	timer := time.NewTimer(expressionTime + expressionGrace)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.output, r.err
	case <-timer.C: // it is left to itself, and changes nothing
		return nil, e.late()
	}
}

func (e *expression) late() error { return fmt.Errorf("the expression at %s takes too long", e.at) }

func (e *expression) evaluate(ctx context.Context, input any, arguments []any) (output any, err error) {
	defer func() {
		if recover() != nil {
			output, err = nil, e.fault()
		}
	}()
	results := e.code.RunWithContext(ctx, input, arguments...)
	output, ok := results.Next()
	if ctx.Err() != nil {
		return nil, e.late()
	}
	if _, failed := output.(error); failed || !ok {
		return nil, e.fault()
	}
	if _, more := results.Next(); more {
		return nil, fmt.Errorf("the expression at %s gives more than one value", e.at)
	}
	if budget := maxOutput; !within(output, &budget) {
		return nil, fmt.Errorf("the expression at %s gives more than %d KiB", e.at, maxOutput>>10)
	}
	return output, nil
}

// holds reports whether a condition gives true. A condition that fails says neither yes nor no:
// whoever asks must not go on as if it had said no.
func (e *expression) holds(ctx context.Context, input any, values map[string]any) (bool, error) {
	output, err := e.run(ctx, input, values)
	return err == nil && output == true, err
}

// within takes the size of a value off the budget and reports whether it was enough.
func within(value any, budget *int) bool {
	*budget -= 8
	switch value := value.(type) {
	case string:
		*budget -= len(value)
	case json.Number:
		*budget -= len(value)
	case *big.Int:
		*budget -= value.BitLen() / 8
	case []any:
		for _, element := range value {
			if *budget < 0 || !within(element, budget) {
				return false
			}
		}
	case map[string]any:
		for name, element := range value {
			*budget -= len(name)
			if *budget < 0 || !within(element, budget) {
				return false
			}
		}
	}
	return *budget >= 0
}

// expression compiles the expression of a scalar. Every variable that it uses must be in
// the scope.
func (l *loader) expression(node ast.Node, what string, scope *scope) *expression {
	if node == nil {
		return nil
	}
	text, ok := scalarText(node)
	at := nodePosition(node)
	switch {
	case !ok:
		l.add(at, "", "%s is an expression, found %s", what, kindOf(node))
		return nil
	case strings.TrimSpace(text) == "":
		l.add(at, "", "%s is an empty expression", what)
		return nil
	case len(text) > maxExpression:
		l.add(at, "", "%s is an expression of more than %d bytes", what, maxExpression)
		return nil
	}
	query, err := parseQuery(text)
	if err != nil {
		var syntax *gojq.ParseError
		near := ""
		place := at
		if errors.As(err, &syntax) {
			near = syntax.Token
			place = placeIn(node, at, text, syntax.Offset-len(syntax.Token))
		}
		l.add(place, near, "%s is no jq expression", what)
		return nil
	}
	w := &walker{loader: l, node: node, scope: scope, bound: map[string]bool{}, used: map[string]bool{},
		e: &expression{at: at, text: text, secrets: nameSet{}, accounts: nameSet{}, mayBeNull: saysNull(query)}}
	w.bind(query)
	w.query(query)
	if w.refused {
		return nil
	}
	e := w.e
	e.free = slices.Sorted(maps.Keys(w.used))
	in := flow{}
	if scope.variables[varStatus] != nil {
		in.made = fromAnswer
	}
	f := &flows{variable: w.flowOf, local: map[string]flow{}}
	e.flow = f.query(query, in)
	e.names = f.names
	var variables []string
	for _, name := range e.free {
		variables = append(variables, "$"+name)
		scope.used[name] = true
	}
	bound(query)
	e.code, err = gojq.Compile(query,
		gojq.WithVariables(variables),
		gojq.WithEnvironLoader(func() []string { return nil }),
		gojq.WithFunction(fitsName, 0, 0, checkSize),
		gojq.WithFunction("same", 2, 2, same),
		gojq.WithFunction("quoted", 2, 3, quoted),
		gojq.WithFunction("checked", 2, 2, checked))
	if err != nil {
		// Its text may quote the expression.
		l.add(at, "", "%s is no expression that jq can compile: a function with a wrong number of arguments, or a variable out of place", what)
		return nil
	}
	return e
}

func parseQuery(text string) (query *gojq.Query, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the parser panicked")
		}
	}()
	return gojq.Parse(text)
}

// same compares two texts without regard to the case of ASCII letters.
func same(_ any, arguments []any) any {
	a, isText := arguments[0].(string)
	b, both := arguments[1].(string)
	return isText && both && targets.SameName(a, b)
}

// quoted puts a text between quotation marks. A mark inside is written twice or, with a third
// argument, behind that character, which then stands before itself, too.
func quoted(_ any, arguments []any) any {
	value, isText := arguments[0].(string)
	mark, isMark := arguments[1].(string)
	switch {
	case !isText:
		return errors.New("quoted takes a text")
	case !isMark || len(mark) != 1:
		return errors.New("the quotation mark is one ASCII character")
	case len(arguments) == 2:
		return mark + strings.ReplaceAll(value, mark, mark+mark) + mark
	}
	escape, isText := arguments[2].(string)
	if !isText || len(escape) != 1 {
		return errors.New("what stands before a quotation mark is one ASCII character")
	}
	return mark + strings.NewReplacer(escape, escape+escape, mark, escape+mark).Replace(value) + mark
}

// checked gives a text back if the whole of it fits a regular expression.
func checked(_ any, arguments []any) any {
	value, isText := arguments[0].(string)
	fits, isPattern := arguments[1].(string)
	if !isText || !isPattern {
		return errors.New("checked takes a text and a regular expression")
	}
	compiled, err := wholly(fits)
	if err != nil || !compiled.MatchString(value) {
		return errors.New("the text does not fit")
	}
	return value
}

func wholly(expression string) (*regexp.Regexp, error) {
	return regexp.Compile(`\A(?:` + expression + `)\z`)
}

// fitsName is the function that bound puts into expressions. Recipes cannot call it.
const fitsName = "fits"

// checkSize gives its input back, unless it is larger than anything that a recipe needs. A value may
// hold another one many times over and need no memory for it; it counts each time, since
// comparing it or making a text of it would.
func checkSize(input any, _ []any) any {
	if budget := maxInside; !within(input, &budget) {
		return errors.New("a value is too large")
	}
	return input
}

// bound has the size of every value looked at that an expression makes, by putting fits behind
// what makes one. Otherwise a few characters that double a value, again and again, would use up
// the machine's memory before the time is over.
func bound(query *gojq.Query) {
	if query == nil {
		return
	}
	switch query.Op {
	case gojq.OpAssign, gojq.OpModify, gojq.OpUpdateAdd, gojq.OpUpdateSub, gojq.OpUpdateMul, gojq.OpUpdateDiv, gojq.OpUpdateMod, gojq.OpUpdateAlt:
		// On the left stands a path into the input, which makes no value.
		bound(query.Right)
	default:
		bound(query.Left)
		bound(query.Right)
	}
	for _, pattern := range query.Patterns {
		eachInPattern(pattern, bound)
	}
	grows := query.Op == gojq.OpAdd
	if term := query.Term; term != nil {
		grows = term.Object != nil || term.Array != nil || term.Str != nil && len(term.Str.Queries) > 0 ||
			term.Func != nil && !strings.HasPrefix(term.Func.Name, "$")
		// The argument of del is a path.
		if term.Func == nil || term.Func.Name != "del" {
			eachInTerm(term, bound)
		}
	}
	if query.Op == gojq.OpPipe {
		query.Left = fitted(query.Left)
	}
	if grows {
		inner := *query
		*query = *fitted(&inner)
	}
}

func fitted(query *gojq.Query) *gojq.Query {
	return &gojq.Query{Left: query, Op: gojq.OpPipe, Right: &gojq.Query{
		Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: fitsName}},
	}}
}

// placeIn is the place of an offset into an expression's text, where the text is on one line;
// otherwise the place where it begins.
func placeIn(node ast.Node, at position, text string, offset int) position {
	if offset < 0 || offset > len(text) || strings.Contains(text, "\n") {
		return at
	}
	if _, literal := node.(*ast.LiteralNode); literal {
		return at
	}
	column := at.column + len([]rune(text[:offset]))
	if t := node.GetToken(); t != nil && t.Origin != "" && strings.ContainsAny(strings.TrimLeft(t.Origin, " \n")[:1], `'"`) {
		column++
	}
	return position{at.line, column}
}

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
