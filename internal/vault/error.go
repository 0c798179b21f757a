package vault

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pam-rotate-script/internal/api"
)

// Kind says what a failure is about.
type Kind string

// The kinds of failures.
const (
	KindConfig     Kind = "config"     // the KSM config: missing, damaged, not bound
	KindInput      Kind = "input"      // what was asked for: a notation, a label, a value
	KindPermission Kind = "permission" // Keeper refuses the device or the record
	KindNotFound   Kind = "not found"
	KindAmbiguous  Kind = "ambiguous"
	KindConflict   Kind = "conflict" // somebody else keeps saving the record
	KindServer     Kind = "server"   // Keeper, or somebody in its place, answered with an error or with rubbish
	KindNetwork    Kind = "network"
	KindTLS        Kind = "tls"
	KindTimeout    Kind = "timeout"  // too slow, or interrupted
	KindInternal   Kind = "internal" // the SDK or this package
)

// Class returns the class that the program reports for the kind.
func (k Kind) Class() api.Class {
	switch k {
	case KindConfig, KindInput, KindNotFound, KindAmbiguous:
		return api.ClassInput
	case KindPermission:
		return api.ClassPermission
	case KindConflict:
		return api.ClassConflict
	case KindServer:
		return api.ClassTarget
	case KindNetwork:
		return api.ClassNetwork
	case KindTLS:
		return api.ClassTLS
	case KindTimeout:
		return api.ClassTimeout
	default:
		return api.ClassInternal
	}
}

// Error is every error of this package. It is safe to print: it may name
// records, fields and environment variables, and never has a value of a field or
// of the config, a body, or the words of a server.
type Error struct {
	Kind Kind
	// Problem is what failed and why, in lower case.
	Problem string
	// Hints say what to do next, one line each. May be empty.
	Hints []string
	// Left says of Save that the values may be in the record: the request left
	// this machine, and neither its answer nor a look at the record told what
	// became of it. False is certain: nothing was saved. Other calls change
	// nothing and leave it false.
	Left bool
	// Status is the HTTP status that was answered, 0 if that is not what failed.
	Status int
	// Code is Keeper's result code if it is a known one, else "".
	Code string
}

// Error returns "vault: " and the Problem, with the code behind it.
func (e *Error) Error() string {
	text := "vault: " + e.Problem
	if e.Code != "" {
		text += " (code " + e.Code + ")"
	}
	return text
}

// AsError returns the Error in err's chain, or nil.
func AsError(err error) *Error {
	var found *Error
	if errors.As(err, &found) {
		return found
	}
	return nil
}

// Failure is an error of this package as a run reports it: an *api.Error with the action in
// front. Any other error is returned as it is.
func Failure(action string, err error) error {
	found := AsError(err)
	if found == nil {
		return err
	}
	return &api.Error{
		Vendor: "vault", Action: action, Class: found.Kind.Class(), Left: found.Left, Status: found.Status,
		Cause: found.Problem, Code: found.Code, Hints: found.Hints, Err: err,
	}
}

// fault makes an Error.
func fault(kind Kind, problem string, hints ...string) *Error {
	return &Error{Kind: kind, Problem: problem, Hints: hints}
}

// within returns e with what was being done in front of its Problem.
func (e *Error) within(action string) *Error {
	result := *e
	result.Problem = action + ": " + e.Problem
	return &result
}

// within adds what was being done to err, if it is an Error.
func within(action string, err error) error {
	if found := AsError(err); found != nil {
		return found.within(action)
	}
	return err
}

// shownLimit bounds how much of a label, title or UID a message repeats, in
// characters.
const shownLimit = 100

// shown quotes a label, title or UID, so that control characters in it cannot
// shape the output.
func shown(name string) string {
	if characters := []rune(name); len(characters) > shownLimit {
		name = string(characters[:shownLimit]) + "…"
	}
	return strconv.Quote(name)
}

// shownList quotes names.
func shownList(names []string) string {
	var quoted []string
	for _, name := range names {
		quoted = append(quoted, shown(name))
	}
	return limited(quoted)
}

// limited joins the entries of a list, at most listLimit of them.
func limited(list []string) string {
	const listLimit = 20
	if more := len(list) - listLimit; more > 0 {
		list = append(slices.Clone(list[:listLimit]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}
