package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"pam-rotate-script/internal/conformance"
)

// TestInspectShowsNoValue: whatever the records hold, and wherever they come from.
func TestInspectShowsNoValue(t *testing.T) {
	for name, test := range map[string]struct {
		own       map[string]any
		access    map[string]any // nil for none
		arguments []string
		config    bool // a file that cannot be opened
		// environment has a config that could be used.
		environment bool
		lines       []string
		not         []string
	}{
		"complete": {access: map[string]any{}, lines: []string{
			"access record: API Access Details (uid " + accessUID + ")", "access record chosen by: its title", "target: rest",
			"target chosen by: the access record's url", "KSM config: none", "password of the user record: the payload's old one",
			"standard input: other, base64, line end LF, 1 lines, ",
		}},
		"chosen by a field": {own: map[string]any{"Access Record": accessUID, "password": conformance.New}, access: map[string]any{"title": "x", "Target": "rest"}, lines: []string{
			"access record chosen by: the user record's field Access Record", "target chosen by: the access record's field Target",
			"password of the user record: the payload's new one",
		}},
		"chosen by flags": {own: map[string]any{"password": ""}, access: map[string]any{"title": "x"}, arguments: []string{"--access-record", "X", "--target", "rest"}, lines: []string{
			"access record chosen by: --access-record", "target chosen by: --target", "password of the user record: none there",
		}},
		"the only one": {access: map[string]any{"title": "x"}, lines: []string{"access record chosen by: being the only linked record"}},
		"none":         {lines: []string{"a rotation would end at once: access record: "}, not: []string{"target"}},
		"none, with a vault": {environment: true, lines: []string{
			"access record chosen by: the vault, which would be asked", "KSM config: KSM_CONFIG",
		}, not: []string{"a rotation would end at once"}},
		"notation": {access: map[string]any{"password": "keeper://canary/field/password", "Target": "rest", "Method": "keeper://canary/field/x"}, config: true, lines: []string{
			`Keeper notation, looked up in the vault by a rotation: "Method", "password"`, "target: rest",
		}, not: []string{"a rotation would end at once"}},
		"notation without a vault": {access: map[string]any{"password": "keeper://canary/field/password"}, lines: []string{
			"a rotation would end at once: the access record holds Keeper notation, and there is no KSM config",
		}},
		"a field missing": {access: map[string]any{"password": ""}, lines: []string{"a rotation would end at once: password: "}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newTrial(t)
			// What is there is named, and neither opened nor shown.
			r.environment["HTTPS_PROXY"] = "http://canary-user:canary-password@proxy"
			if test.environment {
				r.environment["KSM_CONFIG"] = r.keeper.ConfigJSON()
			}
			var records []map[string]any
			if test.access != nil {
				records = append(records, r.access(test.access))
			}
			r.stdin = r.payload(test.own, records...)
			arguments := append([]string{"inspect"}, test.arguments...)
			if test.config {
				arguments = append(arguments, "--ksm-config", filepath.Join(t.TempDir(), "canary-path"))
			}
			ended := r.run(arguments...)
			if ended.code != 1 {
				t.Errorf("exit %d", ended.code)
			}
			if again := r.run(append(arguments, "--exit-zero")...); again.code != 0 {
				t.Errorf("with --exit-zero: exit %d", again.code)
			}
			for _, line := range append(test.lines, "environment, set: ") {
				if !strings.Contains("\n"+ended.stdout, "\n"+line) {
					t.Errorf("the line %q is not in\n%s", line, ended.stdout)
				}
			}
			for _, line := range test.not {
				if strings.Contains("\n"+ended.stdout, "\n"+line) {
					t.Errorf("the line %q is in\n%s", line, ended.stdout)
				}
			}
			asJSON := r.run(append(arguments, "--json")...)
			var object map[string]any
			if err := json.Unmarshal([]byte(asJSON.stdout), &object); err != nil || strings.Count(asJSON.stdout, "\n") != 1 {
				t.Errorf("%v: %s", err, asJSON.stdout)
			}
			if !strings.Contains(ended.stdout, " HTTPS_PROXY") {
				t.Error("the proxy is not told")
			}
			for _, printed := range []string{ended.all(), asJSON.all()} {
				r.hidden(printed, "canary", r.stand.Access["url"].(string), r.stand.Servers[0].Host(), r.user)
			}
			if len(r.keeper.Calls()) != 0 || len(r.stand.Exchanges()) != 0 {
				t.Error("something was sent")
			}
		})
	}
}

// TestInspectionKeysAreStable: machines compare them.
func TestInspectionKeysAreStable(t *testing.T) {
	r := newTrial(t)
	r.stdin = r.payload(nil, r.access(nil))
	ended := r.run("inspect", "--json")
	var object map[string]any
	if err := json.Unmarshal([]byte(ended.stdout), &object); err != nil {
		t.Fatalf("%v: %s", err, ended.stdout)
	}
	for _, path := range []string{
		"version", "problem", "hints", "started.platform", "started.arguments", "started.program", "started.program_mode", "started.user",
		"started.working_directory", "started.working_directory_writable", "started.stdin.kind", "started.stdin.encoding",
		"started.stdin.line_end", "started.stdin.lines", "started.stdin.kib", "started.stdout", "started.stderr", "started.environment",
		"payload.keys", "payload.records", "payload.user_record_password", "choice.access_record_uid", "choice.access_record_title",
		"choice.access_record_by", "choice.target", "choice.target_by", "choice.keeper_notation", "vault.config", "vault.gateway_config_files",
	} {
		var at any = object
		for _, key := range strings.Split(path, ".") {
			members, _ := at.(map[string]any)
			at = members[key]
		}
		if at == nil {
			t.Errorf("%s is missing or null in %s", path, ended.stdout)
		}
	}
	// A payload that cannot be read is null, and the rest is told all the same.
	r.stdin = "canary?\n"
	ended = r.run("inspect", "--json", "--exit-zero")
	object = nil
	if err := json.Unmarshal([]byte(ended.stdout), &object); err != nil || object["payload"] != nil || object["problem"] == "" || ended.code != 1 {
		t.Errorf("exit %d, %v: %s", ended.code, err, ended.stdout)
	}
	r.hidden(ended.all(), "canary?")
}
