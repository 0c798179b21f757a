package targets

import (
	"slices"
	"strings"

	"pam-rotate-script/internal/api"
)

// IsPage reports whether an address certainly is that of a page for people: a credential has
// nothing to do there, and a page's 200 or 204 says nothing of a password.
func IsPage(address api.Address) bool {
	segments, word, extension := taken(address)
	return len(segments) > 0 && (address.InPage || isOf(pageExtensions, extension) || isOf(signIns, word) || segments[len(segments)-1] == "console")
}

// Words of the last segment, extensions and segments of pages, each between blanks.
const (
	pageExtensions = " htm html xhtml shtml aspx asp jsp jspx jsf faces cshtml js css png svg ico pdf "
	signIns        = " login logon signin logout logoff signout wplogin "
	pageWords      = " index default home main admin administration administrator portal app apps web docs help settings start welcome navto "
	pageSegments   = " console dashboard ui gui webui webgui webapp webadmin login saml saml2 sso oauth oauth2 wp-admin _layouts "
	apiSegments    = " api apis rest "
	// docSegments are those of documents about an API, below its own segments, too.
	docSegments = " .well-known docs doc apidocs api-docs documentation swagger swagger-ui redoc rapidoc openapi openapi.json openapi.yaml swagger.json swagger.yaml graphiql playground "
)

// isOf reports whether a word is one of those.
func isOf(words, word string) bool { return word != "" && strings.Contains(words, " "+word+" ") }

// mayBePage is IsPage where nobody has said which API stands at the address, so that all
// that looks like a page is taken for one.
func mayBePage(address api.Address) bool {
	segments, word, _ := taken(address)
	if slices.ContainsFunc(segments, func(segment string) bool { return isOf(docSegments, segment) }) {
		return true
	}
	isPage := isOf(pageWords, word) || HasHostWord(address, "console", "login", "signin", "sso")
	for _, segment := range segments {
		if isOf(apiSegments, segment) || len(segment) > 1 && segment[0] == 'v' && strings.Trim(segment[1:], "0123456789.") == "" {
			return IsPage(address)
		}
		isPage = isPage || isOf(pageSegments, segment)
	}
	return isPage || IsPage(address)
}

// taken are an address's segments, and the last one's word and extension.
func taken(address api.Address) (segments []string, word, extension string) {
	path, _, _ := strings.Cut(strings.ToLower(address.Path()), ";") // what follows is a session
	segments = strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	if len(segments) == 0 {
		return nil, "", ""
	}
	word = segments[len(segments)-1]
	if dot := strings.LastIndexByte(word, '.'); dot >= 0 {
		word, extension = word[:dot], word[dot+1:]
	}
	return segments, strings.NewReplacer("-", "", "_", "").Replace(word), extension
}

// products are the recipes that come with the program, each with what shows its product in
// an address: a path, or a host if it begins with a dot.
const products = `cisco-ios-xe /restconf
cisco-meraki .meraki.com
elasticsearch /_security
etcd /v3/auth/user
gitlab /api/v4 .gitlab.com
grafana /api/admin/users .grafana.net
jfrog /access/api /artifactory .jfrog.io
keycloak /admin/realms /realms /auth/admin /auth/realms
keystone /v3/auth/tokens /identity/v3
mailman /3.0 /3.1
okta .okta.com .oktapreview.com .okta-emea.com
opensearch /_plugins/_security /_opendistro
pocketbase /api/collections
proxmox-ve /api2
redfish /redfish
servicenow /api/now .service-now.com
splunk /services/authentication /servicesns .splunkcloud.com
wordpress /wp-json /wp-admin
zabbix /api_jsonrpc.php`

// ProductNames returns the names of the recipes by which an address may be told.
func ProductNames() []string {
	var names []string
	for line := range strings.SplitSeq(products, "\n") {
		name, _, _ := strings.Cut(line, " ")
		names = append(names, name)
	}
	return names
}

// productOf returns the name of the recipe for the product that an address shows, or "".
func productOf(address api.Address) string {
	host := "." + strings.TrimSuffix(address.Hostname(), ".")
	for line := range strings.SplitSeq(products, "\n") {
		words := strings.Fields(line)
		for _, sign := range words[1:] {
			if HasPathPrefix(address, sign) || sign[0] == '.' && strings.HasSuffix(host, sign) {
				return words[0]
			}
		}
	}
	return ""
}
