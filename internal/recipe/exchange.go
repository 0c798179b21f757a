package recipe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// verdict is what an answer means for its call.
type verdict int

const (
	unclear  verdict = iota // neither accepted nor refused, or no answer
	accepted                // what the recipe accepts
	refused                 // what the recipe calls a refusal
	rejected                // in verify, what can mean nothing but a wrong password
	disputed                // the same, by a server that may not have looked at the password
)

// finding is the end of one call.
type finding struct {
	verdict      verdict
	err          error // why it is not accepted
	mayBeInForce bool
	// taken says that the answer is what the recipe accepts, even if what is to be kept of
	// it is not there.
	taken bool
	// value is what the lets of an accepted call are taken from; judged has the
	// variables $status and $header of its answer, and $tried in verify.
	value  any
	judged map[string]any
	answer api.Answer
}

// perform sends a call, all its pages and polls included, and keeps what it gives.
func (t *target) perform(ctx context.Context, c *call, tried map[string]any) finding {
	ctx = context.WithValue(ctx, tooLong{}, &t.tooLong)
	ctx, release := t.patiently(ctx, c)
	defer release()
	for _, required := range c.needs {
		if holds, err := required.that.holds(ctx, nil, t.values(namesOf(required.that), tried)); err != nil {
			return finding{err: t.client.Fail(c.name, api.ClassInternal, err.Error())}
		} else if !holds {
			return finding{err: t.client.Fail(c.name, required.class, required.says)}
		}
	}
	if c.after > 0 {
		if err := t.client.Clock().Sleep(ctx, c.after); err != nil {
			return finding{err: t.client.Fail(c.name, api.ClassTimeout, "no time is left for the call")}
		}
	}
	found := t.polled(ctx, c, tried)
	if found.verdict != accepted {
		t.client.NotAccepted(t.kindOf(c), found.answer)
		return found
	}
	if c.find != nil {
		if err := t.pick(ctx, c, &found); err != nil {
			t.client.NotAccepted(t.kindOf(c), found.answer)
			return finding{err: err, taken: true}
		}
	}
	if err := t.keep(ctx, c, found); err != nil {
		t.client.NotAccepted(t.kindOf(c), found.answer)
		return finding{err: err, taken: true}
	}
	t.client.Accepted(t.kindOf(c), found.answer)
	for _, w := range c.warn {
		holds := true
		var err error
		if w.when != nil {
			holds, err = w.when.holds(ctx, found.value, t.values(namesOf(w.when), found.judged))
		}
		if holds || err != nil { // a warning too many does no harm
			t.job.Warn(w.says)
		}
	}
	return found
}

// polled repeats a read until its condition holds.
func (t *target) polled(ctx context.Context, c *call, tried map[string]any) finding {
	for try := 1; ; try++ {
		found := t.paged(ctx, c, tried)
		if found.verdict != accepted || c.poll == nil {
			return found
		}
		holds, err := c.poll.until.holds(ctx, found.value, t.values(namesOf(c.poll.until), found.judged))
		switch {
		case err != nil:
			return finding{err: t.client.Fail(c.name, api.ClassTarget, err.Error())}
		case holds:
			return found
		}
		if try >= c.poll.tries || t.client.Clock().Sleep(ctx, c.poll.every) != nil {
			return finding{err: t.client.Fail(c.name, api.ClassTimeout, "what it waits for did not come in time")}
		}
	}
}

// paged sends a call once, or once for each page of its list.
func (t *target) paged(ctx context.Context, c *call, tried map[string]any) finding {
	if c.page == nil {
		return t.once(ctx, c, tried, "", nil)
	}
	items := []any{}
	link, number := "", c.page.first
	for range c.page.most {
		var query []pair
		if c.page.number != "" {
			query = []pair{{c.page.number, literal(fmt.Sprint(number))}}
		}
		found := t.once(ctx, c, tried, link, query)
		if found.verdict != accepted {
			return found
		}
		output, err := c.page.items.run(ctx, found.value, t.values(namesOf(c.page.items), found.judged))
		list, isList := output.([]any)
		if err != nil || !isList {
			return finding{err: t.client.Fail(c.name, api.ClassTarget, "the answer has no list where the recipe looks for it")}
		}
		if items = append(items, list...); !fits(items) {
			return finding{err: t.client.Fail(c.name, api.ClassTarget, "the list is too long")}
		}
		found.value = items
		switch {
		case c.page.link != "":
			next, err := t.nextLink(c, found.judged)
			if err != nil {
				return finding{err: err}
			}
			if link = next; link == "" {
				return found
			}
		case len(list) < c.page.size:
			return found
		default:
			number++
		}
	}
	fault := t.client.Fail(c.name, api.ClassTarget, fmt.Sprintf("the list has more than %d pages", c.page.most))
	fault.Final = true
	return finding{err: fault}
}

func fits(items []any) bool {
	budget := 16 * maxOutput
	return within(items, &budget)
}

// nextLink reads the header Link (RFC 8288). Of the address there, path and query alone count, since
// many products write a name that is known only inside; the call goes to the host that was asked.
func (t *target) nextLink(c *call, judged map[string]any) (string, error) {
	headers, _ := judged[varHeader].(map[string]any)
	header, _ := headers["link"].(string)
	for _, element := range api.SplitList(header) {
		target, attributes, _ := strings.Cut(element, ">")
		target = strings.TrimPrefix(strings.TrimSpace(target), "<")
		isNext := slices.ContainsFunc(strings.Split(attributes, ";"), func(attribute string) bool {
			name, value, _ := strings.Cut(attribute, "=")
			return strings.EqualFold(strings.TrimSpace(name), "rel") && strings.Trim(strings.TrimSpace(value), `"`) == c.page.link
		})
		if !isNext {
			continue
		}
		next, err := url.Parse(target)
		if err != nil || next.Opaque != "" || api.HasDotSegment(next.EscapedPath()) {
			return "", t.client.Fail(c.name, api.ClassTarget, "the link to the next page has no path that can be asked for")
		}
		if next.Path == "" || next.Path[0] != '/' { // such as ?page=2
			asked, err := url.Parse(t.asked)
			if err != nil {
				return "", t.client.Fail(c.name, api.ClassTarget, "the link to the next page has no path that can be asked for")
			}
			next = asked.ResolveReference(&url.URL{Path: next.Path, RawPath: next.RawPath, RawQuery: next.RawQuery})
		}
		path := next.RequestURI()
		if prefix := t.base.prefix; prefix != "" && !strings.HasPrefix(path, prefix+"/") {
			path = prefix + path // the name inside knows nothing of the proxy
		}
		return path, nil
	}
	return "", nil
}

// once sends one request and judges its answer.
func (t *target) once(ctx context.Context, c *call, tried map[string]any, link string, more []pair) finding {
	request, err := t.request(ctx, c, tried, more)
	if err != nil {
		fault := api.AsError(err)
		if fault == nil {
			fault = t.client.Fail(c.name, api.ClassInternal, err.Error())
		}
		return finding{err: fault}
	}
	if link != "" {
		path, query, _ := strings.Cut(link, "?")
		request.Path = api.FieldPath(c.template(), path, secret.New(query))
	}
	reply, fault := t.do(ctx, request)
	return t.judge(ctx, c, reply, fault, tried)
}

// judge compares an answer with what the recipe says of it: refusals first, then what is
// accepted, and everything else is unclear.
func (t *target) judge(ctx context.Context, c *call, r *reply, fault *api.Error, tried map[string]any) finding {
	if r == nil {
		return finding{err: fault}
	}
	judged := map[string]any{varStatus: r.status, varHeader: r.header, varText: r.text}
	if tried[varTried] != nil {
		judged[varTried] = tried[varTried]
	}
	var failed error
	holds := func(when *expression) bool {
		switch {
		case when == nil:
			return true
		case !r.judgeable(when):
			return false
		}
		holds, err := when.holds(ctx, r.value, t.values(namesOf(when), judged))
		if err != nil {
			failed = err
		}
		return holds
	}
	own := func(class api.Class, cause string) *api.Error {
		made := t.client.Doubt(r.answer, c.name, class, cause)
		made.Status = r.status
		return made
	}
	failure := func(class api.Class, cause string) *api.Error {
		if fault != nil {
			fault.Class = t.guessed(c, fault)
			return fault
		}
		return own(class, cause)
	}
	unmet := func(cause string) finding {
		return finding{err: own(api.ClassTarget, cause), answer: r.answer}
	}
	for _, list := range []struct {
		judgements []judgement
		verdict    verdict
	}{{c.refuse, refused}, {c.reject, rejected}} {
		for _, j := range list.judgements {
			matches := slices.Contains(j.status, r.status) || j.anyRefusal && fault != nil && fault.Refused()
			if !matches || !t.leadsTo(r, j.to) || !holds(j.when) {
				if failed != nil {
					return unmet(failed.Error())
				}
				continue
			}
			err := failure(api.ClassTarget, fmt.Sprintf("answered %d, which is a refusal", r.status))
			if fault != nil && fault.Unjudged() && j.when == nil {
				// It asks for another sign-in: what the recipe says of the status is not why.
				if list.verdict == rejected {
					return finding{err: err, answer: r.answer}
				}
				return finding{verdict: refused, err: err, mayBeInForce: j.mayBeInForce && c.write, answer: r.answer}
			}
			if j.class != "" {
				err.Class = j.class
			}
			if j.says != "" {
				err.Cause = j.says
			}
			if j.hint != "" {
				err.Hints = append(err.Hints, j.hint)
			}
			if list.verdict == rejected && r.status == http.StatusUnauthorized && t.mayBeMisread(c, tried, r) {
				return finding{err: own(api.ClassTarget, "answered 401, but does not say that it reads passwords outside of ASCII as UTF-8"), answer: r.answer}
			}
			if list.verdict == rejected && r.status == http.StatusUnauthorized && j.when == nil && r.answer.HasOtherCause() {
				return finding{err: err, answer: r.answer}
			}
			if list.verdict == rejected && j.when == nil && r.answer.AsksAnother() && !t.letIn {
				return finding{verdict: disputed, err: err, answer: r.answer}
			}
			return finding{verdict: list.verdict, err: err, mayBeInForce: j.mayBeInForce, answer: r.answer}
		}
	}
	if !slices.Contains(c.accept.status, r.status) {
		return finding{err: failure(api.ClassTarget, fmt.Sprintf("answered %d, which the recipe does not accept", r.status)), answer: r.answer}
	}
	readsText := c.accept.to != "" || c.accept.when.uses(varText) && r.isText
	switch {
	case !t.leadsTo(r, c.accept.to):
		return unmet("answered with a redirect to another place than the recipe accepts")
	case r.fault != nil && fault != nil && !readsText:
		return finding{err: fault}
	case r.fault != nil && !readsText:
		return unmet(r.fault.Error())
	case !holds(c.accept.when):
		switch {
		case failed != nil:
			return unmet(failed.Error())
		case c.accept.says != "":
			return unmet(c.accept.says)
		}
		return unmet(fmt.Sprintf("answered %d, but the condition at %s does not hold", r.status, c.accept.when.at))
	case c.accept.when == nil && c.accept.to == "" && c.kind() != api.Read:
		switch r.answer.Saying() {
		case api.SaysFailure:
			return unmet("the status says success, but the body says that it failed")
		case api.SaysUnderWay:
			if c.write { // no sign-in tells what will become of it
				return finding{err: own(api.ClassTimeout, "the status says success, but the body says that the change is still under way"), taken: true}
			}
		case api.SaysNothing:
			if c.write && t.recipe.proof.by == targets.ProofAnswer {
				t.job.Warn("the status alone tells of the change: nothing in the answer speaks of success, and the recipe has no condition for it")
			}
		}
	}
	return finding{verdict: accepted, value: r.value, judged: judged, answer: r.answer}
}

// guessed is the class of a refusal that the recipe says nothing of: what the status suggests, but
// for guesses that mislead.
func (t *target) guessed(c *call, fault *api.Error) api.Class {
	signIn := c.kind() == api.SignIn || t.recipe.auth != nil && t.recipe.auth.signIn == c
	switch {
	case fault.Status == http.StatusNotFound && signIn:
		return api.ClassTarget // no such call; no account was looked for
	case fault.Status == http.StatusBadRequest && fault.Class == api.ClassPolicy && c.isGraphQL():
		return api.ClassTarget // it speaks of the query, and the schema
	}
	return fault.Class
}

// isGraphQL reports whether a call goes to the one address that GraphQL has by custom.
func (c *call) isGraphQL() bool {
	last := c.path[len(c.path)-1]
	return last.value == nil && strings.HasSuffix("/"+strings.TrimSuffix(last.literal, "/"), "/graphql")
}

// leadsTo reports whether an answer sends whoever asks to a place at the same host. No place is
// wanted of an answer that need not be a redirect.
func (t *target) leadsTo(r *reply, to redirect) bool {
	if to == "" {
		return true
	}
	location, _ := r.header["location"].(string)
	next, err := url.Parse(location)
	if err != nil || location == "" {
		return false
	}
	if next.Host != "" && (next.Scheme != "https" || !strings.EqualFold(next.Host, t.base.host)) {
		return false
	}
	path := (&url.URL{Path: t.asked}).ResolveReference(&url.URL{Path: next.Path}).Path
	path = strings.TrimPrefix(path, t.base.prefix)
	if start, open := strings.CutSuffix(string(to), "*"); open {
		return strings.HasPrefix(path, start)
	}
	return path == string(to)
}

// mayBeMisread reports whether a server may have taken the password tried for another one:
// Basic authentication with characters outside of ASCII, which RFC 7617 lets it read as it
// likes unless it says charset="UTF-8".
func (t *target) mayBeMisread(c *call, tried map[string]any, r *reply) bool {
	a := c.auth
	if a == nil {
		a = t.recipe.auth
	}
	password, _ := tried[varTried].(string)
	if !c.tries || a == nil || a.kind != authBasic || isASCII(password) && isASCII(t.job.User) {
		return false
	}
	challenge, _ := r.header["www-authenticate"].(string)
	return !strings.Contains(strings.ToLower(strings.NewReplacer(" ", "", `"`, "").Replace(challenge)), "charset=utf-8")
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}

// pick looks up exactly one element.
func (t *target) pick(ctx context.Context, c *call, found *finding) error {
	input := found.value
	if c.find.in != nil {
		var err error
		if input, err = c.find.in.run(ctx, found.value, t.values(namesOf(c.find.in), found.judged)); err != nil {
			return t.client.Fail(c.name, api.ClassTarget, err.Error())
		}
	}
	list, isList := input.([]any)
	if !isList {
		return t.client.Fail(c.name, api.ClassTarget, "the answer has no list where the recipe looks for it")
	}
	values := t.values(namesOf(c.find.where), found.judged)
	var matches []any
	for _, element := range list {
		output, err := c.find.where.run(ctx, element, values)
		if err != nil {
			return t.client.Fail(c.name, api.ClassTarget, err.Error())
		}
		if output == true {
			matches = append(matches, element)
		}
	}
	says := func(own, otherwise string) string {
		if own != "" {
			return own
		}
		return otherwise
	}
	switch {
	case len(matches) == 0:
		return t.client.Fail(c.name, api.ClassAccount, says(c.find.none, "nothing in the list is what is looked for"))
	case len(matches) > 1:
		return t.client.Fail(c.name, api.ClassAccount, says(c.find.many, "more than one in the list is what is looked for"))
	}
	found.value = matches[0]
	return nil
}

// keep takes the values of let and seal from an accepted answer.
func (t *target) keep(ctx context.Context, c *call, found finding) error {
	for _, name := range c.gives() {
		delete(t.stale, name)
		for _, closing := range t.recipe.close {
			if closing.uses(name) {
				delete(t.closed, closing)
			}
		}
	}
	for _, b := range c.lets {
		value, err := b.value.run(ctx, found.value, t.values(namesOf(b.value), found.judged))
		if err != nil {
			return t.client.Fail(c.name, api.ClassTarget, err.Error())
		}
		if value == nil && !b.value.mayBeNull {
			return t.client.Fail(c.name, api.ClassTarget, "the answer has no value for "+b.name, "a value that may be missing ends in // null in the recipe")
		}
		if !b.value.secret {
			t.kept[b.name] = stored{public: value}
			continue
		}
		if t.kept[b.name], err = hide(t.client, value); err != nil {
			return t.client.Fail(c.name, api.ClassTarget, err.Error())
		}
	}
	for _, b := range c.seals {
		value, err := b.value.run(ctx, found.value, t.values(namesOf(b.value), found.judged))
		if err == nil && value == nil {
			// What needs it fails. The value of an earlier try must not stand in for it: it
			// would prove another password.
			delete(t.kept, b.name)
			continue
		}
		sealed, isText := value.(string)
		if err != nil || !isText || sealed == "" {
			return t.client.Fail(c.name, api.ClassTarget, "the answer has no text where the recipe keeps one as a secret")
		}
		if t.kept[b.name], err = hide(t.client, sealed); err != nil {
			return t.client.Fail(c.name, api.ClassTarget, err.Error())
		}
		t.sealed[b.name] = append(t.sealed[b.name], t.kept[b.name])
	}
	return nil
}

// request makes a call's request.
func (t *target) request(ctx context.Context, c *call, tried map[string]any, more []pair) (api.Request, error) {
	values := t.values(namesOf(append(c.requestExpressions(), t.authOf(c)...)...), tried)
	run := func(e *expression) (secret.Value, error) {
		value, err := e.run(ctx, nil, values)
		if err != nil {
			return secret.Value{}, err
		}
		result, err := text(value)
		if err != nil {
			return secret.Value{}, fmt.Errorf("the expression at %s gives nothing to send: %w", e.at, err)
		}
		return result, nil
	}
	request := api.Request{Action: c.name, Kind: t.kindOf(c), Method: c.method, Timeout: c.timeout, Creates: c.creates, Host: t.base.host}

	var path, query strings.Builder
	for _, s := range c.path {
		if s.value == nil {
			path.WriteString("/" + s.literal)
			continue
		}
		value, err := run(s.value)
		if err != nil {
			return api.Request{}, err
		}
		if fault := segmentFault(value); fault != "" {
			return api.Request{}, t.client.Fail(c.name, api.ClassInput, s.label+" cannot be sent as a part of the path: it is "+fault)
		}
		path.WriteString("/" + s.literal + escaped(value))
	}
	for _, p := range slices.Concat(c.query, more) {
		value, err := t.optional(ctx, p.value, values)
		if err != nil {
			return api.Request{}, err
		}
		if value == nil {
			continue
		}
		if query.Len() > 0 {
			query.WriteByte('&')
		}
		query.WriteString(api.EscapeSegment(p.name) + "=" + escaped(*value))
	}
	request.Path = api.FieldPath(c.template(), path.String(), secret.New(query.String())).Below(t.base.prefix)
	t.asked = t.base.prefix + path.String()

	for _, p := range c.header {
		value, err := t.optional(ctx, p.value, values)
		if err != nil {
			return api.Request{}, err
		}
		if value == nil {
			continue
		}
		request.Header = append(request.Header, api.Header{Name: p.name, Value: *value})
	}
	if c.media != "" {
		request.Header = append(request.Header, api.Header{Name: "Content-Type", Value: secret.New(c.media)})
	}
	header, err := t.authHeader(c, run)
	if err != nil {
		return api.Request{}, err
	}
	request.Header = append(request.Header, header...)
	for _, header := range request.Header {
		if fault := api.HeaderFault(header.Value); fault != "" {
			return api.Request{}, t.client.Fail(c.name, api.ClassInput, "the header "+header.Name+" would carry "+fault)
		}
	}

	switch {
	case c.form != nil:
		var members []api.Member
		for _, p := range c.form {
			value, err := t.optional(ctx, p.value, values)
			if err != nil {
				return api.Request{}, err
			}
			if value != nil {
				members = append(members, api.Member{Name: p.name, Value: *value})
			}
		}
		request.Body = api.FormBody(members...)
	case c.body != nil:
		value, err := c.body.build(ctx, values)
		if err != nil {
			return api.Request{}, err
		}
		request.Body = api.JSONBody(value)
	}
	return request, nil
}

// optional is the text of a value of a query, a header or a form; nil for null, which leaves
// the entry out.
func (t *target) optional(ctx context.Context, e *expression, values map[string]any) (*secret.Value, error) {
	value, err := e.run(ctx, nil, values)
	if err != nil || value == nil {
		return nil, err
	}
	result, err := text(value)
	if err != nil {
		return nil, fmt.Errorf("the expression at %s gives nothing to send: %w", e.at, err)
	}
	return &result, nil
}

// build makes the value that is sent.
func (d *data) build(ctx context.Context, values map[string]any) (any, error) {
	switch {
	case d.value != nil:
		value, err := d.value.run(ctx, nil, values)
		if err != nil {
			return nil, err
		}
		return sendable(value)
	case d.isList:
		list := []any{}
		for _, element := range d.list {
			value, err := element.build(ctx, values)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	}
	object := api.Object{}
	for _, m := range d.members {
		value, err := m.value.build(ctx, values)
		if err != nil {
			return nil, err
		}
		object = append(object, api.Member{Name: m.name, Value: value})
	}
	return object, nil
}

// authOf returns the expressions of the auth that a call goes out with.
func (t *target) authOf(c *call) []*expression {
	a := c.auth
	if a == nil {
		a = t.recipe.auth
	}
	if a == nil {
		return nil
	}
	return []*expression{a.value, a.user, a.password}
}

// authHeader shows who asks.
func (t *target) authHeader(c *call, run func(*expression) (secret.Value, error)) ([]api.Header, error) {
	a := c.auth
	if a == nil {
		a = t.recipe.auth
	}
	if a == nil {
		return nil, nil
	}
	switch a.kind {
	case authBearer, authClient:
		token, err := run(a.value)
		if err != nil {
			return nil, err
		}
		fault := api.HeaderFault(token)
		if fault == "" && a.kind == authBearer {
			fault = params.TokenFault(token)
		}
		if fault != "" {
			return nil, t.client.Fail(c.name, api.ClassInput, "the token for the header Authorization is "+fault)
		}
		return []api.Header{api.Bearer(token)}, nil
	case authHeader:
		value, err := run(a.value)
		return []api.Header{{Name: a.name, Value: value}}, err
	case authBasic:
		user, err := run(a.user)
		if err != nil {
			return nil, err
		}
		password, err := run(a.password)
		if err != nil {
			return nil, err
		}
		header, err := basic(user, password)
		if err != nil {
			return nil, t.client.Fail(c.name, api.ClassInput, err.Error())
		}
		return []api.Header{header}, nil
	case authCookie:
		if t.session.IsEmpty() {
			return nil, errors.New("there is no session to send")
		}
		return []api.Header{cookie(a.name, t.session)}, nil
	}
	return nil, nil
}
