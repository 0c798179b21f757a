package params_test

import (
	"fmt"
	"strings"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
)

func Example() {
	const stdin = `{"user":"jdoe","newPassword":"n3w","userRecordUid":"u","records":[
		{"uid":"u","title":"John","login":"jdoe","url":"https://elsewhere.example"},
		{"uid":"a","title":"API Access Details","url":"https://target.example","password":"t0ken"}]}`
	fields := []params.Field{
		{Label: "url", Kind: params.URL, Required: true},
		{Label: "password", Kind: params.Secret, Required: true},
		{Label: "Timeout", Kind: params.Seconds, Default: "120"},
		{Label: "Client ID", Required: true},
	}

	scrubber := secret.NewScrubber()
	payload, err := params.Read(strings.NewReader(stdin), params.Options{
		Scrubber:     scrubber,
		PublicLabels: params.PublicLabels(fields...),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	access, err := payload.AccessRecord("")
	if err != nil {
		fmt.Println(err)
		return
	}
	user, _ := payload.UserRecord()
	settings := params.NewSettings(fields, access, user, nil, scrubber)
	fmt.Println(settings.Text("url"), settings.Secret("password"), settings.Seconds("Timeout"))
	fmt.Println(settings.Err())
	fmt.Println(settings.Warnings())
	// Output:
	// https://target.example [secret] 2m0s
	// Client ID: a text is needed on the access record, found nothing
	// [url: the field "url" on the user record is ignored, it is read from the access record only]
}

func ExampleAllowed() {
	patterns := []string{"jdoe", "svc-*"}
	fmt.Println(params.Allowed(patterns, "svc-backup"), params.Allowed(patterns, "root"))
	// Output: true false
}
