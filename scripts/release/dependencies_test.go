package main

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDependencies holds docs/development/dependencies.md to what is linked on any system, and
// keeps out what nothing in the program may need.
func TestDependencies(t *testing.T) {
	page := read(t, root, "docs", "development", "dependencies.md")
	linked := map[string]bool{}
	for _, system := range []string{"linux", "windows", "darwin"} {
		command := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}", "-tags", "nethttpomithttp2", "./cmd/"+program)
		command.Dir = root
		command.Env = append(command.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		text, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			path, module, _ := strings.Cut(strings.TrimSpace(line), " ")
			if slices.Contains([]string{"os/exec", "plugin", "net/rpc", "net/http/pprof", "runtime/cgo", "expvar", "html/template"}, path) {
				t.Errorf("%s: package %s is linked", system, path)
			}
			if module != "" && module != program {
				linked[module] = true
			}
		}
	}
	if len(linked) < 8 {
		t.Errorf("only %d modules are linked", len(linked))
	}
	for module := range linked {
		if name := module[strings.LastIndex(module, "/")+1:]; !strings.Contains(page, "`"+module+"`") && !strings.Contains(page, "`"+name+"`") {
			t.Errorf("the page does not mention %s", module)
		}
	}
	for _, named := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(page, -1) {
		if !linked[named[1]] {
			t.Errorf("the page lists %s, which is not linked", named[1])
		}
	}
}
