package recipetest

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"sort"
	"strings"

	"pam-rotate-script/internal/recipe"
)

// shape is how a value stands in another one: in a form, with fixed text around it.
type shape struct {
	form          int // the place in forms
	before, after string
}

// forms are the ways in which a recipe may send a value. They are written here once more, and not
// taken from the language, whose faults the tests are to find.
var forms = []func(string) string{
	func(text string) string { return text },
	asJSON,
	url.PathEscape,
	url.QueryEscape,
	func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) },
	func(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" },
	func(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` },
	func(text string) string { return "`" + strings.ReplaceAll(text, "`", "``") + "`" },
	func(text string) string { return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'" },
	func(text string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"` },
	strings.ToLower,
}

func asJSON(text string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(text) != nil {
		return ""
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// shapesOf finds the places of a request where a value stands, each with the shapes that it may
// have there.
func shapesOf(values map[string]string, value string) map[string][]shape {
	found := map[string][]shape{}
	if value == "" {
		return nil
	}
	for place, text := range values {
		for i, form := range forms {
			if before, after, ok := strings.Cut(text, form(value)); ok {
				found[place] = append(found[place], shape{i, before, after})
			}
		}
	}
	return found
}

// arrived says where a value does not stand in one of the shapes of its place.
func arrived(what string, places map[string][]shape, values map[string]string, value string) (faults []string) {
	for place, shapes := range places {
		fits := false
		for _, s := range shapes {
			fits = fits || values[place] == s.before+forms[s.form](value)+s.after
		}
		if !fits {
			faults = append(faults, "the "+what+" did not arrive as it is in "+place)
		}
	}
	sort.Strings(faults)
	return faults
}

// renamed are exchanges with a vendor that knows the user under another name.
func renamed(exchanges []recipe.Exchange, user, name string) []recipe.Exchange {
	out := make([]recipe.Exchange, len(exchanges))
	for i, exchange := range exchanges {
		out[i] = exchange
		path, query, asked := strings.Cut(exchange.Path, "?")
		segments := strings.Split(path, "/")
		for j, segment := range segments {
			segments[j] = renamedIn(segment, user, name)
		}
		if out[i].Path = strings.Join(segments, "/"); asked {
			pairs := strings.Split(query, "&")
			for j, pair := range pairs {
				if key, value, ok := strings.Cut(pair, "="); ok {
					pairs[j] = key + "=" + renamedIn(value, user, name)
				}
			}
			out[i].Path += "?" + strings.Join(pairs, "&")
		}
		out[i].Answer = renamedValue(exchange.Answer, user, name)
	}
	return out
}

// renamedIn puts a name into an escaped part of a path or a query, where it is the user's, be it
// behind a text such as username=.
func renamedIn(part, user, name string) string {
	text, err := url.PathUnescape(part)
	if before, after, ok := strings.Cut(text, user); err == nil && ok && after == "" {
		return strings.ReplaceAll(url.QueryEscape(before), "%3D", "=") + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	}
	return part
}

// renamedValue puts a name into data, wherever a text or a name of an object is the user's.
func renamedValue(value any, user, name string) any {
	switch value := value.(type) {
	case string:
		if value == user {
			return name
		}
	case []any:
		list := make([]any, len(value))
		for i, element := range value {
			list[i] = renamedValue(element, user, name)
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for key, element := range value {
			if key == user {
				key = name
			}
			object[key] = renamedValue(element, user, name)
		}
		return object
	}
	return value
}
