// Package recipetest tries a recipe without its vendor: a player in the place of the network
// answers with the exchanges which the recipe's own tests record.
//
// Test does three things. It runs each of the recipe's tests as it stands. It takes the first
// one that ends in a change and breaks it at every exchange in turn: the answer is lost, a 500,
// a login page or an empty object with the status 200. And it runs that one with passwords that break programs
// which put text together. What a run then says is held against what can be known: a change
// is never claimed without an answer or a proof for it, "not changed" never after a write
// without a clear answer, the write arrives once, the password arrives byte for byte,
// and nothing secret is printed.
package recipetest
