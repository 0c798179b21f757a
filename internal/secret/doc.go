// Package secret keeps passwords, tokens and field values out of everything
// that the program prints, by two lines of defence.
//
// The first is a type. A Value holds a secret text that no print verb, encoder
// or logger can show; each of them shows Mask instead. Code passes Values
// around and calls Reveal only where the text leaves for its destination.
//
// The second is a filter. A Scrubber knows every secret of one run, and the
// streams that people and machines read pass its Writer, which finds a secret
// even where somebody else has printed it: as it is, or escaped for JSON, a URL
// or HTML, in base64, in hexadecimal or in UTF-16, in the usual combinations of
// these, broken into lines, or with one blank for each run of white space. Text
// that a vendor wrote passes Scrubber.Text first, which is stricter.
//
//	scrubber := secret.NewScrubber("changed", "not-changed", "unknown")
//	password := scrubber.Seal(text)               // a Value, known from now on
//	log := zerolog.New(scrubber.Writer(os.Stderr, secret.JSON))
//	log.Info().Stringer("password", password).Send() // the first line: [secret]
//	log.Info().Str("echo", password.Reveal()).Send() // the second line: [secret]
//
// The filter decodes the text that it is given rather than encoding the secrets
// that it knows (reading.go, search.go). So it needs hardly more than one entry
// for each secret, and mixed forms, such as lower and upper case hexadecimal
// digits in one URL, need no thought.
package secret
