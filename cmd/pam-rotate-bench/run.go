//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// program is one side of a comparison.
type program struct {
	name      string
	arguments []string // the first is the path
	stdin     []byte
	// environment is all that the program gets to see of the environment.
	environment []string
	// exit is the exit code without which a run does not count.
	exit int
}

// measured is one run of a program.
type measured struct {
	wall, cpu float64 // milliseconds
	peak      float64 // MiB
	// connected, spoke and asked are the milliseconds from the start to the first
	// connection, to its first byte (of TLS) and to the first whole request; 0 where
	// nothing came.
	connected, spoke, asked float64
}

// bench runs programs.
type bench struct {
	launch string
	wire   *wire
	limit  time.Duration // of one run
}

// run carries out one run of a program.
func (b *bench) run(ctx context.Context, p program) (measured, error) {
	ctx, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()
	report, into, err := os.Pipe()
	if err != nil {
		return measured{}, fmt.Errorf("make a pipe: %w", err)
	}
	defer report.Close()
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, b.launch, p.arguments...)
	command.Stdin, command.Stderr = bytes.NewReader(p.stdin), &stderr
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, p.environment...)
	command.ExtraFiles = []*os.File{into}
	b.wire.reset()
	err = command.Start()
	_ = into.Close()
	if err != nil {
		return measured{}, fmt.Errorf("%s: start: %w", p.name, err)
	}
	text, _ := io.ReadAll(report)
	waited := command.Wait()
	var start, wall, cpu, peak int64
	var exit int
	if _, err := fmt.Sscan(string(text), &start, &wall, &cpu, &peak, &exit); err != nil {
		return measured{}, fmt.Errorf("%s: no figures came back (%v): %s", p.name, waited, lastLine(stderr.Bytes()))
	}
	if exit != p.exit {
		return measured{}, fmt.Errorf("%s: exit code %d, wanted %d: %s", p.name, exit, p.exit, lastLine(stderr.Bytes()))
	}
	m := measured{wall: float64(wall) / 1e6, cpu: float64(cpu) / 1e6, peak: float64(peak) / 1024}
	m.connected, m.spoke, m.asked = b.wire.since(start)
	return m, nil
}

func lastLine(text []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return lines[len(lines)-1]
}

// series runs all programs once in every round, so that what else the machine does
// meets all of them, and each time in another order, since a program leaves the machine's
// caches to the one that follows. The first round is not counted.
func (b *bench) series(ctx context.Context, rounds int, programs ...program) ([][]measured, error) {
	all := make([][]measured, len(programs))
	order := rand.New(rand.NewPCG(1, 2))
	for round := range rounds + 1 {
		for _, i := range order.Perm(len(programs)) {
			m, err := b.run(ctx, programs[i])
			if err != nil {
				return nil, err
			}
			if round > 0 {
				all[i] = append(all[i], m)
			}
		}
	}
	return all, nil
}

// repeats carries out a series several times, each with new copies of the programs that
// were built: how quickly a program starts hangs also on how its file happens to lie in
// the machine's memory.
func (b *bench) repeats(ctx context.Context, repeats, rounds int, programs ...program) (each [][][]measured, all [][]measured, err error) {
	all = make([][]measured, len(programs))
	for repeat := range repeats {
		copies := slices.Clone(programs)
		made := map[string]string{}
		for i, p := range programs {
			original := p.arguments[0]
			if filepath.Dir(original) != filepath.Dir(b.launch) {
				continue // it was not built here
			}
			if made[original] == "" {
				content, err := os.ReadFile(original)
				if err != nil {
					return nil, nil, fmt.Errorf("copy a program: %w", err)
				}
				made[original] = fmt.Sprintf("%s-%d", original, repeat)
				if err := os.WriteFile(made[original], content, 0o700); err != nil {
					return nil, nil, fmt.Errorf("copy a program: %w", err)
				}
			}
			copies[i].arguments = append([]string{made[original]}, p.arguments[1:]...)
		}
		runs, err := b.series(ctx, rounds, copies...)
		if err != nil {
			return nil, nil, err
		}
		each = append(each, runs)
		for i := range programs {
			all[i] = append(all[i], runs[i]...)
		}
	}
	return each, all, nil
}

// figure picks one figure of a run.
type figure func(measured) float64

func wall(m measured) float64      { return m.wall }
func cpu(m measured) float64       { return m.cpu }
func peak(m measured) float64      { return m.peak }
func connected(m measured) float64 { return m.connected }
func spoke(m measured) float64     { return m.spoke }
func asked(m measured) float64     { return m.asked }

// spread is the middle of some values, and between what four fifths of them lie.
type spread struct{ median, low, high float64 }

func (f figure) of(runs []measured) spread {
	values := make([]float64, len(runs))
	for i, run := range runs {
		values[i] = f(run)
	}
	return spreadOf(values)
}

// ratio compares two programs round by round, so that a slow moment of the machine
// counts on both sides.
func (f figure) ratio(runs, others []measured) spread {
	values := make([]float64, len(runs))
	for i := range runs {
		values[i] = f(runs[i]) / f(others[i])
	}
	return spreadOf(values)
}

func spreadOf(values []float64) spread {
	values = slices.Clone(values)
	slices.Sort(values)
	at := func(share float64) float64 { return values[int(share*float64(len(values)-1)+0.5)] }
	return spread{at(0.5), at(0.1), at(0.9)}
}

func (s spread) text(format string) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", s.median, s.low, s.high)
}
