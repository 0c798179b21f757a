// Package venafi changes the password of a local identity of a self-hosted Venafi
// Trust Protection Platform (also sold as TLS Protect Datacenter and CyberArk
// Certificate Manager, Self-Hosted): sign in for a token, set the password, sign
// in as the rotated user to prove it, revoke both grants.
//
// Two things shape the code. Every sign-in makes a grant that lives for months and
// that only its own token can end, so Close revokes each one and a sign-in that was
// sent waits for its answer. And which of Venafi's refusals is about what is mostly
// not published, so nothing but the code invalid_grant counts as a wrong password,
// and no wording is judged but the one that the vendor's own client repeats a call
// for.
//
// venafi.go has the fields and what happens in which order, calls.go the calls,
// identity.go the names of users. The calls are those of Venafi's documents, named
// in the comments as there: "POST Identity/SetPassword" and so on.
package venafi

import (
	"context"
	"strings"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

const (
	name = "venafi"

	fieldURL            = "url"
	fieldLogin          = "login"
	fieldPassword       = "password"
	fieldClientID       = "Client ID"
	fieldScope          = "Scope"
	fieldAuthURL        = "Auth URL"
	fieldAccessToken    = "Access Token"
	fieldVerifyClientID = "Verify Client ID"
	fieldVerifyScope    = "Verify Scope"

	warnBarred = "Venafi says that the identity is disabled, locked, deleted or cannot be verified: it may not be able to sign in"

	// deadlockPause is the wait before the write is sent again after a deadlock.
	deadlockPause = time.Second
)

// Info describes Venafi.
func Info() targets.Info {
	return targets.Info{
		Name:    name,
		Title:   "Venafi",
		Summary: "local identities of a self-hosted Venafi Trust Protection Platform",
		Matches: func(address api.Address) bool {
			return targets.HasPathPrefix(address, "/vedsdk", "/vedauth", "/aperture")
		},
		Resembles: func(address api.Address) bool {
			return targets.HasHostWord(address, name, "tpp", "tlspdc") ||
				targets.HasSegment(address, "vedsdk", "vedauth", "vedadmin", "vedclient", "vedest", "vedscep", "vedcgi", "aperture")
		},
		Fields: []params.Field{
			{Label: fieldURL, Kind: params.URL, Required: true,
				Help: "the platform, such as `https://tpp.example.com/vedsdk`"},
			{Label: fieldLogin, Kind: params.Text,
				Help: "user name of the caller, with its prefix where it is not local; required unless there is an `Access Token`, and beside one says whose it is"},
			{Label: fieldPassword, Kind: params.Secret, Secret: true,
				Help: "password of the caller; required unless there is an `Access Token`"},
			{Label: fieldClientID, Kind: params.Text,
				Help: "the API Integration, spelled as in Venafi; not needed beside an `Access Token` with `Verify` = `off`"},
			{Label: fieldScope, Kind: params.Text, Default: "security:manage",
				Help: "the scope to ask for; with `security:manage;configuration`, `check` looks the account up"},
			{Label: fieldAuthURL, Kind: params.URL,
				Help: "the host of `/vedauth`, where it is not the one of url"},
			{Label: fieldAccessToken, Kind: params.Secret, Secret: true,
				Help: "a ready-made access token in place of the sign-in; it is never revoked here"},
			{Label: fieldVerifyClientID, Kind: params.Text,
				Help: "the API Integration for the rotated user, where it is not `Client ID`"},
			{Label: fieldVerifyScope, Kind: params.Text,
				Help: "that user's scope, where it is not `Scope`"},
		},
		Explain: explain,
		// IIS asks for client certificates so, and gives up on TLS 1.3, which cannot do that.
		Renegotiates: true,
		Setup:        setup(),
		Example:      example,
		Notes: []string{
			"**Whom:** local identities, given as `jdoe`, `local:jdoe` or `local:{GUID}`; `Allowed Users` is compared with `jdoe` or `{GUID}`. Directories' identities and groups are refused.",
			"**Proof:** a sign-in with the new password. `invalid_grant` is a wrong one; any other refusal, such as `unauthorized_client` for a user without access to the integration, says nothing: the change stands on Venafi's answer, with a warning. With `Verify` = `strict` it is unknown, unless an impossible password gets `invalid_grant` where the new one got `unauthorized_client`.",
			"**Caches:** Venafi may accept an outdated password for a while. So an acceptance proves the change only beside an answer of success, or with the old password refused. Never go back to one just replaced.",
			"**A user who rotates itself** signs in with the payload's old password, or else the record's. Unless the access record is the PAM User record itself, its password is out of date afterwards.",
			"**Users notice** nothing but the new password. The run's grants are revoked at its end. If a warning says 403 there, add `configuration:manage` to integration and `Scope`.",
			"**Limits:** refresh tokens, certificates and Windows sign-in are not used, nor Venafi's cloud service. A ready-made `Access Token` ends after 90 days by default; then a rotation ends `not-changed` with 401. `check` tells when, from Venafi 20.3 on.",
			"**TLS:** 1.2 is spoken, since IIS often asks for client certificates in the middle of a connection, and 1.3 where that is refused.",
			"**Errors:** 400 is a password against the rules, an unknown user, a group, a wrong old password or a missing permission; Venafi's text says which.",
		},
		Documents: []string{
			"https://docs.venafi.com/Docs/current/TopNav/Content/SDK/WebSDK/r-SDK-POST-Identity-SetPassword.php",
			"https://docs.venafi.com/Docs/current/TopNav/Content/SDK/WebSDK/r-SDK-IdentityInformation.php",
			"https://docs.venafi.com/Docs/current/TopNav/Content/SDK/AuthSDK/r-SDKa-POST-AuthorizeOAuth.php",
			"https://docs.venafi.com/Docs/current/TopNav/Content/SDK/AuthSDK/r-SDKa-GET-Revoke-Token.php",
			"https://docs.venafi.com/Docs/current/TopNav/Content/SDK/AuthSDK/r-SDKa-Authorize-Error-Codes.php",
		},
		New: newTarget,
	}
}

type target struct {
	job            targets.Job
	client         *api.Client
	host, authHost string
	user           identity
	caller         login
	readyMade      bool   // token is the record's own and stays
	self           bool   // the caller rotates itself
	proof          login  // for the sign-in as the rotated user, without its password
	verify         string // the field Verify

	token       secret.Value   // for SetPassword; set by Check if it is not readyMade
	oldPassword secret.Value   // OldPassword of SetPassword; empty leaves it out
	grants      []secret.Value // the tokens of the grants that Close revokes
	// warnedNotAllowed says that the operator was told how to let the rotated user sign in.
	warnedNotAllowed bool
	named            entry // what the answer of SetPassword named, if that was the user
	ready            readyToken
}

func newTarget(job targets.Job, client *api.Client) (targets.Target, error) {
	settings := job.Settings
	t := &target{
		job: job, client: client,
		verify: settings.Text(targets.FieldVerify),
		token:  settings.Secret(fieldAccessToken),
		caller: login{
			clientID: settings.Text(fieldClientID), scope: settings.Text(fieldScope),
			username: settings.Text(fieldLogin), password: settings.Secret(fieldPassword),
		},
	}
	t.host = platformHost(settings, fieldURL)
	t.authHost = t.host
	if settings.Has(fieldAuthURL) {
		t.authHost = platformHost(settings, fieldAuthURL)
	}

	t.readyMade = !t.token.IsEmpty()
	if t.readyMade {
		if fault := params.TokenFault(t.token); fault != "" {
			settings.Fault(fieldAccessToken, "needs the access token as Venafi gave it, found "+fault)
		}
	} else {
		if t.caller.username == "" {
			settings.Fault(fieldLogin, "needs the caller's user name where there is no Access Token, found nothing")
		}
		if t.caller.password.IsEmpty() {
			settings.Fault(fieldPassword, "needs the caller's password where there is no Access Token, found nothing")
		}
	}
	if t.caller.clientID == "" {
		switch {
		case !t.readyMade:
			settings.Fault(fieldClientID, "needs the ID of the API Integration, found nothing")
		case t.verify != targets.VerifyOff && !settings.Has(fieldVerifyClientID):
			settings.Fault(fieldClientID, "needs the ID of an API Integration for the proof, or Verify = off, found nothing")
		}
	}
	if err := settings.Err(); err != nil {
		return t, err
	}

	var fault string
	if t.user, fault = parseIdentity(job.User); fault != "" {
		return t, client.Fail("read the user's name", api.ClassAccount, "found "+fault,
			"the user must be a local identity: its name, local:name or local:{GUID}")
	}
	if !job.OldPassword.IsEmpty() && job.NewPassword.Equal(job.OldPassword) {
		return t, client.Fail("compare the passwords", api.ClassPolicy, "the new password is the old one, which Venafi refuses")
	}

	// A caller who is not plainly a local identity is somebody else.
	caller, fault := parseIdentity(t.caller.username)
	t.self = fault == "" && caller.same(t.user)
	if t.self && t.readyMade {
		t.oldPassword = job.OldPassword
	}
	t.proof = login{clientID: t.caller.clientID, scope: t.caller.scope}
	if settings.Has(fieldVerifyClientID) {
		t.proof.clientID = settings.Text(fieldVerifyClientID)
	}
	if settings.Has(fieldVerifyScope) {
		t.proof.scope = settings.Text(fieldVerifyScope)
	}
	if t.user.name != "" {
		t.proof.username = t.user.prefixed()
	}
	return t, nil
}

// platformHost reads a field with the platform's address. Its web applications lie
// at fixed paths, so the path of any of them is dropped, and another is a fault.
func platformHost(settings *params.Settings, label string) string {
	text := settings.Text(label)
	if text == "" {
		return ""
	}
	address, err := api.ParseAddress(text)
	if err != nil {
		settings.Fault(label, "needs the https address of the platform, found "+err.Error())
		return ""
	}
	for _, cloud := range []string{"venafi.cloud", "venafi.eu"} {
		if host := strings.TrimSuffix(address.Hostname(), "."); host == cloud || strings.HasSuffix(host, "."+cloud) {
			settings.Fault(label, "needs the address of a self-hosted platform, found that of Venafi's cloud service, whose API has no local identities to rotate")
			return ""
		}
	}
	if strings.Trim(address.EscapedPath, "/") != "" &&
		!targets.HasPathPrefix(address, "/vedsdk", "/vedauth", "/aperture", "/vedadmin", "/platform") {
		settings.Fault(label, "needs the address of the platform, with the path /vedsdk or none, found another path")
	}
	return address.Host
}

func (t *target) Subject() string { return t.user.String() }

// Contract: Venafi remembers sign-ins for a while, so that an outdated password may be
// accepted. SetPassword sets it again without harm.
func (t *target) Contract() targets.Contract {
	return targets.Contract{
		Means: targets.Login, Repeats: true, Cache: true,
		CarriesOld: !t.oldPassword.IsEmpty(), Own: t.self && !t.readyMade,
	}
}

func (t *target) Calls() []targets.Call {
	signIn := func(kind api.Kind, purpose string) targets.Call {
		return targets.Call{Kind: kind, Method: "POST", Host: t.authHost, Path: signInPath, Purpose: purpose}
	}
	revoke := targets.Call{Kind: api.Read, Method: "GET", Host: t.authHost, Path: revokePath, Purpose: revokeGrant}
	set := targets.Call{Kind: api.Write, Method: "POST", Host: t.host, Path: setPasswordPath, Purpose: setPassword}
	var calls, revocations []targets.Call
	if !t.readyMade {
		kind, purpose := api.AccessSignIn, signInAsCaller
		if t.self {
			kind, purpose = api.SignIn, signInAsRotated
		}
		calls, revocations = append(calls, signIn(kind, purpose)), append(revocations, revoke)
	}
	calls = append(calls, set)
	if t.verify != targets.VerifyOff {
		calls, revocations = append(calls, signIn(api.SignIn, signInAsRotated)), append(revocations, revoke)
	}
	return append(calls, revocations...)
}

// Check gets the token. There is no look-up: those that exist need a scope that
// nothing else here needs, and SetPassword itself refuses a user who is not there.
func (t *target) Check(ctx context.Context) (string, error) {
	switch {
	case t.readyMade:
		return "", nil
	case t.self:
		return "", t.signInAsSelf(ctx)
	}
	token, universal, err := t.signIn(ctx, signInAsCaller, api.AccessSignIn, t.caller)
	if err != nil {
		return "", err
	}
	t.token = token
	// Where the user is given by GUID, only this tells that it is the caller.
	if t.user.guid != "" && strings.EqualFold(universal, t.user.prefixed()) {
		t.self, t.oldPassword, t.proof.username = true, t.caller.password, t.caller.username
	}
	return "", nil
}

// LookUp makes the target a targets.LookedUp: Identity/Validate needs the scope
// configuration, which nothing else here does. What a ready-made token may do, Venafi tells.
func (t *target) LookUp(ctx context.Context) (looked bool, err error) {
	scope := t.caller.scope
	if t.readyMade {
		if err := t.askAboutToken(ctx); err != nil {
			return false, err
		}
		scope = t.ready.scope
	}
	if !hasScope(scope, "configuration") {
		return false, nil
	}
	return t.validate(ctx)
}

// signInAsSelf signs in as a caller who is the rotated user, with the payload's old
// password: the vault keeps that one up to date, while the record's is wrong from the first
// rotation on, and is used only where the payload has none. What signs in is also what
// SetPassword wants as OldPassword. A second password is not tried here: the sign-in that may
// yet fail is for the new one, which may be in force already.
func (t *target) signInAsSelf(ctx context.Context) error {
	as := t.caller
	if t.user.name != "" {
		as.username = t.user.prefixed()
	}
	if !t.job.OldPassword.IsEmpty() {
		as.password = t.job.OldPassword
	}
	token, _, err := t.signIn(ctx, signInAsRotated, api.SignIn, as)
	if err == nil {
		t.token, t.oldPassword = token, as.password
		return nil
	}
	fault := api.AsError(err)
	if !fault.Refused() || fault.Class != api.ClassCredential || fault.HasOtherCause() {
		return err
	}
	fault.Hint("the access record's login is the rotated user itself, and the payload's old password is not accepted; if login is an identity of a directory, write it with its prefix")
	return &targets.Refused{Err: err, Doubtful: true}
}

// Change sets the password (POST Identity/SetPassword).
func (t *target) Change(ctx context.Context) error {
	named, err := t.writePassword(ctx)
	if err != nil && isDeadlock(err) {
		if t.client.Clock().Sleep(ctx, deadlockPause) != nil {
			return err
		}
		// That a deadlock leaves nothing behind is not documented. If the first
		// call did set the password, the second may be refused for that, so its
		// refusal proves nothing.
		named, err = t.writePassword(ctx)
	} else if err != nil {
		return t.Contract().Judge(err)
	}
	if err != nil {
		return err
	}
	if !named.names(t.user) {
		// Venafi's own example names another identity than the one asked for: a slip of the
		// document's, or the caller's. If it is neither, another password was set. So only a
		// sign-in can tell.
		return &targets.Taken{Err: t.client.Fail(setPassword, api.ClassAccount, "answered 200, but the answer names another identity than the one whose password was to be set",
			"an example in Venafi's own documentation does so too; let the rotated user sign in (Verify, Verify Client ID), and the change can be proved")}
	}
	if named.group {
		return &targets.Taken{Err: t.client.Fail(setPassword, api.ClassAccount, "the answer is about a group, and a group has no password")}
	}
	if named.barred {
		t.job.Warn(warnBarred)
	}
	t.named = named
	if who, fault := parseIdentity(named.prefixedName); t.user.guid != "" && fault == "" && who.name != "" {
		t.proof.username = who.prefixed()
	}
	return nil
}

// RotatesOwnUser makes the target a targets.OwnUser.
func (t *target) RotatesOwnUser() bool { return t.self && !t.readyMade }

// Verify signs in as the rotated user (POST Authorize/OAuth).
func (t *target) Verify(ctx context.Context, which targets.Which) (targets.Verdict, error) {
	if t.proof.username == "" {
		return targets.Inconclusive, t.client.Fail(signInAsRotated, api.ClassAccount,
			"the user is given by GUID, and no answer tells the name to sign in with",
			"give the user by name, and the change can be proved")
	}
	as := t.proof
	as.password = t.job.Password(which)
	_, universal, err := t.signIn(ctx, signInAsRotated, api.SignIn, as)
	if err != nil {
		return t.judgeSignIn(ctx, err)
	}
	if which != targets.New {
		return targets.Accepted, nil
	}
	if t.named.prefixedUniversal != "" && universal != "" && !strings.EqualFold(universal, t.named.prefixedUniversal) {
		t.job.Warn("Venafi's answer to the sign-in names another identity than its answer to the change")
	}
	return targets.Accepted, nil
}

// judgeSignIn says what a sign-in shows that was not accepted. A user who is not on the API
// Integration is refused with the right password, too, by unauthorized_client and a text that
// names the identity or speaks of the user. With Verify = strict a second sign-in settles it:
// where a password that cannot be right gets invalid_grant, the first one was right.
func (t *target) judgeSignIn(ctx context.Context, err error) (targets.Verdict, error) {
	fault := api.AsError(err)
	if isWrongPassword(fault) && !t.named.barred {
		return targets.Rejected, err
	}
	said := strings.ToLower(fault.Text)
	names := strings.Contains(said, strings.ToLower(t.proof.username)) || strings.HasPrefix(said, "user is not authorized")
	if fault.Code != codeUserNotAllowed || !names || t.verify != targets.VerifyStrict || t.self || t.client.Counts().FailedLogins != 1 {
		return targets.Inconclusive, t.sayNotAllowed(err)
	}
	as := t.proof
	as.password = t.job.Impossible
	_, _, refusal := t.signIn(ctx, signInAsRotated, api.SignIn, as)
	if control := api.AsError(refusal); control != nil && isWrongPassword(control) {
		return targets.Accepted, nil
	}
	return targets.Inconclusive, t.sayNotAllowed(err)
}

// isWrongPassword reports whether a sign-in was refused in the words for a wrong password.
func isWrongPassword(fault *api.Error) bool {
	return fault.Code == codeWrongPassword && fault.Refused() && !fault.HasOtherCause()
}

// sayNotAllowed tells the operator, once, how to let the rotated user sign in, if err says that
// he may not. It returns err.
func (t *target) sayNotAllowed(err error) error {
	if api.AsError(err).Code == codeUserNotAllowed && !t.warnedNotAllowed {
		t.warnedNotAllowed = true
		t.job.Warn("the rotated user may not sign in through this API Integration, which says nothing about the password: to have changes proved, " + howToAllow)
	}
	return err
}

// Release is Close: no proof needs a grant of the run's so far.
func (t *target) Release(ctx context.Context) error { return t.Close(ctx) }

// Close revokes the grants of this run, each in its share of the time that is left.
func (t *target) Close(ctx context.Context) error {
	var revocations []func(context.Context) error
	for _, token := range t.grants {
		revocations = append(revocations, func(ctx context.Context) error { return t.revoke(ctx, token) })
	}
	failed := targets.InShares(ctx, revocations...)
	t.grants = nil
	return failed
}
