package recipe

import (
	"fmt"
	"slices"
	"strings"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/targets"
)

// mostProblems is how many problems of a recipe a run tells; the verb recipe lint tells all.
const mostProblems = 20

const (
	// HintLint says who tells more about a recipe that does not load.
	HintLint = "pam-rotate-script recipe lint FILE says more about a recipe in a file"
	// HintFields says where the fields of a recipe are listed that does not come with the
	// program.
	HintFields = "pam-rotate-script recipe explain FILE lists the fields of a recipe in a file"

	// ByField says that the access record's field Recipe chose the recipe.
	ByField = "the access record's field " + targets.FieldRecipe
)

// Selection is what decides on the recipe of a run beside the payload.
type Selection struct {
	File         *Recipe          // the file argument, nil if it is no recipe
	Target       string           // the flag --target, "" if it is not given
	AccessRecord string           // the flag --access-record, "" if it is not given
	Registry     targets.Registry // the vendors in Go, whose names come first
	// IsNotation says whether a field's value stands for one in the vault, which is looked
	// up later.
	IsNotation func(text string) bool
}

// Choice is the recipe that a run goes by.
type Choice struct {
	Info targets.Info
	By   string // what chose it
	// FieldsHint says where its fields are listed, "" for the verb targets.
	FieldsHint string
}

// Choose returns the recipe that a payload is rotated by: the file argument, the name in the
// flag, the access record's field Recipe, the name in its field Target. It is nil if it is none
// of them, and also while the access record is not known yet. The error is a
// *params.Error. No field of the PAM User record counts.
func Choose(payload *params.Params, selection Selection) (*Choice, error) {
	named := func(name, by string) *Choice {
		if _, inGo := selection.Registry.Find(name); !inGo {
			if info, ok := BuiltIn(name); ok {
				return &Choice{Info: info, By: by}
			}
		}
		return nil
	}
	switch {
	case selection.File != nil:
		return &Choice{selection.File.Info(), "the recipe file", HintFields}, nil
	case selection.Target != "":
		return named(selection.Target, "--target"), nil
	}
	access, err := payload.AccessRecord(selection.AccessRecord)
	if err != nil {
		return nil, nil // the preparation of the run says so
	}
	fields := params.NewSettings(slices.DeleteFunc(targets.CommonFields(targets.Info{}), func(field params.Field) bool {
		return field.Label != targets.FieldRecipe && field.Label != targets.FieldTarget
	}), access, params.Record{}, nil, nil)
	if source := fields.Text(targets.FieldRecipe); source != "" {
		if selection.IsNotation(source) {
			return nil, nil
		}
		return fromField(payload, access, source)
	}
	name := fields.Text(targets.FieldTarget)
	if chosen := named(name, "the access record's field "+targets.FieldTarget); chosen != nil {
		return chosen, nil
	}
	if _, inGo := selection.Registry.Find(name); name == "" || inGo || selection.IsNotation(name) {
		return nil, nil
	}
	unknown := targets.UnknownTarget("the target that the field Target names is not known", name, selection.Registry.Names(), BuiltInNames())
	unknown.Hints = append(unknown.Hints, "the access record is "+access.String())
	return nil, unknown
}

// fromField loads the recipe in the access record's field Recipe.
func fromField(payload *params.Params, access params.Record, source string) (*Choice, error) {
	if payload.IsUsers(access) {
		return nil, &params.Error{
			Problems: []string{"field Recipe: a recipe is not taken from the PAM User's own record"},
			Hints:    []string{"use an access record of its own, or attach the recipe as a file"},
		}
	}
	loaded, err := Load([]byte(source), "field Recipe")
	if err != nil {
		return nil, &params.Error{Problems: FirstProblems(err), Hints: []string{HintLint}}
	}
	return &Choice{loaded.Info(), ByField, HintFields}, nil
}

// FirstProblems are the first of the problems that Load returns, one a line, without a word
// of the recipe.
func FirstProblems(err error) []string {
	lines := strings.Split(err.Error(), "\n")
	if more := len(lines) - mostProblems; more > 0 {
		lines = append(lines[:mostProblems], fmt.Sprintf("and %d more", more))
	}
	return lines
}
