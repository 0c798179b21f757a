package inspect

import (
	"strings"
	"testing"
)

// TestStdinForms are told apart, as they answer how a Gateway's shell pipes.
func TestStdinForms(t *testing.T) {
	wide := func(text string) string {
		var out strings.Builder
		for _, character := range text {
			out.WriteString(string(character) + "\x00")
		}
		return out.String()
	}
	for text, want := range map[string]StdinForm{
		"":                            {"k", "nothing", "none", 0, 0},
		"QUJD\n":                      {"k", "base64", "LF", 1, 1},
		"QUJD":                        {"k", "base64", "none", 1, 1},
		"\"QUJD\"\r\n":                {"k", "base64", "CR LF", 1, 1},
		"QU\nJD\n":                    {"k", "base64", "LF", 2, 1},
		" {\"user\":1}\n":             {"k", "JSON", "LF", 1, 1},
		"\xef\xbb\xbfQUJD\n":          {"k", "base64, UTF-8 with a byte order mark", "LF", 1, 1},
		"\xff\xfe" + wide("QUJD\r\n"): {"k", "base64, UTF-16 with a byte order mark", "CR LF", 1, 1},
		wide("{}\n"):                  {"k", "JSON, UTF-16 without a byte order mark", "LF", 1, 1},
		"<xml>":                       {"k", "other", "none", 1, 1},
		strings.Repeat("A", 1025):     {"k", "base64", "none", 1, 2},
	} {
		for _, size := range []int{1, 4096} {
			watched := &Input{From: strings.NewReader(text)}
			buffer := make([]byte, size)
			for {
				if _, err := watched.Read(buffer); err != nil {
					break
				}
			}
			if got := watched.form("k"); got != want {
				t.Errorf("%q, read by %d: %+v, want %+v", text[:min(len(text), 20)], size, got, want)
			}
		}
	}
}
