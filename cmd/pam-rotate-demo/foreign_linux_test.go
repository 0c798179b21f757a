package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The tests in this file run clients that know nothing of this project against the verb
// serve: vendors' own scripts and packages, unchanged, and the requests of their modules.
// They fail when a stand-in refuses what its product takes.

const (
	// cacheVariable names the folder in which foreign clients are kept; without it
	// that is one under the user's cache folder.
	cacheVariable = "PAM_ROTATE_FOREIGN_CACHE"
	// requireClients and requirePowerShell, set to 1, turn skipping into failing. With
	// the first, clients that are not in the cache are installed.
	requireClients    = "CI_REQUIRE_FOREIGN_CLIENTS"
	requirePowerShell = "CI_REQUIRE_PWSH"
)

// missing skips the test, or fails it where the client is required.
func missing(t *testing.T, required, why string) {
	t.Helper()
	if os.Getenv(required) == "1" {
		t.Fatalf("%s is 1, and %s", required, why)
	}
	t.Skip(why)
}

// installed returns a folder under the cache that install has filled with a client, once
// for each content of the files. Since that takes the network and time, it is done where
// the clients are required alone.
func installed(t *testing.T, name string, install func(folder string) error, files ...string) string {
	t.Helper()
	return cached(t, name, func(folder string) error {
		if os.Getenv(requireClients) != "1" {
			return errors.New(requireClients + " is not 1")
		}
		return install(folder)
	}, files...)
}

// cached is installed for what is here already.
func cached(t *testing.T, name string, install func(folder string) error, files ...string) string {
	t.Helper()
	parent := os.Getenv(cacheVariable)
	if parent == "" {
		home, err := os.UserCacheDir()
		if err != nil {
			missing(t, requireClients, "there is no folder to keep "+name+" in: "+err.Error())
		}
		parent = filepath.Join(home, "pam-rotate-script")
	}
	hash := sha256.New()
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(file), len(content), content)
	}
	folder := filepath.Join(parent, fmt.Sprintf("%s-%x", name, hash.Sum(nil)[:8]))
	if _, err := os.Stat(folder); err == nil {
		return folder
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	// Filled elsewhere and renamed, so that nobody finds half of it.
	fresh, err := os.MkdirTemp(parent, name+"-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh)
	if err := install(fresh); err != nil {
		missing(t, requireClients, name+" is not installed: "+err.Error())
	}
	if err := os.Rename(fresh, folder); err != nil {
		if _, there := os.Stat(folder); there != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// command runs a program in a folder with further variables, and returns what it printed.
func command(t *testing.T, folder string, environment []string, name string, arguments ...string) (string, error) {
	t.Helper()
	program := exec.CommandContext(t.Context(), name, arguments...)
	program.Dir, program.WaitDelay = folder, 10*time.Second
	program.Env = append(os.Environ(), environment...)
	var stdout, stderr bytes.Buffer
	program.Stdout, program.Stderr = &stdout, &stderr
	if err := program.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w\n%s%s", filepath.Base(name), err, &stdout, &stderr)
	}
	return stdout.String(), nil
}

// shared returns the path of a file in the folder that lies beside the project, or beside
// the folder of its worktrees; "" if it is not there.
func shared(name string) string {
	for _, folder := range []string{"../../../shared", "../../../../shared"} {
		found, _ := filepath.Glob(filepath.Join(folder, name))
		if len(found) == 1 {
			return found[0]
		}
	}
	return ""
}

// runPowerShell runs a script with variables.
func runPowerShell(t *testing.T, script string, vendor told, variables ...string) string {
	t.Helper()
	home := t.TempDir()
	program, err := exec.LookPath("pwsh")
	if archive := shared("pwsh/pwsh-linux.tar.xz"); archive != "" && runtime.GOARCH == "amd64" {
		folder := cached(t, "pwsh", func(folder string) error {
			_, err := command(t, folder, nil, "tar", "xJf", absolute(t, archive))
			return err
		}, archive)
		program = filepath.Join(folder, "pwsh", "pwsh")
	} else if err != nil {
		missing(t, requirePowerShell, "there is no PowerShell")
	}
	output, err := command(t, home, append(variables, "HOME="+home, "NO_COLOR=1", "SSL_CERT_FILE="+vendor.CA, "POWERSHELL_TELEMETRY_OPTOUT=1"),
		program, "-NoProfile", "-NonInteractive", "-File", absolute(t, script))
	if err != nil {
		t.Fatal(err)
	}
	return output
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	whole, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// wantInForce checks the password that the vendor has in force for its first account.
func wantInForce(t *testing.T, vendor told, password string) {
	t.Helper()
	if is := inForce(t, vendor); is != password {
		t.Errorf("the password in force is %q, want %q", is, password)
	}
}

// TestTeramindScript runs the script that Teramind publishes in its article on rotating
// passwords. Address, token and user are filled in, as the article says, and nothing else.
func TestTeramindScript(t *testing.T) {
	article := shared("seeds/000_*.txt")
	if article == "" {
		missing(t, requirePowerShell, "Teramind's article is not there")
	}
	text, err := os.ReadFile(article)
	if err != nil {
		t.Fatal(err)
	}
	script := regexp.MustCompile(`(?s)#Requires -Version.*?\n(?:Running the Script)`).Find(text)
	script = bytes.TrimSuffix(script, []byte("Running the Script"))
	vendors, _ := startServe(t)
	vendor := vendors["teramind"]
	for _, fill := range []struct{ line, value string }{
		{`(?m)^(\$BaseUrl = ").*(/tm-api")$`, vendor.URL},
		{`(?m)^(\$AccessToken = ").*(")$`, vendor.Credentials["token"]},
		{`(?m)^(\$TargetUserEmail = ").*(")$`, vendor.Accounts[0].User},
	} {
		line := regexp.MustCompile(fill.line)
		if len(line.FindAll(script, -1)) != 1 {
			t.Fatalf("the script does not have one line %s", fill.line)
		}
		script = line.ReplaceAll(script, []byte("${1}"+fill.value+"${2}"))
	}
	password := regexp.MustCompile(`(?m)^\$NewPassword = "(.*)"$`).FindSubmatch(script)
	if password == nil {
		t.Fatal("the script has no new password")
	}
	file := filepath.Join(t.TempDir(), "Rotate-TeramindPassword.ps1")
	if err := os.WriteFile(file, script, 0o600); err != nil {
		t.Fatal(err)
	}
	if output := runPowerShell(t, file, vendor); !strings.Contains(output, "Password updated successfully.") {
		t.Errorf("the script printed %s", output)
	}
	wantInForce(t, vendor, string(password[1]))
}

// TestSafeguardPowerShell sends what One Identity's PowerShell module sends.
func TestSafeguardPowerShell(t *testing.T) {
	vendors, _ := startServe(t)
	vendor := vendors["sps"]
	const password = `New "Pass" $word-1`
	if output := runPowerShell(t, "foreign/sps.ps1", vendor, "PAM_URL="+vendor.URL, "PAM_LOGIN="+vendor.Credentials["login"],
		"PAM_PASSWORD="+vendor.Credentials["password"], "PAM_USER="+vendor.Accounts[0].User, "PAM_NEW="+password); strings.TrimSpace(output) != "changed" {
		t.Errorf("the script printed %s", output)
	}
	wantInForce(t, vendor, password)
}

// TestVenafiPowerShell sends what Venafi's PowerShell module sends.
func TestVenafiPowerShell(t *testing.T) {
	vendors, _ := startServe(t)
	vendor := vendors["venafi"]
	const password = `Nëw "Pass" $word-1`
	if output := runPowerShell(t, "foreign/venafi.ps1", vendor, "PAM_URL="+vendor.URL, "PAM_CLIENT_ID="+vendor.Credentials["client_id"],
		"PAM_LOGIN="+vendor.Credentials["login"], "PAM_PASSWORD="+vendor.Credentials["password"],
		"PAM_USER="+vendor.Accounts[0].User, "PAM_NEW="+password); strings.TrimSpace(output) != "changed" {
		t.Errorf("the script printed %s", output)
	}
	wantInForce(t, vendor, password)
}

// TestSailPointSDK has SailPoint's SDK for JavaScript set a password, and follow it to
// its end.
func TestSailPointSDK(t *testing.T) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, requireClients, "there is no "+program)
		}
	}
	list, lock := "foreign/sailpoint/package.json", "foreign/sailpoint/package-lock.json"
	packages := installed(t, "sailpoint", func(folder string) error {
		for _, file := range []string{list, lock} {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(folder, filepath.Base(file)), content, 0o600); err != nil {
				return err
			}
		}
		_, err := command(t, folder, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		return err
	}, list, lock)
	vendors, _ := startServe(t)
	vendor := vendors["sailpoint"]
	const password = `Nëw "Pass" $word-1`
	output, err := command(t, t.TempDir(), []string{
		"NODE_PATH=" + filepath.Join(packages, "node_modules"), "NODE_EXTRA_CA_CERTS=" + vendor.CA,
		"SAIL_BASE_URL=" + vendor.URL, "SAIL_CLIENT_ID=" + vendor.Credentials["client_id"], "SAIL_CLIENT_SECRET=" + vendor.Credentials["client_secret"],
	}, "node", absolute(t, "foreign/sailpoint/rotate.cjs"), vendor.Accounts[0].User, vendor.Source, password)
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(output) != "FINISHED" {
		t.Errorf("the SDK ended with %s", output)
	}
	wantInForce(t, vendor, password)
}

// TestVCert has Venafi's own client get, check, renew and give back tokens. It has no call
// that sets a password: that one is made here, with its token, as Venafi's document shows
// it, and the client signs in with the password that it has set.
func TestVCert(t *testing.T) {
	const module = "foreign/vcert"
	folder := installed(t, "vcert", func(folder string) error {
		_, err := command(t, module, []string{"GOFLAGS=-mod=readonly", "GOWORK=off"}, "go", "build", "-trimpath",
			"-o", filepath.Join(folder, "vcert"), "github.com/Venafi/vcert/v5/cmd/vcert")
		return err
	}, module+"/go.mod", module+"/go.sum")
	vendors, _ := startServe(t)
	vendor := vendors["venafi"]
	vcert := func(action string, arguments ...string) (string, error) {
		return command(t, t.TempDir(), []string{"HOME=" + t.TempDir()}, filepath.Join(folder, "vcert"),
			append([]string{action, "-u", vendor.URL, "--trust-bundle", vendor.CA}, arguments...)...)
	}
	type pair struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	credentials := func(arguments ...string) (tokens pair, err error) {
		output, err := vcert("getcred", append([]string{"--client-id", vendor.Credentials["client_id"], "--format", "json", "--no-prompt"}, arguments...)...)
		if err == nil {
			err = json.Unmarshal([]byte(output), &tokens)
		}
		return tokens, err
	}
	signIn := func(user, password string) (pair, error) {
		return credentials("--scope", "security:manage", "--username", user, "--password", password)
	}
	tokens, err := signIn(vendor.Credentials["login"], vendor.Credentials["password"])
	if err != nil {
		t.Fatal(err)
	}
	if output, err := vcert("checkcred", "-t", tokens.Access); err != nil || !strings.Contains(output, "security:manage") || strings.Contains(output, "0001-") {
		t.Errorf("checkcred: %v\n%s", err, output)
	}
	if tokens, err = credentials("-t", tokens.Refresh); err != nil {
		t.Fatal(err)
	}
	user, password := vendor.Accounts[0].User, `Nëw "Pass" $word-1`
	setPassword(t, vendor, tokens.Access, user, password)
	wantInForce(t, vendor, password)

	if _, err := signIn("local:"+user, vendor.Accounts[0].Password); err == nil {
		t.Error("the old password still signs in")
	}
	proof, err := signIn("local:"+user, password)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{tokens.Access, proof.Access} {
		if _, err := vcert("voidcred", "-t", token); err != nil {
			t.Error(err)
		}
		if _, err := vcert("checkcred", "-t", token); err == nil {
			t.Error("a token that was given back still works")
		}
	}
}

// setPassword sets a password at the simulated platform by plain HTTP.
func setPassword(t *testing.T, vendor told, token, user, password string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"ID": map[string]string{"PrefixedName": "local:" + user}, "Password": password})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, vendor.URL+"/vedsdk/Identity/SetPassword", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	client := trusting(t, vendor)
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if answer, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		t.Fatalf("SetPassword: %s %s", response.Status, answer)
	}
}
