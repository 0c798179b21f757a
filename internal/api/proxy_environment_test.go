package api_test

import (
	"strings"
	"testing"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/secret"
)

// TestProxyOfTheEnvironment: what is no proxy's address is refused, and never shown.
func TestProxyOfTheEnvironment(t *testing.T) {
	for text, fine := range map[string]bool{
		"": true, "proxy:8080": true, "proxy.example.com": true, "http://proxy:8080/": true, "HTTP://proxy:8080": true, "https://proxy": true,
		"socks5://127.0.0.1:1080": true, "socks5h://proxy": true, "http://[::1]:8080": true, "http://jane:pass%25word@proxy:8080": true, "jane:canary@proxy:8080": true,
		" ": false, " http://proxy:8080": false, "http://proxy:8080\n": false, "http://": false, "http://:8080": false, "http:/proxy": false, "proxy:canary": false,
		"http://jane:canary%word@proxy:8080": false, "http://jane:canary#word@proxy:8080": false, "http://jane:canary/word@proxy:8080": false, "http://jane:1234#canary@proxy:80": false, "jane:1234/canary@proxy:80": false,
		"ftp://proxy": false, "htp://proxy:8080": false, "http://http://proxy:8080": false, "DIRECT proxy": false,
	} {
		for _, variable := range []string{"HTTPS_PROXY", "https_proxy"} {
			t.Run(variable+"="+text, func(t *testing.T) {
				t.Setenv("HTTPS_PROXY", "")
				t.Setenv("https_proxy", "")
				t.Setenv(variable, text)
				client, err := api.NewClient(api.Config{Vendor: "example", Scrubber: secret.NewScrubber()})
				if client != nil {
					client.Close()
				}
				if (err == nil) != fine {
					t.Fatal(err)
				}
				if err == nil {
					return
				}
				fault := api.AsError(err)
				if fault == nil || fault.Class != api.ClassNetwork || fault.Left || !strings.HasPrefix(fault.Error(), "example: read "+variable+": ") ||
					strings.Contains(fault.Error()+strings.Join(fault.Hints, ""), "canary") {
					t.Errorf("%+v", fault)
				}
			})
		}
	}
	// Who brings a transport along asks no proxy.
	t.Setenv("HTTPS_PROXY", "http://")
	transport, err := api.NewTransport(api.Trust{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.NewClient(api.Config{Vendor: "example", Transport: transport}); err != nil {
		t.Error(err)
	}
}

// TestExemptions: forms of NO_PROXY that other programs take and net/http does not are warned of,
// where they mean the host and it is reached through the proxy nevertheless.
func TestExemptions(t *testing.T) {
	cases := []struct {
		list, host string
		warned     bool
	}{
		{"localhost tpp.example.com", "tpp.example.com", true}, {"localhost;tpp.example.com", "tpp.example.com", true}, {"a|b|*.example.com", "tpp.example.com", true},
		{`"localhost,tpp.example.com"`, "tpp.example.com", true}, {"https://tpp.example.com", "tpp.example.com", true}, {"https://tpp.example.com/vedsdk", "tpp.example.com", true},
		{"*example.com", "tpp.example.com", true}, {"tpp.*.com", "tpp.example.com:8443", true}, {"tpp-*", "tpp-1.example.com", true}, {".tpp.example.com", "tpp.example.com", true},
		{"tpp.example.com.", "tpp.example.com", true}, {"tpp.example.com", "tpp.example.com.", true}, {"tpp.example.com/", "tpp.example.com", true}, {"tpp.example.com:*", "tpp.example.com", true},
		{"10.*", "10.1.2.3", true}, {"10.1.", "10.1.2.3", true}, {"10.1.2.3 ; 10.2.0.0/16", "10.2.3.4:8443", true}, {"[fd00::1]", "[fd00::1]", true}, {"fd00::/8 x", "[fd00::1]:8443", true},
		{"<local>", "tpp", true}, {"localhost *", "tpp.example.com", true}, {"TPP.Example.COM x", "tpp.example.com", true}, {"'*.example.com'", "example.com", true},
		{"https://tpp.example.com:8443", "tpp.example.com:8443", true}, {"tpp.example.com:443;", "tpp.example.com", true},

		{"", "tpp.example.com", false}, {"localhost;127.0.0.1", "tpp.example.com", false}, {"<local>", "tpp.example.com", false}, {"10.*", "110.1.2.3", false}, {"10.1.", "10.10.2.3", false},
		{"other.example.com", "tpp.example.com", false}, {"tpp.example.com:8443", "tpp.example.com", false}, {"ample.com x", "tpp.example.com", false}, {"10.0.0.0/8 192.168.0.0/16", "tpp.example.com", false},
		{"tpp.example.com", "tpp.example.com.evil.example", false}, {"/ : , [] * .", "", false}, {"[", "tpp.example.com", false}, {"tpp.example.com*com", "tpp.example.com", false},
	}
	for _, c := range cases {
		for _, variable := range []string{"NO_PROXY", "no_proxy"} {
			t.Setenv("NO_PROXY", "")
			t.Setenv("no_proxy", "")
			t.Setenv(variable, c.list)
			if c.host != "" && api.Exempts(c.host) != c.warned {
				t.Errorf("%s=%s, %s: %v", variable, c.list, c.host, !c.warned)
			}
		}
	}
	// Behind the other spelling, which counts only where the first is empty.
	t.Setenv("NO_PROXY", "localhost")
	t.Setenv("no_proxy", "tpp.example.com")
	if !api.Exempts("tpp.example.com") {
		t.Error("the second spelling is not read")
	}
}
