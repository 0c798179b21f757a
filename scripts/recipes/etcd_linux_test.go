package recipes_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// etcd keeps its users beside its keys. With authentication on, the user root is the administrator.
var etcd = &product{
	recipe:  "etcd",
	missing: func() string { return notInstalled("etcd") },
	start: func(s *site) *process {
		peers := "http://127.0.0.1:" + s.keep["peer"].(string)
		return s.spawn("etcd", "--data-dir", s.file("data"), "--listen-client-urls", s.url(""), "--advertise-client-urls", s.url(""),
			"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers)
	},
	prepare: func(s *site) { s.keep["peer"] = strconv.Itoa(freePort(s.t)) },
	ready: func(s *site) bool {
		_, answer := s.ask("GET", "/health", nil, nil)
		return strings.Contains(answer, `"true"`)
	},
	setUp: func(s *site) {
		s.must("POST", "/v3/auth/user/add", nil, map[string]any{"name": "root", "password": administratorPassword})
		s.must("POST", "/v3/auth/user/grant", nil, map[string]any{"user": "root", "role": "root"})
		s.must("POST", "/v3/auth/enable", nil, map[string]any{})
	},
	access: func(*site) map[string]any {
		return map[string]any{"login": "root", "password": administratorPassword}
	},
	add: func(s *site, user, password string) {
		_, token := etcdSignIn(s, "root", administratorPassword)
		s.must("POST", "/v3/auth/user/add", map[string]string{"Authorization": token}, map[string]any{"name": user, "password": password})
	},
	accepts: func(s *site, user, password string) bool {
		status, _ := etcdSignIn(s, user, password)
		return status == 200
	},
	isWrite: func(request *http.Request, _ []byte) bool { return request.URL.Path == "/v3/auth/user/changepw" },
}

func etcdSignIn(s *site, user, password string) (status int, token string) {
	status, answer := s.ask("POST", "/v3/auth/authenticate", nil, map[string]any{"name": user, "password": password})
	var given struct{ Token string }
	_ = json.Unmarshal([]byte(answer), &given)
	return status, given.Token
}
