package conformance

import (
	"pam-rotate-script/internal/simulator"
	restsimulator "pam-rotate-script/internal/simulator/rest"
	teramindsimulator "pam-rotate-script/internal/simulator/teramind"
	"pam-rotate-script/internal/targets/rest"
	"pam-rotate-script/internal/targets/teramind"
)

// Benches returns one bench of each vendor, and of each of its settings that proves
// a change in another way. The recipes come last, behind the targets in Go that they
// describe once more.
func Benches() []Bench {
	return []Bench{
		Teramind(), TeramindAnsweringSuccess(), TeramindByNumber(),
		Venafi(), VenafiSelf(), VenafiAccessToken(), VenafiNotAllowed(),
		SailPoint(), SailPointAtOnce(), SailPointByOlderPaths(), SailPointByAccountID(),
		SPS(), SPSBehindManyUsers(), SPSByStatus(), SPSWithoutREST(401, 11), SPSWithoutREST(403, 9), SPSWithDirectory(), SPSSelf(), SPSRoot(),
		REST(), RESTWithVerifyURL(), RESTThatRepeats(),
		RecipeTeramind(), RecipeVenafi(),
	}
}

// Teramind is the bench of package teramind.
func Teramind() Bench {
	bench := teramindBench("teramind", teramindsimulator.Options{ExtraFields: true, MinimumLength: 1})
	bench.Names = []string{"jane+ops%41@exämple.com", "o'hara/x@example.com", "a?b#c;d@example.com", "慀@example.com", `back\slash"quote@example.com`, "UPPER@Example.COM"}
	return bench
}

// TeramindAnsweringSuccess is the bench of package teramind with a server that answers a change
// with {"success":true} alone, and has a user's address under email.
func TeramindAnsweringSuccess() Bench {
	return teramindBench("teramind answering success", teramindsimulator.Options{
		UpdateAnswer: teramindsimulator.AnswersSuccess, AddressFields: teramindsimulator.InEmail, MinimumLength: 1,
	})
}

// TeramindByNumber is the bench of package teramind with a server from before 2024, which knows
// agents by number alone, and answers a change with 204.
func TeramindByNumber() Bench {
	bench := teramindBench("teramind by number", teramindsimulator.Options{
		OldLookUp: true, UpdateAnswer: teramindsimulator.AnswersNoContent, MinimumLength: 1,
	})
	bench.ByField = true
	serve := bench.Serve
	bench.Serve = func(on simulator.Options, user, password string) (*Stand, error) {
		stand, err := serve(on, user, password)
		if err == nil {
			stand.UserFields = map[string]any{"Target Agent": teramindAgent}
		}
		return stand, err
	}
	return bench
}

// teramindAgent is the number of the bench's account.
const teramindAgent = 4711

func teramindBench(name string, options teramindsimulator.Options) Bench {
	return Bench{
		Name: name, Info: teramind.Info(), User: "rotated.user@example.com", Exchanges: 2, Writes: 2,
		Unsettled: func(fault simulator.Fault) string {
			if fault.Exchange == teramindsimulator.UpdateAgent && fault.Occurrence == 0 {
				return "Teramind has no call that tests a password, and the repeat of the write met the same fault"
			}
			if fault.Exchange == teramindsimulator.UpdateAgent && fault.Kind.Status == 412 {
				return "Teramind has no call that tests a password, and 412 may refuse a copy of a write that was carried out"
			}
			return ""
		},
		Serve: func(on simulator.Options, user, password string) (*Stand, error) {
			instance := teramindsimulator.New(options)
			instance.Add(teramindsimulator.Agent{ID: teramindAgent, Email: user, Password: password})
			server, err := simulator.Start(instance, on)
			if err != nil {
				return nil, err
			}
			return &Stand{
				Servers:         []*simulator.Server{server},
				Access:          map[string]any{"url": server.URL() + "/tm-api", "password": teramindsimulator.Token},
				KeepAs:          instance.KeepAs,
				Accepts:         func(password string) bool { return instance.Accepts(user, password) },
				WrongCredential: func(access map[string]any) { access["password"] = "canary-wrong-token" },
			}, nil
		},
	}
}

// REST is the bench of package rest with nothing but url and password.
func REST() Bench {
	return Bench{
		Name: "rest", Info: rest.Info(), User: "rotated.user@example.com", Exchanges: 1, Writes: 1,
		Unsettled: func(fault simulator.Fault) string {
			if fault.Exchange == restsimulator.ChangePassword {
				return "without a Verify URL there is nothing to ask"
			}
			return ""
		},
		Names: []string{"jane", "..", "a/b", "慀", `DOMAIN\jane`, "a:b", "with blank", `"quoted"`},
		Undetectable: map[string]string{
			"empty 200 before": "an endpoint without a documented body may answer 200 with none; a Verify URL settles it",
			"array 200 before": "PHP writes an empty object as [], which says no more than an empty body",
		},
		Serve: startREST(restsimulator.Config{}, nil),
	}
}

// RESTWithVerifyURL is the bench of package rest with a proof by login.
func RESTWithVerifyURL() Bench {
	return Bench{
		Undetectable: liesAtTheVerifyURL,
		Name:         "rest with Verify URL", CarriesOld: true, Info: rest.Info(), User: "rotated.user@example.com", Exchanges: 3, Writes: 1, Proves: true,
		Unsettled: func(fault simulator.Fault) string {
			switch {
			case fault.Exchange == restsimulator.ChangePassword && (fault.Kind.Name == "empty 200 before" || fault.Kind.Name == "array 200 before"):
				return "the answer is what success looks like, and the sign-in contradicts it"
			case fault.Exchange == restsimulator.ChangePassword:
				return "without Repeat the write is sent once, and may be carried out later than any sign-in could tell"
			case fault.Exchange == restsimulator.SignIn && fault.Kind.Status == 401:
				return "the sign-in is refused exactly as with a wrong password"
			}
			return ""
		},
		Names: []string{"jane", "a/b", "慀", `DOMAIN\jane`, "with blank", `"quoted"`},
		Serve: startREST(restsimulator.Config{
			Method: "PUT", Path: "/api/users/{user}/password", OmitUser: true, Auth: restsimulator.Header, HeaderName: "X-Api-Key",
			PasswordField: "password", OldPasswordField: "current", ExtraBody: map[string]any{"notify": false}, SuccessStatus: 204,
			VerifyPath: "/api/users/{user}", LockAfter: 3,
		}, map[string]any{
			"Method": "put", "Auth": "header X-Api-Key", "User Field": "none", "Password Field": "password",
			"Old Password Field": "current", "Extra Body": `{"notify": false}`,
		}),
	}
}

// liesAtTheVerifyURL are answers that something in between gives to a sign-in, and that the
// endpoint may give as well. Beside a write that is lost they are a lie.
var liesAtTheVerifyURL = func() map[string]string {
	lies := map[string]string{}
	for _, kind := range []string{"empty 200 before", "empty 200 after", "empty 200 as HTML after", "empty 204 as HTML after"} {
		lies[kind+" at "+restsimulator.SignIn] = "an answer of success without a body is what a Verify URL may give to the right password"
	}
	for _, kind := range []string{"array 200 before", "array 200 after"} {
		lies[kind+" at "+restsimulator.SignIn] = "a 200 with any JSON is what a Verify URL may answer to the right password"
	}
	return lies
}()

// RESTThatRepeats is the bench of package rest where the access record says that the call may
// be repeated.
func RESTThatRepeats() Bench {
	return Bench{
		Name: "rest with Repeat", Info: rest.Info(), User: "rotated.user@example.com", Exchanges: 3, Writes: 2, Proves: true,
		Unsettled: func(fault simulator.Fault) string {
			switch {
			case fault.Exchange == restsimulator.ChangePassword && (fault.Kind.Name == "empty 200 before" || fault.Kind.Name == "array 200 before"):
				return "the answer is what success looks like, and the sign-in contradicts it"
			case fault.Exchange == restsimulator.SignIn && fault.Kind.Status == 401:
				return "the sign-in is refused exactly as with a wrong password"
			}
			return ""
		},
		Undetectable: liesAtTheVerifyURL,
		Names:        []string{"jane", "a/b", "慀"},
		Serve: startREST(restsimulator.Config{
			Method: "PUT", Path: "/api/users/{user}/password", OmitUser: true, SuccessStatus: 204, VerifyPath: "/api/users/{user}", LockAfter: 3,
		}, map[string]any{"Method": "put", "User Field": "none", "Repeat": "true"}),
	}
}

func startREST(config restsimulator.Config, fields map[string]any) func(on simulator.Options, user, password string) (*Stand, error) {
	return func(on simulator.Options, user, password string) (*Stand, error) {
		service, err := restsimulator.New(config)
		if err != nil {
			return nil, err
		}
		service.SetUser(user, password)
		server, err := simulator.Start(service, on)
		if err != nil {
			return nil, err
		}
		path := config.Path
		if path == "" {
			path = "/api/password"
		}
		access := map[string]any{"url": server.URL() + path, "password": restsimulator.Token}
		if config.VerifyPath != "" {
			access["Verify URL"] = server.URL() + config.VerifyPath
		}
		overlay(access, fields)
		return &Stand{
			Servers:         []*simulator.Server{server},
			Access:          access,
			KeepAs:          service.KeepAs,
			Accepts:         func(password string) bool { return service.Accepts(user, password) },
			FailedLogins:    func() int { return service.FailedLogins(user) },
			WrongCredential: func(access map[string]any) { access["password"] = "canary-wrong-token" },
		}, nil
	}
}
