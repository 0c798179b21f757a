package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/simulator"
)

// TestMainIsHardened looks at the real program while it waits for the vendor.
func TestMainIsHardened(t *testing.T) {
	bench := conformance.REST()
	stand, err := bench.Start(bench.User, conformance.Old)
	if err != nil {
		t.Fatal(err)
	}
	defer stand.Close()
	run := conformance.Run{User: bench.User, Old: conformance.Old, New: conformance.New}
	command := exec.Command("pam-rotate-script")
	command.Stdin = strings.NewReader(run.Payload(stand))
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr

	started := make(chan struct{})
	var once sync.Once
	var limits, descriptor string
	var failed error
	stand.Servers[0].Observe(func(_ simulator.Exchange, now simulator.Moment) {
		if now != simulator.Arrived {
			return
		}
		once.Do(func() {
			<-started
			of := fmt.Sprintf("/proc/%d/", command.Process.Pid)
			var text []byte
			if text, failed = os.ReadFile(of + "limits"); failed != nil {
				return
			}
			limits = string(text)
			descriptor, failed = os.Readlink(of + "fd/2")
		})
	})
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	if err := command.Wait(); err != nil {
		t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
	}
	if failed != nil && !os.IsPermission(failed) { // only root may look into a process that is not dumpable
		t.Fatal(failed)
	}
	if !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).MatchString(limits) {
		t.Errorf("the limits are\n%s", limits)
	}
	if os.Getuid() == 0 && descriptor != os.DevNull {
		t.Errorf("standard error of the runtime is %s", descriptor)
	}
	if os.Getuid() != 0 && !os.IsPermission(failed) {
		t.Error("a process of the same user can look into it")
	}
	if !strings.Contains(stderr.String(), "done") {
		t.Errorf("the program's own log is gone: %q", &stderr)
	}
}
