package targets_test

import (
	"context"
	"fmt"
	"net/http"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// acme is a vendor with two calls and no way to prove a password.
type acme struct {
	job    targets.Job
	client *api.Client
	host   string
	token  secret.Value
	user   string
}

func acmeInfo() targets.Info {
	return targets.Info{
		Name: "acme", Title: "Acme", Summary: "the users of an Acme server",
		Fields: []params.Field{
			{Label: "url", Kind: params.URL, Required: true, Help: "the https address of the server"},
			{Label: "password", Kind: params.Secret, Required: true, Help: "an access token"},
		},
		New: func(job targets.Job, client *api.Client) (targets.Target, error) {
			t := &acme{job: job, client: client, token: job.Settings.Secret("password"), user: job.User}
			if text := job.Settings.Text("url"); text != "" {
				address, err := api.ParseAddress(text)
				if err != nil {
					job.Settings.Fault("url", "needs the https address of the server, found "+err.Error())
				}
				t.host = address.Host
			}
			if fault := api.SegmentFault(job.User); fault != "" {
				job.Settings.Fault("user", "needs the name of the Acme user, found "+fault)
			}
			return t, job.Settings.Err()
		},
	}
}

func (t *acme) Subject() string      { return t.user }
func (t *acme) Proof() targets.Proof { return targets.ProofAnswer }

func (t *acme) Calls() []targets.Call {
	return []targets.Call{
		{Kind: api.Read, Method: "GET", Host: t.host, Path: "/users/{user}", Purpose: "look up the user"},
		{Kind: api.Write, Method: "PUT", Host: t.host, Path: "/users/{user}/password", Purpose: "set the password"},
	}
}

func (t *acme) do(ctx context.Context, call targets.Call, body api.Body) (api.Answer, error) {
	path, err := api.NewPath(call.Path, t.user)
	if err != nil {
		return api.Answer{}, t.client.Fail(call.Purpose, api.ClassInput, err.Error())
	}
	return t.client.Do(ctx, api.Request{
		Action: call.Purpose, Kind: call.Kind, Method: call.Method, Host: call.Host, Path: path,
		Header: []api.Header{api.Bearer(t.token)}, Body: body,
	})
}

// Check reads only, and makes sure that the answer is about the user who was asked for.
func (t *acme) Check(ctx context.Context) (string, error) {
	call := t.Calls()[0]
	answer, err := t.do(ctx, call, api.Body{})
	if err != nil {
		return "", err
	}
	user, err := answer.Object()
	if err != nil {
		return "", t.client.Fail(call.Purpose, api.ClassTarget, err.Error())
	}
	if name, _ := user.Text("name"); !targets.SameName(name, t.user) {
		return "", t.client.Fail(call.Purpose, api.ClassAccount, "the answer is about another user than the one asked for")
	}
	return "user " + t.user, nil
}

// Change sends the one write. Judge tells a refusal from an end that is not certain.
func (t *acme) Change(ctx context.Context) error {
	_, err := t.do(ctx, t.Calls()[1], api.JSONBody(api.Object{{Name: "password", Value: t.job.NewPassword}}))
	if err != nil {
		return targets.Judge(err)
	}
	return nil
}

func (t *acme) Verify(context.Context, targets.Which) (targets.Verdict, error) {
	return targets.Inconclusive, t.client.Fail("verify", api.ClassInternal, "there is no call that tests a password")
}

func (t *acme) Close(context.Context) error { return nil }

// A vendor is an Info and a Target. What follows is done by package rotation for all of
// them; a Target says only what happened.
func ExampleTarget() {
	info := acmeInfo()
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
