// Package sps stands in for a One Identity Safeguard for Privileged Sessions
// (SPS) appliance in tests and demonstrations: sessions, the configuration lock,
// transactions, password objects, local users and groups, and the password of
// the operating system's root.
//
// A password changes in steps, all of them within one transaction: create a
// password object, have an account refer to it, commit. Nothing is in force
// before the commit.
//
//	GET  /api/authentication                                    "sign in"
//	POST /api/transaction                                       "open transaction"
//	POST /api/configuration/passwords                           "create password"
//	PUT  /api/configuration/aaa/local_database/users/{key}      "update user"
//	PUT  /api/user/password                                     "change own password"
//	PUT  /api/configuration/management/root_password            "set root password"
//	PUT  /api/transaction                                       "commit"
//
// It is written from the REST API Reference Guides and Administration Guides of
// SPS 5.7 to 7.1 and from the vendor's public PowerShell client, and takes any
// client that keeps to them. Where they leave several answers open, or versions
// differ, [Options] switches between them; the zero value is a recent version.
//
//	appliance := sps.New(sps.Options{})
//	server, err := simulator.Start(appliance, simulator.Options{})
//
// The access record's URL is then server.URL(), its login [AccessUser] and its
// password [AccessPassword].
package sps

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"pam-rotate-script/internal/simulator"
)

// Users of every new appliance who matter for their rights; see [New].
const (
	// AccessUser may use the REST API and change the configuration.
	AccessUser = "rotator"
	// PowerlessUser may use the REST API and change nothing but the own password.
	PowerlessUser = "operator"
	// NoRESTUser lacks the privilege to use the REST API.
	NoRESTUser = "viewer"
)

// The passwords of a new appliance.
const (
	// AccessPassword is the password of [AccessUser].
	AccessPassword = `Acc:ss "Pass" \word-1`
	// FirstPassword is the password of every other user.
	FirstPassword = "First-Pass!word-1"
	// FirstRootPassword is the password of the operating system's root.
	FirstRootPassword = "First-Root!word-1"
)

// SessionLife is how long a session lasts without a request.
const SessionLife = 20 * time.Minute

// User is a user of the local database.
type User struct {
	// Key is the key of the user's object, unique and not empty.
	Key string
	// Name is what the user signs in with, told apart by case. SPS keeps names
	// unique; a test may add one twice.
	Name string
	// Password is the one in force.
	Password string
	// REST says that the user may use the REST API.
	REST bool
	// Administrator says that the user may read and change the configuration.
	Administrator bool
	// Fields is the JSON text of an object with what the user's object holds
	// besides name and password; "" stands for nothing.
	Fields string
}

// Step is the step at which a password that breaks the policy is refused.
type Step int

// The steps.
const (
	// AtPassword refuses when the password object is created. No user is known
	// then, so History looks at the passwords of all.
	AtPassword Step = iota
	// AtPut refuses when a user is to refer to the password object.
	AtPut
	// AtCommit refuses at the commit.
	AtCommit
)

// Options alter an appliance. The zero value is what most tests want.
type Options struct {
	// Now is the appliance's clock; nil stands for time.Now.
	Now func() time.Time
	// Users are the users that a new appliance has instead of those that [New] lists;
	// nil stands for those.
	Users []User
	// CookieExpires sends the session's end by that clock with the cookie.
	CookieExpires bool
	// NoCookie answers a sign-in with 200 and opens no session.
	NoCookie bool
	// SignOut adds the call DELETE /api/authentication.
	SignOut bool
	// LoginMethods are values besides local that the query login_method may have,
	// such as the name of a directory.
	LoginMethods []string
	// LocalOff switches the login method local off: it is neither listed nor taken.
	LocalOff bool
	// MethodNames lists the login methods by their names alone; otherwise each is an
	// object with name and type.
	MethodNames bool
	// MethodMember is the member with a login method's name where each is an object; "" stands
	// for name. No document shows it.
	MethodMember string
	// OldSignIn is the sign-in of versions before 7: it refuses any query and lists
	// no login methods.
	OldSignIn bool
	// RequireREST refuses the sign-in of a user who may not use the REST API.
	// Without it the sign-in succeeds and every other call is refused.
	RequireREST bool
	// RESTStatus is the status of that refusal; 0 stands for 403. With 401 the
	// answer is that to a wrong password.
	RESTStatus int
	// ExternalLogin checks sign-ins against a directory or RADIUS server, which
	// has the passwords that the users were added with, unless the query asks for
	// local. A change of a local password has no effect on other sign-ins then.
	ExternalLogin bool
	// SignInLag is how long after a commit sign-ins go by the password before it.
	SignInLag time.Duration
	// LockOutAfter is the number of failed sign-ins in a row after which a user
	// is refused with any password; 0 for none.
	LockOutAfter int
	// LockOutStatus is the status for a user locked out; 0 stands for 401, with
	// which the answer is that to a wrong password.
	LockOutStatus int

	// BrowsersNeedToken is that of version 7.5: a client whose User-Agent looks like a
	// browser's has to send X-Token with whatever writes. Its value is read at
	// /api/user/info.
	BrowsersNeedToken bool
	// OpenFirst refuses a change outside a transaction, as 5.7 does. Otherwise the
	// first change opens one by itself.
	OpenFirst bool

	// LockedAttempts is the number of attempts to open a transaction for which
	// another party holds the configuration lock from the start; below 0 until
	// [Appliance.ReleaseLock].
	LockedAttempts int
	// LockedStatus is the status while another party holds the lock; 0 stands
	// for 409.
	LockedStatus int
	// LockedType and LockedMessage are what the error says then; "" stands for
	// ConfigurationLocked and for a message that names the holder.
	LockedType, LockedMessage string
	// SeveralTransactions lets REST sessions have transactions side by side, as
	// from SPS 6.5 on. The commit of one that was opened before another one's
	// commit is refused.
	SeveralTransactions bool
	// CommitCollisions is the number of commits that are refused because another
	// party's came first. That one alters the field revision of every user who
	// has it.
	CommitCollisions int

	// StatusInBody shows a transaction's status as body.status instead of
	// transaction.status.
	StatusInBody bool
	// PasswordAsObject shows a password reference as an object with a key
	// instead of a string.
	PasswordAsObject bool
	// DetailsAsText shows the details of an error as a string instead of an
	// object.
	DetailsAsText bool
	// WriteStatus is the status of a PUT that succeeded, commit apart; 0 stands
	// for 200.
	WriteStatus int

	// RequireCommitMessage refuses a commit without a message.
	RequireCommitMessage bool
	// CommitMessageField is the key of a commit's message; "" stands for
	// commit_message.
	CommitMessageField string
	// CommitEndsSessions ends every session at a commit, as a restart of the
	// service does.
	CommitEndsSessions bool
	// UnavailableAfterCommit is the number of sign-ins answered with 503 after a
	// commit.
	UnavailableAfterCommit int

	// MinimumLength is the least length of a password in characters, in place of
	// SPS's measure of strength.
	MinimumLength int
	// History refuses a password that the user has or has had.
	History bool
	// PolicyAt is the step at which MinimumLength and History are judged. They
	// bind local users, not the operating system's root; AtPassword cannot tell.
	PolicyAt Step
}

// Appliance is an SPS appliance. Make one with [New]. Its lock guards the state
// while a server serves it; the methods below take it themselves.
type Appliance struct {
	sync.Mutex
	simulator.Keeper
	options  Options
	now      func() time.Time
	inForce  configuration
	revision int                 // rises with every commit
	external map[string]string   // passwords of the directory by user key
	past     map[string][]string // passwords had, the present one last, by user key

	sessions map[string]*session // by cookie value
	ended    map[string]bool     // cookie values of sessions that are over

	lockHolder   string // another party; "" for none
	lockAttempts int    // for how many more; 0 until released
	collisions   int
	unavailable  int

	before map[string]formerPassword // by user key

	failed, succeeded map[string]int // sign-ins by user name
	failedInRow       map[string]int
	commits           int
	messages          []string
}

// New returns an appliance with some local users:
//
//   - admin, the built-in one, whose object has nothing but name and password
//   - [AccessUser], [PowerlessUser] and [NoRESTUser]
//   - jdoe, whose object has many fields, and JDoe, jdoe2, j.doe and "jdoe "
//   - root, a local user who is not the operating system's root
//   - jörg, whose key needs escaping, and o'hara and olsen, whose keys are one
//     another's escaped form
//
// Everyone but NoRESTUser may use the REST API; admin and AccessUser alone may
// change the configuration.
func New(options Options) *Appliance {
	a := &Appliance{
		options:     options,
		now:         options.Now,
		inForce:     configuration{passwords: make(map[string]passwordObject)},
		external:    make(map[string]string),
		past:        make(map[string][]string),
		sessions:    make(map[string]*session),
		ended:       make(map[string]bool),
		collisions:  options.CommitCollisions,
		failed:      make(map[string]int),
		succeeded:   make(map[string]int),
		failedInRow: make(map[string]int),
		before:      make(map[string]formerPassword),
	}
	if a.now == nil {
		a.now = time.Now
	}
	users := []User{
		{Key: "14322374245a7de542bbb01", Name: "admin", Administrator: true},
		{Key: "14322374245a7de542bbb02", Name: AccessUser, Password: AccessPassword, Administrator: true},
		{Key: "14322374245a7de542bbb03", Name: PowerlessUser},
		{Key: "14322374245a7de542bbb04", Name: NoRESTUser},
		{Key: "14322374245a7de542bbb05", Name: "JDoe", Fields: `{"revision":1}`},
		{Key: "14322374245a7de542bbb06", Name: "jdoe ", Fields: `{"revision":1}`},
		{Key: "14322374245a7de542bbb07", Name: "jdoe2"},
		{Key: "14322374245a7de542bbb08", Name: "jdoe", Fields: `{"revision":1,"serial":12345678901234567890,` +
			`"note":"<b>Zoë & Co</b>","preferences":{"theme":null,"ratio":1.50,"tags":[],"Theme":"dark"}}`},
		{Key: "14322374245a7de542bbb09", Name: "j.doe"},
		{Key: "14322374245a7de542bbb0a", Name: "root"},
		{Key: "schlüssel/100% x", Name: "jörg"},
		{Key: "o/hara", Name: "o'hara"},
		{Key: "o%2Fhara", Name: "olsen"},
	}
	for i, user := range users {
		users[i].REST = user.Name != NoRESTUser
		if user.Password == "" {
			users[i].Password = FirstPassword
		}
	}
	if options.Users != nil {
		users = options.Users
	}
	for _, user := range users {
		a.Add(user)
	}
	a.inForce.groups = []group{
		{key: "5aa7e1f0c3d2b401", name: "basic-view", members: []string{PowerlessUser, "jdoe", "jörg"}},
		{key: "5aa7e1f0c3d2b402", name: "api", members: []string{"admin", AccessUser, "jdoe"}},
	}
	a.inForce.root = a.inForce.create(FirstRootPassword)
	a.inForce.use(a.inForce.root)
	if options.LockedAttempts != 0 {
		a.HoldLock(options.LockedAttempts)
	}
	return a
}

// Add adds a user. It panics if the key is empty or taken, or Fields is not a
// JSON object without name and password.
func (a *Appliance) Add(added User) {
	a.Lock()
	defer a.Unlock()
	fields := make(map[string]any)
	if added.Fields != "" {
		decoder := json.NewDecoder(bytes.NewReader([]byte(added.Fields)))
		decoder.UseNumber()
		if err := decoder.Decode(&fields); err != nil {
			panic(fmt.Sprintf("simulated SPS: user %q cannot be added: %v", added.Key, err))
		}
	}
	_, hasName := fields["name"]
	_, hasPassword := fields["password"]
	if added.Key == "" || a.inForce.user(added.Key) != nil || hasName || hasPassword {
		panic(fmt.Sprintf("simulated SPS: user %q cannot be added", added.Key))
	}
	reference := a.inForce.create(added.Password)
	a.inForce.use(reference)
	a.inForce.users = append(a.inForce.users, user{
		key: added.Key, name: added.Name, reference: reference, fields: fields,
		rest: added.REST, administrator: added.Administrator,
	})
	a.external[added.Key] = added.Password
	a.past[added.Key] = []string{added.Password}
}

// HoldLock has another party hold the configuration lock for this many attempts
// to open a transaction; below 1 until [Appliance.ReleaseLock].
func (a *Appliance) HoldLock(attempts int) {
	a.Lock()
	defer a.Unlock()
	a.lockHolder, a.lockAttempts = "admin at the web interface", max(attempts, 0)
}

// ReleaseLock has the other party give the configuration lock back.
func (a *Appliance) ReleaseLock() {
	a.Lock()
	defer a.Unlock()
	a.lockHolder, a.lockAttempts = "", 0
}

// LockHeld reports whether another party or an open transaction holds the
// configuration lock.
func (a *Appliance) LockHeld() bool {
	a.Lock()
	defer a.Unlock()
	return a.lockHolder != "" || a.openTransactions() > 0
}

// OpenTransactions returns how many transactions are open now.
func (a *Appliance) OpenTransactions() int {
	a.Lock()
	defer a.Unlock()
	return a.openTransactions()
}

func (a *Appliance) openTransactions() int {
	a.expire()
	count := 0
	for _, session := range a.sessions {
		if session.transaction != nil {
			count++
		}
	}
	return count
}

// OpenSessions returns how many sessions are open now.
func (a *Appliance) OpenSessions() int {
	a.Lock()
	defer a.Unlock()
	a.expire()
	return len(a.sessions)
}

// Accepts reports whether a sign-in of that name, with case and without a login
// method, would take this password, lock-out, privileges and SignInLag apart.
func (a *Appliance) Accepts(name, password string) bool {
	a.Lock()
	defer a.Unlock()
	return slices.ContainsFunc(a.inForce.users, func(user user) bool {
		return user.name == name && a.loginPassword(user.key, "") == password
	})
}

// Password returns the password in force in the local database for that name;
// "" if there is no such user. With ExternalLogin it is not the one that
// sign-ins take.
func (a *Appliance) Password(name string) string {
	a.Lock()
	defer a.Unlock()
	for _, user := range a.inForce.users {
		if user.name == name {
			return a.inForce.passwords[user.reference].plain
		}
	}
	return ""
}

// AcceptsRoot reports whether this is the password of the operating system's
// root, which no sign-in to the REST API takes.
func (a *Appliance) AcceptsRoot(password string) bool {
	a.Lock()
	defer a.Unlock()
	return a.inForce.passwords[a.inForce.root].plain == password
}

// Key returns the key of the first user of that name; "" if there is none.
func (a *Appliance) Key(name string) string {
	a.Lock()
	defer a.Unlock()
	for _, user := range a.inForce.users {
		if user.name == name {
			return user.key
		}
	}
	return ""
}

// PasswordObjects returns how many password objects there are outside of open
// transactions. A commit leaves as many as there are users, and one for root.
func (a *Appliance) PasswordObjects() int {
	a.Lock()
	defer a.Unlock()
	return len(a.inForce.passwords)
}

// FailedLogins returns how many sign-ins with that name had a wrong password or
// met a lock-out.
func (a *Appliance) FailedLogins(name string) int {
	a.Lock()
	defer a.Unlock()
	return a.failed[name]
}

// SuccessfulLogins returns how many sign-ins with that name were answered with 200.
func (a *Appliance) SuccessfulLogins(name string) int {
	a.Lock()
	defer a.Unlock()
	return a.succeeded[name]
}

// Commits returns how many commits took effect.
func (a *Appliance) Commits() int {
	a.Lock()
	defer a.Unlock()
	return a.commits
}

// CommitMessages returns the messages of the commits that took effect, "" for
// one without.
func (a *Appliance) CommitMessages() []string {
	a.Lock()
	defer a.Unlock()
	return slices.Clone(a.messages)
}

// commitElsewhere has another party commit a change to every user object that
// has a field revision.
func (a *Appliance) commitElsewhere() {
	a.revision++
	a.inForce = a.inForce.clone()
	for i := range a.inForce.users {
		user := &a.inForce.users[i]
		if _, has := user.fields["revision"]; has {
			user.fields = maps.Clone(user.fields)
			user.fields["revision"] = json.Number(fmt.Sprint(a.revision + 1))
		}
	}
}

// policyBreach says in which way a password breaks the policy for the user of
// that key, or for any user if the key is "". It returns "" if it does not.
func (a *Appliance) policyBreach(password, key string) string {
	if len([]rune(password)) < a.options.MinimumLength {
		return "the password is too weak"
	}
	if !a.options.History {
		return ""
	}
	for owner, past := range a.past {
		if (key == "" || key == owner) && slices.Contains(past, password) {
			return "the password was used before"
		}
	}
	return ""
}

var _ simulator.ErrorWriter = (*Appliance)(nil)
