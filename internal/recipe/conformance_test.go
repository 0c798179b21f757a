package recipe_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/internal/recipe/recipetest"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/targets/targettest"
)

// quick is a clock that never waits.
type quick struct{}

func (quick) Now() time.Time                                   { return time.Now() }
func (quick) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// rotate runs the payload of a Run with one target, from the payload to the printed result.
func rotate(ctx context.Context, info targets.Info, run targettest.Run, stand *targettest.Stand) targettest.Ended {
	var stdout, stderr bytes.Buffer
	registry := targets.NewRegistry(info)
	scrubber := secret.NewScrubber(append(report.Vocabulary(), registry.Names()...)...)
	streams := scrubber
	if run.Unscrubbed {
		streams = nil
	}
	printer := report.New(&stdout, &stderr, streams, report.Options{LogLevel: "debug"})
	already := stand.Accepts(run.New)
	var result rotation.Result
	payload, err := params.Read(strings.NewReader(run.Payload(stand)), params.Options{Scrubber: scrubber, PublicLabels: registry.PublicLabels()})
	if err != nil {
		result = rotation.Failure(err)
	} else if plan, failed := rotation.Prepare(payload, rotation.Options{
		Registry: registry, Scrubber: scrubber, Log: printer.Log, Clock: quick{}, CallTimeout: run.CallTimeout, Version: "test",
	}); failed != nil {
		result = *failed
	} else {
		result = plan.Rotate(ctx)
	}
	printer.Result(result)
	return targettest.Ended{Result: result, Stdout: stdout.String(), Stderr: stderr.String(), Already: already}
}

func open(t *testing.T, bench targettest.Bench, user string) *targettest.Stand {
	t.Helper()
	stand, err := bench.Start(user, targettest.Old)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stand.Close)
	return stand
}

// TestAsTheGoTargets: a recipe that describes a vendor ends every case of the fault matrix as
// the vendor's target in Go does, and breaks no promise on the way.
func TestAsTheGoTargets(t *testing.T) {
	for _, pair := range []struct{ inGo, inYAML targettest.Bench }{
		{targettest.Teramind(), targettest.RecipeTeramind()},
		{targettest.Venafi(), targettest.RecipeVenafi()},
	} {
		t.Run(pair.inYAML.Name, func(t *testing.T) {
			t.Parallel()
			for _, c := range targettest.FaultCases(t, pair.inGo) {
				t.Run(c.String(), func(t *testing.T) {
					const unscrubbed = true // the harder way for whatever may leak
					_, want := c.Carry(unscrubbed)
					stand := open(t, pair.inYAML, pair.inYAML.User)
					stand.Servers[c.Server].Inject(c.Fault)
					run := targettest.Run{User: pair.inYAML.User, Old: targettest.Old, New: targettest.New, Unscrubbed: unscrubbed}
					if c.Fault.Kind.Hangs {
						run.CallTimeout = 150 * time.Millisecond
					}
					got := rotate(t.Context(), pair.inYAML.Info, run, stand)
					if got.Outcome != want.Outcome || got.Class != want.Class || got.Proof != want.Proof {
						t.Errorf("the recipe ends in %s [%s] %s, the target in Go in %s [%s] %s\n%s\n%s",
							got.Outcome, got.Class, got.Proof, want.Outcome, want.Class, want.Proof, got.Stderr, want.Stderr)
					}
					for _, fault := range run.Faults(pair.inYAML, stand, got) {
						t.Error(fault)
					}
				})
			}
		})
	}
}

// TestAsTheGoTargetsForValues: hostile passwords and names meet the same fate in both. It
// takes a part of the values; the suite takes all.
func TestAsTheGoTargetsForValues(t *testing.T) {
	for _, pair := range []struct{ inGo, inYAML targettest.Bench }{
		{targettest.Teramind(), targettest.RecipeTeramind()},
		{targettest.Venafi(), targettest.RecipeVenafi()},
	} {
		end := func(t *testing.T, bench targettest.Bench, account, user, password string) rotation.Outcome {
			stand := open(t, bench, account)
			defer stand.Close()
			run := targettest.Run{User: user, Old: targettest.Old, New: password}
			ended := rotate(t.Context(), bench.Info, run, stand)
			for _, fault := range run.Faults(bench, stand, ended) {
				t.Errorf("%s: user %q, password %q: %s", bench.Name, user, password, fault)
			}
			return ended.Outcome
		}
		t.Run(pair.inYAML.Name, func(t *testing.T) {
			t.Parallel()
			compare := func(account, user, password string) {
				inGo, inYAML := end(t, pair.inGo, account, user, password), end(t, pair.inYAML, account, user, password)
				if inGo != inYAML {
					t.Errorf("user %q, password %q: the recipe ends in %s, the target in Go in %s", user, password, inYAML, inGo)
				}
			}
			for i, password := range targettest.Passwords() {
				if i%7 == 0 && password != "" {
					compare(pair.inGo.User, pair.inGo.User, password)
				}
			}
			for i, name := range targettest.UserNames() {
				if i%5 == 0 {
					compare(pair.inGo.User, name, targettest.New)
				}
			}
			for _, name := range pair.inGo.Names {
				compare(name, name, targettest.New)
			}
		})
	}
}

// TestInterrupted: told to stop at any moment, a run ends with the truth and gives back what it
// opened.
func TestInterrupted(t *testing.T) {
	for _, bench := range []targettest.Bench{targettest.RecipeTeramind(), targettest.RecipeVenafi()} {
		for number := 1; number <= bench.Exchanges; number++ {
			for _, moment := range []simulator.Moment{simulator.Arrived, simulator.Acted} {
				t.Run(fmt.Sprintf("%s/exchange %d moment %d", bench.Name, number, moment), func(t *testing.T) {
					stand := open(t, bench, bench.User)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					for _, server := range stand.Servers {
						server.Observe(func(exchange simulator.Exchange, now simulator.Moment) {
							if exchange.Number == number && now == moment {
								cancel()
							}
						})
					}
					run := targettest.Run{User: bench.User, Old: targettest.Old, New: targettest.New}
					ended := rotate(ctx, bench.Info, run, stand)
					for _, fault := range run.Faults(bench, stand, ended) {
						t.Error(fault)
					}
				})
			}
		}
	}
}

// TestRecipesOfTheBenches runs the own tests of the recipes that are not built in.
func TestRecipesOfTheBenches(t *testing.T) {
	for _, file := range []string{"teramind.yaml", "venafi.yaml", "harbour.yaml"} {
		loaded, err := recipe.Load(readFile(t, "../../testdata/recipes/"+file), file)
		if err != nil {
			t.Fatal(err)
		}
		if report := recipetest.Test(loaded); !report.OK() || len(report.Notes) > 0 {
			t.Errorf("%s:\n%s", file, strings.Join(report.Lines(), "\n"))
		}
	}
}

// TestTutorial: the recipe of docs/recipes.md is the one that is tested, and is as short as the
// page says.
func TestTutorial(t *testing.T) {
	text := string(readFile(t, "../../testdata/recipes/harbour.yaml"))
	calls, tests, _ := strings.Cut(text, "\ntests:\n")
	if lines := strings.Count(calls, "\n"); lines > 40 {
		t.Errorf("the tutorial's recipe has %d lines", lines)
	}
	page := string(readFile(t, "../../docs/recipes.md"))
	for name, part := range map[string]string{"calls": calls, "first test": strings.Split(tests, "  - name: ")[1]} {
		if !strings.Contains(page, strings.TrimSpace(part)) {
			t.Errorf("docs/recipes.md does not show the %s of harbour.yaml as they are", name)
		}
	}
}

// TestEveryKeyIsDocumented: the reference of docs/recipes.md names each key.
func TestEveryKeyIsDocumented(t *testing.T) {
	page := string(readFile(t, "../../docs/recipes.md"))
	for _, key := range recipe.Keys() {
		if !strings.Contains(page, "`"+key+"`") {
			t.Errorf("docs/recipes.md does not name the key %s", key)
		}
	}
}
