package recipe

import (
	"context"
	"slices"
	"time"

	"pam-rotate-script/internal/targets"
)

// RevokeOld makes the target a targets.Revoker: of close, what revokes an old credential is
// due.
func (t *target) RevokeOld() { t.revokes = true }

// Close carries out those calls of close whose values there are, each in its share of the
// time. Giving back twice does no harm, so a call without a clear answer is sent once
// more.
func (t *target) Close(ctx context.Context) error {
	return t.giveAllBack(ctx, func(*call) bool { return true })
}

// Release makes those calls of close that give back what the calls of verify do not use.
func (t *target) Release(ctx context.Context) error {
	return t.giveAllBack(ctx, func(c *call) bool { return !c.revokes && !t.proofNeeds(c) })
}

// proofNeeds reports whether the calls of verify use what a call of close gives back.
func (t *target) proofNeeds(closing *call) bool {
	names := namesOf(append(closing.requestExpressions(), t.authOf(closing)...)...)
	names[closing.each] = true
	a := t.recipe.auth
	for _, c := range t.recipe.verify {
		if closing.auth == nil && c.auth == nil && a != nil && a.kind == authCookie {
			return true
		}
		if slices.ContainsFunc(t.namesUsedBy(c), func(name string) bool { return names[name] }) {
			return true
		}
	}
	return false
}

func (t *target) giveAllBack(ctx context.Context, which func(*call) bool) error {
	for name, values := range t.sealed {
		if _, kept := t.kept[name]; !kept { // a later try had none, and the earlier one's is still open
			t.kept[name] = values[len(values)-1]
			delete(t.stale, name)
		}
	}
	var due []func(context.Context) error
	defer func() {
		for _, c := range t.recipe.close {
			if which(c) {
				delete(t.sealed, c.each)
			}
		}
	}()
	for _, c := range t.recipe.close {
		if !which(c) || t.closed[c] || !t.opened(c) || c.revokes && !t.revokes {
			continue
		}
		if c.each == "" {
			due = append(due, func(ctx context.Context) error {
				err := t.giveBack(ctx, c)
				t.closed[c] = err == nil
				return err
			})
			continue
		}
		for _, value := range t.sealed[c.each] {
			due = append(due, func(ctx context.Context) error {
				t.kept[c.each] = value
				return t.giveBack(ctx, c)
			})
		}
	}
	return targets.InShares(ctx, due...)
}

// opened reports whether there is what a call of close needs: the session, and every value
// that it sends.
func (t *target) opened(c *call) bool {
	if a := t.recipe.auth; a != nil && c.auth == nil && a.kind == authCookie && t.session.IsEmpty() {
		return false
	}
	expressions := append(c.requestExpressions(), t.authOf(c)...)
	for name := range namesOf(expressions...) {
		switch name {
		case varUser, varNew, varOld, varAccess, varSet:
			continue
		}
		if t.stale[name] || t.kept[name].reveal() == nil {
			return false
		}
	}
	return true
}

func (t *target) giveBack(ctx context.Context, c *call) error {
	found := t.perform(ctx, c, nil)
	if found.verdict == unclear && ctx.Err() == nil {
		found = t.perform(ctx, c, nil)
	}
	return found.err
}

// answerGrace is how long a call whose answer holds what Close gives back may wait for it
// after the run was told to stop.
const answerGrace = 3 * time.Second

// patiently returns a context that ends with ctx's deadline, but for such a call a while
// after ctx if that is cancelled.
func (t *target) patiently(ctx context.Context, c *call) (context.Context, context.CancelFunc) {
	if !c.grants {
		return ctx, func() {}
	}
	return targets.Patiently(ctx, answerGrace)
}
