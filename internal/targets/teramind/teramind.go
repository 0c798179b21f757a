// Package teramind changes the password of a Teramind user through the agent API:
// look up the agent by e-mail address, then PATCH it.
//
// Teramind offers no way to test a password short of its web login, which would
// use up the very password that was set: a user whose password an administrator
// changed must choose another one at the next login. So the proof of a change is
// Teramind's own success answer that names the same agent.
//
// The calls are those of Teramind's article "How to rotate Teramind user password
// via API" (https://kb.teramind.co/en/articles/15457631-how-to-rotate-teramind-user-password-via-api),
// called "the article" below.
package teramind

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

const (
	name        = "teramind"
	apiRoot     = "/tm-api"
	findAgent   = "look up the agent"
	setPassword = "set the agent's password"

	fieldURL         = "url"
	fieldPassword    = "password"
	fieldLogin       = "login"
	fieldTargetEmail = "Target Email"
	fieldTargetAgent = "Target Agent"
)

// Info describes Teramind.
func Info() targets.Info {
	return targets.Info{
		Name:    name,
		Title:   "Teramind",
		Summary: "users of a Teramind dashboard, in the cloud or on premises",
		Matches: func(address api.Address) bool {
			return strings.HasSuffix(address.Hostname(), ".teramind.co") || targets.HasPathPrefix(address, apiRoot) ||
				strings.HasSuffix(strings.TrimRight(address.Path(), "/"), apiRoot)
		},
		Resembles: func(address api.Address) bool {
			return targets.HasHostWord(address, name) || targets.HasSegment(address, "tm-api")
		},
		IgnoresCase: true,
		Fields: []params.Field{
			{Label: fieldURL, Kind: params.URL, Required: true,
				Help: "the instance, such as `https://acme.teramind.co` or `https://10.52.51.122/tm-api`"},
			{Label: fieldPassword, Kind: params.Secret, Required: true, Secret: true,
				Help: "an access token of an administrator who may set agents' passwords"},
			{Label: fieldLogin, Kind: params.Text,
				Help: "not used; a place to note whose token it is"},
			{Label: fieldTargetEmail, Kind: params.Text, PerAccount: true,
				Help: "e-mail address of the Teramind user, where it is not the PAM User's login"},
			{Label: fieldTargetAgent, Kind: params.Text, PerAccount: true,
				Help: "number of the Teramind user (its agent ID), for a server that knows no look-up by e-mail address; `Allowed Users` is compared with the address that the look-up by number returns"},
		},
		Explain: api.ExplainBy("message", "error", "errors"),
		Setup:   setup(),
		Example: example,
		Notes: []string{
			"**The new password holds until the user's next login.** Teramind makes a user whose password an administrator changed choose another one then. From then on the vaulted password is wrong, although every rotation was reported truthfully. Every successful run warns of it. Sound uses are accounts that nobody signs in to, break-glass accounts that are rotated after every use, and rotation straight after each check-out.",
			"**What the user notices:** the active sessions end, and the audit log shows the change under the token's owner.",
			"**What is proved:** Teramind's own success answer, which is the agent that was looked up, `success`: `true`, or 204. No call tries a password. A lost or empty answer is settled by sending the same call once more, within ten seconds; that ends sessions again and does no other harm.",
			"**Limits:** users that a directory synchronises may sign in with the directory's password instead; the run warns of it. A server from before 2024 answers 404 to the look-up by e-mail address: use `Target Agent` there. Whether a history refuses the same password again is not documented; such a refusal is reported as unknown.",
		},
		Documents: []string{
			"https://kb.teramind.co/en/articles/15457631-how-to-rotate-teramind-user-password-via-api",
			"https://kb.teramind.co/en/articles/8817613-user-menu",
		},
		New: newTarget,
	}
}

type target struct {
	job    targets.Job
	client *api.Client
	host   string
	prefix string // escaped path in front of apiRoot, where a proxy puts one
	token  secret.Value
	email  string // "" where the agent is given by number alone, until Check
	number string // of the field Target Agent, or ""

	agent json.Number // set by Check
}

func newTarget(job targets.Job, client *api.Client) (targets.Target, error) {
	settings := job.Settings
	t := &target{job: job, client: client, token: settings.Secret(fieldPassword)}

	if address := settings.Text(fieldURL); address != "" {
		parsed, err := api.ParseAddress(address)
		switch {
		case err != nil:
			settings.Fault(fieldURL, "needs the https address of the instance, found "+err.Error())
		case parsed.Hostname() == "apidoc.dev.teramind.co":
			settings.Fault(fieldURL, "needs the https address of the instance, found that of Teramind's documentation")
		}
		t.host = parsed.Host
		// A proxy may put the API below a path of its own. Any other path belongs to
		// the dashboard.
		if prefix, found := strings.CutSuffix(strings.TrimRight(parsed.EscapedPath, "/"), apiRoot); found {
			t.prefix = prefix
		}
	}
	if fault := params.TokenFault(t.token); fault != "" {
		settings.Fault(fieldPassword, "needs the access token as Teramind showed it, found "+fault)
	}

	// Teramind takes an e-mail address or an agent's number in the same place: a
	// user named 42 would address agent 42.
	t.email = settings.Text(fieldTargetEmail)
	label := fieldTargetEmail
	if t.number = settings.Text(fieldTargetAgent); t.number != "" {
		if number, err := strconv.ParseUint(t.number, 10, 63); err != nil || number == 0 || strconv.FormatUint(number, 10) != t.number {
			settings.Fault(fieldTargetAgent, "needs the number of an agent, found something else")
		}
		if t.email == "" {
			return t, settings.Err()
		}
	} else if t.email == "" {
		t.email, label = job.User, "user"
	}
	if fault := api.SegmentFault(t.email); fault != "" {
		settings.Fault(label, "needs the e-mail address of the Teramind user, found "+fault)
	} else if !strings.Contains(t.email, "@") {
		settings.Fault(label, "needs the e-mail address of the Teramind user, found a name without @; the field Target Email on the PAM User record can supply it")
	}
	return t, settings.Err()
}

// Subject is the e-mail address, which Check learns where a number is given in its place.
func (t *target) Subject() string { return t.email }

// Contract: setting the same password again only ends sessions once more.
func (t *target) Contract() targets.Contract { return targets.Contract{Repeats: true} }

func (t *target) Calls() []targets.Call {
	by := "{email}"
	if t.number != "" {
		by = "{agent_id}"
	}
	return []targets.Call{
		{Kind: api.Read, Method: "GET", Host: t.host, Path: apiRoot + "/agent/" + by, Purpose: findAgent},
		{Kind: api.Write, Method: "PATCH", Host: t.host, Path: apiRoot + "/agent/{agent_id}", Purpose: setPassword},
	}
}

func (t *target) header() []api.Header {
	return []api.Header{{Name: "x-access-token", Value: t.token}}
}

// Check finds the agent (the article, step 1).
func (t *target) Check(ctx context.Context) (string, error) {
	path, err := api.NewPath(apiRoot+"/agent/{email}", t.email)
	if t.number != "" {
		path, err = api.NewPath(apiRoot+"/agent/{agent_id}", t.number)
	}
	if err != nil {
		return "", t.client.Fail(findAgent, api.ClassInput, err.Error())
	}
	answer, err := t.client.Do(ctx, api.Request{
		Action: findAgent, Kind: api.Read, Method: "GET", Host: t.host, Path: path.Below(t.prefix), Header: t.header(),
	})
	if err != nil {
		if fault := api.AsError(err); fault.Status == 404 && t.number != "" {
			fault.Hint("no Teramind user has the number in the field Target Agent")
		} else if fault.Status == 404 {
			fault.Hint("no Teramind user has this e-mail address; the field Target Email on the PAM User record can supply another")
		}
		// Where a number is wanted, an address is a bad request, or a fault of the database.
		if fault := api.AsError(err); t.number == "" && (fault.Status == 404 || fault.Status == 400 || fault.Status == 422 || fault.Status == 500) {
			fault.Hint("a server from before 2024 knows no look-up by e-mail address: put the user's number there into the field Target Agent of the PAM User record")
		}
		return "", t.withHints(err)
	}
	agent, err := answer.Object()
	if err != nil {
		return "", t.client.Fail(findAgent, api.ClassTarget, err.Error(),
			"the access record's url may be that of something other than Teramind's API")
	}
	id, ok := agentID(agent)
	switch {
	case !ok && answer.Saying() == api.SaysFailure:
		return "", t.client.Doubt(answer, findAgent, api.ClassTarget, "the answer says that it was no success")
	case !ok:
		return "", t.client.Fail(findAgent, api.ClassTarget, "the answer has no usable agent_id")
	}
	// The one thing that keeps a wrong look-up from changing somebody else.
	email := emailOf(agent)
	if t.number != "" && (id.String() != t.number || t.email == "" && email == "") {
		return "", t.client.Fail(findAgent, api.ClassAccount, "the answer is about another user than the one asked for, or names none")
	}
	if t.email == "" {
		t.email = email
	}
	if !targets.SameName(email, t.email) {
		return "", t.client.Fail(findAgent, api.ClassAccount, "the answer is about another user than the one asked for")
	}
	if agent.Filled("deleted") {
		return "", t.client.Fail(findAgent, api.ClassAccount, "the user is deleted in Teramind")
	}
	if agent.Filled("ldap_attrs") {
		t.job.Warn("the Teramind user is synchronised from a directory: a login may be checked against the directory's password instead of this one")
	}
	t.agent = id
	return "agent " + id.String(), nil
}

// Change sets the password (the article, step 2). PUT on the same path is
// deprecated and is not used.
func (t *target) Change(ctx context.Context) error {
	path, err := api.NewPath(apiRoot+"/agent/{agent_id}", t.agent.String())
	if err != nil {
		return t.client.Fail(setPassword, api.ClassInternal, err.Error())
	}
	answer, err := t.client.Do(ctx, api.Request{
		Action: setPassword, Kind: api.Write, Method: "PATCH", Host: t.host, Path: path.Below(t.prefix), Header: t.header(),
		Body: api.JSONBody(api.Object{
			{Name: "newPassword", Value: t.job.NewPassword},
			{Name: "passwordConfirm", Value: t.job.NewPassword},
		}),
	})
	if err != nil {
		switch fault := api.AsError(err); {
		case fault.Status == 404:
			fault.Hint("the user was there a moment ago: deleted since, or this server has no call that sets a password")
		case strings.Contains(strings.ToLower(fault.Text), "temphash"):
			fault.Hint("this server asks for a confirmation that an access token cannot give: it is older than Teramind's call for rotating passwords")
		}
		return t.Contract().Judge(t.withHints(err))
	}
	if err := t.judge(answer); err != nil {
		return err
	}
	t.job.Warn("Teramind asks this user for a new password at the next login; from then on the vaulted one is wrong")
	return nil
}

// judge says what an answer to the write with a good status means: nil for a success. Seen are
// the agent, {"success":true} alone, and 204. An empty 200 is none of them: anything in
// between can send one.
func (t *target) judge(answer api.Answer) error {
	uncertain := func(cause string) error { return t.client.Fail(setPassword, api.ClassTarget, cause) }
	if answer.Status == 204 && answer.IsEmpty() {
		return nil
	}
	agent, err := answer.Object()
	if err != nil {
		return uncertain(err.Error())
	}
	if answer.Status == 202 || answer.Status == 204 || answer.Status > 206 {
		return uncertain("answered with a success status that the documents do not name")
	}
	if said := answer.Saying(); said == api.SaysFailure || said == api.SaysUnderWay {
		return t.client.Doubt(answer, setPassword, api.ClassTarget, "the answer says that it was no success")
	}
	id, ok := agentID(agent)
	if success, _ := agent.Bool("success"); !ok && (agent.Has("agent_id") || !success) || ok && id != t.agent {
		return uncertain("the answer does not name the agent that was to be changed")
	}
	if email := emailOf(agent); email != "" && !targets.SameName(email, t.email) {
		return uncertain("the answer names another user than the one that was to be changed")
	}
	return nil
}

// Advice makes the target a targets.Adviser: a check warns of what each success warns of.
func (t *target) Advice() []string {
	return []string{"the new password holds until the user's next login, at which Teramind asks for another one"}
}

// Verify is never asked: Teramind has no call that tests a password.
func (t *target) Verify(context.Context, targets.Which) (targets.Verdict, error) {
	return targets.Inconclusive, t.client.Fail("verify", api.ClassInternal, "there is no call that tests a password")
}

// Close has nothing to give back: a token is no session.
func (t *target) Close(context.Context) error { return nil }

// agentID returns the agent's number, which must be a positive integer, written
// as a number or as digits.
func agentID(agent api.Fields) (json.Number, bool) {
	id, ok := agent.Number("agent_id")
	if !ok {
		text, _ := agent.Text("agent_id")
		id = json.Number(text)
	}
	number, err := strconv.ParseUint(id.String(), 10, 63)
	return json.Number(strconv.FormatUint(number, 10)), err == nil && number > 0
}

// emailOf returns the agent's address; "" if there is none. Either name of it may be empty.
func emailOf(agent api.Fields) string {
	for _, name := range []string{"email_address", "email"} {
		email, _ := agent.Text(name)
		if email = strings.TrimSpace(email); email != "" { // an import of users keeps blanks
			return email
		}
	}
	return ""
}

// withHints adds what an administrator of Teramind can do about a status.
func (t *target) withHints(err error) error {
	fault := api.AsError(err)
	if fault == nil || fault.Unjudged() || fault.IsPage() { // which is not Teramind's answer
		return err
	}
	switch fault.Status {
	case 400:
		if fault.Action != setPassword {
			break
		}
		fault.Hint("match the password complexity of the PAM User's rotation settings to Teramind's password policy")
	case 401:
		fault.Hint("the access token in the access record's password is wrong or was deleted: make a new one in Teramind under Access Tokens")
	case 403:
		fault.Hint("the maker of the access token may not set this agent's password")
	}
	return err
}
