package targets_test

import (
	"context"
	"fmt"
	"net/http"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/targets/acme"
)

// A vendor is an Info and a Target, as in package acme. What follows is done by package rotation for all of
// them; a Target says only what happened.
func ExampleTarget() {
	info := acme.Info()
	client, err := api.NewClient(api.Config{Vendor: info.Name, Transport: api.Offline(func(request *http.Request, body []byte) []byte {
		fmt.Println(request.Method, request.URL)
		if request.Method == "GET" {
			return []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"name\":\"jdoe\"}")
		}
		fmt.Println(string(body))
		return []byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
	})})
	if err != nil {
		fmt.Println(err)
		return
	}
	fields := map[string]string{"url": "https://acme.example.com", "password": "t0ken"}
	target, err := info.New(targets.Job{
		User: "jdoe", NewPassword: secret.New("n3w-pa55word"),
		Settings: params.NewSettings(info.Fields, params.Record{}, params.Record{}, fields, nil),
	}, client)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer target.Close(context.Background())

	account, err := target.Check(context.Background())
	fmt.Println(account, err)
	err = target.Change(context.Background())
	_, refused := err.(*targets.Refused)
	fmt.Println(err, refused)
	// Output:
	// GET /users/jdoe
	// user jdoe <nil>
	// PUT /users/jdoe/password
	// {"password":"n3w-pa55word"}
	// acme: set the password: answered 400 Bad Request true
}
