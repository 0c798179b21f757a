package conformance

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"pam-rotate-script/internal/api"
)

// nameSymbols are names with every ASCII symbol before the @ sign, and names that are
// one alone.
func nameSymbols() []string {
	var texts []string
	for _, symbol := range asciiSymbols {
		texts = append(texts, "jane"+string(symbol)+"x@example.com")
	}
	return append(texts, strings.Split("!#%&'*+,./:;?@\\|", "")...)
}

// A single dot or backslash is among nameSymbols.
var namePaths = []string{
	"..", "...", "../admin", "a/b", "a/", "a/../b", `..\admin`, `a\..\b`, "%2e", "%2e%2e", "%2e%2e%2fadmin", "%c0%ae%c0%ae", "%2f", "%3f", "%00", "%4", "%zz",
	"../admin@example.com", "..@example.com", "a/b@example.com", "%2e%2e@example.com", "../../configuration/passwords", "x@y/4711", "4711/../x@y", "a?x=1", "a#b", "a;b=c", "{user}", "{email}", "{key}", "~jane",
}

var nameControls = []string{
	"\x00", "a\x00b", "jane\x00@example.com", "jane@example.com\x00", "a\nb", "a\rb", "a\tb", "a\r\nX: 1", "jane@example.com\r\nBcc: x@example.com", "a\x1b[2Jb", "a\bb", "a\x7fb", "a\u0085b", "a\u2028b",
}

var nameBlanks = []string{
	"", "  ", "\t", "\n", " jane", "jane ", "jane doe", "jane\u00a0doe", "\u3000jane", "\ufeff", "\ufeffjane", " @example.com", "jane @ example.com",
}

var nameDirectories = []string{
	`DOMAIN\jane`, `.\jane`, `\jane`, `jane\`, "jane@DOMAIN", "CN=jane,OU=Users,DC=example,DC=com", `CN=Doe\, Jane,DC=example`, "AD+corp:jane", "LDAP+corp:jane", "local:jane", "other:jane",
	"S-1-5-21-1-2-3-500", "{5ca1ab1e-0000-4000-8000-0000000000aa}", "5ca1ab1e-0000-4000-8000-0000000000aa", "local:{5ca1ab1e-0000-4000-8000-0000000000aa}", "jane$", "jane,doe", "a:b",
}

// nameAddresses have every shape that RFC 5321, 5322 and 6531 allow.
var nameAddresses = []string{
	"jane@example.com", "jane.roe@example.com", "1234567890@example.com", "JANE@EXAMPLE.COM", "jane@Example.com",
	"jane+ops@example.com", "jane+@example.com", "o'neill@example.com", "jane%example.net@example.com", "host!jane@example.com", "!#$%&'*+-/=?^_`{|}~@example.com",
	`"jane"@example.com`, `"jane roe"@example.com`, `" "@example.com`, `""@example.com`, `"jane..roe"@example.com`, `"jane@home"@example.com`, `"jane\"roe"@example.com`, `"jane\\roe"@example.com`, `"jane/../roe"@example.com`, `"().,:;<>[]"@example.com`, `"very.(),:;<>[]\".VERY.\"very@\\ \"very\".unusual"@example.com`,
	"jane(comment)@example.com", "(comment)jane@example.com", "jane@(comment)example.com", "Jane Roe <jane@example.com>", "<jane@example.com>", "mailto:jane@example.com",
	"jane@localhost", "jane@example", "jane@192.0.2.1", "jane@[192.0.2.1]", "jane@[IPv6:2001:db8::1]", "jane@[IPv6:2001:db8:0:0:0:0:192.0.2.1]", "jane@[tag:content]", "jane@example.com.",
	"jane@xn--exmple-cua.com", "jane@exämple.com", "jane@EXÄMPLE.com", "zoë@exämple.com", "zoe\u0308@example.com", "用户@例子.广告", "квіточка@пошта.укр", "جين@مثال.إختبار", "ג׳יין@example.com", "I❤\ufe0fx@example.com", "😀@example.com", "慀@example.com", "jane@faß.de", "jane@example。com",
	fill("x", 64) + "@example.com", fill("x", 65) + "@example.com", "jane@" + strings.Repeat(fill("d", 62)+".", 3) + "com", fill("x", 64) + "@" + strings.Repeat(fill("d", 62)+".", 3) + "com", strings.Repeat("x", 1024) + "@example.com", strings.Repeat("x", 4096) + "@example.com", strings.Repeat("ü", 512) + "@example.com",
}

var nameNoAddresses = []string{
	"@@", "@example.com", "jane@", "jane@@example.com", "jane@roe@example.com", ".jane@example.com", "jane..roe@example.com", "jane@example..com", "jane@example.com,roe@example.com", "jane@example.com;roe@example.com", `jane"roe@example.com`, "jane@example.com/",
}

var nameNumbers = []string{
	"0", "1", "-1", "42", "4711", "+4711", "４７１１", "٤٧١١", "4711@", "@4711", "4711@example.com", "4711 ", "18446744073709551616", "1e309",
	"true", "false", "null", "self", "me",
}

var nameCode = []string{
	"' OR '1'='1", "jane'; DROP TABLE users; --", "*)(uid=*", "jane)(|(uid=*", `{"$ne":null}`, `["jane"]`, `"},{"userEmail":"x`, `"}, {"userName":"Abby.Smith`, `jane","admin":"true`, `\u006aane`, `\"jane\"`, "&#106;ane", "]]>", "$(id)", "${USER}", "%USERNAME%", "{{.User}}", "--user=jane", "@/etc/passwd", "https://example.com/jane",
}

var nameUnicode = []string{
	"慀", "zoë", "zoe\u0308", "ﬁona", "İlker", "\u017f", "\u212a", "\u212b", "\u00c5ke", "jane\u0301", "jane\u202e", "\u202ejane", "jane\u200b", "ja\u00adne", "jane\ufe0f", "\ufffd", "\U0010ffff", "👨\u200d👩\u200d👧", "j\u0430ne", "\uff0f", "\uff0e\uff0e", "\u2024\u2024", "\uff20", "jane\uff20example.com", "\u2024\u2024/admin",
}

// lookAlikes are names that a careless comparison, a normalisation or a second
// decoding takes for the account's own.
func lookAlikes(account string) []group {
	local, domain, _ := strings.Cut(account, "@")
	half := len(local) / 2
	var percent, entities, escapes, fullWidth, bold strings.Builder
	for _, r := range account {
		b := byte(r) // the account's name is ASCII
		percent.WriteString("%" + hex.EncodeToString([]byte{b}))
		entities.WriteString("&#x" + hex.EncodeToString([]byte{b}) + ";")
		escapes.WriteString(`\u00` + hex.EncodeToString([]byte{b}))
		fullWidth.WriteRune(r + 0xff01 - '!')
		switch {
		case 'a' <= r && r <= 'z':
			bold.WriteRune(r - 'a' + '𝐚')
		default:
			bold.WriteRune(r)
		}
	}
	swap := func(old, replacement string) string { return strings.Replace(account, old, replacement, 1) }
	outside := func(marks ...string) []string {
		var texts []string
		for _, mark := range marks {
			texts = append(texts, mark+account, account+mark)
		}
		return texts
	}
	inside := func(marks ...string) []string {
		var texts []string
		for _, mark := range marks {
			texts = append(texts, account[:half]+mark+account[half:])
		}
		return texts
	}
	return []group{
		{"look-alikes by case", []string{
			strings.ToUpper(account), strings.ToUpper(account[:1]) + account[1:], account[:len(account)-1] + strings.ToUpper(account[len(account)-1:]),
			strings.ToUpper(local) + account[len(local):], local + strings.ToUpper(account[len(local):]),
			swap("s", "\u017f"), swap("k", "\u212a"), swap("i", "\u0131"), swap("i", "\u0130"),
		}},
		{"look-alikes by characters", []string{
			swap("a", "\u0430"), swap("e", "\u0435"), swap("o", "\u043e"), swap("o", "\u03bf"), swap("o", "0"), swap("t", "\u0442"), swap("m", "rn"), swap("l", "1"), swap("l", "I"), swap("r", "\uff52"),
			fullWidth.String(), bold.String(), swap("e", "\u00e9"), swap("e", "e\u0301"), swap("o", "o\u0323"), swap("@", "\uff20"), swap("@", "\ufe6b"), swap(".", "\uff0e"), swap(".", "\u3002"), swap(".", "\u2024"), swap("com", "c\u03bfm"),
		}},
		{"look-alikes by what is not seen", append(outside("\u200b", "\ufeff", "\u202e"),
			inside("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u180e", "\ufe0f", "\u200e", "\u200f", "\u202e", "\u2066", "\U000e0020")...,
		)},
		{"look-alikes by blanks and control characters", append(outside(" ", "\n", "\r\n", "\x00", "\u00a0", "\u3000"), inside(" ", "\x00")...)},
		{"look-alikes by a part more or less", append(outside(".", "*", "x"),
			account[:len(account)-1], account[1:], local+"@", "@"+domain, local+"+x@"+domain, local+"."+"@"+domain, strings.Replace(local, ".", "", 1)+"@"+domain, swap(".", "X"), swap(".", ".."),
			account+".example.net", account+"@"+domain, "x@"+account, account+account, account+","+account, account+";"+account, account+" "+account, account[:half]+"*", "^"+account+"$", account+"|x",
		)},
		{"look-alikes by encoding", []string{
			percent.String(), strings.ToUpper(percent.String()), api.EscapeSegment(api.EscapeSegment(account)), "%" + hex.EncodeToString([]byte(account[:1])) + account[1:], "%25" + hex.EncodeToString([]byte(account[:1])) + account[1:],
			swap("@", "%40"), swap("@", "%2540"), swap(".", "%2E"), swap(".", "%2e"), account + "%00", account + "%20", account + "+", account + `\u0000`, account + `\0`,
			entities.String(), escapes.String(), base64.StdEncoding.EncodeToString([]byte(account)), hex.EncodeToString([]byte(account)), `"` + account + `"`, `'` + account + `'`, "`" + account + "`", `["` + account + `"]`, `\` + account, `{"user":"` + account + `"}`, "=?utf-8?q?" + account + "?=",
		}},
		{"look-alikes by place", []string{
			"/" + account, account + "/", account + "/..", "./" + account, "x/../" + account, account + "/../admin", account + "?x=1", account + "#x", account + ";x=1", account + "&x=1", account + `\`, `x\` + account, account + "/password",
			`DOMAIN\` + account, "AD+corp:" + account, "other:" + account, "uid=" + account, "CN=" + account + ",DC=example", "mailto:" + account, "<" + account + ">", "x <" + account + ">", "(x)" + account, account + "(x)", `"` + local + `"@` + domain, local + "%" + domain, domain + "!" + local, "https://" + account,
		}},
	}
}
