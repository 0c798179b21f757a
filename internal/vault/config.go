package vault

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"pam-rotate-script/internal/secret"
)

// The environment variables that a config is read from, in this order.
const (
	configVariable  = "KSM_CONFIG"
	gatewayVariable = "GATEWAY_CONFIG"
)

// fileSource is what Source calls Options.ConfigFile.
const fileSource = "--ksm-config"

// maxConfig bounds the size of a config in bytes. A real one has about 1 KiB.
const maxConfig = 64 << 10

const hintFileName = "--ksm-config takes the name of a file; a config itself goes into " + configVariable

const hintDevice = "create a device for the application in Keeper Secrets Manager and take its config, base64 or JSON"

// Source tells where Open would read the config from: "--ksm-config" for
// Options.ConfigFile, the name of the environment variable, or "" if there is no
// config. It opens no file and checks nothing.
func Source(options Options) string {
	if options.ConfigFile != "" {
		return fileSource
	}
	if options.Getenv == nil {
		return ""
	}
	for _, name := range []string{configVariable, gatewayVariable} {
		if strings.TrimSpace(options.Getenv(name)) != "" {
			return name
		}
	}
	return ""
}

// Configured reports whether any config is visible. It opens no file.
func Configured(options Options) bool { return Source(options) != "" }

// device is what a config says: which device of which application this is. Its
// entries are secrets but for the host.
type device struct {
	host    string
	entries map[string]string
	// serverKey is the public key of a Keeper that has one of its own, nil for one of those
	// that the SDK knows; serverKeyID is its number.
	serverKey   []byte
	serverKeyID string
}

// readDevice reads and checks the config that the options name.
func readDevice(ctx context.Context, options Options) (device, error) {
	source := Source(options)
	var raw []byte
	switch source {
	case "":
		return device{}, fault(KindConfig, "no config", "give one with --ksm-config or in "+configVariable)
	case fileSource:
		var err error
		if raw, err = readPatiently(ctx, options.ConfigFile); err != nil {
			return device{}, within("config from "+source, err)
		}
	default:
		raw = []byte(options.Getenv(source))
	}
	found, err := parseDevice(raw, options.Scrubber)
	return found, within("config from "+source, err)
}

// readPatiently reads a file, which may be a pipe that nobody writes to: opening one waits,
// and no deadline and no signal ends that. The reader is left behind then.
func readPatiently(ctx context.Context, path string) ([]byte, error) {
	type read struct {
		raw []byte
		err error
	}
	done := make(chan read, 1)
	go func() {
		raw, err := readFile(path)
		done <- read{raw, err}
	}()
	select {
	case end := <-done:
		return end.raw, end.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, fault(KindTimeout, "interrupted")
		}
		return nil, fault(KindTimeout, "the file could not be read in time", "a pipe in its place must be written to and closed")
	}
}

// readFile only ever reads, whatever it finds.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fileFault(err)
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, fault(KindConfig, "it is a directory, a file is needed")
	}
	raw, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil {
		return nil, fileFault(err)
	}
	return raw, nil
}

func fileFault(err error) *Error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault(KindConfig, "the file does not exist", hintFileName)
	case errors.Is(err, fs.ErrPermission):
		return fault(KindConfig, "the file may not be read by this user")
	case errors.Is(err, syscall.ENAMETOOLONG):
		return fault(KindConfig, "what was given is too long for a file's name", hintFileName)
	default:
		return fault(KindConfig, "the file cannot be read")
	}
}

// parseDevice reads a config that is JSON, or base64 of JSON.
func parseDevice(raw []byte, scrubber *secret.Scrubber) (device, error) {
	if len(raw) > maxConfig {
		return device{}, fault(KindConfig, "it is too large for a config", hintDevice)
	}
	text, err := plainText(raw)
	if err != nil {
		return device{}, err
	}
	switch parts := strings.Split(text, ":"); {
	case len(parts) == 4 && isOneTimeToken(parts[0]+":"+parts[1]):
		return device{}, extendedTokenFault()
	case isOneTimeToken(text):
		return device{}, tokenFault()
	}
	if !strings.ContainsAny(text[:1], "{[") {
		decoded, err := decodeBase64(text)
		if err != nil && isPath(text) {
			return device{}, fault(KindConfig, "it is the name of a file, the config itself is needed", hintFileName)
		}
		if err != nil {
			return device{}, err
		}
		if text, err = plainText(decoded); err != nil {
			return device{}, within("inside the base64", err)
		}
	}
	entries, err := parseObject(text)
	if err != nil {
		return device{}, err
	}
	return checkDevice(entries, scrubber)
}

// plainText returns raw as text, without byte order mark and what may stand
// around it.
func plainText(raw []byte) (string, error) {
	raw = bytes.TrimPrefix(raw, []byte("\xEF\xBB\xBF"))
	switch {
	case bytes.HasPrefix(raw, []byte("\xFF\xFE")), bytes.HasPrefix(raw, []byte("\xFE\xFF")),
		len(raw) > 1 && (raw[0] == 0 || raw[1] == 0):
		return "", fault(KindConfig, "it is UTF-16, UTF-8 is needed",
			"save the config as UTF-8; Windows PowerShell writes UTF-16 where > redirects to a file")
	case !utf8.Valid(raw):
		return "", fault(KindConfig, "it is not text in UTF-8", hintDevice)
	}
	text := strings.TrimSpace(string(raw))
	for _, quote := range []string{`"`, `'`} { // as some files of environment variables keep them
		if inner, ok := strings.CutPrefix(text, quote); ok && strings.HasSuffix(inner, quote) {
			text = strings.TrimSpace(strings.TrimSuffix(inner, quote))
		}
	}
	if text == "" {
		return "", fault(KindConfig, "it is empty", hintDevice)
	}
	return text, nil
}

// isOneTimeToken reports whether text is a host, or the abbreviation of one, and a
// token. The pattern is compiled here, so that a run without a vault does not.
func isOneTimeToken(text string) bool {
	return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9.-]*:[A-Za-z0-9_-]{20,}={0,2}$`).MatchString(text)
}

// isPath reports whether text names a file, in which the config may be.
func isPath(text string) bool {
	_, ending, _ := strings.Cut(text[strings.LastIndexAny(text, `/\`)+1:], ".")
	return slices.Contains([]string{"json", "base64", "b64", "ini", "txt", "cfg", "config"}, strings.ToLower(ending))
}

func tokenFault() *Error {
	return fault(KindConfig, "it is a one-time access token, a config is needed",
		"exchange the token for a config first, with the KSM command line or by choosing base64 when the device is created")
}

// extendedTokenFault is about a token with the key of a Keeper that has one of its own, as
// IL5:TOKEN:NUMBER:KEY. Keeper's own older programs take such a one for damaged.
func extendedTokenFault() *Error {
	return fault(KindConfig, "it is a one-time access token with a server key (four parts), a config is needed",
		"exchange the token for a config first, with a KSM command line that knows tokens of four parts; the config then has the entries "+serverPublicKeyEntry+" and "+serverKeyEntry)
}

func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/", "\r", "", "\n", "", "\t", "", " ", "").Replace(text)
	text = strings.TrimRight(text, "=")
	decoded, err := base64.RawStdEncoding.DecodeString(text)
	switch {
	case err == nil:
		return decoded, nil
	case len(text)%4 == 1 && int(err.(base64.CorruptInputError)) >= len(text)-1:
		return nil, fault(KindConfig, "it is base64 that is cut short", hintDevice)
	default:
		return nil, fault(KindConfig, "it is neither JSON nor base64", hintDevice)
	}
}

func parseObject(text string) (map[string]json.RawMessage, error) {
	var entries map[string]json.RawMessage
	err := json.Unmarshal([]byte(text), &entries)
	var syntax *json.SyntaxError
	var other *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax) && syntax.Offset >= int64(len(text)):
		return nil, fault(KindConfig, "it is JSON that is cut short", hintDevice)
	case errors.As(err, &other), err == nil && entries == nil:
		return nil, fault(KindConfig, "it is JSON but not an object", hintDevice)
	case err != nil && strings.HasPrefix(text, "[") && strings.Contains(strings.ToLower(text), "clientid"):
		return nil, fault(KindConfig, "it is the keeper.ini of Keeper's command line, and no config", hintDevice)
	case err != nil:
		return nil, fault(KindConfig, "it is not JSON", hintDevice)
	}
	return entries, nil
}

// The entries of a config that are used. A config may have others, which are
// left alone whatever they are.
const (
	hostEntry            = "hostname"
	clientEntry          = "clientId"
	privateKeyEntry      = "privateKey"
	serverKeyEntry       = "serverPublicKeyId"
	appKeyEntry          = "appKey"
	tokenEntry           = "clientKey"         // the one-time token, until the device is bound
	ownerKeyEntry        = "appOwnerPublicKey" // for records that are created
	serverPublicKeyEntry = "serverPublicKey"   // of a Keeper that the SDK does not know
)

var (
	neededEntries   = []string{hostEntry, clientEntry, privateKeyEntry, serverKeyEntry, appKeyEntry}
	optionalEntries = []string{tokenEntry, ownerKeyEntry, serverPublicKeyEntry}
	// publicEntries are no secrets.
	publicEntries = []string{hostEntry, serverKeyEntry, ownerKeyEntry, serverPublicKeyEntry}
)

func checkDevice(object map[string]json.RawMessage, scrubber *secret.Scrubber) (device, error) {
	entries := make(map[string]string)
	var missing, wrong []string
	for _, name := range slices.Concat(neededEntries, optionalEntries) {
		raw, ok := object[name]
		if ok && string(raw) != "null" {
			var text string
			if json.Unmarshal(raw, &text) != nil {
				wrong = append(wrong, name)
				continue
			}
			if text = strings.TrimSpace(text); text != "" {
				entries[name] = text
				if !slices.Contains(publicEntries, name) {
					scrubber.Seal(text)
				}
				continue
			}
		}
		if !slices.Contains(optionalEntries, name) {
			missing = append(missing, name)
		}
	}
	_, token := entries[tokenEntry]
	delete(entries, tokenEntry) // of no use once the device is bound
	switch {
	case len(wrong) > 0:
		return device{}, fault(KindConfig, "these entries are not texts: "+strings.Join(wrong, ", "), hintDevice)
	case len(missing) > 0 && token:
		return device{}, tokenFault()
	case len(missing) > 0:
		return device{}, fault(KindConfig, "these entries are missing: "+strings.Join(missing, ", "), hintDevice)
	}
	host, ok := hostName(entries[hostEntry])
	if !ok {
		return device{}, fault(KindConfig, "the entry "+hostEntry+" is not a host name", hintDevice)
	}
	entries[hostEntry] = host
	for name, good := range map[string]func([]byte) bool{
		clientEntry:          func(id []byte) bool { return len(id) > 0 },
		privateKeyEntry:      isPrivateKey,
		appKeyEntry:          func(key []byte) bool { return len(key) == 32 },
		ownerKeyEntry:        isPublicKey,
		serverPublicKeyEntry: isPublicKey,
	} {
		if entries[name] == "" && slices.Contains(optionalEntries, name) {
			continue
		}
		decoded, err := decodeBase64(entries[name])
		if err != nil || !good(decoded) {
			wrong = append(wrong, name)
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return device{}, fault(KindConfig, "the entry "+wrong[0]+" is damaged", hintDevice)
	}
	found := device{host: host, entries: entries}
	if own := entries[serverPublicKeyEntry]; own != "" {
		found.serverKey, _ = decodeBase64(own)
		found.serverKeyID = entries[serverKeyEntry]
		if found.serverKeyID == "" || strings.Trim(found.serverKeyID, "0123456789") != "" {
			return device{}, fault(KindConfig, "beside "+serverPublicKeyEntry+" the entry "+serverKeyEntry+" must be that key's number", hintDevice)
		}
		delete(entries, serverPublicKeyEntry) // the SDK does not know it
	}
	return found, nil
}

// isPublicKey reports whether it is a point of the curve that Keeper's keys are on.
func isPublicKey(point []byte) bool {
	_, err := ecdh.P256().NewPublicKey(point)
	return err == nil
}

// isPrivateKey reports whether the SDK can sign with the key.
func isPrivateKey(der []byte) bool {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return false
	}
	private, ok := key.(*ecdsa.PrivateKey)
	return ok && private.Curve == elliptic.P256()
}

// hostName returns the host that the SDK would call: it drops scheme, port and
// path of what the config has.
func hostName(text string) (string, bool) {
	text = strings.ToLower(text)
	for _, scheme := range []string{"https://", "http://"} {
		text = strings.TrimPrefix(text, scheme)
	}
	text, _, _ = strings.Cut(text, "/")
	text, _, _ = strings.Cut(text, ":")
	const label = `[a-z0-9]([a-z0-9-]*[a-z0-9])?`
	return text, len(text) <= 253 && regexp.MustCompile(`^`+label+`(\.`+label+`)*$`).MatchString(text)
}
