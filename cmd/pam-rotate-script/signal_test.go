//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/reliability"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/simulator/sailpoint"
)

// TestSignals stops the real program at every moment of every exchange. The vendor
// goes on at once, so the signal and the answer race; whichever wins, the exit code
// must be the truth, nothing may be left open and nothing secret printed.
func TestSignals(t *testing.T) {
	figures := newFigures("sigterm", "runs told to stop", "a lie, something left open, or a secret printed")
	t.Run("at", func(t *testing.T) {
		for _, bench := range conformance.Benches() {
			for number := 1; number <= bench.Exchanges; number++ {
				for _, moment := range []simulator.Moment{simulator.Arrived, simulator.Acted} {
					t.Run(fmt.Sprintf("%s/exchange %d moment %d", bench.Name, number, moment), func(t *testing.T) {
						t.Parallel()
						testSignal(t, bench, number, moment)
						figures.add(bench, 1, broken(t.Failed()))
					})
				}
			}
		}
	})
	figures.settle(t, func(bench conformance.Bench) int { return 2 * bench.Exchanges })
}

// figures are numbers of each vendor for one section of docs/development/reliability.md.
type figures struct {
	section string
	columns []string
	mu      sync.Mutex
	counts  map[string][]int // by the bench's name
}

func newFigures(section string, columns ...string) *figures {
	return &figures{section: section, columns: columns, counts: map[string][]int{}}
}

// add adds to each column of a bench. The first counts runs.
func (f *figures) add(bench conformance.Bench, counts ...int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := f.counts[bench.Name]
	if sum == nil {
		sum = make([]int, len(f.columns))
		f.counts[bench.Name] = sum
	}
	for i, count := range counts {
		sum[i] += count
	}
}

// settle compares the section with the page, if all of it was run.
func (f *figures) settle(t *testing.T, runs func(conformance.Bench) int) {
	t.Helper()
	var rows [][]any
	row := func(name string, counts []int) {
		cells := []any{name}
		for _, count := range counts {
			cells = append(cells, count)
		}
		rows = append(rows, cells)
	}
	all := make([]int, len(f.columns))
	for _, bench := range conformance.Benches() {
		counts := f.counts[bench.Name]
		if counts == nil || counts[0] != runs(bench) {
			return // a part, as go test -run may ask for, or one that has failed early
		}
		row(bench.Name, counts)
		for i, count := range counts {
			all[i] += count
		}
	}
	row("**all**", all)
	reliability.Settle(t, f.section, "make signals", reliability.Table(append([]string{"vendor"}, f.columns...), rows...))
}

// broken is how much a case adds to the broken promises.
func broken(failed bool) int {
	if failed {
		return 1
	}
	return 0
}

// TestSignalWhileTurnedAway stops the real program while SailPoint's rate limit makes its
// one write wait: nothing has left then, and nothing more may leave.
func TestSignalWhileTurnedAway(t *testing.T) {
	bench := conformance.SailPoint()
	for _, moment := range []simulator.Moment{simulator.Arrived, simulator.Acted} {
		for write := 1; write <= 2; write++ {
			t.Run(fmt.Sprintf("write %d moment %d", write, moment), func(t *testing.T) {
				t.Parallel()
				fault := simulator.Fault{Exchange: sailpoint.SetPassword, Kind: simulator.KindNamed("429 before")}
				ended, stand := testSignal(t, bench, 2+write, moment, fault)
				if ended.Outcome != rotation.NotChanged || ended.Writes != 0 || ended.TurnedAway != write || stand.Writes() != write {
					t.Errorf("%s, %d writes turned away, %d arrived: %s", ended.Outcome, ended.TurnedAway, stand.Writes(), ended.Stdout)
				}
			})
		}
	}
}

func testSignal(t *testing.T, bench conformance.Bench, number int, moment simulator.Moment, faults ...simulator.Fault) (conformance.Ended, *conformance.Stand) {
	stand, err := bench.Start(bench.User, conformance.Old)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stand.Close)
	for _, fault := range faults {
		stand.Servers[0].Inject(fault)
	}
	run := conformance.Run{User: bench.User, Old: conformance.Old, New: conformance.New}

	var stdout, stderr bytes.Buffer
	command := exec.Command("pam-rotate-script", "--json", "--log-level", "debug")
	command.Stdin = strings.NewReader(run.Payload(stand))
	command.Stdout, command.Stderr = &stdout, &stderr
	started := make(chan struct{})
	var told atomic.Bool
	stand.At(number, moment, func() {
		<-started
		told.Store(true)
		_ = command.Process.Signal(syscall.SIGTERM)
	})
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	var exit *exec.ExitError
	if err := command.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}

	if !told.Load() {
		t.Error("the program was never told to stop")
	}
	ended := conformance.Ended{Stdout: stdout.String(), Stderr: stderr.String()}
	if err := json.Unmarshal(stdout.Bytes(), &ended.Result); err != nil {
		t.Fatalf("standard output is no JSON object: %v\n%s\n%s", err, ended.Stdout, ended.Stderr)
	}
	for _, fault := range run.Faults(bench, stand, ended) {
		t.Error(fault)
	}
	if code := command.ProcessState.ExitCode(); code != ended.Outcome.ExitCode() {
		t.Errorf("exit code %d for %s", code, ended.Outcome)
	}
	if ended.Writes == 0 && ended.Outcome != rotation.NotChanged {
		t.Errorf("%s without a write", ended.Outcome)
	}
	if t.Failed() {
		t.Logf("stdout: %s\nstderr: %s", ended.Stdout, ended.Stderr)
	}
	return ended, stand
}
