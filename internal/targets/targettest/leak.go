package targettest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf16"
)

// FindSecret returns how a secret stands in text ("raw", "base64"), or "" if it
// does not. It looks for each encoding by making it, which is another way than the
// scrubber's of reading them. Secrets of less than four bytes are not looked for: any
// text holds them.
func FindSecret(text, secret string) string {
	if len(secret) < 4 {
		return ""
	}
	for _, form := range encodings(secret) {
		if len(form.text) >= 4 && strings.Contains(text, form.text) {
			return form.name
		}
	}
	return ""
}

type encoding struct{ name, text string }

func encodings(secret string) []encoding {
	forms := []encoding{
		{"raw", secret},
		{"escaped for a path", url.PathEscape(secret)},
		{"escaped for a query", url.QueryEscape(secret)},
		{"escaped for a query, %20", strings.ReplaceAll(url.QueryEscape(secret), "+", "%20")},
		{"hexadecimal", hex.EncodeToString([]byte(secret))},
		{"hexadecimal, upper case", strings.ToUpper(hex.EncodeToString([]byte(secret)))},
	}
	if quoted, err := json.Marshal(secret); err == nil {
		forms = append(forms, encoding{"escaped for JSON", strings.Trim(string(quoted), `"`)})
	}
	for shift := range 3 {
		// The characters that the bytes before and behind have no part in.
		shifted := append(make([]byte, shift), secret...)
		whole := len(shifted) / 3 * 4
		from := (shift*8 + 5) / 6
		for name, alphabet := range map[string]*base64.Encoding{"base64": base64.StdEncoding, "base64 for URLs": base64.URLEncoding} {
			if encoded := alphabet.EncodeToString(shifted); whole > from {
				forms = append(forms, encoding{name, encoded[from:whole]})
			}
		}
	}
	var little, big []byte
	for _, unit := range utf16.Encode([]rune(secret)) {
		little = append(little, byte(unit), byte(unit>>8))
		big = append(big, byte(unit>>8), byte(unit))
	}
	return append(forms, encoding{"UTF-16", string(little)}, encoding{"UTF-16", string(big)})
}
