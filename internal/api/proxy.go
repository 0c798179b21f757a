package api

import (
	"net/url"
	"os"
	"slices"
	"strings"
)

// ProxyFault returns the environment variable that names a proxy by what is no address of
// one, what is wrong, and how to write it; all "" if there is none. net/http would take it
// for no proxy at all, or for a host that nobody meant.
func ProxyFault() (variable, cause, hint string) {
	variable = "HTTPS_PROXY"
	text := os.Getenv(variable)
	if text == "" { // as in net/http, the first one that is not empty counts
		variable = "https_proxy"
		text = os.Getenv(variable)
	}
	if text == "" || isProxy(text) {
		return "", "", ""
	}
	return variable, "the environment variable does not hold a proxy's address",
		"it must be like http://proxy.example.com:8080; in a user name or password write % as %25, and # / ? @ : in the same way"
}

// isProxy reports whether net/http reads the address as whoever wrote it.
func isProxy(text string) bool {
	if !strings.Contains(text, ":/") {
		text = "http://" + text
	}
	parsed, err := url.Parse(text)
	return err == nil && slices.Contains([]string{"http", "https", "socks5", "socks5h"}, parsed.Scheme) &&
		parsed.Hostname() != "" && !strings.HasSuffix(parsed.Host, ":") && !strings.Contains(parsed.Host, " ") &&
		// A password that is not escaped ends the host early.
		parsed.RawQuery == "" && parsed.Fragment == "" && !strings.Contains(parsed.Path, "@")
}
