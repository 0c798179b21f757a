package sps

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"pam-rotate-script/internal/simulator"
)

// session is what a cookie stands for. The rights are those at the sign-in.
type session struct {
	cookie              string
	key, name           string
	rest, administrator bool
	used                time.Time
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
	cookie, ok := strings.CutPrefix(header, cookieName+"=")
	if !ok || strings.ContainsAny(cookie, `; "`) {
		r.Violation("header Cookie is not " + cookieName + " and its value alone")
		return nil, unauthenticated
	}
	a.expire()
	session, open := a.sessions[cookie]
	if !open {
		if !a.ended[cookie] {
			r.Violation("header Cookie names a session that never was")
		}
		return nil, unauthenticated
	}
	session.used = a.now()
	return session, simulator.Answer{}
}

// signingIn returns the user whom a sign-in with this name and password admits;
// nil if there is none.
func (a *Appliance) signingIn(name, password string) *user {
	for i, user := range a.inForce.users {
		if user.name == name && a.loginPassword(user.key) == password {
			return &a.inForce.users[i]
		}
	}
	return nil
}

// loginPassword returns the password that sign-ins of a user take.
func (a *Appliance) loginPassword(key string) string {
	if a.options.ExternalLogin {
		return a.external[key]
	}
	return a.inForce.passwords[a.inForce.user(key).reference].plain
}

func (a *Appliance) signIn(r *simulator.Request) simulator.Answer {
	if !r.OnlyHeaders("Authorization") || !r.NoBody() {
		return a.refuse(r, 400, "InvalidQuery", "the request is malformed")
	}
	if refusal, refused := a.refuseLoginMethod(r); refused {
		return refusal
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
	user := a.signingIn(name, password)
	if user == nil {
		a.failed[name]++
		a.failedInRow[name]++
		return wrong
	}
	a.failedInRow[name] = 0
	if a.options.RequireREST && !user.rest {
		return a.refuse(r, 403, "AccessDenied", "the user may not use the REST API")
	}
	a.succeeded[name]++
	answer := simulator.JSON(200, map[string]any{
		"meta": map[string]any{"href": string(authenticationPath), "parent": "/api"},
	})
	if !a.options.NoCookie {
		answer.Header.Set("Set-Cookie", a.open(*user))
	}
	return answer
}

// refuseLoginMethod returns the refusal of a query.
func (a *Appliance) refuseLoginMethod(r *simulator.Request) (refusal simulator.Answer, refused bool) {
	if !strings.Contains(r.RequestURI, "?") {
		return simulator.Answer{}, false
	}
	refusal = a.refuse(r, 400, "InvalidQuery", "the requested filter or its value is invalid")
	methods := r.Query["login_method"]
	if len(r.Query) != 1 || len(methods) != 1 {
		r.Violation("the query is not one login_method")
		return refusal, true
	}
	return refusal, !slices.Contains(a.options.LoginMethods, methods[0])
}

// open opens a session and returns its Set-Cookie header.
func (a *Appliance) open(user user) string {
	session := &session{
		cookie: fmt.Sprintf("%x", randomBytes(20)), key: user.key, name: user.name,
		rest: user.rest, administrator: user.administrator, used: a.now(),
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
