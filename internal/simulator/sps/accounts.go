package sps

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"pam-rotate-script/internal/simulator"
)

func (a *Appliance) createPassword(r *simulator.Request, session *session) simulator.Answer {
	body, ok := r.JSONBody(simulator.Field{Name: "plain", Type: simulator.String})
	if !ok {
		return a.malformed(r)
	}
	plain := body["plain"].(string)
	if !accepted(plain) {
		r.Note("body: plain has a length or a character that SPS does not accept")
		return a.refuse(r, 400, "InvalidPassword", "the password is not acceptable")
	}
	if a.options.PolicyAt == AtPassword {
		if breach := a.policyBreach(plain, ""); breach != "" {
			return a.refuse(r, 400, "InvalidPassword", breach)
		}
	}
	pending := session.transaction
	if !a.Keeping().Ignored { // such a commit puts nothing in force
		plain = a.Kept(plain, "")
	}
	reference := pending.working.create(plain)
	path := member(passwordsPath, reference)
	pending.changes = append(pending.changes, change{Type: "create", Path: path})
	return simulator.JSON(201, map[string]any{"key": reference, "meta": meta(path)})
}

func (a *Appliance) readPassword(r *simulator.Request, session *session) simulator.Answer {
	reference, ok := r.Segment(passwordPath, "key")
	if _, there := a.view(session).passwords[reference]; !ok || !there {
		return a.notFound(r)
	}
	return object(r, reference, map[string]any{})
}

func (a *Appliance) listUsers(_ *simulator.Request, session *session) simulator.Answer {
	var keys []string
	for _, user := range a.view(session).users {
		keys = append(keys, user.key)
	}
	return list(usersPath, keys)
}

func (a *Appliance) readUser(r *simulator.Request, session *session) simulator.Answer {
	user := a.userInPath(r, session)
	if user == nil {
		return a.notFound(r)
	}
	return object(r, user.key, a.userBody(*user))
}

// userInPath returns the user whose key the path has, as the session sees the
// user; nil if there is none.
func (a *Appliance) userInPath(r *simulator.Request, session *session) *user {
	key, ok := r.Segment(userPath, "key")
	if !ok {
		return nil
	}
	return a.view(session).user(key)
}

// userBody is a user as answers show it.
func (a *Appliance) userBody(user user) map[string]any {
	body := maps.Clone(user.fields)
	body["name"] = user.name
	body["password"] = a.shownReference(user.reference)
	return body
}

func (a *Appliance) shownReference(reference string) any {
	if !a.options.PasswordAsObject {
		return reference
	}
	return map[string]any{"key": reference, "meta": map[string]any{"href": member(passwordsPath, reference)}}
}

func (a *Appliance) updateUser(r *simulator.Request, session *session) simulator.Answer {
	user := a.userInPath(r, session)
	if user == nil {
		return a.notFound(r)
	}
	// A PUT replaces the object. Our own client sends it back as it was.
	present := a.userBody(*user)
	names := slices.Sorted(maps.Keys(present))
	body, ok := r.JSONBody(userFields(present)...)
	if !ok {
		return a.malformed(r)
	}
	for _, name := range names {
		if name == "password" {
			continue
		}
		if _, there := body[name]; !there {
			r.Note("body: key " + name + " is missing")
		} else if !reflect.DeepEqual(body[name], present[name]) {
			r.Note("body: key " + name + " is altered")
		}
	}
	answer := a.refer(r, session, user, body["password"].(string), member(usersPath, user.key))
	if answer.Status < 400 {
		user.name = body["name"].(string)
		user.fields = maps.Clone(body)
		delete(user.fields, "name")
		delete(user.fields, "password")
	}
	return answer
}

// userFields are those that a user's object needs, and those that it has besides.
func userFields(present map[string]any) []simulator.Field {
	fields := []simulator.Field{{Name: "name", Type: simulator.String}, {Name: "password", Type: simulator.String}}
	for name := range present {
		if name != "name" && name != "password" {
			fields = append(fields, simulator.Field{Name: name, Type: simulator.Any, Optional: true})
		}
	}
	return fields
}

// refer has a user of the session's transaction refer to a password object.
func (a *Appliance) refer(r *simulator.Request, session *session, user *user, reference, path string) simulator.Answer {
	pending := session.transaction
	if !a.checkUnused(r, pending, reference) {
		return a.malformed(r)
	}
	if a.options.PolicyAt == AtPut {
		if breach := a.policyBreach(pending.working.passwords[reference].plain, user.key); breach != "" {
			return a.refuse(r, 400, "InvalidPassword", breach)
		}
	}
	replacement := change{Type: "replace", Path: path, OldValue: a.userBody(*user)}
	pending.working.use(reference)
	user.reference = reference
	replacement.NewValue = a.userBody(*user)
	pending.changes = append(pending.changes, replacement)
	return a.written(r)
}

func (a *Appliance) checkUnused(r *simulator.Request, pending *transaction, reference string) bool {
	if !pending.working.unused(reference) {
		r.Note("body: the password is not the reference of an unused password object")
		return false
	}
	return true
}

func (a *Appliance) listGroups(_ *simulator.Request, session *session) simulator.Answer {
	var keys []string
	for _, group := range a.view(session).groups {
		keys = append(keys, group.key)
	}
	return list(groupsPath, keys)
}

func (a *Appliance) readGroup(r *simulator.Request, session *session) simulator.Answer {
	key, ok := r.Segment(groupPath, "key")
	if ok {
		for _, group := range a.view(session).groups {
			if group.key == key {
				return object(r, key, map[string]any{"name": group.name, "members": group.members})
			}
		}
	}
	return a.notFound(r)
}

func (a *Appliance) changeOwnPassword(r *simulator.Request, session *session) simulator.Answer {
	body, ok := r.JSONBody(
		simulator.Field{Name: "current_password_in_plaintext", Type: simulator.String},
		simulator.Field{Name: "new_password_reference", Type: simulator.String})
	if !ok {
		return a.malformed(r)
	}
	if body["current_password_in_plaintext"] != a.loginPassword(session.key, session.method) {
		return a.refuse(r, 400, "InvalidPassword", "the current password is wrong")
	}
	user := session.transaction.working.user(session.key)
	return a.refer(r, session, user, body["new_password_reference"].(string), string(ownPasswordPath))
}

func (a *Appliance) readRootPassword(r *simulator.Request, session *session) simulator.Answer {
	return object(r, "root_password", a.shownReference(a.view(session).root))
}

func (a *Appliance) setRootPassword(r *simulator.Request, session *session) simulator.Answer {
	if !r.BodyType("application/json") {
		return a.malformed(r)
	}
	var value any
	err := json.Unmarshal(r.Body, &value)
	reference, ok := value.(string)
	if err != nil || !ok {
		r.Note("body is not a JSON string")
		return a.malformed(r)
	}
	pending := session.transaction
	if !a.checkUnused(r, pending, reference) {
		return a.malformed(r)
	}
	pending.working.use(reference)
	pending.changes = append(pending.changes, change{
		Type: "replace", Path: string(rootPasswordPath), OldValue: pending.working.root, NewValue: reference,
	})
	pending.working.root = reference
	return a.written(r)
}
