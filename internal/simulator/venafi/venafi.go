// Package venafi stands in for a Venafi Trust Protection Platform in tests and
// demonstrations: identities with passwords and rights, API integrations, grants,
// and the calls that a rotation of a local identity's password needs:
//
//	POST /vedauth/authorize/oauth       "sign in"
//	POST /vedauth/authorize/token       "refresh token"
//	GET  /vedauth/authorize/verify      "verify token"
//	GET  /vedauth/revoke/token          "revoke grant"
//	POST /vedsdk/Identity/SetPassword   "set password"
//	POST /vedsdk/Identity/Validate      "validate identity"
//	GET  /vedsdk/SystemStatus/Version   "read version", which clients call to try a token
//
// It is written from Venafi's documents and from the vendor's public clients, and
// takes any client that keeps to them. Where they leave room, [Options] chooses.
//
//	platform := venafi.New(venafi.Options{})
//	server, err := simulator.Start(platform, simulator.Options{})
//
// The access record's URL is then server.URL(), its login [Caller] with
// [CallerPassword], its client ID [ClientID]. Where tokens are to come from a
// server of their own, start [Platform.Auth] and [Platform.SDK] instead; both
// share the platform's state.
//
// A user is named to the methods of this package as to the platform: "jdoe" and
// "local:jdoe" are the local identity, "AD+corp:jdoe" is one of a directory.
package venafi

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"pam-rotate-script/internal/simulator"
)

// The names of the routes.
const (
	SignIn       = "sign in"
	RefreshToken = "refresh token"
	VerifyToken  = "verify token"
	RevokeGrant  = "revoke grant"
	SetPassword  = "set password"
	ReadVersion  = "read version"
	Validate     = "validate identity"
)

// The callers of every platform, and the password of both.
const (
	// Caller has the Master Admin right.
	Caller = "rotator"
	// PlainCaller has no right but the one to change its own password.
	PlainCaller    = "clerk"
	CallerPassword = "Caller-Pass!word-1"
)

// FirstPassword is the password of every identity of a new platform but the callers.
const FirstPassword = "First-Pass!word-1"

// The API integrations of every platform.
const (
	// ClientID lets everybody ask for security:manage.
	ClientID = "Keeper-rotate"
	// VerifyClientID lets everybody ask for certificate, which is no use for
	// setting passwords.
	VerifyClientID = "keeper-verify"
	// CallersClientID lets the callers alone ask for security:manage.
	CallersClientID = "keeper-callers"
)

// The ready-made access tokens of every platform, all of [Caller]'s. They belong
// to an administrator and are no concern of [Platform.OpenGrants].
const (
	// ReadyToken has the scope security:manage.
	ReadyToken = "Vf-ready/made+token=0001=="
	// CertificateToken has the scope certificate.
	CertificateToken = "Vf-certificate+token=0002=="
	// ExpiredToken has the scope security:manage and ended an hour before the
	// platform was made.
	ExpiredToken = "Vf-expired/made+token=0003=="
)

// Identity is a user or group as the platform knows it.
type Identity struct {
	// Name is unique within the prefix, with case.
	Name string
	// Prefix names the identity provider, such as AD+corp; "" stands for local.
	Prefix string
	// GUID is unique, in lower case and without braces; "" has one made up.
	GUID string
	// Password is the one in force, whatever a cache says.
	Password string
	// MasterAdmin is the right to set other identities' passwords.
	MasterAdmin bool
	// Group says that the identity is a group. It does not sign in.
	Group bool
	// Disabled identities do not sign in; the answer is that of a wrong password.
	Disabled bool
	// Locked is the same, and also follows from [Options.LockAfter].
	Locked bool
	// NoWebSDKAccess identities get no grant, as if the integration did not
	// allow them.
	NoWebSDKAccess bool
}

func (i Identity) prefixedName() string      { return i.Prefix + ":" + i.Name }
func (i Identity) universal() string         { return "{" + i.GUID + "}" }
func (i Identity) prefixedUniversal() string { return i.Prefix + ":" + i.universal() }

// Integration is an API integration: which users may ask for which scope.
type Integration struct {
	// ClientID is unique, with case.
	ClientID string
	// Scope is the widest that may be asked for, such as
	// "certificate:manage,discover;security:manage".
	Scope string
	// Users are the users allowed; none at all means everybody.
	Users []string
}

// Grant is an access token with what belongs to it.
type Grant struct {
	// User is the prefixed name of the identity that the grant was made for.
	User string
	// ClientID is the integration; "" is possible for a ready-made token.
	ClientID string
	// Scope is what was asked for and granted.
	Scope string
	// AccessToken is unique. RefreshToken is "" where there is none.
	AccessToken, RefreshToken string
	// Issued is when the grant was made, TokenEnds when the access token ends
	// and GrantEnds when it can no longer be refreshed. A zero TokenEnds means
	// never.
	Issued, TokenEnds, GrantEnds time.Time
}

// Options alter a platform. The zero value is what most tests want. Fields that
// begin with Old are the behaviour of old versions; fields that begin with
// Assume choose what no document settles.
type Options struct {
	// Now is the platform's clock; nil stands for time.Now.
	Now func() time.Time
	// TokenLife is how long an access token lasts; 0 stands for 90 days.
	TokenLife time.Duration
	// GrantLife is how long a grant can be refreshed; 0 stands for 365 days.
	GrantLife time.Duration
	// NoRefresh makes grants without a refresh token.
	NoRefresh bool
	// PasswordSignInOff refuses every sign-in by user name and password.
	PasswordSignInOff bool
	// LockAfter is the number of failed sign-ins in a row that lock an identity
	// for good; 0 for never. A locked identity is refused with the right
	// password in the same words as with a wrong one.
	LockAfter int
	// ErrorShape is the form of every error; the zero value is the documented one.
	ErrorShape ErrorShape
	// NamesApplication has the refusal of a user whom an integration does not allow name
	// the integration instead of the user.
	NamesApplication bool
	// Deadlocks is the number of otherwise good calls of [SetPassword] that end
	// in a database deadlock, with status 500, before the first that does not.
	Deadlocks int
	// FailedRevocations is the number of calls of [RevokeGrant] that revoke
	// nothing, with status 202, before the first that does.
	FailedRevocations int
	// AnyPassword drops the rules for new passwords but the one that the
	// password differs from OldPassword.
	AnyPassword bool
	// AnswerNames is the user whom every good answer of [SetPassword] names,
	// whoever's password was set, as in the example of Venafi's document; "" for
	// the one whose password it was. It does not mean that anything is wrong.
	AnswerNames string
	// AssumeSetsNamed sets the password of the user in AnswerNames, as if that example
	// were no slip.
	AssumeSetsNamed bool
	// ExtraFields adds IsGroup and State to the identity in the answers.
	ExtraFields bool

	// OldGrantAnswer leaves expires_in and refresh_until out of the answer to a
	// sign-in.
	OldGrantAnswer bool
	// OldScopeStatus answers 401 instead of 403 where a token lacks a scope.
	OldScopeStatus bool
	// OldRevocation lets only tokens with configuration:manage be used for
	// [RevokeGrant].
	OldRevocation bool

	// AssumeLag is how long after a change of a password sign-ins go by the one before
	// it.
	AssumeLag time.Duration
	// AssumeHistory refuses a password that the identity has had. AssumeRepeatRefused
	// is about the one that it has.
	AssumeHistory bool
	// AssumeNewRefused is the number of sign-ins of an identity after a change
	// of its password in which a cache refuses the new password.
	AssumeNewRefused int
	// AssumeOldAccepted is the number of sign-ins of an identity after a change
	// of its password in which a cache lets the previous password pass, besides
	// the new one.
	AssumeOldAccepted int
	// AssumeScopeOptional grants the whole scope of the integration to who asks for
	// none. Otherwise that is refused.
	AssumeScopeOptional bool
	// AssumePermissionFirst refuses a user whom the integration does not allow
	// before the password is looked at.
	AssumePermissionFirst bool
	// AssumeWrongPasswordCode is the error code for a wrong password; "" stands
	// for invalid_grant.
	AssumeWrongPasswordCode string
	// AssumeDeadlockCommits sets the password although the answer tells of a
	// deadlock.
	AssumeDeadlockCommits bool
	// AssumeRepeatRefused refuses the password that is in force already, sent
	// with OldPassword or without.
	AssumeRepeatRefused bool
	// AssumeChangeEndsGrants ends all grants of an identity whose password is set.
	AssumeChangeEndsGrants bool
}

// Platform is a Trust Protection Platform, and the [simulator.Vendor] of a server
// that answers everything. Make one with [New]. Its lock guards the state while
// servers serve it; the methods below take it themselves.
type Platform struct {
	sync.Mutex
	simulator.Keeper
	options      Options
	accounts     []*account
	integrations []Integration
	grants       []*grant
	deadlocks    int // still to come
	failures     int // revocations still to fail
	updates      int
}

// account is an identity with its record of sign-ins.
type account struct {
	Identity
	previous    string
	past        []string  // former passwords
	changed     time.Time // when the password was set; zero for ever since
	newRefused  int       // sign-ins still to be refused
	oldAccepted int       // sign-ins still to pass with the previous password
	failed      int
	inARow      int // failed since the last one that did not
	succeeded   int
}

type grant struct {
	Grant
	account   *account
	readyMade bool
	over      bool // revoked, or ended by a change of password
}

// New returns a platform with the integrations and ready-made tokens above and
// these identities: admin (Master Admin, as in Venafi's example), [Caller],
// [PlainCaller], the local users jdoe, jdoe2, jdo, j.doe, jdoé, JohnDoe,
// jdoe@corp.example, "o'hara 100%" and `ann "a" <&>`, the group "PKI Admins", and
// AD+corp:jdoe of a directory.
func New(options Options) *Platform {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.TokenLife == 0 {
		options.TokenLife = 90 * 24 * time.Hour
	}
	if options.GrantLife == 0 {
		options.GrantLife = 365 * 24 * time.Hour
	}
	if options.AssumeWrongPasswordCode == "" {
		options.AssumeWrongPasswordCode = invalidGrant
	}
	platform := &Platform{options: options, deadlocks: options.Deadlocks, failures: options.FailedRevocations}
	for _, identity := range []Identity{
		{Name: "admin", GUID: "b6e6a98b-6419-4497-9249-860d136dfba0", MasterAdmin: true},
		{Name: Caller, Password: CallerPassword, MasterAdmin: true},
		{Name: PlainCaller, Password: CallerPassword},
		{Name: "jdoe", GUID: "198c2d48-4f3c-4d5e-9a1b-0c2d3e4f5a6b"},
		{Name: "jdoe2"},
		{Name: "jdo"},
		{Name: "j.doe"},
		{Name: "jdoé"},
		{Name: "JohnDoe"},
		{Name: "jdoe@corp.example"},
		{Name: "o'hara 100%"},
		{Name: `ann "a" <&>`},
		{Name: "PKI Admins", Group: true},
		{Name: "jdoe", Prefix: "AD+corp"},
	} {
		if identity.Password == "" && !identity.Group {
			identity.Password = FirstPassword
		}
		platform.Add(identity)
	}
	platform.AddIntegration(Integration{ClientID: ClientID, Scope: "security:manage"})
	platform.AddIntegration(Integration{ClientID: VerifyClientID, Scope: "certificate"})
	platform.AddIntegration(Integration{ClientID: CallersClientID, Scope: "security:manage", Users: []string{Caller, PlainCaller}})
	platform.AddToken(Grant{User: Caller, Scope: "security:manage", AccessToken: ReadyToken})
	platform.AddToken(Grant{User: Caller, Scope: "certificate", AccessToken: CertificateToken})
	platform.AddToken(Grant{User: Caller, Scope: "security:manage", AccessToken: ExpiredToken, TokenEnds: options.Now().Add(-time.Hour)})
	return platform
}

// Add adds an identity. It panics if the prefix is of no known form, or the GUID
// is not one or is taken, or the name is taken or one that no sign-in could tell
// from something else.
func (p *Platform) Add(identity Identity) {
	p.Lock()
	defer p.Unlock()
	if identity.Prefix == "" {
		identity.Prefix = localPrefix
	}
	if identity.GUID == "" {
		identity.GUID = fmt.Sprintf("00000000-0000-4000-8000-%012d", len(p.accounts)+1)
	}
	if !knownPrefix(identity.Prefix) || nameFault(identity.Name) != "" || identity.GUID != bareGUID(identity.GUID) ||
		p.byName(identity.Prefix, identity.Name) != nil || slices.ContainsFunc(p.accounts, func(other *account) bool {
		return other.GUID == identity.GUID
	}) {
		panic(fmt.Sprintf("simulated Venafi: identity %q cannot be added", identity.Name))
	}
	p.accounts = append(p.accounts, &account{Identity: identity})
}

// AddIntegration adds an API integration. It panics if the client ID is empty or
// taken, the scope is malformed, or a user is unknown.
func (p *Platform) AddIntegration(integration Integration) {
	p.Lock()
	defer p.Unlock()
	_, wellFormed := parseScope(integration.Scope)
	unknown := slices.ContainsFunc(integration.Users, func(user string) bool { return p.find(user) == nil })
	if integration.ClientID == "" || p.integration(integration.ClientID) != nil || !wellFormed || unknown {
		panic(fmt.Sprintf("simulated Venafi: integration %q cannot be added", integration.ClientID))
	}
	integration.Users = slices.Clone(integration.Users)
	p.integrations = append(p.integrations, integration)
}

// AddToken adds a ready-made token that an administrator owns. It panics if the
// token is empty or taken, the scope is malformed, or the user is unknown.
func (p *Platform) AddToken(token Grant) {
	p.Lock()
	defer p.Unlock()
	owner := p.find(token.User)
	_, wellFormed := parseScope(token.Scope)
	if token.AccessToken == "" || p.grantOf(token.AccessToken) != nil || !wellFormed || owner == nil {
		panic(fmt.Sprintf("simulated Venafi: token of %q cannot be added", token.User))
	}
	token.User = owner.prefixedName()
	p.grants = append(p.grants, &grant{Grant: token, account: owner, readyMade: true})
}

// Identity returns the identity of that user, with case, and whether there is one.
func (p *Platform) Identity(user string) (Identity, bool) {
	p.Lock()
	defer p.Unlock()
	if found := p.find(user); found != nil {
		return found.Identity, true
	}
	return Identity{}, false
}

// Password returns the user's password in force; "" if there is no such user.
func (p *Platform) Password(user string) string {
	identity, _ := p.Identity(user)
	return identity.Password
}

// Accepts reports whether this is the user's password in force. Caches, lock-out
// and integrations, which may make a sign-in say otherwise, are left aside.
func (p *Platform) Accepts(user, password string) bool {
	identity, found := p.Identity(user)
	return found && !identity.Group && identity.Password == password
}

// Updates returns how many times a password was set.
func (p *Platform) Updates() int {
	p.Lock()
	defer p.Unlock()
	return p.updates
}

// FailedLogins returns how many sign-ins of the user were answered as one with a
// wrong password; 0 if there is no such user. Sign-ins refused for the
// integration's sake do not count.
func (p *Platform) FailedLogins(user string) int {
	p.Lock()
	defer p.Unlock()
	if found := p.find(user); found != nil {
		return found.failed
	}
	return 0
}

// SuccessfulLogins returns how many grants were made by sign-ins of the user,
// revoked or not; 0 if there is no such user.
func (p *Platform) SuccessfulLogins(user string) int {
	p.Lock()
	defer p.Unlock()
	if found := p.find(user); found != nil {
		return found.succeeded
	}
	return 0
}

// OpenGrants returns the grants that were made by sign-ins and not revoked since,
// in order of making, expired ones among them. A client that cleans up leaves none.
func (p *Platform) OpenGrants() []Grant {
	p.Lock()
	defer p.Unlock()
	var open []Grant
	for _, grant := range p.grants {
		if !grant.readyMade && !grant.over {
			open = append(open, grant.Grant)
		}
	}
	return open
}

// TokenWorks reports whether the access token is one that calls are accepted
// with now.
func (p *Platform) TokenWorks(accessToken string) bool {
	p.Lock()
	defer p.Unlock()
	return p.works(p.grantOf(accessToken))
}

// Routes returns the routes of both servers.
func (p *Platform) Routes() []simulator.Route { return append(p.authRoutes(), p.sdkRoutes()...) }

func (p *Platform) authRoutes() []simulator.Route {
	return []simulator.Route{
		{
			Name: SignIn, Method: "POST", Match: match("/vedauth/authorize/oauth"),
			Login: true, Changes: true, Serve: p.signIn, CountFailure: p.countFailure, WrongAccount: wrongGrantee,
		},
		{
			Name: RefreshToken, Method: "POST", Match: match("/vedauth/authorize/token"),
			Changes: true, Serve: p.refreshToken, WrongAccount: wrongGrantee,
		},
		{
			Name: VerifyToken, Method: "GET", Match: match("/vedauth/authorize/verify"),
			Serve: p.verifyToken, WrongAccount: wrongGrantee,
		},
		{
			Name: RevokeGrant, Method: "GET", Match: match("/vedauth/revoke/token"),
			Changes: true, Serve: p.revokeGrant,
		},
	}
}

func (p *Platform) sdkRoutes() []simulator.Route {
	return []simulator.Route{
		{
			Name: SetPassword, Method: "POST", Match: match("/vedsdk/Identity/SetPassword"),
			Write: true, Serve: p.setPassword, WrongAccount: wrongIdentity,
		},
		{Name: Validate, Method: "POST", Match: match("/vedsdk/Identity/Validate"), Serve: p.validate, WrongAccount: wrongIdentity},
		{Name: ReadVersion, Method: "GET", Match: match("/vedsdk/SystemStatus/Version"), Serve: p.readVersion},
	}
}

// match matches a path as IIS does: in any case, with a slash at the end or without.
func match(path string) func(escapedPath string) bool {
	return func(escapedPath string) bool {
		return strings.EqualFold(strings.TrimSuffix(escapedPath, "/"), path)
	}
}

// checkPath notes a path that is spelled otherwise than in Venafi's document.
func checkPath(r *simulator.Request, path string) {
	if r.EscapedPath != path {
		r.Note("the path is spelled otherwise than in the documents")
	}
}

// Auth returns the vendor of a server that has /vedauth alone.
func (p *Platform) Auth() simulator.Vendor {
	return view{Locker: p, routes: p.authRoutes(), errorAnswer: p.tokenErrorAnswer}
}

// SDK returns the vendor of a server that has /vedsdk alone.
func (p *Platform) SDK() simulator.Vendor {
	return view{Locker: p, routes: p.sdkRoutes(), errorAnswer: p.ErrorAnswer}
}

// view is a part of a platform's routes on the platform's state.
type view struct {
	sync.Locker
	routes      []simulator.Route
	errorAnswer func(status int, text string) simulator.Answer
}

func (v view) Routes() []simulator.Route { return v.routes }

func (v view) ErrorAnswer(status int, text string) simulator.Answer {
	return v.errorAnswer(status, text)
}

// find returns the account of a user named with or without prefix, or nil.
func (p *Platform) find(user string) *account {
	prefix, name := splitUser(user)
	return p.byName(prefix, name)
}

func (p *Platform) byName(prefix, name string) *account {
	return p.account(func(a *account) bool { return a.Prefix == prefix && a.Name == name })
}

func (p *Platform) byGUID(prefix, guid string) *account {
	return p.account(func(a *account) bool { return a.Prefix == prefix && a.GUID == guid })
}

func (p *Platform) account(fits func(*account) bool) *account {
	if index := slices.IndexFunc(p.accounts, fits); index >= 0 {
		return p.accounts[index]
	}
	return nil
}

func (p *Platform) integration(clientID string) *Integration {
	for i := range p.integrations {
		if p.integrations[i].ClientID == clientID {
			return &p.integrations[i]
		}
	}
	return nil
}

func (p *Platform) grantOf(accessToken string) *grant {
	for _, grant := range p.grants {
		if grant.AccessToken == accessToken {
			return grant
		}
	}
	return nil
}

// works reports whether the grant, which may be nil, is there, not revoked and
// not expired.
func (p *Platform) works(grant *grant) bool {
	return grant != nil && !grant.over && (grant.TokenEnds.IsZero() || p.options.Now().Before(grant.TokenEnds))
}

// scopes holds the restrictions of a scope by its name, all in lower case, as
// documents write them both ways.
type scopes map[string][]string

// parseScope reads "name:restriction,restriction;name".
func parseScope(text string) (scopes, bool) {
	parsed := make(scopes)
	for part := range strings.SplitSeq(strings.ToLower(text), ";") {
		name, list, restricted := strings.Cut(part, ":")
		if !isWord(name) {
			return nil, false
		}
		restrictions := parsed[name]
		if restricted {
			restrictions = append(restrictions, strings.Split(list, ",")...)
		}
		if slices.ContainsFunc(restrictions, func(restriction string) bool { return !isWord(restriction) }) {
			return nil, false
		}
		parsed[name] = restrictions
	}
	return parsed, true
}

func isWord(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") == ""
}

// covers reports whether everything wanted is there.
func (s scopes) covers(wanted scopes) bool {
	for name, restrictions := range wanted {
		allowed, there := s[name]
		if !there || slices.ContainsFunc(restrictions, func(restriction string) bool { return !slices.Contains(allowed, restriction) }) {
			return false
		}
	}
	return true
}

// allows reports whether the grant's scope has the name with the restriction.
func (g *grant) allows(name, restriction string) bool {
	granted, _ := parseScope(g.Scope)
	return granted.covers(scopes{name: {restriction}})
}
