package orchestrator

import (
	"slices"

	"github.com/shardyard/shardyard/worker"
)

// A collection is the ordered list of files that a full session published.
type collection struct {
	files  []worker.Discovered
	byName map[string]int
}

func newCollection() *collection { return &collection{byName: map[string]int{}} }

// add appends a file; a file that comes twice is extended (two nodes of one
// file, a module and its doctests, may be apart in the suite's order).
func (c *collection) add(d worker.Discovered) {
	if i, ok := c.byName[d.File]; ok {
		c.files[i].Items = append(c.files[i].Items, d.Items...)
		c.files[i].Reports = append(c.files[i].Reports, d.Reports...)
		return
	}
	c.byName[d.File] = len(c.files)
	c.files = append(c.files, d)
}

func (c *collection) items(file string) []worker.Item {
	if i, ok := c.byName[file]; ok {
		return c.files[i].Items
	}
	return nil
}

// tests is how many tests there are.
func (c *collection) tests() (n int) {
	for _, f := range c.files {
		n += len(f.Items)
	}
	return n
}

// order is each test's place in the suite's order.
func (c *collection) order() map[worker.TestID]int {
	at := make(map[worker.TestID]int)
	for _, f := range c.files {
		for _, it := range f.Items {
			at[it.ID] = len(at)
		}
	}
	return at
}

// A confirmation holds lazy discoveries against the full one. A lazy worker's
// results in a file count only when its list of that file equals the full one.
type confirmation struct {
	full    *collection // nil until known
	pending []claim
}

// A claim is what a lazy worker found in a file.
type claim struct {
	by   *member
	file string
	list []worker.Item
}

// claim checks what a lazy worker found; before the full collection is known
// it is kept. It returns false when the worker is wrong.
func (c *confirmation) claim(m *member, d worker.Discovered) bool {
	if c.full == nil {
		c.pending = append(c.pending, claim{m, d.File, d.Items})
		return true
	}
	return c.holds(d.File, d.Items)
}

func (c *confirmation) holds(file string, list []worker.Item) bool {
	return slices.Equal(list, c.full.items(file))
}

// settle sets the full collection and returns the claims that it refutes.
func (c *confirmation) settle(full *collection) (wrong []claim) {
	c.full = full
	for _, p := range c.pending {
		if !c.holds(p.file, p.list) {
			wrong = append(wrong, p)
		}
	}
	c.pending = nil
	return wrong
}
