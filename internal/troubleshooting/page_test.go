package troubleshooting

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/rotation"
)

var update = flag.Bool("update", false, "write the page instead of comparing it")

// The page, and the same for the program.
const (
	pagePath       = "../../docs/troubleshooting.md"
	compressedPath = "../report/troubleshooting.md.gz"
)

// TestPage: the page, and what the program carries with it, are what this package says.
func TestPage(t *testing.T) {
	page, known := page(), known()
	if *update {
		var compressed bytes.Buffer
		writer, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(writer, known); err != nil {
			t.Fatal(err)
		}
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
		for path, content := range map[string][]byte{pagePath: []byte(page), compressedPath: compressed.Bytes()} {
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	text, err := os.ReadFile(pagePath)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != page {
		t.Error("docs/troubleshooting.md is stale: run make docs")
	}
	file, err := os.Open(compressedPath)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	// The bytes may differ from one version of Go to the next, the text may not.
	if text, err = io.ReadAll(reader); err != nil || string(text) != known {
		t.Errorf("internal/report/troubleshooting.md.gz is stale: run make docs (%v)", err)
	}
}

// TestEveryEndIsExplained: no class, and no outcome, is without its topic.
func TestEveryEndIsExplained(t *testing.T) {
	var explained []api.Class
	for _, topic := range classes() {
		explained = append(explained, api.Class(topic.Name))
	}
	if !slices.Equal(explained, api.Classes()) {
		t.Errorf("the topics are %v, the classes %v", explained, api.Classes())
	}
	codes := map[string]string{}
	for _, topic := range outcomes() {
		codes[topic.Name] = topic.Code
	}
	for outcome, code := range map[rotation.Outcome]string{rotation.Changed: "0", rotation.NotChanged: "1", rotation.Unknown: "3"} {
		if codes[string(outcome)] != code {
			t.Errorf("%s is explained with the exit code %q", outcome, codes[string(outcome)])
		}
	}
	for _, topic := range slices.Concat(outcomes(), classes()) {
		if topic.Meaning == "" || len(topic.Next) == 0 {
			t.Errorf("%s lacks a meaning or a next step", topic.Name)
		}
	}
	before := ""
	for _, group := range Messages() {
		for _, message := range group.Messages {
			for earlier := range strings.Lines(before) {
				if earlier = strings.TrimSpace(earlier); strings.Contains(message.Text, earlier) {
					t.Errorf("%q is a part of %q and stands before it: explain would tell of both", earlier, message.Text)
				}
			}
			before += message.Text + "\n"
			if strings.ContainsAny(message.Text+message.Advice, "|\n") || strings.Contains(message.Text, "`") || message.Advice == "" {
				t.Errorf("%q does not fit into a row of a table", message.Text)
			}
		}
	}
}
