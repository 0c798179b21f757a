package vault_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/vault"
	"pam-rotate-script/internal/vault/vaulttest"
)

const askForKey = `{"error":"key","key_id":%}`

func keyChange(id int) vaulttest.Fault {
	return vaulttest.Answer(http.StatusUnauthorized, strings.Replace(askForKey, "%", strconv.Itoa(id), 1))
}

func TestKeyChangeIsFollowed(t *testing.T) {
	keeper, uid := userKeeper(t)
	keeper.Fail(keyChange(11), nil, keyChange(12))
	opened := open(t, keeper)
	if err := opened.Save(context.Background(), uid, token("canary-new")); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, call := range keeper.Calls() {
		ids = append(ids, call.KeyID)
	}
	if got := strings.Join(ids, " "); got != "10 11 11 12" || routes(keeper) != "get get update update" {
		t.Errorf("sent %q with the keys %s", routes(keeper), got)
	}
}

func TestKeyChangesWithoutEnd(t *testing.T) {
	var endless []vaulttest.Fault
	for i := range 50 {
		endless = append(endless, keyChange(7+i%11))
	}
	keeper, uid := userKeeper(t)
	keeper.Fail(endless...)
	_, err := open(t, keeper).Record(context.Background(), uid)
	failure(t, err, vault.KindServer, "no end after 8 requests")
	if got := len(keeper.Calls()); got != 8 {
		t.Errorf("%d requests, want 8", got)
	}

	keeper, uid = userKeeper(t)
	keeper.Fail(append([]vaulttest.Fault{nil}, endless...)...)
	if failure(t, open(t, keeper).Save(context.Background(), uid, token("canary-new")), vault.KindServer, "not saved", "no end").Left {
		t.Error("each update was refused, and it is called uncertain")
	}
	if got := len(keeper.Calls()); got != 8 {
		t.Errorf("%d requests, want 8", got)
	}
}

func TestAnswersThatAreNoRecords(t *testing.T) {
	elsewhere := func(status int, location string) vaulttest.Fault {
		return func(request *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
			answer, err := vaulttest.Answer(status, "")(request, nil)
			answer.Header.Set("Location", location)
			return answer, err
		}
	}
	for _, test := range []struct {
		name  string
		fault vaulttest.Fault
		kind  vault.Kind
		words string
	}{
		{"revoked device", vaulttest.Answer(403, `{"result_code":"access_denied","message":"canary"}`), vault.KindPermission, "access_denied"},
		{"unknown code", vaulttest.Answer(403, `{"result_code":"canary","message":"canary"}`), vault.KindPermission, "403 Forbidden"},
		{"401", vaulttest.Answer(401, `canary`), vault.KindPermission, "401"},
		{"signature", vaulttest.Answer(400, `{"error":"signature","message":"canary"}`), vault.KindConfig, "keys"},
		{"throttled", vaulttest.Answer(403, `{"error":"throttled","message":"canary"}`), vault.KindServer, "too many requests"},
		{"old SDK", vaulttest.Answer(401, `{"error":"invalid_client_version","additional_info":"canary"}`), vault.KindInternal, "newer"},
		{"old SDK, which panics on it", vaulttest.Answer(401, `{"error":"invalid_client_version","additional_info":{"canary":1}}`), vault.KindInternal, "newer"},
		{"unknown server key", vaulttest.Answer(401, `{"error":"key","key_id":99}`), vault.KindInternal, "code key"},
		{"error is an object", vaulttest.Answer(403, `{"error":{"canary":"canary"}}`), vault.KindPermission, "403"},
		{"error is null", vaulttest.Answer(500, `{"error":null}`), vault.KindServer, "500"},
		{"error is a number", vaulttest.Answer(500, `{"result_code":42}`), vault.KindServer, "500"},
		{"message only", vaulttest.Answer(500, `{"message":"canary"}`), vault.KindServer, "500"},
		{"HTML", vaulttest.Answer(503, `<html>canary</html>`), vault.KindServer, "503 Service Unavailable"},
		{"504", vaulttest.Answer(504, ``), vault.KindTimeout, "504"},
		{"odd status", vaulttest.Answer(599, `canary`), vault.KindServer, "599"},
		{"200 without a body", vaulttest.Answer(200, ``), vault.KindServer, "empty"},
		{"200 with HTML", vaulttest.Answer(200, `<html>canary canary canary</html>`), vault.KindServer, "could not be read"},
		{"200 with JSON that is not encrypted", vaulttest.Answer(200, `{"records":[]}`), vault.KindServer, "could not be read"},
		{"redirect to another host", elsewhere(307, "https://canary.invalid/"), vault.KindServer, "redirect"},
		{"redirect to the same host", elsewhere(302, "/api/rest/sm/v1/get_secret"), vault.KindServer, "redirect"},
		{"too large", func(*http.Request, func() (*http.Response, error)) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: endlessBody{}, Header: http.Header{}}, nil
		}, vault.KindServer, "larger than"},
		{"reset", vaulttest.Vanish, vault.KindNetwork, "failed"},
		{"the transport panics", func(*http.Request, func() (*http.Response, error)) (*http.Response, error) { panic("canary") }, vault.KindInternal, "before it sent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			keeper, uid := userKeeper(t)
			keeper.Fail(test.fault)
			opened := open(t, keeper)
			for range 2 { // by UID, and after the fault all is well
				_, err := opened.Record(context.Background(), uid)
				if len(keeper.Calls()) > 1 {
					if err != nil {
						t.Errorf("after the fault: %v", err)
					}
					break
				}
				failure(t, err, test.kind, test.words)
			}
		})
	}
}

type endlessBody struct{}

func (endlessBody) Read(p []byte) (int, error) { return len(p), nil }
func (endlessBody) Close() error               { return nil }

func TestSilenceEnds(t *testing.T) {
	keeper, uid := userKeeper(t)
	keeper.Fail(vaulttest.Silent)
	_, err := open(t, keeper, func(options *vault.Options) { options.Timeout = 20 * time.Millisecond }).Record(context.Background(), uid)
	failure(t, err, vault.KindTimeout, "no answer in time")

	keeper, uid = userKeeper(t)
	ctx, stop := context.WithCancel(context.Background())
	keeper.Fail(func(request *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		stop()
		return vaulttest.Silent(request, do)
	})
	_, err = open(t, keeper).Record(ctx, uid)
	failure(t, err, vault.KindTimeout, "interrupted")
}

// TestTheProcessIsAsItWas: what is shared with the process comes back, and uses
// take turns.
func TestTheProcessIsAsItWas(t *testing.T) {
	mine := &http.Transport{}
	before := http.DefaultClient.Transport
	http.DefaultClient.Transport = mine
	defer func() { http.DefaultClient.Transport = before }()

	keeper, uid := userKeeper(t)
	var group sync.WaitGroup
	for range 8 {
		opened := open(t, keeper)
		group.Go(func() {
			if _, err := opened.Record(context.Background(), uid); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	keeper.Fail(vaulttest.Answer(500, `{"error":[]}`))
	if _, err := open(t, keeper).Record(context.Background(), uid); err == nil {
		t.Error("there is no error")
	}
	if http.DefaultClient.Transport != mine {
		t.Error("the default client's transport is another")
	}
}

// TestAUseWaitsItsTurnNoLongerThanItsContext.
func TestAUseWaitsItsTurnNoLongerThanItsContext(t *testing.T) {
	keeper, uid := userKeeper(t)
	first, second := open(t, keeper), open(t, keeper)
	started, release := make(chan struct{}), make(chan struct{})
	keeper.Fail(func(_ *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		close(started)
		<-release
		return do()
	})
	done := make(chan error)
	go func() {
		_, err := first.Record(context.Background(), uid)
		done <- err
	}()
	<-started
	ctx, stop := context.WithCancel(context.Background())
	stop()
	_, err := second.Record(ctx, uid)
	failure(t, err, vault.KindTimeout, "interrupted")
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestKindsHaveClasses(t *testing.T) {
	for kind, want := range map[vault.Kind]api.Class{
		vault.KindConfig: api.ClassInput, vault.KindInput: api.ClassInput, vault.KindNotFound: api.ClassInput, vault.KindAmbiguous: api.ClassInput,
		vault.KindPermission: api.ClassPermission, vault.KindConflict: api.ClassConflict, vault.KindServer: api.ClassTarget,
		vault.KindNetwork: api.ClassNetwork, vault.KindTLS: api.ClassTLS, vault.KindTimeout: api.ClassTimeout, vault.KindInternal: api.ClassInternal,
	} {
		if got := kind.Class(); got != want {
			t.Errorf("%s is of class %s, want %s", kind, got, want)
		}
	}
}

const quietly = "VAULT_TEST_RUNS_QUIETLY"

// TestNothingIsPrintedOrWritten runs the next test in a process of its own, whose
// output and working directory can be seen as a whole. The SDK would write to both.
func TestNothingIsPrintedOrWritten(t *testing.T) {
	directory := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "-test.run=^TestQuietly$")
	command.Dir = directory
	command.Env = append(os.Environ(), quietly+"=1", "KSM_SKIP_VERIFY=canary", "KSM_HOSTNAME=canary.invalid", "KSM_CONFIG=canary",
		"KSM_TOKEN=canary", "KSM_CACHE_DIR="+directory, "KSM_CONFIG_FILE="+filepath.Join(directory, "config.json"))
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	for line := range strings.Lines(stdout.String()) {
		if line != "PASS\n" && !strings.HasPrefix(line, "coverage: ") { // the test framework's own
			t.Errorf("stdout has %q", line)
		}
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr has %q", stderr.String())
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) != 0 {
		t.Errorf("the working directory has %v (%v)", entries, err)
	}
}

// TestQuietly does what makes the SDK talk. It runs in the process of the test
// before it.
func TestQuietly(t *testing.T) {
	if os.Getenv(quietly) == "" {
		t.Skip("part of TestNothingIsPrintedOrWritten")
	}
	keeper, uid := userKeeper(t)
	keeper.Add(vaulttest.Record{Title: "Broken", Broken: true})
	keeper.Add(vaulttest.Record{Title: "Not JSON", JSON: "canary"})
	opened := open(t, keeper)
	ctx := context.Background()
	for _, fault := range []vaulttest.Fault{
		vaulttest.Answer(403, `{"error":"canary"}`), vaulttest.Answer(500, "<html>canary"), vaulttest.Answer(500, `{"error":{}}`),
		vaulttest.Answer(200, "canary canary canary"), vaulttest.Vanish, keyChange(99),
	} {
		keeper.Fail(fault)
		if _, err := opened.Record(ctx, "user"); err == nil {
			t.Error("there is no error")
		}
	}
	keeper.Fail(keyChange(12))
	for _, err := range []error{
		opened.Save(ctx, uid, token("canary")),
		second(opened.Record(ctx, "User")),
		second(opened.Notation(ctx, "keeper://"+uid+"/field/login")),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, config := range []string{"canary", `{"canary":{"canary":1}}`, with(t, keeper.Config(), "privateKey", "canary"), with(t, keeper.Config(), "canary", 7)} {
		_, _ = vault.Open(ctx, vault.Options{Getenv: only("KSM_CONFIG", config)})
	}
	_, _ = vault.Open(ctx, vault.Options{ConfigFile: "client-config.json"})
}

func second[T any](_ T, err error) error { return err }
