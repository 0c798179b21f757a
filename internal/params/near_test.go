package params

import (
	"strings"
	"testing"
)

// TestNearLabels: a restriction that is misspelled must not silently count for nothing.
func TestNearLabels(t *testing.T) {
	fields := []Field{
		{Label: "Allowed Users", Kind: List, Restricts: true},
		{Label: "Access Scope", Kind: Text},
		{Label: "Verify TLS", Kind: Bool},
	}
	for label, fault := range map[string]bool{
		"Allowed Users": false, "allowed_users": false, "ALLOWED-USERS": false, "Allowed\u200bUsers": false, "\ufeffAllowed Users": false,
		"Allowed User": true, "Allowed Users:": true, "Allowed Users1": true, "Allowed Users 2": true, "Alowed Users": true,
		"\u0410llowed Users": true, "Allowed Usres": true, "AllowedUsers (names)": true,
		"Allowed Accounts": true, "Allowed User List": true, "allowed_logins": true, "Allow List": true, "Allowed": true, "Users Allowed": true, "User Whitelist": true, "Permitted Users": true, "Restrict To Users": true,
		"Authorized Users": true, "Authorised accounts": true, "Approved Users": true, "Erlaubte Benutzer": true, "Zugelassene Konten": true, "Gesperrte Benutzer": true, "Utilisateurs autorisés": true, "Comptes autorisés": true,
		"Usuarios permitidos": true, "Cuentas autorizadas": true, "Usuários permitidos": true, "Utenti consentiti": true, "Toegestane gebruikers": true, "Dozwoleni użytkownicy": true, "Dozwolone konta": true,
		"Разрешённые пользователи": true, "許可されたユーザー": true, "允许的用户": true, "白名单": true, "用户白名单": true, "허용된 사용자": true,
		"Authorization Name": false, "User Permissions": false, "Authorized": false, "Contact": false, "Benutzer": false, "Authorization Header": false, "Autorisation": false,
		"Rate Limit": false, "Allowed IPs": false, "Users": false, "User List": false, "Account": false, "Shallow": false, "Access Scope": false, "Notes": false,
	} {
		settings := NewSettings(fields, Record{UID: "a", fields: []recordField{{label, NormaliseLabel(label), stringNode("jane")}}}, Record{}, nil, nil)
		if err := settings.Err(); (err != nil) != fault {
			t.Errorf("%q: %v", label, err)
		} else if err != nil && (strings.Contains(err.Error(), "jane") || !strings.HasPrefix(err.Error(), "Allowed Users: ")) {
			t.Errorf("%q: %v", label, err)
		}
	}
	// A list under another label counts for nothing, also beside the field itself.
	beside := Record{UID: "a", fields: []recordField{
		{"Allowed Users", "allowedusers", stringNode("jane")}, {"Allowed Accounts", "allowedaccounts", stringNode("john")},
	}}
	if err := NewSettings(fields, beside, Record{}, nil, nil).Err(); err == nil || !strings.Contains(err.Error(), `the field "Allowed Accounts"`) {
		t.Error(err)
	}
	// Beside the field itself a sibling is only a warning, if that.
	both := Record{UID: "a", fields: []recordField{
		{"Allowed Users", "allowedusers", stringNode("jane")}, {"Allowed Users2", "allowedusers2", stringNode("john")},
	}}
	if err := NewSettings(fields, both, Record{}, nil, nil).Err(); err != nil {
		t.Error(err)
	}
}

// TestMisspelledLabels: a label that nothing reads and that is nearly a field's is told of.
func TestMisspelledLabels(t *testing.T) {
	fields := []Field{
		{Label: "url", Kind: URL}, {Label: "Auth", Kind: Text}, {Label: "Target", Aliases: []string{"SaaS Type"}, Kind: Text},
		{Label: "Timeout", Kind: Seconds, Default: "120"}, {Label: "Verify", Kind: Text, Restricts: true}, {Label: "Verify TLS", Kind: Bool},
		{Label: "Target Email", Kind: Text, PerAccount: true},
	}
	on := func(label string) Record {
		return Record{UID: label, fields: []recordField{{label, NormaliseLabel(label), stringNode("jane")}}}
	}
	for label, field := range map[string]string{
		"Taregt": "Target", "Traget": "Target", "Targets": "Target", "Target:": "Target", "T\u0430rget": "Target", "SaaSType(s)": "Target", "SaaS Typ": "Target",
		"Timout": "Timeout", "Verfy TLS": "Verify TLS", "Verify SSL": "Verify TLS", "Aut": "Auth", "Target E-Mial": "Target Email",
		"Sender": "", "uri": "", "URL:": "url", "Host": "", "Notes": "", "Path": "", "Verified": "", "Time": "",
	} {
		settings := NewSettings(fields, on(label), Record{}, nil, nil)
		warnings := strings.Join(settings.Warnings(), "|")
		if err := settings.Err(); err != nil || field == "" && warnings != "" || !strings.HasPrefix(warnings, field) || strings.Contains(warnings, "jane") || strings.Contains(warnings, "|") {
			t.Errorf("%q: %v, warnings %q", label, err, warnings)
		}
	}
	for _, label := range []string{"Verfy", "Vreify", "Verifyy", "Verify:", "Verify 2"} {
		if err := NewSettings(fields, on(label), Record{}, nil, nil).Err(); err == nil || !strings.HasPrefix(err.Error(), "Verify: the field ") {
			t.Errorf("%q: %v", label, err)
		}
	}
	// Of the user record only what may stand there.
	for label, count := range map[string]int{"Targt Email": 1, "Timout": 0} {
		if warnings := NewSettings(fields, Record{UID: "a"}, on(label), nil, nil).Warnings(); len(warnings) != count {
			t.Errorf("%q: %q", label, warnings)
		}
	}
}

// TestFlagDoesNotChooseByTitleTheUsersOwnRecord: who may edit a PAM User record may
// retitle it.
func TestFlagDoesNotChooseByTitleTheUsersOwnRecord(t *testing.T) {
	payload, err := Read(strings.NewReader(`{"user":"jane","newPassword":"x","userRecordUid":"u","records":[
		{"uid":"u","title":"Production API","login":"jane","url":"https://elsewhere.example.com"}]}`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if record, err := payload.AccessRecord("production api"); err == nil {
		t.Errorf("chose %s", record)
	}
	if _, err := payload.AccessRecord("u"); err != nil {
		t.Errorf("not by its UID either: %v", err)
	}
}
