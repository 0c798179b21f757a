package sailpoint_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/simulator/sailpoint"
)

const newPassword = `N"e\w<&é 1`

// session is a client with a token, talking in one path style.
type session struct {
	t      *testing.T
	server *simulator.Server
	tenant *sailpoint.Tenant
	token  string
	style  string
}

func start(t *testing.T, options sailpoint.Options) *session {
	t.Helper()
	tenant := sailpoint.New(options)
	server, err := simulator.Start(tenant, simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	s := &session{t: t, server: server, tenant: tenant, style: "v1"}
	s.signIn(sailpoint.ClientID)
	return s
}

// reply is an answer; object is nil if its body is not a JSON object.
type reply struct {
	status int
	header http.Header
	body   string
	object map[string]any
}

func (r reply) text(key string) string {
	value, _ := r.object[key].(string)
	return value
}

func (r reply) list(key string) []any {
	value, _ := r.object[key].([]any)
	return value
}

// send sends one request with these header fields and no others of note.
func (s *session) send(method, path, body string, header http.Header) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL()+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header = header
	response, err := s.server.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	received, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	answer := reply{status: response.StatusCode, header: response.Header, body: string(received)}
	if json.Unmarshal(received, &answer.object) != nil {
		answer.object = nil
	}
	return answer
}

func (s *session) requestToken(clientID, secret string) reply {
	s.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {secret}}
	return s.send("POST", "/oauth/token", form.Encode(), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
}

func (s *session) signIn(clientID string) {
	s.t.Helper()
	answer := s.requestToken(clientID, sailpoint.ClientSecret)
	if answer.status != 200 || answer.text("access_token") == "" {
		s.t.Fatalf("token: %d %s", answer.status, answer.body)
	}
	s.token = answer.text("access_token")
}

func (s *session) path(service string) string {
	if s.style == "v1" {
		return "/" + service + "/v1"
	}
	return "/" + s.style + "/" + service
}

func (s *session) headers(withBody bool) http.Header {
	header := http.Header{"Authorization": {"Bearer " + s.token}, "Accept": {"application/json"}}
	if withBody {
		header.Set("Content-Type", "application/json")
	}
	return header
}

func (s *session) query(userName, sourceName string) reply {
	s.t.Helper()
	return s.send("POST", s.path("query-password-info"), encode(s.t, map[string]string{"userName": userName, "sourceName": sourceName}), s.headers(true))
}

func (s *session) set(body map[string]string) reply {
	s.t.Helper()
	return s.send("POST", s.path("set-password"), encode(s.t, body), s.headers(true))
}

func (s *session) poll(requestID string) reply {
	s.t.Helper()
	return s.send("GET", s.path("password-change-status")+"/"+strings.ReplaceAll(url.QueryEscape(requestID), "+", "%20"), "", s.headers(false))
}

// request makes the body of set-password for the first account of an answer.
func (s *session) request(info reply, password string) map[string]string {
	s.t.Helper()
	if info.status != 200 || len(info.list("accounts")) == 0 {
		s.t.Fatalf("query: %d %s", info.status, info.body)
	}
	//lint:ignore SA1019 the vendor asks for this padding
	encrypted, err := rsa.EncryptPKCS1v15(rand.Reader, publicKey(s.t, info), []byte(password))
	if err != nil {
		s.t.Fatal(err)
	}
	return map[string]string{
		"identityId":        info.text("identityId"),
		"encryptedPassword": base64.StdEncoding.EncodeToString(encrypted),
		"publicKeyId":       info.text("publicKeyId"),
		"accountId":         info.list("accounts")[0].(map[string]any)["accountId"].(string),
		"sourceId":          info.text("sourceId"),
	}
}

// setFor looks up and sets in one go.
func (s *session) setFor(userName, sourceName, password string) reply {
	s.t.Helper()
	return s.set(s.request(s.query(userName, sourceName), password))
}

func publicKey(t *testing.T, info reply) *rsa.PublicKey {
	t.Helper()
	encoded, err := base64.StdEncoding.Strict().DecodeString(info.text("publicKey"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKIXPublicKey(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PublicKey)
}

func encode(t *testing.T, value any) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

func (s *session) noNotes() {
	s.t.Helper()
	if notes := s.server.Notes(); len(notes) != 0 {
		s.t.Errorf("notes: %q", notes)
	}
}

// note checks that the first note ends in this text.
func (s *session) note(text string) {
	s.t.Helper()
	notes := s.server.Notes()
	if len(notes) == 0 || !strings.HasSuffix(notes[0], ": "+text) {
		s.t.Errorf("notes %q, want %q", notes, text)
	}
}

func (s *session) accepts(password string, want bool) {
	s.t.Helper()
	if got := s.tenant.Accepts(sailpoint.SourceName, sailpoint.AccountID, password); got != want {
		s.t.Errorf("accepts %q: %t", password, got)
	}
}

// clock is a clock that tests move.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func keys(object map[string]any) string {
	return strings.Join(slices.Sorted(maps.Keys(object)), " ")
}

func TestRotation(t *testing.T) {
	s := start(t, sailpoint.Options{})
	info := s.query(sailpoint.UserName, sailpoint.SourceName)
	if info.status != 200 || keys(info.object) != "accounts identityId policies publicKey publicKeyId sourceId" {
		t.Fatalf("query: %d %s", info.status, info.body)
	}
	account := map[string]any{"accountId": sailpoint.AccountID, "accountName": sailpoint.UserName}
	if accounts := info.list("accounts"); len(accounts) != 2 ||
		!maps.Equal(accounts[0].(map[string]any), account) || !maps.Equal(accounts[1].(map[string]any), account) {
		t.Errorf("accounts: %v", accounts)
	}
	if !slices.Contains(info.list("policies"), any("passwordMinLength is 5")) || publicKey(t, info).Size() != 256 {
		t.Errorf("policies or key: %s", info.body)
	}
	answer := s.set(s.request(info, newPassword))
	if answer.status != 202 || answer.text("state") != "IN_PROGRESS" || keys(answer.object) != "requestId state" {
		t.Fatalf("set: %d %s", answer.status, answer.body)
	}
	requestID := answer.text("requestId")
	if first := s.poll(requestID); first.status != 200 || first.text("state") != "IN_PROGRESS" || first.text("requestId") != requestID {
		t.Errorf("first read: %d %s", first.status, first.body)
	}
	s.accepts(sailpoint.FirstPassword, true)
	if s.tenant.Pending() != 1 || s.tenant.Completed() != 0 {
		t.Errorf("%d pending, %d completed", s.tenant.Pending(), s.tenant.Completed())
	}
	last := s.poll(requestID)
	if last.text("state") != "FINISHED" || len(last.list("errors")) != 0 || !slices.Equal(last.list("sourceIds"), []any{info.text("sourceId")}) ||
		keys(last.object) != "errors requestId sourceIds state" {
		t.Errorf("last read: %d %s", last.status, last.body)
	}
	s.accepts(newPassword, true)
	s.accepts(sailpoint.FirstPassword, false)
	if s.tenant.Password(sailpoint.SourceName, sailpoint.AccountID) != newPassword || s.tenant.Pending() != 0 || s.tenant.Completed() != 1 {
		t.Error("the change is not complete")
	}
	if !s.tenant.Accepts("IdentityNow", "abby.smith", sailpoint.FirstPassword) || s.tenant.Accepts(sailpoint.SourceName, "nobody", "") || s.tenant.Password("nowhere", "") != "" {
		t.Error("other accounts have changed")
	}
	if writes := s.server.Count(func(e simulator.Exchange) bool { return e.Write }); writes != 1 {
		t.Errorf("%d writes", writes)
	}
	s.noNotes()
}

func TestToken(t *testing.T) {
	s := start(t, sailpoint.Options{})
	answer := s.requestToken(sailpoint.ClientID, sailpoint.ClientSecret)
	if answer.text("token_type") != "bearer" || answer.object["expires_in"] != 749.0 || answer.object["user_name"] != nil ||
		answer.text("scope") != "idn:password-info:read idn:password-change:manage idn:password-change:read" {
		t.Errorf("token of a client: %s", answer.body)
	}
	if answer := s.requestToken(sailpoint.OwnTokenID, sailpoint.ClientSecret); answer.text("user_name") != sailpoint.UserName || answer.text("identity_id") == "" {
		t.Errorf("token with a user: %s", answer.body)
	}
	for _, credentials := range [][2]string{{"unknown", sailpoint.ClientSecret}, {sailpoint.ClientID, "wrong"}, {sailpoint.ClientID, ""}} {
		answer := s.requestToken(credentials[0], credentials[1])
		if answer.status != 401 || answer.text("error") == "" || answer.text("error_description") != "Full authentication is required to access this resource" {
			t.Errorf("%q: %d %s", credentials, answer.status, answer.body)
		}
	}
	s.noNotes()
	plain := start(t, sailpoint.Options{PlainTokenErrors: true})
	if answer := plain.requestToken("unknown", ""); answer.status != 401 || keys(answer.object) != "error" {
		t.Errorf("plain error: %d %s", answer.status, answer.body)
	}
}

func TestTokenNotes(t *testing.T) {
	form := "grant_type=client_credentials&client_id=" + sailpoint.ClientID + "&client_secret=" + url.QueryEscape(sailpoint.ClientSecret)
	const encoded = "application/x-www-form-urlencoded"
	multipart := ""
	for _, field := range [][2]string{{"grant_type", "client_credentials"}, {"client_id", sailpoint.ClientID}, {"client_secret", sailpoint.ClientSecret}} {
		multipart += "--b\r\nContent-Disposition: form-data; name=\"" + field[0] + "\"\r\n\r\n" + field[1] + "\r\n"
	}
	multipart += "--b--\r\n"
	tests := []struct {
		name, path, body, contentType string
		header                        http.Header
		status                        int
		note                          string
	}{
		{"empty query", "/oauth/token?", form, encoded, nil, 200, "a query has no place here"},
		{"form in the query", "/oauth/token?" + form, "", "", nil, 200, "a query has no place here"},
		{"multipart", "/oauth/token", multipart, "multipart/form-data; boundary=b", nil, 200, "the form is sent as multipart/form-data"},
		{"authorization", "/oauth/token", form, encoded, http.Header{"Authorization": {"Basic eDp5"}}, 200, "header Authorization has no place here"},
		{"scope", "/oauth/token", form + "&scope=sp:scopes:all", encoded, nil, 200, "body: an unknown field"},
		{"JSON", "/oauth/token", `{"grant_type":"client_credentials"}`, "application/json", nil, 400, "header Content-Type is not application/x-www-form-urlencoded"},
		{"no secret", "/oauth/token", "grant_type=client_credentials&client_id=x", encoded, nil, 400, "body: field client_secret is missing"},
		{"other grant", "/oauth/token", strings.Replace(form, "client_credentials", "password", 1), encoded, nil, 400, "body: field grant_type is not client_credentials"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, sailpoint.Options{})
			header := test.header.Clone()
			if header == nil {
				header = make(http.Header)
			}
			if test.contentType != "" {
				header.Set("Content-Type", test.contentType)
			}
			answer := s.send("POST", test.path, test.body, header)
			if answer.status != test.status || (answer.text("error") == "") != (test.status == 200) || (answer.text("access_token") == "") != (test.status != 200) {
				t.Errorf("%d %s", answer.status, answer.body)
			}
			s.note(test.note)
		})
	}
}

func TestTokenExpiry(t *testing.T) {
	t.Run("by time", func(t *testing.T) {
		clock := newClock()
		s := start(t, sailpoint.Options{Now: clock.now, TokenLifetime: time.Minute})
		clock.Time = clock.Add(time.Minute - 1)
		requestID := s.setFor(sailpoint.UserName, sailpoint.SourceName, newPassword).text("requestId")
		clock.Time = clock.Add(1)
		expired := []reply{s.query("x", "y"), s.set(nil), s.poll(requestID)}
		for _, answer := range expired {
			if answer.status != 401 || answer.body != `{"error":"JWT validation failed: JWT is expired"}` {
				t.Errorf("%d %s", answer.status, answer.body)
			}
		}
		s.signIn(sailpoint.ClientID)
		if answer := s.poll(requestID); answer.status != 200 {
			t.Errorf("new token: %d %s", answer.status, answer.body)
		}
		s.noNotes()
	})
	t.Run("by uses", func(t *testing.T) {
		s := start(t, sailpoint.Options{TokenUses: 2})
		requestID := s.setFor(sailpoint.UserName, sailpoint.SourceName, newPassword).text("requestId")
		if answer := s.poll(requestID); answer.status != 401 {
			t.Errorf("%d %s", answer.status, answer.body)
		}
		s.signIn(sailpoint.ClientID)
		if answer := s.poll(requestID); answer.status != 200 {
			t.Errorf("new token: %d %s", answer.status, answer.body)
		}
		s.noNotes()
	})
	t.Run("from the start", func(t *testing.T) {
		s := start(t, sailpoint.Options{TokenUses: -1})
		if answer := s.query(sailpoint.UserName, sailpoint.SourceName); answer.status != 401 {
			t.Errorf("%d %s", answer.status, answer.body)
		}
	})
}

func TestRights(t *testing.T) {
	const other = "Abby.Smithe"
	tests := []struct {
		name, client, user string
		options            sailpoint.Options
		query, set, poll   int
	}{
		{"client", sailpoint.ClientID, other, sailpoint.Options{}, 200, 202, 200},
		{"all scopes", sailpoint.AllScopesClientID, other, sailpoint.Options{}, 200, 202, 200},
		{"powerless", sailpoint.PowerlessClientID, other, sailpoint.Options{}, 403, 403, 403},
		{"may not set", sailpoint.LookUpClientID, other, sailpoint.Options{}, 200, 403, 200},
		{"may not read the status", sailpoint.BlindClientID, other, sailpoint.Options{}, 200, 202, 403},
		{"own token", sailpoint.OwnTokenID, sailpoint.UserName, sailpoint.Options{}, 200, 202, 200},
		{"own token for another user", sailpoint.OwnTokenID, other, sailpoint.Options{}, 200, 403, 200},
		{"own token of no administrator", sailpoint.PlainTokenID, sailpoint.UserName, sailpoint.Options{}, 200, 202, 403},
		{"administrator's token", sailpoint.AdminTokenID, other, sailpoint.Options{}, 200, 403, 200},
		{"administrator's token that may", sailpoint.AdminTokenID, other, sailpoint.Options{TokensSetOthers: true}, 200, 202, 200},
		{"tokens may not query", sailpoint.OwnTokenID, sailpoint.UserName, sailpoint.Options{RefuseTokensQuery: true}, 403, 202, 200},
		{"clients may still query", sailpoint.ClientID, sailpoint.UserName, sailpoint.Options{RefuseTokensQuery: true}, 200, 202, 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, test.options)
			info := s.query(test.user, sailpoint.SourceName)
			requestID := s.setFor(sailpoint.UserName, sailpoint.SourceName, newPassword).text("requestId")
			s.signIn(test.client)
			answers := []reply{s.query(test.user, sailpoint.SourceName), s.set(s.request(info, newPassword)), s.poll(requestID)}
			for i, want := range []int{test.query, test.set, test.poll} {
				if answers[i].status != want || want == 403 && answers[i].text("detailCode") != "403 Forbidden" {
					t.Errorf("call %d: %d %s", i+1, answers[i].status, answers[i].body)
				}
			}
			s.noNotes()
		})
	}
}

func TestUnknownStatus(t *testing.T) {
	for _, test := range []struct {
		client         string
		existenceFirst bool
		status         int
	}{
		{sailpoint.ClientID, false, 404},
		{sailpoint.BlindClientID, false, 403},
		{sailpoint.BlindClientID, true, 404},
	} {
		s := start(t, sailpoint.Options{ExistenceFirst: test.existenceFirst})
		s.signIn(test.client)
		if answer := s.poll("0123456789abcdef0123456789abcdef"); answer.status != test.status {
			t.Errorf("%+v: %d %s", test, answer.status, answer.body)
		}
		s.noNotes()
	}
}

func TestQuery(t *testing.T) {
	const source = sailpoint.SourceName
	tests := []struct {
		name, user, source string
		options            sailpoint.Options
		status, accounts   int
	}{
		{"distinguished name", "jgarcía", source, sailpoint.Options{}, 200, 1},
		{"awkward login name", `o'hara+100%/"\ü`, source, sailpoint.Options{}, 200, 1},
		{"several", "Sue.Several", source, sailpoint.Options{}, 200, 2},
		{"none", "No.Account", source, sailpoint.Options{}, 200, 0},
		{"none at this source", sailpoint.UserName, "My-AD (old)", sailpoint.Options{}, 200, 0},
		{"login password", sailpoint.UserName, "IdentityNow", sailpoint.Options{}, 200, 1},
		{"other case", "abby.smith", source, sailpoint.Options{}, 400, 0},
		{"other case taken", "abby.smith", "my-ad", sailpoint.Options{AnyCase: true}, 200, 2},
		{"unknown user", "nobody", source, sailpoint.Options{}, 400, 0},
		{"unknown source", sailpoint.UserName, "nowhere", sailpoint.Options{Unknown: sailpoint.UnknownNotFound}, 404, 0},
		{"unknown, answered empty", "nobody", source, sailpoint.Options{Unknown: sailpoint.UnknownEmpty}, 200, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, test.options)
			answer := s.query(test.user, test.source)
			if answer.status != test.status || len(answer.list("accounts")) != test.accounts {
				t.Errorf("%d %s", answer.status, answer.body)
			}
			if empty := answer.text("identityId") == ""; empty != (test.status != 200 || test.options.Unknown == sailpoint.UnknownEmpty) {
				t.Errorf("identity: %s", answer.body)
			}
			s.noNotes()
		})
	}
}

func TestDistinguishedName(t *testing.T) {
	s := start(t, sailpoint.Options{Outcome: sailpoint.FinishesAtOnce})
	body := s.request(s.query("jgarcía", sailpoint.SourceName), newPassword)
	if body["accountId"] != `CN=García\, José \"Pepe\"\\Süd,OU=Zürich & <Basel>,DC=acme,DC=com` {
		t.Errorf("account ID %s", body["accountId"])
	}
	if answer := s.set(body); answer.text("state") != "FINISHED" || !s.tenant.Accepts(sailpoint.SourceName, body["accountId"], newPassword) {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	s.noNotes()
}

func TestOutcomes(t *testing.T) {
	tests := []struct {
		name       string
		options    sailpoint.Options
		answered   string // the state in the answer to set-password
		reads      string // the states or statuses of three status reads
		errors     int    // in the last read
		changed    bool   // after the three reads
		afterwards bool   // whether completing changes or has changed it
		pending    int
	}{
		{"finishes", sailpoint.Options{}, "IN_PROGRESS", "IN_PROGRESS FINISHED FINISHED", 0, true, true, 0},
		{"finishes at the first read", sailpoint.Options{EndsAtPoll: 1}, "IN_PROGRESS", "FINISHED FINISHED FINISHED", 0, true, true, 0},
		{"finishes at the third read", sailpoint.Options{EndsAtPoll: 3}, "IN_PROGRESS", "IN_PROGRESS IN_PROGRESS FINISHED", 0, true, true, 0},
		{"finishes at once", sailpoint.Options{Outcome: sailpoint.FinishesAtOnce}, "FINISHED", "FINISHED FINISHED FINISHED", 0, true, true, 0},
		{"finishes with errors", sailpoint.Options{Outcome: sailpoint.FinishesWithErrors}, "IN_PROGRESS", "IN_PROGRESS FINISHED FINISHED", 1, true, true, 0},
		{"fails", sailpoint.Options{Outcome: sailpoint.Fails}, "IN_PROGRESS", "IN_PROGRESS FAILED FAILED", 1, false, false, 0},
		{"fails at once", sailpoint.Options{Outcome: sailpoint.FailsAtOnce}, "FAILED", "FAILED FAILED FAILED", 1, false, false, 0},
		{"fails in part, alone", sailpoint.Options{Outcome: sailpoint.FailsInPart}, "IN_PROGRESS", "IN_PROGRESS FAILED FAILED", 1, true, true, 0},
		{"stays in progress", sailpoint.Options{Outcome: sailpoint.StaysInProgress}, "IN_PROGRESS", "IN_PROGRESS IN_PROGRESS IN_PROGRESS", 0, false, true, 1},
		{"hidden", sailpoint.Options{HiddenPolls: 1}, "IN_PROGRESS", "404 IN_PROGRESS FINISHED", 0, true, true, 0},
		{"another word", sailpoint.Options{ProgressWord: "RETRYING"}, "RETRYING", "RETRYING FINISHED FINISHED", 0, true, true, 0},
		{"awkward request ID", sailpoint.Options{AwkwardRequestIDs: true}, "IN_PROGRESS", "IN_PROGRESS FINISHED FINISHED", 0, true, true, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, test.options)
			answer := s.setFor(sailpoint.UserName, sailpoint.SourceName, newPassword)
			if answer.status != 202 || answer.text("state") != test.answered {
				t.Fatalf("set: %d %s", answer.status, answer.body)
			}
			var reads []string
			var last reply
			for range 3 {
				last = s.poll(answer.text("requestId"))
				if last.status == 404 {
					reads = append(reads, "404")
				} else {
					reads = append(reads, last.text("state"))
				}
			}
			if strings.Join(reads, " ") != test.reads || len(last.list("errors")) != test.errors {
				t.Errorf("reads %q, the last %s", reads, last.body)
			}
			if ids := len(last.list("sourceIds")); ids != 1-test.pending {
				t.Errorf("sourceIds: %s", last.body)
			}
			s.accepts(newPassword, test.changed)
			if pending := s.tenant.Pending(); pending != test.pending {
				t.Errorf("%d pending", pending)
			}
			s.tenant.Complete()
			s.accepts(newPassword, test.afterwards)
			s.accepts(sailpoint.FirstPassword, !test.afterwards)
			s.noNotes()
		})
	}
}

func TestNullRequestID(t *testing.T) {
	for _, test := range []struct {
		outcome sailpoint.Outcome
		state   string
		changed bool
	}{
		{sailpoint.Finishes, "IN_PROGRESS", false},
		{sailpoint.FinishesAtOnce, "FINISHED", true},
		{sailpoint.FailsAtOnce, "FAILED", false},
	} {
		s := start(t, sailpoint.Options{NullRequestID: true, Outcome: test.outcome})
		answer := s.setFor(sailpoint.UserName, sailpoint.SourceName, newPassword)
		if id, there := answer.object["requestId"]; answer.status != 202 || !there || id != nil || answer.text("state") != test.state {
			t.Errorf("%d %s", answer.status, answer.body)
		}
		s.accepts(newPassword, test.changed)
		s.tenant.Complete()
		s.accepts(newPassword, test.state != "FAILED")
	}
}

func TestSyncGroup(t *testing.T) {
	const account = "abby.smith@acme.com"
	for _, test := range []struct {
		outcome     sailpoint.Outcome
		drive, mail bool
	}{
		{sailpoint.FinishesAtOnce, true, true},
		{sailpoint.FailsInPart, false, true},
		{sailpoint.FailsAtOnce, false, false},
	} {
		s := start(t, sailpoint.Options{Outcome: test.outcome, EndsAtPoll: 1})
		answer := s.setFor(sailpoint.UserName, "Google Mail", newPassword)
		status := s.poll(answer.text("requestId"))
		if ids := status.list("sourceIds"); len(ids) != 2 || ids[0] == ids[1] {
			t.Errorf("%d %s", status.status, status.body)
		}
		drive := s.tenant.Accepts("Google Drive", account, newPassword)
		mail := s.tenant.Accepts("Google Mail", account, newPassword)
		if drive != test.drive || mail != test.mail {
			t.Errorf("outcome %d: drive %t, mail %t", test.outcome, drive, mail)
		}
		s.accepts(sailpoint.FirstPassword, true)
		s.noNotes()
	}
}

func TestRules(t *testing.T) {
	tests := []struct {
		name, source, password string
		history                bool
		text                   string
	}{
		{"colon", sailpoint.SourceName, "Pass:word1", false, "not allowed"},
		{"empty", sailpoint.SourceName, "", false, "not allowed"},
		{"short", sailpoint.SourceName, "éé1a", false, "passwordMinLength is 5"},
		{"no letter", sailpoint.SourceName, "1234567", false, "passwordMinAlpha is 1"},
		{"no digit", sailpoint.SourceName, "password", false, "passwordMinNumeric is 1"},
		{"used before", sailpoint.SourceName, sailpoint.FirstPassword, true, "used before"},
		{"source without passwords", "Payroll CSV", newPassword, false, "does not support"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, sailpoint.Options{History: test.history, EndsAtPoll: 1})
			answer := s.setFor(sailpoint.UserName, test.source, test.password)
			if answer.status != 202 || answer.text("state") != "IN_PROGRESS" {
				t.Fatalf("set: %d %s", answer.status, answer.body)
			}
			status := s.poll(answer.text("requestId"))
			if status.text("state") != "FAILED" || !strings.Contains(status.body, test.text) {
				t.Errorf("status: %s", status.body)
			}
			atOnce := start(t, sailpoint.Options{History: test.history, RefuseAtOnce: true})
			answer = atOnce.setFor(sailpoint.UserName, test.source, test.password)
			if answer.status != 400 || !strings.Contains(answer.body, test.text) || len(answer.list("messages")) != 1 {
				t.Errorf("at once: %d %s", answer.status, answer.body)
			}
			for _, s := range []*session{s, atOnce} {
				s.accepts(sailpoint.FirstPassword, true)
				if s.tenant.Completed() != 0 {
					t.Error("the change came into force")
				}
				s.noNotes()
			}
		})
	}
}

func TestHistoryHoldsFormerPasswords(t *testing.T) {
	s := start(t, sailpoint.Options{History: true, Outcome: sailpoint.FinishesAtOnce, RefuseAtOnce: true})
	for i, want := range []struct {
		password string
		status   int
	}{{newPassword, 202}, {newPassword, 400}, {sailpoint.FirstPassword, 400}} {
		if answer := s.setFor(sailpoint.UserName, sailpoint.SourceName, want.password); answer.status != want.status {
			t.Errorf("set %d: %d %s", i+1, answer.status, answer.body)
		}
	}
}

func TestRepeatWithoutHistory(t *testing.T) {
	s := start(t, sailpoint.Options{Outcome: sailpoint.FinishesAtOnce})
	for range 2 {
		if answer := s.setFor(sailpoint.UserName, sailpoint.SourceName, newPassword); answer.text("state") != "FINISHED" {
			t.Errorf("%d %s", answer.status, answer.body)
		}
	}
}

func TestRateLimit(t *testing.T) {
	clock := newClock()
	s := start(t, sailpoint.Options{Now: clock.now, RateLimit: 2})
	query := func() reply { return s.query(sailpoint.UserName, sailpoint.SourceName) }
	query()
	clock.Time = clock.Add(2500 * time.Millisecond)
	info := query()
	refused := s.set(s.request(info, newPassword))
	if refused.status != 429 || refused.body != `{"message":" Rate Limit Exceeded "}` || refused.header.Get("Retry-After") != "8" {
		t.Errorf("%d %v %s", refused.status, refused.header, refused.body)
	}
	s.style = "v3"
	if answer := query(); answer.status != 200 {
		t.Errorf("another path style: %d", answer.status)
	}
	s.style = "v1"
	first := s.token
	s.signIn(sailpoint.AllScopesClientID)
	if answer := query(); answer.status != 200 {
		t.Errorf("another client: %d", answer.status)
	}
	s.token = first
	clock.Time = clock.Add(7500 * time.Millisecond)
	if answer := query(); answer.status != 200 {
		t.Errorf("the next window: %d", answer.status)
	}
	s.noNotes()

	for _, test := range []struct{ limit, status int }{{0, 429}, {-1, 200}} {
		frozen := start(t, sailpoint.Options{Now: clock.now, RateLimit: test.limit, KeyBits: 1024})
		var last reply
		for range sailpoint.DefaultRateLimit + 1 {
			last = frozen.query("No.Account", sailpoint.SourceName)
		}
		if last.status != test.status {
			t.Errorf("limit %d: %d", test.limit, last.status)
		}
	}
}

func TestPathStyles(t *testing.T) {
	for _, style := range []string{"v1", "v3", "v2024", "v2025", "v2026"} {
		s := start(t, sailpoint.Options{EndsAtPoll: 1, Deprecated: true})
		s.style = style
		info := s.query(sailpoint.UserName, sailpoint.SourceName)
		answer := s.set(s.request(info, newPassword))
		status := s.poll(answer.text("requestId"))
		if status.text("state") != "FINISHED" {
			t.Errorf("%s: %d %s", style, status.status, status.body)
		}
		for _, answer := range []reply{info, answer, status} {
			if marked := answer.header.Get("X-Deprecated") == "true"; marked != (style != "v1") {
				t.Errorf("%s: deprecated %t", style, marked)
			}
		}
		s.noNotes()
	}
	for _, path := range []string{"/beta/set-password", "/set-password", "/v3/set-password/v1", "/v1/set-password", "/set-password/v1/"} {
		s := start(t, sailpoint.Options{})
		if answer := s.send("POST", path, "{}", s.headers(true)); answer.status != 404 {
			t.Errorf("%s: %d", path, answer.status)
		}
		s.note("no such path")
	}
}

func TestOldTenant(t *testing.T) {
	s := start(t, sailpoint.Options{PathStyles: []string{"v3"}})
	if answer := s.query(sailpoint.UserName, sailpoint.SourceName); answer.status != 404 || answer.text("detailCode") != "404 Not found" {
		t.Errorf("v1: %d %s", answer.status, answer.body)
	}
	s.style = "v3"
	info := s.query(sailpoint.UserName, sailpoint.SourceName)
	body := s.request(info, newPassword)
	if answer := s.set(body); answer.status != 202 || answer.header.Get("X-Deprecated") != "" {
		t.Errorf("v3: %d %s", answer.status, answer.body)
	}
	s.noNotes()
	s.style = "v1"
	if answer := s.set(body); answer.status != 404 {
		t.Errorf("set in v1: %d %s", answer.status, answer.body)
	}
	s.note("the tenant does not have this path style")
}

func TestKeySizes(t *testing.T) {
	for _, bits := range []int{1024, 1536, 2048} {
		s := start(t, sailpoint.Options{KeyBits: bits, Outcome: sailpoint.FinishesAtOnce})
		longest := strings.Repeat("a1", bits/16)[:bits/8-11]
		if answer := s.setFor(sailpoint.UserName, sailpoint.SourceName, longest); answer.status != 202 {
			t.Errorf("%d bits: %d %s", bits, answer.status, answer.body)
		}
		s.accepts(longest, true)
		s.noNotes()
	}
}

func TestLineBreakIsPartOfThePassword(t *testing.T) {
	for _, ending := range []string{"\n", "\r\n"} {
		s := start(t, sailpoint.Options{Outcome: sailpoint.FinishesAtOnce})
		if answer := s.setFor(sailpoint.UserName, sailpoint.SourceName, newPassword+ending); answer.status != 202 {
			t.Errorf("%d %s", answer.status, answer.body)
		}
		s.accepts(newPassword+ending, true)
		s.accepts(newPassword, false)
		s.noNotes()
	}
}

func TestSetPasswordNotes(t *testing.T) {
	field := func(name, value string) func(*testing.T, reply, map[string]string) {
		return func(_ *testing.T, _ reply, body map[string]string) { body[name] = value }
	}
	alter := func(change func(string) string) func(*testing.T, reply, map[string]string) {
		return func(_ *testing.T, _ reply, body map[string]string) {
			body["encryptedPassword"] = change(body["encryptedPassword"])
		}
	}
	recrypt := func(password string) func(*testing.T, reply, map[string]string) {
		return func(t *testing.T, info reply, body map[string]string) {
			//lint:ignore SA1019 the vendor asks for this padding
			encrypted, err := rsa.EncryptPKCS1v15(rand.Reader, publicKey(t, info), []byte(password))
			if err != nil {
				t.Fatal(err)
			}
			body["encryptedPassword"] = base64.StdEncoding.EncodeToString(encrypted)
		}
	}
	const (
		notDecrypted = "body: encryptedPassword is not UTF-8 encrypted for this key with PKCS #1 v1.5 padding"
		notBase64    = "body: encryptedPassword is not standard base64 with padding of as many bytes as the key has"
	)
	tests := []struct {
		name   string
		change func(*testing.T, reply, map[string]string)
		note   string
	}{
		{"identity", field("identityId", "x"), "body: identityId is not that of the answer with this publicKeyId"},
		{"source", field("sourceId", "x"), "body: sourceId is not that of the answer with this publicKeyId"},
		{"account name", field("accountId", sailpoint.UserName), "body: accountId is not one of the identity's at the source"},
		{"escaped account", field("accountId", url.QueryEscape(sailpoint.AccountID)), "body: accountId is not one of the identity's at the source"},
		{"account elsewhere", field("accountId", "abby.smith"), "body: accountId is not one of the identity's at the source"},
		{"key ID", field("publicKeyId", "x"), "body: publicKeyId is not from an answer to query password info"},
		{"one less", func(_ *testing.T, _ reply, body map[string]string) { delete(body, "sourceId") }, "body: key sourceId is missing"},
		{"wrapped", alter(func(text string) string { return text[:76] + "\n" + text[76:] }), "body: encryptedPassword is not on one line"},
		{"line break at the end", alter(func(text string) string { return text + "\n" }), "body: encryptedPassword is not on one line"},
		{"unpadded", alter(func(text string) string { return strings.TrimRight(text, "=") }), notBase64},
		{"other alphabet", alter(func(string) string { return strings.Repeat("-", 342) + "==" }), notBase64},
		{"clear text", field("encryptedPassword", base64.StdEncoding.EncodeToString([]byte(newPassword))), notBase64},
		{"not encrypted", field("encryptedPassword", base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 256))), notDecrypted},
		{"OAEP", func(t *testing.T, info reply, body map[string]string) {
			encrypted, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, publicKey(t, info), []byte(newPassword), nil)
			if err != nil {
				t.Fatal(err)
			}
			body["encryptedPassword"] = base64.StdEncoding.EncodeToString(encrypted)
		}, notDecrypted},
		{"not UTF-8", recrypt("Pass-1\xe9"), notDecrypted},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, sailpoint.Options{Outcome: sailpoint.FinishesAtOnce})
			info := s.query(sailpoint.UserName, sailpoint.SourceName)
			body := s.request(info, newPassword)
			test.change(t, info, body)
			answer := s.set(body)
			if answer.status != 400 || answer.text("detailCode") != "400.1 Bad request content" || len(answer.list("causes")) != 0 || len(answer.list("messages")) != 1 {
				t.Errorf("%d %s", answer.status, answer.body)
			}
			s.note(test.note)
			s.accepts(sailpoint.FirstPassword, true)
			if s.tenant.Pending()+s.tenant.Completed() != 0 {
				t.Error("the password was accepted")
			}
		})
	}
}

func TestHeadNotes(t *testing.T) {
	const body = `{"userName":"Abby.Smith","sourceName":"My-AD"}`
	query := func(header string, values ...string) func(s *session) reply {
		return func(s *session) reply {
			headers := s.headers(true)
			delete(headers, header)
			if values != nil {
				headers[header] = values
			}
			return s.send("POST", "/query-password-info/v1", body, headers)
		}
	}
	tests := []struct {
		name   string
		call   func(s *session) reply
		status int
		note   string
	}{
		{"no token", query("Authorization"), 401, "header Authorization is missing"},
		{"other scheme", query("Authorization", "Basic x"), 401, "header Authorization does not have the form Bearer and credentials"},
		{"unknown token", query("Authorization", "Bearer x"), 401, "header Authorization holds no token of this tenant"},
		{"no accept", query("Accept"), 200, "header Accept is missing"},
		{"other accept", query("Accept", "*/*"), 200, "header Accept is not application/json"},
		{"experimental", query("X-Sailpoint-Experimental", "true"), 200, "header X-Sailpoint-Experimental has no place here"},
		{"content type", query("Content-Type", "text/plain"), 200, "header Content-Type is not application/json"},
		{"query", func(s *session) reply {
			return s.send("POST", "/query-password-info/v1?a=b", body, s.headers(true))
		}, 200, "a query has no place here"},
		{"field name in another case", func(s *session) reply {
			return s.send("POST", "/query-password-info/v1", `{"username":"Abby.Smith","sourceName":"My-AD"}`, s.headers(true))
		}, 400, "body: key userName is missing"},
		{"null", func(s *session) reply {
			return s.send("POST", "/query-password-info/v1", `{"userName":"Abby.Smith","sourceName":null}`, s.headers(true))
		}, 400, "body: key sourceName is not of type string"},
		{"body on a read", func(s *session) reply {
			return s.send("GET", "/password-change-status/v1/x", "{}", s.headers(false))
		}, 404, "a body has no place here"},
		{"unescaped ID", func(s *session) reply {
			return s.send("GET", "/password-change-status/v1/a+b", "", s.headers(false))
		}, 404, "path segment request: a character outside the unreserved set is not percent-encoded"},
		{"method", func(s *session) reply {
			return s.send("PUT", "/set-password/v1", "{}", s.headers(true))
		}, 405, "the path knows no such method"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, sailpoint.Options{})
			if answer := test.call(s); answer.status != test.status {
				t.Errorf("%d %s", answer.status, answer.body)
			}
			s.note(test.note)
		})
	}
}

// TestKeyOfAnotherQuery: the tenant goes by what a request names, not by whose query
// its key answered.
func TestKeyOfAnotherQuery(t *testing.T) {
	s := start(t, sailpoint.Options{Outcome: sailpoint.FinishesAtOnce})
	other := s.query("Ada.Admin", sailpoint.SourceName)
	info := s.query(sailpoint.UserName, sailpoint.SourceName)
	body := s.request(info, newPassword)
	body["publicKeyId"] = other.text("publicKeyId")
	if answer := s.set(body); answer.status != 202 {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	s.note("body: identityId is not that of the answer with this publicKeyId")
	s.accepts(newPassword, true)
}

// TestHiddenAccounts: an account that a query does not show can be named all the same.
func TestHiddenAccounts(t *testing.T) {
	s := start(t, sailpoint.Options{Outcome: sailpoint.FinishesAtOnce, HideAccounts: true})
	info := s.query(sailpoint.UserName, sailpoint.SourceName)
	if info.status != 200 || len(info.list("accounts")) != 0 || info.text("identityId") == "" {
		t.Fatalf("%d %s", info.status, info.body)
	}
	//lint:ignore SA1019 the vendor asks for this padding
	encrypted, err := rsa.EncryptPKCS1v15(rand.Reader, publicKey(t, info), []byte(newPassword))
	if err != nil {
		t.Fatal(err)
	}
	body := map[string]string{
		"identityId": info.text("identityId"), "sourceId": info.text("sourceId"), "publicKeyId": info.text("publicKeyId"),
		"accountId": sailpoint.AccountID, "encryptedPassword": base64.StdEncoding.EncodeToString(encrypted),
	}
	if answer := s.set(body); answer.status != 202 {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	s.noNotes()
	s.accepts(newPassword, true)
}

// TestStatusNames: the status need not name its request.
func TestStatusNames(t *testing.T) {
	for names, want := range map[sailpoint.StatusNames]string{
		sailpoint.NamesRequest: "errors requestId sourceIds state", sailpoint.NamesNull: "errors requestId sourceIds state",
		sailpoint.NamesNothing: "errors sourceIds state",
	} {
		s := start(t, sailpoint.Options{Outcome: sailpoint.FinishesAtOnce, StatusNames: names})
		requestID := s.setFor(sailpoint.UserName, sailpoint.SourceName, newPassword).text("requestId")
		answer := s.poll(requestID)
		if answer.status != 200 || keys(answer.object) != want || (answer.text("requestId") == requestID) != (names == sailpoint.NamesRequest) {
			t.Errorf("%d: %d %s", names, answer.status, answer.body)
		}
		s.noNotes()
	}
}

// TestEndsAfter: a change ends by the tenant's clock, whether anybody reads its status
// or not, and no sooner.
func TestEndsAfter(t *testing.T) {
	now := newClock()
	s := start(t, sailpoint.Options{Now: now.now, EndsAfter: 15 * time.Second, TokenLifetime: time.Hour})
	requestID := s.setFor(sailpoint.UserName, sailpoint.SourceName, newPassword).text("requestId")
	for range 3 {
		if state := s.poll(requestID).text("state"); state != "IN_PROGRESS" {
			t.Errorf("state %q at once", state)
		}
	}
	now.Time = now.Add(14 * time.Second)
	s.accepts(sailpoint.FirstPassword, true)
	now.Time = now.Add(time.Second)
	s.accepts(newPassword, true)
	if state := s.poll(requestID).text("state"); state != "FINISHED" || s.tenant.Pending() != 0 || s.tenant.Completed() != 1 {
		t.Errorf("state %q in the end", state)
	}
	s.noNotes()
}

// TestForbiddenStyle: some versions refuse the query in one style and not in another.
func TestForbiddenStyle(t *testing.T) {
	s := start(t, sailpoint.Options{ForbiddenStyles: []string{"v1"}})
	if answer := s.query(sailpoint.UserName, sailpoint.SourceName); answer.status != 403 {
		t.Errorf("v1: %d %s", answer.status, answer.body)
	}
	s.style = "v3"
	if answer := s.query(sailpoint.UserName, sailpoint.SourceName); answer.status != 200 {
		t.Errorf("v3: %d %s", answer.status, answer.body)
	}
	s.noNotes()
}

func TestWrongAccount(t *testing.T) {
	wrong := simulator.KindNamed("wrong account after")
	t.Run("query", func(t *testing.T) {
		s := start(t, sailpoint.Options{})
		s.server.Inject(simulator.Fault{Exchange: sailpoint.QueryPasswordInfo, Kind: wrong})
		body := s.request(s.query(sailpoint.UserName, sailpoint.SourceName), newPassword)
		if body["accountId"] == sailpoint.AccountID {
			t.Errorf("account %s", body["accountId"])
		}
		if answer := s.set(body); answer.status != 400 {
			t.Errorf("set: %d %s", answer.status, answer.body)
		}
		s.noNotes()
	})
	t.Run("status", func(t *testing.T) {
		s := start(t, sailpoint.Options{EndsAtPoll: 2})
		s.server.Inject(simulator.Fault{Exchange: sailpoint.ReadChangeStatus, Kind: wrong})
		requestID := s.setFor(sailpoint.UserName, sailpoint.SourceName, newPassword).text("requestId")
		first, second := s.poll(requestID), s.poll(requestID)
		if first.text("requestId") == requestID || first.object["sourceIds"] != nil || second.text("requestId") == requestID || len(second.list("sourceIds")) != 1 {
			t.Errorf("%s %s", first.body, second.body)
		}
	})
}

func TestErrorAnswer(t *testing.T) {
	tenant := sailpoint.New(sailpoint.Options{})
	message := `[{"locale":"en-US","localeOrigin":"DEFAULT","text":"T"}]`
	general := func(code string) string {
		return `{"detailCode":"` + code + `","trackingId":"e7eab60924f64aa284175b9fa3309599","messages":` + message + `,"causes":` + message + `}`
	}
	for status, want := range map[int]string{
		400: general("400.1 Bad Request Content"),
		401: `{"error":"T"}`,
		403: general("403 Forbidden"),
		404: general("404 Not found"),
		405: general("405 Method Not Allowed"),
		429: `{"message":"T"}`,
		500: general("500.0 Internal Fault"),
	} {
		if answer := tenant.ErrorAnswer(status, "T"); answer.Status != status || string(answer.Body) != want {
			t.Errorf("%d %s", answer.Status, answer.Body)
		}
	}
}

func TestAlter(t *testing.T) {
	s := start(t, sailpoint.Options{Alter: func(route string, answer simulator.Answer) simulator.Answer {
		if route != sailpoint.QueryPasswordInfo {
			return answer
		}
		return simulator.RewriteJSON(answer, func(object map[string]any) { object["publicKey"] = "" })
	}})
	info := s.query(sailpoint.UserName, sailpoint.SourceName)
	if info.status != 200 || info.object["publicKey"] != "" || info.text("publicKeyId") == "" {
		t.Errorf("%d %s", info.status, info.body)
	}
}

func TestPanics(t *testing.T) {
	options := func(options sailpoint.Options) func() {
		return func() { sailpoint.New(options) }
	}
	tenant := sailpoint.New(sailpoint.Options{})
	person := func(id, userName string, account sailpoint.Account) func() {
		return func() {
			tenant.AddIdentity(sailpoint.Identity{ID: id, UserName: userName, Accounts: []sailpoint.Account{account}})
		}
	}
	for name, act := range map[string]func(){
		"small key":            options(sailpoint.Options{KeyBits: 512}),
		"large key":            options(sailpoint.Options{KeyBits: 4096}),
		"odd key":              options(sailpoint.Options{KeyBits: 1025}),
		"unknown path style":   options(sailpoint.Options{PathStyles: []string{"v2"}}),
		"client of taken ID":   func() { tenant.AddClient(sailpoint.Client{ID: sailpoint.ClientID}) },
		"client of nobody":     func() { tenant.AddClient(sailpoint.Client{ID: "new", Owner: "nobody"}) },
		"source of taken name": func() { tenant.AddSource(sailpoint.Source{ID: "new", Name: sailpoint.SourceName}) },
		"taken user name":      person("new", sailpoint.UserName, sailpoint.Account{SourceName: sailpoint.SourceName, ID: "n"}),
		"account nowhere":      person("a", "a", sailpoint.Account{SourceName: "nowhere", ID: "n"}),
		"taken account":        person("b", "b", sailpoint.Account{SourceName: sailpoint.SourceName, ID: sailpoint.AccountID}),
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			act()
		})
	}
}

func TestAdd(t *testing.T) {
	s := start(t, sailpoint.Options{Outcome: sailpoint.FinishesAtOnce})
	s.tenant.AddSource(sailpoint.Source{ID: "s", Name: "New", Policies: []string{"passwordMinLength is 12", "unknown is 99", "odd"}})
	s.tenant.AddIdentity(sailpoint.Identity{ID: "i", UserName: "new", Accounts: []sailpoint.Account{{SourceName: "New", ID: "a", Name: "new", Password: "old"}}})
	s.tenant.AddClient(sailpoint.Client{ID: "c", Secret: sailpoint.ClientSecret, Scopes: []string{"sp:scopes:all"}, Owner: "new"})
	s.signIn("c")
	if answer := s.setFor("new", "New", "twelve-chars"); answer.text("state") != "FINISHED" || !s.tenant.Accepts("New", "a", "twelve-chars") {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	if answer := s.setFor("new", "New", "eleven-char"); answer.text("state") == "FINISHED" || s.tenant.Accepts("New", "a", "eleven-char") {
		t.Errorf("short: %d %s", answer.status, answer.body)
	}
	s.noNotes()
}

func TestFaultsCoverTheRoutes(t *testing.T) {
	var hit []string
	for _, fault := range simulator.Faults(sailpoint.New(sailpoint.Options{}).Routes()) {
		if fault.Occurrence == 1 && (strings.HasPrefix(fault.Kind.Name, "drop") || strings.HasPrefix(fault.Kind.Name, "wrong")) {
			hit = append(hit, fault.String())
		}
	}
	want := []string{
		"drop before at request token 1",
		"drop before at query password info 1", "wrong account after at query password info 1",
		"drop before at set password 1", "drop after at set password 1",
		"drop before at read change status 1", "wrong account after at read change status 1",
	}
	if !slices.Equal(hit, want) {
		t.Errorf("faults %q", hit)
	}
}

func TestFailedAccess(t *testing.T) {
	s := start(t, sailpoint.Options{})
	before := s.tenant.FailedAccess()
	s.requestToken(sailpoint.ClientID, "wrong")
	s.requestToken("nobody", sailpoint.ClientSecret)
	s.requestToken(sailpoint.ClientID, sailpoint.ClientSecret)
	if failed := s.tenant.FailedAccess(); before != 0 || failed != 2 {
		t.Errorf("%d failed, then %d", before, failed)
	}
}
