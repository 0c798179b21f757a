package conformance

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/targets"
)

// panicking is a target that panics in one phase with all that it holds.
type panicking struct {
	targets.Target
	job   targets.Job
	phase string
	after bool // what it should do is done before
}

func (p panicking) do(phase string, do func() error) error {
	if p.phase != phase {
		return do()
	}
	if p.after {
		_ = do()
	}
	panic(fmt.Sprintf("%s %s %v", p.job.NewPassword.Reveal(), p.job.OldPassword.Reveal(), p.job))
}

func (p panicking) Check(ctx context.Context) (account string, err error) {
	err = p.do("check", func() (err error) { account, err = p.Target.Check(ctx); return err })
	return account, err
}

func (p panicking) Change(ctx context.Context) error {
	return p.do("change", func() error { return p.Target.Change(ctx) })
}

// Stage keeps what the target does before the write, where it does anything.
func (p panicking) Stage(ctx context.Context) error {
	if stager, ok := p.Target.(targets.Stager); ok {
		return stager.Stage(ctx)
	}
	return nil
}

func (p panicking) Verify(ctx context.Context, which targets.Which) (verdict targets.Verdict, err error) {
	err = p.do("verify", func() (err error) { verdict, err = p.Target.Verify(ctx, which); return err })
	return verdict, err
}

func (p panicking) Close(ctx context.Context) error {
	return p.do("close", func() error { return p.Target.Close(ctx) })
}

// testPanics: a defect in a vendor's code that panics with the passwords ends
// the run with the truth, and neither with the scrubber nor without it is one printed.
func testPanics(t *testing.T, bench Bench, _ *Findings) {
	for _, phase := range []string{"check", "change", "verify", "close"} {
		for _, after := range []bool{false, true} {
			for _, unscrubbed := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) { panics(t, bench, phase, after, unscrubbed) })
			}
		}
	}
}

func panics(t *testing.T, bench Bench, phase string, after, unscrubbed bool) {
	stand := startInMemory(t, bench, bench.User)
	stand.LeftOpen = nil // who panics gives nothing back
	info := bench.Info
	info.Name = "panicking"
	info.New = func(job targets.Job, client *api.Client) (targets.Target, error) {
		target, err := bench.Info.New(job, client)
		return panicking{target, job, phase, after}, err
	}
	run := bench.run()
	run.Info, run.Unscrubbed, run.Access = info, unscrubbed, map[string]any{"Target": "panicking"}
	ended := run.Rotate(stand)
	faults := run.Faults(bench, stand, ended)
	told := strings.Contains(ended.Stdout+ended.Stderr, "the program panicked")
	if reached := phase != "verify" || ended.Outcome == rotation.Unknown; told != reached {
		faults = append(faults, fmt.Sprintf("told of a panic: %v", told))
	}
	for _, fault := range faults {
		t.Errorf("in %s, after %v, unscrubbed %v: %s\nstdout: %s\nstderr: %s", phase, after, unscrubbed, fault, ended.Stdout, ended.Stderr)
	}
}
