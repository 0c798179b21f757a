package main

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/vault/vaulttest"
)

// vessel is a recipe that gets a key with the password, has it saved, and ends the old one.
const vessel = `name: vessel
title: Vessel
summary: users of a Vessel server
documents: https://vessel.example/api
tried: documents alone
fields:
  url: {kind: url, required: true, help: the address}
  password: {kind: secret, required: true, help: a token}
base: url
auth: {bearer: $access.password}
check:
  - {name: look up the key, path: /key, accept: 200, let: {previous: .id}}
change:
  - name: set the password
    write: true
    method: POST
    path: /password
    body: {password: $new}
    accept: 200
    seal: {key: .key}
    let: {until: .until}
proof: answer
close:
  - {name: end the old key, method: DELETE, path: [/keys, {jq: $previous}], accept: 204, revokes old: true}
save: {API Key: $key, Key Until: $until}
`

// vesselServer is a Vessel server. events has what came, and when the vault was saved to.
type vesselServer struct {
	*httptest.Server
	mutex  sync.Mutex
	events []string
}

func (s *vesselServer) note(event string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.events = append(s.events, event)
}

func startVessel(t *testing.T, key string) *vesselServer {
	s := &vesselServer{}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		s.note(r.Method + " " + r.URL.Path)
		if r.Method == "DELETE" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"id": "7", "key": key, "until": "2031-01-01"})
	}))
	t.Cleanup(s.Close)
	return s
}

// TestRecipeSaves: by way of the whole program, what a recipe returns is in the vault before
// the old key is ended, and an old key whose successor is not there is left alone.
func TestRecipeSaves(t *testing.T) {
	const key = "canary-key-of-vessel"
	const look, write, save, end = "GET /key", "POST /password", "save", "DELETE /keys/7"
	refused := vaulttest.Answer(403, `{"result_code":"access_denied","message":"canary"}`)
	for name, test := range map[string]struct {
		record  vaulttest.Record
		without bool // no config
		faults  []vaulttest.Fault
		code    int
		events  []string
		saved   bool
		says    string
	}{
		"saved":                {code: 0, events: []string{look, write, save, end}, saved: true, says: "changed: vessel"},
		"no vault":             {without: true, code: 1, events: []string{look}, says: "no config"},
		"shared for reading":   {record: vaulttest.Record{ReadOnly: true}, code: 1, events: []string{look}, says: "reading only"},
		"the vault is away":    {faults: []vaulttest.Fault{vaulttest.Unreachable}, code: 1, events: []string{look}, says: "connection failed"},
		"the save is refused":  {faults: []vaulttest.Fault{nil, nil, refused}, code: 3, events: []string{look, write, save}, says: "not all that came with it is saved"},
		"the save gets lost":   {faults: []vaulttest.Fault{nil, nil, vaulttest.Vanish}, code: 3, events: []string{look, write, save}, says: "not known whether it was saved"},
		"its answer gets lost": {faults: []vaulttest.Fault{nil, nil, vaulttest.Lose}, code: 0, events: []string{look, write, save, end}, saved: true, says: "changed: vessel"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newTrial(t)
			server := startVessel(t, key)
			record := test.record
			record.UID, record.Title, record.Type = pamUserUID, "PAM User", "pamUser"
			record.Fields = []vaulttest.Field{{Type: "login", Value: []any{r.user}}, {Type: "password", Value: []any{conformance.Old}}}
			r.keeper.Add(record)
			noting := func(fault vaulttest.Fault) vaulttest.Fault {
				return func(request *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
					if strings.HasSuffix(request.URL.Path, "update_secret") {
						server.note(save)
					}
					if fault == nil {
						return do()
					}
					return fault(request, do)
				}
			}
			faults := slices.Clone(test.faults)
			for len(faults) < 3 {
				faults = append(faults, nil)
			}
			for _, fault := range faults {
				r.keeper.Fail(noting(fault))
			}
			r.stdin = r.payload(nil, map[string]any{
				"uid": accessUID, "title": "API Access Details", "Recipe": vessel, "url": server.URL, "password": r.stand.Access["password"],
				"CA Certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
			})
			arguments := []string{"--log-level", "debug"}
			if !test.without {
				arguments = append(arguments, "--ksm-config", r.config)
			}
			ended := r.run(arguments...)
			if ended.code != test.code || !strings.Contains(ended.stdout, test.says) {
				t.Errorf("exit %d: %s", ended.code, ended.all())
			}
			if !slices.Equal(server.events, test.events) {
				t.Errorf("%v, want %v", server.events, test.events)
			}
			text := r.keeper.Text(pamUserUID)
			if saved := strings.Contains(text, key) && strings.Contains(text, `"2031-01-01"`); saved != test.saved {
				t.Errorf("saved: %v: %s", saved, text)
			}
			// The password is the Gateway's to change.
			var inVault struct{ Fields []vaulttest.Field }
			if err := json.Unmarshal([]byte(text), &inVault); err != nil || !reflect.DeepEqual(inVault.Fields, record.Fields) {
				t.Errorf("the standard fields are %v, %v", inVault.Fields, err)
			}
			r.hidden(ended.all(), key)
		})
	}
}
