package secret

import (
	"encoding/json"
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// Form says how the messages that pass a Writer are written.
type Form int

const (
	// Lines is text for people. It is the zero Form.
	Lines Form = iota
	// JSON is one JSON value in each message, which stays one. A message that
	// is none is taken for text.
	JSON
)

// Writer returns a writer that passes each message on to w without secrets.
// One call of its Write is one message: a secret that is split between two
// calls is not found, so what writes to it must not split lines. Left alone are
// secrets of less than 4 bytes and words of the vocabulary.
//
// In a JSON message keys and values are scrubbed each by itself, and a number
// that shows a secret becomes a string. Where that does not suffice, because a
// secret looks like the punctuation of JSON, the message is withheld but for
// its "level", "outcome" and "class", or altogether, as {}, if these are no words of the
// vocabulary either.
//
// Write returns the length of what it was given, or 0 and the error of w.
// Concurrent calls reach w one by one.
func (s *Scrubber) Writer(w io.Writer, form Form) io.Writer {
	scrub := (*known).scrubLines
	if form == JSON {
		scrub = (*known).scrubJSON
	}
	return &writer{to: w, scrub: func(message string) string { return s.with(message, scrub) }}
}

type writer struct {
	mutex sync.Mutex
	to    io.Writer
	scrub func(message string) string
}

func (w *writer) Write(message []byte) (int, error) {
	scrubbed := w.scrub(string(message))
	w.mutex.Lock()
	defer w.mutex.Unlock()
	written, err := io.WriteString(w.to, scrubbed)
	if err == nil && written < len(scrubbed) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return 0, err
	}
	return len(message), nil
}

// scrubLines returns a text message without secrets.
func (k *known) scrubLines(message string) string {
	message = cut(message, maxSearched)
	scrubbed := k.scrubWhole(message)
	// Whatever has to be withheld, the outcome that begins a result is not.
	if word, rest, found := strings.Cut(message, ": "); found && k.isWord(word) && !strings.HasPrefix(scrubbed, word+": ") {
		scrubbed = word + ": " + k.scrubWhole(rest)
	}
	return cut(scrubbed, maxLine)
}

const (
	// maxLine bounds, in bytes, what is printed of one message of text, and maxString what
	// is of one string of a JSON message that is longer than maxSearched.
	maxLine   = 16 << 10
	maxString = 2 << 10
	// maxSearched is what is searched of it. It is longer, since a secret that is cut in
	// two is not found.
	maxSearched = 64 << 10
)

// cut bounds a text and says so.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := ""
	if strings.HasSuffix(text, "\n") {
		end = "\n"
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…" + end
}

// scrubWhole does the work of scrubLines.
func (k *known) scrubWhole(message string) string {
	scrubbed := k.scrub(message, false, k.ownLine, nil)
	if strings.HasSuffix(message, "\n") && !strings.HasSuffix(scrubbed, "\n") {
		// A secret that ends in a line feed must not join two messages.
		if ended := scrubbed + "\n"; k.clean(ended, k.ownLine(ended)) {
			return ended
		}
	}
	return scrubbed
}

// scrubJSON returns a JSON message without secrets.
func (k *known) scrubJSON(message string) string {
	if !json.Valid([]byte(message)) {
		return k.scrubLines(message)
	}
	if len(message) <= maxSearched && k.clean(message, k.ownJSON(message)) {
		return message
	}
	scrubbed := k.scrubTokens(message)
	if k.clean(scrubbed, k.ownJSON(scrubbed)) {
		return scrubbed
	}

	end := ""
	if strings.HasSuffix(message, "\n") {
		end = "\n"
	}
	// What is missing or no string stays empty.
	var left, own resultWords
	_ = json.Unmarshal([]byte(scrubbed), &left)
	left.Message = withheld
	if encoded, err := json.Marshal(left); err == nil {
		if line := string(encoded) + end; k.clean(line, k.ownJSON(line)) {
			return line
		}
	}
	// The outcome of a run is told whatever the secrets are.
	_ = json.Unmarshal([]byte(message), &own)
	for _, value := range []*string{&own.Level, &own.Outcome, &own.Class} {
		if !k.isWord(*value) && !classes[*value] {
			*value = ""
		}
	}
	own.Message = withheld
	encoded, err := json.Marshal(own)
	if err != nil || own.Level+own.Outcome+own.Class == "" {
		return "{}" + end // too short to show anything
	}
	return string(encoded) + end
}

// resultWords is what is left of a message that is withheld.
type resultWords struct {
	Level   string `json:"level,omitempty"`
	Outcome string `json:"outcome,omitempty"`
	Class   string `json:"class,omitempty"`
	Message string `json:"message"`
}

// scrubTokens scrubs each string, number and word of a valid JSON text.
func (k *known) scrubTokens(text string) string {
	const punctuation = " \t\r\n,:[]{}"
	var result strings.Builder
	own, whole := k.ownJSON(text), len(text)
	for len(text) > 0 {
		at := whole - len(text)
		for len(own) > 0 && own[0].end <= at {
			own = own[1:]
		}
		if len(own) > 0 && own[0].start == at {
			result.WriteString(text[:own[0].end-at])
			text = text[own[0].end-at:]
			continue
		}
		switch {
		case strings.IndexByte(punctuation, text[0]) >= 0:
			result.WriteByte(text[0])
			text = text[1:]
		case text[0] == '"':
			end := 1
			for ; text[end] != '"'; end++ {
				if text[end] == '\\' {
					end++
				}
			}
			inner := text[1:end]
			if whole > maxSearched && len(inner) > maxString {
				inner = cutString(inner, maxSearched)
				inner = cutString(k.scrub(inner, false, nil, stringBounds), maxString)
			} else {
				inner = k.scrub(inner, false, nil, stringBounds)
			}
			result.WriteString(`"` + inner + `"`)
			text = text[end+1:]
		default:
			end := strings.IndexAny(text, punctuation)
			if end < 0 {
				end = len(text)
			}
			if token := text[:end]; k.clean(token, nil) {
				result.WriteString(token)
			} else {
				result.WriteString(`"` + Mask + `"`)
			}
			text = text[end:]
		}
	}
	return result.String()
}

// cutString bounds the inner part of a JSON string.
func cutString(text string, most int) string {
	if len(text) <= most {
		return text
	}
	allowed := stringBounds(text)
	for !allowed[most] {
		most--
	}
	return text[:most] + "…"
}

// stringBounds returns for each offset in the inner part of a JSON string, its
// end included, whether the string may be cut there: not within an escape, a
// surrogate pair or a character.
func stringBounds(text string) []bool {
	allowed := make([]bool, len(text)+1)
	escapes := backslashed(asIs(text))
	for at := 0; at < len(text); {
		allowed[at] = true
		_, size := utf8.DecodeRuneInString(text[at:])
		at = max(at+size, escapes.at(at).end)
	}
	allowed[len(text)] = true
	return allowed
}
