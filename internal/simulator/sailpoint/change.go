package sailpoint

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"pam-rotate-script/internal/simulator"
)

// The states of a change.
const (
	inProgress = "IN_PROGRESS"
	finished   = "FINISHED"
	failed     = "FAILED"
)

// The one that an answer spoilt on purpose names. Nobody of this name exists.
const (
	strangerIdentity = "ffffffffffffffffffffffffffffffff"
	strangerAccount  = "CN=Somebody Else,OU=Elsewhere,DC=acme,DC=com"
)

// payloadInvalid is the error of the vendor's own example.
const payloadInvalid = "The password change payload is invalid"

// handout is what one query answered, and set-password has to give back.
type handout struct {
	person *identity
	source *Source
}

// change is an accepted request to set a password.
type change struct {
	requestID string // "" for a change that nobody can ask about
	password  string
	accounts  []*account // those that get the password at the end
	state     string     // the one at the end
	errors    []string
	sourceIDs []string
	endless   bool      // no status read sees the end
	due       time.Time // when it ends by itself; zero for never
	polls     int
	ended     bool
}

// end puts the change into force, as far as it is to come into force.
func (t *Tenant) end(c *change) {
	if c.ended {
		return
	}
	c.ended = true
	for _, account := range c.accounts {
		account.past = append(account.past, account.Password)
		account.Password = t.Kept(c.password, account.Password)
	}
	if len(c.accounts) > 0 {
		t.completed++
	}
}

// endDue ends the changes whose time has come, in the order in which they were made.
func (t *Tenant) endDue() {
	for _, change := range t.changes {
		if !change.due.IsZero() && !t.options.Now().Before(change.due) {
			t.end(change)
		}
	}
}

// currentState is the state that an answer shows.
func (t *Tenant) currentState(c *change) string {
	if c.ended {
		return c.state
	}
	return t.options.ProgressWord
}

func (t *Tenant) queryPasswordInfo(r *simulator.Request) simulator.Answer {
	return t.markDeprecated(r, queryService, t.passwordInfo(r))
}

func (t *Tenant) passwordInfo(r *simulator.Request) simulator.Answer {
	checkHead(r, "Content-Type")
	client, refusal, ok := t.admit(r, queryService)
	if !ok {
		return refusal
	}
	if !client.may(scopeQuery) || client.Owner != "" && t.options.RefuseTokensQuery {
		return forbidden()
	}
	body, ok := r.JSONBody(
		simulator.Field{Name: "userName", Type: simulator.String},
		simulator.Field{Name: "sourceName", Type: simulator.String})
	if !ok {
		return badRequest()
	}
	person := t.identity(body["userName"].(string), t.options.AnyCase)
	source := t.source(body["sourceName"].(string), t.options.AnyCase)
	if person == nil || source == nil {
		return t.unknown()
	}
	encoded, err := x509.MarshalPKIXPublicKey(&t.key.PublicKey)
	if err != nil {
		panic(fmt.Sprintf("simulated SailPoint tenant: encode public key: %v", err))
	}
	// A new ID with every answer shows who remembers an old one or makes one up.
	number := len(t.handouts) + 1
	keyID := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "ad664812-f644-41a1-ac29-%012x", number))
	t.handouts[keyID] = handout{person: person, source: source}
	accounts := []map[string]string{}
	for _, account := range person.accounts {
		if account.source != source || t.options.HideAccounts {
			continue
		}
		entry := map[string]string{"accountId": account.ID, "accountName": account.Name}
		accounts = append(accounts, entry)
		if account.Twice {
			accounts = append(accounts, entry)
		}
	}
	return simulator.JSON(http.StatusOK, map[string]any{
		"identityId":  person.id,
		"sourceId":    source.ID,
		"publicKeyId": keyID,
		"publicKey":   base64.StdEncoding.EncodeToString(encoded),
		"accounts":    accounts,
		"policies":    source.Policies,
	})
}

// unknown answers a query for somebody or something that does not exist.
func (t *Tenant) unknown() simulator.Answer {
	switch t.options.Unknown {
	case UnknownNotFound:
		return notFound()
	case UnknownEmpty:
		return simulator.JSON(http.StatusOK, map[string]any{
			"identityId": nil, "sourceId": nil, "publicKeyId": nil, "publicKey": "", "accounts": []any{}, "policies": nil,
		})
	default:
		return badRequest()
	}
}

// strangersInfo is the answer to a query with another identity and account.
func strangersInfo(answer simulator.Answer) simulator.Answer {
	return simulator.RewriteJSON(answer, func(object map[string]any) {
		object["identityId"] = strangerIdentity
		object["accounts"] = []any{map[string]any{"accountId": strangerAccount, "accountName": "Somebody.Else"}}
	})
}

func (t *Tenant) setPassword(r *simulator.Request) simulator.Answer {
	return t.markDeprecated(r, setService, t.acceptPassword(r))
}

func (t *Tenant) acceptPassword(r *simulator.Request) simulator.Answer {
	checkHead(r, "Content-Type")
	client, refusal, ok := t.admit(r, setService)
	if !ok {
		return refusal
	}
	if !client.may(scopeSet) {
		return forbidden()
	}
	body, ok := r.JSONBody(
		simulator.Field{Name: "identityId", Type: simulator.String},
		simulator.Field{Name: "encryptedPassword", Type: simulator.String},
		simulator.Field{Name: "publicKeyId", Type: simulator.String},
		simulator.Field{Name: "accountId", Type: simulator.String},
		simulator.Field{Name: "sourceId", Type: simulator.String})
	if !ok {
		return semanticallyInvalid()
	}
	addressed, person := t.addressed(r, body)
	password, ok := t.decrypt(r, body["encryptedPassword"].(string))
	if addressed == nil || !ok {
		return semanticallyInvalid()
	}
	if client.Owner != "" && client.Owner != person.userName && !t.options.TokensSetOthers {
		return forbidden()
	}
	accounts := changedTogether(person, addressed)
	problems := t.problems(accounts, addressed, password)
	if len(problems) > 0 && t.options.RefuseAtOnce {
		return t.ErrorAnswer(http.StatusBadRequest, strings.Join(problems, "; "))
	}
	return t.begin(password, accounts, addressed, problems)
}

// addressed returns the account that a set-password request names and the identity
// it belongs to; nil if there is none, or the key was never handed out. The tenant does
// not remember whose query a key answered, but our own client gives back what one query
// has answered.
func (t *Tenant) addressed(r *simulator.Request, body map[string]any) (*account, *identity) {
	given, there := t.handouts[body["publicKeyId"].(string)]
	if !there {
		r.Note("body: publicKeyId is not from an answer to " + QueryPasswordInfo)
		return nil, nil
	}
	if body["sourceId"] != given.source.ID {
		r.Note("body: sourceId is not that of the answer with this publicKeyId")
	}
	if body["identityId"] == strangerIdentity && body["accountId"] == strangerAccount {
		// Given back as a spoilt answer had it: no fault of the client.
		return nil, nil
	}
	if body["identityId"] != given.person.id {
		r.Note("body: identityId is not that of the answer with this publicKeyId")
	}
	for _, person := range t.identities {
		if person.id != body["identityId"] {
			continue
		}
		for _, account := range person.accounts {
			if account.source.ID == body["sourceId"] && account.ID == body["accountId"] {
				return account, person
			}
		}
	}
	r.Note("body: accountId is not one of the identity's at the source")
	return nil, nil
}

// changedTogether returns the accounts that get a new password when one does: that
// one, and the identity's accounts at the other sources of its sync group.
func changedTogether(person *identity, addressed *account) []*account {
	group := addressed.source.SyncGroup
	var together []*account
	for _, account := range person.accounts {
		elsewhere := account.source != addressed.source
		if account == addressed || group != "" && elsewhere && account.source.SyncGroup == group {
			together = append(together, account)
		}
	}
	return together
}

// problems returns why the source of the addressed account, or the policy of the
// tenant, refuses the password.
func (t *Tenant) problems(accounts []*account, addressed *account, password string) []string {
	var problems []string
	if addressed.source.WithoutPassword {
		problems = append(problems, "The source does not support password changes")
	}
	if password == "" || strings.Contains(password, ":") {
		problems = append(problems, "The password is empty or has a character that is not allowed")
	}
	for _, policy := range addressed.source.Policies {
		if breaks(password, policy) {
			problems = append(problems, "The password does not meet the policy: "+policy)
		}
	}
	if t.options.History && slices.ContainsFunc(accounts, func(account *account) bool {
		return account.Password == password || slices.Contains(account.past, password)
	}) {
		problems = append(problems, "The password was used before")
	}
	return problems
}

// breaks reports whether the password breaks a policy whose meaning is known.
func breaks(password, policy string) bool {
	name, value, _ := strings.Cut(policy, " is ")
	least, err := strconv.Atoi(value)
	if err != nil {
		return false
	}
	count := func(counts func(rune) bool) int {
		found := 0
		for _, character := range password {
			if counts(character) {
				found++
			}
		}
		return found
	}
	switch name {
	case "passwordMinLength":
		return utf8.RuneCountInString(password) < least
	case "passwordMinAlpha":
		return count(unicode.IsLetter) < least
	case "passwordMinNumeric":
		return count(unicode.IsDigit) < least
	}
	return false
}

// begin accepts a password and answers 202. With problems the change fails.
func (t *Tenant) begin(password string, accounts []*account, addressed *account, problems []string) simulator.Answer {
	begun := &change{password: password, accounts: accounts, state: finished, errors: []string{}}
	for _, account := range accounts {
		if !slices.Contains(begun.sourceIDs, account.source.ID) {
			begun.sourceIDs = append(begun.sourceIDs, account.source.ID)
		}
	}
	fail := func(accounts []*account, errors ...string) {
		begun.accounts, begun.state, begun.errors = accounts, failed, errors
	}
	atOnce := false
	switch t.options.Outcome {
	case FinishesAtOnce:
		atOnce = true
	case FinishesWithErrors:
		begun.errors = []string{payloadInvalid}
	case Fails:
		fail(nil, payloadInvalid)
	case FailsAtOnce:
		atOnce = true
		fail(nil, payloadInvalid)
	case FailsInPart:
		fail([]*account{addressed}, payloadInvalid)
	case StaysInProgress:
		begun.endless = true
	}
	if len(problems) > 0 {
		fail(nil, problems...)
	}
	if atOnce {
		t.end(begun)
	}
	if t.options.EndsAfter > 0 && !begun.endless {
		begun.due = t.options.Now().Add(t.options.EndsAfter)
	}
	t.changes = append(t.changes, begun)
	answer := map[string]any{"requestId": nil, "state": t.currentState(begun)}
	if !t.options.NullRequestID {
		begun.requestID = t.newRequestID()
		answer["requestId"] = begun.requestID
	}
	return simulator.JSON(http.StatusAccepted, answer)
}

func (t *Tenant) newRequestID() string {
	if t.options.AwkwardRequestIDs {
		return fmt.Sprintf("089899f1/3a8f?4da7 é%%2F+%d", len(t.changes))
	}
	return fmt.Sprintf("089899f13a8f4da7824996191587%04x", len(t.changes))
}

func (t *Tenant) readChangeStatus(r *simulator.Request) simulator.Answer {
	return t.markDeprecated(r, statusService, t.status(r))
}

func (t *Tenant) status(r *simulator.Request) simulator.Answer {
	checkHead(r)
	r.NoBody()
	client, refusal, ok := t.admit(r, statusService)
	if !ok {
		return refusal
	}
	_, pattern := statusService.find(r.EscapedPath)
	requestID, ok := r.Segment(pattern, "request")
	if !ok {
		return badRequest()
	}
	t.endDue()
	found := t.change(requestID)
	if found == nil && t.options.ExistenceFirst {
		return notFound()
	}
	if !client.may(scopeStatus) || client.Owner != "" && !client.OrgAdmin {
		return forbidden()
	}
	if found == nil {
		return notFound()
	}
	found.polls++
	seen := found.polls - t.options.HiddenPolls
	if seen <= 0 {
		return notFound()
	}
	if seen >= t.options.EndsAtPoll && !found.endless && found.due.IsZero() {
		t.end(found)
	}
	status := map[string]any{"requestId": requestID, "state": t.currentState(found), "errors": nil, "sourceIds": nil}
	switch t.options.StatusNames {
	case NamesNull:
		status["requestId"] = nil
	case NamesNothing:
		delete(status, "requestId")
	}
	if found.ended {
		status["errors"] = found.errors
		status["sourceIds"] = found.sourceIDs
	}
	return simulator.JSON(http.StatusOK, status)
}

func (t *Tenant) change(requestID string) *change {
	for _, change := range t.changes {
		if change.requestID == requestID {
			return change
		}
	}
	return nil
}

// strangersStatus is the status of somebody else's change.
func strangersStatus(answer simulator.Answer) simulator.Answer {
	return simulator.RewriteJSON(answer, func(object map[string]any) {
		object["requestId"] = "ffffffffffffffffffffffffffffffff"
		if object["sourceIds"] != nil {
			object["sourceIds"] = []string{"ffffffffffffffffffffffffffffffff"}
		}
	})
}
