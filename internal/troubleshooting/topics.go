package troubleshooting

import (
	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/rotation"
)

// topic is a word or number that a run ends with, what it means and what to do about
// it. Both the verb explain and docs/troubleshooting.md are made from these, so that a
// reader with a log and no network, and one with a browser, are told the same.
//
// The texts may hold Markdown's `code`, which explain prints without the marks.
type topic struct {
	// Name is the word, such as "credential", and Code the exit code that stands for
	// the same; "" for none.
	Name, Code string
	// Kind is the first word of the heading, where it is neither that of a code nor of a class.
	Kind string
	// Meaning is one line.
	Meaning string
	// Causes are the usual ones, the likeliest first.
	Causes []string
	// Next are the steps, in the order to take them.
	Next []string
}

// outcomes are the exit codes.
func outcomes() []topic {
	return []topic{
		{
			Name: string(rotation.Changed), Code: "0", Meaning: "the new password is in force, also if it was before",
			Next: []string{"Read the warnings, if there are any. They tell of a password that will not last, or of a success that rests on the vendor's answer alone."},
		},
		{
			Name: string(rotation.NotChanged), Code: "1", Meaning: "this run certainly changed nothing",
			Causes: []string{"The class in brackets at the end of the result line says whose move it is: look it up next."},
			Next: []string{
				"Read the result line and the hints in the Gateway's log.",
				"Mend the cause and rotate again.",
				"Until then compare the vault's record with the vendor. The vendor has the password that it had before this run. What the vault's record shows after a failed script is not documented.",
				"A `not-changed` speaks of its own run alone. It does not settle an earlier `unknown`.",
			},
		},
		{
			Name: string(rotation.Unknown), Code: "3", Meaning: "the change may or may not have taken effect",
			Causes: []string{
				"The answer to the write was lost or unclear, and there was no way to find out, or what was found out contradicts itself.",
				"Two passwords are in question: the new one of that run and the old one. It is not documented which of them the vault's record shows after a failed script. Look at the record and at its history, and treat both as possibly right.",
			},
			Next: []string{
				"Read the result line and the hints in the Gateway's log. They say what was missing.",
				"If the class is `network`, `timeout` or `target`, wait a few minutes. A change that is still on its way may arrive late.",
				"Ask which password is in force, with the verb `verify`. It signs in once or twice as the rotated user and changes nothing: with a KSM config `verify --record UID`, else `verify --from FILE` with both passwords. It exits with 0 for the new one, 1 for the old one, 3 if neither can be told.",
				"Where it says that there is no sign-in to try, sign in by hand, once with the new password, then once with the old one: failed logins may lock the account. **Not at Teramind:** there this login uses the password up. Go to step 6.",
				"Make sure that the vault's record holds the one that is in force; `reconcile --record UID` sets the account to what the vault holds.",
				"Mend the cause, then rotate again. Setting a password once more does no harm beyond what every rotation does, and success settles the matter; a later `not-changed` does not, since it speaks of its own run alone. Where the vendor wants the old password as well (`rest` with `Old Password Field`, for one), the vault must hold the one in force first: steps 3 to 5.",
				"If neither password works, set one at the vendor as an administrator, put it into the PAM User record, and rotate again.",
			},
		},
		{
			Name: "usage", Code: "64", Meaning: "the command line is wrong; nothing was sent",
			Causes: []string{
				"A flag, the script command, or the verb is misspelt.",
				"The attached file holds something other than comments, and is no recipe.",
			},
			Next: []string{"Correct the flags, the script command or the attached file. `pam-rotate-script --help` lists verbs and flags."},
		},
		{
			Name: "not started", Code: "126", Meaning: "the shell found the program and may not start it; nothing was sent",
			Causes: []string{"The file is not executable for the Gateway's user, or lies on a mount with `noexec`, or is built for another platform."},
			Next:   []string{"Check mode, owner and mount of the file, and run `pam-rotate-script version` as the Gateway's user."},
		},
		{
			Name: "not found", Code: "127", Meaning: "the shell did not find the program; nothing was sent",
			Causes: []string{
				"The path in the attached script or in the script command is wrong, or the program is missing in the Gateway's container.",
				"The attached script was saved with Windows line ends: the shell speaks of a `required file`, of `bad interpreter`, or of a file that is there.",
			},
			Next: []string{"Check the path on the Gateway's own host, or inside its container, and take Windows line ends out: `sed -i 's/\\r$//' FILE`."},
		},
		{
			Name: "killed", Code: "any other", Meaning: "the program was killed or crashed",
			Next: []string{"Treat it as `unknown`, exit code 3. If it was not killed on purpose, please report it."},
		},
	}
}

// classes are the classes of failures, each of which ends a result line in brackets.
func classes() []topic {
	return []topic{
		{
			Name: string(api.ClassInput), Meaning: "the payload, a record or a flag",
			Causes: []string{
				"The access record is not shared with the Gateway's application, or not linked to the script.",
				"Two records could both be the access record.",
				"A field is missing, misspelt, or has a value of the wrong form.",
				"The payload does not arrive whole: a wrapper script that alters its input.",
				"A KSM config or a Keeper notation is unusable.",
			},
			Next: []string{
				"The result line names every faulty field at once, with what was found in its place. Correct them all.",
				"Attach `inspect`: it prints the payload's records and labels without any value, and which access record and target would be chosen.",
				"`pam-rotate-script targets NAME` lists a target's fields.",
			},
		},
		{
			Name: string(api.ClassCredential), Meaning: "the access record's login was refused",
			Causes: []string{
				"The token or password in the access record is wrong, has expired, or was deleted at the vendor.",
				"The access account is locked, or is itself rotated by somebody else.",
				"The login or client ID is not spelt as the vendor spells it.",
			},
			Next: []string{
				"Sign in at the vendor with the access record's login, or make a new token, and put it into the record.",
				"Run `check`: it signs in and finds the account without changing anything.",
				"Do not rotate again and again before that: failing logins may lock the access account.",
			},
		},
		{
			Name: string(api.ClassPermission), Meaning: "signed in, but not allowed",
			Causes: []string{
				"The access account lacks a right that the vendor's page in docs/targets names.",
				"The access record's `Allowed Users` does not list this account. Nothing was sent then.",
				"A scope was asked for that the API client does not have.",
				"The vault record may be read, but not edited, by the KSM application.",
			},
			Next: []string{
				"Give the access account the right that the hint names, and no more than the vendor's page asks for.",
				"If it is `Allowed Users`: add the account there, if it belongs there. Upper and lower case count.",
			},
		},
		{
			Name: string(api.ClassAccount), Meaning: "the account was not found, or cannot be changed there",
			Causes: []string{
				"The PAM User's login is not the name that the vendor knows.",
				"Several accounts match, or the account belongs to a directory, or is a group.",
				"The address leads to another tenant or instance, or its path is wrong: a 404 looks the same.",
			},
			Next: []string{
				"Compare the PAM User's login with the name at the vendor, letter by letter.",
				"Where the vendor's page has a field per account, such as `Target Email`, `User Name` or `User Key`, set it on the PAM User record.",
				"Check the access record's `url`.",
			},
		},
		{
			Name: string(api.ClassPolicy), Meaning: "the password was refused",
			Causes: []string{
				"The vendor's password rules want more or other characters, or another length.",
				"The password was used before, and the vendor keeps a history.",
				"The vendor answers 400 or 422 to something else in the request, and does not say to what.",
			},
			Next: []string{
				"Match the password complexity in the PAM User's rotation settings to the vendor's rules.",
				"Rotate again: the Gateway makes another password.",
				"If a rotation with generous settings is refused too, read the vendor's own words in the result line.",
			},
		},
		{
			Name: string(api.ClassConflict), Meaning: "locked or changed by somebody else",
			Causes: []string{
				"Somebody is editing the appliance's configuration, or left a transaction open.",
				"Two rotations of the same account, or of one appliance, ran at once.",
			},
			Next: []string{
				"Wait, and rotate again. Schedule rotations at one appliance at different times.",
				"If it persists, find out at the vendor who holds the lock.",
			},
		},
		{
			Name: string(api.ClassTarget), Meaning: "the vendor failed, or answered what it does not document",
			Causes: []string{
				"The vendor has an outage or is overloaded: 429, 500, 502, 503.",
				"Something in between answers in its place: a proxy, a login page, a maintenance page.",
				"The version of the vendor's API is another one.",
			},
			Next: []string{
				"Look at the vendor's status page and at its own log. The request id in the result line, if there is one, is the vendor's name for the call.",
				"Check that `url` leads to the API and not to the web pages.",
				"Run `check` with `Log Level` = `debug`: it shows the status and time of each call.",
			},
		},
		{
			Name: string(api.ClassNetwork), Meaning: "the vendor could not be reached, or the connection broke",
			Causes: []string{
				"The host name in `url` is misspelt or not known to the Gateway's host.",
				"A firewall or a proxy stands between, or the port is wrong.",
				"The connection broke while the answer was on its way.",
			},
			Next: []string{
				"Try the address from the Gateway's host, or from inside its container: `curl -sS -o /dev/null https://HOST/`.",
				"Attach `inspect`: it tells which of `HTTPS_PROXY` and `NO_PROXY` reach the program.",
				"If the outcome is `unknown`, the connection broke after the write had left: follow exit code 3.",
			},
		},
		{
			Name: string(api.ClassTLS), Meaning: "the server's certificate was not accepted, or no TLS connection could be made",
			Causes: []string{
				"The certificate is signed by an authority of your own that the Gateway's host does not know.",
				"The certificate is for another host name, has expired, or was renewed while its fingerprint is in the record.",
				"A proxy that opens TLS stands between.",
			},
			Next: []string{
				"Put the authority's certificate as PEM text into the access record's field `CA Certificate`.",
				"Or put the SHA-256 of the server's own certificate into `TLS Fingerprint`.",
				"Do not set `Verify TLS` to `false` but for a test: it lets anyone in between read the credential.",
			},
		},
		{
			Name: string(api.ClassTimeout), Meaning: "too slow, or told to stop",
			Causes: []string{
				"The vendor did not answer within the time of a call, or of the whole run.",
				"The Gateway, or somebody, stopped the program.",
				"Whatever pipes the payload in does not close the pipe.",
			},
			Next: []string{
				"If the outcome is `unknown`, follow exit code 3: the vendor may still be at work.",
				"Set `Timeout` on the access record to more seconds, if the vendor is slow by nature.",
				"Run `check` with `Log Level` = `debug`: it shows how long each call takes.",
			},
		},
		{
			Name: string(api.ClassInternal), Meaning: "a defect of this program",
			Causes: []string{"The program met what it was not written for, and ended in a controlled way."},
			Next: []string{
				"Go by the exit code: 1 is certain, 3 is unknown.",
				"Please report the result line, the version and the vendor's version. None of what is printed is secret.",
			},
		},
	}
}

// states are what check, verify and reconcile say of an account, and kinds those of a line of the
// log in which nothing else was found. Only the verb explain tells them.
func states() []topic {
	const state, line = "State", "Line"
	return []topic{
		{Kind: state, Name: "ready", Meaning: "check: a rotation could go ahead, and nothing was changed", Next: []string{"Rotate. `check` exits with 1 all the same, unless `--exit-zero` is given: the Gateway would take 0 for a changed password."}},
		{Kind: state, Name: "not-ready", Meaning: "check: a rotation would fail, and nothing was changed", Next: []string{"Go by the class in brackets and by the hints."}},
		{Kind: state, Name: "in force", Meaning: "verify: which password the vendor accepts: new, old, neither, or unknown where it cannot be told", Next: []string{"With `old` or `neither`, make the vault and the vendor agree: `reconcile --record UID`, or rotate again."}},
		{Kind: state, Name: "in-force", Meaning: "verify, reconcile: the vault's password is in force", Next: []string{"Nothing."}},
		{Kind: state, Name: "drifted", Meaning: "verify: the account has another password than the vault's record", Next: []string{"`reconcile --record UID` sets the account to what the vault holds."}},
		{Kind: state, Name: "not-set", Meaning: "reconcile: the account could not be set to the vault's password, and was not changed", Next: []string{"Go by the message behind it."}},
		{Kind: state, Name: "not-tried", Meaning: "verify, check, reconcile: nothing was sent for this account", Next: []string{"Mend what the message says, then begin again."}},
		{Kind: line, Name: "hint", Meaning: "a hint says what to do about the failure in the line before it", Next: []string{"Do what it says. Where there are several, the likeliest stands first."}},
		{Kind: line, Name: "warn", Meaning: "a warning: the run goes on, and its outcome is what the result line says", Next: []string{"Read it: it tells what rests on less than it could, or what was ignored."}},
		{Kind: line, Name: "info", Meaning: "for information alone", Next: []string{"Nothing. The result line says how the run ended."}},
		{Kind: line, Name: "debug", Meaning: "for information alone: a step of the run, told since the log level is debug", Next: []string{"Nothing. The result line says how the run ended."}},
		{Kind: line, Name: "target", Meaning: "this was said at a target, whose name stands in front", Next: []string{"Give `explain` the whole result line: its class, in brackets at the end, says whose move it is.", "The vendor's page in docs/targets says more about the vendor's answers."}},
	}
}
