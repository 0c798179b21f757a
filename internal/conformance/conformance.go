// Package conformance is the conformance suite that every vendor passes, and the
// means to drive a vendor against its simulator.
//
// A Bench joins a vendor's Info with its simulator; benches.go holds one function
// for each. RunSuite puts a bench through the whole suite: every fault at every exchange,
// awkward passwords and user names, wrong credentials, signals, repeated runs. Each
// case looks at three things that the code under test has no say in: what the
// simulator's state is afterwards, what arrived there, and what was printed.
package conformance

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/targets/all"
)

// Old and New are the passwords of a case that is not about passwords. They meet
// the rules of every vendor and have no part in common with anything printed.
const (
	Old = "Zq4-canary!old&Wx7%"
	New = "Kv9_canary#new<Jh2\"+"
)

// planted are secrets that no rotation has use for: fields of the records of a payload,
// in all the shapes that a field may have.
var planted = []string{
	"Ux3-canary-provider", "Sk8-canary-spare", "Rc5-canary-recovery", "Ot6-canary-seed", "Nt4-canary note", "Fb7-canary-unread",
}

// Bench is a vendor with its simulator.
type Bench struct {
	// Name tells the benches of one vendor apart: "rest with Verify URL".
	Name string
	Info targets.Info
	// Serve makes a fresh vendor with an account of that name whose password is in
	// force, on a server with these options. The name is one that the vendor can have.
	Serve func(on simulator.Options, user, password string) (*Stand, error)
	// User is the account of a case that is not about names.
	User string
	// Exchanges is how many exchanges a rotation without faults takes.
	Exchanges int
	// Unlisted is how many of them a check does not list: that they are needed shows in the
	// answer to one before. Below 0 it is how many of those listed turn out to be needless.
	Unlisted int
	// Writes is how many writes a run may send, those answered 429 apart: 1, or 2 where a
	// repeat does no harm.
	Writes int
	// CarriesOld says that the write carries the old password.
	CarriesOld bool
	// Proves says that a sign-in or a status shows which password is in force.
	Proves bool
	// Veils says that the vendor may refuse the right password in the words for a wrong one, so
	// that two refusals do not show that the account has a third password; NoSignIn, that it does
	// so with this account, or lets it in nowhere, so that a sign-in shows nothing.
	Veils, NoSignIn bool
	// ByField says that a field of the record says whose account it is, and not the PAM User's
	// login: Allowed Users is compared with what the vendor's answer names, and the login may be
	// anything.
	ByField bool
	// AlsoAllowed is a pattern that Allowed Users needs besides the one for the account; "" for none.
	AlsoAllowed string
	// Undetectable names the faults, by their kind or as "kind at exchange", that nothing in the vendor's contract can tell
	// from success, each with the reason. They are run, but may end in a false
	// success.
	Undetectable map[string]string
	// Unsettled says why no proof is possible under a fault, so that unknown is all
	// that can be said; "" where one is. nil is "" for all.
	Unsettled func(fault simulator.Fault) string
	// Names are user names that the vendor can have, beyond the suite's own.
	Names []string
}

// connections returns how many connections a host of the vendor may get for so many exchanges.
func (b Bench) connections(exchanges int) int {
	if b.Info.Renegotiates {
		return exchanges
	}
	return 1
}

// Start makes a fresh vendor on 127.0.0.1.
func (b Bench) Start(user, password string) (*Stand, error) {
	return b.Serve(simulator.Options{}, user, password)
}

// StartInMemory makes a fresh vendor on a network of its own, in memory, for a test under
// testing/synctest: there no wait takes time, and whatever waits is found out.
func (b Bench) StartInMemory(user, password string) (*Stand, error) {
	network := new(simulator.Network)
	stand, err := b.Serve(simulator.Options{Network: network}, user, password)
	if err == nil {
		stand.network = network
	}
	return stand, err
}

// Stand is one running simulator.
type Stand struct {
	Servers []*simulator.Server // the first one's authority signs for all
	// Access are the fields of the access record, apart from CA Certificate.
	Access map[string]any
	// UserFields are further fields of the PAM User record.
	UserFields map[string]any
	// Accepts reports whether the account would let this password in now. It is
	// no sign-in and counts towards nothing.
	Accepts func(password string) bool
	// KeepAs has the vendor keep new passwords so.
	KeepAs func(simulator.Keeping)
	// FailedLogins is how often a sign-in as the account has failed; nil where
	// nobody signs in.
	FailedLogins func() int
	// LeftOpen names what a run should have given back; nil where nothing is opened.
	LeftOpen func() []string
	// Secrets are further texts that must not be printed, such as minted tokens.
	Secrets func() []string
	// WrongCredential alters Access so that the vendor refuses it.
	WrongCredential func(access map[string]any)
	// Searches is how many forms of secrets Run.Faults has looked for in output.
	Searches int

	network *simulator.Network // nil for 127.0.0.1
}

// Close stops the servers.
func (s *Stand) Close() {
	for _, server := range s.Servers {
		server.Close()
	}
}

// Exchanges returns what has arrived at all servers.
func (s *Stand) Exchanges() []simulator.Exchange {
	var exchanges []simulator.Exchange
	for _, server := range s.Servers {
		exchanges = append(exchanges, server.Exchanges()...)
	}
	return exchanges
}

// At calls f at a moment of the exchange of that number, from 1, counted over all servers.
// It holds for a run that has one exchange under way at a time. At replaces what it was
// told before, and with number 0 calls nothing.
func (s *Stand) At(number int, moment simulator.Moment, f func()) {
	var arrived atomic.Int64
	for _, server := range s.Servers {
		server.Observe(func(_ simulator.Exchange, now simulator.Moment) {
			if now == simulator.Arrived {
				arrived.Add(1)
			}
			if arrived.Load() == int64(number) && now == moment {
				f()
			}
		})
	}
}

// Writes counts the writes that have arrived.
func (s *Stand) Writes() int {
	return s.count(func(exchange simulator.Exchange) bool { return exchange.Write })
}

// TurnedAway counts those of them that were answered by 429.
func (s *Stand) TurnedAway() int {
	return s.count(func(exchange simulator.Exchange) bool {
		return exchange.Write && exchange.Status == http.StatusTooManyRequests
	})
}

func (s *Stand) count(which func(simulator.Exchange) bool) int {
	count := 0
	for _, server := range s.Servers {
		count += server.Count(which)
	}
	return count
}

// Run is one run of the program against a stand.
type Run struct {
	User     string
	Old, New string
	// Access and UserFields are put over the stand's; a nil value takes a field away.
	Access, UserFields map[string]any
	// CallTimeout bounds an exchange; 0 is long enough for anything but a hang.
	CallTimeout time.Duration
	// Unscrubbed leaves the streams' scrubber out, so that only the first line of
	// defence stands.
	Unscrubbed bool
	JSON       bool
	Context    context.Context // nil is the background
	// Clock is what waits go by. nil is the machine's for a stand in memory, where the
	// test's time passes by itself, and else one that does not wait.
	Clock api.Clock
	// Info is a target that is not among all.Registry, for a run that goes by it; the
	// zero Info is none.
	Info targets.Info
	// Transport takes the requests in the place of the network; see api.Config. nil is
	// the real one.
	Transport http.RoundTripper
}

// Ended is what a run left.
type Ended struct {
	rotation.Result
	Stdout, Stderr string
	// Already says that the new password was in force before the run.
	Already bool
	// FailedBefore is how many sign-ins as the account had failed before the run.
	FailedBefore int
	// Searches is how many forms of secrets were looked for in the output, set by the
	// cases of the suite.
	Searches int
}

// Rotate runs the program the way its command does, from the payload to the
// printed result.
func (r Run) Rotate(stand *Stand) Ended {
	return r.run(stand, func(ctx context.Context, plan *rotation.Plan, printer *report.Printer) rotation.Result {
		result := plan.Rotate(ctx)
		printer.Result(result)
		return result
	})
}

// Check is the same for the verb check.
func (r Run) Check(stand *Stand) Ended {
	return r.run(stand, func(ctx context.Context, plan *rotation.Plan, printer *report.Printer) rotation.Result {
		result := plan.Check(ctx)
		printer.Check(result)
		return result.Result
	})
}

func (r Run) run(stand *Stand, carryOut func(context.Context, *rotation.Plan, *report.Printer) rotation.Result) Ended {
	registry, target := all.Registry(), ""
	if _, listed := registry.Find(r.Info.Name); !listed && r.Info.New != nil {
		registry, target = append(registry, r.Info), r.Info.Name
	}
	var stdout, stderr bytes.Buffer
	scrubber := secret.NewScrubber(append(report.Vocabulary(), registry.Names()...)...)
	streams := scrubber
	if r.Unscrubbed {
		streams = nil
	}
	printer := report.New(&stdout, &stderr, streams, report.Options{LogLevel: "debug", JSON: r.JSON})
	ctx := r.Context
	if ctx == nil {
		ctx = context.Background()
	}
	clock := r.Clock
	if clock == nil && stand.network == nil {
		clock = &api.SkippingClock{}
	}
	if stand.network != nil {
		ctx = api.WithDial(ctx, stand.network.Dial)
	}
	payload, err := params.Read(strings.NewReader(r.Payload(stand)), params.Options{
		Scrubber: scrubber, PublicLabels: registry.PublicLabels(),
	})
	already, failed := stand.Accepts(r.New), 0
	if stand.FailedLogins != nil {
		failed = stand.FailedLogins()
	}
	var result rotation.Result
	if err != nil {
		result = rotation.Failure(err)
		printer.Result(result)
	} else if plan, failed := rotation.Prepare(payload, rotation.Options{
		Registry: registry, Target: target, Scrubber: scrubber, Log: printer.Log, Clock: clock,
		CallTimeout: r.CallTimeout, Version: "test", Transport: r.Transport,
	}); failed != nil {
		result = *failed
		printer.Result(result)
	} else {
		result = carryOut(ctx, plan, printer)
	}
	return Ended{Result: result, Stdout: stdout.String(), Stderr: stderr.String(), Already: already, FailedBefore: failed}
}

// Payload returns what the Gateway would pipe into the program: base64 of JSON with
// base64 of the records inside.
func (r Run) Payload(stand *Stand) string {
	access := map[string]any{
		"uid": "Ac7essR3cordUid_0001aA", "title": "API Access Details",
		"CA Certificate": stand.Servers[0].Authority().PEM(), "notes": planted[1],
	}
	user := map[string]any{"uid": "Us3rRecordUid_00001aAA", "title": "PAM User", "login": r.User, "password": r.Old, "NOOP": "True",
		"Recovery Code": []string{planted[2]}, "oneTimeCode": map[string]any{"seed": planted[3]}, "notes": planted[4],
	}
	overlay(access, stand.Access, r.Access)
	overlay(user, stand.UserFields, r.UserFields)
	records, err := json.Marshal([]any{
		map[string]any{"uid": "Pr0viderRecordUid_01aA", "title": "PAM Configuration", "accessSecretKey": planted[0]},
		map[string]any{"uid": "0therRecordUid_0001aAA", "title": "Another User", "type": "pamUser", "login": "another", "password": planted[5]},
		access, user,
	})
	if err != nil {
		panic(err)
	}
	outer, err := json.Marshal(map[string]any{
		"providerRecordUid": "Pr0viderRecordUid_01aA", "resourceRecordUid": nil, "userRecordUid": "Us3rRecordUid_00001aAA",
		"user": r.User, "oldPassword": r.Old, "newPassword": r.New,
		"records": base64.StdEncoding.EncodeToString(records),
	})
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(outer) + "\n"
}

func overlay(fields map[string]any, layers ...map[string]any) {
	for _, layer := range layers {
		for label, value := range layer {
			if value == nil {
				delete(fields, label)
				continue
			}
			fields[label] = value
		}
	}
}

// Secrets returns every text of a run that must not be printed, each once: the passwords,
// fields of all records, and what the vendor minted or was sent so far.
func (r Run) Secrets(stand *Stand) []string {
	secrets := append(r.Planted(stand), stand.Issued()...)
	slices.Sort(secrets)
	return slices.Compact(secrets)
}

// Issued returns those of the secrets that the vendor minted or was sent so far.
func (s *Stand) Issued() []string {
	if s.Secrets == nil {
		return nil
	}
	return s.Secrets()
}

// Planted returns those of Secrets that the payload holds.
func (r Run) Planted(stand *Stand) []string {
	secrets := append([]string{r.Old, r.New}, planted...)
	access := map[string]any{}
	overlay(access, stand.Access, r.Access)
	for _, label := range []string{"password", "Access Token"} {
		if value, ok := access[label].(string); ok {
			secrets = append(secrets, value)
		}
	}
	slices.Sort(secrets)
	return slices.Compact(secrets)
}

// Faults are the promises that a run broke, in words. None is what is wanted.
func (r Run) Faults(bench Bench, stand *Stand, ended Ended) []string {
	var faults []string
	fault := func(format string, values ...any) { faults = append(faults, fmt.Sprintf(format, values...)) }

	// What is true.
	newWorks, oldWorks := stand.Accepts(r.New), stand.Accepts(r.Old)
	switch ended.Outcome {
	case rotation.Changed:
		if !newWorks {
			fault("false success: the new password does not work")
		}
	case rotation.NotChanged:
		if !ended.Already && (newWorks || !oldWorks) {
			fault("false not-changed: the new password works: %v, the old one: %v", newWorks, oldWorks)
		}
	case rotation.Unknown:
		if !slices.ContainsFunc(ended.Hints, func(hint string) bool { return strings.Contains(hint, "pam-rotate-script verify") }) {
			fault("unknown, and no hint names verify: %q", ended.Hints)
		}
	default:
		fault("the outcome is %q", ended.Outcome)
	}
	if (ended.Outcome == rotation.Changed) != (ended.Class == "") {
		fault("outcome %s with class %q", ended.Outcome, ended.Class)
	}

	// What arrived.
	writes := stand.Writes() - stand.TurnedAway()
	if writes > bench.Writes {
		fault("%d writes", writes)
	}
	if stand.FailedLogins != nil && stand.FailedLogins()-ended.FailedBefore > 2 {
		fault("%d failed logins", stand.FailedLogins()-ended.FailedBefore)
	}
	if stand.LeftOpen != nil {
		for _, open := range stand.LeftOpen() {
			fault("left open: %s", open)
		}
	}
	for _, server := range stand.Servers {
		for _, note := range server.Notes() {
			fault("noted at the vendor: %s", note)
		}
		if decoy := server.Decoy(); len(decoy) > 0 {
			fault("a redirect was followed: %s", decoy[0].Method)
		}
	}

	// What was printed.
	for _, secret := range r.Secrets(stand) {
		form, forms := Search(ended.Stdout+ended.Stderr, secret)
		if stand.Searches += forms; form != "" {
			fault("a secret was printed, %s", form)
		}
	}
	if lines := strings.Count(ended.Stdout, "\n"); lines != 1 || !strings.HasSuffix(ended.Stdout, "\n") {
		fault("%d lines on standard output", lines)
	}
	if !strings.Contains(ended.Stdout, string(ended.Outcome)) {
		fault("standard output does not say %s", ended.Outcome)
	}
	return faults
}
