package recipe

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml/ast"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/targets"
)

// Limits of what a recipe may describe.
const (
	maxCalls   = 32
	maxFields  = 32
	maxTests   = 64
	longestRun = 24 * time.Hour
	longestFor = 10 * time.Minute // of one call, one wait
)

// The names of the variables that are always there.
const (
	varUser   = "user"
	varNew    = "new"
	varOld    = "old"
	varTried  = "tried"
	varAccess = "access"
	varSet    = "set"
	varStatus = "status"
	varHeader = "header"
	varText   = "text"
	varToken  = "token"
)

// Recipe is a loaded recipe. It does not change, and may be used by many runs at once.
type Recipe struct {
	// Name is the value of the key name.
	Name string
	// Title and Summary are for people, as in targets.Info.
	Title, Summary string
	// Tried says how far the recipe was tried: "documents alone", or a real product with
	// its version.
	Tried string
	// Documents are the vendor's pages that the calls come from.
	Documents []string
	// Notes are paragraphs for the administrator.
	Notes []string
	// Tests are the recipe's own.
	Tests []Test

	file     string
	timeout  time.Duration
	fields   []field
	base     base
	lets     []binding
	subject  *expression
	requires []requirement
	auth     *auth
	check    []*call
	account  *expression
	change   []*call
	verify   []*call
	close    []*call
	proof    proof
	repeats  bool   // a repeat of the write does no harm
	because  string // of that
	settle   time.Duration
	save     []saving
	warnings []string
	errors   []*expression // null where there are no such words
	problems []Problem     // warnings only
}

// field is one of the recipe's own fields.
type field struct {
	params.Field
	name string // in expressions
	at   position
}

func (f field) secret() bool { return f.Secret || f.Kind == params.Secret }

// base is where calls go that name no host.
type base struct {
	label string
	root  string // the path at which the API begins, "" if it is not known
}

// binding gives a name to the value of an expression.
type binding struct {
	name  string
	value *expression
}

// requirement is what must hold before anything is sent.
type requirement struct {
	that  *expression
	says  string
	class api.Class
	field string // the label that the fault is reported under, "" for none
}

// proof is how a change is proved.
type proof struct {
	by     targets.Proof
	nobody string // why the login is a proof although its answer names nobody, "" if it does
	cache  bool   // an outdated password may be accepted for a while
	// newOnly says that what verify reads knows nothing of the old password.
	newOnly bool
}

// saving is a value that goes back to the record.
type saving struct {
	label string
	value *expression
}

// scope is what an expression may use.
type scope struct {
	variables map[string]*variable
	fields    map[string]field
	used      map[string]bool // by any expression of the recipe
}

type variable struct {
	secret bool
	at     position // zero for those that are always there
	// The rest is as in expression.
	unprintable bool
	secrets     nameSet
	accounts    nameSet
	flow        flow
}

// kept is a variable with the value of an expression.
func (e *expression) kept(at position) *variable {
	return &variable{secret: e.secret, at: at, unprintable: e.unprintable, secrets: e.secrets, accounts: e.accounts, flow: e.flow}
}

// variable is a field as expressions use it.
func (f field) variable() *variable {
	v := &variable{secret: f.secret()}
	if f.PerAccount {
		v.accounts, v.flow = nameSet{f.Label: true}, flow{made: fromAccount, bare: fromAccount}
	}
	return v
}

// chosenBy is the variable of a value that the payload brings.
func chosenBy(from origin, secret bool) *variable {
	return &variable{secret: secret, flow: flow{made: from, bare: from}}
}

// with returns the scope with some more variables.
func (s *scope) with(names ...string) *scope {
	wider := &scope{variables: maps.Clone(s.variables), fields: s.fields, used: s.used}
	for _, name := range names {
		switch wider.variables[name] = (&variable{}); name {
		case varTried:
			wider.variables[name] = chosenBy(fromTried, true)
		case varHeader, varText:
			wider.variables[name].flow.made = fromAnswer
		}
	}
	return wider
}

// loader reads one recipe.
type loader struct {
	problems
	recipe *Recipe
	scope  *scope // what is known after the calls read so far
	calls  int
	trying map[string]bool // $tried, and the values that calls of verify make of it
}

// inGo are the names of the targets that are written in Go.
var inGo = []string{"teramind", "venafi", "sailpoint", "sps", "rest"}

var fieldKeys = []string{"kind", "required", "secret", "per account", "default", "help", "choices"}

var topKeys = []string{
	"name", "title", "summary", "documents", "tried", "notes", "fields", "base", "let", "subject", "require", "auth",
	"check", "account", "change", "proof", "verify", "close", "repeat", "settle", "save", "warn", "timeout", "errors", "tests",
}

// Load reads a recipe; name is what messages call it, such as its file name. The error is
// a *LoadError with every problem that was found.
func Load(source []byte, name string) (*Recipe, error) {
	l := load(source, name)
	if found := l.errors(); len(found) > 0 {
		return nil, &LoadError{Problems: found}
	}
	l.recipe.problems = l.sorted()
	return l.recipe, nil
}

// Lint returns everything there is to say about a recipe: what keeps it from loading, and
// warnings. Its file name is "recipe".
func Lint(source []byte) []Problem {
	l := load(source, "recipe")
	return l.sorted()
}

func load(source []byte, file string) *loader {
	l := &loader{recipe: &Recipe{file: file}, trying: map[string]bool{varTried: true}}
	l.file = file
	l.scope = &scope{variables: map[string]*variable{
		varUser: chosenBy(fromUser, false), varNew: chosenBy(fromNew, true), varOld: chosenBy(fromOld, true), varAccess: {}, varSet: {},
	}, fields: map[string]field{}, used: map[string]bool{}}
	root := parseYAML(bytes.TrimPrefix(source, []byte("\xef\xbb\xbf")), &l.problems)
	if root == nil {
		return l
	}
	if top := l.mapping(root, "a recipe", topKeys); top != nil {
		l.top(top)
	}
	return l
}

var (
	plainName = pattern(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	letName   = pattern(`^[a-z][a-z0-9_]*$`)
)

// top reads the keys of the top level in the order in which a run needs them.
func (l *loader) top(top *mapping) {
	r := l.recipe
	for _, key := range []string{"name", "title", "summary", "documents", "tried", "base", "change", "proof"} {
		if top.get(key) == nil {
			l.add(top.at, key, "a recipe needs the key %s", key)
		}
	}
	r.Name = l.text(top.get("name"), "the name")
	if r.Name != "" && !plainName().MatchString(r.Name) {
		l.add(nodePosition(top.get("name")), "", "the name is made of lower case letters, digits and hyphens, found something else")
	}
	if slices.Contains(inGo, r.Name) {
		l.add(nodePosition(top.get("name")), r.Name, "the name is that of a target which comes with the program, and a result would not tell them apart")
	}
	r.Title = l.text(top.get("title"), "the title")
	r.Summary = l.text(top.get("summary"), "the summary")
	r.Documents = l.texts(top.get("documents"), "documents")
	r.Notes = l.texts(top.get("notes"), "notes")
	r.warnings = l.texts(top.get("warn"), "warn")
	r.errors = l.errorWords(top.get("errors"))
	if r.Tried = l.text(top.get("tried"), "tried"); r.Tried != "" && r.Tried != "documents alone" && !strings.ContainsAny(r.Tried, "0123456789") {
		l.add(nodePosition(top.get("tried")), "", `tried is "documents alone" or a product with its version, found something else`)
	}
	r.timeout = l.duration(top.get("timeout"), "timeout", longestRun)
	if r.timeout%time.Second != 0 {
		l.add(nodePosition(top.get("timeout")), "", "timeout is a number of whole seconds, found something else")
	}

	l.fields(top.get("fields"))
	l.base(top)
	r.lets = l.topLets(top.get("let"))
	r.subject = l.expression(top.get("subject"), "the subject", l.scope)
	if r.subject != nil && r.subject.secret {
		l.add(r.subject.at, "", "the subject is printed, so it is made of nothing secret")
	}
	r.requires = l.requires(top.get("require"), l.scope, "field")
	l.proofKey(top.get("proof"))
	l.repeatKey(top.get("repeat"))
	if r.settle = l.duration(top.get("settle"), "settle", longestFor); r.settle%time.Second != 0 {
		l.add(nodePosition(top.get("settle")), "", "settle is a number of whole seconds, found something else")
	}

	r.auth = l.topAuth(top.get("auth"))
	r.check = l.callList(top, "check", inCheck)
	if r.account = l.expression(top.get("account"), "the account", l.scope); r.account != nil && (r.account.secret || r.account.unprintable) {
		l.add(r.account.at, "", "the account is printed, so it is made of nothing secret, nor of the answer to a credential")
	}
	r.change = l.callList(top, "change", inChange)
	l.oneWrite(top)
	if saved := l.mapping(top.get("save"), "save", anyKey); saved != nil {
		for _, entry := range saved.entries {
			value := l.expression(entry.value, "a value to save", l.scope)
			l.label(entry.key, entry.at)
			if slices.Contains([]string{"password", "login", "uid", "title"}, params.NormaliseLabel(entry.key)) {
				l.add(entry.at, entry.key, "the field is the Gateway's own to change")
			}
			r.save = append(r.save, saving{entry.key, value})
		}
	}
	r.verify = l.callList(top, "verify", inVerify)
	l.fitProof(top)
	r.close = l.callList(top, "close", inClose)
	l.grants()
	l.signIns()
	l.creates()
	l.newPassword()
	l.holes()
	l.addressed()
	if l.calls > maxCalls {
		l.add(top.at, "", "a recipe has at most %d calls, found %d", maxCalls, l.calls)
	}
	l.unused()
	r.Tests = l.tests(top.get("tests"))
	l.advise(top)
}

// fields reads the recipe's own fields of the access record.
func (l *loader) fields(node ast.Node) {
	m := l.mapping(node, "fields", anyKey)
	if m == nil {
		return
	}
	if len(m.entries) > maxFields {
		l.add(m.at, "", "a recipe has at most %d fields", maxFields)
	}
	kinds := map[string]params.Kind{}
	for _, kind := range []params.Kind{params.Text, params.Secret, params.URL, params.Choice} {
		kinds[kind.String()] = kind
	}
	taken := map[string]string{}
	for _, common := range append(targets.CommonFields(targets.Info{}), params.Field{Label: "Access Record"}) {
		for _, label := range append(common.Aliases, common.Label) {
			taken[params.NormaliseLabel(label)] = "is one that every target has"
		}
	}
	for _, entry := range m.entries {
		f := field{at: entry.at, name: fieldName(entry.key)}
		f.Label = entry.key
		l.label(entry.key, entry.at)
		if !letName().MatchString(f.name) {
			l.add(entry.at, entry.key, "the label of a field begins with a letter and is made of letters, digits and blanks")
			continue
		}
		if why := taken[params.NormaliseLabel(entry.key)]; why != "" {
			l.add(entry.at, entry.key, "the label %s", why)
			continue
		}
		taken[params.NormaliseLabel(entry.key)] = "is there twice"
		keys := l.mapping(entry.value, "a field", fieldKeys)
		if keys == nil {
			continue
		}
		kind := l.text(keys.get("kind"), "the kind of a field")
		known := false
		if f.Kind, known = kinds[cmp.Or(kind, "text")]; !known {
			l.add(keys.of("kind"), "", "the kind of a field is one of %s, found something else", strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
		}
		f.Required = l.bool(keys.get("required"), "required")
		f.Secret = l.bool(keys.get("secret"), "secret") || f.Kind == params.Secret
		f.PerAccount = l.bool(keys.get("per account"), "per account")
		f.Help = l.text(keys.get("help"), "help")
		if f.Help == "" {
			l.add(entry.at, entry.key, "a field needs help: a sentence that says what belongs there")
		}
		f.Choices = l.texts(keys.get("choices"), "choices")
		f.Default = l.text(keys.get("default"), "the default")
		if (f.Kind == params.Choice) != (len(f.Choices) > 0) {
			l.add(entry.at, entry.key, "choices belong to a field of the kind choice, and to no other")
		}
		if f.PerAccount && (f.secret() || f.Kind == params.URL) {
			l.add(keys.of("per account"), "", "a field per account may stand on the record of a user, so it is neither secret nor an address")
		}
		if f.Default != "" {
			switch {
			case f.Kind == params.URL && !isAddress(f.Default), f.Kind != params.URL && !defaultFits(f.Field):
				l.add(keys.of("default"), "", "the default is not what the kind of the field allows")
			case f.Required:
				l.add(keys.of("default"), "", "a field with a default is not required")
			}
		}
		if other, taken := l.scope.fields[f.name]; taken {
			l.add(entry.at, entry.key, "the field has the same name in expressions as the one in line %d", other.at.line)
			continue
		}
		l.scope.fields[f.name] = f
		l.recipe.fields = append(l.recipe.fields, f)
	}
}

// label checks a text that stands in messages as a field's name.
func (l *loader) label(label string, at position) {
	if len(label) > 60 || strings.ContainsFunc(label, func(r rune) bool {
		return r > unicode.MaxASCII || !(unicode.IsLetter(r) || unicode.IsDigit(r) || r == ' ' || r == '-' || r == '_')
	}) {
		l.add(at, "", "a label is made of at most 60 letters, digits, blanks, hyphens and underscores")
	}
}

func isAddress(text string) bool {
	_, err := api.ParseAddress(text)
	return err == nil
}

// defaultFits reports whether the settings would take the default.
func defaultFits(f params.Field) (fits bool) {
	defer func() {
		if recover() != nil {
			fits = false
		}
	}()
	if f.Kind == params.Choice && len(f.Choices) == 0 {
		return true // reported already
	}
	f.Required = false
	params.NewSettings([]params.Field{f}, params.Record{}, params.Record{}, nil, nil)
	return true
}

// fieldName is a field's name in expressions: client_id for Client ID.
func fieldName(label string) string {
	return strings.Map(func(character rune) rune {
		if unicode.IsSpace(character) || character == '-' {
			return '_'
		}
		return unicode.ToLower(character)
	}, strings.TrimSpace(label))
}

// addressField checks that a key names a field that may say where calls go.
func (l *loader) addressField(node ast.Node, what string) string {
	label := l.text(node, what)
	if label == "" {
		return ""
	}
	f, ok := l.scope.fields[fieldName(label)]
	if !ok || f.Kind != params.URL {
		l.add(nodePosition(node), label, "%s is a field of the kind url, and there is none of that name", what)
		return ""
	}
	return f.Label
}

var rootPath = pattern(`^(/[A-Za-z0-9._~-]+)+$`)

func (l *loader) base(top *mapping) {
	r := l.recipe
	node := top.get("base")
	if _, ok := scalarText(node); ok || node == nil {
		r.base.label = l.addressField(node, "the base")
	} else if m := l.mapping(node, "the base", []string{"field", "root"}); m != nil {
		if m.get("field") == nil {
			l.add(m.at, "", "the base needs the key field")
		}
		r.base.label = l.addressField(m.get("field"), "the base")
		if r.base.root = l.text(m.get("root"), "the root"); r.base.root != "" && !rootPath().MatchString(r.base.root) {
			l.add(m.of("root"), "", "the root is a path such as /api, found something else")
		}
	}
	if f, ok := l.scope.fields[fieldName(r.base.label)]; ok && r.base.label != "" && !f.Required && f.Default == "" {
		l.add(f.at, "", "the field of the base is required, or has a default")
	}
}

// declare makes a variable known.
func (l *loader) declare(name string, v *variable) bool {
	at := v.at
	switch {
	case !letName().MatchString(name):
		l.add(at, name, "the name of a value begins with a lower case letter and is made of those, digits and underscores")
		return false
	case l.scope.variables[name] != nil || slices.Contains([]string{varTried, varStatus, varHeader, varText, varToken}, name):
		l.add(at, name, "the name is taken already")
		return false
	}
	l.scope.variables[name] = v
	return true
}

// errorWords reads the expressions that find the vendor's words in an answer.
func (l *loader) errorWords(node ast.Node) []*expression {
	var found []*expression
	scope := (&scope{variables: map[string]*variable{}, fields: map[string]field{}, used: map[string]bool{}}).with(varText)
	for _, node := range l.list(node, "errors", true) {
		if text, _ := scalarText(node); letName().MatchString(strings.ToLower(text)) {
			l.add(nodePosition(node), text, "an element of errors is an expression, such as .%s: is a dot missing?", "message")
			continue
		}
		if e := l.expression(node, "an element of errors", scope); e != nil {
			found = append(found, e)
		}
	}
	return found
}

func (l *loader) topLets(node ast.Node) []binding {
	m := l.mapping(node, "let", anyKey)
	if m == nil {
		return nil
	}
	var lets []binding
	for _, entry := range m.entries {
		value := l.expression(entry.value, "a value of let", l.scope)
		if value == nil {
			l.declare(entry.key, &variable{secret: true, at: entry.at})
		} else if l.declare(entry.key, value.kept(entry.at)) {
			lets = append(lets, binding{entry.key, value})
		}
	}
	return lets
}

// requires reads requirements: the recipe's own, or those of one call, which have no field.
func (l *loader) requires(node ast.Node, scope *scope, keys ...string) []requirement {
	var found []requirement
	for _, element := range l.list(node, "require", true) {
		m := l.mapping(element, "a requirement", append([]string{"that", "says", "class"}, keys...))
		if m == nil {
			continue
		}
		l.need(m, "that", "says")
		required := requirement{
			that: l.expression(m.get("that"), "that", scope), says: l.text(m.get("says"), "says"),
			class: l.class(m.get("class"), api.ClassInput), field: l.text(m.get("field"), "field"),
		}
		if required.field != "" && required.field != "user" {
			if _, ok := l.scope.fields[fieldName(required.field)]; !ok {
				l.add(m.of("field"), required.field, "there is no such field")
			}
		}
		found = append(found, required)
	}
	return found
}

func (l *loader) class(node ast.Node, otherwise api.Class) api.Class {
	if node == nil {
		return otherwise
	}
	class := api.Class(l.text(node, "the class"))
	if !slices.Contains(api.Classes(), class) || class == api.ClassInternal {
		var names []string
		for _, known := range api.Classes() {
			names = append(names, string(known))
		}
		l.add(nodePosition(node), string(class), "there is no such class: there are %s", strings.Join(names[:len(names)-1], ", "))
		return otherwise
	}
	return class
}

func (l *loader) proofKey(node ast.Node) {
	if node == nil {
		return
	}
	p := &l.recipe.proof
	by := node
	if _, ok := scalarText(node); !ok {
		m := l.mapping(node, "the proof", []string{"by", "cache", "names", "because"})
		if m == nil {
			return
		}
		if by = m.get("by"); by == nil {
			l.add(m.at, "", "the proof needs the key by")
			return
		}
		if l.oneOf(m.get("names"), "names", "nobody"); (m.get("names") == nil) != (m.get("because") == nil) {
			l.add(m.at, "", "names: nobody and because belong together")
		}
		p.nobody = l.text(m.get("because"), "because")
		p.cache = l.bool(m.get("cache"), "cache")
	}
	switch p.by = targets.Proof(l.text(by, "the proof")); p.by {
	case targets.ProofLogin, targets.ProofStatus, targets.ProofAnswer:
	default:
		l.add(nodePosition(by), string(p.by), "a change is proved by login, status or answer, found something else")
	}
}

func (l *loader) repeatKey(node ast.Node) {
	m := l.mapping(node, "repeat", []string{"because"})
	if m == nil {
		return
	}
	if m.get("because") == nil {
		l.add(m.at, "", "repeat needs the key because: only what a vendor documents can say that a repeat does no harm")
	}
	l.recipe.repeats = true
	l.recipe.because = l.text(m.get("because"), "because")
}

// allCalls returns every call in the order of a run.
func (r *Recipe) allCalls() []*call {
	var calls []*call
	if r.auth != nil && r.auth.signIn != nil {
		calls = append(calls, r.auth.signIn)
	}
	return slices.Concat(calls, r.check, r.change, r.verify, r.close)
}
