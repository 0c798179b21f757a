//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/recipe"
)

// users stands in for RabbitMQ's management plugin.
type users struct {
	mutex     sync.Mutex
	passwords map[string]string
	lose      bool // the answer to a write
}

func (u *users) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	answer := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	caller, password, _ := r.BasicAuth()
	if current, known := u.passwords[caller]; !known || password != current {
		answer(401, map[string]any{"error": "not_authorized", "reason": "Login failed"})
		return
	}
	if r.URL.Path == "/api/whoami" {
		answer(200, map[string]any{"name": caller, "tags": []string{}})
		return
	}
	user := strings.TrimPrefix(r.URL.Path, "/api/users/")
	if _, known := u.passwords[user]; !known {
		answer(404, map[string]any{"error": "Object Not Found", "reason": "Not Found"})
		return
	}
	if r.Method == "GET" {
		answer(200, map[string]any{"name": user, "tags": []string{"management"}})
		return
	}
	var body struct{ Password string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Password) < 6 {
		answer(400, map[string]any{"error": "bad_request", "reason": "credential_validation_failed"})
		return
	}
	u.passwords[user] = body.Password
	if u.lose {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(204)
}

// TestTheSameInAllWays: a recipe does and says the same as a file behind the verb, as a program
// that the kernel starts by its first line, in the access record's field, and by its name. Only
// the hint differs that says where its fields are listed.
func TestTheSameInAllWays(t *testing.T) {
	const caller = "Ux5-canary-caller"
	program, err := exec.LookPath("pam-rotate-script")
	if err != nil {
		t.Fatal(err)
	}
	source, ok := recipe.BuiltInSource("rabbitmq")
	if !ok {
		t.Fatal("there is no such recipe")
	}
	directory := t.TempDir()
	file, executable := filepath.Join(directory, "rabbitmq.yaml"), filepath.Join(directory, "attached")
	if err := os.WriteFile(file, source, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(executable, append([]byte("#!"+program+" rotate\n"), source...), 0o700); err != nil {
		t.Fatal(err)
	}
	ways := []struct {
		name    string
		command []string
		access  map[string]any
	}{
		{"a file behind the verb", []string{program, "rotate", file}, nil},
		{"a program of its own", []string{executable}, nil},
		{"the field Recipe", []string{program}, map[string]any{"Recipe": string(source)}},
		{"the field Target", []string{program}, map[string]any{"Target": "rabbitmq"}},
	}
	alike := strings.NewReplacer(recipe.HintFields, "pam-rotate-script targets rabbitmq lists the fields")
	for _, test := range []struct {
		name      string
		user, new string
		access    map[string]any
		lose      bool
		exit      int
		ends      string
	}{
		{"changed", "shop", conformance.New, nil, false, 0, "changed"},
		{"the answer is lost", "shop", conformance.New, nil, true, 0, "changed"},
		{"unknown user", "nobody", conformance.New, nil, false, 1, "not-changed account"},
		{"refused credential", "shop", conformance.New, map[string]any{"password": "Ux5-canary-wrong"}, false, 1, "not-changed credential"},
		{"refused password", "shop", "Ab-1", nil, false, 1, "not-changed policy"},
		{"name that cannot be sent", "a:b", conformance.New, nil, false, 1, "not-changed input"},
		{"user who is not allowed", "shop", conformance.New, map[string]any{"Allowed Users": "jane"}, false, 1, "not-changed permission"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var first string
			for _, way := range ways {
				state := &users{passwords: map[string]string{"admin": caller, "shop": conformance.Old}, lose: test.lose}
				server := httptest.NewTLSServer(state)
				defer server.Close()
				access := map[string]any{
					"uid": "Ac7essR3cordUid_0001aA", "title": "API Access Details", "url": server.URL, "login": "admin", "password": caller,
					"CA Certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
				}
				for _, layer := range []map[string]any{way.access, test.access} {
					for label, value := range layer {
						access[label] = value
					}
				}
				payload, err := json.Marshal(map[string]any{
					"user": test.user, "oldPassword": conformance.Old, "newPassword": test.new, "userRecordUid": "Us3rRecordUid_00001aAA",
					"records": []any{access, map[string]any{"uid": "Us3rRecordUid_00001aAA", "title": "PAM User", "login": test.user}},
				})
				if err != nil {
					t.Fatal(err)
				}
				exit, stdout, stderr := start(t, way.command, payload)
				var result map[string]any
				if err := json.Unmarshal([]byte(stdout), &result); err != nil {
					t.Fatalf("%s: exit %d, no JSON: %v\n%s%s", way.name, exit, err, stdout, stderr)
				}
				delete(result, "run_id")
				delete(result, "duration_ms")
				class, _ := result["class"].(string)
				if ends := strings.TrimSpace(fmt.Sprint(result["outcome"], " ", class)); ends != test.ends || exit != test.exit {
					t.Errorf("%s: exit %d, %s; want %d, %s\n%s", way.name, exit, ends, test.exit, test.ends, stderr)
				}
				text, err := json.Marshal(result)
				if err != nil {
					t.Fatal(err)
				}
				said := alike.Replace(string(text)) + " " + state.passwords["shop"]
				if first == "" {
					first = said
				}
				if said != first {
					t.Errorf("%s ends in\n%s\nwhile %s ends in\n%s", way.name, said, ways[0].name, first)
				}
			}
		})
	}
}

// start runs a program with --json and a payload.
func start(t *testing.T, words []string, payload []byte) (exit int, stdout, stderr string) {
	t.Helper()
	for try := 1; ; try++ {
		var out, log bytes.Buffer
		command := exec.CommandContext(t.Context(), words[0], append(words[1:len(words):len(words)], "--json")...)
		command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(payload), &out, &log
		err := command.Run()
		// Another test's process may still hold the file that was just written.
		if errors.Is(err, syscall.ETXTBSY) && try < 50 {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		if exited := new(exec.ExitError); err != nil && !errors.As(err, &exited) {
			t.Fatal(err)
		}
		return command.ProcessState.ExitCode(), out.String(), log.String()
	}
}
