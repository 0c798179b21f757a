package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/targets/all"
	"pam-rotate-script/internal/vault"
)

const hintConfig = "to have it looked up in the vault, give the program a KSM config with --ksm-config or in KSM_CONFIG"

// vaultOptions says where the vault's config is. Whoever asks it for more than
// vault.Source opens it by way of c.vault.
func (c *command) vaultOptions() vault.Options {
	options := vault.Options{ConfigFile: c.flags.ksmConfig, Getenv: c.getenv, Authorities: c.authorities, Scrubber: c.scrubber, Clock: c.clock, Seam: c.seam}
	if seconds, err := strconv.Atoi(c.flags.timeout); err == nil {
		options.Timeout = min(vault.DefaultTimeout, time.Duration(seconds)*time.Second)
	}
	return options
}

// vault opens the vault when it is first needed.
func (c *command) vault(printer *report.Printer) (*vault.Vault, error) {
	if c.opened != nil {
		return c.opened, nil
	}
	options := c.vaultOptions()
	options.Log = printer.Log("", "")
	if c.flags.ksmConfig != "" {
		c.warnOfReaders(c.flags.ksmConfig, "the file of --ksm-config", "the keys to a vault")
	}
	opened, err := vault.Open(c.ctx, options)
	if err != nil {
		return nil, err
	}
	c.opened = opened
	return opened, nil
}

func (c *command) closeVault() {
	if c.opened != nil {
		c.opened.Close()
	}
}

// payloadOptions are those of everything that adds to a payload; nil is for one that is not
// read yet. The fields of the recipe that it goes by are known then.
func (c *command) payloadOptions(payload *params.Params) params.Options {
	labels := all.PublicLabels()
	if payload != nil {
		// What is wrong with a recipe is told when the run is planned.
		if chosen, err := c.recipeFor(payload); err == nil && chosen != nil {
			labels = append(all.Registry(), chosen.Info).PublicLabels()
		}
	}
	return params.Options{Scrubber: c.scrubber, PublicLabels: labels}
}

// complete puts into the payload what it lacks and the vault has: the access record,
// and the values that the record's fields refer to. A payload that lacks nothing
// passes without a look at files or at the environment.
func (c *command) complete(payload *params.Params, printer *report.Printer) error {
	ctx, cancel := context.WithTimeout(c.ctx, c.timeout())
	defer cancel()
	access, err := payload.AccessRecord(c.flags.accessRecord)
	if errors.Is(err, params.ErrNoAccessRecord) {
		if access, err = c.fetchAccessRecord(ctx, payload, printer, err); err != nil {
			return err
		}
	}
	if err != nil {
		return nil // ambiguous, or not allowed: the preparation of the run says so
	}
	c.authorities = authorities(access)
	return c.resolve(ctx, payload, access, printer)
}

// fetchAccessRecord adds the access record from the vault. What names it is the flag or
// the known titles, never a field of the PAM User record: whoever edits that must not
// choose among all records of the vault.
func (c *command) fetchAccessRecord(ctx context.Context, payload *params.Params, printer *report.Printer, missing error) (params.Record, error) {
	var input *params.Error
	if !vault.Configured(c.vaultOptions()) {
		if errors.As(missing, &input) {
			input.Hints = append(input.Hints, hintConfig)
		}
		return params.Record{}, missing
	}
	const action = "look for the access record, which the payload lacks"
	keeper, err := c.vault(printer)
	if err != nil {
		return params.Record{}, vault.Failure(action, err)
	}
	selectors := params.AccessTitles()
	if strings.TrimSpace(c.flags.accessRecord) != "" {
		selectors = []string{c.flags.accessRecord}
	}
	var found []secret.Value
	var titles []string
	var notFound error
	for _, selector := range selectors {
		record, err := keeper.Record(ctx, selector)
		switch fault := vault.AsError(err); {
		case err == nil:
			found, titles = append(found, record), append(titles, strconv.Quote(selector))
		case fault != nil && fault.Kind == vault.KindNotFound:
			notFound = err
		default:
			return params.Record{}, vault.Failure(action, err)
		}
	}
	switch len(found) {
	case 0:
		return params.Record{}, vault.Failure(action, notFound)
	case 1:
	default:
		return params.Record{}, &api.Error{
			Vendor: "vault", Action: action, Class: api.ClassInput,
			Cause: "there is a record of each of the titles " + strings.Join(titles, " and "),
			Hints: []string{"name one with --access-record, or share one alone with the application"},
		}
	}
	added, err := payload.AddRecord(found[0], params.Options{})
	if err != nil {
		return params.Record{}, err
	}
	payload.Seal(c.payloadOptions(payload))
	log := printer.Log("", "")
	log.Info().Str("access_record", added.UID).Msg("took the access record from the vault")
	return payload.AccessRecord(c.flags.accessRecord)
}

// resolve puts the values in the place of the Keeper notation in the access record.
func (c *command) resolve(ctx context.Context, payload *params.Params, access params.Record, printer *report.Printer) error {
	labels := access.References(vault.IsNotation)
	if len(labels) == 0 {
		return nil
	}
	var quoted []string
	for _, label := range labels {
		quoted = append(quoted, strconv.Quote(label))
	}
	fields := "access record: field " + strings.Join(quoted, ", ")
	switch {
	case payload.IsUsers(access):
		return &params.Error{
			Problems: []string{fields + ": Keeper notation is not looked up for the PAM User's own record"},
			Hints:    []string{"whoever may edit a PAM User record could have any record of the vault read; use an access record of its own"},
		}
	case !vault.Configured(c.vaultOptions()):
		return &params.Error{
			Problems: []string{fields + ": it holds Keeper notation, and there is no KSM config to look it up with"},
			Hints:    []string{"give the program one with --ksm-config or in KSM_CONFIG, or put the value itself into the field"},
		}
	}
	keeper, err := c.vault(printer)
	if err != nil {
		return vault.Failure("look up the access record's "+strings.Join(quoted, ", "), err)
	}
	return payload.ResolveFields(access, c.payloadOptions(payload), vault.IsNotation, func(label, text string) (secret.Value, error) {
		value, err := keeper.Notation(ctx, text)
		return value, vault.Failure("look up the access record's field "+strconv.Quote(label), err)
	})
}

// authorities returns the certificates that the operator trusts beside the system's, if
// they are usable and the access record itself has them. If they are not usable, the
// preparation of the run says so.
func authorities(access params.Record) string {
	fields := []params.Field{{Label: targets.FieldCACertificate, Kind: params.Multiline}}
	text := params.NewSettings(fields, access, params.Record{}, nil, nil).Text(targets.FieldCACertificate)
	if text == "" || api.AuthoritiesFault(text) != "" {
		return ""
	}
	return text
}

// keeper saves what a rotation returns, and keeps a new password that is pending. The vault is
// opened when the rotation asks, so that one with nothing to save does without.
type keeper struct {
	command *command
	printer *report.Printer
}

// in does something in the vault.
func (k keeper) in(action string, do func(*vault.Vault) error) error {
	opened, err := k.command.vault(k.printer)
	if err == nil {
		err = do(opened)
	}
	return vault.Failure(action, err)
}

// CanSave is Vault.CanSave.
func (k keeper) CanSave(ctx context.Context, recordUID string, labels ...string) error {
	return k.in("look whether what is returned can be saved", func(v *vault.Vault) error { return v.CanSave(ctx, recordUID, labels...) })
}

// Save is Vault.Save.
func (k keeper) Save(ctx context.Context, recordUID string, values ...targets.Returned) error {
	return k.in("save what was returned", func(v *vault.Vault) error {
		fields := make([]vault.Field, len(values))
		for i, value := range values {
			k.command.scrubber.Add(value.Value)
			fields[i] = vault.Field{Label: value.Label, Value: value.Value, Plain: value.Plain}
		}
		return v.Save(ctx, recordUID, fields...)
	})
}

// CanSavePassword is Vault.CanSavePassword.
func (k keeper) CanSavePassword(ctx context.Context, recordUID string) error {
	return k.in("look whether the access record can be saved to", func(v *vault.Vault) error { return v.CanSavePassword(ctx, recordUID) })
}

// SavePassword is Vault.SavePassword.
func (k keeper) SavePassword(ctx context.Context, recordUID string, password secret.Value) error {
	return k.in("save to the access record", func(v *vault.Vault) error { return v.SavePassword(ctx, recordUID, password) })
}

// CanPend is Vault.CanCreatePending.
func (k keeper) CanPend(ctx context.Context, folderUID string) error {
	return k.in("keep the new password", func(v *vault.Vault) error { return v.CanCreatePending(ctx, folderUID) })
}

// Pend is Vault.CreatePending.
func (k keeper) Pend(ctx context.Context, folderUID string, pending rotation.Pending) (uid string, err error) {
	err = k.in("keep the new password", func(v *vault.Vault) (err error) {
		uid, err = v.CreatePending(ctx, folderUID, vault.Pending{
			UserUID: pending.UserUID, UserTitle: pending.UserTitle, Login: pending.Login, Run: pending.RunID, Password: pending.Password,
		})
		return err
	})
	return uid, err
}

// Unpend is Vault.DeletePending.
func (k keeper) Unpend(ctx context.Context, uid string) error {
	return k.in("delete the pending record", func(v *vault.Vault) error { return v.DeletePending(ctx, uid) })
}
