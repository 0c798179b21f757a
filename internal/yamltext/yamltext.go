// Package yamltext parses YAML that anybody may have written. The parser behind it recurses,
// takes memory by the square of the depth, and panics at some texts; from here it returns an
// error.
package yamltext

import (
	"errors"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// TooDeepError is a text that is nested deeper than is parsed.
type TooDeepError struct {
	Line, Column int // where it gets too deep, from 1
}

func (TooDeepError) Error() string { return "nested too deep" }

// Parse returns the documents of a text. levels is how many brackets may be open, and marks of
// lists, keys, anchors and tags stand in a row; those inside texts count too, so it must be
// wide. The error is TooDeepError, the parser's, or says that it panicked.
func Parse(source []byte, levels int) (file *ast.File, err error) {
	if err := depth(source, levels); err != nil {
		return nil, err
	}
	defer func() {
		if recover() != nil {
			file, err = nil, errors.New("the parser panicked")
		}
	}()
	return parser.ParseBytes(source, 0, parser.AllowDuplicateMapKey())
}

// depth finds where a text gets too deep, without recursion.
func depth(source []byte, levels int) error {
	open, line, column, marks := 0, 1, 0, 0
	for _, c := range source {
		column++
		switch c {
		case '[', '{':
			open++
		case ']', '}':
			open = max(0, open-1)
		case '\n':
			line, column, marks = line+1, 0, 0
			continue
		}
		switch c {
		case '-', '?', ':', '&', '!':
			marks++
		case ' ':
		default:
			marks = 0
		}
		if open > levels || marks > levels {
			return TooDeepError{line, column}
		}
	}
	return nil
}
