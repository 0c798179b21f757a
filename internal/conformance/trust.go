package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/targets"
)

// foreignText is what an editor of the PAM User record puts into fields that are not
// theirs.
const foreignText = "elsewhere-canary"

// foreignValues are values for a field that would change what a run does, if they were
// taken from the user record.
func foreignValues(field params.Field, elsewhere string) []any {
	switch field.Kind {
	case params.URL:
		return []any{elsewhere}
	case params.Bool:
		return []any{"false", "true"}
	case params.Seconds:
		return []any{"1"}
	case params.Choice:
		var all []any
		for _, choice := range field.Choices {
			all = append(all, choice)
		}
		return all
	case params.Object:
		return []any{`{"` + foreignText + `": true}`, map[string]any{foreignText: true}}
	}
	return []any{foreignText, []string{foreignText}}
}

// testGuarded puts each field that is not the editor's of a PAM User record onto that
// record, in two spellings, with values that would take the credential elsewhere, weaken
// the trust or alter the calls. All must go as if it were not there, with a warning.
func testGuarded(t *testing.T, bench Bench, _ *Findings) {
	elsewhere := start(t, bench, bench.User)
	usual := carryGuarded(t, bench, nil)
	tried := 0
	for _, field := range slices.Concat(bench.Info.Fields, targets.CommonFields(bench.Info)) {
		if field.PerAccount {
			continue
		}
		for _, value := range foreignValues(field, elsewhere.Access["url"].(string)) {
			for _, label := range []string{field.Label, strings.ToUpper(strings.ReplaceAll(field.Label, " ", "_"))} {
				if label == "login" || label == "password" {
					continue // the record's own; in capitals it would be a second one
				}
				tried++
				if got := carryGuarded(t, bench, map[string]any{label: value}); got != usual {
					t.Errorf("%s = %v on the user record: sent\n%s\ninstead of\n%s", label, value, got, usual)
				}
			}
		}
	}
	if sent := elsewhere.Exchanges(); len(sent) > 0 {
		t.Errorf("%d requests went elsewhere, the first %s %s", len(sent), sent[0].Method, sent[0].RequestURI)
	}
	if tried < 10 {
		t.Errorf("only %d fields were tried", tried)
	}
}

// carryGuarded rotates with fields on the user record and returns what was sent, in lines.
func carryGuarded(t *testing.T, bench Bench, fields map[string]any) (sent string) {
	synctest.Test(t, func(t *testing.T) { sent = guarded(t, bench, fields) })
	return sent
}

func guarded(t *testing.T, bench Bench, fields map[string]any) string {
	stand := startInMemory(t, bench, bench.User)
	run := Run{User: bench.User, Old: Old, New: New, Info: bench.Info, UserFields: fields}
	ended := run.Rotate(stand)
	for _, fault := range run.Faults(bench, stand, ended) {
		t.Errorf("%v: %s", fields, fault)
	}
	if ended.Outcome != rotation.Changed {
		t.Errorf("%v: %s", fields, ended.Stdout)
	}
	for label := range fields {
		warned := slices.ContainsFunc(ended.Warnings, func(warning string) bool {
			return strings.Contains(strings.ToLower(strings.ReplaceAll(warning, "_", " ")), strings.ToLower(strings.ReplaceAll(label, "_", " ")))
		})
		if own := strings.EqualFold(label, "login") || strings.EqualFold(label, "password"); !warned && !own {
			t.Errorf("%v: no warning among %q", fields, ended.Warnings)
		}
	}
	var sent []string
	for _, exchange := range stand.Exchanges() {
		sent = append(sent, fmt.Sprint(exchange.Method, " ", exchange.Name, " ", len(exchange.Header)))
		whole := exchange.RequestURI + fmt.Sprint(exchange.Header) + string(exchange.Body)
		if strings.Contains(whole, foreignText) {
			t.Errorf("%v: the value was sent in %s %s", fields, exchange.Method, exchange.Name)
		}
	}
	return strings.Join(sent, "\n")
}

// testAllowed: with one account allowed, no other name gets a call sent,
// be it a prefix, another case, a look-alike, or one that a vendor might take for the same.
// With one of these allowed in its place, the account itself does not.
func testAllowed(t *testing.T, bench Bench, _ *Findings) {
	synctest.Test(t, func(t *testing.T) { allowed(t, bench) })
}

func allowed(t *testing.T, bench Bench) {
	stand := startInMemory(t, bench, bench.User)
	subject := bench.User
	if !bench.ByField {
		subject = subjectOf(t, bench, stand)
	}
	refused := func(user, allowed, why string) {
		run := Run{User: user, Old: Old, New: New, Info: bench.Info, Access: map[string]any{"Allowed Users": allowed}}
		ended := run.Rotate(stand)
		// A name that the vendor cannot have is told as that.
		offline := []api.Class{api.ClassPermission, api.ClassInput, api.ClassAccount}
		if ended.Outcome != rotation.NotChanged || !slices.Contains(offline, ended.Class) || ended.Requests > 0 && !bench.ByField || ended.Writes > 0 {
			t.Errorf("%s: %q with %q allowed: %s", why, user, allowed, ended.Stdout)
		}
	}
	var samples []Sample
	if !bench.ByField {
		samples = NameSamples(bench.User)
	}
	for _, sample := range samples {
		if bench.Info.IgnoresCase && targets.SameName(sample.Text, subject) {
			continue // the same account
		}
		refused(sample.Text, subject, sample.Category)
	}
	half := subject[:len(subject)/2]
	for why, allowed := range map[string]string{
		"a prefix": half, "a suffix": subject[len(half):], "a prefix of a prefix": half + "*nobody", "upper case": strings.ToUpper(subject),
		"a blank in it": half + " " + subject[len(half):], "a question mark": subject[:len(subject)-1] + "?", "a class": "[" + subject + "]",
		"a regular expression": ".*", "a percent sign": "%", "a zero-width character": half + "\u200b" + subject[len(half):],
		"a Cyrillic letter": strings.NewReplacer("o", "о", "e", "е", "a", "а").Replace(subject), "full width": strings.ReplaceAll(subject, "r", "ｒ"),
		"a longer name": subject + "x", "with a domain": `EXAMPLE\` + subject, "in quotes": `"` + subject + `"`, "another pattern": "x*, *x, *" + half,
	} {
		if allowed != subject && !(bench.Info.IgnoresCase && targets.SameName(allowed, subject)) {
			refused(bench.User, allowed, why)
		}
	}
	if sent := len(stand.Exchanges()); sent > 0 && !bench.ByField || stand.Writes() > 0 {
		t.Errorf("%d requests were sent for users who are not allowed, %d writes", sent, stand.Writes())
	}
	for _, allowed := range []string{subject, half + "*", "*" + subject[len(half):], "nobody, " + subject, "nobody\n" + subject, "*"} {
		again := startInMemory(t, bench, bench.User)
		run := Run{User: bench.User, Old: Old, New: New, Info: bench.Info, Access: map[string]any{"Allowed Users": allowed + "\n" + bench.AlsoAllowed}}
		if ended := run.Rotate(again); ended.Outcome != rotation.Changed {
			t.Errorf("with %q allowed: %s", allowed, ended.Stdout)
		}
		again.Close()
	}
}

// subjectOf returns what the field Allowed Users is compared with, as the target says.
func subjectOf(t *testing.T, bench Bench, stand *Stand) string {
	t.Helper()
	var subject string
	info := bench.Info
	info.Name = "listening"
	info.New = func(job targets.Job, client *api.Client) (targets.Target, error) {
		target, err := bench.Info.New(job, client)
		if err == nil {
			subject = target.Subject()
		}
		return target, err
	}
	run := Run{User: bench.User, Old: Old, New: New, Info: info,
		Access: map[string]any{"Target": "listening", "Allowed Users": "nobody"}}
	if run.Rotate(stand); subject == "" {
		t.Fatal("the target names nobody")
	}
	return subject
}
