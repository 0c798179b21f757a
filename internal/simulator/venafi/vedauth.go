package venafi

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"pam-rotate-script/internal/simulator"
)

// signIn makes a grant for a user with the right password.
func (p *Platform) signIn(r *simulator.Request) simulator.Answer {
	checkPath(r, "/vedauth/authorize/oauth")
	r.OnlyHeaders("Content-Type")
	r.NoQuery()
	body, ok := r.JSONBody(
		simulator.Field{Name: "client_id", Type: simulator.String},
		simulator.Field{Name: "username", Type: simulator.String},
		simulator.Field{Name: "password", Type: simulator.String},
		simulator.Field{Name: "scope", Type: simulator.String, Optional: true},
		simulator.Field{Name: "state", Type: simulator.String, Optional: true})
	if !ok {
		return p.malformed(invalidRequest)
	}
	integration := p.integration(body["client_id"].(string))
	scope, named := body["scope"].(string)
	if !named {
		r.Note("body: key scope is missing")
		if integration != nil && p.options.AssumeScopeOptional {
			scope = integration.Scope
		}
	}
	wanted, ok := parseScope(scope)
	if !ok {
		r.Note("body: scope does not have the form name:restriction,restriction;name")
		return p.malformed(invalidScope)
	}
	prefix, name := splitUser(body["username"].(string))
	if fault := nameFault(name); fault != "" {
		// Nobody has such a name, so the answer is that to an unknown user.
		r.Note("body: username: " + fault)
	}

	if p.options.PasswordSignInOff {
		return p.refuse(http.StatusBadRequest, unsupportedGrantType, "The authentication method is not enabled.")
	}
	if integration == nil {
		return p.refuse(http.StatusBadRequest, invalidClient, "The client ID is not known.")
	}
	if allowed, _ := parseScope(integration.Scope); !allowed.covers(wanted) {
		return p.refuse(http.StatusBadRequest, invalidScope, "The integration does not have the requested scope.")
	}
	user := p.byName(prefix, name)
	if user == nil || user.Group {
		return p.refusePassword()
	}
	allowed := !user.NoWebSDKAccess && p.allowsUser(integration, user)
	if !allowed && p.options.AssumePermissionFirst {
		return p.refuseUser(user, integration.ClientID)
	}
	if !p.passes(user, body["password"].(string)) {
		return p.refusePassword()
	}
	if !allowed {
		return p.refuseUser(user, integration.ClientID)
	}
	user.succeeded++
	return p.grantAnswer(user, p.newGrant(user, integration.ClientID, scope))
}

func (p *Platform) allowsUser(integration *Integration, user *account) bool {
	return len(integration.Users) == 0 ||
		slices.ContainsFunc(integration.Users, func(allowed string) bool { return p.find(allowed) == user })
}

// passes takes a password as a sign-in does, with caches and lock-out.
func (p *Platform) passes(user *account, password string) bool {
	current := user.Password
	if !user.changed.IsZero() && p.options.Now().Sub(user.changed) < p.options.AssumeLag {
		current = user.previous
	}
	right := password == current
	if user.newRefused > 0 {
		user.newRefused--
		right = false
	}
	if user.oldAccepted > 0 {
		user.oldAccepted--
		right = right || password == user.previous
	}
	if right && !user.Locked && !user.Disabled {
		user.inARow = 0
		return true
	}
	p.fail(user)
	return false
}

// fail counts a failed sign-in.
func (p *Platform) fail(user *account) {
	user.failed++
	user.inARow++
	if p.options.LockAfter > 0 && user.inARow >= p.options.LockAfter {
		user.Locked = true
	}
}

// countFailure counts a failed sign-in of the user whom the request names.
func (p *Platform) countFailure(r *simulator.Request) {
	var body struct{ Username string }
	if json.Unmarshal(r.Body, &body) != nil {
		return
	}
	if user := p.find(body.Username); user != nil {
		p.fail(user)
	}
}

// refusePassword is the one answer to every sign-in that fails for the user's
// sake, so that it tells nothing about the password of a locked identity.
func (p *Platform) refusePassword() simulator.Answer {
	return p.refuse(http.StatusBadRequest, p.options.AssumeWrongPasswordCode, "Username/password combination not valid")
}

// refuseUser refuses a user whom the integration does not allow, in the words that
// have been seen: a code and a text that names the identity, or a status line alone.
func (p *Platform) refuseUser(user *account, clientID string) simulator.Answer {
	if p.options.ErrorShape == StatusLineOnly {
		return p.refuse(http.StatusForbidden, unauthorizedClient, "Failed to issue grant: User is not authorized for the requested scope")
	}
	if p.options.NamesApplication {
		return p.refuse(http.StatusBadRequest, unauthorizedClient, "User is not authorized to use application '"+clientID+"'")
	}
	return p.refuse(http.StatusBadRequest, unauthorizedClient, "No rule/permission for identity "+user.prefixedName()+" exists")
}

func (p *Platform) newGrant(user *account, clientID, scope string) Grant {
	now := p.options.Now()
	made := Grant{
		User:        user.prefixedName(),
		ClientID:    clientID,
		Scope:       scope,
		AccessToken: newToken(),
		Issued:      now,
		TokenEnds:   now.Add(p.options.TokenLife),
		GrantEnds:   now.Add(p.options.GrantLife),
	}
	if !p.options.NoRefresh {
		made.RefreshToken = newToken()
	}
	p.grants = append(p.grants, &grant{Grant: made, account: user})
	return made
}

// newToken draws a token of the length and alphabet of the platform's own.
func newToken() string {
	token := make([]byte, 16)
	// The error is always nil.
	_, _ = rand.Read(token)
	return base64.StdEncoding.EncodeToString(token)
}

func (p *Platform) grantAnswer(user *account, made Grant) simulator.Answer {
	answer := map[string]any{
		"access_token": made.AccessToken,
		"expires":      made.TokenEnds.Unix(),
		"identity":     user.prefixedUniversal(),
		"scope":        made.Scope,
		"token_type":   "Bearer",
	}
	if !p.options.OldGrantAnswer {
		answer["expires_in"] = int64(p.options.TokenLife.Seconds())
	}
	if made.RefreshToken != "" {
		answer["refresh_token"] = made.RefreshToken
		if !p.options.OldGrantAnswer {
			answer["refresh_until"] = made.GrantEnds.Unix()
		}
	}
	return simulator.JSON(http.StatusOK, answer)
}

// refreshToken gives a new pair of tokens for a refresh token, which ends the old one.
func (p *Platform) refreshToken(r *simulator.Request) simulator.Answer {
	checkPath(r, "/vedauth/authorize/token")
	r.OnlyHeaders("Content-Type")
	r.NoQuery()
	body, ok := r.JSONBody(
		simulator.Field{Name: "client_id", Type: simulator.String},
		simulator.Field{Name: "refresh_token", Type: simulator.String})
	if !ok {
		return p.malformed(invalidRequest)
	}
	for _, old := range p.grants {
		if !old.over && old.RefreshToken != "" && old.RefreshToken == body["refresh_token"] &&
			old.ClientID == body["client_id"] && p.options.Now().Before(old.GrantEnds) {
			old.over = true
			return p.grantAnswer(old.account, p.newGrant(old.account, old.ClientID, old.Scope))
		}
	}
	return p.refuse(http.StatusBadRequest, invalidGrant, "Grant has been revoked, has expired, or the refresh token is invalid")
}

// verifyToken tells about the token that the request bears. The times it gives
// are those of the grant, valid_for is that of the token.
func (p *Platform) verifyToken(r *simulator.Request) simulator.Answer {
	checkPath(r, "/vedauth/authorize/verify")
	r.OnlyHeaders("Authorization")
	r.NoQuery()
	r.NoBody()
	grant, refusal := p.authenticate(r)
	if refusal != nil {
		return *refusal
	}
	answer := map[string]any{
		"application":                grant.ClientID,
		"access_issued_on_ISO8601":   iso8601(grant.Issued),
		"access_issued_on_unix_time": unix(grant.Issued),
		"expires_ISO8601":            iso8601(grant.GrantEnds),
		"expires_unix_time":          unix(grant.GrantEnds),
		"grant_issued_on_ISO8601":    iso8601(grant.Issued),
		"grant_issued_on_unix_time":  unix(grant.Issued),
		"identity":                   grant.account.prefixedUniversal(),
		"scope":                      grant.Scope,
		"valid_for":                  int64(p.options.TokenLife.Seconds()),
	}
	if !grant.TokenEnds.IsZero() {
		answer["valid_for"] = int64(grant.TokenEnds.Sub(p.options.Now()).Seconds())
	}
	return simulator.JSON(http.StatusOK, answer)
}

// iso8601 is a time as the platform writes it; "" for none.
func iso8601(moment time.Time) string {
	if moment.IsZero() {
		return ""
	}
	return moment.UTC().Format("2006-01-02T15:04:05Z")
}

// unix is a time in seconds; 0 for none.
func unix(moment time.Time) int64 {
	if moment.IsZero() {
		return 0
	}
	return moment.Unix()
}

// revokeGrant revokes the grant of the token that the request bears. Its status
// 202 means that nothing was revoked.
func (p *Platform) revokeGrant(r *simulator.Request) simulator.Answer {
	checkPath(r, "/vedauth/revoke/token")
	r.OnlyHeaders("Authorization")
	r.NoQuery()
	r.NoBody()
	token, ok := r.Bearer()
	if !ok {
		return p.refuse(http.StatusUnauthorized, sessionError, "A valid access token is required.")
	}
	grant := p.grantOf(token)
	if grant == nil || grant.over {
		return simulator.Answer{Status: http.StatusAccepted}
	}
	if p.options.OldRevocation && !grant.allows("configuration", "manage") {
		return p.refuseScope("configuration:manage")
	}
	if p.failures > 0 {
		p.failures--
		return simulator.Answer{Status: http.StatusAccepted}
	}
	grant.over = true
	return simulator.Answer{Status: http.StatusOK}
}

// wrongGrantee has an answer of /vedauth name somebody else.
func wrongGrantee(answer simulator.Answer) simulator.Answer {
	return simulator.RewriteJSON(answer, func(object map[string]any) {
		object["identity"] = somebodyElse.prefixedUniversal()
	})
}
