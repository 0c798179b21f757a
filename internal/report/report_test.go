package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/targets/all"
)

func TestLine(t *testing.T) {
	for want, result := range map[string]rotation.Result{
		"changed: teramind jdoe@example.com (agent 42), confirmed by Teramind's answer in 312 ms": {
			Outcome: rotation.Changed, Target: "teramind", User: "jdoe@example.com", Account: "agent 42",
			Message: "confirmed by Teramind's answer", DurationMS: 312,
		},
		"not-changed: teramind jdoe: look up the agent: answered 404 Not Found [account]": {
			Outcome: rotation.NotChanged, Class: api.ClassAccount, Target: "teramind", User: "jdoe",
			Message: "teramind: look up the agent: answered 404 Not Found",
		},
		"not-changed: payload: stdin is empty [input]": {
			Outcome: rotation.NotChanged, Class: api.ClassInput, Message: "payload: stdin is empty",
		},
		`unknown: rest "jane\nchanged: rest" ("account \"a b\""): lost [network]`: {
			Outcome: rotation.Unknown, Class: api.ClassNetwork, Target: "rest", User: "jane\nchanged: rest",
			Account: "account \"a b\"", Message: "lost",
		},
	} {
		if got := report.Line(result); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for name, want := range map[string]string{
		"jane@example.com": "jane@example.com", "Jane Doe": "Jane Doe", `DOMAIN\jane`: `DOMAIN\jane`, "jäne": "jäne",
		"a\nb": `"a\nb"`, "a,b": `"a,b"`, `a"b`: `"a\"b"`, " a": `" a"`, "a\u202eb": `"a\u202eb"`, "a\x1b[31m": `"a\x1b[31m"`,
	} {
		if got := report.Plain(name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}

// TestStreamsAreScrubbed: whatever is printed by mistake is taken out at the end.
func TestStreamsAreScrubbed(t *testing.T) {
	for _, json := range []bool{false, true} {
		for _, format := range report.Formats {
			scrubber := secret.NewScrubber(report.Vocabulary()...)
			scrubber.Seal("canary-password")
			var stdout, stderr bytes.Buffer
			printer := report.New(&stdout, &stderr, scrubber, report.Options{JSON: json, LogFormat: format, LogLevel: "debug"})
			log := printer.Log("", "")
			log.Debug().Str("leak", "canary-password").Msg("canary-password")
			printer.Result(rotation.Result{
				Outcome: rotation.Unknown, Class: api.ClassTarget, User: "canary-password", Account: "canary-password",
				Message: "canary-password", Hints: []string{"canary-password"}, Warnings: []string{"canary-password"},
			})
			printer.Lines("canary-password")
			printer.Usage("canary-password")
			if text := stdout.String() + stderr.String(); strings.Contains(text, "canary") || !strings.Contains(text, secret.Mask) {
				t.Errorf("json %v, format %s: %s", json, format, text)
			}
		}
	}
}

// TestOutcomeIsTold: whatever the secrets are and however long the names, the result stands on
// its line or in its object, which has an end.
func TestOutcomeIsTold(t *testing.T) {
	long := strings.Repeat("a", 1<<15)
	many := make([]string, 20)
	for i := range many {
		many[i] = long
	}
	for name, hidden := range map[string]string{
		"much repeated": long[:1<<14], "an outcome": "changed", "a class": "network", "punctuation": `","`, "a member": `"outcome":"unknown"`,
		"a line's beginning": "unknown: ", "none": "canary-password",
	} {
		for _, object := range []bool{false, true} {
			scrubber := secret.NewScrubber(report.Vocabulary()...)
			scrubber.Seal(hidden)
			scrubber.SealLogin(long, secret.New(hidden))
			var stdout, stderr bytes.Buffer
			report.New(&stdout, &stderr, scrubber, report.Options{JSON: object}).Result(rotation.Result{
				Outcome: rotation.Unknown, Class: api.ClassNetwork, Target: "rest", User: long, Account: long, Message: long, Hints: many, Warnings: many,
			})
			if stdout.Len() > 64<<10 || stderr.Len() > 64<<10 || strings.Count(stdout.String(), "\n") != 1 {
				t.Errorf("%s: %d and %d bytes", name, stdout.Len(), stderr.Len())
			}
			if !object {
				if !strings.HasPrefix(stdout.String(), "unknown: ") {
					t.Errorf("%s: %.100s", name, stdout.String())
				}
				continue
			}
			var read rotation.Result
			if err := json.Unmarshal(stdout.Bytes(), &read); err != nil || read.Outcome != rotation.Unknown || read.Class != api.ClassNetwork {
				t.Errorf("%s: %v, %.100s", name, err, stdout.String())
			}
		}
	}
}

// TestObject: the JSON form has every member, whatever happened.
func TestObject(t *testing.T) {
	var stdout, stderr bytes.Buffer
	printer := report.New(&stdout, &stderr, secret.NewScrubber(), report.Options{JSON: true})
	printer.Result(rotation.Failure(&params.Error{Problems: []string{"payload: stdin is empty"}}))
	var object map[string]any
	if err := json.Unmarshal(stdout.Bytes(), &object); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"outcome", "class", "target", "user", "account", "proof", "message", "hints", "warnings",
		"requests", "writes", "tries", "failed_logins", "duration_ms", "run_id", "version",
	} {
		if value, ok := object[name]; !ok || value == nil {
			t.Errorf("%s is missing: %s", name, stdout.String())
		}
	}
	if len(object) != 16 {
		t.Errorf("%d members", len(object))
	}
}

// TestLogSettings: flags win over fields, fields over defaults.
func TestLogSettings(t *testing.T) {
	for _, test := range []struct {
		options       report.Options
		level, format string
		debug, json   bool
	}{
		{report.Options{}, "", "", false, false},
		{report.Options{}, "debug", "json", true, true},
		{report.Options{LogLevel: "error", LogFormat: "console"}, "debug", "json", false, false},
		{report.Options{LogLevel: "debug", LogFormat: "json"}, "error", "console", true, true},
	} {
		var stderr bytes.Buffer
		log := report.New(&bytes.Buffer{}, &stderr, nil, test.options).Log(test.level, test.format)
		log.Debug().Msg("fine")
		log.Error().Msg("grave")
		if got := strings.Contains(stderr.String(), "fine"); got != test.debug {
			t.Errorf("%+v: debug %v", test, got)
		}
		if got := json.Valid(bytes.Split(stderr.Bytes(), []byte("\n"))[0]); got != test.json {
			t.Errorf("%+v: JSON %v: %s", test, got, stderr.String())
		}
	}
}

// TestPages: every field of every vendor is explained on its page, in one row, and what all
// share in the reference. A page has 700 words at the most.
func TestPages(t *testing.T) {
	reference, err := os.ReadFile("../../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range targets.CommonFields(targets.Info{}) {
		if field.Help == "" || !bytes.Contains(reference, []byte("`"+field.Label+"`")) {
			t.Errorf("the field %s is not explained in docs/reference.md", field.Label)
		}
	}
	for _, info := range all.Registry() {
		page := report.Page(info)
		for _, field := range info.Fields {
			if field.Help == "" || !strings.Contains(page, "| `"+field.Label+"` |") {
				t.Errorf("%s: the field %s is not explained", info.Name, field.Label)
			}
		}
		_, fields, _ := strings.Cut(page, "## Fields of the access record")
		for _, line := range strings.Split(fields, "\n") {
			if strings.HasPrefix(line, "|") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 4 {
				t.Errorf("%s: a broken row: %s", info.Name, line)
			}
		}
		if lines := strings.Join(report.Fields(info), "\n"); strings.Contains(lines, "`") {
			t.Errorf("%s: Markdown in the list of fields", info.Name)
		}
	}
}
