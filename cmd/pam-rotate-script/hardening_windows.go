package main

import "syscall"

// forbidDumps has nothing to do: the runtime handles a crash itself, so that Windows
// Error Reporting gets none to dump.
func forbidDumps() {}

// withholdCrashes takes standard error from the runtime, which asks for it at every
// write. os.Stderr has its handle already and keeps it.
func withholdCrashes() {
	const standardError = ^uintptr(11) // STD_ERROR_HANDLE, -12
	set := syscall.NewLazyDLL("kernel32.dll").NewProc("SetStdHandle")
	if set.Find() == nil {
		_, _, _ = set.Call(standardError, 0)
	}
}
