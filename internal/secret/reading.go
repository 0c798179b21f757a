package secret

import (
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
	// rows are those of digits by which to tell whether the reading may be decoded further; nil
	// if it is not.
	rows *rows
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

// remembered is how many units a reading that others decode further keeps: more
// than they look ahead for one unit of their own, but for rare escapes.
const remembered = 1 << 6

// remembering returns base, with a memory of the units that it found last. So
// each unit is decoded about once, however many readings are made of this one.
func remembering(base reading) reading {
	var places [remembered]int // each place plus 1, so that 0 is none
	var units [remembered]unit
	again := base
	again.at = func(place int) unit {
		slot := place % remembered
		if places[slot] != place+1 {
			places[slot], units[slot] = place+1, base.at(place)
		}
		return units[slot]
	}
	return again
}

// asIs reads the bytes of text.
func asIs(text string) reading {
	return reading{phases: 1, rows: ofHexadecimal, at: func(place int) unit {
		if place >= len(text) {
			return unit{}
		}
		return unit{oneByte, rune(text[place]), place + 1, place + 1}
	}}
}

// backslashed reads the escapes of JSON strings and of quoted Go strings.
func backslashed(base reading) reading {
	decoded := base
	decoded.at = func(place int) unit { return base.unescape(base.at(place)) }
	return decoded
}

// unescape returns the character for which an escape with a backslash stands
// that begins with first; first itself if none does.
func (r reading) unescape(first unit) unit {
	if !first.is('\\') {
		return first
	}
	second := r.at(first.next)
	if second.kind != oneByte {
		return first
	}
	switch letter := byte(second.value); letter {
	case '\\', '/', '"', '\'':
		return second
	case 'x':
		if value, last := r.number(second.next, 2); last.kind != nothing {
			return last.asByte(byte(value))
		}
	case 'u':
		if value, last := r.number(second.next, 4); last.kind != nothing {
			if utf16.IsSurrogate(value) {
				if low, end := r.surrogate(last.next); end.kind != nothing {
					if pair := utf16.DecodeRune(value, low); pair != utf8.RuneError {
						return end.asRune(pair)
					}
				}
			}
			return last.asRune(value)
		}
	case 'U':
		if value, last := r.number(second.next, 8); last.kind != nothing {
			return last.asRune(value)
		}
	default:
		if i := strings.IndexByte("abfnrtv", letter); i >= 0 {
			return second.asByte("\a\b\f\n\r\t\v"[i])
		}
	}
	return first
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
		return base.unpercent(first)
	}
	return decoded
}

// latinEncoded reads what JavaScript's escape writes, and servers whose pages are in ISO
// 8859-1: two digits are a character, not a byte of UTF-8.
func latinEncoded(base reading) reading {
	decoded := base
	decoded.at = func(place int) unit {
		first := base.at(place)
		read := base.unpercent(first)
		if read != first && read.kind == oneByte {
			return read.asRune(read.value)
		}
		return read
	}
	return decoded
}

// unpercent does what unescape does, for an escape of URLs.
func (r reading) unpercent(first unit) unit {
	if !first.is('%') {
		return first
	}
	if value, last := r.number(first.next, 2); last.kind != nothing {
		return last.asByte(byte(value))
	}
	// What JavaScript's escape and ASP write.
	if second := r.at(first.next); second.is('u') {
		if value, last := r.number(second.next, 4); last.kind != nothing {
			if utf16.IsSurrogate(value) {
				if mark := r.at(last.next); mark.is('%') && r.at(mark.next).is('u') {
					if low, end := r.number(r.at(mark.next).next, 4); end.kind != nothing {
						if pair := utf16.DecodeRune(value, low); pair != utf8.RuneError {
							return end.asRune(pair)
						}
					}
				}
			}
			return last.asRune(value)
		}
	}
	return first
}

// radix is a way to write a byte as a backslash and its number.
type radix struct{ base, digits int }

var (
	ldap  = radix{16, 2} // filters and names of LDAP
	octal = radix{8, 3}  // shells, C, Git
)

// numbered reads a backslash and a number as a byte.
func numbered(base reading, as radix) reading {
	decoded := base
	decoded.at = func(place int) unit {
		first := base.at(place)
		if read := base.unnumber(first, as); read != first {
			return read
		}
		return base.unescape(first)
	}
	return decoded
}

// unnumber does what unescape does, for a backslash and a number.
func (r reading) unnumber(first unit, as radix) unit {
	if !first.is('\\') {
		return first
	}
	value, place, last := 0, first.next, unit{}
	for range as.digits {
		if last = r.at(place); last.kind != oneByte {
			return first
		}
		digit, ok := hexDigit(byte(last.value))
		if !ok || int(digit) >= as.base {
			return first
		}
		value, place = value*as.base+int(digit), last.next
	}
	return last.asByte(byte(value))
}

// longestEntity is the most characters that an encoder puts between & and ;.
const longestEntity = len("#1114111")

// entityEncoded reads the character references of HTML and XML.
func entityEncoded(base reading) reading {
	decoded := base
	decoded.at = func(place int) unit { return base.unreference(base.at(place)) }
	return decoded
}

// unreference does what unescape does, for a character reference.
func (r reading) unreference(first unit) unit {
	if !first.is('&') {
		return first
	}
	var name [longestEntity]byte
	length := 0
	for next := first.next; ; length++ {
		last := r.at(next)
		switch {
		case last.is(';'):
			if character, ok := entity(string(name[:length])); ok {
				return last.asRune(character)
			}
			return first
		case last.kind != oneByte || length == longestEntity:
			return first
		}
		name[length] = byte(last.value)
		next = last.next
	}
}

func entity(name string) (rune, bool) {
	number, ok := strings.CutPrefix(name, "#")
	if !ok {
		character, ok := entities()[name]
		return character, ok
	}
	radix := 10
	if digits := strings.TrimLeft(number, "xX"); digits != number {
		number, radix = digits, 16
	}
	value, err := strconv.ParseUint(number, radix, 31)
	return rune(value), err == nil
}

// whiteSpace is what counts as a blank where a text is set anew: in base64 that
// is broken into lines, or in HTML.
const whiteSpace = " \t\r\n\f"

// characters is a set of ASCII characters, by their codes.
type characters [1 << 8]bool

func newCharacters(list string) *characters {
	var set characters
	for _, character := range []byte(list) {
		set[character] = true
	}
	return &set
}

var (
	betweenDigits = newCharacters(whiteSpace)         // in base64
	betweenBytes  = newCharacters(":-," + whiteSpace) // in hexadecimal
)

// rows are digits that may show a secret where enough of them stand in a row.
type rows struct {
	digits, gaps *characters
	least        uint8 // show the shortest secret, wherever in a digit its first byte begins
}

var (
	ofHexadecimal = &rows{newCharacters("0123456789abcdefABCDEF"), betweenBytes, 2 * shortest}
	// Any word of six letters is one, so that only what base64 encodes is looked at.
	ofBase64 = &rows{newCharacters(base64Digits + "-_"), betweenDigits, (8*shortest + 5) / 6}
)

// skip returns the first place from place on that is none of those in gap, and
// the unit there. It is called for what follows something only, so that a text
// is not walked through again for each character of a long gap.
func (r reading) skip(place int, gap *characters) (int, unit) {
	for {
		u := r.at(place)
		if u.kind != oneByte || !gap[u.value] {
			return place, u
		}
		place = u.next
	}
}

// hexEncoded reads two hexadecimal digits as a byte. Between bytes there may be
// colons, dashes, commas and white space.
func hexEncoded(base reading) reading {
	decoded := base
	decoded.rows = nil
	decoded.at = func(place int) unit {
		value, last := base.number(place, 2)
		if last.kind == nothing {
			return last
		}
		last.next, _ = base.skip(last.next, betweenBytes)
		return last.asByte(byte(value))
	}
	return decoded
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// base64Values has the value of each digit of the standard and the URL alphabet,
// and noDigit for any other byte.
var base64Values = func() (values [1 << 8]byte) {
	for i := range values {
		values[i] = noDigit
	}
	for i, digit := range []byte(base64Digits) {
		values[digit] = byte(i)
	}
	values['-'], values['_'] = values['+'], values['/']
	return values
}()

const noDigit = 1 << 6

// base64Encoded reads base64 in both alphabets. A byte begins 0, 2 or 4 bits
// into a digit: those are three phases for each of base. Between digits there may be
// white space.
func base64Encoded(base reading) reading {
	return reading{phases: 3 * base.phases, base64: true, rows: ofBase64, at: func(place int) unit {
		high := base.at(place / 3)
		if high.kind != oneByte || base64Values[byte(high.value)] == noDigit {
			return unit{}
		}
		behind, low := base.skip(high.next, betweenDigits)
		if low.kind != oneByte || base64Values[byte(low.value)] == noDigit {
			return unit{}
		}
		phase := place % 3
		skipped := 2 * phase
		value := base64Values[byte(high.value)]<<(2+skipped) | base64Values[byte(low.value)]>>(4-skipped)
		next := 3*behind + phase + 1
		if phase == 2 {
			behind, _ = base.skip(low.next, betweenDigits)
			next = 3 * behind
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
	decoded.rows = nil
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
