package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pam-rotate-script/internal/targets/all"
)

const (
	module = "pam-rotate-script/"
	root   = "../.."
)

// source is one Go file of the project.
type source struct {
	path string // from the root
	file *ast.File
	set  *token.FileSet
}

func (s source) directory() string { return filepath.ToSlash(filepath.Dir(s.path)) }
func (s source) isTest() bool      { return strings.HasSuffix(s.path, "_test.go") }

func sources(t *testing.T) []source {
	t.Helper()
	var found []source
	for _, directory := range []string{"cmd", "internal", "scripts"} {
		err := filepath.WalkDir(filepath.Join(root, directory), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(root, path)
			found = append(found, source{filepath.ToSlash(relative), file, set})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 20 {
		t.Fatalf("only %d files were found", len(found))
	}
	return found
}

func imports(s source) []string {
	var paths []string
	for _, spec := range s.file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, path)
	}
	return paths
}

// TestImportsRunOneWay: cmd → rotation → targets → api, params, secret. A vendor sees
// only what is below it, and the simulators see nothing of what they test.
func TestImportsRunOneWay(t *testing.T) {
	own := map[string][]string{ // what a folder may import of the project
		"internal/secret":    {},
		"internal/params":    {"internal/secret"},
		"internal/api":       {"internal/secret"},
		"internal/targets":   {"internal/api", "internal/params", "internal/secret"},
		"internal/rotation":  {"internal/targets", "internal/api", "internal/params", "internal/secret"},
		"internal/report":    {"internal/rotation", "internal/targets", "internal/api", "internal/params", "internal/secret"},
		"internal/simulator": {},
		"internal/vault":     {"internal/api", "internal/params", "internal/secret"},
		// The stand-in for Keeper.
		"internal/vault/vaulttest": {"internal/vault", "internal/api", "internal/params", "internal/secret"},
		"internal/targets/all":     nil, // the list of vendors
		"internal/yamltext":        {},
		"internal/recipe":          {"scripts/recipes", "internal/yamltext", "internal/targets", "internal/api", "internal/params", "internal/secret"},
		"scripts/recipes":          {}, // nothing but files
		"scripts/release":          {}, // no part of the program
		"internal/password":        {"internal/secret"},
		"internal/description":     {"internal/yamltext", "internal/params", "internal/secret"},
		"internal/fleet":           {"internal/vault", "internal/rotation", "internal/description", "internal/api", "internal/params", "internal/secret"},
		"internal/inspect":         {"internal/vault", "internal/recipe", "internal/report", "internal/rotation", "internal/targets", "internal/params"},
		// It runs what a recipe describes.
		"internal/recipe/recipetest": {"internal/recipe", "internal/rotation", "internal/report", "internal/targets", "internal/api", "internal/params", "internal/secret"},
		// Tests alone use it.
		"internal/reliability": {},
		// What is said about the program; nothing of it is in the program.
		"internal/documents":       {},
		"internal/troubleshooting": {"internal/api", "internal/rotation", "internal/documents"},
		// The test kit joins vendors and simulators.
		"internal/conformance": nil,
	}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		directory := s.directory()
		allowed, listed := own[directory]
		switch {
		case strings.HasPrefix(directory, "internal/simulator/"):
			allowed, listed = []string{"internal/simulator"}, true
		case strings.HasPrefix(directory, "internal/targets/") && !listed:
			allowed, listed = []string{"internal/targets", "internal/api", "internal/params", "internal/secret"}, true
		}
		for _, path := range imports(s) {
			inside, isOwn := strings.CutPrefix(path, module)
			switch {
			case isOwn && strings.HasPrefix(inside, "cmd/"):
				t.Errorf("%s imports %s: nothing imports a command", s.path, inside)
			case (inside == "internal/documents" || inside == "internal/troubleshooting") && directory != "internal/troubleshooting":
				t.Errorf("%s imports %s, which is for tests and pages and costs the program bytes", s.path, inside)
			case isOwn && listed && allowed != nil && !slices.Contains(allowed, inside):
				t.Errorf("%s imports %s", s.path, inside)
			case !isOwn && strings.Contains(path, ".") && strings.HasPrefix(directory, "internal/targets/"):
				t.Errorf("%s imports %s: a vendor uses the standard library alone", s.path, path)
			case !isOwn && strings.Contains(path, ".") && directory == "scripts/release":
				t.Errorf("%s imports %s: what lists dependencies adds none", s.path, path)
			}
		}
	}
}

// TestForbiddenImports names each with its reason.
func TestForbiddenImports(t *testing.T) {
	forbidden := map[string]string{
		"text/template":                         "costs 1.3 MB and splices text",
		"html/template":                         "costs 1.3 MB and splices text",
		"net/http/cookiejar":                    "drops cookies by a clock that may be wrong, and sends them unasked",
		"net/http/httputil":                     "dumps headers and bodies",
		"log":                                   "writes past the scrubber",
		"github.com/hashicorp/go-retryablehttp": "sends writes again",
	}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, path := range imports(s) {
			if path == "log" && s.path == "cmd/pam-rotate-script/main.go" {
				continue // which silences it
			}
			if reason, ok := forbidden[path]; ok {
				t.Errorf("%s imports %s, which %s", s.path, path, reason)
			}
			if strings.HasPrefix(path, "github.com/keeper-security/") && !strings.HasPrefix(s.directory(), "internal/vault") {
				t.Errorf("%s imports %s: only internal/vault keeps that in check", s.path, path)
			}
			if strings.HasPrefix(path, "github.com/itchyny/gojq") && s.directory() != "internal/recipe" {
				t.Errorf("%s imports %s: only internal/recipe keeps expressions from files, environment and loops", s.path, path)
			}
			if (path == "os" || path == "os/exec" || path == "net") && strings.HasPrefix(s.path, "internal/recipe/") {
				t.Errorf("%s imports %s: a recipe sees neither files nor environment, and all calls go through internal/api", s.path, path)
			}
			if path == "os/exec" && s.directory() != "internal/api/realserver" && s.directory() != "cmd/pam-rotate-demo" && s.directory() != "cmd/pam-rotate-bench" && s.directory() != "scripts/release" {
				t.Errorf("%s imports os/exec: the program starts nothing", s.path)
			}
			if path == "net/http" && strings.HasPrefix(s.path, "internal/targets/") {
				ast.Inspect(s.file, func(node ast.Node) bool {
					selector, ok := node.(*ast.SelectorExpr)
					if !ok {
						return true
					}
					if name, ok := selector.X.(*ast.Ident); ok && name.Name == "http" && !strings.HasPrefix(selector.Sel.Name, "Status") {
						t.Errorf("%s uses http.%s: all calls go through internal/api", s.path, selector.Sel.Name)
					}
					return true
				})
			}
		}
	}
}

// TestNothingIsPreparedAtStart: what a package prepares for itself, every run pays for.
// A table or a pattern that takes time is made when it is first needed, by a
// sync.OnceValue.
func TestNothingIsPreparedAtStart(t *testing.T) {
	costly := []string{"regexp.MustCompile", "regexp.Compile", "strings.NewReplacer", "x509.SystemCertPool", "embed.ReadFile", "json.Unmarshal"}
	for _, s := range sources(t) {
		program := s.directory() == "cmd/pam-rotate-script" ||
			strings.HasPrefix(s.path, "internal/") && !strings.HasPrefix(s.path, "internal/simulator") && !strings.HasSuffix(s.directory(), "test") &&
				!strings.HasPrefix(s.path, "internal/documents") && !strings.HasPrefix(s.path, "internal/reliability") // only tests use them
		if s.isTest() || !program {
			continue
		}
		for _, declaration := range s.file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok {
				if function.Name.Name == "init" && function.Recv == nil {
					t.Errorf("%s has a function init", s.path)
				}
				continue
			}
			ast.Inspect(declaration, func(node ast.Node) bool {
				if _, ok := node.(*ast.FuncLit); ok {
					return false
				}
				if selector, ok := node.(*ast.SelectorExpr); ok {
					if name, ok := selector.X.(*ast.Ident); ok && slices.Contains(costly, name.Name+"."+selector.Sel.Name) {
						t.Errorf("%s calls %s.%s when the program starts", s.set.Position(selector.Pos()), name.Name, selector.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// TestSecretsAreRevealedInFewPlaces keeps the list of files that may call
// secret.Value.Reveal. A new one needs a reason that a reader would accept.
func TestSecretsAreRevealedInFewPlaces(t *testing.T) {
	reasons := map[string]string{
		"internal/secret":                      "the type itself and the scrubber",
		"internal/params":                      "decoding, checking and handing out what was decoded",
		"internal/api/address.go":              "decodes path and query to look for placeholders and for secrets",
		"internal/api/client.go":               "fills in headers and the query when a request is made",
		"internal/api/body.go":                 "fills in bodies when a request is made",
		"internal/api/pem.go":                  "reads the client's certificate and key",
		"internal/vault":                       "reads and edits records, which are secret as a whole",
		"cmd/pam-rotate-script/payload.go":     "prints the payload that was asked for",
		"internal/description":                 "makes the payload that was asked for, and its records",
		"internal/conformance/panics.go":       "panics with the passwords, to see that nobody prints them",
		"internal/targets/rest/rest.go":        "checks the operator's query and takes Extra Body apart",
		"internal/recipe/value.go":             "hands secrets to expressions and builds requests from their results",
		"internal/targets/sailpoint/cipher.go": "checks and encrypts the password",
		"internal/targets/sps/sps.go":          "tells an address of the web interface by its query",
		"internal/targets/sps/calls.go":        "makes the Cookie header, checks the new password's characters",
	}
	used := map[string]bool{}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			if selector, ok := call.Fun.(*ast.SelectorExpr); ok && selector.Sel.Name == "Reveal" {
				place := s.path
				if _, ok := reasons[place]; !ok {
					place = s.directory()
				}
				if used[place] = true; reasons[place] == "" {
					t.Errorf("%s reveals a secret", s.set.Position(call.Pos()))
				}
			}
			return true
		})
	}
	for place := range reasons {
		if !used[place] {
			t.Errorf("%s reveals nothing any more: take it off the list", place)
		}
	}
}

// TestEveryPackageIsExplained: a package opens with a comment that a newcomer can
// start from.
func TestEveryPackageIsExplained(t *testing.T) {
	explained := map[string]bool{}
	for _, s := range sources(t) {
		if !s.isTest() {
			explained[s.directory()] = explained[s.directory()] || s.file.Doc != nil
		}
	}
	for directory, ok := range explained {
		if !ok {
			t.Errorf("%s has no package comment", directory)
		}
	}
}

// TestEveryVendorHasItsParts: a page in the documentation, a simulator and a script.
func TestEveryVendorHasItsParts(t *testing.T) {
	for _, info := range all.Registry() {
		for _, path := range []string{"docs/targets/" + info.Name + ".md", "internal/simulator/" + info.Name, "testdata/script/" + info.Name + ".txtar"} {
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s: %v", info.Name, err)
			}
		}
	}
}
