package vault_test

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/vault"
	"pam-rotate-script/internal/vault/vaulttest"
)

// userText is a PAM User record with values that a careless save would damage.
const userText = `{"title":"User","type":"pamUser","fields":[{"type":"login","value":["jdoe"]},{"type":"password","value":["canary <&> password"]},` +
	`{"type":"text","label":"distinguishedName","value":[]}],"custom":[{"type":"text","label":"Number","value":[12345678901234567890,1.50,1e400]},` +
	`{"type":"secret","label":"API_Token","value":["canary-old"],"required":true},{"type":"date","label":"Expires","value":[1767225600000]},` +
	`{"type":"text","label":"Twin","value":[]},{"type":"text","label":"twin","value":[]}],"futureKey":{"kept":true}}`

func userKeeper(t *testing.T) (*vaulttest.Keeper, string) {
	keeper := vaulttest.New(t)
	keeper.Add(vaulttest.Record{Title: "Other"})
	return keeper, keeper.Add(vaulttest.Record{JSON: userText})
}

func token(value string) vault.Field {
	return vault.Field{Label: "api token", Value: secret.New(value)}
}

// sameJSON compares texts, numbers by their literals.
func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	decode := func(text string) (value any) {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return value
	}
	if !reflect.DeepEqual(decode(got), decode(want)) {
		t.Errorf("the record is\n%s\nwant\n%s", got, want)
	}
}

func TestSaveExistingAndNewFields(t *testing.T) {
	keeper, uid := userKeeper(t)
	err := open(t, keeper).Save(context.Background(), uid, token(`canary "new" <ä>`),
		vault.Field{Label: "Minted secret", Value: secret.New("canary-minted")},
		vault.Field{Label: "Expiry Date", Value: secret.New("2027-01-01"), Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(userText, `["canary-old"]`, `["canary \"new\" <ä>"]`, 1)
	want = strings.Replace(want, `],"futureKey"`, `,{"type":"secret","label":"Minted secret","value":["canary-minted"]},`+
		`{"type":"text","label":"Expiry Date","value":["2027-01-01"]}],"futureKey"`, 1)
	sameJSON(t, keeper.Text(uid), want)
	if got := routes(keeper); got != "get update" {
		t.Errorf("sent %q", got)
	}
	if calls := keeper.Calls(); !reflect.DeepEqual(calls[0].UIDs, []string{uid}) || calls[1].UID != uid {
		t.Errorf("sent %+v", calls)
	}
}

func TestSaveToARecordWithoutCustomFields(t *testing.T) {
	for _, record := range []string{`{"title":"User","type":"pamUser"}`, `{"title":"User","type":"pamUser","custom":null}`, `{"title":"User","type":"pamUser","custom":[]}`} {
		keeper := vaulttest.New(t)
		uid := keeper.Add(vaulttest.Record{JSON: record})
		if err := open(t, keeper).Save(context.Background(), uid, token("canary")); err != nil {
			t.Fatal(err)
		}
		sameJSON(t, keeper.Text(uid), `{"title":"User","type":"pamUser","custom":[{"type":"secret","label":"api token","value":["canary"]}]}`)
	}
}

func TestSaveReadsAnewAndWhatIsReadAfterwardsIsNew(t *testing.T) {
	keeper, uid := userKeeper(t)
	opened := open(t, keeper)
	if _, err := opened.Record(context.Background(), "user"); err != nil {
		t.Fatal(err)
	}
	keeper.Edit(uid, func(text string) string { return strings.Replace(text, `["jdoe"]`, `["jdoe2"]`, 1) })
	if err := opened.Save(context.Background(), uid, token("canary-new")); err != nil {
		t.Fatal(err)
	}
	value, err := opened.Record(context.Background(), "user")
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, value); got["login"] != "jdoe2" || got["API_Token"] != "canary-new" {
		t.Errorf("read %v", got)
	}
	if got := routes(keeper); got != "get get update get" {
		t.Errorf("sent %q", got)
	}
}

func TestSaveSendsNothingThatIsThereAlready(t *testing.T) {
	keeper, uid := userKeeper(t)
	if err := open(t, keeper).Save(context.Background(), uid, token("canary-old")); err != nil {
		t.Fatal(err)
	}
	if got := routes(keeper); got != "get" {
		t.Errorf("sent %q", got)
	}
}

// somebodyElse saves the record just before the request is answered.
func somebodyElse(keeper *vaulttest.Keeper, uid, name string) vaulttest.Fault {
	return func(_ *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		keeper.Edit(uid, func(text string) string {
			return strings.Replace(text, `"fields":[`, `"fields":[{"type":"`+name+`"},`, 1)
		})
		return do()
	}
}

func TestSaveConflict(t *testing.T) {
	keeper, uid := userKeeper(t)
	keeper.Fail(nil, somebodyElse(keeper, uid, "theirs"))
	if err := open(t, keeper).Save(context.Background(), uid, token("canary-new")); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(userText, `["canary-old"]`, `["canary-new"]`, 1)
	sameJSON(t, keeper.Text(uid), strings.Replace(want, `"fields":[`, `"fields":[{"type":"theirs"},`, 1))
	if got := routes(keeper); got != "get update get update" {
		t.Errorf("sent %q", got)
	}
}

func TestSaveConflictTwice(t *testing.T) {
	keeper, uid := userKeeper(t)
	keeper.Fail(nil, somebodyElse(keeper, uid, "one"), nil, somebodyElse(keeper, uid, "two"))
	err := open(t, keeper).Save(context.Background(), uid, token("canary-new"))
	if failure(t, err, vault.KindConflict, "not saved", "twice").Left {
		t.Error("a refused save may not be called uncertain")
	}
	if got := routes(keeper); got != "get update get update get" {
		t.Errorf("sent %q", got)
	}
	if strings.Contains(keeper.Text(uid), "canary-new") {
		t.Error("it was saved")
	}
}

func TestSaveRefused(t *testing.T) {
	for _, test := range []struct {
		name         string
		fault        vaulttest.Fault
		kind         vault.Kind
		words, route string
	}{
		{"403", vaulttest.Answer(403, `{"result_code":"access_denied","message":"canary"}`), vault.KindPermission, "access_denied", "get update"},
		{"400 without a change", vaulttest.Answer(400, `{"result_code":"canary","message":"canary"}`), vault.KindServer, "400", "get update get"},
		{"the SDK panics on it", vaulttest.Answer(400, `{"error":{"canary":1}}`), vault.KindServer, "400", "get update get"},
		{"not sent", vaulttest.Unreachable, vault.KindNetwork, "connection failed", "get update"},
	} {
		t.Run(test.name, func(t *testing.T) {
			keeper, uid := userKeeper(t)
			keeper.Fail(nil, test.fault)
			err := open(t, keeper).Save(context.Background(), uid, token("canary-new"))
			if found := failure(t, err, test.kind, "not saved", uid, test.words); found.Left {
				t.Error("it is called uncertain")
			}
			if got := routes(keeper); got != test.route {
				t.Errorf("sent %q, want %q", got, test.route)
			}
			sameJSON(t, keeper.Text(uid), userText)
		})
	}
}

// TestSaveWithALostAnswer: it is sent once, and a look at the record decides.
func TestSaveWithALostAnswer(t *testing.T) {
	garbled := func(request *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		_, _ = do()
		return vaulttest.Answer(200, "<html>canary</html>, from something in between")(request, nil)
	}
	failing := func(request *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		_, _ = do()
		return vaulttest.Answer(502, "canary")(request, nil)
	}
	redirecting := func(request *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		_, _ = do()
		answer, err := vaulttest.Answer(307, "")(request, nil)
		answer.Header.Set("Location", "https://canary.invalid/")
		return answer, err
	}
	for _, test := range []struct {
		name   string
		faults []vaulttest.Fault
		left   bool
		kind   vault.Kind
	}{
		{"done, reset", []vaulttest.Fault{nil, vaulttest.Lose}, false, ""},
		{"done, garbled", []vaulttest.Fault{nil, garbled}, false, ""},
		{"done, 502", []vaulttest.Fault{nil, failing}, false, ""},
		{"done, redirect", []vaulttest.Fault{nil, redirecting}, false, ""},
		{"done, no look possible", []vaulttest.Fault{nil, vaulttest.Lose, vaulttest.Answer(503, "")}, true, vault.KindNetwork},
		{"not done, reset", []vaulttest.Fault{nil, vaulttest.Vanish}, true, vault.KindNetwork},
		{"not done, 500", []vaulttest.Fault{nil, vaulttest.Answer(500, `{"error":"internal_error"}`)}, true, vault.KindServer},
		{"not done, 504", []vaulttest.Fault{nil, vaulttest.Answer(504, `canary`)}, true, vault.KindTimeout},
		{"not done, 500 that the SDK panics on", []vaulttest.Fault{nil, vaulttest.Answer(500, `{"error":[]}`)}, true, vault.KindServer},
	} {
		t.Run(test.name, func(t *testing.T) {
			keeper, uid := userKeeper(t)
			keeper.Fail(test.faults...)
			err := open(t, keeper).Save(context.Background(), uid, token("canary-new"))
			if !test.left {
				if err != nil {
					t.Error(err)
				}
			} else if found := failure(t, err, test.kind, "not known whether it was saved", `"api token"`); !found.Left {
				t.Error("it is not called uncertain")
			}
			if got := routes(keeper); got != "get update get" {
				t.Errorf("sent %q, want one update and a look", got)
			}
		})
	}
}

func TestSaveIsUncertainAfterSilence(t *testing.T) {
	keeper, uid := userKeeper(t)
	keeper.Fail(nil, vaulttest.Silent)
	err := open(t, keeper, func(options *vault.Options) { options.Timeout = 50 * time.Millisecond }).Save(context.Background(), uid, token("canary-new"))
	if !failure(t, err, vault.KindTimeout, "no answer in time").Left {
		t.Error("it is not called uncertain")
	}
}

func TestSaveIsUncertainWhenInterrupted(t *testing.T) {
	keeper, uid := userKeeper(t)
	ctx, stop := context.WithCancel(context.Background())
	keeper.Fail(nil, func(request *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		stop()
		return vaulttest.Silent(request, do)
	})
	if !failure(t, open(t, keeper).Save(ctx, uid, token("canary-new")), vault.KindTimeout, "interrupted").Left {
		t.Error("it is not called uncertain")
	}
	if failure(t, open(t, keeper).Save(ctx, uid, token("canary-new")), vault.KindTimeout, "interrupted").Left {
		t.Error("nothing was sent, and it is called uncertain")
	}
}

// TestSaveChecksBeforeItSends covers CanSave too, which shares the checks.
func TestSaveChecksBeforeItSends(t *testing.T) {
	canary := secret.New("canary")
	for _, test := range []struct {
		name   string
		fields []vault.Field
		kind   vault.Kind
		words  string
		values bool // it is the values that are wrong, which CanSave does not have
	}{
		{"password", []vault.Field{{Label: "Pass_Word", Value: canary}}, vault.KindInput, `"Pass_Word"`, false},
		{"login", []vault.Field{{Label: "login", Value: canary}}, vault.KindInput, "login", false},
		{"uid", []vault.Field{{Label: "UID", Value: canary}}, vault.KindInput, "UID", false},
		{"no label", []vault.Field{{Label: " ", Value: canary}}, vault.KindInput, "no label", false},
		{"no field", nil, vault.KindInput, "no field", false},
		{"password with an invisible character", []vault.Field{{Label: "Pass\u200bword", Value: canary}}, vault.KindInput, "word", false},
		{"twice", []vault.Field{{Label: "a b", Value: canary}, {Label: "A-B", Value: canary}}, vault.KindInput, "twice", false},
		{"standard field", []vault.Field{{Label: "Distinguished Name", Value: canary}}, vault.KindInput, "standard field", false},
		{"a date", []vault.Field{{Label: "expires", Value: canary}}, vault.KindInput, `"date"`, false},
		{"twins", []vault.Field{{Label: "TWIN", Value: canary}}, vault.KindAmbiguous, "several", false},
		{"empty", []vault.Field{{Label: "a"}}, vault.KindInput, "empty", true},
		{"not UTF-8", []vault.Field{{Label: "a", Value: secret.New("canary\xff")}}, vault.KindInput, "UTF-8", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			keeper, uid := userKeeper(t)
			opened := open(t, keeper)
			if failure(t, opened.Save(context.Background(), uid, test.fields...), test.kind, "not saved", test.words).Left {
				t.Error("it is called uncertain")
			}
			if strings.Contains(routes(keeper), "update") {
				t.Error("it was sent")
			}
			if test.values {
				return
			}
			var labels []string
			for _, field := range test.fields {
				labels = append(labels, field.Label)
			}
			failure(t, opened.CanSave(context.Background(), uid, labels...), test.kind, test.words)
		})
	}
}

func TestCanSave(t *testing.T) {
	keeper, uid := userKeeper(t)
	readOnly := keeper.Add(vaulttest.Record{Title: "Read only", ReadOnly: true})
	opened := open(t, keeper)
	if err := opened.CanSave(context.Background(), uid, "API token", "New one"); err != nil {
		t.Error(err)
	}
	failure(t, opened.CanSave(context.Background(), readOnly, "a"), vault.KindPermission, "Can Edit")
	failure(t, opened.CanSave(context.Background(), "GGGGGGGGGGGGGGGGGGGGGG", "a"), vault.KindNotFound, "GGGGGGGGGGGGGGGGGGGGGG")
	failure(t, opened.Save(context.Background(), readOnly, token("canary")), vault.KindPermission, "Can Edit", "not saved")
	if got := routes(keeper); got != "get get get get" {
		t.Errorf("sent %q", got)
	}
	sameJSON(t, keeper.Text(uid), userText)
}

func TestSavePassword(t *testing.T) {
	const record = `{"title":"API","type":"login","fields":[{"type":"login","value":["api"]},{"type":"password","value":["canary-old"],"required":true}],` +
		`"custom":[{"type":"text","label":"Number","value":[12345678901234567890]},{"type":"secret","label":"password","value":["canary-other"]}]}`
	keeper := vaulttest.New(t)
	uid := keeper.Add(vaulttest.Record{JSON: record})
	opened := open(t, keeper)
	if err := opened.CanSavePassword(context.Background(), uid); err != nil {
		t.Fatal(err)
	}
	sameJSON(t, keeper.Text(uid), record)
	if err := opened.SavePassword(context.Background(), uid, secret.New(`canary <"new"> ä`)); err != nil {
		t.Fatal(err)
	}
	sameJSON(t, keeper.Text(uid), strings.Replace(record, `"canary-old"`, `"canary <\"new\"> ä"`, 1))

	for name, test := range map[string]struct {
		record vaulttest.Record
		kind   vault.Kind
		words  string
	}{
		"no password field":   {vaulttest.Record{JSON: `{"title":"API","type":"file","fields":[]}`}, vault.KindInput, "no standard field of the type password"},
		"no fields":           {vaulttest.Record{JSON: `{"title":"API","type":"file"}`}, vault.KindInput, "no standard field of the type password"},
		"two password fields": {vaulttest.Record{JSON: `{"title":"API","fields":[{"type":"password","value":["canary"]},{"type":"password","value":[]}]}`}, vault.KindAmbiguous, "several"},
		"for reading only":    {vaulttest.Record{JSON: record, ReadOnly: true}, vault.KindPermission, "Can Edit"},
	} {
		t.Run(name, func(t *testing.T) {
			keeper := vaulttest.New(t)
			uid := keeper.Add(test.record)
			before := keeper.Text(uid)
			failure(t, open(t, keeper).CanSavePassword(context.Background(), uid), test.kind, test.words, uid)
			failure(t, open(t, keeper).SavePassword(context.Background(), uid, secret.New("canary-new")), test.kind, test.words, "not saved")
			sameJSON(t, keeper.Text(uid), before)
		})
	}
	failure(t, opened.SavePassword(context.Background(), uid, secret.New("canary\xff")), vault.KindInput, "not UTF-8")
	failure(t, opened.SavePassword(context.Background(), uid, secret.Value{}), vault.KindInput, "empty")
}
