package pytest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/worker"
)

// The conformance projects: each runs in plain pytest and in sessions, which
// must report the same.
func TestSession(t *testing.T) {
	projects := []struct {
		name string
		lazy worker.Mode // the mode that a lazy session ends up in
		// apart: lazy lists differ, and are refused by whoever compares them.
		apart bool
	}{
		{name: "fixtures", lazy: worker.Lazy},
		{name: "verdicts", lazy: worker.Lazy},
		{name: "ids", lazy: worker.Lazy},
		{name: "doctests", lazy: worker.Lazy},
		{name: "modifyitems", lazy: worker.Lazy},
		{name: "funcargs", lazy: worker.Lazy},
		{name: "hooks", lazy: worker.Lazy},
		{name: "patches", lazy: worker.Lazy},
		{name: "first_five", lazy: worker.Lazy, apart: true},
		{name: "crossfolder", lazy: worker.Lazy},
		{name: "errors", lazy: worker.Lazy},
		{name: "strict", lazy: worker.Lazy},
		{name: "selection", lazy: worker.Lazy},
		{name: "duplicates", lazy: worker.Lazy},
		{name: "importlib", lazy: worker.Lazy},
		{name: "append", lazy: worker.Lazy},
		{name: "collide", lazy: worker.Full},
		{name: "plugins_timeout", lazy: worker.Lazy},
		{name: "plugins_async", lazy: worker.Lazy},
		{name: "plugins_random", lazy: worker.Lazy},
		{name: "plugins_django", lazy: worker.Lazy},
	}
	for _, c := range projects {
		for _, release := range []string{"7", "8", "9"} {
			t.Run(c.name+"/"+release, func(t *testing.T) {
				t.Parallel()
				p := load(t, c.name, release)
				want := p.plain(t)
				full := p.session(t, newFeed(), worker.Full, 0)
				t.Run("full", func(t *testing.T) {
					equal(t, want, full)
					sameLog(t, want, full)
				})
				t.Run("pauses", func(t *testing.T) {
					f := newFeed()
					f.pauses = true
					got := p.session(t, f, worker.Full, 0)
					equal(t, want, got)
					sameLog(t, want, got)
				})
				t.Run("warm", func(t *testing.T) {
					if release != "8" {
						return // the time that it takes
					}
					warm := *p
					warm.warm = warmed
					got := warm.session(t, newFeed(), worker.Full, 0)
					equal(t, want, got)
					sameLog(t, want, got)
				})
				lists := byFile(discovered(full))
				for _, pauses := range []bool{false, true} {
					t.Run(fmt.Sprintf("lazy, pauses %t", pauses), func(t *testing.T) {
						f := given(inOrder(discovered(full)))
						f.pauses = pauses
						got := p.session(t, f, worker.Lazy, 0)
						if !strings.HasPrefix(mode(got), string(c.lazy)) {
							t.Errorf("it answered %s", mode(got))
						}
						if differ(t, lists, got) != c.apart {
							t.Fatalf("lists differ: %t, want %t", !c.apart, c.apart)
						}
						if !c.apart {
							// Files without tests are not opened.
							got.collect = want.collect
							equal(t, want, got)
							sameLog(t, want, got)
						}
					})
				}
				if c.apart {
					return
				}
				t.Run("lazy, shuffled, on two", func(t *testing.T) {
					tests := inOrder(discovered(full))
					random := rand.New(rand.NewPCG(1, 2))
					random.Shuffle(len(tests), func(i, j int) { tests[i], tests[j] = tests[j], tests[i] })
					ran := map[worker.TestID]worker.Outcome{}
					for _, part := range [][]worker.Ref{tests[:len(tests)/2], tests[len(tests)/2:]} {
						got := p.session(t, given(part), worker.Lazy, 0)
						if got.err != nil {
							t.Fatal(got.err)
						}
						if differ(t, lists, got) {
							t.Error("lists differ")
						}
						for id, outcome := range got.outcomes {
							ran[id] = outcome
						}
					}
					for id := range full.outcomes {
						if _, ok := ran[id]; !ok {
							t.Errorf("%q did not run", id)
						}
					}
				})
			})
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

func byFile(files []worker.Discovered) map[string][]worker.Item {
	lists := map[string][]worker.Item{}
	for _, d := range files {
		lists[d.File] = append(lists[d.File], d.Items...)
	}
	return lists
}

// differ holds a lazy session's lists against the full ones.
func differ(t *testing.T, full map[string][]worker.Item, lazy result) bool {
	t.Helper()
	apart := false
	for file, items := range byFile(discovered(lazy)) {
		if !slices.Equal(items, full[file]) {
			t.Logf("%s: full %v, lazy %v", file, full[file], items)
			apart = true
		}
	}
	return apart
}

func mode(r result) string {
	for _, e := range r.events {
		if e.Opened != nil {
			return string(e.Opened.Mode) + " " + e.Opened.Reason
		}
	}
	return "not opened"
}

// TestSuspicion has tests of which a lazy session must say that their outcome
// proves nothing, and others.
func TestSuspicion(t *testing.T) {
	for release := range releases {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			p := load(t, "shortlist", release)
			all := inOrder(discovered(p.session(t, newFeed(), worker.Full, 0)))
			slices.SortFunc(all, func(a, b worker.Ref) int { return strings.Compare(a.File, b.File) })
			r := load(t, "shortlist", release).session(t, given(slices.Clone(all)), worker.Full, 0)
			if want := []string{"test_c.py"}; !slices.Equal(r.exit.Suspects, want) { // no module is opened behind a change
				t.Errorf("a session that has collected everything suspects %q, want %q", r.exit.Suspects, want)
			}
			for _, c := range []struct {
				args []string
				want []bool
			}{
				{nil, []bool{false, false, true, true, true, true, true}},
				{[]string{"--keep"}, []bool{true, true, true, true, true, true, true}},
			} {
				r := load(t, "shortlist", release).session(t, given(slices.Clone(all)), worker.Lazy, 0, c.args...)
				if r.err != nil {
					t.Fatal(r.err)
				}
				var got []bool
				for _, e := range r.events {
					if e.Finished != nil {
						got = append(got, e.Finished.Tentative)
					}
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("%q: tentative %v, want %v", c.args, got, c.want)
				}
			}
		})
	}
}
