package recipes_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ejabberdLibraries is where Debian keeps ejabberd's modules, of any architecture.
func ejabberdLibraries() string {
	found, _ := filepath.Glob("/usr/lib/*/ejabberd-*/ebin/ejabberd_app.beam")
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(found[0])))
}

// ejabberd is run by Erlang itself: its script would become another user. It is part of no
// cluster, so it needs no port but the API's.
var ejabberd = &product{
	recipe: "ejabberd",
	missing: func() string {
		if ejabberdLibraries() == "" {
			return "ejabberd"
		}
		return notInstalled("erl")
	},
	prepare: func(s *site) {
		s.write("ejabberd.yml", fmt.Sprintf(`hosts: [example.com]
loglevel: warning
auth_password_format: scram
listen:
  - {port: %d, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {/api: mod_http_api}}
acl: {admin: {user: [root@example.com]}}
api_permissions:
  # An account for the tests to begin with.
  first: {from: mod_http_api, who: {ip: 127.0.0.1/8}, what: [register, status]}
  admin: {from: mod_http_api, who: {access: {allow: [{acl: admin}]}}, what: [check_account, change_password, check_password]}
modules: {mod_http_api: {}, mod_admin_extra: {}}
`, s.port))
		check(s.t, os.Mkdir(s.file("spool"), 0o700))
		s.environment = append(s.environment, "ERL_LIBS="+ejabberdLibraries(), "EJABBERD_CONFIG_PATH="+s.file("ejabberd.yml"),
			"EJABBERD_LOG_PATH="+s.file("ejabberd.log"), "ERL_CRASH_DUMP="+s.file("crash"))
	},
	start: func(s *site) *process {
		return s.spawn("erl", "-noinput", "-mnesia", "dir", fmt.Sprintf("%q", s.file("spool")), "-s", "ejabberd")
	},
	ready: func(s *site) bool {
		status, _ := s.ask("POST", "/api/status", nil, map[string]any{})
		return status == 200
	},
	setUp: func(s *site) { ejabberdAdd(s, "root@example.com", administratorPassword) },
	access: func(*site) map[string]any {
		return map[string]any{"login": "root@example.com", "password": administratorPassword}
	},
	user: func(number int) string { return fmt.Sprintf("jörg+%d@example.com", number) },
	add:  ejabberdAdd,
	accepts: func(s *site, user, password string) bool {
		return s.must("POST", "/api/check_password", basicAuth("root@example.com", administratorPassword),
			map[string]any{"user": ejabberdName(user), "host": "example.com", "password": password}) == "0"
	},
	settles: 5 * time.Second, // Mnesia writes its log with a delay
	isWrite: func(request *http.Request, _ []byte) bool { return request.URL.Path == "/api/change_password" },
}

func ejabberdName(user string) string { return strings.TrimSuffix(user, "@example.com") }

func ejabberdAdd(s *site, user, password string) {
	s.t.Helper()
	s.must("POST", "/api/register", nil, map[string]any{"user": ejabberdName(user), "host": "example.com", "password": password})
}
