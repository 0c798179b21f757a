// Package vault reads records from a Keeper vault, and saves values to them,
// through Keeper Secrets Manager (KSM). It is the only package that touches
// Keeper's SDK, and it is not needed as long as the Gateway's payload holds all
// that a rotation needs: nothing here opens a file, reads the environment or
// sends a request before Open is called.
//
//	keeper, err := vault.Open(ctx, vault.Options{ConfigFile: path, Getenv: os.Getenv, Scrubber: scrubber})
//	defer keeper.Close()
//	record, err := keeper.Record(ctx, "API Access Details") // a JSON object, as the payload's records are
//	token, err := keeper.Notation(ctx, "keeper://API Access Details/custom_field/token")
//	err = keeper.Save(ctx, userUID, vault.Field{Label: "api_token", Value: minted})
//
// The SDK (core v1.6.4) has habits that a program which guards secrets cannot
// live with, so each call of it runs inside Vault.use, which is the place to
// start reading:
//
//   - It logs to stdout, parts of keys and of the server's answers among it. Its
//     logger is silenced before anything else is called.
//   - It has no context, no time limit and no bound on how often it repeats a
//     request. All it sends goes through wire, which has them.
//   - Environment variables can switch its TLS checks off or send it elsewhere.
//     They are taken away while it runs.
//   - It panics on some answers, and returns nil on some faults. Both become an
//     *Error.
//   - Its file storage overwrites a config that it cannot parse. The config is
//     read and checked here, and handed over in memory.
//   - It decodes numbers as floating point. Records are read from, and saved to,
//     their JSON text.
//
// What it makes of an answer is never shown: an Error has the words of this
// package, the HTTP status, and a result code if that is one of a known list.
package vault
