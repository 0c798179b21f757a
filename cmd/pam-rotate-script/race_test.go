//go:build race

package main

// underRaceDetector says that the program is built for the race detector, which keeps
// several times the program's memory for itself.
const underRaceDetector = true
