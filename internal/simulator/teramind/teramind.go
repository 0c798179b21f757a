// Package teramind stands in for a Teramind instance in tests and demonstrations:
// agents with passwords, access tokens, a password policy, and the two calls of
// Teramind's password rotation:
//
//	GET   /tm-api/agent/{e-mail address}   "find agent"
//	PATCH /tm-api/agent/{agent ID}         "update agent"
//	PUT   /tm-api/agent/{agent ID}         "replace agent", which Teramind calls deprecated
//
// It is written from Teramind's article on rotating passwords and from its public
// API collection, and takes any client that keeps to them. Where neither says what
// happens, [Options] chooses.
//
//	instance := teramind.New(teramind.Options{})
//	server, err := simulator.Start(instance, simulator.Options{})
//
// The access record's URL is then server.URL(), its token [Token].
package teramind

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"pam-rotate-script/internal/simulator"
)

// The tokens of every instance.
const (
	// Token may do everything.
	Token = "Tm-full/access+token=0001"
	// ReadOnlyToken may find agents, and is refused when it updates one.
	ReadOnlyToken = "Tm-read/only+token=0002"
	// PowerlessToken is valid and refused everything.
	PowerlessToken = "Tm-powerless+token=0003"
)

// The names of the routes.
const (
	FindAgent    = "find agent"
	UpdateAgent  = "update agent"
	ReplaceAgent = "replace agent"
	ListAgents   = "list agents"
)

// FirstPassword is the password of every agent of a new instance.
const FirstPassword = "First-Pass!word-1"

// Agent is a user as Teramind knows it.
type Agent struct {
	// ID is the agent ID, above 0 and unique.
	ID int
	// Email is the address, unique with case.
	Email string
	// FirstName and LastName are for show.
	FirstName, LastName string
	// Role is 0 for an employee, 1 administrator, 3 operational administrator,
	// 5 infrastructure administrator.
	Role int
	// Deleted agents can still be found, but not updated or signed in.
	Deleted bool
	// LDAPAttributes is set for an agent who comes from a directory.
	LDAPAttributes map[string]any
	// TwoFactor says that signing in asks for a second factor.
	TwoFactor bool
	// Password is the one in force.
	Password string
	// MustChange says that the next sign-in demands a new password.
	MustChange bool
	// Sessions is the number of open sessions.
	Sessions int
}

// UpdateAnswer is what a good update is answered with.
type UpdateAnswer int

// The answers that have been seen, and one that says nothing.
const (
	// AnswersAgent is the agent, as in the article.
	AnswersAgent UpdateAnswer = iota
	// AnswersSuccess is {"success":true} alone.
	AnswersSuccess
	// AnswersNoContent is 204.
	AnswersNoContent
	// AnswersEmpty is 200 without a body.
	AnswersEmpty
)

// AddressFields is where the answers have an agent's address.
type AddressFields int

// The fields that have been seen.
const (
	// InEmailAddress is email_address, as in the article; with
	// [Options.ExtraFields] email has it, too.
	InEmailAddress AddressFields = iota
	// InEmail is email, with email_address empty.
	InEmail
	// InEmailAddressAlone is email_address, with email empty.
	InEmailAddressAlone
)

// Options alter an instance. The zero value is what most tests want.
type Options struct {
	// MinimumLength is the least length of a new password in characters; an
	// empty password is refused in any case.
	MinimumLength int
	// History refuses a password that the agent has or has had.
	History bool
	// AnyCase finds an agent by an address of another case.
	AnyCase bool
	// FindAnswers is the ID of the agent that every look-up answers with,
	// whoever is asked for; 0 for the one asked for.
	FindAnswers int
	// ExtraFields adds to the answers the fields that only the API collection
	// shows: account_id, email, deleted, flags, ldap_attrs, tfa_enabled and,
	// after an update, success.
	ExtraFields bool
	// Unsuccessful answers every update with success: false, and does nothing.
	Unsuccessful bool
	// UpdateAnswer is what a good update is answered with.
	UpdateAnswer UpdateAnswer
	// AddressFields is where the answers have an agent's address.
	AddressFields AddressFields
	// OldLookUp answers 404 to a look-up by address, as servers from before 2024
	// do. They know agents by number alone.
	OldLookUp bool
}

// Instance is a Teramind instance. Make one with [New]. Its lock guards the state
// while a server serves it; the methods below take it themselves.
type Instance struct {
	sync.Mutex
	simulator.Keeper
	options Options
	agents  []*Agent
	past    map[int][]string // former passwords by agent ID
	updates int
	refused int // calls without a valid token
}

// New returns an instance with some agents, all with [FirstPassword] and one open
// session: jdoe@example.com (agent 42), addresses that look like it, and one that
// begins with the number 42 without being agent 42.
func New(options Options) *Instance {
	instance := &Instance{options: options, past: make(map[int][]string)}
	for _, agent := range []Agent{
		{ID: 1, Email: "admin@example.com", FirstName: "Ada", LastName: "Admin", Role: 1},
		{ID: 7, Email: "42@example.com", FirstName: "Forty", LastName: "Two"},
		{ID: 42, Email: "jdoe@example.com", FirstName: "John", LastName: "Doe"},
		{ID: 43, Email: "jdoe@example.co", FirstName: "Jane", LastName: "Doe"},
		{ID: 44, Email: "jdoe+admin@example.com", FirstName: "John", LastName: "Doe", Role: 1},
		{ID: 45, Email: "j.doe@example.com", FirstName: "Joan", LastName: "Doe"},
		{ID: 46, Email: "jdoe@example.com.example.net", FirstName: "Jon", LastName: "Doe"},
		{ID: 47, Email: "jdoé@example.com", FirstName: "Joé", LastName: "Doe"},
		{ID: 48, Email: "o'hara/100%@example.com", FirstName: "Ona", LastName: "O'Hara"},
	} {
		agent.Password = FirstPassword
		agent.Sessions = 1
		instance.Add(agent)
	}
	return instance
}

// Add adds an agent. It panics if the ID is not above 0, or the ID or address is
// taken.
func (i *Instance) Add(agent Agent) {
	i.Lock()
	defer i.Unlock()
	if agent.ID <= 0 || slices.ContainsFunc(i.agents, func(other *Agent) bool {
		return other.ID == agent.ID || other.Email == agent.Email
	}) {
		panic(fmt.Sprintf("simulated Teramind: agent %d cannot be added", agent.ID))
	}
	i.agents = append(i.agents, &agent)
}

// Agent returns the agent of that address, with case, and whether there is one.
func (i *Instance) Agent(email string) (Agent, bool) {
	i.Lock()
	defer i.Unlock()
	for _, agent := range i.agents {
		if agent.Email == email {
			return *agent, true
		}
	}
	return Agent{}, false
}

// Password returns the password in force for that address; "" if there is no
// such agent.
func (i *Instance) Password(email string) string {
	agent, _ := i.Agent(email)
	return agent.Password
}

// Accepts reports whether a sign-in to the web interface would take this password
// now, whatever it demands next.
func (i *Instance) Accepts(email, password string) bool {
	agent, found := i.Agent(email)
	return found && !agent.Deleted && agent.Password == password
}

// Updates returns how many updates were applied.
func (i *Instance) Updates() int {
	i.Lock()
	defer i.Unlock()
	return i.updates
}

// FailedAccess returns how many calls came without a valid token.
func (i *Instance) FailedAccess() int {
	i.Lock()
	defer i.Unlock()
	return i.refused
}

const (
	agentPath  simulator.Pattern = "/tm-api/agent/{agent}"
	agentsPath simulator.Pattern = "/tm-api/agent"
	// The same agents with fewer fields.
	briefPath  simulator.Pattern = "/tm-api/v1/agents"
	briefAgent simulator.Pattern = "/tm-api/v1/agents/{agent}"
)

// Routes returns [FindAgent], [UpdateAgent] and [ReplaceAgent], and [ListAgents] for other clients.
func (i *Instance) Routes() []simulator.Route {
	return []simulator.Route{
		{Name: FindAgent, Method: "GET", Match: agentPath.Match, Serve: i.find, WrongAccount: wrongAccount},
		{Name: UpdateAgent, Method: "PATCH", Match: agentPath.Match, Write: true, Serve: i.update, WrongAccount: wrongAccount},
		{Name: ReplaceAgent, Method: "PUT", Match: agentPath.Match, Write: true, Serve: i.replace, WrongAccount: wrongAccount},
		{Name: ListAgents, Method: "GET", Match: listed, Serve: i.list},
	}
}

func listed(path string) bool {
	return agentsPath.Match(path) || briefPath.Match(path) || briefAgent.Match(path)
}

func wrongAccount(answer simulator.Answer) simulator.Answer {
	return simulator.RewriteJSON(answer, func(object map[string]any) {
		object["agent_id"] = 4711
		object["email_address"] = "somebody.else@example.com"
		if _, there := object["email"]; there {
			object["email"] = "somebody.else@example.com"
		}
	})
}

// find answers a look-up. As with Teramind, a number in place of the address
// stands for the agent of that ID.
func (i *Instance) find(r *simulator.Request) simulator.Answer {
	r.OnlyHeaders("X-Access-Token")
	r.NoQuery()
	r.NoBody()
	if refusal, refused := i.authorize(r, Token, ReadOnlyToken); refused {
		return refusal
	}
	key, ok := r.Segment(agentPath, "agent")
	if !ok {
		return notFound()
	}
	found := i.lookUp(key)
	if found == nil {
		return notFound()
	}
	return simulator.JSON(200, i.object(found))
}

// list answers with all agents, or with the one that is named by its ID. Deleted ones are left
// out unless the query asks for them.
func (i *Instance) list(r *simulator.Request) simulator.Answer {
	r.Note("agents are listed")
	if refusal, refused := i.authorize(r, Token, ReadOnlyToken); refused {
		return refusal
	}
	object := i.brief
	switch {
	case briefAgent.Match(r.EscapedPath):
		id, _ := r.Segment(briefAgent, "agent")
		agent := i.byID(id)
		if agent == nil {
			return notFound()
		}
		return simulator.JSON(200, object(agent))
	case agentsPath.Match(r.EscapedPath):
		object = i.object
	}
	objects := []any{}
	for _, agent := range i.agents {
		if !agent.Deleted || strings.Contains(r.RawQuery, "showDeleted") {
			objects = append(objects, object(agent))
		}
	}
	return simulator.JSON(200, objects)
}

// brief is an agent as the first version of the list shows it.
func (i *Instance) brief(agent *Agent) map[string]any {
	return map[string]any{
		"agent_id":      agent.ID,
		"name":          strings.TrimSpace(agent.FirstName + " " + agent.LastName),
		"email_address": agent.Email,
		"avatar":        nil,
	}
}

func (i *Instance) lookUp(key string) *Agent {
	if i.options.FindAnswers != 0 {
		return i.byID(strconv.Itoa(i.options.FindAnswers))
	}
	for _, agent := range i.agents {
		if i.options.OldLookUp {
			break
		}
		if agent.Email == key || i.options.AnyCase && strings.EqualFold(agent.Email, key) {
			return agent
		}
	}
	return i.byID(key)
}

func (i *Instance) byID(id string) *Agent {
	for _, agent := range i.agents {
		if strconv.Itoa(agent.ID) == id {
			return agent
		}
	}
	return nil
}

func (i *Instance) update(r *simulator.Request) simulator.Answer {
	r.OnlyHeaders("X-Access-Token", "Content-Type")
	r.NoQuery()
	if refusal, refused := i.authorize(r, Token); refused {
		return refusal
	}
	id, ok := r.Segment(agentPath, "agent")
	if !ok {
		return notFound()
	}
	number, err := strconv.Atoi(id)
	if err != nil || strconv.Itoa(number) != id || number <= 0 {
		r.Note("the agent to update is not named by its ID")
	}
	if err != nil {
		return notFound()
	}
	password, ok := newPassword(r)
	if !ok {
		return malformed()
	}
	agent := i.byID(strconv.Itoa(number))
	if agent == nil || agent.Deleted {
		return notFound()
	}
	if password == "" || len([]rune(password)) < i.options.MinimumLength {
		return simulator.Error(400, "the password does not meet the policy: too short")
	}
	if i.options.History && (password == agent.Password || slices.Contains(i.past[agent.ID], password)) {
		return simulator.Error(400, "the password does not meet the policy: used before")
	}
	if !i.options.Unsuccessful {
		i.updates++
		i.past[agent.ID] = append(i.past[agent.ID], agent.Password)
		agent.Password, agent.MustChange, agent.Sessions = i.Kept(password, agent.Password), true, 0
	}
	answer := i.object(agent)
	if i.options.ExtraFields || i.options.Unsuccessful {
		answer["success"] = !i.options.Unsuccessful
	}
	switch {
	case i.options.Unsuccessful || i.options.UpdateAnswer == AnswersAgent:
		return simulator.JSON(200, answer)
	case i.options.UpdateAnswer == AnswersSuccess:
		return simulator.JSON(200, map[string]any{"success": true})
	case i.options.UpdateAnswer == AnswersNoContent:
		return simulator.Answer{Status: 204}
	}
	return simulator.Answer{Status: 200}
}

// replace takes the same as update. Nothing here keeps what it would replace besides.
func (i *Instance) replace(r *simulator.Request) simulator.Answer {
	r.Note("the method is deprecated")
	return i.update(r)
}

// newPassword returns the password of an update, and whether it is there twice. The
// article knows passwordConfirmation as another name of passwordConfirm; further keys
// are those of an agent, of which an update may have any part.
func newPassword(r *simulator.Request) (string, bool) {
	body, ok := r.JSONBody(
		simulator.Field{Name: "newPassword", Type: simulator.String},
		simulator.Field{Name: "passwordConfirm", Type: simulator.String, Optional: true},
		simulator.Field{Name: "passwordConfirmation", Type: simulator.String, Optional: true})
	if !ok {
		return "", false
	}
	confirmed, there := body["passwordConfirm"]
	if alias, named := body["passwordConfirmation"]; named {
		r.Note("body: passwordConfirmation is another name of passwordConfirm")
		if !there {
			confirmed, there = alias, true
		}
	}
	switch {
	case !there:
		r.Note("body: key passwordConfirm is missing")
	case confirmed != body["newPassword"]:
		r.Note("newPassword and passwordConfirm differ")
	default:
		return body["newPassword"].(string), true
	}
	return "", false
}

// authorize returns the refusal of a request without one of the tokens.
func (i *Instance) authorize(r *simulator.Request, allowed ...string) (refusal simulator.Answer, refused bool) {
	token, ok := r.SingleHeader("X-Access-Token")
	switch {
	case !ok || !slices.Contains([]string{Token, ReadOnlyToken, PowerlessToken}, token):
		i.refused++
		return simulator.Error(401, "the access token is missing or invalid"), true
	case !slices.Contains(allowed, token):
		return simulator.Error(403, "insufficient permissions"), true
	}
	return simulator.Answer{}, false
}

// object is an agent as answers show it.
func (i *Instance) object(agent *Agent) map[string]any {
	object := map[string]any{
		"agent_id":      agent.ID,
		"email_address": agent.Email,
		"first_name":    agent.FirstName,
		"last_name":     agent.LastName,
		"role":          agent.Role,
	}
	if i.options.ExtraFields {
		deleted := 0
		if agent.Deleted {
			deleted = 1
		}
		object["account_id"] = 1
		object["email"] = agent.Email
		object["deleted"] = deleted
		object["flags"] = map[string]any{}
		object["ldap_attrs"] = nil
		if agent.LDAPAttributes != nil {
			object["ldap_attrs"] = agent.LDAPAttributes
		}
		object["tfa_enabled"] = agent.TwoFactor
	}
	switch i.options.AddressFields {
	case InEmail:
		object["email_address"], object["email"] = "", agent.Email
	case InEmailAddressAlone:
		object["email"] = ""
	}
	return object
}

func malformed() simulator.Answer { return simulator.Error(400, "malformed request") }

func notFound() simulator.Answer { return simulator.Error(404, "user not found") }
