package conformance

import (
	"encoding/json"
	"slices"
	"strings"

	"pam-rotate-script/internal/simulator"
	sailpointsimulator "pam-rotate-script/internal/simulator/sailpoint"
	"pam-rotate-script/internal/targets/sailpoint"
)

// SailPoint is the bench of package sailpoint: the change is in progress when it is
// accepted, and finished at the first status read.
func SailPoint() Bench {
	return sailPoint("sailpoint", sailpointsimulator.Options{EndsAtPoll: 1})
}

// SailPointAtOnce is the bench of package sailpoint with a tenant that puts the
// password in force before it answers, so that a lost answer hides a change.
func SailPointAtOnce() Bench {
	return sailPoint("sailpoint at once", sailpointsimulator.Options{Outcome: sailpointsimulator.FinishesAtOnce, EndsAtPoll: 1})
}

// SailPointByOlderPaths is the bench of package sailpoint with a tenant that refuses the look-up by
// the current paths, and whose status names no request.
func SailPointByOlderPaths() Bench {
	bench := sailPoint("sailpoint by older paths", sailpointsimulator.Options{
		EndsAtPoll: 1, ForbiddenStyles: []string{"v1"}, StatusNames: sailpointsimulator.NamesNull,
	})
	bench.Exchanges, bench.Unlisted, bench.Names = 5, 1, nil
	return bench
}

// SailPointByAccountID is the bench of package sailpoint with a tenant that lists none of the
// identity's accounts, so that the field Account ID alone says which one is meant.
func SailPointByAccountID() Bench {
	bench := sailPoint("sailpoint by account ID", sailpointsimulator.Options{EndsAtPoll: 1, HideAccounts: true})
	bench.Names, bench.AlsoAllowed = nil, "CN=*"
	serve := bench.Serve
	bench.Serve = func(on simulator.Options, user, password string) (*Stand, error) {
		stand, err := serve(on, user, password)
		if err == nil {
			stand.UserFields = map[string]any{"Account ID": sailPointAccount(user)}
		}
		return stand, err
	}
	return bench
}

// sailPointAccount is the ID at the source of the bench's account: it needs escaping.
func sailPointAccount(user string) string {
	return `CN=` + strings.ReplaceAll(user, ",", `\,`) + `\, "x",OU=Zürich & <Basel>,DC=acme,DC=com`
}

// sailPoint is a bench whose tenant refuses at once what breaks a rule: where a change
// fails later, nothing tells which password is in force.
func sailPoint(name string, options sailpointsimulator.Options) Bench {
	options.RefuseAtOnce = true
	return Bench{
		Name: name, Info: sailpoint.Info(), User: "rotated.user@example.com", Exchanges: 4, Writes: 2, Proves: true,
		Names:     []string{"jané", "..", "a/b", "慀", `DOMAIN\jane`, "a:b", "with blank", "UPPER.Case", `"}, {"userName":"Abby.Smith`, "%41+&=", "o'hara"},
		Unsettled: unsettledSailPoint,
		Serve: func(on simulator.Options, user, password string) (*Stand, error) {
			tenant := sailpointsimulator.New(options)
			accountID := sailPointAccount(user)
			tenant.AddIdentity(sailpointsimulator.Identity{ID: "8a807d4c73c545510173c545f0afffff", UserName: user, Accounts: []sailpointsimulator.Account{
				{SourceName: sailpointsimulator.SourceName, ID: accountID, Name: user, Password: password, Twice: true},
				{SourceName: "IdentityNow", ID: user, Name: user, Password: password},
			}})
			server, err := simulator.Start(tenant, on)
			if err != nil {
				return nil, err
			}
			return &Stand{
				Servers: []*simulator.Server{server},
				Access: map[string]any{
					"Target": "sailpoint", "url": server.URL(), "login": sailpointsimulator.ClientID, "password": sailpointsimulator.ClientSecret,
					"Source Name": sailpointsimulator.SourceName,
				},
				KeepAs: tenant.KeepAs,
				Accepts: func(password string) bool {
					return tenant.Accepts(sailpointsimulator.SourceName, accountID, password)
				},
				Secrets:         func() []string { return append(bearers(server), encrypted(server)...) },
				WrongCredential: func(access map[string]any) { access["password"] = "canary-wrong-secret" },
			}, nil
		},
	}
}

func unsettledSailPoint(fault simulator.Fault) string {
	switch {
	case fault.Exchange == sailpointsimulator.SetPassword:
		return "the request's ID was in the answer that was lost, and no call tries a password"
	case fault.Exchange == sailpointsimulator.ReadChangeStatus && fault.Occurrence == 0:
		return "no status of the request can be read, and no call tries a password"
	case fault.Exchange == sailpointsimulator.ReadChangeStatus && fault.Kind.Status == 403:
		return "SailPoint documents 403 as a missing right to read the status, so it is not read again"
	}
	return ""
}

// encrypted returns the encrypted passwords that have arrived at a server.
func encrypted(server *simulator.Server) []string {
	var texts []string
	for _, exchange := range server.Exchanges() {
		var body struct {
			EncryptedPassword string `json:"encryptedPassword"`
		}
		if exchange.Write && json.Unmarshal(exchange.Body, &body) == nil {
			texts = append(texts, body.EncryptedPassword)
		}
	}
	return texts
}

// bearers returns the bearer tokens that have arrived at a server, each once.
func bearers(server *simulator.Server) []string {
	var tokens []string
	for _, exchange := range server.Exchanges() {
		token, ok := strings.CutPrefix(exchange.Header.Get("Authorization"), "Bearer ")
		if ok && !slices.Contains(tokens, token) {
			tokens = append(tokens, token)
		}
	}
	return tokens
}
