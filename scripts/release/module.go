package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// module is one that is linked into a binary. Go's standard library is one too.
type module struct {
	path, version string
	sum           string    // as in go.sum, "" for the standard library
	time          time.Time // when that version was made; zero for the standard library
	indirect      bool
	binaries      []string // the names of those that have it
	licence       string   // its SPDX identifier
	texts         []legal
}

// legal is a file of a module that says what may be done with it.
type legal struct{ name, text string }

// standard is the name under which the standard library is known to those who list
// vulnerabilities.
const standard = "stdlib"

// linkedModules finds out about each module of the binaries, the standard library
// first. The module cache must have what the binaries were built from.
func linkedModules(root string, binaries []binary) ([]module, error) {
	linked, err := modulesOf(binaries)
	if err != nil {
		return nil, err
	}
	library, err := standardLibrary(root, binaries)
	if err != nil {
		return nil, err
	}
	found := []module{library}
	for _, dependency := range byPath(linked) {
		m, err := lookUp(root, dependency.Path, dependency.Version)
		if err != nil {
			return nil, err
		}
		if m.sum != dependency.Sum {
			return nil, fmt.Errorf("%s: the module cache has %s, the binary %s", m.path, m.sum, dependency.Sum)
		}
		m.binaries = linked[dependency]
		found = append(found, m)
	}
	return found, nil
}

// standardLibrary describes Go itself, which brings its licence with its source.
func standardLibrary(root string, binaries []binary) (module, error) {
	text, err := goTool(root, "env", "GOROOT", "GOVERSION")
	if err != nil {
		return module{}, err
	}
	folder, version, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	library := module{path: standard, version: strings.TrimPrefix(version, "go")}
	for _, b := range binaries {
		if b.info.GoVersion != version {
			return library, fmt.Errorf("%s: built with %s, and the licence at hand is that of %s", b.name, b.info.GoVersion, version)
		}
		library.binaries = append(library.binaries, b.name)
	}
	return library, library.readLegal(folder)
}

// lookUp asks the go command, which compares what it has with go.sum.
func lookUp(root, path, version string) (module, error) {
	m := module{path: path, version: version}
	text, err := goTool(root, "mod", "download", "-json", path+"@"+version)
	if err != nil {
		return m, fmt.Errorf("%s: it is not in the module cache: %w", path, err)
	}
	var downloaded struct{ Dir, Sum, Error string }
	if err := json.Unmarshal(text, &downloaded); err != nil || downloaded.Error != "" {
		return m, fmt.Errorf("%s: it is not in the module cache: %s", path, downloaded.Error)
	}
	m.sum = downloaded.Sum
	if text, err = goTool(root, "list", "-m", "-json", path); err != nil {
		return m, err
	}
	var listed struct {
		Version  string
		Time     time.Time
		Indirect bool
	}
	if err := json.Unmarshal(text, &listed); err != nil {
		return m, err
	}
	if listed.Version != version {
		return m, fmt.Errorf("%s: the binary has %s and go.mod %s", path, version, listed.Version)
	}
	m.time, m.indirect = listed.Time.UTC(), listed.Indirect
	return m, m.readLegal(downloaded.Dir)
}

func goTool(root string, arguments ...string) ([]byte, error) {
	command := exec.Command("go", arguments...)
	command.Dir = root
	text, err := command.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return nil, fmt.Errorf("go %s: %w: %s%s", strings.Join(arguments, " "), err, failed.Stderr, text)
	}
	return text, err
}

// isLegal tells a file's purpose by its name.
func isLegal(name string) bool {
	name, _, _ = strings.Cut(strings.ToUpper(name), ".")
	return slices.Contains([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS", "COPYRIGHT"}, name)
}

// readLegal reads licence, notice and patents from a module's folder. Without a licence
// that it knows, a module cannot be published.
func (m *module) readLegal(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("%s: %w", m.path, err)
	}
	for _, entry := range entries { // sorted by name
		if !isLegal(entry.Name()) || entry.IsDir() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return fmt.Errorf("%s: %w", m.path, err)
		}
		text := strings.TrimSpace(string(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))))
		m.texts = append(m.texts, legal{entry.Name(), text})
		if licence := licenceOf(text); licence != "" {
			if m.licence != "" && m.licence != licence {
				return fmt.Errorf("%s: two licences, %s and %s; somebody has to read them", m.path, m.licence, licence)
			}
			m.licence = licence
		}
	}
	if m.licence == "" {
		return fmt.Errorf("%s: no licence that is known here was found in %s", m.path, folder)
	}
	return nil
}

// licences has for each SPDX identifier what its text holds, and what it does not.
var licences = []struct {
	identifier string
	has        []string
	not        string
}{
	{"MIT", []string{"permission is hereby granted, free of charge", "the software is provided \"as is\""}, "\x00"},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "neither the name of"}, "\x00"},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms"}, "neither the name of"},
	{"Apache-2.0", []string{"apache license", "version 2.0", "www.apache.org/licenses"}, "\x00"},
}

// licenceOf recognises a licence by its wording, or says "".
func licenceOf(text string) string {
	words := strings.ToLower(strings.Join(strings.Fields(text), " "))
	words = strings.NewReplacer("“", `"`, "”", `"`).Replace(words)
	found := ""
	for _, licence := range licences {
		if strings.Contains(words, licence.not) || slices.ContainsFunc(licence.has, func(part string) bool { return !strings.Contains(words, part) }) {
			continue
		}
		if found != "" {
			return "" // two in one file: no guess
		}
		found = licence.identifier
	}
	return found
}

// licencesText is the file with every module's licence in full.
func licencesText(modules []module) []byte {
	var text strings.Builder
	text.WriteString("pam-rotate-script holds the following software of others, each under its own terms.\n\n")
	for _, m := range modules {
		fmt.Fprintf(&text, "  %s %s (%s)\n", m.title(), m.version, m.licence)
	}
	for _, m := range modules {
		fmt.Fprintf(&text, "\n%s\n%s %s\n", strings.Repeat("=", 80), m.title(), m.version)
		for _, file := range m.texts {
			fmt.Fprintf(&text, "%s\n%s\n\n%s\n", strings.Repeat("-", 80), file.name, file.text)
		}
	}
	return []byte(text.String())
}

// title is how people know the module.
func (m module) title() string {
	if m.path == standard {
		return "Go, its standard library and runtime"
	}
	return m.path
}
