package vault_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keeper-security/secrets-manager-go/core"

	"pam-rotate-script/internal/vault"
	"pam-rotate-script/internal/vault/vaulttest"
)

// ownKey opens the vault with a config of a Keeper that has a server key of its own.
func ownKey(t *testing.T, keeper *vaulttest.Keeper) *vault.Vault {
	config := with(t, keeper.OwnKeyConfig(), "x", "y")
	return open(t, keeper, func(options *vault.Options) {
		options.Getenv = func(string) string { return config }
	})
}

// TestServerKeyOfItsOwn: the stand-in decrypts the request with its own key, and nothing but
// that, and verifies the signature over it.
func TestServerKeyOfItsOwn(t *testing.T) {
	keeper, uid := userKeeper(t)
	opened := ownKey(t, keeper)
	if err := opened.Save(context.Background(), uid, token("canary-new")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(keeper.Text(uid), "canary-new") {
		t.Error("nothing was saved")
	}
	for _, call := range keeper.Calls() {
		if call.KeyID != keeper.OwnKeyConfig()["serverPublicKeyId"] {
			t.Errorf("sent %+v", call)
		}
	}
}

// TestServerKeyThatIsRefused: no other key is tried, since none could be right.
func TestServerKeyThatIsRefused(t *testing.T) {
	keeper, uid := userKeeper(t)
	keeper.Fail(vaulttest.Answer(401, `{"error":"key","key_id":8}`))
	_, err := ownKey(t, keeper).Record(context.Background(), uid)
	failure(t, err, vault.KindConfig, "serverPublicKey")
	if got := len(keeper.Calls()); got != 1 {
		t.Errorf("%d requests, want 1", got)
	}
}

// TestServed reads over a real connection, by way of a real proxy.
func TestServed(t *testing.T) {
	keeper, uid := userKeeper(t)
	served := keeper.Serve()
	proxy, err := url.Parse(served.Proxy)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM([]byte(served.Authority))
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: trusted}}
	defer transport.CloseIdleConnections()
	config := with(t, keeper.OwnKeyConfig(), "x", "y")
	opened, err := vault.Open(context.Background(), vault.Options{
		Getenv: func(string) string { return config }, Seam: &vault.Seam{Transport: transport, Context: new(*core.Context)},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	value, err := opened.Record(context.Background(), uid)
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, value)["login"]; got != "jdoe" {
		t.Errorf("read %v", got)
	}
}
