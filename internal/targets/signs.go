package targets

import (
	"slices"
	"strings"

	"pam-rotate-script/internal/api"
)

// isPage reports whether an address plainly is that of a page for people: a credential has
// nothing to do there, and a page's 200 or 204 says nothing of a password.
func isPage(address api.Address) bool {
	segments := strings.FieldsFunc(strings.ToLower(address.Path()), func(r rune) bool { return r == '/' || r == ';' })
	if address.InPage || len(segments) == 0 {
		return address.InPage
	}
	last := segments[len(segments)-1]
	name, extension := last, ""
	if dot := strings.LastIndexByte(last, '.'); dot >= 0 {
		name, extension = last[:dot], last[dot+1:]
	}
	word := strings.NewReplacer("-", "", "_", "").Replace(name)
	switch {
	case slices.Contains([]string{"htm", "html", "xhtml", "shtml", "aspx", "asp", "jsp", "jspx", "jsf", "faces", "cshtml", "js", "css", "png", "svg", "ico", "pdf"}, extension),
		slices.Contains([]string{"login", "logon", "signin", "logout", "logoff", "signout", "wplogin"}, word):
		return true
	}
	isAPI := slices.ContainsFunc(segments, func(segment string) bool {
		return segment == "api" || segment == "apis" || segment == "rest" || len(segment) > 1 && segment[0] == 'v' && strings.Trim(segment[1:], "0123456789.") == ""
	})
	if isAPI {
		return false
	}
	return HasHostWord(address, "console", "login", "signin", "sso") ||
		slices.Contains([]string{"index", "default", "home", "main", "admin", "administration", "administrator", "portal", "app", "apps", "web", "docs", "help", "settings", "start", "welcome", "navto"}, word) ||
		slices.ContainsFunc(segments, func(segment string) bool {
			return slices.Contains([]string{"console", "dashboard", "ui", "gui", "webui", "webgui", "webapp", "webadmin", "login", "saml", "saml2", "sso", "oauth", "oauth2", "wp-admin", "_layouts", "swagger", "swagger-ui"}, segment)
		})
}

// products are the addresses by which products show themselves for which a recipe comes with
// the program: a path, or a host if it begins with a dot.
var products = []struct{ recipe, sign string }{
	{"cisco-ios-xe", "/restconf"},
	{"cisco-meraki", ".meraki.com"},
	{"elasticsearch", "/_security"},
	{"etcd", "/v3/auth/user"},
	{"gitlab", "/api/v4"}, {"gitlab", ".gitlab.com"},
	{"grafana", "/api/admin/users"}, {"grafana", ".grafana.net"},
	{"jfrog", "/access/api"}, {"jfrog", "/artifactory"}, {"jfrog", ".jfrog.io"},
	{"keycloak", "/admin/realms"}, {"keycloak", "/realms"}, {"keycloak", "/auth/admin"}, {"keycloak", "/auth/realms"},
	{"keystone", "/v3/auth/tokens"}, {"keystone", "/identity/v3"},
	{"mailman", "/3.0"}, {"mailman", "/3.1"},
	{"okta", ".okta.com"}, {"okta", ".oktapreview.com"}, {"okta", ".okta-emea.com"},
	{"opensearch", "/_plugins/_security"}, {"opensearch", "/_opendistro"},
	{"pocketbase", "/api/collections"},
	{"proxmox-ve", "/api2"},
	{"redfish", "/redfish"},
	{"servicenow", "/api/now"}, {"servicenow", ".service-now.com"},
	{"splunk", "/services/authentication"}, {"splunk", "/servicesns"}, {"splunk", ".splunkcloud.com"},
	{"wordpress", "/wp-json"}, {"wordpress", "/wp-admin"},
	{"zabbix", "/api_jsonrpc.php"},
}

// ProductNames returns the names of the recipes by which an address may be told.
func ProductNames() []string {
	var names []string
	for _, product := range products {
		names = append(names, product.recipe)
	}
	return slices.Compact(names)
}

// productOf returns the name of the recipe for the product that an address shows, or "".
func productOf(address api.Address) string {
	for _, product := range products {
		if product.sign[0] == '/' && HasPathPrefix(address, product.sign) || product.sign[0] == '.' && strings.HasSuffix("."+strings.TrimSuffix(address.Hostname(), "."), product.sign) {
			return product.recipe
		}
	}
	return ""
}
