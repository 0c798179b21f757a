package venafi

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"pam-rotate-script/internal/simulator"
)

const (
	localPrefix = "local"
	// minimumLength and minimumClasses are the rules for a new password: its
	// characters, and the kinds among lower case, upper case, digits and others.
	minimumLength  = 12
	minimumClasses = 3
)

// somebodyElse is the identity in answers that name the wrong account.
var somebodyElse = Identity{Name: "somebody.else", Prefix: localPrefix, GUID: "0ddba11a-0000-4000-8000-000000004711"}

// setPassword sets an identity's password. Which status goes with which refusal
// is documented, the wording is not.
func (p *Platform) setPassword(r *simulator.Request) simulator.Answer {
	checkPath(r, "/vedsdk/Identity/SetPassword")
	r.OnlyHeaders("Authorization", "Content-Type")
	r.NoQuery()
	grant, refusal := p.authenticate(r)
	if refusal != nil {
		return *refusal
	}
	if !grant.allows("security", "manage") {
		return p.refuseScope("security:manage")
	}
	body, ok := r.JSONBody(
		simulator.Field{Name: "ID", Type: simulator.Object},
		simulator.Field{Name: "OldPassword", Type: simulator.String, Optional: true},
		simulator.Field{Name: "Password", Type: simulator.String})
	if !ok {
		return p.malformed("")
	}
	target, ok := p.identify(r, body["ID"])
	if !ok {
		return p.malformed("")
	}
	oldPassword, hasOld := body["OldPassword"].(string)
	password := body["Password"].(string)
	if reason := p.objection(grant.account, target, oldPassword, hasOld, password); reason != "" {
		return p.refuse(http.StatusBadRequest, "", reason)
	}
	named := target
	if p.options.AnswerNames != "" {
		if named = p.find(p.options.AnswerNames); named == nil {
			panic("simulated Venafi: AnswerNames is not a user")
		}
	}
	deadlock := p.deadlocks > 0
	if deadlock {
		p.deadlocks--
	}
	if !deadlock || p.options.AssumeDeadlockCommits {
		if p.options.AssumeSetsNamed {
			target = named
		}
		p.change(target, password)
	}
	if deadlock {
		// The words of SQL Server's error 1205.
		return p.refuse(http.StatusInternalServerError, "",
			"Transaction (Process ID 65) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction.")
	}
	return simulator.JSON(http.StatusOK, map[string]any{"ID": p.entry(named.Identity)})
}

// objection returns why the platform refuses a well-formed call, or "".
func (p *Platform) objection(caller, target *account, oldPassword string, hasOld bool, password string) string {
	switch {
	case target == nil:
		return "The identity was not found."
	case target.Prefix != localPrefix:
		return "The identity is managed by an external identity provider."
	case target.Group:
		return "Password rotation is not supported for groups."
	case target != caller && !caller.MasterAdmin:
		return "The caller does not have permission to change the password of this identity."
	case !hasOld && !caller.MasterAdmin:
		return "The old password is required."
	case hasOld && oldPassword != target.Password:
		return "The old password is not correct."
	case hasOld && oldPassword == password:
		return "The new password is the same as the old one."
	case p.options.AssumeRepeatRefused && password == target.Password:
		return "The new password is in use already."
	case p.options.AssumeHistory && slices.Contains(target.past, password):
		return "The new password was used before."
	case !p.options.AnyPassword && !conforms(password):
		return "The password does not conform to complexity requirements."
	}
	return ""
}

func (p *Platform) change(target *account, password string) {
	p.updates++
	if password != target.Password {
		target.previous = target.Password
		target.past = append(target.past, target.Password)
		target.changed = p.options.Now()
		target.newRefused = p.options.AssumeNewRefused
		target.oldAccepted = p.options.AssumeOldAccepted
	}
	target.Password = p.Kept(password, target.Password)
	if p.options.AssumeChangeEndsGrants {
		for _, grant := range p.grants {
			if grant.account == target {
				grant.over = true
			}
		}
	}
}

func conforms(password string) bool {
	classes := make(map[string]bool)
	for _, character := range password {
		switch {
		case unicode.IsLower(character):
			classes["lower"] = true
		case unicode.IsUpper(character):
			classes["upper"] = true
		case unicode.IsDigit(character):
			classes["digit"] = true
		default:
			classes["special"] = true
		}
	}
	return utf8.RuneCountInString(password) >= minimumLength && len(classes) >= minimumClasses
}

// identify returns the account that identity information stands for, nil if there
// is none, and whether the information can stand for one at all. Clients send it as
// they were given it, with everything that is known of the identity; what is most
// exact counts then.
func (p *Platform) identify(r *simulator.Request, information any) (*account, bool) {
	const place = "body: ID"
	fields := []simulator.Field{
		{Name: "FullName", Type: simulator.String, Optional: true},
		{Name: "IsGroup", Type: simulator.Bool, Optional: true},
		{Name: "State", Type: simulator.Number, Optional: true},
		{Name: "Type", Type: simulator.Number, Optional: true},
	}
	for _, name := range []string{"Name", "Prefix", "PrefixedName", "PrefixedUniversal", "Universal"} {
		fields = append(fields, simulator.Field{Name: name, Type: simulator.String, Optional: true})
	}
	object, ok := r.CheckObject(place, information, fields...)
	if !ok {
		return nil, false
	}
	text := func(name string) string {
		value, _ := object[name].(string)
		return value
	}
	if form := strings.Join(slices.Sorted(maps.Keys(object)), " "); !slices.Contains(identityForms, form) {
		r.Note(place + " is neither PrefixedName nor PrefixedUniversal nor Prefix with Name or Universal")
	}
	prefix, key, universal := text("Prefix"), text("Universal"), true
	switch {
	case text("PrefixedUniversal") != "":
		prefix, key, _ = strings.Cut(text("PrefixedUniversal"), ":")
	case prefix != "" && key != "":
	case text("PrefixedName") != "":
		prefix, key, _ = strings.Cut(text("PrefixedName"), ":")
		universal = false
	case prefix != "" && text("Name") != "":
		key, universal = text("Name"), false
	default:
		return nil, false
	}
	if !knownPrefix(prefix) {
		r.Note(place + ": the prefix is neither local nor that of a directory")
	}
	if universal {
		guid := bareGUID(key)
		if guid == "" {
			r.Note(place + ": the universal ID is not a GUID")
			return nil, true
		}
		return p.byGUID(prefix, guid), true
	}
	if fault := nameFault(key); fault != "" {
		r.Note(place + ": " + fault)
	}
	return p.byName(prefix, key), true
}

// identityForms are the keys that identity information has in Venafi's documents.
var identityForms = []string{"PrefixedName", "PrefixedUniversal", "Name Prefix", "Prefix Universal"}

// validate tells an identity that is there. Of one that is not, it says nothing, with 200.
func (p *Platform) validate(r *simulator.Request) simulator.Answer {
	checkPath(r, "/vedsdk/Identity/Validate")
	r.OnlyHeaders("Authorization", "Content-Type")
	r.NoQuery()
	grant, refusal := p.authenticate(r)
	if refusal != nil {
		return *refusal
	}
	if granted, _ := parseScope(grant.Scope); !granted.covers(scopes{"configuration": nil}) {
		return p.refuseScope("configuration")
	}
	body, ok := r.JSONBody(simulator.Field{Name: "ID", Type: simulator.Object})
	if !ok {
		return p.malformed("")
	}
	target, ok := p.identify(r, body["ID"])
	switch {
	case !ok:
		return p.malformed("")
	case target == nil:
		return simulator.Answer{Status: http.StatusOK}
	}
	return simulator.JSON(http.StatusOK, map[string]any{"ID": p.entry(target.Identity)})
}

// readVersion answers whoever has a token that works.
func (p *Platform) readVersion(r *simulator.Request) simulator.Answer {
	checkPath(r, "/vedsdk/SystemStatus/Version")
	r.OnlyHeaders("Authorization")
	r.NoQuery()
	r.NoBody()
	if _, refusal := p.authenticate(r); refusal != nil {
		return *refusal
	}
	return simulator.JSON(http.StatusOK, map[string]string{"Version": "23.3.0.2412"})
}

// The states of an identity that this package knows, as bits.
const (
	disabled  = 1
	lockedOut = 2
)

// userType is the Type of a user; no answer here shows another.
const userType = 1

// entry is a user as answers show it.
func (i Identity) entry() map[string]any {
	return map[string]any{
		"FullName":          `\VED\Identity\` + i.Name,
		"Name":              i.Name,
		"Prefix":            i.Prefix,
		"PrefixedName":      i.prefixedName(),
		"PrefixedUniversal": i.prefixedUniversal(),
		"Type":              userType,
		"Universal":         i.universal(),
	}
}

// entry is a user as this platform's answers show it.
func (p *Platform) entry(identity Identity) map[string]any {
	entry := identity.entry()
	if p.options.ExtraFields {
		state := 0
		if identity.Disabled {
			state |= disabled
		}
		if identity.Locked {
			state |= lockedOut
		}
		entry["IsGroup"] = false
		entry["State"] = state
	}
	return entry
}

// wrongIdentity has a good answer of SetPassword name somebody else.
func wrongIdentity(answer simulator.Answer) simulator.Answer {
	return simulator.RewriteJSON(answer, func(object map[string]any) {
		maps.Copy(object["ID"].(map[string]any), somebodyElse.entry())
	})
}

var (
	directoryPrefix = regexp.MustCompile(`^(AD|LDAP)\+[^:]+$`)
	guidForm        = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

func knownPrefix(prefix string) bool {
	return prefix == localPrefix || directoryPrefix.MatchString(prefix)
}

// splitUser parts a user name from the prefix, which is local if it has none.
func splitUser(user string) (prefix, name string) {
	if prefix, name, found := strings.Cut(user, ":"); found && knownPrefix(prefix) {
		return prefix, name
	}
	return localPrefix, user
}

// bareGUID returns a GUID, written with braces or without, in lower case without;
// "" if it is none.
func bareGUID(text string) string {
	if inner, found := strings.CutPrefix(text, "{"); found {
		if text, found = strings.CutSuffix(inner, "}"); !found {
			return ""
		}
	}
	text = strings.ToLower(text)
	if !guidForm.MatchString(text) {
		return ""
	}
	return text
}

// nameFault returns what is wrong with a name where an identity's name belongs,
// or "".
func nameFault(name string) string {
	switch {
	case name == "":
		return "the name is empty"
	case strings.Contains(name, `\`):
		return "the name holds a backslash"
	case bareGUID(name) != "":
		return "the name is a GUID"
	}
	return ""
}
