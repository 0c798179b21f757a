package rotation

import (
	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/targets"
)

// said is what trying a password has shown.
type said int

const (
	silent   said = iota // nothing: no sign-in was left, or what came shows nothing
	early                // rejected, but the vendor may not have learned of the change yet; or disputed
	rejected             // rejected when the settling time had passed
	accepted             // accepted, and proven
)

// means is how this run can prove a change, NoMeans if it cannot any more.
func (r *run) means() targets.Means {
	means := r.target.Contract().Means
	if r.panicked != nil || means.SignsIn() && (r.verify == targets.VerifyOff || r.meansMute || r.unasked) {
		return targets.NoMeans
	}
	return means
}

// canVerify reports whether a password can be tried.
func (r *run) canVerify() bool {
	means := r.means()
	return means.SignsIn() || means == targets.Reference
}

// canTryOld reports whether the old password can be tried.
func (r *run) canTryOld() bool {
	if contract := r.target.Contract(); contract.NewOnly || contract.Means != targets.Reference && r.old.IsEmpty() {
		return false
	}
	return r.canVerify()
}

func (r *run) noSignInLeft() error {
	return r.client.Fail("verify", api.ClassInternal, "no sign-in is left: more failing ones could lock the account out")
}

// login tries a password once. What was certainly not judged does not count, and is tried
// again.
func (r *run) login(which targets.Which) (targets.Verdict, error) {
	signsIn := r.target.Contract().Means.SignsIn()
	var err error
	for range mostTries {
		if signsIn && r.failed() >= loginBudget {
			return targets.Inconclusive, r.noSignInLeft()
		}
		if r.left() <= 0 {
			return targets.Inconclusive, r.client.Fail("verify", api.ClassTimeout, "no time is left to try the password")
		}
		var verdict targets.Verdict
		before, requests := r.failed(), r.client.Counts().Requests
		verdict, err = r.tryOnce(which)
		r.log.Info().Str("verdict", verdict.String()).Msg("tried the " + which.String() + " password")
		switch {
		case r.panicked != nil:
			return targets.Inconclusive, r.panicked
		case verdict == targets.Accepted:
			if which == targets.Old {
				r.oldAccepted = true
			}
			return verdict, nil
		case verdict == targets.Rejected:
			r.meansReject = true
			return verdict, err
		case verdict == targets.Disputed:
			return verdict, err
		case signsIn && !passes(err):
			sent := r.client.Counts().Requests > requests
			r.meansMute, r.unasked = r.meansMute || sent, !sent
			return verdict, err
		case !signsIn || r.failed() > before:
			return verdict, err
		}
		if !r.pauseAfter(err, 0) {
			return verdict, err
		}
	}
	return targets.Inconclusive, err
}

func (r *run) tryOnce(which targets.Which) (verdict targets.Verdict, err error) {
	ctx, cancel := api.WithLimit(r.proof, r.clock, r.limit)
	defer cancel()
	if guarded := r.guard("verify", func() error {
		verdict, err = r.target.Verify(ctx, which)
		return nil
	}); guarded != nil {
		return targets.Inconclusive, guarded
	}
	if err == nil && verdict != targets.Accepted {
		err = r.client.Fail("verify", api.ClassInternal, "the "+which.String()+" password is "+verdict.String())
	}
	return verdict, err
}

// tryNew tries the new password once. clear says that the write was clearly answered with
// success. Accepted means proven.
func (r *run) tryNew(clear bool) (targets.Verdict, error) {
	verdict, err := r.login(targets.New)
	contract := r.target.Contract()
	switch {
	case verdict != targets.Accepted || !contract.Means.SignsIn():
		return verdict, err
	case contract.Cache && r.oldRejected:
		return targets.Accepted, nil
	case contract.Cache && !clear:
		// What is accepted may be an outdated password, unless the one before is not.
		if !r.canTryOld() {
			return targets.Inconclusive, r.client.Fail("verify", api.ClassTarget, "the new password is accepted, but the vendor may accept outdated ones, and the old one cannot be tried")
		}
		if verdict, err := r.login(targets.Old); verdict != targets.Rejected {
			return targets.Inconclusive, r.because(err, "the new password is accepted, but so may be an outdated one: the old one was not rejected")
		}
		return targets.Accepted, nil
	case clear && r.verify != targets.VerifyStrict:
		return verdict, nil
	}
	return r.control()
}

// control says what an acceptance is worth: the administrator's own means must have rejected
// a password in this run.
func (r *run) control() (targets.Verdict, error) {
	if r.target.Contract().Means != targets.OwnMeans || r.meansReject {
		return targets.Accepted, nil
	}
	verdict, err := r.login(targets.Impossible)
	switch verdict {
	case targets.Rejected:
		return targets.Accepted, nil
	case targets.Accepted:
		r.meansMute, r.meansOpen = true, true
		err = r.client.Fail("verify", api.ClassInput, "a password that cannot be right is accepted, too, so that an acceptance proves nothing",
			"point the field Verify URL at an address that needs a sign-in, or remove it")
		return targets.Inconclusive, err
	}
	return targets.Inconclusive, r.because(err, "the new password is accepted, but it is not certain that a wrong one would not be")
}

// because puts a finding of the run's own in front of what led to it.
func (r *run) because(err error, finding string) error {
	fault := r.client.Fail("verify", api.ClassTarget, finding)
	if below := api.AsError(err); below != nil {
		fault.Class, fault.Cause, fault.Hints = below.Class, finding+": "+below.Cause, below.Hints
	}
	return fault
}

// prove tries the new password: at once while two sign-ins may fail, and once more when the
// settling time has passed. An acceptance ends it, and a rejection stands. The error says why
// it is not accepted.
func (r *run) prove(clear bool) (said, error) {
	found := silent
	err := r.noSignInLeft()
	try := func() targets.Verdict {
		verdict, why := r.tryNew(clear)
		switch {
		case verdict == targets.Accepted:
			found = accepted
		case verdict == targets.Rejected, verdict == targets.Disputed:
			found, err = early, why
		case found == silent:
			err = why
		}
		return verdict
	}
	signsIn := r.target.Contract().Means.SignsIn()
	if r.failed() == 0 || !signsIn || r.mustEnd() {
		if try() == targets.Accepted {
			return accepted, nil
		}
	}
	// The means may have turned out to be others.
	signsIn = r.target.Contract().Means.SignsIn()
	if !r.canVerify() || signsIn && r.failed() >= loginBudget || !r.awaitSettled() {
		return found, err
	}
	if try() == targets.Rejected && !r.clock.Now().Before(r.lastWrite.Add(r.settle)) {
		found = rejected
	}
	return found, err
}

// awaitSettled waits for the settling time. It reports false when no time is left.
func (r *run) awaitSettled() bool {
	if r.mustEnd() {
		return false
	}
	rest := min(r.lastWrite.Add(r.settle).Sub(r.clock.Now()), r.left()/2)
	if rest > longWait {
		r.release()
	}
	return r.wait(rest)
}
