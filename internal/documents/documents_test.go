package documents

import (
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const page = "# A page: what & why\n" +
		"See [there](other.md#part), ![a picture](a.svg) and `[not](this)`.\n" +
		"<!-- exit code 1 -->\n" +
		"```sh\nfalse\n```\n" +
		"<!-- something else -->\n<!-- not run: needs root -->\n" +
		"```sh\ninstall x\n```\n" +
		"1. In a list:\n\n   ```console\n   $ echo a \\\n   > b\n   a b\n   ```\n" +
		"<!-- not run: not above a block -->\n\n" +
		"```sh\ntrue\n```\n" +
		"<!-- file: a.yaml -->\n```yaml\na: 1\n```\n" +
		"## A page: what & why\n"
	d, err := Parse("page.md", page)
	if err != nil {
		t.Fatal(err)
	}
	wanted := []Block{
		{Line: 4, Language: "sh", Text: "false\n", ExitCode: 1},
		{Line: 9, Language: "sh", Text: "install x\n", NotRun: "needs root"},
		{Line: 14, Language: "console", Text: "$ echo a \\\n> b\na b\n"},
		{Line: 21, Language: "sh", Text: "true\n"},
		{Line: 25, Language: "yaml", Text: "a: 1\n", File: "a.yaml"},
	}
	if !reflect.DeepEqual(d.Blocks, wanted) {
		t.Errorf("the blocks are %+v", d.Blocks)
	}
	if wanted := []string{"a-page-what--why", "a-page-what--why-1"}; !reflect.DeepEqual(d.Anchors, wanted) {
		t.Errorf("the anchors are %q", d.Anchors)
	}
	if wanted := []Link{{2, "other.md#part"}, {2, "a.svg"}}; !reflect.DeepEqual(d.Links, wanted) {
		t.Errorf("the links are %v", d.Links)
	}
	if wanted := []Span{{2, "[not](this)"}}; !reflect.DeepEqual(d.Spans, wanted) {
		t.Errorf("the spans are %v", d.Spans)
	}
	commands, err := d.Blocks[2].Commands()
	if wanted := []Command{{"echo a \\\nb\n", "a b\n"}}; err != nil || !reflect.DeepEqual(commands, wanted) {
		t.Errorf("the commands are %q, %v", commands, err)
	}
}

func TestParseFaults(t *testing.T) {
	tests := []struct{ name, page, says string }{
		{"no language", "```\nx\n```\n", "page.md:1: the block has no language"},
		{"no end", "a\n```sh\nx\n", "page.md:2: the block has no end"},
		{"no reason", "<!-- not run: -->\n```sh\nx\n```\n", "the reason why it is not run is missing"},
		{"no colon", "<!-- not run, needs root -->\n```sh\nx\n```\n", "must read: not run: REASON"},
		{"no commands", "<!-- not run: needs root -->\n```json\nx\n```\n", "is not run anyway"},
		{"no number", "<!-- exit code one -->\n```sh\nx\n```\n", "the exit code is no number"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Parse("page.md", test.page); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the error is %v", err)
			}
		})
	}
	if _, err := (Block{Text: "output\n$ x\n"}).Commands(); err == nil {
		t.Error("a console block may begin with output")
	}
}
