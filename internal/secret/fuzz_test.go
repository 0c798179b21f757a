package secret_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/secret"
)

// FuzzScrubber puts a secret into a text and wants it out again: in every form
// of stream, whatever stands around it and whatever else is known.
func FuzzScrubber(f *testing.F) {
	for i, hidden := range hostile {
		for picked := range encodings {
			if picked%len(hostile) == i {
				f.Add(hidden, "vendor said: ", "\n", "]abc", uint(picked))
			}
		}
	}
	for i, hidden := range conformance.Secrets() {
		f.Add(hidden, "vendor said: ", "\n", "other-secret", uint(i))
	}
	f.Add("hunter22", `\`, "abcabc", "]abc", uint(0))
	f.Add(`n"bcd`, `\`, "", "", uint(1))
	f.Fuzz(func(t *testing.T, hidden, prefix, suffix, other string, picked uint) {
		const word = "not-changed"
		encode := encodings[picked%uint(len(encodings))].encode
		encoded := encode(hidden)
		text := prefix + encoded + suffix
		s := secret.NewScrubber(word)
		s.Seal(hidden)
		s.Seal(other)
		certain := min(len(hidden), len(encoded)) >= 4 && !strings.Contains(word, hidden)

		forms := map[string]func(string) string{
			"line": func(text string) string { return through(t, s, secret.Lines, text) },
			"JSON": func(text string) string { return through(t, s, secret.JSON, text) },
			"text": s.Text,
		}
		for name, scrub := range forms {
			for _, in := range []string{text, jsonLine(t, text)} {
				out := scrub(in)
				if certain && shows(out, hidden, encode) {
					t.Errorf("%s: %q became %q, with the secret %q", name, in, out, hidden)
				}
				if again := scrub(out); again != out {
					t.Errorf("%s: %q became %q and then %q", name, in, out, again)
				}
				if len(out) > 3*len(in)+64 {
					t.Errorf("%s: %q became %q, which is too long", name, in, out)
				}
				if name == "JSON" && json.Valid([]byte(in)) && !json.Valid([]byte(out)) {
					t.Errorf("%s: %q became %q, which is not valid", name, in, out)
				}
			}
		}
		if out := s.Text(text); hidden != "" && strings.Contains(withoutMarks(out), hidden) {
			t.Errorf("text: %q became %q, with the secret %q", text, out, hidden)
		}

		var fields struct{ Message string }
		out := through(t, s, secret.JSON, jsonLine(t, text))
		if err := json.Unmarshal([]byte(out), &fields); err != nil {
			t.Fatal(err)
		}
		if certain && shows(fields.Message, hidden, encode) {
			t.Errorf("JSON: %q became %q, with the secret %q", text, fields.Message, hidden)
		}
	})
}
