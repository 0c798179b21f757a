package params_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
)

// recordOf returns the record that has the given JSON members beside its title.
func recordOf(t testing.TB, uid, members string) params.Record {
	t.Helper()
	if members != "" {
		members = "," + members
	}
	text := fmt.Sprintf(`{"user":"jdoe","newPassword":"n","records":[{"uid":%q,"title":"Title of %s"%s}]}`, uid, uid, members)
	p, err := params.Read(strings.NewReader(text), params.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p.Records[0]
}

// show returns what a field was read as, "" for no value.
func show(s *params.Settings, field params.Field) string {
	switch field.Kind {
	case params.Secret:
		return s.Secret(field.Label).Reveal()
	case params.Bool:
		return fmt.Sprint(s.Bool(field.Label))
	case params.Seconds:
		return s.Seconds(field.Label).String()
	case params.List:
		return strings.Join(s.List(field.Label), "|")
	case params.Object:
		return s.Object(field.Label).Reveal()
	default:
		return s.Text(field.Label)
	}
}

func TestSettingsValues(t *testing.T) {
	choices := []string{"auto", "basic auth", "none"}
	tests := []struct {
		kind  params.Kind
		value string // JSON
		want  string
		found string // what the fault says was found, "" for no fault
	}{
		{params.Text, `" a b\n"`, "a b", ""},
		{params.Text, `["a"]`, "a", ""},
		{params.Text, `[["a"]]`, "a", ""},
		{params.Text, `[[["a"]]]`, "", "a list within a list"},
		{params.Text, `12345678901234567890`, "12345678901234567890", ""},
		{params.Text, `1.50e3`, "1.50e3", ""},
		{params.Text, `true`, "true", ""},
		{params.Text, `["a","b","c"]`, "", "a list of 3 values"},
		{params.Text, `{"a":"b"}`, "", "an object"},
		{params.Text, `[{"a":"b"}]`, "", "an object"},
		{params.Multiline, `"\n a\r\nb \n"`, "a\r\nb", ""},

		{params.Secret, `" a\t\n"`, " a\t\n", ""},
		{params.Secret, `" "`, " ", ""},
		{params.Secret, `[" a "]`, " a ", ""},
		{params.Secret, `12345678901234567890`, "12345678901234567890", ""},
		{params.Secret, `1e2`, "1e2", ""},
		{params.Secret, `false`, "false", ""},
		{params.Secret, `["a","b"]`, "", "a list of 2 values"},
		{params.Secret, `{"a":"b"}`, "", "an object"},

		{params.URL, `" https://example.com "`, "https://example.com", ""},
		{params.URL, `{"hostName":"example.com","port":"8443"}`, "example.com:8443", ""},
		{params.URL, `[{"HOSTNAME":" example.com ","Port":8443}]`, "example.com:8443", ""},
		{params.URL, `{"hostName":"example.com"}`, "example.com", ""},
		{params.URL, `{"hostName":"example.com","port":""}`, "example.com", ""},
		{params.URL, `{"hostName":"https://example.com","port":"8443"}`, "https://example.com:8443", ""},
		{params.URL, `{"hostName":"2001:db8::1","port":"8443"}`, "[2001:db8::1]:8443", ""},
		{params.URL, `{"hostName":"192.0.2.1","port":"1"}`, "192.0.2.1:1", ""},
		{params.URL, `{"hostName":"example.com","port":"0"}`, "", "an object"},
		{params.URL, `{"hostName":"example.com","port":"65536"}`, "", "an object"},
		{params.URL, `{"hostName":"example.com","port":["1","2"]}`, "", "an object"},
		{params.URL, `{"hostName":["a","b"],"port":"1"}`, "", "an object"},
		{params.URL, `{"hostName":"a","hostname":"b"}`, "", "an object"},
		{params.URL, `{"hostName":"a","hostName":"a"}`, "", "an object"},
		{params.URL, `{"port":"8443"}`, "", "an object"},
		{params.URL, `{"hostName":"","port":"8443"}`, "", "an object"},

		{params.Bool, `true`, "true", ""},
		{params.Bool, `"True"`, "true", ""},
		{params.Bool, `" YES "`, "true", ""},
		{params.Bool, `"on"`, "true", ""},
		{params.Bool, `1`, "true", ""},
		{params.Bool, `["1"]`, "true", ""},
		{params.Bool, `false`, "false", ""},
		{params.Bool, `"No"`, "false", ""},
		{params.Bool, `"oFF"`, "false", ""},
		{params.Bool, `0`, "false", ""},
		{params.Bool, `2`, "false", "a number"},
		{params.Bool, `"maybe"`, "false", "another text"},
		{params.Bool, `{}`, "false", "an object"},
		{params.Bool, `[true,false]`, "false", "a list of 2 values"},

		{params.Seconds, `90`, "1m30s", ""},
		{params.Seconds, `" 90 "`, "1m30s", ""},
		{params.Seconds, `"86400"`, "24h0m0s", ""},
		{params.Seconds, `86401`, "0s", "a number beyond these"},
		{params.Seconds, `0`, "0s", "a number beyond these"},
		{params.Seconds, `-1`, "0s", "a number"},
		{params.Seconds, `1.5`, "0s", "a number that is not whole"},
		{params.Seconds, `"90s"`, "0s", "a number with something behind it"},
		{params.Seconds, `"99999999999999999999"`, "0s", "a number beyond these"},
		{params.Seconds, `"two minutes"`, "0s", "another text"},
		{params.Seconds, `true`, "0s", "a bool"},

		{params.Choice, `" AUTO "`, "auto", ""},
		{params.Choice, `"Basic-Auth"`, "basic auth", ""},
		{params.Choice, `["none"]`, "none", ""},
		{params.Choice, `"other"`, "", "another text"},
		{params.Choice, `["auto","none"]`, "", "a list of 2 values"},
		{params.Choice, `true`, "", "a bool"},

		{params.List, `"a, b c,,\r\n d\n"`, "a|b c|d", ""},
		{params.List, `["a, b","",null," c ",[" d"],5]`, "a, b|c|d|5", ""},
		{params.List, `["a,b"]`, "a|b", ""},
		{params.List, `7`, "7", ""},
		{params.List, `{"a":"b"}`, "", "an object"},
		{params.List, `["a",{"a":"b"}]`, "", "a list of 2 values"},
		{params.List, `["a",["b","c"]]`, "", "a list of 2 values"},

		{params.Object, `{"a": 1.50, "b":["<é\u2028",null,true,{}], "c":{"d":"\ud83d\ude00"}}`, `{"a":1.50,"b":["\u003cé\u2028",null,true,{}],"c":{"d":"😀"}}`, ""},
		{params.Object, `" {\"a\": [1, 2]}\n"`, `{"a": [1, 2]}`, ""},
		{params.Object, `["{}"]`, `{}`, ""},
		{params.Object, `[{}]`, `{}`, ""},
		{params.Object, `{"a":1,"a":1}`, "", "an object"},
		{params.Object, `{"a":[{"b":1,"b":1}]}`, "", "an object"},
		{params.Object, `"{\"a\":1,\"a\":2}"`, "", "another text"},
		{params.Object, `"{\"a\":\"\\ud800\"}"`, "", "another text"},
		{params.Object, `"{} {}"`, "", "another text"},
		{params.Object, `"[]"`, "", "another text"},
		{params.Object, `"{\"a\":"`, "", "another text"},
		{params.Object, `[1,2]`, "", "a list of 2 values"},
		{params.Object, `5`, "", "a number"},
	}
	for _, test := range tests {
		t.Run(test.kind.String()+" "+test.value, func(t *testing.T) {
			field := params.Field{Label: "The Field", Kind: test.kind, Choices: choices}
			s := params.NewSettings([]params.Field{field}, recordOf(t, "a", `"the_field":`+test.value), params.Record{}, nil, nil)
			if got := show(s, field); got != test.want {
				t.Errorf("read as %q, want %q", got, test.want)
			}
			if s.Has("The Field") == (test.found != "") {
				t.Errorf("Has is %v", s.Has("The Field"))
			}
			err := s.Err()
			if test.found == "" {
				if err != nil {
					t.Errorf("fault %q", err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), "The Field: ") || !strings.HasSuffix(err.Error(), " is needed on the access record, found "+test.found) {
				t.Errorf("fault is %v, want found %s", err, test.found)
			}
		})
	}
}

func TestSettingsAbsent(t *testing.T) {
	absent := map[string]string{
		"missing": "nothing", "null": "null", `""`: "an empty text", "[]": "an empty list", `[""]`: "an empty text",
		`[null]`: "null", `[[]]`: "an empty list",
	}
	kinds := map[params.Kind][2]string{ // default and what it is read as
		params.Text: {"d", "d"}, params.Secret: {" d", " d"}, params.URL: {"https://d", "https://d"}, params.Bool: {"yes", "true"},
		params.Seconds: {"120", "2m0s"}, params.Choice: {"B", "b"}, params.Multiline: {"d", "d"}, params.List: {"200, 201", "200|201"},
		params.Object: {"{}", "{}"},
	}
	for kind, defaults := range kinds {
		values := map[string]string{}
		for value, found := range absent {
			values[value] = found
		}
		if kind != params.Secret {
			values[`" \t"`] = "an empty text"
		}
		if kind == params.List {
			values[`" , \n"`] = "another text"
			values[`["",null]`] = "a list of 2 values"
		}
		for value, found := range values {
			t.Run(kind.String()+" "+value, func(t *testing.T) {
				members := `"f":` + value
				if value == "missing" {
					members = ""
				}
				fields := []params.Field{
					{Label: "F", Kind: kind, Choices: []string{"a", "b"}, Default: defaults[0], Required: true},
				}
				s := params.NewSettings(fields, recordOf(t, "a", members), params.Record{}, nil, nil)
				if got := show(s, fields[0]); got != defaults[1] || s.Err() != nil || s.Has("f") {
					t.Errorf("default is %q, error %v, has %v", got, s.Err(), s.Has("f"))
				}

				fields[0].Default = ""
				s = params.NewSettings(fields, recordOf(t, "a", members), params.Record{}, nil, nil)
				if err := s.Err(); err == nil || !strings.HasSuffix(err.Error(), " is needed on the access record, found "+found) {
					t.Errorf("required: fault is %v, want found %s", err, found)
				}

				fields[0].Required = false
				s = params.NewSettings(fields, recordOf(t, "a", members), params.Record{}, nil, nil)
				if err := s.Err(); err != nil || s.Has("f") {
					t.Errorf("optional: fault is %v", err)
				}
				if kind == params.List && s.List("f") != nil {
					t.Error("the absent list is not nil")
				}
			})
		}
	}
}

func TestSettingsSources(t *testing.T) {
	field := params.Field{Label: "Target Email", Aliases: []string{"E-Mail", "address"}, Default: "default"}
	perAccount := field
	perAccount.PerAccount = true
	const ignored = `Target Email: the field "target_email" on the user record is ignored, it is read from the access record only`
	tests := []struct {
		name         string
		field        params.Field
		access, user string
		overrides    map[string]string
		want         string
		warnings     []string
		fault        string
	}{
		{name: "default", field: field, want: "default"},
		{name: "access record", field: field, access: `"target_email":"access"`, want: "access"},
		{name: "guarded, on both", field: field, access: `"target_email":"access"`, user: `"target_email":"user"`, want: "access", warnings: []string{ignored}},
		{name: "guarded, on the user record", field: field, user: `"target_email":"user"`, want: "default", warnings: []string{ignored}},
		{name: "guarded, empty on the user record", field: field, user: `"target_email":[""]`, want: "default"},
		{name: "guarded, alias on the user record", field: field, user: `"email":"user"`, want: "default",
			warnings: []string{strings.Replace(ignored, "target_email", "email", 1)}},
		{name: "per account, on both", field: perAccount, access: `"target_email":"access"`, user: `"target_email":"user"`, want: "user"},
		{name: "per account, empty on the user record", field: perAccount, access: `"target_email":"access"`, user: `"target_email":" "`, want: "access"},
		{name: "per account, faulty on the user record", field: perAccount, access: `"target_email":"access"`, user: `"target_email":{}`,
			fault: "Target Email: a text is needed on the user record, found an object"},
		{name: "flag wins", field: perAccount, access: `"target_email":"access"`, user: `"target_email":"user"`,
			overrides: map[string]string{"targetEmail": " flag "}, want: "flag"},
		{name: "flag wins over a faulty record", field: field, access: `"target_email":{}`, overrides: map[string]string{"Target Email": "flag"}, want: "flag"},
		{name: "flag by alias", field: field, overrides: map[string]string{"ADDRESS": "flag"}, want: "flag"},
		{name: "empty flag", field: field, access: `"target_email":"access"`, overrides: map[string]string{"Target Email": ""}, want: "access"},
		{name: "unknown flag", field: field, overrides: map[string]string{"Nothing": canary}, want: "default",
			warnings: []string{`the flag for "Nothing" is ignored: there is no such field here`}},
		{name: "two flags", field: field, overrides: map[string]string{"Target Email": "a", "address": canary},
			fault: "Target Email: two flags with different values"},
		{name: "alias", field: field, access: `"address":"access"`, want: "access"},
		{name: "label before alias", field: field, access: `"address":"other","target_email":"access"`, want: "access",
			warnings: []string{`Target Email: the alias "address" on the access record is ignored, the field has another value there already`}},
		{name: "first alias first", field: field, access: `"address":"other","E-MAIL":"access","target_email":""`, want: "access",
			warnings: []string{`Target Email: the alias "address" on the access record is ignored, the field has another value there already`}},
		{name: "label and alias agree", field: field, access: `"address":["access"],"target_email":"access"`, want: "access"},
		{name: "two labels agree", field: field, access: `"Target Email":"access","target_email":["access"]`, want: "access"},
		{name: "two labels, one empty", field: field, access: `"Target Email":"","target_email":"access","targetEmail":null`, want: "access"},
		{name: "two labels differ", field: field, access: `"Target Email":"a","target_email":"b"`,
			fault: `Target Email: the labels "Target Email" and "target_email" mean the same and differ in value on the access record`},
		{name: "a label twice", field: field, access: `"target_email":"a","TargetEmail":"","target_email":"a"`,
			fault: `Target Email: the label "target_email" is there twice on the access record`},
		{name: "other labels twice", field: field, access: `"x":"a","x":"b","y y":"a","y_y":"b","target_email":"access"`, want: "access"},
		{name: "numbered siblings", field: field, access: `"target_email":"access","target_email1":"b","Target Email 2":"c","target_email_3":"","target_emails":"d","address1":"e"`, want: "access",
			warnings: []string{
				`Target Email: the numbered field "target_email1" on the access record is not read`,
				`Target Email: the numbered field "Target Email 2" on the access record is not read`,
			}},
		{name: "a numbered sibling alone", field: field, access: `"address1":"e"`, want: "default",
			warnings: []string{`Target Email: the numbered field "address1" on the access record is not read`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := params.NewSettings([]params.Field{test.field}, recordOf(t, "a", test.access), recordOf(t, "u", test.user), test.overrides, nil)
			if got := s.Warnings(); !slices.Equal(got, test.warnings) {
				t.Errorf("warnings are %q, want %q", got, test.warnings)
			}
			err := s.Err()
			if test.fault != "" {
				if got := problems(t, err); len(got) != 1 || got[0] != test.fault {
					t.Errorf("faults are %q, want %q", got, test.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Text("Target Email"); got != test.want {
				t.Errorf("read as %q, want %q", got, test.want)
			}
		})
	}
}

func TestSettingsKnownSibling(t *testing.T) {
	fields := []params.Field{{Label: "Header"}, {Label: "Header 2"}}
	s := params.NewSettings(fields, recordOf(t, "a", `"header":"a","header_2":"b"`), params.Record{}, nil, nil)
	if got := s.Warnings(); len(got) != 0 || s.Text("header 2") != "b" {
		t.Errorf("warnings are %q", got)
	}
}

func TestSettingsLoginOfUser(t *testing.T) {
	fields := []params.Field{{Label: "url", Kind: params.URL}, {Label: "login"}, {Label: "password", Kind: params.Secret, Required: true}}
	user := recordOf(t, "u", `"login":"jdoe","password":"`+canary+`","url":"https://`+canary+`"`)
	s := params.NewSettings(fields, recordOf(t, "a", ""), user, nil, nil)
	if s.Text("login") != "" || s.Text("url") != "" || !s.Secret("password").IsEmpty() {
		t.Error("a guarded value came from the user record")
	}
	if got := s.Warnings(); len(got) != 1 || !strings.HasPrefix(got[0], "url: ") {
		t.Errorf("warnings are %q", got)
	}
	if got := problems(t, s.Err()); len(got) != 1 || got[0] != "password: one value is needed on the access record, found nothing" {
		t.Errorf("faults are %q", got)
	}

	// A flag may name the user record itself as the access record.
	s = params.NewSettings(fields, user, user, nil, nil)
	if got := s.Warnings(); len(got) != 0 || s.Text("login") != "jdoe" || s.Err() != nil {
		t.Errorf("warnings are %q, error is %v", got, s.Err())
	}
}

func TestSettingsFaultsInOrder(t *testing.T) {
	fields := []params.Field{
		{Label: "url", Kind: params.URL, Required: true},
		{Label: "password", Kind: params.Secret, Required: true},
		{Label: "Mode", Kind: params.Choice, Choices: []string{"auto", "self"}},
		{Label: "User Key", Required: true, PerAccount: true},
	}
	access := recordOf(t, "a", `"mode":"`+canary+`","password":["`+canary+`","x"],"url":"`+canary+`"`)
	s := params.NewSettings(fields, access, params.Record{}, nil, nil)
	s.Fault("elsewhere", "something is wrong")
	s.Fault("URL", "an https address is needed")
	err := s.Err()
	want := []string{
		"URL: an https address is needed",
		"password: one value is needed on the access record, found a list of 2 values",
		"Mode: one of auto, self is needed on the access record, found another text",
		"User Key: a text is needed on the user record or the access record, found nothing",
		"elsewhere: something is wrong",
	}
	if got := problems(t, err); !slices.Equal(got, want) {
		t.Errorf("faults are\n%s", strings.Join(got, "\n"))
	}
	var refusal *params.Error
	if errors.As(err, &refusal) && !slices.Equal(refusal.Hints, []string{`the access record is "Title of a" (UID "a")`}) {
		t.Errorf("hints are %q", refusal.Hints)
	}
}

func TestSettingsPanics(t *testing.T) {
	fields := []params.Field{
		{Label: "url", Kind: params.URL}, {Label: "password", Kind: params.Secret}, {Label: "Key", Kind: params.Multiline, Secret: true},
	}
	s := params.NewSettings(fields, params.Record{}, params.Record{}, nil, nil)
	for name, call := range map[string]func(){
		"unknown label":  func() { s.Text("nothing") },
		"unknown in Has": func() { s.Has("nothing") },
		"another kind":   func() { s.Bool("url") },
		"secret as text": func() { s.Text("password") },
		"marked secret":  func() { s.Text("key") },
		"label twice": func() {
			params.NewSettings([]params.Field{{Label: "A b"}, {Label: "c", Aliases: []string{"a_B"}}}, params.Record{}, params.Record{}, nil, nil)
		},
		"bad default": func() {
			params.NewSettings([]params.Field{{Label: "a", Kind: params.Seconds, Default: "soon"}}, params.Record{}, params.Record{}, nil, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			call()
		})
	}
	if !s.Secret("url").IsEmpty() || !s.Secret("KEY").IsEmpty() {
		t.Error("zero Record has values")
	}
}

func TestSettingsSeal(t *testing.T) {
	fields := []params.Field{
		{Label: "login"}, {Label: "password", Kind: params.Secret}, {Label: "Key", Kind: params.Multiline, Secret: true},
		{Label: "Body", Kind: params.Object, Secret: true}, {Label: "Codes", Kind: params.List, Secret: true}, {Label: "Scope"},
	}
	scrubber := secret.NewScrubber()
	access := recordOf(t, "a", `"key":" key-text ","body":{"a":["body-text"]},"codes":"code-one,code-two","scope":"scope-text"`)
	flags := map[string]string{"login": "flag-user", "password": "pw"}
	if err := params.NewSettings(fields, access, params.Record{}, flags, scrubber).Err(); err != nil {
		t.Fatal(err)
	}
	for _, sealed := range []string{"pw", "key-text", "body-text", "code-one", "code-two", encode("flag-user:pw")} {
		if got := scrubber.Text(sealed); strings.Contains(got, sealed) {
			t.Errorf("%q is not sealed", sealed)
		}
	}
	for _, plain := range []string{"flag-user", "scope-text"} {
		if got := scrubber.Text(plain); got != plain {
			t.Errorf("%q is sealed", plain)
		}
	}
}

func TestSettingsAllowedUsers(t *testing.T) {
	fields := []params.Field{{Label: "Allowed Users", Kind: params.List}}
	tests := []struct {
		access, user, account string
		allowed               bool
		fault                 string
	}{
		{"", "", "anyone", true, ""},
		{`"allowed_users":"jdoe, svc-*"`, "", "svc-1", true, ""},
		{`"allowed_users":"jdoe, svc-*"`, "", "root", false, ""},
		{`"allowed_users":["jdoe","svc-*"]`, "", "svc-", true, ""},
		{`"allowed_users":"jdoe"`, `"Allowed Users":"*"`, "root", false, ""},
		{`"allowed_users":""`, "", "jdoe", false, "an empty text"},
		{`"allowed_users":null`, "", "jdoe", false, "null"},
		{`"allowed_users":[]`, "", "jdoe", false, "an empty list"},
		{`"allowed_users":" , "`, "", "jdoe", false, "another text"},
		{`"allowed_users":{"a":"*"}`, "", "jdoe", false, "an object"},
		{`"allowed_users":"a","Allowed Users":"b"`, "", "a", false, "differ in value on the access record"},
	}
	for _, test := range tests {
		t.Run(test.access, func(t *testing.T) {
			s := params.NewSettings(fields, recordOf(t, "a", test.access), recordOf(t, "u", test.user), nil, nil)
			if got := params.Allowed(s.List("Allowed Users"), test.account); got != test.allowed {
				t.Errorf("allowed is %v", got)
			}
			err := s.Err()
			if (err == nil) != (test.fault == "") || err != nil && !strings.HasSuffix(err.Error(), test.fault) {
				t.Errorf("fault is %v, want %q", err, test.fault)
			}
		})
	}
}

func TestAllowed(t *testing.T) {
	tests := []struct {
		pattern, account string
		want             bool
	}{
		{"jdoe", "jdoe", true}, {"jdoe", "JDoe", false}, {"jdoe", "jdoe2", false}, {"jdoe", "", false},
		{"*", "", true}, {"*", "jdoe", true}, {"j*", "jdoe", true}, {"j*", "j", true}, {"j*", "xj", false},
		{"*@example.com", "jdoe@example.com", true}, {"*@example.com", "jdoe@example.com.evil", false},
		{"a*b*c", "abc", true}, {"a*b*c", "a-b-b-c", true}, {"a*b*c", "acb", false}, {"a*b*c", "axc", false}, {"a*a", "a", false}, {"a*a", "aa", true},
		{"*ab*ab", "ab", false}, {"*ab*ab", "abab", true}, {"**", "x", true}, {"a?c", "abc", false}, {"[a]", "a", false},
		{`DOM\*`, `DOM\jdoe`, true}, {"é*", "éa", true},
	}
	for _, test := range tests {
		if got := params.Allowed([]string{"nobody", test.pattern}, test.account); got != test.want {
			t.Errorf("pattern %q and account %q: %v", test.pattern, test.account, got)
		}
	}
	for _, test := range []struct {
		pattern, account  string
		ignoreCase        bool
		allowed, onlyCase bool
	}{
		{"jdoe", "jdoe", false, true, false}, {"JDoe", "jdoe", false, false, true}, {"JDoe", "jdoe", true, true, false}, {"SVC-*", "svc-x", true, true, false},
		{"svc-*", "SVC-X", false, false, true}, {"other", "jdoe", true, false, false}, {"\u212a", "k", true, false, false}, {"JÄNE", "jäne", true, false, false},
	} {
		if allowed, onlyCase := params.AllowedIn([]string{"nobody", test.pattern}, test.account, test.ignoreCase); allowed != test.allowed || onlyCase != test.onlyCase {
			t.Errorf("%+v: %t, %t", test, allowed, onlyCase)
		}
	}
	if !params.Allowed(nil, "jdoe") || params.Allowed([]string{}, "jdoe") {
		t.Error("no list must allow everyone, an empty one nobody")
	}
}

func TestPublicLabels(t *testing.T) {
	got := params.PublicLabels(
		params.Field{Label: "Scope", Aliases: []string{"OAuth Scope"}},
		params.Field{Label: "password", Kind: params.Secret, Aliases: []string{"Pass"}},
		params.Field{Label: "Key", Kind: params.Multiline, Secret: true},
		params.Field{Label: "KEY"}, params.Field{Label: "pass"}, params.Field{Label: "Scope"},
	)
	maps.DeleteFunc(got, func(_ string, isPublic bool) bool { return !isPublic })
	if !maps.Equal(got, params.LabelSet{"oauthscope": true, "scope": true}) {
		t.Errorf("public labels are %v", got)
	}
}

func FuzzSettings(f *testing.F) {
	for _, seed := range []string{
		"null", "true", "1", `"x"`, `[]`, `["a"]`, `["a","b"]`, `{"hostName":"h","port":"1"}`, `"{\"a\":1}"`, `" a, b\nc "`, `{"a":{"a":1}}`,
		`"86400"`, `"yes"`, `[[["x"]]]`, `"\ud83d\ude00"`, `1e400`, `"{\"a\":\"\\ud800\"}"`,
	} {
		f.Add("The Field", seed, "flag")
		f.Add("the_field", seed, "")
		f.Add("the field 1", seed, "")
	}
	f.Fuzz(func(t *testing.T, label, value, flag string) {
		quoted, _ := json.Marshal(label)
		text := fmt.Sprintf(`{"user":"jdoe","newPassword":"n","records":[{"uid":"a",%s:%s,"The Field":[%q,"b"]},{"uid":"u",%s:%s}]}`, quoted, value, canary, quoted, value)
		p, err := params.Read(strings.NewReader(text), params.Options{})
		if err != nil || len(p.Records) != 2 || strings.Contains(label, canary) {
			return
		}
		for kind := params.Text; kind <= params.Object; kind++ {
			for _, perAccount := range []bool{false, true} {
				field := params.Field{Label: "The Field", Kind: kind, Choices: []string{"one", "two"}, PerAccount: perAccount, Required: true}
				overrides := map[string]string{"The Field": flag}
				s := params.NewSettings([]params.Field{field}, p.Records[0], p.Records[1], overrides, secret.NewScrubber())
				shown := show(s, field)
				if !utf8.ValidString(shown) && utf8.ValidString(flag) {
					t.Errorf("value %q is not UTF-8", shown)
				}
				for _, output := range append(s.Warnings(), fmt.Sprint(s.Err())) {
					if strings.Contains(output, canary) {
						t.Errorf("%q holds a value", output)
					}
				}
				if s.Err() == nil && !s.Has("The Field") {
					t.Error("a required field has neither a value nor a fault")
				}
				if s.Err() != nil && s.Has("The Field") {
					t.Errorf("a faulty field has a value: %v", s.Err())
				}
				if kind == params.Seconds && (s.Seconds("The Field") < 0 || s.Seconds("The Field") > 24*time.Hour) {
					t.Errorf("seconds are %v", s.Seconds("The Field"))
				}
				if kind == params.Object && s.Err() == nil && !json.Valid([]byte(shown)) {
					t.Errorf("object %q is not JSON", shown)
				}
			}
		}
	})
}
