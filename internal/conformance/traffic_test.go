package conformance_test

import (
	"os"
	"strings"
	"testing"

	"pam-rotate-script/internal/conformance"
)

// TestTraffic: one connection and one handshake for each host of a vendor, and the
// exchanges that docs/development/performance.md tells.
func TestTraffic(t *testing.T) {
	const document = "../../docs/development/performance.md"
	table, err := conformance.TrafficTable()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), table) {
		t.Errorf("%s is stale: run make bench BENCHFLAGS='-only traffic'\n%s", document, table)
	}
}
