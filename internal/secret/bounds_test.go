package secret_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/secret"
)

// within fails if work takes longer than anybody waits; what it guards against takes minutes.
func within(t *testing.T, work func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("it takes too long")
	}
}

// TestBounds: the inputs that took minutes.
func TestBounds(t *testing.T) {
	beginning := strings.Repeat("aaaabbbb", 8)
	for name, test := range map[string]struct {
		secrets func(add func(string))
		text    string
		shown   string // "" is withheld
	}{
		"20,000 secrets of one beginning": {func(add func(string)) {
			for i := range 20_000 {
				add(fmt.Sprintf("%s%06d", beginning, i))
			}
		}, strings.Repeat(beginning+"-", 200) + beginning + "012345", strings.Repeat(beginning+"-", 200) + secret.Mask},
		"a secret and a text that repeat themselves": {func(add func(string)) {
			add(strings.Repeat("a", 1<<20))
		}, strings.Repeat("a", 1<<19), ""},
		"200,000 short secrets": {func(add func(string)) {
			for i := range 200_000 {
				add(string([]byte{byte(i%94) + 33, byte(i/94%94) + 33, byte(i/94/94) + 33}))
			}
		}, strings.Repeat("\x01", 16<<10), strings.Repeat("\x01", 16<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func() {
				scrubber := secret.NewScrubber()
				test.secrets(func(text string) { scrubber.Add(secret.New(text)) })
				want := test.shown
				if want == "" {
					want = "[withheld]"
				}
				if got := scrubber.Text(test.text); got != want {
					t.Errorf("got %.100q…", got)
				}
				scrubber.Withheld(test.text)
			})
		})
	}
}
