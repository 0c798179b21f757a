package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/vault/vaulttest"
)

const (
	pamUserUID = "Us3rRecordUid_00001aAA"
	accessUID  = "Ac7essR3cordUid_0001aA"
)

// trial runs the whole program in this process, with stand-ins for Keeper and for the
// vendor.
type trial struct {
	t      *testing.T
	keeper *vaulttest.Keeper
	stand  *conformance.Stand
	user   string
	// config is the file of --ksm-config; its bytes and its time must not change.
	config string
	text   []byte
	// environment is all that the program finds; asked are the names that it asked for.
	environment map[string]string
	asked       []string
	stdin       string
	ctx         context.Context // nil is the test's
	clock       api.Clock       // nil is the machine's
}

var longAgo = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

func newTrial(t *testing.T) *trial {
	t.Helper()
	bench := conformance.REST()
	stand, err := bench.Start(bench.User, conformance.Old)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stand.Close)
	r := &trial{t: t, keeper: vaulttest.New(t), stand: stand, user: bench.User, environment: map[string]string{}}
	r.writeConfig([]byte(r.keeper.ConfigJSON()))
	return r
}

func (r *trial) writeConfig(text []byte) {
	r.t.Helper()
	r.text, r.config = text, filepath.Join(r.t.TempDir(), "ksm.json")
	if err := os.WriteFile(r.config, text, 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Chtimes(r.config, longAgo, longAgo); err != nil {
		r.t.Fatal(err)
	}
}

// ended is what a run left.
type ended struct {
	code           int
	stdout, stderr string
}

func (e ended) all() string { return e.stdout + e.stderr }

// run runs the program and checks what must hold of every run.
func (r *trial) run(arguments ...string) ended {
	r.t.Helper()
	var stdout, stderr bytes.Buffer
	ctx := r.ctx
	if ctx == nil {
		ctx = r.t.Context()
	}
	c := newCommand(ctx, strings.NewReader(r.stdin), &stdout, &stderr)
	c.seam, c.clock = r.keeper.Seam(), r.clock
	c.getenv = func(name string) string {
		r.asked = append(r.asked, name)
		return r.environment[name]
	}
	result := ended{c.run(arguments), stdout.String(), stderr.String()}
	if entries, err := os.ReadDir(filepath.Dir(r.config)); err != nil || len(entries) != 1 {
		r.t.Errorf("beside the config there are %v, %v", entries, err)
	}
	if text, err := os.ReadFile(r.config); err != nil || !bytes.Equal(text, r.text) {
		r.t.Errorf("the config was changed, or %v", err)
	}
	if info, err := os.Stat(r.config); err != nil || !info.ModTime().Equal(longAgo) {
		r.t.Errorf("the config was touched, or %v", err)
	}
	return result
}

// access returns the access record's fields, with changes over them.
func (r *trial) access(changes map[string]any) map[string]any {
	fields := map[string]any{"uid": accessUID, "title": "API Access Details", "CA Certificate": r.stand.Servers[0].Authority().PEM()}
	for _, layer := range []map[string]any{r.stand.Access, changes} {
		for label, value := range layer {
			fields[label] = value
		}
	}
	return fields
}

// payload returns a payload with these records beside the PAM User's own one.
func (r *trial) payload(own map[string]any, records ...map[string]any) string {
	r.t.Helper()
	user := map[string]any{"uid": pamUserUID, "title": "PAM User", "login": r.user, "password": conformance.Old}
	for label, value := range own {
		user[label] = value
	}
	inner, err := json.Marshal(append(records, user))
	if err != nil {
		r.t.Fatal(err)
	}
	outer, err := json.Marshal(map[string]any{
		"userRecordUid": pamUserUID, "user": r.user, "oldPassword": conformance.Old, "newPassword": conformance.New,
		"records": base64.StdEncoding.EncodeToString(inner),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(outer) + "\n"
}

// share puts fields into the vault as a record of the type login.
func (r *trial) share(fields map[string]any, uid string) string {
	record := vaulttest.Record{UID: uid, Title: fields["title"].(string)}
	for label, value := range fields {
		switch label {
		case "uid", "title":
		case "url", "login", "password":
			record.Fields = append(record.Fields, vaulttest.Field{Type: label, Value: []any{value}})
		default:
			record.Custom = append(record.Custom, vaulttest.Field{Type: "text", Label: label, Value: []any{value}})
		}
	}
	return r.keeper.Add(record)
}

// hidden fails if one of the texts was printed in any form.
func (r *trial) hidden(printed string, secrets ...string) {
	r.t.Helper()
	for _, text := range append(secrets, conformance.Old, conformance.New, r.stand.Access["password"].(string)) {
		if form := conformance.FindSecret(printed, text); form != "" {
			r.t.Errorf("a secret was printed, %s: %s", form, printed)
		}
	}
	for name, text := range r.keeper.Config() {
		if name != "hostname" && name != "serverPublicKeyId" && name != "appOwnerPublicKey" && strings.Contains(printed, text) {
			r.t.Errorf("the config's %s was printed", name)
		}
	}
}

// TestAccessRecordFromVault: a payload without the access record rotates with the
// vault's.
func TestAccessRecordFromVault(t *testing.T) {
	known, second, own := "API Access Details", "record with ACCESS token", "Teramind of Europe"
	for name, test := range map[string]struct {
		titles    []string
		own       map[string]any // fields of the PAM User record
		arguments []string
		want      string // in the result line; "" for changed
		requests  int    // to Keeper
	}{
		"known title":           {titles: []string{"another", known}, requests: 1},
		"second known title":    {titles: []string{second, "another"}, requests: 1},
		"flag with title":       {titles: []string{known, own}, arguments: []string{"--access-record", strings.ToUpper(own)}, requests: 1},
		"flag with UID":         {titles: []string{"another", own}, arguments: []string{"--access-record", "V4ultAccessRecordUid_1"}, requests: 1},
		"both known titles":     {titles: []string{known, second}, want: `there is a record of each of the titles "API Access Details" and "Record with Access Token" [input]`, requests: 1},
		"title twice":           {titles: []string{known, known}, want: "2 records match: ", requests: 1},
		"none":                  {titles: []string{"another"}, want: "none of the application's 1 readable records [input]", requests: 1},
		"flag that nothing has": {titles: []string{known}, arguments: []string{"--access-record", own}, want: "none of the application's 1 readable records [input]", requests: 1},
		"user record's choice":  {titles: []string{known, own}, own: map[string]any{"Access Record": own}, want: "no record matches the user record's field Access Record", requests: 0},
		"found, but of no use":  {titles: []string{known}, arguments: []string{"--verify", "strict"}, want: "strict needs a proof", requests: 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newTrial(t)
			for i, title := range test.titles {
				uid := ""
				if i == len(test.titles)-1 {
					uid = "V4ultAccessRecordUid_1"
				}
				r.share(r.access(map[string]any{"title": title}), uid)
			}
			r.stdin = r.payload(test.own)
			ended := r.run(append(test.arguments, "--ksm-config", r.config)...)
			if test.want == "" && (ended.code != 0 || !strings.HasPrefix(ended.stdout, "changed: ") || !r.stand.Accepts(conformance.New)) {
				t.Errorf("exit %d: %s%s", ended.code, ended.stdout, ended.stderr)
			}
			if test.want != "" && (ended.code != 1 || !strings.Contains(ended.stdout, test.want) || len(r.stand.Exchanges()) != 0) {
				t.Errorf("exit %d: %s\nwant %s", ended.code, ended.stdout, test.want)
			}
			if calls := r.keeper.Calls(); len(calls) != test.requests {
				t.Errorf("%d requests to Keeper: %v", len(calls), calls)
			}
			r.hidden(ended.all())
		})
	}
}

// TestAmbiguousRecordsAreListed: by UID, so that one of them can be named.
func TestAmbiguousRecordsAreListed(t *testing.T) {
	r := newTrial(t)
	first, second := r.share(r.access(nil), ""), r.share(r.access(nil), "")
	r.stdin = r.payload(nil)
	ended := r.run("--ksm-config", r.config)
	if ended.code != 1 || !strings.Contains(ended.stdout, first) || !strings.Contains(ended.stdout, second) {
		t.Errorf("exit %d: %s", ended.code, ended.stdout)
	}
}

// TestNoVaultForACompletePayload: no file is opened and no variable read.
func TestNoVaultForACompletePayload(t *testing.T) {
	for _, arguments := range [][]string{
		{"rotate"}, {"check"},
		{"rotate", "--ksm-config", filepath.Join(t.TempDir(), "missing", "file")},
		{"check", "--access-record", accessUID, "--ksm-config", filepath.Join(t.TempDir(), "missing", "file")},
	} {
		r := newTrial(t)
		r.stdin = r.payload(nil, r.access(nil))
		r.environment["KSM_CONFIG"] = "what could not be read"
		ended := r.run(arguments...)
		want, code := "changed: ", 0
		if arguments[0] == "check" {
			want, code = "ready: ", 1
		}
		if ended.code != code || !strings.HasPrefix(ended.stdout, want) {
			t.Errorf("%q: exit %d: %s", arguments, ended.code, ended.all())
		}
		if len(r.asked) > 0 || len(r.keeper.Calls()) > 0 {
			t.Errorf("%q: asked for %q, sent %v", arguments, r.asked, r.keeper.Calls())
		}
	}
}

// TestOnlyDocumentedVariables: a payload that lacks something has the program look at
// these, in this order, and nowhere else.
func TestOnlyDocumentedVariables(t *testing.T) {
	for _, name := range []string{"", "KSM_CONFIG", "GATEWAY_CONFIG"} {
		r := newTrial(t)
		r.share(r.access(nil), "")
		r.stdin = r.payload(nil)
		if name != "" {
			r.environment[name] = base64.StdEncoding.EncodeToString([]byte(r.keeper.ConfigJSON()))
		}
		ended := r.run()
		if name == "" && (ended.code != 1 || !strings.Contains(ended.stderr, "--ksm-config") || !strings.Contains(ended.stdout, r.user)) {
			t.Errorf("without a config: exit %d: %s", ended.code, ended.all())
		}
		if name != "" && ended.code != 0 {
			t.Errorf("%s: exit %d: %s", name, ended.code, ended.all())
		}
		slices.Sort(r.asked)
		for _, asked := range slices.Compact(r.asked) {
			if asked != "KSM_CONFIG" && asked != "GATEWAY_CONFIG" {
				t.Errorf("asked for %s", asked)
			}
		}
	}
}

// TestBrokenConfigs: each is told from the others, and left as it is.
func TestBrokenConfigs(t *testing.T) {
	for name, test := range map[string]struct {
		change func(text string) string
		want   string
	}{
		"truncated": {func(text string) string { return text[:len(text)/2] }, "cut short"},
		"UTF-16":    {func(text string) string { return "\xff\xfe" + strings.Join(strings.Split(text, ""), "\x00") + "\x00" }, "UTF-16"},
		"empty":     {func(string) string { return "" }, "empty"},
		"rubbish":   {func(string) string { return "canary-of-a-config!" }, "neither JSON nor base64"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newTrial(t)
			r.writeConfig([]byte(test.change(r.keeper.ConfigJSON())))
			r.stdin = r.payload(nil)
			ended := r.run("--ksm-config", r.config)
			if ended.code != 1 || !strings.Contains(ended.stdout, test.want) || !strings.HasSuffix(ended.stdout, " [input]\n") {
				t.Errorf("exit %d: %s", ended.code, ended.all())
			}
			r.hidden(ended.all(), "canary-of-a-config!")
		})
	}
	r := newTrial(t)
	r.stdin = r.payload(nil)
	missing := filepath.Join(t.TempDir(), "none")
	if ended := r.run("--ksm-config", missing); ended.code != 1 || !strings.Contains(ended.stdout, "does not exist") {
		t.Errorf("exit %d: %s", ended.code, ended.all())
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("the config was made")
	}
}

// TestVaultFailuresKeepTheirClass says whose move it is.
func TestVaultFailuresKeepTheirClass(t *testing.T) {
	for name, test := range map[string]struct {
		fault vaulttest.Fault
		class string
	}{
		"refused":     {vaulttest.Answer(403, `{"result_code":"access_denied","message":"canary-from-the-server"}`), "permission"},
		"broken":      {vaulttest.Answer(502, "canary-from-the-server"), "target"},
		"unreachable": {vaulttest.Unreachable, "network"},
		"silent":      {vaulttest.Silent, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newTrial(t)
			r.share(r.access(nil), "")
			r.keeper.Fail(test.fault)
			r.stdin = r.payload(nil)
			ended := r.run("--ksm-config", r.config, "--timeout", "1")
			if ended.code != 1 || !strings.HasSuffix(ended.stdout, " ["+test.class+"]\n") || len(r.stand.Exchanges()) != 0 {
				t.Errorf("exit %d: %s", ended.code, ended.all())
			}
			r.hidden(ended.all(), "canary-from-the-server")
		})
	}
}

// TestInterruptedInTheVault: a signal ends the wait for Keeper as well.
func TestInterruptedInTheVault(t *testing.T) {
	r := newTrial(t)
	ctx, cancel := context.WithCancel(t.Context())
	r.keeper.Fail(func(request *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
		cancel()
		<-request.Context().Done()
		return nil, request.Context().Err()
	})
	r.stdin, r.ctx = r.payload(nil), ctx
	ended := r.run("--ksm-config", r.config)
	if ended.code != 1 || !strings.HasSuffix(ended.stdout, "interrupted [timeout]\n") {
		t.Errorf("exit %d: %s", ended.code, ended.all())
	}
}

// TestAuthoritiesForTheVault are those of an access record that the payload has.
func TestAuthoritiesForTheVault(t *testing.T) {
	r := newTrial(t)
	for certificate, want := range map[string]string{r.stand.Servers[0].Authority().PEM(): strings.TrimSpace(r.stand.Servers[0].Authority().PEM()), "no PEM": "", "keeper://x/field/y": ""} {
		c := newCommand(t.Context(), strings.NewReader(""), io.Discard, io.Discard)
		c.getenv = func(string) string { return "" }
		payload, err := params.Read(strings.NewReader(r.payload(nil, r.access(map[string]any{"CA Certificate": certificate, "password": "keeper://x/field/y"}))), c.payloadOptions(nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.complete(payload, c.printer()); err == nil {
			t.Error("there is no vault to look into")
		}
		if got := c.vaultOptions().Authorities; got != want {
			t.Errorf("%q is passed on as %q", certificate, got)
		}
	}
}

// TestNotation: fields of the access record are looked up before they are used, in the
// payload's record as in the vault's own.
func TestNotation(t *testing.T) {
	for _, inVault := range []bool{false, true} {
		r := newTrial(t)
		r.share(map[string]any{
			"title": "Secrets of REST", "url": r.stand.Access["url"], "password": r.stand.Access["password"],
			"login": "somebody", "seconds": "17",
		}, "S3cretsRecordUid_0001A")
		access := r.access(map[string]any{
			"url": " keeper://Secrets of REST/field/url ", "login": "KEEPER://S3cretsRecordUid_0001A/field/login",
			"password": "keeper://S3cretsRecordUid_0001A/field/password", "Timeout": "keeper://secrets of rest/custom_field/seconds[0]",
		})
		r.stdin = r.payload(nil, access, access) // as a record comes that is shared twice
		if inVault {
			r.share(access, accessUID)
			r.stdin = r.payload(nil)
		}
		ended := r.run("--ksm-config", r.config, "--log-level", "debug")
		if ended.code != 0 || !r.stand.Accepts(conformance.New) {
			t.Errorf("in the vault %v: exit %d: %s", inVault, ended.code, ended.all())
		}
		if !regexp.MustCompile(`timeout_ms=1(7000|6\d{3})\b`).MatchString(ended.stderr) { // less what reading took
			t.Errorf("the time-out was not taken: %s", ended.stderr)
		}
		r.hidden(ended.all())
	}
}

// TestNotationThatFails names the field, and neither its value nor what it refers to
// that is secret.
func TestNotationThatFails(t *testing.T) {
	two := vaulttest.Record{Title: "Two", Custom: []vaulttest.Field{{Type: "text", Label: "both", Value: []any{"canary-1", "canary-2"}}}}
	for name, test := range map[string]struct {
		label, value string
		own, without bool
		want         string
	}{
		"no such record":        {label: "url", value: "keeper://Nobody/field/url", want: `field "url": `},
		"no such field":         {label: "password", value: "keeper://Two/field/password", want: `field "password": `},
		"several values":        {label: "login", value: "keeper://Two/custom_field/both", want: `field "login": `},
		"malformed":             {label: "Success Status", value: "keeper://Two", want: `field "Success Status": `},
		"several records":       {label: "password", value: "keeper://Twin/field/password", want: `field "password": `},
		"no config":             {label: "password", value: "keeper://Two/custom_field/both[0]", without: true, want: `field "password": it holds Keeper notation, and there is no KSM config`},
		"in a list":             {label: "Allowed Users", value: "keeper://Two/custom_field/none", want: `field "Allowed Users": `},
		"PAM User's own record": {label: "password", value: "keeper://Two/custom_field/both[0]", own: true, want: "not looked up for the PAM User's own record"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newTrial(t)
			r.keeper.Add(two)
			r.keeper.Add(vaulttest.Record{Title: "Twin"})
			r.keeper.Add(vaulttest.Record{Title: "Twin"})
			var value any = test.value
			if name == "in a list" {
				value = []any{"somebody", test.value}
			}
			arguments := []string{"--ksm-config", r.config}
			if test.without {
				arguments = nil
			}
			r.stdin = r.payload(nil, r.access(map[string]any{test.label: value}))
			if test.own {
				own := r.access(map[string]any{test.label: value})
				delete(own, "uid")
				r.stdin = r.payload(own)
				arguments = append(arguments, "--access-record", pamUserUID)
			}
			ended := r.run(arguments...)
			if ended.code != 1 || !strings.Contains(ended.stdout, test.want) || !strings.HasSuffix(ended.stdout, " [input]\n") {
				t.Errorf("exit %d: %s", ended.code, ended.all())
			}
			if len(r.stand.Exchanges()) != 0 {
				t.Error("the vendor was called")
			}
			if (test.own || test.without) && len(r.keeper.Calls()) != 0 {
				t.Errorf("Keeper was called: %v", r.keeper.Calls())
			}
			r.hidden(ended.all(), "canary-1", "canary-2")
			if strings.Contains(ended.all(), "keeper://T") {
				t.Errorf("the field's value was printed: %s", ended.all())
			}
		})
	}
}

// TestUserRecordIsNotLookedUp: whoever edits it would have other records read.
func TestUserRecordIsNotLookedUp(t *testing.T) {
	r := newTrial(t)
	r.share(map[string]any{"title": "Secrets", "password": "canary-of-others"}, "")
	r.stdin = r.payload(map[string]any{"Note": "keeper://Secrets/field/password", "password": "keeper://Secrets/field/password"}, r.access(nil))
	ended := r.run("--ksm-config", r.config)
	if ended.code != 0 || len(r.keeper.Calls()) != 0 {
		t.Errorf("exit %d: %s, Keeper was sent %v", ended.code, ended.all(), r.keeper.Calls())
	}
}

// TestKeeperSavesWhatIsReturned: to custom fields, and never to the password.
func TestKeeperSavesWhatIsReturned(t *testing.T) {
	r := newTrial(t)
	uid := r.keeper.Add(vaulttest.Record{
		Title: "PAM User", Type: "pamUser", Fields: []vaulttest.Field{{Type: "password", Value: []any{"canary-old"}}},
		Custom: []vaulttest.Field{{Type: "text", Label: "Expires", Value: []any{"2030"}}},
	})
	var stdout, stderr bytes.Buffer
	c := newCommand(t.Context(), strings.NewReader(""), &stdout, &stderr)
	c.seam, c.flags.ksmConfig = r.keeper.Seam(), r.config
	vault := keeper{c, c.printer()}
	values := []targets.Returned{{Label: "expires", Value: secret.New("2031"), Plain: true}, {Label: "api_token", Value: secret.New("canary-token")}}
	if err := vault.CanSave(t.Context(), uid, "expires", "api_token"); err != nil {
		t.Fatal(err)
	}
	if err := vault.Save(t.Context(), uid, values...); err != nil {
		t.Fatal(err)
	}
	text := r.keeper.Text(uid)
	for _, part := range []string{`"2031"`, `"canary-token"`, `"canary-old"`} {
		if !strings.Contains(text, part) {
			t.Errorf("%s is not in the record: %s", part, text)
		}
	}
	for _, label := range []string{"password", "Pass word", "login"} {
		if err := vault.CanSave(t.Context(), uid, label); err == nil {
			t.Errorf("%s can be saved to", label)
		}
		if err := vault.Save(t.Context(), uid, targets.Returned{Label: label, Value: secret.New("canary-token")}); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", label, err)
		}
	}
	if r.keeper.Text(uid) != text {
		t.Error("the record was changed again")
	}
	// What was saved is known to the scrubber.
	c.printer().Lines("printed by mistake: canary-token")
	if strings.Contains(stdout.String(), "canary") {
		t.Error("the token was not sealed")
	}

	c = newCommand(t.Context(), strings.NewReader(""), &stdout, &stderr)
	c.getenv = func(string) string { return "" }
	if err := (keeper{c, c.printer()}).CanSave(t.Context(), uid, "x"); err == nil || !strings.Contains(err.Error(), "no config") {
		t.Errorf("without a config: %v", err)
	}
}
