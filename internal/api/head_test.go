package api_test

import (
	"net/http"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
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
		{"X-Error", "another", `{"message":"The account is not yours"}`, "The account is not yours"},
		{"X-Error", strings.Repeat("long ", 200), "", ""},
	} {
		text := refusal(t, 401, "application/json\r\n"+test.field+": "+test.value, test.body).Text
		if test.want == "" && text != "" || !strings.Contains(text, test.want) {
			t.Errorf("%s: %s: got %q, want %q", test.field, test.value, text, test.want)
		}
	}
}
