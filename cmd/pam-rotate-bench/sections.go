//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/simulator/rest"
)

// section is one table or more of the page.
type section struct {
	name    string
	measure func(context.Context, *stage) (string, error)
}

var sections = []section{
	{"comparison", comparison},
	{"traffic", traffic},
	{"payloads", payloads},
	{"start", start},
	{"packages", packages},
	{"parts", parts},
}

// comparison measures the program beside others that make the same call.
func comparison(ctx context.Context, s *stage) (string, error) {
	const repeats = 5
	payload := s.payload(0, 0, nil)
	bare, err := s.build(ctx, "bare", barePackage)
	if err != nil {
		return "", err
	}
	sides := []program{
		s.rotation("pam-rotate-script", s.product, payload),
		s.rotation("bare net/http", bare, payload),
	}
	var notes []string
	if path, about, missing := python(ctx); missing == "" {
		sides = append(sides, program{name: "Python sample", arguments: []string{path, "cmd/pam-rotate-bench/sample.py"}, stdin: payload, environment: s.trust()})
		s.tools = append(s.tools, about)
	} else {
		notes = append(notes, "The Python sample is left out: "+missing+".")
	}
	if path, err := exec.LookPath("curl"); err == nil {
		side, err := s.curl(path)
		if err != nil {
			return "", err
		}
		told, _ := exec.CommandContext(ctx, path, "--version").Output()
		about, _, _ := strings.Cut(string(told), " (")
		sides, s.tools = append(sides, side), append(s.tools, about)
	} else {
		notes = append(notes, "curl is left out: it is not installed.")
	}

	rounds := s.rounds(30)
	again, all, err := s.repeats(ctx, repeats, rounds, sides...)
	if err != nil {
		return "", err
	}

	var text strings.Builder
	fmt.Fprintf(&text, "%d runs of each side, all sides in each round, in %d repeats of %d; in brackets what four fifths of the runs lie between.\n\n", repeats*rounds, repeats, rounds)
	table := newTable("", "wall time, ms", "processor time, ms", "peak memory, MiB", "start to connection, ms", "start to first byte, ms", "start to whole request, ms")
	for i, side := range sides {
		cells := []string{side.name}
		for _, figure := range []figure{wall, cpu, peak, connected, spoke, asked} {
			cells = append(cells, figure.of(all[i]).text("%.1f"))
		}
		table.row(cells...)
	}
	text.WriteString(table.String() + "\nRatios, run by run: pam-rotate-script against each of the others, and between what values the medians of the repeats lie.\n\n")
	table = newTable("pam-rotate-script against", "wall time", "processor time", "peak memory", "start to connection", "start to first byte", "start to whole request")
	for i, side := range sides[1:] {
		cells := []string{side.name}
		for _, figure := range []figure{wall, cpu, peak, connected, spoke, asked} {
			var medians []float64
			for _, repeat := range again {
				medians = append(medians, figure.ratio(repeat[0], repeat[1+i]).median)
			}
			cells = append(cells, fmt.Sprintf("%.2f (%.2f to %.2f)", figure.ratio(all[0], all[1+i]).median, slices.Min(medians), slices.Max(medians)))
		}
		table.row(cells...)
		switch side.name {
		case "bare net/http":
			s.want("wall time against a bare net/http program", "%.2f", figure(wall).ratio(all[0], all[1+i]).median, 1.5)
			s.want("start to first byte against a bare net/http program", "%.2f", figure(spoke).ratio(all[0], all[1+i]).median, 1.5)
		case "Python sample":
			s.want("wall time against the Python sample", "%.2f", figure(wall).ratio(all[0], all[1+i]).median, 0.1)
		}
	}
	s.want("peak memory with an ordinary payload, MiB", "%.1f", figure(peak).of(all[0]).median, 20)
	text.WriteString(table.String())
	for _, note := range notes {
		text.WriteString("\n" + note + "\n")
	}
	return text.String(), nil
}

// curl makes the same call from a prepared body.
func (s *stage) curl(path string) (program, error) {
	body, err := json.Marshal(map[string]string{"userEmail": user, "newPassword": newPassword})
	if err != nil {
		return program{}, fmt.Errorf("prepare curl's body: %w", err)
	}
	config := filepath.Join(s.directory, "curl.config")
	lines := fmt.Sprintf("url = %q\nheader = \"Authorization: Bearer %s\"\nheader = \"Content-Type: application/json\"\ncacert = %q\n",
		s.server.URL()+"/api/password", rest.Token, s.trusted)
	if err := os.WriteFile(config, []byte(lines), 0o600); err != nil {
		return program{}, fmt.Errorf("write curl's config: %w", err)
	}
	return program{
		name: "curl, prepared body", stdin: body,
		arguments: []string{path, "--silent", "--show-error", "--fail", "--output", "/dev/null", "--config", config, "--data-binary", "@-"},
	}, nil
}

// traffic counts what a rotation costs at each vendor.
func traffic(_ context.Context, _ *stage) (string, error) {
	return conformance.TrafficTable()
}

// payloadSize is one payload to measure.
type payloadSize struct {
	name   string
	more   int // records beyond the three that every payload has here
	filler int // bytes in each of them
	rounds int
}

// payloadSizes ends with two payloads of almost 8 MiB, which is all that the program takes:
// of records of the usual size and some more in them, and of a single large one. Base64
// twice over makes 16 bytes of 9.
func payloadSizes() []payloadSize {
	const largest, many = 8 << 20, 4000
	each := largest * 9 / 16 / many
	return []payloadSize{
		{"3", 0, 0, 60}, {"10", 7, 0, 60}, {"100", 97, 0, 60}, {"500", 497, 0, 40}, {"1,000", 997, 0, 30},
		{"4,003, 8 MiB", many, each - 300, 8}, {"4, 8 MiB", 1, largest*9/16 - 2000, 8},
	}
}

// payloads measures the cost against the size of the payload.
func payloads(ctx context.Context, s *stage) (string, error) {
	bare, err := s.build(ctx, "bare", barePackage)
	if err != nil {
		return "", err
	}
	table := newTable("linked records", "payload, bytes", "wall time, ms", "processor time, ms", "peak memory, MiB",
		"processor time beyond the first line, µs per KiB", "bare net/http: wall time, ms", "processor time, ms", "peak memory, MiB")
	var first float64
	for i, size := range payloadSizes() {
		payload := s.payload(size.more, size.filler, nil)
		runs, err := s.series(ctx, s.rounds(size.rounds), s.rotation(size.name+" records", s.product, payload), s.rotation(size.name+" records, bare", bare, payload))
		if err != nil {
			return "", err
		}
		if i == 0 {
			first = figure(cpu).of(runs[0]).median
		}
		each := "–"
		if i >= 2 {
			each = fmt.Sprintf("%.0f", (figure(cpu).of(runs[0]).median-first)*1000/(float64(len(payload))/1024))
		}
		table.row(size.name, thousands(len(payload)), figure(wall).of(runs[0]).text("%.1f"), figure(cpu).of(runs[0]).text("%.1f"),
			fmt.Sprintf("%.1f", figure(peak).of(runs[0]).median), each,
			fmt.Sprintf("%.1f", figure(wall).of(runs[1]).median), fmt.Sprintf("%.1f", figure(cpu).of(runs[1]).median), fmt.Sprintf("%.1f", figure(peak).of(runs[1]).median))
	}
	return table.String(), nil
}

// start measures where the time goes until a program speaks.
func start(ctx context.Context, s *stage) (string, error) {
	bare, err := s.build(ctx, "bare", barePackage)
	if err != nil {
		return "", err
	}
	payload := s.payload(0, 0, nil)
	authority := s.payload(0, 0, map[string]any{"CA Certificate": s.server.Authority().PEM()})
	sides := []program{
		{name: "a Go program that does nothing", arguments: []string{s.launch}},
		{name: "`pam-rotate-script version`", arguments: []string{s.product, "version"}},
		{name: "`pam-rotate-script inspect`: and the payload decoded", arguments: []string{s.product, "inspect", "--exit-zero"}, stdin: payload},
		s.rotation("`pam-rotate-script`: and the call", s.product, payload),
		s.rotation("the same with `CA Certificate` on the access record", s.product, authority),
		s.rotation("bare net/http: decoded, and the call", bare, payload),
	}
	_, runs, err := s.repeats(ctx, 5, s.rounds(30), sides...)
	if err != nil {
		return "", err
	}
	table := newTable("run", "wall time, ms", "processor time, ms", "peak memory, MiB", "start to connection, ms", "from there to first byte, ms", "to whole request, ms", "to exit, ms")
	for i, side := range sides {
		cells := []string{side.name, figure(wall).of(runs[i]).text("%.1f"), figure(cpu).of(runs[i]).text("%.1f"), fmt.Sprintf("%.1f", figure(peak).of(runs[i]).median)}
		for _, step := range []figure{
			connected,
			func(m measured) float64 { return m.spoke - m.connected },
			func(m measured) float64 { return m.asked - m.spoke },
			func(m measured) float64 { return m.wall - m.asked },
		} {
			cell := fmt.Sprintf("%.1f", step.of(runs[i]).median)
			if connected(runs[i][0]) == 0 {
				cell = "–"
			}
			cells = append(cells, cell)
		}
		table.row(cells...)
	}
	return fmt.Sprintf("%d runs of each.\n\n%s", len(runs[0]), table), nil
}

// packages tells what the initialisation of packages costs, by the runtime's own account.
func packages(ctx context.Context, s *stage) (string, error) {
	rounds := s.rounds(41)
	type cost struct {
		name          string
		times         []float64 // µs
		bytes, allocs int
	}
	costs := map[string]*cost{}
	for range rounds {
		command := exec.CommandContext(ctx, s.product, "version")
		command.Env = []string{"GODEBUG=inittrace=1"}
		var trace bytes.Buffer
		command.Stderr = &trace
		if err := command.Run(); err != nil {
			return "", fmt.Errorf("trace the initialisation: %w", err)
		}
		for line := range strings.Lines(trace.String()) {
			// init net/http @4.1 ms, 0.026 ms clock, 1920 bytes, 22 allocs
			fields := strings.Fields(line)
			if len(fields) != 11 || fields[0] != "init" {
				continue
			}
			if costs[fields[1]] == nil {
				costs[fields[1]] = &cost{name: fields[1]}
			}
			c := costs[fields[1]]
			milliseconds, _ := strconv.ParseFloat(fields[4], 64)
			c.times = append(c.times, milliseconds*1000)
			c.bytes, _ = strconv.Atoi(fields[7])
			c.allocs, _ = strconv.Atoi(fields[9])
		}
	}
	group := func(name string) string {
		switch {
		case strings.HasPrefix(name, "pam-rotate-script/") || name == "main":
			return "all of this project's own packages"
		case strings.HasPrefix(name, "vendor/") || !strings.Contains(strings.Split(name, "/")[0], "."):
			return "all of the runtime and the standard library"
		}
		return "all of the dependencies"
	}
	sums := map[string]*cost{}
	var list []*cost
	for _, c := range costs {
		list = append(list, c)
		of := group(c.name)
		if sums[of] == nil {
			sums[of] = &cost{name: of, times: []float64{0}}
		}
		sums[of].times[0] += spreadOf(c.times).median
		sums[of].bytes += c.bytes
		sums[of].allocs += c.allocs
	}
	slices.SortFunc(list, func(a, b *cost) int {
		return cmp.Or(cmp.Compare(spreadOf(b.times).median, spreadOf(a.times).median), cmp.Compare(a.name, b.name))
	})
	list = slices.DeleteFunc(list, func(c *cost) bool { return spreadOf(c.times).median < 10 && group(c.name) != group("main") })
	for _, name := range []string{"all of the runtime and the standard library", "all of the dependencies", "all of this project's own packages"} {
		if sums[name] != nil {
			list = append(list, sums[name])
		}
	}
	table := newTable("package", "initialisation, µs", "bytes allocated", "allocations")
	for _, c := range list {
		name := "`" + c.name + "`"
		if strings.HasPrefix(c.name, "all of") {
			name = c.name
		}
		table.row(name, fmt.Sprintf("%.0f", spreadOf(c.times).median), thousands(c.bytes), thousands(c.allocs))
	}
	return fmt.Sprintf("Medians of %d runs; the packages of 10 µs or more, all of this project's own, and the sums.\n\n%s", rounds, table), nil
}

// parts measures what parts of the program cost that not every run needs.
func parts(ctx context.Context, s *stage) (string, error) {
	payload := s.payload(0, 0, nil)
	var versions, rotations []program
	sizes := make([]int64, len(variants))
	for i, variant := range variants {
		path, err := s.build(ctx, "variant "+variant.name, product, variant.without...)
		if err != nil {
			return "", err
		}
		file, err := os.Stat(path)
		if err != nil {
			return "", fmt.Errorf("look at a variant: %w", err)
		}
		sizes[i] = file.Size()
		versions = append(versions, program{name: variant.name, arguments: []string{path, "version"}})
		rotations = append(rotations, s.rotation(variant.name, path, payload))
	}
	_, runs, err := s.repeats(ctx, 8, s.rounds(25), append(versions, rotations...)...)
	if err != nil {
		return "", err
	}
	table := newTable("the program", "bytes", "`version`: wall time, ms", "processor time, ms", "peak memory, MiB",
		"a rotation: start to first byte, ms", "wall time, ms", "processor time, ms", "peak memory, MiB")
	less := newTable("what it costs to have", "bytes", "`version`: wall time, ms", "processor time, ms", "a rotation: start to first byte, ms", "wall time, ms", "processor time, ms")
	for i, variant := range variants {
		version, rotation := runs[i], runs[len(variants)+i]
		table.row(variant.name, thousands(int(sizes[i])),
			figure(wall).of(version).text("%.2f"), figure(cpu).of(version).text("%.2f"), fmt.Sprintf("%.1f", figure(peak).of(version).median),
			figure(spoke).of(rotation).text("%.2f"), figure(wall).of(rotation).text("%.2f"), figure(cpu).of(rotation).text("%.2f"), fmt.Sprintf("%.1f", figure(peak).of(rotation).median))
		if i == 0 {
			continue
		}
		cells := []string{strings.TrimPrefix(variant.name, "without "), thousands(int(sizes[0] - sizes[i]))}
		for _, f := range []figure{wall, cpu} {
			cells = append(cells, fmt.Sprintf("%.2f", difference(f, runs[0], version)))
		}
		for _, f := range []figure{spoke, wall, cpu} {
			cells = append(cells, fmt.Sprintf("%.2f", difference(f, runs[len(variants)], rotation)))
		}
		less.row(cells...)
	}
	s.want("bytes of the program", "%.0f", float64(sizes[0]), float64(s.budget))
	return fmt.Sprintf("%d runs of each.\n\n%s\nThe medians of the differences, run by run:\n\n%s", len(runs[0]), table, less), nil
}

// difference is the median of what the runs of one program take more than another's.
func difference(f figure, runs, others []measured) float64 {
	values := make([]float64, len(runs))
	for i := range runs {
		values[i] = f(runs[i]) - f(others[i])
	}
	return spreadOf(values).median
}

// thousands writes a number with commas.
func thousands(number int) string {
	digits := strconv.Itoa(number)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
