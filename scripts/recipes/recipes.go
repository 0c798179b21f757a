// Package recipes holds the recipes that come with the program, one file each. docs/recipes.md says
// what a recipe is. The header of each says which documents of the vendor it follows, and whether
// it was tried against the real product.
//
// The program has them compressed, in recipes.gz, which "make docs" makes of the files.
package recipes

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"strings"
)

//go:embed recipes.gz
var packed []byte

// Names are the recipes' names, in the order of the alphabet.
func Names() []string {
	return []string{
		"cisco-ios-xe", "cisco-meraki", "ejabberd", "elasticsearch", "etcd", "gitlab", "grafana", "influxdb", "jfrog",
		"keycloak", "keystone", "mailman", "okta", "opensearch", "pocketbase", "proxmox-ve", "rabbitmq",
		"redfish", "servicenow", "splunk", "wordpress", "zabbix",
	}
}

// Source returns the text of a recipe by its name; false if there is none of that name.
func Source(name string) ([]byte, bool) {
	text, err := Unpack(packed)
	if err != nil {
		panic(err) // it is part of the program
	}
	_, behind, found := strings.Cut("\x00"+text, "\x00"+name+"\n")
	if !found || name == "" || strings.Contains(name, "\n") {
		return nil, false
	}
	source, _, _ := strings.Cut(behind, "\x00")
	return []byte(source), true
}

// Unpack returns what recipes.gz holds: of each recipe its name, the end of the line, its text, and
// a zero byte.
func Unpack(packed []byte) (string, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(reader)
	return string(text), err
}
