package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/fleet"
	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/simulator/rest"
	"pam-rotate-script/internal/vault/vaulttest"
)

// estate is a vault with PAM User records whose accounts are at a number of hosts.
type estate struct {
	*trial
	services []*rest.Service
	servers  []*simulator.Server
	accounts []estateAccount
}

type estateAccount struct {
	uid, user string
	service   *rest.Service
}

const vaultPassword = "the-vaults-Pass!word-%d"

// newEstate makes so many hosts with so many accounts each, none of which has drifted. The access
// record of a host has these fields, too.
func newEstate(t *testing.T, hosts, each int, fields ...vaulttest.Field) *estate {
	t.Helper()
	e := &estate{trial: newTrial(t)}
	e.clock = &api.SkippingClock{}
	for host := range hosts {
		service, err := rest.New(rest.Config{VerifyPath: "/api/me", LockAfter: 3})
		if err != nil {
			t.Fatal(err)
		}
		server, err := simulator.Start(service, simulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		e.services, e.servers = append(e.services, service), append(e.servers, server)
		access := e.keeper.Add(vaulttest.Record{Title: "API Access Details", Fields: []vaulttest.Field{
			field("url", "", server.URL()+"/api/password"), field("password", "", rest.Token),
		}, Custom: append([]vaulttest.Field{
			field("text", "Target", "rest"), field("text", "Verify URL", server.URL()+"/api/me"),
			field("multiline", "CA Certificate", server.Authority().PEM()),
		}, fields...)})
		for number := range each {
			user := fmt.Sprintf("user%d-%d@example.com", host, number)
			password := fmt.Sprintf(vaultPassword, number)
			service.SetUser(user, password)
			const script = "SSSSSSSSSSSSSSSSSSSSSS"
			e.accounts = append(e.accounts, estateAccount{user: user, service: service, uid: e.keeper.Add(vaulttest.Record{
				Title: "Account of " + user, Type: "pamUser", Fields: []vaulttest.Field{
					field("login", "", user), field("password", "", password),
					field("script", "rotationScripts", map[string]any{"fileRef": script, "recordRef": []any{access}}),
				}, Files: map[string]string{script: "pam-rotate-script"},
			})})
		}
	}
	// A PAM User record of somebody else's script is not looked at.
	e.keeper.Add(vaulttest.Record{Title: "Windows", Type: "pamUser", Fields: []vaulttest.Field{field("login", "", "x"), field("password", "", "canary-of-windows")}})
	return e
}

func field(kind, label string, values ...any) vaulttest.Field {
	return vaulttest.Field{Type: kind, Label: label, Value: values}
}

// drift gives accounts another password than the vault's.
func (e *estate) drift(accounts ...estateAccount) {
	for _, a := range accounts {
		a.service.SetUser(a.user, "canary-of-somebody-else")
	}
}

// lines runs a verb with --json and reads what it prints.
func (e *estate) lines(arguments ...string) (int, map[string]fleet.Line) {
	e.t.Helper()
	end := e.run(append(arguments, "--json", "--ksm-config", e.config)...)
	lines := map[string]fleet.Line{}
	for _, text := range strings.Split(strings.TrimSpace(end.stdout), "\n") {
		var line fleet.Line
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			e.t.Fatalf("%v: %s\n%s", err, text, end.stderr)
		}
		lines[line.UID] = line
	}
	for _, secret := range []string{"the-vaults-Pass", "canary", rest.Token} {
		if strings.Contains(end.all(), secret) {
			e.t.Errorf("%s is printed", secret)
		}
	}
	return end.code, lines
}

func (e *estate) failed() int {
	failed := 0
	for _, a := range e.accounts {
		failed += a.service.FailedLogins(a.user)
	}
	return failed
}

func states(lines map[string]fleet.Line) map[fleet.State]int {
	counts := map[fleet.State]int{}
	for _, line := range lines {
		counts[line.State]++
	}
	return counts
}

// TestVerifyAWholeVault: of 200 accounts at four hosts 5 have drifted, and exactly those are named.
// The sign-ins that fail are theirs, and one control for each access record.
func TestVerifyAWholeVault(t *testing.T) {
	e := newEstate(t, 4, 50)
	drifted := []estateAccount{e.accounts[3], e.accounts[49], e.accounts[50], e.accounts[120], e.accounts[199]}
	e.drift(drifted...)
	code, lines := e.lines("verify", "--all")
	if code != 1 || len(lines) != 200 {
		t.Errorf("exit %d, %d lines", code, len(lines))
	}
	for _, a := range e.accounts {
		want := fleet.InForce
		if slices.Contains(drifted, a) {
			want = fleet.Drifted
		}
		if got := lines[a.uid]; got.State != want || got.User != a.user {
			t.Errorf("%s: %+v", a.user, got)
		}
	}
	for _, service := range e.services {
		if service.Changes() != 0 {
			t.Error("something was changed")
		}
	}
	// Each of the four hosts had a control, but for the one whose first account had drifted: there
	// its rejection shows that the means reject.
	if got := e.failed(); got != 5+3 {
		t.Errorf("%d sign-ins failed at the stand-ins", got)
	}
	if got := len(e.keeper.Calls()); got != 1 {
		t.Errorf("the vault was asked %d times", got)
	}

	// For people: the drifted ones, and the numbers.
	end := e.run("verify", "--all", "--ksm-config", e.config)
	for _, a := range drifted {
		if strings.Count(end.stdout, a.uid) != 1 {
			t.Errorf("%s is not in the table:\n%s", a.user, end.stdout)
		}
	}
	for _, words := range []string{"200 accounts: 195 in-force, 5 drifted; ", "1 further PAM User records", "the vault's password is rejected"} {
		if !strings.Contains(end.stdout, words) {
			t.Errorf("%q is not in\n%s", words, end.stdout)
		}
	}
	if strings.Contains(end.stdout, e.accounts[0].uid) || end.code != 1 {
		t.Errorf("exit %d:\n%s", end.code, end.stdout)
	}
}

// TestVerifyStops at a host after three rejections in a row, with half of all accounts drifted.
func TestVerifyStops(t *testing.T) {
	e := newEstate(t, 4, 50)
	e.drift(e.accounts[:100]...) // two hosts, all of them
	code, lines := e.lines("verify", "--all")
	counts := states(lines)
	if code != 1 || counts[fleet.Drifted] != 6 || counts[fleet.NotTried] != 94 || counts[fleet.InForce] != 100 {
		t.Errorf("exit %d, %v", code, counts)
	}
	if got := e.failed(); got != 6+2 {
		t.Errorf("%d sign-ins failed at the stand-ins", got)
	}
	if end := e.run("verify", "--all", "--ksm-config", e.config); strings.Count(end.stdout, "three accounts in a row failed") != 2 || !strings.Contains(end.stdout, "47 not-tried: three accounts") {
		t.Errorf("printed\n%s", end.stdout)
	}
}

// TestVerifyStopsWhereNobodyAnswers: a host that is down is not waited for two hundred times.
func TestVerifyStopsWhereNobodyAnswers(t *testing.T) {
	e := newEstate(t, 2, 10)
	e.servers[0].Close()
	code, lines := e.lines("verify", "--all")
	if counts := states(lines); code != 3 || counts[fleet.Unknown] != 3 || counts[fleet.NotTried] != 7 || counts[fleet.InForce] != 10 {
		t.Errorf("exit %d, %v", code, counts)
	}
}

// TestReconcileMendsWhatDrifted and nothing else.
func TestReconcileMendsWhatDrifted(t *testing.T) {
	e := newEstate(t, 4, 50)
	drifted := []estateAccount{e.accounts[3], e.accounts[49], e.accounts[50], e.accounts[120], e.accounts[199]}
	e.drift(drifted...)
	code, lines := e.lines("reconcile", "--all", "--yes")
	if counts := states(lines); code != 0 || counts[fleet.Set] != 5 || counts[fleet.InForce] != 195 {
		t.Errorf("exit %d, %v", code, counts)
	}
	changes := 0
	for _, service := range e.services {
		changes += service.Changes()
	}
	if changes != 5 {
		t.Errorf("%d passwords were changed", changes)
	}
	for i, a := range e.accounts {
		if !a.service.Accepts(a.user, fmt.Sprintf(vaultPassword, i%50)) {
			t.Errorf("%s does not have the vault's password", a.user)
		}
		if set := lines[a.uid].State == fleet.Set; set != slices.Contains(drifted, a) {
			t.Errorf("%s: %s", a.user, lines[a.uid].State)
		}
	}
	if code, lines := e.lines("verify", "--all"); code != 0 || states(lines)[fleet.InForce] != 200 {
		t.Errorf("afterwards: exit %d, %v", code, states(lines))
	}
}

// TestReconcileAsks, and has somebody to ask.
func TestReconcileAsks(t *testing.T) {
	e := newEstate(t, 1, 2)
	e.drift(e.accounts[1])
	end := e.run("reconcile", "--all", "--ksm-config", e.config)
	if end.code != exitUsage || !strings.Contains(end.stderr, "--yes") || e.services[0].Changes() != 0 || len(e.keeper.Calls()) != 0 {
		t.Errorf("exit %d: %s", end.code, end.all())
	}
	for answer, want := range map[string]bool{"yes\n": true, "Yes\r\n": true, "y\n": false, "": false, "no\n": false} {
		var out strings.Builder
		if got := ask(&out, strings.NewReader(answer), "Sure? "); got != want || out.String() != "Sure? " {
			t.Errorf("%q is %v", answer, got)
		}
	}
}

// TestCheckAWholeVault: which accounts a rotation could not go ahead for. The login of an access
// record that was refused is not sent again.
func TestCheckAWholeVault(t *testing.T) {
	e := newEstate(t, 2, 4)
	code, lines := e.lines("check", "--all")
	if counts := states(lines); code != 0 || counts[fleet.Ready] != 8 {
		t.Errorf("exit %d, %v", code, counts)
	}
	e = newEstate(t, 2, 4, field("text", "Allowed Users", "user0-*"))
	code, lines = e.lines("check", "--record", e.accounts[1].uid, "--record", e.accounts[5].uid)
	if code != 1 || lines[e.accounts[1].uid].State != fleet.Ready || lines[e.accounts[5].uid].Class != "permission" {
		t.Errorf("exit %d, %v", code, lines)
	}
}

func TestManyUsage(t *testing.T) {
	e := newEstate(t, 1, 1)
	uid := e.accounts[0].uid
	for _, test := range []struct {
		arguments []string
		stdin     string
		words     string
	}{
		{[]string{"verify", "--record", "short", "--ksm-config", e.config}, "", "22 characters"},
		{[]string{"verify", "--record", uid, "--all", "--ksm-config", e.config}, "", "together"},
		{[]string{"verify", "--all", "--ksm-config", e.config}, "x", "standard input"},
		{[]string{"reconcile", "--ksm-config", e.config}, "", "--record UID or --all"},
		{[]string{"reconcile", "--all", "--yes", "--ksm-config", e.config}, "x", "standard input"},
	} {
		e.stdin = test.stdin
		if end := e.run(test.arguments...); end.code != exitUsage || !strings.Contains(end.stderr, test.words) {
			t.Errorf("%v: exit %d: %s", test.arguments, end.code, end.all())
		}
	}
	e.stdin = ""
	if end := e.run("verify", "--all"); end.code != 3 || !strings.Contains(end.stderr, "KSM config") {
		t.Errorf("without a vault: exit %d: %s", end.code, end.all())
	}
	if code, lines := e.lines("verify", "--record", "XXXXXXXXXXXXXXXXXXXXXX"); code != 3 || !strings.Contains(lines["XXXXXXXXXXXXXXXXXXXXXX"].Message, "none of the application's") {
		t.Errorf("a record that is not there: exit %d, %v", code, lines)
	}
}
