package recipe

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/targets"
)

// Explain says in plain words what a recipe does: its calls in order with the write
// marked, how each answer is judged, and which outcomes can be proved. Nothing of it depends on
// a record.
func Explain(r *Recipe) []string {
	lines := []string{
		r.Title + ": " + r.Summary,
		"tried: " + r.Tried,
	}
	for _, document := range r.Documents {
		lines = append(lines, "document: "+document)
	}
	lines = append(append(lines, ""), r.explainFrame()...)
	number := 0
	section := func(heading string, calls []*call) {
		if len(calls) == 0 {
			return
		}
		lines = append(lines, heading)
		for _, c := range calls {
			number++
			lines = append(lines, c.explain(number)...)
		}
	}
	if r.auth != nil && r.auth.signIn != nil {
		section("To begin with, which changes nothing:", []*call{r.auth.signIn})
	}
	section("Before anything is changed:", r.check)
	section("The change:", r.change)
	section("The proof, "+map[targets.Proof]string{
		targets.ProofLogin:  "a login as the rotated user",
		targets.ProofStatus: "a re-read of what was changed",
	}[r.proof.by]+":", r.verify)
	if len(r.save) > 0 {
		var labels []string
		for _, s := range r.save {
			labels = append(labels, strconv.Quote(s.label))
		}
		lines = append(lines, "After a change, saved to the PAM User record, or the outcome is unknown: "+strings.Join(labels, ", "))
	}
	section("In any case at the end:", r.close)
	return append(append(lines, ""), r.explainOutcomes()...)
}

// explain describes one call.
func (c *call) explain(number int) []string {
	mark := ""
	if c.write {
		mark = " [THE WRITE]"
	}
	lines := []string{fmt.Sprintf("  %d. %s: %s %s%s", number, c.name, c.method, c.template(), mark)}
	add := func(format string, values ...any) { lines = append(lines, "     "+fmt.Sprintf(format, values...)) }
	for _, p := range c.places() {
		if len(p.value.secrets) > 0 {
			add("sends %s in %s", strings.Join(slices.Sorted(maps.Keys(p.value.secrets)), ", "), p.where)
		}
	}
	if c.auth != nil && c.auth.kind == authNone {
		add("sends nothing that shows who asks")
	}
	if c.write {
		add("names the account by %s", c.namedBy())
	}
	if c.prepare {
		add("prepares the write: what it stores is not in force yet")
	}
	for _, required := range c.needs {
		add("only if %s: %s", oneLine(required.that.text), required.says)
	}
	if c.each != "" {
		add("once for each %s of the run", c.each)
	}
	if c.revokes {
		add("only if the password is changed, and all that is to be saved is saved")
	}
	accepts := "accepted: " + c.accept.to.words(statusWords(c.accept.status, false))
	if c.accept.when != nil {
		accepts += ", if " + oneLine(c.accept.when.text)
	}
	add("%s", accepts)
	for _, j := range c.refuse {
		add("refused%s: %s%s", j.classWords(), j.to.words(statusWords(j.status, j.anyRefusal)), j.condition())
	}
	for _, j := range c.reject {
		add("the password is wrong: %s%s", j.to.words(statusWords(j.status, j.anyRefusal)), j.condition())
	}
	if c.page != nil {
		add("goes on page by page, at most %d", c.page.most)
	}
	if c.find != nil {
		add("exactly one element must be what is looked for: %s", oneLine(c.find.where.text))
	}
	if c.poll != nil {
		add("repeated every %s, at most %d times, until %s", c.poll.every, c.poll.tries, oneLine(c.poll.until.text))
	}
	if names := c.gives(); len(names) > 0 {
		add("keeps %s", strings.Join(names, ", "))
	}
	switch c.kind() {
	case api.Write:
		add("any other answer, and none, leaves the outcome open")
	case api.SignIn:
		add("any other answer shows nothing")
	case api.Prepare:
		add("any other answer ends the try")
	default:
		if c.phase == inVerify {
			add("any other answer shows nothing")
		} else if c.phase == inClose {
			add("any other answer is a warning")
		} else {
			add("any other answer ends the try with nothing changed")
		}
	}
	return lines
}

func (j judgement) classWords() string {
	if j.class == "" {
		return ""
	}
	return " (" + string(j.class) + ")"
}

func (j judgement) condition() string {
	if j.when == nil {
		return ""
	}
	return ", if " + oneLine(j.when.text)
}

func statusWords(statuses []int, anyRefusal bool) string {
	var words []string
	for _, status := range statuses {
		words = append(words, fmt.Sprint(status))
	}
	if anyRefusal {
		words = append(words, "any 4xx whose meaning is a refusal")
	}
	return strings.Join(words, ", ")
}

// words are those of a redirect, or else those of the statuses.
func (r redirect) words(statuses string) string {
	if r == "" {
		return statuses
	}
	return "a redirect to " + string(r)
}

// place is where a value stands in a request.
type place struct {
	where string
	value *expression
}

// places are all values that a call sends by itself, each with where it stands.
func (c *call) places() []place {
	var places []place
	for _, s := range c.path {
		if s.value != nil {
			places = append(places, place{"the path, {" + s.label + "}", s.value})
		}
	}
	for _, list := range []struct {
		what  string
		pairs []pair
	}{{"the query", c.query}, {"the header", c.header}, {"the form", c.form}} {
		for _, p := range list.pairs {
			places = append(places, place{list.what + ", " + p.name, p.value})
		}
	}
	if c.body != nil {
		c.body.places("", &places)
	}
	return append(places, c.auth.places()...)
}

func (d *data) places(at string, places *[]place) {
	if d.value != nil {
		where := "the body"
		if at != "" {
			where += ", " + at
		}
		*places = append(*places, place{where, d.value})
	}
	for _, m := range d.members {
		m.value.places(strings.TrimPrefix(at+"."+m.name, "."), places)
	}
	for _, element := range d.list {
		element.places(at+"[]", places)
	}
}

func (a *auth) places() []place {
	if a == nil {
		return nil
	}
	header := "the header Authorization, " + string(a.kind)
	switch a.kind {
	case authHeader:
		header = "the header " + a.name
	case authCookie:
		return nil
	}
	var places []place
	for _, e := range a.expressions() {
		places = append(places, place{header, e})
	}
	return places
}

// namedBy says what in the write's request names the account.
func (c *call) namedBy() string {
	var words []string
	for _, p := range c.places() {
		// A text or an object may name it beside the password; a ticket alone names nobody.
		if p.value.flow.made&account != 0 && (!p.value.secret || p.value.flow.made&fromNew != 0) {
			words = append(words, oneLine(p.value.text)+" in "+p.where)
		}
	}
	if len(words) == 0 {
		return "nothing in its request: by whoever is signed in"
	}
	return strings.Join(words, ", ")
}

// explainFrame says what holds for the recipe as a whole: where calls go and with which credential,
// whom Allowed Users is compared with, and what must hold before anything is sent.
func (r *Recipe) explainFrame() []string {
	lines := []string{fmt.Sprintf("Every call goes to the host of the field %q and to no other.", r.base.label)}
	if r.auth != nil {
		words := []string{}
		for _, p := range r.auth.places() {
			words = append(words, oneLine(p.value.text)+" in "+p.where)
		}
		switch {
		case r.auth.kind == authCookie:
			lines = append(lines, fmt.Sprintf("Calls show who asks by the cookie %s, unless they say otherwise.", r.auth.name))
		case len(words) > 0:
			lines = append(lines, "Calls show who asks by "+strings.Join(words, " and ")+", unless they say otherwise.")
		}
	}
	subject := "$user"
	if r.subject != nil {
		subject = oneLine(r.subject.text)
	}
	lines = append(lines, "Allowed Users is compared with: "+subject)
	for _, required := range r.requires {
		lines = append(lines, fmt.Sprintf("Only if %s: %s", oneLine(required.that.text), required.says))
	}
	return append(lines, "")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// nameWords say how it is known who signed in.
func (r *Recipe) nameWords() string {
	for _, c := range r.verify {
		if e := c.accept.when; e != nil && e.names {
			return "the answer named the account: " + oneLine(e.text)
		}
	}
	if r.proof.nobody != "" {
		return "the answer names nobody: " + r.proof.nobody
	}
	return "the answer named the account"
}

// explainOutcomes says what a run can know in the end.
func (r *Recipe) explainOutcomes() []string {
	lines := []string{"What a run can say for certain:"}
	if r.repeats {
		lines = append(lines, "  after a lost answer: the run begins again and sends the write once more, because "+r.because)
	}
	switch r.proof.by {
	case targets.ProofLogin:
		lines = append(lines, "  changed: the rotated user signed in with the new password, and "+r.nameWords())
		if r.proof.cache {
			lines = append(lines, "  after a lost answer: changed if the new password signs in and the old one does not, unknown otherwise")
		} else {
			lines = append(lines, "  after a lost answer: changed if the new password signs in, unknown otherwise")
		}
	case targets.ProofStatus:
		lines = append(lines, "  changed: what was written was read again",
			"  after a lost answer: changed if the re-read says so, unknown otherwise")
	default:
		lines = append(lines, "  changed: only the write's own answer says so")
		if !r.repeats {
			lines = append(lines, "  after a lost answer: unknown, always")
		}
	}
	return append(lines, "  not changed: a refusal that the recipe names, or a failure before the write")
}
