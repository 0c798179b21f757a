package sps

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// The paths.
const (
	authenticationPath = "/api/authentication"
	loginMethodsPath   = authenticationPath + "/login_methods"
	transactionPath    = "/api/transaction"
	passwordsPath      = "/api/configuration/passwords"
	usersPath          = "/api/configuration/aaa/local_database/users"
	userPath           = usersPath + "/{key}"
	ownPasswordPath    = "/api/user/password"
	rootPasswordPath   = "/api/configuration/management/root_password"
)

// What the calls are called in errors and lists.
const (
	actionSignIn        = "sign in"
	actionSignInAsUser  = "sign in as the user"
	actionListMethods   = "list the login methods"
	actionListUsers     = "list the local users"
	actionReadAccount   = "read the account"
	actionOpen          = "open a transaction"
	actionReadStatus    = "read the transaction"
	actionStorePassword = "store the new password"
	actionRefer         = "refer to the new password"
	actionCommit        = "commit the change"
	actionRollBack      = "roll back the transaction"
)

const (
	// patience is how long a call that prepares the commit may go on after the program
	// was told to stop.
	patience   = 5 * time.Second
	statusOpen = "open"
	// methodLocal is the login method of the local users.
	methodLocal = "local"
	policyHint  = "match the password complexity of the PAM User's rotation settings to the password policy of SPS"
)

// explain reads SPS's errors: {"error": {"type", "message", "details"}}. The details
// may quote what was sent.
func explain(answer api.Answer) (code, text string) {
	fields, err := answer.Object()
	if err != nil {
		return "", ""
	}
	fault := fields.Fields("error")
	code, _ = fault.Text("type")
	text, _ = fault.Text("message")
	return code, text
}

// passwordFault says why SPS cannot take a password, or "" ("Setting password
// policies for local users" in the Administration Guide).
func passwordFault(password secret.Value) string {
	const marks = " !\"#$%&'()*+,-./:;<=>?@[]\\^`{}_|"
	text := password.Reveal()
	switch {
	case len(text) > 150:
		return "the new password is longer than 150 characters, which SPS does not take"
	case strings.ContainsFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(marks, r))
	}):
		return "the new password has a character that SPS does not take, such as a tilde or one outside of ASCII"
	}
	return ""
}

// access returns how the access record's sign-in is sent, and whom it may lock out.
func (t *target) access() (kind api.Kind, hint string) {
	if t.own {
		return api.SignIn, "if an earlier rotation changed this user's password already, put that one into the access record"
	}
	return api.AccessSignIn, "check the access record's login and password; where SPS asks a directory or a RADIUS server, the field Login Method can choose the local users"
}

// signIn opens a session of the access record's user.
func (t *target) signIn(ctx context.Context) (session secret.Value, err error) {
	kind, hint := t.access()
	session, err = t.openSession(ctx, actionSignIn, kind, t.loginMethod, t.login, t.password)
	if fault := api.AsError(err); fault != nil {
		switch {
		case fault.HasOtherCause() || fault.IsPage(): // which its own words tell, or are not SPS's
		case fault.Status == 401:
			fault.Hint(hint)
		case fault.Status == 403:
			fault.Hint("the access record's user needs the privilege REST server, which counts from the user's next login on")
		case fault.Status == 400 && t.loginMethod != "":
			fault.Hint("this version of SPS may not know the field Login Method, or not this login method")
		}
	}
	return session, err
}

// openSession signs in and returns the session as a Cookie header ("Authenticate to the
// SPS REST API"), by a login method, "" for SPS's default. Only the session's cookie tells success: without one nothing
// can be done.
func (t *target) openSession(ctx context.Context, action string, kind api.Kind, method, user string, password secret.Value) (secret.Value, error) {
	path := api.FixedPath(authenticationPath)
	if method != "" {
		path = api.FieldPath(authenticationPath, authenticationPath, secret.New("login_method="+url.QueryEscape(method)))
	}
	answer, err := t.client.Do(ctx, api.Request{
		Action: action, Kind: kind, Method: "GET", Host: t.host, Path: path,
		Header: []api.Header{api.Basic(user, password)},
	})
	if err != nil {
		return secret.Value{}, err
	}
	err = answer.Readable()
	if err == nil && answer.Status != 200 {
		err = fmt.Errorf("answered %d, which is not the documented success", answer.Status)
	}
	if err != nil {
		t.client.NotAccepted(kind, answer)
		return secret.Value{}, t.client.Fail(action, api.ClassTarget, err.Error(), "the access record's url may be that of something other than SPS")
	}
	cookie := answer.Cookie("session_id")
	if cookie.IsEmpty() {
		t.client.NotAccepted(kind, answer)
		return secret.Value{}, t.client.Fail(action, api.ClassTarget, "the answer has no session cookie",
			"compare the clock of this machine with that of SPS, and check that the access record's url is that of SPS")
	}
	t.client.Seal(cookie.Reveal())
	// By hand: a cookie jar would drop the cookie where the clocks differ.
	return answer.Cookies("session_id"), nil
}

// call sends one request in a session and returns SPS's answer, which is an object
// in every case ("Message format"), apart from a 204. An error in it, and anything
// that SPS does not send, is an error.
func (t *target) call(ctx context.Context, session secret.Value, request api.Request) (api.Fields, error) {
	if request.Kind == api.Prepare {
		var end context.CancelFunc
		ctx, end = unhurried(ctx)
		defer end()
	}
	request.Host = t.host
	request.Header = []api.Header{{Name: "Cookie", Value: session}}
	answer, err := t.client.Do(ctx, request)
	if err != nil {
		if fault := api.AsError(err); fault != nil && fault.Status == 403 && !fault.IsPage() {
			fault.Hint("the access record's user needs the privilege REST server, and read and write rights on the page of SPS that owns this setting")
		} else if fault != nil && fault.Status == 405 && request.Method != "GET" && request.Method != "DELETE" {
			fault.Hint("a node that another one manages takes no changes: name the central management node in the access record's url")
		}
		if request.Kind != api.Write {
			err = t.sessionOver(request.Action, err)
		}
		return nil, err
	}
	if answer.Status == 204 || request.Action == actionOpen && answer.Status != 202 && answer.Readable() == nil && answer.IsEmpty() {
		return api.Fields{}, nil // for who opens a transaction asks for its status then
	}
	if request.Action == actionReadAccount {
		t.allowed = answer.Headers()["allow"]
	}
	fields, err := answer.Object()
	var cause string
	switch {
	case answer.Status == 202: // by something in between: the guides know no such answer
		cause = "the answer is 202: accepted, and not carried out yet"
	case err != nil:
		cause = err.Error()
	case fields.Filled("error"):
		cause = "the answer says that it failed"
	default:
		return fields, nil
	}
	fault := t.client.Doubt(answer, request.Action, api.ClassTarget, cause)
	fault.Left = true
	return nil, fault
}

// sessionOver turns the refusal of a session that has just been opened into a fault that may
// pass: it ends when SPS restarts, or fails over to another node.
func (t *target) sessionOver(action string, err error) error {
	refusal := api.AsError(err)
	if refusal == nil || refusal.Status != 401 || refusal.Code != "Unauthenticated" {
		return err
	}
	fault := t.client.Fail(action, api.ClassTarget, "SPS does not know the session that it has just opened",
		"it may have restarted; in front of several nodes, a session must stay with one of them: name the node in the access record's url")
	fault.Left, fault.Err = refusal.Left, err
	return fault
}

// isSessionOver reports whether err is what sessionOver returns, or a 401 below it.
func isSessionOver(err error) bool {
	fault := api.AsError(err)
	return fault != nil && (fault.Status == 401 || isSessionOver(fault.Err))
}

// unhurried returns a context for a call that must not be given up halfway when the
// program is told to stop: it might arrive after the roll-back, and from version
// 6.9.2 on a change outside of a transaction opens a new one.
func unhurried(ctx context.Context) (context.Context, context.CancelFunc) {
	return targets.Patiently(ctx, patience)
}

// listUsers returns the keys of the local users ("Local users", list of users).
func (t *target) listUsers(ctx context.Context) ([]string, error) {
	fields, err := t.call(ctx, t.session, api.Request{Action: actionListUsers, Kind: api.Read, Method: "GET", Path: api.FixedPath(usersPath)})
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, item := range fields.Objects("items") {
		key, ok := item.Text("key")
		if !ok || api.SegmentFault(key) != "" {
			return nil, t.client.Fail(actionListUsers, api.ClassTarget, "the answer has a user without a usable key")
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// readUser returns the object of the local user of that key ("Local users").
func (t *target) readUser(ctx context.Context, session secret.Value, key string) (api.Fields, error) {
	path, err := api.NewPath(userPath, key)
	if err != nil {
		return nil, t.client.Fail(actionReadAccount, api.ClassTarget, err.Error())
	}
	fields, err := t.call(ctx, session, api.Request{Action: actionReadAccount, Kind: api.Read, Method: "GET", Path: path})
	if err != nil {
		return nil, err
	}
	if answered, stated := fields.Text("key"); stated && answered != key {
		return nil, t.client.Fail(actionReadAccount, api.ClassAccount, "the answer is about another user than the one asked for")
	}
	user := fields.Fields("body")
	if user == nil {
		return nil, t.client.Fail(actionReadAccount, api.ClassTarget, "the answer has no user in it")
	}
	return user, nil
}

// readReference returns the reference of the password object that the account has in
// the eyes of the session, or "" if the answer does not show it ("Passwords
// stored on SPS").
func (t *target) readReference(ctx context.Context, session secret.Value) (string, error) {
	if t.mode == modeLocal {
		user, err := t.readUser(ctx, session, t.key)
		return referenceIn(user["password"]), err
	}
	fields, err := t.call(ctx, session, api.Request{Action: actionReadAccount, Kind: api.Read, Method: "GET", Path: api.FixedPath(rootPasswordPath)})
	return referenceIn(fields["body"]), err
}

// referenceIn returns the reference of a password object, written as a text or as an
// object with a key; "" for anything else.
func referenceIn(raw json.RawMessage) string {
	shown := api.Fields{"key": raw}
	if object := shown.Fields("key"); object != nil {
		shown = object
	}
	reference, _ := shown.Text("key")
	return reference
}

// open opens the transaction ("Open a transaction"), waiting while somebody else holds
// the configuration lock, and reports whether it had to wait. The guides do not say
// how a lock is answered, so what looks like one is worth the wait.
func (t *target) open(ctx context.Context) (waited bool, err error) {
	t.armed = true
	var total time.Duration
	mayBeOurs := false // a call whose answer does not say may have opened it
	for try := 0; ; try++ {
		fields, err := t.call(ctx, t.session, api.Request{Action: actionOpen, Kind: api.Prepare, Method: "POST", Path: api.FixedPath(transactionPath)})
		if err == nil {
			return total > 0, t.assureOpen(ctx, fields)
		}
		fault := api.AsError(err)
		if try == 0 && (fault.Status == 400 || fault.Status == 409) {
			// A copy of the call may have opened it: the session is this run's alone.
			if status, lookErr := t.transactionStatus(ctx, t.session); lookErr == nil && status == statusOpen {
				return false, nil
			}
		}
		if !isLock(fault) {
			if fault.Class == api.ClassPolicy { // which is for a password that was sent
				fault.Class = api.ClassTarget
			}
			return false, err
		}
		if fault.Status == 403 {
			fault.Hints = nil // it is not about privileges
		}
		if fault.Status == 503 {
			mayBeOurs = true
		} else if fault.Class = api.ClassConflict; mayBeOurs {
			if status, lookErr := t.transactionStatus(ctx, t.session); lookErr == nil && status == statusOpen {
				return total > 0, nil
			}
		}
		fault.Hint("somebody else has the configuration of SPS locked, by an open page of the web interface, a console or a transaction: rotate again later, or raise the field Lock Wait")
		wait := lockWaits[min(try, len(lockWaits)-1)]
		wait = wait/2 + rand.N(wait) // many runs that were started at once must not come back at once
		total += wait
		clock := t.client.Clock()
		if left, bounded := api.Left(ctx, clock); total > t.lockWait || bounded && wait > left {
			fault.Final = true
			return false, err
		}
		if clock.Sleep(ctx, wait) != nil {
			return false, err
		}
	}
}

// isLock reports whether a refusal to open a transaction may be due to a lock. It
// decides nothing but whether to wait.
func isLock(fault *api.Error) bool {
	switch fault.Status {
	case 409, 423, 503:
		return true
	case 401:
		return false
	}
	return fault.Status/100 == 4 && strings.Contains(strings.ToLower(fault.Code+" "+fault.Text), "lock")
}

// assureOpen makes sure that the transaction is open, from the answer or else by asking, and
// that it can be committed.
func (t *target) assureOpen(ctx context.Context, answered api.Fields) error {
	status := statusIn(answered)
	if status == "" {
		var err error
		if answered, err = t.readTransaction(ctx, t.session); err != nil {
			return err
		}
		status = statusIn(answered)
	}
	if status != statusOpen {
		return t.client.Fail(actionOpen, api.ClassTarget, "the answer does not say that the transaction is open")
	}
	return t.messageFault(answered)
}

// messageFault is the fault of a missing message, which SPS demands with every commit where its
// setting require_commitlog is on ("Checking the transaction status", from version 8.0 on).
func (t *target) messageFault(transaction api.Fields) error {
	if demanded, _ := transaction.Fields("body").Text("commit_message"); demanded != "required" || t.commitMessage != "" {
		return nil
	}
	return t.client.Fail(actionCommit, api.ClassInput, "SPS demands a message with every commit, and the field Commit Message has none",
		"put one into the field Commit Message of the access record")
}

// readTransaction returns the session's transaction ("Using the SPS REST API", status of the
// transaction).
func (t *target) readTransaction(ctx context.Context, session secret.Value) (api.Fields, error) {
	return t.call(ctx, session, api.Request{Action: actionReadStatus, Kind: api.Read, Method: "GET", Path: api.FixedPath(transactionPath)})
}

// transactionStatus returns the status of the session's transaction, "open" or
// "closed", or "" if the answer does not say.
func (t *target) transactionStatus(ctx context.Context, session secret.Value) (string, error) {
	fields, err := t.readTransaction(ctx, session)
	return statusIn(fields), err
}

// statusIn returns the status of a transaction: the guides show it under transaction,
// the vendor's own client reads it under body.
func statusIn(fields api.Fields) string {
	for _, place := range []string{"transaction", "body"} {
		if status, ok := fields.Fields(place).Text("status"); ok {
			return status
		}
	}
	return ""
}

// rollBack drops the session's transaction (DELETE, as the vendor's client does).
func (t *target) rollBack(ctx context.Context, session secret.Value) error {
	_, err := t.call(ctx, session, api.Request{Action: actionRollBack, Kind: api.Prepare, Method: "DELETE", Path: api.FixedPath(transactionPath)})
	if fault := api.AsError(err); fault != nil {
		fault.Hint("SPS drops the transaction by itself when the session has been idle for 20 minutes; until then others may find the configuration locked")
	}
	return err
}

// storePassword makes a password object and returns its reference ("Passwords stored
// on SPS"). The object serves one account, once.
func (t *target) storePassword(ctx context.Context) (reference string, err error) {
	fields, err := t.call(ctx, t.session, api.Request{
		Action: actionStorePassword, Kind: api.Prepare, Method: "POST", Path: api.FixedPath(passwordsPath),
		Body: api.JSONBody(api.Object{{Name: "plain", Value: t.job.NewPassword}}),
	})
	if err != nil {
		return "", err
	}
	if reference, _ = fields.Text("key"); reference == "" {
		return "", t.client.Fail(actionStorePassword, api.ClassTarget, "the answer has no reference of the password object")
	}
	return reference, nil
}

// accountPath is the path of what refers to the account's password.
func (t *target) accountPath() api.Path {
	switch t.mode {
	case modeSelf:
		return api.FixedPath(ownPasswordPath)
	case modeRoot:
		return api.FixedPath(rootPasswordPath)
	}
	path, err := api.NewPath(userPath, t.key)
	if err != nil { // before Check has found the user
		return api.FixedPath(userPath)
	}
	return path
}

// reference is that of the object that was stored last.
func (t *target) reference() string { return t.references[len(t.references)-1] }

// referToPassword has the account refer to the new password object ("Change the admin
// password", "Change the user password", "Change the root password").
func (t *target) referToPassword(ctx context.Context) error {
	var body any = t.reference() // a JSON text, with its quotes
	switch t.mode {
	case modeSelf:
		body = api.Object{
			{Name: "current_password_in_plaintext", Value: t.password},
			{Name: "new_password_reference", Value: t.reference()},
		}
	case modeLocal:
		// PUT replaces the object, so all of it goes back as it came.
		var user api.Object
		for _, name := range slices.Sorted(maps.Keys(t.user)) {
			if name != "password" {
				user = append(user, api.Member{Name: name, Value: t.user[name]})
			}
		}
		body = append(user, api.Member{Name: "password", Value: t.reference()})
	}
	_, err := t.call(ctx, t.session, api.Request{
		Action: actionRefer, Kind: api.Prepare, Method: "PUT", Path: t.accountPath(), Body: api.JSONBody(body),
	})
	return err
}

// sendCommit commits the transaction ("Commit a transaction"). The guides' tables of the
// transaction do not name the member for the message; GET shows it as
// commit_message.
func (t *target) sendCommit(ctx context.Context) error {
	body := api.Object{{Name: "status", Value: "commit"}}
	if t.commitMessage != "" {
		body = append(body, api.Member{Name: "commit_message", Value: t.commitMessage})
	}
	fields, err := t.call(ctx, t.session, api.Request{
		Action: actionCommit, Kind: api.Write, Method: "PUT", Path: api.FixedPath(transactionPath), Body: api.JSONBody(body),
	})
	if fault := api.AsError(err); fault != nil && fault.Class == api.ClassPolicy && t.commitMessage == "" {
		fault.Hint("where the site demands a message with every commit, put one into the field Commit Message")
	}
	if err == nil && statusIn(fields) == statusOpen {
		fault := t.client.Fail(actionCommit, api.ClassTarget, "the answer says that the transaction is still open")
		fault.Left = true
		return fault
	}
	return err
}
