package report

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// varying are the parts of a message that differ though the cause is one: addresses and
// numbers.
var varying = regexp.MustCompile(`0x[0-9a-fA-F]+|[0-9]+`)

// Alike returns what failures of one cause have in common: the first line of their
// message, without what varies in it.
func Alike(message string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(message), "\n")
	return varying.ReplaceAllString(first, "0")
}

// kept is how many runs before one are looked at: twenty with it.
const kept = 19

// Past counts how a test ended in earlier runs, oldest first. Where it was skipped it did
// not run.
func Past(ended []Verdict) *Before {
	var b Before
	for _, v := range ended[max(0, len(ended)-kept):] {
		switch v {
		case Fail, Flaky:
			b.Failed++
			b.Runs++
		case Pass:
			b.Runs++
		case Skip, NotRun:
		}
	}
	return &b
}

// What makes a time another: so much, and such a factor.
const (
	differBy    = 100 * time.Millisecond
	differTimes = 1.5
)

// Differ reports whether a test takes another time than it used to.
func Differ(was, now time.Duration) bool {
	return (now-was).Abs() >= differBy && float64(max(was, now)) >= differTimes*float64(min(was, now))
}

// String says how a test ended in the runs before this one; "" if nothing is known.
func (b *Before) String() string {
	switch {
	case b == nil:
		return ""
	case b.Runs == 0:
		return "new"
	case b.Failed == 0 && b.Runs == 1:
		return "passed in the run before"
	case b.Failed == 0:
		return fmt.Sprintf("passed in the %d runs before", b.Runs)
	default:
		return fmt.Sprintf("failed in %d of %s", b.Failed, Count(b.Runs, "run", "runs"))
	}
}
