package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// A Table is figures for policies by number of workers.
type Table struct {
	Name    string `json:"name"`
	Suites  int    `json:"suites"`
	Workers []int  `json:"workers"`
	Rows    []Row  `json:"rows"`
}

// A Row is one policy's figures, one for each number of workers.
type Row struct {
	Policy string `json:"policy"`
	Source string `json:"source"`
	// Ratios are makespan by lower bound, geometric means over the suites.
	Ratios []float64 `json:"ratios"`
	// Opened is the mean number of workers that open a file.
	Opened []float64 `json:"opened"`
}

// String returns the table in Markdown. The last column is for the largest number
// of workers.
func (t Table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s (%d suites)\n\n| makespan / lower bound | N=", t.Name, t.Suites)
	for _, n := range t.Workers {
		fmt.Fprintf(&b, "%d | ", n)
	}
	b.WriteString("workers per file |\n|---|" + strings.Repeat("---|", len(t.Workers)+1))
	for _, r := range t.Rows {
		name := r.Policy
		if strings.HasPrefix(name, "shardyard") {
			name = "**" + name + "**"
		}
		fmt.Fprintf(&b, "\n| %s |", name)
		for _, x := range r.Ratios {
			fmt.Fprintf(&b, " %.3f |", x)
		}
		if opened := r.Opened[len(r.Opened)-1]; opened > 0 {
			fmt.Fprintf(&b, " %.2f |", opened)
		} else {
			b.WriteString(" |")
		}
	}
	b.WriteString("\n")
	return b.String()
}

// A Scenario is a way to run suites.
type Scenario struct {
	Name   string
	Suites []Suite
	// Worlds returns the worlds that a suite runs on, with so many workers; the
	// figures are means over all of them.
	Worlds   func(s Suite, workers int) []World
	Policies []Policy
}

// Run fills the scenario's table.
func (sc Scenario) Run(workers []int) Table {
	t := Table{Name: sc.Name, Suites: len(sc.Suites), Workers: workers}
	for _, p := range sc.Policies {
		row := Row{Policy: p.Name, Source: p.Source}
		for _, n := range workers {
			logs, runs, pairs, files := 0.0, 0, 0, 0
			for _, s := range sc.Suites {
				for _, w := range sc.Worlds(s, n) {
					r := p.Run(s, w)
					logs += math.Log(float64(r.Makespan) / float64(Bound(s, w)))
					runs++
					pairs += r.Opened
					files += fileCount(s)
				}
			}
			row.Ratios = append(row.Ratios, math.Exp(logs/float64(runs)))
			row.Opened = append(row.Opened, float64(pairs)/float64(files))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func fileCount(s Suite) int {
	seen := map[string]bool{}
	for i := range s.Tests {
		seen[s.Tests[i].File] = true
	}
	return len(seen)
}

func plain(_ Suite, n int) []World { return []World{{Workers: n}} }

// fixtures returns a world in which every file costs so much to open.
func fixtures(cost time.Duration) func(Suite, int) []World {
	return func(s Suite, n int) []World {
		w := World{Workers: n, Fixtures: map[string]time.Duration{}}
		for i := range s.Tests {
			w.Fixtures[s.Tests[i].File] = cost
		}
		return []World{w}
	}
}

// slow are worlds in which one worker has half the speed: the first, one of the
// middle, the last. A schedule that gives the longest test to the first worker
// would else look worse, and one that gives it to the last better, than it is.
func slow(known bool) func(Suite, int) []World {
	return func(_ Suite, n int) []World {
		var worlds []World
		for _, at := range slices.Compact([]int{0, n / 3, 2 * n / 3, n - 1}) {
			w := World{Workers: n, Speeds: make([]float64, n), SpeedsKnown: known}
			w.Speeds[at] = 0.5
			worlds = append(worlds, w)
		}
		return worlds
	}
}

// batches returns a world in which a process for a batch costs so much.
func batches(cost time.Duration) func(Suite, int) []World {
	return func(_ Suite, n int) []World { return []World{{Workers: n, Batch: cost}} }
}

// Scenarios returns the comparisons that the project publishes, on these suites.
// The seed makes the noise.
func Scenarios(corpus []History, seed uint64) []Scenario {
	chance := rand.New(rand.NewPCG(seed, 1))
	var exact, replays, noisy, unknown []Suite
	streams := append([]Policy{Ours, OursStatic}, Peers...)
	all := append([]Policy{Ours, OursAtomic, OursStatic}, Peers...)
	past := append([]Policy{Attainable, Clairvoyant}, all...)
	var single []Scenario
	for _, h := range corpus {
		s := Known(h.Name, h.Newest)
		exact = append(exact, s)
		if r := h.Replays(); len(r) > 0 {
			replays = append(replays, r...)
			single = append(single, Scenario{"replay of " + h.Name, r, plain, past})
		}
		for range 3 {
			noisy = append(noisy, Noisy(s, 0.3, chance))
			unknown = append(unknown, Forgetful(s, 0.2, chance))
		}
	}
	out := []Scenario{
		{"static plan, times known", exact, plain, []Policy{OursStatic, Chunks, LeastDuration, LongestFiles, RoundRobin}},
		{"times known", exact, plain, all},
		{"replay of all histories", replays, plain, past},
	}
	out = append(out, single...)
	return append(out,
		Scenario{"noise of 30 %", noisy, plain, all},
		Scenario{"a fifth of the tests unknown", unknown, plain, all},
		Scenario{"a file costs 0.5 s to open", exact, fixtures(500 * time.Millisecond), streams},
		Scenario{"a file costs 2 s to open", exact, fixtures(2 * time.Second), streams},
		Scenario{"replay, a file costs 0.5 s to open", replays, fixtures(500 * time.Millisecond), streams},
		Scenario{"a batch costs 1 s", exact, batches(time.Second), []Policy{OursAtomic}},
		Scenario{"one worker of half the speed, known", exact, slow(true), streams},
		Scenario{"one worker of half the speed, unknown", exact, slow(false), streams},
	)
}
