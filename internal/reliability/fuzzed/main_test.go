package main

import (
	"slices"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	const log = `fuzz pam-rotate-script/internal/api FuzzA
fuzz: elapsed: 0s, gathering baseline coverage: 0/20 completed
fuzz: elapsed: 3s, execs: 100 (33/sec), new interesting: 1 (total: 21)
fuzz: elapsed: 5s, execs: 250 (50/sec), new interesting: 3 (total: 23)
PASS
ok  	pam-rotate-script/internal/api	5.1s
fuzz pam-rotate-script/internal/params FuzzB
fuzz: elapsed: 1s, execs: 7 (7/sec), new interesting: 0 (total: 4)
--- FAIL: FuzzB (1.00s)
FAIL
`
	targets, err := read(strings.NewReader(log))
	want := []target{{"api.FuzzA", "5s", 250, 23, false}, {"params.FuzzB", "1s", 7, 4, true}}
	if err != nil || !slices.Equal(targets, want) {
		t.Errorf("got %+v, %v", targets, err)
	}
	text := section(targets)
	for _, part := range []string{"| `api.FuzzA` | 5s | 250 | 23 |", "| **all** |  | 257 |  |", "found something: 1."} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in %s", part, text)
		}
	}
}
