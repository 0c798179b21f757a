package yamltext

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// MaxSize is how many bytes a file may have.
const MaxSize = 64 << 10

// FileError is a file that cannot be read, or has more than MaxSize bytes.
type FileError struct {
	// Problem says what is wrong, without the file's name.
	Problem string
	// Missing says that there is no such file.
	Missing bool
}

func (e FileError) Error() string { return e.Problem }

// ReadFile reads a file that somebody has named. The error is a FileError. It waits for a pipe
// that nobody writes to.
func ReadFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err == nil {
		defer file.Close()
		if info, failed := file.Stat(); failed == nil && info.IsDir() {
			return nil, FileError{Problem: "it is a folder, a file is needed"}
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, FileError{Problem: "there is no such file" + inOtherCase(path), Missing: true}
	case errors.Is(err, syscall.ENAMETOOLONG):
		return nil, FileError{Problem: "what was given is too long for a file's name"}
	case errors.Is(err, fs.ErrPermission):
		return nil, FileError{Problem: "this user may not read the file"}
	case err != nil:
		return nil, FileError{Problem: "the file cannot be read"}
	}
	text, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	switch {
	case err != nil:
		return nil, FileError{Problem: "the file cannot be read"}
	case len(text) > MaxSize:
		problem := "the file is longer than 64 KiB"
		if kind := KindOf(text); kind != "" {
			problem += ", and is no text, but " + kind
		}
		return nil, FileError{Problem: problem}
	}
	return text, nil
}

// inOtherCase names the file that was probably meant: one beside it, of the same name but for the
// case of letters, an ending that was left out, or one that Windows has put behind it unseen.
func inOtherCase(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	stem := func(name string) string {
		name = strings.TrimSuffix(strings.ToLower(name), ".txt")
		return strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, ".yaml"), ".yml"), ".json")
	}
	for _, entry := range entries {
		if stem(entry.Name()) == stem(filepath.Base(path)) && !entry.IsDir() {
			return "; did you mean " + strconv.Quote(entry.Name()) + "?"
		}
	}
	return ""
}

// KindOf says what a file is that is no text; "" if it may be one.
func KindOf(text []byte) string {
	for _, kind := range []struct{ begins, name string }{
		{"PK\x03\x04", "a zip archive or an Office document"}, {"%PDF-", "a PDF"}, {"{\\rtf", "RTF"}, {"\xd0\xcf\x11\xe0", "an Office document"},
		{"\x1f\x8b", "a gzip archive"}, {"\x7fELF", "a program"}, {"MZ", "a program"}, {"\xcf\xfa\xed\xfe", "a program"}, {"bplist", "a property list"},
		{"SQLite format", "a database"}, {"\x89PNG", "a picture"}, {"\xff\xd8\xff", "a picture"},
		{"<!DOCTYPE", "a web page"}, {"<!doctype", "a web page"}, {"<html", "a web page"}, {"<?xml", "XML"},
	} {
		if bytes.HasPrefix(text, []byte(kind.begins)) && (kind.begins != "MZ" || bytes.IndexByte(text, 0) >= 0) {
			return kind.name
		}
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return "binary"
	}
	return ""
}
