// Package inspect finds out how the program was started, what shape a payload has, and which
// access record and target a rotation would choose, and why: the verb inspect, which is the
// first thing to attach to a record on a new Gateway. It sends nothing, opens no config, and
// what it finds holds no value of a field, of an environment variable or of a config.
//
// New looks at the process, with an Input around its standard input. Choose looks at the payload that was
// read from it, or Fail says why there is none. The Inspection is printed as its JSON form or as its Lines.
package inspect

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/recipe"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/vault"
)

// Inspection is what is found out. Its JSON form is for machines that compare
// Gateways: members are added, not renamed.
type Inspection struct {
	Version string  `json:"version"`
	Started Started `json:"started"`
	// Payload is null if it could not be read.
	Payload *params.Outline `json:"payload"`
	Choice  Choice          `json:"choice"`
	Vault   Vault           `json:"vault"`
	// Problem is why a rotation would end at once, "" if it would not.
	Problem string   `json:"problem"`
	Hints   []string `json:"hints"`

	shape []string // of the payload, as lines
}

// Started is how the program was started.
type Started struct {
	Platform  string `json:"platform"`
	Arguments int    `json:"arguments"` // without the program's name
	Program   string `json:"program"`   // its path
	// ProgramMode is the file's mode as ls shows it.
	ProgramMode      string     `json:"program_mode"`
	User             string     `json:"user"` // name and number
	WorkingDirectory string     `json:"working_directory"`
	Writable         string     `json:"working_directory_writable"` // yes, no, not known
	Stdin            StdinForm  `json:"stdin"`
	Stdout           string     `json:"stdout"` // as StdinForm.Kind
	Stderr           string     `json:"stderr"`
	Environment      []Variable `json:"environment"`
}

// StdinForm is how the payload came.
type StdinForm struct {
	Kind     string `json:"kind"`     // pipe, file, terminal, null device, socket, other
	Encoding string `json:"encoding"` // base64, JSON, other, with the form of characters
	LineEnd  string `json:"line_end"` // of the last line: LF, CR LF, none
	Lines    int    `json:"lines"`
	KiB      int    `json:"kib"` // rounded up
}

// Variable is a variable that steers the program, or that is not known of Gateways.
// Its value is not told.
type Variable struct {
	Name string `json:"name"`
	Set  bool   `json:"set"`
}

// Choice is what a rotation would work with, and why.
type Choice struct {
	AccessUID   string `json:"access_record_uid"`
	AccessTitle string `json:"access_record_title"`
	AccessBy    string `json:"access_record_by"`
	Target      string `json:"target"`
	TargetBy    string `json:"target_by"`
	// References are the access record's fields that hold Keeper notation.
	References []string `json:"keeper_notation"`
}

// Vault is where a KSM config would be read from.
type Vault struct {
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

// Process is the process as its main function knows it.
type Process struct {
	Version   string // of the program
	Arguments int    // without the program's name
	// Stdout and Stderr are its streams; one that is no *os.File is of the kind "other".
	Stdout, Stderr any
	Getenv         func(name string) string
	Vault          vault.Options
}

// New looks at the process, once all of its standard input that is wanted was read. What
// cannot be found out stays empty.
func New(process Process, input *Input) *Inspection {
	found := &Inspection{
		Version: process.Version, Started: process.started(input), Hints: []string{},
		Choice: Choice{References: []string{}}, Vault: Vault{Source: vault.Source(process.Vault), Files: []string{}},
	}
	for _, path := range gatewayConfigs {
		if info, err := os.Stat(path); err == nil {
			found.Vault.Files = append(found.Vault.Files, fmt.Sprintf("%s %s", info.Mode(), path))
		}
	}
	return found
}

// Fail says why a rotation would end at once, and returns that end.
func (i *Inspection) Fail(err error) rotation.Result {
	result := rotation.Failure(err)
	i.Problem, i.Hints = result.Message, result.Hints
	return result
}

// Choose says what a rotation of the payload would choose. It asks the vault nothing. The
// recipe is the one that the options go by already, or nil, and fault is why there is none
// where there should be one.
func (i *Inspection) Choose(payload *params.Params, options rotation.Options, chosen *recipe.Choice, fault error) {
	outline := payload.Outline()
	i.Payload, i.shape = &outline, payload.Shape()
	i.choose(payload, options, chosen, fault)
	if i.Choice.Target == "" {
		i.Choice.TargetBy = ""
	}
}

func (i *Inspection) choose(payload *params.Params, options rotation.Options, chosen *recipe.Choice, fault error) {
	access, err := payload.AccessRecord(options.AccessRecord)
	if err != nil {
		i.Problem = err.Error()
		if errors.Is(err, params.ErrNoAccessRecord) && i.Vault.Source != "" {
			i.Choice.AccessBy = "the vault, which would be asked"
			i.Problem = ""
		}
		return
	}
	i.Choice.AccessUID, i.Choice.AccessTitle, i.Choice.AccessBy = access.UID, access.Title, accessBy(payload, access, options)
	i.Choice.References = append(i.Choice.References, access.References(vault.IsNotation)...)
	owner, _ := payload.UserRecord()
	known := params.NewSettings(targets.CommonFields(targets.Info{}), access, owner, nil, nil)
	switch {
	case chosen != nil:
		i.Choice.TargetBy = chosen.By
	case options.Target == "" && known.Has(targets.FieldRecipe):
		i.Choice.TargetBy = recipe.ByField
	case options.Target != "":
		i.Choice.TargetBy = "--target"
	case known.Has(targets.FieldTarget):
		i.Choice.TargetBy = "the access record's field " + targets.FieldTarget
	default:
		i.Choice.TargetBy = "the access record's url"
	}
	if len(i.Choice.References) > 0 {
		// The rest cannot be judged before these are looked up.
		switch name := known.Text(targets.FieldTarget); {
		case payload.IsUsers(access):
			i.Problem = "Keeper notation is not looked up for the PAM User's own record"
		case i.Vault.Source == "":
			i.Problem = "the access record holds Keeper notation, and there is no KSM config to look it up with"
		case options.Target != "":
			i.Choice.Target = options.Target
		case !known.Has(targets.FieldRecipe) && name != "" && !vault.IsNotation(name):
			if info, ok := options.Registry.Find(name); ok {
				i.Choice.Target = info.Name
			}
		}
		return
	}
	if fault != nil {
		i.Fail(fault)
		return
	}
	options.Keeper = nil
	plan, failed := rotation.Prepare(payload, options)
	if failed != nil {
		i.Problem, i.Hints = failed.Message, failed.Hints
		i.Choice.Target = failed.Target
		return
	}
	i.Choice.Target = plan.Info.Name
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

// started looks at the process.
func (p Process) started(input *Input) Started {
	found := Started{
		Platform: runtime.GOOS + "/" + runtime.GOARCH, Arguments: p.Arguments,
		Stdin: input.form(streamKind(input.From)), Stdout: streamKind(p.Stdout), Stderr: streamKind(p.Stderr),
		Program: "not known", WorkingDirectory: "not known", Writable: "not known",
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
		found.Environment = append(found.Environment, Variable{name, p.Getenv(name) != ""})
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

// Lines is the form for people.
func (i *Inspection) Lines() []string {
	var lines []string
	add := func(more ...string) { lines = append(lines, more...) }
	s := i.Started
	add(
		fmt.Sprintf("version: %s, %s", i.Version, s.Platform),
		fmt.Sprintf("started by user %s, arguments: %d", report.Plain(s.User), s.Arguments),
		strings.TrimSpace("program: "+s.ProgramMode+" "+report.Plain(s.Program)),
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
	add("environment, set: "+listed(set), "environment, not set: "+listed(unset))
	config := i.Vault.Source
	if config == "" {
		config = "none"
	}
	add("KSM config: " + config)
	for _, file := range i.Vault.Files {
		add("the Gateway's own config, not read: " + file)
	}
	if i.Payload == nil {
		return lines
	}
	add(i.shape...)
	add("password of the user record: " + map[string]string{
		"new": "the payload's new one", "old": "the payload's old one", "both": "the payload's, whose new and old one are the same",
		"neither": "neither of the payload's", "none": "none there",
	}[i.Payload.Password])
	if len(i.Choice.References) > 0 {
		var quoted []string
		for _, label := range i.Choice.References {
			quoted = append(quoted, strconv.Quote(label))
		}
		add("Keeper notation, looked up in the vault by a rotation: " + strings.Join(quoted, ", "))
	}
	if i.Problem != "" {
		add("a rotation would end at once: " + i.Problem)
	}
	if i.Choice.AccessUID != "" || i.Choice.AccessTitle != "" {
		add(fmt.Sprintf("access record: %s (uid %s)", report.Plain(i.Choice.AccessTitle), report.Plain(i.Choice.AccessUID)))
	}
	if i.Choice.AccessBy != "" {
		add("access record chosen by: " + i.Choice.AccessBy)
	}
	if i.Choice.Target != "" {
		add("target: "+i.Choice.Target, "target chosen by: "+i.Choice.TargetBy)
	}
	return lines
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
