package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"debug/buildinfo"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// packed is a file of an archive.
type packed struct {
	name    string // below the archive's one folder
	content []byte
	mode    fs.FileMode
}

// alongside are the files of the project that go into every archive.
var alongside = []string{"LICENSE", "README.md", "CHANGELOG.md", "docs/guide.md", "scripts/pam-rotate-script.sh", "scripts/pam-rotate-script.ps1"}

// contents are the files of the archive for one binary; manual is the folder of manual pages,
// which may be missing.
func contents(root, manual string, binary []byte, info *buildinfo.BuildInfo) ([]packed, error) {
	name := program
	for _, setting := range info.Settings {
		if setting.Key == "GOOS" && setting.Value == "windows" {
			name += ".exe"
		}
	}
	licences, err := licencesOf(root, info)
	if err != nil {
		return nil, err
	}
	files := []packed{{name, binary, 0o755}, {"THIRD_PARTY_LICENSES", licences, 0o644}}
	for _, source := range alongside {
		content, err := os.ReadFile(filepath.Join(root, source))
		if err != nil {
			return nil, err
		}
		mode := fs.FileMode(0o644)
		if strings.HasSuffix(source, ".sh") {
			mode = 0o755
		}
		files = append(files, packed{path.Base(source), content, mode})
	}
	pages, err := filepath.Glob(filepath.Join(manual, "*.1"))
	if err != nil {
		return nil, err
	}
	for _, source := range pages {
		content, err := os.ReadFile(source)
		if err != nil {
			return nil, err
		}
		files = append(files, packed{"man/" + filepath.Base(source), content, 0o644})
	}
	return files, nil
}

func writeTar(w io.Writer, folder string, files []packed, date time.Time) error {
	compressed, _ := gzip.NewWriterLevel(w, gzip.BestCompression)
	archive := tar.NewWriter(compressed)
	for _, file := range files {
		header := tar.Header{Name: folder + "/" + file.name, Size: int64(len(file.content)), Mode: int64(file.mode), ModTime: date, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(&header); err != nil {
			return err
		}
		if _, err := archive.Write(file.content); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), compressed.Close())
}

func writeZip(w io.Writer, folder string, files []packed, date time.Time) error {
	archive := zip.NewWriter(w)
	for _, file := range files {
		header := zip.FileHeader{Name: folder + "/" + file.name, Method: zip.Deflate, Modified: date}
		header.SetMode(file.mode)
		entry, err := archive.CreateHeader(&header)
		if err != nil {
			return err
		}
		if _, err := entry.Write(file.content); err != nil {
			return err
		}
	}
	return archive.Close()
}
