package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/targets/all"
)

type flags struct {
	accessRecord, target  string
	ksmConfig             string
	from                  string // of rotate and check: a description in the place of the pipe
	timeout, verify       string
	logLevel, logFormat   string
	json, exitZero, pages bool
	version               bool
	payload               payloadFlags
	fleet                 fleetFlags
}

const aboutRoot = `pam-rotate-script reads the Keeper Gateway's payload from standard input, finds
the linked access record ("API Access Details"), sets the new password at the
vendor that it belongs to, proves it, and says the truth in its exit code:

  0   changed: the new password is in force
  1   not changed, for certain
  3   unknown: the change may or may not have taken effect
  64  the command line is wrong; nothing was sent

Without a verb it rotates. A file that holds more than comments is a recipe, which
describes the vendor's API: see recipe --help. Nothing secret is ever printed.

To try it by hand, describe the payload in a file (see payload --help):

  pam-rotate-script check --from teramind.yaml
  pam-rotate-script rotate --from teramind.yaml`

const aboutCheck = `check does everything but the write: it decodes the payload, signs in, finds the
account, and lists the calls of a rotation.

It exits 1, "not changed", even if a rotation could go ahead, because the Gateway
would take 0 for a changed password. With --exit-zero it exits 0 then.

With --record, or --all, it does so for PAM User records of the vault, tells which
are not ready, and exits 0 if all are: whether a vault is ready for its first night.`

const aboutInspect = `inspect is the first thing to attach to a record on a new Gateway. It prints how it
was started (user, directory, streams, which environment variables are set), the keys,
types, titles and UIDs of the payload, which access record and target would be chosen
and why, and where a KSM config would come from. It prints no value of any of these,
sends nothing and opens no config.

It exits 1, "not changed", because the Gateway would take 0 for a changed
password. With --exit-zero it exits 0 if the payload can be read. With --json it
prints one object.`

// root builds the verbs. The root itself is rotate, since an attached binary gets
// no arguments.
func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use: "pam-rotate-script [rotate] [file]", Short: "Set and prove a password at a vendor, as the script of a KeeperPAM User record", Long: aboutRoot,
		Args: c.fileArgument, SilenceErrors: true, SilenceUsage: true,
		RunE: func(_ *cobra.Command, arguments []string) error {
			if c.flags.version {
				return c.version()
			}
			return c.rotate(arguments)
		},
	}
	root.PersistentPreRunE = noFlagIsEmpty
	root.Flags().BoolVar(&c.flags.version, "version", false, "print version, commit and its date")
	root.SetFlagErrorFunc(flagError)
	c.runFlagsOf(root)

	rotate := &cobra.Command{
		Use: "rotate [file]", Short: "Rotate; what happens without a verb", Args: c.fileArgument,
		RunE: func(_ *cobra.Command, arguments []string) error { return c.rotate(arguments) },
	}
	check, verify, inspect := c.checkVerb(), c.verifyVerb(), c.inspectVerb()
	for _, verb := range []*cobra.Command{check, inspect} {
		verb.Flags().BoolVar(&c.flags.exitZero, "exit-zero", false, "exit 0 on success; never attach it like this")
	}
	for _, verb := range []*cobra.Command{root, rotate, check, verify} {
		verb.Flags().StringVar(&c.flags.from, "from", "", "YAML or JSON file that describes the payload, in the place of the pipe; see payload --help")
	}
	root.AddCommand(rotate, check, verify, c.reconcileVerb(), inspect, c.payloadVerb(), c.recipeVerb(), c.targetsVerb(), c.explainVerb(), c.versionVerb())
	root.SetOut(watched{c}) // before the completions, which keep it
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	c.completes(root)
	for _, verb := range root.Commands() {
		if verb.Name() == "help" {
			verb.Args = knownVerb(root)
		}
		verb.SilenceUsage = true
	}
	root.SetHelpFunc(helpWithExitCode(c, root.HelpFunc()))
	return root
}

// runFlagsOf gives all verbs the flags of a run.
func (c *command) runFlagsOf(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&c.flags.accessRecord, "access-record", "", "UID or title of the access record, in the payload or else in the vault")
	flags.StringVar(&c.flags.target, "target", "", "the vendor or built-in recipe, whatever the access record says")
	flags.StringVar(&c.flags.timeout, "timeout", "", "seconds for the whole run")
	flags.StringVar(&c.flags.verify, "verify", "", "auto, strict or off: how a change is proved")
	flags.StringVar(&c.flags.ksmConfig, "ksm-config", "", "file with a KSM config, for what the payload lacks; else KSM_CONFIG or GATEWAY_CONFIG")
	flags.BoolVar(&c.flags.json, "json", false, "print the result as one JSON object")
	flags.StringVar(&c.flags.logLevel, "log-level", "", "debug, info, warn or error")
	flags.StringVar(&c.flags.logFormat, "log-format", "", "console or json")
}

// noFlagIsEmpty refuses a flag without a value: most often a variable of a shell that is not set.
func noFlagIsEmpty(verb *cobra.Command, _ []string) (err error) {
	verb.Flags().Visit(func(flag *pflag.Flag) {
		if flag.Value.Type() == "string" && flag.Value.String() == "" && flag.Name != "symbols" {
			err = usageError{"--" + flag.Name + " needs a value"}
		}
	})
	return err
}

// knownVerb refuses a word behind help that is no verb.
func knownVerb(root *cobra.Command) cobra.PositionalArgs {
	return func(_ *cobra.Command, names []string) error {
		found, rest, err := root.Find(names)
		if err != nil || len(rest) > 0 {
			return usageError{"there is no such verb" + didYouMean(names[len(names)-1], "", verbNames(found))}
		}
		return nil
	}
}

func (c *command) checkVerb() *cobra.Command {
	verb := &cobra.Command{
		Use: "check [file]", Short: "Do everything but the write: sign in, find the account, list the calls", Long: aboutCheck, Args: c.fileArgument,
		RunE: func(_ *cobra.Command, arguments []string) error {
			c.checks = true
			if c.flags.fleet.many() {
				return c.checkMany()
			}
			return c.check(arguments)
		},
	}
	c.fleetFlagsOf(verb)
	return verb
}

func (c *command) inspectVerb() *cobra.Command {
	return &cobra.Command{
		Use: "inspect [file]", Short: "Print how it was started and the shape of a payload, never a value", Long: aboutInspect, Args: c.fileArgument,
		RunE: func(_ *cobra.Command, arguments []string) error { return c.inspect(arguments) },
	}
}

func (c *command) targetsVerb() *cobra.Command {
	verb := &cobra.Command{
		Use: "targets [name]", Short: "List the vendors, or the fields of one", Args: mostArguments(1),
		RunE: func(_ *cobra.Command, arguments []string) error { return c.targets(arguments) },
	}
	verb.Flags().BoolVar(&c.flags.pages, "markdown", false, "print the documentation page of the vendor")
	return verb
}

func (c *command) versionVerb() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print version, commit and its date; with --json, one object", Args: mostArguments(0),
		RunE: func(*cobra.Command, []string) error { return c.version() },
	}
}

// flagError says what is wrong with a flag. The library's own words quote what was
// given, which may be anything.
func flagError(verb *cobra.Command, err error) error {
	var (
		value   *pflag.InvalidValueError
		missing *pflag.ValueRequiredError
		unknown *pflag.NotExistError
	)
	switch {
	case errors.As(err, &value):
		return usageError{"--" + value.GetFlag().Name + " does not take this value"}
	case errors.As(err, &missing):
		return usageError{"--" + missing.GetFlag().Name + " needs a value"}
	case errors.As(err, &unknown):
		var names []string
		verb.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
		name, _, _ := strings.Cut(unknown.GetSpecifiedName(), ":")
		return usageError{"there is no such flag" + didYouMean(name, "--", names)}
	}
	return usageError{"there is no such flag"}
}

// mostArguments bounds the arguments of a verb, without quoting them.
func mostArguments(most int) cobra.PositionalArgs {
	return func(verb *cobra.Command, arguments []string) error {
		if len(arguments) > most {
			return usageError{fmt.Sprintf("%s takes no more than %d arguments", verb.Name(), most)}
		}
		return nil
	}
}

// helpWithExitCode lets a wanted help exit with 0.
func helpWithExitCode(c *command, help func(*cobra.Command, []string)) func(*cobra.Command, []string) {
	return func(verb *cobra.Command, arguments []string) {
		showHeeded(verb)
		help(verb, arguments)
		if err := c.informed("--help"); err != nil {
			c.code = exitUsage
			c.printer().Usage(err.Error())
		}
	}
}

// showHeeded hides the flags of a run where they do nothing, though every verb takes them.
func showHeeded(verb *cobra.Command) {
	verb.InheritedFlags().VisitAll(func(flag *pflag.Flag) { flag.Hidden = !heeds(verb, flag.Name) })
}

// heeds reports whether a flag of a run does anything for a verb.
func heeds(verb *cobra.Command, flag string) bool {
	switch verb.Name() {
	case "version":
		return flag == "json"
	case "payload":
		return flag == "access-record" || flag == "ksm-config" || flag == "timeout"
	case "rotate", "check", "inspect":
		return true
	case "verify", "reconcile":
		return flag != "verify"
	}
	return !verb.HasParent()
}

// informed ends a verb that only tells something, with exit code 0. Where something is on
// standard input it is an error: the Gateway, which takes 0 for a changed password, always
// pipes something in, and here nothing was rotated.
func (c *command) informed(verb string) error {
	// A pipe that stays open may be a Gateway's that is slow.
	held, err := c.stdinHolds(stdinPatience/2, verb)
	if held {
		err = usageError{"something is on standard input: " + verb + " rotates nothing; by hand, give it < /dev/null"}
	}
	if err == nil {
		c.code = 0
	}
	return c.written(err)
}

// written reports a full disk, which whoever reads the file later would not notice. A reader that has
// seen enough is none of this program's business.
func (c *command) written(err error) error {
	if err == nil && c.unwritten != nil && !errors.Is(c.unwritten, syscall.EPIPE) {
		err = usageError{"standard output cannot be written to: is the disk full?"}
	}
	return err
}

// options turns flags into those of a run.
func (c *command) options(printer *report.Printer) (rotation.Options, error) {
	options := rotation.Options{
		Registry: all.Registry(), AccessRecord: c.flags.accessRecord, Target: c.flags.target,
		Settings: map[string]string{}, Scrubber: c.scrubber, Log: printer.Log, Version: version, Started: c.started,
	}
	oneOf := func(flag, value string, values []string) error {
		if value == "" || slices.Contains(values, value) {
			return nil
		}
		return usageError{fmt.Sprintf("--%s takes one of %s", flag, strings.Join(values, ", ")) + didYouMean(value, "", values)}
	}
	verify := []string{targets.VerifyAuto, targets.VerifyStrict, targets.VerifyOff}
	err := errors.Join(
		oneOf("target", c.flags.target, targetNames()),
		oneOf("verify", c.flags.verify, verify),
		oneOf("log-level", c.flags.logLevel, report.Levels),
		oneOf("log-format", c.flags.logFormat, report.Formats),
	)
	if c.file != nil && c.flags.target != "" {
		err = errors.Join(err, usageError{"--target and a recipe cannot be given together"})
	}
	if c.flags.timeout != "" {
		if seconds, invalid := strconv.Atoi(c.flags.timeout); invalid != nil || seconds < 1 || seconds > 86400 {
			err = errors.Join(err, usageError{"--timeout takes whole seconds from 1 to 86400"})
		}
		options.Settings[targets.FieldTimeout] = c.flags.timeout
	}
	if c.flags.verify != "" {
		options.Settings[targets.FieldVerify] = c.flags.verify
	}
	return options, err
}

// plan reads the payload and prepares a run. ok is false if there is none, and the
// result is printed.
func (c *command) plan(printer *report.Printer) (plan *rotation.Plan, ok bool, err error) {
	defer c.watchBefore(rotation.NotChanged.ExitCode).stop()
	payload, ok, err := c.ready(printer)
	if !ok {
		return nil, false, err
	}
	var failed *rotation.Result
	if err == nil {
		plan, failed, err = c.prepare(payload, printer, nil)
	}
	if err != nil {
		failed = c.failed(payload, err)
	}
	if failed != nil {
		c.code = failed.Outcome.ExitCode()
		printer.Result(*failed)
		return nil, false, nil
	}
	return plan, true, nil
}

// ready reads the payload, and completes it from the vault. ok is false if the command line is
// wrong, or if help was printed instead; any other error is that of the run.
func (c *command) ready(printer *report.Printer) (payload *params.Params, ok bool, err error) {
	if _, err := c.options(printer); err != nil {
		return nil, false, err
	}
	payload, ok, err = c.payload()
	if !ok || errors.As(err, new(usageError)) {
		return nil, false, err
	}
	if err == nil {
		err = c.complete(payload, printer)
	}
	return payload, true, err
}

// prepare makes a run of a complete payload, with the options that flags and recipe give; alter
// may be nil. A failed run has its result. An error is one of the recipe.
func (c *command) prepare(payload *params.Params, printer *report.Printer, alter func(*rotation.Options)) (*rotation.Plan, *rotation.Result, error) {
	options, err := c.options(printer)
	if err == nil {
		_, err = c.goByRecipe(payload, &options)
	}
	if err != nil {
		return nil, nil, err
	}
	options.Keeper, options.Clock = keeper{c, printer}, c.clock
	if alter != nil {
		alter(&options)
	}
	plan, failed := rotation.Prepare(payload, options)
	return plan, failed, nil
}

// failed is the end of a run that could not be prepared; payload may be nil.
func (c *command) failed(payload *params.Params, err error) *rotation.Result {
	result := rotation.Failure(err)
	result.Version = version
	if payload != nil {
		result.User = payload.User
	}
	return &result
}

func (c *command) rotate([]string) error {
	printer := c.printer()
	plan, ok, err := c.plan(printer)
	if !ok {
		return err
	}
	c.code = rotation.Unknown.ExitCode() // until there is a result
	watch := c.watchOver(plan.Timeout(), func() int {
		if plan.WriteLeft() {
			return rotation.Unknown.ExitCode()
		}
		return rotation.NotChanged.ExitCode()
	})
	defer watch.stop()
	result := plan.Rotate(c.ctx)
	c.code = result.Outcome.ExitCode()
	watch.set(c.code)
	printer.Result(result)
	return nil
}

func (c *command) check([]string) error {
	printer := c.printer()
	plan, ok, err := c.plan(printer)
	if !ok {
		return err
	}
	watch := c.watchOver(plan.Timeout(), rotation.NotChanged.ExitCode)
	defer watch.stop()
	result := plan.Check(c.ctx)
	if result.Class == "" && c.flags.exitZero {
		c.code = 0
	}
	printer.Check(result)
	return nil
}

func (c *command) targets(arguments []string) error {
	printer := c.printer()
	registry := all.Registry()
	if len(arguments) == 0 {
		for _, info := range registry {
			printer.Lines(fmt.Sprintf("%-14s %s", info.Name, info.Summary))
		}
		for _, name := range recipe.BuiltInNames() {
			if info, ok := recipe.BuiltIn(name); ok {
				printer.Lines(fmt.Sprintf("%-14s %s (recipe)", name, info.Summary))
			}
		}
		return c.informed("targets")
	}
	info, ok := registry.Find(arguments[0])
	if !ok {
		info, ok = recipe.BuiltIn(arguments[0])
	}
	if !ok {
		names := targetNames()
		return usageError{"there is no such target; there are " + strings.Join(names, ", ") + didYouMean(arguments[0], "", names)}
	}
	if c.flags.pages {
		printer.Lines(strings.TrimSuffix(report.Page(info), "\n"))
	} else {
		printer.Lines(report.Fields(info)...)
	}
	return c.informed("targets")
}
