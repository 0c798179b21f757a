package params

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Error is a fault of the input: the payload, a record, or a flag. Nothing has
// been sent anywhere when it is returned. No text in it holds a value.
type Error struct {
	// Problems has one entry per fault; all faults of one kind come at once.
	Problems []string
	// Hints say what to do about them, in the order to try. May be empty.
	Hints []string

	cause error
}

// Error returns the problems joined with "; ".
func (e *Error) Error() string { return strings.Join(e.Problems, "; ") }

// Unwrap returns ErrNoAccessRecord where that is what the Error says, else nil.
func (e *Error) Unwrap() error { return e.cause }

// ErrNoAccessRecord is wrapped by the Error of Params.AccessRecord when the
// payload simply lacks the record, so that it may be looked for elsewhere. An
// ambiguous choice, or one that the user record may not make, does not wrap it.
var ErrNoAccessRecord = errors.New("no access record in the payload")

// fault is one problem with the hint that belongs to it.
type fault struct {
	problem string
	hint    string
}

func (f *fault) asError() *Error {
	return &Error{Problems: []string{f.problem}, Hints: []string{f.hint}}
}

// shownLimit bounds how much of a label, title or UID a message repeats, in
// characters.
const shownLimit = 100

// shown quotes a label, title or UID, so that control characters in it cannot
// shape the output.
func shown(name string) string {
	if len(name) > shownLimit {
		if characters := []rune(name); len(characters) > shownLimit {
			name = string(characters[:shownLimit]) + "…"
		}
	}
	return strconv.Quote(name)
}

// shownRecords lists records by title and UID, at most listLimit of them.
func shownRecords(records []Record) string {
	const listLimit = 20
	var list []string
	for i, record := range records {
		if i == listLimit {
			list = append(list, fmt.Sprintf("and %d more", len(records)-listLimit))
			break
		}
		list = append(list, record.String())
	}
	return strings.Join(list, ", ")
}
