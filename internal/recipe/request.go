package recipe

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"pam-rotate-script/internal/api"
)

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
