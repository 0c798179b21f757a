package rotation

import (
	"context"
	"errors"
	"net/http"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/targets"
)

// writeEnd is how the one write ended.
type writeEnd int

const (
	unsent    writeEnd = iota // it was never handed to the network
	refused                   // the vendor's answer proves a refusal
	succeeded                 // the vendor's documented success
	uncertain                 // anything else
)

// change sends the write and says how it ended.
func (r *run) change(ctx context.Context) (writeEnd, error) {
	before := r.client.Counts().Writes
	err := r.guard("change", func() error { return r.target.Change(ctx) })
	var refusal *targets.Refused
	switch sent := r.client.Counts().Writes > before; {
	case err == nil && !sent:
		return unsent, r.client.Fail("change", api.ClassInternal, "no write has left, whatever the target says",
			"this is a defect of pam-rotate-script or of the recipe: please report the message above")
	case err == nil:
		return succeeded, nil
	case errors.As(err, &refusal):
		return refused, err
	case !sent:
		return unsent, err
	default:
		return uncertain, err
	}
}

// decide turns the end of the write into the outcome. Every vendor's every run
// passes through here.
func (r *run) decide(end writeEnd, err error) Result {
	var result Result
	switch end {
	case unsent:
		result = r.notChanged(err)
	case refused:
		result = r.decideRefused(err)
	case succeeded:
		result = r.decideSucceeded()
	case uncertain:
		result = r.decideUncertain(err)
	}
	if r.panicked != nil && end != unsent {
		return r.unknown(r.panicked, "the program panicked after the write had left")
	}
	return result
}

// decideRefused: nothing changed, unless the refusal came because the new password
// is in force already, as from a rule on old passwords.
func (r *run) decideRefused(err error) Result {
	var refusal *targets.Refused
	if errors.As(err, &refusal) && refusal.Inferred {
		return r.decideTakenBack(err)
	}
	mayBe := refusal != nil && refusal.MayBeInForce
	if fault := api.AsError(err); fault != nil && fault.Class == api.ClassPolicy {
		mayBe = true
	}
	// A status tells of what was carried out, and cannot tell which password that was: it
	// may be the one from before.
	if !mayBe || !r.canProve() || r.target.Proof() != targets.ProofLogin {
		return r.notChanged(err)
	}
	// Once: a password that nobody has just set needs no time to settle.
	if verdict, _ := r.prove(targets.New, loginBudget, 1); verdict == targets.Accepted {
		return r.changed(r.target.Proof(), "was in force already, proved by "+r.proofWords())
	}
	return r.notChanged(err)
}

// decideTakenBack: no answer tells of a refusal, and only a look after a while shows
// whether the write came before what it was to put in force was taken back.
func (r *run) decideTakenBack(err error) Result {
	verdict := targets.Inconclusive
	if r.canProve() && r.clock.Sleep(r.proof, lateWrite) == nil {
		verdict, _ = r.prove(targets.New, loginBudget, 1)
	}
	switch verdict {
	case targets.Accepted:
		return r.changed(r.target.Proof(), "proved by "+r.proofWords()+" after an unclear answer")
	case targets.Rejected:
		return r.notChanged(err)
	}
	return r.unknown(err, "the write's answer is missing or unclear; what it was to put in force was taken back, but the write may have come first")
}

// decideSucceeded: changed, as well proved as the vendor and the settings allow.
func (r *run) decideSucceeded() Result {
	answered := "confirmed by " + r.Info.Title + "'s answer"
	if !r.canProve() {
		return r.changed(targets.ProofAnswer, answered)
	}
	verdict, err := r.prove(targets.New, loginBudget, r.Info.Settle.Tries)
	switch {
	case verdict == targets.Accepted:
		return r.changed(r.target.Proof(), "proved by "+r.proofWords())
	case verdict == targets.Rejected:
		return r.unknown(err, "the change was answered with success, but the new password was rejected afterwards",
			"find out which password the account has before you rotate again; another rotation sets a new one")
	case r.verify == targets.VerifyStrict:
		return r.unknown(err, "the change was answered with success, but could not be proved, and Verify is strict")
	}
	r.warn("the new password could not be tried: " + err.Error())
	return r.changed(targets.ProofAnswer, answered)
}

// decideUncertain: only a proof can settle it, or a repeat that does no harm.
func (r *run) decideUncertain(err error) Result {
	if r.canProve() {
		return r.decideByProof(err)
	}
	repeater, ok := r.target.(targets.Repeater)
	if !ok || r.panicked != nil {
		return r.unknown(err, "the write's answer is missing or unclear, and there is no way to find out")
	}
	r.log.Warn().Str("cause", err.Error()).Msg("the write's answer is missing or unclear: sending it once more")
	if r.clock.Sleep(r.proof, repeater.RepeatAfter()) != nil {
		return r.unknown(err, "the write's answer is missing or unclear, and no time was left to repeat it")
	}
	if end, again := r.change(r.proof); end == succeeded {
		return r.changed(targets.ProofAnswer, "confirmed by "+r.Info.Title+"'s answer to a repeat")
	} else if again != nil {
		r.log.Warn().Str("cause", again.Error()).Msg("the repeat settled nothing")
	}
	// A refusal of the repeat says nothing about the first: a rule on old passwords may
	// have met the one that is in force already.
	return r.unknown(err, "the write's answer is missing or unclear, and a repeat settled nothing")
}

// decideByProof tries the new password, then the old one, for which a sign-in is kept
// that may fail, unless it would show nothing.
func (r *run) decideByProof(err error) Result {
	budget := loginBudget - 1
	target, ok := r.target.(targets.NewOnly)
	newOnly := ok && target.NewOnly()
	if newOnly {
		budget = loginBudget
	}
	verdict, why := r.prove(targets.New, budget, r.Info.Settle.Tries)
	switch verdict {
	case targets.Accepted:
		return r.changed(r.target.Proof(), "proved by "+r.proofWords()+" after an unclear answer")
	case targets.Inconclusive:
		r.log.Warn().Str("cause", why.Error()).Msg("the new password could not be tried")
		return r.unknown(err, "the write's answer is missing or unclear, and the new password could not be tried")
	}
	switch {
	case newOnly:
		return r.unknown(err, "the write's answer is missing or unclear, the new password is rejected, and trying the old one shows nothing here")
	case r.old.IsEmpty():
		return r.unknown(err, "the write's answer is missing or unclear, the new password is rejected, and the payload has no old one to try")
	}
	if mayBeAtWork(err) {
		return r.unknown(err, "the new password is rejected so far, but the vendor may still be at work on the write",
			"try the new password again in a few minutes")
	}
	// A write that was cut off gets time to arrive before the old password's
	// acceptance is taken for the last word.
	if r.clock.Sleep(r.proof, max(lateWrite, r.Info.Settle.Wait)) != nil {
		return r.unknown(err, "the write's answer is missing or unclear, the new password is rejected, and no time was left to try the old one")
	}
	if verdict, why = r.prove(targets.Old, loginBudget, r.Info.Settle.Tries); verdict == targets.Accepted {
		return r.notChanged(err)
	}
	r.log.Warn().Str("cause", why.Error()).Msg("the old password settled nothing")
	return r.unknown(err, "the write's answer is missing or unclear, the new password is rejected, and the old one is not accepted for certain")
}

// lateWrite is how long a vendor that has let go of the connection may yet take to
// carry out what it was sent.
const lateWrite = 10 * time.Second

// mayBeAtWork reports whether the answer to the write says, or is missing in a way that
// says, that somebody may be working on it for who knows how long: it is 202, it did not
// come in time, or a proxy says so of the vendor behind it. Then no look at the present
// state settles anything. The same where the write was taken, and it is only not known how it
// went on.
func mayBeAtWork(err error) bool {
	fault := api.AsError(err)
	return errors.As(err, new(*targets.AtWork)) || fault != nil && (fault.Class == api.ClassTimeout || fault.Status == http.StatusAccepted)
}

// canProve reports whether Verify may be called.
func (r *run) canProve() bool {
	switch r.target.Proof() {
	case targets.ProofLogin:
		return r.verify != targets.VerifyOff && r.panicked == nil
	case targets.ProofStatus:
		return r.panicked == nil
	}
	return false
}

// prove tries a password until it is accepted, it was tried that often (0 is once),
// or budget sign-ins have failed in this run. A rejection is not outweighed by a later
// try that shows nothing. The error says why the password is not accepted.
func (r *run) prove(which targets.Which, budget, tries int) (targets.Verdict, error) {
	found := targets.Inconclusive
	var why error = r.client.Fail("verify", api.ClassInternal, "no sign-in is left: more failing ones could lock the account out")
	for try := 1; r.client.Counts().FailedLogins < budget; try++ {
		var verdict targets.Verdict
		var err error
		guarded := r.guard("verify", func() error {
			verdict, err = r.target.Verify(r.proof, which)
			return nil
		})
		if guarded != nil {
			return targets.Inconclusive, guarded
		}
		if verdict == targets.Accepted {
			return verdict, nil
		}
		if err == nil {
			err = r.client.Fail("verify", api.ClassInternal, "the "+which.String()+" password is "+verdict.String())
		}
		r.log.Info().Str("verdict", verdict.String()).Str("cause", err.Error()).Msg("tried the " + which.String() + " password")
		if verdict == targets.Rejected || found != targets.Rejected {
			found, why = verdict, err
		}
		if try >= tries || r.client.Counts().FailedLogins >= budget || r.clock.Sleep(r.proof, r.Info.Settle.Wait) != nil {
			break
		}
	}
	return found, why
}

func (r *run) proofWords() string {
	if r.target.Proof() == targets.ProofStatus {
		return r.Info.Title + "'s final status"
	}
	return "a login"
}

func (r *run) changed(proof targets.Proof, message string) Result {
	return Result{Outcome: Changed, Proof: proof, Message: message}
}

func (r *run) notChanged(err error) Result {
	result := Result{Outcome: NotChanged}
	result.explain(err)
	return result
}

// unknown is the outcome that needs a person: the situation, why, and what to do.
func (r *run) unknown(err error, situation string, hints ...string) Result {
	result := Result{Outcome: Unknown}
	result.explain(err)
	result.Message = situation + ": " + result.Message
	result.Hints = append(append(result.Hints, hints...),
		"find out which password is in force, the new or the old one, or rotate again: the next rotation sets one anew")
	return result
}
