package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/api/hostile"
)

// TestHead: what products and gateways say in fields of the head is judged like the body.
func TestHead(t *testing.T) {
	for _, test := range []struct {
		field, value, body string
		want               api.Saying
	}{
		{"X-Krakend-Completed", "false", `{"id":1}`, api.SaysFailure}, // one of its backends failed
		{"X-Krakend-Completed", "true", `{"id":1}`, api.SaysNothing},
		{"X-Ipa-Pwchange-Result", "invalid-password", "", api.SaysFailure},
		{"X-Ipa-Pwchange-Result", "policy-error", "", api.SaysFailure},
		{"X-Ipa-Pwchange-Result", "ok", "", api.SaysSuccess},
		{"Grpc-Status", "7", "", api.SaysFailure},
		{"Grpc-Status", "0", "", api.SaysNothing},
		{"Status", "500 Internal Server Error", "", api.SaysFailure},
		{"Status", "404", `{"ok":true}`, api.SaysFailure},
		{"Status", "200 OK", "", api.SaysNothing},
		{"Status", "up", "", api.SaysNothing},
		{"X-Squid-Error", "ERR_ACCESS_DENIED 0", "", api.SaysFailure},
		{"X-Influxdb-Error", "too short", `{}`, api.SaysFailure},
		{"X-Error", "", `{}`, api.SaysNothing},
		{"X-Error", "0", `{}`, api.SaysNothing},
		{"Content-Type", "application/problem+json", `{"title":"Weak"}`, api.SaysFailure},
		{"Location", "https://jenkins.example.com/queue/item/12/", "", api.SaysUnderWay},
		{"Location", "/api/v2/jobs/12/", `{"ok":true}`, api.SaysSuccess},
		{"Location", "/api/users/12", "", api.SaysNothing},
		{"Operation-Location", "https://x/operations/1", "", api.SaysUnderWay},
		{"Azure-Asyncoperation", "https://x/1", "", api.SaysUnderWay},
		{"X-Xss-Protection", "0", "", api.SaysNothing},
		{"X-Cache-Result", "0", "", api.SaysNothing},
		{"X-Cache", "Error from cloudfront", "", api.SaysNothing},
		{"Cf-Cache-Status", "DYNAMIC", "", api.SaysNothing},
		{"X-Ratelimit-Remaining", "0", "", api.SaysNothing},
		{"X-Content-Type-Options", "nosniff", "", api.SaysNothing},
	} {
		if got := api.NewAnswer(http.Header{test.field: {test.value}}, []byte(test.body)).Saying(); got != test.want {
			t.Errorf("%s: %s, %s: got %d, want %d", test.field, test.value, test.body, got, test.want)
		}
	}
}

// TestToldInHead: where a body says no reason, the head may.
func TestToldInHead(t *testing.T) {
	for _, test := range []struct{ field, value, body, want string }{
		{"WWW-Authenticate", `Bearer error="invalid_token", error_description="The token expired at '11/27/2026 10:00:00'"`, "", "The token expired at '11/27/2026 10:00:00'"},
		{"WWW-Authenticate", `Bearer error="insufficient_scope", error_description="The request requires higher privileges than provided by the access token.", scope="x"`, `{"status":401,"error":"Unauthorized"}`, "The request requires higher privileges"},
		{"WWW-Authenticate", `Bearer realm="x"`, "", ""},
		{"X-Ipa-Rejection-Reason", "password-expired", "", "password-expired"},
		{"X-Authentication-Denied-Reason", "CAPTCHA_CHALLENGE; login-url=x", "", "CAPTCHA_CHALLENGE"},
		{"X-Influxdb-Error", "password too short", "", "password too short"},
		{"X-Error-Code", "E17", "", "E17"},
		{"X-Ipa-Pwchange-Policy-Error", "Password is too short", "<html><head><title>Password change</title></head></html>", "Password is too short"},
		{"X-Other", "x", "<html><head><title>Unauthorized (401)</title></head></html>", ""},
		{"X-Other", "x", "400 Bad Request\n\nThe server could not comply.\n\n\nThe password is too short\n", "The server could not comply. The password is too short"},
		{"X-Error", "another", `{"message":"The account is not yours"}`, "The account is not yours"},
		{"X-Error", strings.Repeat("long ", 200), "", ""},
	} {
		text := refusal(t, 401, "application/json\r\n"+test.field+": "+test.value, test.body).Text
		if test.want == "" && text != "" || !strings.Contains(text, test.want) {
			t.Errorf("%s: %s: got %q, want %q", test.field, test.value, text, test.want)
		}
	}
}

// TestTrailer: what stands behind the body counts, whether it was announced or not.
func TestTrailer(t *testing.T) {
	for trailer, want := range map[string]api.Saying{
		"grpc-status: 7\r\ngrpc-message: denied\r\n": api.SaysFailure,
		"grpc-status: 0\r\n":                         api.SaysSuccess,
		"":                                           api.SaysSuccess,
		"X-Checksum: 1\r\n":                          api.SaysSuccess,
	} {
		for _, announced := range []string{"", "Trailer: Grpc-Status, Grpc-Message\r\n"} {
			f := playing(t, 30*time.Second, hostile.Site{
				Meant: func(*http.Request) bool { return false },
				Serve: func(*http.Request, string) string {
					return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + announced + "\r\nb\r\n{\"ok\":true}\r\n0\r\n" + trailer + "\r\n"
				},
			}.Play)
			answer, err := f.client.Do(t.Context(), f.request(api.Write))
			if err != nil || answer.Saying() != want {
				t.Errorf("%q, %q: %d, %v", trailer, announced, answer.Saying(), err)
			}
		}
	}
}

// TestOtherCauseInHead: what a sign-in is refused for stands in the head, beside a page.
func TestOtherCauseInHead(t *testing.T) {
	page := []byte("<html><title>Unauthorized (401)</title></html>")
	for _, test := range []struct {
		field, value string
		want         bool
	}{
		{"X-Ipa-Rejection-Reason", "password-expired", true},
		{"X-Ipa-Rejection-Reason", "invalid-password", false},
		{"X-Authentication-Denied-Reason", "CAPTCHA_CHALLENGE; login-url=https://x/login.jsp", true},
		{"X-Seraph-Loginreason", "AUTHENTICATED_FAILED", false},
	} {
		if got := api.NewAnswer(http.Header{test.field: {test.value}}, page).HasOtherCause(); got != test.want {
			t.Errorf("%s: %s: got %t", test.field, test.value, got)
		}
	}
}

// TestRedirectLeads: a hint says where a redirect leads to, without its query.
func TestRedirectLeads(t *testing.T) {
	for location, want := range map[string]string{
		"https://acme.cloudflareaccess.com/login?kid=canary": "it leads to acme.cloudflareaccess.com",
		"/":   "the access record's url", // which is where it came from
		"//[": "the access record's url",
	} {
		hints := strings.Join(refusal(t, 302, "text/html\r\nLocation: "+location, "").Hints, "\n")
		if !strings.HasSuffix(hints, want) || strings.Contains(hints, "canary") {
			t.Errorf("%s: got %q", location, hints)
		}
	}
}
