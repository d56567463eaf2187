package simulate_test

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/simulate"
)

// ratio is the geometric mean of makespan by bound.
func ratio(p simulate.Policy, suites []simulate.Suite, world func(simulate.Suite) simulate.World) float64 {
	logs := 0.0
	for _, s := range suites {
		w := world(s)
		logs += math.Log(float64(p.Run(s, w).Makespan) / float64(simulate.Bound(s, w)))
	}
	return math.Exp(logs / float64(len(suites)))
}

func exact(tb testing.TB) []simulate.Suite {
	var out []simulate.Suite
	for _, name := range names {
		out = append(out, simulate.Known(name, recorded(tb, name)))
	}
	return out
}

func TestExpensiveFilesAreNotOpenedTooOften(t *testing.T) {
	suites := exact(t)
	for _, n := range []int{8, 64} {
		got := ratio(simulate.Ours, suites, func(s simulate.Suite) simulate.World {
			w := simulate.World{Workers: n, Fixtures: map[string]time.Duration{}}
			for _, test := range s.Tests {
				w.Fixtures[test.File] = 2 * time.Second
			}
			return w
		})
		if got > 1.05 {
			t.Errorf("%d workers, files that cost 2 s: %.3f of the bound, want at most 1.05", n, got)
		}
	}
}

func TestASlowWorkerThatIsKnownGetsLess(t *testing.T) {
	suites := exact(t)
	for _, n := range []int{2, 8, 64} {
		got := ratio(simulate.Ours, suites, func(simulate.Suite) simulate.World {
			return simulate.World{Workers: n, Speeds: []float64{0.5}, SpeedsKnown: true}
		})
		if got > 1.01 {
			t.Errorf("%d workers, one of half the speed: %.3f of the bound, want at most 1.01", n, got)
		}
	}
}

// hypha's history is left out here: its duration files come from parallel jobs
// whose session fixture of a minute is booked on whatever test came first, so
// that even perfect knowledge is far from the bound. The published tables have
// it, beside perfect knowledge.
func TestReplayStaysNearTheBound(t *testing.T) {
	var replays []simulate.Suite
	for _, h := range corpus(t) {
		if h.Name != "hypha" {
			replays = append(replays, h.Replays()...)
		}
	}
	for n, want := range map[int]float64{8: 1.02, 64: 1.05} {
		got := ratio(simulate.Ours, replays, func(simulate.Suite) simulate.World { return simulate.World{Workers: n} })
		if got > want {
			t.Errorf("replay on %d workers: %.3f of the bound, want at most %.2f", n, got, want)
		}
	}
}

func TestTheWorldIsReproducible(t *testing.T) {
	s := simulate.Known("hypha", recorded(t, "hypha"))
	w := simulate.World{Workers: 7, Latency: time.Millisecond}
	a, b := simulate.Ours.Run(s, w), simulate.Ours.Run(s, w)
	if a.Makespan != b.Makespan || a.Opened != b.Opened {
		t.Errorf("two simulations of the same differ: %v and %v", a.Makespan, b.Makespan)
	}
}

func TestTenThousandWorkers(t *testing.T) {
	s := simulate.Known("onegov", recorded(t, "onegov"))
	w := simulate.World{Workers: 10_000}
	for _, o := range simulate.Compare(s, w, append([]simulate.Policy{simulate.Ours}, simulate.Peers...)) {
		if o.Makespan < o.Bound || o.Balance > 1 {
			t.Errorf("%s: makespan %s below the bound %s, or balance %.2f above 1", o.Policy, o.Makespan, o.Bound, o.Balance)
		}
	}
}

// BenchmarkSchedule prints the published tables, to the file that TABLES names
// or to stdout.
func BenchmarkSchedule(b *testing.B) {
	out := os.Stdout
	if name := os.Getenv("TABLES"); name != "" {
		f, err := os.Create(name)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		out = f
	}
	for b.Loop() {
		for _, sc := range simulate.Scenarios(corpus(b), 1) {
			if _, err := out.WriteString(sc.Run([]int{2, 4, 8, 16, 32, 64}).String() + "\n"); err != nil {
				b.Fatal(err)
			}
		}
		sources := "Where the rules come from:\n\n"
		for _, p := range append([]simulate.Policy{simulate.Ours}, simulate.Peers...) {
			sources += "- " + p.Name + ": " + p.Source + "\n"
		}
		if _, err := out.WriteString(sources); err != nil {
			b.Fatal(err)
		}
	}
}
