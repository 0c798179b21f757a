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

// becomeStderr puts a file in the place of descriptor 2. linux/arm64 has no Dup2.
func becomeStderr(file *os.File) error { return syscall.Dup3(int(file.Fd()), 2, 0) }
