package hostile

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"strings"
	"time"
)

// Authority signs certificates of every kind. Make one with NewAuthority.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes an authority that signs itself.
func NewAuthority() (*Authority, error) {
	return issue(nil, func(c *x509.Certificate) { c.Subject.CommonName = "Authority"; isAuthority(c) })
}

func isAuthority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid = true, true
	c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageCertSign, nil
	c.DNSNames, c.IPAddresses = nil, nil
}

// issue makes a certificate and its key, signed by itself if by is nil. Before
// alter it is one that a client which knows the authority believes.
func issue(by *Authority, alter func(*x509.Certificate)) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "Server"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if alter != nil {
		alter(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(encoded)
	return &Authority{certificate, key}, err
}

// PEM returns the authority's certificate as PEM text.
func (a *Authority) PEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

// Config returns the configuration of an honest server for 127.0.0.1 and localhost.
func (a *Authority) Config() (*tls.Config, error) { return a.config(nil) }

func (a *Authority) config(alter func(*x509.Certificate), between ...*Authority) (*tls.Config, error) {
	leaf, err := issue(a, alter)
	if err != nil {
		return nil, err
	}
	return leaf.serving(between...), nil
}

// serving returns the configuration of a server with that certificate and the ones
// between it and the authority.
func (a *Authority) serving(between ...*Authority) *tls.Config {
	chain := tls.Certificate{Certificate: [][]byte{a.certificate.Raw}, PrivateKey: a.key}
	for _, one := range between {
		chain.Certificate = append(chain.Certificate, one.certificate.Raw)
	}
	return &tls.Config{Certificates: []tls.Certificate{chain}}
}

// Identity is a server that a client should not talk to.
type Identity struct {
	Name string
	// Host is the name that the client is to call it by: 127.0.0.1 or localhost.
	Host string
	// Plain says that it sends something other than TLS, and does so unasked.
	Plain bool
	// Start starts it. Whoever gets through the handshake is answered honestly.
	Start func() (*Server, error)
}

// Identities returns every server whose handshake must fail, for a client that trusts
// the authority.
func Identities(authority *Authority) []Identity {
	answer := Site{Meant: func(*http.Request) bool { return false }}.Play
	serve := func(config *tls.Config, err error) (*Server, error) {
		if err != nil {
			return nil, err
		}
		return Start(config, answer)
	}
	signed := func(name, host string, alter func(*x509.Certificate)) Identity {
		return Identity{name, host, false, func() (*Server, error) { return serve(authority.config(alter)) }}
	}
	speaking := func(name string, alter func(*tls.Config)) Identity {
		return Identity{name, "127.0.0.1", false, func() (*Server, error) {
			config, err := authority.Config()
			if err == nil {
				alter(config)
			}
			return serve(config, err)
		}}
	}
	plain := func(name string, play func(*Conn)) Identity {
		return Identity{name, "127.0.0.1", true, func() (*Server, error) { return StartPlain(play) }}
	}
	below := func(name string, sends bool, alter func(*x509.Certificate)) Identity {
		return Identity{name, "127.0.0.1", false, func() (*Server, error) {
			between, err := issue(authority, alter)
			if err != nil {
				return nil, err
			}
			if !sends {
				return serve(between.config(nil))
			}
			return serve(between.config(nil, between))
		}}
	}
	return []Identity{
		signed("expired", "127.0.0.1", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
		signed("not yet valid", "127.0.0.1", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }),
		signed("wrong name", "localhost", func(c *x509.Certificate) { c.DNSNames = []string{"other.example", "localhost.example"} }),
		signed("wrong address", "127.0.0.1", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} }),
		signed("address as a name", "127.0.0.1", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"127.0.0.1"}, nil }),
		signed("common name only", "localhost", func(c *x509.Certificate) {
			c.Subject.CommonName, c.DNSNames, c.IPAddresses = "localhost", nil, nil
		}),
		signed("address only", "localhost", func(c *x509.Certificate) { c.DNSNames = nil }),
		signed("not for servers", "127.0.0.1", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}),
		{"self-signed", "127.0.0.1", false, func() (*Server, error) {
			alone, err := issue(nil, nil)
			if err != nil {
				return nil, err
			}
			return serve(alone.serving(), nil)
		}},
		{"signed by a namesake of the authority", "127.0.0.1", false, func() (*Server, error) {
			namesake, err := NewAuthority()
			if err != nil {
				return nil, err
			}
			return serve(namesake.config(nil, namesake))
		}},
		below("chain too short", false, isAuthority),
		below("signed by a server", true, nil),
		below("signed by an expired authority", true, func(c *x509.Certificate) {
			isAuthority(c)
			c.NotAfter = time.Now().Add(-time.Minute)
		}),
		below("signed by an authority for other names", true, func(c *x509.Certificate) {
			isAuthority(c)
			c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"other.example"}
		}),
		speaking("TLS 1.0 only", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }),
		speaking("TLS 1.1 only", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }),
		speaking("weak ciphers only", func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}
		}),
		speaking("chain of 1 MiB", func(c *tls.Config) {
			for range 1 << 10 {
				c.Certificates[0].Certificate = append(c.Certificates[0].Certificate, make([]byte, 1<<10))
			}
		}),
		plain("plain HTTP", func(c *Conn) { c.Send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"); c.Stall() }),
		plain("SSH", func(c *Conn) { c.Send("SSH-2.0-OpenSSH_9.6\r\n"); c.Stall() }),
		plain("endless garbage", func(c *Conn) { c.flood("\xfe") }),
		plain("endless handshake", func(c *Conn) { c.flood("\x16\x03\x03\x40\x00" + strings.Repeat("\x02\xff\xff\xff", 1<<12)) }),
		plain("warnings for ever", func(c *Conn) { c.flood("\x15\x03\x03\x00\x02\x01\x5a") }),
		plain("refusal", func(c *Conn) { c.Send("\x15\x03\x03\x00\x02\x02\x28"); c.Stall() }),
	}
}
