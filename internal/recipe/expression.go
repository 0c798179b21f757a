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
