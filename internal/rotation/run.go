// Package rotation runs one rotation from a decoded payload to its outcome. It is
// the one place that decides: a vendor says what happened, this package says
// what that means, the same way for all of them.
//
// Prepare makes a Plan without sending anything; Plan.Rotate carries it out and
// Plan.Check carries out all of it but the write. tries.go has the way to the write's answer,
// prove.go what a sign-in proves, decide.go the decision, row by row, with the repeat. What
// the decision has to know of a vendor is its targets.Contract.
package rotation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/targets"
)

const (
	// loginBudget is how many sign-ins as the rotated user may fail in one run: more
	// could lock the account out.
	loginBudget = 2
	// mostTries is how often a run begins at most before its write, and mostBadSignIns
	// after how many sign-ins that may have been judged no other try is made.
	mostTries      = 3
	mostBadSignIns = 2
	// mostWrites is how often the write is sent, those turned away with 429 apart.
	mostWrites = 2
	// longestClose bounds the time that is kept for Close of a target that asks for no more.
	longestClose = 10 * time.Second
	// longestWrite bounds the wait for the answer to a write.
	longestWrite = 40 * time.Second
	// longWait is the wait before which what no proof needs is given back.
	longWait = 5 * time.Second
	// repeatWithin is how long after the first write it may be repeated, and
	// repeatBlindly how long after its answer was given up where the old password cannot
	// be tried first.
	repeatWithin  = 60 * time.Second
	repeatBlindly = 10 * time.Second
)

// run is one rotation under way.
type run struct {
	*Plan
	base        context.Context // is never cancelled
	told        context.Context // is done when the run is told to stop
	work, proof context.Context // for Check, Stage and Change; for Verify
	limit       time.Time       // by the clock, the end of all but the last Close
	closing     time.Duration   // for a Close

	account   string
	announced []string // the fields that what the change returns is saved to
	canSave   bool     // the vault was asked
	saved     bool     // the change is made and nothing of it is left to save
	panicked  error
	// pendingUID is the vault's record of the new password, which is there for certain if pended.
	pendingUID string
	pended     bool
	ownSaved   bool // the access record has the new password, too

	tries   int
	lastTry bool // no other one is made
	// Of the write: when it was first and last sent, when its answer was given up.
	firstWrite, lastWrite, givenUp time.Time
	carried                        int  // writes that count as failed sign-ins
	ownFailed                      int  // sign-ins of Check as the rotated user that failed
	oldAccepted, oldRejected       bool // by a sign-in of this run; rejected before any write
	meansReject, meansMute         bool // what signing in has shown of the means of proof
	unasked                        bool // a try of the new password could not even be sent
	meansOpen                      bool // they let everybody in
}

// Rotate carries the plan out. It returns within the plan's time-out whatever the
// vendor does. Once ctx is done no write is started; if one has left already, its
// answer, its proof and the clean-up get a quarter of the time-out.
func (p *Plan) Rotate(ctx context.Context) Result {
	start := time.Now()
	r := &run{Plan: p, base: context.WithoutCancel(ctx), told: ctx, closing: p.closing()}
	end := p.clock.Now().Add(p.timeout)
	r.limit = end.Add(-r.closing - r.saveRoom())
	work, stopWork := phase(r.base, p.timeout-r.closing)
	defer stopWork(nil)
	proof, stopProof := phase(r.base, p.timeout-r.closing)
	defer stopProof(nil)
	r.work, r.proof = work, proof
	grace := p.timeout / 4
	told := func() {
		if !p.client.StopWrites() {
			stopWork(api.ErrInterrupted)
			stopProof(api.ErrInterrupted)
			return
		}
		p.log.Warn().Msg("told to stop after the write had left: finishing proof and clean-up first")
		time.AfterFunc(grace/2, func() { stopWork(api.ErrInterrupted) })
		time.AfterFunc(grace-r.closing, func() { stopProof(api.ErrInterrupted) })
	}
	if ctx.Err() != nil {
		told() // AfterFunc would get to it in its own time
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		told()
	})
	defer func() {
		if !stop() {
			<-done
		}
	}()

	p.log.Info().Str("version", p.version).Str("target", p.Info.Name).Str("access_record", p.access.UID).
		Int64("timeout_ms", p.timeout.Milliseconds()).Msg("rotating")
	p.sayTarget()
	result := r.rotate()
	r.revokeOld()
	r.close()
	r.client.Close()
	result = r.unpend(result) // last of all: until then a run that is killed leaves what it has kept
	return r.finish(result, start)
}

// closing is the time that is kept for Close, and what one may take.
func (p *Plan) closing() time.Duration {
	return max(min(p.timeout/12, longestClose), min(p.timeout/8, p.target.Contract().Closing))
}

// Timeout is what the whole run may take.
func (p *Plan) Timeout() time.Duration { return p.timeout }

// WriteLeft reports whether a write may have left this machine. It may be asked at
// any time, from any goroutine.
func (p *Plan) WriteLeft() bool { return p.client.Counts().Writes > 0 }

// phase returns a context that ends after a time, or earlier with a cause.
func phase(base context.Context, within time.Duration) (context.Context, context.CancelCauseFunc) {
	timed, cancelTimed := context.WithTimeout(base, within)
	ctx, cancel := context.WithCancelCause(timed)
	return ctx, func(cause error) {
		cancel(cause)
		cancelTimed()
	}
}

// rotate makes the tries, decides, and saves what was returned.
func (r *run) rotate() Result {
	end, err := r.untilWritten()
	result := r.decide(end, err)
	if r.panicked != nil && r.client.Counts().Writes > 0 {
		result = r.unknown(r.panicked, "the program panicked after the write had left")
	}
	result = r.keep(end == refused || end == doubtful || end == oldRejected, result)
	r.keepOwn(result)
	if result.Outcome == Changed {
		result.Message += r.triesWords()
	}
	return result
}

// mustEnd reports whether nothing new may be begun.
func (r *run) mustEnd() bool {
	return r.told.Err() != nil || r.panicked != nil || r.left() <= 0
}

// left is the time until the limit.
func (r *run) left() time.Duration { return r.limit.Sub(r.clock.Now()) }

// room is how much time a write needs for its answer and its proof.
func (r *run) room() time.Duration { return r.timeout/3 + r.settleRoom() }

// settleRoom is the part of it for the proof: of a short time-out not all is kept for it.
func (r *run) settleRoom() time.Duration { return min(r.settle, r.timeout/3) }

// wait waits, at most until the limit, or until the run is told to stop. It reports whether
// something new may be begun then.
func (r *run) wait(duration time.Duration) bool {
	err := r.clock.Sleep(r.told, max(0, min(duration, r.left())))
	return err == nil && !r.mustEnd()
}

// pause is the wait before something is tried again, which many runs that failed at once do
// at different times.
func pause() time.Duration { return 1500*time.Millisecond + rand.N(time.Second) }

// pauseAfter waits before something is tried again after err, as long as its answer asked
// for. It reports false if that is too long to leave the room that is needed.
func (r *run) pauseAfter(err error, room time.Duration) bool {
	duration := pause()
	if fault := api.AsError(err); fault != nil {
		duration = max(duration, fault.RetryAfter)
	}
	if r.left()-duration < room {
		return false
	}
	r.log.Info().Int64("wait_ms", duration.Milliseconds()).Str("cause", err.Error()).Msg("trying again")
	return r.wait(duration)
}

// close gives back what the target opened, and reports whether all of it was. What goes
// wrong there is a warning.
func (r *run) close() bool {
	return r.giveBack(func(ctx context.Context) error { return r.target.Close(ctx) })
}

// release gives back what no proof needs.
func (r *run) release() {
	if releaser, ok := r.target.(targets.Releaser); ok {
		r.giveBack(releaser.Release)
	}
}

func (r *run) giveBack(call func(context.Context) error) bool {
	ctx, cancel := context.WithTimeout(r.base, r.closing)
	defer cancel()
	before := r.panicked
	err := r.guard("clean up", func() error { return call(ctx) })
	r.panicked = before
	if err != nil {
		r.warn("cleaning up failed: " + err.Error())
	}
	return err == nil
}

// failed is how many sign-ins as the rotated user have failed, as the vendor counts.
func (r *run) failed() int { return r.client.Counts().FailedLogins + r.carried }

// finish fills in what every result has.
func (r *run) finish(result Result, start time.Time) Result {
	if (result.Outcome != NotChanged || result.Class == "") && !r.ownSaved {
		r.warnOfOwnUser()
	}
	if result.Class == api.ClassAccount && params.HasTwoForms(r.user) {
		result.Hints = append(result.Hints, "if the vendor shows an account that looks the same: "+hintForm)
	}
	if result.Class == api.ClassCredential {
		result.Hints = append(slices.Clone(r.slips), result.Hints...)
	}
	counts := r.client.Counts()
	result.Target, result.User, result.Account = r.Info.Name, r.user, r.account
	result.TargetInferred = r.inferred
	result.Requests, result.FailedLogins, result.FailedAccess = counts.Requests, r.failed(), counts.FailedAccess
	result.Writes, result.TurnedAway, result.Tries = counts.Writes, counts.TurnedAway, r.tries
	result.Duration = time.Since(start)
	result.DurationMS = result.Duration.Milliseconds()
	result.RunID, result.Version = r.runID, r.version
	result.Warnings = append([]string{}, r.warnings...)
	if result.Hints == nil {
		result.Hints = []string{}
	}
	return result
}

// guard calls f and turns a panic into an error. The panic's value may hold
// anything, so only where it happened is told.
func (r *run) guard(phase string, f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = r.client.Fail(phase, api.ClassInternal, "the program panicked"+place(value),
				"this is a defect of pam-rotate-script: please report the message above")
			r.panicked = err
		}
	}()
	return f()
}

// place returns " (kind) in function" for the panic being recovered.
func place(value any) string {
	text := fmt.Sprintf(" (%T)", value)
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") {
			return fmt.Sprintf("%s in %s", text, frame.Function)
		}
		if !more {
			return text
		}
	}
}

// lookUp looks for the account where Check has not.
func (r *run) lookUp(ctx context.Context) (looked bool, err error) {
	target, ok := r.target.(targets.LookedUp)
	if !ok {
		return true, nil
	}
	err = r.guard("look up the account", func() (err error) {
		looked, err = target.LookUp(ctx)
		return err
	})
	return looked, err
}

// passes reports whether the fault below an error may be gone a moment later.
func passes(err error) bool {
	fault := api.AsError(err)
	return fault != nil && fault.Passes()
}

// CheckResult is the end of a check.
type CheckResult struct {
	Result
	// Calls is what a rotation would send.
	Calls []targets.Call
	// Advice is what the vendor asks of passwords, in lines that are safe to print; none
	// where it does not say.
	Advice []string
}

// Check carries out the plan up to the write: it signs in, finds the account and
// gives back what it opened. The Result's outcome is always NotChanged; its Class is
// "" if a rotation could go ahead.
func (p *Plan) Check(ctx context.Context) CheckResult {
	start := time.Now()
	p.client.StopWrites() // whatever a target does wrong, a check never writes
	r := &run{Plan: p, base: context.WithoutCancel(ctx), told: ctx, closing: p.closing(), tries: 1}
	r.limit = p.clock.Now().Add(p.timeout - r.closing)
	work, stopWork := phase(r.base, p.timeout-r.closing)
	defer stopWork(nil)
	stop := context.AfterFunc(ctx, func() { stopWork(api.ErrInterrupted) })
	defer stop()
	r.work, r.proof = work, work

	p.sayTarget()
	result := Result{Outcome: NotChanged, Message: "a rotation could go ahead"}
	err := r.checkUntilAnswered()
	if err == nil {
		err = r.canKeep()
	}
	if err == nil {
		err = r.canPend()
	}
	if err != nil {
		result = r.notChanged(err)
	} else if looked, err := r.lookUp(work); err != nil {
		result = r.notChanged(err)
	} else if !looked {
		result.Message = "the credential is taken, but whether the account is there was not looked up: only a rotation can tell"
	}
	var advice []string
	if adviser, ok := r.target.(targets.Adviser); ok && result.Class == "" {
		_ = r.guard("read the policies", func() error { advice = adviser.Advice(); return nil })
	}
	r.close()
	r.client.Close()
	untried, known := p.target.(targets.Untried)
	if result.Class == "" && (known && untried.Untried() || p.client.Counts().Requests == 0) {
		result.Message = "the settings are in order, but url and credential are untried: only a rotation can try them"
	}
	return CheckResult{Result: r.finish(result, start), Calls: p.target.Calls(), Advice: advice}
}

// endOf says in an Error why no write was begun.
func (r *run) endOf() error {
	if r.told.Err() != nil || errors.Is(context.Cause(r.work), api.ErrInterrupted) {
		return r.client.Fail("rotate", api.ClassTimeout, "interrupted before the write")
	}
	fault := r.client.Fail("rotate", api.ClassTimeout, "no time is left for the write and its proof",
		"raise the field Timeout on the access record")
	fault.Err = errNoTime
	return fault
}

// errNoTime is below the error of a run that had no time for its write.
var errNoTime = errors.New("no time is left")
