package report

import "time"

// idleFrom is the length from which a gap between two tests of a worker counts as
// time without work, not as overhead of a test.
const idleFrom = Duration(250 * time.Millisecond)

// gaps adds up the times between a worker's tests. Results can arrive in one batch,
// so that a single gap may be negative; only the sum means anything.
type gaps struct {
	last      Duration // when its last test ended; 0 before
	collected Duration // files, since then
	sum       Duration
	n         int
}

// finish takes the worker's next attempt.
func (g *gaps) finish(a Attempt) {
	gap := a.At - g.last - g.collected - Duration(a.Total())
	if g.last > 0 && gap < idleFrom {
		g.sum += gap
		g.n++
	}
	g.last, g.collected = a.At, 0
}

func (g *gaps) add(w gaps) {
	g.sum += w.sum
	g.n += w.n
}

// mean returns the mean gap; 0 without gaps.
func (g *gaps) mean() Duration {
	if g.n == 0 {
		return 0
	}
	return max(g.sum/Duration(g.n), 0)
}
