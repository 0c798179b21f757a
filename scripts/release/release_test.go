package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const root = "../.."

var testStamp = stamp{version: "1.2.3-dev", commit: "0123456789abcdef0123456789abcdef01234567", epoch: "1795577273"}

// built makes real binaries once, for two systems, since one has a module that the
// other has not.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "release-test")
	if err != nil {
		return "", err
	}
	command := exec.Command("make", "-C", root, "cross", "DIST="+folder, "PLATFORMS=linux/amd64 windows/amd64",
		"VERSION="+testStamp.version, "COMMIT="+testStamp.commit, "EPOCH="+testStamp.epoch)
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
	code := m.Run()
	if folder, _ := built(); folder != "" {
		os.RemoveAll(folder)
	}
	os.Exit(code)
}

// fresh is a folder with copies of the binaries.
func fresh(t *testing.T) string {
	t.Helper()
	source, err := built()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(source)); err != nil {
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

func goEnv(t *testing.T, name string) string {
	t.Helper()
	text, err := goTool(root, "env", name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func write(t *testing.T, content string, path ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path...), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPapers makes the papers twice, in two folders, and holds them against what the
// binaries say.
func TestPapers(t *testing.T) {
	first, second := fresh(t), fresh(t)
	for _, folder := range []string{first, second} {
		if err := papers(root, folder, testStamp, &bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
	}
	// A second time into the same folder as well.
	if err := papers(root, second, testStamp, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		want := os.FileMode(0o644)
		if strings.HasPrefix(entry.Name(), program+"-") || strings.HasSuffix(entry.Name(), ".sh") {
			want = 0o755
		}
		if info, err := entry.Info(); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v", entry.Name(), info.Mode(), err)
		}
	}
	sums := read(t, first, sumsName)
	lines := strings.Split(strings.TrimSuffix(sums, "\n"), "\n")
	if !slices.IsSortedFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) }) {
		t.Errorf("%s is not sorted by name:\n%s", sumsName, sums)
	}
	if len(lines) != len(entries)-1 || len(entries) != 9 {
		t.Errorf("%d files, of which %d are listed", len(entries), len(lines))
	}
	for _, entry := range entries {
		content := read(t, first, entry.Name())
		if content != read(t, second, entry.Name()) {
			t.Errorf("%s differs between two runs", entry.Name())
		}
		sum := sha256.Sum256([]byte(content))
		if entry.Name() != sumsName && !slices.Contains(lines, hex.EncodeToString(sum[:])+"  "+entry.Name()) {
			t.Errorf("%s is not listed with its sum", entry.Name())
		}
	}
	binaries, err := readBinaries(first)
	if err != nil {
		t.Fatal(err)
	}
	checkBill(t, read(t, first, billName), binaries)
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range binaries {
		for _, path := range []string{here, first, goEnv(t, "GOMODCACHE"), goEnv(t, "GOCACHE"), goEnv(t, "GOROOT")} {
			if bytes.Contains(b.content, []byte(path)) {
				t.Errorf("%s: a path of the machine that built it is inside", b.name)
			}
		}
	}

	licences := read(t, first, licencesName)
	modules, err := linkedModules(root, binaries)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		if len(m.texts) == 0 {
			t.Errorf("%s has no text", m.path)
		}
		for _, file := range m.texts {
			if !strings.Contains(licences, m.title()+" "+m.version) || !strings.Contains(licences, file.text) {
				t.Errorf("%s lacks %s of %s", licencesName, file.name, m.path)
			}
		}
	}
}

// checkBill holds a bill of materials to what CycloneDX 1.5 requires of the members that
// are used, and to the binaries.
func checkBill(t *testing.T, text string, binaries []binary) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	var b bill
	if err := decoder.Decode(&b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.SpecVersion != "1.5" || b.Version != 1 || b.Schema != "http://cyclonedx.org/schema/bom-1.5.schema.json" {
		t.Errorf("it is no CycloneDX 1.5: %s %s %d", b.Format, b.SpecVersion, b.Version)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(b.SerialNumber) {
		t.Errorf("the serial number is %s", b.SerialNumber)
	}
	if date, err := time.Parse(time.RFC3339, b.Metadata.Timestamp); err != nil || fmt.Sprint(date.Unix()) != testStamp.epoch {
		t.Errorf("the time is %s", b.Metadata.Timestamp)
	}
	if phases := b.Metadata.Lifecycles; len(phases) != 1 || phases[0].Phase != "post-build" {
		t.Errorf("the phases are %v", phases)
	}
	references := map[string]bool{}
	var visit func(c component)
	visit = func(c component) {
		if !slices.Contains([]string{"application", "library", "file"}, c.Type) || c.Name == "" {
			t.Errorf("component %+v", c)
		}
		if references[c.Reference] || c.Reference == "" {
			t.Errorf("%s: the reference is missing or not the only one", c.Name)
		}
		references[c.Reference] = true
		for _, h := range c.Hashes {
			if h.Algorithm != "SHA-256" || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(h.Content) {
				t.Errorf("%s: hash %v", c.Name, h)
			}
		}
		for _, p := range c.Properties {
			if p.Name == "" || p.Value == "" {
				t.Errorf("%s: property %v", c.Name, p)
			}
		}
		if c.Type != "file" && (len(c.Licences) != 1 || !slices.Contains([]string{"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0"}, c.Licences[0].Licence.ID)) {
			t.Errorf("%s: licences %v", c.Name, c.Licences)
		}
		for _, inner := range c.Components {
			visit(inner)
		}
	}
	visit(b.Metadata.Component)
	for _, c := range b.Components {
		visit(c)
		if c.PURL != "pkg:golang/"+c.Name+"@"+c.Version || c.Reference != c.PURL {
			t.Errorf("%s: package URL %s", c.Name, c.PURL)
		}
	}
	listed := map[string][]string{}
	for _, d := range b.Dependencies {
		if listed[d.Reference] != nil {
			t.Errorf("%s is there twice", d.Reference)
		}
		for _, on := range d.DependsOn {
			if !references[d.Reference] || !references[on] {
				t.Errorf("%s depends on %s, and one of them is not there", d.Reference, on)
			}
		}
		listed[d.Reference] = d.DependsOn
	}
	// Each binary with its modules, no more and no less.
	if len(listed) != len(binaries)+1 || len(b.Metadata.Component.Components) != len(binaries) {
		t.Errorf("%d binaries, and %d are listed", len(binaries), len(listed)-1)
	}
	all := map[string]bool{}
	for _, binary := range binaries {
		want := []string{"pkg:golang/stdlib@" + strings.TrimPrefix(binary.info.GoVersion, "go")}
		for _, dependency := range binary.info.Deps {
			want = append(want, "pkg:golang/"+dependency.Path+"@"+dependency.Version)
		}
		for _, purl := range want {
			all[purl] = true
		}
		got := slices.Sorted(slices.Values(listed["file:"+binary.name]))
		if slices.Sort(want); !slices.Equal(got, want) || len(want) < 8 {
			t.Errorf("%s is listed with %v, and says %v", binary.name, got, want)
		}
		if !strings.Contains(text, binary.sum) {
			t.Errorf("the sum of %s is missing", binary.name)
		}
		for _, dependency := range binary.info.Deps {
			if !strings.Contains(text, `"`+dependency.Sum+`"`) {
				t.Errorf("the sum of %s is missing", dependency.Path)
			}
		}
	}
	if len(b.Components) != len(all) {
		t.Errorf("%d modules, and %d are listed", len(all), len(b.Components))
	}
}

// TestPapersRefuse what is not what it should be.
func TestPapersRefuse(t *testing.T) {
	linux := program + "-linux-amd64"
	for name, test := range map[string]struct {
		spoil func(folder string, given *stamp)
		want  string
	}{
		"no binary": {func(folder string, _ *stamp) {
			for _, name := range []string{linux, program + "-windows-amd64.exe"} {
				os.Remove(filepath.Join(folder, name))
			}
		}, "no binary is in there"},
		"another name": {func(folder string, _ *stamp) {
			os.Rename(filepath.Join(folder, linux), filepath.Join(folder, program+"-linux-arm64"))
		}, "it is a program for linux/amd64"},
		"no program":      {func(folder string, _ *stamp) { write(t, "#!/bin/sh\n", folder, program+"-plan9-386") }, "no Go program"},
		"another version": {func(_ string, given *stamp) { given.version = "9.8.7" }, `the version "9.8.7" is not inside`},
		"another commit":  {func(_ string, given *stamp) { given.commit = strings.Repeat("b", 40) }, "is not inside"},
		"another date":    {func(_ string, given *stamp) { given.epoch = "1795577274" }, "is not inside"},
		"something else":  {func(folder string, _ *stamp) { write(t, "", folder, "notes.txt") }, "notes.txt is in the folder"},
	} {
		t.Run(name, func(t *testing.T) {
			folder, given := fresh(t), testStamp
			test.spoil(folder, &given)
			err := papers(root, folder, given, &bytes.Buffer{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(filepath.Join(folder, sumsName)); err == nil {
				t.Errorf("%s was written all the same", sumsName)
			}
		})
	}
}

// TestBuildSettings: what the builder's environment may bring into a build is noticed.
func TestBuildSettings(t *testing.T) {
	binaries, err := readBinaries(fresh(t))
	if err != nil {
		t.Fatal(err)
	}
	pinned := binaries[0].info.GoVersion
	if err := binaries[0].check(testStamp, pinned); err != nil {
		t.Fatal(err)
	}
	if err := binaries[0].check(testStamp, "go1.2.3"); err == nil {
		t.Error("another Go was not noticed")
	}
	// A small program under the same name: only its settings are looked at here.
	source := t.TempDir()
	if err := os.MkdirAll(filepath.Join(source, "cmd", program), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, "module pam-rotate-script\n\ngo 1.26\n", source, "go.mod")
	write(t, "package main\n\nvar version, commit, epoch string\n\nfunc main() { println(version, commit, epoch) }\n", source, "cmd", program, "main.go")
	tags, trim, compiler := "-tags="+settings["-tags"], "-trimpath", "-gcflags="+settings["-gcflags"]
	for name, test := range map[string]struct {
		flags       []string
		environment string
		want        string
	}{
		"as a release": {[]string{tags, trim, compiler}, "", ""},
		"no tags":      {[]string{trim, compiler}, "", "built without -tags"},
		"other tags":   {[]string{trim, compiler, "-tags=netgo"}, "", "-tags=netgo"},
		"paths inside": {[]string{tags, compiler}, "", "which a release is not"}, // the flags of the linker are recorded then
		"processor":    {[]string{tags, trim, compiler}, "GOAMD64=v3", "GOAMD64=v3"},
		"no flags":     {[]string{tags, trim}, "", "built without -gcflags"},
		"compiler":     {[]string{tags, trim}, "GOFLAGS=-gcflags=-N", "-gcflags=-N"},
		"experiment":   {[]string{tags, trim, compiler}, "GOEXPERIMENT=nogreenteagc", "X:nogreenteagc"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			stamps := "-X main.version=" + testStamp.version + " -X main.commit=" + testStamp.commit + " -X main.epoch=" + testStamp.epoch
			arguments := slices.Concat([]string{"build", "-buildvcs=false", "-ldflags", stamps, "-o", filepath.Join(folder, program+"-linux-amd64")}, test.flags, []string{"./cmd/" + program})
			command := exec.Command("go", arguments...)
			command.Dir = source
			command.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", test.environment)
			if text, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			others, err := readBinaries(folder)
			if err != nil {
				t.Fatal(err)
			}
			err = others[0].check(testStamp, pinned)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestLicences: a module without a licence that is known cannot be published.
func TestLicences(t *testing.T) {
	mit := "Permission is hereby granted, free of charge, ...\nTHE SOFTWARE IS PROVIDED \"AS IS\""
	bsd := "Redistribution and use in source and binary forms, ...\nNeither the name of"
	for name, test := range map[string]struct {
		files   map[string]string
		licence string
		problem string
	}{
		"one":              {map[string]string{"LICENSE": mit}, "MIT", ""},
		"wrapped":          {map[string]string{"License.md": strings.ReplaceAll(bsd, " ", "\r\n ")}, "BSD-3-Clause", ""},
		"two clauses":      {map[string]string{"COPYING": "Redistribution and use in source and binary forms"}, "BSD-2-Clause", ""},
		"beside a notice":  {map[string]string{"LICENSE.txt": mit, "NOTICE": "of somebody", "main.go": bsd}, "MIT", ""},
		"none":             {map[string]string{"README": mit}, "", "no licence that is known"},
		"an unknown one":   {map[string]string{"LICENSE": "All rights reserved."}, "", "no licence that is known"},
		"two":              {map[string]string{"LICENSE": mit, "LICENSE.BSD": bsd}, "", "two licences"},
		"two in one":       {map[string]string{"LICENSE": mit + bsd}, "", "no licence that is known"},
		"no folder at all": {nil, "", "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for name, text := range test.files {
				write(t, text, folder, name)
			}
			if test.files == nil {
				folder = filepath.Join(folder, "gone")
			}
			m := module{path: "example.com/module"}
			err := m.readLegal(folder)
			if test.problem == "" && (err != nil || m.licence != test.licence) || test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)) {
				t.Errorf("got %q, %v", m.licence, err)
			}
			if _, ok := test.files["NOTICE"]; ok && len(m.texts) != 2 {
				t.Errorf("%d texts", len(m.texts))
			}
		})
	}
}

// TestLookUpRefuses a module that is not the one of go.mod.
func TestLookUpRefuses(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	for _, version := range []string{"v1.10.1", "v0.0.0-20010101000000-000000000000"} {
		if _, err := lookUp(root, "github.com/spf13/cobra", version); err == nil {
			t.Errorf("cobra %s was taken", version)
		}
	}
}

// TestCheck refuses to begin where the result could not be published.
func TestCheck(t *testing.T) {
	folder := t.TempDir()
	write(t, "module x\n\ngo 1.26\n\ntoolchain go1.26.8\n", folder, "go.mod")
	write(t, read(t, root, "CHANGELOG.md"), folder, "CHANGELOG.md")
	git(t, folder, "init", "-q")
	git(t, folder, "add", ".")
	git(t, folder, "commit", "-q", "-m", "one")
	commit := strings.TrimSpace(git(t, folder, "rev-parse", "HEAD"))
	version := strings.TrimSpace(read(t, root, "VERSION"))
	good := stamp{version, commit, "1795577273"}
	if err := check(folder, good, "go1.26.8"); err != nil {
		t.Fatal(err)
	}
	git(t, folder, "tag", "v"+version)
	if err := check(folder, good, "go1.26.8"); err != nil {
		t.Errorf("with a tag of its own: %v", err)
	}
	for name, test := range map[string]struct {
		given stamp
		go_   string
		want  string
	}{
		"changes":         {stamp{version, commit + "-dirty", good.epoch}, "go1.26.8", "not committed"},
		"no commit":       {stamp{version, "", good.epoch}, "go1.26.8", "git does not name one"},
		"short commit":    {stamp{version, commit[:12], good.epoch}, "go1.26.8", "git does not name one"},
		"no date":         {stamp{version, commit, ""}, "go1.26.8", "date is not known"},
		"another Go":      {good, "go1.26.7", "GOTOOLCHAIN=go1.26.8"},
		"another version": {stamp{"7.0.0-dev", commit, good.epoch}, "go1.26.8", "VERSION is 7.0.0-dev"},
		"tag elsewhere":   {stamp{version, strings.Repeat("a", 40), good.epoch}, "go1.26.8", "raise VERSION"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := check(folder, test.given, test.go_); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	write(t, "module x\n\ngo 1.26\n", folder, "go.mod")
	if err := check(folder, good, "go1.26.8"); err == nil || !strings.Contains(err.Error(), "no toolchain line") {
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

// TestMakefileAgrees: the platforms and tags here are the Makefile's.
func TestMakefileAgrees(t *testing.T) {
	makefile := read(t, root, "Makefile")
	for _, line := range []string{"PLATFORMS := " + strings.Join(platforms, " "), "TAGS     := " + settings["-tags"]} {
		if !strings.Contains(makefile, "\n"+line+"\n") {
			t.Errorf("the Makefile has no line %q", line)
		}
	}
}

var bytesColumn = regexp.MustCompile("(?m)^(\\| `([^`]+)` \\| v.* \\| )([0-9,]+) \\|$")

// TestDependenciesPage: docs/dependencies.md is what make dependencies prints, with an
// allowance for the sizes, and it mentions every module of both go.mod.
func TestDependenciesPage(t *testing.T) {
	want, err := dependenciesPage(root)
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, root, "docs", "dependencies.md")
	if bytesColumn.ReplaceAllString(page, "$1 |") != bytesColumn.ReplaceAllString(want, "$1 |") {
		t.Errorf("docs/dependencies.md is stale: run make dependencies")
	}
	sizes := func(page string) map[string]int {
		found := map[string]int{}
		for _, row := range bytesColumn.FindAllStringSubmatch(page, -1) {
			var size int
			if _, err := fmt.Sscan(strings.ReplaceAll(row[3], ",", ""), &size); err != nil {
				t.Fatal(err)
			}
			found[row[2]] = size
		}
		return found
	}
	now, then := sizes(want), sizes(page)
	if len(now) != len(reasons) {
		t.Errorf("%d modules have a size, of %d", len(now), len(reasons))
	}
	for path, size := range now {
		if off := max(size-then[path], then[path]-size); off > size/4+2000 {
			t.Errorf("docs/dependencies.md is stale: %s has %d bytes, not %d; run make dependencies", path, size, then[path])
		}
	}
	for _, line := range strings.Split(read(t, root, "go.mod"), "\n") {
		if fields := strings.Fields(line); strings.HasPrefix(line, "\t") && !strings.Contains(page, "`"+fields[0]+"`") {
			t.Errorf("docs/dependencies.md does not mention %s", fields[0])
		}
	}
	for _, line := range regexp.MustCompile(`(?m)^\t(\S+)/cmd/\S+$`).FindAllStringSubmatch(read(t, root, "tools", "go.mod"), -1) {
		if !strings.Contains(page, "`"+line[1]+"`") {
			t.Errorf("docs/dependencies.md does not mention %s", line[1])
		}
	}
}

func TestThousands(t *testing.T) {
	for number, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(number); got != want {
			t.Errorf("%d: %s", number, got)
		}
	}
}

// TestUsage: what is no verb is refused.
func TestUsage(t *testing.T) {
	for _, arguments := range [][]string{nil, {"papers"}, {"check", "more"}, {"publish"}} {
		if err := run(stamp{}, arguments, &bytes.Buffer{}); err == nil || !strings.HasPrefix(err.Error(), "usage: ") {
			t.Errorf("%v: %v", arguments, err)
		}
	}
}
