package teramind_test

import (
	"fmt"
	"net/http"
	"strings"

	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/simulator/teramind"
)

// A test starts a stand-in, sends to it, and looks at what arrived and what is in force.
func Example() {
	instance := teramind.New(teramind.Options{})
	server, err := simulator.Start(instance, simulator.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	body := strings.NewReader(`{"newPassword":"N3w-Pass!word","passwordConfirm":"N3w-Pass!word"}`)
	request, err := http.NewRequest("PATCH", server.URL()+"/tm-api/agent/42", body)
	if err != nil {
		fmt.Println(err)
		return
	}
	request.Header.Set("x-access-token", teramind.Token)
	request.Header.Set("Content-Type", "application/json")
	response, err := server.Client().Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()

	for _, exchange := range server.Exchanges() {
		fmt.Println(exchange.Name, exchange.Write, exchange.Status)
	}
	fmt.Println("notes:", len(server.Notes()))
	fmt.Println("accepts the new one:", instance.Accepts("jdoe@example.com", "N3w-Pass!word"))
	// Output:
	// update agent true 200
	// notes: 0
	// accepts the new one: true
}
