package hostile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// Answer is one way to answer a request whose head has been read.
type Answer struct {
	Name string
	// Play sends it. The connection ends in good order when it returns.
	Play func(*Conn)
	// Status is the status that the client is shown; 0 if it is shown none.
	Status int
	// Whole says that it is an answer which comes to its end by the rules of HTTP.
	Whole bool
	// Believable says that it is Whole, and that its body is a JSON object or empty.
	Believable bool
	// Denies says that it is Whole, and its body an object that says itself that the call failed.
	Denies bool
	// Stalls says that it ends only when the client gives up.
	Stalls bool
	// Unread says that the request's body is not read before.
	Unread bool
}

// honestAnswer is what a server of good faith would send.
const honestAnswer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + `{"ok":true}`

// largestBody is how many bytes of a body the client promises to read.
const largestBody = 1 << 20

// head is the head of a JSON answer up to the fields given, which are lines without
// their ends.
func head(status int, fields ...string) string {
	lines := append([]string{fmt.Sprintf("HTTP/1.1 %d Said", status), "Content-Type: application/json"}, fields...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// whole is an answer with the length of its body.
func whole(status int, body string, fields ...string) string {
	return head(status, append(fields, fmt.Sprint("Content-Length: ", len(body)))...) + body
}

func send(text string) func(*Conn) { return func(c *Conn) { c.Send(text) } }

// sendThen sends a text before it goes on.
func sendThen(text string, then func(*Conn)) func(*Conn) {
	return func(c *Conn) {
		if c.Send(text) {
			then(c)
		}
	}
}

func flood(text string) func(*Conn) { return func(c *Conn) { c.flood(text) } }

func drip(text string) func(*Conn) { return func(c *Conn) { c.Drip(text) } }

// bomb is gzip of 960 MiB in less than 1 MiB: many members, each of which expands.
var bomb = sync.OnceValue(func() string {
	var member bytes.Buffer
	packer, _ := gzip.NewWriterLevel(&member, gzip.BestCompression) // a level that exists
	_, _ = packer.Write(make([]byte, 16<<20))
	_ = packer.Close()
	return strings.Repeat(member.String(), min(60, largestBody/member.Len()))
})

// names is a JSON object of as many names as fit into a body.
var names = sync.OnceValue(func() string {
	var object strings.Builder
	object.WriteByte('{')
	for i := 0; object.Len() < largestBody-16; i++ {
		if i > 0 {
			object.WriteByte(',')
		}
		fmt.Fprintf(&object, `"%x":0`, i)
	}
	object.WriteByte('}')
	return object.String()
})

// Answers returns every hostile answer. Redirects of hosts lead to the elsewhere given,
// which is a host and port.
func Answers(elsewhere string) []Answer {
	const (
		status   = "HTTP/1.1 200 OK\r\n"
		chunked  = "Transfer-Encoding: chunked"
		upgraded = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
	)
	deep := func(open, inner, shut string) string {
		return strings.Repeat(open, 100_000) + inner + strings.Repeat(shut, 100_000)
	}
	answers := []Answer{
		// Bodies without end or measure.
		{Name: "endless body", Status: 200, Play: sendThen(head(200), flood("x"))},
		{Name: "endless body of a refusal", Status: 400, Play: sendThen(head(400), flood("x"))},
		{Name: "endless chunks", Status: 200, Play: sendThen(head(200, chunked), flood("1\r\nx\r\n"))},
		{Name: "endless chunk extension", Status: 200, Play: sendThen(head(200, chunked)+"1;x=", flood("x"))},
		{Name: "endless chunk size", Status: 200, Play: sendThen(head(200, chunked), flood("0"))},
		{Name: "endless trailer", Status: 200, Play: sendThen(head(200, chunked, "Trailer: X")+"0\r\nX: ", flood("x"))},
		{Name: "body of 1 TiB", Status: 200, Play: sendThen(head(200, "Content-Length: 1099511627776"), flood("x"))},
		{Name: "a byte too many", Status: 200, Play: send(whole(200, `"`+strings.Repeat("x", largestBody-1)+`"`))},
		{Name: "gzip bomb", Status: 200, Whole: true, Play: func(c *Conn) { c.Send(whole(200, bomb(), "Content-Encoding: gzip")) }},
		{Name: "gzip bomb without a type", Status: 200, Whole: true, Play: func(c *Conn) {
			c.Send(status + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(bomb())) + bomb())
		}},
		{Name: "coding that was not asked for", Status: 200, Whole: true, Play: send(status + "Content-Encoding: x\r\nContent-Length: 3\r\n\r\nabc")},
		{Name: "objects 100,000 deep", Status: 200, Whole: true, Play: send(whole(200, deep(`{"a":`, "1", "}")))},
		{Name: "lists 100,000 deep", Status: 200, Whole: true, Play: send(whole(200, deep(`[`, "", "]")))},
		{Name: "lists that never close", Status: 200, Whole: true, Play: send(whole(200, strings.Repeat("[", largestBody)))},
		{Name: "name twice", Status: 200, Whole: true, Play: send(whole(200, `{"ok":true,"ok":false}`))},
		{Name: "name twice, once escaped", Status: 200, Whole: true, Play: send(whole(200, `{"ok":true,"\u006fk":false}`))},
		{Name: "name twice inside", Status: 200, Whole: true, Play: send(whole(200, `{"a":[{"ok":true,"ok":false}]}`))},
		{Name: "names beyond number", Status: 200, Whole: true, Play: func(c *Conn) { c.Send(whole(200, names())) }},
		{Name: "a text as long as the body may be", Status: 400, Whole: true, Believable: true, Play: send(whole(400, `{"message":"`+strings.Repeat("long ", largestBody/5-4)+`"}`))},

		// Lengths that are not true.
		{Name: "length too long", Status: 200, Play: send(head(200, "Content-Length: 1000") + `{"ok":true}`)},
		{Name: "length too long, then silence", Status: 200, Stalls: true, Play: sendThen(head(200, "Content-Length: 1000")+`{"ok":true}`, (*Conn).Stall)},
		{Name: "length too long, refusal", Status: 401, Play: send(head(401, "Content-Length: 1000") + `{"message":"x"}`)},
		{Name: "length too short", Status: 200, Whole: true, Play: send(head(200, "Content-Length: 5") + `{"ok":true}`)},
		{Name: "length negative", Play: send(head(200, "Content-Length: -1") + `{"ok":true}`)},
		{Name: "length beyond number", Play: send(head(200, "Content-Length: 99999999999999999999") + `{"ok":true}`)},
		{Name: "two lengths", Play: send(head(200, "Content-Length: 11", "Content-Length: 5") + `{"ok":true}`)},
		{Name: "no length, no body", Status: 200, Whole: true, Play: send(status + "\r\n")},
		{Name: "no length, no body, cut", Status: 200, Whole: true, Play: sendThen(status+"\r\n", (*Conn).Cut)},
		{Name: "no length, cut", Status: 200, Whole: true, Believable: true, Play: sendThen(head(200)+`{"ok":true}`, (*Conn).Cut)},
		{Name: "no length, then silence", Status: 200, Stalls: true, Play: sendThen(head(200)+`{"ok":true}`, (*Conn).Stall)},
		{Name: "no content with content", Status: 204, Whole: true, Believable: true, Play: send("HTTP/1.1 204 No Content\r\n\r\n" + honestAnswer)},

		// Chunks that are none.
		{Name: "chunk size is garbage", Status: 200, Play: send(head(200, chunked) + "zz\r\n{\"ok\":true}\r\n0\r\n\r\n")},
		{Name: "chunk size beyond number", Status: 200, Play: send(head(200, chunked) + "fffffffffffffffff\r\n{\"ok\":true}\r\n0\r\n\r\n")},
		{Name: "chunk longer than said", Status: 200, Play: send(head(200, chunked) + "5\r\n{\"ok\":true}\r\n0\r\n\r\n")},
		{Name: "last chunk missing", Status: 200, Play: send(head(200, chunked) + "b\r\n{\"ok\":true}\r\n")},
		{Name: "unknown transfer coding", Play: send(head(200, "Transfer-Encoding: gzip, chunked") + "0\r\n\r\n")},

		// Heads without end or measure.
		{Name: "endless status line", Play: sendThen("HTTP/1.1 200 ", flood("x"))},
		{Name: "endless field", Play: sendThen(status+"X: ", flood("x"))},
		{Name: "field of 8 MiB", Play: send(head(200, "X: "+strings.Repeat("x", 8<<20)))},
		{Name: "endless fields", Play: sendThen(status, flood("X: x\r\n"))},
		{Name: "50,000 fields", Play: send(head(200, strings.TrimSuffix(strings.Repeat("X: x\r\n", 50_000), "\r\n")))},
		{Name: "endless cookies", Play: sendThen(status, flood("Set-Cookie: a=b\r\n"))},
		{Name: "field without a colon", Play: send(status + "what is this\r\n\r\n")},
		{Name: "head cut", Play: sendThen(status+"Content-", (*Conn).Cut)},
		{Name: "head reset", Play: sendThen(status+"Content-", (*Conn).Reset)},
		{Name: "no answer", Play: func(*Conn) {}},
		{Name: "no answer, reset", Play: (*Conn).Reset},

		// Too slow.
		{Name: "silence", Stalls: true, Play: (*Conn).Stall},
		{Name: "dripping status line", Stalls: true, Play: drip("HTTP/1.1 200 OK")},
		{Name: "dripping field", Stalls: true, Play: drip(status + "X: x")},
		{Name: "dripping body", Status: 200, Stalls: true, Play: sendThen(head(200), drip("x"))},
		{Name: "dripping body of a refusal", Status: 401, Stalls: true, Play: sendThen(head(401), drip("x"))},
		{Name: "dripping chunks", Status: 200, Stalls: true, Play: sendThen(head(200, chunked), drip("1\r\nx\r\n1;xxxxxxxx"))},

		// Interim answers.
		{Name: "early hints for ever", Play: flood("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")},
		{Name: "continue for ever", Play: flood("HTTP/1.1 100 Continue\r\n\r\n")},
		{Name: "processing, then silence", Stalls: true, Play: sendThen("HTTP/1.1 102 Processing\r\n\r\n", (*Conn).Stall)},
		{Name: "dripping early hints", Stalls: true, Play: drip("HTTP/1.1 103 Early Hints\r\nLink: x")},
		{Name: "early hints, then the answer", Status: 200, Whole: true, Believable: true, Play: send("HTTP/1.1 103 Early Hints\r\n\r\n" + honestAnswer)},
		{Name: "other protocol", Status: 101, Whole: true, Play: send("HTTP/1.1 101 Switching Protocols\r\n\r\n")},
		{Name: "other protocol, then silence", Status: 101, Whole: true, Play: sendThen(upgraded, (*Conn).Stall)},
		{Name: "other protocol, then a flood", Status: 101, Whole: true, Play: sendThen(upgraded, flood("x"))},

		// Other protocols and none.
		{Name: "HTTP/0.9", Play: send(`{"ok":true}`)},
		{Name: "HTTP/1.0", Status: 200, Whole: true, Believable: true, Play: send(strings.Replace(honestAnswer, "1.1", "1.0", 1))},
		{Name: "HTTP/1.0 without a length", Status: 200, Whole: true, Believable: true, Play: send("HTTP/1.0 200 OK\r\n\r\n" + `{"ok":true}`)},
		{Name: "garbage", Play: send("\x00\x01\xfe\xff garbage\r\n\r\n")},
		{Name: "endless garbage", Play: flood("\xfe\xff")},
		{Name: "endless blank lines", Play: flood("\r\n")},
		{Name: "HTTP/2 frames", Play: send("\x00\x00\x00\x04\x00\x00\x00\x00\x00")},
		{Name: "SSH", Play: send("SSH-2.0-OpenSSH_9.6\r\n")},
		{Name: "status is a word", Play: send("HTTP/1.1 okay OK\r\n\r\n")},
		{Name: "status is four digits", Play: send("HTTP/1.1 2000 OK\r\n\r\n")},
		{Name: "status is 000", Whole: true, Play: send("HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n")},
		{Name: "status is 999", Status: 999, Whole: true, Play: send(whole(999, "{}"))},

		// Success of another kind.
		{Name: "web page", Status: 200, Whole: true, Play: send(status + "Content-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")},
		{Name: "web page without a type", Status: 200, Whole: true, Play: send(status + "Content-Length: 9\r\n\r\n\xef\xbb\xbf<html>")},
		{Name: "text in UTF-16", Status: 200, Whole: true, Denies: true, Play: send(status + "Content-Length: 26\r\n\r\n\xff\xfe{\x00\"\x00o\x00k\x00\"\x00:\x00f\x00a\x00l\x00s\x00e\x00}\x00")},
		{Name: "failure behind a byte order mark", Status: 200, Whole: true, Denies: true, Play: send(status + "Content-Length: 15\r\n\r\n\xef\xbb\xbf" + `{"ok":false}`)},

		// Before the body was read.
		{Name: "early success", Status: 200, Whole: true, Believable: true, Unread: true, Play: send(honestAnswer)},
		{Name: "early refusal", Status: 400, Whole: true, Unread: true, Play: send(whole(400, `{"message":"x"}`))},
		{Name: "early wrong credential", Status: 401, Whole: true, Unread: true, Play: send(whole(401, `{"message":"x"}`))},
	}
	redirect := func(code int, location string) {
		answers = append(answers, Answer{
			Name: fmt.Sprintf("redirect %d to %q", code, strings.Replace(location, elsewhere, "elsewhere", 1)), Status: code, Whole: true,
			Play: send(whole(code, "{}", "Location: "+location, "Refresh: 0; url="+location, "Content-Location: "+location)),
		})
	}
	for _, code := range []int{300, 301, 302, 303, 305, 307, 308} {
		redirect(code, "https://"+elsewhere+"/")
	}
	for _, location := range []string{"http://" + elsewhere + "/", "//" + elsewhere, "file:///etc/passwd", "", ":"} {
		redirect(302, location)
		redirect(307, location)
	}
	return answers
}

// Site is a vendor that answers one request in a hostile way and all others honestly.
type Site struct {
	// Meant tells the request that Answer is for.
	Meant  func(*http.Request) bool
	Answer Answer
	// Serve carries out a request and returns its honest answer, as bytes.
	Serve func(request *http.Request, body string) string
	// Idle says that the meant request is not carried out.
	Idle bool
}

// Play plays one connection to the site.
func (s Site) Play(c *Conn) {
	for {
		request := c.Head()
		if request == nil {
			return
		}
		meant := s.Meant(request)
		if !meant || !s.Answer.Unread {
			body, ok := c.Body(request)
			if !ok {
				return
			}
			honest := honestAnswer
			if s.Serve != nil && !(meant && s.Idle) {
				honest = s.Serve(request, body)
			}
			if !meant {
				if !c.Send(honest) || request.Close {
					return
				}
				continue
			}
		}
		s.Answer.Play(c)
		c.Finish()
		return
	}
}
