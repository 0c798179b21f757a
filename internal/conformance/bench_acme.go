package conformance

import (
	"pam-rotate-script/internal/simulator"
	acmesimulator "pam-rotate-script/internal/simulator/acme"
	"pam-rotate-script/internal/targets/acme"
)

// Examples returns the benches of vendors that are not in the program: what they show has to
// hold like everything else.
func Examples() []Bench { return []Bench{Acme()} }

// Acme is the bench of package acme, from which a new vendor is begun.
func Acme() Bench {
	return Bench{
		Name: "acme", Info: acme.Info(), User: "rotated.user@example.com", Exchanges: 2, Writes: 2,
		Unsettled: func(fault simulator.Fault) string {
			if fault.Exchange == acmesimulator.SetPassword {
				return "Acme has no call that tests a password"
			}
			return ""
		},
		Names: []string{"jane", "慀", `DOMAIN\jane`, "with blank", `"quoted"`, "%41+&="},
		Serve: func(on simulator.Options, user, password string) (*Stand, error) {
			service := new(acmesimulator.Service)
			service.SetUser(user, password)
			server, err := simulator.Start(service, on)
			if err != nil {
				return nil, err
			}
			return &Stand{
				Servers:         []*simulator.Server{server},
				Access:          map[string]any{"url": server.URL(), "password": acmesimulator.Token},
				KeepAs:          service.KeepAs,
				Accepts:         func(password string) bool { return service.Accepts(user, password) },
				WrongCredential: func(access map[string]any) { access["password"] = "canary-wrong-token" },
			}, nil
		},
	}
}
