package rotation

import (
	"context"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/targets"
)

// InForce says which of the payload's passwords the account has.
type InForce string

// What a Verify can find.
const (
	NewInForce InForce = "new"
	OldInForce InForce = "old"
	// NeitherInForce says that both were rejected for certain.
	NeitherInForce InForce = "neither"
	NotTold        InForce = "unknown"
)

// VerifyResult is the end of a Verify. The Result's outcome is always NotChanged; its Class
// is "" if the new or the old password is in force.
type VerifyResult struct {
	Result
	InForce InForce
	// NewRejected says that the new password was rejected for certain.
	NewRejected bool
}

// ExitCode returns 0 for the new password, 1 for the old one, and 3 if neither can be told.
func (v VerifyResult) ExitCode() int {
	switch v.InForce {
	case NewInForce:
		return 0
	case OldInForce:
		return 1
	}
	return Unknown.ExitCode()
}

// Shown is what an access record's means of proof have shown so far, for many accounts that are
// verified by them one after the other: so one control is enough for all. The zero value is
// nothing.
type Shown struct {
	// Rejects says that a password was rejected: the means do not let everybody in.
	Rejects bool
	// Open says that they do, so that they prove nothing.
	Open bool
}

// Verify finds out which password is in force, by signing in as the rotated user, without a
// write: the new one is tried, and if it is rejected the old one, which need not be the payload's
// (Options.OldName). No more than two of these sign-ins may fail, a control included. shown may
// be nil.
//
// Nothing is concluded from what proves nothing: a vendor without a sign-in, a vendor's cache
// that may accept outdated passwords, an administrator's means that let everybody in.
func (p *Plan) Verify(ctx context.Context, shown *Shown) VerifyResult {
	start := time.Now()
	p.client.StopWrites() // whatever a target does wrong
	r := &run{Plan: p, base: context.WithoutCancel(ctx), told: ctx, closing: p.closing(), tries: 1}
	r.limit = p.clock.Now().Add(p.timeout - r.closing)
	work, stopWork := phase(r.base, p.timeout-r.closing)
	defer stopWork(nil)
	stop := context.AfterFunc(ctx, func() { stopWork(api.ErrInterrupted) })
	defer stop()
	r.work, r.proof = work, work
	if shown != nil {
		r.meansReject, r.meansOpen = shown.Rejects, shown.Open
	}
	p.sayTarget()

	result := VerifyResult{InForce: NotTold}
	result.Outcome = NotChanged
	if err := r.whichInForce(&result); err != nil {
		result.explain(err)
	}
	if shown != nil {
		*shown = Shown{Rejects: r.meansReject, Open: r.meansOpen}
	}
	r.close()
	r.client.Close()
	result.Result = r.finish(result.Result, start)
	return result
}

// whichInForce tries the passwords. The error says why neither can be told.
func (r *run) whichInForce(result *VerifyResult) error {
	finding := func(class api.Class, text string, hints ...string) error {
		return r.client.Fail("verify", class, text, hints...)
	}
	contract := r.target.Contract()
	switch {
	case r.verify == targets.VerifyOff:
		return finding(api.ClassInput, "Verify is off, so that nobody signs in as the rotated user")
	case !contract.Means.SignsIn():
		return finding(api.ClassInput, "there is no sign-in by which a password could be tried: only "+r.Info.Title+" itself can tell")
	case r.meansOpen:
		return finding(api.ClassInput, "the access record's means of proof let everybody in, as an earlier account has shown",
			"point the field Verify URL at an address that needs a sign-in")
	}
	// Whom the access record may not rotate, nobody signs in as; some names only Check finds out.
	if contract.NeedsCheck || r.allowed != nil && r.target.Subject() == "" {
		if err := r.checkUntilAnswered(); err != nil {
			return err
		}
	}
	verdict, err := r.tryNew(false)
	switch {
	case verdict == targets.Accepted:
		result.InForce, result.Proof = NewInForce, targets.ProofLogin
		result.Message = r.newWords() + " is in force, proved by a login"
		return nil
	case verdict == targets.Disputed && !r.canTryOld():
		return err
	case verdict == targets.Inconclusive || !r.target.Contract().Means.SignsIn():
		return err
	}
	first := err
	result.NewRejected = verdict == targets.Rejected
	if !r.canTryOld() {
		return r.because(err, r.newWords()+" is rejected, and there is no other one to try")
	}
	verdict, err = r.login(targets.Old)
	switch {
	case !result.NewRejected && verdict != targets.Accepted:
		return r.because(first, "neither "+r.newWords()+" nor "+r.oldWords()+" is accepted, which may have another reason")
	case !r.target.Contract().Means.SignsIn() || verdict == targets.Inconclusive:
		return r.because(err, r.newWords()+" is rejected, and "+r.oldWords()+" could not be tried")
	case verdict == targets.Rejected:
		result.InForce = NeitherInForce
		return r.because(err, r.newWords()+" is rejected, and so is "+r.oldWords()+": the account has another one")
	case contract.Cache:
		return finding(api.ClassTarget, r.oldWords()+" is still accepted, and "+r.newWords()+" is not; but the vendor may accept an outdated password for a while",
			"verify again in some minutes")
	}
	result.InForce, result.Proof, result.NewRejected = OldInForce, targets.ProofLogin, true
	result.Message = r.oldWords() + " is in force, proved by a login"
	return nil
}

func (p *Plan) newWords() string {
	if p.newName != "" {
		return p.newName
	}
	return "the new password"
}

func (p *Plan) oldWords() string {
	if p.oldName != "" {
		return p.oldName
	}
	return "the old password"
}

// Host returns the host that a sign-in as the rotated user goes to, or else the first call.
func (p *Plan) Host() string {
	calls := p.target.Calls()
	for _, call := range calls {
		if call.Kind == api.SignIn {
			return call.Host
		}
	}
	if len(calls) > 0 {
		return calls[0].Host
	}
	return ""
}

// AccessRecord returns the UID of the access record.
func (p *Plan) AccessRecord() string { return p.access.UID }

// PendingFolder returns the UID of the folder where new passwords are kept while they are
// pending, "" if they are not.
func (p *Plan) PendingFolder() string { return p.pendingFolder }

// Contract returns what the target states with this run's settings.
func (p *Plan) Contract() targets.Contract { return p.target.Contract() }
