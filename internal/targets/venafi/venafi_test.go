package venafi_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
	simulated "pam-rotate-script/internal/simulator/venafi"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/targets/venafi"
)

const (
	first = simulated.FirstPassword
	user  = "jdoe"
)

// fields are fields of the access record; a nil value takes one away.
type fields map[string]any

// withToken are the fields for a ready-made token in the place of a caller.
func withToken(token string) fields {
	return fields{"login": nil, "password": nil, "Access Token": token}
}

// scene is a platform, and a rotation of jdoe unless run says otherwise.
type scene struct {
	options simulated.Options
	prepare func(platform *simulated.Platform)
	// alter changes the answers of the routes named.
	alter  map[string]func(simulator.Answer) simulator.Answer
	faults []simulator.Fault

	access fields
	run    conformance.Run
	suffix string // of the url
	check  bool   // instead of a rotation
	// current is the password in force before, where the payload has another one.
	current string
}

// played is what is left after a scene.
type played struct {
	conformance.Ended
	platform *simulated.Platform
	server   *simulator.Server
}

// altered is a platform that answers some routes in another way.
type altered struct {
	*simulated.Platform
	alter map[string]func(simulator.Answer) simulator.Answer
}

func (a altered) Routes() []simulator.Route {
	routes := a.Platform.Routes()
	for i := range routes {
		if alter := a.alter[routes[i].Name]; alter != nil {
			serve := routes[i].Serve
			routes[i].Serve = func(r *simulator.Request) simulator.Answer { return alter(serve(r)) }
		}
	}
	return routes
}

// play carries the scene out. A rotation is held to every promise that there is.
func (s scene) play(t *testing.T) played {
	t.Helper()
	platform := simulated.New(s.options)
	if s.prepare != nil {
		s.prepare(platform)
	}
	var vendor simulator.Vendor = platform
	if s.alter != nil {
		vendor = altered{platform, s.alter}
	}
	server := conformance.Serve(t, vendor)
	for _, fault := range s.faults {
		server.Inject(fault)
	}
	run := s.run
	if run.User == "" {
		run.User, run.Old = user, first
	}
	if run.New == "" {
		run.New = conformance.New
	}
	run.Access = s.access
	name := nameOf(platform, run.User)
	stand := &conformance.Stand{
		Servers: []*simulator.Server{server},
		Access: map[string]any{
			"Target": "venafi", "url": server.URL() + s.suffix, "login": simulated.Caller, "password": simulated.CallerPassword,
			"Client ID": simulated.ClientID,
		},
		Accepts: func(password string) bool {
			if password == run.Old && s.current != "" {
				password = s.current
			}
			if identity, found := platform.Identity(name); !found || identity.Group {
				return password == run.Old // there is nothing to change
			}
			return platform.Accepts(name, password)
		},
		FailedLogins: func() int { return platform.FailedLogins(name) },
	}
	if s.check {
		return played{run.Check(stand), platform, server}
	}
	ended := run.Rotate(stand)
	for _, fault := range run.Faults(conformance.Venafi(), stand, ended) {
		t.Error(fault)
	}
	return played{ended, platform, server}
}

// nameOf finds the local identity that a user name stands for.
func nameOf(platform *simulated.Platform, user string) string {
	if len(user) > len("local:") && strings.EqualFold(user[:len("local:")], "local:") {
		user = user[len("local:"):]
	}
	for _, name := range []string{"jdoe", simulated.Caller, simulated.PlainCaller} {
		if identity, _ := platform.Identity(name); strings.EqualFold(user, "{"+identity.GUID+"}") {
			return name
		}
	}
	return user
}

// guidOf writes the identity of that name by its GUID.
func guidOf(name string) string {
	identity, _ := simulated.New(simulated.Options{}).Identity(name)
	return "local:{" + identity.GUID + "}"
}

// bodies returns the JSON bodies that a route got.
func (p played) bodies(t *testing.T, route string) []map[string]any {
	t.Helper()
	var bodies []map[string]any
	for _, exchange := range p.server.Exchanges() {
		if exchange.Name != route {
			continue
		}
		var body map[string]any
		if err := json.Unmarshal(exchange.Body, &body); err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	return bodies
}

func fault(kind, route string, occurrence int) simulator.Fault {
	return simulator.Fault{Exchange: route, Occurrence: occurrence, Kind: simulator.KindNamed(kind)}
}

// expectation is what a scene must end in.
type expectation struct {
	outcome  rotation.Outcome
	class    api.Class
	proof    targets.Proof
	writes   int
	failed   int // sign-ins as the rotated user that were refused
	requests int // 0 for any number
	warning  string
	message  string
	open     int // grants left
}

var (
	proved   = expectation{outcome: rotation.Changed, proof: targets.ProofLogin, writes: 1, requests: 5}
	unproved = expectation{outcome: rotation.Changed, proof: targets.ProofAnswer, writes: 1, warning: "could not be tried"}
	// found is what a change without a clear answer of success is proved by: the old password
	// is refused, too.
	found = expectation{outcome: rotation.Changed, proof: targets.ProofLogin, writes: 1, failed: 1, requests: 6}
	// repeated is a run that begins again: the new password was rejected once, and the old
	// one accepted.
	repeated   = expectation{outcome: rotation.Changed, proof: targets.ProofLogin, writes: 2, failed: 1, message: "after a second try"}
	notChanged = expectation{outcome: rotation.NotChanged}
	// otherNamed is what an answer that names another identity ends in without a sign-in.
	otherNamed = expectation{outcome: rotation.Unknown, class: api.ClassAccount, writes: 1, message: "another identity"}
)

func (e expectation) with(change func(*expectation)) expectation {
	change(&e)
	return e
}

func (e expectation) check(t *testing.T, got played) {
	t.Helper()
	if got.Outcome != e.outcome || got.Class != e.class || got.Proof != e.proof {
		t.Errorf("got %s [%s] by %q, want %s [%s] by %q", got.Outcome, got.Class, got.Proof, e.outcome, e.class, e.proof)
	}
	if got.Writes != e.writes || got.FailedLogins != e.failed || e.requests != 0 && got.Requests != e.requests {
		t.Errorf("%d requests, %d writes, %d failed logins; want %d, %d, %d", got.Requests, got.Writes, got.FailedLogins, e.requests, e.writes, e.failed)
	}
	warnings := strings.Join(got.Warnings, "\n")
	if !strings.Contains(warnings, e.warning) || e.warning == "" && warnings != "" {
		t.Errorf("warnings %q, want %q", got.Warnings, e.warning)
	}
	if !strings.Contains(got.Message, e.message) {
		t.Errorf("message %q, want %q", got.Message, e.message)
	}
	if open := got.platform.OpenGrants(); len(open) != e.open {
		t.Errorf("%d grants left, want %d", len(open), e.open)
	}
	if t.Failed() {
		t.Logf("stderr: %s", got.Stderr)
	}
}

// TestOutcomes goes through everything that can become of a rotation.
func TestOutcomes(t *testing.T) {
	verify := func(value string) fields { return fields{"Verify": value} }
	for name, c := range map[string]struct {
		scene
		want expectation
	}{
		"nothing in the way":       {scene{}, proved},
		"every optional member":    {scene{options: simulated.Options{ExtraFields: true}}, proved},
		"old version":              {scene{options: simulated.Options{OldGrantAnswer: true, NoRefresh: true}}, proved},
		"ready-made token":         {scene{access: withToken(simulated.ReadyToken)}, proved.with(func(e *expectation) { e.requests = 3 })},
		"no sign-in as the user":   {scene{access: verify("off")}, unproved.with(func(e *expectation) { e.requests, e.warning = 3, "" })},
		"refused for a while":      {scene{options: simulated.Options{AssumeNewRefused: 1}}, proved.with(func(e *expectation) { e.failed, e.requests = 1, 6 })},
		"refused for a long while": {scene{options: simulated.Options{AssumeNewRefused: 9}}, expectation{outcome: rotation.Unknown, class: api.ClassCredential, writes: 1, failed: 2, message: "rejected afterwards"}},
		"refused with another code": {scene{options: simulated.Options{AssumeNewRefused: 9, AssumeWrongPasswordCode: "access_denied"}},
			unproved.with(func(e *expectation) { e.failed = 1 })},
		"user not allowed to sign in": {scene{access: fields{"Client ID": simulated.CallersClientID}},
			unproved.with(func(e *expectation) { e.failed, e.warning = 1, "Edit Access" })},
		"ready-made token, and nobody signs in": {scene{access: fields{"login": nil, "password": nil, "Client ID": nil, "Access Token": simulated.ReadyToken, "Verify": "off"}},
			unproved.with(func(e *expectation) { e.requests, e.warning = 1, "" })},
		"ready-made token, Client ID for the proof alone": {scene{access: fields{"login": nil, "password": nil, "Client ID": nil, "Access Token": simulated.ReadyToken, "Verify Client ID": simulated.VerifyClientID, "Verify Scope": "certificate"}},
			proved.with(func(e *expectation) { e.requests = 3 })},
		"ready-made token without a Client ID": {scene{access: fields{"Client ID": nil, "Access Token": simulated.ReadyToken}},
			expectation{outcome: rotation.NotChanged, class: api.ClassInput, message: "Client ID: needs the ID of an API Integration for the proof"}},
		"permission looked at first": {scene{options: simulated.Options{AssumePermissionFirst: true}, access: fields{"Client ID": simulated.CallersClientID}},
			unproved.with(func(e *expectation) { e.failed = 1 })},
		"strict, user not allowed to sign in": {scene{access: fields{"Client ID": simulated.CallersClientID, "Verify": "strict"}},
			proved.with(func(e *expectation) { e.failed = 2 })}, // the control is refused in another way
		"strict, user not allowed, and the application named": {scene{options: simulated.Options{NamesApplication: true}, access: fields{"Client ID": simulated.CallersClientID, "Verify": "strict"}},
			proved.with(func(e *expectation) { e.failed = 2 })},
		"user not allowed, and the application named": {scene{options: simulated.Options{NamesApplication: true}, access: fields{"Client ID": simulated.CallersClientID}},
			unproved.with(func(e *expectation) { e.failed = 1 })},
		"strict, user not allowed, looked at first": {scene{options: simulated.Options{NamesApplication: true, AssumePermissionFirst: true}, access: fields{"Client ID": simulated.CallersClientID, "Verify": "strict"}},
			expectation{outcome: rotation.Unknown, class: api.ClassPermission, writes: 1, failed: 2, warning: "may not sign in"}},
		"integration of its own for the proof": {scene{access: fields{"Client ID": simulated.CallersClientID, "Verify Client ID": simulated.VerifyClientID, "Verify Scope": "certificate"}}, proved},
		"password sign-in off": {scene{options: simulated.Options{PasswordSignInOff: true}, access: withToken(simulated.ReadyToken)},
			unproved.with(func(e *expectation) { e.failed = 1 })},
		"locked": {scene{options: simulated.Options{ExtraFields: true}, prepare: locked, run: conformance.Run{User: "locked", Old: first}},
			unproved.with(func(e *expectation) { e.failed, e.warning = 1, "disabled, locked" })},
		"locked, and nothing says so": {scene{prepare: locked, run: conformance.Run{User: "locked", Old: first}}, expectation{outcome: rotation.Unknown, class: api.ClassCredential, writes: 1, failed: 2}},

		"another identity in the answer":          {scene{options: simulated.Options{AnswerNames: "admin"}}, found},
		"another identity, no sign-in":            {scene{options: simulated.Options{AnswerNames: "admin"}, access: verify("off")}, otherNamed},
		"another identity, sign-in not allowed":   {scene{options: simulated.Options{AnswerNames: "admin"}, access: fields{"Client ID": simulated.CallersClientID}}, otherNamed.with(func(e *expectation) { e.failed, e.warning = 1, "Edit Access" })},
		"another identity, whose password it was": {scene{options: simulated.Options{AnswerNames: "admin", AssumeSetsNamed: true}, access: verify("off")}, otherNamed},
		"another identity, rejected":              {scene{options: simulated.Options{AnswerNames: "admin", AssumeSetsNamed: true}}, otherNamed.with(func(e *expectation) { e.failed = 2 })},

		"another identity in the proof's answer": {scene{faults: []simulator.Fault{fault("wrong account after", simulated.SignIn, 2)}}, proved.with(func(e *expectation) { e.warning = "to the sign-in names another" })},

		"weak password": {scene{run: conformance.Run{User: user, Old: first, New: "weak"}},
			expectation{outcome: rotation.NotChanged, class: api.ClassPolicy, writes: 1, message: "complexity"}},
		"in force already": {scene{options: simulated.Options{AssumeRepeatRefused: true}, prepare: rotatedBefore, run: conformance.Run{User: "rotated.before", Old: first}},
			found.with(func(e *expectation) { e.message = "in force already" })},
		"unknown identity": {scene{run: conformance.Run{User: "nobody", Old: first}},
			expectation{outcome: rotation.NotChanged, class: api.ClassPolicy, writes: 1, message: "not found"}},
		"group": {scene{run: conformance.Run{User: "PKI Admins", Old: first}},
			expectation{outcome: rotation.NotChanged, class: api.ClassPolicy, writes: 1, message: "groups"}},
		"no Master Admin": {scene{access: fields{"login": simulated.PlainCaller}},
			expectation{outcome: rotation.NotChanged, class: api.ClassPolicy, writes: 1, message: "permission"}},
		"expired token": {scene{access: withToken(simulated.ExpiredToken)},
			expectation{outcome: rotation.NotChanged, class: api.ClassCredential, writes: 1, requests: 1, message: "session_error"}},
		"token without the scope": {scene{access: withToken(simulated.CertificateToken)},
			expectation{outcome: rotation.NotChanged, class: api.ClassPermission, writes: 1, requests: 1, message: "insufficient_scope"}},
		"token without the scope, old version": {scene{options: simulated.Options{OldScopeStatus: true}, access: withToken(simulated.CertificateToken)},
			expectation{outcome: rotation.NotChanged, class: api.ClassPermission, writes: 1, requests: 1}},
		"no such call":   {scene{faults: []simulator.Fault{fault("echo 404 before", simulated.SetPassword, 1)}}, expectation{outcome: rotation.NotChanged, class: api.ClassTarget, writes: 1, requests: 3}},
		"too many calls": {scene{faults: []simulator.Fault{fault("429 before", simulated.SetPassword, 1)}}, proved.with(func(e *expectation) { e.requests = 6 })},
		"sign-in lost":   {scene{faults: []simulator.Fault{fault("drop before", simulated.SignIn, 1)}}, proved.with(func(e *expectation) { e.requests, e.warning = 6, "token nobody has" })},

		"deadlock": {scene{options: simulated.Options{Deadlocks: 1}}, proved.with(func(e *expectation) { e.writes, e.requests = 2, 6 })},
		"deadlock that set the password": {scene{options: simulated.Options{Deadlocks: 1, AssumeDeadlockCommits: true, AssumeRepeatRefused: true}},
			found.with(func(e *expectation) { e.writes, e.requests = 2, 7 })},
		"deadlock, then a refusal": {scene{options: simulated.Options{Deadlocks: 1}, faults: []simulator.Fault{fault("echo 403 before", simulated.SetPassword, 2)}},
			expectation{outcome: rotation.Unknown, class: api.ClassPermission, writes: 2, failed: 2}},
		"two deadlocks": {scene{options: simulated.Options{Deadlocks: 2}},
			expectation{outcome: rotation.Unknown, class: api.ClassTarget, writes: 2, failed: 2, message: "Rerun the transaction"}},
		"two deadlocks that set the password": {scene{options: simulated.Options{Deadlocks: 2, AssumeDeadlockCommits: true}},
			found.with(func(e *expectation) { e.writes, e.requests = 2, 7 })},
		"deadlock told in the status line": {scene{options: simulated.Options{Deadlocks: 1, ErrorShape: simulated.StatusLineOnly}},
			proved.with(func(e *expectation) { e.writes, e.requests = 2, 6 })},

		"answer lost":                   {scene{faults: []simulator.Fault{fault("drop after", simulated.SetPassword, 1)}}, found},
		"answer unreadable":             {scene{faults: []simulator.Fault{fault("cut JSON after", simulated.SetPassword, 1)}}, found},
		"500 after the change":          {scene{faults: []simulator.Fault{fault("500 after", simulated.SetPassword, 1)}}, found},
		"redirect after the change":     {scene{faults: []simulator.Fault{fault("redirect 307 after", simulated.SetPassword, 1)}}, found},
		"request lost":                  {scene{faults: []simulator.Fault{fault("drop before", simulated.SetPassword, 1)}}, repeated},
		"empty success without change":  {scene{faults: []simulator.Fault{fault("empty 200 before", simulated.SetPassword, 1)}}, repeated},
		"answer lost, both remembered":  {scene{options: simulated.Options{AssumeNewRefused: 9, AssumeOldAccepted: 9}, faults: []simulator.Fault{fault("drop after", simulated.SetPassword, 1)}}, expectation{outcome: rotation.Unknown, class: api.ClassCredential, writes: 2, failed: 2}},
		"answer lost, refused a while":  {scene{options: simulated.Options{AssumeNewRefused: 1}, faults: []simulator.Fault{fault("drop after", simulated.SetPassword, 1)}}, expectation{outcome: rotation.Unknown, class: api.ClassNetwork, writes: 1, failed: 2}},
		"answer lost, no sign-in":       {scene{access: verify("off"), faults: []simulator.Fault{fault("drop after", simulated.SetPassword, 1)}}, expectation{outcome: rotation.Changed, proof: targets.ProofAnswer, writes: 2, requests: 6, message: "after a second try"}},
		"answer to the proof lost":      {scene{faults: []simulator.Fault{fault("drop after", simulated.SignIn, 2)}}, proved.with(func(e *expectation) { e.failed, e.requests, e.open, e.warning = 1, 6, 1, "token nobody has" })},
		"sign-in late but not too late": {scene{faults: []simulator.Fault{fault("503 before", simulated.SignIn, 1)}}, proved.with(func(e *expectation) { e.requests, e.warning = 6, "token nobody has" })},
	} {
		t.Run(name, func(t *testing.T) { c.want.check(t, c.scene.play(t)) })
	}
}

// locked adds an identity that does not sign in.
func locked(platform *simulated.Platform) {
	platform.Add(simulated.Identity{Name: "locked", Password: first, Locked: true})
}

// rotatedBefore adds an identity whose password is the new one already.
func rotatedBefore(platform *simulated.Platform) {
	platform.Add(simulated.Identity{Name: "rotated.before", Password: conformance.New})
}

// TestIdentityByGUID: the name to sign in with comes from an answer that names this
// GUID, or from nowhere.
func TestIdentityByGUID(t *testing.T) {
	for name, c := range map[string]struct {
		scene
		want expectation
	}{
		"named by the answer": {scene{run: conformance.Run{User: guidOf(user), Old: first}}, proved},
		"in capitals":         {scene{run: conformance.Run{User: "LOCAL:" + strings.ToUpper(guidOf(user)[len("local:"):]), Old: first}}, proved},
		"another one named":   {scene{options: simulated.Options{AnswerNames: "admin"}, run: conformance.Run{User: guidOf(user), Old: first}}, otherNamed},
		"another one named, strict": {scene{options: simulated.Options{AnswerNames: "admin"}, access: fields{"Verify": "strict"}, run: conformance.Run{User: guidOf(user), Old: first}},
			otherNamed},
		"answer lost": {scene{faults: []simulator.Fault{fault("drop after", simulated.SetPassword, 1)}, run: conformance.Run{User: guidOf(user), Old: first}},
			expectation{outcome: rotation.Changed, proof: targets.ProofLogin, writes: 2, requests: 8, message: "after a second try"}},
		"the caller itself": {scene{
			faults: []simulator.Fault{fault("drop after", simulated.SetPassword, 1)}, access: fields{"login": simulated.PlainCaller},
			run: conformance.Run{User: guidOf(simulated.PlainCaller), Old: simulated.CallerPassword},
		}, found.with(func(e *expectation) { e.warning = "out of date" })},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.scene.play(t)
			c.want.check(t, got)
			want := map[string]any{"PrefixedUniversal": strings.ToLower(c.run.User)}
			for _, body := range got.bodies(t, simulated.SetPassword) {
				if !reflect.DeepEqual(body["ID"], want) {
					t.Errorf("ID is %v, want %v", body["ID"], want)
				}
			}
		})
	}
}

// TestSelf: a caller who rotates itself signs in with the old password, which the write
// carries, too.
func TestSelf(t *testing.T) {
	const current, stale, other = "Current-Pass!word-1", "Stale-Pass!word-1", "Other-Pass!word-1"
	self := proved.with(func(e *expectation) { e.warning = "out of date" })
	for name, c := range map[string]struct {
		options            simulated.Options
		login, record, old string
		inForce            string // current if it is ""
		admin              bool
		want               expectation
		sent               any // OldPassword of the write
	}{
		"both right":                {record: current, old: current, want: self, sent: current},
		"another spelling":          {login: "LOCAL:CLERK.2", record: current, old: current, want: self, sent: current},
		"the record is out of date": {record: stale, old: current, want: self, sent: current},
		// The second sign-in that may fail is for the new password, and not for the record's.
		"the payload is out of date": {record: current, old: stale, want: notChanged.with(func(e *expectation) { e.class, e.failed, e.requests = api.ClassCredential, 2, 2 })},
		"the payload has none":       {record: current, want: self, sent: current},
		"Master Admin":               {record: stale, old: current, admin: true, want: self, sent: current},
		"in force already": {record: stale, old: stale, inForce: conformance.New, want: proved.with(func(e *expectation) {
			e.writes, e.failed, e.requests, e.message, e.warning = 0, 1, 3, "in force already", "out of date"
		})},
		"both wrong": {record: stale, old: other, want: notChanged.with(func(e *expectation) { e.class, e.failed, e.requests = api.ClassCredential, 2, 2 })},
		"both wrong, in force already": {record: stale, old: other, inForce: conformance.New, want: proved.with(func(e *expectation) {
			e.writes, e.failed, e.requests, e.message, e.warning = 0, 1, 3, "in force already", "out of date"
		})},
		"code for a wrong password is another": {options: simulated.Options{AssumeWrongPasswordCode: "access_denied"}, record: current, old: stale,
			want: notChanged.with(func(e *expectation) { e.class, e.failed = api.ClassCredential, 2 })},
		"the change ends the grant": {options: simulated.Options{AssumeChangeEndsGrants: true}, record: current, old: current,
			want: self.with(func(e *expectation) { e.warning = "answered 202" }), sent: current},
		"deadlock that set the password": {options: simulated.Options{Deadlocks: 1, AssumeDeadlockCommits: true, AssumeChangeEndsGrants: true}, record: current, old: current,
			want: proved.with(func(e *expectation) { e.writes, e.failed, e.requests, e.warning = 2, 2, 7, "answered 202" }), sent: current},
		"old password remembered": {options: simulated.Options{AssumeOldAccepted: 3}, record: current, old: current, want: self, sent: current},
	} {
		t.Run(name, func(t *testing.T) {
			login := c.login
			if login == "" {
				login = "clerk.2"
			}
			got := scene{
				options: c.options,
				prepare: func(platform *simulated.Platform) {
					inForce := c.inForce
					if inForce == "" {
						inForce = current
					}
					platform.Add(simulated.Identity{Name: "clerk.2", Password: inForce, MasterAdmin: c.admin})
				},
				access: fields{"login": login, "password": c.record},
				run:    conformance.Run{User: "clerk.2", Old: c.old}, current: current,
			}.play(t)
			c.want.check(t, got)
			for _, body := range got.bodies(t, simulated.SetPassword) {
				if body["OldPassword"] != c.sent {
					t.Errorf("the wrong old password was sent: %v", body["OldPassword"])
				}
			}
		})
	}
}

// TestOldPassword: the old password goes out for the caller's own identity only.
func TestOldPassword(t *testing.T) {
	caller := conformance.Run{User: simulated.Caller, Old: simulated.CallerPassword}
	token := func(login any) fields {
		fields := withToken(simulated.ReadyToken)
		fields["login"] = login
		return fields
	}
	for name, c := range map[string]struct {
		scene
		want any
	}{
		"another identity":             {scene{}, nil},
		"another identity, token":      {scene{access: token(simulated.Caller)}, nil},
		"a directory's of the name":    {scene{access: token("AD+corp:jdoe")}, nil},
		"token, owner named":           {scene{access: token("local:" + simulated.Caller), run: caller}, simulated.CallerPassword},
		"token, owner not named":       {scene{access: token(nil), run: caller}, nil},
		"token, owner named, none old": {scene{access: token(simulated.Caller), run: conformance.Run{User: simulated.Caller}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.scene.play(t)
			if got.Outcome != rotation.Changed {
				t.Fatal(got.Stdout)
			}
			for _, body := range got.bodies(t, simulated.SetPassword) {
				if sent, there := body["OldPassword"]; sent != c.want || there != (c.want != nil) {
					t.Errorf("OldPassword there: %v", there)
				}
			}
			if !got.platform.TokenWorks(simulated.ReadyToken) {
				t.Error("the ready-made token was revoked")
			}
		})
	}
}

// TestWire: what a rotation sends, byte for byte where it matters.
func TestWire(t *testing.T) {
	got := scene{
		access: fields{"Verify Client ID": simulated.VerifyClientID, "Verify Scope": "certificate"},
	}.play(t)
	proved.check(t, got)
	quoted := func(text string) string {
		return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"`
	}
	want := []struct{ line, body string }{
		{"POST /vedauth/authorize/oauth", `{"client_id":"Keeper-rotate","username":"rotator","password":` + quoted(simulated.CallerPassword) + `,"scope":"security:manage"}`},
		{"POST /vedsdk/Identity/SetPassword", `{"ID":{"PrefixedName":"local:jdoe"},"Password":` + quoted(conformance.New) + `}`},
		{"POST /vedauth/authorize/oauth", `{"client_id":"keeper-verify","username":"local:jdoe","password":` + quoted(conformance.New) + `,"scope":"certificate"}`},
		{"GET /vedauth/revoke/token", ""},
		{"GET /vedauth/revoke/token", ""},
	}
	for i, exchange := range got.server.Exchanges() {
		if line := exchange.Method + " " + exchange.RequestURI; line != want[i].line || string(exchange.Body) != want[i].body {
			t.Errorf("exchange %d: %s %s\nwant %s %s", i+1, line, exchange.Body, want[i].line, want[i].body)
		}
	}
}

// TestReasons: the vendor's words reach the operator from every shape, and the code
// decides whose move it is.
func TestReasons(t *testing.T) {
	const wrong = "Username/password combination not valid"
	off := simulated.Options{PasswordSignInOff: true}
	for name, c := range map[string]struct {
		options simulated.Options
		access  fields
		class   api.Class
		message string
	}{
		"wrong password":                        {access: fields{"password": "wrong"}, class: api.ClassCredential, message: wrong + " (code invalid_grant)"},
		"wrong password, code alone":            {options: simulated.Options{ErrorShape: simulated.CodeAlone}, access: fields{"password": "wrong"}, class: api.ClassCredential, message: "400 Bad Request (code invalid_grant)"},
		"wrong password, Error":                 {options: simulated.Options{ErrorShape: simulated.CapitalError}, access: fields{"password": "wrong"}, class: api.ClassCredential, message: wrong},
		"wrong password, ErrorDetails":          {options: simulated.Options{ErrorShape: simulated.ErrorDetails}, access: fields{"password": "wrong"}, class: api.ClassCredential, message: wrong},
		"wrong password, Message":               {options: simulated.Options{ErrorShape: simulated.Message}, access: fields{"password": "wrong"}, class: api.ClassCredential, message: wrong},
		"wrong password, status line":           {options: simulated.Options{ErrorShape: simulated.StatusLineOnly}, access: fields{"password": "wrong"}, class: api.ClassCredential, message: wrong},
		"unknown integration":                   {access: fields{"Client ID": "keeper-rotate"}, class: api.ClassPermission, message: "invalid_client"},
		"scope that the integration lacks":      {access: fields{"Scope": "certificate"}, class: api.ClassPermission, message: "invalid_scope"},
		"caller not allowed":                    {access: fields{"Client ID": "only admin"}, class: api.ClassPermission, message: "unauthorized_client"},
		"caller not allowed, status line":       {options: simulated.Options{ErrorShape: simulated.StatusLineOnly}, access: fields{"Client ID": "only admin"}, class: api.ClassPermission, message: "User is not authorized for the requested scope"},
		"method off":                            {options: off, class: api.ClassPermission, message: "unsupported_grant_type"},
		"a token's scope, status line":          {options: simulated.Options{ErrorShape: simulated.StatusLineOnly}, access: withToken(simulated.CertificateToken), class: api.ClassPermission, message: "Grant rejected scope"},
		"a token's scope, as the write's Error": {options: simulated.Options{ErrorShape: simulated.CapitalError}, access: withToken(simulated.CertificateToken), class: api.ClassPermission, message: "Grant rejected scope"},
	} {
		t.Run(name, func(t *testing.T) {
			got := scene{options: c.options, access: c.access, prepare: func(platform *simulated.Platform) {
				platform.AddIntegration(simulated.Integration{ClientID: "only admin", Scope: "security:manage", Users: []string{"admin"}})
			}}.play(t)
			if got.Outcome != rotation.NotChanged || got.Class != c.class || !strings.Contains(got.Message, c.message) {
				t.Errorf("%s [%s]: %s", got.Outcome, got.Class, got.Message)
			}
			if len(got.Hints) == 0 {
				t.Error("no hint")
			}
		})
	}
	for _, shape := range []simulated.ErrorShape{
		simulated.AsDocumented, simulated.WithDescription, simulated.CodeAlone, simulated.CapitalError,
		simulated.ErrorDetails, simulated.Message, simulated.StatusLineOnly,
	} {
		got := scene{
			options: simulated.Options{ErrorShape: shape}, access: fields{"Verify": "off"},
			run: conformance.Run{User: user, Old: first, New: "weak"},
		}.play(t)
		if got.Class != api.ClassPolicy || !strings.Contains(got.Message, "The password does not conform to complexity requirements.") {
			t.Errorf("shape %d: %s", shape, got.Message)
		}
	}
}

// TestAnswers: a success of SetPassword is 200 with an identity, and one of a sign-in
// has a token. All else is for the proof to settle, or ends the run.
func TestAnswers(t *testing.T) {
	object := func(change func(object map[string]any)) func(simulator.Answer) simulator.Answer {
		return func(answer simulator.Answer) simulator.Answer {
			if answer.Status != 200 {
				return answer
			}
			return simulator.RewriteJSON(answer, change)
		}
	}
	member := func(path, name string, value any) func(simulator.Answer) simulator.Answer {
		return object(func(object map[string]any) {
			if path != "" {
				object = object[path].(map[string]any)
			}
			object[name] = value
		})
	}
	status := func(status int) func(simulator.Answer) simulator.Answer {
		return func(answer simulator.Answer) simulator.Answer { answer.Status = status; return answer }
	}
	for name, c := range map[string]struct {
		route   string
		alter   func(simulator.Answer) simulator.Answer
		outcome rotation.Outcome // where no sign-in follows
		message string
	}{
		"created":                 {simulated.SetPassword, status(201), rotation.Unknown, "answered 201"},
		"accepted":                {simulated.SetPassword, status(202), rotation.Unknown, "answered 202"},
		"no identity":             {simulated.SetPassword, member("", "ID", nil), rotation.Unknown, "names no identity"},
		"empty identity":          {simulated.SetPassword, member("", "ID", map[string]any{}), rotation.Unknown, "names no identity"},
		"an error besides":        {simulated.SetPassword, member("", "Error", "The identity is locked."), rotation.Unknown, "tells of an error"},
		"an empty error besides":  {simulated.SetPassword, member("", "Error", ""), rotation.Changed, ""},
		"a list of no errors":     {simulated.SetPassword, member("", "ErrorDetails", []any{}), rotation.Changed, ""},
		"a security group":        {simulated.SetPassword, member("ID", "Type", 2), rotation.Unknown, "a group"},
		"a group by its own word": {simulated.SetPassword, member("ID", "IsGroup", true), rotation.Unknown, "a group"},
		"type and more":           {simulated.SetPassword, member("ID", "Type", 1|4), rotation.Changed, ""},
		"another name":            {simulated.SetPassword, member("ID", "PrefixedName", "local:JDoe2"), rotation.Unknown, "another identity"},
		"no prefixed name":        {simulated.SetPassword, member("ID", "PrefixedName", nil), rotation.Changed, ""},
		"neither form of a name": {simulated.SetPassword, func(answer simulator.Answer) simulator.Answer {
			return member("ID", "Name", nil)(member("ID", "PrefixedName", nil)(answer))
		}, rotation.Unknown, "another identity"},
		"the name in capitals":   {simulated.SetPassword, member("ID", "PrefixedName", "local:JDOE"), rotation.Changed, ""},
		"no token":               {simulated.SignIn, member("", "access_token", nil), rotation.NotChanged, "no usable access token"},
		"a token of two lines":   {simulated.SignIn, member("", "access_token", "Vf-two\nlines"), rotation.NotChanged, "no usable access token"},
		"a sign-in without name": {simulated.SignIn, member("", "identity", nil), rotation.Changed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			scene := scene{alter: map[string]func(simulator.Answer) simulator.Answer{c.route: c.alter}}
			proved := scene.play(t)
			if want := map[bool]rotation.Outcome{true: rotation.NotChanged, false: rotation.Changed}[c.outcome == rotation.NotChanged]; proved.Outcome != want {
				t.Errorf("with a sign-in: %s", proved.Stdout)
			}
			scene.access = fields{"Verify": "off"}
			got := scene.play(t)
			if got.Outcome != c.outcome || !strings.Contains(got.Message, c.message) {
				t.Errorf("without: %s", got.Stdout)
			}
			if lost := c.outcome == rotation.NotChanged; lost != strings.Contains(strings.Join(got.Warnings, ""), "token nobody has") {
				t.Errorf("warnings: %q", got.Warnings)
			}
		})
	}
}

// TestRevocation: what cannot be revoked is told, and changes nothing else.
func TestRevocation(t *testing.T) {
	for name, c := range map[string]struct {
		scene
		want     expectation
		mentions int // how often the warning tells of a grant
	}{
		"one fails":              {scene{options: simulated.Options{FailedRevocations: 1}}, proved.with(func(e *expectation) { e.open, e.warning = 1, "answered 202" }), 1},
		"both fail":              {scene{options: simulated.Options{FailedRevocations: 2}}, proved.with(func(e *expectation) { e.open, e.warning = 2, "answered 202" }), 2},
		"not allowed":            {scene{options: simulated.Options{OldRevocation: true}}, proved.with(func(e *expectation) { e.open, e.warning = 2, "403 Forbidden" }), 2},
		"lost once":              {scene{faults: []simulator.Fault{fault("drop before", simulated.RevokeGrant, 1)}}, proved.with(func(e *expectation) { e.requests = 0 }), 0},
		"a web page once":        {scene{faults: []simulator.Fault{fault("HTML 200 before", simulated.RevokeGrant, 2)}}, proved.with(func(e *expectation) { e.requests = 6 }), 0},
		"failed once":            {scene{faults: []simulator.Fault{fault("500 before", simulated.RevokeGrant, 2)}}, proved.with(func(e *expectation) { e.requests = 6 }), 0},
		"lost every time":        {scene{faults: []simulator.Fault{fault("drop before", simulated.RevokeGrant, 0)}}, proved.with(func(e *expectation) { e.open, e.requests, e.warning = 2, 7, "closed before" }), 2},
		"answer lost":            {scene{faults: []simulator.Fault{fault("drop after", simulated.RevokeGrant, 1)}}, proved.with(func(e *expectation) { e.requests, e.warning = 0, "it has ended already" }), 1},
		"after a refused change": {scene{faults: []simulator.Fault{fault("echo 403 before", simulated.SetPassword, 1)}}, expectation{outcome: rotation.NotChanged, class: api.ClassPermission, writes: 1, requests: 3}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.scene.play(t)
			c.want.check(t, got)
			if told := strings.Count(strings.Join(got.Warnings, ""), "revoke the grant"); told != c.mentions {
				t.Errorf("%d mentions: %q", told, got.Warnings)
			}
		})
	}
}

// TestUsers: a user who is not plainly one local identity is refused offline, and
// Allowed Users is compared with one spelling of each.
func TestUsers(t *testing.T) {
	guid := guidOf(user)
	for _, c := range []struct {
		user, allowed string
		class         api.Class // "" if the user goes through
		message       string
	}{
		{user, "jdoe", "", ""},
		{"local:jdoe", "jdoe", "", ""},
		{"LOCAL:jdoe", "jdoe", "", ""},
		{guid, strings.TrimPrefix(guid, "local:"), "", ""},
		{"local:jdoe", "l*", api.ClassPermission, "Allowed Users"},
		{guid, "l*", api.ClassPermission, "Allowed Users"},
		{"jdoe2", "jdoe", api.ClassPermission, "Allowed Users"},
		{"AD+corp:jdoe", "*", api.ClassAccount, "directory"},
		{"ad+corp:jdoe", "*", api.ClassAccount, "directory"},
		{"LDAP+corp:cn=jdoe", "*", api.ClassAccount, "directory"},
		{`CORP\jdoe`, "*", api.ClassAccount, "backslash"},
		{`local:CORP\jdoe`, "*", api.ClassAccount, "backslash"},
		{"other:jdoe", "*", api.ClassAccount, "prefix"},
		{"local:local:jdoe", "*", api.ClassAccount, "prefix"},
		{"local:", "*", api.ClassAccount, "empty"},
		{" jdoe", "*", api.ClassInput, "blank"},
		{"local:jdoe\u00a0", "*", api.ClassInput, "blank"},
		{"jd\x00oe", "*", api.ClassInput, "characters"},
		{strings.TrimPrefix(guid, "local:"), "*", api.ClassAccount, "local:{GUID}"},
		{strings.Trim(strings.TrimPrefix(guid, "local:"), "{}"), "*", api.ClassAccount, "local:{GUID}"},
		{strings.NewReplacer("{", "", "}", "").Replace(guid), "*", api.ClassAccount, "local:{GUID}"},
	} {
		t.Run(c.user+" as "+c.allowed, func(t *testing.T) {
			got := scene{access: fields{"Allowed Users": c.allowed}, run: conformance.Run{User: c.user, Old: first}}.play(t)
			switch {
			case c.class == "" && got.Outcome != rotation.Changed,
				c.class != "" && (got.Outcome != rotation.NotChanged || got.Class != c.class || !strings.Contains(got.Message, c.message)):
				t.Errorf("%s", got.Stdout)
			case c.class != "" && len(got.server.Exchanges()) != 0:
				t.Error("something was sent")
			}
		})
	}
}

// TestFaultsOfFields: every fault of the fields is told offline, all at once.
func TestFaultsOfFields(t *testing.T) {
	for name, c := range map[string]struct {
		access fields
		want   []string
	}{
		"nothing there":      {fields{"login": nil, "password": nil, "Client ID": nil}, []string{"login: needs", "password: needs", "Client ID: "}},
		"http":               {fields{"url": "http://tpp.example.com/vedsdk", "Auth URL": "http://tpp.example.com"}, []string{"url: needs the https", "Auth URL: needs the https"}},
		"cloud":              {fields{"url": "https://api.venafi.cloud/vedsdk", "Auth URL": "https://api.uk.venafi.cloud"}, []string{"url: needs the address of a self-hosted", "Auth URL: needs the address of a self-hosted"}},
		"cloud of the EU":    {fields{"url": "API.venafi.eu."}, []string{"cloud service"}},
		"another path":       {fields{"url": "https://tpp.example.com/api/v1"}, []string{"found another path"}},
		"token of two lines": {fields{"Access Token": "a\nb"}, []string{"Access Token: needs"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := scene{access: c.access}.play(t)
			if got.Outcome != rotation.NotChanged || got.Class != api.ClassInput || len(got.server.Exchanges()) != 0 {
				t.Errorf("%s", got.Stdout)
			}
			for _, want := range c.want {
				if !strings.Contains(got.Message, want) {
					t.Errorf("%q is not in %q", want, got.Message)
				}
			}
		})
	}
	t.Run("the old password again", func(t *testing.T) {
		got := scene{run: conformance.Run{User: user, Old: first, New: first}}.play(t)
		if got.Class != api.ClassPolicy || len(got.server.Exchanges()) != 0 {
			t.Errorf("%s", got.Stdout)
		}
	})
}

// TestAddresses: the address may be that of any of the platform's web applications,
// and those of the API show the vendor.
func TestAddresses(t *testing.T) {
	for suffix, shows := range map[string]bool{
		"": false, "/": false, "/vedsdk": true, "/vedsdk/": true, "/VEDSDK": true, "/vedauth/authorize/oauth": true, "/aperture/#/x": true,
		"/vedadmin": false, "/platform/": false,
	} {
		t.Run(suffix, func(t *testing.T) {
			parsed, err := api.ParseAddress("https://tpp.example.com" + suffix)
			if err != nil || venafi.Info().Matches(parsed) != shows {
				t.Errorf("shows the vendor: %v, %v", !shows, err)
			}
			proved.check(t, scene{suffix: suffix}.play(t))
		})
	}
}

// TestCalls: check lists what the settings lead to.
func TestCalls(t *testing.T) {
	for name, c := range map[string]struct {
		access fields
		want   int
	}{
		"plain": {nil, 5}, "token": {withToken(simulated.ReadyToken), 3}, "no sign-in as the user": {fields{"Verify": "off"}, 3},
		"token, no sign-in": {fields{"Access Token": simulated.ReadyToken, "Verify": "off"}, 1},
	} {
		got := scene{access: c.access, check: true}.play(t)
		if listed := strings.Count(got.Stdout, "https://"); listed != c.want || got.Class != "" {
			t.Errorf("%s: %d calls listed: %s", name, listed, got.Stdout)
		}
		if sent := (scene{access: c.access}).play(t).Requests; sent != c.want {
			t.Errorf("%s: %d calls sent", name, sent)
		}
	}
}

// TestMinted: the refresh token is as secret as the access token.
func TestMinted(t *testing.T) {
	var minted []string
	got := scene{
		access: fields{"Verify": "off"}, run: conformance.Run{User: user, Old: first, New: "weak", Unscrubbed: true},
		alter: map[string]func(simulator.Answer) simulator.Answer{
			simulated.SignIn: func(answer simulator.Answer) simulator.Answer {
				return simulator.RewriteJSON(answer, func(object map[string]any) {
					minted = append(minted, object["access_token"].(string), object["refresh_token"].(string))
				})
			},
			simulated.SetPassword: func(answer simulator.Answer) simulator.Answer {
				return simulator.RewriteJSON(answer, func(object map[string]any) { object["Error"] = "refused: " + strings.Join(minted, " ") })
			},
		},
	}.play(t)
	if len(minted) != 2 || !strings.Contains(got.Message, "refused: ") {
		t.Fatalf("%d tokens, %s", len(minted), got.Message)
	}
	if slices.ContainsFunc(minted, func(token string) bool { return conformance.FindSecret(got.Stdout+got.Stderr, token) != "" }) {
		t.Error("a token was printed")
	}
}

// TestOwnRecord: where the user's record is the access record, the vault keeps the
// password of both up to date.
func TestOwnRecord(t *testing.T) {
	platform := simulated.New(simulated.Options{})
	server := conformance.Serve(t, platform)
	clerk := simulated.PlainCaller
	run := conformance.Run{
		User: clerk, Old: simulated.CallerPassword, New: conformance.New,
		UserFields: map[string]any{"url": server.URL(), "Client ID": simulated.ClientID, "CA Certificate": server.Authority().PEM()},
	}
	payload, err := params.Read(strings.NewReader(run.Payload(&conformance.Stand{Servers: []*simulator.Server{server}})), params.Options{})
	if err != nil {
		t.Fatal(err)
	}
	plan, failed := rotation.Prepare(payload, rotation.Options{
		Registry: targets.NewRegistry(venafi.Info()), Target: "venafi", AccessRecord: payload.UserUID,
	})
	if failed != nil {
		t.Fatal(failed.Message)
	}
	if got := plan.Rotate(t.Context()); got.Outcome != rotation.Changed || !platform.Accepts(clerk, conformance.New) || len(got.Warnings) != 0 {
		t.Errorf("%s: %s, warnings %q", got.Outcome, got.Message, got.Warnings)
	}
}

// TestCheckLooksUp: check says that the account is there only where it has looked.
func TestCheckLooksUp(t *testing.T) {
	const both = "security:manage;configuration"
	for name, c := range map[string]struct {
		user    string
		scope   string
		class   api.Class
		message string
		looks   int
	}{
		"without the scope":               {user, "", "", "whether the account is there was not looked up", 0},
		"without the scope, nobody":       {"nobody", "", "", "whether the account is there was not looked up", 0},
		"with the scope":                  {user, both, "", "a rotation could go ahead", 1},
		"with the scope, in another case": {strings.ToUpper(user), both, api.ClassAccount, "knows no local identity of this name", 1},
		"with the scope, nobody":          {"nobody", both, api.ClassAccount, "knows no local identity of this name", 1},
	} {
		t.Run(name, func(t *testing.T) {
			access := fields{}
			if c.scope != "" {
				access = fields{"Client ID": "looks up", "Scope": c.scope}
			}
			got := scene{check: true, access: access, run: conformance.Run{User: c.user, Old: first}, prepare: func(platform *simulated.Platform) {
				platform.AddIntegration(simulated.Integration{ClientID: "looks up", Scope: both, Users: []string{simulated.Caller}})
			}}.play(t)
			looks := 0
			for _, exchange := range got.server.Exchanges() {
				if exchange.Name == simulated.Validate {
					looks++
				}
			}
			if got.Class != c.class || !strings.Contains(got.Message, c.message) || looks != c.looks || got.Writes != 0 {
				t.Errorf("class %q, %d look-ups: %s", got.Class, looks, got.Message)
			}
			if open := got.platform.OpenGrants(); len(open) != 0 {
				t.Errorf("%d grants are left", len(open))
			}
		})
	}
}

// TestCheckTellsOfTheScope: a check tells of a caller who was granted less than was asked for.
func TestCheckTellsOfTheScope(t *testing.T) {
	for scope, told := range map[string]bool{"security:manage": false, "certificate;security": false, "certificate:manage": true} {
		got := scene{check: true, alter: map[string]func(simulator.Answer) simulator.Answer{simulated.SignIn: func(answer simulator.Answer) simulator.Answer {
			return simulator.RewriteJSON(answer, func(object map[string]any) { object["scope"] = scope })
		}}}.play(t)
		if strings.Contains(got.Stdout, "grants does not name security:manage") != told || got.Class != "" {
			t.Errorf("%s: %s", scope, got.Stdout)
		}
	}
}

// TestCheckTellsOfALock: a look-up says what keeps the user from signing in.
func TestCheckTellsOfALock(t *testing.T) {
	for state, barred := range map[int]bool{0: false, 1: true, 2: true} {
		got := scene{check: true, access: fields{"Client ID": "looks up", "Scope": "security:manage;configuration"}, run: conformance.Run{User: user, Old: first},
			prepare: func(platform *simulated.Platform) {
				platform.AddIntegration(simulated.Integration{ClientID: "looks up", Scope: "security:manage;configuration", Users: []string{simulated.Caller}})
			},
			alter: map[string]func(simulator.Answer) simulator.Answer{simulated.Validate: func(answer simulator.Answer) simulator.Answer {
				return simulator.RewriteJSON(answer, func(object map[string]any) { object["ID"].(map[string]any)["State"] = state })
			}}}.play(t)
		if got.Class != "" || strings.Contains(strings.Join(got.Warnings, "\n"), "disabled, locked") != barred {
			t.Errorf("state %d: %s %q", state, got.Stdout, got.Warnings)
		}
	}
}

// TestCheckAsksAboutToken: a check has Venafi judge a ready-made token, and tells when it ends.
func TestCheckAsksAboutToken(t *testing.T) {
	const soon, both = "Vf-soon/made+token=0004==", "Vf-both/made+token=0005=="
	status := func(status int) func(simulator.Answer) simulator.Answer {
		return func(simulator.Answer) simulator.Answer { return simulator.Answer{Status: status} }
	}
	member := func(name string, value any) func(simulator.Answer) simulator.Answer {
		return func(answer simulator.Answer) simulator.Answer {
			return simulator.RewriteJSON(answer, func(object map[string]any) { object[name] = value })
		}
	}
	const (
		untried = "url and credential are untried"
		taken   = "the credential is taken"
		noEnd   = "does not say when it ends"
		noScope = "grants does not name security:manage"
	)
	for name, c := range map[string]struct {
		token   string
		verify  string
		user    string
		alter   func(simulator.Answer) simulator.Answer
		class   api.Class
		want    []string
		wantNot string
	}{
		"ends in two weeks":        {token: soon, want: []string{taken, "ends on ", "in 14 days"}, wantNot: noScope},
		"without the scope":        {token: simulated.CertificateToken, want: []string{taken, "ends on ", noScope}},
		"may look up":              {token: both, want: []string{"a rotation could go ahead"}, wantNot: noScope},
		"may look up, nobody":      {token: both, user: "nobody", class: api.ClassAccount, want: []string{"knows no local identity"}},
		"expired":                  {token: simulated.ExpiredToken, class: api.ClassCredential, want: []string{"401"}},
		"expired, nobody signs in": {token: simulated.ExpiredToken, verify: "off", class: api.ClassCredential, want: []string{"401"}},
		"an older version":         {token: soon, alter: status(404), want: []string{untried, "does not tell when"}},
		"no right":                 {token: soon, alter: status(403), want: []string{untried}},
		"broken":                   {token: soon, alter: status(500), class: api.ClassTarget, want: []string{"500"}},
		"broken, and not needed":   {token: soon, alter: status(500), verify: "off", want: []string{untried}},
		"a page": {token: soon, alter: func(simulator.Answer) simulator.Answer {
			return simulator.Answer{Status: 200, Body: []byte("<html><body>Sign in</body></html>")}
		}, class: api.ClassTarget, want: []string{"web page"}},
		"no time in it":               {token: soon, alter: member("valid_for", nil), want: []string{taken, noEnd}},
		"a time out of all reason":    {token: soon, alter: member("valid_for", 1e300), want: []string{taken, noEnd}},
		"a time that is none":         {token: soon, alter: member("valid_for", "soon"), want: []string{taken, noEnd}},
		"a time in text":              {token: soon, alter: member("valid_for", "1209660"), want: []string{taken, "in 14 days"}},
		"no scope in it":              {token: soon, alter: member("scope", nil), want: []string{taken}, wantNot: noScope},
		"a scope in another spelling": {token: soon, alter: member("scope", "Security : manage"), want: []string{taken}, wantNot: noScope},
	} {
		t.Run(name, func(t *testing.T) {
			access := withToken(c.token)
			if c.verify != "" {
				access["Verify"] = c.verify
			}
			who := c.user
			if who == "" {
				who = user
			}
			got := scene{check: true, access: access, run: conformance.Run{User: who, Old: first}, prepare: func(platform *simulated.Platform) {
				platform.AddToken(simulated.Grant{User: simulated.Caller, Scope: "security:manage", AccessToken: soon, TokenEnds: time.Now().Add(14*24*time.Hour + time.Minute)})
				platform.AddToken(simulated.Grant{User: simulated.Caller, Scope: "configuration;security:manage", AccessToken: both})
			}, alter: map[string]func(simulator.Answer) simulator.Answer{simulated.VerifyToken: func(answer simulator.Answer) simulator.Answer {
				if c.alter == nil {
					return answer
				}
				return c.alter(answer)
			}}}.play(t)
			if got.Class != c.class || got.Writes != 0 {
				t.Errorf("class %q: %s", got.Class, got.Stdout)
			}
			for _, want := range c.want {
				if !strings.Contains(got.Stdout, want) {
					t.Errorf("%q is not in %s", want, got.Stdout)
				}
			}
			if c.wantNot != "" && strings.Contains(got.Stdout, c.wantNot) {
				t.Errorf("%q is in %s", c.wantNot, got.Stdout)
			}
		})
	}
}
