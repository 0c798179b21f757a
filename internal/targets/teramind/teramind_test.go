package teramind_test

import (
	"strings"
	"sync"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
	simulated "pam-rotate-script/internal/simulator/teramind"
)

const user = "jdoe@example.com"

func run() conformance.Run {
	return conformance.Run{User: user, Old: simulated.FirstPassword, New: conformance.New}
}

// stand starts an instance with options.
func stand(t *testing.T, options simulated.Options) (*conformance.Stand, *simulated.Instance) {
	t.Helper()
	instance := simulated.New(options)
	server := conformance.Serve(t, instance)
	return &conformance.Stand{
		Servers: []*simulator.Server{server},
		Access:  map[string]any{"Target": "teramind", "url": server.URL(), "password": simulated.Token},
		Accepts: func(password string) bool { return instance.Accepts(user, password) },
	}, instance
}

func rotate(t *testing.T, stand *conformance.Stand, run conformance.Run) conformance.Ended {
	t.Helper()
	ended := run.Rotate(stand)
	for _, fault := range run.Faults(conformance.Teramind(), stand, ended) {
		t.Error(fault)
	}
	return ended
}

func TestVendorSettings(t *testing.T) {
	for _, test := range []struct {
		name    string
		options simulated.Options
		alter   func(*conformance.Run, *simulated.Instance)
		outcome rotation.Outcome
		class   api.Class
		message string
		writes  int
	}{
		{"password policy", simulated.Options{MinimumLength: 64}, nil, rotation.NotChanged, api.ClassPolicy, "answered 400", 1},
		{"password history", simulated.Options{History: true},
			func(r *conformance.Run, _ *simulated.Instance) { r.New = simulated.FirstPassword }, rotation.Unknown, api.ClassPolicy, "no way to find out", 1},
		{"another user's agent", simulated.Options{FindAnswers: 43}, nil, rotation.NotChanged, api.ClassAccount, "about another user", 0},
		{"says no success", simulated.Options{Unsuccessful: true, ExtraFields: true}, nil, rotation.Unknown, api.ClassTarget, "no success", 2},
		{"address in another case", simulated.Options{AnyCase: true},
			func(r *conformance.Run, _ *simulated.Instance) { r.User = "JDoe@Example.com" }, rotation.Changed, "", "Teramind's answer", 1},
		{"token that only reads", simulated.Options{},
			func(r *conformance.Run, _ *simulated.Instance) {
				r.Access = map[string]any{"password": simulated.ReadOnlyToken}
			}, rotation.NotChanged, api.ClassPermission, "answered 403", 1},
		{"token without rights", simulated.Options{},
			func(r *conformance.Run, _ *simulated.Instance) {
				r.Access = map[string]any{"password": simulated.PowerlessToken}
			}, rotation.NotChanged, api.ClassPermission, "answered 403", 0},
		{"deleted user", simulated.Options{ExtraFields: true},
			func(r *conformance.Run, i *simulated.Instance) {
				i.Add(simulated.Agent{ID: 900, Email: "gone@example.com", Deleted: true})
				r.User = "gone@example.com"
			}, rotation.NotChanged, api.ClassAccount, "deleted", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			stand, instance := stand(t, test.options)
			r := run()
			if test.alter != nil {
				test.alter(&r, instance)
			}
			ended := r.Rotate(stand)
			if ended.Outcome != test.outcome || ended.Class != test.class || !strings.Contains(ended.Message, test.message) {
				t.Errorf("got %s [%s]: %s", ended.Outcome, ended.Class, ended.Message)
			}
			if got := stand.Writes(); got != test.writes {
				t.Errorf("%d writes, want %d", got, test.writes)
			}
		})
	}
}

// TestAnswersToTheWrite: what has been seen of instances is success at once; an empty 200 is
// settled by the same call once more, or is unknown.
func TestAnswersToTheWrite(t *testing.T) {
	for name, test := range map[string]struct {
		answer  simulated.UpdateAnswer
		outcome rotation.Outcome
		writes  int
	}{
		"the agent":      {simulated.AnswersAgent, rotation.Changed, 1},
		"success":        {simulated.AnswersSuccess, rotation.Changed, 1},
		"no content":     {simulated.AnswersNoContent, rotation.Changed, 1},
		"empty for ever": {simulated.AnswersEmpty, rotation.Unknown, 2},
	} {
		for _, extra := range []bool{false, true} {
			stand, _ := stand(t, simulated.Options{UpdateAnswer: test.answer, ExtraFields: extra})
			ended := rotate(t, stand, run())
			if ended.Outcome != test.outcome || stand.Writes() != test.writes {
				t.Errorf("%s: %s with %d writes: %s", name, ended.Outcome, stand.Writes(), ended.Stdout)
			}
		}
	}
	stand, _ := stand(t, simulated.Options{})
	stand.Servers[0].Inject(simulator.Fault{Exchange: simulated.UpdateAgent, Occurrence: 1, Kind: simulator.KindNamed("empty 200 before")})
	if ended := rotate(t, stand, run()); ended.Outcome != rotation.Changed || stand.Writes() != 2 {
		t.Errorf("empty once: %s with %d writes: %s", ended.Outcome, stand.Writes(), ended.Stdout)
	}
}

// TestAgentNumbers: a server from before 2024 knows agents by number alone.
func TestAgentNumbers(t *testing.T) {
	number := func(number string) map[string]any { return map[string]any{"Target Agent": number} }
	for _, test := range []struct {
		name           string
		options        simulated.Options
		access, record map[string]any
		outcome        rotation.Outcome
		class          api.Class
		says           string
	}{
		{"an old server", simulated.Options{OldLookUp: true}, nil, nil, rotation.NotChanged, api.ClassAccount, "field Target Agent"},
		{"by number", simulated.Options{OldLookUp: true}, nil, number("42"), rotation.Changed, "", ""},
		{"by number, a new server", simulated.Options{}, nil, number("42"), rotation.Changed, "", ""},
		{"allowed by the address", simulated.Options{OldLookUp: true}, map[string]any{"Allowed Users": user}, number("42"), rotation.Changed, "", ""},
		{"not allowed by it", simulated.Options{OldLookUp: true}, map[string]any{"Allowed Users": user}, number("43"), rotation.NotChanged, api.ClassPermission, "does not allow"},
		{"the address in email", simulated.Options{OldLookUp: true, AddressFields: simulated.InEmail}, map[string]any{"Allowed Users": user}, number("42"), rotation.Changed, "", ""},
		{"no such number", simulated.Options{}, nil, number("4711"), rotation.NotChanged, api.ClassAccount, "number in the field Target Agent"},
		{"no number", simulated.Options{}, nil, number("042"), rotation.NotChanged, api.ClassInput, "Target Agent: needs"},
		{"in email alone", simulated.Options{AddressFields: simulated.InEmail}, nil, nil, rotation.Changed, "", ""},
		{"in email_address alone", simulated.Options{AddressFields: simulated.InEmailAddressAlone}, nil, nil, rotation.Changed, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			stand, _ := stand(t, test.options)
			r := run()
			r.Access, r.UserFields = test.access, test.record
			ended := r.Rotate(stand)
			if ended.Outcome != test.outcome || ended.Class != test.class || !strings.Contains(ended.Message+strings.Join(ended.Hints, "\n"), test.says) {
				t.Errorf("got %s [%s]: %s %q", ended.Outcome, ended.Class, ended.Message, ended.Hints)
			}
			if changed := stand.Accepts(conformance.New); changed != (test.outcome == rotation.Changed) {
				t.Errorf("in force: %v", changed)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for _, fromDirectory := range []bool{false, true} {
		stand, instance := stand(t, simulated.Options{ExtraFields: true})
		r := run()
		if fromDirectory {
			instance.Add(simulated.Agent{ID: 901, Email: "dir@example.com", Password: simulated.FirstPassword, LDAPAttributes: map[string]any{"cn": "Dir"}})
			r.User = "dir@example.com"
			stand.Accepts = func(password string) bool { return instance.Accepts("dir@example.com", password) }
		}
		ended := rotate(t, stand, r)
		if ended.Outcome != rotation.Changed {
			t.Fatal(ended.Stdout)
		}
		warnings := strings.Join(ended.Warnings, "\n")
		if !strings.Contains(warnings, "new password at the next login") {
			t.Errorf("no warning of the forced change: %q", ended.Warnings)
		}
		if strings.Contains(warnings, "directory") != fromDirectory {
			t.Errorf("directory %v, warnings %q", fromDirectory, ended.Warnings)
		}
	}
}

// TestStatuses: an update that is answered with another status of success names its agent all the
// same, and a look-up that an old server cannot read speaks of no password.
func TestStatuses(t *testing.T) {
	const found = `{"agent_id": 42, "email_address": "jdoe@example.com"}`
	for name, test := range map[string]struct {
		vendor  *scripted
		outcome rotation.Outcome
		hint    string
	}{
		"created":           {&scripted{find: found, update: found, upStatus: 201}, rotation.Changed, ""},
		"by a proxy":        {&scripted{find: found, update: found, upStatus: 203}, rotation.Changed, ""},
		"created, nobody":   {&scripted{find: found, update: `{}`, upStatus: 201}, rotation.Unknown, ""},
		"only taken":        {&scripted{find: found, update: found, upStatus: 202}, rotation.Unknown, ""},
		"no number":         {&scripted{find: `{"error":"invalid agent id"}`, findStatus: 400}, rotation.NotChanged, "Target Agent"},
		"a page":            {&scripted{find: "<html><body>Blocked</body></html>", findStatus: 403}, rotation.NotChanged, "web page"},
		"no number, in SQL": {&scripted{find: `{"error":"invalid input syntax for type integer"}`, findStatus: 500}, rotation.NotChanged, "Target Agent"},
	} {
		t.Run(name, func(t *testing.T) {
			server := conformance.Serve(t, test.vendor)
			ended := run().Rotate(&conformance.Stand{
				Servers: []*simulator.Server{server},
				Access:  map[string]any{"Target": "teramind", "url": server.URL(), "password": "token"},
				Accepts: func(string) bool { return false },
			})
			hints := strings.Join(ended.Hints, "\n")
			if ended.Outcome != test.outcome || !strings.Contains(hints, test.hint) || strings.Contains(hints, "complexity") || strings.Contains(hints, "maker of the access token") {
				t.Errorf("%s %q", ended.Stdout, hints)
			}
		})
	}
}

// TestCheckWarns: a check says beforehand how long the new password holds.
func TestCheckWarns(t *testing.T) {
	stand, _ := stand(t, simulated.Options{})
	if ended := run().Check(stand); ended.Class != "" || !strings.Contains(ended.Stdout, "holds until the user's next login") {
		t.Error(ended.Stdout)
	}
}

// scripted answers the two calls with what a case says, and changes nothing.
type scripted struct {
	sync.Mutex
	find, update         string
	findStatus, upStatus int // 0 is 200
}

func (s *scripted) Routes() []simulator.Route {
	answer := func(body *string, status *int) func(*simulator.Request) simulator.Answer {
		return func(*simulator.Request) simulator.Answer {
			return simulator.Answer{Status: *status, Body: []byte(*body)}
		}
	}
	any := func(string) bool { return true }
	return []simulator.Route{
		{Name: "find", Method: "GET", Match: any, Serve: answer(&s.find, &s.findStatus)},
		{Name: "update", Method: "PATCH", Match: any, Write: true, Serve: answer(&s.update, &s.upStatus)},
	}
}

func TestAnswers(t *testing.T) {
	const found = `{"agent_id": 42, "email_address": "jdoe@example.com"}`
	for name, test := range map[string]struct {
		find, update string
		outcome      rotation.Outcome
		writes       int
	}{
		"as documented":             {found, found, rotation.Changed, 1},
		"number as text":            {`{"agent_id": "42", "email": "JDOE@example.com"}`, `{"agent_id": 42, "success": true}`, rotation.Changed, 1},
		"null deleted":              {`{"agent_id": 42, "email_address": "jdoe@example.com", "deleted": null, "ldap_attrs": null}`, found, rotation.Changed, 1},
		"number missing":            {`{"email_address": "jdoe@example.com"}`, found, rotation.NotChanged, 0},
		"number 0":                  {`{"agent_id": 0, "email_address": "jdoe@example.com"}`, found, rotation.NotChanged, 0},
		"number negative":           {`{"agent_id": -42, "email_address": "jdoe@example.com"}`, found, rotation.NotChanged, 0},
		"number fractional":         {`{"agent_id": 42.5, "email_address": "jdoe@example.com"}`, found, rotation.NotChanged, 0},
		"number with exponent":      {`{"agent_id": 42e0, "email_address": "jdoe@example.com"}`, found, rotation.NotChanged, 0},
		"number is a path":          {`{"agent_id": "42/../1", "email_address": "jdoe@example.com"}`, found, rotation.NotChanged, 0},
		"number twice":              {`{"agent_id": 42, "agent_id": 43, "email_address": "jdoe@example.com"}`, found, rotation.NotChanged, 0},
		"no address":                {`{"agent_id": 42}`, found, rotation.NotChanged, 0},
		"longer address":            {`{"agent_id": 42, "email_address": "jdoe@example.com.example.net"}`, found, rotation.NotChanged, 0},
		"deleted":                   {`{"agent_id": 42, "email_address": "jdoe@example.com", "deleted": 1}`, found, rotation.NotChanged, 0},
		"blanks around an address":  {`{"agent_id": 42, "email_address": " jdoe@example.com "}`, `{"agent_id": 42, "email_address": "jdoe@example.com "}`, rotation.Changed, 1},
		"list":                      {`[` + found + `]`, found, rotation.NotChanged, 0},
		"web page":                  {`<html>`, found, rotation.NotChanged, 0},
		"updates another":           {found, `{"agent_id": 43, "email_address": "jdoe@example.com"}`, rotation.Unknown, 2},
		"updates nobody":            {found, `{}`, rotation.Unknown, 2},
		"success false":             {found, `{"agent_id": 42, "success": false}`, rotation.Unknown, 2},
		"success as a text":         {found, `{"agent_id": 42, "success": "true"}`, rotation.Changed, 1},
		"success is no truth value": {found, `{"agent_id": 42, "success": "partly failed"}`, rotation.Unknown, 2},
		"success alone":             {found, `{"success": true}`, rotation.Changed, 1},
		"success 1 alone":           {found, `{"success": 1}`, rotation.Unknown, 2},
		"success and an error":      {found, `{"success": true, "error": "no such right"}`, rotation.Unknown, 2},
		"success of nobody":         {found, `{"success": true, "agent_id": null}`, rotation.Changed, 1},
		"success of a wrong number": {found, `{"success": true, "agent_id": "x"}`, rotation.Unknown, 2},
		"no body":                   {found, ``, rotation.Unknown, 2},
		"empty email_address":       {`{"agent_id": 42, "email_address": "", "email": "jdoe@example.com"}`, `{"agent_id": 42, "email_address": "", "email": "jdoe@example.com"}`, rotation.Changed, 1},
		"empty email":               {`{"agent_id": 42, "email_address": "jdoe@example.com", "email": ""}`, `{"agent_id": 42, "email": ""}`, rotation.Changed, 1},
		"another one in email":      {found, `{"agent_id": 42, "email_address": "", "email": "john@example.com"}`, rotation.Unknown, 2},
		"both addresses empty":      {`{"agent_id": 42, "email_address": "", "email": ""}`, found, rotation.NotChanged, 0},
		"errors in blanks":          {found, `{"agent_id": 42, "errors": [ ], "error": { }}`, rotation.Changed, 1},
		"deleted 0.0":               {`{"agent_id": 42, "email_address": "jdoe@example.com", "deleted": "0", "ldap_attrs": {}}`, found, rotation.Changed, 1},
		"another address":           {found, `{"agent_id": 42, "email_address": "john@example.com"}`, rotation.Unknown, 2},
		"error beside the agent":    {found, `{"agent_id": 42, "error": "password too weak"}`, rotation.Unknown, 2},
		"errors beside the agent":   {found, `{"agent_id": 42, "errors": ["password too weak"]}`, rotation.Unknown, 2},
		"no errors":                 {found, `{"agent_id": 42, "errors": [], "error": null}`, rotation.Changed, 1},
		"folds beyond ASCII":        {`{"agent_id": 42, "email_address": "jdoe@example.\u0063om\u212a"}`, found, rotation.NotChanged, 0},
		"update's answer is a list": {found, `[]`, rotation.Unknown, 2},
	} {
		t.Run(name, func(t *testing.T) {
			server := conformance.Serve(t, &scripted{find: test.find, update: test.update})
			stand := &conformance.Stand{
				Servers: []*simulator.Server{server},
				Access:  map[string]any{"Target": "teramind", "url": server.URL(), "password": "token"},
				Accepts: func(string) bool { return false },
			}
			ended := run().Rotate(stand)
			if ended.Outcome != test.outcome || stand.Writes() != test.writes {
				t.Errorf("got %s with %d writes: %s", ended.Outcome, stand.Writes(), ended.Message)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	stand, _ := stand(t, simulated.Options{})
	host := stand.Servers[0].Host()
	for _, address := range []string{
		host, host + "/", "https://" + host, "https://" + host + "/tm-api", "https://" + host + "/tm-api/",
		"https://" + host + "/#/users/42", " https://" + host + "/dashboard?x=1 ", "HTTPS://" + host,
	} {
		r := run()
		r.Access = map[string]any{"url": address}
		if ended := r.Check(stand); ended.Class != "" {
			t.Errorf("%s: %s", address, ended.Stdout)
		}
	}
	for _, address := range []string{
		"http://" + host, "https://user:canary@" + host, "https://apidoc.dev.teramind.co/", "ftp://" + host, "https://", "https://" + host + ":x",
	} {
		r := run()
		r.Access = map[string]any{"url": address}
		ended := r.Check(stand)
		if ended.Class != api.ClassInput || strings.Contains(ended.Stdout, "canary") {
			t.Errorf("%s: %s", address, ended.Stdout)
		}
	}
	// Below a path of a proxy's: not this instance's, but it must be sent there.
	r := run()
	r.Access = map[string]any{"url": "https://" + host + "/proxy%20path/tm-api/"}
	if ended := r.Check(stand); strings.Contains(ended.Stdout+ended.Stderr, "proxy") {
		t.Errorf("the field's path is printed: %s", ended.Stderr)
	}
	exchanges := stand.Exchanges()
	if got, want := exchanges[len(exchanges)-1].RequestURI, "/proxy%20path/tm-api/agent/jdoe%40example.com"; got != want {
		t.Errorf("path %s, want %s", got, want)
	}
}

func TestFaultsOfFields(t *testing.T) {
	stand, _ := stand(t, simulated.Options{})
	r := run()
	r.User = "no-at-sign"
	r.Access = map[string]any{"url": nil, "password": "canary\ntoken", "Timeout": "0"}
	ended := r.Rotate(stand)
	for _, label := range []string{"url", "password", "user", "Timeout"} {
		if !strings.Contains(ended.Message, label+": ") {
			t.Errorf("%s is not reported: %s", label, ended.Message)
		}
	}
	if ended.Outcome != rotation.NotChanged || ended.Class != api.ClassInput || strings.Contains(ended.Stdout+ended.Stderr, "canary") {
		t.Errorf("%s\n%s", ended.Stdout, ended.Stderr)
	}
	for _, token := range []string{" token", "token ", "to\x00ken", "töken\x7f"} {
		r := run()
		r.Access = map[string]any{"password": token}
		if ended := r.Rotate(stand); ended.Class != api.ClassInput {
			t.Errorf("token %q: %s", token, ended.Stdout)
		}
	}
	if len(stand.Exchanges()) != 0 {
		t.Error("something was sent")
	}
}
