package venafi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/targets"
)

const (
	verifyTokenPath = "/vedauth/authorize/verify"
	verifyToken     = "ask about the access token"
)

// readyToken is what Venafi says of the token that sets the password. The zero value is nothing.
type readyToken struct {
	asked bool      // Venafi takes the record's own one
	scope string    // "" where the answer does not say
	ends  time.Time // of the record's own one
}

// askAboutToken has Venafi judge the record's own token (GET Authorize/Verify, from version 20.3
// on). Only a check does: a rotation that needs no sign-in learns it from its write.
func (t *target) askAboutToken(ctx context.Context) error {
	answer, err := t.client.Do(ctx, api.Request{
		Action: verifyToken, Kind: api.Read, Method: "GET", Host: t.authHost, Path: api.FixedPath(verifyTokenPath), Timeout: slowServer,
		Header: []api.Header{api.Bearer(t.token)},
	})
	if fault := api.AsError(err); fault != nil {
		switch {
		case fault.Status == http.StatusForbidden, fault.Status == http.StatusNotFound, fault.Status == http.StatusMethodNotAllowed: // an older version
			return nil
		case fault.Status != http.StatusUnauthorized && t.verify == targets.VerifyOff: // a rotation calls the token service for nothing else
			return nil
		case fault.Status == http.StatusUnauthorized && !fault.Unjudged():
			fault.Hint("the Access Token has expired or been revoked, or is not a whole one: put a new one into the access record")
		}
		return err
	}
	fields, err := answer.Object()
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("answered %d, which is not the documented success", answer.Status)
	}
	if err != nil {
		return t.client.Fail(verifyToken, api.ClassTarget, err.Error(), "the access record's url or Auth URL may be that of something other than Venafi's token service")
	}
	t.ready.asked = true
	t.ready.scope, _ = fields.Text("scope")
	// The times beside it are those of the grant, which may be refreshed for longer.
	left, ok := fields.Number("valid_for")
	if !ok {
		text, _ := fields.Text("valid_for")
		left = json.Number(text)
	}
	if seconds, err := left.Int64(); err == nil && 0 <= seconds && seconds < 1<<31 {
		t.ready.ends = t.client.Clock().Now().Add(time.Duration(seconds) * time.Second)
	}
	return nil
}

// Untried makes the target a targets.Untried: where no sign-in is needed, and Venafi does not
// judge the token, nothing has tried it.
func (t *target) Untried() bool { return t.readyMade && !t.ready.asked }

// Advice makes the target a targets.Adviser: when the record's own token ends, and whether a
// token's scope serves.
func (t *target) Advice() []string {
	var advice []string
	switch {
	case !t.readyMade:
	case !t.ready.asked:
		advice = append(advice, "this version of Venafi does not tell when the Access Token ends (by default 90 days after it was made)")
	case t.ready.ends.IsZero():
		advice = append(advice, "Venafi takes the Access Token, and does not say when it ends (by default 90 days after it was made)")
	default:
		left := t.ready.ends.Sub(t.client.Clock().Now()).Round(time.Hour)
		advice = append(advice, fmt.Sprintf("the Access Token ends on %s UTC, in %d days: put a new one into the access record before then",
			t.ready.ends.UTC().Format("2006-01-02 15:04"), int(left.Hours())/24))
	}
	if t.ready.scope != "" && !hasScope(t.ready.scope, "security") {
		advice = append(advice, "the scope that Venafi grants does not name security:manage, which setting a password needs")
	}
	return advice
}

// hasScope reports whether a scope, written name:restriction,restriction;name, has that name.
func hasScope(scope, name string) bool {
	return slices.ContainsFunc(strings.Split(scope, ";"), func(part string) bool {
		found, _, _ := strings.Cut(part, ":")
		return strings.EqualFold(strings.TrimSpace(found), name)
	})
}
