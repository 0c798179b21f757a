package conformance

import (
	"context"
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/simulator"
	"pam-rotate-script/internal/targets"
)

// careless takes every 2xx for a success.
type careless struct {
	targets.Target
	job    targets.Job
	client *api.Client
}

func (c careless) Change(ctx context.Context) error {
	call := c.Calls()[1]
	path, err := api.NewPath(call.Path, c.job.User)
	if err != nil {
		return err
	}
	_, err = c.client.Do(ctx, api.Request{
		Action: call.Purpose, Kind: call.Kind, Method: call.Method, Host: call.Host, Path: path,
		Header: []api.Header{api.Bearer(c.job.Settings.Secret("password"))}, Body: api.JSONBody(api.Object{{Name: "password", Value: c.job.NewPassword}}),
	})
	return c.Contract().Judge(err)
}

// TestCarelessVendorIsFound: the suite sees the false successes of a vendor that does not look
// at the answer to its write.
func TestCarelessVendorIsFound(t *testing.T) {
	bench := Acme()
	honest := bench.Info.New
	bench.Info.New = func(job targets.Job, client *api.Client) (targets.Target, error) {
		target, err := honest(job, client)
		return careless{target, job, client}, err
	}
	single, every := faultCases(t, bench, simulator.Kinds())
	found := 0
	for _, c := range append(single, every...) {
		broken, _ := c.Carry(t, false)
		if strings.Contains(strings.Join(broken, "\n"), "false success") {
			found++
		}
	}
	if found < 10 {
		t.Errorf("%d false successes were found", found)
	}
}
