package api

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Saying is what a body says of the call that it answers. It can only add doubt to a status.
type Saying int

const (
	// SaysNothing is an empty body, an object that was asked for, or words of its own.
	SaysNothing Saying = iota
	// SaysSuccess is a body that speaks of success, and of nothing else.
	SaysSuccess
	// SaysUnderWay is a body by which the call is yet to be carried out.
	SaysUnderWay
	// SaysFailure is a body that speaks of a failure somewhere, or that may.
	SaysFailure
)

// Saying judges the whole body, whatever its kind and at any depth, and the head, by the tables
// below. What cannot be read says nothing; Readable tells of that.
func (a Answer) Saying() Saying {
	var j judge
	switch a.kind {
	case isJSON:
		value, err := a.JSON()
		if err != nil {
			return SaysNothing
		}
		j.root(value)
	case isMarkup:
		first, found, _ := elements(a.body)
		if len(found) == 1 && strings.EqualFold(found[0].name, first) { // a value, and nothing around it
			j.root(found[0].text)
		}
		for _, e := range found {
			if isOutcome(e.name) { // such as ChangePasswordResult
				j.root(e.text)
			}
			j.member(e.name, e.text, inAnswer)
		}
	case isText:
		if members := formIn(string(a.body)); members != nil {
			j.object(members)
		} else {
			j.text(string(a.body))
		}
	}
	j.head(a)
	switch {
	case j.failed:
		return SaysFailure
	case j.underWay, j.ordered && !j.succeeded:
		return SaysUnderWay
	case j.open && !j.succeeded && !j.created:
		return SaysFailure
	case j.succeeded, j.created:
		return SaysSuccess
	}
	return SaysNothing
}

// formIn reads a text such as error=0&text=done, which older interfaces answer; nil if it is
// none.
func formIn(text string) map[string]any {
	if !strings.Contains(text, "=") || strings.ContainsFunc(text, unicode.IsSpace) {
		return nil
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil
	}
	members := map[string]any{}
	for name := range values {
		members[name] = values.Get(name)
	}
	return members
}

// judge collects what the parts of a body say.
type judge struct {
	failed, underWay, succeeded bool
	// open is a sign that some interfaces give for a failure and some for success: it is
	// doubt, unless something else in the body speaks of success.
	open bool
	// ordered is the number of a job that is to carry it out: unless something speaks of
	// success, it is yet to be. That something was created may speak of the job alone.
	ordered, created bool
}

// where says what the object is that a member stands in.
type where int

const (
	inAnswer where = iota // an envelope around an answer
	inThing               // a record that the interface keeps: its numbers mean what they like
	inRecord              // surely the account's: of what belongs to it, nothing is told of this call
)

func (j *judge) say(said Saying) {
	switch said {
	case SaysFailure:
		j.failed = true
	case SaysUnderWay:
		j.underWay = true
	case SaysSuccess:
		j.succeeded = true
	}
}

// root judges a body that is one value: an object, a list, or a scalar in the place of one.
func (j *judge) root(value any) {
	switch value := value.(type) {
	case string:
		if inner := jsonIn(value); inner != nil { // JSON of JSON
			j.root(inner)
			return
		}
		if said := word(value); said != SaysNothing {
			j.say(said)
			return
		}
		if len(value) == 1 {
			j.say(letters[value[0]|0x20])
		}
		if n, is := number(value); is { // such as -1, or 404 page not found
			j.code("result", n, inAnswer)
			return
		}
		j.say(sentence(value))
	case bool, json.Number:
		j.status("result", value, inAnswer)
	case []any:
		if len(value) > 1 { // such as [false, "not allowed", 256]
			if _, isTruth := value[0].(bool); isTruth {
				j.status("result", value[0], inAnswer)
			}
		}
		if len(value) == 1 { // how many rows, of Sequelize
			if n, is := number(value[0]); is {
				j.code("result", n, inAnswer)
			}
		}
		j.message(value)
		j.descend(value)
	default:
		j.descend(value)
	}
}

// text judges a text, and the JSON in it: behind a line that keeps browsers from running it, in
// the call of a function, in the lines of a stream, after what the server wrote of its own.
func (j *judge) text(text string) {
	var around strings.Builder
	found := false
	for range maxTexts {
		if !found && !strings.Contains(text, "{") && around.Len() == 0 {
			break // the usual text
		}
		before, _, more := strings.Cut(text, "{")
		around.WriteString(before)
		if text = text[len(before):]; !more {
			break
		}
		var raw json.RawMessage
		if json.NewDecoder(strings.NewReader(text)).Decode(&raw) != nil {
			around.WriteByte('{')
			text = text[1:]
			continue
		}
		text = text[len(raw):]
		found = true
		if value := jsonIn(string(raw)); value != nil {
			j.root(value)
		} else {
			j.failed = true
		}
	}
	if around.Len() == 0 && !found {
		j.root(text)
		return
	}
	around.WriteString(text)
	if !found {
		j.root(around.String())
	} else if sentence(around.String()) == SaysFailure {
		j.failed = true
	}
}

// maxTexts is in how many places of a text JSON is looked for.
const maxTexts = 1000

// descend judges all that is in a value.
func (j *judge) descend(value any) {
	switch value := value.(type) {
	case map[string]any:
		j.object(value)
	case []any:
		for _, element := range value {
			j.descend(element)
		}
	}
}

func (j *judge) object(members map[string]any) {
	in := placeOf(members)
	for name, value := range members {
		if in == inAnswer && len(members) <= 2 && isOutcome(name) {
			j.root(value)
			// In GraphQL it is who was changed, and there was nobody.
			j.open = j.open || value == nil && name != "d" && name != "value" && !strings.HasSuffix(squashed(name), "result")
		}
		j.member(name, value, in)
	}
}

// isOutcome reports whether the only member of an object is what an act has come to, as in
// {"d":false} and {"changePassword":false}.
func isOutcome(name string) bool {
	words := strings.Fields(plainWords(name))
	if len(words) == 0 || slices.ContainsFunc(words, func(word string) bool { return isCondition.has(word) }) {
		return false
	}
	return name == "d" || name == "value" || words[len(words)-1] == "result" || slices.ContainsFunc(words, func(word string) bool { return isAct.has(word) })
}

// placeOf tells a record that the interface keeps, such as the user, from an envelope around
// an answer.
func placeOf(members map[string]any) where {
	named, account, numbered := false, false, false
	for name, value := range members {
		name = squashed(name)
		if isAddressed(name) && filled(value) {
			return inAnswer
		}
		isMark := isMarkName.has(name)
		named = named || isMark
		account = account || isMark && name != "name" && name != "displayname"
		numbered = numbered || !isMark && isNumberName.has(name)
	}
	switch {
	case account && numbered:
		return inRecord
	case named:
		return inThing
	}
	return inAnswer
}

// isAddressed reports whether a squashed name is that of words to whoever called, which no
// record of an account has.
func isAddressed(name string) bool {
	switch name {
	case "message", "msg", "error", "errors", "detail", "errmsg":
		return true
	}
	return false
}

// label is the name of a member, taken apart.
type label struct {
	words       []string // in lower case
	first, last string
	joined      string // all of the words
}

func labelOf(name string) label {
	words := strings.Fields(plainWords(name))
	if len(words) == 0 {
		return label{}
	}
	return label{words: words, first: words[0], last: words[len(words)-1], joined: strings.Join(words, "")}
}

// isAside reports whether it tells of sign-ins or of times past: of the user, and not of the call.
func (l label) isAside() bool { return slices.ContainsFunc(l.words, asides.has) }

// isUser reports whether it is the name of who is meant.
func (l label) isUser() bool {
	return isMarkName.has(l.joined) || l.joined == "user" || l.joined == "principal"
}

// isSuccess reports whether its no is a failure.
func (l label) isSuccess() bool {
	return isSuccessName.has(l.last) && !l.isAside() || isChangeName.has(l.joined)
}

// isCount reports whether it is how much was changed. A lone count may be anything's in a record.
func (l label) isCount(in where) bool {
	return isCountName.has(l.joined) && (len(l.words) > 1 || l.joined == "affected" || in == inAnswer)
}

// isFailure reports whether it holds nothing unless something failed.
func (l label) isFailure() bool {
	return !l.isAside() && (isFailureName.has(l.last) || isFailureName.has(l.joined) || isFailureName.has(l.first) && isPartName.has(l.last))
}

// isMessage reports whether it holds words for people.
func (l label) isMessage(in where) bool {
	return isMessageName.has(l.joined) || in == inAnswer && (l.last == "message" || l.last == "messages" || l.last == "msg")
}

// tells reports whether what lies below it in a record may be about this call all the same.
func (l label) tells() bool {
	return isStatusName.has(l.joined) || isMessageName.has(l.joined) || isFailureName.has(l.last) || isFailureName.has(l.first)
}

// member judges one member of an object by its name and value.
func (j *judge) member(name string, value any, in where) {
	label := labelOf(name)
	if label.joined == "" || setAside.has(label.joined) {
		return
	}
	text, isText := value.(string)
	if isText && label.isUser() && nameless.has(squashed(text)) {
		j.failed = true
	}
	yes, isTruth := truth(value)
	list, isList := value.([]any)
	switch {
	case in == inRecord && isQuality.has(label.joined):
	case label.isSuccess():
		j.flag(value, SaysFailure)
	case isPendingName.has(label.joined):
		j.underWay = j.underWay || in == inAnswer && yes
	case label.isCount(in):
		value = alone(value)
		text, isText = value.(string)
		j.failed = j.failed || isZero(value)
	case isDoneName.has(label.joined) && in != inRecord:
		j.flag(value, SaysUnderWay)
	case isDenialName.has(label.joined):
		j.failed = j.failed || yes || in == inAnswer && len(list) > 0
	case isIdleName.has(label.joined):
		j.failed = j.failed || in == inAnswer && (yes || !isTruth && filled(value))
	case isTurnName.has(label.joined):
		j.open = j.open || in == inAnswer && isSignIn(text)
	case isWarningName.has(label.joined):
		var beside judge
		beside.message(value)
		beside.descend(value)
		j.open = j.open || beside.failed
	case label.isFailure():
		j.failure(label, value)
	case isStatusName.has(label.joined):
		j.status(label.joined, value, in)
	case len(label.words) > 1 && isChangeName.has(label.first): // such as updatedUsers
		j.open = j.open || in == inAnswer && isList && len(list) == 0
	case label.isMessage(in):
		j.message(value)
	case isTypeName.has(label.joined):
		j.kind(label.joined, text, in)
	case label.joined == "messageid":
		j.messageID(text)
	case isJobName.has(label.joined):
		j.ordered = j.ordered || in == inAnswer && isJob(label.joined, value)
	case label.joined == "severity":
		j.severity(text, in)
	}
	if isText && in == inAnswer {
		value = jsonIn(text) // such as the body that a function wants to be sent
	}
	if in < inRecord || label.tells() {
		j.descend(value)
	}
}

// alone returns the only element of a list, and anything else as it is.
func alone(value any) any {
	if list, isList := value.([]any); isList && len(list) == 1 {
		return list[0]
	}
	return value
}

func isZero(value any) bool {
	n, is := number(value)
	return is && n == 0
}

// isSignIn reports whether an address is that of a page to sign in at.
func isSignIn(address string) bool {
	address = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(address))
	return strings.Contains(address, "login") || strings.Contains(address, "signin")
}

// isJob reports whether a value under a name of isJobName is what is to carry the call out. The
// words job, task and ticket stand for too much else to be believed in a text.
func isJob(name string, value any) bool {
	_, isObject := value.(map[string]any)
	_, isNumber := number(value)
	return (isObject || isNumber || name != "job" && name != "task" && name != "ticket") && holds(value)
}

// failure judges a member that holds nothing unless something failed.
func (j *judge) failure(label label, value any) {
	switch {
	case filled(value):
		j.failed = true
	case isZero(value) && (label.last == "code" || label.last == "error" || label.joined == "errcode" || label.joined == "errno"):
		j.succeeded = true
	}
}

// messageID judges the name of a message of Redfish, such as Base.1.8.Success.
func (j *judge) messageID(id string) {
	said := " " + plainWords(id[strings.LastIndexByte(id, '.')+1:]) + " "
	j.failed = j.failed || failing.in(said) != ""
	j.succeeded = j.succeeded || doing.in(said)+succeeding.in(said) != ""
}

// severity judges how grave a message is.
func (j *judge) severity(word string, in where) {
	switch strings.ToLower(word) {
	case "error", "fatal", "critical":
		j.failed = true
	case "warning":
		j.open = j.open || in == inAnswer
	}
}

// kind judges a member such as type, by which a failure may be known: ValidationException,
// com.example.errors.not_found, the E of SAP's messages, or the about:blank of a problem (RFC 9457).
func (j *judge) kind(name, kind string, in where) {
	words := strings.Fields(plainWords(kind))
	if len(words) == 0 || strings.Contains(kind, " ") || words[0] == "extended" { // Redfish's ExtendedError holds successes, too
		return
	}
	ends := isTypeOfFailure.has(words[len(words)-1])
	if name == "name" {
		j.failed = j.failed || ends && len(words) > 1
		return
	}
	isPath := strings.ContainsAny(kind, ".:/")
	j.failed = j.failed || ends || isPath && slices.ContainsFunc(words, isTypeOfFailure.has) ||
		name == "type" && (kind == "E" && in == inAnswer || kind == "about:blank")
}

// flag judges a member that says yes for success; no is what else it says.
func (j *judge) flag(value any, no Saying) {
	list, isList := value.([]any)
	if yes, is := truth(value); is && yes || isList && len(list) > 0 {
		j.succeeded = true
	} else if isList { // what was changed, or went well
		j.open = true
	} else if is {
		j.say(no)
	} else if text, isText := value.(string); isText {
		if said := word(text); said != SaysNothing {
			j.say(said)
		} else {
			j.say(sentence(text))
		}
	} else if n, is := number(value); is && n > 1 { // how many went well
		j.succeeded = true
	}
}

// truth returns the truth value that a value stands for; false, false if it stands for none.
func truth(value any) (yes, is bool) {
	switch value := value.(type) {
	case bool:
		return value, true
	case string:
		switch squashed(value) {
		case "true", "yes", "y", "1":
			return true, true
		case "false", "no", "n", "0":
			return false, true
		}
	case json.Number:
		if n, is := number(value); is && (n == 0 || n == 1) {
			return n == 1, true
		}
	}
	return false, false
}

// number returns the number that a value is, or that a text is written as. A text may go on
// behind a number of three digits, as in "404 Not Found".
func number(value any) (n float64, is bool) {
	var text string
	switch value := value.(type) {
	case json.Number:
		text = value.String()
	case string:
		text = strings.TrimSpace(value)
		text = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(text, "HTTP/1.1 "), "HTTP/1.0 "))
		if head, _, more := strings.Cut(text, " "); more && len(head) == 3 {
			text = head
		}
		if strings.ContainsFunc(text, unicode.IsLetter) { // no hexadecimal, no infinity
			return 0, false
		}
	default:
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// message judges words for people.
func (j *judge) message(value any) {
	switch value := value.(type) {
	case string:
		if said := word(value); said != SaysNothing {
			j.say(said)
			return
		}
		j.say(sentence(value))
	case []any:
		for _, element := range value {
			if text, isText := element.(string); isText {
				j.say(sentence(text))
			}
		}
	}
}

// status judges a member such as status, result or code.
func (j *judge) status(name string, value any, in where) {
	if n, is := number(value); is {
		j.code(name, n, in)
		return
	}
	switch value := value.(type) {
	case bool:
		switch {
		case value:
			j.succeeded = true
		case name == "result" || name == "status" || name == "response" || name == "outcome" || name == "return":
			j.failed = true
		default:
			j.open = true
		}
	case string:
		end := squashed(value)
		switch said := word(value); {
		case isCodeOfError(value):
			j.failed = j.failed || in == inAnswer || name != "code"
		case end == "created":
			j.created = true
		case len(end) == 1 && in == inAnswer && name != "data" && name != "state" && letters[end[0]] != SaysNothing:
			if j.say(letters[end[0]]); name == "status" {
				j.failed, j.open = false, true
			}
		case said == SaysNothing && in == inRecord:
			j.failed = j.failed || name != "data" && failing.in(" "+plainWords(value)+" ") != ""
		case said == SaysNothing && name != "data" && name != "state":
			j.say(sentence(value))
		case said == SaysUnderWay && in != inAnswer && !isWaiting.has(end):
			// a machine is running, too
		default:
			j.say(said)
		}
	}
}

// code judges a number under a name of isStatusName.
func (j *judge) code(name string, n float64, in where) {
	zeroIsGood := name != "status" && name != "statuscode" && name != "state" && name != "result" && name != "outcome" && name != "response" && name != "return"
	switch {
	case name == "data" || name == "state" && n >= 0:
	case in != inAnswer && name == "code":
	case n < 0, n >= 400 && n < 600:
		j.failed = true
	case n >= 200 && n < 300:
		j.succeeded = true
	case in != inAnswer && name == "status":
	case n == 0 && zeroIsGood, n == 1 && !zeroIsGood:
		j.succeeded = true
	case n == 0, zeroIsGood, n >= 300 && n < 400:
		j.open = true
	}
}

// isCodeOfError reports whether a text is a code such as E001 or ERR-17.
func isCodeOfError(text string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	for _, prefix := range []string{"error", "err", "e"} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			digits := strings.TrimLeft(rest, "-_")
			return digits != "" && strings.Trim(digits, "0123456789") == "" && strings.Trim(digits, "0") != ""
		}
	}
	return false
}

// filled reports whether a value under the name of a failure tells of one: not nothing, not
// zero, and not a word for none.
func filled(value any) bool {
	if n, is := number(value); is {
		return n != 0 && (n < 200 || n > 299)
	}
	switch value := value.(type) {
	case bool:
		return value
	case string:
		switch squashed(value) {
		case "", "none", "null", "nil", "no", "false", "n", "na", "undefined", "noerror", "noerrors", "nofailure":
			return false
		}
		return word(value) != SaysSuccess && sentence(value) != SaysSuccess
	case []any:
		return slices.ContainsFunc(value, filled)
	case map[string]any:
		for name, inner := range value {
			// Redfish wraps what it tells of a success into an error, too.
			if list, isList := inner.([]any); isList && len(list) > 0 && squashed(name) == "messageextendedinfo" {
				var told judge
				told.descend(list)
				return told.failed || told.open || !told.succeeded
			}
		}
		for _, inner := range value {
			if filled(inner) {
				return true
			}
		}
	}
	return false
}

// squashed returns a name or a word in lower case without anything but letters and digits.
func squashed(text string) string {
	return strings.ReplaceAll(plainWords(text), " ", "")
}

// word judges a text that is one of the words that interfaces use for an end.
func word(text string) Saying {
	if len(text) > 40 {
		return SaysNothing
	}
	switch end := squashed(text); {
	case goodEnds.has(end):
		return SaysSuccess
	case badEnds.has(end):
		return SaysFailure
	case noEnds.has(end):
		return SaysUnderWay
	}
	return SaysNothing
}
