package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"pam-rotate-script/internal/simulator"
)

// serveUsage is what is said about the verb serve.
const serveUsage = `pam-rotate-demo serve starts simulated vendors on 127.0.0.1 and prints where each is and
how to get in. Any client of the vendor may talk to them, any number of times. They stop
at Ctrl-C, and with them the folder with their files goes.

  --for 10m   stop by itself after that time
  --json      print one JSON object, for programs
`

// served is what is told about one vendor. Its JSON form is for programs.
type served struct {
	// URL is the address without a path; that of rest is the whole endpoint.
	URL string `json:"url"`
	// CA is the name of a file with the authority's certificate, PEM.
	CA          string         `json:"ca"`
	Credentials any            `json:"credentials"`
	Accounts    []demoAccount  `json:"accounts"`
	Source      string         `json:"source,omitempty"` // SailPoint's source of the accounts
	Description string         `json:"description"`      // the name of a file for payload --from
	access      map[string]any // the access record's fields
}

// demoAccount is an account with the password that it has at the start.
type demoAccount struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// directory is all that is served, with the vendors in the order in which they are shown.
type directory struct {
	Teramind  served `json:"teramind"`
	Venafi    served `json:"venafi"`
	SailPoint served `json:"sailpoint"`
	SPS       served `json:"sps"`
	REST      served `json:"rest"`
}

// serve carries out the verb serve and returns the exit code.
func serve(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("pam-rotate-demo serve", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, serveUsage) }
	limit := flags.Duration("for", 0, "")
	asJSON := flags.Bool("json", false, "")
	switch err := flags.Parse(arguments); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	}
	limited := false
	flags.Visit(func(given *flag.Flag) { limited = limited || given.Name == "for" })
	switch {
	case flags.NArg() > 0:
		fmt.Fprintln(stderr, "pam-rotate-demo serve: no arguments are taken, only flags")
		flags.Usage()
		return exitUsage
	case limited && *limit <= 0:
		fmt.Fprintln(stderr, "pam-rotate-demo serve: --for needs a time such as 10m")
		return exitUsage
	}
	if limited {
		timed, cancel := context.WithTimeout(ctx, *limit)
		defer cancel()
		ctx = timed
	}
	all, err := openServing()
	if err != nil {
		fmt.Fprintf(stderr, "pam-rotate-demo serve: %v\n", err)
		return 1
	}
	defer all.close()
	var text bytes.Buffer
	if *asJSON {
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(all.directory)
	} else {
		all.describe(&text)
	}
	if err == nil {
		_, err = stdout.Write(text.Bytes())
	}
	if err != nil {
		fmt.Fprintf(stderr, "pam-rotate-demo serve: print what is served: %v\n", err)
		return 1
	}
	<-ctx.Done()
	return 0
}

// serving are the running vendors.
type serving struct {
	directory directory
	folder    string // of the files; readable by this user alone
	vendors   []*servedVendor
}

// servedVendor is a running vendor.
type servedVendor struct {
	name     string
	served   *served
	server   *simulator.Server
	password func(user string) string // in force now
	// delay is how long after an answer a password may come into force.
	delay time.Duration

	mutex   sync.Mutex // guards the description
	changes int        // of the first account's password
	last    string     // its password
	closed  bool       // the description is of no use any more
}

// openServing starts every vendor and writes its files.
func openServing() (*serving, error) {
	folder, err := os.MkdirTemp("", "pam-rotate-demo-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	s := &serving{folder: folder}
	for _, vendor := range []struct {
		name   string
		served *served
		start  func(*servedVendor) error
	}{
		{"teramind", &s.directory.Teramind, serveTeramind},
		{"venafi", &s.directory.Venafi, serveVenafi},
		{"sailpoint", &s.directory.SailPoint, serveSailPoint},
		{"sps", &s.directory.SPS, serveSPS},
		{"rest", &s.directory.REST, serveREST},
	} {
		running := &servedVendor{name: vendor.name, served: vendor.served}
		if err := vendor.start(running); err != nil {
			s.close()
			return nil, fmt.Errorf("start %s: %w", vendor.name, err)
		}
		s.vendors = append(s.vendors, running)
		if err := running.writeFiles(folder); err != nil {
			s.close()
			return nil, fmt.Errorf("write the files of %s: %w", vendor.name, err)
		}
		// The file is true by the time the client has the answer.
		running.server.Observe(func(_ simulator.Exchange, moment simulator.Moment) {
			if moment == simulator.Acted {
				running.follow()
				if running.delay > 0 {
					time.AfterFunc(running.delay, running.follow)
				}
			}
		})
	}
	return s, nil
}

// close stops everything and removes the folder.
func (s *serving) close() {
	for _, vendor := range s.vendors {
		vendor.server.Close()
		vendor.mutex.Lock()
		vendor.closed = true
		vendor.mutex.Unlock()
	}
	// It is under the system's folder for what may go.
	_ = os.RemoveAll(s.folder)
}

func (v *servedVendor) writeFiles(folder string) error {
	v.served.CA = filepath.Join(folder, v.name+".pem")
	v.served.Description = filepath.Join(folder, v.name+".yaml")
	if err := os.WriteFile(v.served.CA, []byte(v.server.Authority().PEM()), 0o600); err != nil {
		return err
	}
	v.last = v.password(v.served.Accounts[0].User)
	return v.writeDescription()
}

// follow writes the description anew if the password of its account has changed.
func (v *servedVendor) follow() {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	password := v.password(v.served.Accounts[0].User)
	if v.closed || password == v.last {
		return
	}
	v.last = password
	v.changes++
	// There is nobody to tell if that fails: the vendor has changed the password.
	_ = v.writeDescription()
}

// writeDescription writes what payload --from takes: the account as it is now, and a
// password that it has not had from the demonstration.
func (v *servedVendor) writeDescription() error {
	var text bytes.Buffer
	line := func(format, value string) { fmt.Fprintf(&text, format, quotedYAML(value)) }
	line("user: %s\n", v.served.Accounts[0].User)
	line("oldPassword: %s\n", v.last)
	line("newPassword: %s\n", fmt.Sprintf("Demo-Pass!word-%d", v.changes+2))
	text.WriteString("accessRecord:\n")
	for _, label := range []string{
		"Target", "url", "login", "password", "Client ID", "Source Name", "Login Method", "Verify URL",
	} {
		if value, there := v.served.access[label].(string); there {
			line("  "+label+": %s\n", value)
		}
	}
	line("  CA Certificate: %s\n", v.server.Authority().PEM())
	// Renamed, so that nobody reads half of it.
	fresh := v.served.Description + ".new"
	if err := os.WriteFile(fresh, text.Bytes(), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, v.served.Description)
}

// quotedYAML is a text between double quotes: a JSON string means the same in YAML.
func quotedYAML(text string) string {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		// A string has a JSON form.
		panic(err)
	}
	return string(bytes.TrimSpace(quoted.Bytes()))
}

// describe writes what is served for people.
func (s *serving) describe(out io.Writer) {
	for _, vendor := range s.vendors {
		fmt.Fprintf(out, "%s\n", vendor.name)
		row := func(name, value string) { fmt.Fprintf(out, "   %-13s %s\n", name, value) }
		row("url", vendor.served.URL)
		row("ca", vendor.served.CA)
		for _, credential := range vendor.served.Credentials.(signInWith) {
			row(credential.name, credential.value)
		}
		if vendor.served.Source != "" {
			row("source", vendor.served.Source)
		}
		for _, account := range vendor.served.Accounts {
			row("account", account.User+"   "+account.Password)
		}
		row("description", vendor.served.Description)
	}
	fmt.Fprint(out, "\nAll of it is made up. Stop with Ctrl-C.\n")
}

// signInWith is what a client signs in with, in a fixed order.
type signInWith []credential

type credential struct{ name, value string }

// MarshalJSON returns an object with the values by name.
func (c signInWith) MarshalJSON() ([]byte, error) {
	object := make(map[string]string)
	for _, credential := range c {
		object[credential.name] = credential.value
	}
	return json.Marshal(object)
}
