package recipe

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"pam-rotate-script/internal/api"
)

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
