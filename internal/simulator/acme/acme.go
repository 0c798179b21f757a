// Package acme stands in for Acme, the vendor that does not exist and that a new one is
// begun from:
//
//	GET /users/{user}            "look up user"
//	PUT /users/{user}/password   "set password"
//
// Both take a bearer token and answer with the user as a JSON object.
package acme

import (
	"sync"

	"pam-rotate-script/internal/simulator"
)

// Token is the access token of every server.
const Token = "Ac-full/access+token=0001"

// The names of the routes.
const (
	LookUpUser  = "look up user"
	SetPassword = "set password"
)

// Service is an Acme server. The zero value has no users. Its lock guards the state while
// a server serves it; the methods below take it themselves.
type Service struct {
	sync.Mutex
	simulator.Keeper
	passwords map[string]string // by user
}

// SetUser puts a user's password in force.
func (s *Service) SetUser(name, password string) {
	s.Lock()
	defer s.Unlock()
	if s.passwords == nil {
		s.passwords = map[string]string{}
	}
	s.passwords[name] = password
}

// Accepts reports whether the user's password is this one.
func (s *Service) Accepts(name, password string) bool {
	s.Lock()
	defer s.Unlock()
	held, found := s.passwords[name]
	return found && held == password
}

const (
	userPath     simulator.Pattern = "/users/{user}"
	passwordPath simulator.Pattern = "/users/{user}/password"
)

// Routes returns [LookUpUser] and [SetPassword].
func (s *Service) Routes() []simulator.Route {
	return []simulator.Route{
		{Name: LookUpUser, Method: "GET", Match: userPath.Match, Serve: s.lookUp, WrongAccount: somebodyElse},
		{Name: SetPassword, Method: "PUT", Match: passwordPath.Match, Write: true, Serve: s.set, WrongAccount: somebodyElse},
	}
}

func somebodyElse(answer simulator.Answer) simulator.Answer {
	return simulator.RewriteJSON(answer, func(object map[string]any) { object["name"] = "somebody else" })
}

// user finds the user that a path names, or says how the request is refused.
func (s *Service) user(r *simulator.Request, path simulator.Pattern) (name string, refusal simulator.Answer, ok bool) {
	if token, sent := r.Bearer(); !sent || token != Token {
		return "", simulator.Error(401, "no valid token"), false
	}
	name, ok = r.Segment(path, "user")
	if _, known := s.passwords[name]; !ok || !known {
		return "", simulator.Error(404, "no such user"), false
	}
	return name, simulator.Answer{}, true
}

func (s *Service) lookUp(r *simulator.Request) simulator.Answer {
	r.OnlyHeaders("Authorization")
	r.NoQuery()
	r.NoBody()
	name, refusal, ok := s.user(r, userPath)
	if !ok {
		return refusal
	}
	return simulator.JSON(200, map[string]any{"name": name})
}

func (s *Service) set(r *simulator.Request) simulator.Answer {
	r.OnlyHeaders("Authorization", "Content-Type")
	r.NoQuery()
	name, refusal, ok := s.user(r, passwordPath)
	if !ok {
		return refusal
	}
	body, ok := r.JSONBody(simulator.Field{Name: "password", Type: simulator.String})
	password, isText := body["password"].(string)
	if !ok || !isText {
		return simulator.Error(400, "malformed request")
	}
	if password == "" {
		return simulator.Error(400, "the password is empty")
	}
	s.passwords[name] = s.Kept(password, s.passwords[name])
	return simulator.JSON(200, map[string]any{"name": name})
}
