package configs

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

// A project is the directory that is looked at. Reading what is not there gives
// nothing, and no error.
type project struct {
	dir  string
	errs []error
}

// maxRead is more than any file that is written by hand; a lockfile's content
// is never needed.
const maxRead = 8 << 20

func (p *project) read(name string) string {
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

func (p *project) note(name string, err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		p.errs = append(p.errs, fmt.Errorf("read %s: %w", name, err))
	}
}

func (p *project) path(name string) string { return filepath.Join(p.dir, filepath.FromSlash(name)) }

// has says whether there is such a file.
func (p *project) has(name string) bool {
	info, err := os.Stat(p.path(name))
	return err == nil && info.Mode().IsRegular()
}

// hasAny says whether there is anything of that name.
func (p *project) hasAny(name string) bool {
	_, err := os.Lstat(p.path(name))
	return err == nil
}

func (p *project) hasDir(name string) bool {
	info, err := os.Stat(p.path(name))
	return err == nil && info.IsDir()
}

// glob lists files by a pattern, with slashes, sorted.
func (p *project) glob(pattern string) []string {
	found, err := filepath.Glob(p.path(pattern))
	if err != nil {
		return nil
	}
	var names []string
	for _, f := range found {
		if rel, err := filepath.Rel(p.dir, f); err == nil {
			names = append(names, filepath.ToSlash(rel))
		}
	}
	sort.Strings(names)
	return names
}

// lineOf is the first line of text that contains one of the words; 0 for none.
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

// An ini file: sections with options, as configparser reads them (values may go
// on over indented lines).
type ini map[string]map[string]option

type option struct {
	line   int
	values []string // one for each line that is not empty
}

func parseINI(text string) ini {
	file, section, key := ini{}, "", ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, "\r")
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";"):
		case line[0] == ' ' || line[0] == '\t':
			if o, ok := file[section][key]; ok {
				o.values = append(o.values, comment(trimmed))
				file[section][key] = o
			}
		case line[0] == '[' && strings.Contains(line, "]"):
			section, key = line[1:strings.Index(line, "]")], ""
			if file[section] == nil {
				file[section] = map[string]option{}
			}
		default:
			j := strings.IndexAny(line, "=:")
			if j < 0 || file[section] == nil {
				key = ""
				continue
			}
			key = strings.ToLower(strings.TrimSpace(line[:j]))
			o := option{line: i + 1}
			if v := comment(strings.TrimSpace(line[j+1:])); v != "" {
				o.values = []string{v}
			}
			file[section][key] = o
		}
	}
	return file
}

// comment takes a trailing " # comment" off.
func comment(s string) string {
	if i := strings.Index(s, " #"); i >= 0 {
		return strings.TrimSpace(s[:i])
	}
	return s
}
