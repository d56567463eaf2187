package plan

import (
	"cmp"
	"path"
	"slices"
)

// suite is the input of a plan in the form that packing wants: the tests in
// blocks, each a stretch of one slice.
type suite struct {
	workers int
	speeds  []float64 // by worker; nil when all are 1
	loads   []int64   // by worker
	whole   bool      // no block can be cut

	tests  []Test
	prefix []int64 // prefix[i] is the time of tests[:i], ns
	keys   []int64 // keys[i] is the sum of the keys of tests[:i], ns
	blocks []block

	fixtures []int64 // by file number
	affine   bool    // some file has a fixture cost
	sum      int64   // estimates and each file's fixtures once
	unknown  int
	bound    Bound
}

// A block is what stays in one piece unless it is too heavy: a file, a
// directory, a group.
type block struct {
	from, to int
	whole    bool
	files    []int32
}

func newSuite(tests []Test, p Params) *suite {
	s := &suite{workers: max(p.Workers, 1)}
	s.speeds = speeds(p.Speeds, s.workers)
	s.loads = make([]int64, s.workers)
	for i := range min(len(p.Loads), s.workers) {
		s.loads[i] = int64(p.Loads[i])
	}
	s.arrange(sorted(tests), p)
	s.prefix = make([]int64, len(s.tests)+1)
	s.keys = s.prefix
	for i := range s.tests {
		s.prefix[i+1] = s.prefix[i] + int64(max(s.tests[i].Estimate, 0))
		if !s.tests[i].Known {
			s.unknown++
		}
	}
	if s.unknown > 0 { // only their keys differ
		s.keys = make([]int64, len(s.tests)+1)
		for i := range s.tests {
			s.keys[i+1] = s.keys[i] + int64(s.tests[i].key())
		}
	}
	s.sum = s.prefix[len(s.tests)]
	for _, f := range s.fixtures {
		s.sum += f
		s.affine = s.affine || f > 0
	}
	s.bound = s.lowerBound()
	return s
}

// speeds fills in the missing ones; nil when all are 1.
func speeds(given []float64, n int) []float64 {
	out := make([]float64, n)
	plain := true
	for i := range out {
		out[i] = 1
		if i < len(given) && given[i] > 0 {
			out[i] = given[i]
		}
		plain = plain && out[i] == 1
	}
	if plain {
		return nil
	}
	return out
}

// sorted returns the tests in the suite's order, without changing them.
func sorted(tests []Test) []Test {
	order := func(a, b *Test) int {
		if c := cmp.Compare(a.Index, b.Index); c != 0 {
			return c
		}
		return cmp.Compare(a.ID, b.ID)
	}
	inOrder := true
	for i := 1; i < len(tests) && inOrder; i++ {
		inOrder = order(&tests[i-1], &tests[i]) <= 0
	}
	if inOrder {
		return tests
	}
	refs := make([]*Test, len(tests))
	for i := range tests {
		refs[i] = &tests[i]
	}
	slices.SortFunc(refs, order)
	out := make([]Test, len(tests))
	for i, r := range refs {
		out[i] = *r
	}
	return out
}

// arrange numbers the blocks in the suite's order and lays their tests side by
// side.
func (s *suite) arrange(tests []Test, p Params) {
	of := number(tests, p.Split) // the block of each test
	s.tests = tests
	if !slices.IsSorted(of) {
		s.tests, of = gather(tests, of)
	}
	s.whole = true
	files := map[string]int32{}
	var stamp []int // by file: the last block that it was seen in, plus one
	last := int32(-1)
	for i := range s.tests {
		t := &s.tests[i]
		if i == 0 || of[i] != of[i-1] {
			whole := p.Split != ByTime || t.Group != ""
			s.blocks = append(s.blocks, block{from: i, whole: whole})
			s.whole = s.whole && whole
		}
		b := &s.blocks[len(s.blocks)-1]
		b.to = i + 1
		if i == 0 || t.File != s.tests[i-1].File {
			f, ok := files[t.File]
			if !ok {
				f = int32(len(files))
				files[t.File] = f
				stamp = append(stamp, 0)
				s.fixtures = append(s.fixtures, int64(max(p.Fixtures[t.File], 0)))
			}
			last = f
		}
		if stamp[last] != len(s.blocks) {
			stamp[last] = len(s.blocks)
			b.files = append(b.files, last)
		}
	}
}

// number returns the number of each test's block. Blocks are numbered in the order
// in which they first appear.
func number(tests []Test, split Split) []int32 {
	type name struct {
		group bool
		name  string
	}
	of := make([]int32, len(tests))
	numbers := map[name]int32{}
	var parent []int32 // a block that a group has united with an earlier one
	find := func(b int32) int32 {
		for parent[b] != b {
			b = parent[b]
		}
		return b
	}
	lookup := func(n name) int32 {
		b, ok := numbers[n]
		if !ok {
			b = int32(len(parent))
			numbers[n] = b
			parent = append(parent, b)
		}
		return b
	}
	united := false
	for i := range tests {
		t := &tests[i]
		if i > 0 && t.File == tests[i-1].File && t.Group == tests[i-1].Group && (t.File != "" || split == ByTime) {
			of[i] = of[i-1]
			continue
		}
		switch {
		case split == ByTime && t.Group != "":
			of[i] = lookup(name{true, t.Group})
			continue
		case split != ByTime && t.File == "": // a test of no file is a block of its own
			of[i] = lookup(name{false, "\x00" + string(t.ID)})
		case split == ByDirectory:
			of[i] = lookup(name{false, path.Dir(t.File)})
		default:
			of[i] = lookup(name{false, t.File})
		}
		if t.Group == "" {
			continue
		}
		a, b := find(of[i]), find(lookup(name{true, t.Group}))
		parent[max(a, b)] = min(a, b)
		united = true
	}
	if united {
		for i := range of {
			of[i] = find(of[i])
		}
	}
	return of
}

// gather sorts the tests by block, stably.
func gather(tests []Test, of []int32) ([]Test, []int32) {
	next := make([]int, slices.Max(of)+2)
	for _, b := range of {
		next[b+1]++
	}
	for b := range len(next) - 1 {
		next[b+1] += next[b]
	}
	outTests, outOf := make([]Test, len(tests)), make([]int32, len(of))
	for i, b := range of {
		outTests[next[b]], outOf[next[b]] = tests[i], b
		next[b]++
	}
	return outTests, outOf
}
