package params

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"unicode"
)

// Record is one Keeper record of the payload. The zero Record stands for none.
// However a Record is printed, no value of a field shows.
type Record struct {
	// UID is the record's UID. It may be empty where there is a title.
	UID string
	// Title is the record's title. It may be empty where there is a UID.
	Title string

	fields []recordField
	// stems are the places of the fields by stem, nil for a record that is not large.
	stems map[string][]int
}

// large is from how many fields on a record is not looked through once for each label.
const large = 100

// stem is a normalised label without the number behind it.
func stem(normalised string) string { return strings.TrimRight(normalised, "0123456789") }

// like returns the fields whose labels may be the normalised one, with a number behind it
// or not; more than that for a record that is not large.
func (r Record) like(normalised string) []recordField {
	if r.stems == nil {
		return r.fields
	}
	var fields []recordField
	for _, place := range r.stems[stem(normalised)] {
		fields = append(fields, r.fields[place])
	}
	return fields
}

type recordField struct {
	label      string
	normalised string
	value      node
}

// matching returns the fields with that normalised label.
func (r Record) matching(normalised string) []recordField {
	var fields []recordField
	for _, field := range r.like(normalised) {
		if field.normalised == normalised {
			fields = append(fields, field)
		}
	}
	return fields
}

// value returns the one value that the record has for a normalised label: the
// missing node if there is none, the empty one if there are only empty ones. A
// label that is there twice, or two labels with different values, are a fault.
func (r Record) value(normalised string) (node, string) {
	var result, empty node
	var chosen string
	seen := make(map[string]bool)
	for _, field := range r.matching(normalised) {
		if seen[field.label] {
			return node{}, fmt.Sprintf("the label %s is there twice", shown(field.label))
		}
		seen[field.label] = true
		switch {
		case field.value.isEmpty():
			empty = field.value
		case result.kind == jsonMissing:
			result, chosen = field.value, field.label
		case !result.single().equal(field.value.single()):
			return node{}, fmt.Sprintf("the labels %s and %s mean the same and differ in value",
				shown(chosen), shown(field.label))
		}
	}
	if result.kind == jsonMissing {
		return empty, ""
	}
	return result, ""
}

// numbered returns the labels of non-empty fields that are the normalised label
// and a number: where two fields of a record have one label, the Gateway adds
// a number to one of them.
func (r Record) numbered(normalised string) []recordField {
	var fields []recordField
	for _, field := range r.like(normalised) {
		number, ok := strings.CutPrefix(field.normalised, normalised)
		if ok && number != "" && strings.Trim(number, "0123456789") == "" && !field.value.isEmpty() {
			fields = append(fields, field)
		}
	}
	return fields
}

// String returns the title and the UID, quoted, as messages call the record.
func (r Record) String() string {
	switch {
	case r.UID == "":
		return shown(r.Title) + " (no UID)"
	case r.Title == "":
		return "no title (UID " + shown(r.UID) + ")"
	default:
		return shown(r.Title) + " (UID " + shown(r.UID) + ")"
	}
}

// Labels returns the labels of the fields that hold a value, as they are spelled.
func (r Record) Labels() []string {
	var labels []string
	for _, field := range r.fields {
		if !isBlankText(field.value) {
			labels = append(labels, field.label)
		}
	}
	return labels
}

// KeeperFields are labels that Keeper itself may give to fields of a record of any kind.
var KeeperFields = []Field{
	{Label: "notes"}, {Label: "type", Aliases: []string{"recordType"}}, {Label: "details"}, {Label: "fileRef", Aliases: []string{"files"}},
	{Label: "oneTimeCode", Aliases: []string{"otp", "totp"}}, {Label: "NOOP"}, {Label: "Private Key Type"}, {Label: "Access Record"},
}

// Shown returns a label or a title as messages quote it: cut, and without characters that
// do not print.
func Shown(label string) string { return shown(label) }

// ShownList quotes the first few of several labels, and says how many more there are.
func ShownList(labels []string) string {
	const most = 5
	var quoted []string
	for _, label := range labels[:min(len(labels), most)] {
		quoted = append(quoted, shown(label))
	}
	if more := len(labels) - most; more > 0 {
		quoted = append(quoted, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(quoted, ", ")
}

func (r Record) equal(other Record) bool {
	return r.UID == other.UID && r.Title == other.Title && r.content().equal(other.content())
}

func (r Record) content() node {
	content := node{kind: jsonObject, inner: &children{}}
	for _, field := range r.fields {
		content.inner.members = append(content.inner.members, member{field.label, field.value})
	}
	return content
}

// NormaliseLabel is the form in which labels are compared everywhere: lower case, without
// white space, invisible characters, "_" and "-".
func NormaliseLabel(label string) string {
	return strings.Map(func(character rune) rune {
		switch {
		case 'a' <= character && character <= 'z':
			return character // nearly all of them are
		case unicode.IsSpace(character), character == '_', character == '-',
			character > unicode.MaxASCII && unicode.Is(unicode.Cf, character):
			return -1
		}
		return unicode.ToLower(character)
	}, label)
}

// readRecords reads the payload's records key.
func readRecords(value node) ([]Record, []*fault) {
	records := source{subject: "records", want: jsonList}
	switch value.kind {
	case jsonMissing, jsonNull:
		return nil, nil
	case jsonString:
		text := value.text.Reveal()
		if isBlank(text) {
			return nil, nil
		}
		var f *fault
		if value, f = records.decode(text); f != nil {
			return nil, []*fault{f}
		}
	case jsonList:
	default:
		return nil, []*fault{records.wrongType(value.kind)}
	}
	var list []Record
	var faults []*fault
	for i, item := range value.items() {
		record, problem := readRecord(item)
		if problem != "" {
			faults = append(faults, records.fault(hintInspect, "record %d: %s", i+1, problem))
			continue
		}
		list = append(list, record)
	}
	return list, faults
}

func readRecord(value node) (record Record, problem string) {
	if value.kind != jsonObject {
		return Record{}, fmt.Sprintf("it is %s, an object is needed", value.kind.withArticle())
	}
	own := make(map[string]bool)
	for _, m := range value.members() {
		if m.key != "uid" && m.key != "title" {
			record.fields = append(record.fields, recordField{m.key, NormaliseLabel(m.key), m.value})
			continue
		}
		if own[m.key] {
			return Record{}, "the " + m.key + " is there twice"
		}
		own[m.key] = true
		switch m.value.kind {
		case jsonNull:
		case jsonString:
			if m.key == "uid" {
				record.UID = m.value.text.Reveal()
			} else {
				record.Title = m.value.text.Reveal()
			}
		default:
			return Record{}, fmt.Sprintf("the %s is %s, a string is needed", m.key, m.value.kind.withArticle())
		}
	}
	if strings.TrimSpace(record.UID) == "" && strings.TrimSpace(record.Title) == "" {
		return Record{}, "it has neither a uid nor a title"
	}
	if len(record.fields) > large {
		record.stems = make(map[string][]int)
		for place, field := range record.fields {
			root := stem(field.normalised)
			record.stems[root] = append(record.stems[root], place)
		}
	}
	return record, ""
}

// distinct leaves out records that are there twice: a record that is shared
// through two folders may come as often.
func distinct(records []Record) []Record {
	var result []Record
	type sameness struct {
		uid string
		sum uint64
	}
	count := make(map[string]int)
	for _, record := range records {
		count[record.UID]++
	}
	if len(count) == len(records) {
		return records
	}
	// Records of one UID are compared if they have one sum, so that many are not compared
	// each with each.
	seed := maphash.MakeSeed()
	places := make(map[sameness][]int) // in result
	for _, record := range records {
		if record.UID != "" && count[record.UID] > 1 {
			var hash maphash.Hash
			hash.SetSeed(seed)
			record.content().sum(&hash)
			_, _ = hash.WriteString(record.Title)
			same := sameness{record.UID, hash.Sum64()}
			if slices.ContainsFunc(places[same], func(place int) bool { return record.equal(result[place]) }) {
				continue
			}
			places[same] = append(places[same], len(result))
		}
		result = append(result, record)
	}
	return result
}
