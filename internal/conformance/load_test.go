package conformance_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/reliability"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
	sailpointsimulator "pam-rotate-script/internal/simulator/sailpoint"
	spssimulator "pam-rotate-script/internal/simulator/sps"
	venafisimulator "pam-rotate-script/internal/simulator/venafi"
)

// load runs TestLoad, which takes minutes: make load.
var load = flag.Bool("load", false, "run the load test and write it into docs/development/reliability.md")

const runsAtOnce = 200

// crowd is one vendor with an account for each of many runs.
type crowd struct {
	name, setting string // setting says what makes it hard
	server        *simulator.Server
	access        map[string]any
	deadline      time.Duration // of one run, as its access record says
	writes        int           // that one run may send
	// user is the name of an account.
	user       func(number int) string
	userFields func(number int) map[string]any
	accepts    func(user, password string) bool
	// failedLogins is nil where nobody signs in as the user.
	failedLogins func(user string) int
	// left names what is still open or locked when all runs are over.
	left func() []string
	// counted says what the simulator saw.
	counted func() string
}

// TestLoad has many runs at once, with real waits, against one vendor with something
// that is scarce. Every run must end as changed, within its deadline and truthful, and
// nothing may be left open or locked.
func TestLoad(t *testing.T) {
	if !*load {
		t.Skip("takes minutes: make load")
	}
	var sections [3]string
	t.Run("crowds", func(t *testing.T) {
		sections[0] = venafiCrowd(t).run(t)
		// Both of these mostly wait.
		t.Run("together", func(t *testing.T) {
			for i, start := range []func(*testing.T) crowd{sailPointCrowd, spsCrowd} {
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					t.Parallel()
					sections[1+i] = start(t).run(t)
				})
			}
		})
	})
	if t.Failed() {
		return
	}
	text := reliability.Measured() + "\n\n" + strings.Join(sections[:], "\n")
	if err := reliability.Write("load", "make load", text); err != nil {
		t.Fatal(err)
	}
}

func oldPassword(number int) string { return fmt.Sprintf("%s%03d", conformance.Old, number) }
func newPassword(number int) string { return fmt.Sprintf("%s%03d", conformance.New, number) }

// venafiCrowd is a platform that locks an account at the third failed sign-in in a
// row, has a cache that refuses each new password once, and meets some deadlocks.
func venafiCrowd(t *testing.T) crowd {
	const lockAfter, deadlocks = 3, 20
	user := func(number int) string { return fmt.Sprintf("load%03d", number) }
	platform := venafisimulator.New(venafisimulator.Options{AnyPassword: true, LockAfter: lockAfter, AssumeNewRefused: 1, Deadlocks: deadlocks})
	for number := range runsAtOnce {
		platform.Add(venafisimulator.Identity{Name: user(number), Password: oldPassword(number)})
	}
	server := conformance.Serve(t, platform)
	return crowd{
		name: "Venafi", server: server, deadline: 120 * time.Second, writes: 2, user: user,
		setting: fmt.Sprintf("one caller; failed sign-ins in a row that lock an account: %d; a cache refuses every new password once; writes that end in a deadlock: %d", lockAfter, deadlocks),
		access: map[string]any{
			"url": server.URL() + "/vedsdk", "login": venafisimulator.Caller, "password": venafisimulator.CallerPassword,
			"Client ID": venafisimulator.ClientID, "Timeout": "120",
		},
		accepts: platform.Accepts, failedLogins: platform.FailedLogins,
		left: func() []string {
			var left []string
			for _, grant := range platform.OpenGrants() {
				left = append(left, "a grant of "+grant.User)
			}
			for number := range runsAtOnce {
				if identity, found := platform.Identity(user(number)); !found || identity.Locked {
					left = append(left, user(number)+" is locked")
				}
			}
			if caller, found := platform.Identity(venafisimulator.Caller); !found || caller.Locked || platform.FailedLogins(venafisimulator.Caller) > 0 {
				left = append(left, "sign-ins of the caller have failed")
			}
			return left
		},
		counted: func() string {
			failed := 0
			for number := range runsAtOnce {
				failed += platform.FailedLogins(user(number))
			}
			writes := occurrences(server, venafisimulator.SetPassword)
			return fmt.Sprintf("writes %d, of them repeats after a deadlock %d; sign-ins refused by the cache %d", writes, writes-runsAtOnce, failed)
		},
	}
}

// sailPointCrowd is a tenant with one client, whose calls are limited as SailPoint
// documents it.
func sailPointCrowd(t *testing.T) crowd {
	user := func(number int) string { return fmt.Sprintf("load.%03d", number) }
	tenant := sailpointsimulator.New(sailpointsimulator.Options{EndsAtPoll: 1})
	for number := range runsAtOnce {
		tenant.AddIdentity(sailpointsimulator.Identity{ID: fmt.Sprintf("10ad%028d", number), UserName: user(number), Accounts: []sailpointsimulator.Account{
			{SourceName: sailpointsimulator.SourceName, ID: user(number), Name: user(number), Password: oldPassword(number)},
		}})
	}
	server := conformance.Serve(t, tenant)
	return crowd{
		name: "SailPoint", server: server, deadline: 300 * time.Second, writes: 1, user: user,
		setting: fmt.Sprintf("one client ID; calls that it may make in %v: %d", sailpointsimulator.DefaultRateWindow, sailpointsimulator.DefaultRateLimit),
		access: map[string]any{
			"Target": "sailpoint", "url": server.URL(), "login": sailpointsimulator.ClientID, "password": sailpointsimulator.ClientSecret,
			"Source Name": sailpointsimulator.SourceName, "Timeout": "300",
		},
		accepts: func(user, password string) bool { return tenant.Accepts(sailpointsimulator.SourceName, user, password) },
		left: func() []string {
			if pending := tenant.Pending(); pending > 0 {
				return []string{fmt.Sprintf("%d changes in progress", pending)}
			}
			return nil
		},
		counted: func() string {
			refused := map[string]int{}
			for _, exchange := range server.Exchanges() {
				if exchange.Status == 429 {
					refused[exchange.Name]++
				}
			}
			return fmt.Sprintf("calls %d; answered 429: look-ups %d, writes %d, status reads %d", len(server.Exchanges()),
				refused[sailpointsimulator.QueryPasswordInfo], refused[sailpointsimulator.SetPassword], refused[sailpointsimulator.ReadChangeStatus])
		},
	}
}

// spsCrowd is an appliance with one configuration lock, held through a commit that
// takes a while.
func spsCrowd(t *testing.T) crowd {
	const shortest, longest = 20 * time.Millisecond, 50 * time.Millisecond
	user := func(number int) string { return fmt.Sprintf("load%03d", number) }
	key := func(number int) string { return fmt.Sprintf("10ad%019d", number) }
	appliance := spssimulator.New(spssimulator.Options{LockOutAfter: 3})
	for number := range runsAtOnce {
		appliance.Add(spssimulator.User{Key: key(number), Name: user(number), Password: oldPassword(number), REST: true})
	}
	server := conformance.Serve(t, appliance)
	server.Observe(func(exchange simulator.Exchange, now simulator.Moment) {
		if exchange.Name == spssimulator.Commit && now == simulator.Arrived {
			time.Sleep(shortest + rand.N(longest-shortest))
		}
	})
	return crowd{
		name: "One Identity SPS", server: server, deadline: 900 * time.Second, writes: 1, user: user,
		setting:    fmt.Sprintf("one access user and one configuration lock, which a commit holds for %v to %v more; `Lock Wait` 600, `Timeout` 900", shortest, longest),
		userFields: func(number int) map[string]any { return map[string]any{"User Key": key(number)} },
		access: map[string]any{
			"url": server.URL() + "/api/configuration", "login": spssimulator.AccessUser, "password": spssimulator.AccessPassword,
			"Lock Wait": "600", "Timeout": "900",
		},
		accepts: appliance.Accepts, failedLogins: appliance.FailedLogins,
		left: func() []string {
			var left []string
			if appliance.OpenTransactions() > 0 || appliance.LockHeld() {
				left = append(left, "the configuration is locked")
			}
			for number := range runsAtOnce {
				if appliance.FailedLogins(user(number)) > 0 {
					left = append(left, "sign-ins of "+user(number)+" have failed")
				}
			}
			if appliance.FailedLogins(spssimulator.AccessUser) > 0 {
				left = append(left, "sign-ins of the access user have failed")
			}
			return left
		},
		counted: func() string {
			attempts := occurrences(server, spssimulator.OpenTransaction)
			return fmt.Sprintf("attempts to open a transaction %d, of them met by the lock %d; commits %d", attempts, attempts-appliance.Commits(), appliance.Commits())
		},
	}
}

func occurrences(server *simulator.Server, name string) int {
	return server.Count(func(exchange simulator.Exchange) bool { return exchange.Name == name })
}

// loadEnd is what came of one run.
type loadEnd struct {
	rotation.Result
	waits  int           // that it made
	waited time.Duration // in all
}

// counting is the machine's clock for one run, which counts the waits. A run waits in one
// goroutine.
type counting struct {
	api.SystemClock
	end *loadEnd
}

func (c counting) Sleep(ctx context.Context, duration time.Duration) error {
	if duration > 0 {
		c.end.waits++
		c.end.waited += duration
	}
	return c.SystemClock.Sleep(ctx, duration)
}

// run starts all runs at once, waits for them, and returns their section of the page.
func (c crowd) run(t *testing.T) string {
	ends := make([]loadEnd, runsAtOnce)
	ready := make(chan struct{})
	var running sync.WaitGroup
	for number := range runsAtOnce {
		running.Go(func() {
			<-ready
			c.rotate(t, number, &ends[number])
		})
	}
	close(ready)
	running.Wait()
	counted := 0
	for _, end := range ends {
		counted += end.Writes + end.TurnedAway
	}
	if arrived := c.server.Count(func(exchange simulator.Exchange) bool { return exchange.Write }); arrived != counted {
		t.Errorf("%s: %d writes arrived, and the runs have counted %d", c.name, arrived, counted)
	}
	left := c.left()
	for _, left := range left {
		t.Errorf("%s: %s", c.name, left)
	}
	for _, note := range c.server.Notes() {
		t.Errorf("%s: noted at the vendor: %s", c.name, note)
	}
	return c.section(ends, len(left))
}

// rotate runs one account's rotation.
func (c crowd) rotate(t *testing.T, number int, end *loadEnd) {
	stand := &conformance.Stand{
		Servers: []*simulator.Server{c.server}, Access: c.access,
		Accepts: func(password string) bool { return c.accepts(c.user(number), password) },
	}
	run := conformance.Run{User: c.user(number), Old: oldPassword(number), New: newPassword(number), Clock: counting{end: end}}
	if c.userFields != nil {
		run.UserFields = c.userFields(number)
	}
	ended := run.Rotate(stand)
	alone := *stand // what arrived at the server is of all runs
	alone.Servers = nil
	if c.failedLogins != nil {
		alone.FailedLogins = func() int { return c.failedLogins(run.User) }
	}
	for _, fault := range run.Faults(conformance.Bench{}, &alone, ended) {
		t.Errorf("%s: run %d: %s", c.name, number, fault)
	}
	if ended.Outcome != rotation.Changed {
		t.Errorf("%s: run %d: %s: %s", c.name, number, ended.Outcome, ended.Message)
	}
	if ended.Writes > c.writes {
		t.Errorf("%s: run %d: %d writes", c.name, number, ended.Writes)
	}
	if ended.Duration > c.deadline {
		t.Errorf("%s: run %d: took %v", c.name, number, ended.Duration)
	}
	end.Result = ended.Result
}

// section says in Markdown what became of all runs.
func (c crowd) section(ends []loadEnd, left int) string {
	outcomes := map[rotation.Outcome]int{}
	var times, waited []time.Duration
	var waits []int
	for _, end := range ends {
		outcomes[end.Outcome]++
		times, waited, waits = append(times, end.Duration), append(waited, end.waited), append(waits, end.waits)
	}
	slices.Sort(waits)
	var text strings.Builder
	fmt.Fprintf(&text, "### %s\n\n%s.\n\n", c.name, strings.ToUpper(c.setting[:1])+c.setting[1:])
	text.WriteString("| | |\n| --- | --- |\n")
	row := func(name string, value any) { fmt.Fprintf(&text, "| %s | %v |\n", name, value) }
	row("runs at once", len(ends))
	row("changed", outcomes[rotation.Changed])
	row("not changed", outcomes[rotation.NotChanged])
	row("unknown", outcomes[rotation.Unknown])
	row("one run: median, worst", seconds(times))
	row("deadline of a run", fmt.Sprintf("%.0f s", c.deadline.Seconds()))
	row("waits of one run: median, worst", fmt.Sprintf("%d, %d", waits[len(waits)/2], waits[len(waits)-1]))
	row("time waited by one run: median, worst", seconds(waited))
	row("retries, as the simulator saw them", c.counted())
	row("left open or locked", left)
	return text.String()
}

func seconds(times []time.Duration) string {
	slices.SortFunc(times, cmp.Compare[time.Duration])
	return fmt.Sprintf("%.1f s, %.1f s", times[len(times)/2].Seconds(), times[len(times)-1].Seconds())
}
