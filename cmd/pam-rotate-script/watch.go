package main

import (
	"sync/atomic"
	"time"
)

// grace is by how much a run may outlast its time-out.
const grace = time.Second

// watch ends the process when a stage of the run outlasts its time-out by grace,
// with the code that the run has come to by then. Everything below keeps its
// deadline by itself; what cannot is a line that is printed into a pipe that nobody
// empties, and a defect.
type watch struct {
	timer *time.Timer
	code  atomic.Int64
}

// watchOver starts to watch. initial is the code until set is called.
func (c *command) watchOver(timeout time.Duration, initial func() int) *watch {
	w := &watch{}
	w.code.Store(-1)
	w.timer = time.AfterFunc(timeout+grace, func() { c.exit(w.current(initial)) })
	return w
}

// watchBefore watches what comes before the first call to a vendor: the payload and the vault,
// and what is wrong with them is printed too. All of it is within the time-out. code is the exit
// code until there is a result.
func (c *command) watchBefore(code func() int) *watch {
	return c.watchOver(c.timeout()-time.Since(c.started), code)
}

func (w *watch) current(initial func() int) int {
	if code := w.code.Load(); code >= 0 {
		return int(code)
	}
	return initial()
}

// set says what the run has come to.
func (w *watch) set(code int) { w.code.Store(int64(code)) }

// stop ends the watch.
func (w *watch) stop() { w.timer.Stop() }
