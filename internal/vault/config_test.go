package vault_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/keeper-security/secrets-manager-go/core"

	"pam-rotate-script/internal/vault"
	"pam-rotate-script/internal/vault/vaulttest"
)

func toUTF16(text string, mark bool) string {
	var raw []byte
	if mark {
		raw = append(raw, 0xFF, 0xFE)
	}
	for _, unit := range utf16.Encode([]rune(text)) {
		raw = append(raw, byte(unit), byte(unit>>8))
	}
	return string(raw)
}

// with returns the config with one entry changed; nil takes it out.
func with(t *testing.T, config map[string]string, name string, value any) string {
	t.Helper()
	changed := make(map[string]any)
	for key, text := range config {
		changed[key] = text
	}
	if changed[name] = value; value == nil {
		delete(changed, name)
	}
	text, err := json.Marshal(changed)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestConfigs opens each config as a file and as an environment variable. The file
// must stay what it was, whatever is in it.
func TestConfigs(t *testing.T) {
	keeper := vaulttest.New(t)
	keeper.Add(vaulttest.Record{Title: "One"})
	plain, config := keeper.ConfigJSON(), keeper.Config()
	standard := base64.StdEncoding.EncodeToString([]byte(plain))
	rsaLike := base64.StdEncoding.EncodeToString([]byte("canary"))

	for _, test := range []struct {
		name, text string
		words      []string // none: it is good
	}{
		{"JSON", plain, nil},
		{"JSON with a byte order mark, blanks and CRLF", "\xEF\xBB\xBF \r\n" + plain + "\r\n", nil},
		{"base64", standard, nil},
		{"base64, wrapped", standard[:100] + "\r\n" + standard[100:] + "\n", nil},
		{"base64, no padding", strings.TrimRight(standard, "="), nil},
		{"base64, URL alphabet", base64.URLEncoding.EncodeToString([]byte(plain)), nil},
		{"base64 in quotes", `"` + standard + `"`, nil},
		{"base64 of JSON with a byte order mark", base64.StdEncoding.EncodeToString([]byte("\xEF\xBB\xBF" + plain)), nil},
		{"further entries of any type", with(t, config, "someDay", map[string]int{"x": 1}), nil},
		{"bound, with its old token", with(t, config, "clientKey", "canary"), nil},
		{"host as a URL", with(t, config, "hostname", "https://KEEPER.invalid:443/api"), nil},
		{"unknown server key", with(t, config, "serverPublicKeyId", "99"), nil},
		{"empty", "", []string{"empty"}},
		{"blank", " \n\t", []string{"empty"}},
		{"JSON cut short", plain[:len(plain)-40], []string{"JSON that is cut short"}},
		{"JSON cut short at a token", plain[:1], []string{"cut short"}},
		{"base64 of JSON cut short", base64.StdEncoding.EncodeToString([]byte(plain[:200])), []string{"JSON that is cut short"}},
		{"base64 cut short", standard[:401], []string{"cut short"}},
		{"UTF-16 with a mark", toUTF16(plain, true), []string{"UTF-16", "UTF-8"}},
		{"UTF-16 without", toUTF16(plain, false), []string{"UTF-16"}},
		{"base64 as UTF-16", toUTF16(standard, true), []string{"UTF-16"}},
		{"base64 of UTF-16", base64.StdEncoding.EncodeToString([]byte(toUTF16(plain, true))), []string{"inside the base64", "UTF-16"}},
		{"Latin-1", `{"hostname": "canary` + "\xE4" + `"}`, []string{"not text in UTF-8"}},
		{"a list", `["canary"]`, []string{"not an object"}},
		{"base64 of a text", base64.StdEncoding.EncodeToString([]byte(`"canary"`)), []string{"not JSON"}},
		{"null, in base64", base64.StdEncoding.EncodeToString([]byte(`null`)), []string{"not an object"}},
		{"rubbish behind it", plain + "canary", []string{"not JSON"}},
		{"two of them", plain + plain, []string{"not JSON"}},
		{"neither", "canary, canary", []string{"neither JSON nor base64"}},
		{"a file's name", "/etc/keeper/canary.json", []string{"it is the name of a file", "--ksm-config takes"}},
		{"a file's name on Windows", `C:\Keeper\canary.base64`, []string{"it is the name of a file"}},
		{"binary", "\x00\x01\x02\xff", []string{"UTF-16"}},
		{"too large", `{"canary": "` + strings.Repeat("x", 70_000) + `"}`, []string{"too large"}},
		{"one-time token", "US:canary_token_canary_token_canary_token_canary", []string{"one-time access token", "exchange"}},
		{"one-time token with a host", "ksm.example.com:canary_token_canary_token_canary_toke", []string{"one-time access token"}},
		{"one-time token with a server key", "IL5:canary_token_canary_token_canary_token_canary:20:" + strings.Repeat("canary", 15), []string{"four parts", "serverPublicKey"}},
		{"a server key", with(t, keeper.OwnKeyConfig(), "someDay", 1), nil},
		{"a damaged server key", with(t, keeper.OwnKeyConfig(), "serverPublicKey", "canary"), []string{"serverPublicKey is damaged"}},
		{"a server key without its number", with(t, keeper.OwnKeyConfig(), "serverPublicKeyId", "canary"), []string{"that key's number"}},
		{"a damaged owner's key", with(t, config, "appOwnerPublicKey", "canary"), []string{"appOwnerPublicKey is damaged"}},
		{"no owner's key", with(t, config, "appOwnerPublicKey", nil), nil},
		{"config of a token", `{"hostname":"keeper.invalid","clientKey":"canary"}`, []string{"one-time access token"}},
		{"a token and no appKey yet", with(t, map[string]string{"hostname": "keeper.invalid", "clientId": "canary", "privateKey": "canary", "serverPublicKeyId": "10"}, "clientKey", "canary"), []string{"one-time access token"}},
		{"an empty object", `{}`, []string{"missing: hostname, clientId, privateKey, serverPublicKeyId, appKey"}},
		{"a number", with(t, config, "serverPublicKeyId", 10), []string{"not texts: serverPublicKeyId"}},
		{"an object", with(t, config, "privateKey", map[string]string{"canary": "canary"}), []string{"not texts: privateKey"}},
		{"a bad host", with(t, config, "hostname", "canary invalid"), []string{"not a host name"}},
		{"a host with a user", with(t, config, "hostname", "canary@canary.invalid"), []string{"not a host name"}},
		{"no host", with(t, config, "hostname", "https://"), []string{"not a host name"}},
		{"another key", with(t, config, "privateKey", rsaLike), []string{"privateKey is damaged"}},
		{"no base64 in a key", with(t, config, "privateKey", "canary!"), []string{"privateKey is damaged"}},
		{"a short appKey", with(t, config, "appKey", rsaLike), []string{"appKey is damaged"}},
		{"no base64 in the clientId", with(t, config, "clientId", "canary!"), []string{"clientId is damaged"}},
		{"hostname missing", with(t, config, "hostname", nil), []string{"missing: hostname"}},
		{"clientId missing", with(t, config, "clientId", nil), []string{"missing: clientId"}},
		{"privateKey missing", with(t, config, "privateKey", nil), []string{"missing: privateKey"}},
		{"serverPublicKeyId missing", with(t, config, "serverPublicKeyId", nil), []string{"missing: serverPublicKeyId"}},
		{"appKey blank", with(t, config, "appKey", " "), []string{"missing: appKey"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			directory := t.TempDir()
			path := filepath.Join(directory, "ksm.json")
			old := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
			check := func(options vault.Options, source string) {
				t.Helper()
				opened, err := vault.Open(context.Background(), options)
				if test.words != nil {
					found := failure(t, err, vault.KindConfig, append(test.words, source)...)
					for _, part := range config {
						if strings.Contains(found.Error()+strings.Join(found.Hints, " "), part) && part != "10" && part != vaulttest.Host {
							t.Errorf("the error has a value: %v", found)
						}
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer opened.Close()
				if _, err := opened.Record(context.Background(), "one"); err != nil {
					t.Error(err)
				}
			}
			check(vault.Options{ConfigFile: path, Seam: keeper.Seam()}, "--ksm-config")
			after, err := os.ReadFile(path)
			if err != nil || string(after) != test.text {
				t.Errorf("the file has changed (%v)", err)
			}
			if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(old) {
				t.Errorf("the file was written to (%v)", err)
			}
			if entries, err := os.ReadDir(directory); err != nil || len(entries) != 1 {
				t.Errorf("the directory has %d entries (%v)", len(entries), err)
			}
			if strings.TrimSpace(test.text) == "" {
				return // the same as no variable
			}
			for _, name := range []string{"KSM_CONFIG", "GATEWAY_CONFIG"} {
				check(vault.Options{Getenv: only(name, test.text), Seam: keeper.Seam()}, name)
			}
		})
	}
}

func only(name, value string) func(string) string {
	return func(asked string) string {
		if asked == name {
			return value
		}
		return ""
	}
}

func TestConfigFileThatCannotBeRead(t *testing.T) {
	directory := t.TempDir()
	missing := filepath.Join(directory, "sub", "missing.json")
	_, err := vault.Open(context.Background(), vault.Options{ConfigFile: missing})
	failure(t, err, vault.KindConfig, "does not exist", "--ksm-config")
	_, err = vault.Open(context.Background(), vault.Options{ConfigFile: directory})
	failure(t, err, vault.KindConfig, "directory")
	if entries, err := os.ReadDir(directory); err != nil || len(entries) != 0 {
		t.Errorf("the directory has %d entries (%v)", len(entries), err)
	}
	_, err = vault.Open(context.Background(), vault.Options{})
	failure(t, err, vault.KindConfig, "no config")
}

func TestSource(t *testing.T) {
	both := func(name string) string { return map[string]string{"KSM_CONFIG": "a", "GATEWAY_CONFIG": "b"}[name] }
	for want, options := range map[string]vault.Options{
		"":               {Getenv: only("KSM_CONFIG", " \n")},
		"--ksm-config":   {ConfigFile: "/nowhere/at/all", Getenv: both},
		"KSM_CONFIG":     {Getenv: both},
		"GATEWAY_CONFIG": {Getenv: only("GATEWAY_CONFIG", "b")},
	} {
		if got := vault.Source(options); got != want || vault.Configured(options) != (want != "") {
			t.Errorf("source %q, want %q", got, want)
		}
	}
	if vault.Configured(vault.Options{}) {
		t.Error("no options are a config")
	}
}

// TestOnlyTheDocumentedNamesAreRead of the environment.
func TestOnlyTheDocumentedNamesAreRead(t *testing.T) {
	var asked []string
	keeper := vaulttest.New(t)
	uid := keeper.Add(vaulttest.Record{Title: "One"})
	options := keeper.Options()
	getenv := options.Getenv
	options.Getenv = func(name string) string {
		asked = append(asked, name)
		if name == "GATEWAY_CONFIG" {
			return getenv("KSM_CONFIG")
		}
		return ""
	}
	opened, err := vault.Open(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened.Record(context.Background(), uid); err != nil {
		t.Fatal(err)
	}
	slices.Sort(asked)
	if got := slices.Compact(asked); !slices.Equal(got, []string{"GATEWAY_CONFIG", "KSM_CONFIG"}) {
		t.Errorf("asked for %v", got)
	}
}

// TestTheEnvironmentDoesNotSteerTheSDK, and is as it was afterwards.
func TestTheEnvironmentDoesNotSteerTheSDK(t *testing.T) {
	directory := t.TempDir()
	steering := map[string]string{
		"KSM_SKIP_VERIFY": "TRUE",
		"KSM_HOSTNAME":    "elsewhere.invalid",
		"KSM_TOKEN":       "US:" + core.GenerateUid(),
		"KSM_CONFIG_FILE": filepath.Join(directory, "client-config.json"),
		"KSM_CACHE_DIR":   directory,
		"KSM_CONFIG":      "bm9uc2Vuc2U=",
	}
	for name, value := range steering {
		t.Setenv(name, value)
	}
	keeper, uid := userKeeper(t)
	opened := open(t, keeper)
	if _, err := opened.Record(context.Background(), "user"); err != nil {
		t.Error(err)
	}
	if err := opened.Save(context.Background(), uid, token("canary-new")); err != nil {
		t.Error(err)
	}
	for name, value := range steering {
		if got := os.Getenv(name); got != value {
			t.Errorf("%s is %q afterwards", name, got)
		}
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) != 0 {
		t.Errorf("the directory has %d entries (%v)", len(entries), err)
	}
}

func TestAuthoritiesAreChecked(t *testing.T) {
	keeper := vaulttest.New(t)
	options := keeper.Options()
	options.Authorities = "canary"
	_, err := vault.Open(context.Background(), options)
	failure(t, err, vault.KindConfig, "authorities", "PEM")
}
