package orchestrator

import (
	"strings"
	"testing"

	"github.com/shardyard/shardyard/worker"
)

func list(file string, ids ...worker.TestID) worker.Discovered {
	d := worker.Discovered{File: file}
	for _, id := range ids {
		d.Items = append(d.Items, worker.Item{ID: id})
	}
	return d
}

func full(files ...worker.Discovered) *collection {
	c := newCollection()
	for _, f := range files {
		c.add(f)
	}
	return c
}

func TestALazyListIsHeldAgainstTheFullOne(t *testing.T) {
	var c confirmation
	early, wrong := &member{id: 2}, &member{id: 3}
	for m, d := range map[*member]worker.Discovered{
		early: list("a.py", "a::1", "a::2"),
		wrong: list("b.py", "b::2", "b::1"), // the order counts
	} {
		if !c.claim(m, d) {
			t.Errorf("%s was refuted before the full collection was known", m.name())
		}
	}
	refuted := c.settle(full(list("a.py", "a::1", "a::2"), list("b.py", "b::1", "b::2")))
	if len(refuted) != 1 || refuted[0].by != wrong || refuted[0].file != "b.py" {
		t.Errorf("refuted %+v, want only worker-3 in b.py", refuted)
	}
	if !c.claim(early, list("b.py", "b::1", "b::2")) {
		t.Error("an equal list was refuted")
	}
	if c.claim(early, list("c.py", "c::1")) {
		t.Error("a file that the full collection does not have was believed")
	}
	marked := list("a.py", "a::1", "a::2")
	marked.Items[1].Print = "another mark"
	if c.claim(early, marked) {
		t.Error("a list with another mark was believed")
	}
}

func TestAFileThatComesTwiceIsOne(t *testing.T) {
	c := full(list("a.py", "a::1"), list("b.py", "b::1"), list("a.py", "a::doctest"))
	if len(c.files) != 2 || len(c.items("a.py")) != 2 {
		t.Errorf("%d files, %d tests in a.py; want 2 and 2", len(c.files), len(c.items("a.py")))
	}
}

func TestDifferenceNamesTheFirstOne(t *testing.T) {
	a := full(list("a.py", "a::1", "a::2"), list("b.py", "b::1"))
	for _, c := range []struct {
		other *collection
		want  string
	}{
		{full(list("a.py", "a::1", "a::2"), list("b.py", "b::1")), ""},
		{full(list("a.py", "a::1", "a::3"), list("b.py", "b::1")), "a::3 where a::2 was expected"},
		{full(list("a.py", "a::1"), list("b.py", "b::1")), "did not find a::2"},
		{full(list("a.py", "a::1", "a::2", "a::4"), list("b.py", "b::1")), "found a::4 besides"},
		{full(list("a.py", "a::1", "a::2")), "did not find b.py"},
		{full(list("a.py", "a::1", "a::2"), list("c.py", "c::1")), "c.py where b.py was expected"},
		{full(list("a.py", "a::1", "a::2"), list("b.py", "b::1"), list("c.py", "c::1")), "found c.py besides"},
	} {
		if got := a.difference(c.other); got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("difference is %q, want %q", got, c.want)
		}
	}
}
