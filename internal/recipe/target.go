package recipe

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
		Name: r.Name, Title: r.Title, Summary: r.Summary, Fields: fields, Timeout: r.timeout, Settle: r.proof.settle,
		Explain: r.explain, Notes: r.notes(), Documents: r.Documents,
		New: func(job targets.Job, client *api.Client) (targets.Target, error) {
			t, err := newTarget(r, job, client)
			if err != nil {
				return nil, err
			}
			if r.repeat > 0 {
				return repeating{t}, nil
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
	asked   string // the path of the last request

	kept    map[string]stored   // the values of let and seal
	sealed  map[string][]stored // every value that seal has given, for close
	session secret.Value        // of cookie-login
	keepOld bool                // the calls that revoke are not due
}

// host is where calls go.
type host struct {
	host   string
	prefix string // escaped path in front of the recipe's
}

// repeating is a target whose write may be sent again.
type repeating struct{ *target }

// RepeatAfter is how long to wait before the write is sent again.
func (r repeating) RepeatAfter() time.Duration { return r.recipe.repeat }

func newTarget(r *Recipe, job targets.Job, client *api.Client) (*target, error) {
	t := &target{
		recipe: r, job: job, client: client, subject: job.User,
		kept: map[string]stored{}, sealed: map[string][]stored{},
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
	t.tryPaths(ctx)
	if err := settings.Err(); err != nil {
		return nil, err
	}
	return t, t.tryValues(ctx)
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
			value, err := s.value.run(ctx, nil, t.values(namesOf(s.value), nil))
			if err != nil {
				t.job.Settings.Fault(s.label, "needs a value that the path can carry, but "+err.Error())
				continue
			}
			segment, err := text(value)
			switch {
			case err != nil:
				t.job.Settings.Fault(s.label, "needs a value that the path can carry, but "+err.Error())
			case segmentFault(segment) != "":
				t.job.Settings.Fault(s.label, "needs to fit into the path, found "+segmentFault(segment))
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

// RotatesOwnUser makes the target a targets.OwnUser: the recipe signs in by a password, and
// the access record's login is the rotated account.
func (t *target) RotatesOwnUser() bool {
	a := t.recipe.auth
	if a == nil || a.kind != authBasic && a.kind != authClient && a.kind != authCookie {
		return false
	}
	for _, f := range t.recipe.fields {
		if params.NormaliseLabel(f.Label) == "login" && f.Kind == params.Text && !f.PerAccount {
			login := t.job.Settings.Text(f.Label)
			return login != "" && (targets.SameName(login, t.subject) || targets.SameName(login, t.job.User))
		}
	}
	return false
}

func (t *target) Proof() targets.Proof { return t.recipe.proof.by }

func (t *target) Calls() []targets.Call {
	var calls []targets.Call
	for _, c := range t.recipe.allCalls() {
		times := 1
		if c.each != "" {
			times = t.recipe.givers(c.each)
		}
		for range times {
			calls = append(calls, targets.Call{
				Kind: c.kind(), Method: c.method, Host: t.base.host, Path: c.template(), Purpose: c.name,
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
	if a := t.recipe.auth; a != nil && a.signIn != nil {
		found := t.perform(ctx, a.signIn, nil)
		if a.kind == authCookie && found.verdict == accepted {
			if t.session = found.answer.Cookie(a.name); t.session.IsEmpty() {
				found = finding{err: t.client.Fail(a.signIn.name, api.ClassCredential,
					"the answer sets no cookie of the name that the recipe keeps, so nobody is signed in")}
			}
		}
		if err := found.asCheck(a.signIn); err != nil {
			return "", err
		}
		if a.kind == authCookie {
			t.session = seal(t.client, t.session)
		}
	}
	for _, c := range t.recipe.check {
		if err := t.perform(ctx, c, nil).asCheck(c); err != nil {
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

// asCheck is the error of a call that only reads. Where the rotated user itself signs in and its
// old password is refused, the new one may be in force already.
func (f finding) asCheck(c *call) error {
	fault := api.AsError(f.err)
	switch {
	case f.verdict == accepted:
		return nil
	case f.verdict == refused && f.mayBeInForce,
		c.asUser && fault != nil && fault.Class == api.ClassCredential && (fault.Status == 0 || fault.Status/100 != 5):
		return &targets.Refused{Err: f.err, MayBeInForce: true}
	}
	return f.err
}

// Change carries out the calls of change. A refusal counts as one up to the write; behind it,
// whatever goes wrong is uncertain.
func (t *target) Change(ctx context.Context) error {
	written := false
	for _, c := range t.recipe.change {
		found := t.perform(ctx, c, nil)
		switch {
		case found.verdict == accepted:
			written = written || c.write
		case found.verdict == refused && !written:
			// What needs the old password is refused, too, once it is not in force any more.
			return &targets.Refused{Err: found.err, MayBeInForce: found.mayBeInForce || c.asUser}
		default:
			if written {
				// The proof may well show that the password is in force. What was to follow is not done.
				t.job.Warn("not done for certain behind the write, see to it by hand: " + found.err.Error())
			}
			if found.verdict != refused && (written || c.write && found.taken) {
				return &targets.AtWork{Err: found.err}
			}
			return found.err
		}
	}
	for _, text := range t.recipe.warnings {
		t.job.Warn(text)
	}
	return nil
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

// NewOnly makes the target a targets.NewOnly where the recipe says so.
func (t *target) NewOnly() bool { return !t.recipe.proof.old }

// Verify carries out the calls of verify; the last one decides.
func (t *target) Verify(ctx context.Context, which targets.Which) (targets.Verdict, error) {
	if which == targets.Old && !t.recipe.proof.old {
		return targets.Inconclusive, t.client.Fail("verify", api.ClassTarget, "the recipe says that the old password shows nothing")
	}
	tried := map[string]any{varTried: plain(t.job.Password(which))}
	for _, c := range t.recipe.verify {
		found := t.perform(ctx, c, tried)
		switch found.verdict {
		case accepted:
		case rejected:
			return targets.Rejected, found.err
		default:
			return targets.Inconclusive, found.err
		}
	}
	return targets.Accepted, nil
}

// KeepOld makes the target a targets.Revoker: of close, what revokes an old credential is left
// out.
func (t *target) KeepOld() { t.keepOld = true }

// Close carries out those calls of close whose values there are, each in its share of the
// time. Giving back twice does no harm, so a call without a clear answer is sent once
// more.
func (t *target) Close(ctx context.Context) error {
	for name, values := range t.sealed {
		if _, kept := t.kept[name]; !kept { // a later try had none, and the earlier one's is still open
			t.kept[name] = values[len(values)-1]
		}
	}
	var due []func(context.Context) error
	for _, c := range t.recipe.close {
		if !t.opened(c) || c.revokes && t.keepOld {
			continue
		}
		if c.each == "" {
			due = append(due, func(ctx context.Context) error { return t.giveBack(ctx, c) })
			continue
		}
		for _, value := range t.sealed[c.each] {
			due = append(due, func(ctx context.Context) error {
				t.kept[c.each] = value
				return t.giveBack(ctx, c)
			})
		}
	}
	var failed error
	for i, giveBack := range due {
		share, cancel := ctx, context.CancelFunc(func() {})
		if deadline, ok := ctx.Deadline(); ok {
			share, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(due)-i))
		}
		err := giveBack(share)
		cancel()
		switch {
		case failed == nil:
			failed = err
		case err != nil:
			failed = fmt.Errorf("%w; %w", failed, err)
		}
	}
	t.sealed = map[string][]stored{}
	return failed
}

// opened reports whether there is what a call of close needs: the session, and every value
// that it sends.
func (t *target) opened(c *call) bool {
	if a := t.recipe.auth; a != nil && c.auth == nil && a.kind == authCookie && t.session.IsEmpty() {
		return false
	}
	expressions := append(c.requestExpressions(), t.authOf(c)...)
	for name := range namesOf(expressions...) {
		switch name {
		case varUser, varNew, varOld, varAccess, varSet:
			continue
		}
		if t.kept[name].reveal() == nil {
			return false
		}
	}
	return true
}

func (t *target) giveBack(ctx context.Context, c *call) error {
	found := t.perform(ctx, c, nil)
	if found.verdict == unclear && ctx.Err() == nil {
		found = t.perform(ctx, c, nil)
	}
	return found.err
}

// answerGrace is how long a call whose answer holds what Close gives back may wait for it
// after the run was told to stop.
const answerGrace = 3 * time.Second

// patiently returns a context that ends with ctx's deadline, but for such a call a while
// after ctx if that is cancelled.
func (t *target) patiently(ctx context.Context, c *call) (context.Context, context.CancelFunc) {
	if !c.grants {
		return ctx, func() {}
	}
	return targets.Patiently(ctx, answerGrace)
}

// Repeats reports whether the recipe says that its write may be sent again.
func (r *Recipe) Repeats() bool { return r.repeat > 0 }

// AddressLabel returns the label of the field that says where calls go.
func (r *Recipe) AddressLabel() string { return r.base.label }
