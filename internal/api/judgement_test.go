package api_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
)

// TestReasons: why a call failed, from what frameworks answer by default.
func TestReasons(t *testing.T) {
	text, err := os.ReadFile("testdata/reasons.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n\n")
	var turns []string
	for _, line := range strings.Split(strings.TrimSuffix(table, "\n"), "\n") {
		if !strings.HasPrefix(line, "#") {
			turns = append(turns, line)
		}
	}
	if len(turns) < 80 || len(turns)%2 != 0 {
		t.Fatalf("%d lines", len(turns))
	}
	for i := 0; i < len(turns); i += 2 {
		if got := api.NewAnswer(nil, []byte(turns[i])).Why(); got != turns[i+1] {
			t.Errorf("%s: got %q, want %q", turns[i], got, turns[i+1])
		}
	}
	for _, body := range []string{"", "<html><p>no</p></html>", "two\nlines", strings.Repeat("long ", 200), `{"message":`, "\x1f\x8b\x08"} {
		if got := api.NewAnswer(nil, []byte(body)).Why(); got != "" {
			t.Errorf("%q: got %q", body, got)
		}
	}
}

// lines returns the lines of a file of tests that are not empty and no remark.
func lines(t testing.TB, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, line := range strings.Split(string(text), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			found = append(found, line)
		}
	}
	return found
}

func TestSayings(t *testing.T) {
	sayings := map[string]api.Saying{
		"nothing": api.SaysNothing, "success": api.SaysSuccess, "working": api.SaysUnderWay, "failure": api.SaysFailure,
	}
	seen := map[api.Saying]int{}
	for _, line := range lines(t, "testdata/sayings.txt") {
		word, body, _ := strings.Cut(line, " ")
		body = strings.ReplaceAll(body, "␊", "\n")
		want, known := sayings[word]
		if !known {
			t.Fatalf("%q is no saying", word)
		}
		seen[want]++
		// The declared type changes nothing.
		for _, declared := range []string{"application/json", "text/plain", ""} {
			answer := api.NewAnswer(http.Header{"Content-Type": {declared}}, []byte(body))
			if err := answer.Readable(); err != nil {
				t.Errorf("%s: %v", body, err)
			}
			if got := answer.Saying(); got != want {
				t.Errorf("%s: got %d, want %s", body, got, word)
			}
		}
	}
	for word, saying := range sayings {
		if seen[saying] < 5 {
			t.Errorf("only %d bodies say %s", seen[saying], word)
		}
	}
	if empty := api.NewAnswer(nil, nil); empty.Saying() != api.SaysNothing {
		t.Error("an empty body says something")
	}
}
