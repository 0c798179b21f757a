package simulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"
)

// certificateLife is long enough for a demonstration left running and short
// enough for every TLS client's limit on server certificates.
const certificateLife = 30 * 24 * time.Hour

// Authority is a throw-away certificate authority (ECDSA P-256) whose key lives
// in memory only. The zero value is of no use; call [NewAuthority], or
// [SharedAuthority] where any authority will do. Safe for concurrent use.
type Authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate

	mutex  sync.Mutex
	served map[string]tls.Certificate // the servers' certificates, by their hosts
}

// NewAuthority makes an authority with a key of its own, valid for 30 days.
func NewAuthority() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("simulated authority: make key: %w", err)
	}
	template, err := certificateTemplate("Simulated Authority")
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.MaxPathLenZero = true
	template.KeyUsage = x509.KeyUsageCertSign
	encoded, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("simulated authority: sign own certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(encoded)
	if err != nil {
		return nil, fmt.Errorf("simulated authority: read own certificate: %w", err)
	}
	return &Authority{key: key, certificate: certificate}, nil
}

// SharedAuthority returns the authority of this process, made at the first call. Where time
// has become another since, as in a test under testing/synctest, there is one for each time.
func SharedAuthority() (*Authority, error) {
	shared.Lock()
	defer shared.Unlock()
	now := time.Now()
	for _, authority := range shared.authorities {
		if now.After(authority.certificate.NotBefore) && now.Add(certificateLife/2).Before(authority.certificate.NotAfter) {
			return authority, nil
		}
	}
	authority, err := NewAuthority()
	if err == nil {
		shared.authorities = append(shared.authorities, authority)
	}
	return authority, err
}

var shared struct {
	sync.Mutex
	authorities []*Authority
}

// serverCertificate is ServerCertificate, made once for the same hosts: most servers live
// for one short test.
func (a *Authority) serverCertificate(hosts ...string) (tls.Certificate, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	key := strings.Join(hosts, " ")
	if made, ok := a.served[key]; ok {
		return made, nil
	}
	made, err := a.ServerCertificate(hosts...)
	if err == nil {
		if a.served == nil {
			a.served = map[string]tls.Certificate{}
		}
		a.served[key] = made
	}
	return made, err
}

// PEM returns the authority's certificate as a PEM text, as an access record's
// "CA Certificate" holds it.
func (a *Authority) PEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

// Pool returns a new pool that trusts this authority and nothing else.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// ServerCertificate makes a server certificate with a new key for the hosts
// given, each a DNS name or an IP address. Its Leaf is set.
func (a *Authority) ServerCertificate(hosts ...string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("simulated server certificate: make key: %w", err)
	}
	template, err := certificateTemplate("Simulated Server")
	if err != nil {
		return tls.Certificate{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if address := net.ParseIP(host); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("simulated server certificate: sign: %w", err)
	}
	leaf, err := x509.ParseCertificate(encoded)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("simulated server certificate: read: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{encoded}, PrivateKey: key, Leaf: leaf}, nil
}

// certificateTemplate returns what every certificate here has in common. It
// starts an hour ago, so that a clock a little behind does not matter.
func certificateTemplate(name string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("simulated certificate: draw serial number: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(certificateLife),
	}, nil
}
