package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/targets"
)

// What each vendor's code makes of answers that nobody foresaw. The seeds are the true
// answers, and those of the same place with one thing about them wrong.

func FuzzTeramindAnswers(f *testing.F)  { fuzzAnswers(f, conformance.Teramind()) }
func FuzzVenafiAnswers(f *testing.F)    { fuzzAnswers(f, conformance.Venafi()) }
func FuzzSailPointAnswers(f *testing.F) { fuzzAnswers(f, conformance.SailPoint()) }
func FuzzSPSAnswers(f *testing.F)       { fuzzAnswers(f, conformance.SPS()) }
func FuzzRESTAnswers(f *testing.F)      { fuzzAnswers(f, conformance.RESTWithVerifyURL()) }
func FuzzRecipeAnswers(f *testing.F)    { fuzzAnswers(f, conformance.RecipeVenafi()) }

// mostRequests is how many requests a run may send, whatever is answered: those that a
// busy vendor turns away are sent until the deadline.
const mostRequests = 400

func fuzzAnswers(f *testing.F, bench conformance.Bench) {
	recorded, err := conformance.Record(bench)
	if err != nil {
		f.Fatal(err)
	}
	for place, spoken := range recorded.Spoken {
		kind := spoken.Header.Get("Content-Type")
		add := func(status int, header string, body []byte) {
			f.Add(uint8(place), uint16(status), header, body)
		}
		cookie := ""
		if found := spoken.Header.Get("Set-Cookie"); found != "" {
			cookie = "\nSet-Cookie: " + found
		}
		add(spoken.Status, "Content-Type: "+kind+cookie, spoken.Body)
		for _, status := range []int{200, 202, 204, 302, 400, 401, 403, 404, 409, 429, 500, 503} {
			add(status, "Content-Type: application/json\nRetry-After: 1", spoken.Body)
		}
		for _, body := range []string{"", "{}", "[]", "null", "true", "0", `""`, "<html>", `{"error":"x","error_description":"y"}`, `{"Result":1}`, strings.Repeat("[", 70), "\xff\x00"} {
			add(200, "Content-Type: application/json"+cookie, []byte(body))
			add(400, "Content-Type: application/json", []byte(body))
		}
		for _, change := range [][2]string{{`"`, ``}, {`:`, `::`}, {`{`, `{"x":`}, {`true`, `"true"`}, {`null`, `[]`}, {`[`, `{`}, {`"`, `"\u0000`}} {
			add(spoken.Status, "Content-Type: "+kind+cookie, []byte(strings.Replace(string(spoken.Body), change[0], change[1], 1)))
		}
		// Every member of an object gone, or of another kind.
		var members map[string]json.RawMessage
		if json.Unmarshal(spoken.Body, &members) == nil {
			for name, value := range members {
				for _, other := range []string{"", "null", "[]", "{}", `"x"`, "-1", "[null]", `[{"x":1}]`} {
					delete(members, name)
					if other != "" {
						members[name] = json.RawMessage(other)
					}
					altered, err := json.Marshal(members)
					if err != nil {
						f.Fatal(err)
					}
					add(spoken.Status, "Content-Type: "+kind+cookie, altered)
				}
				members[name] = value
			}
		}
	}
	var mu sync.Mutex // stdout and the state of the stand are shared
	f.Fuzz(func(t *testing.T, place uint8, status uint16, header string, body []byte) {
		mu.Lock()
		defer mu.Unlock()
		if problem := judgeAnswer(recorded, int(place)%len(recorded.Spoken), 200+int(status)%400, header, body); problem != "" {
			t.Error(problem)
		}
	})
}

// judgeAnswer runs a rotation in which the vendor answers otherwise in one place, and
// returns what is wrong with its end; "" for nothing.
func judgeAnswer(recorded *conformance.Recorded, place, status int, header string, body []byte) string {
	bench := recorded.Bench
	foreign := conformance.Spoken{Status: status, Header: http.Header{}, Body: body}
	for line := range strings.SplitSeq(header, "\n") {
		if name, value, found := strings.Cut(line, ":"); found && name != "" && !strings.ContainsFunc(name, notToken) {
			foreign.Header.Add(name, strings.TrimSpace(value))
		}
	}
	player := &conformance.Player{Recorded: recorded, Place: place, Foreign: foreign}
	run := conformance.Run{User: bench.User, Old: conformance.Old, New: conformance.New, Info: bench.Info, Transport: player, Unscrubbed: true}
	ended := run.Rotate(recorded.Stand)

	var problems []string
	problem := func(format string, values ...any) { problems = append(problems, fmt.Sprintf(format, values...)) }
	output := ended.Stdout + ended.Stderr
	if strings.Contains(output, "panicked") {
		problem("the program panicked")
	}
	for _, secret := range recorded.Secrets {
		// What the foreign answer says of itself is not known to be secret.
		if form := conformance.FindSecret(output, secret); form != "" && conformance.FindSecret(string(body)+header, secret) == "" {
			problem("a secret was printed, %s", form)
		}
	}
	if len(output) > 256<<10 {
		problem("%d bytes were printed", len(output))
	}
	if player.Requests > mostRequests || player.Writes > bench.Writes && status != 429 {
		problem("%d requests, %d writes", player.Requests, player.Writes)
	}
	atWrite := recorded.Spoken[place].Write
	switch ended.Outcome {
	case rotation.Changed:
		switch {
		// The player lets the new password in at any time.
		case player.Writes == 0 && ended.Proof != targets.ProofLogin:
			problem("changed without a write or a login")
		case atWrite && ended.Proof == targets.ProofAnswer && (status/100 != 2 || !believable(body)):
			problem("changed by the word of an answer that says nothing of the kind")
		}
	case rotation.NotChanged:
		if player.HonestWrites > 0 {
			problem("not changed, although the write was answered with success")
		}
		if atWrite && (status/100 == 2 || status/100 == 3 || status >= 500) && player.Writes > 0 && !refuses(bench, status, body) {
			problem("not changed by the word of an answer that does not prove it")
		}
	}
	if len(problems) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: exchange %d answered %d %q %q: %s\n%s", bench.Name, place+1, status, header, body, strings.Join(problems, "; "), output)
}

func notToken(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

// believable reports whether a body can be a vendor's own success: nothing at all or one
// JSON text.
func believable(body []byte) bool {
	return len(bytes.TrimSpace(body)) == 0 || json.Valid(body)
}

// refuses reports whether the vendor documents refusals that come with such a status: in
// the body of a success, or of an error that names the reason.
func refuses(bench conformance.Bench, status int, body []byte) bool {
	object := json.Valid(body) && bytes.HasPrefix(bytes.TrimSpace(body), []byte("{"))
	switch bench.Info.Name {
	case "rest", "teramind", "sailpoint":
		return false
	}
	return object && len(bytes.TrimSpace(body)) > 2
}

// TestForeignAnswers: answers to the write that are easily taken for something else. What a fuzz test
// finds belongs here.
func TestForeignAnswers(t *testing.T) {
	const json = "Content-Type: application/json"
	for _, test := range []struct {
		bench  conformance.Bench
		status int
		header string
		body   string
	}{
		{conformance.Teramind(), 200, json, `{}`},
		{conformance.Teramind(), 200, "Content-Type: text/html", `<html>`},
		{conformance.SailPoint(), 202, json, `{"requestId":null,"state":"FINISHED"`},
		{conformance.SailPoint(), 200, json, `{"requestId":"","state":"FINISHED"}`},
		{conformance.SailPoint(), 429, json + "\nRetry-After: 0", `{"state":"FINISHED"}`},
		{conformance.SailPoint(), 202, json, `{"requestId":null,"state":"FAILED"}`},
		{conformance.SailPoint(), 503, json + "\nRetry-After: 0", `{"state":"FAILED"}`},
		{conformance.SPS(), 200, json, `{"error":null}`},
		{conformance.RESTWithVerifyURL(), 302, "Location: https://127.0.0.1/", ``},
		{conformance.RecipeVenafi(), 200, json, `{"Result":"0"}`},
	} {
		recorded, err := conformance.Record(test.bench)
		if err != nil {
			t.Fatal(err)
		}
		write := slices.IndexFunc(recorded.Spoken, func(spoken conformance.Spoken) bool { return spoken.Write })
		if problem := judgeAnswer(recorded, write, test.status, test.header, []byte(test.body)); problem != "" {
			t.Error(problem)
		}
	}
}

// capturing is a transport that keeps the first request and answers nothing.
type capturing struct{ request *http.Request }

func (c *capturing) RoundTrip(request *http.Request) (*http.Response, error) {
	if c.request == nil {
		c.request = request.Clone(request.Context())
	}
	trace := httptrace.ContextClientTrace(request.Context())
	trace.GetConn(request.URL.Host)
	return nil, errors.New("nothing is sent")
}

// FuzzAddresses: what stands in the access record's address decides where the first call
// goes, and nothing else is added: no other host, no user information, no way up.
// Whatever is refused is refused without being quoted.
func FuzzAddresses(f *testing.F) {
	benches := []conformance.Bench{
		conformance.Teramind(), conformance.Venafi(), conformance.SailPoint(), conformance.SPS(), conformance.REST(), conformance.RESTWithVerifyURL(), conformance.RecipeVenafi(),
	}
	stands := make([]*conformance.Stand, len(benches))
	for i, bench := range benches {
		stand, err := bench.Start(bench.User, conformance.Old)
		if err != nil {
			f.Fatal(err)
		}
		stand.Close()
		stands[i] = stand
		for _, address := range []string{
			"acme.example.com", "https://acme.example.com", "https://acme.example.com/", "HTTPS://ACME.example.com:8443/tm-api/", "https://[fd00::1]:8443/vedsdk",
			"https://acme.identitynow.com/ui/d/home", "acme", "acme.api.identitynow.com", "https://acme.example.com/api/{user}/password?x=1#y", "https://acme.example.com/../../x",
			"https://acme.example.com/%2e%2e/x", "https://acme.example.com//evil.example/x", "https://acme.example.com\\@evil.example/", "https://acme.example.com@evil.example/",
			"https://user:pw@acme.example.com", "https://acme.example.com:443:8443", "//acme.example.com", "https:acme.example.com", "http://acme.example.com", "file:///etc/passwd",
			"https://acme.example.com/\r\nX: y", "https://аcme.example.com", "https://acme.example.com/%00", "https://acme.example.com/{user}/{user}", "https://acme.example.com/?user={user}", " https://acme.example.com ", "https://127.0.0.1:0", "https://acme.example.com/api#@evil.example",
		} {
			f.Add(uint8(i), address)
		}
	}
	f.Fuzz(func(t *testing.T, number uint8, address string) {
		bench, stand := benches[int(number)%len(benches)], stands[int(number)%len(benches)]
		if !utf8.ValidString(address) {
			return // no payload can carry it
		}
		access := map[string]any{"url": address, "Target": bench.Info.Name}
		if bench.Name == "rest with Verify URL" {
			access["Verify URL"] = address
		}
		caught := &capturing{}
		run := conformance.Run{User: bench.User, Old: conformance.Old, New: conformance.New, Info: bench.Info, Access: access, Transport: caught, Unscrubbed: true}
		ended := run.Rotate(stand)
		if strings.Contains(ended.Stdout+ended.Stderr, "panicked") {
			t.Errorf("%s: %q: %s", bench.Name, address, ended.Stderr)
		}
		if ended.Outcome != rotation.NotChanged {
			t.Errorf("%s: %q: %s, although nothing was sent", bench.Name, address, ended.Outcome)
		}
		for _, secret := range run.Secrets(stand) {
			if form := conformance.FindSecret(ended.Stdout+ended.Stderr, secret); form != "" && !strings.Contains(address, secret) {
				t.Errorf("%s: %q: a secret was printed, %s", bench.Name, address, form)
			}
		}
		sent := caught.request
		if sent == nil {
			if ended.Class != api.ClassInput {
				t.Errorf("%s: %q: class %s", bench.Name, address, ended.Class)
			}
			return
		}
		host := sent.URL.Hostname()
		// A tenant's name alone is enough for SailPoint, and the web address of a tenant.
		tenant, isTenant := strings.CutSuffix(strings.ToLower(host), ".api.identitynow.com")
		// Escapes in the host, and the zone of an IPv6 address, are undone.
		unescaped, err := url.PathUnescape(address)
		if err != nil {
			unescaped = address
		}
		switch lower := strings.ToLower(address + "\n" + unescaped); {
		case sent.URL.Scheme != "https" || sent.URL.User != nil || sent.URL.Opaque != "" || sent.Host != "" && sent.Host != sent.URL.Host:
			t.Errorf("%s: %q became %q", bench.Name, address, sent.URL)
		case strings.ContainsAny(host, "@/\\?# \t\r\n") || host == "":
			t.Errorf("%s: %q became the host %q", bench.Name, address, host)
		case !strings.Contains(lower, strings.ToLower(host)) && !(isTenant && strings.Contains(lower, tenant)):
			t.Errorf("%s: %q became the host %q", bench.Name, address, host)
		}
		authority := address
		if _, after, found := strings.Cut(address, "://"); found {
			authority = after
		}
		if end := strings.IndexAny(authority, "/?#"); end >= 0 {
			authority = authority[:end]
		}
		if strings.Contains(authority, "@") {
			t.Errorf("%s: %q, with user information, became the host %q", bench.Name, address, host)
		}
		if path := sent.URL.EscapedPath(); path != "" && !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " \r\n#?") {
			t.Errorf("%s: %q became the path %q", bench.Name, address, path)
		}
	})
}
