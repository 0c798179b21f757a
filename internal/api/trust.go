package api

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strings"
)

// Trust is how the vendor's server is known. The zero Trust verifies against the
// system's root certificates.
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
}

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

func parseAuthorities(text string) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("a PEM block that is no certificate")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("a PEM block that cannot be read as a certificate")
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, errors.New("a text without a PEM certificate")
	}
	return certificates, nil
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

// unchained is the configuration in which no chain of certificates is verified: by the
// fingerprint, or not at all.
func (t Trust) unchained() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true} //nolint:gosec // the operator's explicit choice, warned about, or the fingerprint decides
	if t.Fingerprint == "" {
		return config, nil
	}
	want, err := parseFingerprint(t.Fingerprint)
	if err != nil {
		return nil, err
	}
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return &fingerprintError{}
		}
		if sum := sha256.Sum256(state.PeerCertificates[0].Raw); string(sum[:]) != string(want) {
			return &fingerprintError{}
		}
		return nil
	}
	return config, nil
}
