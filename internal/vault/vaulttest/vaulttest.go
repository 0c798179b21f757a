// Package vaulttest stands in for Keeper in tests. A Keeper holds records, and
// answers the real SDK through its context hook and a transport: it verifies the
// signature of each request, decrypts it, filters by UID, and answers encrypted,
// as the real one would. No network is touched.
//
//	keeper := vaulttest.New(t)
//	uid := keeper.Add(vaulttest.Record{Title: "API Access Details", Type: "login", Fields: ...})
//	opened, err := vault.Open(ctx, keeper.Options())
//
// Serve puts it behind a real HTTPS server as well, with a server key of its own, so that any of
// Keeper's SDKs can use it that knows configs with such a key, and so can the real program.
//
// It cannot show how the real Keeper judges revisions, permissions and the rate of
// requests, nor by which codes it refuses.
package vaulttest

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
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
	// Folder is the UID of the shared folder that the record is in, or of a folder in it; see
	// AddFolder. "" is none.
	Folder string
	// Files are its attached files, by UID; the value is the name.
	Files map[string]string
	// Folders is in how many further shared folders the record comes; 0 of both shares it by
	// itself.
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
	own, owner *ecdh.PrivateKey // of the server, and of the application's owner

	mutex   sync.Mutex
	records []*stored
	folders []*folder
	observe func(Call)
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
	Route string   // such as "get_secret" or "update_secret"
	UIDs  []string // of a get_secret: what was asked for, nil for all; of a delete_secret
	UID   string   // of an update_secret or a create_secret
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
	own, owner := newKey(t), newKey(t)
	return &Keeper{
		t: t, privateKey: key, appKey: appKey, own: own, owner: owner,
		config: map[string]string{
			"hostname":          Host,
			"clientId":          base64.StdEncoding.EncodeToString(random(t, 64)),
			"privateKey":        base64.StdEncoding.EncodeToString(der),
			"serverPublicKeyId": "10",
			"appKey":            base64.StdEncoding.EncodeToString(appKey),
			"appOwnerPublicKey": base64.StdEncoding.EncodeToString(owner.PublicKey().Bytes()),
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

func newKey(t testing.TB) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Config returns the config of a device that may use this Keeper, entry by entry. By it a
// request can only be read with the context hook of the SDK.
func (k *Keeper) Config() map[string]string { return maps.Clone(k.config) }

// ownKeyID is the number of the Keeper's own key. No SDK knows a key of that number.
const ownKeyID = "4711"

// OwnKeyConfig is Config with the Keeper's own server key, as a Keeper has that stands alone.
func (k *Keeper) OwnKeyConfig() map[string]string {
	config := k.Config()
	config["serverPublicKey"] = base64.RawURLEncoding.EncodeToString(k.own.PublicKey().Bytes())
	config["serverPublicKeyId"] = ownKeyID
	return config
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
	if request.URL.Scheme != "https" || request.URL.Host != Host {
		k.t.Errorf("the test's vault was sent a bad request: it goes elsewhere")
		return nil, errors.New("it goes elsewhere")
	}
	if _, ok := request.Context().Deadline(); !ok {
		k.t.Errorf("the test's vault was sent a bad request: it has no deadline")
	}
	return k.exchange(request)
}

func (k *Keeper) exchange(request *http.Request) (*http.Response, error) {
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
	RecordUIDs       []string `json:"recordUids"`
	Revision         int      `json:"revision"`
	Data             string   `json:"data"`
	RecordKey        string   `json:"recordKey"`
	FolderUID        string   `json:"folderUid"`
	SubFolderUID     string   `json:"subFolderUid"`
	FolderKey        string   `json:"folderKey"`

	route string
	key   []byte
}

// open checks a request, decrypts and notes it.
func (k *Keeper) open(request *http.Request) (message, error) {
	var body message
	if request.Method != http.MethodPost {
		return body, errors.New("it is no POST")
	}
	sealed, err := io.ReadAll(request.Body)
	if err != nil {
		return body, err
	}
	encryptedKey, err := base64.StdEncoding.DecodeString(request.Header.Get("TransmissionKey"))
	if err != nil {
		return body, err
	}
	if body.key, err = k.transmissionKey(request.Header.Get("PublicKeyId"), encryptedKey); err != nil {
		return body, err
	}
	signature, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(request.Header.Get("Authorization"), "Signature "))
	if err != nil {
		return body, err
	}
	if err := core.Verify(slices.Concat(encryptedKey, sealed), signature, (*core.PublicKey)(&(*ecdsa.PrivateKey)(k.privateKey).PublicKey)); err != nil {
		return body, err
	}
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
	call := Call{Route: body.route, UIDs: slices.Concat(body.RequestedRecords, body.RecordUIDs), UID: body.RecordUID, KeyID: request.Header.Get("PublicKeyId")}
	k.mutex.Lock()
	k.calls = append(k.calls, call)
	observe := k.observe
	k.mutex.Unlock()
	if observe != nil {
		observe(call)
	}
	return body, nil
}

// Observe has a function called with each request that comes in, before it is answered.
func (k *Keeper) Observe(observe func(Call)) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.observe = observe
}

// transmissionKey returns the key of a request. What is encrypted for the Keeper's own key it
// decrypts; for Keeper's real keys the SDK's context has it.
func (k *Keeper) transmissionKey(id string, encrypted []byte) ([]byte, error) {
	if id == ownKeyID {
		return decryptWith(k.own, encrypted)
	}
	if k.context == nil || !bytes.Equal(encrypted, k.context.TransmissionKey.EncryptedKey) {
		return nil, errors.New("its transmission key is not the one in the context")
	}
	return bytes.Clone(k.context.TransmissionKey.Key), nil
}

// decryptWith undoes what every SDK calls public encryption: the point of a passing key, and
// AES-GCM under the hash of what both keys share.
func decryptWith(key *ecdh.PrivateKey, encrypted []byte) ([]byte, error) {
	const point = 65
	if len(encrypted) <= point {
		return nil, errors.New("it is too short to be encrypted for a key")
	}
	passing, err := ecdh.P256().NewPublicKey(encrypted[:point])
	if err != nil {
		return nil, err
	}
	shared, err := key.ECDH(passing)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(shared)
	return core.Decrypt(encrypted[point:], sum[:])
}

func (k *Keeper) do(body message) *http.Response {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	switch body.route {
	case "get_secret":
		return k.read(body)
	case "update_secret":
		return k.update(body)
	case "get_folders":
		return k.sayFolders(body)
	case "create_secret":
		return k.create(body)
	case "delete_secret":
		return k.delete(body)
	}
	return response(http.StatusNotFound, []byte(`{"result_code":"not_found"}`))
}

func (k *Keeper) read(body message) *http.Response {
	alone := []any{}
	folders := []any{}
	inFolder := map[string][]any{}
	for _, record := range k.records {
		if len(body.RequestedRecords) > 0 && !slices.Contains(body.RequestedRecords, record.UID) {
			continue
		}
		if record.Folder != "" {
			in, within := k.folder(record.Folder), k.shared(record, k.root(record.Folder).key)
			if in.parent != "" {
				within["innerFolderUid"] = in.uid
			}
			root := k.root(record.Folder).uid
			inFolder[root] = append(inFolder[root], within)
		}
		if record.Folders == 0 && record.Folder == "" {
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
	for _, root := range k.folders {
		if records := inFolder[root.uid]; len(records) > 0 { // an empty folder does not come
			folders = append(folders, map[string]any{"folderUid": root.uid, "folderKey": k.encrypt(root.key, k.appKey), "records": records})
		}
	}
	return k.say(body, map[string]any{"encryptedAppKey": "", "records": alone, "folders": folders})
}

// say answers with an object, encrypted.
func (k *Keeper) say(body message, object map[string]any) *http.Response {
	text, err := json.Marshal(object)
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
		"revision": record.revision, "isEditable": !record.ReadOnly, "files": k.files(record),
	}
}

func (k *Keeper) files(record *stored) []any {
	files := []any{}
	for uid, name := range record.Files {
		key := random(k.t, 32)
		about, err := json.Marshal(map[string]any{"name": name, "title": name, "type": "application/octet-stream", "size": 1})
		if err != nil {
			k.t.Error(err)
		}
		files = append(files, map[string]any{"fileUid": uid, "fileKey": k.encrypt(key, record.key), "data": k.encrypt(about, key)})
	}
	return files
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
		text, err := core.Decrypt(decode(body.Data), record.key)
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
