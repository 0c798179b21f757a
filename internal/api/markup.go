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
// lower case and without a prefix, and the elements that hold
// something. It is false of what is
// not closed as it was opened: a page mostly is not, and what is cut is not.
func elements(body []byte) (first string, found []element, ok bool) {
	type level struct {
		name   string
		parent bool // it has elements in it
	}
	var open []level
	text := ""
	for count := 0; ; {
		before, rest, more := bytes.Cut(body, []byte("<"))
		text += string(before)
		if !more {
			return first, found, first != "" && len(open) == 0
		}
		skipped := false
		for _, section := range [][2]string{{"!--", "-->"}, {"?", "?>"}, {"![CDATA[", "]]>"}} {
			if bytes.HasPrefix(rest, []byte(section[0])) {
				inner, after, closed := bytes.Cut(rest[len(section[0]):], []byte(section[1]))
				if !closed {
					return first, found, false
				}
				if section[0] == "![CDATA[" {
					text += string(inner)
				}
				body, skipped = after, true
				break
			}
		}
		if skipped {
			continue
		}
		tag, after, closed := cutTag(rest)
		if !closed || bytes.HasPrefix(rest, []byte("!")) { // a document type is one of pages
			if name := strings.ToLower(string(tag)); strings.HasPrefix(name, "!doctype html") {
				first = "html"
			}
			return first, found, false
		}
		body = after
		name, attributes, _ := strings.Cut(strings.TrimSuffix(strings.NewReplacer("\t", " ", "\r", " ", "\n", " ").Replace(string(tag)), "/"), " ")
		_, local, prefixed := strings.Cut(name, ":")
		if !prefixed {
			local = name
		}
		switch {
		case strings.HasPrefix(name, "/"):
			if len(open) == 0 || open[len(open)-1].name != name[1:] {
				return first, found, false
			}
			text = strings.TrimSpace(unescape(text))
			if open[len(open)-1].parent {
				text = someElements
			}
			open = open[:len(open)-1]
			if text != "" {
				found = append(found, element{strings.TrimPrefix(local, "/"), text})
			}
		case name == "":
			return first, found, false
		default:
			if count++; count > maxElements || len(open) == maxDepth || first != "" && len(open) == 0 {
				return first, found, false
			}
			if first == "" {
				first = strings.ToLower(local)
			}
			found = append(found, attributesOf(attributes)...)
			if len(open) > 0 {
				open[len(open)-1].parent = true
			}
			if !bytes.HasSuffix(tag, []byte("/")) {
				open = append(open, level{name: name})
			}
		}
		text = ""
	}
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
