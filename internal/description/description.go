// Package description builds payloads for trying a rotation by hand. A Payload is what the
// Keeper Gateway would send, in parts: Read and Parse take them from a description, a YAML
// or JSON file whose form Help tells, and OfUser from a PAM User record of the vault.
// Payload.Encode puts them together as the Gateway does.
//
// All of it is secret, so no error holds a value, and only Encode and the reader of a
// description look into one.
package description

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/yamltext"
)

// MaxSize bounds the size of a description, in bytes.
const MaxSize = yamltext.MaxSize

// Help says to a user of the program what a description is.
const Help = `A description is a YAML or JSON file. It holds secrets, so keep it readable by you
alone:

  user: jdoe@example.com                   # needed
  oldPassword: 'First-Pass!word-1'
  newPassword: 'Second-Pass!word-2'        # else one is read or made
  userRecordUid: PamUserRecordUid_00001    # else one is made up
  accessRecord:                            # fields of the access record, by label
    title: API Access Details              # the default
    Target: teramind
    url: https://teramind.example.com/tm-api
    password: 'the access token'
  userRecord:                              # further fields of the PAM User record
    Target Email: jdoe@example.com

Any other key is an error. Put passwords in single quotes: without them YAML ends a
text at " #". Numbers and words like true are taken as they are written.`

// Payload is what a payload is made of.
type Payload struct {
	// ProviderUID, ResourceUID and UserUID name the PAM configuration, the PAM resource and
	// the PAM User record. One that is "" becomes null.
	ProviderUID, ResourceUID, UserUID string
	User                              string
	OldPassword                       secret.Value
	// NewPassword is empty where a description leaves it open.
	NewPassword secret.Value
	Records     []secret.Value // JSON objects, in the order in which they are sent
}

// Read reads a description from a file, which errors of Parse call name. The error is a
// yamltext.FileError or that of Parse.
func Read(path, name string) (Payload, error) {
	if path == "-" {
		return Payload{}, yamltext.FileError{Problem: "it is not read from standard input: save it in a file"}
	}
	text, err := yamltext.ReadFile(path)
	if err != nil {
		return Payload{}, err
	}
	return Parse(text, name)
}

// Parse reads a description, which errors call name. The error is a *params.Error with every
// fault and its line, and without a value.
func Parse(text []byte, name string) (Payload, error) {
	r := reader{name: name}
	result := r.description(text)
	if len(r.problems) > 0 {
		return Payload{}, &params.Error{
			Problems: r.problems, Hints: append(r.hints, "pam-rotate-script payload --help shows a description"),
		}
	}
	return result, nil
}

// OfUser begins a payload for the PAM User record of that content, a JSON object: with its
// login and its password, which may be missing. The records are the caller's to add. The
// error is a *params.Error where the record cannot be rotated.
func OfUser(uid string, content secret.Value) (Payload, error) {
	login, err := textOf(content, "login")
	if err != nil {
		return Payload{}, err
	}
	password, err := textOf(content, "password")
	if err != nil {
		return Payload{}, err
	}
	if strings.TrimSpace(login.Reveal()) == "" {
		return Payload{}, &params.Error{Problems: []string{"payload: the PAM User record has no login"}}
	}
	return Payload{UserUID: uid, User: login.Reveal(), OldPassword: password}, nil
}

// textOf returns the text of a record's key, empty if it is missing.
func textOf(record secret.Value, key string) (secret.Value, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(record.Reveal()), &object) != nil {
		return secret.Value{}, errors.New("payload: the record is not a JSON object")
	}
	var text string
	switch raw := object[key]; {
	case len(raw) == 0, string(raw) == "null", string(raw) == "[]":
	case json.Unmarshal(raw, &text) != nil:
		return secret.Value{}, &params.Error{Problems: []string{"payload: the PAM User record's " + strconv.Quote(key) + " is not one text"}}
	}
	return secret.New(text), nil
}

// Encode returns the payload as the Gateway sends it: base64 of JSON, with the records as
// base64 of JSON inside.
func (p Payload) Encode() secret.Value {
	var records []string
	for _, record := range p.Records {
		records = append(records, record.Reveal())
	}
	orNull := func(uid string) *string {
		if uid == "" {
			return nil
		}
		return &uid
	}
	return secret.New(base64.StdEncoding.EncodeToString(mustJSON(struct {
		ProviderUID *string `json:"providerRecordUid"`
		ResourceUID *string `json:"resourceRecordUid"`
		UserUID     *string `json:"userRecordUid"`
		NewPassword string  `json:"newPassword"`
		OldPassword string  `json:"oldPassword"`
		User        string  `json:"user"`
		Records     string  `json:"records"`
	}{
		orNull(p.ProviderUID), orNull(p.ResourceUID), orNull(p.UserUID), p.NewPassword.Reveal(), p.OldPassword.Reveal(), p.User,
		base64.StdEncoding.EncodeToString([]byte("[" + strings.Join(records, ",") + "]")),
	})))
}

// Params is what the program reads of the payload, without a vendor's public labels. The error is
// that of params.Read.
func (p Payload) Params() (*params.Params, error) {
	return params.Read(strings.NewReader(p.Encode().Reveal()), params.Options{})
}
