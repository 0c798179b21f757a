package yamltext_test

import (
	"errors"
	"strings"
	"testing"

	"pam-rotate-script/internal/yamltext"
)

func TestParse(t *testing.T) {
	for name, source := range map[string]string{
		"lists": "a: " + strings.Repeat("[", 60_000), "maps": strings.Repeat("{a: ", 15_000), "both": strings.Repeat(`[{"a":`, 10_000),
		"list marks": strings.Repeat("- ", 30_000), "keys": strings.Repeat("? ", 30_000), "tags": strings.Repeat("!", 60_000),
	} {
		_, err := yamltext.Parse([]byte("x: 1\n"+source), 200)
		if deep := (yamltext.TooDeepError{}); !errors.As(err, &deep) || deep.Line != 2 || deep.Column < 100 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, source := range []string{"", "a: [[1]]\n- b", "a: &a [*a]", "\"", strings.Repeat("[]", 5_000), "a: ----------"} {
		if file, err := yamltext.Parse([]byte(source), 200); (file == nil) == (err == nil) || errors.As(err, &yamltext.TooDeepError{}) {
			t.Errorf("%.20q: %v, %v", source, file, err)
		}
	}
	if _, err := yamltext.Parse([]byte("a: 1\nb: '2'"), 200); err != nil {
		t.Error(err)
	}
}
