package vault

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"pam-rotate-script/internal/params"
)

// programName is in the name of this program's file, of its wrappers and of the command that a
// recipe or a settings file is attached with.
const programName = "pam-rotate"

// attached is one of a PAM User's rotation scripts.
type attached struct {
	file    string   // the UID of the attached file
	names   []string // the file's name and title, as far as they can be read
	command string
	records []string // the UIDs of the records that are linked to it, each once
}

// String names the script for a message.
func (s attached) String() string {
	if len(s.names) == 0 {
		return shown(s.file)
	}
	return shown(s.names[0])
}

// is reports whether the script is the one that is asked for.
func (s attached) is(name string) bool {
	return s.file == name || slices.ContainsFunc(s.names, func(own string) bool { return strings.EqualFold(own, name) })
}

// isOwn reports whether the script runs this program, as far as names tell.
func (s attached) isOwn() bool {
	return slices.ContainsFunc(append(s.names, s.command), func(name string) bool {
		return strings.Contains(strings.ToLower(name), programName)
	})
}

// scripts returns the rotation's scripts, in their order.
func (e entry) scripts() []attached {
	var scripts []attached
	for _, section := range []string{standardSection, customSection} {
		for _, f := range e.fields(section) {
			if f.kind != "script" && params.NormaliseLabel(f.key()) != scriptsKey {
				continue
			}
			for _, value := range f.values() {
				if object, ok := asObject(value); ok {
					scripts = append(scripts, e.attached(object))
				}
			}
		}
	}
	return scripts
}

// attached reads one value of a field with scripts.
func (e entry) attached(object map[string]json.RawMessage) attached {
	one := attached{command: asText(object["command"]), records: texts(object["recordRef"])}
	for _, uid := range texts(object["fileRef"]) {
		one.file = uid
		one.names = append(one.names, e.fileNames(uid)...)
	}
	return one
}

// fileNames returns the name and the title of an attached file, as far as it has them.
func (e entry) fileNames(uid string) []string {
	var names []string
	for _, file := range e.sdk.Files {
		if file != nil && file.Uid == uid {
			names = append(names, file.Name, file.Title)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return strings.TrimSpace(name) == "" })
}

// texts returns the texts of a list, or the one text that stands in a list's place, each once.
func texts(raw json.RawMessage) []string {
	list, ok := asList(raw)
	if !ok {
		list = []json.RawMessage{raw}
	}
	var found []string
	for _, item := range list {
		if text := asText(item); text != "" && !slices.Contains(found, text) {
			found = append(found, text)
		}
	}
	return found
}

// links returns the UIDs of the records that are linked to a script, see Vault.Related.
func (e entry) links(name string) ([]string, error) {
	all := e.scripts()
	if len(all) == 0 && name == "" {
		return nil, nil
	}
	var names []string
	for _, one := range all {
		names = append(names, one.String())
	}
	chosen := all
	switch {
	case name != "":
		chosen = nil
		for _, one := range all {
			if one.is(name) {
				chosen = append(chosen, one)
			}
		}
		if len(chosen) == 0 {
			found := "it has none"
			if len(names) > 0 {
				found = "there are " + limited(names)
			}
			return nil, fault(KindNotFound, "the record has no rotation script "+shown(name)+"; "+found, "name one by its file name, title or UID with --script")
		}
	case len(all) > 1:
		if own := slices.DeleteFunc(slices.Clone(all), func(one attached) bool { return !one.isOwn() }); len(own) > 0 {
			chosen = own
		}
	}
	for _, other := range chosen[1:] {
		if !slices.Equal(sorted(other.records), sorted(chosen[0].records)) {
			return nil, fault(KindAmbiguous, "the record has several rotation scripts with different records: "+limited(names),
				"name the one that runs this program with --script, or the access record with --access-record")
		}
	}
	return chosen[0].records, nil
}

func sorted(texts []string) []string {
	texts = slices.Clone(texts)
	slices.Sort(texts)
	return texts
}

// Users returns the UIDs of the PAM User records that the application sees with a rotation script
// that is this program's by its name, or with the one that is asked for (see Related), and how many
// PAM User records have none. The error is an *Error.
func (v *Vault) Users(ctx context.Context, script string) (uids []string, others int, err error) {
	err = v.use(ctx, func(s *session) error {
		all, err := s.all()
		for _, e := range all {
			if e.kind != "pamUser" {
				continue
			}
			if slices.ContainsFunc(e.scripts(), func(one attached) bool { return one.isOwn() || script != "" && one.is(script) }) {
				uids = append(uids, e.uid)
			} else {
				others++
			}
		}
		return err
	})
	return uids, others, within("list the PAM User records", err)
}
