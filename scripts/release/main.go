// Command release makes what is published beside the binaries, and checks what it can.
// It runs from the project's folder, by way of the Makefile:
//
//	release check          before anything is built: version, changelog, commit, Go
//	release papers FOLDER  bill of materials, licences and SHA256SUMS for the binaries in it
//	release dependencies   prints docs/dependencies.md
//
// Everything it writes follows from the binaries, the module cache and the commit, so
// that two runs write the same bytes. binary.go reads binaries, module.go modules and
// their licences, sbom.go makes the bill of materials, changelog.go knows the form of
// CHANGELOG.md, dependencies.go the reasons for each module.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Names of the files in a release, beside the binaries.
const (
	billName     = "sbom.cdx.json"
	licencesName = "THIRD_PARTY_LICENSES"
	sumsName     = "SHA256SUMS"
)

// copied are the files of the project that a release holds, and their names there.
var copied = map[string]string{
	"LICENSE":                       "LICENSE",
	"CHANGELOG.md":                  "CHANGELOG.md",
	"scripts/pam-rotate-script.sh":  "pam-rotate-script.sh",
	"scripts/pam-rotate-script.ps1": "pam-rotate-script.ps1",
}

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
	case len(arguments) == 2 && arguments[0] == "papers":
		return papers(".", arguments[1], given, out)
	case len(arguments) == 1 && arguments[0] == "dependencies":
		page, err := dependenciesPage(".")
		if err == nil {
			_, err = io.WriteString(out, page)
		}
		return err
	}
	return errors.New("usage: release check, release papers FOLDER, or release dependencies")
}

// stamp is what the linker puts into every binary.
type stamp struct{ version, commit, epoch string }

// date is the epoch as a time of day in UTC.
func (s stamp) date() (string, error) {
	seconds, err := strconv.ParseInt(s.epoch, 10, 64)
	if err != nil || seconds <= 0 {
		return "", errors.New("date: the commit's date is not known: neither git nor SOURCE_DATE_EPOCH gives one")
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339), nil
}

var wholeCommit = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// check refuses what should not be published, before minutes are spent on building it.
func check(root string, given stamp, goVersion string) error {
	var problems []error
	switch {
	case strings.HasSuffix(given.commit, "-dirty"):
		problems = append(problems, errors.New("commit: the tree has changes that are not committed; git status lists them"))
	case !wholeCommit.MatchString(given.commit):
		problems = append(problems, errors.New("commit: git does not name one here; a release is built from a commit"))
	default:
		problems = append(problems, checkTag(root, given))
	}
	_, err := given.date()
	problems = append(problems, err)
	if pinned, err := pinnedGo(root); err != nil {
		problems = append(problems, err)
	} else if pinned != goVersion {
		problems = append(problems, fmt.Errorf("go: this is %s, and go.mod pins releases to %s, since another Go makes other bytes; GOTOOLCHAIN=%s fetches it", goVersion, pinned, pinned))
	}
	problems = append(problems, checkChangelog(root, given.version))
	return errors.Join(problems...)
}

// checkTag refuses to give a second commit the version of another.
func checkTag(root string, given stamp) error {
	tag := "v" + given.version
	command := exec.Command("git", "rev-parse", "--quiet", "--verify", "refs/tags/"+tag+"^{commit}")
	command.Dir = root
	tagged, err := command.Output()
	if err != nil {
		return nil // there is no such tag yet
	}
	if commit := strings.TrimSpace(string(tagged)); commit != given.commit {
		return fmt.Errorf("version: %s is commit %s already; raise VERSION", tag, commit)
	}
	return nil
}

var toolchainLine = regexp.MustCompile(`(?m)^toolchain (go[0-9][0-9.a-z]*)$`)

// pinnedGo is the version of Go that releases are built with: the bytes hang on it.
func pinnedGo(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	line := toolchainLine.FindSubmatch(text)
	if line == nil {
		return "", errors.New("go.mod: no toolchain line pins the version of Go")
	}
	return string(line[1]), nil
}

// papers writes everything but the binaries into the folder, SHA256SUMS last.
func papers(root, folder string, given stamp, out io.Writer) error {
	binaries, err := readBinaries(folder)
	if err != nil {
		return err
	}
	pinned, err := pinnedGo(root)
	if err != nil {
		return err
	}
	for _, b := range binaries {
		if err := b.check(given, pinned); err != nil {
			return err
		}
	}
	modules, err := linkedModules(root, binaries)
	if err != nil {
		return err
	}
	own := module{path: program}
	if err := own.readLegal(root); err != nil {
		return err
	}
	bill, err := billOfMaterials(given, own.licence, binaries, modules)
	if err != nil {
		return err
	}
	files := map[string][]byte{billName: bill, licencesName: licencesText(modules)}
	for source, name := range copied {
		if files[name], err = os.ReadFile(filepath.Join(root, source)); err != nil {
			return err
		}
	}
	for name, content := range files {
		mode := os.FileMode(0o644)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		if err := writeFile(filepath.Join(folder, name), content, mode); err != nil {
			return err
		}
	}
	names := []string{}
	for name := range files {
		names = append(names, name)
	}
	for _, b := range binaries {
		names = append(names, b.name)
		if err := os.Chmod(filepath.Join(folder, b.name), 0o755); err != nil {
			return err
		}
	}
	if err := nothingElse(folder, names); err != nil {
		return err
	}
	sums, err := checksums(folder, names)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(folder, sumsName), []byte(sums), 0o644); err != nil {
		return err
	}
	for _, b := range binaries {
		fmt.Fprintf(out, "%10d bytes  %s\n", b.size, b.name)
	}
	fmt.Fprintf(out, "%d modules, %d files; %s is complete\n", len(modules), len(names)+1, folder)
	return nil
}

// writeFile leaves the mode to nobody's umask.
func writeFile(path string, content []byte, mode os.FileMode) error {
	if err := os.WriteFile(path, content, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// nothingElse keeps what nobody has asked for out of a release.
func nothingElse(folder string, names []string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() != sumsName && !slices.Contains(names, entry.Name()) {
			return fmt.Errorf("%s: %s is in the folder, and no part of a release", folder, entry.Name())
		}
	}
	return nil
}

// checksums is in the form that sha256sum -c and shasum -a 256 -c read.
func checksums(folder string, names []string) (string, error) {
	var sums strings.Builder
	for _, name := range slices.Sorted(slices.Values(names)) {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256(content)
		fmt.Fprintf(&sums, "%s  %s\n", hex.EncodeToString(sum[:]), name)
	}
	return sums.String(), nil
}
