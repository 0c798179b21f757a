// Package rest stands in, for tests and demonstrations, for any endpoint that sets
// a user's password with one request. Without settings it is the endpoint that
// Keeper's sample script calls:
//
//	POST /api/password
//	Content-Type: application/json
//	Authorization: Bearer <token>
//
//	{"userEmail": "jdoe@example.com", "newPassword": "…"}
//
// and answers 201 with a JSON object that names the user. [Config] makes it any
// other endpoint of that sort, and adds a second one that signs users in, so that
// a new password can be proved.
//
//	service, err := rest.New(rest.Config{VerifyPath: "/api/me"})
//	server, err := simulator.Start(service, simulator.Options{})
//
// It takes any client that sends what is configured; what a request has besides is
// noted.
package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"pam-rotate-script/internal/simulator"
)

// The names of the routes.
const (
	ChangePassword = "change password"
	SignIn         = "sign in"
)

// The credentials that a Config without its own asks for.
const (
	Token = "rest-token/with+signs=0001"
	Login = "rest-service"
)

// FirstPassword is the password of every user of a new service.
const FirstPassword = "First-Pass!word-1"

// Auth is how the caller of [ChangePassword] proves itself.
type Auth string

// The ways to prove oneself.
const (
	// Bearer is "Authorization: Bearer" and the token.
	Bearer Auth = "bearer"
	// Basic is "Authorization: Basic" with the login and the token as password.
	Basic Auth = "basic"
	// Header is a header field that holds the token alone.
	Header Auth = "header"
	// None is no proof at all.
	None Auth = "none"
)

// Format is the form of the body of [ChangePassword].
type Format string

// The forms of a body.
const (
	JSON Format = "json"
	Form Format = "form"
)

// Config describes the endpoint. The zero value is the endpoint of Keeper's
// sample script, without one that signs users in.
type Config struct {
	// Method is POST, PUT or PATCH; "" stands for POST.
	Method string
	// Path is the path of [ChangePassword]; "" stands for /api/password. A
	// segment {user} holds the user's name, percent-encoded.
	Path string
	// Auth is how the caller proves itself; "" stands for Bearer.
	Auth Auth
	// Token is the caller's token or password; "" stands for the constant Token.
	Token string
	// Login is the caller's user name with Auth Basic; "" stands for the
	// constant Login.
	Login string
	// HeaderName is the header field with Auth Header; "" stands for X-Api-Key.
	HeaderName string
	// UserField is the key of the user's name, in the body and in the answer;
	// "" stands for userEmail.
	UserField string
	// OmitUser says that the body does not name the user, so that Path must.
	OmitUser bool
	// PasswordField is the key of the new password; "" stands for newPassword.
	PasswordField string
	// OldPasswordField is the key of the password in force, which must be
	// right; "" means that it is not sent.
	OldPasswordField string
	// ExtraBody holds further keys and the values they must have. In a form a
	// value that is no text is expected as its JSON text.
	ExtraBody map[string]any
	// BodyFormat is the form of the body; "" stands for JSON.
	BodyFormat Format
	// SuccessStatus is the status of success, 200 to 299; 0 stands for 201.
	// With 204 the answer has no body and names no user.
	SuccessStatus int
	// VerifyPath is the path of [SignIn], which may hold {user}; "" means that
	// there is no such endpoint.
	VerifyPath string
	// MinimumLength is the least length of a new password in characters; an
	// empty password is refused in any case.
	MinimumLength int
	// Challenge is the field WWW-Authenticate of a refused sign-in; "" stands for
	// Basic with the charset UTF-8.
	Challenge string
	// History refuses a password that the user has or has had.
	History bool
	// SignInLag is how long after a change sign-ins go by the password before it, as
	// where they ask a directory that learns of changes slowly.
	SignInLag time.Duration
	// Now is the service's clock; nil stands for time.Now.
	Now func() time.Time
	// LockAfter is the number of failed sign-ins in a row that lock an
	// account for good; 0 for never.
	LockAfter int
}

type user struct {
	password string
	past     []string  // former passwords
	changed  time.Time // when the password was set; zero for ever since
	failed   int       // ever since the user was set
	inARow   int       // since the last sign-in that was accepted
}

// Service is such an endpoint with its users. Make one with [New]. Its lock
// guards the state while a server serves it; the methods below take it themselves.
type Service struct {
	sync.Mutex
	simulator.Keeper
	config  Config
	extra   map[string]any // ExtraBody as decoded from JSON
	users   map[string]*user
	changes int
	refused int // callers without the right credentials
}

// New returns a service with the users jdoe@example.com, jdoe@example.co,
// jdoe+admin@example.com and "o'hara/100%", all with [FirstPassword]. It fails if
// the settings contradict one another.
func New(config Config) (*Service, error) {
	fill := func(setting *string, value string) {
		if *setting == "" {
			*setting = value
		}
	}
	fill(&config.Method, http.MethodPost)
	fill(&config.Path, "/api/password")
	fill((*string)(&config.Auth), string(Bearer))
	fill(&config.Token, Token)
	fill(&config.Login, Login)
	fill(&config.HeaderName, "X-Api-Key")
	fill(&config.UserField, "userEmail")
	fill(&config.PasswordField, "newPassword")
	fill((*string)(&config.BodyFormat), string(JSON))
	fill(&config.Challenge, `Basic realm="service", charset="UTF-8"`)
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.SuccessStatus == 0 {
		config.SuccessStatus = http.StatusCreated
	}
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("simulated REST service: %w", err)
	}
	service := &Service{config: config, users: make(map[string]*user)}
	// Compared as decoded from JSON, so that a number is a number of any Go type.
	encoded, err := json.Marshal(config.ExtraBody)
	if err == nil {
		decoder := json.NewDecoder(strings.NewReader(string(encoded)))
		decoder.UseNumber()
		err = decoder.Decode(&service.extra)
	}
	if err != nil {
		return nil, fmt.Errorf("simulated REST service: extra body: %w", err)
	}
	for _, name := range []string{"jdoe@example.com", "jdoe@example.co", "jdoe+admin@example.com", "o'hara/100%"} {
		service.SetUser(name, FirstPassword)
	}
	return service, nil
}

func (c Config) check() error {
	fields := slices.Collect(maps.Keys(c.ExtraBody))
	fields = append(fields, c.PasswordField)
	if !c.OmitUser {
		fields = append(fields, c.UserField)
	}
	if c.OldPasswordField != "" {
		fields = append(fields, c.OldPasswordField)
	}
	slices.Sort(fields)
	switch {
	case !slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, c.Method):
		return errors.New("the method is not POST, PUT or PATCH")
	case !slices.Contains([]Auth{Bearer, Basic, Header, None}, c.Auth):
		return errors.New("the auth is not known")
	case !slices.Contains([]Format{JSON, Form}, c.BodyFormat):
		return errors.New("the body format is not known")
	case c.SuccessStatus < 200 || c.SuccessStatus > 299:
		return errors.New("the success status is not 200 to 299")
	case c.OmitUser && !simulator.Pattern(c.Path).Has("user"):
		return errors.New("neither path nor body names the user")
	case len(slices.Compact(fields)) != len(fields):
		return errors.New("two keys of the body are alike")
	}
	return nil
}

// SetUser adds a user, or sets a user's password and clears the failed sign-ins.
func (s *Service) SetUser(name, password string) {
	s.Lock()
	defer s.Unlock()
	s.users[name] = &user{password: password}
}

// Password returns the password in force; "" if there is no such user.
func (s *Service) Password(name string) string {
	return s.read(name).password
}

// Accepts reports whether a sign-in would take this password now. Asking does not
// count as one.
func (s *Service) Accepts(name, password string) bool {
	found := s.read(name)
	return found.password != "" && found.password == password && !s.locked(found)
}

// Locked reports whether the account is locked.
func (s *Service) Locked(name string) bool { return s.locked(s.read(name)) }

// FailedLogins returns how often signing in as the user failed since the user was
// set; 0 if there is no such user. A request without Authorization is no attempt.
func (s *Service) FailedLogins(name string) int {
	return s.read(name).failed
}

// FailedAccess returns how often a caller of [ChangePassword] did not prove itself.
func (s *Service) FailedAccess() int {
	s.Lock()
	defer s.Unlock()
	return s.refused
}

// Changes returns how many changes of a password were applied.
func (s *Service) Changes() int {
	s.Lock()
	defer s.Unlock()
	return s.changes
}

func (s *Service) read(name string) user {
	s.Lock()
	defer s.Unlock()
	if found := s.users[name]; found != nil {
		return *found
	}
	return user{}
}

func (s *Service) locked(u user) bool {
	return s.config.LockAfter > 0 && u.inARow >= s.config.LockAfter
}

// Routes returns [ChangePassword] and, if there is a VerifyPath, [SignIn].
func (s *Service) Routes() []simulator.Route {
	change := simulator.Route{
		Name:   ChangePassword,
		Method: s.config.Method,
		Match:  simulator.Pattern(s.config.Path).Match,
		Write:  true,
		Serve:  s.change,
	}
	if s.config.SuccessStatus != http.StatusNoContent {
		change.WrongAccount = s.wrongAccount
	}
	routes := []simulator.Route{change}
	if s.config.VerifyPath != "" {
		routes = append(routes, simulator.Route{
			Name:         SignIn,
			Method:       http.MethodGet,
			Match:        simulator.Pattern(s.config.VerifyPath).Match,
			Login:        true,
			Serve:        s.signIn,
			CountFailure: s.countFailure,
			WrongAccount: s.wrongAccount,
		})
	}
	return routes
}

func (s *Service) wrongAccount(answer simulator.Answer) simulator.Answer {
	return simulator.RewriteJSON(answer, func(object map[string]any) {
		object[s.config.UserField] = "somebody.else@example.com"
	})
}

func (s *Service) change(r *simulator.Request) simulator.Answer {
	if refusal, refused := s.authorize(r); refused {
		return refusal
	}
	r.NoQuery()
	body, ok := s.body(r)
	if !ok {
		return malformed()
	}
	name, inPath, ok := pathUser(r, s.config.Path)
	if !ok {
		return malformed()
	}
	if !s.config.OmitUser {
		if inPath && name != body[s.config.UserField] {
			r.Note("path and body name different users")
			return malformed()
		}
		name = body[s.config.UserField]
	}
	found := s.users[name]
	if found == nil {
		return simulator.Error(404, "user not found")
	}
	if field := s.config.OldPasswordField; field != "" && body[field] != found.password {
		return simulator.Error(403, "the old password is wrong")
	}
	password := body[s.config.PasswordField]
	if password == "" || utf8.RuneCountInString(password) < s.config.MinimumLength {
		return simulator.Error(400, "the password does not meet the policy: too short")
	}
	if s.config.History && (password == found.password || slices.Contains(found.past, password)) {
		return simulator.Error(400, "the password does not meet the policy: used before")
	}
	if password != found.password {
		found.past = append(found.past, found.password)
		found.password, found.changed = s.Kept(password, found.password), s.config.Now()
	}
	s.changes++
	return simulator.JSON(s.config.SuccessStatus, map[string]any{s.config.UserField: name, "status": "password changed"})
}

// authorize returns the refusal of a caller that does not prove itself.
func (s *Service) authorize(r *simulator.Request) (refusal simulator.Answer, refused bool) {
	name := "Authorization"
	var given string
	ok := true
	wanted := s.config.Token
	switch s.config.Auth {
	case Bearer:
		given, ok = r.Bearer()
	case Basic:
		var login, password string
		login, password, ok = r.BasicAuth()
		given, wanted = login+":"+password, s.config.Login+":"+s.config.Token
	case Header:
		name = s.config.HeaderName
		given, ok = r.SingleHeader(name)
	case None:
		name, wanted = "Content-Type", ""
	}
	if !ok || given != wanted {
		s.refused++
		return simulator.Error(401, "the credentials are missing or wrong"), true
	}
	r.OnlyHeaders("Content-Type", name)
	return simulator.Answer{}, false
}

// body returns the text fields of the body, having checked all others.
func (s *Service) body(r *simulator.Request) (map[string]string, bool) {
	names := []string{s.config.PasswordField}
	if !s.config.OmitUser {
		names = append(names, s.config.UserField)
	}
	if s.config.OldPasswordField != "" {
		names = append(names, s.config.OldPasswordField)
	}
	given, ok := s.decode(r, names)
	if !ok {
		return nil, false
	}
	for name, wanted := range s.extra {
		if s.config.BodyFormat == Form {
			wanted = formText(wanted)
		}
		if !reflect.DeepEqual(given[name], wanted) {
			r.Note("body: " + name + " does not have the value it must have")
			ok = false
		}
	}
	texts := make(map[string]string)
	for _, name := range names {
		texts[name] = given[name].(string)
	}
	return texts, ok
}

// decode returns the fields of a body that has exactly the text fields named and
// those of the ExtraBody.
func (s *Service) decode(r *simulator.Request, names []string) (map[string]any, bool) {
	if s.config.BodyFormat == JSON {
		var fields []simulator.Field
		for _, name := range names {
			fields = append(fields, simulator.Field{Name: name, Type: simulator.String})
		}
		for name := range s.extra {
			fields = append(fields, simulator.Field{Name: name, Type: simulator.Any})
		}
		return r.JSONBody(fields...)
	}
	form, ok := r.FormBody(slices.AppendSeq(names, maps.Keys(s.extra))...)
	fields := make(map[string]any)
	for name, text := range form {
		fields[name] = text
	}
	return fields, ok
}

func formText(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	return string(simulator.JSON(0, value).Body)
}

// pathUser returns the user in the path, and whether the path has one at all.
func pathUser(r *simulator.Request, path string) (name string, there, ok bool) {
	segments, _ := simulator.Pattern(path).Segments(r.EscapedPath)
	escaped, there := segments["user"]
	if !there {
		return "", false, true
	}
	name, err := url.PathUnescape(escaped)
	if err != nil || !utf8.ValidString(name) {
		r.Note("the user in the path is not percent-encoded UTF-8")
		return "", true, false
	}
	return name, true, true
}

func (s *Service) signIn(r *simulator.Request) simulator.Answer {
	if len(r.Header.Values("Authorization")) == 0 {
		return s.refuseSignIn("sign in first")
	}
	r.OnlyHeaders("Authorization")
	r.NoQuery()
	r.NoBody()
	wrong := s.refuseSignIn("wrong user or password")
	name, password, ok := r.BasicAuth()
	if !ok {
		return wrong
	}
	if inPath, there, ok := pathUser(r, s.config.VerifyPath); !ok {
		return malformed()
	} else if there && inPath != name {
		r.Note("path and Authorization name different users")
		return malformed()
	}
	found := s.users[name]
	if found == nil {
		return wrong
	}
	if !s.signsIn(*found, password) {
		found.failed++
		found.inARow++
		return wrong
	}
	found.inARow = 0
	return simulator.JSON(200, map[string]any{s.config.UserField: name})
}

// signsIn reports whether a sign-in takes the password now.
func (s *Service) signsIn(u user, password string) bool {
	current := u.password
	if len(u.past) > 0 && s.config.Now().Sub(u.changed) < s.config.SignInLag {
		current = u.past[len(u.past)-1]
	}
	return current == password && !s.locked(u)
}

// countFailure counts a failed sign-in of the user whom the request names.
func (s *Service) countFailure(r *simulator.Request) {
	name, _, _ := r.BasicAuth()
	if found := s.users[name]; found != nil {
		found.failed++
		found.inARow++
	}
}

func (s *Service) refuseSignIn(text string) simulator.Answer {
	answer := simulator.Error(401, text)
	answer.Header.Set("WWW-Authenticate", s.config.Challenge)
	return answer
}

func malformed() simulator.Answer { return simulator.Error(400, "malformed request") }
