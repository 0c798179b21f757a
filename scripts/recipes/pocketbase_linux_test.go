package recipes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"pam-rotate-script/internal/conformance"
)

// pocketBaseProgram is what go install makes of pocketbase/examples/base; it may stand in
// Go's folder for programs.
func pocketBaseProgram() string {
	for _, name := range []string{"pocketbase-base", "/usr/local/bin/pocketbase-base"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// pocketBase keeps users as records of a collection; users is there from the beginning.
var pocketBase = &product{
	recipe: "pocketbase",
	missing: func() string {
		if pocketBaseProgram() == "" {
			return "pocketbase-base"
		}
		return ""
	},
	prepare: func(s *site) {
		s.write("pb_hooks/main.pb.js", pocketBaseHooks)
		s.run(pocketBaseProgram(), "--dir", s.file("data"), "superuser", "upsert", pocketBaseAdministrator, administratorPassword)
	},
	start: func(s *site) *process {
		return s.spawn(pocketBaseProgram(), "--dir", s.file("data"), "serve", "--http", "127.0.0.1:"+strconv.Itoa(s.port))
	},
	ready: func(s *site) bool {
		status, _ := s.ask("GET", "/api/health", nil, nil)
		return status == 200
	},
	access: func(*site) map[string]any {
		return map[string]any{"login": pocketBaseAdministrator, "password": administratorPassword}
	},
	user: func(number int) string { return fmt.Sprintf("o'neil+%d@example.com", number) },
	add: func(s *site, user, password string) {
		_, token := pocketBaseSignIn(s, "_superusers", pocketBaseAdministrator, administratorPassword)
		s.must("POST", "/api/collections/users/records", map[string]string{"Authorization": token},
			map[string]any{"email": user, "password": password, "passwordConfirm": password})
	},
	accepts: func(s *site, user, password string) bool {
		status, _ := pocketBaseSignIn(s, "users", user, password)
		return status == 200
	},
	isWrite: func(request *http.Request, _ []byte) bool {
		return request.Method == http.MethodPatch && strings.HasPrefix(request.URL.Path, "/api/collections/users/records/")
	},
	more: pocketBaseMore,
}

const pocketBaseAdministrator = "root@example.com"

// pocketBaseHooks refuse the change of some users, before it is made and behind it.
const pocketBaseHooks = `
onRecordUpdate((e) => {
	if (e.record.email().startsWith("before")) throw new BadRequestError("not now", {password: new ValidationError("often", "too often")})
	e.next()
}, "users")
onRecordAfterUpdateSuccess((e) => {
	if (e.record.email().startsWith("behind")) throw new BadRequestError("no mail", {password: new ValidationError("mail", "no mail")})
	e.next()
}, "users")
`

// pocketBaseMore: what a server's own settings and hooks make of a rotation.
func pocketBaseMore(t *testing.T, s *site) {
	_, token := pocketBaseSignIn(s, "_superusers", pocketBaseAdministrator, administratorPassword)
	asRoot := map[string]string{"Authorization": token}
	set := func(path string, body map[string]any) { s.must("PATCH", path, asRoot, body) }
	const collection = "/api/collections/users"
	for _, test := range []struct {
		user           string
		access         map[string]any
		during, behind func() // settings of the server
		exit           int
		outcome, class string
		isNew          bool
		says           string
	}{
		{user: "before@example.com", exit: 1, outcome: "not-changed", class: "policy", says: "Too often"},
		{user: "behind@example.com", exit: 0, outcome: "changed", isNew: true, says: "proved by a login"},
		{user: "two-factors@example.com", exit: 0, outcome: "changed", isNew: true, says: "proved by a login",
			during: func() {
				set(collection, map[string]any{"otp": map[string]any{"enabled": true}, "mfa": map[string]any{"enabled": true}})
			},
			behind: func() { set(collection, map[string]any{"mfa": map[string]any{"enabled": false}}) }},
		{user: "no-passwords@example.com", exit: 0, outcome: "changed", isNew: true, says: "confirmed by PocketBase's answer",
			during: func() { set(collection, map[string]any{"passwordAuth": map[string]any{"enabled": false}}) },
			behind: func() { set(collection, map[string]any{"passwordAuth": map[string]any{"enabled": true}}) }},
		{user: "unverified@example.com", exit: 0, outcome: "changed", isNew: true, says: "confirmed by PocketBase's answer",
			during: func() { set(collection, map[string]any{"authRule": "verified=true"}) },
			behind: func() { set(collection, map[string]any{"authRule": ""}) }},
		{user: "hurried@example.com", exit: 0, outcome: "changed", isNew: true,
			during: func() {
				set("/api/settings", map[string]any{"rateLimits": map[string]any{"enabled": true, "rules": []any{map[string]any{"label": "users:authWithPassword", "maxRequests": 1, "duration": 5}}}})
				pocketBaseSignIn(s, "users", "hurried@example.com", conformance.Old)
			},
			behind: func() { set("/api/settings", map[string]any{"rateLimits": map[string]any{"enabled": false}}) }},
		{user: "no-collection@example.com", access: map[string]any{"Collection": "staff"}, exit: 1, outcome: "not-changed", class: "input"},
		{user: "no-field@example.com", access: map[string]any{"Identity Field": "nickname"}, exit: 1, outcome: "not-changed", class: "input"},
	} {
		t.Run(test.user, func(t *testing.T) {
			s.add(s, test.user, conformance.Old)
			if test.during != nil {
				test.during()
				defer test.behind()
			}
			end := s.rotate(t, run{user: test.user, old: conformance.Old, new: conformance.New, access: test.access})
			if test.behind != nil {
				test.behind()
			}
			end.expect(t, test.exit, test.outcome, test.class)
			if !strings.Contains(end.stdout+end.stderr, test.says) {
				t.Errorf("it does not say %q:\n%s%s", test.says, end.stdout, end.stderr)
			}
			if isNew, isOld := s.accepts(s, test.user, conformance.New), s.accepts(s, test.user, conformance.Old); isNew != test.isNew || isOld == isNew {
				t.Errorf("the new password is accepted: %v, the old one: %v", isNew, isOld)
			}
		})
	}

	// A name in another case is another user's, and PocketBase's filters cannot hold a backslash.
	s.add(s, "case@example.com", conformance.Old)
	s.rotate(t, run{user: "Case@example.com", old: conformance.Old, new: conformance.New}).expect(t, 1, "not-changed", "account")
	s.rotate(t, run{user: `case@example.com\`, old: conformance.Old, new: conformance.New}).expect(t, 1, "not-changed", "input")
	// The superuser itself, at last.
	own := run{user: pocketBaseAdministrator, old: administratorPassword, new: conformance.New, access: map[string]any{"Collection": "_superusers"}}
	end := s.rotate(t, own)
	end.expect(t, 0, "changed", "")
	if !strings.Contains(end.stderr, "the access record's own user") {
		t.Errorf("there is no warning:\n%s", end.stderr)
	}
	if status, _ := pocketBaseSignIn(s, "_superusers", pocketBaseAdministrator, conformance.New); status != 200 {
		t.Errorf("the superuser's new password: %d", status)
	}
}

func pocketBaseSignIn(s *site, collection, user, password string) (status int, token string) {
	status, answer := s.ask("POST", "/api/collections/"+collection+"/auth-with-password", nil, map[string]any{"identity": user, "password": password})
	var given struct{ Token string }
	_ = json.Unmarshal([]byte(answer), &given)
	return status, given.Token
}
