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
	return append(lines, fmt.Sprintf("%d runs, %d failed", len(r.Cases), failed))
}

// Test runs the recipe's own tests, then the first of them that ends in a change with faults
// and with hostile passwords and user names. Where those cannot be tried, it fails. Nothing is sent
// anywhere.
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
		report.Cases = append(report.Cases, Case{Name: "hostile values", Faults: []string{
			"no test ends in a change after one write, so that neither faults nor hostile values can be tried: record one"}})
		return report
	}
	whole := b.run(*base, &player{script: base.Exchanges, broken: -1})
	report.Cases = append(report.Cases, b.withFaults(*base, whole)...)
	report.Cases = append(report.Cases, b.withHostile(*base, whole)...)
	report.Cases = append(report.Cases, b.withHostileNames(*base, whole)...)
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

// keeper is a vault that takes every value, or none.
type keeper struct {
	rotation.Keeper // of what else a vault can do, no recipe has a say in
	saved           map[string]secret.Value
	fails           bool
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
		Registry: registry, Target: info.Name, Scrubber: scrubber, Clock: &api.SkippingClock{}, Transport: api.Offline(p.answer), Version: "test", Keeper: keeper,
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
	if e.result.Outcome == rotation.Changed && e.result.Tries > 1 {
		return nil // the fault met the first try alone, and the second one was healed
	}
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
	case atWrite && e.result.Outcome == rotation.Changed && e.result.Proof == targets.ProofAnswer && e.writes() == 1:
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

// withHostile runs the test with hostile passwords. Wherever the good run carried the new password
// in the write, or in a call before it that prepares it, the hostile one must arrive in the same
// form.
func (b bed) withHostile(base recipe.Test, whole ended) (cases []Case) {
	call, places := -1, map[string][]shape{}
	for i, kind := range whole.kinds {
		if (kind == "write" || kind == "prepare") && i < len(whole.arrivals) && len(places) == 0 {
			call, places = i, shapesOf(whole.arrivals[i].values, base.New)
		}
	}
	if len(places) == 0 {
		return []Case{{Name: "hostile passwords", Faults: []string{
			"the good run carries the new password nowhere in a form that is known, so that hostile passwords cannot be tried"}}}
	}
	for _, password := range hostile {
		test := base
		test.New = password
		e := b.run(test, &player{script: base.Exchanges, broken: -1})
		c := Case{Name: fmt.Sprintf("hostile password %+q", password), Faults: e.faults}
		switch {
		case call >= len(e.arrivals) && e.writes() == 0 && e.result.Outcome == rotation.NotChanged: // refused before it was sent
		case call >= len(e.arrivals):
			c.Faults = append(c.Faults, fmt.Sprintf("the call with the password did not come, and the outcome is %s", e.result.Outcome))
		default:
			c.Faults = append(c.Faults, arrived("password", places, e.arrivals[call].values, password)...)
		}
		cases = append(cases, c)
	}
	return cases
}

// hostileNames are user names with what stands between parts of paths, queries and statements.
var hostileNames = []string{
	"o'hara", `a"b`, "x' OR '1'='1", "a&b=c", "a%2fb", "jürgen-密", "a,b*", "(a)", "#x;y", "a b",
}

// withHostileNames runs the test for users with such names: the vendor of the test knows them where
// it knew the user. Every call that named the user has to name the hostile one in the same form.
func (b bed) withHostileNames(base recipe.Test, whole ended) (cases []Case) {
	for _, name := range hostileNames {
		test := base
		test.User = name
		test.Exchanges = renamed(base.Exchanges, base.User, name)
		e := b.run(test, &player{script: test.Exchanges, broken: -1})
		c := Case{Name: fmt.Sprintf("hostile user name %+q", name), Faults: e.faults}
		for i, arrival := range e.arrivals {
			if i < len(whole.arrivals) && e.kinds[i] == whole.kinds[i] {
				c.Faults = append(c.Faults, arrived("user name", shapesOf(whole.arrivals[i].values, base.User), arrival.values, name)...)
			}
		}
		if e.writes() == 0 && e.result.Outcome != rotation.NotChanged || e.writes() > 0 && e.result.Outcome == rotation.NotChanged {
			c.Faults = append(c.Faults, fmt.Sprintf("the outcome is %s after %d writes", e.result.Outcome, e.writes()))
		}
		cases = append(cases, c)
	}
	return cases
}
