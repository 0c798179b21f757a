package conformance

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
// (see FaultCases) and the hostile values (see Values).
func RunSuite(t *testing.T, bench Bench) {
	t.Run("rotation", func(t *testing.T) { testRotation(t, bench) })
	t.Run("again", func(t *testing.T) { testAgain(t, bench) })
	t.Run("check", func(t *testing.T) { testCheck(t, bench) })
	t.Run("refusals", func(t *testing.T) { testRefusals(t, bench) })
	t.Run("names", func(t *testing.T) { testNames(t, bench) })
	t.Run("interrupted", func(t *testing.T) { testInterrupted(t, bench) })
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
func testAgain(t *testing.T, bench Bench) {
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
func testCheck(t *testing.T, bench Bench) {
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
	if fmt.Sprint(sent) != fmt.Sprint(listed) {
		t.Errorf("check lists %v, a rotation sends %v", listed, sent)
	}
}

// testRefusals: what the vendor or this program refuses changes nothing, and says
// whose move it is.
func testRefusals(t *testing.T, bench Bench) {
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
		if len(stand.Exchanges()) != 0 {
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
// hostile names and passwords is TestValues' affair.
func testNames(t *testing.T, bench Bench) {
	for _, name := range bench.Names {
		t.Run(title(name), func(t *testing.T) {
			stand := start(t, bench, name)
			run := bench.run()
			run.User = name
			want(t, rotate(t, bench, stand, run), rotation.Changed, "")
		})
	}
}

// testInterrupted: told to stop at any moment of any exchange, a run ends with the
// truth and gives back what it opened.
func testInterrupted(t *testing.T, bench Bench) {
	for number := 1; number <= bench.Exchanges; number++ {
		for _, moment := range []simulator.Moment{simulator.Arrived, simulator.Acted} {
			for _, unscrubbed := range []bool{false, true} {
				t.Run(fmt.Sprintf("exchange %d moment %d unscrubbed %v", number, moment, unscrubbed), func(t *testing.T) {
					stand := start(t, bench, bench.User)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					stand.At(number, moment, cancel)
					run := bench.run()
					run.Context, run.Unscrubbed = ctx, unscrubbed
					ended := rotate(t, bench, stand, run)
					if ctx.Err() == nil {
						t.Error("the run was never told to stop")
					}
					if ended.Writes == 0 && ended.Outcome != rotation.NotChanged {
						t.Errorf("%s without a write", ended.Outcome)
					}
				})
			}
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
	return faultCases(t, bench, simulator.Kinds())
}

func faultCases(t testing.TB, bench Bench, kinds []simulator.Kind) []FaultCase {
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
			for _, kind := range kinds {
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
	faults := run.Faults(c.Bench, stand, ended)
	ended.Searches = stand.Searches
	stand.Servers[c.Server].CarryOutLate()
	if ended.Outcome == rotation.NotChanged && stand.Accepts(run.New) && !ended.Already {
		faults = append(faults, "false not-changed: the write was carried out later")
	}
	for _, fault := range faults {
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

// The deadline test's bounds: what a run gets, and by how much it may exceed that.
const (
	ShortTimeout = 2 * time.Second
	Overrun      = time.Second
)

// SlowCases are the FaultCases with every kind of fault that keeps a call waiting: no
// answer, and answers that drip.
func SlowCases(t testing.TB, bench Bench) []FaultCase {
	kinds := simulator.SlowKinds()
	for _, kind := range simulator.Kinds() {
		if kind.Hangs && !kind.Late { // which are no different until the run has ended
			kinds = append(kinds, kind)
		}
	}
	return faultCases(t, bench, kinds)
}

// CarryInTime runs a rotation that has no more than ShortTimeout in all, by the machine's
// clock, with the time-outs of calls as they are, so that nothing but the deadline of the
// run bounds it. It returns the promises it broke and how long it took. What a run had to
// leave open, since the vendor did not let it, is no such promise: the fault matrix has
// the time for that.
func (c FaultCase) CarryInTime() (broken []string, took time.Duration) {
	stand, err := c.Bench.Start(c.Bench.User, Old)
	if err != nil {
		return []string{err.Error()}, 0
	}
	defer stand.Close()
	stand.Servers[c.Server].Inject(c.Fault)
	run := c.Bench.run()
	run.Access = map[string]any{"Timeout": fmt.Sprint(int(ShortTimeout / time.Second))}
	run.Clock = api.SystemClock{}
	run.CallTimeout = api.DefaultCallTimeout
	stand.LeftOpen = nil
	start := time.Now()
	ended := run.Rotate(stand)
	took = time.Since(start)
	broken = run.Faults(c.Bench, stand, ended)
	if took > ShortTimeout+Overrun {
		broken = append(broken, fmt.Sprintf("took %v of at most %v", took, ShortTimeout))
	}
	if unfired := stand.Servers[c.Server].Unfired(); len(unfired) > 0 {
		broken = append(broken, "the fault never happened")
	}
	return broken, took
}

func title(text string) string {
	if len(text) > 24 {
		text = text[:24] + "…"
	}
	return fmt.Sprintf("%q", text)
}
