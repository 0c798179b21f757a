// Package recipe rotates passwords at any REST API that a YAML file describes: the
// recipe says what the calls are, and the engine here owns everything that a script
// gets wrong: loops, retries, the one write, the proof, the clean-up, and what may be
// printed.
//
// A recipe is loaded by Load, strictly: a key that is not known, a call that does not say
// what accepts it, an expression with a variable that does not exist, a value that nobody
// uses are all errors with line and column, and all of them are told at once. Recipe.Info
// is then a vendor like any other for the runner.
//
// # Language
//
// Nothing in a recipe is text with holes. A path is a list of segments, each a literal
// or an expression whose value is escaped as exactly one segment. Query, header and form
// are maps of expressions, a body is a value: a map or list whose leaves are expressions,
// or one expression. The expressions are jq, without loops, environment, files, time and
// modules; they are compiled when the recipe is loaded and run with a deadline and a limit
// on what they give. Their variables:
//
//	$user      the user that the payload names
//	$new, $old the two passwords
//	$tried     in verify: the password to try, the new one or the old one
//	$access    the recipe's own fields, secret ones too: $access.password
//	$set       the same without the secret ones
//	$status, $header  in what judges an answer: its status, its headers in lower case
//	$token     what the sign-in of auth oauth2-... gave
//	and every name that let or seal has given so far
//
// A value made of a secret is secret too, and so is whatever seal keeps. Secret values are
// plain text only while an expression runs, and their results go straight into a request.
//
// # Where a newcomer starts
//
// docs/recipes.md is the tutorial and the reference of every key. In the code: load.go reads
// the top level, call.go a call, expression.go the expressions, walker.go what is to be known of
// them, rules.go and quotes.go have what the calls must keep together. target.go is the engine,
// close.go gives back what was opened; exchange.go sends one call with its pages and polls, send.go
// makes the request, and judge.go says what the answer means. Package recipetest runs a recipe's
// own tests.
package recipe
