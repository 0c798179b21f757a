// Package rest changes a password by one call to an endpoint that the access
// record describes. With nothing but url and password it sends what Keeper's
// sample script "Rotate Credential via REST API"
// (https://docs.keeper.io/en/keeperpam/privileged-access-manager/password-rotation/rotation-use-cases/saas-accounts/rotate-credential-via-rest-api)
// sends: POST, a bearer token, {"userEmail": …, "newPassword": …}. What differs is
// the judgement: only the listed statuses are success, and a Verify URL turns
// the vendor's word into a proof.
//
// Bodies are built as data, so no character of a password can break out of them.
// Anything that needs more than one call is not for this target.
package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

const (
	name = "rest"

	setPassword = "change the password"
	signIn      = "sign in at the Verify URL"
	probe       = "ask the Verify URL without a password"

	fieldURL              = "url"
	fieldLogin            = "login"
	fieldPassword         = "password"
	fieldMethod           = "Method"
	fieldAuth             = "Auth"
	fieldUserField        = "User Field"
	fieldPasswordField    = "Password Field"
	fieldOldPasswordField = "Old Password Field"
	fieldExtraBody        = "Extra Body"
	fieldSuccessStatus    = "Success Status"
	fieldSuccessValue     = "Success Value"
	fieldBodyFormat       = "Body Format"
	fieldRepeat           = "Repeat"
	fieldVerifyURL        = "Verify URL"

	// placeholder stands for the user as one segment of a path.
	placeholder = api.UserPlaceholder
	// leftOut as the name of a body member leaves that member out.
	leftOut = "none"
)

// Info describes the generic target.
func Info() targets.Info {
	return targets.Info{
		Name:    name,
		Title:   "REST endpoint",
		Summary: "accounts of any API that sets a password with one call",
		Matches: func(address api.Address) bool { return strings.Trim(address.EscapedPath, "/") != "" },
		Generic: true,
		Fields: []params.Field{
			{Label: fieldURL, Kind: params.URL, Required: true,
				Help: "the endpoint; `{user}` in its path is the user as one escaped segment"},
			{Label: fieldPassword, Kind: params.Secret, Secret: true,
				Help: "what `Auth` sends; required unless that is `none`"},
			{Label: fieldLogin, Kind: params.Text,
				Help: "the user name for `Auth` = `basic`"},
			{Label: fieldMethod, Kind: params.Choice, Choices: []string{"POST", "PUT", "PATCH"}, Default: "POST",
				Help: "the HTTP method"},
			{Label: fieldAuth, Kind: params.Text, Default: "bearer",
				Help: "`bearer` sends the password field as a Bearer token, `basic` login and password, `header NAME` the password field in that header, `none` nothing"},
			{Label: fieldUserField, Kind: params.Text, Default: "userEmail",
				Help: "the body's member for the user; `none` where the path names the user"},
			{Label: fieldPasswordField, Kind: params.Text, Default: "newPassword",
				Help: "the body's member for the new password; with commas several, as for a confirmation"},
			{Label: fieldOldPasswordField, Kind: params.Text,
				Help: "a member for the old password; absent sends none"},
			{Label: fieldExtraBody, Kind: params.Object, Secret: true,
				Help: "JSON members added to the body"},
			{Label: fieldSuccessStatus, Kind: params.List, Default: "200, 201, 204",
				Help: "the statuses that mean changed; any other 2xx, such as 202, is unknown"},
			{Label: fieldSuccessValue, Kind: params.Multiline,
				Help: "what the body must say, one a line: a member's path, `=`, and its values with `|` between (`metadata.result=1`, `status=ok|done`); `=OK` is of the whole body; in XML an element; all must hold"},
			{Label: fieldBodyFormat, Kind: params.Choice, Choices: []string{"json", "form"}, Default: "json",
				Help: "how the body is sent"},
			{Label: fieldRepeat, Kind: params.Bool, Default: "false",
				Help: "`true`: the same call once more does no harm, and is sent after an unclear answer"},
			{Label: fieldVerifyURL, Kind: params.URL,
				Help: "gets a GET with user and new password as Basic authentication: 2xx accepts, 401 rejects; `{user}` as in url"},
		},
		Setup:   setup(),
		Example: example,
		Notes: []string{
			"With `url` and `password` alone it sends what Keeper's sample sends.",
			"**What is proved:** with `Verify URL`, a sign-in with the new password. Without it the answer counts, whose body only adds doubt.\n\n" +
				"| In the body | Is |\n| --- | --- |\n" +
				"| `success`, `authenticated`, `changePassword` `false`; `error`, `errorCode` not empty; `affectedRows` 0; `skipped`, `dryRun`, `mfaRequired` `true`; `status`, `code` of a failure; words of a failure | unknown, unless the Verify URL proves it |\n" +
				"| a web page, cut JSON, another user under `User Field` | the same |\n" +
				"| `status` pending or queued, `done` `false`, a job, a mailed link | unknown: under way |\n" +
				"| words or values of success alone | success |\n" +
				"| anything else | success with a warning |\n\n" +
				"Where this does not fit, `Success Value` takes its place.",
			"**Verify URL** is first tried without credentials, and with an impossible password where the change's answer is not clear or `Verify` is `strict`. It must refuse both; a 401 for a second factor or a lock decides nothing.",
			"**Limits:** nothing can be proved where the user's name has a colon, or the Verify URL answers 404, 405 or 410. Passwords outside of ASCII need a 401 with `charset=\"UTF-8\"`.",
		},
		Documents: []string{
			"https://docs.keeper.io/en/keeperpam/privileged-access-manager/password-rotation/rotation-use-cases/saas-accounts/rotate-credential-via-rest-api",
		},
		New: newTarget,
	}
}

type target struct {
	job       targets.Job
	client    *api.Client
	host      string
	path      api.Path
	inPath    bool // the path names the user
	method    string
	header    []api.Header
	userField string
	body      api.Body
	success   []int
	values    []wanted // what the body of a success says; none without Success Value
	sendsOld  bool
	asUser    bool // the call signs in as the rotated user
	repeats   bool
	strict    bool

	verifyHost string // "" without a Verify URL
	verifyPath api.Path
	unprovable bool // the Verify URL cannot show anything
	letIn      bool // it has accepted a password in this run
}

func newTarget(job targets.Job, client *api.Client) (targets.Target, error) {
	settings := job.Settings
	t := &target{
		job: job, client: client, method: settings.Text(fieldMethod), repeats: settings.Bool(fieldRepeat),
		strict: settings.Text(targets.FieldVerify) == targets.VerifyStrict,
	}
	t.host, t.path, t.inPath = address(settings, client, fieldURL, job.User)
	if settings.Has(fieldVerifyURL) {
		t.verifyHost, t.verifyPath, _ = address(settings, client, fieldVerifyURL, job.User)
		// RFC 7617: the first colon ends the user name.
		if t.unprovable = strings.Contains(job.User, ":"); t.unprovable {
			job.Warn("the user's name has a colon, which Basic authentication cannot carry: the change cannot be proved at the Verify URL")
		}
	}
	t.header = authorization(settings)
	kind, _, _ := strings.Cut(settings.Text(fieldAuth), " ")
	t.asUser = strings.EqualFold(kind, "basic") && settings.Text(fieldLogin) == job.User
	t.body = t.buildBody(settings)
	for _, text := range settings.List(fieldSuccessStatus) {
		status, err := strconv.Atoi(text)
		if err != nil || status < 200 || status > 299 {
			settings.Fault(fieldSuccessStatus, "needs statuses from 200 to 299, found something else")
			break
		}
		t.success = append(t.success, status)
	}
	t.values = successValues(settings)
	return t, settings.Err()
}

// address reads a URL field and puts the user into its path. What may be a token
// in it is sealed: vendors like to quote a path in their errors. named reports whether the
// path names the user.
func address(settings *params.Settings, client *api.Client, label, user string) (host string, path api.Path, named bool) {
	text := settings.Text(label)
	if text == "" {
		return "", api.Path{}, false
	}
	parsed, err := api.ParseUserAddress(text)
	if err != nil {
		settings.Fault(label, "needs an https URL, found "+err.Error())
		return "", api.Path{}, false
	}
	// url.Parse escapes the braces.
	escaped := api.EscapeSegment(placeholder)
	segments := strings.Split(parsed.EscapedPath, "/")
	for i, segment := range segments {
		switch {
		case strings.EqualFold(segment, escaped):
			named = true
			if fault := api.SegmentFault(user); fault != "" {
				settings.Fault("user", "needs to fit into the path of "+label+", found "+fault)
			}
			segments[i] = api.EscapeSegment(user)
		case strings.Contains(strings.ToUpper(segment), strings.ToUpper(escaped)):
			settings.Fault(label, "needs {user} as a whole segment of the path, found it as a part of one")
		}
	}
	client.SealAddress(parsed)
	query := parsed.Query.Reveal()
	if strings.Contains(query, placeholder) || strings.Contains(strings.ToUpper(query), strings.ToUpper(escaped)) || strings.Contains(parsed.Host, placeholder) {
		settings.Fault(label, "needs {user} as a segment of the path, found it elsewhere")
	}
	return parsed.Host, api.FieldPath("{path of "+label+"}", strings.Join(segments, "/"), parsed.Query), named
}

// authorization reads the fields that say how the credential is sent.
func authorization(settings *params.Settings) []api.Header {
	kind, headerName, _ := strings.Cut(settings.Text(fieldAuth), " ")
	credential := settings.Secret(fieldPassword)
	kind, headerName = strings.ToLower(kind), strings.TrimSpace(headerName)
	if kind == "none" {
		return nil
	}
	if credential.IsEmpty() {
		settings.Fault(fieldPassword, "needs the token or password to send, found nothing")
		return nil
	}
	sent := func(header api.Header) []api.Header {
		if fault := api.HeaderFault(header.Value); fault != "" {
			settings.Fault(fieldPassword, "needs a text that a header can carry, found "+fault)
		}
		return []api.Header{header}
	}
	switch {
	case kind == "bearer" && headerName == "":
		if fault := params.TokenFault(credential); fault != "" {
			settings.Fault(fieldPassword, "needs a bearer token, without the word Bearer, found "+fault)
		}
		return []api.Header{api.Bearer(credential)}
	case kind == "basic" && headerName == "":
		login := settings.Text(fieldLogin)
		if login == "" || strings.Contains(login, ":") {
			settings.Fault(fieldLogin, "needs a user name without a colon for basic authentication, found something else")
		}
		return []api.Header{api.Basic(login, credential)}
	case kind == "header" && isToken(headerName) && !reserved[strings.ToLower(headerName)]:
		return sent(api.Header{Name: headerName, Value: credential})
	}
	settings.Fault(fieldAuth, "needs bearer, basic, header NAME or none, found something else")
	return nil
}

// reserved are the headers that an Auth of "header NAME" must not set: they frame
// the request, or would make net/http repeat a write.
var reserved = map[string]bool{
	"host": true, "content-length": true, "content-type": true, "transfer-encoding": true, "connection": true,
	"trailer": true, "te": true, "upgrade": true, "expect": true, "accept-encoding": true,
	"idempotency-key": true, "x-idempotency-key": true,
}

// isToken reports whether text can be the name of a header (RFC 9110 section 5.6.2).
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}

// buildBody puts the body together as data: user, new password, old password,
// then the members of Extra Body in their order.
func (t *target) buildBody(settings *params.Settings) api.Body {
	var members api.Object
	add := func(label, member string, value any) {
		if slices.ContainsFunc(members, func(m api.Member) bool { return m.Name == member }) {
			settings.Fault(label, "needs names that no other part of the body has, found one that is taken")
			return
		}
		members = append(members, api.Member{Name: member, Value: value})
	}
	t.userField = settings.Text(fieldUserField)
	switch {
	case t.userField != leftOut:
		add(fieldUserField, t.userField, t.job.User)
	case t.host != "" && !t.inPath && !t.asUser: // whom the sign-in names is named
		settings.Fault(fieldUserField, "needs a member that names the user, or {user} in the path of url, found neither: the request would name nobody")
	}
	for member := range strings.SplitSeq(settings.Text(fieldPasswordField), ",") {
		if member = strings.TrimSpace(member); member == "" {
			settings.Fault(fieldPasswordField, "needs names with commas between, found an empty one")
			break
		}
		add(fieldPasswordField, member, t.job.NewPassword)
	}
	if member := settings.Text(fieldOldPasswordField); member != "" {
		if t.job.OldPassword.IsEmpty() {
			settings.Fault("oldPassword", "needs the old password, since Old Password Field is set, found nothing")
		}
		add(fieldOldPasswordField, member, t.job.OldPassword)
		t.sendsOld = true
	}
	form := settings.Text(fieldBodyFormat) == "form"
	extra := settings.Object(fieldExtraBody)
	if api.HasPlaceholder(extra.Reveal()) {
		settings.Fault(fieldExtraBody, "needs members that are sent as they are, found a placeholder, which nothing fills in: User Field, Password Field and Old Password Field name the members for those")
	}
	for _, member := range membersOf(extra) {
		if form {
			text, ok := scalar(member.value)
			if !ok {
				settings.Fault(fieldExtraBody, "needs texts, numbers or truth values where Body Format is form, found a list or an object")
			}
			add(fieldExtraBody, member.name, text)
			continue
		}
		add(fieldExtraBody, member.name, api.RawJSON{Text: member.value})
	}
	if form {
		return api.FormBody(members...)
	}
	return api.JSONBody(members)
}

// rawMember is one member of a JSON object, its value as it was written.
type rawMember struct {
	name  string
	value secret.Value
}

// membersOf takes apart a JSON object that the settings have checked, in order.
func membersOf(object secret.Value) []rawMember {
	decoder := json.NewDecoder(strings.NewReader(object.Reveal()))
	if _, err := decoder.Token(); err != nil { // the brace; there is none without the field
		return nil
	}
	var members []rawMember
	for decoder.More() {
		name, err := decoder.Token()
		var value json.RawMessage
		if err != nil || decoder.Decode(&value) != nil {
			return nil
		}
		members = append(members, rawMember{fmt.Sprint(name), secret.New(string(value))})
	}
	return members
}

// scalar returns a JSON text, number or truth value as the text of a form.
func scalar(raw secret.Value) (secret.Value, bool) {
	var value any
	decoder := json.NewDecoder(strings.NewReader(raw.Reveal()))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return secret.Value{}, false
	}
	switch value := value.(type) {
	case string:
		return secret.New(value), true
	case json.Number, bool:
		return secret.New(fmt.Sprint(value)), true
	}
	return secret.Value{}, false
}

func (t *target) Subject() string { return t.job.User }

// RotatesOwnUser makes the target a targets.OwnUser: Basic authentication by a name that is
// the rotated one's.
func (t *target) RotatesOwnUser() bool {
	kind, _, _ := strings.Cut(t.job.Settings.Text(fieldAuth), " ")
	return strings.EqualFold(kind, "basic") && targets.SameName(t.job.Settings.Text(fieldLogin), t.job.User)
}

func (t *target) Contract() targets.Contract {
	contract := targets.Contract{Repeats: t.repeats, CarriesOld: t.sendsOld || t.asUser}
	if t.verifyHost != "" && !t.unprovable {
		contract.Means = targets.OwnMeans
	}
	return contract
}

func (t *target) Calls() []targets.Call {
	change := targets.Call{Kind: api.Write, Method: t.method, Host: t.host, Path: t.path.String(), Purpose: setPassword}
	if t.verifyHost == "" || t.unprovable {
		return []targets.Call{change}
	}
	return []targets.Call{
		{Kind: api.Read, Method: "GET", Host: t.verifyHost, Path: t.verifyPath.String(), Purpose: probe},
		change,
		{Kind: api.SignIn, Method: "GET", Host: t.verifyHost, Path: t.verifyPath.String(), Purpose: signIn},
	}
}

// Untried says that Check asks the address of Verify URL alone, without a password.
func (t *target) Untried() bool { return true }

// Check makes sure that the Verify URL is able to refuse. Without one there is
// nothing to read.
func (t *target) Check(ctx context.Context) (string, error) {
	if t.verifyHost == "" || t.unprovable {
		return "", nil
	}
	answer, err := t.client.Do(ctx, api.Request{
		Action: probe, Kind: api.Read, Method: "GET", Host: t.verifyHost, Path: t.verifyPath,
	})
	if err == nil && answer.Readable() == nil {
		return "", t.client.Fail(probe, api.ClassInput, "it answers with success without any password, so it proves nothing",
			"point the field Verify URL at an address that needs a sign-in, or remove it")
	}
	// A refusal is what is wanted; a redirect or a page of a login portal is one too.
	fault := api.AsError(err)
	switch {
	case err == nil:
		return "", nil
	case fault.Status == 404 || fault.Status == 405 || fault.Status == 410:
		cause := fmt.Sprintf("it answers %d without a password, so nobody can sign in there", fault.Status)
		if t.strict {
			return "", t.client.Fail(probe, api.ClassInput, cause, "correct the field Verify URL: with Verify = strict nothing is changed that cannot be proved")
		}
		t.unprovable = true
		t.job.Warn("the change cannot be proved at the Verify URL: " + cause)
		return "", nil
	case fault.Status >= 300 && fault.Status < 500 && !fault.Passes():
		return "", nil
	}
	return "", err
}

// Change sends the one request.
func (t *target) Change(ctx context.Context) error {
	answer, err := t.client.Do(ctx, api.Request{
		Action: setPassword, Kind: api.Write, Method: t.method, Host: t.host, Path: t.path,
		Header: t.header, Body: t.body,
	})
	if err != nil {
		return t.Contract().Judge(t.explainWrite(err))
	}
	doubt := func(class api.Class, cause string, hints ...string) error {
		return t.client.Doubt(answer, setPassword, class, cause, hints...)
	}
	if !slices.Contains(t.success, answer.Status) {
		return doubt(api.ClassTarget, fmt.Sprintf("answered %d, which the access record does not list as success", answer.Status),
			"if the endpoint's documentation says that this status means that the password was changed, add it to the field Success Status")
	}
	if err := answer.Readable(); err != nil {
		return doubt(api.ClassTarget, err.Error())
	}
	if t.namesAnother(answer) {
		return doubt(api.ClassTarget, "the answer names another user")
	}
	if len(t.values) > 0 {
		if slices.ContainsFunc(t.values, func(w wanted) bool { return !w.holds(answer) }) {
			return doubt(api.ClassTarget, "the body does not say what the field Success Value calls success",
				"compare the field Success Value with the endpoint's documentation")
		}
		return nil
	}
	saying := answer.Saying()
	if saying == api.SaysNothing && startsOnly(t.job.Settings.Text(fieldURL)) {
		saying = api.SaysUnderWay
	}
	switch saying {
	case api.SaysFailure:
		return doubt(api.ClassTarget, saysOtherwise, "if the endpoint means success by this, say with the field Success Value what its success looks like")
	case api.SaysUnderWay:
		// No sign-in tells what will become of it.
		return &targets.Taken{Err: doubt(api.ClassTimeout, "the status says success, but the body says that the change is still under way")}
	case api.SaysNothing:
		if t.verifyHost == "" || t.job.Settings.Text(targets.FieldVerify) == targets.VerifyOff {
			t.job.Warn("the status alone tells of the change: nothing in the answer speaks of success; the fields Verify URL and Success Value say how to know more")
		}
	}
	return nil
}

// startsOnly reports whether an address is one whose success says that something was started, and
// no more: of GitHub's workflows, which answers 204, of Jenkins, Airflow, Step Functions and AWX.
func startsOnly(address string) bool {
	address, _, _ = strings.Cut(strings.ToLower(address), "?")
	address = strings.TrimRight(address, "/")
	return slices.Contains([]string{"dispatches", "buildwithparameters", "dagruns", "executions", "launch"}, address[strings.LastIndexByte(address, '/')+1:])
}

const saysOtherwise = "the status says success, but the body says that it failed"

// wanted is one line of Success Value.
type wanted struct {
	path   []string // none for the whole body
	values []string // one of which must stand there
}

func (w wanted) holds(answer api.Answer) bool {
	value, ok := answer.At(w.path)
	return ok && slices.ContainsFunc(w.values, func(text string) bool { return api.SameValue(value, text) })
}

// successValues reads the field Success Value.
func successValues(settings *params.Settings) []wanted {
	var all []wanted
	for _, line := range strings.Split(settings.Text(fieldSuccessValue), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		path, texts, found := strings.Cut(line, "=")
		var w wanted
		if path = strings.TrimSpace(path); path != "" {
			w.path = strings.Split(path, ".")
		}
		for _, text := range strings.Split(texts, "|") {
			w.values = append(w.values, strings.TrimSpace(text))
		}
		if !found || slices.Contains(w.path, "") || slices.Contains(w.values, "") {
			settings.Fault(fieldSuccessValue, "needs lines such as metadata.result=1 or status=ok|done, found something else")
			return nil
		}
		all = append(all, w)
	}
	return all
}

// envelopes are members by which many APIs wrap what they answer.
var envelopes = []string{"data", "result", "response"}

// namesAnother reports whether the member that holds the user in the request holds
// somebody else in the answer.
func (t *target) namesAnother(answer api.Answer) bool {
	fields, _ := answer.Object()
	return t.another(fields)
}

func (t *target) another(fields api.Fields) bool {
	for name := range fields {
		if user, isText := fields.Text(name); isText && targets.SameName(name, t.userField) {
			if !targets.SameName(user, t.job.User) {
				return true
			}
		} else if slices.Contains(envelopes, strings.ToLower(name)) && t.another(fields.Fields(name)) {
			return true
		}
	}
	return false
}

// Verify signs in at the Verify URL.
func (t *target) Verify(ctx context.Context, which targets.Which) (targets.Verdict, error) {
	password := t.job.Password(which)
	answer, err := t.client.Do(ctx, api.Request{
		Action: signIn, Kind: api.SignIn, Method: "GET", Host: t.verifyHost, Path: t.verifyPath,
		Header: []api.Header{api.Basic(t.job.User, password)},
	})
	if err == nil {
		cause := ""
		// The status judges; a body can only stand against it.
		switch err := answer.Readable(); {
		case answer.Status == 202:
			cause = "answered 202, which is no sign-in"
		case err != nil:
			cause = err.Error()
		case t.namesAnother(answer):
			cause = "the answer names another user"
		case answer.Saying() == api.SaysFailure:
			cause = saysOtherwise
		}
		if cause == "" {
			t.letIn = true
			return targets.Accepted, nil
		}
		t.client.NotAccepted(api.SignIn, answer)
		return targets.Inconclusive, t.client.Fail(signIn, api.ClassTarget, cause)
	}
	if fault := api.AsError(err); fault.Status == 401 && !fault.HasOtherCause() {
		// Whether it judged the password shows once it has let somebody in.
		if answer.AsksAnother() && !t.letIn {
			return targets.Disputed, err
		}
		// RFC 7617 section 2.1: without charset the server may read it in another one.
		if !isASCII(t.job.User) || !isASCII(password.Reveal()) {
			challenge := strings.ToLower(strings.NewReplacer(" ", "", `"`, "").Replace(answer.Headers()["www-authenticate"]))
			if !strings.Contains(challenge, "charset=utf-8") {
				fault := t.client.Fail(signIn, api.ClassTarget, "answered 401, but does not say that it reads passwords outside of ASCII as UTF-8",
					`have the endpoint send charset="UTF-8" with its 401, or keep to ASCII in the PAM User's rotation settings`)
				fault.Status = 401
				return targets.Inconclusive, fault
			}
		}
		return targets.Rejected, err
	}
	return targets.Inconclusive, err
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}

// Close has nothing to give back.
func (t *target) Close(context.Context) error { return nil }

// explainWrite adds what an administrator can do about a status.
func (t *target) explainWrite(err error) error {
	fault := api.AsError(err)
	if fault.Unjudged() {
		return err
	}
	switch fault.Status {
	case 401:
		fault.Hints = append(fault.Hints, "the endpoint does not take the access record's password: check it, and the field Auth")
	case 403:
		if fault.IsPage() {
			fault.Hints = append(fault.Hints, "a firewall in between may refuse a password for what it holds, such as quotes or <: try one of letters and digits")
			break
		}
		fault.Hints = append(fault.Hints, "the access record's credential is not allowed to change this user's password")
	case 404, 405:
		fault.Hints = append(fault.Hints, "the endpoint does not know this user, or its address is another one: compare the PAM User's login, the access record's url and the field Method with its documents")
	}
	// Where the old password is sent too, a refusal may be about that one: it is wrong
	// if the new one is in force already.
	if t.sendsOld && fault.Class == api.ClassPermission {
		fault.Class = api.ClassPolicy
		fault.Hints = append(fault.Hints, "or the PAM User's old password is not the one in force")
	}
	return err
}
