package venafi

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// slowServer is the time for calls that may have to wake up the web server first.
const slowServer = 40 * time.Second

const (
	signInPath      = "/vedauth/authorize/oauth"
	revokePath      = "/vedauth/revoke/token"
	setPasswordPath = "/vedsdk/Identity/SetPassword"
	validatePath    = "/vedsdk/Identity/Validate"

	signInAsCaller  = "sign in as the access record's user"
	signInAsRotated = "sign in as the rotated user"
	lookUp          = "look up the identity"
	setPassword     = "set the identity's password"
	revokeGrant     = "revoke the grant of a sign-in"
)

// The codes of RFC 6749 section 5.2 and RFC 6750 section 3.1 that are told apart.
const (
	codeWrongPassword   = "invalid_grant"
	codeUnknownClient   = "invalid_client"
	codeUserNotAllowed  = "unauthorized_client"
	codeScopeNotAllowed = "invalid_scope"
	codeScopeMissing    = "insufficient_scope"
	codeMethodOff       = "unsupported_grant_type"
)

// deadlockText is in the one error after which the vendor's own client sends a call
// again, and codeDeadlock is this program's name for that error.
const (
	deadlockText = "rerun the transaction"
	codeDeadlock = "deadlock"
)

// code is what an error's code looks like, as against a sentence in its place.
var code = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`) })

// explain reads the shapes of Venafi's errors: error with error_description from
// /vedauth and for tokens, Error, ErrorDetails or Message from /vedsdk, or no body at
// all and the reason in the status line.
func explain(answer api.Answer) (found, text string) {
	fields, _ := answer.Object() // without an object there is the status line
	for _, name := range []string{"error_description", "Error", "ErrorDetails", "error", "Message"} {
		said, _ := fields.Text(name)
		if name == "error" && len(said) <= 40 && code().MatchString(said) {
			found = said
		} else if text == "" {
			text = said
		}
	}
	if text == "" && !strings.EqualFold(answer.Reason, http.StatusText(answer.Status)) {
		text = answer.Reason
	}
	// The text is cut before a target sees it.
	if strings.Contains(strings.ToLower(text), deadlockText) {
		found = codeDeadlock
	}
	return found, text
}

// login is what a sign-in needs.
type login struct {
	clientID, scope, username string
	password                  secret.Value
}

// signIn makes a grant (POST Authorize/OAuth) and remembers it for Close. It returns
// the access token and the caller's PrefixedUniversal, "" if the answer has none.
func (t *target) signIn(ctx context.Context, action string, kind api.Kind, as login) (token secret.Value, universal string, err error) {
	ctx, release := targets.Patiently(ctx, answerGrace)
	defer release()
	answer, err := t.client.Do(ctx, api.Request{
		Action: action, Kind: kind, Method: "POST", Host: t.authHost, Path: api.FixedPath(signInPath), Timeout: slowServer,
		Body: api.JSONBody(api.Object{
			{Name: "client_id", Value: as.clientID},
			{Name: "username", Value: as.username},
			{Name: "password", Value: as.password},
			{Name: "scope", Value: as.scope},
		}),
	})
	if err != nil {
		if fault := api.AsError(err); fault.Left && !fault.Refused() {
			t.warnOfLostGrant()
		}
		return secret.Value{}, "", explainSignIn(err)
	}
	fields, err := answer.Object()
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("answered %d, which is not the documented success", answer.Status)
	}
	if err != nil {
		t.client.NotAccepted(kind, answer)
		t.warnOfLostGrant()
		return secret.Value{}, "", t.client.Fail(action, api.ClassTarget, err.Error(),
			"the access record's url or Auth URL may be that of something other than Venafi's token service")
	}
	refresh, _ := fields.Text("refresh_token")
	t.client.Seal(refresh)
	access, _ := fields.Text("access_token")
	token = t.client.Seal(access)
	if api.HeaderFault(token) != "" {
		t.client.NotAccepted(kind, answer)
		t.warnOfLostGrant()
		return secret.Value{}, "", t.client.Doubt(answer, action, api.ClassTarget, "the answer has no usable access token")
	}
	t.grants = append(t.grants, token)
	if t.ready.scope == "" { // of the first one, whose token sets the password
		t.ready.scope, _ = fields.Text("scope")
	}
	universal, _ = fields.Text("identity")
	return token, universal, nil
}

// warnOfLostGrant tells that a grant may be left. Venafi ends one for its own token
// only, and that was in the answer.
func (t *target) warnOfLostGrant() {
	t.job.Warn("the answer to a sign-in was lost or unreadable: Venafi may keep a grant whose token nobody has; an administrator can revoke it there, or it ends by itself")
}

// howToAllow is how a user gets to sign in through an API Integration.
const howToAllow = "add the user, or a group of the user, to an integration in Venafi (API, Integrations, Edit Access), and name it in the access record"

// answerGrace is how long a sign-in that has left may wait for its answer after the
// run was told to stop: only the answer has the token that ends the grant.
const answerGrace = 3 * time.Second

// explainSignIn sorts the refusals of a sign-in by their code, and says what an
// administrator can do about each.
func explainSignIn(err error) error {
	fault := api.AsError(err)
	if !fault.Refused() || fault.Unjudged() {
		return err
	}
	switch fault.Code {
	case codeWrongPassword:
		fault.Class = api.ClassCredential
		fault.Hint("Venafi refuses this user name with this password; a locked or disabled identity, or one without Allow Web SDK Access, may be refused in the same words")
	case codeUnknownClient:
		fault.Class = api.ClassPermission
		fault.Hint("the field Client ID must be spelled exactly as the API Integration in Venafi, upper and lower case included")
	case codeUserNotAllowed, codeScopeNotAllowed, codeScopeMissing:
		fault.Class = api.ClassPermission
		fault.Hint("the API Integration must have the scope and allow this user: " + howToAllow)
	case codeMethodOff:
		fault.Class = api.ClassPermission
		fault.Hint("switch on the method Username & Password in Venafi's default settings for the API")
	default:
		switch status := fault.Status; {
		case fault.IsPage() && status != http.StatusNotFound && status != http.StatusMethodNotAllowed: // it is not Venafi's
		case status == http.StatusBadRequest, status == http.StatusUnauthorized:
			fault.Class = api.ClassCredential
			fault.Hint("check login and password, and that the field Client ID is spelled exactly as the API Integration in Venafi")
		case status == http.StatusForbidden:
			fault.Class = api.ClassPermission
			fault.Hint("the API Integration must have the scope and list this user, or a group of the user")
		case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
			fault.Class = api.ClassTarget
			fault.Hint("there is no Venafi token service at this address: check url and Auth URL")
		}
	}
	return err
}

// validate looks the user up (POST Identity/Validate). looked is false if the token may not.
func (t *target) validate(ctx context.Context) (looked bool, err error) {
	answer, err := t.client.Do(ctx, api.Request{
		Action: lookUp, Kind: api.Read, Method: "POST", Host: t.host, Path: api.FixedPath(validatePath), Timeout: slowServer,
		Header: []api.Header{api.Bearer(t.token)}, Body: api.JSONBody(api.Object{{Name: "ID", Value: t.user.information()}}),
	})
	if fault := api.AsError(err); fault != nil {
		switch fault.Status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
			return false, nil
		}
		return false, err
	}
	missing := t.client.Fail(lookUp, api.ClassAccount, "Venafi knows no local identity of this name")
	if answer.IsEmpty() { // as documented for an unknown one
		return true, missing
	}
	fields, err := answer.Object()
	if err != nil {
		return false, t.client.Fail(lookUp, api.ClassTarget, err.Error())
	}
	found := readEntry(fields.Fields("ID"))
	switch {
	case len(fields.Fields("ID")) == 0:
		return true, missing
	case !found.names(t.user):
		return true, t.client.Fail(lookUp, api.ClassAccount, "the answer names another identity than the one asked for")
	case found.group:
		return true, t.client.Fail(lookUp, api.ClassAccount, "it is a group, and a group has no password")
	case found.barred:
		t.job.Warn(warnBarred)
	}
	return true, nil
}

// writePassword sends SetPassword once and returns the identity that a success names.
func (t *target) writePassword(ctx context.Context) (entry, error) {
	body := api.Object{{Name: "ID", Value: t.user.information()}}
	if !t.oldPassword.IsEmpty() {
		body = append(body, api.Member{Name: "OldPassword", Value: t.oldPassword})
	}
	body = append(body, api.Member{Name: "Password", Value: t.job.NewPassword})
	answer, err := t.client.Do(ctx, api.Request{
		Action: setPassword, Kind: api.Write, Method: "POST", Host: t.host, Path: api.FixedPath(setPasswordPath), Timeout: slowServer,
		Header: []api.Header{api.Bearer(t.token)}, Body: api.JSONBody(body),
	})
	if err != nil {
		return entry{}, t.explainWrite(err)
	}
	uncertain := func(cause string) (entry, error) {
		return entry{}, t.client.Fail(setPassword, api.ClassTarget, cause)
	}
	if answer.Status != http.StatusOK {
		return uncertain(fmt.Sprintf("answered %d, which is not the documented success", answer.Status))
	}
	fields, err := answer.Object()
	if err != nil {
		return uncertain(err.Error())
	}
	if fields.Filled("Error") || fields.Filled("error") || fields.Filled("ErrorDetails") {
		return entry{}, t.client.Doubt(answer, setPassword, api.ClassTarget, "answered 200, but the body tells of an error")
	}
	named := fields.Fields("ID")
	if len(named) == 0 {
		return uncertain("answered 200, but the body names no identity")
	}
	return readEntry(named), nil
}

// isDeadlock reports whether the write met the one failure after which the vendor's
// own client sends it again.
func isDeadlock(err error) bool {
	fault := api.AsError(err)
	return fault != nil && fault.Status == http.StatusInternalServerError && fault.Code == codeDeadlock
}

// explainWrite adds what an administrator can do about a status of SetPassword. The
// texts for its refusals are not published, so they are shown and not judged.
func (t *target) explainWrite(err error) error {
	fault := api.AsError(err)
	if fault.Unjudged() || fault.IsPage() && (fault.Status == http.StatusUnauthorized || fault.Status == http.StatusForbidden) {
		return err // which is not Venafi's
	}
	switch fault.Code {
	case codeUserNotAllowed, codeScopeNotAllowed, codeScopeMissing:
		fault.Class = api.ClassPermission
		fault.Hint("the token needs the scope security:manage: check the field Scope and the API Integration")
		return err
	}
	switch fault.Status {
	case http.StatusBadRequest:
		fault.Hint("Venafi answers 400 to a password against its rules (12 characters of three kinds, as documented), to a user who is unknown or a group, to a wrong old password, and to a caller without the permission: its own text says which")
		if !t.self {
			fault.Hint("to set another user's password the caller needs the Master Admin permission; the user's old password is not sent then, and a version that asks for it all the same can be served by a user who rotates itself: login and user the same")
		}
		if t.readyMade && t.caller.username == "" {
			fault.Hint("if the Access Token is the rotated user's own, put that user's name into the field login")
		}
	case http.StatusUnauthorized:
		fault.Hint("Venafi does not take the access token: where the access record has one, it may have expired or been revoked")
	case http.StatusForbidden:
		fault.Hint("the token needs the scope security:manage: check the field Scope and the API Integration")
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		fault.Class = api.ClassTarget
		fault.Hint("there is no Venafi call Identity/SetPassword at this address: check the access record's url")
	}
	return err
}

// revoke ends a grant with its own token (GET Revoke/Token), where 202 means that
// it was not ended. Ending a grant twice does no harm, so a call whose answer is
// missing or unclear is sent once more.
func (t *target) revoke(ctx context.Context, token secret.Value) error {
	for last := false; ; last = true {
		answer, err := t.client.Do(ctx, api.Request{
			Action: revokeGrant, Kind: api.Read, Method: "GET", Host: t.authHost, Path: api.FixedPath(revokePath),
			Header: []api.Header{api.Bearer(token)},
		})
		switch {
		case err != nil:
			if api.AsError(err).Refused() {
				return err
			}
		case answer.Status != http.StatusOK:
			return t.client.Fail(revokeGrant, api.ClassTarget,
				fmt.Sprintf("answered %d, which means that it was not revoked: it has ended already, or stays until it expires", answer.Status))
		default:
			if err = answer.Readable(); err == nil {
				return nil
			}
			err = t.client.Fail(revokeGrant, api.ClassTarget, err.Error())
		}
		if last || ctx.Err() != nil {
			return err
		}
	}
}
