package recipe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// Info describes the recipe's vendor to the runner, under the recipe's own name.
func (r *Recipe) Info() targets.Info {
	var fields []params.Field
	for _, f := range r.fields {
		fields = append(fields, f.Field)
	}
	return targets.Info{
		Name: r.Name, Title: r.Title, Summary: r.Summary, Fields: fields, Timeout: r.timeout, Settle: r.settle,
		Explain: r.explain, Notes: r.notes(), Documents: r.Documents,
		New: func(job targets.Job, client *api.Client) (targets.Target, error) {
			t, err := newTarget(r, job, client)
			if err != nil {
				return nil, err
			}
			return t, nil
		},
	}
}

// explain finds the vendor's words in an answer.
func (r *Recipe) explain(answer api.Answer) (code, text string) {
	read := read(answer)
	values := map[string]any{varText: read.text}
	for _, e := range r.errors {
		if !read.judgeable(e) {
			continue
		}
		output, err := e.run(context.Background(), read.value, values)
		if err != nil {
			continue // the next one may fit
		}
		var words []string
		eachText(output, func(text string) {
			if text != "" {
				words = append(words, text)
			}
		})
		if len(words) > 0 {
			return "", strings.Join(words, "; ")
		}
	}
	return "", ""
}

// notes are the recipe's own and what its header says of how far it was tried.
func (r *Recipe) notes() []string {
	tried := "**Tried:** against " + r.Tried + "."
	if r.Tried == "documents alone" {
		tried = "**Tried:** against recorded exchanges only. The recipe is built from the vendor's documents alone."
	}
	return append(append([]string{}, r.Notes...), tried)
}

// target is a recipe at work for one account.
type target struct {
	recipe  *Recipe
	job     targets.Job
	client  *api.Client
	subject string
	base    host
	asked   string      // the path of the last request
	tooLong atomic.Bool // an expression has run out of time

	kept    map[string]stored   // the values of let and seal
	sealed  map[string][]stored // every value that seal has given, for close
	session secret.Value        // of cookie-login
	letIn   bool                // verify has accepted a password in this run
	own     bool                // the access record's user is the rotated one
	begun   bool                // a try has begun
	stale   map[string]bool     // the values in kept that are of an earlier try
	closed  map[*call]bool      // the calls of close that have been made
	revokes bool                // the calls that revoke are due
}

// host is where calls go.
type host struct {
	host   string
	prefix string // escaped path in front of the recipe's
}

func newTarget(r *Recipe, job targets.Job, client *api.Client) (*target, error) {
	t := &target{
		recipe: r, job: job, client: client, subject: job.User,
		kept: map[string]stored{}, sealed: map[string][]stored{}, stale: map[string]bool{}, closed: map[*call]bool{},
	}
	settings := job.Settings
	t.base = t.address(r.base.label, r.base.root)
	if job.OldPassword.IsEmpty() && t.needsOld() {
		settings.Fault("oldPassword", "needs the old password, since the recipe sends it, found nothing")
	}
	if err := settings.Err(); err != nil {
		return nil, err
	}

	ctx := context.Background()
	fail := func(err error) error {
		return client.Fail("read the fields", api.ClassInput, err.Error())
	}
	for _, b := range r.lets {
		value, err := b.value.run(ctx, nil, t.values(namesOf(b.value), nil))
		if err != nil {
			return nil, fail(err)
		}
		if value == nil && !b.value.mayBeNull {
			return nil, fail(fmt.Errorf("there is no value for %s; one that may be missing ends in // null in the recipe", b.name))
		}
		if !b.value.secret {
			t.kept[b.name] = stored{public: value}
		} else if t.kept[b.name], err = hide(client, value); err != nil {
			return nil, fail(err)
		}
	}
	for _, required := range r.requires {
		holds, err := required.that.holds(ctx, nil, t.values(namesOf(required.that), nil))
		switch {
		case err != nil:
			return nil, fail(err)
		case holds:
			continue
		}
		if required.field == "" || required.class != api.ClassInput {
			return nil, client.Fail("look at the user and the fields", required.class, required.says)
		}
		settings.Fault(required.field, required.says)
	}
	if r.subject != nil {
		value, err := r.subject.run(ctx, nil, t.values(namesOf(r.subject), nil))
		subject, isText := value.(string)
		if err != nil || !isText || subject == "" {
			return nil, fail(fmt.Errorf("the expression at %s names no account", r.subject.at))
		}
		t.subject = subject
	}
	t.own = t.signsInAsUser()
	t.tryPaths(ctx)
	t.tryCredentials(ctx)
	if err := settings.Err(); err != nil {
		return nil, err
	}
	return t, t.tryValues(ctx)
}

// signsInAsUser reports whether the access record's user is the rotated one: its field login
// names that user.
func (t *target) signsInAsUser() bool {
	for _, f := range t.recipe.fields {
		if f.name == "login" {
			return targets.SameName(t.job.Settings.Text(f.Label), t.subject)
		}
	}
	return false
}

// kindOf is the kind of a call of this job's.
func (t *target) kindOf(c *call) api.Kind {
	switch {
	case !c.signsIn || c.kind() == api.Write:
		return c.kind()
	case t.own || slices.ContainsFunc(append(c.requestExpressions(), t.authOf(c)...), func(e *expression) bool { return e != nil && e.uses(varOld) }):
		return api.SignIn
	}
	return api.AccessSignIn
}

// address reads a field that says where calls go.
func (t *target) address(label, root string) host {
	text := t.job.Settings.Text(label)
	if text == "" {
		return host{}
	}
	parsed, err := api.ParseAddress(text)
	if err != nil {
		t.job.Settings.Fault(label, "needs an https address, found "+err.Error())
		return host{}
	}
	t.client.SealAddress(parsed)
	switch {
	case !parsed.Query.IsEmpty():
		t.job.Settings.Fault(label, "needs an address without a query, found one: it would not be sent, and may say which system is meant")
		return host{}
	case targets.IsPage(parsed):
		t.job.Settings.Fault(label, "needs the address of an API, found that of a page for people, such as a sign-in")
		return host{}
	}
	prefix := strings.TrimRight(parsed.EscapedPath, "/")
	if root != "" && prefix != "" {
		// What stands before the root is a proxy's. Any other path may be that of a page, or lead to
		// another application: to leave it out would send the credential to its neighbour.
		var found bool
		if prefix, found = strings.CutSuffix(prefix, root); !found {
			t.job.Settings.Fault(label, "needs an address without a path, or one that ends in "+root+", found another path")
			return host{}
		}
	}
	return host{parsed.Host, prefix}
}

// needsOld reports whether anything that a rotation surely evaluates before or for the write is
// made of the old password.
func (t *target) needsOld() bool {
	r := t.recipe
	for _, b := range r.lets {
		if b.value.flow.made&fromOld != 0 {
			return true
		}
	}
	calls := slices.Concat(r.check, r.change)
	if r.auth != nil && r.auth.signIn != nil {
		calls = append(calls, r.auth.signIn)
	}
	return slices.ContainsFunc(calls, func(c *call) bool { return c.sends(r.auth)&fromOld != 0 })
}

// tryPaths reports the values that cannot be part of a path, as far as they are known
// before anything is sent.
func (t *target) tryPaths(ctx context.Context) {
	for _, c := range t.recipe.allCalls() {
		for _, s := range c.path {
			if s.value == nil || !t.knows(s.value, varUser, varAccess, varSet) {
				continue
			}
			label := s.label
			if label == "value" {
				label = t.labelOf(s.value)
			}
			value, err := s.value.run(ctx, nil, t.values(namesOf(s.value), nil))
			if err != nil {
				t.job.Settings.Fault(label, "needs a value that the path can carry, but "+err.Error())
				continue
			}
			segment, err := text(value)
			switch {
			case err != nil:
				t.job.Settings.Fault(label, "needs a value that the path can carry, but "+err.Error())
			case segmentFault(segment) != "":
				t.job.Settings.Fault(label, "needs to fit into the path, found "+segmentFault(segment))
			}
		}
	}
}

// knows reports whether an expression needs nothing but the named variables and what the recipe's own
// let has given.
func (t *target) knows(e *expression, names ...string) bool {
	return !slices.ContainsFunc(e.free, func(name string) bool {
		_, kept := t.kept[name]
		return !kept && !slices.Contains(names, name)
	})
}

// tryValues ends a run before anything is sent if a call up to the write could not be made: checked
// refuses a name, say.
func (t *target) tryValues(ctx context.Context) error {
	calls := slices.Concat(t.recipe.check, t.recipe.change)
	if a := t.recipe.auth; a != nil && a.signIn != nil {
		calls = append(calls, a.signIn)
	}
	for _, c := range calls {
		for _, e := range append(c.requestExpressions(), t.authOf(c)...) {
			if e == nil || !t.knows(e, varUser, varNew, varOld, varAccess, varSet) {
				continue
			}
			if _, err := e.run(ctx, nil, t.values(namesOf(e), nil)); err != nil {
				class, what := api.ClassInput, "the user or a field"
				if e.flow.made&fromNew != 0 {
					class, what = api.ClassPolicy, "the new password"
				}
				return t.client.Fail(c.name, class, what+" does not fit what the recipe sends: "+err.Error())
			}
		}
	}
	return nil
}

func (t *target) Subject() string { return t.subject }

// Contract is what the recipe says, and what follows from whose credential it sends.
func (t *target) Contract() targets.Contract {
	r := t.recipe
	contract := targets.Contract{Repeats: r.repeats, Cache: r.proof.cache, NewOnly: r.proof.newOnly}
	switch r.proof.by {
	case targets.ProofLogin:
		contract.Means = targets.Login
	case targets.ProofStatus:
		if contract.Means = targets.Reference; slices.ContainsFunc(r.verify, func(c *call) bool { return c.tries }) {
			contract.Means = targets.Login
		}
	}
	for _, c := range append(append([]*call{}, r.check...), r.change...) {
		auth := t.authOf(c)
		old := slices.ContainsFunc(append(c.requestExpressions(), auth...), func(e *expression) bool { return e != nil && e.uses(varOld) })
		basic := (c.auth == nil && r.auth != nil && r.auth.kind == authBasic || c.auth != nil && c.auth.kind == authBasic) && t.own
		if c.write {
			contract.CarriesOld = old || basic
		}
		contract.Own = contract.Own || t.kindOf(c) == api.SignIn
	}
	if r.auth != nil && r.auth.signIn != nil {
		contract.Own = contract.Own || t.kindOf(r.auth.signIn) == api.SignIn
	}
	contract.NeedsCheck = t.verifyUsesEarlier()
	return contract
}

// verifyUsesEarlier reports whether the calls of verify use a value that an earlier call has
// kept, or a session that one has opened.
func (t *target) verifyUsesEarlier() bool {
	own := map[string]bool{}
	for _, c := range t.recipe.verify {
		if a := t.recipe.auth; c.auth == nil && a != nil && (a.kind == authCookie || a.signIn != nil) {
			return true
		}
		if slices.ContainsFunc(t.namesUsedBy(c), func(name string) bool { return !own[name] }) {
			return true
		}
		for _, b := range slices.Concat(c.lets, c.seals) {
			own[b.name] = true
		}
	}
	return false
}

// namesUsedBy are the names in a call's request, its sign-in and what judges its answer, without
// those that every run has.
func (t *target) namesUsedBy(c *call) []string {
	var names []string
	for _, e := range slices.Concat(c.requestExpressions(), t.authOf(c), c.judgingExpressions()) {
		if e == nil {
			continue
		}
		for _, name := range e.free {
			switch name {
			case varUser, varNew, varOld, varAccess, varSet, varTried, varStatus, varHeader:
			default:
				names = append(names, name)
			}
		}
	}
	return names
}

func (t *target) Calls() []targets.Call {
	var calls []targets.Call
	for _, c := range t.recipe.allCalls() {
		times := 1
		if c.each != "" {
			times = t.recipe.givers(c.each)
		}
		for range times {
			calls = append(calls, targets.Call{
				Kind: t.kindOf(c), Creates: c.creates, Method: c.method, Host: t.base.host, Path: c.template(), Purpose: c.name,
			})
		}
	}
	return calls
}

// givers counts the calls that give a value of that name.
func (r *Recipe) givers(name string) int {
	count := 0
	for _, c := range r.allCalls() {
		for _, given := range c.gives() {
			if given == name {
				count++
			}
		}
	}
	return count
}

// Check signs in and carries out the calls of check.
func (t *target) Check(ctx context.Context) (string, error) {
	if t.begun {
		// What an earlier try has kept is not of this one, but a proof may yet ask for it.
		for _, c := range t.recipe.allCalls() {
			for _, name := range c.gives() {
				t.stale[name] = true
			}
		}
		t.session, t.sealed, t.closed = secret.Value{}, map[string][]stored{}, map[*call]bool{}
	}
	t.begun = true
	if a := t.recipe.auth; a != nil && a.signIn != nil {
		found := t.perform(ctx, a.signIn, nil)
		if a.kind == authCookie && found.verdict == accepted {
			if t.session = found.answer.Cookie(a.name); t.session.IsEmpty() {
				t.client.NotAccepted(t.kindOf(a.signIn), found.answer)
				found = finding{err: t.client.Fail(a.signIn.name, api.ClassCredential,
					"the answer sets no cookie of the name that the recipe keeps, so nobody is signed in")}
			}
		}
		if err := t.asCheck(a.signIn, found); err != nil {
			return "", err
		}
		if a.kind == authCookie {
			t.session = seal(t.client, t.session)
		}
	}
	for _, c := range t.recipe.check {
		if err := t.asCheck(c, t.perform(ctx, c, nil)); err != nil {
			return "", err
		}
	}
	if t.recipe.account == nil {
		return "", nil
	}
	value, err := t.recipe.account.run(ctx, nil, t.values(namesOf(t.recipe.account), nil))
	account, isText := value.(string)
	if err != nil || !isText {
		return "", nil // it is for show
	}
	return t.client.Clean(account), nil
}

// asCheck is the error of a call of check. Where the rotated user itself signs in and its
// old password is refused, the new one may be in force already, as after any refusal that the
// recipe marks.
func (t *target) asCheck(c *call, found finding) error {
	fault := api.AsError(found.err)
	switch {
	case found.verdict == accepted:
		return nil
	case found.verdict == refused && found.mayBeInForce,
		(c.asUser || t.kindOf(c) == api.SignIn) && fault != nil && fault.Class == api.ClassCredential && (fault.Status == 0 || fault.Status/100 != 5):
		return &targets.Refused{Err: found.err, Doubtful: true}
	}
	return found.err
}

// Stage carries out the calls of change that come before the write.
func (t *target) Stage(ctx context.Context) error {
	for _, c := range t.recipe.change {
		if c.write {
			break
		}
		if found := t.perform(ctx, c, nil); found.verdict == refused {
			return t.refusal(targets.Contract{}, found)
		} else if found.verdict != accepted {
			return found.err
		}
	}
	return nil
}

// Change carries out the write and the calls behind it. A refusal counts as one at the write
// alone: whatever goes wrong behind it, the write was taken.
func (t *target) Change(ctx context.Context) error {
	written := false
	for _, c := range t.recipe.change {
		if !c.write && !written {
			continue
		}
		found := t.perform(ctx, c, nil)
		switch {
		case found.verdict == accepted:
			written = true
		case written:
			// The proof may well show that the password is in force. What was to follow is not done.
			t.job.Warn("not done for certain behind the write, see to it by hand: " + found.err.Error())
			return &targets.Taken{Err: found.err}
		case found.taken:
			return &targets.Taken{Err: found.err}
		case found.verdict == refused:
			return t.refusal(t.Contract(), found)
		default:
			return found.err
		}
	}
	for _, text := range t.recipe.warnings {
		t.job.Warn(text)
	}
	return nil
}

// refusal is what the recipe calls one, with the doubts that its status and text raise.
func (t *target) refusal(contract targets.Contract, found finding) error {
	refusal := &targets.Refused{Err: found.err}
	var judged *targets.Refused
	if errors.As(contract.Judge(found.err), &judged) {
		refusal = judged
	} else if fault := api.AsError(found.err); fault != nil {
		refusal.Doubtful = fault.Doubtful()
	}
	refusal.Doubtful = refusal.Doubtful || found.mayBeInForce
	return refusal
}

// Labels makes the target a targets.Returner, which has nothing to save unless the recipe
// says so.
func (t *target) Labels() []string {
	var labels []string
	for _, s := range t.recipe.save {
		labels = append(labels, s.label)
	}
	return labels
}

// Returned evaluates what the recipe saves. A value that is not there is left out.
func (t *target) Returned() []targets.Returned {
	var values []targets.Returned
	for _, s := range t.recipe.save {
		value, err := s.value.run(context.Background(), nil, t.values(namesOf(s.value), nil))
		if err != nil {
			continue
		}
		if kept, err := text(value); err == nil && !kept.IsEmpty() {
			values = append(values, targets.Returned{Label: s.label, Value: kept, Plain: !s.value.secret})
		}
	}
	return values
}

// Verify carries out the calls of verify; the last one decides.
func (t *target) Verify(ctx context.Context, which targets.Which) (targets.Verdict, error) {
	tried := map[string]any{varTried: plain(t.job.Password(which))}
	for _, c := range t.recipe.verify {
		found := t.perform(ctx, c, tried)
		switch found.verdict {
		case accepted:
		case rejected:
			return targets.Rejected, found.err
		case disputed:
			return targets.Disputed, found.err
		default:
			return targets.Inconclusive, found.err
		}
	}
	t.letIn = true
	return targets.Accepted, nil
}

// Repeats reports whether the recipe says that its write may be sent again.
func (r *Recipe) Repeats() bool { return r.repeats }

// AddressLabel returns the label of the field that says where calls go.
func (r *Recipe) AddressLabel() string { return r.base.label }
