package simulator

import (
	"net/http"
	"sync"
)

// challengeWays are what something in front of the vendor answers that wants a sign-in of its
// own: it has looked at nothing that was sent for the vendor.
var challengeWays = []*way{
	// A web server with Windows authentication alone.
	{name: "401 Negotiate", before: true, status: 401, spoil: challenges(401, "", "Negotiate", "NTLM")},
	// The same with a page, as IIS has one.
	{name: "401 Negotiate page", before: true, status: 401, spoil: challenges(401, "page", "Negotiate", "NTLM")},
	{name: "401 Digest", before: true, status: 401, spoil: challenges(401, "", `Digest realm="front, Basic", qop="auth", nonce="0"`)},
	// A portal that knows tokens of an identity provider.
	{name: "401 Bearer portal", before: true, status: 401, spoil: challenges(401, `{"message":"Unauthorized"}`, `Bearer realm="portal", authorization_uri="https://portal.invalid/"`)},
	// Basic authentication of a reverse proxy.
	{name: "401 Basic proxy", before: true, status: 401, spoil: challenges(401, "page", `Basic realm="proxy"`)},
	{name: "407", before: true, status: 407, spoil: challenges(407, "page")},
	// The vendor's own answer, to which its web server adds the ways that it knows itself.
	{name: "Negotiate added", after: true, altersAnswer: true, spoil: rewrites(nil, http.Header{"Www-Authenticate": {"Negotiate", "NTLM"}})},
}

// challenges answers with these challenges, and a body: "page" stands for one of HTML.
func challenges(status int, body string, asked ...string) func(*Server, Route, *Request, *Answer) (Answer, ending) {
	return says(func(*Server, *Request) Answer {
		answer := Answer{Status: status, Header: make(http.Header), Body: []byte(body)}
		if body == "page" {
			answer = page(status, http.StatusText(status), "<hr>front")
		}
		field := "Www-Authenticate"
		if status == http.StatusProxyAuthRequired {
			field, asked = "Proxy-Authenticate", []string{`Basic realm="proxy"`}
		}
		answer.Header[field] = asked
		return answer
	})
}

var challengeKinds = sync.OnceValue(func() []Kind { return kindsOf(challengeWays) })

// ChallengeKinds returns the kinds of faults that ask for a sign-in which is not the vendor's.
// They are neither among Kinds nor among MoreKinds.
func ChallengeKinds() []Kind { return challengeKinds() }
