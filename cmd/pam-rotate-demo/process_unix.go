//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// endTogether has the command's end take everything with it that it started.
func endTogether(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
}
