package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// crashing has this test binary, started again, crash with that kind of crash.
const crashing = "PAM_ROTATE_SCRIPT_TEST_CRASH"

// TestCrashShowsNothing has a process crash where nothing recovers it. The value of
// the panic must not show, and neither must the goroutines, whatever the environment
// asks for; what the program itself has printed must.
func TestCrashShowsNothing(t *testing.T) {
	if kind := os.Getenv(crashing); kind != "" {
		crash(kind)
		return
	}
	for _, kind := range []string{"panic", "nil", "fatal"} {
		for _, level := range []string{"", "all", "crash"} {
			t.Run(fmt.Sprintf("%s at level %q", kind, level), func(t *testing.T) {
				t.Parallel()
				command := exec.Command(os.Args[0], "-test.run=^TestCrashShowsNothing$")
				command.Env = append(os.Environ(), crashing+"="+kind, "GOTRACEBACK="+level)
				var stdout, stderr bytes.Buffer
				command.Stdout, command.Stderr = &stdout, &stderr
				var exit *exec.ExitError
				if err := command.Run(); !errors.As(err, &exit) {
					t.Fatalf("it did not crash: %v", err)
				}
				if got := stdout.String() + stderr.String(); got != "before the crash\n" {
					t.Errorf("it printed %q", got)
				}
				if code := exit.ExitCode(); code == 0 || code == 1 || code == 3 || code == 64 {
					t.Errorf("the exit code is %d, which has a meaning of its own", code)
				}
			})
		}
	}
}

// crash ends the process as main would be ended by a defect in a library.
func crash(kind string) {
	harden()
	fmt.Fprintln(os.Stderr, "before the crash")
	ended := make(chan struct{})
	go func() { // nobody recovers a panic here
		defer close(ended)
		switch kind {
		case "panic":
			panic("canary " + strings.Repeat("x", 3))
		case "nil":
			var nothing *int
			*nothing = 1
		case "fatal":
			m := map[string]int{}
			go func() {
				for {
					m["canary"]++
				}
			}()
			for {
				m["canary"]++ // two writers at once end the process: no panic, nothing to recover
			}
		}
	}()
	<-ended
	select {}
}
