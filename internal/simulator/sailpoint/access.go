package sailpoint

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"pam-rotate-script/internal/simulator"
)

const tokenPath simulator.Pattern = "/oauth/token"

// pathStyles are the versions that all have the same bodies, statuses and scopes.
// The beta version is left out: its rules differ.
var pathStyles = []string{"v1", "v3", "v2024", "v2025", "v2026"}

// service is a call that has one path per style: v1 after the service's name, all
// others before it.
type service struct {
	name string
	tail string // the path after name and version
}

var (
	queryService  = service{name: "query-password-info"}
	setService    = service{name: "set-password"}
	statusService = service{name: "password-change-status", tail: "/{request}"}
)

// Match reports whether the path is the service's in any style.
func (s service) Match(escapedPath string) bool {
	style, _ := s.find(escapedPath)
	return style != ""
}

// find returns the path's style and its pattern; style is "" if the path is not
// the service's.
func (s service) find(escapedPath string) (style string, pattern simulator.Pattern) {
	for _, style := range pathStyles {
		path := "/" + style + "/" + s.name
		if style == "v1" {
			path = "/" + s.name + "/v1"
		}
		if pattern := simulator.Pattern(path + s.tail); pattern.Match(escapedPath) {
			return style, pattern
		}
	}
	return "", ""
}

// accessToken is a token that was issued.
type accessToken struct {
	client *Client
	issued time.Time
	uses   int
}

// window counts the calls of one client in one path style.
type window struct {
	start time.Time
	calls int
}

func (t *Tenant) requestToken(r *simulator.Request) simulator.Answer {
	r.OnlyHeaders("Content-Type")
	names := []string{"grant_type", "client_id", "client_secret"}
	var form map[string]string
	var ok bool
	if len(r.Body) == 0 && r.RawQuery != "" {
		form, ok = r.QueryForm(names...)
	} else {
		r.NoQuery()
		form, ok = r.FormBody(names...)
	}
	if !ok {
		return t.refuseToken(http.StatusBadRequest, "invalid_request", "The request is malformed")
	}
	if form["grant_type"] != "client_credentials" {
		r.Note("body: field grant_type is not client_credentials")
		return t.refuseToken(http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type")
	}
	client := t.client(form["client_id"])
	if client == nil || client.Secret != form["client_secret"] {
		t.refused++
		return t.refuseToken(http.StatusUnauthorized, "unauthorized", "Full authentication is required to access this resource")
	}
	encode := base64.RawURLEncoding.EncodeToString
	identifier := rand.Text()
	token := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode([]byte(`{"jti":"`+identifier+`"}`)) + "." + encode([]byte(rand.Text()))
	t.tokens[token] = &accessToken{client: client, issued: t.options.Now()}
	answer := map[string]any{
		"access_token":          token,
		"token_type":            "bearer",
		"expires_in":            int(t.options.TokenLifetime / time.Second),
		"scope":                 strings.Join(client.Scopes, " "),
		"tenant_id":             "58eb06a4-fcd7-4e96-8fac-cca2afc03e61",
		"pod":                   "cook",
		"org":                   "example",
		"internal":              true,
		"enabled":               true,
		"jti":                   identifier,
		"strong_auth":           false,
		"strong_auth_supported": false,
		"accessType":            "OFFLINE",
	}
	if client.Owner != "" {
		owner := t.identity(client.Owner, false)
		answer["identity_id"] = owner.id
		answer["user_id"] = owner.id
		answer["user_name"] = owner.userName
	}
	return simulator.JSON(http.StatusOK, answer)
}

// refuseToken is an error of the token endpoint.
func (t *Tenant) refuseToken(status int, code, text string) simulator.Answer {
	if t.options.PlainTokenErrors {
		return t.ErrorAnswer(status, text)
	}
	return simulator.JSON(status, map[string]string{"error": code, "error_description": text})
}

// checkHead notes what the API calls have no use for. A body's type is not among it.
func checkHead(r *simulator.Request, headers ...string) {
	r.OnlyHeaders(append(headers, "Authorization")...)
	r.NoQuery()
	if accept, there := r.SingleHeader("Accept"); there && accept != "application/json" {
		r.Note("header Accept is not application/json")
	}
}

// admit lets an API call past the gateway, which asks for a live token, the rate
// limit and a path style of this tenant, in that order.
func (t *Tenant) admit(r *simulator.Request, called service) (client *Client, refusal simulator.Answer, ok bool) {
	client, ok = t.authenticate(r)
	if !ok {
		return nil, t.ErrorAnswer(http.StatusUnauthorized, "JWT validation failed: JWT is expired"), false
	}
	style, _ := called.find(r.EscapedPath)
	if wait := t.throttle(client.ID + " " + style); wait > 0 {
		refusal = simulator.JSON(http.StatusTooManyRequests, map[string]string{"message": " Rate Limit Exceeded "})
		refusal.Header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return nil, refusal, false
	}
	if r.Name == QueryPasswordInfo && slices.Contains(t.options.ForbiddenStyles, style) {
		return nil, forbidden(), false
	}
	if !slices.Contains(t.options.PathStyles, style) {
		if r.Name != QueryPasswordInfo {
			// Only the read that comes first may try out styles.
			r.Note("the tenant does not have this path style")
		}
		return nil, notFound(), false
	}
	return client, simulator.Answer{}, true
}

// authenticate returns the client of the request's token. To send an expired token
// is not noted, to make one up is.
func (t *Tenant) authenticate(r *simulator.Request) (*Client, bool) {
	bearer, ok := r.Bearer()
	if !ok {
		return nil, false
	}
	token := t.tokens[bearer]
	if token == nil {
		r.Note("header Authorization holds no token of this tenant")
		return nil, false
	}
	token.uses++
	expired := t.options.Now().Sub(token.issued) >= t.options.TokenLifetime
	usedUp := t.options.TokenUses != 0 && token.uses > t.options.TokenUses
	return token.client, !expired && !usedUp
}

// throttle counts a call and returns how long the caller has to wait; 0 if the
// call is within the limit.
func (t *Tenant) throttle(caller string) time.Duration {
	if t.options.RateLimit < 0 {
		return 0
	}
	now := t.options.Now()
	current := t.windows[caller]
	if current == nil || now.Sub(current.start) >= t.options.RateWindow {
		current = &window{start: now}
		t.windows[caller] = current
	}
	current.calls++
	if current.calls <= t.options.RateLimit {
		return 0
	}
	return current.start.Add(t.options.RateWindow).Sub(now)
}

// markDeprecated marks an answer in an old path style, if the tenant does that.
func (t *Tenant) markDeprecated(r *simulator.Request, called service, answer simulator.Answer) simulator.Answer {
	if style, _ := called.find(r.EscapedPath); t.options.Deprecated && style != "v1" {
		answer.Header.Set("X-Deprecated", "true")
	}
	return answer
}

// message is a text of an error, as SailPoint wraps it.
type message struct {
	Locale       string `json:"locale"`
	LocaleOrigin string `json:"localeOrigin"`
	Text         string `json:"text"`
}

// errorResponse is the shape of most errors.
type errorResponse struct {
	DetailCode string    `json:"detailCode"`
	TrackingID string    `json:"trackingId"`
	Messages   []message `json:"messages"`
	Causes     []message `json:"causes"`
}

// ErrorAnswer returns an error in the shape that SailPoint has for the status: 401
// with error, 429 with message, every other with detailCode, messages and causes.
// The token endpoint's own shape is not among them.
func (t *Tenant) ErrorAnswer(status int, text string) simulator.Answer {
	switch status {
	case http.StatusUnauthorized:
		return simulator.JSON(status, map[string]string{"error": text})
	case http.StatusTooManyRequests:
		return simulator.JSON(status, map[string]string{"message": text})
	}
	return refuse(status, text)
}

// refuse is an error of the general shape.
func refuse(status int, text string) simulator.Answer {
	return errorAnswer(status, detailCode(status), wrap(text), wrap(text))
}

func wrap(text string) []message {
	return []message{{Locale: "en-US", LocaleOrigin: "DEFAULT", Text: text}}
}

func badRequest() simulator.Answer { return refuse(http.StatusBadRequest, "The request was malformed") }

func forbidden() simulator.Answer {
	return refuse(http.StatusForbidden, "The server understood the request but refuses to authorize it")
}

func notFound() simulator.Answer {
	return refuse(http.StatusNotFound, "The server did not find a current representation for the target resource")
}

// semanticallyInvalid is what a faulty set-password gets: another case, no causes.
func semanticallyInvalid() simulator.Answer {
	const text = "The request was syntactically correct but its content is semantically invalid."
	return errorAnswer(http.StatusBadRequest, "400.1 Bad request content", wrap(text), []message{})
}

func errorAnswer(status int, code string, messages, causes []message) simulator.Answer {
	return simulator.JSON(status, errorResponse{
		DetailCode: code,
		TrackingID: "e7eab60924f64aa284175b9fa3309599",
		Messages:   messages,
		Causes:     causes,
	})
}

func detailCode(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "400.1 Bad Request Content"
	case http.StatusForbidden:
		return "403 Forbidden"
	case http.StatusNotFound:
		return "404 Not found"
	case http.StatusInternalServerError:
		return "500.0 Internal Fault"
	}
	return fmt.Sprintf("%d %s", status, http.StatusText(status))
}
