package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Mask is what every way of printing a Value shows in its place.
const Mask = "[secret]"

// Value is a secret text: a password, a token, or the value of a record's
// field. Nothing but Reveal gives the text back: every print verb, the JSON and
// text encoders, slog and zerolog show Mask. The text sits behind a closure, so
// that reflection finds no string to print either, wherever the Value is nested.
//
// The zero Value is the empty text. Values cannot be compared with ==; use Equal.
type Value struct {
	reveal func() string
}

// New returns text as a Value that no Scrubber knows. Use Scrubber.Seal for
// anything that must not appear in the output even if somebody else prints it.
func New(text string) Value {
	if text == "" {
		return Value{}
	}
	return Value{reveal: func() string { return text }}
}

// Reveal returns the text itself. Call it at the moment of use and let go of
// the result within the call.
func (v Value) Reveal() string {
	if v.reveal == nil {
		return ""
	}
	return v.reveal()
}

// IsEmpty reports whether the text is "".
func (v Value) IsEmpty() bool { return v.Reveal() == "" }

// Equal reports whether both texts are the same bytes, in a time that depends
// on their lengths alone.
func (v Value) Equal(other Value) bool {
	return subtle.ConstantTimeCompare([]byte(v.Reveal()), []byte(other.Reveal())) == 1
}

// String returns Mask.
func (v Value) String() string { return Mask }

// GoString returns Mask.
func (v Value) GoString() string { return Mask }

// Format writes Mask for every verb and flag.
func (v Value) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, Mask) }

// MarshalText returns Mask.
func (v Value) MarshalText() ([]byte, error) { return []byte(Mask), nil }

// MarshalJSON returns Mask as a JSON string.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + Mask + `"`), nil }

// LogValue returns Mask for slog.
func (v Value) LogValue() slog.Value { return slog.StringValue(Mask) }
