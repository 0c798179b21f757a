package sps

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"pam-rotate-script/internal/simulator"
)

// session is what a cookie stands for. The rights are those at the sign-in.
type session struct {
	cookie              string
	key, name, method   string
	rest, administrator bool
	used                time.Time
	token               string       // the value of X-Token
	transaction         *transaction // nil if none is open
}

const cookieName = "session_id"

// expire ends the sessions that were idle for too long, and their transactions.
func (a *Appliance) expire() {
	for _, session := range a.sessions {
		if a.remaining(session) <= 0 {
			a.end(session)
		}
	}
}

// remaining returns how much longer a session lasts if it stays idle.
func (a *Appliance) remaining(session *session) time.Duration {
	return session.used.Add(SessionLife).Sub(a.now())
}

func (a *Appliance) end(session *session) {
	delete(a.sessions, session.cookie)
	a.ended[session.cookie] = true
}

// session returns the session that a request belongs to, or nil and a refusal.
func (a *Appliance) session(r *simulator.Request) (*session, simulator.Answer) {
	unauthenticated := a.refuse(r, 401, "Unauthenticated", "the resource requires authentication")
	header, ok := r.SingleHeader("Cookie")
	if !ok {
		return nil, unauthenticated
	}
	// A client may have other cookies, of a proxy say.
	cookie := ""
	for _, found := range (&http.Request{Header: http.Header{"Cookie": r.Header.Values("Cookie")}}).CookiesNamed(cookieName) {
		cookie = found.Value
	}
	if header != cookieName+"="+cookie {
		r.Note("header Cookie is not " + cookieName + " and its value alone")
	}
	if cookie == "" {
		return nil, unauthenticated
	}
	a.expire()
	session, open := a.sessions[cookie]
	if !open {
		if !a.ended[cookie] {
			r.Note("header Cookie names a session that never was")
		}
		return nil, unauthenticated
	}
	session.used = a.now()
	return session, simulator.Answer{}
}

// local is the login method of the local database.
const local = "local"

// signingIn returns the user whom a sign-in with this name and password admits;
// nil if there is none. The method is "" for the default one.
func (a *Appliance) signingIn(name, password, method string) *user {
	for i, user := range a.inForce.users {
		current := a.loginPassword(user.key, method)
		if lagging, ok := a.lagging(user.key); ok {
			current = lagging
		}
		if user.name == name && current == password {
			return &a.inForce.users[i]
		}
	}
	return nil
}

// loginPassword returns the password that sign-ins of a user by that method take.
func (a *Appliance) loginPassword(key, method string) string {
	if a.options.ExternalLogin && method != local {
		return a.external[key]
	}
	return a.inForce.passwords[a.inForce.user(key).reference].plain
}

// lagging returns the password that sign-ins of a user still go by, if it is not the
// one in force.
func (a *Appliance) lagging(key string) (password string, ok bool) {
	former, there := a.before[key]
	return former.plain, there && a.now().Sub(former.until) < a.options.SignInLag
}

// formerPassword is a user's password before the one in force.
type formerPassword struct {
	plain string
	until time.Time
}

func (a *Appliance) signIn(r *simulator.Request) simulator.Answer {
	r.OnlyHeaders("Authorization")
	r.NoBody()
	method, ok := a.loginMethod(r)
	if !ok {
		return a.refuse(r, 400, "InvalidQuery", "the requested filter or its value is invalid")
	}
	if a.unavailable > 0 {
		a.unavailable--
		return a.refuse(r, 503, "ServiceUnavailable", "the service is starting")
	}
	wrong := a.refuse(r, 401, "AuthenticationFailure", "authenticating the user with the given credentials has failed")
	name, password, ok := r.BasicAuth()
	if !ok {
		return wrong
	}
	if a.options.LockOutAfter > 0 && a.failedInRow[name] >= a.options.LockOutAfter {
		a.failed[name]++
		if status := a.options.LockOutStatus; status != 0 && status != 401 {
			return a.refuse(r, status, "UserBlocked", "the user is blocked after too many failed logins")
		}
		return wrong
	}
	user := a.signingIn(name, password, method)
	if user == nil {
		a.fail(name)
		return wrong
	}
	a.failedInRow[name] = 0
	if a.options.RequireREST && !user.rest {
		a.failed[name]++
		switch status := a.options.RESTStatus; status {
		case 401:
			return wrong
		case 0:
			return a.refuse(r, 403, "AccessDenied", "the user may not use the REST API")
		default:
			return a.refuse(r, status, "AccessDenied", "the user may not use the REST API")
		}
	}
	a.succeeded[name]++
	answer := simulator.JSON(200, map[string]any{
		"meta": map[string]any{"href": string(authenticationPath), "parent": "/api"},
	})
	if !a.options.NoCookie {
		answer.Header.Set("Set-Cookie", a.open(*user, method))
	}
	return answer
}

// fail counts a failed sign-in.
func (a *Appliance) fail(name string) {
	a.failed[name]++
	a.failedInRow[name]++
}

// countFailure counts a failed sign-in of the user whom the request names.
func (a *Appliance) countFailure(r *simulator.Request) {
	if name, _, ok := r.BasicAuth(); ok {
		a.fail(name)
	}
}

// methods are the login methods that sign-ins may name.
func (a *Appliance) methods() []string {
	var methods []string
	if !a.options.LocalOff {
		methods = append(methods, local)
	}
	return append(methods, a.options.LoginMethods...)
}

// loginMethod returns the login method of the query, "" if it has none, and whether
// the appliance takes the query.
func (a *Appliance) loginMethod(r *simulator.Request) (method string, ok bool) {
	if !strings.Contains(r.RequestURI, "?") {
		return "", true
	}
	methods := r.Query["login_method"]
	if len(r.Query) != 1 || len(methods) != 1 {
		r.Note("the query is not one login_method")
	}
	// Other clients name the type, too; x509 is not simulated.
	unknown := func(name string) bool {
		return name != "login_method" && (name != "type" || !slices.Equal(r.Query[name], []string{"password"}))
	}
	if a.options.OldSignIn || len(methods) == 0 || slices.ContainsFunc(slices.Collect(maps.Keys(r.Query)), unknown) {
		return "", false
	}
	return methods[0], slices.Contains(a.methods(), methods[0])
}

// listLoginMethods tells anybody, signed in or not, the login methods.
func (a *Appliance) listLoginMethods(r *simulator.Request) simulator.Answer {
	r.OnlyHeaders()
	r.NoQuery()
	r.NoBody()
	if a.options.OldSignIn {
		return a.notFound(r)
	}
	listed := []any{}
	for _, name := range a.methods() {
		if a.options.MethodNames {
			listed = append(listed, name)
			continue
		}
		kind := local
		if name != local {
			kind = "ldap"
		}
		member := a.options.MethodMember
		if member == "" {
			member = "name"
		}
		listed = append(listed, map[string]any{member: name, "type": kind})
	}
	return simulator.JSON(200, map[string]any{
		"login_methods": listed,
		"meta":          map[string]any{"href": string(loginMethodsPath), "parent": string(authenticationPath)},
	})
}

// open opens a session and returns its Set-Cookie header.
func (a *Appliance) open(user user, method string) string {
	session := &session{
		cookie: fmt.Sprintf("%x", randomBytes(20)), key: user.key, name: user.name, method: method,
		rest: user.rest, administrator: user.administrator, used: a.now(), token: fmt.Sprintf("%x", randomBytes(16)),
	}
	a.sessions[session.cookie] = session
	cookie := http.Cookie{Name: cookieName, Value: session.cookie, Path: "/", Secure: true, HttpOnly: true}
	if a.options.CookieExpires {
		cookie.Expires = session.used.Add(SessionLife)
	}
	return cookie.String()
}

func (a *Appliance) signOut(_ *simulator.Request, session *session) simulator.Answer {
	a.end(session)
	return simulator.JSON(200, map[string]any{
		"meta": map[string]any{"href": string(authenticationPath), "parent": "/api"},
	})
}

// ownInformation tells a user about the session.
func (a *Appliance) ownInformation(r *simulator.Request, session *session) simulator.Answer {
	return simulator.JSON(200, map[string]any{
		"body": map[string]any{"username": session.name, "token": session.token},
		"key":  "info",
		"meta": meta(r.EscapedPath),
	})
}
