package secret_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"pam-rotate-script/internal/secret"
)

// BenchmarkRun measures what scrubbing costs one run: to learn its secrets and
// to print 20 lines.
func BenchmarkRun(b *testing.B) {
	lines := map[string]string{
		"json":    `{"level":"info","target":"teramind","method":"POST","host":"vendor.example.com","path":"/tm-api/agent/{id}","status":200,"duration":312,"attempt":1,"time":"2026-11-22T10:00:00Z","message":"call answered"}` + "\n",
		"escaped": `{"level":"error","target":"teramind","status":400,"message":"the vendor said \"no such user \u0026 no such group\" at 100% load, see \u003chttps:\/\/vendor.example.com\/help?q=a%20b\u003e for more"}` + "\n",
	}
	for _, count := range []int{10, 5000} {
		for _, kind := range []string{"json", "escaped"} {
			b.Run(fmt.Sprintf("%d secrets/%s", count, kind), func(b *testing.B) {
				random := rand.New(rand.NewPCG(1, 2))
				secrets := make([]string, count)
				for i := range secrets {
					text := make([]byte, 8+random.IntN(24))
					for j := range text {
						text[j] = byte('!' + random.IntN('~'-'!'+1))
					}
					secrets[i] = string(text)
				}
				line := []byte(lines[kind])
				b.ReportAllocs()
				for b.Loop() {
					scrubber := secret.NewScrubber("changed", "not-changed", "unknown", "level", "message")
					for _, text := range secrets {
						scrubber.Seal(text)
					}
					w := scrubber.Writer(io.Discard, secret.JSON)
					for range 20 {
						_, _ = w.Write(line)
					}
				}
			})
		}
	}
}

// BenchmarkMarks measures Text where every byte belongs to a mark and shows a
// secret: the time for each byte must not grow with the size.
func BenchmarkMarks(b *testing.B) {
	for _, size := range []int{16 << 10, 64 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("%d KiB", size>>10), func(b *testing.B) {
			scrubber := secret.NewScrubber()
			scrubber.Add(secret.New("se"), secret.New("ret"), secret.New("secret"))
			text := strings.Repeat(secret.Mask, size/len(secret.Mask))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				_ = scrubber.Text(text)
			}
		})
	}
}
