package census

import (
	"strings"
	"testing"

	"github.com/shardyard/shardyard/worker"
)

func file(file string, ids ...worker.TestID) worker.Discovered {
	d := worker.Discovered{File: file}
	for _, id := range ids {
		d.Items = append(d.Items, worker.Item{ID: id})
	}
	return d
}

func collectionOf(files ...worker.Discovered) *collection {
	c := newCollection()
	for _, f := range files {
		c.add(f)
	}
	return c
}

func TestAListIsConfirmedItemByItem(t *testing.T) {
	valued := func(values ...string) worker.Discovered {
		d := file("v.py", "v::1", "v::2")
		d.Items[0].Values, d.Items[1].Values = values[0], values[1]
		return d
	}
	grouped := valued("x", "y")
	grouped.Items[0].Group = "g" // what stays together only the whole suite says
	c := collectionOf(file("a.py", "a::1", "a::2"), file("b.py", "b::1", "b::2"), grouped)
	marked := file("a.py", "a::1", "a::2")
	marked.Items[1].Print = "another mark"
	for _, x := range []struct {
		found worker.Discovered
		want  bool
	}{
		{file("a.py", "a::1", "a::2"), true},
		{file("b.py", "b::2", "b::1"), false}, // the order counts
		{file("b.py", "b::1"), false},
		{file("c.py", "c::1"), false},
		{file("c.py"), true}, // nothing was found, and there is nothing
		{marked, false},
		{valued("x", "y"), true},
		{valued("x", "z"), true},  // a value that varies
		{valued("y", "x"), false}, // under another one's id
	} {
		if got := c.confirms(x.found.File, x.found.Items); got != x.want {
			t.Errorf("%+v is confirmed: %v, want %v", x.found, got, x.want)
		}
	}
}

func TestAFileThatComesTwiceIsOne(t *testing.T) {
	c := collectionOf(file("a.py", "a::1"), file("b.py", "b::1"), file("a.py", "a::doctest"))
	if len(c.files) != 2 || len(c.items("a.py")) != 2 {
		t.Errorf("%d files, %d tests in a.py; want 2 and 2", len(c.files), len(c.items("a.py")))
	}
	var order []string
	for _, f := range c.inOrder() {
		order = append(order, f.File)
		for _, it := range f.Items {
			order = append(order, string(it.ID))
		}
	}
	if got, want := strings.Join(order, " "), "a.py a::1 b.py b::1 a.py a::doctest"; got != want {
		t.Errorf("in order it is %s, want %s", got, want)
	}
}

func TestDifferenceNamesTheFirstOne(t *testing.T) {
	a := collectionOf(file("a.py", "a::1", "a::2"), file("b.py", "b::1"))
	for _, c := range []struct {
		other *collection
		want  string
	}{
		{collectionOf(file("a.py", "a::1", "a::2"), file("b.py", "b::1")), ""},
		{collectionOf(file("a.py", "a::1", "a::3"), file("b.py", "b::1")), "a::3 where a::2 was expected"},
		{collectionOf(file("a.py", "a::1"), file("b.py", "b::1")), "did not find a::2"},
		{collectionOf(file("a.py", "a::1", "a::2", "a::4"), file("b.py", "b::1")), "found a::4 besides"},
		{collectionOf(file("a.py", "a::1", "a::2")), "did not find b.py"},
		{collectionOf(file("a.py", "a::1", "a::2"), file("c.py", "c::1")), "c.py where b.py was expected"},
		{collectionOf(file("a.py", "a::1", "a::2"), file("b.py", "b::1"), file("c.py", "c::1")), "found c.py besides"},
	} {
		if got := a.difference(c.other); got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("difference is %q, want %q", got, c.want)
		}
	}
}
