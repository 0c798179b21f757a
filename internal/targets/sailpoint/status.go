package sailpoint

import (
	"context"
	"strings"
	"time"
	"unicode"

	"pam-rotate-script/internal/api"
)

// The states that SailPoint names. Any other is taken for one that is still under way, since
// the vendor may add some.
const (
	stateInProgress = "IN_PROGRESS"
	stateFinished   = "FINISHED"
	stateFailed     = "FAILED"
)

// stateIn returns the state that an answer names, in capitals; "" for none.
func stateIn(fields api.Fields) string {
	state, _ := fields.Text("state")
	return strings.ToUpper(state)
}

func final(state string) bool { return state == stateFinished || state == stateFailed }

const (
	firstWait   = 2 * time.Second
	longestWait = 10 * time.Second
	// lastRead is how long before the deadline the last status read begins.
	lastRead = 5 * time.Second
	// patience is how many status reads in a row may end in something that waiting
	// is unlikely to mend, such as 404.
	patience = 5
)

// follow reads the status of a request until it is final or the time is up
// (https://developer.sailpoint.com/docs/api/v3/get-password-change-status). The first
// read comes at once if the state is said to be final already.
func (t *target) follow(ctx context.Context, requestID string, atOnce bool) error {
	path, err := api.NewPath(t.statusTemplate(), requestID)
	if err != nil {
		return t.client.Fail(readStatus, api.ClassTarget, err.Error())
	}
	clock := t.client.Clock()
	pace := newPace(ctx, clock, atOnce)
	last := t.client.Fail(readStatus, api.ClassTimeout, "no time was left for it")
	for failures := 0; failures < patience; {
		wait, more := pace.next(clock.Now())
		if !more || clock.Sleep(ctx, wait) != nil {
			break
		}
		fields, fault := t.status(ctx, path)
		if fault != nil {
			last = fault
			if fault.Status == 403 {
				break
			}
			if !passing(fault) {
				failures++
			} else if fault.Status >= 400 {
				pace.step = longestWait // the tenant is busy
			}
			continue
		}
		state := stateIn(fields)
		id, isText := fields.Text("requestId")
		unnamed := !fields.Has("requestId") || isText && id == "" // the specification lets it be null
		switch {
		case id != requestID && !unnamed:
			last = t.client.Fail(readStatus, api.ClassTarget, "the answer does not name the request that was asked about")
			failures++
		case final(state):
			err := t.judge(readStatus, fields)
			t.ended = err == nil
			return t.named(err, requestID)
		default:
			last = t.underWay(state)
			failures = 0
		}
	}
	last.Hint("an administrator can read the end of the change later, by its request id, with SailPoint's call Get Password Change Request Status")
	return t.named(last, requestID)
}

// status makes one status read, with a new token where the old one has run out.
func (t *target) status(ctx context.Context, path api.Path) (api.Fields, *api.Error) {
	for renewed := false; ; renewed = true {
		answer, err := t.client.Do(ctx, api.Request{
			Action: readStatus, Kind: api.Read, Method: "GET", Host: t.host, Path: path, Header: t.header(), LimitPatience: api.UntilDeadline,
		})
		if err == nil {
			fields, err := answer.Object()
			if err != nil {
				return nil, t.client.Fail(readStatus, api.ClassTarget, err.Error())
			}
			return fields, nil
		}
		fault := api.AsError(err)
		switch {
		case fault.Status == 401 && !renewed:
			if err := t.signIn(ctx); err != nil {
				return nil, api.AsError(err)
			}
			continue
		case fault.Status == 403:
			fault.Hint(statusHint)
		case fault.Status == 404:
			fault.Class = api.ClassTarget // it is not about the account
		}
		return nil, fault
	}
}

// underWay is the error of a change that has not ended when the time is up.
func (t *target) underWay(state string) *api.Error {
	if state == stateInProgress {
		return t.client.Fail(readStatus, api.ClassTimeout, "the change was still in progress when the time was up",
			"raise the field Timeout on the access record if the source is slow; the change may yet come into force")
	}
	if state == "" || len(state) > 40 || t.client.Clean(state) != state || strings.ContainsFunc(state, func(r rune) bool {
		return r != '_' && r != '-' && !unicode.IsLetter(r)
	}) {
		state = "none that can be read"
	}
	return t.client.Fail(readStatus, api.ClassTarget, "the state of the change is none that SailPoint's documents name: "+state,
		"look at the change in Identity Security Cloud; it may have ended, in part or not at all, or yet come into force")
}

const statusHint = "the client needs the scope idn:password-change:read, and the owner of a personal access token the user level ORG_ADMIN; without it no change can be followed"

// passing reports whether a failed status read may well succeed later: no answer, an
// unreadable one, or one of a server that is busy or broken.
func passing(fault *api.Error) bool {
	return fault.Status/100 == 2 || fault.Status == 0 || fault.Status == 408 || fault.Status == 429 || fault.Status >= 500
}

// judge says what a final state means: nil for a change that is in force, an error for
// what is not certain. A change that has failed is among that: no document says that the
// old password stands then, and a source may have taken the new one before its connector
// reported a failure.
func (t *target) judge(action string, fields api.Fields) error {
	state := stateIn(fields)
	reach := t.reach(fields)
	errors := fields.Texts("errors")
	fail := func(class api.Class, cause string, hints ...string) *api.Error {
		fault := t.client.Fail(action, class, cause, hints...)
		fault.Text = t.client.Clean(strings.Join(errors, "; "))
		return fault
	}
	switch {
	case state == stateFailed && reach == ours:
		return fail(api.ClassTarget, "SailPoint says that the change has failed", t.policyHints()...)
	case state == stateFailed && reach == group:
		return fail(api.ClassTarget, "SailPoint says that the change has failed at a group of sources, some of which may have changed")
	case state == stateFailed:
		return fail(api.ClassTarget, "SailPoint says that the change has failed, and names other sources than the one asked for")
	case fields.Filled("errors"):
		return fail(api.ClassTarget, "SailPoint says that the change is finished, and lists errors")
	case reach == strangers:
		return fail(api.ClassTarget, "SailPoint says that the change is finished, and names other sources than the one asked for")
	}
	if reach == group {
		t.job.Warn("the source belongs to a password sync group: SailPoint has set the same password at every source of the group, and other records that hold one of these passwords are wrong now")
	}
	return nil
}

// reach is at which sources a change took place.
type reach int

const (
	ours      reach = iota // no source is named, or ours alone
	group                  // ours and others
	strangers              // others only, or something unreadable
)

func (t *target) reach(fields api.Fields) reach {
	listed, named := fields.Texts("sourceIds"), fields.Has("sourceIds")
	if named && (fields.List("sourceIds") == nil || len(listed) != len(fields.List("sourceIds"))) {
		return strangers
	}
	found := map[bool]bool{}
	for _, id := range listed {
		found[id == t.order.sourceID] = true
	}
	switch {
	case found[true] && found[false]:
		return group
	case found[false]:
		return strangers
	}
	return ours
}

// named adds the request's ID to an error, for who asks SailPoint about it.
func (t *target) named(err error, requestID string) error {
	if fault := api.AsError(err); fault != nil && t.isPlain(requestID) {
		fault.RequestID = requestID
	}
	return err
}

// isPlain reports whether an ID of SailPoint's is fit to print as it is.
func (t *target) isPlain(id string) bool {
	return id != "" && len(id) <= 64 && t.client.Clean(id) == id && !strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	})
}

// pace spreads status reads over the time until the deadline. It counts the waits
// itself, so that it comes to an end also by a clock that does not wait.
type pace struct {
	start  time.Time
	limit  time.Duration // from start to the last read
	waited time.Duration
	step   time.Duration // the next wait
	begun  bool
}

func newPace(ctx context.Context, clock api.Clock, atOnce bool) *pace {
	now, limit := clock.Now(), timeout
	if left, bounded := api.Left(ctx, clock); bounded {
		limit = left
	}
	p := &pace{start: now, limit: limit - min(lastRead, limit/4), step: firstWait}
	if atOnce {
		p.step = 0
	}
	return p
}

// next returns how long to wait before the next read; false if the last one has been
// made. There is always a first one.
func (p *pace) next(now time.Time) (time.Duration, bool) {
	left := max(0, p.limit-max(now.Sub(p.start), p.waited))
	if left == 0 && p.begun {
		return 0, false
	}
	wait := min(p.step, left)
	p.begun, p.waited = true, p.waited+wait
	p.step = min(max(p.step*3/2, firstWait), longestWait)
	return wait, true
}
