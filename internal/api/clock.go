package api

import (
	"context"
	"sync"
	"time"
)

// Clock is the time that deadlines and waits go by. Tests give one that does not
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

// limitKey is under which a context keeps its limit.
type limitKey struct{}

// WithLimit returns a context that ends at a time of the clock's. Left tells how far off
// that is, also by a clock that runs ahead of the machine's.
func WithLimit(ctx context.Context, clock Clock, at time.Time) (context.Context, context.CancelFunc) {
	if earlier, ok := ctx.Value(limitKey{}).(time.Time); ok && earlier.Before(at) {
		at = earlier
	}
	return context.WithTimeout(context.WithValue(ctx, limitKey{}, at), at.Sub(clock.Now()))
}

// Left returns how much time a context still has by the clock; false if it has no end.
func Left(ctx context.Context, clock Clock) (time.Duration, bool) {
	deadline, bounded := ctx.Deadline()
	left := time.Until(deadline)
	if at, ok := ctx.Value(limitKey{}).(time.Time); ok {
		left, bounded = min(left, at.Sub(clock.Now())), true
	}
	return left, bounded
}

// SkippingClock is a clock that does not wait: it runs ahead of the machine's by what was
// slept. It is for tests and for the trial of a recipe. The zero SkippingClock is ready, and
// is for one run.
type SkippingClock struct {
	mu    sync.Mutex
	ahead time.Duration
}

// Now returns the machine's time and what was slept.
func (c *SkippingClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// Sleep returns at once.
func (c *SkippingClock) Sleep(ctx context.Context, duration time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += max(0, duration)
	return nil
}
