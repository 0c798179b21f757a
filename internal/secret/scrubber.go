package secret

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"
)

// withheld is what Text and a Writer show in place of a whole text.
const withheld = "[withheld]"

// shortest is the length in bytes from which on a secret is searched for in
// streams: shorter ones would shred every line.
const shortest = 4

// maxRounds bounds how often one text is searched again after a replacement. A
// second round finds nothing unless a secret is made of parts of Mask.
const maxRounds = 16

// Scrubber knows the secrets of one run and takes them out of text, whatever
// encoding they stand in. Each occurrence becomes Mask, overlapping ones become
// one Mask together, and none is left. What is scrubbed already stays as it is.
//
// Make known what is secret and nothing else: a Scrubber that knows the word
// "user" as a secret makes its text hard to read.
//
// A nil *Scrubber knows nothing and leaves all text alone. The zero Scrubber is
// ready for use and has no vocabulary. A Scrubber is safe for concurrent use
// and must not be copied. Nothing prints what it knows.
type Scrubber struct {
	mutex sync.RWMutex
	// known sits behind a closure for the reason that a Value's text does. It
	// is nil as long as nothing is known.
	known func() *known
}

// NewScrubber returns a Scrubber that knows no secret yet. The vocabulary is
// the words that the program itself prints: outcomes, classes, JSON keys and
// the like. A secret that is such a word or a part of one tells nobody
// anything when it is printed, so a Writer leaves it alone.
func NewScrubber(vocabulary ...string) *Scrubber {
	k := &known{vocabulary: strings.Join(vocabulary, wordBreak)}
	return &Scrubber{known: func() *known { return k }}
}

// Seal returns text as a Value that s knows.
func (s *Scrubber) Seal(text string) Value {
	value := New(text)
	s.Add(value)
	return value
}

// Add makes values known. Empty values, and those known already, change nothing.
func (s *Scrubber) Add(values ...Value) {
	s.learn(false, values...)
}

// SealLogin makes password known, and with it the base64 form of
// "user:password" that HTTP Basic authentication sends. That form is found even
// if the password alone is too short to be searched for. An empty password
// changes nothing.
func (s *Scrubber) SealLogin(user string, password Value) {
	if password.IsEmpty() {
		return
	}
	s.Add(password)
	s.learn(true, New(user+":"+password.Reveal()))
}

func (s *Scrubber) learn(login bool, values ...Value) {
	if s == nil {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.known == nil {
		k := &known{}
		s.known = func() *known { return k }
	}
	for _, value := range values {
		s.known().add(value, login)
	}
}

// Text returns foreign text, a vendor's error message say, without secrets. It
// is stricter than a Writer, since no part of such a text can be relied on: a
// secret counts even if it is a word of the vocabulary, and where one of less
// than 4 bytes stands in the text as it is, the whole text becomes "[withheld]".
// Call it before the text is cut to a length, or the rest of a secret that was
// cut in two goes unnoticed.
func (s *Scrubber) Text(text string) string {
	return s.with(text, (*known).scrubForeign)
}

// with returns what scrub makes of text, or text itself if nothing is known.
func (s *Scrubber) with(text string, scrub func(*known, string) string) string {
	if s == nil {
		return text
	}
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	for s.known != nil && len(s.known().unordered) > 0 {
		s.mutex.RUnlock()
		s.mutex.Lock()
		s.known().order()
		s.mutex.Unlock()
		s.mutex.RLock()
	}
	if s.known == nil {
		return text
	}
	return scrub(s.known(), text)
}

// Format writes Mask for every verb and flag.
func (s *Scrubber) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, Mask) }

// wordBreak stands between two words of the vocabulary.
const wordBreak = "\x00"

// known is what a Scrubber knows. Its zero value knows nothing.
type known struct {
	vocabulary string // the words, with wordBreak between them
	seen       map[sighting]struct{}
	short      map[string]struct{}         // the secrets below the shortest that is searched for
	sought     map[[shortest]byte][]sought // all others by their first bytes, each list in order
	logins     map[[shortest]byte][]sought // each "user:password", of interest in base64 only
	unordered  map[[shortest]byte]struct{} // whose list has yet to be put in order
	first      [1 << 8]bool                // the first byte of each key of sought
	blank      bool                        // a secret that is sought has a blank
	foreign    bool                        // one begins with a character that is not ASCII
	wide       bool                        // one has a character that is not ASCII
	latin      bool                        // one has a character of ISO 8859-1 that is not ASCII
}

// sighting tells a secret that is known already.
type sighting struct {
	text  string
	login bool
}

// sought is one secret to search for, in the plain or as a login.
type sought struct {
	value Value
	word  bool // it is part of the vocabulary
}

func (k *known) add(value Value, login bool) {
	text := value.Reveal()
	if _, ok := k.seen[sighting{text, login}]; ok || text == "" {
		return
	}
	if k.seen == nil {
		k.seen = make(map[sighting]struct{})
		k.short = make(map[string]struct{})
		k.sought = make(map[[shortest]byte][]sought)
		k.logins = make(map[[shortest]byte][]sought)
		k.unordered = make(map[[shortest]byte]struct{})
	}
	k.seen[sighting{text, login}] = struct{}{}
	if len(text) < shortest {
		if !login {
			k.short[text] = struct{}{}
		}
		return
	}
	k.seek(value, login)
	if !utf8.ValidString(text) {
		// JSON and UTF-16 have no way to write such a text; their encoders put
		// U+FFFD for each byte that they cannot write.
		k.seek(New(string([]rune(text))), login)
	}
	// Browsers, and programs that make one line of several, print it so.
	if strings.ContainsAny(text, whiteSpace) {
		if collapsed := collapse(text); collapsed != text && len(collapsed) >= shortest {
			k.seek(New(collapsed), login)
		}
	}
}

func (k *known) seek(value Value, login bool) {
	text := value.Reveal()
	word := strings.Contains(k.vocabulary, text) && !strings.Contains(text, wordBreak)
	key := [shortest]byte([]byte(text[:shortest]))
	// A login begins with the user's name, which stands in many a text.
	if login {
		k.logins[key] = append(k.logins[key], sought{value, word})
	} else {
		k.sought[key] = append(k.sought[key], sought{value, word})
	}
	k.unordered[key] = struct{}{}
	k.first[key[0]] = true
	k.blank = k.blank || strings.Contains(text, " ")
	k.latin = k.latin || strings.ContainsFunc(text, func(r rune) bool { return 0x80 <= r && r <= 0xff })
	k.foreign = k.foreign || key[0] >= utf8.RuneSelf
	k.wide = k.wide || strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// order puts the lists of secrets in order, so that many with one beginning are found by
// halving their list, and not one by one.
func (k *known) order() {
	for key := range k.unordered {
		for _, list := range [][]sought{k.sought[key], k.logins[key]} {
			sort.Slice(list, func(i, j int) bool { return list[i].value.Reveal() < list[j].value.Reveal() })
		}
	}
	clear(k.unordered)
}

// collapse returns text with one blank for each run of white space.
func collapse(text string) string {
	var result strings.Builder
	inside := false
	for _, character := range []byte(text) {
		space := strings.IndexByte(whiteSpace, character) >= 0
		switch {
		case !space:
			result.WriteByte(character)
		case !inside:
			result.WriteByte(' ')
		}
		inside = space
	}
	return result.String()
}

// scrub returns text without secrets. If own is not nil, what it returns is left alone, and
// if bounds is not nil, it moves the ends
// of what is replaced outwards to where text may be cut.
//
// It comes to an end: a replacement takes away bytes that belong to no mark, or
// makes one mark out of several, and never adds anything but a mark.
func (k *known) scrub(text string, words bool, own func(text string) spans, bounds func(text string) []bool) string {
	for round := 0; ; round++ {
		if round == maxRounds {
			text = withheld
		}
		found, complete := k.find(text, words)
		if !complete {
			return withheld
		}
		if own != nil && len(found) > 0 {
			found = outside(found, own(text))
		}
		if len(found) == 0 {
			return text
		}
		if bounds != nil {
			allowed := bounds(text)
			for i := range found {
				for !allowed[found[i].start] {
					found[i].start--
				}
				for !allowed[found[i].end] {
					found[i].end++
				}
			}
		}
		text = replace(text, found)
	}
}

// replace puts Mask for each part of text that is in found. Parts that overlap,
// be it through a mark between them, are one.
func replace(text string, found []span) string {
	type part struct {
		span
		mark bool
	}
	var parts []part
	for _, hit := range found {
		parts = append(parts, part{hit, false})
	}
	for _, mark := range marks(text) {
		parts = append(parts, part{mark, true})
	}
	sort.Slice(parts, func(i, j int) bool { return parts[i].start < parts[j].start })

	var result strings.Builder
	done := 0
	for i := 0; i < len(parts); {
		whole := parts[i]
		for i++; i < len(parts) && parts[i].start < whole.end; i++ {
			whole.end = max(whole.end, parts[i].end)
			whole.mark = whole.mark && parts[i].mark
		}
		if whole.mark {
			continue
		}
		result.WriteString(text[done:whole.start])
		result.WriteString(Mask)
		done = whole.end
	}
	result.WriteString(text[done:])
	return result.String()
}

// scrubForeign does the work of Scrubber.Text.
func (k *known) scrubForeign(text string) string {
	text = k.scrub(text, true, nil, nil)
	if len(k.short) == 0 {
		return text
	}
	left := marks(text)
	for start := range text {
		for size := 1; size < shortest && start+size <= len(text); size++ {
			among := left
			if _, ok := k.short[text[start:start+size]]; ok && !among.hide(span{start, start + size}) {
				return withheld
			}
		}
	}
	return text
}
