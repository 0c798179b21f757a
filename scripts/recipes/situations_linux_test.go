package recipes_test

import (
	"strings"
	"testing"

	"pam-rotate-script/internal/conformance"
)

// situation is what people have reported of a product: an account, a password, and what a run must
// come to.
type situation struct {
	name string
	run  run // the account's old password is conformance.Old, the new one conformance.New if it is ""
	// prepare changes the product before the run; it may be nil.
	prepare func(s *site)
	exit    int
	outcome string
	class   string
}

// installed returns a site of the product, or skips the test.
func installed(t *testing.T, p *product) *site {
	t.Helper()
	need(t, p.missing())
	return p.open(t, build(t))
}

// meet puts a site through situations, and asks it after each which password it takes.
func meet(t *testing.T, s *site, situations []situation) {
	for _, c := range situations {
		t.Run(c.name, func(t *testing.T) {
			r := c.run
			r.old = conformance.Old
			if r.new == "" {
				r.new = conformance.New
			}
			s.add(s, r.user, r.old)
			if c.prepare != nil {
				c.prepare(s)
			}
			end := s.rotate(t, r)
			end.expect(t, c.exit, c.outcome, c.class)
			s.judge(t, end, r)
			noSecret(t, end, r.new)
		})
	}
}

func TestEtcdSituations(t *testing.T) {
	t.Parallel()
	s := installed(t, etcd)
	asRoot := func(s *site) map[string]string {
		_, token := etcdSignIn(s, "root", administratorPassword)
		return map[string]string{"Authorization": token}
	}
	meet(t, s, []situation{
		{name: "a name with a slash, a blank and other letters", run: run{user: "team/jörg o'neil"}, outcome: "changed"},
		{name: "names differ by case", run: run{user: "Case"}, prepare: func(s *site) { s.add(s, "case", "Qx7-other;pw") }, outcome: "changed"},
		{name: "a role is granted between two rotations", run: run{user: "granted"}, prepare: func(s *site) {
			s.must("POST", "/v3/auth/role/add", asRoot(s), map[string]any{"name": "readers"})
			s.must("POST", "/v3/auth/user/grant", asRoot(s), map[string]any{"user": "granted", "role": "readers"})
		}, outcome: "changed"},
		{name: "of another administrator, with the role root", run: run{user: "second"}, prepare: func(s *site) {
			s.must("POST", "/v3/auth/user/grant", asRoot(s), map[string]any{"user": "second", "role": "root"})
		}, outcome: "changed"},
		{name: "a caller without the role root", run: run{user: "victim", access: map[string]any{"login": "plain", "password": "Qx7-plain;pw"}},
			prepare: func(s *site) { s.add(s, "plain", "Qx7-plain;pw") }, exit: 1, outcome: "not-changed", class: "permission"},
		{name: "a caller who rotates itself without the role root", run: run{user: "itself", access: map[string]any{"login": "itself", "password": conformance.Old}},
			exit: 1, outcome: "not-changed", class: "permission"},
	})
	if status, _ := etcdSignIn(s, "case", "Qx7-other;pw"); status != 200 {
		t.Error("case has another password, and Case was rotated")
	}
	t.Run("authentication is switched off", func(t *testing.T) {
		s.add(s, "open", conformance.Old)
		s.must("POST", "/v3/auth/disable", asRoot(s), map[string]any{})
		s.rotate(t, run{user: "open", old: conformance.Old, new: conformance.New}).expect(t, 1, "not-changed", "target")
	})
}

func TestInfluxDBSituations(t *testing.T) {
	t.Parallel()
	s := installed(t, influxDB)
	meet(t, s, []situation{
		{name: "marks and signs that others' clients break at", run: run{user: "signs", new: `a*3e|asd;asdf~#%'"$`}, outcome: "changed"},
		{name: "a backslash at the end", run: run{user: "backslash", new: `Ab1;x\`}, outcome: "changed"},
		{name: "a backslash before a quotation mark", run: run{user: "both", new: `Ab1;\'\\' OR '1'='1`}, outcome: "changed"},
		{name: "the text of another statement", run: run{user: "statement", new: `x'; DROP USER statement; --`}, outcome: "changed"},
		{name: "a keyword as the name", run: run{user: "SELECT"}, outcome: "changed"},
		{name: "made anew with another password before", run: run{user: "anew"}, prepare: func(s *site) {
			influxMust(s, "root", administratorPassword, `DROP USER "anew"`)
			s.add(s, "anew", conformance.Old)
		}, outcome: "changed"},
		{name: "signed in a moment ago", run: run{user: "cached"}, prepare: func(s *site) {
			if !s.accepts(s, "cached", conformance.Old) {
				s.t.Error("the old password is refused")
			}
		}, outcome: "changed"},
		{name: "a caller without privileges", run: run{user: "victim", access: map[string]any{"login": "plain", "password": "Qx7-plain;pw"}},
			prepare: func(s *site) { s.add(s, "plain", "Qx7-plain;pw") }, exit: 1, outcome: "not-changed", class: "permission"},
	})
	if _, answer := influxQuery(s, "root", administratorPassword, "SHOW USERS"); !strings.Contains(answer, `"statement"`) {
		t.Errorf("a user is gone: %s", answer)
	}
}
