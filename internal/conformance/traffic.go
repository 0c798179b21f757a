package conformance

import (
	"fmt"
	"strings"

	"pam-rotate-script/internal/rotation"
)

// traffic is what one rotation without faults costs at the vendor.
type traffic struct {
	Outcome rotation.Outcome
	// Hosts is how many hosts the vendor has, Connections and Handshakes how many
	// TCP connections were opened to them and got through TLS, Most how many may be.
	Hosts, Exchanges, Writes, Connections, Handshakes, Most int
}

// countTraffic carries out one rotation of a bench and counts.
func countTraffic(bench Bench) (traffic, error) {
	stand, err := bench.Start(bench.User, Old)
	if err != nil {
		return traffic{}, err
	}
	defer stand.Close()
	ended := Run{User: bench.User, Old: Old, New: New, Info: bench.Info}.Rotate(stand)
	counted := traffic{
		Outcome: ended.Outcome, Hosts: len(stand.Servers),
		Exchanges: len(stand.Exchanges()), Writes: stand.Writes(),
	}
	for _, server := range stand.Servers {
		counted.Connections += server.Connections()
		counted.Most += bench.connections(len(server.Exchanges()))
		counted.Handshakes += server.Handshakes()
	}
	return counted, nil
}

// TrafficTable returns in Markdown what a rotation costs at each vendor.
func TrafficTable() (string, error) {
	var table strings.Builder
	table.WriteString("| vendor | hosts | TCP connections | TLS handshakes | exchanges | of them writes |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, bench := range Benches() {
		t, err := countTraffic(bench)
		if err != nil {
			return "", fmt.Errorf("count the traffic of %s: %w", bench.Name, err)
		}
		if t.Outcome != rotation.Changed || t.Connections > t.Most || t.Handshakes > t.Most || t.Exchanges != bench.Exchanges {
			return "", fmt.Errorf("%s: %s with %d exchanges on %d connections to %d hosts", bench.Name, t.Outcome, t.Exchanges, t.Connections, t.Hosts)
		}
		fmt.Fprintf(&table, "| %s | %d | %d | %d | %d | %d |\n", bench.Name, t.Hosts, t.Connections, t.Handshakes, t.Exchanges, t.Writes)
	}
	return table.String(), nil
}
