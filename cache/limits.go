package cache

import (
	"slices"
	"time"
)

// Limits bound what is kept.
type Limits struct {
	Size int64         // in bytes, of all together; negative for no limit
	Age  time.Duration // since a thing was used last; negative for no limit
}

// Surplus returns what has to go: everything that is too old, and of the rest
// what was used least recently, until no more is left than fits. It returns what
// was used least recently first. Things whose size is not known count nothing.
func (l Limits) Surplus(things []Kept, now time.Time) (surplus []Kept) {
	things = slices.Clone(things)
	slices.SortStableFunc(things, func(a, b Kept) int { return a.Used.Compare(b.Used) })
	left := Total(things)
	for _, k := range things {
		if l.Age >= 0 && now.Sub(k.Used) > l.Age || l.Size >= 0 && left > l.Size {
			surplus = append(surplus, k)
			left -= max(k.Size, 0)
		}
	}
	return surplus
}

// Total returns the bytes of all together, as far as they are known.
func Total(things []Kept) (bytes int64) {
	for _, k := range things {
		bytes += max(k.Size, 0)
	}
	return bytes
}
