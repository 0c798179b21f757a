package simulator

import (
	"fmt"
	"net/http"
	"strings"
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

// Kind is one way to go wrong. Kinds may be compared with ==.
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

	effect effect
	// twin says that the same kind exists with the vendor not acting.
	twin bool
}

type effect int

const (
	nothing effect = iota
	dropConnection
	resetUnread
	resetConnection
	hangConnection
	fail
	accept
	redirect
	loginPage
	emptyBody
	emptyArray
	truncateBody
	cutBody
	otherAccount
	echoSecrets
	dripHead
	dripBody
)

var kinds, slowKinds = makeKinds(), makeSlowKinds()

func makeSlowKinds() []Kind {
	var all []Kind
	for _, way := range []struct {
		name   string
		effect effect
	}{{"dripping head", dripHead}, {"dripping body", dripBody}} {
		all = append(all,
			Kind{Name: way.name + " before", Hangs: true, effect: way.effect},
			Kind{Name: way.name + " after", Applied: true, Hangs: true, effect: way.effect, twin: true})
	}
	return all
}

// SlowKinds returns the ways to answer that are not among Kinds since they differ from a
// hang in nothing but that bytes go on arriving: the head of an answer or its body comes
// in single bytes and has no end. They are for tests of deadlines.
func SlowKinds() []Kind { return append([]Kind(nil), slowKinds...) }

func makeKinds() []Kind {
	var all []Kind
	before := func(name string, status int, effect effect) {
		all = append(all, Kind{Name: name + " before", Status: status, Hangs: effect == hangConnection, effect: effect})
	}
	after := func(name string, status int, effect effect) {
		all = append(all, Kind{Name: name + " after", Applied: true, Status: status, Hangs: effect == hangConnection, effect: effect})
	}
	both := func(name string, status int, effect effect) {
		before(name, status, effect)
		after(name, status, effect)
		all[len(all)-1].twin = true
	}
	both("drop", 0, dropConnection)
	all = append(all, Kind{Name: "reset before reading", effect: resetUnread})
	both("reset", 0, resetConnection)
	both("hang", 0, hangConnection)
	for _, status := range []int{500, 502, 503, 504} {
		both(fmt.Sprint(status), status, fail)
	}
	before("429", http.StatusTooManyRequests, fail)
	both("202", http.StatusAccepted, accept)
	for _, kind := range []Kind{
		{Name: "hang late", Hangs: true, effect: hangConnection},
		{Name: "504 late", Status: http.StatusGatewayTimeout, effect: fail},
		{Name: "202 late", Status: http.StatusAccepted, effect: accept},
	} {
		kind.Late = true
		all = append(all, kind)
	}
	both("redirect 302", http.StatusFound, redirect)
	both("redirect 307", http.StatusTemporaryRedirect, redirect)
	both("HTML 200", http.StatusOK, loginPage)
	both("empty 200", http.StatusOK, emptyBody)
	both("array 200", http.StatusOK, emptyArray)
	both("truncated JSON", 0, truncateBody)
	both("cut JSON", 0, cutBody)
	all = append(all, Kind{Name: "wrong account after", Applied: true, effect: otherAccount})
	for _, status := range []int{400, 401, 403, 404, 409} {
		before(fmt.Sprintf("echo %d", status), status, echoSecrets)
	}
	after("echo 500", http.StatusInternalServerError, echoSecrets)
	return all
}

// Kinds returns every kind of fault, in a fixed order:
//
//   - drop: the connection is closed in good order without a byte of answer
//   - reset: the TCP connection is reset; "before reading": without reading the body
//   - hang: no answer until the client goes away or the server closes
//   - 500, 502, 503, 504, 429: a plain failure; 503 and 429 with Retry-After: 1
//   - 202: accepted, by an answer that names nothing to ask about later
//   - redirect 302, redirect 307: to the same path at the decoy, with every secret of the
//     request in its query, and in the body
//   - HTML 200: a login page, which repeats every secret of the request
//   - empty 200: no body
//   - array 200: the JSON text []
//   - truncated JSON: half the body, then the end of the connection
//   - cut JSON: half the body with a Content-Length to match
//   - wrong account: the vendor's answer naming somebody else
//   - echo: an error that repeats every secret of the request, raw and decoded,
//     in body, header fields and status line; below 500 a true refusal
//
// Truncated and cut JSON and wrong account alter the vendor's own answer.
func Kinds() []Kind { return append([]Kind(nil), kinds...) }

// KindNamed returns the kind of that name. It panics if there is none.
func KindNamed(name string) Kind {
	for _, kind := range kinds {
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
	case k.effect == nothing:
		return false
	case k.Late:
		return route.Write
	case k.effect == otherAccount:
		return route.WrongAccount != nil
	case k.effect == resetUnread:
		return route.carriesBody()
	}
	return !(k.twin && route.pure())
}

// Faults crosses every kind with every route it applies to, each once at the
// first occurrence and once at every occurrence.
func Faults(routes []Route) []Fault {
	var faults []Fault
	for _, route := range routes {
		for _, kind := range kinds {
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
	return k.Applied || route.pure() && (k.effect == truncateBody || k.effect == cutBody)
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

// spoil turns the vendor's answer into what the kind makes of it. The vendor's
// answer is nil if the vendor was not asked.
func (s *Server) spoil(kind Kind, route Route, r *Request, real *Answer) (Answer, ending) {
	switch kind.effect {
	case dropConnection:
		return Answer{}, dropped
	case resetConnection:
		return Answer{}, reset
	case hangConnection:
		return Answer{}, hung
	case dripHead:
		return Answer{Body: []byte("HTTP/1.1 200 OK\r\nX: ")}, dripped
	case dripBody:
		return Answer{Body: []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{")}, dripped
	case fail:
		return s.failure(kind.Status), answered
	case accept:
		return JSON(http.StatusAccepted, map[string]any{"status": "accepted"}), answered
	case redirect:
		return s.redirect(kind.Status, r), answered
	case loginPage:
		return signInPage(r), answered
	case emptyBody:
		return Answer{Status: http.StatusOK}, answered
	case emptyArray:
		return JSON(http.StatusOK, []any{}), answered
	case truncateBody:
		return spoilable(real), answeredInPart
	case cutBody:
		answer := spoilable(real)
		answer.Body = half(answer.Body)
		return answer, answered
	case otherAccount:
		if real.Status >= 300 {
			return *real, answered
		}
		return route.WrongAccount(*real), answered
	default:
		return s.echo(kind.Status, r), answered
	}
}

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
