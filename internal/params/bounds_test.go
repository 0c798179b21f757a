package params_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
)

// within fails if work takes longer than anybody waits; what it guards against takes minutes.
func within(t *testing.T, work func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("it takes too long")
	}
}

// TestManyRecordsOfOneUID: they are not compared each with each.
func TestManyRecordsOfOneUID(t *testing.T) {
	var records strings.Builder
	for i := range 10_000 {
		// The second half are the same records, with their fields in another order.
		form := `{"uid":"X","title":"t","a":"%d","b":"%s"},`
		if i >= 5_000 {
			form = `{"uid":"X","title":"t","b":"%[2]s","a":"%[1]d"},`
		}
		fmt.Fprintf(&records, form, i%5_000, strings.Repeat("x", 300))
	}
	payload := `{"user":"jane","newPassword":"New-Passw0rd","records":[` + records.String() + `{"uid":"A","title":"API Access Details","url":"https://h"}]}`
	within(t, func() {
		read, err := params.Read(strings.NewReader(payload), params.Options{Scrubber: secret.NewScrubber()})
		if err != nil {
			t.Error(err)
			return
		}
		if record, err := read.AccessRecord(""); err != nil || record.UID != "A" {
			t.Error(record, err)
		}
		if _, err := read.AccessRecord("t"); err == nil || !strings.Contains(err.Error(), "5000 records match") {
			t.Errorf("got %v", err)
		}
	})
}

// TestManyLabels: what is nearly a label is told of, but not without an end.
func TestManyLabels(t *testing.T) {
	var fields strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&fields, `"Alowed Usrs%d":"x","Timout%d":"x","other %d":"x",`, i, i, i)
	}
	payload := `{"user":"jane","newPassword":"New-Passw0rd","records":[{"uid":"A","title":"API Access Details",` + fields.String() + `"url":"https://h"}]}`
	within(t, func() {
		read, err := params.Read(strings.NewReader(payload), params.Options{})
		if err != nil {
			t.Error(err)
			return
		}
		record, err := read.AccessRecord("")
		if err != nil {
			t.Error(err)
			return
		}
		settings := params.NewSettings([]params.Field{{Label: "Allowed Users", Kind: params.List, Restricts: true}, {Label: "Timeout", Kind: params.Seconds}},
			record, params.Record{}, nil, nil)
		if err := settings.Err(); err == nil || len(err.Error()) > 1<<16 {
			t.Error("what is nearly Allowed Users is no fault, or told of without an end")
		}
		if warnings := len(settings.Warnings()); warnings == 0 || warnings > 100 {
			t.Errorf("%d warnings", warnings)
		}
	})
}

// TestManyFieldsAndLabels: what a small record is searched for is found in a large one, too,
// which is not looked through once for each label.
func TestManyFieldsAndLabels(t *testing.T) {
	var text strings.Builder
	for i := range 150_000 {
		fmt.Fprintf(&text, `"lbl%d":"x",`, i)
	}
	payload := `{"user":"jane","newPassword":"New-Passw0rd","records":[{"uid":"A","title":"API Access Details",` + text.String() + `"url 7":"https://other","url":"https://h","Alowed Users":"x"}]}`
	var fields []params.Field
	for i := range 100 {
		fields = append(fields, params.Field{Label: fmt.Sprintf("%c%c field", 'a'+i%26, 'a'+i/26%26)})
	}
	fields = append(fields, params.Field{Label: "url", Kind: params.URL}, params.Field{Label: "Allowed Users", Kind: params.List, Restricts: true})
	within(t, func() {
		read, err := params.Read(strings.NewReader(payload), params.Options{})
		if err != nil {
			t.Error(err)
			return
		}
		record, _ := read.AccessRecord("")
		settings := params.NewSettings(fields, record, params.Record{}, nil, nil)
		if settings.Text("url") != "https://h" || !strings.Contains(strings.Join(settings.Warnings(), ""), "the numbered field \"url 7\"") ||
			settings.Err() == nil || !strings.Contains(settings.Err().Error(), "Alowed Users") {
			t.Errorf("%q, %v: %q", settings.Text("url"), settings.Err(), settings.Warnings())
		}
	})
}
