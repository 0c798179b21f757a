package targettest_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets/all"
	"pam-rotate-script/internal/targets/targettest"
)

func TestCorpus(t *testing.T) {
	for _, test := range []struct {
		name    string
		samples []targettest.Sample
		texts   []string
		least   int
	}{
		{"passwords", targettest.PasswordSamples(), targettest.Passwords(), 250},
		{"names", targettest.NameSamples("rotated.user@example.com"), targettest.UserNames(), 150},
		{"names, short account", targettest.NameSamples("root"), nil, 150},
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
	passwords, names := targettest.Passwords(), targettest.UserNames()
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
	secrets := targettest.Secrets()
	for _, password := range secrets {
		if len(password) < 4 {
			t.Errorf("%q is too short to be searched for", password)
		}
		if strings.Contains(secret.Mask, password) || password == targettest.Old || password == targettest.New {
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
	lying := func(accepts func(truth func(string) bool, password string) bool) targettest.Bench {
		bench := targettest.REST()
		honest := bench.Start
		bench.Start = func(user, password string) (*targettest.Stand, error) {
			stand, err := honest(user, password)
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
		bench  targettest.Bench
		role   targettest.Role
		text   string
		fate   targettest.Fate
		broken string
	}{
		{"arrives", targettest.REST(), targettest.Password, " Aa1 ", targettest.Arrived, ""},
		{"empty", targettest.REST(), targettest.Password, "", targettest.Unsent, ""},
		{"refused by the vendor", targettest.SailPoint(), targettest.Password, "~", targettest.Refused, ""},
		{"too long for the vendor's key", targettest.SailPoint(), targettest.Password, strings.Repeat("aA1!", 64), targettest.Unwritten, ""},
		{"own", targettest.REST(), targettest.OwnName, "../a", targettest.Arrived, ""},
		{"own, not one to send", targettest.Teramind(), targettest.OwnName, "jane", targettest.Unsent, ""},
		{"own, not one to have", targettest.Venafi(), targettest.OwnName, `DOMAIN\jane`, targettest.Impossible, ""},
		{"foreign, looked up", targettest.Teramind(), targettest.ForeignName, "jane@example.com", targettest.Unwritten, ""},
		{"foreign, not looked up", targettest.REST(), targettest.ForeignName, "jane", targettest.Refused, ""},
		{"foreign, but it is the account", targettest.REST(), targettest.ForeignName, "rotated.user@example.com", targettest.Broken, "no account has this name"},
		{"arrives altered", lying(func(truth func(string) bool, password string) bool {
			return truth(password) && strings.TrimSpace(password) == password
		}), targettest.Password, " Aa1 ", targettest.Broken, "does not work"},
		{"old one still works", lying(func(truth func(string) bool, password string) bool {
			return truth(password) || password == targettest.Old
		}), targettest.Password, "Aa1", targettest.Broken, "the old password still works"},
		{"changed although refused", lying(func(func(string) bool, string) bool { return false }), targettest.ForeignName, "jane", targettest.Broken, "another account was changed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := targettest.ValueCase{Bench: test.bench, Role: test.role, Sample: targettest.Sample{Category: "test", Text: test.text}}
			fate, broken, _ := c.Carry()
			if all := strings.Join(broken, "\n"); fate != test.fate || (all == "") != (test.broken == "") || !strings.Contains(all, test.broken) {
				t.Errorf("fate %d, want %d; broken: %s", fate, test.fate, all)
			}
		})
	}
}

func TestValueTally(t *testing.T) {
	var tally targettest.ValueTally
	add := func(role targettest.Role, category string, fate targettest.Fate, broken ...string) {
		tally.Add(targettest.ValueCase{Role: role, Sample: targettest.Sample{Category: category, Text: "Aa1"}}, fate, broken, 10)
	}
	add(targettest.Password, "a", targettest.Arrived)
	add(targettest.Password, "a", targettest.Unsent)
	add(targettest.Password, "b", targettest.Unwritten)
	add(targettest.OwnName, "a", targettest.Refused)
	add(targettest.OwnName, "a", targettest.Impossible)
	add(targettest.ForeignName, "c", targettest.Broken, "a promise", "a secret was printed, raw")
	want := targettest.ValueTally{
		Passwords:    targettest.Fates{Tried: 3, Arrived: 1, Unsent: 1, Unwritten: 1},
		OwnNames:     targettest.Fates{Tried: 1, Refused: 1},
		ForeignNames: targettest.Fates{Tried: 1, Broken: 1},
		Categories: []targettest.CategoryFates{
			{Role: targettest.Password, Category: "a", Fates: targettest.Fates{Tried: 2, Arrived: 1, Unsent: 1}},
			{Role: targettest.Password, Category: "b", Fates: targettest.Fates{Tried: 1, Unwritten: 1}},
			{Role: targettest.OwnName, Category: "a", Fates: targettest.Fates{Tried: 1, Refused: 1}},
			{Role: targettest.ForeignName, Category: "c", Fates: targettest.Fates{Tried: 1, Broken: 1}},
		},
		Searches: 60, Leaks: 1,
		Faults: []string{`foreign name "Aa1": a promise`, `foreign name "Aa1": a secret was printed, raw`},
	}
	if !reflect.DeepEqual(tally, want) {
		t.Errorf("got %+v\nwant %+v", tally, want)
	}
}
