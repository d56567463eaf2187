package simulate

import (
	"cmp"
	"slices"
	"time"
)

// fixed returns a policy that deals the tests out before the run: deal returns
// each worker's tests in the order in which they run.
func fixed(name, source string, deal func(s Suite, workers int) [][]int) Policy {
	return Policy{name, source, func(s Suite, w World) Result {
		ms := machines(&w)
		var end time.Duration
		for i, tests := range deal(s, w.Workers) {
			for _, t := range tests {
				ms[i].run(&s, t)
			}
			end = max(end, ms[i].busy)
		}
		return result(ms, end)
	}}
}

// known returns the times that pytest-split works with: the last ones, and for a
// test without one the mean of those that have one, or a second when none has.
// pytest-split 0.10.0, algorithms.py, _get_items_with_durations.
func known(s Suite) []time.Duration {
	var sum time.Duration
	n := 0
	for _, d := range s.Last {
		if d >= 0 {
			sum += d
			n++
		}
	}
	mean := time.Second
	if n > 0 {
		mean = sum / time.Duration(n)
	}
	out := slices.Clone(s.Last)
	for i, d := range out {
		if d < 0 {
			out[i] = mean
		}
	}
	return out
}

// Chunks is pytest-split's default: the suite's order is cut where a group has
// reached the mean, so that the last group gets what is left.
// pytest-split 0.10.0, algorithms.py, DurationBasedChunksAlgorithm.
var Chunks = fixed("pytest-split chunks", "github.com/jerry-git/pytest-split 0.10.0, DurationBasedChunksAlgorithm",
	func(s Suite, workers int) [][]int {
		times := known(s)
		var sum time.Duration
		for _, d := range times {
			sum += d
		}
		mean := float64(sum) / float64(workers)
		out := make([][]int, workers)
		g, load := 0, time.Duration(0)
		for i, d := range times {
			if float64(load) >= mean && g < workers-1 {
				g, load = g+1, 0
			}
			out[g] = append(out[g], i)
			load += d
		}
		return out
	})

// LeastDuration is pytest-split's other algorithm: the longest test to the
// group with the least sum; a group runs in the suite's order.
// pytest-split 0.10.0, algorithms.py, LeastDurationAlgorithm.
var LeastDuration = fixed("pytest-split least_duration", "github.com/jerry-git/pytest-split 0.10.0, LeastDurationAlgorithm",
	func(s Suite, workers int) [][]int {
		times := known(s)
		order := make([]int, len(times))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int {
			return cmp.Or(cmp.Compare(times[b], times[a]), cmp.Compare(s.Tests[a].ID, s.Tests[b].ID))
		})
		out := make([][]int, workers)
		load := make([]time.Duration, workers)
		for _, i := range order {
			g := least(load)
			out[g] = append(out[g], i)
			load[g] += times[i]
		}
		for _, o := range out {
			slices.Sort(o)
		}
		return out
	})

func least(load []time.Duration) int {
	g := 0
	for i, l := range load {
		if l < load[g] {
			g = i
		}
	}
	return g
}

// LongestFiles is longest processing time first over whole files: what
// Knapsack does for spec files (Knapsack::Distributors::ReportDistributor), and
// gotestsum ci-matrix for Go packages (cmd/tool/matrix, bucketPackages). A file
// without a time gets the mean of the others.
var LongestFiles = fixed("LPT by file", "github.com/KnapsackPro/knapsack, github.com/gotestyourself/gotestsum tool ci-matrix",
	func(s Suite, workers int) [][]int {
		times := known(s)
		var files [][]int
		var sums []time.Duration
		number := map[string]int{}
		for i := range s.Tests {
			n, ok := number[s.Tests[i].File]
			if !ok {
				n = len(files)
				number[s.Tests[i].File] = n
				files, sums = append(files, nil), append(sums, 0)
			}
			files[n] = append(files[n], i)
			sums[n] += times[i]
		}
		order := make([]int, len(files))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sums[b], sums[a]) })
		out := make([][]int, workers)
		load := make([]time.Duration, workers)
		for _, f := range order {
			g := least(load)
			out[g] = append(out[g], files[f]...)
			load[g] += sums[f]
		}
		return out
	})

// RoundRobin deals the tests out one by one, as tools do that know no times
// (Playwright's and Jest's shards by count are of this kind).
var RoundRobin = fixed("round-robin", "test i to worker i modulo N",
	func(s Suite, workers int) [][]int {
		out := make([][]int, workers)
		for i := range s.Tests {
			out[i%workers] = append(out[i%workers], i)
		}
		return out
	})
