package artifacts

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is the length in bytes of the longest path that is kept.
const maxName = 1024

// Safe reports whether a path that a worker names can be one below a directory
// of this machine: local, with no element that means git's own directory on any
// system, and no character that nobody can see or type.
func Safe(name string) bool {
	local := filepath.FromSlash(name)
	if len(name) > maxName || !utf8.ValidString(name) || path.Clean(name) != name || name == "." || !filepath.IsLocal(local) {
		return false
	}
	hidden := func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\\' || r == utf8.RuneError
	}
	if strings.ContainsFunc(name, hidden) {
		return false
	}
	return !slices.ContainsFunc(strings.Split(name, "/"), isGit)
}

// isGit reports whether an element of a path is git's directory on a file
// system that ignores case, dots at the end, or keeps short names.
func isGit(element string) bool {
	bare := strings.ToLower(strings.TrimRight(element, ". "))
	bare, _, _ = strings.Cut(bare, ":") // a stream of it
	return bare == ".git" || strings.HasPrefix(bare, "git~")
}

// isLog reports whether a file is one that every worker appends to.
func isLog(name string) bool {
	return slices.Contains([]string{".log", ".jsonl", ".ndjson"}, strings.ToLower(path.Ext(name)))
}

// of is the name of one worker's file beside those of others.
func of(name, who string) string {
	dir, base := path.Split(name)
	ext := path.Ext(base)
	if ext == base { // ".env"
		ext = ""
	}
	return dir + strings.TrimSuffix(base, ext) + "." + who + ext
}

// A shelf is the names in use. It takes two names for one that differ only in
// case, as some file systems do. What is a directory for one file is none of
// another's names.
type shelf struct {
	files, dirs map[string]bool
}

// newShelf is for files of these paths.
func newShelf(paths []string) *shelf {
	s := &shelf{files: map[string]bool{}, dirs: map[string]bool{}}
	for _, name := range paths {
		for dir := path.Dir(strings.ToLower(name)); dir != "."; dir = path.Dir(dir) {
			s.dirs[dir] = true
		}
	}
	return s
}

// put takes a name, or the next free one like it.
func (s *shelf) put(name string) string {
	free, n := name, 2
	for key := strings.ToLower(free); s.files[key] || s.dirs[key]; key = strings.ToLower(free) {
		free = of(name, strconv.Itoa(n))
		n++
	}
	s.files[strings.ToLower(free)] = true
	return free
}
