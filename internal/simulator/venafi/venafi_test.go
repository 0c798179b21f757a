package venafi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/simulator/venafi"
)

const (
	signInPath  = "/vedauth/authorize/oauth"
	verifyPath  = "/vedauth/authorize/verify"
	revokePath  = "/vedauth/revoke/token"
	setPath     = "/vedsdk/Identity/SetPassword"
	newPassword = `N"e\w<&é Pass 1`
)

// fields is a JSON object to be sent; a nil value takes a default key away.
type fields map[string]any

// reply is what a plain client makes of an answer.
type reply struct {
	status int
	reason string
	body   []byte
	object map[string]any
}

func (r reply) text(key string) string {
	text, _ := r.object[key].(string)
	return text
}

// request is one call.
type request struct {
	method, path, token, body string
	header                    http.Header // added; a nil value takes a header away
	chunked                   bool
}

func start(t *testing.T, vendor simulator.Vendor) *simulator.Server {
	t.Helper()
	server, err := simulator.Start(vendor, simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// newServer serves a new platform on one server.
func newServer(t *testing.T, options venafi.Options) (*venafi.Platform, *simulator.Server) {
	t.Helper()
	platform := venafi.New(options)
	return platform, start(t, platform)
}

func send(t *testing.T, server *simulator.Server, call request) reply {
	t.Helper()
	var body io.Reader
	if call.body != "" {
		body = strings.NewReader(call.body)
		if call.chunked {
			body = io.MultiReader(body)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), call.method, server.URL()+call.path, body)
	if err != nil {
		t.Fatal(err)
	}
	if call.token != "" {
		r.Header.Set("Authorization", "Bearer "+call.token)
	}
	if call.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range call.header {
		delete(r.Header, name)
		if values != nil {
			r.Header[name] = values
		}
	}
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := reply{status: response.StatusCode, reason: strings.TrimPrefix(response.Status, response.Status[:4]), body: text}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &got.object); err != nil {
			t.Fatalf("answer: %v", err)
		}
	}
	return got
}

func object(t *testing.T, defaults, changes fields) string {
	t.Helper()
	merged := maps.Clone(defaults)
	maps.Copy(merged, changes)
	maps.DeleteFunc(merged, func(_ string, value any) bool { return value == nil })
	text, err := json.Marshal(merged)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// signInCall signs in as the caller, unless changes say otherwise.
func signInCall(t *testing.T, changes fields) request {
	t.Helper()
	return request{method: "POST", path: signInPath, body: object(t, fields{
		"client_id": venafi.ClientID, "username": "local:" + venafi.Caller, "password": venafi.CallerPassword, "scope": "security:manage",
	}, changes)}
}

func userSignIn(t *testing.T, server *simulator.Server, user, password string) reply {
	t.Helper()
	return send(t, server, signInCall(t, fields{"username": user, "password": password}))
}

// setCall sets jdoe's password, unless changes say otherwise.
func setCall(t *testing.T, token string, changes fields) request {
	t.Helper()
	return request{method: "POST", path: setPath, token: token, body: object(t, fields{
		"ID": fields{"PrefixedName": "local:jdoe"}, "Password": newPassword,
	}, changes)}
}

func revoke(t *testing.T, server *simulator.Server, token string) int {
	t.Helper()
	return send(t, server, request{method: "GET", path: revokePath, token: token}).status
}

func noNotes(t *testing.T, servers ...*simulator.Server) {
	t.Helper()
	for _, server := range servers {
		if notes := server.Notes(); len(notes) != 0 {
			t.Errorf("notes: %q", notes)
		}
	}
}

func TestRotation(t *testing.T) {
	for _, servers := range []string{"one server", "two servers"} {
		t.Run(servers, func(t *testing.T) {
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			platform := venafi.New(venafi.Options{Now: func() time.Time { return now }})
			var auth, sdk *simulator.Server
			if servers == "two servers" {
				auth, sdk = start(t, platform.Auth()), start(t, platform.SDK())
			} else {
				auth = start(t, platform)
				sdk = auth
			}

			caller := send(t, auth, signInCall(t, fields{"state": "x"}))
			identity, _ := platform.Identity(venafi.Caller)
			if caller.status != 200 || caller.text("token_type") != "Bearer" || caller.text("scope") != "security:manage" ||
				caller.text("identity") != "local:{"+identity.GUID+"}" || caller.text("refresh_token") == "" ||
				caller.object["expires"] != float64(now.Add(90*24*time.Hour).Unix()) || caller.object["expires_in"] != 90*24*3600.0 ||
				caller.object["refresh_until"] != float64(now.Add(365*24*time.Hour).Unix()) {
				t.Fatalf("sign-in: %d %s", caller.status, caller.body)
			}
			token := caller.text("access_token")
			set := send(t, sdk, setCall(t, token, nil))
			entry, _ := set.object["ID"].(map[string]any)
			if set.status != 200 || len(set.object) != 1 || len(entry) != 7 || entry["FullName"] != `\VED\Identity\jdoe` ||
				entry["PrefixedName"] != "local:jdoe" || entry["Type"] != 1.0 || entry["PrefixedUniversal"] != "local:"+entry["Universal"].(string) {
				t.Fatalf("set password: %d %s", set.status, set.body)
			}
			user := userSignIn(t, auth, "local:jdoe", newPassword)
			if user.status != 200 || user.object["identity"] != entry["PrefixedUniversal"] {
				t.Fatalf("proof: %d %s", user.status, user.body)
			}
			if open := platform.OpenGrants(); len(open) != 2 || open[1].User != "local:jdoe" || open[1].AccessToken != user.text("access_token") {
				t.Errorf("open grants: %+v", open)
			}
			for _, made := range []string{user.text("access_token"), token} {
				if status := revoke(t, auth, made); status != 200 {
					t.Errorf("revoke: %d", status)
				}
			}
			if open := platform.OpenGrants(); len(open) != 0 {
				t.Errorf("open grants: %+v", open)
			}
			if !platform.Accepts("jdoe", newPassword) || platform.Accepts("jdoe", venafi.FirstPassword) || platform.Updates() != 1 {
				t.Error("the new password is not in force, or the old one is, or there was not one update")
			}
			for _, other := range []string{"jdoe2", "jdo", "AD+corp:jdoe", "JohnDoe"} {
				if platform.Password(other) != venafi.FirstPassword {
					t.Errorf("the password of %s changed", other)
				}
			}
			noNotes(t, auth, sdk)
		})
	}
}

func TestTwoServersServeTheirOwnPathsAlone(t *testing.T) {
	platform := venafi.New(venafi.Options{})
	auth, sdk := start(t, platform.Auth()), start(t, platform.SDK())
	if got := send(t, auth, setCall(t, venafi.ReadyToken, nil)); got.status != 404 || got.text("error_description") == "" {
		t.Errorf("set password at the authorization server: %d %s", got.status, got.body)
	}
	if got := send(t, sdk, signInCall(t, nil)); got.status != 404 || got.text("Error") == "" {
		t.Errorf("sign-in at the API server: %d %s", got.status, got.body)
	}
	if len(auth.Notes()) != 1 || len(sdk.Notes()) != 1 || platform.Updates() != 0 || len(platform.OpenGrants()) != 0 {
		t.Error("a call to the wrong server is no note, or took effect")
	}
}

func TestSignInRefusals(t *testing.T) {
	tests := []struct {
		name    string
		options venafi.Options
		changes fields
		code    string
		failed  int
	}{
		{"wrong password", venafi.Options{}, fields{"password": "x"}, "invalid_grant", 1},
		{"wrong password, other code", venafi.Options{AssumeWrongPasswordCode: "access_denied"}, fields{"password": "x"}, "access_denied", 1},
		{"disabled", venafi.Options{}, fields{"username": "gone", "password": venafi.FirstPassword}, "invalid_grant", 0},
		{"unknown user", venafi.Options{}, fields{"username": "nobody"}, "invalid_grant", 0},
		{"other case", venafi.Options{}, fields{"username": "Rotator"}, "invalid_grant", 0},
		{"group", venafi.Options{}, fields{"username": "PKI Admins", "password": ""}, "invalid_grant", 0},
		{"unknown client", venafi.Options{}, fields{"client_id": "keeper-rotate"}, "invalid_client", 0},
		{"scope beyond the integration", venafi.Options{}, fields{"scope": "security:manage;certificate"}, "invalid_scope", 0},
		{"restriction beyond the integration", venafi.Options{}, fields{"scope": "security:manage,delete"}, "invalid_scope", 0},
		{"method off", venafi.Options{PasswordSignInOff: true}, nil, "unsupported_grant_type", 0},
		{"no Web SDK access", venafi.Options{}, fields{"username": "noweb", "password": venafi.FirstPassword}, "unauthorized_client", 0},
		{"not allowed", venafi.Options{}, fields{"client_id": venafi.CallersClientID, "username": "jdoe", "password": venafi.FirstPassword}, "unauthorized_client", 0},
		{"not allowed, wrong password", venafi.Options{}, fields{"client_id": venafi.CallersClientID, "username": "jdoe", "password": "x"}, "invalid_grant", 0},
		{"not allowed, permission first", venafi.Options{AssumePermissionFirst: true}, fields{"client_id": venafi.CallersClientID, "username": "jdoe", "password": "x"}, "unauthorized_client", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			platform, server := newServer(t, test.options)
			platform.Add(venafi.Identity{Name: "gone", Password: venafi.FirstPassword, Disabled: true})
			platform.Add(venafi.Identity{Name: "noweb", Password: venafi.FirstPassword, NoWebSDKAccess: true})
			got := send(t, server, signInCall(t, test.changes))
			if got.status != 400 || got.text("error") != test.code || got.text("error_description") == "" || len(got.object) != 2 {
				t.Errorf("%d %s", got.status, got.body)
			}
			if len(platform.OpenGrants()) != 0 || platform.SuccessfulLogins(venafi.Caller) != 0 || platform.FailedLogins(venafi.Caller) != test.failed {
				t.Errorf("open grants %v, failed %d", platform.OpenGrants(), platform.FailedLogins(venafi.Caller))
			}
			noNotes(t, server)
		})
	}
}

func TestSignInOfOthers(t *testing.T) {
	platform, server := newServer(t, venafi.Options{NoRefresh: true, OldGrantAnswer: true})
	platform.AddIntegration(venafi.Integration{ClientID: "wide", Scope: "certificate:manage,discover;security:manage"})
	tests := []struct{ name, user, clientID, scope string }{
		{"without prefix", "jdoe", venafi.ClientID, "security:manage"},
		{"directory", "AD+corp:jdoe", venafi.ClientID, "security:manage"},
		{"mail address", "jdoe@corp.example", venafi.ClientID, "security:manage"},
		{"quotes", `ann "a" <&>`, venafi.VerifyClientID, "certificate"},
		{"non-ASCII", "local:jdoé", venafi.VerifyClientID, "certificate"},
		{"part of a wide scope", "jdo", "wide", "Security:Manage;certificate:discover"},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := send(t, server, signInCall(t, fields{
				"username": test.user, "password": venafi.FirstPassword, "client_id": test.clientID, "scope": test.scope,
			}))
			if got.status != 200 || got.text("scope") != test.scope || len(got.object) != 5 {
				t.Errorf("%d %s", got.status, got.body)
			}
			open := platform.OpenGrants()
			if len(open) != i+1 || open[i].ClientID != test.clientID || open[i].RefreshToken != "" || platform.SuccessfulLogins(test.user) != 1 {
				t.Errorf("open grants: %+v", open)
			}
		})
	}
	noNotes(t, server)
}

func TestLockOut(t *testing.T) {
	platform, server := newServer(t, venafi.Options{LockAfter: 2})
	for i, step := range []struct {
		password string
		status   int
	}{
		{"x", 400}, {venafi.FirstPassword, 200}, {"x", 400}, // a good one sets the count back
		{venafi.FirstPassword, 200}, {"x", 400}, {"y", 400}, {venafi.FirstPassword, 400},
	} {
		if got := userSignIn(t, server, "jdoe", step.password); got.status != step.status {
			t.Errorf("sign-in %d: %d %s", i+1, got.status, got.body)
		}
	}
	right, wrong := userSignIn(t, server, "jdoe", venafi.FirstPassword), userSignIn(t, server, "jdoe", "x")
	if right.status != wrong.status || right.reason != wrong.reason || !bytes.Equal(right.body, wrong.body) {
		t.Errorf("a locked identity's password shows: %s, %s", right.body, wrong.body)
	}
	identity, _ := platform.Identity("jdoe")
	if !identity.Locked || platform.FailedLogins("jdoe") != 7 || platform.SuccessfulLogins("local:jdoe") != 2 || platform.FailedLogins("jdoe2") != 0 {
		t.Errorf("%+v, failed %d, successful %d", identity, platform.FailedLogins("jdoe"), platform.SuccessfulLogins("jdoe"))
	}
	if !platform.Accepts("jdoe", venafi.FirstPassword) {
		t.Error("lock-out changed what password is in force")
	}
}

func TestCache(t *testing.T) {
	tests := []struct {
		name     string
		options  venafi.Options
		new, old []int // statuses of sign-ins with the new and the old password, by turns
	}{
		{"none", venafi.Options{}, []int{200, 200}, []int{400, 400}},
		{"new refused", venafi.Options{AssumeNewRefused: 3}, []int{400, 400, 200}, []int{400, 400, 400}},
		{"old accepted", venafi.Options{AssumeOldAccepted: 3}, []int{200, 200, 200}, []int{200, 400, 400}},
		{"both", venafi.Options{AssumeNewRefused: 2, AssumeOldAccepted: 2}, []int{400, 200}, []int{200, 400}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			platform, server := newServer(t, test.options)
			if got := send(t, server, setCall(t, venafi.ReadyToken, nil)); got.status != 200 {
				t.Fatalf("set password: %d %s", got.status, got.body)
			}
			for i := range test.new {
				if got := userSignIn(t, server, "jdoe", newPassword); got.status != test.new[i] {
					t.Errorf("new password, turn %d: %d", i+1, got.status)
				}
				if got := userSignIn(t, server, "jdoe", venafi.FirstPassword); got.status != test.old[i] {
					t.Errorf("old password, turn %d: %d", i+1, got.status)
				}
			}
			if !platform.Accepts("jdoe", newPassword) || platform.Accepts("jdoe", venafi.FirstPassword) {
				t.Error("the cache shows in what is in force")
			}
			// Setting the same password once more is no change to be cached.
			again := send(t, server, setCall(t, venafi.ReadyToken, nil))
			if got := userSignIn(t, server, "jdoe", newPassword); again.status != 200 || got.status != 200 {
				t.Errorf("after a repeat: %d, sign-in %d", again.status, got.status)
			}
		})
	}
}

func TestSetPassword(t *testing.T) {
	const guid = "198c2d48-4f3c-4d5e-9a1b-0c2d3e4f5a6b"
	asPlain := func(changes fields) fields {
		all := fields{"ID": fields{"PrefixedName": "local:" + venafi.PlainCaller}, "OldPassword": venafi.CallerPassword}
		maps.Copy(all, changes)
		return all
	}
	const admin, plain = venafi.Caller, venafi.PlainCaller
	tests := []struct {
		name    string
		caller  string
		options venafi.Options
		changes fields
		status  int
	}{
		{"prefixed universal", admin, venafi.Options{}, fields{"ID": fields{"PrefixedUniversal": "local:{" + guid + "}"}}, 200},
		{"prefixed universal without braces", admin, venafi.Options{}, fields{"ID": fields{"PrefixedUniversal": "local:" + strings.ToUpper(guid)}}, 200},
		{"prefix and name", admin, venafi.Options{}, fields{"ID": fields{"Prefix": "local", "Name": "jdoe"}}, 200},
		{"prefix and universal", admin, venafi.Options{}, fields{"ID": fields{"Prefix": "local", "Universal": "{" + guid + "}"}}, 200},
		{"right old password of another", admin, venafi.Options{}, fields{"OldPassword": venafi.FirstPassword}, 200},
		{"wrong old password of another", admin, venafi.Options{}, fields{"OldPassword": "x"}, 400},
		{"same as old password", admin, venafi.Options{}, fields{"OldPassword": venafi.FirstPassword, "Password": venafi.FirstPassword}, 400},
		{"repeat", admin, venafi.Options{}, fields{"Password": venafi.FirstPassword}, 200},
		{"repeat refused", admin, venafi.Options{AssumeRepeatRefused: true}, fields{"Password": venafi.FirstPassword}, 400},
		{"own, Master Admin, no old password", admin, venafi.Options{}, fields{"ID": fields{"PrefixedName": "local:" + venafi.Caller}}, 200},
		{"own", plain, venafi.Options{}, asPlain(nil), 200},
		{"own, no old password", plain, venafi.Options{}, asPlain(fields{"OldPassword": nil}), 400},
		{"own, wrong old password", plain, venafi.Options{}, asPlain(fields{"OldPassword": venafi.FirstPassword}), 400},
		{"another's without the right", plain, venafi.Options{}, nil, 400},
		{"unknown name", admin, venafi.Options{}, fields{"ID": fields{"PrefixedName": "local:nobody"}}, 400},
		{"unknown GUID", admin, venafi.Options{}, fields{"ID": fields{"PrefixedUniversal": "local:{" + strings.Replace(guid, "1", "2", 1) + "}"}}, 400},
		{"group", admin, venafi.Options{}, fields{"ID": fields{"PrefixedName": "local:PKI Admins"}}, 400},
		{"directory", admin, venafi.Options{}, fields{"ID": fields{"PrefixedName": "AD+corp:jdoe"}}, 400},
		{"eleven characters", admin, venafi.Options{}, fields{"Password": "Añbcdefghi1"}, 400},
		{"twelve characters", admin, venafi.Options{}, fields{"Password": "Añbcdefghij1"}, 200},
		{"two classes", admin, venafi.Options{}, fields{"Password": "abcdefghijkl1"}, 400},
		{"any password", admin, venafi.Options{AnyPassword: true}, fields{"Password": "a"}, 200},
		{"any password but the old", admin, venafi.Options{AnyPassword: true}, fields{"OldPassword": venafi.FirstPassword, "Password": venafi.FirstPassword}, 400},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			platform, server := newServer(t, test.options)
			caller := userSignIn(t, server, test.caller, venafi.CallerPassword)
			got := send(t, server, setCall(t, caller.text("access_token"), test.changes))
			if got.status != test.status || (got.status == 400) != (got.text("Error") != "") {
				t.Errorf("%d %s", got.status, got.body)
			}
			if updates := platform.Updates(); updates != map[int]int{200: 1, 400: 0}[test.status] {
				t.Errorf("%d updates", updates)
			}
			noNotes(t, server)
		})
	}
}

func TestTokens(t *testing.T) {
	now := time.Now()
	platform, server := newServer(t, venafi.Options{Now: func() time.Time { return now }, TokenLife: time.Hour, GrantLife: 2 * time.Hour})
	verify := func(token string) reply {
		t.Helper()
		return send(t, server, request{method: "GET", path: verifyPath, token: token})
	}
	made := send(t, server, signInCall(t, nil)).text("access_token")
	if got := verify(made); got.status != 200 || got.object["valid_for"] != 3600.0 || got.text("application") != venafi.ClientID ||
		got.object["expires_unix_time"] != float64(now.Add(2*time.Hour).Unix()) || !platform.TokenWorks(made) {
		t.Errorf("verify: %d %s", got.status, got.body)
	}
	if got := verify(venafi.ReadyToken); got.status != 200 || got.object["expires_unix_time"] != 0.0 {
		t.Errorf("verify ready-made token: %d %s", got.status, got.body)
	}
	refused := []struct {
		name, token, code string
		status            int
	}{
		{"unknown", "unknown", "session_error", 401},
		{"expired", venafi.ExpiredToken, "session_error", 401},
		{"other scope", venafi.CertificateToken, "insufficient_scope", 403},
	}
	for _, test := range refused {
		got := send(t, server, setCall(t, test.token, nil))
		if got.status != test.status || got.text("error") != test.code || got.text("error_description") == "" {
			t.Errorf("%s: %d %s", test.name, got.status, got.body)
		}
	}
	if got := verify("unknown"); got.status != 401 {
		t.Errorf("verify unknown token: %d %s", got.status, got.body)
	}

	now = now.Add(time.Hour)
	if got := send(t, server, setCall(t, made, nil)); got.status != 401 || platform.TokenWorks(made) {
		t.Errorf("set password with an expired token: %d %s", got.status, got.body)
	}
	if len(platform.OpenGrants()) != 1 {
		t.Error("an expired grant is not open")
	}
	for i, want := range []int{200, 202} {
		if status := revoke(t, server, made); status != want {
			t.Errorf("revocation %d: %d", i+1, status)
		}
	}
	if status := revoke(t, server, "unknown"); status != 202 || len(platform.OpenGrants()) != 0 {
		t.Errorf("revocation of an unknown token: %d, open %v", status, platform.OpenGrants())
	}
	if platform.Updates() != 0 {
		t.Error("a password was set")
	}
	if status := revoke(t, server, venafi.ReadyToken); status != 200 || platform.TokenWorks(venafi.ReadyToken) {
		t.Errorf("revocation of a ready-made token: %d", status)
	}
	noNotes(t, server)
}

// TestRefresh: a refresh token is good for one new pair of tokens.
func TestRefresh(t *testing.T) {
	platform, server := newServer(t, venafi.Options{})
	first := userSignIn(t, server, "jdoe", venafi.FirstPassword)
	refresh := func(clientID, token string) reply {
		return send(t, server, request{method: "POST", path: "/vedauth/authorize/token", body: object(t, fields{"client_id": clientID, "refresh_token": token}, nil)})
	}
	if got := refresh("other", first.text("refresh_token")); got.status != 400 || got.text("error") != "invalid_grant" {
		t.Errorf("another integration: %d %s", got.status, got.body)
	}
	second := refresh(venafi.ClientID, first.text("refresh_token"))
	if second.status != 200 || second.text("access_token") == first.text("access_token") || !platform.TokenWorks(second.text("access_token")) {
		t.Errorf("refresh: %d %s", second.status, second.body)
	}
	if platform.TokenWorks(first.text("access_token")) || len(platform.OpenGrants()) != 1 {
		t.Error("the first pair still works")
	}
	if got := refresh(venafi.ClientID, first.text("refresh_token")); got.status != 400 {
		t.Errorf("again: %d %s", got.status, got.body)
	}
	noNotes(t, server)
}

func TestRevokedTokenNoLongerSetsPasswords(t *testing.T) {
	platform, server := newServer(t, venafi.Options{FailedRevocations: 1})
	token := send(t, server, signInCall(t, nil)).text("access_token")
	if status := revoke(t, server, token); status != 202 || !platform.TokenWorks(token) || len(platform.OpenGrants()) != 1 {
		t.Errorf("failed revocation: %d", status)
	}
	if status := revoke(t, server, token); status != 200 {
		t.Errorf("revocation: %d", status)
	}
	if got := send(t, server, setCall(t, token, nil)); got.status != 401 || platform.Updates() != 0 {
		t.Errorf("set password with a revoked token: %d %s", got.status, got.body)
	}
}

func TestOldVersions(t *testing.T) {
	platform, server := newServer(t, venafi.Options{OldScopeStatus: true, OldRevocation: true})
	if got := send(t, server, setCall(t, venafi.CertificateToken, nil)); got.status != 401 || got.text("error") != "insufficient_scope" {
		t.Errorf("set password with another scope: %d %s", got.status, got.body)
	}
	platform.AddToken(venafi.Grant{User: venafi.Caller, Scope: "security:manage;configuration:manage", AccessToken: "wide"})
	if status := revoke(t, server, venafi.ReadyToken); status != 401 || !platform.TokenWorks(venafi.ReadyToken) {
		t.Errorf("revocation without the scope: %d", status)
	}
	if status := revoke(t, server, "wide"); status != 200 {
		t.Errorf("revocation with the scope: %d", status)
	}
}

func TestDeadlocks(t *testing.T) {
	for _, commits := range []bool{false, true} {
		platform, server := newServer(t, venafi.Options{Deadlocks: 2, AssumeDeadlockCommits: commits})
		// A call that is refused meets no deadlock.
		if got := send(t, server, setCall(t, venafi.ReadyToken, fields{"Password": "x"})); got.status != 400 {
			t.Errorf("bad call: %d %s", got.status, got.body)
		}
		for i, want := range []int{500, 500, 200} {
			got := send(t, server, setCall(t, venafi.ReadyToken, nil))
			if got.status != want || (want == 500) != strings.Contains(got.text("Error"), "Rerun the transaction") {
				t.Errorf("call %d: %d %s", i+1, got.status, got.body)
			}
			if in := platform.Accepts("jdoe", newPassword); in != (commits || want == 200) {
				t.Errorf("call %d, commits %t: password in force %t", i+1, commits, in)
			}
		}
		noNotes(t, server)
	}
}

func TestChangeEndsGrants(t *testing.T) {
	for _, ends := range []bool{false, true} {
		platform, server := newServer(t, venafi.Options{AssumeChangeEndsGrants: ends})
		own := userSignIn(t, server, venafi.PlainCaller, venafi.CallerPassword).text("access_token")
		other := userSignIn(t, server, "jdo", venafi.FirstPassword).text("access_token")
		got := send(t, server, setCall(t, own, fields{"ID": fields{"PrefixedName": "local:" + venafi.PlainCaller}, "OldPassword": venafi.CallerPassword}))
		if got.status != 200 || platform.TokenWorks(own) == ends || !platform.TokenWorks(other) {
			t.Errorf("ends %t: %d, own token works %t", ends, got.status, platform.TokenWorks(own))
		}
		if status := revoke(t, server, own); (status == 202) != ends {
			t.Errorf("ends %t: revocation %d", ends, status)
		}
		if open := platform.OpenGrants(); len(open) != 1 || open[0].AccessToken != other {
			t.Errorf("ends %t: open grants %+v", ends, open)
		}
	}
}

func TestAnswerNamesAnother(t *testing.T) {
	platform, server := newServer(t, venafi.Options{AnswerNames: "admin", ExtraFields: true})
	platform.Add(venafi.Identity{Name: "locked", Password: venafi.FirstPassword, Locked: true, Disabled: true})
	got := send(t, server, setCall(t, venafi.ReadyToken, nil))
	entry, _ := got.object["ID"].(map[string]any)
	if got.status != 200 || entry["PrefixedUniversal"] != "local:{b6e6a98b-6419-4497-9249-860d136dfba0}" || entry["State"] != 0.0 || entry["IsGroup"] != false {
		t.Errorf("%d %s", got.status, got.body)
	}
	if !platform.Accepts("jdoe", newPassword) || !platform.Accepts("admin", venafi.FirstPassword) {
		t.Error("the password of the wrong identity was set")
	}

	platform, server = newServer(t, venafi.Options{ExtraFields: true})
	platform.Add(venafi.Identity{Name: "locked", Password: venafi.FirstPassword, Locked: true, Disabled: true})
	got = send(t, server, setCall(t, venafi.ReadyToken, fields{"ID": fields{"PrefixedName": "local:locked"}}))
	if entry, _ := got.object["ID"].(map[string]any); got.status != 200 || entry["State"] != 3.0 {
		t.Errorf("locked and disabled: %d %s", got.status, got.body)
	}
}

func TestErrorShapes(t *testing.T) {
	const setText = "The identity was not found."
	const signInText = "Username/password combination not valid"
	pair := func(code, text string) map[string]any {
		return map[string]any{"error": code, "error_description": text}
	}
	tests := []struct {
		name        string
		shape       venafi.ErrorShape
		signIn, set map[string]any // nil for no body
	}{
		{"as documented", venafi.AsDocumented, pair("invalid_grant", signInText), map[string]any{"Error": setText}},
		{"with description", venafi.WithDescription, pair("invalid_grant", signInText), pair("invalid_request", setText)},
		{"code alone", venafi.CodeAlone, map[string]any{"error": "invalid_grant"}, map[string]any{"error": setText}},
		{"Error", venafi.CapitalError, map[string]any{"Error": signInText}, map[string]any{"Error": setText}},
		{"ErrorDetails", venafi.ErrorDetails, map[string]any{"ErrorDetails": signInText}, map[string]any{"ErrorDetails": setText}},
		{"Message", venafi.Message, map[string]any{"Message": signInText}, map[string]any{"Message": setText}},
		{"status line", venafi.StatusLineOnly, nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			platform, server := newServer(t, venafi.Options{ErrorShape: test.shape})
			signIn := userSignIn(t, server, "jdoe", "x")
			set := send(t, server, setCall(t, venafi.ReadyToken, fields{"ID": fields{"PrefixedName": "local:nobody"}}))
			if signIn.status != 400 || !maps.Equal(signIn.object, test.signIn) || set.status != 400 || !maps.Equal(set.object, test.set) {
				t.Errorf("sign-in %d %s, set password %d %s", signIn.status, signIn.body, set.status, set.body)
			}
			if inLine := test.shape == venafi.StatusLineOnly; (signIn.reason == signInText) != inLine || (set.reason == setText) != inLine {
				t.Errorf("status lines %q, %q", signIn.reason, set.reason)
			}
			notAllowed := send(t, server, signInCall(t, fields{
				"client_id": venafi.CallersClientID, "username": "jdoe", "password": venafi.FirstPassword,
			}))
			if (notAllowed.status == 403) != (test.shape == venafi.StatusLineOnly) {
				t.Errorf("a user not allowed: %d", notAllowed.status)
			}
			fault := simulator.Fault{Exchange: venafi.SetPassword, Kind: simulator.KindNamed("500 before")}
			server.Inject(fault)
			if got := send(t, server, setCall(t, venafi.ReadyToken, nil)); got.status != 500 || len(got.object) != len(test.set) || platform.Updates() != 0 {
				t.Errorf("injected error: %d %s", got.status, got.body)
			}
		})
	}
}

func TestGeneralErrorCodes(t *testing.T) {
	auth := venafi.New(venafi.Options{}).Auth().(simulator.ErrorWriter)
	for status, code := range map[int]string{
		400: "invalid_request", 401: "session_error", 403: "insufficient_scope", 404: "invalid_request", 500: "server_error",
	} {
		var object map[string]string
		if err := json.Unmarshal(auth.ErrorAnswer(status, "text").Body, &object); err != nil || object["error"] != code || object["error_description"] != "text" {
			t.Errorf("%d: %v %v", status, object, err)
		}
	}
}

func TestNotes(t *testing.T) {
	with := func(call request, change func(*request)) request {
		change(&call)
		return call
	}
	header := func(call request, name string, values ...string) request {
		return with(call, func(r *request) { r.header = http.Header{name: values} })
	}
	at := func(call request, path string) request { return with(call, func(r *request) { r.path = path }) }
	signIn := func(changes fields) request { return signInCall(t, changes) }
	set := func(changes fields) request { return setCall(t, venafi.ReadyToken, changes) }
	id := func(id fields) request { return set(fields{"ID": id}) }
	get := func(path string) request { return request{method: "GET", path: path, token: venafi.ReadyToken} }
	noForm := "body: ID is neither PrefixedName nor PrefixedUniversal nor Prefix with Name or Universal"
	noUser := "body: username: the name "
	tests := []struct {
		name   string
		call   request
		status int
		note   string
	}{
		{"sign-in with a token", header(signIn(nil), "Authorization", "Bearer "+venafi.ReadyToken), 200, "header Authorization has no place here"},
		{"sign-in with a query", at(signIn(nil), signInPath+"?a=b"), 200, "a query has no place here"},
		{"sign-in as form", header(signIn(nil), "Content-Type", "application/x-www-form-urlencoded"), 200, "header Content-Type is not application/json"},
		{"sign-in in chunks", with(signIn(nil), func(r *request) { r.chunked = true }), 200, "the body is sent in chunks"},
		{"sign-in without scope", signIn(fields{"scope": nil}), 400, "body: key scope is missing"},
		{"sign-in with grant_type", signIn(fields{"grant_type": "password"}), 200, "body: unknown keys: 1"},
		{"sign-in with a number", signIn(fields{"password": 1}), 400, "body: key password is not of type string"},
		{"scope with blank", signIn(fields{"scope": "security:manage certificate"}), 400, "body: scope does not have the form name:restriction,restriction;name"},
		{"scope with empty part", signIn(fields{"scope": "security:manage;"}), 400, "body: scope does not have the form name:restriction,restriction;name"},
		{"sign-in by GUID", signIn(fields{"username": "local:{198c2d48-4f3c-4d5e-9a1b-0c2d3e4f5a6b}"}), 400, noUser + "is a GUID"},
		{"sign-in with a backslash", signIn(fields{"username": `CORP\jdoe`}), 400, noUser + "holds a backslash"},
		{"sign-in of nobody", signIn(fields{"username": "local:"}), 400, noUser + "is empty"},
		{"verify without token", header(get(verifyPath), "Authorization"), 401, "header Authorization is missing"},
		{"verify with a body", with(get(verifyPath), func(r *request) { r.body = "{}" }), 200, "header Content-Type has no place here"},
		{"revocation by POST", with(get(revokePath), func(r *request) { r.method = "POST" }), 405, "the path knows no such method"},
		{"revocation without token", header(get(revokePath), "Authorization"), 401, "header Authorization is missing"},
		{"revocation with another scheme", header(get(revokePath), "Authorization", "Basic "+venafi.ReadyToken), 401, "header Authorization does not have the form Bearer and credentials"},
		{"scheme in another case", header(get(verifyPath), "Authorization", "bearer "+venafi.ReadyToken), 200, "header Authorization is not Bearer, one space and credentials"},
		{"revocation with a query", at(get(revokePath), revokePath+"?token=x"), 200, "a query has no place here"},
		{"other case of the path", at(set(nil), "/vedsdk/identity/SetPassword"), 200, "the path is spelled otherwise than in the documents"},
		{"slash at the end", at(set(nil), setPath+"/"), 200, "the path is spelled otherwise than in the documents"},
		{"API key", header(set(nil), "X-Venafi-Api-Key", "x"), 200, "header X-Venafi-Api-Key has no place here"},
		{"cookie", header(set(nil), "Cookie", "a=b"), 200, "header Cookie has no place here"},
		{"null old password", with(set(nil), func(r *request) { r.body = strings.Replace(r.body, "{", `{"OldPassword":null,`, 1) }), 200, "body: key OldPassword is null"},
		{"lower-case keys", set(fields{"Password": nil, "password": newPassword}), 400, "body: key Password is missing"},
		{"ID as text", set(fields{"ID": "local:jdoe"}), 400, "body: key ID is not of type object"},
		{"empty ID", id(fields{}), 400, noForm},
		{"name without prefix", id(fields{"Name": "jdoe"}), 400, noForm},
		{"two forms", id(fields{"PrefixedName": "local:jdoe", "PrefixedUniversal": "local:{198c2d48-4f3c-4d5e-9a1b-0c2d3e4f5a6b}"}), 200, noForm},
		{"unknown key in ID", id(fields{"PrefixedName": "local:jdoe", "Colour": 1}), 200, "body: ID: unknown keys: 1"},
		{"no prefix", id(fields{"PrefixedName": "jdoe"}), 400, "body: ID: the prefix is neither local nor that of a directory"},
		{"unknown prefix", id(fields{"PrefixedName": "Local:jdoe"}), 400, "body: ID: the prefix is neither local nor that of a directory"},
		{"GUID as name", id(fields{"PrefixedName": "local:{198c2d48-4f3c-4d5e-9a1b-0c2d3e4f5a6b}"}), 400, "body: ID: the name is a GUID"},
		{"backslash in name", id(fields{"PrefixedName": `local:CORP\jdoe`}), 400, "body: ID: the name holds a backslash"},
		{"name as GUID", id(fields{"PrefixedUniversal": "local:jdoe"}), 400, "body: ID: the universal ID is not a GUID"},
		{"half a brace", id(fields{"PrefixedUniversal": "local:{198c2d48-4f3c-4d5e-9a1b-0c2d3e4f5a6b"}), 400, "body: ID: the universal ID is not a GUID"},
		{"everything that is known", id(fields{
			"FullName": `\VED\Identity\jdoe`, "Name": "jdoe", "Prefix": "local", "PrefixedName": "local:jdoe", "Type": 1,
			"PrefixedUniversal": "local:{198c2d48-4f3c-4d5e-9a1b-0c2d3e4f5a6b}", "Universal": "{198c2d48-4f3c-4d5e-9a1b-0c2d3e4f5a6b}",
		}), 200, noForm},
		{"refresh with a sign-in", at(signIn(nil), "/vedauth/authorize/token"), 400, "body: key refresh_token is missing"},
		{"other path", at(signIn(nil), "/vedauth/authorize/device"), 404, "no such path"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			platform, server := newServer(t, venafi.Options{})
			got := send(t, server, test.call)
			if got.status != test.status {
				t.Errorf("%d %s", got.status, got.body)
			}
			notes := server.Notes()
			if len(notes) == 0 || !strings.HasSuffix(notes[0], ": "+test.note) {
				t.Errorf("notes %q, want %q", notes, test.note)
			}
			effects := platform.Updates() + len(platform.OpenGrants())
			if !platform.TokenWorks(venafi.ReadyToken) {
				effects++
			}
			took := test.status == 200 && !strings.HasPrefix(test.call.path, verifyPath)
			if (effects == 1) != took || effects > 1 || platform.FailedLogins(venafi.Caller) != 0 {
				t.Errorf("%d effects", effects)
			}
		})
	}
}

func TestWrongAccount(t *testing.T) {
	platform, server := newServer(t, venafi.Options{})
	wrong := simulator.KindNamed("wrong account after")
	server.Inject(simulator.Fault{Exchange: venafi.SetPassword, Kind: wrong})
	server.Inject(simulator.Fault{Exchange: venafi.SignIn, Kind: wrong})
	user, _ := platform.Identity("jdoe")
	set := send(t, server, setCall(t, venafi.ReadyToken, nil))
	if entry, _ := set.object["ID"].(map[string]any); set.status != 200 || len(entry) != 7 || entry["Name"] == "jdoe" || strings.Contains(string(set.body), user.GUID) {
		t.Errorf("set password: %d %s", set.status, set.body)
	}
	signIn := userSignIn(t, server, "jdoe", newPassword)
	if signIn.status != 200 || signIn.text("access_token") == "" || !strings.HasPrefix(signIn.text("identity"), "local:{") || strings.Contains(signIn.text("identity"), user.GUID) {
		t.Errorf("sign-in: %d %s", signIn.status, signIn.body)
	}
	if !platform.Accepts("jdoe", newPassword) {
		t.Error("the change behind the wrong answer was not applied")
	}
}

func TestAddRefuses(t *testing.T) {
	tests := []struct {
		name string
		add  func(*venafi.Platform)
	}{
		{"name taken", func(p *venafi.Platform) { p.Add(venafi.Identity{Name: "jdoe"}) }},
		{"no name", func(p *venafi.Platform) { p.Add(venafi.Identity{}) }},
		{"GUID taken", func(p *venafi.Platform) {
			p.Add(venafi.Identity{Name: "new", GUID: "b6e6a98b-6419-4497-9249-860d136dfba0"})
		}},
		{"no GUID", func(p *venafi.Platform) { p.Add(venafi.Identity{Name: "new", GUID: "x"}) }},
		{"GUID in braces", func(p *venafi.Platform) {
			p.Add(venafi.Identity{Name: "new", GUID: "{b6e6a98b-6419-4497-9249-860d136dfba1}"})
		}},
		{"prefix", func(p *venafi.Platform) { p.Add(venafi.Identity{Name: "new", Prefix: "corp"}) }},
		{"integration taken", func(p *venafi.Platform) {
			p.AddIntegration(venafi.Integration{ClientID: venafi.ClientID, Scope: "certificate"})
		}},
		{"integration for nobody", func(p *venafi.Platform) {
			p.AddIntegration(venafi.Integration{ClientID: "new", Scope: "certificate", Users: []string{"nobody"}})
		}},
		{"integration without scope", func(p *venafi.Platform) { p.AddIntegration(venafi.Integration{ClientID: "new"}) }},
		{"token taken", func(p *venafi.Platform) {
			p.AddToken(venafi.Grant{User: "jdoe", Scope: "certificate", AccessToken: venafi.ReadyToken})
		}},
		{"token of nobody", func(p *venafi.Platform) {
			p.AddToken(venafi.Grant{User: "nobody", Scope: "certificate", AccessToken: "x"})
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			platform := venafi.New(venafi.Options{})
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			test.add(platform)
		})
	}
}

func TestReadersOfNobody(t *testing.T) {
	platform := venafi.New(venafi.Options{})
	if _, found := platform.Identity("nobody"); found || platform.Password("nobody") != "" || platform.Accepts("nobody", "") || platform.Accepts("PKI Admins", "") ||
		platform.FailedLogins("nobody") != 0 || platform.SuccessfulLogins("nobody") != 0 || platform.TokenWorks("unknown") {
		t.Error("something is known of nobody")
	}
}

func TestRouteMarks(t *testing.T) {
	type marks struct{ write, login, changes, wrongAccount bool }
	got := make(map[string]marks)
	for _, route := range venafi.New(venafi.Options{}).Routes() {
		got[route.Name] = marks{route.Write, route.Login, route.Changes, route.WrongAccount != nil}
	}
	want := map[string]marks{
		venafi.SignIn:       {login: true, changes: true, wrongAccount: true},
		venafi.RefreshToken: {changes: true, wrongAccount: true},
		venafi.VerifyToken:  {wrongAccount: true},
		venafi.RevokeGrant:  {changes: true},
		venafi.SetPassword:  {write: true, wrongAccount: true},
		venafi.ReadVersion:  {},
		venafi.Validate:     {wrongAccount: true},
	}
	if !maps.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

// TestSlowSignIn: sign-ins may go by the password before for a while, and a failed one may
// be counted without a word of it.
func TestSlowSignIn(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	platform, server := newServer(t, venafi.Options{AssumeLag: 15 * time.Second, AssumeHistory: true, Now: func() time.Time { return now }})
	set := func(password string) int {
		return send(t, server, setCall(t, venafi.ReadyToken, fields{"Password": password})).status
	}
	if status := set(newPassword); status != 200 {
		t.Fatalf("set password: %d", status)
	}
	for _, step := range []struct {
		after       time.Duration
		newOne, old int
	}{{0, 400, 200}, {14 * time.Second, 400, 200}, {time.Second, 200, 400}} {
		now = now.Add(step.after)
		newOne, old := userSignIn(t, server, "jdoe", newPassword), userSignIn(t, server, "jdoe", venafi.FirstPassword)
		if newOne.status != step.newOne || old.status != step.old {
			t.Errorf("after %v: the new one %d, the old one %d", step.after, newOne.status, old.status)
		}
	}
	if same, before := set(newPassword), set(venafi.FirstPassword); same != 200 || before != 400 || !platform.Accepts("jdoe", newPassword) {
		t.Errorf("the same again: %d, the one before: %d", same, before)
	}
	failed := platform.FailedLogins("jdoe")
	server.Inject(simulator.Fault{Exchange: venafi.SignIn, Kind: simulator.KindNamed("500 counted before")})
	if got := userSignIn(t, server, "jdoe", newPassword); got.status != 500 || platform.FailedLogins("jdoe") != failed+1 {
		t.Errorf("%d, %d failed of %d", got.status, platform.FailedLogins("jdoe"), failed)
	}
}
