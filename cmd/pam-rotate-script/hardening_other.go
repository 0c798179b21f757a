//go:build !linux && !darwin && !windows

package main

// forbidDumps does nothing on a system that the program is not built for.
func forbidDumps() {}

// withholdCrashes does nothing, as forbidDumps.
func withholdCrashes() {}
