package api_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
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

// hugeKey is a private RSA key of a million bits. Nothing in it fits together, which is known
// only after minutes of computing.
func hugeKey(t *testing.T) string {
	t.Helper()
	odd := func(bits uint) *big.Int {
		return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), bits), big.NewInt(1))
	}
	encoded, err := asn1.Marshal(struct {
		Version                int
		N, E, D, P, Q, A, B, C *big.Int
	}{0, odd(1 << 20), big.NewInt(65537), odd(1<<20 - 8), odd(1 << 19), odd(1 << 19), odd(1<<19 - 2), odd(1<<19 - 2), odd(1<<19 - 2)})
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: encoded}))
}

// TestClientKeys: a key is read in each form that tools write, of each usual kind and of unusual
// sizes, and one that is too large is refused before it is computed with.
func TestClientKeys(t *testing.T) {
	signer := func(key crypto.Signer, err error) crypto.Signer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	template := func(name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		}
	}
	encode := func(kind string, encoded []byte, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: encoded}))
	}
	root, middle := signer(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), signer(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	chain := func(key crypto.Signer) (leaf, authorities string) {
		leafBytes, err := x509.CreateCertificate(rand.Reader, template("leaf"), template("middle"), key.Public(), middle)
		leaf = encode("CERTIFICATE", leafBytes, err)
		middleBytes, err := x509.CreateCertificate(rand.Reader, template("middle"), template("root"), middle.Public(), root)
		return leaf, encode("CERTIFICATE", middleBytes, err)
	}
	odd, err := rsa.GenerateKey(rand.Reader, 2049)
	odd2048 := signer(odd, err)
	p256 := signer(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).(*ecdsa.PrivateKey)
	p521 := signer(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)).(*ecdsa.PrivateKey)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8 := func(key crypto.Signer) string {
		encoded, err := x509.MarshalPKCS8PrivateKey(key)
		return encode("PRIVATE KEY", encoded, err)
	}
	sec1 := func(key *ecdsa.PrivateKey) string {
		encoded, err := x509.MarshalECPrivateKey(key)
		return encode("EC PRIVATE KEY", encoded, err)
	}
	// What openssl ecparam -genkey writes in front of a key.
	parameters := encode("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}, nil)
	for name, test := range map[string]struct {
		of    crypto.Signer
		key   string
		fault string
	}{
		"PKCS 1, 2049 bits":         {odd2048, encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(odd), nil), ""},
		"PKCS 8, 2049 bits":         {odd2048, pkcs8(odd2048), ""},
		"PKCS 8 called PKCS 1":      {odd2048, strings.ReplaceAll(pkcs8(odd2048), "PRIVATE KEY", "RSA PRIVATE KEY"), ""},
		"PKCS 1 called PKCS 8":      {odd2048, encode("PRIVATE KEY", x509.MarshalPKCS1PrivateKey(odd), nil), ""},
		"SEC 1":                     {p256, sec1(p256), ""},
		"SEC 1 behind parameters":   {p256, parameters + sec1(p256), ""},
		"SEC 1 called PKCS 8":       {p256, strings.ReplaceAll(sec1(p256), "EC PRIVATE", "PRIVATE"), ""},
		"PKCS 8, P-521":             {p521, pkcs8(p521), ""},
		"PKCS 8, Ed25519":           {edwards, pkcs8(edwards), ""},
		"of another curve":          {p256, sec1(p521), "the key of another certificate"},
		"of another kind":           {p256, pkcs8(edwards), "the key of another certificate"},
		"parameters alone":          {p256, parameters, "without a PEM private key"},
		"encrypted":                 {p256, "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMAAA\n-----END EC PRIVATE KEY-----", "block 1 is encrypted"},
		"a public key":              {p256, strings.ReplaceAll(sec1(p256), "EC PRIVATE", "PUBLIC"), "without a PEM private key"},
		"a million bits":            {p256, hugeKey(t), "block 1 is longer than an RSA key of 8192 bits"},
		"a million bits, PKCS 8":    {p256, strings.ReplaceAll(hugeKey(t), "RSA PRIVATE", "PRIVATE"), "block 1 is longer than an RSA key of 8192 bits"},
		"a million bits, called EC": {p256, strings.ReplaceAll(hugeKey(t), "RSA PRIVATE", "EC PRIVATE"), "block 1 is longer than an RSA key of 8192 bits"},
	} {
		t.Run(name, func(t *testing.T) {
			leaf, authorities := chain(test.of)
			for _, certificate := range []string{leaf + authorities, authorities + leaf} {
				trust := api.Trust{ClientCertificate: secret.New(certificate), ClientKey: secret.New(test.key)}
				if fault, keyFault := trust.ClientCertificateFault(); fault != "" || (keyFault == "") != (test.fault == "") || !strings.Contains(keyFault, test.fault) {
					t.Errorf("certificate: %q, key: %q", fault, keyFault)
				}
				if test.fault == "" {
					if first := api.FirstShown(trust); first != "leaf" {
						t.Errorf("%q is shown first", first)
					}
				}
			}
		})
	}
}
