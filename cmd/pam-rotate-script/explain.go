package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/report"
)

// mostExplained bounds what explain reads, in bytes: the log of a night.
const mostExplained = 1 << 20

// explainVerb builds the verb explain, for somebody who has nothing but a log.
func (c *command) explainVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [WORD | \"LINE\" | -]",
		Short: "Say what an exit code, a class or lines of the log mean, and what to do",
		Long: `explain says what is behind the end of a run and what to do about it, offline. It
takes an exit code (3), an outcome (unknown), a class (credential), or a whole line of
the result or the log in double quotes, and without any of these lists the words. With -
it reads as many lines as are piped in. It prints nothing of what it is given.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, arguments []string) error { return c.explainWords(arguments) },
	}
}

func (c *command) explainWords(arguments []string) error {
	text := report.Topics()
	piped := slices.Equal(arguments, []string{"-"})
	if len(arguments) > 0 {
		given := strings.Join(arguments, " ")
		if piped {
			read, err := c.readStdin(mostExplained, c.timeout(), "explain")
			if err != nil {
				return err
			}
			given = string(read)
			if text, ok := params.InUTF8(given); ok {
				given = text
			}
			if params.LooksLikePayload(given) {
				return usageError{"something is on standard input that is a payload: explain rotates nothing"}
			}
		}
		if text = report.Explain(given, targetNames()...); text == "" {
			return usageError{"there is nothing to say about this; give explain the whole result line, which begins with changed, not-changed or unknown"}
		}
	}
	c.printer().Lines(text)
	if piped {
		c.code = 0
		return c.written(nil)
	}
	return c.informed("explain")
}
