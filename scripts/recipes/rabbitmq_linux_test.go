package recipes_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
)

// leastPassword is the length in bytes that the broker's rule on passwords asks for.
const leastPassword = 6

// build makes the real program in a directory of its own.
func build(t *testing.T) string {
	t.Helper()
	// Another process reads the sources. Looking at them here, too, keeps go test from
	// taking an old result for theirs.
	for _, sources := range []string{"../../cmd/pam-rotate-script", "../../internal", "."} {
		check(t, filepath.WalkDir(sources, func(_ string, _ fs.DirEntry, err error) error { return err }))
	}
	binary := filepath.Join(t.TempDir(), "pam-rotate-script")
	command := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-o", binary, "pam-rotate-script/cmd/pam-rotate-script")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, output)
	}
	return binary
}

// noSecret fails the test if one of the secrets was printed.
func noSecret(t *testing.T, end ended, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if form := conformance.FindSecret(end.stdout+end.stderr, secret); form != "" {
			t.Errorf("a secret was printed, %s:\n%s%s", form, end.stdout, end.stderr)
		}
	}
}

// TestRabbitMQ rotates real users of a real broker with the real program.
func TestRabbitMQ(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	var overview struct {
		Version string `json:"rabbitmq_version"`
	}
	check(t, json.Unmarshal(b.ask(t, "GET", "/api/overview", nil, 200), &overview))
	t.Logf("RabbitMQ %s", overview.Version)
	g := gateway{build(t), b}

	t.Run("running", func(t *testing.T) { // until all of these are over
		for name, test := range map[string]func(*testing.T, gateway){
			"users":              testUsers,
			"names":              testNames,
			"passwords":          testPasswords,
			"refusals":           testRefusals,
			"check":              testCheck,
			"the caller itself":  testCallerItself,
			"deleted in between": testDeletedInBetween,
			"the answer is lost": testAnswerLost,
			"the write is lost":  testWriteLost,

			"the write is lost once": testWriteLostOnce,
			"strict":                 testStrict,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, g)
			})
		}
	})
	t.Run("stopped during the write", func(t *testing.T) { testStopped(t, g) })
	t.Run("killed after the write", func(t *testing.T) { testKilledAfter(t, g) })
	t.Run("killed before the write", func(t *testing.T) { testKilledBefore(t, g) })
}

// state is all that the broker shows of a user, but for the hash of the password.
func (b *broker) state(t *testing.T, user string) map[string]any {
	t.Helper()
	state := map[string]any{}
	for _, part := range []string{"", "/permissions"} {
		var value any
		check(t, json.Unmarshal(b.ask(t, "GET", userPath(user)+part, nil, 200), &value))
		if object, ok := value.(map[string]any); ok {
			delete(object, "password_hash")
		}
		state[part] = value
	}
	return state
}

// testUsers: with several tags, with one, with none and with one that means nothing to the
// broker, a user gets the new password and keeps everything else.
func testUsers(t *testing.T, g gateway) {
	for name, tags := range map[string][]string{
		"shop": {"monitoring", "policymaker"}, "one": {"management"}, "plain": {}, "custom": {"vip, gold", "it's \"1\""}, "boss": {"administrator"},
	} {
		t.Run(name, func(t *testing.T) {
			g.broker.add(t, name, conformance.Old, tags...)
			g.broker.ask(t, "PUT", "/api/permissions/%2F/"+name, map[string]any{"configure": "^a", "write": `b\..*`, "read": ""}, 201)
			g.broker.ask(t, "PUT", "/api/user-limits/"+name+"/max-connections", map[string]any{"value": 7}, 204)
			before := g.broker.state(t, name)
			end := g.run(t, run{user: name, old: conformance.Old, new: conformance.New})
			end.expect(t, 0, "changed", "")
			if !strings.Contains(end.stdout, "proved by a login") || strings.Contains(end.stderr, "warn") {
				t.Errorf("not proved, or with a warning:\n%s%s", end.stdout, end.stderr)
			}
			g.broker.inForce(t, name, conformance.New, conformance.Old)
			if after := g.broker.state(t, name); !reflect.DeepEqual(before, after) || !strings.Contains(fmt.Sprint(after), "max-connections:7") {
				t.Errorf("the user was %v and is %v", before, after)
			}
			// The same again does no harm, and there is a way back.
			g.run(t, run{user: name, old: conformance.Old, new: conformance.New}).expect(t, 0, "changed", "")
			g.run(t, run{user: name, old: conformance.New, new: conformance.Old}).expect(t, 0, "changed", "")
			if status, answer := g.broker.whoami(t, name, conformance.Old); status != 200 && !strings.Contains(answer, "Not management user") {
				t.Errorf("the old password is not back: %d %s", status, answer)
			}
		})
	}
}

// testNames: each of these names addresses its own user and no other.
func testNames(t *testing.T, g gateway) {
	names := []string{
		"a b", "a/b", "a%b", "a%2Fb", "a%20b", "a+b", "äöü ß", "a\u0308b", "\u00e4b", "Case", "case", "a;b", "a?b#c", "a&b=c", `a"b\c`, "密🔑",
		"*", "...", "a,b", "jane@example.com", "{user}", "${HOME}", "user|name", strings.Repeat("n", 200),
	}
	var logins []login
	for i, name := range names {
		g.broker.add(t, name, fmt.Sprint(conformance.Old, i))
	}
	for i, name := range names {
		new := fmt.Sprint(conformance.New, i)
		g.run(t, run{user: name, old: fmt.Sprint(conformance.Old, i), new: new}).expect(t, 0, "changed", "")
		logins = append(logins, login{name, new})
	}
	for i, accepted := range g.broker.accepts(t, logins...) {
		if !accepted {
			t.Errorf("%q does not have its new password", names[i])
		}
	}
	// Names that cannot be told by a path or in HTTP Basic authentication, and those that look like
	// others.
	for _, name := range []string{"a:b", "..", ".", " blank "} {
		if name == "a:b" {
			g.broker.add(t, name, conformance.Old)
		}
		g.run(t, run{user: name, old: conformance.Old, new: conformance.New}).expect(t, 1, "not-changed", "input")
	}
	if !g.broker.accepts(t, login{"a:b", conformance.Old})[0] {
		t.Error("a:b does not have its old password any more")
	}
}

// testPasswords: hostile passwords are set byte for byte, or refused by the broker's rule on
// their length.
func testPasswords(t *testing.T, g gateway) {
	var logins []login
	set, refused := 0, 0
	for i, sample := range conformance.PasswordSamples() {
		if i%6 != 0 || sample.Text == "" || params.PasswordFault(secret.New(sample.Text)) != "" { // those are refused before anything is sent
			continue
		}
		user := fmt.Sprint("password-", i)
		g.broker.add(t, user, conformance.Old)
		end := g.run(t, run{user: user, old: conformance.Old, new: sample.Text})
		current := sample.Text
		switch {
		case len(sample.Text) < leastPassword:
			end.expect(t, 1, "not-changed", "policy")
			current = conformance.Old
			refused++
		default:
			end.expect(t, 0, "changed", "")
			set++
		}
		logins = append(logins, login{user, current})
	}
	for i, accepted := range g.broker.accepts(t, logins...) {
		if !accepted {
			t.Errorf("%s: %q is not in force", logins[i].user, logins[i].password)
		}
	}
	t.Logf("%d were set, %d refused", set, refused)
	if set < 40 || refused < 5 {
		t.Error("these are too few")
	}
}

// testRefusals: what the broker refuses changes nothing, and makes no user.
func testRefusals(t *testing.T, g gateway) {
	b := g.broker
	b.add(t, "refused", conformance.Old, "management")
	b.add(t, "monitor", "Mq2-canary.monitor", "monitoring")
	b.add(t, "bystander", "Mq2-canary.bystander")
	b.add(t, "foreign tag", conformance.Old, "Blå")
	for _, test := range []struct {
		name   string
		run    run
		class  string
		secret string
	}{
		{"wrong credential", run{access: map[string]any{"password": "Mq2-canary.wrong"}}, "credential", "Mq2-canary.wrong"},
		{"unknown caller", run{access: map[string]any{"login": "nobody"}}, "credential", ""},
		{"caller without the right", run{access: map[string]any{"login": "monitor", "password": "Mq2-canary.monitor"}}, "permission", "Mq2-canary.monitor"},
		{"caller without any tag", run{access: map[string]any{"login": "bystander", "password": "Mq2-canary.bystander"}}, "permission", "Mq2-canary.bystander"},
		{"unknown user", run{user: "nobody at all"}, "account", ""},
		{"name in another case", run{user: "Refused"}, "account", ""},
		{"password that is too short", run{new: "Ab1!"}, "policy", "Ab1!"},
		{"user who is not allowed", run{access: map[string]any{"Allowed Users": "shop, one"}}, "permission", ""},
		{"broker that is not trusted", run{access: map[string]any{"CA Certificate": ""}}, "tls", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := test.run
			r.old = conformance.Old
			if r.user == "" {
				r.user = "refused"
			}
			if r.new == "" {
				r.new = conformance.New
			}
			end := g.run(t, r)
			end.expect(t, 1, "not-changed", test.class)
			noSecret(t, end, test.secret)
			if r.user != "refused" {
				b.ask(t, "GET", userPath(r.user), nil, 404)
			}
		})
	}
	b.inForce(t, "refused", conformance.Old, conformance.New)

	before := b.state(t, "foreign tag")
	g.run(t, run{user: "foreign tag", old: conformance.Old, new: conformance.New}).expect(t, 1, "not-changed", "account")
	if after := b.state(t, "foreign tag"); !reflect.DeepEqual(before, after) {
		t.Errorf("the user was %v and is %v", before, after)
	}
}

// testCheck: the verb check finds the user and writes nothing.
func testCheck(t *testing.T, g gateway) {
	g.broker.add(t, "checked", conformance.Old, "management")
	before := string(g.broker.ask(t, "GET", userPath("checked"), nil, 200))
	end := g.run(t, run{user: "checked", old: conformance.Old, new: conformance.New, arguments: "check"})
	if end.exit != 1 || !strings.HasPrefix(end.stdout, "ready: rabbitmq checked") || strings.Count(end.stdout, "<- the write") != 1 {
		t.Errorf("exit %d\n%s%s", end.exit, end.stdout, end.stderr)
	}
	end = g.run(t, run{user: "not there", old: conformance.Old, new: conformance.New, arguments: "check"})
	end.expect(t, 1, "not-ready", "account")
	if after := string(g.broker.ask(t, "GET", userPath("checked"), nil, 200)); after != before {
		t.Errorf("the user was %s and is %s", before, after)
	}
}

// testCallerItself: the access record's own user gets the new password, and a word of warning.
func testCallerItself(t *testing.T, g gateway) {
	g.broker.add(t, "caller", conformance.Old, "administrator")
	end := g.run(t, run{user: "caller", old: conformance.Old, new: conformance.New, access: map[string]any{"login": "caller", "password": conformance.Old}})
	end.expect(t, 0, "changed", "")
	if !strings.Contains(end.stderr, "the access record signs in as the very user that is rotated") {
		t.Errorf("there is no warning:\n%s", end.stderr)
	}
	g.broker.inForce(t, "caller", conformance.New, conformance.Old)
}

// testDeletedInBetween: the write makes a user anew that was deleted behind the look-up.
// There is no call that would not.
func testDeletedInBetween(t *testing.T, g gateway) {
	b := g.broker
	b.add(t, "deleted", conformance.Old, "management")
	proxy := b.proxy(t, func(request *http.Request, forward func() *answer) *answer {
		if isWrite(request) {
			if status, _, err := b.try("DELETE", userPath("deleted"), nil, administrator, administratorPassword); err != nil || status != 204 {
				t.Errorf("deleting the user: %d %v", status, err)
			}
		}
		return forward()
	})
	end := g.run(t, run{user: "deleted", old: conformance.Old, new: conformance.New, access: map[string]any{"url": proxy.URL}})
	end.expect(t, 0, "changed", "")
	if !strings.Contains(end.stderr, "created anew without permissions") {
		t.Errorf("there is no warning:\n%s", end.stderr)
	}
	b.inForce(t, "deleted", conformance.New, conformance.Old)
}

// testAnswerLost: the broker has done it, and the answer does not come.
func testAnswerLost(t *testing.T, g gateway) {
	for name, tags := range map[string][]string{"lost answer": {"policymaker"}, "lost answer, no tag": nil} {
		g.broker.add(t, name, conformance.Old, tags...)
		var writes atomic.Int64
		proxy := g.broker.proxy(t, func(request *http.Request, forward func() *answer) *answer {
			given := forward()
			if isWrite(request) {
				writes.Add(1)
				return nil
			}
			return given
		})
		end := g.run(t, run{user: name, old: conformance.Old, new: conformance.New, access: map[string]any{"url": proxy.URL}})
		end.expect(t, 0, "changed", "")
		if !strings.Contains(end.stdout, "proved by a login after an unclear answer") || writes.Load() != 1 {
			t.Errorf("%s: %d writes\n%s", name, writes.Load(), end.stdout)
		}
		g.broker.inForce(t, name, conformance.New, conformance.Old)
	}
}

// testWriteLost: the write never reaches the broker, which may have it yet for all that the program
// can know.
func testWriteLost(t *testing.T, g gateway) {
	for name, tags := range map[string][]string{"lost write": {"monitoring"}, "lost write, no tag": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for the settling time
			g.broker.add(t, name, conformance.Old, tags...)
			proxy := g.broker.proxy(t, func(request *http.Request, forward func() *answer) *answer {
				if isWrite(request) {
					return nil
				}
				return forward()
			})
			g.run(t, run{user: name, old: conformance.Old, new: conformance.New, access: map[string]any{"url": proxy.URL}}).expect(t, 3, "unknown", "network")
			g.broker.inForce(t, name, conformance.Old, conformance.New)
		})
	}
}

// testWriteLostOnce: the recipe says that a repeat does no harm, so the run heals.
func testWriteLostOnce(t *testing.T, g gateway) {
	g.broker.add(t, "lost once", conformance.Old, "monitoring")
	var writes atomic.Int64
	proxy := g.broker.proxy(t, func(request *http.Request, forward func() *answer) *answer {
		if isWrite(request) && writes.Add(1) == 1 {
			return nil
		}
		return forward()
	})
	end := g.run(t, run{user: "lost once", old: conformance.Old, new: conformance.New, access: map[string]any{"url": proxy.URL}})
	end.expect(t, 0, "changed", "")
	if !strings.Contains(end.stdout, "after a second try") || writes.Load() != 2 {
		t.Errorf("%d writes\n%s", writes.Load(), end.stdout)
	}
	g.broker.inForce(t, "lost once", conformance.New, conformance.Old)
}

// testStrict: neither the payload's old password nor a proof is needed for a plain success, and
// Verify = strict takes the proof for granted.
func testStrict(t *testing.T, g gateway) {
	g.broker.add(t, "strict", conformance.Old)
	g.run(t, run{user: "strict", new: conformance.New, access: map[string]any{"Verify": "strict"}}).expect(t, 0, "changed", "")
	g.broker.inForce(t, "strict", conformance.New, conformance.Old)
	end := g.run(t, run{user: "strict", new: conformance.Old, access: map[string]any{"Verify": "off"}})
	end.expect(t, 0, "changed", "")
	if !strings.Contains(end.stdout, "confirmed by RabbitMQ's answer") {
		t.Error(end.stdout)
	}
	g.broker.inForce(t, "strict", conformance.Old, conformance.New)
}

// testStopped: the broker stands still with the write in its hands. It is carried out after the
// run has ended, so that any other word than unknown would have been wrong.
func testStopped(t *testing.T, g gateway) {
	g.broker.add(t, "stopped", conformance.Old, "management")
	server, written := g.broker.server, make(chan *answer, 1)
	proxy := g.broker.proxy(t, func(request *http.Request, forward func() *answer) *answer {
		if !isWrite(request) {
			return forward()
		}
		server.signal(syscall.SIGSTOP)
		given := forward()
		written <- given
		return given
	})
	end := g.run(t, run{user: "stopped", old: conformance.Old, new: conformance.New, access: map[string]any{"url": proxy.URL, "Timeout": "8"}})
	server.signal(syscall.SIGCONT)
	end.expect(t, 3, "unknown", "timeout")
	select {
	case given := <-written:
		if given == nil || given.status != 204 {
			t.Fatalf("the write ended with %v", given)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the write did not end")
	}
	g.broker.inForce(t, "stopped", conformance.New, conformance.Old)
}

// testKilledAfter: the broker dies behind the write. Nobody can say whether it is done until it
// is back, and then the next run puts things right.
func testKilledAfter(t *testing.T, g gateway) {
	b := g.broker
	b.add(t, "killed", conformance.Old, "management", "other")
	server := b.server
	proxy := b.proxy(t, func(request *http.Request, forward func() *answer) *answer {
		given := forward()
		if isWrite(request) {
			server.end()
			return nil
		}
		return given
	})
	g.run(t, run{user: "killed", old: conformance.Old, new: conformance.New, access: map[string]any{"url": proxy.URL}}).expect(t, 3, "unknown", "network")
	if !b.start() {
		t.Fatalf("the broker does not start again:\n%s", b.server.output())
	}
	accepted := b.accepts(t, login{"killed", conformance.Old}, login{"killed", conformance.New})
	if accepted[0] == accepted[1] {
		t.Errorf("the old password is accepted: %v, the new one: %v", accepted[0], accepted[1])
	}
	g.run(t, run{user: "killed", old: conformance.Old, new: conformance.New}).expect(t, 0, "changed", "")
	b.inForce(t, "killed", conformance.New, conformance.Old)
	if state := fmt.Sprint(b.state(t, "killed")); !strings.Contains(state, "[management other]") {
		t.Errorf("the user is %s", state)
	}
}

// testKilledBefore: the broker dies between the look-up and the write, so that there is nobody
// to connect to.
func testKilledBefore(t *testing.T, g gateway) {
	g.broker.add(t, "spared", conformance.Old)
	server, ready := g.broker.server, make(chan struct{})
	var proxy *httptest.Server
	var writes atomic.Int64
	proxy = g.broker.proxy(t, func(request *http.Request, forward func() *answer) *answer {
		if isWrite(request) {
			writes.Add(1)
		}
		given := forward()
		<-ready
		server.end()
		_ = proxy.Listener.Close()
		given.header.Set("Connection", "close")
		return given
	})
	close(ready)
	g.run(t, run{user: "spared", old: conformance.Old, new: conformance.New, access: map[string]any{"url": proxy.URL}}).expect(t, 1, "not-changed", "network")
	if writes.Load() > 0 {
		t.Errorf("%d writes were sent", writes.Load())
	}
}
