// Command pam-rotate-script is attached to a PAM User record as its script: the
// Keeper Gateway pipes one line of base64 JSON into it, it sets the new password
// at the vendor that the linked access record belongs to, proves it, and says the
// truth in its exit code:
//
//	0   changed: the new password is in force
//	1   not changed, for certain
//	3   unknown: the change may or may not have taken effect
//	64  the command line is wrong; nothing was sent
//
// main.go holds the way from the process to the exit code, verbs.go the verbs, version.go
// the verb version, vault.go what comes from the vault, payload.go the verb payload,
// inspect.go the verb inspect, explain.go the verb explain, completion.go what shells
// complete, recipe.go recipes and the verb recipe.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets/all"
	"pam-rotate-script/internal/vault"
)

// exitUsage is EX_USAGE of sysexits.h.
const exitUsage = 64

func main() {
	harden()
	// net/http tells the standard logger of bytes that nobody asked for, and quotes
	// them. A vendor's answer may hold the password.
	log.SetOutput(io.Discard)
	// Without this a reader that has gone away would kill the process at the next
	// line it prints, in the middle of a rotation, with an exit code of its own.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// usageError is a wrong command line.
type usageError struct{ problem string }

func (e usageError) Error() string { return e.problem }

// command is one run of the program.
type command struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	scrubber       *secret.Scrubber
	started        time.Time      // of the process
	arguments      int            // how many there are
	file           *recipe.Recipe // from the file argument, nil if there is none
	flags          flags
	checks         bool // the verb is check, which writes nothing
	getenv         func(name string) string
	seam           *vault.Seam  // tests put a stand-in in Keeper's place
	clock          api.Clock    // tests wait in no time; nil is the machine's
	opened         *vault.Vault // nil until it is needed
	unwritten      error        // of the last write to stdout that failed
	authorities    string       // PEM text that is trusted beside the system's, or ""
	// code is the exit code once the verb has decided on one.
	code int
	// exit ends the process at once; tests put something else in its place.
	exit func(code int)
}

// run is the whole program apart from the process around it.
func run(ctx context.Context, arguments []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newCommand(ctx, stdin, stdout, stderr).run(arguments)
}

func newCommand(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) *command {
	return &command{
		ctx: ctx, started: time.Now(), stdin: stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv, exit: os.Exit,
		scrubber: secret.NewScrubber(slices.Concat(report.Vocabulary(), targetNames())...),
	}
}

// targetNames are the names that --target and the verb targets take: of vendors, then of recipes.
func targetNames() []string { return slices.Concat(all.Registry().Names(), recipe.BuiltInNames()) }

func (c *command) run(arguments []string) (code int) {
	c.arguments = len(arguments)
	defer c.closeVault()
	// The rotation guards itself. A panic out here is before it or after it, so
	// either nothing was sent or the code is set.
	c.code = rotation.NotChanged.ExitCode()
	defer func() {
		if value := recover(); value != nil {
			result := rotation.Failure(&api.Error{
				Vendor: "pam-rotate-script", Action: "run", Class: api.ClassInternal,
				Cause: fmt.Sprintf("the program panicked (%T)", value),
			})
			if c.code != rotation.NotChanged.ExitCode() {
				result.Message += " after the rotation had ended; its exit code stands"
			}
			c.printer().Result(result)
			code = c.code
		}
	}()
	err := strangeWords(arguments)
	if err == nil {
		err = c.carryOut(arguments)
	}
	if err != nil {
		var usage usageError
		if !errors.As(err, &usage) {
			usage.problem = err.Error()
		}
		c.printer().Usage(usage.problem)
		return exitUsage
	}
	return c.code
}

// strangeWords tells of a script with the line ends of Windows, which a shell hands over as a part
// of the last word, and of the dashes that word processors make of a flag's.
func strangeWords(arguments []string) error {
	if len(arguments) > 0 && strings.HasSuffix(arguments[len(arguments)-1], "\r") {
		return usageError{"the last word of the command ends in a carriage return; save the script with Unix line ends"}
	}
	for _, word := range arguments {
		if first, _ := utf8.DecodeRuneInString(strings.TrimPrefix(word, "-")); strings.ContainsRune("‐‑‒–—―−", first) {
			return usageError{"a flag begins with two hyphens, and a word processor has made a dash of them; type them anew"}
		}
	}
	return nil
}

// carryOut finds the verb and does what it says.
func (c *command) carryOut(arguments []string) error {
	if len(arguments) == 0 {
		return c.rotate(nil) // as attached to a record: there is nothing to find
	}
	root := c.root()
	onlyHeeded(root, arguments)
	root.SetArgs(arguments)
	root.SetErr(c.stderr)
	verb, err := root.ExecuteContextC(c.ctx)
	if err == nil && (strings.HasPrefix(verb.Name(), cobra.ShellCompRequestCmd) || verb.Parent() != nil && verb.Parent().Name() == "completion") {
		err = c.informed("completion")
	}
	return err
}

// watched is standard output for what others print there: informed tells of a write that failed.
type watched struct{ c *command }

func (w watched) Write(text []byte) (int, error) {
	if _, err := w.c.stdout.Write(text); err != nil {
		w.c.unwritten = err
	}
	return len(text), nil
}

func (c *command) printer() *report.Printer {
	return report.New(c.stdout, c.stderr, c.scrubber, report.Options{
		JSON: c.flags.json, LogLevel: c.flags.logLevel, LogFormat: c.flags.logFormat, Failed: &c.unwritten,
	})
}
