//go:build linux

package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/simulator/rest"
)

// settings are what the command line says.
type settings struct {
	tags, compile, link string
	budget              int
	scale               float64
}

// stage is all that the sections need: the simulated endpoint, the programs, the files.
type stage struct {
	settings
	bench
	builder
	server  *simulator.Server
	product string
	// trusted is the file with the certificates that all sides trust.
	trusted string
	began   time.Time
	goals   []goal
	load    string
	tools   []string
}

// user is an account that the simulated endpoint has.
const (
	user        = "jdoe@example.com"
	oldPassword = rest.FirstPassword
	newPassword = "Second-Pass!word-2"
)

// endpoint is the simulated endpoint, for clients that ask for compressed answers too: other
// than the program most of them do.
type endpoint struct{ *rest.Service }

// Routes returns the endpoint's routes.
func (e endpoint) Routes() []simulator.Route {
	routes := e.Service.Routes()
	for i, route := range routes {
		routes[i].Serve = func(r *simulator.Request) simulator.Answer {
			r.Header.Del("Accept-Encoding")
			return route.Serve(r)
		}
	}
	return routes
}

func prepare(ctx context.Context, settings settings) (_ *stage, err error) {
	directory, err := os.MkdirTemp("", "pam-rotate-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	s := &stage{
		settings: settings, began: time.Now(), load: firstFields("/proc/loadavg", 3),
		bench:   bench{wire: &wire{}, limit: time.Minute},
		builder: builder{directory, settings.tags, settings.compile, settings.link},
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	service, err := rest.New(rest.Config{})
	if err != nil {
		return nil, err
	}
	if s.server, err = simulator.Start(endpoint{service}, simulator.Options{Listen: s.wire.listen}); err != nil {
		return nil, err
	}
	s.server.Observe(s.wire.observe)
	if s.launch, err = s.build(ctx, "launch", launcher); err != nil {
		return nil, err
	}
	if s.product, err = s.build(ctx, "pam-rotate-script", product); err != nil {
		return nil, err
	}
	s.trusted = filepath.Join(directory, "trusted.pem")
	if err := os.WriteFile(s.trusted, []byte(systemCertificates()+s.server.Authority().PEM()), 0o600); err != nil {
		return nil, fmt.Errorf("write the certificates: %w", err)
	}
	return s, nil
}

func (s *stage) close() {
	if s.server != nil {
		s.server.Close()
	}
	// It is under the system's folder for what may go.
	_ = os.RemoveAll(s.directory)
}

// refused tells what the endpoint had against the requests so far, "" if nothing.
func (s *stage) refused() string {
	if notes := s.server.Notes(); len(notes) > 0 {
		return "; noted at the endpoint: " + notes[0]
	}
	return ""
}

// systemCertificates returns the system's own, so that each side reads as many as it
// would on a real machine.
func systemCertificates() string {
	for _, path := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"} {
		if text, err := os.ReadFile(path); err == nil {
			return strings.TrimSuffix(string(text), "\n") + "\n"
		}
	}
	return ""
}

// rounds is how often something is run, which is at least twice.
func (s *stage) rounds(usual int) int { return max(2, int(float64(usual)*s.scale)) }

// trust is the environment by which every side trusts the simulated endpoint beside the
// system's certificates.
func (s *stage) trust() []string {
	return []string{"SSL_CERT_FILE=" + s.trusted, "REQUESTS_CA_BUNDLE=" + s.trusted}
}

// rotation is one run of a build of the program.
func (s *stage) rotation(name, path string, payload []byte) program {
	return program{name: name, arguments: []string{path}, stdin: payload, environment: s.trust()}
}

// payload returns what the Gateway would pipe in, with some more records linked than are
// needed, and with filler in each of them.
func (s *stage) payload(more, filler int, access map[string]any) []byte {
	record := map[string]any{
		"uid": "Ac7essR3cordUid_0001aA", "title": "Record with Access Token",
		"url": s.server.URL() + "/api/password", "password": rest.Token,
	}
	for key, value := range access {
		record[key] = value
	}
	records := []any{
		map[string]any{"uid": "Pr0viderRecordUid_01aA", "title": "PAM Configuration", "accessSecretKey": "invented-provider-key"},
		record,
		map[string]any{"uid": "Us3rRecordUid_00001aAA", "title": "PAM User", "login": user, "password": oldPassword, "NOOP": "True"},
	}
	for i := range more {
		records = append(records, map[string]any{
			"uid": fmt.Sprintf("L1nkedRecordUid_%06d", i), "title": fmt.Sprintf("Linked record %d", i), "type": "login",
			"login": fmt.Sprintf("service-%d", i), "password": fmt.Sprintf("Invented/%d+%x", i, i*7919),
			"url": fmt.Sprintf("https://host-%d.example.com", i), "API Key": fmt.Sprintf("key-%08x-%08x", i*31, i*17),
			"Notes": fmt.Sprintf("note %d %s", i, strings.Repeat("x", filler)),
		})
	}
	inner, err := json.Marshal(records)
	if err != nil {
		panic(err) // it is made of texts
	}
	outer, err := json.Marshal(map[string]any{
		"providerRecordUid": "Pr0viderRecordUid_01aA", "resourceRecordUid": nil, "userRecordUid": "Us3rRecordUid_00001aAA",
		"user": user, "oldPassword": oldPassword, "newPassword": newPassword,
		"records": base64.StdEncoding.EncodeToString(inner),
	})
	if err != nil {
		panic(err)
	}
	return append([]byte(base64.StdEncoding.EncodeToString(outer)), '\n')
}

// goal is one thing that must hold.
type goal struct {
	what, measured, wanted string
	holds                  bool
}

// want notes a goal: a figure, and the most that it may be.
func (s *stage) want(what, format string, measured, most float64) {
	s.goals = append(s.goals, goal{what, fmt.Sprintf(format, measured), fmt.Sprintf("at most "+format, most), measured <= most})
}

func (s *stage) kept() bool {
	for _, goal := range s.goals {
		if !goal.holds {
			return false
		}
	}
	return true
}

// verdict is the table of goals.
func (s *stage) verdict() string {
	table := newTable("goal", "wanted", "measured", "holds")
	for _, goal := range s.goals {
		table.row(goal.what, goal.wanted, goal.measured, map[bool]string{true: "yes", false: "**no**"}[goal.holds])
	}
	return table.String()
}

// python returns an interpreter that has requests, or says what is missing. The one of the
// distribution comes first: what the search path has may be a script around another one.
func python(ctx context.Context) (path, about, missing string) {
	missing = "python3 is not installed"
	for _, candidate := range []string{os.Getenv("PYTHON"), "/usr/bin/python3", "python3"} {
		if _, err := exec.LookPath(cmp.Or(candidate, " ")); err != nil {
			continue
		}
		told, err := exec.CommandContext(ctx, candidate, "-c",
			"import sys, platform, requests; print(sys.executable, 'Python', platform.python_version(), 'with requests', requests.__version__)").Output()
		if err == nil {
			path, about, _ = strings.Cut(strings.TrimSpace(string(told)), " ")
			return path, about, ""
		}
		missing = "python3 has no package requests (on Debian: apt-get install python3-requests)"
	}
	return "", "", missing
}

// machine describes what the figures come from.
func (s *stage) machine() string {
	table := newTable("", "")
	table.row("measured", s.began.UTC().Format("2006-01-02 15:04 UTC")+fmt.Sprintf(", in %.0f s", time.Since(s.began).Seconds()))
	table.row("processor", fmt.Sprintf("%s, %d used", cmp.Or(afterColon("/proc/cpuinfo", "model name"), runtime.GOARCH), runtime.NumCPU()))
	table.row("memory", afterColon("/proc/meminfo", "MemTotal"))
	table.row("system", strings.Trim(afterEquals("/etc/os-release", "PRETTY_NAME"), `"`)+", Linux "+firstFields("/proc/sys/kernel/osrelease", 1))
	table.row("Go", runtime.Version())
	for _, tool := range s.tools {
		table.row("compared with", tool)
	}
	table.row("load before and after", s.load+"; "+firstFields("/proc/loadavg", 3))
	return table.String()
}

// firstFields returns the first words of a file, "" if it cannot be read.
func firstFields(path string, most int) string {
	text, _ := os.ReadFile(path)
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(most, len(fields))], " ")
}

func afterColon(path, key string) string  { return after(path, key, ":") }
func afterEquals(path, key string) string { return after(path, key, "=") }

// after returns the value of the first line of a file that has this key.
func after(path, key, separator string) string {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		name, value, found := strings.Cut(line, separator)
		if found && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
