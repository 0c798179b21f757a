package conformance

import "strings"

// symbols are every ASCII symbol alone, doubled, and doubled before and single inside
// an otherwise ordinary password.
func symbols() []string {
	var texts []string
	for _, symbol := range asciiSymbols {
		s := string(symbol)
		texts = append(texts, s, s+s, s+s+"Aa1"+s+"Password")
	}
	return texts
}

// controls are every ASCII control character inside an otherwise ordinary password.
func controls() []string {
	var texts []string
	for control := range rune(' ') {
		texts = append(texts, "Aa1"+string(control)+"Password")
	}
	return append(texts, "Aa1\x7fPassword", "\x00", "\x00\x00\x00\x00", "\x00Aa1Password", "Aa1Password\x00", "\x1b[31mAa1\x1b[0m", "\x1b]0;Aa1\a",
		"Aa1\b\b\bPassword", "Aa1\u0080Password", "Aa1\u009b31mPassword")
}

// lengths are all lengths up to 16, the powers of two up to 4,096 bytes with their
// neighbours, and limits that vendors are known to have: 72 bytes (bcrypt), 150
// characters (One Identity), 245 bytes (RSA-2048).
func lengths() []string {
	var texts []string
	for size := range 17 {
		texts = append(texts, "aB3$eF7*iJ1-mN5+"[:size])
	}
	for power := 32; power <= 4096; power *= 2 {
		for _, size := range []int{power - 1, power, power + 1} {
			texts = append(texts, fill("aB3$", size))
		}
	}
	for _, size := range []int{72, 73, 150, 151, 245, 246} {
		texts = append(texts, fill("xY9#", size))
	}
	// Of characters with two to four bytes, so that a cut by bytes parts one.
	return append(texts, "ü", "密", "🔑", fill("ü", 71), fill("密", 256), fill("🔑", 245), fill("ü1!A", 1280), fill("密🔑", 4095),
		strings.Repeat("a", 150), strings.Repeat(" ", 64), strings.Repeat(`\`, 255), strings.Repeat(`"`, 256), strings.Repeat("%", 1000))
}

var quotesAndBackslashes = []string{
	`"quoted" 1aA`, `"Aa1Password9"`, `'Aa1Password9'`, "`Aa1Password9`", `"Aa1Password`, `Aa1Password"`, `'"'"'`, `'\''`, `"""`, `'''`,
	`back\slash 1aA`, `\\\Aa1`, `\\server\Aa1`, `\"`, `\'`, `\\\"`, `\"}, {"x": 1aA`, `Aa1\`, `Aa1\\\`, `^"Aa1^"`,
	"“Aa1Password”", "‘Aa1Password’", "„Aa1Password“", "＂Aa1＇", "′Aa1″", "＼Aa1∖", "¥Aa1₩",
}

var substitutions = []string{
	"${}", "${VAR}1aA", "$VAR1aA", "$$1aA", "$(id)1aA", "`id`1aA", "%PATH%1aA", "!PATH!1aA", "$env:PATH1aA",
	"${jndi:ldap://127.0.0.1/1aA}", "#{1+1}aA", "${7*7}aA", "$1aA", "$&1aA", `\1aA`, "^a^b1A",
}

var escapesAsText = []string{
	"%41", "%00", "%41%00%2F percent 1aA", "%u0041Aa1", "Aa1%", "Aa1%4", "%C3%A4Aa1", "%c3%28Aa1", "a+b%20c1A",
	`\u0000`, `\u0000 as text 1aA`, `\u0041Aa1`, `\\u0041Aa1`, `\x00Aa1`, `\0Aa1`, `\nAa1`, `\r\nAa1`,
	"^@Aa1", "=41=0D=0AAa1", "=?utf-8?B?QWEx?=", "+AGE-Aa1", "xn--mnchen-3yaAa1", "&#x41;Aa1", "&#0;Aa1", "Ã¤Aa1",
}

var outerBlanks = []string{
	" leading blank 1aA", "trailing blank 1aA ", "  two  inside  1aA  ", "\tleading tab 1aA",
	"\nleading line end 1aA", "ends in line end 1aA\n", "ends in two line ends 1aA\n\n", "ends in CRLF 1aA\r\n", "ends in CR 1aA\r", "line\nend inside 1aA", "carriage\r\nreturn 1aA",
	"\t", "\n", "\r\n", " \t\r\n", "\u0085Aa1\u0085", "\u00a0Aa1\u00a0", "\u3000Aa1\u3000", "\u2028Aa1\u2028",
	"line \u2028 separator 1aA", "\u200bAa1\u200b", "\ufeffAa1", "Aa1\ufeff", "\ufeff", "\u00a0",
}

var unicodeTexts = []string{
	"pässwörd ßµ 1aA", "пароль-密码-パス 1aA",
	// One character in two ways: whoever normalises changes one of them.
	"é1aA", "e\u03011aA", "\u212bAa1", "\u00c5Aa1", "A\u030aAa1", "\uac00Aa1", "\u1100\u1161Aa1", "ﬁAa1", "①Ａａ１",
	"\u0301Aa1", "Aa1\u0301", "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334Aa1",
	// Case that does not come back.
	"İıAa1", "ẞßſAa1", "\u212aelvinAa1",
	// Bytes of UTF-16 or of old encodings that look like ASCII.
	"慀Aa1", "∀Aa1", "屜Aa1", "\u0a0d\u0d0aAa1", "表示ソ能Aa1",
	"١٢٣Aa", "１２３Aa", "𝟏𝟐𝟑Aa", "𠜎𠜱Aa1", "\u00adAa1", "\u034fAa1", "\ufff9Aa1\ufffa\ufffb",
}

var rightToLeft = []string{
	"right \u202eto left 1aA", "\u202eAa1Password", "Aa1Password\u202e", "\u202dAa1\u202c", "\u2066Aa1\u2069",
	"\u200eAa1\u200f", "\u061cAa1", "סיסמהAa1", "كلمةAa1", "שָׁלוֹםAa1", "Aa1(سر)9",
}

var emoji = []string{
	"emoji 😀🔑 1aA", "😀", "🔑🔑", "👨\u200d👩\u200d👧\u200d👦Aa1", "👍🏽Aa1", "🇨🇭Aa1", "1\ufe0f\u20e3Aa", "❤\ufe0fAa1", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007fAa1", "\U000e0041Aa1",
	"\ufe0fAa1",
}

var nearSurrogates = []string{
	`\ud83d\ude00`, `\ud83d`, `\ude00`, `\uD800\uD800Aa1`, `\ude00\ud83dAa1`, `\ud83dAa1\ude00`, `\\ud83d\\ude00`, "&#55357;&#56832;", "&#xD83D;&#xDE00;", "%ED%A0%BD%ED%B8%80",
	"\ufffdAa1", "\ufffeAa1", "\uffffAa1", "\U0010ffffAa1", "\ud7ff\ue000Aa1", "\U00010000Aa1",
}

var likeJSON = []string{
	`{}Aa1`, `[]Aa1`, `{"newPassword":"x","aA":1}`, `[1,2,3]aA`, `"text"1aA`, `","admin":true,"x":"1aA`, `"}]},1aA`, `{"$ne":null}`, `{"a":{"a":{"a":1}}}A`,
	`null`, `true`, `false`, `NaN`, `None`, `{"a":1}{"b":2}A`, `)]}',1aA`, "key: 1aA", "---\nAa1: 1\n...", "a,b;c\t1A",
	"=1+1aA", "+1aA", "=cmd|' /C calc'!A0a",
}

var likeBase64 = []string{
	"QUJDRA==", "eyJhIjoiYiJ9.c2lnbmF0dXJl.1aA==", "eyJuZXdQYXNzd29yZCI6IngifQ==", "-_-_Aa1-", "+/+/Aa1+", "TVqQAAMAAAAEAAAA", "data:text/plain;base64,QWEx",
	"deadBEEF", "48656c6c6f", "5Ca1ab1e-0000-4000-8000-0000000000aA", "{SSHA}QWExUGFzc3dvcmQ=", "$2y$10$Aa1Aa1Aa1Aa1Aa1Aa1Aa1u", "-----BEGIN PRIVATE KEY-----\nAa1\n-----END PRIVATE KEY-----",
}

var likeNumbers = []string{
	"0", "0123", "1e309", "3.14", "0x1F", "9007199254740993", "18446744073709551616", "1234567890123456789012345", "00000000", "2024-02-30T25:61:61Z",
	"TRUE", "yes", "no", "NULL", "N/A", "-Infinity",
}

var likeURLs = []string{
	"https://user:pw@example.com/?q=1#f1aA", "javascript:alert(1)", "file:///etc/passwd", "keeper://Aa1/field/password",
	"?a=1&b=2;c=A", "a=1&newPassword=A", "a&b=c+d;e 1aA", "#/users/1aA", "[::1]:443", "ldap://127.0.0.1/Aa1", "https://example.com/%zz",
}

var likeHTTP = []string{
	"X: 1\r\nSet-Cookie: a=A", "\r\n\r\nGET / HTTP/1.1\r\nHost: a1A\r\n\r\n", "Basic dXNlcjpwYXNzMUE=", "Bearer abcdefghijk1A", "colon:colon:1aA", ":Aa1", "::Aa1::",
	"session_id=Aa1; Path=/", `a;filename="Aa1"`, `Digest realm="Aa1"`, "\"Aa1\", charset=\"UTF-8\"", "Content-Length: 0Aa",
}

var likeShell = []string{
	"; rm -rf /1aA", "| cat 1aA", "> /dev/null1A", "$(command) ${VAR} 1aA", "$IFS1aA", "--help", "--1aA", "*1aA", "\\\nAa1",
	"\"; Get-Process #1A", "`nAa1", "@'\nAa1\n'@", "\x1aAa1\x04", "__import__('os')1A",
}

var likeQueries = []string{
	"' OR '1'='1", "' OR 1=1 --aA", `" or ""="1A`, "'; DROP TABLE users; -- 1aA", "') OR ('1'='1", `\'; -- 1aA`, "%_1aA",
	"*)(uid=*1A", `\2a\28Aa1`, "CN=Aa1,DC=x", "' or count(/*)=1 or 'A", "{\"$gt\":\"\"}aA1",
}

var likeMarkup = []string{
	"<script>&amp; 1aA", "<script>alert(1)</script>A", "&amp;1aA", "&lt;1aA&gt;", "&notanentity;1aA", "<![CDATA[1aA]]>", "]]>1aA", "<!--1aA-->",
	"<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>&b;1A", "\"><img src=x onerror=alert(1)>A", "*bold* _under_ `code` 1A", "<%1aA%>",
}

var likeTemplates = []string{
	"%s", "%s%s%s%n1aA", "%v%+v%#v1A", "%!s(MISSING)1aA", "%[1]q1aA", "%99999d1aA", "{0}1aA",
	"{{.NewPassword}}1A", "{user} {{.}} 1aA", "{user}", "{password}1A", "{{7*7}}aA", "<%= 7*7 %>aA", "[[${7*7}]]aA", "[secret]1aA",
}

var likePaths = []string{
	"/etc/passwd", "../../etc/passwd1A", `..\..\1aA`, `C:\Windows\win.ini`, `\\.\pipe\1aA`, "/dev/null", "CON", "NUL.1aA", "a/b1A", "file.txt:stream1A", "%TEMP%\\1aA", "@/etc/passwd", "a\x00.png1A",
}

var likeAccounts = []string{
	corpusUser, corpusUser + ":1aA", `DOMAIN\user1A`, "local:1aA", "API Access Details", "127.0.0.1", "::1", "password1A",
}
