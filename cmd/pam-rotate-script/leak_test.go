package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/reliability"
	"pam-rotate-script/internal/simulator"
)

// ways are the ways in which the program may be told to print, as flags.
func ways() [][]string {
	var all [][]string
	for _, level := range []string{"debug", "info", "warn", "error"} {
		for _, format := range []string{"console", "json"} {
			for _, object := range []bool{false, true} {
				way := []string{"--log-level", level, "--log-format", format}
				if object {
					way = append(way, "--json")
				}
				all = append(all, way)
			}
		}
	}
	return all
}

// searches counts what was looked for, by the verb.
type searches struct {
	mu    sync.Mutex
	verbs []string
	runs  map[string]int
	forms map[string]int
	found map[string]int
}

// search looks for secrets in what a run of a verb has printed, and for those that the vendor
// issued: a run that begins again gets more of these, so they are not counted.
func (s *searches) search(t *testing.T, verb, output string, secrets []string, issued ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.verbs, verb) {
		s.verbs = append(s.verbs, verb)
	}
	s.runs[verb]++
	for place, secret := range slices.Concat(secrets, issued) {
		form, forms := conformance.Search(output, secret)
		if place < len(secrets) {
			s.forms[verb] += forms
		}
		if form != "" {
			s.found[verb]++
			t.Errorf("%s: a secret was printed, %s:\n%s", verb, form, output)
		}
	}
}

// runProgram runs the real program and returns its streams.
func runProgram(t *testing.T, stdin string, arguments ...string) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	command := exec.Command("pam-rotate-script", arguments...)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &out, &err
	var exit *exec.ExitError
	if failure := command.Run(); failure != nil && !errors.As(failure, &exit) {
		t.Error(failure)
	}
	if code := command.ProcessState.ExitCode(); code == 2 || code < 0 {
		t.Errorf("%q: exit code %d", arguments, code)
	}
	return out.String(), err.String()
}

// TestNothingLeaks runs every verb of the real program in every way to print, against
// vendors that answer honestly and vendors that echo, with secrets planted in every place
// of the payload that can hold one. Of the verb payload, which prints them, standard error
// is searched.
func TestNothingLeaks(t *testing.T) {
	counted := &searches{runs: map[string]int{}, forms: map[string]int{}, found: map[string]int{}}
	slots := make(chan struct{}, 8) // processes at once, which mostly wait
	t.Run("verbs", func(t *testing.T) {
		for place, bench := range conformance.Benches() {
			t.Run(bench.Name, func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				leakVendor(t, counted, bench, place)
			})
		}
		t.Run("without a vendor", func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			leakAlone(t, counted)
		})
	})
	slices.Sort(counted.verbs)
	var rows [][]any
	var runs, forms, found int
	for _, verb := range counted.verbs {
		rows = append(rows, []any{"`" + verb + "`", counted.runs[verb], counted.forms[verb], counted.found[verb]})
		runs, forms, found = runs+counted.runs[verb], forms+counted.forms[verb], found+counted.found[verb]
	}
	if len(counted.verbs) < 9 {
		return // a part, as go test -run may ask for
	}
	rows = append(rows, []any{"**all**", runs, forms, found})
	reliability.Settle(t, "leaks", "make leaks", reliability.Table([]string{"verb", "runs", "searches", "found"}, rows...))
}

// leakVendor runs the verbs that take a payload against one vendor: rotate, check and
// verify with each fault that sends back what was sent, and inspect, in an eighth of the ways to print
// each, so that the benches together have all.
func leakVendor(t *testing.T, counted *searches, bench conformance.Bench, place int) {
	const parts = 8
	faults := append([]string{""}, echoing...)
	for number, fault := range faults {
		for _, verb := range []string{"rotate", "check", "verify"} {
			for i, way := range ways() {
				if (i+number+place)%parts != 0 {
					continue
				}
				stand, err := bench.Start(bench.User, conformance.Old)
				if err != nil {
					t.Fatal(err)
				}
				if fault != "" {
					injectEverywhere(stand, simulator.KindNamed(fault))
				}
				run := conformance.Run{User: bench.User, Old: conformance.Old, New: conformance.New}
				stdout, stderr := runProgram(t, run.Payload(stand), append([]string{verb, "--timeout", "20"}, way...)...)
				counted.search(t, verb, stdout+stderr, run.Planted(stand), stand.Issued()...)
				if changes := fault == "" && verb == "rotate"; changes && !stand.Accepts(run.New) || !changes && fault == "" && stand.Writes() > 0 {
					t.Errorf("%s has done something else than it should: %s%s", verb, stdout, stderr)
				}
				stand.Close()
			}
		}
	}
	stand, err := bench.Start(bench.User, conformance.Old)
	if err != nil {
		t.Fatal(err)
	}
	defer stand.Close()
	run := conformance.Run{User: bench.User, Old: conformance.Old, New: conformance.New}
	payload := run.Payload(stand)
	for i, way := range ways() {
		if (i+place)%parts != 0 {
			continue
		}
		stdout, stderr := runProgram(t, payload, append([]string{"inspect"}, way...)...)
		counted.search(t, "inspect", stdout+stderr, run.Planted(stand), stand.Issued()...)
	}
}

// echoing are faults whose answers hold what was sent, or lead elsewhere.
var echoing = []string{"echo 400 before", "echo 500 after", "redirect 302 before", "HTML 200 before"}

// injectEverywhere has the first exchange of each name that may go wrong in this way do so.
func injectEverywhere(stand *conformance.Stand, kind simulator.Kind) {
	for _, server := range stand.Servers {
		for _, route := range server.Routes() {
			if kind.AppliesTo(route) {
				server.Inject(simulator.Fault{Exchange: route.Name, Occurrence: 1, Kind: kind})
			}
		}
	}
}

// leakAlone runs the verbs that need no vendor, with secrets wherever they can be given:
// in a payload that is damaged, on standard input where none is wanted, in a description,
// in a recipe's tests.
func leakAlone(t *testing.T, counted *searches) {
	bench := conformance.Teramind()
	stand, err := bench.Start(bench.User, conformance.Old)
	if err != nil {
		t.Fatal(err)
	}
	defer stand.Close()
	run := conformance.Run{User: bench.User, Old: conformance.Old, New: conformance.New}
	payload, secrets := run.Payload(stand), run.Secrets(stand)

	description := filepath.Join(t.TempDir(), "description.yaml")
	text := fmt.Sprintf("user: jane\noldPassword: %q\nnewPassword: %q\naccessRecord:\n  url: https://127.0.0.1:1/tm-api\n  password: %q\n", secrets[0], secrets[1], secrets[2])
	if err := os.WriteFile(description, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte(text+"\n  nonsense: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	recipe, err := filepath.Abs("../../testdata/recipes/teramind.yaml")
	if err != nil {
		t.Fatal(err)
	}
	damaged := []string{payload[:len(payload)/2], payload + payload, "{" + payload, payload[:40] + "!" + payload[40:], strings.Join(secrets, "\n")}
	for _, way := range ways() {
		for _, verb := range []string{"rotate", "check", "verify", "inspect"} {
			for _, input := range damaged {
				stdout, stderr := runProgram(t, input, append([]string{verb}, way...)...)
				counted.search(t, verb+", damaged payload", stdout+stderr, secrets)
			}
		}
		for _, verb := range [][]string{{"targets"}, {"targets", "sps"}, {"version"}, {"recipe", "explain", recipe}, {"recipe", "lint", recipe}, {"help"}} {
			for _, input := range []string{payload, ""} {
				stdout, stderr := runProgram(t, input, append(verb, way...)...)
				name := strings.Join(verb[:min(len(verb), 2)], " ")
				counted.search(t, strings.TrimSuffix(name, " sps"), stdout+stderr, secrets)
			}
		}
		made, stderr := runProgram(t, "", append([]string{"payload", "--from", description}, way...)...)
		if made == "" {
			t.Errorf("no payload was made: %s", stderr)
		}
		counted.search(t, "payload, standard error", stderr, secrets)
		stdout, stderr := runProgram(t, "", append([]string{"payload", "--from", broken}, way...)...)
		counted.search(t, "payload, faulty description", stdout+stderr, secrets)
		stdout, stderr = runProgram(t, payload, append([]string{"payload", "--from", description}, way...)...)
		counted.search(t, "payload, something on standard input", stdout+stderr, secrets)
	}
	for _, name := range []string{recipe, "grafana"} {
		stdout, stderr := runProgram(t, "", "recipe", "test", name)
		counted.search(t, "recipe test", stdout+stderr, secrets)
	}
}
