package docker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/moby/sys/atomicwriter"
)

// lockRetry is how often a lock that others hold is tried again.
const lockRetry = 50 * time.Millisecond

// A session is an Engine's life, seen from outside: a file whose lock is held
// as long as the process lives, however it ends.
type session struct {
	host string
	file *flock.Flock
}

func openSession(dir, project string) (session, error) {
	host, err := machine()
	if err != nil {
		return session{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return session{}, fmt.Errorf("make the folder for locks: %w", err)
	}
	f := flock.New(filepath.Join(dir, sessionPrefix(project)+rand.Text()+".lock"))
	switch ok, err := f.TryLock(); {
	case err != nil:
		return session{}, fmt.Errorf("lock %s: %w; locks need a folder on a local file system", f.Path(), err)
	case !ok:
		return session{}, fmt.Errorf("lock %s: held by another", f.Path())
	}
	return session{host: host, file: f}, nil
}

// machine names what sees the same files: this machine, or on Linux the
// container that this program runs in, which may have been given the name of
// another one.
func machine() (string, error) {
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("name this machine: %w", err)
	}
	if ns, err := os.Readlink("/proc/self/ns/mnt"); err == nil {
		name += "-" + short(ns)
	}
	return name, nil
}

// idOf returns the name of a LockDir, which it has for good.
func idOf(dir string) (string, error) {
	name := filepath.Join(dir, "id")
	id, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		// Another process may do the same now: the later one holds.
		if err := atomicwriter.WriteFile(name, []byte(short(rand.Text())), 0o644); err != nil {
			return "", fmt.Errorf("name the folder for locks: %w", err)
		}
		id, err = os.ReadFile(name)
	}
	if err != nil {
		return "", fmt.Errorf("name the folder for locks: %w", err)
	}
	return string(id), nil
}

func sessionPrefix(project string) string { return "session-" + hash(project)[:16] + "-" }

// alone returns an error when another Engine of the project lives here.
func (s session) alone(project string) error {
	if alive, err := s.alive(project); err != nil || alive {
		return errors.Join(errors.New("a run of this project is still going; try again when it has ended"), err)
	}
	return nil
}

// alive reports whether another Engine of a project lives here.
func (s session) alive(project string) (bool, error) { return s.lives(sessionPrefix(project)) }

// anyone reports whether any other Engine lives here.
func (s session) anyone() (bool, error) { return s.lives("session-") }

func (s session) lives(prefix string) (bool, error) {
	others, err := s.others(prefix)
	return len(others) > 0 || err != nil, err
}

// others lists the files of other Engines that live here.
func (s session) others(prefix string) (live []string, err error) {
	all, err := filepath.Glob(filepath.Join(filepath.Dir(s.file.Path()), prefix+"*.lock"))
	for _, path := range all {
		if path == s.file.Path() {
			continue
		}
		l, failed := s.lifeOf(s.host + ":" + path)
		if failed != nil || l == alive {
			live = append(live, path)
		}
		err = errors.Join(err, failed)
	}
	return live, err
}

// begin says in the file that this is a run's, and not a command's that looks at what
// is kept.
func (s session) begin() error {
	if err := os.WriteFile(s.file.Path(), []byte("run\n"), 0o600); err != nil {
		return fmt.Errorf("note that a run begins: %w", err)
	}
	return nil
}

func (s session) owner() string { return s.host + ":" + s.file.Path() }

func (s session) close() error {
	// Removed while held, so that nobody can lock a file that is about to go.
	err := os.Remove(s.file.Path())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, s.file.Unlock())
}

// life is whether an owner lives.
type life int

const (
	dead life = iota
	alive
	elsewhere // on another machine, whose locks cannot be seen from here
)

// lifeOf asks whether the Engine behind an owner label still lives.
func (s session) lifeOf(owner string) (life, error) {
	host, path, ok := strings.Cut(owner, ":")
	if !ok || host != s.host {
		return elsewhere, nil
	}
	if path == s.file.Path() {
		return alive, nil
	}
	if strings.HasPrefix(filepath.Base(path), memberPrefix) {
		return s.lifeOfMember(path)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return dead, nil
	}
	f := flock.New(path)
	free, err := f.TryLock()
	if err != nil {
		return alive, fmt.Errorf("ask whether the run behind %s lives: %w", path, err)
	}
	if !free {
		return alive, nil
	}
	return dead, session{file: f}.close()
}

// lockName takes a lock of this machine by name. notify, which may be nil, is
// called once when others hold it.
func (e *Engine) lockName(ctx context.Context, name string, notify func()) (unlock func() error, err error) {
	f := flock.New(filepath.Join(e.opts.LockDir, "lock-"+hash(name)))
	ok, err := f.TryLock()
	if err == nil && !ok {
		if notify != nil {
			notify()
		}
		ok, err = f.TryLockContext(ctx, lockRetry)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	if !ok {
		return nil, fmt.Errorf("lock %s: not obtained", name)
	}
	return f.Unlock, nil
}

// A mark is what LockDir knows about something that the engine keeps; the time
// of its file is when that was last used.
type mark struct {
	// Fill is the label of the volume that this mark says is full: a volume
	// that was removed and made again has another.
	Fill string `json:"fill,omitempty"`
}

func (e *Engine) markFile(name string) string {
	return filepath.Join(e.opts.LockDir, "mark-"+hash(name))
}

func (e *Engine) setMark(name string, m mark) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := atomicwriter.WriteFile(e.markFile(name), b, 0o644); err != nil {
		return fmt.Errorf("note the use of %s: %w", name, err)
	}
	return nil
}

// getMark returns the mark of name and when it was last used; zero when there
// is none.
func (e *Engine) getMark(name string) (m mark, used time.Time) {
	b, err := os.ReadFile(e.markFile(name))
	if err != nil || json.Unmarshal(b, &m) != nil {
		return mark{}, time.Time{}
	}
	if st, err := os.Stat(e.markFile(name)); err == nil {
		used = st.ModTime()
	}
	return m, used
}

// dropMark forgets what LockDir knows about something that was removed.
func (e *Engine) dropMark(name string) (err error) {
	for _, file := range []string{e.markFile(name), e.digestFile(name)} {
		if gone := os.Remove(file); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}
