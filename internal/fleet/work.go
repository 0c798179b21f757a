package fleet

import (
	"context"
	"slices"
	"strings"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/vault"
)

// unreachable are the classes of a host that hundreds of tries more would only be waited for.
var unreachable = []api.Class{api.ClassNetwork, api.ClassTLS, api.ClassTimeout}

// Verify finds out for each account whether the vault's password is in force, and if it is not,
// whether a pending one is. It writes nothing, anywhere.
func (f *Fleet) Verify(ctx context.Context) {
	f.each(ctx, f.all, f.verify)
}

func (f *Fleet) verify(ctx context.Context, a *account) {
	if !f.preparePending(a) {
		return
	}
	result := a.plan.Verify(ctx, f.shownFor(a))
	a.take(result.Result)
	f.note(a, result.Result)
	a.State, a.bad = Unknown, result.FailedLogins > 0 || slices.Contains(unreachable, result.Class)
	switch {
	case result.InForce == rotation.NewInForce:
		a.State, a.bad = InForce, false
		if len(a.Pending) > 0 {
			a.Hints = append(a.Hints, "a pending record is of no use any more, delete it: "+strings.Join(a.Pending, ", "))
		}
	case result.NewRejected:
		a.State, a.bad = Drifted, true
		if a.pendingInForce = result.InForce == rotation.OldInForce; a.pendingInForce {
			a.Hints = append(a.Hints, "put that password into the PAM User record, or set the account to what the vault holds with reconcile")
		}
		if len(a.pending) > 1 {
			a.Hints = append(a.Hints, "more pending passwords were not tried, so that nothing is locked: "+strings.Join(a.Pending, ", "))
		}
	}
}

// Check finds out for each account whether a rotation could go ahead.
func (f *Fleet) Check(ctx context.Context) {
	f.each(ctx, f.all, func(ctx context.Context, a *account) {
		result := a.plan.Check(ctx)
		a.take(result.Result)
		f.note(a, result.Result)
		if a.State = Ready; result.Class != "" {
			a.State, a.bad = NotReady, true
		}
	})
	for _, a := range f.all {
		if a.State == NotTried && a.plan == nil { // a run of it could not even be prepared
			a.State = NotReady
		}
	}
}

// Reconcile verifies the accounts, and sets those that drifted to the password that the vault
// holds. Others are not touched. It reports false if it was not confirmed.
func (f *Fleet) Reconcile(ctx context.Context) bool {
	f.Verify(ctx)
	var drifted []*account
	for _, a := range f.all {
		if a.State == Drifted && a.plan != nil {
			drifted = append(drifted, a)
		}
	}
	if len(drifted) == 0 {
		return true
	}
	if f.options.Confirm != nil && !f.options.Confirm(len(drifted)) {
		return false
	}
	f.each(ctx, drifted, f.reconcile)
	return true
}

func (f *Fleet) reconcile(ctx context.Context, a *account) {
	old := secret.Value{}
	if a.pendingInForce {
		old = a.pending[0].Password
	}
	if !f.prepare(a, "", old) {
		a.State = NotSet
		return
	}
	result := a.plan.Rotate(ctx)
	a.take(result)
	f.note(a, result)
	switch result.Outcome {
	case rotation.Changed:
		a.State = Set
		for _, uid := range a.Pending {
			if err := f.options.Vault.DeletePending(context.WithoutCancel(ctx), uid); err != nil {
				a.Warnings = append(a.Warnings, vault.Failure("clean up", err).Error())
			}
		}
	case rotation.NotChanged:
		a.State, a.bad = NotSet, true
	default:
		a.State, a.bad = Unknown, true
	}
}
