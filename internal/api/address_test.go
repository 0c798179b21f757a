package api_test

import (
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/conformance"
)

func TestParseAddress(t *testing.T) {
	for _, test := range []struct{ text, host, path, query string }{
		{"acme.example.com", "acme.example.com", "", ""},
		{" https://acme.example.com/ ", "acme.example.com", "/", ""},
		{"10.52.51.122", "10.52.51.122", "", ""},
		{"10.0.0.5:8443", "10.0.0.5:8443", "", ""},
		{"https://[fd00::1]/api", "[fd00::1]", "/api", ""},
		{"[fd00::1]:8443", "[fd00::1]:8443", "", ""},
		{"https://acme.example.com/x?realm=http&scheme=a:b", "acme.example.com", "/x", "realm=http&scheme=a:b"},
		{"HTTPS://Acme.example.com/a%2Fb/c?x=1#/users", "Acme.example.com", "/a%2Fb/c", "x=1"},
		{"https://acme.example.com/users/a:b/$value/v1..2/x;y=1", "acme.example.com", "/users/a:b/$value/v1..2/x;y=1", ""},
		{"https://exämple.com/ä", "exämple.com", "/%C3%A4", ""},
		{"https://a_b-c.例子.example:8443", "a_b-c.例子.example:8443", "", ""},
		{"https://[fe80::1%25eth0]:8443/x", "[fe80::1%eth0]:8443", "/x", ""},
	} {
		got, err := api.ParseAddress(test.text)
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		if got.Host != test.host || got.EscapedPath != test.path || got.Query.Reveal() != test.query {
			t.Errorf("%q: got %q %q %q", test.text, got.Host, got.EscapedPath, got.Query.Reveal())
		}
	}
	for _, text := range []string{
		"", "  ", "http://canary.example.com", "ftp://canary.example.com", "https://canary:pw@example.com",
		"https://", "https:///path", "https://exa mple.com", "https://example.com:99999", "https://example.com:0",
		"https://example.com/%zz", "https://example.com:port", "javascript://canary",
		"https://example.com/canary/../x", "https://example.com/canary/%2e%2E/x", "https://example.com/canary/..;/x", "https://example.com/.", "https://example.com/x%252f..%252fcanary",
		"https://safelinks.example.com/?url=https%3A%2F%2Fcanary.example.com%2Ftm-api&data=05", "https://search.example.com/url?q=http://canary.example.com", "https://mail.example.com/?u=HTTPS%253A%252F%252Fcanary.example.com",
		// Found by FuzzAddresses: escapes in a host are undone, and what they stand for need be no text.
		"httpcoms%8000000000000000", "https://canary%80.example.com", "https://canary%25.example.com", "canary\u200b.example.com", "https://canary*.example.com", "https://canary,b.example.com",
	} {
		if _, err := api.ParseAddress(text); err == nil {
			t.Errorf("%q was taken", text)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%q is quoted in %q", text, err)
		}
	}
}

// TestPlaceholders tries what people write into an address where the account belongs: it
// would be sent as it stands.
func TestPlaceholders(t *testing.T) {
	unknown := []string{
		"/users/{User}", "/users/{username}", "/users/{email}/password", "/users/{{user}}", "/users/${user}", "/users/{ user }", "/users/{id}", "/users/%7Busername%7D",
		"/users/%7buser", "/users/{user", "/users/%257Buser%257D", "/users/:user", "/users/:id/password", "/users/<user>", "/users/%3Cuser%3E", "/users/[user]", "/users/$user", "/users/$username/password",
		"/users/@user", "/users/%25username%25", "/users/__USER__", "/users?name={username}", "/users?name=<user>", "/users?name=:user", "/users?name=$user", "/users?name=%7BUser%7D", "/users/#{user}/password", "/users#{name}", "/users/YOUR_USERNAME/password", "/tenants/YOUR-TENANT-ID/users",
	}
	for _, path := range unknown {
		for name, parse := range map[string]func(string) (api.Address, error){"ParseAddress": api.ParseAddress, "ParseUserAddress": api.ParseUserAddress} {
			if _, err := parse("https://api.example.com" + path); err == nil {
				t.Errorf("%s takes %s", name, path)
			}
		}
	}
	for _, path := range []string{"/users/{user}", "/users/%7Buser%7D/password", "/users/%7buser%7d", "/a{user}", "/users?name={user}", "/users?name=%7Buser%7D"} {
		if _, err := api.ParseAddress("https://api.example.com" + path); err == nil {
			t.Errorf("ParseAddress takes %s", path)
		}
		if _, err := api.ParseUserAddress("https://api.example.com" + path); err != nil {
			t.Errorf("ParseUserAddress refuses %s: %v", path, err)
		}
	}
	for _, path := range []string{
		"", "/v1/users/accounts:signUp", "/odata/Users/$metadata", "/user/email", "/a:b", "/users?filter=a:b", "/~user", "/users/*", "/@type", "/:8443", "/users?$filter=x", "/v1/projects/-/user", "/#/dashboard", "/your_profile", "/YOURS",
	} {
		if _, err := api.ParseAddress("https://api.example.com" + path); err != nil {
			t.Errorf("ParseAddress refuses %s: %v", path, err)
		}
	}
	for text, want := range map[string]bool{
		"{user}": true, "x{{ userName }}": true, "${password}": true, "<email>": true, "uid=%{user},dc=x": true, "{\"a\": 1}": false, "{SSHA}": false, "user": false, "a<b>c": false,
	} {
		if got := api.HasPlaceholder(text); got != want {
			t.Errorf("HasPlaceholder(%q) = %t", text, got)
		}
	}
}

func TestNewPath(t *testing.T) {
	for value, want := range map[string]string{
		"jane+ops%41@exämple.com": "jane%2Bops%2541%40ex%C3%A4mple.com",
		"a/b":                     "a%2Fb",
		"svc..x/admin":            "svc..x%2Fadmin",
		"50%":                     "50%25",
		"%2e%2ex":                 "%252e%252ex",
		"慀":                       "%E6%85%80",
		"a b;c?d#e":               "a%20b%3Bc%3Fd%23e",
		"azAZ09-._~":              "azAZ09-._~",
		`DOMAIN\name`:             "DOMAIN%5Cname",
		"...":                     "...",
		"{email}":                 "%7Bemail%7D",
	} {
		path, err := api.NewPath("/x/{email}/y", value)
		if err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		if path.String() != "/x/{email}/y" {
			t.Errorf("printed as %s", path)
		}
		if got := api.EscapeSegment(value); got != want {
			t.Errorf("%q became %q, want %q", value, got, want)
		}
	}
	for _, value := range []string{
		"", ".", "..", "a\x00b", "a\nb", "\x7f", "a\u0085b", "\xff",
		"svc-x/../admin", "../admin", `svc-x\..\admin`, "svc-x/./admin", "svc-x/..;x=1/admin", "svc-x;/../admin", "svc-x/..", "svc-x/.", "svc/..\\x",
		"%2e%2e", "svc-x%2f..%2fadmin", "svc-x%2F%2e%2E%2Fadmin", "svc-x%252f..%252fadmin", "svc-x%25252f..%25252fadmin", "svc-x%5c..%5cadmin", "svc-x/%u002e%u002e/admin",
		"svc-x/%c0%ae%c0%ae/admin", "svc-x%c0%af..%c0%afadmin", "svc-x／．．／admin", "svc-x／%ef%bc%8e.／admin", "%%32%65%2e", "%25252e%2e/x",
		"a%" + strings.Repeat("25", 40) + "2e",
	} {
		if _, err := api.NewPath("/x/{email}", value); err == nil {
			t.Errorf("%q was taken", value)
		}
	}
}

func FuzzNewPath(f *testing.F) {
	for _, seed := range []string{
		"jane@example.com", "..", "a/../b", "%2e", "\x00", "慀", "a?b#c",
		".", "...", "../admin", `..\admin`, "%2e%2e%2fadmin", "%c0%ae%c0%ae", "%4", "{user}", "x@y/4711", "a;b=c", "a&b=c", "*", "~", "\\", " ",
		"a\r\nX: 1", "jane@example.com\x00", "jane@example.com\u2028", "\u202ejane", "jane\u200b", "\uff0e\uff0e", "\u2024\u2024/admin", "\uff0f", "\ufffd", "\U0010ffff", "\xed\xa0\x80", "\xff",
		`"jane/../roe"@example.com`, `"back\\slash \" quote"@example.com`, "jane+ops%41@exämple.com", "用户@例子.广告", "jane@[IPv6:2001:db8::1]", "!#$%&'*+-/=?^_`{|}~@example.com",
		`DOMAIN\jane`, "CN=jane,OU=Users,DC=example,DC=com", strings.Repeat("ü", 512) + "@example.com",
	} {
		f.Add(seed)
	}
	for _, name := range conformance.UserNames() {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, value string) {
		path, err := api.NewPath("/users/{user}/password", value)
		if err != nil {
			if value != "" && strings.Contains(err.Error(), value) && len(value) > 30 {
				t.Errorf("the error quotes the value")
			}
			return
		}
		escaped := api.EscapeSegment(value)
		if strings.ContainsAny(escaped, "/?#\\;@+ {}") || escaped == "." || escaped == ".." || escaped == "" {
			t.Errorf("%q became %q, which is more than one segment", value, escaped)
		}
		if path.String() != "/users/{user}/password" {
			t.Errorf("printed as %s", path)
		}
	})
}

func TestSystemClock(t *testing.T) {
	var clock api.SystemClock
	if err := clock.Sleep(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if err := clock.Sleep(t.Context(), time.Microsecond); err != nil {
		t.Error(err)
	}
}
