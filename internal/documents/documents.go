// Package documents reads this project's Markdown pages, so that tests can hold them to
// what they say: every command in them is run, every link leads somewhere, every file
// that they show is the one that there is. Nothing but tests uses it.
//
// A fenced block is told apart by its language. A block of commands (sh, bash, console,
// powershell) is run unless a comment in the line above says why not; see Block.
package documents

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Document is one page.
type Document struct {
	Path   string
	Blocks []Block
	// Anchors are what the headings are linked to by.
	Anchors []string
	Links   []Link
	// Spans are the texts in backticks outside of blocks.
	Spans []Span
}

// Block is a fenced block. HTML comments in the lines right above it, which a reader of the
// page does not see, say what is special about it:
//
//	<!-- not run: REASON -->   it holds commands that no test can run
//	<!-- exit code N -->       its one command ends with that exit code, not with 0
//	<!-- file: NAME -->        it is a file that the reader is told to make
type Block struct {
	Line     int // of the opening fence
	Language string
	Text     string
	NotRun   string // the reason, "" if it is to be run
	ExitCode int
	File     string
}

// Link is a link to another place of the project or of the page.
type Link struct {
	Line   int
	Target string
}

// Span is a text in backticks.
type Span struct {
	Line int
	Text string
}

// IsCommands reports whether the block holds commands for a shell.
func (b Block) IsCommands() bool {
	return b.File == "" && slices.Contains([]string{"sh", "bash", "shell", "console", "powershell", "pwsh", "bat", "cmd"}, b.Language)
}

var (
	fence     = regexp.MustCompile("^( *)(```+|~~~+) *([^ `]*)")
	comment   = regexp.MustCompile(`^ *<!-- *(.*?) *-->$`)
	heading   = regexp.MustCompile(`^#{1,6} +(.*?) *#*$`)
	link      = regexp.MustCompile(`\]\(([^() ]+)\)`)
	inlineSVG = regexp.MustCompile(`(?:src|href)="([^"]+)"`)
	span      = regexp.MustCompile("`([^`]+)`")
)

// Parse reads a page. The error tells of every fault of a block's form.
func Parse(path, text string) (*Document, error) {
	d := &Document{Path: path}
	var faults []error
	fault := func(line int, format string, values ...any) {
		faults = append(faults, fmt.Errorf("%s:%d: %s", path, line, fmt.Sprintf(format, values...)))
	}
	var marks []string
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if mark := comment.FindStringSubmatch(line); mark != nil {
			marks = append(marks, mark[1])
			continue
		}
		open := fence.FindStringSubmatch(line)
		if open == nil {
			marks = nil
			d.text(i+1, line)
			continue
		}
		block := Block{Line: i + 1, Language: open[3]}
		if block.Language == "" {
			fault(block.Line, "the block has no language: text, if it is nothing else")
		}
		var content []string
		for i++; i < len(lines) && !strings.HasPrefix(strings.TrimSpace(lines[i]), open[2]); i++ {
			content = append(content, strings.TrimPrefix(lines[i], open[1]))
		}
		if i == len(lines) {
			fault(block.Line, "the block has no end")
		}
		block.Text = strings.Join(content, "\n") + "\n"
		for _, mark := range marks {
			if err := block.mark(mark); err != nil {
				fault(block.Line, "%v", err)
			}
		}
		marks = nil
		d.Blocks = append(d.Blocks, block)
	}
	return d, errors.Join(faults...)
}

// mark reads one comment above the block.
func (b *Block) mark(text string) error {
	switch reason, isReason := strings.CutPrefix(text, "not run:"); {
	case isReason:
		if b.NotRun = strings.TrimSpace(reason); b.NotRun == "" {
			return errors.New("the reason why it is not run is missing")
		}
		if !b.IsCommands() {
			return errors.New("a block of the language " + b.Language + " is not run anyway")
		}
		return nil
	case strings.HasPrefix(text, "not run"):
		return errors.New("the comment must read: not run: REASON")
	}
	if code, isCode := strings.CutPrefix(text, "exit code "); isCode {
		number, err := strconv.Atoi(code)
		if err != nil {
			return errors.New("the exit code is no number")
		}
		b.ExitCode = number
	}
	if name, isFile := strings.CutPrefix(text, "file: "); isFile {
		b.File = name
	}
	return nil
}

// text reads a line outside of blocks.
func (d *Document) text(number int, line string) {
	if title := heading.FindStringSubmatch(line); title != nil {
		anchor := Anchor(title[1])
		for name, n := anchor, 1; slices.Contains(d.Anchors, anchor); n++ {
			anchor = fmt.Sprintf("%s-%d", name, n)
		}
		d.Anchors = append(d.Anchors, anchor)
	}
	for _, match := range span.FindAllStringSubmatch(line, -1) {
		d.Spans = append(d.Spans, Span{number, match[1]})
	}
	plain := span.ReplaceAllString(line, "")
	for _, pattern := range []*regexp.Regexp{link, inlineSVG} {
		for _, match := range pattern.FindAllStringSubmatch(plain, -1) {
			d.Links = append(d.Links, Link{number, match[1]})
		}
	}
}

// Anchor returns what GitHub links a heading to by.
func Anchor(heading string) string {
	var anchor strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ':
			anchor.WriteByte('-')
		case unicode.IsLetter(r), unicode.IsNumber(r), r == '-', r == '_':
			anchor.WriteRune(r)
		}
	}
	return anchor.String()
}

// varying is what differs from run to run, with what stands for it in a comparison.
var varying = []struct {
	pattern *regexp.Regexp
	stand   string
}{
	{regexp.MustCompile(`\b\d+ ms\b`), "N ms"},
	{regexp.MustCompile(`duration_ms=\d+`), "duration_ms=N"},
	{regexp.MustCompile(`"duration_ms":\d+`), `"duration_ms":N`},
	{regexp.MustCompile(`run=[0-9a-f]{12}\b`), "run=R"},
	{regexp.MustCompile(`"run_id":"[0-9a-f]{12}"`), `"run_id":"R"`},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^ ]*`), "TIME"},
	{regexp.MustCompile(`\b\d+\.\d+\.\d+(-dev)?( commit \w+)?\b`), "VERSION"},
}

// Alike compares what is printed with what a page shows, but for what varies. On the page …
// stands for any text, and in a line of its own for any lines.
func Alike(printed, shown string) bool {
	for _, v := range varying {
		printed, shown = v.pattern.ReplaceAllString(printed, v.stand), v.pattern.ReplaceAllString(shown, v.stand)
	}
	pattern := regexp.QuoteMeta(strings.TrimRight(shown, "\n"))
	pattern = regexp.MustCompile(`(?m)^…$`).ReplaceAllString(pattern, `(?s:.*)`)
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(strings.TrimRight(printed, "\n"))
}

// Command is one command of a console block, with what it prints.
type Command struct {
	Text   string
	Output string
}

// Commands takes a console block apart: a line that begins with "$ " is a command, lines
// that begin with "> " go on with it, and what follows is printed by it.
func (b Block) Commands() ([]Command, error) {
	var all []Command
	for line := range strings.Lines(b.Text) {
		command, isCommand := strings.CutPrefix(line, "$ ")
		more, goesOn := strings.CutPrefix(line, "> ")
		switch {
		case isCommand:
			all = append(all, Command{Text: command})
		case len(all) == 0:
			return nil, errors.New("the block does not begin with a command: $ COMMAND")
		case goesOn && all[len(all)-1].Output == "":
			all[len(all)-1].Text += more
		default:
			all[len(all)-1].Output += line
		}
	}
	return all, nil
}
