package targettest_test

import (
	"testing"

	"pam-rotate-script/internal/targets/targettest"
)

// TestConformance runs every vendor's bench through the suite.
func TestConformance(t *testing.T) {
	for _, bench := range targettest.Benches() {
		t.Run(bench.Name, func(t *testing.T) {
			t.Parallel()
			targettest.RunSuite(t, bench)
		})
	}
}
