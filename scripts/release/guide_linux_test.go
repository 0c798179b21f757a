package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pam-rotate-script/internal/documents"
)

// longestWait bounds each command that this test starts.
const longestWait = 5 * time.Minute

// byThisTest is what the guide says of blocks that this test runs and others cannot.
const byThisTest = "TestGuideInACleanRoot runs it"

// TestGuideInACleanRoot follows the guide of a release's archive word for word, as somebody who
// has nothing but that archive: in a Debian without Go, compilers or authorities' certificates.
// The vendor is simulated, outside of it. At last it is the Gateway, and pipes a payload into
// the archive's wrapper.
func TestGuideInACleanRoot(t *testing.T) {
	missing := ""
	if _, err := exec.LookPath("debootstrap"); err != nil {
		missing = "debootstrap is not there"
	}
	switch {
	case os.Getuid() != 0:
		missing = "root makes a clean root"
	case runtime.GOARCH != "amd64":
		missing = "the guide's archive is that for linux/amd64"
	}
	if missing != "" {
		if os.Getenv("CI_REQUIRE_CLEAN_ROOT") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	folder := t.TempDir()
	clean, clone := filepath.Join(folder, "root"), filepath.Join(folder, "clone")

	var both sync.WaitGroup
	both.Go(func() { makeCleanRoot(t, clean) })
	defer both.Wait()
	git(t, root, "clone", "-q", ".", clone)
	started(t, clone, "make", "release", "PLATFORMS=linux/amd64")
	started(t, clone, "go", "build", "-o", "bin/", "./cmd/pam-rotate-demo")
	both.Wait()
	if t.Failed() {
		return
	}
	archives, err := filepath.Glob(filepath.Join(clone, "dist", "release", program+"_*_linux_amd64.tar.gz"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("the archives are %v (%v)", archives, err)
	}
	home := filepath.Join(clean, "root")
	started(t, clone, "cp", archives[0], home)
	started(t, home, "tar", "-xzf", archives[0])
	unpacked := strings.TrimSuffix(filepath.Base(archives[0]), ".tar.gz")
	guide := read(t, home, unpacked, "guide.md")
	wrapper := read(t, home, unpacked, "pam-rotate-script.sh")
	// The reader unpacks it anew.
	if err := os.RemoveAll(filepath.Join(home, unpacked)); err != nil {
		t.Fatal(err)
	}

	vendor := serveTeramind(t, clone)
	page, err := documents.Parse("guide.md", guide)
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	var shown []documents.Command // what the page shows below each command; none for a block without any
	for _, block := range page.Blocks {
		switch {
		case block.File == "scripts/pam-rotate-script.sh":
			if block.Text != wrapper {
				t.Errorf("the archive's wrapper is another one than the guide shows:\n%s", wrapper)
			}
		case block.File != "":
			// The reader puts in values of their own: the address, and the authority as the guide says.
			text := strings.ReplaceAll(block.Text, "https://teramind.example.com", vendor.URL) +
				"  CA Certificate: |\n    " + strings.ReplaceAll(strings.TrimSpace(read(t, vendor.CA)), "\n", "\n    ") + "\n"
			fmt.Fprintf(&script, "cat > %s <<'THE END'\n%sTHE END\n", block.File, text)
		case !block.IsCommands(), block.NotRun != "" && !strings.Contains(block.NotRun, byThisTest):
		case block.Language == "console":
			commands, err := block.Commands()
			if err != nil {
				t.Fatal(err)
			}
			for _, command := range commands {
				fmt.Fprintf(&script, "%scode=$?; printf '\\036%%d\\036' $code\n", command.Text)
				command.Output = strings.ReplaceAll(command.Output, "https://teramind.example.com", vendor.URL)
				shown = append(shown, command)
			}
		default:
			// No ( ): the folder and the umask stay.
			fmt.Fprintf(&script, "{\n%s} && true; code=$?; printf '\\036%%d\\036' $code\n", strings.ReplaceAll(strings.TrimSuffix(block.Text, "\n"), "\n", " &&\n")+"\n")
			shown = append(shown, documents.Command{Text: block.Text, Output: "…\n"})
		}
	}
	if len(shown) < 7 {
		t.Fatalf("the guide has only %d commands", len(shown))
	}
	output, err := inside(t, clean, nil, "/bin/bash", "-c", "cd; if command -v go cc python3; then exit 9; fi\n"+script.String())
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	parts := strings.Split(output, "\036")
	for i, command := range shown {
		if len(parts) < 2*i+2 {
			t.Fatalf("the guide ends before %q:\n%s", command.Text, output)
		}
		if parts[2*i+1] != "0" || !documents.Alike(parts[2*i], command.Output) {
			t.Fatalf("%s ends with %s, prints\n%s\nand the guide shows\n%s", command.Text, parts[2*i+1], parts[2*i], command.Output)
		}
	}
	if inForce := vendor.inForce(t); inForce != "Second-Pass!word-2" {
		t.Fatalf("after the guide %q is in force", inForce)
	}
	if left, err := filepath.Glob(filepath.Join(home, "trial", "*.yaml")); err != nil || len(left) > 0 {
		t.Errorf("the guide leaves %v behind (%v)", left, err)
	}

	// The Gateway.
	payload := exec.Command(filepath.Join(clean, "usr/local/bin", program), "payload", "--from", vendor.Description)
	line, err := payload.Output()
	if err != nil {
		t.Fatalf("payload: %v", err)
	}
	output, err = inside(t, clean, line, "/root/trial/"+unpacked+"/pam-rotate-script.sh")
	if err != nil || !strings.Contains(output, "changed: teramind jdoe@example.com") {
		t.Errorf("the wrapper ends with %v:\n%s", err, output)
	}
	if inForce := vendor.inForce(t); !strings.HasPrefix(inForce, "Demo-Pass!word-") {
		t.Errorf("after the wrapper %q is in force", inForce)
	}
}

// makeCleanRoot unpacks Debian's required packages. Configuring them takes longer than all the
// rest, so what that would make and the guide needs is made here.
func makeCleanRoot(t *testing.T, clean string) {
	ctx, cancel := context.WithTimeout(t.Context(), longestWait)
	defer cancel()
	command := exec.CommandContext(ctx, "debootstrap", "--foreign", "--variant=minbase", "bookworm", clean)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = time.Second
	if text, err := command.CombinedOutput(); err != nil {
		t.Errorf("debootstrap: %v: %s", err, text)
		return
	}
	if err := os.MkdirAll(filepath.Join(clean, "usr/local/bin"), 0o755); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(clean, "etc/passwd"), []byte("root:x:0:0:root:/root:/bin/bash\n"), 0o644); err != nil {
		t.Error(err)
	}
	if err := os.MkdirAll(filepath.Join(clean, "root"), 0o700); err != nil {
		t.Error(err)
	}
}

// started runs a command outside of the clean root to its end.
func started(t *testing.T, folder, name string, arguments ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longestWait)
	defer cancel()
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir, command.WaitDelay = folder, time.Second
	if text, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, arguments, err, text)
	}
}

// inside runs a command in the clean root, with nothing of this environment. The output is
// that of both streams.
func inside(t *testing.T, clean string, input []byte, name string, arguments ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longestWait)
	defer cancel()
	command := exec.CommandContext(ctx, name, arguments...)
	command.SysProcAttr = &syscall.SysProcAttr{Chroot: clean, Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.Dir, command.WaitDelay = "/", time.Second
	command.Env = []string{"HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	if input != nil {
		command.Stdin = bytes.NewReader(input)
	}
	output, err := command.CombinedOutput()
	return string(output), err
}

// servedVendor is what pam-rotate-demo serve tells about one.
type servedVendor struct{ URL, CA, Description string }

// serveTeramind starts the simulated vendors until the test ends.
func serveTeramind(t *testing.T, clone string) servedVendor {
	t.Helper()
	command := exec.Command(filepath.Join(clone, "bin", "pam-rotate-demo"), "serve", "--json", "--for", longestWait.String())
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var exit *exec.ExitError
		_ = command.Process.Signal(os.Interrupt)
		if err := command.Wait(); err != nil && !errors.As(err, &exit) {
			t.Error(err)
		}
	})
	var all struct{ Teramind servedVendor }
	if err := json.NewDecoder(out).Decode(&all); err != nil {
		t.Fatalf("what is served cannot be read: %v", err)
	}
	return all.Teramind
}

var inForceLine = regexp.MustCompile(`(?m)^oldPassword: "(.*)"$`)

// inForce returns the password of the vendor's first account.
func (v servedVendor) inForce(t *testing.T) string {
	t.Helper()
	match := inForceLine.FindStringSubmatch(read(t, v.Description))
	if match == nil {
		t.Fatal("the description names no password in force")
	}
	return match[1]
}
