package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
)

// Success judges the answer to a write: nil is the vendor's documented success for the very
// account that was meant. Its error says what is missing, in this program's own words; it never
// quotes the answer.
type Success func(Answer) error

// Names is a Success for a vendor whose answer is a JSON object that names the account in
// that member: any other answer, an empty one and a web page among them, is none.
func Names(member string, is func(name string) bool) Success {
	return func(answer Answer) error {
		object, err := answer.Object()
		if err != nil {
			return err
		}
		if name, ok := object.Text(member); !ok || !is(name) {
			return errors.New("the answer does not name the account that was to be changed")
		}
		return nil
	}
}

// Write sends a request of Kind Write, as Do does, and returns nil only if the answer is a
// success: 200, 201, 203, 204 or one of statuses, with a body that is no web page, and as
// success demands. Anything else, a 2xx included, is an *Error, which leaves the end open
// unless its status means a refusal: see targets.Judge. A write that does not say what its
// success is is not sent.
func (c *Client) Write(ctx context.Context, request Request, success Success, statuses ...int) error {
	if request.Kind != Write || success == nil {
		return c.Fail(request.Action, ClassInternal, "a write has to say what its success is")
	}
	answer, err := c.Do(ctx, request)
	if err != nil {
		return err
	}
	documented := append([]int{http.StatusOK, http.StatusCreated, http.StatusNonAuthoritativeInfo, http.StatusNoContent}, statuses...)
	err = answer.Readable()
	if err == nil && !slices.Contains(documented, answer.Status) {
		err = errors.New("answered with a success status that the documents do not name")
	}
	if err == nil {
		err = success(answer)
	}
	if err == nil {
		return nil
	}
	fault := c.Fail(request.Action, ClassTarget, err.Error())
	fault.Left, fault.Status, fault.Err = true, answer.Status, err
	return fault
}
