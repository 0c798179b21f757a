// Package params turns what the Keeper Gateway pipes into a PAM script into
// typed values: the account to rotate, its new and old password, and the records
// that the Gateway sends along.
//
// Read takes the payload from stdin. It accepts every form that pipes, shells
// and editors are known to leave behind (see Read) and refuses everything that
// it would have to guess about. Params then answers which record is the PAM
// User's own (UserRecord) and which one holds the access to the target system
// (AccessRecord).
//
// NewSettings reads the fields that a target knows from those two records and
// from the command line. It keeps the trust rule of the program in one place:
// whoever may edit a PAM User record must not gain what the access record
// guards, so only a Field marked PerAccount is ever read from the user record.
//
//	payload, err := params.Read(os.Stdin, params.Options{Scrubber: scrubber})
//	access, err := payload.AccessRecord("")
//	user, _ := payload.UserRecord()
//	settings := params.NewSettings(fields, access, user, nil, scrubber)
//	address, token := settings.Text("url"), settings.Secret("password")
//	err = settings.Err() // every missing or malformed field at once
//
// No error, warning or Shape line of this package ever holds the value of a
// field or a part of the payload's text. What they do hold is safe to print:
// labels, JSON types, titles and UIDs of records, and character positions.
package params
