package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/simulator"
)

// build makes the real program in a directory of its own.
func build(t *testing.T) string {
	t.Helper()
	// Another process reads the sources. Looking at them here, too, keeps go test
	// from taking an old result for theirs.
	for _, sources := range []string{"../pam-rotate-script", "../../internal", "../../scripts"} {
		if err := filepath.WalkDir(sources, func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(t.TempDir(), "pam-rotate-script")
	output, err := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-o", binary, "pam-rotate-script/cmd/pam-rotate-script").CombinedOutput()
	if err != nil {
		t.Fatalf("build the program: %v\n%s", err, output)
	}
	return binary
}

func TestDemo(t *testing.T) {
	binary := build(t)

	t.Run("the real program", func(t *testing.T) {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{"-binary", binary, "-verbose"}, &stdout, &stderr); code != 0 {
			t.Fatalf("the exit code is %d\n%s%s", code, &stdout, &stderr)
		}
		for _, wanted := range []string{
			"bash -c 'history -c && echo BASE64 | ",
			"program   changed: teramind jane.roe@example.com (agent 4711), confirmed by Teramind's answer in ",
			"warning   Teramind asks this user for a new password at the next login",
			"hint      the access token in the access record's password is wrong",
			"standard error:",
			"claims checked, all hold, in ",
		} {
			if !strings.Contains(stdout.String(), wanted) {
				t.Errorf("the output does not hold %q\n%s", wanted, &stdout)
			}
		}
		committed, err := os.ReadFile("../../docs/demo.svg")
		if err != nil {
			t.Fatal(err)
		}
		if picture(stdout.String()) != string(committed) {
			t.Error("docs/demo.svg is not what the demonstration prints: run make picture")
		}
	})

	// Programs that break one promise each, most of them by way of the real one.
	rest, provingREST := vendors()[1:2], vendors()[2:3]
	forgetful := vendors()[1]
	start := forgetful.start
	forgetful.start = func(user, old string) (*stand, error) {
		running, err := start(user, old)
		if err == nil {
			running.leftOpen = func() []string { return []string{"a session"} }
		}
		return running, err
	}
	tests := []struct {
		name, script string
		vendors      []vendor
		wrong        []string // parts of the output
	}{
		{
			"claims success", `echo "changed: all is well, confirmed by Teramind's answer"; exit 0`, vendors(),
			[]string{
				"WRONG     afterwards the vendor takes the new password: it refuses it",
				"WRONG     afterwards the vendor refuses the old password: it takes it",
				"WRONG     the exit code is 1: it is 0",
				"WRONG     the exit code is 3: it is 0",
				"WRONG     one result line, which says \"not-changed\" and \"[credential]\": it says something else",
				"WRONG     one result line, which says \"changed\" and \"proved by a login\": it does not say",
				"WRONG     writes that reached the vendor: 1, among 0 requests: 0 arrived",
				"WRONG     the connection did break at the write: it did not",
			},
		},
		{
			"claims failure", `"$REAL" > /dev/null; echo "not-changed: nothing was done [credential]"; exit 1`, rest,
			[]string{"WRONG     the exit code is 0: it is 1", "WRONG     one result line, which says \"changed\""},
		},
		{
			"exits 0 whatever happens", `"$REAL"; exit 0`, rest,
			[]string{"WRONG     the exit code is 1: it is 0", "WRONG     the exit code is 3: it is 0"},
		},
		{
			"writes twice", `payload=$(cat); "$REAL" <<< "$payload" > /dev/null 2>&1; "$REAL" <<< "$payload"`, rest,
			[]string{"WRONG     writes that reached the vendor: 1, among 2 requests: 2 arrived"},
		},
		{
			"breaks the vendor's rules", `"$REAL" --target teramind`, rest,
			[]string{"WRONG     no request broke a rule of the vendor's: "},
		},
		{
			"does not sign in", `"$REAL" --verify off`, provingREST,
			[]string{"WRONG     the program itself signed in with the new password: it did not"},
		},
		{
			"prints two lines", `echo "changed: soon"; "$REAL"`, rest,
			[]string{"WRONG     one result line, which says \"changed\" and \"confirmed by REST endpoint's answer\": there is not exactly one line"},
		},
		{
			"prints the payload", `payload=$(cat); echo "$payload" >&2; "$REAL" <<< "$payload"`, rest,
			[]string{"raw or encoded: standard error holds a part of the payload"},
		},
		{
			"prints the decoded payload", `payload=$(cat); base64 -d <<< "$payload" >&2; "$REAL" <<< "$payload"`, rest,
			[]string{"raw or encoded: standard error holds the new password, escaped for JSON"},
		},
		{
			"leaves a session open", `"$REAL"`, []vendor{forgetful},
			[]string{"WRONG     nothing is left open at the vendor: a session"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			d := &demo{binary: script(t, binary, test.script), limit: longestRun, out: &out}
			if code := d.run(t.Context(), test.vendors); code != 1 {
				t.Errorf("the exit code is %d", code)
			}
			for _, wrong := range test.wrong {
				if !strings.Contains(out.String(), wrong) {
					t.Errorf("the output does not hold %q", wrong)
				}
			}
			if t.Failed() {
				t.Log(out.String())
			}
		})
	}

	t.Run("one that does not end", func(t *testing.T) {
		var out bytes.Buffer
		d := &demo{binary: script(t, binary, "sleep 600"), limit: 2 * time.Second, out: &out}
		if code := d.run(t.Context(), rest); code != 1 || !strings.Contains(out.String(), "did not end by itself: killed after 2s") {
			t.Errorf("the exit code is %d\n%s", code, &out)
		}
	})

	t.Run("an interruption", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var out bytes.Buffer
		d := &demo{binary: binary, limit: longestRun, out: &out}
		if code := d.run(ctx, rest); code != 1 || !strings.Contains(out.String(), "The demonstration ends here") {
			t.Errorf("the exit code is %d\n%s", code, &out)
		}
	})
}

// script writes a program for bash, to which REAL is the real one. Its name has to
// be quoted.
func script(t *testing.T, binary, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "it's a program")
	text = "#!/bin/bash\nREAL=" + quoted(binary) + "\n" + text + "\n"
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommandLine(t *testing.T) {
	tests := []struct {
		name      string
		arguments []string
		code      int
		says      string
	}{
		{"help", []string{"-help"}, 0, "-binary"},
		{"unknown flag", []string{"-nonsense"}, exitUsage, "nonsense"},
		{"an argument", []string{"nonsense"}, exitUsage, "is serve"},
		{"no program", []string{"-binary", filepath.Join(t.TempDir(), "missing")}, 1, "make build makes it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), test.arguments, &stdout, &stderr)
			if code != test.code || !strings.Contains(stderr.String(), test.says) || stdout.Len() > 0 {
				t.Errorf("the exit code is %d\n%s%s", code, &stdout, &stderr)
			}
		})
	}
}

func TestSignedIn(t *testing.T) {
	// A sign-in is its password and the status it was answered with.
	running := &stand{signIn: func(exchange simulator.Exchange) (string, bool) {
		return string(exchange.Body), exchange.Name == "sign in"
	}}
	v := vendor{old: "the old one"}
	sign := func(password string, status int) simulator.Exchange {
		return simulator.Exchange{Name: "sign in", Body: []byte(password), Status: status}
	}
	refused := sign(newPassword, 401)
	tests := []struct {
		name      string
		login     string
		exchanges []simulator.Exchange
		broken    int
	}{
		{"no login wanted", "", nil, 0},
		{"the login wanted", "old", []simulator.Exchange{refused, refused, sign(v.old, 200)}, 0},
		{"refused", "old", []simulator.Exchange{sign(v.old, 401)}, 1},
		{"the other password", "old", []simulator.Exchange{sign(newPassword, 200)}, 1},
		{"no sign-in at all", "new", []simulator.Exchange{{Name: "look up", Body: []byte(newPassword), Status: 200}}, 1},
		{"too many", "", []simulator.Exchange{refused, refused, refused}, 1},
		{"too many, the last one lost", "new", []simulator.Exchange{refused, refused, sign(newPassword, 0), sign(newPassword, 200)}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := &demo{out: io.Discard}
			d.signedIn(running, v, ending{login: test.login}, test.exchanges)
			if len(d.broken) != test.broken {
				t.Errorf("%d claims are wrong: %q", len(d.broken), d.broken)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	found := credentials([]simulator.Exchange{{Header: http.Header{
		"Host": {"127.0.0.1"}, "Accept": {"application/json"}, "Authorization": {"Bearer minted-token"},
	}}, {Header: http.Header{"Cookie": {"session_id=minted=session"}}}})
	wanted := []secretText{{"the value of Authorization", "minted-token"}, {"the value of Cookie", "minted=session"}}
	if !slices.Equal(found, wanted) {
		t.Errorf("found %q", found)
	}
}

func TestFindSecret(t *testing.T) {
	const text = `S3cret/"<word>`
	secrets := []secretText{{"short", "abc"}, {"the password", text}}
	tests := []struct{ name, output, found string }{
		{"nothing", "abc is too short to be looked for", ""},
		{"raw", "it is " + text, "the password, as it is"},
		{"path", "it is S3cret%2F%22%3Cword%3E", "the password, escaped for a path"},
		{"JSON", `it is "S3cret/\"<word>"`, "the password, escaped for JSON"},
		{"JSON for HTML", `it is "S3cret/\"\u003cword\u003e"`, "the password, escaped for JSON"},
		{"base64", base64.StdEncoding.EncodeToString([]byte(text)), "the password, in base64"},
		{"base64 after one byte", base64.StdEncoding.EncodeToString([]byte(":" + text + "x")), "the password, in base64"},
		{"base64 after two bytes", base64.RawURLEncoding.EncodeToString([]byte("a:" + text + "xy")), "the password, in base64"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if found := findSecret(test.output, secrets); !strings.HasPrefix(found, test.found) || found != "" && test.found == "" {
				t.Errorf("found %q", found)
			}
		})
	}
}

func TestPicture(t *testing.T) {
	output := "introduction\n\n\n1. Vendor\n\n   about\n\n   1.1 A rotation\n       because\n\n       ok        a \"claim\" & <more> in 17 ms\n" +
		"       program   " + strings.Repeat("long ", 40) + "\n\n       standard error:\n         a log line\n" +
		"\n   1.3 Not shown\n\n       ok        left out\n\n\n2 claims checked, all hold, in 31 seconds.\n"
	drawn := picture(output)
	var texts []string
	decoder := xml.NewDecoder(strings.NewReader(drawn))
	for inText := false; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the picture is no XML: %v\n%s", err, drawn)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				texts = append(texts, string(token))
			}
		}
	}
	long := strings.TrimSpace(strings.Repeat("long ", 21)) // 104 characters, as many as fit beside the label
	wanted := []string{
		"$ make demo", "1. Vendor", "1.1 A rotation", "because", "ok", `a "claim" & <more> in … ms`, "program", long,
		strings.Repeat("long ", 19), "…", "2 claims checked, all hold, in … seconds.",
	}
	if !slices.Equal(texts, wanted) {
		t.Errorf("the picture holds %q", texts)
	}
}
