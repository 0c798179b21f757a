package sps_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
	simulated "pam-rotate-script/internal/simulator/sps"
	"pam-rotate-script/internal/targets"
)

const user = "jdoe"

// clock never waits, and keeps the waits that were asked for.
type clock struct{ waits []time.Duration }

func (c *clock) Now() time.Time { return time.Now() }

func (c *clock) Sleep(ctx context.Context, wait time.Duration) error {
	c.waits = append(c.waits, wait)
	return ctx.Err()
}

// around is what a case puts around the serving of a route.
type around map[string]func(r *simulator.Request, serve func(*simulator.Request) simulator.Answer) simulator.Answer

// altered is an appliance some of whose routes answer in another way.
type altered struct {
	*simulated.Appliance
	around around
}

func (a altered) Routes() []simulator.Route {
	routes := a.Appliance.Routes()
	for i, route := range routes {
		if alter, ok := a.around[route.Name]; ok {
			routes[i].Serve = func(r *simulator.Request) simulator.Answer { return alter(r, route.Serve) }
		}
	}
	return routes
}

// answers makes a route answer what a case says, after the appliance has acted.
func answers(status int, body string) func(*simulator.Request, func(*simulator.Request) simulator.Answer) simulator.Answer {
	return func(r *simulator.Request, serve func(*simulator.Request) simulator.Answer) simulator.Answer {
		serve(r)
		return simulator.Answer{Status: status, Body: []byte(body)}
	}
}

// once makes a route answer so the first time, without the appliance.
func once(answer simulator.Answer) func(*simulator.Request, func(*simulator.Request) simulator.Answer) simulator.Answer {
	asked := false
	return func(r *simulator.Request, serve func(*simulator.Request) simulator.Answer) simulator.Answer {
		if !asked {
			asked = true
			return answer
		}
		return serve(r)
	}
}

type rig struct {
	*simulated.Appliance
	stand  *conformance.Stand
	server *simulator.Server
}

func start(t *testing.T, options simulated.Options, around around) rig {
	t.Helper()
	appliance := simulated.New(options)
	server, err := simulator.Start(altered{appliance, around}, simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return rig{appliance, &conformance.Stand{
		Servers: []*simulator.Server{server},
		Access: map[string]any{
			"Target": "sps", "url": server.URL(), "login": simulated.AccessUser, "password": simulated.AccessPassword,
		},
	}, server}
}

// judge sets what counts as the account's password.
func (r rig) judge(run conformance.Run) {
	r.stand.Accepts = func(password string) bool { return r.Accepts(run.User, password) }
	switch {
	case run.User == user: // the local database, whatever the default login method asks
		r.stand.Accepts = func(password string) bool { return r.Password(user) == password }
	case run.User == "root" && run.Access["Mode"] != "local":
		r.stand.Accepts = r.AcceptsRoot
	case r.Key(run.User) == "": // nobody's password can change but by a commit
		r.stand.Accepts = func(password string) bool { return password == run.Old && r.Commits() == 0 }
	}
}

func (r rig) rotate(run conformance.Run) conformance.Ended {
	r.judge(run)
	return run.Rotate(r.stand)
}

// names returns the names of the exchanges so far.
func (r rig) names() []string {
	var names []string
	for _, exchange := range r.server.Exchanges() {
		names = append(names, exchange.Name)
	}
	return names
}

func (r rig) count(name string) int {
	return r.server.Count(func(e simulator.Exchange) bool { return e.Name == name })
}

func run() conformance.Run {
	return conformance.Run{User: user, Old: simulated.FirstPassword, New: conformance.New}
}

func rootRun() conformance.Run {
	return conformance.Run{User: "root", Old: simulated.FirstRootPassword, New: conformance.New}
}

func ownRun() conformance.Run {
	return conformance.Run{User: simulated.PowerlessUser, Old: simulated.FirstPassword, New: conformance.New,
		Access: map[string]any{"login": simulated.PowerlessUser, "password": simulated.FirstPassword}}
}

// with is a run with more fields on the access record.
func with(run conformance.Run, fields map[string]any) conformance.Run {
	run.Access = maps.Clone(run.Access)
	if run.Access == nil {
		run.Access = map[string]any{}
	}
	maps.Copy(run.Access, fields)
	return run
}

func TestVendorSettings(t *testing.T) {
	of := func(run conformance.Run, user, newPassword string) conformance.Run {
		run.User, run.New = user, newPassword
		return run
	}
	for _, test := range []struct {
		name    string
		options simulated.Options
		run     conformance.Run
		outcome rotation.Outcome
		class   api.Class
		proof   targets.Proof
		message string
		writes  int
		failed  int // sign-ins of the rotated user that failed
	}{
		{"local", simulated.Options{}, run(), rotation.Changed, "", targets.ProofLogin, "a login", 1, 0},
		{"self", simulated.Options{}, ownRun(), rotation.Changed, "", targets.ProofLogin, "a login", 1, 0},
		{"root", simulated.Options{}, rootRun(), rotation.Changed, "", targets.ProofStatus, "a look at what is in force", 1, 0},
		{"root without rights", simulated.Options{}, with(rootRun(), ownRun().Access), rotation.NotChanged, api.ClassPermission, "", "answered 403", 0, 0},
		{"local without rights", simulated.Options{}, with(run(), ownRun().Access), rotation.NotChanged, api.ClassPermission, "", "answered 403", 0, 0},
		{"local off", simulated.Options{}, with(run(), map[string]any{"Verify": "off"}), rotation.Changed, "", targets.ProofStatus, "a look at what is in force", 1, 0},
		{"self off", simulated.Options{}, with(ownRun(), map[string]any{"Verify": "off"}), rotation.Changed, "", targets.ProofAnswer, "answer", 1, 0},
		{"root strict", simulated.Options{}, with(rootRun(), map[string]any{"Verify": "strict"}), rotation.Changed, "", targets.ProofStatus, "a look at what is in force", 1, 0},
		{"no such user", simulated.Options{}, of(run(), "jdoe3", conformance.New), rotation.NotChanged, api.ClassAccount, "", "no local user", 0, 0},
		{"user in another case", simulated.Options{}, of(run(), "jDoe", conformance.New), rotation.NotChanged, api.ClassAccount, "", "no local user", 0, 0},
		{"key that needs escaping", simulated.Options{}, of(run(), "jörg", conformance.New), rotation.Changed, "", targets.ProofLogin, "a login", 1, 0},
		{"key with a slash", simulated.Options{}, of(run(), "o'hara", conformance.New), rotation.Changed, "", targets.ProofLogin, "a login", 1, 0},
		{"key that looks escaped", simulated.Options{}, of(run(), "olsen", conformance.New), rotation.Changed, "", targets.ProofLogin, "a login", 1, 0},
		{"key in the record", simulated.Options{}, with(run(), map[string]any{"User Key": "14322374245a7de542bbb08"}), rotation.Changed, "", targets.ProofLogin, "a login", 1, 0},
		{"key of another user", simulated.Options{}, with(run(), map[string]any{"User Key": "14322374245a7de542bbb07"}), rotation.NotChanged, api.ClassAccount, "", "belongs to another user", 0, 0},
		{"key of nobody", simulated.Options{}, with(run(), map[string]any{"User Key": "14322374245a7de542bbb99"}), rotation.NotChanged, api.ClassAccount, "", "answered 404", 0, 0},

		{"no cookie", simulated.Options{NoCookie: true}, run(), rotation.NotChanged, api.ClassTarget, "", "no session cookie", 0, 0},
		{"cookie that is over by another clock", simulated.Options{CookieExpires: true, Now: func() time.Time { return time.Unix(1e9, 0) }}, run(), rotation.Changed, "", targets.ProofLogin, "a login", 1, 0},
		{"login method", simulated.Options{LoginMethods: []string{"local & co"}}, with(run(), map[string]any{"Login Method": "local & co"}), rotation.Changed, "", targets.ProofLogin, "a login", 1, 0},
		{"login method that is not known", simulated.Options{OldSignIn: true}, with(run(), map[string]any{"Login Method": "local"}), rotation.NotChanged, api.ClassTarget, "", "answered 400", 0, 0},
		{"other shapes", simulated.Options{StatusInBody: true, PasswordAsObject: true, DetailsAsText: true, WriteStatus: 204}, run(), rotation.Changed, "", targets.ProofLogin, "a login", 1, 0},
		{"other shapes, root", simulated.Options{StatusInBody: true, PasswordAsObject: true, WriteStatus: 201}, rootRun(), rotation.Changed, "", targets.ProofStatus, "a look at what is in force", 1, 0},

		{"user without REST, refused", simulated.Options{RequireREST: true}, of(run(), simulated.NoRESTUser, conformance.New), rotation.Changed, "", targets.ProofStatus, "a look at what is in force", 1, 1},
		{"user without REST, refused like a wrong password", simulated.Options{RequireREST: true, RESTStatus: 401}, of(run(), simulated.NoRESTUser, conformance.New), rotation.Changed, "", targets.ProofStatus, "a look at what is in force", 1, 2},
		{"the same by the login method local", simulated.Options{RequireREST: true, RESTStatus: 401}, with(of(run(), simulated.NoRESTUser, conformance.New), map[string]any{"User Login Method": "local"}), rotation.Changed, "", targets.ProofStatus, "a look at what is in force", 1, 1},
		{"the same, and the access user has one", simulated.Options{RequireREST: true, RESTStatus: 401, LoginMethods: []string{"ad"}}, with(of(run(), simulated.NoRESTUser, conformance.New), map[string]any{"Login Method": "ad"}), rotation.Changed, "", targets.ProofStatus, "a look at what is in force", 1, 1},
		{"the same, local not offered", simulated.Options{RequireREST: true, RESTStatus: 401, LocalOff: true}, of(run(), simulated.NoRESTUser, conformance.New), rotation.Unknown, api.ClassCredential, "", "another login method", 1, 1},
		{"the same, old version", simulated.Options{RequireREST: true, RESTStatus: 401, OldSignIn: true}, of(run(), simulated.NoRESTUser, conformance.New), rotation.Unknown, api.ClassCredential, "", "another login method", 1, 1},
		{"the same, strict", simulated.Options{RequireREST: true, RESTStatus: 401}, with(of(run(), simulated.NoRESTUser, conformance.New), map[string]any{"Verify": "strict"}), rotation.Unknown, api.ClassCredential, "", "another login method", 1, 2},
		{"user without REST, let in", simulated.Options{}, of(run(), simulated.NoRESTUser, conformance.New), rotation.Changed, "", targets.ProofLogin, "a login", 1, 0},
		{"directory", simulated.Options{ExternalLogin: true}, run(), rotation.Changed, "", targets.ProofLogin, "a login", 1, 1},
		{"directory alone", simulated.Options{ExternalLogin: true, LocalOff: true}, run(), rotation.Unknown, api.ClassCredential, "", "another login method", 1, 1},
		{"directory, old version", simulated.Options{ExternalLogin: true, OldSignIn: true}, run(), rotation.Unknown, api.ClassCredential, "", "another login method", 1, 1},
		{"directory, self", simulated.Options{ExternalLogin: true}, ownRun(), rotation.Unknown, api.ClassCredential, "", "rejected afterwards", 1, 2},
		{"restart", simulated.Options{CommitEndsSessions: true, UnavailableAfterCommit: 1}, run(), rotation.Changed, "", targets.ProofLogin, "a login", 1, 0},
		{"long restart", simulated.Options{CommitEndsSessions: true, UnavailableAfterCommit: 2}, run(), rotation.Changed, "", targets.ProofStatus, "a look at what is in force", 1, 0},
		{"long restart, root", simulated.Options{CommitEndsSessions: true, UnavailableAfterCommit: 1}, rootRun(), rotation.Changed, "", targets.ProofStatus, "a look at what is in force", 1, 0},
		{"long restart, self", simulated.Options{CommitEndsSessions: true, UnavailableAfterCommit: 3}, ownRun(), rotation.Changed, "", targets.ProofAnswer, "answer", 1, 0},
		{"long restart, self, strict", simulated.Options{UnavailableAfterCommit: 3}, with(ownRun(), map[string]any{"Verify": "strict"}), rotation.Unknown, api.ClassTarget, "", "could not be proved", 1, 0},

		{"too weak at the password", simulated.Options{MinimumLength: 64, PolicyAt: simulated.AtPassword}, run(), rotation.NotChanged, api.ClassPolicy, "", "too weak", 0, 0},
		{"too weak at the user", simulated.Options{MinimumLength: 64, PolicyAt: simulated.AtPut}, run(), rotation.NotChanged, api.ClassPolicy, "", "too weak", 0, 0},
		{"too weak at the commit", simulated.Options{MinimumLength: 64, PolicyAt: simulated.AtCommit}, run(), rotation.NotChanged, api.ClassPolicy, "", "too weak", 1, 0},
		{"too weak, self", simulated.Options{MinimumLength: 64, PolicyAt: simulated.AtPut}, ownRun(), rotation.NotChanged, api.ClassPolicy, "", "too weak", 0, 0},
		{"in force already, at the password", simulated.Options{History: true, PolicyAt: simulated.AtPassword}, of(run(), user, simulated.FirstPassword), rotation.Changed, "", targets.ProofLogin, "in force already", 0, 0},
		{"in force already, at the user", simulated.Options{History: true, PolicyAt: simulated.AtPut}, of(run(), user, simulated.FirstPassword), rotation.Changed, "", targets.ProofLogin, "in force already", 0, 0},
		{"in force already, at the commit", simulated.Options{History: true, PolicyAt: simulated.AtCommit}, of(run(), user, simulated.FirstPassword), rotation.Changed, "", targets.ProofLogin, "in force already", 1, 0},
		{"in force already, self", simulated.Options{History: true, PolicyAt: simulated.AtCommit}, of(ownRun(), simulated.PowerlessUser, simulated.FirstPassword), rotation.Changed, "", targets.ProofLogin, "in force already", 1, 0},

		{"another commit came first", simulated.Options{SeveralTransactions: true, CommitCollisions: 1}, run(), rotation.Changed, "", targets.ProofLogin, "after a second try", 2, 1},
		{"another commit came first, root", simulated.Options{CommitCollisions: 1}, rootRun(), rotation.Changed, "", targets.ProofStatus, "after a second try", 2, 0},
		{"commit message missing", simulated.Options{RequireCommitMessage: true}, run(), rotation.NotChanged, api.ClassPolicy, "", "a commit message is required", 1, 0},
		{"commit message missing, told beforehand", simulated.Options{RequireCommitMessage: true, StatusInBody: true}, run(), rotation.NotChanged, api.ClassInput, "", "the field Commit Message has none", 0, 0},
		{"commit message, asked for", simulated.Options{RequireCommitMessage: true, StatusInBody: true}, with(run(), map[string]any{"Commit Message": "rotated"}), rotation.Changed, "", targets.ProofLogin, "a login", 1, 0},
		{"commit message", simulated.Options{RequireCommitMessage: true}, with(run(), map[string]any{"Commit Message": "rotated"}), rotation.Changed, "", targets.ProofLogin, "a login", 1, 0},
		{"locked out like a wrong password", simulated.Options{LockOutAfter: 1, ExternalLogin: true}, run(), rotation.Changed, "", targets.ProofStatus, "a look at what is in force", 1, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, test.options, nil)
			ended := r.rotate(test.run)
			for _, fault := range test.run.Faults(conformance.SPS(), r.stand, ended) {
				t.Error(fault)
			}
			if ended.Outcome != test.outcome || ended.Class != test.class || ended.Proof != test.proof || !strings.Contains(ended.Message, test.message) {
				t.Errorf("got %s [%s] by %q: %s", ended.Outcome, ended.Class, ended.Proof, ended.Message)
			}
			if r.stand.Writes() != test.writes || r.FailedLogins(test.run.User) != test.failed || r.OpenTransactions() != 0 {
				t.Errorf("%d writes, %d failed logins, %d open transactions", r.stand.Writes(), r.FailedLogins(test.run.User), r.OpenTransactions())
			}
			if message, _ := test.run.Access["Commit Message"].(string); message != "" && fmt.Sprint(r.CommitMessages()) != "["+message+"]" {
				t.Errorf("commit messages %q", r.CommitMessages())
			}
		})
	}
}

// TestLock: a lock is waited for, by what status and words ever it is told. A wait is up
// to half shorter or longer than its place in the schedule says.
func TestLock(t *testing.T) {
	schedule := []time.Duration{2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second}
	scheduled := func(place int) time.Duration { return schedule[min(place, len(schedule)-1)] }
	for _, test := range []struct {
		name    string
		options simulated.Options
		wait    string
		waits   int           // how many; where Lock Wait ends them, the most
		most    time.Duration // of all waits together; 0 where the lock ends first
		outcome rotation.Outcome
		class   api.Class
	}{
		{"409", simulated.Options{LockedAttempts: 1}, "", 1, 0, rotation.Changed, ""},
		{"423", simulated.Options{LockedAttempts: 2, LockedStatus: 423}, "", 2, 0, rotation.Changed, ""},
		{"503", simulated.Options{LockedAttempts: 3, LockedStatus: 503}, "", 3, 0, rotation.Changed, ""},
		{"by its type", simulated.Options{LockedAttempts: 1, LockedStatus: 400, LockedMessage: "no"}, "", 1, 0, rotation.Changed, ""},
		{"by its message", simulated.Options{LockedAttempts: 1, LockedStatus: 403, LockedType: "Denied", LockedMessage: "The Lock is taken"}, "", 1, 0, rotation.Changed, ""},
		{"for good", simulated.Options{LockedAttempts: -1}, "", 9, time.Minute, rotation.NotChanged, api.ClassConflict},
		{"for good, 400", simulated.Options{LockedAttempts: -1, LockedStatus: 400}, "8", 2, 8 * time.Second, rotation.NotChanged, api.ClassConflict},
		{"for good, 503", simulated.Options{LockedAttempts: -1, LockedStatus: 503}, "1", 1, time.Second, rotation.NotChanged, api.ClassTarget},
		{"longer than the run", simulated.Options{LockedAttempts: -1}, "86400", 0, 0, rotation.NotChanged, api.ClassConflict},
		{"no lock", simulated.Options{LockedAttempts: -1, LockedStatus: 400, LockedType: "Denied", LockedMessage: "no"}, "", 0, 0, rotation.NotChanged, api.ClassTarget},
		{"401", simulated.Options{LockedAttempts: -1, LockedStatus: 401}, "", 0, 0, rotation.NotChanged, api.ClassCredential},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, test.options, nil)
			run, clock := run(), &clock{}
			run.Clock, run.Access = clock, map[string]any{"User Key": r.Key(user)}
			if test.wait != "" {
				run.Access["Lock Wait"] = test.wait
			}
			if test.wait == "86400" {
				run.Access["Timeout"] = "8" // a wait that outlasts it is not begun
			}
			ended := r.rotate(run)
			for _, fault := range run.Faults(conformance.SPS(), r.stand, ended) {
				t.Error(fault)
			}
			if ended.Outcome != test.outcome || ended.Class != test.class {
				t.Errorf("got %s [%s]: %s", ended.Outcome, ended.Class, ended.Message)
			}
			var total time.Duration
			for place, wait := range clock.waits {
				total += wait
				if middle := scheduled(place); wait < middle/2 || wait >= middle*3/2 {
					t.Errorf("wait %d was %v, want about %v", place+1, wait, middle)
				}
			}
			switch next := scheduled(len(clock.waits)); {
			case test.wait == "86400":
				for _, wait := range clock.waits {
					if wait > 6*time.Second { // three quarters of Timeout
						t.Errorf("a wait of %v was begun", wait)
					}
				}
			case test.most == 0 && len(clock.waits) != test.waits:
				t.Errorf("waited %v, want %d waits", clock.waits, test.waits)
			case test.most != 0 && (len(clock.waits) > test.waits || total > test.most):
				t.Errorf("waited %v, want at most %d waits and %v", clock.waits, test.waits, test.most)
			case test.most != 0 && total+next*3/2 <= test.most:
				t.Errorf("waited %v, although Lock Wait has room for more", clock.waits)
			}
			if got := r.count(simulated.OpenTransaction); got != len(clock.waits)+1 {
				t.Errorf("%d attempts", got)
			}
			// What the holder of the lock may have changed is read again.
			want := 1
			if test.outcome == rotation.Changed {
				want = 2
			}
			if got := r.count(simulated.ReadUser); got != want {
				t.Errorf("the user was read %d times, want %d", got, want)
			}
		})
	}
}

// TestLockHolderIsNamed: SPS's own words on a lock are shown, its details are not.
func TestLockHolderIsNamed(t *testing.T) {
	r := start(t, simulated.Options{LockedAttempts: -1, DetailsAsText: true}, nil)
	ended := r.rotate(run())
	if want := "open a transaction: answered 409 Conflict: the configuration is locked by admin at the web interface (code ConfigurationLocked)"; !strings.Contains(ended.Message, want) {
		t.Errorf("got %s", ended.Message)
	}
	if strings.Contains(ended.Message, "/api/transaction") {
		t.Errorf("the details are shown: %s", ended.Message)
	}
}

// TestCheckAsksForTheMessage: a check says beforehand that the site demands a message.
func TestCheckAsksForTheMessage(t *testing.T) {
	for _, message := range []string{"", "rotated"} {
		r := start(t, simulated.Options{RequireCommitMessage: true, StatusInBody: true}, nil)
		run := run()
		if message != "" {
			run.Access = map[string]any{"Commit Message": message}
		}
		r.judge(run)
		ended := run.Check(r.stand)
		if missing := strings.Contains(ended.Message, "the field Commit Message has none"); missing != (message == "") || missing != (ended.Class == api.ClassInput) || r.count(simulated.OpenTransaction) != 0 {
			t.Errorf("message %q: %s", message, ended.Stdout)
		}
	}
}

// TestHintsAtOpen: a lock that is answered with 403 is none of privileges, and a node that is
// managed by another one takes no transaction.
func TestHintsAtOpen(t *testing.T) {
	for body, hints := range map[string][2]string{ // wanted and not wanted
		`{"error":{"type":"ConfigurationLocked","message":"locked by admin"}}`: {"configuration of SPS locked", "privilege"},
		`{"error":{"type":"PermissionDenied","message":"no"}}`:                 {"privilege", "configuration of SPS locked"},
	} {
		r := start(t, simulated.Options{}, around{simulated.OpenTransaction: func(*simulator.Request, func(*simulator.Request) simulator.Answer) simulator.Answer {
			return simulator.Answer{Status: 403, Body: []byte(body)}
		}})
		if told := strings.Join(r.rotate(run()).Hints, "\n"); !strings.Contains(told, hints[0]) || strings.Contains(told, hints[1]) {
			t.Errorf("%s: %s", body, told)
		}
	}
	r := start(t, simulated.Options{}, around{simulated.OpenTransaction: func(*simulator.Request, func(*simulator.Request) simulator.Answer) simulator.Answer {
		return simulator.Answer{Status: 405, Body: []byte(`{"error":{"type":"MethodNotAllowed"}}`)}
	}})
	if told := strings.Join(r.rotate(run()).Hints, "\n"); !strings.Contains(told, "central management node") {
		t.Error(told)
	}
}

// TestManagedNode: it takes no change, at whatever step it says so, and a check sees it coming by the
// methods that SPS allows.
func TestManagedNode(t *testing.T) {
	r := start(t, simulated.Options{}, around{simulated.UpdateUser: answers(405, `{"error":{"type":"MethodNotAllowed"}}`)})
	if told := strings.Join(r.rotate(run()).Hints, "\n"); !strings.Contains(told, "central management node") {
		t.Error(told)
	}
	for allowed, warned := range map[string]bool{"GET, HEAD": true, "GET, PUT": false, "": false} {
		r := start(t, simulated.Options{}, around{simulated.ReadUser: func(q *simulator.Request, serve func(*simulator.Request) simulator.Answer) simulator.Answer {
			answer := serve(q)
			if answer.Header.Del("Allow"); allowed != "" {
				answer.Header.Set("Allow", allowed)
			}
			return answer
		}})
		r.judge(run())
		if ended := run().Check(r.stand); ended.Class != "" || strings.Contains(ended.Stdout, "allows no change") != warned {
			t.Errorf("%q: %s", allowed, ended.Stdout)
		}
	}
}

// TestOpenedByACopy: a call to open a transaction that was sent twice has opened it.
func TestOpenedByACopy(t *testing.T) {
	for _, status := range []int{400, 409} {
		r := start(t, simulated.Options{}, around{simulated.OpenTransaction: answers(status, `{"error":{"type":"TransactionAlreadyOpen"}}`)})
		if ended := r.rotate(run()); ended.Outcome != rotation.Changed {
			t.Errorf("%d: %s", status, ended.Stdout)
		}
	}
}

// TestBehindALoadBalancer: the node is found again by a cookie beside SPS's own.
func TestBehindALoadBalancer(t *testing.T) {
	sticky := func(q *simulator.Request, serve func(*simulator.Request) simulator.Answer) simulator.Answer {
		if !strings.Contains(q.Header.Get("Cookie"), "; node=1.2") {
			return simulator.JSON(401, map[string]any{"error": map[string]any{"type": "Unauthenticated"}})
		}
		return serve(q)
	}
	r := start(t, simulated.Options{}, around{simulated.SignIn: func(q *simulator.Request, serve func(*simulator.Request) simulator.Answer) simulator.Answer {
		answer := serve(q)
		answer.Header.Add("Set-Cookie", "node=1.2; Path=/; HttpOnly")
		answer.Header.Add("Set-Cookie", "gone=; Max-Age=0")
		return answer
	}, simulated.ReadUser: sticky, simulated.OpenTransaction: sticky, simulated.UpdateUser: sticky, simulated.Commit: sticky})
	if ended := r.rotate(run()); ended.Outcome != rotation.Changed || ended.Proof != targets.ProofLogin {
		t.Error(ended.Stdout)
	}
}

// TestAwayAfterTheCommit: an appliance that is away has refused nobody, when a look is the proof.
func TestAwayAfterTheCommit(t *testing.T) {
	signIns := 0
	r := start(t, simulated.Options{}, around{simulated.SignIn: func(q *simulator.Request, serve func(*simulator.Request) simulator.Answer) simulator.Answer {
		if signIns++; signIns == 2 || signIns == 3 {
			return simulator.JSON(503, map[string]any{"error": map[string]any{"type": "ServiceUnavailable"}})
		}
		return serve(q)
	}})
	if ended := r.rotate(run()); ended.Outcome != rotation.Changed || ended.Proof != targets.ProofStatus || strings.Contains(strings.Join(ended.Warnings, "\n"), "refused") {
		t.Errorf("%s %q", ended.Stdout, ended.Warnings)
	}
}

// TestBlockedSignIn: who is kept out for something else than the password is not told to check it.
func TestBlockedSignIn(t *testing.T) {
	r := start(t, simulated.Options{}, around{simulated.SignIn: answers(401, `{"error":{"type":"AuthenticationFailure","message":"Too many failed attempts, the address is blocked"}}`)})
	if ended := r.rotate(run()); ended.Outcome != rotation.NotChanged || strings.Contains(strings.Join(ended.Hints, "\n"), "check the access record's login") {
		t.Errorf("%s %q", ended.Stdout, ended.Hints)
	}
}

// TestUserChangedUnderTheLock: whoever held the lock has renamed the user meanwhile.
func TestUserChangedUnderTheLock(t *testing.T) {
	reads := 0
	r := start(t, simulated.Options{LockedAttempts: 1}, around{
		simulated.ReadUser: func(q *simulator.Request, serve func(*simulator.Request) simulator.Answer) simulator.Answer {
			if reads++; reads == 1 {
				return serve(q)
			}
			return simulator.JSON(200, map[string]any{"key": "14322374245a7de542bbb08", "body": map[string]any{"name": "jdoe.renamed"}})
		},
	})
	run := run()
	run.Access = map[string]any{"User Key": r.Key(user)}
	if ended := r.rotate(run); ended.Outcome != rotation.NotChanged || ended.Class != api.ClassAccount || r.Commits() != 0 || r.OpenTransactions() != 0 {
		t.Errorf("%d commits: %s", r.Commits(), ended.Stdout)
	}
}

// TestRootChangedUnderTheLock: what tells the old password from the new one is what
// the holder of the lock has left.
func TestRootChangedUnderTheLock(t *testing.T) {
	reads := 0
	r := start(t, simulated.Options{LockedAttempts: 1}, around{
		simulated.ReadRootPassword: func(*simulator.Request, func(*simulator.Request) simulator.Answer) simulator.Answer {
			reads++
			return simulator.JSON(200, map[string]any{"body": fmt.Sprintf("reference-%d", min(reads, 2))})
		},
	})
	r.server.Inject(simulator.Fault{Exchange: simulated.Commit, Kind: simulator.KindNamed("reset before")})
	// What was there before is still there, so that the commit may be sent once more.
	if ended := r.rotate(rootRun()); ended.Outcome != rotation.Unknown || ended.Writes != 2 {
		t.Error(ended.Stdout)
	}
}

// TestOwnUserAsLocal: whoever signs in as the very user must not do so again with the
// password that the commit has made the old one.
func TestOwnUserAsLocal(t *testing.T) {
	for _, test := range []struct {
		name    string
		options simulated.Options
		fields  map[string]any
		proof   targets.Proof
	}{
		{"proved", simulated.Options{}, nil, targets.ProofLogin},
		{"Verify is off", simulated.Options{}, map[string]any{"Verify": "off"}, targets.ProofAnswer},
		{"long restart", simulated.Options{UnavailableAfterCommit: 2}, nil, targets.ProofAnswer},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, test.options, nil)
			run := run()
			run.User, run.Old, run.Access = simulated.AccessUser, simulated.AccessPassword, map[string]any{"Mode": "local"}
			for label, value := range test.fields {
				run.Access[label] = value
			}
			ended := r.rotate(run)
			if ended.Outcome != rotation.Changed || ended.Proof != test.proof || r.FailedLogins(run.User) != 0 {
				t.Errorf("%d failed logins: %s", r.FailedLogins(run.User), ended.Stdout)
			}
		})
	}
}

func TestModes(t *testing.T) {
	for _, test := range []struct {
		name, user, login, mode string
		put                     string // the exchange that refers to the password
		class                   api.Class
	}{
		{"somebody else", user, simulated.AccessUser, "", simulated.UpdateUser, ""},
		{"oneself", simulated.AccessUser, simulated.AccessUser, "auto", simulated.ChangeOwnPassword, ""},
		{"root", "root", simulated.AccessUser, "Auto", simulated.SetRootPassword, ""},
		{"root by name", "root", simulated.AccessUser, "root", simulated.SetRootPassword, ""},
		{"a local user called root", "root", simulated.AccessUser, "local", simulated.UpdateUser, ""},
		{"oneself as a local user", simulated.AccessUser, simulated.AccessUser, "local", simulated.UpdateUser, ""},
		{"Root is another one", "Root", simulated.AccessUser, "", "", api.ClassAccount},
		{"somebody else by self", user, simulated.AccessUser, "self", "", api.ClassInput},
		{"somebody else by root", user, simulated.AccessUser, "root", "", api.ClassInput},
		{"which root", "root", "root", "", "", api.ClassInput},
		{"no such mode", user, simulated.AccessUser, "domain", "", api.ClassInput},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, simulated.Options{}, nil)
			run := run()
			run.User = test.user
			run.Access = map[string]any{"login": test.login}
			if test.user == simulated.AccessUser {
				run.Old = simulated.AccessPassword
			}
			if test.mode != "" {
				run.Access["Mode"] = test.mode
			}
			ended := r.rotate(run)
			if ended.Class != test.class {
				t.Fatalf("got [%s]: %s", ended.Class, ended.Message)
			}
			for _, name := range []string{simulated.UpdateUser, simulated.ChangeOwnPassword, simulated.SetRootPassword} {
				if want := name == test.put; (r.count(name) == 1) != want {
					t.Errorf("%s: %d times", name, r.count(name))
				}
			}
			if test.class == api.ClassInput && (len(r.server.Exchanges()) != 0 || !strings.Contains(ended.Message, "Mode: ")) {
				t.Errorf("%d exchanges: %s", len(r.server.Exchanges()), ended.Message)
			}
			own := test.put != "" && test.user == test.login
			if warned := strings.Contains(strings.Join(ended.Warnings, "\n"), "the access record signs in as the very user"); warned != own {
				t.Errorf("warned of a stale access record: %v", warned)
			}
		})
	}
}

// TestModeOfTheAccount: mode and key may stand on the PAM User record.
func TestModeOfTheAccount(t *testing.T) {
	r := start(t, simulated.Options{}, nil)
	run := run()
	run.User, run.Access = "root", map[string]any{"Mode": "root"}
	run.UserFields = map[string]any{"mode": "Local", "user_key": r.Key("root"), "Login Method": "radius"}
	ended := r.rotate(run)
	if ended.Outcome != rotation.Changed || !r.Accepts("root", run.New) || r.AcceptsRoot(run.New) || r.count(simulated.ListUsers) != 0 {
		t.Errorf("%v: %s", r.names(), ended.Stdout)
	}
}

// TestOwnPassword: a user who signs in for himself may have the new password already,
// and what counts as his current one is what he signs in with.
func TestOwnPassword(t *testing.T) {
	for _, test := range []struct {
		name, access, old, new string
		outcome                rotation.Outcome
		class                  api.Class
		writes, failed         int
	}{
		{"other old password in the payload", simulated.FirstPassword, "Some-0ther-password", conformance.New, rotation.Changed, "", 1, 0},
		{"no old password in the payload", simulated.FirstPassword, "", conformance.New, rotation.Changed, "", 1, 0},
		{"new one in force already", "Stale-Passw0rd", "Stale-Passw0rd", simulated.FirstPassword, rotation.Changed, "", 0, 1},
		{"neither", "Stale-Passw0rd", "Stale-Passw0rd", conformance.New, rotation.NotChanged, api.ClassCredential, 0, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, simulated.Options{}, nil)
			run := ownRun()
			run.Old, run.New = test.old, test.new
			run.Access["password"] = test.access
			ended := r.rotate(run)
			if ended.Outcome != test.outcome || ended.Class != test.class || r.stand.Writes() != test.writes || r.FailedLogins(run.User) != test.failed {
				t.Errorf("%d writes, %d failed logins: %s", r.stand.Writes(), r.FailedLogins(run.User), ended.Stdout)
			}
			if stale := strings.Contains(strings.Join(ended.Warnings, "\n"), "put the new password into it"); stale != (test.outcome == rotation.Changed) {
				t.Errorf("warnings %q", ended.Warnings)
			}
		})
	}
}

// TestOwnOldPassword: the old password that settles an uncertain commit is the one
// that signed in, whatever the payload says.
func TestOwnOldPassword(t *testing.T) {
	r := start(t, simulated.Options{}, nil)
	r.server.Inject(simulator.Fault{Exchange: simulated.Commit, Occurrence: 1, Kind: simulator.KindNamed("reset before")})
	run := ownRun()
	run.Old = "Some-0ther-password"
	if ended := r.rotate(run); ended.Outcome != rotation.Changed || ended.Writes != 2 || r.FailedLogins(run.User) != 1 {
		t.Errorf("%d failed logins: %s", r.FailedLogins(run.User), ended.Stdout)
	}
}

// TestRefusedForAnotherReason: a 401 that does not say AuthenticationFailure shows
// nothing about the password.
func TestRefusedForAnotherReason(t *testing.T) {
	for _, kind := range []string{"Unauthenticated", "AuthenticationFailure"} {
		signIns := 0
		r := start(t, simulated.Options{}, around{
			simulated.SignIn: func(q *simulator.Request, serve func(*simulator.Request) simulator.Answer) simulator.Answer {
				if signIns++; signIns == 1 {
					return serve(q)
				}
				return simulator.JSON(401, map[string]any{"error": map[string]any{"type": kind}})
			},
		})
		want := rotation.Unknown
		if kind == "Unauthenticated" {
			want = rotation.Changed
		}
		if ended := r.rotate(ownRun()); ended.Outcome != want || want == rotation.Changed && ended.Proof != targets.ProofAnswer {
			t.Errorf("%s: %s", kind, ended.Stdout)
		}
	}
}

func TestUncertainCommit(t *testing.T) {
	const faultOnly, read = "", simulated.ReadTransaction
	without := func() conformance.Run {
		run := run()
		run.User = simulated.NoRESTUser
		return run
	}
	for _, test := range []struct {
		name    string
		kind    string
		every   bool // the fault meets every commit
		run     conformance.Run
		options simulated.Options
		more    string // the exchange of a further fault, which fails every time
		outcome rotation.Outcome
		class   api.Class
		proof   targets.Proof
		failed  int
		drops   int // how often a roll-back was sent
	}{
		{"lost, local", "drop before", false, run(), simulated.Options{}, faultOnly, rotation.Changed, "", targets.ProofLogin, 1, 1},
		{"lost, self", "502 before", false, ownRun(), simulated.Options{}, faultOnly, rotation.Changed, "", targets.ProofLogin, 1, 1},
		{"lost, self, no login to tell", "502 before", false, with(ownRun(), map[string]any{"Verify": "off"}), simulated.Options{}, faultOnly, rotation.Changed, "", targets.ProofAnswer, 0, 1},
		{"lost, root", "empty 200 before", false, rootRun(), simulated.Options{}, faultOnly, rotation.Changed, "", targets.ProofStatus, 0, 1},
		{"unreadable", "empty 200 before", false, run(), simulated.Options{}, faultOnly, rotation.Changed, "", targets.ProofLogin, 1, 1},
		{"redirect", "redirect 307 before", false, run(), simulated.Options{}, faultOnly, rotation.Changed, "", targets.ProofLogin, 1, 1},
		{"conflict, root", "echo 409 before", false, rootRun(), simulated.Options{}, faultOnly, rotation.Changed, "", targets.ProofStatus, 0, 1},
		{"user without REST", "reset before", false, without(), simulated.Options{RequireREST: true}, faultOnly, rotation.Changed, "", targets.ProofStatus, 2, 1},

		{"refused, still open", "echo 403 before", false, run(), simulated.Options{}, faultOnly, rotation.NotChanged, api.ClassPermission, "", 0, 1},
		{"refused, who knows", "echo 403 before", false, run(), simulated.Options{}, read, rotation.NotChanged, api.ClassPermission, "", 1, 1},

		{"lost every time, local", "drop before", true, run(), simulated.Options{}, faultOnly, rotation.Unknown, api.ClassNetwork, "", 1, 2},
		{"lost every time, self", "502 before", true, ownRun(), simulated.Options{}, faultOnly, rotation.Unknown, api.ClassTarget, "", 1, 2},
		{"lost every time, root", "empty 200 before", true, rootRun(), simulated.Options{}, faultOnly, rotation.Unknown, api.ClassTarget, "", 0, 2},
		{"locked out after the first login", "reset before", true, run(), simulated.Options{LockOutAfter: 1, LockOutStatus: 403}, faultOnly, rotation.Unknown, api.ClassNetwork, "", 1, 2},
		{"locked out like a wrong password", "reset before", true, run(), simulated.Options{LockOutAfter: 1}, faultOnly, rotation.Unknown, api.ClassNetwork, "", 1, 2},
		{"locked out, self", "reset before", true, ownRun(), simulated.Options{LockOutAfter: 1, LockOutStatus: 403}, faultOnly, rotation.Unknown, api.ClassNetwork, "", 2, 1},

		{"committed, local", "drop after", false, run(), simulated.Options{}, faultOnly, rotation.Changed, "", targets.ProofLogin, 0, 1},
		{"committed, self", "504 after", false, ownRun(), simulated.Options{}, faultOnly, rotation.Changed, "", targets.ProofLogin, 0, 1},
		{"committed, root", "HTML 200 after", false, rootRun(), simulated.Options{}, faultOnly, rotation.Changed, "", targets.ProofStatus, 0, 1},
		{"committed, cut", "cut JSON after", false, run(), simulated.Options{}, read, rotation.Changed, "", targets.ProofLogin, 0, 3},
		{"committed, user without REST", "reset after", false, without(), simulated.Options{RequireREST: true}, faultOnly, rotation.Changed, "", targets.ProofStatus, 1, 1},
		// Two faults in one run: the try of the new password breaks, and the old one is rejected.
		// Who has what is stored then decides, since both sign-ins are spent.
		{"committed, restart", "drop after", false, run(), simulated.Options{CommitEndsSessions: true, UnavailableAfterCommit: 1}, faultOnly, rotation.Changed, "", targets.ProofStatus, 1, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, test.options, nil)
			fault := simulator.Fault{Exchange: simulated.Commit, Occurrence: 1, Kind: simulator.KindNamed(test.kind)}
			if test.every {
				fault.Occurrence = 0
			}
			r.server.Inject(fault)
			if test.more != "" {
				r.server.Inject(simulator.Fault{Exchange: test.more, Kind: simulator.KindNamed("500 before")})
			}
			ended := r.rotate(test.run)
			for _, fault := range test.run.Faults(conformance.SPS(), r.stand, ended) {
				t.Error(fault)
			}
			if ended.Outcome != test.outcome || ended.Class != test.class || ended.Proof != test.proof {
				t.Errorf("got %s [%s] by %q: %s", ended.Outcome, ended.Class, ended.Proof, ended.Message)
			}
			if r.FailedLogins(test.run.User) != test.failed || r.count(simulated.RollBack) != test.drops || r.OpenTransactions() != 0 {
				t.Errorf("%d failed logins, %d roll-backs, %d open: %v", r.FailedLogins(test.run.User), r.count(simulated.RollBack), r.OpenTransactions(), r.names())
			}
		})
	}
}

// TestCommitEndsAfterAll: SPS says that it dropped the transaction, and commits it all
// the same. What the program says must be what is so.
func TestCommitEndsAfterAll(t *testing.T) {
	var commit func()
	r := start(t, simulated.Options{}, around{
		simulated.Commit: func(r *simulator.Request, serve func(*simulator.Request) simulator.Answer) simulator.Answer {
			commit = func() { serve(r) }
			return simulator.Answer{Status: 504}
		},
		simulated.RollBack: func(*simulator.Request, func(*simulator.Request) simulator.Answer) simulator.Answer {
			commit()
			return simulator.JSON(200, map[string]any{"transaction": map[string]any{"status": "closed"}})
		},
	})
	// The account refers to the new password then, so that nothing is sent again.
	if ended := r.rotate(run()); ended.Outcome != rotation.Changed || ended.Writes != 1 {
		t.Error(ended.Stdout)
	}
}

// TestCommitEndsInARestart: the same, and nobody can look what has become of it.
func TestCommitEndsInARestart(t *testing.T) {
	var commit func()
	r := start(t, simulated.Options{UnavailableAfterCommit: 9}, around{
		simulated.Commit: func(r *simulator.Request, serve func(*simulator.Request) simulator.Answer) simulator.Answer {
			commit = func() { serve(r) }
			return simulator.Answer{Status: 504}
		},
		simulated.RollBack: func(*simulator.Request, func(*simulator.Request) simulator.Answer) simulator.Answer {
			commit()
			return simulator.JSON(200, map[string]any{"transaction": map[string]any{"status": "closed"}})
		},
	})
	if ended := r.rotate(run()); ended.Outcome != rotation.Unknown {
		t.Error(ended.Stdout)
	}
}

// TestRollBack: the lock is given back even if that takes more than one try.
func TestRollBack(t *testing.T) {
	always := func(exchange, kind string) simulator.Fault {
		return simulator.Fault{Exchange: exchange, Kind: simulator.KindNamed(kind)}
	}
	once := func(exchange, kind string) simulator.Fault {
		return simulator.Fault{Exchange: exchange, Occurrence: 1, Kind: simulator.KindNamed(kind)}
	}
	for _, test := range []struct {
		name   string
		faults []simulator.Fault
		drops  int
		left   int
		warned bool
	}{
		{"open never answered", []simulator.Fault{always(simulated.OpenTransaction, "drop after")}, 3, 0, false},
		{"open never arrived", []simulator.Fault{always(simulated.OpenTransaction, "drop before")}, 3, 0, false},
		{"password lost", []simulator.Fault{always(simulated.CreatePassword, "drop after")}, 3, 0, false},
		{"password cut", []simulator.Fault{always(simulated.CreatePassword, "cut JSON after")}, 3, 0, false},
		{"user refused", []simulator.Fault{always(simulated.UpdateUser, "echo 404 before")}, 1, 0, false},
		{"first roll-back lost", []simulator.Fault{always(simulated.UpdateUser, "500 before"), once(simulated.RollBack, "drop before")}, 4, 0, false},
		{"first roll-back refused", []simulator.Fault{always(simulated.UpdateUser, "500 before"), once(simulated.RollBack, "echo 409 before")}, 4, 0, false},
		{"first roll-back is a web page", []simulator.Fault{always(simulated.UpdateUser, "500 before"), once(simulated.RollBack, "HTML 200 before")}, 4, 0, false},
		{"first roll-back's answer lost", []simulator.Fault{always(simulated.UpdateUser, "500 before"), once(simulated.RollBack, "drop after")}, 3, 0, false},
		// No other try after a close that failed; the last one of the run tries three times more.
		{"never", []simulator.Fault{always(simulated.UpdateUser, "500 before"), always(simulated.RollBack, "500 before")}, 6, 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, simulated.Options{}, nil)
			for _, fault := range test.faults {
				r.server.Inject(fault)
			}
			ended := r.rotate(run())
			if ended.Outcome != rotation.NotChanged || r.stand.Writes() != 0 {
				t.Errorf("%d writes: %s", r.stand.Writes(), ended.Stdout)
			}
			if r.count(simulated.RollBack) != test.drops || r.OpenTransactions() != test.left {
				t.Errorf("%d roll-backs, %d open: %v", r.count(simulated.RollBack), r.OpenTransactions(), r.names())
			}
			if warned := strings.Contains(strings.Join(ended.Warnings, "\n"), "roll back the transaction"); warned != test.warned {
				t.Errorf("warnings %q", ended.Warnings)
			}
		})
	}
}

// TestAnswers: what SPS has not said is not taken for granted.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name    string
		run     conformance.Run
		around  around
		outcome rotation.Outcome
		message string
	}{
		{"open without a status", run(), around{simulated.OpenTransaction: answers(201, `{"meta":{}}`)}, rotation.Changed, "a login"},
		{"open without a body", run(), around{simulated.OpenTransaction: answers(204, ``)}, rotation.Changed, "a login"},
		{"open with an empty 201", run(), around{simulated.OpenTransaction: answers(201, ``)}, rotation.Changed, "a login"},
		{"open with an empty 202", run(), around{simulated.OpenTransaction: answers(202, ``)}, rotation.NotChanged, "the answer is 202"},
		{"one user gone since the list was made", run(), around{simulated.ReadUser: once(simulator.JSON(404, map[string]any{"error": map[string]any{"type": "NotFound"}}))}, rotation.Changed, "a login"},
		{"all users gone", run(), around{simulated.ReadUser: answers(404, `{"error":{"type":"NotFound"}}`)}, rotation.NotChanged, "no local user has this name"},
		{"open says closed", run(), around{simulated.OpenTransaction: answers(200, `{"body":{"status":"closed"}}`)}, rotation.NotChanged, "does not say that the transaction is open"},
		{"open says error", run(), around{simulated.OpenTransaction: answers(200, `{"error":{"type":"x"},"body":{"status":"open"}}`)}, rotation.NotChanged, "says that it failed"},
		{"session over at the transaction", run(), around{simulated.OpenTransaction: once(simulator.JSON(401, map[string]any{"error": map[string]any{"type": "Unauthenticated"}}))}, rotation.Changed, "after a second try"},
		{"session over every time", run(), around{simulated.OpenTransaction: answers(401, `{"error":{"type":"Unauthenticated"}}`)}, rotation.NotChanged, "does not know the session"},
		{"open says no error", run(), around{simulated.OpenTransaction: answers(200, `{"error":[],"body":{"status":"open"}}`)}, rotation.Changed, "a login"},
		{"commit says an empty error", run(), around{simulated.Commit: answers(200, `{"error":"","transaction":{"status":"closed"}}`)}, rotation.Changed, "by a login"},
		{"password without a reference", run(), around{simulated.CreatePassword: answers(201, `{"meta":{}}`)}, rotation.NotChanged, "no reference"},
		{"password without a body", run(), around{simulated.CreatePassword: answers(204, ``)}, rotation.NotChanged, "no reference"},
		{"commit without a body", run(), around{simulated.Commit: answers(204, ``)}, rotation.Changed, "a login"},
		{"commit with an empty body", run(), around{simulated.Commit: answers(200, ``)}, rotation.Changed, "after an unclear answer"},
		{"commit says open", run(), around{simulated.Commit: answers(200, `{"transaction":{"status":"open"}}`)}, rotation.Changed, "after an unclear answer"},
		{"list is a list", run(), around{simulated.ListUsers: answers(200, `[]`)}, rotation.NotChanged, "not a JSON object"},
		{"list is empty", run(), around{simulated.ListUsers: answers(200, `{"items":[]}`)}, rotation.NotChanged, "no local user"},
		{"list without keys", run(), around{simulated.ListUsers: answers(200, `{"items":[{"meta":{"href":"x"}}]}`)}, rotation.NotChanged, "usable key"},
		{"list leads elsewhere", run(), around{simulated.ListUsers: answers(200, `{"items":[{"key":".."}]}`)}, rotation.NotChanged, "usable key"},
		{"user without a body", run(), around{simulated.ReadUser: answers(200, `{"key":"14322374245a7de542bbb01"}`)}, rotation.NotChanged, "no user in it"},
		{"user of another key", run(), around{simulated.ReadUser: answers(200, `{"key":"14322374245a7de542bbb07","body":{"name":"jdoe"}}`)}, rotation.NotChanged, "another user"},
		{"root's reference is not shown", rootRun(), around{simulated.ReadRootPassword: answers(200, `{"key":"root_password","body":{"hash":"x"}}`)}, rotation.Changed, "confirmed by"},
		{"root's reference is another one", rootRun(), around{simulated.ReadRootPassword: answers(200, `{"body":"11111111-2222"}`)}, rotation.Unknown, "rejected afterwards"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, simulated.Options{}, test.around)
			ended := r.rotate(test.run)
			for _, fault := range test.run.Faults(conformance.SPS(), r.stand, ended) {
				t.Error(fault)
			}
			if ended.Outcome != test.outcome || !strings.Contains(ended.Message, test.message) || r.OpenTransactions() != 0 {
				t.Errorf("got %s, %d open: %s", ended.Outcome, r.OpenTransactions(), ended.Message)
			}
		})
	}
}

// TestPasswordObjectIsHandedOutTwice: the reference that is in force already would prove
// any commit, also one that never arrived.
func TestPasswordObjectIsHandedOutTwice(t *testing.T) {
	for name, run := range map[string]conformance.Run{simulated.ReadRootPassword: rootRun(), simulated.ReadUser: run()} {
		t.Run(name, func(t *testing.T) {
			var inForce string
			r := start(t, simulated.Options{}, around{
				name: func(r *simulator.Request, serve func(*simulator.Request) simulator.Answer) simulator.Answer {
					answer := serve(r)
					var shown struct{ Body json.RawMessage }
					_ = json.Unmarshal(answer.Body, &shown)
					inForce = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]+`).FindString(string(shown.Body))
					return answer
				},
				simulated.CreatePassword: func(r *simulator.Request, serve func(*simulator.Request) simulator.Answer) simulator.Answer {
					serve(r)
					return simulator.JSON(201, map[string]any{"key": inForce})
				},
			})
			ended := r.rotate(run)
			if ended.Outcome != rotation.NotChanged || !strings.Contains(ended.Message, "in force already") || r.stand.Writes() != 0 || r.OpenTransactions() != 0 {
				t.Errorf("%q: %d writes, %d open: %s", inForce, r.stand.Writes(), r.OpenTransactions(), ended.Stdout)
			}
		})
	}
}

// TestSomebodyElseSetsRoot: between the commit and the look another one changes the
// password too. What the vault is about to hold is not in force.
func TestSomebodyElseSetsRoot(t *testing.T) {
	reads := 0
	r := start(t, simulated.Options{}, around{
		simulated.ReadRootPassword: func(q *simulator.Request, serve func(*simulator.Request) simulator.Answer) simulator.Answer {
			if reads++; reads > 1 {
				return simulator.JSON(200, map[string]any{"body": "11111111-2222"})
			}
			return serve(q)
		},
	})
	ended := r.rotate(rootRun())
	if ended.Outcome != rotation.Unknown || !strings.Contains(ended.Message, "neither the old nor the new one") {
		t.Errorf("%s%q", ended.Stdout, ended.Warnings)
	}
}

// TestManyUsers: the search ends somewhere, and a key needs none.
func TestManyUsers(t *testing.T) {
	r := start(t, simulated.Options{}, nil)
	for i := range 500 {
		r.Add(simulated.User{Key: fmt.Sprintf("k%d", i), Name: fmt.Sprintf("user%d", i), REST: true, Password: simulated.FirstPassword})
	}
	run := run()
	run.User = "user499"
	ended := r.rotate(run)
	if ended.Outcome != rotation.NotChanged || ended.Class != api.ClassAccount || r.count(simulated.ReadUser) != 500 || r.count(simulated.OpenTransaction) != 0 {
		t.Errorf("%d users read: %s", r.count(simulated.ReadUser), ended.Stdout)
	}
	run.UserFields = map[string]any{"User Key": "k499"}
	if ended := r.rotate(run); ended.Outcome != rotation.Changed {
		t.Error(ended.Stdout)
	}
}

// TestPasswords: what SPS cannot take is refused offline, and all of the rest goes.
func TestPasswords(t *testing.T) {
	const marks = " !\"#$%&'()*+,-./:;<=>?@[]\\^`{}_|"
	for _, password := range []string{marks + "aA1", strings.Repeat("aA1-x", 30)} {
		r := start(t, simulated.Options{}, nil)
		run := run()
		run.New = password
		if ended := r.rotate(run); ended.Outcome != rotation.Changed || !r.Accepts(user, password) {
			t.Errorf("%q: %s", password, ended.Stdout)
		}
	}
	for _, password := range []string{"aA1-~x", "aA1-ü", "aA1\t", "aA1\x7f", "aA1-\n", strings.Repeat("a", 151)} {
		r := start(t, simulated.Options{}, nil)
		run := run()
		run.New = password
		if ended := r.rotate(run); ended.Outcome != rotation.NotChanged || ended.Class != api.ClassPolicy || len(r.server.Exchanges()) != 0 {
			t.Errorf("%q: %d exchanges: %s", password, len(r.server.Exchanges()), ended.Stdout)
		}
	}
}

func TestFaultsOfFields(t *testing.T) {
	for name, test := range map[string]struct {
		user   string
		fields map[string]any
		labels []string
	}{
		"nothing at all":      {user, map[string]any{"url": nil, "login": nil, "password": nil}, []string{"url", "login", "password"}},
		"all at once":         {"j:doe", map[string]any{"url": "http://127.0.0.1", "login": "a:canary", "User Key": "..", "Mode": "canary", "Lock Wait": "0"}, []string{"url", "login", "user", "User Key", "Mode", "Lock Wait"}},
		"control character":   {"j\x01doe", nil, []string{"user"}},
		"key with a line end": {user, map[string]any{"User Key": "a\u0000b"}, []string{"User Key"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, simulated.Options{}, nil)
			run := run()
			run.User, run.Access = test.user, test.fields
			ended := r.rotate(run)
			if ended.Outcome != rotation.NotChanged || ended.Class != api.ClassInput || len(r.server.Exchanges()) != 0 || strings.Contains(ended.Stdout+ended.Stderr, "canary") {
				t.Errorf("%d exchanges: %s", len(r.server.Exchanges()), ended.Stdout)
			}
			for _, label := range test.labels {
				if !strings.Contains(ended.Message, label+": ") {
					t.Errorf("%s is not reported: %s", label, ended.Message)
				}
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	r := start(t, simulated.Options{}, nil)
	r.judge(run())
	host := r.server.Host()
	for _, address := range []string{
		host, host + "/", "https://" + host, " https://" + host + "/api ", "https://" + host + "/api/configuration/", "https://" + host + "/index.php?x=1#/users", "HTTPS://" + host,
	} {
		run := run()
		run.Access = map[string]any{"url": address}
		if ended := run.Check(r.stand); ended.Class != "" {
			t.Errorf("%s: %s", address, ended.Stdout)
		}
	}
	for _, address := range []string{"https://" + host + "/api/authentication", "https://" + host + "/api/configuration/aaa"} {
		run := run()
		run.Access = map[string]any{"url": address, "Target": nil}
		if ended := run.Check(r.stand); ended.Class != "" || ended.Target != "sps" {
			t.Errorf("%s: %s", address, ended.Stdout)
		}
	}
	for _, address := range []string{"http://" + host, "https://user:canary@" + host, "ftp://" + host, "https://", "https://" + host + "0000"} {
		run := run()
		run.Access = map[string]any{"url": address}
		if ended := run.Check(r.stand); ended.Class != api.ClassInput || strings.Contains(ended.Stdout, "canary") {
			t.Errorf("%s: %s", address, ended.Stdout)
		}
	}
}

// TestSignInIsSentWithoutSession: a session on the proof would let any password in.
func TestSignInIsSentWithoutSession(t *testing.T) {
	r := start(t, simulated.Options{}, nil)
	if ended := r.rotate(run()); ended.Outcome != rotation.Changed {
		t.Fatal(ended.Stdout)
	}
	for _, exchange := range r.server.Exchanges() {
		if signIn := exchange.Name == simulated.SignIn; (exchange.Header.Get("Cookie") == "") != signIn || (exchange.Header.Get("Authorization") != "") != signIn {
			t.Errorf("%s %s: cookie or authorization out of place", exchange.Method, exchange.Name)
		}
	}
}
