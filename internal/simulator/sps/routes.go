package sps

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"pam-rotate-script/internal/simulator"
)

// The names of the routes.
const (
	SignIn            = "sign in"
	SignOut           = "sign out"
	ListLoginMethods  = "list login methods"
	ReadOwnUser       = "read own user"
	OpenTransaction   = "open transaction"
	ReadTransaction   = "read transaction"
	ListChanges       = "list changes"
	Commit            = "commit"
	RollBack          = "roll back"
	CreatePassword    = "create password"
	ReadPassword      = "read password"
	ListUsers         = "list users"
	ReadUser          = "read user"
	UpdateUser        = "update user"
	ListGroups        = "list groups"
	ReadGroup         = "read group"
	ChangeOwnPassword = "change own password"
	ReadRootPassword  = "read root password"
	SetRootPassword   = "set root password"
)

// The paths.
const (
	authenticationPath simulator.Pattern = "/api/authentication"
	transactionPath    simulator.Pattern = "/api/transaction"
	changesPath        simulator.Pattern = "/api/transaction/changes"
	loginMethodsPath   simulator.Pattern = "/api/authentication/login_methods"
	ownUserPath        simulator.Pattern = "/api/user/info"
	ownPasswordPath    simulator.Pattern = "/api/user/password"
	passwordsPath      simulator.Pattern = "/api/configuration/passwords"
	passwordPath       simulator.Pattern = passwordsPath + "/{key}"
	usersPath          simulator.Pattern = "/api/configuration/aaa/local_database/users"
	userPath           simulator.Pattern = usersPath + "/{key}"
	groupsPath         simulator.Pattern = "/api/configuration/aaa/local_database/groups"
	groupPath          simulator.Pattern = groupsPath + "/{key}"
	rootPasswordPath   simulator.Pattern = "/api/configuration/management/root_password"
)

// Routes returns all the routes named above, [SignOut] only if the options ask
// for it.
func (a *Appliance) Routes() []simulator.Route {
	const anyone, administrator = false, true
	routes := []simulator.Route{
		{Name: SignIn, Method: "GET", Match: authenticationPath.Match, Login: true, Changes: true, Serve: a.signIn, CountFailure: a.countFailure},
		{Name: ListLoginMethods, Method: "GET", Match: loginMethodsPath.Match, Serve: a.listLoginMethods},
		{Name: ReadOwnUser, Method: "GET", Match: ownUserPath.Match, Serve: a.guard(anyone, a.ownInformation)},
		{Name: OpenTransaction, Method: "POST", Match: transactionPath.Match, Changes: true, Serve: a.demandLength(a.guard(anyone, a.openTransaction))},
		{Name: ReadTransaction, Method: "GET", Match: transactionPath.Match, Serve: a.guard(anyone, a.readTransaction)},
		{Name: ListChanges, Method: "GET", Match: changesPath.Match, Serve: a.guard(anyone, a.listChanges)},
		{Name: Commit, Method: "PUT", Match: transactionPath.Match, Write: true, Serve: a.guard(anyone, a.commit)},
		{Name: RollBack, Method: "DELETE", Match: transactionPath.Match, Changes: true, Serve: a.guard(anyone, a.rollBack)},
		{Name: CreatePassword, Method: "POST", Match: passwordsPath.Match, Changes: true, Serve: a.guard(anyone, a.inTransaction(a.createPassword))},
		{Name: ReadPassword, Method: "GET", Match: passwordPath.Match, Serve: a.guard(anyone, a.readPassword)},
		{Name: ListUsers, Method: "GET", Match: usersPath.Match, Serve: a.guard(administrator, a.listUsers)},
		{Name: ReadUser, Method: "GET", Match: userPath.Match, Serve: a.guard(administrator, a.readUser), WrongAccount: wrongAccount},
		{Name: UpdateUser, Method: "PUT", Match: userPath.Match, Changes: true, Serve: a.guard(administrator, a.inTransaction(a.updateUser))},
		{Name: ListGroups, Method: "GET", Match: groupsPath.Match, Serve: a.guard(administrator, a.listGroups)},
		{Name: ReadGroup, Method: "GET", Match: groupPath.Match, Serve: a.guard(administrator, a.readGroup)},
		{Name: ChangeOwnPassword, Method: "PUT", Match: ownPasswordPath.Match, Changes: true, Serve: a.guard(anyone, a.inTransaction(a.changeOwnPassword))},
		{Name: ReadRootPassword, Method: "GET", Match: rootPasswordPath.Match, Serve: a.guard(administrator, a.readRootPassword)},
		{Name: SetRootPassword, Method: "PUT", Match: rootPasswordPath.Match, Changes: true, Serve: a.guard(administrator, a.inTransaction(a.setRootPassword))},
	}
	if a.options.SignOut {
		routes = append(routes, simulator.Route{
			Name: SignOut, Method: "DELETE", Match: authenticationPath.Match, Changes: true, Serve: a.guard(anyone, a.signOut),
		})
	}
	for i, route := range routes {
		routes[i].Serve = func(r *simulator.Request) simulator.Answer {
			answer := route.Serve(r)
			if answer.Header == nil {
				answer.Header = make(http.Header)
			}
			answer.Header.Set("Allow", allowed(routes, r.EscapedPath))
			return answer
		}
	}
	return routes
}

// allowed lists the methods that a path knows.
func allowed(routes []simulator.Route, path string) string {
	var methods []string
	for _, route := range routes {
		if route.Match(path) {
			methods = append(methods, route.Method)
		}
	}
	return strings.Join(methods, ", ")
}

// handler answers the request of a session.
type handler func(*simulator.Request, *session) simulator.Answer

// guard does what every call but the sign-in has in common: it looks at header
// fields and query, finds the session and judges the user's rights.
func (a *Appliance) guard(administrator bool, serve handler) func(*simulator.Request) simulator.Answer {
	return func(r *simulator.Request) simulator.Answer {
		expected := []string{"Cookie"}
		// POST opens a transaction without a body.
		carriesBody := r.Name != OpenTransaction && (r.Method == "PUT" || r.Method == "POST")
		if carriesBody {
			expected = append(expected, "Content-Type")
		}
		browser := strings.Contains(r.Header.Get("User-Agent"), "Mozilla")
		if browser {
			r.Note("header User-Agent looks like a browser's")
		}
		tokenNeeded := browser && a.options.BrowsersNeedToken && r.Method != "GET"
		if tokenNeeded {
			expected = append(expected, "X-Token")
		}
		r.OnlyHeaders(expected...)
		r.NoQuery()
		if !carriesBody {
			r.NoBody()
		}
		session, refusal := a.session(r)
		switch {
		case session == nil:
			return refusal
		case tokenNeeded && r.Header.Get("X-Token") != session.token:
			return a.refuse(r, 403, "Forbidden", "the token is missing or wrong")
		case !session.rest:
			return a.refuse(r, 403, "AccessDenied", "the user may not use the REST API")
		case administrator && !session.administrator:
			return a.refuse(r, 403, "AccessDenied", "the user may not access this part of the configuration")
		}
		return serve(r, session)
	}
}

// refuse returns an error in the shape of SPS.
func (a *Appliance) refuse(r *simulator.Request, status int, kind, message string) simulator.Answer {
	var details any = map[string]any{"resource": r.EscapedPath}
	if a.options.DetailsAsText {
		details = r.EscapedPath
	}
	return simulator.JSON(status, map[string]any{
		"error": map[string]any{"type": kind, "message": message, "details": details},
		"meta":  map[string]any{"href": r.EscapedPath},
	})
}

// malformed refuses a body that SPS cannot make sense of.
func (a *Appliance) malformed(r *simulator.Request) simulator.Answer {
	return a.refuse(r, 400, "InvalidQuery", "the body is malformed")
}

func (a *Appliance) notFound(r *simulator.Request) simulator.Answer {
	return a.refuse(r, 404, "NotFound", "the requested object does not exist")
}

// ErrorAnswer returns an error in the shape of SPS. Its type is the documented
// one for 400, 401 (that of a missing session), 404 and 405, else the standard
// text of the status.
func (a *Appliance) ErrorAnswer(status int, text string) simulator.Answer {
	kind, known := map[int]string{400: "InvalidQuery", 401: "Unauthenticated", 404: "NotFound", 405: "MethodNotAllowed"}[status]
	if !known {
		kind = strings.ReplaceAll(http.StatusText(status), " ", "")
	}
	return simulator.JSON(status, map[string]any{"error": map[string]any{"type": kind, "message": text}})
}

// written answers a PUT that succeeded.
func (a *Appliance) written(r *simulator.Request) simulator.Answer {
	status := a.options.WriteStatus
	if status == 0 {
		status = 200
	}
	return simulator.JSON(status, map[string]any{"meta": meta(r.EscapedPath)})
}

// object answers with one object of the configuration.
func object(r *simulator.Request, key string, body any) simulator.Answer {
	return simulator.JSON(200, map[string]any{"key": key, "body": body, "meta": meta(r.EscapedPath)})
}

// list answers with the keys of a list's objects.
func list(path simulator.Pattern, keys []string) simulator.Answer {
	items := []any{}
	for _, key := range keys {
		items = append(items, map[string]any{"key": key, "meta": map[string]any{"href": member(path, key)}})
	}
	meta := meta(string(path))
	if len(keys) > 0 {
		meta["first"], meta["last"] = member(path, keys[0]), member(path, keys[len(keys)-1])
	}
	meta["next"], meta["previous"] = nil, nil
	return simulator.JSON(200, map[string]any{"items": items, "meta": meta})
}

func meta(path string) map[string]any {
	return map[string]any{
		"href":        path,
		"parent":      path[:strings.LastIndexByte(path, '/')],
		"transaction": string(transactionPath),
	}
}

// member returns the path of a list's object.
func member(path simulator.Pattern, key string) string {
	return string(path) + "/" + strings.ReplaceAll(url.QueryEscape(key), "+", "%20")
}

func wrongAccount(answer simulator.Answer) simulator.Answer {
	return simulator.RewriteJSON(answer, func(object map[string]any) {
		object["key"] = "14322374245a7de542bbbff"
		if body, ok := object["body"].(map[string]any); ok {
			body["name"] = "somebody.else"
		}
	})
}

// accepted reports whether SPS takes a password with these characters, of this
// length.
func accepted(password string) bool {
	const marks = " !\"#$%&'()*+,-./:;<=>?@[]\\^`{}_|"
	foreign := func(character rune) bool {
		return !('a' <= character && character <= 'z' || 'A' <= character && character <= 'Z' ||
			'0' <= character && character <= '9' || strings.ContainsRune(marks, character))
	}
	return password != "" && len(password) <= 150 && !slices.ContainsFunc([]rune(password), foreign)
}
