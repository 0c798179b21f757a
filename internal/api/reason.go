package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// The members by which frameworks and interfaces tell why, in the form of squashed. All are
// read of what they send by default.
var (
	// particulars hold the reasons one by one, and say more than the text beside them.
	particulars = []string{
		"messageextendedinfo", "errors", "violations", "validations", "errorcauses", "rootcause", "issues", "validation", "validationerrors", "fielderrors", "fieldviolations", "invalidparams",
		"modelstate", "nonfielderrors", "suberrors", "nestederrors", "messages", "failures", "errormessages", "validationmessages", "embedded", "causes", "details", "detail", "message", "error", "innererror", "extra", "exception",
	}
	// reasons are texts, the better ones first.
	reasons = []string{
		"message", "defaultmessage", "messagel10n", "errordescription", "detail", "description", "errormessage", "errorsummary", "faultstring", "errmsg", "errormsg",
		"msg", "messagetext", "text", "reason", "longmessage", "usermessage", "statusmessage", "resultmessage", "returnmessage", "details", "clierror", "moreinformation", "desc", "error", "title", "line", "data", "messageid",
	}
	// more are sentences that stand beside a reason and say more than it.
	more = []string{"reason", "detail", "details", "description", "errordescription", "moreinformation", "messagedetail"}
	// tokens are told where there is no reason in words.
	tokens = []string{"error", "errorcode", "code", "result", "status", "reason", "scimtype", "type"}
	// places name the field that a reason is about.
	places = []string{"field", "propertypath", "fieldname", "property", "propertyname", "param", "target", "path", "loc", "name", "pointer"}
	// echoes may hold what was sent, or are no reason.
	echoes names = "echoes"
	// general are reasons that say no more than that it failed: another one is better.
	general names = "general"
	// otherStatusTexts are names of statuses that other servers give them.
	otherStatusTexts names = "otherStatusTexts"
	// nobody are words in the place of a reason that there is not.
	nobody names = "nobody"
)

const (
	// maxReasons is how many reasons of one answer are told.
	maxReasons = 5
	// maxLine is how long a line of plain text may be to be told as a reason.
	maxLine = 500
	// longestName is how long the name of a status may be, or words that say nothing.
	longestName = 60
)

// Why returns why a call failed, in the words of the answer: from the default shapes of
// web frameworks and the usual members of others, or a single line of plain text. It is
// foreign text, for Client.Clean. "" is an answer that says no reason in a known way.
func (a Answer) Why() string {
	var found []string
	switch a.kind {
	case isJSON:
		value, err := a.JSON()
		if err != nil {
			return ""
		}
		found = reasonsIn(value)
	case isMarkup:
		_, all, _ := elements(a.body)
		members := map[string]any{}
		for _, e := range slices.Backward(all) { // the first of a name counts
			if e.text != someElements {
				members[e.name] = e.text
			}
		}
		found = reasonsIn(members)
	case isPage:
		if a.fault == nil {
			if text := sentenceOf(a.body); text != "" {
				return text
			}
			return titleOf(a.body)
		}
	case isText:
		first, last := bytes.IndexByte(a.body, '{'), bytes.LastIndexByte(a.body, '}')
		if members := formIn(string(a.body)); members != nil {
			found = reasonsIn(members)
		} else if a.fault == nil && first >= 0 && last > first {
			found = reasonsIn(jsonIn(string(a.body[first : last+1])))
		} else if a.fault == nil && len(a.body) <= maxLine && !bytes.ContainsAny(a.body, "\r\n<") {
			return string(a.body)
		} else if first, rest, _ := strings.Cut(string(a.body), "\n"); a.fault == nil && len(a.body) <= maxLine && isStatusText(first) && !strings.Contains(rest, "<") {
			return strings.Join(strings.Fields(rest), " ") // WebOb puts explanation and reason below
		}
	}
	if len(found) > maxReasons {
		found = found[:maxReasons]
	}
	return strings.Join(found, "; ")
}

// errorPage finds the headings of a page, and the first text that stands alone in it.
var errorPage = sync.OnceValue(func() [3]*regexp.Regexp {
	return [3]*regexp.Regexp{
		regexp.MustCompile(`(?is)<(?:title|h1|h2)[^<>]*>([^<]*)<`),
		regexp.MustCompile(`(?is)<pre[^<>]*>([^<>]+)<`),
		regexp.MustCompile(`(?is)<p[^<>]*>([^<>]+)</p>`),
	}
})

// sentenceOf returns the one sentence of the page that a framework makes of an error by
// itself, whose heading is the name of a status, or the word Error; "" of any other page.
func sentenceOf(page []byte) string {
	if len(page) > 8*maxLine {
		return ""
	}
	patterns := errorPage()
	for _, heading := range patterns[0].FindAllSubmatch(page, -1) {
		text := strings.TrimPrefix(strings.TrimSpace(string(heading[1])), "Error:")
		// Twisted's headings are a number and words of its own.
		if squashed(text) != "error" && !isStatusText(text) && !(len(text) > 3 && (text[0] == '4' || text[0] == '5') && strings.Trim(text[:3], "0123456789") == "") {
			continue
		}
		for _, pattern := range patterns[1:] {
			if found := pattern.FindSubmatch(page); found != nil {
				text, _, _ := strings.Cut(strings.TrimSpace(unescape(string(found[1]))), "\n")
				if len(text) <= maxLine && !isStatusText(text) {
					return text
				}
			}
		}
	}
	return ""
}

const titled = "the page is titled "

// titleOf returns the title of a page, by which the product that made it is known: a firewall, a
// login portal. "" is a page without one, or with one that is the name of a status.
func titleOf(page []byte) string {
	page = page[:min(len(page), 8*maxLine)]
	for _, heading := range errorPage()[0].FindAllSubmatch(page, -1) {
		title := strings.Join(strings.Fields(unescape(string(heading[1]))), " ")
		if bytes.HasPrefix(bytes.ToLower(heading[0]), []byte("<title")) && title != "" && len(title) <= 2*longestName && !isStatusText(title) && squashed(title) != "error" {
			return titled + strconv.Quote(title)
		}
	}
	return ""
}

// jsonIn returns the list or object that a text is the JSON of, nil if it is none.
func jsonIn(text string) any {
	if text = strings.TrimSpace(text); text == "" || text[0] != '{' && text[0] != '[' || checkJSON([]byte(text)) != nil {
		return nil
	}
	value, _ := Answer{body: []byte(text), kind: isJSON}.JSON()
	return value
}

// reasonsIn finds the reasons of a body.
func reasonsIn(value any) []string {
	switch value := value.(type) {
	case string, []any:
		return texts(value, "")
	case map[string]any:
		members := fold(value)
		if found := told(members); len(found) > 0 {
			return found
		}
		// Django REST framework answers fields and lists of reasons, and nothing else; webargs
		// puts the part of the request around them.
		if isReasons(value) {
			return texts(value, "")
		}
		if found := deeper(value); len(found) > 0 {
			return found
		}
		for _, name := range tokens {
			if text, _ := members[name].(string); strings.ContainsFunc(text, unicode.IsLetter) && len(text) <= longestName && !isStatusText(text) && word(text) == SaysNothing {
				return []string{text}
			}
		}
	}
	return nil
}

// isReasons reports whether a value is lists of texts alone, by names at any depth.
func isReasons(value any) bool {
	switch value := value.(type) {
	case []any:
		return !slices.ContainsFunc(value, func(e any) bool { _, isText := e.(string); return !isText })
	case map[string]any:
		for _, inner := range value {
			if !isReasons(inner) {
				return false
			}
		}
		return true
	}
	return false
}

// told returns the reasons that the known members of an object tell.
func told(members map[string]any) []string {
	for _, name := range particulars {
		switch members[name].(type) {
		case []any, map[string]any:
			if found := texts(members[name], ""); len(found) > 0 {
				// A token alone says less than the words beside it.
				if words := best(members); len(found) == 1 && !strings.Contains(found[0], " ") && strings.Contains(words, " ") {
					found = append([]string{words}, found...)
				}
				return found
			}
		}
	}
	if data, isObject := members["data"].(map[string]any); isObject && coded(data) {
		if found := texts(data, ""); len(found) > 0 {
			return found
		}
	}
	return sentences(members, "")
}

// sentences returns the best of the reasons that are texts, and what stands beside it and says more.
func sentences(members map[string]any, field string) []string {
	found := texts(best(members), field)
	for _, name := range more {
		text, _ := members[name].(string)
		text = strings.TrimSpace(text)
		if len(found) == 1 && strings.Contains(text, " ") && len(text) <= maxText && !strings.ContainsAny(text, "{[<\n") && !isStatusText(text) &&
			!general.has(squashed(text)) && !strings.Contains(squashed(text), squashed(found[0])) && !strings.Contains(squashed(found[0]), squashed(text)) {
			found = append(found, text)
		}
	}
	return found
}

// best returns the best of the reasons that are texts, "" if there is none.
func best(members map[string]any) string {
	second := ""
	for _, name := range reasons {
		text, _ := members[name].(string)
		switch text = strings.TrimSpace(text); {
		case len(text) > longestName:
			return text
		case text == "" || nobody.has(squashed(text)) || name == "data" && (second == "" || !strings.Contains(text, " ")):
		case !general.has(squashed(text)) && !isStatusText(text):
			return text
		case second == "":
			second = text
		}
	}
	return second
}

// isStatusText reports whether a text is the name of a status that is no success, with or without its number.
func isStatusText(text string) bool {
	if len(text) > longestName {
		return false
	}
	text = strings.TrimPrefix(squashed(text), "error")
	text = strings.TrimPrefix(strings.Trim(text, "0123456789"), "error")
	if text == "" {
		return false
	}
	return otherStatusTexts.has(text) || statusTexts()[text]
}

// statusTexts are the names of the statuses that are no success, without separators. Each
// reason is compared with them.
var statusTexts = sync.OnceValue(func() map[string]bool {
	found := map[string]bool{}
	for status := 400; status < 600; status++ {
		if name := squashed(http.StatusText(status)); name != "" {
			found[name] = true
		}
	}
	return found
})

// coded reports whether an object holds fields, each with a code and a message: PocketBase's
// data, which elsewhere is what was asked for.
func coded(data map[string]any) bool {
	for _, value := range data {
		object, _ := value.(map[string]any)
		_, code := object["code"].(string)
		if _, message := object["message"].(string); !code || !message {
			return false
		}
	}
	return len(data) > 0
}

// deeper looks into the members of an object that tells nothing itself.
func deeper(members map[string]any) []string {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch inner := members[name].(type) {
		case map[string]any:
			if found := told(fold(inner)); len(found) > 0 {
				return found
			}
			if found := deeper(inner); len(found) > 0 {
				return found
			}
		case []any:
			for _, element := range inner {
				if object, isObject := element.(map[string]any); isObject {
					if found := told(fold(object)); len(found) > 0 {
						return found
					}
					if found := deeper(object); len(found) > 0 {
						return found
					}
				}
			}
		}
	}
	return nil
}

// texts returns the reasons below a member that holds some, with the field that each is about
// in front.
func texts(value any, field string) []string {
	var found []string
	add := func(more ...string) {
		for _, text := range more {
			if !slices.Contains(found, text) && len(found) <= maxReasons {
				found = append(found, text)
			}
		}
	}
	switch value := value.(type) {
	case string:
		text := strings.TrimSpace(value)
		if text == "" || nobody.has(squashed(text)) {
			return nil
		}
		if inner := jsonIn(text); inner != nil {
			return texts(inner, field)
		}
		if field != "" && !strings.Contains(squashed(text), squashed(field)) {
			text = field + ": " + text
		}
		return []string{text}
	case []any:
		for _, element := range value {
			add(texts(element, field)...)
		}
	case map[string]any:
		members := fold(value)
		place := fieldOf(members)
		if place == "" {
			place = field
		}
		for _, name := range particulars {
			switch members[name].(type) {
			case []any, map[string]any:
				if inner := texts(members[name], field); len(inner) > 0 {
					return inner
				}
			}
		}
		if inner := sentences(members, place); len(inner) > 0 {
			return inner
		}
		if text, isText := members["value"].(string); isText && members["lang"] != nil { // OData
			return texts(text, place)
		}
		// A map of fields and reasons.
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if echoes.has(squashed(name)) {
				continue
			}
			about := name
			if len(name) == 5 && name[2] == '-' { // a language
				about = ""
			}
			switch squashed(name) {
			case "nonfielderrors", "all", "base", "", "global", "errors":
				about = ""
			}
			for _, text := range texts(value[name], about) {
				if strings.Contains(strings.TrimPrefix(text, about+": "), " ") { // words, and no token
					add(text)
				}
			}
		}
	}
	return found
}

// fieldOf names the field that an object with a reason is about.
func fieldOf(members map[string]any) string {
	if source, isObject := members["source"].(map[string]any); isObject { // JSON:API
		members = fold(source)
	}
	for _, name := range places {
		switch value := members[name].(type) {
		case string:
			return value[strings.LastIndexAny(value, "/.")+1:]
		case []any:
			if len(value) > 0 && name == "loc" { // FastAPI
				last, _ := value[len(value)-1].(string)
				return last
			}
		}
	}
	return ""
}

// fold returns an object's members by their squashed names; of two alike one counts.
func fold(members map[string]any) map[string]any {
	folded := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if _, taken := folded[squashed(name)]; !taken {
			folded[squashed(name)] = members[name]
		}
	}
	return folded
}

// At returns what stands at a path of a JSON body: names, and numbers of elements, from the
// outside in. Without a path it is the whole body, also one of plain text. Of XML the last name
// counts: it is what all elements and attributes of that name hold, if they hold the same.
func (a Answer) At(path []string) (value any, ok bool) {
	switch a.kind {
	case isText:
		if len(path) == 0 {
			return string(a.body), a.fault == nil
		}
		if members := formIn(string(a.body)); members != nil {
			value = members
		}
	case isMarkup:
		_, found, whole := elements(a.body)
		for _, e := range found {
			if len(path) > 0 && e.name == path[len(path)-1] {
				if ok && value != e.text {
					return nil, false
				}
				value, ok = e.text, true
			}
		}
		return value, ok && whole && a.fault == nil
	default:
		var err error
		if value, err = a.JSON(); err != nil || a.IsEmpty() {
			return nil, false
		}
	}
	for _, name := range path {
		switch inside := value.(type) {
		case map[string]any:
			if value, ok = inside[name]; !ok {
				return nil, false
			}
		case []any:
			i, isNumber := number(json.Number(name))
			if !isNumber || i < 0 || i >= float64(len(inside)) || i != float64(int(i)) {
				return nil, false
			}
			value = inside[int(i)]
		default:
			return nil, false
		}
	}
	return value, true
}

// SameValue reports whether a value of a JSON body is the one that a text stands for: numbers
// by their worth, truth values by their names, texts without regard to the case of ASCII.
func SameValue(value any, text string) bool {
	switch value := value.(type) {
	case nil:
		return text == "null"
	case bool:
		return strings.EqualFold(text, map[bool]string{true: "true", false: "false"}[value])
	case json.Number:
		a, is := number(value)
		b, too := number(text)
		return is && too && a == b
	case string:
		if a, is := number(value); is {
			if b, too := number(text); too {
				return a == b
			}
		}
		return strings.EqualFold(strings.TrimSpace(value), text)
	}
	return false
}
