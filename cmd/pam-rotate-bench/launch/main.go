//go:build linux

// Command launch starts a program, waits for it, and writes to file descriptor 3 when
// it was started, how long it took and what it used.
//
// It is a process of its own, and a small one, because Linux counts the memory of who
// starts a program towards the program's peak: whatever launch itself has in memory is
// the least that can be measured. Without arguments it ends at once, and so serves as a
// Go program that does nothing.
package main

import (
	"os"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		return
	}
	start := time.Now()
	process, err := os.StartProcess(os.Args[1], os.Args[1:], &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		fail(err)
	}
	state, err := process.Wait()
	wall := time.Since(start)
	if err != nil {
		fail(err)
	}
	used := state.SysUsage().(*syscall.Rusage)
	var line []byte
	for _, number := range []int64{
		start.UnixNano(), int64(wall), int64(state.UserTime() + state.SystemTime()), int64(used.Maxrss), int64(state.ExitCode()),
	} {
		line = append(strconv.AppendInt(line, number, 10), ' ')
	}
	if _, err := os.NewFile(3, "report").Write(line); err != nil {
		fail(err)
	}
}

func fail(err error) {
	_, _ = os.Stderr.WriteString("launch: " + err.Error() + "\n")
	os.Exit(1)
}
