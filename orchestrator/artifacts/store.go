package artifacts

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/shardyard/shardyard/worker"
)

// MaxFiles is how many files a run keeps.
const MaxFiles = 10_000

// A BudgetError says that a file was not kept because the run has enough.
type BudgetError struct{ Limit string }

func (e *BudgetError) Error() string { return "artifacts are kept up to " + e.Limit }

// A Tree is where workers wrote: each its own, but for an engine that lets them
// share one.
type Tree struct {
	ID   string // equal for workers that share it
	Name string // puts files of equal paths apart: "worker-3"
}

// A Store holds the files that have come, until they are united. It may be used
// concurrently.
type Store struct {
	run      string // the run's directory
	incoming string // below it, where files wait to be united
	mu       sync.Mutex
	files    map[key]*file
	left     int64 // bytes
	limit    string
	lastFile int
}

// A key is a file of a tree.
type key struct{ tree, path string }

// A file has come, or is on its way while its hash is "".
type file struct {
	Tree
	path  string
	local string // below Store.incoming
	size  int64
	at    int64
	hash  string
}

// Dir is where artifacts are, below a run's directory.
const Dir = "artifacts"

// NewStore keeps files for a run in a directory below the run's own, up to so
// many bytes, which limit says as the user writes it.
func NewStore(run, incoming string, bytes int64, limit string) *Store {
	return &Store{run: run, incoming: incoming, files: map[key]*file{}, left: bytes, limit: limit}
}

// Take takes a file of a tree in, unless it has this very version. get writes
// its content.
func (s *Store) Take(tree Tree, changed worker.ChangedFile, get func(io.Writer) error) (err error) {
	if !Safe(changed.Path) {
		return fmt.Errorf("%q is no path that can be kept", changed.Path)
	}
	f, err := s.reserve(tree, changed)
	if f == nil || err != nil {
		return err
	}
	dir := filepath.Join(s.run, s.incoming)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	to, err := os.OpenFile(filepath.Join(dir, f.local), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	meter := &meter{store: s, to: to, hash: sha256.New()}
	err = errors.Join(get(meter), to.Close())
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.left += meter.bytes
		return errors.Join(err, os.Remove(to.Name()))
	}
	f.size, f.hash = meter.bytes, hex.EncodeToString(meter.hash.Sum(nil))
	at := key{tree.ID, f.path}
	old := s.files[at]
	if old != nil && old.at > f.at { // of a tree that is shared, by a worker that looked earlier
		old, f = f, old
	}
	s.files[at] = f
	if old == nil {
		return nil
	}
	s.left += old.size
	return os.Remove(filepath.Join(dir, old.local))
}

// reserve makes room for a file; nil when this version is here.
func (s *Store) reserve(tree Tree, changed worker.ChangedFile) (*file, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.files[key{tree.ID, changed.Path}]
	switch {
	case old != nil && old.at == changed.At && old.size == changed.Size:
		return nil, nil
	case old == nil && len(s.files) >= MaxFiles:
		return nil, &BudgetError{Limit: strconv.Itoa(MaxFiles) + " files"}
	case changed.Size > s.left: // as far as the worker says; the meter says more
		return nil, &BudgetError{Limit: s.limit}
	}
	s.lastFile++
	return &file{Tree: tree, path: changed.Path, local: strconv.Itoa(s.lastFile), at: changed.At}, nil
}

// A meter charges what is written to the store's budget.
type meter struct {
	store *Store
	to    io.Writer
	hash  hash.Hash
	bytes int64
}

// Write implements io.Writer.
func (m *meter) Write(p []byte) (int, error) {
	m.store.mu.Lock()
	enough := int64(len(p)) > m.store.left
	if !enough {
		m.store.left -= int64(len(p))
		m.bytes += int64(len(p))
	}
	m.store.mu.Unlock()
	if enough {
		return 0, &BudgetError{Limit: m.store.limit}
	}
	_, _ = m.hash.Write(p) // never fails
	return m.to.Write(p)
}

// An Artifact is a file that was kept.
type Artifact struct {
	Name  string   // below the directory of artifacts, with slashes
	Path  string   // below the project, as it was written
	From  []string // the trees' names
	Bytes int64
}

// Unite moves what came into the run's Dir, by the rule of the package. Files
// whose content is as same says that it was before are left out.
func (s *Store) Unite(same func(path, hash string) bool) ([]Artifact, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	byPath := map[string][]*file{}
	for _, f := range s.files {
		if !same(f.path, f.hash) {
			byPath[f.path] = append(byPath[f.path], f)
		}
	}
	if len(byPath) == 0 {
		return nil, nil
	}
	root, err := os.OpenRoot(s.run)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // nothing is written through it itself
	var all []Artifact
	paths := slices.Sorted(maps.Keys(byPath))
	shelf := newShelf(paths)
	for _, name := range paths {
		for _, a := range unite(byPath[name]) {
			if a.Name, err = s.move(root, a.file, shelf, a.Name); err != nil {
				return all, err
			}
			all = append(all, a.Artifact)
		}
	}
	return all, nil
}

type united struct {
	Artifact
	file *file
}

// unite makes artifacts of the files of one path.
func unite(files []*file) (all []united) {
	slices.SortFunc(files, func(a, b *file) int { return cmp.Or(len(a.Name)-len(b.Name), cmp.Compare(a.Name, b.Name)) })
	first := files[0]
	differ := func(f *file) bool { return f.hash != first.hash }
	if len(files) == 1 || !isLog(first.path) && !slices.ContainsFunc(files, differ) {
		a := united{Artifact{Name: first.path, Path: first.path, Bytes: first.size}, first}
		for _, f := range files {
			a.From = append(a.From, f.Name)
		}
		return []united{a}
	}
	for _, f := range files {
		all = append(all, united{Artifact{Name: of(f.path, f.Name), Path: f.path, From: []string{f.Name}, Bytes: f.size}, f})
	}
	return all
}

// move gives a file its name below Dir, or the next one that is free.
func (s *Store) move(root *os.Root, f *file, shelf *shelf, name string) (string, error) {
	for free := shelf.put(name); ; free = shelf.put(name) {
		to := filepath.Join(Dir, filepath.FromSlash(free))
		if _, err := root.Lstat(to); err == nil {
			continue // a file system that takes two names for one
		}
		if err := root.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return "", err
		}
		return free, root.Rename(filepath.Join(s.incoming, f.local), to)
	}
}
