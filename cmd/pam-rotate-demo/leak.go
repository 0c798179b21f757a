package main

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	"pam-rotate-script/internal/simulator"
)

// secretText is something that must not be printed.
type secretText struct{ name, text string }

// shortest is the length in bytes from which on a text is looked for: shorter ones
// stand in any output by chance.
const shortest = 6

// findSecret returns the name and form of the first secret that stands in the
// output, or "".
func findSecret(output string, secrets []secretText) string {
	for _, secret := range secrets {
		if len(secret.text) < shortest {
			continue
		}
		for _, form := range forms(secret.text) {
			if len(form.text) >= shortest && strings.Contains(output, form.text) {
				return secret.name + ", " + form.name
			}
		}
	}
	return ""
}

// forms returns the ways in which a text may stand in an output.
func forms(text string) []secretText {
	all := []secretText{
		{"as it is", text},
		{"escaped for a path", url.PathEscape(text)},
		{"escaped for a query", url.QueryEscape(text)},
	}
	for _, escapeHTML := range []bool{false, true} {
		var encoded strings.Builder
		encoder := json.NewEncoder(&encoded)
		encoder.SetEscapeHTML(escapeHTML)
		if encoder.Encode(text) == nil {
			quoted := strings.TrimSuffix(encoded.String(), "\n")
			all = append(all, secretText{"escaped for JSON", quoted[1 : len(quoted)-1]})
		}
	}
	// Inside a longer text it is encoded in one of three ways, by where it begins.
	// Only the characters that nothing else has a part in are looked for.
	for before := range 3 {
		shifted := append(make([]byte, before), text...)
		from, to := (before*8+5)/6, len(shifted)/3*4
		if from < to {
			all = append(all,
				secretText{"in base64", base64.StdEncoding.EncodeToString(shifted)[from:to]},
				secretText{"in base64 for URLs", base64.URLEncoding.EncodeToString(shifted)[from:to]})
		}
	}
	return all
}

// holdsPart reports whether a part of the payload stands in the output that is too
// long to be there by chance.
func holdsPart(output, payload string) bool {
	const long = 40
	for from := 0; from+long <= len(payload); from++ {
		if strings.Contains(output, payload[from:from+long]) {
			return true
		}
	}
	return false
}

// harmless are the header fields that hold no credential.
var harmless = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Connection": true, "Content-Length": true, "Content-Type": true,
	"Host": true, "Transfer-Encoding": true, "User-Agent": true,
}

// credentials returns what the program has sent in header fields to prove itself:
// the access record's token, and whatever the vendor has given out.
func credentials(exchanges []simulator.Exchange) []secretText {
	var all []secretText
	for _, exchange := range exchanges {
		for name, values := range exchange.Header {
			if harmless[name] {
				continue
			}
			for _, value := range values {
				if name == "Cookie" {
					_, value, _ = strings.Cut(value, "=")
				}
				all = append(all, secretText{"the value of " + name, value[strings.LastIndexByte(value, ' ')+1:]})
			}
		}
	}
	return all
}
