package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

var twice = flag.String("twice", "", "the platforms that TestBuiltTwice builds, such as linux/amd64,windows/amd64")

// clone puts the project as it is now, changes included, into a folder, as one commit.
func clone(t *testing.T, folder string) {
	t.Helper()
	listed := git(t, root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	for _, name := range strings.Split(strings.TrimSuffix(listed, "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed, and not committed
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(folder, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), content, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	git(t, folder, "init", "-q")
	git(t, folder, "add", ".")
	git(t, folder, "commit", "-q", "-m", "as it is now")
}

// start runs a command in a folder, with more in its environment, and returns its exit
// code and both of its streams.
func start(t *testing.T, folder string, environment []string, name string, arguments ...string) (int, string) {
	t.Helper()
	command := exec.Command(name, arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), environment...)
	text, err := command.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(text)
}

// otherwise is an environment that must not change a byte.
func otherwise(cache string) []string {
	return []string{
		"GOCACHE_FOR_REBUILD=" + cache, "TZ=Pacific/Kiritimati", "LANG=tr_TR.UTF-8", "LC_ALL=C", "GOAMD64=v3", "GOARM64=v9.0",
		"GOFLAGS=-gcflags=-N -tags=netgo", "CGO_ENABLED=1", "GOWORK=", "USER=somebody", "VERSION=9.9.9", "COMMIT=c0ffee", "EPOCH=1",
		"MAKEFLAGS=VERSION=9.9.9",
	}
}

// TestVerifyBuild compares a release with what its commit builds: the same, and spoilt in
// every way.
func TestVerifyBuild(t *testing.T) {
	project := filepath.Join(t.TempDir(), "project")
	clone(t, project)
	if code, text := start(t, project, nil, "make", "release", "PLATFORMS=linux/amd64"); code != 0 {
		t.Fatalf("exit %d: %s", code, text)
	}
	release := filepath.Join(project, "dist", "release")
	commit := strings.TrimSpace(git(t, project, "rev-parse", "HEAD"))
	binary := program + "-linux-amd64"
	spoilt := func(t *testing.T) string {
		folder := t.TempDir()
		if err := os.CopyFS(folder, os.DirFS(release)); err != nil {
			t.Fatal(err)
		}
		return folder
	}
	flip := func(t *testing.T, path ...string) {
		content := []byte(read(t, path...))
		content[len(content)/2] ^= 1
		write(t, string(content), path...)
	}
	for name, test := range map[string]struct {
		arguments func(t *testing.T) []string
		code      int
		want      []string
		not       string
	}{
		"the same, in other surroundings": {func(t *testing.T) []string {
			write(t, "package main\n\nvar _ = undefined\n", project, "cmd", program, "uncommitted.go")
			return []string{release}
		}, 0, []string{"same       " + binary, "same       sbom.cdx.json", "bit for bit"}, "NOT"},
		"the sums alone": {func(*testing.T) []string { return []string{"--commit", commit, filepath.Join(release, sumsName)} }, 0, []string{"bit for bit"}, "NOT"},
		"one byte, one file gone, one more, one not listed": {func(t *testing.T) []string {
			folder := spoilt(t)
			flip(t, folder, binary)
			os.Remove(filepath.Join(folder, licencesName))
			sums := read(t, folder, sumsName)
			sums = regexp.MustCompile(`(?m)^.*  LICENSE\n`).ReplaceAllString(sums, "")
			write(t, sums+strings.Repeat("0", 64)+"  more\n", folder, sumsName)
			return []string{folder}
		}, 1, []string{"CHANGED    " + binary, "ABSENT     THIRD_PARTY_LICENSES", "UNKNOWN    more", "MISSING    LICENSE", "is NOT what commit " + commit}, "bit for bit"},
		"one byte, and its sum with it": {func(t *testing.T) []string {
			folder := spoilt(t)
			flip(t, folder, binary)
			sums, err := checksums(folder, []string{binary})
			if err != nil {
				t.Fatal(err)
			}
			write(t, regexp.MustCompile(`(?m)^.*  `+binary+`\n`).ReplaceAllString(read(t, folder, sumsName), sums), folder, sumsName)
			return []string{folder}
		}, 1, []string{"DIFFERENT  " + binary}, "bit for bit"},
		"another Go": {func(t *testing.T) []string {
			folder := spoilt(t)
			write(t, strings.ReplaceAll(read(t, folder, billName), runtime.Version(), "go1.2.3"), folder, billName)
			return []string{folder}
		}, 2, []string{"built with go1.2.3 and this is " + runtime.Version(), "GOTOOLCHAIN=go1.2.3"}, "same"},
		"another commit": {func(t *testing.T) []string {
			folder := spoilt(t)
			write(t, strings.ReplaceAll(read(t, folder, billName), commit, strings.Repeat("a", 40)), folder, billName)
			return []string{folder}
		}, 2, []string{"says that it is commit aaaa", "--commit aaaa"}, "same"},
		"another date": {func(t *testing.T) []string {
			folder := spoilt(t)
			write(t, regexp.MustCompile(`"timestamp": ".*"`).ReplaceAllString(read(t, folder, billName), `"timestamp": "2001-02-03T04:05:06Z"`), folder, billName)
			return []string{folder}
		}, 1, []string{"the release has the date 2001-02-03T04:05:06Z, which is not the commit's", "CHANGED    sbom.cdx.json"}, "bit for bit"},
		"no such commit": {func(*testing.T) []string { return []string{"--commit", "nowhere", release} }, 2, []string{"git knows no such commit"}, "same"},
		"no sums":        {func(t *testing.T) []string { return []string{t.TempDir()} }, 2, []string{"SHA256SUMS cannot be read"}, "same"},
		"sums of another kind": {func(t *testing.T) []string {
			write(t, "d41d8cd98f00b204e9800998ecf8427e  file\n", project, "dist", "sums")
			return []string{filepath.Join(project, "dist", "sums")}
		}, 2, []string{"no list of SHA-256 sums"}, "same"},
		"no binary": {func(t *testing.T) []string {
			write(t, strings.Repeat("0", 64)+"  file\n", project, "dist", "sums")
			return []string{filepath.Join(project, "dist", "sums")}
		}, 2, []string{"lists no binary"}, "same"},
		"no argument":     {func(*testing.T) []string { return nil }, 64, []string{"usage: "}, "same"},
		"unknown flag":    {func(*testing.T) []string { return []string{"--fast", release} }, 64, []string{"usage: "}, "same"},
		"commit and none": {func(*testing.T) []string { return []string{"--commit"} }, 64, []string{"usage: "}, "same"},
	} {
		t.Run(name, func(t *testing.T) {
			code, text := start(t, t.TempDir(), otherwise(goEnv(t, "GOCACHE")), filepath.Join(project, "scripts", "verify-build.sh"), test.arguments(t)...)
			if code != test.code || strings.Contains(text, test.not) {
				t.Errorf("exit %d, not %d: %s", code, test.code, text)
			}
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %q: %s", want, text)
				}
			}
		})
	}
	// The line in go.mod decides as well, where there is no bill of materials.
	gomod := regexp.MustCompile(`(?m)^toolchain .*$`).ReplaceAllString(read(t, project, "go.mod"), "toolchain go1.26.999")
	write(t, gomod, project, "go.mod")
	git(t, project, "commit", "-q", "-m", "another Go", "go.mod")
	code, text := start(t, project, []string{"GOTOOLCHAIN=local"}, "scripts/verify-build.sh", filepath.Join(release, sumsName))
	if code != 2 || !strings.Contains(text, "built with go1.26.999 and this is "+runtime.Version()) {
		t.Errorf("exit %d: %s", code, text)
	}
	// And so it does before a release, as changes that are not committed do.
	code, text = start(t, project, []string{"GOTOOLCHAIN=local"}, "make", "release", "PLATFORMS=linux/amd64")
	for _, want := range []string{"not committed", "go.mod pins releases to go1.26.999"} {
		if code == 0 || !strings.Contains(text, want) {
			t.Errorf("exit %d, without %q: %s", code, want, text)
		}
	}
	if _, err := os.Stat(filepath.Join(release, sumsName)); err != nil {
		t.Errorf("a release that was refused has taken the old one away: %v", err)
	}
}

// keygen makes a throw-away key.
func keygen(t *testing.T, path string) {
	t.Helper()
	if code, text := start(t, ".", nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path); code != 0 {
		t.Fatal(text)
	}
}

// TestSignRelease signs with a throw-away key and verifies as an administrator would.
func TestSignRelease(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("ssh-keygen is not installed")
	}
	const identity = "releases@example.com"
	keys := t.TempDir()
	keygen(t, filepath.Join(keys, "release"))
	keygen(t, filepath.Join(keys, "other"))
	script, err := filepath.Abs(filepath.Join(root, "scripts", "sign-release.sh"))
	if err != nil {
		t.Fatal(err)
	}
	release := func(t *testing.T) string {
		folder := t.TempDir()
		write(t, "a program\n", folder, "program")
		sums, err := checksums(folder, []string{"program"})
		if err != nil {
			t.Fatal(err)
		}
		write(t, sums, folder, sumsName)
		return folder
	}
	verify := func(folder, signers string) (int, string) {
		return start(t, folder, nil, "bash", "-c", `ssh-keygen -Y verify -f "$1" -I "$2" -n pam-rotate-script-release -s SHA256SUMS.sig < SHA256SUMS`, "-", signers, identity)
	}
	folder := release(t)
	code, text := start(t, folder, nil, script, filepath.Join(keys, "release"), identity, folder)
	line := regexp.MustCompile(`(?m)^` + identity + ` namespaces=.*\n`).FindString(text)
	if code != 0 || line == "" {
		t.Fatalf("exit %d: %s", code, text)
	}
	write(t, line, keys, "allowed_signers")
	if code, text := verify(folder, filepath.Join(keys, "allowed_signers")); code != 0 || !strings.Contains(text, `Good "pam-rotate-script-release" signature`) {
		t.Errorf("exit %d: %s", code, text)
	}
	// The public half of a key that another holds signs nothing.
	if err := os.Rename(filepath.Join(keys, "other"), filepath.Join(keys, "away")); err != nil {
		t.Fatal(err)
	}
	if code, text := start(t, folder, []string{"SSH_AUTH_SOCK="}, script, filepath.Join(keys, "other.pub"), identity, folder); code != 1 || !strings.Contains(text, "could not sign") {
		t.Errorf("exit %d: %s", code, text)
	}
	if _, err := os.Stat(filepath.Join(folder, "SHA256SUMS.sig")); err == nil {
		t.Error("a signature of before is left")
	}
	if err := os.Rename(filepath.Join(keys, "away"), filepath.Join(keys, "other")); err != nil {
		t.Fatal(err)
	}
	// Signed by another key, and altered after it was signed.
	if code, text := start(t, folder, nil, script, filepath.Join(keys, "other"), identity, folder); code != 0 {
		t.Fatalf("exit %d: %s", code, text)
	}
	if code, text := verify(folder, filepath.Join(keys, "allowed_signers")); code == 0 {
		t.Errorf("another key's signature was taken: %s", text)
	}
	if code, text := start(t, folder, nil, script, filepath.Join(keys, "release"), identity, folder); code != 0 {
		t.Fatalf("exit %d: %s", code, text)
	}
	write(t, strings.Replace(read(t, folder, sumsName), "program", "programs", 1), folder, sumsName)
	if code, text := verify(folder, filepath.Join(keys, "allowed_signers")); code == 0 {
		t.Errorf("altered sums were taken: %s", text)
	}

	project, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(project, "scripts", "release", "a-key.test") // *.test is not committed
	write(t, read(t, keys, "release"), inside)
	defer os.Remove(inside)
	for name, test := range map[string]struct {
		spoil     func(folder string)
		arguments []string
		code      int
		want      string
	}{
		"a file that was changed": {func(folder string) { write(t, "another\n", folder, "program") }, []string{filepath.Join(keys, "release"), identity}, 1, "not those that SHA256SUMS lists"},
		"a file too many":         {func(folder string) { write(t, "", folder, "notes") }, []string{filepath.Join(keys, "release"), identity}, 1, "notes is in the folder"},
		"no sums":                 {func(folder string) { os.Remove(filepath.Join(folder, sumsName)) }, []string{filepath.Join(keys, "release"), identity}, 1, "make release first"},
		"a key in the project":    {func(string) {}, []string{inside, identity}, 1, "lies in the project's folder"},
		"no key":                  {func(string) {}, []string{filepath.Join(keys, "gone"), identity}, 1, "cannot be read"},
		"a pattern as identity":   {func(string) {}, []string{filepath.Join(keys, "release"), "*"}, 1, "the identity holds"},
		"no identity":             {func(string) {}, []string{filepath.Join(keys, "release"), ""}, 64, "usage: "},
	} {
		t.Run(name, func(t *testing.T) {
			folder := release(t)
			test.spoil(folder)
			code, text := start(t, folder, nil, script, append(test.arguments, folder)...)
			if code != test.code || !strings.Contains(text, test.want) {
				t.Errorf("exit %d: %s", code, text)
			}
			if _, err := os.Stat(filepath.Join(folder, "SHA256SUMS.sig")); err == nil {
				t.Error("it was signed all the same")
			}
		})
	}
}

var shellBlock = regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```$")

// TestReleasePage runs the commands of docs/release.md, those of the publisher first.
func TestReleasePage(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the page runs the binary for linux/amd64")
	}
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("ssh-keygen is not installed")
	}
	page := read(t, root, "docs", "release.md")
	parts := map[string]string{}
	for _, part := range regexp.MustCompile(`(?m)^###? `).Split(page, -1)[1:] {
		title, text, _ := strings.Cut(part, "\n")
		for _, block := range shellBlock.FindAllStringSubmatch(text, -1) {
			parts[title] += block[1]
		}
	}
	if len(parts) != 3 {
		t.Fatalf("the page has commands in %d parts", len(parts))
	}
	project, home := filepath.Join(t.TempDir(), "project"), t.TempDir()
	clone(t, project)
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	keygen(t, filepath.Join(home, ".ssh", "release"))
	release := filepath.Join(project, "dist", "release")
	// One platform is enough here; the caches stay where they are.
	environment := []string{
		"HOME=" + home, "GOCACHE=" + goEnv(t, "GOCACHE"), "GOMODCACHE=" + goEnv(t, "GOMODCACHE"),
		"GOCACHE_FOR_REBUILD=" + goEnv(t, "GOCACHE"), "MAKEFLAGS=PLATFORMS=linux/amd64",
	}
	signers := ""
	for _, step := range []struct{ title, folder string }{{"Publish one", project}, {"On Linux and macOS", release}, {"Build it again and compare", project}} {
		if step.folder == release {
			write(t, signers, release, "allowed_signers")
		}
		if parts[step.title] == "" {
			t.Fatalf("there is no command under %q", step.title)
		}
		code, text := start(t, step.folder, environment, "bash", "-e", "-c", parts[step.title])
		if code != 0 {
			t.Fatalf("%s: exit %d: %s", step.title, code, text)
		}
		if line := regexp.MustCompile(`(?m)^releases@example\.com namespaces=.*\n`).FindString(text); line != "" {
			signers = line
		}
		for title, want := range map[string]string{"On Linux and macOS": `Good "pam-rotate-script-release" signature`, "Build it again and compare": "bit for bit"} {
			if title == step.title && !strings.Contains(text, want) {
				t.Errorf("%s: it does not say %q: %s", title, want, text)
			}
		}
	}
}

// TestBuiltTwice builds the project in two folders, with two caches and in different
// surroundings, and compares every file of the release. The second cache is kept, beside
// Go's own: what is in it was compiled by no build of the first.
func TestBuiltTwice(t *testing.T) {
	if *twice == "" {
		t.Skip("make reproducible runs it")
	}
	began := time.Now()
	first := filepath.Join(t.TempDir(), "first")
	clone(t, first)
	if code, text := start(t, first, nil, "make", "release", "PLATFORMS="+strings.ReplaceAll(*twice, ",", " ")); code != 0 {
		t.Fatalf("exit %d: %s", code, text)
	}
	fmt.Printf("built once in %d s\n", int(time.Since(began).Seconds()))
	caches, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	// A deeper folder, under a name with a blank in it, and a stricter umask.
	temporary := filepath.Join(t.TempDir(), "a folder", "that", "is", "deeper")
	if err := os.MkdirAll(temporary, 0o755); err != nil {
		t.Fatal(err)
	}
	environment := append(otherwise(filepath.Join(caches, program, "second-build")), "TMPDIR="+temporary)
	code, text := start(t, temporary, environment, "bash", "-c", `umask 077; exec "$@"`, "-", filepath.Join(first, "scripts", "verify-build.sh"), filepath.Join(first, "dist", "release"))
	fmt.Print(text)
	fmt.Printf("built again and compared in %d s\n", int(time.Since(began).Seconds()))
	if code != 0 || !bytes.Contains([]byte(text), []byte("bit for bit")) {
		t.Errorf("exit %d", code)
	}
}
