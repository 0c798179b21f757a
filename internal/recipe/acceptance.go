package recipe

import (
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"pam-rotate-script/internal/api"
)

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

	c.page = l.page(m, c, judging)
	c.find = l.find(m, judging)
	c.poll = l.poll(m, c, judging)
	c.warn = l.warnings(m, l.keeps(m, c, judging))
}

// find reads how one element is looked up, nil if none is.
func (l *loader) find(m *mapping, scope *scope) *find {
	node := l.mapping(m.get("find"), "find", []string{"in", "where", "none", "many"})
	if node == nil {
		return nil
	}
	read := &find{
		in: l.expression(node.get("in"), "in", scope), where: l.expression(node.get("where"), "where", scope),
		none: l.text(node.get("none"), "none"), many: l.text(node.get("many"), "many"),
	}
	if node.get("where") == nil {
		l.add(node.at, "", "find needs the key where: the condition that holds for exactly one element")
	}
	return read
}

// poll reads until when a call is repeated, nil if it is not.
func (l *loader) poll(m *mapping, c *call, scope *scope) *poll {
	node := l.mapping(m.get("poll"), "poll", []string{"until", "every", "tries"})
	if node == nil {
		return nil
	}
	read := &poll{
		until: l.expression(node.get("until"), "until", scope),
		every: l.duration(node.get("every"), "every", longestFor),
		tries: l.number(node.get("tries"), "tries", 1, 500, 10),
	}
	if node.get("until") == nil || node.get("every") == nil {
		l.add(node.at, "", "poll needs the keys until and every")
	}
	if c.kind() != api.Read {
		l.add(node.at, "", "only a call that reads may be polled")
	}
	return read
}

// keeps reads what of an answer is kept, with let and with seal, and returns the scope in which
// that is known.
func (l *loader) keeps(m *mapping, c *call, scope *scope) *scope {
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
			value := l.expression(entry.value, "a value of "+kept.key, scope)
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
			if l.declare(entry.key, keptVariable(c, value, entry.at, kept.seal)) {
				*kept.into = append(*kept.into, binding{entry.key, value})
				scope = scope.with()
				scope.variables[entry.key] = l.scope.variables[entry.key]
			}
		}
	}
	return scope
}

// keptVariable is what later calls know of a value that a call keeps.
func keptVariable(c *call, value *expression, at position, sealed bool) *variable {
	isSecret := func(e *expression) bool { return e.secret }
	signsIn := c.phase == inCheck && c.method != "GET" && slices.ContainsFunc(c.requestExpressions(), isSecret)
	v := value.kept(at)
	v.unprintable = v.unprintable || signsIn
	v.flow.made &^= fromAnswer
	switch {
	case sealed:
		v.secret, v.secrets = true, nil
	case c.phase != inVerify && value.flow.made&fromAnswer != 0:
		v.flow.made |= fromLookUp
	}
	if c.prepare {
		v.flow.made |= fromNew // whatever it looks like, it stands for it
	}
	return v
}

// warnings reads what a call warns of, always or under a condition.
func (l *loader) warnings(m *mapping, scope *scope) []warning {
	var read []warning
	for _, node := range l.list(m.get("warn"), "warn", true) {
		if _, ok := scalarText(node); ok {
			read = append(read, warning{says: l.text(node, "warn")})
			continue
		}
		w := l.mapping(node, "a warning", []string{"when", "says"})
		if w == nil {
			continue
		}
		if w.get("when") == nil || w.get("says") == nil {
			l.add(w.at, "", "a warning needs the keys when and says")
		}
		read = append(read, warning{l.expression(w.get("when"), "when", scope), l.text(w.get("says"), "says")})
	}
	return read
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

func (l *loader) page(call *mapping, c *call, scope *scope) *page {
	m := l.mapping(call.get("page"), "page", pageKeys)
	if m == nil {
		return nil
	}
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
	if c.kind() != api.Read {
		l.add(m.at, "", "only a call that reads has pages")
	}
	return p
}
