package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const root = "../.."

var twice = flag.String("twice", "", "platforms, with commas, that TestBuiltTwice builds twice")

var given = stamp{version: "1.2.3-dev", commit: "0123456789abcdef0123456789abcdef01234567", epoch: "1795577273"}

// built makes real binaries once, for two systems: one has a module that the other has not.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "release-test")
	if err != nil {
		return "", err
	}
	command := exec.Command("make", "-C", root, "cross", "DIST="+folder, "PLATFORMS=linux/amd64 windows/amd64",
		"VERSION="+given.version, "COMMIT="+given.commit, "EPOCH="+given.epoch)
	if text, err := command.CombinedOutput(); err != nil {
		return folder, fmt.Errorf("%w: %s", err, text)
	}
	return folder, nil
})

func TestMain(m *testing.M) {
	// Nothing of a make around the tests goes into those that they start.
	for _, name := range []string{"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "SOURCE_DATE_EPOCH", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"} {
		os.Unsetenv(name)
	}
	flag.Parse()
	code := m.Run()
	if *twice == "" {
		if folder, _ := built(); folder != "" {
			os.RemoveAll(folder)
		}
	}
	os.Exit(code)
}

func binaries(t *testing.T) string {
	t.Helper()
	folder, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// unpack returns the files of an archive by name, with their modes.
func unpack(t *testing.T, path string) map[string]packed {
	t.Helper()
	content := []byte(read(t, path))
	files := map[string]packed{}
	if strings.HasSuffix(path, ".zip") {
		archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range archive.File {
			reader, err := entry.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(reader)
			if err != nil {
				t.Fatal(err)
			}
			files[entry.Name] = packed{entry.Name, text, entry.Mode()}
		}
		return files
	}
	compressed, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(compressed)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return files
		} else if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = packed{header.Name, text, header.FileInfo().Mode()}
	}
}

// TestPack packs twice, and holds what comes of it against the binaries.
func TestPack(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for _, into := range []string{first, second} {
		if err := pack(root, binaries(t), into, given, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(first)
	if err != nil || len(entries) != 5 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, entry := range entries {
		if read(t, first, entry.Name()) != read(t, second, entry.Name()) {
			t.Errorf("%s differs between two runs", entry.Name())
		}
	}
	command := exec.Command("sha256sum", "-c", "SHA256SUMS")
	command.Dir = first
	if text, err := command.CombinedOutput(); err != nil || bytes.Count(text, []byte(": OK\n")) != 4 {
		t.Errorf("sha256sum: %v: %s", err, text)
	}
	for name, platform := range map[string]string{"linux_amd64.tar.gz": "linux-amd64", "windows_amd64.zip": "windows-amd64.exe"} {
		base := program + "_1.2.3-dev_" + strings.SplitN(name, ".", 2)[0]
		files := unpack(t, filepath.Join(first, program+"_1.2.3-dev_"+name))
		binary := files[base+"/"+program+filepath.Ext(platform)]
		if string(binary.content) != read(t, binaries(t), program+"-"+platform) || binary.mode.Perm() != 0o755 {
			t.Errorf("%s: the binary is not the one that was built, or has mode %v", name, binary.mode)
		}
		for _, source := range alongside {
			if string(files[base+"/"+filepath.Base(source)].content) != read(t, root, source) {
				t.Errorf("%s lacks %s", name, source)
			}
		}
		checkBill(t, read(t, first, base+".cdx.json"), string(files[base+"/THIRD_PARTY_LICENSES"].content), strings.HasPrefix(name, "windows"))
	}
}

// checkBill holds the bill of materials to what go.mod links, and the licences to the bill.
func checkBill(t *testing.T, text, licences string, windows bool) {
	t.Helper()
	var bill struct {
		BomFormat   string
		SpecVersion string
		Components  []struct{ Name, Version string }
	}
	if err := json.Unmarshal([]byte(text), &bill); err != nil || bill.BomFormat != "CycloneDX" || bill.SpecVersion != "1.5" {
		t.Fatalf("no CycloneDX 1.5: %v", err)
	}
	var names []string
	for _, component := range bill.Components {
		names = append(names, component.Name)
		title := component.Name + " " + component.Version
		if component.Name == "std" {
			title = "Go " + component.Version
		}
		if !strings.Contains(licences, "\n"+title+": LICENSE") {
			t.Errorf("no licence of %s is in the archive", title)
		}
	}
	for _, module := range []string{"std", "github.com/spf13/cobra", "github.com/rs/zerolog", "github.com/keeper-security/secrets-manager-go/core"} {
		if !slices.Contains(names, module) {
			t.Errorf("the bill lacks %s: %v", module, names)
		}
	}
	if slices.Contains(names, "github.com/inconshreveable/mousetrap") != windows {
		t.Errorf("the bill is not that of its platform: %v", names)
	}
}

// TestPackRefuses what is not what it should be, and leaves no SHA256SUMS.
func TestPackRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		given stamp
		file  string // put beside the binaries
		want  string
	}{
		"another version": {stamp{"9.8.7", given.commit, given.epoch}, "", `"9.8.7" is not inside`},
		"another commit":  {stamp{given.version, strings.Repeat("b", 40), given.epoch}, "", "is not inside"},
		"no date":         {stamp{given.version, given.commit, ""}, "", "date is not known"},
		"no program":      {given, program + "-aix-ppc64", "no Go program"},
	} {
		t.Run(name, func(t *testing.T) {
			folder, into := t.TempDir(), t.TempDir()
			if err := os.Symlink(filepath.Join(binaries(t), program+"-linux-amd64"), filepath.Join(folder, program+"-linux-amd64")); err != nil {
				t.Fatal(err)
			}
			if test.file != "" {
				if err := os.WriteFile(filepath.Join(folder, test.file), []byte("#!/bin/sh\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := pack(root, folder, into, test.given, io.Discard); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(filepath.Join(into, "SHA256SUMS")); err == nil {
				t.Error("SHA256SUMS was written all the same")
			}
		})
	}
	if err := pack(root, t.TempDir(), t.TempDir(), given, io.Discard); err == nil || !strings.Contains(err.Error(), "no binary is in there") {
		t.Errorf("got %v", err)
	}
}

// TestCheck refuses to begin where the result could not be published.
func TestCheck(t *testing.T) {
	version := strings.TrimSpace(read(t, root, "VERSION"))
	folder := t.TempDir()
	for name, content := range map[string]string{"go.mod": "module x\n\ntoolchain go1.26.8\n", "CHANGELOG.md": read(t, root, "CHANGELOG.md")} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git(t, folder, "init", "-q")
	git(t, folder, "add", ".")
	git(t, folder, "commit", "-q", "-m", "one")
	git(t, folder, "tag", "v"+version)
	commit := strings.TrimSpace(git(t, folder, "rev-parse", "HEAD"))
	good := stamp{version, commit, given.epoch}
	if err := check(folder, good, "go1.26.8"); err != nil {
		t.Errorf("the project's own version and changelog: %v", err)
	}
	for name, test := range map[string]struct {
		given stamp
		want  string
	}{
		"changes":         {stamp{version, commit + "-dirty", good.epoch}, "not committed"},
		"no commit":       {stamp{version, "", good.epoch}, "git does not name one"},
		"no date":         {stamp{version, commit, ""}, "date is not known"},
		"another version": {stamp{"7.0.0-dev", commit, good.epoch}, "VERSION is 7.0.0-dev"},
		"released":        {stamp{strings.TrimSuffix(version, "-dev"), commit, good.epoch}, "unreleased entry goes with"},
		"no version":      {stamp{"v1", commit, good.epoch}, "needs the form"},
		"tag elsewhere":   {stamp{version, strings.Repeat("a", 40), good.epoch}, "raise VERSION"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := check(folder, test.given, "go1.26.8"); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := check(folder, good, "go1.26.7"); err == nil || !strings.Contains(err.Error(), "GOTOOLCHAIN=go1.26.8") {
		t.Errorf("another Go: got %v", err)
	}
	if err := run(good, []string{"publish"}, io.Discard); err == nil || !strings.HasPrefix(err.Error(), "usage: ") {
		t.Errorf("got %v", err)
	}
}

func git(t *testing.T, folder string, arguments ...string) string {
	t.Helper()
	command := exec.Command("git", append([]string{"-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"}, arguments...)...)
	command.Dir = folder
	text, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", arguments, err, text)
	}
	return string(text)
}

// TestBuiltTwice releases the last commit from two folders, the second with another cache, under
// a name with a blank, with a stricter umask and in another time zone, and compares every file.
func TestBuiltTwice(t *testing.T) {
	if *twice == "" {
		t.Skip("make reproducible runs it")
	}
	caches, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sums := [2]string{}
	for i, folder := range []string{"first", "a folder/that is/deeper"} {
		folder = filepath.Join(t.TempDir(), folder)
		git(t, root, "clone", "-q", ".", folder)
		command := exec.Command("make", "release", "PLATFORMS="+strings.ReplaceAll(*twice, ",", " "))
		if i == 1 {
			command = exec.Command("bash", "-c", `umask 077; exec "$@"`, "-", "make", "release", "PLATFORMS="+strings.ReplaceAll(*twice, ",", " "))
			command.Env = append(os.Environ(), "GOCACHE="+filepath.Join(caches, program, "second-build"), "TZ=Asia/Tokyo", "LANG=C", "GOFLAGS=-v")
		}
		command.Dir = folder
		if text, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		sums[i] = read(t, folder, "dist", "release", "SHA256SUMS")
	}
	if want := 2 * (strings.Count(*twice, ",") + strings.Count(*twice, " ") + 1); sums[0] != sums[1] || strings.Count(sums[0], "\n") != want {
		t.Errorf("two builds, of %d files:\n%s\n%s", want, sums[0], sums[1])
	}
}
