package main

import (
	"strings"

	"github.com/spf13/cobra"

	"pam-rotate-script/internal/report"
)

// explainVerb builds the verb explain, for somebody who has nothing but a log.
func (c *command) explainVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [WORD | \"LINE\"]",
		Short: "Say what an exit code, a class or a line of the log means, and what to do",
		Long: `explain says what is behind the end of a run and what to do about it, offline. It
takes an exit code (3), an outcome (unknown), a class (credential), or a whole line of
the result or the log in double quotes, and without any of these lists the words.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, arguments []string) error { return c.explainWords(arguments) },
	}
}

func (c *command) explainWords(arguments []string) error {
	text := report.Topics()
	if len(arguments) > 0 {
		if text = report.Explain(strings.Join(arguments, " ")); text == "" {
			return usageError{"there is nothing to say about this; pam-rotate-script explain lists the words"}
		}
	}
	c.printer().Lines(text)
	return c.informed("explain")
}
