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

func TestLazy(t *testing.T) {
	for _, release := range []string{"7", "8", "9"} {
		p := load(t, "fixtures", release)
		want := p.plain(t)
		full := p.session(t, newFeed(), worker.Full, 0)
		equal(t, want, full)
		for _, pauses := range []bool{false, true} {
			f := given(inOrder(discovered(full)))
			f.pauses = pauses
			got := p.session(t, f, worker.Lazy, 0)
			equal(t, want, got)
			sameLog(t, want, got)
		}
	}
}

func discovered(r result) (files []worker.Discovered) {
	for _, e := range r.events {
		if e.Discovered != nil {
			files = append(files, *e.Discovered)
		}
	}
	return files
}
