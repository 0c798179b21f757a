package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

// TestStdinThatNeverEnds: neither a signal nor the time-out is kept waiting.
func TestStdinThatNeverEnds(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx       context.Context
		arguments []string
		want      string
	}{
		"signal":   {interrupted, nil, "interrupted before the payload was complete"},
		"time-out": {t.Context(), []string{"--timeout", "1"}, "no complete payload came in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reader, writer := io.Pipe()
			defer writer.Close()
			go func() { _, _ = io.WriteString(writer, "eyJ1c2VyIjoi") }()
			var stdout, stderr bytes.Buffer
			code := run(test.ctx, test.arguments, reader, &stdout, &stderr)
			if code != 1 || !strings.HasPrefix(stdout.String(), "not-changed: ") || !strings.Contains(stdout.String(), test.want) {
				t.Errorf("exit %d: %s", code, stdout.String())
			}
		})
	}
}

// failing is a reader that breaks in a way of its own.
type failing struct{ panics bool }

func (f failing) Read([]byte) (int, error) {
	if f.panics {
		panic("canary")
	}
	return 0, io.ErrClosedPipe
}

func TestStdinThatFails(t *testing.T) {
	for _, panics := range []bool{false, true} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), nil, failing{panics}, &stdout, &stderr)
		if code != 1 || !strings.HasPrefix(stdout.String(), "not-changed: ") || strings.Contains(stdout.String()+stderr.String(), "canary") {
			t.Errorf("panics %v: exit %d: %s%s", panics, code, stdout.String(), stderr.String())
		}
	}
}

// TestStreamsThatFail: the exit code stands even if nothing can be printed.
func TestStreamsThatFail(t *testing.T) {
	if code := run(t.Context(), nil, strings.NewReader(""), failingWriter{}, failingWriter{}); code != 1 {
		t.Errorf("exit %d", code)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestVersion: what the linker has set, and what is left out where it has not.
func TestVersion(t *testing.T) {
	defer func(v, c, e string) { version, commit, epoch = v, c, e }(version, commit, epoch)
	for _, test := range []struct{ commit, epoch, line, object string }{
		{"c0ffee-dirty", "1795577273", "pam-rotate-script 1.2.3 commit c0ffee-dirty of 2026-11-25T03:27:53Z, go", `{"version":"1.2.3","commit":"c0ffee-dirty","date":"2026-11-25T03:27:53Z","go":"go`},
		{"", "", "pam-rotate-script 1.2.3, go", `{"version":"1.2.3","commit":"","date":"","go":"go`},
		{"", "yesterday", "pam-rotate-script 1.2.3, go", `{"version":"1.2.3","commit":"","date":"","go":"go`},
	} {
		version, commit, epoch = "1.2.3", test.commit, test.epoch
		for verb, want := range map[string]string{"version": test.line, "version --json": test.object} {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), strings.Fields(verb), strings.NewReader(""), &stdout, &stderr)
			if code != 0 || !strings.HasPrefix(stdout.String(), want) || strings.Count(stdout.String(), "\n") != 1 || stderr.Len() > 0 {
				t.Errorf("%s: exit %d: %s%s", verb, code, stdout.String(), stderr.String())
			}
		}
	}
}
