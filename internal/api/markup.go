package api

import (
	"bytes"
	"strings"
)

// maxElements is how many elements of a markup are read.
const maxElements = 10_000

// element is an element of a markup with something in it, or an attribute.
type element struct{ name, text string }

// someElements is the text of an element with elements in it: a Fault is one.
const someElements = "(elements)"

// elements reads a markup as far as it takes to judge it: the name of the first element, in
// lower case and without a prefix, and the elements that hold something. It is false of what is
// not closed as it was opened: a page mostly is not, and what is cut is not.
func elements(body []byte) (first string, found []element, ok bool) {
	var m markup
	for {
		before, rest, more := bytes.Cut(body, []byte("<"))
		m.text += string(before)
		if !more {
			return m.first, m.found, m.first != "" && len(m.open) == 0
		}
		if after, skipped, closed := m.skip(rest); skipped {
			if !closed {
				return m.first, m.found, false
			}
			body = after
			continue
		}
		tag, after, closed := cutTag(rest)
		if !closed || bytes.HasPrefix(rest, []byte("!")) { // a document type is one of pages
			if strings.HasPrefix(strings.ToLower(string(tag)), "!doctype html") {
				m.first = "html"
			}
			return m.first, m.found, false
		}
		if !m.tag(string(tag)) {
			return m.first, m.found, false
		}
		body = after
	}
}

// markup is what has been read of one.
type markup struct {
	first string
	found []element
	count int    // of the elements, those with nothing in them included
	text  string // since the last tag
	open  []openElement
}

// openElement is an element whose end is yet to come.
type openElement struct {
	name   string
	parent bool // it has elements in it
}

// skip goes past a comment, an instruction or a section of text, whose text counts. closed is
// false of one that does not end.
func (m *markup) skip(rest []byte) (after []byte, skipped, closed bool) {
	const text = "![CDATA["
	for _, section := range [][2]string{{"!--", "-->"}, {"?", "?>"}, {text, "]]>"}} {
		if !bytes.HasPrefix(rest, []byte(section[0])) {
			continue
		}
		inner, after, closed := bytes.Cut(rest[len(section[0]):], []byte(section[1]))
		if closed && section[0] == text {
			m.text += string(inner)
		}
		return after, true, closed
	}
	return nil, false, false
}

// tag takes what stands between < and >, and reports whether it can stand there.
func (m *markup) tag(tag string) bool {
	plain := strings.NewReplacer("\t", " ", "\r", " ", "\n", " ").Replace(tag)
	name, attributes, _ := strings.Cut(strings.TrimSuffix(plain, "/"), " ")
	_, local, prefixed := strings.Cut(name, ":")
	if !prefixed {
		local = name
	}
	ending, isEnd := strings.CutPrefix(name, "/")
	switch {
	case isEnd && !m.end(ending, strings.TrimPrefix(local, "/")):
		return false
	case isEnd:
	case name == "":
		return false
	case !m.begin(name, local, attributes, strings.HasSuffix(tag, "/")):
		return false
	}
	m.text = ""
	return true
}

// begin opens an element; local is its name without a prefix, empty says that it has no end.
func (m *markup) begin(name, local, attributes string, empty bool) bool {
	if m.count++; m.count > maxElements || len(m.open) == maxDepth || m.first != "" && len(m.open) == 0 {
		return false
	}
	if m.first == "" {
		m.first = strings.ToLower(local)
	}
	m.found = append(m.found, attributesOf(attributes)...)
	if len(m.open) > 0 {
		m.open[len(m.open)-1].parent = true
	}
	if !empty {
		m.open = append(m.open, openElement{name: name})
	}
	return true
}

// end closes the innermost element.
func (m *markup) end(name, local string) bool {
	if len(m.open) == 0 || m.open[len(m.open)-1].name != name {
		return false
	}
	text := strings.TrimSpace(unescape(m.text))
	if m.open[len(m.open)-1].parent {
		text = someElements
	}
	m.open = m.open[:len(m.open)-1]
	if text != "" {
		m.found = append(m.found, element{local, text})
	}
	return true
}

// cutTag cuts at the end of a tag, which is not one between quotes.
func cutTag(text []byte) (tag, after []byte, ok bool) {
	var quote byte
	for i, c := range text {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return text[:i], text[i+1:], true
		}
	}
	return text, nil, false
}

// attributesOf reads the attributes of a tag.
func attributesOf(text string) []element {
	var found []element
	for {
		name, rest, ok := strings.Cut(text, "=")
		name, rest = strings.TrimSpace(name), strings.TrimSpace(rest)
		if !ok || rest == "" || rest[0] != '"' && rest[0] != '\'' {
			return found
		}
		value, after, closed := strings.Cut(rest[1:], rest[:1])
		if !closed {
			return found
		}
		if !strings.HasPrefix(name, "xmlns") && !strings.Contains(name, ":") {
			found = append(found, element{name, unescape(value)})
		}
		text = after
	}
}

// unescape undoes the references that every XML knows.
func unescape(text string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&apos;", "'", "&#39;", "'", "&#039;", "'", "&#x27;", "'", "&#34;", `"`, "&amp;", "&").Replace(text)
}
