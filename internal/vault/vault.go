package vault

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/keeper-security/secrets-manager-go/core"
	"github.com/rs/zerolog"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/secret"
)

// DefaultTimeout bounds one call of a Vault's method.
const DefaultTimeout = 30 * time.Second

// Options say where the vault's config is and how Keeper is reached. The zero
// value has no config.
type Options struct {
	// ConfigFile is the path of a file that holds the config; "" for none. It is
	// only ever read.
	ConfigFile string
	// Getenv reads the environment. It is asked for KSM_CONFIG and, if that is
	// blank, GATEWAY_CONFIG, and only where there is no ConfigFile. nil reads
	// nothing.
	Getenv func(name string) string
	// Authorities is PEM text with certificates that are trusted beside the
	// system's, as for a proxy that opens TLS; "" for none. Verification cannot be
	// switched off.
	Authorities string
	// Timeout bounds each call of a method, with all requests in it; one request
	// may take half of it. Where Keeper asks to wait, since this device has sent too many
	// requests, it begins anew after the wait, and the context's deadline alone bounds
	// how often that is. 0 is DefaultTimeout.
	Timeout time.Duration
	// Clock is what such waits go by; nil is the machine's.
	Clock api.Clock
	Log   zerolog.Logger
	// Scrubber learns the secrets of the config and, of each record that is
	// returned, the values of the field types that Keeper itself masks, such as
	// password and secret. nil registers them nowhere.
	Scrubber *secret.Scrubber
	// Seam puts a stand-in in Keeper's place. It is for tests; nil reaches Keeper.
	Seam *Seam
}

// Seam is what a stand-in for Keeper needs. See package vaulttest.
type Seam struct {
	// Transport answers instead of the network. It must report to the request's
	// httptrace.ClientTrace, by GotConn, that a request has left.
	Transport http.RoundTripper
	// Context is where the SDK leaves the key by which a request can be read.
	Context **core.Context
}

// Vault is access to the records that are shared with one KSM application. Its
// methods may be called from several goroutines and take turns. What was read
// once is kept in memory and not asked for again, since Keeper allows a device
// few requests in a minute; Save reads anew.
type Vault struct {
	host     string
	timeout  time.Duration
	base     http.RoundTripper
	log      zerolog.Logger
	scrubber *secret.Scrubber
	clock    api.Clock
	manager  *core.SecretsManager
	owner    bool                      // the config has what creating a record needs
	reseal   func(*http.Request) error // see wire
	hook     **core.Context            // where the SDK leaves the key of a request; nil if nobody asks

	known   map[string]entry // by UID
	order   []string         // the UIDs of a complete read, in its order
	whole   bool             // known has every record
	skipped map[string]bool  // the UIDs of records that cannot be read
}

// Open reads and checks the config and prepares the SDK. It sends nothing. The
// error is an *Error, of KindConfig unless the time is up or ctx is done.
func Open(ctx context.Context, options Options) (*Vault, error) {
	timeout := options.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	patience, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	device, err := readDevice(patience, options)
	if err != nil {
		return nil, err
	}
	if variable, cause, hint := api.ProxyFault(); variable != "" && options.Seam == nil {
		return nil, fault(KindConfig, variable+": "+cause, hint)
	}
	transport, err := newTransport(options.Authorities)
	if err != nil {
		return nil, err
	}
	v := &Vault{
		host:     device.host,
		timeout:  timeout,
		base:     transport,
		log:      options.Log,
		scrubber: options.Scrubber,
		clock:    options.Clock,
		owner:    device.entries[ownerKeyEntry] != "",
	}
	if v.clock == nil {
		v.clock = api.SystemClock{}
	}
	v.forget()
	if options.Seam != nil {
		v.base, v.hook = options.Seam.Transport, options.Seam.Context
	}
	if device.serverKey != nil {
		if v.hook == nil {
			v.hook = new(*core.Context)
		}
		v.reseal = device.reseal(v.hook)
	}
	if err := v.use(ctx, func(s *session) error { return s.open(device.entries, v.hook) }); err != nil {
		return nil, err
	}
	return v, nil
}

// Close lets go of the connection and of what was read. The Vault stays usable.
func (v *Vault) Close() {
	turn <- struct{}{}
	defer func() { <-turn }()
	v.forget()
	if idle, ok := v.base.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}

func (v *Vault) forget() {
	v.known, v.order, v.whole = make(map[string]entry), nil, false
	v.skipped = make(map[string]bool)
}

// Record is one record of the vault.
type Record struct {
	UID, Title string
	// Type is the record type, such as "pamUser" or "login".
	Type string
	// Content is a JSON object, as the records of the Gateway's payload are: uid,
	// title, and one key for each field. A key is the field's label or, without
	// one, its type; where that is taken, a number follows it at once. A value that
	// is a list of one is that one. Numbers are as the vault has them. The scripts
	// of a rotation, notes and files are left out.
	Content secret.Value
}

// Record returns the content, as Record.Content, of the one record that has the
// selector for its UID or its title. UIDs are compared exactly and come before
// titles; titles are compared in any case, without outer blanks. An error is an
// *Error: KindNotFound, KindAmbiguous with the titles and UIDs that match, or one
// of the request.
//
// The values are only sealed as far as Options.Scrubber says; what else is secret
// depends on the labels, and is for the caller to say.
func (v *Vault) Record(ctx context.Context, selector string) (secret.Value, error) {
	var content secret.Value
	err := v.use(ctx, func(s *session) error {
		found, err := s.find(selector, false)
		if err != nil {
			return err
		}
		content = v.record(found).Content
		return nil
	})
	return content, within("read the record "+shown(strings.TrimSpace(selector)), err)
}

// Related is a PAM User record with the records that the Gateway sends along.
type Related struct {
	User Record
	// Linked are the records that are linked to the script that was asked for, in
	// the order of the links and each once.
	Linked []Record
	// Missing are the UIDs of linked records that the application cannot see.
	Missing []string
	// Resource is the PAM resource that names the user, and Configuration the PAM
	// Configuration. Keeper keeps these links outside of records, so each is the
	// zero Record unless exactly one can be seen.
	Resource, Configuration Record
}

// Related returns the PAM User record with that UID and what belongs to it. The
// error is an *Error.
//
// As the Gateway sends with each script only the records that are linked to it, so does this:
// script is the file name, title or UID of one of the record's rotation scripts. "" is the only
// one there is, else the one whose file or command is this program's by its name; where that
// leaves several that link different records, it is an error of KindAmbiguous.
func (v *Vault) Related(ctx context.Context, userUID, script string) (Related, error) {
	var related Related
	err := v.use(ctx, func(s *session) error {
		all, err := s.all()
		if err != nil {
			return err
		}
		user, ok := v.known[userUID]
		if !ok {
			return s.notFound(len(all))
		}
		related.User = v.record(user)
		links, err := user.links(script)
		if err != nil {
			return err
		}
		for _, uid := range links {
			if linked, ok := v.known[uid]; ok {
				related.Linked = append(related.Linked, v.record(linked))
			} else {
				related.Missing = append(related.Missing, uid)
			}
		}
		resource, ok := only(all, func(e entry) bool { return e.isResource() && e.mentions(userUID) })
		if ok {
			related.Resource = v.record(resource)
		}
		configuration, ok := only(all, entry.isConfiguration)
		if !ok {
			configuration, ok = only(all, func(e entry) bool {
				return e.isConfiguration() && (e.mentions(userUID) || e.mentions(resource.uid))
			})
		}
		if ok {
			related.Configuration = v.record(configuration)
		}
		return nil
	})
	if err != nil {
		return Related{}, within("read the PAM User record "+shown(userUID), err)
	}
	return related, nil
}

func only(entries []entry, match func(entry) bool) (entry, bool) {
	var found []entry
	for _, e := range entries {
		if match(e) {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		return entry{}, false
	}
	return found[0], true
}

const hintShare = "share the record, or its folder, with the KSM application"

// find returns the one record with that UID or title. exactFirst says that titles in the same
// case come before others.
func (s *session) find(selector string, exactFirst bool) (entry, error) {
	literal := selector
	selector = strings.TrimSpace(selector)
	if selector == "" {
		return entry{}, fault(KindInput, "neither a UID nor a title is given")
	}
	if isUID(selector) {
		found, ok, err := s.byUID(selector)
		if err != nil {
			return entry{}, err
		}
		if ok {
			return found, nil
		}
	}
	all, err := s.all()
	if err != nil {
		return entry{}, err
	}
	var matches, exact []entry
	for _, e := range all {
		if strings.EqualFold(strings.TrimSpace(e.title), selector) {
			matches = append(matches, e)
		}
		if e.title == literal {
			exact = append(exact, e)
		}
	}
	if exactFirst && len(exact) > 0 {
		matches = exact
	}
	switch len(matches) {
	case 1:
		return matches[0], nil
	case 0:
		return entry{}, s.notFound(len(all))
	}
	var names []string
	for _, e := range matches {
		names = append(names, e.String())
	}
	return entry{}, fault(KindAmbiguous, fmt.Sprintf("%d records match: %s", len(matches), limited(names)),
		"name one by its UID, or let one alone have that title")
}

func (s *session) notFound(count int) *Error {
	result := fault(KindNotFound, fmt.Sprintf("none of the application's %d readable records", count), hintShare)
	if len(s.vault.skipped) > 0 {
		result.Problem += fmt.Sprintf(", and %d could not be decrypted", len(s.vault.skipped))
	}
	return result
}

// isUID reports whether text has the form of a record's UID.
func isUID(text string) bool {
	return len(text) == 22 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// all returns every record of the application that can be read.
func (s *session) all() ([]entry, error) {
	v := s.vault
	if !v.whole {
		found, err := s.fetch()
		if err != nil {
			return nil, err
		}
		v.order = nil
		for _, e := range found {
			v.known[e.uid] = e
			v.order = append(v.order, e.uid)
		}
		v.whole = true
	}
	var all []entry
	for _, uid := range v.order {
		all = append(all, v.known[uid])
	}
	return all, nil
}

// byUID returns the record with that UID; false if there is none.
func (s *session) byUID(uid string) (entry, bool, error) {
	v := s.vault
	if _, ok := v.known[uid]; !ok && !v.whole {
		fetched, err := s.fetch(uid)
		if err != nil {
			return entry{}, false, err
		}
		for _, e := range fetched {
			v.known[e.uid] = e
		}
	}
	found, ok := v.known[uid]
	return found, ok, nil
}
