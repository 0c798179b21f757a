package recipetest_test

import (
	"strings"
	"testing"

	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/internal/recipe/recipetest"
)

const source = `name: acme
title: Acme
summary: users of Acme
documents: https://acme.example/api
tried: documents alone
fields:
  url: {kind: url, required: true, help: the address}
  password: {kind: secret, required: true, help: a token}
base: url
auth: {bearer: $access.password}
check:
  - name: find
    path: [/users, {jq: $user}]
    accept: {status: 200, when: .name == $user}
    let: {id: .id}
change:
  - name: set
    write: true
    method: PUT
    path: [/users, {jq: $id}]
    body: {password: $new}
    accept: {status: 200, when: .ok == true}
    refuse: {status: 400, class: policy}
proof: login
verify:
  - name: try
    path: /me
    auth: {basic: {user: $user, password: $tried}}
    accept: {status: 200, when: .name == $user}
    reject: {status: 401}
tests:
  - name: it is set
    user: jane
    exchanges:
      - {request: GET /users/jane, status: 200, answer: {name: jane, id: 7}}
      - {request: PUT /users/7, header: {Authorization: Bearer made-up-password}, body: {password: 'Kv9_canary#new<Jh2"+'}, status: 200, answer: {ok: true}}
      - {request: GET /me, status: 200, answer: {name: jane}}
    outcome: changed
    proof: login
    warns: false
`

func test(t *testing.T, source string) recipetest.Report {
	t.Helper()
	loaded, err := recipe.Load([]byte(source), "acme.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return recipetest.Test(loaded)
}

func TestGoodRecipe(t *testing.T) {
	report := test(t, source)
	if !report.OK() {
		t.Error(strings.Join(report.Lines(), "\n"))
	}
	// The test itself, four faults at three exchanges, and the passwords.
	if len(report.Cases) < 1+12+10 {
		t.Errorf("only %d runs", len(report.Cases))
	}
}

// TestFindsFaults: each defect of a recipe or of its tests fails something, in words that say
// what.
func TestFindsFaults(t *testing.T) {
	for _, c := range []struct{ name, old, replacement, text string }{
		{"another call", "GET /me,", "GET /you,", "not the next recorded one"},
		{"a call that never comes", "    outcome: changed", "      - {request: GET /more, status: 200}\n    outcome: changed", "never came: GET /more"},
		{"another body", "body: {password: 'Kv9", "body: {password: 'XKv9", "another than the recorded"},
		{"another header", "Bearer made-up", "Bearer made-down", "header Authorization"},
		{"another outcome", "outcome: changed", "outcome: unknown", "expected unknown"},
		{"another proof", "proof: login\n    warns", "proof: answer\n    warns", "expected answer"},
		{"a warning", "warns: false", "warns: true", "expected warnings"},
		{"a password that is altered", "body: {password: $new}", "body: {password: '{x: $new, y: \"other\"} | .y'}", "recorded"},
		{"a password that is altered now and then", "body: {password: $new}", "body: {password: 'if ($new | contains(\" \")) then \"x\" else $new end'}", "did not arrive as it is"},
		{"a look-up that believes anything", "accept: {status: 200, when: .name == $user}\n    let: {id: .id}", "accept: 200\n    let: {id: .id // 7}", "went on to the write"},
		{"a refusal that is none", "refuse: {status: 400, class: policy}", "refuse: {status: 500, when: .error != null, class: conflict}", "not changed was claimed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(source, c.old) != 1 {
				t.Fatalf("%q is there %d times", c.old, strings.Count(source, c.old))
			}
			report := test(t, strings.Replace(source, c.old, c.replacement, 1))
			if lines := strings.Join(report.Lines(), "\n"); report.OK() || !strings.Contains(lines, c.text) {
				t.Errorf("%q is missing:\n%s", c.text, lines)
			}
		})
	}
}

func TestNothingToTest(t *testing.T) {
	without, _, _ := strings.Cut(source, "tests:")
	if report := test(t, without); report.OK() || !strings.Contains(strings.Join(report.Lines(), " "), "hostile values") {
		t.Error(report.Lines())
	}
}

// saving is acme with a key that is saved, and an old one that is ended.
var saving = strings.NewReplacer(
	"accept: {status: 200, when: .ok == true}\n", "accept: {status: 200, when: .ok == true}\n    seal: {key: .key}\n",
	"tests:\n", "save: {API Key: $key}\nclose: [{name: end the old key, method: DELETE, path: /key, accept: 204, revokes old: true}]\ntests:\n",
	"answer: {ok: true}}", "answer: {ok: true, key: canary-key-1}}",
	"answer: {name: jane}}\n", "answer: {name: jane}}\n      - {request: DELETE /key, status: 204}\n",
	"    warns: false\n", "    warns: false\n    saves: {API Key: canary-key-1}\n",
).Replace(source)

// TestSaves: a recipe that saves can be tested, and a failed save comes on top.
func TestSaves(t *testing.T) {
	report := test(t, saving)
	if !report.OK() {
		t.Error(strings.Join(report.Lines(), "\n"))
	}
	if !strings.Contains(names(report), "the save fails") {
		t.Errorf("no save was made to fail: %s", names(report))
	}
	for name, wrong := range map[string]string{
		"another value": strings.Replace(saving, "saves: {API Key: canary-key-1}", "saves: {API Key: canary-key-2}", 1),
		"none expected": strings.Replace(saving, "saves: {API Key: canary-key-1}", "saves: {}", 1),
		"none there":    strings.Replace(saving, "key: canary-key-1}", "other: canary-key-1}", 1),
	} {
		if report := test(t, wrong); report.OK() {
			t.Errorf("%s: no fault was found", name)
		} else if lines := strings.Join(report.Lines(), "\n"); strings.Contains(lines, "canary") {
			t.Errorf("%s: a value is shown: %s", name, lines)
		}
	}
	if _, err := recipe.Load([]byte(strings.Replace(saving, "saves: {API Key", "saves: {Other", 1)), "acme.yaml"); err == nil || !strings.Contains(err.Error(), "labels of save") {
		t.Errorf("got %v", err)
	}
}

func names(report recipetest.Report) string {
	var names []string
	for _, c := range report.Cases {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// TestHostileNamesArrive: user names full of quotes are tried wherever the recipe sends the user,
// quoted ones too, and one that arrives altered fails the test.
func TestHostileNamesArrive(t *testing.T) {
	quoting := strings.NewReplacer(
		"body: {password: $new}", `body: {password: $new, statement: '"SET PASSWORD FOR " + quoted($user; "\"") + " = " + quoted($new; "''"; "\\")'}`,
		"body: {password: 'Kv9_canary#new<Jh2\"+'}", `body: {password: 'Kv9_canary#new<Jh2"+', statement: "SET PASSWORD FOR \"jane\" = 'Kv9_canary#new<Jh2\"+'"}`,
	).Replace(source)
	report := test(t, quoting)
	names := 0
	for _, c := range report.Cases {
		if strings.HasPrefix(c.Name, "hostile user name") {
			names++
		}
	}
	if !report.OK() || names < 10 {
		t.Errorf("%d names: %s", names, strings.Join(report.Lines(), "\n"))
	}
	altered := test(t, strings.Replace(source, "auth: {basic: {user: $user, password", `auth: {basic: {user: '$user | split(" ")[0]', password`, 1))
	if lines := strings.Join(altered.Lines(), "\n"); altered.OK() || !strings.Contains(lines, "the user name did not arrive as it is") {
		t.Errorf("nothing is said of an altered name:\n%s", lines)
	}
}
