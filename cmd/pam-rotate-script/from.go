package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/password"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/vault"
)

// payloadOfDescription reads the payload that --from describes. Something on standard input is
// an error: the Gateway, which takes 0 for a changed password of the user that it pipes in,
// would be told of another one.
func (c *command) payloadOfDescription() (*params.Params, error) {
	held, err := c.stdinHolds(stdinPatience/2, "--from")
	if err != nil {
		return nil, err
	}
	if held {
		return nil, usageError{"something is on standard input, and --from is in its place; by hand, give it < /dev/null"}
	}
	described, err := c.payloadFromDescription(c.flags.from)
	if err != nil {
		return nil, err
	}
	name := report.Plain(filepath.Base(c.flags.from))
	c.warnOfReaders(c.flags.from, name, "passwords")
	if len(described.Records) < 2 && !vault.Configured(c.vaultOptions()) {
		return nil, &params.Error{
			Problems: []string{name + ": accessRecord is missing"},
			Hints:    []string{"put the fields of the access record below a key accessRecord, each indented by two blanks", "pam-rotate-script payload --help shows a description"},
		}
	}
	if described.NewPassword.IsEmpty() {
		if !c.checks {
			return nil, &params.Error{
				Problems: []string{name + ": newPassword is missing, and nobody would know one that is made"},
				Hints:    []string{"put the new password into the description, in single quotes"},
			}
		}
		classes, err := password.Classes(password.DefaultSymbols)
		if err != nil {
			return nil, err
		}
		if described.NewPassword, err = password.Generate(rand.Reader, password.DefaultLength, classes); err != nil {
			return nil, err
		}
	}
	payload, err := described.Params()
	if err == nil {
		payload.Seal(c.payloadOptions(payload))
	}
	return payload, err
}

// warnOfReaders warns of a file that others than its owner can read or write: whoever may write it
// could send the credential elsewhere.
func (c *command) warnOfReaders(path, name, what string) {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o066 != 0 && runtime.GOOS != "windows" {
		log := c.printer().Log("", "")
		log.Warn().Msg("others than its owner can read or write " + name + ", which holds " + what + ": chmod 600")
	}
}

// didYouMean returns words that end a message with the names that resemble a misspelt one,
// which itself is not quoted: it may be anything.
func didYouMean(given string, prefix string, names []string) string {
	known := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, name := range names {
		known.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	found := known.SuggestionsFor(given)
	if len(found) == 0 {
		return ""
	}
	return "; did you mean " + prefix + strings.Join(found, " or "+prefix) + "?"
}

// verbNames are those of the verbs below one.
func verbNames(verb *cobra.Command) []string {
	var names []string
	for _, below := range verb.Commands() {
		if !below.Hidden {
			names = append(names, below.Name())
		}
	}
	return names
}
