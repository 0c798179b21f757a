package sailpoint

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"pam-rotate-script/internal/simulator"
)

// keys holds the process's key of each size: making one is slow.
var keys = struct {
	sync.Mutex
	bySize map[int]*rsa.PrivateKey
}{bySize: make(map[int]*rsa.PrivateKey)}

// keyOfSize returns the process's key of that size in bits.
func keyOfSize(bits int) *rsa.PrivateKey {
	if bits < 1024 || bits > 2048 || bits%8 != 0 {
		panic(fmt.Sprintf("simulated SailPoint tenant: a key cannot have %d bits", bits))
	}
	keys.Lock()
	defer keys.Unlock()
	if keys.bySize[bits] == nil {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(fmt.Sprintf("simulated SailPoint tenant: make key: %v", err))
		}
		keys.bySize[bits] = key
	}
	return keys.bySize[bits]
}

// decrypt returns the password of a set-password request: one line of standard,
// padded base64 of the UTF-8 text under PKCS #1 v1.5 padding. Anything else is
// refused. A line break at the end is a part of the password like any other
// character, as the vendor takes it.
func (t *Tenant) decrypt(r *simulator.Request, encrypted string) (password string, ok bool) {
	if strings.ContainsAny(encrypted, "\r\n") {
		// The decoder below would skip them.
		r.Note("body: encryptedPassword is not on one line")
		return "", false
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(encrypted)
	if err != nil || len(decoded) != t.key.Size() {
		r.Note("body: encryptedPassword is not standard base64 with padding of as many bytes as the key has")
		return "", false
	}
	//lint:ignore SA1019 the vendor asks for this padding
	plain, err := rsa.DecryptPKCS1v15(nil, t.key, decoded)
	if err != nil || !utf8.Valid(plain) {
		r.Note("body: encryptedPassword is not UTF-8 encrypted for this key with PKCS #1 v1.5 padding")
		return "", false
	}
	return string(plain), true
}
