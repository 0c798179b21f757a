package documents

// This is for Linux alone: the vendors' authority is trusted by way of SSL_CERT_FILE, which
// Go reads there.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pam-rotate-script/internal/simulator"
	restsimulator "pam-rotate-script/internal/simulator/rest"
	sailpointsimulator "pam-rotate-script/internal/simulator/sailpoint"
	spssimulator "pam-rotate-script/internal/simulator/sps"
	teramindsimulator "pam-rotate-script/internal/simulator/teramind"
	venafisimulator "pam-rotate-script/internal/simulator/venafi"
)

const (
	// longestBlock bounds one block, a build on a busy machine included.
	longestBlock = 5 * time.Minute
)

// The passwords, at the start and after a rotation, of the account at every vendor.
const (
	oldPassword = "First-Pass!word-1"
	newPassword = "Second-Pass!word-2"
)

// vendor is a simulated vendor in the place of a host that the pages name.
type vendor struct {
	host    string
	server  *simulator.Server
	accepts func(password string) bool
}

// vendors starts a fresh one of each.
func vendors(t *testing.T) []vendor {
	t.Helper()
	var all []vendor
	add := func(host string, simulated simulator.Vendor, accepts func(password string) bool) {
		server, err := simulator.Start(simulated, simulator.Options{Hosts: []string{host}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		all = append(all, vendor{host, server, accepts})
	}
	// Each has a user of that name and oldPassword to begin with.
	instance := teramindsimulator.New(teramindsimulator.Options{ExtraFields: true, MinimumLength: 8})
	add("teramind.example.com", instance, func(password string) bool { return instance.Accepts("jdoe@example.com", password) })

	platform := venafisimulator.New(venafisimulator.Options{LockAfter: 4})
	add("tpp.example.com", platform, func(password string) bool { return platform.Accepts("jdoe", password) })

	tenant := sailpointsimulator.New(sailpointsimulator.Options{Outcome: sailpointsimulator.FinishesAtOnce, EndsAtPoll: 1})
	add("acme.api.identitynow.com", tenant, func(password string) bool {
		return tenant.Accepts(sailpointsimulator.SourceName, sailpointsimulator.AccountID, password)
	})

	appliance := spssimulator.New(spssimulator.Options{LockOutAfter: 3})
	add("sps.example.com", appliance, func(password string) bool { return appliance.Accepts("jdoe", password) })

	service, err := restsimulator.New(restsimulator.Config{VerifyPath: "/v1/me", Path: "/v1/password", MinimumLength: 8})
	if err != nil {
		t.Fatal(err)
	}
	add("api.example.com", service, func(password string) bool { return service.Accepts("jdoe@example.com", password) })
	return all
}

// proxy starts an HTTPS proxy that leads to the vendors, and to nobody else. It is what
// lets a page's commands be run as they are, with the hosts that they name.
func proxy(t *testing.T, vendors []vendor) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	serve := func(client net.Conn) {
		defer client.Close()
		_ = client.SetDeadline(time.Now().Add(longestBlock))
		reader := bufio.NewReader(client)
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		for _, v := range vendors {
			if request.Method != http.MethodConnect || request.Host != v.host+":443" {
				continue
			}
			server, err := net.Dial("tcp", v.server.Host())
			if err != nil {
				return
			}
			defer server.Close()
			_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
			go func() {
				_, _ = io.Copy(server, reader)
				_ = server.Close()
			}()
			_, _ = io.Copy(client, server)
			return
		}
		_, _ = io.WriteString(client, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(client)
		}
	}()
	return "http://" + listener.Addr().String()
}

// TestEveryCommandRuns runs the blocks of commands of every page, word for word and in
// their order, in a copy of the project. It fails if one ends with another exit code than 0
// or the one in the comment above it, or prints something else than the page shows. Blocks
// with a reason not to be run are listed under go test -v.
func TestEveryCommandRuns(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "bin", "pam-rotate-script")
	output, err := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-o", binary, "pam-rotate-script/cmd/pam-rotate-script").CombinedOutput()
	if err != nil {
		t.Fatalf("build the program: %v\n%s", err, output)
	}
	ran := 0
	all := pages(t)
	for _, page := range all {
		var blocks []Block
		for _, block := range page.Blocks {
			switch {
			case block.IsCommands() && block.NotRun != "":
				t.Logf("%s:%d is not run: %s", page.Path, block.Line, block.NotRun)
			case block.IsCommands() && runsTests.MatchString(block.Text):
				t.Errorf("%s:%d would run this test in itself: it needs a comment <!-- not run: REASON -->", page.Path, block.Line)
			case block.IsCommands() || block.File != "":
				blocks = append(blocks, block)
			}
		}
		if !slices.ContainsFunc(blocks, Block.IsCommands) {
			continue
		}
		t.Run(page.Path, func(t *testing.T) {
			r := newReader(t, binary)
			if !slices.ContainsFunc(blocks, func(block Block) bool { return block.File == description }) {
				r.saveDescription(t, all)
			}
			for _, block := range blocks {
				place := fmt.Sprintf("%s:%d", page.Path, block.Line)
				if block.File != "" {
					r.save(t, place, block)
				} else if r.follow(t, place, block); t.Failed() {
					// What comes next builds upon this.
					return
				}
				ran++
			}
			for _, v := range r.vendors {
				if notes := v.server.Notes(); len(notes) > 0 {
					t.Errorf("%s noted: %v", v.host, notes)
				}
				// The guide's reader has rotated the account at the vendor whose example it is.
				if page.Path == guide && v.host == "teramind.example.com" && (!v.accepts(newPassword) || v.accepts(oldPassword)) {
					t.Errorf("after the guide the new password is not in force at %s", v.host)
				}
			}
		})
	}
	if ran < 10 {
		t.Errorf("only %d blocks were run: the test looks in the wrong place", ran)
	}
}

// runsTests matches what would run this test again, or takes minutes.
var runsTests = regexp.MustCompile(`\bmake (test|fuzz|demo|load|matrix|bench|release|cross|size|lint)\b|\bgo test\b|\.ci/run`)

// reader is somebody who follows one page, in a copy of the project.
type reader struct {
	folder      string
	environment []string
	vendors     []vendor
}

func newReader(t *testing.T, binary string) *reader {
	t.Helper()
	r := &reader{folder: filepath.Join(t.TempDir(), "pam-rotate-script"), vendors: vendors(t)}
	copyProject(t, r.folder)
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(r.folder, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.folder, "bin", "pam-rotate-script"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	authority := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(authority, []byte(r.vendors[0].server.Authority().PEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "KSM_") || strings.HasPrefix(name, "GATEWAY_") || strings.HasSuffix(strings.ToUpper(name), "_PROXY") || name == "MAKEFLAGS" {
			continue
		}
		r.environment = append(r.environment, variable)
	}
	r.environment = append(r.environment, "HTTPS_PROXY="+proxy(t, r.vendors), "SSL_CERT_FILE="+authority,
		"PATH="+filepath.Dir(binary)+string(filepath.ListSeparator)+os.Getenv("PATH"), "GOPROXY=off")
	return r
}

// copyProject copies what a clone holds.
func copyProject(t *testing.T, to string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch {
		case name == ".git" && entry.IsDir(), name == "bin", name == "dist", entry.Name() == "node_modules":
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		case !entry.Type().IsRegular():
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// save makes the file that a block shows. Where the project has it, it must be the same.
func (r *reader) save(t *testing.T, place string, block Block) {
	t.Helper()
	path := filepath.Join(r.folder, filepath.FromSlash(block.File))
	if there, err := os.ReadFile(path); err == nil {
		if string(there) != block.Text {
			t.Errorf("%s: %s is another one than the page shows", place, block.File)
		}
		return
	}
	if err := os.WriteFile(path, []byte(block.Text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// saveDescription makes the file that whoever reads another page has from the guide.
func (r *reader) saveDescription(t *testing.T, all []*Document) {
	t.Helper()
	for _, page := range all {
		for _, block := range page.Blocks {
			if page.Path == guide && block.File == description {
				r.save(t, guide, block)
				return
			}
		}
	}
	t.Fatalf("%s does not show the file %s", guide, description)
}

// follow carries out one block.
func (r *reader) follow(t *testing.T, place string, block Block) {
	t.Helper()
	if block.Language != "console" {
		if block.ExitCode != 0 && strings.Count(strings.ReplaceAll(block.Text, "\\\n", ""), "\n") != 1 {
			t.Errorf("%s: a block with an exit code of its own holds one command", place)
			return
		}
		if code, output := r.bash(t, "set -e\n"+block.Text); code != block.ExitCode {
			t.Errorf("%s: the exit code is %d and not %d\n%s", place, code, block.ExitCode, output)
		}
		return
	}
	commands, err := block.Commands()
	if err != nil {
		t.Errorf("%s: %v", place, err)
		return
	}
	// One shell, so that echo $? works as it would for the reader. Behind each command
	// it prints its exit code between two characters that nothing else prints.
	var script strings.Builder
	for _, command := range commands {
		script.WriteString(command.Text + "code=$?; printf '\\036%d\\036' $code; (exit $code)\n")
	}
	_, output := r.bash(t, script.String())
	parts := strings.Split(output, "\036")
	for i, command := range commands {
		if len(parts) < 2*i+2 {
			t.Errorf("%s: the block ended before %q", place, command.Text)
			return
		}
		shown, code := parts[2*i], parts[2*i+1]
		isAsked := i+1 < len(commands) && strings.TrimSpace(commands[i+1].Text) == "echo $?"
		if code != fmt.Sprint(block.ExitCode) && !isAsked {
			t.Errorf("%s: the exit code of %q is %s and not %d\n%s", place, command.Text, code, block.ExitCode, shown)
		}
		if !Alike(shown, command.Output) {
			t.Errorf("%s: %s prints\n%s\nand the page shows\n%s", place, command.Text, shown, command.Output)
		}
	}
}

// bash runs a script with nothing on standard input and both streams in one.
func (r *reader) bash(t *testing.T, script string) (code int, output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longestBlock)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-c", script)
	command.Dir, command.Env = r.folder, r.environment
	// Nothing that a block starts outlives it.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = time.Second
	var both bytes.Buffer
	command.Stdout, command.Stderr = &both, &both
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), both.String()
}
