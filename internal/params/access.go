package params

import (
	"fmt"
	"slices"
	"strings"
)

// accessTitles are the titles that Keeper's own pages give the access record.
var accessTitles = []string{"API Access Details", "Record with Access Token"}

// accessLabel is the field by which a user record chooses its access record.
const accessLabel = "Access Record"

// What is forgotten most comes first.
const hintShare = "share the access record with the Gateway's application: one that is linked and not shared does not reach the script"

const hintLink = `link the access record to the script, titled "API Access Details", or name it with --access-record`

// UserRecord returns the PAM User's own record, and whether it is there.
func (p *Params) UserRecord() (Record, bool) {
	if p.UserUID == "" {
		return Record{}, false
	}
	for _, record := range p.Records {
		if record.UID == p.UserUID {
			return record, true
		}
	}
	return Record{}, false
}

func (p *Params) withUID(uid string) []Record {
	var records []Record
	for _, record := range p.Records {
		if record.UID == uid {
			records = append(records, record)
		}
	}
	return records
}

// roles returns what the record is to the rotation: user, provider, resource. A
// record that is none of these is linked to the script.
func (p *Params) roles(record Record) []string {
	var roles []string
	for _, role := range []struct{ name, uid string }{
		{"user", p.UserUID}, {"provider", p.ProviderUID}, {"resource", p.ResourceUID},
	} {
		if role.uid != "" && role.uid == record.UID {
			roles = append(roles, role.name)
		}
	}
	return roles
}

// linked returns the records from which the access record may be chosen without
// a flag. The user record must never be among them, since whoever edits it would
// choose where the credentials go. Without its UID it is known by its login.
func (p *Params) linked() []Record {
	var records []Record
	for _, record := range p.Records {
		if len(p.roles(record)) > 0 {
			continue
		}
		if p.UserUID == "" && record.hasLogin(p.User) {
			continue
		}
		records = append(records, record)
	}
	return distinct(records)
}

// Login is the record's login without outer blanks, "" if it has not exactly one.
func (r Record) Login() string {
	value, problem := r.value("login")
	if text, ok := value.trimmed(); ok && problem == "" {
		return text
	}
	return ""
}

func (r Record) hasLogin(user string) bool {
	for _, field := range r.matching("login") {
		value := field.value.single()
		if value.isScalar() && strings.EqualFold(strings.TrimSpace(value.text.Reveal()), strings.TrimSpace(user)) {
			return true
		}
	}
	return false
}

// AccessRecord finds the record that holds the access to the target system.
// selector is the value of --access-record, a UID or a title; "" is none. The
// first of these that is given decides:
//
//   - selector: a UID among all records of the payload, a title among the linked
//     ones, so that nobody comes into play by retitling a PAM User record;
//   - the field "Access Record" of the user record, among the linked records, so
//     neither the user record itself nor provider nor resource;
//   - a linked record titled "API Access Details" or "Record with Access Token";
//   - the only linked record.
//
// UIDs are compared exactly and come before titles; titles are compared in any
// case, without outer blanks. A record that came twice with the same content
// counts once. The error is an *Error: two matches list the matches; no match
// lists the records seen and, unless the user record asked for it, wraps
// ErrNoAccessRecord.
func (p *Params) AccessRecord(selector string) (Record, error) {
	// A run asks several times.
	if p.chosen == nil || p.chosen.selector != selector || p.chosen.among != len(p.Records) {
		record, err := p.accessRecord(selector)
		if err != nil {
			return Record{}, err
		}
		p.chosen = &choice{selector, len(p.Records), record}
	}
	return p.chosen.record, nil
}

// choice is a record that was chosen among so many.
type choice struct {
	selector string
	among    int
	record   Record
}

func (p *Params) accessRecord(selector string) (Record, error) {
	linked := p.linked()
	if strings.TrimSpace(selector) != "" {
		matches := selected(distinct(p.Records), selector)
		if len(matches) == 0 || matches[0].UID != strings.TrimSpace(selector) {
			matches = selected(linked, selector)
		}
		return p.only(matches, "--access-record", ErrNoAccessRecord)
	}

	if user, ok := p.UserRecord(); ok {
		value, problem := user.value(NormaliseLabel(accessLabel))
		if text := value.single(); problem == "" && !value.isEmpty() && text.kind != jsonString {
			problem = "one text is needed, found " + value.found()
		}
		if problem != "" {
			return Record{}, &Error{Problems: []string{"user record: " + accessLabel + ": " + problem}}
		}
		if choice := value.single().text.Reveal(); strings.TrimSpace(choice) != "" {
			return p.only(selected(linked, choice), "the user record's field "+accessLabel, nil)
		}
	}

	var titled []Record
	for _, record := range linked {
		if slices.ContainsFunc(accessTitles, func(title string) bool { return sameTitle(record.Title, title) }) {
			titled = append(titled, record)
		}
	}
	if len(titled) > 0 {
		return p.only(titled, "the known titles", nil)
	}
	if len(linked) > 1 {
		return Record{}, &Error{
			Problems: []string{"access record: none has a known title, and more than one record is linked: " + shownRecords(linked)},
			Hints:    []string{hintLink},
			cause:    ErrNoAccessRecord,
		}
	}
	return p.only(linked, "", ErrNoAccessRecord)
}

// only returns the one match, or the error that there is none or more than one.
// by says what was compared.
func (p *Params) only(matches []Record, by string, cause error) (Record, error) {
	switch {
	case len(matches) == 1:
		return matches[0], nil
	case len(matches) > 1:
		return Record{}, &Error{
			Problems: []string{fmt.Sprintf("access record: %d records match %s: %s", len(matches), by, shownRecords(matches))},
			Hints:    []string{"name one by its UID with --access-record, or let one alone have that title"},
		}
	}
	problem := "access record: no record is linked to the script"
	if by != "" {
		problem = "access record: no record matches " + by
	}
	if len(p.Records) == 0 {
		problem += "; the payload has no records"
	} else {
		problem += "; seen: " + shownRecords(distinct(p.Records))
	}
	return Record{}, &Error{Problems: []string{problem}, Hints: []string{hintShare, hintLink}, cause: cause}
}

// selected returns the records that a UID or a title chooses.
func selected(records []Record, selector string) []Record {
	var byUID, byTitle []Record
	for _, record := range records {
		if record.UID != "" && record.UID == strings.TrimSpace(selector) {
			byUID = append(byUID, record)
		}
		if sameTitle(record.Title, selector) {
			byTitle = append(byTitle, record)
		}
	}
	if len(byUID) > 0 {
		return byUID
	}
	return byTitle
}

func sameTitle(a, b string) bool {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	return a != "" && strings.EqualFold(a, b)
}
