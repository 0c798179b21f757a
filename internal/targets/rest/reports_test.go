package rest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
)

// reported is a situation out of a public report: an interface that sets one password, and answers
// otherwise than one would think.
type reported struct {
	name string
	// set answers the change, with the password in force and the old one that was sent.
	set func(inForce *string, next, old string) simulator.Answer
	// refuse answers a sign-in with a wrong password, and accept one with the right one; a
	// zero Answer is 401 and 200.
	refuse, accept simulator.Answer
	fields         map[string]any
	// plain is the outcome without a Verify URL, proved that with one, and again that of the same payload
	// given once more with one.
	plain, proved, again rotation.Outcome
}

func said(status int, body string) simulator.Answer {
	return simulator.Answer{Status: status, Body: []byte(body), Header: http.Header{"Content-Type": {"application/json"}}}
}

// headed is a page, whose head tells.
func headed(status int, name, value string) simulator.Answer {
	return simulator.Answer{Status: status, Body: []byte("<html><title>A page</title></html>"), Header: http.Header{"Content-Type": {"text/html"}, name: {value}}}
}

// answers is an interface that sets the password, and answers so.
func answers(answer simulator.Answer) func(*string, string, string) simulator.Answer {
	return func(inForce *string, next, _ string) simulator.Answer {
		*inForce = next
		return answer
	}
}

func reports() []reported {
	const changed, not, unknown = rotation.Changed, rotation.NotChanged, rotation.Unknown
	refuses := func(answer simulator.Answer) func(*string, string, string) simulator.Answer {
		return func(*string, string, string) simulator.Answer { return answer }
	}
	done := answers(said(200, `{"success":true}`))
	return []reported{
		// FusionAuth answers a wrong old password with 404, and nothing else.
		{name: "404 for a wrong old password", fields: map[string]any{"Old Password Field": "currentPassword"},
			set: func(inForce *string, next, old string) simulator.Answer {
				if old != *inForce {
					return said(404, "")
				}
				*inForce = next
				return said(200, "")
			}, plain: changed, proved: changed, again: changed},
		{name: "404 where the handler left no answer", set: answers(said(404, "Not Found")), plain: not, proved: changed, again: changed},
		{name: "404 for an unknown path", set: refuses(said(404, "Not Found")), plain: not, proved: not, again: not},
		{name: "400 since no mail could be sent", set: answers(said(400, `{"error":"SMTP server not configured"}`)), plain: unknown, proved: changed, again: changed},
		{name: "422 since no mail could be sent", set: answers(said(422, `{"message":"could not send the notification mail"}`)), plain: unknown, proved: changed, again: changed},
		{name: "409 for a weak password", set: refuses(said(409, `{"code":"InvalidArgument","message":"password too short"}`)), plain: not, proved: not, again: not},
		{name: "409 for the password in force", set: func(inForce *string, next, _ string) simulator.Answer {
			if next == *inForce {
				return said(409, `{"message":"New password must differ from the current one"}`)
			}
			*inForce = next
			return said(200, "")
		}, plain: changed, proved: changed, again: changed},
		{name: "419 without a token against forgery", set: refuses(said(419, `{"message":"CSRF token mismatch."}`)), plain: not, proved: not, again: not},
		{name: "500 after the change", set: answers(said(500, "")), plain: unknown, proved: changed, again: changed},
		{name: "502 after the change, repeated", set: answers(said(502, "")), fields: map[string]any{"Repeat": "true"}, plain: unknown, proved: changed, again: changed},
		{name: "204 and nothing done", set: refuses(said(204, "")), plain: changed, proved: unknown, again: unknown},
		{name: "a link by mail", set: refuses(said(200, `{"message":"If the account exists, a reset link has been sent"}`)), plain: unknown, proved: unknown, again: unknown},
		// A sign-in that is refused for something else says nothing against a clear success.
		{name: "a second factor is wanted", set: done, accept: said(401, `{"error":"mfa_required"}`), plain: changed, proved: changed, again: changed},
		{name: "a second factor, told in the head", set: done,
			accept: simulator.Answer{Status: 401, Header: http.Header{"X-Gitea-Otp": {"required; app"}}}, plain: changed, proved: changed, again: changed},
		{name: "the password must be changed first", set: done, accept: said(401, `{"message":"Password must be changed at next login"}`), plain: changed, proved: changed, again: changed},
		{name: "the account is locked", set: done, accept: said(401, `{"message":"User account is locked"}`), plain: changed, proved: changed, again: changed},
		{name: "locked, or a wrong password", set: done, accept: said(401, `{"message":"Invalid password, or the account is locked"}`), plain: changed, proved: unknown, again: unknown},
		// Automation that has only started something, and an approval that is yet to come.
		{name: "a build in Jenkins's queue", set: refuses(simulator.Answer{Status: 201, Header: http.Header{"Location": {"https://ci.example.com/queue/item/12/"}}}), plain: unknown, proved: unknown, again: unknown},
		{name: "a workflow of n8n", set: refuses(said(200, `{"message":"Workflow was started"}`)), plain: unknown, proved: unknown, again: unknown},
		{name: "a workflow of n8n that is quick", set: answers(said(200, `{"message":"Workflow was started"}`)), plain: unknown, proved: changed, again: changed},
		{name: "a control group of Vault", set: refuses(said(200, `{"data":null,"wrap_info":{"token":"hvs.x","ttl":86400}}`)), plain: unknown, proved: unknown, again: unknown},
		{name: "no row", set: refuses(said(200, `[0]`)), plain: unknown, proved: unknown, again: unknown},
		// c2cgeoportal sets the password, and then fails to copy it.
		{name: "400 since it was not replicated", set: answers(said(400, `{"error":"user not found in replication target database"}`)), plain: unknown, proved: changed, again: changed},
		{name: "422 that says what was done", set: answers(said(422, `{"message":"Password updated but sessions could not be revoked"}`)), plain: unknown, proved: changed, again: changed},
		{name: "400 that says what was not done", set: refuses(said(400, `{"message":"The password was not updated: too short"}`)), plain: not, proved: not, again: not},
		{name: "expired, told in FreeIPA's head", set: done, accept: headed(401, "X-Ipa-Rejection-Reason", "password-expired"), plain: changed, proved: changed, again: changed},
		{name: "a captcha, told in Jira's head", set: done, accept: headed(401, "X-Authentication-Denied-Reason", "CAPTCHA_CHALLENGE; login-url=x"), plain: changed, proved: changed, again: changed},
		{name: "no passwords with Basic any more", set: done, accept: said(401, `{"message":"Basic authentication with passwords is deprecated"}`), plain: changed, proved: changed, again: changed},
		// GinkGO echoes the password, and has not set it.
		{name: "reset, and nothing done", set: refuses(said(200, `{"data":{"new_password":"x"},"message":"Password has been reset"}`)), plain: changed, proved: unknown, again: unknown},
		// 200 for everybody, and the body tells: the control must see it.
		{name: "authenticated false", set: answers(said(500, "")), refuse: said(200, `{"authenticated":false}`), accept: said(200, `{"authenticated":true}`), plain: unknown, proved: unknown, again: unknown},
		{name: "authenticated false, nothing done", set: refuses(said(200, `{"success":true}`)), refuse: said(200, `{"authenticated":false}`), plain: changed, proved: changed, again: changed},
		{name: "anonymous, nothing done", set: refuses(said(500, "")), refuse: said(200, `{"user":"anonymous","roles":[]}`), plain: unknown, proved: unknown, again: unknown},
	}
}

// TestReports: no situation of the public reports ends in a lie, and each as well as it can.
func TestReports(t *testing.T) {
	or := func(answer simulator.Answer, status int) simulator.Answer {
		if answer.Status == 0 {
			return said(status, `{"id":1}`)
		}
		return answer
	}
	for _, r := range reports() {
		t.Run(r.name, func(t *testing.T) {
			for _, proves := range []bool{false, true} {
				inForce := conformance.Old
				server := conformance.Serve(t, routes{
					{Name: "change", Method: "POST", Match: simulator.Pattern("/set").Match, Write: true, Serve: func(q *simulator.Request) simulator.Answer {
						var body struct{ NewPassword, CurrentPassword string }
						if err := json.Unmarshal(q.Body, &body); err != nil {
							t.Error(err)
						}
						return r.set(&inForce, body.NewPassword, body.CurrentPassword)
					}},
					{Name: "verify", Method: "GET", Match: simulator.Pattern("/me").Match, Serve: func(q *simulator.Request) simulator.Answer {
						_, password, there := (&http.Request{Header: q.Header}).BasicAuth()
						switch {
						case !there:
							return said(401, "")
						case password == inForce:
							return or(r.accept, 200)
						}
						return or(r.refuse, 401)
					}},
				})
				stand := &conformance.Stand{
					Servers: []*simulator.Server{server},
					Access:  map[string]any{"url": server.URL() + "/set", "password": "token"},
					Accepts: func(password string) bool { return password == inForce },
				}
				for name, value := range r.fields {
					stand.Access[name] = value
				}
				wants := []rotation.Outcome{r.plain}
				if proves {
					stand.Access["Verify URL"] = server.URL() + "/me"
					wants = []rotation.Outcome{r.proved, r.again}
				}
				for turn, want := range wants {
					before := stand.Writes()
					ended := run().Rotate(stand)
					if ended.Outcome != want || ended.FailedLogins > 2 || stand.Writes()-before > 2 {
						t.Errorf("proof %t, turn %d: got %s, want %s: %s", proves, turn, ended.Outcome, want, ended.Message)
					}
					if ended.Outcome == rotation.Changed && inForce != conformance.New && !strings.Contains(r.name, "nothing done") {
						t.Errorf("proof %t, turn %d: changed, and it is not so", proves, turn)
					}
				}
			}
		})
	}
}
