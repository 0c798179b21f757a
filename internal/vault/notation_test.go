package vault_test

import (
	"context"
	"testing"

	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/vault"
	"pam-rotate-script/internal/vault/vaulttest"
)

func notationKeeper(t *testing.T) (*vaulttest.Keeper, string) {
	keeper := vaulttest.New(t)
	uid := keeper.Add(vaulttest.Record{JSON: `{
		"title": "My/Access [1]", "type": "login", "notes": "canary-notes",
		"fields": [
			{"type": "login", "value": ["canary-login"]},
			{"type": "password", "value": [" canary-password "]},
			{"type": "host", "value": [{"hostName": "canary.invalid", "port": "8443"}]},
			{"type": "url", "value": []},
			{"type": "oneTimeCode", "value": [""]},
			{"type": "date", "value": [1767225600000]}
		],
		"custom": [
			{"type": "text", "label": "List", "value": ["canary-a", "canary-b"]},
			{"type": "checkbox", "label": "Flag", "value": [true]},
			{"type": "text", "label": "Gap", "value": ["", "canary-b"]},
			{"type": "name", "label": "Gaps", "value": [{"last": ""}, {"last": "canary-y"}, {"first": "canary-x"}]},
			{"type": "text", "label": "Same", "value": ["canary-1"]},
			{"type": "text", "label": "Same", "value": ["canary-2"]},
			{"type": "text", "label": "Null", "value": [null]},
			{"type": "text", "label": "Number", "value": [12345678901234567890]},
			{"type": "name", "label": "Names", "value": [{"first": "canary-x"}, {"last": "canary-y"}]},
			{"type": "secret", "label": "a/b", "value": ["canary-slash"]}
		]}`})
	for _, title := range []string{"Double", "double", "Twice", "Twice"} {
		keeper.Add(vaulttest.Record{Title: title, Fields: []vaulttest.Field{text("login", "", "canary of "+title)}})
	}
	return keeper, uid
}

func TestNotation(t *testing.T) {
	keeper, uid := notationKeeper(t)
	opened := open(t, keeper)
	for notation, want := range map[string]string{
		"keeper://" + uid + "/field/login":                "canary-login",
		" KEEPER://" + uid + "/field/password\n":          " canary-password ",
		"keeper://" + uid + "/field/password[0]":          " canary-password ",
		"keeper://" + uid + "/field/password[]":           " canary-password ",
		`keeper://My\/Access \[1\]/field/login`:           "canary-login",
		`keeper://my\/access \[1\]/field/login`:           "canary-login",
		"keeper://" + uid + "/field/host[0][hostName]":    "canary.invalid",
		"keeper://" + uid + "/field/host[][port]":         "8443",
		"keeper://" + uid + "/field/host":                 `{"hostName": "canary.invalid", "port": "8443"}`,
		"keeper://" + uid + "/field/date":                 "1767225600000",
		"keeper://" + uid + "/custom_field/List[1]":       "canary-b",
		"keeper://" + uid + "/custom_field/Flag":          "true",
		"keeper://" + uid + "/custom_field/Number":        "12345678901234567890",
		"keeper://" + uid + "/custom_field/Names[][last]": "canary-y",
		"keeper://" + uid + `/custom_field/a\/b`:          "canary-slash",
		"keeper://" + uid + "/title":                      "My/Access [1]",
		"keeper://" + uid + "/type":                       "login",
		"keeper://" + uid + "/notes":                      "canary-notes",
		"keeper://" + uid + "/custom_field/Gap[1]":        "canary-b",
		"keeper://" + uid + "/custom_field/Gaps[1][last]": "canary-y",
		"keeper://Double/field/login":                     "canary of Double",
		"keeper://double/field/login":                     "canary of double",
	} {
		value, err := opened.Notation(context.Background(), notation)
		if err != nil {
			t.Errorf("%q: %v", notation, err)
		} else if value.Reveal() != want {
			t.Errorf("%q gave %q, want %q", notation, value.Reveal(), want)
		}
	}
}

func TestNotationFails(t *testing.T) {
	keeper, uid := notationKeeper(t)
	opened := open(t, keeper)
	for _, test := range []struct {
		notation string
		kind     vault.Kind
		words    string
	}{
		{"canary", vault.KindInput, "malformed"},
		{"", vault.KindInput, "malformed"},
		{"a2VlcGVyOi8vY2FuYXJ5L2ZpZWxkL2xvZ2lu", vault.KindInput, "malformed"},
		{"keeper://", vault.KindInput, "malformed"},
		{"keeper://canary", vault.KindInput, "malformed"},
		{"keeper://canary/field", vault.KindInput, "malformed"},
		{"keeper://canary/password", vault.KindInput, "malformed"},
		{"keeper://canary/field/login[x]", vault.KindInput, "malformed"},
		{"keeper://canary/field/login[0][a][b]", vault.KindInput, "malformed"},
		{"keeper://canary/field/login[99999999999999999999]", vault.KindInput, "malformed"},
		{`keeper://canary\`, vault.KindInput, "malformed"},
		{`keeper://canary/field/a[\]`, vault.KindInput, "malformed"},
		{"keeper://canary/file/canary.txt", vault.KindInput, "names a file"},
		{"keeper://Nowhere/field/login", vault.KindNotFound, `field "login" of the record "Nowhere"`},
		{"keeper://DOUBLE/field/login", vault.KindAmbiguous, "2 records match"},
		{"keeper://Twice/field/login", vault.KindAmbiguous, "2 records match"},
		{"keeper://twice/field/login", vault.KindAmbiguous, "2 records match"},
		{"keeper://" + uid + "/custom_field/Gap", vault.KindAmbiguous, "2 values"},
		{"keeper://" + uid + "/custom_field/Gap[0]", vault.KindNotFound, "no value"},
		{"keeper://" + uid + "/custom_field/Gaps[][last]", vault.KindAmbiguous, "2 values"},
		{"keeper://" + uid + "/field/pinCode", vault.KindNotFound, "no such field"},
		{"keeper://" + uid + "/field/List", vault.KindNotFound, "no such field"},
		{"keeper://" + uid + "/custom_field/Same", vault.KindAmbiguous, "2 such fields"},
		{"keeper://" + uid + "/custom_field/List", vault.KindAmbiguous, "2 values"},
		{"keeper://" + uid + "/custom_field/List[2]", vault.KindNotFound, "2 values"},
		{"keeper://" + uid + "/custom_field/Names[0][last]", vault.KindNotFound, "no value"},
		{"keeper://" + uid + "/custom_field/Null", vault.KindNotFound, "no value"},
		{"keeper://" + uid + "/field/login[0][x]", vault.KindNotFound, "no value"},
		{"keeper://" + uid + "/field/url", vault.KindNotFound, "no value"},
		{"keeper://" + uid + "/field/url[0]", vault.KindNotFound, "0 values"},
		{"keeper://" + uid + "/field/oneTimeCode", vault.KindNotFound, "no value"},
	} {
		t.Run(test.notation, func(t *testing.T) {
			value, err := opened.Notation(context.Background(), test.notation)
			failure(t, err, test.kind, test.words)
			if !value.IsEmpty() {
				t.Error("there is a value beside the error")
			}
		})
	}
}

func TestNotationSealsMaskedFields(t *testing.T) {
	keeper, uid := notationKeeper(t)
	scrubber := secret.NewScrubber()
	opened := open(t, keeper, func(options *vault.Options) { options.Scrubber = scrubber })
	for _, field := range []string{"login", "password"} {
		if _, err := opened.Notation(context.Background(), "keeper://"+uid+"/field/"+field); err != nil {
			t.Fatal(err)
		}
	}
	if got := scrubber.Text("<canary-login> < canary-password >"); got != "<canary-login> <"+secret.Mask+">" {
		t.Errorf("got %s", got)
	}
}

func TestIsNotation(t *testing.T) {
	for text, want := range map[string]bool{
		"keeper://x/field/y": true, " Keeper://": true, "keeper:/": false, "x keeper://y": false, "": false,
	} {
		if vault.IsNotation(text) != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
}
