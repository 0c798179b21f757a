//go:build unix

package vault_test

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"pam-rotate-script/internal/vault"
)

// TestPipeInPlaceOfTheConfig: nobody writes to it, and neither the deadline nor a signal
// may wait for that.
func TestPipeInPlaceOfTheConfig(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	_, err := vault.Open(t.Context(), vault.Options{ConfigFile: pipe, Timeout: time.Millisecond})
	failure(t, err, vault.KindTimeout, "in time", "--ksm-config")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = vault.Open(ctx, vault.Options{ConfigFile: pipe})
	failure(t, err, vault.KindTimeout, "interrupted")
}
