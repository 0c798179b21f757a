//go:build unix

package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDescriptionFromAnIdlePipe: nobody writes to it, and neither the deadline nor a signal
// may wait for that.
func TestDescriptionFromAnIdlePipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	var stdout, stderr bytes.Buffer
	c := newCommand(t.Context(), strings.NewReader(""), &stdout, &stderr)
	if code := c.run([]string{"payload", "--from", pipe, "--timeout", "1"}); code != exitUsage || !strings.Contains(stderr.String(), "in time") || stdout.Len() != 0 {
		t.Errorf("exit %d: %s%s", code, stdout.String(), stderr.String())
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	c = newCommand(stopped, strings.NewReader(""), &stdout, &stderr)
	if _, err := c.payloadFromDescription(pipe); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("got %v", err)
	}
}
