package vaulttest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/keeper-security/secrets-manager-go/core"
)

// folder is a shared folder, or a folder in one.
type folder struct {
	uid, parent, name string
	key               []byte
	readOnly          bool
}

// AddFolder adds a shared folder, or with a parent a folder in that one, and returns its UID.
func (k *Keeper) AddFolder(name, parent string) string {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	added := &folder{uid: core.GenerateUid(), parent: parent, name: name, key: random(k.t, 32)}
	k.folders = append(k.folders, added)
	return added.uid
}

// LockFolder takes the permission to add records to a folder away from the application.
func (k *Keeper) LockFolder(uid string) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.folder(uid).readOnly = true
}

// In returns the UIDs of the records in a folder.
func (k *Keeper) In(folder string) []string {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	var uids []string
	for _, record := range k.records {
		if record.Folder == folder {
			uids = append(uids, record.UID)
		}
	}
	return uids
}

func (k *Keeper) folder(uid string) *folder {
	for _, one := range k.folders {
		if one.uid == uid {
			return one
		}
	}
	k.t.Errorf("the test's vault has no folder %q", uid)
	return &folder{uid: uid, key: random(k.t, 32)}
}

// root returns the shared folder that a folder is in.
func (k *Keeper) root(uid string) *folder {
	one := k.folder(uid)
	for one.parent != "" {
		one = k.folder(one.parent)
	}
	return one
}

func (k *Keeper) sayFolders(body message) *http.Response {
	folders := []any{}
	for _, one := range k.folders {
		name, err := json.Marshal(map[string]string{"name": one.name})
		if err != nil {
			k.t.Error(err)
		}
		object := map[string]any{"folderUid": one.uid, "data": encryptCBC(k, name, one.key)}
		if one.parent == "" {
			object["folderKey"] = k.encrypt(one.key, k.appKey)
		} else {
			object["parent"], object["folderKey"] = one.parent, encryptCBC(k, one.key, k.root(one.uid).key)
		}
		folders = append(folders, object)
	}
	return k.say(body, map[string]any{"folders": folders})
}

func encryptCBC(k *Keeper, data, key []byte) string {
	sealed, err := core.EncryptAesCbc(data, key)
	if err != nil {
		k.t.Error(err)
	}
	return base64.StdEncoding.EncodeToString(sealed)
}

// decode takes base64 of either alphabet, with and without padding: Keeper's SDKs differ.
func decode(text string) []byte {
	text = strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(text)
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return decoded
}

func refusal(status int, code string) *http.Response {
	return response(status, []byte(`{"result_code":"`+code+`","message":"canary-from-the-server"}`))
}

// create takes a new record. Its key must come twice: for whoever sees the folder, and for the
// owner of the application.
func (k *Keeper) create(body message) *http.Response {
	i := slices.IndexFunc(k.folders, func(one *folder) bool { return one.uid == body.FolderUID })
	switch {
	case i < 0 || k.folders[i].parent != "":
		return refusal(http.StatusBadRequest, "not_found")
	case k.folders[i].readOnly:
		return refusal(http.StatusForbidden, "access_denied")
	case len(decode(body.RecordUID)) != 16 || slices.ContainsFunc(k.records, func(record *stored) bool { return record.UID == body.RecordUID }):
		return refusal(http.StatusBadRequest, "bad_request")
	}
	key, err := core.Decrypt(decode(body.FolderKey), k.folders[i].key)
	if err != nil {
		k.t.Errorf("a record was created whose key the folder's does not decrypt: %v", err)
	}
	if forOwner, err := decryptWith(k.owner, decode(body.RecordKey)); err != nil || !bytes.Equal(forOwner, key) {
		k.t.Errorf("a record was created whose key its owner cannot decrypt: %v", err)
	}
	text, err := core.Decrypt(decode(body.Data), key)
	if err != nil || !json.Valid(text) {
		k.t.Errorf("a record was created with a text that cannot be read: %v", err)
	}
	in := body.FolderUID
	if body.SubFolderUID != "" {
		in = body.SubFolderUID
	}
	k.records = append(k.records, &stored{Record: Record{UID: body.RecordUID, Folder: in}, key: key, text: string(text), revision: 1})
	return response(http.StatusOK, nil)
}

func (k *Keeper) delete(body message) *http.Response {
	answers := []any{}
	for _, uid := range body.RecordUIDs {
		i := slices.IndexFunc(k.records, func(record *stored) bool { return record.UID == uid })
		answer := map[string]any{"recordUid": uid, "responseCode": "ok", "errorMessage": ""}
		switch {
		case i < 0:
			answer["responseCode"], answer["errorMessage"] = "not_found", "canary-from-the-server"
		case k.records[i].ReadOnly:
			answer["responseCode"], answer["errorMessage"] = "access_denied", "canary-from-the-server"
		default:
			k.records = slices.Delete(k.records, i, i+1)
		}
		answers = append(answers, answer)
	}
	return k.say(body, map[string]any{"records": answers})
}
