package simulator

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// moreWays are what real servers, gateways and directories do to a run besides ways.
//
// The late ones have a time in their name: the vendor carries the request out when so much
// time has passed, as soon as anything arrives then, or at [Server.CarryOutLate]. Under 409
// and 423 that is a copy of the very request which somebody in between has sent before.
var moreWays = slices.Concat(bodyWays, statusWays(406, 412, 417, 423, 425, 499), []*way{
	// A gateway sends the write twice, at once or later, and hands on one of the answers.
	{name: "copy, first answer", after: true, fits: isWrite, copied: func(s *Server, route Route, r *Request, real *Answer) { s.serveCopy(route, r) }, spoil: real},
	{name: "copy, second answer", after: true, fits: isWrite, copied: func(s *Server, route Route, r *Request, real *Answer) { *real = s.serveCopy(route, r) }, spoil: real},
	{name: "copy in 30s", after: true, fits: isWrite, copied: func(s *Server, route Route, r *Request, real *Answer) { s.keep(route, r, 30*time.Second) }, spoil: real},
	// The client gets no answer, or one of somebody in between, and the vendor acts later.
	{name: "drop 5s", late: true, breaks: true, delay: 5 * time.Second, spoil: ends(dropped)},
	{name: "drop 15s", late: true, breaks: true, delay: 15 * time.Second, spoil: ends(dropped)},
	{name: "drop 40s", late: true, breaks: true, delay: 40 * time.Second, spoil: ends(dropped)},
	{name: "hang 70s", late: true, hangs: true, delay: 70 * time.Second, spoil: ends(hung)},
	lateStatus(500, 30*time.Second),
	lateStatus(409, 10*time.Second), lateStatus(409, 40*time.Second),
	lateStatus(423, 10*time.Second), lateStatus(423, 40*time.Second),
	// The directory behind a sign-in counts it as failed, and does not say so.
	{name: "500 counted", before: true, status: 500, counted: true, fits: func(route Route) bool { return route.CountFailure != nil },
		spoil: says(func(s *Server, _ *Request) Answer { return s.failure(500) })},
})

// bodyWays leave what an answer says as it is, and alter how.
var bodyWays = []*way{
	{name: "byte order mark", after: true, altersAnswer: true, spoil: rewrites(func(body []byte) []byte { return append(slices.Clone(byteOrderMark), body...) }, nil)},
	// Compressed although nobody asked: with deflate in the form that the standard wants,
	// and in the one that many send.
	{name: "gzip", after: true, altersAnswer: true, spoil: rewrites(compress(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }), http.Header{"Content-Encoding": {"gzip"}})},
	{name: "deflate", after: true, altersAnswer: true, spoil: rewrites(compress(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }), http.Header{"Content-Encoding": {"deflate"}})},
	{name: "raw deflate", after: true, altersAnswer: true, spoil: rewrites(compress(rawDeflate), http.Header{"Content-Encoding": {"deflate"}})},
	// Flask, Django and PHP declare whatever they are not told otherwise as HTML.
	{name: "declared HTML", after: true, altersAnswer: true, spoil: rewrites(nil, http.Header{"Content-Type": {"text/html; charset=utf-8"}})},
	{name: "spaced JSON", after: true, altersAnswer: true, spoil: rewrites(spaced, nil)},
	{name: "empty 200 as HTML", after: true, status: 200, spoil: saysEmpty(200)},
	{name: "empty 204 as HTML", after: true, status: 204, spoil: saysEmpty(204)},
}

func isWrite(route Route) bool { return route.Write }

// real hands on the vendor's own answer.
func real(_ *Server, _ Route, _ *Request, answer *Answer) (Answer, ending) { return *answer, answered }

// statusWays are answers of filters behind the vendor's act, which judge what it says.
func statusWays(statuses ...int) (all []*way) {
	for _, status := range statuses {
		all = append(all, &way{
			name: fmt.Sprint(status), after: true, status: status,
			spoil: says(func(s *Server, _ *Request) Answer { return s.filtered(status) }),
		})
	}
	return all
}

func lateStatus(status int, delay time.Duration) *way {
	return &way{
		name: fmt.Sprintf("%d %.0fs", status, delay.Seconds()), late: true, status: status, delay: delay,
		spoil: says(func(s *Server, _ *Request) Answer { return s.filtered(status) }),
	}
}

// filtered words what does not come from the vendor's own code: frameworks answer 406 and
// 417 without a body, proxies 499 with a page.
func (s *Server) filtered(status int) Answer {
	switch status {
	case http.StatusNotAcceptable, http.StatusExpectationFailed:
		return Answer{Status: status}
	case 499:
		return page(status, "Client Closed Request", "<hr>proxy")
	}
	return s.errorAnswer(status, http.StatusText(status))
}

func saysEmpty(status int) func(*Server, Route, *Request, *Answer) (Answer, ending) {
	return says(func(*Server, *Request) Answer {
		return Answer{Status: status, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}}
	})
}

// rewrites alters the vendor's own answer: its body, if it has one and rewrite is not nil,
// and header fields.
func rewrites(rewrite func([]byte) []byte, header http.Header) func(*Server, Route, *Request, *Answer) (Answer, ending) {
	return func(_ *Server, _ Route, _ *Request, real *Answer) (Answer, ending) {
		answer := spoilable(nil)
		if real != nil {
			answer = *real
		}
		if rewrite != nil {
			if len(answer.Body) == 0 {
				return answer, answered
			}
			answer.Body = rewrite(answer.Body)
		}
		answer.Header = answer.Header.Clone()
		if answer.Header == nil {
			answer.Header = make(http.Header)
		}
		maps.Copy(answer.Header, header)
		return answer, answered
	}
}

func compress(writer func(io.Writer) io.WriteCloser) func([]byte) []byte {
	return func(body []byte) []byte {
		var compressed bytes.Buffer
		w := writer(&compressed)
		// A buffer takes everything.
		_, _ = w.Write(body)
		_ = w.Close()
		return compressed.Bytes()
	}
}

func rawDeflate(w io.Writer) io.WriteCloser {
	// The error is about the level alone.
	compressor, _ := flate.NewWriter(w, flate.DefaultCompression)
	return compressor
}

// spaced writes a JSON object with blanks wherever they may be, and with a list of no
// errors, as some servers have it in every answer.
func spaced(body []byte) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil || object == nil {
		return body
	}
	if _, there := object["errors"]; !there {
		object["errors"] = json.RawMessage("[]")
	}
	var text bytes.Buffer
	for i, key := range slices.Sorted(maps.Keys(object)) {
		start := " ,\n  "
		if i == 0 {
			start = "{\n  "
		}
		value := object[key]
		if string(value) == "[]" {
			value = json.RawMessage("[ ]")
		}
		fmt.Fprintf(&text, "%s%s : %s", start, JSON(0, key).Body, value)
	}
	text.WriteString(" \n}\n")
	return text.Bytes()
}

// serveCopy has the vendor serve a copy of a request. It is no fault of the client's, so
// nothing is noted.
func (s *Server) serveCopy(route Route, r *Request) (answer Answer) {
	copied := r.copied()
	s.Lock(func() { answer = route.Serve(copied) })
	return answer
}

// copied returns a copy of a request for which nothing is noted.
func (r *Request) copied() *Request {
	copied := *r
	copied.Exchange = r.Exchange.clone()
	copied.muted = true
	return &copied
}

// lateAct is a request that the vendor has yet to carry out.
type lateAct struct {
	serve func()
	due   time.Time // zero for not before CarryOutLate
}

// keep has the vendor serve a copy of a request when so much time has passed.
func (s *Server) keep(route Route, r *Request, delay time.Duration) {
	copied := r.copied()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.late = append(s.late, lateAct{func() { route.Serve(copied) }, time.Now().Add(delay)})
}

// carryOut has the vendor serve what it has yet to carry out and is due, in order: all that
// is left if everything is.
func (s *Server) carryOut(everything bool) {
	now := time.Now()
	s.mutex.Lock()
	var due, left []lateAct
	for _, act := range s.late {
		if everything || !act.due.IsZero() && !now.Before(act.due) {
			due = append(due, act)
		} else {
			left = append(left, act)
		}
	}
	s.late = left
	s.mutex.Unlock()
	slices.SortStableFunc(due, func(a, b lateAct) int { return a.due.Compare(b.due) })
	for _, act := range due {
		s.Lock(act.serve)
	}
}

var moreKinds = sync.OnceValue(func() []Kind { return kindsOf(moreWays) })

// MoreKinds returns further kinds, in a fixed order: copies of the write, writes that are
// carried out later, statuses that come behind the vendor's act, and encodings of answers. They
// are no part of Kinds so that a test may meet the commonest faults alone.
func MoreKinds() []Kind { return slices.Clone(moreKinds()) }

// Pairs returns count pairs of these faults, the same for the same faults, spread over all
// of them. The two of a pair hit different exchanges, or the same at different occurrences.
func Pairs(faults []Fault, count int) (pairs [][2]Fault) {
	var all [][2]Fault
	for i, first := range faults {
		for _, second := range faults[i+1:] {
			if first.Exchange != second.Exchange || first.Occurrence != second.Occurrence && first.Occurrence*second.Occurrence != 0 {
				all = append(all, [2]Fault{first, second})
			}
		}
	}
	if count >= len(all) {
		return all
	}
	for i := range count {
		pairs = append(pairs, all[i*len(all)/count])
	}
	return pairs
}
