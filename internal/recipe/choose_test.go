package recipe

import (
	"errors"
	"strings"
	"testing"
)

// TestManyProblems: a file that is something else altogether does not flood the log.
func TestManyProblems(t *testing.T) {
	_, err := Load([]byte("canary: 1\n"), "r")
	if lines := FirstProblems(err); len(lines) < 5 || len(lines) > mostProblems+1 {
		t.Error(lines)
	}
	many := errors.New(strings.Repeat("problem\n", 99) + "problem")
	if lines := FirstProblems(many); len(lines) != mostProblems+1 || lines[mostProblems] != "and 80 more" {
		t.Error(lines)
	}
}
