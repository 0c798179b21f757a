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
