package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
	simulated "pam-rotate-script/internal/simulator/rest"
	"pam-rotate-script/internal/targets"
)

// endpoint answers every call as a case says.
type endpoint struct {
	sync.Mutex
	answer simulator.Answer
}

func (e *endpoint) Routes() []simulator.Route {
	var routes []simulator.Route
	for _, method := range []string{"POST", "PUT", "PATCH"} {
		routes = append(routes, simulator.Route{
			Name: method, Method: method, Match: func(string) bool { return true }, Write: true,
			Serve: func(*simulator.Request) simulator.Answer { return e.answer },
		})
	}
	return routes
}

func start(t *testing.T, answer simulator.Answer) *conformance.Stand {
	t.Helper()
	server := conformance.Serve(t, &endpoint{answer: answer})
	return &conformance.Stand{
		Servers: []*simulator.Server{server},
		Access:  map[string]any{"url": server.URL() + "/api/password", "password": "api-token"},
		Accepts: func(string) bool { return false },
	}
}

func run() conformance.Run {
	return conformance.Run{User: "jane@example.com", Old: conformance.Old, New: conformance.New}
}

// TestAsKeepersSample: url and password alone send what Keeper's sample sends.
func TestAsKeepersSample(t *testing.T) {
	stand := start(t, simulator.Answer{Status: 201, Body: []byte(`{}`)})
	r := run()
	r.New = `a"b\c`
	if ended := r.Rotate(stand); ended.Outcome != rotation.Changed {
		t.Fatal(ended.Stdout)
	}
	sent := stand.Exchanges()[0]
	if sent.Method != "POST" || sent.RequestURI != "/api/password" {
		t.Errorf("sent %s %s", sent.Method, sent.RequestURI)
	}
	if got, want := string(sent.Body), `{"userEmail":"jane@example.com","newPassword":"a\"b\\c"}`; got != want {
		t.Errorf("body %s, want %s", got, want)
	}
	for name, want := range map[string]string{"Authorization": "Bearer api-token", "Content-Type": "application/json"} {
		if got := sent.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestStatuses(t *testing.T) {
	answer := func(status int, body string) simulator.Answer {
		return simulator.Answer{Status: status, Body: []byte(body), Header: http.Header{"Location": {"https://127.0.0.1:1/"}}}
	}
	typed := func(mediaType, body string) simulator.Answer {
		return simulator.Answer{Status: 200, Body: []byte(body), Header: http.Header{"Content-Type": {mediaType}}}
	}
	for _, test := range []struct {
		name    string
		answer  simulator.Answer
		listed  string
		outcome rotation.Outcome
		class   api.Class
	}{
		{"200", answer(200, `{"ok":true}`), "", rotation.Changed, ""},
		{"200 without a body", answer(200, ``), "", rotation.Changed, ""},
		{"201", answer(201, `{}`), "", rotation.Changed, ""},
		{"204", answer(204, ``), "", rotation.Changed, ""},
		{"202", answer(202, `{}`), "", rotation.Unknown, api.ClassTarget},
		{"203", answer(203, `{}`), "", rotation.Unknown, api.ClassTarget},
		{"206", answer(206, `{}`), "", rotation.Unknown, api.ClassTarget},
		{"202 listed", answer(202, `{}`), "202", rotation.Changed, ""},
		{"200 not listed", answer(200, `{}`), "202, 204", rotation.Unknown, api.ClassTarget},
		{"301", answer(301, ``), "", rotation.Unknown, api.ClassTarget},
		{"302", answer(302, ``), "", rotation.Unknown, api.ClassTarget},
		{"307", answer(307, ``), "", rotation.Unknown, api.ClassTarget},
		{"400", answer(400, `{}`), "", rotation.NotChanged, api.ClassPolicy},
		{"401", answer(401, `{}`), "", rotation.NotChanged, api.ClassCredential},
		{"403", answer(403, `{}`), "", rotation.NotChanged, api.ClassPermission},
		{"404", answer(404, `{}`), "", rotation.NotChanged, api.ClassAccount},
		{"408", answer(408, `{}`), "", rotation.Unknown, api.ClassTimeout},
		{"409", answer(409, `{}`), "", rotation.Unknown, api.ClassConflict},
		{"406", answer(406, `{}`), "", rotation.Unknown, api.ClassTarget},
		{"417", answer(417, `{}`), "", rotation.Unknown, api.ClassTarget},
		{"423", answer(423, `{}`), "", rotation.Unknown, api.ClassConflict},
		{"403 page", simulator.Answer{Status: 403, Body: []byte("<html>blocked</html>"), Header: http.Header{"Content-Type": {"text/html"}}}, "", rotation.Unknown, api.ClassPermission},
		{"404 page", simulator.Answer{Status: 404, Body: []byte("<html>nothing here</html>"), Header: http.Header{"Content-Type": {"text/html"}}}, "", rotation.NotChanged, api.ClassAccount},
		{"422", answer(422, `{}`), "", rotation.NotChanged, api.ClassPolicy},
		{"429", answer(429, `{}`), "", rotation.NotChanged, api.ClassTarget},
		{"499", answer(499, `{}`), "", rotation.Unknown, api.ClassTarget},
		{"500", answer(500, `{}`), "", rotation.Unknown, api.ClassTarget},
		{"503", answer(503, `{}`), "", rotation.Unknown, api.ClassTarget},

		{"plain text", typed("text/plain", "done"), "", rotation.Changed, ""},
		{"web page", typed("text/html; charset=utf-8", "sign in"), "", rotation.Unknown, api.ClassTarget},
		{"web page undeclared", typed("text/plain", " <!DOCTYPE html>"), "", rotation.Unknown, api.ClassTarget},
		{"cut JSON", typed("application/json", `{"ok":`), "", rotation.Unknown, api.ClassTarget},
		{"cut JSON undeclared", typed("text/plain", `{"ok":`), "", rotation.Unknown, api.ClassTarget},
		{"list", typed("application/json", `[]`), "", rotation.Changed, ""}, // PHP's empty object
		{"success false", typed("application/json", `{"success":false}`), "", rotation.Unknown, api.ClassTarget},
		{"ok false", typed("application/json", `{"ok":false}`), "", rotation.Unknown, api.ClassTarget},
		{"error", typed("application/json", `{"error":"too weak"}`), "", rotation.Unknown, api.ClassTarget},
		{"no error", typed("application/json", `{"error":null,"errors":[],"success":true}`), "", rotation.Changed, ""},
		{"errors", typed("application/json", `{"errors":[{"message":"too weak"}]}`), "", rotation.Unknown, api.ClassTarget},
		{"result failure", typed("application/json", `{"result":"failure"}`), "", rotation.Unknown, api.ClassTarget},
		{"result 0", typed("application/json", `{"result":0,"code":0}`), "", rotation.Changed, ""},
		{"state failed", typed("application/json", `{"data":{"state":"FAILED"}}`), "", rotation.Unknown, api.ClassTarget},
		{"code of a failure", typed("application/json", `{"code":400,"message":"too weak"}`), "", rotation.Unknown, api.ClassTarget},
		{"code of its own", typed("application/json", `{"code":1000,"message":"done"}`), "", rotation.Changed, ""},
		{"status pending", typed("application/json", `{"status":"Pending"}`), "", rotation.Unknown, api.ClassTimeout},
		{"state in progress", typed("application/json", `{"data":{"state":"IN_PROGRESS"}}`), "", rotation.Unknown, api.ClassTimeout},
		{"status of the user", typed("application/json", `{"status":"active"}`), "", rotation.Changed, ""},
		{"status failed", typed("application/json", `{"status":"Failed"}`), "", rotation.Unknown, api.ClassTarget},
		{"Success False", typed("application/json", `{"Success":false}`), "", rotation.Unknown, api.ClassTarget},
		{"success as text", typed("application/json", `{"success":"false"}`), "", rotation.Unknown, api.ClassTarget},
		{"success 0", typed("application/json", `{"success":0}`), "", rotation.Unknown, api.ClassTarget},
		{"isSuccess", typed("application/json", `{"isSuccess":false}`), "", rotation.Unknown, api.ClassTarget},
		{"Error", typed("application/json", `{"Error":"too weak"}`), "", rotation.Unknown, api.ClassTarget},
		{"status number", typed("application/json", `{"status":500}`), "", rotation.Unknown, api.ClassTarget},
		{"status number of success", typed("application/json", `{"status":200,"message":"done"}`), "", rotation.Changed, ""},
		{"status false", typed("application/json", `{"status":false}`), "", rotation.Unknown, api.ClassTarget},
		{"in an envelope", typed("application/json", `{"data":{"success":false}}`), "", rotation.Unknown, api.ClassTarget},
		{"error in an envelope", typed("application/json", `{"result":{"error":"too weak"}}`), "", rotation.Unknown, api.ClassTarget},
		{"another user in an envelope", typed("application/json", `{"data":{"useremail":"john@example.com"}}`), "", rotation.Unknown, api.ClassTarget},
		{"byte order mark", typed("text/plain", "\ufeff{\"success\":false}"), "", rotation.Unknown, api.ClassTarget},
		{"page behind a byte order mark", typed("", "\ufeff<html>"), "", rotation.Unknown, api.ClassTarget},
		{"text of an error", typed("text/plain", "ERROR: too weak"), "", rotation.Unknown, api.ClassTarget},
		{"false", typed("text/plain", "false"), "", rotation.Unknown, api.ClassTarget},
		{"status ok", typed("application/json", `{"status":"ok"}`), "", rotation.Changed, ""},
		{"a refusal in words", typed("application/json", `{"message":"Permission denied"}`), "", rotation.Unknown, api.ClassTarget},
		{"a refusal deep in a list", typed("application/json", `{"result":[{"status":{"code":-11}}]}`), "", rotation.Unknown, api.ClassTarget},
		{"true", typed("application/json", `true`), "", rotation.Changed, ""},
		{"empty page", typed("text/html; charset=utf-8", ""), "", rotation.Changed, ""},
		{"text declared as a page", typed("text/html; charset=utf-8", "OK"), "", rotation.Changed, ""},
		{"object declared as a page", typed("text/html; charset=utf-8", `{"ok":true}`), "", rotation.Changed, ""},
		{"XML", typed("application/xml", `<r><success>true</success></r>`), "", rotation.Changed, ""},
		{"XML of a failure", typed("application/xml", `<r><success>false</success></r>`), "", rotation.Unknown, api.ClassTarget},
		{"another user", typed("application/json", `{"userEmail":"john@example.com"}`), "", rotation.Unknown, api.ClassTarget},
		{"the same user", typed("application/json", `{"userEmail":"JANE@example.com"}`), "", rotation.Changed, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			stand := start(t, test.answer)
			r := run()
			if test.listed != "" {
				r.Access = map[string]any{"Success Status": test.listed}
			}
			ended := r.Rotate(stand)
			if ended.Outcome != test.outcome || ended.Class != test.class {
				t.Errorf("got %s [%s]: %s", ended.Outcome, ended.Class, ended.Message)
			}
			want := 1
			if test.answer.Status == 429 { // which was certainly not carried out
				want = 3
			}
			if stand.Writes() != want {
				t.Errorf("%d writes", stand.Writes())
			}
		})
	}
}

// TestSuccessValue: with the field, only what it says is success.
func TestSuccessValue(t *testing.T) {
	for _, test := range []struct {
		values, media, body string
		outcome             rotation.Outcome
	}{
		{"metadata.result=1", "application/json", `{"metadata":{"result":1}}`, rotation.Changed},
		{"metadata.result=1", "application/json", `{"metadata":{"result":"1"}}`, rotation.Changed},
		{"metadata.result=1", "application/json", `{"metadata":{"result":1.0}}`, rotation.Changed},
		{"metadata.result=1", "application/json", `{"metadata":{"result":0}}`, rotation.Unknown},
		{"metadata.result=1", "application/json", `{"metadata":{}}`, rotation.Unknown},
		{"metadata.result=1", "application/json", ``, rotation.Unknown},
		{"metadata.result=1", "application/json", `[]`, rotation.Unknown},
		{"metadata.result=1", "text/html", `<html>`, rotation.Unknown},
		{"status = ok | Done", "application/json", `{"status":"done"}`, rotation.Changed},
		{"status=ok|done", "application/json", `{"status":"doing"}`, rotation.Unknown},
		{"status=ok\ncode=0\n", "application/json", `{"status":"ok","code":0}`, rotation.Changed},
		{"status=ok\ncode=0", "application/json", `{"status":"ok","code":7}`, rotation.Unknown},
		{"list.1.ok=true", "application/json", `{"list":[{"ok":false},{"ok":true}]}`, rotation.Changed},
		{"list.2.ok=true", "application/json", `{"list":[{"ok":false},{"ok":true}]}`, rotation.Unknown},
		{"error=null", "application/json", `{"error":null}`, rotation.Changed},
		{"error=null", "application/json", `{}`, rotation.Unknown},
		{"=OK", "text/html", " OK\n", rotation.Changed},
		{"=OK", "application/json", `"ok"`, rotation.Changed},
		{"=OK", "text/plain", "not OK", rotation.Unknown},
		{"error=0", "text/html", "error=0&text=User%20changed", rotation.Changed},
		{"error=0", "text/html", "error=1&text=User%20unknown", rotation.Unknown},
		{"result=0", "application/xml", `<r><f><result>0</result></f></r>`, rotation.Changed},
		{"f.result=0", "application/xml", `<r><f><result>-1</result></f></r>`, rotation.Unknown},
		{"result=0", "application/xml", `<r><result>0</result><result>1</result></r>`, rotation.Unknown},
		{"status=success", "application/xml", `<response status="success"/>`, rotation.Changed},
		// It takes the place of the table.
		{"result=0", "application/json", `{"result":0}`, rotation.Changed},
	} {
		stand := start(t, simulator.Answer{Status: 200, Body: []byte(test.body), Header: http.Header{"Content-Type": {test.media}}})
		r := run()
		r.Access = map[string]any{"Success Value": test.values}
		if ended := r.Rotate(stand); ended.Outcome != test.outcome || len(ended.Warnings) > 0 {
			t.Errorf("%q, %s: got %s, %s, %v", test.values, test.body, ended.Outcome, ended.Message, ended.Warnings)
		}
	}
}

// TestStatusAlone: a warning says where nothing but the status tells of a change.
func TestStatusAlone(t *testing.T) {
	for body, alone := range map[string]bool{``: true, `{}`: true, `{"id":7,"name":"jane"}`: true, `{"ok":true}`: false, `"OK"`: false} {
		stand := start(t, simulator.Answer{Status: 200, Body: []byte(body)})
		r := run()
		ended := r.Rotate(stand)
		if warned := strings.Contains(strings.Join(ended.Warnings, "\n"), "the status alone"); ended.Outcome != rotation.Changed || warned != alone {
			t.Errorf("%s: %s, %q", body, ended.Outcome, ended.Warnings)
		}
	}
}

// TestSettings tries every way to send against a service that takes only that.
func TestSettings(t *testing.T) {
	for name, test := range map[string]struct {
		config simulated.Config
		fields map[string]any
		user   string
	}{
		"basic, form": {
			simulated.Config{Auth: simulated.Basic, BodyFormat: simulated.Form, Method: "PATCH", SuccessStatus: 200, ExtraBody: map[string]any{"notify": false, "note": "a&b"}},
			map[string]any{"Auth": "basic", "login": simulated.Login, "Body Format": "form", "Method": "patch", "Extra Body": `{"notify":false,"note":"a&b"}`}, "",
		},
		"header, path": {
			simulated.Config{Auth: simulated.Header, HeaderName: "X-Vault-Token", Path: "/v1/users/{user}/password", OmitUser: true, PasswordField: "pw", SuccessStatus: 204},
			map[string]any{"Auth": "Header X-Vault-Token", "User Field": "none", "Password Field": "pw"}, "o'hara/100%",
		},
		"none, old password, nested body": {
			simulated.Config{Auth: simulated.None, OldPasswordField: "currentPassword", ExtraBody: map[string]any{"options": map[string]any{"force": true, "n": 1.5}}},
			map[string]any{"Auth": "none", "password": nil, "Old Password Field": "currentPassword", "Extra Body": map[string]any{"options": map[string]any{"force": true, "n": 1.5}}}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			service, err := simulated.New(test.config)
			if err != nil {
				t.Fatal(err)
			}
			server := conformance.Serve(t, service)
			user := test.user
			if user == "" {
				user = "jdoe@example.com"
			}
			path := test.config.Path
			if path == "" {
				path = "/api/password"
			}
			access := map[string]any{"url": server.URL() + path, "password": simulated.Token}
			for label, value := range test.fields {
				access[label] = value
			}
			stand := &conformance.Stand{
				Servers: []*simulator.Server{server}, Access: access,
				Accepts: func(password string) bool { return service.Accepts(user, password) },
			}
			r := run()
			r.User, r.Old = user, simulated.FirstPassword
			ended := r.Rotate(stand)
			for _, fault := range r.Faults(conformance.REST(), stand, ended) {
				t.Error(fault)
			}
			if ended.Outcome != rotation.Changed {
				t.Error(ended.Stdout)
			}
		})
	}
}

func TestFaultsOfFields(t *testing.T) {
	for name, test := range map[string]struct {
		fields map[string]any
		user   string
		label  string
	}{
		"url missing":                {map[string]any{"url": nil, "Target": "rest"}, "", "url"},
		"url is http":                {map[string]any{"url": "http://127.0.0.1/x"}, "", "url"},
		"password in no member":      {map[string]any{"Password Field": "password,"}, "", "Password Field"},
		"password twice in one":      {map[string]any{"Password Field": "password, password"}, "", "Password Field"},
		"user inside a segment":      {map[string]any{"url": "https://127.0.0.1/users/u-{user}"}, "", "url"},
		"user in the query":          {map[string]any{"url": "https://127.0.0.1/users?name={user}"}, "", "url"},
		"dots as a segment":          {map[string]any{"url": "https://127.0.0.1/users/{user}"}, "..", "user"},
		"control in a segment":       {map[string]any{"url": "https://127.0.0.1/users/{user}"}, "a\nb", "user"},
		"no password":                {map[string]any{"password": nil}, "", "password"},
		"line end in the token":      {map[string]any{"password": "canary\r\nX: y"}, "", "password"},
		"basic without login":        {map[string]any{"Auth": "basic"}, "", "login"},
		"basic login with colon":     {map[string]any{"Auth": "basic", "login": "a:b"}, "", "login"},
		"auth of another kind":       {map[string]any{"Auth": "digest"}, "", "Auth"},
		"header without name":        {map[string]any{"Auth": "header"}, "", "Auth"},
		"header with blank":          {map[string]any{"Auth": "header X Y"}, "", "Auth"},
		"header that frames":         {map[string]any{"Auth": "header Content-Length"}, "", "Auth"},
		"header that repeats":        {map[string]any{"Auth": "header Idempotency-Key"}, "", "Auth"},
		"method GET":                 {map[string]any{"Method": "GET"}, "", "Method"},
		"extra body no object":       {map[string]any{"Extra Body": "[1]"}, "", "Extra Body"},
		"extra body takes a name":    {map[string]any{"Extra Body": `{"newPassword":"x"}`}, "", "Extra Body"},
		"extra body in a form":       {map[string]any{"Extra Body": `{"a":{"b":1}}`, "Body Format": "form"}, "", "Extra Body"},
		"two names alike":            {map[string]any{"User Field": "newPassword"}, "", "Password Field"},
		"status 302":                 {map[string]any{"Success Status": "302"}, "", "Success Status"},
		"success value without =":    {map[string]any{"Success Value": "status"}, "", "Success Value"},
		"success value of nothing":   {map[string]any{"Success Value": "status="}, "", "Success Value"},
		"success value of no member": {map[string]any{"Success Value": "a..b=1"}, "", "Success Value"},
		"success value with a gap":   {map[string]any{"Success Value": "a=1||2"}, "", "Success Value"},
		"verify url is http":         {map[string]any{"Verify URL": "http://127.0.0.1/"}, "", "Verify URL"},
	} {
		t.Run(name, func(t *testing.T) {
			stand := start(t, simulator.Answer{Status: 200})
			r := run()
			r.Access = test.fields
			if test.user != "" {
				r.User = test.user
			}
			ended := r.Rotate(stand)
			if ended.Outcome != rotation.NotChanged || ended.Class != api.ClassInput || !strings.Contains(ended.Message, test.label+": ") {
				t.Errorf("got %s [%s]: %s", ended.Outcome, ended.Class, ended.Message)
			}
			if strings.Contains(ended.Stdout+ended.Stderr, "canary") {
				t.Error("a value is shown")
			}
			if len(stand.Exchanges()) != 0 {
				t.Error("something was sent")
			}
		})
	}
}

// TestConfirmation: Laravel, Devise, dj-rest-auth and Bitbucket want the new password twice.
func TestConfirmation(t *testing.T) {
	var got map[string]string
	server := conformance.Serve(t, routes{{Name: "change", Method: "POST", Match: simulator.Pattern("/set").Match, Write: true,
		Serve: func(r *simulator.Request) simulator.Answer {
			if err := json.Unmarshal(r.Body, &got); err != nil {
				t.Error(err)
			}
			return simulator.JSON(200, map[string]any{"ok": true})
		}}})
	inForce := conformance.Old
	stand := &conformance.Stand{
		Servers: []*simulator.Server{server},
		Access:  map[string]any{"url": server.URL() + "/set", "password": "token", "Password Field": "password, password_confirmation"},
		Accepts: func(password string) bool { return password == inForce },
	}
	ended := run().Rotate(stand)
	if ended.Outcome != rotation.Changed || got["password"] != conformance.New || got["password_confirmation"] != conformance.New || len(got) != 3 {
		t.Errorf("%d members: %s", len(got), ended.Stdout)
	}
}

// TestFirewall: a page that forbids comes from something in between, which judges what is sent.
func TestFirewall(t *testing.T) {
	for body, firewall := range map[string]bool{"<html><title>403 Forbidden</title></html>": true, `{"message":"no"}`: false} {
		ended := run().Rotate(start(t, simulator.Answer{Status: 403, Body: []byte(body)}))
		hints := strings.Join(ended.Hints, "\n")
		if strings.Contains(hints, "a firewall in between") != firewall || strings.Contains(hints, "credential is not allowed") == firewall {
			t.Errorf("%s: %q", body, hints)
		}
	}
}

// TestOwnPassword: at an endpoint for one's own password, such as Gotify's, the sign-in names the user.
func TestOwnPassword(t *testing.T) {
	for login, outcome := range map[string]rotation.Outcome{"jane": rotation.Changed, "admin": rotation.NotChanged} {
		inForce := conformance.Old
		server := conformance.Serve(t, routes{{Name: "change", Method: "POST", Match: simulator.Pattern("/me/password").Match, Write: true,
			Serve: func(r *simulator.Request) simulator.Answer {
				var body struct{ Pass string }
				name, password, _ := (&http.Request{Header: r.Header}).BasicAuth()
				if json.Unmarshal(r.Body, &body) != nil || name != "jane" || password != inForce {
					return simulator.Error(401, "you need to provide a valid access token or user credentials to access this api")
				}
				inForce = body.Pass
				return simulator.Answer{Status: 200}
			}}})
		stand := &conformance.Stand{
			Servers: []*simulator.Server{server},
			Access:  map[string]any{"url": server.URL() + "/me/password", "login": login, "password": conformance.Old, "Auth": "basic", "User Field": "none", "Password Field": "pass"},
			Accepts: func(password string) bool { return password == inForce },
		}
		r := run()
		r.User = "jane"
		if ended := r.Rotate(stand); ended.Outcome != outcome || (inForce == conformance.New) != (outcome == rotation.Changed) {
			t.Errorf("%s: %s", login, ended.Stdout)
		}
	}
}

// TestStartsOnly: of a workflow that was started, a 204 says nothing; what says more counts.
func TestStartsOnly(t *testing.T) {
	for _, test := range []struct {
		path, body string
		outcome    rotation.Outcome
	}{
		{"/repos/acme/iam/actions/workflows/set.yml/dispatches", "", rotation.Unknown},
		{"/api/v2/job_templates/7/launch/?x=1", "{}", rotation.Unknown},
		{"/launch", `{"success":true}`, rotation.Changed},
		{"/launches", "", rotation.Changed},
	} {
		server := conformance.Serve(t, routes{{Name: "start", Method: "POST", Match: func(string) bool { return true }, Write: true,
			Serve: func(*simulator.Request) simulator.Answer {
				return simulator.Answer{Status: 200, Body: []byte(test.body)}
			}}})
		stand := &conformance.Stand{
			Servers: []*simulator.Server{server},
			Access:  map[string]any{"Target": "rest", "url": server.URL() + test.path, "password": "token"},
			Accepts: func(string) bool { return true },
		}
		if ended := run().Rotate(stand); ended.Outcome != test.outcome || stand.Writes() != 1 {
			t.Errorf("%s: %s", test.path, ended.Stdout)
		}
	}
}

// TestOldPasswordMissing: a body that needs it cannot be made.
func TestOldPasswordMissing(t *testing.T) {
	stand := start(t, simulator.Answer{Status: 200})
	r := run()
	r.Old, r.Access = "", map[string]any{"Old Password Field": "old"}
	if ended := r.Rotate(stand); ended.Class != api.ClassInput || len(stand.Exchanges()) != 0 {
		t.Error(ended.Stdout)
	}
}

// open lets everybody in at the Verify URL, as a public page does.
type open struct {
	sync.Mutex
	probe, signIn simulator.Answer
}

func (o *open) Routes() []simulator.Route {
	return []simulator.Route{
		{Name: "change", Method: "POST", Match: simulator.Pattern("/set").Match, Write: true,
			Serve: func(*simulator.Request) simulator.Answer { return simulator.Answer{Status: 500} }},
		{Name: "verify", Method: "GET", Match: simulator.Pattern("/me").Match, Serve: func(r *simulator.Request) simulator.Answer {
			if r.Header.Get("Authorization") == "" {
				return o.probe
			}
			return o.signIn
		}},
	}
}

// TestVerifyURLThatProvesNothing: the write fails without effect, so any success
// would be a lie.
func TestVerifyURLThatProvesNothing(t *testing.T) {
	plain := func(status int) simulator.Answer { return simulator.Answer{Status: status, Body: []byte("{}")} }
	page := simulator.Answer{Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<html>")}
	for name, test := range map[string]struct {
		probe, signIn simulator.Answer
		outcome       rotation.Outcome
		writes        int
	}{
		"open to everybody":        {plain(200), plain(200), rotation.NotChanged, 0},
		"login page for everybody": {page, page, rotation.Unknown, 1},
		"redirect to a login page": {plain(302), plain(302), rotation.Unknown, 1},
		"not there":                {plain(404), plain(404), rotation.Unknown, 1},
		"broken":                   {plain(500), plain(500), rotation.NotChanged, 0},
		"says no with 200":         {plain(401), simulator.JSON(200, map[string]any{"success": false}), rotation.Unknown, 1},
		"forbids":                  {plain(403), plain(403), rotation.Unknown, 1},
		"rejects both":             {plain(401), plain(401), rotation.Unknown, 1},
		"any password will do":     {plain(401), plain(200), rotation.Unknown, 1},
		"202 is no sign-in":        {plain(401), plain(202), rotation.Unknown, 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := conformance.Serve(t, &open{probe: test.probe, signIn: test.signIn})
			stand := &conformance.Stand{
				Servers: []*simulator.Server{server},
				Access:  map[string]any{"url": server.URL() + "/set", "password": "token", "Verify URL": server.URL() + "/me"},
				Accepts: func(password string) bool { return password == conformance.Old },
			}
			ended := run().Rotate(stand)
			if ended.Outcome != test.outcome || stand.Writes() != test.writes {
				t.Errorf("got %s with %d writes: %s", ended.Outcome, stand.Writes(), ended.Message)
			}
			if ended.FailedLogins > 2 {
				t.Errorf("%d failed logins", ended.FailedLogins)
			}
		})
	}
}

// TestControl: an acceptance proves the change only where the same address rejects a password
// that cannot be right, unless the endpoint has clearly said that the change is made.
func TestControl(t *testing.T) {
	plain := func(status int) simulator.Answer { return simulator.Answer{Status: status, Body: []byte("{}")} }
	for name, test := range map[string]struct {
		change  int
		any     bool // every password is let in
		verify  string
		outcome rotation.Outcome
		proof   targets.Proof
		signIns int
	}{
		"clear success":                          {200, false, "auto", rotation.Changed, targets.ProofLogin, 1},
		"clear success, strict":                  {200, false, "strict", rotation.Changed, targets.ProofLogin, 2},
		"clear success, any will do":             {200, true, "auto", rotation.Changed, targets.ProofLogin, 1},
		"clear success, any will do, strict":     {200, true, "strict", rotation.Unknown, "", 2},
		"without a clear answer":                 {500, false, "auto", rotation.Changed, targets.ProofLogin, 2},
		"without a clear answer, any will do":    {500, true, "auto", rotation.Unknown, "", 2},
		"without a clear answer, signing in off": {500, false, "off", rotation.Unknown, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			accepts := func(password string) bool { return test.any || password == conformance.New }
			signIns := 0
			server := conformance.Serve(t, routes{
				{Name: "change", Method: "POST", Match: simulator.Pattern("/set").Match, Write: true,
					Serve: func(*simulator.Request) simulator.Answer { return plain(test.change) }},
				{Name: "verify", Method: "GET", Match: simulator.Pattern("/me").Match, Serve: func(r *simulator.Request) simulator.Answer {
					_, password, there := (&http.Request{Header: r.Header}).BasicAuth()
					if !there {
						return plain(401)
					}
					if signIns++; accepts(password) {
						return plain(200)
					}
					return plain(401)
				}},
			})
			stand := &conformance.Stand{
				Servers: []*simulator.Server{server},
				Access:  map[string]any{"url": server.URL() + "/set", "password": "token", "Verify URL": server.URL() + "/me", "Verify": test.verify},
				Accepts: func(password string) bool { return password == conformance.New },
			}
			ended := run().Rotate(stand)
			if ended.Outcome != test.outcome || ended.Proof != test.proof || signIns != test.signIns {
				t.Errorf("%d sign-ins: %s", signIns, ended.Stdout)
			}
		})
	}
}

// routes is a vendor of a few routes.
type routes []simulator.Route

func (r routes) Routes() []simulator.Route { return r }

// TestProofThatIsImpossible: with Verify = strict nothing is written where it is known before
// that nothing can be proved; otherwise a warning says so.
func TestProofThatIsImpossible(t *testing.T) {
	for _, test := range []struct {
		name, user string
		probe      int
		warning    string
	}{
		{"a colon", "a:b", 401, "a colon"},
		{"nothing there", "jane", 404, "answers 404"},
		{"no GET", "jane", 405, "answers 405"},
		{"gone", "jane", 410, "answers 410"},
	} {
		for _, strict := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s strict %v", test.name, strict), func(t *testing.T) {
				server := conformance.Serve(t, routes{
					{Name: "change", Method: "POST", Match: simulator.Pattern("/set").Match, Write: true,
						Serve: func(*simulator.Request) simulator.Answer { return simulator.JSON(200, map[string]any{"ok": true}) }},
					{Name: "verify", Method: "GET", Match: simulator.Pattern("/me").Match,
						Serve: func(*simulator.Request) simulator.Answer { return simulator.Answer{Status: test.probe} }},
				})
				stand := &conformance.Stand{
					Servers: []*simulator.Server{server},
					Access:  map[string]any{"url": server.URL() + "/set", "password": "token", "Verify URL": server.URL() + "/me"},
					Accepts: func(password string) bool { return true },
				}
				r := run()
				r.User = test.user
				if strict {
					r.Access = map[string]any{"Verify": "strict"}
				}
				ended := r.Rotate(stand)
				if strict && (ended.Outcome != rotation.NotChanged || ended.Class != api.ClassInput || stand.Writes() != 0) {
					t.Errorf("%d writes: %s", stand.Writes(), ended.Stdout)
				}
				if !strict && (ended.Outcome != rotation.Changed || ended.Proof != targets.ProofAnswer || ended.FailedLogins != 0 || !strings.Contains(strings.Join(ended.Warnings, "\n"), test.warning)) {
					t.Errorf("%q: %s", ended.Warnings, ended.Stdout)
				}
			})
		}
	}
}

// TestRepeat: with the field Repeat a lost answer is healed by the same call once more, after
// the old password was tried; without it never.
func TestRepeat(t *testing.T) {
	for _, repeats := range []string{"", "true"} {
		t.Run(repeats, func(t *testing.T) {
			password, writes := conformance.Old, 0
			server := conformance.Serve(t, routes{
				{Name: "change", Method: "POST", Match: simulator.Pattern("/set").Match, Write: true, Serve: func(*simulator.Request) simulator.Answer {
					if writes++; writes == 1 {
						return simulator.Answer{Status: 502}
					}
					password = conformance.New
					return simulator.JSON(200, map[string]any{"ok": true})
				}},
				{Name: "verify", Method: "GET", Match: simulator.Pattern("/me").Match, Serve: func(r *simulator.Request) simulator.Answer {
					if _, sent, _ := (&http.Request{Header: r.Header}).BasicAuth(); sent != password {
						return simulator.Answer{Status: 401}
					}
					return simulator.JSON(200, map[string]any{})
				}},
			})
			stand := &conformance.Stand{
				Servers: []*simulator.Server{server},
				Access:  map[string]any{"url": server.URL() + "/set", "password": "token", "Verify URL": server.URL() + "/me"},
				Accepts: func(sent string) bool { return sent == password },
			}
			r := run()
			if repeats != "" {
				r.Access = map[string]any{"Repeat": repeats}
			}
			ended := r.Rotate(stand)
			if repeats == "" && (ended.Outcome != rotation.Unknown || writes != 1) {
				t.Errorf("%d writes: %s", writes, ended.Stdout)
			}
			if repeats != "" && (ended.Outcome != rotation.Changed || writes != 2 || ended.Tries != 2 || !strings.Contains(ended.Message, "after a second try")) {
				t.Errorf("%d writes, %d tries: %s", writes, ended.Tries, ended.Stdout)
			}
		})
	}
}

// TestPasswordsOutsideASCII: a server that does not say how it reads them may reject the right
// one.
func TestPasswordsOutsideASCII(t *testing.T) {
	for challenge, outcome := range map[string]rotation.Outcome{
		"": rotation.Changed, `Basic realm="x"`: rotation.Changed,
		`Basic realm="x", charset="UTF-8"`: rotation.Unknown, `Basic realm="x", charset=utf-8`: rotation.Unknown,
	} {
		t.Run(challenge, func(t *testing.T) {
			server := conformance.Serve(t, routes{
				{Name: "change", Method: "POST", Match: simulator.Pattern("/set").Match, Write: true,
					Serve: func(*simulator.Request) simulator.Answer { return simulator.JSON(200, map[string]any{"ok": true}) }},
				{Name: "verify", Method: "GET", Match: simulator.Pattern("/me").Match, Serve: func(*simulator.Request) simulator.Answer {
					return simulator.Answer{Status: 401, Header: http.Header{"Www-Authenticate": {challenge}}}
				}},
			})
			stand := &conformance.Stand{
				Servers: []*simulator.Server{server},
				Access:  map[string]any{"url": server.URL() + "/set", "password": "token", "Verify URL": server.URL() + "/me"},
				Accepts: func(string) bool { return true },
			}
			r := run()
			r.New = "pässwörd-canary"
			if ended := r.Rotate(stand); ended.Outcome != outcome {
				t.Error(ended.Stdout)
			}
		})
	}
}

// queue takes a change as an order, and carries it out some time after the run.
type queue struct {
	status int
	state  string
}

func (q queue) Routes() []simulator.Route {
	return []simulator.Route{
		{Name: "change", Method: "POST", Match: simulator.Pattern("/set").Match, Write: true,
			Serve: func(*simulator.Request) simulator.Answer {
				return simulator.JSON(q.status, map[string]any{"order": 7, "state": q.state})
			}},
		{Name: "verify", Method: "GET", Match: simulator.Pattern("/me").Match, Serve: func(r *simulator.Request) simulator.Answer {
			if _, password, _ := (&http.Request{Header: r.Header}).BasicAuth(); password != conformance.Old {
				return simulator.JSON(401, map[string]any{})
			}
			return simulator.JSON(200, map[string]any{})
		}},
	}
}

// TestOrderIsNotSettledByLogins: that the old password still works shows nothing while the
// endpoint may have an order to change it.
func TestOrderIsNotSettledByLogins(t *testing.T) {
	for queue, outcome := range map[queue]rotation.Outcome{
		{202, ""}: rotation.Unknown, {200, "queued"}: rotation.Unknown, {203, ""}: rotation.Unknown,
	} {
		server := conformance.Serve(t, queue)
		stand := &conformance.Stand{
			Servers: []*simulator.Server{server},
			Access:  map[string]any{"url": server.URL() + "/set", "password": "token", "Verify URL": server.URL() + "/me"},
			Accepts: func(password string) bool { return password == conformance.Old },
		}
		if ended := run().Rotate(stand); ended.Outcome != outcome || stand.Writes() != 1 {
			t.Errorf("%v: %s", queue, ended.Stdout)
		}
	}
}

// TestTokensInTheAddress: what an operator wrote into url is never shown, even where
// the vendor quotes it.
func TestTokensInTheAddress(t *testing.T) {
	answer := simulator.JSON(400, map[string]string{"message": "no such hook: /hooks/canary-path-token-0001?key=canary-query-token"})
	stand := start(t, answer)
	r := run()
	r.Access = map[string]any{"url": stand.Servers[0].URL() + "/hooks/canary-path-token-0001?key=canary-query-token"}
	ended := r.Rotate(stand)
	if got := stand.Exchanges()[0].RequestURI; got != "/hooks/canary-path-token-0001?key=canary-query-token" {
		t.Errorf("sent to %s", got)
	}
	if strings.Contains(ended.Stdout+ended.Stderr, "canary") {
		t.Errorf("shown: %s", fmt.Sprint(ended.Stdout, ended.Stderr))
	}
}
