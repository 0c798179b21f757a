package simulator

import (
	"html"
	"net/url"
	"strings"
	"sync/atomic"
)

// Keeping is what a vendor makes of a new password, silently, before it keeps it: it answers
// success all the same, and lets in with what it has kept. The zero value keeps it as it is.
type Keeping struct {
	Name string
	// Ignored says that nothing is kept: the password before it stays in force.
	Ignored bool
	alter   func(password string) string
}

// Of returns what is kept of a new password, where another one is in force.
func (k Keeping) Of(password, inForce string) string {
	switch {
	case k.Ignored:
		return inForce
	case k.alter == nil:
		return password
	}
	return k.alter(password)
}

// Keepings returns the ways to keep something else, as public reports of products tell them.
func Keepings() []Keeping {
	cut := func(length int) func(string) string {
		return func(password string) string { return password[:min(len(password), length)] }
	}
	return []Keeping{
		{Name: "ignored", Ignored: true},
		{Name: "cut at 8 bytes", alter: cut(8)},   // crypt of old
		{Name: "cut at 72 bytes", alter: cut(72)}, // bcrypt
		{Name: "lower case", alter: strings.ToLower},
		{Name: "blanks in a row made one", alter: func(password string) string { return strings.Join(strings.Fields(password), " ") }},
		{Name: "without blanks", alter: func(password string) string { return strings.ReplaceAll(password, " ", "") }},
		{Name: "HTML escaped", alter: html.EscapeString},
		{Name: "cut at a tag", alter: func(password string) string { before, _, _ := strings.Cut(password, "<"); return before }},
		{Name: "quotes escaped", alter: func(password string) string { return strings.ReplaceAll(password, `"`, `\"`) }},
		{Name: "percent-decoded", alter: func(password string) string {
			decoded, err := url.QueryUnescape(password)
			if err != nil {
				return password
			}
			return decoded
		}},
		{Name: "backslashes lost", alter: func(password string) string { return strings.ReplaceAll(password, `\`, "") }},
	}
}

// Keeper is for a vendor to embed: it keeps new passwords in one of the ways of [Keepings]. The
// zero value keeps them as they are. Its methods need no lock.
type Keeper struct{ keeping atomic.Pointer[Keeping] }

// KeepAs has every new password kept so from now on.
func (k *Keeper) KeepAs(keeping Keeping) { k.keeping.Store(&keeping) }

// Keeping returns how new passwords are kept.
func (k *Keeper) Keeping() Keeping {
	if keeping := k.keeping.Load(); keeping != nil {
		return *keeping
	}
	return Keeping{}
}

// Kept returns what is to be kept of a new password, where another one is in force.
func (k *Keeper) Kept(password, inForce string) string { return k.Keeping().Of(password, inForce) }
