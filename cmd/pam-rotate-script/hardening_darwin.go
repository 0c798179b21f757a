package main

import (
	"os"
	"syscall"
)

// forbidDumps lets a crash leave no core.
func forbidDumps() {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}

// becomeStderr puts a file in the place of descriptor 2.
func becomeStderr(file *os.File) error { return syscall.Dup2(int(file.Fd()), 2) }
