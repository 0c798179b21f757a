package params

import (
	"fmt"
	"slices"
	"strings"
)

// allowedUsers is the normalised label of the field that limits whom an access
// record may rotate. Left blank it must not silently mean "everyone".
const allowedUsers = "allowedusers"

// Allowed reports whether account matches a pattern of the access record's
// "Allowed Users" list. In a pattern "*" stands for any run of characters, also
// none; all else is compared exactly, case included. nil patterns, an absent
// field, allow everyone; an empty list that is not nil allows nobody.
func Allowed(patterns []string, account string) bool {
	if patterns == nil {
		return true
	}
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, account) })
}

// AllowedIn is Allowed as a vendor compares names that takes ASCII letters for the same in
// either case, if ignoreCase says so. onlyCase reports that the account is not allowed, and
// would be if the vendor were one.
func AllowedIn(patterns []string, account string, ignoreCase bool) (allowed, onlyCase bool) {
	if Allowed(patterns, account) {
		return true, false
	}
	folded := make([]string, len(patterns))
	for i, pattern := range patterns {
		folded[i] = lowerASCII(pattern)
	}
	same := patterns != nil && Allowed(folded, lowerASCII(account))
	return same && ignoreCase, same && !ignoreCase
}

func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// isAllowList reports whether a normalised label may be meant for the field Allowed Users:
// that it limits who may be rotated must not count for nothing because of its spelling.
func isAllowList(label string) bool {
	contains := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(label, word) })
	}
	// Whoever writes whom not to rotate must not be taken for having said nothing, either.
	return contains("allow", "permit", "whitelist", "restrict", "limit", "denied", "deny", "forbid", "exclud", "blocked", "blocklist", "blacklist",
		"authorized", "authorised", "approved", "eligible", // and in the languages that Keeper's vault speaks
		"erlaubt", "zugelassen", "berechtigt", "gesperrt", "verboten", "autoris", "autoriz", "permes", "consentit", "toegestane", "toegelaten", "dozwol",
		"разреш", "допущ", "запрещ", "許可", "允许", "允許", "白名", "禁止", "허용") &&
		(contains("user", "account", "login", "identit", "email", "name", "principal", "people", "person", "rotat", "list",
			"benutzer", "nutzer", "anwender", "kont", "utilisateur", "compte", "usuari", "usuári", "cuenta", "contas", "utent", "gebruiker", "użytkowni", "uzytkowni",
			"пользоват", "учетн", "учётн", "ユーザ", "アカウント", "用户", "用戶", "账", "帐", "名单", "名單", "사용자", "계정") || strings.TrimRight(label, "ed") == "allow")
}

// matches compares with "*" as the only wildcard.
func matches(pattern, account string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == account
	}
	account, ok := strings.CutPrefix(account, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		if _, account, ok = strings.Cut(account, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(account, last)
}

// findAllowLists tells of labels beside Allowed Users that may be meant for it.
func (s *Settings) findAllowLists(place int, strangers []stranger) {
	for _, other := range strangers {
		// warnNumbered tells of numbered siblings.
		if isAllowList(other.normalised) && other.stem != allowedUsers {
			s.finding(place, notReadAllowList(other.label, fromAccess))
		}
	}
}

func notReadAllowList(label string, from origin) string {
	return fmt.Sprintf("the field %s %s is not read: give it this label, or one that cannot be taken for it", shown(label), from)
}
