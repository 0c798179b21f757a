package recipes_test

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// influxDB is InfluxDB 1.x: every change of a user is a statement of its query language.
var influxDB = &product{
	recipe:  "influxdb",
	missing: func() string { return notInstalled("influxd") },
	prepare: func(s *site) {
		s.environment = append(s.environment,
			"INFLUXDB_REPORTING_DISABLED=true", "INFLUXDB_MONITOR_STORE_ENABLED=false",
			"INFLUXDB_BIND_ADDRESS=127.0.0.1:"+strconv.Itoa(freePort(s.t)),
			"INFLUXDB_META_DIR="+s.file("meta"), "INFLUXDB_DATA_DIR="+s.file("data"), "INFLUXDB_DATA_WAL_DIR="+s.file("wal"),
			"INFLUXDB_HTTP_BIND_ADDRESS=127.0.0.1:"+strconv.Itoa(s.port), "INFLUXDB_HTTP_AUTH_ENABLED=true")
	},
	start: func(s *site) *process { return s.spawn("influxd") },
	ready: func(s *site) bool {
		status, _ := s.ask("GET", "/ping", nil, nil)
		return status == 204
	},
	setUp: func(s *site) {
		influxMust(s, "", "", "CREATE USER root WITH PASSWORD '"+administratorPassword+"' WITH ALL PRIVILEGES")
	},
	access: func(*site) map[string]any {
		return map[string]any{"login": "root", "password": administratorPassword}
	},
	user: func(number int) string { return `jörg "` + strconv.Itoa(number) + `" \ '; DROP DATABASE x` },
	add: func(s *site, user, password string) {
		influxMust(s, "root", administratorPassword, "CREATE USER "+influxQuoted(user, `"`)+" WITH PASSWORD "+influxQuoted(password, "'"))
	},
	accepts: func(s *site, user, password string) bool {
		status, _ := influxQuery(s, user, password, "SHOW DATABASES")
		return status == 200
	},
	isWrite: func(_ *http.Request, body []byte) bool {
		form, _ := url.ParseQuery(string(body))
		return strings.HasPrefix(form.Get("q"), "SET PASSWORD")
	},
}

func influxQuoted(text, mark string) string {
	return mark + strings.NewReplacer(`\`, `\\`, mark, `\`+mark, "\n", `\n`).Replace(text) + mark
}

func influxQuery(s *site, user, password, query string) (status int, answer string) {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.url("/query"), strings.NewReader(url.Values{"q": {query}}.Encode()))
	check(s.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user != "" {
		request.SetBasicAuth(user, password)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(s.t, err)
	return response.StatusCode, string(text)
}

func influxMust(s *site, user, password, query string) {
	s.t.Helper()
	if status, answer := influxQuery(s, user, password, query); status != 200 || strings.Contains(answer, "error") {
		s.t.Fatalf("%s: %d %s", query, status, answer)
	}
}
