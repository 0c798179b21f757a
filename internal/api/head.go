package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// head judges what an answer says beside its body: some products and gateways say it in fields of
// the head alone.
func (j *judge) head(a Answer) {
	if declared := strings.ToLower(a.header.Get("Content-Type")); strings.Contains(declared, "problem+") || strings.Contains(declared, "vnd.error") {
		j.failed = true
	}
	for name, values := range a.fields() {
		words := strings.Fields(plainWords(name))
		value := strings.TrimSpace(strings.Join(values, " "))
		if name == "Status" && len(value) >= 3 && value[:3] >= "400" && value[:3] <= "599" { // CGI's, which a gateway did not take over
			j.failed = true
		}
		if len(words) < 2 || value == "" {
			continue
		}
		if words[0] == "x" {
			words = words[1:]
		}
		joined, last := strings.Join(words, ""), words[len(words)-1]
		switch yes, is := truth(value); {
		case joined == "grpcstatus":
			j.failed = j.failed || value != "0"
		case isFailureName.has(last), last == "errortype":
			j.failed = j.failed || filled(value)
		case isSuccessName.has(last), isDoneName.has(last): // such as KrakenD's of an answer that is not whole
			j.failed = j.failed || is && !yes
		case last == "result": // FreeIPA
			if _, isNumber := number(value); !isNumber {
				j.status(last, value, inAnswer)
			}
		case isJobName.has(joined), joined == "operationlocation", joined == "azureasyncoperation":
			j.ordered = true
		}
	}
	if address, err := url.Parse(a.header.Get("Location")); err == nil && a.Status/100 == 2 {
		j.ordered = j.ordered || slices.ContainsFunc(strings.Split(strings.ToLower(address.Path), "/"), isQueue.has)
	}
}

// fields are those of the head and those behind the body (RFC 9110 section 6.5), where gRPC tells
// how a call ended.
func (a Answer) fields() http.Header {
	if len(a.trailer) == 0 {
		return a.header
	}
	all := a.header.Clone()
	for name, values := range a.trailer {
		all[name] = append(all[name], values...)
	}
	return all
}

// toldInHead returns why a call failed in the words of the answer's head; "" if it does not say.
func (a Answer) toldInHead() string {
	for _, challenge := range a.header.Values("WWW-Authenticate") { // RFC 6750, all that ASP.NET Core and Spring say of a token
		for _, name := range []string{`error_description="`, `error="`} {
			if _, rest, ok := strings.Cut(challenge, name); ok {
				if text, _, ok := strings.Cut(strings.ReplaceAll(rest, `\"`, `'`), `"`); ok && text != "" {
					return text
				}
			}
		}
	}
	var told []string
	for name, values := range a.fields() {
		words := strings.Fields(plainWords(name))
		if len(words) < 2 || len(values) == 0 || len(values[0]) > maxText || values[0] == "" {
			continue
		}
		switch last := words[len(words)-1]; {
		case isFailureName.has(last), isFailureName.has(words[len(words)-2]) && isPartName.has(last), last == "reason", last == "errortype", strings.EqualFold(name, "Grpc-Message"):
			text, _, _ := strings.Cut(values[0], ";") // parameters follow
			told = append(told, text)
		}
	}
	slices.Sort(told)
	return strings.Join(told, "; ")
}
