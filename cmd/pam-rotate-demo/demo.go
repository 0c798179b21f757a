package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"pam-rotate-script/internal/simulator"
)

// newPassword is set in every run. It holds what breaks a program that puts
// shell, JSON or URL text together, and meets the rules of every vendor here.
const newPassword = `Nw7-"$(date)"\'&<%41>+=;#`

// signInLimit is how many sign-ins as the user may fail in one run, for the sake of
// vendors that lock accounts out.
const signInLimit = 2

// demo carries out the demonstration and counts the claims.
type demo struct {
	binary  string // absolute path
	verbose bool
	limit   time.Duration // of one run of the program
	out     io.Writer

	place   string   // of the run under way, such as "2.1"
	checked int      // claims so far
	broken  []string // those that did not hold
}

// run carries out every run of every vendor and returns the exit code.
func (d *demo) run(ctx context.Context, vendors []vendor) int {
	begin := time.Now()
	d.introduce()
	for i, v := range vendors {
		d.printf("\n\n%d. %s\n\n", i+1, v.name)
		for _, line := range v.about {
			d.printf("   %s\n", line)
		}
		for j, s := range v.scenarios() {
			d.place = fmt.Sprintf("%d.%d", i+1, j+1)
			if err := d.carryOut(ctx, v, s); err != nil {
				d.printf("\nThe demonstration ends here: %v.\n", err)
				return 1
			}
		}
	}
	seconds := time.Since(begin).Seconds()
	if len(d.broken) == 0 {
		d.printf("\n\n%d claims checked, all hold, in %.0f seconds.\n", d.checked, seconds)
		return 0
	}
	d.printf("\n\n%d claims checked in %.0f seconds, %d of them WRONG:\n", d.checked, seconds, len(d.broken))
	for _, claim := range d.broken {
		d.printf("   %s\n", claim)
	}
	return 1
}

func (d *demo) introduce() {
	d.printf(`pam-rotate-script: a demonstration

The Keeper Gateway pipes one line of base64 JSON into a script, and looks at nothing
but its exit code:

   0   changed: the new password is in force
   1   not changed, for certain
   3   unknown: the change may or may not have taken effect

Below, vendors are simulated on this machine, on 127.0.0.1 over HTTPS, with a
certificate authority that lives as long as this demonstration. The program is the real
one, run as the Gateway runs it:

   bash -c %s

BASE64 stands for the payload. It names the user, the old and the new password, which is
full of quotes and other special characters, and holds the linked access record: the
vendor's address and credential, and the authority's certificate in "CA Certificate".

   program   what the program wrote to standard output, word for word
   warning   warnings from its standard error, and
   hint      what it advises there, both without time and run number
   ok        a claim that was checked and holds
   WRONG     a claim that does not hold
`, quoted(gatewayLine("BASE64", d.binary)))
}

// scenario is one run of the program against a fresh vendor.
type scenario struct {
	title string
	// wrongCredential spoils the access record.
	wrongCredential bool
	// fault names what goes wrong at the first write; "" for nothing.
	fault string
	want  ending
}

// scenarios returns the runs of a vendor.
func (v vendor) scenarios() []scenario {
	all := []scenario{
		{title: "A rotation", want: v.rotation},
		{title: "The access record holds a wrong credential", wrongCredential: true, want: v.wrongCredential},
		{title: "The vendor changes the password, then the connection breaks before it answers", fault: "drop after", want: v.lostAfter},
	}
	if v.lostBefore != nil {
		all = append(all, scenario{title: "The connection breaks before the vendor changes anything", fault: "drop before", want: *v.lostBefore})
	}
	return all
}

// carryOut runs the program once and checks every claim. The error says why the
// demonstration cannot go on; a claim that does not hold is none.
func (d *demo) carryOut(ctx context.Context, v vendor, s scenario) error {
	running, err := v.start(v.user, v.old)
	if err != nil {
		return err
	}
	defer running.server.Close()
	if s.wrongCredential {
		running.wrong(running.access)
	}
	if s.fault != "" {
		running.server.Inject(simulator.Fault{Exchange: v.write, Occurrence: 1, Kind: simulator.KindNamed(s.fault)})
	}
	running.access["CA Certificate"] = running.server.Authority().PEM()
	text, err := payload(v.user, v.old, newPassword, running.access)
	if err != nil {
		return err
	}

	d.printf("\n   %s %s\n", d.place, s.title)
	for _, line := range s.want.because {
		d.printf("       %s\n", line)
	}
	d.printf("\n")
	brokenBefore := len(d.broken)
	d.state(ctx, running, "before the run, the vendor", "old", v.old, true)
	already := len(running.server.Exchanges())

	result := runLikeGateway(ctx, d.binary, text, d.limit)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	exchanges := running.server.Exchanges()[already:]
	notes := running.server.Notes()
	d.show(result)

	d.printed(result, s.want)
	d.arrived(v, s, exchanges, notes)
	d.signedIn(running, v, s.want, exchanges)
	d.state(ctx, running, "afterwards the vendor", "old", v.old, !s.want.renewed)
	d.state(ctx, running, "afterwards the vendor", "new", newPassword, s.want.renewed)
	if running.leftOpen != nil {
		d.claim("nothing is left open at the vendor", strings.Join(running.leftOpen(), ", "))
	}
	d.keptSecret(result, text, append([]secretText{
		{"the new password", newPassword}, {"the old password", v.old},
		{"the access record's password", fmt.Sprint(running.access["password"])},
		{"a value of the PAM Configuration", providerValue},
	}, credentials(exchanges)...))

	if d.verbose || len(d.broken) > brokenBefore {
		d.printf("\n       standard error:\n")
		for line := range strings.Lines(result.stderr) {
			d.printf("         %s\n", strings.TrimSuffix(line, "\n"))
		}
	}
	if result.failure != "" {
		return errors.New("the program did not end by itself: " + result.failure)
	}
	return nil
}

// printed checks exit code and result line.
func (d *demo) printed(result ended, want ending) {
	found := ""
	switch {
	case result.failure != "":
		found = result.failure
	case result.exit != exitCodes[want.outcome]:
		found = fmt.Sprintf("it is %d", result.exit)
	}
	d.claim(fmt.Sprintf("the exit code is %d", exitCodes[want.outcome]), found)

	line, rest, whole := strings.Cut(result.stdout, "\n")
	found = ""
	switch {
	case !whole || rest != "":
		found = "there is not exactly one line"
	case !strings.HasPrefix(line, want.outcome+": "):
		found = "it says something else"
	case !strings.Contains(line, want.words):
		found = fmt.Sprintf("it does not say %q", want.words)
	}
	d.claim(fmt.Sprintf("one result line, which says %q and %q", want.outcome, want.words), found)
}

// arrived checks what reached the vendor.
func (d *demo) arrived(v vendor, s scenario, exchanges []simulator.Exchange, notes []string) {
	writes, lost := 0, false
	for _, exchange := range exchanges {
		if exchange.Name == v.write {
			writes++
			lost = lost || exchange.Fault == s.fault && exchange.Status == 0
		}
	}
	found := ""
	if writes != s.want.writes {
		found = fmt.Sprintf("%d arrived", writes)
	}
	d.claim(fmt.Sprintf("writes that reached the vendor: %d, among %d requests", s.want.writes, len(exchanges)), found)
	d.claim("no request broke a rule of the vendor's", strings.Join(notes, "; "))
	if s.fault != "" {
		found = ""
		if !lost {
			found = "it did not"
		}
		d.claim("the connection did break at the write", found)
	}
}

// signedIn checks the program's own sign-ins as the user.
func (d *demo) signedIn(running *stand, v vendor, want ending, exchanges []simulator.Exchange) {
	if running.signIn == nil {
		return
	}
	passwords := map[string]string{"old": v.old, "new": newPassword}
	failed, proved := 0, false
	for _, exchange := range exchanges {
		password, ok := running.signIn(exchange)
		switch {
		case ok && exchange.Status/100 != 2:
			failed++
		case ok && want.login != "" && password == passwords[want.login]:
			proved = true
		}
	}
	if want.login != "" {
		found := ""
		if !proved {
			found = "it did not"
		}
		d.claim(fmt.Sprintf("the program itself signed in with the %s password", want.login), found)
	}
	found := ""
	if failed > signInLimit {
		found = fmt.Sprintf("%d failed", failed)
	}
	d.claim(fmt.Sprintf("no more than %d sign-ins failed, so no account is locked out: %d", signInLimit, failed), found)
}

// state checks whether the vendor takes a password.
func (d *demo) state(ctx context.Context, running *stand, subject, which, password string, takes bool) {
	verb := map[bool]string{true: "takes", false: "refuses"}
	asked, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	accepted, err := running.accepts(asked, password)
	found := ""
	switch {
	case err != nil:
		found = err.Error()
	case accepted != takes:
		found = "it " + verb[accepted] + " it"
	}
	d.claim(fmt.Sprintf("%s %s the %s password", subject, verb[takes], which), found)
}

// keptSecret checks what was printed for secrets.
func (d *demo) keptSecret(result ended, payload string, secrets []secretText) {
	var found []string
	for _, stream := range []struct{ name, text string }{{"standard output", result.stdout}, {"standard error", result.stderr}} {
		if secret := findSecret(stream.text, secrets); secret != "" {
			found = append(found, stream.name+" holds "+secret)
		}
		if holdsPart(stream.text, payload) {
			found = append(found, stream.name+" holds a part of the payload")
		}
	}
	d.claim("nothing secret is printed: no password, token or payload, raw or encoded", strings.Join(found, "; "))
}

// claim counts a claim and prints it. found is what is the case instead, "" if the
// claim holds.
func (d *demo) claim(text, found string) {
	d.checked++
	if found == "" {
		d.label("ok", text)
		return
	}
	d.label("WRONG", text+": "+found)
	d.broken = append(d.broken, d.place+"  "+text+": "+found)
}

var (
	// logged matches a line of the program's log: time, level, text.
	logged = regexp.MustCompile(`^\S+ (warn|error) +(.*)$`)
	// runName is the name of the run, which is of no interest here.
	runName = regexp.MustCompile(` run=[0-9a-f]+\b`)
)

// show prints the result line, and of standard error what an administrator should read.
func (d *demo) show(result ended) {
	if result.stdout == "" {
		d.label("program", "(nothing)")
	}
	for line := range strings.Lines(result.stdout) {
		d.label("program", strings.TrimSuffix(line, "\n"))
	}
	for line := range strings.Lines(result.stderr) {
		event := logged.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if event == nil {
			continue
		}
		text := runName.ReplaceAllString(event[2], "")
		if hint, ok := strings.CutPrefix(text, "hint: "); ok {
			d.label("hint", hint)
		} else if event[1] == "warn" {
			d.label("warning", text)
		}
	}
}

func (d *demo) label(label, text string) { d.printf("       %-9s %s\n", label, text) }

// printf writes to the output. There is nobody to tell if that fails.
func (d *demo) printf(format string, values ...any) { _, _ = fmt.Fprintf(d.out, format, values...) }
