package recipe

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
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

// request reads what a call sends.
func (l *loader) request(c *call, m *mapping, scope *scope) {
	c.method = "GET"
	if node := m.get("method"); node != nil {
		c.method = l.text(node, "the method")
		if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, c.method) {
			l.add(nodePosition(node), c.method, "the method is GET, POST, PUT, PATCH or DELETE, found something else")
			c.method = "GET"
		}
	}
	if m.get("path") == nil {
		l.add(m.at, c.name, "a call needs a path")
	}
	c.needs = l.requires(m.get("require"), scope)
	c.path = l.path(m.get("path"), scope)
	c.query = l.pairs(m.get("query"), "query", scope)
	c.header = l.pairs(m.get("header"), "header", scope)
	c.form = l.pairs(m.get("form"), "form", scope)
	for _, p := range c.header {
		l.headerName(p.name, m.of("header"))
	}
	c.body = l.data(m.get("body"), scope)
	if c.media = l.text(m.get("type"), "the type"); c.media != "" && (!jsonType().MatchString(c.media) || m.get("body") == nil) {
		l.add(m.of("type"), c.media, "the type is that of a JSON body, such as application/yang-data+json")
	}
	if m.get("form") != nil && m.get("body") != nil {
		l.add(m.of("form"), "", "a call has either a body or a form")
	}
	if c.method == "GET" && (m.get("form") != nil || m.get("body") != nil) {
		l.add(m.at, c.name, "a GET has no body")
	}
	if node := m.get("auth"); node != nil {
		c.auth = l.auth(node, []authKind{authNone, authBearer, authBasic, authHeader}, scope)
	}
}

// literalPath is what a literal part of a path may be made of: RFC 3986's segments without
// escapes.
var literalPath = pattern(`^/?[A-Za-z0-9._~!'()*+,;=:@-]+(/[A-Za-z0-9._~!'()*+,;=:@-]+)*/?$`)

func (l *loader) path(node ast.Node, scope *scope) []segment {
	var path []segment
	nodes := l.list(node, "the path", true)
	for i, node := range nodes {
		at := nodePosition(node)
		text, isText := scalarText(node)
		if isText {
			switch {
			case strings.ContainsAny(text, "{}$%") || strings.Contains(text, `\(`):
				l.add(at, "", "a text in a path has no holes: a value is a segment of its own, {jq: $user}")
			case strings.ContainsAny(text, "?#"):
				l.add(at, "", "a path has no query: it stands under the key query")
			case !literalPath().MatchString(text) || hasDotSegment(text):
				l.add(at, "", "a literal part of a path is made of segments of plain characters, found something else")
			}
			text = strings.TrimPrefix(text, "/")
			if i < len(nodes)-1 {
				text = strings.TrimSuffix(text, "/")
			}
			path = append(path, segment{literal: text})
			continue
		}
		m := l.mapping(node, "a segment", []string{"jq", "before"})
		if m == nil {
			continue
		}
		l.need(m, "jq")
		value := l.expression(m.get("jq"), "a segment", scope)
		s := segment{value: value, label: "value", literal: l.text(m.get("before"), "before")}
		if s.literal != "" && (!literalPath().MatchString(s.literal) || strings.Contains(s.literal, "/")) {
			l.add(m.of("before"), "", "what stands before a value in its segment is made of plain characters")
		}
		if value != nil {
			if name := strings.TrimPrefix(strings.TrimSpace(value.text), "$"); len(value.free) == 1 && name == value.free[0] {
				s.label = name
			}
			if value.secret {
				l.warn(at, "", "a secret in a path ends up in the logs of every proxy between")
			}
		}
		path = append(path, s)
	}
	return path
}

var jsonType = pattern(`^application/([a-z0-9.-]+[+-])?json([+-][a-z0-9.-]+)?$`)

func hasDotSegment(path string) bool {
	return api.HasDotSegment(path)
}

func (l *loader) pairs(node ast.Node, what string, scope *scope) []pair {
	m := l.mapping(node, what, anyKey)
	if m == nil {
		return nil
	}
	var pairs []pair
	for _, entry := range m.entries {
		pairs = append(pairs, pair{entry.key, l.expression(entry.value, "a value of "+what, scope)})
	}
	return pairs
}

// framing are the headers that a recipe must not set: they frame the request, or would
// make net/http repeat a write.
var framing = []string{
	"host", "content-length", "content-type", "transfer-encoding", "connection", "trailer", "te", "upgrade", "expect",
	"accept-encoding", "idempotency-key", "x-idempotency-key", "keep-alive", "proxy-connection",
}

var headerToken = pattern("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func (l *loader) headerName(name string, at position) {
	switch {
	case !headerToken().MatchString(name):
		l.add(at, "", "the name of a header is made of letters, digits and hyphens")
	case slices.Contains(framing, strings.ToLower(name)):
		l.add(at, name, "the header is the engine's own affair")
	}
}

// data reads a value that is sent: leaves are expressions.
func (l *loader) data(node ast.Node, scope *scope) *data {
	if node == nil {
		return nil
	}
	switch node := node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		if flow, ok := node.(*ast.MappingNode); ok && len(flow.Values) == 0 {
			return &data{members: []member{}}
		}
		d := &data{members: []member{}}
		m := l.mapping(node, "a body", anyKey)
		if m == nil {
			return d
		}
		for _, entry := range m.entries {
			d.members = append(d.members, member{entry.key, l.data(entry.value, scope)})
		}
		return d
	case *ast.SequenceNode:
		d := &data{isList: true}
		for _, element := range node.Values {
			d.list = append(d.list, l.data(element, scope))
		}
		return d
	}
	return &data{value: l.expression(node, "a value of the body", scope)}
}

// answer reads how a call's answer is judged and what is kept of it.
func (l *loader) answer(c *call, m *mapping) {
	judging := l.scope.with(varStatus, varHeader, varText)
	if c.phase == inVerify {
		judging = judging.with(varTried)
	}
	if m.get("accept") == nil {
		l.add(m.at, c.name, "a call needs accept: the status, and best a condition, that means success")
	}
	c.accept = l.acceptance(m.get("accept"), c, judging)
	c.refuse = l.judgements(m.get("refuse"), "refuse", judging)
	c.reject = l.judgements(m.get("reject"), "reject", judging)
	l.unreachable(c)

	keeping := judging
	if node := l.mapping(m.get("page"), "page", pageKeys); node != nil {
		c.page = l.page(node, judging)
		if c.kind() != api.Read {
			l.add(node.at, "", "only a call that reads has pages")
		}
	}
	if node := l.mapping(m.get("find"), "find", []string{"in", "where", "none", "many"}); node != nil {
		c.find = &find{
			in: l.expression(node.get("in"), "in", judging), where: l.expression(node.get("where"), "where", judging),
			none: l.text(node.get("none"), "none"), many: l.text(node.get("many"), "many"),
		}
		if node.get("where") == nil {
			l.add(node.at, "", "find needs the key where: the condition that holds for exactly one element")
		}
	}
	if node := l.mapping(m.get("poll"), "poll", []string{"until", "every", "tries"}); node != nil {
		c.poll = &poll{
			until: l.expression(node.get("until"), "until", judging),
			every: l.duration(node.get("every"), "every", longestFor),
			tries: l.number(node.get("tries"), "tries", 1, 500, 10),
		}
		if node.get("until") == nil || node.get("every") == nil {
			l.add(node.at, "", "poll needs the keys until and every")
		}
		if c.kind() != api.Read {
			l.add(node.at, "", "only a call that reads may be polled")
		}
	}
	signIn := c.phase == inCheck && (c.method != "GET" && slices.ContainsFunc(c.requestExpressions(), func(e *expression) bool { return e.secret }))
	for _, kept := range []struct {
		key  string
		into *[]binding
		seal bool
	}{{"let", &c.lets, false}, {"seal", &c.seals, true}} {
		node := l.mapping(m.get(kept.key), kept.key, anyKey)
		if node == nil {
			continue
		}
		if c.phase == inClose {
			l.add(node.at, "", "nothing uses what a call of close keeps")
			continue
		}
		for _, entry := range node.entries {
			value := l.expression(entry.value, "a value of "+kept.key, keeping)
			if value == nil {
				l.declare(entry.key, &variable{secret: true, at: entry.at})
				l.scope.used[entry.key] = true
				continue
			}
			if looksSecret(entry.key) && !kept.seal && !value.secret {
				l.add(entry.at, entry.key, "the name is one of a credential: keep it with seal, so that it is never printed")
			}
			if kept.seal {
				l.scope.used[entry.key] = true // to be kept from print is use enough
			}
			v := value.kept(entry.at)
			v.unprintable = v.unprintable || signIn
			v.flow.made &^= fromAnswer
			switch {
			case kept.seal:
				v.secret, v.secrets = true, nil
			case c.phase != inVerify && value.flow.made&fromAnswer != 0:
				v.flow.made |= fromLookUp
			}
			if c.prepare {
				v.flow.made |= fromNew // whatever it looks like, it stands for it
			}
			if l.declare(entry.key, v) {
				*kept.into = append(*kept.into, binding{entry.key, value})
				keeping = keeping.with()
				keeping.variables[entry.key] = l.scope.variables[entry.key]
			}
		}
	}
	for _, node := range l.list(m.get("warn"), "warn", true) {
		if _, ok := scalarText(node); ok {
			c.warn = append(c.warn, warning{says: l.text(node, "warn")})
			continue
		}
		w := l.mapping(node, "a warning", []string{"when", "says"})
		if w == nil {
			continue
		}
		if w.get("when") == nil || w.get("says") == nil {
			l.add(w.at, "", "a warning needs the keys when and says")
		}
		c.warn = append(c.warn, warning{l.expression(w.get("when"), "when", keeping), l.text(w.get("says"), "says")})
	}
}

var secretWords = pattern(`(?i)(token|secret|password|passwd|session|cookie|csrf|api_?key|credential)`)

func looksSecret(name string) bool { return secretWords().MatchString(name) }

func (l *loader) acceptance(node ast.Node, c *call, scope *scope) acceptance {
	if node == nil {
		return acceptance{}
	}
	a := acceptance{}
	status := node
	if isMap(node) {
		m := l.mapping(node, "accept", []string{"status", "redirect", "when", "says"})
		if m == nil {
			return a
		}
		if status = m.get("status"); (status == nil) == (m.get("redirect") == nil) {
			l.add(m.at, "", "accept needs either the key status or the key redirect")
		}
		if a.to = l.redirect(m.get("redirect")); a.to != "" && c.write {
			l.add(m.of("redirect"), "", "a redirect says nothing of a write")
		}
		a.when, a.says = l.expression(m.get("when"), "when", scope), l.text(m.get("says"), "says")
		if a.says != "" && a.when == nil {
			l.add(m.of("says"), "", "says belongs to a condition: it is the message when that does not hold")
		}
	}
	least, most := 200, 499
	if c.write {
		most = 299
	}
	if a.status, _ = l.statuses(status, least, most, false); a.to != "" {
		a.status = redirects
	}
	return a
}

// redirect reads where an answer has to lead.
func (l *loader) redirect(node ast.Node) redirect {
	if node == nil {
		return ""
	}
	m := l.mapping(node, "redirect", []string{"to"})
	if m == nil {
		return ""
	}
	l.need(m, "to")
	to := l.text(m.get("to"), "to")
	if path := strings.TrimSuffix(to, "*"); to != "" && (!strings.HasPrefix(to, "/") || path != "/" && !literalPath().MatchString(path) || hasDotSegment(path)) {
		l.add(m.of("to"), "", "to is a path such as /home, or the beginning of one with a * behind it")
	}
	return redirect(to)
}

func isMap(node ast.Node) bool {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// statuses reads one status or a list. A redirect is never among them: it says nothing of
// the call, and is not followed.
func (l *loader) statuses(node ast.Node, least, most int, words bool) (statuses []int, anyRefusal bool) {
	for _, node := range l.list(node, "the status", true) {
		text, _ := scalarText(node)
		if words && text == "4xx" {
			anyRefusal = true
			continue
		}
		number, err := strconv.Atoi(text)
		switch {
		case err != nil || number < least || number > most || number/100 == 3:
			l.add(nodePosition(node), "", "a status here is a number from %d to %d and no redirect, found something else", least, most)
		case slices.Contains(statuses, number):
			l.add(nodePosition(node), "", "the status is there twice")
		default:
			statuses = append(statuses, number)
		}
	}
	return statuses, anyRefusal
}

func (l *loader) judgements(node ast.Node, what string, scope *scope) []judgement {
	var found []judgement
	for _, node := range l.list(node, what, true) {
		m := l.mapping(node, "an element of "+what, []string{"status", "redirect", "when", "class", "says", "hint", "may be in force"})
		if m == nil {
			continue
		}
		j := judgement{
			when: l.expression(m.get("when"), "when", scope), class: l.class(m.get("class"), ""),
			says: l.text(m.get("says"), "says"), hint: l.text(m.get("hint"), "hint"), mayBeInForce: l.bool(m.get("may be in force"), "may be in force"),
		}
		if (m.get("status") == nil) == (m.get("redirect") == nil) {
			l.add(m.at, "", "an element of %s needs either the key status or the key redirect", what)
		}
		if j.status, j.anyRefusal = l.statuses(m.get("status"), 200, 599, true); m.get("redirect") != nil {
			j.to, j.status = l.redirect(m.get("redirect")), redirects
			if j.class == "" || j.says == "" {
				l.add(m.of("redirect"), "", "a redirect that is a refusal needs the keys class and says")
			}
		}
		for _, status := range j.status {
			if status < 300 && (m.get("when") == nil || m.get("class") == nil || j.says == "") {
				l.add(m.of("status"), "", "an answer of success that is none needs the keys when, class and says")
			}
			if status >= 500 && m.get("when") == nil {
				l.add(m.of("status"), "", "a status from 500 on proves no refusal by itself: it needs the key when")
			}
		}
		found = append(found, j)
	}
	return found
}

// unreachable reports judgements that an earlier one takes away.
func (l *loader) unreachable(c *call) {
	taken := map[int]bool{}
	fault := api.Error{}
	for i, j := range slices.Concat(c.refuse, c.reject) {
		if len(j.status) > 0 && !j.anyRefusal && !slices.ContainsFunc(j.status, func(s int) bool { return !taken[s] }) {
			l.add(c.at, c.name, "element %d of refuse or reject is never reached: an earlier one takes every status of it", i+1)
		}
		if j.when != nil || j.to != "" {
			continue
		}
		for status := 200; status < 600; status++ {
			if fault.Status = status; slices.Contains(j.status, status) || j.anyRefusal && fault.Refused() {
				taken[status] = true
			}
		}
	}
	for _, status := range c.accept.status {
		if taken[status] {
			l.add(c.at, c.name, "the status %d is accepted and refused", status)
		}
	}
}

func (l *loader) page(m *mapping, scope *scope) *page {
	p := &page{
		items: l.expression(m.get("items"), "items", scope),
		link:  l.text(m.get("link"), "link"), number: l.text(m.get("number"), "number"),
		size: l.number(m.get("size"), "size", 1, 10_000, 0), most: l.number(m.get("most"), "most", 1, 1000, 50),
	}
	p.first = l.number(m.get("first"), "first", 0, 1, 1)
	switch {
	case m.get("items") == nil:
		l.add(m.at, "", "page needs the key items: the list in the answer")
	case (p.link == "") == (p.number == ""):
		l.add(m.at, "", "page needs either the key link or the key number")
	case p.link == "" && p.size == 0:
		l.add(m.at, "", "page needs the key size: how many elements a full page has")
	}
	return p
}

// topAuth reads the recipe's own auth, whose sign-in comes before the first call.
func (l *loader) topAuth(node ast.Node) *auth {
	if node == nil {
		return nil
	}
	return l.auth(node, []authKind{authBearer, authBasic, authHeader, authClient, authCookie, authNone}, l.scope)
}

func (l *loader) auth(node ast.Node, allowed []authKind, scope *scope) *auth {
	var words []string
	for _, kind := range allowed {
		words = append(words, string(kind))
	}
	if text, ok := scalarText(node); ok {
		if text != string(authNone) {
			l.add(nodePosition(node), "", "auth is none, or a map with one of the keys %s", strings.Join(words, ", "))
		}
		return &auth{kind: authNone}
	}
	m := l.mapping(node, "auth", slices.DeleteFunc(words, func(word string) bool { return word == string(authNone) }))
	if m == nil || len(m.entries) == 0 {
		return nil
	}
	if len(m.entries) > 1 {
		l.add(m.entries[1].at, "", "auth has exactly one key")
	}
	a := &auth{kind: authKind(m.entries[0].key)}
	value := m.entries[0].value
	switch a.kind {
	case authBearer:
		a.value = l.expression(value, "bearer", scope)
	case authBasic:
		if inner := l.mapping(value, "basic", []string{"user", "password"}); inner != nil {
			a.user, a.password = l.expression(inner.get("user"), "user", scope), l.expression(inner.get("password"), "password", scope)
			l.need(inner, "user", "password")
		}
	case authHeader:
		if inner := l.mapping(value, "header", anyKey); inner != nil {
			if len(inner.entries) != 1 {
				l.add(inner.at, "", "the header that shows who asks is one")
				break
			}
			a.name, a.value = inner.entries[0].key, l.expression(inner.entries[0].value, "header", scope)
			l.headerName(a.name, inner.entries[0].at)
		}
	case authClient:
		l.oauth(a, value, scope)
	case authCookie:
		l.cookieLogin(a, value)
	}
	return a
}

func (l *loader) need(m *mapping, keys ...string) {
	for _, key := range keys {
		if m.get(key) == nil {
			l.add(m.at, key, "the key %s is needed here", key)
		}
	}
}

// oauth makes the call that gets a token (RFC 6749 section 4.4).
func (l *loader) oauth(a *auth, node ast.Node, scope *scope) {
	m := l.mapping(node, string(a.kind), []string{"path", "client", "secret", "scope", "send", "timeout"})
	if m == nil {
		return
	}
	l.need(m, "path", "client", "secret")
	c := &call{at: m.at, phase: inCheck, name: "sign in for a token", method: "POST", auth: &auth{kind: authNone}}
	l.calls++
	c.path = l.path(m.get("path"), scope)
	c.timeout = l.duration(m.get("timeout"), "timeout", longestFor)
	client, secret := l.expression(m.get("client"), "client", scope), l.expression(m.get("secret"), "secret", scope)
	c.form = append(c.form, pair{"grant_type", literal("client_credentials")})
	switch send := l.text(m.get("send"), "send"); {
	case send == "form":
		if client != nil {
			c.form = append(c.form, pair{"client_id", client})
		}
		if secret != nil {
			c.form = append(c.form, pair{"client_secret", secret})
		}
	case send == "basic" || send == "":
		c.auth = &auth{kind: authBasic, user: client, password: secret}
	default:
		l.add(m.of("send"), send, "the client is sent by basic or form, found something else")
	}
	if node := m.get("scope"); node != nil {
		c.form = append(c.form, pair{"scope", l.expression(node, "scope", scope)})
	}
	c.accept = acceptance{
		status: []int{200}, when: compiled(`.access_token | type == "string" and length > 0`), says: "the answer has no usable access token",
	}
	c.refuse = []judgement{{status: []int{400, 401, 403}, class: api.ClassCredential}}
	c.seals = []binding{{varToken, compiled(".access_token")}}
	c.asUser = c.sends(nil)&fromOld != 0
	l.scope.variables[varToken] = &variable{secret: true}
	a.signIn, a.value = c, compiled("$"+varToken, varToken)
}

// cookieLogin reads the call that opens a session; it is an ordinary call that names the
// cookie to keep.
func (l *loader) cookieLogin(a *auth, node ast.Node) {
	m := l.mapping(node, string(authCookie), append([]string{"cookie"}, callKeys...))
	if m == nil {
		return
	}
	l.need(m, "cookie")
	a.name = l.text(m.get("cookie"), "the name of the cookie")
	if a.name != "" && !headerToken().MatchString(a.name) {
		l.add(m.of("cookie"), "", "the name of a cookie is made of letters, digits and hyphens")
	}
	c := l.call(m, inCheck)
	if c.auth == nil {
		c.auth = &auth{kind: authNone}
	}
	c.refuse = append(c.refuse, judgement{status: slices.DeleteFunc([]int{400, 401, 403}, func(status int) bool {
		return slices.Contains(c.accept.status, status)
	}), class: api.ClassCredential})
	a.signIn = c
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
