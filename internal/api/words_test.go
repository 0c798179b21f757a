package api_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestPackedWords: the program has the words of words.txt, and each of its tables is one there.
// make docs packs them.
func TestPackedWords(t *testing.T) {
	source, err := os.ReadFile("words.txt")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	names := map[string]bool{}
	for _, section := range strings.Split(string(source), "\n= ")[1:] {
		name, words, _ := strings.Cut(section, "\n")
		if names[name] {
			t.Errorf("%s is there twice", name)
		}
		names[name] = true
		want.WriteString(name + "=" + strings.Join(strings.Fields(words), " ") + "\n")
	}
	if flag.Lookup("update").Value.String() == "true" {
		var packed bytes.Buffer
		writer, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level is one that there is
		_, _ = writer.Write([]byte(want.String()))
		_ = writer.Close()
		if err := os.WriteFile("words.gz", packed.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	packed, err := os.Open("words.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	reader, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(reader); err != nil || string(text) != want.String() {
		t.Errorf("words.gz is stale: run make docs (%v)", err)
	}
	used := 0
	for _, file := range []string{"words.go", "reuse.go", "reason.go"} {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?m)^\s*(\w+) +(?:names|phrases|words) += "(\w+)"`).FindAllStringSubmatch(string(code), -1) {
			if used++; found[1] != found[2] || !names[found[2]] {
				t.Errorf("%s: %s names no table of words.txt", file, found[1])
			}
		}
	}
	if used != len(names) || used < 40 {
		t.Errorf("%d tables are used, and words.txt has %d", used, len(names))
	}
}
