package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/targets"
)

// withoutPackage stands before the script for bash, which calls a function of the package
// bash-completion. Servers and containers often lack that package; without it words are as bash
// splits them, at = and : as well.
const withoutPackage = `declare -F _get_comp_words_by_ref >/dev/null || _get_comp_words_by_ref() {
    cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
}
`

// completes gives the shells' completions what they cannot know: names and values. Whatever takes
// neither a name nor a file completes to nothing.
func (c *command) completes(root *cobra.Command) {
	none := cobra.FixedCompletions(nil, cobra.ShellCompDirectiveNoFileComp)
	of := func(lists ...[]string) cobra.CompletionFunc {
		return cobra.FixedCompletions(slices.Concat(lists...), cobra.ShellCompDirectiveNoFileComp)
	}
	names := of(targetNames())
	for flag, values := range map[string]cobra.CompletionFunc{
		"target": names, "log-level": of(report.Levels), "log-format": of(report.Formats), "timeout": none, "access-record": none,
		"verify": of([]string{targets.VerifyAuto, targets.VerifyStrict, targets.VerifyOff}),
	} {
		_ = root.RegisterFlagCompletionFunc(flag, values)
	}
	words := []string{string(rotation.Changed), string(rotation.NotChanged), string(rotation.Unknown), "0", "1", "3", "64", "126", "127"}
	for _, class := range api.Classes() {
		words = append(words, string(class))
	}
	for _, verb := range root.Commands() {
		switch verb.Name() {
		case "targets":
			verb.ValidArgsFunction = names
		case "explain":
			verb.ValidArgsFunction = of(words)
		case "payload", "version", "reconcile":
			verb.ValidArgsFunction = none
		case "completion":
			needsNoPackage(verb)
		}
	}
}

// needsNoPackage puts in front of the script for bash what it takes from a package that many
// machines do not have.
func needsNoPackage(completion *cobra.Command) {
	for _, shell := range completion.Commands() {
		if shell.Name() != "bash" {
			continue
		}
		script := shell.RunE
		shell.RunE = func(verb *cobra.Command, arguments []string) error {
			fmt.Fprint(verb.OutOrStdout(), withoutPackage)
			return script(verb, arguments)
		}
	}
}

// onlyHeeded hides the flags of a run from the completion of verbs for which they do nothing.
func onlyHeeded(root *cobra.Command, arguments []string) {
	if len(arguments) > 1 && strings.HasPrefix(arguments[0], cobra.ShellCompRequestCmd) {
		if verb, _, err := root.Find(arguments[1:]); err == nil {
			showHeeded(verb)
		}
	}
}
