package secret_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pam-rotate-script/internal/secret"
)

// TestOwnParts: a secret that is a number or a word leaves time stamps, keys and figures
// alone, and is found everywhere else.
func TestOwnParts(t *testing.T) {
	for name, test := range map[string]struct {
		form          secret.Form
		message, want string
	}{
		"time stamp and figures of a line": {secret.Lines,
			"2026-11-27T14:19:57Z error told 2026 requests=1127 user=1127\n", "2026-11-27T14:19:57Z error told [secret] requests=1127 user=[secret]\n"},
		"duration of a result": {secret.Lines, "changed: rest jane 1127, confirmed in 1127 ms\n", "changed: rest jane [secret], confirmed in 1127 ms\n"},
		"keys, time and figures of an object": {secret.JSON,
			`{"level":"error","time":"2026-11-27T14:19:57Z","requests":1127,"cause":"cause 1127 cause","other":1127,"hints":["2026"]}`,
			`{"level":"error","time":"2026-11-27T14:19:57Z","requests":1127,"cause":"[secret] [secret] [secret]","other":"[secret]","hints":["[secret]"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			scrubber := secret.NewScrubber("level", "time", "requests", "error", "hints", "causes")
			for _, text := range []string{"2026", "1127"} {
				scrubber.Add(secret.New(text))
			}
			want := strings.ReplaceAll(test.want, "[secret] [secret] [secret]", "cause [secret] cause")
			var out bytes.Buffer
			if _, err := scrubber.Writer(&out, test.form).Write([]byte(test.message)); err != nil {
				t.Fatal(err)
			}
			if out.String() != want {
				t.Errorf("printed %s, want %s", out.String(), want)
			}
		})
	}
}

// TestLinesAreBounded, and no secret comes in half by it.
func TestLinesAreBounded(t *testing.T) {
	scrubber := secret.NewScrubber("message", "user")
	scrubber.Add(secret.New("canary-password"))
	long := strings.Repeat("x", 16<<10-7) + "canary-password" + strings.Repeat("é", 1<<20)
	var line, object bytes.Buffer
	_, _ = scrubber.Writer(&line, secret.Lines).Write([]byte(long + "\n"))
	if line.Len() > 17<<10 || strings.Contains(line.String(), "canary") || !strings.HasSuffix(line.String(), "…\n") {
		t.Errorf("%d bytes: …%.40q", line.Len(), line.String()[line.Len()-40:])
	}
	encoded, _ := json.Marshal(map[string]any{"user": long, "message": "short", "list": []string{"x", long}})
	_, _ = scrubber.Writer(&object, secret.JSON).Write(append(encoded, '\n'))
	var read map[string]any
	if err := json.Unmarshal(object.Bytes(), &read); err != nil || object.Len() > 8<<10 || strings.Contains(object.String(), "canary") || read["message"] != "short" {
		t.Errorf("%d bytes, %v", object.Len(), err)
	}
}
