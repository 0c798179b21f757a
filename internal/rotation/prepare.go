package rotation

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rs/zerolog"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// Options is what a run needs besides the payload. Registry is needed; the zero
// value of anything else is usable.
type Options struct {
	Registry targets.Registry
	// AccessRecord is the UID or title from the flag, "" to search.
	AccessRecord string
	// Target is the name from the flag, "" to go by the access record.
	Target string
	// Settings are fields set by flags, by label; they win over the records.
	Settings map[string]string
	Scrubber *secret.Scrubber
	// Log returns the logger for the level and format that the access record asks
	// for; nil logs nothing.
	Log func(level, format string) zerolog.Logger
	// Clock is what waits go by; nil is the machine's.
	Clock api.Clock
	// Started is when the process started, from which the time-out counts; the zero Time
	// lets it count from the run's own start.
	Started time.Time
	// CallTimeout bounds one exchange, a write too; 0 is the client's default, and what
	// Timeout leaves for a write.
	CallTimeout time.Duration
	// Keeper saves what a change returns; nil is no vault.
	Keeper Keeper
	// KeepsNone says that the vault holds the new password already, so that it is kept nowhere
	// while it is pending.
	KeepsNone bool
	// NewName and OldName are what messages of Verify call the two passwords; "" is "the new
	// password" and "the old password".
	NewName, OldName string
	Version          string
	// FieldsHint tells an administrator whose fields are at fault where they are listed;
	// "" is the verb targets.
	FieldsHint string
	// Transport takes the requests in the place of the network; see api.Config. nil
	// is the real one.
	Transport http.RoundTripper
}

// Plan is a run that is ready to start: the payload is understood, the access
// record and the target are chosen, every field is valid, and nothing has been sent.
type Plan struct {
	Info targets.Info

	access   params.Record
	inferred bool     // nothing but the access record's url showed the target
	allowed  []string // the access record's Allowed Users, nil without the field
	// ownRecord says that the access record is the PAM User record itself.
	ownRecord bool
	user      string
	userUID   string
	old       secret.Value
	keeper    Keeper
	target    targets.Target
	client    *api.Client
	log       zerolog.Logger
	clock     api.Clock
	timeout   time.Duration
	settle    time.Duration
	verify    string
	warnings  []string
	slips     []string // those of the warnings that tell of what was pasted along with a value
	runID     string
	version   string
	keeping
}

// newRunID returns a name for one run, to find its lines in a log by.
func newRunID() string {
	id := make([]byte, 6)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// Prepare makes a Plan offline. If it cannot, it returns the end of the run instead:
// not changed, nothing sent, with every fault that was found.
func Prepare(payload *params.Params, options Options) (*Plan, *Result) {
	plan := &Plan{
		user: payload.User, userUID: payload.UserUID, old: payload.OldPassword, keeper: options.Keeper, clock: options.Clock,
		runID: newRunID(), version: options.Version, log: zerolog.Nop(),
	}
	if plan.clock == nil {
		plan.clock = api.SystemClock{}
	}
	if err := plan.prepare(payload, options); err != nil {
		result := Failure(err)
		result.Target, result.User, result.TargetInferred = plan.Info.Name, plan.user, plan.inferred
		result.Warnings = append(result.Warnings, plan.warnings...)
		result.RunID, result.Version = plan.runID, plan.version
		return nil, &result
	}
	return plan, nil
}

// prepare fills in the plan. The error is a *params.Error or an *api.Error.
func (p *Plan) prepare(payload *params.Params, options Options) (err error) {
	if p.access, err = payload.AccessRecord(options.AccessRecord); err != nil {
		return err
	}
	if p.Info, p.inferred, err = choose(payload, p.access, options); err != nil {
		return withHint(err, "the access record is "+p.access.String())
	}
	user, _ := payload.UserRecord()
	settings := params.NewSettings(slices.Concat(p.Info.Fields, targets.CommonFields(p.Info)), p.access, user, options.Settings, options.Scrubber)
	p.timeout, p.verify = settings.Seconds(targets.FieldTimeout), settings.Text(targets.FieldVerify)
	if !options.Started.IsZero() {
		// Whoever started the process waits for it as a whole.
		p.timeout = max(p.timeout-time.Since(options.Started), leastTimeout)
	}
	p.settle = settings.Seconds(targets.FieldSettlingTime)
	p.pendingFolder, p.userTitle, p.newPassword = settings.Text(targets.FieldPendingFolder), user.Title, payload.NewPassword
	if options.Log != nil {
		p.log = options.Log(settings.Text(targets.FieldLogLevel), settings.Text(targets.FieldLogFormat)).
			With().Str("run", p.runID).Logger()
	}
	p.judgePayload(payload, user, settings)
	trust := trustOf(settings)
	p.client, err = api.NewClient(api.Config{
		Vendor: p.Info.Name, Trust: trust, Renegotiates: p.Info.Renegotiates, CallTimeout: options.CallTimeout, WriteTimeout: p.writeTimeout(options), Scrubber: options.Scrubber,
		Log: p.log, Clock: p.clock, UserAgent: "pam-rotate-script/" + options.Version, Explain: p.Info.Explain, Transport: options.Transport,
	})
	if err != nil {
		return err
	}
	hint := options.FieldsHint
	if hint == "" {
		hint = "pam-rotate-script targets " + p.Info.Name + " lists the fields"
	}
	p.ownRecord = user.UID != "" && user.UID == p.access.UID
	p.target, err = p.Info.New(targets.Job{
		User: payload.User, NewPassword: payload.NewPassword, OldPassword: payload.OldPassword, Impossible: impossible(),
		Settings: settings, Warn: p.warn, OwnRecord: p.ownRecord,
	}, p.client)
	if settings.Has(targets.FieldAllowedUsers) {
		p.allowed = settings.List(targets.FieldAllowedUsers)
		if slices.ContainsFunc(p.allowed, func(entry string) bool { return strings.HasPrefix(entry, "!") || strings.HasPrefix(entry, "-") }) {
			settings.Fault(targets.FieldAllowedUsers, "needs the names of those who may be rotated, found one that begins with ! or -: none can be excluded")
		}
	}
	for _, warning := range settings.Warnings() {
		p.warn(warning)
	}
	p.slips = settings.Slips()
	// The settings' own faults come first: they are all there is to mend.
	if faults := settings.Err(); faults != nil {
		return withHint(faults, hint)
	}
	if err != nil {
		return err
	}
	if trust.Unverified {
		p.warn("the server's certificate is not verified (Verify TLS is false): whoever stands between can read and change what is sent")
	}
	if subject := p.target.Subject(); subject != "" {
		if err := p.admit(subject); err != nil {
			return err
		}
	}
	p.keepsNone, p.newName, p.oldName = options.KeepsNone, options.NewName, options.OldName
	own, ok := p.target.(targets.OwnUser)
	p.saveOwn = settings.Bool(targets.FieldSaveOwn) && ok && own.RotatesOwnUser() && p.access.UID != "" && !p.ownRecord
	if p.verify == targets.VerifyStrict && p.target.Contract().Means == targets.NoMeans {
		return p.client.Fail("check Verify", api.ClassInput, "strict needs a proof, and there is none with these settings",
			"set Verify to auto, or supply what the proof needs: "+hint)
	}
	return nil
}

// hintForm is for names that may differ in their normal form alone.
const hintForm = "a letter with a mark can be one character or two; copy the login from where the vendor shows it"

// judgePayload refuses a name and a password that cannot be meant, and tells where the PAM User
// record names another user than the payload.
func (p *Plan) judgePayload(payload *params.Params, user params.Record, settings *params.Settings) {
	if fault := params.NameFault(payload.User); fault != "" {
		settings.Fault("user", "needs the account's name as the vendor spells it, found "+fault+": correct the PAM User's login")
	}
	if fault := params.PasswordFault(payload.NewPassword); fault != "" {
		settings.Fault("newPassword", "needs a password that arrives whole at any vendor, found "+fault)
	}
	if login := user.Login(); login != "" && !strings.EqualFold(login, strings.TrimSpace(payload.User)) {
		p.warn("the PAM User record's login is another name than the user in the payload, and the latter is rotated: has the record been edited, or is another one linked?")
	}
}

// admit refuses an account that the access record's Allowed Users do not allow.
func (p *Plan) admit(names ...string) error {
	const action, ask = "check Allowed Users", "add the account to the access record's field Allowed Users, if it belongs there"
	for _, name := range names {
		allowed, onlyCase := params.AllowedIn(p.allowed, name, p.Info.IgnoresCase)
		switch {
		case p.allowed == nil:
		case strings.ContainsFunc(name, unicode.IsControl):
			return p.client.Fail(action, api.ClassPermission, "the account's name has a control character in it, behind which a vendor may read no further",
				"correct the PAM User's login")
		case allowed && name != "":
		case onlyCase:
			return p.client.Fail(action, api.ClassPermission, "the access record does not allow to rotate this account: a name in Allowed Users differs from it in upper and lower case alone, which may be another account at the vendor",
				"spell the name in Allowed Users, or the PAM User's login, as the vendor does")
		case name == "":
			return p.client.Fail(action, api.ClassPermission, "the vendor does not tell the name of the account, so that it cannot be allowed",
				"choose the account by its name")
		default:
			hints := []string{ask}
			if strings.Contains(name, ",") {
				hints = append(hints, "a comma ends a name there: write * in its place")
			}
			if slices.ContainsFunc(p.allowed, func(entry string) bool { return params.SameButForm(entry, name) }) {
				hints = append(hints, "a name in Allowed Users looks the same and is other bytes: "+hintForm)
			}
			return p.client.Fail(action, api.ClassPermission, "the access record does not allow to rotate this account", hints...)
		}
	}
	return nil
}

// admitFound does it for the account that Check has found, the last thing before the write.
func (p *Plan) admitFound() error {
	names := []string{p.target.Subject()}
	if also, ok := p.target.(targets.AlsoNamed); ok {
		names = append(names, also.AlsoNames()...)
	}
	return p.admit(names...)
}

// warnOfOwnUser tells of an access record that a change leaves with an outdated password.
func (p *Plan) warnOfOwnUser() {
	if own, ok := p.target.(targets.OwnUser); ok && own.RotatesOwnUser() && !p.ownRecord {
		p.warn("the access record signs in as the very user that is rotated, and its own password is out of date then: " +
			"the next runs of all users of this access record sign in with it, and may lock the account; " +
			"put the new password into it, have it saved there by the field Save Own Password, or sign in as a user who is not rotated")
	}
}

// sayTarget logs which target was taken without being named.
func (p *Plan) sayTarget() {
	if p.inferred {
		p.log.Info().Msg("the target is " + p.Info.Name + " by the access record's url: no field Target names one")
	}
}

// leastTimeout is what a run has that starts too late. It ends at once then, and in order.
const leastTimeout = time.Second

// writeTimeout bounds the wait for the answer to a write, so that time is left for its proof and
// for a repeat. An order, too, is answered at once: what it waits for comes behind.
func (p *Plan) writeTimeout(options Options) time.Duration {
	longest := min(p.timeout/3, longestWrite)
	if options.CallTimeout != 0 {
		longest = min(longest, options.CallTimeout)
	}
	return longest
}

// impossible makes a password that nobody has, of characters that every vendor takes.
func impossible() secret.Value {
	text := make([]byte, 18)
	_, _ = rand.Read(text) // never fails
	return secret.New("Aa1-" + hex.EncodeToString(text))
}

func withHint(err error, hint string) error {
	var input *params.Error
	if errors.As(err, &input) {
		input.Hints = append(input.Hints, hint)
	}
	return err
}

// choose finds the target: the flag, then the access record's field, then its address.
func choose(payload *params.Params, access params.Record, options Options) (info targets.Info, inferred bool, err error) {
	user, _ := payload.UserRecord()
	fields := append(targets.CommonFields(targets.Info{}), params.Field{Label: "url", Kind: params.URL})
	settings := params.NewSettings(fields, access, user, options.Settings, options.Scrubber)
	name := options.Target
	if name == "" {
		name = settings.Text(targets.FieldTarget)
	}
	if name == "" && !settings.Has("url") {
		// A url of an unusable shape is better told than "no url".
		if err := settings.Err(); err != nil {
			return targets.Info{}, false, err
		}
	}
	info, inferred, err = options.Registry.Choose(targets.Signs{Name: name, Address: settings.Text("url"), Labels: access.Labels()})
	warnings := settings.Warnings()
	for _, warning := range warnings[:min(len(warnings), 5)] {
		// Such as a field Target that is misspelled, or on the PAM User record.
		err = withHint(err, warning)
	}
	return info, inferred, err
}

// trustOf reads the fields on how the server is known. Unusable ones become faults
// of the settings, and count as absent.
func trustOf(settings *params.Settings) api.Trust {
	trust := api.Trust{
		Authorities: settings.Text(targets.FieldCACertificate),
		Fingerprint: settings.Text(targets.FieldTLSFingerprint),
		Unverified:  !settings.Bool(targets.FieldVerifyTLS),
		Version:     settings.Text(targets.FieldTLSVersion),

		ClientCertificate: settings.Secret(targets.FieldClientCert),
		ClientKey:         settings.Secret(targets.FieldClientKey),
	}
	if trust.Authorities != "" {
		if fault := api.AuthoritiesFault(trust.Authorities); fault != "" {
			settings.Fault(targets.FieldCACertificate, "needs PEM certificates, found "+fault)
			trust.Authorities = ""
		}
	}
	if trust.Fingerprint != "" {
		if fault := api.FingerprintFault(trust.Fingerprint); fault != "" {
			settings.Fault(targets.FieldTLSFingerprint, "needs the SHA-256 of the server's certificate, found "+fault)
			trust.Fingerprint = ""
		}
	}
	if certificate, key := trust.ClientCertificateFault(); certificate+key != "" {
		if certificate != "" {
			settings.Fault(targets.FieldClientCert, "needs a PEM certificate, found "+certificate)
		}
		if key != "" {
			settings.Fault(targets.FieldClientKey, "needs the PEM private key of Client Certificate, found "+key)
		}
		trust.ClientCertificate, trust.ClientKey = secret.Value{}, secret.Value{}
	}
	return trust
}

// mostWarnings is how many warnings one run gives.
const mostWarnings = 30

// warn logs a warning and keeps it for the result, once.
func (p *Plan) warn(text string) {
	// A record may have thousands of fields to warn of.
	if slices.Contains(p.warnings, text) || len(p.warnings) == mostWarnings {
		return
	}
	p.warnings = append(p.warnings, text)
	p.log.Warn().Msg(text)
}
