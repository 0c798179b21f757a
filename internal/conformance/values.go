package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/reliability"
	"pam-rotate-script/internal/rotation"
)

// Fate is what became of a hostile value, by what arrived at the simulated vendor.
// The zero Fate is Broken.
type Fate int

const (
	// Broken is none of the others, or one with a broken promise.
	Broken Fate = iota
	// Arrived is a password put in force byte for byte, or a name that addressed the
	// account of exactly that name.
	Arrived
	// Unsent is a refusal by this program before any call.
	Unsent
	// Unwritten is a refusal after reading or preparing, by the vendor or by this
	// program for what the vendor answered, and before the write.
	Unwritten
	// Refused is a refusal by the vendor in its answer to the write.
	Refused
	// Impossible is a name that the simulated vendor cannot give to an account, or
	// that the bench's access record cannot hold.
	Impossible
)

// Role is where a hostile value stands.
type Role string

// The roles.
const (
	// Password is the new password of the bench's account.
	Password Role = "password"
	// OwnName is the name of the account to rotate. A bench without Names has an
	// account of a fixed name, and no cases of this role.
	OwnName Role = "own name"
	// ForeignName is a name that no account has, tried beside the bench's account.
	ForeignName Role = "foreign name"
)

// ValueCase is one hostile value in one role at one bench.
type ValueCase struct {
	Bench Bench
	Role  Role
	Sample
}

// String names the case.
func (c ValueCase) String() string {
	text := c.Text
	if len(text) > 48 {
		text = fmt.Sprintf("%s… (%d bytes)", text[:48], len(text))
	}
	return fmt.Sprintf("%s %q", c.Role, text)
}

// valueCases returns the cases of a bench in these roles, in the order of the corpus.
func valueCases(bench Bench, roles ...Role) []ValueCase {
	var cases []ValueCase
	for _, role := range roles {
		var samples []Sample
		switch {
		case role == Password:
			samples = PasswordSamples()
		case role == ForeignName && bench.ByField: // the login is nobody's
		case role == ForeignName:
			samples = NameSamples(bench.User)
		case len(bench.Names) > 0:
			samples = NameSamples(corpusUser)
		}
		for _, sample := range samples {
			cases = append(cases, ValueCase{bench, role, sample})
		}
	}
	return cases
}

// Carry rotates with the value, in memory, and returns what became of it, the promises that
// were broken, and the end of the run.
func (c ValueCase) Carry(t *testing.T) (fate Fate, broken []string, ended Ended) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { fate, broken, ended = c.carry() })
	return fate, broken, ended
}

func (c ValueCase) carry() (fate Fate, broken []string, ended Ended) {
	run := c.Bench.run()
	account := c.Bench.User
	switch c.Role {
	case Password:
		run.New = c.Text
	case OwnName:
		account, run.User = c.Text, c.Text
	case ForeignName:
		run.User = c.Text
	}
	stand, err := c.start(account)
	switch {
	case errors.Is(err, errImpossible):
		return Impossible, nil, ended
	case err != nil:
		return Broken, []string{err.Error()}, ended
	}
	defer stand.Close()

	ended = run.Rotate(stand)
	broken = run.Faults(c.Bench, stand, ended)
	ended.Searches = stand.Searches
	fault := func(format string, values ...any) { broken = append(broken, fmt.Sprintf(format, values...)) }
	switch sent, writes := len(stand.Exchanges()), stand.Writes(); {
	case ended.Outcome == rotation.Changed:
		fate = Arrived
		if c.Role == ForeignName {
			fault("false success: no account has this name")
		} else if stand.Accepts(Old) {
			fault("false success: the old password still works")
		}
	case ended.Outcome != rotation.NotChanged:
		fault("the outcome is %s: neither arrived nor refused", ended.Outcome)
	case writes > 0:
		fate = Refused
	case sent > 0:
		fate = Unwritten
	default:
		fate = Unsent
	}
	switch {
	case c.Role == Password && fate == Refused && ended.Class != api.ClassPolicy:
		fault("refused by the vendor with class %s", ended.Class)
	case c.Role == OwnName && (fate == Unwritten || fate == Refused):
		fault("refused with class %s, although the account is there, and after something was sent", ended.Class)
	case c.Role == ForeignName && !stand.Accepts(Old):
		fault("another account was changed")
	}
	if ended.Outcome == rotation.NotChanged && (ended.Message == "" || ended.Class == api.ClassInternal) {
		fault("refused with class %s and the reason %q", ended.Class, ended.Message)
	}
	if len(broken) > 0 {
		fate = Broken
	}
	return fate, broken, ended
}

// errImpossible is the error of start for a case that cannot be.
var errImpossible = errors.New("there is no such account")

// start makes a stand with an account of that name. Simulators panic over a name that
// they cannot give to an account, or take it for one in another directory.
func (c ValueCase) start(account string) (stand *Stand, err error) {
	if c.Role != OwnName {
		return c.Bench.StartInMemory(account, Old)
	}
	defer func() {
		if recover() != nil {
			stand, err = nil, errImpossible
		}
	}()
	if stand, err = c.Bench.StartInMemory(account, Old); err != nil {
		return nil, err
	}
	// A record's texts are read without outer blanks.
	signsIn := stand.Access["login"] == account
	if !stand.Accepts(Old) || signsIn && strings.TrimSpace(account) != account {
		stand.Close()
		return nil, errImpossible
	}
	return stand, nil
}

// Fates counts values by their fate. The zero value counts none.
type Fates struct {
	Tried     int // the sum of the others
	Arrived   int
	Unsent    int
	Unwritten int
	Refused   int
	Broken    int
}

// Add counts one value. One that is Impossible was not tried.
func (f *Fates) Add(fate Fate) {
	if fate == Impossible {
		return
	}
	f.Tried++
	switch fate {
	case Arrived:
		f.Arrived++
	case Unsent:
		f.Unsent++
	case Unwritten:
		f.Unwritten++
	case Refused:
		f.Refused++
	default:
		f.Broken++
	}
}

// CategoryFates are the fates of the values of one category in one role.
type CategoryFates struct {
	Role     Role
	Category string
	Fates
}

// ValueTally is what the corpus of hostile values came to at one bench.
type ValueTally struct {
	Bench string
	// Passwords, OwnNames and ForeignNames have the values by their role.
	Passwords, OwnNames, ForeignNames Fates
	// Categories has the same in more detail, in the order of the corpus.
	Categories []CategoryFates
	// Searches is how many forms of secrets were looked for in the output, and Leaks how
	// many secrets were found.
	Searches, Leaks int
	// Faults are the promises that were broken, one line each. None is what is wanted.
	Faults []string
	// Ends are the outcomes of the runs, by role and value.
	Ends map[string]rotation.Outcome
}

// Add counts one case.
func (t *ValueTally) Add(c ValueCase, fate Fate, broken []string, searches int) {
	t.Searches += searches
	for _, fault := range broken {
		t.Faults = append(t.Faults, c.String()+": "+fault)
		if strings.Contains(fault, leaked) {
			t.Leaks++
		}
	}
	switch c.Role {
	case Password:
		t.Passwords.Add(fate)
	case OwnName:
		t.OwnNames.Add(fate)
	case ForeignName:
		t.ForeignNames.Add(fate)
	}
	place := slices.IndexFunc(t.Categories, func(f CategoryFates) bool { return f.Role == c.Role && f.Category == c.Category })
	if place < 0 {
		place = len(t.Categories)
		t.Categories = append(t.Categories, CategoryFates{Role: c.Role, Category: c.Category})
	}
	t.Categories[place].Add(fate)
}

// ValuesSection returns what the tallies make of docs/development/reliability.md, in Markdown.
func ValuesSection(tallies []*ValueTally) string {
	head := []string{"vendor", "tried", "arrived", "refused before any call", "refused before the write", "refused by the vendor's answer to the write", "neither, or a broken promise"}
	cells := func(name string, f Fates) []any {
		return []any{name, f.Tried, f.Arrived, f.Unsent, f.Unwritten, f.Refused, f.Broken}
	}
	var text strings.Builder
	for _, role := range []struct {
		name string
		of   func(*ValueTally) Fates
	}{
		{"New passwords", func(t *ValueTally) Fates { return t.Passwords }},
		{"Names of the account to rotate", func(t *ValueTally) Fates { return t.OwnNames }},
		{"Names that no account has", func(t *ValueTally) Fates { return t.ForeignNames }},
	} {
		var rows [][]any
		var sum Fates
		for _, tally := range tallies {
			fates := role.of(tally)
			if fates.Tried == 0 {
				continue
			}
			rows = append(rows, cells(tally.Bench, fates))
			sum.Tried += fates.Tried
			sum.Arrived += fates.Arrived
			sum.Unsent += fates.Unsent
			sum.Unwritten += fates.Unwritten
			sum.Refused += fates.Refused
			sum.Broken += fates.Broken
		}
		text.WriteString("### " + role.name + "\n\n" + reliability.Table(head, append(rows, cells("**all**", sum))...) + "\n")
	}
	searches, leaks := 0, 0
	for _, tally := range tallies {
		searches, leaks = searches+tally.Searches, leaks+tally.Leaks
	}
	fmt.Fprintf(&text, "Forms of secrets looked for in the output of these runs: %d. Found: %d.\n", searches, leaks)
	return text.String()
}

// testValues puts the corpus of hostile passwords and names through the bench: each arrives
// byte for byte, or is refused with a reason.
func testValues(t *testing.T, bench Bench, findings *Findings) {
	tally := &ValueTally{Bench: bench.Name, Ends: map[string]rotation.Outcome{}}
	for _, c := range valueCases(bench, Password, OwnName, ForeignName) {
		fate, broken, ended := c.Carry(t)
		tally.Add(c, fate, broken, ended.Searches)
		tally.Ends[string(c.Role)+" "+c.Text] = ended.Outcome
	}
	findings.Values = tally
	for _, fault := range tally.Faults {
		t.Error(fault)
	}
}
