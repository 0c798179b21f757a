//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
)

// oneLock tells the benches whose appliance has one configuration lock. SPS gives no
// way to take over or end the transaction of another session, and the killed run took
// its session's cookie with it. So where it had opened one, a second run finds the
// configuration locked and must end unchanged, until SPS drops the transaction: when the
// session has been idle for 20 minutes, or an administrator ends it. From there on a run
// repairs. "sps behind many users" is a version that lets transactions be side by side,
// and needs no waiting.
//
// Every other bench is one that can prove which password is in force, or one where the
// write does no harm when it is repeated: there the second run alone must repair. For
// SailPoint that holds where no rule on old passwords refuses the one that the killed run
// has set already: SailPoint documents nothing by which to tell that refusal from others,
// and no call that tries a password, so the second run would end as not changed.
func oneLock(bench conformance.Bench) bool {
	return strings.HasPrefix(bench.Name, "sps") && bench.Name != "sps behind many users"
}

// TestKilled kills the real program at every moment of every exchange, where it can
// clean up nothing and say nothing. The same payload again must put things right.
func TestKilled(t *testing.T) {
	slots := make(chan struct{}, 6) // processes at once: they mostly wait
	figures := newFigures("sigkill", "runs killed", "repaired by the second run", "repaired once SPS had dropped the lock", "not repaired, or a broken promise")
	t.Run("at", func(t *testing.T) {
		for _, bench := range conformance.Benches() {
			t.Run(bench.Name, func(t *testing.T) {
				t.Parallel()
				var cases sync.WaitGroup
				for number := 1; number <= bench.Exchanges; number++ {
					for _, moment := range []simulator.Moment{simulator.Arrived, simulator.Acted} {
						cases.Go(func() {
							slots <- struct{}{}
							defer func() { <-slots }()
							locked, err := testKilled(bench, number, moment)
							switch {
							case err != nil:
								t.Errorf("exchange %d moment %d: %v", number, moment, err)
								figures.add(bench, 1, 0, 0, 1)
							case locked:
								figures.add(bench, 1, 0, 1, 0)
							default:
								figures.add(bench, 1, 1, 0, 0)
							}
						})
					}
				}
				cases.Wait()
			})
		}
	})
	figures.settle(t, func(bench conformance.Bench) int { return 2 * bench.Exchanges })
}

// testKilled returns every promise that was broken, and whether the lock of the killed run
// had to end before a run could repair.
func testKilled(bench conformance.Bench, number int, moment simulator.Moment) (locked bool, err error) {
	stand, err := bench.Start(bench.User, conformance.Old)
	if err != nil {
		return false, err
	}
	defer stand.Close()
	run := conformance.Run{User: bench.User, Old: conformance.Old, New: conformance.New}
	if err := kill(run, stand, number, moment); err != nil {
		return false, err
	}

	// What the killed run has left open nobody can hold against the next one.
	var abandoned []string
	if stand.LeftOpen != nil {
		abandoned = stand.LeftOpen()
	}
	watched := *stand
	watched.LeftOpen = func() []string {
		if stand.LeftOpen == nil {
			return nil
		}
		if open := stand.LeftOpen(); len(open) > len(abandoned) {
			return open
		}
		return nil
	}
	bench.Writes *= 3

	if oneLock(bench) && len(abandoned) > 0 {
		locked = true
		impatient := run
		impatient.Access = map[string]any{"Lock Wait": "1"}
		ended, err := execute(bench, impatient, &watched)
		if err != nil {
			return locked, err
		}
		if ended.Outcome != rotation.NotChanged || ended.Class != api.ClassConflict || !stand.Accepts(run.Old) {
			return locked, fmt.Errorf("under the killed run's lock: %s [%s]: %s", ended.Outcome, ended.Class, ended.Message)
		}
		if err := endTransactions(stand); err != nil {
			return locked, err
		}
		if abandoned = stand.LeftOpen(); len(abandoned) > 0 {
			return locked, fmt.Errorf("the simulator still has open: %v", abandoned)
		}
	}

	ended, err := execute(bench, run, &watched)
	if err != nil {
		return locked, err
	}
	if ended.Outcome != rotation.Changed || !stand.Accepts(run.New) || stand.Accepts(run.Old) {
		return locked, fmt.Errorf("the second run does not repair: %s [%s]: %s", ended.Outcome, ended.Class, ended.Message)
	}
	return locked, nil
}

// kill starts the program and kills it at a moment of the exchange of that number, counted
// over all servers. It returns when the vendor has done what it was asked for.
func kill(run conformance.Run, stand *conformance.Stand, number int, moment simulator.Moment) error {
	var stdout, stderr bytes.Buffer
	command := exec.Command("pam-rotate-script", "--json", "--log-level", "debug")
	command.Stdin = strings.NewReader(run.Payload(stand))
	command.Stdout, command.Stderr = &stdout, &stderr
	started, acted := make(chan struct{}), make(chan struct{})
	var arrived atomic.Int64
	var once sync.Once
	for _, server := range stand.Servers {
		server.Observe(func(_ simulator.Exchange, now simulator.Moment) {
			// A run has one exchange under way at a time.
			if now == simulator.Arrived {
				arrived.Add(1)
			}
			if arrived.Load() != int64(number) {
				return
			}
			if now == moment {
				<-started
				_ = command.Process.Kill()
			}
			if now == simulator.Acted {
				once.Do(func() { close(acted) })
			}
		})
	}
	if err := command.Start(); err != nil {
		return err
	}
	close(started)
	var exit *exec.ExitError
	if err := command.Wait(); !errors.As(err, &exit) {
		return fmt.Errorf("the program was not killed: %v\n%s", err, stderr.String())
	}
	if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("the program ended by itself: %v\n%s%s", exit, stdout.String(), stderr.String())
	}
	<-acted
	for _, server := range stand.Servers {
		server.Observe(nil)
	}
	if stdout.Len() > 0 {
		return fmt.Errorf("a killed run said: %s", stdout.String())
	}
	for _, secret := range []string{run.Old, run.New} {
		if form := conformance.FindSecret(stderr.String(), secret); form != "" {
			return fmt.Errorf("a killed run printed a secret, %s", form)
		}
	}
	return nil
}

// execute runs the program to its end, and returns an error if it broke a promise or its
// exit code is not its outcome's.
func execute(bench conformance.Bench, run conformance.Run, stand *conformance.Stand) (conformance.Ended, error) {
	var stdout, stderr bytes.Buffer
	command := exec.Command("pam-rotate-script", "--json", "--log-level", "debug")
	command.Stdin = strings.NewReader(run.Payload(stand))
	command.Stdout, command.Stderr = &stdout, &stderr
	ended := conformance.Ended{Already: stand.Accepts(run.New)}
	if stand.FailedLogins != nil {
		ended.FailedBefore = stand.FailedLogins()
	}
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		return ended, err
	}
	ended.Stdout, ended.Stderr = stdout.String(), stderr.String()
	if err := json.Unmarshal(stdout.Bytes(), &ended.Result); err != nil {
		return ended, fmt.Errorf("standard output is no JSON object: %w\n%s\n%s", err, ended.Stdout, ended.Stderr)
	}
	faults := run.Faults(bench, stand, ended)
	if code := command.ProcessState.ExitCode(); code != ended.Outcome.ExitCode() {
		faults = append(faults, fmt.Sprintf("exit code %d for %s", code, ended.Outcome))
	}
	if len(faults) > 0 {
		return ended, fmt.Errorf("%s\nstdout: %s\nstderr: %s", strings.Join(faults, "\n"), ended.Stdout, ended.Stderr)
	}
	return ended, nil
}

// endTransactions has every session of an appliance give its transaction back, as the end
// of the session does.
func endTransactions(stand *conformance.Stand) error {
	server := stand.Servers[0]
	client := server.Client()
	defer client.CloseIdleConnections()
	for _, cookie := range stand.Secrets() {
		request, err := http.NewRequest(http.MethodDelete, server.URL()+"/api/transaction", nil)
		if err != nil {
			return err
		}
		request.Header.Set("Cookie", "session_id="+cookie)
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		_ = answer.Body.Close()
	}
	return nil
}

// TestAgainAndBack: the real program with the same payload after a success does no harm
// and says that the new password is in force, and with the passwords exchanged it puts
// the old one back.
func TestAgainAndBack(t *testing.T) {
	figures := newFigures("again", "runs: first, again, and back", "not changed for certain, or a broken promise")
	t.Run("at", func(t *testing.T) {
		testAgainAndBack(t, figures)
	})
	figures.settle(t, func(conformance.Bench) int { return 3 })
}

func testAgainAndBack(t *testing.T, figures *figures) {
	for _, bench := range conformance.Benches() {
		t.Run(bench.Name, func(t *testing.T) {
			t.Parallel()
			stand, err := bench.Start(bench.User, conformance.Old)
			if err != nil {
				t.Fatal(err)
			}
			defer stand.Close()
			bench.Writes *= 3
			forth := conformance.Run{User: bench.User, Old: conformance.Old, New: conformance.New}
			back := conformance.Run{User: bench.User, Old: conformance.New, New: conformance.Old}
			for _, step := range []struct {
				name string
				run  conformance.Run
			}{{"first", forth}, {"again", forth}, {"back", back}} {
				ended, err := execute(bench, step.run, stand)
				if err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
				wrong := ended.Outcome != rotation.Changed || !stand.Accepts(step.run.New) || stand.Accepts(step.run.Old)
				if wrong {
					t.Errorf("%s: %s [%s]: %s", step.name, ended.Outcome, ended.Class, ended.Message)
				}
				figures.add(bench, 1, broken(wrong))
			}
		})
	}
}
