package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/conformance"
)

// requirePowerShell is the environment variable that, set to 1, turns the skipping of the
// tests with PowerShell into a failure.
const requirePowerShell = "CI_REQUIRE_PWSH"

// powerShell is a real PowerShell.
type powerShell struct {
	program, home string
}

// startPowerShell finds PowerShell beside the project or on the path. Without one the test
// is skipped.
func startPowerShell(t *testing.T) powerShell {
	t.Helper()
	p := powerShell{home: t.TempDir()}
	for _, folder := range []string{"../../../shared/pwsh", "../../../../shared/pwsh"} { // beside the project, or beside the folder of its worktrees
		archive := filepath.Join(folder, "pwsh-linux.tar.xz")
		if _, err := os.Stat(archive); err != nil || runtime.GOARCH != "amd64" {
			continue
		}
		if output, err := exec.CommandContext(t.Context(), "tar", "xJf", archive, "-C", p.home).CombinedOutput(); err != nil {
			t.Fatalf("unpack PowerShell: %v\n%s", err, output)
		}
		p.program = filepath.Join(p.home, "pwsh", "pwsh")
		return p
	}
	program, err := exec.LookPath("pwsh")
	if err != nil {
		if os.Getenv(requirePowerShell) == "1" {
			t.Fatal("there is no PowerShell, and " + requirePowerShell + " is 1")
		}
		t.Skip("there is no PowerShell: the wrapper for Windows is not run")
	}
	p.program = program
	return p
}

// run runs PowerShell with these arguments.
func (p powerShell) run(t *testing.T, folder, stdin string, arguments ...string) (code int, stdout, stderr string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), p.program, append([]string{"-NoProfile", "-NonInteractive"}, arguments...)...)
	command.Dir, command.WaitDelay = folder, 10*time.Second
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.home, "NO_COLOR=1", "POWERSHELL_TELEMETRY_OPTOUT=1", "POWERSHELL_UPDATECHECK=Off", "DOTNET_CLI_TELEMETRY_OPTOUT=1",
	}
	var out, log bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &out, &log
	err := command.Run()
	if command.ProcessState == nil {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), out.String(), log.String()
}

// wrapped is a folder with the wrapper and a program beside it: a bash script, or the real
// program if the text is "".
func wrapped(t *testing.T, program, flags string) (folder string) {
	t.Helper()
	// A name that PowerShell would take for a pattern, and .NET for two arguments.
	folder = filepath.Join(t.TempDir(), "K\u00e4 [x] $y 'z")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	wrapper, err := os.ReadFile("../../scripts/pam-rotate-script.ps1")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.ContainsAny(flags, "'(@$") {
		flags = "'" + flags + "'"
	}
	wrapper = bytes.Replace(wrapper, []byte("$Flags = ''"), []byte("$Flags = "+flags), 1)
	if err := os.WriteFile(filepath.Join(folder, "script.ps1"), wrapper, 0o600); err != nil {
		t.Fatal(err)
	}
	if program == "" {
		self, err := exec.LookPath("pam-rotate-script")
		if err != nil {
			t.Fatal(err)
		}
		program = "exec -a pam-rotate-script '" + self + `' "$@"`
	}
	if err := os.WriteFile(filepath.Join(folder, "pam-rotate-script.exe"), []byte("#!/bin/bash\n"+program+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return folder
}

// hostedCase is one run of the wrapper in a hosted runspace.
type hostedCase struct {
	Script string   `json:"script"`
	Input  []string `json:"input"`
	Kind   string   `json:"kind"`   // of the input, if it is not text
	Before string   `json:"before"` // what the session has done before
}

// host runs cases in a runspace of its own, and prints for each what came back or was thrown.
const host = `param([string]$Cases)
$space = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())
$space.Open()
$last = ''
foreach ($case in (Get-Content -Raw -LiteralPath $Cases | ConvertFrom-Json)) {
    if ($case.before -ne $last) {
        $space.Dispose()
        $space = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())
        $space.Open()
        $last = $case.before
        $before = [powershell]::Create()
        $before.Runspace = $space
        [void]$before.AddScript($case.before, $false).Invoke()
        $before.Dispose()
    }
    $shell = [powershell]::Create()
    $shell.Runspace = $space
    [void]$shell.AddCommand($case.script)
    $piped = @($case.input)
    switch ($case.kind) {
        'number' { $piped = @(42) }
        'table' { $piped = @(@{ a = 1 }) }
        'bytes' { $piped = @([byte]1, [byte]2) }
        'null' { $piped = @($null) }
        'nothing' { $piped = @() }
        'mixed' { $piped = @('text', (Get-Date)) }
    }
    try {
        $returned = $shell.Invoke($piped)
        $kinds = @($returned | ForEach-Object { $_.GetType().Name + ' ' + $_ }) -join ','
        [Console]::Out.WriteLine('RETURNED ' + $kinds)
    } catch {
        $cause = $_.Exception
        while ($null -ne $cause.InnerException) { $cause = $cause.InnerException }
        [Console]::Out.WriteLine('THREW ' + $cause.Message)
    }
    $shell.Dispose()
}
`

// TestPowerShellWrapper runs scripts/pam-rotate-script.ps1 under a real PowerShell. No
// Windows and no Gateway have a part in it.
func TestPowerShellWrapper(t *testing.T) {
	p := startPowerShell(t)

	const (
		success = "RETURNED Boolean True"
		not     = "THREW pam-rotate-script: not changed: exit code 1"
		unknown = "THREW pam-rotate-script: unknown whether the password was changed: exit code "
		notRun  = "THREW pam-rotate-script: not run: "
		noLine  = " without a result line that says so: the program was ended by somebody else, or its flags let it do something else than rotate"
	)
	ends := func(lines, end string) string { return "cat > /dev/null\nprintf '" + lines + "'\n" + end }
	megabyte := `fill() { head -c 1048576 /dev/zero | tr '\0' x | fold -w 100; }; fill; fill >&2; cat > /dev/null; fill; fill >&2; echo; echo 'changed: teramind jane'`
	long := strings.Repeat("QUJD", 15000)
	type hostCase struct {
		name, program, flags string
		input                []string
		kind                 string
		want                 string // the line, or its beginning
	}
	befores := map[int]string{} // by the place of the case
	cases := []hostCase{
		{"success", ends(`changed: teramind jane, proved\n`, "exit 0"), "", []string{"QUJD"}, "", success},
		{"success in JSON", ends(`{"outcome":"changed","class":""}\n`, "exit 0"), "--json", []string{"QUJD"}, "", success},
		{"ended with code 0 from outside", ends(``, "exit 0"), "", []string{"QUJD"}, "", unknown + "0" + noLine},
		{"ended with code 0 while it says something", ends(`changed: teramind jane\nstill at it\n`, "exit 0"), "", []string{"QUJD"}, "", unknown + "0" + noLine},
		{"ended with code 0 before the end of the line", ends(`chang`, "exit 0"), "", []string{"QUJD"}, "", unknown + "0" + noLine},
		{"code 0 beside not-changed", ends(`not-changed: teramind jane\n`, "exit 0"), "", []string{"QUJD"}, "", unknown + "0" + noLine},
		{"code 0 beside unknown", ends(`unknown: teramind jane\n`, "exit 0"), "", []string{"QUJD"}, "", unknown + "0" + noLine},
		{"code 0 and cut JSON", ends(`{"outcome":"changed","cl\n`, "exit 0"), "--json", []string{"QUJD"}, "", unknown + "0" + noLine},
		{"code 0 and JSON without outcome", ends(`{"Other":"changed"}\n`, "exit 0"), "--json", []string{"QUJD"}, "", unknown + "0" + noLine},
		{"code 0 and a list for an outcome", ends(`{"outcome":["changed"]}\n`, "exit 0"), "--json", []string{"QUJD"}, "", unknown + "0" + noLine},
		{"code 0 and another case", ends(`Changed: teramind jane\n`, "exit 0"), "", []string{"QUJD"}, "", unknown + "0" + noLine},
		{"refused", ends(`not-changed: teramind jane [policy]\n`, "exit 1"), "", []string{"QUJD"}, "", not},
		{"refused in JSON", ends(`{"outcome":"not-changed"}\n`, "exit 1"), "--json", []string{"QUJD"}, "", not},
		{"ended with code 1 from outside, as taskkill does", ends(``, "exit 1"), "", []string{"QUJD"}, "", unknown + "1" + noLine},
		{"code 1 beside changed", ends(`changed: teramind jane\n`, "exit 1"), "", []string{"QUJD"}, "", unknown + "1" + noLine},
		{"unknown", ends(`unknown: teramind jane\n`, "exit 3"), "", []string{"QUJD"}, "", unknown + "3"},
		{"a crash", ends(``, "exit 2"), "", []string{"QUJD"}, "", unknown + "2"},
		{"a wrong command line", ends(``, "exit 64"), "", []string{"QUJD"}, "", unknown + "64, as for a wrong command line"},
		{"killed", ends(`changed: teramind jane\n`, "kill -9 $$"), "", []string{"QUJD"}, "", unknown + "137"},
		{"terminated", ends(``, "kill -15 $$"), "", []string{"QUJD"}, "", unknown + "143"},
		{"any other code", ends(`changed: teramind jane\n`, "exit 255"), "", []string{"QUJD"}, "", unknown + "255"},
		{"a megabyte on both streams, before and after the input is read", megabyte, "", []string{long}, "", success},
		{"60,000 characters", `text=$(cat); [ ${#text} = 60000 ] && echo 'changed: all of it'`, "", []string{long}, "", success},
		{"several lines", `text=$(cat); [ "$text" = $'QUJD\nREVG\nR0hJ' ] && echo 'changed: all of it'`, "", []string{"QUJD", "REVG", "R0hJ"}, "", success},
		{"CRLF", `text=$(cat); [ "$text" = $'QUJD\r' ] && echo 'changed: all of it'`, "", []string{"QUJD\r"}, "", success},
		{"a byte order mark", `text=$(cat); [ "$text" = QUJD ] && echo 'changed: all of it'`, "", []string{"\ufeffQUJD"}, "", success},
		{"a byte order mark that a code page has read", `text=$(cat); [ "$text" = QUJD ] && echo 'changed: all of it'`, "", []string{"\u2229\u2557\u2510QUJD"}, "", success},
		{"UTF-16 that a code page has read", `text=$(cat); [ "$text" = QUJD ] && echo 'changed: all of it'`, "", []string{"\u00ff\u00feQ\x00U\x00J\x00D\x00"}, "", success},
		{"UTF-16 of more than ASCII that a code page has read", `cat > /dev/null; echo 'changed: no'`, "", []string{"{\x00\"\x00\u00e4\x00"}, "", notRun + "the text piped in is UTF-16"},
		{"nothing", `echo 'changed: no'`, "", nil, "nothing", notRun + "nothing was piped in"},
		{"an empty text", `echo 'changed: no'`, "", []string{""}, "", notRun + "nothing was piped in"},
		{"blanks", `echo 'changed: no'`, "", []string{" ", "\t", "\ufeff"}, "", notRun + "nothing was piped in"},
		{"null", `echo 'changed: no'`, "", nil, "null", notRun},
		{"a number", `echo 'changed: no'`, "", nil, "number", notRun + "something else than text was piped in"},
		{"a table", `echo 'changed: no'`, "", nil, "table", notRun + "something else than text was piped in"},
		{"bytes", `echo 'changed: no'`, "", nil, "bytes", notRun + "something else than text was piped in"},
		{"text and something else", `echo 'changed: no'`, "", nil, "mixed", notRun + "something else than text was piped in"},
		{"it closes its input at once", `exec 0<&-; sleep 0.3; echo 'changed: teramind jane'`, "", []string{strings.Repeat(long, 4)}, "", unknown + "0, and the program did not take its whole input"},
		{"it closes its input at once, and says so", `exec 0<&-; echo 'not-changed: payload: cut short [input]'; exit 1`, "", []string{strings.Repeat(long, 4)}, "", not},
		{"it dies without reading", `kill -9 $$`, "", []string{strings.Repeat(long, 4)}, "", unknown + "137, and the program did not take its whole input"},
		{"missing", "missing", "", []string{"QUJD"}, "", notRun + "there is no program "},
		{"unreadable", "unreadable", "", []string{"QUJD"}, "", notRun + "the program "},
		{"no program", "no program", "", []string{"QUJD"}, "", notRun + "the program "},
		{"check", "", "check --exit-zero", []string{"PAYLOAD"}, "", unknown + "0" + noLine},
		{"inspect", "", "inspect --exit-zero", []string{"PAYLOAD"}, "", unknown + "0" + noLine},
		{"version", "", "version", []string{"PAYLOAD"}, "", unknown + "64"},
		{"a wrong flag", "", "--nonsense", []string{"PAYLOAD"}, "", unknown + "64"},
		{"the real program", "", "", []string{"PAYLOAD"}, "", success},
		{"the real program with JSON", "", "--json --log-level debug", []string{"PAYLOAD"}, "", success},
		{"the real program, not changed", "", "", []string{"QUJD"}, "", not},
	}
	// What stands around a result line makes it another line, and the last one counts.
	for name, lines := range map[string]string{
		"a result of another run before it": `changed: teramind joe\nnot-changed: teramind jane [policy]\n`, "colours": `\033[32mchanged: teramind jane\033[0m\n`, "blanks before it": `  changed: teramind jane\n`,
		"a byte order mark in the middle": `still at it\n\357\273\277changed: teramind jane\n`, "a carriage return alone": `still at it\rchanged: teramind jane\n`, "a soft hyphen": `chan\302\255ged: teramind jane\n`,
		"a zero width space": `changed\342\200\213: teramind jane\n`, "a zero character": `chan\0ged: teramind jane\n`, "no blank": `changed:teramind jane\n`, "the word alone": `changed\n`, "bytes that are no text": `\377\376changed: teramind\n`,
		"two objects in a line": `{"outcome":"changed"}{"outcome":"not-changed"}\n`, "an object over several lines": `{\n"outcome":"changed"\n}\n`, "a list": `[{"outcome":"changed"}]\n`, "the last of several objects": `{"outcome":"changed"}\n{"outcome":"unknown"}\n`,
		"the member below another": `{"result":{"outcome":"changed"}}\n`, "the member twice in other case": `{"outcome":"changed","Outcome":"unknown"}\n`, "a soft hyphen in JSON": `{"outcome":"chan\302\255ged"}\n`, "an object and more": `{"outcome":"changed"} changed: x\n`,
	} {
		cases = append(cases, hostCase{"code 0 and " + name, ends(lines, "exit 0"), "", []string{"QUJD"}, "", unknown + "0" + noLine})
		not := strings.ReplaceAll(strings.ReplaceAll(lines, "chan", "not-chan"), "not-not-", "not-")
		if !strings.Contains(name, "another run") {
			cases = append(cases, hostCase{"code 1 and " + name, ends(not, "exit 1"), "", []string{"QUJD"}, "", unknown + "1" + noLine})
		}
	}
	cases = append(cases,
		hostCase{"code 0 and the line on the other stream", "cat > /dev/null; echo 'changed: teramind jane' >&2; exit 0", "", []string{"QUJD"}, "", unknown + "0" + noLine},
		hostCase{"two outcomes in JSON", ends(`{"outcome":"not-changed","outcome":"changed"}\n`, "exit 0"), "", []string{"QUJD"}, "", unknown + "0" + noLine},
		hostCase{"a member of another case", ends(`{"OUTCOME":"changed"}\n`, "exit 0"), "", []string{"QUJD"}, "", unknown + "0" + noLine},
		hostCase{"JSON that is cut behind the outcome", ends(`{"outcome":"changed","message":"x\n`, "exit 0"), "", []string{"QUJD"}, "", unknown + "0" + noLine},
		hostCase{"a carriage return at the end", ends(`changed: teramind jane\r\n`, "exit 0"), "", []string{"QUJD"}, "", success},
		hostCase{"flags as a list", `[ "$#$1$2" = 2--log-leveldebug ] && ` + ends(`changed: x\n`, "exit 0"), "@('--log-level', 'debug')", []string{"QUJD"}, "", success},
		hostCase{"flags with quotes", `[ "$#$2" = "2My [Record] $" ] && ` + ends(`changed: x\n`, "exit 0"), `'--access-record "My [Record] $"'`, []string{"QUJD"}, "", success},
		hostCase{"flags that are null", `[ $# = 0 ] && ` + ends(`changed: x\n`, "exit 0"), "$null", []string{"QUJD"}, "", success},
		hostCase{"very long flags", ends(`changed: x\n`, "exit 0"), "('x' * 300000)", []string{"QUJD"}, "", notRun + "the program "},
		hostCase{"verify", "", "'verify'", []string{"PAYLOAD"}, "", unknown},
		hostCase{"explain", "", "'explain changed'", []string{"PAYLOAD"}, "", unknown},
		hostCase{"recipe lint", "", "'recipe test rabbitmq'", []string{"PAYLOAD"}, "", unknown},
		hostCase{"help", "", "'--help'", []string{"PAYLOAD"}, "", unknown},
	)
	// Whatever the session has set before, a failure stays one.
	for _, before := range []string{
		"$global:ErrorActionPreference = 'SilentlyContinue'", "$global:ErrorActionPreference = 'Ignore'", "$global:ErrorActionPreference = 'Stop'; $global:PSNativeCommandUseErrorActionPreference = $true", "Set-StrictMode -Version Latest",
		"$global:OutputEncoding = [System.Text.Encoding]::Unicode; $global:OFS = ','", "$global:WhatIfPreference = $true; $global:ConfirmPreference = 'Low'", "$global:PSDefaultParameterValues = @{ '*:ErrorAction' = 'SilentlyContinue'; 'ConvertFrom-Json:AsHashtable' = $true }",
		"[System.Threading.Thread]::CurrentThread.CurrentCulture = 'tr-TR'", "Set-Location /", "function global:ConvertFrom-Json { @{ outcome = 'changed' } }; function global:Write-Host { 'False' }; function global:New-Object { 'False' }",
		// A module by the name of the real one, as one that stands first in PSModulePath.
		"$null = New-Module -Name Microsoft.PowerShell.Utility { function ConvertFrom-Json { [pscustomobject]@{ outcome = 'changed' } }; function Write-Host { $true }; function New-Object { param($TypeName, $ArgumentList) [Activator]::CreateInstance([type]$TypeName, $ArgumentList) } } | Import-Module -Global",
	} {
		for _, test := range []hostCase{
			{"refused", ends(`not-changed: x\n`, "exit 1"), "", []string{"QUJD"}, "", not},
			{"unknown", ends(`{"outcome":"unknown"}\n`, "exit 3"), "", []string{"QUJD"}, "", unknown + "3"},
			{"cut JSON", ends(`{"outcome":"chan\n`, "exit 0"), "", []string{"QUJD"}, "", unknown + "0" + noLine},
			{"another outcome in JSON", ends(`{"outcome":"not-changed"}\n`, "exit 0"), "", []string{"QUJD"}, "", unknown + "0" + noLine},
			{"no result", ends(`{"other":1}\n`, "exit 0"), "", []string{"QUJD"}, "", unknown + "0" + noLine},
			{"missing", "missing", "", []string{"QUJD"}, "", notRun + "there is no program "},
			{"no program", "no program", "", []string{"QUJD"}, "", notRun + "the program "},
			{"success", ends(`changed: x\n`, "exit 0"), "", []string{"QUJD"}, "", success},
			{"success in JSON", ends(`{"outcome":"changed"}\n`, "exit 0"), "", []string{"QUJD"}, "", success},
		} {
			test.name += " after " + before
			cases, befores[len(cases)] = append(cases, test), before
		}
	}
	bench := conformance.REST()
	stand := startStand(t, bench, bench.User)
	run := conformance.Run{User: bench.User, Old: conformance.Old, New: conformance.New}
	payload := strings.TrimSpace(run.Payload(stand))

	t.Run("in a hosted runspace", func(t *testing.T) {
		var hosted []hostedCase
		for i, test := range cases {
			folder := wrapped(t, test.program, test.flags)
			program := filepath.Join(folder, "pam-rotate-script.exe")
			var err error
			switch test.program {
			case "missing":
				err = os.Remove(program)
			case "unreadable":
				err = os.Chmod(program, 0)
			case "no program":
				err = os.WriteFile(program, []byte("MZ\x90\x00"), 0o700)
			}
			if err != nil {
				t.Fatal(err)
			}
			var input []string
			for _, text := range test.input {
				input = append(input, strings.ReplaceAll(text, "PAYLOAD", payload))
			}
			hosted = append(hosted, hostedCase{filepath.Join(folder, "script.ps1"), input, test.kind, befores[i]})
		}
		folder := t.TempDir()
		list, err := json.Marshal(hosted)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"cases.json": string(list), "host.ps1": host} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, stdout, stderr := p.run(t, folder, "", "-File", "host.ps1", "-Cases", "cases.json")
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		if len(lines) != len(cases) {
			t.Fatalf("%d answers for %d cases\n%.2000s\n%.2000s", len(lines), len(cases), stdout, stderr)
		}
		for i, test := range cases {
			if got := strings.TrimSpace(lines[i]); !strings.HasPrefix(got, test.want) || test.want == success && got != success {
				t.Errorf("%s: got %s, want %s", test.name, got, test.want)
			}
		}
		for _, secret := range []string{conformance.New, payload[:40]} {
			if strings.Contains(stdout, secret) || strings.Contains(stderr, secret) {
				t.Errorf("something of the input is printed")
			}
		}
		if !stand.Accepts(conformance.New) {
			t.Error("the real program has changed nothing")
		}
	})

	// The ways to call it that Keeper documents, and -File, each as a process of its own.
	ways := []struct {
		name  string
		exits bool // PowerShell's own exit code shows a failure
		call  func(t *testing.T, folder, text string) (int, string, string)
	}{
		{"piped in, and the history cleared", true, func(t *testing.T, folder, text string) (int, string, string) {
			return p.run(t, folder, "", "-Command", `"`+text+`" | .\script.ps1; Clear-History`)
		}},
		{"the same on standard input", false, func(t *testing.T, folder, text string) (int, string, string) {
			return p.run(t, folder, `"`+text+`" | .\script.ps1; Clear-History`+"\n", "-Command", "-")
		}},
		{"the same, encoded", true, func(t *testing.T, folder, text string) (int, string, string) {
			return p.run(t, folder, "", "-EncodedCommand", base64.StdEncoding.EncodeToString([]byte(utf16LE(`"`+text+`" | .\script.ps1; Clear-History`))))
		}},
		{"-File", true, func(t *testing.T, folder, text string) (int, string, string) {
			return p.run(t, folder, text+"\n", "-File", "script.ps1")
		}},
		{"-File with CRLF", true, func(t *testing.T, folder, text string) (int, string, string) {
			return p.run(t, folder, text+"\r\n", "-File", "script.ps1")
		}},
		{"-File with several lines", true, func(t *testing.T, folder, text string) (int, string, string) {
			return p.run(t, folder, text[:76]+"\n"+text[76:152]+"\n"+text[152:]+"\n", "-File", "script.ps1")
		}},
		{"-File with a byte order mark", true, func(t *testing.T, folder, text string) (int, string, string) {
			return p.run(t, folder, "\ufeff"+text+"\r\n", "-File", "script.ps1")
		}},
		{"-File with UTF-16", true, func(t *testing.T, folder, text string) (int, string, string) {
			return p.run(t, folder, utf16LE("\ufeff"+text+"\r\n"), "-File", "script.ps1")
		}},
		{"-File with UTF-16 without a mark", true, func(t *testing.T, folder, text string) (int, string, string) {
			return p.run(t, folder, utf16LE(text+"\r\n"), "-File", "script.ps1")
		}},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			stand := startStand(t, bench, bench.User)
			payload := strings.TrimSpace(run.Payload(stand))
			code, stdout, stderr := way.call(t, wrapped(t, "", ""), payload)
			lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(stdout, "\r", "")), "\n")
			if code != 0 || lines[len(lines)-1] != "True" || !stand.Accepts(conformance.New) {
				t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
			}

			// The server has the write, and whoever ends the program chooses its code. The
			// hosted cases try all of them.
			if strings.Contains(way.name, "-File with") {
				return
			}
			code, stdout, stderr = way.call(t, wrapped(t, "cat > /dev/null\nexit 0", ""), payload)
			if strings.Contains(stdout, "True") || !strings.Contains(stdout+stderr, "unknown whether the password was changed") {
				t.Errorf("ended from outside: exit code %d\n%s%s", code, stdout, stderr)
			}
			if code == 0 && way.exits {
				t.Error("ended from outside: PowerShell ends with 0")
			}
		})
	}
}

// utf16LE is a text in the bytes of UTF-16, as Windows has them.
func utf16LE(text string) string {
	var wide []byte
	for _, r := range text {
		wide = append(wide, byte(r), byte(r>>8))
	}
	return string(wide)
}
