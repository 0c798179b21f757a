// Command pam-rotate-demo shows what pam-rotate-script does, and checks it: it
// starts simulated vendors on this machine, runs the real program against them the
// way the Keeper Gateway does, and compares every claim with what the vendor has
// seen and what is in force there.
//
// Its verb serve starts the simulated vendors alone, for other clients to try.
//
// It exits 0 if every claim holds, 1 if one does not or the demonstration could not
// be carried out, and 64 if the command line is wrong.
//
// vendors.go holds the table of vendors, to which another one is added as one
// entry; demo.go the runs and claims; gateway.go what stands in for the Gateway;
// picture.go the picture of a terminal in the README; serve.go the verb serve.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// exitUsage is EX_USAGE of sysexits.h.
	exitUsage = 64
	// longestRun is more than any vendor's run takes here, and less than the
	// program would wait for a vendor that says nothing.
	longestRun = 45 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole command apart from the process around it.
func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	if len(arguments) > 0 && arguments[0] == "serve" {
		return serve(ctx, arguments[1:], stdout, stderr)
	}
	flags := flag.NewFlagSet("pam-rotate-demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	binary := flags.String("binary", "bin/pam-rotate-script", "the program to demonstrate")
	svg := flags.String("svg", "", "file to write a picture of a part of the output to")
	verbose := flags.Bool("verbose", false, "show all that the program writes to standard error")
	switch err := flags.Parse(arguments); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintln(stderr, "pam-rotate-demo: the only argument that is taken is serve, before flags of its own")
		return exitUsage
	}
	path, err := executable(*binary)
	if err != nil {
		fmt.Fprintf(stderr, "pam-rotate-demo: %v\n", err)
		return 1
	}
	var shown bytes.Buffer
	d := &demo{binary: path, verbose: *verbose, limit: longestRun, out: io.MultiWriter(stdout, &shown)}
	code := d.run(ctx, vendors())
	if *svg != "" && code == 0 {
		if err := os.WriteFile(*svg, []byte(picture(shown.String())), 0o644); err != nil {
			fmt.Fprintf(stderr, "pam-rotate-demo: write the picture: %v\n", err)
			return 1
		}
	}
	return code
}

// executable returns the absolute path of a program, so that bash does not look it
// up elsewhere.
func executable(binary string) (string, error) {
	path, err := filepath.Abs(binary)
	if err != nil {
		return "", fmt.Errorf("find the program: %w", err)
	}
	if _, err := exec.LookPath(path); err != nil {
		return "", fmt.Errorf("find the program: %w (make build makes it)", err)
	}
	if _, err := exec.LookPath("bash"); err != nil {
		return "", fmt.Errorf("find bash: %w", err)
	}
	return path, nil
}
