package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"pam-rotate-script/internal/simulator"
	restsimulator "pam-rotate-script/internal/simulator/rest"
	sailpointsimulator "pam-rotate-script/internal/simulator/sailpoint"
	spssimulator "pam-rotate-script/internal/simulator/sps"
	teramindsimulator "pam-rotate-script/internal/simulator/teramind"
	venafisimulator "pam-rotate-script/internal/simulator/venafi"
)

// The outcomes, as result lines begin with them.
const (
	changed    = "changed"
	notChanged = "not-changed"
	unknown    = "unknown"
)

// exitCodes are the exit codes by outcome.
var exitCodes = map[string]int{changed: 0, notChanged: 1, unknown: 3}

// vendor is one vendor of the demonstration.
type vendor struct {
	// name heads the vendor's part, and about says in a few lines what it is and
	// how its passwords are looked at.
	name  string
	about []string
	// user has the password old at the start.
	user, old string
	// start makes a fresh vendor with that user.
	start func(user, old string) (*stand, error)
	// write is the name of the route that puts a password in force.
	write string

	// What must come of a rotation, of one with a credential that the vendor
	// refuses, and of one whose answer to the write is lost after the vendor has
	// acted.
	rotation, wrongCredential, lostAfter ending
	// lostBefore is what must come of a write that is lost before the vendor has
	// acted; nil leaves that run out.
	lostBefore *ending
}

// ending is what a run must come to.
type ending struct {
	// outcome is how the result line begins. The exit code follows from it.
	outcome string
	// words must be in the result line, too.
	words string
	// writes is how many writes arrive at the vendor.
	writes int
	// renewed says that the new password is in force, instead of the old one.
	renewed bool
	// login is the password, "new" or "old", with which the program must have
	// signed in; "" where it cannot.
	login string
	// because is shown, in a line or two: why this is the right outcome.
	because []string
}

// stand is a running vendor.
type stand struct {
	server *simulator.Server
	// access are the fields of the access record besides CA Certificate.
	access map[string]any
	// wrong alters access so that the vendor refuses the credential.
	wrong func(access map[string]any)
	// accepts tells whether the vendor would let the user in with a password.
	accepts func(ctx context.Context, password string) (bool, error)
	// signIn returns the password of an exchange that is a sign-in as the user;
	// nil where the program has no way to sign in.
	signIn func(simulator.Exchange) (password string, ok bool)
	// leftOpen names what a run should have given back; nil where nothing is opened.
	leftOpen func() []string
}

// vendors is the table of the demonstration.
func vendors() []vendor {
	return []vendor{
		{
			name: "Teramind",
			about: []string{
				"The program finds the user (an \"agent\") by e-mail address and sets the password with a second",
				"call. Teramind has no call that tests a password, so its own answer, naming the same agent, is",
				"the proof. Passwords are looked up below in the simulated vendor's state.",
			},
			user: "jane.roe@example.com", old: `Old-pass"word\1 of $jane`, start: startTeramind, write: teramindsimulator.UpdateAgent,
			rotation: ending{outcome: changed, words: "confirmed by Teramind's answer", writes: 1, renewed: true},
			wrongCredential: ending{
				outcome: notChanged, words: "[credential]", writes: 0,
				because: []string{"The look-up is refused already, so nothing is written."},
			},
			lostAfter: ending{
				outcome: changed, words: "confirmed by Teramind's answer after a second try", writes: 2, renewed: true,
				because: []string{
					"Nobody can ask which password is in force, but setting the same one again does no harm:",
					"the program begins again, sends the write once more, and that answer settles it.",
				},
			},
		},
		{
			name: "REST endpoint, as in Keeper's sample script",
			about: []string{
				"One POST with a bearer token, described by url and password in the access record and nothing else.",
				"The endpoint's answer is the proof. Passwords are tried below by signing in at the vendor, which",
				"the program has not been told how to do.",
			},
			user: "jane.roe@example.com", old: `Old-pass"word\2 of $jane`, start: startREST, write: restsimulator.ChangePassword,
			rotation: ending{outcome: changed, words: "confirmed by REST endpoint's answer", writes: 1, renewed: true},
			wrongCredential: ending{
				outcome: notChanged, words: "[credential]", writes: 1,
				because: []string{"The write itself is refused with 401: that answer proves that nothing changed."},
			},
			lostAfter: ending{
				outcome: unknown, words: "there is no way to find out", writes: 1, renewed: true,
				because: []string{
					"The endpoint has changed the password, but the program cannot know: it has no way to sign in,",
					"and a repeat might do harm at an endpoint it knows nothing of. It says so instead of guessing.",
				},
			},
		},
		{
			name: "REST endpoint with a Verify URL",
			about: []string{
				"The same, with one more field in the access record: an address at which the program may sign in",
				"as the user. Now a login proves the outcome. Passwords are tried below by signing in, too.",
			},
			user: "jane.roe@example.com", old: `Old-pass"word\3 of $jane`, start: startRESTWithVerifyURL, write: restsimulator.ChangePassword,
			rotation: ending{outcome: changed, words: "proved by a login", writes: 1, renewed: true, login: "new"},
			wrongCredential: ending{
				outcome: notChanged, words: "[credential]", writes: 1,
				because: []string{"The write itself is refused with 401: that answer proves that nothing changed."},
			},
			lostAfter: ending{
				outcome: changed, words: "proved by a login after an unclear answer", writes: 1, renewed: true, login: "new",
				because: []string{"The write is not repeated. The program signs in with the new password, and that settles it."},
			},
			lostBefore: &ending{
				outcome: unknown, words: "the new password is rejected so far", writes: 1,
				because: []string{
					"To the program this looks like the run before, but the new password is rejected, at once and when",
					"the settling time is over. The endpoint may yet carry the change out, so the program does not",
					"claim to know. With the field Repeat it would send the write once more.",
				},
			},
		},
		{
			name: "Venafi Trust Protection Platform",
			about: []string{
				"The program gets a token, sets the password, signs in with it as the user, and revokes both",
				"tokens that it was given, whatever happens. The login is the proof.",
			},
			user: "jane.roe@example.com", old: `Old-pass"word\4 of $jane`, start: startVenafi, write: venafisimulator.SetPassword,
			rotation: ending{outcome: changed, words: "proved by a login", writes: 1, renewed: true, login: "new"},
			wrongCredential: ending{
				outcome: notChanged, words: "[credential]", writes: 0,
				because: []string{"There is no token to be had, so nothing is written."},
			},
			lostAfter: ending{
				outcome: changed, words: "proved by a login after an unclear answer", writes: 1, renewed: true, login: "new",
				because: []string{"The write is not repeated. The program signs in with the new password, and that settles it."},
			},
			lostBefore: &ending{
				outcome: changed, words: "proved by a login after a second try", writes: 2, renewed: true, login: "new",
				because: []string{
					"The new password is rejected. To set it once more does no harm: the old one is still accepted, so",
					"the program begins again, and the answer and a login settle it.",
				},
			},
		},
		{
			name: "SailPoint Identity Security Cloud",
			about: []string{
				"The password travels encrypted for the tenant's key, and is set some time after SailPoint has",
				"accepted the order. The program reads the order's status until it is final: that is the proof.",
				"Passwords are looked up below in the simulated vendor's state.",
			},
			user: "jane.roe@example.com", old: `Old-pass"word\5 of $jane`, start: startSailPoint, write: sailpointsimulator.SetPassword,
			rotation: ending{outcome: changed, words: "proved by SailPoint Identity Security Cloud's final status", writes: 1, renewed: true},
			wrongCredential: ending{
				outcome: notChanged, words: "[credential]", writes: 0,
				because: []string{"There is no token to be had, so nothing is written."},
			},
			lostAfter: ending{
				outcome: changed, words: "final status after a second try", writes: 2, renewed: true,
				because: []string{
					"The number of the order was in the answer that is lost, so there is no status to ask for. Two orders",
					"of one password end in that password: the program gives the order once more, and follows that one.",
				},
			},
		},
		{
			name: "One Identity Safeguard for Privileged Sessions (SPS)",
			about: []string{
				"Every change is a transaction that locks the appliance's configuration: the program opens one,",
				"stores the password, refers to it, commits, and gives the transaction back whatever happens.",
				"Then it signs in with the new password. The login is the proof.",
			},
			user: "jane.roe@example.com", old: `Old-pass"word\6 of $jane`, start: startSPS, write: spssimulator.Commit,
			rotation: ending{outcome: changed, words: "proved by a login", writes: 1, renewed: true, login: "new"},
			wrongCredential: ending{
				outcome: notChanged, words: "[credential]", writes: 0,
				because: []string{"The program cannot sign in, so no transaction is opened."},
			},
			lostAfter: ending{
				outcome: changed, words: "proved by a login after an unclear answer", writes: 1, renewed: true, login: "new",
				because: []string{"The commit is not repeated. The program signs in with the new password, and that settles it."},
			},
			lostBefore: &ending{
				outcome: changed, words: "proved by a login after a second try", writes: 2, renewed: true, login: "new",
				because: []string{
					"The transaction is rolled back and the new password rejected. The old one is still accepted, so the",
					"program begins again with a new transaction, and a login settles it.",
				},
			},
		},
	}
}

func wrongPassword(access map[string]any) { access["password"] = "Wrong-token/0001+invented" }

func startTeramind(user, old string) (*stand, error) {
	instance := teramindsimulator.New(teramindsimulator.Options{ExtraFields: true, MinimumLength: 8})
	instance.Add(teramindsimulator.Agent{ID: 4711, Email: user, FirstName: "Jane", LastName: "Roe", Password: old, Sessions: 1})
	server, err := simulator.Start(instance, simulator.Options{})
	if err != nil {
		return nil, err
	}
	return &stand{
		server:  server,
		access:  map[string]any{"url": server.URL() + "/tm-api", "password": teramindsimulator.Token},
		wrong:   wrongPassword,
		accepts: func(_ context.Context, password string) (bool, error) { return instance.Accepts(user, password), nil },
	}, nil
}

const restSignInPath = "/api/me"

func startREST(user, old string) (*stand, error) {
	service, err := restsimulator.New(restsimulator.Config{VerifyPath: restSignInPath, MinimumLength: 8})
	if err != nil {
		return nil, err
	}
	service.SetUser(user, old)
	server, err := simulator.Start(service, simulator.Options{})
	if err != nil {
		return nil, err
	}
	client := server.Client()
	return &stand{
		server: server,
		access: map[string]any{"url": server.URL() + "/api/password", "password": restsimulator.Token},
		wrong:  wrongPassword,
		accepts: func(ctx context.Context, password string) (bool, error) {
			return signInWithBasic(ctx, client, server.URL()+restSignInPath, user, password)
		},
	}, nil
}

func startRESTWithVerifyURL(user, old string) (*stand, error) {
	running, err := startREST(user, old)
	if err != nil {
		return nil, err
	}
	running.access["Verify URL"] = running.server.URL() + restSignInPath
	running.signIn = func(exchange simulator.Exchange) (string, bool) {
		_, password, ok := (&http.Request{Header: exchange.Header}).BasicAuth()
		return password, ok && exchange.Name == restsimulator.SignIn
	}
	return running, nil
}

// signInWithBasic signs in as the user: 200 lets in, 401 does not.
func signInWithBasic(ctx context.Context, client *http.Client, address, user, password string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, err
	}
	request.SetBasicAuth(user, password)
	response, err := client.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusUnauthorized:
		return false, nil
	}
	return false, fmt.Errorf("the sign-in was answered with %s", response.Status)
}

func startVenafi(user, old string) (*stand, error) {
	platform := venafisimulator.New(venafisimulator.Options{LockAfter: 4})
	platform.Add(venafisimulator.Identity{Name: user, GUID: "5ca1ab1e-0000-4000-8000-000000004711", Password: old})
	server, err := simulator.Start(platform, simulator.Options{})
	if err != nil {
		return nil, err
	}
	return &stand{
		server: server,
		access: map[string]any{
			"url": server.URL() + "/vedsdk", "login": venafisimulator.Caller, "password": venafisimulator.CallerPassword,
			"Client ID": venafisimulator.ClientID,
		},
		wrong:   wrongPassword,
		accepts: func(_ context.Context, password string) (bool, error) { return platform.Accepts(user, password), nil },
		signIn: func(exchange simulator.Exchange) (string, bool) {
			var body struct{ Username, Password string }
			if exchange.Name != venafisimulator.SignIn || json.Unmarshal(exchange.Body, &body) != nil {
				return "", false
			}
			return body.Password, strings.TrimPrefix(body.Username, "local:") == user
		},
		leftOpen: func() []string {
			var open []string
			for range platform.OpenGrants() {
				open = append(open, "a token that was not revoked")
			}
			return open
		},
	}, nil
}

func startSailPoint(user, old string) (*stand, error) {
	tenant := sailpointsimulator.New(sailpointsimulator.Options{Outcome: sailpointsimulator.FinishesAtOnce, EndsAtPoll: 1})
	account := `CN=Roe\, Jane,OU=Zürich,DC=example,DC=com`
	tenant.AddIdentity(sailpointsimulator.Identity{
		ID: "8a807d4c73c545510173c545f0a04711", UserName: user,
		Accounts: []sailpointsimulator.Account{{SourceName: sailpointsimulator.SourceName, ID: account, Name: user, Password: old}},
	})
	server, err := simulator.Start(tenant, simulator.Options{})
	if err != nil {
		return nil, err
	}
	return &stand{
		server: server,
		access: map[string]any{
			"Target": "sailpoint", "url": server.URL(), "login": sailpointsimulator.ClientID, "password": sailpointsimulator.ClientSecret,
			"Source Name": sailpointsimulator.SourceName,
		},
		wrong: wrongPassword,
		accepts: func(_ context.Context, password string) (bool, error) {
			return tenant.Accepts(sailpointsimulator.SourceName, account, password), nil
		},
	}, nil
}

func startSPS(user, old string) (*stand, error) {
	appliance := spssimulator.New(spssimulator.Options{LockOutAfter: 3})
	appliance.Add(spssimulator.User{Key: "4711", Name: user, Password: old, REST: true})
	server, err := simulator.Start(appliance, simulator.Options{})
	if err != nil {
		return nil, err
	}
	return &stand{
		server:  server,
		access:  map[string]any{"Target": "sps", "url": server.URL(), "login": spssimulator.AccessUser, "password": spssimulator.AccessPassword},
		wrong:   wrongPassword,
		accepts: func(_ context.Context, password string) (bool, error) { return appliance.Accepts(user, password), nil },
		signIn: func(exchange simulator.Exchange) (string, bool) {
			name, password, ok := (&http.Request{Header: exchange.Header}).BasicAuth()
			return password, ok && name == user && exchange.Name == spssimulator.SignIn
		},
		leftOpen: func() []string {
			var open []string
			for range appliance.OpenTransactions() {
				open = append(open, "a transaction that locks the configuration")
			}
			return open
		},
	}, nil
}
