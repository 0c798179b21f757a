package recipe

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/gojq"

	"pam-rotate-script/internal/api"
)

// phase is the part of a recipe that a call belongs to.
type phase string

const (
	inCheck  phase = "check"
	inChange phase = "change"
	inVerify phase = "verify"
	inClose  phase = "close"
)

// call is one call of a recipe.
type call struct {
	at     position
	phase  phase
	name   string
	method string
	path   []segment
	query  []pair
	header []pair
	form   []pair
	body   *data
	media  string // of the body, "" for application/json
	auth   *auth  // nil for the recipe's own
	needs  []requirement

	write   bool
	prepare bool // in change, it makes of the new password what the write puts in force
	tries   bool // it sends $tried: a login as the rotated user
	asUser  bool // it sends $old, so that the rotated user signs in
	signsIn bool // in check, it signs in as the access record's user
	grants  bool // its answer holds what close gives back
	// creates says that the call makes or sends something, saysCreates that the recipe does.
	creates, saysCreates bool
	each                 string // in close, the value that the call is made for each one of
	revokes              bool   // in close, it ends an old credential
	after                time.Duration
	timeout              time.Duration

	accept acceptance
	refuse []judgement
	reject []judgement
	page   *page
	find   *find
	poll   *poll
	lets   []binding
	seals  []binding
	warn   []warning
}

// segment is a part of a path: a literal of one or more segments, or one value.
type segment struct {
	literal string // or what stands before the value in its segment
	value   *expression
	label   string // in the place of the value, in what is printed
}

// pair is one entry of a query, of headers or of a form.
type pair struct {
	name  string
	value *expression
}

// data is a value that is sent: one expression, a map or a list.
type data struct {
	value   *expression
	members []member
	list    []*data
	isList  bool
}

type member struct {
	name  string
	value *data
}

// acceptance is what a call's answer must be.
type acceptance struct {
	status []int
	to     redirect
	when   *expression
	says   string
}

// redirect is where an answer has to send whoever asks; "" if it is no redirect. It is a path, or
// the beginning of one with a * behind it.
type redirect string

// redirects are the statuses that send whoever asks elsewhere.
var redirects = []int{301, 302, 303, 307, 308}

// judgement is an answer that the vendor documents as a refusal.
type judgement struct {
	status       []int
	anyRefusal   bool // every status whose meaning is a refusal
	to           redirect
	when         *expression
	class        api.Class // "" for the one that the status suggests
	says, hint   string
	mayBeInForce bool
}

// page is how a list goes on behind the first answer.
type page struct {
	items  *expression
	link   string // the relation in the header Link
	number string // the query parameter with the number of the page
	first  int
	size   int
	most   int
}

// find is the look-up of exactly one element of a list.
type find struct {
	in, where  *expression
	none, many string
}

// poll repeats a read until a condition holds.
type poll struct {
	until *expression
	every time.Duration
	tries int
}

type warning struct {
	when *expression
	says string
}

// authKind is a way of showing who asks.
type authKind string

const (
	authNone   authKind = "none"
	authBearer authKind = "bearer"
	authBasic  authKind = "basic"
	authHeader authKind = "header"
	authClient authKind = "oauth2-client-credentials"
	authCookie authKind = "cookie-login"
)

// auth is how calls show who asks.
type auth struct {
	kind           authKind
	value          *expression // of bearer and header
	name           string      // of the header or the cookie
	user, password *expression
	signIn         *call // of oauth2-... and cookie-login
}

// authFor returns how a call shows who asks: by its own auth, or else the recipe's; nil for neither.
func (r *Recipe) authFor(c *call) *auth {
	if c.auth != nil {
		return c.auth
	}
	return r.auth
}

// sends returns what of the payload's values the call sends, with the auth that it goes out with:
// its own, or else the recipe's.
func (c *call) sends(of *auth) origin {
	var made origin
	expressions := c.requestExpressions()
	if c.auth == nil && of != nil {
		expressions = append(expressions, of.expressions()...)
	}
	for _, e := range expressions {
		made |= e.flow.made
	}
	return made
}

// expressions are those that what shows who asks is made of.
func (a *auth) expressions() []*expression {
	return slices.DeleteFunc([]*expression{a.value, a.user, a.password}, func(e *expression) bool { return e == nil })
}

// gives returns the names that the call gives values to.
func (c *call) gives() []string {
	var names []string
	for _, b := range slices.Concat(c.lets, c.seals) {
		names = append(names, b.name)
	}
	return names
}

// requestExpressions returns every expression that the request is made of.
func (c *call) requestExpressions() []*expression {
	var found []*expression
	for _, s := range c.path {
		found = append(found, s.value)
	}
	for _, p := range slices.Concat(c.query, c.header, c.form) {
		found = append(found, p.value)
	}
	if c.body != nil {
		c.body.each(func(e *expression) { found = append(found, e) })
	}
	if c.auth != nil {
		found = append(found, c.auth.value, c.auth.user, c.auth.password)
	}
	return slices.DeleteFunc(found, func(e *expression) bool { return e == nil })
}

// judgingExpressions returns every expression that says what the answer means.
func (c *call) judgingExpressions() []*expression {
	found := []*expression{c.accept.when}
	for _, j := range slices.Concat(c.refuse, c.reject) {
		found = append(found, j.when)
	}
	if c.find != nil {
		found = append(found, c.find.in, c.find.where)
	}
	if c.poll != nil {
		found = append(found, c.poll.until)
	}
	return slices.DeleteFunc(found, func(e *expression) bool { return e == nil })
}

func (d *data) each(visit func(*expression)) {
	if d.value != nil {
		visit(d.value)
	}
	for _, m := range d.members {
		m.value.each(visit)
	}
	for _, element := range d.list {
		element.each(visit)
	}
}

// uses reports whether the request needs the value of that name.
func (c *call) uses(name string) bool {
	return c.each == name || slices.ContainsFunc(c.requestExpressions(), func(e *expression) bool { return e.uses(name) })
}

// kind is what the call may do at the vendor; see target.kindOf for those that sign in.
func (c *call) kind() api.Kind {
	switch {
	case c.write:
		return api.Write
	case c.tries, c.asUser && c.phase == inCheck:
		return api.SignIn
	case c.phase == inChange && c.method != "GET":
		return api.Prepare
	}
	return api.Read
}

// template is the path as it may be printed.
func (c *call) template() string {
	var text strings.Builder
	for _, s := range c.path {
		if s.value != nil {
			text.WriteString("/" + s.literal + "{" + s.label + "}")
		} else {
			text.WriteString("/" + s.literal)
		}
	}
	return text.String()
}

var (
	callKeys = []string{
		"name", "method", "path", "query", "header", "form", "body", "type", "auth", "require", "accept", "refuse", "let", "seal",
		"find", "page", "poll", "after", "timeout", "warn",
	}
	askingKeys = append(slices.Clone(callKeys), "creates")
	pageKeys   = []string{"items", "link", "number", "first", "size", "most"}
	keysOf     = map[phase][]string{
		inCheck:  askingKeys,
		inChange: append(slices.Clone(askingKeys), "write", "prepare"),
		inVerify: append(slices.Clone(callKeys), "reject"),
		inClose:  append(slices.Clone(callKeys), "each", "revokes old"),
	}
)

func (l *loader) callList(top *mapping, key string, in phase) []*call {
	var calls []*call
	for _, node := range l.list(top.get(key), key, false) {
		if m := l.mapping(node, "a call", keysOf[in]); m != nil {
			calls = append(calls, l.call(m, in))
		}
	}
	return calls
}

// call reads one call. What its lets give is known to the calls after it.
func (l *loader) call(m *mapping, in phase) *call {
	l.calls++
	c := &call{at: m.at, phase: in, name: l.text(m.get("name"), "the name of a call")}
	if c.name == "" {
		l.add(m.at, "", "a call needs a name, such as look up the user")
		c.name = "call " + strconv.Itoa(l.calls)
	}
	for _, other := range l.recipe.allCalls() {
		if other.name == c.name {
			l.add(m.of("name"), c.name, "another call has the same name")
		}
	}

	asking := l.scope
	switch in {
	case inVerify:
		asking = asking.with(varTried)
	case inClose:
		if c.each = l.text(m.get("each"), "each"); c.each != "" {
			if v := l.scope.variables[c.each]; v == nil || v.at == (position{}) && c.each != varToken {
				l.add(m.of("each"), c.each, "the call is never reached: no call gives a value of that name")
			}
			l.scope.used[c.each] = true
		}
		c.revokes = l.bool(m.get("revokes old"), "revokes old")
	}
	l.request(c, m, asking)
	c.tries = in == inVerify && slices.ContainsFunc(c.requestExpressions(), l.triesWith)
	c.asUser = c.sends(l.recipe.auth)&fromOld != 0
	if c.prepare = l.bool(m.get("prepare"), "prepare"); c.prepare && (c.method == "GET" || m.get("write") != nil) {
		l.add(m.of("prepare"), c.name, "a call that prepares is another one than the write, and no GET")
	}
	if c.write = l.bool(m.get("write"), "write"); c.write && c.method == "GET" {
		l.add(m.of("write"), c.name, "a GET writes nothing")
	}
	if node := m.get("creates"); node != nil {
		c.saysCreates, c.creates = true, l.bool(node, "creates")
		if c.write && c.creates {
			l.add(m.of("creates"), c.name, "the write is sent once in any case")
		}
	}
	if (in == inCheck || in == inVerify) && c.method != "GET" && c.method != "POST" {
		l.add(m.of("method"), c.method, "%s only reads: its calls are GET, or POST where that is how the vendor takes a search or a login", in)
	}
	c.after = l.duration(m.get("after"), "after", longestFor)
	c.timeout = l.duration(m.get("timeout"), "timeout", longestFor)
	l.answer(c, m)
	if in == inVerify {
		for _, b := range slices.Concat(c.lets, c.seals) {
			if l.triesWith(b.value) {
				l.trying[b.name] = true
			}
		}
	}
	return c
}

// triesWith reports whether an expression is made of $tried, be it by way of a value that was
// kept, such as the response to a challenge.
func (l *loader) triesWith(e *expression) bool {
	return slices.ContainsFunc(e.free, func(name string) bool { return l.trying[name] })
}

// literal is the expression of a fixed text of the engine's own.
func literal(text string) *expression {
	quoted, _ := json.Marshal(text) // a text always can
	return compiled(string(quoted))
}

// compiled is an expression of the engine's own. It panics on a faulty one.
func compiled(text string, free ...string) *expression {
	query, err := gojq.Parse(text)
	if err != nil {
		panic(fmt.Sprintf("recipe: %q: %v", text, err))
	}
	var variables []string
	for _, name := range free {
		variables = append(variables, "$"+name)
	}
	code, err := gojq.Compile(query, gojq.WithVariables(variables))
	if err != nil {
		panic(fmt.Sprintf("recipe: %q: %v", text, err))
	}
	return &expression{text: text, code: code, free: free, secret: len(free) > 0}
}
