package conformance_test

import (
	"slices"
	"testing"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/targets/all"
)

// TestFieldsOfTheUserRecord keeps the list of fields that an editor of a PAM User record
// may set, of every vendor and every recipe that comes with the program. A new one is a
// decision on trust: it may say which account is meant, and nothing else.
func TestFieldsOfTheUserRecord(t *testing.T) {
	want := map[string][]string{
		"teramind":  {"Target Email", "Target Agent"},
		"sailpoint": {"Source Name", "User Name", "Account ID"},
		"sps":       {"Mode", "User Key"},
		"redfish":   {"Account ID"},
		"keystone":  {"User Domain ID"}, // a part of what Allowed Users is compared with
	}
	infos := all.Registry()
	for _, name := range recipe.BuiltInNames() {
		info, _ := recipe.BuiltIn(name)
		infos = append(infos, info)
	}
	for _, info := range infos {
		var found []string
		for _, field := range slices.Concat(info.Fields, targets.CommonFields(info)) {
			if !field.PerAccount {
				continue
			}
			found = append(found, field.Label)
			if field.Secret || field.Kind == params.Secret || field.Kind == params.URL {
				t.Errorf("%s: %s is a secret or an address, and may stand on the user record", info.Name, field.Label)
			}
		}
		if !slices.Equal(found, want[info.Name]) {
			t.Errorf("%s: the user record may set %q, expected %q", info.Name, found, want[info.Name])
		}
	}
}
