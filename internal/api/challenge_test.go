package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/api/hostile"
)

// TestChallenges: a 401 that asks for what nobody sends here has judged no password, and says
// what it asks for.
func TestChallenges(t *testing.T) {
	for name, test := range map[string]struct {
		challenges []string
		asked      string
	}{
		"Windows authentication":  {[]string{"Negotiate", "NTLM"}, "Negotiate or NTLM"},
		"in one line":             {[]string{"Negotiate, NTLM"}, "Negotiate or NTLM"},
		"with a token":            {[]string{"negotiate oYG2MIGzoAMKAQE=="}, "Negotiate"},
		"digest":                  {[]string{`Digest realm="Basic, Bearer", nonce="y", qop="auth,auth-int", stale=FALSE`}, "Digest"},
		"quotes in a realm":       {[]string{`Digest realm="a \" Basic, b", nonce="y"`}, "Digest"},
		"Basic beside it":         {[]string{"Negotiate", `Basic realm="x"`}, ""},
		"Basic beside it, joined": {[]string{`Digest realm="x, y", nonce="b", Basic realm="x"`}, ""},
		"Bearer":                  {[]string{`Bearer error="invalid_token", error_description="Digest"`}, ""},
		"one of the server's own": {[]string{"xBasic"}, ""},
		"none":                    {nil, ""},
		"empty":                   {[]string{"", " , "}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer := "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
			for _, challenge := range test.challenges {
				answer += "WWW-Authenticate: " + challenge + "\r\n"
			}
			f := playing(t, 30*time.Second, hostile.Site{
				Meant:  func(r *http.Request) bool { return r.URL.Path == "/hostile" },
				Answer: hostile.Answer{Play: func(c *hostile.Conn) { c.Send(answer + "\r\n") }},
				Serve:  func(*http.Request, string) string { return "HTTP/1.1 204 No Content\r\n\r\n" },
			}.Play)
			got, err := f.client.Do(t.Context(), f.request(api.SignIn))
			hints := strings.Join(api.AsError(err).Hints, "\n")
			if got.HasOtherCause() != (test.asked != "") || strings.Contains(hints, "the server asks for "+test.asked+" authentication alone") != (test.asked != "") {
				t.Errorf("another cause: %t; %q", got.HasOtherCause(), hints)
			}
		})
	}
}

// TestLongHead: it is named, and not taken for another protocol.
func TestLongHead(t *testing.T) {
	f := playing(t, 30*time.Second, hostile.Site{
		Meant: func(r *http.Request) bool { return r.URL.Path == "/hostile" },
		Answer: hostile.Answer{Play: func(c *hostile.Conn) {
			c.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + strings.Repeat("Set-Cookie: a="+strings.Repeat("x", 4000)+"\r\n", 50) + "\r\n")
		}},
		Serve: func(*http.Request, string) string { return "HTTP/1.1 204 No Content\r\n\r\n" },
	}.Play)
	_, err := f.client.Do(t.Context(), f.request(api.Write))
	if fault := api.AsError(err); fault == nil || fault.Cause != "the head of the answer is longer than 64 KiB" || fault.Refused() || !fault.Left {
		t.Errorf("got %+v", fault)
	}
}

// TestMisdirected: 421 is refused, and says whose name is at fault.
func TestMisdirected(t *testing.T) {
	fault := refusal(t, 421, "text/html", "<html><title>Misdirected Request</title></html>")
	if !fault.Refused() || !slices.ContainsFunc(fault.Hints, func(hint string) bool { return strings.Contains(hint, "(SNI)") }) {
		t.Errorf("refused %t: %q", fault.Refused(), fault.Hints)
	}
}
