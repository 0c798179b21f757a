package vault_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/vault"
	"pam-rotate-script/internal/vault/vaulttest"
)

const pendingUser = "UUUUUUUUUUUUUUUUUUUUUU"

func pending() vault.Pending {
	return vault.Pending{UserUID: pendingUser, UserTitle: "jdoe at Teramind", Login: "jdoe", Run: "0123456789ab", Password: secret.New(`canary <"new"> ä`)}
}

// TestPendingIsThereAndGoes in a shared folder and in a folder within one, empty as they are.
func TestPendingIsThereAndGoes(t *testing.T) {
	keeper := vaulttest.New(t)
	shared := keeper.AddFolder("Pending", "")
	inner := keeper.AddFolder("Nightly", keeper.AddFolder("Rotation", shared))
	for _, folder := range []string{shared, inner} {
		for name, config := range map[string]map[string]string{"": keeper.Config(), "own key": keeper.OwnKeyConfig()} {
			t.Run(folder+name, func(t *testing.T) {
				opened := open(t, keeper, func(options *vault.Options) {
					options.Getenv = func(string) string { return with(t, config, "x", 1) }
				})
				uid, err := opened.CreatePending(context.Background(), folder, pending())
				if err != nil {
					t.Fatal(err)
				}
				if got := keeper.In(folder); !slices.Equal(got, []string{uid}) {
					t.Fatalf("in the folder are %v, created was %s", got, uid)
				}
				sameJSON(t, strings.Replace(keeper.Text(uid), notesOf(keeper.Text(uid)), "", 1), `{"type":"login","title":"Pending password of jdoe at Teramind","notes":"",`+
					`"fields":[{"type":"login","value":["jdoe"]},{"type":"password","value":["canary <\"new\"> ä"]}],`+
					`"custom":[{"type":"text","label":"PAM User Record","value":["UUUUUUUUUUUUUUUUUUUUUU"]},{"type":"text","label":"PAM User Title","value":["jdoe at Teramind"]},{"type":"text","label":"Run","value":["0123456789ab"]}]}`)
				found, err := opened.PendingOf(context.Background(), folder, pendingUser)
				want := pending()
				want.UID = uid
				if err != nil || len(found) != 1 {
					t.Fatalf("found %v, %v", found, err)
				}
				if got := found[0]; got.UID != want.UID || got.UserUID != want.UserUID || got.UserTitle != want.UserTitle ||
					got.Login != want.Login || got.Run != want.Run || !got.Password.Equal(want.Password) {
					t.Errorf("found %+v", got)
				}
				if other, err := opened.PendingOf(context.Background(), folder, accessOfNobody); err != nil || len(other) != 0 {
					t.Errorf("of another user: %v, %v", other, err)
				}
				for range 2 { // what is gone is gone
					if err := opened.DeletePending(context.Background(), uid); err != nil {
						t.Fatal(err)
					}
				}
				if got := keeper.In(folder); len(got) != 0 {
					t.Errorf("in the folder are %v", got)
				}
			})
		}
	}
}

const accessOfNobody = "NNNNNNNNNNNNNNNNNNNNNN"

func notesOf(text string) string {
	_, rest, _ := strings.Cut(text, `"notes": "`)
	notes, _, _ := strings.Cut(rest, `",`)
	return notes
}

// TestPendingElsewhereIsNotBelieved: a record of the same form outside of the folder is nothing.
func TestPendingElsewhereIsNotBelieved(t *testing.T) {
	keeper := vaulttest.New(t)
	folder, other := keeper.AddFolder("Pending", ""), keeper.AddFolder("Other", "")
	for _, in := range []string{"", other} {
		keeper.Add(vaulttest.Record{Title: "x", Folder: in, Fields: []vaulttest.Field{text("password", "", "canary")}, Custom: []vaulttest.Field{text("text", "PAM User Record", pendingUser)}})
	}
	if found, err := open(t, keeper).PendingOf(context.Background(), folder, pendingUser); err != nil || len(found) != 0 {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestPendingThatCannotBeCreated(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(keeper *vaulttest.Keeper, folder string)
		entry   string // of the config that is missing
		folder  string // in the place of the one that is there
		kind    vault.Kind
		words   string
		left    bool
		there   int // records in the folder
	}{
		{name: "no such folder", folder: accessOfNobody, kind: vault.KindNotFound, words: "no such folder"},
		{name: "not allowed", prepare: (*vaulttest.Keeper).LockFolder, kind: vault.KindPermission, words: "access_denied"},
		{name: "an application without its owner's key", entry: "appOwnerPublicKey", kind: vault.KindConfig, words: "appOwnerPublicKey"},
		{name: "the folders are not told", prepare: func(k *vaulttest.Keeper, _ string) { k.Fail(vaulttest.Answer(500, "canary")) }, kind: vault.KindServer, words: "500"},
		{name: "not sent", prepare: func(k *vaulttest.Keeper, _ string) { k.Fail(nil, vaulttest.Unreachable) }, kind: vault.KindNetwork, words: "failed"},
		{name: "lost on its way", prepare: func(k *vaulttest.Keeper, _ string) { k.Fail(nil, vaulttest.Vanish) }, kind: vault.KindNetwork, words: "not known whether", left: true},
		{name: "answer lost", prepare: func(k *vaulttest.Keeper, _ string) { k.Fail(nil, vaulttest.Lose) }, there: 1},
		{name: "answer lost, and the look too", prepare: func(k *vaulttest.Keeper, _ string) { k.Fail(nil, vaulttest.Lose, vaulttest.Vanish) }, kind: vault.KindNetwork, words: "delete it", left: true, there: 1},
		{name: "Keeper asks for another key of its own", prepare: func(k *vaulttest.Keeper, _ string) {
			k.Fail(vaulttest.Answer(401, `{"error":"key","key_id":8}`), vaulttest.Answer(401, `{"error":"key","key_id":9}`))
		}, there: 1},
		{name: "throttled", prepare: func(k *vaulttest.Keeper, _ string) { k.Fail(nil, throttled) }, there: 1},
		{name: "a portal answers in Keeper's place", prepare: func(k *vaulttest.Keeper, _ string) {
			k.Fail(nil, vaulttest.Answer(200, "<html>canary</html>, sign in first, please"))
		}, kind: vault.KindServer, words: "not known whether", left: true},
		{name: "500 although done", prepare: func(k *vaulttest.Keeper, _ string) {
			k.Fail(nil, func(request *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
				_, _ = do()
				return vaulttest.Answer(500, "canary")(request, nil)
			})
		}, there: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			keeper := vaulttest.New(t)
			folder := keeper.AddFolder("Pending", "")
			if test.prepare != nil {
				test.prepare(keeper, folder)
			}
			asked := folder
			if test.folder != "" {
				asked = test.folder
			}
			opened := open(t, keeper, func(options *vault.Options) {
				config := with(t, keeper.Config(), test.entry, nil)
				options.Getenv = func(string) string { return config }
			})
			uid, err := opened.CreatePending(context.Background(), asked, pending())
			if test.kind == "" {
				if err != nil || uid == "" {
					t.Errorf("got %q, %v", uid, err)
				}
			} else if found := failure(t, err, test.kind, test.words); found.Left != test.left || (uid != "") != test.left {
				t.Errorf("Left is %v, the UID is %q", found.Left, uid)
			}
			if got := keeper.In(folder); len(got) != test.there {
				t.Errorf("in the folder are %v", got)
			}
		})
	}
}

func TestPendingThatCannotBeDeleted(t *testing.T) {
	keeper := vaulttest.New(t)
	folder := keeper.AddFolder("Pending", "")
	uid := keeper.Add(vaulttest.Record{Title: "x", Folder: folder, ReadOnly: true})
	failure(t, open(t, keeper).DeletePending(context.Background(), uid), vault.KindPermission, uid, "access_denied", "by hand")
	silent := keeper.Add(vaulttest.Record{Title: "x", Folder: folder})
	keeper.Fail(keeper.Say(`{}`))
	failure(t, open(t, keeper).DeletePending(context.Background(), silent), vault.KindPermission, silent, "by hand")
	gone := keeper.Add(vaulttest.Record{Title: "x", Folder: folder})
	keeper.Fail(vaulttest.Lose)
	if err := open(t, keeper).DeletePending(context.Background(), gone); err != nil {
		t.Errorf("a lost answer to what was done: %v", err)
	}
	kept := keeper.Add(vaulttest.Record{Title: "x", Folder: folder})
	keeper.Fail(vaulttest.Vanish)
	failure(t, open(t, keeper).DeletePending(context.Background(), kept), vault.KindNetwork, kept)
}
