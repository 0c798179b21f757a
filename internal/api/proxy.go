package api

import (
	"net"
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

// exempts reports whether NO_PROXY seems to mean a host, written as other programs take it: with
// blanks or semicolons between the entries, quotes, a scheme, stars. It is for a host that net/http
// reaches through the proxy all the same. Either spelling of the variable is read, while the first
// one that is not empty counts.
func exempts(host string) bool {
	address := &url.URL{Host: host}
	name, port := strings.Trim(strings.ToLower(address.Hostname()), "."), address.Port()
	if port == "" {
		port = "443"
	}
	ip := net.ParseIP(name)
	for _, entry := range strings.FieldsFunc(os.Getenv("NO_PROXY")+","+os.Getenv("no_proxy"), func(r rune) bool { return strings.ContainsRune(",;| \t\r\n\"'`", r) }) {
		entry = strings.ToLower(entry)
		if _, network, err := net.ParseCIDR(entry); err == nil {
			if ip != nil && network.Contains(ip) {
				return true
			}
			continue
		}
		if _, after, found := strings.Cut(entry, "://"); found {
			entry = after
		}
		entry, _, _ = strings.Cut(entry, "/")
		if only, number, err := net.SplitHostPort(entry); err == nil {
			if entry = only; number != port && number != "*" && number != "" {
				continue
			}
		}
		begin := ip != nil && strings.HasSuffix(entry, ".") && strings.HasPrefix(name, entry) // 10.1.
		entry = strings.Trim(entry, "[].")
		if begin || entry == "<local>" && ip == nil && !strings.Contains(name, ".") {
			return true
		}
		entry = strings.TrimPrefix(entry, "*.")
		front, end, star := strings.Cut(entry, "*")
		if star && len(name) >= len(front)+len(end) && strings.HasPrefix(name, front) && strings.HasSuffix(name, end) ||
			entry != "" && (name == entry || ip == nil && strings.HasSuffix(name, "."+entry)) {
			return true
		}
	}
	return false
}

// namesAddress reports whether NO_PROXY has an IP address or a range of them.
func namesAddress() bool {
	for _, entry := range strings.FieldsFunc(os.Getenv("NO_PROXY")+","+os.Getenv("no_proxy"), func(r rune) bool { return r == ',' || r == ' ' }) {
		if _, _, err := net.ParseCIDR(entry); err == nil || net.ParseIP(entry) != nil && !net.ParseIP(entry).IsLoopback() {
			return true
		}
	}
	return false
}
