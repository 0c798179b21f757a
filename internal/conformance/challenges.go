package conformance

import (
	"strings"
	"testing"
	"testing/synctest"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
)

// unspoken reports whether a kind of fault asks for a sign-in that nobody makes here, so that a
// call that meets it was certainly not judged.
func unspoken(kind simulator.Kind) bool {
	return strings.HasPrefix(kind.Name, "401 Negotiate") || strings.HasPrefix(kind.Name, "401 Digest") || kind.Status == 407
}

// basicProxy is the kind of a proxy with Basic authentication.
const basicProxy = "401 Basic proxy before"

// added is the kind that adds Windows authentication to the vendor's own answer.
const added = "Negotiate added after"

// testChallenges: what asks for a sign-in of its own, in front of the vendor, has judged nothing.
// So it is no wrong credential, no password is rejected by it at the proof, and nothing that a
// vendor says in its own words is doubted for a challenge that its web server adds.
func testChallenges(t *testing.T, bench Bench, _ *Findings) {
	single, every := faultCases(t, bench, simulator.ChallengeKinds())
	for _, c := range append(single, every...) {
		broken, ended := c.Carry(t, false)
		for _, promise := range broken {
			t.Errorf("%s: %s\nstdout: %s\nstderr: %s", c, promise, ended.Stdout, ended.Stderr)
		}
		fault := c.Faults[0]
		switch {
		case fault.Kind.Name == added:
			if ended.Outcome != rotation.Changed {
				t.Errorf("%s: %s", c, ended.Stdout)
			}
		case !unspoken(fault.Kind):
		case ended.Outcome == rotation.NotChanged && ended.Class == api.ClassCredential:
			t.Errorf("%s: a credential that nobody has looked at is called wrong: %s", c, ended.Stdout)
		case ended.Outcome == rotation.Unknown && !fault.Write && fault.Occurrence != everyOccurrence:
			t.Errorf("%s: unknown, although nothing was rejected: %s", c, ended.Stdout)
		case ended.Outcome == rotation.NotChanged && !strings.Contains(ended.Stderr, "judged no password"):
			t.Errorf("%s: nothing tells that no password was judged: %s", c, ended.Stderr)
		}
	}
	challengedProof(t, bench, single)
	challengedCredential(t, bench)
}

// challengedProof: a refusal that may answer a copy of the write is settled by no sign-in that
// nobody has looked at.
func challengedProof(t *testing.T, bench Bench, single []FaultCase) {
	for _, c := range single {
		at := c.Faults[0]
		if at.Write || at.Kind.Name == added {
			continue
		}
		if at.Kind.Name == basicProxy && bench.Info.Name == "rest" {
			continue // a Verify URL behind that proxy's own passwords is refused in the same way
		}
		for place, server := range routesOf(t, bench) {
			for _, route := range server {
				if !route.Write {
					continue
				}
				both := FaultCase{bench, []PlacedFault{
					{place, simulator.Fault{Exchange: route.Name, Occurrence: everyOccurrence, Kind: simulator.KindNamed("412 after")}, true},
					{at.Server, simulator.Fault{Exchange: at.Exchange, Occurrence: at.Occurrence + 1, Kind: at.Kind}, false},
				}}
				broken, ended := both.Carry(t, false)
				for _, promise := range broken {
					t.Errorf("%s: %s\nstdout: %s\nstderr: %s", both, promise, ended.Stdout, ended.Stderr)
				}
			}
		}
	}
}

// challengedCredential: a wrong credential is called so where the vendor says it in a code of its
// own, whatever its web server adds.
func challengedCredential(t *testing.T, bench Bench) {
	if bench.Info.Name == "rest" {
		return // no document says which words are the endpoint's
	}
	synctest.Test(t, func(t *testing.T) {
		stand := startInMemory(t, bench, bench.User)
		stand.WrongCredential(stand.Access)
		for _, server := range stand.Servers {
			for _, route := range server.Routes() {
				server.Inject(simulator.Fault{Exchange: route.Name, Occurrence: everyOccurrence, Kind: simulator.KindNamed(added)})
			}
		}
		ended := rotate(t, bench, stand, bench.run())
		class := api.ClassTarget
		if strings.Contains(ended.Message, "(code ") || !strings.Contains(ended.Message, "answered 401") {
			class = api.ClassCredential
		}
		want(t, ended, rotation.NotChanged, class)
	})
}

// routesOf are the routes of the bench's servers.
func routesOf(t *testing.T, bench Bench) (routes [][]simulator.Route) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		for _, server := range startInMemory(t, bench, bench.User).Servers {
			routes = append(routes, server.Routes())
		}
	})
	return routes
}
