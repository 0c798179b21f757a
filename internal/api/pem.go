package api

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// MaxRSABits is the largest RSA key that is computed with, in bits, as in crypto/tls. The
// time that a key takes grows with the third power of its length.
const MaxRSABits = 8192

// maxKey is how many bytes a private key may have before it is read at all: one of RSA with
// MaxRSABits has 5 kB. Reading one checks it, which takes minutes for one of a million bits.
const maxKey = 8 << 10

// pemBlock is one block of a PEM text.
type pemBlock struct {
	number int    // from 1
	kind   string // such as CERTIFICATE
	bytes  []byte
}

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
	pemDash  = "-----"
)

// readPEM returns the blocks of a text as it comes out of a record's field: with a byte
// order mark, indented, with blanks or \n in place of the line breaks. Text outside of
// the blocks is left out, as encoding/pem does. A block that cannot be read is an error
// that says which; encoding/pem passes over it in silence.
func readPEM(text string) ([]pemBlock, error) {
	text = strings.NewReplacer(`\r`, "\n", `\n`, "\n").Replace(text) // no block has a backslash
	var blocks []pemBlock
	for {
		_, rest, found := strings.Cut(text, pemBegin)
		if !found {
			return blocks, nil
		}
		number := len(blocks) + 1
		kind, rest, found := strings.Cut(rest, pemDash)
		if !found || strings.ContainsAny(kind, "\n-") {
			return nil, fmt.Errorf("a text whose PEM block %d has no proper first line", number)
		}
		body, rest, found := strings.Cut(rest, pemEnd+kind+pemDash)
		switch {
		case !found || strings.Contains(body, pemBegin):
			return nil, fmt.Errorf("a text whose PEM block %d has no end", number)
		case strings.Contains(body, "ENCRYPTED") || kind == "ENCRYPTED PRIVATE KEY":
			return nil, fmt.Errorf("a text whose PEM block %d is encrypted, for which there is no password", number)
		}
		digits := strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) || r == '\ufeff' || r == '=' || r == '>' {
				return -1 // a > is what a quoted mail has in front of its lines
			}
			return r
		}, body)
		decoded, err := base64.RawStdEncoding.DecodeString(digits)
		if err != nil || len(decoded) == 0 {
			return nil, fmt.Errorf("a text whose PEM block %d cannot be decoded", number)
		}
		blocks = append(blocks, pemBlock{number, kind, decoded})
		text = rest
	}
}

// certificate returns the block as a certificate.
func (b pemBlock) certificate() (*x509.Certificate, error) {
	if b.kind != "CERTIFICATE" && b.kind != "X509 CERTIFICATE" {
		return nil, fmt.Errorf("a text whose PEM block %d is no certificate", b.number)
	}
	certificate, err := x509.ParseCertificate(b.bytes)
	if err != nil {
		return nil, fmt.Errorf("a text whose PEM block %d cannot be read as a certificate", b.number)
	}
	if key, ok := certificate.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > MaxRSABits {
		return nil, fmt.Errorf("a text whose PEM block %d has an RSA key beyond %d bits", b.number, MaxRSABits)
	}
	return certificate, nil
}

// isKey reports whether the block is a private key, of whatever kind.
func (b pemBlock) isKey() bool { return strings.HasSuffix(b.kind, "PRIVATE KEY") }

// key returns the block as a private key.
func (b pemBlock) key() (crypto.Signer, error) {
	if len(b.bytes) > maxKey {
		return nil, fmt.Errorf("a text whose PEM block %d is longer than an RSA key of %d bits", b.number, MaxRSABits)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(b.bytes)
	if err != nil {
		if key, err := x509.ParsePKCS1PrivateKey(b.bytes); err == nil {
			parsed = key
		} else if key, err := x509.ParseECPrivateKey(b.bytes); err == nil {
			parsed = key
		}
	}
	if key, ok := parsed.(*rsa.PrivateKey); ok && key.N.BitLen() > MaxRSABits {
		return nil, fmt.Errorf("a text whose PEM block %d is an RSA key beyond %d bits", b.number, MaxRSABits)
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a text whose PEM block %d cannot be read as a private key", b.number)
	}
	return signer, nil
}

func parseAuthorities(text string) ([]*x509.Certificate, error) {
	blocks, err := readPEM(text)
	if err != nil {
		return nil, err
	}
	var certificates []*x509.Certificate
	for _, block := range blocks {
		certificate, err := block.certificate()
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, errors.New("a text without a PEM certificate")
	}
	return certificates, nil
}

// ClientCertificateFault says what is wrong with a Trust's ClientCertificate and ClientKey,
// each "" if nothing is.
func (t Trust) ClientCertificateFault() (certificate, key string) {
	_, certificate, key = t.clientCertificate()
	return certificate, key
}

// clientCertificate returns what the client shows of itself, nil for nothing. The key may
// stand in either text, since tools write both into one file.
func (t Trust) clientCertificate() (pair *tls.Certificate, certificateFault, keyFault string) {
	if t.ClientCertificate.IsEmpty() && t.ClientKey.IsEmpty() {
		return nil, "", ""
	}
	var chain []*x509.Certificate
	var key crypto.Signer
	blocks, err := readPEM(t.ClientCertificate.Reveal())
	if err != nil {
		return nil, err.Error(), ""
	}
	for _, block := range blocks {
		if block.isKey() {
			if key, err = block.key(); err != nil {
				return nil, err.Error(), ""
			}
			continue
		}
		certificate, err := block.certificate()
		if err != nil {
			return nil, err.Error(), ""
		}
		chain = append(chain, certificate)
	}
	if blocks, err = readPEM(t.ClientKey.Reveal()); err != nil {
		return nil, "", err.Error()
	}
	for _, block := range blocks {
		if !block.isKey() {
			continue // such as the EC PARAMETERS that OpenSSL writes in front
		}
		if key, err = block.key(); err != nil {
			return nil, "", err.Error()
		}
	}
	switch {
	case len(chain) == 0 && t.ClientCertificate.IsEmpty():
		return nil, "no certificate beside the key", ""
	case len(chain) == 0:
		return nil, "a text without a PEM certificate", ""
	case key == nil && t.ClientKey.IsEmpty():
		return nil, "", "no key beside the certificate"
	case key == nil:
		return nil, "", "a text without a PEM private key"
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil, "", "a key of an unknown kind"
	}
	pair = &tls.Certificate{PrivateKey: key}
	for i, certificate := range chain {
		if !public.Equal(certificate.PublicKey) {
			continue
		}
		pair.Leaf, pair.Certificate = certificate, [][]byte{certificate.Raw}
		for j, other := range chain {
			if j != i && !bytes.Equal(other.Raw, certificate.Raw) {
				pair.Certificate = append(pair.Certificate, other.Raw)
			}
		}
		return pair, "", ""
	}
	return nil, "", "the key of another certificate"
}
