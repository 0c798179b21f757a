package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
)

// The bill of materials is CycloneDX 1.5 in JSON. Only what is used of it is here.
type (
	bill struct {
		Schema       string       `json:"$schema"`
		Format       string       `json:"bomFormat"`
		SpecVersion  string       `json:"specVersion"`
		SerialNumber string       `json:"serialNumber"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp  string      `json:"timestamp"`
		Lifecycles []lifecycle `json:"lifecycles"`
		Tools      tools       `json:"tools"`
		Component  component   `json:"component"`
	}
	lifecycle struct {
		Phase string `json:"phase"`
	}
	tools struct {
		Components []component `json:"components"`
	}
	component struct {
		Type       string          `json:"type"`
		Reference  string          `json:"bom-ref,omitempty"`
		Name       string          `json:"name"`
		Version    string          `json:"version,omitempty"`
		Hashes     []hash          `json:"hashes,omitempty"`
		Licences   []licenceChoice `json:"licenses,omitempty"`
		CPE        string          `json:"cpe,omitempty"`
		PURL       string          `json:"purl,omitempty"`
		Properties []property      `json:"properties,omitempty"`
		Components []component     `json:"components,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	licenceChoice struct {
		Licence licenceID `json:"license"`
	}
	licenceID struct {
		ID string `json:"id"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Reference string   `json:"ref"`
		DependsOn []string `json:"dependsOn,omitempty"`
	}
)

// billOfMaterials lists what the binaries themselves say that they are made of. The
// program's own licence is given.
func billOfMaterials(given stamp, own string, binaries []binary, modules []module) ([]byte, error) {
	date, err := given.date()
	if err != nil {
		return nil, err
	}
	programs := component{
		Type: "application", Reference: program, Name: program, Version: given.version, Licences: licensed(own),
		Properties: []property{{program + ":commit", given.commit}, {program + ":go", binaries[0].info.GoVersion}},
	}
	root := dependency{Reference: program}
	graph := map[string]*dependency{}
	for _, b := range binaries {
		reference := "file:" + b.name
		programs.Components = append(programs.Components, component{
			Type: "file", Reference: reference, Name: b.name, Hashes: []hash{{"SHA-256", b.sum}},
			Properties: []property{{program + ":platform", b.platform}, {program + ":bytes", fmt.Sprint(b.size)}},
		})
		root.DependsOn = append(root.DependsOn, reference)
		graph[b.name] = &dependency{Reference: reference}
	}
	b := bill{
		Schema: "http://cyclonedx.org/schema/bom-1.5.schema.json", Format: "CycloneDX", SpecVersion: "1.5", Version: 1,
		Metadata: metadata{
			Timestamp: date, Lifecycles: []lifecycle{{"post-build"}}, Component: programs,
			Tools: tools{[]component{{Type: "application", Name: program + "/scripts/release", Version: given.version}}},
		},
		Components: []component{},
	}
	for _, m := range modules {
		item := component{Type: "library", Reference: m.purl(), Name: m.path, Version: m.version, Licences: licensed(m.licence), PURL: m.purl()}
		if m.path == standard {
			item.CPE = "cpe:2.3:a:golang:go:" + m.version + ":*:*:*:*:*:*:*"
		} else {
			// Go's sum of a module is one over its file list, not of any one file, so it
			// is no hash in the format's sense.
			item.Properties = []property{{program + ":h1", m.sum}}
		}
		b.Components = append(b.Components, item)
		for _, name := range m.binaries {
			graph[name].DependsOn = append(graph[name].DependsOn, m.purl())
		}
	}
	b.Dependencies = []dependency{root}
	for _, binary := range binaries {
		b.Dependencies = append(b.Dependencies, *graph[binary.name])
	}
	// The serial number follows from the content: the same release has the same.
	plain, err := encode(b)
	if err != nil {
		return nil, err
	}
	b.SerialNumber = serialNumber(plain)
	return encode(b)
}

func encode(b bill) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(b)
	return text.Bytes(), err
}

// serialNumber is a UUID of version 8, made from a hash of the content.
func serialNumber(content []byte) string {
	sum := sha256.Sum256(content)
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func licensed(identifier string) []licenceChoice { return []licenceChoice{{licenceID{identifier}}} }

// purl is the module's package URL.
func (m module) purl() string {
	return "pkg:golang/" + m.path + "@" + strings.ReplaceAll(m.version, "+", "%2B")
}
