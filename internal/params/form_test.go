package params_test

import (
	"testing"

	"pam-rotate-script/internal/params"
)

func TestSameButForm(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"jos\u00e9", "jose\u0301", true},
		{"jose\u0301", "jos\u00e9", true},
		{"\u00c5sa", "A\u030asa", true},
		{"\u1ec7", "\u00ea\u0323", true},
		{"\u1ec7", "e\u0323\u0302", true},
		{"\u30ac", "\u30ab\u3099", true},
		{"\ud55c", "\u1112\u1161\u11ab", true},
		{"\u0439", "\u0438\u0306", true},
		{"jos\u00e9", "jos\u00e9", false},
		{"jose", "jose", false},
		{"jose", "jose\u0301", false},
		{"jose", "jos\u00e9", false},
		{"jos\u00e9", "jos\u00e9x", false},
		{"jos\u00e9", "josf\u0301x", false},
		{"\u4e2d", "\u4e2e", false},
		{"\xe9", "e\u0301", false},
		{"", "", false},
		{"", "\u0301", false},
	} {
		if got := params.SameButForm(test.a, test.b); got != test.want {
			t.Errorf("SameButForm(%+q, %+q) = %t", test.a, test.b, got)
		}
		if test.want && (!params.HasTwoForms(test.a) || !params.HasTwoForms(test.b)) {
			t.Errorf("%+q and %+q have two forms", test.a, test.b)
		}
	}
	for text, want := range map[string]bool{"jdoe": false, "svc_1@example.com": false, "\u4e2d\u6587": false, "\u0434\u043e": true, "\u20ac": false} {
		if got := params.HasTwoForms(text); got != want {
			t.Errorf("HasTwoForms(%+q) = %t", text, got)
		}
	}
}
