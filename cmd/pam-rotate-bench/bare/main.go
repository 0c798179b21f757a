//go:build linux

// Command bare is the least that a Go program can do for the same call: it reads the
// Gateway's payload with encoding/json, takes the record with the token, sends one POST
// by net/http, and exits 0 if the status is one of success. It checks nothing, proves
// nothing and hides nothing.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run() error {
	var payload struct{ User, NewPassword, Records string }
	if err := decode(os.Stdin, &payload); err != nil {
		return err
	}
	var records []struct{ Title, URL, Password string }
	if err := decode(strings.NewReader(payload.Records), &records); err != nil {
		return err
	}
	for _, record := range records {
		if record.Title == "Record with Access Token" {
			return send(record.URL, record.Password, payload.User, payload.NewPassword)
		}
	}
	return fmt.Errorf("no access record")
}

func decode(from io.Reader, to any) error {
	return json.NewDecoder(base64.NewDecoder(base64.StdEncoding, from)).Decode(to)
}

func send(url, token, user, password string) error {
	body, err := json.Marshal(map[string]string{"userEmail": user, "newPassword": password})
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("answered %s", response.Status)
	}
	fmt.Println("changed")
	return nil
}
