package recipe

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"pam-rotate-script/internal/yamltext"
)

// Limits of a recipe's text.
const (
	// MaxSize is how many bytes a recipe may have.
	MaxSize = yamltext.MaxSize
	// maxDepth is how deep its maps and lists may be nested.
	maxDepth = 16
	// maxText is how many characters a name or a sentence in it may have.
	maxText = 400
)

// parseYAML returns the one document of a recipe, or nil with a problem.
func parseYAML(source []byte, found *problems) ast.Node {
	switch {
	case len(source) > MaxSize:
		found.add(position{}, "", "the recipe is longer than %d KiB", MaxSize>>10)
		return nil
	case !utf8.Valid(source):
		found.add(position{}, "", "the recipe is not UTF-8")
		return nil
	}
	for i, line := range strings.Split(string(source), "\n") {
		for column, character := range []rune(strings.TrimSuffix(line, "\r")) {
			if unicode.IsControl(character) || unicode.Is(unicode.Cf, character) && character != '\ufeff' {
				what := "a control character or an invisible one"
				if character == '\t' {
					what = "a tab: YAML is indented by blanks"
				}
				found.add(position{i + 1, column + 1}, "", "found %s", what)
				return nil
			}
		}
	}
	file, err := yamltext.Parse(source, 8*maxDepth)
	if deep := (yamltext.TooDeepError{}); errors.As(err, &deep) {
		found.add(position{deep.Line, deep.Column}, "", "the recipe is nested deeper than %d levels", maxDepth)
		return nil
	}
	if err != nil {
		at := position{1, 1}
		var syntax interface {
			GetToken() *token.Token
			GetMessage() string
		}
		near := ""
		if errors.As(err, &syntax) {
			at, near = tokenPosition(syntax.GetToken()), syntax.GetMessage()
		}
		found.add(at, near, "the recipe is no YAML; a text with any of : # , [ ] { } in it is written in quotes")
		return nil
	}
	var root ast.Node
	for _, document := range file.Docs {
		if document.Body == nil {
			continue
		}
		if root != nil {
			found.add(nodePosition(document.Body), "", "a recipe is one YAML document, here begins another")
			return nil
		}
		root = document.Body
	}
	if root == nil {
		found.add(position{1, 1}, "", "the recipe is empty")
		return nil
	}
	if at, deep := deeperThan(root, maxDepth); deep {
		found.add(at, "", "the recipe is nested deeper than %d levels", maxDepth)
		return nil
	}
	return root
}

// deeperThan reports whether node has more than levels levels, and where.
func deeperThan(node ast.Node, levels int) (position, bool) {
	if levels == 0 {
		return nodePosition(node), true
	}
	var inner []ast.Node
	switch node := node.(type) {
	case *ast.MappingNode:
		for _, pair := range node.Values {
			inner = append(inner, pair.Value)
		}
	case *ast.MappingValueNode:
		inner = append(inner, node.Value)
	case *ast.SequenceNode:
		inner = node.Values
	case *ast.AnchorNode:
		inner = append(inner, node.Value)
	case *ast.TagNode:
		inner = append(inner, node.Value)
	}
	for _, child := range inner {
		if child == nil {
			continue
		}
		if at, deep := deeperThan(child, levels-1); deep {
			return at, true
		}
	}
	return position{}, false
}

func tokenPosition(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{1, 1}
	}
	return position{t.Position.Line, t.Position.Column}
}

func nodePosition(node ast.Node) position {
	switch node := node.(type) {
	case nil:
		return position{1, 1}
	case *ast.MappingNode:
		if !node.IsFlowStyle && len(node.Values) > 0 {
			return nodePosition(node.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return nodePosition(node.Key)
	}
	return tokenPosition(node.GetToken())
}

// entry is one key of a map with its value.
type entry struct {
	key   string
	at    position // of the key
	value ast.Node
}

// mapping is a map whose keys are known to be single.
type mapping struct {
	at      position
	entries []entry
}

// get returns the value under a key, nil if there is none.
func (m *mapping) get(key string) ast.Node {
	if m != nil {
		for _, entry := range m.entries {
			if entry.key == key {
				return entry.value
			}
		}
	}
	return nil
}

// of returns the position of a key, or that of the map.
func (m *mapping) of(key string) position {
	for _, entry := range m.entries {
		if entry.key == key {
			return entry.at
		}
	}
	return m.at
}

// anyKey as the allowed keys of a map allows all.
var anyKey []string

// mapping reads a map with no other keys than those allowed. It returns nil, with a problem,
// for anything that is no map; what names the thing in messages ("a call").
func (l *loader) mapping(node ast.Node, what string, allowed []string) *mapping {
	var pairs []*ast.MappingValueNode
	switch node := node.(type) {
	case *ast.MappingNode:
		pairs = node.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{node}
	case nil:
		return nil
	default:
		l.add(nodePosition(node), "", "%s is a map, found %s", what, kindOf(node))
		return nil
	}
	m := &mapping{at: nodePosition(node)}
	if pairs == nil {
		l.add(m.at, "", "%s is a map with at least one key, found an empty one", what)
		return nil
	}
	for _, pair := range pairs {
		at := nodePosition(pair.Key)
		key, ok := scalarText(pair.Key)
		if !ok || key == "" {
			l.add(at, "", "the keys of %s are plain texts, found something else", what)
			continue
		}
		switch {
		case m.get(key) != nil || slices.ContainsFunc(m.entries, func(e entry) bool { return e.key == key }):
			l.add(at, key, "the key is there twice in %s", what)
			continue
		case allowed != nil && !slices.Contains(allowed, key):
			hint := "the keys are " + strings.Join(allowed, ", ")
			if near := nearest(key, allowed); near != "" {
				hint = "is " + near + " meant?"
			}
			l.add(at, key, "%s has no such key: %s", what, hint)
			continue
		}
		if pair.Value == nil || pair.Value.GetToken() != nil && pair.Value.GetToken().Type == token.ImplicitNullType {
			l.add(at, key, "the key has no value")
			continue
		}
		m.entries = append(m.entries, entry{key, at, pair.Value})
	}
	return m
}

// list reads a list; a single value counts as a list of one where single is set.
func (l *loader) list(node ast.Node, what string, single bool) []ast.Node {
	if node == nil {
		return nil
	}
	sequence, ok := node.(*ast.SequenceNode)
	switch {
	case ok && len(sequence.Values) == 0:
		l.add(nodePosition(node), "", "%s is a list with at least one element, found an empty one", what)
		return nil
	case ok:
		var values []ast.Node
		for _, value := range sequence.Values {
			if value == nil || value.Type() == ast.NullType {
				l.add(nodePosition(node), "", "%s has an empty element", what)
				continue
			}
			values = append(values, value)
		}
		return values
	case single:
		return []ast.Node{node}
	}
	l.add(nodePosition(node), "", "%s is a list, found %s", what, kindOf(node))
	return nil
}

// scalarText returns the text of a scalar as it was written.
func scalarText(node ast.Node) (string, bool) {
	switch node := node.(type) {
	case *ast.StringNode:
		return node.Value, true
	case *ast.LiteralNode:
		return node.Value.Value, true
	case *ast.AliasNode, *ast.AnchorNode, *ast.TagNode, *ast.MergeKeyNode, nil:
		return "", false
	case ast.ScalarNode:
		if t := node.GetToken(); t != nil {
			return t.Value, true
		}
	}
	return "", false
}

// text reads one line of text for people or a name.
func (l *loader) text(node ast.Node, what string) string {
	if node == nil {
		return ""
	}
	text, ok := scalarText(node)
	switch {
	case !ok:
		l.add(nodePosition(node), "", "%s is a text, found %s", what, kindOf(node))
		return ""
	case strings.TrimSpace(text) == "":
		l.add(nodePosition(node), "", "%s is empty", what)
	case utf8.RuneCountInString(text) > maxText:
		l.add(nodePosition(node), "", "%s is longer than %d characters", what, maxText)
	}
	return strings.Join(strings.Fields(text), " ")
}

// texts reads a list of texts, or one.
func (l *loader) texts(node ast.Node, what string) []string {
	var texts []string
	for _, value := range l.list(node, what, true) {
		if text := l.text(value, what); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

func (l *loader) bool(node ast.Node, what string) bool {
	if node == nil {
		return false
	}
	if node, ok := node.(*ast.BoolNode); ok {
		return node.Value
	}
	l.add(nodePosition(node), "", "%s is true or false, found %s", what, kindOf(node))
	return false
}

func (l *loader) number(node ast.Node, what string, least, most, otherwise int) int {
	if node == nil {
		return otherwise
	}
	text, _ := scalarText(node)
	number, err := strconv.Atoi(text)
	if _, ok := node.(*ast.IntegerNode); !ok || err != nil || number < least || number > most {
		l.add(nodePosition(node), "", "%s is a whole number from %d to %d, found something else", what, least, most)
		return otherwise
	}
	return number
}

// duration reads a text such as 5s or 2m.
func (l *loader) duration(node ast.Node, what string, most time.Duration) time.Duration {
	if node == nil {
		return 0
	}
	text, _ := scalarText(node)
	duration, err := time.ParseDuration(text)
	if err != nil || duration <= 0 || duration > most {
		l.add(nodePosition(node), "", "%s is a time such as 5s, at most %s, found something else", what, most)
		return 0
	}
	return duration
}

// kindOf names what stands where something else is needed.
func kindOf(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a map"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return "an anchor, alias or tag, which recipes do not have"
	case *ast.NullNode:
		return "nothing"
	}
	return "a scalar"
}

// nearest returns the one of the words that a typing error makes of word, or "".
func nearest(word string, words []string) string {
	best, bestDistance := "", 3
	for _, candidate := range words {
		if d := distance(word, candidate); d < bestDistance && d < len(candidate) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is how many characters have to be changed, put in or left out.
func distance(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			corner, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, corner+cost)
		}
	}
	return row[len(b)]
}
