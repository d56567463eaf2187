package command

import (
	"slices"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/worker"
)

// A list travels in messages that are short, whatever units are called.
func TestFitting(t *testing.T) {
	long := worker.TestID(strings.Repeat("u", maxUnit))
	for _, c := range []struct {
		units []worker.TestID
		want  int
	}{{slices.Repeat([]worker.TestID{"u"}, 25_000), 10_000}, {slices.Repeat([]worker.TestID{long}, 25_000), 128}, {[]worker.TestID{"u", long}, 2}, {nil, 0}} {
		if got := fitting(c.units); got != c.want {
			t.Errorf("%d of %d units fit, not %d", got, len(c.units), c.want)
		}
	}
}
