package conformance

import (
	"encoding/json"
	"fmt"
	"strings"

	"pam-rotate-script/internal/simulator"
	spssimulator "pam-rotate-script/internal/simulator/sps"
	"pam-rotate-script/internal/targets/sps"
)

// spsUser is the bench account's name, which none of the simulator's own users has.
const spsUser = "rotated.user@example.com"

// spsKey is the key of the bench account's object: it needs escaping.
const spsKey = "k/42%2F +ü?"

// spsNames are look-alikes of the simulator's own users and names that are awkward in
// a path or a header.
var spsNames = []string{
	"jane", "JDOE", "jdo", "j%64oe", "..", "a/b", "42", "慀", `DOMAIN\jane`, "with blank", `"quoted"`, "{key}", "ROOT",
}

// SPS is the bench of package sps for a local user whose key the record names.
func SPS() Bench {
	return Bench{
		Name: "sps", Info: sps.Info(), User: spsUser, Exchanges: 7, Writes: 2, Proves: true, Veils: true, Names: spsNames,
		Serve: startSPS(spssimulator.Options{LockOutAfter: 3}, map[string]any{"User Key": spsKey}),
	}
}

// SPSBehindManyUsers is the bench for a local user who is searched for by name and
// is the last one in the list.
func SPSBehindManyUsers() Bench {
	return Bench{
		Name: "sps behind many users", Info: sps.Info(), User: spsUser, Exchanges: 7 + 14, Writes: 2, Proves: true, Veils: true,
		Names: []string{"JDOE", "jdo", "a/b"},
		Serve: startSPS(spssimulator.Options{SeveralTransactions: true, StatusInBody: true, PasswordAsObject: true, WriteStatus: 204}, nil),
	}
}

// SPSByStatus is the bench for a local user who may not sign in, so that a look at
// the reference proves the change.
func SPSByStatus() Bench {
	return Bench{
		Name: "sps by status", Info: sps.Info(), User: spsUser, Exchanges: 8, Writes: 2, Proves: true,
		Serve: startSPS(spssimulator.Options{RequireREST: true, CommitEndsSessions: true}, map[string]any{"User Key": spsKey, "Verify": "off"}),
	}
}

// SPSWithoutREST is the bench for a local user who lacks the privilege REST server, so that no
// sign-in shows a password: it is refused with this status, and 401 is how a wrong password is
// refused as well.
func SPSWithoutREST(status, exchanges int) Bench {
	return Bench{
		Name: fmt.Sprintf("sps without REST server, %d", status), Info: sps.Info(), User: spsUser, Exchanges: exchanges, Unlisted: exchanges - 7,
		Writes: 2, Proves: true, Veils: true, NoSignIn: true,
		Unsettled: func(fault simulator.Fault) string {
			if fault.Exchange == spssimulator.ListLoginMethods && fault.Occurrence == 0 {
				return "without the list of login methods nobody knows whether the sign-in was refused by that of the local users"
			}
			return ""
		},
		Serve: startSPS(spssimulator.Options{RequireREST: true, RESTStatus: status, MethodMember: "key"}, map[string]any{"User Key": spsKey}),
	}
}

// SPSWithDirectory is the bench for a local user where a directory is the default login method,
// which knows nothing of the local password.
func SPSWithDirectory() Bench {
	return Bench{
		Name: "sps where a directory is the default", Info: sps.Info(), User: spsUser, Exchanges: 7, Writes: 2, Proves: true, Veils: true,
		Serve: startSPS(spssimulator.Options{ExternalLogin: true, LoginMethods: []string{"ad"}, MethodNames: true, LockOutAfter: 3},
			map[string]any{"User Key": spsKey, "Login Method": "local"}),
	}
}

// SPSSelf is the bench for a user who signs in to change the own password. The access
// record follows each change, as one that is the PAM User record itself does.
func SPSSelf() Bench {
	return Bench{
		Name: "sps self", CarriesOld: true, Info: sps.Info(), User: spsUser, Exchanges: 6, Writes: 2, Proves: true, Names: spsNames,
		Serve: func(on simulator.Options, user, password string) (*Stand, error) {
			appliance := spssimulator.New(spssimulator.Options{})
			appliance.Add(spssimulator.User{Key: spsKey, Name: user, Password: password, REST: true})
			return standSPS(on, appliance, user, map[string]any{
				"login": user, "password": following(func() string { return appliance.Password(user) }),
			})
		},
	}
}

// following is a text in a record that is looked up when the payload is made.
type following func() string

// MarshalJSON returns the text as it is now.
func (f following) MarshalJSON() ([]byte, error) { return json.Marshal(f()) }

// SPSRoot is the bench for the operating system's root.
func SPSRoot() Bench {
	return Bench{
		Name: "sps root", Info: sps.Info(), User: "root", Exchanges: 8, Writes: 2, Proves: true,
		Serve: func(on simulator.Options, user, password string) (*Stand, error) {
			appliance := spssimulator.New(spssimulator.Options{})
			stand, err := standSPS(on, appliance, user, nil)
			if err != nil {
				return nil, err
			}
			// The simulator's own first password stands for the one of the case.
			stand.Accepts = func(tried string) bool {
				return appliance.AcceptsRoot(tried) || tried == password && appliance.AcceptsRoot(spssimulator.FirstRootPassword)
			}
			stand.FailedLogins = nil
			return stand, nil
		},
	}
}

// startSPS starts an appliance with the account as its last user.
func startSPS(options spssimulator.Options, fields map[string]any) func(on simulator.Options, user, password string) (*Stand, error) {
	return func(on simulator.Options, user, password string) (*Stand, error) {
		appliance := spssimulator.New(options)
		appliance.Add(spssimulator.User{
			Key: spsKey, Name: user, Password: password, REST: !options.RequireREST,
			Fields: `{"serial":12345678901234567890,"note":"<b>Zoë & Co</b>","preferences":{"theme":null,"ratio":1.50,"Theme":"dark"}}`,
		})
		return standSPS(on, appliance, user, fields)
	}
}

// standSPS puts an appliance on a server.
func standSPS(on simulator.Options, appliance *spssimulator.Appliance, user string, fields map[string]any) (*Stand, error) {
	server, err := simulator.Start(appliance, on)
	if err != nil {
		return nil, err
	}
	access := map[string]any{
		"url": server.URL() + "/api/configuration", "login": spssimulator.AccessUser, "password": spssimulator.AccessPassword,
	}
	overlay(access, fields)
	return &Stand{
		Servers:      []*simulator.Server{server},
		Access:       access,
		KeepAs:       appliance.KeepAs,
		Accepts:      func(password string) bool { return appliance.Password(user) == password },
		FailedLogins: func() int { return appliance.FailedLogins(user) },
		LeftOpen: func() []string {
			if appliance.OpenTransactions() > 0 {
				return []string{"a transaction"}
			}
			return nil
		},
		Secrets: func() []string {
			var cookies []string
			for _, exchange := range server.Exchanges() {
				if _, cookie, found := strings.Cut(exchange.Header.Get("Cookie"), "="); found {
					cookies = append(cookies, cookie)
				}
			}
			return cookies
		},
		WrongCredential: func(access map[string]any) { access["password"] = "canary-wrong-password" },
	}, nil
}
