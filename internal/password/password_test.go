package password

import (
	"bytes"
	"testing"
)

// TestIndexHasNoBias: of all 256 values of a byte each index gets as many, and the rest
// are drawn anew.
func TestIndexHasNoBias(t *testing.T) {
	for _, size := range []int{1, 2, 10, 62, 89, 128, 255, 256} {
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		source := bytes.NewReader(every)
		counts := make([]int, size)
		for {
			place, err := index(source, size)
			if err != nil {
				break
			}
			counts[place]++
		}
		for place, count := range counts {
			if count != 256/size {
				t.Errorf("size %d: index %d came %d times of %d", size, place, count, 256/size)
			}
		}
	}
	if _, err := Generate(bytes.NewReader(nil), 8, []string{lowerCase}); err == nil {
		t.Error("a password was made of nothing")
	}
}
