package api

import (
	"net/http"
	"slices"
	"strings"
)

// unspoken are the schemes of authentication that no target speaks, as they are spelt.
var unspoken = []string{"Negotiate", "NTLM", "Kerberos", "Digest"}

// asksElse returns what a 401 asks for if that is nothing that was sent: Negotiate of a server
// with Windows authentication alone, say. It is "" if any other scheme is named, or none.
func (a Answer) asksElse() string {
	if a.Status != http.StatusUnauthorized {
		return ""
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
			i := slices.IndexFunc(unspoken, func(scheme string) bool { return strings.EqualFold(scheme, words[0]) })
			if i < 0 {
				return ""
			}
			if !slices.Contains(asked, unspoken[i]) {
				asked = append(asked, unspoken[i])
			}
		}
	}
	return strings.Join(asked, " or ")
}

// statusHint is what an answer's status and its challenge call for, "" for nothing.
func statusHint(answer Answer) string {
	switch answer.Status {
	case http.StatusUnauthorized:
		if asked := answer.asksElse(); asked != "" {
			return "the server asks for " + asked + " authentication alone, which is not spoken here: it judged no password; the API needs an address or a setting with Basic or a token"
		}
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
