package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"time"
)

// version, commit and epoch are set when the program is linked: the Makefile takes them
// from the file VERSION and from git. A commit ends in -dirty if the tree had changes
// that the commit has not. The epoch is the commit's date, in seconds since 1970: a
// binary knows when its source was written, and nothing of when it was built.
var (
	version = "devel"
	commit  = ""
	epoch   = ""
)

// build is what version --json prints.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Date     string `json:"date"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: version, Commit: commit, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if seconds, err := strconv.ParseInt(epoch, 10, 64); err == nil {
		b.Date = time.Unix(seconds, 0).UTC().Format(time.RFC3339)
	}
	return b
}

// line is the same in words, without what is not known.
func (b build) line() string {
	line := "pam-rotate-script " + b.Version
	if b.Commit != "" {
		line += " commit " + b.Commit
	}
	if b.Date != "" {
		line += " of " + b.Date
	}
	return fmt.Sprintf("%s, %s %s", line, b.Go, b.Platform)
}

func (c *command) version() error {
	line := thisBuild().line()
	if c.flags.json {
		text, err := json.Marshal(thisBuild())
		if err != nil {
			return err
		}
		line = string(text)
	}
	c.printer().Lines(line)
	return c.informed("version")
}
