package params

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"pam-rotate-script/internal/secret"
)

// MaxPayload is the largest payload that Read takes, in bytes of stdin.
const MaxPayload = 8 << 20

// Options say how Read treats what it finds. The zero value seals nothing.
type Options struct {
	// Scrubber learns every secret of the payload. nil registers them nowhere.
	Scrubber *secret.Scrubber
	// PublicLabels are the labels of record fields whose values may be printed. That of a
	// password is none of them, whatever it says.
	PublicLabels LabelSet
}

// Params is what the Gateway hands to a script.
type Params struct {
	// User is the login of the PAM User record: an e-mail address, a bare name
	// or DOMAIN\name. Never empty.
	User string
	// NewPassword is the password to set, byte for byte. Never empty.
	NewPassword secret.Value
	// OldPassword is the password until now. It may be empty.
	OldPassword secret.Value
	// ProviderUID, ResourceUID and UserUID name the PAM Configuration, the PAM
	// resource and the PAM User record. Each may be empty.
	ProviderUID, ResourceUID, UserUID string
	// Records are the records that came along, in the order of the payload. The
	// three records above are among them as far as the Gateway sends them.
	Records []Record

	keys   []FieldOutline // of the payload itself
	chosen *choice        // what AccessRecord has returned last; nil when the records have changed
}

// Read reads one payload from r: a JSON object, base64-encoded, on one line.
//
// It also accepts CRLF or no line end, wrapped lines, blanks or quotes around
// the text, a UTF-8 byte order mark, UTF-16 with or without one, the URL-safe
// alphabet, missing padding, and the plain JSON. The records inside may come in
// those forms too, or as a plain JSON array. Keys that it does not know are left
// alone.
//
// A fault of the payload is an *Error; any other error is a failure of r. Read
// takes at most MaxPayload+1 bytes from r.
func Read(r io.Reader, options Options) (*Params, error) {
	var raw strings.Builder
	size, err := io.Copy(&raw, io.LimitReader(r, MaxPayload+1))
	if err != nil {
		return nil, fmt.Errorf("payload: read: %w", err)
	}
	payload := source{subject: "payload", want: jsonObject}
	if size > MaxPayload {
		return nil, payload.fault("link fewer records to the script", "larger than %d bytes", MaxPayload).asError()
	}
	text, fault := toText(raw.String())
	if fault != nil {
		return nil, fault.asError()
	}
	if isBlank(text) {
		return nil, payload.fault("the Gateway pipes the payload in; for a test by hand, pipe one in",
			"stdin is empty").asError()
	}
	object, fault := payload.decode(text)
	if fault != nil {
		return nil, fault.asError()
	}
	return fromObject(object, options)
}

// fromObject reads the payload's keys and collects all faults in them.
func fromObject(object node, options Options) (*Params, error) {
	keys := payloadKeys{values: make(map[string]node)}
	keys.collect(object)
	p := &Params{
		User:        keys.text("user"),
		NewPassword: secret.New(keys.text("newPassword")),
		OldPassword: secret.New(keys.text("oldPassword")),
		ProviderUID: keys.text("providerRecordUid"),
		ResourceUID: keys.text("resourceRecordUid"),
		UserUID:     keys.text("userRecordUid"),
	}
	for _, m := range object.members() {
		p.keys = append(p.keys, FieldOutline{m.key, m.value.shape()})
	}
	keys.need("user", strings.TrimSpace(p.User) == "")
	keys.need("newPassword", p.NewPassword.IsEmpty())
	records, faults := readRecords(keys.values["records"])
	for _, f := range faults {
		keys.report(f)
	}
	p.Records = records
	if p.UserUID != "" && len(distinct(p.withUID(p.UserUID))) > 1 {
		keys.report(&fault{
			problem: "records: the PAM User's own record is there twice, with different content",
			hint:    "do not link the PAM User's own record to the script",
		})
	}
	if len(keys.err.Problems) > 0 {
		return nil, &keys.err
	}
	p.Seal(options)
	return p, nil
}

// payloadKeys reads the top level of the payload.
type payloadKeys struct {
	values map[string]node
	faulty map[string]bool
	err    Error
}

// known are the keys that the Gateway documents. Only these are ever named in a
// fault.
var known = []string{
	"providerRecordUid", "resourceRecordUid", "userRecordUid",
	"newPassword", "oldPassword", "user", "records",
}

func (k *payloadKeys) report(f *fault) {
	k.err.Problems = append(k.err.Problems, f.problem)
	if !slices.Contains(k.err.Hints, f.hint) {
		k.err.Hints = append(k.err.Hints, f.hint)
	}
}

func (k *payloadKeys) collect(object node) {
	count := make(map[string]int)
	unknownTwice := false
	for _, m := range object.members() {
		count[m.key]++
		k.values[m.key] = m.value
		unknownTwice = unknownTwice || count[m.key] > 1
	}
	k.faulty = make(map[string]bool)
	for _, key := range known {
		if count[key] > 1 {
			k.report(&fault{problem: fmt.Sprintf("payload: the key %s is there %d times", key, count[key]), hint: hintWhole})
			k.faulty[key] = true
			unknownTwice = false
		}
	}
	if unknownTwice {
		k.report(&fault{problem: "payload: a key is there more than once", hint: hintWhole})
	}
}

// text returns the text of a key, "" if it is null, missing or faulty.
func (k *payloadKeys) text(key string) string {
	switch value := k.values[key]; value.kind {
	case jsonString:
		return value.text.Reveal()
	case jsonMissing, jsonNull:
		return ""
	default:
		k.report(&fault{
			problem: fmt.Sprintf("payload: %s is %s, a string is needed", key, value.kind.withArticle()),
			hint:    hintInspect,
		})
		k.faulty[key] = true
		return ""
	}
}

// need reports a key that must hold something.
func (k *payloadKeys) need(key string, empty bool) {
	if !empty || k.faulty[key] {
		return
	}
	problem := fmt.Sprintf("payload: %s is empty", key)
	if value := k.values[key]; value.kind == jsonMissing {
		problem = fmt.Sprintf("payload: %s is missing", key)
	} else if value.kind == jsonNull {
		problem = fmt.Sprintf("payload: %s is null", key)
	}
	k.report(&fault{problem: problem, hint: hintInspect})
}
