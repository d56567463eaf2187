package report

import (
	"slices"
	"time"
)

// Left returns the time that the tests should still take; false when unknown. It
// trusts the plan, corrected by how the tests done so far compare to it.
func (s *State) Left(elapsed time.Duration) (time.Duration, bool) {
	t := s.Totals()
	done := t.Judged()
	if t.Discovered == 0 || done*20 < t.Discovered { // too early to tell
		if s.planned.Predicted == 0 {
			return 0, false
		}
		return max(s.planned.Predicted.Std()-elapsed, 0), true
	}
	begun := s.firstTest()
	rest := time.Duration(float64(elapsed-begun) * float64(t.Discovered-done) / float64(done))
	if left := s.planned.Predicted.Std() - elapsed; left > 0 {
		w := float64(done) / float64(t.Discovered)
		rest = time.Duration(w*float64(rest) + (1-w)*float64(left))
	}
	return rest, true
}

// firstTest is when the first worker took tests.
func (s *State) firstTest() time.Duration {
	var starts []Duration
	for _, w := range s.workers {
		starts = append(starts, w.Started)
	}
	if len(starts) == 0 {
		return 0
	}
	return slices.Min(starts).Std()
}
