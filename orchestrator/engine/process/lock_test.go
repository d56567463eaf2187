package process

import (
	"path/filepath"
	"testing"
)

// A lock that several hold here is one open file, and held until the last lets go.
func TestShare(t *testing.T) {
	dir := t.TempDir()
	engines := make([]*Engine, 2)
	for i := range engines {
		e, err := New(Options{Project: "p", CacheDir: filepath.Join(dir, "cache"), StateDir: filepath.Join(dir, "state")})
		if err != nil {
			t.Fatal(err)
		}
		engines[i] = e
	}
	e, other := engines[0], engines[1]
	free := func() bool {
		lock := other.lock("layer", "key")
		ok, err := lock.TryLock()
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			other.unlock(lock)
		}
		return ok
	}
	var releases []func()
	for range 3 {
		release, err := e.share(t.Context(), "layer", "key")
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	for i, release := range releases {
		if s := e.shares[e.lock("layer", "key").Path()]; len(e.shares) != 1 || s.users != len(releases)-i || free() {
			t.Errorf("with %d users: %+v", len(releases)-i, e.shares)
		}
		release()
	}
	if len(e.shares) != 0 || !free() {
		t.Errorf("it is held by nobody: %+v", e.shares)
	}
}
