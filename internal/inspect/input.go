package inspect

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
)

// Input notes the form of what is read from it, and keeps a few bytes of its
// beginning and its end.
type Input struct {
	// From is what is read.
	From io.Reader

	mutex     sync.Mutex // a read that never ended may still go on
	head      []byte
	tail      []byte
	size      int
	lines     int
	wide      int // zero bytes
	notBase64 bool
}

const watchedBytes = 4

func (i *Input) Read(p []byte) (int, error) {
	n, err := i.From.Read(p)
	i.mutex.Lock()
	defer i.mutex.Unlock()
	for _, character := range p[:n] {
		if len(i.head) < watchedBytes {
			i.head = append(i.head, character)
		}
		switch {
		case character == '\n':
			i.lines++
		case character == 0:
			i.wide++
		case character >= 'a' && character <= 'z', character >= 'A' && character <= 'Z', character >= '0' && character <= '9',
			strings.IndexByte("+/=-_ \r\t\"'\xef\xbb\xbf\xff\xfe", character) >= 0:
		default:
			i.notBase64 = true
		}
	}
	i.tail = append(i.tail, p[:n]...)
	i.tail = slices.Clone(i.tail[max(0, len(i.tail)-watchedBytes):])
	i.size += n
	return n, err
}

// form tells what was noted. The bytes themselves stay here.
func (i *Input) form(kind string) StdinForm {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	found := StdinForm{Kind: kind, Lines: i.lines, KiB: (i.size + 1023) / 1024, LineEnd: "none"}
	tail := bytes.ReplaceAll(i.tail, []byte{0}, nil)
	switch {
	case bytes.HasSuffix(tail, []byte("\r\n")):
		found.LineEnd = "CR LF"
	case bytes.HasSuffix(tail, []byte("\n")):
		found.LineEnd = "LF"
	}
	if i.size > 0 && found.LineEnd == "none" {
		found.Lines++
	}
	first := bytes.TrimLeft(bytes.ReplaceAll(i.head, []byte{0}, nil), "\xef\xbb\xbf\xff\xfe \r\n")
	switch {
	case i.size == 0:
		found.Encoding = "nothing"
		return found
	case bytes.HasPrefix(first, []byte("{")):
		found.Encoding = "JSON"
	case !i.notBase64:
		found.Encoding = "base64"
	default:
		found.Encoding = "other"
	}
	switch {
	case bytes.HasPrefix(i.head, []byte("\xef\xbb\xbf")):
		found.Encoding += ", UTF-8 with a byte order mark"
	case bytes.HasPrefix(i.head, []byte("\xff\xfe")), bytes.HasPrefix(i.head, []byte("\xfe\xff")):
		found.Encoding += ", UTF-16 with a byte order mark"
	case i.wide > 0:
		found.Encoding += ", UTF-16 without a byte order mark"
	}
	return found
}
