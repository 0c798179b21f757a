package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/simulator"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pam-rotate-script": main, "peak-memory": peakMemory})
}

// TestScripts runs every file of testdata/script against the real program, as a
// process of its own. $RECIPES is the folder testdata/recipes. Besides testscript's own
// commands there are:
//
//	simulate BENCH            starts a simulated vendor; $HOST is its address
//	payload FILE [KEY=VALUE]  writes the Gateway's payload for it; KEY is user, old, new,
//	                          access.LABEL or user.LABEL, and an empty VALUE takes a field away;
//	                          VALUE may use \n, or be @ and the name of a file
//	fault KIND EXCHANGE [N]   plans a fault at the Nth exchange of that name, 0 for every one
//	accepts / refuses TEXT    asks the vendor's state about a password: old, new or the text
//	arrived N [EXCHANGE]      counts the exchanges so far, all of them or those of a name
//	path N TEXT               compares the Nth exchange's path, byte for byte
//	encode FILE OUT [FORM]    turns a JSON file into another form of payload
//	server PRODUCT KIND       starts a real server, see realserver.StartTLS; $SERVER is its port,
//	                          $FINGERPRINT that of the certificate leaf, and certificates/ has
//	                          what realserver.Certificates writes
//	middlebox WAY             puts one of hostile.Middleboxes in front of the real server
//	proxy PRODUCT [login]     starts a real proxy, see realserver.StartProxy; $PROXY is its host and port
//	reached N                 counts the requests that have come to a server of Node's
//
// The condition [real:PROGRAM] holds if the program is installed; see realserver.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Values["bench"], env.Values["server"] = &running{}, &reachable{}
			recipes, err := filepath.Abs("../../testdata/recipes")
			if err != nil {
				return err
			}
			env.Setenv("RECIPES", recipes)
			// Only what the program documents may steer it.
			env.Setenv("HTTPS_PROXY", "")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"simulate": simulate, "payload": payload, "fault": fault, "accepts": accepts, "refuses": refuses,
			"arrived": arrived, "path": path, "encode": encode,
			"server": server, "proxy": proxy, "reached": reached, "middlebox": middlebox,
		},
		Condition: isInstalled,
	})
}

// running is the simulated vendor of one script.
type running struct {
	bench conformance.Bench
	stand *conformance.Stand
}

func current(ts *testscript.TestScript) *running {
	r := ts.Value("bench").(*running)
	if r.stand == nil {
		ts.Fatalf("there is no simulated vendor yet")
	}
	return r
}

func plainCommand(ts *testscript.TestScript, negated bool, arguments []string, least int) {
	if negated || len(arguments) < least {
		ts.Fatalf("this command is not used like that")
	}
}

func simulate(ts *testscript.TestScript, negated bool, arguments []string) {
	plainCommand(ts, negated, arguments, 1)
	name := strings.Join(arguments, " ")
	for _, bench := range conformance.Benches() {
		if bench.Name != name {
			continue
		}
		stand, err := bench.Start(bench.User, conformance.Old)
		ts.Check(err)
		ts.Defer(func() {
			stand.Close()
			for _, server := range stand.Servers {
				if notes := server.Notes(); len(notes) > 0 {
					panic(fmt.Sprintf("noted at the vendor: %v", notes))
				}
			}
		})
		*ts.Value("bench").(*running) = running{bench, stand}
		ts.Setenv("HOST", stand.Servers[0].Host())
		return
	}
	ts.Fatalf("there is no bench %q", name)
}

func payload(ts *testscript.TestScript, negated bool, arguments []string) {
	plainCommand(ts, negated, arguments, 1)
	r := current(ts)
	run := conformance.Run{User: r.bench.User, Old: conformance.Old, New: conformance.New, Access: map[string]any{}, UserFields: map[string]any{}}
	for _, argument := range arguments[1:] {
		key, text, ok := strings.Cut(argument, "=")
		if !ok {
			ts.Fatalf("%s is no KEY=VALUE", argument)
		}
		var value any = strings.ReplaceAll(text, `\n`, "\n")
		switch name, isFile := strings.CutPrefix(text, "@"); {
		case isFile:
			value = ts.ReadFile(name)
		case text == "":
			value = nil
		}
		switch label, isAccess := strings.CutPrefix(key, "access."); {
		case isAccess:
			run.Access[label] = value
		case strings.HasPrefix(key, "user."):
			run.UserFields[strings.TrimPrefix(key, "user.")] = value
		case key == "user":
			run.User = strings.ReplaceAll(text, `\n`, "\n")
		case key == "old":
			run.Old = text
		case key == "new":
			run.New = text
		default:
			ts.Fatalf("there is no key %s", key)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(arguments[0]), []byte(run.Payload(r.stand)), 0o600))
}

func fault(ts *testscript.TestScript, negated bool, arguments []string) {
	plainCommand(ts, negated, arguments, 2)
	planned := simulator.Fault{Kind: simulator.KindNamed(arguments[0]), Exchange: arguments[1], Occurrence: 1}
	if len(arguments) > 2 {
		_, err := fmt.Sscan(arguments[2], &planned.Occurrence)
		ts.Check(err)
	}
	current(ts).stand.Servers[0].Inject(planned)
}

func meant(text string) string {
	switch text {
	case "old":
		return conformance.Old
	case "new":
		return conformance.New
	}
	return text
}

func accepts(ts *testscript.TestScript, negated bool, arguments []string) {
	plainCommand(ts, negated, arguments, 1)
	if !current(ts).stand.Accepts(meant(arguments[0])) {
		ts.Fatalf("the vendor does not accept it")
	}
}

func refuses(ts *testscript.TestScript, negated bool, arguments []string) {
	plainCommand(ts, negated, arguments, 1)
	if current(ts).stand.Accepts(meant(arguments[0])) {
		ts.Fatalf("the vendor accepts it")
	}
}

func arrived(ts *testscript.TestScript, negated bool, arguments []string) {
	plainCommand(ts, negated, arguments, 1)
	count := 0
	for _, exchange := range current(ts).stand.Exchanges() {
		if len(arguments) == 1 || exchange.Name == arguments[1] {
			count++
		}
	}
	if fmt.Sprint(count) != arguments[0] {
		ts.Fatalf("%d exchanges have arrived", count)
	}
}

func path(ts *testscript.TestScript, negated bool, arguments []string) {
	plainCommand(ts, negated, arguments, 2)
	for _, exchange := range current(ts).stand.Exchanges() {
		if fmt.Sprint(exchange.Number) == arguments[0] {
			if exchange.RequestURI != arguments[1] {
				ts.Fatalf("the path was %s", exchange.RequestURI)
			}
			return
		}
	}
	ts.Fatalf("there was no exchange %s", arguments[0])
}

// encode writes the forms in which a payload may come.
func encode(ts *testscript.TestScript, negated bool, arguments []string) {
	plainCommand(ts, negated, arguments, 3)
	text := strings.TrimSpace(ts.ReadFile(arguments[0]))
	if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
		text = string(decoded)
	}
	if !json.Valid([]byte(text)) {
		ts.Fatalf("%s is neither JSON nor base64 of it", arguments[0])
	}
	standard := base64.StdEncoding.EncodeToString([]byte(text))
	wide := func(text string, mark bool, big bool) string {
		var out []byte
		add := func(low, high byte) {
			if big {
				low, high = high, low
			}
			out = append(out, low, high)
		}
		if mark {
			add(0xff, 0xfe)
		}
		for i := range len(text) {
			add(text[i], 0)
		}
		return string(out)
	}
	forms := map[string]func() string{
		"base64":      func() string { return standard },
		"crlf":        func() string { return standard + "\r\n" },
		"mark":        func() string { return "\ufeff" + standard + "\n" },
		"quoted":      func() string { return ` "` + standard + "\" \n" },
		"url":         func() string { return base64.RawURLEncoding.EncodeToString([]byte(text)) + "\n" },
		"utf16":       func() string { return wide(standard+"\r\n", true, false) },
		"utf16-plain": func() string { return wide(standard+"\r\n", false, false) },
		"utf16-big":   func() string { return wide(standard, true, true) },
		"wide-base64": func() string { return base64.StdEncoding.EncodeToString([]byte(wide(text, false, false))) + "\r\n" },
		"wide-marked": func() string { return base64.StdEncoding.EncodeToString([]byte(wide(text, true, false))) + "\n" },
		"wide-big":    func() string { return base64.StdEncoding.EncodeToString([]byte(wide(text, true, true))) + "\n" },
		"wide-twice":  func() string { return base64.StdEncoding.EncodeToString([]byte(wide(text+text, false, false))) + "\n" },
		"json":        func() string { return text + "\n" },
		"twice":       func() string { return standard + "\n" + standard + "\n" },
		"rubbish":     func() string { return text + " rubbish" },
		"large":       func() string { return text + strings.Repeat(" ", 8<<20-len(text)) },
		"too-large":   func() string { return text + strings.Repeat(" ", 8<<20-len(text)+1) },
		"wrapped": func() string {
			var lines strings.Builder
			for len(standard) > 76 {
				lines.WriteString(standard[:76] + "\n")
				standard = standard[76:]
			}
			return lines.String() + standard + "\n"
		},
	}
	form, ok := forms[arguments[2]]
	if !ok {
		ts.Fatalf("there is no form %s", arguments[2])
	}
	ts.Check(os.WriteFile(ts.MkAbs(arguments[1]), []byte(form()), 0o600))
}
