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
	"fmt"
	"slices"
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
				Help: "user name of the caller, with a prefix such as `local:` where it is not plain; required unless there is an `Access Token`, and beside one it only says whose it is"},
			{Label: fieldPassword, Kind: params.Secret, Secret: true,
				Help: "password of the caller; required unless there is an `Access Token`"},
			{Label: fieldClientID, Kind: params.Text, Required: true,
				Help: "the API Integration, spelled exactly as in Venafi"},
			{Label: fieldScope, Kind: params.Text, Default: "security:manage",
				Help: "the scope that the sign-in asks for; with `security:manage;configuration`, `check` looks the account up, and else says that it has not"},
			{Label: fieldAuthURL, Kind: params.URL,
				Help: "the host of `/vedauth`, where it is not the one of url"},
			{Label: fieldAccessToken, Kind: params.Secret, Secret: true,
				Help: "a ready-made access token in the place of the caller's sign-in; it is never revoked here"},
			{Label: fieldVerifyClientID, Kind: params.Text,
				Help: "the API Integration for the sign-in as the rotated user, where it is not `Client ID`"},
			{Label: fieldVerifyScope, Kind: params.Text,
				Help: "the scope for the sign-in as the rotated user, where it is not `Scope`"},
		},
		Explain: explain,
		// IIS asks for client certificates so, and gives up on TLS 1.3, which cannot do that.
		Renegotiates: true,
		Setup:        setup(),
		Example:      example,
		Notes: []string{
			"**Whom:** local identities only, given as `jdoe`, `local:jdoe` or `local:{GUID}`. Identities of a directory (`AD+…:`, `LDAP+…:`, `DOMAIN\\name`) are refused before anything is sent, and groups by Venafi. `Allowed Users` is compared with the name alone (`jdoe`), or with the GUID in its braces. Venafi's cloud service (`*.venafi.cloud`, `*.venafi.eu`) has another API and is refused.",
			"**Proof:** after the change this program signs in as the rotated user with the new password. For that the rotated user must have *Allow Web SDK Access* and be allowed on the API Integration. So that rotated users need no share in `security:manage`, make a second integration with a harmless scope such as `certificate` and name it in `Verify Client ID` and `Verify Scope`. Where the sign-in is refused for any reason but the password, the change stands on Venafi's own answer, with a warning; with `Verify` = `strict` it is unknown.",
			"**Limits of the proof:** Venafi remembers sign-ins for a while, so a new password may be refused at first (it is tried again after `Settling Time`, and never more than two sign-ins of a run are refused) and an outdated one accepted. Therefore an accepted new password proves the change only together with Venafi's own answer of success, or with the old one being refused. If the answer to the change is lost, the run begins again and sets the same password once more. Do not go back to a password that was in force just before.",
			"**A user who changes the own password** (login and rotated user are the same): the sign-in is made with the payload's old password, or with the record's where the payload has none, and that one goes to Venafi as the old password. If it is refused, the new one is tried, which may be in force already. Unless the access record is the PAM User record itself, its own password is out of date afterwards: rotations of other users with it fail until it is changed too.",
			"**Grants:** Venafi's tokens live for 90 days and their grants for a year by default, so every grant that a run makes is revoked at its end. A warning says where that failed. On some versions the revocation needs the scope `configuration:manage`; add it to integration and `Scope` if the warning says 403. A ready-made `Access Token` is used and left alone.",
			"**TLS:** IIS in front of Venafi often asks for client certificates in the middle of a connection, which TLS 1.3 does not allow. So TLS 1.2 is spoken, and 1.3 only where the server refuses 1.2. `TLS Version` overrides that.",
			"**Refusals:** Venafi answers 400 to a password against its rules, to an unknown user or a group, to a wrong old password and to a missing permission; its text, which is shown, says which. Local passwords need 12 characters or more of three kinds (lower case, upper case, digits, others) unless a policy says otherwise: match the complexity of the PAM User's rotation settings to that.",
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
	named       entry          // what the answer of SetPassword named, if that was the user
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
// configuration, which nothing else here does.
func (t *target) LookUp(ctx context.Context) (looked bool, err error) {
	allowed := slices.ContainsFunc(strings.Split(t.caller.scope, ";"), func(scope string) bool {
		name, _, _ := strings.Cut(scope, ":")
		return strings.EqualFold(strings.TrimSpace(name), "configuration")
	})
	if !allowed || t.readyMade {
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
	if !fault.Refused() || fault.Class != api.ClassCredential {
		return err
	}
	fault.Hints = append(fault.Hints, "the access record's login is the rotated user itself, and the payload's old password is not accepted; if login is an identity of a directory, write it with its prefix")
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
		t.job.Warn("Venafi says that the identity is disabled, locked, deleted or cannot be verified: it may not be able to sign in")
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
// names the identity. With Verify = strict a second sign-in settles it: where a password that
// cannot be right gets invalid_grant, the first one was right.
func (t *target) judgeSignIn(ctx context.Context, err error) (targets.Verdict, error) {
	fault := api.AsError(err)
	if fault.Code == codeWrongPassword && fault.Refused() && !t.named.barred {
		return targets.Rejected, err
	}
	names := strings.Contains(strings.ToLower(fault.Text), strings.ToLower(t.proof.username))
	if fault.Code != codeUserNotAllowed || !names || t.verify != targets.VerifyStrict || t.self || t.client.Counts().FailedLogins != 1 {
		return targets.Inconclusive, err
	}
	as := t.proof
	as.password = t.job.Impossible
	_, _, refusal := t.signIn(ctx, signInAsRotated, api.SignIn, as)
	if control := api.AsError(refusal); control != nil && control.Refused() && control.Code == codeWrongPassword {
		return targets.Accepted, nil
	}
	return targets.Inconclusive, err
}

// Release is Close: no proof needs a grant of the run's so far.
func (t *target) Release(ctx context.Context) error { return t.Close(ctx) }

// Close revokes the grants of this run, each in its share of the time that is left.
func (t *target) Close(ctx context.Context) error {
	var failed error
	for i, token := range t.grants {
		share, cancel := ctx, context.CancelFunc(func() {})
		if deadline, ok := ctx.Deadline(); ok {
			share, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(t.grants)-i))
		}
		err := t.revoke(share, token)
		cancel()
		switch {
		case failed == nil:
			failed = err
		case err != nil:
			failed = fmt.Errorf("%w; %w", failed, err)
		}
	}
	t.grants = nil
	return failed
}
