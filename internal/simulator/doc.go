// Package simulator serves stand-ins of password-keeping vendors over real HTTPS
// on 127.0.0.1, for tests and for demonstrations.
//
// A vendor package describes its [Route]s and keeps its own state; the kit does
// everything else: certificates from a throw-away [Authority], HTTP/1.1, a record
// of every [Exchange], a list of notes, and faults put in on purpose.
//
//	vendor := teramind.New(teramind.Options{})
//	server, err := simulator.Start(vendor, simulator.Options{})
//	if err != nil { … }
//	defer server.Close()
//	server.Inject(simulator.Fault{Exchange: "update agent", Occurrence: 1, Kind: simulator.KindNamed("drop after")})
//	// … send requests to server.URL(), trusting server.Authority().PEM() …
//	// … then look at server.Exchanges(), server.Notes(), server.Unfired() and the vendor's state …
//
// A stand-in answers what the vendor answers, to any client: the vendor's own scripts
// and modules work against it unchanged. It refuses what the product would refuse.
// What our own client must not send, a stray header field say, it notes with
// [Request.Note] and takes. A test of our own client ends with no note, no unfired
// fault, and no arrival at [Server.Decoy]. What a vendor's documents leave open is an
// option of the vendor's, or [Options.Strict] where frameworks differ.
//
// # Writing a vendor
//
// Give a type a Routes method and embed a [sync.Mutex] in it. The server uses
// that lock: it is held whenever [Route.Serve] runs, so Serve must not take it,
// while the type's own exported readers take it by themselves. A type without
// the methods Lock and Unlock is guarded by a lock of the server, within reach
// through [Server.Lock].
//
// # Faults
//
// [Kinds] lists what can go wrong and [Faults] crosses it with a vendor's routes,
// so that a suite covers every combination without a list of its own.
package simulator
