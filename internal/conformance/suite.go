package conformance

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
)

// Findings are what the suite counted at one bench, a part each; nil for a part that did not
// run.
type Findings struct {
	Faults, MoreFaults *Tally
	Pairs              *Tally
	Values             *ValueTally
	Deadlines          *DeadlineTally
}

// parts are the suite, in this order. A part is the subtest of that name.
var parts = []struct {
	name string
	run  func(*testing.T, Bench, *Findings)
}{
	{"rotation", testRotation},
	{"again", testAgain},
	{"check", testCheck},
	{"verify", testVerify},
	{"refusals", testRefusals},
	{"sockets", testSockets},
	{"guarded", testGuarded},
	{"allowed", testAllowed},
	{"names", testNames},
	{"interrupted", testInterrupted},
	{"panics", testPanics},
	{"faults", testFaults},
	{"more-faults", testMoreFaults},
	{"pairs", testPairs},
	{"together", testTogether},
	{"somebody-else", testSomebodyElse},
	{"keeping", testKeeping},
	{"values", testValues},
	{"deadlines", testDeadlines},
	{"challenges", testChallenges},
}

// RunSuite puts a bench through the whole conformance suite. Whatever is false about the
// vendor shows here: there is no other place where false outcomes are looked for.
func RunSuite(t *testing.T, bench Bench) *Findings {
	findings, ran := &Findings{}, 0
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			ran++
			part.run(t, bench, findings)
		})
	}
	if ran == 0 {
		var names []string
		for _, part := range parts {
			names = append(names, part.name)
		}
		t.Errorf("no part of the suite fits the filter; the parts are %s", strings.Join(names, ", "))
	}
	return findings
}

// Serve starts a vendor that ends with the test.
func Serve(t testing.TB, vendor simulator.Vendor) *simulator.Server {
	t.Helper()
	server, err := simulator.Start(vendor, simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// start makes a stand that ends with the test. The user's password there is Old.
func start(t *testing.T, bench Bench, user string) *Stand {
	t.Helper()
	stand, err := bench.Start(user, Old)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stand.Close)
	return stand
}

// startInMemory is the same in memory, for a test under testing/synctest.
func startInMemory(t *testing.T, bench Bench, user string) *Stand {
	t.Helper()
	stand, err := bench.StartInMemory(user, Old)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stand.Close)
	return stand
}

func (b Bench) run() Run { return Run{User: b.User, Old: Old, New: New, Info: b.Info} }

// rotate runs and reports every broken promise.
func rotate(t *testing.T, bench Bench, stand *Stand, run Run) Ended {
	t.Helper()
	ended := run.Rotate(stand)
	for _, fault := range run.Faults(bench, stand, ended) {
		t.Error(fault)
	}
	if t.Failed() {
		t.Logf("stdout: %s\nstderr: %s", ended.Stdout, ended.Stderr)
	}
	return ended
}

func want(t *testing.T, ended Ended, outcome rotation.Outcome, class api.Class) {
	t.Helper()
	if ended.Outcome != outcome || ended.Class != class {
		t.Errorf("got %s [%s], want %s [%s]\nstdout: %s\nstderr: %s",
			ended.Outcome, ended.Class, outcome, class, ended.Stdout, ended.Stderr)
	}
}

// testRotation: with nothing in the way the password changes, in the least number
// of exchanges, over one connection to each server, in the order that Calls lists.
func testRotation(t *testing.T, bench Bench, _ *Findings) {
	for _, json := range []bool{false, true} {
		stand := start(t, bench, bench.User)
		run := bench.run()
		run.JSON = json
		ended := rotate(t, bench, stand, run)
		want(t, ended, rotation.Changed, "")
		exchanges := stand.Exchanges()
		if len(exchanges) != bench.Exchanges || ended.Requests != bench.Exchanges {
			t.Errorf("%d exchanges arrived, %d were counted, want %d", len(exchanges), ended.Requests, bench.Exchanges)
		}
		if stand.Writes() != 1 || ended.Writes != 1 {
			t.Errorf("%d writes arrived, %d were counted", stand.Writes(), ended.Writes)
		}
		for _, server := range stand.Servers {
			if most := bench.connections(len(server.Exchanges())); server.Connections() > most {
				t.Errorf("%d connections to one server", server.Connections())
			}
		}
		if stand.Accepts(Old) {
			t.Error("the old password still works")
		}
	}
}

// testAgain: the same payload again does no harm, and a payload with the passwords
// exchanged puts the old one back.
func testAgain(t *testing.T, bench Bench, _ *Findings) {
	stand := start(t, bench, bench.User)
	run := bench.run()
	want(t, rotate(t, bench, stand, run), rotation.Changed, "")
	twice := bench
	twice.Writes *= 3
	again := rotate(t, twice, stand, run)
	if !stand.Accepts(New) {
		t.Error("after the same payload again the new password does not work")
	}
	if bench.Proves && again.Outcome != rotation.Changed {
		t.Errorf("the new password is in force, and can be proved, but the outcome is %s", again.Stdout)
	}
	run.Old, run.New = New, Old
	want(t, rotate(t, twice, stand, run), rotation.Changed, "")
}

// testCheck: check finds the account and changes nothing, and what it lists is what
// a rotation sends.
func testCheck(t *testing.T, bench Bench, _ *Findings) {
	stand := start(t, bench, bench.User)
	run := bench.run()
	ended := run.Check(stand)
	if ended.Class != "" {
		t.Fatalf("not ready: %s\n%s", ended.Stdout, ended.Stderr)
	}
	if stand.Writes() != 0 || !stand.Accepts(Old) {
		t.Error("a check has written")
	}
	if stand.LeftOpen != nil && len(stand.LeftOpen()) > 0 {
		t.Errorf("a check left open: %v", stand.LeftOpen())
	}
	for _, secret := range run.Secrets(stand) {
		if form := FindSecret(ended.Stdout+ended.Stderr, secret); form != "" {
			t.Errorf("a secret was printed, %s", form)
		}
	}

	stand = start(t, bench, bench.User)
	rotate(t, bench, stand, run)
	var sent []string
	for _, exchange := range stand.Exchanges() {
		sent = append(sent, exchange.Method)
	}
	var listed []string
	for _, line := range strings.Split(ended.Stdout, "\n") {
		if strings.HasPrefix(line, "  ") {
			listed = append(listed, strings.Fields(line)[0])
		}
	}
	all, some := sent, listed
	if bench.Unlisted < 0 {
		all, some = listed, sent
	}
	found := 0 // how many of some are in all, in their order
	for _, method := range all {
		if found < len(some) && method == some[found] {
			found++
		}
	}
	if found != len(some) || len(sent) != len(listed)+bench.Unlisted {
		t.Errorf("check lists %v, a rotation sends %v", listed, sent)
	}
}

// testRefusals: what the vendor or this program refuses changes nothing, and says
// whose move it is.
func testRefusals(t *testing.T, bench Bench, _ *Findings) {
	t.Run("wrong credential", func(t *testing.T) {
		stand := start(t, bench, bench.User)
		stand.WrongCredential(stand.Access)
		want(t, rotate(t, bench, stand, bench.run()), rotation.NotChanged, api.ClassCredential)
	})
	t.Run("certificate of somebody else", func(t *testing.T) {
		stand := start(t, bench, bench.User)
		run := bench.run()
		run.Access = map[string]any{"CA Certificate": nil}
		want(t, rotate(t, bench, stand, run), rotation.NotChanged, api.ClassTLS)
		if len(stand.Exchanges()) != 0 {
			t.Error("something was sent to a server that is not trusted")
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		stand := start(t, bench, bench.User)
		stand.Close()
		want(t, rotate(t, bench, stand, bench.run()), rotation.NotChanged, api.ClassNetwork)
	})
	t.Run("plain http", func(t *testing.T) {
		stand := start(t, bench, bench.User)
		run := bench.run()
		run.Access = map[string]any{"Target": bench.Info.Name, "url": strings.Replace(stand.Access["url"].(string), "https:", "http:", 1)}
		want(t, rotate(t, bench, stand, run), rotation.NotChanged, api.ClassInput)
	})
	t.Run("not an allowed user", func(t *testing.T) {
		stand := start(t, bench, bench.User)
		run := bench.run()
		run.Access = map[string]any{"Allowed Users": "somebody.else, rotated.user"}
		want(t, rotate(t, bench, stand, run), rotation.NotChanged, api.ClassPermission)
		if len(stand.Exchanges()) != 0 && !bench.ByField || stand.Writes() != 0 {
			t.Error("something was sent for a user who is not allowed")
		}
	})
	t.Run("guarded fields on the user record", func(t *testing.T) {
		elsewhere := start(t, bench, bench.User)
		stand := start(t, bench, bench.User)
		run := bench.run()
		run.UserFields = map[string]any{"url": elsewhere.Access["url"], "Verify URL": elsewhere.Access["url"], "Auth URL": elsewhere.Access["url"],
			"Verify TLS": "false", "Allowed Users": "*", "Target": "rest"}
		ended := rotate(t, bench, stand, run)
		want(t, ended, rotation.Changed, "")
		if len(elsewhere.Exchanges()) != 0 {
			t.Error("a field of the user record decided where the credential goes")
		}
		if !strings.Contains(strings.Join(ended.Warnings, "\n"), "url") {
			t.Errorf("no warning of the url on the user record: %q", ended.Warnings)
		}
	})
}

// testNames: a rotation of an account of each of the bench's own names. What becomes of
// hostile names and passwords is the affair of the part "values".
func testNames(t *testing.T, bench Bench, _ *Findings) {
	for _, name := range bench.Names {
		t.Run(title(name), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stand := startInMemory(t, bench, name)
				run := bench.run()
				run.User = name
				want(t, rotate(t, bench, stand, run), rotation.Changed, "")
			})
		})
	}
}

// testInterrupted: told to stop at any moment of any exchange, a run ends with the
// truth and gives back what it opened.
func testInterrupted(t *testing.T, bench Bench, _ *Findings) {
	for number := 1; number <= bench.Exchanges; number++ {
		for _, moment := range []simulator.Moment{simulator.Arrived, simulator.Acted} {
			for _, unscrubbed := range []bool{false, true} {
				name := fmt.Sprintf("exchange %d moment %d unscrubbed %v", number, moment, unscrubbed)
				synctest.Test(t, func(t *testing.T) {
					stand := startInMemory(t, bench, bench.User)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					stand.At(number, moment, cancel)
					run := bench.run()
					run.Context, run.Unscrubbed = ctx, unscrubbed
					ended := run.Rotate(stand)
					for _, fault := range run.Faults(bench, stand, ended) {
						t.Errorf("%s: %s\nstdout: %s\nstderr: %s", name, fault, ended.Stdout, ended.Stderr)
					}
					if ctx.Err() == nil {
						t.Errorf("%s: the run was never told to stop", name)
					}
					if ended.Writes == 0 && ended.Outcome != rotation.NotChanged {
						t.Errorf("%s: %s without a write", name, ended.Outcome)
					}
				})
			}
		}
	}
}

// testSockets meets the write with each kind of fault that ends a connection, on real
// sockets: the other parts have a network in memory.
func testSockets(t *testing.T, bench Bench, _ *Findings) {
	single, _ := faultCases(t, bench, simulator.Kinds())
	tried := 0
	for _, c := range single {
		if !c.any(func(fault simulator.Fault) bool { return fault.Kind.Breaks }) {
			continue
		}
		tried++
		stand := start(t, bench, bench.User)
		broken, ended := c.carry(stand, false)
		stand.Close()
		for _, fault := range broken {
			t.Errorf("%s: %s\nstdout: %s\nstderr: %s", c, fault, ended.Stdout, ended.Stderr)
		}
	}
	if tried == 0 {
		t.Error("no kind of fault breaks a connection")
	}
}

func title(text string) string {
	if len(text) > 24 {
		text = text[:24] + "…"
	}
	return fmt.Sprintf("%q", text)
}
