package targets

import (
	"context"
	"fmt"
	"time"
)

// Patiently returns a context for a call that should not be given up the moment the
// run is told to stop: one whose answer alone holds what Close must give back, or one
// that may arrive after the clean-up and undo it. It ends with ctx's deadline, and
// grace after ctx if that is cancelled; a ctx that is over is returned as it is. Call
// release when the call is over.
func Patiently(ctx context.Context, grace time.Duration) (patient context.Context, release context.CancelFunc) {
	if ctx.Err() != nil {
		return ctx, func() {}
	}
	patient, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(grace, func() { cancel(context.Cause(ctx)) })
	})
	cancelTimed := func() {}
	if deadline, ok := ctx.Deadline(); ok {
		patient, cancelTimed = context.WithDeadline(patient, deadline)
	}
	return patient, func() {
		stop()
		cancelTimed()
		cancel(nil)
	}
}

// InShares takes the steps of a clean-up one after the other, whatever comes of those before, each
// in its share of the time that ctx has left. The error holds those of all steps that failed.
func InShares(ctx context.Context, steps ...func(context.Context) error) error {
	var failed error
	for i, step := range steps {
		share, cancel := ctx, context.CancelFunc(func() {})
		if deadline, ok := ctx.Deadline(); ok {
			share, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(steps)-i))
		}
		err := step(share)
		cancel()
		switch {
		case failed == nil:
			failed = err
		case err != nil:
			failed = fmt.Errorf("%w; %w", failed, err)
		}
	}
	return failed
}
