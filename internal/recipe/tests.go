package recipe

import (
	"encoding/json"
	"math/big"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"pam-rotate-script/internal/params"
)

// Test is one of a recipe's own tests: what a run meets, and how it ends.
type Test struct {
	Name string
	// Line is where the test stands.
	Line int
	// User, New and Old are what the payload holds. They have defaults.
	User, New, Old string
	// Fields are fields of the access record by label; the addresses are put in by
	// whoever runs the test.
	Fields map[string]any
	// UserFields are fields of the PAM User record.
	UserFields map[string]any
	// Exchanges are the recorded exchanges in their order.
	Exchanges []Exchange
	// Outcome, Class and Proof are how the run ends; "" is not looked at.
	Outcome, Class, Proof string
	// Warns says that the run warns of something; nil is not looked at.
	Warns *bool
	// Saves are the values that go back to the PAM User record, by label; nil is not looked at.
	Saves map[string]string
}

// Exchange is one recorded exchange.
type Exchange struct {
	// Method and Path are of the request; Path is escaped and has the query with it.
	Method, Path string
	// Body is the JSON value or the form of the request; nil is not looked at.
	Body any
	// Header are headers that the request has, among others.
	Header map[string]string
	// Status, Answer and AnswerHeader are what comes back; Answer is a JSON value, or
	// a text that is sent as it is. nil is no body.
	Status       int
	Answer       any
	AnswerHeader map[string]string
	// Lost has the connection end without an answer.
	Lost bool
	// Repeated lets the exchange stand for any number of the same ones in a row.
	Repeated bool
}

var (
	testKeys     = []string{"name", "user", "new", "old", "fields", "user fields", "exchanges", "outcome", "class", "proof", "warns", "saves"}
	exchangeKeys = []string{"request", "header", "body", "status", "answer", "answer header", "lost", "repeated"}
)

func (l *loader) tests(node ast.Node) []Test {
	var tests []Test
	nodes := l.list(node, "tests", false)
	if len(nodes) > maxTests {
		l.add(nodePosition(node), "", "a recipe has at most %d tests", maxTests)
	}
	for _, node := range nodes {
		m := l.mapping(node, "a test", testKeys)
		if m == nil {
			continue
		}
		t := Test{Line: m.at.line, User: "jane@example.com", New: "Kv9_canary#new<Jh2\"+", Old: "Zq4-canary!old&Wx7%"}
		t.Name = l.text(m.get("name"), "the name of a test")
		l.need(m, "name", "exchanges", "outcome")
		for key, into := range map[string]*string{"user": &t.User, "new": &t.New, "old": &t.Old} {
			if text, ok := scalarText(m.get(key)); ok {
				*into = text
			} else if m.get(key) != nil {
				l.add(m.of(key), key, "the value is a text")
			}
		}
		t.Fields, _ = l.plain(m.get("fields")).(map[string]any)
		for label := range t.Fields {
			if f, ok := l.scope.fields[fieldName(label)]; !ok && !commonLabel(label) {
				l.add(m.of("fields"), label, "there is no such field")
			} else if ok && (f.Label == l.recipe.base.label) {
				l.add(m.of("fields"), label, "the address is that of the test's own server")
			}
		}
		t.UserFields, _ = l.plain(m.get("user fields")).(map[string]any)
		t.Outcome = l.oneOf(m.get("outcome"), "the outcome", "changed", "not-changed", "unknown")
		if m.get("class") != nil {
			t.Class = string(l.class(m.get("class"), ""))
		}
		t.Proof = l.oneOf(m.get("proof"), "the proof", "login", "status", "answer")
		if m.get("warns") != nil {
			warns := l.bool(m.get("warns"), "warns")
			t.Warns = &warns
		}
		saves, _ := l.plain(m.get("saves")).(map[string]any)
		if m.get("saves") != nil {
			t.Saves = map[string]string{}
		}
		for label, value := range saves {
			text, ok := value.(string)
			if !ok || !slices.ContainsFunc(l.recipe.save, func(s saving) bool { return s.label == label }) {
				l.add(m.of("saves"), label, "saves has the texts that go to the labels of save")
			}
			t.Saves[label] = text
		}
		for _, node := range l.list(m.get("exchanges"), "exchanges", false) {
			if m := l.mapping(node, "an exchange", exchangeKeys); m != nil {
				t.Exchanges = append(t.Exchanges, l.exchange(m))
			}
		}
		tests = append(tests, t)
	}
	return tests
}

func commonLabel(label string) bool {
	return slices.Contains([]string{"verify", "timeout", "allowedusers"}, params.NormaliseLabel(label))
}

func (l *loader) oneOf(node ast.Node, what string, words ...string) string {
	if node == nil {
		return ""
	}
	text := l.text(node, what)
	if !slices.Contains(words, text) {
		l.add(nodePosition(node), "", "%s is one of %v, found something else", what, words)
	}
	return text
}

func (l *loader) exchange(m *mapping) Exchange {
	var e Exchange
	l.need(m, "request")
	request := l.text(m.get("request"), "the request")
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		if len(request) > len(method)+1 && request[:len(method)+1] == method+" " && request[len(method)+1] == '/' {
			e.Method, e.Path = method, request[len(method)+1:]
		}
	}
	if e.Method == "" && request != "" {
		l.add(m.of("request"), "", "a request is a method and a path, such as GET /users/jane%%40example.com")
	}
	e.Lost, e.Repeated = l.bool(m.get("lost"), "lost"), l.bool(m.get("repeated"), "repeated")
	e.Status = l.number(m.get("status"), "the status", 200, 599, 0)
	if (m.get("status") != nil) == e.Lost {
		l.add(m.at, "", "an exchange has either a status or lost: true")
	}
	e.Body = l.plain(m.get("body"))
	e.Answer = l.plain(m.get("answer"))
	for key, into := range map[string]*map[string]string{"header": &e.Header, "answer header": &e.AnswerHeader} {
		headers, _ := l.plain(m.get(key)).(map[string]any)
		for name, value := range headers {
			text, ok := value.(string)
			if !ok {
				l.add(m.of(key), name, "the value of a header is a text")
			}
			if *into == nil {
				*into = map[string]string{}
			}
			(*into)[name] = text
		}
	}
	return e
}

// plain reads YAML as data.
func (l *loader) plain(node ast.Node) any {
	switch node := node.(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.BoolNode:
		return node.Value
	case *ast.IntegerNode:
		number, ok := new(big.Int).SetString(node.GetToken().Value, 10)
		if !ok {
			l.add(nodePosition(node), "", "a number in a test is written in plain digits")
			return nil
		}
		return json.Number(number.String())
	case *ast.FloatNode:
		if _, err := strconv.ParseFloat(node.GetToken().Value, 64); err != nil {
			l.add(nodePosition(node), "", "a number in a test is written in plain digits")
			return nil
		}
		return json.Number(node.GetToken().Value)
	case *ast.MappingNode, *ast.MappingValueNode:
		if flow, ok := node.(*ast.MappingNode); ok && len(flow.Values) == 0 {
			return map[string]any{}
		}
		m := l.mapping(node, "data", anyKey)
		object := map[string]any{}
		if m != nil {
			for _, entry := range m.entries {
				object[entry.key] = l.plain(entry.value)
			}
		}
		return object
	case *ast.SequenceNode:
		list := []any{}
		for _, element := range node.Values {
			list = append(list, l.plain(element))
		}
		return list
	}
	if text, ok := scalarText(node); ok {
		return text
	}
	l.add(nodePosition(node), "", "data is made of texts, numbers, lists and maps, found %s", kindOf(node))
	return nil
}
