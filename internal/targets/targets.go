// Package targets holds what every vendor of the program has in common: the
// Target contract that the runner drives, the Info that describes a vendor to the
// registry, the command line and the documentation, and the Registry that
// chooses one by name or by URL.
//
// A vendor is one folder beside this file with a function Info, one line in
// package all, and one simulator; package conformance proves it. A newcomer reads
// the Target interface, then package acme, which is made up to begin from, then package
// teramind, the smallest real vendor.
package targets

import (
	"context"
	"strings"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
)

// Target changes the password of one account at one vendor. The runner calls
// Check, Change, Verify and Close in that order, each at most as often as its comment
// says, from one goroutine. Loops, retries, deadlines and the outcome are the
// runner's and api.Client's affair; a Target says only what happened.
//
// All errors are safe to print: *api.Error from the client or from Client.Fail.
type Target interface {
	// Subject names the account that Change will address, as the vendor spells it: what
	// the access record's Allowed Users are compared with. It is asked before anything is
	// sent, and once more after Check. "" before Check says that only a look-up can tell.
	Subject() string

	// Proof says how a change can be proved with this job's settings.
	Proof() Proof

	// Calls lists what a rotation would send, in order, without any value.
	Calls() []Call

	// Check signs in, finds exactly one account and refuses what cannot be
	// changed. It only reads; any error means that nothing changed (see Refused for
	// the one that asks for a Verify). It returns a few words on the account that are
	// safe to print ("agent 42"), or "".
	Check(ctx context.Context) (account string, err error)

	// Change sends the one write, and what must surround it. A nil error is the
	// vendor's documented success for this very account. A *Refused error says that
	// the vendor's answer, to the write or to what prepares it, proves that nothing
	// changed. Any other error is uncertain if the write had left, and not changed
	// if it had not.
	Change(ctx context.Context) error

	// Verify tries one password, once, without writing. The runner calls it only
	// if Proof is not ProofAnswer. The error says why the verdict is not Accepted.
	Verify(ctx context.Context, which Which) (Verdict, error)

	// Close gives back what was opened: tokens, sessions, transactions. It is always
	// called, also after a panic or a signal, with a deadline of its own, and must
	// cope with any of the others not having run. Its error becomes a warning.
	Close(ctx context.Context) error
}

// AlsoNamed is a Target whose write may name the account by more than what Check has tied to
// Subject. Allowed Users have to allow each of these names, too.
type AlsoNamed interface {
	// AlsoNames is asked after Check.
	AlsoNames() []string
}

// OwnUser is a Target that may sign in with the password of the very account that it rotates.
type OwnUser interface {
	// RotatesOwnUser is asked when the run is over. The operator is warned then, unless the
	// access record is the PAM User record itself.
	RotatesOwnUser() bool
}

// LookedUp is a Target whose Check does not look the account up, since a rotation does not
// need it.
type LookedUp interface {
	// LookUp looks for the account without writing, after a Check. It is asked by a check
	// alone, and never before a write. looked is false where the settings do not allow it;
	// the error is what a look-up shows against a rotation.
	LookUp(ctx context.Context) (looked bool, err error)
}

// Untried is a Target whose Check tries neither the url nor the credential, since the
// vendor has no call for that. A check says so.
type Untried interface{ Untried() }

// Repeater is a Target whose vendor documents the write so that sending it again
// with the same password does no harm. The runner repeats it once when the first
// answer was uncertain and there is no other way to know.
type Repeater interface {
	// RepeatAfter is how long to wait before the repeat.
	RepeatAfter() time.Duration
}

// NewOnly is a Target that can say beforehand that a Verify of the old password would
// show nothing. The runner then tries the new one alone, as often as sign-ins may fail:
// a vendor that has just been told a password may refuse it for a moment.
type NewOnly interface {
	NewOnly() bool
}

// Returner is a Target whose change makes values that belong in the vault beside the
// password, such as a token or an expiry date. The runner saves them to custom fields
// of the PAM User record: it looks whether it can before the write, and saves before
// Close, where an old credential may be revoked. It never saves to the password field.
type Returner interface {
	// Labels names every field that Returned may have a value for, without sending
	// anything. If there are any, nothing is written unless they can be saved.
	Labels() []string
	// Returned is called once, after a change. A label that is missing is a value that
	// the vendor's answer did not hold, which is a failed save.
	Returned() []Returned
}

// Returned is one value to save.
type Returned struct {
	Label string
	Value secret.Value // not empty
	// Plain says that a new field may show the value; otherwise it is masked.
	Plain bool
}

// Revoker is a Returner that revokes an old credential in Close.
type Revoker interface {
	// KeepOld is called before Close unless this run has put the new password in force
	// and all that it returned is saved. Close must leave the old credential alone then.
	KeepOld()
}

// Proof is what a reported success rests on.
type Proof string

// The proofs, best first. The empty Proof is that of an outcome that is not changed.
const (
	ProofLogin  Proof = "login"  // the rotated user signed in with the new password
	ProofStatus Proof = "status" // the vendor's final status, or a re-read of what was written
	ProofAnswer Proof = "answer" // the vendor's documented success answer for this account
)

// Which names one of the two passwords of a job.
type Which int

// The two passwords.
const (
	New Which = iota
	Old
)

// String returns "new" or "old".
func (w Which) String() string {
	if w == Old {
		return "old"
	}
	return "new"
}

// Verdict is what trying a password showed. The zero Verdict is Inconclusive.
type Verdict int

const (
	// Inconclusive says nothing about the password: no right to sign in there,
	// method off, account locked, no answer.
	Inconclusive Verdict = iota
	// Rejected is an answer that can mean nothing but a wrong password.
	Rejected
	// Accepted is an answer that only the right password gets.
	Accepted
)

// String returns the verdict as one word.
func (v Verdict) String() string {
	switch v {
	case Rejected:
		return "rejected"
	case Accepted:
		return "accepted"
	default:
		return "inconclusive"
	}
}

// Refused is the error of a Change whose answer proves that nothing changed, or of a
// Check that failed in a way that the next field tells of.
type Refused struct {
	Err error
	// MayBeInForce says that the refusal may have come because the new password is
	// in force already, as when the rotated account signs in for itself and its
	// old password is refused. Then one Verify of the new one decides. A refusal of
	// class policy is taken for that in any case.
	MayBeInForce bool
	// Inferred says that no answer to the write tells of a refusal, but that what it was
	// to put in force was taken back afterwards. Should the write have come first all the
	// same, one Verify of the new password shows it; if it shows nothing, or may not be
	// called, nothing is certain.
	Inferred bool
}

// Error returns the text of the error below.
func (r *Refused) Error() string { return r.Err.Error() }

// Unwrap returns the error below.
func (r *Refused) Unwrap() error { return r.Err }

// AtWork is the error of a Change whose write the vendor took, but where something behind
// it has no clear answer: how a task comes on, say. The vendor may still be at work on
// it, so that an old password that is accepted shows nothing.
type AtWork struct{ Err error }

// Error returns the text of the error below.
func (a *AtWork) Error() string { return a.Err.Error() }

// Unwrap returns the error below.
func (a *AtWork) Unwrap() error { return a.Err }

// Judge sorts the error of a write: a *Refused if the answer's status is one whose
// meaning is a refusal, the error itself otherwise.
func Judge(err error) error {
	if fault := api.AsError(err); fault != nil && fault.Left && fault.Refused() {
		return &Refused{Err: err}
	}
	return err
}

// SameName reports whether two names are the same but for the case of ASCII letters.
// Unicode's folding would take K, the Kelvin sign, for k.
func SameName(a, b string) bool {
	lower := func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}
	return strings.Map(lower, a) == strings.Map(lower, b)
}

// Call is one exchange as check and the documentation show it.
type Call struct {
	Kind    api.Kind
	Method  string
	Host    string
	Path    string // the template, such as /tm-api/agent/{email}
	Purpose string // such as "look up the agent"
}

// Job is one account to rotate.
type Job struct {
	User                     string // as the payload names it
	NewPassword, OldPassword secret.Value
	Settings                 *params.Settings
	// OwnRecord says that the access record is the PAM User record itself, so that
	// the vault keeps its password up to date.
	OwnRecord bool
	// Warn tells the operator of something that is not a failure, in words that are
	// safe to print.
	Warn func(text string)
}

// Password returns the one that which names.
func (j Job) Password(which Which) secret.Value {
	if which == Old {
		return j.OldPassword
	}
	return j.NewPassword
}

// Settle is how a vendor comes to accept a password that was just set.
type Settle struct {
	Tries int           // how often Verify is called while the new password is not accepted; 0 is once
	Wait  time.Duration // between two tries
}

// Info describes a vendor.
type Info struct {
	Name  string // the value of the field Target, such as "teramind"
	Title string // as the vendor spells it, such as "Teramind"
	// Summary is one sentence on what is rotated, for lists.
	Summary string
	// Matches says whether an access record's address is plainly this vendor's; nil
	// for never.
	Matches func(address api.Address) bool
	// Resembles says whether an address may well be this vendor's, that of a console say,
	// though it does not match: it is not taken for a Generic target's then. nil for never.
	Resembles func(address api.Address) bool
	// Generic says that any address might be this target's. It is chosen without being
	// named only for a record that holds nothing but what this target knows.
	Generic bool
	// IgnoresCase says that the vendor takes the names of accounts for the same in upper and
	// lower case: Allowed Users are then compared like that, in ASCII letters.
	IgnoresCase bool
	// Fields are the vendor's own; CommonFields come on top.
	Fields []params.Field
	// Timeout is the default for a whole run; 0 is DefaultTimeout.
	Timeout time.Duration
	Settle  Settle
	// Renegotiates says how TLS is spoken; see api.Config.
	Renegotiates bool
	// Explain reads the vendor's error bodies; see api.Config.
	Explain func(api.Answer) (code, text string)
	// Setup are the steps that an administrator takes at the vendor before the first
	// rotation, in Markdown, in order; none for a vendor that needs none.
	Setup []string
	// Example is a whole description (see package description) with invented values, for the
	// documentation page; "" for none.
	Example string
	// Notes are paragraphs for the administrator, for the documentation page.
	Notes []string
	// Documents are the vendor's pages that the calls come from.
	Documents []string
	// New makes a Target from valid settings or reports every fault at once. It is
	// offline. Faults of fields go through Settings.Fault, so that they come
	// together; New returns Settings.Err then.
	New func(job Job, client *api.Client) (Target, error)
}

// DefaultTimeout bounds a whole run unless the vendor or a setting says otherwise.
const DefaultTimeout = 120 * time.Second
