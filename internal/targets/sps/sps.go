// Package sps changes a password on a One Identity Safeguard for Privileged
// Sessions (SPS) appliance through its REST API: that of a local user, that of the
// user who signs in, or that of the operating system's root.
//
// Every change of SPS's configuration goes through a transaction. A password is
// stored as an object of its own first, the account is made to refer to that object,
// and only the commit puts it in force:
//
//	GET  /api/authentication                             sign in: a session cookie
//	GET  /api/configuration/aaa/local_database/users     find the user (mode local)
//	POST /api/transaction                                open
//	POST /api/configuration/passwords                    store the password
//	PUT  …/users/{key}, /api/user/password               refer to it, or
//	     or /api/configuration/management/root_password
//	PUT  /api/transaction                                commit
//	GET  /api/authentication                             prove it: sign in with it
//
// So everything before the commit can fail without consequence, provided that the
// transaction is given back, which may lock the configuration for everybody else.
// After the commit, a login with the new password proves the change; where nobody
// may sign in, a session of its own reads which password object is referred to.
//
// This file holds the decisions, proof.go what a sign-in or a look at what is stored proves,
// calls.go the calls, each with the chapter of the vendor's REST API Reference Guide behind it.
package sps

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

const (
	name = "sps"

	fieldURL           = "url"
	fieldLogin         = "login"
	fieldPassword      = "password"
	fieldMode          = "Mode"
	fieldUserKey       = "User Key"
	fieldLoginMethod   = "Login Method"
	fieldUserMethod    = "User Login Method"
	fieldCommitMessage = "Commit Message"
	fieldLockWait      = "Lock Wait"

	// The values of the field Mode.
	modeAuto  = "auto"
	modeLocal = "local"
	modeSelf  = "self"
	modeRoot  = "root"

	// rootUser is the operating system's root, whom the REST API does not know as a
	// user.
	rootUser = "root"
	// mostUsers is how many local users are read in search of one.
	mostUsers = 500
)

// lockWaits are the waits between attempts to open a transaction while somebody else
// holds the configuration lock, each of them as it is or up to half shorter or longer;
// the last one stays.
var lockWaits = []time.Duration{2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second}

// rollBackWaits are the waits before each try to give a transaction back, and longestClose is the
// time that is kept for them: an appliance that fails over is away for some seconds.
var rollBackWaits = []time.Duration{0, 2 * time.Second, 4 * time.Second}

const longestClose = 15 * time.Second

// Info describes One Identity Safeguard for Privileged Sessions.
func Info() targets.Info {
	return targets.Info{
		Name:    name,
		Title:   "One Identity Safeguard for Privileged Sessions",
		Summary: "local users, the signed-in user and the operating system's root of a One Identity Safeguard for Privileged Sessions (SPS) appliance",
		Matches: func(address api.Address) bool {
			return targets.HasPathPrefix(address, "/api/configuration", authenticationPath)
		},
		// The web interface keeps its pages behind the parameter _backend.
		Resembles: func(address api.Address) bool {
			return targets.HasHostWord(address, name, "safeguard", "balabit") || targets.HasPathPrefix(address, transactionPath, "/api/user/password") ||
				strings.Contains(address.Query.Reveal(), "_backend=")
		},
		Fields: []params.Field{
			{Label: fieldURL, Kind: params.URL, Required: true,
				Help: "the appliance, such as `https://sps.example.com`"},
			{Label: fieldLogin, Kind: params.Text, Required: true,
				Help: "the user of the REST API who makes the change"},
			{Label: fieldPassword, Kind: params.Secret, Required: true, Secret: true,
				Help: "that user's password"},
			{Label: fieldMode, Kind: params.Choice, Choices: []string{modeAuto, modeLocal, modeSelf, modeRoot}, Default: modeAuto, PerAccount: true,
				Help: "`local` is a user of the local database, `self` the access record's login, `root` the operating system's; `auto` goes by the PAM User's name"},
			{Label: fieldUserKey, Kind: params.Text, PerAccount: true,
				Help: "key of the local user's object, which saves the search; the name is compared all the same"},
			{Label: fieldLoginMethod, Kind: params.Text,
				Help: "login method of the access record's user, such as `local`; absent sends none, as older versions need it"},
			{Label: fieldUserMethod, Kind: params.Text,
				Help: "that of the rotated user; absent is `local` where `Login Method` is set, else none"},
			{Label: fieldCommitMessage, Kind: params.Text,
				Help: "message for the commit, where the site demands one"},
			{Label: fieldLockWait, Kind: params.Seconds, Default: "60",
				Help: "how long to wait for the configuration lock"},
		},
		Explain: explain,
		Setup:   setup(),
		Example: example,
		Notes: []string{
			"**The configuration is locked** for four calls. While an administrator has it open, the rotation waits as long as `Lock Wait` says and then ends unchanged. A transaction is always given back.",
			"**Proof:** a sign-in with the new password. For root, with `Verify` = `off`, and where the user may not sign in, a fresh session reads which password object the account refers to. A local user without `REST server` may be refused as with a wrong password: then the look comes first, and if it finds the new one, one more sign-in with the login method `local`, where SPS lists it. Refused there, too, the look is the proof, with a warning. Behind any other method the outcome is unknown.",
			"**Users notice** nothing but the new password.",
			"**Mode `self`** leaves the access record's password out of date: use it for a record that is its own access record.",
			"**Passwords** may have ASCII letters, digits, blanks and ``!\"#$%&'()*+,-./:;<=>?@[]\\^-`{}_|``, at most 150; version 6.0 takes neither blank nor `_`.",
			"**Limits:** behind LDAP or RADIUS a local password may be changed without effect on sign-ins. `verify` cannot tell a local user's third password from a missing right, unless `Verify` is `strict`. A node that another one manages may lose the change.",
			"**Errors:** 403 is a missing privilege; 409 or 423 at `open a transaction` the lock; 400 later on mostly the password policy, or a missing `Commit Message`.",
		},
		Documents: []string{
			"https://support.oneidentity.com/technical-documents/safeguard-for-privileged-sessions/7.1.1/rest-api-reference-guide/2",
			"https://support.oneidentity.com/technical-documents/safeguard-for-privileged-sessions/6.9.2/rest-api-reference-guide/3",
			"https://support.oneidentity.com/technical-documents/safeguard-for-privileged-sessions/6.9.3/rest-api-reference-guide/16",
			"https://support.oneidentity.com/technical-documents/safeguard-for-privileged-sessions/6.9.3/rest-api-reference-guide/17",
			"https://github.com/OneIdentity/safeguard-ps",
		},
		New: newTarget,
	}
}

type target struct {
	job    targets.Job
	client *api.Client
	host   string
	login  string
	// password is the access record's, with which login signs in.
	password      secret.Value
	mode          string // modeLocal, modeSelf or modeRoot
	own           bool   // the access record signs in as the account that is rotated
	signedIn      bool   // Check was let in
	userKey       string
	loginMethod   string
	userMethod    string // for sign-ins as the rotated user
	strict        bool   // Verify is strict
	commitMessage string
	lockWait      time.Duration

	session secret.Value // of Check and Change, as the Cookie header
	key     string       // of the local user's object
	user    api.Fields   // that object
	allowed string       // the methods that SPS allows there; "" where it does not say
	reads   int          // how many accounts Check reads to find it, as far as is known
	// previous is the reference of the password object before the first commit, "" if it is
	// not shown, and references are those of the new password's: each transaction stores one.
	previous   string
	references []string
	armed      bool // a transaction of session may be open
	sent       bool // a commit has left
	byStatus   bool // Verify reads the reference instead of signing in
	doubted    bool // a sign-in of Verify was refused as with a wrong password, which may not be why
	tried      bool // a sign-in of Verify has shown nothing
	// contradicted says that it was refused while the account referred to the new password.
	contradicted bool
	refused      bool // for another reason, so that byStatus came after a sign-in
}

func newTarget(job targets.Job, client *api.Client) (targets.Target, error) {
	settings := job.Settings
	t := &target{
		job: job, client: client,
		login:         settings.Text(fieldLogin),
		password:      settings.Secret(fieldPassword),
		mode:          settings.Text(fieldMode),
		userKey:       settings.Text(fieldUserKey),
		loginMethod:   settings.Text(fieldLoginMethod),
		userMethod:    settings.Text(fieldUserMethod),
		strict:        settings.Text(targets.FieldVerify) == targets.VerifyStrict,
		commitMessage: settings.Text(fieldCommitMessage),
		lockWait:      settings.Seconds(fieldLockWait),
	}
	if address := settings.Text(fieldURL); address != "" {
		parsed, err := api.ParseAddress(address)
		if err != nil {
			settings.Fault(fieldURL, "needs the https address of the appliance, found "+err.Error())
		}
		t.host = parsed.Host
	}
	t.chooseMode(settings)
	if fault := nameFault(t.login); fault != "" {
		settings.Fault(fieldLogin, "needs a name that a sign-in can carry, found "+fault)
	}
	if fault := nameFault(job.User); fault != "" {
		settings.Fault("user", "needs a name that a sign-in can carry, found "+fault)
	}
	if t.userKey != "" {
		if fault := api.SegmentFault(t.userKey); fault != "" {
			settings.Fault(fieldUserKey, "needs the key of a local user's object, found "+fault)
		}
	}
	if err := settings.Err(); err != nil {
		return nil, err
	}
	if fault := passwordFault(job.NewPassword); fault != "" {
		return nil, client.Fail("check the new password", api.ClassPolicy, fault, policyHint)
	}
	return t, nil
}

// chooseMode settles the mode. A mode that contradicts the user is refused: it would
// change the password of another account than the one that the run is about.
func (t *target) chooseMode(settings *params.Settings) {
	user := t.job.User
	switch {
	case t.mode == modeAuto && user == rootUser && t.login == rootUser:
		settings.Fault(fieldMode, "needs local, self or root where the access record's login is root too, found auto")
	case t.mode == modeAuto && user == rootUser:
		t.mode = modeRoot
	case t.mode == modeAuto && user == t.login:
		t.mode = modeSelf
	case t.mode == modeAuto:
		t.mode = modeLocal
	case t.mode == modeSelf && t.login != "" && user != t.login:
		settings.Fault(fieldMode, "needs a PAM User with the access record's login for self, found another one")
	case t.mode == modeRoot && user != rootUser:
		settings.Fault(fieldMode, "needs a PAM User called root for root, found another one")
	}
	t.own = t.mode != modeRoot && user == t.login
	if t.mode != modeSelf {
		t.reads = 1
	}
	switch {
	case t.userMethod != "":
	case t.own:
		t.userMethod = t.loginMethod
	case t.loginMethod != "":
		t.userMethod = methodLocal
	}
	// Another session's look at what is stored is no sign-in as the rotated user.
	verify := settings.Text(targets.FieldVerify)
	t.byStatus = t.mode == modeRoot || t.mode == modeLocal && !t.own && verify == targets.VerifyOff
}

// nameFault says why a user name cannot stand in Basic authentication (RFC 7617), or
// "".
func nameFault(name string) string {
	switch {
	case strings.Contains(name, ":"):
		return "one with a colon"
	case !utf8.ValidString(name):
		return "a text that is not UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "a text with control characters"
	}
	return ""
}

func (t *target) Subject() string { return t.job.User }

// Contract: the proof is a login, unless Verify reads the reference from the start or had to
// turn to that. A transaction is given back before the same password is set in a new one.
func (t *target) Contract() targets.Contract {
	contract := targets.Contract{Means: targets.Login, Repeats: true, Own: t.own, CarriesOld: t.mode == modeSelf, Transaction: true, Closing: longestClose}
	if t.byStatus || t.doubted {
		contract.Means = targets.Reference
	}
	return contract
}

func (t *target) Calls() []targets.Call {
	var calls []targets.Call
	add := func(kind api.Kind, method, path, purpose string) {
		calls = append(calls, targets.Call{Kind: kind, Method: method, Host: t.host, Path: path, Purpose: purpose})
	}
	kind, _ := t.access()
	add(kind, "GET", authenticationPath, actionSignIn)
	account := t.accountPath().String()
	if t.mode == modeLocal && t.userKey == "" {
		add(api.Read, "GET", usersPath, actionListUsers)
	}
	for range t.reads {
		add(api.Read, "GET", account, actionReadAccount)
	}
	add(api.Prepare, "POST", transactionPath, actionOpen)
	add(api.Prepare, "POST", passwordsPath, actionStorePassword)
	add(api.Prepare, "PUT", account, actionRefer)
	add(api.Write, "PUT", transactionPath, actionCommit)
	if !t.byStatus {
		add(api.SignIn, "GET", authenticationPath, actionSignInAsUser)
		return calls
	}
	add(api.AccessSignIn, "GET", authenticationPath, actionSignIn)
	add(api.Read, "GET", account, actionReadAccount)
	return calls
}

// Check signs in and, where there is something to find, finds the account and the
// password object that it refers to.
func (t *target) Check(ctx context.Context) (string, error) {
	session, err := t.signIn(ctx)
	if err != nil {
		// Who signs in for himself may have the new password already.
		if fault := api.AsError(err); t.own && fault != nil && fault.Status == 401 && !fault.HasOtherCause() {
			return "", &targets.Refused{Err: err, Doubtful: true}
		}
		return "", err
	}
	t.session, t.signedIn = session, true
	switch t.mode {
	case modeSelf:
		return "the signed-in user", nil
	case modeRoot:
		if err = t.look(ctx); err != nil {
			return "", err
		}
		return "root of the operating system", nil
	}
	keys := []string{t.userKey}
	if t.userKey == "" {
		if keys, err = t.listUsers(ctx); err != nil {
			return "", err
		}
	}
	if err = t.find(ctx, keys); err != nil {
		return "", err
	}
	return "local user", nil
}

// LookUp makes the target a targets.LookedUp: what Check has not looked at, since a rotation
// learns it when it opens its transaction.
func (t *target) LookUp(ctx context.Context) (looked bool, err error) {
	transaction, err := t.readTransaction(ctx, t.session)
	if err != nil {
		return true, nil // which says nothing against a rotation
	}
	return true, t.messageFault(transaction)
}

// Advice makes the target a targets.Adviser: each of SPS's answers lists the methods that it
// allows ("Using the SPS REST API", header Allow).
func (t *target) Advice() []string {
	if t.allowed == "" || strings.Contains(t.allowed, "PUT") {
		return nil
	}
	return []string{"SPS allows no change of this account: the access record's user may lack write rights there, or another node manages this one"}
}

// find reads the users of these keys until one has the name that is asked for.
// Nothing but the object itself shows a user's name. SPS keeps names unique.
func (t *target) find(ctx context.Context, keys []string) error {
	for i, key := range keys {
		if i == mostUsers {
			return t.client.Fail(actionReadAccount, api.ClassAccount, "the user is not among the first 500 local users",
				"put the key of the user's object into the field User Key of the PAM User record")
		}
		user, err := t.readUser(ctx, t.session, key)
		if fault := api.AsError(err); fault != nil && fault.Status == 404 && t.userKey == "" {
			continue // gone since the list was made
		}
		if err != nil {
			return err
		}
		t.reads = max(t.reads, i+1)
		if found, _ := user.Text("name"); found == t.job.User {
			t.key, t.user = key, user
			t.saw(referenceIn(user["password"]))
			return nil
		}
	}
	if t.userKey != "" {
		return t.client.Fail(actionReadAccount, api.ClassAccount, "the object of the field User Key belongs to another user",
			"correct the field User Key, or remove it to have the user searched for by name")
	}
	return t.client.Fail(actionReadAccount, api.ClassAccount, "no local user has this name",
		"names are compared exactly, with case; users of a directory or a RADIUS server cannot be rotated here")
}

// look notes which password object root has.
func (t *target) look(ctx context.Context) error {
	reference, err := t.readReference(ctx, t.session)
	if err == nil {
		t.saw(reference)
	}
	return err
}

// saw notes what was in force before the first commit left.
func (t *target) saw(reference string) {
	if !t.sent {
		t.previous = reference
	}
}

// Stage opens a transaction and has the account refer to a new password object. Nothing of
// that is in force, and all of it dies with the transaction.
func (t *target) Stage(ctx context.Context) error {
	waited, err := t.open(ctx)
	if err != nil {
		return err
	}
	if waited {
		if err = t.lookAgain(ctx); err != nil {
			return err
		}
	}
	reference, err := t.storePassword(ctx)
	if err != nil {
		return refusedStep(err)
	}
	// An object serves one account, once. If SPS hands out the one in force, its reference
	// could not prove anything any more.
	if reference == t.previous {
		return t.client.Fail(actionStorePassword, api.ClassTarget, "the answer names the password object that is in force already")
	}
	t.references = append(t.references, reference)
	return refusedStep(t.referToPassword(ctx))
}

// lookAgain reads the account once more: who held the lock may have changed what is
// about to be replaced.
func (t *target) lookAgain(ctx context.Context) error {
	switch t.mode {
	case modeLocal:
		return t.find(ctx, []string{t.key})
	case modeRoot:
		return t.look(ctx)
	}
	return nil
}

// Change commits the transaction.
func (t *target) Change(ctx context.Context) error {
	writes := t.client.Counts().Writes
	err := t.sendCommit(ctx)
	t.sent = t.sent || t.client.Counts().Writes > writes
	fault := api.AsError(err)
	switch {
	case err == nil:
		t.armed = false
		return nil
	case fault == nil || !fault.Left || !fault.Refused():
		return err
	}
	// A copy of the commit would have ended the transaction.
	if status, lookErr := t.transactionStatus(ctx, t.session); lookErr == nil && status == statusOpen {
		return refusedStep(err)
	}
	return t.Contract().Judge(err)
}

// refusedStep sorts the error of a step within the transaction, of which nothing is in force.
// The guides do not say how a refused password is told, so a conflict may be one with the rule
// on old passwords, and the new password be in force already.
func refusedStep(err error) error {
	fault := api.AsError(err)
	if fault == nil || !fault.Left {
		return err
	}
	switch fault.Status {
	case 400, 422:
		fault.Hint(policyHint)
	case 409:
		fault.Hint("another change of the configuration may have come first: rotate again")
		return &targets.Refused{Err: err, Doubtful: true}
	}
	return targets.Contract{}.Judge(err)
}

// Release is Close: no proof needs the transaction.
func (t *target) Release(ctx context.Context) error { return t.Close(ctx) }

// Close rolls back the transaction, if there may be one: it keeps others from
// changing the configuration. SPS has no documented way to end a session, which
// passes after 20 minutes.
func (t *target) Close(ctx context.Context) error {
	if !t.armed {
		return nil
	}
	var err error
	for _, wait := range rollBackWaits {
		if wait > 0 && t.client.Clock().Sleep(ctx, wait) != nil {
			return err
		}
		if err = t.rollBack(ctx, t.session); err == nil {
			t.armed = false
			return nil
		}
		// With nothing open a refusal is in order.
		status, lookErr := t.transactionStatus(ctx, t.session)
		if lookErr == nil && status != statusOpen || isSessionOver(lookErr) {
			t.armed = false
			return nil
		}
	}
	return err
}

// RotatesOwnUser makes the target a targets.OwnUser.
func (t *target) RotatesOwnUser() bool { return t.own }
