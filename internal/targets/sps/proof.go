package sps

import (
	"context"
	"encoding/json"
	"slices"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/targets"
)

// mostRefused is how many sign-ins as the rotated user may fail in one run.
const mostRefused = 2

// Verify signs in with the password, in no session. Where that cannot show anything,
// it reads which password object a local user refers to.
func (t *target) Verify(ctx context.Context, which targets.Which) (targets.Verdict, error) {
	switch {
	case t.byStatus:
		return t.lookInstead(ctx, which)
	case t.doubted:
		return t.settle(ctx, which, false)
	}
	if t.client.Counts().FailedLogins > 0 && t.sent && t.veiled() && t.userMethod != methodLocal && t.offersLocal(ctx) {
		t.userMethod = methodLocal // the last sign-in goes where the user is for certain
	}
	err := t.signInAsUser(ctx, which)
	if err == nil {
		return targets.Accepted, nil
	}
	fault := api.AsError(err)
	switch {
	case isWrongPassword(fault) && !t.veiled():
		return targets.Rejected, err
	case isWrongPassword(fault) && t.key == "": // nobody has looked at the account
		if t.strict {
			return targets.Rejected, err
		}
		fault.Hint("a user without the privilege REST server may be refused so with the right password, too; with Verify = strict the answer is taken at its word")
		return targets.Disputed, err
	case isWrongPassword(fault):
		t.doubted = true
		return t.settle(ctx, which, true)
	case t.mode != modeLocal || t.own:
		return targets.Inconclusive, err
	case fault.Passes() && !t.tried:
		t.tried = true // a restart after the commit passes, and there is another try
		return targets.Inconclusive, err
	}
	t.byStatus, t.refused = true, !fault.Passes()
	return t.lookInstead(ctx, which)
}

// lookInstead is Verify by a look at what is stored.
func (t *target) lookInstead(ctx context.Context, which targets.Which) (targets.Verdict, error) {
	verdict, err := t.compareReference(ctx, which)
	if verdict == targets.Accepted && which == targets.New && t.refused {
		t.warnByStatus()
	}
	return verdict, err
}

// veiled reports whether SPS may refuse the right password as it refuses a wrong one: a user
// without the privilege REST server, and one whom the default login method does not know. The
// access record's own user has just been let in.
func (t *target) veiled() bool { return t.mode == modeLocal && !t.own }

// isWrongPassword reports whether a sign-in was refused in the words for a wrong password.
func isWrongPassword(fault *api.Error) bool {
	return fault != nil && fault.Status == 401 && fault.Code == "AuthenticationFailure" && !fault.HasOtherCause()
}

// signInAsUser signs in as the rotated user.
func (t *target) signInAsUser(ctx context.Context, which targets.Which) error {
	password := t.job.Password(which)
	if t.own && t.signedIn && which == targets.Old {
		password = t.password // which Check has seen accepted
	}
	_, err := t.openSession(ctx, actionSignInAsUser, api.SignIn, t.userMethod, t.job.User, password)
	return err
}

// settle says what a sign-in shows that was refused in the words for a wrong password, just now
// or earlier in the run. What the account refers to comes first, since a look costs no sign-in.
// Where that is the new password, the login method local decides: the user is in the local
// database for certain. Who is refused there, too, lacks the privilege REST server, and what is
// stored is the proof; behind any other method it is none.
func (t *target) settle(ctx context.Context, which targets.Which, justNow bool) (targets.Verdict, error) {
	verdict, err := t.compareReference(ctx, which)
	switch {
	case verdict == targets.Inconclusive:
		return targets.Disputed, err
	case verdict != targets.Accepted || which != targets.New:
		return verdict, err
	}
	disputed := t.client.Fail(actionSignInAsUser, api.ClassCredential,
		"the account refers to the new password, but a sign-in with it is refused, by another login method perhaps than that of the local users",
		"put the name of the local users' login method into the field User Login Method, and give the user the privilege REST server")
	t.contradicted = t.contradicted || justNow
	if justNow && t.strict {
		return targets.Disputed, disputed // the late try may tell more
	}
	method := t.userMethod
	if method != methodLocal && t.offersLocal(ctx) {
		method = methodLocal
	}
	elsewhere := method != t.userMethod
	again := !t.contradicted || t.strict && method == methodLocal
	if (elsewhere || again) && t.client.Counts().FailedLogins < mostRefused {
		t.userMethod = method
		err := t.signInAsUser(ctx, which)
		if err == nil {
			t.doubted = false
			if elsewhere && t.contradicted {
				t.job.Warn("SPS's default login method refuses the new password, which the one of the local users accepts: name it in the field User Login Method")
			}
			return targets.Accepted, nil
		}
		if fault := api.AsError(err); fault.Passes() || fault.HasOtherCause() {
			return targets.Disputed, err
		}
	}
	if t.userMethod != methodLocal || t.strict {
		return targets.Disputed, disputed
	}
	t.warnByStatus()
	return targets.Accepted, nil
}

// warnByStatus tells that a look at what is stored is the proof.
func (t *target) warnByStatus() {
	t.job.Warn("SPS refused a sign-in as the user, who may lack the privilege REST server: what SPS has stored is the proof, and not a sign-in")
}

// offersLocal reports whether a sign-in may ask for the login method local ("Authenticate to
// the SPS REST API", login methods). Old versions do not know the question.
func (t *target) offersLocal(ctx context.Context) bool {
	var answer api.Answer
	for range 2 {
		var err error
		answer, err = t.client.Do(ctx, api.Request{
			Action: actionListMethods, Kind: api.Read, Method: "GET", Host: t.host, Path: api.FixedPath(loginMethodsPath),
		})
		if err == nil {
			break
		}
		if !api.AsError(err).Passes() {
			return false
		}
	}
	fields, err := answer.Object()
	if err != nil || answer.Status != 200 {
		return false
	}
	return slices.ContainsFunc(fields.List("login_methods"), func(raw json.RawMessage) bool {
		listed := api.Fields{"name": raw}
		if object := listed.Fields("name"); object != nil {
			listed = object // whose member with the name no document shows
		}
		for member := range listed {
			if text, _ := listed.Text(member); text == methodLocal {
				return true
			}
		}
		return false
	})
}

// compareReference reads, in a fresh session without a transaction, which password
// object is in force.
func (t *target) compareReference(ctx context.Context, which targets.Which) (targets.Verdict, error) {
	session, err := t.signIn(ctx)
	if err != nil {
		return targets.Inconclusive, err
	}
	found, err := t.readReference(ctx, session)
	if err != nil {
		return targets.Inconclusive, err
	}
	switch {
	case found == "" || which == targets.Old && t.previous == "":
		return targets.Inconclusive, t.client.Fail(actionReadAccount, api.ClassTarget, "the answer does not show which password object is in force")
	case which == targets.New && slices.Contains(t.references, found), which == targets.Old && found == t.previous:
		return targets.Accepted, nil
	case slices.Contains(t.references, found):
		return targets.Rejected, t.client.Fail(actionReadAccount, api.ClassTarget, "the password object in force is that of the new password")
	case found == t.previous:
		return targets.Rejected, t.client.Fail(actionReadAccount, api.ClassTarget, "the password object in force is that of the old password")
	}
	return targets.Rejected, t.client.Fail(actionReadAccount, api.ClassTarget, "the password object in force is neither the old nor the new one")
}
