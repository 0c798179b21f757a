package recipes_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pam-rotate-script/internal/api/realserver"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/reliability"
	"pam-rotate-script/internal/simulator"
)

// requireProducts in the environment, if it is 1, makes it an error that a product is not
// installed. .ci/run sets it.
const requireProducts = "CI_REQUIRE_PRODUCTS"

// only names the products to try, separated by commas; "" are all.
var only = flag.String("products", "", "the `recipes` whose products are tried, separated by commas")

// product is a real product that a built-in recipe is tried on. A newcomer adds one with a file
// of its own and a line in products; every case then comes by itself.
type product struct {
	recipe string
	// missing says what is not installed, "" if all is there.
	missing func() string
	// prepare makes what the first start needs, such as a configuration. It may be nil.
	prepare func(s *site)
	// start starts the product on s.port with what is in s.directory, and returns without
	// waiting. After the product was killed it is called again.
	start func(s *site) *process
	// ready reports whether the product answers.
	ready func(s *site) bool
	// setUp makes the administrator, once. It may be nil.
	setUp func(s *site)
	// access are the fields of the access record besides Target, url and CA Certificate.
	access func(s *site) map[string]any
	// add makes an account, and accepts asks the product whether it lets that account in.
	add     func(s *site, user, password string)
	accepts func(s *site, user, password string) bool
	// user is the name of an account, of which number is a part; nil for user-NUMBER.
	user func(number int) string
	// isWrite tells the write from other requests.
	isWrite func(request *http.Request, body []byte) bool
	// settles is how long the product takes until what it was told outlives its own death.
	settles time.Duration
	// wrong is the access record's fields with a credential that the product refuses; nil for
	// another password.
	wrong map[string]any
	// more tries what this product alone has, behind the cases. It may be nil.
	more func(t *testing.T, s *site)
}

// site is one installation of a product: its files, its port, and what stands in front of it.
type site struct {
	*product
	t           *testing.T // with which everything ends
	directory   string
	environment []string
	port        int // of the product, on 127.0.0.1
	front       int // of nginx, which ends TLS
	authority   *simulator.Authority
	binary      string
	server      *process

	mutex  sync.Mutex
	meddle func(w http.ResponseWriter, request *http.Request, body []byte, forward http.Handler) // nil lets everything through

	keep map[string]any // what a product keeps of its set-up, such as tokens
}

func (s *site) file(name string) string { return filepath.Join(s.directory, name) }

func (s *site) write(name, text string) {
	s.t.Helper()
	check(s.t, os.MkdirAll(filepath.Dir(s.file(name)), 0o700))
	check(s.t, os.WriteFile(s.file(name), []byte(text), 0o600))
}

// url is where the product answers without TLS, for the set-up and the probes.
func (s *site) url(path string) string { return "http://127.0.0.1:" + strconv.Itoa(s.port) + path }

// spawn starts a program that ends with the site.
func (s *site) spawn(program string, arguments ...string) *process {
	s.t.Helper()
	return spawn(s.t, s.directory, s.environment, program, arguments...)
}

// run runs a program to its end and fails the test if that is not a good one.
func (s *site) run(program string, arguments ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir, command.Env = s.directory, s.environment
	output, err := command.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", program, err, output)
	}
	return string(output)
}

// client has no proxy and keeps no connection: each look at a product is one of its own.
var client = &http.Client{
	Timeout:       20 * time.Second,
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// ask sends JSON, or nothing if the body is nil, and returns the status and the answer; status 0
// if there is none.
func (s *site) ask(method, path string, header map[string]string, body any) (status int, answer string) {
	s.t.Helper()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		check(s.t, err)
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, s.url(path), content)
	check(s.t, err)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// must asks and fails the test unless the status is one of 200 to 299. It returns the answer.
func (s *site) must(method, path string, header map[string]string, body any) string {
	s.t.Helper()
	status, answer := s.ask(method, path, header, body)
	if status < 200 || status > 299 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return answer
}

// basicAuth is the header of HTTP Basic authentication.
func basicAuth(user, password string) map[string]string {
	return map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}
}

// freePort finds one below those that the system gives out by itself.
func freePort(t *testing.T) int {
	t.Helper()
	port, err := realserver.FreePort()
	check(t, err)
	return port
}

// open starts the product for the first time, with nginx and the meddling proxy before it.
func (p *product) open(t *testing.T, binary string) *site {
	t.Helper()
	authority, err := simulator.NewAuthority()
	check(t, err)
	directory := t.TempDir()
	s := &site{product: p, t: t, directory: directory, authority: authority, binary: binary, port: freePort(t),
		environment: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + directory, "LANG=C.UTF-8"}, keep: map[string]any{}}
	if p.prepare != nil {
		p.prepare(s)
	}
	s.begin()
	if p.setUp != nil {
		p.setUp(s)
	}
	s.secure(s.between())
	return s
}

// begin starts the product and waits for it.
func (s *site) begin() {
	s.t.Helper()
	s.server = s.start(s)
	for limit := time.Now().Add(startLimit); !s.ready(s); time.Sleep(100 * time.Millisecond) {
		select {
		case <-s.server.ended:
			s.t.Fatalf("%s ended:\n%s", s.recipe, s.server.output())
		default:
		}
		if time.Now().After(limit) {
			s.t.Fatalf("%s does not answer:\n%s", s.recipe, s.server.output())
		}
	}
}

// between stands before the product and can meddle with what goes by.
func (s *site) between() (address string) {
	behind, err := url.Parse(s.url(""))
	check(s.t, err)
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = behind.Scheme, behind.Host
			// What nginx has said of the client stays.
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.Out.Header["X-Forwarded-Proto"] = r.In.Header["X-Forwarded-Proto"]
			r.Out.Host = r.In.Host
		},
		Transport:    &http.Transport{DisableKeepAlives: true},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		request.Body = io.NopCloser(bytes.NewReader(body))
		s.mutex.Lock()
		meddle := s.meddle
		s.mutex.Unlock()
		if meddle == nil {
			forward.ServeHTTP(w, request)
			return
		}
		meddle(w, request, body, forward)
	}))
	s.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.Listener.Addr().String()
}

// secure starts nginx, which ends TLS as it does before most products.
func (s *site) secure(upstream string) {
	s.t.Helper()
	certificate, err := s.authority.ServerCertificate("127.0.0.1")
	check(s.t, err)
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	check(s.t, err)
	s.write("nginx/certificate.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})))
	s.write("nginx/key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	s.front = freePort(s.t)
	folder := s.file("nginx")
	s.write("nginx/nginx.conf", fmt.Sprintf(`daemon off; master_process off; worker_processes 1; pid %[1]s/pid; error_log stderr warn;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  server {
    listen 127.0.0.1:%[2]d ssl;
    ssl_certificate %[1]s/certificate.pem;
    ssl_certificate_key %[1]s/key.pem;
    location / {
      proxy_pass http://%[3]s;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }
}
`, folder, s.front, upstream))
	program, err := realserver.Find("nginx")
	check(s.t, err)
	nginx := s.spawn(program, "-p", folder, "-c", folder+"/nginx.conf")
	trusting := &tls.Config{RootCAs: s.authority.Pool(), ServerName: "127.0.0.1"}
	for limit := time.Now().Add(startLimit); ; time.Sleep(20 * time.Millisecond) {
		connection, err := tls.Dial("tcp", "127.0.0.1:"+strconv.Itoa(s.front), trusting)
		if err == nil {
			_ = connection.Close()
			return
		}
		if time.Now().After(limit) {
			s.t.Fatalf("nginx does not answer: %v\n%s", err, nginx.output())
		}
	}
}

// need skips the test of a product of which something is not installed, or fails it where all has
// to be; "" stands for nothing.
func need(t *testing.T, missing string) {
	t.Helper()
	if missing == "" && realserver.Missing("nginx") != nil {
		missing = "nginx"
	}
	switch {
	case missing == "":
	case os.Getenv(requireProducts) == "1":
		t.Fatalf("%s is not installed, and %s is 1", missing, requireProducts)
	default:
		t.Skipf("%s is not installed: the recipe is not tried on the real product", missing)
	}
}

// notInstalled returns the first of the programs that is not there, "" if all are.
func notInstalled(programs ...string) string {
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			return program
		}
	}
	return ""
}

// rotate runs the program for an account of the site.
func (s *site) rotate(t *testing.T, r run) ended {
	t.Helper()
	access := map[string]any{"Target": s.recipe, "url": "https://127.0.0.1:" + strconv.Itoa(s.front), "CA Certificate": s.authority.PEM()}
	for label, value := range s.access(s) {
		access[label] = value
	}
	for label, value := range r.access {
		access[label] = value
	}
	r.access = access
	return r.hand(t, s.binary)
}

func (s *site) meddleWith(meddle func(w http.ResponseWriter, request *http.Request, body []byte, forward http.Handler)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.meddle = meddle
}

func (s *site) account(number int) string {
	if s.user != nil {
		return s.user(number)
	}
	return fmt.Sprint("user-", number)
}

// judge fails the test if what the run said is not so, and returns the outcome with its class.
func (s *site) judge(t *testing.T, end ended, r run) string {
	t.Helper()
	if !s.ready(s) { // no answer is none about a password
		t.Fatalf("%s does not answer:\n%s", s.recipe, s.server.output())
	}
	isNew, isOld := s.accepts(s, r.user, r.new), s.accepts(s, r.user, r.old)
	switch {
	case end.exit == 0 && end.outcome == "changed" && isNew && !isOld,
		end.exit == 1 && end.outcome == "not-changed" && isOld,
		end.exit == 3 && end.outcome == "unknown" && isNew != isOld:
	default:
		t.Errorf("exit %d; the new password is accepted: %v, the old one: %v\n%s%s", end.exit, isNew, isOld, end.stdout, end.stderr)
	}
	if end.class == "" {
		return end.outcome
	}
	return end.outcome + ", " + end.class
}

// products are tried in this order of the table.
var products = []*product{
	ejabberd,
	etcd,
	influxDB,
	keystone,
	mailman,
	pocketBase,
	rabbitMQProduct,
	wordPress,
	zabbix,
}

// cases are what every product goes through, in this order: the last ones kill it. Each returns
// what became of it, for the table.
var cases = []struct {
	name string
	try  func(t *testing.T, s *site) string
}{
	{"a rotation, and back", tryRotation},
	{"the same payload again", tryAgain},
	{"wrong credential", tryWrongCredential},
	{"unknown user", tryUnknownUser},
	{"20 hostile passwords", tryHostile},
	{"the answer to the write is lost", tryLostAnswer},
	{"killed before the write", func(t *testing.T, s *site) string { return tryKilled(t, s, false) }},
	{"killed behind the write", func(t *testing.T, s *site) string { return tryKilled(t, s, true) }},
}

func (s *site) payload(number int) run {
	r := run{user: s.account(number), old: conformance.Old, new: conformance.New}
	s.add(s, r.user, r.old)
	return r
}

func tryRotation(t *testing.T, s *site) string {
	r := s.payload(1)
	said := s.judge(t, s.rotate(t, r), r)
	r.old, r.new = r.new, r.old
	if back := s.judge(t, s.rotate(t, r), r); said != "changed" || back != said {
		t.Errorf("%s, and back: %s", said, back)
	}
	return said
}

func tryAgain(t *testing.T, s *site) string {
	r := s.payload(2)
	s.rotate(t, r)
	said := s.judge(t, s.rotate(t, r), r)
	if said != "changed" {
		t.Error(said)
	}
	return said
}

func tryWrongCredential(t *testing.T, s *site) string {
	r := s.payload(3)
	r.access = s.wrong
	if r.access == nil {
		r.access = map[string]any{"password": "Wr0ng-canary;admin/Xy"}
	}
	said := s.judge(t, s.rotate(t, r), r)
	if said != "not-changed, credential" {
		t.Error(said)
	}
	return said
}

func tryUnknownUser(t *testing.T, s *site) string {
	r := run{user: s.account(4), old: conformance.Old, new: conformance.New}
	end := s.rotate(t, r)
	if end.exit != 1 || end.class != "account" {
		t.Errorf("exit %d\n%s%s", end.exit, end.stdout, end.stderr)
	}
	return end.outcome + ", " + end.class
}

// tryHostile: each password is set byte for byte, or the account keeps the old one.
func tryHostile(t *testing.T, s *site) string {
	said := map[string]int{}
	for i, password := range hostilePasswords() {
		r := run{user: s.account(100 + i), old: conformance.Old, new: password}
		s.add(s, r.user, r.old)
		said[s.judge(t, s.rotate(t, r), r)]++
	}
	var parts []string
	for _, outcome := range slices.Sorted(maps.Keys(said)) {
		parts = append(parts, fmt.Sprintf("%d %s", said[outcome], outcome))
	}
	return strings.Join(parts, "; ")
}

// hostilePasswords are twenty of the corpus, spread over its categories.
func hostilePasswords() (passwords []string) {
	samples := conformance.PasswordSamples()
	for i := 0; len(passwords) < 20; i++ {
		sample := samples[(i*len(samples)/20+i)%len(samples)]
		if sample.Text != "" { // the payload's reader refuses that one
			passwords = append(passwords, sample.Text)
		}
	}
	return passwords
}

// tryLostAnswer: the product carries the write out, and the answer of one write is lost on the way
// to nginx.
func tryLostAnswer(t *testing.T, s *site) string {
	r := s.payload(5)
	var once sync.Once
	s.meddleWith(func(w http.ResponseWriter, request *http.Request, body []byte, forward http.Handler) {
		lost := false
		if s.isWrite(request, body) {
			once.Do(func() { lost = true })
		}
		if !lost {
			forward.ServeHTTP(w, request)
			return
		}
		forward.ServeHTTP(httptest.NewRecorder(), request)
		panic(http.ErrAbortHandler)
	})
	defer s.meddleWith(nil)
	return s.judge(t, s.rotate(t, r), r)
}

// tryKilled: the product dies with the write in its hands, before it or behind it, and is started
// again when the run has ended.
func tryKilled(t *testing.T, s *site, behind bool) string {
	number := 6
	if behind {
		number = 7
	}
	r := s.payload(number)
	r.access = map[string]any{"Timeout": "15"}
	time.Sleep(s.settles)
	var once sync.Once
	s.meddleWith(func(w http.ResponseWriter, request *http.Request, body []byte, forward http.Handler) {
		if s.isWrite(request, body) {
			if behind {
				forward.ServeHTTP(httptest.NewRecorder(), request)
			}
			once.Do(s.server.end)
			panic(http.ErrAbortHandler)
		}
		forward.ServeHTTP(w, request)
	})
	end := s.rotate(t, r)
	s.meddleWith(nil)
	s.begin()
	said := s.judge(t, end, r)
	r.access = nil
	if again := s.judge(t, s.rotate(t, r), r); again != "changed" {
		t.Errorf("after the restart: %s", again)
	}
	return said
}

// TestRealProducts puts every product through every case, with the real program.
func TestRealProducts(t *testing.T) {
	t.Parallel() // beside the others it waits for products
	need(t, "")
	binary := build(t)
	outcomes := make([][]string, len(products))
	t.Run("products", func(t *testing.T) {
		for i, p := range products {
			if *only != "" && !slices.Contains(strings.Split(*only, ","), p.recipe) {
				continue
			}
			t.Run(p.recipe, func(t *testing.T) {
				t.Parallel()
				need(t, p.missing())
				s := p.open(t, binary)
				var said []string
				for _, c := range cases {
					t.Run(c.name, func(t *testing.T) {
						said = append(said, c.try(t, s))
						t.Log(said[len(said)-1])
					})
				}
				if p.more != nil {
					t.Run("more", func(t *testing.T) { p.more(t, s) })
				}
				if !t.Failed() && len(said) == len(cases) {
					outcomes[i] = said
				}
			})
		}
	})
	for i := range products {
		if outcomes[i] == nil {
			return
		}
	}
	reliability.Settle(t, "products", "make products", productsSection(outcomes))
}

// productsSection is the table on the page: a row for each product.
func productsSection(outcomes [][]string) string {
	var text strings.Builder
	text.WriteString("| Product |")
	for _, c := range cases {
		text.WriteString(" " + c.name + " |")
	}
	text.WriteString("\n|" + strings.Repeat(" --- |", len(cases)+1) + "\n")
	for i, p := range products {
		fmt.Fprintf(&text, "| %s | %s |\n", p.recipe, strings.Join(outcomes[i], " | "))
	}
	return text.String()
}
