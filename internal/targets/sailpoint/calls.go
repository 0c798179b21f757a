package sailpoint

import (
	"context"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"time"

	"pam-rotate-script/internal/api"
)

// What the calls are for, in errors and in the list of calls.
const (
	signIn          = "get a token"
	findAccount     = "look up the account"
	encryptPassword = "encrypt the password"
	setPassword     = "set the password"
	readStatus      = "read the status of the change"
)

// The services of the API.
const (
	queryService  = "query-password-info"
	setService    = "set-password"
	statusService = "password-change-status"
)

// servicePath returns a service's path in the style of the run: the current style
// has the version behind the service, all older ones have it in front
// (https://developer.sailpoint.com/docs/api/api-versioning-strategy).
func (t *target) servicePath(service string) string {
	if t.version == currentVersion {
		return "/" + service + "/" + t.version
	}
	return "/" + t.version + "/" + service
}

func (t *target) statusTemplate() string { return t.servicePath(statusService) + "/{request}" }

func (t *target) header() []api.Header { return []api.Header{api.Bearer(t.token)} }

// signIn gets a token by the grant client_credentials
// (https://developer.sailpoint.com/docs/api/authentication). The client's secret goes
// in the body, since a query ends up in logs.
func (t *target) signIn(ctx context.Context) error {
	answer, err := t.client.Do(ctx, api.Request{
		Action: signIn, Kind: api.AccessSignIn, Method: "POST", Host: t.tokenHost, Path: t.tokenPath, LimitPatience: api.UntilDeadline,
		Body: api.FormBody(
			api.Member{Name: "grant_type", Value: "client_credentials"},
			api.Member{Name: "client_id", Value: t.clientID},
			api.Member{Name: "client_secret", Value: t.clientSecret},
		),
	})
	if fault := api.AsError(err); fault != nil {
		if fault.Unjudged() || fault.IsPage() && fault.Status != 404 {
			return err
		}
		switch fault.Status {
		case 400, 401, 403:
			fault.Class = api.ClassCredential
			fault.Hint("the tenant does not take the access record's login (client ID) and password (client secret): check them, and that the client has the grant type Client Credentials")
		case 429:
			fault.Hint(limitHint)
		case 404, 405:
			fault.Class = api.ClassInput
			fault.Hint("there is no token endpoint at this address: check the access record's url, and Token URL if that is set")
		}
		return err
	}
	fields, err := answer.Object()
	if err != nil {
		t.client.NotAccepted(api.AccessSignIn, answer)
		return t.client.Fail(signIn, api.ClassTarget, err.Error(),
			"the access record's url may be that of something other than SailPoint's API")
	}
	text, _ := fields.Text("access_token")
	token := t.client.Seal(text)
	if api.HeaderFault(token) != "" {
		t.client.NotAccepted(api.AccessSignIn, answer)
		return t.client.Fail(signIn, api.ClassTarget, "the answer has no usable access_token")
	}
	scope, _ := fields.Text("scope")
	t.token, t.scopes = token, strings.Fields(scope)
	t.personal = fields.Filled("identity_id") || fields.Filled("user_name")
	return nil
}

// scopeOfChange is what an order needs.
const scopeOfChange = "idn:password-change:manage"

// limitHint is about a limit that is still used up when a run has no time left to wait.
const limitHint = "the tenant's limit of calls for this client ID was used up until the time was: start fewer rotations at once, give other programs a client of their own, or raise the field Timeout on the access record"

// probeStatus refuses a client that could order a change and never learn its end: one whose
// token names the scope for the change and not the one for its status. The token's word alone
// does not decide, since scopes may be granted by other names: the status of a request that
// does not exist is asked for.
func (t *target) probeStatus(ctx context.Context) error {
	has := func(scope string) bool { return slices.Contains(t.scopes, scope) }
	if !has(scopeOfChange) || has("idn:password-change:read") || has("sp:scopes:all") {
		return nil
	}
	path, err := api.NewPath(t.statusTemplate(), strings.Repeat("0", 32))
	if err != nil {
		return t.client.Fail(readStatus, api.ClassInternal, err.Error())
	}
	_, err = t.client.Do(ctx, api.Request{
		Action: readStatus, Kind: api.Read, Method: "GET", Host: t.host, Path: path, Header: t.header(), LimitPatience: api.UntilDeadline,
	})
	if fault := api.AsError(err); fault != nil && fault.Status == 403 && !fault.IsPage() {
		fault.Hint(statusHint)
		return fault
	}
	return nil
}

// passwordInfo asks for all that an order needs
// (https://developer.sailpoint.com/docs/api/v3/query-password-info). Only here may a
// run find out that the tenant does not know the current paths, or refuses this client there
// alone: the call changes nothing.
func (t *target) passwordInfo(ctx context.Context) (api.Answer, error) {
	query := func() (api.Answer, error) {
		return t.client.Do(ctx, api.Request{
			Action: findAccount, Kind: api.Read, Method: "POST", Host: t.host, Path: api.FixedPath(t.servicePath(queryService)), Header: t.header(),
			LimitPatience: api.UntilDeadline,
			Body: api.JSONBody(api.Object{
				{Name: "userName", Value: t.userName},
				{Name: "sourceName", Value: t.sourceName},
			}),
		})
	}
	answer, err := query()
	if fault := api.AsError(err); fault != nil && fault.Status == 401 && !fault.Unjudged() {
		// It was given a moment ago: waits may have outlived it, or it has not spread yet.
		if err := t.signIn(ctx); err != nil {
			return api.Answer{}, err
		}
		answer, err = query()
	}
	if fault := api.AsError(err); fault != nil && (fault.Status == 404 || fault.Status == 403) && t.version == currentVersion && !t.versionGiven {
		t.version = olderVersion
		older, again := query()
		switch second := api.AsError(again); {
		case again == nil && fault.Status == 404:
			t.job.Warn("the tenant knows only the older paths of SailPoint's API, which are to end in 2029; the field API Version set to v3 saves the vain first call")
		case again == nil:
			t.job.Warn("the tenant refuses this client the look-up by the current paths of SailPoint's API and allows it by the older ones, which are to end in 2029; the field API Version set to v3 saves the vain first call")
		case fault.Status == 403 && second != nil && second.Status == 404:
			again = err // the older paths are gone: what the current ones said counts
		}
		answer, err = older, again
	}
	if fault := api.AsError(err); fault != nil && !fault.Unjudged() {
		switch fault.Status {
		case 400, 404:
			// SailPoint's documents do not say what an unknown user or source gives.
			fault.Class = api.ClassAccount
			fault.Hint(notFoundHint)
			if strings.HasSuffix(t.sourceName, "]") {
				fault.Hint("SailPoint's own name of a source ends in [source] or the like, and the display name does not: take that off the field Source Name")
			}
		case 401:
			fault.Hint("the tenant does not take the token that it gave: check that url and Token URL are of one tenant")
		case 403:
			if fault.IsPage() {
				break
			}
			fault.Hint("the client needs the scope idn:password-info:read; some versions of the API refuse this look-up to personal access tokens: use an API Management client instead")
		case 429:
			fault.Hint(limitHint)
		}
	}
	return answer, err
}

const notFoundHint = "check the user's login name in Identity Security Cloud, the field Source Name (the source's display name), and that the identity has an account there that SailPoint may set passwords of"

// order is what a set-password request says, apart from the password.
type order struct {
	identityID, sourceID, accountID string
	keyID                           string
	key                             *rsa.PublicKey
	policies                        []string // the rules that are plain enough to print
}

// readOrder takes from the answer to a look-up what set-password wants back. All of
// it is of this one answer: the IDs are opaque, and the key changes.
func (t *target) readOrder(answer api.Answer) (order, error) {
	fields, err := answer.Object()
	if err == nil && answer.Status != 200 {
		err = fmt.Errorf("answered %d, which is not the documented success", answer.Status)
	}
	if err != nil {
		return order{}, t.client.Fail(findAccount, api.ClassTarget, err.Error())
	}
	var found order
	var keyText string
	for _, member := range []struct {
		name string
		text *string
	}{
		{"identityId", &found.identityID}, {"sourceId", &found.sourceID}, {"publicKeyId", &found.keyID}, {"publicKey", &keyText},
	} {
		if *member.text, _ = fields.Text(member.name); *member.text == "" {
			return order{}, t.client.Fail(findAccount, api.ClassAccount, "there is no such user or source: the answer has no "+member.name, notFoundHint)
		}
	}
	if found.accountID, err = t.chooseAccount(fields); err != nil {
		return order{}, err
	}
	if found.key, err = readKey(keyText); err != nil {
		return order{}, t.client.Fail(findAccount, api.ClassTarget, err.Error())
	}
	for _, policy := range fields.Texts("policies") {
		if plainPolicy().MatchString(policy) {
			found.policies = append(found.policies, policy)
		}
	}
	return found, nil
}

// chooseAccount returns the ID of the one account that is meant. The same account may
// be listed twice, as in SailPoint's own example.
func (t *target) chooseAccount(fields api.Fields) (string, error) {
	fail := func(class api.Class, cause string, hints ...string) (string, error) {
		return "", t.client.Fail(findAccount, class, cause, hints...)
	}
	t.untied = false
	var ids []string
	named := map[string][]string{} // IDs by account name
	listed := fields.Objects("accounts")
	if len(listed) != len(fields.List("accounts")) {
		return fail(api.ClassTarget, "the answer lists accounts in a form that is not known")
	}
	seen := map[string]bool{}
	for _, account := range listed {
		id, _ := account.Text("accountId")
		if id == "" {
			return fail(api.ClassTarget, "the answer lists an account without an accountId")
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		ids = append(ids, id)
		if name, ok := account.Text("accountName"); ok {
			named[name] = append(named[name], id)
		}
	}
	switch {
	case len(ids) == 0 && t.accountID != "":
		// Nothing but the field says whose account it is.
		t.untied = true
		return t.accountID, nil
	case len(ids) == 0:
		return fail(api.ClassAccount, "the user has no account at the source", notFoundHint)
	case t.accountID != "" && !seen[t.accountID]:
		return fail(api.ClassAccount, "none of the user's accounts at the source has the ID of the field Account ID")
	case t.accountID != "":
		return t.accountID, nil
	case len(ids) == 1:
		return ids[0], nil
	case len(named[t.job.User]) == 1:
		return named[t.job.User][0], nil
	case len(named[t.job.User]) == 0 && len(named[t.userName]) == 1:
		return named[t.userName][0], nil
	}
	return fail(api.ClassAccount, "the user has several accounts at the source, and not exactly one of them has the user's name",
		"put the account's ID at the source into the field Account ID of the PAM User record")
}

// sendOrder sends the one write
// (https://developer.sailpoint.com/docs/api/v3/set-password). What the tenant's rate limit
// turns away never reaches the API, and 429 says when to come back
// (https://developer.sailpoint.com/docs/api/rate-limit), so that it may be sent again then. It
// is not repeated after a 401: that a gateway refuses before anything happens is
// documented nowhere for that.
func (t *target) sendOrder(ctx context.Context) (api.Answer, error) {
	encrypted, err := encrypt(t.order.key, t.job.NewPassword)
	if err != nil {
		return api.Answer{}, t.client.Fail(encryptPassword, api.ClassInternal, "it could not be encrypted with the tenant's key",
			"the padding that SailPoint asks for is not available where GODEBUG has fips140=only")
	}
	answer, err := t.client.Do(ctx, api.Request{
		Action: setPassword, Kind: api.Write, Method: "POST", Host: t.host, Path: api.FixedPath(t.servicePath(setService)), Header: t.header(),
		Body: api.JSONBody(api.Object{
			{Name: "identityId", Value: t.order.identityID},
			{Name: "encryptedPassword", Value: t.client.Seal(encrypted)},
			{Name: "publicKeyId", Value: t.order.keyID},
			{Name: "accountId", Value: t.order.accountID},
			{Name: "sourceId", Value: t.order.sourceID},
		}),
		LimitPatience: t.limitPatience(ctx),
	})
	if fault := api.AsError(err); fault != nil {
		switch fault.Status {
		case 400:
			fault.Hints = append(fault.Hints, t.policyHints()...)
		case 401:
			if fault.Unjudged() {
				break
			}
			fault.Hint("the token was refused; the next run gets a new one")
		case 403:
			if fault.IsPage() {
				break
			}
			fault.Hint("the client needs the scope " + scopeOfChange + "; a personal access token may set only its owner's passwords")
		case 429:
			fault.Hint(limitHint)
		}
		return api.Answer{}, t.Contract().Judge(err)
	}
	return answer, nil
}

// limitPatience is how long the order may wait for the rate limit: half of the time, since
// an order that is accepted has to be followed to its end.
func (t *target) limitPatience(ctx context.Context) time.Duration {
	if left, bounded := api.Left(ctx, t.client.Clock()); bounded {
		return left / 2
	}
	return timeout / 2
}

// policyHints say what an administrator can do about a refused password.
func (t *target) policyHints() []string {
	hints := []string{"match the password complexity of the PAM User's rotation settings to the policies of the tenant and of the source, and see that the source has the feature PASSWORD"}
	if len(t.order.policies) > 0 {
		hints = append(hints, "policies that SailPoint names: "+strings.Join(t.order.policies, ", "))
	}
	return hints
}
