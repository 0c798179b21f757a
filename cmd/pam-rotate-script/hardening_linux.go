package main

import (
	"os"
	"syscall"
)

// forbidDumps lets a crash leave no core. The limit alone would not do: a core that
// the kernel pipes into a program is not bound by it (core(5)). A process that is
// not dumpable leaves none at all, and its memory is closed to other processes of
// the same user (prctl(2), ptrace(2)).
func forbidDumps() {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0)
}

// left is what os.Stderr was. Were it collected, its descriptor 2 would be closed and
// taken by the next connection, and a crash would be told to the vendor.
var left *os.File

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
	// linux/arm64 has no Dup2.
	if syscall.Dup3(int(nowhere.Fd()), 2, 0) != nil {
		_ = syscall.Close(copied)
		return
	}
	left = os.Stderr
	os.Stderr = os.NewFile(uintptr(copied), left.Name())
}
