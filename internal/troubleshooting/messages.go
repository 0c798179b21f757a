package troubleshooting

// Message is a text that a result line or a log may hold, as far as it is the same
// every time.
type Message struct {
	Text string
	// Advice says what is behind it and what to do, in a line or two.
	Advice string
}

// MessageGroup is a list of messages of one kind.
type MessageGroup struct {
	Title    string
	Messages []Message
}

// Messages lists messages of this program's own; a vendor's words are the vendor's. That
// they are still what the program says, and that none of these kinds is left out, is tested
// against the sources.
func Messages() []MessageGroup {
	const wrapper = "The payload was altered on its way. In a wrapper script let the program itself have the pipe (`exec`); do not read, print or store the input first."
	return []MessageGroup{
		{"The payload", []Message{
			{"stdin is empty", "Nothing was piped in. If another command stands in front of the pipe, it failed: go by its own message. The Gateway pipes one line in; a wrapper script must not read it first."},
			{"it is a folder, or the pipe broke off", "Something between the Gateway and the program has redirected standard input, or ended it early."},
			{"standard input is a terminal", "The program was started by hand without a payload. Pipe one in, as in the guide's trial by hand."},
			{"no complete payload came in time", "The pipe stays open. Whatever pipes the payload in must close the pipe behind it."},
			{"interrupted before the payload was complete", "The program was told to stop before it had anything to do. Nothing was sent."},
			{"payload: larger than", "The payload is above 8 MiB. Link fewer and smaller records to the script."},
			{"not base64, the first wrong character is at position", wrapper},
			{"the base64 text is cut short", wrapper + " If it happens on the Gateway, the payload may be too long for its shell: link fewer records."},
			{"the base64 text does not hold JSON", wrapper},
			{"the JSON is cut short", wrapper},
			{"the text begins like JSON, but is not", "In a payload of your own: a comma or a quotation mark is missing or superfluous. On the Gateway: " + wrapper},
			{"there are two of them, one is needed", "The payload came twice. A wrapper passes it on and lets the program read it as well."},
			{"something follows the end of the JSON", "A wrapper or an editor has added something behind the payload."},
			{"the JSON is not UTF-8", "The payload was written in another encoding. Save it as UTF-8."},
			{"the JSON is", "The payload, or the list of records in it, is JSON of another type than the Gateway sends."},
			{"half of a surrogate pair", "A character was cut in two on its way. Write it as UTF-8."},
			{"the UTF-16 text has an odd number of bytes", "A PowerShell pipe has lost a byte. Use the wrapper scripts/pam-rotate-script.ps1, or set `$OutputEncoding` to UTF-8."},
			{"lists and objects are nested deeper than", "No record of Keeper's is like that. Run `inspect` and unlink what is strange."},
			{"there are more than", "The payload holds too many values. Link fewer records."},
			{"payload: newPassword is missing", "The payload has no password to set. On the Gateway: rotation is not set up on this record. By hand: add `newPassword`."},
			{"payload: user is missing", "The payload names no account. The PAM User record needs a login."},
			{"is there twice, with different content", "The PAM User's own record is linked to its script as well. Unlink it there."},
			{"a key is there more than once", "The payload was put together by hand or by a wrapper, and names a key twice."},
			{"a string is needed", "A key of the payload, or the uid or title of a record, is not a text. Run `inspect`."},
		}},
		{"The access record", []Message{
			{"no record is linked to the script", "Add the access record to the script as an additional credential, and share it with the Gateway's application."},
			{"no record matches", "What the flag or the field `Access Record` names is not among the linked records. The message lists those that are."},
			{"the payload has no records", "No record reached the script. A linked record that is not shared with the Gateway's application does not."},
			{"none has a known title, and more than one record is linked", "Give one the title `API Access Details`, or name it with `--access-record`."},
			{"records match", "Two linked records could be meant; the message lists them. Rename one, unlink one, or name one by its UID."},
			{"mean the same and differ in value", "Two fields of the record have labels that mean the same and differ in value. Delete one."},
			{"the access record says neither by its field Target nor by its url which vendor it belongs to", "Fill in `url`, and put the target's name into a field `Target`."},
			{"the access record's url shows that it belongs to venafi, and no field Target says so", "The address is that of a vendor's console, or the record's fields are a vendor's: put the target's name into a field `Target`. If it is an API of another kind, put `rest` there."},
			{"the access record has no field Target, and is not taken for rest, which does not know all of its fields", "`rest` is taken without being named only for a record like Keeper's sample. Put `rest`, or the right target, into a field `Target`, and correct labels that are misspelt."},
			{"the target is venafi, and the access record's url is that of teramind", "Correct the field `Target`, or the url: the credential would have gone to the wrong product."},
			{"the access record's url does not show which vendor it belongs to", "Put the target's name into a field `Target`, such as `sailpoint`."},
			{"the target that the flag or the field Target names is not known", "Compare the field `Target` with the names that the hint lists."},
			{"the target that the field Target names is not known", "Compare the field `Target` with the names that the hints list."},
			{"an https address is needed", "The address in `url` is not one, or begins with `http://`. Nothing is sent without TLS."},
			{"give it this label, or one that cannot be taken for it", "A field such as `Allowed Users` or `Verify` is absent, and another one has nearly its label. Nothing is sent, since it may be a slip that would let more happen than you want. Correct the label, or choose one that is not so near."},
			{"is not read: is its label misspelt?", "A warning. Nothing reads that field, and its label is nearly the one in front. Correct it if it is a slip."},
			{"is needed on the access record", "A field is missing or has the wrong form. The message names the label and what was found."},
			{"the access record does not allow to rotate this account", "The field `Allowed Users` leaves this account out. Add it there, if it belongs there; upper and lower case count."},
			{"the settings are in order, but url and credential are untried", "A `check`. This target has no call that tries address and credential without changing a password, so only a rotation shows whether they are right."},
			{"strict needs a proof, and there is none with these settings", "`Verify` is `strict`, and this target cannot prove a change as it is set up. Set `Verify` to `auto`, or set what the proof needs, such as `Verify URL`."},
			{"a recipe is not taken from the PAM User's own record", "Put the recipe into the access record, or attach it as a file."},
		}},
		{"Certificates and TLS", []Message{
			{"the server's certificate is signed by an unknown authority", "Put the authority's certificate (PEM) into the field `CA Certificate`. If it is a proxy that opens TLS, that proxy's authority."},
			{"the server's certificate is for another host", "Use the host name of the certificate in `url`. For an appliance with a certificate of its own making, `TLS Fingerprint` stands in for authority and name."},
			{"the server's certificate is expired or not yet valid", "Have it renewed. If it is valid, the clock of the Gateway's host is wrong."},
			{"the server's certificate is not valid for this use", "It is not a certificate for servers, or its authority may not sign for this host. Have a proper one made, or use `TLS Fingerprint`."},
			{"the server's certificate could not be verified", "Its chain cannot be followed. Put the missing authority into `CA Certificate`, or use `TLS Fingerprint`."},
			{"the server's certificate does not have the TLS fingerprint of the access record", "It was renewed, or somebody stands in between. Compare at the server itself before you change the field."},
			{"no TLS connection could be agreed on", "The port does not speak TLS 1.2 or later. Check the port in `url`."},
			{"the server refused the TLS connection", "The server asks for a client's certificate, or for a TLS version of its own. Client certificates are not supported."},
			{"needs PEM certificates", "The field `CA Certificate` needs the lines from BEGIN CERTIFICATE to END CERTIFICATE. A multiline field keeps them."},
			{"needs the SHA-256 of the server's certificate", "The field `TLS Fingerprint` takes 64 hexadecimal digits, colons between them or not, without the words that `openssl x509 -noout -fingerprint -sha256` prints in front. A SHA-1 fingerprint has 40 and is refused."},
			{"the server's certificate is not verified (Verify TLS is false)", "A warning. Anyone in between can read the credential. Use `CA Certificate` or `TLS Fingerprint` instead."},
		}},
		{"The network", []Message{
			{"the host name is unknown", "Check the host in `url` for a slip, and whether the Gateway's host can look it up."},
			{"the host name could not be looked up", "The name service did not answer. Check the resolver of the Gateway's host."},
			{"the host could not be reached", "There is no route, or a firewall drops the connection."},
			{"the connection was refused", "Nothing listens at that port, or a firewall refuses. Check host and port in `url`."},
			{"the connection was reset", "The server or something in between broke the connection off."},
			{"the connection was closed before the answer was complete", "The server or something in between ended the connection early. If the outcome is `unknown`, follow exit code 3."},
			{"an answer came before the request", "The server, or a proxy in front of it, sends more than it is asked for. Nothing that it says there is believed. Have whoever runs it look into it."},
			{"the connection failed", "It failed in a way that has no name here. Look at the server's log, at the same time."},
			{"the environment variable does not hold a proxy's address", "Nothing is sent, rather than past the proxy. Write it as `http://proxy.example.com:8080`. In a user name or password each of `% # / ? @ :` and blanks must be escaped, `%` as `%25`. An empty variable means no proxy."},
			{"the proxy refused the connection with", "Check `HTTPS_PROXY` and `NO_PROXY` in the Gateway's environment: the proxy may want a user and password, or not allow this host. The number is the proxy's status."},
			{"the proxy could not be reached", "Check `HTTPS_PROXY` and `NO_PROXY` in the Gateway's environment, and whether the proxy lets this host through."},
			{"no answer in time", "The vendor is slow or hangs. If it is slow by nature, raise `Timeout`."},
			{"a redirect, which is never followed", "The address in `url` leads on to another. Put the final address of the API into `url`."},
			{"given up", "The run was over before the call was."},
		}},
		{"The end of a run", []Message{
			{"the write's answer is missing or unclear, and there is no way to find out", "This target has no proof as it is set up. Follow exit code 3. A `Verify URL` for `rest`, or `Verify` back to `auto`, lets the next run find out."},
			{"the write's answer is missing or unclear, and no time was left to repeat it", "Follow exit code 3, and raise `Timeout`."},
			{"the write's answer is missing or unclear, and a repeat settled nothing", "The vendor failed twice. Wait until it works again, then rotate again."},
			{"the write's answer is missing or unclear, and the new password could not be tried", "The answer was lost and the sign-in that should settle it failed as well. Follow exit code 3."},
			{"the write's answer is missing or unclear; what it was to put in force was taken back, but the write may have come first", "The transaction could be dropped, which nearly always means that nothing has changed, and no sign-in could confirm it. Follow exit code 3."},
			{"the write's answer is missing or unclear, the new password is rejected, and the payload has no old one to try", "Follow exit code 3. The vault had no old password for this record."},
			{"the write's answer is missing or unclear, the new password is rejected, and no time was left to try the old one", "Follow exit code 3, and raise `Timeout`."},
			{"the write's answer is missing or unclear, the new password is rejected, and the old one is not accepted for certain", "Neither password is certain. Follow exit code 3, from step 3."},
			{"the write's answer is missing or unclear, the new password is rejected", "The old password could not settle it. Follow exit code 3, from step 3."},
			{"the new password is rejected so far, but the vendor may still be at work on the write", "Try the new password again in a few minutes."},
			{"the change was answered with success, but the new password was rejected afterwards", "The vendor says that it changed the password and does not let it in. It may check logins elsewhere: a directory, a RADIUS server, a replica."},
			{"the change was answered with success, but could not be proved, and Verify is strict", "It is likely in force. Sign in once to see, or set `Verify` to `auto`."},
			{"the program panicked after the write had left", "A defect of this program. Follow exit code 3, and please report it."},
			{"the new password is in force", "The password is changed, but what came with it was not saved to the vault. Mend the cause in the message and rotate again."},
			{"the new password could not be tried", "A warning if the outcome is `changed`: success rests on the vendor's answer. The message says what stood in the way of the sign-in."},
			{"no sign-in is left: more failing ones could lock the account out", "Two sign-ins as the rotated user have failed in this run, and no run tries a third."},
			{"no time is left for the write", "Finding the account took most of `Timeout`. Raise it."},
			{"interrupted before the write", "The program was told to stop in time. Nothing was changed."},
			{"interrupted", "The program was told to stop. If the outcome is `unknown`, the write had left already."},
			{"cleaning up failed", "A warning. A session, token or transaction may be left open at the vendor. It ends by itself, or the vendor's page says how to end it."},
			{"what this rotation returns cannot be saved: there is no vault", "This target makes a value that belongs in the vault. Give the program a KSM config."},
		}},
		{"The vault (only where a KSM config is given)", []Message{
			{"it is a one-time access token, a config is needed", "Exchange the token for a config first, and give the program that."},
			{"the file does not exist", "The path behind `--ksm-config` is wrong, on the Gateway's host or in its container."},
			{"the file may not be read by this user", "Make the config file readable by the Gateway's user, and by nobody else."},
			{"it is neither JSON nor base64", "The config was cut or altered. Copy it as a whole."},
			{"not among the application's records", "Share the record with the application of the config."},
			{"the record is shared with the application for reading only", "Give the application `Can Edit` on that record."},
			{"the record has no such field", "The notation names a field that is not there. Types and labels are compared exactly."},
			{"there is no value", "The field that the notation names is empty."},
			{"somebody else saved the record meanwhile, twice", "Something else keeps writing to the record. Rotate again."},
			{"it is not known whether it was saved", "Look into the record, and rotate again if the value is not there."},
			{"the certificate of Keeper's host is signed by an unknown authority", "A proxy that opens TLS stands between. Its authority must be among the system's."},
			{"Keeper's host name could not be looked up", "Check the config's `hostname` and the resolver of the Gateway's host."},
		}},
		{"The command line (exit code 64)", []Message{
			{"the argument is not a file that can be read", "`recipe lint` takes the path of a file. The recipes that come with the program are in `scripts/recipes`."},
			{"the argument is neither a verb nor a file that can be read", "A verb is misspelt, or the attached file cannot be read. Verbs: `pam-rotate-script --help`."},
			{"at most one file can be given", "The script command has a word too many. The Gateway appends the attached file by itself."},
			{"the file holds something other than comments, and is no usable recipe", "Behind a script command, attach a file of comments or a recipe, and nothing else."},
			{"the file cannot be read, or is longer than 64 KiB", "The attached file is not a recipe. Was the binary attached, and the script command set as well?"},
			{"there is no such flag", "A flag is misspelt: `pam-rotate-script --help` lists them."},
			{"does not take this value", "The flag is there, but not with this value."},
			{"needs a value", "The flag wants a word behind it."},
			{"takes one of", "The message lists what the flag takes."},
			{"--timeout takes whole seconds from 1 to 86400", "Write the number alone, without a unit."},
			{"--target and a recipe cannot be given together", "Two things would choose the target. Leave one out."},
			{"takes no more than", "There is a word too many behind the verb."},
			{"there is no such target", "The message lists the targets."},
			{"something is on standard input", "The verb is not for the Gateway: it rotates nothing, and its exit code 0 would be taken for a rotation. Attach `rotate`, `check` or `inspect`. By hand, add `< /dev/null`."},
			{"standard input stays open", "The verb waits for the end of its input, to be sure that the Gateway did not start it. By hand, add `< /dev/null`."},
			{"the payload holds secrets, and standard output is a terminal", "Pipe it on, into `pam-rotate-script check`."},
		}},
	}
}
