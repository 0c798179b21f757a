package simulator

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// undo decodes what a kind has made of a body.
var undo = map[string]func(io.Reader) (io.Reader, error){
	"byte order mark after": func(r io.Reader) (io.Reader, error) {
		text, err := io.ReadAll(r)
		if !bytes.HasPrefix(text, byteOrderMark) {
			return nil, io.ErrUnexpectedEOF
		}
		return bytes.NewReader(bytes.TrimPrefix(text, byteOrderMark)), err
	},
	"gzip after":        func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	"deflate after":     func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) },
	"raw deflate after": func(r io.Reader) (io.Reader, error) { return flate.NewReader(r), nil },
}

// wantMore is what a client sees of the first write, to which the vendor's own answer is
// {"changes":1,"user":"jdoe"}.
var wantMore = map[string]struct {
	status      int // 0 for no answer
	body        string
	contentType string
	encoding    string
	// changes are those that the vendor has made when the client has its answer, and
	// then after so much time: one more.
	changes int
	later   time.Duration
}{
	"byte order mark after":     {status: 200, body: `{"changes":1,"user":"jdoe"}`, contentType: "application/json", changes: 1},
	"gzip after":                {status: 200, body: `{"changes":1,"user":"jdoe"}`, contentType: "application/json", encoding: "gzip", changes: 1},
	"deflate after":             {status: 200, body: `{"changes":1,"user":"jdoe"}`, contentType: "application/json", encoding: "deflate", changes: 1},
	"raw deflate after":         {status: 200, body: `{"changes":1,"user":"jdoe"}`, contentType: "application/json", encoding: "deflate", changes: 1},
	"declared HTML after":       {status: 200, body: `{"changes":1,"user":"jdoe"}`, contentType: "text/html; charset=utf-8", changes: 1},
	"spaced JSON after":         {status: 200, body: "{\n  \"changes\" : 1 ,\n  \"errors\" : [ ] ,\n  \"user\" : \"jdoe\" \n}\n", contentType: "application/json", changes: 1},
	"empty 200 as HTML after":   {status: 200, contentType: "text/html; charset=utf-8", changes: 1},
	"empty 204 as HTML after":   {status: 204, contentType: "text/html; charset=utf-8", changes: 1},
	"406 after":                 {status: 406, changes: 1},
	"412 after":                 {status: 412, body: `{"message":"Precondition Failed","error":"Precondition Failed","errors":["Precondition Failed"]}`, contentType: "application/json", changes: 1},
	"417 after":                 {status: 417, changes: 1},
	"423 after":                 {status: 423, body: `{"message":"Locked","error":"Locked","errors":["Locked"]}`, contentType: "application/json", changes: 1},
	"425 after":                 {status: 425, body: `{"message":"Too Early","error":"Too Early","errors":["Too Early"]}`, contentType: "application/json", changes: 1},
	"499 after":                 {status: 499, body: "<!DOCTYPE html>\n<html><head><title>Client Closed Request</title></head><body><h1>Client Closed Request</h1><hr>proxy</body></html>\n", contentType: "text/html; charset=utf-8", changes: 1},
	"copy, first answer after":  {status: 200, body: `{"changes":1,"user":"jdoe"}`, contentType: "application/json", changes: 2},
	"copy, second answer after": {status: 200, body: `{"changes":2,"user":"jdoe"}`, contentType: "application/json", changes: 2},
	"copy in 30s after":         {status: 200, body: `{"changes":1,"user":"jdoe"}`, contentType: "application/json", changes: 1, later: 30 * time.Second},
	"drop 5s late":              {later: 5 * time.Second},
	"drop 15s late":             {later: 15 * time.Second},
	"drop 40s late":             {later: 40 * time.Second},
	"hang 70s late":             {later: 70 * time.Second},
	"500 30s late":              {status: 500, body: `{"message":"Internal Server Error","error":"Internal Server Error","errors":["Internal Server Error"]}`, contentType: "application/json", later: 30 * time.Second},
	"409 10s late":              {status: 409, body: `{"message":"Conflict","error":"Conflict","errors":["Conflict"]}`, contentType: "application/json", later: 10 * time.Second},
	"409 40s late":              {status: 409, body: `{"message":"Conflict","error":"Conflict","errors":["Conflict"]}`, contentType: "application/json", later: 40 * time.Second},
	"423 10s late":              {status: 423, body: `{"message":"Locked","error":"Locked","errors":["Locked"]}`, contentType: "application/json", later: 10 * time.Second},
	"423 40s late":              {status: 423, body: `{"message":"Locked","error":"Locked","errors":["Locked"]}`, contentType: "application/json", later: 40 * time.Second},
}

// TestMoreKinds: what the client sees, and when the vendor acts.
func TestMoreKinds(t *testing.T) {
	const countedKind = "500 counted before" // is tried at a sign-in
	if len(wantMore)+1 != len(MoreKinds()) {
		t.Errorf("%d kinds are described, there are %d", len(wantMore)+1, len(MoreKinds()))
	}
	for _, kind := range MoreKinds() {
		if kind.Name == countedKind {
			continue
		}
		t.Run(kind.Name, func(t *testing.T) {
			want, ok := wantMore[kind.Name]
			if !ok {
				t.Fatal("the kind is not described")
			}
			if KindNamed(kind.Name) != kind || slices.Contains(Kinds(), kind) {
				t.Error("the kind is not found by its name, or is one of Kinds")
			}
			synctest.Test(t, func(t *testing.T) {
				network := new(Network)
				vendor := &account{}
				server, err := Start(vendor, Options{Network: network})
				if err != nil {
					t.Fatal(err)
				}
				defer server.Close()
				client := server.Client()
				transport := client.Transport.(*http.Transport)
				transport.DialContext, transport.DisableKeepAlives = network.Dial, true
				defer transport.CloseIdleConnections()
				client.Timeout = time.Second
				server.Inject(Fault{Exchange: "change password", Occurrence: 1, Kind: kind})
				got, err := call(t.Context(), client, "POST", server.URL()+writePath, hostileBody)
				if (err != nil) != (want.status == 0) {
					t.Fatalf("%+v, %v", got, err)
				}
				if err == nil {
					body := got.body
					if decode := undo[kind.Name]; decode != nil {
						reader, err := decode(strings.NewReader(body))
						if err != nil {
							t.Fatal(err)
						}
						text, err := io.ReadAll(reader)
						if err != nil {
							t.Fatal(err)
						}
						body = string(text)
					}
					if got.status != want.status || body != want.body || got.header.Get("Content-Type") != want.contentType || got.header.Get("Content-Encoding") != want.encoding {
						t.Errorf("%d %q %v", got.status, body, got.header)
					}
				}
				if changes := vendor.Changes(); changes != want.changes {
					t.Errorf("%d changes at once, want %d", changes, want.changes)
				}
				look := func() int {
					mustCall(t, client, "GET", server.URL()+readPath, "")
					return vendor.Changes()
				}
				if want.later > 0 {
					if kind.Hangs {
						want.later -= client.Timeout
					}
					time.Sleep(want.later - time.Second)
					if changes := look(); changes != want.changes {
						t.Errorf("%d changes too early", changes)
					}
					time.Sleep(time.Second)
					want.changes++
				}
				if changes := look(); changes != want.changes {
					t.Errorf("%d changes in the end, want %d", changes, want.changes)
				}
				server.CarryOutLate()
				if changes := vendor.Changes(); changes != want.changes {
					t.Errorf("%d changes: one was carried out twice", changes)
				}
				if notes, unfired := server.Notes(), server.Unfired(); len(notes)+len(unfired) > 0 {
					t.Errorf("notes %q, unfired %v", notes, unfired)
				}
			})
		})
	}
}

// TestCarryOutLateDoesNotWait: the end of a test need not be as late as the vendor.
func TestCarryOutLateDoesNotWait(t *testing.T) {
	vendor := &account{}
	server := startServer(t, vendor)
	server.Inject(Fault{Exchange: "change password", Occurrence: 1, Kind: KindNamed("409 40s late")})
	mustCall(t, server.Client(), "POST", server.URL()+writePath, hostileBody)
	if vendor.Changes() != 0 {
		t.Error("carried out at once")
	}
	server.CarryOutLate()
	if vendor.Changes() != 1 {
		t.Error("not carried out")
	}
}

func TestMoreKindsApplyWhereTheyMakeSense(t *testing.T) {
	read, write := (&account{}).Routes()[0], (&account{}).Routes()[1]
	for name, want := range map[string][2]bool{
		"gzip after": {true, true}, "406 after": {true, true}, "copy, first answer after": {false, true},
		"drop 5s late": {false, true}, "423 10s late": {false, true}, "500 counted before": {false, false},
	} {
		kind := KindNamed(name)
		if got := [2]bool{kind.AppliesTo(read), kind.AppliesTo(write)}; got != want {
			t.Errorf("%s applies to read and write: %v, want %v", name, got, want)
		}
	}
}

func TestPairs(t *testing.T) {
	faults := Faults((&account{}).Routes())
	pairs := Pairs(faults, 50)
	if len(pairs) != 50 || !slices.Equal(pairs, Pairs(faults, 50)) {
		t.Errorf("%d pairs, or others the second time", len(pairs))
	}
	exchanges := make(map[string]bool)
	for _, pair := range Pairs(faults, len(faults)*len(faults)) {
		if pair[0].Exchange == pair[1].Exchange && (pair[0].Occurrence == pair[1].Occurrence || pair[0].Occurrence*pair[1].Occurrence == 0) {
			t.Errorf("the second never happens: %v", pair)
		}
	}
	for _, pair := range pairs {
		exchanges[pair[0].Exchange+"+"+pair[1].Exchange] = true
	}
	if !exchanges["read account+change password"] {
		t.Errorf("pairs of %v alone", exchanges)
	}
}
