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

// Saying judges the whole body, whatever its kind and at any depth, by the tables below. What
// cannot be read says nothing; Readable tells of that.
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
		_, found, _ := elements(a.body)
		for _, e := range found {
			j.member(e.name, e.text, false)
		}
	case isText:
		if members := formIn(string(a.body)); members != nil {
			j.object(members)
		} else {
			j.say(sentence(string(a.body)))
		}
	}
	switch {
	case j.failed:
		return SaysFailure
	case j.underWay:
		return SaysUnderWay
	case j.open && !j.succeeded:
		return SaysFailure
	case j.succeeded:
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
}

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
		if said := word(value); said != SaysNothing {
			j.say(said)
			return
		}
		j.say(sentence(value))
	case bool, json.Number:
		j.status("result", value, false)
	case []any:
		if len(value) > 1 { // such as [false, "not allowed", 256]
			if _, isTruth := value[0].(bool); isTruth {
				j.status("result", value[0], false)
			}
		}
		j.descend(value)
	default:
		j.descend(value)
	}
}

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
	thing := isThing(members)
	for name, value := range members {
		j.member(name, value, thing)
	}
}

// isThing reports whether an object is a record that the interface keeps, such as the user,
// and not an envelope around an answer: its numbers mean what they like.
func isThing(members map[string]any) bool {
	named := false
	for name, value := range members {
		switch name = squashed(name); {
		case isMarkName.has(name):
			named = true
		case (name == "message" || name == "msg" || name == "error" || name == "errors" || name == "detail" || name == "errmsg") && filled(value):
			return false
		}
	}
	return named
}

// member judges one member of an object by its name and value.
func (j *judge) member(name string, value any, ofThing bool) {
	words := strings.Fields(plainWords(name))
	joined := strings.Join(words, "")
	if len(words) == 0 || setAside.has(joined) {
		return
	}
	first, last := words[0], words[len(words)-1]
	// What is told of sign-ins and of times past is told of the user, and not of the call.
	aside := slices.ContainsFunc(words, func(word string) bool { return asides.has(word) })
	switch {
	case isSuccessName.has(last) && !aside || isChangeName.has(joined):
		j.flag(value, SaysFailure)
	case isCountName.has(joined):
		if list, isList := value.([]any); isList && len(list) == 1 {
			value = list[0]
		}
		if n, is := number(value); is && n == 0 {
			j.failed = true
		}
	case isDoneName.has(joined):
		j.flag(value, SaysUnderWay)
	case isDenialName.has(joined):
		if yes, is := truth(value); is && yes {
			j.failed = true
		}
	case isIdleName.has(joined):
		list, isList := value.([]any)
		if yes, is := truth(value); !ofThing && (is && yes || isList && len(list) > 0) {
			j.failed = true
		}
	case isWarningName.has(joined):
		var beside judge
		beside.message(value)
		j.open = j.open || beside.failed
	case !aside && (isFailureName.has(last) || isFailureName.has(joined) || isFailureName.has(first) && isPartName.has(last)):
		if n, is := number(value); filled(value) {
			j.failed = true
		} else if is && n == 0 && (last == "code" || last == "error" || joined == "errcode" || joined == "errno") {
			j.succeeded = true
		}
	case isStatusName.has(joined):
		j.status(joined, value, ofThing)
	case isMessageName.has(joined):
		j.message(value)
	case isTypeName.has(joined):
		text, _ := value.(string)
		if said := strings.Fields(plainWords(text)); len(said) > 0 && !strings.Contains(text, " ") && isTypeOfFailure.has(said[len(said)-1]) &&
			(len(said) > 1 || joined != "name") {
			j.failed = true
		}
	case joined == "severity":
		if text, _ := value.(string); slices.Contains([]string{"error", "fatal", "critical"}, strings.ToLower(text)) {
			j.failed = true
		}
	}
	j.descend(value)
}

// flag judges a member that says yes for success; no is what else it says.
func (j *judge) flag(value any, no Saying) {
	list, isList := value.([]any)
	if yes, is := truth(value); is && yes || isList && len(list) > 0 {
		j.succeeded = true
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
func (j *judge) status(name string, value any, ofThing bool) {
	if n, is := number(value); is {
		j.code(name, n, ofThing)
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
		if isCodeOfError(value) {
			j.failed = true
			return
		}
		said := word(value)
		switch {
		case said == SaysNothing && name != "data" && name != "state":
			said = sentence(value)
		case said == SaysUnderWay && ofThing && !isWaiting.has(squashed(value)):
			return // a machine is running, too
		}
		j.say(said)
	}
}

// code judges a number under a name of isStatusName.
func (j *judge) code(name string, n float64, ofThing bool) {
	zeroIsGood := name != "status" && name != "statuscode" && name != "state" && name != "result" && name != "outcome" && name != "response" && name != "return"
	switch {
	case name == "data" || name == "state" && n >= 0:
	case ofThing && name == "code":
	case n < 0, n >= 400 && n < 600:
		j.failed = true
	case n >= 200 && n < 300:
		j.succeeded = true
	case ofThing && name == "status":
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
