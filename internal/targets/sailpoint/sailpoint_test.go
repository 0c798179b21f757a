package sailpoint_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
	simulated "pam-rotate-script/internal/simulator/sailpoint"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/targets/sailpoint"
)

// Accounts of the simulated tenant.
const (
	unit       = ",OU=Austin,OU=Americas,OU=Demo,DC=seri,DC=acme,DC=com"
	mail       = "Google Mail" // one sync group with Google Drive
	mailbox    = "abby.smith@acme.com"
	sueAdmin   = "CN=Sue Several (admin)" + unit
	sue        = "CN=Sue Several" + unit
	lookAlike  = "CN=Abby Smithe" + unit
	secondTwin = "CN=Tom Twins 2" + unit
)

// fields are fields of a record; nil takes one away.
type fields = map[string]any

// scenario is one run against a tenant, and what must come of it. Zero values stand
// for the usual: Abby.Smith at My-AD, rotated by an API Management client.
type scenario struct {
	name            string
	options         simulated.Options
	user            string
	password        string // the new one
	source, account string // the account that must change, or stay
	access, record  fields
	clock           api.Clock
	faults          []simulator.Fault

	outcome  rotation.Outcome
	class    api.Class
	proof    targets.Proof
	requests int    // anyNumber where a slow machine may make it less
	message  string // a part of it
	warning  string // a part of one; "" for no warning
}

const anyNumber = -1

func (s scenario) carryOut(t *testing.T) (*conformance.Stand, *simulated.Tenant, conformance.Ended) {
	t.Helper()
	for _, field := range []struct {
		text     *string
		standard string
	}{
		{&s.user, simulated.UserName}, {&s.password, conformance.New}, {&s.source, simulated.SourceName}, {&s.account, simulated.AccountID},
	} {
		if *field.text == "" {
			*field.text = field.standard
		}
	}
	tenant := simulated.New(s.options)
	server, err := simulator.Start(tenant, simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	for _, fault := range s.faults {
		server.Inject(fault)
	}
	stand := &conformance.Stand{
		Servers: []*simulator.Server{server},
		Access: fields{
			"Target": "sailpoint", "url": server.URL(), "login": simulated.ClientID, "password": simulated.ClientSecret, "Source Name": s.source,
		},
		Accepts: func(password string) bool { return tenant.Accepts(s.source, s.account, password) },
	}
	run := conformance.Run{
		User: s.user, Old: simulated.FirstPassword, New: s.password, Access: s.access, UserFields: s.record, Clock: s.clock, Unscrubbed: true,
	}
	ended := run.Rotate(stand)
	for _, fault := range run.Faults(conformance.Bench{Writes: 2}, stand, ended) {
		t.Error(fault)
	}
	if ended.Outcome != s.outcome || ended.Class != s.class || ended.Proof != s.proof || s.requests != anyNumber && ended.Requests != s.requests {
		t.Errorf("got %s [%s] by %q in %d requests, want %s [%s] by %q in %d",
			ended.Outcome, ended.Class, ended.Proof, ended.Requests, s.outcome, s.class, s.proof, s.requests)
	}
	if !strings.Contains(ended.Message, s.message) {
		t.Errorf("the message does not say %q", s.message)
	}
	if warnings := strings.Join(ended.Warnings, "\n"); !strings.Contains(warnings, s.warning) || s.warning == "" && warnings != "" {
		t.Errorf("warnings %q, want %q", ended.Warnings, s.warning)
	}
	if t.Failed() {
		t.Logf("stdout: %s\nstderr: %s", ended.Stdout, ended.Stderr)
	}
	return stand, tenant, ended
}

// runAll carries out every scenario as a test of its own.
func runAll(t *testing.T, scenarios []scenario) {
	for _, scenario := range scenarios {
		t.Run(scenario.name, func(t *testing.T) { scenario.carryOut(t) })
	}
}

func TestOutcomes(t *testing.T) {
	const together = "password sync group"
	runAll(t, []scenario{
		{name: "finished at the first read", options: simulated.Options{EndsAtPoll: 1},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 4},
		{name: "finished at the third read", options: simulated.Options{EndsAtPoll: 3},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 6},
		{name: "finished at once", options: simulated.Options{Outcome: simulated.FinishesAtOnce},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 4},
		{name: "finished at once, no request ID", options: simulated.Options{Outcome: simulated.FinishesAtOnce, NullRequestID: true},
			outcome: rotation.Changed, proof: targets.ProofAnswer, requests: 3, warning: "without a requestId"},
		{name: "finished at once, no request ID, strict", options: simulated.Options{Outcome: simulated.FinishesAtOnce, NullRequestID: true},
			access:  fields{"Verify": "strict"},
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 3, message: "Verify is strict"},
		{name: "in progress, no request ID", options: simulated.Options{NullRequestID: true},
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 6, message: "without a requestId", warning: "may still be queued"},
		{name: "failed at once, no request ID", options: simulated.Options{Outcome: simulated.FailsAtOnce, NullRequestID: true},
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 3, message: "has failed"},
		{name: "failed at once", options: simulated.Options{Outcome: simulated.FailsAtOnce},
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 4, message: "has failed: The password change payload is invalid (request id 089899f1"},
		{name: "failed", options: simulated.Options{Outcome: simulated.Fails},
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 5, message: "has failed: The password change payload is invalid (request id 089899f1"},
		{name: "failed, and in force nevertheless", options: simulated.Options{Outcome: simulated.FailsInPart},
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 5, message: "has failed"},
		{name: "failed in part, a group", options: simulated.Options{Outcome: simulated.FailsInPart}, source: mail, account: mailbox,
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 5, message: "a group of sources"},
		{name: "failed, a group", options: simulated.Options{Outcome: simulated.Fails}, source: mail, account: mailbox,
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 5, message: "a group of sources"},
		{name: "finished, a group", source: mail, account: mailbox,
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5, warning: together},
		{name: "finished with errors", options: simulated.Options{Outcome: simulated.FinishesWithErrors},
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 5, message: "lists errors: The password change payload is invalid"},
		{name: "a status that names no request", options: simulated.Options{StatusNames: simulated.NamesNothing, EndsAtPoll: 1},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 4},
		{name: "a status whose request is null", options: simulated.Options{StatusNames: simulated.NamesNull},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "failed, of a request that is null", options: simulated.Options{StatusNames: simulated.NamesNull, Outcome: simulated.Fails},
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 5, message: "has failed"},
		{name: "a state of no document", options: simulated.Options{ProgressWord: "RETRYING"},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "status found late", options: simulated.Options{HiddenPolls: 3},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 8},
		{name: "status not found", options: simulated.Options{HiddenPolls: 99},
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 8, message: "answered 404"},
		{name: "a request ID that needs escaping", options: simulated.Options{AwkwardRequestIDs: true},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "a token that ends during the reads", options: simulated.Options{TokenUses: 3, EndsAtPoll: 5},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 12},
		{name: "a token that ends before the change", options: simulated.Options{TokenUses: 1},
			outcome: rotation.NotChanged, class: api.ClassCredential, requests: 3, message: "JWT is expired"},
		{name: "a token that is no good", options: simulated.Options{TokenUses: -1},
			outcome: rotation.NotChanged, class: api.ClassCredential, requests: 4},
		{name: "a token that has not spread yet", options: simulated.Options{EndsAtPoll: 1}, faults: []simulator.Fault{
			{Exchange: simulated.QueryPasswordInfo, Occurrence: 1, Kind: simulator.KindNamed("echo 401 before")}},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 6},
		{name: "an old password", options: simulated.Options{History: true}, password: simulated.FirstPassword,
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 5, message: "used before"},
		{name: "an old password, refused at once", options: simulated.Options{History: true, RefuseAtOnce: true}, password: simulated.FirstPassword,
			outcome: rotation.Unknown, class: api.ClassPolicy, requests: 3, message: "used before"},
		{name: "a short password", password: "Aa1%", options: simulated.Options{EndsAtPoll: 1},
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 4, message: "passwordMinLength is 5"},
		{name: "a source without passwords", source: "Payroll CSV", account: "E-4711", options: simulated.Options{RefuseAtOnce: true},
			outcome: rotation.NotChanged, class: api.ClassPolicy, requests: 3, message: "does not support"},
	})
}

func TestRights(t *testing.T) {
	as := func(client string) fields { return fields{"login": client} }
	const look = "Abby.Smithe"
	runAll(t, []scenario{
		{name: "all scopes", access: as(simulated.AllScopesClientID),
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "no scope", access: as(simulated.PowerlessClientID),
			outcome: rotation.NotChanged, class: api.ClassPermission, requests: 3},
		{name: "may not set", access: as(simulated.LookUpClientID),
			outcome: rotation.NotChanged, class: api.ClassPermission, requests: 3},
		// The token names what it is for, so that this shows before the order.
		{name: "may not read the status", access: as(simulated.BlindClientID),
			outcome: rotation.NotChanged, class: api.ClassPermission, requests: 3, message: "read the status"},
		{name: "may not read the status, and the token does not say so", access: as(simulated.BlindClientID),
			options: alter(simulated.Options{}, simulated.RequestToken, set("scope", nil)),
			outcome: rotation.Unknown, class: api.ClassPermission, requests: 4},
		{name: "may read the status by another name", options: alter(simulated.Options{EndsAtPoll: 1}, simulated.RequestToken,
			set("scope", "idn:password-change:manage idn:passwords:all")),
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "may not read the status of what exists", access: as(simulated.BlindClientID), options: simulated.Options{ExistenceFirst: true},
			outcome: rotation.Unknown, class: api.ClassPermission, requests: 5},
		{name: "own token", access: as(simulated.OwnTokenID),
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "token of somebody else", access: as(simulated.AdminTokenID), user: look, account: lookAlike,
			outcome: rotation.NotChanged, class: api.ClassPermission, requests: 3},
		{name: "token of somebody else that may", access: as(simulated.AdminTokenID), user: look, account: lookAlike, options: simulated.Options{TokensSetOthers: true},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "tokens may not look up", access: as(simulated.OwnTokenID), options: simulated.Options{RefuseTokensQuery: true},
			outcome: rotation.NotChanged, class: api.ClassPermission, requests: 3},
		{name: "unknown client", access: as("nobody"),
			outcome: rotation.NotChanged, class: api.ClassCredential, requests: 1, message: "Full authentication is required"},
		{name: "unknown client, plain error", access: as("nobody"), options: simulated.Options{PlainTokenErrors: true},
			outcome: rotation.NotChanged, class: api.ClassCredential, requests: 1, message: "Full authentication is required"},
	})
}

func TestAccountChoice(t *testing.T) {
	const several, twins = "Sue.Several", "Tom.Twins"
	id := func(id string) fields { return fields{"Account ID": id} }
	runAll(t, []scenario{
		{name: "listed twice",
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "a distinguished name", user: "jgarcía", account: `CN=García\, José \"Pepe\"\\Süd,OU=Zürich & <Basel>,DC=acme,DC=com`,
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "several, one of the user's name", user: several, account: sue,
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "several, one by ID", user: several, account: sueAdmin, record: id(sueAdmin),
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "several, one by the PAM User's own name", user: "adm-sue", account: sueAdmin, record: fields{"User Name": several},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "several, one by the identity's name", user: "sue@example.com", account: sue, record: fields{"User Name": several},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "several, none of the name", user: twins, account: secondTwin,
			outcome: rotation.NotChanged, class: api.ClassAccount, requests: 2, message: "several accounts"},
		{name: "several of no name, one by ID", user: twins, account: secondTwin, access: id(secondTwin),
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "several, another ID", user: several, account: sue, record: id("CN=Somebody"),
			outcome: rotation.NotChanged, class: api.ClassAccount, requests: 2, message: "Account ID"},
		{name: "one, another ID", record: id(lookAlike),
			outcome: rotation.NotChanged, class: api.ClassAccount, requests: 2, message: "Account ID"},
		{name: "the user record wins", record: id(sue), access: id(sueAdmin), user: several, account: sue,
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "source and name of the user record", user: "abby@example.com", source: "IdentityNow", account: "abby.smith",
			access: fields{"Source Name": simulated.SourceName}, record: fields{"source_name": "IdentityNow", "user_name": simulated.UserName},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "several of the user's name", user: "adm-sue", account: sueAdmin, record: fields{"User Name": several},
			options: alter(simulated.Options{}, simulated.QueryPasswordInfo, set("accounts", []any{
				fields{"accountId": "1", "accountName": "adm-sue"}, fields{"accountId": "2", "accountName": "adm-sue"}, fields{"accountId": "3", "accountName": several},
			})),
			outcome: rotation.NotChanged, class: api.ClassAccount, requests: 2, message: "several accounts"},
		// Nothing but the field says whose account it is, then.
		{name: "an ID that the look-up ties to nobody", user: "Abby.Smith", account: sueAdmin, record: id(sueAdmin),
			access: fields{"Allowed Users": "Abby.*"}, options: alter(simulated.Options{}, simulated.QueryPasswordInfo, set("accounts", []any{})),
			outcome: rotation.NotChanged, class: api.ClassPermission, requests: 2, message: "does not allow to rotate this account"},
		{name: "such an ID, allowed too", record: id(simulated.AccountID),
			access: fields{"Allowed Users": simulated.UserName + "\n*"}, options: alter(simulated.Options{}, simulated.QueryPasswordInfo, set("accounts", []any{})),
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "accounts kept back", options: simulated.Options{HideAccounts: true},
			outcome: rotation.NotChanged, class: api.ClassAccount, requests: 2, message: "no account at the source"},
		{name: "accounts kept back, one by ID", options: simulated.Options{HideAccounts: true}, record: id(simulated.AccountID),
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "no account at the source", user: "No.Account",
			outcome: rotation.NotChanged, class: api.ClassAccount, requests: 2, message: "no account at the source"},
		{name: "another case", user: "abby.smith",
			outcome: rotation.NotChanged, class: api.ClassAccount, requests: 2},
		{name: "unknown, 400", user: "nobody", options: simulated.Options{Unknown: simulated.UnknownRefused},
			outcome: rotation.NotChanged, class: api.ClassAccount, requests: 2},
		{name: "unknown, 404", user: "nobody", options: simulated.Options{Unknown: simulated.UnknownNotFound},
			outcome: rotation.NotChanged, class: api.ClassAccount, requests: 3},
		{name: "unknown, empty", user: "nobody", options: simulated.Options{Unknown: simulated.UnknownEmpty},
			outcome: rotation.NotChanged, class: api.ClassAccount, requests: 2, message: "no such user or source"},
		{name: "allowed by the name that is looked up", user: "adm-sue", account: sueAdmin,
			access: fields{"Allowed Users": "Sue.*"}, record: fields{"User Name": several},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "not allowed by it", user: "adm-sue", account: sueAdmin,
			access: fields{"Allowed Users": "adm-*"}, record: fields{"User Name": several},
			outcome: rotation.NotChanged, class: api.ClassPermission},
	})
}

func TestPathStyles(t *testing.T) {
	old := simulated.Options{PathStyles: []string{"v3"}, Deprecated: true}
	runAll(t, []scenario{
		{name: "an old tenant", options: old,
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 6, warning: "API Version"},
		{name: "an old tenant, v3", options: old, access: fields{"API Version": "v3"},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "an old tenant, v1", options: old, access: fields{"API Version": "v1"},
			outcome: rotation.NotChanged, class: api.ClassAccount, requests: 2},
		{name: "the current paths refused", options: simulated.Options{ForbiddenStyles: []string{"v1"}},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 6, warning: "API Version"},
		{name: "the current paths refused, v1", options: simulated.Options{ForbiddenStyles: []string{"v1"}}, access: fields{"API Version": "v1"},
			outcome: rotation.NotChanged, class: api.ClassPermission, requests: 2},
		{name: "the current paths refused, the older ones gone", options: simulated.Options{ForbiddenStyles: []string{"v1"}, PathStyles: []string{"v1"}},
			outcome: rotation.NotChanged, class: api.ClassPermission, requests: 3, message: "answered 403"},
		{name: "the current paths gone, the older ones refused", options: simulated.Options{ForbiddenStyles: []string{"v3"}, PathStyles: []string{"v3"}},
			outcome: rotation.NotChanged, class: api.ClassPermission, requests: 3, message: "answered 403"},
		{name: "v2024", access: fields{"api_version": "V2024"}, options: simulated.Options{PathStyles: []string{"v2024"}},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "v2025", access: fields{"API Version": "v2025"}, options: simulated.Options{PathStyles: []string{"v2025"}},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "v2026", access: fields{"API Version": "v2026"}, options: simulated.Options{PathStyles: []string{"v2026"}},
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "beta", access: fields{"API Version": "beta"},
			outcome: rotation.NotChanged, class: api.ClassInput, message: "API Version"},
	})
}

// TestOffline: what this program refuses is refused before a call, all of it at once.
func TestOffline(t *testing.T) {
	refused := func(name string, access fields, message string) scenario {
		return scenario{name: name, access: access, outcome: rotation.NotChanged, class: api.ClassInput, message: message}
	}
	runAll(t, []scenario{
		refused("a vanity address", fields{"url": "https://iga.acme.com"}, "url: needs the https address of the tenant's API"),
		refused("a path as the token endpoint", fields{"Token URL": "acme.api.identitynow.com"}, "Token URL: needs the whole https address of the token endpoint, found one without a path"),
		refused("a query at the token endpoint", fields{"Token URL": "https://acme.api.identitynow.com/oauth/token?client_id=x"}, "Token URL: needs the whole https address of the token endpoint, found one with a query"),
		refused("http at the token endpoint", fields{"Token URL": "http://acme.api.identitynow.com/oauth/token"}, "Token URL: needs"),
		refused("no client ID", fields{"login": nil, "Source Name": nil}, "Source Name"),
		refused("a control character", fields{"Source Name": "My\x00AD"}, "Source Name: needs"),
		{name: "a control character in the user", user: "Abby\nSmith",
			outcome: rotation.NotChanged, class: api.ClassInput, message: "user: needs"},
		{name: "a colon", password: "Kv9:canary",
			outcome: rotation.NotChanged, class: api.ClassPolicy, message: "has a colon"},
	})
	_, _, ended := scenario{access: fields{"url": "https://iga.acme.com", "login": nil, "password": nil, "Source Name": nil, "Token URL": "x"},
		outcome: rotation.NotChanged, class: api.ClassInput}.carryOut(t)
	for _, label := range []string{"url", "login", "password", "Source Name", "Token URL"} {
		if !strings.Contains(ended.Message, label+": ") {
			t.Errorf("the message leaves out %s: %s", label, ended.Message)
		}
	}
}

// TestLongestPassword: the limit is that of the tenant's key, in bytes.
func TestLongestPassword(t *testing.T) {
	for _, bits := range []int{1024, 1536, 2048} {
		options := simulated.Options{KeyBits: bits, EndsAtPoll: 1}
		bytes := bits/8 - 11
		longest := strings.Repeat("é1", bytes/3) + "aA"[:bytes%3]
		scenario{options: options, password: longest,
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 4}.carryOut(t)
		scenario{options: options, password: longest + "x",
			outcome: rotation.NotChanged, class: api.ClassPolicy, requests: 2, message: "longer than the tenant's key"}.carryOut(t)
	}
}

// alter makes options of a tenant that changes the JSON of one route's answers.
func alter(options simulated.Options, route string, change func(object map[string]any)) simulated.Options {
	options.Alter = func(name string, answer simulator.Answer) simulator.Answer {
		if name != route || answer.Status >= 300 {
			return answer
		}
		return simulator.RewriteJSON(answer, change)
	}
	return options
}

// set returns a change that sets one member.
func set(name string, value any) func(map[string]any) {
	return func(object map[string]any) { object[name] = value }
}

func TestUnusableLookUps(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		change  func(map[string]any)
		class   api.Class
		message string
	}{
		{"no identity", set("identityId", nil), api.ClassAccount, "identityId"},
		{"no source", set("sourceId", ""), api.ClassAccount, "sourceId"},
		{"no key ID", set("publicKeyId", 7), api.ClassAccount, "publicKeyId"},
		{"no key", set("publicKey", ""), api.ClassAccount, "publicKey"},
		{"no accounts", set("accounts", nil), api.ClassAccount, "no account"},
		{"an account without ID", set("accounts", []any{map[string]any{"accountName": "Abby.Smith"}}), api.ClassTarget, "without an accountId"},
		{"accounts of another form", set("accounts", []any{"Abby.Smith"}), api.ClassTarget, "a form that is not known"},
		{"a key in PEM", set("publicKey", "-----BEGIN PUBLIC KEY-----"), api.ClassTarget, "not base64"},
		{"a key that is none", set("publicKey", "MIIB"), api.ClassTarget, "cannot be read"},
		{"a key of another kind", set("publicKey", base64.StdEncoding.EncodeToString(encoded)), api.ClassTarget, "not an RSA key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			// What the vendor may answer otherwise a moment later is asked for three times.
			requests := 2
			if test.class == api.ClassTarget {
				requests = 6
			}
			scenario{options: alter(simulated.Options{}, simulated.QueryPasswordInfo, test.change),
				outcome: rotation.NotChanged, class: test.class, requests: requests, message: test.message}.carryOut(t)
		})
	}
	armoured := func(object map[string]any) {
		object["publicKey"] = "-----BEGIN PUBLIC KEY-----\n" + object["publicKey"].(string) + "\n-----END PUBLIC KEY-----\n"
	}
	scenario{options: alter(simulated.Options{}, simulated.QueryPasswordInfo, armoured),
		outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5}.carryOut(t)
	_, _, ended := scenario{access: fields{"Source Name": "Corporate AD [source]"},
		outcome: rotation.NotChanged, class: api.ClassAccount, requests: 2}.carryOut(t)
	if told := strings.Join(ended.Hints, "\n"); !strings.Contains(told, "[source]") {
		t.Error(told)
	}
	scenario{options: alter(simulated.Options{}, simulated.RequestToken, set("access_token", nil)),
		outcome: rotation.NotChanged, class: api.ClassTarget, requests: 2, message: "access_token"}.carryOut(t)
}

// TestDoubtfulAnswers: what does not say plainly what became of the change is unknown.
func TestDoubtfulAnswers(t *testing.T) {
	const ours = "8a807d4c73c545510173c545d4b60246"
	atOnce := simulated.Options{Outcome: simulated.FinishesAtOnce, NullRequestID: true}
	first := simulated.Options{EndsAtPoll: 1}
	failing := simulated.Options{Outcome: simulated.Fails, EndsAtPoll: 1}
	unknown := func(name string, options simulated.Options, route string, change func(map[string]any), requests int, message string) scenario {
		return scenario{name: name, options: alter(options, route, change),
			outcome: rotation.Unknown, class: api.ClassTarget, requests: requests, message: message}
	}
	// Without a requestId the order is given once more.
	queued := func(s scenario) scenario {
		s.warning = "may still be queued"
		return s
	}
	notOurs := "does not name the request"
	plain := atOnce
	plain.Alter = func(route string, answer simulator.Answer) simulator.Answer {
		if route == simulated.SetPassword {
			answer.Status = 200
		}
		return answer
	}
	runAll(t, []scenario{
		unknown("a request ID that is a number", first, simulated.SetPassword, set("requestId", 7), 3, "no usable requestId"),
		unknown("a request ID that is no segment", first, simulated.SetPassword, set("requestId", ".."), 3, "dot segment"),
		unknown("another request's ID in the answer", first, simulated.SetPassword, set("requestId", "0"), 8, "answered 404"),
		queued(unknown("no state", atOnce, simulated.SetPassword, set("state", nil), 6, "without a requestId")),
		unknown("finished at once, with errors", atOnce, simulated.SetPassword, set("errors", []any{"x"}), 3, "lists errors"),
		queued(scenario{name: "finished at once, another status", options: plain,
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 6, message: "without a requestId"}),
		unknown("the status of another request", first, simulated.ReadChangeStatus, set("requestId", "0"), 8, notOurs),
		unknown("the status of a request in another form", first, simulated.ReadChangeStatus, set("requestId", 7), 8, notOurs),
		unknown("failed, of another request", failing, simulated.ReadChangeStatus, set("requestId", "0"), 8, notOurs),
		unknown("errors as a text", first, simulated.ReadChangeStatus, set("errors", "x"), 4, "lists errors"),
		unknown("finished elsewhere", first, simulated.ReadChangeStatus, set("sourceIds", []any{"0"}), 4, "other sources"),
		unknown("failed elsewhere", failing, simulated.ReadChangeStatus, set("sourceIds", []any{"0"}), 4, "other sources"),
		unknown("failed at sources in another form", failing, simulated.ReadChangeStatus, set("sourceIds", []any{7}), 4, "other sources"),
		{name: "failed, no sources named", options: alter(failing, simulated.ReadChangeStatus, set("sourceIds", nil)),
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 4},
		{name: "failed, our source twice", options: alter(failing, simulated.ReadChangeStatus, set("sourceIds", []any{ours, ours})),
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 4},
		{name: "finished, nothing else said", options: alter(first, simulated.ReadChangeStatus, func(object map[string]any) {
			delete(object, "errors")
			delete(object, "sourceIds")
		}), outcome: rotation.Changed, proof: targets.ProofStatus, requests: 4},
		{name: "in progress, of no request", options: alter(simulated.Options{EndsAtPoll: 8}, simulated.ReadChangeStatus, func(object map[string]any) {
			if object["state"] != "FINISHED" {
				object["requestId"] = nil
			}
		}), outcome: rotation.Changed, proof: targets.ProofStatus, requests: 11},
	})
}

// TestQuotedErrors: SailPoint's words on a failed change are shown on one line,
// without secrets, and cut.
func TestQuotedErrors(t *testing.T) {
	texts := []any{"the password\n" + conformance.New + " is \u202e bad", "client " + simulated.ClientSecret, strings.Repeat("é", 300)}
	_, _, ended := scenario{
		options: alter(simulated.Options{Outcome: simulated.Fails}, simulated.ReadChangeStatus, set("errors", texts)),
		outcome: rotation.Unknown, class: api.ClassTarget, requests: 5, message: "the password [secret] is bad; client [secret]; é",
	}.carryOut(t)
	if !strings.Contains(ended.Message, "é… (request id ") || len([]rune(ended.Message)) > 440 {
		t.Errorf("not cut: %s", ended.Message)
	}
	for password, text := range map[string]string{
		"Kv9\tcanary#1": "it was Kv9\tcanary#1",
		"Kv9 canary#1":  "it was Kv9\u202ecanary#1", // a secret only once it is on one line
	} {
		scenario{password: password, options: alter(simulated.Options{Outcome: simulated.Fails}, simulated.ReadChangeStatus, set("errors", []any{text})),
			outcome: rotation.Unknown, class: api.ClassTarget, requests: 5, message: "it was [secret]"}.carryOut(t)
	}
	if hints := strings.Join(ended.Hints, "\n"); !strings.Contains(hints, "passwordMinAlpha is 1") {
		t.Errorf("no policies in the hints: %q", ended.Hints)
	}
}

// TestSeenElsewhere: what other people's stand-ins and clients of the API answer or expect.
func TestSeenElsewhere(t *testing.T) {
	status200 := simulated.Options{Alter: func(route string, answer simulator.Answer) simulator.Answer {
		if route == simulated.SetPassword && answer.Status == 202 {
			answer.Status = 200
		}
		return answer
	}}
	runAll(t, []scenario{
		{name: "a key in lines, as a PEM file's without its armour", options: alter(simulated.Options{}, simulated.QueryPasswordInfo, func(object map[string]any) {
			key := object["publicKey"].(string)
			object["publicKey"] = key[:64] + "\n" + key[64:128] + "\r\n" + key[128:] + "\n"
		}), outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "200 to the order, with a request to follow", options: status200,
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "a token under another name", options: alter(simulated.Options{}, simulated.RequestToken, func(object map[string]any) {
			object["token"] = object["access_token"]
			delete(object, "access_token")
		}), outcome: rotation.NotChanged, class: api.ClassTarget, requests: 2, message: "no usable access_token"},
		{name: "errors that are null", options: alter(simulated.Options{EndsAtPoll: 1}, simulated.ReadChangeStatus, set("errors", nil)),
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 4},
		{name: "errors that say nothing", options: alter(simulated.Options{EndsAtPoll: 1}, simulated.ReadChangeStatus, set("errors", []any{nil, ""})),
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 4},
		{name: "a state in small letters", options: alter(simulated.Options{EndsAtPoll: 1}, simulated.ReadChangeStatus, set("state", "finished")),
			outcome: rotation.Changed, proof: targets.ProofStatus, requests: 4},
		{name: "a state that no document names, to the end", options: alter(simulated.Options{EndsAtPoll: 1}, simulated.ReadChangeStatus, set("state", "PARTIAL")),
			outcome: rotation.Unknown, class: api.ClassTarget, requests: anyNumber, message: "documents name: PARTIAL"},
		{name: "a state with something else in it", options: alter(simulated.Options{EndsAtPoll: 1}, simulated.ReadChangeStatus, set("state", "set to "+conformance.New)),
			outcome: rotation.Unknown, class: api.ClassTarget, requests: anyNumber, message: "none that can be read"},
		{name: "no state", options: alter(simulated.Options{EndsAtPoll: 1}, simulated.ReadChangeStatus, set("state", nil)),
			outcome: rotation.Unknown, class: api.ClassTarget, requests: anyNumber, message: "none that can be read"},
		{name: "accounts as null, as the vendor's SDK for PowerShell shows", options: alter(simulated.Options{}, simulated.QueryPasswordInfo, set("accounts", nil)),
			record: fields{"Account ID": simulated.AccountID}, outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
	})
}

// TestPersonalTokenIsTold: a check says that login is a user's own token.
func TestPersonalTokenIsTold(t *testing.T) {
	for login, told := range map[string]bool{simulated.ClientID: false, simulated.OwnTokenID: true} {
		tenant := simulated.New(simulated.Options{})
		server := conformance.Serve(t, tenant)
		ended := conformance.Run{User: simulated.UserName, Old: simulated.FirstPassword, New: conformance.New}.Check(&conformance.Stand{
			Servers: []*simulator.Server{server},
			Access:  fields{"Target": "sailpoint", "url": server.URL(), "login": login, "password": simulated.ClientSecret, "Source Name": simulated.SourceName},
			Accepts: func(string) bool { return false },
		})
		if ended.Class != "" || strings.Contains(ended.Stdout, "login is a personal access token") != told {
			t.Errorf("%s: %s", login, ended.Stdout)
		}
	}
}

// TestAdvice: a check says what the source asks of passwords, and whether the new one meets it.
func TestAdvice(t *testing.T) {
	policies := func(list ...any) simulated.Options {
		return alter(simulated.Options{}, simulated.QueryPasswordInfo, set("policies", list))
	}
	for _, test := range []struct {
		name, password string
		options        simulated.Options
		want           []string
	}{
		{"as in the example", "Kv9-canary", simulated.Options{}, []string{
			"length at least 5", "at least 1 digits", "no setting: passwordRepeatedChar is 3", "of this check meets"}},
		{"digits missing", "Kv-canary", simulated.Options{}, []string{"does not meet: passwordMinNumeric is 1\n"}},
		{"four alike", "Kv9-aaaa", simulated.Options{}, []string{"does not meet: passwordRepeatedChar is 3\n"}},
		{"three alike", "Kv9-aaab", simulated.Options{}, []string{"of this check meets"}},
		{"too long, by characters", "Kv9-ééééé", policies("passwordMaxLength is 8"), []string{"length at most 8", "does not meet: passwordMaxLength is 8"}},
		{"just not", "Kv9-éééé", policies("passwordMaxLength is 8", "passwordMinSpecial is 1", "passwordMinUpper is 1"), []string{"1 uppercase", "of this check meets"}},
		{"a rule of no document", "Kv9-canary", policies("passwordMinVowels is 9", "the password "+conformance.New), []string{"no setting: passwordMinVowels is 9\n", "as far as they can be read"}},
		{"none", "Kv9-canary", policies(), []string{"lists no policy"}},
		{"a scope is missing", "Kv9-canary", alter(simulated.Options{}, simulated.RequestToken, set("scope", "idn:password-info:read")), []string{"do not name idn:password-change:manage"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tenant := simulated.New(test.options)
			stand := &conformance.Stand{
				Servers: []*simulator.Server{conformance.Serve(t, tenant)},
				Accepts: func(password string) bool { return tenant.Accepts(simulated.SourceName, simulated.AccountID, password) },
			}
			stand.Access = fields{"Target": "sailpoint", "url": stand.Servers[0].URL(), "login": simulated.ClientID,
				"password": simulated.ClientSecret, "Source Name": simulated.SourceName}
			run := conformance.Run{User: simulated.UserName, Old: simulated.FirstPassword, New: test.password, Unscrubbed: true}
			ended := run.Check(stand)
			for _, want := range test.want {
				if !strings.Contains(ended.Stdout, want) {
					t.Errorf("no %q in %s", want, ended.Stdout)
				}
			}
			if strings.Contains(ended.Stdout+ended.Stderr, test.password) || strings.Contains(ended.Stdout, "the password "+conformance.New) {
				t.Errorf("a password is printed: %s", ended.Stdout)
			}
		})
	}
}

// TestTrackingID: it is shown with the code, and without one by itself.
func TestTrackingID(t *testing.T) {
	for body, shown := range map[string]string{
		`{"detailCode":"400.1 Bad Request Content","trackingId":"e7eab609","messages":[{"text":"no"}]}`: ": no (code 400.1 Bad Request Content, trackingId e7eab609, request id " + simulated.RequestName + ")",
		`{"trackingId":"e7eab609","messages":[{"text":"no"}]}`:                                          ": no (code trackingId e7eab609, request id " + simulated.RequestName + ")",
	} {
		options := simulated.Options{Alter: func(route string, answer simulator.Answer) simulator.Answer {
			if route == simulated.QueryPasswordInfo {
				answer.Status, answer.Body = 400, []byte(body)
			}
			return answer
		}}
		scenario{options: options, outcome: rotation.NotChanged, class: api.ClassAccount, requests: 2, message: shown}.carryOut(t)
	}
}

// clock is a clock that passes by waiting alone, and remembers the waits.
type clock struct {
	now   time.Time
	waits []time.Duration
	stop  int // ends this wait, from 1, as an interrupted program would
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time { return c.now }

func (c *clock) Sleep(ctx context.Context, wait time.Duration) error {
	c.waits = append(c.waits, wait)
	if len(c.waits) == c.stop {
		return context.Canceled
	}
	c.now = c.now.Add(wait)
	return ctx.Err()
}

// TestPace: reads become rarer, and end before the deadline, whatever the clock does.
func TestPace(t *testing.T) {
	waiting := newClock()
	for name, clock := range map[string]api.Clock{"a clock that waits": waiting, "a clock that does not": nil} {
		t.Run(name, func(t *testing.T) {
			stand, tenant, ended := scenario{options: simulated.Options{Outcome: simulated.StaysInProgress}, clock: clock,
				outcome: rotation.Unknown, class: api.ClassTimeout, requests: anyNumber, message: "still in progress"}.carryOut(t)
			if ended.Requests < 25 || ended.Requests > 36 {
				t.Errorf("%d requests", ended.Requests)
			}
			if tenant.Complete(); !stand.Accepts(conformance.New) {
				t.Error("the change cannot come into force later")
			}
			if !strings.Contains(strings.Join(ended.Hints, "\n"), "by its request id") {
				t.Errorf("hints %q", ended.Hints)
			}
		})
	}
	var total time.Duration
	for i, wait := range waiting.waits {
		if first := []time.Duration{2000, 3000, 4500, 6750, 10000}; i < len(first) && wait != first[i]*time.Millisecond || wait > 10*time.Second {
			t.Errorf("wait %d is %v", i+1, wait)
		}
		total += wait
	}
	// Of the time-out of 300 seconds ten are kept for the clean-up, and five for the last read.
	if total < 270*time.Second || total > 290*time.Second {
		t.Errorf("the reads spread over %v", total)
	}

	atOnce := newClock()
	scenario{options: simulated.Options{Outcome: simulated.FinishesAtOnce}, clock: atOnce,
		outcome: rotation.Changed, proof: targets.ProofStatus, requests: 4}.carryOut(t)
	if want := []time.Duration{0}; !slices.Equal(atOnce.waits, want) {
		t.Errorf("waits %v for a change that was finished at once", atOnce.waits)
	}

	runAll(t, []scenario{
		{name: "interrupted", options: simulated.Options{Outcome: simulated.StaysInProgress}, clock: &clock{now: time.Now(), stop: 3},
			outcome: rotation.Unknown, class: api.ClassTimeout, requests: 5, message: "still in progress"},
		{name: "interrupted before the first read", options: simulated.Options{Outcome: simulated.StaysInProgress}, clock: &clock{now: time.Now(), stop: 1},
			outcome: rotation.Unknown, class: api.ClassTimeout, requests: 3, message: "no time was left"},
	})
	_, _, short := scenario{options: simulated.Options{Outcome: simulated.StaysInProgress}, access: fields{"Timeout": "20"},
		outcome: rotation.Unknown, class: api.ClassTimeout, requests: anyNumber, message: "still in progress"}.carryOut(t)
	if short.Requests < 4 || short.Requests > 7 {
		t.Errorf("%d requests in a short run", short.Requests)
	}
}

// TestBusyTenant: the tenant's Retry-After is kept to, and reads go on after failures
// of all kinds.
func TestBusyTenant(t *testing.T) {
	limited := newClock()
	scenario{options: simulated.Options{RateLimit: 2, EndsAtPoll: 1, Now: limited.Now}, clock: limited,
		outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5}.carryOut(t)
	if w := limited.waits; len(w) != 2 || w[0] != 2*time.Second || w[1] < 8*time.Second || w[1] > 12*time.Second {
		t.Errorf("waits %v", w)
	}
	busy := newClock()
	scenario{options: simulated.Options{EndsAtPoll: 1}, clock: busy, faults: failing("503 before", 1, 2, 3),
		outcome: rotation.Changed, proof: targets.ProofStatus, requests: 7}.carryOut(t)
	if want := []time.Duration{2 * time.Second, 10 * time.Second, 10 * time.Second, 10 * time.Second}; !slices.Equal(busy.waits, want) {
		t.Errorf("waits %v", busy.waits)
	}
	scenario{options: simulated.Options{EndsAtPoll: 2}, faults: failing("echo 404 before", 1, 2, 3, 4, 6, 7, 8, 9),
		outcome: rotation.Changed, proof: targets.ProofStatus, requests: 13}.carryOut(t)

	for _, test := range []struct {
		kind     string
		reads    []int // that fail
		requests int
	}{
		{"429 before", []int{1, 2, 3}, 7},
		{"500 before", []int{1}, 5},
		{"truncated JSON before", []int{1}, 5},
		{"HTML 200 before", []int{1}, 5},
		{"redirect 302 before", []int{1}, 5},
		{"echo 400 before", []int{1}, 5},
		{"echo 401 before", []int{1}, 6},
		{"drop before", []int{1}, 4}, // net/http reads again where a kept connection ends
	} {
		t.Run(test.kind, func(t *testing.T) {
			scenario{options: simulated.Options{EndsAtPoll: 1}, faults: failing(test.kind, test.reads...),
				outcome: rotation.Changed, proof: targets.ProofStatus, requests: test.requests}.carryOut(t)
		})
	}
	scenario{options: simulated.Options{EndsAtPoll: 1}, faults: failing("500 before", 0),
		outcome: rotation.Unknown, class: api.ClassTarget, requests: anyNumber, message: "answered 500"}.carryOut(t)
}

// TestTurnedAway: a change that the tenant's rate limit turns away is ordered again when
// the tenant says so, and is not changed when the time is up. Only that answer is
// proof enough.
func TestTurnedAway(t *testing.T) {
	limited := func(then string, writes ...int) []simulator.Fault {
		var faults []simulator.Fault
		for _, write := range writes {
			faults = append(faults, simulator.Fault{Exchange: simulated.SetPassword, Occurrence: write, Kind: simulator.KindNamed("429 before")})
		}
		if then != "" {
			faults = append(faults, simulator.Fault{Exchange: simulated.SetPassword, Occurrence: len(writes) + 1, Kind: simulator.KindNamed(then)})
		}
		return faults
	}
	once := simulated.Options{EndsAtPoll: 1}
	runAll(t, []scenario{
		{name: "once", options: once, faults: limited("", 1), outcome: rotation.Changed, proof: targets.ProofStatus, requests: 5},
		{name: "six times", options: once, faults: limited("", 1, 2, 3, 4, 5, 6), outcome: rotation.Changed, proof: targets.ProofStatus, requests: 10},
		{name: "then refused", options: once, faults: limited("echo 400 before", 1, 2), outcome: rotation.NotChanged, class: api.ClassPolicy, requests: 5, message: "answered 400"},
		{name: "then its token", options: once, faults: limited("echo 401 before", 1, 2), outcome: rotation.NotChanged, class: api.ClassCredential, requests: 5, message: "answered 401"},
		{name: "then lost", options: once, faults: limited("drop after", 1, 2), outcome: rotation.Changed, proof: targets.ProofStatus, requests: 9, message: "after a second try", warning: "may still be queued"},
		{name: "then busy", options: once, faults: limited("503 before", 1, 2), outcome: rotation.Changed, proof: targets.ProofStatus, requests: 9, message: "after a second try", warning: "may still be queued"},
		{name: "interrupted", options: once, faults: limited("", 0), clock: &clock{now: time.Now(), stop: 3},
			outcome: rotation.NotChanged, class: api.ClassTarget, requests: 5, message: "answered 429"},
	})

	waiting := newClock()
	_, _, ended := scenario{options: once, faults: limited("", 0), clock: waiting,
		outcome: rotation.NotChanged, class: api.ClassTarget, requests: anyNumber, message: "answered 429"}.carryOut(t)
	var total time.Duration
	for _, wait := range waiting.waits {
		total += wait
	}
	// Half of the time is for the status.
	if total < 120*time.Second || total > 146*time.Second || ended.Writes != 0 || ended.TurnedAway < 30 {
		t.Errorf("waited %v for %d writes that were turned away", total, ended.TurnedAway)
	}
	if !strings.Contains(strings.Join(ended.Hints, "\n"), "fewer rotations at once") {
		t.Errorf("hints %q", ended.Hints)
	}
}

// failing are faults at these status reads, from 1; 0 stands for all.
func failing(kind string, reads ...int) []simulator.Fault {
	var faults []simulator.Fault
	for _, read := range reads {
		faults = append(faults, simulator.Fault{Exchange: simulated.ReadChangeStatus, Occurrence: read, Kind: simulator.KindNamed(kind)})
	}
	return faults
}

// TestTokenURL: the token may come from another host, which gets nothing else.
func TestTokenURL(t *testing.T) {
	tenant := simulated.New(simulated.Options{EndsAtPoll: 1})
	var servers []*simulator.Server
	for range 2 {
		server, err := simulator.Start(tenant, simulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		servers = append(servers, server)
	}
	stand := &conformance.Stand{
		Servers: servers,
		Access: fields{"Target": "sailpoint", "url": servers[0].URL() + "/v3/", "Token URL": servers[1].URL() + "/oauth/token",
			"login": simulated.ClientID, "password": simulated.ClientSecret, "Source Name": simulated.SourceName},
		Accepts: func(password string) bool {
			return tenant.Accepts(simulated.SourceName, simulated.AccountID, password)
		},
	}
	run := conformance.Run{User: simulated.UserName, Old: simulated.FirstPassword, New: conformance.New}
	ended := run.Rotate(stand)
	for _, fault := range run.Faults(conformance.Bench{Writes: 1}, stand, ended) {
		t.Error(fault)
	}
	if ended.Outcome != rotation.Changed || len(servers[0].Exchanges()) != 3 || len(servers[1].Exchanges()) != 1 {
		t.Errorf("%d and %d exchanges\n%s%s", len(servers[0].Exchanges()), len(servers[1].Exchanges()), ended.Stdout, ended.Stderr)
	}
}

func TestMatches(t *testing.T) {
	for text, want := range map[string]bool{
		"https://acme.api.identitynow.com":  true,
		"acme.identitynow.com":              true,
		"https://ACME.login.sailpoint.com/": true,
		"https://identitynow.com":           false,
		"https://acme.sailpoint.com":        false,
		"https://notidentitynow.com":        false,
		"https://identitynow.com.acme.com":  false,
	} {
		address, err := api.ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := sailpoint.Info().Matches(address); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
