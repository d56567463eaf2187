package runs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// gone begins the names of directories that are being removed. List does not
// know them, so that nobody finds half a run.
const gone = ".removed."

// Expire removes runs. It keeps the newest keep runs, the one that latest
// names, and all that have changed since before: a run that still lives is
// among these. It returns the ids of those it removed.
func (s Store) Expire(keep int, before time.Time) (removed []string, err error) {
	errs := []error{s.sweep()}
	ids, err := s.List()
	if err != nil {
		return nil, err
	}
	named := ""
	if r, err := s.latest(); err == nil {
		named = r.ID()
	}
	for i, id := range ids {
		if i < keep || id == named || !s.run(id).changed().Before(before) {
			continue
		}
		if err := s.remove(id); err != nil {
			errs = append(errs, err)
			continue
		}
		removed = append(removed, id)
	}
	return removed, errors.Join(errs...)
}

// changed is when the run last wrote something, as far as its directory and
// its log tell.
func (r *Run) changed() time.Time {
	var last time.Time
	for _, path := range []string{r.Dir, r.Path(Log)} {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}

// remove takes the run out of the list in one step, then removes its files.
func (s Store) remove(id string) error {
	away := filepath.Join(s.Dir(), gone+id)
	err := os.Rename(filepath.Join(s.Dir(), id), away)
	if err == nil {
		err = os.RemoveAll(away)
	}
	if err != nil {
		return fmt.Errorf("remove the run %s: %w", id, err)
	}
	return nil
}

// sweep removes what an Expire that was killed left behind.
func (s Store) sweep() error {
	entries, err := os.ReadDir(s.Dir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for runs to remove: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), gone) {
			errs = append(errs, os.RemoveAll(filepath.Join(s.Dir(), e.Name())))
		}
	}
	return errors.Join(errs...)
}
