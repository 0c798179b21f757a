package venafi

import (
	"net/http"

	"pam-rotate-script/internal/simulator"
)

// ErrorShape is the form of an error. Each belongs to some call or version, or is
// what a standard allows, so a client has to read them all.
type ErrorShape int

// The forms of an error.
const (
	// AsDocumented is WithDescription from /vedauth and for token and scope
	// from /vedsdk, and CapitalError for the rest of /vedsdk.
	AsDocumented ErrorShape = iota
	// WithDescription is {"error": code, "error_description": text}.
	WithDescription
	// CodeAlone is {"error": code}, with the text where there is no code.
	CodeAlone
	// CapitalError is {"Error": text}.
	CapitalError
	// ErrorDetails is {"ErrorDetails": text}.
	ErrorDetails
	// Message is {"Message": text}.
	Message
	// StatusLineOnly is the text in the status line and no body.
	StatusLineOnly
)

// The codes of errors that this package gives; those of a sign-in come from RFC
// 6749 5.2, the others from Venafi's bearer token errors.
const (
	invalidRequest       = "invalid_request"
	invalidClient        = "invalid_client"
	invalidGrant         = "invalid_grant"
	invalidScope         = "invalid_scope"
	unauthorizedClient   = "unauthorized_client"
	unsupportedGrantType = "unsupported_grant_type"
	sessionError         = "session_error"
	insufficientScope    = "insufficient_scope"
	serverError          = "server_error"
)

// refuse words an error in the platform's shape. The code is "" for what is
// neither from /vedauth nor about a token.
func (p *Platform) refuse(status int, code, text string) simulator.Answer {
	shape := p.options.ErrorShape
	if shape == AsDocumented {
		shape = CapitalError
		if code != "" {
			shape = WithDescription
		}
	}
	switch shape {
	case WithDescription:
		if code == "" {
			code = generalCode(status)
		}
		return simulator.JSON(status, map[string]string{"error": code, "error_description": text})
	case CodeAlone:
		if code == "" {
			code = text
		}
		return simulator.JSON(status, map[string]string{"error": code})
	case ErrorDetails:
		return simulator.JSON(status, map[string]string{"ErrorDetails": text})
	case Message:
		return simulator.JSON(status, map[string]string{"Message": text})
	case StatusLineOnly:
		return simulator.Answer{Status: status, Reason: text}
	default:
		return simulator.JSON(status, map[string]string{"Error": text})
	}
}

func generalCode(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return sessionError
	case status == http.StatusForbidden:
		return insufficientScope
	case status >= 500:
		return serverError
	}
	return invalidRequest
}

// ErrorAnswer implements [simulator.ErrorWriter]. As it is not told the path, it
// gives the form of /vedsdk; the server of [Platform.Auth] gives that of /vedauth.
func (p *Platform) ErrorAnswer(status int, text string) simulator.Answer {
	return p.refuse(status, "", text)
}

// tokenErrorAnswer is ErrorAnswer with the form of /vedauth.
func (p *Platform) tokenErrorAnswer(status int, text string) simulator.Answer {
	return p.refuse(status, generalCode(status), text)
}

// malformed answers a request that breaks a rule, which has been written down.
func (p *Platform) malformed(code string) simulator.Answer {
	return p.refuse(http.StatusBadRequest, code, "The request is malformed.")
}

// authenticate returns the grant of the bearer token, or the refusal of a request
// without a token that works.
func (p *Platform) authenticate(r *simulator.Request) (*grant, *simulator.Answer) {
	token, ok := r.Bearer()
	if !ok {
		refusal := p.refuse(http.StatusUnauthorized, sessionError, "A valid access token is required.")
		return nil, &refusal
	}
	found := p.grantOf(token)
	if found == nil {
		refusal := p.refuse(http.StatusUnauthorized, sessionError, "Invalid token format")
		return nil, &refusal
	}
	if !p.works(found) {
		refusal := p.refuse(http.StatusUnauthorized, sessionError, "The token has been revoked or has expired.")
		return nil, &refusal
	}
	return found, nil
}

// refuseScope refuses a token that lacks a scope.
func (p *Platform) refuseScope(scope string) simulator.Answer {
	status := http.StatusForbidden
	if p.options.OldScopeStatus {
		status = http.StatusUnauthorized
	}
	return p.refuse(status, insufficientScope, "Grant rejected scope '"+scope+"'. Call POST Authorize/OAuth with the correct scope.")
}
