package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"pam-rotate-script/internal/api/hostile"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/reliability"
)

// mostMemory is what the kernel may have counted as the program's memory at its peak.
const mostMemory = 64 << 20

// peakMemory runs a program and writes its peak of memory in KiB to descriptor 3. What the
// kernel counts of a process includes the one that it was started from, and the tests
// themselves are large.
func peakMemory() {
	command := exec.Command(os.Args[1], os.Args[2:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	_ = command.Run()
	fmt.Fprint(os.NewFile(3, "peak"), command.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	os.Exit(command.ProcessState.ExitCode())
}

// TestHostileMemory runs the real program against servers whose answers to the write have
// no measure. Those that only are slow allocate nothing, and take their time elsewhere.
func TestHostileMemory(t *testing.T) {
	authority, err := hostile.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	config, err := authority.Config()
	if err != nil {
		t.Fatal(err)
	}
	runs, broken, largest := 0, 0, int64(0)
	for _, answer := range hostile.Answers("127.0.0.1:1") {
		if answer.Stalls {
			continue
		}
		runs++
		fail := func(format string, values ...any) {
			broken++
			t.Errorf(answer.Name+": "+format, values...)
		}
		server, err := hostile.Start(config, hostile.Site{Meant: func(r *http.Request) bool { return r.Method == http.MethodPost }, Answer: answer}.Play)
		if err != nil {
			t.Fatal(err)
		}
		payload := fmt.Sprintf(`{"user":"jane","newPassword":%q,"oldPassword":%q,"records":[{"uid":"a","title":"API Access Details","url":"https://%s/set","password":"token-canary-0001","CA Certificate":%q}]}`,
			conformance.New, conformance.Old, server.Host(), authority.PEM())
		var stdout, stderr bytes.Buffer
		command := exec.Command("peak-memory", "pam-rotate-script", "--log-level", "debug")
		command.Stdin, command.Stdout, command.Stderr = strings.NewReader(payload), &stdout, &stderr
		kilobytes, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		command.ExtraFiles = []*os.File{writer}
		var exit *exec.ExitError
		if err := command.Run(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		server.Close()
		writer.Close()
		var peak int64
		if _, err := fmt.Fscan(kilobytes, &peak); err != nil || peak == 0 {
			t.Fatalf("no peak: %v", err)
		}
		kilobytes.Close()
		peak <<= 10
		if code := command.ProcessState.ExitCode(); code != 0 && code != 1 && code != 3 {
			fail("exit code %d: %s", code, stderr.String())
		}
		for _, secret := range []string{conformance.New, conformance.Old, "token-canary-0001"} {
			if form := conformance.FindSecret(stdout.String()+stderr.String(), secret); form != "" {
				fail("a secret was printed, %s", form)
			}
		}
		t.Logf("%s: %d MiB", answer.Name, peak>>20)
		if largest = max(largest, peak); peak > mostMemory && !underRaceDetector {
			fail("%d MiB of memory", peak>>20)
		}
	}
	t.Logf("the largest peak was %d MiB", largest>>20)
	reliability.Settle(t, "hostile-memory", "make hostile", reliability.Table([]string{"runs of the real program", ""},
		[]any{"ways to answer the write", runs},
		[]any{fmt.Sprintf("more than %d MiB at the peak, an exit code without a meaning, or a secret printed", mostMemory>>20), broken},
	))
}
