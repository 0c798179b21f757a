package vaulttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"time"
)

// Server is a Keeper behind real HTTPS on this machine.
type Server struct {
	// Address is its host and port.
	Address string
	// Proxy is the address of an HTTP proxy, for HTTPS_PROXY, through which the name Host leads
	// here and no other name anywhere: Keeper's SDK for Go calls port 443 whatever a config says.
	Proxy string
	// Authority is the certificate to trust, as PEM.
	Authority string
}

// Serve starts an HTTPS server that answers as the Keeper does. Whoever uses it needs
// OwnKeyConfig. Faults hold here, too. It ends with the test.
func (k *Keeper) Serve() Server {
	k.t.Helper()
	certificate, authority := certificateFor(k)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		answer, err := k.exchange(request)
		if err != nil { // as if the line had broken
			panic(http.ErrAbortHandler)
		}
		writer.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(writer, answer.Body)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	server.StartTLS()
	k.t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	proxy := httptest.NewServer(tunnel(address))
	proxy.Config.ErrorLog = server.Config.ErrorLog
	k.t.Cleanup(proxy.Close)
	return Server{Address: address, Proxy: proxy.URL, Authority: authority}
}

// tunnel connects what asks for Host with the server at the address.
func tunnel(address string) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodConnect || request.Host != Host+":443" {
			writer.WriteHeader(http.StatusForbidden)
			return
		}
		server, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), "tcp", address)
		if err != nil {
			writer.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = server.Close() }()
		client, buffered, err := http.NewResponseController(writer).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = client.Close() }()
		_, _ = client.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n"))
		go func() {
			_, _ = io.Copy(server, buffered) // which has what was read ahead, and then the rest
			_ = server.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(client, server)
	}
}

func certificateFor(k *Keeper) (tls.Certificate, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		k.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a stand-in for Keeper"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{Host, "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		k.t.Fatal(err)
	}
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, authority
}
