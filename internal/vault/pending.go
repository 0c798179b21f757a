package vault

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/keeper-security/secrets-manager-go/core"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
)

// Pending is a new password that may be in force before any other record of the vault holds it.
// It lies in a record of its own, in a shared folder where whoever looks after passwords sees it,
// from before the write until the outcome is certain. The Gateway's own saving of the PAM User
// record cannot collide with that one.
type Pending struct {
	// UID is that of the record that holds the password; "" before it is created.
	UID string
	// UserUID and UserTitle are those of the PAM User record; the title may be "".
	UserUID, UserTitle string
	Login              string
	Run                string // the run's id
	Password           secret.Value
}

// The labels of a pending record's custom fields.
const (
	pendingUserLabel  = "PAM User Record"
	pendingTitleLabel = "PAM User Title"
	pendingRunLabel   = "Run"
)

const pendingNotes = "A rotation has set this password, or was about to, and did not get to know whether it is in force. " +
	"Whoever finds this record: run pam-rotate-script verify for the PAM User, which says which password is in force and tries this one, too. " +
	"Then see that the PAM User record holds that one, and delete this record."

// CreatePending creates the record of a password, in a shared folder or in a folder within one.
// It returns the record's UID, with an error too if the record may be there all the same (Left).
// The error is an *Error.
func (v *Vault) CreatePending(ctx context.Context, folderUID string, pending Pending) (uid string, err error) {
	action := "keep the new password in the folder " + shown(folderUID)
	if problem := checkPassword(pending.Password); problem != nil {
		return "", problem.within(action)
	}
	err = v.use(ctx, func(s *session) error {
		folders, parent, err := s.folder(folderUID)
		if err != nil {
			return err
		}
		if uid = core.GenerateUid(); uid == "" {
			return fault(KindInternal, "no UID could be made")
		}
		options := core.CreateOptions{FolderUid: folderUID}
		if parent != folderUID {
			options = core.CreateOptions{FolderUid: parent, SubFolderUid: folderUID}
		}
		v.scrubber.Add(pending.Password)
		err = s.guard(func() error {
			_, err := v.manager.CreateSecretWithRecordDataUidAndOptions(uid, &options, pending.record(), folders)
			return err
		})
		last := s.wire.last
		if err == nil {
			return nil
		}
		if !last.left || last.refused() {
			uid = ""
			return err
		}
		// A lost answer: a look shows whether it is there, and if not, it may still come.
		if found, lookErr := s.fetch(uid); lookErr == nil && slices.ContainsFunc(found, func(e entry) bool { return e.uid == uid }) {
			v.log.Warn().Str("uid", uid).Msg("vault: no certain answer to the new record, but it is there")
			return nil
		}
		lost := AsError(err).within("it is not known whether the record was created")
		lost.Left = true
		lost.Hints = append(slices.Clone(lost.Hints), "look in that folder for the record with the UID "+uid+", and delete it")
		return lost
	})
	return uid, within(action, err)
}

// CanCreatePending reports with an error what would keep CreatePending from creating a record in
// that folder, as far as can be told without a try: whether the folder may be added to is not.
func (v *Vault) CanCreatePending(ctx context.Context, folderUID string) error {
	return within("look whether a new password can be kept in the folder "+shown(folderUID), v.use(ctx, func(s *session) error {
		_, _, err := s.folder(folderUID)
		return err
	}))
}

// record is what is sent.
func (p Pending) record() *core.RecordCreate {
	field := func(kind, label, value string) any {
		made := map[string]any{"type": kind, "value": []string{value}}
		if label != "" {
			made["label"] = label
		}
		return made
	}
	of := p.UserTitle
	if of == "" {
		of = p.Login
	}
	made := core.NewRecordCreate("login", "Pending password of "+of)
	made.Notes = pendingNotes
	made.Fields = []any{field("login", "", p.Login), field("password", "", p.Password.Reveal())}
	made.Custom = []any{field("text", pendingUserLabel, p.UserUID), field("text", pendingTitleLabel, p.UserTitle), field("text", pendingRunLabel, p.Run)}
	return made
}

// folder returns the folders that the application sees, with the shared folder that the one with
// this UID is, or is in. It is an error if no record can be created there.
func (s *session) folder(uid string) (folders []*core.KeeperFolder, root string, err error) {
	if !s.vault.owner {
		return nil, "", fault(KindConfig, "the config has no "+ownerKeyEntry+", without which no record can be created", hintDevice)
	}
	err = s.guard(func() (err error) {
		folders, err = s.vault.manager.GetFolders()
		return err
	})
	if err != nil {
		return nil, "", err
	}
	root = uid
	for range folders {
		i := slices.IndexFunc(folders, func(f *core.KeeperFolder) bool { return f != nil && f.FolderUid == root })
		if i < 0 {
			break
		}
		if folders[i].ParentUid == "" {
			if len(folders[i].FolderKey) == 0 {
				return nil, "", fault(KindServer, "the folder's key could not be decrypted", hintFolder)
			}
			return folders, root, nil
		}
		root = folders[i].ParentUid
	}
	return nil, "", fault(KindNotFound, "the application sees no such folder", hintFolder)
}

const hintFolder = "share that folder with the KSM application, with the permission to add, edit and remove records, and give its UID"

// DeletePending deletes the record that CreatePending has created. That it is gone already is no
// error; any other is an *Error.
func (v *Vault) DeletePending(ctx context.Context, uid string) error {
	return within("delete the pending record "+shown(uid), v.use(ctx, func(s *session) error {
		defer v.forget()
		var said map[string]string
		err := s.guard(func() (err error) {
			said, err = v.manager.DeleteSecrets([]string{uid})
			return err
		})
		if err == nil && said[uid] == "ok" {
			return nil
		}
		found, lookErr := s.fetch(uid)
		switch {
		case lookErr == nil && !slices.ContainsFunc(found, func(e entry) bool { return e.uid == uid }):
			return nil
		case err != nil:
			return err
		}
		code, _, _ := strings.Cut(said[uid], ":")
		refused := fault(KindPermission, "Keeper did not delete it", "give the KSM application the right to remove records from that folder; until then delete it by hand")
		if slices.Contains(shownCodes, code) {
			refused.Code = code
		}
		return refused
	}))
}

// PendingOf returns what is pending for a PAM User, in a folder that CreatePending was told. The
// passwords are sealed. The error is an *Error.
func (v *Vault) PendingOf(ctx context.Context, folderUID, userUID string) ([]Pending, error) {
	var found []Pending
	err := v.use(ctx, func(s *session) error {
		all, err := s.all()
		if err != nil {
			return err
		}
		for _, e := range all {
			if e.sdk.FolderUid() != folderUID && e.sdk.InnerFolderUid() != folderUID {
				continue
			}
			if one := e.pending(); one.UserUID == userUID && !one.Password.IsEmpty() {
				v.scrubber.Add(one.Password)
				found = append(found, one)
			}
		}
		return nil
	})
	return found, within("look for pending passwords in the folder "+shown(folderUID), err)
}

// pending reads what Pending.record has written.
func (e entry) pending() Pending {
	first := func(values []json.RawMessage) string {
		if len(values) == 0 {
			return ""
		}
		return asText(values[0])
	}
	p := Pending{UID: e.uid}
	for _, f := range e.fields(standardSection) {
		switch text := first(f.values()); f.kind {
		case "login":
			p.Login = text
		case "password":
			p.Password = secret.New(text)
		}
	}
	for _, f := range e.fields(customSection) {
		switch text := first(f.values()); params.NormaliseLabel(f.label) {
		case params.NormaliseLabel(pendingUserLabel):
			p.UserUID = strings.TrimSpace(text)
		case params.NormaliseLabel(pendingTitleLabel):
			p.UserTitle = text
		case params.NormaliseLabel(pendingRunLabel):
			p.Run = text
		}
	}
	return p
}
