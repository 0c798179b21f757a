package documents

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// contributing is CONTRIBUTING.md.
func contributing(t *testing.T) *Document {
	t.Helper()
	all := pages(t)
	place := slices.IndexFunc(all, func(page *Document) bool { return page.Path == "CONTRIBUTING.md" })
	if place < 0 {
		t.Fatal("there is no CONTRIBUTING.md")
	}
	return all[place]
}

// declared returns every name that the project's Go files declare, with its package or its
// type in front and without, and every folder with Go files but for this one's testdata.
func declared(t *testing.T) (names, folders map[string]bool) {
	t.Helper()
	names, folders = map[string]bool{}, map[string]bool{}
	for _, top := range []string{"cmd", "internal", "scripts"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".go") {
				return err
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			folder, err := filepath.Rel(root, filepath.Dir(file))
			if err != nil {
				return err
			}
			folders[filepath.ToSlash(folder)] = true
			declare(names, parsed)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names, folders
}

func declare(names map[string]bool, file *ast.File) {
	put := func(owner string, identifiers ...*ast.Ident) {
		for _, identifier := range identifiers {
			names[identifier.Name] = true
			names[owner+"."+identifier.Name] = true
			names[file.Name.Name+"."+owner+"."+identifier.Name] = true
		}
	}
	for _, declaration := range file.Decls {
		switch declaration := declaration.(type) {
		case *ast.FuncDecl:
			owner := file.Name.Name
			if declaration.Recv != nil {
				receiver := declaration.Recv.List[0].Type
				if pointer, ok := receiver.(*ast.StarExpr); ok {
					receiver = pointer.X
				}
				if name, ok := receiver.(*ast.Ident); ok {
					owner = name.Name
				}
			}
			put(owner, declaration.Name)
		case *ast.GenDecl:
			for _, spec := range declaration.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					put(file.Name.Name, spec.Names...)
				case *ast.TypeSpec:
					put(file.Name.Name, spec.Name)
					switch shape := spec.Type.(type) {
					case *ast.StructType:
						for _, field := range shape.Fields.List {
							put(spec.Name.Name, field.Names...)
						}
					case *ast.InterfaceType:
						for _, method := range shape.Methods.List {
							put(spec.Name.Name, method.Names...)
						}
					}
				}
			}
		}
	}
}

// TestContributingNames: each function, type and file that CONTRIBUTING.md names is there.
func TestContributingNames(t *testing.T) {
	names, _ := declared(t)
	for _, word := range strings.Fields(
		// What is no name of this project's code: words of the command line and of results,
		// languages of blocks, tags and packages of others.
		"bash sh console powershell text bin dist toolchain nethttpomithttp2 writes_turned_away VERSION " +
			"strict status policy os.Exit slices.SortFunc sort.Slice") {
		names[word] = true
	}
	name := regexp.MustCompile(`^[A-Za-z]\w*(\.[A-Za-z]\w*)*$`)
	file := regexp.MustCompile(`^[\w./-]+\.(go|md|mod)$|^[\w.-]+/[\w./-]*$`)
	host := regexp.MustCompile(`\.(com|org)\b`)
	checked := 0
	for _, span := range contributing(t).Spans {
		text := strings.TrimPrefix(span.Text, "*")
		switch {
		case host.MatchString(text): // a host, or a module of others
		case file.MatchString(text):
			checked++
			found := strings.HasPrefix(text, "bin/") || strings.HasPrefix(text, "dist/") // are built
			for _, folder := range []string{"", "cmd/pam-rotate-script"} {
				if _, err := os.Stat(filepath.Join(root, folder, text)); err == nil {
					found = true
				}
			}
			if !found {
				t.Errorf("line %d names the file %s, which is not there", span.Line, text)
			}
		case name.MatchString(text):
			checked++
			if !names[text] {
				t.Errorf("line %d names %s, which nothing declares", span.Line, text)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d names were found", checked)
	}
}

// TestContributingPackages: the list of packages has every folder with Go files, by itself
// or as one of <vendor>, and no other.
func TestContributingPackages(t *testing.T) {
	_, folders := declared(t)
	var listed []string
	for _, block := range contributing(t).Blocks {
		if !strings.HasPrefix(block.Text, "cmd/pam-rotate-script/") {
			continue
		}
		for line := range strings.Lines(block.Text) {
			listed = append(listed, strings.TrimSuffix(strings.Fields(line)[0], "/"))
		}
	}
	if len(listed) < 20 {
		t.Fatalf("only %d packages are listed", len(listed))
	}
	matched := map[string]bool{}
	for _, entry := range listed {
		pattern, some := strings.ReplaceAll(entry, "<vendor>", "*"), false
		for folder := range folders {
			if same, err := path.Match(pattern, folder); err == nil && same {
				matched[folder], some = true, true
			}
		}
		if _, err := os.Stat(filepath.Join(root, entry)); err != nil && !some {
			t.Errorf("%s is listed and is not there", entry)
		}
	}
	for folder := range folders {
		if !matched[folder] {
			t.Errorf("%s is not listed", folder)
		}
	}
}
