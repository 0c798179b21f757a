package secret_test

import (
	"encoding/json"
	"fmt"
	"os"

	"pam-rotate-script/internal/secret"
)

// However a Value is printed, and wherever it is nested, its text does not show.
func ExampleValue() {
	login := struct {
		User     string
		Password secret.Value
	}{"jdoe", secret.New("n3w-pa55word")}
	fmt.Printf("%v, %#v\n", login.Password, login.Password)
	text, err := json.Marshal(login)
	fmt.Println(string(text), err)
	fmt.Println(login.Password.IsEmpty(), login.Password.Equal(secret.New("n3w-pa55word")))
	// Output:
	// [secret], [secret]
	// {"User":"jdoe","Password":"[secret]"} <nil>
	// false true
}

// What a vendor mints is sealed, and what passes a Writer shows it in no encoding.
func ExampleScrubber() {
	scrubber := secret.NewScrubber()
	scrubber.Seal("t0ken/of+the=vendor")
	out := scrubber.Writer(os.Stdout, secret.Lines)
	fmt.Fprintln(out, "it said: t0ken/of+the=vendor")
	fmt.Fprintln(out, "GET /me?token=t0ken%2Fof%2Bthe%3Dvendor")
	fmt.Fprintln(out, "and nothing else")
	// Output:
	// it said: [secret]
	// GET /me?token=[secret]
	// and nothing else
}
