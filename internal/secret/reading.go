package secret

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// reading is one way to decode a text. It can begin at any place, whatever
// stands before: a secret that somebody put behind a lone backslash is found as
// well as any other.
type reading struct {
	// phases is how many places there are for each byte of the text. The places
	// of byte i are i*phases and those after it.
	phases int
	// base64 says that the text is read as base64.
	base64 bool
	// at returns the unit at a place, which may lie behind the text.
	at func(place int) unit
}

// unit is what a reading finds at one place: a byte or a character. The zero
// unit says that the text cannot be read so there.
type unit struct {
	kind  kind
	value rune
	next  int // the place of the unit that follows
	end   int // where the unit ends in the text
}

// kind says what the value of a unit is.
type kind uint8

const (
	nothing   kind = iota
	oneByte        // every ASCII character is one
	character      // any other, which counts as its bytes in UTF-8
)

// is reports whether u is the ASCII character.
func (u unit) is(character byte) bool { return u.kind == oneByte && u.value == rune(character) }

// asByte returns u with another value.
func (u unit) asByte(value byte) unit {
	u.kind, u.value = oneByte, rune(value)
	return u
}

// asRune returns u with another value: U+FFFD if there is no such character.
func (u unit) asRune(value rune) unit {
	switch {
	case 0 <= value && value < utf8.RuneSelf:
		u.kind, u.value = oneByte, value
	case utf8.ValidRune(value):
		u.kind, u.value = character, value
	default:
		u.kind, u.value = character, utf8.RuneError
	}
	return u
}

// firstByte returns the first byte that u stands for.
func (u unit) firstByte() byte {
	if u.kind == oneByte {
		return byte(u.value)
	}
	var encoded [utf8.UTFMax]byte
	utf8.EncodeRune(encoded[:], u.value)
	return encoded[0]
}

// readings returns all ways to read text that can give anything new.
func readings(text string) []reading {
	plain := asIs(text)
	all := []reading{plain}
	outer := []reading{plain}
	if strings.Contains(text, `\`) {
		once := backslashed(plain)
		twice := backslashed(once) // JSON in a JSON string
		all = append(all, once, twice, backslashed(twice))
		outer = append(outer, once)
		if strings.Contains(text, `\\`) {
			outer = append(outer, twice)
		}
	}
	inner := slices.Clone(outer)
	for i, base := range outer {
		// Behind a backslash any character can hide.
		hidden := i > 0 && (strings.Contains(text, `\u`) || strings.Contains(text, `\x`))
		if hidden || strings.Contains(text, "%") {
			path := percentEncoded(base, false)
			all = append(all, path, backslashed(path))
			inner = append(inner, path)
		}
		if hidden || strings.Contains(text, "+") {
			form := percentEncoded(base, true)
			all = append(all, form, backslashed(form))
		}
		if hidden || strings.Contains(text, "&") {
			page := entityEncoded(base)
			all = append(all, page, backslashed(page))
		}
	}
	for _, base := range inner {
		digits := base64Encoded(base)
		all = append(all, hexEncoded(base), digits, backslashed(digits))
		for _, bytes := range []reading{base, digits} {
			all = append(all, utf16Encoded(bytes, 0), utf16Encoded(bytes, 1))
		}
	}
	return all
}

// asIs reads the bytes of text.
func asIs(text string) reading {
	return reading{phases: 1, at: func(place int) unit {
		if place >= len(text) {
			return unit{}
		}
		return unit{oneByte, rune(text[place]), place + 1, place + 1}
	}}
}

// backslashed reads the escapes of JSON strings and of quoted Go strings.
func backslashed(base reading) reading {
	decoded := base
	decoded.at = func(place int) unit {
		first := base.at(place)
		if !first.is('\\') {
			return first
		}
		second := base.at(first.next)
		if second.kind != oneByte {
			return first
		}
		switch letter := byte(second.value); letter {
		case '\\', '/', '"', '\'':
			return second
		case 'x':
			if value, last := base.number(second.next, 2); last.kind != nothing {
				return last.asByte(byte(value))
			}
		case 'u':
			if value, last := base.number(second.next, 4); last.kind != nothing {
				if low, end := base.surrogate(last.next); utf16.IsSurrogate(value) && end.kind != nothing {
					if pair := utf16.DecodeRune(value, low); pair != utf8.RuneError {
						return end.asRune(pair)
					}
				}
				return last.asRune(value)
			}
		case 'U':
			if value, last := base.number(second.next, 8); last.kind != nothing {
				return last.asRune(value)
			}
		default:
			if i := strings.IndexByte("abfnrtv", letter); i >= 0 {
				return second.asByte("\a\b\f\n\r\t\v"[i])
			}
		}
		return first
	}
	return decoded
}

// surrogate reads the escape \uXXXX, and returns its value and its last unit,
// the zero unit if there is none.
func (r reading) surrogate(place int) (rune, unit) {
	first := r.at(place)
	if !first.is('\\') {
		return 0, unit{}
	}
	second := r.at(first.next)
	if !second.is('u') {
		return 0, unit{}
	}
	return r.number(second.next, 4)
}

// number reads hexadecimal digits, and returns their value and the last of
// them, the zero unit if there are not that many.
func (r reading) number(place, digits int) (value rune, last unit) {
	for range digits {
		last = r.at(place)
		if last.kind != oneByte {
			return 0, unit{}
		}
		digit, ok := hexDigit(byte(last.value))
		if !ok {
			return 0, unit{}
		}
		value = value<<4 | rune(digit)
		place = last.next
	}
	return value, last
}

func hexDigit(character byte) (value byte, ok bool) {
	switch {
	case '0' <= character && character <= '9':
		return character - '0', true
	case 'a' <= character && character <= 'f':
		return character - 'a' + 10, true
	case 'A' <= character && character <= 'F':
		return character - 'A' + 10, true
	}
	return 0, false
}

// percentEncoded reads the escapes of URLs; with form, a plus sign is a blank.
func percentEncoded(base reading, form bool) reading {
	decoded := base
	decoded.at = func(place int) unit {
		first := base.at(place)
		if form && first.is('+') {
			return first.asByte(' ')
		}
		if first.is('%') {
			if value, last := base.number(first.next, 2); last.kind != nothing {
				return last.asByte(byte(value))
			}
		}
		return first
	}
	return decoded
}

// entities are the named characters that HTML and XML encoders write.
var entities = map[string]rune{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\'', "nbsp": '\u00a0'}

// longestEntity is the most characters that an encoder puts between & and ;.
const longestEntity = len("#1114111")

// entityEncoded reads the character references of HTML and XML.
func entityEncoded(base reading) reading {
	decoded := base
	decoded.at = func(place int) unit {
		first := base.at(place)
		if !first.is('&') {
			return first
		}
		var name []byte
		for next := first.next; len(name) <= longestEntity; {
			last := base.at(next)
			if last.kind != oneByte {
				return first
			}
			if last.is(';') {
				if character, ok := entity(string(name)); ok {
					return last.asRune(character)
				}
				return first
			}
			name = append(name, byte(last.value))
			next = last.next
		}
		return first
	}
	return decoded
}

func entity(name string) (rune, bool) {
	number, ok := strings.CutPrefix(name, "#")
	if !ok {
		character, ok := entities[name]
		return character, ok
	}
	radix := 10
	if digits := strings.TrimLeft(number, "xX"); digits != number {
		number, radix = digits, 16
	}
	value, err := strconv.ParseUint(number, radix, 31)
	return rune(value), err == nil
}

// hexEncoded reads two hexadecimal digits as a byte.
func hexEncoded(base reading) reading {
	decoded := base
	decoded.at = func(place int) unit {
		value, last := base.number(place, 2)
		if last.kind == nothing {
			return last
		}
		return last.asByte(byte(value))
	}
	return decoded
}

// base64Values has the value of each digit of the standard and the URL alphabet,
// and noDigit for any other byte.
var base64Values = func() (values [1 << 8]byte) {
	for i := range values {
		values[i] = noDigit
	}
	for i, digit := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		values[digit] = byte(i)
	}
	values['-'], values['_'] = values['+'], values['/']
	return values
}()

const noDigit = 1 << 6

// base64Encoded reads base64 in both alphabets. A byte begins 0, 2 or 4 bits
// into a digit: those are the three phases. base must have one phase.
func base64Encoded(base reading) reading {
	return reading{phases: 3, base64: true, at: func(place int) unit {
		high := base.at(place / 3)
		if high.kind != oneByte || base64Values[byte(high.value)] == noDigit {
			return unit{}
		}
		low := base.at(high.next)
		if low.kind != oneByte || base64Values[byte(low.value)] == noDigit {
			return unit{}
		}
		phase := place % 3
		skipped := 2 * phase
		value := base64Values[byte(high.value)]<<(2+skipped) | base64Values[byte(low.value)]>>(4-skipped)
		next := 3*high.next + phase + 1
		if phase == 2 {
			next = 3 * low.next
		}
		return unit{oneByte, rune(value), next, low.end}
	}}
}

// utf16Encoded reads two bytes as a UTF-16 code unit; high is the index of the
// more significant one: 0 big-endian, 1 little-endian.
func utf16Encoded(base reading, high int) reading {
	codeUnit := func(place int) (rune, unit) {
		first := base.at(place)
		if first.kind != oneByte {
			return 0, unit{}
		}
		second := base.at(first.next)
		if second.kind != oneByte {
			return 0, unit{}
		}
		pair := [2]byte{byte(first.value), byte(second.value)}
		return rune(pair[high])<<8 | rune(pair[1-high]), second
	}
	decoded := base
	decoded.at = func(place int) unit {
		value, last := codeUnit(place)
		if last.kind == nothing {
			return last
		}
		if utf16.IsSurrogate(value) {
			if low, end := codeUnit(last.next); end.kind != nothing {
				if pair := utf16.DecodeRune(value, low); pair != utf8.RuneError {
					return end.asRune(pair)
				}
			}
		}
		return last.asRune(value)
	}
	return decoded
}

// window is the beginning of what a reading makes of a text from one place on.
type window struct {
	reading reading
	next    int
	bytes   []byte
	ends    []int // for each of bytes, where its unit ends in the text
}

// open lets w begin anew, with the unit first.
func (w *window) open(r reading, first unit) {
	w.reading, w.bytes, w.ends = r, w.bytes[:0], w.ends[:0]
	w.take(first)
}

func (w *window) take(u unit) {
	if u.kind == oneByte {
		w.bytes = append(w.bytes, byte(u.value))
	} else {
		w.bytes = utf8.AppendRune(w.bytes, u.value)
	}
	for len(w.ends) < len(w.bytes) {
		w.ends = append(w.ends, u.end)
	}
	w.next = u.next
}

// widen makes w at least size bytes long and reports whether there are as many.
func (w *window) widen(size int) bool {
	for len(w.bytes) < size {
		u := w.reading.at(w.next)
		if u.kind == nothing {
			return false
		}
		w.take(u)
	}
	return true
}
