package recipe

import (
	"context"
	"errors"
	"net/http"

	"pam-rotate-script/internal/api"
)

// reply is an answer as expressions see it.
type reply struct {
	status int
	// value is the body: a JSON value, null for an empty body. It counts only if fault
	// is nil.
	value any
	// header has each header under its name in lower case; see api.Answer.Headers.
	header map[string]any
	// fault says why the body is nothing to judge by: a web page, or broken JSON.
	fault error
	// opaque says that the body is some other text.
	opaque bool
	// text is the body as it stands; isText says that it is one.
	text   string
	isText bool
	answer api.Answer
}

// judgeable reports whether a condition says anything of the answer: of a body that is no JSON only
// one does that looks at its text, or one on where a redirect leads.
func (r *reply) judgeable(when *expression) bool {
	if r.fault == nil && !r.opaque {
		return true
	}
	return when.uses(varText) && r.isText || r.status/100 == 3
}

// read makes a reply of an answer.
func read(answer api.Answer) *reply {
	r := &reply{status: answer.Status, header: map[string]any{}, answer: answer}
	for name, value := range answer.Headers() {
		r.header[name] = value
	}
	r.text, r.isText = answer.Text()
	if r.fault = answer.Readable(); r.fault != nil {
		return r
	}
	var err error
	if r.value, err = answer.JSON(); err != nil {
		if r.opaque = !answer.IsJSON(); !r.opaque {
			r.fault = err
		}
	}
	return r
}

// do calls and returns the answer whatever its status. It is nil if none came; then there is
// a fault.
func (t *target) do(ctx context.Context, request api.Request) (*reply, *api.Error) {
	answer, err := t.client.Do(ctx, request)
	if err == nil {
		return read(answer), nil
	}
	fault := api.AsError(err)
	switch {
	case fault.Status == 0:
		return nil, fault
	case fault.Err != nil, fault.Status/100 == http.StatusOK/100:
		// The body is broken, or the answer cannot be one to the whole request: the status
		// stands alone.
		return &reply{status: fault.Status, header: map[string]any{}, fault: errors.New(fault.Cause)}, fault
	}
	return read(answer), fault
}
