package main

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// platforms are those of a release, as in the Makefile.
var platforms = []string{"linux/amd64", "linux/arm64", "windows/amd64", "windows/arm64", "darwin/amd64", "darwin/arm64"}

// reason says what no tool can: why a module is there.
type reason struct {
	why        string
	maintainer string
	bounds     string // what it cannot do here, and what sees to that
}

// reasons has every module that is linked on any platform, and no other.
var reasons = map[string]reason{
	"github.com/goccy/go-yaml": {
		"recipes and descriptions of payloads: YAML with the line and column of every fault",
		"Masaaki Goshima, with others",
		"only its parser is called, which turns text into a tree; its encoder and its reading into Go types by reflection are not used (`internal/recipe`)",
	},
	"github.com/inconshreveable/mousetrap": {
		"cobra needs it, on Windows alone: it tells whether Explorer started the program",
		"Alan Shreve; no version since 2022, and hardly anything in it to change",
		"it asks Windows for the list of processes, and no more",
	},
	"github.com/itchyny/gojq": {
		"the expressions of recipes: jq, in Go, compiled once",
		"itchyny, one person",
		"compiled with an empty environment and without modules and input files; loops are refused, and a run has a deadline and a limit on what it gives (`internal/recipe/expression.go`, `TestForbiddenImports`)",
	},
	"github.com/itchyny/timefmt-go": {
		"gojq needs it, for jq's functions on dates",
		"itchyny, one person",
		"it turns numbers into text and back",
	},
	"github.com/keeper-security/secrets-manager-go/core": {
		"Keeper's own protocol: records that the payload lacks, notation, saving to records",
		"Keeper Security",
		"`internal/vault` alone may import it, and gives it a transport with a deadline and a limit, a config in memory, no log and no environment (`TestForbiddenImports`, `TestNothingIsPrintedOrWritten`, `TestTheEnvironmentDoesNotSteerTheSDK`). A payload that is complete does not reach it",
	},
	"github.com/mattn/go-colorable": {
		"zerolog needs it, to write to a Windows console",
		"Yasuhiro Matsumoto",
		"it writes to the stream that it was given",
	},
	"github.com/mattn/go-isatty": {
		"go-colorable needs it, to tell a terminal from a pipe",
		"Yasuhiro Matsumoto",
		"it asks the system about an open file",
	},
	"github.com/rs/zerolog": {
		"the log: levels, for people or as JSON",
		"Olivier Poitrey, with others",
		"it writes to the scrubber's writer alone; it knows network addresses as values to print, and opens no connection (`internal/report`)",
	},
	"github.com/spf13/cobra": {
		"verbs, flags and help",
		"a group of maintainers around Steve Francia's project",
		"no completions, no templates of its own; the program words the faults of a command line itself, so that none is quoted",
	},
	"github.com/spf13/pflag": {
		"cobra needs it; the program tells the kinds of wrong flags apart by it",
		"the same group",
		"it knows network addresses as values of flags, and opens no connection",
	},
	"golang.org/x/sys": {
		"go-isatty and go-colorable need it, for calls to the system",
		"the Go team",
		"it holds calls to the kernel, of which only those that are called are linked",
	},
}

// reaches tells from what a module imports what it could touch.
var reaches = []struct {
	what     string
	packages []string
}{
	{"network", []string{"net", "net/http", "crypto/tls"}},
	{"files and environment", []string{"os", "io/ioutil", "path/filepath"}},
	{"system calls", []string{"syscall", "unsafe"}},
}

// neverLinked are packages that nothing in the program may bring along.
var neverLinked = []string{"os/exec", "plugin", "net/rpc", "net/http/pprof", "runtime/cgo", "C", "expvar", "html/template"}

// linkedPackage is what go list tells of one.
type linkedPackage struct {
	ImportPath string
	Imports    []string
	Module     *struct {
		Path, Version string
		Main          bool
	}
}

// described is one module for the page.
type described struct {
	module
	platforms map[string]bool
	imports   map[string]bool
	bytes     int
}

// describe asks the go command what each platform's program consists of.
func describe(root string) ([]described, error) {
	found := map[string]*described{}
	for _, platform := range platforms {
		goos, goarch, _ := strings.Cut(platform, "/")
		command := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Module", "-tags", settings["-tags"], "./cmd/"+program)
		command.Dir = root
		command.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
		text, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("go list for %s: %w", platform, err)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		for {
			var p linkedPackage
			if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			if slices.Contains(neverLinked, p.ImportPath) {
				return nil, fmt.Errorf("%s: package %s is linked, which nothing here may need", platform, p.ImportPath)
			}
			if p.Module == nil || p.Module.Main {
				continue
			}
			d := found[p.Module.Path]
			if d == nil {
				m, err := lookUp(root, p.Module.Path, p.Module.Version)
				if err != nil {
					return nil, err
				}
				d = &described{module: m, platforms: map[string]bool{}, imports: map[string]bool{}}
				found[p.Module.Path] = d
			}
			d.platforms[platform] = true
			for _, path := range p.Imports {
				d.imports[path] = true
			}
		}
	}
	for path := range found {
		if _, ok := reasons[path]; !ok {
			return nil, fmt.Errorf("%s: it is linked, and no reason for it is given in scripts/release/dependencies.go", path)
		}
	}
	for path := range reasons {
		if found[path] == nil {
			return nil, fmt.Errorf("%s: a reason for it is given, and it is not linked any more", path)
		}
	}
	var sorted []described
	for _, path := range slices.Sorted(maps.Keys(found)) {
		sorted = append(sorted, *found[path])
	}
	return sorted, nil
}

// measure builds for linux/amd64 with symbols, and adds up those of each module.
func measure(root string, modules []described) error {
	folder, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, program)
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", settings["-tags"], "-gcflags", settings["-gcflags"], "-o", path, "./cmd/"+program)
	command.Dir = root
	command.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, text)
	}
	file, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		return err
	}
	for _, symbol := range symbols {
		for i := range modules {
			if rest, ok := strings.CutPrefix(symbol.Name, modules[i].path); ok && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "/")) {
				modules[i].bytes += int(symbol.Size)
				break
			}
		}
	}
	return nil
}

// where names the platforms on which a module is linked, in few words.
func (d described) where() string {
	if len(d.platforms) == len(platforms) {
		return "all"
	}
	systems := map[string]bool{}
	for platform := range d.platforms {
		goos, _, _ := strings.Cut(platform, "/")
		systems[goos] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(systems)), ", ")
}

func (d described) reach() string {
	var found []string
	for _, reach := range reaches {
		if slices.ContainsFunc(reach.packages, func(path string) bool { return d.imports[path] }) {
			found = append(found, reach.what)
		}
	}
	if len(found) == 0 {
		return "nothing"
	}
	return strings.Join(found, ", ")
}

// dependenciesPage is docs/dependencies.md.
func dependenciesPage(root string) (string, error) {
	modules, err := describe(root)
	if err != nil {
		return "", err
	}
	if err := measure(root, modules); err != nil {
		return "", err
	}
	pinned, err := pinnedGo(root)
	if err != nil {
		return "", err
	}
	library, err := standardLibrary(root, nil)
	if err != nil {
		return "", err
	}
	var page strings.Builder
	fmt.Fprintf(&page, `# Dependencies

<!-- Made by make dependencies from what is linked and from scripts/release/dependencies.go.
     A test compares it with go.mod and the linked packages. -->

What is linked into the program, besides its own code: Go's standard library and runtime (%s,
releases are built with %s) and %d modules. Their versions are pinned by `+"`go.mod`, their content by `go.sum`"+`.
A release has the same list, from the binaries themselves, in `+"`sbom.cdx.json`"+`, and all licences in
`+"`THIRD_PARTY_LICENSES`"+`.

| Module | Version | of | Licence | Needed | Linked on | Bytes |
| --- | --- | --- | --- | --- | --- | --- |
`, library.licence, pinned, len(modules))
	for _, d := range modules {
		needed := "directly"
		if d.indirect {
			needed = "by others"
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s | %s | %s | %s |\n",
			d.path, d.version, d.time.Format("2006-01-02"), d.licence, needed, d.where(), thousands(d.bytes))
	}
	page.WriteString(`
Bytes are the functions and data of the module in a build for linux/amd64, without its share of the tables that the
linker makes for the whole program, so leaving a module out may save more. With 0, all that is used was
merged into its callers, or is for another system. They are from the day on which this page was made; a test fails
when one is off by a quarter.

| Module | Why | Who maintains it | Its packages could reach | What bounds it here |
| --- | --- | --- | --- | --- |
`)
	for _, d := range modules {
		r := reasons[d.path]
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s | %s |\n", d.path, r.why, r.maintainer, d.reach(), r.bounds)
	}
	fmt.Fprintf(&page, `
"Could reach" is what the linked packages of the module import of the standard library, which is more than what
they use. The program as a whole links no C code and none of
%s:
nothing in it can start another program or load code (`+"`TestDependenciesPage`"+`).

## Not in the program

| Module | Used in | Why |
| --- | --- | --- |
| `+"`github.com/rogpeppe/go-internal`"+`, with `+"`golang.org/x/tools`"+` | tests | testscript: runs of the real program as files |
| `+"`honnef.co/go/tools`"+` | `+"`tools/`"+`, a module of its own | staticcheck, the linter |
| `+"`golang.org/x/vuln`"+` | `+"`tools/`"+` | govulncheck, for `+"`make audit`"+` |

## Known vulnerabilities

`+"`make audit`"+` runs govulncheck over the program for Linux, Windows and macOS. It downloads from the Go project's
database, `+"`https://vuln.go.dev`"+`, the entries for the modules in the table, and sends no source. **It has not run against
that database yet**: where this list was made, the database could not be reached. It has been tried with a
database of one made-up entry. Run it before you publish, and from time to time afterwards: new entries concern old
versions. `+"`make audit AUDITFLAGS='-db file:///path/to/database'`"+` uses a copy of the database. A scanner that reads
CycloneDX can do the same with `+"`sbom.cdx.json`"+`, without the source.
`, quoted(neverLinked))
	return page.String(), nil
}

func quoted(names []string) string {
	var all []string
	for _, name := range names {
		if name != "C" {
			all = append(all, "`"+name+"`")
		}
	}
	return strings.Join(all, ", ")
}

// thousands groups a number's digits.
func thousands(number int) string {
	text := fmt.Sprint(number)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
