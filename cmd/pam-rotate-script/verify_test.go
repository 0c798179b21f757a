package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/fleet"
	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/simulator/rest"
	"pam-rotate-script/internal/vault/vaulttest"
)

// proving is a trial at an endpoint that signs users in.
type proving struct {
	*trial
	service *rest.Service
	server  *simulator.Server
}

func newProving(t *testing.T) *proving {
	t.Helper()
	p := &proving{trial: newTrial(t)}
	service, err := rest.New(rest.Config{VerifyPath: "/api/me", LockAfter: 3})
	if err != nil {
		t.Fatal(err)
	}
	if p.server, err = simulator.Start(service, simulator.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.server.Close)
	p.service = service
	p.service.SetUser(p.user, conformance.Old)
	return p
}

func (p *proving) access(changes map[string]any) map[string]any {
	fields := map[string]any{
		"uid": accessUID, "title": "API Access Details", "Target": "rest", "url": p.server.URL() + "/api/password", "password": rest.Token,
		"Verify URL": p.server.URL() + "/api/me", "CA Certificate": p.server.Authority().PEM(), "Settling Time": "1",
	}
	for label, value := range changes {
		if fields[label] = value; value == nil {
			delete(fields, label)
		}
	}
	return fields
}

// TestVerifyAPayload, by way of the whole program: the exit codes, and that nothing is written.
func TestVerifyAPayload(t *testing.T) {
	for _, test := range []struct {
		name     string
		password string
		changes  map[string]any
		own      map[string]any
		stdin    string
		code     int
		inForce  string
		failed   int
		words    string
	}{
		{name: "the old one", password: conformance.Old, code: 1, inForce: "old", failed: 1, words: "the old password is in force"},
		{name: "the new one", password: conformance.New, code: 0, inForce: "new", failed: 1, words: "the new password is in force"},
		{name: "another one", password: "another-Pass!word-1", code: 3, inForce: "neither", failed: 2, words: "another one"},
		{name: "no proof", password: conformance.New, changes: map[string]any{"Verify URL": nil}, code: 3, inForce: "unknown", words: "no sign-in"},
		{name: "off", password: conformance.New, changes: map[string]any{"Verify": "off"}, code: 3, inForce: "unknown", words: "off"},
		{name: "not a payload", stdin: "canary\n", code: 3, inForce: "unknown", words: "base64"},
		{name: "a field is missing", changes: map[string]any{"password": nil}, code: 3, inForce: "unknown", words: "password"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProving(t)
			if test.password != "" {
				p.service.SetUser(p.user, test.password)
			}
			if p.stdin = test.stdin; p.stdin == "" {
				p.stdin = p.payload(test.own, p.access(test.changes))
			}
			end := p.run("verify", "--json")
			var result struct {
				InForce string `json:"in_force"`
				Message string `json:"message"`
				Failed  int    `json:"failed_logins"`
				Writes  int    `json:"writes"`
			}
			if err := json.Unmarshal([]byte(end.stdout), &result); err != nil {
				t.Fatalf("%v: %s", err, end.all())
			}
			if end.code != test.code || result.InForce != test.inForce || !strings.Contains(result.Message, test.words) {
				t.Errorf("exit %d: %s", end.code, end.stdout)
			}
			if got := p.service.FailedLogins(p.user); got != test.failed || result.Failed != test.failed || result.Writes != 0 || p.service.Changes() != 0 {
				t.Errorf("%d sign-ins failed, told %d; %d writes", got, result.Failed, p.service.Changes())
			}
			p.hidden(end.all(), "canary")
			if people := p.run("verify"); people.code != test.code || !strings.HasPrefix(people.stdout, "in force: "+test.inForce+": ") {
				t.Errorf("exit %d: %s", people.code, people.stdout)
			}
		})
	}
}

// keeps shares a folder, and returns a PAM User record of the vault with its access record, and
// the fields that make both use it.
func (p *proving) keeps(password string) (folder, user string) {
	folder = p.keeper.AddFolder("Pending", "")
	access := p.share(p.access(map[string]any{"Pending Folder": folder}), "")
	user = p.keeper.Add(vaulttest.Record{Title: "PAM User", Type: "pamUser", Fields: []vaulttest.Field{
		field("login", "", p.user), field("password", "", password), field("script", "rotationScripts", map[string]any{"fileRef": "x", "command": "pam-rotate-script", "recordRef": []any{access}}),
	}})
	return folder, user
}

// pendingRecord is what an interrupted run leaves.
func (p *proving) pendingRecord(folder, user, password string) string {
	return p.keeper.Add(vaulttest.Record{Title: "Pending password of PAM User", Folder: folder,
		Fields: []vaulttest.Field{field("login", "", p.user), field("password", "", password)},
		Custom: []vaulttest.Field{field("text", "PAM User Record", user), field("text", "Run", "0123456789ab")}})
}

// TestVerifyTriesWhatIsPending, and reconcile sets what the vault holds and deletes it.
func TestVerifyTriesWhatIsPending(t *testing.T) {
	const vaults, pending = "the-vaults-Pass!word-1", "pending-Pass!word-1"
	p := newProving(t)
	folder, user := p.keeps(vaults)
	record := p.pendingRecord(folder, user, pending)
	p.service.SetUser(p.user, pending)
	verify := func(verb string, flags ...string) (int, fleet.Line) {
		end := p.run(append([]string{verb, "--record", user, "--json", "--ksm-config", p.config}, flags...)...)
		var line fleet.Line
		if err := json.Unmarshal([]byte(end.stdout), &line); err != nil {
			t.Fatalf("%v: %s", err, end.all())
		}
		p.hidden(end.all(), vaults, pending)
		return end.code, line
	}
	code, line := verify("verify")
	if code != 1 || line.State != fleet.Drifted || !strings.Contains(line.Message, "the pending password of the record "+record+" is in force") {
		t.Errorf("exit %d: %+v", code, line)
	}
	if len(p.keeper.In(folder)) != 1 || p.service.Changes() != 0 {
		t.Error("verify has written")
	}
	if code, line = verify("reconcile", "--yes"); code != 0 || line.State != fleet.Set {
		t.Errorf("exit %d: %+v", code, line)
	}
	if len(p.keeper.In(folder)) != 0 || !p.service.Accepts(p.user, vaults) {
		t.Errorf("left over: %v", p.keeper.In(folder))
	}

	// The vault's password is in force, and an older one is still pending: it is told.
	record = p.pendingRecord(folder, user, pending)
	if code, line = verify("verify"); code != 0 || line.State != fleet.InForce || !strings.Contains(fmt.Sprint(line.Hints), record) || line.Pending[0] != record {
		t.Errorf("exit %d: %+v", code, line)
	}

	// A payload without an old password has the pending one tried in its place.
	p.service.SetUser(p.user, pending)
	var outer map[string]any
	access := p.access(map[string]any{"Pending Folder": folder})
	inner := []any{map[string]any{"uid": user, "title": "PAM User", "login": p.user}, access}
	outer = map[string]any{"userRecordUid": user, "user": p.user, "newPassword": conformance.New, "records": inner}
	text, err := json.Marshal(outer)
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = string(text)
	end := p.run("verify", "--json", "--ksm-config", p.config)
	if end.code != 1 || !strings.Contains(end.stdout, "the pending password of the record "+record+" is in force") {
		t.Errorf("exit %d: %s", end.code, end.all())
	}
}
