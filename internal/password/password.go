// Package password makes new passwords for payloads that are built by hand: Classes says of
// which characters, Generate draws them from a source of random bytes, crypto/rand's in the
// program. A rotation itself makes none, its password is the Gateway's.
package password

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"pam-rotate-script/internal/secret"
)

const (
	// DefaultSymbols leaves out quotes, backslash, backtick and blank, which other
	// programs' scripts stumble over; this one takes any.
	DefaultSymbols = "!#$%&()*+,-.:;<=>?@[]^_{|}~"
	// DefaultLength and Longest are in characters, each of which is one byte.
	DefaultLength = 20
	Longest       = 256

	lowerCase = "abcdefghijklmnopqrstuvwxyz"
	upperCase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits    = "0123456789"
)

// Classes returns the sets of characters of which a made password has at least one each:
// lower case, upper case, digits and symbols, which may be empty, and is left out then. The
// error says what is wrong with symbols.
func Classes(symbols string) ([]string, error) {
	classes := []string{lowerCase, upperCase, digits}
	seen := make(map[rune]bool)
	for _, symbol := range symbols {
		switch {
		case symbol > unicode.MaxASCII || !unicode.IsPrint(symbol) || symbol == ' ':
			return nil, errors.New("--symbols takes ASCII characters that can be seen")
		case unicode.IsLetter(symbol) || unicode.IsDigit(symbol):
			return nil, errors.New("--symbols takes no letters and digits, a password has them anyway")
		case seen[symbol]:
			return nil, errors.New("--symbols has a character twice, which would make it likelier than others")
		}
		seen[symbol] = true
	}
	if symbols != "" {
		classes = append(classes, symbols)
	}
	return classes, nil
}

// Generate makes a password of that length with at least one character of each class.
// All passwords of that kind are equally likely: each character is drawn from all of
// them, and what lacks a class is thrown away as a whole. The error is that of random,
// or says what is wrong with the length.
func Generate(random io.Reader, length int, classes []string) (secret.Value, error) {
	if length < len(classes) || length > Longest {
		return secret.Value{}, fmt.Errorf("--length takes a number from %d to %d", len(classes), Longest)
	}
	alphabet := strings.Join(classes, "")
	password := make([]byte, length)
	for {
		for i := range password {
			place, err := index(random, len(alphabet))
			if err != nil {
				return secret.Value{}, err
			}
			password[i] = alphabet[place]
		}
		complete := true
		for _, class := range classes {
			complete = complete && strings.ContainsAny(string(password), class)
		}
		if complete {
			return secret.New(string(password)), nil
		}
	}
}

// index returns a number below size, which is at most 256. A byte from beyond the last
// whole multiple of size is drawn anew: its remainder would favour small numbers.
func index(random io.Reader, size int) (int, error) {
	limit := 256 - 256%size
	for {
		var one [1]byte
		if _, err := io.ReadFull(random, one[:]); err != nil {
			return 0, err
		}
		if int(one[0]) < limit {
			return int(one[0]) % size, nil
		}
	}
}
