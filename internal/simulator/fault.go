package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is something that goes wrong at one exchange, or at every one of a route.
type Fault struct {
	// Exchange is the route's name.
	Exchange string
	// Occurrence is the exchange of that route that is hit, from 1; 0 means
	// every one.
	Occurrence int
	// Kind is what goes wrong. The zero Kind cannot be injected.
	Kind Kind
}

// String names the fault for a test's or report's title.
func (f Fault) String() string {
	if f.Occurrence == 0 {
		return f.Kind.Name + " at every " + f.Exchange
	}
	return fmt.Sprintf("%s at %s %d", f.Kind.Name, f.Exchange, f.Occurrence)
}

// Kind is one way to go wrong at one side of what the vendor does. Kinds may be compared
// with ==.
//
// A name that ends in "before" means that the vendor never saw the request; one
// that ends in "after" means that the vendor did what it does and only the answer
// suffered, one that ends in "late" that the vendor does it when [Server.CarryOutLate]
// is called: something in between has kept the request. "before" is the literal truth
// for whatever has a lasting effect; to a call that has none the vendor may be asked
// for the answer that is then spoilt.
type Kind struct {
	// Name is unique and stable.
	Name string
	// Applied says that the vendor acted before the fault showed.
	Applied bool
	// Late says that the vendor acts some time after the fault has shown.
	Late bool
	// Status is the status that the client sees; 0 where it sees none, or the
	// vendor's own.
	Status int
	// Hangs says that no answer comes until the client gives up.
	Hangs bool
	// Breaks says that the connection ends before the answer is complete.
	Breaks bool

	way *way // nil in the zero Kind
	// twin says that the same kind exists with the vendor not acting.
	twin bool
}

// way is what goes wrong, whether the vendor acted or not. A new one is one more entry in
// ways: the conformance suite asks [Kinds] for all there are.
type way struct {
	name string
	// before, after and late are the sides of the vendor's acting on which it comes: a
	// Kind each.
	before, after, late bool
	status              int
	hangs, breaks       bool
	// unread says that the request's body is not read, and so nothing is served.
	unread bool
	// delay is how long after a late one the vendor acts; 0 for not before CarryOutLate.
	delay time.Duration
	// copied has the vendor serve a copy, and may put its answer in the place of the
	// first one. nil for no copy.
	copied func(s *Server, route Route, r *Request, real *Answer)
	// counted says that the vendor counts a failed sign-in, and does nothing else.
	counted bool
	// altersAnswer says that it is the vendor's own answer that is altered, if there is
	// one to be had.
	altersAnswer bool
	// fits says at which routes it makes sense; nil is all.
	fits func(Route) bool
	// spoil makes the answer. real is the vendor's, nil if the vendor was not asked.
	spoil func(s *Server, route Route, r *Request, real *Answer) (Answer, ending)
}

// ways are all that can go wrong, in a fixed order, apart from slowWays.
var ways = slices.Concat([]*way{
	// The connection is closed in good order without a byte of answer.
	{name: "drop", before: true, after: true, breaks: true, spoil: ends(dropped)},
	// The TCP connection is reset, without reading the body or after it.
	{name: "reset", before: true, breaks: true, unread: true, fits: Route.carriesBody, spoil: ends(reset)},
	{name: "reset", before: true, after: true, breaks: true, spoil: ends(reset)},
	// No answer until the client goes away or the server closes.
	{name: "hang", before: true, after: true, late: true, hangs: true, spoil: ends(hung)},
}, failures(500, 502, 503, 504, 429), []*way{
	// Accepted, by an answer that names nothing to ask about later.
	{name: "202", before: true, after: true, late: true, status: 202, spoil: says(func(*Server, *Request) Answer {
		return JSON(http.StatusAccepted, map[string]any{"status": "accepted"})
	})},
	// To the same path at the decoy, with every secret of the request in the query, and in
	// the body.
	{name: "redirect 302", before: true, after: true, status: 302, spoil: says(func(s *Server, r *Request) Answer { return s.redirect(302, r) })},
	{name: "redirect 307", before: true, after: true, status: 307, spoil: says(func(s *Server, r *Request) Answer { return s.redirect(307, r) })},
	// A login page, which repeats every secret of the request.
	{name: "HTML 200", before: true, after: true, status: 200, spoil: says(func(_ *Server, r *Request) Answer { return signInPage(r) })},
	{name: "empty 200", before: true, after: true, status: 200, spoil: says(func(*Server, *Request) Answer { return Answer{Status: http.StatusOK} })},
	{name: "array 200", before: true, after: true, status: 200, spoil: says(func(*Server, *Request) Answer { return JSON(http.StatusOK, []any{}) })},
	// Half the body, then the end of the connection.
	{name: "truncated JSON", before: true, after: true, breaks: true, altersAnswer: true,
		spoil: func(_ *Server, _ Route, _ *Request, real *Answer) (Answer, ending) {
			return spoilable(real), answeredInPart
		}},
	// Half the body, with a Content-Length to match.
	{name: "cut JSON", before: true, after: true, altersAnswer: true,
		spoil: func(_ *Server, _ Route, _ *Request, real *Answer) (Answer, ending) {
			answer := spoilable(real)
			answer.Body = half(answer.Body)
			return answer, answered
		}},
	// The vendor's answer, naming somebody else.
	{name: "wrong account", after: true, fits: func(route Route) bool { return route.WrongAccount != nil },
		spoil: func(_ *Server, route Route, _ *Request, real *Answer) (Answer, ending) {
			if real.Status >= 300 {
				return *real, answered
			}
			return route.WrongAccount(*real), answered
		}},
}, echoesOf())

// slowWays differ from a hang in nothing but that bytes go on arriving.
var slowWays = []*way{
	{name: "dripping head", before: true, after: true, hangs: true, spoil: drips("HTTP/1.1 200 OK\r\nX: ")},
	{name: "dripping body", before: true, after: true, hangs: true,
		spoil: drips("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{")},
}

// failures are plain ones; 503 and 429 come with Retry-After: 1. A 429 is always before, and
// behind a proxy's 504 the vendor may act late.
func failures(statuses ...int) (all []*way) {
	for _, status := range statuses {
		all = append(all, &way{
			name: fmt.Sprint(status), before: true, after: status != http.StatusTooManyRequests, late: status == http.StatusGatewayTimeout,
			status: status, spoil: says(func(s *Server, _ *Request) Answer { return s.failure(status) }),
		})
	}
	return all
}

// echoesOf are errors that repeat every secret of the request, raw and decoded, in body, header fields
// and status line; below 500 true refusals.
func echoesOf() (all []*way) {
	for _, status := range []int{400, 401, 403, 404, 409, 500} {
		all = append(all, &way{
			name: fmt.Sprintf("echo %d", status), before: status < 500, after: status >= 500,
			status: status, spoil: says(func(s *Server, r *Request) Answer { return s.echo(status, r) }),
		})
	}
	return all
}

// says answers by itself, ends with no answer, and drips with an answer that has no end.
func says(answer func(*Server, *Request) Answer) func(*Server, Route, *Request, *Answer) (Answer, ending) {
	return func(s *Server, _ Route, r *Request, _ *Answer) (Answer, ending) { return answer(s, r), answered }
}

func ends(how ending) func(*Server, Route, *Request, *Answer) (Answer, ending) {
	return func(*Server, Route, *Request, *Answer) (Answer, ending) { return Answer{}, how }
}

func drips(start string) func(*Server, Route, *Request, *Answer) (Answer, ending) {
	return func(*Server, Route, *Request, *Answer) (Answer, ending) { return Answer{Body: []byte(start)}, dripped }
}

// kindsOf returns the kinds of these ways, side by side.
func kindsOf(ways []*way) (all []Kind) {
	for _, way := range ways {
		kind := Kind{Status: way.status, Hangs: way.hangs, Breaks: way.breaks, way: way}
		if way.before {
			before := kind
			before.Name = way.name + " before"
			if way.unread {
				before.Name += " reading"
			}
			all = append(all, before)
		}
		if way.after {
			after := kind
			after.Name, after.Applied, after.twin = way.name+" after", true, way.before
			all = append(all, after)
		}
		if way.late {
			late := kind
			late.Name, late.Late = way.name+" late", true
			all = append(all, late)
		}
	}
	return all
}

var kinds, slowKinds = sync.OnceValue(func() []Kind { return kindsOf(ways) }), sync.OnceValue(func() []Kind { return kindsOf(slowWays) })

// Kinds returns every kind of fault, in a fixed order; ways says what each is. Those of SlowKinds are not
// among them.
func Kinds() []Kind { return slices.Clone(kinds()) }

// SlowKinds returns the ways to answer that are not among Kinds since they differ from a
// hang in nothing but that bytes go on arriving: the head of an answer or its body comes
// in single bytes and has no end. They are for tests of deadlines.
func SlowKinds() []Kind { return slices.Clone(slowKinds()) }

// KindNamed returns the kind of that name. It panics if there is none.
func KindNamed(name string) Kind {
	for _, kind := range slices.Concat(kinds(), moreKinds(), challengeKinds()) {
		if kind.Name == name {
			return kind
		}
	}
	panic("simulator: no kind of fault is named " + name)
}

// AppliesTo reports whether the kind makes sense at the route and differs there
// from every other kind. A call without lasting effect gets no "after" where
// there is a "before" of the same kind, and only a write is carried out late.
func (k Kind) AppliesTo(route Route) bool {
	switch {
	case k.way == nil:
		return false
	case k.Late:
		return route.Write
	case k.way.fits != nil && !k.way.fits(route):
		return false
	}
	return !(k.twin && route.pure())
}

// Faults crosses every kind with every route it applies to, each once at the
// first occurrence and once at every occurrence.
func Faults(routes []Route) []Fault {
	var faults []Fault
	for _, route := range routes {
		for _, kind := range kinds() {
			if kind.AppliesTo(route) {
				faults = append(faults,
					Fault{Exchange: route.Name, Occurrence: 1, Kind: kind},
					Fault{Exchange: route.Name, Occurrence: 0, Kind: kind})
			}
		}
	}
	return faults
}

// needsAnswer reports whether the vendor has to be asked: because it acts, or
// because its answer is what gets spoilt and asking it changes nothing.
func (k Kind) needsAnswer(route Route) bool {
	return k.Applied || route.pure() && k.way.altersAnswer
}

// ending is how an exchange ends on the wire.
type ending int

const (
	answered ending = iota
	answeredInPart
	dropped
	reset
	hung
	dripped
)

// spoilable returns the vendor's answer, or a likely one if there is none or it
// has no body to spoil.
func spoilable(real *Answer) Answer {
	if real == nil || len(real.Body) < 2 || !hasBody(real.Status) {
		return JSON(http.StatusOK, map[string]any{"success": true, "message": "the request was carried out"})
	}
	return *real
}

func half(body []byte) []byte { return body[:len(body)/2] }

// failure words a plain failure: a 500 and a 429 come from the vendor, the
// others from a proxy in front of it.
func (s *Server) failure(status int) Answer {
	var answer Answer
	switch status {
	case http.StatusInternalServerError, http.StatusTooManyRequests:
		answer = s.errorAnswer(status, strings.ToLower(http.StatusText(status)))
	default:
		answer = page(status, http.StatusText(status), "<hr>proxy")
	}
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		answer.Header.Set("Retry-After", "1")
	}
	return answer
}

// errorAnswer words an error as the vendor does, or else as the kit does.
func (s *Server) errorAnswer(status int, text string) Answer {
	answer := Error(status, text)
	if writer, ok := s.vendor.(ErrorWriter); ok {
		answer = writer.ErrorAnswer(status, text)
	}
	answer.Header = answer.Header.Clone()
	if answer.Header == nil {
		answer.Header = make(http.Header)
	}
	return answer
}

func page(status int, title, content string) Answer {
	return Answer{
		Status: status,
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body:   []byte("<!DOCTYPE html>\n<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1>" + content + "</body></html>\n"),
	}
}
