package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/description"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/report"
	"pam-rotate-script/internal/targets"
)

// payload reads standard input, or what --from describes. ok is false if it is a terminal:
// nobody types base64.
func (c *command) payload() (payload *params.Params, ok bool, err error) {
	return c.payloadFrom(c.stdin)
}

// payloadFrom is the same by way of a reader around standard input.
func (c *command) payloadFrom(input io.Reader) (payload *params.Params, ok bool, err error) {
	if c.flags.from != "" {
		payload, err := c.payloadOfDescription()
		return payload, true, err
	}
	if file, isFile := c.stdin.(*os.File); isFile && report.IsTerminal(file) {
		return nil, false, usageError{"standard input is a terminal, and the Gateway's payload is expected on a pipe\n" +
			"hint: to try it by hand, describe a payload in a file: pam-rotate-script check --from FILE (payload --help shows one)"}
	}
	// A pipe that nobody writes to must neither hang the run nor keep a signal from
	// ending it. The reader is left behind then; the process is about to end.
	type read struct {
		payload *params.Params
		err     error
	}
	done := make(chan read, 1)
	go func() {
		end := read{err: c.failure(api.ClassInternal, "the program panicked")}
		defer func() {
			_ = recover()
			done <- end
		}()
		var text beginning
		// Which values are secret hangs on the fields of the recipe, which may be in there.
		read, err := params.Read(io.TeeReader(input, &text), params.Options{})
		if err != nil && description.Is(text) && (!params.LooksLikePayload(string(text)) || bytes.Contains(text, []byte("accessRecord"))) {
			err = c.failure(api.ClassInput, "it is a description, and not a payload", "give the file behind --from: pam-rotate-script check --from FILE")
		}
		if err == nil {
			read.Seal(c.payloadOptions(read))
		}
		end.payload, end.err = read, err
	}()
	timer := time.NewTimer(c.timeout())
	defer timer.Stop()
	select {
	case end := <-done:
		if end.err != nil && !errors.As(end.err, new(*params.Error)) && api.AsError(end.err) == nil {
			// The system's words name a path that nobody gave.
			end.err = c.failure(api.ClassInput, "it is a folder, or the pipe broke off", "it must be the pipe from the Gateway, or a file")
		}
		return end.payload, true, end.err
	case <-c.ctx.Done():
		return nil, true, c.failure(api.ClassTimeout, "interrupted before the payload was complete")
	case <-timer.C:
		return nil, true, c.failure(api.ClassTimeout, "no complete payload came in time",
			"whatever pipes the payload in must close the pipe behind it")
	}
}

// beginning keeps as much of what is written to it as a description can be long.
type beginning []byte

func (b *beginning) Write(text []byte) (int, error) {
	*b = append(*b, text[:min(len(text), description.MaxSize-len(*b))]...)
	return len(text), nil
}

func (c *command) failure(class api.Class, cause string, hints ...string) error {
	return &api.Error{Vendor: "payload", Action: "read standard input", Class: class, Cause: cause, Hints: hints}
}

// timeout is how long to wait for the payload, which may set another for the rest.
func (c *command) timeout() time.Duration {
	if seconds, err := strconv.Atoi(c.flags.timeout); err == nil {
		return time.Duration(seconds) * time.Second
	}
	return targets.DefaultTimeout
}
