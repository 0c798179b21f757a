// Package rotation runs one rotation from a decoded payload to its outcome. It is
// the one place that decides: a vendor says what happened, this package says
// what that means, the same way for all of them.
//
// Prepare makes a Plan without sending anything; Plan.Rotate carries it out and
// Plan.Check carries out all of it but the write. The decision stands in
// decide.go, row by row.
package rotation

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/targets"
)

// loginBudget is how many sign-ins as the rotated user may fail in one run: more
// could lock the account out.
const loginBudget = 2

// longestClose bounds the time that is kept for Close.
const longestClose = 10 * time.Second

// run is one rotation under way.
type run struct {
	*Plan
	work, proof context.Context // for Check and Change; for Verify and a repeat
	account     string
	announced   []string // the fields that what the change returns is saved to
	saved       bool     // the change is made and nothing of it is left to save
	panicked    error
}

// Rotate carries the plan out. It returns within the plan's time-out whatever the
// vendor does. Once ctx is done no write is started; if one has left already, its
// answer, its proof and the clean-up get a quarter of the time-out.
func (p *Plan) Rotate(ctx context.Context) Result {
	start := time.Now()
	end := start.Add(p.timeout)
	closing := min(p.timeout/12, longestClose)
	reserve := p.timeout / 4

	base := context.WithoutCancel(ctx)
	work, stopWork := phase(base, end.Add(-reserve))
	defer stopWork(nil)
	proof, stopProof := phase(base, end.Add(-closing))
	defer stopProof(nil)
	told := func() {
		if !p.client.StopWrites() {
			stopWork(api.ErrInterrupted)
			stopProof(api.ErrInterrupted)
			return
		}
		p.log.Warn().Msg("told to stop after the write had left: finishing proof and clean-up first")
		time.AfterFunc(reserve/2, func() { stopWork(api.ErrInterrupted) })
		time.AfterFunc(reserve-closing, func() { stopProof(api.ErrInterrupted) })
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
		Dur("timeout_ms", p.timeout).Msg("rotating")
	p.sayTarget()
	r := &run{Plan: p, work: work, proof: proof}
	result := r.rotate()
	r.keepOld()
	r.close(base, end, closing)
	return r.finish(result, start)
}

// Timeout is what the whole run may take.
func (p *Plan) Timeout() time.Duration { return p.timeout }

// WriteLeft reports whether a write may have left this machine. It may be asked at
// any time, from any goroutine.
func (p *Plan) WriteLeft() bool { return p.client.Counts().Writes > 0 }

// phase returns a context that ends at a time, or earlier with a cause.
func phase(base context.Context, end time.Time) (context.Context, context.CancelCauseFunc) {
	timed, cancelTimed := context.WithDeadline(base, end)
	ctx, cancel := context.WithCancelCause(timed)
	return ctx, func(cause error) {
		cancel(cause)
		cancelTimed()
	}
}

// rotate checks, changes and decides.
func (r *run) rotate() Result {
	if err := r.check(r.work); err != nil {
		var refusal *targets.Refused
		if errors.As(err, &refusal) {
			return r.decide(refused, err)
		}
		return r.notChanged(err)
	}
	if err := r.canKeep(r.work); err != nil {
		return r.notChanged(err)
	}
	if context.Cause(r.work) != nil {
		return r.notChanged(r.endOf(r.work))
	}
	end, err := r.change(r.work)
	return r.keep(end, r.decide(end, err))
}

func (r *run) check(ctx context.Context) error {
	return r.guard("check", func() (err error) {
		if r.account, err = r.target.Check(ctx); err == nil {
			err = r.admitFound()
		}
		return err
	})
}

// endOf says in an Error why a phase is over.
func (r *run) endOf(ctx context.Context) error {
	cause := "no time is left for the write"
	if errors.Is(context.Cause(ctx), api.ErrInterrupted) {
		cause = "interrupted before the write"
	}
	return r.client.Fail("rotate", api.ClassTimeout, cause)
}

// close gives back what the target opened. What goes wrong there is a warning.
func (r *run) close(base context.Context, end time.Time, closing time.Duration) {
	now := time.Now()
	until := now.Add(closing)
	if until.After(end) {
		until = end
	}
	ctx, cancel := context.WithDeadline(base, until)
	defer cancel()
	before := r.panicked
	if err := r.guard("clean up", func() error { return r.target.Close(ctx) }); err != nil {
		r.warn("cleaning up failed: " + err.Error())
	}
	r.panicked = before
	r.client.Close()
}

// finish fills in what every result has.
func (r *run) finish(result Result, start time.Time) Result {
	if result.Outcome != NotChanged || result.Class == "" {
		r.warnOfOwnUser()
	}
	counts := r.client.Counts()
	result.Target, result.User, result.Account = r.Info.Name, r.user, r.account
	result.TargetInferred = r.inferred
	result.Requests, result.FailedLogins = counts.Requests, counts.FailedLogins
	result.Writes, result.TurnedAway = counts.Writes, counts.TurnedAway
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

// CheckResult is the end of a check.
type CheckResult struct {
	Result
	// Calls is what a rotation would send.
	Calls []targets.Call
}

// Check carries out the plan up to the write: it signs in, finds the account and
// gives back what it opened. The Result's outcome is always NotChanged; its Class is
// "" if a rotation could go ahead.
func (p *Plan) Check(ctx context.Context) CheckResult {
	start := time.Now()
	end := start.Add(p.timeout)
	closing := min(p.timeout/12, longestClose)
	p.client.StopWrites() // whatever a target does wrong, a check never writes
	work, stopWork := phase(context.WithoutCancel(ctx), end.Add(-closing))
	defer stopWork(nil)
	stop := context.AfterFunc(ctx, func() { stopWork(api.ErrInterrupted) })
	defer stop()

	p.sayTarget()
	r := &run{Plan: p, work: work, proof: work}
	result := Result{Outcome: NotChanged, Message: "a rotation could go ahead"}
	if err := r.check(work); err != nil {
		result = r.notChanged(err)
	} else if err := r.canKeep(work); err != nil {
		result = r.notChanged(err)
	} else if looked, err := r.lookUp(work); err != nil {
		result = r.notChanged(err)
	} else if !looked {
		result.Message = "the credential is taken, but whether the account is there was not looked up: only a rotation can tell"
	}
	r.keepOld()
	r.close(context.WithoutCancel(ctx), end, closing)
	if _, untried := p.target.(targets.Untried); result.Class == "" && (untried || p.client.Counts().Requests == 0) {
		result.Message = "the settings are in order, but url and credential are untried: only a rotation can try them"
	}
	return CheckResult{Result: r.finish(result, start), Calls: p.target.Calls()}
}
