package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

const (
	program  = "pam-rotate-script"
	mainPath = "pam-rotate-script/cmd/pam-rotate-script"
)

// settings are the build settings of a binary that its bytes may hang on, as Go records
// them. Any other means that something in the builder's environment got into the build.
var settings = map[string]string{
	"-buildmode": "exe", "-compiler": "gc", "-gcflags": "github.com/...=-l", "-tags": "nethttpomithttp2", "-trimpath": "true",
	"CGO_ENABLED": "0", "GOAMD64": "v1", "GOARM64": "v8.0",
}

// binary is one of the programs in a release.
type binary struct {
	name     string // of the file
	platform string // as linux/amd64
	size     int
	sum      string // SHA-256, in hexadecimal
	content  []byte
	info     *buildinfo.BuildInfo
}

// readBinaries reads every program in the folder, sorted by name.
func readBinaries(folder string) ([]binary, error) {
	paths, err := filepath.Glob(filepath.Join(folder, program+"-*"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var found []binary
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		info, err := buildinfo.Read(bytes.NewReader(content))
		if err != nil {
			return nil, fmt.Errorf("%s: no Go program: %w", path, err)
		}
		sum := sha256.Sum256(content)
		found = append(found, binary{
			name: filepath.Base(path), size: len(content), sum: hex.EncodeToString(sum[:]), content: content, info: info,
			platform: setting(info, "GOOS") + "/" + setting(info, "GOARCH"),
		})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no binary is in there", folder)
	}
	return found, nil
}

func setting(info *buildinfo.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// check makes sure that the binary is what its name and the stamp say, and was built
// as the Makefile builds.
func (b binary) check(given stamp, goVersion string) error {
	name := program + "-" + strings.ReplaceAll(b.platform, "/", "-")
	if strings.HasPrefix(b.platform, "windows/") {
		name += ".exe"
	}
	switch {
	case b.name != name:
		return fmt.Errorf("%s: it is a program for %s", b.name, b.platform)
	case b.info.Path != mainPath:
		return fmt.Errorf("%s: it is another program, %s", b.name, b.info.Path)
	case b.info.GoVersion != goVersion:
		return fmt.Errorf("%s: built with %s, and go.mod pins releases to %s", b.name, b.info.GoVersion, goVersion)
	}
	for _, s := range b.info.Settings {
		if s.Key == "GOOS" || s.Key == "GOARCH" || s.Key == "DefaultGODEBUG" {
			continue // the first two are in the name, and the third follows from go.mod
		}
		if want, ok := settings[s.Key]; !ok || s.Value != want {
			return fmt.Errorf("%s: built with %s=%s, which a release is not", b.name, s.Key, s.Value)
		}
	}
	for _, key := range []string{"-gcflags", "-tags", "-trimpath", "CGO_ENABLED"} {
		if setting(b.info, key) == "" {
			return fmt.Errorf("%s: built without %s=%s", b.name, key, settings[key])
		}
	}
	for what, text := range map[string]string{"version": given.version, "commit": given.commit, "date": given.epoch} {
		if text == "" || !bytes.Contains(b.content, []byte(text)) {
			return fmt.Errorf("%s: the %s %q is not inside", b.name, what, text)
		}
	}
	for _, dependency := range b.info.Deps {
		if dependency.Replace != nil {
			return fmt.Errorf("%s: module %s is replaced by another", b.name, dependency.Path)
		}
	}
	return nil
}

// modulesOf gathers the modules of all binaries: to each the names of those that have it.
func modulesOf(binaries []binary) (map[debug.Module][]string, error) {
	found := map[debug.Module][]string{}
	versions := map[string]string{}
	for _, b := range binaries {
		for _, dependency := range b.info.Deps {
			module := debug.Module{Path: dependency.Path, Version: dependency.Version, Sum: dependency.Sum}
			if known, ok := versions[module.Path]; ok && known != module.Version {
				return nil, fmt.Errorf("%s: %s is in version %s here and in %s elsewhere", b.name, module.Path, module.Version, known)
			}
			versions[module.Path] = module.Version
			found[module] = append(found[module], b.name)
		}
	}
	return found, nil
}

// byPath sorts modules.
func byPath(modules map[debug.Module][]string) []debug.Module {
	return slices.SortedFunc(maps.Keys(modules), func(a, b debug.Module) int { return strings.Compare(a.Path, b.Path) })
}
