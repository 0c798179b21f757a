package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"pam-rotate-script/internal/secret"
)

// canary is a secret that would be seen in any output.
const canary = `Tr0ub4dor&3"<é😀`

// verbs are all but %T, which has no value to show.
var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%#q", "%x", "% x", "%#x", "%X", "%d", "%p", "%t", "%c", "%U", "%e", "%g", "%b", "%o", "%w", "%20v", "%-3.2s", "%!"}

// mustHide fails the test if output shows canary in any encoding, or the bytes
// of it as a list of numbers.
func mustHide(t *testing.T, what, output string) {
	t.Helper()
	encodings := append([]encoding{
		{"a list of bytes", func(s string) string { return strings.Trim(fmt.Sprint([]byte(s)), "[]") }},
		{"a list of hexadecimal bytes", func(s string) string { return fmt.Sprintf("% x", s) }},
		{"a Go slice", func(s string) string { return fmt.Sprintf("%#v", []byte(s))[len("[]byte{"):20] }},
		{"its beginning", func(s string) string { return s[:4] }},
	}, encodings...)
	for _, encoding := range encodings {
		if shows(output, canary, encoding.encode) {
			t.Errorf("%s shows the secret as %s: %s", what, encoding.name, output)
		}
	}
}

// mustMask fails the test unless output shows Mask, and canary nowhere.
func mustMask(t *testing.T, what, output string) {
	t.Helper()
	mustHide(t, what, output)
	if !strings.Contains(output, secret.Mask) {
		t.Errorf("%s does not show the mask: %s", what, output)
	}
}

type exported struct {
	Name     string
	Password secret.Value
	Pointer  *secret.Value
	List     []secret.Value
	Map      map[string]secret.Value
	Any      any
}

type unexported struct {
	password secret.Value
	pointer  *secret.Value
	list     [1]secret.Value
	inner    struct{ any any }
}

type embedded struct{ secret.Value }

func newExported(v secret.Value) exported {
	return exported{"jdoe", v, &v, []secret.Value{v}, map[string]secret.Value{"k": v}, v}
}

func newUnexported(v secret.Value) unexported {
	return unexported{v, &v, [1]secret.Value{v}, struct{ any any }{v}}
}

func TestValueReveal(t *testing.T) {
	for _, text := range []string{"", " ", canary, "\xff\x00"} {
		value := secret.New(text)
		if value.Reveal() != text {
			t.Errorf("New(%q).Reveal() = %q", text, value.Reveal())
		}
		if value.IsEmpty() != (text == "") {
			t.Errorf("New(%q).IsEmpty() = %t", text, value.IsEmpty())
		}
	}
	var zero secret.Value
	if zero.Reveal() != "" || !zero.IsEmpty() {
		t.Errorf("the zero Value reveals %q", zero.Reveal())
	}
}

func TestValueEqual(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"abc", "abc", true},
		{"abc", "abd", false},
		{"abc", "ab", false},
		{"", "a", false},
	}
	for _, test := range tests {
		if got := secret.New(test.a).Equal(secret.New(test.b)); got != test.want {
			t.Errorf("New(%q).Equal(New(%q)) = %t", test.a, test.b, got)
		}
	}
	if !secret.New("").Equal(secret.Value{}) {
		t.Error("New(\"\") does not equal the zero Value")
	}
}

func TestValuePrinted(t *testing.T) {
	v := secret.New(canary)
	for _, verb := range verbs {
		for _, direct := range []any{v, &v, embedded{v}} {
			output := fmt.Sprintf(verb, direct)
			switch verb {
			case "%p", "%w", "%!": // never reach Format
				mustHide(t, verb, output)
			default:
				mustMask(t, verb, output)
			}
		}
		nested := []any{
			newExported(v), new(newExported(v)), newUnexported(v), new(newUnexported(v)),
			[]any{v, &v}, map[string]any{"k": v}, [2]secret.Value{v, v}, []embedded{{v}}, struct{ v any }{&v},
		}
		for _, thing := range nested {
			mustHide(t, verb, fmt.Sprintf(verb, thing))
		}
	}
	mustMask(t, "Sprint", fmt.Sprint(v, &v, newExported(v)))
	mustMask(t, "Sprintln", fmt.Sprintln(v, newUnexported(v), newExported(v)))
	mustMask(t, "String", v.String())
	mustMask(t, "GoString", v.GoString())
	mustMask(t, "a list", fmt.Sprintf("%v", []secret.Value{v}))
	mustMask(t, "a map", fmt.Sprintf("%v", map[string]secret.Value{"k": v}))
	mustMask(t, "a field", fmt.Sprintf("%+v", newExported(v)))
}

// The mask must not tell an empty text from any other.
func TestZeroValuePrinted(t *testing.T) {
	var v secret.Value
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, v); got != secret.Mask {
			t.Errorf("%s gave %q", verb, got)
		}
	}
}

func TestValueInErrors(t *testing.T) {
	v := secret.New(canary)
	cause := fmt.Errorf("sign in with %v and %#v", v, newExported(v))
	wrapped := fmt.Errorf("rotate %s: %w", v, errors.Join(cause, fmt.Errorf("%q", v)))
	for _, verb := range verbs {
		mustHide(t, verb, fmt.Sprintf(verb, wrapped))
	}
	mustMask(t, "Error", wrapped.Error())
}

func TestValueInPanics(t *testing.T) {
	v := secret.New(canary)
	for _, thing := range []any{v, &v, newExported(v), newUnexported(v), fmt.Errorf("lost %v", v)} {
		func() {
			defer func() {
				mustHide(t, "a panic", fmt.Sprintf("%v %+v", recover(), thing))
				mustHide(t, "a stack", string(debug.Stack()))
			}()
			panic(thing)
		}()
	}
}

func TestValueEncoded(t *testing.T) {
	v := secret.New(canary)
	encoders := []struct {
		name   string
		encode func(any) ([]byte, error)
	}{
		{"JSON", json.Marshal},
		{"indented JSON", func(thing any) ([]byte, error) { return json.MarshalIndent(thing, "", "  ") }},
		{"JSON in JSON", func(thing any) ([]byte, error) {
			inner, err := json.Marshal(thing)
			if err != nil {
				return nil, err
			}
			return json.Marshal(map[string]any{"raw": json.RawMessage(inner), "text": string(inner)})
		}},
	}
	for _, encoder := range encoders {
		for _, thing := range []any{v, &v, embedded{v}, newExported(v), new(newExported(v)), []secret.Value{v}, map[string]any{"k": v}} {
			output, err := encoder.encode(thing)
			if err != nil {
				t.Fatalf("%s of %T: %v", encoder.name, thing, err)
			}
			mustMask(t, encoder.name, string(output))
		}
		output, err := encoder.encode(newUnexported(v))
		if err != nil {
			t.Fatal(err)
		}
		mustHide(t, encoder.name, string(output))
	}

	output, err := xml.Marshal(struct {
		XMLName   xml.Name     `xml:"user"`
		Attribute secret.Value `xml:"attribute,attr"`
		Element   *secret.Value
	}{Attribute: v, Element: &v})
	if err != nil {
		t.Fatal(err)
	}
	mustMask(t, "XML", string(output))

	text, err := v.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	mustMask(t, "MarshalText", string(text))
}

// gob cannot encode a Value; neither its output nor its error shows one.
func TestValueInGob(t *testing.T) {
	var out bytes.Buffer
	err := gob.NewEncoder(&out).Encode(newExported(secret.New(canary)))
	mustHide(t, "gob", fmt.Sprintf("%s %v", out.Bytes(), err))
}

func TestValueInZerolog(t *testing.T) {
	v := secret.New(canary)
	events := map[string]func(*zerolog.Event) *zerolog.Event{
		"Interface":         func(e *zerolog.Event) *zerolog.Event { return e.Interface("k", v) },
		"Interface, nested": func(e *zerolog.Event) *zerolog.Event { return e.Interface("k", newExported(v)) },
		"Any":               func(e *zerolog.Event) *zerolog.Event { return e.Any("k", &v) },
		"Stringer":          func(e *zerolog.Event) *zerolog.Event { return e.Stringer("k", v) },
		"Str":               func(e *zerolog.Event) *zerolog.Event { return e.Str("k", v.String()) },
		"Fields, map":       func(e *zerolog.Event) *zerolog.Event { return e.Fields(map[string]any{"k": v, "l": []any{v}}) },
		"Fields, list":      func(e *zerolog.Event) *zerolog.Event { return e.Fields([]any{"k", v}) },
		"Err":               func(e *zerolog.Event) *zerolog.Event { return e.Err(fmt.Errorf("lost %v", v)) },
		"AnErr":             func(e *zerolog.Event) *zerolog.Event { return e.AnErr("k", fmt.Errorf("lost %#v", newExported(v))) },
		"Object":            func(e *zerolog.Event) *zerolog.Event { return e.Object("k", marshaler{v}) },
		"Dict":              func(e *zerolog.Event) *zerolog.Event { return e.Dict("k", zerolog.Dict().Any("l", v)) },
		"Array":             func(e *zerolog.Event) *zerolog.Event { return e.Array("k", zerolog.Arr().Interface(v)) },
	}
	for name, event := range events {
		t.Run(name, func(t *testing.T) {
			var plain, console bytes.Buffer
			log := zerolog.New(zerolog.MultiLevelWriter(&plain, zerolog.ConsoleWriter{Out: &console, NoColor: true}))
			event(log.Info()).Msg("done")
			mustMask(t, "JSON", plain.String())
			mustMask(t, "the console form", console.String())
		})
	}
	t.Run("With", func(t *testing.T) {
		var out bytes.Buffer
		log := zerolog.New(&out).With().Interface("k", v).Stringer("l", v).Logger()
		log.Info().Msgf("%v", v)
		mustMask(t, "JSON", out.String())
	})
}

type marshaler struct{ value secret.Value }

func (m marshaler) MarshalZerologObject(e *zerolog.Event) { e.Interface("value", m.value) }

func TestValueInSlog(t *testing.T) {
	v := secret.New(canary)
	var text, encoded bytes.Buffer
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&text, nil)), slog.New(slog.NewJSONHandler(&encoded, nil))} {
		log.With("w", v).WithGroup("g").Info("done", "value", v, "pointer", &v, "nested", newExported(v),
			"unexported", newUnexported(v), "error", fmt.Errorf("lost %v", v), slog.Group("h", "value", v))
	}
	mustMask(t, "text", text.String())
	mustMask(t, "JSON", encoded.String())
	if got := v.LogValue().String(); got != secret.Mask {
		t.Errorf("LogValue() = %q", got)
	}
}

// A Value that somebody revealed by mistake is still caught by the Scrubber.
func TestZerologThroughScrubber(t *testing.T) {
	s := secret.NewScrubber("level", "info", "message")
	v := s.Seal(canary)
	var plain, console bytes.Buffer
	log := zerolog.New(zerolog.MultiLevelWriter(
		s.Writer(&plain, secret.JSON),
		zerolog.ConsoleWriter{Out: s.Writer(&console, secret.Lines), NoColor: true},
	))
	log.Info().
		Str("str", v.Reveal()).
		Bytes("bytes", []byte(v.Reveal())).
		Hex("hex", []byte(v.Reveal())).
		Any("any", map[string]string{v.Reveal(): v.Reveal()}).
		Err(fmt.Errorf("got %q", v.Reveal())).
		Msg(v.Reveal())
	mustMask(t, "JSON", plain.String())
	mustMask(t, "the console form", console.String())
	var fields map[string]any
	if err := json.Unmarshal(plain.Bytes(), &fields); err != nil {
		t.Errorf("%s: %v", plain.String(), err)
	}
}
