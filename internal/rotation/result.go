package rotation

import (
	"errors"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/targets"
)

// Outcome is what a run did to the password.
type Outcome string

// The outcomes.
const (
	Changed    Outcome = "changed"     // the new password is in force
	NotChanged Outcome = "not-changed" // certainly nothing changed
	Unknown    Outcome = "unknown"     // the write may or may not have taken effect
)

// ExitCode returns the process's exit code: 0, 1 or 3. 2 stays unused, since the Go
// runtime exits with it on a crash.
func (o Outcome) ExitCode() int {
	switch o {
	case Changed:
		return 0
	case NotChanged:
		return 1
	default:
		return 3
	}
}

// Result is the end of a run. It holds no secret.
type Result struct {
	Outcome Outcome   `json:"outcome"`
	Class   api.Class `json:"class"`  // "" if changed
	Target  string    `json:"target"` // "" if the run ended before one was chosen
	// TargetInferred says that nothing but the access record's url showed the target.
	TargetInferred bool   `json:"target_inferred,omitempty"`
	User           string `json:"user"`
	Account        string `json:"account"` // the vendor's name for the account, "" if it was not found
	// Proof is what an outcome changed rests on.
	Proof    targets.Proof `json:"proof"`
	Message  string        `json:"message"`
	Hints    []string      `json:"hints"`
	Warnings []string      `json:"warnings"`
	Requests int           `json:"requests"`
	Writes   int           `json:"writes"`
	// TurnedAway are further writes, which were answered 429.
	TurnedAway int `json:"writes_turned_away,omitempty"`
	// Tries is how often the run began with its sign-in, a repeat of the write included.
	Tries int `json:"tries"`
	// FailedLogins are the sign-ins as the rotated user that were not accepted, as the vendor
	// counts: a write that carries the old password may be one.
	FailedLogins int    `json:"failed_logins"`
	DurationMS   int64  `json:"duration_ms"`
	RunID        string `json:"run_id"`
	Version      string `json:"version"`

	// FailedAccess are the sign-ins as the access record's user that were not accepted.
	FailedAccess int `json:"-"`
	// Duration is DurationMS before rounding.
	Duration time.Duration `json:"-"`
}

// Failure is the Result of a run that ended before anything was sent: not
// changed, with the class, message and hints of err.
func Failure(err error) Result {
	result := Result{Outcome: NotChanged, Hints: []string{}, Warnings: []string{}}
	result.explain(err)
	return result
}

// explain takes class, message and hints from an error.
func (r *Result) explain(err error) {
	r.Message, r.Class = err.Error(), api.ClassInternal
	var input *params.Error
	if errors.As(err, &input) {
		r.Class = api.ClassInput
		r.Hints = append(r.Hints, input.Hints...)
		return
	}
	if fault := api.AsError(err); fault != nil {
		r.Class = fault.Class
		r.Hints = append(r.Hints, fault.Hints...)
	}
}
