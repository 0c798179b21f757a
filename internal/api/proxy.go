package api

import (
	"net/url"
	"os"
	"slices"
	"strings"
)

// HintProxy says how a proxy's address is written.
const HintProxy = "it must be like http://proxy.example.com:8080; in a user name or password write % as %25, and # / ? @ : in the same way"

// UnusableProxy returns the name of the environment variable that names a proxy by what
// is no address of one, or "". net/http would take it for no proxy at all, or for a host
// that nobody meant.
func UnusableProxy() string {
	for _, variable := range []string{"HTTPS_PROXY", "https_proxy"} {
		// As in net/http, the first one that is not empty counts.
		if text := os.Getenv(variable); text != "" {
			if isProxy(text) {
				return ""
			}
			return variable
		}
	}
	return ""
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
