// Package vaulttest stands in for Keeper in tests. A Keeper holds records, and
// answers the real SDK through its context hook and a transport: it verifies the
// signature of each request, decrypts it, filters by UID, and answers encrypted,
// as the real one would. No network is touched.
//
//	keeper := vaulttest.New(t)
//	uid := keeper.Add(vaulttest.Record{Title: "API Access Details", Type: "login", Fields: ...})
//	opened, err := vault.Open(ctx, keeper.Options())
//
// It cannot show how the real Keeper judges revisions, permissions and the rate of
// requests, nor by which codes it refuses.
package vaulttest

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keeper-security/secrets-manager-go/core"

	"pam-rotate-script/internal/vault"
)

// Host is the host of the config that a Keeper gives out. It is not a real one.
const Host = "keeper.invalid"

// Field is one field of a record.
type Field struct {
	Type  string `json:"type"`
	Label string `json:"label,omitempty"`
	Value []any  `json:"value"`
}

// Record is one record. Only a Title is needed.
type Record struct {
	UID            string // made up if ""
	Title, Type    string
	Fields, Custom []Field
	// JSON is the record's text in place of all of the above but the UID.
	JSON string
	// ReadOnly shares the record without Can Edit.
	ReadOnly bool
	// Broken gives the record a key that does not decrypt.
	Broken bool
	// Folders is in how many shared folders the record comes; 0 shares it by itself.
	Folders int
	// BrokenFolders gives these folders keys that do not decrypt.
	BrokenFolders bool
}

// Keeper is the stand-in. Make one with New. It is safe for concurrent use.
type Keeper struct {
	t          testing.TB
	config     map[string]string
	privateKey *core.PrivateKey
	appKey     []byte
	context    *core.Context

	mutex   sync.Mutex
	records []*stored
	calls   []Call
	faults  []Fault
}

type stored struct {
	Record
	key      []byte
	text     string
	revision int
}

// Call is one request that has come in.
type Call struct {
	Route string   // "get_secret" or "update_secret"
	UIDs  []string // of a get_secret: what was asked for, nil for all
	UID   string   // of an update_secret
	KeyID string   // the number of Keeper's public key
}

// Fault answers a request in place of the Keeper. do is what the Keeper would do; a
// Fault that calls it and then returns something else loses the answer.
type Fault func(request *http.Request, do func() (*http.Response, error)) (*http.Response, error)

// New returns a Keeper without records.
func New(t testing.TB) *Keeper {
	t.Helper()
	der, err := core.GeneratePrivateKeyDer()
	if err != nil {
		t.Fatal(err)
	}
	key, err := core.LoadDerPrivateKeyDer(der)
	if err != nil {
		t.Fatal(err)
	}
	appKey := random(t, 32)
	return &Keeper{
		t: t, privateKey: key, appKey: appKey,
		config: map[string]string{
			"hostname":          Host,
			"clientId":          base64.StdEncoding.EncodeToString(random(t, 64)),
			"privateKey":        base64.StdEncoding.EncodeToString(der),
			"serverPublicKeyId": "10",
			"appKey":            base64.StdEncoding.EncodeToString(appKey),
			"appOwnerPublicKey": core.GetDefaultOwnerPublicKey(),
		},
	}
}

func random(t testing.TB, size int) []byte {
	t.Helper()
	bytes, err := core.GenerateRandomBytes(size)
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// Config returns the config of a device that may use this Keeper, entry by entry.
func (k *Keeper) Config() map[string]string {
	copied := make(map[string]string)
	for name, value := range k.config {
		copied[name] = value
	}
	return copied
}

// ConfigJSON returns Config as JSON.
func (k *Keeper) ConfigJSON() string {
	text, err := json.Marshal(k.config)
	if err != nil {
		k.t.Fatal(err)
	}
	return string(text)
}

// Seam returns what puts this Keeper in the real one's place.
func (k *Keeper) Seam() *vault.Seam { return &vault.Seam{Transport: k, Context: &k.context} }

// Options returns options with which vault.Open reaches this Keeper, by way of
// KSM_CONFIG in an environment of its own.
func (k *Keeper) Options() vault.Options {
	text := base64.StdEncoding.EncodeToString([]byte(k.ConfigJSON()))
	return vault.Options{
		Getenv: func(name string) string {
			if name == "KSM_CONFIG" {
				return text
			}
			return ""
		},
		Seam: k.Seam(),
	}
}

// Add adds a record and returns its UID.
func (k *Keeper) Add(record Record) string {
	k.t.Helper()
	if record.UID == "" {
		record.UID = core.GenerateUid()
	}
	text := record.JSON
	if text == "" {
		if record.Type == "" {
			record.Type = "login"
		}
		object := map[string]any{"title": record.Title, "type": record.Type, "notes": "", "fields": list(record.Fields), "custom": list(record.Custom)}
		marshalled, err := json.Marshal(object)
		if err != nil {
			k.t.Fatal(err)
		}
		text = string(marshalled)
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.records = append(k.records, &stored{Record: record, key: random(k.t, 32), text: text, revision: 1})
	return record.UID
}

func list(fields []Field) []Field {
	if fields == nil {
		return []Field{}
	}
	return fields
}

// Text returns the JSON text of a record as it is now.
func (k *Keeper) Text(uid string) string {
	k.t.Helper()
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.record(uid).text
}

// Edit changes the JSON text of a record as somebody else would, which makes a new
// revision.
func (k *Keeper) Edit(uid string, change func(text string) string) {
	k.t.Helper()
	k.mutex.Lock()
	defer k.mutex.Unlock()
	record := k.record(uid)
	record.text = change(record.text)
	record.revision++
}

func (k *Keeper) record(uid string) *stored {
	for _, record := range k.records {
		if record.UID == uid {
			return record
		}
	}
	k.t.Helper()
	k.t.Fatalf("the test's vault has no record %q", uid)
	return nil
}

// Calls returns the requests that have come in.
func (k *Keeper) Calls() []Call {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return slices.Clone(k.calls)
}

// Fail has the next requests answered by these faults, one each; a nil one leaves
// a request to the Keeper.
func (k *Keeper) Fail(faults ...Fault) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.faults = append(k.faults, faults...)
}

// Answer is a Fault that does nothing and answers with a status and a body.
func Answer(status int, body string) Fault {
	return func(*http.Request, func() (*http.Response, error)) (*http.Response, error) {
		return response(status, []byte(body)), nil
	}
}

// Say returns a Fault that does nothing and answers 200 with a text, encrypted as
// Keeper's own answers are.
func (k *Keeper) Say(text string) Fault {
	return func(*http.Request, func() (*http.Response, error)) (*http.Response, error) {
		sealed, err := core.EncryptAesGcm([]byte(text), k.context.TransmissionKey.Key)
		return response(http.StatusOK, sealed), err
	}
}

// errLost is the error of Lose and Vanish.
var errLost = errors.New("connection reset, and the password is canary-in-the-error")

// Lose is a Fault that does what is asked and loses the answer.
func Lose(request *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
	if _, err := do(); err != nil {
		return nil, err
	}
	return Vanish(request, nil)
}

// Vanish is a Fault that loses the request on its way.
func Vanish(request *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
	leaves(request)
	return nil, errLost
}

// Unreachable is a Fault before anything is sent.
func Unreachable(*http.Request, func() (*http.Response, error)) (*http.Response, error) {
	return nil, errLost
}

// Silent is a Fault that takes the request and never answers.
func Silent(request *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
	leaves(request)
	<-request.Context().Done()
	return nil, request.Context().Err()
}

// leaves reports that a request got a connection.
func leaves(request *http.Request) {
	if trace := httptrace.ContextClientTrace(request.Context()); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
}

// RoundTrip answers one request. What no client of Keeper may send fails the test.
func (k *Keeper) RoundTrip(request *http.Request) (*http.Response, error) {
	k.mutex.Lock()
	var fault Fault
	if len(k.faults) > 0 {
		fault, k.faults = k.faults[0], k.faults[1:]
	}
	k.mutex.Unlock()

	body, err := k.open(request)
	if err != nil {
		k.t.Errorf("the test's vault was sent a bad request: %v", err)
		return nil, err
	}
	do := func() (*http.Response, error) {
		leaves(request)
		return k.do(body), nil
	}
	if fault != nil {
		return fault(request, do)
	}
	return do()
}

// message is what a request says, decrypted.
type message struct {
	ClientVersion    string   `json:"clientVersion"`
	ClientID         string   `json:"clientId"`
	PublicKey        string   `json:"publicKey"`
	RequestedRecords []string `json:"requestedRecords"`
	RecordUID        string   `json:"recordUid"`
	Revision         int      `json:"revision"`
	Data             string   `json:"data"`

	route string
	key   []byte
}

// open checks a request, decrypts and notes it.
func (k *Keeper) open(request *http.Request) (message, error) {
	var body message
	if request.Method != http.MethodPost || request.URL.Scheme != "https" || request.URL.Host != Host {
		return body, errors.New("it goes elsewhere")
	}
	if _, ok := request.Context().Deadline(); !ok {
		return body, errors.New("it has no deadline")
	}
	sealed, err := io.ReadAll(request.Body)
	if err != nil {
		return body, err
	}
	encryptedKey, err := base64.StdEncoding.DecodeString(request.Header.Get("TransmissionKey"))
	if err != nil || !bytes.Equal(encryptedKey, k.context.TransmissionKey.EncryptedKey) {
		return body, errors.New("its transmission key is not the one in the context")
	}
	signature, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(request.Header.Get("Authorization"), "Signature "))
	if err != nil {
		return body, err
	}
	if err := core.Verify(append(encryptedKey, sealed...), signature, (*core.PublicKey)(&(*ecdsa.PrivateKey)(k.privateKey).PublicKey)); err != nil {
		return body, err
	}
	body.key = bytes.Clone(k.context.TransmissionKey.Key)
	text, err := core.Decrypt(sealed, body.key)
	if err != nil {
		return body, err
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return body, err
	}
	body.route = strings.TrimPrefix(request.URL.Path, "/api/rest/sm/v1/")
	if body.ClientID != k.config["clientId"] || body.PublicKey != "" {
		return body, errors.New("it is from another device")
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.calls = append(k.calls, Call{Route: body.route, UIDs: body.RequestedRecords, UID: body.RecordUID, KeyID: request.Header.Get("PublicKeyId")})
	return body, nil
}

func (k *Keeper) do(body message) *http.Response {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	switch body.route {
	case "get_secret":
		return k.read(body)
	case "update_secret":
		return k.update(body)
	}
	return response(http.StatusNotFound, []byte(`{"result_code":"not_found"}`))
}

func (k *Keeper) read(body message) *http.Response {
	alone := []any{}
	folders := []any{}
	for _, record := range k.records {
		if len(body.RequestedRecords) > 0 && !slices.Contains(body.RequestedRecords, record.UID) {
			continue
		}
		if record.Folders == 0 {
			alone = append(alone, k.shared(record, k.appKey))
		}
		for range record.Folders {
			folderKey, appKey := random(k.t, 32), k.appKey
			if record.BrokenFolders {
				appKey = random(k.t, 32)
			}
			folders = append(folders, map[string]any{
				"folderUid": core.GenerateUid(), "folderKey": k.encrypt(folderKey, appKey), "records": []any{k.shared(record, folderKey)},
			})
		}
	}
	text, err := json.Marshal(map[string]any{"encryptedAppKey": "", "records": alone, "folders": folders})
	if err != nil {
		k.t.Error(err)
	}
	sealed, err := core.EncryptAesGcm(text, body.key)
	if err != nil {
		k.t.Error(err)
	}
	return response(http.StatusOK, sealed)
}

// shared is a record as it is sent, its key encrypted by another.
func (k *Keeper) shared(record *stored, key []byte) map[string]any {
	recordKey := k.encrypt(record.key, key)
	if record.Broken {
		recordKey = k.encrypt(record.key, random(k.t, 32))
	}
	return map[string]any{
		"recordUid": record.UID, "recordKey": recordKey, "data": k.encrypt([]byte(record.text), record.key),
		"revision": record.revision, "isEditable": !record.ReadOnly, "files": []any{},
	}
}

func (k *Keeper) encrypt(data, key []byte) string {
	sealed, err := core.EncryptAesGcm(data, key)
	if err != nil {
		k.t.Error(err)
	}
	return base64.StdEncoding.EncodeToString(sealed)
}

func (k *Keeper) update(body message) *http.Response {
	for _, record := range k.records {
		if record.UID != body.RecordUID {
			continue
		}
		sealed, err := base64.RawURLEncoding.DecodeString(body.Data)
		if err != nil {
			break
		}
		text, err := core.Decrypt(sealed, record.key)
		switch {
		case err != nil || !json.Valid(text):
			k.t.Errorf("the record %s was saved with a text that cannot be read", record.UID)
		case record.ReadOnly:
			return response(http.StatusForbidden, []byte(`{"result_code":"access_denied","message":"canary-from-the-server"}`))
		case record.revision != body.Revision:
			return response(http.StatusBadRequest, []byte(`{"result_code":"out_of_sync","message":"canary-from-the-server"}`))
		default:
			record.text = string(text)
			record.revision++
			return response(http.StatusOK, nil)
		}
	}
	return response(http.StatusBadRequest, []byte(`{"result_code":"bad_request","message":"canary-from-the-server"}`))
}

func response(status int, body []byte) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
}
