package report

import (
	"fmt"
	"regexp"
	"strings"
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
