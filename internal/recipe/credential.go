package recipe

import (
	"context"
	"slices"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// tryCredentials reports the fields that cannot be what the recipe sends them as, as far as that is
// known before anything is sent: a bearer token with a line break behind it, a name with a
// colon for Basic authentication, a client's secret with what nobody sees.
func (t *target) tryCredentials(ctx context.Context) {
	r := t.recipe
	// fault judges what an expression gives, if that is known, by the field that it is made of.
	fault := func(e *expression, wants string, judge func(secret.Value) string) {
		if e == nil || !t.knows(e, varUser, varAccess, varSet) {
			return
		}
		output, err := e.run(ctx, nil, t.values(namesOf(e), nil))
		if err != nil {
			return // tryValues tells of it
		}
		value, err := text(output)
		if err != nil {
			return // a header that is left out, or what the call itself tells of
		}
		if found := judge(value); found != "" {
			t.job.Settings.Fault(t.labelOf(e), wants+", found "+found)
		}
	}
	for _, c := range r.allCalls() {
		for _, p := range c.header {
			fault(p.value, "needs a text that the header "+p.name+" can carry", api.HeaderFault)
		}
		a := r.authFor(c)
		if a == nil {
			continue
		}
		switch a.kind {
		case authBearer:
			fault(a.value, "needs a bearer token, without the word Bearer", bearerFault)
		case authHeader:
			fault(a.value, "needs a text that the header "+a.name+" can carry", api.HeaderFault)
		case authBasic:
			fault(a.user, "needs a name for basic authentication", nameFault)
		}
	}
	if r.auth == nil || r.auth.kind != authClient {
		return
	}
	client := r.auth.signIn
	for _, e := range slices.Concat(t.authOf(client), client.requestExpressions()) {
		if e != nil && e.secret {
			fault(e, "needs a client secret as the vendor showed it", params.ClientSecretFault)
		}
	}
}

var fieldInside = pattern(`\$(set|access)\.([A-Za-z0-9_]+)`)

// labelOf names the field that an expression is made of: the secret one, if there are several, and
// user if it is none.
func (t *target) labelOf(e *expression) string {
	label := "user"
	for _, match := range fieldInside().FindAllStringSubmatch(e.text, -1) {
		for _, f := range t.recipe.fields {
			if f.name == match[2] && (label == "user" || f.secret()) {
				label = f.Label
			}
		}
	}
	return label
}

// bearerFault says why a value cannot be a bearer token, or "".
func bearerFault(value secret.Value) string {
	if value.IsEmpty() {
		return "nothing"
	}
	return params.TokenFault(value)
}

// nameFault says why a text cannot be the name of Basic authentication, or "".
func nameFault(value secret.Value) string {
	if _, err := basic(value, value); err != nil {
		return "one with a colon, which HTTP Basic authentication cannot carry"
	}
	return ""
}

// RotatesOwnUser makes the target a targets.OwnUser: the recipe signs in by a password, in a header
// or by a call, and the access record's login is the rotated account.
func (t *target) RotatesOwnUser() bool {
	a := t.recipe.auth
	signsIn := a != nil && (a.kind == authBasic || a.kind == authClient || a.kind == authCookie) ||
		slices.ContainsFunc(slices.Concat(t.recipe.check, t.recipe.change), func(c *call) bool {
			return c.signsIn || c.auth != nil && c.auth.kind == authBasic
		})
	if !signsIn {
		return false
	}
	for _, f := range t.recipe.fields {
		if params.NormaliseLabel(f.Label) == "login" && f.Kind == params.Text && !f.PerAccount {
			login := t.job.Settings.Text(f.Label)
			return login != "" && (targets.SameName(login, t.subject) || targets.SameName(login, t.job.User))
		}
	}
	return false
}
