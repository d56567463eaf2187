package shards

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report/junit"
	"github.com/shardyard/shardyard/orchestrator/runs"
)

// ErrNothing means that there is nothing to combine.
var ErrNothing = errors.New("nothing to combine")

// A Search is where to look for the results of shards.
type Search struct {
	Dirs []string
	// Plan is a file with what was planned; "" for plan.json in one of Dirs.
	Plan string
	// Skip are absolute paths that are passed over: earlier results, and where
	// the combined ones go.
	Skip []string
	// Coverage reports whether a file of this name holds coverage data.
	Coverage func(name string) bool
}

// Found is what a search has found, by paths.
type Found struct {
	JUnit, Coverage []string
	// Planned are the tests that had to be reported; nil when nobody knows.
	Planned []string

	plan string
	runs []past
	// bare are the shards, by their directory, that have results and no
	// coverage while others, of the same layout, have both.
	bare []string
}

// Find looks through the directories. The error is the user's to mend, and an
// ErrNothing when there are no results.
func Find(s Search) (*Found, error) {
	for _, dir := range s.Dirs {
		if info, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("%w: name the directories that the shards' results were downloaded to", err)
		} else if !info.IsDir() {
			return nil, fmt.Errorf("%s is not a directory: name the directories with the shards' results", dir)
		}
	}
	w := walk{search: s, found: new(Found), shards: map[string]*shard{}}
	for _, dir := range s.Dirs {
		if err := w.dir(dir); err != nil {
			return nil, fmt.Errorf("look for results: %w", err)
		}
	}
	f := w.found
	f.bare = w.bare()
	if plan := cmp.Or(s.Plan, f.plan); plan != "" {
		planned, err := readPlan(plan)
		if err != nil {
			return nil, err
		}
		f.Planned = planned
	} else if len(f.JUnit) > 0 {
		f.Planned = plannedBy(f.runs, f.JUnit)
	}
	if len(f.JUnit) == 0 && len(f.Planned) == 0 {
		return nil, fmt.Errorf("%w: there is no JUnit file (*.xml) in %s; pytest writes one with --junitxml=FILE",
			ErrNothing, strings.Join(s.Dirs, ", "))
	}
	return f, nil
}

// A walk is a search at work.
type walk struct {
	search Search
	found  *Found
	shards map[string]*shard
	order  []string // of shards
}

// A shard is what was found of one shard.
type shard struct{ junit, coverage bool }

func (w *walk) dir(dir string) error {
	root, err := filepath.EvalSymlinks(dir) // WalkDir follows none
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !e.IsDir() {
			return w.file(path, e.Name(), w.shard(root, path))
		}
		if path != root && isOneOf(path, w.search.Skip) {
			return filepath.SkipDir
		}
		return nil
	})
}

// shard returns the shard that a file belongs to: each of several directories
// is one, as is each directory directly below a single one.
func (w *walk) shard(root, path string) *shard {
	at := root
	if rel, err := filepath.Rel(root, path); err == nil && len(w.search.Dirs) == 1 {
		if first, _, deeper := strings.Cut(filepath.ToSlash(rel), "/"); deeper {
			at = filepath.Join(root, first)
		}
	}
	if w.shards[at] == nil {
		w.shards[at] = new(shard)
		w.order = append(w.order, at)
	}
	return w.shards[at]
}

// file looks at one file.
func (w *walk) file(path, name string, of *shard) error {
	f := w.found
	switch {
	case name == runs.Log:
		f.runs = append(f.runs, read(filepath.Dir(path)))
	case name == "plan.json" && f.plan == "":
		f.plan = path
	case w.search.Coverage(name):
		f.Coverage = append(f.Coverage, path)
		of.coverage = true
	case strings.EqualFold(filepath.Ext(name), ".xml"):
		is, err := isJUnit(path)
		if err != nil {
			return err
		}
		if is {
			f.JUnit = append(f.JUnit, path)
			of.junit = true
		}
	}
	return nil
}

// bare returns the shards with results and without coverage; none when
// results and coverage lie in different directories, since then nothing can be
// said of one shard.
func (w *walk) bare() (dirs []string) {
	for _, at := range w.order {
		switch x := w.shards[at]; {
		case x.coverage && !x.junit:
			return nil
		case x.junit && !x.coverage:
			dirs = append(dirs, at)
		}
	}
	return dirs
}

// isJUnit looks at the root element. A file that cannot be parsed so far is
// taken for one: a shard that was cut off must not be passed over.
func isJUnit(path string) (is bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	dec := xml.NewDecoder(io.LimitReader(f, 1<<20))
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		token, err := dec.Token()
		if err != nil {
			return true, nil // reading it says what is wrong
		}
		if first, ok := token.(xml.StartElement); ok {
			return first.Name.Local == "testsuites" || first.Name.Local == "testsuite", nil
		}
	}
}

func source(path string) junit.Source {
	return junit.Source{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

// readJUnit reads a whole file, and returns what is wrong with it.
func readJUnit(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return junit.Read(f, func(junit.Case) error { return nil })
}

func isOneOf(path string, others []string) bool {
	abs, err := filepath.Abs(path)
	return err == nil && slices.Contains(others, abs)
}
