package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// Error is a failed call, or a finding about an answer. It is safe to print: no
// body, no URL, no value of a field. The zero values of Left and Status say that
// nothing had left this machine.
type Error struct {
	Vendor string // such as "teramind"
	Action string // such as "look up the agent"
	Class  Class
	// Left says that the request, or a part of it, may have reached the vendor.
	Left bool
	// Status is the HTTP status that was answered, 0 if there was no answer.
	Status int
	// Cause is why, in this program's words.
	Cause string
	// Code and Text are the vendor's own, cut, cleaned and scrubbed; "" if there
	// are none.
	Code, Text string
	// RequestID is the vendor's name for the call, "" if the answer has none.
	RequestID string
	// RetryAfter is how long the answer asks to wait, 0 if it does not say.
	RetryAfter time.Duration
	// Final says that the call was tried as often as is useful: no other try of the run would
	// help.
	Final bool
	// Hints say what to do next, one line each.
	Hints []string
	// Err is what lies below; it is for errors.Is and is not printed.
	Err error

	page, reuse bool // what the answer's whole body showed; see About
	elsewhere   bool // the answer asks for a sign-in that is not the vendor's; see Unjudged
	otherCause  bool // its text tells of another cause; see HasOtherCause
	limited     bool // the answer says how long to wait
}

// Hint adds a line that says what to do next.
func (e *Error) Hint(line string) { e.Hints = append(e.Hints, line) }

// Error returns vendor, action, cause, the vendor's words, in that order.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString(e.Vendor + ": " + e.Action + ": " + e.Cause)
	if e.Text != "" {
		text.WriteString(": " + e.Text)
	}
	var marks []string
	if e.Code != "" {
		marks = append(marks, "code "+e.Code)
	}
	if e.RequestID != "" {
		marks = append(marks, "request id "+e.RequestID)
	}
	if len(marks) > 0 {
		text.WriteString(" (" + strings.Join(marks, ", ") + ")")
	}
	return text.String()
}

// Unwrap returns the error below.
func (e *Error) Unwrap() error { return e.Err }

// AsError returns the Error in err's chain, or nil.
func AsError(err error) *Error {
	var found *Error
	if errors.As(err, &found) {
		return found
	}
	return nil
}

// ErrInterrupted is below the error of a call that was not made, or was given up,
// because the program was told to stop.
var ErrInterrupted = errors.New("interrupted")

// statusClass is the class that a status alone suggests.
func statusClass(status int, kind Kind) Class {
	switch status {
	case http.StatusUnauthorized:
		return ClassCredential
	case http.StatusForbidden:
		return ClassPermission
	case http.StatusNotFound, http.StatusGone:
		return ClassAccount
	case http.StatusConflict, http.StatusLocked:
		return ClassConflict
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		if kind == Write || kind == Prepare {
			return ClassPolicy
		}
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return ClassTimeout
	}
	return ClassTarget
}

const (
	// maxText is how many characters of a vendor's text are shown.
	maxText = 200
	// maxForeign is how many bytes a text may have to be shown at all. Searching a
	// longer one for secrets could outlast the run, and cutting it first could cut a
	// secret in two.
	maxForeign = 16 << 10
)

// Clean makes foreign text fit for one line of a log: scrubbed, without control
// and direction characters, cut. Of a text beyond 16 KiB nothing is left.
func (c *Client) Clean(text string) string {
	if len(text) > maxForeign {
		return ""
	}
	text = c.scrubber.Text(text)
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	text = c.scrubber.Withheld(c.scrubber.Text(strings.Join(strings.Fields(text), " ")))
	if runes := []rune(text); len(runes) > maxText {
		text = string(runes[:maxText]) + "…"
	}
	return text
}

// requestID returns the vendor's name for a call, if the answer has one that is
// plainly a name.
func (c *Client) requestID(header http.Header) string {
	for _, name := range []string{"Slpt-Request-Id", "X-Request-Id", "Request-Id", "X-Correlation-Id", "X-Amzn-Requestid"} {
		id := header.Get(name)
		plain := !strings.ContainsFunc(id, func(r rune) bool {
			return r > unicode.MaxASCII || !(unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' || r == '.' || r == ':')
		})
		if id != "" && len(id) <= 64 && plain {
			return c.Clean(id)
		}
	}
	return ""
}

// Fail returns an Error about an action that failed for a reason of this
// program's own finding, such as an answer that names another account. The cause
// is one of the caller's own words, never foreign text.
func (c *Client) Fail(action string, class Class, cause string, hints ...string) *Error {
	return &Error{Vendor: c.vendor, Action: action, Class: class, Cause: cause, Hints: hints}
}

// statusCause is the cause of an answer that is no success.
func statusCause(status int) string {
	switch text := http.StatusText(status); {
	case status >= 300 && status < 400 && status != http.StatusNotModified:
		return fmt.Sprintf("answered %d, a redirect, which is never followed", status)
	case text != "":
		return fmt.Sprintf("answered %d %s", status, text)
	default:
		return fmt.Sprintf("answered %d", status)
	}
}
