package report_test

import (
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/report"
)

// TestTopics: every word that is listed is explained, and leads to a next step.
func TestTopics(t *testing.T) {
	text := report.Topics()
	words := []string{"0", "1", "3", "64", "126", "127", "255", "changed", "not-changed", "unknown", "usage"}
	for _, class := range api.Classes() {
		words = append(words, string(class))
	}
	if lines := strings.Count(text, "\n"); lines != 7+len(api.Classes())+1 {
		t.Errorf("%d lines:\n%s", lines, text)
	}
	for _, word := range words {
		if !strings.Contains(text, word) && word != "255" {
			t.Errorf("%s is not listed:\n%s", word, text)
		}
		text := report.Explain(word)
		heading, _, _ := strings.Cut(text, "\n")
		if !strings.Contains(heading, word) && word != "255" || !strings.Contains(text, "\nWhat to do:\n\n1. ") || strings.Contains(text, "`") ||
			strings.Count(text, "What to do:") != 1 {
			t.Errorf("%s is explained with %q", word, text)
		}
	}
}

func TestExplain(t *testing.T) {
	tests := []struct {
		name, text string
		holds      []string // in this order; none for nothing found
	}{
		{"an exit code", "3", []string{"Exit code 3: unknown"}},
		{"an exit code of nobody's", "137", []string{"Exit code any other: killed", "Treat it as unknown"}},
		{"a class in its brackets", "[TLS]", []string{"Class tls"}},
		{"a line that begins with a class", "target: teramind", nil},
		{"a word of no meaning", "nonsense", nil},
		{"nothing", "", nil},
		{
			"a result line", "not-changed: teramind jane@example.com: look up the agent: the connection was refused [network]",
			[]string{`"the connection was refused"`, "Exit code 1: not-changed", "Class network"},
		},
		{
			"a line of the log", `2026-11-25T03:32:52Z error payload: the JSON is cut short class=input outcome=not-changed requests=0`,
			[]string{`"the JSON is cut short"`, "Exit code 1: not-changed", "Class input"},
		},
		{"the JSON object", `{"outcome":"unknown","class":"timeout"}`, []string{"Exit code 3: unknown", "Class timeout"}},
		{"the same after a shell", `{outcome:unknown,class:timeout}`, []string{"Exit code 3: unknown", "Class timeout"}},
		{"bash, of a script from Windows", "bash: ./x.sh: /bin/bash^M: bad interpreter: No such file or directory", []string{"Windows line ends"}},
		{"bash, of a line from Windows", `./x.sh: line 2: $'\r': command not found`, []string{`"line…$'\r': command not found"`, "Windows line ends"}},
		{"dash", "x.sh: 2: exec: /usr/local/bin/pam-rotate-script\r: not found", []string{"Windows line ends"}},
		{"env", `/usr/bin/env: ‘bash\r’: No such file or directory`, []string{"Windows line ends"}},
		{"PowerShell", "The term 'pam-rotate-script' is not recognized as the name of a cmdlet, function, script file", []string{"Path"}},
		{"without the article", "host name is unknown", []string{`"the host name is unknown"`}},
		{"a field's fault", "Verify URL needs an https URL, found an empty text", []string{"targets NAME"}},
		{"behind a collector's words", "Nov 27 21:24:10 gw1 keeper-gateway[123]: not-changed: payload: the JSON is cut short [input]", []string{"the JSON is cut short", "Exit code 1", "Class input"}},
		{
			"in a container's log, with colours", `{"log":"\u001b[31mnot-changed\u001b[0m: teramind jane: look up: the connection was refused [network]\n","stream":"stdout"}`,
			[]string{"the connection was refused", "Exit code 1", "Class network"},
		},
		{"typographic quotes and a broken line", "the server’s certificate is signed by an unk\nnown authority", []string{"CA Certificate"}},
		{"no-break spaces", "the\u00a0host\u00a0name\u00a0is\u00a0unknown", []string{"the host name is unknown"}},
		{"a page's escapes", "the server&#39;s certificate is for another host", []string{"the server's certificate is for another host"}},
		{"a scheduler's words", "Error: process exited with exit code 3.", []string{"Exit code 3: unknown"}},
		{"a signal's code", "exit status 137", []string{"Exit code any other"}},
		{
			"several lines", "2026-11-25T03:32:52Z warn  the field x\n2026-11-25T03:32:52Z error hint: y\nunknown: sps x: set: no answer in time [timeout]",
			[]string{"no answer in time", "Exit code 3", "Class timeout"},
		},
		{"a warning alone", "2026-11-25T03:32:52Z warn  words of a vendor", []string{"Line warn"}},
		{"a hint alone", "hint: words of a vendor", []string{"Line hint"}},
		{"a row of verify", "drifted  Ac7essR3cordUid_0001aA  a title  jane", []string{"State drifted"}},
		{"sh, given the binary", `sh: 11: Syntax error: ")" unexpected`, []string{"Syntax error", "script command empty"}},
		{"a folder that Docker made", "bash: line 1: /usr/local/bin/pam-rotate-script: Is a directory", []string{"Docker"}},
		{"a container's runtime", `OCI runtime exec failed: exec: "/usr/local/bin/pam-rotate-script": permission denied: unknown`, []string{"noexec"}},
		{"a virus scanner", "Program 'pam-rotate-script.exe' failed to run: Operation did not complete successfully because the file contains a virus or potentially unwanted software.", []string{"hash"}},
		{"macOS", `[1]    29152 killed     pam-rotate-script` + "\nKilled: 9", []string{"xattr"}},
		{"Windows PowerShell's view of the log", "+ FullyQualifiedErrorId : NativeCommandError", []string{"standard error"}},
		{"a script from Windows, started by env", "env: ‘./rotate.sh’: No such file or directory", []string{"Windows line ends"}},
		{"dash, given a program of another processor", "./arm: 1: ELF\x02\x01: not found", []string{"uname -m"}},
		{"python, given the binary", `SyntaxError: Non-UTF-8 code starting with '\x89' in file /x on line 1`, []string{"no interpreter"}},
		{"a long line that a log has cut", "INFO stdout: not-changed: payload: the base64 text does not hold JS", []string{"the base64 text does not hold JSON", "Exit code 1"}},
		{"a cut that leaves too little", "the payload has", nil},
		{"a password that is empty", "payload: newPassword is empty", []string{"no password to set"}},
		{"a name of a directory", `venafi: read the user's name: found a name with a backslash`, []string{"local identity"}},
		{"a Gateway whose user has dash", "sh: 1: history: not found", []string{"not run", "bash"}},
		{"a payload as an argument", "./rotate.sh: line 3: /usr/local/bin/pam-rotate-script: Argument list too long", []string{"exec"}},
		{"words in a sentence", "it is not known whether he changed: nobody said", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := report.Explain(test.text)
			if (text != "") != (test.holds != nil) {
				t.Fatalf("it is %q", text)
			}
			for _, part := range test.holds {
				_, after, ok := strings.Cut(text, part)
				if !ok {
					t.Fatalf("%q is not in what is left: %q", part, text)
				}
				text = after
			}
		})
	}

	t.Run("a message within another one", func(t *testing.T) {
		if text := report.Explain("payload: the JSON is cut short [input]"); strings.Contains(text, "\"the JSON is\"\n") {
			t.Errorf("the shorter message is explained too: %s", text)
		}
	})

	t.Run("nothing is repeated", func(t *testing.T) {
		if text := report.Explain("unknown: rest canary-user@example.com: canary-word [network]"); strings.Contains(text, "canary") {
			t.Errorf("what was given is printed: %s", text)
		}
	})
}
