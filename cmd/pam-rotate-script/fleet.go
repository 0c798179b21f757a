package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"pam-rotate-script/internal/fleet"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/vault"
)

// fleetFlags are those of the verbs that take PAM User records of the vault.
type fleetFlags struct {
	records []string
	all     bool
	script  string
	yes     bool
}

// many reports whether records of the vault are asked for.
func (f fleetFlags) many() bool { return f.all || len(f.records) > 0 }

func (c *command) fleetFlagsOf(verb *cobra.Command) {
	flags := &c.flags.fleet
	verb.Flags().StringArrayVar(&flags.records, "record", nil, "UID of a PAM User record of the vault; may be given several times")
	verb.Flags().BoolVar(&flags.all, "all", false, "all PAM User records of the vault whose rotation script is this program")
	verb.Flags().StringVar(&flags.script, "script", "", "file name, title or UID of the rotation script, where a record has several")
}

func (c *command) verifyVerb() *cobra.Command {
	verb := &cobra.Command{
		Use:   "verify [file]",
		Short: "Say which password is in force, without changing anything",
		Long: `verify is what to do after "unknown", exit code 3. It signs in as the rotated user
with the payload's new password, and if that is rejected with the old one. Nothing is
changed, and no more than two of these sign-ins fail:

  0   the new password is in force
  1   the old one is
  3   neither can be told

Where a vendor has no sign-in to try a password with, or may accept outdated ones, it
says so, with 3.

With --record, or --all, it does so for PAM User records of the vault, with the password
that the vault holds: a table of those that drifted, and the numbers. It exits 0 if no
account drifted, 1 if one did, 3 if that cannot be told of one.`,
		Args: c.fileArgument,
		RunE: func(*cobra.Command, []string) error {
			if c.flags.fleet.many() {
				return c.verifyMany()
			}
			return c.verify()
		},
	}
	c.fleetFlagsOf(verb)
	return verb
}

func (c *command) reconcileVerb() *cobra.Command {
	verb := &cobra.Command{
		Use:   "reconcile --record UID... | --all",
		Short: "Set accounts that drifted to the password that the vault holds",
		Long: `reconcile verifies the accounts of PAM User records of the vault, as verify does, and
sets those that drifted to the password that the vault holds, each by a rotation like any
other. It asks before it does, or takes --yes for an answer. Accounts that did not drift
are not touched. It exits 0 if the vault's passwords are in force then, 1 if one is
certainly not, 3 if that cannot be told of one.`,
		Args: mostArguments(0),
		RunE: func(*cobra.Command, []string) error {
			if !c.flags.fleet.many() {
				return usageError{"reconcile needs --record UID or --all"}
			}
			return c.reconcileMany()
		},
	}
	c.fleetFlagsOf(verb)
	verb.Flags().BoolVar(&c.flags.fleet.yes, "yes", false, "do not ask")
	return verb
}

// verify is the verb for one payload. Whatever fails, its exit code is not 1: that says that the
// old password is in force.
func (c *command) verify() error {
	printer := c.printer()
	unknown := rotation.Unknown.ExitCode
	c.code = unknown()
	before := c.watchBefore(unknown)
	defer before.stop()
	payload, ok, err := c.ready(printer)
	if !ok {
		return err
	}
	var plan *rotation.Plan
	var failed *rotation.Result
	if err == nil {
		plan, failed, err = c.prepare(payload, printer, nil)
	}
	if err == nil && failed == nil {
		plan, failed, err = c.withPending(payload, plan, printer)
	}
	if err != nil {
		failed = c.failed(payload, err)
	}
	if failed != nil {
		printer.Verified(rotation.VerifyResult{Result: *failed, InForce: rotation.NotTold})
		return nil
	}
	before.stop()
	watch := c.watchOver(plan.Timeout(), unknown)
	defer watch.stop()
	result := plan.Verify(c.ctx, nil)
	c.code = result.ExitCode()
	watch.set(c.code)
	printer.Verified(result)
	return nil
}

// withPending has what is pending for the user tried, too: it takes the place of an old password
// that the payload does not have. With an old one, three would be tried, and three failed sign-ins
// lock accounts.
func (c *command) withPending(payload *params.Params, plan *rotation.Plan, printer *report.Printer) (*rotation.Plan, *rotation.Result, error) {
	folder := plan.PendingFolder()
	if folder == "" || payload.UserUID == "" || !vault.Configured(c.vaultOptions()) {
		return plan, nil, nil
	}
	const action = "look for pending passwords"
	ctx, cancel := context.WithTimeout(c.ctx, c.timeout())
	defer cancel()
	keeper, err := c.vault(printer)
	if err != nil {
		return nil, nil, vault.Failure(action, err)
	}
	pending, err := keeper.PendingOf(ctx, folder, payload.UserUID)
	if err != nil {
		return nil, nil, vault.Failure(action, err)
	}
	log := printer.Log("", "")
	for _, one := range pending {
		switch {
		case one.Password.Equal(payload.NewPassword), one.Password.Equal(payload.OldPassword):
			log.Info().Str("record", one.UID).Msg("a pending record holds one of the payload's passwords")
		case payload.OldPassword.IsEmpty():
			payload.OldPassword = one.Password
			return c.prepare(payload, printer, func(options *rotation.Options) {
				options.OldName = "the pending password of the record " + one.UID
			})
		default:
			log.Warn().Str("record", one.UID).Msg("a further password is pending, and is not tried: verify --record tries it with the vault's")
		}
	}
	return plan, nil, nil
}

// openFleet finds and prepares the accounts.
func (c *command) openFleet(printer *report.Printer, verb string, confirm func(int) bool) (*fleet.Fleet, error) {
	flags := c.flags.fleet
	wellFormed := regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)
	for _, uid := range flags.records {
		if !wellFormed.MatchString(uid) {
			return nil, usageError{"what --record was given is not the UID of a record, which has 22 characters"}
		}
	}
	switch {
	case flags.all && len(flags.records) > 0:
		return nil, usageError{"--record and --all cannot be given together"}
	case c.flags.from != "" || c.file != nil && c.arguments > 0 && verb == "":
		return nil, usageError{"--from is one payload, and --record and --all take theirs from the vault"}
	}
	if _, err := c.options(printer); err != nil {
		return nil, err
	}
	if err := c.nothingOnStdin(verb); err != nil {
		return nil, err
	}
	if !vault.Configured(c.vaultOptions()) {
		return nil, &params.Error{
			Problems: []string{"vault: records of the vault need a KSM config, and there is none"},
			Hints:    []string{"give the program one with --ksm-config or in KSM_CONFIG"},
		}
	}
	keeper, err := c.vault(printer)
	if err != nil {
		return nil, vault.Failure("find the accounts", err)
	}
	progress := func(int, int, int) {}
	if file, ok := c.stderr.(*os.File); ok && report.IsTerminal(file) {
		progress = func(done, all, bad int) {
			fmt.Fprintf(file, "\r%d of %d accounts, %d to look at\x1b[K", done, all, bad)
			if done == all {
				fmt.Fprintln(file)
			}
		}
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.timeout())
	defer cancel()
	return fleet.Open(ctx, flags.records, fleet.Options{
		Vault: keeper, Script: flags.script, AccessRecord: c.flags.accessRecord, Progress: progress, Confirm: confirm,
		Prepare: func(payload *params.Params, alter func(*rotation.Options)) (*rotation.Plan, *rotation.Result) {
			payload.Seal(c.payloadOptions(payload))
			if err := c.complete(payload, printer); err != nil {
				return nil, c.failed(payload, err)
			}
			plan, failed, err := c.prepare(payload, printer, func(options *rotation.Options) {
				// Hundreds of accounts do not each tell how they come on, unless a flag says so.
				options.Log = func(string, string) zerolog.Logger { return printer.Log("error", "") }
				alter(options)
			})
			if err != nil {
				return nil, c.failed(payload, err)
			}
			return plan, failed
		},
	})
}

// many does something for the accounts, and reports on them.
func (c *command) many(verb string, confirm func(int) bool, do func(*fleet.Fleet) error) error {
	printer := c.printer()
	c.code = rotation.Unknown.ExitCode()
	found, err := c.openFleet(printer, verb, confirm)
	if err == nil {
		err = do(found)
	}
	if _, usage := err.(usageError); usage {
		return err
	}
	if err != nil {
		result := c.failed(nil, err)
		result.Outcome = rotation.Unknown
		printer.Failure(*result)
		return nil
	}
	lines := found.Lines()
	c.code = fleet.ExitCode(lines)
	if c.flags.json {
		for _, line := range lines {
			printer.Object(line)
		}
		return nil
	}
	printer.Lines(fleet.Report(lines, report.Plain)...)
	if found.Others > 0 {
		printer.Lines(fmt.Sprintf("%d further PAM User records have no rotation script that is this program by its name", found.Others))
	}
	return nil
}

func (c *command) verifyMany() error {
	return c.many("verify", nil, func(f *fleet.Fleet) error {
		f.Verify(c.ctx)
		return nil
	})
}

func (c *command) checkMany() error {
	return c.many("check", nil, func(f *fleet.Fleet) error {
		f.Check(c.ctx)
		return nil
	})
}

func (c *command) reconcileMany() error {
	file, isFile := c.stdin.(*os.File)
	terminal := isFile && report.IsTerminal(file)
	if !terminal && !c.flags.fleet.yes {
		return usageError{"reconcile asks before it changes anything, and standard input is no terminal to answer on; or give it --yes"}
	}
	confirm := func(drifted int) bool {
		if c.flags.fleet.yes {
			return true
		}
		return ask(c.stderr, c.stdin, fmt.Sprintf("%d accounts drifted. Set each to the password that the vault holds? Type yes: ", drifted))
	}
	return c.many("reconcile", confirm, func(f *fleet.Fleet) error {
		if !f.Reconcile(c.ctx) {
			fmt.Fprintln(c.stderr, "nothing was changed")
		}
		return nil
	})
}

// ask reports whether the answer is yes.
func ask(out io.Writer, in io.Reader, question string) bool {
	fmt.Fprint(out, question)
	answer, _ := bufio.NewReader(in).ReadString('\n')
	return strings.EqualFold(strings.TrimSpace(answer), "yes")
}
