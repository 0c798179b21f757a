package rotation_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/api/hostile"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/reliability"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/targets/rest"
)

func TestMain(m *testing.M) {
	// net/http writes to the standard logger whatever arrives unasked.
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

const (
	oldPassword = "old-password"
	newPassword = "new-password"
)

// The exchanges of the target rest with a Verify URL.
const (
	probe  = "probe"
	write  = "write"
	signIn = "sign in"
)

// exchange names a request to an account.
func exchange(request *http.Request) string {
	switch _, _, signs := request.BasicAuth(); {
	case request.Method == "POST":
		return write
	case signs:
		return signIn
	}
	return probe
}

// account is a vendor with one account.
type account struct {
	mu       sync.Mutex
	password string
	failed   int // sign-ins
}

// serve is what the vendor does when nothing is wrong with it.
func (a *account) serve(request *http.Request, body string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	answer := func(status int, text string) string {
		return fmt.Sprintf("HTTP/1.1 %d Said\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, len(text), text)
	}
	switch exchange(request) {
	case write:
		var asked struct{ NewPassword string }
		if json.Unmarshal([]byte(body), &asked) != nil {
			return answer(400, `{"message":"no JSON"}`)
		}
		a.password = asked.NewPassword
		return answer(201, `{"userEmail":"jane"}`)
	case signIn:
		if _, password, _ := request.BasicAuth(); password == a.password {
			return answer(200, `{}`)
		}
		a.failed++
	}
	return answer(401, `{"message":"sign in"}`)
}

func (a *account) accepts(password string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.password == password
}

// planHostile makes a plan of the target rest against a server.
func planHostile(host, authority string, proves bool, timeout time.Duration) (*rotation.Plan, error) {
	access := map[string]any{
		"uid": "access", "title": "API Access Details", "Target": "rest", "CA Certificate": authority,
		"url": "https://" + host + "/password", "password": "token",
	}
	if proves {
		access["Verify URL"] = "https://" + host + "/me"
	}
	payload, err := json.Marshal(map[string]any{
		"user": "jane", "newPassword": newPassword, "oldPassword": oldPassword, "userRecordUid": "user",
		"records": []any{map[string]any{"uid": "user", "title": "Jane", "login": "jane"}, access},
	})
	if err != nil {
		return nil, err
	}
	read, err := params.Read(strings.NewReader(string(payload)), params.Options{})
	if err != nil {
		return nil, err
	}
	plan, failed := rotation.Prepare(read, rotation.Options{
		Registry: targets.NewRegistry(rest.Info()), Scrubber: secret.NewScrubber(), Clock: &api.SkippingClock{}, CallTimeout: timeout, Version: "test",
	})
	if failed != nil {
		return nil, fmt.Errorf("prepare: %s", failed.Message)
	}
	return plan, nil
}

// attack is one hostile answer at one exchange of a rotation.
type attack struct {
	answer hostile.Answer
	at     string
	proves bool // there is a Verify URL
	idle   bool // the vendor does not do what it is asked there
}

func (a attack) String() string {
	return fmt.Sprintf("%s/at %s/proof %v/idle %v", a.answer.Name, a.at, a.proves, a.idle)
}

func (a attack) succeeds() bool { return a.answer.Believable && a.answer.Status/100 == 2 }
func (a attack) refuses() bool  { return a.answer.Status == 400 || a.answer.Status == 401 }

// lies says that the answer is a sound one which is not true. Nobody can tell, unless
// a proof does.
func (a attack) lies() bool {
	acts := !a.idle && !a.answer.Unread
	return a.at == write && (a.refuses() && acts || a.succeeds() && !acts && !a.proves)
}

// attacks crosses the hostile answers with the exchanges.
func attacks(elsewhere string) []attack {
	var all []attack
	for _, answer := range hostile.Answers(elsewhere) {
		all = append(all,
			attack{answer, probe, true, false},
			attack{answer, write, true, false}, attack{answer, write, true, true},
			attack{answer, write, false, false}, attack{answer, write, false, true},
			attack{answer, signIn, true, false},
		)
	}
	return all
}

// outcomes are the ones that are right. Where several are, it is because the vendor
// ends the connection after its answer: the next request may meet that end, and then
// is not sent again.
func (a attack) outcomes() []rotation.Outcome {
	switch {
	case a.at == probe:
		return []rotation.Outcome{rotation.Changed, rotation.NotChanged, rotation.Unknown}
	case a.at == signIn && a.answer.Status == 401:
		return []rotation.Outcome{rotation.Unknown, rotation.Changed}
	case a.at == signIn:
		return []rotation.Outcome{rotation.Changed}
	case a.answer.Unread:
		// The answer may be lost.
		return []rotation.Outcome{rotation.NotChanged, rotation.Unknown}
	case a.refuses():
		return []rotation.Outcome{rotation.NotChanged}
	case a.succeeds() && a.idle:
		return []rotation.Outcome{rotation.Unknown}
	case a.succeeds():
		return []rotation.Outcome{rotation.Changed}
	case a.proves && !a.idle:
		return []rotation.Outcome{rotation.Changed, rotation.Unknown}
	case a.proves:
		return []rotation.Outcome{rotation.NotChanged, rotation.Unknown}
	}
	return []rotation.Outcome{rotation.Unknown}
}

// TestHostileServers: the outcome is the truth, or unknown, whatever a vendor answers
// at whichever exchange.
func TestHostileServers(t *testing.T) {
	authority, err := hostile.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	config, err := authority.Config()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := hostile.StartPlain(func(*hostile.Conn) {})
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()

	var stalling sync.WaitGroup
	defer stalling.Wait()
	var broken atomic.Int64
	all := attacks(elsewhere.Host())
	runs := 0
	for _, attack := range all {
		if attack.lies() {
			continue
		}
		runs++
		face := func(timeout time.Duration) {
			vendor := &account{password: oldPassword}
			server, err := hostile.Start(config, hostile.Site{
				Meant:  func(r *http.Request) bool { return exchange(r) == attack.at },
				Answer: attack.answer, Serve: vendor.serve, Idle: attack.idle,
			}.Play)
			if err != nil {
				t.Errorf("%s: %v", attack, err)
				return
			}
			defer server.Close()
			plan, err := planHostile(server.Host(), authority.PEM(), attack.proves, timeout)
			if err != nil {
				t.Errorf("%s: %v", attack, err)
				return
			}
			if !attack.judge(t, plan.Rotate(t.Context()), vendor, server) {
				broken.Add(1)
			}
		}
		if attack.answer.Stalls {
			// Long enough for what comes before the stall on a busy machine.
			stalling.Go(func() { face(2 * time.Second) })
			continue
		}
		face(30 * time.Second)
	}
	stalling.Wait()
	if elsewhere.Connections() > 0 {
		t.Error("a redirect was followed")
	}
	reliability.Settle(t, "hostile-runs", "make hostile", reliability.Table([]string{"whole rotations of the target rest", ""},
		[]any{"ways to answer × look-up, write and sign-in, with a Verify URL and without, the vendor acting or not", len(all)},
		[]any{"of them sound answers that are not true, which nobody can tell and no test tries", len(all) - runs},
		[]any{"runs", runs},
		[]any{"false success, false not-changed, or another wrong end", broken.Load()},
	))
}

// judge compares what the run says with what is true, and reports whether all is right.
func (a attack) judge(t *testing.T, result rotation.Result, vendor *account, server *hostile.Server) (right bool) {
	broken := false
	fail := func(format string, values ...any) {
		broken = true
		t.Errorf("%s: %s: %s (%s)", a, fmt.Sprintf(format, values...), result.Outcome, result.Message)
	}
	switch {
	case result.Outcome == rotation.Changed && !vendor.accepts(newPassword):
		fail("false success")
	case result.Outcome == rotation.NotChanged && !vendor.accepts(oldPassword):
		fail("false not-changed")
	}
	if !slices.Contains(a.outcomes(), result.Outcome) {
		fail("want %v", a.outcomes())
	}
	if writes := server.Arrivals("POST"); result.Writes > 1 || writes > result.Writes {
		fail("%d writes arrived, %d were counted", writes, result.Writes)
	}
	if server.Outlived() > 0 {
		fail("a call had no time-out")
	}
	if vendor.failed > 2 || result.FailedLogins > 2 {
		fail("%d failed logins, %d were counted", vendor.failed, result.FailedLogins)
	}
	if result.Outcome == rotation.Unknown && len(result.Hints) == 0 {
		fail("no hint")
	}
	return !broken
}

// TestHostileHandshakes: who cannot prove to be the vendor gets nothing, and nothing has
// changed.
func TestHostileHandshakes(t *testing.T) {
	authority, err := hostile.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	for _, identity := range hostile.Identities(authority) {
		for _, proves := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/proof %v", identity.Name, proves), func(t *testing.T) {
				server, err := identity.Start()
				if err != nil {
					t.Fatal(err)
				}
				defer server.Close()
				host := strings.Replace(server.Host(), "127.0.0.1", identity.Host, 1)
				plan, err := planHostile(host, authority.PEM(), proves, 30*time.Second)
				if err != nil {
					t.Fatal(err)
				}
				result := plan.Rotate(t.Context())
				if result.Outcome != rotation.NotChanged || result.Class != api.ClassTLS || len(result.Hints) == 0 {
					t.Errorf("%s of class %s: %s", result.Outcome, result.Class, result.Message)
				}
				if server.Begun() > 0 || result.Requests > 0 {
					t.Errorf("%d requests were seen, %d counted", server.Begun(), result.Requests)
				}
			})
		}
	}
}
