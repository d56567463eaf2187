package python

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// maxRead is more than any file that is written by hand; a lockfile's content
// is never needed.
const maxRead = 8 << 20

// Read returns the text of a file, without a byte order mark.
func (p *Project) Read(name string) string {
	f, err := os.Open(p.path(name))
	if err != nil {
		p.note(name, err)
		return ""
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxRead))
	if err != nil {
		p.note(name, err)
		return ""
	}
	return strings.TrimPrefix(string(data), "\ufeff")
}

func (p *Project) note(name string, err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		p.errs = append(p.errs, fmt.Errorf("read %s: %w", name, err))
	}
}

func (p *Project) path(name string) string { return filepath.Join(p.Dir, filepath.FromSlash(name)) }

// Has reports whether there is such a file.
func (p *Project) Has(name string) bool {
	info, err := os.Stat(p.path(name))
	return err == nil && info.Mode().IsRegular()
}

// hasAny reports whether there is anything of that name.
func (p *Project) hasAny(name string) bool {
	_, err := os.Lstat(p.path(name))
	return err == nil
}

func (p *Project) hasDir(name string) bool {
	info, err := os.Stat(p.path(name))
	return err == nil && info.IsDir()
}

// glob lists files by a pattern, with slashes, sorted.
func (p *Project) glob(pattern string) []string {
	found, err := filepath.Glob(p.path(pattern))
	if err != nil {
		return nil
	}
	var names []string
	for _, f := range found {
		if rel, err := filepath.Rel(p.Dir, f); err == nil {
			names = append(names, filepath.ToSlash(rel))
		}
	}
	sort.Strings(names)
	return names
}

// lineOf returns the first line of text that contains one of the words; 0 for
// none.
func lineOf(text string, words ...string) int {
	for i, line := range strings.Split(text, "\n") {
		for _, w := range words {
			if strings.Contains(line, w) {
				return i + 1
			}
		}
	}
	return 0
}
