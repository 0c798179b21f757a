package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/password"
	"pam-rotate-script/internal/vault/vaulttest"
)

// decoded takes a payload apart, as Keeper's own samples do.
func decoded(t *testing.T, text string) (outer map[string]any, records []map[string]any) {
	t.Helper()
	if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		t.Errorf("a payload is one line, found %q", text)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(text, "\n"))
	if err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if err := json.Unmarshal(raw, &outer); err != nil {
		t.Fatal(err)
	}
	inner, err := base64.StdEncoding.DecodeString(outer["records"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(inner, &records); err != nil {
		t.Fatal(err)
	}
	return outer, records
}

// sharePAMUser puts into the vault what belongs to a rotation: the PAM User with its
// linked access record, resource and configuration.
func (r *trial) sharePAMUser() {
	r.share(r.access(map[string]any{"title": "Linked by UID alone"}), accessUID)
	r.share(map[string]any{"title": "API Access Details", "password": "canary-unlinked"}, "An0therAccessRecord_01")
	r.keeper.Add(vaulttest.Record{UID: pamUserUID, Title: "Rotated", Type: "pamUser",
		Fields: []vaulttest.Field{
			{Type: "login", Value: []any{r.user}}, {Type: "password", Value: []any{conformance.Old}},
			{Type: "script", Label: "rotationScripts", Value: []any{map[string]any{"fileRef": "x", "recordRef": []any{accessUID, "Missing_Record_UID_001"}}}},
		},
	})
	r.keeper.Add(vaulttest.Record{UID: "M4chineRecordUid_0001A", Title: "Machine", Type: "pamMachine",
		Fields: []vaulttest.Field{{Type: "pamResources", Value: []any{map[string]any{"controllerUid": "c", "resourceRef": []any{pamUserUID}}}}}})
	r.keeper.Add(vaulttest.Record{UID: "C0nfigurationUid_0001A", Title: "Configuration", Type: "pamAwsConfiguration",
		Fields: []vaulttest.Field{{Type: "secret", Label: "accessSecretKey", Value: []any{"canary-configuration"}}}})
}

// TestPayloadFromVaultRotates: what payload prints is the Gateway's shape, and rotate
// takes it.
func TestPayloadFromVaultRotates(t *testing.T) {
	r := newTrial(t)
	r.sharePAMUser()
	made := r.run("payload", pamUserUID, "--ksm-config", r.config)
	if made.code != 0 || !strings.Contains(made.stderr, "Missing_Record_UID_001") {
		t.Fatalf("exit %d: %s", made.code, made.stderr)
	}
	r.hidden(made.stderr, "canary-configuration")
	outer, records := decoded(t, made.stdout)
	want := map[string]any{
		"providerRecordUid": "C0nfigurationUid_0001A", "resourceRecordUid": "M4chineRecordUid_0001A", "userRecordUid": pamUserUID,
		"user": r.user, "oldPassword": conformance.Old, "newPassword": outer["newPassword"], "records": outer["records"],
	}
	for key, value := range want {
		if outer[key] != value || value == "" {
			t.Errorf("%s is %v, want %v", key, outer[key], value)
		}
	}
	if len(outer) != len(want) {
		t.Errorf("the keys are %v", outer)
	}
	var uids []string
	for _, record := range records {
		uids = append(uids, record["uid"].(string))
	}
	if got := strings.Join(uids, " "); got != "C0nfigurationUid_0001A M4chineRecordUid_0001A "+accessUID+" "+pamUserUID {
		t.Errorf("the records are %s", got)
	}
	if _, there := records[3]["rotationScripts"]; there {
		t.Error("the scripts are in the payload")
	}

	r.stdin = made.stdout
	ended := r.run("rotate")
	if ended.code != 0 || !r.stand.Accepts(outer["newPassword"].(string)) {
		t.Errorf("exit %d: %s", ended.code, ended.all())
	}
	r.hidden(ended.all(), outer["newPassword"].(string), "canary-configuration")
}

// TestPayloadWithAnotherAccessRecord: the flag's record comes in place of the linked
// ones, and the new password from standard input.
func TestPayloadWithAnotherAccessRecord(t *testing.T) {
	r := newTrial(t)
	r.sharePAMUser()
	r.stdin = " with blanks \n\r\n"
	made := r.run("payload", pamUserUID, "--ksm-config", r.config, "--access-record", "api access details", "--new-password-stdin")
	if made.code != 0 {
		t.Fatalf("exit %d: %s", made.code, made.stderr)
	}
	outer, records := decoded(t, made.stdout)
	if outer["newPassword"] != " with blanks \n" {
		t.Errorf("the new password is %q", outer["newPassword"])
	}
	if len(records) != 4 || records[2]["uid"] != "An0therAccessRecord_01" {
		t.Errorf("the records are %v", records)
	}
}

// TestPayloadFailures print nothing on standard output, where another run reads.
func TestPayloadFailures(t *testing.T) {
	r := newTrial(t)
	r.sharePAMUser()
	r.keeper.Add(vaulttest.Record{UID: "N0LoginRecordUid_0001A", Title: "No login", Type: "pamUser"})
	description := filepath.Join(t.TempDir(), "d.yaml")
	if err := os.WriteFile(description, []byte("user: jane\nnewPassword: 'canary-new'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("x", longestRead+1)
	complete := r.payload(nil, r.access(nil))
	for name, test := range map[string]struct {
		stdin     string
		code      int
		want      string
		arguments []string
	}{
		"no vault":                   {"", 1, "there is no KSM config", []string{pamUserUID}},
		"no such record":             {"", 1, "none of the application's", []string{"Unkn0wnRecordUid_0001A", "--ksm-config", r.config}},
		"no login":                   {"", 1, "has no login", []string{"N0LoginRecordUid_0001A", "--ksm-config", r.config}},
		"no such access record":      {"", 1, "none of the application's", []string{pamUserUID, "--ksm-config", r.config, "--access-record", "x"}},
		"nothing asked for":          {"", 64, "either the UID", nil},
		"two things asked for":       {"", 64, "either the UID", []string{pamUserUID, "--from", description}},
		"the Gateway's file":         {"", 64, "is not the UID", []string{"/tmp/script.sh"}},
		"the Gateway's payload":      {complete, 64, "not for the Gateway", []string{pamUserUID, "--ksm-config", r.config}},
		"as a password":              {complete, 64, "not for the Gateway", []string{"--from", description, "--new-password-stdin"}},
		"in clear, as a password":    {`{"records":[]}`, 64, "not for the Gateway", []string{"--from", description, "--new-password-stdin"}},
		"no password":                {"\n", 64, "is empty", []string{"--from", description, "--new-password-stdin"}},
		"password too long":          {large, 64, "longer than 4096 bytes", []string{"--from", description, "--new-password-stdin"}},
		"password of no text":        {"\xff\xfd", 64, "not UTF-8", []string{pamUserUID, "--ksm-config", r.config, "--new-password-stdin"}},
		"read and described":         {"x\n", 64, "has a newPassword already", []string{"--from", description, "--new-password-stdin"}},
		"made and described":         {"", 64, "has a newPassword already", []string{"--from", description, "--length", "8"}},
		"made and read":              {"x\n", 64, "not for --new-password-stdin", []string{pamUserUID, "--new-password-stdin", "--symbols", "!"}},
		"too short for all classes":  {"", 64, "from 4 to 256", []string{pamUserUID, "--ksm-config", r.config, "--length", "3"}},
		"letters as symbols":         {"", 64, "no letters", []string{pamUserUID, "--ksm-config", r.config, "--symbols", "!a"}},
		"description missing":        {"", 64, "there is no such file", []string{"--from", description + "x"}},
		"access record of no effect": {"", 64, "--access-record goes with a UID", []string{"--from", description, "--access-record", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			r.t, r.stdin = t, test.stdin
			ended := r.run(append([]string{"payload"}, test.arguments...)...)
			if ended.code != test.code || ended.stdout != "" || !strings.Contains(ended.stderr, test.want) {
				t.Errorf("exit %d, printed %q, %s", ended.code, ended.stdout, ended.stderr)
			}
			r.hidden(ended.all(), "canary-new")
		})
	}
	if len(r.stand.Exchanges()) != 0 {
		t.Error("the vendor was called")
	}
}

// TestPayloadBesideAnOpenPipe: what is silent may still be a Gateway's.
func TestPayloadBesideAnOpenPipe(t *testing.T) {
	reader, writer := io.Pipe()
	defer writer.Close()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"payload", pamUserUID, "--timeout", "1"}, reader, &stdout, &stderr)
	if code != exitUsage || stdout.Len() > 0 || !strings.Contains(stderr.String(), "stays open") {
		t.Errorf("exit %d: %q %s", code, &stdout, &stderr)
	}
}

// TestPayloadThatCannotBePrinted is no success.
func TestPayloadThatCannotBePrinted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.yaml")
	if err := os.WriteFile(path, []byte("user: jane\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"payload", "--from", path}, strings.NewReader(""), failingWriter{}, &stderr); code != 1 {
		t.Errorf("exit %d: %s", code, &stderr)
	}
}

// TestDescription: every value arrives as it is meant.
func TestDescription(t *testing.T) {
	const yaml = `# a trial
user: jane
oldPassword: 007          # as it is written
userRecordUid: PamUserRecordUid_00001
accessRecord:
  title: Of its own
  url: "https://127.0.0.1/\u00e4"
  password: 'it''s "quoted" \n # no comment'
  Verify TLS: True
  CA Certificate: |
    line 1
    line 2
  Allowed Users: [jane, 'j*']
  host: {hostName: h, port: 1_0}
  Empty: ~
userRecord:
  login: not jane
  Target Email: jane@example.com
`
	const asJSON = "{\n\t\"user\": \"jane\", \"oldPassword\": \"007\", \"userRecordUid\": \"PamUserRecordUid_00001\",\n\t\"accessRecord\": {" +
		`"title": "Of its own", "url": "https:\/\/127.0.0.1\/ä", "password": "it's \"quoted\" \\n # no comment", "Verify TLS": "True",` +
		`"CA Certificate": "line 1\nline 2\n", "Allowed Users": ["jane", "j*"], "host": {"hostName": "h", "port": "1_0"}, "Empty": null},` + "\n" +
		`"userRecord": {"login": "not jane", "Target Email": "jane@example.com"}}`
	for name, text := range map[string]string{"YAML": yaml, "JSON": asJSON, "CR LF": strings.ReplaceAll(yaml, "\n", "\r\n"), "byte order mark": "\ufeff" + yaml} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "d")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), []string{"payload", "--from", path}, strings.NewReader(""), &stdout, &stderr); code != 0 {
				t.Fatalf("exit %d: %s", code, &stderr)
			}
			outer, records := decoded(t, stdout.String())
			if outer["user"] != "jane" || outer["oldPassword"] != "007" || outer["providerRecordUid"] != nil || len(outer) != 7 {
				t.Errorf("the payload is %v", outer)
			}
			got, err := json.Marshal(records)
			if err != nil {
				t.Fatal(err)
			}
			const want = `[{"Allowed Users":["jane","j*"],"CA Certificate":"line 1\nline 2\n","Empty":null,"Verify TLS":"True",` +
				`"host":{"hostName":"h","port":"1_0"},"password":"it's \"quoted\" \\n # no comment","title":"Of its own","uid":"MadeUpAccessRecord__01",` +
				`"url":"https://127.0.0.1/ä"},{"Target Email":"jane@example.com","login":"not jane","password":"007","title":"PAM User","uid":"PamUserRecordUid_00001"}]`
			if string(got) != want {
				t.Errorf("the records are\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestGeneratedPasswords have each class, and nothing else.
func TestGeneratedPasswords(t *testing.T) {
	for _, test := range []struct {
		arguments []string
		length    int
		symbols   string
	}{
		{nil, password.DefaultLength, password.DefaultSymbols},
		{[]string{"--length", "4"}, 4, password.DefaultSymbols},
		{[]string{"--length", "256", "--symbols", "_"}, 256, "_"},
		{[]string{"--length", "3", "--symbols", ""}, 3, ""},
		{[]string{"--symbols", `"'\`}, password.DefaultLength, `"'\`},
	} {
		path := filepath.Join(t.TempDir(), "d")
		if err := os.WriteFile(path, []byte("user: jane"), 0o600); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for range 20 {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), append([]string{"payload", "--from", path}, test.arguments...), strings.NewReader(""), &stdout, &stderr); code != 0 {
				t.Fatalf("exit %d: %s", code, &stderr)
			}
			outer, _ := decoded(t, stdout.String())
			made := outer["newPassword"].(string)
			classes := []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"}
			if test.symbols != "" {
				classes = append(classes, test.symbols)
			}
			for _, class := range classes {
				if !strings.ContainsAny(made, class) {
					t.Errorf("%v: none of %s", test.arguments, class)
				}
			}
			if len(made) != test.length || strings.Trim(made, strings.Join(classes, "")) != "" {
				t.Errorf("%v: %d characters, or others than asked for", test.arguments, len(made))
			}
			if test.length > 4 && seen[made] {
				t.Errorf("%v: the same password again", test.arguments)
			}
			seen[made] = true
			if stderr.Len() > 0 && strings.Contains(stderr.String(), made) {
				t.Error("the password is in the log")
			}
		}
	}
}
