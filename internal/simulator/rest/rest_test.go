package rest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/simulator/rest"
)

const (
	user        = "jdoe@example.com"
	newPassword = `N"e\w<&é 1`
	sampleBody  = `{"userEmail":"jdoe@example.com","newPassword":"N\"e\\w<&é 1"}`
	jsonType    = "application/json"
	formType    = "application/x-www-form-urlencoded"
)

// request is one call; its login, if it has one, is sent as Basic credentials.
type request struct {
	method, path, contentType, body string
	header                          http.Header
	login                           []string
}

// sample is the request of Keeper's sample script.
var sample = request{
	method: "POST", path: "/api/password", contentType: jsonType, body: sampleBody,
	header: http.Header{"Authorization": {"Bearer " + rest.Token}},
}

func start(t *testing.T, config rest.Config) (*rest.Service, *simulator.Server) {
	t.Helper()
	service, err := rest.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server, err := simulator.Start(service, simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return service, server
}

func send(t *testing.T, server *simulator.Server, call request) (status int, header http.Header, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), call.method, server.URL()+call.path, strings.NewReader(call.body))
	if err != nil {
		t.Fatal(err)
	}
	if call.contentType != "" {
		r.Header.Set("Content-Type", call.contentType)
	}
	for name, values := range call.header {
		r.Header[name] = values
	}
	if call.login != nil {
		r.SetBasicAuth(call.login[0], call.login[1])
	}
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(content)
}

func TestAcceptedRequests(t *testing.T) {
	tests := []struct {
		name   string
		config rest.Config
		call   request
		status int
	}{
		{"Keeper's sample", rest.Config{}, sample, 201},
		{
			"basic, form, user in path and body, old password, extra values",
			rest.Config{
				Method: "PUT", Path: "/users/{user}/password", Auth: rest.Basic, UserField: "name", PasswordField: "password",
				OldPasswordField: "old", ExtraBody: map[string]any{"notify": false, "reason": "a b"}, BodyFormat: rest.Form, SuccessStatus: 200,
			},
			request{
				method: "PUT", path: "/users/jdoe%40example.com/password", contentType: formType,
				body:  "name=jdoe%40example.com&password=N%22e%5Cw%3C%26%C3%A9+1&old=First-Pass%21word-1&notify=false&reason=a+b",
				login: []string{rest.Login, rest.Token},
			},
			200,
		},
		{
			"header, user in path only, nested extra values",
			rest.Config{
				Method: "PATCH", Path: "/users/{user}", Auth: rest.Header, HeaderName: "x-token", Token: "t", OmitUser: true,
				ExtraBody: map[string]any{"flags": map[string]any{"level": 1, "list": []string{"a"}}}, SuccessStatus: 204,
			},
			request{
				method: "PATCH", path: "/users/jdoe@example.com", contentType: jsonType,
				body:   `{"newPassword":"N\"e\\w<&é 1","flags":{"list":["a"],"level":1}}`,
				header: http.Header{"X-Token": {"t"}},
			},
			204,
		},
		{
			"no proof, accepted for later", rest.Config{Auth: rest.None, SuccessStatus: 202},
			request{method: "POST", path: "/api/password", contentType: jsonType, body: sampleBody}, 202,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			service, server := start(t, test.config)
			status, _, body := send(t, server, test.call)
			if status != test.status || (status == 204) != (body == "") {
				t.Errorf("%d %s", status, body)
			}
			if service.Password(user) != newPassword || !service.Accepts(user, newPassword) || service.Accepts(user, rest.FirstPassword) {
				t.Error("the new password is not in force, or the old one still is")
			}
			if service.Password("jdoe@example.co") != rest.FirstPassword || service.Changes() != 1 {
				t.Errorf("another user was altered, or %d changes", service.Changes())
			}
			if notes := server.Notes(); len(notes) != 0 {
				t.Errorf("notes: %q", notes)
			}
		})
	}
}

func TestAnswerNamesTheUser(t *testing.T) {
	_, server := start(t, rest.Config{})
	server.Inject(simulator.Fault{Exchange: rest.ChangePassword, Occurrence: 2, Kind: simulator.KindNamed("wrong account after")})
	for _, want := range []string{user, "somebody.else@example.com"} {
		_, _, body := send(t, server, sample)
		var object map[string]any
		if err := json.Unmarshal([]byte(body), &object); err != nil || object["userEmail"] != want {
			t.Errorf("answer %s does not name %s", body, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	form := rest.Config{BodyFormat: rest.Form, ExtraBody: map[string]any{"count": 1}}
	inPath := rest.Config{Path: "/users/{user}", Auth: rest.None}
	tests := []struct {
		name   string
		config rest.Config
		alter  func(*request)
		status int
		note   string // "" for a plain refusal
	}{
		{"wrong token", rest.Config{Token: "other"}, func(*request) {}, 401, ""},
		{"no token", rest.Config{}, func(r *request) { r.header = nil }, 401, "header Authorization is missing"},
		{"bearer for basic", rest.Config{Auth: rest.Basic}, func(*request) {}, 401, "header Authorization does not have the form Basic and credentials"},
		{"bearer for header", rest.Config{Auth: rest.Header}, func(*request) {}, 401, "header X-Api-Key is missing"},
		{"bearer for nothing", rest.Config{Auth: rest.None}, func(*request) {}, 201, "header Authorization has no place here"},
		{"cookie", rest.Config{}, func(r *request) {
			r.header = http.Header{"Authorization": r.header["Authorization"], "Cookie": {"a=b"}}
		}, 201, "header Cookie has no place here"},
		{"query", rest.Config{}, func(r *request) { r.path += "?a=b" }, 201, "a query has no place here"},
		{"other method", rest.Config{Method: "PUT"}, func(*request) {}, 405, "the path knows no such method"},
		{"unknown user", rest.Config{}, func(r *request) { r.body = `{"userEmail":"nobody","newPassword":"x"}` }, 404, ""},
		{"wrong old password", rest.Config{OldPasswordField: "old"}, func(r *request) {
			r.body = `{"userEmail":"jdoe@example.com","newPassword":"x","old":"y"}`
		}, 403, ""},
		{"too short", rest.Config{MinimumLength: 11}, func(*request) {}, 400, ""},
		{"empty", rest.Config{}, func(r *request) { r.body = `{"userEmail":"jdoe@example.com","newPassword":""}` }, 400, ""},
		{"missing key", rest.Config{OldPasswordField: "old"}, func(*request) {}, 400, "body: key old is missing"},
		{"unknown key", rest.Config{OmitUser: true, Path: "/api/{user}"}, func(r *request) { r.path = "/api/jdoe%40example.com" }, 201, "body: unknown keys: 1"},
		{"form for JSON", rest.Config{}, func(r *request) { r.contentType = formType }, 201, "header Content-Type is not application/json"},
		{"JSON for form", form, func(*request) {}, 400, "header Content-Type is not application/x-www-form-urlencoded"},
		{"wrong extra value in form", form, func(r *request) {
			r.contentType, r.body = formType, "userEmail=jdoe%40example.com&newPassword=x&count=2"
		}, 400, "body: count does not have the value it must have"},
		{"wrong extra value", rest.Config{ExtraBody: map[string]any{"count": 1}}, func(r *request) {
			r.body = `{"userEmail":"jdoe@example.com","newPassword":"x","count":"1"}`
		}, 400, "body: count does not have the value it must have"},
		{"other user in path", inPath, func(r *request) { r.path, r.header = "/users/jdoe", nil }, 400, "path and body name different users"},
		{"user in path not UTF-8", inPath, func(r *request) { r.path, r.header = "/users/%ff", nil }, 400, "the user in the path is not percent-encoded UTF-8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			service, server := start(t, test.config)
			call := sample
			test.alter(&call)
			status, _, body := send(t, server, call)
			if status != test.status {
				t.Errorf("%d %s", status, body)
			}
			notes := server.Notes()
			if test.note == "" && len(notes) != 0 ||
				test.note != "" && (len(notes) == 0 || !strings.HasSuffix(notes[0], ": "+test.note)) {
				t.Errorf("notes %q, want %q", notes, test.note)
			}
			if changed := service.Changes() != 0; changed != (test.status == 201) || changed == (service.Password(user) == rest.FirstPassword) {
				t.Errorf("%d changes", service.Changes())
			}
		})
	}
}

func TestSignIn(t *testing.T) {
	const path = "/api/me"
	service, server := start(t, rest.Config{VerifyPath: path, LockAfter: 2})
	login := func(password string) request {
		return request{method: "GET", path: path, login: []string{user, password}}
	}
	steps := []struct {
		name           string
		call           request
		status, failed int
		locked         bool
	}{
		{"right", login(rest.FirstPassword), 200, 0, false},
		{"no Authorization", request{method: "GET", path: path}, 401, 0, false},
		{"wrong", login("x"), 401, 1, false},
		{"right clears the row", login(rest.FirstPassword), 200, 1, false},
		{"wrong again", login("x"), 401, 2, false},
		{"wrong and locked", login("y"), 401, 3, true},
		{"right but locked", login(rest.FirstPassword), 401, 4, true},
		{"unknown user", request{method: "GET", path: path, login: []string{"nobody", "x"}}, 401, 4, true},
	}
	for _, step := range steps {
		status, header, body := send(t, server, step.call)
		if status != step.status {
			t.Errorf("%s: %d %s", step.name, status, body)
		}
		if challenged := header.Get("WWW-Authenticate") != ""; challenged != (step.status == 401) {
			t.Errorf("%s: challenged: %t", step.name, challenged)
		}
		if service.FailedLogins(user) != step.failed || service.Locked(user) != step.locked {
			t.Errorf("%s: %d failed, locked: %t", step.name, service.FailedLogins(user), service.Locked(user))
		}
	}
	if service.Accepts(user, rest.FirstPassword) {
		t.Error("a locked account accepts its password")
	}
	if notes := server.Notes(); len(notes) != 0 {
		t.Errorf("notes: %q", notes)
	}
	service.SetUser(user, "again")
	if service.Locked(user) || !service.Accepts(user, "again") || service.Accepts("nobody", "") {
		t.Error("SetUser does not unlock, or nobody is accepted")
	}
}

func TestSignInNotes(t *testing.T) {
	right := []string{user, rest.FirstPassword}
	tests := []struct {
		name   string
		call   request
		status int
		note   string
	}{
		{"bearer", request{path: "/users/" + user, header: http.Header{"Authorization": {"Bearer x"}}}, 401, "header Authorization does not have the form Basic and credentials"},
		{"cookie", request{path: "/users/" + user, header: http.Header{"Cookie": {"a=b"}}, login: right}, 200, "header Cookie has no place here"},
		{"query", request{path: "/users/" + user + "?a=b", login: right}, 200, "a query has no place here"},
		{"body", request{path: "/users/" + user, body: "x", login: right}, 200, "a body has no place here"},
		{"other user in path", request{path: "/users/jdoe", login: right}, 400, "path and Authorization name different users"},
		{"path not UTF-8", request{path: "/users/%ff", login: right}, 400, "the user in the path is not percent-encoded UTF-8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			service, server := start(t, rest.Config{VerifyPath: "/users/{user}"})
			test.call.method = "GET"
			if status, _, body := send(t, server, test.call); status != test.status {
				t.Errorf("%d %s", status, body)
			}
			notes := server.Notes()
			if len(notes) != 1 || !strings.HasSuffix(notes[0], ": "+test.note) {
				t.Errorf("notes %q, want %q", notes, test.note)
			}
			if service.FailedLogins(user) != 0 {
				t.Error("counted as a failed sign-in")
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	tests := []struct {
		name   string
		config rest.Config
		routes []string
		named  bool // the answer to a change names the user
	}{
		{"sample", rest.Config{}, []string{rest.ChangePassword}, true},
		{"with sign-in", rest.Config{VerifyPath: "/me"}, []string{rest.ChangePassword, rest.SignIn}, true},
		{"without answer", rest.Config{SuccessStatus: 204}, []string{rest.ChangePassword}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			service, err := rest.New(test.config)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, route := range service.Routes() {
				names = append(names, route.Name)
			}
			if !slices.Equal(names, test.routes) {
				t.Errorf("routes %q", names)
			}
			if named := service.Routes()[0].WrongAccount != nil; named != test.named {
				t.Errorf("the answer names the user: %t", named)
			}
		})
	}
}

func TestNewRefusesContradictions(t *testing.T) {
	tests := map[string]rest.Config{
		"method":         {Method: "GET"},
		"auth":           {Auth: "digest"},
		"format":         {BodyFormat: "xml"},
		"status":         {SuccessStatus: 302},
		"no user":        {OmitUser: true},
		"keys alike":     {UserField: "x", PasswordField: "x"},
		"extra key":      {ExtraBody: map[string]any{"newPassword": "x"}},
		"extra not JSON": {ExtraBody: map[string]any{"x": func() {}}},
	}
	for name, config := range tests {
		if _, err := rest.New(config); err == nil || !strings.HasPrefix(err.Error(), "simulated REST service: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestSlowSignIn: sign-ins may go by the password before for a while, and a failed one
// may be counted without a word of it.
func TestSlowSignIn(t *testing.T) {
	const path = "/api/me"
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	service, server := start(t, rest.Config{VerifyPath: path, SignInLag: 15 * time.Second, Now: func() time.Time { return now }, History: true})
	signIn := func(password string) int {
		status, _, _ := send(t, server, request{method: "GET", path: path, login: []string{user, password}})
		return status
	}
	if status, _, _ := send(t, server, sample); status != 201 {
		t.Fatalf("change: %d", status)
	}
	set := service.Password(user)
	for _, step := range []struct {
		after               time.Duration
		newOne, old, failed int
	}{{0, 401, 200, 1}, {14 * time.Second, 401, 200, 2}, {time.Second, 200, 401, 3}} {
		now = now.Add(step.after)
		if newOne, old := signIn(set), signIn(rest.FirstPassword); newOne != step.newOne || old != step.old || service.FailedLogins(user) != step.failed {
			t.Errorf("after %v: the new one %d, the old one %d, %d failed", step.after, newOne, old, service.FailedLogins(user))
		}
	}
	if !service.Accepts(user, set) {
		t.Error("the lag shows in what is in force")
	}
	if status, _, body := send(t, server, sample); status != 400 || !strings.Contains(body, "used before") || service.Changes() != 1 {
		t.Errorf("the same again: %d %s", status, body)
	}
	server.Inject(simulator.Fault{Exchange: rest.SignIn, Kind: simulator.KindNamed("500 counted before")})
	if status := signIn(set); status != 500 || service.FailedLogins(user) != 4 {
		t.Errorf("%d, %d failed", status, service.FailedLogins(user))
	}
	if status, _, _ := send(t, server, request{method: "GET", path: path}); status != 500 || service.FailedLogins(user) != 4 {
		t.Errorf("without credentials: %d, %d failed", status, service.FailedLogins(user))
	}
	if notes := server.Notes(); len(notes) != 0 {
		t.Errorf("notes: %q", notes)
	}
}

func TestFailedAccess(t *testing.T) {
	service, server := start(t, rest.Config{})
	for _, token := range []string{"x", rest.Token} {
		call := sample
		call.header = http.Header{"Authorization": {"Bearer " + token}}
		send(t, server, call)
	}
	if service.FailedAccess() != 1 {
		t.Errorf("%d failed", service.FailedAccess())
	}
}
