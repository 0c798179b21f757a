package rotation

import (
	"errors"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/targets"
)

// writeEnd is what the answer to the write says of it.
type writeEnd int

const (
	unsent      writeEnd = iota // it was never handed to the network
	oldRejected                 // the same, since the sign-in with the old password was rejected
	refused                     // it was not carried out
	doubtful                    // the same, but the answer may be that to a copy of it
	succeeded                   // the vendor's documented success
	taken                       // the vendor took it, and how it ends is not known
	unclear                     // anything else
)

// untilWritten tries until the write was handed to the network, and says how it ended.
// Each try begins with Check. The error says why it is not succeeded.
func (r *run) untilWritten() (writeEnd, error) {
	var earlier error
	for r.tries = 1; ; r.tries++ {
		end, err := r.try()
		if end != unsent {
			return end, err
		}
		if errors.Is(err, errNoTime) && earlier != nil {
			return unsent, earlier // which took the time
		}
		earlier = err
		if !passes(err) || !r.mayTryAgain() {
			return unsent, err
		}
		if closed := r.close(); !closed || r.mustEnd() || !r.pauseAfter(err, r.room()) {
			return unsent, err
		}
	}
}

// mayTryAgain reports whether one more try would do no harm.
func (r *run) mayTryAgain() bool {
	counts := r.client.Counts()
	return !r.lastTry && r.tries < mostTries && counts.Lost == 0 && counts.FailedAccess+r.ownFailed < mostBadSignIns && !r.mustEnd()
}

// try goes from the sign-in to the answer to the write.
func (r *run) try() (writeEnd, error) {
	if r.mustEnd() {
		return unsent, r.endOf()
	}
	if err := r.check(); err != nil {
		if refusal := asRefused(err); refusal != nil && refusal.Doubtful {
			r.oldRejected = true
			return oldRejected, err
		}
		return unsent, err
	}
	if err := r.canKeep(); err != nil {
		r.lastTry = true // the vault has retries of its own
		return unsent, err
	}
	if r.mustEnd() || r.left() < r.room() {
		return unsent, r.endOf()
	}
	if err := r.pend(); err != nil {
		r.lastTry = true
		return unsent, err
	}
	if end, err := r.stage(); end != succeeded {
		return end, err
	}
	if r.left() < r.room() {
		return unsent, r.endOf()
	}
	return r.write()
}

// check signs in and finds the account.
func (r *run) check() error {
	own := r.target.Contract().Own
	if own && r.failed() >= loginBudget {
		return r.noSignInLeft()
	}
	ctx, cancel := api.WithLimit(r.work, r.clock, r.limit)
	defer cancel()
	before := r.client.Counts().FailedLogins
	err := r.guard("check", func() (err error) {
		account, err := r.target.Check(ctx)
		if err != nil {
			return err
		}
		r.account = account
		return r.admitFound()
	})
	r.ownFailed += r.client.Counts().FailedLogins - before
	if err == nil && r.target.Contract().Own { // which Check may have found out
		r.oldAccepted = true
	}
	return err
}

// checkUntilAnswered is what the verb check makes of it: no write, but as many tries.
func (r *run) checkUntilAnswered() error {
	for ; ; r.tries++ {
		err := r.check()
		if err == nil || !passes(err) || !r.mayTryAgain() || !r.close() || !r.pauseAfter(err, 0) {
			return err
		}
	}
}

// stage makes the calls that come before the write and put nothing in force. succeeded is
// to go on.
func (r *run) stage() (writeEnd, error) {
	stager, ok := r.target.(targets.Stager)
	if !ok {
		return succeeded, nil
	}
	ctx, cancel := api.WithLimit(r.work, r.clock, r.limit.Add(-r.settleRoom()))
	defer cancel()
	err := r.guard("change", func() error { return stager.Stage(ctx) })
	if refusal := asRefused(err); refusal != nil {
		return endOfRefusal(refusal), err
	}
	if err != nil {
		return unsent, err
	}
	return succeeded, nil
}

// write sends the write and judges its answer. One that was answered 429 was certainly not
// carried out, and is sent again.
func (r *run) write() (writeEnd, error) {
	var err error
	for range mostTries {
		if r.mustEnd() {
			return unsent, r.endOf()
		}
		before, sent := r.client.Counts(), r.clock.Now()
		err = r.change()
		after := r.client.Counts()
		switch {
		case after.Writes > before.Writes:
			r.unasked = false // an answer may tell how to sign in
			if r.firstWrite.IsZero() {
				r.firstWrite = sent
			}
			r.lastWrite, r.givenUp = sent, r.clock.Now()
			return r.judge(err), err
		case after.TurnedAway == before.TurnedAway:
			if err == nil {
				err = r.client.Fail("change", api.ClassInternal, "no write has left, whatever the target says",
					"this is a defect of pam-rotate-script or of the recipe: please report the message above")
			}
			if refusal := asRefused(err); refusal != nil {
				return endOfRefusal(refusal), err
			}
			return unsent, err
		}
		if fault := api.AsError(err); fault == nil || fault.Final || !r.pauseAfter(err, 0) {
			break
		}
	}
	if r.told.Err() != nil {
		return unsent, r.endOf()
	}
	return refused, err
}

func (r *run) change() error {
	ctx, cancel := api.WithLimit(r.work, r.clock, r.limit)
	defer cancel()
	return r.guard("change", func() error { return r.target.Change(ctx) })
}

// judge says what the answer means, and counts a write that is a failed sign-in: one with
// the old password that was not answered with success or a plain refusal. Free is the first
// one where that password was accepted in this run, unless the refusal is about it.
func (r *run) judge(err error) writeEnd {
	if err == nil {
		return succeeded
	}
	end := unclear
	refusal := asRefused(err)
	var accepted *targets.Taken
	switch {
	case refusal != nil:
		end = endOfRefusal(refusal)
	case errors.As(err, &accepted):
		return taken
	}
	first := r.client.Counts().Writes == 1 && r.oldAccepted && !(refusal != nil && refusal.WrongOld)
	if r.target.Contract().CarriesOld && end != refused && !first {
		r.carried++
	}
	return end
}

func asRefused(err error) *targets.Refused {
	var refusal *targets.Refused
	if errors.As(err, &refusal) {
		return refusal
	}
	return nil
}

func endOfRefusal(refusal *targets.Refused) writeEnd {
	if refusal.Doubtful {
		return doubtful
	}
	return refused
}
