package sps

import (
	"slices"
	"time"

	"pam-rotate-script/internal/simulator"
)

// transaction is a session's uncommitted work.
type transaction struct {
	opened  int // the appliance's revision when it was opened
	working configuration
	changes []change
	refused bool // a step in it was refused
}

// change is an entry of the list of pending changes.
type change struct {
	Type     string `json:"type"`
	Path     string `json:"path"`
	OldValue any    `json:"old_value"`
	NewValue any    `json:"new_value"`
}

// view returns the configuration as a session sees it.
func (a *Appliance) view(session *session) configuration {
	if session.transaction != nil {
		return session.transaction.working
	}
	return a.inForce
}

// demandLength refuses a request that does not say how long its body is, even
// if it has none.
func (a *Appliance) demandLength(serve func(*simulator.Request) simulator.Answer) func(*simulator.Request) simulator.Answer {
	return func(r *simulator.Request) simulator.Answer {
		if r.Header.Get("Content-Length") == "" {
			r.Note("header Content-Length is missing")
			return a.refuse(r, 411, "LengthRequired", "the length of the body is missing")
		}
		return serve(r)
	}
}

func (a *Appliance) openTransaction(r *simulator.Request, session *session) simulator.Answer {
	if session.transaction != nil {
		return a.refuse(r, 409, "TransactionAlreadyOpen", "a transaction is already open")
	}
	if holder := a.takeLock(); holder != "" {
		return a.locked(r, holder)
	}
	session.transaction = &transaction{opened: a.revision, working: a.inForce.clone()}
	return a.transactionAnswer(session)
}

// takeLock returns who holds the configuration lock; "" if it is free to take.
func (a *Appliance) takeLock() (holder string) {
	if holder = a.lockHolder; holder != "" {
		if a.lockAttempts > 0 {
			if a.lockAttempts--; a.lockAttempts == 0 {
				a.lockHolder = ""
			}
		}
		return holder
	}
	for _, other := range a.sessions {
		if other.transaction != nil && !a.options.SeveralTransactions {
			return other.name
		}
	}
	return ""
}

func (a *Appliance) locked(r *simulator.Request, holder string) simulator.Answer {
	status, kind, message := a.options.LockedStatus, a.options.LockedType, a.options.LockedMessage
	if status == 0 {
		status = 409
	}
	if kind == "" {
		kind = "ConfigurationLocked"
	}
	if message == "" {
		message = "the configuration is locked by " + holder
	}
	return a.refuse(r, status, kind, message)
}

func (a *Appliance) readTransaction(_ *simulator.Request, session *session) simulator.Answer {
	return a.transactionAnswer(session)
}

// transactionAnswer shows a session's transaction, or that there is none.
func (a *Appliance) transactionAnswer(session *session) simulator.Answer {
	status := "closed"
	if session.transaction != nil {
		status = "open"
	}
	object := map[string]any{"meta": map[string]any{
		"href":              string(transactionPath),
		"parent":            "/api",
		"changes":           string(changesPath),
		"remaining_seconds": int(a.remaining(session) / time.Second),
	}}
	if a.options.StatusInBody {
		demanded := "optional"
		if a.options.RequireCommitMessage {
			demanded = "required"
		}
		object["key"] = "transaction"
		object["body"] = map[string]any{"status": status, "commit_message": demanded}
	} else {
		object["transaction"] = map[string]any{"status": status}
	}
	return simulator.JSON(200, object)
}

func (a *Appliance) listChanges(r *simulator.Request, session *session) simulator.Answer {
	changes := []change{}
	if session.transaction != nil {
		changes = append(changes, session.transaction.changes...)
	}
	return simulator.JSON(200, map[string]any{"changes": changes, "meta": meta(r.EscapedPath)})
}

func (a *Appliance) rollBack(r *simulator.Request, session *session) simulator.Answer {
	if session.transaction == nil {
		return a.notOpen(r)
	}
	session.transaction = nil
	return a.transactionAnswer(session)
}

func (a *Appliance) notOpen(r *simulator.Request) simulator.Answer {
	return a.refuse(r, 400, "TransactionNotOpen", "no transaction is open")
}

// inTransaction serves a write, which belongs in a transaction.
func (a *Appliance) inTransaction(serve handler) handler {
	return func(r *simulator.Request, session *session) simulator.Answer {
		if session.transaction == nil {
			r.Note("a write comes outside a transaction")
			if a.options.OpenFirst {
				return a.notOpen(r)
			}
			if opened := a.openTransaction(r, session); opened.Status >= 400 {
				return opened
			}
		}
		answer := serve(r, session)
		if answer.Status >= 400 {
			session.transaction.refused = true
		}
		return answer
	}
}

func (a *Appliance) commit(r *simulator.Request, session *session) simulator.Answer {
	messageField := a.options.CommitMessageField
	if messageField == "" {
		messageField = "commit_message"
	}
	body, ok := r.JSONBody(
		simulator.Field{Name: "status", Type: simulator.String},
		simulator.Field{Name: messageField, Type: simulator.String, Optional: true})
	if !ok {
		return a.malformed(r)
	}
	if body["status"] != "commit" {
		r.Note("body: status is not commit")
		return a.malformed(r)
	}
	pending := session.transaction
	if pending == nil {
		r.Note("a commit comes outside a transaction")
		return a.notOpen(r)
	}
	if pending.refused {
		r.Note("a commit follows a refused step")
	}
	if !slices.ContainsFunc(pending.changes, func(change change) bool { return change.Type == "replace" }) {
		r.Note("a commit has nothing to commit")
	}
	message, _ := body[messageField].(string)
	if message == "" && a.options.RequireCommitMessage {
		return a.refuse(r, 400, "CommitMessageRequired", "a commit message is required")
	}
	if a.collisions > 0 {
		a.collisions--
		a.commitElsewhere()
	}
	if pending.opened != a.revision {
		return a.refuse(r, 409, "CommitFailed", "the configuration was changed by another transaction")
	}
	if a.options.PolicyAt == AtCommit {
		for _, changed := range a.changedPasswords(pending.working) {
			if breach := a.policyBreach(changed.plain, changed.key); breach != "" {
				return a.refuse(r, 400, "CommitFailed", breach)
			}
		}
	}
	a.putInForce(pending.working, message)
	session.transaction = nil
	answer := a.transactionAnswer(session)
	if a.options.CommitEndsSessions {
		for _, session := range a.sessions {
			a.end(session)
		}
	}
	return answer
}

// changedPassword is a new password of the user of that key.
type changedPassword struct{ key, plain string }

// changedPasswords lists the users' passwords that working would put in force.
func (a *Appliance) changedPasswords(working configuration) []changedPassword {
	var changed []changedPassword
	for _, user := range working.users {
		if user.reference != a.inForce.user(user.key).reference {
			changed = append(changed, changedPassword{user.key, working.passwords[user.reference].plain})
		}
	}
	return changed
}

func (a *Appliance) putInForce(working configuration, message string) {
	for _, changed := range a.changedPasswords(working) {
		if had := a.inForce.passwords[a.inForce.user(changed.key).reference].plain; had != changed.plain {
			a.before[changed.key] = formerPassword{had, a.now()}
		}
		a.past[changed.key] = append(a.past[changed.key], changed.plain)
	}
	if working.sweep(); !a.Keeping().Ignored {
		a.inForce = working
	}
	a.revision++
	a.commits++
	a.messages = append(a.messages, message)
	a.unavailable = a.options.UnavailableAfterCommit
}
