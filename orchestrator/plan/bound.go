package plan

import (
	"fmt"
	"math"
	"time"
)

// A Bound is the least time in which any plan could be done.
type Bound struct {
	Time time.Duration
	// Longest is the longest unit that cannot be cut, with its fixtures, and
	// Unit names it: a test's id, or a group, a file or a directory that must
	// stay together.
	Longest time.Duration
	Unit    string
	// Useful is the number of workers beyond which the longest unit alone sets
	// the time.
	Useful int
}

// String returns a sentence for people if the longest unit sets the bound, and ""
// if more workers would help.
func (b Bound) String() string {
	if b.Longest < b.Time || b.Unit == "" {
		return ""
	}
	return fmt.Sprintf("%s alone is %s: more than %d workers cannot help", b.Unit, Round(b.Longest), b.Useful)
}

// Round rounds a time for people: to three digits or a second, whichever is
// finer.
func Round(d time.Duration) time.Duration {
	for unit := time.Second; unit > time.Microsecond; unit /= 10 {
		if d >= 100*unit {
			return d.Round(unit)
		}
	}
	return d.Round(time.Microsecond)
}

// lowerBound returns the suite's bound. All other fields must be set before.
func (s *suite) lowerBound() Bound {
	var b Bound
	for i := range s.blocks {
		blk := &s.blocks[i]
		if blk.whole {
			d := s.prefix[blk.to] - s.prefix[blk.from]
			for _, f := range blk.files {
				d += s.fixtures[f]
			}
			if d > int64(b.Longest) {
				b.Longest, b.Unit = time.Duration(d), s.name(blk)
			}
			continue
		}
		for j := blk.from; j < blk.to; j++ {
			if d := s.prefix[j+1] - s.prefix[j] + s.fixtures[blk.files[0]]; d > int64(b.Longest) {
				b.Longest, b.Unit = time.Duration(d), string(s.tests[j].ID)
			}
		}
	}
	total, fastest, loads := float64(s.workers), 1.0, int64(0)
	if s.speeds != nil {
		total, fastest = 0, 0
		for _, v := range s.speeds {
			total += v
			fastest = max(fastest, v)
		}
	}
	for w, l := range s.loads {
		loads += s.scale(l, 1/s.speed(w))
	}
	mean := time.Duration(float64(s.sum+loads) / total)
	b.Longest = time.Duration(float64(b.Longest) / fastest)
	b.Time = max(mean, b.Longest)
	if b.Longest > 0 {
		b.Useful = max(1, int(math.Ceil(float64(s.sum)/fastest/float64(b.Longest)-1e-9)))
	}
	return b
}

func (s *suite) name(b *block) string {
	t := &s.tests[b.from]
	switch {
	case b.to == b.from+1:
		return string(t.ID)
	case len(b.files) == 1 && t.Group == "":
		return t.File
	case t.Group != "":
		return "group " + t.Group
	}
	return "the directory of " + t.File
}

func (s *suite) speed(w int) float64 {
	if s.speeds == nil {
		return 1
	}
	return s.speeds[w]
}

// scale returns the time that d of work takes at a speed.
func (s *suite) scale(d int64, speed float64) int64 {
	if speed == 1 {
		return d
	}
	return int64(float64(d) / speed)
}
