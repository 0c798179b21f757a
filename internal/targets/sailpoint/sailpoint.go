// Package sailpoint changes the password of an account at one source of a SailPoint
// Identity Security Cloud tenant (formerly IdentityNow).
//
// The access record's API client gets a token, asks for the identity, its account at
// the source and the tenant's public key, and orders the change with the password
// encrypted for that key. SailPoint accepts the order at once and carries it out
// later, so Change ends only when the status of the order is final, or the time is
// up. That final status is the proof: no call of the API tries a password.
//
//	address.go  the API's host from what people paste into url
//	calls.go    the calls up to the order
//	cipher.go   the password, up to its encryption
//	policy.go   what the look-up says of passwords
//	status.go   the order's way to its end
//
// The calls are those of SailPoint's API "Password Management"
// (https://developer.sailpoint.com/docs/api/v3/set-password and its neighbours).
package sailpoint

import (
	"context"
	"slices"
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
	name    = "sailpoint"
	timeout = 300 * time.Second

	fieldURL        = "url"
	fieldLogin      = "login"
	fieldPassword   = "password"
	fieldSourceName = "Source Name"
	fieldUserName   = "User Name"
	fieldAccountID  = "Account ID"
	fieldAPIVersion = "API Version"
	fieldTokenURL   = "Token URL"

	currentVersion = "v1"
	olderVersion   = "v3" // where the tenant does not know the current one
)

// Info describes SailPoint Identity Security Cloud.
func Info() targets.Info {
	return targets.Info{
		Name:    name,
		Title:   "SailPoint Identity Security Cloud",
		Summary: "accounts at the sources of an Identity Security Cloud tenant (formerly IdentityNow)",
		Matches: func(address api.Address) bool {
			return isTenants(address.Hostname())
		},
		Resembles: func(address api.Address) bool {
			return targets.HasHostWord(address, name, "identitynow", "identitysoon") || targets.HasPathPrefix(address, "/ui/a", "/ui/d") ||
				targets.HasSegment(address, queryService, setService, statusService)
		},
		Fields: []params.Field{
			{Label: fieldURL, Kind: params.URL, Required: true,
				Help: "the tenant's API, such as `https://acme.api.identitynow.com`; its web address or name will do, also of demonstration and FedRAMP tenants, but no vanity address"},
			{Label: fieldLogin, Kind: params.Text, Required: true,
				Help: "the client ID of an API Management client"},
			{Label: fieldPassword, Kind: params.Secret, Required: true, Secret: true,
				Help: "the client secret"},
			{Label: fieldSourceName, Kind: params.Text, Required: true, PerAccount: true,
				Help: "display name of the account's source"},
			{Label: fieldUserName, Kind: params.Text, PerAccount: true,
				Help: "the identity's login name, where it is not the PAM User's login"},
			{Label: fieldAccountID, Kind: params.Text, PerAccount: true,
				Help: "the account's ID at the source, such as a distinguished name; needed where the look-up lists none, or not exactly one of the user's name"},
			{Label: fieldAPIVersion, Kind: params.Choice, Choices: []string{currentVersion, olderVersion, "v2024", "v2025", "v2026"}, Default: currentVersion,
				Help: "style of the API's paths"},
			{Label: fieldTokenURL, Kind: params.URL,
				Help: "the token endpoint, where it is not `/oauth/token` of the API's host"},
		},
		Timeout: timeout,
		Explain: explain,
		Setup:   setup(),
		Example: example,
		Notes: []string{
			"**What is proved:** SailPoint reports this very request as `FINISHED` without errors. No call tries a password. `FAILED` is unknown: no document says that the old password stands then. If the order's answer is lost, it is given once more, with a warning that the first one may still be queued.",
			"**What the user notices:** in a password sync group every source gets the same password. The run warns; other records that hold one of these are then wrong.",
			"**Which account:** `Allowed Users` limits the login names that are looked up, not the sources. Where the look-up lists no account, it has to allow the `Account ID`, too.",
			"**Personal access tokens** fail with 403: at the look-up or at the change, depending on the API's version, for everybody but the token's owner. The status needs the user level ORG_ADMIN.",
			"**Password rules:** `check` prints the policies that the look-up lists, as settings for Keeper, and whether the new password meets them. A colon is refused before anything is sent, and so is a password too long for the tenant's key (245 bytes for RSA-2048).",
			"**Time:** a change still in progress after three quarters of `Timeout` is unknown, and may yet come into force. Each client ID has 100 calls in 10 seconds.",
			"**Limits:** a look-up that is refused or not found in the style `v1` is tried once in the style `v3`, which ends early in 2029. The password of Identity Security Cloud itself is said to be that of the source `IdentityNow`.",
		},
		Documents: []string{
			"https://developer.sailpoint.com/docs/api/authentication",
			"https://developer.sailpoint.com/docs/api/authorization",
			"https://developer.sailpoint.com/docs/api/v3/query-password-info",
			"https://developer.sailpoint.com/docs/api/v3/set-password",
			"https://developer.sailpoint.com/docs/api/v3/get-password-change-status",
			"https://developer.sailpoint.com/docs/api/api-versioning-strategy",
			"https://developer.sailpoint.com/docs/api/rate-limit",
			"https://documentation.sailpoint.com/saas/help/pwd/policies.html",
			"https://documentation.sailpoint.com/saas/help/pwd/sync_grps.html",
		},
		New: newTarget,
	}
}

type target struct {
	job    targets.Job
	client *api.Client

	host         string
	version      string // style of the paths
	versionGiven bool
	tokenHost    string
	tokenPath    api.Path
	clientID     string
	clientSecret secret.Value
	sourceName   string
	userName     string
	accountID    string // "" to choose by name
	untied       bool   // the look-up did not show that accountID is the user's; set by Check

	token      secret.Value // set by Check, renewed by Change
	scopes     []string     // of the token; nil where SailPoint does not say
	personal   bool         // the token is a user's: login is a personal access token
	order      order        // set by Check
	unanswered bool         // an order has left whose requestId did not come back
	ended      bool         // the status of our request was FINISHED, without errors
	unended    error        // why it was not, after a Change without an error
}

func newTarget(job targets.Job, client *api.Client) (targets.Target, error) {
	settings := job.Settings
	t := &target{
		job: job, client: client,
		version: settings.Text(fieldAPIVersion), versionGiven: settings.Has(fieldAPIVersion),
		clientID: settings.Text(fieldLogin), clientSecret: settings.Secret(fieldPassword),
		sourceName: settings.Text(fieldSourceName), userName: settings.Text(fieldUserName), accountID: settings.Text(fieldAccountID),
	}

	if text := settings.Text(fieldURL); text != "" {
		const need = "needs the https address of the tenant's API, such as https://acme.api.identitynow.com, found "
		if address, err := api.ParseAddress(text); err != nil {
			settings.Fault(fieldURL, need+err.Error())
		} else if host, fault := apiHost(address); fault != "" {
			settings.Fault(fieldURL, need+fault)
		} else {
			t.host = host
		}
	}
	t.tokenHost, t.tokenPath = t.host, api.FixedPath("/oauth/token")
	if text := settings.Text(fieldTokenURL); text != "" {
		t.tokenHost, t.tokenPath = tokenAddress(settings, text)
	}

	if fault := params.ClientSecretFault(t.clientSecret); fault != "" {
		settings.Fault(fieldPassword, "needs the client secret as SailPoint showed it, found "+fault)
	}
	if fault := params.ClientSecretFault(secret.New(t.clientID)); fault != "" {
		settings.Fault(fieldLogin, "needs the client ID as SailPoint showed it, found "+fault)
	}
	label := fieldUserName
	if t.userName == "" {
		t.userName, label = job.User, "user"
	}
	for _, field := range []struct{ label, text string }{
		{label, t.userName}, {fieldSourceName, t.sourceName}, {fieldAccountID, t.accountID},
	} {
		if !utf8.ValidString(field.text) || strings.ContainsFunc(field.text, unicode.IsControl) {
			settings.Fault(field.label, "needs a name that SailPoint can have, found a text with control characters, or not in UTF-8")
		}
	}
	if err := settings.Err(); err != nil {
		return t, err
	}
	if fault := passwordFault(job.NewPassword); fault != "" {
		return t, client.Fail(encryptPassword, api.ClassPolicy, "the new password has "+fault,
			"leave such characters out of the special characters in the PAM User's rotation settings")
	}
	return t, nil
}

// Subject is the login name that is looked up. Which of the identity's accounts it
// is, Source Name and Account ID decide.
func (t *target) Subject() string { return t.userName }

// AlsoNames makes the target a targets.AlsoNamed: an Account ID that the look-up has tied to
// nobody could be anybody's.
func (t *target) AlsoNames() []string {
	if t.untied {
		return []string{t.accountID}
	}
	return nil
}

// Contract: every change has a status, and no password can be tried. An order may be given
// again as long as no requestId came back: then it is Taken.
func (t *target) Contract() targets.Contract {
	return targets.Contract{Means: targets.FinalStatus, Repeats: true, NewOnly: true}
}

func (t *target) Calls() []targets.Call {
	return []targets.Call{
		{Kind: api.AccessSignIn, Method: "POST", Host: t.tokenHost, Path: t.tokenPath.String(), Purpose: signIn},
		{Kind: api.Read, Method: "POST", Host: t.host, Path: t.servicePath(queryService), Purpose: findAccount},
		{Kind: api.Write, Method: "POST", Host: t.host, Path: t.servicePath(setService), Purpose: setPassword},
		{Kind: api.Read, Method: "GET", Host: t.host, Path: t.statusTemplate(), Purpose: readStatus},
	}
}

// Check gets a token, finds the account, and makes sure that the password fits the
// key it will be encrypted for.
func (t *target) Check(ctx context.Context) (string, error) {
	if err := t.signIn(ctx); err != nil {
		return "", err
	}
	answer, err := t.passwordInfo(ctx)
	if err != nil {
		return "", err
	}
	if t.order, err = t.readOrder(answer); err != nil {
		return "", err
	}
	if longest := t.order.key.Size() - paddingBytes; passwordLength(t.job.NewPassword) > longest {
		return "", t.client.Fail(encryptPassword, api.ClassPolicy, "the new password is longer than the tenant's key can encrypt",
			"shorten the password in the PAM User's rotation settings")
	}
	if err := t.probeStatus(ctx); err != nil {
		return "", err
	}
	if t.isPlain(t.order.identityID) {
		return "identity " + t.order.identityID, nil
	}
	return "", nil
}

// Change orders the change and follows it to its end.
func (t *target) Change(ctx context.Context) error {
	if t.unanswered {
		t.job.Warn("the answer to a first order was lost, and it was given again: the first one may still be queued at SailPoint, and sets the same password when it is carried out")
	}
	writes := t.client.Counts().Writes
	answer, err := t.sendOrder(ctx)
	t.unanswered = t.unanswered || t.client.Counts().Writes > writes
	if err != nil {
		return err
	}
	fields, err := answer.Object()
	if err != nil {
		return t.client.Fail(setPassword, api.ClassTarget, err.Error())
	}
	state := stateIn(fields)
	requestID, _ := fields.Text("requestId")
	switch {
	case requestID != "":
		if err := t.follow(ctx, requestID, final(state)); err != nil {
			return &targets.Taken{Err: err}
		}
		return nil
	case fields.Filled("requestId"):
		return &targets.Taken{Err: t.client.Fail(setPassword, api.ClassTarget, "the answer has no usable requestId to ask for the end of the change")}
	case !final(state) || answer.Status != 202:
		return t.client.Fail(setPassword, api.ClassTarget, "the change was accepted without a requestId to ask for its end")
	}
	// The one answer that is believed without a status read: there is none to make.
	t.unended = t.client.Fail(readStatus, api.ClassTarget, "the change was answered as finished at once, without a requestId to read its status by")
	if err := t.judge(setPassword, fields); err != nil {
		return &targets.Taken{Err: err}
	}
	return nil
}

// Verify makes no call: what there is to know, Change has seen.
func (t *target) Verify(_ context.Context, which targets.Which) (targets.Verdict, error) {
	switch {
	case which == targets.New && t.ended:
		return targets.Accepted, nil
	case which == targets.New && t.unended != nil:
		return targets.Inconclusive, t.unended
	}
	return targets.Inconclusive, t.client.Fail(readStatus, api.ClassTarget, "no status shows that this password is in force, and no call can try it")
}

// Close has nothing to give back: a token cannot be revoked and ends by itself
// within minutes.
func (t *target) Close(context.Context) error { return nil }

// explain reads the error bodies of the API (messages and causes; message with 429;
// error with 401) and of the token endpoint (RFC 6749 section 5.2).
func explain(answer api.Answer) (code, text string) {
	fields, err := answer.Object()
	if err != nil {
		return "", ""
	}
	if description, ok := fields.Text("error_description"); ok {
		code, _ = fields.Text("error")
		return code, description
	}
	code, _ = fields.Text("detailCode")
	if id, ok := fields.Text("trackingId"); ok {
		code = strings.TrimPrefix(code+", trackingId "+id, ", ")
	}
	var texts []string
	for _, object := range slices.Concat(fields.Objects("messages"), fields.Objects("causes")) {
		if text, ok := object.Text("text"); ok && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	for _, member := range []string{"message", "error"} {
		if text, ok := fields.Text(member); ok && len(texts) == 0 {
			texts = append(texts, text)
		}
	}
	return code, strings.Join(texts, "; ")
}
