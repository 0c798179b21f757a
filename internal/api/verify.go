package api

import (
	"bytes"
	"crypto/fips140"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"runtime"
	"slices"
)

// verifier accepts the certificates that crypto/tls accepts if it is given the system's
// authorities and some more, and no others. It is quicker: for crypto/tls all of the
// system's are read and parsed, which takes longer than the rest of a run, while one is
// needed. So subsets of them are tried first. Who is accepted by a subset is accepted by
// the whole; who is not is judged by the whole.
type verifier struct{ authorities []*x509.Certificate }

// verify returns nil, or the error that crypto/tls would return.
func (v verifier) verify(host string, presented []*x509.Certificate) error {
	if host == "" || len(presented) == 0 {
		return errors.New("tls: there is no host or no certificate to verify")
	}
	options := x509.VerifyOptions{DNSName: host, Intermediates: x509.NewCertPool()}
	for _, certificate := range presented[1:] {
		options.Intermediates.AddCert(certificate)
	}
	// FIPS 140 mode has rules of its own for chains, which VerifyOptions does not know.
	if !fips140.Enabled() {
		for _, some := range []func() []*x509.Certificate{
			func() []*x509.Certificate { return v.authorities },
			func() []*x509.Certificate { return systemIssuers(presented) },
		} {
			// A pool that is nil would stand for all of the system's.
			if options.Roots = poolOf(some()); options.Roots == nil {
				continue
			}
			if _, err := presented[0].Verify(options); err == nil {
				return nil
			}
		}
	}
	options.Roots = v.all()
	if _, err := presented[0].Verify(options); err != nil {
		return &verificationError{host: host, given: v.authorities, err: &tls.CertificateVerificationError{UnverifiedCertificates: presented, Err: err}}
	}
	return nil
}

// all returns the system's authorities and the verifier's own, in the form that
// tls.Config.RootCAs has: nil stands for the system's.
func (v verifier) all() *x509.CertPool {
	if len(v.authorities) == 0 {
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	for _, certificate := range v.authorities {
		pool.AddCert(certificate)
	}
	return pool
}

func poolOf(certificates []*x509.Certificate) *x509.CertPool {
	if len(certificates) == 0 {
		return nil
	}
	pool := x509.NewCertPool()
	for _, certificate := range certificates {
		pool.AddCert(certificate)
	}
	return pool
}

// systemIssuers returns those of the system's certificates that may have issued one of
// the presented ones: that have the issuer's name in them. Only the first of the files
// that crypto/x509 reads on Linux is looked at, and of these the usual two; elsewhere
// there are none.
func systemIssuers(presented []*x509.Certificate) []*x509.Certificate {
	if runtime.GOOS != "linux" {
		return nil
	}
	files := []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"}
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		files = []string{file}
	}
	var text []byte
	for _, file := range files {
		var err error
		if text, err = os.ReadFile(file); err == nil {
			break
		}
	}
	var issuers []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return issuers
		}
		// crypto/x509 leaves out the same ones.
		if block.Type != "CERTIFICATE" || len(block.Headers) > 0 || !slices.ContainsFunc(presented, func(certificate *x509.Certificate) bool {
			return bytes.Contains(block.Bytes, certificate.RawIssuer)
		}) {
			continue
		}
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			issuers = append(issuers, certificate)
		}
	}
}
