package main

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/troubleshooting"
)

// texts returns the string literals below a node, those joined by + as one.
func texts(node ast.Node) []string {
	var found []string
	ast.Inspect(node, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BinaryExpr:
			if joined, ok := joinedText(node); ok {
				found = append(found, joined)
				return false
			}
		case *ast.BasicLit:
			if text, ok := joinedText(node); ok {
				found = append(found, text)
			}
		}
		return true
	})
	return found
}

// joinedText returns the value of a literal, or of literals joined by +.
func joinedText(expression ast.Expr) (string, bool) {
	switch expression := expression.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(expression.Value)
		return text, expression.Kind == token.STRING && err == nil
	case *ast.BinaryExpr:
		left, ok := joinedText(expression.X)
		right, also := joinedText(expression.Y)
		return left + right, ok && also && expression.Op == token.ADD
	}
	return "", false
}

// warns reports whether an event of the log is a warning.
func warns(event ast.Expr) bool {
	found := false
	ast.Inspect(event, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		found = found || ok && selector.Sel.Name == "Warn"
		return true
	})
	return found
}

// messages returns the texts of troubleshooting.Messages that are the program's own.
func messages() []string {
	var all []string
	for _, group := range troubleshooting.Messages() {
		for _, message := range group.Messages {
			if !group.Others {
				all = append(all, message.Text)
			}
		}
	}
	return all
}

// TestMessagesAreTheProgramsOwn: what the page on troubleshooting quotes is in the code.
func TestMessagesAreTheProgramsOwn(t *testing.T) {
	// These are put together when they are printed.
	parts := map[string][]string{
		"payload: larger than":                              {"payload", "larger than %d bytes"},
		"read the user's name: found":                       {"read the user's name", "found "},
		"payload: newPassword is":                           {"payload: %s is missing", "newPassword"},
		"payload: user is":                                  {"payload: %s is missing", "user"},
		"is needed on the access record":                    {"%s is needed %s, found %s", "on the access record"},
		"is needed on the user record or the access record": {"%s is needed %s, found %s", "on the user record or the access record"},
		"the entry…is damaged":                              {"the entry ", " is damaged"},
		"answered 401":                                      {"answered %d"},
		"answered 403":                                      {"answered %d"},
		"answered 404":                                      {"answered %d"},
		"answered 407":                                      {"answered %d"},
		"answered 429":                                      {"answered %d"},
		"answered 4":                                        {"answered %d"},
		"answered 5":                                        {"answered %d"},
		"and so is…: the account has another one":           {" is rejected, and so is ", ": the account has another one"},
		"is rejected, and…could not be tried":               {" is rejected, and ", " could not be tried"},
	}
	var said []string
	for _, s := range sources(t) {
		if !s.isTest() && !strings.HasPrefix(s.path, "internal/simulator/") && s.directory() != "internal/troubleshooting" {
			said = append(said, texts(s.file)...)
		}
	}
	isSaid := func(text string) bool {
		return slices.ContainsFunc(said, func(one string) bool {
			for part := range strings.SplitSeq(text, "…") {
				_, after, found := strings.Cut(one, part)
				if !found {
					return false
				}
				one = after
			}
			return true
		})
	}
	seen := map[string]bool{}
	for _, message := range messages() {
		if seen[message] {
			t.Errorf("%q is there twice", message)
		}
		seen[message] = true
		needed, composed := parts[message]
		if !composed {
			needed = []string{message}
		}
		delete(parts, message)
		for _, text := range needed {
			if !isSaid(text) {
				t.Errorf("no source says %q any more", text)
			}
		}
	}
	for message := range parts {
		t.Errorf("%q is no message any more", message)
	}
}

// TestMessagesAreAllExplained: the page leaves out none of the faults of transport, of the
// payload's form, of the decision and of the command line.
func TestMessagesAreAllExplained(t *testing.T) {
	known := messages()
	// One of the texts that a message is put together from is enough.
	explained := func(place string, said ...string) {
		t.Helper()
		if !slices.ContainsFunc(said, func(text string) bool {
			return slices.ContainsFunc(known, func(message string) bool {
				_, fixed, composed := strings.Cut(message, ": ")
				return strings.Contains(text, message) || composed && strings.Contains(text, fixed)
			}) || report.Explain(text) != ""
		}) {
			t.Errorf("%s says %q, and internal/troubleshooting/messages.go does not say what to do about it", place, said)
		}
	}
	counts := map[string]int{}
	for _, s := range sources(t) {
		if s.isTest() || strings.HasPrefix(s.path, "internal/simulator/") || strings.HasPrefix(s.path, "internal/conformance/") {
			continue
		}
		for _, declaration := range s.file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(function, func(node ast.Node) bool {
				switch node := node.(type) {
				case *ast.ReturnStmt:
					var cause ast.Expr
					switch {
					case s.path == "internal/api/fault.go" && len(node.Results) == 2:
						cause = node.Results[0]
					case function.Name.Name == "transportFault" && len(node.Results) == 3:
						cause = node.Results[1]
					default:
						return true
					}
					if said := texts(cause); len(said) > 0 {
						explained(function.Name.Name, said...)
						counts["transport"]++
					}
				case *ast.CallExpr:
					selector, ok := node.Fun.(*ast.SelectorExpr)
					switch {
					case !ok:
					case selector.Sel.Name == "Warn" && len(node.Args) == 1, selector.Sel.Name == "Msg" && warns(selector.X):
						if said := texts(node.Args[0]); len(said) > 0 {
							explained("a warning", said...)
							counts["warning"]++
						}
					case s.directory() == "internal/params" && selector.Sel.Name == "fault" && len(node.Args) > 1:
						if text, ok := joinedText(node.Args[1]); ok && text != "record %d: %s" {
							explained("params", text)
							counts["params"]++
						}
					case s.directory() == "internal/description" && selector.Sel.Name == "fault" && len(node.Args) > 1:
						if text, ok := joinedText(node.Args[1]); ok {
							explained("description", text)
							counts["description"]++
						}
					case s.path == "internal/rotation/decide.go" && selector.Sel.Name == "unknown" && len(node.Args) > 1:
						if text, ok := joinedText(node.Args[1]); ok {
							explained("decide", text)
							counts["decide"]++
						}
					}
				case *ast.CompositeLit:
					name, ok := node.Type.(*ast.Ident)
					if selector, isSelector := node.Type.(*ast.SelectorExpr); isSelector {
						name, ok = selector.Sel, true
					}
					if ok && name.Name == "FileError" && len(node.Elts) > 0 {
						if said := texts(node); len(said) > 0 {
							explained("a file that was named", said...)
							counts["file"]++
						}
					}
					if name, ok := node.Type.(*ast.Ident); ok && name.Name == "usageError" && len(node.Elts) == 1 {
						// What is wrong with the file behind --from is told elsewhere.
						if said := texts(node); len(said) > 0 && said[0] != "--from " {
							explained("a usage error", said...)
							counts["usage"]++
						}
					}
				}
				return true
			})
		}
	}
	for kind, least := range map[string]int{"transport": 30, "params": 12, "description": 14, "decide": 10, "usage": 40, "warning": 20, "file": 6} {
		if counts[kind] < least {
			t.Errorf("only %d messages of the kind %s were found: the test looks in the wrong place", counts[kind], kind)
		}
	}
}
