package plan

import (
	"cmp"
	"slices"
	"sort"
)

const (
	maxSteps = 400     // moves and swaps
	maxTries = 1 << 18 // exchanges looked at
	partners = 24      // least loaded workers that an exchange is sought with
)

// improve moves and swaps pieces out of the fullest worker while that shortens
// the plan and the plan is not within a thousandth of the lower bound.
func (k *packing) improve() {
	good := k.s.bound.Time + k.s.bound.Time/1000
	tries := maxTries
	for range maxSteps {
		a := fullest(k.load)
		if k.load[a] <= int64(good) || tries <= 0 {
			return
		}
		x := k.best(a, &tries)
		if x.worker < 0 {
			return
		}
		k.apply(a, x)
	}
}

// An exchange moves the piece at place out of the fullest worker to another
// one, and the piece at place back the other way if that is not negative.
type exchange struct{ worker, out, back int }

// best finds the exchange after which the larger of both loads is least. With
// each partner it looks, for each piece, at the move and at the two swaps that
// come nearest to equal loads.
func (k *packing) best(a int, tries *int) exchange {
	best, least := exchange{worker: -1}, k.load[a]
	try := func(x exchange) {
		*tries--
		if m := k.after(a, x); m < least {
			best, least = x, m
		}
	}
	for _, b := range k.idlest(a) {
		places := k.byWeight(b)
		gap := k.load[a] - k.load[b]
		for out, i := range k.held[a] {
			if *tries < 0 {
				return best
			}
			try(exchange{b, out, -1})
			want := k.pieces[i].weight - gap/2
			at := sort.Search(len(places), func(p int) bool { return k.pieces[k.held[b][places[p]]].weight >= want })
			for p := max(at-1, 0); p <= at && p < len(places); p++ {
				try(exchange{b, out, places[p]})
			}
		}
	}
	return best
}

// byWeight returns the places of the worker's pieces, the lightest first.
func (k *packing) byWeight(w int) []int {
	places := make([]int, len(k.held[w]))
	for p := range places {
		places[p] = p
	}
	slices.SortFunc(places, func(a, b int) int {
		return cmp.Or(cmp.Compare(k.pieces[k.held[w][a]].weight, k.pieces[k.held[w][b]].weight), cmp.Compare(k.held[w][a], k.held[w][b]))
	})
	return places
}

// after returns the larger of both loads once x is done.
func (k *packing) after(a int, x exchange) int64 {
	b := x.worker
	out := k.held[a][x.out]
	if x.back >= 0 && k.pieces[out].block == k.pieces[k.held[b][x.back]].block { // the file stays open at both
		d := k.pieces[out].weight - k.pieces[k.held[b][x.back]].weight
		return max(k.load[a]-k.s.scale(d, k.s.speed(a)), k.load[b]+k.s.scale(d, k.s.speed(b)))
	}
	la := k.load[a] - k.freed(out, a)
	lb := k.load[b] + k.cost(out, b)
	if x.back >= 0 {
		back := k.held[b][x.back]
		la += k.cost(back, a)
		lb -= k.freed(back, b)
	}
	return max(la, lb)
}

// freed returns what worker w saves without piece i.
func (k *packing) freed(i int32, w int) int64 {
	d := k.pieces[i].weight
	if k.s.affine {
		for _, f := range k.files(i) {
			if c := k.s.fixtures[f]; c > 0 && k.opened[holding{f, int32(w)}] == 1 {
				d += c
			}
		}
	}
	return k.s.scale(d, k.s.speed(w))
}

func (k *packing) apply(a int, x exchange) {
	out := k.held[a][x.out]
	k.drop(x.out, a)
	if x.back >= 0 {
		back := k.held[x.worker][x.back]
		k.drop(x.back, x.worker)
		k.add(back, a)
	}
	k.add(out, x.worker)
}

func fullest(load []int64) int {
	w := 0
	for i, l := range load {
		if l > load[w] {
			w = i
		}
	}
	return w
}

// idlest returns the least loaded workers other than a.
func (k *packing) idlest(a int) []int {
	ws := make([]int, 0, len(k.load))
	for w := range k.load {
		if w != a {
			ws = append(ws, w)
		}
	}
	slices.SortFunc(ws, func(a, b int) int { return cmp.Or(cmp.Compare(k.load[a], k.load[b]), cmp.Compare(a, b)) })
	return ws[:min(partners, len(ws))]
}
