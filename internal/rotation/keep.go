package rotation

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// keeping is what a Plan knows for the vault's sake.
type keeping struct {
	newName, oldName string // what Verify calls the passwords
	userTitle        string
	newPassword      secret.Value
	pendingFolder    string // "" keeps no password while it is pending
	keepsNone        bool   // nor does this run
	saveOwn          bool   // the new password is the access record's own, too, and is to be saved there
}

// Keeper is the vault, as far as it saves what a change returns. Its errors are safe
// to print: *api.Error or *params.Error. It refuses to save to the password field.
type Keeper interface {
	// CanSave reports with an error what would keep Save from saving to custom fields
	// with these labels. It changes nothing.
	CanSave(ctx context.Context, recordUID string, labels ...string) error
	// Save puts values into custom fields of a record. The Left of an *api.Error says
	// that they may be there in spite of it.
	Save(ctx context.Context, recordUID string, values ...targets.Returned) error
	// CanSavePassword and SavePassword are the same for the password of an access record
	// that signs in as the rotated user.
	CanSavePassword(ctx context.Context, recordUID string) error
	SavePassword(ctx context.Context, recordUID string, password secret.Value) error
	// CanPend reports with an error what would keep Pend from making a record in a folder.
	CanPend(ctx context.Context, folderUID string) error
	// Pend makes a record of a password that may soon be in force, and returns its UID; with
	// an error too if the record may be there all the same.
	Pend(ctx context.Context, folderUID string, pending Pending) (uid string, err error)
	// Unpend deletes it.
	Unpend(ctx context.Context, uid string) error
}

// Pending is a new password before its write, for whoever has to find out later which password
// is in force.
type Pending struct {
	// UserUID and UserTitle are those of the PAM User record.
	UserUID, UserTitle string
	Login, RunID       string
	Password           secret.Value
}

// longestSave is what is kept of a run's time where the vault has something to save: Keeper may
// ask to wait, and that more than once.
const longestSave = 30 * time.Second

// saveRoom is that much, and less of a short time-out.
func (r *run) saveRoom() time.Duration {
	returner, returns := r.target.(targets.Returner)
	if !r.keepsPending() && !r.saveOwn && !(returns && len(returner.Labels()) > 0) {
		return 0
	}
	return min(longestSave, r.timeout/4)
}

// saving is the context of a save after the write.
func (r *run) saving() (context.Context, context.CancelFunc) {
	room := r.left() + r.saveRoom()
	if r.told.Err() != nil {
		room = min(room, max(r.closing, r.timeout/8))
	}
	return context.WithTimeout(r.base, max(room, r.closing))
}

func (r *run) keepsPending() bool { return r.pendingFolder != "" && !r.keepsNone }

// pend keeps the new password in the vault before it can be in force, once.
func (r *run) pend() error {
	if !r.keepsPending() || r.pended {
		return nil
	}
	if err := r.pendable(); err != nil {
		return err
	}
	ctx, cancel := api.WithLimit(r.work, r.clock, r.limit)
	defer cancel()
	return r.guard("keep the new password", func() (err error) {
		r.pendingUID, err = r.keeper.Pend(ctx, r.pendingFolder, Pending{
			UserUID: r.userUID, UserTitle: r.userTitle, Login: r.user, RunID: r.runID, Password: r.newPassword,
		})
		if r.pended = err == nil; r.pended {
			r.log.Info().Str("record", r.pendingUID).Msg("the new password is kept in the vault while it is pending")
		}
		return err
	})
}

// pendable says what is missing for it.
func (r *run) pendable() error {
	switch {
	case r.keeper == nil:
		return r.client.Fail("keep the new password", api.ClassInput, "there is no vault to keep it in", hintConfig)
	case strings.TrimSpace(r.userUID) == "":
		return &params.Error{
			Problems: []string{"payload: userRecordUid is missing or empty: whose new password it is could not be kept with it"},
			Hints:    []string{hintUserUID},
		}
	}
	return nil
}

// canPend makes sure of it without a write.
func (r *run) canPend() error {
	if !r.keepsPending() {
		return nil
	}
	if err := r.pendable(); err != nil {
		return err
	}
	ctx, cancel := api.WithLimit(r.work, r.clock, r.limit)
	defer cancel()
	return r.guard("look at the vault", func() error { return r.keeper.CanPend(ctx, r.pendingFolder) })
}

// unpend deletes what pend has made, once the outcome is certain. Until then it is what tells
// which password may be in force.
func (r *run) unpend(result Result) Result {
	if r.pendingUID == "" {
		return result
	}
	if result.Outcome == Unknown {
		result.Hints = append(result.Hints, "the new password is kept in the vault's record "+r.pendingUID+", in the access record's Pending Folder")
		return result
	}
	ctx, cancel := r.saving()
	defer cancel()
	before := r.panicked
	if err := r.guard("clean up", func() error { return r.keeper.Unpend(ctx, r.pendingUID) }); err != nil {
		r.warn("the outcome is certain, but the pending record is still there, delete it: " + err.Error())
	}
	r.panicked = before
	return result
}

// keepOwn saves the new password to the access record that signs in with it.
func (r *run) keepOwn(result Result) {
	if !r.saveOwn || result.Outcome != Changed {
		return
	}
	ctx, cancel := r.saving()
	defer cancel()
	if err := r.guard("save to the access record", func() error { return r.keeper.SavePassword(ctx, r.access.UID, r.newPassword) }); err != nil {
		r.warn("the new password is in force, but the access record that signs in with it does not have it; put it there: " + err.Error())
		return
	}
	r.ownSaved = true
	r.log.Info().Str("access_record", r.access.UID).Msg("saved the new password to the access record")
}

const (
	hintConfig  = "give the program a KSM config with --ksm-config or in KSM_CONFIG"
	hintUserUID = "the Gateway sends it; for a test by hand, give the PAM User record's UID"
)

// canKeep makes sure, once and before the write, that what the change returns can be saved:
// it may be nothing that can be had again.
func (r *run) canKeep() error {
	if r.saveOwn && !r.canSave {
		ctx, cancel := api.WithLimit(r.work, r.clock, r.limit)
		defer cancel()
		if err := r.guard("look at the vault", func() error {
			if r.keeper == nil {
				return r.client.Fail("look at the vault", api.ClassInput, "the new password cannot be saved to the access record: there is no vault", hintConfig)
			}
			return r.keeper.CanSavePassword(ctx, r.access.UID)
		}); err != nil {
			return err
		}
	}
	returner, ok := r.target.(targets.Returner)
	if !ok || r.canSave {
		r.canSave = true
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
				hintConfig)
		case strings.TrimSpace(r.userUID) == "":
			return &params.Error{
				Problems: []string{"payload: userRecordUid is missing or empty: what this rotation returns could not be saved"},
				Hints:    []string{hintUserUID},
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
			ctx, cancel := r.saving()
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
		"until then the record's fields may belong to an older credential; take back at the vendor what was made in vain", hintVerify)
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
