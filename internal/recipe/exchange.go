package recipe

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/secret"
)

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
