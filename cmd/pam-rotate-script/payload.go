package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/description"
	"pam-rotate-script/internal/fleet"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/password"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/vault"
	"pam-rotate-script/internal/yamltext"
)

// longestRead bounds a new password that is read, in bytes.
const longestRead = 4096

// stdinPatience is how long payload waits to learn that nothing is on standard input.
const stdinPatience = 2 * time.Second

// payloadFlags are those of the verb payload.
type payloadFlags struct {
	from             string
	newPasswordStdin bool
	length           int
	symbols          string
	script           string
	force            bool
}

func (c *command) payloadVerb() *cobra.Command {
	flags := &c.flags.payload
	verb := &cobra.Command{
		Use:   "payload [UID]",
		Short: "Build the Gateway's payload, for trying by hand; it holds secrets",
		Long: `payload prints what the Keeper Gateway would pipe into the script, one line of
base64, so that a rotation can be tried by hand in one pipe:

  pam-rotate-script payload --from description.yaml | pam-rotate-script check
  pam-rotate-script payload --ksm-config FILE UID | pam-rotate-script rotate

With the UID of a PAM User record it comes from the vault: the record, those linked
to its rotation script (or --access-record in their place), and PAM resource and
configuration as far as the application can see them. With --from it comes from a
description, and no vault is needed.

The new password is the description's, or read with --new-password-stdin, or made:
--length characters, at least one each of lower case, upper case, digits and
--symbols. A made password is nowhere but in the payload: write the payload to a file
that only you can read if you need to know it.

It exits 0 when the payload is printed. Nothing is rotated, so never attach it: it
refuses to run if anything is on standard input.

` + description.Help,
		Args: mostArguments(1),
		RunE: func(verb *cobra.Command, arguments []string) error {
			return c.payloadOut(verb.Flags().Changed, arguments)
		},
	}
	verb.Flags().StringVar(&flags.from, "from", "", "YAML or JSON file that describes the payload")
	verb.Flags().BoolVar(&flags.newPasswordStdin, "new-password-stdin", false, "read the new password, all of it but one line end")
	verb.Flags().StringVar(&flags.script, "script", "", "file name, title or UID of the rotation script, where a record has several")
	verb.Flags().IntVar(&flags.length, "length", password.DefaultLength, "characters of a new password that is made")
	verb.Flags().StringVar(&flags.symbols, "symbols", password.DefaultSymbols, "symbols of a new password that is made; '' for none")
	verb.Flags().BoolVar(&flags.force, "force", false, "print the secrets even to a terminal")
	return verb
}

// payloadOut prints a payload. Apart from it nothing goes to standard output, since
// that is another run's standard input.
func (c *command) payloadOut(given func(flag string) bool, arguments []string) error {
	printer := c.printer()
	if _, err := c.options(printer); err != nil {
		return err
	}
	if err := c.payloadUsage(given, arguments); err != nil {
		return err
	}
	newPassword, err := c.payloadStdin()
	if err != nil {
		return err
	}
	if newPassword.IsEmpty() {
		classes, err := password.Classes(c.flags.payload.symbols)
		if err == nil {
			newPassword, err = password.Generate(rand.Reader, c.flags.payload.length, classes)
		}
		if err != nil {
			return usageError{err.Error()}
		}
	}
	c.scrubber.Add(newPassword)
	made, err := c.payloadText(printer, given, arguments, newPassword)
	var usage usageError
	switch {
	case errors.As(err, &usage):
		return err
	case err != nil:
		printer.Failure(rotation.Failure(err))
		return nil
	}
	// Past the scrubber: it is secrets that were asked for.
	if _, err := io.WriteString(c.stdout, made.Reveal()+"\n"); err != nil {
		printer.Failure(rotation.Failure(&api.Error{Vendor: "payload", Action: "print", Class: api.ClassInput, Cause: "whatever reads standard output has ended"}))
		return nil
	}
	c.code = 0
	return nil
}

// payloadUsage refuses what cannot be meant.
func (c *command) payloadUsage(given func(flag string) bool, arguments []string) error {
	flags := c.flags.payload
	switch {
	case (len(arguments) == 1) == (flags.from != ""):
		return usageError{"payload needs either the UID of a PAM User record or --from FILE"}
	case len(arguments) == 1 && !regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`).MatchString(arguments[0]):
		return usageError{"the argument of payload is not the UID of a record, which has 22 characters"}
	case flags.from != "" && flags.script != "":
		return usageError{"--script goes with a UID; a description has no scripts"}
	case flags.from != "" && c.flags.accessRecord != "":
		return usageError{"--access-record goes with a UID; a description has its own access record"}
	case flags.newPasswordStdin && (given("length") || given("symbols")):
		return usageError{"--length and --symbols are for a password that is made, not for --new-password-stdin"}
	}
	if out, isFile := c.stdout.(*os.File); isFile && report.IsTerminal(out) && !flags.force {
		return usageError{"the payload holds secrets, and standard output is a terminal; pipe it on, or use --force"}
	}
	return nil
}

// nothingOnStdin makes sure that standard input is a terminal or empty, for a verb that may
// exit 0 without a rotation: the Gateway, which takes that for one, always pipes
// something in.
func (c *command) nothingOnStdin(verb string) error {
	held, err := c.stdinHolds(min(stdinPatience, c.timeout()), verb)
	if held {
		err = usageError{"something is on standard input: " + verb + " is not for the Gateway to run, it rotates nothing; by hand, give it < /dev/null"}
	}
	return err
}

// stdinHolds reports whether anything is on standard input, which a terminal does not count as.
func (c *command) stdinHolds(patience time.Duration, verb string) (bool, error) {
	if file, isFile := c.stdin.(*os.File); isFile && report.IsTerminal(file) {
		return false, nil
	}
	text, err := c.readStdin(1, patience, verb)
	return err == nil && len(text) > 0, err
}

// readStdin reads standard input, one byte more than most at the most.
func (c *command) readStdin(most int, patience time.Duration, verb string) ([]byte, error) {
	done := make(chan []byte, 1)
	go func() {
		var text []byte
		defer func() {
			_ = recover()
			done <- text
		}()
		text, _ = io.ReadAll(io.LimitReader(c.stdin, int64(most)+1))
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case text := <-done:
		return text, nil
	case <-c.ctx.Done():
		return nil, usageError{"interrupted while reading standard input"}
	case <-timer.C:
		return nil, usageError{"standard input stays open; " + verb + " is not for the Gateway, and by hand it wants < /dev/null there"}
	}
}

// payloadStdin returns the new password from standard input, if it is to be read. In
// any other case standard input must be a terminal or empty: the Gateway, which takes
// exit code 0 for a rotation, always pipes something in.
func (c *command) payloadStdin() (secret.Value, error) {
	wanted := c.flags.payload.newPasswordStdin
	if file, isFile := c.stdin.(*os.File); isFile && report.IsTerminal(file) {
		if wanted {
			return secret.Value{}, usageError{"standard input is a terminal, where a password would show; pipe it in"}
		}
		return secret.Value{}, nil
	}
	if !wanted {
		return secret.Value{}, c.nothingOnStdin("payload")
	}
	text, err := c.readStdin(longestRead, c.timeout(), "payload")
	if err != nil {
		return secret.Value{}, err
	}
	switch {
	case params.LooksLikePayload(string(text)):
		return secret.Value{}, usageError{"a payload is on standard input, not a password: payload is not for the Gateway to run, it rotates nothing"}
	case len(text) > longestRead:
		return secret.Value{}, usageError{fmt.Sprintf("what is on standard input is longer than %d bytes, which no password is", longestRead)}
	}
	given := strings.TrimSuffix(string(text), "\n")
	if given != string(text) {
		given = strings.TrimSuffix(given, "\r")
	}
	if given == "" || !utf8.ValidString(given) {
		return secret.Value{}, usageError{"the new password on standard input is empty, or is not UTF-8"}
	}
	return secret.New(given), nil
}

// payloadText makes the payload and reads it back, as rotate will: what it could not
// read is not worth printing, and all secrets in it are known to the scrubber then.
func (c *command) payloadText(printer *report.Printer, given func(string) bool, arguments []string, newPassword secret.Value) (secret.Value, error) {
	var parts description.Payload
	var err error
	if len(arguments) == 1 {
		parts, err = c.payloadFromVault(printer, arguments[0])
	} else {
		parts, err = c.payloadFromDescription(c.flags.payload.from)
	}
	if err != nil {
		return secret.Value{}, err
	}
	switch {
	case parts.NewPassword.IsEmpty():
		parts.NewPassword = newPassword
	case c.flags.payload.newPasswordStdin || given("length") || given("symbols"):
		return secret.Value{}, usageError{"the description has a newPassword already"}
	}
	text := parts.Encode()
	if _, err := params.Read(strings.NewReader(text.Reveal()), c.payloadOptions(nil)); err != nil {
		return secret.Value{}, err
	}
	return text, nil
}

func (c *command) payloadFromDescription(path string) (description.Payload, error) {
	type read struct {
		payload description.Payload
		err     error
	}
	done := make(chan read, 1)
	name := report.Plain(filepath.Base(path))
	go func() { // the file may be a pipe that nobody writes to
		payload, err := description.Read(path, name)
		done <- read{payload, err}
	}()
	timer := time.NewTimer(c.timeout())
	defer timer.Stop()
	select {
	case described := <-done:
		if errors.As(described.err, new(yamltext.FileError)) {
			described.err = unreadable("--from", path, described.err)
		}
		return described.payload, described.err
	case <-c.ctx.Done():
		return description.Payload{}, unreadable("--from", path, errors.New("interrupted while reading the file"))
	case <-timer.C:
		return description.Payload{}, unreadable("--from", path, errors.New("the file could not be read in time"))
	}
}

// payloadFromVault reads the payload of a PAM User record from the vault.
func (c *command) payloadFromVault(printer *report.Printer, uid string) (description.Payload, error) {
	const action = "build a payload"
	log := printer.Log("", "")
	if !vault.Configured(c.vaultOptions()) {
		return description.Payload{}, &params.Error{
			Problems: []string{"payload: a UID needs the vault, and there is no KSM config"},
			Hints:    []string{"give the program one with --ksm-config or in KSM_CONFIG, or describe the payload in a file for --from"},
		}
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.timeout())
	defer cancel()
	keeper, err := c.vault(printer)
	if err != nil {
		return description.Payload{}, vault.Failure(action, err)
	}
	found, err := fleet.Payload(ctx, keeper, uid, c.flags.payload.script, c.flags.accessRecord)
	for _, warning := range found.Warnings {
		log.Warn().Msg(warning)
	}
	return found.Payload, vault.Failure(action, err)
}
