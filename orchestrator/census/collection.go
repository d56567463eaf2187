package census

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shardyard/shardyard/worker"
)

// A collection is the ordered list of files that a full session published.
type collection struct {
	files  []worker.Discovered // each once, where it came first
	byName map[string]int
	runs   []run
	ids    map[worker.TestID]bool // nil until somebody asks
}

// A run is tests of one file, as a place in collection.files, that follow each other
// in the suite's order.
type run struct{ file, tests int }

func newCollection() *collection { return &collection{byName: map[string]int{}} }

// add appends a file. A file that comes twice is extended: its tests may be apart in
// the suite's order.
func (c *collection) add(d worker.Discovered) {
	i, ok := c.byName[d.File]
	if !ok {
		i = len(c.files)
		c.byName[d.File] = i
		c.files = append(c.files, worker.Discovered{File: d.File})
	}
	f := &c.files[i]
	f.Items, f.Reports = append(f.Items, d.Items...), append(f.Reports, d.Reports...)
	if last := len(c.runs) - 1; last >= 0 && c.runs[last].file == i {
		c.runs[last].tests += len(d.Items)
	} else {
		c.runs = append(c.runs, run{i, len(d.Items)})
	}
}

// inOrder returns the tests in the suite's order, cut where the file changes: a file
// whose tests are apart comes more than once.
func (c *collection) inOrder() []worker.Discovered {
	out, at := make([]worker.Discovered, len(c.runs)), make([]int, len(c.files))
	for k, r := range c.runs {
		from := at[r.file]
		at[r.file] += r.tests
		out[k] = worker.Discovered{File: c.files[r.file].File, Items: c.files[r.file].Items[from:at[r.file]:at[r.file]]}
	}
	return out
}

func (c *collection) items(file string) []worker.Item {
	if i, ok := c.byName[file]; ok {
		return c.files[i].Items
	}
	return nil
}

// has reports whether the suite has the test.
func (c *collection) has(id worker.TestID) bool {
	if c.ids == nil {
		c.ids = map[worker.TestID]bool{}
		for _, f := range c.files {
			for _, it := range f.Items {
				c.ids[it.ID] = true
			}
		}
	}
	return c.ids[id]
}

// confirms reports whether a lazy session found in the file what this
// collection has there: the same tests, in the same order, with the same
// fingerprints and no value under another one's id. Which tests stay together
// only the whole suite says.
func (c *collection) confirms(file string, found []worker.Item) bool {
	known := c.items(file)
	same := func(a, b worker.Item) bool { return a.ID == b.ID && a.Print == b.Print }
	return slices.EqualFunc(found, known, same) && exchanged(known, found) == ""
}

// exchanged is the first of these tests whose value another one of them has in
// the other list, in which the same values are under the same ids in another
// order: what such an id names differs from process to process. Values that
// only differ, as a time does, are the same test's.
func exchanged(items, others []worker.Item) worker.TestID {
	var first worker.TestID
	var values, otherValues []string
	for j := range min(len(items), len(others)) {
		if items[j].ID == others[j].ID && items[j].Values != others[j].Values {
			values, otherValues = append(values, items[j].Values), append(otherValues, others[j].Values)
			first = cmp.Or(first, items[j].ID)
		}
	}
	slices.Sort(values)
	slices.Sort(otherValues)
	if !slices.Equal(values, otherValues) {
		return ""
	}
	return first
}

// exchanged is the same, of all files.
func (c *collection) exchanged(other *collection) worker.TestID {
	for _, f := range c.files {
		if id := exchanged(f.Items, other.items(f.File)); id != "" {
			return id
		}
	}
	return ""
}

// difference says in words where two collections differ first; "" when they do
// not.
func (c *collection) difference(other *collection) string {
	for i, f := range c.files {
		if i >= len(other.files) {
			return "it did not find " + f.File
		}
		if other.files[i].File != f.File {
			return fmt.Sprintf("%s where %s was expected", other.files[i].File, f.File)
		}
		if diff := differentItem(f.Items, other.files[i].Items); diff != "" {
			return diff
		}
	}
	if len(other.files) > len(c.files) {
		return fmt.Sprintf("it found %s besides", other.files[len(c.files)].File)
	}
	return ""
}

func differentItem(items, others []worker.Item) string {
	for j, it := range items {
		if j >= len(others) {
			return fmt.Sprintf("it did not find %s", it.ID)
		}
		if others[j].ID != it.ID {
			return fmt.Sprintf("%s where %s was expected", others[j].ID, it.ID)
		}
		if others[j].Print != it.Print {
			return fmt.Sprintf("other marks or fixtures of %s", it.ID)
		}
	}
	if len(others) > len(items) {
		return fmt.Sprintf("it found %s besides", others[len(items)].ID)
	}
	return ""
}
