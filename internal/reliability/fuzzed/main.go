// Command fuzzed reads what the fuzz tests have printed and writes the section on them
// into docs/development/reliability.md. make fuzz runs it.
//
// A line "fuzz PACKAGE TARGET" begins each target; what go test prints of it follows.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"

	"pam-rotate-script/internal/reliability"
)

// target is what one fuzz test has come to.
type target struct {
	name       string
	elapsed    string
	executions int
	inputs     int // the corpus that it ended with
	failed     bool
}

var progress = regexp.MustCompile(`^fuzz: elapsed: (\S+), execs: (\d+) .*\(total: (\d+)\)`)

// read returns the targets of a log, in its order.
func read(log io.Reader) ([]target, error) {
	var targets []target
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 3 && words[0] == "fuzz" {
			targets = append(targets, target{name: path.Base(words[1]) + "." + words[2]})
			continue
		}
		if len(targets) == 0 {
			continue
		}
		last := &targets[len(targets)-1]
		if strings.HasPrefix(lines.Text(), "--- FAIL") || strings.HasPrefix(lines.Text(), "FAIL") {
			last.failed = true
		}
		if found := progress.FindStringSubmatch(lines.Text()); found != nil {
			last.elapsed = found[1]
			last.executions, _ = strconv.Atoi(found[2])
			last.inputs, _ = strconv.Atoi(found[3])
		}
	}
	return targets, lines.Err()
}

// section says in Markdown what the targets have come to.
func section(targets []target) string {
	var rows [][]any
	sum, failed := 0, 0
	for _, t := range targets {
		rows = append(rows, []any{"`" + t.name + "`", t.elapsed, t.executions, t.inputs})
		sum += t.executions
		if t.failed {
			failed++
		}
	}
	rows = append(rows, []any{"**all**", "", sum, ""})
	return reliability.Measured() + fmt.Sprintf(" Targets that found something: %d.\n\n", failed) +
		reliability.Table([]string{"fuzz target", "for", "executions", "inputs kept"}, rows...)
}

func main() {
	targets, err := read(os.Stdin)
	for _, t := range targets {
		if err == nil && (t.failed || t.executions == 0) {
			err = fmt.Errorf("%s has failed or made no execution", t.name)
		}
	}
	if err == nil && len(targets) == 0 {
		err = fmt.Errorf("there is no fuzz target in the log")
	}
	if err == nil {
		err = reliability.Write("fuzz", "make fuzz", section(targets))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fuzzed:", err)
		os.Exit(1)
	}
}
