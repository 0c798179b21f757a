package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pam-rotate-script/internal/description"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/internal/recipe/recipetest"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/targets/all"
	"pam-rotate-script/internal/vault"
	"pam-rotate-script/internal/yamltext"
)

// fileArgument reads the one argument that the Gateway appends when a script command is
// set: the attached file, which is also what the kernel appends behind a #! line. A file that
// holds nothing but comments says nothing; anything else is a recipe.
func (c *command) fileArgument(verb *cobra.Command, arguments []string) error {
	switch len(arguments) {
	case 0:
		return nil
	case 1:
	default:
		if c.flags.from != "" {
			return errWordTooMany
		}
		return usageError{"at most one file can be given"}
	}
	source, err := readRecipe(arguments[0])
	if err != nil {
		if c.flags.from != "" && verb.HasParent() {
			return errWordTooMany
		}
		if !isMissing(err, arguments[0]) {
			return unreadable("", arguments[0], err)
		}
		return usageError{"the argument is neither a verb nor a file that can be read" + didYouMean(arguments[0], "", verbNames(verb.Root()))}
	}
	if onlyComments(source) {
		return nil
	}
	c.file, err = loadFile(source, report.Plain(filepath.Base(arguments[0])))
	return err
}

var errWordTooMany = usageError{"behind the file of --from there is a word too many: a name with blanks needs quotes"}

// readRecipe reads a file that is to be a recipe. The error is a yamltext.FileError.
func readRecipe(path string) ([]byte, error) {
	// A pipe could keep the program waiting for good.
	if info, err := os.Stat(path); err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		return nil, yamltext.FileError{Problem: "it is no file, but a pipe or a device"}
	}
	source, err := yamltext.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if text, ok := params.InUTF8(string(source)); ok {
		source = []byte(text)
	}
	return source, nil
}

// isMissing reports whether an error of readRecipe is that there is no such file, and path may
// be another word that is meant.
func isMissing(err error, path string) bool {
	var file yamltext.FileError
	return errors.As(err, &file) && file.Missing && !params.LooksLikePayload(path)
}

// unreadable is the error of a file that is named on the command line, by the flag before or
// by none.
func unreadable(before, path string, err error) error {
	if params.LooksLikePayload(path) {
		return usageError{"a payload was given as an argument, which others on this machine can see: it goes into the pipe"}
	}
	named := strings.TrimSpace(before + " " + quotable(path))
	return usageError{strings.TrimPrefix(named+": "+err.Error(), ": ")}
}

// quotable is what a file that is named on the command line is called in a message. What is not
// there may never have been a file's name, but a payload, a config or a token: it is quoted only
// if it ends as the names of such files do, and is "" otherwise.
func quotable(path string) string {
	endings := []string{".yaml", ".yml", ".json", ".txt"}
	if _, err := os.Lstat(path); err != nil && path != "-" && !slices.Contains(endings, strings.ToLower(filepath.Ext(path))) {
		return ""
	}
	return report.Plain(filepath.Base(path))
}

func onlyComments(source []byte) bool {
	for line := range bytes.Lines(bytes.TrimPrefix(source, []byte("\xef\xbb\xbf"))) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// noDescription tells of a description in a recipe's place.
func noDescription(source []byte) error {
	if description.Is(source) {
		return usageError{"the file describes a payload and is no recipe; did you mean --from, as in pam-rotate-script check --from FILE?"}
	}
	return nil
}

// loadFile loads a recipe from a file. What the file was taken for may be anything, so that
// nothing of it is quoted.
func loadFile(source []byte, name string) (*recipe.Recipe, error) {
	if err := noDescription(source); err != nil {
		return nil, err
	}
	loaded, err := recipe.Load(source, name)
	if err != nil {
		return nil, usageError{"the file holds something other than comments, and is no usable recipe:\n" +
			strings.Join(append(recipe.FirstProblems(err), "hint: "+recipe.HintLint), "\n")}
	}
	return loaded, nil
}

// recipeFor returns the recipe that a payload is rotated by, or nil.
func (c *command) recipeFor(payload *params.Params) (*recipe.Choice, error) {
	return recipe.Choose(payload, recipe.Selection{
		File: c.file, Target: c.flags.target, AccessRecord: c.flags.accessRecord, Registry: all.Registry(), IsNotation: vault.IsNotation,
	})
}

// goByRecipe lets a run go by its recipe, if it has one.
func (c *command) goByRecipe(payload *params.Params, options *rotation.Options) (*recipe.Choice, error) {
	chosen, err := c.recipeFor(payload)
	if chosen != nil {
		options.Registry = targets.NewRegistry(append(slices.Clip(options.Registry), chosen.Info)...)
		options.Target, options.FieldsHint = chosen.Info.Name, chosen.FieldsHint
	}
	return chosen, err
}

// recipeVerb is the verb for those who write recipes. None of its verbs sends anything.
func (c *command) recipeVerb() *cobra.Command {
	verb := &cobra.Command{
		Use:   "recipe",
		Short: "Look at a recipe: lint, explain, test",
		Long: `recipe is for those who write recipes: YAML files that describe how a password is
changed at some REST API. Nothing is sent, and no payload is read: it refuses to run if
anything is on standard input, since the Gateway would take its exit code for a rotation.

A recipe is used by naming its file behind rotate, check or inspect, by a first line
#!/usr/local/bin/pam-rotate-script rotate, in the access record's field Recipe, or, if
it comes with the program, by its name in the field Target. These come with it:

  ` + strings.Join(recipe.BuiltInNames(), ", "),
		RunE: func(*cobra.Command, []string) error {
			return usageError{"recipe needs one of lint, explain, test, and what to look at"}
		},
	}
	add := func(use, short, long string, run func(name string) error) {
		verb.AddCommand(&cobra.Command{
			Use: use, Short: short, Long: long, SilenceUsage: true,
			RunE: func(verb *cobra.Command, arguments []string) error {
				if len(arguments) != 1 {
					return usageError{"recipe " + verb.Name() + " takes one argument"}
				}
				if err := c.nothingOnStdin("recipe " + verb.Name()); err != nil {
					return err
				}
				return run(arguments[0])
			},
		})
	}
	add("lint FILE", "Say everything that is wrong with a recipe",
		`lint says everything that is wrong with a recipe, with line and column, and quotes the
word that is meant. It exits 1 if the recipe does not load, and 0 if there are no more
than warnings.`, c.lint)
	add("explain FILE|NAME", "Say in words what a recipe does",
		`explain prints the calls of a recipe in words, marks the write, says which outcomes it
can prove, and lists its fields.`, c.explain)
	add("test FILE|NAME", "Run a recipe's own tests, with faults and hostile passwords",
		`test runs the recipe's own tests against their recorded answers. It then breaks them at
every exchange, and sends passwords that break programs which put text together. It
exits 1 if anything ends otherwise than it should. Nothing leaves the program.`, c.test)
	return verb
}

func (c *command) lint(path string) error {
	source, err := readRecipe(path)
	if err != nil {
		return unreadable("", path, err)
	}
	if err := noDescription(source); err != nil {
		return err
	}
	printer := c.printer()
	c.code = 0
	problems := recipe.Lint(source)
	for _, problem := range problems {
		problem.File = report.Plain(path)
		printer.Lines(problem.String())
		if !problem.Warning {
			c.code = rotation.NotChanged.ExitCode()
		}
	}
	if len(problems) == 0 {
		printer.Lines(report.Plain(path) + ": no problems")
	}
	return nil
}

// open loads a recipe from a file or, where there is no such file, by the name under which it
// comes with the program.
func (c *command) open(name string) (*recipe.Recipe, targets.Info, error) {
	source, err := readRecipe(name)
	if err != nil {
		builtIn, ok := recipe.BuiltInSource(name)
		if !ok && !isMissing(err, name) {
			return nil, targets.Info{}, unreadable("", name, err)
		}
		if !ok {
			return nil, targets.Info{}, usageError{"the argument is neither a recipe that comes with the program nor a file that can be read"}
		}
		loaded, err := loadFile(builtIn, name)
		info, _ := recipe.BuiltIn(name)
		return loaded, info, err
	}
	loaded, err := loadFile(source, report.Plain(name))
	if err != nil {
		return nil, targets.Info{}, err
	}
	return loaded, loaded.Info(), nil
}

func (c *command) explain(name string) error {
	loaded, info, err := c.open(name)
	if err != nil {
		return err
	}
	printer := c.printer()
	printer.Lines(recipe.Explain(loaded)...)
	printer.Lines(report.Fields(info)[1:]...)
	c.code = 0
	return nil
}

func (c *command) test(name string) error {
	loaded, _, err := c.open(name)
	if err != nil {
		return err
	}
	found := recipetest.Test(loaded)
	c.printer().Lines(found.Lines()...)
	if found.OK() {
		c.code = 0
	}
	return nil
}
