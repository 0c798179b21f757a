package secret

import (
	"slices"
	"sort"
	"strings"
)

// span is a part of a text: the bytes from start up to, not including, end.
type span struct{ start, end int }

// spans are parts of a text in their order, none of which overlap.
type spans []span

// hide reports whether part is inside one of the spans. It drops those that end
// before part starts: ask for the parts of a text in the order of their starts.
func (s *spans) hide(part span) bool {
	rest := *s
	for len(rest) > 0 && rest[0].end <= part.start {
		rest = rest[1:]
	}
	*s = rest
	return len(rest) > 0 && rest[0].start <= part.start && part.end <= rest[0].end
}

// marks returns where Mask and withheld stand in text.
func marks(text string) spans {
	var found spans
	for start := 0; start < len(text); start++ {
		if text[start] != '[' {
			continue
		}
		for _, mark := range []string{Mask, withheld} {
			if strings.HasPrefix(text[start:], mark) {
				found = append(found, span{start, start + len(mark)})
			}
		}
	}
	return found
}

// search is one search of a text for the secrets that are known.
type search struct {
	known *known
	words bool // words of the vocabulary count too
	text  string
	marks spans
	read  window
	found []span
	work  int // how many characters may yet be compared
}

// A search compares a few characters for each of a text. Secrets and texts that repeat
// themselves could let it compare each with each: then it gives up.
const (
	leastWork = 1 << 20
	workEach  = 16
)

// find returns the parts of text that show a secret, in no certain order. Where
// several secrets begin at one place it returns the longest. Parts of a mark
// that an earlier replacement has left are not counted. With words, it finds
// words of the vocabulary too. If it is not complete it has given up.
func (k *known) find(text string, words bool) (found []span, complete bool) {
	if len(k.sought)+len(k.logins) == 0 || len(text) < shortest {
		return nil, true
	}
	s := search{known: k, words: words, text: text, marks: marks(text), work: leastWork + workEach*len(text)}
	s.all()
	return s.found, s.work > 0
}

// clean reports whether a text is certain to show no secret outside of its own parts.
func (k *known) clean(text string, own spans) bool {
	found, complete := k.find(text, false)
	return complete && len(outside(found, own)) == 0
}

// layer is a reading that was searched, with the escapes that are left in it.
type layer struct {
	reading
	escapes
}

// escapes says what a reading has that another can decode. One that has none of
// a kind would only be read a second time, so that decoding is left out.
type escapes struct {
	backslash, ldap, octal, percent, plus, reference bool
	row                                              bool // of digits, as the reading's rows say
	zero, zeros                                      bool // a zero byte, and another one two bytes later
}

// all searches all ways to read the text that can give anything new.
func (s *search) all() {
	const deepest = 3 // JSON in a JSON string, with a backslash of its own
	outer := []layer{s.through(asIs(s.text))}
	for outer[len(outer)-1].backslash && len(outer) <= deepest {
		outer = append(outer, s.through(remembering(backslashed(outer[len(outer)-1].reading))))
	}
	outer = outer[:min(len(outer), deepest)]

	inner := slices.Clone(outer)
	for _, base := range outer {
		inner = append(inner, s.throughURL(base)...)
		if base.reference {
			s.throughEscaped(entityEncoded(base.reading))
		}
		if base.ldap {
			s.through(numbered(base.reading, ldap))
		}
		if base.octal {
			s.through(numbered(base.reading, octal))
		}
	}
	for _, base := range inner {
		digits := s.throughEscaped(base64Encoded(base.reading))
		s.throughURL(digits)
		if digits.row {
			s.through(base64Encoded(remembering(digits.reading)))
		}
		bytes := []layer{base, digits}
		if base.row {
			bytes = append(bytes, s.throughEscaped(hexEncoded(base.reading)))
		}
		for _, base := range bytes {
			// Half of an ASCII character is a zero in UTF-16.
			if base.zeros || base.zero && s.known.wide || s.known.foreign {
				s.through(utf16Encoded(base.reading, 0))
				s.through(utf16Encoded(base.reading, 1))
			}
		}
	}
}

// throughURL searches base as a part of a URL or a form, and as one that was
// encoded twice. It returns the readings in which other encodings can stand.
func (s *search) throughURL(base layer) (paths []layer) {
	for range 2 {
		if base.plus && s.known.blank {
			s.throughEscaped(percentEncoded(base.reading, true))
		}
		if !base.percent {
			return paths
		}
		if s.known.latin {
			s.through(latinEncoded(base.reading))
		}
		base = s.throughEscaped(remembering(percentEncoded(base.reading, false)))
		paths = append(paths, base)
	}
	return paths
}

// throughEscaped searches r, and r as JSON.
func (s *search) throughEscaped(r reading) layer {
	searched := s.through(r)
	if searched.backslash {
		s.through(backslashed(r))
	}
	return searched
}

// through searches one way to read the text.
func (s *search) through(r reading) layer {
	searched := layer{reading: r}
	left := s.marks
	// How many digits in a row end before a place.
	var rows []uint8
	if r.rows != nil {
		rows = make([]uint8, len(s.text)*r.phases+1)
	}
	for place := range len(s.text) * r.phases {
		if s.work <= 0 {
			break
		}
		first := r.at(place)
		if first.kind == nothing {
			continue
		}
		lead := first.firstByte()
		if rows != nil && first.kind == oneByte && !searched.row {
			row := rows[place]
			switch {
			case r.rows.digits[lead]:
				row++
				searched.row = row == r.rows.least
			case !r.rows.gaps[lead]:
				row = 0
			}
			if next := min(first.next, len(rows)-1); rows[next] < row {
				rows[next] = row
			}
		}
		switch lead {
		case '\\':
			searched.backslash = searched.backslash || r.unescape(first) != first
			searched.ldap = searched.ldap || r.unnumber(first, ldap) != first
			searched.octal = searched.octal || r.unnumber(first, octal) != first
		case '%':
			searched.percent = searched.percent || r.unpercent(first) != first
		case '&':
			searched.reference = searched.reference || r.unreference(first) != first
		case '+':
			searched.plus = true
		case 0:
			searched.zero = true
			searched.zeros = searched.zeros || r.at(r.at(first.next).next).is(0)
		}
		if !s.known.first[lead] {
			continue
		}
		hit := span{place / r.phases, s.match(r, first)}
		if hit.end > 0 && !left.hide(hit) {
			s.found = append(s.found, hit)
		}
	}
	return searched
}

// match returns where the longest secret ends that r shows from the unit first
// on, or 0 if there is none.
func (s *search) match(r reading, first unit) (end int) {
	s.read.open(r, first)
	if !s.read.widen(shortest) {
		return 0
	}
	key := [shortest]byte(s.read.bytes[:shortest])
	end = s.longest(s.known.sought[key])
	if r.base64 {
		end = max(end, s.longest(s.known.logins[key]))
	}
	return end
}

// longest returns where the longest secret of a list ends with which the window begins, or 0.
func (s *search) longest(list []sought) (end int) {
	// Those that agree with the text so far are a part of the list, since it is in order.
	for size := shortest; len(list) > 0 && s.work > 0; size++ {
		for len(list) > 0 && len(list[0].value.Reveal()) == size {
			if !list[0].word || s.words {
				end = s.read.ends[size-1]
			}
			list = list[1:]
		}
		if len(list) == 0 || !s.read.widen(size+1) {
			break
		}
		s.work--
		next := s.read.bytes[size]
		if len(list) == 1 {
			if list[0].value.Reveal()[size] != next {
				break
			}
			continue
		}
		list = list[sort.Search(len(list), func(i int) bool { return list[i].value.Reveal()[size] >= next }):]
		list = list[:sort.Search(len(list), func(i int) bool { return list[i].value.Reveal()[size] > next })]
	}
	return end
}
