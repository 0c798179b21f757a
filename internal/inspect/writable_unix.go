//go:build unix

package inspect

import "syscall"

// writable reports whether the user may write to a directory, without writing to it.
func writable(directory string) string {
	const write = 2 // W_OK of access(2)
	if syscall.Access(directory, write) == nil {
		return "yes"
	}
	return "no"
}
