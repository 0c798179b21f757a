package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/secret"
)

// sentBy returns what a server sees of a request.
func sentBy(t *testing.T, request api.Request) (path string, body []byte) {
	t.Helper()
	client, err := api.NewClient(api.Config{Vendor: "example", Transport: api.Offline(func(r *http.Request, sent []byte) []byte {
		path, body = r.URL.RequestURI(), sent
		return []byte("HTTP/1.1 204 No Content\r\n\r\n")
	})})
	if err != nil {
		t.Fatal(err)
	}
	request.Action, request.Kind, request.Method, request.Host = "call", api.Write, "POST", "host.example"
	if _, err := client.Do(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	return path, body
}

// TestBodiesAreASCII: a server that takes a body for ISO-8859-1 sets the same password.
func TestBodiesAreASCII(t *testing.T) {
	const password = "Pässwörd€\u2028😀\x7f<&>\""
	for name, value := range map[string]any{
		"secret": secret.New(password), "text": password,
		"object":  api.Object{{Name: "ключ", Value: []any{secret.New(password)}}},
		"raw":     json.RawMessage(`{"ключ":"Pässwörd€😀"}`),
		"rawJSON": api.RawJSON{Text: secret.New(`["Pässwörd€😀"]`)},
	} {
		t.Run(name, func(t *testing.T) {
			_, body := sentBy(t, api.Request{Path: api.FixedPath("/"), Body: api.JSONBody(value)})
			latin := make([]rune, len(body))
			for i, b := range body {
				latin[i] = rune(b)
			}
			var asUTF8, asLatin any
			if err := json.Unmarshal(body, &asUTF8); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(string(latin)), &asLatin); err != nil {
				t.Fatal(err)
			}
			one, _ := json.Marshal(asUTF8)
			other, _ := json.Marshal(asLatin)
			if string(one) != string(other) || !strings.Contains(string(one), "Pässwörd€") {
				t.Errorf("sent %s", body)
			}
		})
	}
}

// TestQueryIsEscaped: what cannot stand in a query does not end the request's first line.
func TestQueryIsEscaped(t *testing.T) {
	for query, want := range map[string]string{
		"a=b c":         "a=b%20c",
		"a=b%20c+d":     "a=b%20c+d",
		"a=é|{x}\\\"":   "a=%C3%A9%7C%7Bx%7D%5C%22",
		"a[b]=c&d='e'!": "a[b]=c&d='e'!",
		"a=b\r\nX: y":   "a=b%0D%0AX:%20y",
	} {
		if path, _ := sentBy(t, api.Request{Path: api.FieldPath("url", "/p", secret.New(query))}); path != "/p?"+want {
			t.Errorf("%q was sent as %q", query, path)
		}
	}
}

// TestAddressIsSealed: a secret in an address is found as it is written and as it is meant.
func TestAddressIsSealed(t *testing.T) {
	address, err := api.ParseAddress("https://host.example/hooks/canary%2Dpath%21segment/x?token=canary%2Fvalue+with+blanks&bare%2Dcanary%2Dname&short=a")
	if err != nil {
		t.Fatal(err)
	}
	scrubber := secret.NewScrubber()
	client, err := api.NewClient(api.Config{Vendor: "example", Scrubber: scrubber})
	if err != nil {
		t.Fatal(err)
	}
	client.SealAddress(address)
	for _, shown := range []string{
		"canary%2Dpath%21segment", "canary-path!segment", "canary%2Fvalue+with+blanks", "canary/value with blanks", "canary/value+with+blanks", "bare-canary-name",
	} {
		if got := scrubber.Text("it is " + shown); strings.Contains(got, "canary") {
			t.Errorf("%q became %q", shown, got)
		}
	}
	if got := scrubber.Text("hooks short a x"); got != "hooks short a x" {
		t.Errorf("words became %q", got)
	}
}
