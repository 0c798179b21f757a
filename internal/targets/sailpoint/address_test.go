package sailpoint

import (
	"testing"

	"pam-rotate-script/internal/api"
)

func TestAPIHost(t *testing.T) {
	const (
		host   = "acme.api.identitynow.com"
		vanity = "an address that does not show the tenant, such as a vanity address"
		none   = "an address without the name of a tenant"
	)
	for _, test := range []struct{ address, host, fault string }{
		{"https://acme.api.identitynow.com", host, ""},
		{"https://acme.api.identitynow.com/", host, ""},
		{"https://acme.api.identitynow.com/v3", host, ""},
		{"https://acme.api.identitynow.com/v2024/set-password", host, ""},
		{"https://acme.api.identitynow.com/beta", host, ""},
		{"https://acme.api.identitynow.com/oauth/token", host, ""},
		{"acme.identitynow.com", host, ""},
		{"https://acme.identitynow.com/ui/admin#admin:dashboard", host, ""},
		{"HTTPS://ACME.IdentityNow.com", host, ""},
		{"acme.login.sailpoint.com", host, ""},
		{"https://acme-sb.login.sailpoint.com/login", "acme-sb.api.identitynow.com", ""},
		{"acme", host, ""},
		{"localhost", "localhost", ""},
		{"https://localhost:8443/v3", "localhost:8443", ""},
		{"127.0.0.1:8443", "127.0.0.1:8443", ""},
		{"https://[::1]:8443", "[::1]:8443", ""},
		{"https://acme.api.identitynow-demo.com", "acme.api.identitynow-demo.com", ""},
		{"https://acme.api.saas.example.gov:8443", "acme.api.saas.example.gov:8443", ""},
		{"https://iga.acme.com", "", vanity},
		{"https://api-gateway.acme.com", "", vanity},
		{"https://company1255-poc.identitynow-demo.com/ui/a/admin", "company1255-poc.api.identitynow-demo.com", ""},
		{"https://acme.saas.sailpointfedramp.com", "acme.api.saas.sailpointfedramp.com", ""},
		{"https://acme.idn.sailpointfedramp.com/ui/d/dashboard", "acme.api.saas.sailpointfedramp.com", ""},
		{"https://acme.api.saas.sailpointfedramp.com", "acme.api.saas.sailpointfedramp.com", ""},
		{"https://saas.sailpointfedramp.com", "", vanity},
		{"https://acme.identitynow-demo.com.evil.example", "", vanity},
		{"https://a.b.identitynow.com", "", none},
		{"https://identitynow.com", "", vanity},
		{"https://identitynow.com.evil.example", "", vanity},
		{"https://api.identitynow.com", "", none},
		{"https://www.identitynow.com", "", none},
		{"https://a.b.login.sailpoint.com", "", none},
		{"ac_me", "", none},
		{"acmé", "", none},
	} {
		address, err := api.ParseAddress(test.address)
		if err != nil {
			t.Errorf("%s: %v", test.address, err)
			continue
		}
		if host, fault := apiHost(address); host != test.host || fault != test.fault {
			t.Errorf("%s: host %q, fault %q", test.address, host, fault)
		}
	}
}
