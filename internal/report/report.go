// Package report is what the program says: one result line or JSON object on
// standard output, events on standard error. Both streams pass the scrubber as
// their last step, whatever is written to them.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode"

	"github.com/rs/zerolog"

	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
)

// Printer writes to the two streams of one run.
type Printer struct {
	stdout, stderr io.Writer
	scrubber       *secret.Scrubber
	json           bool
	failed         *error
	once           bool // both streams are a terminal's: a failure that stood on each would be told twice

	level, format string // set by flags; "" leaves the choice to the access record
	mu            sync.Mutex
	log           zerolog.Logger
}

// Options are the flags that concern the output.
type Options struct {
	JSON      bool   // the result as one JSON object
	LogLevel  string // "" for the access record's choice, or info
	LogFormat string // "" for the access record's choice, or console
	Failed    *error // where a failed write to standard output is kept; nil for nowhere
}

// Levels and Formats are the values that the flags and fields take.
var (
	Levels  = []string{"debug", "info", "warn", "error"}
	Formats = []string{"console", "json"}
)

// New returns a Printer whose streams the scrubber watches.
func New(stdout, stderr io.Writer, scrubber *secret.Scrubber, options Options) *Printer {
	p := &Printer{
		stdout: stdout, stderr: stderr, scrubber: scrubber,
		json: options.JSON, failed: options.Failed, level: options.LogLevel, format: options.LogFormat,
	}
	out, outIsFile := stdout.(*os.File)
	log, logIsFile := stderr.(*os.File)
	p.once = !p.json && outIsFile && logIsFile && IsTerminal(out) && IsTerminal(log)
	p.Log("", "")
	return p
}

// Vocabulary lists the words that every output holds anyway: names of members, outcomes
// and levels. A secret that is one of them cannot be told from them.
func Vocabulary() []string {
	words := append([]string{
		"level", "message", "time", "error", "hint", "changed", "not-changed", "unknown", "true", "false", "null",
		"outcome", "class", "target", "user", "account", "proof", "hints", "warnings", "requests", "writes",
		"tries", "writes_turned_away", "run", "action", "method", "host", "path", "try", "cause", "request_id", "wait_ms", "timeout_ms", "verdict", "calls", "purpose",
		"failed_logins", "duration_ms", "run_id", "version", "login", "status", "answer",
		"started", "platform", "arguments", "program_mode", "working_directory_writable", "stdin", "stdout", "stderr",
		"kind", "encoding", "line_end", "lines", "kib", "environment", "name", "set", "payload", "keys", "key", "shape",
		"records", "uid", "title", "roles", "fields", "user_record_password", "choice", "access_record_uid",
		"access_record_title", "access_record_by", "in_force", "verified", "new", "old", "neither", "state", "host", "title", "pending",
		"in-force", "drifted", "set", "not-set", "ready", "not-ready", "not-tried", "target_by", "keeper_notation", "vault", "gateway_config_files", "problem",
	}, Levels...)
	return append(words, Formats...)
}

// Log returns the logger for a level and format, of which the flags' own win.
func (p *Printer) Log(level, format string) zerolog.Logger {
	pick := func(flag, field, fallback string) string {
		if flag != "" {
			return flag
		}
		if field != "" {
			return field
		}
		return fallback
	}
	level, format = pick(p.level, level, "info"), pick(p.format, format, "console")
	least, err := zerolog.ParseLevel(level)
	if err != nil {
		least = zerolog.InfoLevel
	}
	var out io.Writer
	if format == "json" {
		out = quiet{p.scrubber.Writer(p.stderr, secret.JSON)}
	} else {
		out = zerolog.ConsoleWriter{
			Out: quiet{p.scrubber.Writer(p.stderr, secret.Lines)}, NoColor: true,
			FormatTimestamp: func(at any) string { return fmt.Sprint(at) }, // in RFC 3339, as the event has it
			FormatLevel:     func(level any) string { return fmt.Sprintf("%-5s", level) },
		}
	}
	logger := zerolog.New(out).Level(least).With().Timestamp().Logger()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = logger
	return logger
}

// quiet hides a failing stream from zerolog, which would tell of it on the process's
// standard error, past the scrubber.
type quiet struct{ io.Writer }

func (q quiet) Write(p []byte) (int, error) {
	_, _ = q.Writer.Write(p)
	return len(p), nil
}

// Result prints the end of a run: the result on standard output; for a failure an
// error event and its hints on standard error before it.
func (p *Printer) Result(result rotation.Result) {
	result = p.bounded(result)
	defer p.eventsAround(result)()
	if p.json {
		p.object(result)
		return
	}
	p.line(line(result))
}

// Failure prints a failure on standard error alone.
func (p *Printer) Failure(result rotation.Result) { p.events(p.bounded(result), true) }

// Object prints a value as one JSON object on standard output.
func (p *Printer) Object(value any) { p.object(value) }

// line returns a result as one line for people, without the line end.
func line(result rotation.Result) string {
	var text strings.Builder
	text.WriteString(string(result.Outcome) + ": " + subject(result))
	if result.Outcome == rotation.Changed {
		fmt.Fprintf(&text, ", %s in %d ms", result.Message, result.DurationMS)
		return text.String()
	}
	if subject(result) != "" {
		text.WriteString(": ")
	}
	text.WriteString(strings.TrimPrefix(result.Message, result.Target+": "))
	if result.Class != "" {
		fmt.Fprintf(&text, " [%s]", result.Class)
	}
	return text.String()
}

// subject returns "teramind jdoe@example.com (agent 42)", as far as it is known.
func subject(result rotation.Result) string {
	words := result.Target
	if result.User != "" {
		words = strings.TrimSpace(words + " " + Plain(result.User))
	}
	if result.Account != "" {
		words += " (" + Plain(result.Account) + ")"
	}
	return words
}

// Plain returns a name so that it cannot be taken for anything else on a line: as it
// is, or quoted if it holds blanks, quotes, control or direction characters.
func Plain(name string) string {
	strange := func(r rune) bool {
		return !unicode.IsPrint(r) || r == '"' || r == ',' || unicode.Is(unicode.Cf, r)
	}
	if strings.ContainsFunc(name, strange) || strings.TrimSpace(name) != name {
		return fmt.Sprintf("%q", name)
	}
	return name
}

// Check prints the end of a check and the calls of a rotation.
func (p *Printer) Check(result rotation.CheckResult) {
	result.Result = p.bounded(result.Result)
	defer p.eventsAround(result.Result)()
	type call struct {
		Method  string `json:"method"`
		Host    string `json:"host"`
		Path    string `json:"path"`
		Purpose string `json:"purpose"`
		Kind    string `json:"kind"`
	}
	calls := []call{}
	for _, c := range result.Calls {
		calls = append(calls, call{c.Method, c.Host, c.Path, c.Purpose, c.Kind.String()})
	}
	outcome := "ready"
	if result.Class != "" {
		outcome = "not-ready"
	}
	if p.json {
		p.object(struct {
			rotation.Result
			Outcome string   `json:"outcome"`
			Calls   []call   `json:"calls"`
			Advice  []string `json:"advice,omitempty"`
		}{result.Result, outcome, calls, result.Advice})
		return
	}
	if result.Class != "" {
		p.line(strings.Replace(line(result.Result), string(rotation.NotChanged), outcome, 1))
		return
	}
	p.line(fmt.Sprintf("%s: %s: %s; nothing was changed", outcome, subject(result.Result), result.Message))
	p.Lines(result.Advice...)
	p.line("a rotation sends:")
	for _, c := range calls {
		mark := ""
		switch c.Kind {
		case "write":
			mark = "  <- the write"
		case "sign-in":
			mark = "  <- signs in as the rotated user"
		}
		p.line(fmt.Sprintf("  %-6s https://%s%s  %s%s", c.Method, c.Host, c.Path, c.Purpose, mark))
	}
}

// Verified prints which password is in force.
func (p *Printer) Verified(result rotation.VerifyResult) {
	if result.Class != "" {
		result.Outcome = rotation.Unknown // of the log's event
	}
	defer p.eventsAround(result.Result)()
	if p.json {
		p.object(struct {
			rotation.Result
			Outcome string           `json:"outcome"`
			InForce rotation.InForce `json:"in_force"`
		}{result.Result, "verified", result.InForce})
		return
	}
	text := "in force: " + string(result.InForce) + ": " + subject(result.Result) + ": " + strings.TrimPrefix(result.Message, result.Target+": ")
	if result.Class != "" {
		text += fmt.Sprintf(" [%s]", result.Class)
	}
	p.line(text)
}

// Lines prints lines of text on standard output.
func (p *Printer) Lines(lines ...string) {
	for _, line := range lines {
		p.line(line)
	}
}

// Usage prints the fault of a command line on standard error.
func (p *Printer) Usage(problem string) {
	out := p.scrubber.Writer(p.stderr, secret.Lines)
	fmt.Fprintf(out, "pam-rotate-script: %s\n", problem)
	fmt.Fprintln(out, "hint: pam-rotate-script --help lists the verbs and flags")
}

// eventsAround writes the events of a result, and returns what to do when the result is printed: on a
// terminal they come then, since hints are read after what they are about.
func (p *Printer) eventsAround(result rotation.Result) (printed func()) {
	if p.once {
		return func() { p.events(result, false) }
	}
	p.events(result, false)
	return func() {}
}

// events writes what standard error gets of a result. alone says that no result line follows.
func (p *Printer) events(result rotation.Result, alone bool) {
	p.mu.Lock()
	log := p.log
	p.mu.Unlock()
	if result.RunID != "" {
		log = log.With().Str("run", result.RunID).Logger()
	}
	if result.Class == "" {
		log.Info().Int("requests", result.Requests).Int("writes", result.Writes).
			Int64("duration_ms", result.DurationMS).Msg("done")
		return
	}
	if !p.once || alone {
		log.Error().Str("outcome", string(result.Outcome)).Str("class", string(result.Class)).
			Int("requests", result.Requests).Int("writes", result.Writes).Msg(result.Message)
	}
	for _, hint := range result.Hints {
		log.Error().Msg("hint: " + hint)
	}
}

func (p *Printer) line(text string) {
	if _, err := fmt.Fprintln(p.scrubber.Writer(p.stdout, secret.Lines), text); err != nil && p.failed != nil {
		*p.failed = err
	}
}

func (p *Printer) object(value any) {
	encoded, err := json.Marshal(value)
	if err != nil {
		encoded = []byte(`{"outcome":"unknown","class":"internal","message":"the result cannot be encoded"}`)
	}
	_, _ = p.scrubber.Writer(p.stdout, secret.JSON).Write(append(encoded, '\n'))
}

// IsTerminal reports whether a file is a terminal's or console's, so that waiting for
// input there would look like hanging.
func IsTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && info.Name() != os.DevNull && !sameFile(info, os.DevNull)
}

func sameFile(info os.FileInfo, path string) bool {
	other, err := os.Stat(path)
	return err == nil && os.SameFile(info, other)
}
