package sps_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/simulator/sps"
)

const (
	authentication = "/api/authentication"
	transaction    = "/api/transaction"
	changes        = "/api/transaction/changes"
	ownPassword    = "/api/user/password"
	passwords      = "/api/configuration/passwords"
	users          = "/api/configuration/aaa/local_database/users"
	groups         = "/api/configuration/aaa/local_database/groups"
	rootPassword   = "/api/configuration/management/root_password"

	jdoe        = users + "/14322374245a7de542bbb08"
	newPassword = `N"e\w<&;: 1`
	commit      = `{"status":"commit"}`
)

// client is a plain client of one server.
type client struct {
	t      *testing.T
	server *simulator.Server
	cookie string // the Cookie header; "" for none
}

// reply is an answer with its JSON object.
type reply struct {
	status int
	header http.Header
	object map[string]any
}

// at returns the value at the keys, nil if there is none.
func (r reply) at(keys ...string) any {
	var value any = r.object
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

func start(t *testing.T, appliance *sps.Appliance) *client {
	t.Helper()
	server, err := simulator.Start(appliance, simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return &client{t: t, server: server}
}

// send sends a request. Header fields in extra replace those of a correct
// request; a nil value takes one away.
func (c *client) send(method, path, body string, extra http.Header) reply {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL()+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if extra["Transfer-Encoding"] != nil {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), -1
	}
	if c.cookie != "" {
		r.Header.Set("Cookie", c.cookie)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range extra {
		delete(r.Header, name)
		if values != nil {
			r.Header[name] = values
		}
	}
	return c.do(r)
}

func (c *client) do(r *http.Request) reply {
	c.t.Helper()
	response, err := c.server.Client().Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	answer := reply{status: response.StatusCode, header: response.Header}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&answer.object); err != nil && answer.status != http.StatusNoContent {
		c.t.Fatalf("answer: %v", err)
	}
	return answer
}

// authenticate sends a sign-in; query is "" or begins with a question mark.
func (c *client) authenticate(name, password, query string) reply {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), "GET", c.server.URL()+authentication+query, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.SetBasicAuth(name, password)
	return c.do(r)
}

// as returns a client with a new session of this user.
func (c *client) as(name, password string) *client {
	c.t.Helper()
	answer := c.authenticate(name, password, "")
	cookie, _, _ := strings.Cut(answer.header.Get("Set-Cookie"), ";")
	if answer.status != 200 || cookie == "" {
		c.t.Fatalf("sign-in of %s: %d %v", name, answer.status, answer.object)
	}
	return &client{t: c.t, server: c.server, cookie: cookie}
}

// rotator returns a client signed in as the access user.
func (c *client) rotator() *client {
	c.t.Helper()
	return c.as(sps.AccessUser, sps.AccessPassword)
}

// want sends a request that must have this status.
func (c *client) want(status int, method, path, body string) reply {
	c.t.Helper()
	answer := c.send(method, path, body, nil)
	if answer.status != status {
		c.t.Fatalf("%s %s: %d %v, want %d", method, path, answer.status, answer.object, status)
	}
	return answer
}

// create opens a transaction, if asked to, and returns a new password's reference.
func (c *client) create(open bool, password string) string {
	c.t.Helper()
	if open {
		c.want(200, "POST", transaction, "")
	}
	created := c.want(201, "POST", passwords, text(map[string]any{"plain": password}))
	reference := created.at("key").(string)
	if created.at("meta", "href") != passwords+"/"+reference {
		c.t.Errorf("created: %v", created.object)
	}
	return reference
}

// update returns the body that has a user refer to a password object.
func (c *client) update(path, reference string) string {
	c.t.Helper()
	body := c.want(200, "GET", path, "").at("body").(map[string]any)
	body["password"] = reference
	return text(body)
}

// rotate changes the password of the user at the path.
func (c *client) rotate(path, password string) {
	c.t.Helper()
	reference := c.create(true, password)
	c.want(200, "PUT", path, c.update(path, reference))
	c.want(200, "PUT", transaction, commit)
}

func text(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

// clean checks that no note was written down.
func (c *client) clean() {
	c.t.Helper()
	if notes := c.server.Notes(); len(notes) != 0 {
		c.t.Errorf("notes: %q", notes)
	}
}

// clock is an injected clock.
type clock struct{ time time.Time }

func (c *clock) now() time.Time { return c.time }

func newClock() *clock { return &clock{time.Date(2020, 2, 29, 12, 0, 0, 0, time.UTC)} }

func TestRotateLocalUser(t *testing.T) {
	for _, asObject := range []bool{false, true} {
		appliance := sps.New(sps.Options{PasswordAsObject: asObject})
		server := start(t, appliance)
		c := server.rotator()
		objects := appliance.PasswordObjects()

		listed := c.want(200, "GET", users, "")
		var found, old string
		for _, item := range listed.at("items").([]any) {
			item := reply{object: item.(map[string]any)}
			if len(item.object) != 2 {
				t.Fatalf("item: %v", item.object)
			}
			href := item.at("meta", "href").(string)
			user := c.want(200, "GET", href, "")
			if user.at("key") != item.at("key") {
				t.Errorf("user %v at %s", user.at("key"), href)
			}
			if user.at("body", "name") != "jdoe" {
				continue
			}
			found = href
			reference := user.at("body", "password")
			if asObject {
				reference = user.at("body", "password", "key")
			}
			old = reference.(string)
		}
		if found != jdoe {
			t.Fatalf("jdoe is at %q", found)
		}
		if opened := c.want(200, "POST", transaction, ""); opened.at("transaction", "status") != "open" {
			t.Errorf("transaction: %v", opened.object)
		}
		reference := c.create(false, newPassword)
		c.want(200, "PUT", jdoe, c.update(jdoe, reference))
		pending := c.want(200, "GET", changes, "").at("changes").([]any)
		if len(pending) != 2 || pending[1].(map[string]any)["path"] != jdoe {
			t.Errorf("changes: %v", pending)
		}
		if appliance.Accepts("jdoe", newPassword) || !appliance.Accepts("jdoe", sps.FirstPassword) || appliance.Commits() != 0 {
			t.Error("the password is in force before the commit")
		}
		if appliance.OpenTransactions() != 1 || !appliance.LockHeld() {
			t.Error("no transaction is open")
		}
		if committed := c.want(200, "PUT", transaction, commit); committed.at("transaction", "status") != "closed" {
			t.Errorf("transaction: %v", committed.object)
		}
		if !appliance.Accepts("jdoe", newPassword) || appliance.Accepts("jdoe", sps.FirstPassword) ||
			appliance.Password("jdoe") != newPassword || appliance.Commits() != 1 {
			t.Error("the password is not in force after the commit")
		}
		for _, name := range []string{"JDoe", "jdoe ", "jdoe2", "j.doe", "root", "jörg"} {
			if !appliance.Accepts(name, sps.FirstPassword) {
				t.Errorf("the password of %q was changed", name)
			}
		}
		if appliance.OpenTransactions() != 0 || appliance.LockHeld() || appliance.PasswordObjects() != objects {
			t.Error("something was left behind")
		}
		c.want(200, "GET", passwords+"/"+reference, "")
		c.want(404, "GET", passwords+"/"+old, "")
		server.as("jdoe", newPassword)
		if appliance.SuccessfulLogins("jdoe") != 1 || appliance.FailedLogins("jdoe") != 0 || appliance.OpenSessions() != 2 {
			t.Error("sign-ins are counted wrongly")
		}
		c.clean()
	}
}

func TestUserObjectIsShownWhole(t *testing.T) {
	c := start(t, sps.New(sps.Options{})).rotator()
	body := c.want(200, "GET", jdoe, "").at("body").(map[string]any)
	delete(body, "password")
	want := map[string]any{
		"name": "jdoe", "revision": json.Number("1"), "serial": json.Number("12345678901234567890"),
		"note": "<b>Zoë & Co</b>",
		"preferences": map[string]any{
			"theme": nil, "ratio": json.Number("1.50"), "tags": []any{}, "Theme": "dark",
		},
	}
	if !reflect.DeepEqual(body, want) {
		t.Errorf("body %v, want %v", body, want)
	}
}

func TestRotateOwnPassword(t *testing.T) {
	for _, user := range []struct{ name, password string }{
		{sps.PowerlessUser, sps.FirstPassword}, {sps.AccessUser, sps.AccessPassword}, {"jörg", sps.FirstPassword},
	} {
		appliance := sps.New(sps.Options{})
		server := start(t, appliance)
		c := server.as(user.name, user.password)
		reference := c.create(true, newPassword)
		change := func(current string) string {
			return text(map[string]any{"current_password_in_plaintext": current, "new_password_reference": reference})
		}
		c.want(400, "PUT", ownPassword, change("wrong"))
		c.want(200, "PUT", ownPassword, change(user.password))
		c.clean()
		c.want(200, "PUT", transaction, commit)
		server.as(user.name, newPassword)
		if appliance.Accepts(user.name, user.password) {
			t.Errorf("%s: the old password is in force", user.name)
		}
	}
}

func TestRotateRoot(t *testing.T) {
	for _, asObject := range []bool{false, true} {
		appliance := sps.New(sps.Options{PasswordAsObject: asObject})
		server := start(t, appliance)
		c := server.rotator()
		reference := c.create(true, newPassword)
		c.want(200, "PUT", rootPassword, text(reference))
		if !appliance.AcceptsRoot(sps.FirstRootPassword) {
			t.Error("the password is in force before the commit")
		}
		if strings.Contains(text(server.rotator().want(200, "GET", rootPassword, "").object), reference) {
			t.Error("another session sees what is not committed")
		}
		c.want(200, "PUT", transaction, commit)
		shown := c.want(200, "GET", rootPassword, "")
		got := shown.at("body")
		if asObject {
			got = shown.at("body", "key")
		}
		if got != reference || !appliance.AcceptsRoot(newPassword) || appliance.AcceptsRoot(sps.FirstRootPassword) {
			t.Errorf("root password: %v", shown.object)
		}
		if !appliance.Accepts("root", sps.FirstPassword) {
			t.Error("the local user root was changed")
		}
		c.clean()
	}
}

func TestKeysThatNeedEscaping(t *testing.T) {
	for name, path := range map[string]string{
		"jörg":   users + "/schl%C3%BCssel%2F100%25%20x",
		"o'hara": users + "/o%2Fhara",
		"olsen":  users + "/o%252Fhara",
	} {
		t.Run(name, func(t *testing.T) {
			appliance := sps.New(sps.Options{})
			c := start(t, appliance).rotator()
			user := c.want(200, "GET", path, "")
			if user.at("key") != appliance.Key(name) || user.at("body", "name") != name || user.at("meta", "href") != path {
				t.Errorf("user: %v", user.object)
			}
			if !strings.Contains(text(c.want(200, "GET", users, "").object), text(path)) {
				t.Error("the list does not have the path")
			}
			c.rotate(path, newPassword)
			for _, other := range []string{"jörg", "o'hara", "olsen"} {
				if appliance.Accepts(other, newPassword) != (other == name) {
					t.Errorf("the password of %s is wrong", other)
				}
			}
			c.clean()
		})
	}
	c := start(t, sps.New(sps.Options{})).rotator()
	if user := c.want(200, "GET", users+"/o%2fhara", ""); user.at("body", "name") != "o'hara" {
		t.Errorf("user: %v", user.object)
	}
	if len(c.server.Notes()) != 1 {
		t.Errorf("notes: %q", c.server.Notes())
	}
}

func TestGroups(t *testing.T) {
	c := start(t, sps.New(sps.Options{})).rotator()
	c.rotate(jdoe, newPassword)
	var names []string
	for _, item := range c.want(200, "GET", groups, "").at("items").([]any) {
		group := c.want(200, "GET", reply{object: item.(map[string]any)}.at("meta", "href").(string), "")
		if slices.Contains(group.at("body", "members").([]any), any("jdoe")) {
			names = append(names, group.at("body", "name").(string))
		}
	}
	if !slices.Equal(names, []string{"basic-view", "api"}) {
		t.Errorf("jdoe is in %q", names)
	}
	c.want(404, "GET", groups+"/nothing", "")
	c.clean()
}

func TestSignIn(t *testing.T) {
	ldap := "?login_method=" + url.QueryEscape("my LDAP")
	tests := []struct {
		name, user, password, query string
		options                     sps.Options
		status                      int
		kind                        string
	}{
		{"right", "jdoe", sps.FirstPassword, "", sps.Options{}, 200, ""},
		{"non-ASCII", "jörg", sps.FirstPassword, "", sps.Options{}, 200, ""},
		{"colon in the password", sps.AccessUser, sps.AccessPassword, "", sps.Options{}, 200, ""},
		{"wrong password", "jdoe", "wrong", "", sps.Options{}, 401, "AuthenticationFailure"},
		{"other case", "JDOE", sps.FirstPassword, "", sps.Options{}, 401, "AuthenticationFailure"},
		{"root of the system", "root", sps.FirstRootPassword, "", sps.Options{}, 401, "AuthenticationFailure"},
		{"no REST privilege", sps.NoRESTUser, sps.FirstPassword, "", sps.Options{}, 200, ""},
		{"no REST privilege refused", sps.NoRESTUser, sps.FirstPassword, "", sps.Options{RequireREST: true}, 403, "AccessDenied"},
		{"no REST privilege, wrong password", sps.NoRESTUser, "wrong", "", sps.Options{RequireREST: true}, 401, "AuthenticationFailure"},
		{"no REST privilege looks like a wrong password", sps.NoRESTUser, sps.FirstPassword, "", sps.Options{RequireREST: true, RESTStatus: 401}, 401, "AuthenticationFailure"},
		{"local", "jdoe", sps.FirstPassword, "?login_method=local", sps.Options{}, 200, ""},
		{"local switched off", "jdoe", sps.FirstPassword, "?login_method=local", sps.Options{LocalOff: true}, 400, "InvalidQuery"},
		{"old version", "jdoe", sps.FirstPassword, "?login_method=local", sps.Options{OldSignIn: true}, 400, "InvalidQuery"},
		{"other login method", "jdoe", sps.FirstPassword, ldap, sps.Options{}, 400, "InvalidQuery"},
		{"login method", "jdoe", sps.FirstPassword, ldap, sps.Options{LoginMethods: []string{"my LDAP"}}, 200, ""},
		{"login method left out", "jdoe", sps.FirstPassword, "", sps.Options{LoginMethods: []string{"my LDAP"}}, 200, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			appliance := sps.New(test.options)
			c := start(t, appliance)
			answer := c.authenticate(test.user, test.password, test.query)
			kind, _ := answer.at("error", "type").(string)
			if answer.status != test.status || kind != test.kind {
				t.Errorf("%d %v", answer.status, answer.object)
			}
			opened := 0
			if test.status == 200 {
				opened = 1
			}
			if appliance.OpenSessions() != opened || appliance.SuccessfulLogins(test.user) != opened ||
				(answer.header.Get("Set-Cookie") != "") != (opened == 1) {
				t.Errorf("%d sessions, cookie %q", appliance.OpenSessions(), answer.header.Get("Set-Cookie"))
			}
			if failed := appliance.FailedLogins(test.user); (failed == 1) != (test.status == 401 || test.status == 403) {
				t.Errorf("%d failed sign-ins", failed)
			}
			if answer.header.Get("Allow") != "GET" {
				t.Errorf("Allow: %q", answer.header.Get("Allow"))
			}
			c.clean()
		})
	}
}

// TestTypeOfSignIn: other clients name the type beside the login method.
func TestTypeOfSignIn(t *testing.T) {
	for query, want := range map[string]int{
		"?login_method=local&type=password": 200,
		"?type=password&login_method=local": 200,
		"?type=x509&login_method=local":     400,
	} {
		c := start(t, sps.New(sps.Options{}))
		if answer := c.authenticate("jdoe", sps.FirstPassword, query); answer.status != want {
			t.Errorf("%s: %d %v", query, answer.status, answer.object)
		}
		c.expect("the query is not one login_method")
	}
}

func TestLockOut(t *testing.T) {
	for _, test := range []struct {
		option, status int
		kind           string
	}{{0, 401, "AuthenticationFailure"}, {403, 403, "UserBlocked"}} {
		appliance := sps.New(sps.Options{LockOutAfter: 2, LockOutStatus: test.option})
		c := start(t, appliance)
		for i, step := range []struct {
			password string
			status   int
		}{
			{"wrong", 401}, {sps.FirstPassword, 200}, {"wrong", 401}, {"wrong", 401}, {sps.FirstPassword, test.status},
		} {
			answer := c.authenticate("jdoe", step.password, "")
			if answer.status != step.status || i == 4 && answer.at("error", "type") != test.kind {
				t.Errorf("sign-in %d: %d %v", i+1, answer.status, answer.object)
			}
		}
		if appliance.FailedLogins("jdoe") != 4 || appliance.FailedLogins("JDoe") != 0 || !appliance.Accepts("jdoe", sps.FirstPassword) {
			t.Errorf("%d failed sign-ins", appliance.FailedLogins("jdoe"))
		}
		c.as("JDoe", sps.FirstPassword)
	}
}

func TestSessionEndsWhenIdle(t *testing.T) {
	clock := newClock()
	appliance := sps.New(sps.Options{Now: clock.now, CookieExpires: true})
	server := start(t, appliance)
	answer := server.authenticate(sps.AccessUser, sps.AccessPassword, "")
	if cookie := answer.header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "session_id=") ||
		!strings.HasSuffix(cookie, "; Path=/; Expires=Sat, 29 Feb 2020 12:20:00 GMT; HttpOnly; Secure") {
		t.Errorf("Set-Cookie: %q", cookie)
	}
	c := server.rotator()
	c.want(200, "POST", transaction, "")
	clock.time = clock.time.Add(sps.SessionLife - time.Second)
	if remaining := c.want(200, "GET", transaction, "").at("meta", "remaining_seconds"); remaining != json.Number("1200") {
		t.Errorf("%v seconds remain", remaining)
	}
	if appliance.OpenSessions() != 2 {
		t.Errorf("%d sessions", appliance.OpenSessions())
	}
	clock.time = clock.time.Add(sps.SessionLife - time.Second)
	if appliance.OpenSessions() != 1 || !appliance.LockHeld() {
		t.Errorf("%d sessions", appliance.OpenSessions())
	}
	clock.time = clock.time.Add(time.Second)
	if appliance.OpenSessions() != 0 || appliance.OpenTransactions() != 0 || appliance.LockHeld() {
		t.Error("an idle session is open")
	}
	if answer := c.want(401, "GET", transaction, ""); answer.at("error", "type") != "Unauthenticated" || answer.at("error", "details", "resource") != transaction {
		t.Errorf("answer: %v", answer.object)
	}
	c.clean()
}

func TestSignOut(t *testing.T) {
	appliance := sps.New(sps.Options{SignOut: true})
	server := start(t, appliance)
	if answer := server.authenticate("jdoe", "wrong", ""); answer.header.Get("Allow") != "GET, DELETE" {
		t.Errorf("Allow: %q", answer.header.Get("Allow"))
	}
	c := server.rotator()
	c.want(200, "POST", transaction, "")
	c.want(200, "DELETE", authentication, "")
	if appliance.OpenSessions() != 0 || appliance.LockHeld() {
		t.Error("the session is open")
	}
	c.want(401, "GET", transaction, "")
	c.clean()
}

func TestRights(t *testing.T) {
	server := start(t, sps.New(sps.Options{}))
	powerless := server.as(sps.PowerlessUser, sps.FirstPassword)
	reference := powerless.create(true, newPassword)
	for _, path := range []string{users, jdoe, groups, rootPassword} {
		powerless.want(403, "GET", path, "")
	}
	powerless.want(403, "PUT", jdoe, text(map[string]any{"name": "jdoe", "password": reference}))
	powerless.want(403, "PUT", rootPassword, text(reference))
	noREST := server.as(sps.NoRESTUser, sps.FirstPassword)
	noREST.want(403, "GET", transaction, "")
	noREST.want(403, "POST", transaction, "")
	server.clean()
}

func TestNoCookie(t *testing.T) {
	appliance := sps.New(sps.Options{NoCookie: true})
	answer := start(t, appliance).authenticate("jdoe", sps.FirstPassword, "")
	if answer.status != 200 || answer.header.Get("Set-Cookie") != "" || appliance.OpenSessions() != 0 {
		t.Errorf("%d %v", answer.status, answer.header)
	}
}

func TestRollBack(t *testing.T) {
	appliance := sps.New(sps.Options{})
	c := start(t, appliance).rotator()
	objects := appliance.PasswordObjects()
	reference := c.create(true, newPassword)
	c.want(200, "PUT", jdoe, c.update(jdoe, reference))
	if closed := c.want(200, "DELETE", transaction, ""); closed.at("transaction", "status") != "closed" {
		t.Errorf("transaction: %v", closed.object)
	}
	c.want(400, "DELETE", transaction, "")
	c.want(404, "GET", passwords+"/"+reference, "")
	if appliance.Commits() != 0 || appliance.LockHeld() || appliance.PasswordObjects() != objects || !appliance.Accepts("jdoe", sps.FirstPassword) {
		t.Error("something was left behind")
	}
	c.rotate(jdoe, newPassword)
	c.clean()
}

func TestStatusInBody(t *testing.T) {
	c := start(t, sps.New(sps.Options{StatusInBody: true, WriteStatus: 204})).rotator()
	if closed := c.want(200, "GET", transaction, ""); closed.at("body", "status") != "closed" || closed.at("transaction") != nil {
		t.Errorf("transaction: %v", closed.object)
	}
	if open := c.want(200, "POST", transaction, ""); open.at("body", "status") != "open" {
		t.Errorf("transaction: %v", open.object)
	}
	reference := c.create(false, newPassword)
	c.want(204, "PUT", rootPassword, text(reference))
	c.clean()
}

func TestOneLockForAll(t *testing.T) {
	appliance := sps.New(sps.Options{})
	server := start(t, appliance)
	one, other := server.rotator(), server.as(sps.PowerlessUser, sps.FirstPassword)
	one.want(200, "POST", transaction, "")
	one.want(409, "POST", transaction, "")
	if answer := other.want(409, "POST", transaction, ""); !strings.Contains(answer.at("error", "message").(string), sps.AccessUser) {
		t.Errorf("the holder is not named: %v", answer.object)
	}
	one.want(200, "DELETE", transaction, "")
	other.want(200, "POST", transaction, "")
	if appliance.OpenTransactions() != 1 {
		t.Errorf("%d transactions", appliance.OpenTransactions())
	}
	server.clean()
}

func TestLockOfAnotherParty(t *testing.T) {
	tests := []struct {
		name                  string
		options               sps.Options
		status                int
		kind, message, detail any
	}{
		{"default", sps.Options{}, 409, "ConfigurationLocked", "the configuration is locked by admin at the web interface", nil},
		{"423", sps.Options{LockedStatus: 423, LockedType: "Busy", LockedMessage: "try later"}, 423, "Busy", "try later", nil},
		{"400", sps.Options{LockedStatus: 400, LockedMessage: "somebody is at it", DetailsAsText: true}, 400, "ConfigurationLocked", "somebody is at it", transaction},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.options.LockedAttempts = 2
			appliance := sps.New(test.options)
			c := start(t, appliance).rotator()
			for range 2 {
				if !appliance.LockHeld() {
					t.Error("the lock is free")
				}
				answer := c.want(test.status, "POST", transaction, "")
				if answer.at("error", "type") != test.kind || answer.at("error", "message") != test.message {
					t.Errorf("answer: %v", answer.object)
				}
				if details := answer.at("error", "details"); test.detail != nil && details != test.detail {
					t.Errorf("details: %v", details)
				}
			}
			c.want(200, "GET", users, "")
			c.rotate(jdoe, newPassword)
			if appliance.LockHeld() {
				t.Error("the lock is held")
			}
			c.clean()
		})
	}
}

func TestLockUntilReleased(t *testing.T) {
	appliance := sps.New(sps.Options{LockedAttempts: -1})
	c := start(t, appliance).rotator()
	for range 5 {
		c.want(409, "POST", transaction, "")
	}
	appliance.ReleaseLock()
	c.rotate(jdoe, newPassword)
	appliance.HoldLock(0)
	if !appliance.LockHeld() || appliance.OpenTransactions() != 0 {
		t.Error("the lock is free, or a transaction is open")
	}
	c.want(409, "POST", transaction, "")
	c.clean()
}

func TestSecondCommitIsRefused(t *testing.T) {
	appliance := sps.New(sps.Options{SeveralTransactions: true})
	server := start(t, appliance)
	one, other := server.rotator(), server.as(sps.PowerlessUser, sps.FirstPassword)
	reference := one.create(true, newPassword)
	one.want(200, "PUT", jdoe, one.update(jdoe, reference))
	own := other.create(true, newPassword)
	other.want(200, "PUT", ownPassword, text(map[string]any{
		"current_password_in_plaintext": sps.FirstPassword, "new_password_reference": own,
	}))
	if appliance.OpenTransactions() != 2 {
		t.Errorf("%d transactions", appliance.OpenTransactions())
	}
	one.want(200, "PUT", transaction, commit)
	other.want(409, "PUT", transaction, commit)
	if still := other.want(200, "GET", transaction, ""); still.at("transaction", "status") != "open" {
		t.Errorf("transaction: %v", still.object)
	}
	if !appliance.Accepts("jdoe", newPassword) || appliance.Accepts(sps.PowerlessUser, newPassword) || appliance.Commits() != 1 {
		t.Error("the refused commit took effect")
	}
	server.clean()
}

func TestCommitCollision(t *testing.T) {
	appliance := sps.New(sps.Options{CommitCollisions: 1})
	c := start(t, appliance).rotator()
	reference := c.create(true, newPassword)
	stale := c.update(jdoe, reference)
	c.want(200, "PUT", jdoe, stale)
	c.want(409, "PUT", transaction, commit)
	c.want(200, "DELETE", transaction, "")
	c.clean()
	c.rotate(jdoe, newPassword)
	c.clean()
	if !appliance.Accepts("jdoe", newPassword) {
		t.Error("the second attempt took no effect")
	}

	reference = c.create(true, newPassword)
	var body map[string]any
	if err := json.Unmarshal([]byte(stale), &body); err != nil {
		t.Fatal(err)
	}
	body["password"] = reference
	c.want(200, "PUT", jdoe, text(body))
	if !slices.ContainsFunc(c.server.Notes(), func(note string) bool {
		return strings.HasSuffix(note, "key revision is altered")
	}) {
		t.Errorf("notes: %q", c.server.Notes())
	}
}

func TestCommitMessage(t *testing.T) {
	for _, test := range []struct{ option, field string }{{"", "commit_message"}, {"message", "message"}} {
		appliance := sps.New(sps.Options{RequireCommitMessage: true, CommitMessageField: test.option})
		c := start(t, appliance).rotator()
		reference := c.create(true, newPassword)
		c.want(200, "PUT", jdoe, c.update(jdoe, reference))
		c.want(400, "PUT", transaction, commit)
		c.want(200, "PUT", transaction, text(map[string]any{"status": "commit", test.field: "rotation"}))
		if messages := appliance.CommitMessages(); !slices.Equal(messages, []string{"rotation"}) {
			t.Errorf("messages %q", messages)
		}
		c.clean()
	}
}

func TestRestartAfterCommit(t *testing.T) {
	appliance := sps.New(sps.Options{CommitEndsSessions: true, UnavailableAfterCommit: 2})
	c := start(t, appliance).rotator()
	c.rotate(jdoe, newPassword)
	if appliance.OpenSessions() != 0 {
		t.Error("a session outlived the restart")
	}
	c.want(401, "GET", transaction, "")
	for _, status := range []int{503, 503, 200} {
		if answer := c.authenticate("jdoe", newPassword, ""); answer.status != status {
			t.Errorf("sign-in: %d, want %d", answer.status, status)
		}
	}
	c.clean()
}

func TestPolicy(t *testing.T) {
	for _, policy := range []struct {
		name    string
		options sps.Options
	}{
		{"weak", sps.Options{MinimumLength: len(sps.FirstPassword) + 1}},
		{"used before", sps.Options{History: true}},
	} {
		for _, step := range []struct {
			name                  string
			at                    sps.Step
			password, put, commit int
		}{
			{"password", sps.AtPassword, 400, 0, 0}, {"put", sps.AtPut, 201, 400, 0}, {"commit", sps.AtCommit, 201, 200, 400},
		} {
			t.Run(policy.name+" at "+step.name, func(t *testing.T) {
				options := policy.options
				options.PolicyAt = step.at
				appliance := sps.New(options)
				c := start(t, appliance).rotator()
				c.want(200, "POST", transaction, "")
				created := c.want(step.password, "POST", passwords, text(map[string]any{"plain": sps.FirstPassword}))
				if reference, ok := created.at("key").(string); ok {
					c.want(step.put, "PUT", jdoe, c.update(jdoe, reference))
				}
				if step.commit != 0 {
					c.want(step.commit, "PUT", transaction, commit)
				}
				c.want(200, "DELETE", transaction, "")
				if appliance.Commits() != 0 || appliance.LockHeld() {
					t.Error("the password was committed, or the lock is held")
				}
				c.rotate(jdoe, strings.Repeat("long enough ", 2))
				c.clean()
			})
		}
	}
}

func TestHistoryIsOfOneUser(t *testing.T) {
	appliance := sps.New(sps.Options{History: true, PolicyAt: sps.AtPut})
	c := start(t, appliance).rotator()
	c.rotate(jdoe, newPassword)
	c.rotate(users+"/"+appliance.Key("JDoe"), newPassword)
	for _, password := range []string{newPassword, sps.FirstPassword} {
		reference := c.create(true, password)
		c.want(400, "PUT", jdoe, c.update(jdoe, reference))
		c.want(200, "DELETE", transaction, "")
	}
	reference := c.create(true, sps.FirstRootPassword)
	c.want(200, "PUT", rootPassword, text(reference))
	c.clean()
}

func TestExternalLogin(t *testing.T) {
	appliance := sps.New(sps.Options{ExternalLogin: true})
	server := start(t, appliance)
	c := server.rotator()
	c.rotate(jdoe, newPassword)
	if appliance.Password("jdoe") != newPassword || appliance.Accepts("jdoe", newPassword) || !appliance.Accepts("jdoe", sps.FirstPassword) {
		t.Error("the local password has an effect on sign-ins")
	}
	if answer := server.authenticate("jdoe", newPassword, ""); answer.status != 401 {
		t.Errorf("sign-in with the new password: %d", answer.status)
	}
	if answer := server.authenticate("jdoe", newPassword, "?login_method=local"); answer.status != 200 {
		t.Errorf("sign-in with the new password by the method local: %d", answer.status)
	}
	if answer := server.authenticate("jdoe", sps.FirstPassword, "?login_method=local"); answer.status != 401 {
		t.Errorf("sign-in with the old password by the method local: %d", answer.status)
	}
	// The current password stays the one that sign-ins take.
	for range 2 {
		reference := c.create(true, newPassword)
		c.want(200, "PUT", ownPassword, text(map[string]any{
			"current_password_in_plaintext": sps.AccessPassword, "new_password_reference": reference,
		}))
		c.want(200, "PUT", transaction, commit)
	}
	server.rotator()
	c.clean()
}

func TestWriteRules(t *testing.T) {
	// Each write is made within a transaction that has the password object
	// REFERENCE.
	whole := `"name":"jdoe","password":"REFERENCE","revision":1,"serial":12345678901234567890,` +
		`"note":"<b>Zoë & Co</b>","preferences":{"theme":null,"ratio":1.50,"tags":[],"Theme":"dark"}`
	tests := []struct {
		name, method, path, body string
		header                   http.Header
		status                   int
		note                     string
	}{
		{"field missing", "PUT", jdoe, `{"name":"jdoe","password":"REFERENCE"}`, nil, 200, "body: key note is missing"},
		{"field added", "PUT", jdoe, `{` + whole + `,"groups":[]}`, nil, 200, "body: unknown keys: 1"},
		{"envelope", "PUT", jdoe, `{"key":"k","body":{` + whole + `}}`, nil, 400, "body: key name is missing"},
		{"name altered", "PUT", jdoe, `{` + strings.Replace(whole, `"jdoe"`, `"JDoe"`, 1) + `}`, nil, 200, "body: key name is altered"},
		{"number altered", "PUT", jdoe, `{` + strings.Replace(whole, "12345678901234567890", "12345678901234567000", 1) + `}`, nil, 200, "body: key serial is altered"},
		{"inner field altered", "PUT", jdoe, `{` + strings.Replace(whole, `"theme":null,`, ``, 1) + `}`, nil, 200, "body: key preferences is altered"},
		{"reference as object", "PUT", jdoe, `{` + strings.Replace(whole, `"REFERENCE"`, `{"key":"REFERENCE"}`, 1) + `}`, nil, 400, "body: key password is not of type string"},
		{"password in place of its reference", "PUT", jdoe, `{` + strings.Replace(whole, "REFERENCE", "N3w", 1) + `}`, nil, 400, "body: the password is not the reference of an unused password object"},
		{"unknown user", "PUT", users + "/jdoe", `{` + whole + `}`, nil, 404, ""},
		{"two of one key", "PUT", jdoe, `{` + whole + `,"name":"jdoe"}`, nil, 200, "body: a key occurs twice in one object"},
		{"POST of a user", "POST", jdoe, `{` + whole + `}`, nil, 405, "the path knows no such method"},
		{"hash", "POST", passwords, `{"hash":"x"}`, nil, 400, "body: key plain is missing"},
		{"hash beside plain", "POST", passwords, `{"plain":"x","hash":"x"}`, nil, 201, "body: unknown keys: 1"},
		{"tilde", "POST", passwords, `{"plain":"x~"}`, nil, 400, "body: plain has a length or a character that SPS does not accept"},
		{"non-ASCII", "POST", passwords, `{"plain":"é"}`, nil, 400, "body: plain has a length or a character that SPS does not accept"},
		{"empty", "POST", passwords, `{"plain":""}`, nil, 400, "body: plain has a length or a character that SPS does not accept"},
		{"151 characters", "POST", passwords, `{"plain":"` + strings.Repeat("x", 151) + `"}`, nil, 400, "body: plain has a length or a character that SPS does not accept"},
		{"150 characters", "POST", passwords, `{"plain":"` + strings.Repeat("x", 150) + `"}`, nil, 201, ""},
		{"short path", "POST", "/api/passwords", `{"plain":"x"}`, nil, 404, "no such path"},
		{"list of passwords", "GET", passwords, "", nil, 405, "the path knows no such method"},
		{"DELETE of a password", "DELETE", passwords + "/x", "", nil, 405, "the path knows no such method"},
		{"root as object", "PUT", rootPassword, `{"key":"REFERENCE"}`, nil, 400, "body is not a JSON string"},
		{"root without quotes", "PUT", rootPassword, `REFERENCE`, nil, 400, "body is not a JSON string"},
		{"root refers to nothing", "PUT", rootPassword, `"N3w"`, nil, 400, "body: the password is not the reference of an unused password object"},
		{"root", "PUT", rootPassword, `"REFERENCE"`, nil, 200, ""},
		{"root as text", "PUT", rootPassword, `"REFERENCE"`, http.Header{"Content-Type": {"text/plain"}}, 200, "header Content-Type is not application/json"},
		{"own password without the current one", "PUT", ownPassword, `{"new_password_reference":"REFERENCE"}`, nil, 400, "body: key current_password_in_plaintext is missing"},
		{"commit of nothing", "PUT", transaction, commit, nil, 200, "a commit has nothing to commit"},
		{"another status", "PUT", transaction, `{"status":"closed"}`, nil, 400, "body: status is not commit"},
		{"no Content-Type", "PUT", transaction, commit, http.Header{"Content-Type": nil}, 200, "header Content-Type is missing"},
		{"query", "DELETE", transaction + "?x=y", "", nil, 200, "a query has no place here"},
		{"body on GET", "GET", users, "{}", http.Header{"Content-Type": nil}, 200, "a body has no place here"},
		{"no cookie", "GET", users, "", http.Header{"Cookie": nil}, 401, "header Cookie is missing"},
		{"cookie of another name", "GET", users, "", http.Header{"Cookie": {"session=x"}}, 401, "header Cookie is not session_id and its value alone"},
		{"two cookies", "GET", users, "", http.Header{"Cookie": {"session_id=x; a=b"}}, 401, "header Cookie is not session_id and its value alone"},
		{"made-up cookie", "GET", users, "", http.Header{"Cookie": {"session_id=x"}}, 401, "header Cookie names a session that never was"},
		{"session_id as a header", "GET", users, "", http.Header{"Cookie": nil, "Session_id": {"x"}}, 401, "header Session_id has no place here"},
		{"Basic again", "GET", users, "", http.Header{"Authorization": {"Basic eDp4"}}, 200, "header Authorization has no place here"},
		{"browser", "DELETE", transaction, "", http.Header{"User-Agent": {"Mozilla/5.0 (Windows NT)"}}, 200, "header User-Agent looks like a browser's"},
		{"several cookies", "GET", users, "", http.Header{"Cookie": {"a=b; session_id=COOKIE"}}, 200, "header Cookie is not session_id and its value alone"},
		{"sign-out where there is none", "DELETE", authentication, "", nil, 405, "the path knows no such method"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			appliance := sps.New(sps.Options{})
			c := start(t, appliance).rotator()
			reference := c.create(true, newPassword)
			_, cookie, _ := strings.Cut(c.cookie, "=")
			header := test.header.Clone()
			for _, values := range header {
				for i := range values {
					values[i] = strings.ReplaceAll(values[i], "COOKIE", cookie)
				}
			}
			answer := c.send(test.method, test.path, strings.ReplaceAll(test.body, "REFERENCE", reference), header)
			if answer.status != test.status {
				t.Errorf("%d %v", answer.status, answer.object)
			}
			if answer.status >= 400 && (answer.at("error", "type") == "" || answer.at("error", "message") == "") {
				t.Errorf("an error without type or message: %v", answer.object)
			}
			c.expect(test.note)
			if test.status >= 400 && (appliance.Commits() != 0 || appliance.OpenTransactions() != 1) {
				t.Error("a refused request took effect")
			}
		})
	}
}

// expect checks that the first note is this one; "" stands for none.
func (c *client) expect(note string) {
	c.t.Helper()
	notes := c.server.Notes()
	if note == "" {
		c.clean()
	} else if len(notes) == 0 || !strings.HasSuffix(notes[0], ": "+note) {
		c.t.Errorf("notes %q, want %q", notes, note)
	}
}

func TestPasswordObjectIsForOneUse(t *testing.T) {
	c := start(t, sps.New(sps.Options{})).rotator()
	reference := c.create(true, newPassword)
	body := c.update(jdoe, reference)
	c.want(200, "PUT", jdoe, body)
	c.want(400, "PUT", rootPassword, text(reference))
	c.want(400, "PUT", jdoe, body)
	if notes := c.server.Notes(); len(notes) != 2 {
		t.Errorf("notes: %q", notes)
	}
	c.want(200, "PUT", transaction, commit)
	if notes := c.server.Notes(); len(notes) != 3 || !strings.HasSuffix(notes[2], ": a commit follows a refused step") {
		t.Errorf("notes: %q", notes)
	}
}

func TestWritesOutsideATransaction(t *testing.T) {
	for _, test := range []struct{ method, path, body, note string }{
		{"POST", passwords, `{"plain":"x"}`, "a write comes outside a transaction"},
		{"PUT", jdoe, `{"name":"jdoe","password":"x"}`, "a write comes outside a transaction"},
		{"PUT", ownPassword, `{"current_password_in_plaintext":"x","new_password_reference":"x"}`, "a write comes outside a transaction"},
		{"PUT", rootPassword, `"x"`, "a write comes outside a transaction"},
		{"PUT", transaction, commit, "a commit comes outside a transaction"},
	} {
		appliance := sps.New(sps.Options{OpenFirst: true})
		c := start(t, appliance).rotator()
		c.want(400, test.method, test.path, test.body)
		c.expect(test.note)
		if appliance.OpenTransactions() != 0 {
			t.Error("a transaction was opened")
		}
	}

	// Recent versions open one with the first change.
	appliance := sps.New(sps.Options{})
	c := start(t, appliance).rotator()
	reference := c.create(false, newPassword)
	c.expect("a write comes outside a transaction")
	c.want(200, "PUT", jdoe, c.update(jdoe, reference))
	c.want(200, "PUT", transaction, commit)
	if !appliance.Accepts("jdoe", newPassword) {
		t.Error("the change took no effect")
	}

	appliance.HoldLock(1)
	c.want(409, "POST", passwords, `{"plain":"x"}`)
	if appliance.OpenTransactions() != 0 {
		t.Error("a transaction was opened under another's lock")
	}
}

// TestUserIsReplaced: a PUT has the whole object, and what it leaves out is gone.
func TestUserIsReplaced(t *testing.T) {
	appliance := sps.New(sps.Options{})
	c := start(t, appliance).rotator()
	reference := c.create(true, newPassword)
	c.want(200, "PUT", jdoe, `{"name":"john","password":"`+reference+`"}`)
	c.want(200, "PUT", transaction, commit)
	if !appliance.Accepts("john", newPassword) || appliance.Accepts("jdoe", sps.FirstPassword) {
		t.Error("the user was not renamed")
	}
	if user := c.want(200, "GET", jdoe, ""); user.at("body", "serial") != nil {
		t.Errorf("user: %v", user.object)
	}
}

// TestBrowsersNeedToken: version 7.5 wants a token from what looks like a browser.
func TestBrowsersNeedToken(t *testing.T) {
	browser := http.Header{"User-Agent": {"Mozilla/5.0 (Windows NT) PowerShell/7"}}
	c := start(t, sps.New(sps.Options{BrowsersNeedToken: true})).rotator()
	if answer := c.send("POST", transaction, "", browser); answer.status != 403 {
		t.Errorf("without a token: %d %v", answer.status, answer.object)
	}
	token, _ := c.want(200, "GET", "/api/user/info", "").at("body", "token").(string)
	withToken := browser.Clone()
	withToken.Set("X-Token", token)
	if answer := c.send("POST", transaction, "", withToken); token == "" || answer.status != 200 {
		t.Errorf("with the token: %d %v", answer.status, answer.object)
	}
	if answer := c.send("DELETE", transaction, "", nil); answer.status != 200 {
		t.Errorf("another client: %d %v", answer.status, answer.object)
	}
}

// TestLoginMethods: they are listed for anybody.
func TestLoginMethods(t *testing.T) {
	const path = authentication + "/login_methods"
	for _, test := range []struct {
		options sps.Options
		status  int
		list    string
	}{
		{sps.Options{}, 200, `[{"name":"local","type":"local"}]`},
		{sps.Options{LoginMethods: []string{"ad"}, MethodNames: true}, 200, `["local","ad"]`},
		{sps.Options{LoginMethods: []string{"ad"}, LocalOff: true}, 200, `[{"name":"ad","type":"ldap"}]`},
		{sps.Options{OldSignIn: true}, 404, "null"},
	} {
		c := start(t, sps.New(test.options))
		if answer := c.send("GET", path, "", nil); answer.status != test.status || text(answer.at("login_methods")) != test.list {
			t.Errorf("%d %v, want %s", answer.status, answer.object, test.list)
		}
		c.clean()
	}
}

func TestOpeningNeedsALength(t *testing.T) {
	appliance := sps.New(sps.Options{})
	c := start(t, appliance).rotator()
	if answer := c.send("POST", transaction, "", http.Header{"Transfer-Encoding": {"chunked"}}); answer.status != 411 {
		t.Errorf("chunked: %d", answer.status)
	}
	c.expect("header Content-Length is missing")

	// net/http sends a length with every POST, so this one is written by hand.
	connection, err := tls.Dial("tcp", c.server.Host(), &tls.Config{RootCAs: c.server.Authority().Pool()})
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, "POST "+transaction+" HTTP/1.1\r\nHost: "+c.server.Host()+"\r\nCookie: "+c.cookie+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	status := make([]byte, len("HTTP/1.1 411"))
	if _, err := io.ReadFull(connection, status); err != nil || string(status) != "HTTP/1.1 411" {
		t.Errorf("without length: %q, %v", status, err)
	}
	if appliance.OpenTransactions() != 0 {
		t.Error("a transaction was opened")
	}
	if answer := c.send("POST", transaction, "{}", nil); answer.status != 200 || appliance.OpenTransactions() != 1 {
		t.Errorf("with a body: %d", answer.status)
	}
}

func TestSignInRules(t *testing.T) {
	basic := []string{"Basic amRvZTpGaXJzdC1QYXNzIXdvcmQtMQ=="} // jdoe and the first password
	tests := []struct {
		name, query string
		header      http.Header
		status      int
		note        string
	}{
		{"right", "", http.Header{"Authorization": basic}, 200, ""},
		{"cookie", "", http.Header{"Authorization": basic, "Cookie": {"session_id=x"}}, 200, "header Cookie has no place here"},
		{"no credentials", "", nil, 401, "header Authorization is missing"},
		{"no colon", "", http.Header{"Authorization": {"Basic eHh4"}}, 401, "header Authorization has no colon between user and password"},
		{"Latin-1", "", http.Header{"Authorization": {"Basic avZyZzp4"}}, 401, "header Authorization is not base64 of UTF-8"},
		{"other query", "?type=x509", http.Header{"Authorization": basic}, 400, "the query is not one login_method"},
		{"empty query", "?", http.Header{"Authorization": basic}, 400, "the query is not one login_method"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			appliance := sps.New(sps.Options{LoginMethods: []string{"local"}})
			c := start(t, appliance)
			if answer := c.send("GET", authentication+test.query, "", test.header); answer.status != test.status {
				t.Errorf("%d %v", answer.status, answer.object)
			}
			if opened := appliance.OpenSessions(); (opened == 1) != (test.status == 200) {
				t.Errorf("%d sessions", opened)
			}
			c.expect(test.note)
		})
	}
}

func TestWrongAccount(t *testing.T) {
	c := start(t, sps.New(sps.Options{})).rotator()
	c.server.Inject(simulator.Fault{Exchange: sps.ReadUser, Kind: simulator.KindNamed("wrong account after")})
	user := c.want(200, "GET", jdoe, "")
	if user.at("body", "name") == "jdoe" || user.at("key") == "14322374245a7de542bbb08" || user.at("body", "serial") != json.Number("12345678901234567890") {
		t.Errorf("user: %v", user.object)
	}
}

func TestInjectedErrorsHaveTheShapeOfSPS(t *testing.T) {
	c := start(t, sps.New(sps.Options{})).rotator()
	c.server.Inject(simulator.Fault{Exchange: sps.ListUsers, Occurrence: 1, Kind: simulator.KindNamed("429 before")})
	c.server.Inject(simulator.Fault{Exchange: sps.ListUsers, Occurrence: 2, Kind: simulator.KindNamed("echo 401 before")})
	if answer := c.want(429, "GET", users, ""); answer.at("error", "type") != "TooManyRequests" || answer.at("error", "message") == nil {
		t.Errorf("answer: %v", answer.object)
	}
	if answer := c.want(401, "GET", users, ""); answer.at("error", "type") != "Unauthenticated" {
		t.Errorf("answer: %v", answer.object)
	}
	if unfired := c.server.Unfired(); len(unfired) != 0 {
		t.Errorf("unfired: %v", unfired)
	}
}

func TestOneRouteWrites(t *testing.T) {
	var writes, logins []string
	for _, route := range sps.New(sps.Options{SignOut: true}).Routes() {
		if route.Write {
			writes = append(writes, route.Name)
		}
		if route.Login {
			logins = append(logins, route.Name)
		}
		if reads := route.Method == "GET" && !route.Login; reads == (route.Write || route.Changes) {
			t.Errorf("%s is marked wrongly", route.Name)
		}
	}
	if !slices.Equal(writes, []string{sps.Commit}) || !slices.Equal(logins, []string{sps.SignIn}) {
		t.Errorf("writes %q, logins %q", writes, logins)
	}
}

func TestAddRefuses(t *testing.T) {
	for name, user := range map[string]sps.User{
		"no key":    {Name: "new"},
		"key taken": {Key: "o/hara", Name: "new"},
		"no object": {Key: "k", Name: "new", Fields: `[]`},
		"name":      {Key: "k", Name: "new", Fields: `{"name":"x"}`},
		"password":  {Key: "k", Name: "new", Fields: `{"password":"x"}`},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			sps.New(sps.Options{}).Add(user)
		})
	}
}

func TestTwoUsersOfOneName(t *testing.T) {
	appliance := sps.New(sps.Options{})
	appliance.Add(sps.User{Key: "k", Name: "jdoe", Password: "Other-1", REST: true})
	if !appliance.Accepts("jdoe", "Other-1") || !appliance.Accepts("jdoe", sps.FirstPassword) {
		t.Error("one of the two cannot sign in")
	}
	if appliance.Password("jdoe") != sps.FirstPassword || appliance.Key("jdoe") == "k" {
		t.Error("the first is not the first")
	}
	if appliance.Password("nobody") != "" || appliance.Key("nobody") != "" || appliance.Accepts("nobody", "") {
		t.Error("nobody is somebody")
	}
}

// TestSlowSignIn: sign-ins may go by the password before for a while, and a failed one may
// be counted without a word of it.
func TestSlowSignIn(t *testing.T) {
	now := newClock()
	appliance := sps.New(sps.Options{Now: now.now, SignInLag: 15 * time.Second})
	c := start(t, appliance).rotator()
	c.rotate(jdoe, newPassword)
	for _, step := range []struct {
		after       time.Duration
		newOne, old int
	}{{0, 401, 200}, {14 * time.Second, 401, 200}, {time.Second, 200, 401}} {
		now.time = now.time.Add(step.after)
		newOne, old := c.authenticate("jdoe", newPassword, ""), c.authenticate("jdoe", sps.FirstPassword, "")
		if newOne.status != step.newOne || old.status != step.old {
			t.Errorf("after %v: the new one %d, the old one %d", step.after, newOne.status, old.status)
		}
		if !appliance.Accepts("jdoe", newPassword) {
			t.Error("the lag shows in what is in force")
		}
	}
	failed := appliance.FailedLogins("jdoe")
	c.server.Inject(simulator.Fault{Exchange: sps.SignIn, Kind: simulator.KindNamed("500 counted before")})
	if got := c.authenticate("jdoe", newPassword, ""); got.status != 500 || appliance.FailedLogins("jdoe") != failed+1 {
		t.Errorf("%d, %d failed of %d", got.status, appliance.FailedLogins("jdoe"), failed)
	}
	c.clean()
}
