package simulator

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRecord(t *testing.T) {
	server := startServer(t, &account{})
	client := server.Client()
	mustCall(t, client, "GET", server.URL()+readPath+"?a=%20b", "")
	mustCall(t, client, "POST", server.URL()+writePath, `{"password":"one"}`)
	mustCall(t, client, "GET", server.URL()+readPath, "")
	mustCall(t, client, "GET", server.URL()+"/nowhere", "")
	client.CloseIdleConnections()
	mustCall(t, client, "DELETE", server.URL()+readPath, "")

	type row struct {
		Number, Occurrence, Status, Connection int
		Name, Line                             string
		Write                                  bool
	}
	want := []row{
		{1, 1, 200, 1, "read account", "GET /account?a=%20b", false},
		{2, 1, 200, 1, "change password", "POST /account/password", true},
		{3, 2, 200, 1, "read account", "GET /account", false},
		{4, 1, 404, 1, "", "GET /nowhere", false},
		{5, 2, 405, 2, "", "DELETE /account", false},
	}
	var got []row
	for _, e := range server.Exchanges() {
		got = append(got, row{e.Number, e.Occurrence, e.Status, e.Connection, e.Name, e.Method + " " + e.RequestURI, e.Write})
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	write := server.Exchanges()[1]
	if string(write.Body) != `{"password":"one"}` || write.Header.Get("Authorization") != "Bearer the-token" || write.Header.Get("Host") != server.Host() {
		t.Errorf("recorded request: %s, %v", write.Body, write.Header)
	}
	if count := server.Count(func(e Exchange) bool { return e.Write }); count != 1 {
		t.Errorf("%d writes", count)
	}
	if server.Connections() != 2 {
		t.Errorf("%d connections", server.Connections())
	}
	wantNotes := []string{
		"unknown request (request 4): no such path",
		"unknown request (request 5): the path knows no such method",
	}
	if notes := server.Notes(); !slices.Equal(notes, wantNotes) {
		t.Errorf("notes %q", notes)
	}
}

func TestRecordIsACopy(t *testing.T) {
	server := startServer(t, &account{})
	mustCall(t, server.Client(), "POST", server.URL()+writePath, `{"password":"one"}`)
	first := server.Exchanges()[0]
	first.Body[0] = 'X'
	first.Header.Set("Authorization", "altered")
	if second := server.Exchanges()[0]; second.Body[0] != '{' || second.Header.Get("Authorization") != "Bearer the-token" {
		t.Error("the record was altered through a copy")
	}
}

func TestDecoyRecordsWhoeverFollows(t *testing.T) {
	server := startServer(t, &account{})
	server.Inject(Fault{Exchange: "change password", Kind: KindNamed("redirect 307 before")})
	client := server.Client()
	mustCall(t, client, "POST", server.URL()+writePath, hostileBody)
	if decoyed := server.Decoy(); len(decoyed) != 0 {
		t.Fatalf("arrivals without following: %v", decoyed)
	}
	client.CheckRedirect = nil
	mustCall(t, client, "POST", server.URL()+writePath, hostileBody)
	decoyed := server.Decoy()
	if len(decoyed) != 1 || !strings.HasPrefix(decoyed[0].RequestURI, writePath+"?echo=") || string(decoyed[0].Body) != hostileBody {
		t.Errorf("arrivals: %v", decoyed)
	}
}

func TestCloseEndsHangingExchanges(t *testing.T) {
	server := startServer(t, &account{})
	server.Inject(Fault{Exchange: "change password", Kind: KindNamed("hang after")})
	var calls sync.WaitGroup
	for range 3 {
		calls.Go(func() {
			if _, err := call(context.Background(), server.Client(), "POST", server.URL()+writePath, hostileBody); err == nil {
				t.Error("a hanging exchange was answered")
			}
		})
	}
	// A connection that never speaks must not hold Close up either.
	silent, err := net.Dial("tcp", server.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	waitUntil(t, func() bool { return len(server.Exchanges()) == 3 && server.Connections() == 4 })
	server.Close()
	server.Close()
	calls.Wait()
	if _, err := call(t.Context(), server.Client(), "GET", server.URL()+readPath, ""); err == nil {
		t.Error("a closed server answered")
	}
	if len(server.Exchanges()) != 3 {
		t.Error("the record is lost")
	}
}

func TestManyAtOnce(t *testing.T) {
	const requests = 300
	vendor := &account{}
	server := startServer(t, vendor)
	server.Inject(Fault{Exchange: "change password", Occurrence: 7, Kind: KindNamed("500 before")})
	server.Inject(Fault{Exchange: "change password", Occurrence: 8, Kind: KindNamed("500 after")})
	client := server.Client()
	client.Transport.(*http.Transport).MaxConnsPerHost = 50
	var calls sync.WaitGroup
	for i := range requests {
		calls.Go(func() {
			if _, err := call(t.Context(), client, "POST", server.URL()+writePath, fmt.Sprintf(`{"password":"%d"}`, i)); err != nil {
				t.Error(err)
			}
			server.Notes()
			server.Exchanges()
		})
	}
	calls.Wait()
	if vendor.Changes() != requests-1 {
		t.Errorf("%d changes", vendor.Changes())
	}
	occurrences := make(map[int]bool)
	for i, exchange := range server.Exchanges() {
		occurrences[exchange.Occurrence] = true
		if exchange.Number != i+1 {
			t.Fatalf("exchange %d has number %d", i+1, exchange.Number)
		}
	}
	if len(occurrences) != requests {
		t.Errorf("%d different occurrences", len(occurrences))
	}
	if failed := server.Count(func(e Exchange) bool { return e.Status == 500 }); failed != 2 {
		t.Errorf("%d failed", failed)
	}
}

// bare is a vendor without a lock of its own.
type bare struct{ serve func(*Request) Answer }

func (b bare) Routes() []Route {
	return []Route{{
		Name: "anything", Method: "GET", Serve: b.serve,
		Match: func(path string) bool { return strings.HasPrefix(path, "/any") },
	}}
}

func TestLockGuardsAVendorWithoutLock(t *testing.T) {
	served := 0
	server := startServer(t, bare{func(*Request) Answer {
		served++
		return Answer{Status: 204, Body: []byte("never sent")}
	}})
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			if _, err := call(t.Context(), server.Client(), "GET", server.URL()+"/any", ""); err != nil {
				t.Error(err)
			}
			server.Lock(func() { served += 100 })
		})
	}
	calls.Wait()
	server.Lock(func() {
		if served != 2020 {
			t.Errorf("served %d", served)
		}
	})
}

func TestAnswerOnTheWire(t *testing.T) {
	server := startServer(t, bare{func(*Request) Answer {
		return Answer{Status: 409, Reason: "Locked by\r\nadmin", Header: http.Header{"X-Field": {"a\r\nb"}}, Body: []byte("text")}
	}})
	connection, err := tls.Dial("tcp", server.Host(), &tls.Config{
		RootCAs: server.Authority().Pool(), NextProtos: []string{"h2", "http/1.1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if protocol := connection.ConnectionState().NegotiatedProtocol; protocol != "http/1.1" {
		t.Errorf("negotiated %q", protocol)
	}
	fmt.Fprintf(connection, "GET /any HTTP/1.1\r\nHost: %s\r\n\r\n", server.Host())
	want := "HTTP/1.1 409 Locked by  admin\r\nContent-Length: 4\r\nX-Field: a  b\r\n\r\ntext"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(connection, got); err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestMalformedRequests(t *testing.T) {
	tests := []struct {
		name, head string
		status     int
		note       string
	}{
		{"no HTTP", "hello there\r\n\r\n", 400, "unknown request: the head is not HTTP"},
		{"old protocol", "GET /any HTTP/1.0\r\nHost: localhost\r\n\r\n", 200, "anything (request 1): the protocol is not HTTP/1.1"},
		{"other host", "GET /any HTTP/1.1\r\nHost: example.com\r\n\r\n", 200, "anything (request 1): header Host does not name this server"},
		{"fragment", "GET /any#top HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, "anything (request 1): the request line does not have an absolute path without fragment"},
		{"query", "GET /any?a=%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, "anything (request 1): the query cannot be decoded"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := startServer(t, bare{func(*Request) Answer { return Answer{} }})
			connection, err := tls.Dial("tcp", server.Host(), &tls.Config{RootCAs: server.Authority().Pool()})
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			fmt.Fprint(connection, test.head)
			response, err := http.ReadResponse(bufio.NewReader(connection), nil)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != test.status {
				t.Errorf("status %d", response.StatusCode)
			}
			if got := server.Notes(); !slices.Equal(got, []string{test.note}) {
				t.Errorf("notes %q", got)
			}
		})
	}
}

// TestConnectionClose: who wants no more than one answer is told that it was the last one,
// and sees the connection end in good order.
func TestConnectionClose(t *testing.T) {
	for _, head := range []string{"GET /any HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "GET /any HTTP/1.0\r\nHost: localhost\r\n\r\n"} {
		server := startServer(t, bare{func(*Request) Answer { return Answer{Body: []byte("text")} }})
		connection, err := tls.Dial("tcp", server.Host(), &tls.Config{RootCAs: server.Authority().Pool(), NextProtos: []string{"http/1.0"}})
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		fmt.Fprint(connection, head)
		want := "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ntext"
		if got, err := io.ReadAll(connection); err != nil || string(got) != want {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

// TestExpect: who asks whether a body is welcome is told to go on, or refused.
func TestExpect(t *testing.T) {
	for refuse, status := range map[bool]int{false: 200, true: 417} {
		vendor := &account{}
		server, err := Start(vendor, Options{RefuseExpect: refuse})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		client := server.Client()
		// The client waits for the word to go on, far longer than the test may last.
		client.Transport.(*http.Transport).ExpectContinueTimeout = time.Hour
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL()+writePath, strings.NewReader(hostileBody))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Expect", "100-continue")
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != status || (vendor.Changes() == 1) == refuse {
			t.Errorf("refuse %t: %d, %d changes", refuse, response.StatusCode, vendor.Changes())
		}
	}
}

func TestStartRefusesFaultyRoutes(t *testing.T) {
	route := bare{func(*Request) Answer { return Answer{} }}.Routes()[0]
	nameless, unmatched, unserved := route, route, route
	nameless.Name, unmatched.Match, unserved.Serve = "", nil, nil
	for name, routes := range map[string]routeList{
		"no name": {nameless}, "no match": {unmatched}, "no serve": {unserved}, "name twice": {route, route},
	} {
		if server, err := Start(routes, Options{}); err == nil {
			server.Close()
			t.Errorf("%s: started", name)
		}
	}
}

type routeList []Route

func (l routeList) Routes() []Route { return l }

func TestCertificates(t *testing.T) {
	other, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	server, err := Start(&account{}, Options{Authority: other, Hosts: []string{"vendor.example"}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, host := range []string{"127.0.0.1", "localhost", "vendor.example"} {
		if err := server.Certificate().VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	mustCall(t, server.Client(), "GET", server.URL()+readPath, "")

	shared, err := SharedAuthority()
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := SharedAuthority(); again != shared {
		t.Error("the shared authority was made twice")
	}
	stranger := server.Client()
	stranger.Transport.(*http.Transport).TLSClientConfig.RootCAs = shared.Pool()
	var untrusted *tls.CertificateVerificationError
	if _, err := call(t.Context(), stranger, "GET", server.URL()+readPath, ""); !errors.As(err, &untrusted) {
		t.Errorf("error %v", err)
	}
	if pem := other.PEM(); !strings.HasPrefix(pem, "-----BEGIN CERTIFICATE-----\n") || pem == shared.PEM() {
		t.Errorf("PEM %q", pem)
	}
	if len(server.Exchanges()) != 1 || server.Connections() != 2 {
		t.Errorf("%d exchanges, %d connections", len(server.Exchanges()), server.Connections())
	}
}
