package targettest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
)

// hangTimeout bounds every exchange in a case with a hang, where the time-out has to
// be waited for. A busy machine must be able to make an ordinary one in it.
const hangTimeout = 4 * time.Second

// RunSuite puts a bench through the conformance suite, apart from the fault matrix
// (see FaultCases).
func RunSuite(t *testing.T, bench Bench) {
	t.Run("rotation", func(t *testing.T) { testRotation(t, bench) })
	t.Run("again", func(t *testing.T) { testAgain(t, bench) })
	t.Run("check", func(t *testing.T) { testCheck(t, bench) })
	t.Run("refusals", func(t *testing.T) { testRefusals(t, bench) })
	t.Run("passwords", func(t *testing.T) { testPasswords(t, bench) })
	t.Run("names", func(t *testing.T) { testNames(t, bench) })
	t.Run("interrupted", func(t *testing.T) { testInterrupted(t, bench) })
}

// start makes a stand that ends with the test.
func start(t *testing.T, bench Bench, user, password string) *Stand {
	t.Helper()
	stand, err := bench.Start(user, password)
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
func testRotation(t *testing.T, bench Bench) {
	for _, json := range []bool{false, true} {
		stand := start(t, bench, bench.User, Old)
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
			if server.Connections() > 1 {
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
func testAgain(t *testing.T, bench Bench) {
	stand := start(t, bench, bench.User, Old)
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
func testCheck(t *testing.T, bench Bench) {
	stand := start(t, bench, bench.User, Old)
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
	for _, secret := range run.secrets(stand) {
		if form := FindSecret(ended.Stdout+ended.Stderr, secret); form != "" {
			t.Errorf("a secret was printed, %s", form)
		}
	}

	stand = start(t, bench, bench.User, Old)
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
	if fmt.Sprint(sent) != fmt.Sprint(listed) {
		t.Errorf("check lists %v, a rotation sends %v", listed, sent)
	}
}

// testRefusals: what the vendor or this program refuses changes nothing, and says
// whose move it is.
func testRefusals(t *testing.T, bench Bench) {
	t.Run("wrong credential", func(t *testing.T) {
		stand := start(t, bench, bench.User, Old)
		stand.WrongCredential(stand.Access)
		want(t, rotate(t, bench, stand, bench.run()), rotation.NotChanged, api.ClassCredential)
	})
	t.Run("certificate of somebody else", func(t *testing.T) {
		stand := start(t, bench, bench.User, Old)
		run := bench.run()
		run.Access = map[string]any{"CA Certificate": nil}
		want(t, rotate(t, bench, stand, run), rotation.NotChanged, api.ClassTLS)
		if len(stand.Exchanges()) != 0 {
			t.Error("something was sent to a server that is not trusted")
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		stand := start(t, bench, bench.User, Old)
		stand.Close()
		want(t, rotate(t, bench, stand, bench.run()), rotation.NotChanged, api.ClassNetwork)
	})
	t.Run("plain http", func(t *testing.T) {
		stand := start(t, bench, bench.User, Old)
		run := bench.run()
		run.Access = map[string]any{"Target": bench.Info.Name, "url": strings.Replace(stand.Access["url"].(string), "https:", "http:", 1)}
		want(t, rotate(t, bench, stand, run), rotation.NotChanged, api.ClassInput)
	})
	t.Run("not an allowed user", func(t *testing.T) {
		stand := start(t, bench, bench.User, Old)
		run := bench.run()
		run.Access = map[string]any{"Allowed Users": "somebody.else, rotated.user"}
		want(t, rotate(t, bench, stand, run), rotation.NotChanged, api.ClassPermission)
		if len(stand.Exchanges()) != 0 {
			t.Error("something was sent for a user who is not allowed")
		}
	})
	t.Run("guarded fields on the user record", func(t *testing.T) {
		elsewhere := start(t, bench, bench.User, Old)
		stand := start(t, bench, bench.User, Old)
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

// testPasswords: every password of the corpus arrives byte for byte, or is refused
// with a reason before it is written, or by the vendor's own rules.
func testPasswords(t *testing.T, bench Bench) {
	for _, c := range suiteCases(bench, Password) {
		t.Run(title(c.Text), func(t *testing.T) {
			_, broken, ended := c.Carry()
			for _, fault := range broken {
				t.Errorf("%s: %s\nstdout: %s\nstderr: %s", c, fault, ended.Stdout, ended.Stderr)
			}
		})
	}
}

// testNames: a user name addresses exactly the account of that name, or is refused
// before anything is sent.
func testNames(t *testing.T, bench Bench) {
	for _, name := range bench.Names {
		t.Run(title(name), func(t *testing.T) {
			stand := start(t, bench, name, Old)
			run := bench.run()
			run.User = name
			want(t, rotate(t, bench, stand, run), rotation.Changed, "")
		})
	}
	for _, c := range suiteCases(bench, OwnName, ForeignName) {
		t.Run(string(c.Role)+" "+title(c.Text), func(t *testing.T) {
			_, broken, ended := c.Carry()
			for _, fault := range broken {
				t.Errorf("%s: %s\nstdout: %s\nstderr: %s", c, fault, ended.Stdout, ended.Stderr)
			}
		})
	}
}

// testInterrupted: told to stop at any moment of any exchange, a run ends with the
// truth and gives back what it opened.
func testInterrupted(t *testing.T, bench Bench) {
	for number := 1; number <= bench.Exchanges; number++ {
		for _, moment := range []simulator.Moment{simulator.Arrived, simulator.Acted} {
			t.Run(fmt.Sprintf("exchange %d moment %d", number, moment), func(t *testing.T) {
				stand := start(t, bench, bench.User, Old)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				for _, server := range stand.Servers {
					server.Observe(func(exchange simulator.Exchange, now simulator.Moment) {
						if exchange.Number == number && now == moment {
							cancel()
						}
					})
				}
				run := bench.run()
				run.Context = ctx
				ended := rotate(t, bench, stand, run)
				if ended.Writes == 0 && ended.Outcome != rotation.NotChanged {
					t.Errorf("%s without a write", ended.Outcome)
				}
			})
		}
	}
}

// FaultCase is one fault at one exchange of one bench.
type FaultCase struct {
	Bench  Bench
	Server int // the place of the server in Stand.Servers
	Fault  simulator.Fault
}

// String names the case.
func (c FaultCase) String() string { return c.Fault.String() }

// FaultCases crosses every kind of fault with every exchange of a rotation without
// faults: the first of its name, the last one, and all of them. What there is to cross
// is asked of the simulator.
func FaultCases(t testing.TB, bench Bench) []FaultCase {
	t.Helper()
	stand, err := bench.Start(bench.User, Old)
	if err != nil {
		t.Fatal(err)
	}
	defer stand.Close()
	bench.run().Rotate(stand)
	var cases []FaultCase
	for place, server := range stand.Servers {
		for _, route := range server.Routes() {
			times := server.Count(func(e simulator.Exchange) bool { return e.Name == route.Name })
			for _, kind := range simulator.Kinds() {
				if times == 0 || !kind.AppliesTo(route) {
					continue
				}
				occurrences := []int{0, 1}
				if times > 1 {
					occurrences = append(occurrences, times)
				}
				for _, occurrence := range occurrences {
					cases = append(cases, FaultCase{bench, place, simulator.Fault{Exchange: route.Name, Occurrence: occurrence, Kind: kind}})
				}
			}
		}
	}
	return cases
}

// Carry runs a rotation with the fault in it and returns the promises it broke.
func (c FaultCase) Carry(unscrubbed bool) (broken []string, ended Ended) {
	stand, err := c.Bench.Start(c.Bench.User, Old)
	if err != nil {
		return []string{err.Error()}, ended
	}
	defer stand.Close()
	stand.Servers[c.Server].Inject(c.Fault)
	run := c.Bench.run()
	run.Unscrubbed = unscrubbed
	if c.Fault.Kind.Hangs {
		run.CallTimeout = hangTimeout
	}
	ended = run.Rotate(stand)
	for _, fault := range run.Faults(c.Bench, stand, ended) {
		if _, excused := c.Bench.Undetectable[c.Fault.Kind.Name]; excused && strings.HasPrefix(fault, "false success") {
			continue
		}
		broken = append(broken, fault)
	}
	if arrived := stand.Writes(); ended.Writes+ended.TurnedAway < arrived {
		broken = append(broken, fmt.Sprintf("of %d writes, %d were counted", arrived, ended.Writes+ended.TurnedAway))
	}
	if unfired := stand.Servers[c.Server].Unfired(); len(unfired) > 0 {
		broken = append(broken, "the fault never happened")
	}
	return broken, ended
}

func title(text string) string {
	if len(text) > 24 {
		text = text[:24] + "…"
	}
	return fmt.Sprintf("%q", text)
}
