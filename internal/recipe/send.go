package recipe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
)

// request makes a call's request.
func (t *target) request(ctx context.Context, c *call, tried map[string]any, more []pair) (api.Request, error) {
	values := t.values(namesOf(append(c.requestExpressions(), t.authOf(c)...)...), tried)
	run := func(e *expression) (secret.Value, error) {
		value, err := e.run(ctx, nil, values)
		if err != nil {
			return secret.Value{}, err
		}
		return sent(e, value)
	}
	request := api.Request{Action: c.name, Kind: t.kindOf(c), Method: c.method, Timeout: c.timeout, Creates: c.creates, Host: t.base.host}
	path, err := t.pathOf(c, run)
	if err != nil {
		return api.Request{}, err
	}
	query, err := t.queryOf(ctx, slices.Concat(c.query, more), values)
	if err != nil {
		return api.Request{}, err
	}
	request.Path = api.FieldPath(c.template(), path, query).Below(t.base.prefix)
	t.asked = t.base.prefix + path
	if request.Header, err = t.headersOf(ctx, c, values, run); err != nil {
		return api.Request{}, err
	}
	if request.Body, err = t.bodyOf(ctx, c, values); err != nil {
		return api.Request{}, err
	}
	return request, nil
}

// pathOf joins the segments of a call's path.
func (t *target) pathOf(c *call, run func(*expression) (secret.Value, error)) (string, error) {
	var path strings.Builder
	for _, s := range c.path {
		path.WriteString("/" + s.literal)
		if s.value == nil {
			continue
		}
		value, err := run(s.value)
		if err != nil {
			return "", err
		}
		if fault := segmentFault(value); fault != "" {
			return "", t.client.Fail(c.name, api.ClassInput, s.label+" cannot be sent as a part of the path: it is "+fault)
		}
		path.WriteString(escaped(value))
	}
	return path.String(), nil
}

// queryOf joins the pairs of a query. One whose value is null is left out.
func (t *target) queryOf(ctx context.Context, pairs []pair, values map[string]any) (secret.Value, error) {
	var query strings.Builder
	for _, p := range pairs {
		value, err := t.optional(ctx, p.value, values)
		if err != nil {
			return secret.Value{}, err
		}
		if value == nil {
			continue
		}
		if query.Len() > 0 {
			query.WriteByte('&')
		}
		query.WriteString(api.EscapeSegment(p.name) + "=" + escaped(*value))
	}
	return secret.New(query.String()), nil
}

// headersOf returns the headers of a call, those that show who asks included.
func (t *target) headersOf(ctx context.Context, c *call, values map[string]any, run func(*expression) (secret.Value, error)) ([]api.Header, error) {
	var headers []api.Header
	for _, p := range c.header {
		value, err := t.optional(ctx, p.value, values)
		if err != nil {
			return nil, err
		}
		if value != nil {
			headers = append(headers, api.Header{Name: p.name, Value: *value})
		}
	}
	if c.media != "" {
		headers = append(headers, api.Header{Name: "Content-Type", Value: secret.New(c.media)})
	}
	auth, err := t.authHeader(c, run)
	if err != nil {
		return nil, err
	}
	headers = append(headers, auth...)
	for _, header := range headers {
		if fault := api.HeaderFault(header.Value); fault != "" {
			return nil, t.client.Fail(c.name, api.ClassInput, "the header "+header.Name+" would carry "+fault)
		}
	}
	return headers, nil
}

// bodyOf returns the body of a call; the zero Body if it has none.
func (t *target) bodyOf(ctx context.Context, c *call, values map[string]any) (api.Body, error) {
	switch {
	case c.form != nil:
		var members []api.Member
		for _, p := range c.form {
			value, err := t.optional(ctx, p.value, values)
			if err != nil {
				return api.Body{}, err
			}
			if value != nil {
				members = append(members, api.Member{Name: p.name, Value: *value})
			}
		}
		return api.FormBody(members...), nil
	case c.body != nil:
		value, err := c.body.build(ctx, values)
		if err != nil {
			return api.Body{}, err
		}
		return api.JSONBody(value), nil
	}
	return api.Body{}, nil
}

// sent is the text of what an expression has come to.
func sent(e *expression, value any) (secret.Value, error) {
	result, err := text(value)
	if err != nil {
		return secret.Value{}, fmt.Errorf("the expression at %s gives nothing to send: %w", e.at, err)
	}
	return result, nil
}

// optional is the text of a value of a query, a header or a form; nil for null, which leaves
// the entry out.
func (t *target) optional(ctx context.Context, e *expression, values map[string]any) (*secret.Value, error) {
	value, err := e.run(ctx, nil, values)
	if err != nil || value == nil {
		return nil, err
	}
	result, err := sent(e, value)
	if err != nil {
		return nil, err
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
	a := t.recipe.authFor(c)
	if a == nil {
		return nil
	}
	return []*expression{a.value, a.user, a.password}
}

// authHeader shows who asks.
func (t *target) authHeader(c *call, run func(*expression) (secret.Value, error)) ([]api.Header, error) {
	a := t.recipe.authFor(c)
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
