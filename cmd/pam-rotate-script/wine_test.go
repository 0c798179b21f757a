package main

import (
	"bytes"
	"context"
	"debug/pe"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/simulator"
)

// requireWine is the environment variable that, set to 1, turns the skipping of the
// tests under Wine into a failure.
const requireWine = "CI_REQUIRE_WINE"

// TestUnderWine runs the program for Windows, as far as Wine is Windows: the runtime,
// the pipes, the network and the certificates are Go's for Windows, what lies below
// is not. PowerShell and the Gateway have no part in it.
func TestUnderWine(t *testing.T) {
	w := startWine(t)

	// The ways in which PowerShell may write the Gateway's line into a pipe.
	line := func(payload string) string { return strings.TrimSuffix(payload, "\n") }
	forms := []struct {
		name   string
		encode func(payload string) string
	}{
		{"LF", func(payload string) string { return line(payload) + "\n" }},
		{"CRLF", func(payload string) string { return line(payload) + "\r\n" }},
		{"UTF-8 byte order mark", func(payload string) string { return "\ufeff" + line(payload) + "\r\n" }},
		{"UTF-16LE byte order mark", func(payload string) string {
			wide := []byte{0xff, 0xfe}
			for _, c := range []byte(line(payload) + "\r\n") {
				wide = append(wide, c, 0)
			}
			return string(wide)
		}},
	}
	const user = "jane+ops%41@exämple.com"
	for _, form := range forms {
		t.Run("a payload with "+form.name, func(t *testing.T) {
			bench := conformance.Teramind()
			stand := startStand(t, bench, user)
			run := conformance.Run{User: user, Old: conformance.Old, New: conformance.New}
			got := w.run(t, form.encode(run.Payload(stand)))
			want := `^changed: teramind jane\+ops%41@exämple\.com \(agent 4711\), confirmed by Teramind's answer in \d+ ms\n$`
			if got.code != 0 || !regexp.MustCompile(want).MatchString(got.stdout) {
				t.Errorf("exit code %d, result line %q, log\n%s", got.code, got.stdout, got.stderr)
			}
			judge(t, run, bench, stand, got)
			if exchanges := stand.Exchanges(); len(exchanges) != 2 {
				t.Errorf("%d exchanges have arrived", len(exchanges))
			} else if path := exchanges[0].RequestURI; path != "/tm-api/agent/jane%2Bops%2541%40ex%C3%A4mple.com" {
				t.Errorf("the path was %s", path)
			}
			if !strings.Contains(got.stderr, "asks this user for a new password at the next login") {
				t.Errorf("the warning is missing in\n%s", got.stderr)
			}
		})
	}

	// The other exit codes.
	ends := []struct {
		name      string
		run       conformance.Run
		fault     *simulator.Fault
		arguments []string
		code      int
		stdout    string // an expression
		writes    int
	}{
		{
			name: "a refused token", run: conformance.Run{Access: map[string]any{"password": "canary-wrong-token"}},
			code: 1, stdout: `^not-changed: rest .*\[credential\]\n$`, writes: 1,
		},
		{
			name: "an unknown authority", run: conformance.Run{Access: map[string]any{"CA Certificate": nil}},
			code: 1, stdout: `^not-changed: rest .*signed by an unknown authority, or .* \[tls\]\n$`,
		},
		{
			name: "an answer that is lost", fault: &simulator.Fault{Kind: simulator.KindNamed("drop after"), Exchange: "change password", Occurrence: 1},
			code: 3, stdout: `^unknown: rest .*\[network\]\n$`, writes: 1,
		},
		{name: "a wrong flag", arguments: []string{"--nonsense"}, code: 64, stdout: `^$`},
	}
	for _, end := range ends {
		t.Run(end.name, func(t *testing.T) {
			bench := conformance.REST()
			stand := startStand(t, bench, bench.User)
			if end.fault != nil {
				stand.Servers[0].Inject(*end.fault)
			}
			end.run.User, end.run.Old, end.run.New = bench.User, conformance.Old, conformance.New
			got := w.run(t, end.run.Payload(stand), end.arguments...)
			if got.code != end.code || !regexp.MustCompile(end.stdout).MatchString(got.stdout) {
				t.Errorf("exit code %d, result line %q, log\n%s", got.code, got.stdout, got.stderr)
			}
			if got.stdout != "" {
				judge(t, end.run, bench, stand, got)
			}
			if writes := stand.Writes(); writes != end.writes {
				t.Errorf("%d writes have arrived", writes)
			}
		})
	}

	t.Run("no input", func(t *testing.T) {
		if got := w.run(t, "\r\n"); got.code != 1 || got.stdout != "not-changed: payload: stdin is empty [input]\n" {
			t.Errorf("exit code %d, result line %q, log\n%s", got.code, got.stdout, got.stderr)
		}
	})
}

func startStand(t *testing.T, bench conformance.Bench, user string) *conformance.Stand {
	t.Helper()
	stand, err := bench.Start(user, conformance.Old)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stand.Close)
	return stand
}

// judge holds what the program said against what is so at the vendor.
func judge(t *testing.T, run conformance.Run, bench conformance.Bench, stand *conformance.Stand, got wineEnd) {
	t.Helper()
	ended := conformance.Ended{Stdout: got.stdout, Stderr: got.stderr}
	outcome, _, _ := strings.Cut(got.stdout, ":")
	ended.Outcome = rotation.Outcome(outcome)
	if class := regexp.MustCompile(`\[([a-z]+)\]\n$`).FindStringSubmatch(got.stdout); class != nil {
		ended.Class = api.Class(class[1])
	}
	for line := range strings.Lines(got.stderr) {
		if _, hint, found := strings.Cut(line, "hint: "); found {
			ended.Hints = append(ended.Hints, hint)
		}
	}
	for _, fault := range run.Faults(bench, stand, ended) {
		t.Error(fault)
	}
}

// wine is the program for Windows in a Wine of its own.
type wine struct {
	program, exe string // as this system names them
	environment  []string
}

type wineEnd struct {
	code           int
	stdout, stderr string
}

// startWine builds the program for Windows and makes a fresh Wine for it. Without Wine
// the test is skipped.
func startWine(t *testing.T) *wine {
	t.Helper()
	absent := func(why string) {
		t.Helper()
		if os.Getenv(requireWine) == "1" {
			t.Fatal(why + ", and " + requireWine + " is 1")
		}
		t.Skip(why + ": the program for Windows is not run")
	}
	if runtime.GOARCH != "amd64" {
		absent("Wine for Windows on amd64 needs a machine of that kind")
	}
	// Debian puts wine64 outside the path.
	const debian = "/usr/lib/wine/"
	program := firstProgram("wine64", debian+"wine64", "wine")
	if program == "" {
		absent("neither wine64 nor wine is installed")
	}
	server := firstProgram(filepath.Join(filepath.Dir(program), "wineserver64"), filepath.Join(filepath.Dir(program), "wineserver"),
		debian+"wineserver64", "wineserver")
	if server == "" {
		absent("wineserver, which ends what Wine has started, is not installed")
	}

	directory := t.TempDir()
	w := &wine{program: program, exe: filepath.Join(directory, "pam-rotate-script.exe")}
	prefix := filepath.Join(directory, "prefix")
	// Nothing of this process's environment but the path: no display, no proxy.
	w.environment = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + directory, "WINEPREFIX=" + prefix,
		"WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=", // no offers to install something
	}

	// Another process reads the sources. Looking at them here, too, keeps go test from
	// taking an old result for theirs.
	for _, sources := range []string{".", "../../internal", "../../scripts"} {
		if err := filepath.WalkDir(sources, func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-o", w.exe, ".")
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the program for Windows: %v\n%s", err, output)
	}

	t.Cleanup(func() { // before the directory goes
		for _, do := range []string{"-k", "-w"} { // end all that runs in this prefix, wait for it
			command := exec.Command(server, do)
			command.Env = w.environment
			_ = command.Run() // fails if nothing runs
		}
	})
	if end := w.start(t, 90*time.Second, "", "wineboot", "-i"); end.code != 0 {
		t.Fatalf("making a Wine prefix failed with %d\n%s%s", end.code, end.stdout, end.stderr)
	}
	system := filepath.Join(prefix, "drive_c", "windows", "system32")
	missing := filepath.Join(system, "bcryptprimitives.dll")
	if _, err := os.Stat(missing); errors.Is(err, fs.ErrNotExist) {
		// Go takes its random numbers from there. Later versions of Wine have it.
		t.Log("this Wine has no bcryptprimitives.dll: one that hands over to advapi32.dll stands in")
		library := forwarder("bcryptprimitives.dll", "ProcessPrng", "ADVAPI32.SystemFunction036")
		if err := os.WriteFile(missing, library, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.stayUp(t)
	return w
}

// stayUp keeps Wine's services from ending after each run, by a program that waits for
// its input. They would take seconds to end, and hold the pipes of the run so long.
func (w *wine) stayUp(t *testing.T) {
	t.Helper()
	waiting := exec.Command(w.program, w.exe, "--timeout", "86400")
	waiting.Env = w.environment
	stdin, err := waiting.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = waiting.Wait() // it has failed for want of a payload
	})
}

func firstProgram(names ...string) string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// run runs the program with that standard input.
func (w *wine) run(t *testing.T, stdin string, arguments ...string) wineEnd {
	t.Helper()
	return w.start(t, 60*time.Second, stdin, append([]string{w.exe}, arguments...)...)
}

// start runs something under Wine, and ends it once limit is over.
func (w *wine) start(t *testing.T, limit time.Duration, stdin string, arguments ...string) wineEnd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, w.program, arguments...)
	command.Env = w.environment
	command.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	// Wine's services live on and may have the pipes.
	command.WaitDelay = 5 * time.Second
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) || ctx.Err() != nil {
		t.Fatalf("%s under Wine: %v\n%s%s", arguments[0], err, &stdout, &stderr)
	}
	return wineEnd{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// forwarder returns a library for Windows on amd64 with one function, which is that of
// another library ("ADVAPI32.SystemFunction036"). It holds no code: one section with
// nothing but the table of what is exported.
func forwarder(library, function, to string) []byte {
	const onDisk, inMemory = 0x200, 0x1000 // units of files and of memory
	type exports struct {
		Characteristics, Time                  uint32
		Major, Minor                           uint16
		Library, Base, Functions, Names        uint32
		FunctionTable, NameTable, OrdinalTable uint32
		// The three tables, of one entry each, and behind them the texts.
		Function, Name uint32
		Ordinal        uint16
	}
	const table = inMemory + 40
	texts := inMemory + uint32(binary.Size(exports{}))
	name := texts + uint32(len(library)) + 1
	var section bytes.Buffer
	write(&section, exports{
		Library: texts, Base: 1, Functions: 1, Names: 1,
		FunctionTable: table, NameTable: table + 4, OrdinalTable: table + 8,
		Function: name + uint32(len(function)) + 1, Name: name,
	})
	section.WriteString(library + "\x00" + function + "\x00" + to + "\x00")
	size := uint32(section.Len())

	optional := pe.OptionalHeader64{
		Magic: 0x20b, SizeOfInitializedData: onDisk, ImageBase: 0x180000000,
		SectionAlignment: inMemory, FileAlignment: onDisk, MajorOperatingSystemVersion: 6, MajorSubsystemVersion: 6,
		SizeOfImage: 2 * inMemory, SizeOfHeaders: onDisk,
		Subsystem: pe.IMAGE_SUBSYSTEM_WINDOWS_CUI, DllCharacteristics: pe.IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
		NumberOfRvaAndSizes: 16,
	}
	optional.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT] = pe.DataDirectory{VirtualAddress: inMemory, Size: size}
	file := bytes.NewBuffer(append([]byte("MZ"), make([]byte, 62)...))
	file.Bytes()[60] = 64 // where the next line stands
	file.WriteString("PE\x00\x00")
	write(file, pe.FileHeader{
		Machine: pe.IMAGE_FILE_MACHINE_AMD64, NumberOfSections: 1, SizeOfOptionalHeader: uint16(binary.Size(optional)),
		Characteristics: pe.IMAGE_FILE_EXECUTABLE_IMAGE | pe.IMAGE_FILE_LARGE_ADDRESS_AWARE | pe.IMAGE_FILE_DLL,
	})
	write(file, optional)
	write(file, pe.SectionHeader32{
		Name: [8]uint8{'.', 'e', 'd', 'a', 't', 'a'}, VirtualSize: size, VirtualAddress: inMemory,
		SizeOfRawData: onDisk, PointerToRawData: onDisk,
		Characteristics: pe.IMAGE_SCN_CNT_INITIALIZED_DATA | pe.IMAGE_SCN_MEM_READ,
	})
	file.Write(make([]byte, onDisk-file.Len()))
	file.Write(section.Bytes())
	file.Write(make([]byte, 2*onDisk-file.Len()))
	return file.Bytes()
}

// TestWrapperForWindows looks at what a run of the wrapper does not show.
func TestWrapperForWindows(t *testing.T) {
	text, err := os.ReadFile("../../scripts/pam-rotate-script.ps1")
	if err != nil {
		t.Fatal(err)
	}
	for number, line := range bytes.Split(text, []byte("\n")) {
		for _, c := range line {
			if c < ' ' || c > '~' {
				t.Errorf("line %d has the byte %#x: Windows PowerShell reads anything but ASCII by code page", number+1, c)
				break
			}
		}
	}
	// What runs is tried in TestPowerShellWrapper; the pipeline is for $true alone.
	for _, unwanted := range []string{"Write-Output", "Invoke-Expression"} {
		if bytes.Contains(text, []byte(unwanted)) {
			t.Errorf("%s has no place there", unwanted)
		}
	}
}

// write appends a value of fixed size, which cannot fail.
func write(to *bytes.Buffer, value any) { _ = binary.Write(to, binary.LittleEndian, value) }
