package simulate

import (
	"math"
	"math/rand/v2"
	"time"
)

// A Table is figures for policies by number of workers.
type Table struct {
	Name    string
	Workers []int
	Rows    []Row
}

// A Row is one policy's ratios of makespan to lower bound, geometric means over
// all suites, one for each number of workers.
type Row struct {
	Policy, Source string
	Ratios         []float64
	// Opened is the mean number of workers that open a file.
	Opened []float64
}

// A Scenario is a way to run suites.
type Scenario struct {
	Name   string
	Suites []Suite
	// World is what a suite runs on, with so many workers.
	World    func(s Suite, workers int) World
	Policies []Policy
}

// Run fills the scenario's table.
func (sc Scenario) Run(workers []int) Table {
	t := Table{Name: sc.Name, Workers: workers}
	for _, p := range sc.Policies {
		row := Row{Policy: p.Name, Source: p.Source}
		for _, n := range workers {
			logs, pairs, files := 0.0, 0, 0
			for _, s := range sc.Suites {
				w := sc.World(s, n)
				r := p.Run(s, w)
				logs += math.Log(float64(r.Makespan) / float64(Bound(s, w)))
				pairs += r.Opened
				files += fileCount(s)
			}
			row.Ratios = append(row.Ratios, math.Exp(logs/float64(len(sc.Suites))))
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

func plain(_ Suite, n int) World { return World{Workers: n} }

// fixtures is a world in which every file costs so much to open.
func fixtures(cost time.Duration) func(Suite, int) World {
	return func(s Suite, n int) World {
		w := World{Workers: n, Fixtures: map[string]time.Duration{}}
		for i := range s.Tests {
			w.Fixtures[s.Tests[i].File] = cost
		}
		return w
	}
}

// slow is a world whose first worker has half the speed.
func slow(told bool) func(Suite, int) World {
	return func(_ Suite, n int) World { return World{Workers: n, Speeds: []float64{0.5}, Told: told} }
}

// Scenarios are the comparisons that the project publishes, on these suites.
// The seed makes the noise.
func Scenarios(corpus []History, seed uint64) []Scenario {
	chance := rand.New(rand.NewPCG(seed, 1))
	var exact, replays, noisy, unknown []Suite
	for _, h := range corpus {
		s := Known(h.Name, h.Newest)
		exact = append(exact, s)
		replays = append(replays, h.Replays()...)
		for range 3 {
			noisy = append(noisy, Noisy(s, 0.3, chance))
			unknown = append(unknown, Forgetful(s, 0.2, chance))
		}
	}
	all := append([]Policy{Ours, OursAtomic, OursStatic}, Peers...)
	streams := append([]Policy{Ours, OursStatic}, Peers...)
	return []Scenario{
		{"static plan, times known", exact, plain, []Policy{OursStatic, Chunks, LeastDuration, LongestFiles, RoundRobin}},
		{"times known", exact, plain, all},
		{"replay of histories", replays, plain, all},
		{"noise of 30 %", noisy, plain, all},
		{"a fifth of the tests unknown", unknown, plain, all},
		{"a file costs 0.5 s to open", exact, fixtures(500 * time.Millisecond), streams},
		{"a file costs 2 s to open", exact, fixtures(2 * time.Second), streams},
		{"replay, a file costs 0.5 s to open", replays, fixtures(500 * time.Millisecond), streams},
		{"one worker of half the speed, known", exact, slow(true), streams},
		{"one worker of half the speed, unknown", exact, slow(false), streams},
	}
}
