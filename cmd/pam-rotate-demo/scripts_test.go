package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pam-rotate-script/internal/simulator"
)

// bash runs bash and returns the exit code and both streams.
func bash(t *testing.T, stdin string, arguments ...string) (code int, output string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", arguments...)
	command.Stdin = strings.NewReader(stdin)
	var both bytes.Buffer
	command.Stdout, command.Stderr = &both, &both
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), both.String()
}

// standing starts a vendor of the table and returns a payload for it, in base64.
func standing(t *testing.T, v vendor) (running *stand, text string) {
	t.Helper()
	running, err := v.start(v.user, v.old)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.server.Close)
	running.access["CA Certificate"] = running.server.Authority().PEM()
	text, err = payload(v.user, v.old, newPassword, running.access)
	if err != nil {
		t.Fatal(err)
	}
	return running, text
}

func takes(t *testing.T, running *stand, password string) bool {
	t.Helper()
	accepted, err := running.accepts(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	return accepted
}

func TestScriptForAnInstalledProgram(t *testing.T) {
	binary := build(t)
	text, err := os.ReadFile("../../scripts/pam-rotate-script.sh")
	if err != nil {
		t.Fatal(err)
	}
	const installed = "/usr/local/bin/pam-rotate-script"
	if strings.Count(string(text), installed) != 1 {
		t.Fatalf("the script does not name %s once", installed)
	}
	path := filepath.Join(t.TempDir(), "pam-rotate-script.sh")
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), installed, quoted(binary), 1)), 0o700); err != nil {
		t.Fatal(err)
	}
	running, payload := standing(t, vendors()[1])
	result := runLikeGateway(t.Context(), path, payload, longestRun)
	if result.exit != 0 || !takes(t, running, newPassword) {
		t.Errorf("the exit code is %d\n%s%s", result.exit, result.stdout, result.stderr)
	}
	if result := runLikeGateway(t.Context(), path, "AAAA", longestRun); result.exit != 1 {
		t.Errorf("of something else than a payload the exit code is %d", result.exit)
	}
}

func TestTryByHand(t *testing.T) {
	const script = "../../scripts/try-by-hand.sh"
	binary := build(t)
	v := vendors()[1]

	// write makes a payload file.
	write := func(t *testing.T, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "a payload.json")
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := func(t *testing.T, payload string) string {
		t.Helper()
		text, err := base64.StdEncoding.DecodeString(payload)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}

	t.Run("without --rotate nothing changes", func(t *testing.T) {
		running, payload := standing(t, v)
		code, output := bash(t, "", script, "--binary", binary, write(t, plain(t, payload), 0o600))
		if code != 0 || !strings.Contains(output, "ready: rest jane.roe@example.com") || !strings.Contains(output, "Nothing was changed.") {
			t.Errorf("the exit code is %d\n%s", code, output)
		}
		if len(running.server.Exchanges()) != 0 || !takes(t, running, v.old) {
			t.Error("something was sent")
		}
	})

	t.Run("with --rotate the password changes", func(t *testing.T) {
		running, payload := standing(t, v)
		code, output := bash(t, "", "-x", script, write(t, plain(t, payload), 0o400), "--rotate", "--binary", binary)
		if code != 0 || !strings.Contains(output, "changed: rest") || !strings.Contains(output, "exit code 0\n") {
			t.Errorf("the exit code is %d\n%s", code, output)
		}
		if !takes(t, running, newPassword) {
			t.Error("the vendor does not take the new password")
		}
		secrets := []secretText{{"the new password", newPassword}, {"the old password", v.old}, {"the token", running.access["password"].(string)}}
		if found := findSecret(output, secrets); found != "" || holdsPart(output, payload) {
			t.Errorf("a secret is printed under bash -x: %s", found)
		}
	})

	t.Run("the rotation's own exit code", func(t *testing.T) {
		running, payload := standing(t, v)
		running.server.Inject(simulator.Fault{Exchange: v.write, Occurrence: 1, Kind: simulator.KindNamed("drop after")})
		code, output := bash(t, "", script, "--rotate", "--binary", binary, write(t, plain(t, payload), 0o600))
		if code != 3 || !strings.Contains(output, "exit code 3\n") {
			t.Errorf("the exit code is %d\n%s", code, output)
		}
	})

	t.Run("a check that fails ends it", func(t *testing.T) {
		running, payload := standing(t, vendors()[0])
		text := strings.Replace(plain(t, payload), `"user":"jane.roe@`, `"user":"somebody.else@`, 1)
		code, output := bash(t, "", script, "--rotate", "--binary", binary, write(t, text, 0o600))
		if code != 1 || !strings.Contains(output, "not-ready: teramind somebody.else@example.com") || strings.Contains(output, "== rotate") {
			t.Errorf("the exit code is %d\n%s", code, output)
		}
		if !takes(t, running, vendors()[0].old) {
			t.Error("the password was changed")
		}
	})

	for _, mode := range []os.FileMode{0o640, 0o620, 0o604, 0o602, 0o644} {
		t.Run("refused with permissions "+mode.String(), func(t *testing.T) {
			running, payload := standing(t, v)
			code, output := bash(t, "", script, "--rotate", "--binary", binary, write(t, plain(t, payload), mode))
			if code != 1 || !strings.Contains(output, "others than its owner can read or write ") || strings.Contains(output, "== ") {
				t.Errorf("the exit code is %d\n%s", code, output)
			}
			if len(running.server.Exchanges()) != 0 {
				t.Error("something was sent")
			}
		})
	}

	t.Run("what does not fit", func(t *testing.T) {
		file := write(t, "{}", 0o600)
		tests := []struct {
			arguments []string
			code      int
			says      string
		}{
			{nil, 64, "usage: "},
			{[]string{"--nonsense", file}, 64, "usage: "},
			{[]string{file, file}, 64, "usage: "},
			{[]string{file, "--binary"}, 64, "usage: "},
			{[]string{"--binary", binary, file + ".missing"}, 1, "there is no file"},
			{[]string{"--binary", file, file}, 1, "make build makes it"},
			{[]string{"--binary", binary, file}, 1, "newPassword is missing"},
		}
		for _, test := range tests {
			code, output := bash(t, "", append([]string{script}, test.arguments...)...)
			if code != test.code || !strings.Contains(output, test.says) {
				t.Errorf("of %q the exit code is %d\n%s", test.arguments, code, output)
			}
		}
	})

	// The examples are what the program can read.
	for _, name := range []string{"teramind", "rest"} {
		t.Run("the example for "+name, func(t *testing.T) {
			text, err := os.ReadFile("../../testdata/payloads/" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			code, output := bash(t, string(text), "-c", quoted(binary)+" inspect --exit-zero")
			if code != 0 || !strings.Contains(output, "access record: API Access Details") || !strings.Contains(output, "\ntarget: "+name+"\n") {
				t.Errorf("the exit code is %d\n%s", code, output)
			}
		})
	}
}
