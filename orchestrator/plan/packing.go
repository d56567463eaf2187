package plan

import (
	"cmp"
	"container/heap"
	"slices"
	"sort"
)

// A piece is a block, or a part of one that was cut.
type piece struct {
	block    int
	from, to int
	weight   int64 // estimates, without fixtures
}

// packing is pieces on workers.
type packing struct {
	s      *suite
	pieces []piece
	held   [][]int32 // by worker: its pieces
	load   []int64   // by worker, in its own time
	// opened counts, for each file with a fixture cost, the pieces of it that
	// a worker holds.
	opened map[holding]int32
}

type holding struct{ file, worker int32 }

func (k *packing) makespan() int64 { return slices.Max(k.load) }

// pack cuts to the grain and packs.
func (s *suite) pack(grain float64) *packing {
	k := &packing{
		s:      s,
		pieces: s.cut(grain),
		held:   make([][]int32, s.workers),
		load:   slices.Clone(s.loads),
		opened: map[holding]int32{},
	}
	k.longestFirst()
	k.improve()
	return k
}

// cut cuts the blocks that may be heavier than the grain into nearly equal parts,
// in the suite's order. It weighs by keys, in which unknown tests count as long
// ones, so that those that are long do not end up side by side.
func (s *suite) cut(grain float64) []piece {
	mean := grain * float64(s.sum) / float64(s.workers)
	pieces := make([]piece, 0, len(s.blocks))
	for i := range s.blocks {
		b := &s.blocks[i]
		weight := s.keys[b.to] - s.keys[b.from]
		parts := 1
		if !b.whole {
			limit := max(mean, 4*float64(s.fixtures[b.files[0]]), 1)
			parts = min(int(float64(weight)/limit)+1, b.to-b.from)
		}
		from := b.from
		for part := 1; part <= parts && from < b.to; part++ {
			to := b.to
			if part < parts {
				to = s.nearest(from, b.to, s.keys[b.from]+weight*int64(part)/int64(parts))
			}
			if to == from {
				continue
			}
			pieces = append(pieces, piece{block: i, from: from, to: to, weight: s.prefix[to] - s.prefix[from]})
			from = to
		}
	}
	return pieces
}

// nearest returns the place in from..to where the sum of times is nearest to at.
func (s *suite) nearest(from, to int, at int64) int {
	i := from + sort.Search(to-from, func(i int) bool { return s.keys[from+i] >= at })
	if i > from && at-s.keys[i-1] <= s.keys[i]-at {
		i--
	}
	return i
}

// longestFirst takes the pieces from the longest to the shortest, and gives each
// one to the worker that would be done with it first.
func (k *packing) longestFirst() {
	order := make([]int32, len(k.pieces))
	full := make([]int64, len(k.pieces))
	for i := range order {
		order[i] = int32(i)
		full[i] = k.pieces[i].weight
		for _, f := range k.files(int32(i)) {
			full[i] += k.s.fixtures[f]
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(full[b], full[a]), cmp.Compare(a, b))
	})
	fleet := newFleet(k)
	holders := map[int][]int32{} // by block
	for _, i := range order {
		b := k.pieces[i].block
		best, end := -1, int64(0)
		try := func(w int) {
			if e := k.load[w] + k.cost(i, w); best < 0 || e < end || e == end && w < best {
				best, end = w, e
			}
		}
		for _, pool := range fleet {
			try(pool.workers[0])
		}
		if k.s.affine && !k.s.blocks[b].whole {
			for _, w := range holders[b] {
				try(int(w))
			}
			if !slices.Contains(holders[b], int32(best)) {
				holders[b] = append(holders[b], int32(best))
			}
		}
		k.add(i, best)
		fleet.fix(best)
	}
}

func (k *packing) files(i int32) []int32 { return k.s.blocks[k.pieces[i].block].files }

// cost returns the time that piece i takes at worker w as things stand.
func (k *packing) cost(i int32, w int) int64 {
	d := k.pieces[i].weight
	if k.s.affine {
		for _, f := range k.files(i) {
			if c := k.s.fixtures[f]; c > 0 && k.opened[holding{f, int32(w)}] == 0 {
				d += c
			}
		}
	}
	return k.s.scale(d, k.s.speed(w))
}

func (k *packing) add(i int32, w int) {
	k.load[w] += k.cost(i, w)
	k.held[w] = append(k.held[w], i)
	k.open(i, w, 1)
}

// drop takes the piece at index at of the worker's pieces away from it.
func (k *packing) drop(at, w int) {
	h := k.held[w]
	i := h[at]
	h[at] = h[len(h)-1]
	k.held[w] = h[:len(h)-1]
	k.open(i, w, -1)
	k.load[w] -= k.cost(i, w)
}

func (k *packing) open(i int32, w int, by int32) {
	if !k.s.affine {
		return
	}
	for _, f := range k.files(i) {
		if k.s.fixtures[f] > 0 {
			k.opened[holding{f, int32(w)}] += by
		}
	}
}

// fleet is the workers by speed; the first of each pool is its least loaded.
type fleet []*pool

type pool struct {
	k       *packing
	workers []int
	place   []int // by worker: where in workers; shared by all pools
}

func newFleet(k *packing) fleet {
	var f fleet
	bySpeed := map[float64]*pool{}
	place := make([]int, k.s.workers)
	for w := range k.s.workers {
		p := bySpeed[k.s.speed(w)]
		if p == nil {
			p = &pool{k: k, place: place}
			bySpeed[k.s.speed(w)] = p
			f = append(f, p)
		}
		place[w] = len(p.workers)
		p.workers = append(p.workers, w)
	}
	for _, p := range f {
		heap.Init(p)
	}
	return f
}

// fix restores the order after the load of w has grown.
func (f fleet) fix(w int) {
	for _, p := range f {
		if at := p.place[w]; at < len(p.workers) && p.workers[at] == w {
			heap.Fix(p, at)
			return
		}
	}
}

func (p *pool) Len() int { return len(p.workers) }
func (p *pool) Less(i, j int) bool {
	a, b := p.workers[i], p.workers[j]
	if p.k.load[a] != p.k.load[b] {
		return p.k.load[a] < p.k.load[b]
	}
	return a < b
}
func (p *pool) Swap(i, j int) {
	p.workers[i], p.workers[j] = p.workers[j], p.workers[i]
	p.place[p.workers[i]], p.place[p.workers[j]] = i, j
}
func (p *pool) Push(any) {}
func (p *pool) Pop() any { return nil }
