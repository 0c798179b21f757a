package secret_test

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"pam-rotate-script/internal/secret"
)

// through returns what one message becomes on its way through a Writer.
func through(t testing.TB, s *secret.Scrubber, form secret.Form, message string) string {
	t.Helper()
	var out bytes.Buffer
	n, err := s.Writer(&out, form).Write([]byte(message))
	if n != len(message) || err != nil {
		t.Fatalf("Write = %d, %v, want %d, nil", n, err, len(message))
	}
	return out.String()
}

func jsonLine(t testing.TB, message string) string {
	t.Helper()
	line, err := json.Marshal(map[string]any{"level": "error", "attempt": 1, "message": message, "more": []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	return string(line) + "\n"
}

func TestEncodings(t *testing.T) {
	for _, hidden := range hostile {
		for _, encoding := range encodings {
			t.Run(fmt.Sprintf("%s/%.20q", encoding.name, hidden), func(t *testing.T) {
				s := secret.NewScrubber("error")
				s.Seal(hidden)
				encoded := encoding.encode(hidden)
				if !shows(encoded, hidden, encoding.encode) && withoutMarks(encoded) == encoded {
					t.Fatalf("the test does not see the secret in %q", encoded)
				}
				for _, around := range [][2]string{{"vendor said: ", " (try again)\n"}, {`[secret&%\`, `\41;ret]`}} {
					text := around[0] + encoded + around[1]

					out := through(t, s, secret.Lines, text)
					if shows(out, hidden, encoding.encode) || !strings.Contains(out, secret.Mask) {
						t.Errorf("line %q became %q", text, out)
					}
					if again := through(t, s, secret.Lines, out); again != out {
						t.Errorf("line %q became %q and then %q", text, out, again)
					}

					out = s.Text(text)
					if shows(out, hidden, encoding.encode) || !strings.Contains(out, secret.Mask) {
						t.Errorf("text %q became %q", text, out)
					}
					if again := s.Text(out); again != out {
						t.Errorf("text %q became %q and then %q", text, out, again)
					}

					line := jsonLine(t, text)
					out = through(t, s, secret.JSON, line)
					if shows(out, hidden, encoding.encode) {
						t.Errorf("JSON line %q became %q", line, out)
					}
					var fields struct{ Level, Message string }
					if err := json.Unmarshal([]byte(out), &fields); err != nil {
						t.Fatalf("JSON line %q became %q: %v", line, out, err)
					}
					if fields.Level != "error" || shows(fields.Message, hidden, encoding.encode) {
						t.Errorf("JSON line %q became %q", line, out)
					}
					if again := through(t, s, secret.JSON, out); again != out {
						t.Errorf("JSON line %q became %q and then %q", line, out, again)
					}
				}
			})
		}
	}
}

func TestWriterLines(t *testing.T) {
	tests := []struct {
		name       string
		vocabulary []string
		secrets    []string
		message    string
		want       string
	}{
		{"nothing known", nil, nil, "all is well\n", "all is well\n"},
		{"empty message", nil, []string{"hunter22"}, "", ""},
		{"empty secret", nil, []string{""}, "all is well\n", "all is well\n"},
		{"twice", nil, []string{"hunter22"}, "hunter22hunter22 or hunter22", "[secret][secret] or [secret]"},
		{"too short to search for", nil, []string{"abc"}, "abc", "abc"},
		{"longest match", nil, []string{"hunter", "hunter22", "hunter2"}, "hunter22!", "[secret]!"},
		{"overlap", nil, []string{"abcdef", "defghi"}, "<abcdefghi>", "<[secret]>"},
		{"overlap with itself", nil, []string{"aaaa"}, "aaaaaaa", "[secret]"},
		{"one within another encoding", nil, []string{"68756e74"}, "68756e74", "[secret]"},
		{"mixed case", nil, []string{"a/b/c/d"}, "a%2fb%2Fc/d", "[secret]"},
		{"word of the vocabulary", []string{"not-changed", "changed"}, []string{"changed"}, "changed: done", "changed: done"},
		{"a secret where the outcome stands", []string{"not-changed"}, []string{"hunter22"}, "hunter22: done", "[secret]: done"},
		{"part of a word", []string{"not-changed"}, []string{"t-ch"}, "not-changed: done", "not-changed: done"},
		{"across two words", []string{"ok", "no"}, []string{"ok\x00no"}, "ok\x00no", "[secret]"},
		{"longer than a word", []string{"changed"}, []string{"changed1"}, "changed1", "[secret]"},
		{"word of the vocabulary once its blanks are one", []string{"not changed"}, []string{"not  changed"}, "not changed, not  changed\n", "not changed, [secret]\n"},
		{"too short once its blanks are one", nil, []string{"a  b"}, "a b, a  b", "a b, [secret]"},
		{"plus sign for no blank", nil, []string{"a+b+c"}, "a b c, a+b+c", "a b c, [secret]"},
		{"plus sign for a blank", nil, []string{"a b c"}, "a%20b+c, a%2Bb%2Bc, a%252Bb%252Bc", "[secret], [secret], a%252Bb%252Bc"},
		{"hexadecimal on lines of its own", nil, []string{"hunter22"}, "got\n68:75:6e:74:\n65:72:32:32\nand more\n", "got\n[secret]\nand more\n"},
		{"base64 on lines of its own", nil, []string{"hunter22"}, "got:\naHVu\ndGVy\nMjI=\nand more\n", "got:\n[secret]=\nand more\n"},
		{"part of the mask", nil, []string{"secret", "[sec", "ret]", "[secret]"}, "the secret, [secret] and [sec", "the [secret], [secret] and [secret]"},
		{"more than the mask", nil, []string{"[secret]x"}, "a[secret]x", "a[secret]"},
		{"made by the mask", nil, []string{"hunter22", "]abc"}, "hunter22abcabcabc.", "[secret]."},
		{"made by the mask on the left", nil, []string{"hunter22", "abc["}, "abcabchunter22", "[secret]"},
		{"made by two masks", nil, []string{"hunter22", "][se"}, "hunter22hunter22hunter22", "[secret]"},
		{"made by the mask without end", nil, []string{"hunter22", "]abc"}, "hunter22" + strings.Repeat("abc", 1000), "[withheld]"},
		{"line feed at the end", nil, []string{"hunter22\n"}, "it is hunter22\n", "it is [secret]\n"},
		{"line feed that would show a secret", nil, []string{"hunter22\n", "et]\n"}, "it is hunter22\n", "it is [secret]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := secret.NewScrubber(test.vocabulary...)
			for _, text := range test.secrets {
				s.Seal(text)
			}
			got := through(t, s, secret.Lines, test.message)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if again := through(t, s, secret.Lines, got); again != got {
				t.Errorf("got %q and then %q", got, again)
			}
		})
	}
}

func TestWriterJSON(t *testing.T) {
	tests := []struct {
		name    string
		secrets []string
		message string
		want    string
	}{
		{"nothing found", []string{"hunter22"}, "{ \"a\" : 1 }\n", "{ \"a\" : 1 }\n"},
		{"values and keys", []string{"hunter22"}, `{"hunter22":["hunter22",{"a":"is hunter22!"}]}`, `{"[secret]":["[secret]",{"a":"is [secret]!"}]}`},
		{"layout", []string{"hunter22"}, "{\n  \"a\": \"hunter22\"\n}\n", "{\n  \"a\": \"[secret]\"\n}\n"},
		{"number", []string{"1234"}, `{"a":1234,"b":-12345.6e7,"c":123}`, `{"a":"[secret]","b":"[secret]","c":123}`},
		{"word", []string{"true", "null"}, `[true,false,null]`, `["[secret]",false,"[secret]"]`},
		{"a number alone", []string{"1234"}, "1234\n", "\"[secret]\"\n"},
		{"begins within an escape", []string{"nabc"}, `["x\nabc"]`, `["x[secret]"]`},
		{"ends within an escape", []string{`abc\`}, `["abc\\nd"]`, `["[secret]nd"]`},
		{"ends before a quote", []string{`abc\`}, `["abc\"d"]`, `["[secret]d"]`},
		{"begins within a number", []string{"e9abc"}, `["\u00e9abc"]`, `["[secret]"]`},
		{"begins within a pair", []string{"de00"}, `["\ud83d\ude00"]`, `["[secret]"]`},
		{"begins within a character", []string{"\xa9abc"}, `["xéabc"]`, `["x[secret]"]`},
		{"like punctuation", []string{`","b`}, `{"level":"info","outcome":"changed","class":"","a":"x","b":1}` + "\n", `{"level":"info","outcome":"changed","message":"[withheld]"}` + "\n"},
		{"like punctuation, other types", []string{`","b`}, `{"level":1,"class":"tls","a":"x","b":1}`, `{"class":"tls","message":"[withheld]"}`},
		{"like punctuation, a list", []string{`","b`}, `["a","b"]`, `{"message":"[withheld]"}`},
		{"like punctuation, with another", []string{`","b`, "hunter22"}, `{"level":"hunter22","a":"x","b":1}`, `{"level":"[secret]","message":"[withheld]"}`},
		{"like all punctuation", []string{`":"[`, `","b`}, `["a","b"]` + "\n", "{}\n"},
		{"not JSON", []string{"hunter22"}, "panic: hunter22\n", "panic: [secret]\n"},
		{"two values", []string{"hunter22"}, "{}\n\"hunter22\"\n", "{}\n\"[secret]\"\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := secret.NewScrubber()
			for _, text := range test.secrets {
				s.Seal(text)
			}
			got := through(t, s, secret.JSON, test.message)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if json.Valid([]byte(test.message)) && !json.Valid([]byte(got)) {
				t.Errorf("got %q, which is not valid", got)
			}
			if again := through(t, s, secret.JSON, got); again != got {
				t.Errorf("got %q and then %q", got, again)
			}
		})
	}
}

func TestText(t *testing.T) {
	tests := []struct {
		name    string
		secrets []string
		text    string
		want    string
	}{
		{"nothing found", []string{"hunter22"}, "no such user", "no such user"},
		{"found", []string{"hunter22"}, "password 'hunter22' is too simple", "password '[secret]' is too simple"},
		{"word of the vocabulary", []string{"changed"}, "password 'changed' is too simple", "password '[secret]' is too simple"},
		{"short", []string{"abc"}, "password 'abc' is too simple", "[withheld]"},
		{"short and not there", []string{"abc"}, "password is too simple", "password is too simple"},
		{"one byte", []string{"!"}, "no!", "[withheld]"},
		{"empty", []string{""}, "no such user", "no such user"},
		{"short, in the masks alone", []string{"sec", "e", "wit", "[", "hunter22"}, "[withheld] hunt'r hunter22", "[withheld] hunt'r [secret]"},
		{"short, at the edge of a mask", []string{"]x", "hunter22"}, "hunter22x", "[withheld]"},
		{"short, in the middle of a long one", []string{"ter", "hunter22"}, "it is hunter22", "it is [secret]"},
		{"short, longer than the text", []string{"abc"}, "ab", "ab"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := secret.NewScrubber("changed")
			for _, text := range test.secrets {
				s.Seal(text)
			}
			got := s.Text(test.text)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if again := s.Text(got); again != got {
				t.Errorf("got %q and then %q", got, again)
			}
		})
	}
}

// TestTextThatShowsASecretLoosely: what a vendor cuts, wraps, folds or turns around tells the secret
// as well as an encoding does.
func TestTextThatShowsASecretLoosely(t *testing.T) {
	const password, token = "Xk7#mQ2$vL9!pR4@wT6z&Bn8", "ab12cd34"
	var scrubber secret.Scrubber
	scrubber.Add(secret.New(password), secret.New(token), secret.New("Pa-ss1"), secret.New("first-password-1"), secret.New("ÄÖÜ-пароль-密码-42"), secret.New("pct%abcdef-7e"))
	reversed := func(text string) string {
		runes := []rune(text)
		slices.Reverse(runes)
		return string(runes)
	}
	for name, text := range map[string]string{
		"upper case":        strings.ToUpper(password),
		"lower case":        strings.ToLower(password),
		"backwards":         reversed(password),
		"first half":        password[:12],
		"second half":       password[10:],
		"wrapped":           password[:9] + "\r\n   " + password[9:],
		"spaced":            strings.Join(strings.Split(password, ""), " "),
		"invisible between": strings.Join(strings.Split(password, ""), "\u200b"),
		"quotes of a shell": strings.ReplaceAll(password, "$", `'"$"'`),
		"other signs":       strings.NewReplacer("#", "", "!", "?", "@", "_").Replace(password),
		"short, folded":     "AB12-CD34",
		"not ASCII, folded": "äöü пароль 密码 42",
		"beside a mark":     "[secret]" + strings.ToUpper(password),
		"quoted-printable":  "Xk7#mQ2=\r\n$vL9=21pR=34@w=54", "quoted-printable beside a percent sign": "pct=25abcdef=2d7e",
		"escaped, in lower case": strings.ToLower(url.QueryEscape(password)),
		"full width":             strings.Map(func(r rune) rune { return r + '\uff01' - '!' }, password),
		"numbers of bytes":       fmt.Sprint([]byte(password)), "numbers with commas": strings.ReplaceAll(fmt.Sprint([]byte(password)), " ", ", "),
		"base32": base32.StdEncoding.EncodeToString([]byte(password)), "base32 in lower case": strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(password))),
	} {
		if got := scrubber.Withheld("refused: " + text + " is too weak"); got != "[withheld]" {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, text := range []string{
		"the password is too weak", "PASS1 of 7 failed", "the source does not support password changes", "mQ2 $vL9", "ab12 cd35", "[secret]", "ab12[secret]cd34", "", "request id 7f3c9a1e-0b1d-4c55-9d2e-1a2b3c4d5e6f",
		"between 12 and 64 characters, 3 of 4 kinds, not the last 24: 100%25 =20", "MFRGGZDFMZTWQ2LK is not allowed",
	} {
		if got := scrubber.Withheld(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestSealLogin(t *testing.T) {
	basic := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	tests := []struct {
		name, user, password, message, want string
	}{
		{"password", "jdoe", "hunter22", "hunter22", "[secret]"},
		{"both, readable", "jdoe", "hunter22", "jdoe:hunter22", "jdoe:[secret]"},
		{"both, in base64", "jdoe", "hunter22", "Basic " + basic("jdoe:hunter22"), "Basic [secret]=="},
		{"short password", "jdoe", "abc", "Basic " + basic("jdoe:abc"), "Basic [secret]="},
		{"short password, readable", "jdoe", "abc", "jdoe:abc", "jdoe:abc"},
		{"word of the vocabulary", "jdoe", "changed", "Basic " + basic("jdoe:changed"), "Basic [secret]"},
		{"no user", "", "hunter22", "Basic " + basic(":hunter22"), "Basic [secret]"},
		{"no password", "jdoe", "", "Basic " + basic("jdoe:"), "Basic " + basic("jdoe:")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := secret.NewScrubber("changed")
			s.SealLogin(test.user, secret.New(test.password))
			if got := through(t, s, secret.Lines, test.message); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestSealReturnsTheText(t *testing.T) {
	for _, s := range []*secret.Scrubber{nil, {}, secret.NewScrubber()} {
		if got := s.Seal("hunter22").Reveal(); got != "hunter22" {
			t.Errorf("Reveal() = %q", got)
		}
	}
}

func TestNilScrubber(t *testing.T) {
	var s *secret.Scrubber
	s.Add(secret.New("hunter22"))
	s.SealLogin("jdoe", secret.New("hunter22"))
	if got := s.Text("hunter22"); got != "hunter22" {
		t.Errorf("Text = %q", got)
	}
	for _, form := range []secret.Form{secret.Lines, secret.JSON} {
		if got := through(t, s, form, "hunter22"); got != "hunter22" {
			t.Errorf("form %d: got %q", form, got)
		}
	}
}

func TestZeroScrubber(t *testing.T) {
	var s secret.Scrubber
	if got := s.Text("hunter22"); got != "hunter22" {
		t.Errorf("Text = %q before the secret is known", got)
	}
	s.Seal("hunter22")
	if got := s.Text("hunter22"); got != secret.Mask {
		t.Errorf("Text = %q", got)
	}
}

// A writer that was made before a secret was known takes it out as well.
func TestAddLater(t *testing.T) {
	var out bytes.Buffer
	s := secret.NewScrubber()
	w := s.Writer(&out, secret.Lines)
	for _, text := range []string{"hunter22", "hunter33"} {
		s.Seal(text)
		s.Seal(text)
		if _, err := io.WriteString(w, "hunter22 hunter33\n"); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := out.String(), "[secret] hunter33\n[secret] [secret]\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestWriterErrors(t *testing.T) {
	broken := errors.New("broken pipe")
	tests := []struct {
		name string
		to   writerFunc
		want error
	}{
		{"error", func([]byte) (int, error) { return 3, broken }, broken},
		{"short write", func(p []byte) (int, error) { return len(p) - 1, nil }, io.ErrShortWrite},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := secret.NewScrubber()
			s.Seal("hunter22")
			n, err := s.Writer(test.to, secret.Lines).Write([]byte("it is hunter22\n"))
			if n != 0 || !errors.Is(err, test.want) {
				t.Errorf("Write = %d, %v, want 0, %v", n, err, test.want)
			}
		})
	}
}

// The message belongs to the caller, who may use its bytes again.
func TestWriterLeavesTheMessageAlone(t *testing.T) {
	s := secret.NewScrubber()
	s.Seal("hunter22")
	message := []byte("it is hunter22\n")
	if _, err := s.Writer(io.Discard, secret.Lines).Write(message); err != nil {
		t.Fatal(err)
	}
	if got := string(message); got != "it is hunter22\n" {
		t.Errorf("the message became %q", got)
	}
}

func TestConcurrentUse(t *testing.T) {
	var out bytes.Buffer
	s := secret.NewScrubber()
	w := s.Writer(&out, secret.Lines)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 50 {
				text := fmt.Sprintf("hunter-%d-%d", i, j)
				s.SealLogin("jdoe", s.Seal(text))
				if got := s.Text(text); got != secret.Mask {
					t.Errorf("Text = %q", got)
				}
				if _, err := fmt.Fprintf(w, "it is %s.\n", text); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if got, want := out.String(), strings.Repeat("it is [secret].\n", 8*50); got != want {
		t.Errorf("got %q", got)
	}
}

func TestScrubberCannotBePrinted(t *testing.T) {
	s := secret.NewScrubber("word")
	for _, text := range []string{canary, "abc!"} {
		s.SealLogin("jdoe", s.Seal(text))
	}
	w := s.Writer(io.Discard, secret.JSON)
	type holder struct {
		Scrubber *secret.Scrubber
		scrubber *secret.Scrubber
		writer   io.Writer
	}
	things := []any{s, w, holder{s, s, w}, &holder{s, s, w}, []*secret.Scrubber{s}, map[string]any{"s": s, "w": w}}
	for _, verb := range verbs {
		for _, thing := range things {
			mustHide(t, verb, fmt.Sprintf(verb, thing))
		}
	}
	if got := fmt.Sprint(s); got != secret.Mask {
		t.Errorf("Sprint gave %q", got)
	}
	for _, thing := range things {
		encoded, _ := json.Marshal(thing) // an error shows nothing either
		mustHide(t, "JSON", string(encoded))
	}
}
