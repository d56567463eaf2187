package report

import "time"

// idleFrom is the length from which a time between two tests of a worker is
// taken for one in which it had nothing to do.
const idleFrom = Duration(250 * time.Millisecond)

// between adds up the times between a worker's tests. Tests that end together
// are told of together, so that a single one may even be negative; the sum is
// right.
type between struct {
	last      Duration // when its last test ended; 0 before
	collected Duration // files, since then
	sum       Duration
	n         int
}

// finish takes the worker's next attempt.
func (b *between) finish(a Attempt) {
	gap := a.At - b.last - b.collected - Duration(a.Total())
	if b.last > 0 && gap < idleFrom {
		b.sum += gap
		b.n++
	}
	b.last, b.collected = a.At, 0
}

func (b *between) add(w between) {
	b.sum += w.sum
	b.n += w.n
}

// mean returns the time between two tests; 0 when it is not known.
func (b *between) mean() Duration {
	if b.n == 0 {
		return 0
	}
	return max(b.sum/Duration(b.n), 0)
}
