package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/vault"
)

// inspection is what inspect finds out. Its JSON form is for machines that compare
// Gateways: members are added, not renamed.
type inspection struct {
	Version string  `json:"version"`
	Started started `json:"started"`
	// Payload is null if it could not be read.
	Payload *params.Outline `json:"payload"`
	Choice  choice          `json:"choice"`
	Vault   visibleVault    `json:"vault"`
	// Problem is why a rotation would end at once, "" if it would not.
	Problem string   `json:"problem"`
	Hints   []string `json:"hints"`
}

// started is how the program was started.
type started struct {
	Platform  string `json:"platform"`
	Arguments int    `json:"arguments"` // without the program's name
	Program   string `json:"program"`   // its path
	// ProgramMode is the file's mode as ls shows it.
	ProgramMode      string        `json:"program_mode"`
	User             string        `json:"user"` // name and number
	WorkingDirectory string        `json:"working_directory"`
	Writable         string        `json:"working_directory_writable"` // yes, no, not known
	Stdin            stdinForm     `json:"stdin"`
	Stdout           string        `json:"stdout"` // as stdinForm.Kind
	Stderr           string        `json:"stderr"`
	Environment      []environment `json:"environment"`
}

// stdinForm is how the payload came.
type stdinForm struct {
	Kind     string `json:"kind"`     // pipe, file, terminal, null device, socket, other
	Encoding string `json:"encoding"` // base64, JSON, other, with the form of characters
	LineEnd  string `json:"line_end"` // of the last line: LF, CR LF, none
	Lines    int    `json:"lines"`
	KiB      int    `json:"kib"` // rounded up
}

// environment is a variable that steers the program, or that is not known of Gateways.
// Its value is not told.
type environment struct {
	Name string `json:"name"`
	Set  bool   `json:"set"`
}

// choice is what a rotation would work with, and why.
type choice struct {
	AccessUID   string `json:"access_record_uid"`
	AccessTitle string `json:"access_record_title"`
	AccessBy    string `json:"access_record_by"`
	Target      string `json:"target"`
	TargetBy    string `json:"target_by"`
	// References are the access record's fields that hold Keeper notation.
	References []string `json:"keeper_notation"`
}

// visibleVault is where a KSM config would be read from.
type visibleVault struct {
	Source string   `json:"config"` // "" for none
	Files  []string `json:"gateway_config_files"`
}

// askedOf are the environment variables that inspect looks for.
var askedOf = []string{
	"KSM_CONFIG", "GATEWAY_CONFIG", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "PATH", "HOME", "LANG",
}

// gatewayConfigs are where Keeper's pages say that a Gateway keeps its own config.
var gatewayConfigs = []string{
	"/etc/keeper-gateway/gateway-config.json",
	`C:\ProgramData\KeeperGateway\config\gateway-config.json`,
	`C:\ProgramData\KeeperGatewayPrivate\gateway-config.json`,
}

func (c *command) inspect([]string) error {
	printer := c.printer()
	options, err := c.options(printer)
	if err != nil {
		return err
	}
	defer c.watchBefore().stop()
	watched := &watchedInput{from: c.stdin}
	payload, ok, err := c.payloadFrom(watched)
	if !ok {
		return nil
	}
	found := inspection{Version: version, Started: c.started(watched), Vault: c.visibleVault(), Hints: []string{}}
	found.Choice.References = []string{}
	if err != nil {
		result := rotation.Failure(err)
		found.Problem, found.Hints = result.Message, result.Hints
		c.printInspection(printer, found, nil)
		if c.flags.json {
			printer.Failure(result)
		} else {
			printer.Result(result)
		}
		return nil
	}
	outline := payload.Outline()
	found.Payload = &outline
	c.choose(&found, payload, options)
	if found.Choice.Target == "" {
		found.Choice.TargetBy = ""
	}
	c.printInspection(printer, found, payload)
	if c.flags.exitZero {
		c.code = 0
	}
	return nil
}

// choose says what a rotation would choose. It asks the vault nothing.
func (c *command) choose(found *inspection, payload *params.Params, options rotation.Options) {
	access, err := payload.AccessRecord(options.AccessRecord)
	if err != nil {
		found.Problem = err.Error()
		if errors.Is(err, params.ErrNoAccessRecord) && found.Vault.Source != "" {
			found.Choice.AccessBy = "the vault, which would be asked"
			found.Problem = ""
		}
		return
	}
	found.Choice.AccessUID, found.Choice.AccessTitle, found.Choice.AccessBy = access.UID, access.Title, accessBy(payload, access, options)
	found.Choice.References = append(found.Choice.References, access.References(vault.IsNotation)...)
	owner, _ := payload.UserRecord()
	known := params.NewSettings(targets.CommonFields(targets.Info{}), access, owner, nil, nil)
	chosen, recipeFault := c.goByRecipe(payload, &options)
	switch {
	case chosen != nil:
		found.Choice.TargetBy = chosen.by
	case c.flags.target == "" && known.Has(targets.FieldRecipe):
		found.Choice.TargetBy = byRecipeField
	case options.Target != "":
		found.Choice.TargetBy = "--target"
	case known.Has(targets.FieldTarget):
		found.Choice.TargetBy = "the access record's field " + targets.FieldTarget
	default:
		found.Choice.TargetBy = "the access record's url"
	}
	if len(found.Choice.References) > 0 {
		// The rest cannot be judged before these are looked up.
		switch name := known.Text(targets.FieldTarget); {
		case payload.IsUsers(access):
			found.Problem = "Keeper notation is not looked up for the PAM User's own record"
		case found.Vault.Source == "":
			found.Problem = "the access record holds Keeper notation, and there is no KSM config to look it up with"
		case options.Target != "":
			found.Choice.Target = options.Target
		case !known.Has(targets.FieldRecipe) && name != "" && !vault.IsNotation(name):
			if info, ok := options.Registry.Find(name); ok {
				found.Choice.Target = info.Name
			}
		}
		return
	}
	if recipeFault != nil {
		result := rotation.Failure(recipeFault)
		found.Problem, found.Hints = result.Message, result.Hints
		return
	}
	options.Keeper = nil
	plan, failed := rotation.Prepare(payload, options)
	if failed != nil {
		found.Problem, found.Hints = failed.Message, failed.Hints
		found.Choice.Target = failed.Target
		return
	}
	found.Choice.Target = plan.Info.Name
}

// accessBy says which rule chose the access record.
func accessBy(payload *params.Params, access params.Record, options rotation.Options) string {
	const label = "Access Record"
	owner, _ := payload.UserRecord()
	chosen := params.NewSettings([]params.Field{{Label: label, PerAccount: true}}, params.Record{}, owner, nil, nil).Has(label)
	titled := slices.ContainsFunc(params.AccessTitles(), func(title string) bool {
		return strings.EqualFold(strings.TrimSpace(access.Title), title)
	})
	switch {
	case strings.TrimSpace(options.AccessRecord) != "":
		return "--access-record"
	case chosen:
		return "the user record's field " + label
	case titled:
		return "its title"
	default:
		return "being the only linked record"
	}
}

func (c *command) visibleVault() visibleVault {
	found := visibleVault{Source: vault.Source(c.vaultOptions()), Files: []string{}}
	for _, path := range gatewayConfigs {
		if info, err := os.Stat(path); err == nil {
			found.Files = append(found.Files, fmt.Sprintf("%s %s", info.Mode(), path))
		}
	}
	return found
}

// started looks at the process. What cannot be found out stays empty.
func (c *command) started(input *watchedInput) started {
	found := started{
		Platform: runtime.GOOS + "/" + runtime.GOARCH, Arguments: c.arguments,
		Stdin: input.form(streamKind(c.stdin)), Stdout: streamKind(c.stdout), Stderr: streamKind(c.stderr),
		Writable: "not known",
	}
	if path, err := os.Executable(); err == nil {
		found.Program = path
		if info, err := os.Stat(path); err == nil {
			found.ProgramMode = info.Mode().String()
		}
	}
	if account, err := user.Current(); err == nil {
		found.User = fmt.Sprintf("%s (%s)", account.Username, account.Uid)
	} else {
		found.User = strconv.Itoa(os.Getuid())
	}
	if directory, err := os.Getwd(); err == nil {
		found.WorkingDirectory, found.Writable = directory, writable(directory)
	}
	for _, name := range askedOf {
		found.Environment = append(found.Environment, environment{name, c.getenv(name) != ""})
	}
	return found
}

// streamKind says what a standard stream is.
func streamKind(stream any) string {
	file, isFile := stream.(*os.File)
	if !isFile {
		return "other"
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		return "closed"
	case report.IsTerminal(file):
		return "terminal"
	case info.Mode()&os.ModeCharDevice != 0:
		return "null device"
	case info.Mode()&os.ModeNamedPipe != 0:
		return "pipe"
	case info.Mode()&os.ModeSocket != 0:
		return "socket"
	case info.Mode().IsRegular():
		return "file"
	}
	return "other"
}

// watchedInput notes the form of what is read from it, and keeps a few bytes of its
// beginning and its end.
type watchedInput struct {
	from io.Reader

	mutex     sync.Mutex // a read that never ended may still go on
	head      []byte
	tail      []byte
	size      int
	lines     int
	wide      int // zero bytes
	notBase64 bool
}

const watchedBytes = 4

func (w *watchedInput) Read(p []byte) (int, error) {
	n, err := w.from.Read(p)
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, character := range p[:n] {
		if len(w.head) < watchedBytes {
			w.head = append(w.head, character)
		}
		switch {
		case character == '\n':
			w.lines++
		case character == 0:
			w.wide++
		case character >= 'a' && character <= 'z', character >= 'A' && character <= 'Z', character >= '0' && character <= '9',
			strings.IndexByte("+/=-_ \r\t\"'\xef\xbb\xbf\xff\xfe", character) >= 0:
		default:
			w.notBase64 = true
		}
	}
	w.tail = append(w.tail, p[:n]...)
	w.tail = slices.Clone(w.tail[max(0, len(w.tail)-watchedBytes):])
	w.size += n
	return n, err
}

// form tells what was noted. The bytes themselves stay here.
func (w *watchedInput) form(kind string) stdinForm {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	found := stdinForm{Kind: kind, Lines: w.lines, KiB: (w.size + 1023) / 1024, LineEnd: "none"}
	tail := bytes.ReplaceAll(w.tail, []byte{0}, nil)
	switch {
	case bytes.HasSuffix(tail, []byte("\r\n")):
		found.LineEnd = "CR LF"
	case bytes.HasSuffix(tail, []byte("\n")):
		found.LineEnd = "LF"
	}
	if w.size > 0 && found.LineEnd == "none" {
		found.Lines++
	}
	first := bytes.TrimLeft(bytes.ReplaceAll(w.head, []byte{0}, nil), "\xef\xbb\xbf\xff\xfe \r\n")
	switch {
	case w.size == 0:
		found.Encoding = "nothing"
		return found
	case bytes.HasPrefix(first, []byte("{")):
		found.Encoding = "JSON"
	case !w.notBase64:
		found.Encoding = "base64"
	default:
		found.Encoding = "other"
	}
	switch {
	case bytes.HasPrefix(w.head, []byte("\xef\xbb\xbf")):
		found.Encoding += ", UTF-8 with a byte order mark"
	case bytes.HasPrefix(w.head, []byte("\xff\xfe")), bytes.HasPrefix(w.head, []byte("\xfe\xff")):
		found.Encoding += ", UTF-16 with a byte order mark"
	case w.wide > 0:
		found.Encoding += ", UTF-16 without a byte order mark"
	}
	return found
}

// printInspection prints it as lines, or as one JSON object.
func (c *command) printInspection(printer *report.Printer, found inspection, payload *params.Params) {
	if c.flags.json {
		printer.Object(found)
		return
	}
	s := found.Started
	printer.Lines(
		fmt.Sprintf("version: %s, %s", found.Version, s.Platform),
		fmt.Sprintf("started by user %s, arguments: %d", report.Plain(s.User), s.Arguments),
		fmt.Sprintf("program: %s %s", s.ProgramMode, report.Plain(s.Program)),
		fmt.Sprintf("working directory: %s, writable: %s", report.Plain(s.WorkingDirectory), s.Writable),
		fmt.Sprintf("standard input: %s, %s, line end %s, %d lines, %d KiB", s.Stdin.Kind, s.Stdin.Encoding, s.Stdin.LineEnd, s.Stdin.Lines, s.Stdin.KiB),
		fmt.Sprintf("standard output: %s, standard error: %s", s.Stdout, s.Stderr),
	)
	set, unset := []string{}, []string{}
	for _, variable := range s.Environment {
		if variable.Set {
			set = append(set, variable.Name)
		} else {
			unset = append(unset, variable.Name)
		}
	}
	printer.Lines("environment, set: "+listed(set), "environment, not set: "+listed(unset))
	config := found.Vault.Source
	if config == "" {
		config = "none"
	}
	printer.Lines("KSM config: " + config)
	for _, file := range found.Vault.Files {
		printer.Lines("the Gateway's own config, not read: " + file)
	}
	if payload == nil {
		return
	}
	printer.Lines(payload.Shape()...)
	printer.Lines("password of the user record: " + map[string]string{
		"new": "the payload's new one", "old": "the payload's old one", "both": "the payload's, whose new and old one are the same",
		"neither": "neither of the payload's", "none": "none there",
	}[found.Payload.Password])
	if len(found.Choice.References) > 0 {
		var quoted []string
		for _, label := range found.Choice.References {
			quoted = append(quoted, strconv.Quote(label))
		}
		printer.Lines("Keeper notation, looked up in the vault by a rotation: " + strings.Join(quoted, ", "))
	}
	if found.Problem != "" {
		printer.Lines("a rotation would end at once: " + found.Problem)
	}
	if found.Choice.AccessUID != "" || found.Choice.AccessTitle != "" {
		printer.Lines(fmt.Sprintf("access record: %s (uid %s)", report.Plain(found.Choice.AccessTitle), report.Plain(found.Choice.AccessUID)))
	}
	if found.Choice.AccessBy != "" {
		printer.Lines("access record chosen by: " + found.Choice.AccessBy)
	}
	if found.Choice.Target != "" {
		printer.Lines("target: "+found.Choice.Target, "target chosen by: "+found.Choice.TargetBy)
	}
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
