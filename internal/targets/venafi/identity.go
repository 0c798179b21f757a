package venafi

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"pam-rotate-script/internal/api"
)

// localPrefix marks the identities whose passwords the platform itself keeps.
const localPrefix = "local:"

var (
	directory = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^(AD|LDAP)\+[^:]*:`) })
	guid      = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)^\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$`)
	})
)

// identity is one local identity, known by its name or by its GUID.
type identity struct {
	name string // without prefix; "" if it is known by GUID
	guid string // with braces, in lower case; "" if it is known by name
}

// parseIdentity reads a user name as people and Venafi write it: "jdoe",
// "local:jdoe" or "local:{guid}". The fault says why the text does not name
// exactly one local identity, without quoting it, or is "".
//
// What a server might read in two ways is a fault: blanks around a name, a name
// that is a GUID, a prefix that is not known here.
func parseIdentity(text string) (who identity, fault string) {
	name, prefixed := text, false
	if len(text) >= len(localPrefix) && strings.EqualFold(text[:len(localPrefix)], localPrefix) {
		name, prefixed = text[len(localPrefix):], true
	}
	switch {
	case directory().MatchString(text):
		return identity{}, "an identity of a directory (AD or LDAP), whose password Venafi cannot set: rotate it in the directory itself"
	case strings.Contains(text, `\`):
		return identity{}, "a name with a backslash, as an identity of a directory has it: Venafi sets the passwords of its local identities only"
	case name == "":
		return identity{}, "an empty name"
	case !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl):
		return identity{}, "a name with characters that no name has"
	case strings.TrimSpace(name) != name:
		return identity{}, "a name that begins or ends with a blank"
	case strings.Contains(name, ":"):
		return identity{}, "a name with a prefix other than local:, or with a colon"
	case !guid().MatchString(name):
		return identity{name: name}, ""
	case !prefixed || name[0] != '{' || name[len(name)-1] != '}':
		return identity{}, "a GUID that is not written as local:{GUID}"
	}
	return identity{guid: strings.ToLower(name)}, ""
}

// String returns the name without prefix, or the GUID in braces: Venafi's members Name
// and Universal. It is the one spelling for Allowed Users: with the prefix, a
// pattern such as l* would match every identity.
func (i identity) String() string { return i.name + i.guid }

// prefixed returns the name or GUID with the prefix.
func (i identity) prefixed() string { return localPrefix + i.String() }

// same reports whether both texts or numbers name one identity. Whether the
// platform tells upper from lower case is not documented; here they are the same.
func (i identity) same(other identity) bool {
	return strings.EqualFold(i.name, other.name) && i.guid == other.guid
}

// information is the member ID of a call (Identity Information).
func (i identity) information() api.Object {
	if i.guid != "" {
		return api.Object{{Name: "PrefixedUniversal", Value: i.prefixed()}}
	}
	return api.Object{{Name: "PrefixedName", Value: i.prefixed()}}
}

// The bits of an identity's Type, and its ordinary State.
const (
	typeUser    = 1
	stateNormal = "0"
)

// entry is the identity that an answer names (Identity Entry).
type entry struct {
	prefixedName, prefixedUniversal string
	group                           bool
	barred                          bool // disabled, locked, deleted or unverifiable
}

func readEntry(fields api.Fields) entry {
	var found entry
	found.prefixedName = prefixedIn(fields, "PrefixedName", "Name")
	found.prefixedUniversal = prefixedIn(fields, "PrefixedUniversal", "Universal")
	found.group, _ = fields.Bool("IsGroup")
	if kind, stated := fields.Number("Type"); stated {
		bits, err := kind.Int64()
		found.group = found.group || err != nil || bits&typeUser == 0
	}
	if state, stated := fields.Number("State"); stated {
		found.barred = state.String() != stateNormal
	}
	return found
}

// prefixedIn returns a name or GUID with its prefix: as the member that has both, or else
// from Prefix and the other one.
func prefixedIn(fields api.Fields, both, bare string) string {
	if text, ok := fields.Text(both); ok {
		return text
	}
	prefix, hasPrefix := fields.Text("Prefix")
	text, ok := fields.Text(bare)
	if !hasPrefix || !ok {
		return ""
	}
	return prefix + ":" + text
}

// names reports whether the entry is that of the identity.
func (e entry) names(who identity) bool {
	if who.guid != "" {
		return strings.EqualFold(e.prefixedUniversal, who.prefixed())
	}
	return strings.EqualFold(e.prefixedName, who.prefixed())
}
