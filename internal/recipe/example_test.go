package recipe_test

import (
	"errors"
	"fmt"

	"pam-rotate-script/internal/recipe"
)

// A recipe that does not load says why, line by line.
func ExampleLoad() {
	const source = `name: acme
title: Acme
summary: users of Acme
documents: https://acme.example/api
tried: documents alone
fields:
  url: {kind: url, required: true, help: the address}
  password: {kind: secret, required: true, help: a token}
base: url
auth: {bearer: $access.password}
change:
  - name: set the password
    write: true
    method: PUT
    path: [/users, {jq: $user}]
    body: {password: $new}
    acept: {status: 200, when: .ok == true}
`
	_, err := recipe.Load([]byte(source), "acme.yaml")
	var failed *recipe.LoadError
	if errors.As(err, &failed) {
		for _, problem := range failed.Problems {
			fmt.Println(problem)
		}
	}
	// Output:
	// acme.yaml:1:1: a recipe needs the key proof ("proof")
	// acme.yaml:12:5: a call needs accept: the status, and best a condition, that means success ("set the password")
	// acme.yaml:17:5: a call has no such key: is accept meant? ("acept")
}
