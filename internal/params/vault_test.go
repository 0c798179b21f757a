package params_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
)

const outer = `{"user":"jane","newPassword":"canary-new","oldPassword":"canary-old","userRecordUid":"u","records":`

func readText(t *testing.T, text string, options params.Options) *params.Params {
	t.Helper()
	p, err := params.Read(strings.NewReader(text), options)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func isReference(text string) bool { return strings.HasPrefix(text, "ref:") }

// TestResolveFields: texts and texts in lists, in every copy of the record and in no
// other one; what comes in their place is sealed.
func TestResolveFields(t *testing.T) {
	scrubber := secret.NewScrubber()
	options := params.Options{Scrubber: scrubber}
	const access = `{"uid":"a","title":"API Access Details","url":"x ref:","password":" ref:1 ","Allowed Users":["jane","ref:2"],"Timeout":7}`
	p := readText(t, outer+`[`+access+`,`+access+`,{"uid":"u","title":"Jane","note":"ref:3"}]}`, options)
	record, err := p.AccessRecord("")
	if err != nil {
		t.Fatal(err)
	}
	if labels := record.References(isReference); !slices.Equal(labels, []string{"password", "Allowed Users"}) {
		t.Errorf("the references are in %q", labels)
	}
	var asked []string
	err = p.ResolveFields(record, options, isReference, func(label, text string) (secret.Value, error) {
		asked = append(asked, label+" "+text)
		return secret.New("canary-" + text), nil
	})
	if err != nil || !slices.Equal(asked, []string{"password ref:1", "Allowed Users ref:2"}) {
		t.Errorf("%v after %q", err, asked)
	}
	resolved, err := p.AccessRecord("") // the copies are still one record
	if err != nil {
		t.Fatal(err)
	}
	fields := []params.Field{{Label: "password", Kind: params.Secret}, {Label: "Allowed Users", Kind: params.List}}
	settings := params.NewSettings(fields, resolved, params.Record{}, nil, nil)
	if got := settings.Secret("password").Reveal(); got != "canary-ref:1" {
		t.Errorf("the password is %q", got)
	}
	if got := settings.List("Allowed Users"); !slices.Equal(got, []string{"jane", "canary-ref:2"}) {
		t.Errorf("the list is %q", got)
	}
	if scrubbed := scrubber.Text("it is canary-ref:1"); strings.Contains(scrubbed, "canary") {
		t.Error("what was resolved is not sealed")
	}

	fault := errors.New("fault")
	p = readText(t, outer+`[`+access+`]}`, params.Options{})
	record, _ = p.AccessRecord("")
	fail := func(string, string) (secret.Value, error) { return secret.Value{}, fault }
	if err := p.ResolveFields(record, params.Options{}, isReference, fail); !errors.Is(err, fault) {
		t.Errorf("got %v", err)
	}
	if err := p.ResolveFields(resolved, params.Options{}, isReference, fail); err == nil || errors.Is(err, fault) {
		t.Errorf("a record of another payload: %v", err)
	}
}

func TestAddRecord(t *testing.T) {
	p := readText(t, outer+`[{"uid":"u","title":"Jane"}]}`, params.Options{})
	for text, want := range map[string]string{
		`{"uid":"u","title":"API Access Details"}`: "its UID is in the payload already",
		`{"url":"canary"}`:                         "neither a uid nor a title",
		`[]`:                                       "the JSON is a list",
		`{"uid":"a"`:                               "vault record: ",
	} {
		if _, err := p.AddRecord(secret.New(text), params.Options{}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", text, err)
		}
	}
	scrubber := secret.NewScrubber()
	if _, err := p.AddRecord(secret.New(`{"uid":"a","title":"API Access Details","password":"canary-token"}`), params.Options{Scrubber: scrubber}); err != nil {
		t.Fatal(err)
	}
	if record, err := p.AccessRecord(""); err != nil || record.UID != "a" {
		t.Errorf("%v, %v", record, err)
	}
	if strings.Contains(scrubber.Text("canary-token"), "canary") {
		t.Error("the record's secrets are not sealed")
	}
}

func TestIsUsers(t *testing.T) {
	for text, want := range map[string]string{
		outer + `[{"uid":"u","title":"1"},{"uid":"a","title":"2","login":"jane"}]}`:                                      "u",
		`{"user":"jane","newPassword":"x","records":[{"uid":"u","title":"1"},{"uid":"a","title":"2","login":" Jane "}]}`: "a",
		`{"user":"jane","newPassword":"x","records":[{"uid":"u","title":"1"},{"uid":"a","title":"2","login":"john"}]}`:   "",
	} {
		p := readText(t, text, params.Options{})
		for _, record := range p.Records {
			if got := p.IsUsers(record); got != (record.UID == want) {
				t.Errorf("%s: %v for %s", text, got, record.UID)
			}
		}
	}
}

func TestLooksLikePayload(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(`{"records":7}`))
	for text, want := range map[string]bool{
		`{"records":7}`: true, ` "` + encoded + "\"\r\n": true, `{"newPassword":1`: false, strings.TrimRight(encoded, "="): true,
		`{"other":7}`: false, "Pass-word 1!": false, "": false, "eyJ4Ijp7fX0=": false, `["records"]`: false, "\xff\xfe{\x00": false,
	} {
		if got := params.LooksLikePayload(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestOutline has all of the payload but values.
func TestOutline(t *testing.T) {
	for password, want := range map[string]string{
		`"canary-new"`: "new", `["canary-old"]`: "old", `"canary"`: "neither", `""`: "none", `{"a":1}`: "none", `["a","b"]`: "none",
	} {
		p := readText(t, outer+`[{"uid":"u","title":"Jane","password":`+password+`}]}`, params.Options{})
		outline := p.Outline()
		if outline.Password != want {
			t.Errorf("%s: %s, want %s", password, outline.Password, want)
		}
		if len(outline.Keys) != 5 || len(outline.Records) != 1 || !slices.Equal(outline.Records[0].Roles, []string{"user"}) {
			t.Errorf("the outline is %+v", outline)
		}
		if len(p.Shape()) != len(outline.Keys)+2 {
			t.Errorf("the shape is %q", p.Shape())
		}
	}
	same := `{"user":"jane","newPassword":"x1","oldPassword":"x1","userRecordUid":"u","records":[{"uid":"u","password":"x1"}]}`
	if got := readText(t, same, params.Options{}).Outline().Password; got != "both" {
		t.Errorf("the same passwords: %s", got)
	}
}
