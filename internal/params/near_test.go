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
	}
	for label, fault := range map[string]bool{
		"Allowed Users": false, "allowed_users": false, "ALLOWED-USERS": false, "Allowed\u200bUsers": false, "\ufeffAllowed Users": false,
		"Allowed User": true, "Allowed Users:": true, "Allowed Users1": true, "Allowed Users 2": true, "Alowed Users": true,
		"\u0410llowed Users": true, "Allowed Usres": true, "AllowedUsers (names)": false,
		"Users": false, "Allowed": false, "Access Scope": false, "Notes": false,
	} {
		settings := NewSettings(fields, Record{UID: "a", fields: []recordField{{label, NormaliseLabel(label), stringNode("jane")}}}, Record{}, nil, nil)
		if err := settings.Err(); (err != nil) != fault {
			t.Errorf("%q: %v", label, err)
		} else if err != nil && (strings.Contains(err.Error(), "jane") || !strings.HasPrefix(err.Error(), "Allowed Users: ")) {
			t.Errorf("%q: %v", label, err)
		}
	}
	// Beside the field itself a sibling is only a warning, if that.
	both := Record{UID: "a", fields: []recordField{
		{"Allowed Users", "allowedusers", stringNode("jane")}, {"Allowed Users2", "allowedusers2", stringNode("john")},
	}}
	if err := NewSettings(fields, both, Record{}, nil, nil).Err(); err != nil {
		t.Error(err)
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
