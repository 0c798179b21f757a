package recipes_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Products in PHP run in PHP's own server, each with a MariaDB of its own behind it, which is not
// killed with the product.

// startMariaDB makes a database of the name and lets it be used as root, without a password.
func startMariaDB(s *site, database string) {
	port := freePort(s.t)
	s.keep["database port"] = port
	data, socket := s.file("database"), s.file("sql")
	// Each server removes what look like leftovers in its folder for temporary files.
	s.environment = append(s.environment, "TMPDIR="+s.directory)
	s.run("mariadb-install-db", "--no-defaults", "--user=root", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=8M")
	server := s.spawn(mariaDB, "--no-defaults", "--user=root", "--datadir="+data, "--socket="+socket, "--port="+strconv.Itoa(port), "--bind-address=127.0.0.1",
		"--skip-name-resolve", "--skip-log-bin", "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=48M", "--innodb-flush-log-at-trx-commit=0")
	for limit := time.Now().Add(startLimit); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		if time.Now().After(limit) {
			s.t.Fatalf("MariaDB does not start:\n%s", server.output())
		}
	}
	s.sql("", "CREATE DATABASE "+database+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
}

const mariaDB = "/usr/sbin/mariadbd"

// sql runs statements in a database.
func (s *site) sql(database, statements string) {
	s.t.Helper()
	s.write("statements.sql", statements)
	s.run("sh", "-c", `exec mariadb --no-defaults --user=root --socket="$1" "$2" <"$3"`, "sh", s.file("sql"), database, s.file("statements.sql"))
}

// servePHP serves what is in web. With several workers a request that hangs keeps no other waiting.
func servePHP(s *site) *process {
	s.environment = append(s.environment, "PHP_CLI_SERVER_WORKERS=2")
	return s.spawn("php", "-S", "127.0.0.1:"+strconv.Itoa(s.port), "-t", s.file("web"))
}

func php(files ...string) func() string {
	return func() string {
		if missing := notInstalled(mariaDB, "mariadb-install-db", "php"); missing != "" {
			return missing
		}
		for _, file := range files {
			if _, err := os.Stat(file); err != nil {
				return file
			}
		}
		return ""
	}
}

// zabbix is the frontend, which has the API. Of Debian's data it gets what is about users, not the
// templates of hosts.
var zabbix = &product{
	recipe:  "zabbix",
	missing: php("/usr/share/zabbix/api_jsonrpc.php", "/usr/share/zabbix-server-mysql/data.sql.gz"),
	prepare: func(s *site) {
		startMariaDB(s, "zabbix")
		data := s.run("sh", "-c", "cd /usr/share/zabbix-server-mysql && echo 'SET foreign_key_checks=0, autocommit=0;' && zcat schema.sql.gz && "+
			"zcat data.sql.gz | grep -E 'INSERT INTO `(users|usrgrp|users_groups|role|role_rule|config|dbversion|hstgrp)`' && echo 'COMMIT;'")
		s.sql("zabbix", data)
		s.run("cp", "-rL", "/usr/share/zabbix", s.file("web"))
		// Debian's frontend has its configuration in one place for the whole machine.
		s.run("sed", "-i", "s#/etc/zabbix/zabbix.conf.php#"+s.file("zabbix.conf.php")+"#", s.file("web/include/classes/core/CConfigFile.php"))
		s.write("zabbix.conf.php", fmt.Sprintf(`<?php
$DB = ['TYPE' => 'MYSQL', 'SERVER' => '127.0.0.1', 'PORT' => '%d', 'DATABASE' => 'zabbix', 'USER' => 'root', 'PASSWORD' => '', 'SCHEMA' => '', 'ENCRYPTION' => false, 'DOUBLE_IEEE754' => true];
$IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
`, s.keep["database port"]))
	},
	start: servePHP,
	ready: func(s *site) bool {
		_, answer := s.ask("POST", "/api_jsonrpc.php", nil, map[string]any{"jsonrpc": "2.0", "method": "apiinfo.version", "params": []string{}, "id": 1})
		return strings.Contains(answer, `"result"`)
	},
	setUp: func(s *site) {
		var session, token string
		decode(s, zabbixCall(s, "", "user.login", map[string]any{"username": "Admin", "password": "zabbix"}), &session)
		var made struct{ TokenIDs []string }
		decode(s, zabbixCall(s, session, "token.create", map[string]any{"name": "rotator"}), &made)
		var given []struct{ Token string }
		decode(s, zabbixCall(s, session, "token.generate", made.TokenIDs), &given)
		token = given[0].Token
		s.keep["token"] = token
	},
	access: func(s *site) map[string]any { return map[string]any{"password": s.keep["token"]} },
	add: func(s *site, user, password string) {
		zabbixCall(s, s.keep["token"].(string), "user.create", map[string]any{"username": user, "passwd": password, "roleid": "1", "usrgrps": []any{map[string]string{"usrgrpid": "7"}}})
	},
	accepts: func(s *site, user, password string) bool {
		_, answer := s.ask("POST", "/api_jsonrpc.php", nil, map[string]any{"jsonrpc": "2.0", "method": "user.login", "params": map[string]any{"username": user, "password": password}, "id": 1})
		return strings.Contains(answer, `"result"`)
	},
	isWrite: func(_ *http.Request, body []byte) bool { return bytes.Contains(body, []byte(`"user.update"`)) },
}

// zabbixCall returns the result of a call, which has to have one.
func zabbixCall(s *site, auth, method string, parameters any) string {
	s.t.Helper()
	call := map[string]any{"jsonrpc": "2.0", "method": method, "params": parameters, "id": 1}
	if auth != "" {
		call["auth"] = auth
	}
	answer := s.must("POST", "/api_jsonrpc.php", nil, call)
	var reply struct{ Result rawText }
	decode(s, answer, &reply)
	if reply.Result == "" {
		s.t.Fatalf("%s: %s", method, answer)
	}
	return string(reply.Result)
}

// rawText is a JSON value as it stands.
type rawText string

func (r *rawText) UnmarshalJSON(text []byte) error {
	*r = rawText(text)
	return nil
}

// wordPress takes its own address from the request, and asks nobody outside.
var wordPress = &product{
	recipe:  "wordpress",
	missing: php("/usr/share/wordpress/wp-login.php"),
	prepare: func(s *site) {
		startMariaDB(s, "wordpress")
		s.run("cp", "-rL", "/usr/share/wordpress", s.file("web"))
		s.write("web/wp-config.php", fmt.Sprintf(`<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', ''); define('DB_HOST', '127.0.0.1:%d'); define('DB_CHARSET', 'utf8mb4');
foreach (['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT'] as $key) define($key, 'canary-'.$key);
$table_prefix = 'wp_';
define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true); define('AUTOMATIC_UPDATER_DISABLED', true);
if (($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https') $_SERVER['HTTPS'] = 'on';
define('WP_SITEURL', (isset($_SERVER['HTTPS']) ? 'https://' : 'http://').($_SERVER['HTTP_HOST'] ?? '127.0.0.1')); define('WP_HOME', WP_SITEURL);
function wp_mail() { return true; }
if (!defined('ABSPATH')) define('ABSPATH', __DIR__.'/');
require_once ABSPATH.'wp-settings.php';
`, s.keep["database port"]))
		s.write("install.php", `<?php
define('WP_INSTALLING', true);
function wp_new_blog_notification() {}
require __DIR__.'/web/wp-load.php';
require ABSPATH.'wp-admin/includes/upgrade.php';
wp_install('Test', 'admin', 'admin@example.com', false, '', '`+administratorPassword+`');
[$password] = WP_Application_Passwords::create_new_application_password(get_user_by('login', 'admin')->ID, ['name' => 'rotator']);
echo $password;
`)
		s.keep["password"] = s.run("php", s.file("install.php"))
	},
	start: servePHP,
	ready: func(s *site) bool {
		status, _ := s.ask("GET", "/wp-login.php", nil, nil)
		return status == http.StatusOK
	},
	access: func(s *site) map[string]any {
		return map[string]any{"login": "admin", "password": s.keep["password"]}
	},
	add: func(s *site, user, password string) {
		s.must("POST", "/index.php?rest_route=/wp/v2/users", map[string]string{"X-Forwarded-Proto": "https", "Authorization": basic("admin", s.keep["password"].(string))},
			map[string]any{"username": user, "email": user + "@example.com", "password": password})
	},
	accepts: func(s *site, user, password string) bool {
		response, err := client.PostForm(s.url("/wp-login.php"), url.Values{"log": {user}, "pwd": {password}})
		check(s.t, err)
		defer response.Body.Close()
		return response.StatusCode == http.StatusFound
	},
	isWrite: func(request *http.Request, _ []byte) bool {
		return request.Method == http.MethodPost && strings.HasPrefix(request.URL.Query().Get("rest_route"), "/wp/v2/users/")
	},
}

// decode reads JSON that has to be right.
func decode(s *site, text string, into any) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		s.t.Fatalf("%v: %s", err, text)
	}
}
