package runs

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// alive is the file that a run holds locked as long as it lives: the system
// lets go of it however the run ends.
const alive = "alive"

// Hold says that the run lives, until release is called or this process ends.
func (r *Run) Hold() (release func() error, err error) {
	lock := flock.New(r.Path(alive))
	held, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("mark the run %s as one that lives: %w", r.ID(), err)
	case !held:
		return nil, fmt.Errorf("the run %s lives already", r.ID())
	}
	return func() error { return errors.Join(os.Remove(r.Path(alive)), lock.Close()) }, nil
}

// Alive reports whether the run lives now.
func (r *Run) Alive() bool {
	if _, err := os.Stat(r.Path(alive)); err != nil {
		return false // it has ended in order, or never began
	}
	lock := flock.New(r.Path(alive), flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryLock()
	return errors.Join(err, lock.Close()) == nil && !free
}

// Running returns the newest run that lives and has a log; nil when there is none.
func (s Store) Running() (*Run, error) {
	ids, err := s.List()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if r := s.run(id); r.has(Log) && r.Alive() {
			return r, nil
		}
	}
	return nil, nil
}

// CutOff returns the runs that were cut off and of which nobody has made a
// record since, newest first: they have a log, and do not live.
func (s Store) CutOff() ([]*Run, error) {
	ids, err := s.List()
	if err != nil {
		return nil, err
	}
	var list []*Run
	for _, id := range ids {
		if r := s.run(id); r.has(Log) && !r.has(Record) && !r.Alive() {
			list = append(list, r)
		}
	}
	return list, nil
}

// settled is the age at which a run without a log is not one that has just begun.
const settled = time.Minute

// Sweep removes what runs that were cut off left of their directories Conclusion
// and Scratch, and all of a run that was cut off before it had a log.
func (s Store) Sweep() error {
	ids, err := s.List()
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		r := s.run(id)
		switch {
		case !r.has(Log):
			if r.has(alive) && !r.has(Record) && time.Since(r.changed()) > settled && !r.Alive() {
				errs = append(errs, s.remove(id))
			}
		case !r.Alive():
			for _, name := range []string{Conclusion, Scratch, alive} {
				errs = append(errs, os.RemoveAll(r.Path(name)))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove what runs that were cut off left behind: %w", err)
	}
	return nil
}

func (r *Run) has(name string) bool {
	_, err := os.Stat(r.Path(name))
	return err == nil
}

// Settle makes the record of a run that was cut off, of what its log says.
func (r *Run) Settle() error {
	rep, err := r.Read()
	if err != nil {
		return err
	}
	return r.write(rep)
}

// newer returns the newest run behind the one with this id that was cut off; nil
// when there is none.
func (s Store) newer(id string) (*Run, error) {
	ids, err := s.List()
	if err != nil {
		return nil, err
	}
	for _, one := range ids {
		if one <= id {
			break
		}
		if r := s.run(one); r.has(Log) && !r.Alive() {
			return r, nil
		}
	}
	return nil, nil
}
