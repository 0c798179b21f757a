package sailpoint

import (
	"net/netip"
	"slices"
	"strings"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
)

// webDomains are those of tenants' web pages, with what stands behind a tenant's name at its
// API: the cloud, that of demonstrations, and that of the United States' government.
var webDomains = [][2]string{
	{".identitynow.com", ".api.identitynow.com"},
	{".identitynow-demo.com", ".api.identitynow-demo.com"},
	{".saas.sailpointfedramp.com", ".api.saas.sailpointfedramp.com"},
	{".idn.sailpointfedramp.com", ".api.saas.sailpointfedramp.com"},
	{".login.sailpoint.com", ".api.identitynow.com"},
}

// isTenants reports whether a host is one of a tenant's.
func isTenants(host string) bool {
	return slices.ContainsFunc(webDomains, func(domain [2]string) bool { return strings.HasSuffix(host, domain[0]) })
}

// apiHost returns the host of the API for an address as people paste it: the API's
// own, that of the tenant's web pages or login, or the tenant's name alone. The API
// keeps the tenant's name even where the tenant has a vanity address, which
// therefore leads nowhere. fault says what is wrong, without quoting it.
func apiHost(address api.Address) (host, fault string) {
	name := address.Hostname()
	_, err := netip.ParseAddr(name)
	if name == "localhost" || err == nil {
		return address.Host, "" // a gateway of the operator's
	}
	tenant, apiDomain := name, webDomains[0][1]
	if strings.Contains(name, ".") {
		if slices.Contains(strings.Split(name, ".")[1:], "api") {
			return address.Host, ""
		}
		at := slices.IndexFunc(webDomains, func(domain [2]string) bool { return strings.HasSuffix(name, domain[0]) })
		if at < 0 {
			return "", "an address that does not show the tenant, such as a vanity address"
		}
		tenant, apiDomain = strings.TrimSuffix(name, webDomains[at][0]), webDomains[at][1]
	}
	if !isTenant(tenant) {
		return "", "an address without the name of a tenant"
	}
	return tenant + apiDomain, ""
}

// isTenant reports whether a text can be the name of a tenant: one label of a host
// name, and none that SailPoint needs for itself.
func isTenant(text string) bool {
	return text != "" && text != "api" && text != "www" && !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	})
}

// tokenAddress takes apart the field Token URL. Its faults go to the settings.
func tokenAddress(settings *params.Settings, text string) (host string, path api.Path) {
	const need = "needs the whole https address of the token endpoint, found "
	address, err := api.ParseAddress(text)
	switch {
	case err != nil:
		settings.Fault(fieldTokenURL, need+err.Error())
	case strings.Trim(address.EscapedPath, "/") == "":
		settings.Fault(fieldTokenURL, need+"one without a path")
	case !address.Query.IsEmpty():
		settings.Fault(fieldTokenURL, need+"one with a query")
	}
	return address.Host, api.FieldPath("{path of "+fieldTokenURL+"}", address.EscapedPath, address.Query)
}
