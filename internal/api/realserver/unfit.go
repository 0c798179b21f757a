package realserver

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// Unfit are the constellations in which OpenSSL shows a certificate that few clients
// accept. Their authority is written to ca.pem in the place of Certificates' own.
var Unfit = []string{"SHA-1 signature", "IP address as a DNS name", "RSA key beyond 8192 bits", "negative serial number"}

// unfit writes ca.pem, and unfit.pem with its key, for one of Unfit.
func unfit(folder, kind string) error {
	if kind == "negative serial number" { // which crypto/x509 makes none with
		name := func(file string) string { return filepath.Join(folder, file) }
		if err := exec.Command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", name("unfit.key"), "-out", name("unfit.pem"),
			"-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-set_serial", "-5").Run(); err != nil {
			return err
		}
		text, err := os.ReadFile(name("unfit.pem"))
		if err != nil {
			return err
		}
		return os.WriteFile(name("ca.pem"), text, 0o600)
	}
	bits, algorithm := 2048, x509.UnknownSignatureAlgorithm
	authority, err := issue(nil, kind == "SHA-1 signature", func(c *x509.Certificate) {
		c.Subject.CommonName = "Root"
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
		c.DNSNames, c.IPAddresses = nil, nil
	})
	if err != nil {
		return err
	}
	alter := func(*x509.Certificate) {}
	switch kind {
	case "SHA-1 signature":
		algorithm = x509.SHA1WithRSA
	case "IP address as a DNS name":
		alter = func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"127.0.0.1"}, nil }
	case "RSA key beyond 8192 bits":
		bits = 8200
	default:
		return errors.New("there is no constellation " + kind)
	}
	// Four primes, since two of that length take half a minute.
	//lint:ignore SA1019 no client should accept it
	key, err := rsa.GenerateMultiPrimeKey(rand.Reader, 4, bits)
	if err != nil {
		return err
	}
	made, err := issueFor(authority, key, func(c *x509.Certificate) {
		c.Subject.CommonName, c.SignatureAlgorithm = "Server", algorithm
		alter(c)
	})
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{
		"ca.pem":    {Type: "CERTIFICATE", Bytes: authority.certificate.Raw},
		"unfit.pem": {Type: "CERTIFICATE", Bytes: made.certificate.Raw},
		"unfit.key": {Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}
