// Package acme is a vendor that does not exist, to begin a new one from: a look-up and a
// write, with no way to prove a password. It is in no registry and so not in the program.
// The conformance suite puts it through all that it has for real ones.
package acme

import (
	"context"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/targets"
)

// Info describes the vendor.
func Info() targets.Info {
	return targets.Info{
		Name: "acme", Title: "Acme", Summary: "the users of an Acme server",
		Fields: []params.Field{
			{Label: "url", Kind: params.URL, Required: true, Help: "the https address of the server"},
			{Label: "password", Kind: params.Secret, Required: true, Help: "an access token"},
		},
		Explain: api.ExplainBy("message"),
		New:     newTarget,
	}
}

// target is one account to rotate.
type target struct {
	job    targets.Job
	client *api.Client
	host   string
	token  secret.Value
	user   string
}

func newTarget(job targets.Job, client *api.Client) (targets.Target, error) {
	t := &target{job: job, client: client, token: job.Settings.Secret("password"), user: job.User}
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
}

// Subject is the user's name.
func (t *target) Subject() string { return t.user }

// Contract: Acme has no call that tests a password, and its write sets one and does no more.
func (t *target) Contract() targets.Contract { return targets.Contract{Repeats: true} }

// Calls lists the look-up and the write.
func (t *target) Calls() []targets.Call {
	return []targets.Call{
		{Kind: api.Read, Method: "GET", Host: t.host, Path: "/users/{user}", Purpose: "look up the user"},
		{Kind: api.Write, Method: "PUT", Host: t.host, Path: "/users/{user}/password", Purpose: "set the password"},
	}
}

func (t *target) request(call targets.Call, body api.Body) (api.Request, error) {
	path, err := api.NewPath(call.Path, t.user)
	if err != nil {
		return api.Request{}, t.client.Fail(call.Purpose, api.ClassInput, err.Error())
	}
	return api.Request{
		Action: call.Purpose, Kind: call.Kind, Method: call.Method, Host: call.Host, Path: path,
		Header: []api.Header{api.Bearer(t.token)}, Body: body,
	}, nil
}

// Check reads only, and makes sure that the answer is about the user who was asked for.
func (t *target) Check(ctx context.Context) (string, error) {
	call := t.Calls()[0]
	request, err := t.request(call, api.Body{})
	if err != nil {
		return "", err
	}
	answer, err := t.client.Do(ctx, request)
	if err != nil {
		return "", err
	}
	user, err := answer.Object()
	if err != nil {
		return "", t.client.Fail(call.Purpose, api.ClassTarget, err.Error())
	}
	if name, _ := user.Text("name"); name != t.user {
		return "", t.client.Fail(call.Purpose, api.ClassAccount, "the answer is about another user than the one asked for")
	}
	return "user " + t.user, nil
}

// Change sends the one write and says what its success is: an answer that names the user.
// Judge tells a refusal from an end that is not certain.
func (t *target) Change(ctx context.Context) error {
	request, err := t.request(t.Calls()[1], api.JSONBody(api.Object{{Name: "password", Value: t.job.NewPassword}}))
	if err != nil {
		return err
	}
	return t.Contract().Judge(t.client.Write(ctx, request, api.Names("name", func(name string) bool { return name == t.user })))
}

// Verify is never asked, as Contract says.
func (t *target) Verify(context.Context, targets.Which) (targets.Verdict, error) {
	return targets.Inconclusive, t.client.Fail("verify", api.ClassInternal, "there is no call that tests a password")
}

// Close has nothing to give back: a token is no session.
func (t *target) Close(context.Context) error { return nil }
