package vault_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"pam-rotate-script/internal/vault"
	"pam-rotate-script/internal/vault/vaulttest"
)

// javascript is Keeper's SDK for JavaScript, which shares no code with the one for Go. It talks
// to the stand-in over HTTPS, and decrypts all by itself.
type javascript struct {
	t         *testing.T
	config    map[string]string
	authority string // a file
}

// javascriptFor needs node, and the SDK that package.json names: npm ci in the folder javascript.
// Without them the test is skipped, but not in .ci/run, which installs them.
func javascriptFor(t *testing.T, keeper *vaulttest.Keeper) javascript {
	t.Helper()
	_, missing := exec.LookPath("node")
	if missing == nil {
		_, missing = os.Stat("javascript/node_modules/@keeper-security/secrets-manager-core/package.json")
	}
	if missing != nil {
		if os.Getenv("CI_REQUIRE_KEEPER_SDK") != "" {
			t.Fatal(missing)
		}
		t.Skip("no node, or no npm ci in internal/vault/javascript: ", missing)
	}
	served := keeper.Serve()
	config := keeper.OwnKeyConfig()
	config["hostname"] = served.Address
	authority := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(authority, []byte(served.Authority), 0o600); err != nil {
		t.Fatal(err)
	}
	return javascript{t, config, authority}
}

// do has the SDK do something, and reads what came of it.
func (j javascript) do(arguments map[string]any, result any) (waits []float64) {
	j.t.Helper()
	config, err := json.Marshal(j.config)
	if err != nil {
		j.t.Fatal(err)
	}
	arguments["config"] = string(config)
	input, err := json.Marshal(arguments)
	if err != nil {
		j.t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(j.t.Context(), "node", "client.mjs")
	command.Dir = "javascript"
	command.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+j.authority)
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(input), &stdout, &stderr
	if err := command.Run(); err != nil {
		j.t.Fatalf("%s: %v\n%s", arguments["verb"], err, stderr.String())
	}
	answer := struct {
		Result any
		Waits  *[]float64
	}{result, &waits}
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil {
		j.t.Fatalf("%s: %v\n%s", arguments["verb"], err, stdout.String())
	}
	return waits
}

// seen is a record as the SDK for JavaScript sees it.
type seen struct {
	UID, Folder string
	Data        json.RawMessage
}

func (j javascript) read(uid string) (seen, bool) {
	j.t.Helper()
	var all []seen
	j.do(map[string]any{"verb": "read"}, &all)
	i := slices.IndexFunc(all, func(one seen) bool { return one.UID == uid })
	if i < 0 {
		return seen{}, false
	}
	return all[i], true
}

// TestKeepersOtherSDK: what one of the two SDKs writes, the other reads, a pending record
// included.
func TestKeepersOtherSDK(t *testing.T) {
	keeper, uid := userKeeper(t)
	folder := keeper.AddFolder("Pending", "")
	client := javascriptFor(t, keeper)
	ctx := context.Background()
	fresh := func() *vault.Vault { return open(t, keeper) }

	// Ours saves, theirs reads.
	if err := fresh().Save(ctx, uid, token(`canary "new" <ä>`)); err != nil {
		t.Fatal(err)
	}
	var values map[string][]string
	notation := "keeper://" + uid + "/custom_field/API_Token"
	client.do(map[string]any{"verb": "notations", "notations": []string{notation}}, &values)
	if got := values[notation]; !slices.Equal(got, []string{`canary "new" <ä>`}) {
		t.Errorf("theirs read %q", got)
	}
	// Theirs saves, ours reads.
	client.do(map[string]any{"verb": "update", "uid": uid, "label": "API_Token", "value": "canary of theirs"}, nil)
	if value, err := fresh().Notation(ctx, notation); err != nil || value.Reveal() != "canary of theirs" {
		t.Errorf("ours read %q, %v", value.Reveal(), err)
	}

	// A pending record of ours: theirs reads it where it is, and deletes it.
	created, err := fresh().CreatePending(ctx, folder, pending())
	if err != nil {
		t.Fatal(err)
	}
	record, ok := client.read(created)
	if !ok || record.Folder != folder {
		t.Fatalf("theirs sees %+v", record)
	}
	sameJSON(t, string(record.Data), keeper.Text(created))
	var statuses []struct{ RecordUID, ResponseCode string }
	client.do(map[string]any{"verb": "delete", "uid": created}, &statuses)
	if len(statuses) != 1 || statuses[0].ResponseCode != "ok" {
		t.Errorf("theirs deleted %v", statuses)
	}
	if found, err := fresh().PendingOf(ctx, folder, pendingUser); err != nil || len(found) != 0 {
		t.Errorf("ours still finds %v, %v", found, err)
	}
	// One of theirs, of the same form.
	var made string
	client.do(map[string]any{"verb": "create", "folder": folder, "record": record.Data}, &made)
	found, err := fresh().PendingOf(ctx, folder, pendingUser)
	if err != nil || len(found) != 1 || found[0].UID != made || !found[0].Password.Equal(pending().Password) {
		t.Fatalf("ours finds %v, %v", found, err)
	}
	if err := fresh().DeletePending(ctx, made); err != nil {
		t.Error(err)
	}
	if _, ok := client.read(made); ok {
		t.Error("theirs still sees what ours has deleted")
	}
}

// TestNotationAgreesWithKeepersOtherSDK: where it has one value, ours has the same; where it has
// several, none or an error, ours is an error.
func TestNotationAgreesWithKeepersOtherSDK(t *testing.T) {
	keeper, uid := notationKeeper(t)
	client := javascriptFor(t, keeper)
	var notations []string
	for _, rest := range []string{
		"field/login", "field/password[0]", "field/password[]", "field/host[0][hostName]", "field/host[][port]", "field/url", "field/url[0]",
		"custom_field/List", "custom_field/List[0]", "custom_field/List[1]", "custom_field/List[2]", "custom_field/Flag",
		"custom_field/Names[][last]", "custom_field/Names[0][last]", "custom_field/Gap", "custom_field/Gap[1]", "custom_field/Gaps[][last]",
		"custom_field/Gaps[1][last]", "custom_field/Same", `custom_field/a\/b`, "custom_field/nothing", "title", "type", "notes",
	} {
		notations = append(notations, "keeper://"+uid+"/"+rest)
	}
	notations = append(notations, "keeper://Double/field/login", "keeper://double/field/login", "keeper://Twice/field/login")
	var theirs map[string][]string
	client.do(map[string]any{"verb": "notations", "notations": notations}, &theirs)
	one := 0
	for _, notation := range notations {
		value, err := open(t, keeper).Notation(context.Background(), notation)
		switch results := theirs[notation]; {
		case len(results) == 1 && results[0] != "":
			one++
			if err != nil || value.Reveal() != results[0] {
				t.Errorf("%s: theirs is %q, ours %q, %v", notation, results[0], value.Reveal(), err)
			}
		case err == nil:
			t.Errorf("%s: theirs are %q, ours is %q", notation, results, value.Reveal())
		}
	}
	if one < 10 {
		t.Errorf("theirs had one value for only %d", one)
	}
}

// TestThrottlingIsUnderstoodByKeepersOtherSDK: what the stand-in says for it is what it waits at.
func TestThrottlingIsUnderstoodByKeepersOtherSDK(t *testing.T) {
	keeper, uid := userKeeper(t)
	client := javascriptFor(t, keeper)
	keeper.Fail(throttled, throttled)
	var all []seen
	waits := client.do(map[string]any{"verb": "read"}, &all)
	if len(waits) != 2 || len(all) != 2 || !slices.ContainsFunc(all, func(one seen) bool { return one.UID == uid }) {
		t.Errorf("waited %v, read %d records", waits, len(all))
	}
}
