package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/api/hostile"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/simulator"
)

// TestChallenges: a 401 that asks for what nobody sends here has judged no password, and says
// what it asks for.
func TestChallenges(t *testing.T) {
	for name, test := range map[string]struct {
		challenges []string
		asked      string
	}{
		"Windows authentication":   {[]string{"Negotiate", "NTLM"}, "Negotiate or NTLM"},
		"in one line":              {[]string{"Negotiate, NTLM"}, "Negotiate or NTLM"},
		"with a token":             {[]string{"negotiate oYG2MIGzoAMKAQE=="}, "Negotiate"},
		"digest":                   {[]string{`Digest realm="Basic, Bearer", nonce="y", qop="auth,auth-int", stale=FALSE`}, "Digest"},
		"quotes in a realm":        {[]string{`Digest realm="a \" Basic, b", nonce="y"`}, "Digest"},
		"Basic beside it":          {[]string{"Negotiate", `Basic realm="x"`}, ""},
		"Basic beside it, joined":  {[]string{`Digest realm="x, y", nonce="b", Basic realm="x"`}, ""},
		"Bearer":                   {[]string{`Bearer error="invalid_token", error_description="Digest"`}, ""},
		"one of the server's own":  {[]string{"xBasic"}, ""},
		"one of its own beside it": {[]string{"Negotiate", "xBasic"}, ""},
		"none":                     {nil, ""},
		"empty":                    {[]string{"", " , "}, ""},
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

// TestOtherSignIns: a challenge that does not name what was sent says so, and one of a vendor who
// has a code of its own for it is not looked at.
func TestOtherSignIns(t *testing.T) {
	basic, bearer := api.Basic("jane", secret.New("canary")), api.Bearer(secret.New("canary"))
	own := api.Header{Name: "X-Access-Token", Value: secret.New("canary")}
	for name, test := range map[string]struct {
		sent                        []api.Header
		challenge, body             string
		another, unjudged, notWrong bool
	}{
		"portal":                       {[]api.Header{basic}, `Bearer realm="portal"`, "", true, false, false},
		"portal beside Windows":        {[]api.Header{basic}, `Negotiate, Bearer realm="portal"`, "", true, false, false},
		"proxy":                        {[]api.Header{bearer}, `Basic realm="proxy"`, "", true, false, false},
		"proxy before a field":         {[]api.Header{own}, `Basic realm="proxy"`, "", true, false, false},
		"what was sent":                {[]api.Header{basic}, `Bearer, basic realm="x"`, "", false, false, false},
		"a scheme of the server's own": {[]api.Header{basic}, `OAuth realm="x"`, "", false, false, false},
		"a sign-in by a body":          {nil, `Bearer realm="x"`, "", false, false, false},
		"a session":                    {[]api.Header{{Name: "Cookie", Value: secret.New("id=canary")}}, `Basic realm="x"`, "", false, false, false},
		"Windows":                      {[]api.Header{basic}, "NTLM", "", false, true, true},
		"Windows, and the vendor":      {[]api.Header{basic}, "NTLM", `{"code":"wrong_password"}`, false, false, false},
		"Windows, and a lock":          {[]api.Header{basic}, "NTLM", `{"code":"wrong_password","message":"the account is locked"}`, false, false, true},
		"too many":                     {[]api.Header{basic}, `Basic realm="x"`, `{"code":"wrong_password","message":"Too many failed login attempts"}`, false, false, true},
		"too many, and wrong":          {[]api.Header{basic}, `Basic realm="x"`, `{"message":"Wrong password. Too many failed attempts will lock the account"}`, false, false, false},
		"Windows, and words":           {[]api.Header{basic}, "NTLM", `{"message":"no"}`, false, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(config *api.Config) {
				config.Explain = func(answer api.Answer) (code, text string) {
					fields, _ := answer.Object()
					code, _ = fields.Text("code")
					text, _ = fields.Text("message")
					return code, text
				}
			})
			r.vendor.answer = func(*simulator.Request) simulator.Answer {
				return simulator.Answer{Status: 401, Header: http.Header{"Www-Authenticate": {test.challenge}}, Body: []byte(test.body)}
			}
			request := r.signIn()
			request.Header = test.sent
			got, err := r.client.Do(t.Context(), request)
			fault := api.AsError(err)
			if got.AsksAnother() != test.another || fault.Unjudged() != test.unjudged || fault.HasOtherCause() != test.notWrong {
				t.Errorf("another: %t, unjudged: %t, another cause: %t", got.AsksAnother(), fault.Unjudged(), fault.HasOtherCause())
			}
			if test.unjudged == (fault.Class == api.ClassCredential) {
				t.Errorf("class %s", fault.Class)
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
