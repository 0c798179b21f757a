package recipe

import "slices"

// Keys returns every key that a recipe may have at any place, sorted, for its reference.
func Keys() []string {
	all := slices.Concat(topKeys, callKeys, testKeys, exchangeKeys, fieldKeys, pageKeys, []string{
		"write", "prepare", "reject", "redirect", "to", "names", "each", "revokes old", "field", "root", "that", "says", "class", "by", "cache", "tries", "after", "because", "creates",
		"status", "when", "hint", "may be in force", "in", "where", "none", "many", "until", "every", "jq", "before",
		string(authNone), string(authBearer), string(authBasic), string(authClient), string(authCookie),
		"user", "password", "client", "secret", "scope", "send", "cookie",
	})
	slices.Sort(all)
	return slices.Compact(all)
}

// ProvedBy is the word for how the recipe proves a change.
func (r *Recipe) ProvedBy() string { return string(r.proof.by) }
