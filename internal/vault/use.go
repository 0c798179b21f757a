package vault

import (
	"context"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/keeper-security/secrets-manager-go/core"
	"github.com/keeper-security/secrets-manager-go/core/logger"
)

// turn is held by the one use of the SDK that may go on in this process: its
// logger, the HTTP client that it sends with and the environment that it reads
// are the process's own.
var turn = make(chan struct{}, 1)

// steering are the environment variables by which a process can be made to use
// the SDK otherwise than this package does. They are unset while the SDK runs,
// and put back afterwards, so that nobody else misses them. KSM_CONFIG is not
// among them: the SDK does not look at it when it is handed a config.
var steering = []string{"KSM_SKIP_VERIFY", "KSM_HOSTNAME", "KSM_TOKEN", "KSM_CONFIG_FILE", "KSM_CACHE_DIR"}

// session is one use of the SDK.
type session struct {
	vault *Vault
	wire  *wire
	heard *heard
	whole context.Context // the caller's, which waits for Keeper may use up
	end   context.CancelFunc
	waits int // how often Keeper asked to wait
}

// begin starts the vault's time limit, anew after a wait that Keeper asked for.
func (s *session) begin() {
	s.wire.ctx, s.end = context.WithTimeout(s.whole, s.vault.timeout)
}

// use runs work, alone in this process and within the vault's time limit, with
// all that the SDK shares with the process in this package's hands.
func (v *Vault) use(ctx context.Context, work func(*session) error) (err error) {
	if _, ends := ctx.Deadline(); !ends {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, v.timeout)
		defer cancel()
	}
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return transportFault(ctx, ctx.Err(), "")
	}
	defer func() { <-turn }()
	if ctx.Err() != nil {
		return transportFault(ctx, ctx.Err(), "")
	}

	heard := &heard{}
	logger.SetOutput(heard)
	defer logger.SetOutput(io.Discard) // for good: its own choice is stdout
	defer unset(steering)()
	// Half the time for one request leaves room for a look at what became of it.
	wire := &wire{timeout: v.timeout / 2, base: v.base, host: v.host, log: v.log, reseal: v.reseal}
	before := http.DefaultClient.Transport
	http.DefaultClient.Transport = wire
	defer func() { http.DefaultClient.Transport = before }()
	s := &session{vault: v, wire: wire, heard: heard, whole: ctx}
	s.begin()
	defer func() { s.end() }()
	return work(s)
}

// unset takes variables out of the environment and returns what puts them back.
func unset(names []string) (restore func()) {
	before := make(map[string]string)
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			before[name] = value
			_ = os.Unsetenv(name)
		}
	}
	return func() {
		for name, value := range before {
			_ = os.Setenv(name, value)
		}
	}
}

// guard makes one call of the SDK, and again where Keeper turned it away unseen, as often as
// the caller's time allows.
func (s *session) guard(call func() error) error {
	for {
		err := s.once(call)
		if err == nil || !s.wire.last.throttled() || !s.wait() {
			return err
		}
	}
}

// firstWait is one second more than Keeper needs of silence. Each further wait is twice as
// long, and up to a quarter longer at random, so that devices part company.
const firstWait = 11 * time.Second

// wait waits as long as Keeper asks for. It is false if there is no time for that.
func (s *session) wait() bool {
	wait := s.wire.last.wait
	if wait == 0 {
		wait = firstWait << min(s.waits, 10)
	}
	wait += rand.N(wait/4 + 1)
	deadline, _ := s.whole.Deadline()
	if clock := s.vault.clock; clock.Now().Add(wait).After(deadline) {
		return false
	}
	s.waits++
	s.wire.requests--
	s.vault.log.Warn().Float64("wait_s", math.Round(wait.Seconds())).Msg("vault: Keeper turns away a device that sends too many requests: waiting")
	s.end()
	if s.vault.clock.Sleep(s.whole, wait) != nil {
		return false
	}
	s.begin()
	return true
}

// once makes one call of the SDK. Its errors, and what it panics with, quote
// answers and values, so the result is told from the last exchange alone.
func (s *session) once(call func() error) (err error) {
	s.wire.last = exchange{}
	defer func() {
		if recover() != nil {
			err = s.blame()
		}
	}()
	if call() != nil {
		return s.blame()
	}
	return nil
}

// blame says why a call of the SDK failed.
func (s *session) blame() *Error {
	switch last := s.wire.last; {
	case last.fault != nil:
		return last.fault
	case last.status == 0:
		return fault(KindInternal, "the SDK failed before it sent anything")
	case last.status == http.StatusOK:
		return fault(KindServer, "the answer could not be read", "something between here and Keeper may have answered in its place")
	default:
		return statusFault(last)
	}
}

// open makes the SDK's manager from a checked config.
func (s *session) open(entries map[string]string, hook **core.Context) error {
	var manager *core.SecretsManager
	err := s.guard(func() error {
		options := &core.ClientOptions{Config: core.NewMemoryKeyValueStorage(entries)}
		manager = core.NewSecretsManager(options, hook)
		return nil
	})
	if err == nil && manager == nil {
		err = fault(KindConfig, "the SDK does not accept the config", hintDevice)
	}
	if err != nil {
		return err
	}
	manager.VerifySslCerts = true
	s.vault.manager = manager
	return nil
}

// fetch reads records from Keeper: those with one of the UIDs, or all records of
// the application if there are none. A record that came several times is there
// once.
func (s *session) fetch(uids ...string) ([]entry, error) {
	s.heard.reset()
	var found []*core.Record
	err := s.guard(func() (err error) {
		found, err = s.vault.manager.GetSecrets(uids)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 && s.heard.unreadable {
		return nil, fault(KindServer, "the answer could not be read")
	}
	if s.heard.folder {
		s.vault.log.Warn().Msg("vault: a shared folder could not be decrypted, its records are missing")
	}
	return s.distinct(found), nil
}

// heard is where the SDK's log goes. Its lines hold values, so none is passed on;
// two of its complaints have no other trace.
type heard struct {
	unreadable bool // some JSON could not be parsed, or is of another shape
	folder     bool // a folder's key could not be decrypted
}

func (h *heard) reset() { *h = heard{} }

func (h *heard) Write(line []byte) (int, error) {
	text := string(line)
	for _, complaint := range []string{"Error parsing JSON", "record JSON is in incorrect format", "folder JSON is in incorrect format"} {
		h.unreadable = h.unreadable || strings.Contains(text, complaint)
	}
	h.folder = h.folder || strings.Contains(text, "error decrypting folder key")
	return len(line), nil
}
