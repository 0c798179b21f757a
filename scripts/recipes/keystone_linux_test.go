package recipes_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// keystone runs on SQLite, in the simple server that comes with it.
var keystone = &product{
	recipe:  "keystone",
	missing: func() string { return notInstalled("keystone-manage", "keystone-wsgi-public") },
	prepare: func(s *site) {
		s.write("keystone.conf", `[DEFAULT]
use_stderr = true
[database]
connection = sqlite:///`+s.file("keystone.db")+`
[fernet_tokens]
key_repository = `+s.file("tokens")+`
[credential]
key_repository = `+s.file("credentials")+`
[identity]
password_hash_rounds = 4
`)
		s.write("tokens/.keep", "")
		s.write("credentials/.keep", "")
		for _, step := range [][]string{
			{"db_sync"},
			{"fernet_setup", "--keystone-user", "root", "--keystone-group", "root"},
			{"credential_setup", "--keystone-user", "root", "--keystone-group", "root"},
			{"bootstrap", "--bootstrap-password", administratorPassword},
		} {
			s.run("keystone-manage", append([]string{"--config-file", s.file("keystone.conf")}, step...)...)
		}
	},
	start: func(s *site) *process {
		return s.spawn("keystone-wsgi-public", "--host", "127.0.0.1", "--port", strconv.Itoa(s.port), "--", "--config-file", s.file("keystone.conf"))
	},
	ready: func(s *site) bool {
		status, _ := s.ask("GET", "/v3/", nil, nil)
		return status == http.StatusOK
	},
	access: func(*site) map[string]any {
		return map[string]any{"login": "admin", "password": administratorPassword}
	},
	setUp: func(s *site) { _, s.keep["token"] = keystoneToken(s, "admin", administratorPassword) },
	add: func(s *site, user, password string) {
		s.must("POST", "/v3/users", map[string]string{"X-Auth-Token": s.keep["token"].(string)}, map[string]any{"user": map[string]any{"name": user, "password": password, "domain_id": "default"}})
	},
	accepts: func(s *site, user, password string) bool {
		status, _ := keystoneToken(s, user, password)
		return status == http.StatusCreated
	},
	isWrite: func(request *http.Request, _ []byte) bool { return request.Method == http.MethodPatch },
}

// keystoneToken asks for a token; with the administrator's name, for one of the project admin.
func keystoneToken(s *site, user, password string) (status int, token string) {
	domain := map[string]any{"id": "default"}
	auth := map[string]any{"identity": map[string]any{
		"methods":  []string{"password"},
		"password": map[string]any{"user": map[string]any{"name": user, "domain": domain, "password": password}},
	}}
	if user == "admin" {
		auth["scope"] = map[string]any{"project": map[string]any{"name": "admin", "domain": domain}}
	}
	content, err := json.Marshal(map[string]any{"auth": auth})
	check(s.t, err)
	response, err := client.Post(s.url("/v3/auth/tokens"), "application/json", bytes.NewReader(content))
	check(s.t, err)
	defer response.Body.Close()
	return response.StatusCode, response.Header.Get("X-Subject-Token")
}
