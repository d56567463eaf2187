package simulate

import (
	"slices"
	"time"
)

// node is an xdist worker. It runs a test only when it knows the next one, or
// that there is none: pytest is told both (xdist/remote.py, run_one_test).
type node struct {
	*machine
	pending []int // tests sent and not finished; the first may be running
	running bool
	down    bool // shut down: no more will come
}

// xdist is what its schedulers share.
type xdist struct {
	clock clock
	suite *Suite
	nodes []*node
	end   time.Duration
	// finished is called when a node has finished a test, which took so long.
	finished func(n *node, test int, took time.Duration)
}

func newXdist(s *Suite, w *World) *xdist {
	x := &xdist{suite: s}
	for _, m := range machines(w) {
		x.nodes = append(x.nodes, &node{machine: m})
	}
	return x
}

func (x *xdist) run() Result {
	x.clock.run()
	ms := make([]*machine, len(x.nodes))
	for i, n := range x.nodes {
		ms[i] = n.machine
		if len(n.pending) > 0 {
			panic("simulate: xdist left tests behind")
		}
	}
	return result(ms, x.end)
}

func (x *xdist) send(n *node, tests []int) {
	n.pending = append(n.pending, tests...)
	x.begin(n)
}

func (x *xdist) shutdown(n *node) {
	n.down = true
	x.begin(n)
}

func (x *xdist) begin(n *node) {
	if n.running || len(n.pending) == 0 || len(n.pending) == 1 && !n.down {
		return
	}
	n.running = true
	test := n.pending[0]
	took, _ := n.run(x.suite, test)
	x.clock.after(took, func() {
		n.running = false
		n.pending = n.pending[1:]
		x.end = max(x.end, x.clock.now)
		x.finished(n, test, took)
		x.begin(n)
	})
}

func count(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// Load is pytest-xdist's --dist load, its default with -n: chunks of
// consecutive tests, a quarter of each node's share at first, refilled to half
// of what is left per node.
// pytest-xdist 3.8.0, xdist/scheduler/load.py, LoadScheduling.
var Load = Policy{"xdist load", "github.com/pytest-dev/pytest-xdist 3.8.0, LoadScheduling", func(s Suite, w World) Result {
	x := newXdist(&s, &w)
	queue := count(len(s.Tests))
	send := func(n *node, num int) {
		num = min(max(num, 0), len(queue))
		tests := queue[:num]
		queue = queue[num:]
		x.send(n, tests)
	}
	x.finished = func(n *node, _ int, took time.Duration) {
		if n.down {
			return
		}
		if len(queue) == 0 {
			x.shutdown(n)
			return
		}
		low := max(2, len(queue)/len(x.nodes)/4)
		high := max(2, len(queue)/len(x.nodes)/2)
		if len(n.pending) < low {
			if took >= 100*time.Millisecond && len(n.pending) >= 2 {
				return
			}
			send(n, high-len(n.pending))
		}
	}
	if len(queue) < 2*len(x.nodes) {
		for i := range s.Tests {
			send(x.nodes[i%len(x.nodes)], 1)
		}
	} else {
		for _, n := range x.nodes {
			send(n, max(len(s.Tests)/len(x.nodes)/4, 2))
		}
	}
	if len(queue) == 0 {
		for _, n := range x.nodes {
			x.shutdown(n)
		}
	}
	return x.run()
}}

// LoadFile is pytest-xdist's --dist loadfile: whole files, those with the most
// tests first, a further one when at most two tests are left.
// pytest-xdist 3.8.0, xdist/scheduler/loadscope.py and loadfile.py.
var LoadFile = Policy{"xdist loadfile", "github.com/pytest-dev/pytest-xdist 3.8.0, LoadFileScheduling", func(s Suite, w World) Result {
	x := newXdist(&s, &w)
	var files [][]int
	number := map[string]int{}
	for i := range s.Tests {
		n, ok := number[s.Tests[i].File]
		if !ok {
			n = len(files)
			number[s.Tests[i].File] = n
			files = append(files, nil)
		}
		files[n] = append(files[n], i)
	}
	slices.SortStableFunc(files, func(a, b []int) int { return len(b) - len(a) })
	assign := func(n *node) {
		f := files[0]
		files = files[1:]
		x.send(n, f)
	}
	reschedule := func(n *node) {
		switch {
		case n.down:
		case len(files) == 0:
			x.shutdown(n)
		case len(n.pending) <= 2:
			assign(n)
		}
	}
	x.finished = func(n *node, _ int, _ time.Duration) { reschedule(n) }
	up := x.nodes
	for len(up) > len(files) {
		x.shutdown(up[len(up)-1])
		up = up[:len(up)-1]
	}
	for _, n := range up {
		assign(n)
	}
	for _, n := range up {
		reschedule(n)
	}
	if len(files) == 0 {
		for _, n := range up {
			x.shutdown(n)
		}
	}
	return x.run()
}}

// WorkSteal is pytest-xdist's --dist worksteal: equal shares of consecutive
// tests; a node with less than two left takes the second half of the longest
// queue, by the number of tests.
// pytest-xdist 3.8.0, xdist/scheduler/worksteal.py, WorkStealingScheduling.
var WorkSteal = Policy{"xdist worksteal", "github.com/pytest-dev/pytest-xdist 3.8.0, WorkStealingScheduling", func(s Suite, w World) Result {
	const minPending = 2
	x := newXdist(&s, &w)
	queue := count(len(s.Tests))
	stealing := false
	var schedule func()
	idle := func() []*node {
		var out []*node
		for _, n := range x.nodes {
			if !n.down && len(n.pending) < minPending {
				out = append(out, n)
			}
		}
		return out
	}
	steal := func(from *node, num int) {
		stealing = true
		x.clock.after(w.Latency, func() {
			stealing = false
			// All of them, or none when the node has taken some for itself
			// meanwhile (xdist/remote.py, steal).
			cut := len(from.pending) - num
			if cut < minPending {
				cut = len(from.pending)
			}
			queue = append(queue, from.pending[cut:]...)
			from.pending = slices.Clone(from.pending[:cut])
			schedule()
		})
	}
	schedule = func() {
		free := idle()
		if len(free) == 0 {
			return
		}
		if len(queue) > 0 {
			for i, n := range free {
				num := len(queue) / (len(free) - i)
				tests := queue[:num]
				queue = queue[num:]
				x.send(n, tests)
			}
			if free = idle(); len(free) == 0 {
				return
			}
		}
		if stealing {
			return
		}
		var from *node
		for _, n := range x.nodes {
			if !n.down && (from == nil || len(n.pending) > len(from.pending)) {
				from = n
			}
		}
		num := 0
		if from != nil {
			num = min(len(from.pending)/2, max(0, len(from.pending)-minPending))
		}
		if num == 0 {
			for _, n := range free {
				x.shutdown(n)
			}
			return
		}
		steal(from, num)
	}
	x.finished = func(*node, int, time.Duration) { schedule() }
	schedule()
	return x.run()
}}

// Peers are the other tools' policies.
var Peers = []Policy{Chunks, LeastDuration, LongestFiles, Load, LoadFile, WorkSteal, RoundRobin}
