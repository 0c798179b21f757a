package recipes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
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
}

const pocketBaseAdministrator = "root@example.com"

func pocketBaseSignIn(s *site, collection, user, password string) (status int, token string) {
	status, answer := s.ask("POST", "/api/collections/"+collection+"/auth-with-password", nil, map[string]any{"identity": user, "password": password})
	var given struct{ Token string }
	_ = json.Unmarshal([]byte(answer), &given)
	return status, given.Token
}
