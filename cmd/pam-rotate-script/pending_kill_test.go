//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/vault/vaulttest"
)

// TestKilledWithAPendingFolder kills the real program at every moment of every exchange, with the
// vendor and with Keeper. Whatever happened until then, the vault holds the password in force: the
// PAM User record the old one, or a record in the Pending Folder the new one. The one exception is
// the deletion of that record, the last exchange of a run: the outcome is certain then, and the
// Gateway has the new password.
func TestKilledWithAPendingFolder(t *testing.T) {
	for _, bench := range []conformance.Bench{conformance.Teramind(), conformance.RESTWithVerifyURL(), conformance.SPS()} {
		t.Run(bench.Name, func(t *testing.T) {
			t.Parallel()
			inForceNew, pendingLeft := 0, 0
			for number := 1; ; number++ {
				killed := false
				for _, moment := range []simulator.Moment{simulator.Arrived, simulator.Acted} {
					stand, keeper, pending := killWithPending(t, bench, number, moment, &killed)
					newInForce := stand.Accepts(conformance.New)
					held := !newInForce && stand.Accepts(conformance.Old)
					for _, uid := range pending {
						pendingLeft++
						held = held || newInForce && strings.Contains(keeper.Text(uid), mustJSON(t, conformance.New))
					}
					if newInForce {
						inForceNew++
					}
					calls := keeper.Calls()
					deleting := len(calls) > 0 && calls[len(calls)-1].Route == "delete_secret"
					if !held && killed && !(deleting && newInForce) {
						t.Errorf("exchange %d moment %d: the password in force is nowhere in the vault", number, moment)
					}
					if !killed && (len(pending) > 0 || !newInForce) {
						t.Errorf("a run to its end left %v, new in force %v", pending, newInForce)
					}
					stand.Close()
				}
				if !killed {
					// check, folders, creation, write, deletion at the least.
					if number < 6 || inForceNew < 3 || pendingLeft < 3 {
						t.Errorf("%d exchanges, the new one in force %d times, pending %d times", number-1, inForceNew, pendingLeft)
					}
					return
				}
			}
		})
	}
}

func mustJSON(t *testing.T, text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// killWithPending runs the program, and kills it at a moment of the exchange of that number. killed
// is false if there was none. It returns what is left in the Pending Folder.
func killWithPending(t *testing.T, bench conformance.Bench, number int, moment simulator.Moment, killed *bool) (*conformance.Stand, *vaulttest.Keeper, []string) {
	t.Helper()
	stand, err := bench.Start(bench.User, conformance.Old)
	if err != nil {
		t.Fatal(err)
	}
	keeper := vaulttest.New(t)
	folder := keeper.AddFolder("Pending", "")
	served := keeper.Serve()
	directory := t.TempDir()
	config, authority := filepath.Join(directory, "ksm.json"), filepath.Join(directory, "authority.pem")
	text, err := json.Marshal(keeper.OwnKeyConfig())
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{config: string(text), authority: served.Authority} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := conformance.Run{User: bench.User, Old: conformance.Old, New: conformance.New, Access: map[string]any{"Pending Folder": folder}}
	command := exec.Command("pam-rotate-script", "--json", "--ksm-config", config)
	command.Env = append(os.Environ(), "HTTPS_PROXY="+served.Proxy, "SSL_CERT_FILE="+authority)
	var stdout, stderr bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(run.Payload(stand)), &stdout, &stderr

	started := make(chan struct{})
	var arrived atomic.Int64
	var done atomic.Bool
	at := func(now simulator.Moment) {
		if now == simulator.Arrived {
			arrived.Add(1)
		}
		if arrived.Load() == int64(number) && now == moment {
			<-started
			done.Store(true)
			_ = command.Process.Kill()
		}
	}
	for _, server := range stand.Servers {
		server.Observe(func(_ simulator.Exchange, now simulator.Moment) { at(now) })
	}
	watched := func(_ *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		at(simulator.Arrived)
		answer, err := do()
		at(simulator.Acted)
		return answer, err
	}
	for range 20 {
		keeper.Fail(watched)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	_ = command.Wait()
	for _, server := range stand.Servers {
		server.Observe(nil)
	}
	*killed = done.Load()
	if !*killed && !strings.Contains(stdout.String(), `"outcome":"changed"`) {
		t.Errorf("exchange %d: %s%s", number, stdout.String(), stderr.String())
	}
	printed := stdout.String() + stderr.String()
	for _, secret := range []string{conformance.Old, conformance.New} {
		if form := conformance.FindSecret(printed, secret); form != "" {
			t.Errorf("a secret was printed, %s", form)
		}
	}
	return stand, keeper, keeper.In(folder)
}
