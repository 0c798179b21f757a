package recipes_test

import (
	"encoding/base64"
	"net/http"
	"strconv"
)

// mailman is the runner of Mailman Core that answers the REST API, on SQLite and without mail.
var mailman = &product{
	recipe:  "mailman",
	missing: func() string { return notInstalled(mailmanRunner) },
	prepare: func(s *site) {
		// Debian's default takes half a second of a processor for each password.
		s.write("passlib.cfg", "[passlib]\nschemes = sha512_crypt\nsha512_crypt__rounds = 5000\n")
		s.write("mailman.cfg", `[mailman]
layout: here
[paths.here]
var_dir: `+s.file("var")+`
[database]
class: mailman.database.sqlite.SQLiteDatabase
url: sqlite:///`+s.file("mailman.db")+`
[passwords]
configuration: `+s.file("passlib.cfg")+`
[webservice]
hostname: 127.0.0.1
port: `+strconv.Itoa(s.port)+`
admin_user: restadmin
admin_pass: `+administratorPassword+`
[mta]
incoming: mailman.mta.null.NullMTA
`)
	},
	start: func(s *site) *process { return s.spawn(mailmanRunner, "-C", s.file("mailman.cfg"), "-r", "rest") },
	ready: func(s *site) bool {
		status, _ := s.ask("GET", "/3.1/system/versions", mailmanHeader, nil)
		return status == http.StatusOK
	},
	access: func(*site) map[string]any {
		return map[string]any{"login": "restadmin", "password": administratorPassword}
	},
	user: func(number int) string { return "user-" + strconv.Itoa(number) + "@example.com" },
	add: func(s *site, user, password string) {
		s.must("POST", "/3.1/users", mailmanHeader, map[string]any{"email": user, "password": password})
	},
	accepts: func(s *site, user, password string) bool {
		status, _ := s.ask("POST", "/3.1/users/"+user+"/login", mailmanHeader, map[string]any{"cleartext_password": password})
		return status == http.StatusNoContent
	},
	isWrite: func(request *http.Request, _ []byte) bool { return request.Method == http.MethodPatch },
}

const mailmanRunner = "/usr/lib/mailman3/bin/runner"

var mailmanHeader = map[string]string{"Authorization": basic("restadmin", administratorPassword)}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
