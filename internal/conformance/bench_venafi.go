package conformance

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"pam-rotate-script/internal/simulator"
	venafisimulator "pam-rotate-script/internal/simulator/venafi"
	"pam-rotate-script/internal/targets/venafi"
)

// Venafi is the bench of package venafi with a caller of its own.
func Venafi() Bench {
	return Bench{
		Name: "venafi", Info: venafi.Info(), User: "rotated.user@example.com", Exchanges: 5, Writes: 2, Proves: true, Unsettled: unsettledVenafi,
		Names: []string{
			"jane", "local:jane", "Local:jane", "local:{5ca1ab1e-0000-4000-8000-000000000042}", "o'neill 50%", `zoë "z" <&>`, "a/b", "..",
			"慀", "{braces}", "*", "AD+jane", "UPPER Case",
		},
		Serve: startVenafi(venafisimulator.ClientID),
	}
}

// VenafiSelf is the bench of package venafi with a caller who rotates itself and has
// no rights.
func VenafiSelf() Bench {
	return Bench{
		Name: "venafi, caller rotates itself", CarriesOld: true, Info: venafi.Info(), User: "rotated.user@example.com", Exchanges: 5, Writes: 2, Proves: true, Unsettled: unsettledVenafi,
		Names: []string{"jane", "local:jane", "慀"},
		Serve: func(on simulator.Options, user, password string) (*Stand, error) {
			platform := newVenafi(user, password)
			server, err := platform.serve(on, platform)
			if err != nil {
				return nil, err
			}
			access := platform.access(server, user, password)
			return platform.stand(access, func(access map[string]any) { access["login"] = "local:nobody" }), nil
		},
	}
}

// VenafiAccessToken is the bench of package venafi with a ready-made token, tokens
// from a server of their own, and an integration for the proof.
func VenafiAccessToken() Bench {
	return Bench{
		Name: "venafi with Access Token", Info: venafi.Info(), User: "rotated.user@example.com", Exchanges: 3, Writes: 2, Proves: true, Unsettled: unsettledVenafi,
		Names: []string{"jane", "local:{5ca1ab1e-0000-4000-8000-000000000042}"},
		Serve: func(on simulator.Options, user, password string) (*Stand, error) {
			platform := newVenafi(user, password)
			// In the order in which a rotation first calls them.
			server, err := platform.serve(on, platform.SDK())
			if err != nil {
				return nil, err
			}
			tokens, err := platform.serve(on, platform.Auth())
			if err != nil {
				server.Close()
				return nil, err
			}
			access := platform.access(server, "", "")
			overlay(access, map[string]any{
				"login": nil, "password": nil, "Access Token": venafisimulator.ReadyToken, "Auth URL": tokens.URL() + "/vedauth",
				"Verify Client ID": venafisimulator.VerifyClientID, "Verify Scope": "certificate",
			})
			return platform.stand(access, func(access map[string]any) { access["Access Token"] = venafisimulator.ExpiredToken }), nil
		},
	}
}

// VenafiNotAllowed is the bench for a user who may not sign in through the integration, as is
// usual: the change stands on Venafi's own answer.
func VenafiNotAllowed() Bench {
	return Bench{
		Name: "venafi without sign-in", Info: venafi.Info(), User: "rotated.user@example.com", Exchanges: 4, Unlisted: -1, Writes: 2, NoSignIn: true,
		Unsettled: func(fault simulator.Fault) string {
			if fault.Exchange == venafisimulator.SetPassword {
				return "nobody can sign in to see what became of the change"
			}
			return ""
		},
		Serve: startVenafi(venafisimulator.CallersClientID),
	}
}

// startVenafi starts the platform whole, with a caller of its own who signs in through the integration.
func startVenafi(clientID string) func(on simulator.Options, user, password string) (*Stand, error) {
	return func(on simulator.Options, user, password string) (*Stand, error) {
		platform := newVenafi(user, password)
		server, err := platform.serve(on, platform)
		if err != nil {
			return nil, err
		}
		access := platform.access(server, venafisimulator.Caller, venafisimulator.CallerPassword)
		access["Client ID"] = clientID
		return platform.stand(access, func(access map[string]any) { access["password"] = "canary-wrong-password" }), nil
	}
}

func unsettledVenafi(fault simulator.Fault) string {
	if fault.Exchange == venafisimulator.SetPassword && !fault.Kind.Applied {
		return "Venafi may refuse a new password and accept an old one from a cache for a while, so rejecting the one and accepting the other shows nothing"
	}
	return ""
}

// venafiPlatform is a platform with one account to rotate, and a record of the tokens
// that its answers to sign-ins carried.
type venafiPlatform struct {
	*venafisimulator.Platform
	name    string // of the account, without prefix
	servers []*simulator.Server
	minted  []string // guarded by the platform's lock
	lost    []string // those of minted whose answer a fault destroyed
}

// venafiGUID is the account's, so that one can be named by it.
const venafiGUID = "5ca1ab1e-0000-4000-8000-000000000042"

func newVenafi(user, password string) *venafiPlatform {
	name := user
	if prefix := "local:"; len(user) > len(prefix) && strings.EqualFold(user[:len(prefix)], prefix) {
		name = user[len(prefix):]
	}
	if name == "{"+venafiGUID+"}" {
		name = "known by GUID"
	}
	// A fourth failed sign-in in a row would show as an account that is locked.
	platform := venafisimulator.New(venafisimulator.Options{AnyPassword: true, LockAfter: 4, ExtraFields: true})
	platform.Add(venafisimulator.Identity{Name: name, GUID: venafiGUID, Password: password})
	return &venafiPlatform{Platform: platform, name: name}
}

// serve starts a server for all or a part of the platform.
func (p *venafiPlatform) serve(on simulator.Options, part simulator.Vendor) (*simulator.Server, error) {
	server, err := simulator.Start(watchedVenafi{part, p, part.(simulator.ErrorWriter), p}, on)
	if err == nil {
		p.servers = append(p.servers, server)
	}
	return server, err
}

func (p *venafiPlatform) access(server *simulator.Server, login, password string) map[string]any {
	return map[string]any{"url": server.URL() + "/vedsdk", "login": login, "password": password, "Client ID": venafisimulator.ClientID}
}

func (p *venafiPlatform) stand(access map[string]any, wrongCredential func(map[string]any)) *Stand {
	return &Stand{
		Servers:         p.servers,
		Access:          access,
		KeepAs:          p.KeepAs,
		Accepts:         func(password string) bool { return p.Accepts(p.name, password) },
		FailedLogins:    func() int { return p.FailedLogins(p.name) },
		LeftOpen:        p.leftOpen,
		Secrets:         func() []string { p.Lock(); defer p.Unlock(); return slices.Clone(p.minted) },
		WrongCredential: wrongCredential,
	}
}

// leftOpen names the grants that were not revoked. Venafi revokes a grant only for its
// own token, so two kinds are nobody's fault: those whose token was in an answer that
// a fault destroyed, and those whose revocation was asked for and met a fault each
// time.
func (p *venafiPlatform) leftOpen() []string {
	p.Lock()
	lost := slices.Clone(p.lost)
	p.Unlock()
	var open []string
	for _, grant := range p.OpenGrants() {
		asked, served := 0, 0
		for _, server := range p.servers {
			for _, exchange := range server.Exchanges() {
				if exchange.Name != venafisimulator.RevokeGrant || exchange.Header.Get("Authorization") != "Bearer "+grant.AccessToken {
					continue
				}
				if asked++; exchange.Fault == "" {
					served++
				}
			}
		}
		if !slices.Contains(lost, grant.AccessToken) && (asked == 0 || served > 0) {
			open = append(open, "a grant of "+grant.User)
		}
	}
	return open
}

// watchedVenafi is a platform or a part of one whose answers to sign-ins are noted.
type watchedVenafi struct {
	simulator.Vendor
	sync.Locker
	simulator.ErrorWriter
	platform *venafiPlatform
}

// Routes returns the vendor's routes.
func (w watchedVenafi) Routes() []simulator.Route {
	routes := w.Vendor.Routes()
	for i := range routes {
		if routes[i].Name != venafisimulator.SignIn {
			continue
		}
		serve := routes[i].Serve
		routes[i].Serve = func(r *simulator.Request) simulator.Answer {
			answer := serve(r)
			var made struct {
				AccessToken  string `json:"access_token"`
				RefreshToken string `json:"refresh_token"`
			}
			if json.Unmarshal(answer.Body, &made) != nil || made.AccessToken == "" {
				return answer
			}
			w.platform.minted = append(w.platform.minted, made.AccessToken, made.RefreshToken)
			if r.Fault != "" && r.Fault != simulator.KindNamed("wrong account after").Name {
				w.platform.lost = append(w.platform.lost, made.AccessToken)
			}
			return answer
		}
	}
	return routes
}
