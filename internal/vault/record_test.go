package vault_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/vault"
	"pam-rotate-script/internal/vault/vaulttest"
)

func TestRecordByUIDAndTitle(t *testing.T) {
	keeper := vaulttest.New(t)
	access := keeper.Add(vaulttest.Record{Title: "API Access Details", Fields: []vaulttest.Field{text("login", "", "canary-login")}})
	other := keeper.Add(vaulttest.Record{Title: "Other"})
	titledLikeUID := keeper.Add(vaulttest.Record{Title: "AAAAAAAAAAAAAAAAAAAAAA"})
	opaque := keeper.Add(vaulttest.Record{Title: "ÅNGSTRÖM  details"})

	for _, test := range []struct {
		selector, uid string
		requests      int
	}{
		{access, access, 1},
		{"API Access Details", access, 1},
		{" api access DETAILS\n", access, 1},
		{other, other, 1},
		{"ångström  DETAILS", opaque, 1},
		{"AAAAAAAAAAAAAAAAAAAAAA", titledLikeUID, 2},
	} {
		t.Run(test.selector, func(t *testing.T) {
			before := len(keeper.Calls())
			value, err := open(t, keeper).Record(context.Background(), test.selector)
			if err != nil {
				t.Fatal(err)
			}
			if uid := content(t, value)["uid"]; uid != test.uid {
				t.Errorf("uid %v, want %s", uid, test.uid)
			}
			if sent := len(keeper.Calls()) - before; sent != test.requests {
				t.Errorf("%d requests, want %d", sent, test.requests)
			}
		})
	}
}

func TestWhatWasReadIsNotAskedForAgain(t *testing.T) {
	keeper := vaulttest.New(t)
	uid := keeper.Add(vaulttest.Record{Title: "One"})
	opened := open(t, keeper)
	for _, selector := range []string{"One", uid, "one"} {
		if _, err := opened.Record(context.Background(), selector); err != nil {
			t.Fatal(err)
		}
	}
	_, err := opened.Record(context.Background(), "Two")
	failure(t, err, vault.KindNotFound)
	if got := routes(keeper); got != "get" {
		t.Errorf("sent %q, want one get", got)
	}
	opened.Close()
	if _, err := opened.Record(context.Background(), "One"); err != nil {
		t.Fatal(err)
	}
	if got := routes(keeper); got != "get get" {
		t.Errorf("sent %q after Close, want a second get", got)
	}
}

func TestRecordIsNotChosenByChance(t *testing.T) {
	keeper := vaulttest.New(t)
	first := keeper.Add(vaulttest.Record{Title: "Access"})
	second := keeper.Add(vaulttest.Record{Title: "ACCESS "})
	keeper.Add(vaulttest.Record{Title: "Access 2"})

	_, err := open(t, keeper).Record(context.Background(), "access")
	failure(t, err, vault.KindAmbiguous, first, second, `"Access"`, `"ACCESS "`, "2 records match")

	_, err = open(t, keeper).Record(context.Background(), "acces")
	failure(t, err, vault.KindNotFound, `"acces"`, "3 readable records")

	_, err = open(t, keeper).Record(context.Background(), " \t")
	failure(t, err, vault.KindInput)

	_, err = open(t, keeper).Record(context.Background(), "BBBBBBBBBBBBBBBBBBBBBB")
	failure(t, err, vault.KindNotFound, "BBBBBBBBBBBBBBBBBBBBBB")
}

func TestRecordSharedManyTimesIsOneRecord(t *testing.T) {
	keeper := vaulttest.New(t)
	uid := keeper.Add(vaulttest.Record{Title: "Shared", Folders: 3})
	for _, selector := range []string{uid, "shared"} {
		value, err := open(t, keeper).Record(context.Background(), selector)
		if err != nil {
			t.Fatal(err)
		}
		if got := content(t, value)["uid"]; got != uid {
			t.Errorf("uid %v, want %s", got, uid)
		}
	}
	// The SDK's own notation takes this for several records.
	if _, err := open(t, keeper).Notation(context.Background(), "keeper://"+uid+"/title"); err != nil {
		t.Error(err)
	}
}

func TestBrokenRecordIsSkippedWithAWarning(t *testing.T) {
	keeper := vaulttest.New(t)
	broken := keeper.Add(vaulttest.Record{Title: "Broken", Broken: true})
	keeper.Add(vaulttest.Record{Title: "Not JSON", JSON: "canary, but no JSON"})
	keeper.Add(vaulttest.Record{Title: "Null", JSON: "null"})
	whole := keeper.Add(vaulttest.Record{Title: "Whole"})
	keeper.Add(vaulttest.Record{UID: broken, Title: "Broken in the folder too", Broken: true, Folders: 1})

	var log bytes.Buffer
	opened := open(t, keeper, func(options *vault.Options) { options.Log = zerolog.New(&log) })
	value, err := opened.Record(context.Background(), "whole")
	if err != nil {
		t.Fatal(err)
	}
	if uid := content(t, value)["uid"]; uid != whole {
		t.Errorf("uid %v, want %s", uid, whole)
	}
	if got := strings.Count(log.String(), `"level":"warn"`); got != 3 || strings.Count(log.String(), broken) != 1 || strings.Contains(log.String(), "canary") {
		t.Errorf("want a warning for each of three records, got %s", log.String())
	}
	_, err = opened.Record(context.Background(), broken)
	failure(t, err, vault.KindNotFound, "3 could not be decrypted")
	failure(t, opened.Save(context.Background(), broken, vault.Field{Label: "a", Value: secret.New("canary")}), vault.KindNotFound, "not saved", "decrypted")
}

// TestReadableCopyWins: one copy of a record has a broken key, the other is whole.
func TestReadableCopyWins(t *testing.T) {
	keeper := vaulttest.New(t)
	uid := keeper.Add(vaulttest.Record{Title: "Twice", Broken: true})
	keeper.Add(vaulttest.Record{UID: uid, Title: "Twice", Folders: 1})
	if _, err := open(t, keeper).Record(context.Background(), "twice"); err != nil {
		t.Error(err)
	}
}

// TestNewestCopyWins: a record that comes several times, at different revisions.
func TestNewestCopyWins(t *testing.T) {
	keeper := vaulttest.New(t)
	uid := keeper.Add(vaulttest.Record{Title: "New", Folders: 1})
	keeper.Edit(uid, func(text string) string { return strings.Replace(text, "New", "Newest", 1) })
	keeper.Add(vaulttest.Record{UID: uid, Title: "Old"}) // is sent first
	record, err := open(t, keeper).Record(context.Background(), uid)
	if err != nil || !strings.Contains(record.Reveal(), `"Newest"`) {
		t.Errorf("got %s (%v)", record.Reveal(), err)
	}
}

func TestBrokenFolderIsWarnedOf(t *testing.T) {
	keeper := vaulttest.New(t)
	keeper.Add(vaulttest.Record{Title: "Whole"})
	keeper.Add(vaulttest.Record{Title: "Lost", Folders: 1, BrokenFolders: true})
	var log bytes.Buffer
	opened := open(t, keeper, func(options *vault.Options) { options.Log = zerolog.New(&log) })
	_, err := opened.Record(context.Background(), "Lost")
	failure(t, err, vault.KindNotFound, "1 readable")
	if !strings.Contains(log.String(), "shared folder could not be decrypted") {
		t.Errorf("no warning in %s", log.String())
	}
}

// TestAnswerOfAnotherShape: the SDK takes text that is no JSON for an empty vault.
func TestAnswerOfAnotherShape(t *testing.T) {
	for _, test := range []struct {
		answer string
		kind   vault.Kind
	}{
		{"canary", vault.KindServer},
		{`{"records": [{"recordUid": 42}]}`, vault.KindServer},
		{`{"folders": [{"canary": 1}]}`, vault.KindServer},
		{`{"records": ["canary"]}`, vault.KindServer},
		{`{"encryptedAppKey": "canary"}`, vault.KindServer},
		{`{"records": "canary"}`, vault.KindServer},
		{`{"folders": "canary"}`, vault.KindServer},
		{`{}`, vault.KindNotFound},
	} {
		keeper := vaulttest.New(t)
		keeper.Fail(keeper.Say(test.answer))
		_, err := open(t, keeper).Record(context.Background(), "x")
		if found := vault.AsError(err); found == nil || found.Kind != test.kind || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s gave %v, want kind %s", test.answer, err, test.kind)
		}
	}
}

func TestContentIsFlatAsTheGatewaysRecordsAre(t *testing.T) {
	keeper := vaulttest.New(t)
	uid := keeper.Add(vaulttest.Record{JSON: `{
		"title": "Access", "type": "login", "notes": "canary-notes",
		"fields": [
			{"type": "login", "value": ["api"]},
			{"type": "password", "value": [" p\u0000ä\"s "]},
			{"type": "url", "label": "", "value": ["https://one.invalid"]},
			{"type": "host", "label": "Appliance", "value": [{"hostName": "sps.invalid", "port": "8443"}]},
			{"type": "script", "label": "rotationScripts", "value": [{"recordRef": ["x"]}]},
			{"type": "script", "label": "Rotation Scripts", "value": []},
			{"type": "fileRef", "value": []},
			{"type": "expirationDate", "value": [1767225600000]}
		],
		"custom": [
			{"type": "url", "value": ["https://two.invalid"]},
			{"type": "url", "value": ["https://three.invalid"]},
			{"type": "text", "label": "url2", "value": ["taken"]},
			{"type": "text", "label": "uid", "value": ["not-the-uid"]},
			{"type": "text", "label": "Client ID", "value": ["one", "two"]},
			{"type": "checkbox", "label": "Verify TLS", "value": [false]},
			{"type": "text", "label": "Big", "value": [12345678901234567890, 1.50]},
			{"type": "text", "label": "Bare", "value": "bare"},
			{"type": "text", "label": "Nothing"},
			{"type": "text", "label": "Null", "value": null},
			{"label": "  ", "value": ["no key"]},
			"not a field"
		]}`})
	value, err := open(t, keeper).Record(context.Background(), uid)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"uid": uid, "title": "Access",
		"login": "api", "password": " p\x00ä\"s ", "url": "https://one.invalid",
		"Appliance": map[string]any{"hostName": "sps.invalid", "port": "8443"},
		"fileRef":   []any{}, "expirationDate": json.Number("1767225600000"),
		"url1": "https://two.invalid", "url2": "https://three.invalid", "url21": "taken", "uid1": "not-the-uid",
		"Client ID": []any{"one", "two"}, "Verify TLS": false,
		"Big":  []any{json.Number("12345678901234567890"), json.Number("1.50")},
		"Bare": "bare", "Nothing": []any{}, "Null": []any{},
	}
	if got := content(t, value); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if printed := fmt.Sprintf("%v %+v %#v %s", value, value, value, value); strings.Contains(printed, "api") {
		t.Errorf("the content shows itself: %s", printed)
	}
}

// TestContentIsReadAsAPayloadsRecord: what comes from the vault goes through the
// same rules as what the Gateway sends.
func TestContentIsReadAsAPayloadsRecord(t *testing.T) {
	keeper := vaulttest.New(t)
	uid := keeper.Add(vaulttest.Record{Title: "API Access Details", Fields: []vaulttest.Field{
		text("login", "", "api"), text("password", "", "canary"), text("host", "url", map[string]any{"hostName": "sps.invalid", "port": "8443"}),
	}})
	value, err := open(t, keeper).Record(context.Background(), uid)
	if err != nil {
		t.Fatal(err)
	}
	payload := `{"user": "jdoe", "newPassword": "canary", "records": [` + value.Reveal() + `]}`
	read, err := params.Read(strings.NewReader(payload), params.Options{})
	if err != nil {
		t.Fatal(err)
	}
	record, err := read.AccessRecord("")
	if err != nil {
		t.Fatal(err)
	}
	fields := params.NewSettings([]params.Field{{Label: "login", Kind: params.Text}, {Label: "password", Kind: params.Secret}, {Label: "url", Kind: params.URL}},
		record, params.Record{}, nil, nil)
	if err := fields.Err(); err != nil || record.UID != uid || fields.Text("login") != "api" || fields.Secret("password").Reveal() != "canary" || !fields.Has("url") {
		t.Errorf("got %v, %v", record, err)
	}
}

func TestMaskedFieldsAreSealed(t *testing.T) {
	keeper := vaulttest.New(t)
	keeper.Add(vaulttest.Record{Title: "Access", Fields: []vaulttest.Field{
		text("login", "", "api-login"), text("password", "", "masked-one"),
		text("keyPair", "", map[string]any{"privateKey": "masked-two"}),
	}, Custom: []vaulttest.Field{text("secret", "token", "masked-three", "masked-four"), text("text", "Source Name", "plain-source")}})
	scrubber := secret.NewScrubber()
	if _, err := open(t, keeper, func(options *vault.Options) { options.Scrubber = scrubber }).Record(context.Background(), "access"); err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"masked-one", "masked-two", "masked-three", "masked-four", keeper.Config()["privateKey"], keeper.Config()["appKey"], keeper.Config()["clientId"]} {
		if got := scrubber.Text("x " + hidden); got != "x "+secret.Mask {
			t.Errorf("%q is not sealed: %s", hidden, got)
		}
	}
	for _, shown := range []string{"api-login", "plain-source", vaulttest.Host, "Access"} {
		if got := scrubber.Text("x " + shown); got != "x "+shown {
			t.Errorf("%q is sealed: %s", shown, got)
		}
	}
}

func TestRelatedRecordsOfAUser(t *testing.T) {
	keeper := vaulttest.New(t)
	access := keeper.Add(vaulttest.Record{Title: "API Access Details"})
	extra := keeper.Add(vaulttest.Record{Title: "Extra"})
	keeper.Add(vaulttest.Record{Title: "Unrelated"})
	user := keeper.Add(vaulttest.Record{Title: "User", Type: "pamUser", Fields: []vaulttest.Field{
		text("login", "", "jdoe"),
		text("script", "rotationScripts",
			map[string]any{"fileRef": "f", "recordRef": []any{extra, access, "DDDDDDDDDDDDDDDDDDDDDD"}},
			map[string]any{"fileRef": "g", "recordRef": []any{access, extra, access, "DDDDDDDDDDDDDDDDDDDDDD"}}),
	}})
	configuration := keeper.Add(vaulttest.Record{Title: "Config", Type: "pamNetworkConfiguration"})
	machine := keeper.Add(vaulttest.Record{Title: "Machine", Type: "pamMachine", Fields: []vaulttest.Field{
		text("pamSettings", "", map[string]any{"connection": map[string]any{"userRecords": []any{user}}}),
	}})
	keeper.Add(vaulttest.Record{Title: "Other machine", Type: "pamMachine"})

	related, err := open(t, keeper).Related(context.Background(), user, "")
	if err != nil {
		t.Fatal(err)
	}
	if related.User.UID != user || related.Configuration.UID != configuration || related.Resource.UID != machine {
		t.Errorf("got %+v", related)
	}
	if len(related.Linked) != 2 || related.Linked[0].UID != extra || related.Linked[1].UID != access {
		t.Errorf("linked %+v, want the extra and the access record", related.Linked)
	}
	if !reflect.DeepEqual(related.Missing, []string{"DDDDDDDDDDDDDDDDDDDDDD"}) {
		t.Errorf("missing %v", related.Missing)
	}
	if got := routes(keeper); got != "get" {
		t.Errorf("sent %q, want one get", got)
	}

	keeper.Add(vaulttest.Record{Title: "Second config", Type: "pamAwsConfiguration"})
	if related, err = open(t, keeper).Related(context.Background(), user, ""); err != nil || related.Configuration.UID != "" {
		t.Errorf("of two configurations %v was chosen (%v)", related.Configuration, err)
	}
	keeper.Add(vaulttest.Record{UID: "EEEEEEEEEEEEEEEEEEEEEE", Title: "Third config", Type: "pamDomainConfiguration", Fields: []vaulttest.Field{
		text("pamResources", "", map[string]any{"resourceRef": []any{machine}}),
	}})
	if related, err = open(t, keeper).Related(context.Background(), user, ""); err != nil || related.Configuration.UID != "EEEEEEEEEEEEEEEEEEEEEE" {
		t.Errorf("the configuration that names the resource was not chosen, but %v (%v)", related.Configuration, err)
	}
	_, err = open(t, keeper).Related(context.Background(), "FFFFFFFFFFFFFFFFFFFFFF", "")
	failure(t, err, vault.KindNotFound, "FFFFFFFFFFFFFFFFFFFFFF")
}
