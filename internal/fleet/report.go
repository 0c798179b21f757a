package fleet

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// fewAlike is how many accounts of which nothing is known for the same reason are told one by one:
// there may be hundreds.
const fewAlike = 3

// good are the states that nobody has to do anything about.
var good = []State{InForce, Ready, Set}

// Report puts the lines together for people: the accounts that somebody has to look at, and the
// numbers. plain is how a name is printed.
func Report(lines []Line, plain func(string) string) []string {
	table := [][]string{{"STATE", "UID", "TITLE", "USER", "HOST", "MESSAGE"}}
	counts, alike := map[State]int{}, map[string]int{}
	failed := 0
	for _, line := range lines {
		counts[line.State]++
		failed += line.FailedLogins
		if line.State == NotTried || line.State == Unknown {
			alike[line.Message]++
		}
	}
	stopped := map[string]int{}
	for _, line := range lines {
		switch count := alike[line.Message]; {
		case slices.Contains(good, line.State):
		case count > fewAlike:
			stopped[fmt.Sprintf("%d %s: %s", count, line.State, line.Message)] = count
		default:
			table = append(table, []string{string(line.State), line.UID, plain(line.Title), plain(line.User), plain(line.Host), line.Message})
		}
	}
	var out []string
	if len(table) > 1 {
		out = append(out, aligned(table)...)
		out = append(out, "")
	}
	var reasons []string
	for why := range stopped {
		reasons = append(reasons, why)
	}
	slices.Sort(reasons)
	out = append(out, reasons...)
	var numbers []string
	for _, state := range []State{InForce, Ready, Set, Drifted, NotSet, NotReady, Unknown, NotTried} {
		if counts[state] > 0 || state == Drifted && counts[InForce] > 0 {
			numbers = append(numbers, fmt.Sprintf("%d %s", counts[state], state))
		}
	}
	return append(out, fmt.Sprintf("%d accounts: %s; %d failed sign-ins", len(lines), strings.Join(numbers, ", "), failed))
}

// aligned puts the columns below each other; the last one is as long as it is.
func aligned(table [][]string) []string {
	widths := make([]int, len(table[0]))
	for _, row := range table {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var out []string
	for _, row := range table {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		out = append(out, line.String())
	}
	return out
}

// ExitCode is 0 if every account is as it should be, 1 if one is certainly not, and 3 if that
// cannot be told of one.
func ExitCode(lines []Line) int {
	code := 0
	for _, line := range lines {
		switch line.State {
		case Drifted, NotSet, NotReady:
			return 1
		case Unknown, NotTried:
			code = 3
		}
	}
	return code
}
