package targets

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"pam-rotate-script/internal/api"
)

// Contract is what the decision has to know of a vendor, or of one with this job's settings.
// It is data: a vendor says how things are, and package rotation what follows. The zero
// Contract is a vendor without a proof whose write is sent once.
type Contract struct {
	// Means is how a change is proved.
	Means Means
	// Repeats says that the write sets the password, so that the same one once more does
	// no harm.
	Repeats bool
	// CarriesOld says that the write carries the old password, or is signed in with it, so
	// that a vendor counts a wrong one as a failed sign-in.
	CarriesOld bool
	// Own says that Check signs in as the rotated user, with the old password.
	Own bool
	// Cache says that a sign-in may be answered from a cache, so that an outdated password
	// may be accepted for a while.
	Cache bool
	// NewOnly says that the old password cannot be tried: Verify of it would show nothing.
	NewOnly bool
	// NeedsCheck says that Verify needs what Check finds out.
	NeedsCheck bool
	// Transaction says that the write commits a transaction, which a first copy of it would
	// have used up.
	Transaction bool
	// Closing is the time that Close may need, out of a run with the default time-out; 0 for
	// one that needs no more than others.
	Closing time.Duration
}

// Means is how a change is proved.
type Means int

// The ways to prove a change.
const (
	// NoMeans leaves the vendor's answer to the write.
	NoMeans Means = iota
	// Login signs in as the rotated user, at the vendor's own sign-in.
	Login
	// OwnMeans is an address that the administrator names for that. It may let everybody
	// in, so that its acceptance needs a control.
	OwnMeans
	// Reference is a look at what the vendor stores, which is no sign-in.
	Reference
	// FinalStatus is the vendor's last word on the change, which Change waits for. Verify
	// repeats it without a call.
	FinalStatus
)

// Proof is what a success rests on that these means have proved.
func (m Means) Proof() Proof {
	switch m {
	case Login, OwnMeans:
		return ProofLogin
	case Reference, FinalStatus:
		return ProofStatus
	}
	return ProofAnswer
}

// SignsIn reports whether to try a password is a sign-in as the rotated user.
func (m Means) SignsIn() bool { return m == Login || m == OwnMeans }

// DefaultSettle is the settling time of a vendor that says nothing of its own.
const DefaultSettle = 20 * time.Second

// Stager is a Target with calls that must come before the write and put nothing in force,
// such as those that open a transaction. The runner makes them after Check, and in a repeat
// before the last try of the old password. Its errors are as those of Check, or a *Refused
// as that of Change.
type Stager interface {
	Stage(ctx context.Context) error
}

// Releaser is a Target that holds what others may wait for, or what should not be open for
// longer than need be: locks, sessions, grants. Release gives back those that no proof needs,
// before the runner waits for long. Its error is a warning, and Close comes all the same.
type Releaser interface {
	Release(ctx context.Context) error
}

// Refused is the error of a Change, or of a Stage, whose answer says that nothing was carried
// out; or of a Check whose sign-in as the rotated user was refused for the old password: then
// Doubtful is true.
type Refused struct {
	Err error
	// Doubtful says that the answer may be that to a copy of the request, or to an earlier
	// run: that the new password may be in force already. Only a proof settles it.
	Doubtful bool
	// WrongOld says that the refusal may be due to the old password that the write carried,
	// so that the vendor has counted a failed sign-in.
	WrongOld bool
}

// Error returns the text of the error below.
func (r *Refused) Error() string { return r.Err.Error() }

// Unwrap returns the error below.
func (r *Refused) Unwrap() error { return r.Err }

// Taken is the error of a Change whose write the vendor took, but where something behind
// it has no clear answer: how a task comes on, say. The vendor may still be at work on it,
// and the write is not repeated.
type Taken struct{ Err error }

// Error returns the text of the error below.
func (t *Taken) Error() string { return t.Err.Error() }

// Unwrap returns the error below.
func (t *Taken) Unwrap() error { return t.Err }

// Judge sorts the error of a write, or of a call that prepares one: a *Refused if the answer's
// status is one whose meaning is a refusal, the error itself otherwise. 429 is left to the
// runner, which tries again.
func (c Contract) Judge(err error) error {
	fault := api.AsError(err)
	if fault == nil || !fault.Left || fault.Status == http.StatusTooManyRequests {
		return err
	}
	if !fault.Refused() {
		// Restify answers a weak password with 409, too: no copy of it is at work.
		if fault.Status == http.StatusConflict && !fault.Doubtful() && weak().MatchString(strings.ToLower(fault.Text)) {
			return &Refused{Err: err}
		}
		return err
	}
	// Without a sign-in that settles it, a page is no more than its status.
	refusal := &Refused{Err: err, Doubtful: fault.Doubtful() || fault.IsPage() && c.Means.SignsIn()}
	if refusal.Doubtful || !weak().MatchString(strings.ToLower(fault.Text)) {
		switch fault.Status {
		case 400, 401, 403, 422: // vendors refuse a wrong old password with any of these
			refusal.Doubtful = refusal.Doubtful || c.CarriesOld || c.Transaction
			refusal.WrongOld = c.CarriesOld
		case 404: // FusionAuth's for a wrong old password, without a word
			refusal.WrongOld = c.CarriesOld && fault.IsPage()
			refusal.Doubtful = refusal.Doubtful || c.Transaction || refusal.WrongOld
		}
	}
	return refusal
}

// weak is how a refusal speaks of a password that does not meet the rules. A copy of the write
// would have been refused in the same way, so there is no doubt about it.
var weak = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`too (short|long|simple|weak|common)|at least|at most|minimum|maximum|complex|upper|lower ?case|characters`)
})
