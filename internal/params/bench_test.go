package params_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
)

// BenchmarkRead measures what it costs to decode a payload, and to make its secrets known,
// beside encoding/json, which checks nothing: the time for each byte must not grow with the
// number of records.
func BenchmarkRead(b *testing.B) {
	inputs := map[string]string{
		"500 records": bigPayload(b),
		"8 MiB":       encode(payload(b, map[string]any{"records": encode(`[{"uid":"a","note":"` + strings.Repeat("x", 4_700_000) + `"}]`)})),
	}
	for _, count := range []int{1, 10, 100, 1000} {
		inputs[fmt.Sprintf("%d small records", count)] = encode(payload(b, map[string]any{"records": encode(toJSON(b, smallRecords(count)))}))
	}
	for _, size := range slices.Sorted(maps.Keys(inputs)) {
		input := inputs[size]
		measure := func(name string, read func() error) {
			b.Run(size+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(input)))
				b.ReportAllocs()
				for b.Loop() {
					if err := read(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		measure("decoded", func() error {
			_, err := params.Read(strings.NewReader(input), params.Options{})
			return err
		})
		measure("decoded and sealed", func() error {
			_, err := params.Read(strings.NewReader(input), params.Options{Scrubber: secret.NewScrubber()})
			return err
		})
		measure("encoding/json", func() error {
			var outer struct{ Records string }
			if err := decodeJSON(input, &outer); err != nil {
				return err
			}
			var records []map[string]any
			return decodeJSON(outer.Records, &records)
		})
	}
}

func decodeJSON(text string, to any) error {
	return json.NewDecoder(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text))).Decode(to)
}

func smallRecords(count int) []any {
	records := make([]any, count)
	for i := range records {
		records[i] = map[string]any{
			"uid": fmt.Sprintf("R3cordUid_%012d", i), "title": fmt.Sprintf("Record %d", i), "type": "login",
			"login": fmt.Sprintf("service-%d", i), "password": fmt.Sprintf("Invented/%d+%x", i, i*7919),
			"url": fmt.Sprintf("https://host-%d.example.com", i), "API Key": fmt.Sprintf("key-%08x", i*31),
		}
	}
	return records
}
