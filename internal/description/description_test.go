package description

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/yamltext"
)

// TestFaults have a line, and no value.
func TestFaults(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                     {"line 1: it is empty"},
		"user: " + strings.Repeat("[", 60_000): {"line 1: it is nested deeper than any description"},
		"# nothing\n":                          {"line 1: it is empty"},
		"just canary":                          {"line 1: keys with values are needed"},
		"- user: canary":                       {"line 1: keys with values are needed"},
		"oldPassword: canary":                  {"line 1: the key user is missing"},
		"user: ' '":                            {"line 1: the key user is missing"},
		"user: x\nnewPasword: 'canary'\nurl: canary":                     {`line 2: there is no key "newPasword"; the keys are user, `, `line 3: there is no key "url"`},
		"user: x\nuser: canary":                                          {`line 2: the key "user" is there twice`},
		"user: x\naccessRecord:\n  url: a\n  url: canary":                {`line 4: the key "url" is there twice`},
		"user: x\naccessRecord: canary":                                  {"line 2: accessRecord must be fields"},
		"user: x\n\nnewPassword: [canary]":                               {"line 3: newPassword must be a text"},
		"user: x\nnewPassword: ''":                                       {"line 2: newPassword is empty"},
		"user: x\noldPassword: &canary y":                                {"line 2: oldPassword must be a text"},
		"user: x\nuserRecord:\n  a: !canary y":                           {"line 3: anchors, aliases and tags"},
		"user: x\nuserRecord:\n  <<: {a: canary}":                        {"line 3: a key must be"},
		"user: x\noldPassword: 'canary":                                  {"line 2: it is neither YAML nor JSON: within single quotes, ' is written ''"},
		"user: x\noldPassword: 'can'ary'\nnewPassword: 'b'":              {"line 2: it is neither YAML nor JSON: within single quotes, ' is written ''"},
		"user: x\nnewPassword: canary #1":                                {`line 2: newPassword is not in quotes, so YAML ends it at " #"`},
		"user: x\naccessRecord:\n  Client Secret: canary #1":             {`line 3: Client Secret is not in quotes`},
		"user: x\nnewPassword: “canary”":                                 {"line 2: newPassword begins with a typographic quote"},
		"user: x\naccessRecord:\n  Source Name: ‘canary’":                {"line 3: Source Name begins with a typographic quote"},
		"user: x\noldPassword: @canary":                                  {"line 2: it is neither YAML nor JSON"},
		"user: x\n---\nuser: canary":                                     {"line 3: a second document begins"},
		"user: x\nnewPassword: \"canary":                                 {"line 2: it is neither YAML nor JSON: the quotation mark is not closed"},
		"user: x\nnewPassword: \"can\\ary\"":                             {"line 2: newPassword is in double quotes, in which \\ begins an escape"},
		"user: x\nnewPassword: \"can\\qary\"":                            {"line 2: it is neither YAML nor JSON: in double quotes, \\ begins an escape"},
		"user: x\nnewPassword: #canary":                                  {`line 2: newPassword is not in quotes`},
		"user: x\noldPassword: #canary":                                  {`line 2: oldPassword is not in quotes`},
		"user: x\naccessRecord:\n  password: #canary":                    {`line 3: password is not in quotes`},
		"user: x\noldPassword: ~":                                        {`line 2: oldPassword is a word that YAML takes for nothing`},
		"user: x\nnewPassword:canary":                                    {"line 2: it is neither YAML nor JSON: behind the colon of a key stands a blank"},
		"user:\u00a0x\nnewPassword:\u00a0canary":                         {"line 1: the line has a blank that is none"},
		"user: x\naccessRecord:\n  password: <canary>":                   {"line 3: password is a placeholder"},
		"{\"user\": \"x\", \"newPassword\": \"canary\"":                  {"line 1: it is neither YAML nor JSON: in JSON, "},
		"```yaml\nuser: canary\n```\n":                                   {"line 1: it is neither YAML nor JSON: three backquotes"},
		`{"userRecordUid":null,"newPassword":"canary","records":"W10="}`: {"line 1: it is a payload"},
		"user: \xffcanary":                                               {"line 1: it is not UTF-8"},
		"\xff\xfeu\x00s":                                                 {"line 1: it is UTF-16 and cut short"},
		"PK\x03\x04canary":                                               {"line 1: it is no text, but a zip archive"},
		"%PDF-1.7\ncanary":                                               {"line 1: it is no text, but a PDF"},
		"user: x\x00canary\x00":                                          {"line 1: it is no text, but binary"},
		"<!DOCTYPE html>canary":                                          {"line 1: it is no text, but a web page"},
		"USER=x\nPASSWORD=canary":                                        {"line 1: keys with values are needed, such as user: jdoe; lines such as NAME=value are none"},
		"eyJ1c2VyIjoiY2FuYXJ5In0=":                                       {"line 1: it is a payload"},
		"User: canary":                                                   {`line 1: there is no key "User": keys are compared exactly, write user`},
		"user: x\nnew_password: canary":                                  {`line 2: there is no key "new_password": keys are compared exactly, write newPassword`},
		"user: x\naccessRecord:\n\turl: canary":                          {"line 3: it is neither YAML nor JSON: the line is indented with a tab"},
		"user: x\naccessRecord:\n\u00a0\u00a0url: canary":                {"line 3: the line is indented with a blank that is none"},
	} {
		_, err := Parse([]byte(text), "teramind.yaml")
		var input *params.Error
		if !errors.As(err, &input) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if len(input.Problems) != len(want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", text, err)
			continue
		}
		for i := range want {
			if !strings.HasPrefix(input.Problems[i], "teramind.yaml, "+want[i]) {
				t.Errorf("%q: %q, want %q", text, input.Problems[i], want[i])
			}
		}
	}
}

// TestComments behind other values, and behind quotes, are comments.
func TestComments(t *testing.T) {
	payload, err := Parse([]byte("user: x # the user\nnewPassword: 'a #1' # meant\nuserRecord:\n  Target Email: a@b # meant\n"), "teramind.yaml")
	if err != nil || payload.User != "x" || payload.NewPassword.Reveal() != "a #1" {
		t.Errorf("%q, %v", payload.User, err)
	}
}

// TestIs tells descriptions from recipes and from anything else.
func TestIs(t *testing.T) {
	for text, want := range map[string]bool{
		"user: x\naccessRecord: {url: a}": true, "accessRecord:\n  url: a": true,
		"user: x\nchange: {}": false, "newPassword: x": false, "": false, "#!/bin/sh": false, "- user: x": false, "user: [": false,
	} {
		if Is([]byte(text)) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

// TestWide: a file as > in Windows PowerShell writes it is taken as it is meant.
func TestWide(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		var wide []byte
		for _, unit := range utf16.Encode([]rune("\ufeffuser: jöe\r\nnewPassword: 'a b€'\r\n")) {
			wide = order.AppendUint16(wide, unit)
		}
		payload, err := Parse(wide, "wide.yaml")
		if err != nil || payload.User != "jöe" || payload.NewPassword.Reveal() != "a b€" {
			t.Errorf("%v: user %q: %v", order, payload.User, err)
		}
	}
}

// TestFiles: what keeps a file from being read is said, and the file that was meant.
func TestFiles(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"teramind.yaml.txt": "user: x", "long.yaml": strings.Repeat("#", MaxSize+1), "office.docx": "PK\x03\x04" + strings.Repeat("x", MaxSize)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"-":                          "it is not read from standard input: save it in a file",
		folder:                       "it is a folder, a file is needed",
		folder + "/nowhere/x.yaml":   "there is no such file",
		folder + "/long.yaml/x.yaml": "there is no such file",
		folder + "/x.yaml":           "there is no such file",
		folder + "/Teramind.yaml":    `there is no such file; did you mean "teramind.yaml.txt"?`,
		folder + "/teramind":         `there is no such file; did you mean "teramind.yaml.txt"?`,
		folder + "/long.yaml":        "the file is longer than 64 KiB",
		folder + "/office.docx":      "the file is longer than 64 KiB, and is no text, but a zip archive or an Office document",
	} {
		_, err := Read(path, "name")
		var file yamltext.FileError
		if !errors.As(err, &file) || file.Error() != want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}
