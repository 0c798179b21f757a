package recipe

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"

	"pam-rotate-script/internal/api"
)

// reply is an answer as expressions see it.
type reply struct {
	status int
	// value is the body: a JSON value, null for an empty body. It counts only if fault
	// is nil.
	value any
	// header has the first value of each header under its name in lower case.
	header map[string]any
	// fault says why the body is nothing to judge by: a web page, or broken JSON.
	fault error
	// opaque says that the body is some other text, of which no condition holds.
	opaque bool
	answer api.Answer
}

// read makes a reply of an answer.
func read(answer api.Answer) *reply {
	r := &reply{status: answer.Status, header: map[string]any{}, answer: answer}
	// api.Answer gives out objects, and nothing of its headers but cookies. Lists, and links
	// to a next page, are read past it.
	inside := reflect.ValueOf(answer)
	for headers := inside.FieldByName("header").MapRange(); headers.Next(); {
		if values := headers.Value(); values.Len() > 0 {
			r.header[strings.ToLower(headers.Key().String())] = values.Index(0).String()
		}
	}
	if r.fault = answer.Readable(); r.fault != nil || answer.IsEmpty() {
		return r
	}
	decoder := json.NewDecoder(bytes.NewReader(inside.FieldByName("body").Bytes()))
	decoder.UseNumber()
	if err := decoder.Decode(&r.value); err != nil || decoder.More() {
		r.value = nil
		if r.opaque = !answer.IsJSON(); !r.opaque {
			r.fault = errors.New("the answer is no JSON")
		}
	}
	return r
}

// listener hands the answers that are no success from the client to the call that waits
// for one: the client itself returns an error for them that has no body. One listener
// belongs to all targets of an Info, so that only one of them may call at a time.
type listener struct {
	mutex sync.Mutex
	heard *api.Answer
	names []string
}

// explain is the Explain of the Info. The client calls it within Do, whose caller holds the
// mutex.
func (l *listener) explain(answer api.Answer) (code, text string) {
	l.heard = &answer
	return api.ExplainBy(l.names...)(answer)
}

// do calls and returns the answer whatever its status. It is nil if none came; then there is
// a fault.
func (l *listener) do(call func() (api.Answer, error)) (*reply, *api.Error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.heard = nil
	answer, err := call()
	if err == nil {
		return read(answer), nil
	}
	fault := api.AsError(err)
	switch {
	case fault.Status == 0:
		return nil, fault
	case l.heard == nil || fault.Err != nil || fault.Status != l.heard.Status:
		// The body is broken, or what was heard is an earlier try's: the status stands
		// alone.
		return &reply{status: fault.Status, header: map[string]any{}, fault: errors.New(fault.Cause)}, fault
	}
	return read(*l.heard), fault
}
