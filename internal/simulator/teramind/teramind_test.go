package teramind_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/simulator/teramind"
)

const (
	user        = "jdoe@example.com"
	findJdoe    = "/tm-api/agent/jdoe%40example.com"
	updateJdoe  = "/tm-api/agent/42"
	newPassword = `N"e\w<&é 1`
	updateBody  = `{"newPassword":"N\"e\\w<&é 1","passwordConfirm":"N\"e\\w<&é 1"}`
)

// request is one call to an instance, by default a correct one.
type request struct {
	method, path, body string
	header             http.Header // added; a nil value takes a header away
	chunked            bool
}

func start(t *testing.T, instance *teramind.Instance) *simulator.Server {
	t.Helper()
	server, err := simulator.Start(instance, simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func send(t *testing.T, server *simulator.Server, call request) (int, map[string]any) {
	t.Helper()
	var body io.Reader = strings.NewReader(call.body)
	if call.chunked {
		body = io.MultiReader(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), call.method, server.URL()+call.path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Access-Token", teramind.Token)
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
	var object map[string]any
	if err := json.NewDecoder(response.Body).Decode(&object); err != nil {
		t.Fatalf("answer: %v", err)
	}
	return response.StatusCode, object
}

func TestRotation(t *testing.T) {
	instance := teramind.New(teramind.Options{})
	server := start(t, instance)

	status, found := send(t, server, request{method: "GET", path: findJdoe})
	if status != 200 || found["agent_id"] != 42.0 || found["email_address"] != user || len(found) != 5 {
		t.Fatalf("find: %d %v", status, found)
	}
	status, updated := send(t, server, request{method: "PATCH", path: updateJdoe, body: updateBody})
	if status != 200 || updated["agent_id"] != 42.0 || len(updated) != 5 {
		t.Fatalf("update: %d %v", status, updated)
	}
	agent, _ := instance.Agent(user)
	if agent.Password != newPassword || !agent.MustChange || agent.Sessions != 0 {
		t.Errorf("agent after update: %+v", agent)
	}
	if !instance.Accepts(user, newPassword) || instance.Accepts(user, teramind.FirstPassword) || instance.Password(user) != newPassword {
		t.Error("sign-in does not take the new password, or takes the old one")
	}
	if other, _ := instance.Agent("jdoe@example.co"); other.Password != teramind.FirstPassword || other.MustChange || other.Sessions != 1 {
		t.Errorf("another agent was altered: %+v", other)
	}
	if instance.Updates() != 1 {
		t.Errorf("%d updates", instance.Updates())
	}
	if notes := server.Notes(); len(notes) != 0 {
		t.Errorf("notes: %q", notes)
	}
}

func TestFind(t *testing.T) {
	tests := []struct {
		name, path string
		options    teramind.Options
		status, id int
	}{
		{"plus", "/tm-api/agent/jdoe%2Badmin%40example.com", teramind.Options{}, 200, 44},
		{"non-ASCII", "/tm-api/agent/jdo%C3%A9%40example.com", teramind.Options{}, 200, 47},
		{"slash and percent", "/tm-api/agent/o%27hara%2F100%25%40example.com", teramind.Options{}, 200, 48},
		{"number as address", "/tm-api/agent/42%40example.com", teramind.Options{}, 200, 7},
		{"agent ID", "/tm-api/agent/42", teramind.Options{}, 200, 42},
		{"other case", "/tm-api/agent/JDoe%40example.com", teramind.Options{}, 404, 0},
		{"other case accepted", "/tm-api/agent/JDoe%40example.com", teramind.Options{AnyCase: true}, 200, 42},
		{"other agent answers", findJdoe, teramind.Options{FindAnswers: 43}, 200, 43},
		{"nobody", "/tm-api/agent/nobody%40example.com", teramind.Options{}, 404, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, teramind.New(test.options))
			status, object := send(t, server, request{method: "GET", path: test.path})
			id, _ := object["agent_id"].(float64)
			if status != test.status || int(id) != test.id {
				t.Errorf("%d %v", status, object)
			}
			if notes := server.Notes(); len(notes) != 0 {
				t.Errorf("notes: %q", notes)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	token := func(token string) http.Header { return http.Header{"X-Access-Token": {token}} }
	find := request{method: "GET", path: findJdoe}
	update := request{method: "PATCH", path: updateJdoe, body: updateBody}
	with := func(call request, header http.Header) request {
		call.header = header
		return call
	}
	again := `{"newPassword":"` + teramind.FirstPassword + `","passwordConfirm":"` + teramind.FirstPassword + `"}`
	empty := `{"newPassword":"","passwordConfirm":""}`
	tests := []struct {
		name    string
		call    request
		options teramind.Options
		status  int
	}{
		{"find with unknown token", with(find, token("unknown")), teramind.Options{}, 401},
		{"update with unknown token", with(update, token("unknown")), teramind.Options{}, 401},
		{"find with powerless token", with(find, token(teramind.PowerlessToken)), teramind.Options{}, 403},
		{"find with read-only token", with(find, token(teramind.ReadOnlyToken)), teramind.Options{}, 200},
		{"update with read-only token", with(update, token(teramind.ReadOnlyToken)), teramind.Options{}, 403},
		{"update of nobody", request{method: "PATCH", path: "/tm-api/agent/999", body: updateBody}, teramind.Options{}, 404},
		{"update of a deleted agent", request{method: "PATCH", path: "/tm-api/agent/90", body: updateBody}, teramind.Options{}, 404},
		{"too short", update, teramind.Options{MinimumLength: 11}, 400},
		{"empty", request{method: "PATCH", path: updateJdoe, body: empty}, teramind.Options{}, 400},
		{"used before", request{method: "PATCH", path: updateJdoe, body: again}, teramind.Options{History: true}, 400},
		{"unsuccessful", update, teramind.Options{Unsuccessful: true}, 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			instance := teramind.New(test.options)
			instance.Add(teramind.Agent{ID: 90, Email: "gone@example.com", Password: "gone", Deleted: true})
			server := start(t, instance)
			status, object := send(t, server, test.call)
			if status != test.status {
				t.Errorf("%d %v", status, object)
			}
			if message, _ := object["message"].(string); status >= 400 && message == "" {
				t.Errorf("an error without message: %v", object)
			}
			if success, there := object["success"]; test.options.Unsuccessful && (!there || success != false) {
				t.Errorf("success: %v", success)
			}
			if instance.Updates() != 0 || !instance.Accepts(user, teramind.FirstPassword) || instance.Accepts("gone@example.com", "gone") {
				t.Error("something was changed, or a deleted agent signs in")
			}
			if notes := server.Notes(); len(notes) != 0 {
				t.Errorf("notes: %q", notes)
			}
		})
	}
}

func TestHistoryHoldsFormerPasswords(t *testing.T) {
	instance := teramind.New(teramind.Options{History: true, MinimumLength: 10})
	server := start(t, instance)
	again := `{"newPassword":"` + teramind.FirstPassword + `","passwordConfirm":"` + teramind.FirstPassword + `"}`
	for i, call := range []struct {
		body   string
		status int
	}{{updateBody, 200}, {updateBody, 400}, {again, 400}} {
		if status, object := send(t, server, request{method: "PATCH", path: updateJdoe, body: call.body}); status != call.status {
			t.Errorf("update %d: %d %v", i+1, status, object)
		}
	}
}

func TestNotes(t *testing.T) {
	find := func(path string, header http.Header) request {
		return request{method: "GET", path: path, header: header}
	}
	update := func(body string, header http.Header) request {
		return request{method: "PATCH", path: updateJdoe, body: body, header: header}
	}
	tests := []struct {
		name   string
		call   request
		status int
		note   string
	}{
		{"no token", find(findJdoe, http.Header{"X-Access-Token": nil}), 401, "header X-Access-Token is missing"},
		{"two tokens", find(findJdoe, http.Header{"X-Access-Token": {teramind.Token, teramind.Token}}), 401, "header X-Access-Token occurs more than once"},
		{"authorization", find(findJdoe, http.Header{"Authorization": {"Bearer x"}}), 200, "header Authorization has no place here"},
		{"cookie", update(updateBody, http.Header{"Cookie": {"a=b"}}), 200, "header Cookie has no place here"},
		{"compression", find(findJdoe, http.Header{"Accept-Encoding": {"gzip"}}), 200, "header Accept-Encoding has no place here"},
		{"bare at sign", find("/tm-api/agent/jdoe@example.com", nil), 200, "path segment agent: a character outside the unreserved set is not percent-encoded"},
		{"lower-case escape", find("/tm-api/agent/jdoe%2badmin%40example.com", nil), 200, "path segment agent: a percent-encoding is not two capital hexadecimal digits"},
		{"needless escape", find("/tm-api/agent/%6Adoe%40example.com", nil), 200, "path segment agent: an unreserved character is percent-encoded"},
		{"query", find(findJdoe+"?a=b", nil), 200, "a query has no place here"},
		{"body on find", request{method: "GET", path: findJdoe, body: "{}"}, 200, "header Content-Type has no place here"},
		{"update by address", request{method: "PATCH", path: findJdoe, body: updateBody}, 404, "the agent to update is not named by its ID"},
		{"update by odd number", request{method: "PATCH", path: "/tm-api/agent/042", body: updateBody}, 200, "the agent to update is not named by its ID"},
		{"content type", update(updateBody, http.Header{"Content-Type": {"text/plain"}}), 200, "header Content-Type is not application/json"},
		{"chunked", request{method: "PATCH", path: updateJdoe, body: updateBody, chunked: true}, 200, "the body is sent in chunks"},
		{"no confirmation", update(`{"newPassword":"x"}`, nil), 400, "body: key passwordConfirm is missing"},
		{"number", update(`{"newPassword":1,"passwordConfirm":"1"}`, nil), 400, "body: key newPassword is not of type string"},
		{"more keys", update(`{"newPassword":"x","passwordConfirm":"x","role":1}`, nil), 200, "body: unknown keys: 1"},
		{"different", update(`{"newPassword":"x","passwordConfirm":"y"}`, nil), 400, "newPassword and passwordConfirm differ"},
		{"deprecated method", request{method: "PUT", path: updateJdoe, body: updateBody}, 200, "the method is deprecated"},
		{"other name of the confirmation", update(`{"newPassword":"x","passwordConfirmation":"x"}`, nil), 200, "body: passwordConfirmation is another name of passwordConfirm"},
		{"other method", request{method: "DELETE", path: updateJdoe}, 405, "the path knows no such method"},
		{"other path", find("/tm-api/agents", nil), 404, "no such path"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			instance := teramind.New(teramind.Options{})
			server := start(t, instance)
			status, object := send(t, server, test.call)
			if status != test.status {
				t.Errorf("%d %v", status, object)
			}
			notes := server.Notes()
			if len(notes) == 0 || !strings.HasSuffix(notes[0], ": "+test.note) {
				t.Errorf("notes %q, want %q", notes, test.note)
			}
			want := 0
			if test.status == 200 && test.call.method != "GET" {
				want = 1
			}
			if instance.Updates() != want {
				t.Errorf("%d updates were applied", instance.Updates())
			}
		})
	}
}

// TestStrict: what frameworks judge differently can be refused, too.
func TestStrict(t *testing.T) {
	instance := teramind.New(teramind.Options{})
	server, err := simulator.Start(instance, simulator.Options{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	more := `{"newPassword":"x","passwordConfirm":"x","role":1}`
	if status, _ := send(t, server, request{method: "PATCH", path: updateJdoe, body: more}); status != 400 || instance.Updates() != 0 {
		t.Errorf("an unknown key: %d", status)
	}
	if status, _ := send(t, server, request{method: "PATCH", path: updateJdoe, body: updateBody, header: http.Header{"Cookie": {"a=b"}}}); status != 200 {
		t.Errorf("a cookie: %d", status)
	}
}

// TestAnswers: what servers answer differs.
func TestAnswers(t *testing.T) {
	tests := []struct {
		name    string
		options teramind.Options
		status  int
		body    string // a part of it
	}{
		{"agent", teramind.Options{}, 200, `"agent_id":42`},
		{"agent with email", teramind.Options{AddressFields: teramind.InEmail}, 200, `"email":"jdoe@example.com","email_address":""`},
		{"agent with email empty", teramind.Options{AddressFields: teramind.InEmailAddressAlone}, 200, `"email":"","email_address":"jdoe@example.com"`},
		{"success", teramind.Options{UpdateAnswer: teramind.AnswersSuccess}, 200, `{"success":true}`},
		{"no content", teramind.Options{UpdateAnswer: teramind.AnswersNoContent}, 204, ""},
		{"empty", teramind.Options{UpdateAnswer: teramind.AnswersEmpty}, 200, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			instance := teramind.New(test.options)
			server := start(t, instance)
			r, err := http.NewRequestWithContext(t.Context(), "PATCH", server.URL()+updateJdoe, strings.NewReader(updateBody))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Access-Token", teramind.Token)
			r.Header.Set("Content-Type", "application/json")
			response, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != test.status || !strings.Contains(string(body), test.body) || (test.body == "") != (len(body) == 0) {
				t.Errorf("%d %s, %v", response.StatusCode, body, err)
			}
			if !instance.Accepts(user, newPassword) || len(server.Notes()) > 0 {
				t.Errorf("the update was not applied, or noted: %q", server.Notes())
			}
		})
	}
}

// TestOldLookUp: servers from before 2024 know agents by number alone.
func TestOldLookUp(t *testing.T) {
	server := start(t, teramind.New(teramind.Options{OldLookUp: true}))
	if status, _ := send(t, server, request{method: "GET", path: findJdoe}); status != 404 {
		t.Errorf("by address: %d", status)
	}
	if status, found := send(t, server, request{method: "GET", path: updateJdoe}); status != 200 || found["email_address"] != user {
		t.Errorf("by number: %d %v", status, found)
	}
}

func TestExtraFields(t *testing.T) {
	instance := teramind.New(teramind.Options{ExtraFields: true})
	instance.Add(teramind.Agent{
		ID: 91, Email: "from.directory", Deleted: true, TwoFactor: true, LDAPAttributes: map[string]any{"cn": "x"},
	})
	server := start(t, instance)
	_, plain := send(t, server, request{method: "GET", path: findJdoe})
	if plain["deleted"] != 0.0 || plain["ldap_attrs"] != nil || plain["tfa_enabled"] != false || plain["email"] != user {
		t.Errorf("plain agent: %v", plain)
	}
	_, special := send(t, server, request{method: "GET", path: "/tm-api/agent/from.directory"})
	if special["deleted"] != 1.0 || special["ldap_attrs"] == nil || special["tfa_enabled"] != true {
		t.Errorf("special agent: %v", special)
	}
	_, updated := send(t, server, request{method: "PATCH", path: updateJdoe, body: updateBody})
	if updated["success"] != true {
		t.Errorf("updated agent: %v", updated)
	}
}

func TestWrongAccount(t *testing.T) {
	for _, options := range []teramind.Options{{}, {ExtraFields: true}} {
		instance := teramind.New(options)
		server := start(t, instance)
		wrong := simulator.KindNamed("wrong account after")
		server.Inject(simulator.Fault{Exchange: teramind.FindAgent, Kind: wrong})
		server.Inject(simulator.Fault{Exchange: teramind.UpdateAgent, Kind: wrong})
		for _, call := range []request{{method: "GET", path: findJdoe}, {method: "PATCH", path: updateJdoe, body: updateBody}} {
			status, object := send(t, server, call)
			if status != 200 || object["agent_id"] == 42.0 || object["email_address"] == user || object["email"] == user || object["last_name"] != "Doe" {
				t.Errorf("%s: %d %v", call.method, status, object)
			}
		}
		if !instance.Accepts(user, newPassword) {
			t.Error("the update behind the wrong answer was not applied")
		}
	}
}

func TestAddRefusesWhatIsTaken(t *testing.T) {
	for name, agent := range map[string]teramind.Agent{
		"ID": {ID: 42, Email: "new@example.com"}, "address": {ID: 99, Email: user}, "zero ID": {Email: "new@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			teramind.New(teramind.Options{}).Add(agent)
		})
	}
}

func TestFaultsCoverBothRoutes(t *testing.T) {
	var hit []string
	for _, fault := range simulator.Faults(teramind.New(teramind.Options{}).Routes()) {
		ours := fault.Exchange == teramind.FindAgent || fault.Exchange == teramind.UpdateAgent
		if ours && fault.Occurrence == 1 && strings.HasPrefix(fault.Kind.Name, "drop") {
			hit = append(hit, fault.String())
		}
	}
	want := []string{"drop before at find agent 1", "drop before at update agent 1", "drop after at update agent 1"}
	if !slices.Equal(hit, want) {
		t.Errorf("faults %q", hit)
	}
}

func TestFailedAccess(t *testing.T) {
	instance := teramind.New(teramind.Options{})
	server := start(t, instance)
	for _, token := range []string{"x", teramind.PowerlessToken, teramind.Token} {
		send(t, server, request{method: "GET", path: findJdoe, header: http.Header{"X-Access-Token": {token}}})
	}
	if instance.FailedAccess() != 1 {
		t.Errorf("%d failed", instance.FailedAccess())
	}
}

// TestOtherClientsCalls: what another client of the vendor sends is answered, and noted as what
// ours does not send.
func TestOtherClientsCalls(t *testing.T) {
	server := start(t, teramind.New(teramind.Options{}))
	get := func(target string) (int, string) {
		// net/http sends no target in absolute form but to a proxy.
		connection, err := tls.Dial("tcp", server.Host(), &tls.Config{RootCAs: server.Authority().Pool()})
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		if _, err := fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: %s\r\nX-Access-Token: %s\r\n\r\n", target, server.Host(), teramind.Token); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	for target, want := range map[string]string{
		server.URL() + findJdoe: `"agent_id":42,`,
		"/tm-api/agent":         `"email_address":"jdoe@example.com"`,
		"/tm-api/v1/agents":     `"avatar":null`,
		"/tm-api/v1/agents/42":  `{"agent_id":42,"avatar":null`,
	} {
		if status, body := get(target); status != 200 || !strings.Contains(body, want) {
			t.Errorf("GET %s: %d %s", target, status, body)
		}
	}
	if status, _ := get("/tm-api/v1/agents/4711"); status != 404 {
		t.Errorf("an agent who is not there: %d", status)
	}
	if notes := server.Notes(); !slices.ContainsFunc(notes, func(note string) bool { return strings.Contains(note, "absolute form") }) ||
		!slices.ContainsFunc(notes, func(note string) bool { return strings.Contains(note, "agents are listed") }) {
		t.Errorf("notes: %q", notes)
	}
}
