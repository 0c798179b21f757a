package params_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pam-rotate-script/internal/params"
)

// record is one record of a test payload.
func record(uid, title string, more ...any) map[string]any {
	result := map[string]any{"uid": uid, "title": title, "password": canary}
	for i := 0; i < len(more); i += 2 {
		result[more[i].(string)] = more[i+1]
	}
	return result
}

func TestAccessRecord(t *testing.T) {
	user := record("user-uid", "API Access Details", "login", "jdoe@example.com")
	provider := record("provider-uid", "Record with Access Token")
	resource := record("resource-uid", "API Access Details")
	chooses := func(choice any) map[string]any { return record("user-uid", "John", "access_record", choice) }
	tests := []struct {
		name     string
		selector string
		records  []any
		want     string // UID, or the title where there is no UID
		problem  string // a part of the error
		missing  bool   // the error wraps ErrNoAccessRecord
	}{
		{name: "known title", records: []any{record("a", "Other"), record("b", "API Access Details"), user}, want: "b"},
		{name: "known title in any case", records: []any{record("a", "Other"), record("b", " api ACCESS details\n")}, want: "b"},
		{name: "other known title", records: []any{record("a", "Other"), record("b", "record with access token")}, want: "b"},
		{name: "known title without UID", records: []any{record("a", "Other"), record("", "API Access Details")}, want: "API Access Details"},
		{name: "both known titles", records: []any{record("a", "API Access Details"), record("b", "Record with Access Token")},
			problem: `access record: 2 records match the known titles: "API Access Details" (UID "a"), "Record with Access Token" (UID "b")`},
		{name: "titles twice without UID", records: []any{record("", "API Access Details"), record("", "API Access Details")}, problem: "2 records match"},
		{name: "only one left", records: []any{user, provider, resource, record("a", "Other")}, want: "a"},
		{name: "titles of the other roles do not count", records: []any{user, provider, resource},
			problem: `no record is linked to the script; seen: "API Access Details" (UID "user-uid"), "Record with Access Token" (UID "provider-uid"), "API Access Details" (UID "resource-uid")`, missing: true},
		{name: "several, no title", records: []any{record("a", "One"), record("b", "")},
			problem: `none has a known title, and more than one record is linked: "One" (UID "a"), no title (UID "b")`, missing: true},
		{name: "no records", records: []any{}, problem: "no record is linked to the script; the payload has no records", missing: true},
		{name: "shared twice", records: []any{record("a", "Other", "x", 1, "y", "2"), record("a", "Other", "y", "2", "x", 1)}, want: "a"},
		{name: "shared twice with known title", records: []any{record("a", "API Access Details"), record("b", "Other"), record("a", "API Access Details")}, want: "a"},
		{name: "one UID, different content", records: []any{record("a", "API Access Details"), record("a", "API Access Details", "x", 1)}, problem: "2 records match"},

		{name: "flag by UID", selector: "a", records: []any{record("a", "Other"), record("b", "API Access Details")}, want: "a"},
		{name: "flag by title", selector: " oTHER ", records: []any{record("a", "Other"), record("b", "API Access Details")}, want: "a"},
		{name: "flag, UID before title", selector: "b", records: []any{record("a", "b"), record("b", "Other")}, want: "b"},
		{name: "flag, UID is exact", selector: "A", records: []any{record("a", "Other"), record("b", "A")}, want: "b"},
		{name: "flag names the user record", selector: "user-uid", records: []any{user, record("a", "Other")}, want: "user-uid"},
		{name: "flag names the provider", selector: "provider-uid", records: []any{provider, record("a", "Other")}, want: "provider-uid"},
		{name: "flag before field", selector: "b", records: []any{chooses("a"), record("a", "One"), record("b", "Two")}, want: "b"},
		{name: "blank flag", selector: "  ", records: []any{record("a", "Other")}, want: "a"},
		{name: "flag matches two", selector: "same", records: []any{record("a", "Same"), record("b", "same")},
			problem: `2 records match --access-record: "Same" (UID "a"), "same" (UID "b")`},
		{name: "flag matches none", selector: canary, records: []any{record("a", "Other")},
			problem: `no record matches --access-record; seen: "Other" (UID "a")`, missing: true},

		{name: "field by UID", records: []any{chooses("a"), record("a", "One"), record("b", "API Access Details")}, want: "a"},
		{name: "field by title", records: []any{chooses([]any{" one "}), record("a", "One"), record("b", "API Access Details")}, want: "a"},
		{name: "empty field", records: []any{chooses([]any{""}), record("a", "One"), record("b", "API Access Details")}, want: "b"},
		{name: "blank field", records: []any{chooses(" "), record("a", "One"), record("b", "API Access Details")}, want: "b"},
		{name: "field names the user record", records: []any{chooses("user-uid"), record("a", "One")},
			problem: `no record matches the user record's field Access Record; seen: "John" (UID "user-uid"), "One" (UID "a")`},
		{name: "field names the provider", records: []any{chooses("provider-uid"), provider, record("a", "One")}, problem: "no record matches"},
		{name: "field names the resource", records: []any{chooses("resource-uid"), resource, record("a", "One")}, problem: "no record matches"},
		{name: "field matches none", records: []any{chooses(canary), record("a", "One")}, problem: "no record matches the user record's field"},
		{name: "field matches two", records: []any{chooses("one"), record("a", "One"), record("b", "ONE")}, problem: "2 records match the user record's field"},
		{name: "field with two values", records: []any{chooses([]any{"a", canary}), record("a", "One")},
			problem: "user record: Access Record: one text is needed, found a list of 2 values"},
		{name: "field is an object", records: []any{chooses(map[string]any{"a": canary}), record("a", "One")},
			problem: "user record: Access Record: one text is needed, found an object"},
		{name: "two such fields", records: []any{record("user-uid", "John", "access_record", "a", "Access Record", canary), record("a", "One")},
			problem: "mean the same and differ in value"},
		{name: "field of another record", records: []any{record("a", "One", "Access Record", "b"), record("b", "API Access Details"), user}, want: "b"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := mustRead(t, payload(t, map[string]any{"resourceRecordUid": "resource-uid", "records": test.records}))
			got, err := p.AccessRecord(test.selector)
			if test.problem == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got.UID != test.want && (got.UID != "" || got.Title != test.want) {
					t.Errorf("found %q (%q), want %q", got.Title, got.UID, test.want)
				}
				return
			}
			if text := problems(t, err)[0]; !strings.Contains(text, test.problem) {
				t.Errorf("error is %q, want %q", text, test.problem)
			}
			if errors.Is(err, params.ErrNoAccessRecord) != test.missing {
				t.Errorf("error says the record is missing: %v", !test.missing)
			}
		})
	}
}

// Without the user record's UID, its login keeps it from being chosen.
func TestAccessRecordWithoutUserUID(t *testing.T) {
	user := record("u", "API Access Details", "login", "JDoe@example.com")
	for _, test := range []struct {
		records []any
		want    string
	}{
		{[]any{user}, ""},
		{[]any{user, record("a", "Other", "login", "api")}, "a"},
		{[]any{record("a", "Other")}, "a"},
	} {
		p := mustRead(t, payload(t, map[string]any{"userRecordUid": nil, "records": test.records}))
		got, err := p.AccessRecord("")
		if got.UID != test.want || (err == nil) != (test.want != "") {
			t.Errorf("found %q and %v, want %q", got.UID, err, test.want)
		}
		if _, ok := p.UserRecord(); ok {
			t.Error("there is a user record")
		}
	}
}

func TestAccessRecordLongList(t *testing.T) {
	var records []any
	for i := range 30 {
		records = append(records, record(fmt.Sprint("uid-", i), strings.Repeat("é", 200)+"\x1b[2J\n"))
	}
	p := mustRead(t, payload(t, map[string]any{"records": records}))
	_, err := p.AccessRecord("")
	text := problems(t, err)[0]
	if !strings.HasSuffix(text, `(UID "uid-19"), and 10 more`) {
		t.Errorf("the list does not end after 20: %q", text)
	}
	if strings.ContainsAny(text, "\x1b\n") || len(text) > 20*300 {
		t.Error("titles are not cut or not quoted")
	}
}

func TestUserRecord(t *testing.T) {
	p := mustRead(t, payload(t, nil))
	got, ok := p.UserRecord()
	if !ok || got.Title != "John" {
		t.Errorf("user record is %q, %v", got.Title, ok)
	}
	p = mustRead(t, payload(t, map[string]any{"userRecordUid": "elsewhere"}))
	if got, ok := p.UserRecord(); ok {
		t.Errorf("user record is %q", got.Title)
	}
}

func TestNormaliseLabel(t *testing.T) {
	for label, want := range map[string]string{
		"url": "url", "Client ID": "clientid", "clientId": "clientid", "CLIENT\u00a0-_ID": "clientid", "client\u200b_id\ufeff": "clientid",
		" X-Y ": "xy", "\u00c4\u017f": "\u00e4\u017f", "url2": "url2", "_-": "", "": "",
	} {
		if got := params.NormaliseLabel(label); got != want {
			t.Errorf("NormaliseLabel(%q) is %q", label, got)
		}
	}
}

func TestShape(t *testing.T) {
	text := `{"user":"jdoe","newPassword":"` + canary + `","oldPassword":"","userRecordUid":"u","providerRecordUid":"p",
		"resourceRecordUid":"p","version":3,"flag":true,"more":{"b":"` + canary + `","a":1},"records":[
		{"uid":"u","title":"John","login":"` + canary + `","none":null,"empty":"","list":["` + canary + `",1,"x"]},
		{"uid":"p","title":"","bool":false,"number":12345,"host":{"hostName":"` + canary + `","port":"1"},"no items":[],"no keys":{}},
		{"title":"Acc\u001bess","hosts":[{"hostName":"` + canary + `"},{"hostName":"b"}]}]}`
	want := []string{
		`payload key "user": string`,
		`payload key "newPassword": string`,
		`payload key "oldPassword": string, empty`,
		`payload key "userRecordUid": string`,
		`payload key "providerRecordUid": string`,
		`payload key "resourceRecordUid": string`,
		`payload key "version": number`,
		`payload key "flag": bool`,
		`payload key "more": object with keys "b", "a"`,
		`payload key "records": list of 3 object with keys "uid", "title", "login", "none", "empty", "list"` +
			` or object with keys "uid", "title", "bool", "number", "host", "no items", "no keys" or object with keys "title", "hosts"`,
		`record 1: "John" (UID "u"), user`,
		`  "login": string`,
		`  "none": null`,
		`  "empty": string, empty`,
		`  "list": list of 3 string or number`,
		`record 2: no title (UID "p"), provider and resource`,
		`  "bool": bool`,
		`  "number": number`,
		`  "host": object with keys "hostName", "port"`,
		`  "no items": list, empty`,
		`  "no keys": object, empty`,
		`record 3: "Acc\x1bess" (no UID), linked`,
		`  "hosts": list of 2 object with keys "hostName"`,
	}
	got := mustRead(t, text).Shape()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("shape is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// FuzzAccessRecord: whatever the titles, UIDs and choices are, the record that is chosen is
// one that may be, and the one that was asked for; no error holds a field's value.
func FuzzAccessRecord(f *testing.F) {
	for _, seed := range [][5]string{
		{"", "", "API Access Details", "access", "login"},
		{"", "access", "Other", "access", "login"},
		{"access", "", "Other", "access", "login"},
		{"", "user", "API Access Details", "access", "login"},
		{"", "Jane", "Jane", "user", "login"},
		{"JANE ", " api access details", "api access DETAILS", "provider", "LOGIN"},
		{"", "\u212apı access", "K", "", ""},
		{"resource", "resource", "record with access token", "resource", "jdoe"},
		{"\x00", "ﬁ", "FI", "\u00df", "ss"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4], uint8(7))
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4], uint8(0))
	}
	f.Fuzz(func(t *testing.T, selector, choice, title, uid, login string, which uint8) {
		for _, text := range []string{selector, choice, title, uid, login} {
			if !utf8.ValidString(text) {
				return // no payload can carry it
			}
		}
		user := map[string]any{"uid": "user", "title": "Jane", "login": "jdoe", "password": canary}
		if choice != "" {
			user["Access Record"] = choice
		}
		records := []any{
			map[string]any{"uid": uid, "title": title, "login": login, "password": canary},
			user,
			map[string]any{"uid": "provider", "title": title, "secret": canary},
			map[string]any{"uid": "resource", "title": title, "secret": canary},
			map[string]any{"uid": "second", "title": "API Access Details", "password": canary},
		}
		outer := map[string]any{"user": "jdoe", "newPassword": "n", "providerRecordUid": "provider", "resourceRecordUid": "resource"}
		if which&1 != 0 {
			outer["userRecordUid"] = "user"
		}
		if which&2 != 0 {
			records = records[:4]
		}
		outer["records"] = records
		text, err := json.Marshal(outer)
		if err != nil {
			return
		}
		p, err := params.Read(strings.NewReader(string(text)), params.Options{})
		if err != nil {
			return
		}
		record, err := p.AccessRecord(selector)
		if err != nil {
			if all := err.Error() + strings.Join(problems(t, err), ""); strings.Contains(all, canary) && !strings.Contains(title+uid, canary) {
				t.Errorf("the error holds a value: %s", all)
			}
			return
		}
		asked := strings.TrimSpace(selector)
		if asked == "" && p.UserUID != "" {
			asked = strings.TrimSpace(choice)
		}
		fits := record.UID == asked || strings.EqualFold(strings.TrimSpace(record.Title), asked)
		switch {
		case asked != "" && !fits:
			t.Errorf("asked for %q, chosen %q titled %q", asked, record.UID, record.Title)
		case record.UID == asked && strings.TrimSpace(selector) != "":
			// A UID by flag may be any record's.
		case record.UID == p.UserUID && p.UserUID != "", record.UID == "provider", record.UID == "resource":
			t.Errorf("chosen %q, which is not linked", record.UID)
		}
	})
}
