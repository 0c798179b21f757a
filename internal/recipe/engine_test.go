package recipe_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// service is an API on 127.0.0.1 that answers by method and path, and keeps what came.
type service struct {
	*httptest.Server
	mutex    sync.Mutex
	requests []request
	answers  map[string]any // by "METHOD /path": an answer, or a list of them for one call after the other
}

type request struct {
	name   string // "METHOD /path"
	uri    string
	header http.Header
	body   string
}

// answer is one answer; a body that is a string is sent as it is.
type answer struct {
	status int
	body   any
	header map[string]string
}

func serve(t *testing.T, answers map[string]any) *service {
	t.Helper()
	s := &service{answers: answers}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.handle))
	t.Cleanup(s.Close)
	return s
}

func (s *service) handle(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	name := r.Method + " " + r.URL.EscapedPath()
	s.requests = append(s.requests, request{name, r.RequestURI, r.Header.Clone(), string(body)})
	given, known := s.answers[r.Method+" "+r.RequestURI]
	key := r.Method + " " + r.RequestURI
	if !known {
		given, key = s.answers[name], name
	}
	if list, ok := given.([]answer); ok {
		given = list[0]
		if len(list) > 1 {
			s.answers[key] = list[1:]
		}
	}
	switch given := given.(type) {
	case nil:
		w.WriteHeader(404)
	case answer:
		for name, value := range given.header {
			w.Header().Set(name, strings.ReplaceAll(value, "{server}", s.URL))
		}
		text, isText := given.body.(string)
		if !isText && given.body != nil {
			w.Header().Set("Content-Type", "application/json")
			encoded, _ := json.Marshal(given.body)
			text = string(encoded)
		}
		if given.status == 0 { // lost
			connection, _, _ := w.(http.Hijacker).Hijack()
			connection.Close()
			return
		}
		w.WriteHeader(given.status)
		io.WriteString(w, text)
	}
}

// came returns the names of the requests in order.
func (s *service) came() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var names []string
	for _, r := range s.requests {
		names = append(names, r.method()+" "+r.uri)
	}
	return strings.Join(names, ", ")
}

func (r request) method() string { return strings.Fields(r.name)[0] }

// of returns the requests of one name.
func (s *service) of(name string) []request {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var found []request
	for _, r := range s.requests {
		if r.name == name {
			found = append(found, r)
		}
	}
	return found
}

// ended is the end of a run, with everything that was logged.
type ended struct {
	rotation.Result
	log string
}

// play rotates with a recipe. Fields are put over an address and a token.
func play(t *testing.T, source string, s *service, fields map[string]any, user, password string) ended {
	t.Helper()
	return playWith(t, nil, source, s, fields, user, password)
}

// playWith has a vault; nil is none.
func playWith(t *testing.T, keeper rotation.Keeper, source string, s *service, fields map[string]any, user, password string) ended {
	t.Helper()
	return playAs(t, keeper, source, s, fields, user, password, conformance.Old)
}

// playWithout has a payload without an old password.
func playWithout(t *testing.T, source string, s *service) ended {
	t.Helper()
	return playAs(t, nil, source, s, nil, "jane", conformance.New, "")
}

func playAs(t *testing.T, keeper rotation.Keeper, source string, s *service, fields map[string]any, user, password, old string) ended {
	t.Helper()
	loaded, err := recipe.Load([]byte(source), "test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	access := map[string]any{
		"uid": "AccessRecordUid00001a", "title": "API Access Details", "url": s.URL, "password": "canary-token-1",
		"CA Certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})),
	}
	for label, value := range fields {
		access[label] = value
	}
	payload, err := json.Marshal(map[string]any{
		"user": user, "newPassword": password, "oldPassword": old, "userRecordUid": "UserRecordUid0000001a",
		"records": []any{access, map[string]any{"uid": "UserRecordUid0000001a", "title": "PAM User", "login": user}},
	})
	if err != nil {
		t.Fatal(err)
	}
	registry := targets.NewRegistry(loaded.Info())
	scrubber := secret.NewScrubber()
	read, err := params.Read(bytes.NewReader(payload), params.Options{Scrubber: scrubber, PublicLabels: registry.PublicLabels()})
	if err != nil {
		return ended{Result: rotation.Failure(err)}
	}
	var log bytes.Buffer
	plan, failed := rotation.Prepare(read, rotation.Options{
		Registry: registry, Target: loaded.Name, Scrubber: scrubber, Clock: &api.SkippingClock{}, Version: "test", CallTimeout: 20 * time.Second, Keeper: keeper,
		Log: func(string, string) zerolog.Logger { return zerolog.New(&log) },
	})
	if failed != nil {
		return ended{*failed, log.String()}
	}
	return ended{plan.Rotate(context.Background()), log.String()}
}

// small is a recipe of one write, whose parts the tests replace.
func small(parts map[string]string) string {
	text := `name: small
title: Small
summary: users of a test
documents: https://small.example/api
tried: documents alone
fields:
  url: {kind: url, required: true, help: the address}
  password: {kind: secret, required: true, help: a token}
  Team: {help: a text}
base: url
@top
auth: @auth
check: @check
change:
  - name: set the password
    write: true
    method: POST
    path: @path
    @write
    accept: @accept
proof: @proof
`
	for name, otherwise := range map[string]string{
		"top": "", "auth": "{bearer: $access.password}", "check": "[{name: look, path: /look, accept: 200}]", "path": "/set",
		"write": "body: {password: $new}", "accept": "200", "proof": "answer",
	} {
		value, ok := parts[name]
		if !ok {
			value = otherwise
		}
		text = strings.Replace(text, "@"+name+"\n", value+"\n", 1)
	}
	return text
}

var (
	fine = answer{status: 200, body: map[string]any{"ok": true}}
	gone = answer{}
)

func TestJudging(t *testing.T) {
	refusals := "200\n    refuse:\n      - {status: 422, class: policy, hint: choose another one}\n      - {status: 400, when: '.code == 7', class: conflict, says: it is locked}\n" +
		"      - {status: 200, when: '.ok == false', class: target, says: it says no}"
	for _, test := range []struct {
		name   string
		accept string
		answer any
		ends   string // outcome [class]
		writes int
	}{
		{"accepted", "200", fine, "changed []", 1},
		{"another success", "200", answer{status: 202, body: map[string]any{}}, "unknown [target]", 1},
		{"one of a list", "[200, 204]", answer{status: 204}, "changed []", 1},
		{"condition holds", "{status: 200, when: .ok}", fine, "changed []", 1},
		{"condition gives something else than true", "{status: 200, when: '1'}", fine, "unknown [target]", 1},
		{"condition fails", "{status: 200, when: .ok.x.y == 1}", answer{status: 200, body: map[string]any{"ok": "text"}}, "unknown [target]", 1},
		{"condition on an empty body", "{status: 200, when: . == null}", answer{status: 200}, "changed []", 1},
		{"condition on a header", "{status: 200, when: '$header[\"x-done\"] == \"yes\" and $status == 200'}", answer{status: 200, header: map[string]string{"X-Done": "yes"}}, "changed []", 1},
		{"web page", "200", answer{status: 200, body: "<html></html>"}, "unknown [target]", 1},
		{"cut JSON", "200", answer{status: 200, body: `{"ok": tr`}, "unknown [target]", 1},
		{"text without condition", "200", answer{status: 200, body: "done"}, "changed []", 1},
		{"text with condition", "{status: 200, when: .ok}", answer{status: 200, body: "done"}, "unknown [target]", 1},
		{"redirect", "200", answer{status: 307, header: map[string]string{"Location": "{server}/elsewhere"}}, "unknown [target]", 1},
		{"refusal that is not named", "200", answer{status: 403}, "unknown [permission]", 1},
		{"named refusal", refusals, answer{status: 422}, "not-changed [policy]", 1},
		{"refusal with condition", refusals, answer{status: 400, body: map[string]any{"code": 7}}, "not-changed [conflict]", 1},
		{"refusal whose condition does not hold", refusals, answer{status: 400, body: map[string]any{"code": 8}}, "unknown [policy]", 1},
		{"refusal with 200", refusals, answer{status: 200, body: map[string]any{"ok": false}}, "not-changed [target]", 1},
		{"lost", "200", gone, "unknown [network]", 1},
		{"500", "200", answer{status: 500}, "unknown [target]", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, map[string]any{"GET /look": fine, "POST /set": test.answer})
			result := play(t, small(map[string]string{"accept": test.accept}), s, nil, "jane", conformance.New)
			if got := fmt.Sprintf("%s [%s]", result.Outcome, result.Class); got != test.ends || len(s.of("POST /set")) != test.writes {
				t.Errorf("%s with %d writes, want %s with %d: %s", got, len(s.of("POST /set")), test.ends, test.writes, result.Message)
			}
		})
	}
}

// TestCheckEndsTheRun: what check does not accept ends the run before the write.
func TestCheckEndsTheRun(t *testing.T) {
	find := func(more string) string {
		return "\n  - name: look\n    path: /look\n    accept: 200\n    find: {in: .users, where: .name == $user}\n    let: {id: .id}" + more
	}
	for _, test := range []struct {
		name, check string
		answer      any
		class       api.Class
	}{
		{"refused", "[{name: look, path: /look, accept: 200}]", answer{status: 401}, api.ClassCredential},
		{"another class", "[{name: look, path: /look, accept: 200, refuse: {status: 401, class: permission}}]", answer{status: 401}, api.ClassPermission},
		{"none found", find(""), answer{status: 200, body: map[string]any{"users": []any{map[string]any{"name": "john"}}}}, api.ClassAccount},
		{"two found", find(""), answer{status: 200, body: map[string]any{"users": []any{map[string]any{"name": "jane"}, map[string]any{"name": "jane"}}}}, api.ClassAccount},
		{"no list", find(""), answer{status: 200, body: map[string]any{"users": 5}}, api.ClassTarget},
		{"requirement", "[{name: look, path: /look, accept: 200, require: {that: '$user == \"john\"', says: not him, class: account}}]", fine, api.ClassAccount},
		{"poll that never ends", "[{name: look, path: /look, accept: 200, poll: {until: .ready, every: 5s, tries: 3}}]", fine, api.ClassTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, map[string]any{"GET /look": test.answer, "POST /set": fine})
			write := "body: {password: $new}"
			if strings.Contains(test.check, "let:") {
				write = "body: {password: $new, id: $id}"
			}
			result := play(t, small(map[string]string{"check": test.check, "write": write}), s, nil, "jane", conformance.New)
			if result.Outcome != rotation.NotChanged || result.Class != test.class || len(s.of("POST /set")) != 0 {
				t.Errorf("%s [%s], %d writes: %s", result.Outcome, result.Class, len(s.of("POST /set")), result.Message)
			}
		})
	}
}

func users(names ...string) answer {
	list := []any{}
	for _, name := range names {
		list = append(list, map[string]any{"name": name, "id": "id-" + name})
	}
	return answer{status: 200, body: list}
}

func linked(a answer, next string) answer {
	a.header = map[string]string{"Link": `<{server}/first>; rel="first", <` + next + `>; rel="next"`}
	return a
}

func TestPages(t *testing.T) {
	for _, test := range []struct {
		name, page string
		answers    map[string]any
		came       string
		changed    bool
	}{
		{"link", "{items: ., link: next}", map[string]any{
			"GET /look": linked(users("a", "b"), "{server}/look/more?after=b"), "GET /look/more?after=b": users("jane"),
		}, "GET /look, GET /look/more?after=b, POST /set", true},
		{"link without host", "{items: ., link: next}", map[string]any{
			"GET /look": linked(users("a"), "/look/2"), "GET /look/2": users("jane"),
		}, "GET /look, GET /look/2, POST /set", true},
		// Many products write the name that they have inside. The credential stays at the host that was asked.
		{"link to another host", "{items: ., link: next}", map[string]any{
			"GET /look": linked(users("a"), "http://inside.invalid:8080/look?after=a"), "GET /look?after=a": users("jane"),
		}, "GET /look, GET /look?after=a, POST /set", true},
		{"link to the same path", "{items: ., link: next}", map[string]any{
			"GET /look": linked(users("a"), "?page=2"), "GET /look?page=2": users("jane"),
		}, "GET /look, GET /look?page=2, POST /set", true},
		{"link out of the path", "{items: ., link: next}", map[string]any{
			"GET /look": linked(users("a"), "/x/../look"),
		}, "GET /look, GET /look, GET /look", false},
		{"link for ever", "{items: ., link: next, most: 3}", map[string]any{
			"GET /look": linked(users("a"), "/look"),
		}, "GET /look, GET /look, GET /look", false},
		{"number for ever", "{items: ., number: page, size: 1, most: 3}", map[string]any{
			"GET /look": users("a"),
		}, "GET /look?page=1, GET /look?page=2, GET /look?page=3", false},
		{"number", "{items: ., number: page, size: 2}", map[string]any{
			"GET /look?page=1": users("a", "b"), "GET /look?page=2": users("jane"),
		}, "GET /look?page=1, GET /look?page=2, POST /set", true},
		{"number from 0", "{items: ., number: page, size: 2, first: 0}", map[string]any{
			"GET /look?page=0": users("a", "jane"), "GET /look?page=1": users(),
		}, "GET /look?page=0, GET /look?page=1, POST /set", true},
		{"the same name on two pages", "{items: ., number: page, size: 1}", map[string]any{
			"GET /look?page=1": users("jane"), "GET /look?page=2": users("jane"), "GET /look?page=3": users(),
		}, "GET /look?page=1, GET /look?page=2, GET /look?page=3", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.answers["POST /set"] = fine
			s := serve(t, test.answers)
			result := play(t, small(map[string]string{
				"check": "\n  - name: look\n    path: /look\n    accept: 200\n    page: " + test.page + "\n    find: {where: .name == $user}\n    let: {id: .id}",
				"write": "body: {password: $new, id: $id}",
			}), s, nil, "jane", conformance.New)
			if (result.Outcome == rotation.Changed) != test.changed || s.came() != test.came {
				t.Errorf("%s: %s\ncame %s\nwant %s", result.Outcome, result.Message, s.came(), test.came)
			}
		})
	}
}

func TestPollsUntilReady(t *testing.T) {
	s := serve(t, map[string]any{"GET /look": []answer{fine, fine, {status: 200, body: map[string]any{"ready": true}}}, "POST /set": fine})
	result := play(t, small(map[string]string{"check": "[{name: look, path: /look, accept: 200, poll: {until: .ready, every: 5s}, after: 2s}]"}), s, nil, "jane", conformance.New)
	if result.Outcome != rotation.Changed || len(s.of("GET /look")) != 3 {
		t.Errorf("%s after %d polls: %s", result.Outcome, len(s.of("GET /look")), result.Message)
	}
}

// TestAuth: every way of showing who asks.
func TestAuth(t *testing.T) {
	token := answer{status: 200, body: map[string]any{"access_token": "canary-minted-1", "token_type": "Bearer"}}
	encoded := base64.StdEncoding.EncodeToString([]byte("it:canary-token-1"))
	for _, test := range []struct {
		name, auth   string
		header, want string // of the write
		signIn       string // the body of the sign-in
		basic        string // the Authorization of the sign-in
	}{
		{"bearer", "{bearer: $access.password}", "Authorization", "Bearer canary-token-1", "", ""},
		{"basic", "{basic: {user: '\"it\"', password: $access.password}}", "Authorization", "Basic " + encoded, "", ""},
		{"header", "{header: {X-Api-Key: $access.password}}", "X-Api-Key", "canary-token-1", "", ""},
		{"none", "none", "Authorization", "", "", ""},
		{"client credentials", "{oauth2-client-credentials: {path: /token, client: '\"it\"', secret: $access.password, scope: '\"a b\"'}}",
			"Authorization", "Bearer canary-minted-1", "grant_type=client_credentials&scope=a+b", "Basic " + encoded},
		{"client credentials in the form", "{oauth2-client-credentials: {path: /token, client: '\"it\"', secret: $access.password, send: form}}",
			"Authorization", "Bearer canary-minted-1", "grant_type=client_credentials&client_id=it&client_secret=canary-token-1", ""},
		{"cookie", "{cookie-login: {name: log in, method: POST, path: /login, form: {user: '\"it\"', pw: $access.password}, accept: 200, cookie: SID}}",
			"Cookie", "SID=canary-session-1", "user=it&pw=canary-token-1", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, map[string]any{
				"GET /look": fine, "POST /set": fine, "POST /token": token,
				"POST /login": answer{status: 200, header: map[string]string{"Set-Cookie": "SID=canary-session-1; HttpOnly"}},
			})
			result := play(t, small(map[string]string{"auth": test.auth}), s, nil, "jane", conformance.New)
			if result.Outcome != rotation.Changed {
				t.Fatal(result.Message)
			}
			if got := s.of("POST /set")[0].header.Get(test.header); got != test.want {
				t.Errorf("%s: %q, want %q", test.header, got, test.want)
			}
			for _, signIn := range append(s.of("POST /token"), s.of("POST /login")...) {
				if signIn.body != test.signIn || signIn.header.Get("Authorization") != test.basic {
					t.Errorf("signed in with %q and %q", signIn.body, signIn.header.Get("Authorization"))
				}
			}
			for _, hidden := range []string{"canary-minted-1", "canary-session-1", "canary-token-1"} {
				if strings.Contains(result.log+result.Message, hidden) {
					t.Errorf("%s was printed", hidden)
				}
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		s := serve(t, map[string]any{"POST /token": answer{status: 400, body: map[string]any{"error": "invalid_client"}}})
		result := play(t, small(map[string]string{"auth": "{oauth2-client-credentials: {path: /token, client: '\"it\"', secret: $access.password}}"}), s, nil, "jane", conformance.New)
		if result.Outcome != rotation.NotChanged || result.Class != api.ClassCredential {
			t.Errorf("%s [%s]", result.Outcome, result.Class)
		}
	})
}

// TestCloseAlwaysRuns: what was opened is given back whatever happens, once, and again if the
// answer is lost.
func TestCloseAlwaysRuns(t *testing.T) {
	source := func(check string) string {
		return small(map[string]string{"auth": "none", "check": `
  - name: sign in
    method: POST
    path: /session
    body: {key: $access.password}
    accept: 201
    seal: {session: .session}
` + check, "write": "auth: {bearer: $session}\n    body: {password: $new}", "top": "close:\n  - {name: log out, each: session, method: DELETE, path: /session, auth: {bearer: $session}, accept: 204}"})
	}
	opened := answer{status: 201, body: map[string]any{"session": "canary-session-1"}}
	for _, test := range []struct {
		name, check string
		session     any
		write       any
		out         any
		times       int
		warns       bool
	}{
		{"after success", "", opened, fine, answer{status: 204}, 1, false},
		{"after a failed look-up", "  - {name: look, path: /look, accept: 200, auth: none}", opened, fine, answer{status: 204}, 1, false},
		{"after a lost write", "", opened, gone, answer{status: 204}, 1, false},
		{"nothing was opened", "", answer{status: 401}, fine, answer{status: 204}, 0, false},
		{"its answer is lost once", "", opened, fine, []answer{{}, {status: 204}}, 2, false},
		{"it is refused", "", opened, fine, answer{status: 500}, 2, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, map[string]any{"POST /session": test.session, "POST /set": test.write, "DELETE /session": test.out})
			result := play(t, source(test.check), s, nil, "jane", conformance.New)
			if got := s.of("DELETE /session"); len(got) != test.times || len(got) > 0 && got[0].header.Get("Authorization") != "Bearer canary-session-1" {
				t.Errorf("%d log-outs, want %d: %s", len(got), test.times, result.Message)
			}
			if warns := strings.Contains(strings.Join(result.Warnings, "\n"), "cleaning up failed"); warns != test.warns {
				t.Errorf("warnings: %q", result.Warnings)
			}
		})
	}
}

// TestValuesArriveAsTheyAre: every hostile password and name arrives byte for byte in a path, a
// query, a header, a form and a body, or is refused before anything is sent. What arrives is
// decoded by Go's own library from the bytes of the request. Only a path and a header may
// refuse a password: not everything can stand there.
func TestValuesArriveAsTheyAre(t *testing.T) {
	more := []string{"x", ".", "..", "a/b", "a?b=c&d#e", "%2e%2e", "a;b", "{x}", "\\(env)", "ä 密 😀", "a b", "\x00", "x\r\ny", "+", " blank "}
	for place, write := range map[string]map[string]string{
		"path":   {"path": "[/set, {jq: $value}, x]", "write": "body: {new: $new}"},
		"query":  {"write": "query: {p: $value, q: $set.team}\n    body: {new: $new}"},
		"header": {"write": "header: {X-New: $value}\n    body: {new: $new}"},
		"form":   {"write": "form: {p: $value, q: $set.team, r: true, s: 5, new: $new}"},
		"body":   {"write": "body: {p: [$value, {q: $value}], 'r': '{(\"k\"): $value}', new: $new}"},
	} {
		for variable, values := range map[string][]string{
			"$new": append(conformance.Passwords(), more...), "$user": append(conformance.UserNames(), more...),
		} {
			t.Run(place+" "+variable, func(t *testing.T) {
				t.Parallel()
				var mutex sync.Mutex
				var got request
				server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					mutex.Lock()
					defer mutex.Unlock()
					got = request{r.Method, r.RequestURI, r.Header, string(body)}
					w.WriteHeader(200)
				}))
				defer server.Close()
				parts := map[string]string{"check": "[]"}
				for name, part := range write {
					parts[name] = strings.ReplaceAll(part, "$value", variable)
				}
				source := strings.Replace(small(parts), "check: []\n", "", 1)
				arrived, refused := 0, 0
				for _, value := range values {
					user, password := "jane", value
					if variable == "$user" {
						user, password = value, conformance.New
					}
					mutex.Lock()
					got = request{}
					mutex.Unlock()
					result := play(t, source, &service{Server: server}, nil, user, password)
					mutex.Lock()
					came := got
					mutex.Unlock()
					if result.Outcome == rotation.NotChanged && came.uri == "" {
						if refused++; variable == "$new" && value != "" && params.PasswordFault(secret.New(value)) == "" && place != "path" && place != "header" {
							t.Errorf("%q is refused: %s", value, result.Message)
						}
						continue
					}
					arrived++
					if result.Outcome != rotation.Changed {
						t.Errorf("%q: %s", value, result.Message)
					} else if arrived := arrivals(t, place, came); len(arrived) != 1 || arrived[0] != value {
						t.Errorf("%q: %q arrived", value, arrived)
					}
				}
				if arrived < len(values)/2 {
					t.Errorf("%d arrived, %d were refused", arrived, refused)
				}
				t.Logf("%d arrived, %d were refused", arrived, refused)
			})
		}
	}
}

// arrivals returns the different values at a place of a request.
func arrivals(t *testing.T, place string, r request) []string {
	t.Helper()
	path, query, _ := strings.Cut(r.uri, "?")
	switch place {
	case "path":
		segments := strings.Split(path, "/")
		text, err := url.PathUnescape(segments[2])
		if err != nil || len(segments) != 4 || segments[3] != "x" {
			t.Errorf("the path has %d segments", len(segments))
		}
		return []string{text}
	case "query", "form":
		text := query
		if place == "form" {
			text = r.body
		}
		values, err := url.ParseQuery(text)
		if err != nil || values.Has("q") || place == "form" && (values.Get("r") != "true" || values.Get("s") != "5") {
			t.Errorf("%s: %v", place, values)
		}
		return values["p"]
	case "header":
		return r.header["X-New"]
	}
	var body struct {
		P []any
		R map[string]string
	}
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Error(err)
	}
	if len(body.P) != 2 || body.P[0] != body.R["k"] || body.P[0] != body.P[1].(map[string]any)["q"] {
		t.Errorf("body: %q", r.body)
	}
	return []string{body.R["k"]}
}

// TestNumbersStayAsTheyAre: a number of an answer goes back digit for digit.
func TestNumbersStayAsTheyAre(t *testing.T) {
	s := serve(t, map[string]any{"GET /look": answer{status: 200, body: `{"id": 12345678901234567890, "x": 1.10}`}, "POST /set": fine})
	result := play(t, small(map[string]string{
		"check": "[{name: look, path: /look, accept: 200, let: {id: .id, x: .x}}]", "write": "body: {id: $id, x: $x, password: $new}",
	}), s, nil, "jane", conformance.New)
	if result.Outcome != rotation.Changed || !strings.HasPrefix(s.of("POST /set")[0].body, `{"id":12345678901234567890,"x":1.10,`) {
		t.Error(result.Message, s.of("POST /set"))
	}
}

// TestCannotPrintASecret: neither by what it shows nor by what it makes of a secret.
func TestCannotPrintASecret(t *testing.T) {
	for name, parts := range map[string]map[string]string{
		"account":                  {"top": "account: '\"\\($new)\"'"},
		"account of a secret":      {"top": "account: $access.password"},
		"account of a made secret": {"top": "let: {x: '$new | @base64'}\naccount: '\"\\($x)\"'"},
		"subject":                  {"top": "subject: $old"},
	} {
		if _, err := recipe.Load([]byte(small(parts)), "x"); err == nil || !strings.Contains(err.Error(), "printed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	echo := func(status int) answer {
		return answer{status: status, body: map[string]any{"message": "no: " + conformance.New + " canary-token-1 canary-echo-1", "token": "canary-echo-1", "id": conformance.New}}
	}
	for _, source := range []string{
		small(nil),
		small(map[string]string{"check": "[{name: look, path: /look, accept: 200, let: {id: .id}, seal: {echoed: .token}}]", "top": "account: '\"user \\($id)\"'",
			"path": "[/set, {jq: $echoed}]"}),
		small(map[string]string{"write": "body: '[$new, ($new | error)]'"}),
		small(map[string]string{"write": "body: '{p: $new, x: ([$new, $old] | tojson | error)}'"}),
		small(map[string]string{"write": "body: '{($new): ([$access.password] | tonumber)}'"}),
		small(map[string]string{"accept": "{status: 200, when: '$header | error'}"}),
	} {
		for _, status := range []int{200, 400, 500} {
			s := serve(t, map[string]any{"GET /look": echo(200), "POST /set": echo(status), "POST /set/canary-echo-1": echo(status)})
			result := play(t, source, s, nil, "jane", conformance.New)
			printed, err := json.Marshal(result.Result)
			if err != nil {
				t.Fatal(err)
			}
			for _, hidden := range []string{conformance.New, "canary-token-1"} {
				if form := conformance.FindSecret(result.log+string(printed), hidden); form != "" {
					t.Errorf("a secret was printed, %s: %s %s", form, result.log, printed)
				}
			}
			if strings.Contains(source, "echoed") && strings.Contains(result.log+string(printed), "canary-echo-1") {
				t.Errorf("a sealed value was printed: %s %s", result.log, printed)
			}
		}
	}
}

// TestCannotRepeatAWrite: however it is answered, and whatever the recipe adds.
func TestCannotRepeatAWrite(t *testing.T) {
	for _, parts := range []map[string]string{
		{"accept": "200\n    poll: {until: .ready, every: 1s}"},
		{"accept": "200\n  - {name: set again, write: true, method: POST, path: /set, accept: 200}"},
		{"accept": "200\n    page: {items: ., number: page, size: 1}"},
		{"accept": "200\n    page: {items: ., link: next}\n    find: {where: . == 1}"},
		// What reads is sent again after an answer such as 503.
		{"check": "[{name: look, method: POST, path: /set, body: {password: $new}, accept: 200}]"},
		{"check": "[{name: look, path: /set, query: {password: $new}, accept: 200}]"},
		{"check": "[{name: look, path: /set, header: {X-Password: $new}, accept: 200}]"},
		{"check": "[{name: look, path: [/set, {jq: $new}], accept: 200}]"},
		{"check": "[{name: look, method: POST, path: /set, form: {password: $hidden}, accept: 200}]", "top": "let: {hidden: '$new | @base64'}"},
		{"check": "[{name: first, path: /first, accept: 200, let: {hidden: '[., $new]'}}, {name: look, method: POST, path: /set, body: $hidden, accept: 200}]"},
		{"check": "[{name: look, path: /set, auth: {bearer: $new}, accept: 200}]"},
		{"auth": "{bearer: $new}"},
		{"auth": "{cookie-login: {name: log in, method: POST, path: /set, body: {password: $new}, accept: 200, cookie: SID}}"},
		{"auth": "{oauth2-password: {path: /set, user: $user, password: $new}}"},
		{"accept": "200\n  - {name: set again, path: /set, query: {password: $new}, accept: 200}"},
		{"proof": "login\nverify: [{name: set again, method: POST, path: /set, body: {password: $new, x: $tried}, accept: 200}]"},
		{"top": "close: [{name: set again, method: PUT, path: /set, body: {password: $new}, accept: 200}]"},
	} {
		if _, err := recipe.Load([]byte(small(parts)), "x"); err == nil {
			t.Errorf("%v loads", parts)
		}
	}
	for _, given := range []any{gone, answer{status: 429, header: map[string]string{"Retry-After": "1"}}, answer{status: 502}, answer{status: 503}, answer{status: 504},
		answer{status: 307, header: map[string]string{"Location": "/set"}}, answer{status: 308, header: map[string]string{"Location": "/set"}}} {
		s := serve(t, map[string]any{"GET /look": fine, "POST /set": given})
		result := play(t, small(nil), s, nil, "jane", conformance.New)
		// What was answered 429 was certainly not carried out.
		arrivals, writes := 1, 1
		if given, ok := given.(answer); ok && given.status == 429 {
			arrivals, writes = 3, 0
		}
		if len(s.of("POST /set")) != arrivals || result.Writes != writes {
			t.Errorf("%v: %d writes", given, len(s.of("POST /set")))
		}
	}
}

// TestCannotFollowARedirect: neither to another path nor to another host, whatever the call is
// for. The header Link leads nowhere else either; TestPages tries that.
func TestCannotFollowARedirect(t *testing.T) {
	elsewhere := serve(t, map[string]any{"GET /look": fine, "POST /set": fine, "GET /me": fine, "POST /token": fine, "DELETE /session": fine})
	parts := map[string]string{
		"auth":  "{oauth2-client-credentials: {path: /token, client: '\"it\"', secret: $access.password}}",
		"proof": "{by: login, names: nobody, because: it is a test}\nverify: [{name: try, path: /me, auth: {basic: {user: $user, password: $tried}}, accept: 200, reject: {status: 401}}]",
		"top":   "close: [{name: log out, method: DELETE, path: /session, accept: 200}]",
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		for moved, want := range map[string]rotation.Outcome{
			"POST /token": rotation.NotChanged, "GET /look": rotation.NotChanged, "POST /set": rotation.Changed, "GET /me": rotation.Changed, "DELETE /session": rotation.Changed,
		} {
			for _, to := range []string{elsewhere.URL + strings.Fields(moved)[1], "/other"} {
				answers := map[string]any{
					"POST /token": answer{status: 200, body: map[string]any{"access_token": "canary-minted-1"}}, "GET /look": fine, "POST /set": fine, "GET /me": fine,
					"DELETE /session": fine, "GET /other": fine, "POST /other": fine, "DELETE /other": fine,
				}
				answers[moved] = answer{status: status, header: map[string]string{"Location": to}}
				s := serve(t, answers)
				result := play(t, small(parts), s, nil, "jane", conformance.New)
				if result.Outcome != want || strings.Contains(s.came(), "/other") || len(s.of("POST /set")) > 1 {
					t.Errorf("%s, %d: %s after %s", moved, status, result.Outcome, s.came())
				}
				if moved == "GET /me" && result.Proof != targets.ProofAnswer {
					t.Errorf("%d: a redirect proves the change", status)
				}
			}
		}
	}
	if len(elsewhere.requests) != 0 {
		t.Errorf("a redirect was followed: %s", elsewhere.came())
	}
}

// TestCannotReadTheEnvironmentOrAFile: by no name that jq has for it.
func TestCannotReadTheEnvironmentOrAFile(t *testing.T) {
	t.Setenv("RECIPE_CANARY", "canary-environment")
	for _, text := range []string{
		"env.RECIPE_CANARY", "$ENV.RECIPE_CANARY", "env | tostring", "[env, $ENV]", "$__loc__ | tostring", "input", "[inputs]", "input_filename", "debug", "stderr",
		"input_line_number", "halt", "halt_error", `import "x" as x; .`, `include "x"; .`, `import "/etc/passwd" as $x; $x`, "modulemeta", "get_search_list", "builtins",
		"now", "localtime", `strflocaltime("%Z")`, "getpath([\"env\"])", "$__prog_args", "splits(\"x\"; env)", "if env then 1 else 2 end", `"\(env)"`, `{(env | tostring): 1}`,
		`{a: env}`, ".[env]", "[.[]?, env]", "try env catch .", "env as $x | $x", ". as [$a, {b: $c}] | env", "-env", "(env)", "env?", `@base64 "\(env)"`, "error(env)",
		"any(env; true)", ". as {(env): $x} | $x", ".a[env:]", "1 as $x | [$x, env]",
	} {
		source := small(map[string]string{"write": "body: {x: " + quote(text) + "}"})
		loaded, err := recipe.Load([]byte(source), "x")
		if err == nil {
			t.Errorf("%s loads: %v", text, loaded)
		}
	}
	if os.Getenv("RECIPE_CANARY") == "" {
		t.Error("there is nothing to find")
	}
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// TestCannotRunForEver: an expression that would take hours is given up, and the run ends with
// what can be said.
func TestCannotRunForEver(t *testing.T) {
	list := make([]int, 5000)
	s := serve(t, map[string]any{"GET /look": fine, "POST /set": answer{status: 200, body: list}})
	result := play(t, small(map[string]string{
		"accept": "{status: 200, when: '[.[] as $a | .[] as $b | .[] as $c | $a + $b + $c] | length > 0'}",
	}), s, nil, "jane", conformance.New)
	if result.Outcome != rotation.Unknown {
		t.Errorf("%s: %s", result.Outcome, result.Message)
	}
	s = serve(t, map[string]any{"GET /look": answer{status: 200, body: list}, "POST /set": fine})
	result = play(t, small(map[string]string{
		"check": "[{name: look, path: /look, accept: 200, let: {x: 'map(tostring + \"" + strings.Repeat("x", 300) + "\")'}}]", "write": "body: {x: $x, new: $new}",
	}), s, nil, "jane", conformance.New)
	if result.Outcome != rotation.NotChanged || !strings.Contains(result.Message, "more than") {
		t.Errorf("%s: %s", result.Outcome, result.Message)
	}
}

// TestTakesTooLongOnce: after an expression that ran out of time nothing more is computed in
// the run, and so nothing more is sent.
func TestTakesTooLongOnce(t *testing.T) {
	s := serve(t, map[string]any{"GET /look": answer{status: 200, body: make([]int, 3000)}, "POST /set": fine})
	result := play(t, small(map[string]string{
		"check": "[{name: look, path: /look, accept: {status: 200, when: '[.[] as $a | .[] as $b | .[] as $c | $a + $b + $c] | length > 0'}}]",
	}), s, nil, "jane", conformance.New)
	if result.Outcome != rotation.NotChanged || !strings.Contains(result.Message, "takes too long") || result.Requests != 1 {
		t.Errorf("%s after %d requests: %s", result.Outcome, result.Requests, result.Message)
	}
}

// TestCannotGrowWithoutBounds: an expression that would fill the memory, or be busy with one
// function for hours, is given up as well.
func TestCannotGrowWithoutBounds(t *testing.T) {
	list := make([]int, 30_000)
	for name, expression := range map[string]string{
		"text that doubles":           `"xxxxxxxx"` + strings.Repeat(" | . + .", 60) + " | length > 0",
		"list that doubles":           "[0]" + strings.Repeat(" | . + .", 60) + " | length > 0",
		"nested list":                 "[0]" + strings.Repeat(" | [., .]", 60) + " | tojson | length > 0",
		"nested list, compared":       "[0]" + strings.Repeat(" | [., .]", 60) + " | . == .",
		"nested list in variables":    "[0]" + strings.Repeat(" as $x | [$x, $x]", 60) + " | tojson | length > 0",
		"nested object":               "{}" + strings.Repeat(" | {a: ., b: .}", 60) + " | tojson | length > 0",
		"texts in texts":              `"xxxxxxxx"` + strings.Repeat(` | "\(.)\(.)"`, 60) + " | length > 0",
		"formatted texts":             `"xxxxxxxx"` + strings.Repeat(` | @base64 "\(.)\(.)"`, 60) + " | length > 0",
		"members that double":         "{a: [0]}" + strings.Repeat(" | .a = [.a, .a]", 60) + " | tojson | length > 0",
		"members that add":            `{a: "xxxxxxxx"}` + strings.Repeat(" | .a += .a", 60) + " | .a | length > 0",
		"function in a function":      strings.Repeat("map([., .] | ", 40) + "." + strings.Repeat(")", 40) + " | tojson | length > 0",
		"sums in sums":                strings.Repeat("(", 60) + "tojson" + strings.Repeat(" | . + .)", 60) + " | length > 0",
		"list of lists":               ". as $x | map($x) == map($x)",
		"joined by itself":            `tojson as $x | map($x) | join($x) | length > 0`,
		"one function for hours":      ".[:12000] as $x | $x | map(select($x | any(. == 1))) | length > 0",
		"a value for each pair":       "[.[] as $a | .[] as $b | .[] as $c | $a + $b + $c] | length > 0",
		"pattern with many places":    `tojson | sub("0"; "` + strings.Repeat("x", 1000) + `"; "g") | length > 0`,
		"pattern that tries for long": `tojson | test("(0|,|0,|,0)*(0|,|0,|,0)*(0|,|0,|,0)*x$") | not`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := small(map[string]string{"accept": "{status: 200, when: " + quote(expression) + "}"})
			s := serve(t, map[string]any{"GET /look": fine, "POST /set": answer{status: 200, body: list}})
			result := play(t, source, s, nil, "jane", conformance.New)
			// The last one holds: Go's regular expressions take no longer for such a pattern.
			if result.Outcome != rotation.Unknown && name != "pattern that tries for long" {
				t.Errorf("%s: %s", result.Outcome, result.Message)
			}
		})
	}
}

// TestExpressionsAreWhatTheyWere: what looks after the size of values changes nothing else.
func TestExpressionsAreWhatTheyWere(t *testing.T) {
	for _, test := range []struct {
		expression string
		holds      bool
	}{
		{`. == {a: [1, 2, {b: 3}], c: null}`, true},
		{`(.a[2].b |= . + 1) == {a: [1, 2, {b: 4}], c: null}`, true},
		{`del(.a[0, 1], .c) == {a: [{b: 3}]}`, true},
		{`del(.a | .[2] | .b) | .a[2] == {}`, true},
		{`del(.a[] | select(type == "number" and . + 1 == 2)) | .a | length == 2`, true},
		{`(.a | .[0]) = 7 | .a[0] == 7`, true},
		{`first(.a[]) |= 9 | .a[0] == 9`, true},
		{`.a | map(select(type == "number")) == [1, 2]`, true},
		{`.a as [$x, $y] | {$x, y: $y, "z\($x)": [$y]} == {x: 1, y: 2, z1: [2]}`, true},
		{`. as {a: [$x]} | "\($x + 1)-\([1] | tojson)" == "2-[1]"`, true},
		{`try error("x") catch . == "x"`, true},
		{`(.nothing.at.all? // "d") + "e" == "de"`, true},
		{`if .c then false elif .a | length == 3 then true else false end`, true},
		{`@base64 "x\(.a[0])" == "xMQ=="`, true},
		{`any(.a[]; type == "object" and .b == 3) and all(.a[]; . != null)`, true},
		{`.a[2:] | map(.b + 1) == [4]`, true},
		{`quoted("it's"; "'") == "'it''s'" and quoted("a\"b\\c"; "\""; "\\") == "\"a\\\"b\\\\c\""`, true},
		{`checked("a-b"; "[a-z-]+") == "a-b" and (try checked("a b\n"; "[a-z ]+") catch "no") == "no"`, true},
		{`same("Ab"; "aB") and (same("k"; "\u212a") or same("s"; "\u017f") | not)`, true},
		{`empty`, false},
		{`.a[]`, false},
	} {
		s := serve(t, map[string]any{"GET /look": fine, "POST /set": answer{status: 200, body: `{"a": [1, 2, {"b": 3}], "c": null}`}})
		result := play(t, small(map[string]string{"accept": "{status: 200, when: " + quote(test.expression) + "}"}), s, nil, "jane", conformance.New)
		if holds := result.Outcome == rotation.Changed; holds != test.holds {
			t.Errorf("%s: %v: %s", test.expression, holds, result.Message)
		}
	}
}

// TestFieldsAndAddresses: what is wrong with the record is told at once, and nothing is sent.
func TestFieldsAndAddresses(t *testing.T) {
	for _, test := range []struct {
		name   string
		top    string
		fields map[string]any
		user   string
		class  api.Class
		text   string
	}{
		{"no token", "", map[string]any{"password": ""}, "jane", api.ClassInput, "password"},
		{"http", "", map[string]any{"url": "http://127.0.0.1"}, "jane", api.ClassInput, "in clear"},
		{"requirement of a field", "require: {that: '$user | contains(\"@\")', says: needs an address, field: user}", nil, "jane", api.ClassInput, "user: needs an address"},
		{"requirement of another class", "require: {that: '$new | length < 5', says: is too long, class: policy}", nil, "jane", api.ClassPolicy, "is too long"},
		{"path", "let: {x: '$user[0:0]'}", nil, "jane", api.ClassInput, "empty"},
		{"not allowed", "subject: '$user + \"@x\"'", map[string]any{"Allowed Users": "jane"}, "jane", api.ClassPermission, "does not allow"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, map[string]any{"GET /look": fine, "POST /set": fine})
			parts := map[string]string{"top": test.top}
			if strings.Contains(test.top, "let:") {
				parts["path"] = "[/set, {jq: $x}]"
			}
			result := play(t, small(parts), s, test.fields, test.user, conformance.New)
			if result.Outcome != rotation.NotChanged || result.Class != test.class || !strings.Contains(result.Message, test.text) || len(s.requests) > 0 {
				t.Errorf("%s [%s] after %q: %s", result.Outcome, result.Class, s.came(), result.Message)
			}
		})
	}
}

// TestPrefixOfTheBase: what stands before the root is a proxy's and is kept. Any other path is a
// fault: to leave it out would send the credential to another application.
func TestPrefixOfTheBase(t *testing.T) {
	for path, want := range map[string]string{
		"": "/set", "/": "/set", "/api": "/set", "/proxy/api/": "/proxy/set", "/dashboard": "", "/proxy": "", "/api/v2": "", "/xapi": "",
	} {
		s := serve(t, map[string]any{"GET /look": fine, "GET /proxy/look": fine, "POST /set": fine, "POST /proxy/set": fine})
		source := strings.Replace(small(nil), "base: url\n", "base: {field: url, root: /api}\n", 1)
		result := play(t, source, s, map[string]any{"url": s.URL + path}, "jane", conformance.New)
		switch {
		case want != "":
			if result.Outcome != rotation.Changed || len(s.of("POST "+want)) != 1 {
				t.Errorf("%q: %s", path, s.came())
			}
		case result.Class != api.ClassInput || !strings.Contains(result.Message, "one that ends in /api") || s.came() != "":
			t.Errorf("%q: %s [%s] after %q", path, result.Message, result.Class, s.came())
		}
	}
}

// TestReturned: what a recipe saves is announced before and handed over after.
func TestReturned(t *testing.T) {
	source := strings.Replace(small(map[string]string{"accept": "200\n    seal: {api_key: .key}\n    let: {until: .until}"}), "proof:",
		"save: {API Key: $api_key, Key Until: $until, Missing: $until | empty // null}\nproof:", 1)
	loaded, err := recipe.Load([]byte(source), "x")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, map[string]any{"GET /look": fine, "POST /set": answer{status: 200, body: map[string]any{"key": "canary-key-1", "until": "2030"}}})
	address, settings := s.URL, params.NewSettings(append(loaded.Info().Fields, targets.CommonFields(loaded.Info())...), params.Record{}, params.Record{},
		map[string]string{"url": s.URL, "password": "canary-token-1"}, nil)
	client, err := api.NewClient(api.Config{Vendor: "recipe", Trust: api.Trust{Authorities: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))}})
	if err != nil {
		t.Fatal(err)
	}
	target, err := loaded.Info().New(targets.Job{User: "jane", NewPassword: secret.New("x"), Settings: settings, Warn: func(string) {}}, client)
	if err != nil {
		t.Fatal(address, err)
	}
	returner := target.(targets.Returner)
	if got := fmt.Sprint(returner.Labels()); got != "[API Key Key Until Missing]" {
		t.Error(got)
	}
	if _, err := target.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := target.Change(t.Context()); err != nil {
		t.Fatal(err)
	}
	values := returner.Returned()
	if len(values) != 2 || values[0].Value.Reveal() != "canary-key-1" || values[0].Plain || values[1].Value.Reveal() != "2030" || !values[1].Plain {
		t.Errorf("%d values: %v", len(values), values)
	}
}

// TestOldCredentialIsKept: what revokes the old credential is left out unless the password
// is changed and all that came with it is saved.
func TestOldCredentialIsKept(t *testing.T) {
	source := strings.Replace(small(map[string]string{"accept": "200\n    refuse: {status: 403}\n    seal: {api_key: .key}"}), "proof:",
		"close: [{name: end the old key, method: DELETE, path: /keys/old, accept: 204, revokes old: true}]\nsave: {API Key: $api_key}\nproof:", 1)
	key := answer{status: 200, body: map[string]any{"key": "canary-key-1"}}
	for name, test := range map[string]struct {
		set     answer
		keeper  *keeping
		outcome rotation.Outcome
		revoked int
	}{
		"changed and saved":  {key, &keeping{}, rotation.Changed, 1},
		"changed, not saved": {key, &keeping{save: errors.New("no answer")}, rotation.Unknown, 0},
		"nothing came back":  {answer{status: 200, body: map[string]any{}}, &keeping{}, rotation.Unknown, 0},
		"refused":            {answer{status: 403}, &keeping{}, rotation.NotChanged, 0},
		"no answer":          {answer{status: 500}, &keeping{}, rotation.Unknown, 0},
		"cannot be saved":    {key, &keeping{can: errors.New("read only")}, rotation.NotChanged, 0},
		"there is no vault":  {key, nil, rotation.NotChanged, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, map[string]any{"GET /look": fine, "POST /set": test.set, "DELETE /keys/old": answer{status: 204}})
			var keeper rotation.Keeper
			if test.keeper != nil {
				keeper = test.keeper
			}
			result := playWith(t, keeper, source, s, nil, "jane", conformance.New)
			if result.Outcome != test.outcome || len(s.of("DELETE /keys/old")) != test.revoked {
				t.Errorf("%s: %s; sent %s", result.Outcome, result.Message, s.came())
			}
			if written := test.outcome != rotation.NotChanged || name == "refused"; written != (len(s.of("POST /set")) == 1) {
				t.Errorf("sent %s", s.came())
			}
			if test.keeper != nil && test.revoked == 1 && fmt.Sprint(test.keeper.saved) != "[API Key=canary-key-1]" {
				t.Errorf("saved %v", test.keeper.saved)
			}
		})
	}
}

// keeping is a vault that saves, or does not.
type keeping struct {
	rotation.Keeper // of what else a vault can do, no recipe has a say in
	can, save       error
	saved           []string
}

func (k *keeping) CanSave(context.Context, string, ...string) error { return k.can }

func (k *keeping) Save(_ context.Context, _ string, values ...targets.Returned) error {
	if k.save != nil {
		return k.save
	}
	for _, value := range values {
		k.saved = append(k.saved, value.Label+"="+value.Value.Reveal())
	}
	return nil
}

// TestOrderIsNotSettledByLogins: what is not clearly answered may yet be carried out, so that a new
// password that is not accepted shows nothing.
func TestOrderIsNotSettledByLogins(t *testing.T) {
	source := small(map[string]string{"proof": "{by: login, names: nobody, because: it is a test}\nverify:\n  - {name: sign in, method: POST, path: /login, body: {password: $tried}, accept: 200, reject: {status: 401}}"})
	conditional := strings.Replace(source, "accept: 200\nproof", "accept: {status: [200, 202, 203], when: .done}\nproof", 1)
	for _, source := range []string{source, conditional} {
		for status, outcome := range map[int]rotation.Outcome{202: rotation.Unknown, 203: rotation.Unknown} {
			s := serve(t, map[string]any{"GET /look": fine, "POST /set": answer{status: status, body: map[string]any{}}, "POST /login": answer{status: 401}})
			if result := play(t, source, s, nil, "jane", conformance.New); result.Outcome != outcome {
				t.Errorf("%d: %s: %s", status, result.Outcome, result.Message)
			}
		}
	}
}

// TestTaskIsNotSettledByLogins: once the vendor has taken the write, the task may go on however
// the calls behind the write end: a refusal there may be of what was to follow.
func TestTaskIsNotSettledByLogins(t *testing.T) {
	source := small(map[string]string{
		"accept": "{status: 202, when: .task}\n  - {name: wait for the task, path: /task, accept: {status: 200, when: has(\"state\")}, refuse: {status: 200, when: .state == \"failed\", class: target, says: it failed}, poll: {until: .state == \"done\", every: 5s, tries: 3}}",
		"proof":  "{by: login, names: nobody, because: it is a test}\nverify:\n  - {name: sign in, method: POST, path: /login, body: {password: $tried}, accept: 200, reject: {status: 401}}",
	})
	state := func(state string) answer { return answer{status: 200, body: map[string]any{"state": state}} }
	for name, test := range map[string]struct {
		task  any
		login []answer
		want  rotation.Outcome
	}{
		"no answer on the task":    {gone, []answer{{status: 401}}, rotation.Unknown},
		"500 on the task":          {answer{status: 500}, []answer{{status: 401}}, rotation.Unknown},
		"404 on the task":          {answer{status: 404}, []answer{{status: 401}}, rotation.Unknown},
		"another body of the task": {fine, []answer{{status: 401}}, rotation.Unknown},
		"never done":               {state("running"), []answer{{status: 401}}, rotation.Unknown},
		"failed":                   {state("failed"), []answer{{status: 401}}, rotation.Unknown},
		"no answer, in force":      {gone, []answer{fine}, rotation.Changed},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, map[string]any{"GET /look": fine, "POST /set": answer{status: 202, body: map[string]any{"task": true}}, "GET /task": test.task, "POST /login": test.login})
			if result := play(t, source, s, nil, "jane", conformance.New); result.Outcome != test.want {
				t.Errorf("%s, want %s: %s; sent %s", result.Outcome, test.want, result.Message, s.came())
			}
		})
	}
	t.Run("taken, without the task's name", func(t *testing.T) {
		source := strings.Replace(source, "when: .task}\n", "when: .task}\n    seal: {task: .id}\n", 1)
		s := serve(t, map[string]any{"GET /look": fine, "POST /set": answer{status: 202, body: map[string]any{"task": true, "id": 7}}, "POST /login": answer{status: 401}})
		if result := play(t, source, s, nil, "jane", conformance.New); result.Outcome != rotation.Unknown {
			t.Errorf("%s: %s; sent %s", result.Outcome, result.Message, s.came())
		}
	})
}

// TestNoValueOfAnEarlierTry: a sign-in that gives no session must not go on with the one that the
// other password got, which would prove the wrong one.
func TestNoValueOfAnEarlierTry(t *testing.T) {
	source := strings.Replace(small(map[string]string{"proof": `{by: login, names: nobody, because: it is a test}
verify:
  - {name: sign in, method: POST, path: /login, auth: none, body: {password: $tried}, accept: 200, seal: {trial: .token}}
  - {name: ask who it is, path: /who, auth: {bearer: $trial}, accept: 200, reject: {status: 401}}`}), "proof:",
		"close: [{name: end the trial, method: DELETE, path: /login, auth: {bearer: $trial}, accept: 204}]\nproof:", 1)
	// close is above verify in the file, and read behind it.
	s := serve(t, map[string]any{
		"GET /look": fine, "POST /set": answer{status: 500}, "DELETE /login": answer{status: 204},
		"POST /login": []answer{{status: 200, body: map[string]any{"token": "canary-trial-1"}}, {status: 200, body: map[string]any{"state": "second factor"}}},
		"GET /who":    []answer{{status: 401}, fine},
	})
	result := play(t, source, s, nil, "jane", conformance.New)
	if result.Outcome != rotation.Unknown || len(s.of("GET /who")) != 1 {
		t.Errorf("%s: %s; sent %s", result.Outcome, result.Message, s.came())
	}
	if ended := s.of("DELETE /login"); len(ended) != 1 || ended[0].header.Get("Authorization") != "Bearer canary-trial-1" {
		t.Errorf("the session of the first try was not ended: sent %s", s.came())
	}
}

// TestSignInsInDisguiseAreCounted: an answer to a challenge is a login as the rotated user like any
// other, sent once, and no more than two may fail.
func TestSignInsInDisguiseAreCounted(t *testing.T) {
	source := small(map[string]string{"proof": `{by: login, names: nobody, because: it is a test}
verify:
  - {name: ask for a challenge, path: /nonce, auth: none, accept: 200, seal: {response: '.nonce + ($tried | @base64)'}}
  - {name: answer it, method: POST, path: /login, auth: none, body: {response: $response}, accept: 200}`})
	// A refusal for another reason is not tried again.
	for status, want := range map[int]int{401: 1, 503: 2} {
		s := serve(t, map[string]any{
			"GET /look": fine, "POST /set": fine, "GET /nonce": answer{status: 200, body: map[string]any{"nonce": "canary-nonce-1"}}, "POST /login": answer{status: status},
		})
		result := play(t, source, s, nil, "jane", conformance.New)
		if logins := len(s.of("POST /login")); logins != want || result.FailedLogins != want {
			t.Errorf("%d: %d logins, %d counted: %s", status, logins, result.FailedLogins, result.Message)
		}
	}
}
