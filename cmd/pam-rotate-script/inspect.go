package main

import (
	"pam-rotate-script/internal/inspect"
	"pam-rotate-script/internal/rotation"
)

func (c *command) inspect([]string) error {
	printer := c.printer()
	options, err := c.options(printer)
	if err != nil {
		return err
	}
	defer c.watchBefore(rotation.NotChanged.ExitCode).stop()
	input := &inspect.Input{From: c.stdin}
	payload, ok, err := c.payloadFrom(input)
	if !ok {
		return err
	}
	found := inspect.New(inspect.Process{
		Version: version, Arguments: c.arguments, Stdout: c.stdout, Stderr: c.stderr, Getenv: c.getenv, Vault: c.vaultOptions(),
	}, input)
	show := func() {
		if c.flags.json {
			printer.Object(found)
		} else {
			printer.Lines(found.Lines()...)
		}
	}
	if err != nil {
		result := found.Fail(err)
		show()
		if c.flags.json {
			printer.Failure(result)
		} else {
			printer.Result(result)
		}
		return nil
	}
	chosen, fault := c.goByRecipe(payload, &options)
	found.Choose(payload, options, chosen, fault)
	show()
	if c.flags.exitZero {
		c.code = 0
	}
	return nil
}
