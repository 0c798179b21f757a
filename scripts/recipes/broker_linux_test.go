package recipes_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pam-rotate-script/internal/simulator"
)

// requireRabbitMQ in the environment, if it is 1, makes it an error that RabbitMQ is not
// installed. .ci/run sets it.
const requireRabbitMQ = "CI_REQUIRE_RABBITMQ"

const (
	administrator         = "rotator"
	administratorPassword = "Aq7-canary;admin/Lm3"

	// startLimit is how long a broker may take to start; it takes ten seconds on a busy
	// machine of two cores.
	startLimit = 90 * time.Second
)

// broker is a RabbitMQ of the test's own: its processes, ports, files and cookie have nothing
// to do with a broker that may run on the machine.
type broker struct {
	t           *testing.T // with which everything ends
	directory   string
	programs    string // the folder of RabbitMQ's programs
	environment []string
	authority   *simulator.Authority
	client      *http.Client // trusts the authority

	management, amqp, distribution, portMapper int // ports on 127.0.0.1

	plain bool // the management plugin speaks no TLS

	server *process
}

// startBroker starts a broker, or skips the test where RabbitMQ is not installed. It ends with
// the test.
func startBroker(t *testing.T) *broker {
	t.Helper()
	programs := rabbitMQ()
	mapper, _ := exec.LookPath("epmd")
	if programs == "" || mapper == "" {
		if os.Getenv(requireRabbitMQ) == "1" {
			t.Fatal("rabbitmq-server is not installed, and " + requireRabbitMQ + " is 1")
		}
		t.Skip("rabbitmq-server is not installed: the recipe is not tried against a real broker")
	}
	authority, err := simulator.NewAuthority()
	check(t, err)
	b := &broker{t: t, directory: t.TempDir(), programs: programs, authority: authority}
	b.client = &http.Client{
		Timeout: 20 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: authority.Pool()},
			// Each look at the broker is one of its own, also after it was restarted.
			DisableKeepAlives: true,
		},
	}
	t.Cleanup(func() { b.nothingIsLeft(t) })
	// Another program may take a port between the choice and the use.
	for try := 1; ; try++ {
		b.choosePorts(t)
		b.configure(t)
		portMapper := b.mapPorts(mapper)
		if b.start() {
			return b
		}
		b.server.end()
		portMapper.end()
		if log := b.server.output(); try == 3 || !strings.Contains(log+portMapper.output(), "eaddrinuse") {
			t.Fatalf("the broker did not start:\n%s", log)
		}
	}
}

// mapPorts starts the port mapper, which Erlang would start by itself, as a daemon that outlives
// everything.
func (b *broker) mapPorts(mapper string) *process {
	b.t.Helper()
	return b.spawn(mapper, "-address", "127.0.0.1", "-port", strconv.Itoa(b.portMapper))
}

// rabbitMQ returns the folder with RabbitMQ's own programs, "" if it is not installed.
// Debian puts others of the same names into the path, which change to a user of their own.
func rabbitMQ() string {
	for _, name := range []string{"/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Dir(path)
		}
	}
	return ""
}

func (b *broker) choosePorts(t *testing.T) {
	t.Helper()
	for _, port := range []*int{&b.management, &b.amqp, &b.distribution, &b.portMapper} {
		*port = freePort(t)
	}
}

func (b *broker) address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// configure writes the broker's files and sets its environment.
func (b *broker) configure(t *testing.T) {
	t.Helper()
	certificate, err := b.authority.ServerCertificate("127.0.0.1")
	check(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	check(t, err)
	b.write(t, "certificate.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}))
	b.write(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	b.write(t, "enabled_plugins", []byte("[rabbitmq_management].\n"))
	management := []string{
		"management.ssl.ip = 127.0.0.1",
		"management.ssl.port = " + strconv.Itoa(b.management),
		"management.ssl.certfile = " + b.file("certificate.pem"),
		"management.ssl.keyfile = " + b.file("key.pem"),
	}
	if b.plain {
		management = []string{"management.tcp.ip = 127.0.0.1", "management.tcp.port = " + strconv.Itoa(b.management)}
	}
	b.write(t, "rabbitmq.conf", []byte(strings.Join(append(management,
		"listeners.tcp.1 = "+b.address(b.amqp),
		"default_user = "+administrator,
		"default_pass = "+administratorPassword,
		// The broker counts bytes.
		"credential_validator.validation_backend = rabbit_credential_validator_min_password_length",
		"credential_validator.min_length = "+strconv.Itoa(leastPassword),
		"log.console = true",
		"log.console.level = warning",
		"log.file = false",
		"",
	), "\n")))
	b.environment = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + b.directory, // for the Erlang cookie
		"ERL_EPMD_ADDRESS=127.0.0.1",
		"ERL_EPMD_PORT=" + strconv.Itoa(b.portMapper),
		"RABBITMQ_ALLOW_INPUT=1", // so that the process is the broker's, without a shell around it
		"RABBITMQ_CONFIG_FILE=" + b.file("rabbitmq.conf"),
		"RABBITMQ_CONF_ENV_FILE=" + b.file("no-such-file"),
		"RABBITMQ_DIST_PORT=" + strconv.Itoa(b.distribution),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + b.file("enabled_plugins"),
		"RABBITMQ_FEATURE_FLAGS_FILE=" + b.file("feature_flags"),
		"RABBITMQ_LOG_BASE=" + b.file("log"),
		"RABBITMQ_MNESIA_BASE=" + b.file("data"),
		fmt.Sprintf("RABBITMQ_NODENAME=recipe-%d@localhost", b.distribution),
		"RABBITMQ_PID_FILE=" + b.file("pid"),
		`RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-noinput -kernel inet_dist_use_interface {127,0,0,1}`,
	}
}

func (b *broker) file(name string) string { return filepath.Join(b.directory, name) }

func (b *broker) write(t *testing.T, name string, text []byte) {
	t.Helper()
	check(t, os.WriteFile(b.file(name), text, 0o600))
}

// start starts the broker with the data that it has, and waits until it answers.
func (b *broker) start() bool {
	b.t.Helper()
	b.server = b.spawn(filepath.Join(b.programs, "rabbitmq-server"))
	for limit := time.Now().Add(startLimit); time.Now().Before(limit); time.Sleep(100 * time.Millisecond) {
		select {
		case <-b.server.ended:
			return false
		default:
		}
		// The listener for AMQP is opened last.
		connection, err := net.Dial("tcp", b.address(b.amqp))
		if err != nil {
			continue
		}
		_ = connection.Close()
		if status, _, err := b.try("GET", "/api/whoami", nil, administrator, administratorPassword); err == nil && status == 200 {
			return true
		}
	}
	return false
}

// nothingIsLeft ends whatever still runs with the broker's environment. Erlang starts helpers
// in sessions of their own, which end when they notice that it is gone.
func (b *broker) nothingIsLeft(t *testing.T) {
	limit := time.Now().Add(10 * time.Second)
	for {
		left := b.processes()
		if len(left) == 0 {
			return
		}
		if time.Now().After(limit) {
			for _, id := range left {
				_ = syscall.Kill(id, syscall.SIGKILL)
			}
			t.Errorf("the processes %v of the broker were still there", left)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// processes returns the ids of all processes with the broker's HOME.
func (b *broker) processes() []int {
	var ids []int
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		environment, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(environment, []byte("HOME="+b.directory+"\x00")) {
			continue
		}
		if id, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// process is something that was started for a test, in a process group of its own.
type process struct {
	id    int
	log   string        // the file with its output
	ended chan struct{} // closed when it has ended
}

// spawn starts a program that ends with the test at the latest, and also if the test
// is killed.
func spawn(t *testing.T, directory string, environment []string, program string, arguments ...string) *process {
	t.Helper()
	log, err := os.CreateTemp(directory, "output-*")
	check(t, err)
	p := &process{log: log.Name(), ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel sends Pdeathsig when the thread that started the program ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		command := exec.Command(program, arguments...)
		command.Env, command.Dir = environment, directory
		command.Stdout, command.Stderr = log, log
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		err := command.Start()
		_ = log.Close()
		if err == nil {
			p.id = command.Process.Pid
		}
		started <- err
		if err == nil {
			_ = command.Wait() // it was killed
		}
		close(p.ended)
	}()
	check(t, <-started)
	t.Cleanup(p.end)
	return p
}

func (b *broker) spawn(program string, arguments ...string) *process {
	b.t.Helper()
	return spawn(b.t, b.directory, b.environment, program, arguments...)
}

// signal sends a signal to all of the process group.
func (p *process) signal(signal syscall.Signal) { _ = syscall.Kill(-p.id, signal) }

// end kills the process group and waits for its end.
func (p *process) end() {
	select {
	case <-p.ended:
	default:
		p.signal(syscall.SIGKILL)
		<-p.ended
	}
}

func (p *process) output() string {
	text, _ := os.ReadFile(p.log)
	return string(text)
}

// url returns where the management plugin answers.
func (b *broker) url() string {
	if b.plain {
		return "http://" + b.address(b.management)
	}
	return "https://" + b.address(b.management)
}

// try asks the management plugin as a user.
func (b *broker) try(method, path string, body any, user, password string) (status int, answer []byte, err error) {
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		reader = bytes.NewReader(encoded)
	}
	request, err := http.NewRequest(method, b.url()+path, reader)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(user, password)
	response, err := b.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// ask asks as the administrator and expects one of these statuses.
func (b *broker) ask(t *testing.T, method, path string, body any, expected ...int) []byte {
	t.Helper()
	status, answer, err := b.try(method, path, body, administrator, administratorPassword)
	check(t, err)
	for _, one := range expected {
		if status == one {
			return answer
		}
	}
	t.Fatalf("%s %s answered %d, not %v: %s", method, path, status, expected, answer)
	return nil
}

func userPath(user string) string { return "/api/users/" + url.PathEscape(user) }

// add makes a user.
func (b *broker) add(t *testing.T, user, password string, tags ...string) {
	t.Helper()
	b.ask(t, "PUT", userPath(user), map[string]any{"password": password, "tags": append([]string{}, tags...)}, 201)
}

// whoami returns the answer to a user who asks who it is.
func (b *broker) whoami(t *testing.T, user, password string) (int, string) {
	t.Helper()
	status, answer, err := b.try("GET", "/api/whoami", nil, user, password)
	check(t, err)
	return status, string(answer)
}

// login is a user's name with a password.
type login struct{ user, password string }

// accepts asks the broker's access control itself, past HTTP, about each login.
func (b *broker) accepts(t *testing.T, logins ...login) []bool {
	t.Helper()
	encode := func(text string) string { return `"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"` }
	var pairs []string
	for _, login := range logins {
		pairs = append(pairs, "{"+encode(login.user)+", "+encode(login.password)+"}")
	}
	script := filepath.Join(t.TempDir(), "logins.erl")
	check(t, os.WriteFile(script, []byte(`[case rabbit_access_control:check_user_pass_login(base64:decode(U), base64:decode(P)) of {ok, _} -> 1; {refused, _, _, _} -> 0 end || {U, P} <- [`+
		strings.Join(pairs, ", ")+"]]."), 0o600))
	bounded, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(bounded, filepath.Join(b.programs, "rabbitmqctl"), "eval_file", script)
	command.Env = b.environment
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("rabbitmqctl: %v\n%s", err, output)
	}
	var numbers []int
	if err := json.Unmarshal(output, &numbers); err != nil || len(numbers) != len(logins) {
		t.Fatalf("rabbitmqctl said %s", output)
	}
	var accepted []bool
	for _, number := range numbers {
		accepted = append(accepted, number == 1)
	}
	return accepted
}

// inForce fails the test unless the user's password is the one and not the other, by every
// way to ask.
func (b *broker) inForce(t *testing.T, user, password, other string) {
	t.Helper()
	accepted := b.accepts(t, login{user, password}, login{user, other})
	if !accepted[0] || accepted[1] {
		t.Errorf("%s: the password that should be in force is accepted: %v, the other one: %v", user, accepted[0], accepted[1])
	}
	if status, answer := b.whoami(t, user, password); status != 200 && !strings.Contains(answer, "Not management user") {
		t.Errorf("%s with the password that should be in force: %d %s", user, status, answer)
	}
	if status, answer := b.whoami(t, user, other); status != 401 || !strings.Contains(answer, "Login failed") && !strings.Contains(answer, "Not_Authorized") {
		t.Errorf("%s with the other password: %d %s", user, status, answer)
	}
}

// proxy stands between the program and the broker. For each exchange it calls meddle, which may
// let it through by calling forward. An answer of nil drops the connection.
func (b *broker) proxy(t *testing.T, meddle func(request *http.Request, forward func() *answer) *answer) *httptest.Server {
	t.Helper()
	certificate, err := b.authority.ServerCertificate("127.0.0.1")
	check(t, err)
	// Kept alive, so that what is sent to a broker that stands still lies in its socket.
	behind := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: b.authority.Pool()}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		given := meddle(request, func() *answer {
			onward := request.Clone(t.Context()) // not the context of a caller who may go away
			onward.URL.Scheme, onward.URL.Host, onward.RequestURI = "https", b.address(b.management), ""
			onward.Body = io.NopCloser(bytes.NewReader(body))
			response, err := behind.RoundTrip(onward)
			if err != nil {
				return nil
			}
			defer response.Body.Close()
			content, err := io.ReadAll(response.Body)
			if err != nil {
				return nil
			}
			return &answer{response.StatusCode, response.Header, content}
		})
		if given == nil {
			panic(http.ErrAbortHandler)
		}
		for name, values := range given.header {
			w.Header()[name] = values
		}
		w.WriteHeader(given.status)
		_, _ = w.Write(given.body)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		behind.CloseIdleConnections()
	})
	return server
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func isWrite(request *http.Request) bool { return request.Method == http.MethodPut }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// gateway runs the program as the Gateway does.
type gateway struct {
	binary string
	broker *broker
}

// run is one payload.
type run struct {
	user, old, new string
	access         map[string]any // over the fields of the access record
	arguments      string         // of the program
}

// ended is what a run left.
type ended struct {
	exit           int
	outcome, class string
	stdout, stderr string
}

var resultLine = regexp.MustCompile(`^([a-z-]+): [a-z-]+ .*?(?: \[([a-z]+)\])?\n`)

// run hands a payload over for the broker.
func (g gateway) run(t *testing.T, r run) ended {
	t.Helper()
	access := map[string]any{
		"Target": "rabbitmq", "url": g.broker.url(),
		"login": administrator, "password": administratorPassword, "CA Certificate": g.broker.authority.PEM(),
	}
	for label, value := range r.access {
		access[label] = value
	}
	r.access = access
	return r.hand(t, g.binary)
}

// hand hands the payload to the program as the Gateway does, and fails the test if a secret is
// printed: a password of the payload, or the one of the access record.
func (r run) hand(t *testing.T, binary string) ended {
	t.Helper()
	const accessUID, userUID = "Ac7essR3cordUid_0001aA", "Us3rRecordUid_00001aAA"
	access := map[string]any{"uid": accessUID, "title": "API Access Details"}
	for label, value := range r.access {
		access[label] = value
	}
	records, err := json.Marshal([]any{access, map[string]any{"uid": userUID, "title": "PAM User", "login": r.user, "password": r.old, "NOOP": "True"}})
	check(t, err)
	payload, err := json.Marshal(map[string]any{
		"providerRecordUid": "Pr0viderRecordUid_01aA", "resourceRecordUid": nil, "userRecordUid": userUID,
		"user": r.user, "oldPassword": r.old, "newPassword": r.new, "records": base64.StdEncoding.EncodeToString(records),
	})
	check(t, err)

	line := "history -c && echo " + base64.StdEncoding.EncodeToString(payload) + " | " + binary + " " + r.arguments
	command := exec.CommandContext(t.Context(), "bash", "-c", line)
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err = command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	end := ended{exit: command.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	if parts := resultLine.FindStringSubmatch(end.stdout); parts != nil {
		end.outcome, end.class = parts[1], parts[2]
	}
	password, _ := access["password"].(string)
	noSecret(t, end, r.old, r.new, password)
	return end
}

// expect fails the test unless the run ended like that.
func (e ended) expect(t *testing.T, exit int, outcome, class string) {
	t.Helper()
	if e.exit != exit || e.outcome != outcome || e.class != class {
		t.Errorf("exit %d, %s [%s]; want exit %d, %s [%s]\n%s%s", e.exit, e.outcome, e.class, exit, outcome, class, e.stdout, e.stderr)
	}
}
