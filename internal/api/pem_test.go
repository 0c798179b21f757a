package api_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/api/realserver"
	"pam-rotate-script/internal/secret"
)

// TestPEM: what people paste into a field is read, and what cannot be read is named.
func TestPEM(t *testing.T) {
	one := authority(t).PEM()
	lines := strings.Split(strings.TrimSpace(one), "\n")
	broken := strings.Replace(one, lines[2], "!"+lines[2][1:], 1)
	for name, test := range map[string]struct {
		text   string
		blocks int
		fault  string
	}{
		"as it is":               {one, 1, ""},
		"two":                    {one + one, 2, ""},
		"byte order mark":        {"\ufeff" + one, 1, ""},
		"indented":               {"  \t" + strings.ReplaceAll(one, "\n", "\n    "), 1, ""},
		"carriage returns":       {strings.ReplaceAll(one, "\n", "\r\n"), 1, ""},
		"carriage returns alone": {strings.ReplaceAll(one, "\n", "\r"), 1, ""},
		"one line":               {strings.ReplaceAll(one+one, "\n", " "), 2, ""},
		"one line without blank": {strings.ReplaceAll(one, "\n", ""), 1, ""},
		"escaped line breaks":    {strings.ReplaceAll(one+one, "\n", `\n`), 2, ""},
		"quoted in a mail":       {"> " + strings.ReplaceAll(strings.TrimSpace(one), "\n", "\n> "), 1, ""},
		"with words around":      {"subject=CN = Authority\n" + one + "\nthat was it", 1, ""},
		"no-break blanks":        {strings.ReplaceAll(one, "\n", "\u00a0\n"), 1, ""},
		"the second is broken":   {one + broken, 0, "block 2 cannot be decoded"},
		"cut short":              {one + strings.Join(lines[:3], "\n"), 0, "block 2 has no end"},
		"without its first end":  {strings.Join(lines[:3], "\n") + "\n" + one, 0, "block 1 has no end"},
		"no proper first line":   {"-----BEGIN CERTIFICATE\n" + one, 0, "block 1 has no proper first line"},
		"encrypted":              {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAAA\n-----END ENCRYPTED PRIVATE KEY-----", 0, "block 1 is encrypted"},
		"encrypted, old":         {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMAAA\n-----END RSA PRIVATE KEY-----", 0, "block 1 is encrypted"},
		"empty":                  {"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", 0, "block 1 cannot be decoded"},
		"none":                   {"MIIB", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			blocks, err := api.ReadPEM(test.text)
			if blocks != test.blocks || (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
				t.Errorf("%d blocks, %v", blocks, err)
			}
			if test.blocks > 0 && api.AuthoritiesFault(test.text) != "" {
				t.Error(api.AuthoritiesFault(test.text))
			}
			if test.blocks == 0 && api.AuthoritiesFault(test.text) == "" {
				t.Error("it is no fault")
			}
		})
	}
}

// TestClientCertificateFault: which of the two fields is at fault, and why.
func TestClientCertificateFault(t *testing.T) {
	r := &real{t: t, folder: t.TempDir()}
	if _, err := realserver.Certificates(r.folder); err != nil {
		t.Fatal(err)
	}
	certificate, key := r.file("client.pem"), r.file("client.key")
	for name, test := range map[string]struct{ certificate, key, fault, keyFault string }{
		"both":              {certificate, key, "", ""},
		"none":              {"", "", "", ""},
		"in one":            {certificate + key, "", "", ""},
		"in one, key first": {key + certificate, "", "", ""},
		"with its chain":    {r.file("ca.pem") + certificate, key, "", ""},
		"no key":            {certificate, "", "", "no key beside"},
		"no certificate":    {"", key, "no certificate beside", ""},
		"another's key":     {certificate, r.file("leaf.key"), "", "the key of another certificate"},
		"exchanged":         {key, certificate, "without a PEM certificate", ""},
		"a text":            {"text", key, "without a PEM certificate", ""},
		"a text for a key":  {certificate, "text", "", "without a PEM private key"},
		"no certificate in": {strings.Replace(certificate, "MII", "MIA", 1), key, "block 1 cannot be read as a certificate", ""},
		"no key in":         {certificate, strings.Replace(key, "MI", "AA", 1), "", "block 1 cannot be read as a private key"},
	} {
		t.Run(name, func(t *testing.T) {
			trust := api.Trust{ClientCertificate: secret.New(test.certificate), ClientKey: secret.New(test.key)}
			fault, keyFault := trust.ClientCertificateFault()
			if (fault == "") != (test.fault == "") || !strings.Contains(fault, test.fault) || (keyFault == "") != (test.keyFault == "") || !strings.Contains(keyFault, test.keyFault) {
				t.Errorf("certificate: %q, key: %q", fault, keyFault)
			}
		})
	}
}

// hugeCertificate is signed with a key of 2048 bits and has one of 16384: N is no product of
// two primes, which nobody sees who does not use it.
func hugeCertificate(t *testing.T) string {
	t.Helper()
	signer, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	huge := &rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 16383), big.NewInt(1)), E: 65537}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Huge"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, template, huge, signer)
	if err != nil {
		// A certificate whose key is not the signer's cannot sign itself.
		parent := &x509.Certificate{Subject: pkix.Name{CommonName: "Parent"}}
		if encoded, err = x509.CreateCertificate(rand.Reader, template, parent, huge, signer); err != nil {
			t.Fatal(err)
		}
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encoded}))
}

// TestHugeKey: a key that nobody can compute with in time is refused before anybody tries.
func TestHugeKey(t *testing.T) {
	if fault := api.AuthoritiesFault(hugeCertificate(t)); !strings.Contains(fault, "block 1 has an RSA key beyond 8192 bits") {
		t.Errorf("got %q", fault)
	}
}
