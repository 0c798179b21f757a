// Package api is the one HTTP client of the program. Every call to a vendor
// goes through Client.Do, which is where the promises about the wire are kept:
//
//   - only https, TLS 1.2 or later, HTTP/1.1, and no redirect is ever followed;
//   - a Write is sent once: nothing here, and nothing in net/http below, sends it
//     again once a byte of it may have left, unless the vendor's documented rate
//     limit proves that it was turned away unseen (Request.LimitPatience);
//   - Reads are retried where that is harmless, within the deadline of the run;
//   - answers are bounded, and are read as data, never printed;
//   - an Error says whether the request had left this machine, what status came
//     back, and the vendor's own words from JSON fields that the vendor's Info
//     names; it never holds a body, a URL or a value of a field;
//   - secrets stay secret.Value until the bytes of the request are made.
//
// A newcomer starts at Request, then reads Client.Do from top to bottom.
package api

// Class says whose move it is after a failure.
type Class string

// The classes of a failure. The empty Class stands for success.
const (
	ClassInput      Class = "input"      // payload, record or flags
	ClassCredential Class = "credential" // the access record's login was refused
	ClassPermission Class = "permission" // signed in, but not allowed
	ClassAccount    Class = "account"    // not found, ambiguous, externally managed, a group
	ClassPolicy     Class = "policy"     // the password was refused
	ClassConflict   Class = "conflict"   // locked by someone else
	ClassTarget     Class = "target"     // the vendor failed
	ClassNetwork    Class = "network"
	ClassTLS        Class = "tls"
	ClassTimeout    Class = "timeout" // too slow, or interrupted
	ClassInternal   Class = "internal"
)

// Classes lists every class, in the order of the documentation.
func Classes() []Class {
	return []Class{
		ClassInput, ClassCredential, ClassPermission, ClassAccount, ClassPolicy, ClassConflict,
		ClassTarget, ClassNetwork, ClassTLS, ClassTimeout, ClassInternal,
	}
}

// Kind says what a request may do at the vendor. A request of any kind is sent once; to begin
// again is the runner's affair.
type Kind int

const (
	// Read changes nothing that matters (a look-up, a poll).
	Read Kind = iota
	// Prepare changes something that is not in force yet (opens a transaction, stores a
	// password object).
	Prepare
	// Write is the one call that puts the new password in force, and is counted. After
	// Client.StopWrites no Write starts.
	Write
	// SignIn is a login as the rotated user. Each that is not accepted counts towards the
	// vendor's lock-out, and is counted; see Counts.FailedLogins.
	SignIn
	// AccessSignIn is a login as the access record's user, counted in the same way in
	// Counts.FailedAccess.
	AccessSignIn
)

// String returns the word that the log uses.
func (k Kind) String() string {
	switch k {
	case Prepare:
		return "prepare"
	case Write:
		return "write"
	case SignIn:
		return "sign-in"
	case AccessSignIn:
		return "access sign-in"
	default:
		return "read"
	}
}
