//go:build linux

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVariantsBuild: the program can be built without the parts that are measured, and is
// smaller then.
func TestVariantsBuild(t *testing.T) {
	t.Chdir("../..")
	b := builder{directory: t.TempDir(), tags: "nethttpomithttp2", link: "-s -w -buildid="}
	size := func(name string, without ...part) int64 {
		path, err := b.build(t.Context(), name, product, without...)
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return file.Size()
	}
	whole, bare := size("whole"), size("without all", keeper, engine, yaml)
	if bare >= whole-1<<20 {
		t.Errorf("without its parts the program has %d bytes, as it is %d", bare, whole)
	}
}

// TestEverySideMakesTheCall carries out the smallest comparison: the endpoint has to take
// what each side sends, and what is measured has to be there.
func TestEverySideMakesTheCall(t *testing.T) {
	t.Chdir("../..")
	s, err := prepare(t.Context(), settings{tags: "nethttpomithttp2", link: "-s -w -buildid=", budget: 10_000_000, scale: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	text, err := comparison(t.Context(), s)
	if err != nil {
		t.Fatal(err, s.refused())
	}
	for _, side := range []string{"| pam-rotate-script |", "| bare net/http |"} {
		if !strings.Contains(text, side) {
			t.Errorf("no row %s in\n%s", side, text)
		}
	}
	runs, err := s.series(t.Context(), 2, s.rotation("pam-rotate-script", s.product, s.payload(3, 10, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range runs[0] {
		if !(0 < run.connected && run.connected <= run.spoke && run.spoke <= run.asked && run.asked <= run.wall && run.cpu > 0 && run.peak > 0) {
			t.Errorf("measured %+v", run)
		}
	}
	if _, err := s.run(t.Context(), program{name: "empty", arguments: []string{s.product}}); err == nil {
		t.Error("a run that failed was counted")
	}
	if text, err := packages(t.Context(), s); err != nil || !strings.Contains(text, "pam-rotate-script/internal") {
		t.Errorf("the initialisation was not told: %v\n%s", err, text)
	}
	if notes := s.server.Notes(); len(notes) > 0 {
		t.Errorf("noted at the endpoint: %v", notes)
	}
}

func TestPayloadsAreOfTheirSize(t *testing.T) {
	for _, size := range payloadSizes() {
		if size.more < 0 || size.filler < 0 {
			t.Errorf("%s: %d more records with %d bytes of filler", size.name, size.more, size.filler)
		}
	}
}

func TestSpread(t *testing.T) {
	if got := spreadOf([]float64{5, 1, 4, 2, 3, 9, 7, 8, 6, 10, 11}); got != (spread{6, 2, 10}) {
		t.Errorf("got %+v", got)
	}
	runs, others := []measured{{wall: 1}, {wall: 8}, {wall: 3}}, []measured{{wall: 2}, {wall: 4}, {wall: 3}}
	if got := figure(wall).ratio(runs, others).median; got != 1 {
		t.Errorf("ratio %v", got)
	}
	if got := difference(wall, runs, others); got != 0 {
		t.Errorf("difference %v", got)
	}
	for number, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 12345678: "12,345,678"} {
		if got := thousands(number); got != want {
			t.Errorf("%d is written %s", number, got)
		}
	}
}

func TestWriteInto(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	write := func(text string) {
		if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n<!-- measured: a -->\nold\n<!-- end -->\nafter\n<!-- measured: b -->\n<!-- end -->\n")
	for range 2 { // the second time it changes nothing
		if err := writeInto(page, map[string]string{"a": "new\n"}); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(page)
		if want := "before\n<!-- measured: a -->\n\nnew\n\n<!-- end -->\nafter\n<!-- measured: b -->\n<!-- end -->\n"; string(got) != want || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if writeInto(page, map[string]string{"c": "new\n"}) == nil {
		t.Error("a text without a place was lost")
	}
}

// TestGoals: a goal that does not hold is told.
func TestGoals(t *testing.T) {
	s := &stage{}
	s.want("this", "%.1f", 1, 1)
	if !s.kept() {
		t.Error("1 is not at most 1")
	}
	s.want("that", "%.1f", 1.1, 1)
	if s.kept() || !strings.Contains(s.verdict(), "| that | at most 1.0 | 1.1 | **no** |") {
		t.Errorf("got %s", s.verdict())
	}
}

func TestCommandLine(t *testing.T) {
	for _, arguments := range [][]string{{"-only", "nothing"}, {"argument"}, {"-scale", "0"}, {"-unknown"}} {
		var stderr bytes.Buffer
		if code := run(context.Background(), arguments, &bytes.Buffer{}, &stderr); code != exitUsage || stderr.Len() == 0 {
			t.Errorf("%v: exit code %d, %q", arguments, code, stderr.String())
		}
	}
}
