package api

import "net/http"

// isRefusal are the statuses of an answer that says that nothing was carried out. What is
// missing is missing for a reason. 406 and 417 are answered after the act (ASP.NET Core and
// Spring find no form for the answer that the client takes, Grafana answers so when what
// follows fails), 408, 425 and 499 speak of the connection, and at 409, 423 and 424 another
// copy of the same request may be at work.
var isRefusal = map[int]bool{
	http.StatusBadRequest:                   true,
	http.StatusUnauthorized:                 true,
	http.StatusPaymentRequired:              true,
	http.StatusForbidden:                    true,
	http.StatusNotFound:                     true,
	http.StatusMethodNotAllowed:             true,
	http.StatusProxyAuthRequired:            true,
	http.StatusGone:                         true,
	http.StatusLengthRequired:               true,
	http.StatusPreconditionFailed:           true,
	http.StatusRequestEntityTooLarge:        true,
	http.StatusRequestURITooLong:            true,
	http.StatusUnsupportedMediaType:         true,
	http.StatusRequestedRangeNotSatisfiable: true,
	419:                                     true, // Laravel's, and those of others that copy it, of a request without its CSRF token
	http.StatusMisdirectedRequest:           true,
	http.StatusUnprocessableEntity:          true,
	http.StatusUpgradeRequired:              true,
	http.StatusPreconditionRequired:         true,
	http.StatusTooManyRequests:              true,
	http.StatusRequestHeaderFieldsTooLarge:  true,
	http.StatusUnavailableForLegalReasons:   true,
}

// Refused reports whether the answer's status says that what was asked was not carried out,
// by this request. Every other end is unclear: a redirect, a 5xx, a break, and the 4xx that
// are answered after the act or beside it. Unclear is also a 403 that is a page: something
// that judges answers put it in the place of one.
func (e *Error) Refused() bool {
	return isRefusal[e.Status] && !(e.Status == http.StatusForbidden && e.page)
}

// Doubtful reports whether a refusal may be the answer to a copy of a request that was
// carried out: it is 412, or its body speaks of history, reuse or sameness. That the call needed
// what a first copy of it would have used up, the target's contract says. A proof settles it;
// without one it proves nothing. Of an Error that is not Refused it says nothing.
func (e *Error) Doubtful() bool {
	return e.Status == http.StatusPreconditionFailed || e.reuse
}

// IsPage reports whether the answer was a web page, or a 404 that says nothing else. Every
// vendor is asked for JSON, so something other than the vendor's code made it, which may
// have come after the act: Koa and Spring answer 404 where the code that set the password
// has left no answer. Where a login can settle it, such a refusal is doubtful, too.
func (e *Error) IsPage() bool { return e.page }

// About notes in an Error of a target's own finding, made by Client.Fail, which answer it is
// about: its status, whether it is a page, whether it speaks of reuse, and whether it judged
// what was sent. It returns the Error.
func (e *Error) About(answer Answer) *Error {
	e.Status, e.page, e.reuse = answer.Status, answer.kind == isPage, answer.tellsOfReuse()
	e.elsewhere = answer.Status == http.StatusProxyAuthRequired || answer.asksElse() != ""
	// A code such as invalid_grant would be taken for plain words.
	if e.otherCause = answer.tellsOfOtherCause(); e.Code != "" {
		e.otherCause = isOtherCause(e.Text)
	}
	if e.Status == http.StatusNotFound {
		why := answer.Why()
		e.page = e.page || why == "" || isStatusText(why)
	}
	return e
}
