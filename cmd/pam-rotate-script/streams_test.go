//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/simulator"
)

// TestUnaskedBytesAreNotLogged: what a server sends behind its answer goes to the
// standard logger of net/http, which the program must silence.
func TestUnaskedBytesAreNotLogged(t *testing.T) {
	authority, err := simulator.SharedAuthority()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.ServerCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go echo(connection)
		}
	}()
	payload := fmt.Sprintf(`{"user":"jane","newPassword":%q,"records":[{"uid":"a","title":"API Access Details",
		"url":"https://%s/set","password":"token-canary-0001","CA Certificate":%q}]}`, conformance.New, listener.Addr(), authority.PEM())
	var stdout, stderr bytes.Buffer
	command := exec.Command("pam-rotate-script", "--log-level", "debug")
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(payload), &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stdout.String())
	}
	for _, canary := range []string{"token-canary-0001", conformance.New} {
		if form := conformance.FindSecret(stdout.String()+stderr.String(), canary); form != "" {
			t.Errorf("printed, %s: %s", form, stderr.String())
		}
	}
}

// echo answers 204 and then sends the request back, which nobody asked for.
func echo(connection net.Conn) {
	defer connection.Close()
	request := make([]byte, 64<<10)
	read, err := connection.Read(request)
	if err != nil {
		return
	}
	_, _ = fmt.Fprintf(connection, "HTTP/1.1 204 No Content\r\n\r\n%s", request[:read])
	_, _ = io.Copy(io.Discard, connection)
}

// TestStreamThatNobodyEmpties: a full pipe must not keep the exit code back, nor
// turn it into another one.
func TestStreamThatNobodyEmpties(t *testing.T) {
	bench := conformance.REST()
	for _, full := range []string{"stdout", "stderr"} {
		t.Run(full, func(t *testing.T) {
			t.Parallel()
			stand, err := bench.Start(bench.User, conformance.Old)
			if err != nil {
				t.Fatal(err)
			}
			defer stand.Close()
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			fill(t, writer)
			run := conformance.Run{User: bench.User, Old: conformance.Old, New: conformance.New}
			command := exec.Command("pam-rotate-script", "--timeout", "2")
			command.Stdin = strings.NewReader(run.Payload(stand))
			if full == "stdout" {
				command.Stdout = writer
			} else {
				command.Stderr = writer
			}
			err = command.Run()
			writer.Close()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			code := command.ProcessState.ExitCode()
			changed := stand.Accepts(conformance.New)
			if changed && code == 1 || !changed && code != 1 || code < 0 {
				t.Errorf("exit code %d, and the password changed: %v", code, changed)
			}
		})
	}
}

// TestStreamThatNobodyEmptiesEarly: the same where nothing is sent, since the payload is at fault.
func TestStreamThatNobodyEmptiesEarly(t *testing.T) {
	for _, verb := range []string{"rotate", "check", "inspect"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			fill(t, writer)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			command := exec.CommandContext(ctx, "pam-rotate-script", verb, "--timeout", "1")
			command.Stdin, command.Stdout = strings.NewReader("no payload"), writer
			err = command.Run()
			writer.Close()
			if code := command.ProcessState.ExitCode(); code != 1 {
				t.Errorf("exit code %d: %v", code, err)
			}
		})
	}
}

// fill writes into a pipe until it takes no more.
func fill(t *testing.T, pipe *os.File) {
	t.Helper()
	if err := pipe.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := pipe.Write(make([]byte, 4096)); err != nil {
			break
		}
	}
	// A process of its own gets a descriptor that blocks.
	if err := syscall.SetNonblock(int(pipe.Fd()), false); err != nil {
		t.Fatal(err)
	}
}

// TestWatchEndsWithWhatIsKnown: the code is the run's, if there is one by then.
func TestWatchEndsWithWhatIsKnown(t *testing.T) {
	for _, set := range []int{-1, 0, 1} {
		ended := make(chan int, 1)
		c := &command{exit: func(code int) { ended <- code }}
		w := c.watchOver(time.Hour, func() int { return 3 })
		want := 3
		if set >= 0 {
			w.set(set)
			want = set
		}
		w.timer.Reset(0)
		if code := <-ended; code != want {
			t.Errorf("exit code %d, want %d", code, want)
		}
	}
}

// TestArgumentsAreNotQuoted: whatever stands on the command line may be a secret.
func TestArgumentsAreNotQuoted(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{
		{"--canary"}, {"--json=canary"}, {"-pcanary"}, {"--=canary"}, {"version", "canary"}, {"targets", "canary"}, {"targets", "a", "canary"},
		{"check", "--exit-zero=canary"}, {"--timeout", "canary"}, {"--target", "canary"}, {"--timeout"}, {"canary"}, {"rotate", "canary", "b"}, {pipe},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), arguments, strings.NewReader(""), &stdout, &stderr)
		if text := stdout.String() + stderr.String(); code != exitUsage || strings.Contains(text, "canary") || text == "" {
			t.Errorf("%q: exit %d: %s", arguments, code, text)
		}
	}
}
