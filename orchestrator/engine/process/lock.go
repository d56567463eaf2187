package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often a lock that is held elsewhere is tried again.
const lockPoll = 100 * time.Millisecond

var plain = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)

// element makes a path element of a key or an id, the same one each time.
func element(key string) string {
	if plain.MatchString(key) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256-" + hex.EncodeToString(sum[:])
}

// lock names a lock file; its kind keeps keys of different things apart. Lock
// files stay: to remove one is to race with who is about to lock it.
func (e *Engine) lock(kind, key string) *flock.Flock {
	dir := e.dir("locks")
	if kind == "layer" || kind == "build" {
		dir = e.shared
	}
	return flock.New(filepath.Join(dir, kind+"-"+element(key)))
}

// Lock implements engine.Layers.
func (e *Engine) Lock(ctx context.Context, key string, notify func()) (func(), error) {
	unlock, err := e.exclude(ctx, "build", key, notify)
	if err != nil {
		return nil, fmt.Errorf("lock environment %s: %w", key, err)
	}
	return unlock, nil
}

// exclude takes a lock exclusively, and waits for it.
func (e *Engine) exclude(ctx context.Context, kind, key string, notify func()) (func(), error) {
	lock := e.lock(kind, key)
	ok, err := lock.TryLock()
	if err == nil && !ok {
		if notify != nil {
			notify()
		}
		ok, err = lock.TryLockContext(ctx, lockPoll)
	}
	if err != nil || !ok {
		return nil, errors.Join(err, lock.Close())
	}
	return func() { e.unlock(lock) }, nil
}

// unlock releases a lock. Its file was open until now, and closing releases it
// in any case.
func (e *Engine) unlock(lock *flock.Flock) {
	if err := lock.Close(); err != nil {
		e.log.Warn("lock not released", "path", lock.Path(), "error", err)
	}
}

// share takes a lock that keeps Sweep from removing a layer or a tree that is
// being read. However many hold it here, it is one file that is open.
func (e *Engine) share(ctx context.Context, kind, key string) (func(), error) {
	lock := e.lock(kind, key)
	release := func() { e.letGo(lock.Path()) }
	if e.hold(lock.Path(), nil) {
		return release, nil
	}
	if ok, err := lock.TryRLockContext(ctx, lockPoll); err != nil || !ok {
		return nil, errors.Join(err, lock.Close())
	}
	if e.hold(lock.Path(), lock) {
		e.unlock(lock) // somebody here was quicker
	}
	return release, nil
}

// A sharing is a lock that is shared, and how many hold it in this process.
type sharing struct {
	lock  *flock.Flock
	users int
}

// hold adds a user of a lock, and reports whether it was held here already; if it was
// not, it is from now on, by the one that is given, if any.
func (e *Engine) hold(path string, lock *flock.Flock) (held bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, held := e.shares[path]
	if !held {
		if lock == nil {
			return false
		}
		s = &sharing{lock: lock}
		e.shares[path] = s
	}
	s.users++
	return held
}

// letGo takes a user away; the last one releases the lock.
func (e *Engine) letGo(path string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.shares[path]
	if s.users--; s.users == 0 {
		delete(e.shares, path)
		e.unlock(s.lock)
	}
}
