package rotation

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/targets"
)

// Keeper is the vault, as far as it saves what a change returns. Its errors are safe
// to print: *api.Error or *params.Error. It refuses to save to the password field.
type Keeper interface {
	// CanSave reports with an error what would keep Save from saving to custom fields
	// with these labels. It changes nothing.
	CanSave(ctx context.Context, recordUID string, labels ...string) error
	// Save puts values into custom fields of a record. The Left of an *api.Error says
	// that they may be there in spite of it.
	Save(ctx context.Context, recordUID string, values ...targets.Returned) error
}

// canKeep makes sure, once and before the write, that what the change returns can be saved:
// it may be nothing that can be had again.
func (r *run) canKeep() error {
	returner, ok := r.target.(targets.Returner)
	if !ok || r.canSave {
		return nil
	}
	ctx, cancel := api.WithLimit(r.work, r.clock, r.limit)
	defer cancel()
	err := r.guard("look at the vault", func() error {
		labels := returner.Labels()
		switch {
		case len(labels) == 0:
			return nil
		case r.keeper == nil:
			return r.client.Fail("look at the vault", api.ClassInput, "what this rotation returns cannot be saved: there is no vault",
				"give the program a KSM config with --ksm-config or in KSM_CONFIG")
		case strings.TrimSpace(r.userUID) == "":
			return &params.Error{
				Problems: []string{"payload: userRecordUid is missing or empty: what this rotation returns could not be saved"},
				Hints:    []string{"the Gateway sends it; for a test by hand, give the PAM User record's UID"},
			}
		}
		r.announced = labels
		return r.keeper.CanSave(ctx, r.userUID, labels...)
	})
	r.canSave = err == nil
	return err
}

// keep saves what a change has returned. A success is only one if that is saved too. already
// says that no write of this run put the new password in force.
func (r *run) keep(already bool, result Result) Result {
	returner, ok := r.target.(targets.Returner)
	if !ok || len(r.announced) == 0 {
		r.saved = result.Outcome == Changed && !already
		return result
	}
	if already && result.Outcome == Changed {
		r.warn("the new password was in force already, so that nothing was returned to save: " + quoted(r.announced))
		return result
	}
	if result.Outcome != Changed {
		if result.Outcome == Unknown {
			result.Hints = append(result.Hints, "what the vendor may have returned was not saved to the vault: "+quoted(r.announced))
		}
		return result
	}
	err := r.guard("save what was returned", func() error {
		values := returner.Returned()
		var labels []string
		for _, value := range values {
			if !slices.Contains(r.announced, value.Label) {
				return r.client.Fail("save what was returned", api.ClassInternal, "a value for another field than announced: "+quoted([]string{value.Label}),
					"this is a defect of pam-rotate-script or of the recipe: please report the message above")
			}
			labels = append(labels, value.Label)
		}
		if len(values) > 0 {
			ctx, cancel := api.WithLimit(r.proof, r.clock, r.limit)
			defer cancel()
			if err := r.keeper.Save(ctx, r.userUID, values...); err != nil {
				return err
			}
			r.log.Info().Strs("fields", labels).Msg("saved to the vault")
		}
		if missing := slices.DeleteFunc(slices.Clone(r.announced), func(label string) bool { return slices.Contains(labels, label) }); len(missing) > 0 {
			return r.client.Fail("save what was returned", api.ClassTarget, "the vendor's answer had no value for "+quoted(missing))
		}
		return nil
	})
	if err == nil {
		r.saved = true
		return result
	}
	failed := Result{Outcome: Unknown}
	failed.explain(err)
	failed.Message = fmt.Sprintf("the new password is in force (%s), but not all that came with it is saved to the vault: %s", result.Message, failed.Message)
	failed.Hints = append(failed.Hints,
		"the values for "+quoted(r.announced)+" are gone with this run unless the vault has them; mend the cause and rotate again, which makes new ones",
		"until then the record's fields may belong to an older credential; take back at the vendor what was made in vain")
	return failed
}

// revokeOld tells a target that revokes that the old credential has served its time.
func (r *run) revokeOld() {
	if revoker, ok := r.target.(targets.Revoker); ok && r.saved {
		before := r.panicked
		if err := r.guard("clean up", func() error { revoker.RevokeOld(); return nil }); err != nil {
			r.warn("cleaning up failed: " + err.Error())
		}
		r.panicked = before
	}
}

// quoted lists labels.
func quoted(labels []string) string {
	var list []string
	for _, label := range labels {
		list = append(list, strconv.Quote(label))
	}
	return strings.Join(list, ", ")
}
