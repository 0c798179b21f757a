package recipe

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/targets"
)

// verdict is what an answer means for its call.
type verdict int

const (
	unclear  verdict = iota // neither accepted nor refused, or no answer
	accepted                // what the recipe accepts
	refused                 // what the recipe calls a refusal
	rejected                // in verify, what can mean nothing but a wrong password
	disputed                // the same, by a server that may not have looked at the password
)

// finding is the end of one call.
type finding struct {
	verdict      verdict
	err          error // why it is not accepted
	mayBeInForce bool
	// taken says that the answer is what the recipe accepts, even if what is to be kept of
	// it is not there.
	taken bool
	// value is what the lets of an accepted call are taken from; judged has the
	// variables $status and $header of its answer, and $tried in verify.
	value  any
	judged map[string]any
	answer api.Answer
}

// judging is one answer on its way to a finding.
type judging struct {
	*target
	ctx    context.Context
	call   *call
	reply  *reply
	fault  *api.Error     // what the client says of the answer, nil for a success
	tried  map[string]any // the variables of the call
	judged map[string]any // the variables of its answer
	failed error          // of a condition that came to no value
}

// judge compares an answer with what the recipe says of it: refusals first, then what is
// accepted, and everything else is unclear.
func (t *target) judge(ctx context.Context, c *call, r *reply, fault *api.Error, tried map[string]any) finding {
	if r == nil {
		return finding{err: fault}
	}
	j := &judging{target: t, ctx: ctx, call: c, reply: r, fault: fault, tried: tried}
	j.judged = map[string]any{varStatus: r.status, varHeader: r.header, varText: r.text}
	if tried[varTried] != nil {
		j.judged[varTried] = tried[varTried]
	}
	if found, is := j.refusal(c.refuse, refused); is {
		return found
	}
	if found, is := j.refusal(c.reject, rejected); is {
		return found
	}
	return j.acceptance()
}

// holds reports whether a condition holds of the answer; nil always does.
func (j *judging) holds(when *expression) bool {
	switch {
	case when == nil:
		return true
	case !j.reply.judgeable(when):
		return false
	}
	holds, err := when.holds(j.ctx, j.reply.value, j.values(namesOf(when), j.judged))
	if err != nil {
		j.failed = err
	}
	return holds
}

// own is an error of the recipe's, with the answer's own words.
func (j *judging) own(class api.Class, cause string) *api.Error {
	made := j.client.Doubt(j.reply.answer, j.call.name, class, cause)
	made.Status = j.reply.status
	return made
}

// failure is what the client says of the answer, or else an error of the recipe's.
func (j *judging) failure(cause string) *api.Error {
	if j.fault == nil {
		return j.own(api.ClassTarget, cause)
	}
	j.fault.Class = j.guessed(j.call, j.fault)
	return j.fault
}

// unmet is the end of an answer that is not what the recipe wants.
func (j *judging) unmet(cause string) finding {
	return finding{err: j.own(api.ClassTarget, cause), answer: j.reply.answer}
}

// refusal looks for the first judgement that fits; is reports that the search ends here.
func (j *judging) refusal(judgements []judgement, verdict verdict) (found finding, is bool) {
	for _, judgement := range judgements {
		fits := slices.Contains(judgement.status, j.reply.status) || judgement.anyRefusal && j.fault != nil && j.fault.Refused()
		switch {
		case fits && j.leadsTo(j.reply, judgement.to) && j.holds(judgement.when):
			return j.refusedBy(judgement, verdict), true
		case j.failed != nil:
			return j.unmet(j.failed.Error()), true
		}
	}
	return finding{}, false
}

// refusedBy is the end of an answer that a judgement fits. A rejection is one only where the
// answer can mean nothing but a wrong password.
func (j *judging) refusedBy(judgement judgement, verdict verdict) finding {
	err := j.failure(fmt.Sprintf("answered %d, which is a refusal", j.reply.status))
	found := finding{verdict: verdict, err: err, mayBeInForce: judgement.mayBeInForce, answer: j.reply.answer}
	byStatus := judgement.when == nil
	if j.fault != nil && j.fault.Unjudged() && byStatus {
		// It asks for another sign-in: what the recipe says of the status is not why.
		if verdict == rejected {
			return finding{err: err, answer: j.reply.answer}
		}
		found.verdict, found.mayBeInForce = refused, judgement.mayBeInForce && j.call.write
		return found
	}
	if judgement.class != "" {
		err.Class = judgement.class
	}
	if judgement.says != "" {
		err.Cause = judgement.says
	}
	if judgement.hint != "" {
		err.Hints = append(err.Hints, judgement.hint)
	}
	if verdict != rejected {
		return found
	}
	unauthorized := j.reply.status == http.StatusUnauthorized
	switch {
	case unauthorized && j.mayBeMisread(j.call, j.tried, j.reply):
		return j.unmet("answered 401, but does not say that it reads passwords outside of ASCII as UTF-8")
	case unauthorized && byStatus && j.reply.answer.HasOtherCause():
		return finding{err: err, answer: j.reply.answer}
	case byStatus && j.reply.answer.AsksAnother() && !j.letIn:
		return finding{verdict: disputed, err: err, answer: j.reply.answer}
	}
	return found
}

// acceptance is the end of an answer that is no refusal.
func (j *judging) acceptance() finding {
	c, r := j.call, j.reply
	if !slices.Contains(c.accept.status, r.status) {
		return finding{err: j.failure(fmt.Sprintf("answered %d, which the recipe does not accept", r.status)), answer: r.answer}
	}
	readsText := c.accept.to != "" || c.accept.when.uses(varText) && r.isText
	switch {
	case !j.leadsTo(r, c.accept.to):
		return j.unmet("answered with a redirect to another place than the recipe accepts")
	case r.fault != nil && j.fault != nil && !readsText:
		return finding{err: j.fault}
	case r.fault != nil && !readsText:
		return j.unmet(r.fault.Error())
	case !j.holds(c.accept.when):
		switch {
		case j.failed != nil:
			return j.unmet(j.failed.Error())
		case c.accept.says != "":
			return j.unmet(c.accept.says)
		}
		return j.unmet(fmt.Sprintf("answered %d, but the condition at %s does not hold", r.status, c.accept.when.at))
	}
	if c.accept.when == nil && c.accept.to == "" && c.kind() != api.Read {
		if found, is := j.doubt(); is {
			return found
		}
	}
	return finding{verdict: accepted, value: r.value, judged: j.judged, answer: r.answer}
}

// doubt is what the body has against a status of success, where the recipe has no condition.
func (j *judging) doubt() (found finding, is bool) {
	switch j.reply.answer.Saying() {
	case api.SaysFailure:
		return j.unmet("the status says success, but the body says that it failed"), true
	case api.SaysUnderWay:
		if j.call.write { // no sign-in tells what will become of it
			return finding{err: j.own(api.ClassTimeout, "the status says success, but the body says that the change is still under way"), taken: true}, true
		}
	case api.SaysNothing:
		if j.call.write && j.recipe.proof.by == targets.ProofAnswer {
			j.job.Warn("the status alone tells of the change: nothing in the answer speaks of success, and the recipe has no condition for it")
		}
	}
	return finding{}, false
}

// guessed is the class of a refusal that the recipe says nothing of: what the status suggests, but
// for guesses that mislead.
func (t *target) guessed(c *call, fault *api.Error) api.Class {
	signIn := c.kind() == api.SignIn || t.recipe.auth != nil && t.recipe.auth.signIn == c
	switch {
	case fault.Status == http.StatusNotFound && signIn:
		return api.ClassTarget // no such call; no account was looked for
	case fault.Status == http.StatusBadRequest && fault.Class == api.ClassPolicy && c.isGraphQL():
		return api.ClassTarget // it speaks of the query, and the schema
	}
	return fault.Class
}

// isGraphQL reports whether a call goes to the one address that GraphQL has by custom.
func (c *call) isGraphQL() bool {
	last := c.path[len(c.path)-1]
	return last.value == nil && strings.HasSuffix("/"+strings.TrimSuffix(last.literal, "/"), "/graphql")
}

// leadsTo reports whether an answer sends whoever asks to a place at the same host. No place is
// wanted of an answer that need not be a redirect.
func (t *target) leadsTo(r *reply, to redirect) bool {
	if to == "" {
		return true
	}
	location, _ := r.header["location"].(string)
	next, err := url.Parse(location)
	if err != nil || location == "" {
		return false
	}
	if next.Host != "" && (next.Scheme != "https" || !strings.EqualFold(next.Host, t.base.host)) {
		return false
	}
	path := (&url.URL{Path: t.asked}).ResolveReference(&url.URL{Path: next.Path}).Path
	path = strings.TrimPrefix(path, t.base.prefix)
	if start, open := strings.CutSuffix(string(to), "*"); open {
		return strings.HasPrefix(path, start)
	}
	return path == string(to)
}

// mayBeMisread reports whether a server may have taken the password tried for another one:
// Basic authentication with characters outside of ASCII, which RFC 7617 lets it read as it
// likes unless it says charset="UTF-8".
func (t *target) mayBeMisread(c *call, tried map[string]any, r *reply) bool {
	a := t.recipe.authFor(c)
	password, _ := tried[varTried].(string)
	if !c.tries || a == nil || a.kind != authBasic || isASCII(password) && isASCII(t.job.User) {
		return false
	}
	challenge, _ := r.header["www-authenticate"].(string)
	return !strings.Contains(strings.ToLower(strings.NewReplacer(" ", "", `"`, "").Replace(challenge)), "charset=utf-8")
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}
