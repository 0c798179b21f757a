package sailpoint

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
)

// TestKeySizes: a key that is too small protects nothing, and one that is too large takes hours.
func TestKeySizes(t *testing.T) {
	for bits, fault := range map[uint]string{1000: "1024 bits or more", 1024: "", 8192: "", 8193: "beyond 8192 bits", 1 << 20: "beyond 8192 bits"} {
		modulus := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), bits-1), big.NewInt(1))
		encoded, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: modulus, E: 65537})
		if err != nil {
			t.Fatal(err)
		}
		_, err = readKey(base64.StdEncoding.EncodeToString(encoded))
		if (err == nil) != (fault == "") || err != nil && !strings.Contains(err.Error(), fault) {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}
