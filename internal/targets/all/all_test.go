package all_test

import (
	"errors"
	"strings"
	"testing"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/targets/all"
)

// TestChoose shows what an access record without a name is taken for. No credential goes
// to an API that it does not belong to, however alike the addresses are.
func TestChoose(t *testing.T) {
	sample := []string{"login", "password", "url", "notes", "Allowed Users", "CA Certificate", "Extra_Body", "fileRef"}
	for _, test := range []struct {
		address string
		labels  []string
		want    string // the target that is inferred, or
		says    string // what the error says
	}{
		{"https://acme.teramind.co/#/agents", sample, "teramind", ""},
		{"https://10.1.2.3/tm-api", nil, "teramind", ""},
		{"https://proxy.example.com/x/tm-api/", nil, "teramind", ""},
		{"https://host.example.com/vedsdk/", nil, "venafi", ""},
		{"https://host.example.com/Aperture/login", nil, "venafi", ""},
		{"https://acme.identitynow.com/ui/a/admin/dashboard", nil, "sailpoint", ""},
		{"https://acme.api.identitynow.com", nil, "sailpoint", ""},
		{"https://acme.login.sailpoint.com/x", nil, "sailpoint", ""},
		{"https://10.1.2.3/api/configuration", nil, "sps", ""},
		{"https://api.example.com/passwords", sample, "rest", ""},
		{"https://api.example.com/users/{user}/password", sample, "rest", ""},

		{"https://host.example.com/vedadmin/Default.aspx", sample, "", "url shows that it belongs to venafi"},
		{"https://host.example.com/x/aperture/dashboard", sample, "", "url shows that it belongs to venafi"},
		{"https://tpp.example.com/platform/login", sample, "", "url shows that it belongs to venafi"},
		{"https://api.venafi.cloud/v1/useraccounts", sample, "", "url shows that it belongs to venafi"},
		{"https://teramind.example.com/index.html", sample, "", "url shows that it belongs to teramind"},
		{"https://host.example.com/tm-api/agent/5", sample, "teramind", ""},
		{"https://host.example.com/x/tm-api/agent", sample, "", "url shows that it belongs to teramind"},
		{"https://id.example.com/ui/a/admin/identities", sample, "", "url shows that it belongs to sailpoint"},
		{"https://acme.api.identitynow-demo.com/v3/set-password", nil, "sailpoint", ""},
		{"https://acme.saas.sailpointfedramp.com", nil, "sailpoint", ""},
		{"https://acme.api.identitysoon.com/v3/set-password", sample, "", "url shows that it belongs to sailpoint"},
		{"https://proxy.example.com/sailpoint/set-password/v1", sample, "", "url shows that it belongs to sailpoint"},
		{"https://sps.example.com/index.php?_backend=Auth", sample, "", "url shows that it belongs to sps"},
		{"https://10.1.2.3/index.php?_backend=Auth", sample, "", "url shows that it belongs to sps"},
		{"https://10.1.2.3/api/transaction", sample, "", "url shows that it belongs to sps"},

		{"https://api.example.com/passwords", append(sample, "Client ID"), "", "fields show that it belongs to venafi"},
		{"https://api.example.com/passwords", append(sample, "Source Name", "API Version"), "", "fields show that it belongs to sailpoint"},
		{"https://api.example.com/passwords", append(sample, "target_email"), "", "fields show that it belongs to teramind"},
		{"https://api.example.com/passwords", append(sample, "Lock Wait"), "", "fields show that it belongs to sps"},
		{"https://api.example.com/passwords", append(sample, "Tenant", "Realm"), "", `is not taken for rest, which does not know all of its fields: "Tenant", "Realm"`},
		{"https://api.example.com/passwords", append(sample, "Methid"), "", `"Methid"`},
		{"https://shop.example.com/login", sample, "", "page for people"},
		{"https://shop.example.com/login.aspx", sample, "", "page for people"},
		{"https://shop.example.com/Default.aspx", sample, "", "page for people"},
		{"https://shop.example.com/index.html", sample, "", "page for people"},
		{"https://shop.example.com/console/", sample, "", "page for people"},
		{"https://shop.example.com/#/users", sample, "", "does not show which vendor"},
		{"https://shop.example.com/dashboard#/users", sample, "", "page for people"},
		{"https://shop.example.com/index.php", sample, "", "page for people"},
		{"https://shop.example.com/users/sign_in", sample, "", "page for people"},
		{"https://shop.example.com/sap/bc/gui/sap/its/webgui", sample, "", "page for people"},
		{"https://shop.example.com/saml2/idp", sample, "", "page for people"},
		{"https://shop.example.com/api/v1/login", sample, "", "page for people"},
		{"https://shop.example.com/api/index.html", sample, "", "page for people"},
		{"https://shop.example.com/remote/Login;jsessionid=1", sample, "", "page for people"},
		{"https://shop.example.com/%6cogin", sample, "", "page for people"},
		{"https://console.example.com/users", sample, "", "page for people"},
		{"https://app.example.com/api/docs", sample, "", "page for people"},
		{"https://app.example.com/v3/api-docs/", sample, "", "page for people"},
		{"https://app.example.com/api/v1/openapi.json", sample, "", "page for people"},
		{"https://app.example.com/.well-known/openid-configuration", sample, "", "page for people"},
		{"https://app.example.com/.well-known/change-password", sample, "", "page for people"},
		{"https://login.example.com/password", sample, "", "page for people"},
		{"https://acme.okta.com/api/v1/users", sample, "", "url shows that it belongs to okta"},
		{"https://acme.okta.com./api/v1/users", sample, "", "url shows that it belongs to okta"},
		{"https://git.example.com/api/v4/users", sample, "", "url shows that it belongs to gitlab"},
		{"https://sso.example.com/auth/realms/shop", sample, "", "url shows that it belongs to keycloak"},
		{"https://bmc.example.com/redfish/v1/AccountService", sample, "", "url shows that it belongs to redfish"},
		{"https://blog.example.com/wp-admin/", sample, "", "url shows that it belongs to wordpress"},
		{"https://shop.example.com/api/change.php", sample, "rest", ""},
		{"https://shop.example.com/service.asmx", sample, "rest", ""},
		{"https://shop.example.com/v1/ui/password", sample, "rest", ""},
		{"https://shop.example.com/api/admin", sample, "rest", ""},
		{"https://shop.example.com/users", sample, "rest", ""},
		{"https://shop.example.com/rest/admin/password", sample, "rest", ""},
		{"https://shop.example.com/logins", sample, "rest", ""},
		{"https://shop.example.com/users/login-password", sample, "rest", ""},
		{"https://login.example.com/api/password", sample, "rest", ""},
		{"https://tpp.example.com", sample, "", "does not show which vendor"},
		{"https://api.example.com/", sample, "", "does not show which vendor"},
	} {
		info, inferred, err := all.Registry().Choose(targets.Signs{Address: test.address, Labels: test.labels})
		if info.Name != test.want || inferred != (test.want != "") || test.want == "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s with %q: %q, inferred %t, %v", test.address, test.labels, info.Name, inferred, err)
		}
	}

	for _, test := range []struct{ name, address, says string }{
		{"rest", "https://acme.teramind.co/tm-api/agent/{user}", ""},
		{"venafi", "https://tpp.example.com", ""},
		{"venafi", "https://host.example.com/vedadmin", ""},
		{"Venafi", "https://acme.teramind.co", "the target is venafi, and the access record's url is that of teramind"},
		{"teramind", "https://tpp.example.com/vedsdk", "the target is teramind, and the access record's url is that of venafi"},
		{"sps", "https://acme.identitynow.com/", "the target is sps, and the access record's url is that of sailpoint"},
		{"sps", "https://sps.example.com/index.php", ""},
	} {
		_, inferred, err := all.Registry().Choose(targets.Signs{Name: test.name, Address: test.address})
		if inferred || (err == nil) != (test.says == "") || err != nil && (err.Error() != test.says || !errors.As(err, new(*params.Error))) {
			t.Errorf("%s at %s: inferred %t, %v", test.name, test.address, inferred, err)
		}
	}
}
