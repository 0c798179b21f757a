package targettest

import "strings"

// Passwords are new passwords that break programs which put text together instead
// of data.
func Passwords() []string {
	passwords := []string{
		" leading blank 1aA", "trailing blank 1aA ", "tab\tinside 1aA", "line\nend inside 1aA", "ends in line end 1aA\n",
		"carriage\r\nreturn 1aA", "nul\x00inside 1aA",
		`"quoted" 1aA`, `back\slash 1aA`, `\u0000 as text 1aA`, `\"}, {"x": 1aA`, "`backtick` 1aA", "$(command) ${VAR} 1aA",
		"%41%00%2F percent 1aA", "a&b=c+d;e 1aA", "<script>&amp; 1aA", "'; DROP TABLE users; -- 1aA", "{user} {{.}} 1aA",
		"pässwörd ßµ 1aA", "пароль-密码-パス 1aA", "emoji 😀🔑 1aA", "combining e\u0301 1aA", "right \u202eto left 1aA", "line \u2028 sep 1aA",
		"https://user:pw@example.com/?q=1#f1aA", "eyJhIjoiYiJ9.c2lnbmF0dXJl.1aA==", "true", "null", "1234567890123456789012345",
		`{"newPassword":"x","aA":1}`, "[1,2,3]aA", "Bearer abcdefghijk1A", "~tilde~underscore_1aA", "colon:colon:1aA",
		strings.Repeat("aA1!", 32), strings.Repeat("aA1!", 64), strings.Repeat("ü1!A", 256), strings.Repeat("xY9#", 1024),
	}
	for _, symbol := range "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" {
		passwords = append(passwords, "Aa1"+string(symbol)+"Password", strings.Repeat(string(symbol), 2)+"Aa1Password9")
	}
	return passwords
}

// UserNames are names that must never address an account of another name.
func UserNames() []string {
	return []string{
		".", "..", "../admin", "a/../b", "%2e%2e", "%2e%2e%2fadmin", "?", "#", "a?x=1", "a#b", "a;b", "\x00", "a\x00b", "a\nb", "a\r\nX: 1",
		"rotated.user@example.com\x00", "rotated.user@example.com/", "rotated.user@example.com/../admin", "rotated.user@example.co",
		" rotated.user@example.com", "rotated.user@example.com ", "rotated%2Euser@example.com", "rotated.user%40example.com",
		"rotated.user@example.com?x", "rotated.user@example.com#x", "42", "4711", "*", "rotated.user@*", "x@y/4711", "慀", "慀@example.com",
		"ｒotated.user@example.com", "rotated.user@exаmple.com", "\u202erotated.user@example.com", "DOMAIN\\rotated.user", "{user}",
		strings.Repeat("x", 4096) + "@example.com",
	}
}
