package rest_test

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/targets/rest"
)

// framework is a real server, answering as it does by default.
type framework struct {
	name string
	// command starts it on a port of 127.0.0.1; probe makes sure that it is there.
	command func(t *testing.T, port string) *exec.Cmd
	probe   []string
	// ends are the paths and how a run ends there: an outcome, and what its message holds.
	ends [][3]string
}

func frameworks() []framework {
	script := func(program, file string) func(*testing.T, string) *exec.Cmd {
		return func(_ *testing.T, port string) *exec.Cmd {
			return exec.Command(program, filepath.Join("testdata", file), port)
		}
	}
	const changed, not, unknown = "changed", "not-changed", "unknown"
	return []framework{
		{"Flask", script("/usr/bin/python3", "flask_app.py"), []string{"/usr/bin/python3", "-c", "import flask"}, [][3]string{
			{"/empty", changed, ""}, {"/text", changed, ""}, {"/object", changed, ""}, {"/none", changed, ""},
			{"/page", unknown, "the answer is a web page"},
			{"/invalid", not, "newPassword: Shorter than minimum length 12."},
			{"/described", not, "newPassword: 'x' is too short"},
			{"/aborted", not, "answered 400 Bad Request"},
			{"/forbidden", unknown, "answered 403 Forbidden"},
			{"/nowhere", not, "answered 404 Not Found"},
		}},
		{"Django", script("/usr/bin/python3", "django_app.py"), []string{"/usr/bin/python3", "-c", "import django"}, [][3]string{
			{"/empty", changed, ""}, {"/text", changed, ""}, {"/object", changed, ""}, {"/none", changed, ""}, {"/list", changed, ""},
			{"/invalid", not, "This password is too short. It must contain at least 40 characters."},
			{"/form", not, "This password is too short. It must contain at least 40 characters."},
		}},
		{"PHP", func(_ *testing.T, port string) *exec.Cmd {
			return exec.Command("php", "-S", "127.0.0.1:"+port, filepath.Join("testdata", "php_app.php"))
		}, []string{"sh", "-c", "php --version && /usr/sbin/nginx -v"}, [][3]string{
			{"/empty", changed, ""}, {"/text", changed, ""}, {"/object", changed, ""}, {"/none", changed, ""}, {"/list", changed, ""},
			{"/marked", changed, ""}, {"/compressed", changed, ""},
			{"/denied", unknown, "Permission denied"},
			{"/invalid", not, "The new password must be at least 40 characters."},
			{"/line", not, "The password is too short"},
		}},
		{"Node", script("node", "node_app.js"), []string{"node", "--version"}, [][3]string{
			{"/empty", changed, ""}, {"/text", changed, ""}, {"/object", changed, ""}, {"/none", changed, ""},
			{"/compressed", changed, ""}, {"/deflated", changed, ""}, {"/raw", changed, ""},
			{"/invalid", not, "newPassword must be longer than or equal to 40 characters"},
		}},
		{"nginx", nginx, []string{"/usr/sbin/nginx", "-v"}, [][3]string{
			{"/empty", changed, ""}, {"/none", changed, ""}, {"/text", changed, ""}, {"/object", changed, ""},
			{"/large", not, "answered 413"}, {"/blocked", unknown, "answered 403 Forbidden"}, {"/file", not, "answered 405 Method Not Allowed"},
		}},
	}
}

// nginx answers from its configuration, without anything behind it.
func nginx(t *testing.T, port string) *exec.Cmd {
	return nginxWith(t, port, `location /empty { return 200; } location /none { return 204; } location /text { return 200 "OK"; }
location /object { default_type application/json; return 200 '{"success":true}'; }
location /large { client_max_body_size 1; proxy_pass http://127.0.0.1:9; } location /blocked { deny all; }`)
}

// nginxWith starts nginx with these locations.
func nginxWith(t *testing.T, port, locations string) *exec.Cmd {
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	paths := ""
	for _, kind := range []string{"body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		option := kind + "_temp_path"
		if kind == "body" {
			option = "client_body_temp_path"
		}
		paths += fmt.Sprintf("%s %s/%s;\n", option, directory, kind)
	}
	configuration := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events {}
http { access_log off; gzip on; %[2]s
server { listen 127.0.0.1:%[3]s; root %[1]s; %[4]s } }`, directory, paths, port, locations)
	file := filepath.Join(directory, "nginx.conf")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.Command("/usr/sbin/nginx", "-e", "stderr", "-p", directory, "-c", file)
}

// TestFrameworks: with real servers as they come, a plain handler's success is changed, and the
// reason of a refusal is told.
func TestFrameworks(t *testing.T) {
	for _, f := range frameworks() {
		t.Run(f.name, func(t *testing.T) {
			if err := exec.Command(f.probe[0], f.probe[1:]...).Run(); err != nil {
				if os.Getenv("CI_REQUIRE_FRAMEWORKS") == "1" {
					t.Fatalf("%s is not there: %v", f.name, err)
				}
				t.Skipf("%s is not there", f.name)
			}
			behind := serve(t, f)
			if f.name == "PHP" {
				// Its own server frames no body, and is nothing to put before people.
				behind = serve(t, framework{name: "nginx", command: func(t *testing.T, port string) *exec.Cmd {
					return nginxWith(t, port, "location / { proxy_pass http://"+behind+"; }")
				}})
			}
			host, authority := secured(t, behind)
			for _, end := range f.ends {
				result := rotate(t, "https://"+host+end[0], authority)
				if string(result.Outcome) != end[1] || !strings.Contains(result.Message, end[2]) || result.Writes != 1 {
					t.Errorf("%s: got %s after %d writes, %s, want %s, %q", end[0], result.Outcome, result.Writes, result.Message, end[1], end[2])
				}
			}
		})
	}
}

// serve starts a framework and returns its address.
func serve(t *testing.T, f framework) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	_ = listener.Close()
	command := f.command(t, port)
	var said strings.Builder
	command.Stdout, command.Stderr = &said, &said
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait()
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		<-ended
	})
	for range 600 { // a minute
		if connection, err := net.Dial("tcp", address); err == nil {
			_ = connection.Close()
			return address
		}
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", f.name, said.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatalf("%s does not listen", f.name)
	return ""
}

// secured puts TLS in front of a server and changes nothing else. It returns host and port,
// and the authority to trust.
func secured(t *testing.T, behind string) (host, authority string) {
	t.Helper()
	template := httptest.NewUnstartedServer(nil)
	template.StartTLS() // for its certificate
	certificate := template.TLS.Certificates[0]
	template.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			front, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer front.Close()
				back, err := net.Dial("tcp", behind)
				if err != nil {
					return
				}
				go func() {
					_, _ = io.Copy(back, front)
					_ = back.Close()
				}()
				_, _ = io.Copy(front, back)
			}()
		}
	}()
	return listener.Addr().String(), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}))
}

// rotate makes a real run against an address.
func rotate(t *testing.T, address, authority string) rotation.Result {
	t.Helper()
	payload, err := json.Marshal(map[string]any{
		"user": "jane", "newPassword": "n3w-pa55word-of-jane", "oldPassword": "0ld", "userRecordUid": "user",
		"records": []any{
			map[string]any{"uid": "user", "title": "Jane", "login": "jane"},
			map[string]any{"uid": "access", "title": "API Access Details", "Target": "rest", "CA Certificate": authority, "url": address, "password": "token"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	read, err := params.Read(strings.NewReader(string(payload)), params.Options{})
	if err != nil {
		t.Fatal(err)
	}
	plan, failed := rotation.Prepare(read, rotation.Options{Registry: targets.NewRegistry(rest.Info()), Scrubber: secret.NewScrubber(), Version: "test"})
	if failed != nil {
		t.Fatalf("prepare: %s", failed.Message)
	}
	return plan.Rotate(t.Context())
}
