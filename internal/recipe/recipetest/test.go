package recipetest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"sort"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// Report is what came of a recipe's tests.
type Report struct {
	Cases []Case
	// Notes are findings that fail nothing.
	Notes []string
}

// Case is one run.
type Case struct {
	// Name says what was tried.
	Name string
	// Line is where in the recipe a recorded test stands; 0 for the others.
	Line int
	// Faults are the expectations that the run did not meet. None is what is wanted.
	Faults []string
}

// OK reports whether there was something to try and everything was as expected.
func (r Report) OK() bool {
	for _, c := range r.Cases {
		if len(c.Faults) > 0 {
			return false
		}
	}
	return len(r.Cases) > 0
}

// Lines returns the report for people: each failed case with its faults, the notes, and a
// summary.
func (r Report) Lines() []string {
	var lines []string
	failed := 0
	for _, c := range r.Cases {
		if len(c.Faults) == 0 {
			continue
		}
		failed++
		place := ""
		if c.Line > 0 {
			place = fmt.Sprintf(" (line %d)", c.Line)
		}
		lines = append(lines, "FAILED: "+c.Name+place)
		for _, fault := range c.Faults {
			lines = append(lines, "  "+fault)
		}
	}
	for _, note := range r.Notes {
		lines = append(lines, "note: "+note)
	}
	return append(lines, fmt.Sprintf("%d runs, %d failed", len(r.Cases), failed))
}

// Test runs the recipe's own tests, then the first of them that ends in a change with faults
// and with hostile passwords. Nothing is sent anywhere.
func Test(r *recipe.Recipe) Report {
	var report Report
	b := bed{recipe: r}
	var base *recipe.Test
	for i, test := range r.Tests {
		ended := b.run(test, &player{script: test.Exchanges, ordered: true, broken: -1})
		report.Cases = append(report.Cases, Case{test.Name, test.Line, append(ended.faults, judgeRecorded(test, ended)...)})
		if base == nil && ended.result.Outcome == rotation.Changed && ended.writes() == 1 {
			base = &r.Tests[i]
		}
	}
	if base == nil {
		report.Notes = append(report.Notes, "no test ends in a change after one write, so neither faults nor hostile passwords were tried")
		return report
	}
	whole := b.run(*base, &player{script: base.Exchanges, broken: -1})
	report.Cases = append(report.Cases, b.withFaults(*base, whole)...)
	cases, note := b.withHostile(*base, whole)
	report.Cases = append(report.Cases, cases...)
	if note != "" {
		report.Notes = append(report.Notes, note)
	}
	return report
}

// bed is what the runs of one recipe share.
type bed struct{ recipe *recipe.Recipe }

// ended is the end of one run.
type ended struct {
	result   rotation.Result
	kinds    []string // of the exchanges, in order
	arrivals []arrival
	player   *player
	saved    map[string]secret.Value // by label
	faults   []string                // broken promises that hold for every run
}

func (e ended) writes() int {
	count := 0
	for _, kind := range e.kinds {
		if kind == "write" {
			count++
		}
	}
	return count
}

// quick is a clock that does not wait.
type quick struct{}

func (quick) Now() time.Time                                   { return time.Now() }
func (quick) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// keeper is a vault that takes every value, or none.
type keeper struct {
	saved map[string]secret.Value
	fails bool
}

func (k keeper) CanSave(context.Context, string, ...string) error { return nil }

func (k keeper) Save(_ context.Context, _ string, values ...targets.Returned) error {
	if k.fails {
		return &api.Error{Vendor: "vault", Action: "save", Class: api.ClassPermission, Cause: "refused by the test"}
	}
	for _, value := range values {
		k.saved[value.Label] = value.Value
	}
	return nil
}

// run rotates once against a player.
func (b bed) run(test recipe.Test, p *player) ended {
	return b.runWith(keeper{saved: map[string]secret.Value{}}, test, p)
}

func (b bed) runWith(keeper keeper, test recipe.Test, p *player) ended {
	e := ended{player: p, saved: keeper.saved}
	payload, secrets := b.payload(test)
	info := b.recipe.Info()
	registry := targets.NewRegistry(info)
	scrubber := secret.NewScrubber()
	read, err := params.Read(strings.NewReader(payload), params.Options{Scrubber: scrubber, PublicLabels: registry.PublicLabels()})
	if err != nil {
		e.faults = append(e.faults, err.Error())
		return e
	}
	var log bytes.Buffer
	plan, failed := rotation.Prepare(read, rotation.Options{
		Registry: registry, Target: info.Name, Scrubber: scrubber, Clock: quick{}, Transport: api.Offline(p.answer), Version: "test", Keeper: keeper,
		Log: func(string, string) zerolog.Logger { return zerolog.New(&log) },
	})
	if failed != nil {
		e.result = *failed
	} else {
		e.result = plan.Rotate(context.Background())
	}
	p.mutex.Lock()
	e.arrivals = p.arrivals
	p.mutex.Unlock()
	decoder := json.NewDecoder(bytes.NewReader(log.Bytes()))
	for {
		var event struct{ Kind string }
		if decoder.Decode(&event) != nil {
			break
		}
		if event.Kind != "" {
			e.kinds = append(e.kinds, event.Kind)
		}
	}
	printed, err := json.Marshal(e.result)
	if err != nil {
		e.faults = append(e.faults, "the result cannot be printed")
	}
	for _, hidden := range secrets {
		if shows(log.String()+string(printed), hidden) {
			e.faults = append(e.faults, "a secret was printed")
			break
		}
	}
	return e
}

// payload is what the Gateway would send, and the secrets in it. Required fields that the
// test does not name are made up.
func (b bed) payload(test recipe.Test) (text string, secrets []string) {
	access := map[string]any{"uid": "recipetestAccessUid001", "title": "API Access Details"}
	for _, field := range b.recipe.Info().Fields {
		if field.Required && field.Kind != params.URL {
			access[field.Label] = "made-up-" + strings.ReplaceAll(strings.ToLower(field.Label), " ", "-")
		}
	}
	for label, value := range test.Fields {
		access[label] = value
	}
	access[b.recipe.AddressLabel()] = serverURL
	for _, field := range b.recipe.Info().Fields {
		if value, ok := access[field.Label].(string); ok && field.Secret {
			secrets = append(secrets, value)
		}
	}
	user := map[string]any{"uid": "recipetestUserUid00001", "title": "PAM User", "login": test.User}
	for label, value := range test.UserFields {
		user[label] = value
	}
	encoded, err := json.Marshal(map[string]any{
		"userRecordUid": "recipetestUserUid00001", "user": test.User, "oldPassword": test.Old, "newPassword": test.New,
		"records": []any{access, user},
	})
	if err != nil {
		panic(err) // it was read from a recipe
	}
	return string(encoded), append(secrets, test.New, test.Old)
}

// shows reports whether a secret stands in text, in one of the forms that are likely there.
func shows(text, hidden string) bool {
	if len(hidden) < 4 {
		return false
	}
	quoted, _ := json.Marshal(hidden) // a text always can
	for _, form := range []string{
		hidden, strings.Trim(string(quoted), `"`), url.PathEscape(hidden), url.QueryEscape(hidden),
		strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(hidden)), "="),
	} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}

// judgeRecorded compares the end of a recorded test with what it expects.
func judgeRecorded(test recipe.Test, e ended) []string {
	faults := append([]string{}, e.player.problems...)
	for _, missing := range e.player.unplayed() {
		faults = append(faults, "a recorded call never came: "+missing)
	}
	different := func(what, got, want string) {
		if want != "" && got != want {
			faults = append(faults, fmt.Sprintf("the %s is %s, expected %s; the message is: %s", what, orNone(got), want, e.result.Message))
		}
	}
	different("outcome", string(e.result.Outcome), test.Outcome)
	different("class", string(e.result.Class), test.Class)
	different("proof", string(e.result.Proof), test.Proof)
	if test.Saves != nil {
		var found []string
		for label, want := range test.Saves {
			if got, saved := e.saved[label]; !saved {
				found = append(found, fmt.Sprintf("nothing is saved to %q", label))
			} else if !got.Equal(secret.New(want)) {
				found = append(found, fmt.Sprintf("another value is saved to %q than expected", label))
			}
		}
		for label := range e.saved {
			if _, expected := test.Saves[label]; !expected {
				found = append(found, fmt.Sprintf("a value is saved to %q, expected none", label))
			}
		}
		sort.Strings(found)
		faults = append(faults, found...)
	}
	if test.Warns != nil && *test.Warns != (len(e.result.Warnings) > 0) {
		faults = append(faults, fmt.Sprintf("there are %d warnings, expected warnings: %v", len(e.result.Warnings), *test.Warns))
	}
	return faults
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// withFaults breaks a good run at every exchange.
func (b bed) withFaults(base recipe.Test, whole ended) []Case {
	var cases []Case
	write := -1
	for i, kind := range whole.kinds {
		if kind == "write" && i < len(whole.arrivals) {
			write = whole.arrivals[i].place
		}
	}
	for place, exchange := range base.Exchanges {
		for _, fault := range []fault{lost, serverError, loginPage, emptyObject} {
			e := b.run(base, &player{script: base.Exchanges, broken: place, fault: fault})
			c := Case{Name: fmt.Sprintf("%s %s: %s", exchange.Method, exchange.Path, fault), Faults: e.faults}
			if place < write {
				c.Faults = append(c.Faults, before(e)...)
			} else {
				c.Faults = append(c.Faults, behind(e, place == write)...)
			}
			if e.writes() > 1 && !b.recipe.Repeats() || e.writes() > 2 {
				c.Faults = append(c.Faults, fmt.Sprintf("the write was sent %d times", e.writes()))
			}
			cases = append(cases, c)
		}
	}
	if len(whole.saved) > 0 {
		e := b.runWith(keeper{fails: true}, base, &player{script: base.Exchanges, broken: -1})
		c := Case{Name: "the save fails", Faults: e.faults}
		if e.result.Outcome != rotation.Unknown {
			c.Faults = append(c.Faults, fmt.Sprintf("the outcome is %s, although what was returned is not saved", e.result.Outcome))
		}
		cases = append(cases, c)
	}
	return cases
}

// before judges a run whose fault came ahead of the write. Where the same call comes again
// behind the write, nothing can be said.
func before(e ended) []string {
	if e.writes() > 0 || e.result.Outcome != rotation.NotChanged {
		return []string{fmt.Sprintf("the run went on to the write and ended in %s", e.result.Outcome)}
	}
	return nil
}

// behind judges a run whose fault came at the write or behind it.
func behind(e ended, atWrite bool) []string {
	switch {
	case e.result.Outcome == rotation.NotChanged:
		return []string{"not changed was claimed, although the write may have been carried out"}
	case atWrite && e.result.Outcome == rotation.Changed && e.result.Proof == targets.ProofAnswer:
		return []string{"a change was claimed without an answer to the write"}
	}
	return nil
}

// hostile are passwords that break programs which put text together.
var hostile = []string{
	`quote" back\slash`, "a&b=c+d;e %41%00", "{user} ${HOME} $(id) {{.}}", "'; DROP TABLE users; --", `\(env) \u0000 "}, {"x": 1`,
	"pässwörd-密码-😀", "right \u202eto left", "</script>&amp;<x>", "colon:colon:", "../../x?y#z", "true", "1234567890123456789012345",
	"e\u0301 line\u2028sep",
}

// withHostile runs the test with hostile passwords. Wherever the write of the good run carried
// the new password, the hostile one must arrive as it is.
func (b bed) withHostile(base recipe.Test, whole ended) (cases []Case, note string) {
	at, ok := whole.write()
	var places []string
	for place, value := range at {
		if value == base.New {
			places = append(places, place)
		}
	}
	if !ok || len(places) == 0 {
		return nil, "the write carries the new password nowhere as a value of its own, so hostile passwords were not tried"
	}
	for _, password := range hostile {
		test := base
		test.New = password
		e := b.run(test, &player{script: base.Exchanges, broken: -1})
		c := Case{Name: fmt.Sprintf("hostile password %+q", password), Faults: e.faults}
		sent, written := e.write()
		switch {
		case !written && e.result.Outcome == rotation.NotChanged: // refused before it was sent
		case !written:
			c.Faults = append(c.Faults, fmt.Sprintf("there was no write, and the outcome is %s", e.result.Outcome))
		default:
			for _, place := range places {
				if sent[place] != password {
					c.Faults = append(c.Faults, "the password did not arrive as it is in "+place)
				}
			}
		}
		cases = append(cases, c)
	}
	return cases, ""
}

// write returns the values of the write's request.
func (e ended) write() (map[string]string, bool) {
	for i, kind := range e.kinds {
		if kind == "write" && i < len(e.arrivals) {
			return e.arrivals[i].values, true
		}
	}
	return nil, false
}
