package api

import (
	"context"
	"time"
)

// Clock is the time that retries and waits go by. Tests give one that does not
// wait.
type Clock interface {
	Now() time.Time
	// Sleep waits for the duration and returns nil, or returns the context's error
	// as soon as that is done.
	Sleep(ctx context.Context, duration time.Duration) error
}

// SystemClock is the machine's clock.
type SystemClock struct{}

// Now returns time.Now.
func (SystemClock) Now() time.Time { return time.Now() }

// Sleep waits on a timer.
func (SystemClock) Sleep(ctx context.Context, duration time.Duration) error {
	if duration <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
