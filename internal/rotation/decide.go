package rotation

import (
	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/targets"
)

// decide turns the end of the write into the outcome. Every vendor's every run
// passes through here.
func (r *run) decide(end writeEnd, err error) Result {
	switch end {
	case unsent, refused:
		return r.notChanged(err)
	case oldRejected:
		return r.decideOldRejected(err)
	case doubtful:
		return r.decideDoubtful(err)
	case succeeded:
		return r.decideSucceeded()
	case taken:
		return r.decideTaken(err)
	}
	return r.decideUnclear(err)
}

// decideOldRejected: no write was sent. The old password may be rejected since the new one
// is in force already, after an earlier run of the same payload.
func (r *run) decideOldRejected(err error) Result {
	if r.canVerify() && !r.mustEnd() {
		if verdict, _ := r.tryNew(false); verdict == targets.Accepted {
			return r.changed("was in force already, proved by " + r.proofWords())
		}
	}
	return r.notChanged(err)
}

// decideDoubtful: the refusal may answer a copy of the write, or an earlier run's password
// that is in force already. Only a proof settles it.
func (r *run) decideDoubtful(err error) Result {
	if !r.canVerify() {
		return r.unknown(err, "the write was refused, but the refusal may be that of a copy, or of a password that is in force already, and there is no way to find out")
	}
	switch found, why := r.prove(false); found {
	case accepted:
		return r.changed("was in force already, or came into force by a copy of the write, proved by " + r.proofWords())
	case rejected:
		return r.notChanged(err)
	case early:
		return r.unknown(err, "the write was refused, but the refusal may be that of a copy, and the new password is rejected so far", hintLater)
	default:
		r.log.Warn().Str("cause", why.Error()).Msg("the new password could not be tried")
		return r.unknown(err, "the write was refused, but the refusal may be that of a copy, or of a password that is in force already, and the new password could not be tried")
	}
}

// decideSucceeded: changed, as well proved as the vendor and the settings allow.
func (r *run) decideSucceeded() Result {
	answered := Result{Outcome: Changed, Proof: targets.ProofAnswer, Message: "confirmed by " + r.Info.Title + "'s answer"}
	var why error
	switch means := r.means(); {
	case means == targets.FinalStatus:
		verdict, err := r.tryOnce(targets.New)
		if verdict == targets.Accepted {
			return r.changed("proved by " + r.proofWords())
		}
		why = err
	case r.canVerify():
		found, err := r.prove(true)
		switch found {
		case accepted:
			return r.changed("proved by " + r.proofWords())
		case early, rejected:
			return r.unknown(err, "the change was answered with success, but the new password was rejected afterwards",
				"find out which password the account has before you rotate again; another rotation sets a new one")
		}
		why = err
	case r.meansMute || r.unasked:
		why = r.client.Fail("verify", api.ClassTarget, "sign-ins showed nothing in this run")
	default:
		if r.verify == targets.VerifyStrict {
			return r.unknown(r.client.Fail("verify", api.ClassInput, "there is no means of proof"),
				"the change was answered with success, but could not be proved, and Verify is strict")
		}
		return answered
	}
	if r.verify == targets.VerifyStrict {
		return r.unknown(why, "the change was answered with success, but could not be proved, and Verify is strict")
	}
	r.warn("the new password could not be tried: " + why.Error())
	return answered
}

// decideTaken: the vendor has the write, and a proof alone tells how it ended.
func (r *run) decideTaken(err error) Result {
	if r.canVerify() {
		if found, _ := r.prove(false); found == accepted {
			return r.changed("proved by " + r.proofWords() + " after an unclear answer")
		}
	}
	return r.unknown(err, "the vendor took the write, and it is not known how that ended", hintLater)
}

// decideUnclear: a proof settles it, or the same write once more where that does no harm.
func (r *run) decideUnclear(err error) Result {
	proved := func() Result {
		return r.changed("proved by " + r.proofWords() + " after an unclear answer")
	}
	repeated := false
	if r.mayRepeat() {
		if r.canVerify() && r.failed() == 0 {
			if verdict, _ := r.tryNew(false); verdict == targets.Accepted {
				return proved()
			}
		}
		if r.mayRepeat() {
			switch end, again := r.repeat(); end {
			case succeeded:
				return r.decideSucceeded()
			case taken:
				return r.decideTaken(again)
			case unsent:
				r.log.Warn().Str("cause", again.Error()).Msg("the write was not repeated")
			default:
				// A refusal of the repeat says nothing about the first.
				r.log.Warn().Str("cause", again.Error()).Msg("the repeat settled nothing")
				repeated = true
			}
		}
	}
	if r.canVerify() {
		switch found, why := r.prove(false); found {
		case accepted:
			return proved()
		case early, rejected:
			// A write may be carried out later than any wait.
			return r.unknown(err, "the write's answer is missing or unclear, and the new password is rejected so far", hintLater)
		default:
			r.log.Warn().Str("cause", why.Error()).Msg("the new password could not be tried")
			return r.unknown(err, "the write's answer is missing or unclear, and the new password could not be tried")
		}
	}
	switch {
	case repeated:
		return r.unknown(err, "the write's answer is missing or unclear, and a repeat settled nothing")
	case r.target.Contract().Repeats:
		return r.unknown(err, "the write's answer is missing or unclear, and it could not be repeated")
	}
	return r.unknown(err, "the write's answer is missing or unclear, and there is no way to find out")
}

// mayRepeat reports whether the write may be sent once more: where it sets the password,
// soon, with time left for its proof, and sooner where the old password cannot be tried before
// it.
func (r *run) mayRepeat() bool {
	contract, now := r.target.Contract(), r.clock.Now()
	if !contract.Repeats || r.client.Counts().Writes >= mostWrites || r.client.Counts().Lost > 0 || r.mustEnd() {
		return false
	}
	if contract.CarriesOld && r.failed() >= loginBudget {
		return false
	}
	soon := now.Sub(r.firstWrite) <= repeatWithin && (r.canTryOld() || contract.Own && r.canVerify() || now.Sub(r.givenUp) <= repeatBlindly)
	return soon && r.left() > r.settleRoom()
}

// repeat sends the same write once more, with Check anew. Somebody else may have been there
// meanwhile: the old password is tried last before it, and must be accepted. unsent with the
// reason is a repeat that was abandoned.
func (r *run) repeat() (writeEnd, error) {
	r.tries++
	r.log.Warn().Msg("the write's answer is missing or unclear: beginning again to send it once more")
	abandoned := r.client.Fail("repeat the write", api.ClassTimeout, "it came too late for that")
	if !r.close() {
		return unsent, r.client.Fail("repeat the write", api.ClassTarget, "what the first one had opened could not be given back")
	}
	if !r.wait(pause()) {
		return unsent, abandoned
	}
	if err := r.check(); err != nil {
		return unsent, err
	}
	if !r.mayRepeat() {
		return unsent, abandoned
	}
	if end, err := r.stage(); end != succeeded {
		return unsent, err
	}
	if r.canTryOld() && !r.target.Contract().Own {
		if verdict, err := r.login(targets.Old); verdict != targets.Accepted && r.canVerify() {
			return unsent, r.because(err, "the old password is not accepted any more, or cannot be tried")
		}
	}
	if !r.mayRepeat() {
		return unsent, abandoned
	}
	return r.write()
}

func (r *run) proofWords() string {
	switch r.target.Contract().Means {
	case targets.FinalStatus:
		return r.Info.Title + "'s final status"
	case targets.Reference:
		return "a look at what is in force"
	}
	return "a login"
}

// triesWords is what a result adds that took more than one try.
func (r *run) triesWords() string {
	switch {
	case r.tries <= 1:
		return ""
	case r.tries == 2:
		return " after a second try"
	case r.tries == 3:
		return " after a third try"
	}
	return " after a fourth try"
}

func (r *run) changed(message string) Result {
	return Result{Outcome: Changed, Proof: r.target.Contract().Means.Proof(), Message: message}
}

func (r *run) notChanged(err error) Result {
	result := Result{Outcome: NotChanged}
	result.explain(err)
	return result
}

const (
	hintLater = "the vendor may yet carry out what it was sent: try the new password again in a few minutes"
	// hintVerify is a hint of every unknown.
	hintVerify = "pam-rotate-script verify says which password is in force, without changing anything: of the same payload, or with --record of the vault's record; or rotate again, which sets one anew"
)

// unknown is the outcome that needs a person: the situation, why, and what to do.
func (r *run) unknown(err error, situation string, hints ...string) Result {
	result := Result{Outcome: Unknown}
	result.explain(err)
	result.Message = situation + ": " + result.Message
	result.Hints = append(append(result.Hints, hints...), hintVerify)
	return result
}
