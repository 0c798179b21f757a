// Package sailpoint stands in for a SailPoint Identity Security Cloud tenant in
// tests and demonstrations: API clients and personal access tokens with scopes,
// identities with accounts at sources, and the four calls that set a password:
//
//	POST /oauth/token                          "request token"
//	POST /query-password-info/v1               "query password info"
//	POST /set-password/v1                      "set password"
//	GET  /password-change-status/v1/{request}  "read change status"
//
// The last three also answer in the older path style, as /v3/set-password and the
// like. A password comes into force at its source some status reads after it was
// set, as with the vendor; [Options] has everything else that may happen to it.
//
// It is written from SailPoint's API specifications and developer documents, and takes
// any client that keeps to them. Where they do not say what happens, an option chooses.
//
//	tenant := sailpoint.New(sailpoint.Options{})
//	server, err := simulator.Start(tenant, simulator.Options{})
//
// The access record's URL is then server.URL(), its login [ClientID], its password
// [ClientSecret]; [UserName] at [SourceName] is a user to rotate. Nobody can sign
// in as that user here: [Tenant.Accepts] is how a test sees what is in force.
package sailpoint

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"pam-rotate-script/internal/simulator"
)

// The names of the routes.
const (
	RequestToken      = "request token"
	QueryPasswordInfo = "query password info"
	SetPassword       = "set password"
	ReadChangeStatus  = "read change status"
)

// RequestName is the tenant's name for every call, in the header SLPT-Request-ID.
const RequestName = "5ca1ab1e0000400080000000000000c0"

// Outcome is what becomes of a password that the tenant has accepted and that
// breaks no rule.
type Outcome int

// The outcomes. The end shows at the status read that [Options.EndsAtPoll] names.
const (
	// Finishes ends as FINISHED without errors, the password in force.
	Finishes Outcome = iota
	// FinishesAtOnce answers set-password itself with FINISHED.
	FinishesAtOnce
	// FinishesWithErrors ends as FINISHED with errors; the password is in force.
	FinishesWithErrors
	// Fails ends as FAILED with errors; nothing has changed.
	Fails
	// FailsAtOnce answers set-password itself with FAILED; nothing has changed.
	FailsAtOnce
	// FailsInPart ends as FAILED, although the account asked for has the new
	// password, as when a connector waits too long for its source. Others that
	// change together with it keep the old one.
	FailsInPart
	// StaysInProgress never ends for who reads the status. [Tenant.Complete]
	// makes it end as Finishes does, as late as a test likes.
	StaysInProgress
)

// Unknown is how the tenant answers a query for a user or source it does not
// have. SailPoint's documents do not say.
type Unknown int

// The answers to a query for something unknown.
const (
	// UnknownRefused is 400.
	UnknownRefused Unknown = iota
	// UnknownNotFound is 404.
	UnknownNotFound
	// UnknownEmpty is 200 with every field null or empty.
	UnknownEmpty
)

// StatusNames is what the status of a change says of the request's ID, which the
// specification marks as nullable.
type StatusNames int

// What a status may say.
const (
	// NamesRequest is the ID that was asked for.
	NamesRequest StatusNames = iota
	// NamesNull is null.
	NamesNull
	// NamesNothing is a status without the key.
	NamesNothing
)

// What the zero [Options] stand for.
const (
	// DefaultTokenLifetime is the one of the vendor's example.
	DefaultTokenLifetime = 749 * time.Second
	// DefaultRateLimit is how many calls one client and path style has in
	// DefaultRateWindow.
	DefaultRateLimit  = 100
	DefaultRateWindow = 10 * time.Second
	// DefaultKeyBits is the size of the vendor's keys.
	DefaultKeyBits = 2048
	// DefaultEndsAtPoll makes the first status read find a change in progress.
	DefaultEndsAtPoll = 2
)

// Options alter a tenant. The zero value is what most tests want.
type Options struct {
	// Now is the tenant's clock, for tokens and rate limit; nil stands for
	// time.Now.
	Now func() time.Time
	// TokenLifetime ends a token; 0 stands for DefaultTokenLifetime.
	TokenLifetime time.Duration
	// TokenUses is how many calls a token is good for; 0 sets no limit, less
	// than 0 makes every token expired from the start.
	TokenUses int
	// PlainTokenErrors gives refusals of the token endpoint the shape of all
	// other errors instead of OAuth's error and error_description.
	PlainTokenErrors bool

	// RateLimit is how many calls a client may make per path style in one
	// window, the token endpoint aside; 0 stands for DefaultRateLimit, less
	// than 0 for no limit.
	RateLimit int
	// RateWindow is the length of that window; 0 stands for DefaultRateWindow.
	RateWindow time.Duration

	// PathStyles lists what the tenant answers of v1, v3, v2024, v2025 and
	// v2026; the others are 404. Nil stands for all. An old tenant is {"v3"}.
	PathStyles []string
	// ForbiddenStyles lists the path styles in which the query for password
	// information is answered 403, whoever asks.
	ForbiddenStyles []string
	// Deprecated marks answers in a style other than v1 with X-Deprecated.
	Deprecated bool

	// AnyCase lets a query name user and source in another case.
	AnyCase bool
	// Unknown answers a query for a user or source that does not exist.
	Unknown Unknown
	// HideAccounts answers queries with no accounts, although the identity has some
	// at the source. An account ID that the client knows otherwise is taken.
	HideAccounts bool
	// RefuseTokensQuery refuses query-password-info to personal access tokens,
	// as v3 did until September 2024.
	RefuseTokensQuery bool
	// TokensSetOthers lets personal access tokens set passwords of identities
	// other than their owner's.
	TokensSetOthers bool
	// ExistenceFirst answers 404 for an unknown request before it asks for the
	// right to read the status of a known one.
	ExistenceFirst bool

	// KeyBits is the size of the RSA key, a multiple of 8 from 1024 to 2048;
	// 0 stands for DefaultKeyBits. The longest password has KeyBits/8 - 11 bytes.
	KeyBits int
	// History refuses a password that an account has or has had.
	History bool
	// RefuseAtOnce answers a password that breaks a rule, and one for a source
	// without the feature PASSWORD, with 400 at set-password. Otherwise they
	// end as FAILED with errors.
	RefuseAtOnce bool

	// Outcome is what becomes of an accepted password.
	Outcome Outcome
	// EndsAtPoll is the status read, from 1, that first shows the end; 0 stands
	// for DefaultEndsAtPoll. The password comes into force at that read.
	EndsAtPoll int
	// EndsAfter has a change end when that much time has passed by the tenant's
	// clock, whether anybody reads its status or not; 0 leaves it to EndsAtPoll.
	EndsAfter time.Duration
	// HiddenPolls is how many status reads find 404 before those that
	// EndsAtPoll counts.
	HiddenPolls int
	// ProgressWord is the state of a change in progress; "" stands for
	// IN_PROGRESS. Any other word is one that the documents do not list.
	ProgressWord string
	// NullRequestID answers set-password without a request ID. As nobody can
	// ask for the end then, a change in progress waits for [Tenant.Complete].
	NullRequestID bool
	// StatusNames is what the status of a change says of the request's ID.
	StatusNames StatusNames
	// AwkwardRequestIDs makes request IDs that need escaping in a path.
	AwkwardRequestIDs bool

	// Alter returns what is sent in place of an answer of the route; nil sends
	// all as they are. It is called with the tenant's lock held. What the tenant
	// expects back is what it answered before Alter.
	Alter func(route string, answer simulator.Answer) simulator.Answer
}

// withDefaults returns the options with nothing left open. It panics at what no
// tenant can be.
func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	orDefault(&o.TokenLifetime, DefaultTokenLifetime)
	orDefault(&o.RateLimit, DefaultRateLimit)
	orDefault(&o.RateWindow, DefaultRateWindow)
	orDefault(&o.KeyBits, DefaultKeyBits)
	orDefault(&o.EndsAtPoll, DefaultEndsAtPoll)
	orDefault(&o.ProgressWord, inProgress)
	if o.PathStyles == nil {
		o.PathStyles = pathStyles
	}
	for _, style := range o.PathStyles {
		if !slices.Contains(pathStyles, style) {
			panic(fmt.Sprintf("simulated SailPoint tenant: no path style is named %s", style))
		}
	}
	return o
}

func orDefault[T comparable](value *T, standard T) {
	var zero T
	if *value == zero {
		*value = standard
	}
}

// Tenant is a SailPoint tenant. Make one with [New]. Its lock guards the state
// while a server serves it; the methods below take it themselves.
type Tenant struct {
	sync.Mutex
	simulator.Keeper
	options Options
	key     *rsa.PrivateKey

	clients    []*Client
	sources    []*Source
	identities []*identity

	tokens    map[string]*accessToken
	windows   map[string]*window
	handouts  map[string]handout // by public key ID
	changes   []*change
	completed int
	refused   int // requests for tokens with a wrong client ID or secret
}

// New returns a tenant with the clients, sources and identities that the constants
// and [Tenant.AddIdentity] describe. It panics if the options make no sense. The
// first tenant with a key of some size takes about a second to make it; later ones
// of the process share it.
func New(options Options) *Tenant {
	options = options.withDefaults()
	tenant := &Tenant{
		options:  options,
		key:      keyOfSize(options.KeyBits),
		tokens:   make(map[string]*accessToken),
		windows:  make(map[string]*window),
		handouts: make(map[string]handout),
	}
	tenant.populate()
	return tenant
}

// Accepts reports whether the account at the source of that display name has this
// password now. The account is named by its account ID, both with case.
func (t *Tenant) Accepts(sourceName, accountID, password string) bool {
	t.Lock()
	defer t.Unlock()
	t.endDue()
	account := t.account(sourceName, accountID)
	return account != nil && account.Password == password
}

// Password returns the password in force for the account; "" if there is none of
// that account ID at the source of that display name.
func (t *Tenant) Password(sourceName, accountID string) string {
	t.Lock()
	defer t.Unlock()
	t.endDue()
	if account := t.account(sourceName, accountID); account != nil {
		return account.Password
	}
	return ""
}

// Completed returns how many requests to set a password have come into force at
// one account or more.
func (t *Tenant) Completed() int {
	t.Lock()
	defer t.Unlock()
	t.endDue()
	return t.completed
}

// FailedAccess returns how many requests for a token had a wrong client ID or secret.
func (t *Tenant) FailedAccess() int {
	t.Lock()
	defer t.Unlock()
	return t.refused
}

// Pending returns how many accepted requests to set a password have not ended.
func (t *Tenant) Pending() int {
	t.Lock()
	defer t.Unlock()
	t.endDue()
	pending := 0
	for _, change := range t.changes {
		if !change.ended {
			pending++
		}
	}
	return pending
}

// Complete ends every pending request, as if the source had answered by now.
func (t *Tenant) Complete() {
	t.Lock()
	defer t.Unlock()
	for _, change := range t.changes {
		t.end(change)
	}
}

// Routes returns [RequestToken], [QueryPasswordInfo], [SetPassword] and
// [ReadChangeStatus]. None of them signs in as a user.
func (t *Tenant) Routes() []simulator.Route {
	routes := []simulator.Route{
		{Name: RequestToken, Method: "POST", Match: tokenPath.Match, Serve: t.requestToken},
		{Name: QueryPasswordInfo, Method: "POST", Match: queryService.Match, Serve: t.queryPasswordInfo, WrongAccount: strangersInfo},
		{Name: SetPassword, Method: "POST", Match: setService.Match, Write: true, Serve: t.setPassword},
		{Name: ReadChangeStatus, Method: "GET", Match: statusService.Match, Serve: t.readChangeStatus, WrongAccount: strangersStatus},
	}
	for i, route := range routes {
		routes[i].Serve = func(r *simulator.Request) simulator.Answer {
			answer := route.Serve(r)
			if answer.Header == nil {
				answer.Header = http.Header{}
			}
			answer.Header.Set("SLPT-Request-ID", RequestName)
			if t.options.Alter != nil {
				answer = t.options.Alter(route.Name, answer)
			}
			return answer
		}
	}
	return routes
}
