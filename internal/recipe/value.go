package recipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
)

// stored is the value of a variable. What is secret is kept as secret.Value, and is plain
// only while a request is made or an answer is judged.
type stored struct {
	public any
	hidden secret.Value // JSON of the value, if it is secret
}

// hide keeps a value as a secret; every text in it is from then on kept out of the output.
func hide(client *api.Client, value any) (stored, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return stored{}, errors.New("the value cannot be kept")
	}
	eachText(value, func(text string) { client.Seal(text) })
	return stored{hidden: secret.New(string(encoded))}, nil
}

func eachText(value any, visit func(string)) {
	switch value := value.(type) {
	case string:
		visit(value)
	case json.Number:
		visit(value.String())
	case []any:
		for _, element := range value {
			eachText(element, visit)
		}
	case map[string]any:
		for _, element := range value {
			eachText(element, visit)
		}
	}
}

// reveal returns the value as expressions see it.
func (s stored) reveal() any {
	if s.hidden.IsEmpty() {
		return s.public
	}
	return decode(s.hidden.Reveal())
}

func decode(text string) any {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return nil
	}
	return value
}

// values returns what some variables stand for. Names in more win.
func (t *target) values(names nameSet, more map[string]any) map[string]any {
	values := maps.Clone(more)
	if values == nil {
		values = map[string]any{}
	}
	for name := range names {
		if _, given := values[name]; given {
			continue
		}
		switch name {
		case varUser:
			values[name] = t.job.User
		case varNew:
			values[name] = t.job.NewPassword.Reveal()
		case varOld:
			values[name] = t.job.OldPassword.Reveal()
		case varAccess, varSet:
			values[name] = fieldValues(t.recipe.fields, t.job.Settings, name == varAccess)
		default:
			values[name] = t.kept[name].reveal()
		}
	}
	return values
}

// nameSet is the names of the variables that some expressions use.
type nameSet map[string]bool

func namesOf(expressions ...*expression) nameSet {
	names := nameSet{}
	for _, e := range expressions {
		if e != nil {
			for _, name := range e.free {
				names[name] = true
			}
		}
	}
	return names
}

// fieldValues are the recipe's fields as expressions see them: null where there is no value.
func fieldValues(fields []field, settings *params.Settings, secrets bool) map[string]any {
	values := map[string]any{}
	for _, f := range fields {
		if f.secret() && !secrets {
			continue
		}
		var value any
		switch f.Kind {
		case params.Bool:
			value = settings.Bool(f.Label)
		case params.Seconds:
			value = int(settings.Seconds(f.Label).Seconds())
		case params.List:
			var list []any
			for _, element := range settings.List(f.Label) {
				list = append(list, element)
			}
			value = list
		case params.Object:
			if text := settings.Object(f.Label); !text.IsEmpty() {
				value = decode(text.Reveal())
			}
		default:
			if text := settings.Secret(f.Label); !text.IsEmpty() {
				value = text.Reveal()
			}
		}
		values[f.name] = value
	}
	return values
}

// text returns a value as the text that stands for it in a path, a query, a header or a
// form. A list or an object has none.
func text(value any) (secret.Value, error) {
	switch value := value.(type) {
	case string:
		return secret.New(value), nil
	case bool, int, json.Number:
		return secret.New(fmt.Sprint(value)), nil
	case *big.Int:
		return secret.New(value.String()), nil
	case float64:
		encoded, err := json.Marshal(value)
		if err != nil {
			return secret.Value{}, errors.New("it is no number that can be sent")
		}
		return secret.New(string(encoded)), nil
	case nil:
		return secret.Value{}, errors.New("there is no value")
	}
	return secret.Value{}, errors.New("it is a list or an object, and a text is needed")
}

// sendable turns the value of an expression into what api.JSONBody takes. Names of objects
// come in order of the alphabet.
func sendable(value any) (any, error) {
	switch value := value.(type) {
	case string:
		return secret.New(value), nil
	case map[string]any:
		object := api.Object{}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			inner, err := sendable(value[name])
			if err != nil {
				return nil, err
			}
			object = append(object, api.Member{Name: name, Value: inner})
		}
		return object, nil
	case []any:
		list := []any{}
		for _, element := range value {
			inner, err := sendable(element)
			if err != nil {
				return nil, err
			}
			list = append(list, inner)
		}
		return list, nil
	case *big.Int:
		return json.Number(value.String()), nil
	case float64:
		encoded, err := json.Marshal(value)
		if err != nil {
			return nil, errors.New("it has a number that cannot be sent")
		}
		return json.Number(encoded), nil
	}
	return value, nil
}

// segmentFault says why a value cannot be one segment of a path, or "".
func segmentFault(value secret.Value) string { return api.SegmentFault(value.Reveal()) }

// escaped is a value as one segment of a path, or one value of a query.
func escaped(value secret.Value) string { return api.EscapeSegment(value.Reveal()) }

// basic is the header of HTTP Basic authentication. A name with a colon cannot be sent.
func basic(user, password secret.Value) (api.Header, error) {
	if strings.Contains(user.Reveal(), ":") {
		return api.Header{}, errors.New("the user name has a colon, which HTTP Basic authentication cannot carry")
	}
	return api.Basic(user.Reveal(), password), nil
}

// cookie is the header that sends one cookie.
func cookie(name string, value secret.Value) api.Header {
	return api.Header{Name: "Cookie", Value: secret.New(name + "=" + value.Reveal())}
}

// seal makes a value known to the client, so that it stays out of the output.
func seal(client *api.Client, value secret.Value) secret.Value { return client.Seal(value.Reveal()) }

// plain is a password as expressions see it.
func plain(password secret.Value) string { return password.Reveal() }
