// Package realserver starts real products on 127.0.0.1 for tests: OpenSSL's s_server and
// Node's TLS, each set up as servers in the field are, and the proxies tinyproxy and squid.
// What is not installed is skipped by tests, unless CI_REQUIRE_SERVERS is set.
//
// A newcomer starts at StartTLS and StartProxy. Everything ends with its Close, or by itself
// after two minutes.
package realserver

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed server.js
var nodeScript []byte

// Kinds are the constellations of TLS that both products have.
var Kinds = []string{
	"plain", "TLS 1.3 alone", "HTTP/2 alone", "RSA key exchange alone", "missing intermediate", "common name alone",
	"client certificate demanded", "client certificate demanded, TLS 1.2",
}

// Renegotiating are those that Node's TLS alone has.
var Renegotiating = []string{
	"renegotiation once", "renegotiation each time",
	"renegotiation, on TLS 1.3 a reset", "renegotiation, on TLS 1.3 a 500 page",
}

// InPlace are Node's answers in the place of an API's.
var InPlace = []string{"Windows authentication alone", "misdirected request", "long head"}

// Missing returns an error if a program is not installed.
func Missing(program string) error {
	if _, err := Find(program); err != nil {
		return fmt.Errorf("%s is not installed", program)
	}
	return nil
}

// Find returns a program's path. It also looks where Debian puts what users rarely start.
func Find(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/" + program)
}

// Server is one running product.
type Server struct {
	Port    int
	command *exec.Cmd
	stdin   io.Closer
	done    chan struct{}

	mutex sync.Mutex
	lines []string
}

// Host is the address with the name localhost, which the certificates have.
func (s *Server) Host() string { return net.JoinHostPort("localhost", strconv.Itoa(s.Port)) }

// Lines returns those of what the product has told that begin with a text.
func (s *Server) Lines(prefix string) []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var lines []string
	for _, line := range s.lines {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, line)
		}
	}
	return lines
}

// Close ends the product.
func (s *Server) Close() {
	_ = s.stdin.Close()
	_ = s.command.Process.Kill()
	<-s.done
}

// start runs a program until it has said its port, or, where port is given, listens there.
func start(port int, program string, arguments ...string) (*Server, error) {
	path, err := Find(program)
	if err != nil {
		return nil, err
	}
	s := &Server{Port: port, command: exec.Command(path, arguments...), done: make(chan struct{})}
	stdin, err := s.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	s.stdin = stdin
	output, err := s.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.command.Stderr = s.command.Stdout
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	told := make(chan int, 1)
	go func() {
		defer close(s.done)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			s.mutex.Lock()
			s.lines = append(s.lines, lines.Text())
			s.mutex.Unlock()
			if number, ok := strings.CutPrefix(lines.Text(), "port "); ok {
				port, _ := strconv.Atoi(number)
				told <- port
			}
		}
		_ = s.command.Wait()
	}()
	time.AfterFunc(2*time.Minute, func() { _ = s.command.Process.Kill() })
	limit := time.After(20 * time.Second)
	for {
		select {
		case s.Port = <-told:
			return s, nil
		case <-s.done:
			return nil, fmt.Errorf("%s ended: %s", program, strings.Join(s.lines, "; "))
		case <-limit:
			s.Close()
			return nil, fmt.Errorf("%s does not listen: %s", program, strings.Join(s.lines, "; "))
		case <-time.After(20 * time.Millisecond):
			if port == 0 {
				continue
			}
			if connection, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
				_ = connection.Close()
				return s, nil
			}
		}
	}
}

// StartTLS starts the product, node or openssl, in one of Kinds, Renegotiating, InPlace or
// Unfit, with the certificates of Certificates in that folder.
func StartTLS(product, kind, folder string) (*Server, error) {
	if product == "node" {
		script := filepath.Join(folder, "server.js")
		if err := os.WriteFile(script, nodeScript, 0o600); err != nil {
			return nil, err
		}
		return start(0, "node", script, kind, folder)
	}
	leaf, more := "leaf", []string{}
	switch kind {
	case "plain":
	case "TLS 1.3 alone":
		more = []string{"-tls1_3"}
	case "HTTP/2 alone":
		more = []string{"-alpn", "h2"}
	case "RSA key exchange alone":
		leaf, more = "rsa", []string{"-tls1_2", "-cipher", "AES128-GCM-SHA256"}
	case "missing intermediate":
		leaf = "below"
	case "common name alone":
		leaf = "common"
	case "client certificate demanded":
		more = []string{"-Verify", "1", "-verify_return_error", "-CAfile", filepath.Join(folder, "ca.pem")}
	case "client certificate demanded, TLS 1.2":
		more = []string{"-tls1_2", "-Verify", "1", "-verify_return_error", "-CAfile", filepath.Join(folder, "ca.pem")}
	default:
		if err := unfit(folder, kind); err != nil {
			return nil, err
		}
		leaf, more = "unfit", []string{"-cipher", "DEFAULT@SECLEVEL=0"}
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	return start(port, "openssl", append([]string{"s_server", "-www", "-accept", "127.0.0.1:" + strconv.Itoa(port),
		"-cert", filepath.Join(folder, leaf+".pem"), "-key", filepath.Join(folder, leaf+".key")}, more...)...)
}

// FreePort returns a port of 127.0.0.1 on which nobody listens. It is none of those that a
// system gives to whoever asks for any, which a test beside this one may do in between.
func FreePort() (int, error) {
	for range 100 {
		port := 20_000 + mathrand.IntN(12_000)
		if listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("there is no free port")
}

// ProxyLogin is the user and password of a proxy that wants them.
const ProxyLogin = "jane:canary-proxy-password"

// StartProxy starts tinyproxy, squid, or "squid, https" (which clients speak TLS with, by the
// certificate rsa in the folder), open to all or for those with ProxyLogin.
func StartProxy(product string, login bool, folder string) (*Server, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	name, password, _ := strings.Cut(ProxyLogin, ":")
	file := filepath.Join(folder, product+".conf")
	write := func(lines ...string) error {
		return os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
	}
	switch product {
	case "tinyproxy":
		lines := []string{"Port " + strconv.Itoa(port), "Listen 127.0.0.1", "Allow 127.0.0.1", "LogLevel Connect", "MaxClients 20"}
		if login {
			lines = append(lines, "BasicAuth "+name+" "+password)
		}
		if err := write(lines...); err != nil {
			return nil, err
		}
		return start(port, "tinyproxy", "-d", "-c", file)
	case "squid", "squid, https":
		listen := "http_port 127.0.0.1:" + strconv.Itoa(port)
		if product != "squid" {
			listen = "https_port 127.0.0.1:" + strconv.Itoa(port) + " tls-cert=" + filepath.Join(folder, "rsa.pem") + " tls-key=" + filepath.Join(folder, "rsa.key")
		}
		lines := []string{
			listen, "pid_filename none", "cache deny all", "access_log stdio:" + filepath.Join(folder, "access.log"),
			"cache_log " + filepath.Join(folder, "cache.log"), "cache_store_log none", "netdb_filename none", "coredump_dir " + folder, "shutdown_lifetime 0 seconds",
			"pinger_enable off", "dns_nameservers 127.0.0.1", "connect_timeout 5 seconds",
		}
		if login {
			// The helper of the package, apache2-utils or not, takes a hash of openssl's.
			hash, err := exec.Command("openssl", "passwd", "-apr1", password).Output()
			if err != nil {
				return nil, err
			}
			users := filepath.Join(folder, "users")
			if err := os.WriteFile(users, []byte(name+":"+string(hash)), 0o644); err != nil {
				return nil, err
			}
			lines = append(lines, "auth_param basic program /usr/lib/squid/basic_ncsa_auth "+users, "acl known proxy_auth REQUIRED", "http_access allow known")
		} else {
			lines = append(lines, "http_access allow all")
		}
		lines = append(lines, "http_access deny all")
		_ = os.Chmod(filepath.Join(folder, "rsa.key"), 0o644)
		if os.Getuid() == 0 { // squid gives up root, and has to read and write there then
			for at := folder; len(at) > len(os.TempDir()); at = filepath.Dir(at) {
				_ = os.Chmod(at, 0o777)
			}
		}
		if err := write(lines...); err != nil {
			return nil, err
		}
		return start(port, "squid", "-N", "-f", file)
	}
	return nil, errors.New("there is no proxy " + product)
}

// holder is a certificate with its key.
type holder struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// Certificates writes the certificates into a folder: ca.pem is the authority; leaf, rsa,
// below (whose issuer is not in its file) and common (no name but the common one) are
// servers on localhost and 127.0.0.1; client is a client. Each has a file .pem and .key.
// It returns the SHA-256 of leaf.
func Certificates(folder string) (fingerprint string, err error) {
	name := func(text string, alter func(*x509.Certificate)) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.Subject.CommonName = text
			if alter != nil {
				alter(c)
			}
		}
	}
	isAuthority := func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
		c.DNSNames, c.IPAddresses = nil, nil
	}
	made := map[string]*holder{}
	for _, one := range []struct {
		name, by string
		rsa      bool
		alter    func(*x509.Certificate)
	}{
		{"ca", "", false, name("Root", isAuthority)},
		{"between", "ca", false, name("Between", isAuthority)},
		{"leaf", "ca", false, name("Server", nil)},
		{"rsa", "ca", true, name("Server", nil)},
		{"below", "between", false, name("Server", nil)},
		{"common", "ca", false, name("localhost", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil })},
		{"client", "ca", false, name("Client", func(c *x509.Certificate) {
			c.ExtKeyUsage, c.DNSNames, c.IPAddresses = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, nil, nil
		})},
	} {
		if made[one.name], err = issue(made[one.by], one.rsa, one.alter); err != nil {
			return "", err
		}
		encoded, err := x509.MarshalPKCS8PrivateKey(made[one.name].key)
		if err != nil {
			return "", err
		}
		for ending, block := range map[string]*pem.Block{
			".pem": {Type: "CERTIFICATE", Bytes: made[one.name].certificate.Raw}, ".key": {Type: "PRIVATE KEY", Bytes: encoded},
		} {
			if err := os.WriteFile(filepath.Join(folder, one.name+ending), pem.EncodeToMemory(block), 0o600); err != nil {
				return "", err
			}
		}
	}
	sum := sha256.Sum256(made["leaf"].certificate.Raw)
	return hex.EncodeToString(sum[:]), nil
}

func issue(by *holder, isRSA bool, alter func(*x509.Certificate)) (*holder, error) {
	var key crypto.Signer
	var err error
	if isRSA {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, err
	}
	return issueFor(by, key, alter)
}

func issueFor(by *holder, key crypto.Signer, alter func(*x509.Certificate)) (*holder, error) {
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{Organization: []string{"Example"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	alter(template)
	parent, signer := template, key
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(encoded)
	return &holder{certificate, key}, err
}
