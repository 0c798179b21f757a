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
	stopped, stop := context.WithCancel(t.Context())
	defer stop()
	for want, ctx := range map[string]context.Context{"in time": t.Context(), "interrupted": stopped} {
		var stdout, stderr bytes.Buffer
		c := newCommand(ctx, strings.NewReader(""), &stdout, &stderr)
		if ctx == stopped {
			stop()
			_, err := c.payloadFromDescription(pipe)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			continue
		}
		if code := c.run([]string{"payload", "--from", pipe, "--timeout", "1"}); code != exitUsage || !strings.Contains(stderr.String(), want) || stdout.Len() != 0 {
			t.Errorf("exit %d: %s%s", code, stdout.String(), stderr.String())
		}
	}
}
