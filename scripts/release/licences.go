package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// licencesOf returns the licences and notices, in full, of Go and of every module that a
// binary says it is made of. One without a licence cannot be published.
func licencesOf(root string, info *buildinfo.BuildInfo) ([]byte, error) {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s holds the following software of others, each under its own terms.\n", program)
	add := func(title, folder string) error {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return err
		}
		found := false
		for _, entry := range entries { // sorted by name
			name, _, _ := strings.Cut(strings.ToUpper(entry.Name()), ".")
			if entry.IsDir() || !slices.Contains([]string{"LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "PATENTS"}, name) {
				continue
			}
			content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
			if err != nil {
				return err
			}
			found = found || name[0] != 'N' && name[0] != 'P'
			fmt.Fprintf(&text, "\n%s\n%s: %s\n\n%s\n", strings.Repeat("=", 80), title, entry.Name(), bytes.TrimSpace(content))
		}
		if !found {
			return fmt.Errorf("%s: no licence is in %s", title, folder)
		}
		return nil
	}
	goroot, err := ask(root, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	if err := add("Go "+info.GoVersion, strings.TrimSpace(string(goroot))); err != nil {
		return nil, err
	}
	for _, module := range info.Deps {
		if module.Replace != nil {
			return nil, fmt.Errorf("%s: it is replaced by another module", module.Path)
		}
		// The go command compares what it has with go.sum.
		text, err := ask(root, "mod", "download", "-json", module.Path+"@"+module.Version)
		if err != nil {
			return nil, err
		}
		var downloaded struct{ Dir, Sum string }
		if err := json.Unmarshal(text, &downloaded); err != nil || downloaded.Sum != module.Sum {
			return nil, fmt.Errorf("%s: the module cache has another content than the binary", module.Path)
		}
		if err := add(module.Path+" "+module.Version, downloaded.Dir); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}

func ask(root string, arguments ...string) ([]byte, error) {
	command := exec.Command("go", arguments...)
	command.Dir = root
	text, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w", strings.Join(arguments, " "), err)
	}
	return text, nil
}
