package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"pam-rotate-script/internal/api/hostile"
	"pam-rotate-script/internal/api/realserver"
)

// reachable is the real server of one script.
type reachable struct{ server *realserver.Server }

// isInstalled answers the conditions [real:PROGRAM].
func isInstalled(condition string) (bool, error) {
	program, ok := strings.CutPrefix(condition, "real:")
	if !ok {
		return false, fmt.Errorf("there is no condition %s", condition)
	}
	missing := realserver.Missing(program)
	if missing != nil && os.Getenv("CI_REQUIRE_SERVERS") == "1" {
		return false, missing
	}
	return missing == nil, nil
}

func server(ts *testscript.TestScript, negated bool, arguments []string) {
	plainCommand(ts, negated, arguments, 2)
	folder := ts.MkAbs("certificates")
	ts.Check(os.MkdirAll(folder, 0o700))
	fingerprint, err := realserver.Certificates(folder)
	ts.Check(err)
	started, err := realserver.StartTLS(arguments[0], strings.Join(arguments[1:], " "), folder)
	ts.Check(err)
	ts.Defer(started.Close)
	ts.Value("server").(*reachable).server = started
	ts.Setenv("FINGERPRINT", fingerprint)
	ts.Setenv("SERVER", strconv.Itoa(started.Port))
}

func proxy(ts *testscript.TestScript, negated bool, arguments []string) {
	plainCommand(ts, negated, arguments, 1)
	folder, err := os.MkdirTemp(ts.MkAbs("."), "proxy")
	ts.Check(err)
	product, login := strings.Join(arguments, " "), false
	if product, login = strings.CutSuffix(product, " login"); strings.HasSuffix(product, "https") {
		for _, name := range []string{"rsa.pem", "rsa.key"} { // of the server before it
			ts.Check(os.WriteFile(filepath.Join(folder, name), []byte(ts.ReadFile("certificates/"+name)), 0o600))
		}
	}
	started, err := realserver.StartProxy(product, login, folder)
	ts.Check(err)
	ts.Defer(started.Close)
	ts.Setenv("PROXY", "127.0.0.1:"+strconv.Itoa(started.Port))
}

// middlebox puts one of hostile.Middleboxes in front of the real server.
func middlebox(ts *testscript.TestScript, negated bool, arguments []string) {
	plainCommand(ts, negated, arguments, 1)
	box, err := hostile.StartMiddlebox(strings.Join(arguments, " "), "127.0.0.1:"+ts.Getenv("SERVER"))
	ts.Check(err)
	ts.Defer(box.Close)
	ts.Setenv("SERVER", strconv.Itoa(box.Port))
}

func reached(ts *testscript.TestScript, negated bool, arguments []string) {
	plainCommand(ts, negated, arguments, 1)
	started := ts.Value("server").(*reachable).server
	if started == nil {
		ts.Fatalf("there is no real server yet")
	}
	// A server may say so only after its answer has arrived.
	var lines []string
	for range 500 {
		if lines = started.Lines("arrived"); strconv.Itoa(len(lines)) == arguments[0] {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%d requests have come: %q", len(lines), lines)
}
