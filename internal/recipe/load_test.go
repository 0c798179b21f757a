package recipe_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/internal/targets/all"
)

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// plain is a recipe without fault. The tests replace lines of it.
const plain = `name: acme
title: Acme
summary: users of Acme
documents: https://acme.example/api
tried: documents alone
fields:
  url: {kind: url, required: true, help: the address}
  password: {kind: secret, required: true, help: a token}
  Team: {help: the team}
base: url
auth:
  bearer: $access.password
check:
  - name: find
    path: [/api/users, {jq: $user}]
    accept: {status: 200, when: .name == $user}
    let: {id: .id}
change:
  - name: set
    write: true
    method: PUT
    path: [/api/users, {jq: $id}]
    body: {password: $new, team: $set.team}
    accept: {status: 200, when: .ok == true}
    refuse:
      - {status: 400, class: policy}
proof: login
verify:
  - name: try
    path: /api/me
    auth: {basic: {user: $user, password: $tried}}
    accept: {status: 200, when: .me == $user}
    reject:
      - {status: 401}
tests:
  - name: set
    exchanges:
      - {request: GET /api/users/jane%40example.com, status: 200, answer: {name: jane@example.com, id: 7}}
      - {request: PUT /api/users/7, body: {password: 'Kv9_canary#new<Jh2"+', team: null}, status: 200, answer: {ok: true}}
      - {request: GET /api/me, status: 200, answer: {me: jane@example.com}}
    outcome: changed
`

// altered is plain with one text replaced by another.
func altered(t testing.TB, old, replacement string) []byte {
	t.Helper()
	if strings.Count(plain, old) != 1 {
		t.Fatalf("%q is there %d times", old, strings.Count(plain, old))
	}
	return []byte(strings.Replace(plain, old, replacement, 1))
}

func TestPlainLoads(t *testing.T) {
	if problems := recipe.Lint([]byte(plain)); len(problems) > 0 {
		t.Error(problems)
	}
}

// TestLoadErrors: every fault is told with its line and column.
func TestLoadErrors(t *testing.T) {
	for _, test := range []struct {
		name, old, replacement string
		at                     string // line:column
		text                   string // a part of the message
	}{
		{"unknown key", "summary:", "sumary:", "3:1", "is summary meant?"},
		{"unknown key of a call", "    write: true", "    wrote: true", "20:5", "is write meant?"},
		{"unknown key of a field", "help: the team", "hepl: the team", "9:10", "is help meant?"},
		{"unknown key of accept", "{status: 200, when: .ok", "{status: 200, wen: .ok", "24:27", "is when meant?"},
		{"missing key", "tried: documents alone\n", "", "1:1", "needs the key tried"},
		{"duplicate key", "base: url\n", "base: url\nbase: url\n", "11:1", "there twice"},
		{"duplicate key in a flow map", "{name: jane@example.com, id: 7}", "{name: jane@example.com, name: x, id: 7}", "38:100", "there twice"},
		{"missing acceptance of the write", "    accept: {status: 200, when: .ok == true}\n", "", "19:5", "needs accept"},
		{"missing acceptance of a look-up", "    accept: {status: 200, when: .name == $user}\n", "", "14:5", "needs accept"},
		{"no write", "    write: true\n", "", "18:1", "found none"},
		{"hole in a path", "path: /api/me", "path: /api/{me}", "30:11", "no holes"},
		{"hole of a shell", "path: /api/me", "path: /api/$me", "30:11", "no holes"},
		{"query in a path", "path: /api/me", "path: /api/me?x=1", "30:11", "key query"},
		{"dot segment", "path: /api/me", "path: /api/../me", "30:11", "plain characters"},
		{"segment without type", "{jq: $id}", "{id: $id}", "22:25", "no such key"},
		{"unknown variable", "{password: $new, team", "{password: $nwe, team", "23:22", "is $new meant?"},
		{"unknown field", "team: $set.team", "team: $set.taem", "23:39", "is team meant?"},
		{"all fields at once", "team: $set.team", "team: $set", "23:34", "name of one field"},
		{"secret field through $set", "bearer: $access.password", "bearer: $set.password", "12:16", "is secret"},
		{"tried outside of verify", "{password: $new, team", "{password: $tried, team", "23:22", "no such variable"},
		{"status variable in a request", "team: $set.team", "team: $status", "23:34", "no such variable"},
		{"unused value", "let: {id: .id}", "let: {id: .id, kind: .kind}", "17:20", "never used"},
		{"taken name", "let: {id: .id}", "let: {user: .id}", "17:11", "taken"},
		{"credential in let", "let: {id: .id}", "let: {id: .id, api_token: .t}", "17:20", "with seal"},
		{"no jq", "when: .ok == true", "when: .ok ==", "24:39", "no jq"},
		{"environment", "when: .ok == true", "when: .ok == env.HOME", "24:40", "environment"},
		{"environment variable", "when: .ok == true", "when: .ok == $ENV.HOME", "24:40", "no such variable"},
		{"input", "when: .ok == true", "when: input.ok", "24:33", "no further input"},
		{"debug", "when: .ok == true", "when: .ok | debug", "24:39", "nothing is printed"},
		{"stderr", "when: .ok == true", "when: .ok | stderr", "24:39", "nothing is printed"},
		{"halt", "when: .ok == true", "when: .ok | halt_error", "24:39", "ends nothing"},
		{"file name", "when: .ok == true", "when: input_filename", "24:33", "no file"},
		{"module", "when: .ok == true", `when: 'import "x" as x; .ok'`, "24:33", "no modules"},
		{"function of its own", "when: .ok == true", `when: 'def f: .; f'`, "24:34", "no functions of its own"},
		{"loop", "when: .ok == true", "when: 'reduce .[] as $x (0; . + $x)'", "24:34", "no loops"},
		{"endless loop", "when: .ok == true", "when: 'repeat(.)'", "24:34", "no loops"},
		{"recursion", "when: .ok == true", "when: 'any(..; . == true)'", "24:38", "no loops"},
		{"multiplied text", "when: .ok == true", `when: '"x" * 1000000 == .ok'`, "24:38", "operator *"},
		{"bare word", "team: $set.team", "team: red", "23:34", "quotes of its own"},
		{"unreachable verify", "proof: login", "proof: answer", "28:1", "never reached"},
		{"login without the password", "password: $tried", "password: $access.password", "28:1", "$tried"},
		{"unreachable refusal", "      - {status: 400, class: policy}", "      - {status: 4xx}\n      - {status: 400, class: policy}", "19:5", "never reached"},
		{"accepted and refused", "- {status: 401}", "- {status: 401}\n      - {status: 200, class: target, says: x, when: .x}\n    refuse: {status: 200}", "36:14", "needs the keys when"},
		{"redirect accepted", "    accept: {status: 200, when: .me == $user}\n", "    accept: 302\n", "32:13", "no redirect"},
		{"write accepts a refusal", "accept: {status: 200, when: .ok == true}", "accept: 404", "24:13", "from 200 to 299"},
		{"method", "method: PUT", "method: TRACE", "21:13", "GET, POST"},
		{"idle kind", "Team: {help", "Team: {kind: bool, help", "9:10", "one of choice, secret, text, url"},
		{"writing method in check", "  - name: find\n", "  - name: find\n    method: DELETE\n", "15:5", "only reads"},
		{"unknown class", "class: policy", "class: polciy", "26:30", "no such class"},
		{"base without field", "base: url", "base: team", "10:7", "kind url"},
		{"common label", "  Team: {help", "  Timeout: {help", "9:3", "every target"},
		{"framing header", "    accept: {status: 200, when: .me == $user}\n", "    accept: 200\n    header: {Content-Length: 5}\n", "33:5", "engine's own"},
		{"two documents", "tests:\n", "---\ntests:\n", "36:1", "another"},
		{"anchor", "title: Acme", "title: &a Acme", "2:8", "anchor"},
		{"tab", "title: Acme", "title:\tAcme", "2:7", "tab"},
		{"no YAML", "title: Acme", "title: [Acme", "0:0", "no YAML"},
		{"list in the place of a map", "auth:\n  bearer: $access.password", "auth: [bearer]", "11:7", "is a map"},
		{"empty value", "base: url", "base:", "10:1", "no value"},
		{"test with an unknown outcome", "outcome: changed", "outcome: done", "41:14", "one of"},
		{"test request", "request: GET /api/me", "request: /api/me", "40:10", "a method and a path"},
		{"idle secret field per account", "Team: {help", "Team: {kind: secret, per account: true, help", "9:24", "neither secret"},
		{"any answer is the right password", "    accept: {status: 200, when: .me == $user}\n    reject", "    accept: [200, 403]\n    reject", "29:5", "needs a condition"},
		{"status that was there before", "proof: login\nverify:\n  - name: try\n    path: /api/me\n    auth: {basic: {user: $user, password: $tried}}\n    accept: {status: 200, when: .me == $user}\n",
			"proof: status\nverify:\n  - name: read\n    path: [/api/users, {jq: $id}]\n    accept: {status: 200, when: .state == \"active\"}\n", "28:1", "before the write"},
		{"field per account without subject", "Team: {help", "Team: {per account: true, help", "9:3", "Allowed Users"},
		{"member name in the place of an expression", "base: url", "base: url\nerrors: [message]", "11:10", "is a dot missing"},
		{"default that does not fit", "Team: {help", "Team: {kind: choice, choices: [red], default: maybe, help", "9:40", "kind of the field"},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := altered(t, test.old, test.replacement)
			_, err := recipe.Load(source, "acme.yaml")
			failure, ok := err.(*recipe.LoadError)
			if !ok {
				t.Fatalf("it loads: %v", err)
			}
			var lines []string
			for _, problem := range failure.Problems {
				lines = append(lines, problem.String())
				place := fmt.Sprintf("%d:%d", problem.Line, problem.Column)
				if (place == test.at || test.at == "0:0") && strings.Contains(problem.Text, test.text) && problem.File == "acme.yaml" {
					return
				}
			}
			t.Errorf("no problem at %s with %q:\n%s", test.at, test.text, strings.Join(lines, "\n"))
		})
	}
}

// TestNamesOfTargets: a result names the recipe, so that no recipe has the name of another target.
func TestNamesOfTargets(t *testing.T) {
	for _, name := range all.Registry().Names() {
		if _, err := recipe.Load(altered(t, "name: acme", "name: "+name), "x"); err == nil || !strings.Contains(err.Error(), "the name is that of a target") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAllErrorsAtOnce: one run of the loader tells everything.
func TestAllErrorsAtOnce(t *testing.T) {
	source := string(plain)
	for _, replacement := range [][2]string{
		{"summary:", "sumary:"}, {"method: PUT", "method: TRACE"}, {"class: policy", "class: none"}, {"password: $tried", "password: $treid"},
	} {
		source = strings.Replace(source, replacement[0], replacement[1], 1)
	}
	_, err := recipe.Load([]byte(source), "x")
	failure, ok := err.(*recipe.LoadError)
	if !ok {
		t.Fatal(err)
	}
	var found []int
	for _, problem := range failure.Problems {
		found = append(found, problem.Line)
	}
	for _, line := range []int{3, 21, 26, 31} {
		if !slices.Contains(found, line) {
			t.Errorf("nothing is said of line %d: %v", line, found)
		}
	}
}

// TestStatusThatTellsTheRun: a status proves a change if it cannot have been so before.
func TestStatusThatTellsTheRun(t *testing.T) {
	proof := "proof: login\nverify:\n  - name: try\n    path: /api/me\n    auth: {basic: {user: $user, password: $tried}}\n    accept: {status: 200, when: .me == $user}\n    reject:\n      - {status: 401}\n"
	for name, source := range map[string]string{
		"compared": strings.Replace(strings.Replace(plain, proof, "proof: status\nverify:\n  - {name: read, path: [/api/users, {jq: $id}], accept: {status: 200, when: .changed != $before}}\n", 1),
			"let: {id: .id}", "let: {id: .id, before: .changed}", 1),
		"asked for": strings.Replace(strings.Replace(plain, proof, "proof: status\nverify:\n  - {name: read, path: [/api/tasks, {jq: $task}], accept: {status: 200, when: .done}}\n", 1),
			"    refuse:\n", "    let: {task: .task}\n    refuse:\n", 1),
	} {
		if _, err := recipe.Load([]byte(source), "x"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCredentialBesideTheTrial: a login that goes with the recipe's own credential is warned of.
func TestCredentialBesideTheTrial(t *testing.T) {
	source := altered(t, "    auth: {basic: {user: $user, password: $tried}}\n", "    header: {X-Password: $tried}\n")
	problems := recipe.Lint(source)
	if len(problems) != 1 || !problems[0].Warning || problems[0].Line != 29 || !strings.Contains(problems[0].Text, "beside the credential") {
		t.Error(problems)
	}
}

// TestErrorsQuoteNothing: what was taken for a recipe may be a secret.
func TestErrorsQuoteNothing(t *testing.T) {
	for _, source := range []string{
		"Zq4-canary!old", "Zq4-canary: x", "name: Zq4-canary!old", "{Zq4-canary", strings.Replace(plain, "base: url", "base: Zq4-canary", 1),
		strings.Replace(plain, "$set.team", "$Zq4_canary", 1), strings.Replace(plain, "$set.team", "Zq4_canary", 1),
		strings.Replace(plain, "class: policy", "class: Zq4-canary", 1), strings.Replace(plain, "$set.team", "'\"Zq4-canary'", 1),
	} {
		_, err := recipe.Load([]byte(source), "x")
		if err == nil {
			t.Errorf("it loads: %s", source)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: the error quotes it: %v", source, err)
		}
	}
}

func TestLimits(t *testing.T) {
	laughs := "a: &a [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n"
	for c := 'b'; c <= 'z'; c++ {
		laughs += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c, ", c-1), 8)+fmt.Sprintf("*%c", c-1))
	}
	for name, source := range map[string]string{
		"size":            plain + "#" + strings.Repeat("x", recipe.MaxSize),
		"depth":           strings.Replace(plain, "body: {password: $new, team: $set.team}", "body: "+strings.Repeat("[", 40)+"$new"+strings.Repeat("]", 40), 1),
		"great depth":     strings.Repeat("[", 60_000),
		"depth of dashes": strings.Repeat("- ", 30_000) + "x",
		"calls":           strings.Replace(plain, "proof: login", strings.Repeat("  - {name: more, path: /x, accept: 200}\n", 40)+"proof: login", 1),
		"expression":      strings.Replace(plain, "team: $set.team", "team: '"+strings.Repeat("$set.team + ", 400)+"$set.team'", 1),
		"empty":           "",
		"aliases":         laughs + plain,
		"aliases inside":  strings.Replace(plain, "body: {password: $new, team: $set.team}", "body: {a: &a [$new, $set.team], b: &b [*a, *a], c: [*b, *b]}", 1),
		"alias of itself": strings.Replace(plain, "body: {password: $new, team: $set.team}", "body: &a {password: $new, team: $set.team, more: *a}", 1),
		"merged keys":     strings.Replace(plain, "    write: true", "    <<: {write: true}", 1),
		"deep brackets":   strings.Replace(plain, "team: $set.team", "team: '"+strings.Repeat("(", 3000)+"1"+strings.Repeat(")", 3000)+"'", 1),
		"no UTF-8":        "name: \xff",
	} {
		if _, err := recipe.Load([]byte(source), name); err == nil {
			t.Errorf("%s: it loads", name)
		}
	}
}

func TestExplain(t *testing.T) {
	loaded, err := recipe.Load([]byte(plain), "acme")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(recipe.Explain(loaded), "\n")
	for _, part := range []string{
		"1. find: GET /api/users/{user}", "2. set: PUT /api/users/{id} [THE WRITE]", "3. try: GET /api/me",
		"accepted: 200, if .ok == true", "refused (policy): 400", "the password is wrong: 401", "the rotated user signed in with the new password, and the answer named the account: .me == $user",
		`Every call goes to the host of the field "url" and to no other.`, "Calls show who asks by $access.password in the header Authorization, bearer",
		"Allowed Users is compared with: $user", "sends $new in the body, password", "sends $tried in the header Authorization, basic", "names the account by $id in the path, {id}",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

// FuzzLoad: whatever the text, the loader ends, and says something if it does not load.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(plain))
	f.Add(readFile(f, "../../testdata/recipes/teramind.yaml")) // larger ones take the fuzzer long to shorten
	for _, text := range []string{"", "[", "- - -", "a: &a {b: *a}", "? {a: b}\n: c", "<<: {a: b}", "a: !!binary x", "check:\n  - {path: [{jq: '\"\\(.)\"'}]}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		loaded, err := recipe.Load(source, "fuzz")
		if (loaded == nil) == (err == nil) {
			t.Fatalf("neither recipe nor error, or both: %v", err)
		}
		if err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		if loaded != nil {
			recipe.Explain(loaded)
			loaded.Info()
		}
	})
}
