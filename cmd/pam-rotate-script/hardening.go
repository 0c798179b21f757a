package main

// harden keeps what is in memory from getting out by a crash or by another process
// of the same user. It comes before anything secret is read, and it never fails: what
// a system does not offer, or forbids, is left as it was.
//
// The runtime's own account of a crash is cut off from standard error as a whole.
// It holds the value of the panic, which may be any text, and debug.SetTraceback
// cannot lower the level that the environment or the runtime has set. What is
// left of a crash is its exit code. The program's own output goes on as before.
func harden() {
	forbidDumps()
	withholdCrashes()
}
