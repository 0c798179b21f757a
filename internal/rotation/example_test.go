package rotation_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets/all"
)

// A whole rotation: from the payload to the outcome, with a function in Teramind's place.
func ExamplePrepare() {
	const stdin = `{"user":"jdoe@example.com","newPassword":"n3w-pa55word","userRecordUid":"u","records":[
		{"uid":"a","title":"API Access Details","url":"https://acme.teramind.co","password":"t0ken"}]}`
	teramind := func(request *http.Request, _ []byte) []byte {
		fmt.Println(request.Method, request.URL)
		const agent = `{"agent_id":42,"email_address":"jdoe@example.com"}`
		return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(agent), agent)
	}

	scrubber := secret.NewScrubber()
	registry := all.Registry()
	payload, err := params.Read(strings.NewReader(stdin), params.Options{Scrubber: scrubber, PublicLabels: registry.PublicLabels()})
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, failure := rotation.Prepare(payload, rotation.Options{Registry: registry, Scrubber: scrubber, Transport: api.Offline(teramind)})
	if failure != nil {
		fmt.Println(failure.Outcome, failure.Message)
		return
	}
	result := plan.Rotate(context.Background())
	fmt.Println(result.Outcome, "-", result.Message)
	fmt.Println("exit code", result.Outcome.ExitCode(), "after", result.Writes, "write to", result.Account)
	// Output:
	// GET /tm-api/agent/jdoe%40example.com
	// PATCH /tm-api/agent/42
	// changed - confirmed by Teramind's answer
	// exit code 0 after 1 write to agent 42
}

// What is wrong with the payload or the access record is a Result too: nothing was sent.
func ExamplePrepare_refused() {
	const stdin = `{"user":"jdoe","newPassword":"n3w-pa55word","userRecordUid":"u","records":[
		{"uid":"a","title":"API Access Details","url":"https://acme.teramind.co"}]}`
	payload, err := params.Read(strings.NewReader(stdin), params.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, failure := rotation.Prepare(payload, rotation.Options{Registry: all.Registry()})
	fmt.Println(failure.Outcome, failure.Class)
	for _, problem := range strings.Split(failure.Message, "; ") {
		fmt.Println(problem)
	}
	// Output:
	// not-changed input
	// password: one value is needed on the access record, found nothing
	// user: needs the e-mail address of the Teramind user, found a name without @
	// the field Target Email on the PAM User record can supply it
}
