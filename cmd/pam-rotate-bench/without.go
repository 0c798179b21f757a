//go:build linux

package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// part is what a variant of the program leaves out: a package.
type part struct {
	directory string
	// modules are the imports that have to go with it.
	modules []string
}

// hollow returns the part as one file: the types and the functions that the rest of
// the program uses, with functions that do nothing and return zero values. It is made
// from the sources, so that it fits them whatever they become.
func (p part) hollow() ([]byte, error) {
	set := token.NewFileSet()
	files, err := p.sources()
	if err != nil {
		return nil, err
	}
	h := hollowing{part: p, declared: map[string]int{}}
	imports := map[string]string{} // path by name
	var name string
	for _, source := range files {
		file, err := parser.ParseFile(set, source, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("leave out %s: %w", p.directory, err)
		}
		name = file.Name.Name
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			as := path.Base(imported)
			if spec.Name != nil {
				as = spec.Name.Name
			}
			imports[as] = imported
			if slices.ContainsFunc(p.modules, func(module string) bool { return strings.HasPrefix(imported, module) }) {
				h.forbidden = append(h.forbidden, as)
			}
		}
		for _, declaration := range file.Decls {
			h.add(declaration)
		}
	}
	kept := h.keep()
	var body bytes.Buffer
	for _, declaration := range kept {
		if err := printer.Fprint(&body, set, declaration); err != nil {
			return nil, fmt.Errorf("leave out %s: %w", p.directory, err)
		}
		body.WriteString("\n\n")
	}
	used := map[string]bool{}
	for _, declaration := range kept {
		eachName(declaration, func(name string) { used[name] = true })
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "package %s\n\n", name)
	for as, imported := range imports {
		if used[as+"."] {
			fmt.Fprintf(&head, "import %s %q\n", as, imported)
		}
	}
	return append(head.Bytes(), body.Bytes()...), nil
}

// sources are the Go files of the part that are no tests.
func (p part) sources() ([]string, error) {
	found, err := filepath.Glob(filepath.Join(p.directory, "*.go"))
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("leave out %s: there are no sources (run it in the project's folder): %w", p.directory, os.ErrNotExist)
	}
	return slices.DeleteFunc(found, func(file string) bool { return strings.HasSuffix(file, "_test.go") }), nil
}

// hollowing collects what can be kept of a part.
type hollowing struct {
	part         part
	forbidden    []string // names of imports
	declarations []ast.Decl
	declared     map[string]int // where a name is in declarations
}

// add takes a declaration in, if it can do without what is forbidden.
func (h *hollowing) add(declaration ast.Decl) {
	switch declaration := declaration.(type) {
	case *ast.FuncDecl:
		declaration.Doc, declaration.Body = nil, &ast.BlockStmt{}
		if declaration.Name.Name == "init" && declaration.Recv == nil || h.mentions(declaration) {
			return
		}
		if results := declaration.Type.Results; results != nil {
			for _, result := range results.List {
				if result.Names == nil {
					result.Names = []*ast.Ident{ast.NewIdent("_")}
				}
			}
			declaration.Body.List = []ast.Stmt{&ast.ReturnStmt{}}
		}
		if declaration.Recv == nil {
			h.declared[declaration.Name.Name] = len(h.declarations)
		}
		h.declarations = append(h.declarations, declaration)
	case *ast.GenDecl:
		declaration.Doc = nil
		switch declaration.Tok {
		case token.CONST: // as a whole: the numbering counts
			for _, spec := range declaration.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					h.declared[name.Name] = len(h.declarations)
				}
			}
			h.declarations = append(h.declarations, declaration)
		case token.TYPE:
			for _, spec := range declaration.Specs {
				spec := spec.(*ast.TypeSpec)
				if structure, ok := spec.Type.(*ast.StructType); ok {
					structure.Fields.List = slices.DeleteFunc(structure.Fields.List, func(field *ast.Field) bool {
						private := len(field.Names) > 0 && !field.Names[0].IsExported()
						return private || h.mentions(field)
					})
				}
				if h.mentions(spec) {
					continue
				}
				h.declared[spec.Name.Name] = len(h.declarations)
				h.declarations = append(h.declarations, &ast.GenDecl{Tok: token.TYPE, Specs: []ast.Spec{spec}})
			}
		}
	}
}

func (h *hollowing) mentions(node ast.Node) bool {
	found := false
	eachName(node, func(name string) {
		found = found || slices.Contains(h.forbidden, strings.TrimSuffix(name, ".")) && strings.HasSuffix(name, ".")
	})
	return found
}

// keep returns what others can see, and what that needs in turn.
func (h *hollowing) keep() []ast.Decl {
	wanted := make([]bool, len(h.declarations))
	var want func(i int)
	want = func(i int) {
		if wanted[i] {
			return
		}
		wanted[i] = true
		eachName(h.declarations[i], func(name string) {
			if needed, ok := h.declared[name]; ok {
				want(needed)
			}
		})
	}
	for name, i := range h.declared {
		if ast.IsExported(name) {
			want(i)
		}
	}
	for i, declaration := range h.declarations {
		method, ok := declaration.(*ast.FuncDecl)
		if !ok || method.Recv == nil || !method.Name.IsExported() {
			continue
		}
		receiver := method.Recv.List[0].Type
		if pointer, ok := receiver.(*ast.StarExpr); ok {
			receiver = pointer.X
		}
		if at, ok := h.declared[receiver.(*ast.Ident).Name]; ok && wanted[at] {
			want(i)
		}
	}
	var kept []ast.Decl
	for i, declaration := range h.declarations {
		if wanted[i] {
			kept = append(kept, declaration)
		}
	}
	return kept
}

// eachName calls visit for every name in a node, that of an import with a dot behind it.
func eachName(node ast.Node, visit func(name string)) {
	ast.Inspect(node, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.SelectorExpr:
			if imported, ok := node.X.(*ast.Ident); ok {
				visit(imported.Name + ".")
				return false
			}
		case *ast.Ident:
			visit(node.Name)
		}
		return true
	})
}
