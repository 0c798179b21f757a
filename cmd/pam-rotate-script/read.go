package main

import (
	"bytes"
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
	timer := time.NewTimer(c.timeout())
	defer timer.Stop()
	select {
	case came := <-readInput(input):
		payload, err = c.payloadIn(came)
		return payload, true, err
	case <-c.ctx.Done():
		return nil, true, failure(api.ClassTimeout, "interrupted before the payload was complete")
	case <-timer.C:
		return nil, true, failure(api.ClassTimeout, "no complete payload came in time",
			"whatever pipes the payload in must close the pipe behind it")
	}
}

// arrival is what has come on standard input, to its end.
type arrival struct {
	text []byte
	err  error
}

// readInput reads as much as a payload may have, in the background: a pipe that nobody writes to
// must neither hang the run nor keep a signal from ending it. The reader is left behind then; the
// process is about to end.
func readInput(from io.Reader) <-chan arrival {
	coming := make(chan arrival, 1)
	go func() {
		came := arrival{err: failure(api.ClassInternal, "the program panicked")}
		defer func() {
			_ = recover()
			coming <- came
		}()
		text, err := io.ReadAll(io.LimitReader(from, params.MaxPayload+1))
		if err != nil {
			// The system's words name a path that nobody gave.
			err = failure(api.ClassInput, "it is a folder, or the pipe broke off", "it must be the pipe from the Gateway, or a file")
		}
		came = arrival{text, err}
	}()
	return coming
}

// payloadIn returns the payload in what has come.
func (c *command) payloadIn(came arrival) (*params.Params, error) {
	if came.err != nil {
		return nil, came.err
	}
	payload, err := params.Read(bytes.NewReader(came.text), params.Options{})
	if err == nil {
		// Which values are secret hangs on the fields of the recipe, which may be in there.
		payload.Seal(c.payloadOptions(payload))
		return payload, nil
	}
	if len(came.text) <= description.MaxSize && description.Is(came.text) &&
		(!params.LooksLikePayload(string(came.text)) || bytes.Contains(came.text, []byte("accessRecord"))) {
		err = failure(api.ClassInput, "it is a description, and not a payload", "give the file behind --from: pam-rotate-script check --from FILE")
	}
	return nil, err
}

func failure(class api.Class, cause string, hints ...string) error {
	return &api.Error{Vendor: "payload", Action: "read standard input", Class: class, Cause: cause, Hints: hints}
}

// timeout is how long to wait for the payload, which may set another for the rest.
func (c *command) timeout() time.Duration {
	if c.flags.timeout == "" {
		return targets.DefaultTimeout
	}
	if seconds, err := strconv.Atoi(c.flags.timeout); err == nil {
		return time.Duration(seconds) * time.Second
	}
	return targets.DefaultTimeout
}
