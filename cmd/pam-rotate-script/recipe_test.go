package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/recipe"
)

const acme = `name: acme
title: Acme
summary: users of Acme
documents: https://acme.example/api
tried: documents alone
fields:
  url: {kind: url, required: true, help: the address}
  Acme Token: {kind: secret, required: true, help: a token}
  Acme Tenant: {help: the tenant}
base: url
auth: {bearer: $access.acme_token}
change:
  - {name: set, write: true, method: PUT, path: [/users, {jq: $user}], body: {password: $new, tenant: $set.acme_tenant}, accept: 200}
proof: answer
`

func acmePayload(t *testing.T, access, user map[string]any) string {
	t.Helper()
	access["uid"], access["title"] = "access", "API Access Details"
	user["uid"], user["title"] = "user", "jane"
	text, err := json.Marshal(map[string]any{
		"userRecordUid": "user", "user": "jane", "oldPassword": "old-canary", "newPassword": "new-canary", "records": []any{user, access},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRecipeFieldsAreKnown: the values of a recipe's own fields may be printed unless the recipe
// calls them secret, wherever the recipe comes from.
func TestRecipeFieldsAreKnown(t *testing.T) {
	for _, source := range []string{"file", "field"} {
		t.Run(source, func(t *testing.T) {
			access := map[string]any{"url": "https://acme.example", "Acme Token": "token-canary", "Acme Tenant": "tenant-canary", "Other": "other-canary"}
			var out bytes.Buffer
			c := newCommand(context.Background(), nil, &out, &out)
			if source == "field" {
				access["Recipe"] = acme
			} else {
				loaded, err := recipe.Load([]byte(acme), "acme.yaml")
				if err != nil {
					t.Fatal(err)
				}
				c.file = loaded
			}
			c.stdin = strings.NewReader(acmePayload(t, access, map[string]any{}))
			payload, ok, err := c.payload()
			if err != nil || !ok {
				t.Fatal(err)
			}
			labels := c.payloadOptions(payload).PublicLabels
			if !labels["acmetenant"] || labels["acmetoken"] {
				t.Errorf("public labels: %v", labels)
			}
			c.printer().Lines("tenant-canary token-canary other-canary new-canary old-canary")
			printed, others := strings.CutPrefix(out.String(), "tenant-canary ")
			if !others || strings.Contains(printed, "canary") {
				t.Errorf("printed: %s", out.String())
			}
		})
	}
}

// TestRecipeOfTheUsersOwnRecord: where the PAM User record is its own access record, it brings
// no recipe either.
func TestRecipeOfTheUsersOwnRecord(t *testing.T) {
	user := map[string]any{"url": "https://acme.example", "Acme Token": "token-canary", "Recipe": acme}
	user["uid"], user["title"] = "user", "API Access Details"
	text, err := json.Marshal(map[string]any{
		"userRecordUid": "user", "user": "jane", "oldPassword": "old-canary", "newPassword": "new-canary", "records": []any{user},
	})
	if err != nil {
		t.Fatal(err)
	}
	var out, log bytes.Buffer
	code := run(context.Background(), []string{"--access-record", "user"}, bytes.NewReader(text), &out, &log)
	if code != 1 || !strings.Contains(out.String(), "not taken from the PAM User's own record [input]") {
		t.Errorf("exit %d: %s%s", code, out.String(), log.String())
	}
}

// TestFileArgument: what may stand behind a verb.
func TestFileArgument(t *testing.T) {
	for _, test := range []struct {
		name, text string
		isRecipe   bool
		fails      bool
	}{
		{"empty", "", false, false},
		{"comments", "# one\n\n  # two", false, false},
		{"comments from Windows", "\xef\xbb\xbf# one\r\n# two\r\n", false, false},
		{"a recipe", acme, true, false},
		{"a recipe from Windows", "\xef\xbb\xbf" + strings.ReplaceAll(acme, "\n", "\r\n"), true, false},
		{"an executable recipe", "#!/usr/local/bin/pam-rotate-script rotate\n" + acme, true, false},
		{"a shell script", "#!/bin/sh\nexit 0\n", false, true},
		{"too long", strings.Repeat("#", recipe.MaxSize+1), false, true},
		{"no text", "\x00\x01", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := t.TempDir() + "/attached"
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			c := newCommand(context.Background(), nil, nil, nil)
			err := c.fileArgument(c.root(), []string{path})
			if (err != nil) != test.fails || (c.file != nil) != test.isRecipe {
				t.Errorf("error %v, recipe %v", err, c.file != nil)
			}
			if err != nil && !errors.As(err, new(usageError)) {
				t.Errorf("%T", err)
			}
		})
	}
}

// TestRecipeNeedsAnAccessRecord: without one there is nothing to choose by yet.
func TestRecipeNeedsAnAccessRecord(t *testing.T) {
	payload, err := params.Read(strings.NewReader(`{"user":"jane","newPassword":"x","records":[]}`), params.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if chosen, err := newCommand(context.Background(), nil, nil, nil).recipeFor(payload); chosen != nil || err != nil {
		t.Error(chosen, err)
	}
}
