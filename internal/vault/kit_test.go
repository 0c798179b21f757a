package vault_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/vault"
	"pam-rotate-script/internal/vault/vaulttest"
)

// open opens a vault on the stand-in. What it logs must not have a canary in it.
func open(t *testing.T, keeper *vaulttest.Keeper, change ...func(*vault.Options)) *vault.Vault {
	t.Helper()
	options := keeper.Options()
	options.Log = zerolog.New(logCheck{t})
	options.Clock = &clock{now: time.Now()}
	for _, edit := range change {
		edit(&options)
	}
	opened, err := vault.Open(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	return opened
}

// clock waits in no time, and keeps the waits.
type clock struct {
	mutex sync.Mutex
	now   time.Time
	waits []time.Duration
}

func (c *clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, wait time.Duration) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(wait)
	c.waits = append(c.waits, wait)
	return ctx.Err()
}

type logCheck struct{ t *testing.T }

func (l logCheck) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "canary") {
		l.t.Errorf("the log has a value: %s", line)
	}
	return len(line), nil
}

// failure checks an error: its kind, the words that must be in it, and that no
// value is in it. Every value of these tests has "canary" in it.
func failure(t *testing.T, err error, kind vault.Kind, words ...string) *vault.Error {
	t.Helper()
	found := vault.AsError(err)
	if found == nil {
		t.Fatalf("the error is %v, an *Error is needed", err)
	}
	text := strings.Join(append([]string{err.Error()}, found.Hints...), "\n")
	if found.Kind != kind {
		t.Errorf("kind %q, want %q: %s", found.Kind, kind, text)
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q is not in the error: %s", word, text)
		}
	}
	if strings.Contains(text, "canary") {
		t.Errorf("the error has a value: %s", text)
	}
	if strings.HasSuffix(err.Error(), ".") {
		t.Errorf("the error ends in a full stop: %s", text)
	}
	return found
}

// content decodes a record's content.
func content(t *testing.T, value secret.Value) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(value.Reveal()))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		t.Fatalf("the content is not a JSON object: %v", err)
	}
	return object
}

func text(kind, label string, values ...any) vaulttest.Field {
	if values == nil {
		values = []any{}
	}
	return vaulttest.Field{Type: kind, Label: label, Value: values}
}

func routes(keeper *vaulttest.Keeper) string {
	var list []string
	for _, call := range keeper.Calls() {
		list = append(list, strings.TrimSuffix(call.Route, "_secret"))
	}
	return strings.Join(list, " ")
}
