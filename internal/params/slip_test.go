package params

import (
	"strings"
	"testing"

	"pam-rotate-script/internal/secret"
)

// TestSlips shows what is said of secrets that were pasted with something along.
func TestSlips(t *testing.T) {
	for text, want := range map[string]struct{ slip, token, client string }{
		"":                    {},
		"eyJ.canary-_~+/=":    {},
		"canary\n":            {"a line break at the end", "one with a line break at the end", "one with a line break at the end"},
		"canary\r\n":          {"a line break at the end", "one with a line break at the end", "one with a line break at the end"},
		"canary ":             {"a blank at the end", "one with a blank at the end", ""},
		" canary":             {"a blank at the beginning", "one with a blank at the beginning", ""},
		" canary ":            {"a blank at both ends", "one with a blank at both ends", ""},
		"canary\u00a0":        {"a blank at the end", "one with a blank at the end", ""},
		"canary\t":            {"a tab at the end", "one with a tab at the end", "one with a tab at the end"},
		"\ufeffcanary":        {"a byte order mark at the beginning", "one with a byte order mark at the beginning", "one with a byte order mark at the beginning"},
		"canary\u200b":        {"an invisible character at the end", "one with an invisible character at the end", "one with an invisible character at the end"},
		"can\u200dary":        {"an invisible character in it", "one with an invisible character in it", "one with an invisible character in it"},
		"\u201ccanary\u201d":  {"a curly quote at both ends", "one with a curly quote at both ends", "one with a curly quote at both ends"},
		"canary\u2019":        {"a curly quote at the end", "one with a curly quote at the end", "one with a curly quote at the end"},
		`"canary"`:            {"quotes around it", "", ""},
		"Bearer canary":       {"the word Bearer in front", "one with the word Bearer in front", ""},
		"bearer eyJ.canary\n": {"a line break at the end", "one with a line break at the end", "one with a line break at the end"},
		"can ary":             {"", "one with a blank in it", ""},
		"can\x01ary":          {"", "one with control characters", "one with control characters"},
		"canäry":              {"", "one with characters that are not ASCII", ""},
		"can\nary":            {"a line break in it", "one with a line break in it", "one with a line break in it"},
		" can\x01ary":         {"a blank at the beginning", "one with a blank at the beginning", "one with control characters"},
	} {
		value := secret.New(text)
		if slip, token, client := Slip(value), TokenFault(value), ClientSecretFault(value); slip != want.slip || token != want.token || client != want.client {
			t.Errorf("%q: %q, as a token %q, as a client's secret %q", text, slip, token, client)
		}
		record := Record{UID: "a", fields: []recordField{{"password", "password", stringNode(text)}}}
		settings := NewSettings([]Field{{Label: "password", Kind: Secret}}, record, Record{}, nil, nil)
		if settings.Secret("password").Reveal() != text {
			t.Errorf("%q is altered", text)
		}
		warnings := strings.Join(settings.Warnings(), "|")
		if strings.Contains(warnings, "canary") || !strings.HasPrefix(want.slip, "the word") && ((warnings != "") != (want.slip != "") || !strings.Contains(warnings, want.slip)) {
			t.Errorf("%q: warnings %q", text, warnings)
		}
	}
}

// TestNoValue: what stands in the place of a password would become the password, and everybody knows it.
func TestNoValue(t *testing.T) {
	for _, text := range []string{"null", "None", "NIL", "undefined", "(null)", "<nil>", "[object Object]", "System.Security.SecureString", "System.Object[]", "[REDACTED]",
		"***", "********************", "\u2022\u2022\u2022\u2022", "\u25cf\u25cf\u25cf", "${newPassword}", "$(new_password)", "{{ new.password }}", "%NEWPASSWORD%", "$env:NEW_PASSWORD", "#{password}", "<%= password %>", "{password}",
		"$newPassword", "$password", "newPassword"} {
		if PasswordFault(secret.New(text)) != noValue {
			t.Errorf("%q is a password", text)
		}
		mayBeNamed := len(text) <= 4 || isVariableOfShell(text)
		if fault := NameFault(text); (fault != noValue) != mayBeNamed {
			t.Errorf("%q as a name: %q", text, fault)
		}
	}
	for _, text := range []string{"**", "*a*", "nulls", "No1ne", "${}", "{a}", "{p4ssw0rd!}", "%a b%", "Tr0ub4dor&3", "$ecret", "$2y$10$abc", "correct horse battery staple", "xxx", "{a,b}{c}", "$Password1"} {
		if fault := PasswordFault(secret.New(text)); fault != "" {
			t.Errorf("%q: %s", text, fault)
		}
		if fault := NameFault(text); fault != "" {
			t.Errorf("%q as a name: %s", text, fault)
		}
	}
}
