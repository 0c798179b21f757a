package conformance_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/targets/all"
)

func TestCorpus(t *testing.T) {
	for _, test := range []struct {
		name    string
		samples []conformance.Sample
		texts   []string
		least   int
	}{
		{"passwords", conformance.PasswordSamples(), conformance.Passwords(), 250},
		{"names", conformance.NameSamples("rotated.user@example.com"), conformance.UserNames(), 150},
		{"names, short account", conformance.NameSamples("root"), nil, 150},
	} {
		t.Run(test.name, func(t *testing.T) {
			if len(test.samples) < test.least {
				t.Errorf("%d values, want at least %d", len(test.samples), test.least)
			}
			seen := map[string]bool{}
			var categories []string
			for i, sample := range test.samples {
				if seen[sample.Text] {
					t.Errorf("%.60q is there twice", sample.Text)
				}
				seen[sample.Text] = true
				if !utf8.ValidString(sample.Text) {
					t.Errorf("%.60q is not UTF-8", sample.Text)
				}
				if len(sample.Text) > 8192 {
					t.Errorf("%.60q has %d bytes", sample.Text, len(sample.Text))
				}
				if i > 0 && sample.Category == test.samples[i-1].Category {
					continue
				}
				if sample.Category == "" || slices.Contains(categories, sample.Category) {
					t.Errorf("the category %q of %.60q does not stand together", sample.Category, sample.Text)
				}
				categories = append(categories, sample.Category)
			}
			if test.texts == nil {
				return
			}
			var texts []string
			for _, sample := range test.samples {
				texts = append(texts, sample.Text)
			}
			if !slices.Equal(texts, test.texts) {
				t.Error("the values differ from those with categories")
			}
		})
	}
}

// TestCorpusCovers looks for what the corpus promises to hold.
func TestCorpusCovers(t *testing.T) {
	passwords, names := conformance.Passwords(), conformance.UserNames()
	for symbol := '!'; symbol <= '~'; symbol++ {
		s := string(symbol)
		if symbol >= '0' && symbol <= '9' || symbol >= 'A' && symbol <= 'Z' || symbol >= 'a' && symbol <= 'z' {
			continue
		}
		for _, password := range []string{s, s + s, s + s + "Aa1" + s + "Password"} {
			if !slices.Contains(passwords, password) {
				t.Errorf("no password %q", password)
			}
		}
	}
	sizes := map[int]bool{}
	for _, password := range passwords {
		sizes[len(password)] = true
	}
	for power := 1; power <= 4096; power *= 2 {
		for size := power - 1; size <= power+1; size++ {
			if !sizes[size] {
				t.Errorf("no password of %d bytes", size)
			}
		}
	}
	for _, name := range []string{".", "..", "../admin", "a/b", "%2e%2e", "慀", "+", ";", "?", "#", "\x00", `DOMAIN\jane`, `"jane roe"@example.com`, "jane+ops@example.com", "jane@[192.0.2.1]", "ROTATED.USER@EXAMPLE.COM"} {
		if !slices.Contains(names, name) {
			t.Errorf("no name %q", name)
		}
	}
	if slices.Contains(names, "rotated.user@example.com") {
		t.Error("the account's own name is among those of others")
	}
}

// TestSecretsCanBeSearchedFor makes sure that a password of the corpus in the output
// is always a leak.
func TestSecretsCanBeSearchedFor(t *testing.T) {
	printed := append(report.Vocabulary(), all.Registry().Names()...)
	// The words of a value that looks like one of JSON's are printed in no line of the
	// suite's runs.
	likeJSON := []string{"true", "false", "null"}
	secrets := conformance.Secrets()
	for _, password := range secrets {
		if len(password) < 4 {
			t.Errorf("%q is too short to be searched for", password)
		}
		if strings.Contains(secret.Mask, password) || password == conformance.Old || password == conformance.New {
			t.Errorf("%q is printed in place of others, or one of them", password)
		}
		if !slices.Contains(likeJSON, password) && strings.Contains(strings.Join(printed, "\n"), password) {
			t.Errorf("%q is printed by the program itself", password)
		}
	}
	if len(secrets) < 250 {
		t.Errorf("%d secrets, want at least 250", len(secrets))
	}
}

func TestValueCase(t *testing.T) {
	// lying is the bench REST with an account that answers in another way when asked
	// which password is in force.
	lying := func(accepts func(truth func(string) bool, password string) bool) conformance.Bench {
		bench := conformance.REST()
		honest := bench.Serve
		bench.Serve = func(on simulator.Options, user, password string) (*conformance.Stand, error) {
			stand, err := honest(on, user, password)
			if err == nil {
				truth := stand.Accepts
				stand.Accepts = func(password string) bool { return accepts(truth, password) }
			}
			return stand, err
		}
		return bench
	}
	for _, test := range []struct {
		name   string
		bench  conformance.Bench
		role   conformance.Role
		text   string
		fate   conformance.Fate
		broken string
	}{
		{"arrives", conformance.REST(), conformance.Password, " Aa1 ", conformance.Arrived, ""},
		{"empty", conformance.REST(), conformance.Password, "", conformance.Unsent, ""},
		{"refused by the vendor", conformance.SailPoint(), conformance.Password, "~", conformance.Refused, ""},
		{"too long for the vendor's key", conformance.SailPoint(), conformance.Password, strings.Repeat("aA1!", 64), conformance.Unwritten, ""},
		{"own", conformance.REST(), conformance.OwnName, "../a", conformance.Arrived, ""},
		{"own, not one to send", conformance.Teramind(), conformance.OwnName, "jane", conformance.Unsent, ""},
		{"own, not one to have", conformance.Venafi(), conformance.OwnName, `DOMAIN\jane`, conformance.Impossible, ""},
		{"foreign, looked up", conformance.Teramind(), conformance.ForeignName, "jane@example.com", conformance.Unwritten, ""},
		{"foreign, not looked up", conformance.REST(), conformance.ForeignName, "jane", conformance.Refused, ""},
		{"foreign, but it is the account", conformance.REST(), conformance.ForeignName, "rotated.user@example.com", conformance.Broken, "no account has this name"},
		{"arrives altered", lying(func(truth func(string) bool, password string) bool {
			return truth(password) && strings.TrimSpace(password) == password
		}), conformance.Password, " Aa1 ", conformance.Broken, "does not work"},
		{"old one still works", lying(func(truth func(string) bool, password string) bool {
			return truth(password) || password == conformance.Old
		}), conformance.Password, "Aa1", conformance.Broken, "the old password still works"},
		{"changed although refused", lying(func(func(string) bool, string) bool { return false }), conformance.ForeignName, "jane", conformance.Broken, "another account was changed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := conformance.ValueCase{Bench: test.bench, Role: test.role, Sample: conformance.Sample{Category: "test", Text: test.text}}
			fate, broken, _ := c.Carry(t)
			if all := strings.Join(broken, "\n"); fate != test.fate || (all == "") != (test.broken == "") || !strings.Contains(all, test.broken) {
				t.Errorf("fate %d, want %d; broken: %s", fate, test.fate, all)
			}
		})
	}
}

func TestValueTally(t *testing.T) {
	var tally conformance.ValueTally
	add := func(role conformance.Role, category string, fate conformance.Fate, broken ...string) {
		tally.Add(conformance.ValueCase{Role: role, Sample: conformance.Sample{Category: category, Text: "Aa1"}}, fate, broken, 10)
	}
	add(conformance.Password, "a", conformance.Arrived)
	add(conformance.Password, "a", conformance.Unsent)
	add(conformance.Password, "b", conformance.Unwritten)
	add(conformance.OwnName, "a", conformance.Refused)
	add(conformance.OwnName, "a", conformance.Impossible)
	add(conformance.ForeignName, "c", conformance.Broken, "a promise", "a secret was printed, raw")
	want := conformance.ValueTally{
		Passwords:    conformance.Fates{Tried: 3, Arrived: 1, Unsent: 1, Unwritten: 1},
		OwnNames:     conformance.Fates{Tried: 1, Refused: 1},
		ForeignNames: conformance.Fates{Tried: 1, Broken: 1},
		Categories: []conformance.CategoryFates{
			{Role: conformance.Password, Category: "a", Fates: conformance.Fates{Tried: 2, Arrived: 1, Unsent: 1}},
			{Role: conformance.Password, Category: "b", Fates: conformance.Fates{Tried: 1, Unwritten: 1}},
			{Role: conformance.OwnName, Category: "a", Fates: conformance.Fates{Tried: 1, Refused: 1}},
			{Role: conformance.ForeignName, Category: "c", Fates: conformance.Fates{Tried: 1, Broken: 1}},
		},
		Searches: 60, Leaks: 1,
		Faults: []string{`foreign name "Aa1": a promise`, `foreign name "Aa1": a secret was printed, raw`},
	}
	if !reflect.DeepEqual(tally, want) {
		t.Errorf("got %+v\nwant %+v", tally, want)
	}
}
