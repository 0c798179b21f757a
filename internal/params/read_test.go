package params_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
	"unicode/utf8"

	"pam-rotate-script/internal/conformance"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/secret"
)

// canary stands in every value of the test payloads. No output may hold it.
const canary = "Kanarienvogel"

// password has what pipes and encoders like to change. Wherever it begins, the
// end makes base64 use the two characters in which the alphabets differ.
const password = " " + canary + `"\'&<>%+/=é€😀???>>>` + "\t "

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func toJSON(t testing.TB, value any) string {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(text.String())
}

// object is the payload as the Gateway sends it, with the given keys on top; a
// nil value takes the key away.
func object(changes map[string]any) map[string]any {
	result := map[string]any{
		"providerRecordUid": "provider-uid",
		"resourceRecordUid": nil,
		"userRecordUid":     "user-uid",
		"newPassword":       password,
		"oldPassword":       canary + "-old",
		"user":              "jdoe@example.com",
		"records": []any{
			map[string]any{"uid": "access-uid", "title": "API Access Details", "login": "api", "password": canary + "-token", "url": "https://example.com/" + canary},
			map[string]any{"uid": "user-uid", "title": "John", "login": "jdoe@example.com", "password": canary + "-old"},
		},
	}
	for key, value := range changes {
		if value == nil {
			delete(result, key)
		} else {
			result[key] = value
		}
	}
	return result
}

func payload(t testing.TB, changes map[string]any) string {
	t.Helper()
	return toJSON(t, object(changes))
}

func toUTF16(text string, order binary.AppendByteOrder) string {
	var raw []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		raw = order.AppendUint16(raw, unit)
	}
	return string(raw)
}

func wrap(text string, width int, end string) string {
	var lines []string
	for len(text) > width {
		lines, text = append(lines, text[:width]), text[width:]
	}
	return strings.Join(append(lines, text), end)
}

func noPadding(text string) string { return strings.TrimRight(text, "=") }

// urlSafe is the URL-safe alphabet of the same base64 text.
func urlSafe(text string) string { return strings.NewReplacer("+", "-", "/", "_").Replace(text) }

// uneven returns the payload in a length whose base64 needs padding.
func uneven(t testing.TB, rest int) string {
	text := payload(t, nil)
	for len(text)%3 != rest {
		text = strings.Replace(text, "{", "{ ", 1)
	}
	return text
}

func mustRead(t *testing.T, text string) *params.Params {
	t.Helper()
	p, err := params.Read(strings.NewReader(text), params.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// problems returns the problems of a refusal and sees to it that none of its
// texts holds a value.
func problems(t *testing.T, err error) []string {
	t.Helper()
	var refusal *params.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("error %v is no *params.Error", err)
	}
	if strings.Join(refusal.Problems, "; ") != err.Error() {
		t.Errorf("text %q is not that of the problems", err)
	}
	for _, text := range append([]string{err.Error(), fmt.Sprintf("%+v", err)}, refusal.Hints...) {
		if strings.Contains(text, canary) {
			t.Errorf("%q holds a value", text)
		}
	}
	return refusal.Problems
}

func TestReadForms(t *testing.T) {
	text := payload(t, nil)
	line := encode(text)
	if !strings.Contains(line, "+") || !strings.Contains(line, "/") {
		t.Fatal("the payload does not use both alphabets")
	}
	one, two := uneven(t, 1), uneven(t, 2)
	forms := map[string]string{
		"line feed":                      line + "\n",
		"carriage return":                line + "\r\n",
		"no line end":                    line,
		"wrapped at 76":                  wrap(line, 76, "\n") + "\n",
		"wrapped at 64, CRLF":            wrap(line, 64, "\r\n") + "\r\n",
		"wrapped unevenly":               wrap(line, 7, "\n"),
		"empty lines before":             "\n\r\n" + line + "\n",
		"blanks around":                  " \t" + line + " \n ",
		"no-break spaces around":         "\u00a0" + line + "\u2003",
		"double quotes":                  `"` + line + "\"\n",
		"single quotes":                  `'` + line + `'`,
		"quotes in quotes with blanks":   ` "' ` + line + ` '" `,
		"UTF-8 byte order mark":          "\ufeff" + line + "\n",
		"mark inside quotes":             "\"\ufeff" + line + "\"",
		"UTF-16 LE":                      toUTF16(line+"\r\n", binary.LittleEndian),
		"UTF-16 LE with mark":            toUTF16("\ufeff"+line+"\r\n", binary.LittleEndian),
		"UTF-16 BE":                      toUTF16(line+"\r\n", binary.BigEndian),
		"UTF-16 BE with mark":            toUTF16("\ufeff"+line, binary.BigEndian),
		"UTF-16 LE, quotes, wrapped":     toUTF16("\ufeff\""+wrap(line, 76, "\r\n")+"\"\r\n", binary.LittleEndian),
		"UTF-16 plain JSON":              toUTF16(text, binary.LittleEndian),
		"UTF-16 BE plain JSON with mark": toUTF16("\ufeff"+text, binary.BigEndian),
		"URL-safe":                       urlSafe(line),
		"URL-safe unpadded":              noPadding(urlSafe(encode(one))),
		"one padding missing":            strings.TrimSuffix(encode(one), "="),
		"unpadded, one byte over":        noPadding(encode(one)),
		"unpadded, two bytes over":       noPadding(encode(two)) + "\n",
		"padding on its own line":        noPadding(encode(one)) + "\n=\n=\n",
		"alphabets mixed":                strings.Replace(line, "+", "-", 1),
		"plain JSON":                     text + "\n",
		"plain JSON in quotes":           "'" + text + "'",
		"plain JSON with mark":           "\ufeff" + text,
		"indented JSON":                  "\n" + strings.ReplaceAll(text, `,"`, ",\r\n \t\"") + "\n",
		"base64 of JSON with line end":   encode(text + "\n\n"),
		"base64 of JSON with mark":       encode("\ufeff" + text),
		"unknown keys":                   payload(t, map[string]any{"version": 3, "more": map[string]any{"a": []any{}}}),
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			check(t, mustRead(t, form))
		})
	}
	t.Run("byte by byte", func(t *testing.T) {
		p, err := params.Read(iotest.OneByteReader(strings.NewReader(line)), params.Options{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, p)
	})
}

// check compares p with payload(t, nil).
func check(t *testing.T, p *params.Params) {
	t.Helper()
	if p.User != "jdoe@example.com" || p.ProviderUID != "provider-uid" || p.ResourceUID != "" || p.UserUID != "user-uid" {
		t.Errorf("names are %q, %q, %q, %q", p.User, p.ProviderUID, p.ResourceUID, p.UserUID)
	}
	if p.NewPassword.Reveal() != password || p.OldPassword.Reveal() != canary+"-old" {
		t.Errorf("passwords are %q and %q", p.NewPassword.Reveal(), p.OldPassword.Reveal())
	}
	if len(p.Records) != 2 || p.Records[0].UID != "access-uid" || p.Records[1].Title != "John" {
		t.Errorf("records are %v", p.Records)
	}
}

func TestReadRecordForms(t *testing.T) {
	list := toJSON(t, object(nil)["records"])
	line := encode(list)
	forms := map[string]any{
		"base64":             line,
		"base64, line end":   line + "\n",
		"base64, wrapped":    wrap(line, 76, "\r\n"),
		"base64, URL-safe":   noPadding(urlSafe(line)),
		"base64, in quotes":  `"` + line + `"`,
		"base64, with mark":  "\ufeff" + line,
		"JSON text":          list,
		"JSON text, blanks":  " \n" + list + "\n",
		"JSON text, mark":    "\ufeff" + list,
		"JSON text, quotes":  "'" + list + "'",
		"the list itself":    object(nil)["records"],
		"base64, JSON lines": encode(strings.ReplaceAll(list, ",", ",\n")),
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			check(t, mustRead(t, encode(payload(t, map[string]any{"records": form}))))
		})
	}
	for name, text := range map[string]string{
		"missing":      payload(t, map[string]any{"records": nil}),
		"null":         strings.Replace(payload(t, map[string]any{"records": "NULL"}), `"NULL"`, "null", 1),
		"empty text":   payload(t, map[string]any{"records": ""}),
		"blank text":   payload(t, map[string]any{"records": " \n"}),
		"empty list":   payload(t, map[string]any{"records": []any{}}),
		"empty inside": payload(t, map[string]any{"records": encode("[]")}),
	} {
		t.Run(name, func(t *testing.T) {
			if p := mustRead(t, text); len(p.Records) != 0 {
				t.Errorf("there are %d records", len(p.Records))
			}
		})
	}
}

func nested(levels int) string {
	return strings.Repeat("[", levels) + strings.Repeat("]", levels)
}

func TestReadRefuses(t *testing.T) {
	text := payload(t, nil)
	line := encode(text)
	one, two, three := uneven(t, 1), uneven(t, 2), uneven(t, 0)
	cut := strings.LastIndex(text, canary)
	tests := []struct {
		name, input, want string
	}{
		{"nothing", "", "payload: stdin is empty"},
		{"a line end", "\r\n", "payload: stdin is empty"},
		{"blanks", " \t\u00a0\n", "payload: stdin is empty"},
		{"a mark", "\ufeff", "payload: stdin is empty"},
		{"a mark in UTF-16", "\xff\xfe", "payload: stdin is empty"},
		{"a line end in UTF-16", "\r\x00\n\x00", "payload: stdin is empty"},
		{"quotes", "\"\"\n", "payload: stdin is empty"},
		{"one quote", "'", "payload: stdin is empty"},
		{"UTF-16 with half a character", toUTF16(line, binary.LittleEndian) + "\n", "payload: the UTF-16 text has an odd number of bytes"},
		{"UTF-16 BE with half a character", "\xfe\xff" + toUTF16(line, binary.BigEndian) + "\n", "payload: the UTF-16 text has an odd number of bytes"},
		{"UTF-16 with half a pair", toUTF16(text, binary.LittleEndian) + "\x00\xd8a\x00", "payload: the UTF-16 text has half of a surrogate pair"},
		{"UTF-16 ending in half a pair", toUTF16(text, binary.LittleEndian) + "\x00\xd8", "payload: the UTF-16 text has half of a surrogate pair"},
		{"UTF-16 with a low half alone", toUTF16(text, binary.LittleEndian) + "\x00\xdca\x00", "payload: the UTF-16 text has half of a surrogate pair"},

		{"wrong first character", "*" + line, "payload: not base64, the first wrong character is at position 1"},
		{"wrong fifth character", line[:4] + "!" + line[4:], "payload: not base64, the first wrong character is at position 5"},
		{"blanks and quotes are counted", " \"" + line[:4] + "é!" + line[4:] + "\"", "payload: not base64, the first wrong character is at position 7"},
		{"a quote on one side", "\"" + line, "payload: not base64, the first wrong character is at position 1"},
		{"line ends are counted", line[:4] + "\r\n" + line[4:8] + "#", "payload: not base64, the first wrong character is at position 11"},
		{"padding at the beginning", "====", "payload: not base64, the first wrong character is at position 1"},
		{"padding in the middle", "eyJ=" + line, "payload: not base64, the first wrong character is at position 5"},
		{"not a text", "\x01\x02\x03", "payload: not base64, the first wrong character is at position 1"},
		{"base64 one character short", noPadding(encode(two))[:len(noPadding(encode(two)))-2], "payload: the base64 text is cut short"},
		{"base64 four characters short", line[:len(line)/8*4], "payload: the JSON is cut short"},
		{"base64 of no JSON", encode("user=" + canary), "payload: the base64 text does not hold JSON"},
		{"base64 of one digit and more", encode("1 " + canary), "payload: the base64 text does not hold JSON"},
		{"base64 of bytes", encode("\x80\x81" + canary), "payload: the base64 text does not hold JSON"},
		{"base64 twice over", encode(line), "payload: the base64 text does not hold JSON"},

		{"two on two lines", line + "\n" + line + "\n", "payload: there are two of them, one is needed"},
		{"two on one line", encode(one) + encode(one), "payload: there are two of them, one is needed"},
		{"two on one line without padding between", encode(three) + encode(three), "payload: there are two of them, one is needed"},
		{"two on two lines without padding, one over", noPadding(encode(one)) + "\n" + noPadding(encode(one)), "payload: there are two of them, one is needed"},
		{"two on two lines without padding, two over", noPadding(encode(two)) + "\r\n" + noPadding(encode(two)), "payload: there are two of them, one is needed"},
		{"two different ones", encode(one) + "\n\n" + encode(two), "payload: there are two of them, one is needed"},
		{"two, wrapped", wrap(encode(one), 76, "\n") + "\n" + wrap(encode(two), 76, "\n"), "payload: there are two of them, one is needed"},
		{"two in one base64 text", encode(text + text), "payload: there are two of them, one is needed"},
		{"two in one base64 text on two lines", encode(text + "\n" + text + "\n"), "payload: there are two of them, one is needed"},
		{"plain JSON twice", text + "\n" + text, "payload: there are two of them, one is needed"},
		{"plain JSON, then base64", text + "\n" + line, "payload: there are two of them, one is needed"},
		{"base64, then plain JSON", line + "\n" + text, "payload: there are two of them, one is needed"},

		{"a word after the JSON", text + canary, "payload: something follows the end of the JSON"},
		{"a bracket after the JSON", text + "}", "payload: something follows the end of the JSON"},
		{"a word inside the base64", encode(text + canary), "payload: something follows the end of the JSON"},
		{"a word after the base64", encode(two) + "\n" + canary, "payload: something follows the end of the JSON"},
		{"a word after the padding", encode(one) + canary, "payload: something follows the end of the JSON"},
		{"too much padding", encode(two) + "==", "payload: something follows the end of the JSON"},
		{"a sign after the base64", line + "!", "payload: something follows the end of the JSON"},

		{"cut in a text", text[:cut], "payload: the JSON is cut short"},
		{"cut after a key", `{"user"`, "payload: the JSON is cut short"},
		{"cut after a bracket", `{`, "payload: the JSON is cut short"},
		{"cut in base64", encode(text[:cut]), "payload: the JSON is cut short"},
		{"JSON with a stray comma", `{"user":"` + canary + `",}`, "payload: the text begins like JSON, but is not"},
		{"JSON in single quotes", `{'user':'` + canary + `'}`, "payload: the text begins like JSON, but is not"},
		{"JSON with a tab in a text", "{\"user\":\"" + canary + "\t\"}", "payload: the text begins like JSON, but is not"},
		{"JSON with the wrong bracket", `{"user":"a"]`, "payload: the text begins like JSON, but is not"},
		{"base64 of broken JSON", encode(`{"user":}`), "payload: the text begins like JSON, but is not"},

		{"not UTF-8", strings.Replace(text, canary, canary+"\xe9", 1), "payload: the JSON is not UTF-8"},
		{"not UTF-8 in base64", encode(strings.Replace(text, canary, canary+"\xe9", 1)), "payload: the JSON is not UTF-8"},
		{"not UTF-8 in a key", strings.Replace(text, `"user"`, "\"\xff\":1,\"user\"", 1), "payload: the JSON is not UTF-8"},
		{"half a pair", strings.Replace(text, canary, canary+`\ud800`, 1), loneSurrogate},
		{"half a pair in upper case", strings.Replace(text, canary, canary+`\uD83Dx`, 1), loneSurrogate},
		{"the other half", strings.Replace(text, canary, canary+`\udc00`, 1), loneSurrogate},
		{"two first halves", strings.Replace(text, canary, canary+`\ud83d\ud83d`, 1), loneSurrogate},
		{"half a pair after a backslash", strings.Replace(text, canary, canary+`\\\ud83d`, 1), loneSurrogate},
		{"half a pair and a letter", strings.Replace(text, canary, canary+`\ud83d\u0041`, 1), loneSurrogate},
		{"half a pair in a key", strings.Replace(text, `"user"`, `"\udfff":1,"user"`, 1), loneSurrogate},

		{"a list", "[" + text + "]", "payload: the JSON is a list, an object is needed"},
		{"a list in base64", encode("[]"), "payload: the JSON is a list, an object is needed"},
		{"a text in base64", encode(`"` + canary + `"`), "payload: the JSON is a string, an object is needed"},
		{"a number in base64", encode("42"), "payload: the JSON is a number, an object is needed"},
		{"null in base64", encode("null"), "payload: the JSON is null, an object is needed"},
		{"true in base64", encode("true "), "payload: the JSON is a bool, an object is needed"},
		{"too deep", strings.Replace(text, "{", `{"a":`+nested(32)+",", 1), "payload: lists and objects are nested deeper than 32 levels"},
		{"far too deep", strings.Repeat("[", 1<<20), "payload: lists and objects are nested deeper than 32 levels"},
		{"too many values", "[" + strings.Repeat("1,", 500_000) + "1]", "payload: there are more than 500000 values"},

		{"records as an object", payload(t, map[string]any{"records": map[string]any{}}), "records: the JSON is an object, a list is needed"},
		{"records as a number", payload(t, map[string]any{"records": 1}), "records: the JSON is a number, a list is needed"},
		{"records as a bool", payload(t, map[string]any{"records": false}), "records: the JSON is a bool, a list is needed"},
		{"records as the text of an object", payload(t, map[string]any{"records": "{}"}), "records: the JSON is an object, a list is needed"},
		{"records as base64 of an object", payload(t, map[string]any{"records": encode("{}")}), "records: the JSON is an object, a list is needed"},
		{"records not base64", payload(t, map[string]any{"records": "W10*" + canary}), "records: something follows the end of the JSON"},
		{"records with a wrong character", payload(t, map[string]any{"records": "W3s*" + canary}), "records: not base64, the first wrong character is at position 4"},
		{"records not JSON", payload(t, map[string]any{"records": encode(canary)}), "records: the base64 text does not hold JSON"},
		{"records cut short", payload(t, map[string]any{"records": encode(`[{"uid":"a"`)}), "records: the JSON is cut short"},
		{"records base64 cut short", payload(t, map[string]any{"records": encode(`[{"uid":"a"`)[:13]}), "records: the base64 text is cut short"},
		{"records twice", payload(t, map[string]any{"records": encode("[]") + encode("[]")}), "records: there are two of them, one is needed"},
		{"records twice as JSON", payload(t, map[string]any{"records": "[] []"}), "records: there are two of them, one is needed"},
		{"records and more", payload(t, map[string]any{"records": "[]" + canary}), "records: something follows the end of the JSON"},
		{"records malformed", payload(t, map[string]any{"records": "[" + canary + "]"}), "records: the text begins like JSON, but is not"},
		{"records not UTF-8", payload(t, map[string]any{"records": encode("[\"\xff\"]")}), "records: the JSON is not UTF-8"},
		{"records with half a pair", payload(t, map[string]any{"records": `["\ud800"]`}), strings.Replace(loneSurrogate, "payload", "records", 1)},
		{"records too deep", payload(t, map[string]any{"records": nested(33)}), "records: lists and objects are nested deeper than 32 levels"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := params.Read(strings.NewReader(test.input), params.Options{})
			if got := problems(t, err); len(got) != 1 || got[0] != test.want {
				t.Errorf("refused with %q, want %q", got, test.want)
			}
			if refusal := new(params.Error); !errors.As(err, &refusal) || len(refusal.Hints) != 1 {
				t.Errorf("hints are %q, want one", refusal.Hints)
			}
		})
	}
}

const loneSurrogate = `payload: the JSON has a \u escape that is half of a surrogate pair, so a text would not arrive as it was sent`

func TestReadCollectsFaults(t *testing.T) {
	tests := []struct {
		name, input string
		want        []string
	}{
		{"nothing in it", `{}`, []string{"payload: user is missing", "payload: newPassword is missing"}},
		{"null and empty", `{"user":null,"newPassword":""}`, []string{"payload: user is null", "payload: newPassword is empty"}},
		{"a blank user", payload(t, map[string]any{"user": " \t"}), []string{"payload: user is empty"}},
		{
			"wrong types",
			`{"user":["a"],"newPassword":12345678,"oldPassword":true,"providerRecordUid":{},"resourceRecordUid":1.5,"userRecordUid":[]}`,
			[]string{
				"payload: user is a list, a string is needed",
				"payload: newPassword is a number, a string is needed",
				"payload: oldPassword is a bool, a string is needed",
				"payload: providerRecordUid is an object, a string is needed",
				"payload: resourceRecordUid is a number, a string is needed",
				"payload: userRecordUid is a list, a string is needed",
			},
		},
		{"keys are exact", `{"User":"a","newpassword":"b"}`, []string{"payload: user is missing", "payload: newPassword is missing"}},
		{
			"known keys twice",
			`{"user":"a","user":"a","newPassword":"b","newPassword":"` + canary + `","newPassword":"d"}`,
			[]string{"payload: the key newPassword is there 3 times", "payload: the key user is there 2 times"},
		},
		{"an unknown key twice", `{"user":"a","newPassword":"b","` + canary + `":1,"` + canary + `":1}`, []string{"payload: a key is there more than once"}},
		{
			"records",
			payload(t, map[string]any{"records": []any{
				canary, map[string]any{"uid": "fine", "title": nil}, nil, map[string]any{"uid": 1}, map[string]any{"title": []any{canary}},
				map[string]any{"password": canary}, map[string]any{"uid": "", "title": " "}, map[string]any{"title": "fine"},
			}}),
			[]string{
				"records: record 1: it is a string, an object is needed",
				"records: record 3: it is null, an object is needed",
				"records: record 4: the uid is a number, a string is needed",
				"records: record 5: the title is a list, a string is needed",
				"records: record 6: it has neither a uid nor a title",
				"records: record 7: it has neither a uid nor a title",
			},
		},
		{
			"a uid twice", payload(t, map[string]any{"records": `[{"uid":"a","uid":"b"},{"title":"a","title":"a"}]`}),
			[]string{"records: record 1: the uid is there twice", "records: record 2: the title is there twice"},
		},
		{
			"two user records", payload(t, map[string]any{"records": `[{"uid":"user-uid","a":"1"},{"uid":"user-uid","a":"2"}]`}),
			[]string{"records: the PAM User's own record is there twice, with different content"},
		},
		{
			"payload and records", `{"user":"a","records":"[1]"}`,
			[]string{"payload: newPassword is missing", "records: record 1: it is a number, an object is needed"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := params.Read(strings.NewReader(test.input), params.Options{})
			got := problems(t, err)
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("refused with\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestReadSize(t *testing.T) {
	text := payload(t, nil)
	fill := func(size int) string { return text + strings.Repeat(" ", size-len(text)) }
	if _, err := params.Read(strings.NewReader(fill(params.MaxPayload)), params.Options{}); err != nil {
		t.Errorf("%d bytes are refused: %v", params.MaxPayload, err)
	}

	source := strings.NewReader(fill(params.MaxPayload + 1000))
	_, err := params.Read(source, params.Options{})
	if got := problems(t, err); got[0] != "payload: larger than 8388608 bytes" {
		t.Errorf("refused with %q", got)
	}
	if read := params.MaxPayload + 1000 - source.Len(); read > params.MaxPayload+1 {
		t.Errorf("%d bytes were read", read)
	}
}

func TestReadFailingReader(t *testing.T) {
	cause := errors.New("pipe broke")
	_, err := params.Read(io.MultiReader(strings.NewReader("eyJ1"), iotest.ErrReader(cause)), params.Options{})
	if !errors.Is(err, cause) {
		t.Errorf("error is %v", err)
	}
	var refusal *params.Error
	if errors.As(err, &refusal) {
		t.Error("a failing reader is taken for a fault of the input")
	}
}

func TestReadKeepsTexts(t *testing.T) {
	for name, text := range map[string]string{
		"pair escaped":          `"\ud83d\ude00"`,
		"pair escaped, upper":   `"\uD83D\uDE00"`,
		"backslash before u":    `"\\ud800"`,
		"replacement character": "\"\ufffd\"",
		"replacement escaped":   `"\ufffd"`,
		"escapes":               `"\b\f\n\r\t\/\"\\\u00e9\u0000"`,
		"white space":           `" \t "`,
		"base64 look-alike":     `"eyJ1c2VyIjoi"`,
	} {
		t.Run(name, func(t *testing.T) {
			var want string
			if err := json.Unmarshal([]byte(text), &want); err != nil {
				t.Fatal(err)
			}
			p := mustRead(t, `{"user":"a","newPassword":`+text+`}`)
			if got := p.NewPassword.Reveal(); got != want {
				t.Errorf("password is %q, want %q", got, want)
			}
		})
	}
	t.Run("32 levels", func(t *testing.T) {
		check(t, mustRead(t, strings.Replace(payload(t, nil), "{", `{"a":`+nested(31)+",", 1)))
	})
}

func TestParamsPrintNothing(t *testing.T) {
	p := mustRead(t, payload(t, map[string]any{"extra": canary}))
	text := fmt.Sprintf("%v %+v %#v %s %q", p, *p, p, p.Records, p.Records)
	encoded, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, output := range []string{text, string(encoded)} {
		if strings.Contains(output, canary) {
			t.Errorf("a value is printed: %s", output)
		}
		if !strings.Contains(output, "API Access Details") {
			t.Errorf("the title is missing: %s", output)
		}
	}
}

func TestReadSeals(t *testing.T) {
	records := []any{
		map[string]any{
			"uid": "access-uid", "title": "API Access Details", "type": "login-type", "login": "api-user", "url": "https://example.com",
			"password": "abc", "NOOP": "True", "Client ID": "client-one", "Scope": "public-scope", "Token URL": "public-address",
			"Verify TLS": "false", "PIN": "123", "notes": "jdoe@example.com", "Copy": "API Access Details", "Padded": "  padded-value ",
			"User Password": "jdoe@example.com", "Mixed": []any{"list-one", map[string]any{"hostName": "host-name", "port": "8443", "other": "inner-text"}},
			"Number": 1234567, "Access Key": 42424242, "Extra": `{"deep":["text-inside"],"url":"https://inside"}`,
			"keyPair": map[string]any{"publicKey": "public-key", "port": "77"},
		},
	}
	scrubber := secret.NewScrubber()
	text := payload(t, map[string]any{"newPassword": "n€w", "oldPassword": "jdoe@example.com", "user": "jdoe@example.com", "records": records})
	p, err := params.Read(strings.NewReader(text), params.Options{Scrubber: scrubber, PublicLabels: params.LabelSet{"scope": true, "tokenurl": true, "password": true}})
	if err != nil {
		t.Fatal(err)
	}
	if p.User != "jdoe@example.com" || p.NewPassword.Reveal() != "n€w" || p.OldPassword.Reveal() != "jdoe@example.com" {
		t.Error("sealing changed a value")
	}

	for _, sealed := range []string{
		"n€w", "jdoe@example.com", "abc", "client-one", "  padded-value ", "padded-value", "list-one", "inner-text", "42424242",
		"text-inside", "public-key", "77",
		encode("jdoe@example.com:n€w"), encode("api-user:abc"),
	} {
		if got := scrubber.Text(sealed); strings.Contains(got, sealed) {
			t.Errorf("%q is not sealed", sealed)
		}
	}

	// What is not sealed, in a scrubber that has not learned the user as a password.
	scrubber = secret.NewScrubber()
	delete(records[0].(map[string]any), "User Password")
	text = payload(t, map[string]any{"newPassword": "n€w!", "oldPassword": nil, "records": records})
	if _, err := params.Read(strings.NewReader(text), params.Options{Scrubber: scrubber, PublicLabels: params.LabelSet{"scope": true, "tokenurl": true}}); err != nil {
		t.Fatal(err)
	}
	for _, plain := range []string{
		"jdoe@example.com", "API Access Details", "access-uid", "login-type", "api-user", "https://example.com", "True", "false",
		"public-scope", "public-address", "host-name", "8443", "1234567", "https://inside",
	} {
		if got := scrubber.Text(plain); got != plain {
			t.Errorf("%q is sealed: %q", plain, got)
		}
	}
}

// bigPayload has 500 linked records of ten fields.
func bigPayload(t testing.TB) string {
	var records []any
	for i := range 500 {
		record := map[string]any{"uid": fmt.Sprint("uid-", i), "title": fmt.Sprint("Record ", i)}
		for j := range 10 {
			record[fmt.Sprint("Field ", j)] = fmt.Sprint("value ", i, " of field ", j)
		}
		records = append(records, record)
	}
	return encode(payload(t, map[string]any{"records": encode(toJSON(t, records))}))
}

func FuzzRead(f *testing.F) {
	text := payload(f, nil)
	for _, seed := range []string{
		text, encode(text), encode(text) + "\r\n", "\ufeff" + encode(text), toUTF16("\ufeff"+encode(text), binary.LittleEndian),
		toUTF16(text, binary.BigEndian), encode(text) + encode(text), text + text, `{"user":"a","newPassword":"\ud83d\ude00"}`,
		`{"user":"a","newPassword":"b","records":"W3sidWlkIjoiYSJ9XQ=="}`, nested(40), "", `""`, "[]", "eyJ=", encode("null"),
		`{"user":"a","newPassword":"b","records":[{"uid":"x","Access Record":["y"]},{"uid":"y","url":{"hostName":"h","port":"1"}}]}`,
	} {
		f.Add([]byte(seed), uint16(0))
		f.Add([]byte(seed), uint16(40))
	}
	for i, password := range conformance.Passwords() {
		f.Add([]byte(password), uint16(i))
	}
	f.Fuzz(func(t *testing.T, input []byte, cut uint16) {
		readAny(t, string(input))

		// The same bytes as a password that must not appear, in a payload that is
		// damaged somewhere.
		secretText := canary + strings.ToValidUTF8(string(input), "?")
		line := payload(t, map[string]any{"newPassword": secretText, "records": []any{map[string]any{"uid": "u", "password": secretText}}})
		p := mustRead(t, encode(line))
		if p.NewPassword.Reveal() != secretText {
			t.Errorf("password is %q, want %q", p.NewPassword.Reveal(), secretText)
		}
		for _, form := range []string{line, encode(line)} {
			at := int(cut) % len(form)
			for _, damaged := range []string{form[:at], form[:at] + form[min(at+1, len(form)):], form[:at] + "!" + form[at:]} {
				_, err := params.Read(strings.NewReader(damaged), params.Options{})
				if err != nil && strings.Contains(err.Error(), canary) {
					t.Errorf("error holds a value: %v", err)
				}
			}
		}
	})
}

// readAny reads an input of any kind and checks what holds for all of them.
func readAny(t *testing.T, input string) {
	p, err := params.Read(strings.NewReader(input), params.Options{Scrubber: secret.NewScrubber()})
	if err != nil {
		if p != nil {
			t.Error("there are params beside the error")
		}
		if got := problems(t, err); len(got) == 0 || got[0] == "" {
			t.Error("the error has no problem")
		}
		return
	}
	if strings.TrimSpace(p.User) == "" || !utf8.ValidString(p.User) {
		t.Errorf("user is %q", p.User)
	}
	if p.NewPassword.IsEmpty() || !utf8.ValidString(p.NewPassword.Reveal()) {
		t.Error("the new password is empty or not UTF-8")
	}
	if strings.HasPrefix(input, "{") && strings.HasSuffix(input, "}") && !json.Valid([]byte(input)) {
		t.Error("the input is not JSON")
	}
	if len(p.Shape()) < 2 {
		t.Error("the shape lacks the payload's keys")
	}
	if record, err := p.AccessRecord(""); err == nil && p.UserUID != "" && record.UID == p.UserUID {
		t.Error("the user record became the access record")
	}
}
