// Command release makes what is published. The Makefile runs it from the project's folder:
//
//	release check               before anything is built: version, changelog, commit, Go
//	release pack BINARIES INTO  an archive for each binary, bills of materials, SHA256SUMS
//
// Everything that it writes follows from the binaries, the module cache and the commit, so
// that two runs write the same bytes. archive.go writes archives, licences.go gathers the
// licences of what is linked.
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const program = "pam-rotate-script"

// stamp is what the linker puts into every binary.
type stamp struct{ version, commit, epoch string }

func main() {
	var given stamp
	flags := flag.NewFlagSet("release", flag.ExitOnError)
	flags.StringVar(&given.version, "version", "", "the version, as in the file VERSION")
	flags.StringVar(&given.commit, "commit", "", "the commit, with -dirty behind it if the tree has other changes")
	flags.StringVar(&given.epoch, "epoch", "", "the commit's date, in seconds since 1970")
	_ = flags.Parse(os.Args[1:])
	if err := run(given, flags.Args(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(given stamp, arguments []string, out io.Writer) error {
	switch {
	case len(arguments) == 1 && arguments[0] == "check":
		return check(".", given, runtime.Version())
	case len(arguments) == 3 && arguments[0] == "pack":
		return pack(".", arguments[1], arguments[2], given, out)
	}
	return errors.New("usage: release check, or release pack BINARIES INTO")
}

// date is the epoch as a time, the one that every file of a release has.
func (s stamp) date() (time.Time, error) {
	seconds, err := strconv.ParseInt(s.epoch, 10, 64)
	if err != nil || seconds <= 0 {
		return time.Time{}, errors.New("date: the commit's date is not known: neither git nor SOURCE_DATE_EPOCH gives one")
	}
	return time.Unix(seconds, 0).UTC(), nil
}

var (
	wholeCommit   = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
	toolchainLine = regexp.MustCompile(`(?m)^toolchain (go[0-9][0-9.a-z]*)$`)
	versionForm   = regexp.MustCompile(`^(\d+\.\d+\.\d+)(-dev)?$`)
	newestEntry   = regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+) - (\d{4}-\d{2}-\d{2}|unreleased)$`)
)

// check refuses what should not be published, before minutes are spent on building it. It
// tells all that is wrong at once.
func check(root string, given stamp, goVersion string) error {
	var problems []error
	fail := func(format string, arguments ...any) { problems = append(problems, fmt.Errorf(format, arguments...)) }
	switch {
	case strings.HasSuffix(given.commit, "-dirty"):
		fail("commit: the tree has changes that are not committed; git status lists them")
	case !wholeCommit.MatchString(given.commit):
		fail("commit: git does not name one here; a release is built from a commit")
	default:
		command := exec.Command("git", "rev-parse", "--quiet", "--verify", "refs/tags/v"+given.version+"^{commit}")
		command.Dir = root
		// Without such a tag it fails, and the version is free.
		if tagged, err := command.Output(); err == nil && strings.TrimSpace(string(tagged)) != given.commit {
			fail("version: v%s is another commit already; raise VERSION", given.version)
		}
	}
	if _, err := given.date(); err != nil {
		problems = append(problems, err)
	}
	if text, err := os.ReadFile(filepath.Join(root, "go.mod")); err != nil {
		problems = append(problems, err)
	} else if pinned := toolchainLine.FindSubmatch(text); pinned == nil {
		fail("go.mod: no toolchain line pins the version of Go")
	} else if string(pinned[1]) != goVersion {
		fail("go: this is %s, and go.mod pins releases to %s, since another Go makes other bytes; GOTOOLCHAIN=%[2]s fetches it", goVersion, pinned[1])
	}
	text, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	if err != nil {
		problems = append(problems, err)
	}
	form, entry := versionForm.FindStringSubmatch(given.version), newestEntry.FindSubmatch(text)
	switch {
	case form == nil:
		fail("version: needs the form 1.2.3 or 1.2.3-dev, found %q", given.version)
	case entry == nil:
		fail("changelog: no entry has the form ## 1.2.3 - 2006-01-02")
	case string(entry[1]) != form[1]:
		fail("changelog: VERSION is %s and the newest entry is for %s", given.version, entry[1])
	case (form[2] != "") != (string(entry[2]) == "unreleased"):
		fail("changelog: an unreleased entry goes with a VERSION that ends in -dev, and a date with one that does not")
	}
	return errors.Join(problems...)
}

// pack makes the archives of the binaries, and what goes beside them, in a folder of its own.
func pack(root, binaries, into string, given stamp, out io.Writer) error {
	date, err := given.date()
	if err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(binaries, program+"-*"))
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("%s: no binary is in there", binaries)
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	var published []string
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := buildinfo.Read(bytes.NewReader(content))
		if err != nil {
			return fmt.Errorf("%s: no Go program: %w", path, err)
		}
		if info.GoVersion != runtime.Version() {
			return fmt.Errorf("%s: built with %s, and this is %s", path, info.GoVersion, runtime.Version())
		}
		for _, text := range []string{given.version, given.commit, given.epoch} {
			if text == "" || !bytes.Contains(content, []byte(text)) {
				return fmt.Errorf("%s: %q is not inside, so it is another build", path, text)
			}
		}
		platform := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), program+"-"), ".exe")
		name := program + "_" + given.version + "_" + strings.ReplaceAll(platform, "-", "_")
		files, err := contents(root, filepath.Join(binaries, "man"), content, info)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		archive := name + ".tar.gz"
		write := writeTar
		if strings.HasPrefix(platform, "windows") {
			archive, write = name+".zip", writeZip
		}
		if err := create(filepath.Join(into, archive), func(w io.Writer) error { return write(w, name, files, date) }); err != nil {
			return err
		}
		if err := billOfMaterials(root, path, filepath.Join(into, name+".cdx.json")); err != nil {
			return err
		}
		published = append(published, archive, name+".cdx.json")
		fmt.Fprintf(out, "%10d bytes  %s\n", len(content), archive)
	}
	return create(filepath.Join(into, "SHA256SUMS"), func(w io.Writer) error {
		for _, name := range published {
			content, err := os.ReadFile(filepath.Join(into, name))
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%x  %s\n", sha256.Sum256(content), name)
		}
		return nil
	})
}

// billOfMaterials lists what a binary says that it is made of, as CycloneDX.
func billOfMaterials(root, binary, into string) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	if into, err = filepath.Abs(into); err != nil {
		return err
	}
	command := exec.Command("go", "tool", "-modfile=tools/go.mod", "cyclonedx-gomod", "bin", "-json", "-output", into,
		"-output-version", "1.5", "-std", "-noserial", "-notimestamp", binary)
	command.Dir = root
	// The tool writes its own hash into the list, which must not hang on where it was built.
	command.Env = append(os.Environ(), "GOFLAGS=-trimpath", "CGO_ENABLED=0")
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("bill of materials of %s: %w: %s", binary, err, text)
	}
	return nil
}

func create(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
