package sailpoint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// plainPolicy is the shape of the rules in SailPoint's examples.
var plainPolicy = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(password[A-Za-z]{1,40}) is ([0-9]{1,4})$`)
})

// measured is what of a password the rules speak of, in characters.
type measured struct {
	length, letters, upper, lower, digits, special int
	run                                            int // the longest of one character
}

// rule is a rule whose name says what it asks for.
type rule struct {
	of   func(measured) int
	most bool   // else least
	word string // Keeper's for it; "" where Keeper has no such setting
}

// rules are those that SailPoint's documents show, and their neighbours in its older
// product, which names them alike. Others are printed as they are.
var rules = map[string]rule{
	"passwordMinLength":    {of: func(m measured) int { return m.length }, word: "length at least %d"},
	"passwordMaxLength":    {of: func(m measured) int { return m.length }, most: true, word: "length at most %d"},
	"passwordMinUpper":     {of: func(m measured) int { return m.upper }, word: "at least %d uppercase"},
	"passwordMinLower":     {of: func(m measured) int { return m.lower }, word: "at least %d lowercase"},
	"passwordMinAlpha":     {of: func(m measured) int { return m.letters }, word: "at least %d uppercase and lowercase together"},
	"passwordMinNumeric":   {of: func(m measured) int { return m.digits }, word: "at least %d digits"},
	"passwordMinSpecial":   {of: func(m measured) int { return m.special }, word: "at least %d special characters"},
	"passwordRepeatedChar": {of: func(m measured) int { return m.run }, most: true},
}

// Advice makes the target a targets.Adviser: the policies of the look-up as settings for
// Keeper, and whether the new password meets them.
func (t *target) Advice() []string {
	var advice []string
	if t.personal {
		advice = append(advice, "login is a personal access token: as documented it sets the passwords of its owner alone, who needs the user level ORG_ADMIN; an API Management client sets everybody's")
	}
	if t.scopes != nil && !slices.Contains(t.scopes, scopeOfChange) && !slices.Contains(t.scopes, "sp:scopes:all") {
		advice = append(advice, "the token's scopes do not name "+scopeOfChange+", without which SailPoint refuses the change with 403")
	}
	if len(t.order.policies) == 0 {
		return append(advice, "SailPoint lists no policy for this source; a colon is never allowed")
	}
	found := measure(t.job.NewPassword)
	var settings, failed, others []string
	for _, policy := range t.order.policies {
		parts := plainPolicy().FindStringSubmatch(policy)
		known, ok := rules[parts[1]]
		limit, _ := strconv.Atoi(parts[2])
		if ok && known.word != "" {
			settings = append(settings, fmt.Sprintf(known.word, limit))
		} else {
			others = append(others, policy)
		}
		if got := 0; ok {
			if got = known.of(found); known.most && got > limit || !known.most && got < limit {
				failed = append(failed, policy)
			}
		}
	}
	if len(settings) > 0 {
		advice = append(advice, "for the password complexity of the PAM User's rotation settings: "+strings.Join(settings, ", ")+", no colon")
	}
	if len(others) > 0 {
		advice = append(advice, "policies for which Keeper has no setting: "+strings.Join(others, ", "))
	}
	if len(failed) > 0 {
		return append(advice, "the new password of this check does not meet: "+strings.Join(failed, ", "))
	}
	return append(advice, "the new password of this check meets the policies that are told above, as far as they can be read")
}
