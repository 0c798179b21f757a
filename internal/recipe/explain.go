package recipe

import (
	"fmt"
	"strconv"
	"strings"
	"time"

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
	lines = append(lines, "")
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
	if c.host != "" {
		add("goes to the host %s", c.host)
	}
	if c.each != "" {
		add("once for each %s of the run", c.each)
	}
	if c.revokes {
		add("only if the password is changed, and all that is to be saved is saved")
	}
	accepts := "accepted: " + statusWords(c.accept.status, false)
	if c.accept.when != nil {
		accepts += ", if " + oneLine(c.accept.when.text)
	}
	add("%s", accepts)
	for _, j := range c.refuse {
		add("refused%s: %s%s", j.classWords(), statusWords(j.status, j.anyRefusal), j.condition())
	}
	for _, j := range c.reject {
		add("the password is wrong: %s%s", statusWords(j.status, j.anyRefusal), j.condition())
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
		add("sent once; any other answer, and none, leaves the outcome open")
	case api.SignIn:
		add("sent once for each try; any other answer shows nothing")
	case api.Prepare:
		add("sent once; any other answer ends the run")
	default:
		if c.phase == inVerify {
			add("any other answer shows nothing")
		} else if c.phase == inClose {
			add("any other answer is a warning")
		} else {
			add("any other answer ends the run with nothing changed")
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

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// explainOutcomes says what a run can know in the end.
func (r *Recipe) explainOutcomes() []string {
	lines := []string{"What a run can say for certain:"}
	switch r.proof.by {
	case targets.ProofLogin:
		lines = append(lines, "  changed: the rotated user signed in with the new password")
		if r.proof.old {
			lines = append(lines, "  not changed, after a lost answer: the new password is rejected and the old one signs in")
		} else {
			lines = append(lines, "  after a lost answer: changed if the new password signs in, unknown otherwise")
		}
	case targets.ProofStatus:
		lines = append(lines, "  changed: what was written was read again",
			"  after a lost answer: changed if the re-read says so, unknown otherwise")
	default:
		lines = append(lines, "  changed: only the write's own answer says so")
		if r.repeat > 0 {
			lines = append(lines, fmt.Sprintf("  after a lost answer: the write is sent once more after %s, because %s", r.repeat.Round(time.Millisecond), r.because))
		} else {
			lines = append(lines, "  after a lost answer: unknown, always")
		}
	}
	return append(lines, "  not changed: a refusal that the recipe names, or a failure before the write")
}
