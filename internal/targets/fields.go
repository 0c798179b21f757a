package targets

import (
	"strconv"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
)

// Labels of the fields that every target knows.
const (
	FieldTarget         = "Target"
	FieldRecipe         = "Recipe"
	FieldAllowedUsers   = "Allowed Users"
	FieldCACertificate  = "CA Certificate"
	FieldTLSFingerprint = "TLS Fingerprint"
	FieldVerifyTLS      = "Verify TLS"
	FieldTLSVersion     = "TLS Version"
	FieldClientCert     = "Client Certificate"
	FieldClientKey      = "Client Key"
	FieldTimeout        = "Timeout"
	FieldSettlingTime   = "Settling Time"
	FieldVerify         = "Verify"
	FieldPendingFolder  = "Pending Folder"
	FieldSaveOwn        = "Save Own Password"
	FieldLogFormat      = "Log Format"
	FieldLogLevel       = "Log Level"
)

// The values of the field Verify.
const (
	VerifyAuto   = "auto"   // prove where the vendor allows it
	VerifyStrict = "strict" // unproven is unknown
	VerifyOff    = "off"    // never sign in as the rotated user
)

// CommonFields are the fields that every target knows, with the vendor's default
// time-out.
func CommonFields(info Info) []params.Field {
	timeout := info.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	settle := info.Settle
	if settle == 0 {
		settle = DefaultSettle
	}
	return []params.Field{
		{Label: FieldTarget, Aliases: []string{"SaaS Type", "Vendor"}, Kind: params.Text,
			Help: "which vendor this record belongs to; needed only where the address does not show it"},
		{Label: FieldRecipe, Kind: params.Multiline,
			Help: "a recipe as a whole: a YAML text that describes the API, in the place of a target"},
		{Label: FieldAllowedUsers, Kind: params.List, Restricts: true,
			Help: "the accounts that this record may rotate: names or patterns with `*`, one on a line or separated by commas, compared exactly, but for the case of ASCII letters where the vendor ignores it; absent allows everyone"},
		{Label: FieldCACertificate, Kind: params.Multiline,
			Help: "PEM certificates of the authority that signed the server's, trusted beside the system's own"},
		{Label: FieldTLSFingerprint, Kind: params.Text, Restricts: true,
			Help: "SHA-256 of the server's own certificate, 64 hexadecimal digits; stands in the place of authority and host name"},
		{Label: FieldVerifyTLS, Kind: params.Bool, Default: "true",
			Help: "`false` accepts any certificate, with a warning in every run"},
		{Label: FieldTLSVersion, Kind: params.Choice, Choices: []string{api.TLS12, api.TLS13},
			Help: "the one version of TLS to speak, where the server is wrong about the other; absent is either"},
		{Label: FieldClientCert, Kind: params.Multiline, Secret: true,
			Help: "PEM certificate that this client shows to a server that asks for one, with those between it and its authority"},
		{Label: FieldClientKey, Kind: params.Multiline, Secret: true,
			Help: "PEM private key of Client Certificate, not encrypted"},
		{Label: FieldTimeout, Kind: params.Seconds, Default: strconv.Itoa(int(timeout / time.Second)),
			Help: "seconds for the whole run, all its tries, the proof and the clean-up included"},
		{Label: FieldSettlingTime, Kind: params.Seconds, Default: strconv.Itoa(int(settle / time.Second)),
			Help: "seconds after the change by which the vendor lets nobody in with the old password any more, and everybody with the new one; a new password that is not accepted at once is tried again then"},
		{Label: FieldVerify, Kind: params.Choice, Restricts: true, Choices: []string{VerifyAuto, VerifyStrict, VerifyOff}, Default: VerifyAuto,
			Help: "`auto` proves the change where the vendor allows it; `strict` takes an unproven change for unknown, and refuses to start where no proof is possible; `off` never signs in as the rotated user"},
		{Label: FieldPendingFolder, Kind: params.Text, Restricts: true,
			Help: "the UID of a shared folder in which the new password is kept, in a record of its own, from before the change until its outcome is certain; needs a KSM config"},
		{Label: FieldSaveOwn, Kind: params.Bool, Default: "false",
			Help: "`true` saves the new password to this record too, where the user that is rotated is the one that this record signs in as; needs a KSM config"},
		{Label: FieldLogFormat, Kind: params.Choice, Choices: []string{"console", "json"}, Default: "console",
			Help: "form of the log on standard error"},
		{Label: FieldLogLevel, Kind: params.Choice, Choices: []string{"debug", "info", "warn", "error"}, Default: "info",
			Help: "the least important events to log"},
	}
}
