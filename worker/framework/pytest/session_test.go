package pytest

import (
	"testing"

	"github.com/shardyard/shardyard/worker"
)

func TestFixtures(t *testing.T) {
	p := load(t, "fixtures", "8")
	want := p.plain(t)
	t.Run("in order", func(t *testing.T) {
		got := p.session(t, newFeed(), worker.Full, 0)
		equal(t, want, got)
		sameLog(t, want, got)
	})
	t.Run("pauses", func(t *testing.T) {
		f := newFeed()
		f.pauses = true
		got := p.session(t, f, worker.Full, 0)
		equal(t, want, got)
		sameLog(t, want, got)
	})
}
