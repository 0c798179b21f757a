package sailpoint

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/secret"
)

const (
	// paddingBytes is how many bytes of a key's size the padding takes at least
	// (RFC 8017 section 7.2.1).
	paddingBytes = 11
	// smallestKey is the size in bytes below which crypto/rsa encrypts nothing.
	smallestKey = 128
)

// passwordFault says what a password has that SailPoint cannot take, or ""
// (https://documentation.sailpoint.com/saas/help/pwd/policies.html). What else the
// tenant's and the source's rules are, only they know.
func passwordFault(password secret.Value) string {
	switch text := password.Reveal(); {
	case strings.Contains(text, ":"):
		return "a colon, which SailPoint does not allow"
	case !utf8.ValidString(text):
		return "bytes that are not UTF-8"
	}
	return ""
}

// passwordLength returns the length in bytes.
func passwordLength(password secret.Value) int { return len(password.Reveal()) }

// measure counts what policies speak of. A letter without a case is a letter alone.
func measure(password secret.Value) measured {
	var m measured
	var last rune
	run := 0
	for _, r := range password.Reveal() {
		m.length++
		switch {
		case unicode.IsLetter(r):
			m.letters++
			if unicode.IsUpper(r) {
				m.upper++
			} else if unicode.IsLower(r) {
				m.lower++
			}
		case unicode.IsDigit(r):
			m.digits++
		default:
			m.special++
		}
		if run++; r != last {
			last, run = r, 1
		}
		m.run = max(m.run, run)
	}
	return m
}

// readKey returns the key of an answer's publicKey: base64 of a DER
// SubjectPublicKeyInfo, as documented without PEM armour. The error does not quote it.
func readKey(text string) (*rsa.PublicKey, error) {
	// Line ends are left out by the decoder, as those of a PEM file whose armour was cut off.
	encoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if block, _ := pem.Decode([]byte(text)); block != nil {
		encoded, err = block.Bytes, nil
	}
	if err != nil {
		return nil, errors.New("the answer's publicKey is not base64")
	}
	parsed, err := x509.ParsePKIXPublicKey(encoded)
	if err != nil {
		return nil, errors.New("the answer's publicKey cannot be read")
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok || key.Size() < smallestKey {
		return nil, errors.New("the answer's publicKey is not an RSA key of 1024 bits or more")
	}
	if key.N.BitLen() > api.MaxRSABits { // computing with one of 1 MiB takes hours
		return nil, errors.New("the answer's publicKey is an RSA key beyond 8192 bits")
	}
	return key, nil
}

// encrypt returns the base64, on one line, of the password's exact bytes encrypted
// for the key.
func encrypt(key *rsa.PublicKey, password secret.Value) (string, error) {
	plain := []byte(password.Reveal())
	defer clear(plain)
	//lint:ignore SA1019 SailPoint decrypts this padding and no other
	encrypted, err := rsa.EncryptPKCS1v15(rand.Reader, key, plain)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(encrypted), nil
}
