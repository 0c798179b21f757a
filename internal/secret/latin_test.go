package secret_test

import (
	"fmt"
	"strings"
	"testing"

	"pam-rotate-script/internal/secret"
)

// TestLatinEscapes: what JavaScript's escape makes of a secret is found, also with plain
// text around it, as is what it makes of characters beyond ISO 8859-1.
func TestLatinEscapes(t *testing.T) {
	for _, hidden := range []string{"caf\u00e9-canary", "\u00e9canary\u00ff", "na\u00efve\u20accanary"} {
		var escaped strings.Builder
		for _, character := range hidden {
			switch {
			case character > 0xff:
				fmt.Fprintf(&escaped, "%%u%04X", character)
			case character > 0x7f:
				fmt.Fprintf(&escaped, "%%%02X", character)
			default:
				escaped.WriteRune(character)
			}
		}
		scrubber := secret.NewScrubber()
		scrubber.Seal(hidden)
		if got := scrubber.Text("user=jane&password=" + escaped.String() + "&x=%41"); got != "user=jane&password=[secret]&x=%41" {
			t.Errorf("%s: got %s", escaped.String(), got)
		}
		if got := scrubber.Text("password=" + strings.ReplaceAll(escaped.String(), "%", "%25")); got != "password=[secret]" {
			t.Errorf("escaped twice: got %s", got)
		}
	}
}
