package vault_test

import (
	"context"
	"strings"
	"testing"

	"pam-rotate-script/internal/vault"
	"pam-rotate-script/internal/vault/vaulttest"
)

// TestLinkedRecordsAreThoseOfOneScript, as the Gateway sends with each script only its own.
func TestLinkedRecordsAreThoseOfOneScript(t *testing.T) {
	const ours, theirs, third = "OOOOOOOOOOOOOOOOOOOOOO", "TTTTTTTTTTTTTTTTTTTTTT", "HHHHHHHHHHHHHHHHHHHHHH"
	const access, other = "AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBB"
	script := func(file string, command string, records ...any) map[string]any {
		return map[string]any{"fileRef": file, "command": command, "recordRef": records}
	}
	for _, test := range []struct {
		name    string
		scripts []any
		ask     string
		want    string // the UIDs
		kind    vault.Kind
		words   string
	}{
		{"one", []any{script(theirs, "", other)}, "", other, "", ""},
		{"none", nil, "", "", "", ""},
		{"ours by its file", []any{script(theirs, "", other), script(ours, "", access)}, "", access, "", ""},
		{"ours by its command", []any{script(theirs, "", other), script(third, "/opt/pam-rotate-script", access)}, "", access, "", ""},
		{"the same records", []any{script(theirs, "", access, other), script(third, "", other, access)}, "", access + " " + other, "", ""},
		{"several", []any{script(theirs, "", other), script(third, "", access)}, "", "", vault.KindAmbiguous, "notify.ps1"},
		{"several of ours", []any{script(ours, "", other), script(third, "pam-rotate-script", access)}, "", "", vault.KindAmbiguous, "--script"},
		{"named by its file's name", []any{script(theirs, "", other), script(third, "", access)}, "NOTIFY.ps1", other, "", ""},
		{"named by its UID", []any{script(theirs, "", other), script(third, "", access)}, third, access, "", ""},
		{"named, and not there", []any{script(theirs, "", other)}, "x", "", vault.KindNotFound, `no rotation script "x"; there are "notify.ps1"`},
		{"named, and there are none", nil, "x", "", vault.KindNotFound, "it has none"},
		{"lists of one", []any{map[string]any{"fileRef": []any{ours}, "recordRef": access}}, "", access, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			keeper := vaulttest.New(t)
			keeper.Add(vaulttest.Record{UID: access, Title: "API Access Details"})
			keeper.Add(vaulttest.Record{UID: other, Title: "Other"})
			user := keeper.Add(vaulttest.Record{Title: "User", Type: "pamUser", Fields: []vaulttest.Field{
				text("login", "", "jdoe"), text("script", "rotationScripts", test.scripts...),
			}, Files: map[string]string{ours: "pam-rotate-script-linux-amd64", theirs: "notify.ps1", third: "recipe.yaml"}})
			related, err := open(t, keeper).Related(context.Background(), user, test.ask)
			if test.kind != "" {
				failure(t, err, test.kind, test.words)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var uids []string
			for _, record := range related.Linked {
				uids = append(uids, record.UID)
			}
			if got := strings.Join(uids, " "); got != test.want {
				t.Errorf("linked %s, want %s", got, test.want)
			}
		})
	}
}
