package recipe

import (
	"maps"
	"slices"

	"pam-rotate-script/internal/targets"
)

// Here is what a recipe as a whole has to keep, once all of its keys are read.

// oneWrite checks that exactly one call of change is the write.
func (l *loader) oneWrite(top *mapping) {
	node := top.get("change")
	if node == nil || len(l.recipe.change) == 0 {
		return
	}
	var writes []*call
	for _, c := range l.recipe.change {
		if c.write {
			writes = append(writes, c)
		}
	}
	if len(writes) == 0 {
		l.add(top.of("change"), "", "exactly one call of change is marked write: true, found none")
	}
	for _, c := range writes[min(1, len(writes)):] {
		l.add(c.at, c.name, "exactly one call of change is marked write: true, found another")
	}
}

// newPassword checks that the write sends the new password, and that no other call does but those
// that prepare it: calls that read are sent again, and one that sets a password after all would
// be a write that is repeated, or one that nobody knows of.
func (l *loader) newPassword() {
	r := l.recipe
	if r.auth != nil {
		for _, e := range r.auth.expressions() {
			if e.flow.made&fromNew != 0 {
				l.add(e.at, "", "what goes with every call is not made of the new password")
			}
		}
	}
	prepared, given := false, false
	for _, c := range r.allCalls() {
		sends := c.sends(nil)&fromNew != 0
		switch {
		case c.prepare && !sends:
			l.add(c.at, c.name, "a call that prepares sends the new password, and this one does not")
		case c.prepare:
			prepared, given = true, given || len(c.gives()) > 0
		case c.write && !sends && (!prepared || given):
			l.add(c.at, c.name, "the write does not send the new password, nor what a call before it with prepare: true made of it")
		case c.write:
			prepared = false // what comes behind it prepares nothing
		case !sends:
		case c.phase == inVerify:
			l.add(c.at, c.name, "a call of verify sends $tried, and not the new password by itself")
		case c.phase == inChange:
			l.add(c.at, c.name, "the new password is sent by a call that is not the write: what stores it for the write says prepare: true, and no other call may send it")
		default:
			l.add(c.at, c.name, "only calls of change send the new password, and no GET does: other calls may be sent more than once")
		}
	}
	behind := false
	for _, c := range r.change {
		if c.prepare && behind {
			l.add(c.at, c.name, "a call that prepares stands before the write")
		}
		behind = behind || c.write
	}
}

// holes checks that no text that is sent has a value of the payload in it: whoever chose the
// value would choose what the text means.
func (l *loader) holes() {
	l.whole()
	expressions := []*expression{}
	if l.recipe.auth != nil {
		expressions = l.recipe.auth.expressions()
	}
	for _, c := range l.recipe.allCalls() {
		expressions = append(expressions, c.requestExpressions()...)
	}
	for _, e := range expressions {
		if e.flow.joined {
			l.add(e.at, "", "a value of the payload (%s) is joined with another text, and could change what that means: "+
				"send it as a value of its own, or put it through quoted, checked, @json or @uri", e.flow.made)
		} else if e.flow.enclosed {
			l.add(e.at, "", "a value of the payload (%s) that may have quotation marks stands between quotation marks of the recipe's own, which it would end: "+
				"quoted and @json write their own", e.flow.made)
		}
	}
}

// addressed checks that the subject is made of all that says which account is meant.
func (l *loader) addressed() {
	r := l.recipe
	used := nameSet{}
	for _, c := range r.allCalls() {
		expressions := c.requestExpressions()
		if c.find != nil {
			expressions = append(expressions, c.find.in, c.find.where)
		}
		for _, e := range expressions {
			if e != nil {
				maps.Copy(used, e.accounts)
			}
		}
	}
	for _, f := range r.fields {
		if used[f.Label] && (r.subject == nil || !r.subject.accounts[f.Label]) {
			l.add(f.at, f.Label, "the field is per account and a request uses it, so it may choose another account than the payload's user: "+
				"the key subject has to use it too, since Allowed Users is compared with the subject")
		}
	}
}

// fitProof checks that verify can give the proof that is promised, and is not there in
// vain.
func (l *loader) fitProof(top *mapping) {
	r := l.recipe
	at := top.of("verify")
	switch {
	case r.proof.by == targets.ProofAnswer && top.get("verify") != nil:
		l.add(at, "", "the calls of verify are never reached where the proof is answer")
	case r.proof.by == targets.ProofAnswer || r.proof.by == "":
	case top.get("verify") == nil:
		l.add(top.of("proof"), "", "the proof needs calls under verify")
	case len(r.verify) == 0:
	case r.proof.by == targets.ProofLogin && !slices.ContainsFunc(r.verify, func(c *call) bool { return c.tries }):
		l.add(at, "", "none of the calls of verify uses $tried, so none is a login with the password")
	}
	if r.proof.by == targets.ProofLogin && len(r.verify) > 0 && r.proof.nobody == "" && !slices.ContainsFunc(r.verify, namesTheAccount) {
		l.add(at, "", "no acceptance of verify compares the answer with the account, so that an answer which everybody gets would pass for a login: "+
			"add a condition such as .name == $user, or say why there is nothing to compare by proof: {by: login, names: nobody, because: ...}")
	}
	for _, c := range r.verify {
		if c.tries && c.accept.when == nil && slices.ContainsFunc(c.accept.status, func(status int) bool { return status >= 400 }) {
			l.add(c.at, c.name, "an answer of refusal that means the right password needs a condition: any wrong password may get it too")
		}
	}
	if r.proof.by == targets.ProofStatus && len(r.verify) > 0 && !slices.ContainsFunc(r.verify, l.tellsTheRun) {
		l.add(at, "", "what verify reads may have been so before the write: compare it with a value that check or change has kept, or ask for what change has got")
	}
	r.proof.newOnly = r.proof.by == targets.ProofStatus
	if r.proof.cache && r.proof.by != targets.ProofLogin {
		l.add(top.of("proof"), "", "only a login may come from a cache")
	}
}

// namesTheAccount reports whether a call is accepted only if its answer names the account: $user, a
// field per account, or what a look-up has kept.
func namesTheAccount(c *call) bool {
	return c.accept.when != nil && c.accept.when.names || c.find != nil && c.find.where != nil && c.find.where.names
}

// tellsTheRun reports whether a call of verify can be answered otherwise after the write than
// before: it tries the password, asks for something that change has got, such as a task, or
// compares the answer with a value that was kept.
func (l *loader) tellsTheRun(c *call) bool {
	if c.tries {
		return true
	}
	for _, change := range l.recipe.change {
		if slices.ContainsFunc(change.gives(), c.uses) {
			return true
		}
	}
	return slices.ContainsFunc(c.judgingExpressions(), func(e *expression) bool {
		return slices.ContainsFunc(e.free, func(name string) bool {
			v := l.scope.variables[name]
			return v != nil && v.at != (position{})
		})
	})
}

// grants marks the calls whose answer holds what close gives back.
func (l *loader) grants() {
	r := l.recipe
	for _, calls := range [][]*call{r.check, r.change, r.verify} {
		for _, c := range calls {
			c.grants = l.givesToClose(c)
		}
	}
	if r.auth != nil && r.auth.signIn != nil {
		r.auth.signIn.grants = l.givesToClose(r.auth.signIn) || slices.ContainsFunc(r.close, func(c *call) bool { return c.auth == nil })
	}
}

// signIns marks the calls of check that sign in: they send a credential for something else.
func (l *loader) signIns() {
	r := l.recipe
	if r.auth != nil && r.auth.signIn != nil {
		r.auth.signIn.signsIn = true
	}
	for _, c := range r.check {
		var sent []*expression
		for _, p := range c.form {
			sent = append(sent, p.value)
		}
		if c.body != nil {
			c.body.each(func(e *expression) { sent = append(sent, e) })
		}
		if c.auth != nil && c.auth.kind == authBasic && len(c.seals) > 0 {
			sent = append(sent, c.auth.password)
		}
		c.signsIn = slices.ContainsFunc(sent, func(e *expression) bool { return e != nil && e.secret })
	}
}

// creates checks that what a repeat would make twice is not there, and says which calls make or
// send something: those before the write that are not marked otherwise.
func (l *loader) creates() {
	r := l.recipe
	for _, c := range r.change {
		if c.write {
			break
		}
		if !c.saysCreates {
			c.creates = c.method != "GET"
		}
	}
	for _, c := range r.allCalls() {
		if c.creates && r.repeats {
			l.add(c.at, c.name, "the call makes or sends something, which a repeat would do twice: leave out repeat, or say creates: false if it does no harm")
		}
	}
}

func (l *loader) givesToClose(c *call) bool {
	return slices.ContainsFunc(l.recipe.close, func(closing *call) bool {
		return slices.ContainsFunc(c.gives(), func(name string) bool { return closing.uses(name) })
	})
}

// unused reports values that no expression uses: mostly a name spelt in two ways.
func (l *loader) unused() {
	for name, v := range l.scope.variables {
		if v.at != (position{}) && !l.scope.used[name] {
			l.add(v.at, name, "the value is never used")
		}
	}
}

// advise warns of what loads and is not wise.
func (l *loader) advise(top *mapping) {
	r := l.recipe
	if len(r.Tests) == 0 {
		l.warn(top.at, "", "the recipe has no tests")
	}
	for _, c := range r.change {
		if c.write && r.proof.by == targets.ProofAnswer && c.accept.when == nil && c.accept.status != nil {
			l.warn(c.at, c.name, "the write's answer is the only proof, and any body with the accepted status is believed: add a condition to accept")
		}
	}
	for _, c := range r.verify {
		if c.tries && c.auth == nil && r.auth != nil && r.auth.kind != authNone {
			l.warn(c.at, c.name, "the password is tried beside the credential of the access record, which may be what the vendor accepts: say auth: none, unless the vendor wants both")
		}
	}
	for _, f := range r.fields {
		if !l.scope.used[f.name] && f.secret() && !l.scope.used[varAccess] {
			l.warn(f.at, f.Label, "the secret field is never used")
		}
	}
}
