//go:build linux || darwin

package main

import (
	"os"
	"syscall"
)

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
	if becomeStderr(nowhere) != nil {
		_ = syscall.Close(copied)
		return
	}
	left = os.Stderr
	os.Stderr = os.NewFile(uintptr(copied), left.Name())
}
