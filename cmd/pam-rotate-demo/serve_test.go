package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// told is what serve --json prints, as a program reads it that knows nothing of this one.
type told struct {
	URL         string                            `json:"url"`
	CA          string                            `json:"ca"`
	Credentials map[string]string                 `json:"credentials"`
	Accounts    []struct{ User, Password string } `json:"accounts"`
	Source      string                            `json:"source"`
	Description string                            `json:"description"`
}

// startServe starts the verb serve and returns what it prints. The test's end stops it, or
// stop, which returns the exit code.
func startServe(t *testing.T, arguments ...string) (vendors map[string]told, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		code := run(ctx, append([]string{"serve", "--json"}, arguments...), writer, &stderr)
		writer.CloseWithError(errors.New("serve has ended"))
		ended <- code
	}()
	decoder := json.NewDecoder(reader)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&vendors); err != nil {
		cancel()
		t.Fatalf("exit code %d: %v\n%s", <-ended, err, &stderr)
	}
	// Nothing but the object is printed: a write would wait for a reader.
	rest := make(chan []byte, 1)
	go func() {
		more, _ := io.ReadAll(io.MultiReader(decoder.Buffered(), reader))
		rest <- bytes.TrimSpace(more)
	}()
	stopped := false
	stop = func() int {
		stopped = true
		cancel()
		code := <-ended
		if more := <-rest; len(more) > 0 {
			t.Errorf("printed behind the object: %q", more)
		}
		return code
	}
	t.Cleanup(func() {
		if !stopped {
			stop()
		}
	})
	return vendors, stop
}

// inForce reads the password in force out of the description.
func inForce(t *testing.T, vendor told) string {
	t.Helper()
	text, err := os.ReadFile(vendor.Description)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^oldPassword: (".*")$`).FindSubmatch(text)
	var password string
	if found == nil || json.Unmarshal(found[1], &password) != nil {
		t.Fatalf("no password in %s", text)
	}
	return password
}

func TestServe(t *testing.T) {
	binary := build(t)
	vendors, stop := startServe(t)
	credentials := map[string]string{
		"teramind": "token", "venafi": "client_id login password", "sailpoint": "client_id client_secret",
		"sps": "login password", "rest": "token",
	}
	if len(vendors) != len(credentials) {
		t.Fatalf("%d vendors", len(vendors))
	}
	for name, keys := range credentials {
		vendor := vendors[name]
		for _, key := range strings.Fields(keys) {
			if vendor.Credentials[key] == "" {
				t.Errorf("%s: no %s", name, key)
			}
		}
		if len(vendor.Credentials) != len(strings.Fields(keys)) || (vendor.Source != "") != (name == "sailpoint") || len(vendor.Accounts) < 2 {
			t.Errorf("%s: %+v", name, vendor)
		}
		for _, path := range []string{vendor.CA, vendor.Description} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s may be read by others: %v", path, info.Mode())
			}
		}
		if first := inForce(t, vendor); first != vendor.Accounts[0].Password {
			t.Errorf("%s: the description begins with another password than the account", name)
		}
		// The real program, several times: each time another password.
		before := vendor.Accounts[0].Password
		for range 2 {
			code, output := bash(t, "", "-c", quoted(binary)+" payload --from "+quoted(vendor.Description)+" | "+quoted(binary)+" rotate")
			if code != 0 || !strings.Contains(output, "changed: "+name) {
				t.Errorf("%s: exit code %d\n%s", name, code, output)
			}
			if after := inForce(t, vendor); after == before {
				t.Errorf("%s: the description still has the password before the change", name)
			} else {
				before = after
			}
		}
	}
	if code := stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(filepath.Dir(vendors["rest"].CA)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left behind: %v", err)
	}
}

// TestServeTrustsItsAuthority: the file is enough to trust the server.
func TestServeTrustsItsAuthority(t *testing.T) {
	vendors, _ := startServe(t)
	for name, vendor := range vendors {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, vendor.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := trusting(t, vendor).Do(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		response.Body.Close()
	}
}

// trusting is a client that trusts the vendor's authority and nobody else.
func trusting(t *testing.T, vendor told) *http.Client {
	t.Helper()
	text, err := os.ReadFile(vendor.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("no certificate")
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
}

func TestServeCommandLine(t *testing.T) {
	for _, test := range []struct {
		name      string
		arguments []string
		code      int
		says      string
	}{
		{"unknown flag", []string{"--port", "8443"}, exitUsage, "--for 10m"},
		{"flag of the demonstration", []string{"-binary", "x"}, exitUsage, "--for 10m"},
		{"argument", []string{"teramind"}, exitUsage, "no arguments are taken"},
		{"no time", []string{"--for", "x"}, exitUsage, "--for 10m"},
		{"time that is over", []string{"--for", "0s"}, exitUsage, "needs a time"},
		{"help", []string{"--help"}, 0, "--for 10m"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), append([]string{"serve"}, test.arguments...), &stdout, &stderr); code != test.code {
				t.Errorf("exit code %d", code)
			}
			if stdout.Len() > 0 || !strings.Contains(stderr.String(), test.says) {
				t.Errorf("stdout %q, stderr %q", &stdout, &stderr)
			}
		})
	}
}

// TestServeStopsByItself also shows what people see.
func TestServeStopsByItself(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"serve", "--for", "1ms"}, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d, stderr %q", code, &stderr)
	}
	for _, wanted := range []string{"\nsailpoint\n", "   source        My-AD\n", "   client_secret ", "/teramind.yaml\n", "Stop with Ctrl-C"} {
		if !strings.Contains(stdout.String(), wanted) {
			t.Errorf("the output does not hold %q\n%s", wanted, &stdout)
		}
	}
}

// TestServeEndsAtASignal runs the verb as a process of its own.
func TestServeEndsAtASignal(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "pam-rotate-demo")
	if output, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, output)
	}
	command := exec.CommandContext(t.Context(), binary, "serve", "--json", "--for", "5m")
	command.WaitDelay = 10 * time.Second
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var vendors map[string]told
	if err := json.NewDecoder(stdout).Decode(&vendors); err != nil {
		t.Error(err)
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if _, err := os.Stat(filepath.Dir(vendors["sps"].CA)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left behind: %v", err)
	}
}
