package targets

import (
	"context"
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
