package recipe_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/internal/rotation"
)

// ends are outcome, class and proof of a run.
func (e ended) ends() string { return fmt.Sprintf("%s [%s] %s", e.Outcome, e.Class, e.Proof) }

// TestConditionsFailClosed: a condition that fails says neither yes nor no, wherever it stands.
func TestConditionsFailClosed(t *testing.T) {
	list := answer{status: 200, body: []any{"jane"}}
	for _, test := range []struct{ name, accept, ends string }{
		{"in refuse", "200\n    refuse: [{status: 200, when: .error == 5, class: policy, says: no}]", "unknown [target] "},
		{"in refuse of 400", "[200, 201]\n    refuse: [{status: 200, when: '.error.code == 5', class: policy, says: no}, {status: 200, when: 'type == \"array\"', class: policy, says: no}]", "unknown [target] "},
		{"in accept", "{status: 200, when: .ok == true}", "unknown [target] "},
		{"in a let", "200\n    let: {x: .ok}\n    warn: {when: $x, says: x}", "unknown [target] "},
	} {
		s := serve(t, map[string]any{"GET /look": fine, "POST /set": list})
		if result := play(t, small(map[string]string{"accept": test.accept}), s, nil, "jane", conformance.New); result.ends() != test.ends {
			t.Errorf("%s: %s: %s", test.name, result.ends(), result.Message)
		}
	}
	for name, check := range map[string]string{
		"a requirement": "[{name: look, path: /look, accept: 200, require: {that: '$user.name == 1', says: x}}]",
		"a poll":        "[{name: look, path: /look, accept: 200, poll: {until: '.ok.x == 1', every: 1s}}]",
	} {
		s := serve(t, map[string]any{"GET /look": fine, "POST /set": fine})
		if result := play(t, small(map[string]string{"check": check}), s, nil, "jane", conformance.New); result.Outcome != rotation.NotChanged || !strings.Contains(result.Message, "the expression at line") {
			t.Errorf("%s: %s: %s", name, result.ends(), result.Message)
		}
	}
	// In verify, a rejection whose condition fails rejects nothing.
	s := serve(t, map[string]any{"GET /look": fine, "POST /set": fine, "POST /login": answer{status: 401, body: []any{}}})
	result := play(t, small(map[string]string{"proof": "{by: login, names: nobody, because: it is a test}\nverify:\n" +
		"  - {name: sign in, method: POST, path: /login, body: {password: $tried}, accept: 200, reject: {status: 401, when: .error.code == 7}}"}), s, nil, "jane", conformance.New)
	if result.ends() != "changed [] answer" {
		t.Errorf("%s: %s", result.ends(), result.Message)
	}
}

// TestValuesThatAreNotThere: null under let ends the call, unless the recipe counts on it.
func TestValuesThatAreNotThere(t *testing.T) {
	for let, changed := range map[string]bool{
		".id": false, ".id // null": true, "if .id then .id else null end": true, "(.id // null)": true, ".id // .uid": false, ".id | . // null": true,
	} {
		s := serve(t, map[string]any{"GET /look": fine, "POST /set": fine})
		result := play(t, small(map[string]string{
			"check": "[{name: look, path: /look, accept: 200, let: {id: " + quote(let) + "}}]", "write": "body: {password: $new, id: $id}",
		}), s, nil, "jane", conformance.New)
		if (result.Outcome == rotation.Changed) != changed || !changed && !strings.Contains(result.Message, "look: the answer has no value for id") {
			t.Errorf("%s: %s: %s", let, result.ends(), result.Message)
		}
	}
	s := serve(t, map[string]any{"GET /look": fine, "POST /set": fine})
	result := play(t, small(map[string]string{"top": "let: {team: $set.team}", "write": "body: {password: $new, team: $team}"}), s, nil, "jane", conformance.New)
	if result.Outcome != rotation.NotChanged || s.came() != "" || !strings.Contains(result.Message, "there is no value for team") {
		t.Errorf("%s after %q: %s", result.ends(), s.came(), result.Message)
	}
}

// TestCookieLogin: an answer without the cookie signs nobody in, be it a page with 200, and the
// recipe's own refusals count before the usual ones.
func TestCookieLogin(t *testing.T) {
	const login = "{cookie-login: {name: log in, method: POST, path: /login, form: {user: '\"it\"', pw: $access.password}, cookie: SID, "
	session := map[string]string{"Set-Cookie": "SID=canary-session-1; HttpOnly", "Location": "/admin/home?x=1"}
	for _, test := range []struct {
		name, more string
		answer     answer
		ends       string
	}{
		{"no cookie", "accept: 200}}", answer{status: 200, body: map[string]any{"error": "no"}}, "not-changed [credential] "},
		{"a page", "accept: {status: 200, when: $text | contains(\"Log out\")}}}", answer{status: 200, body: "<html>Wrong password</html>"}, "not-changed [target] "},
		{"a page that is refused by name", "refuse: {status: 200, when: $text | contains(\"Wrong\"), class: credential, says: it is wrong}, accept: 200}}",
			answer{status: 200, body: "<html>Wrong password</html>"}, "not-changed [credential] "},
		{"refused as usual", "accept: 200}}", answer{status: 403}, "not-changed [credential] "},
		{"refused in another way", "refuse: {status: 403, class: permission, says: not from here}, accept: 200}}", answer{status: 403}, "not-changed [permission] "},
		{"no such call", "accept: 200}}", answer{status: 404}, "not-changed [target] "},
		{"a text", "accept: {status: 200, when: $text == \"Ok.\"}}}", answer{status: 200, body: "Ok.", header: session}, "changed [] answer"},
		{"another text", "accept: {status: 200, when: $text == \"Ok.\"}}}", answer{status: 200, body: "Fails."}, "not-changed [target] "},
		{"a redirect", "accept: {redirect: {to: /admin/home}}}}", answer{status: 302, header: session}, "changed [] answer"},
		{"the beginning of a redirect", "accept: {redirect: {to: /admin/*}}}}", answer{status: 303, header: session}, "changed [] answer"},
		{"a redirect elsewhere", "accept: {redirect: {to: /login}}}}", answer{status: 302, header: session}, "not-changed [target] "},
		{"a redirect to another host", "accept: {redirect: {to: /admin/home}}}}", answer{status: 302, header: map[string]string{"Location": "https://elsewhere.invalid/admin/home"}}, "not-changed [target] "},
		{"a redirect that refuses", "refuse: {redirect: {to: /login*}, class: credential, says: it is wrong}, accept: 200}}", answer{status: 302, header: map[string]string{"Location": "login?again=1"}}, "not-changed [credential] "},
		{"a redirect that nobody counts on", "accept: 200}}", answer{status: 302, header: session}, "not-changed [target] "},
	} {
		s := serve(t, map[string]any{"GET /look": fine, "POST /set": fine, "POST /login": test.answer})
		auth := strings.NewReplacer(`$text | contains("Log out")`, `'$text | contains("Log out")'`, `$text | contains("Wrong")`, `'$text | contains("Wrong")'`,
			`$text == "Ok."`, `'$text == "Ok."'`).Replace(login + test.more)
		result := play(t, small(map[string]string{"auth": auth}), s, nil, "jane", conformance.New)
		if result.ends() != test.ends || strings.Contains(s.came(), "/admin") {
			t.Errorf("%s: %s: %s", test.name, result.ends(), result.Message)
		}
	}
	if _, err := recipe.Load([]byte(small(map[string]string{"accept": "{redirect: {to: /done}}"})), "x"); err == nil || !strings.Contains(err.Error(), "says nothing of a write") {
		t.Errorf("a write is accepted by a redirect: %v", err)
	}
}

// selfService is a recipe with which the rotated user changes its own password.
func selfService(how map[string]string) string {
	parts := map[string]string{
		"auth": "{basic: {user: $user, password: $old}}", "check": "[{name: sign in, path: /me, accept: {status: 200, when: .name == $user}}]",
		"proof": "login\nverify: [{name: try, path: /me, auth: {basic: {user: $user, password: $tried}}, accept: {status: 200, when: .name == $user}, reject: {status: 401}}]",
	}
	for name, part := range how {
		parts[name] = part
	}
	return strings.Replace(small(parts), "  password: {kind: secret, required: true, help: a token}\n", "", 1)
}

// TestSelfService: where the old password is refused, the new one may be in force already. The
// author says nothing of it, the access record has no password, and what failed is counted.
func TestSelfService(t *testing.T) {
	me, wrong := answer{status: 200, body: map[string]any{"name": "jane"}}, answer{status: 401}
	login := "{cookie-login: {name: sign in, method: POST, path: /login, form: {user: $user, pw: $old}, accept: 200, cookie: SID}}"
	for _, test := range []struct {
		name   string
		how    map[string]string
		me     []answer
		login  []answer
		set    answer
		ends   string
		failed int
	}{
		{"as it should be", nil, []answer{me, me}, nil, fine, "changed [] login", 0},
		{"in force already", nil, []answer{wrong, me}, nil, fine, "changed [] login", 1},
		{"neither is right", nil, []answer{wrong, wrong}, nil, fine, "not-changed [credential] ", 2},
		{"the write is refused, since a copy has changed it", nil, []answer{me, me}, nil, answer{status: 403}, "changed [] login", 1},
		{"a cookie, in force already", map[string]string{"auth": login, "check": "[]"}, []answer{me}, []answer{{status: 401}}, fine, "changed [] login", 1},
		{"a sign-in that cannot be read", nil, []answer{{status: 500}, me}, nil, fine, "changed [] login", 1},
	} {
		answers := map[string]any{"GET /me": test.me, "POST /set": test.set}
		if test.login != nil {
			answers["POST /login"] = test.login
		}
		s := serve(t, answers)
		source := strings.Replace(selfService(test.how), "check: []\n", "", 1)
		source = strings.Replace(source, "    accept: 200\nproof", "    accept: 200\n    refuse: {status: 4xx}\nproof", 1)
		result := play(t, source, s, map[string]any{"password": nil}, "jane", conformance.New)
		if result.ends() != test.ends || result.FailedLogins != test.failed {
			t.Errorf("%s: %s, %d failed: %s", test.name, result.ends(), result.FailedLogins, result.Message)
		}
	}
}

// TestOldPasswordIsNeeded: wherever a recipe needs it, a run without it ends before anything is sent.
func TestOldPasswordIsNeeded(t *testing.T) {
	for name, parts := range map[string]map[string]string{
		"auth":         {"auth": "{basic: {user: $user, password: $old}}"},
		"cookie-login": {"auth": "{cookie-login: {name: log in, method: POST, path: /login, form: {pw: $old}, accept: 200, cookie: SID}}"},
		"let":          {"top": "let: {proof: '$old | @base64'}", "write": "body: {new: $new, proof: $proof}"},
		"the write":    {"write": "body: {new: $new, old: $old}"},
	} {
		s := serve(t, map[string]any{"GET /look": fine, "POST /set": fine, "POST /login": fine})
		result := playWithout(t, small(parts), s)
		if result.Outcome != rotation.NotChanged || result.Class != api.ClassInput || !strings.Contains(result.Message, "needs the old password") || s.came() != "" {
			t.Errorf("%s: %s after %q: %s", name, result.ends(), s.came(), result.Message)
		}
	}
}

// TestVendorsWords: expressions find them at any status, 200 included.
func TestVendorsWords(t *testing.T) {
	for _, test := range []struct{ errors, accept, body, want string }{
		{"[.error.reason]", "200", `{"error": {"type": "x", "reason": "too short"}}`, "too short"},
		{"['[.messages[].text]']", "200", `{"messages": [{"text": "first"}, {"text": "second"}]}`, "first; second"},
		{"[.errors.none, .error.data]", "{status: 200, when: has(\"result\")}", `{"error": {"code": -32602, "data": "incorrect name"}}`, "incorrect name"},
		{"['$text']", "200", `it is too short`, "it is too short"},
	} {
		for _, status := range []int{200, 400, 500} {
			accept := strings.Replace(test.accept, `has("result")`, `'has("result")'`, 1)
			if status == 200 && test.accept == "200" {
				accept = "{status: 200, when: 'false'}"
			}
			s := serve(t, map[string]any{"GET /look": fine, "POST /set": answer{status: status, body: test.body}})
			result := play(t, small(map[string]string{"top": "errors: " + test.errors, "accept": accept}), s, nil, "jane", conformance.New)
			if !strings.Contains(result.Message, test.want) {
				t.Errorf("%s at %d: %s", test.errors, status, result.Message)
			}
		}
	}
}

// TestMisleadingClasses: no account is missing where a sign-in is not found, and GraphQL's 400 speaks
// of the query.
func TestMisleadingClasses(t *testing.T) {
	for path, class := range map[string]api.Class{"/set": api.ClassPolicy, "/graphql": api.ClassTarget, "[/api, graphql]": api.ClassTarget} {
		uri := strings.NewReplacer("[", "", "]", "", ", ", "/").Replace(path)
		s := serve(t, map[string]any{"GET /look": fine, "POST " + uri: answer{status: 400, body: map[string]any{}}})
		if result := play(t, small(map[string]string{"path": path}), s, nil, "jane", conformance.New); result.Class != class {
			t.Errorf("%s: %s", path, result.ends())
		}
	}
}

// TestNamesTheRecipe: the result says which recipe it was.
func TestNamesTheRecipe(t *testing.T) {
	s := serve(t, map[string]any{"GET /look": fine, "POST /set": fine})
	printed, err := json.Marshal(play(t, small(nil), s, nil, "jane", conformance.New).Result)
	if err != nil || !strings.Contains(string(printed), `"target":"small"`) {
		t.Errorf("%s %v", printed, err)
	}
}

// TestFormWithAToken: a sign-in by form as Django and Rails have it, with a token that stands on the
// page and in a cookie, a redirect as the answer, and a session in another cookie.
func TestFormWithAToken(t *testing.T) {
	source := small(map[string]string{"auth": "none", "check": `
  - name: read the form
    path: /login
    accept: {status: 200, when: '$text | contains("csrfmiddlewaretoken")'}
    seal:
      form_token: '$text | capture("name=\"csrfmiddlewaretoken\" value=\"(?<v>[^\"]+)\"").v'
      first_cookie: '$header["set-cookie"] | capture("(^|\n)csrftoken=(?<v>[^;]+)").v'
  - name: sign in
    method: POST
    path: /login
    header: {Cookie: '"csrftoken=" + $first_cookie', Referer: $set.url}
    form: {csrfmiddlewaretoken: $form_token, username: '"it"', password: $access.password}
    accept: {redirect: {to: /admin/}}
    refuse: {status: 200, when: '$text | contains("errorlist")', class: credential, says: the form was shown again}
    seal: {session: '$header["set-cookie"] | capture("(^|\n)sessionid=(?<v>[^;]+)").v'}`,
		"write": "header: {Cookie: '\"sessionid=\" + $session'}\n    body: {password: $new}"})
	form := answer{status: 200, body: `<html><form><input name="csrfmiddlewaretoken" value="canary-form-1"></form></html>`, header: map[string]string{"Set-Cookie": "csrftoken=canary-cookie-1; expires=Sat, 27 Nov 2027 10:00:00 GMT; Path=/"}}
	for name, test := range map[string]struct {
		in   answer
		ends string
	}{
		"right": {answer{status: 302, header: map[string]string{"Location": "/admin/", "Set-Cookie": "sessionid=canary-session-1; HttpOnly"}}, "changed [] answer"},
		"wrong": {answer{status: 200, body: `<html><ul class="errorlist"></ul></html>`}, "not-changed [credential] "},
	} {
		s := serve(t, map[string]any{"GET /login": form, "POST /login": test.in, "POST /set": fine})
		result := play(t, source, s, nil, "jane", conformance.New)
		if result.ends() != test.ends {
			t.Errorf("%s: %s: %s", name, result.ends(), result.Message)
		}
		for _, hidden := range []string{"canary-form-1", "canary-cookie-1", "canary-session-1"} {
			if strings.Contains(result.log+result.Message, hidden) {
				t.Errorf("%s: %s was printed", name, hidden)
			}
		}
		if name == "right" && (s.of("POST /set")[0].header.Get("Cookie") != "sessionid=canary-session-1" || !strings.Contains(s.of("POST /login")[0].body, "canary-form-1")) {
			t.Errorf("%s: sent %v", name, s.requests)
		}
	}
}

// TestValuesThatDoNotFit: a value that a quoting function refuses ends the run before the first call.
func TestValuesThatDoNotFit(t *testing.T) {
	for _, test := range []struct {
		write, user, password string
		class                 api.Class
	}{
		{`body: {password: $new, id: '"local:" + checked($user; "[a-z]+")'}`, "ja:ne", conformance.New, api.ClassInput},
		{`body: {password: 'checked($new; "[a-z]+")'}`, "jane", "Not this", api.ClassPolicy},
	} {
		s := serve(t, map[string]any{"GET /look": fine, "POST /set": fine})
		result := play(t, small(map[string]string{"write": test.write}), s, nil, test.user, test.password)
		if result.Outcome != rotation.NotChanged || result.Class != test.class || s.came() != "" || !strings.Contains(result.Message, "does not fit what the recipe sends") {
			t.Errorf("%s: %s after %q: %s", test.write, result.ends(), s.came(), result.Message)
		}
	}
}
