//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The packages of the programs that are built.
const (
	product     = "./cmd/pam-rotate-script"
	barePackage = "./cmd/pam-rotate-bench/bare"
	launcher    = "./cmd/pam-rotate-bench/launch"
)

// variant is the program without some of its parts.
type variant struct {
	name    string
	without []part
}

// Keeper's SDK, the engine of recipes and its YAML parser are each used by one package; the
// parser by internal/description, too.
var (
	keeper = part{directory: "internal/vault", modules: []string{"github.com/keeper-security/"}}
	engine = part{directory: "internal/recipe", modules: []string{"github.com/itchyny/gojq", "github.com/goccy/go-yaml"}}
	yaml   = part{directory: "internal/description", modules: []string{"github.com/goccy/go-yaml"}}
)

var variants = []variant{
	{"as it is", nil},
	{"without Keeper's SDK", []part{keeper}},
	{"without the recipe engine", []part{engine}},
	{"without the recipe engine and the YAML parser", []part{engine, yaml}},
}

// builder builds programs the way the released one is built.
type builder struct {
	directory           string // for what is built
	tags, compile, link string
}

// build builds a package, without some parts, and returns the path of the program.
func (b builder) build(ctx context.Context, name, of string, without ...part) (string, error) {
	output := filepath.Join(b.directory, strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", ""))
	arguments := []string{"build", "-trimpath", "-buildvcs=false", "-tags", b.tags, "-ldflags", b.link, "-o", output}
	for _, flags := range strings.Fields(b.compile) {
		arguments = append(arguments, "-gcflags", flags)
	}
	if len(without) > 0 {
		overlay, err := b.overlay(output, without)
		if err != nil {
			return "", err
		}
		arguments = append(arguments, "-overlay", overlay)
	}
	command := exec.CommandContext(ctx, "go", append(arguments, of)...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, bytes.TrimSpace(text))
	}
	return output, nil
}

// overlay writes the file that puts hollow parts in the place of real ones.
func (b builder) overlay(output string, without []part) (string, error) {
	replace := map[string]string{}
	for i, part := range without {
		hollow, err := part.hollow()
		if err != nil {
			return "", err
		}
		stand := fmt.Sprintf("%s-%d.go", output, i)
		if err := os.WriteFile(stand, hollow, 0o600); err != nil {
			return "", fmt.Errorf("write a hollow part: %w", err)
		}
		sources, err := part.sources()
		if err != nil {
			return "", err
		}
		for i, source := range sources {
			absolute, err := filepath.Abs(source)
			if err != nil {
				return "", fmt.Errorf("find %s: %w", source, err)
			}
			if replace[absolute] = ""; i == 0 {
				replace[absolute] = stand
			}
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("write an overlay: %w", err)
	}
	path := output + ".json"
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("write an overlay: %w", err)
	}
	return path, nil
}
