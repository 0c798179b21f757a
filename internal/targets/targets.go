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

// Target changes the password of one account at one vendor. The runner calls Check,
// Change, Verify and Close in that order, from one goroutine. After a fault that may pass
// it closes and begins again with Check, and after an unclear answer to a write that may be
// repeated it does so once more, see Contract. Loops, retries, waits and the outcome are the
// runner's affair; a Target says only what happened.
//
// All errors are safe to print: *api.Error from the client or from Client.Fail.
type Target interface {
	// Subject names the account that Change will address, as the vendor spells it: what
	// the access record's Allowed Users are compared with. It is asked before anything is
	// sent, and once more after Check. "" before Check says that only a look-up can tell.
	Subject() string

	// Contract says what the decision has to know, with this job's settings. What a run
	// finds out may alter it: that there is no means of proof after all, say.
	Contract() Contract

	// Calls lists what a rotation would send, in order, without any value.
	Calls() []Call

	// Check signs in, finds exactly one account and refuses what cannot be
	// changed. It only reads. An error ends the try, and the run unless the fault may
	// pass (api.Error.Passes); see Refused for the sign-in as the rotated user. A Check
	// after a Close begins anew, with a fresh session and the object as it is now. It
	// returns a few words on the account that are safe to print ("agent 42"), or "".
	Check(ctx context.Context) (account string, err error)

	// Change sends the one write. A nil error is the vendor's documented success for this
	// very account. A *Refused error says that the answer was a refusal, a *Taken one that
	// the write was taken and its end is not known. Any other error is uncertain if the
	// write had left, and not changed if it had not.
	Change(ctx context.Context) error

	// Verify tries one password, once, without writing. The runner calls it only
	// if Contract has means. The error says why the verdict is not Accepted. Inconclusive
	// with an error that passes may be tried again later; any other shows that these means
	// say nothing.
	Verify(ctx context.Context, which Which) (Verdict, error)

	// Close gives back what was opened: tokens, sessions, transactions. It is always
	// called, also between two tries, after a panic or a signal, with a deadline of its
	// own, and must cope with any of the others not having run. Its error becomes a
	// warning, and keeps the runner from another try.
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

// Adviser is a Target that finds out in Check what the vendor asks of passwords. Advice is asked
// by a check alone, once Check has gone well: lines for the operator that are safe to print.
type Adviser interface{ Advice() []string }

// Untried is a Target whose Check may try neither the url nor the credential, since the
// vendor has no call for that. Asked when a check has ended, it reports whether that is so.
type Untried interface{ Untried() bool }

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
	// RevokeOld is called before the last Close if this run has put the new password in
	// force and all that it returned is saved. Without it Close leaves the old credential
	// alone.
	RevokeOld()
}

// Proof is what a reported success rests on.
type Proof string

// The proofs, best first. The empty Proof is that of an outcome that is not changed.
const (
	ProofLogin  Proof = "login"  // the rotated user signed in with the new password
	ProofStatus Proof = "status" // the vendor's final status, or a re-read of what was written
	ProofAnswer Proof = "answer" // the vendor's documented success answer for this account
)

// Which names one of the passwords of a job that may be tried.
type Which int

// The passwords.
const (
	New Which = iota
	Old
	// Impossible is one that cannot be right: it shows whether a means of proof rejects
	// any.
	Impossible
)

// String returns "new", "old" or "impossible".
func (w Which) String() string {
	switch w {
	case Old:
		return "old"
	case Impossible:
		return "impossible"
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
	// Disputed is a refusal as of a wrong password that another finding speaks against, or may:
	// what the vendor has stored, say. Nothing follows from it but that a change is not proved.
	Disputed
)

// String returns the verdict as one word.
func (v Verdict) String() string {
	switch v {
	case Rejected:
		return "rejected"
	case Accepted:
		return "accepted"
	case Disputed:
		return "disputed"
	default:
		return "inconclusive"
	}
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
	// Creates says that the call makes or sends something that a second one would make or
	// send once more.
	Creates bool
}

// Job is one account to rotate.
type Job struct {
	User                     string // as the payload names it
	NewPassword, OldPassword secret.Value
	// Impossible is a password that is nobody's, made for this run.
	Impossible secret.Value
	Settings   *params.Settings
	// OwnRecord says that the access record is the PAM User record itself, so that
	// the vault keeps its password up to date.
	OwnRecord bool
	// Warn tells the operator of something that is not a failure, in words that are
	// safe to print.
	Warn func(text string)
}

// Password returns the one that which names.
func (j Job) Password(which Which) secret.Value {
	switch which {
	case Old:
		return j.OldPassword
	case Impossible:
		return j.Impossible
	}
	return j.NewPassword
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
	// Settle is the default of the field Settling Time; 0 is DefaultSettle.
	Settle time.Duration
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
