package vault_test

import (
	"context"
	"fmt"

	"pam-rotate-script/internal/vault"
)

// A field's value is notation as a whole, or it is not notation.
func ExampleIsNotation() {
	for _, value := range []string{
		"keeper://API Access Details/field/password",
		" KEEPER://Ab3dEf6hIj9kLm2nOp5qRs/custom_field/Client ID ",
		"see keeper://API Access Details/field/password",
		"p4ssword",
	} {
		fmt.Println(vault.IsNotation(value))
	}
	// Output:
	// true
	// true
	// false
	// false
}

// Every error says what kind it is, and what to do.
func ExampleOpen() {
	_, err := vault.Open(context.Background(), vault.Options{})
	fault := vault.AsError(err)
	fmt.Println(fault)
	fmt.Println(fault.Kind, fault.Kind.Class(), len(fault.Hints) > 0)
	// Output:
	// vault: no config
	// config input true
}
