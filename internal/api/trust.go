package api

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"strings"

	"pam-rotate-script/internal/secret"
)

// Trust is how the vendor's server is known, and how this client makes itself known to it
// below HTTP. The zero Trust verifies against the system's root certificates, with either
// version of TLS, and shows no certificate.
type Trust struct {
	// Authorities is PEM text with certificates that are trusted beside the
	// system's; "" for none.
	Authorities string
	// Fingerprint is the SHA-256 of the server's own certificate, as 64 hexadecimal
	// digits with or without colons or blanks; "" for none. It stands in the place
	// of the chain and the host name: the certificate is this one, or none.
	Fingerprint string
	// Unverified switches verification off. A Fingerprint is compared all the same.
	Unverified bool
	// Version is "1.2" or "1.3" for that version of TLS alone; "" is either.
	Version string
	// ClientCertificate and ClientKey are PEM texts: what this client shows to a server
	// that asks for a certificate. Both are empty for none.
	ClientCertificate, ClientKey secret.Value
}

// The values of Trust.Version.
const (
	TLS12 = "1.2"
	TLS13 = "1.3"
)

// AuthoritiesFault says what is wrong with the text of Authorities, or "".
func AuthoritiesFault(text string) string {
	if _, err := parseAuthorities(text); err != nil {
		return err.Error()
	}
	return ""
}

// FingerprintFault says what is wrong with the text of a Fingerprint, or "".
func FingerprintFault(text string) string {
	if _, err := parseFingerprint(text); err != nil {
		return err.Error()
	}
	return ""
}

func parseFingerprint(text string) ([]byte, error) {
	digits := strings.NewReplacer(":", "", " ", "").Replace(strings.TrimSpace(text))
	if len(digits) >= 7 && strings.EqualFold(digits[:7], "sha256=") {
		digits = digits[7:]
	}
	sum, err := hex.DecodeString(digits)
	if err != nil || len(sum) != sha256.Size {
		return nil, errors.New("a text that is not 64 hexadecimal digits")
	}
	return sum, nil
}

type fingerprintError struct{}

func (*fingerprintError) Error() string { return "tls: certificate has another fingerprint" }

// authorities returns the certificates of Authorities.
func (t Trust) authorities() ([]*x509.Certificate, error) {
	if t.Authorities == "" {
		return nil, nil
	}
	return parseAuthorities(t.Authorities)
}

// verifying returns what accepts the vendor's server, or refuses it with an error.
func (t Trust) verifying(chains verifier) (func(host string, presented []*x509.Certificate) error, error) {
	if t.Fingerprint == "" {
		if t.Unverified {
			return func(string, []*x509.Certificate) error { return nil }, nil
		}
		return chains.verify, nil
	}
	want, err := parseFingerprint(t.Fingerprint)
	if err != nil {
		return nil, err
	}
	return func(_ string, presented []*x509.Certificate) error {
		if len(presented) == 0 {
			return &fingerprintError{}
		}
		if sum := sha256.Sum256(presented[0].Raw); string(sum[:]) != string(want) {
			return &fingerprintError{}
		}
		return nil
	}, nil
}

// versions returns the lowest and the highest version of TLS.
func (t Trust) versions() (lowest, highest uint16) {
	switch t.Version {
	case TLS12:
		return tls.VersionTLS12, tls.VersionTLS12
	case TLS13:
		return tls.VersionTLS13, tls.VersionTLS13
	}
	return tls.VersionTLS12, tls.VersionTLS13
}
