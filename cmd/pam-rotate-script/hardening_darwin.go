package main

import (
	"os"
	"syscall"
)

// forbidDumps lets a crash leave no core.
func forbidDumps() {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}

// withholdCrashes moves os.Stderr to another descriptor, since the runtime writes to
// number 2 whatever os.Stderr is.
func withholdCrashes() {
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer nowhere.Close()
	copied, err := syscall.Dup(2)
	if err != nil {
		return
	}
	if syscall.Dup2(int(nowhere.Fd()), 2) != nil {
		_ = syscall.Close(copied)
		return
	}
	os.Stderr = os.NewFile(uintptr(copied), os.Stderr.Name())
}
