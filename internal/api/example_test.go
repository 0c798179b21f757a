package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/secret"
)

// A value fills one segment, whatever it holds; printed is the template.
func ExampleNewPath() {
	path, err := api.NewPath("/users/{user}/password", "jdoe@example.com")
	fmt.Println(path, err)
	_, err = api.NewPath("/users/{user}/password", "..")
	fmt.Println(err)
	// Output:
	// /users/{user}/password <nil>
	// user cannot be sent as a part of the path: it is a dot segment
}

// A status of success is an Answer. Anything else is an *Error, which says whether the
// request may have left. Here a function answers in the vendor's place.
func ExampleClient_Do() {
	vendor := func(request *http.Request, body []byte) []byte {
		if request.Header.Get("Authorization") != "Bearer t0ken" {
			return []byte("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
		}
		fmt.Println("the vendor got", request.Method, request.URL, string(body))
		return []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"id\": 7}")
	}
	client, err := api.NewClient(api.Config{Vendor: "acme", Transport: api.Offline(vendor)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	path, err := api.NewPath("/users/{user}", "jane doe")
	if err != nil {
		fmt.Println(err)
		return
	}
	request := api.Request{
		Action: "set the password", Kind: api.Write, Method: "PUT", Host: "acme.example.com", Path: path,
		Header: []api.Header{api.Bearer(secret.New("t0ken"))},
		Body:   api.JSONBody(api.Object{{Name: "password", Value: secret.New(`n3w "word"`)}}),
	}
	answer, err := client.Do(context.Background(), request)
	if err != nil {
		fmt.Println(err)
		return
	}
	fields, err := answer.Object()
	if err != nil {
		fmt.Println(err)
		return
	}
	id, _ := fields.Number("id")
	fmt.Println("the answer names", id)

	request.Header = nil
	_, err = client.Do(context.Background(), request)
	var fault *api.Error
	if errors.As(err, &fault) {
		fmt.Println(fault, fault.Class, fault.Left)
	}
	fmt.Println("writes:", client.Counts().Writes)
	// Output:
	// the vendor got PUT /users/jane%20doe {"password":"n3w \"word\""}
	// the answer names 7
	// acme: set the password: answered 401 Unauthorized credential true
	// writes: 2
}
