package api

import (
	"context"
	"errors"
	"net/http"
)

// Passes reports whether the fault may be gone a moment later: no connection, a break, a
// call's time-out, 429, 5xx, an answer that cannot be read. What says something (a refusal
// by status, a certificate, a finding about the account or the input) does not pass.
func (e *Error) Passes() bool {
	var refusal *proxyRefusal
	switch {
	case errors.As(e.Err, &refusal) && refusal.final():
		return false
	case e.Final, errors.Is(e.Err, ErrInterrupted), errors.Is(e.Err, context.Canceled):
		return false
	case e.Status >= 500:
		return true
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusRequestTimeout, e.Status == http.StatusTooEarly:
		return true
	case e.Status != 0 && e.Status/100 != 2:
		return false
	}
	return e.Class == ClassNetwork || e.Class == ClassTimeout || e.Class == ClassTarget
}
