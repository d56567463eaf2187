package plan

import (
	"slices"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// DefaultEstimate is the time of every test if no test's time is known.
const DefaultEstimate = 100 * time.Millisecond

// A Sample is the time that a test took in one past run.
type Sample struct {
	Setup, Call, Teardown time.Duration
	// First is true if the test was the first of its file on its worker, so
	// that Setup holds the file's fixtures.
	First bool
}

// Past is what is known before a run.
type Past struct {
	// Samples returns a test's samples, the oldest first; none for a test that
	// never ran. If it is nil, nothing is known of any test.
	Samples func(worker.TestID) []Sample
	// Fixtures is what opening a file on a worker costs, by file.
	Fixtures map[string]time.Duration
	// PerTest is what each test takes a worker besides its setup, call and
	// teardown: the framework's own work, and the messages.
	PerTest time.Duration
}

// Estimate returns the tests with their Estimate, Known and Key set.
//
// A known test's estimate is the weighted mean of its samples, in which the last
// one weighs as much as all before it, without its file's fixtures and with
// Past.PerTest on top. An unknown test's estimate is the mean of its file, else of
// the suite; its Key is among the longest of the suite, so that it starts early
// and cannot end last.
func Estimate(tests []Test, past Past) []Test {
	out := slices.Clone(tests)
	var all mean
	files := map[string]*mean{}
	var known []time.Duration
	for i := range out {
		t := &out[i]
		if t.Estimate, t.Known = smooth(past, t); t.Known {
			t.Estimate += past.PerTest
		}
		t.Key = t.Estimate
		if !t.Known {
			continue
		}
		known = append(known, t.Estimate)
		all.add(t.Estimate)
		m := files[t.File]
		if m == nil {
			m = &mean{}
			files[t.File] = m
		}
		m.add(t.Estimate)
	}
	if len(known) == len(out) {
		return out
	}
	careful := quantile(known, 0.98)
	for i := range out {
		t := &out[i]
		if t.Known {
			continue
		}
		t.Estimate = DefaultEstimate
		if m := files[t.File]; m != nil {
			t.Estimate = m.value()
		} else if all.n > 0 {
			t.Estimate = all.value()
		}
		t.Key = max(t.Estimate, careful)
	}
	return out
}

// smooth returns the exponentially weighted mean of the test's samples, with a
// weight of max(1/2, 1/k) for the k-th.
func smooth(past Past, t *Test) (time.Duration, bool) {
	if past.Samples == nil {
		return 0, false
	}
	samples := past.Samples(t.ID)
	var e time.Duration
	for k, s := range samples {
		setup := s.Setup
		if s.First {
			setup = max(0, setup-past.Fixtures[t.File])
		}
		took := setup + s.Call + s.Teardown
		if k == 0 {
			e = took
		} else {
			e += (took - e) / 2
		}
	}
	return e, len(samples) > 0
}

type mean struct {
	sum time.Duration
	n   int
}

func (m *mean) add(d time.Duration)  { m.sum += d; m.n++ }
func (m *mean) value() time.Duration { return m.sum / time.Duration(m.n) }

// quantile returns the q-quantile of the times, which it sorts; 0 of none.
func quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[min(int(q*float64(len(times))), len(times)-1)]
}
