package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// requireShells is the environment variable that, set to 1, turns the skipping of the tests with
// shells and of the manual pages into a failure. That PowerShell is there is required by its own.
const requireShells = "CI_REQUIRE_SHELLS"

// requireProgram skips a test where there is no such program.
func requireProgram(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv(requireShells) == "1" {
			t.Fatalf("there is no %s, and %s is 1", name, requireShells)
		}
		t.Skip("there is no " + name)
	}
}

// completionOf writes the script that the program makes for a shell into a folder of its own.
func completionOf(t *testing.T, shell string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	script, err := exec.CommandContext(t.Context(), "pam-rotate-script", "completion", shell).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "script"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// typeInto starts a shell on a terminal and types the keys. What it shows is there to explain a
// failure.
func typeInto(t *testing.T, folder, shell, keys string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, "script", "-qec", shell, "/dev/null")
	command.Dir = folder
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "TERM=dumb", "LANG=C.UTF-8"}
	command.Stdin = strings.NewReader(keys + "exit\n")
	shown, err := command.CombinedOutput()
	t.Logf("%v\n%s", err, shown)
}

// wantLines are the lines of a file, each with what it has to be.
func wantLines(t *testing.T, path string, want ...string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if got := strings.Split(strings.TrimSpace(string(text)), "\n"); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, want %q (%v)", got, want, err)
	}
}

// keys are typed into bash and zsh: a function writes the words to a file, each in brackets, and
// lets the program complete; then come lines with tabulators.
const keys = `pam-rotate-script() { case $1 in __complete*) command pam-rotate-script "$@";; *) printf '[%s]' "$@" >> out; echo >> out;; esac; }
pam-rotate-script chec` + "\t--exit\t\npam-rotate-script targets ven\t\npam-rotate-script --verify str\t\npam-rotate-script version --js\t\n"

// TestCompletions: what the real shells make of the scripts.
func TestCompletions(t *testing.T) {
	t.Parallel()
	typed := []string{"[check][--exit-zero]", "[targets][venafi]", "[--verify][strict]", "[version][--json]"}
	t.Run("bash", func(t *testing.T) {
		for name, source := range map[string]string{"with bash-completion": "source /usr/share/bash-completion/bash_completion\n", "without": ""} {
			t.Run(name, func(t *testing.T) {
				requireProgram(t, "bash")
				requireProgram(t, "script")
				if _, err := os.Stat("/usr/share/bash-completion/bash_completion"); err != nil && source != "" {
					t.Skip("there is no bash-completion")
				}
				folder := completionOf(t, "bash")
				typeInto(t, folder, "bash --norc --noprofile -i", source+"source ./script\n"+keys)
				wantLines(t, filepath.Join(folder, "out"), typed...)
			})
		}
	})
	t.Run("zsh", func(t *testing.T) {
		requireProgram(t, "zsh")
		requireProgram(t, "script")
		folder := completionOf(t, "zsh")
		typeInto(t, folder, "zsh -f -i", "autoload -Uz compinit; compinit -u -D; source ./script\n"+keys)
		wantLines(t, filepath.Join(folder, "out"), typed...)
	})
	t.Run("fish", func(t *testing.T) {
		requireProgram(t, "fish")
		folder := completionOf(t, "fish")
		command := exec.CommandContext(t.Context(), "fish", "--no-config", "-c", `source ./script
for line in chec "check --exit" "targets ven" "--verify str" "version --js"
    complete -C "pam-rotate-script $line" | cut -f 1 >> out
end`)
		command.Dir, command.Env = folder, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "TERM=dumb", "LANG=C.UTF-8"}
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		wantLines(t, filepath.Join(folder, "out"), "check", "--exit-zero", "venafi", "strict", "--json")
	})
	t.Run("PowerShell", func(t *testing.T) {
		shell := startPowerShell(t)
		folder := completionOf(t, "powershell")
		// The function is that of PSReadLine, which the packed PowerShell lacks.
		_, stdout, stderr := shell.run(t, folder, "", "-Command", `function Get-PSReadLineKeyHandler {}
Get-Content -Raw ./script | Invoke-Expression
foreach ($line in 'chec', 'check --exit', 'targets ven', '--verify str', 'version --js') {
    $line = "pam-rotate-script $line"
    (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText
}`)
		if got := strings.Fields(stdout); !slices.Equal(got, []string{"check", "--exit-zero", "venafi", "strict", "--json"}) {
			t.Errorf("%q\n%s", got, stderr)
		}
	})
}
