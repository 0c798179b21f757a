package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// unspoken are the schemes of authentication that no target speaks, as they are spelt.
var unspoken = []string{"Negotiate", "NTLM", "Kerberos", "Digest"}

// challenges are the schemes that a 401 asks for, each once (RFC 9110 section 11.6.1).
func (a Answer) challenges() []string {
	if a.Status != http.StatusUnauthorized {
		return nil
	}
	var asked []string
	for _, line := range a.header.Values("WWW-Authenticate") {
		unquoted, inside := "", false
		for _, piece := range strings.Split(strings.ReplaceAll(line, `\"`, ""), `"`) {
			if !inside {
				unquoted += piece
			}
			inside = !inside
		}
		for _, part := range strings.Split(unquoted, ",") {
			words := strings.Fields(part)
			if len(words) == 0 || strings.Contains(words[0], "=") {
				continue // a parameter of the scheme before it
			}
			if !hasScheme(asked, words[0]) {
				asked = append(asked, words[0])
			}
		}
	}
	return asked
}

func hasScheme(schemes []string, scheme string) bool {
	return slices.ContainsFunc(schemes, func(one string) bool { return strings.EqualFold(one, scheme) })
}

// asksElse returns what a 401 asks for if that is nothing that anybody here sends: Negotiate of
// a server with Windows authentication alone, say. It is "" if any other scheme is named, or none.
func (a Answer) asksElse() string {
	var asked []string
	for _, scheme := range a.challenges() {
		i := slices.IndexFunc(unspoken, func(one string) bool { return strings.EqualFold(one, scheme) })
		if i < 0 {
			return ""
		}
		asked = append(asked, unspoken[i])
	}
	return strings.Join(asked, " or ")
}

// asksAnother returns what a 401 to a request with a credential in its head asks for, if that is
// not what was sent, but may be sent elsewhere: Bearer of a portal in front of a server that
// was sent Basic, say, or the other way round. A server that takes both may answer so, too.
func (a Answer) asksAnother() string {
	asked := a.challenges()
	if len(asked) == 0 || a.sent == "" || a.asksElse() != "" || hasScheme(asked, a.sent) {
		return ""
	}
	for _, scheme := range asked {
		if !hasScheme(unspoken, scheme) && !hasScheme([]string{"Basic", "Bearer"}, scheme) {
			return "" // a scheme of the server's own
		}
	}
	return strings.Join(asked, " or ")
}

// AsksAnother reports whether a 401 names a way to sign in that was not used, and not the one
// that was. Then it may come from a portal in front of the server, which has judged nothing, or
// from a server that takes several ways and names one: it does not show that the password is wrong.
func (a Answer) AsksAnother() bool { return a.asksAnother() != "" }

// Unjudged reports whether a call was turned away by something that did not look at the
// password or token in it: by 407, which proxies answer, or by a 401 that asks for nothing but
// what nobody here sends. What has a code of the vendor's own is the vendor's judgement,
// whatever a web server adds to its head: IIS names Windows authentication with each 401.
func (e *Error) Unjudged() bool { return e.elsewhere && e.Code == "" }

// HasOtherCause reports whether a sign-in was refused for something else than the password: see
// Answer.HasOtherCause, and Unjudged. It is the one rule of all targets for what a refused
// sign-in says; which status and which code mean a wrong password, each target says itself.
func (e *Error) HasOtherCause() bool { return e.Unjudged() || e.otherCause }

// schemeOf is how the head of a request carries a credential: Basic, Bearer, or a field of its
// own; "" if it carries none that a server would challenge, a session's cookie among them.
func schemeOf(header http.Header) string {
	if credential := header.Get("Authorization"); credential != "" {
		for _, scheme := range []string{"Basic", "Bearer"} {
			if len(credential) > len(scheme) && strings.EqualFold(credential[:len(scheme)], scheme) {
				return scheme
			}
		}
		return "Authorization"
	}
	for name := range header {
		if lower := strings.ToLower(name); strings.Contains(lower, "token") || strings.Contains(lower, "key") {
			return name
		}
	}
	return ""
}

// leadsTo says where a redirect leads to, as far as that helps; "" for any other answer.
func leadsTo(answer Answer, from *url.URL) string {
	location := answer.header.Get("Location")
	to, err := from.Parse(location)
	switch {
	case answer.Status/100 != 3 || location == "" || err != nil:
	case to.Host != from.Host:
		return "; it leads to " + to.Host
	case to.EscapedPath() == from.EscapedPath()+"/":
		return "; it leads to the same address with a slash at its end"
	}
	return ""
}

// statusHint is what an answer's status and its challenge call for, "" for nothing. code is the
// vendor's own, which says more than a challenge.
func statusHint(answer Answer, code string) string {
	switch answer.Status {
	case http.StatusUnauthorized:
		if code != "" {
			break
		}
		if asked := answer.asksElse(); asked != "" {
			return "the server asks for " + asked + " authentication alone, which is not spoken here: it judged no password; the API needs an address or a setting with Basic or a token"
		}
		if asked := answer.asksAnother(); asked != "" {
			return "the server asks for " + asked + " authentication here, which was not sent: if the credential is right, a proxy or portal in front of the API wants a sign-in of its own"
		}
	case http.StatusProxyAuthRequired:
		return "a proxy in front of the API asks for a sign-in of its own, and judged no password: name an address that leads past it"
	case http.StatusMisdirectedRequest:
		return "the server has no site for the host in url on this connection: use the name that it has in its certificate; a proxy in front of it must pass the name on at the start of TLS (SNI)"
	case http.StatusNotModified:
	default:
		if answer.Status/100 == 3 {
			return "a redirect usually means that the address is not the API's: check the access record's url"
		}
	}
	return ""
}
